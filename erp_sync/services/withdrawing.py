"""Taking a posting's effect back, whatever state it is in: called off, reversed, or noted until it is known which.

Owns the withdrawal, the one call that takes back what ERP has, and the reversal posting, of which one at a time stands
for an original and which is sent like any other. Must not know: why somebody wants it back.
"""

import logging
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from core import clock
from core.errors import InvalidInput, TransitionRefused
from erp_sync import lifecycle, reversals
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.findings import sent_anew
from erp_sync.models import Posting, PostingEdit
from erp_sync.services.judging import why_local
from erp_sync.services.moves import lock, move, note_edit
from erp_sync.services.queueing import announce, queue_posting
from plant_app.models import Level, User
from plant_app.permissions import require

logger = logging.getLogger(__name__)
Status = lifecycle.Status
REVERSAL = "reversal"
DEFAULT_REASON_CODE = "withdrawn"
_CANCELLABLE = {Status.APPROVAL.value, Status.QUEUED.value, Status.REJECTED.value, Status.HELD.value}


@dataclass(frozen=True, slots=True)
class WayBack:
    """What taking a posting back means, in `words`; `here`: ERP gets nothing of it, and the words say why."""

    words: str
    here: bool = False


@transaction.atomic
def withdraw(*, posting_id: int, reason: str, actor: User | None = None, reason_code: str = "") -> Posting:
    """Take a posting back. Locks it. Safe to repeat: while its reversal stands the second call changes nothing.

    Not sent yet: it is cancelled, and returned. Confirmed: a reversal is queued in its chain, and returned; where the
    posting was local, the reversal is local too and reminds a person; what was keyed by hand is taken back by hand.
    Being sent or unclear: it is marked, and once the ERP's answer is known it is reversed or cancelled by itself; it is
    never sent again. A cancelled posting and a reversal that took effect stay as they are.
    """
    posting = lock(posting_id)
    if posting.status == Status.CANCELLED or (posting.kind == REVERSAL and posting.settled):
        return posting
    if posting.withdrawn_at is None:
        note_edit(posting, PostingEdit.Verb.WITHDRAW, actor, reason or "withdrawn")
        posting.withdrawn_at = clock.now()
        posting.withdrawn_code = reason_code
        posting.save(update_fields=["withdrawn_at", "withdrawn_code"])
    return complete_withdrawal(posting)


@transaction.atomic
def reverse(
    *, posting_id: int, reason: str, actor: User, reason_code: str = "", version: int | None = None
) -> Posting:
    """Take back what ERP has (or what was settled here), by one reversal; returns it. Locks the original.

    Exactly once: while a reversal stands, it is returned, whoever asks and however often; one called off makes room
    for another, one refused is edited or sent again like any posting. One in flight is marked, returned, and taken
    back by itself once ERP has answered. Kept with who and why. The reversal waits for approval or its slot where its
    policy says so, and for a person where the original was keyed by hand.

    Raises NotAllowed `access.not_allowed`; InvalidInput `erp.reason_missing`; TransitionRefused
    `erp.reversal_of_reversal`, `erp.no_reversal` (the kind has none, and why), `erp.not_posted` (ERP never had it),
    `erp.sent_anew` (ERP lost it, and another stands for it there).
    """
    if not reason.strip():
        raise InvalidInput(
            "erp.reason_missing", "Say why.", "A reason is kept with every change made by hand."
        )
    posting = lock(posting_id, version=version)
    require(actor, "posting.reverse", posting.site_id)
    _refuse_reversal(posting)
    standing = standing_reversal(posting)
    if standing is not None:
        return standing
    in_flight = posting.status not in (Status.CONFIRMED, Status.LOCAL)
    if in_flight and posting.withdrawn_at is not None:
        return posting
    note_edit(posting, PostingEdit.Verb.WITHDRAW, actor, reason)
    posting.withdrawn_at = clock.now()
    posting.withdrawn_code = reason_code
    posting.version += 1
    posting.save(update_fields=["withdrawn_at", "withdrawn_code", "version"])
    announce(posting)
    return posting if in_flight else _reverse(posting)


def standing_reversal(posting: Posting) -> Posting | None:
    """The reversal of a posting that has taken effect, or is to; one that was called off does not stand."""
    return posting.reversals.exclude(status=Status.CANCELLED).order_by("pk").first()


