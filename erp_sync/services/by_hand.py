"""Postings a person keys into ERP: noted with number and moment, or found there by the reference they carry.

Owns that step of adoption: the list is worked by people, and its lag is measured before anything is automated. ERP is
only read.
"""

import logging
from datetime import datetime

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from core import clock
from core.due import claim
from core.errors import InvalidInput, TransitionRefused
from core.wake import wake
from erp_sync import lifecycle
from erp_sync.adapters.port import Outcome
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import AttemptAction, AttemptOutcome, Posting, PostingAttempt, PostingEdit
from erp_sync.services.claiming import willing_connections
from erp_sync.services.judging import LOCAL_REASON_LIMIT
from erp_sync.services.looking import look_up
from erp_sync.services.moves import lock, move, note_edit
from erp_sync.services.queueing import LOOK_EVERY
from erp_sync.services.skew import corrected
from erp_sync.services.withdrawing import complete_withdrawal
from plant_app.models import User

logger = logging.getLogger(__name__)
Status = lifecycle.Status


@transaction.atomic
def note_keyed(
    *,
    posting_id: int,
    erp_number: str,
    actor: User,
    keyed_at: datetime | None = None,
    version: int | None = None,
) -> Posting:
    """A person has keyed a posting of the list; it settles as local, with ERP's number and the moment (now). Locks it.

    Raises InvalidInput `erp.number_missing`, `erp.keyed_at` for a moment in the future or before what it describes;
    TransitionRefused for a posting that is not on the list.
    """
    number = erp_number.strip()
    if not number:
        raise InvalidInput(
            "erp.number_missing",
            "Say ERP's number.",
            "What needs no document is settled by hand, with a reason.",
        )
    posting = lock(posting_id, version=version)
    if not _listed(posting):
        raise TransitionRefused(
            "erp.not_by_hand", "This posting is not one to key by hand.", status_now=posting.status
        )
    at = keyed_at or clock.now()
    if not posting.occurred_at <= at <= clock.now():
        raise InvalidInput("erp.keyed_at", "It was keyed after it happened and before now.")
    note_edit(posting, PostingEdit.Verb.KEYED, actor, "", after={"erp_number": number})
    return _settle(posting, number, at, f"keyed by hand by {actor}")


def find_keyed(*, limit: int = 50) -> int:
    """Ask ERP whether postings of the list are there by now; returns how many were. Must not run inside a transaction.

    A person who writes the posting's reference into the document needs to note nothing. Each is asked for every five
    minutes; ERP away leaves it for the next time. One a connector breaks on keeps no other. Raises
    SoftTimeLimitExceeded; those not asked for by then are due at once.
    """
    found = 0
    taken = _take(limit)
    for place, posting in enumerate(taken):
        try:
            outcome = _look(posting)
            if outcome is not None and outcome.status == "confirmed":
                found += _found(posting, outcome)
        except SoftTimeLimitExceeded:
            left = [row.pk for row in taken[place + 1 :]]
            Posting.objects.by_hand().filter(pk__in=left).update(due_at=clock.now())
            raise
    return found


@transaction.atomic
def _take(limit: int) -> list[Posting]:
    now = clock.now()
    rows = claim(
        Posting.objects.by_hand()
        .filter(due_at__lte=now, connection__in=willing_connections())
        .select_related("connection", "site", "reversal_of")
        .order_by("due_at", "pk"),
        limit,
    )
    Posting.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=now + LOOK_EVERY)
    return rows


def _look(posting: Posting) -> Outcome | None:
    if posting.connection is None:
        return None
    try:
        return look_up(posting.connection, posting)
    except (ErpUnavailable, ErpRejected) as error:
        logger.info("could not look for %s: %s", posting.business_key, error.code)
        return None


@transaction.atomic
def _found(looked_for: Posting, outcome: Outcome) -> bool:
    """Settle what ERP turned out to have; False where somebody noted it meanwhile."""
    posting = lock(looked_for.pk)
    if not _listed(posting):
        return False
    now = clock.now()
    PostingAttempt.objects.create(
        posting=posting, number=posting.tries.count() + 1, action=AttemptAction.LOOK_UP, started_at=now,
        finished_at=now, outcome=AttemptOutcome.CONFIRMED, response=outcome.raw,
    )  # fmt: skip
    _settle(
        posting,
        outcome.erp_number,
        corrected(posting, outcome.confirmed_at, now),
        "keyed by hand, found in ERP by its reference",
    )
    return True


def _listed(posting: Posting) -> bool:
    return posting.status == Status.HELD and posting.held_reason == lifecycle.HeldReason.MANUAL


def _settle(posting: Posting, number: str, at: datetime, why: str) -> Posting:
    move(
        posting, Status.LOCAL, erp_number=number[:80], erp_confirmed_at=max(at, posting.occurred_at),
        local_reason=why[:LOCAL_REASON_LIMIT],
    )  # fmt: skip
    complete_withdrawal(posting)
    wake("postings")
    return posting
