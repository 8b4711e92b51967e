"""Containment: what happens at once when an exception opens, before anybody decides."""

import logging
from datetime import datetime

from django.db import transaction

from core import clock, due
from core.errors import DomainError
from core.hints import hint
from decisions_app.catalogue import EFFECTS
from decisions_app.models import Playbook, Trigger
from decisions_app.posting_templates import Situation
from decisions_app.services import effects, windows
from decisions_app.services.closing import after_clearing, settle, why_not_over
from decisions_app.services.postings import queue_for
from decisions_app.services.tasks import next_step_after
from decisions_app.services.undoing import retire_decisions
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord

logger = logging.getLogger(__name__)

CONTAINABLE = {Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED}


@transaction.atomic
def contain(*, exception_id: int) -> bool:
    """Put the plant into the state the exception means and queue its containment postings; True when done now.

    Done once per record; a triage item is contained when it leaves triage, since nobody knows yet what it is.
    Locks the exception. The site is asked to re-sequence.
    """
    exception = exceptions.locked(exception_id=exception_id)
    return _contain(exception, clock.now())


def contain_due(*, limit: int = 50) -> int:
    """Contain every record whose due moment has come; each in a transaction of its own. Returns how many."""
    waiting = ExceptionRecord.objects.filter(contain_due_at__lte=clock.now())
    done = 0
    for pk in list(waiting.order_by("contain_due_at", "pk").values_list("pk", flat=True)[:limit]):
        try:
            with transaction.atomic():
                if due.claim(waiting.filter(pk=pk), 1):
                    _contain(exceptions.locked(exception_id=pk), clock.now())
                    done += 1
        except DomainError as error:
            # It must not hold up the others; the doctor counts it, the next sweep tries again.
            logger.exception("exception %s could not be contained: %s", pk, error)
    return done


def _contain(exception: ExceptionRecord, at: datetime) -> bool:
    if exception.cleared_at is not None and exception.contain_due_at is not None and exception.is_live:
        return _all_clear(exception)
    if exception.contained_at is not None or exception.status not in CONTAINABLE or exception.drill:
        exception.contain_due_at = None
        exception.save(update_fields=["contain_due_at"])
        return False
    if exception.reopen_count:
        _retire_former(exception)
    playbook = Playbook.objects.filter(type=exception.type).first()
    situation = Situation(exception=exception, at=at, values=exception.details)
    names = list(playbook.containment) if playbook else []
    effects.apply(names, situation)
    postings = queue_for(
        exception=exception, trigger=Trigger.CONTAIN, at=at, actor=None, values=dict(exception.details)
    )
    data = {"effects": names, "postings": [posting.pk for posting in postings]}
    exceptions.mark_contained(exception=exception, text=_words(names), data=data)
    windows.refresh(exception=exception, at=at)
    hint(*exceptions.groups_of(exception), kind="contained", ref=exception.ref)
    return True


def _retire_former(exception: ExceptionRecord) -> None:
    """A signal that reopens the record knows no decisions: those of before are no answer to what came back."""
    last = exception.events.filter(kind=EventKind.REOPENED).order_by("-pk").first()
    if last is not None:
        retire_decisions(exception, last.actor, before=last.at)


def _all_clear(exception: ExceptionRecord) -> bool:
    """A signal said the condition is gone: lift what containment imposed and let the record go as far as it has come.

    Where saying so does not make it so (a safety stop, suspect parts), the all-clear stays a line of the story.
    """
    exception.contain_due_at = None
    wrong = why_not_over(exception)
    if wrong is not None:
        exception.cleared_at = None
        exceptions.keep(exception, "cleared_at", "contain_due_at")
        exceptions.record_event(
            exception=exception,
            kind=EventKind.RETURNED,
            actor_text="containment",
            via="system",
            text=f"The all-clear was heard; {wrong[1]}",
            data={"code": wrong[0]},
        )
        if exception.contained_at is None:
            return _contain(exception, clock.now())
        return False
    exception.save(update_fields=["contain_due_at"])
    after_clearing(exception=exception, at=exception.cleared_at or clock.now(), actor=None)
    settle(exception=exception, actor=None, via="system")
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="cleared", ref=exception.ref)
    return False


def _words(effects_taken: list[str]) -> str:
    """What containment did, in words."""
    return ", ".join(EFFECTS[name] for name in effects_taken)[:300]
