"""Replies to whoever reported, on the channel they used: whom we keep informed, what they are told, each try.

A thread is one reporter and one record; it remembers which version of the record it has spoken about. Replies are due
work of the sender, and the delivery log is their attempts.
"""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models import ExceptionRecord, Signal


class ReplyThread(models.Model):
    """One reporter kept informed about one record. `silent` says why they are not, where they are not."""

    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, related_name="reply_thread")
    exception = models.ForeignKey(
        ExceptionRecord,
        on_delete=models.PROTECT,
        related_name="reply_threads",
        help_text="moves on when the record is merged",
    )
    place = models.CharField(max_length=200, help_text="where answers go: sender, or thread of a channel")
    language = models.CharField(max_length=5, default="en")
    spoken_version = models.IntegerField(default=-1, help_text="version of the record looked at last")
    silent = models.CharField(max_length=120, blank=True, help_text="why nothing more is said")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-created_at", "-pk")
        indexes = [
            models.Index(fields=["exception"], condition=Q(silent=""), name="reply_thread_speaking"),
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref} to {self.place}"


class ReplyWhat(models.TextChoices):
    """What is told."""

    RECEIVED = "received", "Received, someone is looking"
    OPENED = "opened", "Opened"
    KNOWN = "known", "Known already"
    ACKNOWLEDGED = "acknowledged", "Taken on"
    COMING = "coming", "On the way"
    DECIDED = "decided", "Decided"
    RESOLVED = "resolved", "Resolved"
    CANCELLED = "cancelled", "Withdrawn"
    MERGED = "merged", "Goes on as another"


class ReplyStatus(models.TextChoices):
    """Where a reply stands."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"
    READ = "read", "Read"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Not sent"


class ReporterReply(models.Model):
    """One sentence to one reporter. Once per thing told and per reopening of the record."""

    thread = models.ForeignKey(ReplyThread, on_delete=models.PROTECT, related_name="replies")
    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="reporter_replies")
    what = models.CharField(max_length=14, choices=ReplyWhat.choices)
    round = models.PositiveSmallIntegerField(default=0, help_text="how often the record had been reopened")
    body = models.CharField(max_length=320)
    eta_at = models.DateTimeField(null=True, blank=True, help_text="minutes are counted when it is sent")
    status = models.CharField(max_length=10, choices=ReplyStatus.choices, default=ReplyStatus.QUEUED)
    why = models.CharField(max_length=200, blank=True, help_text="why it was not sent, or could not be")
    provider_id = models.CharField(max_length=200, blank=True, help_text="the provider's id of the message")
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name_plural = "reporter replies"
        constraints = [
            models.UniqueConstraint(
                fields=["thread", "exception", "what", "round"], name="reporter_reply_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ReplyStatus.values), name="reporter_reply_status_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(status__in=("queued", "sending")), name="reporter_reply_due"
            ),
            models.Index(
                fields=["provider_id"], condition=~Q(provider_id=""), name="reporter_reply_provider"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref} {self.what} to {self.thread.place}"


class ReplyAttempt(models.Model):
    """One try to hand a reply over, and what the provider said; or what it reported later. Written once."""

    reply = models.ForeignKey(ReporterReply, on_delete=models.PROTECT, related_name="tries")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    delivered = models.BooleanField()
    permanent = models.BooleanField(default=False, help_text="trying again can't help")
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("reply", "number")
        constraints = [models.UniqueConstraint(fields=["reply", "number"], name="reply_attempt_once")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="reply_attempt_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.reply} #{self.number}"
