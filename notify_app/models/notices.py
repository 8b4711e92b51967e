"""Notices (one telling of one person by one channel) and each try to deliver them."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models import ExceptionRecord, Response, Telling
from notify_app.models.ways import Address, NoticeChannel


class NoticeStatus(models.TextChoices):
    """Where a notice stands."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"
    DROPPED = "dropped", "No longer needed"
    HELD = "held", "Waits"


class Notice(models.Model):
    """One telling of one person by one channel. Due work of the sender; the delivery log is its attempts."""

    telling = models.ForeignKey(Telling, on_delete=models.PROTECT, related_name="notices")
    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="notices")
    response = models.ForeignKey(
        Response, null=True, blank=True, on_delete=models.PROTECT, related_name="notices"
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notices")
    channel = models.CharField(max_length=10, choices=NoticeChannel.choices)
    address = models.ForeignKey(
        Address, null=True, blank=True, on_delete=models.PROTECT, related_name="notices",
        help_text="chat and phone: which one",
    )  # fmt: skip
    asked = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="whose answer it was when this was written; links end when it becomes somebody else's",
    )  # fmt: skip
    instead_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="fallbacks",
        help_text="the notice that did not get through, or not in time",
    )  # fmt: skip
    subject = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    urgency_rank = models.PositiveSmallIntegerField(default=2, help_text="0 critical first")
    status = models.CharField(max_length=10, choices=NoticeStatus.choices, default=NoticeStatus.QUEUED)
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    held_for = models.CharField(max_length=60, blank=True, help_text="why it waits or waited")
    fallback_at = models.DateTimeField(
        null=True, blank=True, help_text="not through by then: the next channel in the person's order"
    )
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
            models.UniqueConstraint(
                fields=["telling", "person", "channel", "address"], nulls_distinct=False,
                name="notice_once_per_channel",
            ),
            models.CheckConstraint(condition=Q(status__in=NoticeStatus.values), name="notice_status_known"),
            models.CheckConstraint(condition=Q(channel__in=NoticeChannel.values), name="notice_channel_known"),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["channel", "urgency_rank", "due_at"],
                condition=Q(status__in=("queued", "sending")),
                name="notice_due",
            ),
            models.Index(fields=["due_at"], condition=Q(status="held"), name="notice_held"),
            models.Index(
                fields=["created_at"], condition=Q(recorded_at__isnull=True), name="notice_unrecorded"
            ),
            models.Index(
                fields=["fallback_at"], condition=Q(fallback_at__isnull=False), name="notice_fallback_due"
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
