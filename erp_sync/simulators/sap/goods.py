"""Goods movements: material documents, what they do to stock, and their reversal.

Owns the movement types and every rule that can refuse one. Must not know: HTTP. Runs inside the caller's
`Books.transaction`; a Refusal takes the whole document back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core import clock
from erp_sync.simulators.sap import refusals as no
from erp_sync.simulators.sap.books import (
    BLOCKED,
    FREE,
    INSPECTION,
    STOCK_NAMES,
    Books,
    StockKey,
    day_of,
    time_of,
)
from erp_sync.simulators.sap.orders import open_order
from erp_sync.simulators.sap.refusals import Refusal
from erp_sync.simulators.sap.values import Row

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement type. `take` and `give` are stock types, "" for none; `codes` the transactions that allow it."""

    reverse: str
    take: str = ""
    give: str = ""
    codes: tuple[str, ...] = ("03",)
    against: str = ""
    sign: int = 1


MOVEMENTS: dict[str, Movement] = {
    "101": Movement("102", give=FREE, codes=("01", "02"), against="receipt"),
    "102": Movement("101", take=FREE, codes=("01", "02"), against="receipt", sign=-1),
    "122": Movement("123", take=FREE, codes=("01", "02"), against="receipt", sign=-1),
    "123": Movement("122", give=FREE, codes=("01", "02"), against="receipt"),
    "201": Movement("202", take=FREE, against="cost"),
    "202": Movement("201", give=FREE, against="cost"),
    "261": Movement("262", take=FREE, against="order"),
    "262": Movement("261", give=FREE, against="order", sign=-1),
    "531": Movement("532", give=FREE, codes=("05",), against="order", sign=0),
    "532": Movement("531", take=FREE, codes=("05",), against="order", sign=0),
    "551": Movement("552", take=FREE),
    "552": Movement("551", give=FREE),
    "553": Movement("554", take=INSPECTION),
    "554": Movement("553", give=INSPECTION),
    "555": Movement("556", take=BLOCKED),
    "556": Movement("555", give=BLOCKED),
    "301": Movement("302", take=FREE, give=FREE, codes=("04",)),
    "302": Movement("301", take=FREE, give=FREE, codes=("04",)),
    "311": Movement("312", take=FREE, give=FREE, codes=("04",)),
    "312": Movement("311", take=FREE, give=FREE, codes=("04",)),
    "321": Movement("322", take=INSPECTION, give=FREE, codes=("04",)),
    "322": Movement("321", take=FREE, give=INSPECTION, codes=("04",)),
    "323": Movement("324", take=INSPECTION, give=INSPECTION, codes=("04",)),
    "325": Movement("326", take=BLOCKED, give=BLOCKED, codes=("04",)),
    "343": Movement("344", take=BLOCKED, give=FREE, codes=("04",)),
    "344": Movement("343", take=FREE, give=BLOCKED, codes=("04",)),
    "349": Movement("350", take=BLOCKED, give=INSPECTION, codes=("04",)),
    "350": Movement("349", take=INSPECTION, give=BLOCKED, codes=("04",)),
    "501": Movement("502", give=FREE, codes=("05",)),
    "502": Movement("501", take=FREE, codes=("05",)),
    "561": Movement("562", give=FREE, codes=("05",)),
    "562": Movement("561", take=FREE, codes=("05",)),
}
#: Movement types whose place is the other one when they take back a transfer between places.
_BACKWARDS = {"302", "312", "324", "326"}


def create(books: Books, values: Row, user: str) -> Row:
    """A material document from outside, deep. Raises Refusal, framed as the service frames it."""
    try:
        return _create(books, values, user)
    except Refusal as refused:
        text = "Material Document processing failed"
        raise Refusal(no.DOCUMENT_FAILED, text, status=refused.status, because=refused) from None


