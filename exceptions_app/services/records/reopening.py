"""Reopening a record: the way back from resolved or closed, with clocks and the owner's response begun anew.

A primitive: the caller holds the lock. Reversing tasks and postings is the business of whoever made them.
"""

from datetime import timedelta
from typing import Any

from core import clock
from core.errors import TransitionRefused
from core.wake import wake
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord
from exceptions_app.services.records.moves import move
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.responses.tell import begin_again, tell_change
from plant_app.models import User

# What was true of the end that turned out to be none.
_FORGOTTEN = (
    "contained_at", "cleared_at", "resolved_at", "closed_at", "decided_at", "acknowledged_at", "aligned_at",
)  # fmt: skip


def reopen_record(
    *, exception: ExceptionRecord, actor: User | None = None, via: str = "", reason: str, signal: Any = None,
    data: dict[str, Any] | None = None,
) -> ExceptionEvent:  # fmt: skip
    """Move a locked resolved or closed exception back to open and start its clocks again from now.

    Counts `reopen_count`, forgets clearing, resolving and closing times, asks the owner's duty anew (whoever holds it
    now) and tells the other required functions of the change. TransitionRefused `exceptions.transition_refused` from
    any other status, `exceptions.key_taken` when a newer record of the same thing is open: that one carries on.
    """
    if exception.correlation_key:
        other = (
            ExceptionRecord.objects.correlating()
            .filter(correlation_key=exception.correlation_key)
            .exclude(pk=exception.pk)
            .first()
        )
        if other is not None:
            raise TransitionRefused(
                "exceptions.key_taken",
                f"{other.ref} is already open for the same thing.",
                f"Go on with {other.ref}.",
                ref=other.ref,
            )
    now = clock.now()
    exception.reopen_count += 1
    limits = exception.limits
    before = exception.status
    forgotten: dict[str, Any] = dict.fromkeys(_FORGOTTEN)
    move(
        exception=exception,
        to=Status.OPEN,
        also=("reopen_count",),
        **forgotten,
        acknowledge_due_at=now + timedelta(minutes=limits.get("acknowledge") or 15),
        decide_due_at=now + timedelta(minutes=limits.get("decide") or 60),
        resolve_due_at=now + timedelta(minutes=limits.get("resolve") or 480),
        next_escalation_at=now + timedelta(minutes=limits.get("decide") or 60),
        contain_due_at=now,
    )
    line = record_event(
        exception=exception, kind=EventKind.REOPENED, actor=actor, via=via, text=reason, signal=signal,
        data={"from": before, "reopen_count": exception.reopen_count, **(data or {})},
    )  # fmt: skip
    owner = begin_again(exception=exception)
    tell_change(exception=exception, text=reason, without={owner.person_id} if owner.person_id else ())
    announce(exception, kind=EventKind.REOPENED)
    wake("containment")
    return line
