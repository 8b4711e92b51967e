"""Taking things back: a decision reversed, a record cancelled, restored or reopened.

What people did stays on record; what follows from it is withdrawn: unsent postings called off, confirmed ones reversed,
limits lifted. Locks the exception, then its postings.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotFound, TransitionRefused
from core.hints import hint
from core.wake import wake
from decisions_app.deciders import check_decider, duties_here, needs_of
from decisions_app.models import ApprovalStatus, ApprovalWhy, Decision, TaskStatus
from decisions_app.posting_templates import Situation
from decisions_app.services import effects
from decisions_app.services.asked import end, withdraw_waiting
from decisions_app.services.postings import withdraw_all
from decisions_app.services.tasks import next_step_after
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord, SignalReading
from exceptions_app.services.responses.tell import begin_again
from plant_app.models import User


@transaction.atomic
def reverse_decision(
    *,
    exception_id: int,
    number: int,
    actor: User,
    reason: str,
    via: str = "",
    expected_version: int | None = None,
) -> Decision:
    """Take a decision back: its open tasks and unsent postings end, confirmed postings get reversals queued.

    The decide clock runs again. Raises NotFound (`decisions.decision`), InvalidInput when no reason is given,
    NotAllowed as deciding does, TransitionRefused once resolved. Locks the exception, then the postings.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    if not reason.strip():
        raise InvalidInput("decisions.reason", "Say why the decision is taken back.")
    decision = (
        exception.decisions.filter(number=number, reversed_at__isnull=True).select_related("option").first()
    )
    if decision is None:
        raise NotFound("decisions.decision", f"{exception.ref} has no decision {number} in force.")
    if exception.status not in {Status.ACKNOWLEDGED, Status.DECIDED}:
        raise TransitionRefused(
            "decisions.too_late", f"{exception.ref} is {exception.status}.", "Reopen it first."
        )
    # Who took it, with whatever yes it needed, may take it back; another needs the limit, no second person.
    duties = duties_here(exception, actor)
    needs = needs_of(
        exception=exception, option=decision.option, actor=actor, cost=decision.cost, duties=duties
    )
    over = decision.decided_by_id != actor.pk and any(need.why == ApprovalWhy.LIMIT for need in needs)
    check_decider(
        exception=exception, option=decision.option, actor=actor, cost=decision.cost, duties=duties,
        approved=not over,
    )  # fmt: skip
    _take_back(exception, decision, actor=actor, reason=reason)
    names = [*decision.effects, *(name for task in decision.tasks.all() for name in task.effects)]
    effects.undo(
        names, Situation(exception=exception, at=clock.now(), decision=decision, values=decision.inputs)
    )
    exceptions.record_event(
        exception=exception,
        kind=EventKind.DECISION_REVERSED,
        actor=actor,
        via=via,
        text=reason[:300],
        data={"decision": decision.number, "option": decision.option.code},
    )
    if exception.status == Status.DECIDED:
        exceptions.move(
            exception=exception,
            to=Status.ACKNOWLEDGED,
            acknowledged_at=exception.acknowledged_at,
            decided_at=None,
            next_escalation_at=_decide_again_by(exception),
        )
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="decision_reversed", ref=exception.ref)
    return decision


def _decide_again_by(exception: ExceptionRecord) -> datetime:
    return clock.now() + timedelta(minutes=int(exception.limits.get("decide") or 60))


def _take_back(exception: ExceptionRecord, decision: Decision, *, actor: User, reason: str) -> None:
    """Mark a decision reversed, call off its open tasks, withdraw its postings."""
    at = clock.now()
    decision.reversed_at, decision.reversed_by, decision.reverse_reason = at, actor, reason[:300]
    decision.save(update_fields=["reversed_at", "reversed_by", "reverse_reason"])
    for row in decision.approvals.filter(status=ApprovalStatus.WAITING):
        end(row, ApprovalStatus.WITHDRAWN, "the decision was taken back", actor, "approvals.taken_back")
    decision.tasks.filter(status=TaskStatus.OPEN).update(
        status=TaskStatus.CANCELLED, done_at=at, done_by=actor
    )
    withdraw_all(
        exception=exception,
        postings=Posting.objects.filter(link__decision=decision),
        actor=actor,
        reason=reason,
    )