def _create(books: Books, values: Row, user: str) -> Row:
    items = values.pop("to_MaterialDocumentItem", [])
    code = str(values.get("GoodsMovementCode") or "")
    if code not in ("01", "02", "03", "04", "05", "06"):
        raise Refusal(
            no.MOVEMENT_UNKNOWN,
            f"Goods movement code {code or '(none)'} is not allowed",
            target="GoodsMovementCode",
        )
    for item in items:
        kind = MOVEMENTS.get(str(item.get("GoodsMovementType") or ""))
        if kind is not None and code not in kind.codes:
            raise Refusal(
                no.MOVEMENT_UNKNOWN,
                f"Movement type {item['GoodsMovementType']} can not be used with goods movement code {code}",
                target="GoodsMovementType",
            )
        if item.get("PurchaseOrder") and item.get("GoodsMovementRefDocType") != "B":
            raise Refusal(
                no.PROPERTY_UNFIT,
                f"Property PURCHASEORDER is not supported for GoodsMovementType {item.get('GoodsMovementType')}",
                target="PurchaseOrder",
            )
    return post(books, values, items, user)


def post(books: Books, header: Row, items: list[Row], user: str) -> Row:
    """Write a document and move the stock. Returns the header row. Raises Refusal."""
    if not items:
        raise Refusal("M7/906", "Document does not contain any items")
    now = clock.now()
    posted = header.get("PostingDate") or day_of(now)
    open_period(books, posted)
    year, number = f"{posted:%Y}", books.number("document")
    row: Row = {
        **header,
        "MaterialDocumentYear": year,
        "MaterialDocument": number,
        "DocumentDate": header.get("DocumentDate") or posted,
        "PostingDate": posted,
        "CreationDate": day_of(now),
        "CreationTime": time_of(now),
        "CreatedByUser": user,
        "InventoryTransactionType": "WE" if header.get("GoodsMovementCode") in ("01", "02") else "WA",
    }
    books.put("A_MaterialDocumentHeader", row)
    for place, item in enumerate(items, start=1):
        line = {**item, "MaterialDocumentYear": year, "MaterialDocument": number}
        line["MaterialDocumentItem"] = str(place)
        line.setdefault("GoodsMovementIsCancelled", False)
        _move(books, line)
        books.put("A_MaterialDocumentItem", line)
    return row


def cancel(
    books: Books, year: str, number: str, posted: datetime | None, user: str, only: str = ""
) -> tuple[Row, list[Row]]:
    """Reverse a document, or its one item `only`. Returns the new header and its items. Raises Refusal."""
    header = books.get("A_MaterialDocumentHeader", (year, number))
    items = books.find("A_MaterialDocumentItem", MaterialDocumentYear=year, MaterialDocument=number)
    items = [item for item in items if not only or item["MaterialDocumentItem"] == only]
    if header is None or not items:
        raise Refusal(no.DOCUMENT_UNKNOWN, f"Document {number} {year} does not exist", status=404)
    standing = [item for item in items if not item.get("GoodsMovementIsCancelled")]
    if not standing or any(item.get("ReversedMaterialDocument") for item in items):
        raise Refusal(no.DOCUMENT_REVERSED, f"Document {number} {year} has already been reversed")
    back = []
    for item in standing:
        books.change("A_MaterialDocumentItem", item, {"GoodsMovementIsCancelled": True})
        back.append(
            item
            | {
                "GoodsMovementType": MOVEMENTS[item["GoodsMovementType"]].reverse,
                "GoodsMovementIsCancelled": False,
                "ReversedMaterialDocumentYear": year,
                "ReversedMaterialDocument": number,
                "ReversedMaterialDocumentItem": item["MaterialDocumentItem"],
            }
        )
    kept = {
        name: header.get(name)
        for name in ("ReferenceDocument", "MaterialDocumentHeaderText", "GoodsMovementCode")
    }
    new = post(books, kept | {"PostingDate": posted}, back, user)
    return new, books.find(
        "A_MaterialDocumentItem",
        MaterialDocumentYear=new["MaterialDocumentYear"],
        MaterialDocument=new["MaterialDocument"],
    )


def open_period(books: Books, posted: datetime) -> None:
    """Refuse a posting date outside the open periods."""
    period = f"{posted:%Y/%m}"
    if books.periods and period not in books.periods:
        told = " and ".join(sorted(books.periods))
        raise Refusal(
            no.PERIOD_CLOSED,
            f"Posting only possible in periods {told} in company code 1010",
            target="PostingDate",
        )


