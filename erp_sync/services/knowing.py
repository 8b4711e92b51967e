"""What the plant knows around a posting, and what of its codes the plant does not know.

Owns the facts canonical checks are asked with, and the checks of items, units, lots, places and orders against the
plant's own rows. ERP is the judge of what only mirrors it: there a doubt is a warning. Must not know: who asks, what
follows.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, Sum

from core import clock
from erp_sync import lifecycle
from erp_sync.canonical import Facts, Problem
from erp_sync.canonical_base import number_in, text_in
from erp_sync.models import CodeMapping, ErpConnection, Posting
from plant_app.mirrored import gone_since
from plant_app.models import (
    Constraint,
    ConstraintKind,
    Item,
    Lot,
    Operation,
    Site,
    StockLocation,
    StockRow,
    StockStatus,
    WorkOrder,
    WorkOrderStatus,
)

#: Stock these take, by the status it must have; None: whatever it has.
_TAKES: dict[str, str | None] = {
    "movement.block": StockStatus.FREE.value,
    "movement.unblock": StockStatus.BLOCKED.value,
    "movement.scrap": StockStatus.BLOCKED.value,
    "movement.issue": StockStatus.FREE.value,
    "movement.transfer": None,
}
#: Units counted in whole numbers.
COUNTED = frozenset({"pcs", "pc", "pce", "ea", "st", "stk", "set"})


def facts_of(
    kind: str, payload: Mapping[str, Any], *, site: Site, own: Posting | None = None, whole: bool = True
) -> Facts:
    """What the plant knows that this payload is judged by. `own`: the posting being changed, which counts as not made.

    Without `whole` only what this layer itself decides: open holds and final confirmations already on their way. What
    mirrors ERP (open quantity, stock) ERP says better itself when it is read again before sending. Inside a moved
    clock the plant as it is now says nothing.
    """
    now = clock.now()
    if clock.moved():
        return Facts(now=now)
    if kind == "confirmation":
        return Facts(
            now=now,
            open_quantity=_open_quantity(payload, own) if whole else None,
            hold_open=_hold_open(payload) if payload.get("final") is True else None,
            finally_confirmed=_finally_confirmed(payload, site, own),
        )
    # A posting on its way has already taken its stock here; judged by what is left it would refuse itself.
    if whole and own is None and kind in _TAKES:
        return Facts(now=now, on_hand=_on_hand(kind, payload, site))
    return Facts(now=now)


def unknown_codes(
    kind: str, payload: Mapping[str, Any], *, site: Site, connection: ErpConnection | None
) -> list[Problem]:
    """What of a payload's item, unit, lot, places and order the plant does not know, and rules their rows set."""
    if clock.moved():
        return []
    found = _order_problems(kind, payload, site)
    if _text(payload, "item"):
        found += _item_problems(kind, payload, site, connection)
    places = {name: _text(payload, name) for name in ("from_location", "to_location") if _text(payload, name)}
    if places:
        known = set(StockLocation.objects.filter(code__in=places.values()).values_list("code", flat=True))
        found += [
            Problem(name, "unknown", f"this plant has no location {code}; ERP decides", warn=True)
            for name, code in places.items()
            if code not in known
        ]
    return found


def _item_problems(
    kind: str, payload: Mapping[str, Any], site: Site, connection: ErpConnection | None
) -> list[Problem]:
    code = _text(payload, "item")
    item = Item.objects.filter(code=code).first()
    if item is None:
        return [Problem("item", "unknown", f"this plant does not know {code}; ERP decides", warn=True)]
    found = []
    since = gone_since(item.erp_version)
    if since is not None:
        words = f"ERP has had no {code} since {since:%Y-%m-%d}; it will refuse this"
        found.append(Problem("item", "gone", words, warn=True))
    uom, quantity = _text(payload, "uom"), number_in(payload.get("quantity"))
    if uom and uom != item.uom and kind != "inspection_result":
        found.append(_unit_problem(uom, item, connection))
    unit = uom or item.uom
    if unit.casefold() in COUNTED and quantity is not None and quantity != quantity.to_integral_value():
        found.append(Problem("quantity", "counted", f"{unit} are counted in whole numbers"))
    if kind.startswith("movement."):
        found += _lot_problems(kind, payload, item, site)
    return found


def _unit_problem(uom: str, item: Item, connection: ErpConnection | None) -> Problem:
    mapped = CodeMapping.objects.filter(connection=connection, kind="unit", ours=uom).exists()
    if mapped or Item.objects.filter(uom=uom).exists():
        return Problem(
            "uom", "other", f"{item.code} is kept in {item.uom}; ERP converts or refuses", warn=True
        )
    return Problem("uom", "unknown", f"no such unit; {item.code} is kept in {item.uom}")


