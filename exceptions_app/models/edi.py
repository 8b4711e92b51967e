"""EDI as it passes: interchanges taken in, documents sent out, and the control numbers of each partner.

What an interchange says lies in signals; here lies that it came, once, and what it was answered. A document's text is
written once with its control number; sending is due work of its own.
"""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models.records import ExceptionRecord
from exceptions_app.models.signals import Source


class EdiCounter(models.Model):
    """The last control number used towards one partner: taken under a lock, in the document's own transaction."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="edi_counters")
    partner = models.CharField(max_length=40)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "partner"], name="edi_counter_once")]

    def __str__(self) -> str:
        return f"{self.partner}: {self.last}"


class EdiInterchange(models.Model):
    """One interchange that came, whole. `key` is partner and control number, or the digest of a refused one."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="edi_interchanges")
    key = models.CharField(max_length=120)
    syntax = models.CharField(max_length=10, blank=True)
    partner = models.CharField(max_length=40, blank=True, help_text="sender's interchange id, as sent")
    control = models.CharField(max_length=40, blank=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the text")
    via = models.CharField(max_length=10, help_text="file, http")
    name = models.CharField(max_length=150, blank=True, help_text="file name")
    received_at = models.DateTimeField(default=clock.now, db_index=True)
    taken = models.PositiveIntegerField(default=0, help_text="messages taken")
    refused = models.PositiveIntegerField(
        default=0, help_text="messages refused; a refused whole counts as one"
    )
    faults = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("-received_at", "-pk")
        verbose_name = "EDI interchange"
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="edi_interchange_once")]
        triggers: ClassVar = [
            pgtrigger.Protect(name="edi_interchange_fixed", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.partner or 'unknown'} {self.control or self.digest[:12]}"


class EdiState(models.TextChoices):
    """Where a document stands."""

    QUEUED = "queued", "Waiting to be sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Could not be sent"


class EdiDocument(models.Model):
    """One interchange we send: its text, its control number, and how sending goes. `key` makes each meant once."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="edi_documents")
    key = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, help_text="997, TA1, CONTRL, 855, 865, ORDRSP")
    syntax = models.CharField(max_length=10)
    partner = models.CharField(max_length=40, help_text="receiver's interchange id")
    control = models.PositiveIntegerField()
    about = models.CharField(max_length=60, blank=True, help_text="the customer's order, or the interchange")
    summary = models.CharField(max_length=120, blank=True)
    interchange = models.ForeignKey(
        EdiInterchange, null=True, blank=True, on_delete=models.PROTECT, related_name="documents"
    )
    exception = models.ForeignKey(
        ExceptionRecord, null=True, blank=True, on_delete=models.PROTECT, related_name="edi_documents"
    )
    body = models.TextField()
    created_at = models.DateTimeField(default=clock.now)
    state = models.CharField(max_length=8, choices=EdiState.choices, default=EdiState.QUEUED)
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    sent_to = models.CharField(max_length=300, blank=True, help_text="file, address, or the HTTP answer")
    sends = models.PositiveSmallIntegerField(default=0, help_text="how often it was handed over")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    resent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = "EDI document"
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], name="edi_document_once"),
            models.UniqueConstraint(fields=["source", "partner", "control"], name="edi_control_once"),
            models.CheckConstraint(condition=Q(state__in=EdiState.values), name="edi_document_state_known"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="edi_document_due"),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="edi_document_never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="edi_document_fixed",
                fields=["source", "key", "kind", "partner", "control", "body", "interchange", "exception"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.partner} {self.control:09d}"

    @property
    def number(self) -> str:
        """The control number as it stands in the envelope."""
        return f"{self.control:09d}" if self.syntax == "x12" else str(self.control)
