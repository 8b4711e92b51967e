"""Keeping hold of claims for as long as their senders live, however long an ERP takes to answer.

Owns one quiet thread per process that renews what the process holds; a process that dies renews nothing, and that is
how the others find out. Must not know: what is done with a claim.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connections

from erp_sync.services.claiming import LEASE, Claim, renew

logger = logging.getLogger(__name__)

RENEW_EVERY = LEASE.total_seconds() / 4
#: No ERP call is meant to take this long. Its sender can't be stopped, only its process can.
HELD_AT_MOST = 20 * 60.0

_guard = threading.Lock()
_held: dict[str, tuple[int, float]] = {}  # token -> posting, since when (monotonic)
_keepers: list[threading.Thread] = []


@contextmanager
def kept(claim: Claim) -> Iterator[None]:
    """Renew a claim while the block runs."""
    with _guard:
        _held[claim.token] = (claim.posting.pk, time.monotonic())
        if not _keepers:
            _keepers.append(threading.Thread(target=_keep, name="erp-leases", daemon=True))
            _keepers[0].start()
    try:
        yield
    finally:
        with _guard:
            _held.pop(claim.token, None)


def renew_held(*, older_than: float = RENEW_EVERY / 2) -> int:
    """Renew what this process has held for more than `older_than` seconds; returns how many were still its own.

    A sender that hangs beyond HELD_AT_MOST must not go on once it is given up on, so it is ended with its process.
    """
    now = time.monotonic()
    with _guard:
        old = [
            (posting_id, token, now - since)
            for token, (posting_id, since) in _held.items()
            if now - since > older_than
        ]
    for posting_id, _token, age in old:
        if age > HELD_AT_MOST:
            logger.critical(
                "posting %s has been under way for %.0f s; this process ends with it", posting_id, age
            )
            os.kill(os.getpid(), signal.SIGKILL)
    return sum(renew(posting_id, token) for posting_id, token, _age in old)


def _keep() -> None:
    while True:
        time.sleep(RENEW_EVERY)
        try:
            renew_held()
        except Error as error:
            # Without the database nobody else takes a claim over either; the next round comes soon enough.
            logger.warning("claims not renewed: %s", error)
        finally:
            connections.close_all()


def _forget() -> None:
    """A forked process holds nothing of its parent's and has none of its threads."""
    global _guard
    _guard = threading.Lock()
    _held.clear()
    _keepers.clear()


os.register_at_fork(after_in_child=_forget)
