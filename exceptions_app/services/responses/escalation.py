"""Escalation: a sweep over due columns, never a timer of its own.

A response nobody acknowledged climbs its frozen ladder and its person is reminded; an acknowledged exception nobody
decided goes one level up, and again every decide limit; an acknowledgement nobody acts on lapses. Due times stay true
through an outage: on return the level that is due by then is told once, with the true age.
Exceptions others are working on are skipped and found by the next sweep.
"""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from core import clock
from core.wake import wake
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord, Response, ResponseStatus, Telling, TellingReason
from exceptions_app.models.records import CORRELATES
from exceptions_app.rules import ladder as ladders
from exceptions_app.services.records.moves import keep
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.responses.lapsing import lapse
from exceptions_app.services.responses.layout import TOLD_PER_ROLE, role_words, telling
from exceptions_app.services.responses.presence import Presence
from exceptions_app.services.responses.reminding import minutes_since, remind
from exceptions_app.services.responses.tell import staff_held

_WAITING = (ResponseStatus.DUE, ResponseStatus.TOLD, ResponseStatus.DELIVERED, ResponseStatus.SEEN)


def response_due(now: datetime) -> Q:
    """Responses a sweep at `now` has something to do for: a level, a reminder or repeat, a lapse."""
    waits = Q(status__in=_WAITING, required=True) & (Q(next_level_at__lte=now) | Q(remind_at__lte=now))
    idle = Q(required=True, lapses_at__isnull=False) & (Q(lapses_at__lte=now) | Q(remind_at__lte=now))
    return waits | idle


def escalate_due(*, limit: int = 100) -> int:
    """Escalate what is due now, most urgent first, each exception in a transaction of its own; returns how many.

    Also gives tellings held for want of a person to whoever has come on duty. Locks the exceptions, skipping locked
    ones.
    """
    now = clock.now()
    due = list(_due(now).order_by("-urgency_score", "pk").values_list("pk", flat=True)[:limit])
    done = sum(1 for exception_id in due if _escalate(exception_id))
    staff_held()
    if len(due) == limit:
        wake("escalation")
    return done


def _due(now: datetime) -> QuerySet[ExceptionRecord]:
    late = Response.objects.filter(exception=OuterRef("pk")).filter(response_due(now))
    return ExceptionRecord.objects.filter(status__in=CORRELATES).filter(
        Exists(late) | Q(next_escalation_at__lte=now)
    )


@transaction.atomic
def _escalate(exception_id: int) -> bool:
    exception = (
        ExceptionRecord.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("site", "type", "owner", "owner_function", "area", "work_centre")
        .filter(pk=exception_id, status__in=CORRELATES)
        .first()
    )
    if exception is None:
        return False
    now = clock.now()
    presence = Presence.of(exception, now)
    rows: list[Telling] = []
    changed: set[str] = set()
    for response in (
        exception.responses.filter(response_due(now))
        .select_related("function", "site", "person")
        .order_by("pk")
    ):
        response.exception = exception
        if response.answered:
            reminders = lapse(exception, response, now)
            changed |= {"next_step"} if reminders is None or reminders else set()
            rows += reminders or []
            continue
        told, lapsed = _climb(exception, response, presence, now)
        rows += told
        if response.remind_at is not None and response.remind_at <= now:
            rows += remind(
                exception, response, presence, now, {row.person_id for row in told if row.person_id}
            )
        if response.is_owner and lapsed:
            exception.lapsed_levels += lapsed
            changed.add("lapsed_levels")
    if exception.next_escalation_at is not None and exception.next_escalation_at <= now:
        rows += _undecided(exception, presence, now, changed)
    Telling.objects.bulk_create(rows)
    if not rows and not changed:
        return False
    keep(exception, *changed)
    announce(exception, kind=EventKind.ESCALATED, people=[row.person_id for row in rows])
    wake("notices")
    return True


