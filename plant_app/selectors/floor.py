"""The floor now: unit states, running work, queues, constraints, who waits for an order."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from plant_app.models import (
    Constraint,
    Operation,
    OperationStatus,
    PlannedOperation,
    SalesOrderLine,
    Site,
    WorkCentre,
    WorkOrder,
    WorkUnit,
    WorkUnitState,
)

ON_UNIT = (OperationStatus.RUNNING, OperationStatus.SETUP, OperationStatus.STOPPED)
TO_COME = (OperationStatus.WAITING, OperationStatus.READY)


def open_constraints(
    site: Site, *, at: datetime | None = None, kinds: Collection[str] | None = None
) -> QuerySet[Constraint]:
    """Constraints of `site` nobody has lifted, newest first, with their objects joined.

    One whose end has passed still counts: it never lifts itself, the owner is asked again. With `at`, only those that
    have begun by then.
    """
    rows = Constraint.objects.filter(site=site, lifted_at=None).select_related(
        "area", "work_centre", "work_unit", "operation__work_order", "item", "lot", "skill"
    )
    if at is not None:
        rows = rows.filter(starts_at__lte=at)
    if kinds is not None:
        rows = rows.filter(kind__in=kinds)
    return rows


def constraints_on_unit(work_unit: WorkUnit) -> QuerySet[Constraint]:
    """Open constraints that concern one unit: on itself, its work centre or its area."""
    centre = work_unit.work_centre
    return open_constraints(centre.area.site).filter(
        Q(work_unit=work_unit)
        | Q(work_unit=None, work_centre=centre)
        | Q(work_unit=None, work_centre=None, operation=None, area=centre.area)
    )


def current_states(units: Iterable[WorkUnit | int]) -> dict[int, WorkUnitState]:
    """The open stretch of each unit, by unit id. One query."""
    return {
        state.work_unit_id: state
        for state in WorkUnitState.objects.filter(work_unit__in=list(units), until=None)
    }


def states_between(
    units: Iterable[WorkUnit | int], start: datetime, end: datetime
) -> dict[int, list[WorkUnitState]]:
    """Stretches of each unit that touch [start, end), oldest first: what a shift strip is drawn from. One query."""
    rows = (
        WorkUnitState.objects.filter(work_unit__in=list(units), since__lt=end)
        .filter(Q(until=None) | Q(until__gt=start))
        .order_by("since")
    )
    found: dict[int, list[WorkUnitState]] = {}
    for row in rows:
        found.setdefault(row.work_unit_id, []).append(row)
    return found


def running_operation(work_unit: WorkUnit) -> Operation | None:
    """What is on the unit: running, else in changeover, else stopped in the middle. One query."""
    rank = Case(
        *[When(status=status, then=Value(place)) for place, status in enumerate(ON_UNIT)],
        output_field=IntegerField(),
    )
    return (
        Operation.objects.filter(actual_unit=work_unit, status__in=ON_UNIT)
        .select_related("work_order__item", "work_centre")
        .order_by(rank, "-started_at")
        .first()
    )


def running_operations(units: Iterable[WorkUnit | int]) -> dict[int, Operation]:
    """As `running_operation` for many units, by unit id. One query."""
    rows = Operation.objects.filter(actual_unit__in=list(units), status__in=ON_UNIT).select_related(
        "work_order__item", "work_order__sales_line__order__customer"
    )
    order = {str(status): place for place, status in enumerate(ON_UNIT)}
    found: dict[int, Operation] = {}
    for row in rows:
        unit_id = row.actual_unit_id
        if unit_id is None:
            continue
        other = found.get(unit_id)
        if other is None or order[row.status] < order[other.status]:
            found[unit_id] = row
    return found


def queue_of(place: WorkUnit | WorkCentre) -> QuerySet[PlannedOperation]:
    """What comes next on a unit, or on all units of a work centre, in the order of the published plan."""
    rows = PlannedOperation.objects.filter(operation__status__in=TO_COME).select_related(
        "operation__work_order__item", "operation__work_order__sales_line__order__customer", "work_unit"
    )
    if isinstance(place, WorkUnit):
        return rows.filter(work_unit=place).order_by("position")
    return rows.filter(work_unit__work_centre=place).order_by("work_unit__position", "work_unit", "position")


def remaining_minutes(operation: Operation, *, factor: Decimal = Decimal(1)) -> Decimal:
    """Run minutes still to go at planned speed; setup included while it has not been started."""
    left = max(Decimal(0), operation.work_order.quantity - operation.good - operation.scrap)
    setup = operation.setup_minutes if operation.started_at is None else Decimal(0)
    return setup + left * operation.run_minutes * factor


def projected_end(operation: Operation, at: datetime) -> datetime:
    """When a running operation ends if it goes on at planned speed."""
    return at + timedelta(minutes=float(remaining_minutes(operation)))


_DOWNSTREAM = """
WITH RECURSIVE chain(id, parent_id, sales_line_id, depth) AS (
    SELECT id, parent_id, sales_line_id, 0 FROM plant_app_workorder WHERE id = ANY(%s)
  UNION ALL
    SELECT up.id, up.parent_id, up.sales_line_id, chain.depth + 1
    FROM plant_app_workorder up JOIN chain ON up.id = chain.parent_id
    WHERE chain.depth < 20
)
SELECT DISTINCT sales_line_id FROM chain WHERE sales_line_id IS NOT NULL
"""


def downstream_sales_lines(*work_orders: WorkOrder) -> list[SalesOrderLine]:
    """Open sales lines that wait for these work orders, directly or through the orders they feed; soonest commit first.

    Follows `parent` upwards at most twenty levels. Two queries.
    """
    pks = [order.pk for order in work_orders]
    raw = SalesOrderLine.objects.raw(
        f"SELECT l.id FROM plant_app_salesorderline l WHERE l.id IN ({_DOWNSTREAM} )",  # noqa: S608 (a constant)
        [pks],
    )
    lines = SalesOrderLine.objects.filter(pk__in=[row.pk for row in raw], cancelled=False)
    return [
        line
        for line in lines.select_related("order__customer", "item").order_by("commit_at", "pk")
        if line.delivered < line.quantity
    ]
