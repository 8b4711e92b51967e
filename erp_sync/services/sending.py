"""The sender: claim (transaction), ask the ERP (none), record (transaction), for as long as there is due work.

Owns the order of those three steps and nothing of what an answer means. Any number of senders may run at once and any
of them may die at any line: a posting takes effect at most once per business key.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import TypeVar

from django.conf import settings

from core import clock
from erp_sync.adapters.port import Outcome, OutcomeStatus
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import AttemptAction, ErpConnection
from erp_sync.services.acknowledging import fetch_acknowledgements
from erp_sync.services.circuit import note_failure, note_success, probe_due, sort_waiting
from erp_sync.services.claiming import Claim, claim_again, claim_next, expire_leases, willing_connections
from erp_sync.services.commands import command_of
from erp_sync.services.connecting import adapter_for
from erp_sync.services.outcomes import is_outage, record_look_up, record_send

logger = logging.getLogger(__name__)
T = TypeVar("T")

FAULT = "erp.connector_fault"
#: A sender takes nothing new after this long, so that it ends well before its worker would be ended.
BUDGET_SECONDS = settings.POSTING_LEASE_SECONDS * 2 / 9


def send_due(*, limit: int = 20, budget: float = BUDGET_SECONDS) -> int:
    """Bring up to `limit` due postings forward, at most for `budget` seconds; returns how many were worked on.

    Also gives up on lost senders, probes silent connections and fetches acknowledgements. Must not run inside a
    transaction: each step commits before the network is touched. Inside a moved clock only the ledger moves, each
    posting at the moment it was due.
    """
    if not clock.moved():
        probe_due()
        fetch_acknowledgements()
    expire_leases()
    sort_waiting()
    started = time.monotonic()
    worked = 0
    while worked < limit and time.monotonic() - started < budget:
        claim = claim_next(willing_connections())
        if claim is None:
            break
        with _moment_of(claim):
            _work(claim)
        worked += 1
    return worked


def _moment_of(claim: Claim) -> AbstractContextManager[None]:
    """A rehearsed posting happens when it was due, however coarsely its rehearser moves the clock."""
    return clock.travel(claim.was_due) if clock.moved() else nullcontext()


def _work(claim: Claim) -> None:
    if claim.action == AttemptAction.LOOK_UP:
        again = _look_up(claim)
        if again is None:
            return
        claim = again
    connection = _connection(claim)
    outcome = _ask(claim, lambda: adapter_for(connection).send(command_of(claim.posting)))
    record_send(posting_id=claim.posting.pk, attempt_id=claim.attempt_id, token=claim.token, outcome=outcome)
    _judge(connection, outcome)


def _look_up(claim: Claim) -> Claim | None:
    """Look an unclear posting up; a claim to send it (again) where that is proven safe."""
    connection = _connection(claim)

    def look() -> tuple[Outcome | None, timedelta]:
        adapter = adapter_for(connection)
        return adapter.look_up(command_of(claim.posting)), adapter.settle_after

    answer = _ask(claim, look)
    found, settle_after = (answer, timedelta(0)) if isinstance(answer, Outcome) else answer
    may_send = record_look_up(
        posting_id=claim.posting.pk,
        attempt_id=claim.attempt_id,
        token=claim.token,
        outcome=found,
        settle_after=settle_after,
    )
    if isinstance(answer, Outcome):
        _judge(connection, answer)
    else:
        note_success(connection)
    return claim_again(claim) if may_send else None


def _ask(claim: Claim, call: Callable[[], T]) -> T | Outcome:
    """The one place an ERP is spoken to: whatever goes wrong there comes back as an outcome."""
    looking = claim.action == AttemptAction.LOOK_UP
    try:
        return call()
    except ErpUnavailable as error:
        status: OutcomeStatus = "unknown" if looking or error.sent else "retry"
        return Outcome(status, error_code=error.code, message=error.message)
    except ErpRejected as error:
        # A look-up that is refused says nothing of the posting.
        return Outcome(
            "unknown" if looking else "rejected", error_code=error.code, message=error.message, raw=error.raw
        )
    except Exception as error:  # outer edge: a connector's fault must not leave the outcome open
        logger.exception("connector failed on %s", claim.posting.business_key)
        return Outcome("unknown", error_code=FAULT, message=f"{type(error).__name__}: {error}")


def _judge(connection: ErpConnection, outcome: Outcome) -> None:
    """What an outcome says of the connection: a fault of ours says nothing."""
    if outcome.error_code == FAULT:
        return
    if is_outage(outcome):
        note_failure(connection, outcome.message)
    elif outcome.status in ("confirmed", "rejected"):
        note_success(connection)


def _connection(claim: Claim) -> ErpConnection:
    connection = claim.posting.connection
    if connection is None:
        raise ValueError(f"{claim.posting} was claimed without a connection")
    return connection
