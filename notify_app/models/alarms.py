"""Notices of the outbox's alarms: whom, by which channel, and what came of it.

An alarm is about an ERP connection, not about an exception, so its notices stand apart from those of records.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from erp_sync.models import OutboxAlarm
from notify_app.models.notices import NoticeStatus
from notify_app.models.ways import Address, NoticeChannel


class AlarmNotice(models.Model):
    """One person told of one alarm by one channel; without a person: nobody answers for it."""

    alarm = models.ForeignKey(OutboxAlarm, on_delete=models.CASCADE, related_name="notices")
    role = models.CharField(max_length=30, blank=True, help_text="access role or duty they are told for")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="alarm_notices",
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
                fields=["alarm", "person", "channel", "address"], nulls_distinct=False,
                name="alarm_notice_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=NoticeStatus.values), name="alarm_notice_status_known"
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(status__in=("queued", "sending")), name="alarm_notice_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.alarm}: {self.person or self.role} by {self.channel}"
