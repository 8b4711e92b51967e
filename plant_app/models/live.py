"""The site now: unit states, constraints on the plan, overlays on ERP's values, the published plan.

A constraint names the exception that put it there by an opaque `origin_ref`, since exceptions live above. A row here
never says why in words of its own: the page that shows it follows the reference.
"""

from django.db import models
from django.db.models import Q

from core import clock
from plant_app.models.items import Item, Lot
from plant_app.models.orders import Operation
from plant_app.models.people import Skill, User
from plant_app.models.places import Area, Site, WorkCentre, WorkUnit


class UnitState(models.TextChoices):
    """What a work unit does; the andon shape and colour follow from it."""

    RUNNING = "running", "Running"
    SETUP = "setup", "Changeover"
    DOWN = "down", "Down"
    MATERIAL = "material", "Waits for material"
    HOLD = "hold", "Quality hold"
    SAFETY = "safety", "Locked, safety"
    PLANNED_STOP = "planned_stop", "Planned stop"
    FREE = "free", "Free, no order"
    NO_DATA = "no_data", "No data"


class WorkUnitState(models.Model):
    """A stretch of a unit's day; the open one (no end) is what it does now. The strip on a card is drawn from these."""

    work_unit = models.ForeignKey(WorkUnit, on_delete=models.CASCADE, related_name="states")
    state = models.CharField(max_length=14, choices=UnitState.choices)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=120, blank=True)
    origin_ref = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ("-since",)
        constraints = [
            models.UniqueConstraint(
                fields=["work_unit"], condition=Q(until__isnull=True), name="one_current_state_per_unit"
            ),
            models.CheckConstraint(condition=Q(state__in=UnitState.values), name="unit_state_known"),
        ]
        indexes = [models.Index(fields=["work_unit", "-since"])]

    def __str__(self) -> str:
        return f"{self.work_unit.code} {self.state}"


class ConstraintKind(models.TextChoices):
    """What limits the plan."""

    UNIT_DOWN = "unit_down", "Work unit down"
    UNIT_SLOW = "unit_slow", "Work unit slow"
    MATERIAL_SHORT = "material_short", "Material short"
    CREW_SHORT = "crew_short", "Crew missing"
    HOLD = "hold", "On hold"
    TOOL_DOWN = "tool_down", "Tool down"
    PLACE_LOCKED = "place_locked", "Place locked"
    NOT_BEFORE = "not_before", "Not before"
    PINNED = "pinned", "Pinned to a unit"