def why_not_reversible(posting: Posting) -> tuple[str, str]:
    """(code, words) of why a posting can't be taken back now; two empty strings where it can."""
    if posting.kind == REVERSAL:
        return "erp.reversal_of_reversal", reversals.REVERSALS[REVERSAL].words
    if posting.connection is not None and posting.connection.is_ledger and not clock.moved():
        return "erp.no_reversal", "it stands in the books of a rehearsed past"
    never = reversals.why_never(posting.kind, posting.payload)
    if never:
        return "erp.no_reversal", never
    if posting.status in _CANCELLABLE:
        return "erp.not_posted", "ERP does not have it: cancel it"
    if posting.status == Status.CANCELLED:
        return "erp.not_posted", "it was cancelled, ERP never had it"
    anew = sent_anew(posting)
    if anew is not None:
        return "erp.sent_anew", f"ERP lost it, {anew.business_key} was sent in its place: take that one back"
    return "", ""


def way_back(posting: Posting) -> WayBack:
    """What taking back a posting (a saved one, or one only intended) means in its ERP, as the connector says.

    Asks no ERP; a connector that can't say leaves the words of the kind.
    """
    known = WayBack(reversals.REVERSALS[posting.kind].words)
    keyed = posting.held_reason == lifecycle.HeldReason.MANUAL or _keyed(posting)
    if keyed or reversals.why_never(posting.kind, posting.payload):
        return known
    if posting.status == Status.LOCAL:
        why = posting.local_reason
    else:
        try:
            why = why_local(_intended_reversal(posting), Level.LIVE)
        except (ErpRejected, ErpUnavailable, KeyError) as error:
            logger.info("could not ask how %s is taken back: %s", posting.business_key, error)
            return known
    return WayBack(f"nothing in ERP, it is only noted here: {why}", here=True) if why else known


def _refuse_reversal(posting: Posting) -> None:
    code, words = why_not_reversible(posting)
    if code:
        raise TransitionRefused(
            code, f"This posting can't be taken back: {words}.", status_now=posting.status, kind=posting.kind
        )


def complete_withdrawal(posting: Posting) -> Posting:
    """Cancel or reverse a withdrawn posting as far as its status allows now; the caller holds its lock.

    Returns the reversal where there is one, else the posting. Does nothing to a posting nobody withdrew.
    """
    if posting.withdrawn_at is None:
        return posting
    if posting.status in _CANCELLABLE:
        return move(posting, Status.CANCELLED)
    if posting.status in (Status.CONFIRMED, Status.LOCAL) and posting.kind != REVERSAL:
        return _reverse(posting)
    return posting


def _reverse(posting: Posting) -> Posting:
    """The reversal of a posting that stands, queued where there is none, or none but ones called off."""
    before = list(posting.reversals.order_by("pk"))
    standing = next((one for one in before if one.status != Status.CANCELLED), None)
    if standing is not None:
        return standing
    edit = posting.edits.filter(verb=PostingEdit.Verb.WITHDRAW).select_related("actor").order_by("pk").last()
    reason_code = posting.withdrawn_code or posting.reason_code or DEFAULT_REASON_CODE
    anew = sent_anew(posting)
    if anew is not None:  # ERP lost this one: what has its effect there is the one sent in its place
        return withdraw(
            posting_id=anew.pk,
            reason=edit.reason if edit is not None else "",
            actor=edit.actor if edit is not None else None,
            reason_code=reason_code,
        )
    keyed = _keyed(posting)
    kept_here = posting.status == Status.LOCAL and not keyed
    return queue_posting(
        kind=REVERSAL,
        site=posting.site,
        payload=_turned_back(posting, reason_code),
        occurred_at=posting.withdrawn_at or clock.now(),
        origin_ref=posting.origin_ref,
        key_parts=(posting.pk, posting.business_key, *((len(before),) if before else ())),
        chain=posting.chain,
        actor=edit.actor if edit is not None else None,
        text=f"reverses {posting.business_key}",
        reason_code=reason_code,
        connection=posting.connection,
        reversal_of=posting,
        local_reason=f"as what it reverses: {posting.local_reason}" if kept_here else "",
        by_hand=keyed,
    )


def _turned_back(posting: Posting, reason_code: str) -> dict[str, Any]:
    """The payload of its reversal."""
    return {
        "reverses": posting.business_key,
        "reverses_kind": posting.kind,
        "reverses_number": posting.erp_number,
        "original": posting.payload,
        "reason_code": reason_code,
        "work_order": posting.payload.get("work_order"),
    }


def _intended_reversal(posting: Posting) -> Posting:
    """The reversal there is not yet, as far as a connector judges it."""
    return Posting(
        connection=posting.connection,
        site=posting.site,
        business_key=posting.business_key,
        kind=REVERSAL,
        payload=_turned_back(posting, posting.reason_code or DEFAULT_REASON_CODE),
        occurred_at=posting.occurred_at,
        posting_date=posting.posting_date,
    )


def _keyed(posting: Posting) -> bool:
    """Whether a person keyed it into ERP, who then takes it back there too."""
    return posting.status == Status.LOCAL and posting.erp_confirmed_at is not None
