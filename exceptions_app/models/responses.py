"""One function's part in one exception, and the tellings it is due.

The owner holds a response too; acknowledging it moves the record. A telling is the due work the notifying layer picks
up: one person (or one role with nobody in it) to be told at one ladder level.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models.records import ExceptionRecord
from plant_app.models import Duty, Function, Site


class ResponseStatus(models.TextChoices):
    """How far a function got with its part."""

    DUE = "due", "To be told"
    TOLD = "told", "Told"
    DELIVERED = "delivered", "Delivered"
    SEEN = "seen", "Seen"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    ON_THE_WAY = "on_the_way", "On the way"
    ARRIVED = "arrived", "Arrived"
    ACTING = "acting", "Acting"
    DONE = "done", "Done"
    DECLINED = "declined", "Declined"


# Statuses from `acknowledged` on: the function has said yes.
ANSWERED = ("acknowledged", "on_the_way", "arrived", "acting", "done")


class Response(models.Model):
    """A function's answer, on its own clock: from the moment it is due to be told to its own limit."""

    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="responses")
    function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="responses")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="responses")
    role = models.CharField(max_length=30, choices=Duty.choices, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="responses"
    )
    required = models.BooleanField(default=True)
    is_owner = models.BooleanField(default=False)
    status = models.CharField(max_length=14, choices=ResponseStatus.choices, default=ResponseStatus.DUE)
    why = models.CharField(max_length=160, blank=True, help_text="the rule or person that made it affected")

    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="who asked for it; empty: computed from the rules",
    )  # fmt: skip

    due_at = models.DateTimeField(help_text="due to be told: the response's clock begins here")
    limit_minutes = models.PositiveIntegerField(default=60)
    acknowledge_due_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    on_the_way_at = models.DateTimeField(null=True, blank=True)
    eta_at = models.DateTimeField(null=True, blank=True)
    arrived_at = models.DateTimeField(null=True, blank=True)
    acting_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    presence_at = models.DateTimeField(
        null=True, blank=True, help_text="the shift change at which its person was last looked at"
    )
    remind_at = models.DateTimeField(
        null=True, blank=True, help_text="whoever is asked is reminded then, or the level told again"
    )
    reminders = models.PositiveSmallIntegerField(default=0, help_text="reminders told since it began")
    repeats_told = models.PositiveSmallIntegerField(
        default=0, help_text="times the reached level was told again"
    )
    lapses_at = models.DateTimeField(
        null=True, blank=True, help_text="an acknowledgement nobody acts on lapses then"
    )
    lapse_reminded_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="taken off the list by somebody; its status is then declined"
    )
    declined_at = models.DateTimeField(null=True, blank=True)
    decline_reason = models.CharField(max_length=160, blank=True)

    ladder = models.JSONField(
        default=list, help_text="frozen: [{level, roles, after_minutes, repeats, repeat_minutes}]"
    )
    ladder_code = models.CharField(max_length=10, blank=True)
    level = models.PositiveSmallIntegerField(
        default=0, help_text="highest level told; 0 before the first telling"
    )
    next_level_at = models.DateTimeField(null=True, blank=True, help_text="the next level is due then")

    class Meta:
        ordering = ("-is_owner", "-required", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=["exception", "function", "site"],
                condition=~Q(status="declined"),
                name="one_live_response_per_function",
            ),
            models.UniqueConstraint(
                fields=["exception"], condition=Q(is_owner=True), name="one_owner_response_per_exception"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ResponseStatus.values), name="response_status_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_level_at"], condition=Q(next_level_at__isnull=False), name="response_level_due"
            ),
            models.Index(
                fields=["remind_at"], condition=Q(remind_at__isnull=False), name="response_remind_due"
            ),
            models.Index(
                fields=["lapses_at"], condition=Q(lapses_at__isnull=False), name="response_lapse_due"
            ),
            models.Index(fields=["person", "status"]),
            models.Index(fields=["function", "status"]),
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref} {self.function.code} {self.status}"

    @property
    def answered(self) -> bool:
        """The function has acknowledged, or gone further."""
        return self.status in ANSWERED

    @property
    def running_minutes(self) -> int:
        """The limit in plain minutes from `due_at`: longer than `limit_minutes` where closed hours lie between."""
        if self.acknowledge_due_at is None:
            return self.limit_minutes
        return max(1, round((self.acknowledge_due_at - self.due_at).total_seconds() / 60))


class TellingReason(models.TextChoices):
    """Why somebody is told."""

    FIRST = "first", "Affected"
    ESCALATION = "escalation", "A limit lapsed"
    LADDER = "ladder", "Told at the start by the ladder"
    UNDECIDED = "undecided", "Undecided at its limit"
    REROUTE = "reroute", "Passed on"
    SHIFT = "shift", "Shift change"
    REMINDER = "reminder", "Reminder"
    INFORM = "inform", "For information"
    CHANGE = "change", "Something changed"
    MENTION = "mention", "Named in the talk"


class Telling(models.Model):
    """One person due to be told of one exception; picked up by the notifying layer by `due_at`, once.

    `person` is empty when nobody holds the role now: the telling is then held visibly and the ladder goes on.
    """

    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="tellings")
    response = models.ForeignKey(
        Response, null=True, blank=True, on_delete=models.PROTECT, related_name="tellings"
    )
    reason = models.CharField(max_length=12, choices=TellingReason.choices, default=TellingReason.FIRST)
    level = models.PositiveSmallIntegerField(default=1)
    role = models.CharField(max_length=30, choices=Duty.choices, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="tellings"
    )
    text = models.CharField(max_length=200, blank=True)
    due_at = models.DateTimeField(default=clock.now)
    urgency_rank = models.PositiveSmallIntegerField(default=2, help_text="0 critical first")
    taken_at = models.DateTimeField(null=True, blank=True, help_text="a notice has been written for it")
    dropped = models.CharField(max_length=60, blank=True, help_text="why no notice was needed any more")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("urgency_rank", "due_at", "pk")
        indexes = [
            models.Index(
                fields=["urgency_rank", "due_at"], condition=Q(taken_at__isnull=True), name="telling_due"
            ),
            models.Index(fields=["due_at"], condition=Q(person__isnull=True), name="telling_held"),
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref} tell {self.person or self.role} ({self.reason})"
