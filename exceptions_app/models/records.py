"""The exception record and its append-only story.

One open record per correlation key and one allowed set of status moves: both are PostgreSQL's word, not only ours.
"""

from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from core import clock
from exceptions_app import lifecycle
from plant_app.models import (
    Area,
    Customer,
    Duty,
    ExceptionType,
    Function,
    Item,
    Lot,
    Operation,
    PurchaseOrderLine,
    ReasonCode,
    SalesOrderLine,
    Severity,
    Site,
    Supplier,
    WorkCentre,
    WorkOrder,
    WorkUnit,
)
from routing_app.models import RoutingCase

# Sorted, so that the same set always makes the same migration.
LIVE = sorted(status.value for status in lifecycle.LIVE)
CORRELATES = sorted(status.value for status in lifecycle.CORRELATES)
STATUS_CHOICES = [(status.value, status.value.capitalize()) for status in lifecycle.Status]


class ExceptionQuerySet(models.QuerySet["ExceptionRecord"]):
    """Named filters, so that no screen spells a status list of its own."""

    def live(self) -> "ExceptionQuerySet":
        """Still somebody's work."""
        return self.filter(status__in=LIVE)

    def correlating(self) -> "ExceptionQuerySet":
        """A new signal with the same key joins these."""
        return self.filter(status__in=CORRELATES)

    def for_user(self, user: Any) -> "ExceptionQuerySet":
        """What this person may see: their sites', and records in which their function has a response."""
        if user.is_superuser:
            return self
        sites = user.grants.values("site_id")
        seen = Q(site__in=sites)
        if user.function_id:
            seen |= Q(responses__person=user) | Q(
                responses__function_id=user.function_id, responses__site__in=sites
            )
        return self.filter(pk__in=self.model._base_manager.filter(seen).values("pk"))


