"""What ERP has no more: marked in the mirror, never deleted, because our history refers to it.

Orders and lines end (cancelled, nothing more to come), stock becomes zero, all else is marked and stays readable. Owns
the marking, the sweep that compares a whole listing with the mirror, and whether a listing can be believed. How it was
fetched is not known here.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Model, Q, QuerySet

from plant_app.mirrored import gone_version
from plant_app.models import (
    Customer,
    Item,
    Lot,
    PurchaseOrderLine,
    SalesOrderLine,
    Supplier,
    WorkCentre,
    WorkOrder,
    WorkOrderStatus,
)
from plant_app.selectors.effective import Target
from plant_app.services.mirror_book import (
    SITE_OF,
    Book,
    Fields,
    Pulled,
    Scope,
    Written,
    by_identity,
    differing,
)

#: A listing in which more of our rows are missing than this share, and than this many, is not believed.
MOST_LOST = 0.2
FEW = 3
#: Orders nothing more is done about.
ENDED = (WorkOrderStatus.FINISHED, WorkOrderStatus.CANCELLED)


@dataclass(frozen=True)
class Swept:
    """What a sweep did: codes marked as gone, or how many of how many would have been, when it was not believed."""

    codes: tuple[str, ...] = ()
    of: int = 0
    refused: int = 0


def _ends_order(row: Any) -> dict[str, Any]:
    return {} if row.status in ENDED else {"status": WorkOrderStatus.CANCELLED}


def _nothing_more(row: Any) -> dict[str, Any]:
    return {"quantity": row.received} if row.quantity > row.received else {}


def _cancelled(row: Any) -> dict[str, Any]:
    return {"cancelled": True} if row.quantity > row.delivered else {}


# kind -> (model, what the end of such a row means for its columns, which of its rows may be missed at all)
_ENDS: dict[str, tuple[type[Model], Callable[[Any], dict[str, Any]], Q]] = {
    "item": (Item, lambda row: {}, Q()),
    "customer": (Customer, lambda row: {}, Q()),
    "supplier": (Supplier, lambda row: {}, Q()),
    "lot": (Lot, lambda row: {}, Q()),
    "work_centre": (WorkCentre, lambda row: {"erp_id": ""}, Q()),
    "work_order": (WorkOrder, _ends_order, ~Q(status__in=ENDED)),
    "sales_line": (SalesOrderLine, _cancelled, Q(cancelled=False, delivered__lt=F("quantity"))),
    "purchase_line": (PurchaseOrderLine, _nothing_more, Q(received__lt=F("quantity"))),
}
SWEPT = frozenset(_ENDS) - {"lot"}


def mark_deleted(name: str, record: Pulled, book: Book) -> Written:
    """Mark the row a deleted record speaks of, found by ERP's identity, else its code. Locks it. None there is fine."""
    model, _end, _missed = _ENDS[name]
    row = by_identity(model, record, book)
    if row is None and record.code:
        rows: QuerySet[Any] = model._default_manager.select_for_update(of=("self",), no_key=True)
        if model in (SalesOrderLine, PurchaseOrderLine):
            number, _slash, line = record.code.rpartition("/")
            rows = rows.filter(order__number=number, line=int(line)) if line.isdigit() else rows.none()
        elif model is Lot:
            rows = rows.filter(code=record.code, item__code=record.data.get("item", ""))
        else:
            rows = rows.filter(**{"number" if model is WorkOrder else "code": record.code})
        row = rows.filter(erp_id__in=["", record.external_id]).first()
    if row is None:
        return Written("unchanged")
    fields = _mark(name, row, book.read_at)
    return Written("deleted" if fields else "unchanged", _target(row), fields)


@transaction.atomic
def sweep_gone(
    *, entity: str, present: Collection[str], listed_at: datetime, scope: Scope, believe: bool = False
) -> Swept:
    """Mark what ERP no longer lists. `present` are all its identities of a kind, as they were read from `listed_at` on.

    A row created or read since then is left alone, so is one another ERP may be the master of. A listing that is empty,
    or lacks more than a fifth of our rows (and more than three), is not believed unless `believe` says that a person
    has looked. Locks the rows it marks.
    """
    name = entity.removesuffix("s")
    if name not in SWEPT or (not scope.alone and _ENDS[name][0] not in SITE_OF):
        return Swept()
    model, _end, missed = _ENDS[name]
    rows = model._default_manager.filter(missed).exclude(erp_id="")
    if not scope.alone:
        rows = rows.filter(**{f"{SITE_OF[model]}__in": scope.sites})
    if model is not WorkCentre:
        rows = rows.exclude(erp_version__startswith=gone_version()).filter(erp_synced_at__lt=listed_at)
    ours = dict(rows.values_list("pk", "erp_id"))
    known = frozenset(present)
    lost = [pk for pk, identity in ours.items() if identity not in known]
    if not lost:
        return Swept(of=len(ours))
    if not believe and not believable(lost=len(lost), of=len(ours), listed=len(known)):
        return Swept(of=len(ours), refused=len(lost))
    codes = []
    for row in rows.filter(pk__in=lost).select_for_update(of=("self",), no_key=True).order_by("pk"):
        _mark(name, row, listed_at)
        codes.append(_code(row))
    return Swept(codes=tuple(codes), of=len(ours))


def believable(*, lost: int, of: int, listed: int) -> bool:
    """Whether a listing of so many, in which `lost` of our `of` rows are missing, can be believed unseen."""
    return listed > 0 and (lost <= FEW or lost <= MOST_LOST * of)


def _mark(name: str, row: Any, at: datetime) -> Fields:
    """Write what its end means; {} where it was marked before."""
    values = _ENDS[name][1](row)
    if name != "work_centre":
        if row.erp_version.startswith(gone_version()):
            return {}
        values |= {"erp_version": gone_version(at), "erp_synced_at": at}
    fields = differing(row, values)
    for column in fields:
        setattr(row, column, values[column])
    if fields:
        row.save(update_fields=list(fields))
    return {column: pair for column, pair in fields.items() if column != "erp_synced_at"}


def _code(row: Any) -> str:
    if isinstance(row, SalesOrderLine | PurchaseOrderLine):
        return f"{row.order.number}/{row.line}"
    return str(row.number if isinstance(row, WorkOrder) else row.code)


def _target(row: Any) -> Target | None:
    return row if isinstance(row, WorkOrder | SalesOrderLine | PurchaseOrderLine) else None
