"""What a movement is to SAP: its code, movement type, places, and the statuses of stock it takes from and ends in.

Owns the reading of a posting into these terms, and refusing what SAP's movement could not keep: a status, a site or a
cost centre that would be lost on the way. Must not know: HTTP, the outbox, what SAP holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from erp_sync.adapters.sap.documents import Job
from erp_sync.adapters.sap.terms import Place, Terms, fit, item_number
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import Movement, Receipt, Return
from erp_sync.errors import ErpRejected

FREE, BLOCKED = "free", "blocked"


@dataclass(frozen=True, slots=True)
class Nature:
    """A kind to SAP: its transaction's code, and the status it takes from and ends in; "" where that is no stock."""

    code: str
    takes: str
    ends: str


NATURES = {
    "movement.issue": Nature("03", FREE, ""),
    "movement.scrap": Nature("03", FREE, ""),
    "movement.block": Nature("04", FREE, BLOCKED),
    "movement.unblock": Nature("04", BLOCKED, FREE),
    "movement.transfer": Nature("04", FREE, FREE),
    "movement.receipt:purchase_order": Nature("01", "", FREE),
    "movement.receipt:work_order": Nature("02", "", FREE),
    "movement.return:supplier": Nature("01", FREE, ""),
    "movement.return:stock": Nature("03", "", FREE),
}
#: A movement type says the statuses by itself, but for receipts and what reverses them: there the item says it.
SAID_IN_THE_ITEM = (
    "movement.receipt:purchase_order",
    "movement.receipt:work_order",
    "movement.return:supplier",
)
#: How an item's stock type is said to the posting itself, beside the stock type it will show; F overrules an order
#: that receives into inspection.
USABILITY = {"free": "F", "quality": "X", "blocked": "S"}
#: Kinds whose cost centre SAP books.
COSTED = ("movement.scrap", "movement.issue")


@dataclass(frozen=True, slots=True)
class Plan:
    """A movement in SAP's terms, before the two things only SAP knows: the place taken from and the base unit.

    `takes` is the status of the stock it takes from, "" where it takes none; `said` the status its item has to name.
    """

    code: str
    movement_type: str
    takes: str
    origin: Place | None
    target: Place | None
    said: str = ""


def plan(terms: Terms, job: Job[Movement]) -> Plan:
    """Which movement a posting means.

    Raises ErpRejected `erp.mapping_missing` (a code, or a way between statuses or plants no standard type has), and
    `erp.payload` for a field that means nothing to the kind.
    """
    payload, kind = job.payload, job.command.kind
    name = _name(payload, kind)
    nature = NATURES[name]
    _meaningful(payload, name, nature)
    origin, target = _places(terms, payload)
    takes = nature.takes and (payload.from_status or nature.takes)
    ends = nature.ends and (payload.to_status or (takes if kind == "movement.transfer" else nature.ends))
    said, way = "", ""
    if name in SAID_IN_THE_ITEM:
        said = payload.to_status or payload.from_status
        # A return takes from free stock unless told otherwise; only a receipt may have to overrule its order.
        said = "" if said == FREE and not nature.ends else said
    else:
        way = _way(kind, nature, takes, ends)
    if nature.takes and nature.ends and target is not None:
        here = origin.plant if origin else terms.plant(payload.site)
        way = ":".join(filter(None, (way, "plants" if here != target.plant else "")))
    if not nature.takes:
        # Goods come in: the one place SAP is told is where they end up.
        origin, target = target or origin, None
    movement_type = terms.movement_type(":".join(filter(None, (name, way))))
    return Plan(nature.code, movement_type, takes, origin, target, said)


def _name(payload: Movement, kind: str) -> str:
    if isinstance(payload, Receipt):
        return f"{kind}:purchase_order" if payload.purchase_order else f"{kind}:work_order"
    return f"{kind}:{payload.to}" if isinstance(payload, Return) else kind


