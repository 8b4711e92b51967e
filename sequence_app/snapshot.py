"""The plant as the dispatcher wants it: open operations as jobs, work units with their closed times.

Reads the effective state (ERP plus this layer's overlays and live constraints), a fixed number of queries whatever the
site's size. Minutes count from `at`.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf

from plant_app.models import (
    Constraint,
    ConstraintKind,
    Operation,
    OperationStatus,
    PlannedOperation,
    Site,
    WorkOrderStatus,
    WorkUnit,
)
from plant_app.selectors.duty import ShiftBook
from plant_app.selectors.effective import effective_need_by, overlays_in_force
from sequence_app.dispatch import Binding, Job, Unit, Way

HORIZON = timedelta(days=21)
STARTED = (OperationStatus.SETUP, OperationStatus.RUNNING)
OPEN = (OperationStatus.WAITING, OperationStatus.READY, OperationStatus.STOPPED, *STARTED)
WEIGHTS = {"A": 4.0, "B": 2.0, "C": 1.0}
Closed = tuple[float, float, Binding]


@dataclass
class Snapshot:
    """What was read: the dispatcher's input and the rows behind it."""

    site: Site
    at: datetime
    jobs: list[Job] = field(default_factory=list)
    units: dict[int, Unit] = field(default_factory=dict)
    operations: dict[int, Operation] = field(default_factory=dict)
    unit_rows: dict[int, WorkUnit] = field(default_factory=dict)
    published: dict[int, PlannedOperation] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)

    def moment(self, minutes: float) -> datetime:
        """A dispatcher's minute as a moment."""
        return self.at + timedelta(minutes=minutes)

    def minutes(self, moment: datetime) -> float:
        """A moment as a dispatcher's minute."""
        return (moment - self.at) / timedelta(minutes=1)


def take(site: Site, at: datetime) -> Snapshot:
    """Read the site."""
    snapshot = Snapshot(site=site, at=at)
    constraints = list(
        Constraint.objects.filter(site=site, lifted_at=None).select_related(
            "work_unit__work_centre", "work_centre"
        )
    )
    _units(snapshot, constraints)
    _jobs(snapshot, constraints)
    return snapshot


def _units(snapshot: Snapshot, constraints: list[Constraint]) -> None:
    site, at = snapshot.site, snapshot.at
    off = _off_shift(site, at)
    rows = WorkUnit.objects.filter(work_centre__area__site=site, active=True).select_related(
        "work_centre__area"
    )
    by_centre: dict[int, list[WorkUnit]] = defaultdict(list)
    for row in rows:
        snapshot.unit_rows[row.pk] = row
        by_centre[row.work_centre_id].append(row)
    closed: dict[int, list[Closed]] = {pk: list(off) for pk in snapshot.unit_rows}
    for constraint in constraints:
        span = (
            max(0.0, snapshot.minutes(constraint.starts_at)),
            snapshot.minutes(constraint.ends_at) if constraint.ends_at else inf,
            Binding.UNIT_DOWN,
        )
        if span[1] <= 0:
            # Its date has passed without a word: the unit is still down, the owner is being asked for a new date.
            span = (0.0, 15.0, Binding.UNIT_DOWN)
        for unit in _limited(constraint, snapshot, by_centre):
            closed[unit].append(span)
    last = dict(
        Operation.objects.filter(
            work_order__site=site, status__in=(*STARTED, OperationStatus.FINISHED), actual_unit__isnull=False
        )
        .order_by("started_at")
        .values_list("actual_unit_id", "setup_family")
    )
    for pk in snapshot.unit_rows:
        snapshot.units[pk] = Unit(key=pk, family=last.get(pk, ""), closed=tuple(merged(closed[pk])))


def _limited(constraint: Constraint, snapshot: Snapshot, by_centre: dict[int, list[WorkUnit]]) -> list[int]:
    """Units a constraint closes."""
    if constraint.kind in {ConstraintKind.UNIT_DOWN, ConstraintKind.PLACE_LOCKED, ConstraintKind.TOOL_DOWN}:
        if constraint.work_unit_id is not None:
            return [constraint.work_unit_id] if constraint.work_unit_id in snapshot.unit_rows else []
        if constraint.work_centre_id is not None:
            return [unit.pk for unit in by_centre[constraint.work_centre_id]]
        if constraint.area_id is not None:
            return [
                pk
                for pk, unit in snapshot.unit_rows.items()
                if unit.work_centre.area_id == constraint.area_id
            ]
    if constraint.kind == ConstraintKind.CREW_SHORT and constraint.work_centre is not None:
        units = by_centre[constraint.work_centre.pk]
        crew = max(1, constraint.work_centre.crew)
        present = max(0, crew - (constraint.missing or 1))
        manned = len(units) * present // crew
        return [unit.pk for unit in units[manned:]]
    return []


