"""Putting a posting into the outbox, inside the transaction that decided it.

Owns the row as it is first written, and that one intent is one row. What is wrong with it is `checking`'s to say, how
it goes `judging`'s. Must not know: how it is sent.
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
from erp_sync import lifecycle
from erp_sync.models import ErpConnection, Posting
from erp_sync.services.checking import check_payload
from erp_sync.services.connecting import connection_for
from erp_sync.services.judging import LOCAL_REASON_LIMIT, Verdict, judge
from erp_sync.services.promising import promise_at, pull_forward
from plant_app.models import Site, User

PAYLOAD_INVALID = "erp.payload_invalid"
Status = lifecycle.Status
#: How often ERP is asked whether it has found its way there by hand.
LOOK_EVERY = timedelta(minutes=5)
TEXT_LIMIT = 40
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
    instead_of: Posting | None = None,
) -> Posting:
    """Intend one ERP transaction; it is sent after commit, in its chain's order.

    `key_parts` identify the intent for ever: the same parts of the same kind return the posting already there,
    untouched. `occurred_at` (aware) is the real-world moment described; the posting date is its plant-local day.
    `chain` is the work order whose postings keep their order (empty: none). Without a connection for the site, where
    the connected ERP has no place for the kind, or with a `local_reason` of the caller's, the posting settles at once
    as `local`, saying why.

    How far write-back is switched on for the site and `exception_type` (its id; None: none) and the narrowest posting
    policy decide what becomes of it, the more cautious of the two: off settles it as local, manual (or `by_hand`)
    holds it for a person to key, approval (also `needs_approval`, or more worth than a limit) waits for one, buffered
    waits for its slot, live sends. What goes to the ledger is not asked.

    Raises InvalidInput `erp.payload_invalid` with everything that is wrong at once: its own rules, what the plant
    knows, codes without a counterpart. With `keep_invalid` (what the floor did must not be refused because ERP would
    not take it) only its own rules and this layer's are asked, and a payload that breaks them is kept as it is and
    ends `rejected`, the problems in words, for somebody to edit; without an ERP it is local and says so. `instead_of`:
    a posting ERP lost, which this one repeats; it is judged as if the lost one had not been made.

    Takes no lock a caller could wait on; so of two transactions queueing for one chain at once, the order is that of
    their commits where the later intended one has been sent before the other commits.
    """
    key = business_key(kind, *key_parts)
    existing = find_posting(key, connection)
    if existing is not None:
        return existing
    target = connection or connection_for(site)
    wrong = ""
    try:
        clean = check_payload(
            kind,
            payload,
            site=site,
            reason_code=reason_code,
            connection=target,
            occurred_at=occurred_at,
            own=instead_of,
            depth="floor" if keep_invalid or reversal_of is not None or instead_of is not None else "whole",
        )
    except InvalidInput as error:
        if not keep_invalid:
            raise
        clean, wrong = {"site": site.code, **payload}, error.message
    now = clock.now()
    posting = Posting(
        connection=target,
        site=site,
        business_key=key,
        kind=kind,
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
    verdict = judge(
        posting,
        exception_type=exception_type,
        by_hand=by_hand,
        needs_approval=needs_approval,
        local_reason=local_reason,
    )
    _begin(posting, verdict, wrong)
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


def announce(posting: Posting) -> None:
    """After commit, tell open pages that a posting changed; they refetch through their own permission checks."""
    hint("postings", kind="postings")
    hint(f"site.{posting.site_id}", kind="posting", origin=posting.origin_ref, status=posting.status)


def _begin(posting: Posting, verdict: Verdict, wrong: str) -> None:
    """Give a new posting the status it begins in; `wrong` says in words what is wrong with its payload."""
    now = posting.created_at
    posting.status = verdict.status.value
    posting.value = verdict.worth.value
    if verdict.status == Status.HELD:
        posting.held_reason, posting.approval_reason = verdict.held_reason, verdict.reason
        posting.due_at = now + LOOK_EVERY
        posting.error_code, posting.error_message = (PAYLOAD_INVALID, wrong) if wrong else ("", "")
    elif verdict.status == Status.LOCAL:
        posting.local_reason = f"{verdict.reason}. {wrong}".strip(". ")[:LOCAL_REASON_LIMIT]
        posting.settled_at = now
    elif wrong:
        posting.status = Status.REJECTED.value
        posting.error_code, posting.error_message = PAYLOAD_INVALID, wrong
        # Whoever mends it or sends it again does not thereby approve it.
        posting.approval_reason, posting.approver_role = verdict.reason, verdict.approver_role
    elif verdict.status == Status.APPROVAL:
        posting.approval_reason, posting.approver_role = verdict.reason, verdict.approver_role
    elif posting.connection is not None and posting.connection.is_ledger:
        posting.due_at = _ledger_due(posting)
    elif verdict.buffered_until is not None:
        posting.due_at = posting.buffered_until = verdict.buffered_until


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
