"""Senders side by side: for every connection some threads of its own, so that a slow ERP holds up no other's postings.

Owns the threads of one process: they keep their connector with its session, sleep while there is nothing to do, and are
woken one by one, each waking the next when it found work. How many postings are under way at once is not decided here
but where they are claimed, for all processes together. Must not know: what an answer means.
"""

import logging
import os
import threading
import time
from datetime import datetime

from django.db import Error, close_old_connections, connections

from core import clock
from erp_sync.models import ErpConnection
from erp_sync.services.acknowledging import fetch_acknowledgements
from erp_sync.services.circuit import probe_due
from erp_sync.services.claiming import claim_from
from erp_sync.services.connecting import address_of
from erp_sync.services.sending import bring_forward, tidy
from erp_sync.services.skew import measure_due

logger = logging.getLogger(__name__)

#: More threads than this for one connection help no ERP; `parallel` beyond it is served by further processes.
MOST_LANES = 16
#: A lane without work gives its database connection back after so many seconds, and keeps its session with the ERP.
IDLE_SECONDS = 5.0
#: A pause of the rate limit longer than this is not slept through; the next sweep comes back to it.
LONGEST_NAP = 5.0


class Road:
    """The lanes of one connection in this process."""

    def __init__(self, connection_id: int) -> None:
        self.connection_id = connection_id
        self.worked = 0
        self._lanes = 0  # threads there are
        self._busy = 0
        self._calls = 0  # lanes asked for and not yet come
        self._again = False  # called while all were busy: whoever rests first looks once more
        self._width = 1
        self._closing = False
        self._napping = False
        self._attended = threading.Lock()
        self._turn = threading.Condition()

    def call(self, width: int) -> None:
        """See to it that somebody looks for work from now on; `width` is how many lanes there may be."""
        with self._turn:
            self._width = max(1, min(width, MOST_LANES))
            if not self._one_more():
                self._again = True

    def _one_more(self) -> bool:
        """Call another lane; False where all are busy already. The caller holds `_turn`."""
        if self._closing or self._busy + self._calls >= self._width:
            return False
        self._calls += 1
        if self._lanes < self._busy + self._calls:
            self._lanes += 1
            name = f"erp-{self.connection_id}-{self._lanes}"
            threading.Thread(target=self._lane, name=name, daemon=True).start()
        else:
            self._turn.notify_all()
        return True

    def close(self) -> None:
        """Take nothing new; lanes end after what they have in hand."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()

    def quiet(self, patience: float) -> bool:
        """Whether no lane is busy, waiting up to `patience` seconds for that."""
        with self._turn:
            return self._turn.wait_for(lambda: self._busy + self._calls == 0, patience)

    def _lane(self) -> None:
        try:
            while self._called():
                try:
                    self._work_off()
                except Error as error:
                    # What it had in hand is found out by its lease; the next call begins anew.
                    logger.warning(
                        "a sender of connection %s lost the database: %s", self.connection_id, error
                    )
                    connections.close_all()
                finally:
                    with self._turn:
                        self._busy -= 1
                        if self._again:
                            self._again = False
                            self._one_more()
                        self._turn.notify_all()
        finally:
            with self._turn:
                self._lanes -= 1
            connections.close_all()

    def _called(self) -> bool:
        """Sleep until there may be work; False when the road closes."""
        with self._turn:
            while not self._calls and not self._closing:
                if not self._turn.wait(IDLE_SECONDS):
                    connections.close_all()
                    self._turn.wait_for(lambda: bool(self._calls) or self._closing)
            if self._closing:
                self._calls = 0
                return False
            self._calls -= 1
            self._busy += 1
            return True

    def _work_off(self) -> None:
        close_old_connections()
        row = ErpConnection.objects.filter(pk=self.connection_id, enabled=True, is_ledger=False).first()
        if row is None or not address_of(row).ready:
            return
        if self._attended.acquire(blocking=False):
            try:
                self._attend(row)
            finally:
                self._attended.release()
        while not self._closing:
            found = claim_from(self.connection_id)
            if found is None:
                break
            if isinstance(found, datetime):
                if not self._nap(found):
                    break
                continue
            with self._turn:
                self._one_more()
                self.worked += 1
            bring_forward(found)
        if not self._closing and self._attended.acquire(blocking=False):
            try:
                self._measure()
            finally:
                self._attended.release()

    def _attend(self, row: ErpConnection) -> None:
        """What one lane does for all: see whether a silent ERP is back, fetch what a living one left for us."""
        if row.circuit_open:
            if probe_due([row.pk]):
                tidy()
            return
        fetch_acknowledgements([row.pk])

    def _measure(self) -> None:
        row = ErpConnection.objects.filter(pk=self.connection_id, open_until__isnull=True).first()
        if row is not None:
            measure_due(row)

    def _nap(self, until: datetime) -> bool:
        """Sleep until the rate allows the next one, one lane for all; False for the others, and for a long pause."""
        with self._turn:
            seconds = (until - clock.now()).total_seconds()
            if self._napping or seconds > LONGEST_NAP:
                return False
            self._napping = True
            try:
                self._turn.wait_for(lambda: self._closing, max(seconds, 0.001))
            finally:
                self._napping = False
        return True


_roads: dict[int, Road] = {}
_guard = threading.Lock()


def call_lanes() -> int:
    """Have the lanes of every enabled connection look for due postings; returns how many were worked on since the last
    call. Comes back at once: what the lanes do goes on beside it, for as long as there is work.

    Must not run inside a transaction, nor inside a moved clock (`send_due` is for that).
    """
    tidy()
    rows = list(ErpConnection.objects.filter(enabled=True, is_ledger=False).only("pk", "parallel"))
    worked = 0
    for row in rows:
        road = _road(row.pk)
        with _guard:
            worked, road.worked = worked + road.worked, 0
        road.call(row.parallel)
    return worked


def wait_for_lanes(patience: float) -> bool:
    """Whether all lanes of this process came to rest within `patience` seconds."""
    until = time.monotonic() + patience
    return all(road.quiet(max(until - time.monotonic(), 0.0)) for road in _known())


def close_lanes(patience: float = 8.0) -> bool:
    """Let the lanes end after what they have in hand, at most `patience` seconds; True when all have.

    For the end of a process. What is still under way then is found out by its lease.
    """
    for road in _known():
        road.close()
    done = wait_for_lanes(patience)
    with _guard:
        _roads.clear()
    return done


def _known() -> list[Road]:
    with _guard:
        return list(_roads.values())


def _road(connection_id: int) -> Road:
    with _guard:
        return _roads.setdefault(connection_id, Road(connection_id))


def _forget() -> None:
    """A forked process has none of its parent's threads."""
    global _guard
    _guard = threading.Lock()
    _roads.clear()


os.register_at_fork(after_in_child=_forget)