def merged(intervals: list[Closed]) -> list[Closed]:
    """Sorted, non-overlapping; the reason of the earlier beginning stays, down before shift where they begin alike."""
    found: list[Closed] = []
    for begin, end, why in sorted(intervals, key=lambda entry: (entry[0], entry[2] != Binding.UNIT_DOWN)):
        if found and begin <= found[-1][1]:
            last = found[-1]
            reason = Binding.UNIT_DOWN if Binding.UNIT_DOWN in (why, last[2]) else last[2]
            found[-1] = (last[0], max(last[1], end), reason)
        else:
            found.append((begin, end, why))
    return found


def _off_shift(site: Site, at: datetime) -> list[Closed]:
    """When no shift runs within the horizon; a site without shifts works round the clock."""
    book = ShiftBook.of(site)
    if not any(not shift.office for shift in book.shifts):
        return []
    found: list[Closed] = []
    moment, end = at, at + HORIZON
    while moment < end:
        running = book.at(moment)
        if running is not None:
            moment = running.end
            continue
        following = book.next_start(moment) or end
        found.append(
            ((moment - at) / timedelta(minutes=1), (following - at) / timedelta(minutes=1), Binding.SHIFT)
        )
        moment = following
    return found


def _jobs(snapshot: Snapshot, constraints: list[Constraint]) -> None:
    site = snapshot.site
    operations = list(
        Operation.objects.filter(
            work_order__site=site,
            status__in=OPEN,
            work_order__status__in=(WorkOrderStatus.RELEASED, WorkOrderStatus.RUNNING),
        )
        .select_related(
            "work_order__item",
            "work_order__sales_line__order__customer",
            "work_centre",
            "work_unit",
            "actual_unit",
        )
        .prefetch_related("alternates", "material_needs")
        .order_by("work_order_id", "number")
    )
    overlays = overlays_in_force([operation.work_order for operation in operations])
    units_of: dict[int, list[int]] = defaultdict(list)
    for pk, unit in snapshot.unit_rows.items():
        units_of[unit.work_centre_id].append(pk)
    limits = _Limits(snapshot, constraints)
    by_order: dict[int, list[Operation]] = defaultdict(list)
    for operation in operations:
        snapshot.operations[operation.pk] = operation
        by_order[operation.work_order_id].append(operation)
    for steps in by_order.values():
        need_by = snapshot.minutes(effective_need_by(steps[0].work_order, overlays))
        tail = 0.0
        for index in range(len(steps) - 1, -1, -1):
            job = _job(snapshot, steps, index, need_by - tail, units_of, limits)
            snapshot.jobs.append(job)
            tail += min((way.setup + way.run for way in job.ways), default=0.0)
    snapshot.jobs.sort(key=lambda job: job.key)
    for planned in PlannedOperation.objects.filter(operation_id__in=snapshot.operations).select_related(
        "work_unit"
    ):
        snapshot.published[planned.operation_id] = planned


def _job(
    snapshot: Snapshot,
    steps: list[Operation],
    index: int,
    due: float,
    units_of: dict[int, list[int]],
    limits: "_Limits",
) -> Job:
    operation = steps[index]
    line = operation.work_order.sales_line
    release, why = limits.release(operation)
    started = operation.status in STARTED and operation.actual_unit_id is not None
    return Job(
        key=operation.pk,
        order=operation.work_order.number,
        due=due,
        ways=_ways(operation, units_of, limits, started=started),
        family=operation.setup_family,
        weight=WEIGHTS.get(line.order.customer.tier, 1.0) if line else 1.0,
        release=release,
        release_why=why,
        after=(steps[index - 1].pk,) if index else (),
        fixed_start=_started_minute(snapshot, operation) if started else None,
        pinned_unit=limits.pins.get(operation.pk),
        blocked="" if started else limits.blocked(operation),
    )


def _started_minute(snapshot: Snapshot, operation: Operation) -> float:
    return snapshot.minutes(operation.started_at) if operation.started_at else 0.0


