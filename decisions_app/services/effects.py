"""Plant effects: what containing or deciding does to the live state of the site, each under a catalogue name.

Every effect calls plant services and names the exception as the origin, so that clearing lifts exactly what was
imposed. Runs inside the caller's transaction, the exception locked.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from core import clock
from decisions_app.inputs import amount, moment
from decisions_app.posting_templates.changes import is_cancellation, purchase_line
from decisions_app.posting_templates.situation import Situation, operation_of, order_of, orders_of
from decisions_app.services.holds import hold_lifted, hold_lot
from decisions_app.services.origin import impose as _impose
from decisions_app.services.origin import origin
from decisions_app.services.origin import show_unit as _show_unit
from exceptions_app.models import ExceptionRecord
from plant_app.models import ConstraintKind, UnitState, WorkUnit
from plant_app.selectors.duty import current_shift
from plant_app.selectors.floor import constraints_on_unit
from plant_app.services import live, overlay, progress

Effect = Callable[[Situation], None]


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
    # The operation before its unit, as whoever reports progress locks them.
    if exception.operation is not None:
        progress.stop_operation(operation_id=exception.operation.pk, at=exception.occurred_at)
    _show_unit(situation, UnitState.DOWN)


def _restate(situation: Situation, kind: ConstraintKind, until: datetime | None) -> None:
    if until is not None:
        live.restate_constraint(
            origin_ref=origin(situation.exception), kind=kind, ends_at=until, estimated=False
        )


def unit_down_until(situation: Situation) -> None:
    """The stated moment takes the estimate's place."""
    _restate(situation, ConstraintKind.UNIT_DOWN, moment(situation.values, "expected_up_at"))


def _estimate_again(situation: Situation) -> None:
    """Nobody stands by the stated moment any more: the estimate counts."""
    live.restate_constraint(
        origin_ref=origin(situation.exception),
        kind=ConstraintKind.UNIT_DOWN,
        ends_at=_estimate(situation),
        estimated=True,
    )


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
    if exception.details.get("kind", "stopped_now") == "stopped_now":
        _show_unit(situation, UnitState.MATERIAL)


def short_until(situation: Situation) -> None:
    """The stated arrival takes the assumed one's place."""
    _restate(situation, ConstraintKind.MATERIAL_SHORT, moment(situation.values, "arrival"))


def short_lifted(situation: Situation) -> None:
    """The operation runs with a substitute; the shortage no longer limits it."""
    live.lift_constraints(origin_ref=origin(situation.exception), kind=ConstraintKind.MATERIAL_SHORT)


def _missing(exception: ExceptionRecord) -> int:
    return max(1, int(amount(exception.details, "missing") or exception.quantity or 1))


def _crew_end(situation: Situation) -> datetime:
    """The end somebody gave, else the shift's, else the playbook's estimate."""
    exception = situation.exception
    given = str(exception.details.get("until") or "")
    shift = current_shift(exception.site, max(exception.occurred_at, situation.at))
    fallback = shift.end if shift is not None else _estimate(situation)
    try:
        until = datetime.fromisoformat(given)
    except ValueError:
        return fallback
    return until if until.tzinfo is not None and until > exception.occurred_at else fallback


def crew_short(situation: Situation) -> None:
    """The work centre runs with fewer people until the end given, or the shift's."""
    exception = situation.exception
    if exception.work_centre is None:
        return
    found = sum(
        (
            int(amount(decision.inputs, "people") or 1)
            for decision in exception.decisions.filter(reversed_at__isnull=True).select_related("option")
            if "crew_covered" in decision.effects
        ),
        0,
    )
    if found >= _missing(exception):
        live.lift_constraints(origin_ref=origin(exception), kind=ConstraintKind.CREW_SHORT)
        return
    _impose(
        situation,
        ConstraintKind.CREW_SHORT,
        work_centre=exception.work_centre,
        starts_at=exception.occurred_at,
        ends_at=_crew_end(situation),
        estimated=True,
        missing=_missing(exception) - found,
    )


def crew_covered(situation: Situation) -> None:
    """The people found are no longer missing; with none missing the crew is complete again."""
    crew_short(situation)


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
    if exception.work_unit is None and exception.work_centre is None and exception.area is None:
        return
    _impose(
        situation,
        ConstraintKind.PLACE_LOCKED,
        work_unit=exception.work_unit,
        work_centre=exception.work_centre if exception.work_unit is None else None,
        area=exception.area if exception.work_unit is None and exception.work_centre is None else None,
        starts_at=exception.occurred_at,
        ends_at=None,
    )
    _show_unit(situation, UnitState.SAFETY)


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
    until, operation = moment(situation.values, "not_before"), operation_of(exception)
    if until is None or until <= situation.at or operation is None:
        return
    _impose(
        situation,
        ConstraintKind.NOT_BEFORE,
        operation=operation,
        starts_at=situation.at,
        ends_at=until,
    )


