"""The plant the simulated system knows: the built-in little one, or one read from a JSON file.

Owns the form of the seed: materials, storage, stock, work centres, orders, purchases, sales, lots, equipment. Must not
know: HTTP. A seed that does not hold together raises SeedError naming the place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from core import clock
from erp_sync.simulators.sap.books import FREE, Books, day_of, stamp

Seed = Mapping[str, Any]

LITTLE_PLANT: Seed = {
    "storage": {"1010": ["101A", "101B", "101S"], "1020": ["102A"]},
    "materials": [
        {"number": "FG-100", "text": "Pump housing", "type": "FERT", "plants": ["1010"]},
        {"number": "RM-1", "text": "Casting", "type": "ROH", "plants": ["1010", "1020"]},
        {"number": "RM-2", "text": "Seal kit", "type": "ROH", "plants": ["1010"]},
        {"number": "RM-3", "text": "Coating", "type": "ROH", "unit": "KG", "plants": ["1010"], "batches": True},
    ],
    "stock": [
        ["RM-1", "1010", "101A", "", "500"],
        ["RM-2", "1010", "101A", "", "200"],
        ["RM-3", "1010", "101A", "B0001", "80"],
        ["FG-100", "1010", "101B", "", "12"],
    ],
    "work_centres": [["MILL-1", "Milling", "1010"], ["ASSY-1", "Assembly", "1010"]],
    "orders": [
        {"number": "1000123", "material": "FG-100", "plant": "1010", "quantity": "100", "released": True,
         "operations": [["0010", "MILL-1", "Mill"], ["0020", "ASSY-1", "Assemble"]],
         "components": [["RM-1", "100", "101A", "0010"], ["RM-2", "100", "101A", "0020"]]},
        {"number": "1000124", "material": "FG-100", "plant": "1010", "quantity": "40", "released": False,
         "operations": [["0010", "MILL-1", "Mill"]], "components": [["RM-1", "40", "101A", "0010"]]},
        {"number": "1000510", "material": "FG-100", "plant": "1010", "quantity": "10", "released": True,
         "closed": True, "operations": [["0010", "MILL-1", "Mill"]], "components": []},
    ],
    "purchases": [
        {"number": "4500000001", "supplier": "10300001", "plant": "1010",
         "items": [["10", "RM-1", "300", 14], ["20", "RM-2", "50", 21]]},
    ],
    "sales": [
        {"number": "10", "customer": "10100001", "items": [["10", "FG-100", "20", 10], ["20", "FG-100", "30", 24]]},
    ],
    "lots": [
        {"number": "10000000000", "material": "FG-100", "plant": "1010", "order": "1000123", "quantity": "100",
         "characteristics": [["1", "10", "Bore diameter", 24.9, 25.1], ["1", "20", "Surface"]]},
    ],
    "equipment": ["10000045", "10000046"],
    "defect_codes": [["QM-E", "1"], ["QM-E", "2"], ["QM-E", "99"]],
}  # fmt: skip


class SeedError(ValueError):
    """The seed does not hold together."""


def read_seed(path: Path) -> Seed:
    """A seed from a JSON file of the form of `LITTLE_PLANT`. Raises SeedError."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise SeedError(f"{path}: {wrong}") from wrong
    if not isinstance(found, dict):
        raise SeedError(f"{path}: an object is expected")
    unknown = set(found) - set(LITTLE_PLANT) - {"periods"}
    if unknown:
        raise SeedError(f"{path}: unknown {', '.join(sorted(unknown))}")
    build(found)
    return found


def build(seed: Seed = LITTLE_PLANT) -> Books:
    """Fresh books. Open periods are this month and the last unless the seed says. Raises SeedError."""
    books = Books()
    now = clock.now()
    last = day_of(now).replace(day=1) - timedelta(days=1)
    books.periods = set(seed.get("periods") or (f"{now:%Y/%m}", f"{last:%Y/%m}"))
    books.storage = {plant: set(places) for plant, places in seed.get("storage", {}).items()}
    books.equipment = set(seed.get("equipment", ()))
    books.defect_codes = {(group, code) for group, code in seed.get("defect_codes", ())}
    steps: dict[str, Callable[[Books, Any, datetime], None]] = {
        "materials": _material, "work_centres": _work_centre, "orders": _order, "purchases": _purchase,
        "sales": _sale, "lots": _lot, "stock": _stock,
    }  # fmt: skip
    for name, step in steps.items():
        for place, one in enumerate(seed.get(name, ())):
            try:
                with books.transaction():
                    step(books, one, now)
            except (KeyError, ValueError, TypeError, IndexError, InvalidOperation) as wrong:
                raise SeedError(f"{name}[{place}]: {wrong!r}") from wrong
    return books


