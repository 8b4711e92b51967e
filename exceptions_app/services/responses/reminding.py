"""Reminders beside the ladder: before and at a limit, the repeats of a level, an acknowledgement nobody acts on.

Called by the sweep with the exception locked; returns unsaved tellings. Due times are the arithmetic's in
`rules.ladder`; of several missed in an outage the last is told once, with how long it has waited.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord, Response, ResponseStatus, Telling, TellingReason
from exceptions_app.rules import ladder as ladders
from exceptions_app.rules.steps import clock_text
from exceptions_app.services.records.moves import keep, move
from exceptions_app.services.records.story import record_event
from exceptions_app.services.responses.layout import TOLD_PER_ROLE, telling
from exceptions_app.services.responses.presence import Presence
from exceptions_app.services.responses.tell import begin_again

# What people do about a record: after one of these an acknowledgement counts anew.
_ACTIONS: Final = (
    EventKind.TRIAGED, EventKind.CORRECTED, EventKind.ON_THE_WAY, EventKind.ARRIVED, EventKind.ACTING,
    EventKind.FINISHED, EventKind.TAKEN_OVER, EventKind.FUNCTION_ADDED, EventKind.DECIDED, EventKind.DECISION_REVERSED,
    EventKind.TASK_DONE, EventKind.TASK_CHANGED, EventKind.COMMENTED, EventKind.REROUTED,
)  # fmt: skip


def minutes_since(start: datetime, now: datetime) -> int:
    """Whole minutes gone by."""
    return int((now - start) / timedelta(minutes=1))


def remind(
    exception: ExceptionRecord, response: Response, presence: Presence, now: datetime, told: Collection[int]
) -> list[Telling]:
    """Reminder and repeat that are due for a response nobody has answered; saves its counts. `told` are people this
    sweep tells already, who are not told twice.
    """
    due = ladders.nudge(
        response.ladder, start=response.due_at, limit_minutes=response.running_minutes, level=response.level,
        reminders=response.reminders, repeats=response.repeats_told, now=now,
    )  # fmt: skip
    response.reminders, response.repeats_told, response.remind_at = due.reminders, due.repeats, due.next_at
    response.save(update_fields=["reminders", "repeats_told", "remind_at"])
    age = ladders.waited(minutes_since(response.due_at, now))
    rows: list[Telling] = []
    reached = set(told)
    if due.remind and response.person is not None and response.person_id not in reached:
        by = clock_text(response.acknowledge_due_at, now=now, zone=exception.site.timezone)
        when = f"over the limit since {by}" if due.late else f"please answer by {by}"
        rows.append(
            telling(
                exception=exception, response=response, reason=TellingReason.REMINDER, level=response.level,
                role=response.role, person=response.person, at=now,
                text=f"{response.function.name} has not acknowledged for {age}, {when}",
            )
        )  # fmt: skip
        reached.add(response.person.pk)
    if due.repeat:
        rows += _repeat(exception, response, presence, now, reached, age)
    names = list(dict.fromkeys(str(row.person) for row in rows if row.person))
    if names:
        record_event(
            exception=exception, kind=EventKind.REMINDED, actor_text="ladder", via="system",
            text=f"{response.function.name} has not acknowledged for {age}: {', '.join(names)}",
            data={
                "response": response.pk, "function": response.function.code, "late": due.late, "repeat": due.repeat,
                "level": response.level, "told": names,
            },
        )  # fmt: skip
    return rows


def _repeat(
    exception: ExceptionRecord,
    response: Response,
    presence: Presence,
    now: datetime,
    told: set[int],
    age: str,
) -> list[Telling]:
    roles = next((list(one["roles"]) for one in response.ladder if int(one["level"]) == response.level), [])
    rows = []
    for role in roles:
        for person in presence.people(role, site=response.site, without=told)[:TOLD_PER_ROLE]:
            told.add(person.pk)
            rows.append(
                telling(
                    exception=exception, response=response, reason=TellingReason.ESCALATION, level=response.level,
                    role=role, person=person, at=now,
                    text=f"Again: {response.function.name} has not acknowledged for {age}",
                )
            )  # fmt: skip
    return rows


def lapse(exception: ExceptionRecord, response: Response, now: datetime) -> list[Telling] | None:
    """An acknowledgement of the owner nobody acts on: a reminder first, then it lapses and the record is open again.

    Returns the reminder's tellings; None when it lapsed (everybody then to be told has been written). An action since
    starts the wait anew. Never lapses unless its person had a quarter of the limit after the reminder.
    """
    minutes = exception.limits.get("lapse")
    since = _last_action(exception, response)
    response.remind_at, response.lapses_at = ladders.lapse(minutes, since)
    running = response.status == ResponseStatus.ACKNOWLEDGED and exception.status in (
        Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED,
    )  # fmt: skip
    if not running or response.lapses_at is None or response.remind_at is None:
        response.remind_at = response.lapses_at = None
        return _kept(response)
    notice = response.lapses_at - response.remind_at
    reminded = response.lapse_reminded_at
    if reminded is not None and reminded < since:
        reminded = response.lapse_reminded_at = None
    if reminded is not None:
        response.remind_at, response.lapses_at = None, max(response.lapses_at, reminded + notice)
        if response.lapses_at > now:
            return _kept(response)
        _lapsed(exception, response, now, since)
        return None
    if response.remind_at > now:
        return _kept(response)
    response.lapse_reminded_at, response.remind_at = now, None
    response.lapses_at = max(response.lapses_at, now + notice)
    _kept(response)
    age = ladders.waited(minutes_since(since, now))
    until = clock_text(response.lapses_at, now=now, zone=exception.site.timezone)
    text = f"Acknowledged, and nothing has happened for {age}; at {until} it is asked again"
    record_event(
        exception=exception, kind=EventKind.REMINDED, actor_text="ladder", via="system", text=text,
        data={"response": response.pk, "function": response.function.code, "why": "no action", "owner": True},
    )  # fmt: skip
    if response.person is None:
        return []
    return [
        telling(
            exception=exception, response=response, reason=TellingReason.REMINDER, level=response.level,
            role=response.role, person=response.person, at=now, text=text,
        )
    ]  # fmt: skip


def _kept(response: Response) -> list[Telling]:
    response.save(update_fields=["remind_at", "lapses_at", "lapse_reminded_at"])
    return []


def _last_action(exception: ExceptionRecord, response: Response) -> datetime:
    since = response.acknowledged_at or response.due_at
    last = (
        exception.events.filter(kind__in=_ACTIONS, actor__isnull=False, at__gt=since)
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    return last or since


def _lapsed(exception: ExceptionRecord, response: Response, now: datetime, since: datetime) -> None:
    """Back to unacknowledged: the owner's duty is asked anew, the record unaligned and open (or still to be sorted)."""
    age = ladders.waited(minutes_since(since, now))
    who = str(response.acknowledged_by or response.person or response.function)
    text = f"{who} acknowledged and nothing happened for {age}"
    exception.aligned_at = None
    exception.acknowledge_due_at = now + timedelta(minutes=response.limit_minutes)
    changed = ("aligned_at", "acknowledge_due_at")
    if exception.status == Status.ACKNOWLEDGED:
        move(exception=exception, to=Status.OPEN, also=changed, acknowledged_at=None)
    else:
        keep(exception, *changed)
    record_event(
        exception=exception, kind=EventKind.ACKNOWLEDGEMENT_LAPSED, actor_text="ladder", via="system", text=text,
        data={"response": response.pk, "function": response.function.code, "by": who, "owner": True},
    )  # fmt: skip
    begin_again(exception=exception, reason=TellingReason.REROUTE, text=f"{text}; please take it")
