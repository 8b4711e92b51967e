"""What the floor says of its work: started, stopped, counted, finished.

The only writer of an operation's status and counts. The confirmation ERP gets is made by the caller above from
`confirmation_due`, and noted with `note_confirmed` in the same transaction.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotFound, StaleVersion, TransitionRefused
from core.hints import hint
from plant_app.models import (
    Constraint,
    ConstraintKind,
    Operation,
    OperationStatus,
    ProgressReport,
    UnitState,
    User,
    WorkOrder,
    WorkOrderStatus,
    WorkUnit,
    WorkUnitState,
)
from plant_app.selectors.floor import ON_UNIT, constraints_on_unit
from plant_app.services.live import request_resequence, set_unit_state

AHEAD = timedelta(minutes=5)
OVER_QUANTITY = Decimal("1.1")

_Kind = ProgressReport.Kind
_S = OperationStatus
# kind -> the statuses it may follow, and the status it leads to (None: stays)
_MOVES: dict[str, tuple[frozenset[str], str | None]] = {
    _Kind.SETUP: (frozenset({_S.WAITING, _S.READY, _S.STOPPED}), _S.SETUP),
    _Kind.START: (frozenset({_S.WAITING, _S.READY, _S.SETUP, _S.STOPPED}), _S.RUNNING),
    _Kind.STOP: (frozenset({_S.SETUP, _S.RUNNING}), _S.STOPPED),
    _Kind.COUNT: (frozenset({_S.SETUP, _S.RUNNING, _S.STOPPED}), None),
    _Kind.FINISH: (frozenset({_S.SETUP, _S.RUNNING, _S.STOPPED}), _S.FINISHED),
}
_UNIT_STATES: dict[str, str] = {
    _Kind.SETUP: UnitState.SETUP,
    _Kind.START: UnitState.RUNNING,
    _Kind.FINISH: UnitState.FREE,
}
# A stop at the machine never overwrites what is already known to be wrong with it.
_WRONG = frozenset({UnitState.DOWN, UnitState.HOLD, UnitState.MATERIAL, UnitState.SAFETY})


@transaction.atomic
def report_progress(
    *,
    operation_id: int,
    kind: str,
    good: Decimal = Decimal(0),
    scrap: Decimal = Decimal(0),
    at: datetime | None = None,
    person: User | None = None,
    work_unit: WorkUnit | None = None,
    version: int | None = None,
) -> ProgressReport:
    """Record that an operation was set up, started, stopped, counted or finished, and what follows from it.

    `good` and `scrap` are pieces made since the last report. Sets the operation's status and counts, the unit's state,
    the next operation ready, the order running or finished, and asks for a new sequence. Raises NotFound, InvalidInput
    (quantities, moment, no unit), TransitionRefused (wrong status, unit busy or locked, operation on hold) and
    StaleVersion when `version` is given and somebody reported since. Locks the operation, then its unit.
    """
    operation = (
        Operation.objects.select_for_update(of=("self",), no_key=True)
        .select_related(
            "work_order__site", "work_order__item", "work_centre__area", "actual_unit", "work_unit"
        )
        .filter(pk=operation_id)
        .first()
    )
    if operation is None:
        raise NotFound("operation.not_found", "There is no such operation.")
    if kind not in _MOVES:
        raise InvalidInput("operation.unknown_report", f"There is no report {kind!r}.")
    _refuse_stale(operation, version)
    moment = at or clock.now()
    _check_input(operation, good, scrap, moment)
    allowed, leads_to = _MOVES[kind]
    if operation.status not in allowed:
        raise TransitionRefused(
            "operation.transition_refused",
            f"{operation} is {operation.get_status_display().lower()}; it can't be reported as {kind}.",
            "Reload the page to see where it stands.",
            status_now=operation.status,
        )
    unit = _unit_for(operation, work_unit)
    if kind in (_Kind.SETUP, _Kind.START):
        _refuse_blocked(operation, unit)
    _write_operation(operation, kind, leads_to, unit, good, scrap, moment)
    report = ProgressReport.objects.create(
        operation=operation, kind=kind, work_unit=unit, good=good, scrap=scrap, at=moment, person=person
    )
    _write_unit(operation, kind, unit, moment)
    _write_order(operation)
    site = operation.work_order.site
    hint(
        f"site.{site.pk}", f"area.{operation.work_centre.area_id}", f"sequence.{operation.work_centre_id}",
        kind="progress", operation=operation.pk, work_order=operation.work_order_id,
    )  # fmt: skip
    if kind != _Kind.COUNT or scrap > 0:
        request_resequence(site=site, cause=f"{kind} {operation}")
    return report


@transaction.atomic
def stop_operation(*, operation_id: int, at: datetime | None = None, person: User | None = None) -> Operation:
    """Stop an operation that runs or is in changeover, because something is wrong at its unit; others stay as they are.

    What the unit is said to do (down, on hold) is left alone. Locks the operation.
    """
    operation = Operation.objects.select_for_update(of=("self",), no_key=True).get(pk=operation_id)
    if operation.status not in (_S.RUNNING, _S.SETUP):
        return operation
    moment = min(at or clock.now(), clock.now())
    report_progress(operation_id=operation_id, kind=_Kind.STOP, at=moment, person=person)
    operation.refresh_from_db()
    return operation


@transaction.atomic
def note_confirmed(*, operation_id: int, good: Decimal, scrap: Decimal, until: datetime) -> Operation:
    """Note that `good` and `scrap` more pieces, and times up to `until`, are on their way to ERP. Locks the operation.

    Raises InvalidInput when that is more than was made. Negative quantities take back a cancelled confirmation.
    """
    operation = Operation.objects.select_for_update(no_key=True).get(pk=operation_id)
    sent_good, sent_scrap = operation.confirmed_good + good, operation.confirmed_scrap + scrap
    if not (0 <= sent_good <= operation.good and 0 <= sent_scrap <= operation.scrap):
        raise InvalidInput(
            "operation.confirms_more_than_made", f"{operation}: more would be confirmed than was reported."
        )
    operation.confirmed_good, operation.confirmed_scrap, operation.confirmed_until = (
        sent_good,
        sent_scrap,
        until,
    )
    operation.save(update_fields=["confirmed_good", "confirmed_scrap", "confirmed_until"])
    return operation


def _refuse_stale(operation: Operation, version: int | None) -> None:
    if version is None or version == operation.version:
        return
    last = operation.progress.select_related("person").order_by("-pk").first()
    extra: dict[str, Any] = {"version": operation.version}
    words = f"{operation} was reported on since you looked."
    if last is not None:
        who = str(last.person) if last.person else "the machine"
        words = f"{who} reported {last.get_kind_display().lower()} at {last.at:%H:%M} UTC, after you looked."
        extra.update(
            changed_by=who,
            changed_at=last.at.isoformat(),
            kind=last.kind,
            good=str(last.good),
            scrap=str(last.scrap),
        )
    raise StaleVersion(
        "operation.stale_version", words, "Look at the counts again, then report the rest.", **extra
    )


def _check_input(operation: Operation, good: Decimal, scrap: Decimal, moment: datetime) -> None:
    if good < 0 or scrap < 0:
        raise InvalidInput("operation.negative_quantity", "Counts are positive; scrap has its own field.")
    if moment > clock.now() + AHEAD:
        raise InvalidInput("operation.in_the_future", "That moment has not come yet.")
    made = operation.good + operation.scrap + good + scrap
    if made > operation.work_order.quantity * OVER_QUANTITY:
        raise InvalidInput(
            "operation.over_quantity",
            f"{made.normalize():f} pieces would be more than a tenth above the order's "
            f"{operation.work_order.quantity.normalize():f}.",
            "Check the count; a larger order needs a changed quantity.",
        )


def _unit_for(operation: Operation, given: WorkUnit | None) -> WorkUnit:
    """The unit the report is about: the one given, else where it runs, else where the plan has it. Locked."""
    planned = getattr(operation, "plan", None)
    found = given or operation.actual_unit or (planned.work_unit if planned else None) or operation.work_unit
    if found is None:
        raise InvalidInput("operation.no_unit", "Say on which unit.")
    return (
        WorkUnit.objects.select_for_update(of=("self",), no_key=True)
        .select_related("work_centre__area__site")
        .get(pk=found.pk)
    )


def _refuse_blocked(operation: Operation, unit: WorkUnit) -> None:
    other = (
        Operation.objects.filter(actual_unit=unit, status__in=(_S.RUNNING, _S.SETUP))
        .exclude(pk=operation.pk)
        .select_related("work_order")
        .first()
    )
    if other is not None:
        raise TransitionRefused(
            "operation.unit_busy", f"{unit.code} still has {other}.", "Finish or stop that one first."
        )
    if constraints_on_unit(unit).filter(kind=ConstraintKind.PLACE_LOCKED).exists():
        raise TransitionRefused("operation.place_locked", f"{unit.code} is locked for safety.")
    held = Constraint.objects.filter(operation=operation, kind=ConstraintKind.HOLD, lifted_at=None)
    if held.exists():
        raise TransitionRefused(
            "operation.on_hold", f"{operation} is on hold.", "Quality must release it first."
        )


def _write_operation(
    operation: Operation, kind: str, leads_to: str | None, unit: WorkUnit, good: Decimal, scrap: Decimal,
    moment: datetime,
) -> None:  # fmt: skip
    operation.good += good
    operation.scrap += scrap
    operation.actual_unit = unit
    operation.version += 1
    if leads_to is not None:
        operation.status = leads_to
    if kind in (_Kind.SETUP, _Kind.START) and operation.started_at is None:
        operation.started_at = moment
    if kind == _Kind.FINISH:
        operation.finished_at = moment
    operation.save(
        update_fields=["good", "scrap", "actual_unit", "version", "status", "started_at", "finished_at"]
    )


def _write_unit(operation: Operation, kind: str, unit: WorkUnit, moment: datetime) -> None:
    if kind == _Kind.COUNT:
        return
    current = WorkUnitState.objects.filter(work_unit=unit, until=None).first()
    if kind in (_Kind.STOP, _Kind.FINISH) and current is not None and current.state in _WRONG:
        return
    still_there = (
        Operation.objects.filter(actual_unit=unit, status__in=ON_UNIT).exclude(pk=operation.pk).exists()
    )
    if kind == _Kind.FINISH and still_there:
        return
    set_unit_state(work_unit=unit, state=_UNIT_STATES.get(kind, UnitState.PLANNED_STOP), at=moment)


def _write_order(operation: Operation) -> None:
    order = WorkOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=operation.work_order_id)
    others = list(order.operations.exclude(status=_S.CANCELLED).order_by("number"))
    if operation.status == _S.FINISHED:
        following = next((row for row in others if row.number > operation.number), None)
        if following is not None and following.status == _S.WAITING:
            following.status = _S.READY
            following.save(update_fields=["status"])
    if all(row.status == _S.FINISHED for row in others):
        status = WorkOrderStatus.FINISHED
    elif operation.status in ON_UNIT and order.status in (WorkOrderStatus.PLANNED, WorkOrderStatus.RELEASED):
        status = WorkOrderStatus.RUNNING
    else:
        return
    if order.status != status:
        order.status = status
        order.save(update_fields=["status"])
