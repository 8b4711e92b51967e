"""How far a connection is with what an outage left behind: read for banners, and to know when it is over.

Reads only. `drain_state` is three queries, made to be asked once a second. Must not know: who sends, who looks.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Count, Exists, Min, OuterRef, Q

from core import clock
from erp_sync import lifecycle
from erp_sync.models import ErpConnection, Posting
from erp_sync.models.postings import PostingQuerySet
from plant_app.models import Site

Phase = Literal["silent", "trial", "draining", ""]
#: The rate is that of the last minute, or of as much of it as there was something to send.
WINDOW = timedelta(seconds=60)
_Status = lifecycle.Status
_CIRCUIT = Q(status=_Status.HELD, held_reason=lifecycle.HeldReason.CIRCUIT_OPEN)


@dataclass(frozen=True, slots=True)
class DrainState:
    """One connection during and after an outage.

    `phase`: silent (the circuit is open), trial (one posting at a time), draining (the backlog goes), or empty.
    `waiting` postings are to be sent and nothing but their turn holds them; `done` have got ERP's answer since the
    outage began. `per_minute` is measured; `ends_at` is when the backlog will have gone at that rate, None while none
    can be told.
    """

    phase: Phase
    since: datetime | None
    waiting: int
    done: int
    per_minute: float
    ends_at: datetime | None
    oldest_at: datetime | None

    @property
    def share(self) -> float:
        """How much of the backlog is done, from 0 to 1."""
        whole = self.done + self.waiting
        return self.done / whole if whole else 1.0

    @property
    def oldest_age(self) -> timedelta | None:
        """How long the oldest has waited."""
        return None if self.oldest_at is None else clock.now() - self.oldest_at


def waiting_of(connection: ErpConnection, *, within: timedelta = timedelta()) -> PostingQuerySet:
    """Postings of a connection that only wait for their turn, which comes `within` that time (now): not those behind
    one that waits for a person, nor those collected for a later slot."""
    stopped = (
        Posting.objects.unsettled()
        .exclude(chain="")
        .filter(connection_id=OuterRef("connection_id"), chain=OuterRef("chain"), pk__lt=OuterRef("pk"))
    ).filter(Q(status__in=[_Status.REJECTED, _Status.APPROVAL]) | (Q(status=_Status.HELD) & ~_CIRCUIT))
    going = Q(status=_Status.QUEUED, due_at__lte=clock.now() + within) | Q(status=_Status.SENDING) | _CIRCUIT
    return (
        _of(connection, _Status.QUEUED, _Status.SENDING, _Status.HELD)
        .filter(going)
        .exclude(~Q(chain="") & Exists(stopped))
    )


def _of(connection: ErpConnection, *statuses: lifecycle.Status) -> PostingQuerySet:
    """Those of a connection in some statuses, found by the index over site and status however long history is."""
    sites = Site.objects.values("pk")
    return Posting.objects.filter(connection=connection, status__in=list(statuses), site__in=sites)


def drain_state(connection: ErpConnection) -> DrainState:
    """Where a connection stands, from its own row as given and its postings as they are now."""
    now = clock.now()
    waiting = waiting_of(connection).aggregate(number=Count("pk"), oldest=Min("created_at"))
    since = connection.silent_since
    phase = _phase(connection)
    done, per_minute = 0, 0.0
    if since is not None:
        lately = Q(status_at__gte=now - WINDOW)
        figures = {
            "number": Count("pk"),
            "late": Count("pk", filter=lately),
            "first": Min("status_at", filter=lately),
        }
        confirmed = Posting.objects.filter(
            connection=connection, status=_Status.CONFIRMED, settled_at__gte=since
        ).aggregate(**figures)
        refused = _of(connection, _Status.REJECTED).filter(status_at__gte=since).aggregate(**figures)
        done = confirmed["number"] + refused["number"]
        number = confirmed["late"] + refused["late"]
        if number > 1:
            first = min(one["first"] for one in (confirmed, refused) if one["first"] is not None)
            per_minute = number / max((now - first).total_seconds(), 1.0) * 60
    left: int = waiting["number"]
    ends_at = None
    if phase in ("trial", "draining") and per_minute and left:
        ends_at = now + timedelta(minutes=left / per_minute)
    return DrainState(phase, since, left, done, per_minute, ends_at, waiting["oldest"])


def _phase(connection: ErpConnection) -> Phase:
    if connection.circuit_open:
        return "silent"
    if connection.on_trial:
        return "trial"
    # Failures that have not opened the circuit begin a silence too; that is no outage yet.
    outage = connection.silent_since is not None and (
        connection.last_ok_at is not None and connection.last_ok_at > connection.silent_since
    )
    return "draining" if outage else ""
