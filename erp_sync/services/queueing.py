"""Putting a posting into the outbox, inside the transaction that decided it.

Owns what is checked before anything is queued, and the decision that a posting stays local. Must not know: how and
when it is sent.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from core import clock
from core.errors import InvalidInput
from core.hints import hint
from core.keys import business_key
from core.wake import wake
from erp_sync import canonical, lifecycle
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.commands import command_of
from erp_sync.services.connecting import capability_of, connection_for, live_connection_for
from erp_sync.services.promising import promise_at, pull_forward
from plant_app.models import Capability, Level, Site, User
from plant_app.selectors import level_of

NO_ERP = "no ERP connected"
SWITCHED_OFF = "write-back is switched off here"
#: How often ERP is asked whether it has found its way there by hand.
LOOK_EVERY = timedelta(minutes=5)
TEXT_LIMIT = 40
LOCAL_REASON_LIMIT = 300
#: A ledger posting is confirmed this long after it was queued, at least and at most; the key decides.
LEDGER_LAG = (timedelta(seconds=12), timedelta(minutes=9))


@transaction.atomic
def queue_posting(
    *,
    kind: str,
    site: Site,
    payload: Mapping[str, Any],
    occurred_at: datetime,
    origin_ref: str,
    key_parts: Iterable[object],
    chain: str = "",
    actor: User | None = None,
    text: str = "",
    reason_code: str = "",
    needs_approval: bool = False,
    connection: ErpConnection | None = None,
    reversal_of: Posting | None = None,
    justification: str = "",
    local_reason: str = "",
    keep_invalid: bool = False,
    exception_type: int | None = None,
    by_hand: bool = False,
) -> Posting:
    """Intend one ERP transaction; it is sent after commit, in its chain's order.

    `key_parts` identify the intent for ever: the same parts of the same kind return the posting already there,
    untouched. `occurred_at` (aware) is the real-world moment described; the posting date is its plant-local day.
    `chain` is the work order whose postings keep their order (empty: none). Without a connection for the site, where
    the connected ERP has no place for the kind, or with a `local_reason` of the caller's, the posting settles at once
    as `local`, saying why.

    How far write-back is switched on for the site and `exception_type` (its id; None: none) decides what becomes of
    it: off settles it as local, manual (or `by_hand`) holds it for a person to key, approval waits for one, live sends.
    What goes to the ledger is not asked.

    Raises InvalidInput `erp.payload_invalid` with every problem of the payload. With `keep_invalid` (what the floor did
    must not be refused because ERP would not take it) such a payload is kept as it is and ends `rejected`, the problems
    in words, for somebody to edit; without an ERP it is local and says so. Takes no lock a caller could wait on.
    """
    key = business_key(kind, *key_parts)
    existing = find_posting(key, connection)
    if existing is not None:
        return existing
    wrong = ""
    try:
        clean = check_payload(kind, payload, site=site, reason_code=reason_code)
    except InvalidInput as error:
        if not keep_invalid:
            raise
        clean, wrong = {"site": site.code, **payload}, error.message
    target = connection or connection_for(site)
    level = _level(site, target, exception_type, by_hand=by_hand)
    now = clock.now()
    posting = Posting(
        connection=target,
        site=site,
        business_key=key,
        kind=kind,
        status=_first_status(needs_approval=needs_approval or level == Level.APPROVAL),
        status_at=now,
        payload=clean,
        text=text[:TEXT_LIMIT],
        reason_code=reason_code or str(clean.get("reason_code", "")),
        occurred_at=occurred_at,
        posting_date=occurred_at.astimezone(ZoneInfo(site.timezone)).date(),
        actor=actor,
        origin_ref=origin_ref,
        justification=justification,
        chain=chain,
        reversal_of=reversal_of,
        created_at=now,
        due_at=now,
    )
    why_local = (local_reason or _why_local(posting, level))[:LOCAL_REASON_LIMIT]
    if level == Level.MANUAL and not local_reason:
        posting.status = lifecycle.Status.HELD.value
        posting.held_reason = lifecycle.HeldReason.MANUAL.value
        posting.due_at = now + LOOK_EVERY
        posting.error_code, posting.error_message = ("erp.payload_invalid", wrong) if wrong else ("", "")
    elif why_local:
        posting.status = lifecycle.Status.LOCAL.value
        posting.local_reason = f"{why_local}. {wrong}".strip(". ")[:LOCAL_REASON_LIMIT]
        posting.settled_at = now
    elif wrong:
        posting.status = lifecycle.Status.REJECTED.value
        posting.error_code, posting.error_message = "erp.payload_invalid", wrong
    elif target is not None and target.is_ledger:
        posting.due_at = _ledger_due(posting)
    if target is not None and not target.is_ledger and not posting.settled:
        posting.promise_at = promise_at(clean)
    try:
        with transaction.atomic():
            posting.save(force_insert=True)
    except IntegrityError:
        # Another transaction queued the same intent a moment ago; any other breach has no row to find.
        raced = find_posting(key, connection)
        if raced is None:
            raise
        return raced
    pull_forward(posting)
    announce(posting)
    wake("settled" if posting.settled else "postings")
    return posting


def posting_key(kind: str, *key_parts: object) -> str:
    """The business key `queue_posting` will give, for payloads that must name another posting beforehand."""
    return business_key(kind, *key_parts)


def find_posting(key: str, connection: ErpConnection | None = None) -> Posting | None:
    """The posting of a business key: on that connection, or on whichever it was queued for."""
    found = Posting.objects.filter(business_key=key)
    if connection is not None:
        found = found.filter(connection=connection)
    return found.order_by("pk").first()


def check_payload(
    kind: str, payload: Mapping[str, Any], *, site: Site, reason_code: str = ""
) -> dict[str, Any]:
    """The payload in canonical JSON, defaults spelled out. Raises InvalidInput naming every hard problem."""
    filled = {**payload}
    filled.setdefault("site", site.code)
    if reason_code:
        filled.setdefault("reason_code", reason_code)
    problems = canonical.validate(kind, filled, canonical.Facts(now=clock.now()))
    hard = [problem for problem in problems if not problem.warn]
    if hard:
        raise InvalidInput(
            "erp.payload_invalid",
            f"This {kind} can't be posted: " + "; ".join(f"{p.field} {p.message}" for p in hard),
            "Correct the named fields and try again.",
            problems=[{"field": p.field, "code": p.code, "message": p.message} for p in hard],
        )
    return canonical.parse(kind, filled).to_json()


def announce(posting: Posting) -> None:
    """After commit, tell open pages that a posting changed; they refetch through their own permission checks."""
    hint("postings", kind="postings")
    hint(f"site.{posting.site_id}", kind="posting", origin=posting.origin_ref, status=posting.status)


def _level(site: Site, target: ErpConnection | None, exception_type: int | None, *, by_hand: bool) -> Level:
    """How far write-back goes for one posting. At most one query."""
    if target is not None and target.is_ledger:
        return Level.LIVE
    return Level.MANUAL if by_hand else level_of(site, Capability.WRITE_BACK, exception_type)


def _first_status(*, needs_approval: bool) -> str:
    return lifecycle.Status.APPROVAL.value if needs_approval else lifecycle.Status.QUEUED.value


def _why_local(posting: Posting, level: Level) -> str:
    """Why no ERP will get this posting; empty when one will. A ledger stands in for the site's own ERP."""
    if level == Level.OFF:
        return SWITCHED_OFF
    if posting.connection is None:
        return NO_ERP
    asked = posting.connection
    if asked.is_ledger:
        asked = live_connection_for(posting.site) or asked
    capability = capability_of(asked, command_of(posting))
    return "" if capability.supported else (capability.reason or f"{asked.name} does not take {posting.kind}")


def _ledger_due(posting: Posting) -> datetime:
    """When the ledger confirms: a lag drawn from the key, and never before the posting ahead in its chain."""
    low, high = LEDGER_LAG
    drawn = int.from_bytes(hashlib.sha256(posting.business_key.encode()).digest()[:4]) / 2**32
    due = posting.due_at + low + (high - low) * drawn**3
    if posting.chain:
        ahead = (
            Posting.objects.unsettled()
            .filter(connection=posting.connection, chain=posting.chain)
            .order_by("-due_at")
            .first()
        )
        if ahead is not None and ahead.due_at >= due:
            due = ahead.due_at + timedelta(seconds=1)
    return due
