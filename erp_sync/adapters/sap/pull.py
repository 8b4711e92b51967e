"""Master data and plan read out of SAP, changed rows only where the service says when a row changed.

Owns which of SAP's fields make one mirrored record, and the watermark: SAP's time when a pull began, less an overlap
for transactions that commit late. Work centres and orders name their changes; stock does not, so later pulls read
only materials that moved since. Must not know: the mirror's tables, postings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from core import clock
from erp_sync.adapters.port import Page, Record
from erp_sync.adapters.sap import movements, production, wire
from erp_sync.adapters.sap.client import GOODS, ORDERS, PRODUCTS, PURCHASES, SALES, STOCK, WORK_CENTRES
from erp_sync.adapters.sap.documents import Desk
from erp_sync.adapters.sap.stock import EXPAND, Held, held_of
from erp_sync.adapters.sap.wire import Row
from erp_sync.errors import ErpRejected, ErpUnavailable

#: A transaction may write a row this long before it commits; the next pull looks back that far.
OVERLAP = timedelta(seconds=120)
SIZE = 200
#: SAP's units as the plant says them, unless the connection maps them.
UNITS = {"PC": "pcs", "ST": "pcs", "KG": "kg", "G": "g", "M": "m", "MM": "mm", "L": "l"}
Read = Callable[[Desk, "datetime | None"], Iterator[Record]]
#: Lists of which one row is one record.
COUNTED = {"items": (PRODUCTS, "A_Product"), "work_orders": (ORDERS, production.ORDER)}


def pages(desk: Desk, entity: str, watermark: str) -> Iterator[Page]:
    """Pages of one entity; every page but the last repeats the old watermark, so a broken pull starts over.

    Raises KeyError for an unknown entity, ErpUnavailable and ErpRejected when SAP can't be asked.
    """
    read = _ENTITIES[entity]
    since = datetime.fromisoformat(watermark) if watermark else None
    asked, held = clock.now(), list[Record]()
    began: datetime | None = None
    # Only a first read is long enough to be watched; the later ones are spared the question.
    total = _total(desk, entity) if since is None else None
    for record in read(desk, since):
        began = began or desk.client.server_time
        held.append(record)
        if len(held) > SIZE:
            yield Page(tuple(held[:SIZE]), watermark, total)
            held = held[SIZE:]
    # SAP's clock as of the first answer; with no answer later than that, the pull itself was the first.
    until = began or desk.client.server_time or asked
    yield Page(tuple(held), (until - OVERLAP).isoformat(), total)


def _total(desk: Desk, entity: str) -> int | None:
    """How many rows there are, for the progress shown; a system that will not count them is read all the same."""
    if entity not in COUNTED:
        return None
    try:
        return desk.client.count(*COUNTED[entity])
    except (ErpRejected, ErpUnavailable):
        return None


def _day(value: Any) -> str:
    found = wire.date_in(value)
    return found.isoformat() if found else ""


def _amount(value: Any) -> str:
    return format(wire.number_in(value), "f")


def _unit(desk: Desk, theirs: str) -> str:
    ours = desk.terms.ours("unit", theirs)
    return ours if ours != theirs else UNITS.get(theirs, theirs)


def _changed(since: datetime | None, field: str = "LastChangeDateTime") -> dict[str, str]:
    return {"filter": f"{field} ge {wire.literal(since)}", "orderby": field} if since else {}


def _items(desk: Desk, since: datetime | None) -> Iterator[Record]:
    """Products with their text, how their plant gets them, and whether they are marked for deletion."""
    language = str(desk.terms.option("language", "EN"))
    options = {"expand": "to_Description,to_Plant", **_changed(since)}
    for row in desk.client.rows(PRODUCTS, "A_Product", **options):
        texts = {
            one.get("Language"): one.get("ProductDescription") for one in wire.children(row, "to_Description")
        }
        kinds = {one.get("ProcurementType") for one in wire.children(row, "to_Plant")}
        code = str(row["Product"])
        data = {
            "name": texts.get(language) or next((text for text in texts.values() if text), code),
            "uom": _unit(desk, str(row.get("BaseUnit") or "")),
            "source": "made" if kinds & {"E", "X"} else "bought",
            "active": not row.get("IsMarkedForDeletion"),
        }
        written, gone = wire.moment_in(row.get("LastChangeDateTime")), bool(row.get("IsMarkedForDeletion"))
        yield Record("items", code, code, data, written, gone)


def _work_centres(desk: Desk, since: datetime | None) -> Iterator[Record]:
    """Work centres, in the newer protocol: moments there are bare."""
    field = "WorkCenterLastChangeDateTime"
    options = {"filter": f"{field} ge {since:%Y-%m-%dT%H:%M:%SZ}", "orderby": field} if since else {}
    for row in desk.client.rows(WORK_CENTRES, "WorkCenterHeader", **options):
        data = {
            "name": str(row.get("WorkCenterDesc") or row["WorkCenter"]),
            "site": desk.terms.ours("plant", str(row.get("Plant") or "")),
            "active": not row.get("WorkCenterIsToBeDeleted"),
        }
        code = desk.terms.ours("work_centre", str(row["WorkCenter"]))
        written, gone = wire.moment_in(row.get(field)), bool(row.get("WorkCenterIsToBeDeleted"))
        yield Record("work_centres", code, str(row["WorkCenterInternalID"]), data, written, gone)


def _status(row: Row) -> str:
    """The plant's word for where an order stands, from SAP's indicators."""
    is_set = production.is_set
    if is_set(row, "OrderIsDeleted") or is_set(row, "OrderIsMarkedForDeletion"):
        return "cancelled"
    if any(
        is_set(row, name) for name in ("OrderIsClosed", "OrderIsTechnicallyCompleted", "OrderIsDelivered")
    ):
        return "finished"
    if is_set(row, "OrderIsConfirmed") or is_set(row, "OrderIsPartiallyConfirmed"):
        return "running"
    return "released" if is_set(row, "OrderIsReleased") else "planned"


def _work_orders(desk: Desk, since: datetime | None) -> Iterator[Record]:
    """Production orders with operations and components."""
    options = {"expand": "to_ProductionOrderOperation,to_ProductionOrderComponent"}
    if since:
        stamp = wire.literal(f"{since:%Y%m%d%H%M%S}")
        options |= {"filter": f"LastChangeDateTime ge {stamp}", "orderby": "LastChangeDateTime"}
    for row in desk.client.rows(ORDERS, production.ORDER, **options):
        operations = [
            {
                "number": int(one["ManufacturingOrderOperation"]),
                "name": str(one.get("MfgOrderOperationText") or ""),
                "work_centre": desk.terms.ours("work_centre", str(one.get("WorkCenter") or "")),
                "quantity": _amount(one.get("OpPlannedTotalQuantity")),
                "confirmed": _amount(one.get("OpTotalConfirmedYieldQty")),
            }
            for one in production.operations(row)
            if str(one.get("ManufacturingOrderOperation")).isdecimal()
        ]
        components = [
            {
                "item": str(one.get("Material") or ""),
                "quantity": _amount(one.get("RequiredQuantity")),
                "withdrawn": _amount(one.get("WithdrawnQuantity")),
                "operation": str(one.get("ManufacturingOrderOperation") or ""),
            }
            for one in wire.children(row, "to_ProductionOrderComponent")
        ]
        data = {
            "item": str(row.get("Material") or ""),
            "quantity": _amount(row.get("TotalQuantity")),
            "status": _status(row),
            "planned_start": _day(row.get("MfgOrderPlannedStartDate")),
            "planned_end": _day(row.get("MfgOrderPlannedEndDate")),
            "site": desk.terms.ours("plant", str(row.get("ProductionPlant") or "")),
            "operations": operations,
            "components": components,
        }
        number = str(row["ManufacturingOrder"])
        gone = production.is_set(row, "OrderIsDeleted") or production.is_set(row, "OrderIsMarkedForDeletion")
        yield Record("work_orders", number, number, data, wire.stamp_in(row.get("LastChangeDateTime")), gone)


def _stock(desk: Desk, since: datetime | None) -> Iterator[Record]:
    """Quantities by material, place, batch and status; after the first pull only of materials that moved since.

    SAP lists nothing where nothing is left: after a moved material's rows a record says that these are all.
    """
    if since is None:
        for row in desk.client.rows(STOCK, "A_MaterialStock", expand=EXPAND):
            yield from _held(desk, row)
        return
    day = wire.literal(desk.terms.local(since).date())
    moved: set[str] = set()
    options = {"filter": f"CreationDate ge {day}", "expand": movements.ITEMS}
    for row in desk.client.rows(GOODS, movements.HEADER, **options):
        moved |= {str(item.get("Material") or "") for item in wire.children(row, movements.ITEMS)}
    for material in sorted(moved - {""}):
        wanted = wire.equals(Material=material)
        there = [
            record
            for row in desk.client.rows(STOCK, "A_MaterialStock", filter=wanted, expand=EXPAND)
            for record in _held(desk, row)
        ]
        yield from there
        only = [[one.data["location"], one.data["lot"], one.data["status"]] for one in there]
        yield Record("stock", f"{material}|*", f"{material}|*", {"item": material, "only": only})


def _held(desk: Desk, row: Row) -> Iterator[Record]:
    for held in held_of(row):
        status = desk.terms.status_of(held.stock_type)
        if status:
            yield _stock_record(desk, held, status)


def _stock_record(desk: Desk, held: Held, status: str) -> Record:
    terms = desk.terms
    place = terms.ours("location", str(held.place))
    if place == str(held.place):
        place = terms.ours("location", held.place.location)
    data = {
        "item": held.material,
        "location": place,
        "lot": held.batch,
        "status": status,
        "quantity": format(held.quantity, "f"),
    }
    code = f"{held.material}|{place}|{held.batch}|{status}"
    return Record("stock", code, f"{held.material}|{held.place}|{held.batch}|{held.stock_type}", data)


def _sales_lines(desk: Desk, since: datetime | None) -> Iterator[Record]:
    options = {"expand": "to_Item/to_ScheduleLine", **_changed(since)}
    for order in desk.client.rows(SALES, "A_SalesOrder", **options):
        for item in wire.children(order, "to_Item"):
            schedule = wire.children(item, "to_ScheduleLine")
            line = int(item["SalesOrderItem"])
            asked = [day for one in schedule if (day := _day(one.get("RequestedDeliveryDate")))]
            sure = [day for one in schedule if (day := _day(one.get("ConfirmedDeliveryDate")))]
            data = {
                "order": str(order["SalesOrder"]),
                "line": line,
                "item": str(item.get("Material") or ""),
                "quantity": _amount(item.get("RequestedQuantity")),
                "customer": str(order.get("SoldToParty") or ""),
                "po_number": str(order.get("PurchaseOrderByCustomer") or ""),
                "site": desk.terms.ours("plant", str(item.get("ProductionPlant") or "")),
                "requested_date": min(asked, default=_day(order.get("RequestedDeliveryDate"))),
                "commit_date": max(sure, default=""),
                "cancelled": bool(item.get("SalesDocumentRjcnReason")),
            }
            yield _line_record("sales_lines", order["SalesOrder"], line, data, order)


def _purchase_lines(desk: Desk, since: datetime | None) -> Iterator[Record]:
    options = {"expand": "to_PurchaseOrderItem/to_ScheduleLine", **_changed(since)}
    for order in desk.client.rows(PURCHASES, "A_PurchaseOrder", **options):
        for item in wire.children(order, "to_PurchaseOrderItem"):
            gone = bool(item.get("PurchasingDocumentDeletionCode"))
            line = int(item["PurchaseOrderItem"])
            schedule = wire.children(item, "to_ScheduleLine")
            days = [day for one in schedule if (day := _day(one.get("ScheduleLineDeliveryDate")))]
            data = {
                "order": str(order["PurchaseOrder"]),
                "line": line,
                "item": str(item.get("Material") or ""),
                "quantity": _amount(item.get("OrderQuantity")),
                "supplier": str(order.get("Supplier") or ""),
                "site": desk.terms.ours("plant", str(item.get("Plant") or "")),
                "promised_date": max(days, default=""),
            }
            yield _line_record("purchase_lines", order["PurchaseOrder"], line, data, order, gone)


def _line_record(
    entity: str, number: Any, line: int, data: dict[str, Any], order: Row, gone: bool = False
) -> Record:
    code = f"{number}/{line}"
    return Record(entity, code, code, data, wire.moment_in(order.get("LastChangeDateTime")), gone)


def _traders(entity: str, service: Any, orders: str, field: str) -> Read:
    """Partners by the orders that name them: their master data is outside the services this connector reads."""

    def read(desk: Desk, since: datetime | None) -> Iterator[Record]:
        seen: set[str] = set()
        for row in desk.client.rows(service, orders, select=f"{field},LastChangeDateTime", **_changed(since)):
            code = str(row.get(field) or "")
            if code and code not in seen:
                seen.add(code)
                yield Record(entity, code, code, {})

    return read


_ENTITIES: dict[str, Read] = {
    "items": _items,
    "work_centres": _work_centres,
    "work_orders": _work_orders,
    "stock": _stock,
    "sales_lines": _sales_lines,
    "purchase_lines": _purchase_lines,
    "customers": _traders("customers", SALES, "A_SalesOrder", "SoldToParty"),
    "suppliers": _traders("suppliers", PURCHASES, "A_PurchaseOrder", "Supplier"),
}