def _climb(
    exception: ExceptionRecord, response: Response, presence: Presence, now: datetime
) -> tuple[list[Telling], int]:
    """Tell the level that is due; with nobody there also the next, at once. Returns tellings and levels that lapsed."""
    due = ladders.climb(response.ladder, start=response.due_at, level=response.level, now=now)
    if due.tell is None:
        response.next_level_at = due.next_at
        response.save(update_fields=["next_level_at"])
        return [], 0
    age = minutes_since(response.due_at, now)
    text = f"{response.function.name} has not acknowledged for {ladders.waited(age)}"
    rows: list[Telling] = []
    reached = due.tell.level
    lapsed = 1 + len(due.passed)
    named: list[str] = []
    for step in (one for one in ladders.steps_of(response.ladder, response.due_at) if one.level >= reached):
        reached = step.level
        told = _tell_roles(
            exception, response, presence, step.roles, level=step.level, text=text, now=now,
            reason=TellingReason.ESCALATION,
        )  # fmt: skip
        rows += told
        named += [str(row.person) for row in told if row.person]
        if named:
            break
    response.level = reached
    response.next_level_at = ladders.climb(
        response.ladder, start=response.due_at, level=reached, now=now
    ).next_at
    # What of this level's repeats has gone by is not made up for.
    again = ladders.nudge(
        response.ladder, start=response.due_at, limit_minutes=response.running_minutes, level=reached,
        reminders=response.reminders, repeats=0, now=now,
    )  # fmt: skip
    response.repeats_told = again.repeats
    response.remind_at = now if again.remind else again.next_at
    response.save(update_fields=["level", "next_level_at", "remind_at", "repeats_told"])
    record_event(
        exception=exception, kind=EventKind.ESCALATED, actor_text="ladder", via="system",
        text=f"{text}: level {reached}, {', '.join(named) or 'nobody on duty'}",
        data={
            "response": response.pk, "function": response.function.code, "level": reached, "passed": list(due.passed),
            "age_minutes": age, "due_at": due.tell.due_at.isoformat(), "owner": response.is_owner, "told": named,
            "why": "not acknowledged", "presence": presence.seen,
        },
    )  # fmt: skip
    return rows, lapsed


def _tell_roles(
    exception: ExceptionRecord, response: Response, presence: Presence, roles: tuple[str, ...], *, level: int,
    text: str, now: datetime, reason: str,
) -> list[Telling]:  # fmt: skip
    rows = []
    for role in roles:
        people = presence.people(role, site=response.site)[:TOLD_PER_ROLE]
        rows += [
            telling(
                exception=exception, response=response, reason=reason, level=level, role=role, person=person, at=now,
                text=text,
            )
            for person in people
        ]  # fmt: skip
        if not people:
            rows.append(
                telling(
                    exception=exception,
                    response=response,
                    reason=reason,
                    level=level,
                    role=role,
                    at=now,
                    text=f"Nobody on duty as {role_words(role)}; {text}",
                )
            )
    return rows


def _undecided(
    exception: ExceptionRecord, presence: Presence, now: datetime, changed: set[str]
) -> list[Telling]:
    """One level up at the decide limit, and again every decide limit, keeping its rhythm. While the owner has not even
    acknowledged, that ladder climbs instead.
    """
    due_at = exception.next_escalation_at or now
    exception.next_escalation_at = ladders.next_multiple(
        due_at, int(exception.limits.get("decide") or 60), now
    )
    changed.add("next_escalation_at")
    response = exception.responses.select_related("function", "site", "person").get(is_owner=True)
    response.exception = exception
    if not response.answered or exception.status not in (Status.TRIAGE, Status.ACKNOWLEDGED):
        return []
    rung = ladders.one_up(response.ladder, response.level)
    if rung is None:
        return []
    start = exception.acknowledged_at or exception.captured_at
    age = minutes_since(start, now)
    said = ladders.waited(age)
    text = f"Undecided for {said}" if exception.status != Status.TRIAGE else f"Unsorted for {said}"
    level = int(rung["level"])
    rows: list[Telling] = []
    while True:
        rows += _tell_roles(
            exception, response, presence, tuple(rung["roles"]), level=level, text=text, now=now,
            reason=TellingReason.UNDECIDED,
        )  # fmt: skip
        higher = ladders.one_up(response.ladder, level)
        if any(row.person for row in rows) or higher is None or int(higher["level"]) <= level:
            break
        rung, level = higher, int(higher["level"])
    response.level = max(response.level, level)
    response.save(update_fields=["level"])
    exception.lapsed_levels += 1
    changed.add("lapsed_levels")
    record_event(
        exception=exception, kind=EventKind.ESCALATED, actor_text="ladder", via="system",
        text=f"{text}: level {level}, {', '.join(str(row.person) for row in rows if row.person) or 'nobody on duty'}",
        data={"level": level, "age_minutes": age, "due_at": due_at.isoformat(), "why": "undecided", "owner": True},
    )  # fmt: skip
    return rows
