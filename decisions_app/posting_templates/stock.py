"""Templates about stock and its quality: blocked, free, scrapped, moved, returned; defects opened and completed."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from decisions_app.inputs import amount
from decisions_app.models import PostingLink
from decisions_app.posting_templates.changes import purchase_line
from decisions_app.posting_templates.situation import (
    Intended,
    Situation,
    cause,
    envelope,
    intend,
    opening_key,
    plain,
)
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from plant_app.models import Item, StockLayer, StockLocation, StockRow, StockStatus


def held_stock(exception: ExceptionRecord) -> StockRow | None:
    """The free ERP stock row the exception's lot (or item) lies in, the largest; None for pieces at an operation."""
    if exception.item is None or (exception.lot is None and exception.operation is not None):
        return None
    rows = StockRow.objects.filter(
        item=exception.item, layer=StockLayer.ERP, location__site=exception.site, quantity__gt=0
    ).select_related("location")
    if exception.lot is not None:
        rows = rows.filter(lot=exception.lot)
    return rows.filter(status=StockStatus.FREE).order_by("-quantity").first()


def blocked_location(exception: ExceptionRecord) -> StockLocation | None:
    """Where the site keeps blocked stock."""
    return exception.site.stock_locations.filter(kind=StockLocation.Kind.BLOCKED).order_by("code").first()


def _movement(
    situation: Situation, kind: str, *, quantity: Decimal, source: str, target: str, occurred_at: datetime
) -> Intended | None:
    exception = situation.exception
    if exception.item is None or quantity <= 0:
        return None
    payload: dict[str, Any] = {
        "site": exception.site.code,
        "item": exception.item.code,
        "quantity": plain(quantity),
        "uom": exception.item.uom,
    }
    if exception.lot is not None:
        payload["lot"] = exception.lot.code
    if source:
        payload["from_location"] = source
    if target:
        payload["to_location"] = target
    if kind == "movement.scrap":
        payload |= {"from_status": StockStatus.BLOCKED.value, "reason_code": cause(situation)}
    return intend(situation, kind, payload, occurred_at)


def block_of(exception: ExceptionRecord) -> Posting | None:
    """The posting that put the exception's stock into blocked stock, unless it was called off."""
    links = PostingLink.objects.filter(
        exception=exception, template="block_stock", posting__withdrawn_at=None
    )
    found = (
        links.exclude(posting__status="cancelled").select_related("posting").order_by("-posting_id").first()
    )
    return found.posting if found is not None else None


def block_stock(situation: Situation) -> Intended | None:
    """The suspect quantity to blocked stock, from the moment it was found bad."""
    exception = situation.exception
    row, blocked = held_stock(exception), blocked_location(exception)
    if row is None or blocked is None:
        return None
    quantity = row.quantity
    if exception.quantity is not None and not situation.settings.get("whole"):
        quantity = min(exception.quantity, row.quantity)
    return _movement(
        situation,
        "movement.block",
        quantity=quantity,
        source=row.location.code,
        target=blocked.code,
        occurred_at=exception.occurred_at,
    )


def unblock_stock(situation: Situation) -> Intended | None:
    """The decided quantity back to free stock, to where it was blocked from."""
    block = block_of(situation.exception)
    if block is None:
        return None
    return _movement(
        situation,
        "movement.unblock",
        quantity=amount(block.payload if situation.settings.get("whole") else situation.values, "quantity"),
        source=str(block.payload.get("to_location") or ""),
        target=str(block.payload.get("from_location") or ""),
        occurred_at=situation.at,
    )