class ExceptionRecord(models.Model):
    """A structured, linked record that people work on; always with one owner, a clock and a next step."""

    ref = models.CharField(max_length=20, unique=True, editable=False)
    type = models.ForeignKey(ExceptionType, on_delete=models.PROTECT, related_name="exceptions")
    title = models.CharField(max_length=160)
    status = models.CharField(max_length=14, choices=STATUS_CHOICES, default=lifecycle.Status.OPEN.value)
    previous_status = models.CharField(
        max_length=14, blank=True, help_text="restored when a cancel is undone"
    )
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MEDIUM)
    urgency = models.CharField(max_length=10, default="normal")
    urgency_score = models.FloatField(default=0)
    version = models.PositiveIntegerField(
        default=0, help_text="raised by every change; a stale save is refused"
    )

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="exceptions")
    area = models.ForeignKey(Area, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions")
    work_centre = models.ForeignKey(
        WorkCentre, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    work_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    work_order = models.ForeignKey(
        WorkOrder, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    operation = models.ForeignKey(
        Operation, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    item = models.ForeignKey(Item, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions")
    lot = models.ForeignKey(Lot, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions")
    sales_line = models.ForeignKey(
        SalesOrderLine, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    purchase_line = models.ForeignKey(
        PurchaseOrderLine, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    supplier = models.ForeignKey(
        Supplier, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    reason = models.ForeignKey(
        ReasonCode, null=True, blank=True, on_delete=models.PROTECT, related_name="exceptions"
    )
    quantity = models.DecimalField(max_digits=15, decimal_places=3, null=True, blank=True)
    uom = models.CharField(max_length=10, blank=True)
    details = models.JSONField(default=dict, blank=True, help_text="capture fields of the type's form")
    correlation_key = models.CharField(max_length=200, blank=True, help_text="empty: never joined by others")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    recurrence_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="recurrences"
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )

    channel = models.CharField(max_length=12, default="api", help_text="channel of the first signal")
    reported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="reported_exceptions",
    )
    confidence = models.FloatField(default=1)
    recurring = models.BooleanField(default=False)
    shift_code = models.CharField(
        max_length=10, blank=True, help_text="shift it was captured in, plant-local"
    )
    shift_day = models.DateField(null=True, blank=True, help_text="the day that shift began")

    occurred_at = models.DateTimeField(help_text="earliest credible among the joined signals")
    occurred_estimated = models.BooleanField(
        default=False, help_text="nobody said when: capture time stands in"
    )
    captured_at = models.DateTimeField(db_index=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    first_aligned_at = models.DateTimeField(null=True, blank=True)
    aligned_at = models.DateTimeField(null=True, blank=True)
    contained_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    cleared_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, db_index=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    owner_function = models.ForeignKey(Function, on_delete=models.PROTECT, related_name="owned_exceptions")
    owner_role = models.CharField(max_length=30, choices=Duty.choices)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="owned_exceptions",
        help_text="empty while nobody of that role is on duty",
    )  # fmt: skip
    route = models.ForeignKey(RoutingCase, null=True, on_delete=models.PROTECT, related_name="+")
    limits = models.JSONField(
        default=dict, help_text="frozen: acknowledge, decide, resolve, contain in minutes"
    )

    acknowledge_due_at = models.DateTimeField(null=True, blank=True)
    decide_due_at = models.DateTimeField(null=True, blank=True)
    resolve_due_at = models.DateTimeField(null=True, blank=True)
    contain_due_at = models.DateTimeField(
        null=True, blank=True, help_text="set on opening; empty once contained"
    )
    next_escalation_at = models.DateTimeField(null=True, blank=True, help_text="undecided: one level up then")
    window_until = models.DateTimeField(
        null=True, blank=True, help_text="the best standard response lapses then"
    )
    window_reason = models.CharField(max_length=160, blank=True)
    window_check_at = models.DateTimeField(
        null=True, blank=True, help_text="window and urgency are looked at again then; empty: at once"
    )
    delay_cost = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True,
        help_text="what a minute of delay costs, in the site's currency; empty: unknown",
    )  # fmt: skip
    delay_cost_source = models.CharField(
        max_length=160, blank=True, help_text="how it was reckoned, or what is missing"
    )
    drill = models.BooleanField(
        default=False, help_text="a fire drill: people are told and answer, nothing else happens"
    )
    next_step = models.CharField(max_length=160, default="")

    reroute_count = models.PositiveSmallIntegerField(default=0)
    reopen_count = models.PositiveSmallIntegerField(default=0)
    lapsed_levels = models.PositiveSmallIntegerField(
        default=0, help_text="ladder levels reached because a limit lapsed"
    )

    objects = ExceptionQuerySet.as_manager()

    class Meta:
        ordering = ("-captured_at", "-pk")
        verbose_name = "exception"
        constraints = [
            models.UniqueConstraint(
                fields=["correlation_key"],
                condition=Q(status__in=CORRELATES) & ~Q(correlation_key=""),
                name="one_open_exception_per_key",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[status.value for status in lifecycle.Status]),
                name="exception_status_known",
            ),
            models.CheckConstraint(
                condition=Q(severity__in=Severity.values), name="exception_severity_known"
            ),
        ]
        indexes = [
            models.Index(fields=["site", "status"]),
            models.Index(fields=["area", "status"]),
            models.Index(fields=["correlation_key", "-captured_at"]),
            models.Index(fields=["owner", "status"]),
            models.Index(
                fields=["contain_due_at"],
                condition=Q(contain_due_at__isnull=False),
                name="exception_contain_due",
            ),
            models.Index(
                fields=["next_escalation_at"],
                condition=Q(next_escalation_at__isnull=False),
                name="exception_escalation_due",
            ),
            models.Index(
                fields=["window_check_at"],
                condition=Q(status__in=CORRELATES),
                name="exception_window_due",
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.FSM(name="exception_lifecycle", field="status", transitions=list(lifecycle.edges())),
            pgtrigger.Protect(name="exception_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"

    @property
    def short_ref(self) -> str:
        """The last digits, as people say them aloud."""
        return self.ref.rsplit("-", 1)[-1].lstrip("0")

    @property
    def is_live(self) -> bool:
        """Still somebody's work."""
        return self.status in lifecycle.LIVE


class ExceptionLink(models.Model):
    """A further object an exception touches: several work orders, lots or promises on one shortage.

    `target` names the model in lower case (`work_order`, `sales_line`, `lot`, `exception`); `effect` is what happens
    to it, in words.
    """

    exception = models.ForeignKey(ExceptionRecord, on_delete=models.CASCADE, related_name="links")
    target = models.CharField(max_length=20)
    target_id = models.PositiveBigIntegerField()
    label = models.CharField(max_length=80)
    effect = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["exception", "target", "target_id"], name="exception_link_once")
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref}: {self.label}"


class EventKind(models.TextChoices):
    """What can happen in a story. Higher apps record theirs under the same names."""

    OPENED = "opened", "Opened"
    JOINED = "joined", "Another signal joined"
    ROUTED = "routed", "Routed"
    REROUTED = "rerouted", "Re-routed"
    TRIAGED = "triaged", "Triaged"
    CORRECTED = "corrected", "Reading corrected"
    CONTAINED = "contained", "Contained"
    TOLD = "told", "Told"
    SEEN = "seen", "Seen"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    ACKNOWLEDGEMENT_LAPSED = "acknowledgement_lapsed", "Acknowledgement lapsed"
    ON_THE_WAY = "on_the_way", "On the way"
    ARRIVED = "arrived", "Arrived"
    ACTING = "acting", "Acting"
    FINISHED = "finished", "Finished their part"
    DECLINED = "declined", "Declined"
    TAKEN_OVER = "taken_over", "Taken over"
    SHIFT_CHANGED = "shift_changed", "Passed on at shift change"
    FUNCTION_ADDED = "function_added", "Function added"
    FUNCTION_CHANGED = "function_changed", "Function asked otherwise"
    FUNCTION_REMOVED = "function_removed", "Function taken off"
    REMINDED = "reminded", "Reminded"
    REPAIRED = "repaired", "Put right by the watchdog"
    ALIGNED = "aligned", "Aligned"
    ESCALATED = "escalated", "Escalated"
    URGENCY_CHANGED = "urgency_changed", "Urgency changed"
    WINDOW_CHANGED = "window_changed", "Response window changed"
    DECIDED = "decided", "Decided"
    DECISION_REVERSED = "decision_reversed", "Decision reversed"
    APPROVAL = "approval", "Approval"
    CAUSE_SET = "cause_set", "Root cause stated"
    EFFECT_CHECKED = "effect_checked", "Follow-up checked"
    TASK_DONE = "task_done", "Task done"
    TASK_CHANGED = "task_changed", "Task changed"
    COMMENTED = "commented", "Commented"
    CLEARED = "cleared", "Condition cleared"
    RETURNED = "returned", "Condition returned"
    RESOLVED = "resolved", "Resolved"
    CLOSED = "closed", "Closed"
    REOPENED = "reopened", "Reopened"
    CANCELLED = "cancelled", "Cancelled"
    RESTORED = "restored", "Restored"
    MERGED = "merged", "Merged"
    SPLIT = "split", "Split"
    POSTING_QUEUED = "posting_queued", "Posting queued"
    POSTING_SETTLED = "posting_settled", "Posting settled"
    SEQUENCED = "sequenced", "Sequence proposed"
    OVERRIDDEN = "overridden", "Recommendation overridden"


class ExceptionEvent(models.Model):
    """Append-only line of an exception's story: timeline, audit trail and metrics' source in one table."""

    exception = models.ForeignKey(ExceptionRecord, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=24, choices=EventKind.choices)
    at = models.DateTimeField(default=clock.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    actor_text = models.CharField(
        max_length=80, blank=True, help_text="who, where it was no login: rule 12, ERP"
    )
    via = models.CharField(max_length=20, blank=True, help_text="station, inbox, link, api, system")
    text = models.CharField(max_length=300, blank=True)
    data = models.JSONField(default=dict, blank=True)
    signal = models.ForeignKey(
        "exceptions_app.Signal", null=True, blank=True, on_delete=models.PROTECT, related_name="events"
    )

    class Meta:
        ordering = ("at", "pk")
        indexes = [models.Index(fields=["exception", "at"]), models.Index(fields=["kind", "at"])]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="event_kind_known")
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="event_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.exception.ref} {self.kind}"
