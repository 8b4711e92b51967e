"""What a comparison of the outbox with an ERP's documents found, and who looks after each difference.

Findings are made anew by every run; what people said of one is kept beside them, by what it is about.
"""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from core import clock
from erp_sync.models.connections import ErpConnection
from erp_sync.models.postings import Posting


class ReconciliationRun(models.Model):
    """One comparison of a connection's documents since a moment with the outbox."""

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="reconciliations")
    since = models.DateTimeField()
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    postings = models.PositiveIntegerField(default=0)
    documents = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.connection.code} {self.started_at:%Y-%m-%d %H:%M}"


class FindingKind(models.TextChoices):
    """How outbox and ERP differ."""

    MISSING_THERE = "missing_there", "Confirmed here, missing in ERP"
    UNKNOWN_HERE = "unknown_here", "In ERP under a key of ours, not settled or not known here"
    DIFFERING = "differing", "Differs"
    DOUBLED = "doubled", "More than one document under one key"


class FindingCare(models.Model):
    """A difference as people look after it, through all the runs that find it: whose it is, and what became of it.

    `ours` and `theirs` are the values as last found. One that was settled and is found with other values is open again.
    """

    connection = models.ForeignKey(ErpConnection, on_delete=models.CASCADE, related_name="finding_cares")
    kind = models.CharField(max_length=14, choices=FindingKind.choices)
    posting = models.ForeignKey(
        Posting, null=True, blank=True, on_delete=models.PROTECT, related_name="finding_cares"
    )
    business_key = models.CharField(max_length=40)
    erp_number = models.CharField(max_length=80, blank=True)
    ours = models.CharField(max_length=120, blank=True)
    theirs = models.CharField(max_length=120, blank=True)
    first_found_at = models.DateTimeField(default=clock.now)
    last_run = models.ForeignKey(
        ReconciliationRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="+",
        help_text="the latest that found it",
    )  # fmt: skip
    about_at = models.DateTimeField(
        default=clock.now, help_text="a later comparison that reaches back to here would find it again"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="who looks after it",
    )  # fmt: skip
    settled_at = models.DateTimeField(null=True, blank=True, help_text="looked at and explained")
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    remark = models.CharField(max_length=300, blank=True, help_text="what explains it")
    version = models.PositiveIntegerField(
        default=0, help_text="raised by every change; a stale save is refused"
    )

    class Meta:
        ordering = ("first_found_at", "pk")
        verbose_name = "comparison finding"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "kind", "business_key", "erp_number"], name="finding_care_once"
            ),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, settled_by__isnull=True, remark="")
                | (Q(settled_at__isnull=False, settled_by__isnull=False) & ~Q(remark="")),
                name="finding_settled_says_who_and_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.business_key}"

    @property
    def settled(self) -> bool:
        """Looked at and explained, with the values as last found."""
        return self.settled_at is not None


class FindingStep(models.Model):
    """One hand laid on a finding, or a run that found it otherwise than it was settled."""

    class Verb(models.TextChoices):
        ASSIGN = "assign", "Taken on"
        SETTLE = "settle", "Looked at and explained"
        REOPEN = "reopen", "Opened again"
        ANEW = "anew", "Sent anew"
        CHANGED = "changed", "Found with other values"

    care = models.ForeignKey(FindingCare, on_delete=models.CASCADE, related_name="steps")
    verb = models.CharField(max_length=12, choices=Verb.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="empty: a comparison",
    )  # fmt: skip
    at = models.DateTimeField(default=clock.now)
    remark = models.CharField(max_length=300, blank=True)
    before = models.JSONField(default=dict, encoder=DjangoJSONEncoder, help_text="changed fields only")
    after = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ("care", "pk")
        triggers: ClassVar = [pgtrigger.Protect(name="finding_step_fixed", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.care.business_key} {self.get_verb_display()}"


class ReconciliationFinding(models.Model):
    """One difference, as one run found it."""

    run = models.ForeignKey(ReconciliationRun, on_delete=models.CASCADE, related_name="findings")
    care = models.ForeignKey(FindingCare, on_delete=models.CASCADE, related_name="findings")
    kind = models.CharField(max_length=14, choices=FindingKind.choices)
    posting = models.ForeignKey(
        Posting, null=True, blank=True, on_delete=models.PROTECT, related_name="findings"
    )
    business_key = models.CharField(max_length=40)
    erp_number = models.CharField(max_length=80, blank=True)
    ours = models.CharField(max_length=120, blank=True)
    theirs = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ("run", "kind", "business_key")

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.business_key}"
