"""Taking hold of one posting: the first short transaction of every try, committed before anything is sent.

Owns who may go: due, not behind an unsettled posting of its chain, its connection willing and not beyond its limits of
how many at once and how many a minute. A posting is taken for a lease, which its sender renews; when the lease ends
without an answer the sender is given up on and the posting becomes unclear, never queued.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from core import clock, keys
from core.due import claim
from erp_sync import lifecycle
from erp_sync.models import AttemptAction, AttemptOutcome, ErpConnection, Posting, PostingAttempt
from erp_sync.services.commands import command_of
from erp_sync.services.connecting import address_of
from erp_sync.services.moves import lock, move
from erp_sync.services.outcomes import finish_attempt

Status = lifecycle.Status
#: A sender that has not renewed its claim for so long is given up on.
LEASE = timedelta(seconds=settings.POSTING_LEASE_SECONDS)
LEASE_BATCH = 100
_IN_FLIGHT = sorted(status.value for status in lifecycle.IN_FLIGHT)
#: Asked for every posting that goes, so it is written out: building it anew each time took longer than the answer. The
#: indexes `posting_drain` (its order) and `posting_chain_open` (its siblings) serve it, each by its condition in so
#: many words. A queued one waits behind any unsettled sibling before it and beside any in flight.
NEXT = """
select p.* from erp_sync_posting p
where p.connection_id = %s and p.status in ('queued', 'unknown') and p.due_at <= %s
  and (p.status = 'unknown' or p.chain = '' or not exists (
    select 1 from erp_sync_posting s
    where s.connection_id = p.connection_id and s.chain = p.chain and s.id <> p.id
      and not (s.status in ('cancelled', 'confirmed', 'local')) and not (s.chain = '')
      and (s.id < p.id or s.status in ('sending', 'unknown'))))
