"""When an option lapses: until when each standard option is still possible, from the published plan.

An option lapses when the next operation that consumes the affected machine, material, lot or order begins, when the
alternate unit is set up for another order, or when an answer is due; formulas per type follow the
shipped playbooks. Reads only; storing the window is `services.windows`' business.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from decisions_app.models import Option
from exceptions_app.models import ExceptionRecord
from plant_app.models import MaterialNeed, OperationStatus, PlannedOperation

OPEN_STATES = (OperationStatus.WAITING, OperationStatus.READY)
BRING_IN = {"reassign": 10, "overtime": 0, "call_in": 90}


@dataclass(frozen=True)
class Lapse:
    """When an option stops being possible (None: not foreseeable) and why, in words."""

    until: datetime | None
    why: str


def lapse_of(option: Option, exception: ExceptionRecord, at: datetime) -> Lapse:
    """The lapse of one option."""
    finder = _FINDERS.get(exception.type.code)
    if finder is None:
        return Lapse(None, "no moment known")
    return finder(option, exception, at)


def _next_on_unit(exception: ExceptionRecord) -> PlannedOperation | None:
    if exception.work_unit_id is None:
        return None
    plan = PlannedOperation.objects.filter(
        work_unit_id=exception.work_unit_id, operation__status__in=OPEN_STATES
    ).select_related("operation__work_order")
    if exception.operation_id:
        plan = plan.exclude(operation_id=exception.operation_id)
    return plan.order_by("start").first()


def _successor(exception: ExceptionRecord) -> PlannedOperation | None:
    operation = exception.operation
    if operation is None:
        return None
    return (
        PlannedOperation.objects.filter(
            operation__work_order=operation.work_order, operation__number__gt=operation.number
        )
        .order_by("operation__number")
        .select_related("operation__work_order")
        .first()
    )


def _machine(option: Option, exception: ExceptionRecord, at: datetime) -> Lapse:
    if option.code == "run_on_alternate":
        return _alternate(exception, at)
    queued, successor = _next_on_unit(exception), _successor(exception)
    starts = [row for row in (queued, successor) if row is not None]
    if not starts:
        return Lapse(None, "nothing waits for it")
    first = min(starts, key=lambda row: row.start)
    return Lapse(max(first.start, at), f"then {first.operation.work_order.number} is to begin")


def _alternate(exception: ExceptionRecord, at: datetime) -> Lapse:
    operation = exception.operation
    if operation is None:
        return Lapse(None, "no order is affected")
    best = Lapse(None, "no approved alternate")
    for alternate in operation.alternates.filter(approved=True).select_related("work_unit"):
        following = (
            PlannedOperation.objects.filter(
                work_unit=alternate.work_unit, operation__status__in=OPEN_STATES, start__gt=at
            )
            .order_by("start")
            .first()
        )
        if following is None:
            continue
        until = following.start - timedelta(minutes=float(alternate.setup_minutes))
        if best.until is None or until > best.until:
            best = Lapse(max(until, at), f"then {alternate.work_unit.code} is set up for another order")
    return best


def _material(option: Option, exception: ExceptionRecord, at: datetime) -> Lapse:
    if exception.item_id is None:
        return Lapse(None, "no item is named")
    need = (
        MaterialNeed.objects.filter(item_id=exception.item_id, operation__status__in=OPEN_STATES)
        .filter(operation__plan__start__gt=at)
        .select_related("operation__plan", "operation__work_order")
        .order_by("operation__plan__start")
        .first()
    )
    if need is None:
        return Lapse(None, "no order waits for it")
    supply = 15 if option.code == "expedite" else 0
    until = max(need.operation.plan.start - timedelta(minutes=supply), at)
    return Lapse(until, f"then {need.operation.work_order.number} needs it")


def _quality(option: Option, exception: ExceptionRecord, at: datetime) -> Lapse:
    needs = MaterialNeed.objects.filter(operation__status__in=OPEN_STATES, operation__plan__start__gt=at)
    if exception.lot_id is not None:
        needs = needs.filter(lot=exception.lot) | needs.filter(lot__isnull=True, item__lots=exception.lot)
    elif exception.item_id is not None:
        needs = needs.filter(item_id=exception.item_id)
    else:
        return Lapse(None, "no lot is named")
    need = (
        needs.select_related("operation__plan", "operation__work_order")
        .order_by("operation__plan__start")
        .first()
    )
    if need is None:
        return Lapse(None, "no order consumes it")
    return Lapse(need.operation.plan.start, f"then {need.operation.work_order.number} consumes the lot")


def _order(option: Option, exception: ExceptionRecord, at: datetime) -> Lapse:
    line = exception.sales_line
    if line is None:
        return Lapse(None, "no order line is named")
    first = (
        PlannedOperation.objects.filter(
            operation__work_order__sales_line=line, operation__status__in=OPEN_STATES, start__gt=at
        )
        .select_related("operation__work_order")
        .order_by("start")
        .first()
    )
    if first is None:
        return Lapse(line.commit_at, "then it is to ship")
    return Lapse(first.start, f"then {first.operation.work_order.number} begins")


def _labour(option: Option, exception: ExceptionRecord, at: datetime) -> Lapse:
    if exception.work_centre_id is None:
        return Lapse(None, "no work centre is named")
    first = (
        PlannedOperation.objects.filter(
            operation__work_centre_id=exception.work_centre_id,
            operation__status__in=OPEN_STATES,
            start__gt=at,
        )
        .select_related("operation__work_order")
        .order_by("start")
        .first()
    )
    if first is None:
        return Lapse(None, "nothing is planned there")
    until = first.start - timedelta(minutes=BRING_IN.get(option.code, 0))
    return Lapse(max(until, at), f"then {first.operation.work_order.number} needs the crew")


_FINDERS = {
    "machine_downtime": _machine,
    "tooling": _machine,
    "material_shortage": _material,
    "supplier_delay": _material,
    "quality_hold": _quality,
    "order_change": _order,
    "labour_shortage": _labour,
}
