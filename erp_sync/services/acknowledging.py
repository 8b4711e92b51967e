"""Acknowledgements: an ERP that took a posting and says later what became of it.

Owns what an arrival does: one that is fetched makes its posting due to be looked up now, one that was called in is
written at once as the outcome it means. An answer that fits no open posting is refused with a code, so that its sender
keeps it; nothing is ever settled twice. Must not know: signatures, files, formats.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from django.db import transaction

from core import clock
from core.errors import DomainError, InvalidInput, NotFound, TransitionRefused
from core.wake import wake
from erp_sync import lifecycle
from erp_sync.adapters.port import Acknowledgement, Fetching, Listening, Outcome
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import AttemptAction, AttemptOutcome, ErpConnection, Posting, PostingAttempt
from erp_sync.said import storable
from erp_sync.services.claiming import willing_connections
from erp_sync.services.connecting import adapter_for
from erp_sync.services.moves import lock
from erp_sync.services.outcomes import said_before, settle_acknowledged

logger = logging.getLogger(__name__)
Status = lifecycle.Status
_WORDS = ("business_key", "erp_number", "error_code", "message")


class SignatureRefused(DomainError):
    """The call is not provably the connection's."""

    default_status = 401


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one acknowledgement; `replayed`: it had been said before."""

    business_key: str
    status: str
    replayed: bool


def fetch_acknowledgements(only: Collection[int] | None = None) -> int:
    """Sort in what ERPs left for us and make those postings due now; returns how many. Outside any transaction.

    `only`: these connections (their ids) instead of all.
    A connection whose place can't be read is left to its sender, which counts it as a failure.
    """
    woken = 0
    asked = willing_connections()
    if only is not None:
        asked = [pk for pk in asked if pk in only]
    for connection in ErpConnection.objects.filter(pk__in=asked, is_ledger=False):
        try:
            adapter = adapter_for(connection)
            keys = adapter.arrivals() if isinstance(adapter, Fetching) else set()
        except (ErpUnavailable, ErpRejected) as error:
            logger.info("no acknowledgements from %s: %s", connection.code, error.message)
            continue
        if keys:
            woken += _make_due(connection, keys)
    return woken


def receive_call(*, code: str, headers: Mapping[str, str], body: bytes) -> list[Taken]:
    """Write what an ERP called in for the connection `code`; all of it or, with an error, none. Locks each posting.

    Raises NotFound `erp.no_connection`; SignatureRefused `erp.signature`; InvalidInput with the connector's code for a
    call that can't be read; NotFound `erp.no_posting`, TransitionRefused `erp.acknowledgement_contradicts` or
    `erp.not_sent` for an answer that fits no open posting.
    """
    connection = ErpConnection.objects.filter(code=code, enabled=True, is_ledger=False).first()
    if connection is None:
        raise NotFound("erp.no_connection", "There is no such ERP connection.")
    try:
        adapter = adapter_for(connection)
        if not isinstance(adapter, Listening):
            raise NotFound("erp.no_connection", "This ERP connection takes no calls.")
        said = adapter.read_call(headers, body)
    except ErpUnavailable as error:
        raise InvalidInput(error.code, error.message, status=503) from None
    except ErpRejected as error:
        if error.code == "erp.signature":
            raise SignatureRefused(error.code, error.message) from None
        raise InvalidInput(error.code, error.message, status=422) from None
    return _take(connection, said)


@transaction.atomic
def _take(connection: ErpConnection, said: Iterable[Acknowledgement]) -> list[Taken]:
    # In the order of the keys, so that two calls never wait for each other in a ring.
    return [_take_one(connection, one) for one in sorted(said, key=lambda one: one.business_key)]


def _take_one(connection: ErpConnection, answer: Acknowledgement) -> Taken:
    said = replace(answer, **{name: storable(getattr(answer, name)) for name in _WORDS})
    row = Posting.objects.filter(connection=connection, business_key=said.business_key).only("pk").first()
    if row is None:
        raise NotFound("erp.no_posting", f"There is no posting {said.business_key[:60]}.")
    posting = lock(row.pk)
    same = posting.erp_number == said.erp_number[:80]
    if posting.status == said.status and (same or said.status == "rejected"):
        return Taken(said.business_key, posting.status, True)
    if posting.status == Status.LOCAL and same:
        return Taken(said.business_key, posting.status, True)
    outcome = _outcome(said)
    if said_before(posting, outcome):
        return Taken(said.business_key, posting.status, True)
    if posting.settled or posting.status == Status.REJECTED:
        raise TransitionRefused(
            "erp.acknowledgement_contradicts",
            f"{posting.business_key} is {posting.status} {posting.erp_number}".rstrip() + ".",
            "Look at the posting; what ERP holds otherwise is found by reconciliation.",
            status_now=posting.status,
        )
    if posting.status not in (Status.SENDING, Status.UNKNOWN):
        raise TransitionRefused(
            "erp.not_sent",
            f"{posting.business_key} is {posting.status}; it was not handed over.",
            "Say it again after it was sent.",
            status_now=posting.status,
        )
    now = clock.now()
    last = posting.tries.order_by("-number").values_list("number", flat=True).first()
    PostingAttempt.objects.create(
        posting=posting, number=(last or 0) + 1, action=AttemptAction.LOOK_UP, started_at=now, finished_at=now,
        outcome=AttemptOutcome(outcome.status), response={"erp_number": outcome.erp_number, **outcome.raw},
        error_code=outcome.error_code[:60], error=outcome.message,
    )  # fmt: skip
    settle_acknowledged(posting, outcome)
    wake("postings")
    return Taken(said.business_key, posting.status, False)


def _outcome(said: Acknowledgement) -> Outcome:
    raw = {"acknowledged": True, "called_in": True, "said_at": said.at.isoformat() if said.at else ""}
    if said.status == "confirmed":
        return Outcome("confirmed", erp_number=said.erp_number, confirmed_at=said.at, raw=raw)
    return Outcome(
        "rejected",
        erp_number=said.erp_number,
        error_code=said.error_code or "erp.refused",
        message=said.message or "The ERP refused it and said no reason.",
        raw=raw,
    )


def _make_due(connection: ErpConnection, keys: set[str]) -> int:
    """A posting somebody is just looking up is left alone: it sees the arrival, or is looked up again soon."""
    rows = Posting.objects.filter(
        connection=connection,
        business_key__in=keys,
        status=Status.UNKNOWN,
        claim_token="",
        due_at__gt=clock.now(),
    )
    return rows.update(due_at=clock.now())
