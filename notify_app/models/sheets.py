"""Notices of handover sheets nobody has signed: whom, by which channel, and what came of it.

A sheet is about a shift, not about an exception, so its notices stand apart from those of records.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from decisions_app.models import HandoverSheet
from notify_app.models.notices import NoticeStatus
from notify_app.models.ways import Address, NoticeChannel


class SheetStep(models.TextChoices):
    """How far the telling has gone: once each."""

    LEADS = "leads", "The leads who sign"
    NEXT = "next", "The next level"


class SheetNotice(models.Model):
    """One person told of one unsigned sheet by one channel; without a person: nobody held the duty."""

    sheet = models.ForeignKey(HandoverSheet, on_delete=models.PROTECT, related_name="notices")
    step = models.CharField(max_length=6, choices=SheetStep.choices)
    role = models.CharField(max_length=30, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="sheet_notices",
    )
    channel = models.CharField(max_length=10, choices=NoticeChannel.choices)
    address = models.ForeignKey(Address, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=NoticeStatus.choices, default=NoticeStatus.QUEUED)
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    detail = models.CharField(
        max_length=300, blank=True, help_text="what the provider said, or why it was not sent"
    )

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = [
            models.UniqueConstraint(
                fields=["sheet", "step", "person", "channel", "address"], nulls_distinct=False,
                name="sheet_notice_once",
            ),
            models.CheckConstraint(condition=Q(step__in=SheetStep.values), name="sheet_step_known"),
            models.CheckConstraint(
                condition=Q(status__in=NoticeStatus.values), name="sheet_notice_status_known"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(status__in=("queued", "sending")), name="sheet_notice_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sheet}: {self.person or self.role} by {self.channel}"
