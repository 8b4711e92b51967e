"""Finds live records nobody is bound to act on next, and puts them right by the ordinary services.

A live record has exactly one owner's response, a running clock and a next step that somebody will be told of again.
What lacks one of them is repaired in its own transaction, with an event that says what was wrong; a step that is over
its limit with nothing left to climb is told again. Nothing should ever be broken: the doctor shows what is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from core import clock
from core.wake import wake
from exceptions_app.lifecycle import CORRELATES, LIVE, Status
from exceptions_app.models import EventKind, ExceptionRecord, Response, ResponseStatus, Telling, TellingReason
from exceptions_app.rules import ladder as ladders
from exceptions_app.selectors import WAITING, clock_due
from exceptions_app.services.records.moves import keep
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.responses.adopted import CAPTURE_ONLY
from exceptions_app.services.responses.layout import (
    TOLD_PER_ROLE,
    first_tellings,
    fresh_response,
    start_climbing,
    telling,
)
from exceptions_app.services.responses.presence import Presence
from exceptions_app.services.responses.reminding import minutes_since

#: A step is not called late before this, and told again at most this often once its ladder is climbed.
NAG: Final = timedelta(minutes=60)
#: What a decided record is said to wait for.
_LATE_WORDS: Final = {
    Status.TRIAGE: "Unsorted", Status.OPEN: "Not acknowledged", Status.ACKNOWLEDGED: "Undecided",
    Status.DECIDED: "Decided and not resolved",
}  # fmt: skip
_CLOCKS: Final = {
    Status.TRIAGE: "acknowledge", Status.OPEN: "acknowledge", Status.ACKNOWLEDGED: "decide", Status.DECIDED: "resolve",
    Status.RESOLVED: "resolve",
}  # fmt: skip
_FALLBACK: Final = {"acknowledge": 15, "decide": 60, "resolve": 480}


def broken() -> QuerySet[ExceptionRecord]:
    """Live records without exactly one owner's response, a clock or a next step, or with one that stands still."""
    owners = (
        Response.objects.filter(exception=OuterRef("pk"), is_owner=True)
        .values("exception")
        .annotate(n=Count("pk"))
    )
    clockless = Q(status__in=("triage", "open"), acknowledge_due_at=None)
    clockless |= Q(status="acknowledged", decide_due_at=None) | Q(
        status__in=("decided", "resolved"), resolve_due_at=None
    )
    still = Q(status__in=("triage", "acknowledged"), next_escalation_at=None) & ~_hushed()
    unclocked = Response.objects.filter(
        exception=OuterRef("pk"), required=True, status__in=WAITING, acknowledge_due_at=None
    )
    return (
        ExceptionRecord.objects.filter(status__in=LIVE)
        .annotate(owners=Coalesce(owners.values("n")[:1], 0))
        .filter(
            ~Q(owners=1) | clockless | still | Q(next_step="")
            | Q(Exists(unclocked), status__in=CORRELATES)
        )
    )  # fmt: skip


def overdue(now: datetime) -> QuerySet[ExceptionRecord]:
    """Records whose next step is more than an hour over its limit, the longest first."""
    return (
        ExceptionRecord.objects.filter(status__in=CORRELATES)
        .annotate(due_at=clock_due())
        .filter(due_at__lt=now - NAG)
        .order_by("due_at", "pk")
    )


def forgotten(now: datetime) -> QuerySet[ExceptionRecord]:
    """Overdue records of which nobody has been told for an hour, and for which no later telling is planned."""
    recent = Telling.objects.filter(exception=OuterRef("pk"), created_at__gt=now - NAG)
    climbing = Response.objects.filter(
        exception=OuterRef("pk"), is_owner=True, status__in=WAITING, next_level_at__isnull=False
    )
    held = Telling.objects.filter(exception=OuterRef("pk"), person=None, due_at__gt=now)
    planned = Q(status="acknowledged", next_escalation_at__isnull=False)
    return overdue(now).filter(~Exists(recent), ~Exists(climbing), ~Exists(held), ~_hushed()).exclude(planned)


def _hushed() -> Q:
    """The site only captures: its records are kept, and nobody is told of them, unless somebody said they be told."""
    kept = Telling.objects.filter(exception=OuterRef("pk"), dropped=CAPTURE_ONLY)
    told = Telling.objects.filter(exception=OuterRef("pk"), response__is_owner=True).exclude(
        dropped=CAPTURE_ONLY
    )
    return Q(Exists(kept)) & ~Q(Exists(told))


@dataclass(frozen=True)
class Watched:
    """What one look found and did."""

    repaired: int
    told: int


def watch(*, limit: int = 100) -> Watched:
    """Repair what is broken and tell of what is forgotten, each record in a transaction of its own.

    Locks the exceptions, skipping those others work on, which the next look finds.
    """
    now = clock.now()
    repaired = sum(_repair(pk) for pk in broken().values_list("pk", flat=True)[:limit])
    told = sum(_tell_again(pk) for pk in forgotten(now).values_list("pk", flat=True)[:limit])
    return Watched(repaired=repaired, told=told)


