"""Looks at the plant around one exception: what its severity, response window and routing facts rest on.

A handful of reads, by type; nothing is written. Unknown stays unknown. The window is the moment the best standard
response lapses, with the reason in words.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, Q
from django.utils.dateparse import parse_datetime

from exceptions_app.models import ExceptionRecord
from exceptions_app.rules.grading import FROZEN_DAYS, GRADES, ORDER_STATES, grade_of, workdays_after
from exceptions_app.rules.severity import Circumstances
from exceptions_app.services.records import scarce
from plant_app.models import (
    DeliveryLine,
    MaterialNeed,
    Operation,
    OperationAlternate,
    OperationStatus,
    PlannedOperation,
    StockRow,
    StockStatus,
    UnitState,
    WorkOrder,
    WorkUnit,
    WorkUnitState,
)
from plant_app.selectors import (
    ShiftBook,
    ShiftNow,
    effective_commit,
    effective_need_by,
    effective_promise,
    remaining_minutes,
)
from plant_app.selectors.floor import TO_COME

SAME_BUILDING_MINUTES = 15
STOP_GUESS_MINUTES = 60  # a stop nobody has dated yet
STORM_MINUTES = 5


@dataclass
class Around:
    """What was seen. `facts` are further routing facts; times are absolute."""

    at: datetime
    shift: ShiftNow | None = None
    window_until: datetime | None = None
    window_reason: str = ""
    needed_at: datetime | None = None  # when the first work that wants the missing item begins
    runs_out_at: datetime | None = None
    seen: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def minutes_to(self, moment: datetime | None) -> float | None:
        """Minutes from now, never negative; None stays None."""
        return None if moment is None else max(0.0, (moment - self.at) / timedelta(minutes=1))

    @property
    def circumstances(self) -> Circumstances:
        """The same, as the severity rules want it."""
        return Circumstances(window_min=self.minutes_to(self.window_until), **self.seen)


def look_around(exception: ExceptionRecord, at: datetime, *, shifts: ShiftBook | None = None) -> Around:
    """See the plant around `exception` (saved or not) as of `at`; `shifts` of its site save a query."""
    around = Around(at=at, shift=(shifts or ShiftBook.of(exception.site)).at(at))
    kind = str(exception.details.get("state") or exception.details.get("kind") or "")
    around.seen["kind"] = kind
    around.facts["kind"] = kind
    around.facts["staffed"] = around.shift is not None
    if around.shift is not None:
        around.seen["shift_left_min"] = around.minutes_to(around.shift.end)
    if exception.item is not None:
        around.seen["safety_characteristic"] = exception.item.safety_characteristic
    if "customer_stopped" in exception.details:
        around.seen["customer_stopped"] = _flag(exception.details["customer_stopped"])
        around.facts["customer_stopped"] = around.seen["customer_stopped"]
    look = _LOOKS.get(exception.type.code)
    if look is not None:
        look(exception, around)
    _promise(exception, around)
    _scarce(exception, around)
    return around


def _flag(value: Any) -> bool:
    return value is True or str(value).casefold() in {"true", "yes", "1", "on"}


def _moment(value: Any) -> datetime | None:
    try:
        moment = parse_datetime(str(value)) if value else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _window(around: Around, until: datetime | None, reason: str) -> None:
    """Keep the earliest moment offered."""
    if until is None or (around.window_until is not None and around.window_until <= until):
        return
    around.window_until, around.window_reason = max(until, around.at), reason[:160]


def _unit(exception: ExceptionRecord, around: Around) -> None:
    """A stopped unit: its queue, its alternates, who else stands in the area."""
    unit = exception.work_unit
    if unit is None:
        return
    around.seen["bottleneck"] = around.facts["bottleneck"] = unit.is_bottleneck
    if WorkUnitState.objects.filter(work_unit=unit, until=None, state=UnitState.PLANNED_STOP).exists():
        around.facts["planned_stop"] = True
    queue = list(
        PlannedOperation.objects.filter(work_unit=unit, operation__status__in=TO_COME)
        .select_related("operation__work_order")
        .order_by("position")[:1]
    )
    running = exception.operation
    around.seen["operation_running"] = running is not None
    setup = 0.0
    if running is not None:
        alternates = list(
            OperationAlternate.objects.filter(operation=running, approved=True)
            .exclude(
                work_unit__in=WorkUnitState.objects.filter(
                    until=None, state__in=(UnitState.DOWN, UnitState.SAFETY)
                ).values("work_unit")
            )
            .values_list("setup_minutes", flat=True)
        )
        around.seen["has_alternate"] = bool(alternates)
        setup = float(min(alternates, default=Decimal(0)))
        after = (
            Operation.objects.filter(work_order=running.work_order_id, number__gt=running.number)
            .exclude(status=OperationStatus.CANCELLED)
            .order_by("number")
            .first()
        )
        if after is not None and after.status in TO_COME:
            left = timedelta(minutes=float(remaining_minutes(running)) + setup)
            _window(around, after.planned_start - left, f"after that op {after.number} starts late")
    if queue:
        next_one = queue[0]
        around.seen["next_start_min"] = around.minutes_to(next_one.start)
        _window(
            around,
            next_one.start - timedelta(minutes=setup),
            f"after that {next_one.operation.work_order.number} cannot start on {unit.code}",
        )
    if running is not None or queue:
        start = queue[0].start if queue else around.at
        around.seen["order_within_24h"] = running is not None or start <= around.at + timedelta(hours=24)
    else:
        around.seen["order_within_24h"] = False
    around.facts["order_within_24h"] = around.seen["order_within_24h"]
    around.facts["operation_running"] = running is not None
    _neighbours(exception, unit, around)


def _neighbours(exception: ExceptionRecord, unit: WorkUnit, around: Around) -> None:
    """Units of the area that went down together, and whether their whole line stands. At most two queries."""
    down: dict[int | None, datetime] = dict(
        ExceptionRecord.objects.correlating()
        .filter(
            area=exception.area_id,
            type=exception.type_id,
            work_unit__isnull=False,
            cleared_at=None,
            drill=False,
        )
        .exclude(pk=exception.pk)
        .values_list("work_unit_id", "captured_at")
    )
    down[unit.pk] = exception.captured_at or around.at
    since = around.at - timedelta(minutes=STORM_MINUTES)
    around.facts["units_down_5min"] = sum(1 for captured in down.values() if captured >= since)
    stopped = len(down) > 1 and str(around.seen.get("kind", "")) in {"", "stopped"}
    if stopped:
        line = set(
            WorkUnit.objects.filter(work_centre=unit.work_centre_id, active=True).values_list("pk", flat=True)
        )
        stopped = len(line) > 1 and line <= down.keys()
    around.seen["line_stopped"] = around.facts["line_stopped"] = stopped


def _material(exception: ExceptionRecord, around: Around) -> None:
    """A missing item: when it runs out, and whether any is in reach."""
    details, item = exception.details, exception.item
    out = _moment(details.get("runs_out_at"))
    if around.seen["kind"] == "stopped_now":
        out = around.at
    if item is not None:
        need = (
            MaterialNeed.objects.filter(item=item, issued__lt=F("quantity"), operation__status__in=TO_COME)
            .filter(operation__work_order__site=exception.site)
            .select_related("operation__work_order")
            .order_by("operation__planned_start")
            .first()
        )
        here = elsewhere = Decimal(0)
        for site_id, status, kind, quantity in StockRow.objects.filter(item=item).values_list(
            "location__site_id", "status", "location__kind", "quantity"
        ):
            if status != StockStatus.FREE:
                continue
            if site_id == exception.site_id:
                here += quantity if kind == "storage" else Decimal(0)
            else:
                elsewhere += quantity
        around.needed_at = need.operation.planned_start if need is not None else None
        around.seen["stock_in_reach"] = here > 0
        around.facts["free_stock_other_site"] = elsewhere > 0
        around.facts["item_source"] = item.sourcing
        if out is None and need is not None and here <= 0:
            out = max(need.operation.planned_start, around.at)
        if need is not None:
            around.window_reason = f"{need.operation.work_order.number} needs it"
    around.runs_out_at = out
    around.seen["run_out_min"] = around.facts["run_out_min"] = around.minutes_to(out)
    if out is not None:
        reason = around.window_reason or "the material is used up"
        _window(around, out - timedelta(minutes=SAME_BUILDING_MINUTES), reason)


def _supplier_delay(exception: ExceptionRecord, around: Around) -> None:
    _material(exception, around)


def _quality(exception: ExceptionRecord, around: Around) -> None:
    """Suspect material: has it left, what takes it next, does the process still make it."""
    lot = exception.lot
    running = exception.operation is not None and exception.operation.status in ("running", "setup")
    around.seen["operation_running"] = around.facts["operation_running"] = running
    if lot is None:
        return
    around.facts["supplier_lot"] = bool(lot.supplier_code)
    rows = list(
        DeliveryLine.objects.filter(lot=lot)
        .values_list("delivery__shipped_at", "delivery__planned_at", "delivery__number")
        .order_by("delivery__planned_at")
    )
    around.seen["shipped"] = around.facts["shipped"] = any(shipped is not None for shipped, _, _ in rows)
    if around.seen["shipped"]:
        _window(around, around.at, "it has already shipped")
    for shipped, planned, number in rows:
        if shipped is None and planned is not None:
            _window(around, planned, f"delivery {number} leaves with it")
    need = (
        MaterialNeed.objects.filter(Q(lot=lot), operation__status__in=TO_COME)
        .select_related("operation__work_order")
        .order_by("operation__planned_start")
        .first()
    )
    if need is not None:
        _window(around, need.operation.planned_start, f"{need.operation.work_order.number} uses it")


def _order_change(exception: ExceptionRecord, around: Around) -> None:
    """A changed order: how far it has come, and what the change touches first."""
    answer_by = _moment(exception.details.get("answer_by"))
    around.facts["answer_by_min"] = around.minutes_to(answer_by)
    line = exception.sales_line
    if line is None:
        around.seen["grade"] = around.facts["grade"] = _graded(exception, "", 0)
        if exception.customer is not None:
            around.seen["customer_tier"] = exception.customer.tier
        _window(around, answer_by, "the answer is due")
        return
    orders = list(WorkOrder.objects.filter(sales_line=line).values_list("number", "status", "planned_start"))
    state = max((ORDER_STATES.get(status, 1) for _, status, _ in orders), default=1)
    shipped = line.delivered >= line.quantity
    state = 9 if line.cancelled else 8 if shipped else state
    grade = _graded(exception, grade_of(str(around.seen.get("kind", "")), state), state)
    around.facts["order_state"], around.facts["grade"] = state, grade
    around.seen["grade"] = grade
    around.seen["customer_tier"] = line.order.customer.tier
    starts = [start for _, status, start in orders if status in ("planned", "released")]
    soonest = min(starts, default=None)
    around.seen["frozen_horizon"] = soonest is not None and soonest <= workdays_after(around.at, FROZEN_DAYS)
    _window(around, soonest, "the first operation of the order starts")
    _window(around, answer_by, "the answer is due")


def _graded(exception: ExceptionRecord, by_table: str, state: int) -> str:
    """The grade a structured order message was given, which knows more than the table; once the order has moved on
    from there the harder of the two.
    """
    given, at = str(exception.details.get("grade") or ""), exception.details.get("grade_state")
    if given not in GRADES:
        return by_table
    if at is None or state <= at or by_table not in GRADES:
        return given
    return max(given, by_table, key=GRADES.index)


def _labour(exception: ExceptionRecord, around: Around) -> None:
    """A missing crew: does a bottleneck stand on it, and what starts next."""
    centre = exception.work_centre
    if centre is None:
        return
    bottleneck = WorkUnit.objects.filter(work_centre=centre, is_bottleneck=True, active=True).exists()
    around.seen["bottleneck"] = around.facts["bottleneck"] = bottleneck
    first = (
        PlannedOperation.objects.filter(work_unit__work_centre=centre, operation__status__in=TO_COME)
        .select_related("operation__work_order")
        .order_by("start")
        .first()
    )
    if first is not None:
        shift_end = around.shift.end if around.shift else around.at + timedelta(hours=8)
        around.seen["blocks_operation"] = first.start <= shift_end
        _window(around, first.start - timedelta(minutes=10), f"{first.operation.work_order.number} starts")


def _engineering(exception: ExceptionRecord, around: Around) -> None:
    around.seen["effectivity"] = str(exception.details.get("effectivity", ""))


def _promise(exception: ExceptionRecord, around: Around) -> None:
    """Slack, and what is at stake: the promise to the customer; without one, when the work order is needed by; else
    the work that waits for what a supplier promised. One query, for an overlay on the date.
    """
    line = exception.sales_line
    if line is not None:
        commit, projected = effective_commit(line), _projected(exception, around)
        around.facts["commit_at_risk"] = commit < projected
        around.facts["value_at_risk"] = (line.quantity - line.delivered) * line.unit_price
    elif exception.work_order is not None:
        commit, projected = effective_need_by(exception.work_order), _projected(exception, around)
    elif exception.purchase_line is not None and around.needed_at is not None:
        arrives = scarce.stated(exception, "new_date") or effective_promise(exception.purchase_line)
        commit, projected = around.needed_at, max(arrives, around.at)
    else:
        return
    around.facts["hours_to_due"] = round((commit - projected) / timedelta(hours=1), 2)


def _projected(exception: ExceptionRecord, around: Around) -> datetime:
    """When the linked order will be done, as far as anybody can tell now."""
    projected = exception.work_order.planned_end if exception.work_order else around.at
    if exception.type.code in {"machine_downtime", "tooling"} and around.seen.get("kind") != "slow":
        projected = max(projected, around.at) + timedelta(minutes=STOP_GUESS_MINUTES)
    return projected


def _scarce(exception: ExceptionRecord, around: Around) -> None:
    soon = around.shift.end if around.shift is not None else around.at + timedelta(hours=8)
    wanted = scarce.wanted_at(exception, around.runs_out_at)
    around.facts.update(scarce.look(exception, at=around.at, until=soon, wanted=wanted))


_LOOKS: dict[str, Callable[[ExceptionRecord, Around], None]] = {
    "machine_downtime": _unit,
    "tooling": _unit,
    "material_shortage": _material,
    "supplier_delay": _supplier_delay,
    "quality_hold": _quality,
    "order_change": _order_change,
    "labour_shortage": _labour,
    "engineering_change": _engineering,
}
