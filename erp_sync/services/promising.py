"""The promise a posting bears on, by which a backlog drains: oldest promise first.

Owns the reading of a payload into the plant's promises, and that a chain keeps its own order: what is promised early
pulls what its chain sends before it. Must not know: how a backlog comes to be.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q

from erp_sync.models import Posting
from plant_app.selectors import promise_behind_purchase_line, promise_behind_work_order, promise_of_sales_line


def promise_at(payload: Mapping[str, Any]) -> datetime | None:
    """The earliest promise to a customer a posting of this payload bears on; None where it bears on none.

    A change speaks of its order or line, a reversal of what it reverses. At most six queries, no lock.
    """

    def said(name: str) -> str:
        return str(payload.get(name) or "")

    target, number, line = said("target"), said("number"), said("line")
    if said("work_order") or target == "work_order":
        return promise_behind_work_order(said("work_order") or number)
    if target == "so_line":
        return promise_of_sales_line(number, line)
    if target == "po_line":
        return promise_behind_purchase_line(number, line)
    if said("purchase_order"):
        return promise_behind_purchase_line(said("purchase_order"), said("po_line"))
    original = payload.get("original")
    return promise_at(original) if isinstance(original, Mapping) else None


def pull_forward(posting: Posting) -> int:
    """Let what its chain sends before a posting bear on its promise too; returns how many were pulled.

    Locks those rows and never waits for one: what somebody holds at this moment is on its way as it is.
    """
    if not posting.chain or posting.promise_at is None:
        return 0
    ahead = (
        Posting.objects.unsettled()
        .filter(connection=posting.connection_id, chain=posting.chain, pk__lt=posting.pk)
        .filter(Q(promise_at__isnull=True) | Q(promise_at__gt=posting.promise_at))
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .values_list("pk", flat=True)
    )
    return Posting.objects.filter(pk__in=list(ahead)).update(promise_at=posting.promise_at)
