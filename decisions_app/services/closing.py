"""How an exception ends: the condition cleared, the record resolved, closed, cancelled, reopened or restored.

`cleared`, `resolved` and `closed` are three separate facts: the machine runs again; the blocking work is done too;
and every posting is settled. Owns those three steps and their undoing.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from core import clock
from core.errors import InvalidInput, TransitionRefused
from core.hints import hint
from decisions_app.models import PostingLink, TaskStatus, Trigger
from decisions_app.services import effects
from decisions_app.services.postings import queue_for
from decisions_app.services.tasks import next_step_after, open_blocking
from erp_sync import services as erp
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import User

CLOCK_SLACK = timedelta(minutes=5)


@transaction.atomic
def clear(
    *,
    exception_id: int,
    actor: User,
    at: datetime | None = None,
    via: str = "",
    expected_version: int | None = None,
) -> ExceptionRecord:
    """Say that the condition is gone (the machine runs again); resolves the record when nothing blocks it.

    `at` is when it went, now by default, never in the future. Raises InvalidInput (`exceptions.time`),
    TransitionRefused. Locks the exception.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    now = clock.now()
    moment = at or now
    if moment > now + CLOCK_SLACK or moment < exception.occurred_at:
        raise InvalidInput("exceptions.time", "That moment lies outside the exception's life.")
    if exception.cleared_at is not None or not exception.is_live:
        raise TransitionRefused("exceptions.cleared", f"{exception.ref} is already clear.")
    condition_gone(exception=exception, at=moment, actor=actor, via=via)
    settle(exception=exception, actor=actor, via=via)
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="cleared", ref=exception.ref)
    return exception


def condition_gone(*, exception: ExceptionRecord, at: datetime, actor: User | None, via: str = "") -> None:
    """Record the end of the condition on a locked exception, lift its constraints, queue what clearing posts."""
    exceptions.mark_cleared(exception=exception, at=at, actor=actor, via=via)
    effects.lift_all(exception, at=at)
    queue_for(
        exception=exception,
        trigger=Trigger.CLEAR,
        at=clock.now(),
        actor=actor,
        values=dict(exception.details),
    )
    for decision in exception.decisions.filter(reversed_at__isnull=True).select_related("option"):
        queue_for(
            exception=exception,
            trigger=Trigger.CLEAR,
            at=clock.now(),
            actor=actor,
            decision=decision,
            values=decision.inputs,
        )


def settle(*, exception: ExceptionRecord, actor: User | None, via: str = "") -> None:
    """Move a locked exception as far as it has come: decided and clear and unblocked -> resolved -> closed."""
    if (
        exception.status == Status.DECIDED
        and exception.cleared_at is not None
        and not open_blocking(exception)
    ):
        _resolve(exception, actor=actor, via=via, reason="")
    if exception.status == Status.RESOLVED and not open_postings(exception).exists():
        at = clock.now()
        exceptions.move(exception=exception, to=Status.CLOSED, actor=actor, via=via, closed_at=at)
        exceptions.record_event(exception=exception, kind=EventKind.CLOSED, actor=actor, via=via or "system")
        exceptions.set_next_step(exception=exception, text="")
        hint(*exceptions.groups_of(exception), kind="closed", ref=exception.ref)


def open_postings(exception: ExceptionRecord) -> QuerySet[Posting]:
    """Postings of the exception ERP has not settled: neither confirmed, nor local, nor cancelled."""
    return Posting.objects.filter(link__exception=exception, settled_at__isnull=True)


