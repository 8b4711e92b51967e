"""Photos, voice notes and files that came with a signal.

The row is written with the signal, so nothing is lost; the bytes (or only the provider's name of them) are made safe by
a worker: photos re-encoded, everything limited, what may not be kept refused with the reason.
"""

import uuid

from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models.signals import Signal


class AttachmentKind(models.TextChoices):
    """What it is, to the reader of a page."""

    PHOTO = "photo", "Photo"
    VOICE = "voice", "Voice note"
    FILE = "file", "File"


class AttachmentStatus(models.TextChoices):
    """How far it got."""

    PENDING = "pending", "Waiting to be fetched or made safe"
    KEPT = "kept", "Kept"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Could not be fetched"
    REDACTED = "redacted", "Redacted"


def incoming_path(attachment: "Attachment", filename: str) -> str:
    """Where raw bytes wait; nothing in that folder is ever served."""
    return f"incoming/{attachment.received_at:%Y/%m}/{uuid.uuid4().hex}"


def kept_path(attachment: "Attachment", filename: str) -> str:
    """Where what is safe to show lies; the name is ours, never the sender's."""
    ending = filename[filename.rfind(".") :] if "." in filename else ""
    return f"kept/{attachment.received_at:%Y/%m}/{uuid.uuid4().hex}{ending}"


class Attachment(models.Model):
    """One enclosure of a signal. `external_ref` is the provider's id or address while the bytes are not fetched yet."""

    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="attachments")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=6, choices=AttachmentKind.choices, default=AttachmentKind.FILE)
    name = models.CharField(max_length=150, blank=True, help_text="as the sender calls it")
    content_type = models.CharField(
        max_length=100, blank=True, help_text="as found in the bytes, once they are kept"
    )
    size = models.PositiveIntegerField(default=0, help_text="bytes as kept")
    sha256 = models.CharField(max_length=64, blank=True, help_text="of the bytes as they came")
    incoming = models.FileField(upload_to=incoming_path, max_length=200, blank=True)
    file = models.FileField(upload_to=kept_path, max_length=200, blank=True)
    thumbnail = models.FileField(upload_to=kept_path, max_length=200, blank=True)
    width = models.PositiveIntegerField(default=0, help_text="pixels, of a photo")
    height = models.PositiveIntegerField(default=0, help_text="pixels, of a photo")
    external_ref = models.CharField(max_length=500, blank=True)
    status = models.CharField(
        max_length=10, choices=AttachmentStatus.choices, default=AttachmentStatus.PENDING
    )
    why = models.CharField(max_length=200, blank=True, help_text="reason it was refused or failed")
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("signal", "position")
        constraints = [
            models.UniqueConstraint(fields=["signal", "position"], name="attachment_position"),
            models.CheckConstraint(
                condition=Q(status__in=AttachmentStatus.values), name="attachment_status_known"
            ),
            models.CheckConstraint(condition=Q(kind__in=AttachmentKind.values), name="attachment_kind_known"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="pending"), name="attachment_due"),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.get_kind_display()} {self.position}"

    @property
    def shown(self) -> bool:
        """There is something to look at, listen to or download."""
        return self.status == AttachmentStatus.KEPT

    @property
    def inline(self) -> bool:
        """A page may show it; everything else is only ever downloaded."""
        return self.kind != AttachmentKind.FILE
