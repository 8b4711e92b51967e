"""Notices (one telling of one person by one channel), each try to deliver them, and how people want to be told."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models import ExceptionRecord, Response, Telling


class NoticeChannel(models.TextChoices):
    """How a notice reaches its person."""

    IN_APP = "in_app", "In the portal"
    EMAIL = "email", "E-mail"


class NoticeStatus(models.TextChoices):
    """Where a notice stands."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    DROPPED = "dropped", "No longer needed"
    HELD = "held", "Waits for the flood to pass"


class Preference(models.Model):
    """Whether a person wants mail for an urgency; the portal's own notices can't be switched off."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preferences"
    )
    urgency = models.CharField(max_length=10)
    email = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "urgency"], name="notice_preference_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.urgency}"


class Notice(models.Model):
    """One telling of one person by one channel. Due work of the sender; the delivery log is its attempts."""

    telling = models.ForeignKey(Telling, on_delete=models.PROTECT, related_name="notices")
    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="notices")
    response = models.ForeignKey(
        Response, null=True, blank=True, on_delete=models.PROTECT, related_name="notices"
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notices")
    channel = models.CharField(max_length=10, choices=NoticeChannel.choices)
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    urgency_rank = models.PositiveSmallIntegerField(default=2, help_text="0 critical first")
    status = models.CharField(max_length=10, choices=NoticeStatus.choices, default=NoticeStatus.QUEUED)
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(null=True, blank=True, help_text="the response knows that it was told")
    seen_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = [
            models.UniqueConstraint(fields=["telling", "person", "channel"], name="notice_once_per_channel"),
            models.CheckConstraint(condition=Q(status__in=NoticeStatus.values), name="notice_status_known"),
        ]
        indexes = [
            models.Index(
                fields=["urgency_rank", "due_at"],
                condition=Q(status__in=("queued", "sending")),
                name="notice_due",
            ),
            models.Index(fields=["due_at"], condition=Q(status="held"), name="notice_held"),
            models.Index(
                fields=["created_at"], condition=Q(recorded_at__isnull=True), name="notice_unrecorded"
            ),
            models.Index(fields=["person", "-created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.person} by {self.channel}"


class DeliveryAttempt(models.Model):
    """One try to hand a notice over, and what the provider said. Written once."""

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="deliveries")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    delivered = models.BooleanField()
    permanent = models.BooleanField(default=False, help_text="trying again can't help")
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("notice", "number")
        constraints = [models.UniqueConstraint(fields=["notice", "number"], name="delivery_attempt_once")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="delivery_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.notice} #{self.number}"
