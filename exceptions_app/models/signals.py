"""Signals as they arrived, and what was read out of them.

A signal's envelope and hash never change; its body may be emptied once, by an audited redaction. Processing state
lies in `SignalReading`, so the raw row stays what it was. The database enforces it.
"""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models import Device, Site


class Channel(models.TextChoices):
    """How a signal came."""

    STATION = "station", "Station"
    FORM = "form", "Form"
    API = "api", "API"
    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "E-mail"
    WHATSAPP = "whatsapp", "WhatsApp"
    SMS = "sms", "SMS"
    CHAT = "chat", "Chat"
    EDI = "edi", "EDI"
    MACHINE = "machine", "Machine"
    SYSTEM = "system", "System"


class Source(models.Model):
    """A sender of signals: a form, an API client, one webhook. `mapping` turns a webhook's payload into fields.

    `mapping` = {field: "path.in.payload"} with the fields text, external_id, occurred_at, reporter, type, work_unit
    and any capture field. `trusted` senders may open records; others only raise triage items. `adapter` names one of
    `channels.adapters.ADAPTERS`, which says what `config` and `secrets` hold.
    """

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    channel = models.CharField(max_length=12, choices=Channel.choices)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT, related_name="sources")
    adapter = models.CharField(
        max_length=20,
        blank=True,
        help_text="how the channel is spoken; empty for forms, stations and the API",
    )
    secret = models.CharField(max_length=200, blank=True, help_text="shared key of the webhook's signature")
    config = models.JSONField(default=dict, blank=True, help_text="the adapter's settings, by name")
    secrets = models.JSONField(default=dict, blank=True, help_text="the adapter's keys, by name; never shown")
    mapping = models.JSONField(default=dict, blank=True)
    trusted = models.BooleanField(default=True)
    active = models.BooleanField(default=True)
    drill = models.BooleanField(default=False, help_text="what comes from here is a fire drill")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("code",)
        constraints = [
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="source_channel_known")
        ]

    def __str__(self) -> str:
        return self.name


class Signal(models.Model):
    """One inbound message as it arrived, stored before anything else happens."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="signals")
    external_id = models.CharField(max_length=200, help_text="the sender's own id; unique per source")
    channel = models.CharField(max_length=12, choices=Channel.choices)
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT, related_name="signals")
    received_at = models.DateTimeField(default=clock.now, db_index=True)
    occurred_at = models.DateTimeField(
        null=True, blank=True, help_text="as the sender says; credibility is judged later"
    )
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="signals"
    )
    reporter_text = models.CharField(max_length=120, blank=True, help_text="sender as named by the channel")
    sender = models.CharField(
        max_length=200, blank=True, help_text="address an answer goes to: phone, mail address, chat user"
    )
    sender_verified = models.BooleanField(
        default=False, help_text="the channel proves who the sender is (signed hook, aligned mail)"
    )
    conversation = models.CharField(
        max_length=200, blank=True, help_text="thread the message belongs to, as the channel names it"
    )
    reply_to = models.CharField(
        max_length=200, blank=True, help_text="the sender's id of the message this answers"
    )
    device = models.ForeignKey(
        Device, null=True, blank=True, on_delete=models.PROTECT, related_name="signals"
    )
    text = models.TextField(blank=True)
    fields = models.JSONField(default=dict, blank=True)
    payload = models.JSONField(
        default=dict, blank=True, help_text="the message as sent, where it was structured"
    )
    content_hash = models.CharField(max_length=64)
    redacted_at = models.DateTimeField(null=True, blank=True)
    redacted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("-received_at", "-pk")
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="signal_once_per_source")
        ]
        indexes = [
            models.Index(
                fields=["source", "conversation", "-received_at"],
                condition=~Q(conversation=""),
                name="signal_conversation",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="signal_never_deleted", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="signal_only_redacted",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="""
                    IF OLD.redacted_at IS NOT NULL THEN
                        RAISE EXCEPTION 'a redacted signal cannot be changed';
                    END IF;
                    IF NEW.redacted_at IS NULL OR NEW.redacted_by_id IS NULL OR NEW.text <> ''
                        OR NEW.fields <> '{}'::jsonb OR NEW.payload <> '{}'::jsonb
                        OR NEW.source_id <> OLD.source_id OR NEW.external_id <> OLD.external_id
                        OR NEW.channel <> OLD.channel OR NEW.site_id IS DISTINCT FROM OLD.site_id
                        OR NEW.received_at <> OLD.received_at OR NEW.occurred_at IS DISTINCT FROM OLD.occurred_at
                        OR NEW.reporter_id IS DISTINCT FROM OLD.reporter_id
                        OR NEW.device_id IS DISTINCT FROM OLD.device_id
                        OR NEW.reporter_text <> OLD.reporter_text OR NEW.sender <> OLD.sender
                        OR NEW.sender_verified <> OLD.sender_verified
                        OR NEW.conversation <> OLD.conversation OR NEW.reply_to <> OLD.reply_to
                        OR NEW.content_hash <> OLD.content_hash THEN
                        RAISE EXCEPTION 'a signal can only be redacted';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source.code}/{self.external_id}"


class ReadingStatus(models.TextChoices):
    """How far a signal's reading got."""

    PENDING = "pending", "Waiting to be read"
    READ = "read", "Read"
    FAILED = "failed", "Could not be read"


class SignalReading(models.Model):
    """Processing state of a signal: due work of the reader, and which exception came of it."""

    signal = models.OneToOneField(Signal, on_delete=models.PROTECT, related_name="reading")
    status = models.CharField(max_length=10, choices=ReadingStatus.choices, default=ReadingStatus.PENDING)
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    exception = models.ForeignKey(
        "exceptions_app.ExceptionRecord",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="readings",
    )
    opened = models.BooleanField(default=False, help_text="opened the exception, rather than joined it")
    outcome = models.CharField(
        max_length=20, blank=True, help_text="opened, joined, cleared, ignored, answered"
    )

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="signal_reading_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=ReadingStatus.values), name="signal_reading_status_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.signal} {self.status}"


class Interpretation(models.Model):
    """What one version of the reader made of a signal; each field with its words, method and confidence.

    `fields` is a list of {name, value, words, start, end, method, confidence, candidates}.
    """

    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="interpretations")
    type_code = models.CharField(max_length=30, blank=True)
    intent = models.CharField(max_length=12, default="report")
    confidence = models.FloatField(default=0)
    type_confidence = models.FloatField(default=0)
    needs_triage = models.BooleanField(default=False)
    triage_reasons = models.JSONField(default=list, blank=True)
    fields = models.JSONField(default=list, blank=True)
    language = models.CharField(max_length=5, blank=True)
    type_candidates = models.JSONField(default=list, blank=True, help_text="[type, score], best first")
    pipeline_version = models.CharField(max_length=40)
    reader_model = models.CharField(
        max_length=40, blank=True, help_text="version of the trained reader; empty: as shipped"
    )
    occurred_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-created_at", "-pk")
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="interpretation_append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.type_code or 'unread'} from {self.signal}"
