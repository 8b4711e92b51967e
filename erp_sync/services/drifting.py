"""Answering a drift: ERP's value becomes the new starting point, and the posting goes again.

Owns the reading of what stopped a posting and the change of its payload that says it was seen. Must not know: what a
connector looks at before it sends.
"""

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction

from core.errors import TransitionRefused
from erp_sync import lifecycle
from erp_sync.errors import Difference
from erp_sync.models import Posting, PostingEdit
from erp_sync.services.checking import check_payload
from erp_sync.services.moves import lock, note_edit
from erp_sync.services.operating import need_reason, send_changed
from plant_app.models import User


def differences_of(posting: Posting) -> list[Difference]:
    """What ERP has otherwise than a drifted posting expects, by its last try; empty for any other posting."""
    if posting.held_reason != lifecycle.HeldReason.DRIFTED:
        return []
    last = posting.tries.exclude(outcome="").order_by("-number").first()
    said = last.response.get("drift") if last is not None else None
    if not isinstance(said, list):
        return []
    return [
        Difference(str(one["field"]), str(one.get("ours", "")), str(one.get("theirs", "")))
        for one in said
        if isinstance(one, dict) and one.get("field")
    ]


@transaction.atomic
def accept_drift(*, posting_id: int, actor: User, reason: str, version: int | None = None) -> Posting:
    """Take what ERP says now as the starting point and send the posting again. Locks it.

    Its payload then says what was seen, so that the connector stops for a further change only; a change takes ERP's
    value as the one before it. Limits are judged anew. Raises InvalidInput `erp.reason_missing` and what can't be
    posted any more; TransitionRefused `erp.not_drifted`, `erp.drift_unknown` where the connector did not say both
    values, and `erp.drift_stands` where just this was accepted before and ERP refuses all the same.
    """
    need_reason(reason)
    posting = lock(posting_id, version=version)
    if posting.held_reason != lifecycle.HeldReason.DRIFTED:
        raise TransitionRefused(
            "erp.not_drifted",
            "ERP has not changed under this posting: there is nothing to accept.",
            status_now=posting.status,
        )
    found = differences_of(posting)
    if not found:
        raise TransitionRefused(
            "erp.drift_unknown",
            "It is not known what ERP has otherwise.",
            "Look in ERP, then change the posting, settle it by hand or cancel it.",
        )
    seen = dict(posting.payload.get("seen") or {})
    if all(seen.get(one.field) == one.theirs for one in found):
        raise TransitionRefused(
            "erp.drift_stands",
            "This was accepted before, and ERP does not take the posting all the same.",
            "Change the posting, settle it by hand or cancel it.",
        )
    payload = {**posting.payload, "seen": seen | {one.field: one.theirs for one in found}}
    for one in found:
        start = _new_start(posting, one)
        if start is not None:
            payload["old"] = start
    clean = check_payload(posting.kind, payload, site=posting.site, own=posting)
    before = {name: posting.payload.get(name) for name in ("old", "seen")}
    after = {name: clean.get(name) for name in ("old", "seen")}
    changed = {name for name in before if before[name] != after[name]}
    note_edit(
        posting,
        PostingEdit.Verb.ACCEPT,
        actor,
        reason,
        before={name: before[name] for name in sorted(changed)},
        after={name: after[name] for name in sorted(changed)},
    )
    return send_changed(posting, payload=clean)


def _new_start(posting: Posting, found: Difference) -> str | None:
    """ERP's value as the one a change starts from, where the difference is about just that value."""
    if posting.kind not in ("change.date", "change.quantity"):
        return None
    old, new = posting.payload.get("old"), posting.payload.get("new")
    ours, theirs = _value(posting.kind, found.ours), _value(posting.kind, found.theirs)
    if (
        theirs is None
        or ours is None
        or ours != _value(posting.kind, old)
        or theirs == _value(posting.kind, new)
    ):
        return None
    return theirs.isoformat() if isinstance(theirs, date) else format(theirs, "f")


def _value(kind: str, words: Any) -> date | Decimal | None:
    try:
        return date.fromisoformat(str(words)) if kind == "change.date" else Decimal(str(words))
    except (ValueError, InvalidOperation):
        return None
