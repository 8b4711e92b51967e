"""Master data and plan out of SAP: which fields, in whose words, and where the next pull begins."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.sap import build
from erp_sync.errors import ErpUnavailable
from tests.erp_sync import sap_host
from tests.erp_sync.sap_host import Answer, Asked, Host

Row = dict[str, Any]


def many(*rows: Row) -> Row:
    return {"results": list(rows)}


PRODUCT: Row = {
    "Product": "FG-100", "BaseUnit": "PC", "LastChangeDateTime": "/Date(1795392000000+0000)/",
    "to_Description": many({"Language": "DE", "ProductDescription": "Felge"},
                           {"Language": "EN", "ProductDescription": "Rim"}),
    "to_Plant": many({"Plant": "1010", "ProcurementType": "E"}),
}  # fmt: skip
ORDER: Row = {
    "ManufacturingOrder": "1000123", "Material": "FG-100", "TotalQuantity": "50.000", "ProductionPlant": "1010",
    "OrderIsReleased": "X", "OrderIsPartiallyConfirmed": "X", "LastChangeDateTime": "20261123053000",
    "MfgOrderPlannedStartDate": "/Date(1795392000000)/", "MfgOrderPlannedEndDate": "/Date(1795478400000)/",
    "to_ProductionOrderOperation": many(
        {"ManufacturingOrderOperation": "0020", "WorkCenter": "WELD"},
        {"ManufacturingOrderOperation": "0010", "WorkCenter": "PRESS1", "MfgOrderOperationText": "Press",
         "OpPlannedTotalQuantity": "50", "OpTotalConfirmedYieldQty": "12"},
        {"ManufacturingOrderOperation": "0015", "OperationIsDeleted": "X", "WorkCenter": "OLD"},
    ),
    "to_ProductionOrderComponent": many({"Material": "RM-1", "RequiredQuantity": "100", "WithdrawnQuantity": "24"}),
}  # fmt: skip
STOCK: Row = {
    "Material": "RM-1", "MaterialBaseUnit": "KG",
    "to_MatlStkInAcctMod": many(
        {"Plant": "1010", "StorageLocation": "101A", "InventoryStockType": "01", "Batch": "L-7",
         "MatlWrhsStkQtyInMatlBaseUnit": "12.500"},
        {"Plant": "1010", "StorageLocation": "101A", "InventoryStockType": "07", "Batch": "",
         "MatlWrhsStkQtyInMatlBaseUnit": "3"},
        {"Plant": "1010", "StorageLocation": "101A", "InventoryStockType": "01", "Batch": "",
         "InventorySpecialStockType": "K", "MatlWrhsStkQtyInMatlBaseUnit": "99"},
        {"Plant": "1010", "StorageLocation": "101A", "InventoryStockType": "06", "Batch": "",
         "MatlWrhsStkQtyInMatlBaseUnit": "88"},
    ),
}  # fmt: skip
SALE: Row = {
    "SalesOrder": "77", "SoldToParty": "C1", "PurchaseOrderByCustomer": "PO-9",
    "to_Item": many({
        "SalesOrderItem": "10", "Material": "FG-100", "RequestedQuantity": "5", "ProductionPlant": "1010",
        "to_ScheduleLine": many({"RequestedDeliveryDate": "/Date(1795392000000)/",
                                 "ConfirmedDeliveryDate": "/Date(1795478400000)/"}),
    }),
}  # fmt: skip
PURCHASE: Row = {
    "PurchaseOrder": "4500000001", "Supplier": "S1",
    "to_PurchaseOrderItem": many(
        {"PurchaseOrderItem": "10", "Material": "RM-1", "OrderQuantity": "100", "Plant": "1010",
         "to_ScheduleLine": many({"ScheduleLineDeliveryDate": "/Date(1795392000000)/"})},
        {"PurchaseOrderItem": "20", "Material": "RM-2", "PurchasingDocumentDeletionCode": "L"},
    ),
}  # fmt: skip
LISTS = {"A_Product": [PRODUCT], "A_ProductionOrder_2": [ORDER], "A_MaterialStock": [STOCK], "A_SalesOrder": [SALE],
         "A_PurchaseOrder": [PURCHASE]}  # fmt: skip


def books(asked: Asked) -> Answer | None:
    if asked.entity == "WorkCenterHeader":
        row = {"WorkCenterInternalID": "10000001", "WorkCenter": "PRESS1", "WorkCenterDesc": "Press", "Plant": "1010",
               "WorkCenterLastChangeDateTime": "2026-11-20T08:00:00Z"}  # fmt: skip
        return Answer(body={"value": [row]})
    if asked.entity == "A_MaterialDocumentHeader":
        return sap_host.rows({"to_MaterialDocumentItem": many({"Material": "RM-1"}, {"Material": "RM-1"})})
    return sap_host.rows(*LISTS[asked.entity])


@pytest.fixture
def host() -> Iterator[Host]:
    with sap_host.serving() as running:
        running.script = books
        yield running


@pytest.fixture
def sap(host: Host) -> Iterator[port.ErpAdapter]:
    mapped = {
        "plant": {"RHF": "1010"},
        "location": {"STO": "1010/101A"},
        "work_centre": {"PRESS-LINE-1": "PRESS1"},
    }
    made = build({"url": host.url, "username": "XL", "password": "x", "timezone": "Europe/Berlin", **mapped})
    yield made
    made.close()


def pulled(sap: port.ErpAdapter, entity: str, watermark: str = "") -> list[port.Record]:
    return [record for page in sap.pull(entity, watermark) for record in page.records]


def test_products_and_work_centres_come_in_the_plants_words(sap: port.ErpAdapter) -> None:
    [item] = pulled(sap, "items")
    assert (item.code, item.data) == (
        "FG-100",
        {"name": "Rim", "uom": "pcs", "source": "made", "active": True},
    )
    assert item.written_at == datetime(2026, 11, 23, tzinfo=UTC)
    [centre] = pulled(sap, "work_centres")
    assert (centre.code, centre.external_id, centre.data["site"]) == ("PRESS-LINE-1", "10000001", "RHF")
    assert centre.written_at == datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_an_order_comes_with_its_operations_and_components(sap: port.ErpAdapter) -> None:
    [order] = pulled(sap, "work_orders")
    assert order.code == "1000123"
    assert order.written_at == datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
    data = order.data
    assert (data["status"], data["site"], data["quantity"]) == ("running", "RHF", "50.000")
    assert (data["planned_start"], data["planned_end"]) == ("2026-11-23", "2026-11-24")
    assert [(one["number"], one["work_centre"]) for one in data["operations"]] == [
        (10, "PRESS-LINE-1"),
        (20, "WELD"),
    ]
    assert data["components"] == [{"item": "RM-1", "quantity": "100", "withdrawn": "24", "operation": ""}]


def test_stock_is_our_own_by_place_lot_and_status(sap: port.ErpAdapter) -> None:
    found = [(one.data["location"], one.data["lot"], one.data["status"], one.data["quantity"])
             for one in pulled(sap, "stock")]  # fmt: skip
    assert found == [("STO", "L-7", "free", "12.500"), ("STO", "", "blocked", "3")]


def test_a_later_pull_of_stock_reads_only_what_moved(sap: port.ErpAdapter, host: Host) -> None:
    *rows, rest = pulled(sap, "stock", "2026-11-23T00:30:00+00:00")
    assert len(rows) == 2
    assert rest.data == {"item": "RM-1", "only": [["STO", "L-7", "free"], ["STO", "", "blocked"]]}
    assert host.asked[0].query["$filter"] == "CreationDate ge datetime'2026-11-23T00:00'"
    assert [one.query["$filter"] for one in host.asked[1:]] == ["Material eq 'RM-1'"]


def test_order_lines_carry_dates_and_the_partners_they_name(sap: port.ErpAdapter) -> None:
    [sale] = pulled(sap, "sales_lines")
    assert (sale.code, sale.data["requested_date"], sale.data["commit_date"]) == (
        "77/10",
        "2026-11-23",
        "2026-11-24",
    )
    assert (sale.data["customer"], sale.data["po_number"], sale.data["cancelled"]) == ("C1", "PO-9", False)
    purchase, gone = pulled(sap, "purchase_lines")
    assert (purchase.code, purchase.data["promised_date"]) == ("4500000001/10", "2026-11-23")
    assert (purchase.deleted, gone.code, gone.deleted) == (False, "4500000001/20", True)
    assert [one.code for one in pulled(sap, "customers")] == ["C1"]
    assert [one.code for one in pulled(sap, "suppliers")] == ["S1"]


@pytest.mark.parametrize(
    ("entity", "wanted"),
    [
        ("items", "LastChangeDateTime ge datetimeoffset'2026-11-23T05:00:00Z'"),
        ("work_orders", "LastChangeDateTime ge '20261123050000'"),
        ("work_centres", "WorkCenterLastChangeDateTime ge 2026-11-23T05:00:00Z"),
    ],
)
def test_a_later_pull_asks_for_changes_only_and_goes_on_from_saps_clock(
    sap: port.ErpAdapter, host: Host, entity: str, wanted: str
) -> None:
    pages = list(sap.pull(entity, "2026-11-23T05:00:00+00:00"))
    assert host.asked[0].query["$filter"] == wanted
    begun = datetime.fromisoformat(pages[-1].watermark)
    assert begun.tzinfo is not None
    assert begun == sap._client.server_time - timedelta(seconds=120)  # type: ignore[attr-defined]


def test_a_pull_that_breaks_off_has_not_moved_on(sap: port.ErpAdapter, host: Host) -> None:
    rows = [PRODUCT | {"Product": f"P{n}"} for n in range(201)]

    def script(asked: Asked) -> Answer:
        if "$skiptoken" in asked.query:
            return Answer(drop=True)
        return sap_host.rows(*rows, more="A_Product?$skiptoken=201")

    host.script = script
    reading = sap.pull("items", "")
    first = next(reading)
    assert (len(first.records), first.watermark) == (200, "")
    with pytest.raises(ErpUnavailable):
        list(reading)
