"""Where the reading of a mailbox stands: how far, when next, who holds it, what went wrong.

One row per source that is polled. The watermark is IMAP's own: UIDVALIDITY and the highest UID that is safely stored.
"""

from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models.signals import Source


class Mailbox(models.Model):
    """Processing state of a polled source. `lease` names who polls now; it may be taken over after `lease_until`."""

    source = models.OneToOneField(Source, on_delete=models.CASCADE, related_name="mailbox")
    uid_validity = models.PositiveBigIntegerField(
        default=0, help_text="the server's number of this numbering"
    )
    last_uid = models.PositiveBigIntegerField(default=0, help_text="every mail up to this one is stored")
    due_at = models.DateTimeField(default=clock.now)
    lease = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="failed ones in a row")
    error = models.CharField(max_length=300, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True, help_text="last looked into without an error")
    warning = models.CharField(max_length=300, blank=True, help_text="mails are stored, but not moved")
    stored = models.PositiveBigIntegerField(default=0, help_text="mails taken in")
    oversized = models.PositiveIntegerField(default=0, help_text="of these, kept only in part: too large")

    class Meta:
        verbose_name_plural = "mailboxes"
        indexes = [models.Index(fields=["due_at"], name="mailbox_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(lease="") | Q(lease_until__isnull=False), name="mailbox_lease_ends"
            )
        ]

    def __str__(self) -> str:
        return f"mailbox of {self.source.code}"
