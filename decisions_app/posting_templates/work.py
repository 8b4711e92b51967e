"""Templates about work: maintenance notifications, confirmations, operations that move."""

from datetime import timedelta
from decimal import Decimal

from core import clock
from decisions_app.inputs import amount, moment
from decisions_app.posting_templates.situation import (
    Intended,
    Situation,
    cause,
    envelope,
    expected_end,
    intend,
    opening_key,
    plain,
    worked_times,
)
from plant_app.models import WorkUnit
from plant_app.selectors.confirmation import confirmation_due

# What the floor reports of an operation; what it belongs to never changes.
COUNTS = (
    "good",
    "scrap",
    "confirmed_good",
    "confirmed_scrap",
    "confirmed_until",
    "started_at",
    "status",
)
PRIORITIES = {"critical": 1, "high": 2, "normal": 3, "low": 4}


def maintenance_open(situation: Situation) -> Intended | None:
    """The malfunction, from the moment the unit stopped."""
    exception = situation.exception
    if exception.work_unit is None:
        return None
    payload = {
        "site": exception.site.code,
        "action": "open",
        "work_unit": exception.work_unit.code,
        "type": "malfunction",
        "breakdown": exception.details.get("state", "stopped") == "stopped",
        "start": exception.occurred_at.isoformat(),
        "priority": PRIORITIES.get(exception.urgency, 3),
    }
    return intend(situation, "maintenance_notification", payload, exception.occurred_at)


def maintenance_complete(situation: Situation) -> Intended | None:
    """The malfunction's end with its cause, at the moment the condition was cleared."""
    exception = situation.exception
    if exception.work_unit is None:
        return None
    ended = exception.cleared_at or situation.at
    found = cause(situation)
    payload = {
        "site": exception.site.code,
        "action": "complete",
        "work_unit": exception.work_unit.code,
        "type": "malfunction",
        "breakdown": True,
        "start": exception.occurred_at.isoformat(),
        "end": ended.isoformat(),
        "priority": PRIORITIES.get(exception.urgency, 3),
        "cause_code": found if found != "UNK" else "OTHER",
        "opened_by": opening_key(exception, "maintenance_open"),
    }
    return intend(situation, "maintenance_notification", payload, ended)


def confirm_part(situation: Situation) -> Intended | None:
    """What was counted and worked on the linked operation up to the stop, and not yet sent.

    A rehearsed past has only what its people counted: the operation's own figures are the present's.
    """
    exception, operation = situation.exception, situation.exception.operation
    if operation is None:
        return None
    stopped = exception.occurred_at
    unit = exception.work_unit or operation.actual_unit or operation.work_unit
    payload = envelope(situation) | {
        "work_centre": operation.work_centre.code,
        "work_unit": unit.code if unit else "",
    }
    if clock.rehearsing():
        good, scrap = amount(situation.values, "good"), amount(situation.values, "scrap")
        worked = False
    else:
        operation.refresh_from_db(fields=COUNTS)
        made = confirmation_due(operation, stopped)
        good, scrap, worked = made.good, made.scrap, not made.empty
        payload |= worked_times(made)
    if not (good or scrap or worked):
        return None
    payload |= {"yield_qty": plain(good), "scrap_qty": plain(scrap)}
    if scrap or exception.reason:
        payload["reason_code"] = cause(situation)
    return intend(situation, "confirmation", payload, stopped)


def confirm_rework(situation: Situation) -> Intended | None:
    """Rework done on an order: quantity and time."""
    exception = situation.exception
    if exception.work_order is None:
        return None
    minutes, quantity = amount(situation.values, "minutes"), amount(situation.values, "quantity")
    if not (minutes or quantity):
        return None
    payload = envelope(situation) | {
        "rework_qty": plain(quantity),
        "labour_minutes": plain(minutes),
        "start": (situation.at - timedelta(minutes=float(max(minutes, Decimal(1))))).isoformat(),
        "end": situation.at.isoformat(),
        "reason_code": cause(situation),
    }
    return intend(situation, "confirmation", payload, situation.at)


def confirm_labour(situation: Situation) -> Intended | None:
    """Labour minutes on the order really worked."""
    minutes = amount(situation.values, "minutes")
    if situation.exception.work_order is None or not minutes:
        return None
    people = max(1, int(amount(situation.values, "people")))
    span = timedelta(minutes=float(minutes / people))
    payload = envelope(situation) | {
        "labour_minutes": plain(minutes),
        "crew": people,
        "start": (situation.at - span - timedelta(seconds=1)).isoformat(),
        "end": situation.at.isoformat(),
    }
    return intend(situation, "confirmation", payload, situation.at)


def move_operation(situation: Situation) -> Intended | None:
    """The operation goes to the chosen unit."""
    exception, operation = situation.exception, situation.exception.operation
    to_unit = WorkUnit.objects.filter(code=situation.values.get("to_unit") or "").first()
    if operation is None or to_unit is None:
        return None
    start = moment(situation.values, "start") or situation.at
    end = expected_end(situation)
    payload = envelope(situation) | {
        "from_unit": exception.work_unit.code if exception.work_unit else "",
        "to_unit": to_unit.code,
        "to_work_centre": to_unit.work_centre.code,
        "start": start.isoformat(),
    }
    if end is not None and end > start:
        payload["end"] = end.isoformat()
    return intend(situation, "operation.move", payload, situation.at)