def _lot_problems(kind: str, payload: Mapping[str, Any], item: Item, site: Site) -> list[Problem]:
    lot = _text(payload, "lot")
    if lot and kind != "movement.receipt" and not Lot.objects.filter(item=item, code=lot).exists():
        return [Problem("lot", "unknown", f"{item.code} has no lot {lot}")]
    if not lot and kind in _TAKES:
        rows = StockRow.objects.filter(item=item, location__site=site, layer="erp", quantity__gt=0)
        by_lot = rows.aggregate(with_lot=Sum("quantity", filter=Q(lot__isnull=False)), all=Sum("quantity"))
        if by_lot["all"] and by_lot["with_lot"] == by_lot["all"]:
            return [Problem("lot", "missing", f"{item.code} is kept by lot; name the lot")]
    return []


def _order_problems(kind: str, payload: Mapping[str, Any], site: Site) -> list[Problem]:
    number = _text(payload, "work_order")
    if not number:
        return []
    order = WorkOrder.objects.filter(number=number).first()
    if order is None:
        return [
            Problem("work_order", "unknown", f"this plant does not know {number}; ERP decides", warn=True)
        ]
    if order.site_id != site.pk:
        return [Problem("work_order", "elsewhere", f"{number} belongs to another site")]
    if kind != "confirmation":
        return []
    found = []
    if order.status == WorkOrderStatus.CANCELLED:
        found.append(Problem("work_order", "cancelled", f"{number} is cancelled"))
    operation = _text(payload, "operation")
    if operation and order.operations.exists() and _operation(payload) is None:
        found.append(Problem("operation", "unknown", f"{number} has no operation {operation}"))
    return found


def _open_quantity(payload: Mapping[str, Any], own: Posting | None) -> Decimal | None:
    """What of the order's quantity is not on its way to ERP yet for the operation; None where it is not known."""
    operation = _operation(payload)
    if operation is None:
        return None
    left = operation.work_order.quantity - operation.confirmed_good - operation.confirmed_scrap
    if own is not None:
        mine = [number_in(own.payload.get(name)) for name in ("yield_qty", "scrap_qty", "rework_qty")]
        left += sum((number for number in mine if number is not None), Decimal(0))
    return max(left, Decimal(0))


def _hold_open(payload: Mapping[str, Any]) -> bool:
    """Whether a quality hold is open on the order's operations, on what it makes, or on the lot it made."""
    order = WorkOrder.objects.filter(number=_text(payload, "work_order")).first()
    if order is None:
        return False
    lot = Q(lot_id=order.produced_lot_id) if order.produced_lot_id else Q(pk__in=[])
    made = Q(item_id=order.item_id, lot__isnull=True, operation__isnull=True, site_id=order.site_id)
    return (
        Constraint.objects.filter(kind=ConstraintKind.HOLD, lifted_at__isnull=True)
        .filter(Q(operation__work_order=order) | lot | made)
        .exists()
    )


def _finally_confirmed(payload: Mapping[str, Any], site: Site, own: Posting | None) -> bool:
    """Whether a final confirmation of the operation is in ERP or on its way there, and not taken back."""
    number = _text(payload, "work_order")
    if not number:
        return False
    operation = _text(payload, "operation")
    same = Q(payload__operation=operation) if operation else ~Q(payload__has_key="operation")
    back = Posting.objects.filter(reversal_of=OuterRef("pk")).exclude(status=lifecycle.Status.CANCELLED)
    rows = Posting.objects.filter(
        same,
        ~Exists(back),
        chain=number,
        site=site,
        kind="confirmation",
        payload__final=True,
    ).exclude(status=lifecycle.Status.CANCELLED)
    return (rows if own is None else rows.exclude(pk=own.pk)).exists()


def _on_hand(kind: str, payload: Mapping[str, Any], site: Site) -> Decimal | None:
    """What lies where the stock is taken from, ERP and overlay; None where the plant keeps no stock of the item."""
    rows = StockRow.objects.filter(item__code=_text(payload, "item"), location__site=site)
    if not rows.exists():
        return None
    place, lot = _text(payload, "from_location"), _text(payload, "lot")
    status = _text(payload, "from_status") or _TAKES[kind]
    if status:
        rows = rows.filter(status=status)
    if place:
        rows = rows.filter(location__code=place)
    if lot:
        rows = rows.filter(lot__code=lot)
    total: Decimal | None = rows.aggregate(total=Sum("quantity"))["total"]
    return total or Decimal(0)


def _operation(payload: Mapping[str, Any]) -> Operation | None:
    number = _text(payload, "operation")
    if not number.isdecimal() or len(number) > 4:
        return None
    return (
        Operation.objects.select_related("work_order")
        .filter(work_order__number=_text(payload, "work_order"), number=int(number))
        .first()
    )


def _text(payload: Mapping[str, Any], name: str) -> str:
    return text_in(payload.get(name))
