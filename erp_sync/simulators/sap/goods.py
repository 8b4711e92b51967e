"""Goods movements: material documents, what they do to stock, and their reversal.

Owns every rule that can refuse a movement. Must not know: HTTP. Runs inside the caller's
`Books.transaction`; a Refusal takes the whole document back.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core import clock
from erp_sync.simulators.sap import refusals as no
from erp_sync.simulators.sap.books import (
    STOCK_NAMES,
    Books,
    StockKey,
    day_of,
    time_of,
)
from erp_sync.simulators.sap.movement_types import BACKWARDS, MOVEMENTS, USABILITY, Movement
from erp_sync.simulators.sap.orders import open_order
from erp_sync.simulators.sap.refusals import Refusal
from erp_sync.simulators.sap.values import Row

ZERO = Decimal(0)


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
            if not kind.crosses:
                raise Refusal(
                    no.OTHER_PLANT,
                    f"Movement type {item['GoodsMovementType']} does not lead from plant {plant} to {there[0]}",
                    target="IssuingOrReceivingPlant",
                )
    if item.get("GoodsMovementType") in BACKWARDS:
        here, there = there, here
    batch = str(item.get("Batch") or "")
    into = str(item.get("IssgOrRcvgBatch") or batch)
    stock_type = _type(item, kind)
    if kind.take:
        _take(books, (material, *here, batch, stock_type or kind.take), quantity, base)
    if kind.give:
        books.move((material, *there, into, stock_type or kind.give), quantity)


def _type(item: Row, kind: Movement) -> str:
    """The stock type a receipt goes straight into, or a return takes from; "" where the movement type says it."""
    shown, said = str(item.get("InventoryStockType") or ""), str(item.get("InventoryUsabilityCode") or "")
    if not shown and not said:
        return ""
    meant = {shown or USABILITY.get(said, ""), USABILITY.get(said, "") if said else shown}
    if len(meant) > 1 or not meant <= set(STOCK_NAMES):
        raise Refusal(
            no.STOCK_TYPE, f"Stock type {shown or said} is not allowed here", target="InventoryStockType"
        )
    if kind.against != "receipt":
        raise Refusal(
            no.PROPERTY_UNFIT,
            f"Property INVENTORYSTOCKTYPE is not supported for GoodsMovementType {item['GoodsMovementType']}",
            target="InventoryStockType",
        )
    return meant.pop()


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