def _ways(
    operation: Operation, units_of: dict[int, list[int]], limits: "_Limits", *, started: bool
) -> tuple[Way, ...]:
    left = max(Decimal(0), operation.work_order.quantity - operation.good - operation.scrap)
    run = float(left * operation.run_minutes)
    setup = float(operation.setup_minutes)
    if started and operation.actual_unit_id is not None:
        factor = limits.speed.get(operation.actual_unit_id, 1.0)
        return (Way(operation.actual_unit_id, 0.0, run / factor),)
    planned = operation.work_unit_id
    first = [planned] if planned is not None else units_of[operation.work_centre_id]
    ways = [Way(unit, setup, run / limits.speed.get(unit, 1.0)) for unit in first]
    ways += [
        Way(
            alternate.work_unit_id,
            float(alternate.setup_minutes),
            run * float(alternate.run_factor) / limits.speed.get(alternate.work_unit_id, 1.0),
            primary=False,
        )
        for alternate in operation.alternates.all()
        if alternate.approved and alternate.work_unit_id not in first
    ]
    return tuple(ways)


class _Limits:
    """Constraints on operations and material, looked up by what they limit."""

    def __init__(self, snapshot: Snapshot, constraints: list[Constraint]) -> None:
        self.snapshot = snapshot
        self.pins: dict[int, int] = {}
        self.starts: dict[int, float] = {}
        self.speed: dict[int, float] = {}
        self.held_operations: dict[int, str] = {}
        self.held_lots: dict[int, str] = {}
        self.short: dict[int, tuple[float, str]] = {}
        self.short_operations: dict[int, set[int]] = defaultdict(set)
        for constraint in constraints:
            self._take(constraint)

    def _take(self, constraint: Constraint) -> None:
        end = self.snapshot.minutes(constraint.ends_at) if constraint.ends_at else inf
        if constraint.kind == ConstraintKind.PINNED and constraint.operation_id:
            if end <= 0:
                return
            if constraint.work_unit_id:
                self.pins[constraint.operation_id] = constraint.work_unit_id
            self.starts[constraint.operation_id] = max(0.0, self.snapshot.minutes(constraint.starts_at))
        elif constraint.kind == ConstraintKind.NOT_BEFORE and constraint.operation_id:
            self.starts[constraint.operation_id] = max(self.starts.get(constraint.operation_id, 0.0), end)
        elif constraint.kind == ConstraintKind.UNIT_SLOW and constraint.work_unit_id and constraint.factor:
            self.speed[constraint.work_unit_id] = max(0.05, float(constraint.factor))
        elif constraint.kind == ConstraintKind.HOLD:
            if constraint.operation_id:
                self.held_operations[constraint.operation_id] = constraint.note
            if constraint.lot_id:
                self.held_lots[constraint.lot_id] = constraint.note
        elif constraint.kind == ConstraintKind.MATERIAL_SHORT and constraint.item_id:
            if constraint.operation_id:
                self.short_operations[constraint.item_id].add(constraint.operation_id)
            self.short[constraint.item_id] = (end, constraint.note)

    def release(self, operation: Operation) -> tuple[float, Binding]:
        """Earliest start and what it waits for."""
        release, why = 0.0, Binding.NOW
        if operation.pk in self.starts and self.starts[operation.pk] < inf:
            release = self.starts[operation.pk]
            why = Binding.PINNED if operation.pk in self.pins else Binding.NOT_BEFORE
        for need in operation.material_needs.all():
            end, _ = self._short_for(operation, need.item_id)
            if release < end < inf:
                release, why = end, Binding.MATERIAL
        return release, why

    def blocked(self, operation: Operation) -> str:
        """Why the operation can't be planned at all, in words."""
        if operation.pk in self.held_operations:
            return f"on hold: {self.held_operations[operation.pk]}"
        for need in operation.material_needs.all():
            if need.lot_id in self.held_lots:
                return f"its lot is on hold: {self.held_lots[need.lot_id]}"
            end, note = self._short_for(operation, need.item_id)
            if end == inf:
                return f"material short, no date: {note}"
        return ""

    def _short_for(self, operation: Operation, item_id: int) -> tuple[float, str]:
        if item_id not in self.short:
            return 0.0, ""
        named = self.short_operations.get(item_id)
        if named and operation.pk not in named:
            return 0.0, ""
        return self.short[item_id]