def _claim(exception_id: int) -> ExceptionRecord | None:
    return (
        ExceptionRecord.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("site", "type", "owner", "owner_function", "area", "work_centre")
        .filter(pk=exception_id, status__in=LIVE)
        .first()
    )


@transaction.atomic
def _repair(exception_id: int) -> bool:
    """Give a broken record what it lacks; False when it lacks nothing any more or somebody works on it."""
    exception = _claim(exception_id)
    if exception is None or not broken().filter(pk=exception_id).exists():
        return False
    now = clock.now()
    wrong: list[str] = []
    changed: set[str] = set()
    name = _CLOCKS[Status(exception.status)]
    field = f"{name}_due_at"
    if getattr(exception, field) is None:
        setattr(exception, field, now + _limit(exception, name))
        changed.add(field)
        wrong.append("it had no clock")
    if exception.status in (Status.TRIAGE, Status.ACKNOWLEDGED) and exception.next_escalation_at is None:
        exception.next_escalation_at = max(exception.decide_due_at or now, now + timedelta(minutes=1))
        changed.add("next_escalation_at")
        wrong.append("nobody would have been told at its limit")
    if not exception.responses.filter(is_owner=True).exists():
        changed |= _give_owner(exception, now)
        wrong.append("nobody owned it")
    for response in exception.responses.filter(
        required=True, status__in=WAITING, acknowledge_due_at=None
    ).select_related("function"):
        response.due_at, response.acknowledge_due_at = now, now + timedelta(minutes=response.limit_minutes)
        start_climbing(response, max(response.level, 1), now)
        response.save()
        wrong.append(f"{response.function.name} had no clock")
    if not exception.next_step:
        wrong.append("it had no next step")
    keep(exception, *changed)
    record_event(
        exception=exception, kind=EventKind.REPAIRED, actor_text="watchdog", via="system",
        text=f"Put right: {', '.join(wrong)}"[:300], data={"wrong": wrong},
    )  # fmt: skip
    announce(exception, kind=EventKind.REPAIRED)
    wake("notices")
    return True


def _limit(exception: ExceptionRecord, name: str) -> timedelta:
    return timedelta(minutes=int(exception.limits.get(name) or _FALLBACK[name]))


def _give_owner(exception: ExceptionRecord, now: datetime) -> set[str]:
    """The owner function's live response becomes the owner's, or a fresh one is asked."""
    presence = Presence.of(exception, now)
    live = exception.responses.exclude(status=ResponseStatus.DECLINED).filter(
        function=exception.owner_function_id
    )
    response = live.select_related("function", "site", "person").first()
    if response is None:
        limit = int(_limit(exception, "acknowledge") / timedelta(minutes=1))
        role = exception.owner_role
        response = fresh_response(
            exception=exception, function=exception.owner_function, site=exception.site, role=role, required=True,
            is_owner=True, limit=limit, at=now, why="watchdog: nobody owned it",
            ladder=ladders.plain(role=role, lead="shift_supervisor", limit_minutes=limit),
            person=presence.choose(role, function=exception.owner_function) or presence.choose(role),
        )  # fmt: skip
        rows = first_tellings(response, presence=presence)
        response.save()
        Telling.objects.bulk_create(rows)
    else:
        response.is_owner = response.required = True
        response.save(update_fields=["is_owner", "required"])
    exception.owner = response.person
    return {"owner"}


@transaction.atomic
def _tell_again(exception_id: int) -> bool:
    """Whoever has it and the top of its ladder hear once more how long it has waited."""
    exception = _claim(exception_id)
    now = clock.now()
    if exception is None or not forgotten(now).filter(pk=exception_id).exists():
        return False
    response = exception.responses.select_related("function", "site", "person").get(is_owner=True)
    response.exception = exception
    due_at = getattr(exception, f"{_CLOCKS[Status(exception.status)]}_due_at") or now
    age = ladders.waited(minutes_since(due_at, now))
    text = f"{_LATE_WORDS[Status(exception.status)]}, {age} over its limit"
    presence = Presence.of(exception, now)
    top = max(response.ladder, key=lambda rung: int(rung["level"]), default=None)
    people = [response.person] if response.person else []
    for role in top["roles"] if top and exception.status != Status.DECIDED else ():
        people += presence.people(role, site=response.site)[:TOLD_PER_ROLE]
    rows = {
        person.pk: telling(
            exception=exception, response=response, reason=TellingReason.UNDECIDED, level=response.level,
            role=response.role, person=person, at=now, text=text,
        )
        for person in people
    }  # fmt: skip
    if not rows:
        held = telling(
            exception=exception, response=response, reason=TellingReason.REMINDER, level=response.level,
            role=response.role, at=now, text=f"Nobody on duty; {text}",
        )  # fmt: skip
        rows = {0: held}
    Telling.objects.bulk_create(rows.values())
    names = ", ".join(str(row.person) for row in rows.values() if row.person) or "nobody on duty"
    record_event(
        exception=exception, kind=EventKind.REMINDED, actor_text="watchdog", via="system", text=f"{text}: {names}",
        data={"why": "overdue", "due_at": due_at.isoformat()},
    )  # fmt: skip
    announce(exception, kind=EventKind.REMINDED, people=[pk for pk in rows if pk])
    wake("notices")
    return True
