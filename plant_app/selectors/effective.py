"""What is in force: ERP's value and this layer's overlay taken together.

Reads only. An overlay is a value decided here that ERP does not have yet; the effective value is the overlay's while
one is in force, else ERP's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import cast

from django.db.models import QuerySet, Sum

from plant_app import overlays
from plant_app.models import (
    Item,
    Lot,
    Overlay,
    PurchaseOrderLine,
    SalesOrderLine,
    Site,
    StockLocation,
    StockRow,
    StockStatus,
    WorkOrder,
)

Target = WorkOrder | SalesOrderLine | PurchaseOrderLine
_NAMES: dict[type, str] = {
    WorkOrder: Overlay.Target.WORK_ORDER,
    SalesOrderLine: Overlay.Target.SALES_LINE,
    PurchaseOrderLine: Overlay.Target.PURCHASE_LINE,
}


def target_name(row: Target) -> str:
    """The overlay's name for the kind of `row`."""
    return _NAMES[type(row)]


def overlays_in_force(rows: Iterable[Target]) -> dict[tuple[str, int, str], Overlay]:
    """Overlays in force on `rows`, by (target, id, field); one query for all rows of one kind."""
    ids: dict[str, list[int]] = {}
    for row in rows:
        ids.setdefault(target_name(row), []).append(row.pk)
    found: dict[tuple[str, int, str], Overlay] = {}
    for target, pks in ids.items():
        for overlay in Overlay.objects.filter(target=target, target_id__in=pks, cleared_at=None):
            found[target, overlay.target_id, overlay.field] = overlay
    return found


def effective_value(
    row: Target, field: str, known: Mapping[tuple[str, int, str], Overlay] | None = None
) -> overlays.Value:
    """The value of `field` in force; pass `known` from `overlays_in_force` to ask for many rows without a query."""
    name = target_name(row)
    if field not in overlays.FIELDS[name]:
        raise ValueError(f"{name} has no overlay for {field}")
    overlay = (known if known is not None else overlays_in_force([row])).get((name, row.pk, field))
    if overlay is not None:
        return overlays.from_text(field, overlay.value)
    return cast(overlays.Value, getattr(row, field))


def effective_need_by(
    work_order: WorkOrder, known: Mapping[tuple[str, int, str], Overlay] | None = None
) -> datetime:
    """The moment a work order is needed by: overlay before ERP."""
    return cast(datetime, effective_value(work_order, "need_by", known))


def effective_commit(
    line: SalesOrderLine, known: Mapping[tuple[str, int, str], Overlay] | None = None
) -> datetime:
    """The date we stand by towards the customer: overlay before ERP."""
    return cast(datetime, effective_value(line, "commit_at", known))


def effective_promise(
    line: PurchaseOrderLine, known: Mapping[tuple[str, int, str], Overlay] | None = None
) -> datetime:
    """The date a purchase is expected: overlay before ERP."""
    return cast(datetime, effective_value(line, "promised_at", known))


@dataclass(frozen=True)
class Stock:
    """Effective quantities by status, in the item's base unit."""

    free: Decimal
    quality: Decimal
    blocked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.quality + self.blocked


def effective_stock(
    item: Item,
    *,
    site: Site | None = None,
    location: StockLocation | None = None,
    lot: Lot | None = None,
) -> Stock:
    """What there is of `item` (of `lot`, at `location`, on `site`), ERP plus overlay. One query."""
    rows = _narrowed(StockRow.objects.filter(item=item), site, location, lot)
    sums = dict(rows.values_list("status").annotate(total=Sum("quantity")).order_by())
    nothing = Decimal(0)
    return Stock(
        free=sums.get(StockStatus.FREE, nothing),
        quality=sums.get(StockStatus.QUALITY, nothing),
        blocked=sums.get(StockStatus.BLOCKED, nothing),
    )


@dataclass(frozen=True)
class StockPlace:
    """Effective quantity of one item (lot) in one status at one location."""

    item_id: int
    lot_id: int | None
    location_id: int
    status: str
    quantity: Decimal


def effective_stock_by_place(
    items: Iterable[Item | int], *, site: Site | None = None, lot: Lot | None = None
) -> list[StockPlace]:
    """Effective stock of many items by lot, location and status; zero rows left out. One query."""
    rows = _narrowed(StockRow.objects.filter(item__in=list(items)), site, None, lot)
    grouped = (
        rows.values_list("item_id", "lot_id", "location_id", "status")
        .annotate(total=Sum("quantity"))
        .exclude(total=0)
        .order_by("item_id", "location_id", "lot_id", "status")
    )
    return [StockPlace(*row) for row in grouped]


def _narrowed(
    rows: QuerySet[StockRow], site: Site | None, location: StockLocation | None, lot: Lot | None
) -> QuerySet[StockRow]:
    if site is not None:
        rows = rows.filter(location__site=site)
    if location is not None:
        rows = rows.filter(location=location)
    if lot is not None:
        rows = rows.filter(lot=lot)
    return rows