def scrap_stock(situation: Situation) -> Intended | None:
    """The decided quantity out of blocked stock, for good; never both as a movement and as scrap of an operation.

    Pieces that never were stock (nothing was blocked) are confirmed as scrap of the operation they lie at.
    """
    exception = situation.exception
    quantity = amount(situation.values, "quantity")
    block = block_of(exception)
    if block is not None:
        return _movement(
            situation,
            "movement.scrap",
            quantity=quantity,
            source=str(block.payload.get("to_location") or ""),
            target="",
            occurred_at=situation.at,
        )
    row = held_stock(exception)
    if row is not None:
        # Known to ERP as free stock: it goes from there, where nobody had it blocked.
        found = _movement(
            situation,
            "movement.scrap",
            quantity=quantity,
            source=row.location.code,
            target="",
            occurred_at=situation.at,
        )
        if found is not None:
            found.payload["from_status"] = StockStatus.FREE.value
        return found
    if exception.operation is None or quantity <= 0:
        return None
    payload = envelope(situation) | {
        "scrap_qty": plain(quantity),
        "work_centre": exception.operation.work_centre.code,
        "reason_code": cause(situation),
    }
    return intend(situation, "confirmation", payload, situation.at)


def transfer_stock(situation: Situation) -> Intended | None:
    """Stock from where it was found to where it is needed."""
    source = str(situation.values.get("from_location") or "")
    target = str(situation.values.get("to_location") or "")
    if not source or not target or source == target:
        return None
    return _movement(
        situation,
        "movement.transfer",
        quantity=amount(situation.values, "quantity"),
        source=source,
        target=target,
        occurred_at=situation.at,
    )


def issue_substitute(situation: Situation) -> Intended | None:
    """The substitute issued to the work order in the short item's place."""
    exception = situation.exception
    substitute = Item.objects.filter(code=situation.values.get("substitute") or "").first()
    quantity = amount(situation.values, "quantity")
    if exception.work_order is None or substitute is None or not quantity:
        return None
    payload = envelope(situation) | {
        "item": substitute.code,
        "quantity": plain(quantity),
        "uom": substitute.uom,
        "substitute_for": exception.item.code if exception.item else "",
    }
    return intend(situation, "movement.issue", payload, situation.at)


def return_supplier(situation: Situation) -> Intended | None:
    """Goods back to the supplier against their purchase order line."""
    line = purchase_line(situation)
    exception = situation.exception
    if line is None or exception.item is None:
        return None
    quantity = amount(situation.values, "quantity")
    if quantity <= 0:
        return None
    block = block_of(exception)
    payload: dict[str, Any] = {
        "site": exception.site.code,
        "item": exception.item.code,
        "quantity": plain(quantity),
        "uom": exception.item.uom,
        "to": "supplier",
        "purchase_order": line.order.number,
        "po_line": str(line.line),
        "rma": str(situation.values.get("rma") or ""),
        "reason_code": cause(situation),
    }
    if exception.lot is not None:
        payload["lot"] = exception.lot.code
    if block is not None:
        # The place alone does not say it: an ERP keeps free and blocked stock side by side in one.
        payload["from_location"] = block.payload.get("to_location", "")
        payload["from_status"] = StockStatus.BLOCKED.value
    return intend(situation, "movement.return", payload, situation.at)


def _quality(situation: Situation, action: str, quantity: Decimal, occurred_at: datetime) -> Intended | None:
    exception = situation.exception
    if quantity <= 0:
        return None
    payload = envelope(situation) | {
        "action": action,
        "quantity": plain(quantity),
        "defect_code": exception.reason.code if exception.reason else "",
        "severity": exception.severity,
    }
    if exception.item is not None:
        payload["item"] = exception.item.code
    if exception.lot is not None:
        payload["lot"] = exception.lot.code
    if action == "complete":
        payload |= {
            "disposition": situation.settings.get("disposition", ""),
            "opened_by": opening_key(exception, "quality_open"),
        }
    if not (payload.get("lot") or payload.get("item") or payload.get("work_order")):
        return None
    return intend(situation, "quality_event", payload, occurred_at)


def quality_open(situation: Situation) -> Intended | None:
    """The defect, from the moment stock was found bad."""
    exception = situation.exception
    return _quality(situation, "open", exception.quantity or Decimal(1), exception.occurred_at)


def quality_complete(situation: Situation) -> Intended | None:
    """The defect's end with its disposition."""
    return _quality(situation, "complete", amount(situation.values, "quantity"), situation.at)
