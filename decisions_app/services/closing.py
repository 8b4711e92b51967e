"""How an exception ends: the condition cleared, the record resolved, closed.

`cleared`, `resolved` and `closed` are three separate facts: the machine runs again; the blocking work is done too;
every posting is settled, and the root cause stated where one is asked for. Owns those three steps; their undoing is in
`services.undoing`.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from core import clock
from core.errors import InvalidInput, TransitionRefused
from core.hints import hint
from decisions_app.models import Clears, Playbook, Trigger
from decisions_app.services import effects
from decisions_app.services.asked import withdraw_waiting
from decisions_app.services.causes import (
    cause_wanted,
    open_postings,
    refuse_without_cause,
    say_cause,
    step_when_resolved,
)
from decisions_app.services.postings import queue_for
from decisions_app.services.tasks import next_step_after, open_blocking
from exceptions_app import lifecycle
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
    TransitionRefused (`decisions.release_only`, `decisions.undecided` where saying so does not make it so). Locks the
    exception.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    now = clock.now()
    moment = at or now
    if moment > now + CLOCK_SLACK or moment < exception.occurred_at:
        raise InvalidInput("exceptions.time", "That moment lies outside the exception's life.")
    if exception.cleared_at is not None or not exception.is_live:
        raise TransitionRefused("exceptions.cleared", f"{exception.ref} is already clear.")
    if exception.status == Status.TRIAGE:
        raise TransitionRefused(
            "exceptions.unsorted", f"{exception.ref} is not sorted yet.", "Sort it first."
        )
    refuse_end(exception)
    condition_gone(exception=exception, at=moment, actor=actor, via=via)
    settle(exception=exception, actor=actor, via=via)
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="cleared", ref=exception.ref)
    return exception


def condition_gone(*, exception: ExceptionRecord, at: datetime, actor: User | None, via: str = "") -> None:
    """Record the end of the condition on a locked exception, lift its constraints, queue what clearing posts."""
    exceptions.mark_cleared(exception=exception, at=at, actor=actor, via=via)
    after_clearing(exception=exception, at=at, actor=actor)


def why_not_over(exception: ExceptionRecord) -> tuple[str, str, str] | None:
    """Why nobody may simply say that the condition is gone, as (code, message, hint); None when somebody may.

    A place locked for safety ends by its release tasks only, suspect parts by a disposition of every piece.
    """
    playbook = Playbook.objects.filter(type=exception.type_id).first()
    if playbook is None:
        return None
    if playbook.clears == Clears.RELEASE:
        return (
            "decisions.release_only",
            f"{exception.ref} ends only by its release, each part signed by the duty named.",
            "Decide on the release, or cancel the record if it was a mistake.",
        )
    shared = playbook.options.filter(by_quantity=True, active=True).exists()
    if shared and exception.status != Status.DECIDED:
        left = exception.quantity
        if left is not None:
            taken = exception.decisions.filter(reversed_at__isnull=True).values_list("quantity", flat=True)
            left -= sum((quantity for quantity in taken if quantity is not None), Decimal(0))
        words = f"{left.normalize():f} are" if left is not None else "The suspect parts are"
        return (
            "decisions.undecided",
            f"{words} still undecided.",
            "Decide on every piece, or cancel the record if it was held by mistake.",
        )
    return None


def refuse_end(exception: ExceptionRecord) -> None:
    """Raise TransitionRefused where `why_not_over` has an answer. In a rehearsed past everything may end."""
    wrong = None if clock.rehearsing() else why_not_over(exception)
    if wrong is not None:
        raise TransitionRefused(*wrong)


def after_clearing(*, exception: ExceptionRecord, at: datetime, actor: User | None) -> None:
    """What the end of the condition brings about, whoever noted it: a person, a task or a machine's own all-clear."""
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
    """Move a locked exception as far as it has come: decided and clear and unblocked -> resolved -> closed.

    One whose root cause is asked for and missing stays resolved: its next step says so and its owner is told once.
    """
    if (
        exception.status == Status.DECIDED
        and exception.cleared_at is not None
        and not open_blocking(exception)
    ):
        _resolve(exception, actor=actor, via=via, reason="")
    if exception.status == Status.RESOLVED and not open_postings(exception).exists():
        if cause_wanted(exception):
            _wait_for_cause(exception)
            return
        at = clock.now()
        exceptions.move(exception=exception, to=Status.CLOSED, actor=actor, via=via, closed_at=at)
        exceptions.record_event(exception=exception, kind=EventKind.CLOSED, actor=actor, via=via or "system")
        exceptions.set_next_step(exception=exception, text="")
        hint(*exceptions.groups_of(exception), kind="closed", ref=exception.ref)


def _wait_for_cause(exception: ExceptionRecord) -> None:
    step = step_when_resolved(exception)
    if exception.next_step != step:
        exceptions.set_next_step(exception=exception, text=step)
    text = f"State the root cause, {cause_wanted(exception)}: {exception.title}"[:300]
    if not exception.tellings.filter(text=text, created_at__gte=exception.resolved_at).exists():
        exceptions.tell(
            exception=exception,
            person=exception.owner,
            role="" if exception.owner_id else exception.owner_role,
            text=text,
        )
        hint(*exceptions.groups_of(exception), kind="cause", ref=exception.ref)


@transaction.atomic
def resolve(
    *,
    exception_id: int,
    actor: User,
    reason: str,
    via: str = "",
    expected_version: int | None = None,
    cause: str = "",
    cause_text: str = "",
) -> ExceptionRecord:
    """Resolve by hand, with a reason: it went by itself, or the rest is done elsewhere. Clears the condition first.

    `cause` is a root cause category to state at once, with words. Raises InvalidInput (no reason, `causes.category`),
    TransitionRefused (`exceptions.blocked` while blocking tasks are open, `causes.required` where a rule or the
    playbook asks for a root cause nobody has stated, and as `clear`). Locks the exception.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    if not reason.strip():
        raise InvalidInput("exceptions.reason", "Say why it is resolved.")
    if cause:
        say_cause(exception=exception, category=cause, text=cause_text, actor=actor, via=via)
    waiting = open_blocking(exception)
    if waiting:
        raise TransitionRefused(
            "exceptions.blocked",
            f"{len(waiting)} tasks are still open, first: {waiting[0].title}.",
            "Finish or call them off.",
        )
    if not lifecycle.allowed(exception.status, Status.RESOLVED):
        raise TransitionRefused(
            "exceptions.transition_refused",
            f"{exception.ref} is {exception.status} and can't be resolved.",
            "Look at the current state: somebody may have been faster.",
        )
    if exception.cleared_at is None:
        refuse_end(exception)
    refuse_without_cause(exception)
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
    withdraw_waiting(
        exception=exception, actor=actor, because="the record was resolved", code="approvals.record_ended"
    )
    exceptions.record_event(
        exception=exception, kind=EventKind.RESOLVED, actor=actor, via=via or "system", text=reason[:300]
    )