class Constraint(models.Model):
    """A live limit on the plan, from a moment until another (none: no date known), until lifted.

    `estimated` marks a date nobody has stated yet. `factor` is the speed left (unit_slow) and `missing` the heads
    short (crew_short).
    """

    kind = models.CharField(max_length=16, choices=ConstraintKind.choices)
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="constraints")
    area = models.ForeignKey(
        Area, null=True, blank=True, on_delete=models.CASCADE, related_name="constraints"
    )
    work_centre = models.ForeignKey(
        WorkCentre, null=True, blank=True, on_delete=models.CASCADE, related_name="constraints"
    )
    work_unit = models.ForeignKey(
        WorkUnit, null=True, blank=True, on_delete=models.CASCADE, related_name="constraints"
    )
    operation = models.ForeignKey(
        Operation, null=True, blank=True, on_delete=models.CASCADE, related_name="constraints"
    )
    item = models.ForeignKey(
        Item, null=True, blank=True, on_delete=models.CASCADE, related_name="constraints"
    )
    lot = models.ForeignKey(Lot, null=True, blank=True, on_delete=models.CASCADE, related_name="constraints")
    skill = models.ForeignKey(
        Skill, null=True, blank=True, on_delete=models.CASCADE, related_name="constraints"
    )
    tool = models.CharField(max_length=40, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    estimated = models.BooleanField(default=False)
    factor = models.DecimalField(max_digits=4, decimal_places=2, null=True, blank=True)
    missing = models.PositiveSmallIntegerField(null=True, blank=True)
    quantity = models.DecimalField(max_digits=15, decimal_places=3, null=True, blank=True)
    note = models.CharField(max_length=160, blank=True)
    origin_ref = models.CharField(max_length=80, db_index=True)
    created_at = models.DateTimeField(default=clock.now)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ConstraintKind.values), name="constraint_kind_known"),
            models.UniqueConstraint(
                fields=[
                    "origin_ref",
                    "kind",
                    "site",
                    "area",
                    "work_centre",
                    "work_unit",
                    "operation",
                    "item",
                    "lot",
                    "skill",
                    "tool",
                ],
                condition=Q(lifted_at__isnull=True),
                nulls_distinct=False,
                name="constraint_open_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["site", "kind"], condition=Q(lifted_at__isnull=True), name="constraint_live"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.origin_ref})"


class Overlay(models.Model):
    """This layer's value of one ERP-owned field, in force until ERP has it (or the decision is reversed).

    `target` is `work_order`, `sales_line` or `purchase_line`; `field` the model's field; `value` its text form.
    """

    class Target(models.TextChoices):
        WORK_ORDER = "work_order", "Work order"
        SALES_LINE = "sales_line", "Sales order line"
        PURCHASE_LINE = "purchase_line", "Purchase order line"

    target = models.CharField(max_length=14, choices=Target.choices)
    target_id = models.PositiveBigIntegerField()
    field = models.CharField(max_length=30)
    value = models.CharField(max_length=80)
    erp_value = models.CharField(max_length=80, blank=True, help_text="what ERP said when this was decided")
    origin_ref = models.CharField(max_length=80, db_index=True)
    created_at = models.DateTimeField(default=clock.now)
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["target", "target_id", "field"],
                condition=Q(cleared_at__isnull=True),
                name="one_overlay_in_force_per_field",
            )
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.target_id} {self.field} = {self.value}"


class PlannedOperation(models.Model):
    """The published plan: where and when each open operation runs; ERP's own order until a sequence is published."""

    class Origin(models.TextChoices):
        ERP = "erp", "ERP"
        SEQUENCE = "sequence", "Sequence"

    operation = models.OneToOneField(Operation, on_delete=models.CASCADE, related_name="plan")
    work_unit = models.ForeignKey(WorkUnit, on_delete=models.CASCADE, related_name="plan")
    position = models.PositiveIntegerField()
    start = models.DateTimeField()
    end = models.DateTimeField()
    pinned = models.BooleanField(default=False)
    origin = models.CharField(max_length=10, choices=Origin.choices, default=Origin.ERP)
    origin_ref = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ("work_unit", "position")
        indexes = [models.Index(fields=["work_unit", "start"])]

    def __str__(self) -> str:
        return f"{self.operation} on {self.work_unit.code}"


class PlanOverride(models.Model):
    """The floor kept its own order of work, and why: written by what proposes an order, read at the handover."""

    work_centre = models.ForeignKey(WorkCentre, on_delete=models.CASCADE, related_name="overrides")
    title = models.CharField(max_length=160, help_text="what was proposed")
    reason = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(default=clock.now)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    origin_ref = models.CharField(max_length=80, unique=True)

    class Meta:
        ordering = ("-at", "-pk")
        indexes = [models.Index(fields=["work_centre", "-at"], name="plan_override_recent")]

    def __str__(self) -> str:
        return f"{self.title}: {self.reason}"


class ResequenceRequest(models.Model):
    """A reason why a site's sequence no longer fits. Only ever added, and removed by whoever re-sequences the site.

    One row per cause, so that nobody who reports a change waits for the sequence being computed.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="resequence_requests")
    due_at = models.DateTimeField(default=clock.now, db_index=True)
    created_at = models.DateTimeField(default=clock.now)
    cause = models.CharField(max_length=160)

    class Meta:
        ordering = ("due_at", "pk")

    def __str__(self) -> str:
        return f"Re-sequence {self.site.code}: {self.cause}"
