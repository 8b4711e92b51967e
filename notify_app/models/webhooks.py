"""Webhooks to other systems: endpoints, events still to be written out, messages, and each try to deliver one.

PostgreSQL itself leaves a row in `WebhookDue` for every event of a story, in the event's own transaction. A watermark
over the events' numbers would miss what commits after a higher number did; a row that comes with its event is not
missed.
"""

from typing import ClassVar

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.channels.webhook import new_secret
from exceptions_app.models import ExceptionEvent, ExceptionRecord
from plant_app.models import ExceptionType, Site


@pghistory.track(exclude=["secret", "previous_secret", "quiet_until", "failing_since", "notice_due_at"])
class WebhookEndpoint(models.Model):
    """An address of another system, the key it checks us by, and what it wants to hear of which sites."""

    name = models.CharField(max_length=80, unique=True)
    url = models.CharField("address", max_length=500)
    secret = models.CharField("key", max_length=120, default=new_secret)
    previous_secret = models.CharField(max_length=120, blank=True, editable=False)
    previous_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="until then the replaced key signs, too"
    )
    kinds = models.JSONField("events", default=list, blank=True, help_text="empty: all that are told")
    sites = models.ManyToManyField(
        Site, related_name="webhook_endpoints", help_text="it hears of these and no other"
    )
    types = models.ManyToManyField(
        ExceptionType, blank=True, related_name="webhook_endpoints", help_text="empty: all"
    )
    active = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_why = models.CharField(max_length=200, blank=True, editable=False)
    notice_due_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="administrators are to be told that it was switched off",
    )
    quiet_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="the receiver asked to be left alone"
    )
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class OutboundEvent(ExceptionEvent):
    """An event as this app sees it: PostgreSQL notes each new one as due while anybody listens."""

    class Meta:
        proxy = True
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="event_outbound",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=(
                    "IF NEW.kind NOT IN ('told', 'seen') AND EXISTS "
                    "(SELECT 1 FROM notify_app_webhookendpoint WHERE active) THEN "
                    "INSERT INTO notify_app_webhookdue (event_id) VALUES (NEW.id); END IF; RETURN NULL;"
                ),
            )
        ]


class WebhookDue(models.Model):
    """An event nobody has written messages for yet. Written by PostgreSQL, removed once they are."""

    event = models.OneToOneField(
        ExceptionEvent, primary_key=True, on_delete=models.PROTECT, related_name="webhook_due"
    )

    def __str__(self) -> str:
        return f"{self.event_id}"


class WebhookStatus(models.TextChoices):
    """Where a message stands."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    DELIVERED = "delivered", "Delivered"
    DEAD = "dead", "Given up"


class WebhookDelivery(models.Model):
    """One event for one endpoint, its text fixed when it was written. Tried again with the same id until it is had."""

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries")
    event = models.ForeignKey(
        ExceptionEvent, null=True, blank=True, on_delete=models.PROTECT, related_name="webhook_deliveries",
        help_text="empty for a test message",
    )  # fmt: skip
    exception = models.ForeignKey(
        ExceptionRecord, null=True, blank=True, on_delete=models.PROTECT, related_name="webhook_deliveries"
    )
    message_id = models.CharField(max_length=60, unique=True)
    type = models.CharField(max_length=50)
    body = models.TextField()
    status = models.CharField(max_length=10, choices=WebhookStatus.choices, default=WebhookStatus.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(help_text="not tried after this, but once")
    delivered_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True, help_text="delivered or given up")
    error = models.CharField(max_length=200, blank=True)
    replayed_at = models.DateTimeField(null=True, blank=True)
    replayed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("-pk",)
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="webhook_once_per_event"),
            models.CheckConstraint(condition=Q(status__in=WebhookStatus.values), name="webhook_status_known"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"], condition=Q(status__in=("queued", "sending")), name="webhook_due"
            ),
            models.Index(
                fields=["endpoint", "exception", "event"], condition=Q(status__in=("queued", "sending")),
                name="webhook_order",
            ),
            models.Index(fields=["endpoint", "settled_at"], condition=Q(status="dead"), name="webhook_dead"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.type} {self.message_id}"


class WebhookAttempt(models.Model):
    """One try, and what the receiver said. Written once."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    accepted = models.BooleanField()
    problem = models.CharField(max_length=300, blank=True)
    excerpt = models.CharField("answer", max_length=500, blank=True)

    class Meta:
        ordering = ("delivery", "number")
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_once")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="webhook_attempt_fixed", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.delivery} #{self.number}"
