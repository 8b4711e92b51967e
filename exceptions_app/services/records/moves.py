"""The primitive moves of an exception: lock, check, move along the lifecycle, keep clocks and next step right.

Higher verbs (decide, resolve, clear, cancel, merge, reopen) are composed of these by the app that also knows tasks and
postings. Every function here but `locked` expects the caller to hold the exception's lock in an open transaction.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q

from core import clock
from core.errors import NotFound, StaleVersion, TransitionRefused
from exceptions_app import lifecycle
from exceptions_app.lifecycle import Status
from exceptions_app.models import (
    EventKind,
    ExceptionEvent,
    ExceptionRecord,
    Response,
    ResponseStatus,
    Telling,
)
from exceptions_app.rules import ladder as ladders
from exceptions_app.rules.steps import Standing, Waiting, next_step
from exceptions_app.services.records.story import record_event
from plant_app.models import Duty, ReasonCode, User

#: The moment a status stamps, unless the caller gives its own.
_STAMPS: dict[str, str] = {
    Status.ACKNOWLEDGED: "acknowledged_at",
    Status.DECIDED: "decided_at",
    Status.RESOLVED: "resolved_at",
    Status.CLOSED: "closed_at",
    Status.CANCELLED: "cancelled_at",
}
# An acknowledgement here promises that somebody sorts it or decides, and lapses when nobody does.
_UNDECIDED = (Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED)
# Lines that are no change anybody could have overwritten.
_QUIET_KINDS = (EventKind.TOLD, EventKind.SEEN, EventKind.COMMENTED, EventKind.JOINED)


def locked(exception_id: int, expected_version: int | None = None) -> ExceptionRecord:
    """Lock and return the exception, with its site, type, owner and owner function loaded.

    `expected_version` is the version the actor's page showed; StaleVersion (`exceptions.stale`) says who changed what
    since, NotFound (`exceptions.not_found`) that there is none. Takes the row lock; the caller is inside a transaction.
    """
    rows = ExceptionRecord.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "site", "type", "owner", "owner_function"
    )
    # Whoever held the lock may have changed the type: PostgreSQL then joins the new row with the old type's, and drops
    # it. Asked again, it is seen as it is now.
    exception = rows.filter(pk=exception_id).first() or rows.filter(pk=exception_id).first()
    if exception is None:
        raise NotFound("exceptions.not_found", "There is no such exception.")
    if expected_version is not None and exception.version != expected_version:
        raise _stale(exception)
    return exception


def _stale(exception: ExceptionRecord) -> StaleVersion:
    last = (
        exception.events.exclude(kind__in=_QUIET_KINDS).select_related("actor").order_by("-at", "-pk").first()
    )
    who = str(last.actor or last.actor_text or "the system") if last else "somebody"
    what = last.get_kind_display().lower() if last else "changed"
    return StaleVersion(
        "exceptions.stale",
        f"{who} changed {exception.ref} meanwhile: {what}.",
        "Look at the current state and decide again.",
        version=exception.version,
        changed_by=who,
        change=last.kind if last else "",
        changed_at=last.at.isoformat() if last else "",
    )


def move(
    *,
    exception: ExceptionRecord,
    to: str,
    actor: User | None = None,
    via: str = "",
    reason: str = "",
    also: Iterable[str] = (),
    **stamps: Any,
) -> ExceptionRecord:
    """Move a locked exception to status `to`, stamp the moment, keep clocks and next step right. Raises the version.

    Tells no story: the caller appends the event that says why (`record_event`), so `actor`, `via` and `reason` are only
    kept for its signature's sake. `stamps` are further fields to set (times, `previous_status`, `merged_into`), or
    the status's own moment when it was not now; `also` names fields the caller has changed in memory. A move to
    `resolved`, `closed` or `cancelled` stops every ladder and drops tellings nobody has taken; one to `cancelled`
    remembers where it came from. TransitionRefused `exceptions.transition_refused` when the lifecycle has no such edge.
    """
    start, end = exception.status, str(to)
    if not lifecycle.allowed(start, end):
        raise TransitionRefused(
            "exceptions.transition_refused",
            f"{exception.ref} is {start}; from there it cannot become {end}.",
            "Look at the current state: somebody may have been faster.",
            status_now=start,
            status_wanted=end,
        )
    changed = {"status", *also}
    exception.status = end
    if end == Status.CANCELLED:
        stamps.setdefault("previous_status", start)
    stamp = _STAMPS.get(end)
    if stamp:
        stamps.setdefault(stamp, clock.now())
    if end in (Status.DECIDED, Status.RESOLVED, Status.CLOSED, Status.CANCELLED):
        stamps.setdefault("next_escalation_at", None)
    if end == Status.CANCELLED:
        stamps.setdefault("contain_due_at", None)
    for field, value in stamps.items():
        setattr(exception, field, value)
        changed.add(field)
    if end in (Status.RESOLVED, Status.CLOSED, Status.CANCELLED):
        stop_ladders(exception=exception)
    elif end == Status.DECIDED:
        exception.responses.filter(lapses_at__isnull=False).update(lapses_at=None, remind_at=None)
    elif end in _UNDECIDED and start not in _UNDECIDED:
        _watch_again(exception)
    keep(exception, *changed)
    return exception


def _watch_again(exception: ExceptionRecord) -> None:
    """Undecided again: what functions have acknowledged may lapse again, counted from now."""
    for response in exception.responses.filter(
        required=True, status=ResponseStatus.ACKNOWLEDGED
    ).select_related("function"):
        watch_answer(response, exception, clock.now())
        response.save(update_fields=["remind_at", "lapses_at", "lapse_reminded_at"])


def watch_answer(response: Response, exception: ExceptionRecord, since: datetime) -> None:
    """When a required response acknowledged (or last acted on) at `since` is reminded of and lapses, in memory.

    By the minutes frozen at the opening for its function; nothing lapses of what is decided or over.
    """
    response.lapse_reminded_at = None
    if not response.required or exception.status not in _UNDECIDED:
        response.remind_at = response.lapses_at = None
        return
    minutes = ladders.lapse_minutes(exception.limits, response.function.code)
    response.remind_at, response.lapses_at = ladders.lapse(minutes, since)


def stop_ladders(*, exception: ExceptionRecord) -> None:
    """No further level, reminder or first telling for what is over. Harmless when nothing is running."""
    exception.responses.filter(
        Q(next_level_at__isnull=False) | Q(remind_at__isnull=False) | Q(lapses_at__isnull=False)
    ).update(next_level_at=None, remind_at=None, lapses_at=None)
    drop_tellings(exception, because=exception.status)


def drop_tellings(exception: ExceptionRecord, *, because: str, response: Response | None = None) -> int:
    """Tellings nobody has taken yet are no longer needed; returns how many. They stay as rows that say why."""
    waiting = Telling.objects.filter(exception=exception, taken_at__isnull=True, dropped="")
    if response is not None:
        waiting = waiting.filter(response=response)
    return waiting.update(dropped=because[:60], taken_at=clock.now())


def keep(exception: ExceptionRecord, *fields: str, responses: Iterable[Response] | None = None) -> None:
    """Write these fields of a locked exception with the next step that follows from them, and raise its version.

    `responses` saves a query where the caller has the live ones at hand.
    """
    exception.next_step = step_of(exception, responses)
    exception.version += 1
    exception.save(update_fields=sorted({*fields, "next_step", "version"}))


def step_of(exception: ExceptionRecord, responses: Iterable[Response] | None = None) -> str:
    """The next step in words, from the exception as it stands in memory."""
    waiting: tuple[Waiting, ...] = ()
    if exception.status in (Status.ACKNOWLEDGED, Status.DECIDED):
        if responses is None:
            responses = exception.responses.select_related("function")
        waiting = tuple(
            Waiting(name=response.function.name, due_at=response.acknowledge_due_at)
            for response in responses
            if response.required and not response.answered and response.status != "declined"
        )
    return next_step(
        Standing(
            status=exception.status,
            role=Duty(exception.owner_role).label.lower(),
            owner=str(exception.owner) if exception.owner_id else "",
            acknowledge_due_at=exception.acknowledge_due_at,
            decide_due_at=exception.decide_due_at,
            resolve_due_at=exception.resolve_due_at,
            cleared=exception.cleared_at is not None,
            waiting=waiting,
        ),
        now=clock.now(),
        zone=exception.site.timezone,
    )


def set_next_step(*, exception: ExceptionRecord, text: str) -> None:
    """Put a more precise next step on a locked exception ("Piotr Nowak sets up CNC-06 by 11:25"). Raises the version.

    The next primitive move computes its own again; whoever knows better says so after it.
    """
    exception.next_step = text[:160]
    exception.version += 1
    exception.save(update_fields=["next_step", "version"])


def mark_contained(
    *, exception: ExceptionRecord, text: str = "", data: dict[str, Any] | None = None
) -> ExceptionEvent:
    """The plant state this exception asks for is in force: stamps `contained_at` once, empties the due column."""
    exception.contained_at = exception.contained_at or clock.now()
    exception.contain_due_at = None
    keep(exception, "contained_at", "contain_due_at")
    return record_event(
        exception=exception,
        kind=EventKind.CONTAINED,
        actor_text="containment",
        via="system",
        text=text,
        data=data,
    )


def release_key(*, exception: ExceptionRecord) -> None:
    """Give the correlation key free, so that the next signal opens a record of its own (merge, split, late return)."""
    exception.correlation_key = ""
    keep(exception, "correlation_key")


def mark_cleared(
    *, exception: ExceptionRecord, actor: User | None = None, actor_text: str = "", via: str = "",
    at: datetime | None = None, text: str = "", data: dict[str, Any] | None = None, signal: Any = None,
) -> ExceptionEvent:  # fmt: skip
    """Stamp that the condition is gone (not resolved: reasons, counts and postings may remain) and tell the story.

    `at` is when it cleared, now if not given. What it put into the plant is lifted by whoever put it there. Raises the
    version.
    """
    exception.cleared_at = at or clock.now()
    keep(exception, "cleared_at")
    return record_event(
        exception=exception, kind=EventKind.CLEARED, actor=actor, actor_text=actor_text, via=via, text=text,
        data=data, signal=signal, at=exception.cleared_at,
    )  # fmt: skip


def mark_returned(
    *,
    exception: ExceptionRecord,
    actor: User | None = None,
    via: str = "",
    text: str = "",
    signal: Any = None,
) -> ExceptionEvent:
    """A cleared condition is there again while its record is still open: it is contained anew. Raises the version."""
    exception.cleared_at, exception.contained_at = None, None
    exception.contain_due_at = clock.now()
    keep(exception, "cleared_at", "contained_at", "contain_due_at")
    return record_event(
        exception=exception, kind=EventKind.RETURNED, actor=actor, via=via, text=text, signal=signal
    )


def set_reason(*, exception: ExceptionRecord, code: str, actor: User | None = None, via: str = "") -> bool:
    """Put the reason a person found on a locked exception; False when it is known already or not one of the type's.

    Appends a `corrected` event. Raises the version.
    """
    reason = ReasonCode.objects.filter(type=exception.type_id, code=code).first()
    if reason is None or reason.pk == exception.reason_id:
        return False
    before = exception.reason.code if exception.reason else None
    exception.reason = reason
    keep(exception, "reason")
    record_event(
        exception=exception, kind=EventKind.CORRECTED, actor=actor, via=via, text=f"Reason: {reason.name}",
        data={"field": "reason", "from": before, "to": code},
    )  # fmt: skip
    return True
