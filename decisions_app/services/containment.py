"""Containment: what happens at once when an exception opens, before anybody decides."""

from datetime import datetime

from django.db import transaction

from core import clock, due
from core.hints import hint
from decisions_app.catalogue import EFFECTS
from decisions_app.models import Playbook, Trigger
from decisions_app.posting_templates import Situation
from decisions_app.services import effects, windows
from decisions_app.services.postings import queue_for
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord

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
    done = 0
    while done < limit:
        with transaction.atomic():
            rows = due.claim(
                ExceptionRecord.objects.filter(contain_due_at__lte=clock.now()).order_by("contain_due_at"), 1
            )
            if not rows:
                return done
            _contain(rows[0], clock.now())
        done += 1
    return done


def _contain(exception: ExceptionRecord, at: datetime) -> bool:
    if exception.contained_at is not None or exception.status not in CONTAINABLE:
        exception.contain_due_at = None
        exception.save(update_fields=["contain_due_at"])
        return False
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


def _words(effects_taken: list[str]) -> str:
    """What containment did, in words."""
    return ", ".join(EFFECTS[name] for name in effects_taken)[:300]