def material_in_plant(books: Books, material: str, plant: str) -> Row:
    """The material's plant data. Raises Refusal for what does not exist or is locked."""
    if books.get("A_Product", (material,)) is None:
        raise Refusal(
            no.MATERIAL_UNKNOWN,
            f"The material {material} does not exist or is not activated",
            target="Material",
        )
    if plant not in books.storage:
        raise Refusal(no.PLANT_UNKNOWN, f"Check table T001W: entry {plant} does not exist", target="Plant")
    row = books.get("A_ProductPlant", (material, plant))
    if row is None:
        raise Refusal(
            no.MATERIAL_NOT_IN_PLANT,
            f"Material {material} not maintained in plant {plant}",
            target="Material",
        )
    books.must_be_free(
        f"material:{material}",
        no.MATERIAL_LOCKED,
        f"The plant data of the material {material} is locked by the user {{user}}",
    )
    return row


def _move(books: Books, item: Row) -> None:
    kind = MOVEMENTS.get(str(item.get("GoodsMovementType") or ""))
    if kind is None:
        raise Refusal(
            no.MOVEMENT_UNKNOWN,
            f"Movement type {item.get('GoodsMovementType') or '(none)'} does not exist",
            target="GoodsMovementType",
        )
    material, plant = str(item.get("Material") or ""), str(item.get("Plant") or "")
    row = material_in_plant(books, material, plant)
    quantity = item.get("QuantityInEntryUnit") or ZERO
    if quantity <= 0:
        raise Refusal("M7/907", "Enter a quantity", target="QuantityInEntryUnit")
    base = books.tables["A_Product"][(material,)]["BaseUnit"]
    unit = item.get("EntryUnit") or base
    if unit != base:
        raise Refusal(
            "M7/908", f"Unit of measure {unit} not defined for material {material}", target="EntryUnit"
        )
    item |= {"EntryUnit": unit, "MaterialBaseUnit": base, "QuantityInBaseUnit": quantity}
    if row.get("IsBatchManagementRequired") and not item.get("Batch"):
        raise Refusal(no.BATCH_NEEDED, f"Enter a batch for material {material}", target="Batch")
    _against(books, item, kind, quantity)
    here = _place(books, item, "Plant", "StorageLocation")
    there = here
    if item.get("IssuingOrReceivingStorageLoc") or item.get("IssuingOrReceivingPlant"):
        item.setdefault("IssuingOrReceivingPlant", plant)
        there = _place(books, item, "IssuingOrReceivingPlant", "IssuingOrReceivingStorageLoc")
        if there[0] != plant:
            material_in_plant(books, material, there[0])
    if item.get("GoodsMovementType") in _BACKWARDS:
        here, there = there, here
    batch = str(item.get("Batch") or "")
    if kind.take:
        _take(books, (material, *here, batch, _type(item, kind, kind.take)), quantity, base)
    if kind.give:
        books.move((material, *there, batch, _type(item, kind, kind.give)), quantity)


def _type(item: Row, kind: Movement, usual: str) -> str:
    """A receipt may go straight into another stock type; a return takes from where it says."""
    said = str(item.get("InventoryStockType") or "")
    return said if kind.against == "receipt" and said in STOCK_NAMES else usual


def _place(books: Books, item: Row, plant: str, location: str) -> tuple[str, str]:
    at, place = str(item.get(plant) or ""), str(item.get(location) or "")
    if at not in books.storage:
        raise Refusal(no.PLANT_UNKNOWN, f"Check table T001W: entry {at} does not exist", target=plant)
    if not place:
        raise Refusal(no.STORAGE_UNKNOWN, "Enter Storage Location", target=location)
    if place not in books.storage[at]:
        raise Refusal(
            no.STORAGE_UNKNOWN, f"Storage location {place} does not exist in plant {at}", target=location
        )
    return at, place


def _take(books: Books, key: StockKey, quantity: Decimal, unit: str) -> None:
    missing = quantity - books.on_hand(key)
    if missing > 0:
        material, plant, place, batch, kind = key
        raise Refusal(
            no.STOCK_DEFICIT,
            f"Deficit of SL {STOCK_NAMES[kind]} {missing.normalize():f} {unit} : "
            f"{material} {plant} {place} {batch}".rstrip(),
            target="QuantityInEntryUnit",
        )
    books.move(key, -quantity)


def _against(books: Books, item: Row, kind: Movement, quantity: Decimal) -> None:
    """The order or purchase order a movement is booked against."""
    if kind.against == "receipt":
        if item.get("PurchaseOrder"):
            _purchase(books, item, kind, quantity)
        elif item.get("ManufacturingOrder"):
            _produced(books, item, kind, quantity)
        else:
            raise Refusal("M7/909", "Enter a purchase order or an order", target="PurchaseOrder")
    elif kind.against == "order":
        _withdrawn(books, item, kind, quantity)
    elif kind.against == "cost" and not item.get("CostCenter"):
        raise Refusal("M7/910", "Account assignment to a cost center is needed", target="CostCenter")


