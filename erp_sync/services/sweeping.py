"""Finding what an ERP deleted: everything it still lists or holds, against the mirror, daily and on demand.

Owns when a sweep is due, its record on the watermark, and whose rows a connection speaks for. A listing that breaks off
proves nothing and marks nothing; one that lost too much is kept for a person to look at. Must not know: what being gone
means for a row; that is the plant's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from core import clock
from core.hints import hint
from core.wake import wake
from erp_sync.adapters.port import Listing, Stocktaking
from erp_sync.errors import ErpRejected
from erp_sync.models import ErpConnection, Watermark
from erp_sync.services.connecting import adapter_for
from plant_app.services import SWEPT, Scope, Swept, key_of, sweep_gone, sweep_stock

#: Holds a listing against the mirror: when it was begun, whose rows the ERP speaks for, whether a person believes it.
Hold = Callable[[datetime, Scope, bool], Swept]

SWEEP_EVERY = timedelta(hours=24)
#: A listing that was not believed is asked for again after this.
SWEEP_AGAIN = timedelta(hours=1)
#: The ERP's clock and ours may differ by this much, and a row created meanwhile must not count as gone.
SLACK = timedelta(minutes=2)
#: A list may take as long as its worker has; no other reader begins meanwhile.
LISTING_LEASE = timedelta(minutes=10)
KEPT_CODES = 200
#: An ERP that was last read from longer ago than this, and is switched off, has been replaced.
MAY_COME_BACK = timedelta(days=30)
#: A connector that lists some entities only says so of the others: their absence there means nothing.
NOT_OFFERED = "erp.not_offered"


@dataclass(frozen=True)
class SweepState:
    """What the last sweep of an entity found: codes gone, or how many of how many it would not believe were."""

    codes: tuple[str, ...] = ()
    refused: int = 0
    of: int = 0


def scope_of(connection: ErpConnection) -> Scope:
    """Whose rows a connection speaks for: all while it is the only ERP read from, else the orders of its sites. Two
    queries.

    One that is switched off was read from as well as long as it may come back: what it filled in is not the other's to
    miss.
    """
    read_lately = Exists(
        Watermark.objects.filter(connection=OuterRef("pk"), at__gt=clock.now() - MAY_COME_BACK)
    )
    others = ErpConnection.objects.filter(Q(enabled=True) | read_lately, is_ledger=False)
    if not others.exclude(pk=connection.pk).exists():
        return Scope()
    return Scope(alone=False, sites=frozenset(connection.site_links.values_list("site_id", flat=True)))


def sweep_state(mark: Watermark) -> SweepState:
    """The record of a watermark's last sweep."""
    if mark.gone and isinstance(mark.gone[0], dict):
        return SweepState((), int(mark.gone[0].get("refused", 0)), int(mark.gone[0].get("of", 0)))
    return SweepState(tuple(str(code) for code in mark.gone))


def sweep_due(connection: ErpConnection, mark_id: int) -> Swept | None:
    """Sweep an entity if that is due: read through once, and last swept a day ago. None when it is not, or can't be.

    Must not run inside a transaction. Raises ErpUnavailable when the listing breaks off; nothing is marked then.
    """
    mark = Watermark.objects.get(pk=mark_id)
    pause = SWEEP_AGAIN if sweep_state(mark).refused else SWEEP_EVERY
    if mark.swept_at is not None and mark.swept_at > clock.now() - pause:
        return None
    Watermark.objects.filter(pk=mark.pk).update(next_at=clock.now() + LISTING_LEASE)
    return sweep(connection=connection, entity=mark.entity)


def sweep(*, connection: ErpConnection, entity: str, believe: bool = False) -> Swept | None:
    """List everything the ERP has of an entity and mark what is gone; None where connector or ERP can't list it.

    Stock it no longer holds becomes zero.

    Must not run inside a transaction. `believe`: a person has looked at what the last sweep would not believe, and the
    listing counts as long as no more is missing by now. Raises ErpUnavailable when the listing breaks off; nothing is
    marked then.
    """
    began = clock.now()
    hold = _listed(connection, entity)
    if hold is None:
        return None
    with transaction.atomic():
        mark, _new = Watermark.objects.select_for_update(no_key=True).get_or_create(
            connection=connection, entity=entity
        )
        scope, shown = scope_of(connection), sweep_state(mark).refused
        done = hold(began - SLACK, scope, False)
        if believe and 0 < done.refused <= shown:
            done = hold(began - SLACK, scope, True)
        mark.swept_at = began
        mark.gone = (
            [{"refused": done.refused, "of": done.of}] if done.refused else list(done.codes[:KEPT_CODES])
        )
        mark.save(update_fields=["swept_at", "gone"])
        if done.codes:
            hint("postings", kind="master_data", entity=entity)
            wake("resequence")
    return done


def rehearse_sweep(*, connection: ErpConnection, entity: str) -> Swept | None:
    """What `sweep` would do, in a transaction that is rolled back; nothing stays written. Errors as there."""
    began = clock.now()
    hold = _listed(connection, entity)
    if hold is None:
        return None
    with transaction.atomic():
        done = hold(began - SLACK, scope_of(connection), False)
        transaction.set_rollback(True)
    return done


def _listed(connection: ErpConnection, entity: str) -> Hold | None:
    """All the ERP has of an entity, to be held against the mirror; None where connector or ERP can't list it.

    Raises ErpUnavailable.
    """
    adapter = adapter_for(connection)
    try:
        if entity == "stock" and isinstance(adapter, Stocktaking):
            held = {key_of(record.data) for record in adapter.all_stock() if not record.deleted}
            return lambda at, scope, believe: sweep_stock(
                held=held, listed_at=at, scope=scope, believe=believe
            )
        if entity.removesuffix("s") in SWEPT and isinstance(adapter, Listing):
            present = set(adapter.identities(entity))
            return lambda at, scope, believe: sweep_gone(
                entity=entity, present=present, listed_at=at, scope=scope, believe=believe
            )
    except ErpRejected as error:
        if error.code != NOT_OFFERED:
            raise
    return None
