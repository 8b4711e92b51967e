"""Machine data: which signals mean what, and what a bridge knows of each node it reads.

A definition is edited by people. A node's row belongs to whoever holds its lease: sequence, aliases and debounce states
live here, so a restart or another worker goes on exactly where the last store was.
"""

from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app.models.signals import Source
from plant_app.models import ExceptionType, ReasonCode, WorkUnit


class SignalKind(models.TextChoices):
    """What values a signal has."""

    BOOL = "bool", "Yes or no"
    STATE = "state", "Named state"
    NUMBER = "number", "Number"


class SignalOperator(models.TextChoices):
    """How a value is compared."""

    IS = "is", "is"
    IS_NOT = "is_not", "is not"
    ABOVE = "above", "is above"
    BELOW = "below", "is below"


class MachineSignal(models.Model):
    """One signal somebody defined: where it is found, when it is a stop, and what the exception is."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="machine_signals")
    code = models.SlugField(max_length=40, help_text="short name, unique within the source")
    topic = models.CharField(
        max_length=200,
        help_text="JSON: the topic. Sparkplug: group/node or group/node/device. OPC UA and MTConnect: as their guide "
        "says. A level may be {unit}, {any_name} or +.",
    )
    metric = models.CharField(
        max_length=200, blank=True, help_text="Sparkplug: the metric's name. JSON: dotted path of the value"
    )
    time_path = models.CharField(
        max_length=100, blank=True, help_text="JSON: dotted path of the source's time; empty: time of arrival"
    )
    quality_path = models.CharField(max_length=100, blank=True, help_text="JSON: dotted path of the quality")
    work_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.PROTECT, related_name="machine_signals",
        help_text="empty: the {unit} level of the topic names it",
    )  # fmt: skip
    kind = models.CharField(max_length=8, choices=SignalKind.choices, default=SignalKind.BOOL)
    operator = models.CharField(max_length=8, choices=SignalOperator.choices, default=SignalOperator.IS)
    operand = models.CharField(
        max_length=200, help_text="true, false, a number, or states parted by commas: STOPPED, FAULT"
    )
    deadband = models.FloatField(default=0, help_text="number: how far back it must come to count as back")
    on_delay = models.FloatField(default=10, help_text="seconds it must last before it is told")
    off_delay = models.FloatField(default=10, help_text="seconds it must be gone before that is told")
    reopen_within = models.FloatField(
        default=120, help_text="seconds in which it coming back is the same stop"
    )
    silence_after = models.FloatField(
        default=0, help_text="seconds without any value before “no data” is told; 0: never"
    )
    reorder_within = models.FloatField(default=0.25, help_text="seconds a value waits for an earlier one")
    chatter_count = models.PositiveSmallIntegerField(
        default=5, help_text="stops in the time below that make it a bad sensor; 0: never"
    )
    chatter_minutes = models.FloatField(default=10)
    shelve_minutes = models.FloatField(default=60, help_text="how long a bad sensor is not listened to")
    exception_type = models.ForeignKey(ExceptionType, on_delete=models.PROTECT, related_name="+")
    reason = models.ForeignKey(ReasonCode, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(
        max_length=200,
        blank=True,
        help_text="what the exception says; {unit}, {value} and {signal} are filled in",
    )
    active = models.BooleanField(default=True)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("source", "code")
        constraints = [
            models.UniqueConstraint(fields=["source", "code"], name="machine_signal_code"),
            models.CheckConstraint(
                condition=Q(kind__in=SignalKind.values) & Q(operator__in=SignalOperator.values),
                name="machine_signal_choices_known",
            ),
            models.CheckConstraint(
                condition=Q(deadband__gte=0, on_delay__gte=0, off_delay__gte=0, reopen_within__gte=0)
                & Q(silence_after__gte=0, reorder_within__gte=0, chatter_minutes__gt=0, shelve_minutes__gt=0),
                name="machine_signal_times_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class BridgeNode(models.Model):
    """One node of a source: a JSON topic, a Sparkplug edge node, a server. Held by one worker at a time.

    `epoch` grows with every claim and is the fence: a worker writes only where owner and epoch are still its own.
    `state` = {"signals": [...], "states": {definition:unit -> SignalState}}; `birth` is the Sparkplug birth map.
    """

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="nodes")
    key = models.CharField(max_length=400, help_text="topic, group/node, or server")
    owner = models.CharField(max_length=80, blank=True, help_text="worker that holds it")
    lease_until = models.DateTimeField(null=True, blank=True)
    epoch = models.PositiveIntegerField(default=0)
    online = models.BooleanField(default=False)
    seq = models.SmallIntegerField(default=-1)
    bd_seq = models.BigIntegerField(default=-1)
    birth = models.JSONField(default=dict, blank=True)
    state = models.JSONField(default=dict, blank=True)
    counters = models.JSONField(default=dict, blank=True)
    fault = models.CharField(max_length=300, blank=True, help_text="last message that could not be read")
    fault_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    stored_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("source", "key")
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="bridge_node_once")]
        indexes = [models.Index(fields=["source", "lease_until"], name="bridge_node_lease")]

    def __str__(self) -> str:
        return self.key
