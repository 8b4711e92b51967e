"""One hand laid on many postings: retried, cancelled, settled by hand, given to somebody; each for itself.

Owns what is done to each, that one refusal does not keep the others, and the answer for each. A posting already where
the verb would bring it is left alone and counts as done, so that a repeat changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction

from core.errors import DomainError, InvalidInput, NotFound, TransitionRefused
from erp_sync import lifecycle
from erp_sync.models import Posting, PostingEdit
from erp_sync.services import operating, releasing
from erp_sync.services.moves import lock, note_edit
from erp_sync.services.operating import need_reason
from erp_sync.services.queueing import announce
from plant_app.models import User
from plant_app.permissions import require
from plant_app.selectors import can

Status = lifecycle.Status
MOST = releasing.MOST


class BulkVerb(StrEnum):
    """What can be done to many postings at once."""

    APPROVE = "approve"
    RETRY = "retry"
    RELEASE = "release"
    CANCEL = "cancel"
    MARK_LOCAL = "mark_local"
    ASSIGN = "assign"


#: Nothing to do to a posting that is here already.
_THERE: dict[BulkVerb, tuple[Status, ...]] = {
    BulkVerb.RETRY: (Status.QUEUED, Status.SENDING, Status.CONFIRMED),
    BulkVerb.APPROVE: (Status.QUEUED, Status.SENDING, Status.CONFIRMED),
    BulkVerb.CANCEL: (Status.CANCELLED,),
    BulkVerb.MARK_LOCAL: (Status.LOCAL,),
}
_NEEDS_REASON = (BulkVerb.CANCEL, BulkVerb.MARK_LOCAL)


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one posting: `done` with its status now, or refused with why; `changed` False: it was there."""

    posting_id: int
    business_key: str
    done: bool
    changed: bool
    status: str
    code: str = ""
    message: str = ""


def bulk(
    *,
    verb: BulkVerb,
    posting_ids: Iterable[int],
    actor: User,
    reason: str = "",
    assignee: User | None = None,
) -> list[Done]:
    """Do `verb` to each posting, each in a transaction of its own; returns what became of each, in the order given.

    Whoever may not do it at a posting's site is refused for that one. `assignee` None with `assign` lays it down.
    Raises InvalidInput `erp.reason_missing` where the verb needs a reason and `erp.too_many` beyond 500.
    """
    if verb in _NEEDS_REASON:
        need_reason(reason)
    wanted = list(dict.fromkeys(posting_ids))
    if len(wanted) > MOST:
        raise InvalidInput(
            "erp.too_many", f"At most {MOST} postings at once.", "Narrow the choice.", given=len(wanted)
        )
    return [_one(verb, posting_id, actor, reason, assignee) for posting_id in wanted]


def assign(*, posting_ids: Iterable[int], assignee: User | None, actor: User, reason: str = "") -> list[Done]:
    """Give postings to somebody who looks after them from now on; None lays them down. Answers as `bulk`."""
    return bulk(verb=BulkVerb.ASSIGN, posting_ids=posting_ids, actor=actor, reason=reason, assignee=assignee)


@transaction.atomic
def assign_one(
    *, posting_id: int, assignee: User | None, actor: User, reason: str = "", version: int | None = None
) -> Posting:
    """Give one posting to somebody, or lay it down (None). Locks it; unchanged where it is his already.

    Raises InvalidInput `erp.assignee` for somebody who may do nothing to it, TransitionRefused `erp.settled`,
    StaleVersion.
    """
    posting = lock(posting_id, version=version)
    if assignee is not None and not can(assignee, "posting.edit", posting.site_id):
        raise InvalidInput("erp.assignee", f"{assignee} may do nothing to postings of this site.")
    if posting.assignee_id == (assignee.pk if assignee is not None else None):
        return posting
    if posting.settled:
        raise TransitionRefused(
            "erp.settled", "A settled posting needs nobody to look after it.", status_now=posting.status
        )
    note_edit(
        posting,
        PostingEdit.Verb.ASSIGN,
        actor,
        reason,
        before={"assignee": str(posting.assignee or "")},
        after={"assignee": str(assignee or "")},
    )
    posting.assignee = assignee
    posting.version += 1
    posting.save(update_fields=["assignee", "version"])
    announce(posting)
    return posting


def _one(verb: BulkVerb, posting_id: int, actor: User, reason: str, assignee: User | None) -> Done:
    try:
        with transaction.atomic():
            posting = lock(posting_id)
            if not can(actor, "posting.view", posting.site_id):
                raise NotFound("erp.no_posting", "There is no such posting.")
            if verb != BulkVerb.APPROVE:
                require(actor, "posting.edit", posting.site_id)
            before = posting.version
            there = posting.status in _THERE.get(verb, ())
            after = posting if there else _act(verb, posting, actor, reason, assignee)
    except NotFound as refusal:
        return Done(posting_id, "", False, False, "", refusal.code, refusal.message)
    except DomainError as refusal:
        now = Posting.objects.only("business_key", "status").get(pk=posting_id)
        return Done(posting_id, now.business_key, False, False, now.status, refusal.code, refusal.message)
    return Done(posting_id, after.business_key, True, after.version != before, after.status)


def _act(verb: BulkVerb, posting: Posting, actor: User, reason: str, assignee: User | None) -> Posting:
    match verb:
        case BulkVerb.APPROVE:
            return operating.approve(posting_id=posting.pk, actor=actor)
        case BulkVerb.RETRY:
            _refuse_keyed(posting)
            return operating.retry(posting_id=posting.pk, actor=actor, reason=reason)
        case BulkVerb.RELEASE:
            waits = releasing.waits_for_slot(posting)
            return releasing.release(posting_id=posting.pk, actor=actor, reason=reason) if waits else posting
        case BulkVerb.CANCEL:
            return operating.cancel(posting_id=posting.pk, actor=actor, reason=reason)
        case BulkVerb.MARK_LOCAL:
            return operating.mark_local(posting_id=posting.pk, actor=actor, reason=reason)
        case BulkVerb.ASSIGN:
            return assign_one(posting_id=posting.pk, actor=actor, reason=reason, assignee=assignee)


def _refuse_keyed(posting: Posting) -> None:
    """What a person is to key may lie half keyed in ERP: sending it is a decision about just this one."""
    if posting.held_reason == lifecycle.HeldReason.MANUAL:
        raise TransitionRefused(
            "erp.keyed_by_hand",
            "This posting is to be keyed by hand and is not sent with others.",
            "Send it from its own page, once you know that nobody has keyed it.",
            status_now=posting.status,
        )
