"""What a person may do to a posting: approve, retry, edit, cancel, settle by hand.

Owns those verbs and their record of who and why. Whether the person may is the caller's question, but for approving,
where who decided counts. A posting that is being sent, or may have taken effect, can't be cancelled or edited: the
lifecycle refuses it.
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from core import clock
from core.errors import InvalidInput, TransitionRefused
from core.wake import wake
from erp_sync import lifecycle
from erp_sync.models import Posting, PostingEdit
from erp_sync.services.checking import check_payload
from erp_sync.services.judging import (
    APPROVAL_REASON_LIMIT,
    CHANGED_SINCE,
    LOCAL_REASON_LIMIT,
    approval_reasons,
    approved_as_it_is,
    policy_for,
    require_approver,
    slot_of,
)
from erp_sync.services.moves import REFUSAL_HINTS, lock, move, note_edit
from erp_sync.services.queueing import TEXT_LIMIT, announce
from erp_sync.services.releasing import waits_for_slot
from erp_sync.services.valuing import worth_of
from erp_sync.services.withdrawing import complete_withdrawal
from plant_app.models import User

Status = lifecycle.Status
Verb = PostingEdit.Verb
#: Changing these would make it another posting: cancel it and post anew.
FIXED_FIELDS = ("site", "work_order", "reverses", "reverses_kind", "reverses_number", "original", "seen")
_NOT_NOW: dict[str, str] = {
    "approved": "This posting does not wait for approval now.",
    "sent again": "This posting can't be sent again now.",
    "edited": "This posting can't be changed now.",
    "cancelled": "This posting can't be cancelled now.",
    "settled by hand": "This posting can't be settled by hand now.",
}


@transaction.atomic
def approve(*, posting_id: int, actor: User, version: int | None = None) -> Posting:
    """Let a posting that waits for approval go: at once, or with the others of its slot. Locks it.

    Raises NotAllowed `access.not_allowed`, `erp.approver_role` or `erp.second_person` for whom it is not to approve;
    TransitionRefused in any other status. To turn it down, cancel it with a reason.
    """
    posting = lock(posting_id, version=version)
    _refuse_unless(posting, "approved", Status.APPROVAL)
    require_approver(posting, actor)
    note_edit(posting, Verb.APPROVE, actor, "")
    slot = slot_of(policy_for(posting.connection, posting.site, posting.kind), posting.site)
    move(posting, Status.QUEUED, due_at=slot or clock.now(), buffered_until=slot)
    wake("postings")
    return posting


@transaction.atomic
def retry(*, posting_id: int, actor: User, reason: str = "", version: int | None = None) -> Posting:
    """Try a posting again now: a rejected or held one is queued, a waiting one goes at once, an unclear one is looked
    up at once (never sent blindly). Locks it.

    A rejected or held one that nobody has approved as it is now waits for approval where it needs one. Raises
    TransitionRefused in any other status.
    """
    posting = lock(posting_id, version=version)
    _refuse_unless(posting, "sent again", Status.REJECTED, Status.HELD, Status.QUEUED, Status.UNKNOWN)
    if posting.connection_id is None:
        raise TransitionRefused("erp.no_connection", "No ERP is connected to send it to.", "Key it by hand.")
    note_edit(posting, Verb.RETRY, actor, reason)
    if posting.status == Status.UNKNOWN:
        # A look-up under way keeps its claim; it answers by itself.
        move(posting, Status.UNKNOWN, **({} if posting.claim_token else {"due_at": clock.now()}))
    elif posting.status == Status.QUEUED or approved_as_it_is(posting):
        move(posting, Status.QUEUED, due_at=clock.now(), buffered_until=None, failures=0)
    else:
        worth = worth_of(posting.kind, posting.payload, posting.site)
        _go(posting, approval_reasons(posting, worth), failures=0, value=worth.value)
    wake("postings")
    return posting


@transaction.atomic
def edit_and_retry(
    *,
    posting_id: int,
    payload: Mapping[str, Any],
    actor: User,
    reason: str,
    text: str | None = None,
    version: int | None = None,
) -> Posting:
    """Change what is sent and send it under the same business key. Locks the posting.

    Its limits are judged anew, and an approval holds only for what was approved: beyond a limit, or where everything
    of its kind is approved, it waits for one (again). One for somebody to key goes on waiting. Raises InvalidInput for
    a payload that can't be posted (everything wrong with it at once), a missing reason or a changed identity (site,
    work order, what it reverses, what drift was accepted); TransitionRefused once it may have been sent.
    """
    need_reason(reason)
    posting = lock(posting_id, version=version)
    _refuse_unless(posting, "edited", Status.APPROVAL, Status.QUEUED, Status.REJECTED, Status.HELD)
    clean = check_payload(
        posting.kind,
        payload,
        site=posting.site,
        connection=posting.connection,
        own=posting,
        depth="floor" if posting.reversal_of_id else "whole",
    )
    changed_identity = [name for name in FIXED_FIELDS if clean.get(name) != posting.payload.get(name)]
    if changed_identity:
        raise InvalidInput(
            "erp.identity_fixed",
            f"{', '.join(changed_identity)} can't be changed on a posting.",
            "Cancel this posting and post anew.",
        )
    names = sorted({*clean, *posting.payload})
    before = {
        name: posting.payload.get(name) for name in names if posting.payload.get(name) != clean.get(name)
    }
    after = {name: clean.get(name) for name in before}
    fields: dict[str, Any] = {}
    if text is not None and text[:TEXT_LIMIT] != posting.text:
        before["text"], after["text"] = posting.text, text[:TEXT_LIMIT]
        fields["text"] = text[:TEXT_LIMIT]
    note_edit(posting, Verb.EDIT, actor, reason, before=before, after=after)
    return send_changed(posting, payload=clean, **fields)


def send_changed(posting: Posting, *, payload: dict[str, Any], **fields: Any) -> Posting:
    """Send a posting with another payload, or let it wait for what it must wait for. The caller holds its lock and has
    noted the change."""
    posting.payload = payload
    worth = worth_of(posting.kind, payload, posting.site)
    fields |= {
        "payload": payload,
        "reason_code": str(payload.get("reason_code", "")),
        "failures": 0,
        "value": worth.value,
    }
    if posting.held_reason == lifecycle.HeldReason.MANUAL:
        return move(posting, Status.HELD, error_code="", error_message="", **fields)
    reasons = approval_reasons(posting, worth)
    if reasons and posting.edits.filter(verb=Verb.APPROVE).exists() and CHANGED_SINCE not in reasons:
        reasons = [CHANGED_SINCE, *reasons]
    _go(posting, reasons, **fields)
    wake("postings")
    return posting


def _go(posting: Posting, reasons: list[str], **fields: Any) -> None:
    """To the queue, keeping its slot; or to approval where there are reasons."""
    if not reasons:
        slot = posting.buffered_until if waits_for_slot(posting) else None
        move(posting, Status.QUEUED, due_at=slot or clock.now(), buffered_until=slot, **fields)
        return
    policy = policy_for(posting.connection, posting.site, posting.kind)
    move(
        posting,
        Status.APPROVAL,
        approval_reason="; ".join(reasons)[:APPROVAL_REASON_LIMIT],
        approver_role=policy.approver_role if policy is not None else posting.approver_role,
        buffered_until=None,
        **fields,
    )


@transaction.atomic
def cancel(*, posting_id: int, reason: str, actor: User | None = None, version: int | None = None) -> Posting:
    """Call a posting off before ERP has it; its chain goes on. Locks it.

    Raises InvalidInput without a reason; TransitionRefused once it is being sent, unclear or settled.
    """
    need_reason(reason)
    posting = lock(posting_id, version=version)
    _refuse_unless(posting, "cancelled", Status.APPROVAL, Status.QUEUED, Status.REJECTED, Status.HELD)
    note_edit(posting, Verb.CANCEL, actor, reason)
    move(posting, Status.CANCELLED)
    wake("postings")
    return posting


@transaction.atomic
def mark_local(
    *,
    posting_id: int,
    reason: str,
    actor: User | None = None,
    erp_number: str = "",
    version: int | None = None,
) -> Posting:
    """Settle a posting by hand, because somebody keyed it or looked it up in ERP; `erp_number` if known. Locks it.

    Raises InvalidInput without a reason; TransitionRefused while it is being sent or once it is settled.
    """
    need_reason(reason)
    posting = lock(posting_id, version=version)
    _refuse_unless(
        posting,
        "settled by hand",
        Status.APPROVAL,
        Status.QUEUED,
        Status.UNKNOWN,
        Status.REJECTED,
        Status.HELD,
    )
    note_edit(posting, Verb.MARK_LOCAL, actor, reason, after={"erp_number": erp_number} if erp_number else {})
    move(
        posting,
        Status.LOCAL,
        local_reason=reason[:LOCAL_REASON_LIMIT],
        erp_number=erp_number[:80] or posting.erp_number,
        claim_token="",
    )
    complete_withdrawal(posting)
    wake("postings")
    return posting


@transaction.atomic
def note_number(*, posting_id: int, erp_number: str, actor: User) -> Posting:
    """Add the ERP number found later to a local posting that has none. Locks it. Raises TransitionRefused else."""
    posting = lock(posting_id)
    if posting.status != Status.LOCAL or posting.erp_number:
        raise TransitionRefused(
            "erp.number_refused", "Only a posting settled by hand and without a number takes one."
        )
    note_edit(
        posting, Verb.NOTE_NUMBER, actor, "", before={"erp_number": ""}, after={"erp_number": erp_number}
    )
    move(posting, Status.LOCAL, erp_number=erp_number[:80])
    announce(posting)
    return posting


def _refuse_unless(posting: Posting, what: str, *statuses: Status) -> None:
    if posting.status not in {status.value for status in statuses}:
        raise TransitionRefused(
            "erp.transition_refused",
            _NOT_NOW[what],
            REFUSAL_HINTS.get(posting.status, ""),
            status_now=posting.status,
        )


def need_reason(reason: str) -> None:
    """Raise InvalidInput `erp.reason_missing` for an empty reason."""
    if not reason.strip():
        raise InvalidInput(
            "erp.reason_missing", "Say why.", "A reason is kept with every change made by hand."
        )
