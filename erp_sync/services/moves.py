"""The primitive move of a posting from one status to the next, on a row its caller has locked.

Owns what every move shares: the lifecycle check, the moments, the version, the wake-ups. Must not know: why.
"""

from typing import Any

from core import clock
from core.errors import NotFound, StaleVersion, TransitionRefused
from core.wake import wake
from erp_sync import lifecycle
from erp_sync.models import Posting, PostingEdit
from erp_sync.services.progress import tell
from plant_app.models import User

Status = lifecycle.Status


def lock(posting_id: int, *, version: int | None = None) -> Posting:
    """The posting, locked until the transaction ends.

    Raises NotFound `erp.no_posting`; StaleVersion `erp.stale` when `version` is given and no longer the row's.
    """
    rows = Posting.objects.select_related("connection").select_for_update(of=("self",), no_key=True)
    posting = rows.filter(pk=posting_id).first()
    if posting is None:
        raise NotFound("erp.no_posting", "There is no such posting.")
    if version is not None and version != posting.version:
        last = posting.edits.select_related("actor").last()
        raise StaleVersion(
            "erp.stale",
            "This posting has changed since you read it.",
            "Read it again and repeat what still makes sense.",
            status_now=posting.status,
            changed_by=str(last.actor) if last is not None and last.actor else "",
        )
    return posting


def move(posting: Posting, status: Status, **fields: Any) -> Posting:
    """Write a new status (or the same one again) with other fields. The caller holds the row's lock.

    Settling stamps the moment once and wakes what handles it; a settled posting lets its chain go on. Raises
    TransitionRefused `erp.transition_refused` for a move the lifecycle does not know.
    """
    before = posting.status
    now = clock.now()
    if status.value != before:
        if not lifecycle.allowed(before, status.value):
            raise TransitionRefused(
                "erp.transition_refused",
                "This posting can't take that step from where it stands now.",
                REFUSAL_HINTS.get(before, ""),
                status_now=before,
                wanted=status.value,
            )
        posting.status = status.value
        posting.status_at = now
        if status != Status.HELD:
            posting.held_reason = ""
        if status in lifecycle.SETTLED:
            posting.settled_at = now
    for name, value in fields.items():
        setattr(posting, name, value)
    posting.version += 1
    posting.save(
        update_fields={"status", "status_at", "held_reason", "settled_at", "version", *fields},
    )
    if status.value != before:
        tell(posting)
        if posting.settled:
            wake("settled")
    return posting


REFUSAL_HINTS: dict[str, str] = {
    Status.APPROVAL.value: "It waits for approval.",
    Status.QUEUED.value: "It waits to be sent, and goes by itself.",
    Status.REJECTED.value: "ERP has refused it: correct it, send it again, or cancel it.",
    Status.HELD.value: "It is held; its page says why, and what to do.",
    Status.SENDING.value: "It is being sent right now; wait for its answer.",
    Status.UNKNOWN.value: "It may have taken effect in ERP: the sender is looking it up. Look in ERP yourself, and "
    "settle it by hand with what you found.",
    Status.CONFIRMED.value: "It has taken effect in ERP; take it back with a reversal.",
    Status.LOCAL.value: "It is settled and will not be sent.",
    Status.CANCELLED.value: "It was cancelled; decide anew to post it.",
}


def note_edit(
    posting: Posting,
    verb: PostingEdit.Verb,
    actor: User | None,
    reason: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Keep who laid a hand on a posting, and why; called before the hand is laid."""
    PostingEdit.objects.create(
        posting=posting,
        verb=verb,
        actor=actor,
        reason=reason[:300],
        status_before=posting.status,
        before=before or {},
        after=after or {},
    )
