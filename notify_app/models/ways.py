"""How people want to be told: their own wishes, their function's defaults, and the addresses beside e-mail.

An address's secret (an Apprise URL, a device's push subscription) is never shown or logged; `shown` is what may be. An
address that is gone stays as a row without its secret, because the delivery log refers to it.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from notify_app.manners import URGENCIES
from plant_app.models import Function, Team

URGENCY_CHOICES = [(word, word.capitalize()) for word in URGENCIES]


class NoticeChannel(models.TextChoices):
    """How a notice reaches its person."""

    IN_APP = "in_app", "In the portal"
    EMAIL = "email", "E-mail"
    PUSH = "push", "Push to this product on a device"
    CHAT = "chat", "Chat and other services"
    PHONE = "phone", "Text message or call"


class WaysMixin(models.Model):
    """What a person and a function's default have in common. Empty means: as the one above says."""

    channels = models.JSONField(
        default=dict, blank=True, help_text="urgency -> channels told at once, for example {'high': ['push', 'email']}"
    )  # fmt: skip
    order = models.JSONField(default=list, blank=True, help_text="which channel is tried next when one fails")
    override = models.CharField(
        max_length=10,
        blank=True,
        choices=URGENCY_CHOICES,
        help_text="do-not-disturb yields from this urgency on",
    )
    most = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="new records in ten minutes before the rest that may wait comes as one",
    )
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        abstract = True


class FunctionDefault(WaysMixin):
    """How the people of a function are told until they say otherwise; the one without a function is for everybody."""

    function = models.OneToOneField(
        Function, null=True, blank=True, on_delete=models.CASCADE, related_name="notification_default",
        help_text="empty: everybody whose function has none",
    )  # fmt: skip

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["function"], nulls_distinct=False, name="one_notification_default_for_everybody"
            ),
            models.CheckConstraint(
                condition=Q(override__in=["", *URGENCIES]), name="notification_default_override_known"
            ),
        ]

    def __str__(self) -> str:
        return f"Told by default: {self.function or 'everybody'}"


class Preference(WaysMixin):
    """What one person wants, where it differs from their function's default, and their do-not-disturb hours."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preference"
    )
    quiet_from = models.TimeField(null=True, blank=True, help_text="do not disturb from, plant time")
    quiet_until = models.TimeField(null=True, blank=True)
    quiet_days = models.JSONField(
        default=list, blank=True, help_text="days it begins on, Monday is 0; empty: every day"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="notice_quiet_both_or_none",
            ),
            models.CheckConstraint(
                condition=Q(override__in=["", *URGENCIES]), name="notice_preference_override_known"
            ),
        ]

    def __str__(self) -> str:
        return f"How {self.user} is told"


class AddressQuerySet(models.QuerySet["Address"]):
    """Reads of addresses."""

    def live(self) -> "AddressQuerySet":
        """Still in use."""
        return self.filter(gone_at=None)


class Address(models.Model):
    """Where a person or a team can be reached beside e-mail."""

    channel = models.CharField(
        max_length=10,
        choices=[one for one in NoticeChannel.choices if one[0] in ("push", "chat", "phone")],
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="notice_addresses"
    )  # fmt: skip
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="notice_addresses"
    )
    label = models.CharField(max_length=60, help_text="what its owner calls it")
    secret = models.TextField(editable=False, help_text="Apprise URL or push subscription; never shown")
    digest = models.CharField(max_length=64, editable=False)
    shown = models.CharField(max_length=80, editable=False, help_text="the service, without anything secret")
    least = models.CharField(
        max_length=10,
        choices=URGENCY_CHOICES,
        default="normal",
        help_text="a team's: told from this urgency on",
    )
    created_at = models.DateTimeField(default=clock.now)
    answered_at = models.DateTimeField(null=True, blank=True, help_text="the provider last said something")
    accepted = models.BooleanField(null=True, help_text="whether it took the last message")
    answer = models.CharField(max_length=300, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)
    gone_because = models.CharField(max_length=80, blank=True)

    objects = AddressQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "pk")
        verbose_name_plural = "addresses"
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, team__isnull=True) | Q(user__isnull=True, team__isnull=False),
                name="notice_address_of_one",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=("push", "chat", "phone")), name="notice_address_channel_known"
            ),
            models.UniqueConstraint(
                fields=["digest", "user", "team"], condition=Q(gone_at__isnull=True), nulls_distinct=False,
                name="notice_address_once",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.label} ({self.shown})"

    def __repr__(self) -> str:
        return f"<Address {self.pk}: {self.shown}>"


class PushKey(models.Model):
    """The key pair this installation shows itself to push services with (VAPID, RFC 8292). Made once, one row."""

    single = models.BooleanField(default=True, unique=True, editable=False)
    private = models.TextField(editable=False, help_text="PEM; never shown")
    public = models.CharField(max_length=120, editable=False, help_text="what browsers subscribe with")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(single=True), name="one_push_key")]

    def __str__(self) -> str:
        return f"Push key of {self.created_at:%Y-%m-%d}"
