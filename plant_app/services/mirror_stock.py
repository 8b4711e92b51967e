"""Stock ERP has no more: rows it names no longer become zero, they are never deleted.

Owns the two ways it says so: a record that names all there is of one item, and a whole stocktaking held against the
mirror, which is believed only as far as other listings are. How it was fetched is not known here.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from plant_app.models import Item, StockLayer, StockLocation, StockRow, StockStatus
from plant_app.services.mirror_book import Book, Pulled, Scope, Written
from plant_app.services.mirror_gone import Swept, believable

#: Codes of item, location and lot ("" without), and the status ("": the usual one of the place).
StockKey = tuple[str, str, str, str]


def usual_status(location: StockLocation) -> str:
    """What stock at a place is, where ERP does not say."""
    blocked = location.kind == StockLocation.Kind.BLOCKED
    return StockStatus.BLOCKED.value if blocked else StockStatus.FREE.value


def key_of(data: Any) -> StockKey:
    """What a stock record is about."""
    item, location, lot, status = (
        str(data.get(name) or "") for name in ("item", "location", "lot", "status")
    )
    return item, location, lot, status


@transaction.atomic
def sweep_stock(
    *, held: Collection[StockKey], listed_at: datetime, scope: Scope, believe: bool = False
) -> Swept:
    """Set to zero what ERP no longer holds. `held` is all of its stock, zero rows included, read from `listed_at` on.

    A row read since then is left alone, so is one at a site another ERP may speak for. A listing that is empty, or
    lacks more than a fifth of our rows with something in them (and more than three), is not believed unless `believe`
    says that a person has looked. Locks the rows it empties.
    """
    rows = _filled(scope)
    count = rows.count()
    known = frozenset(held)
    lost = [row for row in rows.filter(updated_at__lt=listed_at) if not _named(row, known)]
    if not lost:
        return Swept(of=count)
    if not believe and not believable(lost=len(lost), of=count, listed=len(known)):
        return Swept(of=count, refused=len(lost))
    return Swept(codes=tuple(_empty(lost, listed_at)), of=count)


def only_these(record: Pulled, book: Book) -> Written:
    """A record that says what all there is of one item: its other rows become zero. Locks them. Raises Unknown.

    `data["only"]` lists (location, lot, status) of each row ERP has.
    """
    item = book.get(Item, record.data.get("item"))
    known = frozenset((item.code, *(str(part) for part in key)) for key in record.data["only"])
    lost = [row for row in _filled(book.scope).filter(item=item) if not _named(row, known)]
    emptied = _empty(lost, book.read_at)
    return Written(
        "updated" if emptied else "unchanged", None, {what: (before, "0") for what, before in emptied.items()}
    )


def _filled(scope: Scope) -> QuerySet[StockRow]:
    rows = StockRow.objects.filter(layer=StockLayer.ERP).exclude(quantity=0)
    if not scope.alone:
        rows = rows.filter(location__site__in=scope.sites)
    return rows.select_related("item", "location", "lot").order_by("pk")


def _named(row: StockRow, known: Collection[StockKey]) -> bool:
    what = (row.item.code, row.location.code, row.lot.code if row.lot is not None else "")
    if (*what, row.status) in known:
        return True
    return row.status == usual_status(row.location) and (*what, "") in known


def _empty(rows: Collection[StockRow], at: datetime) -> dict[str, str]:
    """Set them to zero, unless they are already; what they are, in words, and what was there."""
    locked = (
        StockRow.objects.filter(pk__in=[row.pk for row in rows])
        .exclude(quantity=0)
        .select_for_update(of=("self",), no_key=True)
        .select_related("item", "location", "lot")
        .order_by("pk")
    )
    words: dict[str, str] = {}
    for row in locked:
        lot = f" {row.lot.code}" if row.lot is not None else ""
        words[f"{row.item.code}{lot} at {row.location.code}, {row.status}"] = f"{row.quantity:f}"
        row.quantity, row.updated_at = Decimal(0), at
        row.save(update_fields=["quantity", "updated_at"])
    return words