def _material(books: Books, one: Seed, now: datetime) -> None:
    unit = one.get("unit", "EA")
    changed = {"CreationDate": day_of(now), "LastChangeDate": day_of(now), "LastChangeDateTime": now}
    number = one["number"]
    batches = bool(one.get("batches"))
    books.put(
        "A_Product",
        {"Product": number, "ProductType": one.get("type", "FERT"), "BaseUnit": unit,
         "IsBatchManagementRequired": batches, **changed},
    )  # fmt: skip
    books.put(
        "A_ProductDescription",
        {"Product": number, "Language": "EN", "ProductDescription": one.get("text", "")},
    )
    for plant in one.get("plants", books.storage):
        row = {"Product": number, "Plant": plant, "BaseUnit": unit, "IsBatchManagementRequired": batches}
        books.put("A_ProductPlant", row)


def _stock(books: Books, one: list[str], now: datetime) -> None:
    material, plant, place, batch, quantity = one[:5]
    if (material,) not in books.tables["A_Product"] or place not in books.storage[plant]:
        raise ValueError(f"unknown {material} or {plant} {place}")
    books.move((material, plant, place, batch, one[5] if len(one) > 5 else FREE), Decimal(quantity))


def _work_centre(books: Books, one: list[str], now: datetime) -> None:
    code, text, plant = one
    books.put(
        "WorkCenterHeader",
        {
            "WorkCenterInternalID": str(10000001 + len(books.tables["WorkCenterHeader"])),
            "WorkCenterTypeCode": "A",
            "WorkCenter": code,
            "WorkCenterDesc": text,
            "Plant": plant,
            "WorkCenterCategoryCode": "0001",
            "ValidityStartDate": datetime(2000, 1, 1, tzinfo=UTC),
            "ValidityEndDate": datetime(9999, 12, 31, tzinfo=UTC),
            "WorkCenterIsToBeDeleted": False,
            "WorkCenterLastChangeDateTime": now,
        },
    )


def _order(books: Books, one: Seed, now: datetime) -> None:
    number, plant, material = one["number"], one["plant"], one["material"]
    quantity = Decimal(one["quantity"])
    unit = books.tables["A_Product"][(material,)]["BaseUnit"]
    released, closed = bool(one.get("released")), bool(one.get("closed"))
    starts = day_of(now) + timedelta(days=int(one.get("starts_in", 0)))
    ends = day_of(now) + timedelta(days=int(one.get("ends_in", 5)))
    plan = str(len(books.tables["A_ProductionOrder_2"]) + 1)
    created, freed = ("", "X") if released else ("X", "")
    shared = {
        "ManufacturingOrder": number, "ManufacturingOrderCategory": "10", "ManufacturingOrderType": "YBM1",
        "ProductionPlant": plant, "Plant": plant, "OrderInternalBillOfOperations": plan,
        "LastChangeDateTime": stamp(now),
    }  # fmt: skip
    books.put(
        "A_ProductionOrder_2",
        {
            **shared, "Material": material, "TotalQuantity": quantity, "ProductionUnit": unit,
            "OrderIsCreated": created, "OrderIsReleased": freed, "OrderIsClosed": "X" if closed else "",
            "OrderIsTechnicallyCompleted": "X" if closed or one.get("completed") else "",
            "MfgOrderPlannedStartDate": starts, "MfgOrderPlannedEndDate": ends,
            "MfgOrderScheduledStartDate": starts, "MfgOrderScheduledEndDate": ends,
            "MfgOrderCreationDate": day_of(now), "MfgOrderConfirmedYieldQty": Decimal(0),
            "StorageLocation": one.get("storage", ""), "SalesOrder": one.get("sales_order", ""),
        },
    )  # fmt: skip
    books.put(
        "A_ProductionOrderItem_2",
        {**shared, "ManufacturingOrderItem": "1", "Material": material, "ProductionUnit": unit,
         "MfgOrderItemPlannedTotalQty": quantity, "MfgOrderItemGoodsReceiptQty": Decimal(0),
         "MfgOrderItemPlndDeliveryDate": ends, "IsCompletelyDelivered": False},
    )  # fmt: skip
    status = ("I0002", "REL") if released else ("I0001", "CRTD")
    books.put(
        "A_ProductionOrderStatus_2",
        {
            "ManufacturingOrder": number,
            "StatusCode": status[0],
            "StatusShortName": status[1],
            "IsUserStatus": False,
        },
    )
    for place, (operation, centre, text) in enumerate(one.get("operations", ()), start=1):
        books.put(
            "A_ProductionOrderOperation_2",
            {
                **shared, "OrderIntBillOfOperationsItem": str(place), "ManufacturingOrderSequence": "0",
                "ManufacturingOrderOperation": operation, "MfgOrderOperationText": text, "WorkCenter": centre,
                "WorkCenterTypeCode": "A", "OperationControlProfile": "YBP1", "OperationUnit": unit,
                "OperationIsCreated": created, "OperationIsReleased": freed,
                "OpPlannedTotalQuantity": quantity, "OpTotalConfirmedYieldQty": Decimal(0),
                "OpErlstSchedldExecStrtDte": starts, "OpErlstSchedldExecEndDte": ends,
                "_group": books.number("confirmation"), "_final": False,
            },
        )  # fmt: skip
    reservation = books.number("reservation")
    for place, (part, needed, storage, operation) in enumerate(one.get("components", ()), start=1):
        books.put(
            "A_ProductionOrderComponent_2",
            {
                **shared, "Reservation": reservation, "ReservationItem": str(place), "Material": part,
                "BaseUnit": books.tables["A_Product"][(part,)]["BaseUnit"], "RequiredQuantity": Decimal(needed),
                "WithdrawnQuantity": Decimal(0), "StorageLocation": storage, "GoodsMovementType": "261",
                "ManufacturingOrderOperation": operation, "ManufacturingOrderSequence": "0",
                "MatlCompRequirementDate": starts, "BillOfMaterialItemNumber": str(place * 10).zfill(4),
            },
        )  # fmt: skip