order by p.promise_at, p.due_at, p.id
limit 1 for no key update of p skip locked
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A posting in hand: what to do with it, and the token that proves the hold. `was_due` is when it was due."""

    posting: Posting
    attempt_id: int
    action: AttemptAction
    token: str
    was_due: datetime


def willing_connections() -> list[int]:
    """Connections something may be sent to now: enabled, address known, circuit closed.

    The ledger moves only inside a moved clock and living ERPs only outside, so a rehearsed past and the present never
    work on each other's postings.
    """
    rows = ErpConnection.objects.filter(enabled=True, open_until__isnull=True, is_ledger=clock.moved())
    return [row.pk for row in rows if address_of(row).ready]


def claim_next(connections: list[int]) -> Claim | None:
    """The next posting of the first of `connections` that has one to take, or None. Never waits for a posting."""
    for connection_id in connections:
        found = claim_from(connection_id)
        if isinstance(found, Claim):
            return found
    return None


@transaction.atomic
def claim_from(connection_id: int) -> Claim | datetime | None:
    """Take a connection's next posting: oldest promise first, then due longest. None: there is none that may go now.

    A moment: its rate, or a pause the ERP asked for, allows the next one then. Locks the connection's row until the
    claim is committed, so of all senders of a connection one chooses at a time: its limits hold across processes, and
    of a chain one posting is in flight. Of postings it locks its own only, and skips those others hold.
    """
    row = (
        ErpConnection.objects.select_for_update(no_key=True)
        .filter(pk=connection_id, enabled=True, open_until__isnull=True)
        .first()
    )
    if row is None:
        return None
    now = clock.now()
    if not row.is_ledger:
        if row.free_at is not None and row.free_at > now:
            return row.free_at
        if _in_hand(row, now) >= (1 if row.on_trial else max(row.parallel, 1)):
            return None
    posting = _next(row, now)
    if posting is None:
        return None
    posting.connection = row
    if row.per_minute and not row.is_ledger:
        # Generic cell rate with no burst: whatever was not used is not saved up.
        row.free_at = now + timedelta(minutes=1) / row.per_minute
        row.save(update_fields=["free_at"])
    return _take(posting)


def renew(posting_id: int, token: str) -> bool:
    """Hold a claim for another lease; False when it is no longer ours. One statement, no transaction around it."""
    rows = Posting.objects.filter(pk=posting_id, claim_token=token, status__in=_IN_FLIGHT)
    return rows.update(due_at=clock.now() + LEASE) == 1


@transaction.atomic
def claim_again(held: Claim) -> Claim | None:
    """Turn a look-up that allows it into a send of the same posting and key; None when the claim was lost."""
    posting = lock(held.posting.pk)
    if posting.claim_token != held.token or posting.status != Status.UNKNOWN:
        return None
    if posting.withdrawn_at is not None:
        move(posting, Status.UNKNOWN, claim_token="", due_at=clock.now())
        return None
    return _start_send(posting, held.was_due)


@transaction.atomic
def expire_leases() -> int:
    """Give up on senders that never came back: their postings may have been sent, so they become unclear.

    Locks the rows it changes, skipping those others hold. Returns how many.
    """
    now = clock.now()
    late = claim(
        Posting.objects.filter(
            status=Status.SENDING, due_at__lte=now, connection__is_ledger=clock.moved()
        ).order_by("due_at"),
        LEASE_BATCH,
    )
    for posting in late:
        _close_open_attempts(posting)
        move(
            posting,
            Status.UNKNOWN,
            unknown_since=now,
            due_at=now,
            claim_token="",
            failures=posting.failures + 1,
            error_code="erp.sender_lost",
            error_message="The sender ended before the answer came; looking it up in ERP.",
        )
    return len(late)


def _in_hand(connection: ErpConnection, now: datetime) -> int:
    """How many postings somebody is sending or looking up at this moment, whatever process he is in."""
    held = Posting.objects.filter(connection=connection, status__in=_IN_FLIGHT, due_at__gt=now)
    return held.exclude(claim_token="").count()


def _next(connection: ErpConnection, now: datetime) -> Posting | None:
    """The posting to take, locked; None where none may go. Rows others hold are skipped."""
    return next(iter(Posting.objects.raw(NEXT, [connection.pk, now])), None)


def _take(posting: Posting) -> Claim:
    if posting.status == Status.QUEUED:
        return _start_send(posting, posting.due_at)
    now = clock.now()
    was_due = posting.due_at
    _close_open_attempts(posting)
    token = keys.new_token(18)
    move(posting, Status.UNKNOWN, claimed_at=now, claim_token=token, due_at=now + LEASE)
    attempt = _begin(posting, AttemptAction.LOOK_UP)
    return Claim(posting, attempt.pk, AttemptAction.LOOK_UP, token, was_due)


def _start_send(posting: Posting, was_due: datetime) -> Claim:
    now = clock.now()
    token = keys.new_token(18)
    move(
        posting,
        Status.SENDING,
        claimed_at=now,
        claim_token=token,
        due_at=now + LEASE,
        attempts=posting.attempts + 1,
    )
    attempt = _begin(posting, AttemptAction.SEND)
    return Claim(posting, attempt.pk, AttemptAction.SEND, token, was_due)


def _begin(posting: Posting, action: AttemptAction) -> PostingAttempt:
    # What nobody has touched since it was queued has no try yet.
    first = posting.attempts == posting.version == 1
    last = None if first else posting.tries.order_by("-number").values_list("number", flat=True).first()
    command = command_of(posting)
    return PostingAttempt.objects.create(
        posting=posting,
        number=(last or 0) + 1,
        action=action,
        request={
            "kind": command.kind,
            "business_key": command.business_key,
            "payload": command.payload,
            "occurred_at": command.occurred_at,
            "posting_date": command.posting_date,
            "text": command.text,
        },
    )


def _close_open_attempts(posting: Posting) -> None:
    for attempt_id in posting.tries.filter(outcome="").values_list("pk", flat=True):
        finish_attempt(attempt_id, AttemptOutcome.LOST.value, error="the sender ended before the answer came")
