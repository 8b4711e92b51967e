"""Taking a posting's effect back, whatever state it is in: called off, reversed, or noted until it is known which.

Owns the withdrawal and the reversal posting, which is queued once per original and sent like any other. Must not
know: why somebody wants it back.
"""

from django.db import transaction

from core import clock
from erp_sync import lifecycle
from erp_sync.models import Posting, PostingEdit
from erp_sync.services.moves import lock, move, note_edit
from erp_sync.services.queueing import queue_posting
from plant_app.models import User

Status = lifecycle.Status
REVERSAL = "reversal"
DEFAULT_REASON_CODE = "withdrawn"
_CANCELLABLE = {Status.APPROVAL.value, Status.QUEUED.value, Status.REJECTED.value, Status.HELD.value}


@transaction.atomic
def withdraw(*, posting_id: int, reason: str, actor: User | None = None, reason_code: str = "") -> Posting:
    """Take a posting back. Locks it. Safe to repeat: the second call changes nothing.

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
    edit = posting.edits.filter(verb=PostingEdit.Verb.WITHDRAW).select_related("actor").order_by("pk").first()
    reason_code = posting.withdrawn_code or posting.reason_code or DEFAULT_REASON_CODE
    keyed = posting.status == Status.LOCAL and posting.erp_confirmed_at is not None
    kept_here = posting.status == Status.LOCAL and not keyed
    return queue_posting(
        kind=REVERSAL,
        site=posting.site,
        payload={
            "reverses": posting.business_key,
            "reverses_kind": posting.kind,
            "reverses_number": posting.erp_number,
            "original": posting.payload,
            "reason_code": reason_code,
            "work_order": posting.payload.get("work_order"),
        },
        occurred_at=posting.withdrawn_at or clock.now(),
        origin_ref=posting.origin_ref,
        key_parts=(posting.pk, posting.business_key),
        chain=posting.chain,
        actor=edit.actor if edit is not None else None,
        text=f"reverses {posting.business_key}",
        reason_code=reason_code,
        connection=posting.connection,
        reversal_of=posting,
        local_reason=f"as what it reverses: {posting.local_reason}" if kept_here else "",
        by_hand=keyed,
    )
