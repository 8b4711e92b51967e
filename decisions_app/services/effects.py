"""Plant effects: what containing or deciding does to the live state of the site, each under a catalogue name.

Every effect calls plant services and names the exception as the origin, so that clearing lifts exactly what was
imposed. Runs inside the caller's transaction, the exception locked.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from core import clock
from decisions_app.inputs import amount, moment
from decisions_app.posting_templates.situation import Situation
from decisions_app.posting_templates.stock import blocked_location, held_stock
from exceptions_app.models import ExceptionRecord
from plant_app.models import (
    Constraint,
    ConstraintKind,
    UnitState,
    WorkUnit,
)
from plant_app.selectors.floor import constraints_on_unit
from plant_app.services import live, overlay, progress

Effect = Callable[[Situation], None]


def origin(exception: ExceptionRecord) -> str:
    """How lower tables remember this exception."""
    return f"exception:{exception.pk}"


def _estimate(situation: Situation) -> datetime:
    """The assumed end: median of the last ten stops of this unit and reason, else the playbook's estimate."""
    exception = situation.exception
    past = list(
        ExceptionRecord.objects.filter(
            type=exception.type,
            work_unit=exception.work_unit,
            reason=exception.reason,
            cleared_at__isnull=False,
        )
        .exclude(pk=exception.pk)
        .order_by("-cleared_at")
        .values_list("occurred_at", "cleared_at")[:10]
    )
    minutes = sorted((cleared - occurred) / timedelta(minutes=1) for occurred, cleared in past if cleared)
    if minutes:
        assumed = minutes[len(minutes) // 2]
    else:
        playbook = getattr(exception.type, "playbook", None)
        assumed = float(playbook.estimate_minutes) if playbook else 60.0
    return max(exception.occurred_at + timedelta(minutes=assumed), situation.at + timedelta(minutes=5))


def _impose(situation: Situation, kind: ConstraintKind, **what: Any) -> Constraint:
    exception = situation.exception
    return live.impose_constraint(
        kind=kind,
        site=exception.site,
        origin_ref=origin(exception),
        note=exception.title[:160],
        **what,
    )


def unit_down(situation: Situation) -> None:
    """The unit is down (or slow) until the estimate."""
    exception = situation.exception
    unit = exception.work_unit
    if unit is None:
        return
    if exception.details.get("state") == "slow":
        _impose(
            situation,
            ConstraintKind.UNIT_SLOW,
            work_unit=unit,
            starts_at=exception.occurred_at,
            ends_at=_estimate(situation),
            estimated=True,
            factor=Decimal("0.8"),
        )
        return
    _impose(
        situation,
        ConstraintKind.UNIT_DOWN,
        work_unit=unit,
        starts_at=exception.occurred_at,
        ends_at=_estimate(situation),
        estimated=True,
    )
    live.set_unit_state(
        work_unit=unit,
        state=UnitState.DOWN,
        at=exception.occurred_at,
        note=exception.title[:120],
        origin_ref=origin(exception),
    )
    if exception.operation is not None:
        progress.stop_operation(operation_id=exception.operation.pk, at=exception.occurred_at)


def _restate(situation: Situation, kind: ConstraintKind, until: datetime | None) -> None:
    if until is not None:
        live.restate_constraint(
            origin_ref=origin(situation.exception), kind=kind, ends_at=until, estimated=False
        )


def unit_down_until(situation: Situation) -> None:
    """The stated moment takes the estimate's place."""
    _restate(situation, ConstraintKind.UNIT_DOWN, moment(situation.values, "expected_up_at"))


def material_short(situation: Situation) -> None:
    """Operations that reserve the item wait; the unit that stands for it shows it."""
    exception = situation.exception
    if exception.item is None:
        return
    receipt = (
        exception.item.purchase_lines.filter(order__site=exception.site, promised_at__gt=situation.at)
        .order_by("promised_at")
        .first()
    )
    _impose(
        situation,
        ConstraintKind.MATERIAL_SHORT,
        item=exception.item,
        operation=exception.operation,
        starts_at=exception.occurred_at,
        ends_at=receipt.promised_at if receipt else None,
        estimated=True,
        quantity=exception.quantity,
    )
    if exception.work_unit is not None and exception.details.get("kind", "stopped_now") == "stopped_now":
        live.set_unit_state(
            work_unit=exception.work_unit,
            state=UnitState.MATERIAL,
            at=exception.occurred_at,
            note=exception.title[:120],
            origin_ref=origin(exception),
        )


def short_until(situation: Situation) -> None:
    """The stated arrival takes the assumed one's place."""
    _restate(situation, ConstraintKind.MATERIAL_SHORT, moment(situation.values, "arrival"))


def short_lifted(situation: Situation) -> None:
    """The operation runs with a substitute; the shortage no longer limits it."""
    live.lift_constraints(origin_ref=origin(situation.exception), kind=ConstraintKind.MATERIAL_SHORT)


def hold_lot(situation: Situation) -> None:
    """Lot or operation on hold at once; stock shows as blocked here before ERP knows."""
    exception = situation.exception
    if exception.lot is None and exception.operation is None and exception.item is None:
        return
    _impose(
        situation,
        ConstraintKind.HOLD,
        lot=exception.lot,
        item=exception.item if exception.lot is None else None,
        operation=exception.operation if exception.lot is None else None,
        starts_at=exception.occurred_at,
        ends_at=None,
        quantity=exception.quantity,
    )
    row, blocked = held_stock(exception), blocked_location(exception)
    if row is not None and blocked is not None:
        quantity = min(exception.quantity or row.quantity, row.quantity)
        exception.details = {**exception.details, "held_from": row.location.code}
        exception.save(update_fields=["details"])
        overlay.overlay_stock(
            item=row.item,
            lot=row.lot,
            quantity=quantity,
            location=row.location,
            to_location=blocked,
            origin_ref=origin(exception),
            allow_short=True,
        )
    if exception.work_unit is not None:
        live.set_unit_state(
            work_unit=exception.work_unit,
            state=UnitState.HOLD,
            at=exception.occurred_at,
            note=exception.title[:120],
            origin_ref=origin(exception),
        )


def hold_lifted(situation: Situation) -> None:
    """The whole hold ends when everything suspect is decided; until then it stays for the rest."""
    exception = situation.exception
    decided = amount(situation.values, "quantity")
    if exception.quantity is None or decided >= exception.quantity:
        live.lift_constraints(origin_ref=origin(exception), kind=ConstraintKind.HOLD)


def crew_short(situation: Situation) -> None:
    """The work centre runs with fewer people until the end given, or the shift's."""
    exception = situation.exception
    if exception.work_centre is None:
        return
    missing = int(amount(exception.details, "missing") or exception.quantity or 1)
    _impose(
        situation,
        ConstraintKind.CREW_SHORT,
        work_centre=exception.work_centre,
        starts_at=exception.occurred_at,
        ends_at=_estimate(situation),
        estimated=True,
        missing=missing,
    )


def crew_covered(situation: Situation) -> None:
    """The crew is complete again."""
    live.lift_constraints(origin_ref=origin(situation.exception), kind=ConstraintKind.CREW_SHORT)


def crew_from(situation: Situation) -> None:
    """The crew is complete from the stated arrival."""
    _restate(situation, ConstraintKind.CREW_SHORT, moment(situation.values, "arrival"))


def tool_down(situation: Situation) -> None:
    """The tool can't be used."""
    exception = situation.exception
    tool = str(exception.details.get("tool") or "")
    if tool:
        _impose(
            situation,
            ConstraintKind.TOOL_DOWN,
            tool=tool[:40],
            work_unit=exception.work_unit,
            starts_at=exception.occurred_at,
            ends_at=_estimate(situation),
            estimated=True,
        )


def place_locked(situation: Situation) -> None:
    """The place is locked, without an end: only people release it."""
    exception = situation.exception
    _impose(
        situation,
        ConstraintKind.PLACE_LOCKED,
        area=exception.area if exception.work_unit is None else None,
        work_unit=exception.work_unit,
        starts_at=exception.occurred_at,
        ends_at=None,
    )
    if exception.work_unit is not None:
        live.set_unit_state(
            work_unit=exception.work_unit,
            state=UnitState.SAFETY,
            at=exception.occurred_at,
            note=exception.title[:120],
            origin_ref=origin(exception),
        )


def pin_to_unit(situation: Situation) -> None:
    """The operation runs on the chosen unit from the stated start."""
    exception = situation.exception
    unit = WorkUnit.objects.filter(code=situation.values.get("to_unit") or "").first()
    if unit is None or exception.operation is None:
        return
    _impose(
        situation,
        ConstraintKind.PINNED,
        operation=exception.operation,
        work_unit=unit,
        starts_at=moment(situation.values, "start") or situation.at,
        ends_at=None,
    )


def not_before(situation: Situation) -> None:
    """The operation does not start before the stated moment."""
    exception = situation.exception
    until = moment(situation.values, "not_before")
    if until is None or exception.operation is None:
        return
    _impose(
        situation,
        ConstraintKind.NOT_BEFORE,
        operation=exception.operation,
        starts_at=situation.at,
        ends_at=until,
    )


def promise_changed(situation: Situation) -> None:
    """The promise takes the agreed date here until ERP has it; the work order is needed by then."""
    exception = situation.exception
    when = moment(situation.values, "commit_at")
    if when is None:
        return
    if exception.sales_line is not None:
        overlay.overlay_value(
            target=exception.sales_line, field="commit_at", value=when, origin_ref=origin(exception)
        )
    if exception.work_order is not None:
        overlay.overlay_value(
            target=exception.work_order, field="need_by", value=when, origin_ref=origin(exception)
        )


def quantity_changed(situation: Situation) -> None:
    """The promise takes the agreed quantity here until ERP has it."""
    exception = situation.exception
    quantity = amount(situation.values, "quantity")
    if exception.sales_line is None or not quantity or quantity == exception.sales_line.quantity:
        return
    overlay.overlay_value(
        target=exception.sales_line, field="quantity", value=quantity, origin_ref=origin(exception)
    )


EFFECTS: dict[str, Effect] = {
    effect.__name__: effect
    for effect in (
        unit_down, unit_down_until, material_short, short_until, short_lifted, hold_lot, hold_lifted, crew_short,
        crew_covered, crew_from, tool_down, place_locked, pin_to_unit, not_before, promise_changed, quantity_changed,
    )
}  # fmt: skip


def apply(names: list[str], situation: Situation) -> None:
    """Run the named effects in order, then mark the site's sequence stale. A rehearsed past changes no present."""
    if clock.rehearsing():
        return
    for name in names:
        EFFECTS[name](situation)
    if names:
        exception = situation.exception
        live.request_resequence(site=exception.site, cause=f"{exception.ref} {exception.title}"[:120])


def lift_all(exception: ExceptionRecord, *, at: datetime) -> None:
    """The condition is gone: lift what limits the plan because of it and give its units back.

    Pins and dates decided on stay: they are the decision, not the condition.
    """
    if clock.rehearsing():
        return
    keep = {ConstraintKind.PINNED, ConstraintKind.NOT_BEFORE}
    for kind in ConstraintKind:
        if kind not in keep:
            live.lift_constraints(origin_ref=origin(exception), kind=kind)
    unit = exception.work_unit
    if unit is not None and unit.states.filter(until=None, origin_ref=origin(exception)).exists():
        others = constraints_on_unit(unit).filter(kind=ConstraintKind.UNIT_DOWN).exists()
        live.set_unit_state(work_unit=unit, state=UnitState.DOWN if others else UnitState.FREE, at=at)
    live.request_resequence(site=exception.site, cause=f"{exception.ref} cleared")


# What taking a decision back lifts; what opening imposed stays, since the condition does.
UNDONE_BY_REVERSAL: dict[str, tuple[ConstraintKind, ...]] = {
    "pin_to_unit": (ConstraintKind.PINNED,),
    "not_before": (ConstraintKind.NOT_BEFORE,),
}


def undo(names: list[str], exception: ExceptionRecord) -> None:
    """Take back the plant effects of a reversed decision: pins, dates and agreed values."""
    if clock.rehearsing():
        return
    for name in names:
        for kind in UNDONE_BY_REVERSAL.get(name, ()):
            live.lift_constraints(origin_ref=origin(exception), kind=kind)
        if name in {"promise_changed", "quantity_changed"}:
            overlay.clear_overlay(origin_ref=origin(exception))
    live.request_resequence(site=exception.site, cause=f"{exception.ref} decision reversed")