@transaction.atomic
def cancel(
    *, exception_id: int, actor: User, reason: str, via: str = "", expected_version: int | None = None
) -> ExceptionRecord:
    """End a record that should not have been: decisions reversed, unsent postings withdrawn, confirmed ones reversed,
    constraints and agreed values lifted.

    Raises InvalidInput (no reason), TransitionRefused. Locks the exception, then its postings.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    if not reason.strip():
        raise InvalidInput("exceptions.reason", "Say why it is cancelled.")
    at = clock.now()
    exceptions.move(exception=exception, to=Status.CANCELLED, cancelled_at=at)
    withdraw_waiting(
        exception=exception, actor=actor, because="the record was cancelled", code="approvals.record_ended"
    )
    for decision in exception.decisions.filter(reversed_at__isnull=True).order_by("-number"):
        _take_back(exception, decision, actor=actor, reason=reason)
    exception.tasks.filter(status=TaskStatus.OPEN).update(
        status=TaskStatus.CANCELLED, done_at=at, done_by=actor
    )
    withdraw_all(
        exception=exception,
        postings=Posting.objects.filter(link__exception=exception),
        actor=actor,
        reason=reason,
    )
    effects.lift_all(exception, at=at, decided_too=True)
    exceptions.record_event(
        exception=exception, kind=EventKind.CANCELLED, actor=actor, via=via, text=reason[:300]
    )
    exceptions.set_next_step(exception=exception, text="")
    hint(*exceptions.groups_of(exception), kind="cancelled", ref=exception.ref)
    return exception


@transaction.atomic
def restore(*, exception_id: int, actor: User, reason: str, via: str = "") -> ExceptionRecord:
    """Undo a cancel or a merge: back to the status before, contained anew, its signals its own again, clocks running.

    A decided one has to be decided again, since cancelling took the decisions back. Raises InvalidInput (no reason),
    TransitionRefused (`exceptions.not_cancelled`, `exceptions.key_taken` when a newer record of the same thing is
    open). Locks the exception.
    """
    exception = exceptions.locked(exception_id=exception_id)
    if not reason.strip():
        raise InvalidInput("exceptions.reason", "Say why it is restored.")
    if exception.status != Status.CANCELLED:
        raise TransitionRefused("exceptions.not_cancelled", f"{exception.ref} is not cancelled.")
    _refuse_second(exception)
    before = Status(exception.previous_status or Status.OPEN)
    back = Status.ACKNOWLEDGED if before == Status.DECIDED else before
    stamps: dict[str, Any] = (
        {"acknowledged_at": exception.acknowledged_at} if back == Status.ACKNOWLEDGED else {}
    )
    exceptions.move(
        exception=exception,
        to=back,
        **stamps,
        previous_status="",
        cancelled_at=None,
        decided_at=None,
        merged_into=None,
        contained_at=None,
        contain_due_at=clock.now(),
        next_escalation_at=_decide_again_by(exception),
    )
    _unmerge(exception)
    if not exception.responses.get(is_owner=True).answered:
        begin_again(exception=exception)
    exceptions.record_event(
        exception=exception, kind=EventKind.RESTORED, actor=actor, via=via, text=reason[:300]
    )
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="restored", ref=exception.ref)
    wake("containment")
    return exception


def _refuse_second(exception: ExceptionRecord) -> None:
    if not exception.correlation_key:
        return
    open_ones = ExceptionRecord.objects.correlating().filter(correlation_key=exception.correlation_key)
    other = open_ones.exclude(pk=exception.pk).first()
    if other is not None:
        raise TransitionRefused(
            "exceptions.key_taken",
            f"{other.ref} is already open for the same thing.",
            f"Go on with {other.ref}.",
            ref=other.ref,
        )


def _unmerge(exception: ExceptionRecord) -> None:
    """Signals a merge had given away count here again."""
    merged = exception.events.filter(kind=EventKind.MERGED, data__has_key="readings").order_by("-pk").first()
    if merged is None:
        return
    for pk, opened, outcome in merged.data["readings"]:
        SignalReading.objects.filter(pk=pk).update(exception=exception, opened=opened, outcome=outcome)


@transaction.atomic
def reopen(
    *, exception_id: int, actor: User, reason: str, via: str = "", expected_version: int | None = None
) -> ExceptionRecord:
    """Open a resolved or closed record again: it came back. Counts against first pass; its owner answers anew.

    What was decided and done stays as it was, but no longer counts as the answer: a new decision is asked for. Raises
    InvalidInput, TransitionRefused. Locks the exception.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    if not reason.strip():
        raise InvalidInput("exceptions.reason", "Say what came back.")
    exceptions.reopen_record(exception=exception, actor=actor, via=via, reason=reason)
    retire_decisions(exception, actor)
    hint(*exceptions.groups_of(exception), kind="reopened", ref=exception.ref)
    return exception


def retire_decisions(
    exception: ExceptionRecord, actor: User | None, *, before: datetime | None = None
) -> int:
    """Decisions of before a return (by default now) are no answer to it. Returns how many were in force."""
    former = exception.decisions.filter(reversed_at__isnull=True, decided_at__lte=before or clock.now())
    return former.update(
        reversed_at=clock.now(), reversed_by=actor, reverse_reason="The condition came back."
    )
