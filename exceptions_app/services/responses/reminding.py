"""Reminders beside the ladder: before a limit and at its end, and the repeats of a level.

Called by the sweep with the exception locked; returns unsaved tellings. Due times are the arithmetic's in
`rules.ladder`; of several missed in an outage the last is told once, with how long it has waited.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from exceptions_app.models import EventKind, ExceptionRecord, Response, Telling, TellingReason
from exceptions_app.rules import ladder as ladders
from exceptions_app.rules.steps import clock_text
from exceptions_app.services.records.story import record_event
from exceptions_app.services.responses.layout import TOLD_PER_ROLE, telling
from exceptions_app.services.responses.presence import Presence


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