def promise_changed(situation: Situation) -> None:
    """The promise takes the agreed date here until ERP has it; the work order is needed by then."""
    exception = situation.exception
    when = moment(situation.values, "commit_at")
    if when is None or is_cancellation(exception):
        return
    if exception.sales_line is not None:
        overlay.overlay_value(
            target=exception.sales_line, field="commit_at", value=when, origin_ref=origin(exception)
        )
    for order in orders_of(exception):
        overlay.overlay_value(target=order, field="need_by", value=when, origin_ref=origin(exception))


def quantity_changed(situation: Situation) -> None:
    """The promise and the work order take the agreed quantity here until ERP has it."""
    exception = situation.exception
    quantity = amount(situation.values, "quantity")
    if not quantity or is_cancellation(exception):
        return
    for target in (exception.sales_line, order_of(exception)):
        if target is not None and quantity != target.quantity:
            overlay.overlay_value(
                target=target, field="quantity", value=quantity, origin_ref=origin(exception)
            )


def order_cancelled(situation: Situation) -> None:
    """A cancelled order line needs nothing any more, until ERP says so too."""
    line = situation.exception.sales_line
    if line is not None and is_cancellation(situation.exception):
        overlay.overlay_value(
            target=line, field="cancelled", value=True, origin_ref=origin(situation.exception)
        )


def supplier_promise(situation: Situation) -> None:
    """The purchase is expected on the stated date here until ERP has it."""
    line, when = purchase_line(situation), moment(situation.values, "arrival")
    if line is not None and when is not None and line.received < line.quantity:
        overlay.overlay_value(
            target=line, field="promised_at", value=when, origin_ref=origin(situation.exception)
        )


EFFECTS: dict[str, Effect] = {
    effect.__name__: effect
    for effect in (
        unit_down, unit_down_until, material_short, short_until, short_lifted, hold_lot, hold_lifted, crew_short,
        crew_covered, crew_from, tool_down, place_locked, pin_to_unit, not_before, promise_changed, quantity_changed,
        order_cancelled, supplier_promise,
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


def lift_all(exception: ExceptionRecord, *, at: datetime, decided_too: bool = False) -> None:
    """The condition is gone: lift what limits the plan because of it and give its units back.

    Pins, dates and agreed values stay: they are the decision, not the condition. With `decided_too` (the record never
    should have been) they go as well.
    """
    if clock.rehearsing():
        return
    keep = set() if decided_too else {ConstraintKind.PINNED, ConstraintKind.NOT_BEFORE}
    for kind in ConstraintKind:
        if kind not in keep:
            live.lift_constraints(origin_ref=origin(exception), kind=kind)
    if decided_too:
        overlay.clear_overlay(origin_ref=origin(exception))
    unit = exception.work_unit
    if unit is not None and unit.states.filter(until=None, origin_ref=origin(exception)).exists():
        others = set(constraints_on_unit(unit).values_list("kind", flat=True))
        state = next((shown for kind, shown in _SHOWN if kind in others), UnitState.FREE)
        live.set_unit_state(work_unit=unit, state=state, at=at)
    live.request_resequence(site=exception.site, cause=f"{exception.ref} cleared")


# What a unit shows when one of its troubles is over and others are not, worst first.
_SHOWN = (
    (ConstraintKind.PLACE_LOCKED, UnitState.SAFETY),
    (ConstraintKind.UNIT_DOWN, UnitState.DOWN),
    (ConstraintKind.TOOL_DOWN, UnitState.DOWN),
)
# What taking a decision back lifts...
_LIFTED_BY_REVERSAL: dict[str, ConstraintKind] = {
    "pin_to_unit": ConstraintKind.PINNED,
    "not_before": ConstraintKind.NOT_BEFORE,
}
# ... the values it takes back ...
_VALUES = {"promise_changed", "quantity_changed", "order_cancelled", "supplier_promise"}
# ... and what it puts back, since the condition is still there: the effect that knows what is left of it.
_RESTORED: dict[str, Effect] = {
    "unit_down_until": _estimate_again,
    "short_until": material_short,
    "crew_from": crew_short,
    "hold_lifted": hold_lifted,
    "short_lifted": material_short,
    "crew_covered": crew_short,
}


def undo(names: list[str], situation: Situation) -> None:
    """Take back the plant effects of a reversed decision; what opening imposed is in force again where it was lifted.

    The decision is marked reversed before.
    """
    if clock.rehearsing():
        return
    exception = situation.exception
    for name in dict.fromkeys(names):
        if name in _LIFTED_BY_REVERSAL:
            live.lift_constraints(origin_ref=origin(exception), kind=_LIFTED_BY_REVERSAL[name])
        if name in _RESTORED and exception.cleared_at is None:
            _RESTORED[name](situation)
    if _VALUES & set(names):
        overlay.clear_overlay(origin_ref=origin(exception))
    live.request_resequence(site=exception.site, cause=f"{exception.ref} decision reversed")