def _way(kind: str, nature: Nature, takes: str, ends: str) -> str:
    """How a movement differs from its kind's usual way between statuses, as `movement_type` mappings name it."""
    if kind == "movement.unblock":
        taken, left = takes if takes != nature.takes else "", ends if ends != nature.ends else ""
        return ":".join(filter(None, (taken and f"from_{taken}", left)))
    taken = takes if takes != nature.takes else ""
    usual = takes if kind == "movement.transfer" else nature.ends
    left = ends if ends != usual else ""
    return ":".join(filter(None, (taken, left and f"to_{left}")))


def _meaningful(payload: Movement, name: str, nature: Nature) -> None:
    """Raise `erp.payload` for a field this kind has no place for: left out, it would be lost without a word."""
    elsewhere = _other_site(payload)
    for field, given, there in (
        ("from_status", payload.from_status, nature.takes),
        ("to_status", payload.to_status, nature.ends),
        ("to_site", elsewhere, nature.ends),
    ):
        if given and not there:
            end = "takes from" if field == "from_status" else "ends in"
            raise ErpRejected("erp.payload", f"a {name} {end} no stock in SAP: leave {field} out")
    if elsewhere and not payload.to_location:
        raise ErpRejected("erp.payload", "name the location at the other site: to_site needs to_location")
    if payload.cost_object and name not in COSTED:
        raise ErpRejected("erp.payload", f"SAP books a {name} on no cost centre: leave cost_object out")


def _other_site(payload: Movement) -> str:
    return payload.to_site if payload.to_site != payload.site else ""


def _places(terms: Terms, payload: Movement) -> tuple[Place | None, Place | None]:
    origin = terms.place(payload.from_location, payload.site) if payload.from_location else None
    if not payload.to_location:
        return origin, None
    elsewhere = _other_site(payload)
    target = terms.place(payload.to_location, elsewhere or payload.site)
    if elsewhere and target.plant != (plant := terms.plant(elsewhere)):
        raise ErpRejected(
            "erp.mapping_missing",
            f"location {payload.to_location!r} is mapped to plant {target.plant}, site {elsewhere!r} to {plant}",
        )
    return origin, target


def status_fields(terms: Terms, what: Plan) -> Row:
    """The stock an item is received into or returned from, where its movement type leaves it open."""
    if not what.said:
        return {}
    stock_type = terms.stock_type(what.said)
    usability = USABILITY.get(what.said)
    if usability is None:
        raise ErpRejected("erp.mapping_missing", f"stock status {what.said!r} is none SAP receives into")
    return {"InventoryStockType": stock_type, "InventoryUsabilityCode": usability}


def against(payload: Movement) -> Row:
    """The order a movement stands on."""
    purchase = getattr(payload, "purchase_order", "")
    back_from_order = isinstance(payload, Return) and payload.to == "stock"
    if purchase and not back_from_order:
        return {
            "PurchaseOrder": fit("purchase order", purchase, 10),
            "PurchaseOrderItem": item_number(getattr(payload, "po_line", "") or "", 5),
            "GoodsMovementRefDocType": "B",
        }
    if payload.work_order and isinstance(payload, Receipt):
        return {
            "ManufacturingOrder": fit("order number", payload.work_order, 12),
            "ManufacturingOrderItem": "1",
            "GoodsMovementRefDocType": "F",
        }
    if payload.work_order:
        return {"ManufacturingOrder": fit("order number", payload.work_order, 12)}
    return {}


def words(payload: Movement, text: str) -> str:
    """What people read beside the item: also what SAP's item has no field for."""
    told = [
        f"for {replaced}" if (replaced := getattr(payload, "substitute_for", "")) else "",
        f"RMA {rma}" if (rma := getattr(payload, "rma", "")) else "",
        f"receipt {receipt}" if (receipt := getattr(payload, "receipt", "")) else "",
    ]
    return " ".join(filter(None, (*told, text)))
