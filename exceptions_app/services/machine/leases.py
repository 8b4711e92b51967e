"""Who holds which node: leases in rows, claimed with SKIP LOCKED, fenced by an epoch that grows with every claim.

A worker that lost its lease without noticing (a long pause) writes nothing: every write names owner and epoch. Shares
are equal over the workers that beat; whoever has more gives back. Must not know what a node says.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from django.db import transaction
from django.db.models import Q

from core import clock, due
from core.models import Heartbeat
from core.services import beat, rest
from exceptions_app.models import BridgeNode, Source


@dataclass(frozen=True, slots=True)
class Held:
    """A node this worker has just claimed, as it was stored. `epoch` is the fencing token of every write."""

    pk: int
    key: str
    epoch: int
    online: bool
    seq: int
    bd_seq: int
    birth: dict[str, Any]
    state: dict[str, Any]
    counters: dict[str, int]


def worker_name(source: Source, slot: int) -> str:
    """Name under which a bridge beats: `bridge:<source>:<slot>`."""
    return f"bridge:{source.code}:{slot}"


def beat_worker(*, source: Source, slot: int, lease_seconds: float, detail: dict[str, Any]) -> int:
    """Say that this worker is alive; returns how many of the source's workers are, itself included. One upsert."""
    beat(worker_name(source, slot), **detail)
    since = clock.now() - timedelta(seconds=lease_seconds)
    return max(1, Heartbeat.objects.filter(name__startswith=f"bridge:{source.code}:", at__gte=since).count())


def forget_worker(*, source: Source, slot: int) -> None:
    """A worker that ended on purpose is not missed."""
    rest(worker_name(source, slot))


def share(*, source: Source, workers: int) -> int:
    """How many nodes each of that many workers holds."""
    return ceil(BridgeNode.objects.filter(source=source).count() / max(1, workers))


def add_nodes(*, source: Source, keys: Collection[str]) -> None:
    """Add a row for each node never seen before; those that are there stay as they are."""
    if keys:
        BridgeNode.objects.bulk_create(
            [BridgeNode(source=source, key=key) for key in keys], ignore_conflicts=True
        )


@transaction.atomic
def claim_nodes(*, source: Source, owner: str, slot: int, limit: int, lease_seconds: float) -> list[Held]:
    """Claim up to `limit` nodes nobody holds: never held, given back, lapsed, or held by an earlier process of the same
    slot (its broker session is this worker's now). Rows others are claiming are skipped.
    """
    if limit <= 0:
        return []
    now = clock.now()
    free = Q(owner="") | Q(lease_until__lt=now) | (Q(owner__startswith=f"{slot}@") & ~Q(owner=owner))
    rows = due.claim(BridgeNode.objects.filter(free, source=source).order_by("lease_until", "pk"), limit)
    for row in rows:
        row.owner, row.epoch = owner, row.epoch + 1
        row.lease_until = now + timedelta(seconds=lease_seconds)
    BridgeNode.objects.bulk_update(rows, ["owner", "epoch", "lease_until"])
    return [
        Held(row.pk, row.key, row.epoch, row.online, row.seq, row.bd_seq, row.birth, row.state, row.counters)
        for row in rows
    ]


def renew_nodes(*, source: Source, owner: str, lease_seconds: float) -> frozenset[tuple[int, int]]:
    """Prolong every lease of `owner`; returns (node, epoch) of those it still holds. What is missing is lost."""
    mine = BridgeNode.objects.filter(source=source, owner=owner)
    mine.update(lease_until=clock.now() + timedelta(seconds=lease_seconds))
    return frozenset(mine.values_list("pk", "epoch"))


def release_nodes(*, owner: str, nodes: Iterable[int]) -> None:
    """Give nodes back, whose state has been stored, so that another worker takes them at once."""
    BridgeNode.objects.filter(pk__in=list(nodes), owner=owner).update(owner="", lease_until=None)