@transaction.atomic
def resolve(
    *, exception_id: int, actor: User, reason: str, via: str = "", expected_version: int | None = None
) -> ExceptionRecord:
    """Resolve by hand, with a reason: it went by itself, or the rest is done elsewhere. Clears the condition first.

    Raises InvalidInput (no reason), TransitionRefused (`exceptions.blocked` while blocking tasks are open). Locks the
    exception.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    if not reason.strip():
        raise InvalidInput("exceptions.reason", "Say why it is resolved.")
    waiting = open_blocking(exception)
    if waiting:
        raise TransitionRefused(
            "exceptions.blocked",
            f"{len(waiting)} tasks are still open, first: {waiting[0].title}.",
            "Finish or call them off.",
        )
    if exception.cleared_at is None:
        condition_gone(exception=exception, at=clock.now(), actor=actor, via=via)
    _resolve(exception, actor=actor, via=via, reason=reason)
    settle(exception=exception, actor=actor, via=via)
    if exception.status == Status.RESOLVED:
        exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="resolved", ref=exception.ref)
    return exception


def _resolve(exception: ExceptionRecord, *, actor: User | None, via: str, reason: str) -> None:
    at = clock.now()
    exceptions.move(
        exception=exception,
        to=Status.RESOLVED,
        actor=actor,
        via=via,
        resolved_at=at,
        next_escalation_at=None,
        contain_due_at=None,
    )
    exceptions.stop_ladders(exception=exception)
    exceptions.record_event(
        exception=exception, kind=EventKind.RESOLVED, actor=actor, via=via or "system", text=reason[:300]
    )


@transaction.atomic
def cancel(
    *, exception_id: int, actor: User, reason: str, via: str = "", expected_version: int | None = None
) -> ExceptionRecord:
    """End a record that should not have been: unsent postings withdrawn, confirmed ones reversed, constraints lifted.

    Raises InvalidInput (no reason), TransitionRefused. Locks the exception, then its postings.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    if not reason.strip():
        raise InvalidInput("exceptions.reason", "Say why it is cancelled.")
    at = clock.now()
    previous = exception.status
    exceptions.move(
        exception=exception,
        to=Status.CANCELLED,
        actor=actor,
        via=via,
        previous_status=previous,
        cancelled_at=at,
        next_escalation_at=None,
        contain_due_at=None,
    )
    exceptions.stop_ladders(exception=exception)
    exception.tasks.filter(status=TaskStatus.OPEN).update(
        status=TaskStatus.CANCELLED, done_at=at, done_by=actor
    )
    for link in PostingLink.objects.filter(exception=exception).order_by("-posting_id"):
        erp.withdraw(posting_id=link.posting_id, actor=actor, reason=reason)
    effects.lift_all(exception, at=at)
    exceptions.record_event(
        exception=exception, kind=EventKind.CANCELLED, actor=actor, via=via, text=reason[:300]
    )
    exceptions.set_next_step(exception=exception, text="")
    hint(*exceptions.groups_of(exception), kind="cancelled", ref=exception.ref)
    return exception


@transaction.atomic
def restore(*, exception_id: int, actor: User, reason: str, via: str = "") -> ExceptionRecord:
    """Undo a cancel: the record goes back to the status before it and is contained anew. Locks the exception."""
    exception = exceptions.locked(exception_id=exception_id)
    if exception.status != Status.CANCELLED:
        raise TransitionRefused("exceptions.not_cancelled", f"{exception.ref} is not cancelled.")
    exceptions.move(
        exception=exception,
        to=Status(exception.previous_status or Status.OPEN),
        actor=actor,
        via=via,
        previous_status="",
        cancelled_at=None,
        merged_into=None,
        contained_at=None,
        contain_due_at=clock.now(),
    )
    exceptions.record_event(
        exception=exception, kind=EventKind.RESTORED, actor=actor, via=via, text=reason[:300]
    )
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="restored", ref=exception.ref)
    return exception


@transaction.atomic
def reopen(
    *, exception_id: int, actor: User, reason: str, via: str = "", expected_version: int | None = None
) -> ExceptionRecord:
    """Open a resolved or closed record again: it came back. Counts against first pass; its owner answers anew.

    Decisions in force stay on record as taken; a new one may be added. Raises InvalidInput, TransitionRefused.
    Locks the exception.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    if not reason.strip():
        raise InvalidInput("exceptions.reason", "Say what came back.")
    exceptions.reopen_record(exception=exception, actor=actor, via=via, reason=reason)
    at = clock.now()
    exception.decisions.filter(reversed_at__isnull=True).update(
        reversed_at=at, reversed_by=actor, reverse_reason="The condition came back."
    )
    hint(*exceptions.groups_of(exception), kind="reopened", ref=exception.ref)
    return exception