def _purchase(books: Books, item: Row, kind: Movement, quantity: Decimal) -> None:
    key = str(item["PurchaseOrder"]), str(item.get("PurchaseOrderItem") or "")
    line = books.get("A_PurchaseOrderItem", key)
    if line is None or line.get("PurchasingDocumentDeletionCode"):
        raise Refusal(
            no.PURCHASE_UNKNOWN,
            f"Purchasing document item {' '.join(key)} does not exist",
            target="PurchaseOrder",
        )
    books.must_be_free(
        f"purchase:{key[0]}", no.PURCHASE_LOCKED, f"User {{user}} already processing purchase order {key[0]}"
    )
    if line["Material"] != item["Material"]:
        raise Refusal(
            "M7/911", f"Material differs from purchase order item {' '.join(key)}", target="Material"
        )
    _within(
        books,
        ("received", *key),
        kind.sign * quantity,
        line["OrderQuantity"] * (1 + (line.get("OverdelivTolrtdLmtRatioInPct") or ZERO) / 100),
        bool(line.get("UnlimitedOverdeliveryIsAllowed")),
        str(line.get("PurchaseOrderQuantityUnit") or ""),
    )


def _within(
    books: Books, what: tuple[str, ...], quantity: Decimal, limit: Decimal, unlimited: bool, unit: str
) -> None:
    after = books.total(*what) + quantity
    if after > limit and not unlimited:
        raise Refusal(
            no.OVER_DELIVERED,
            f"PU Ordered quantity exceeded by {(after - limit).normalize():f} {unit} : {' '.join(what[1:])}",
            target="QuantityInEntryUnit",
        )
    if after < 0:
        raise Refusal("M7/912", f"Return quantity exceeds what was received : {' '.join(what[1:])}")
    books.add(quantity, *what)


def _produced(books: Books, item: Row, kind: Movement, quantity: Decimal) -> None:
    order = open_order(books, str(item["ManufacturingOrder"]))
    number = item["ManufacturingOrder"] = order["ManufacturingOrder"]
    if item["Material"] != order["Material"]:
        raise Refusal("M7/911", f"Material differs from order {number}", target="Material")
    _within(
        books, ("made", number), kind.sign * quantity, order["TotalQuantity"], False, order["ProductionUnit"]
    )
    made = books.total("made", number)
    for line in books.find("A_ProductionOrderItem_2", ManufacturingOrder=number):
        books.change(
            "A_ProductionOrderItem_2",
            line,
            {
                "MfgOrderItemGoodsReceiptQty": made,
                "IsCompletelyDelivered": made >= order["TotalQuantity"],
            },
        )
    full = made >= order["TotalQuantity"]
    books.change(
        "A_ProductionOrder_2",
        order,
        {
            "OrderIsDelivered": "X" if full else "",
            "OrderIsPartiallyDelivered": "X" if made and not full else "",
        },
    )


def _withdrawn(books: Books, item: Row, kind: Movement, quantity: Decimal) -> None:
    number = str(item.get("ManufacturingOrder") or item.get("OrderID") or "")
    if not number and item.get("Reservation"):
        found = books.find("A_ProductionOrderComponent_2", Reservation=item["Reservation"])
        number = found[0]["ManufacturingOrder"] if found else ""
    if not number:
        raise Refusal("M7/910", "Enter an order", target="ManufacturingOrder")
    order = open_order(books, number)
    item["ManufacturingOrder"] = order["ManufacturingOrder"]
    for part in books.find("A_ProductionOrderComponent_2", ManufacturingOrder=order["ManufacturingOrder"]):
        if part["Material"] == item["Material"] and item.get("ReservationItem") in (
            None,
            "",
            part["ReservationItem"],
        ):
            left = (part.get("WithdrawnQuantity") or ZERO) + kind.sign * quantity
            item |= {"Reservation": part["Reservation"], "ReservationItem": part["ReservationItem"]}
            books.change("A_ProductionOrderComponent_2", part, {"WithdrawnQuantity": left})
            break
