"""One sender: claim (transaction), ask the ERP (none), record (transaction), for as long as there is due work.

Owns the order of those three steps and nothing of what an answer means. Any number of senders may run at once and any
of them may die at any line: a posting takes effect at most once per business key.
"""

import logging
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db import connection as database

from core import clock
from erp_sync import said
from erp_sync.adapters.port import Outcome, OutcomeStatus
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import AttemptAction, ErpConnection
from erp_sync.services.acknowledging import fetch_acknowledgements
from erp_sync.services.circuit import (
    end_outages,
    note_failure,
    note_success,
    pass_trial,
    probe_due,
    sort_waiting,
    throttle,
)
from erp_sync.services.claiming import Claim, claim_again, claim_next, expire_leases, willing_connections
from erp_sync.services.commands import command_of
from erp_sync.services.connecting import adapter_for, secret_in_use
from erp_sync.services.leases import kept
from erp_sync.services.outcomes import asked_pause, is_outage, record_look_up, record_send, speaks
from erp_sync.services.progress import tell_owed

logger = logging.getLogger(__name__)
T = TypeVar("T")

FAULT = "erp.connector_fault"
#: Pauses in seconds between tries to write an answer down; a crashed PostgreSQL is back within them.
WRITE_AGAIN_AFTER = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
#: A run takes nothing new after this long.
BUDGET_SECONDS = settings.POSTING_LEASE_SECONDS * 2 / 9


def send_due(*, limit: int = 20, budget: float = BUDGET_SECONDS) -> int:
    """Bring up to `limit` due postings forward, one after another, at most for `budget` seconds; returns how many.

    Also gives up on lost senders, probes silent connections and fetches acknowledgements. Connections take turns. Must
    not run inside a transaction: each step commits before the network is touched. Inside a moved clock only the ledger
    moves, each posting at the moment it was due. What the worker runs side by side is `lanes`.
    """
    if not clock.moved():
        probe_due()
        fetch_acknowledgements()
    tidy()
    started = time.monotonic()
    worked = 0
    turns = willing_connections()
    while worked < limit and time.monotonic() - started < budget:
        claim = claim_next(turns)
        if claim is None:
            break
        with _moment_of(claim):
            bring_forward(claim)
        worked += 1
        turns = _next_turns(claim)
    return worked


def tidy() -> None:
    """What is done once for all connections before anything is sent: short transactions, no network."""
    expire_leases()
    sort_waiting()
    if not clock.moved():
        end_outages()
        tell_owed()


def bring_forward(claim: Claim) -> None:
    """Take one claimed posting as far as one answer of the ERP takes it, and keep hold of it meanwhile.

    Asks the ERP, so it must not run inside a transaction. What the answer says of the connection is noted too.
    """
    with kept(claim):
        _work(claim)


def _next_turns(last: Claim) -> list[int]:
    """Whose turn it is after a claim: what is willing now, the connection just served last."""
    willing = willing_connections()
    served = last.posting.connection_id
    return [pk for pk in willing if pk != served] + [pk for pk in willing if pk == served]


def _moment_of(claim: Claim) -> AbstractContextManager[None]:
    """A rehearsed posting happens when it was due, however coarsely its rehearser moves the clock."""
    return clock.travel(claim.was_due) if clock.moved() else nullcontext()


def _work(claim: Claim) -> None:
    if claim.action == AttemptAction.LOOK_UP:
        again = _look_up(claim)
        if again is not None:
            bring_forward(again)
        return
    connection = _connection(claim)
    outcome = fit(connection, _ask(claim, lambda: adapter_for(connection).send(command_of(claim.posting))))
    _written(
        lambda: record_send(
            posting_id=claim.posting.pk, attempt_id=claim.attempt_id, token=claim.token, outcome=outcome
        )
    )
    _judge(connection, outcome)


def _look_up(claim: Claim) -> Claim | None:
    """Look an unclear posting up; a claim to send it (again) where that is proven safe."""
    connection = _connection(claim)

    def look() -> tuple[Outcome | None, timedelta]:
        adapter = adapter_for(connection)
        return adapter.look_up(command_of(claim.posting)), adapter.settle_after

    answer = _ask(claim, look)
    found, settle_after = (answer, timedelta(0)) if isinstance(answer, Outcome) else answer
    found = fit(connection, found) if found else None
    may_send = _written(
        lambda: record_look_up(
            posting_id=claim.posting.pk,
            attempt_id=claim.attempt_id,
            token=claim.token,
            outcome=found,
            settle_after=settle_after,
        )
    )
    if isinstance(answer, Outcome):
        _judge(connection, answer)
    else:
        _trust(connection)
    return claim_again(claim) if may_send else None


def _written(record: Callable[[], T]) -> T:
    """Write down what is known, also when our own database is away for a moment: an answer in hand is not thrown away.

    Written twice it does no harm: the claim's token is used up by the first time. Raises what the last try raised.
    """
    for pause in WRITE_AGAIN_AFTER:
        try:
            return record()
        except (OperationalError, InterfaceError) as error:
            logger.warning("an answer could not be written down, tried again: %s", error)
            database.close()
            time.sleep(pause)
    return record()


def fit(connection: ErpConnection, outcome: Outcome) -> Outcome:
    """An outcome as it may be kept and shown: its words hide the login, and our database can store all of it."""
    secret = secret_in_use(connection)
    return replace(
        outcome,
        erp_number=said.storable(outcome.erp_number),
        error_code=said.storable(outcome.error_code),
        message=said.storable(said.without(secret, outcome.message)),
        raw=said.storable(said.without(secret, outcome.raw)),
    )


def _ask(claim: Claim, call: Callable[[], T]) -> T | Outcome:
    """The one place an ERP is spoken to: whatever goes wrong there comes back as an outcome."""
    looking = claim.action == AttemptAction.LOOK_UP
    try:
        return call()
    except ErpUnavailable as error:
        status: OutcomeStatus = "unknown" if looking or error.sent else "retry"
        return Outcome(status, error_code=error.code, message=error.message, raw=error.raw)
    except ErpRejected as error:
        # A look-up that is refused says nothing of the posting.
        return Outcome(
            "unknown" if looking else "rejected", error_code=error.code, message=error.message, raw=error.raw
        )
    except Exception as error:  # noqa: BLE001 - outer edge: a connector's fault must not leave the outcome open
        # Its words may quote what was sent, the login among it: the log gets where it was, the posting what is fit.
        where = "".join(traceback.format_tb(error.__traceback__))
        logger.error(
            "connector failed on %s: %s\n%s", claim.posting.business_key, type(error).__name__, where
        )
        return Outcome("unknown", error_code=FAULT, message=f"{type(error).__name__}: {error}")


def _judge(connection: ErpConnection, outcome: Outcome) -> None:
    """What an outcome says of the connection: a fault of ours says nothing."""
    if outcome.error_code == FAULT:
        return
    pause = asked_pause(outcome)
    if pause:
        throttle(connection, pause)
    if is_outage(outcome):
        note_failure(connection, outcome.message)
    elif speaks(outcome):
        _trust(connection)


def _trust(connection: ErpConnection) -> None:
    """An answer came: the row as the claim found it says whether that ends a trial."""
    if connection.on_trial:
        pass_trial(connection)
    else:
        note_success(connection)


def _connection(claim: Claim) -> ErpConnection:
    connection = claim.posting.connection
    if connection is None:
        raise ValueError(f"{claim.posting} was claimed without a connection")
    return connection
