"""How far an ERP's clock goes before ours, and ERP's times as moments of ours.

Owns the measurement (several short questions, each answer set against the middle of its round trip, as Cristian's
algorithm does; the median counts, so that one slow answer does not) and the correction. Must not know: the circuit.
"""

import threading
import time
from datetime import datetime, timedelta
from statistics import median

from core import clock
from erp_sync.errors import ErpUnavailable
from erp_sync.models import AttemptAction, ErpConnection, Posting
from erp_sync.services.connecting import adapter_for

MEASURE_EVERY = timedelta(minutes=5)
SAMPLES = 5
#: An ERP slow to answer is not asked further than this many seconds.
LONGEST_ASKED = 3.0
#: Milliseconds a connection's row can hold; a clock further off (25 days) is told as that.
_FURTHEST = 2**31 - 1
_guard = threading.Lock()
_asked: dict[int, datetime] = {}  # an ERP that says no time is not asked for it all the time


def measure_due(connection: ErpConnection) -> bool:
    """Measure a connection's skew if that was last done MEASURE_EVERY ago. Network, no transaction. True if written."""
    now = clock.now()
    # One of a time to come was measured by a clock of ours that has been set right since.
    if connection.skew_at is not None and now - MEASURE_EVERY < connection.skew_at <= now:
        return False
    with _guard:
        asked = _asked.get(connection.pk)
        if asked is not None and now - MEASURE_EVERY < asked <= now:
            return False
        _asked[connection.pk] = now
    return measure(connection) is not None


def measure(connection: ErpConnection) -> int | None:
    """Ask a connection's ERP for its time and keep how many milliseconds it is ahead; None where it says none."""
    samples: list[float] = []
    until = time.monotonic() + LONGEST_ASKED
    while len(samples) < SAMPLES and time.monotonic() < until:
        sample = _sample(connection)
        if sample is None:
            break
        samples.append(sample)
    if not samples:
        return None
    ahead = max(min(round(median(samples)), _FURTHEST), -_FURTHEST - 1)
    ErpConnection.objects.filter(pk=connection.pk).update(skew_ms=ahead, skew_at=clock.now())
    return ahead


def corrected(posting: Posting, said: datetime | None, now: datetime) -> datetime:
    """The moment ERP took a posting, on our clock: what it said less its skew, never before it was sent nor after now.

    Without a word of the ERP it is now. A ledger has our clock.
    """
    connection = posting.connection
    if said is None:
        return now
    if connection is None or connection.is_ledger:
        return said
    ahead = timedelta(milliseconds=connection.skew_ms)
    # Held between the two on its own clock, so that an empty date (the year 1) is none to reckon with.
    return min(max(said, _first_sent(posting) + ahead), now + ahead) - ahead


def _sample(connection: ErpConnection) -> float | None:
    """Milliseconds the ERP is ahead by one answer, taken to have read its clock in the middle of the call."""
    try:
        began = clock.now()
        health = adapter_for(connection).ping()
        ended = clock.now()
    except ErpUnavailable:
        return None
    if not health.ok or health.clock is None:
        return None
    theirs = health.clock
    if theirs.microsecond == 0:
        # A time of whole seconds (HTTP's Date) is cut off: half a second of it is missing on average.
        theirs += timedelta(milliseconds=500)
    return (theirs - (began + (ended - began) / 2)).total_seconds() * 1000


def _first_sent(posting: Posting) -> datetime:
    """Before this nothing can have been there. One query, only for a posting that was tried before."""
    if posting.attempts <= 1 and posting.status == "sending" and posting.claimed_at is not None:
        return posting.claimed_at
    sends = posting.tries.filter(action=AttemptAction.SEND).order_by("number")
    return sends.values_list("started_at", flat=True).first() or posting.created_at
