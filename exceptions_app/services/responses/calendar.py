"""Clocks of functions that answer in their own hours: when one begins, and how long its minutes are.

A buyer asked at night is not late by morning: unless the case is critical, the delivery is held, visibly, until the
duty's calendar opens, and the limit and the ladder count open minutes only. Frozen with the response, so that a later
change of the calendar moves nothing in flight.
"""

from datetime import datetime, timedelta
from typing import Any

from exceptions_app.models import ExceptionRecord, Response
from exceptions_app.rules.steps import clock_text
from exceptions_app.services.responses.presence import Presence
from plant_app.models import Function, Site
from plant_app.selectors import OFFICE_FUNCTIONS, Via
from plant_app.shift_times import Calendar


def hours_of(
    exception: ExceptionRecord, *, function: Function, site: Site, role: str, presence: Presence
) -> Calendar | None:
    """The calendar a function's clock runs on in this case; None where it runs around the clock."""
    if exception.urgency == "critical" or function.code not in OFFICE_FUNCTIONS:
        return None
    calendar = presence.calendar(role, site=site)
    return calendar if calendar.patterns else None


def begin_clock(response: Response, presence: Presence) -> str:
    """Put a beginning response on its function's calendar, in memory; returns why its delivery is held, "" if it isn't.

    Sets `due_at` to the moment the calendar opens, the limit and the ladder's minutes from there in open time. Whoever
    was only on call is not asked for what can wait; somebody asked by name stays asked.
    """
    exception = response.exception
    calendar = hours_of(
        exception, function=response.function, site=response.site, role=response.role, presence=presence
    )
    if calendar is None:
        return ""
    opens = calendar.opens(response.due_at)
    if opens is None:
        return ""
    held = opens > response.due_at
    response.due_at = opens
    if response.acknowledge_due_at is not None:
        response.acknowledge_due_at = calendar.add(opens, response.limit_minutes)
    response.ladder = [_stretched(rung, calendar, opens) for rung in response.ladder]
    if not held:
        return ""
    called = {
        holder.person.pk
        for holder in presence.roster(response.role, site=response.site)
        if holder.via == Via.ON_CALL
    }
    if response.person_id in called:
        response.person = None
    moment = clock_text(opens, now=presence.at, zone=response.site.timezone)
    return f"Held: {response.function.name.lower()} answers in its hours, from {moment}"


def _stretched(rung: dict[str, Any], calendar: Calendar, start: datetime) -> dict[str, Any]:
    """A rung with its open minutes as plain minutes from `start`; the open ones are kept for a later beginning."""
    work = int(rung.get("work_minutes", rung["after_minutes"]))
    after = int((calendar.add(start, work) - start) / timedelta(minutes=1)) if work else 0
    return {**rung, "after_minutes": after, "work_minutes": work}


def owner_hours(exception: ExceptionRecord, owner: Response, presence: Presence) -> None:
    """Decide and resolve limits of a case whose owner works by a calendar, in memory, from when its clock begins."""
    calendar = hours_of(
        exception, function=owner.function, site=owner.site, role=owner.role, presence=presence
    )
    exception.acknowledge_due_at = owner.acknowledge_due_at
    if calendar is None:
        return
    for name in ("decide", "resolve"):
        setattr(exception, f"{name}_due_at", calendar.add(owner.due_at, exception.limits[name]))
    exception.next_escalation_at = exception.decide_due_at
