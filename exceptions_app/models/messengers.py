"""What messengers know besides messages: whose address it is, what happened to a message later, and what we sent.

A message is a `Signal`; an edit, a deletion, a reaction or a receipt is news about one and lies here as due work until
it is settled. Which person answers to an address is a person's word, never a guess.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models.records import ExceptionRecord
from exceptions_app.models.signals import Signal, Source


class AddressKind(models.TextChoices):
    """Where an address is known. SMS and WhatsApp share the phone number."""

    PHONE = "phone", "Phone number"
    SLACK = "slack", "Slack user"
    TEAMS = "teams", "Teams user"


class ContactAddress(models.Model):
    """A person's address on a messenger, besides the phone number of their login. It counts once it is verified."""

    kind = models.CharField(max_length=8, choices=AddressKind.choices)
    address = models.CharField(
        max_length=200,
        help_text="phone: digits with country code; Slack: team/user; Teams: the user's object id. "
        "A signal's page shows it as its sender",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="contact_addresses"
    )
    verified_at = models.DateTimeField(null=True, blank=True, help_text="empty: not believed yet")
    verified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("user", "kind")
        verbose_name_plural = "contact addresses"
        constraints = [
            models.UniqueConstraint(fields=["kind", "address"], name="contact_address_one_person"),
            models.CheckConstraint(condition=Q(kind__in=AddressKind.values), name="contact_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.address}"


class UpdateKind(models.TextChoices):
    """What happened to a message that came or went before."""

    EDIT = "edit", "Edited"
    DELETE = "delete", "Taken back"
    REACTION = "reaction", "Reaction"
    RECEIPT = "receipt", "Receipt for a message of ours"
    NOTICE = "notice", "About the account"


class ChannelUpdate(models.Model):
    """News about message `target` of a source, kept as it came. Due until `settled_at`; `outcome` says what it did.

    Edits, deletions and reactions are settled here; receipts concern what we sent and are settled by whoever sent it.
    """

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="updates")
    external_id = models.CharField(max_length=200, help_text="the provider's id of this news")
    kind = models.CharField(max_length=8, choices=UpdateKind.choices)
    target = models.CharField(max_length=200, blank=True, help_text="the provider's id of the message")
    sender = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True, help_text="the newer words, or the reaction")
    state = models.CharField(
        max_length=20, blank=True, help_text="a receipt's: sent, delivered, read, failed"
    )
    problem = models.CharField(max_length=200, blank=True)
    payload = models.JSONField(default=dict, blank=True)
    message = models.JSONField(
        default=dict, blank=True, help_text="what a message of its own would be made of, if it must be one"
    )
    said_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=30, blank=True)

    class Meta:
        ordering = ("-received_at", "-pk")
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="channel_update_once"),
            models.CheckConstraint(condition=Q(kind__in=UpdateKind.values), name="channel_update_kind_known"),
        ]
        indexes = [
            models.Index(fields=["source", "target"], name="channel_update_target"),
            models.Index(fields=["due_at"], condition=Q(settled_at__isnull=True), name="channel_update_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.target}"


class SentMessage(models.Model):
    """A message we sent about an exception, by the provider's id, so that an answer to it finds its record.

    Written by whoever sends; `signal` is the report it answers, `what` names what it told.
    """

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="sent_messages")
    message_id = models.CharField(
        max_length=200, blank=True, help_text="empty: the channel names no message it was told at once"
    )
    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="sent_messages")
    signal = models.ForeignKey(
        Signal, null=True, blank=True, on_delete=models.PROTECT, related_name="answered_by"
    )
    what = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-at", "-pk")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source", "message_id"], condition=~Q(message_id=""), name="sent_message_once"
            )
        ]
        indexes = [models.Index(fields=["message_id"], name="sent_message_id")]

    def __str__(self) -> str:
        return f"{self.exception.ref} {self.what} {self.message_id}"
