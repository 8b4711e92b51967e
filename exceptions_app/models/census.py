"""A census: what a plant's own past says about its exceptions. Apart from the signals and records people work on.

The entries' words may be deleted once the figures are taken; the figures stay.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models import Site


class CensusStatus(models.TextChoices):
    """How far a census got."""

    DRAFT = "draft", "Files are being added"
    WAITING = "waiting", "Waiting to be read"
    READING = "reading", "Being read"
    DONE = "done", "Counted"
    FAILED = "failed", "Could not be read"


class CensusKind(models.TextChoices):
    """What a file is."""

    CHAT = "chat", "WhatsApp chat"
    MAIL = "mail", "Mailbox (mbox)"
    TABLE = "table", "List (CSV, XLSX)"


class Census(models.Model):
    """One count of a site's past. `figures` is the Pareto; `typical` minutes per event where nothing was measured."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="censuses")
    name = models.CharField(max_length=80)
    status = models.CharField(max_length=8, choices=CensusStatus.choices, default=CensusStatus.DRAFT)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="censuses"
    )
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    read = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    typical = models.JSONField(default=dict, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    words_deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name_plural = "censuses"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=CensusStatus.values), name="census_status_known")
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status__in=("waiting", "reading")), name="census_due")
        ]

    def __str__(self) -> str:
        return self.name


def census_path(file: "CensusFile", filename: str) -> str:
    """Where an imported file waits; nothing in that folder is ever served."""
    return f"incoming/census/{uuid.uuid4().hex}"


class CensusFile(models.Model):
    """One imported file. `columns` is role -> column of a list; `parsed` says that its entries are rows now."""

    census = models.ForeignKey(Census, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=150)
    kind = models.CharField(max_length=5, choices=CensusKind.choices)
    file = models.FileField(upload_to=census_path, max_length=200)
    size = models.PositiveIntegerField(default=0)
    sha256 = models.CharField(max_length=64)
    columns = models.JSONField(default=dict, blank=True)
    parsed = models.BooleanField(default=False)
    entries = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(fields=["census", "sha256"], name="census_file_once"),
            models.CheckConstraint(condition=Q(kind__in=CensusKind.values), name="census_file_kind_known"),
        ]

    def __str__(self) -> str:
        return self.name


class CensusEntry(models.Model):
    """One line of the past and what was read in it. Never a signal: nothing is opened by it and nobody is told."""

    census = models.ForeignKey(Census, on_delete=models.CASCADE, related_name="entries")
    file = models.ForeignKey(CensusFile, on_delete=models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField()
    at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    minutes = models.FloatField(null=True, blank=True)
    sender = models.CharField(max_length=120, blank=True)
    thread = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    given = models.JSONField(default=dict, blank=True, help_text="answers the source gives by name")
    done = models.BooleanField(default=False)
    type_code = models.CharField(max_length=30, blank=True)
    intent = models.CharField(max_length=12, blank=True)
    confidence = models.FloatField(default=0)
    unsure = models.BooleanField(default=False)
    key = models.CharField(max_length=200, blank=True)
    unit = models.CharField(max_length=40, blank=True)
    words = models.CharField(max_length=120, blank=True)
    fields = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("census", "pk")
        verbose_name_plural = "census entries"
        indexes = [
            models.Index(fields=["census"], condition=Q(done=False), name="census_unread"),
            models.Index(fields=["census", "type_code", "-confidence"], name="census_by_type"),
        ]

    def __str__(self) -> str:
        return f"{self.census} line {self.line}"