def _purchase(books: Books, one: Seed, now: datetime) -> None:
    number = one["number"]
    books.put(
        "A_PurchaseOrder",
        {"PurchaseOrder": number, "PurchaseOrderType": "NB", "Supplier": one["supplier"], "CompanyCode": "1010",
         "CreationDate": day_of(now), "PurchaseOrderDate": day_of(now), "LastChangeDateTime": now},
    )  # fmt: skip
    for item, material, quantity, days in one["items"]:
        unit = books.tables["A_Product"][(material,)]["BaseUnit"]
        books.put(
            "A_PurchaseOrderItem",
            {"PurchaseOrder": number, "PurchaseOrderItem": item, "Material": material, "Plant": one["plant"],
             "OrderQuantity": Decimal(quantity), "PurchaseOrderQuantityUnit": unit, "IsCompletelyDelivered": False},
        )  # fmt: skip
        books.put(
            "A_PurchaseOrderScheduleLine",
            {"PurchasingDocument": number, "PurchasingDocumentItem": item, "ScheduleLine": "1",
             "ScheduleLineDeliveryDate": day_of(now) + timedelta(days=days), "PurchaseOrderQuantityUnit": unit,
             "ScheduleLineOrderQuantity": Decimal(quantity)},
        )  # fmt: skip


def _sale(books: Books, one: Seed, now: datetime) -> None:
    number = one["number"]
    books.put(
        "A_SalesOrder",
        {"SalesOrder": number, "SalesOrderType": "OR", "SoldToParty": one["customer"], "CreationDate": day_of(now),
         "PurchaseOrderByCustomer": one.get("reference", ""), "LastChangeDateTime": now},
    )  # fmt: skip
    for item, material, quantity, days in one["items"]:
        unit = books.tables["A_Product"][(material,)]["BaseUnit"]
        due = day_of(now) + timedelta(days=days)
        books.put(
            "A_SalesOrderItem",
            {"SalesOrder": number, "SalesOrderItem": item, "Material": material,
             "RequestedQuantity": Decimal(quantity), "RequestedQuantityUnit": unit, "OrderQuantityUnit": unit},
        )  # fmt: skip
        books.put(
            "A_SalesOrderScheduleLine",
            {"SalesOrder": number, "SalesOrderItem": item, "ScheduleLine": "1", "RequestedDeliveryDate": due,
             "ConfirmedDeliveryDate": due, "OrderQuantityUnit": unit, "DeliveredQtyInOrderQtyUnit": Decimal(0),
             "ScheduleLineOrderQuantity": Decimal(quantity), "ConfdOrderQtyByMatlAvailCheck": Decimal(quantity)},
        )  # fmt: skip


def _lot(books: Books, one: Seed, now: datetime) -> None:
    number = one["number"]
    books.put(
        "A_InspectionLot",
        {"InspectionLot": number, "Material": one["material"], "Plant": one["plant"], "InspectionLotType": "04",
         "InspectionLotOrigin": "04", "ManufacturingOrder": one.get("order", ""), "Batch": one.get("batch", ""),
         "InspectionLotQuantity": Decimal(one["quantity"]),
         "InspectionLotQuantityUnit": books.tables["A_Product"][(one["material"],)]["BaseUnit"]},
    )  # fmt: skip
    books.put("A_InspectionLotWithStatus", {"InspectionLot": number, "InspectionLotStatusReleased": "X"})
    for operation, characteristic, text, *limits in one.get("characteristics", ()):
        low, high = (*limits, None, None)[:2]
        books.put(
            "A_InspectionCharacteristic",
            {"InspectionLot": number, "InspPlanOperationInternalID": operation,
             "InspectionCharacteristic": characteristic, "InspectionSpecificationText": text,
             "InspSpecIsQuantitative": bool(limits), "InspSpecLowerLimit": low, "InspSpecUpperLimit": high},
        )  # fmt: skip
