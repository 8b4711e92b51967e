"""How ERPNext's documents become the mirror's records, entity by entity.

Owns document types, filters, fields and words. Tables of documents (operations, components, lines) are read for a whole
page at once. A document's name is its code in ERPNext: renamed, it is another one. Must not know: paging, watermarks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from erp_sync.adapters.erpnext.client import Filters, Row
from erp_sync.adapters.erpnext.terms import UNITS, Desk, day, number
from erp_sync.adapters.port import Record

STATUS = {
    "Draft": "planned",
    "Submitted": "released",
    "Not Started": "released",
    "In Process": "running",
    "Completed": "finished",
    "Closed": "finished",
    "Cancelled": "cancelled",
}
_OURS = {theirs: ours for ours, theirs in UNITS.items()}


def _names(desk: Desk, found: list[Row]) -> Iterator[str]:
    yield from (str(row["name"]) for row in found)


@dataclass(frozen=True, slots=True)
class Kind:
    """One entity: its document type, which documents, what is made of a page, and which of them still count."""

    doctype: str
    fields: tuple[str, ...]
    read: Callable[[Desk, list[Row]], Iterator[Record]]
    filters: Filters = ()
    alive: Filters = ()
    identify: Callable[[Desk, list[Row]], Iterator[str]] = _names


def _amount(value: Any) -> str:
    return format(number(value), "f")


def _day(value: Any) -> str:
    found = day(value)
    return found.isoformat() if found else ""


def _record(desk: Desk, entity: str, code: str, row: Row, data: dict[str, Any], gone: bool = False) -> Record:
    return Record(entity, code, str(row["name"]), data, desk.terms.moment(row["modified"]), gone)


def _items(desk: Desk, found: list[Row]) -> Iterator[Record]:
    for row in found:
        unit = str(row["stock_uom"])
        ours = desk.terms.ours("unit", unit)
        data = {
            "name": row["item_name"] or row["name"],
            "uom": ours if ours != unit else _OURS.get(unit, unit),
            "standard_cost": _amount(row["valuation_rate"]),
            "source": "made" if row["default_bom"] else "bought",
            "active": not row["disabled"],
        }
        yield _record(desk, "items", str(row["name"]), row, data, bool(row["disabled"]))


def _work_centres(desk: Desk, found: list[Row]) -> Iterator[Record]:
    for row in found:
        data = {"name": row["workstation_name"] or row["name"], "cost_per_hour": _amount(row["hour_rate"])}
        yield _record(desk, "work_centres", desk.terms.ours("work_centre", str(row["name"])), row, data)


def _partners(entity: str, label: str) -> Callable[[Desk, list[Row]], Iterator[Record]]:
    def read(desk: Desk, found: list[Row]) -> Iterator[Record]:
        for row in found:
            data = {"name": row[label] or row["name"], "active": not row["disabled"]}
            yield _record(desk, entity, str(row["name"]), row, data, bool(row["disabled"]))

    return read


def _tables(desk: Desk, table: str, parent: str, names: list[str], fields: list[str]) -> dict[str, list[Row]]:
    """Rows of a table by the document they belong to, in their order."""
    found: dict[str, list[Row]] = defaultdict(list)
    wanted = ["name", "parent", "parenttype", "idx", *fields]
    listed = desk.client.among(table, "parent", names, wanted, parent=parent, order="idx asc")
    for row in listed:
        if row["parenttype"] == parent:
            found[str(row["parent"])].append(row)
    return found


def _work_orders(desk: Desk, found: list[Row]) -> Iterator[Record]:
    names = [str(row["name"]) for row in found]
    spent = ["operation", "workstation", "time_in_mins", "completed_qty"]
    operations = _tables(desk, "Work Order Operation", "Work Order", names, spent)
    drawn = ["item_code", "required_qty", "consumed_qty"]
    components = _tables(desk, "Work Order Item", "Work Order", names, drawn)
    for row in found:
        name = str(row["name"])
        data = {
            "item": row["production_item"],
            "quantity": _amount(row["qty"]),
            "status": STATUS.get(str(row["status"]), ""),
            "planned_start": _day(row["planned_start_date"]),
            "planned_end": _day(row["planned_end_date"]),
            "need_by": _day(row["expected_delivery_date"]),
            "operations": [
                {
                    "number": int(one["idx"]) * 10,
                    "name": one["operation"],
                    "work_centre": desk.terms.ours("work_centre", str(one["workstation"] or "")),
                    "run_minutes": _amount(one["time_in_mins"]),
                    "confirmed": _amount(one["completed_qty"]),
                }
                for one in operations[name]
            ],
            "components": [
                {
                    "item": one["item_code"],
                    "quantity": _amount(one["required_qty"]),
                    "withdrawn": _amount(one["consumed_qty"]),
                }
                for one in components[name]
            ],
        }
        yield _record(desk, "work_orders", name, row, data)


def _stock(desk: Desk, found: list[Row]) -> Iterator[Record]:
    """Quantities by item and warehouse; a warehouse emptied keeps its row with zero. Batches are not told apart."""
    blocked = desk.terms.every("blocked")
    for row in found:
        theirs = str(row["warehouse"])
        place = desk.terms.ours("location", theirs)
        data = {
            "item": row["item_code"],
            "location": place,
            "lot": "",
            "quantity": _amount(row["actual_qty"]),
        }
        data |= {"status": "blocked"} if theirs in blocked else {}
        yield _record(desk, "stock", f"{row['item_code']}|{place}|", row, data)


def _lines(entity: str) -> Callable[[Desk, list[Row]], Iterator[Record]]:
    """Lines of the orders of a page. A line is known by its place in the order, as people know it."""
    sales = entity == "sales_lines"
    parent = "Sales Order" if sales else "Purchase Order"
    due, done = ("delivery_date", "delivered_qty") if sales else ("schedule_date", "received_qty")

    def read(desk: Desk, found: list[Row]) -> Iterator[Record]:
        names = [str(row["name"]) for row in found]
        lines = _tables(desk, f"{parent} Item", parent, names, ["item_code", "qty", "rate", due, done])
        for order in found:
            for row in lines[str(order["name"])]:
                cancelled = order["docstatus"] == 2
                data: dict[str, Any] = {
                    "order": order["name"],
                    "line": int(row["idx"]),
                    "item": row["item_code"],
                    "quantity": _amount(row["qty"]),
                }
                if sales:
                    data |= {
                        "customer": order["customer"],
                        "po_number": order["po_no"] or "",
                        "delivered": _amount(row[done]),
                        "unit_price": _amount(row["rate"]),
                        "commit_date": _day(row[due]),
                        "cancelled": cancelled,
                    }
                else:
                    data |= {
                        "supplier": order["supplier"],
                        "received": _amount(row[done]),
                        "promised_date": _day(row[due]),
                    }
                at = desk.terms.moment(order["modified"])
                code = f"{order['name']}/{row['idx']}"
                yield Record(entity, code, str(row["name"]), data, at, cancelled)

    return read


def _line_names(parent: str) -> Callable[[Desk, list[Row]], Iterator[str]]:
    def identify(desk: Desk, found: list[Row]) -> Iterator[str]:
        names = [str(row["name"]) for row in found]
        if names:
            for lines in _tables(desk, f"{parent} Item", parent, names, []).values():
                yield from (str(row["name"]) for row in lines)

    return identify


_ENABLED: Filters = (("disabled", "=", 0),)
_SUBMITTED: Filters = (("docstatus", "=", 1),)
_BEGUN: Filters = (("docstatus", ">", 0),)

KINDS: dict[str, Kind] = {
    "items": Kind(
        "Item", ("item_name", "stock_uom", "valuation_rate", "default_bom", "disabled"), _items, (), _ENABLED
    ),
    "work_centres": Kind("Workstation", ("workstation_name", "hour_rate"), _work_centres),
    "work_orders": Kind(
        "Work Order",
        (
            "production_item", "qty", "status", "planned_start_date", "planned_end_date",
            "expected_delivery_date",
        ),
        _work_orders,
        _BEGUN,
    ),
    "stock": Kind("Bin", ("item_code", "warehouse", "actual_qty"), _stock),
    "sales_lines": Kind(
        "Sales Order", ("customer", "po_no", "docstatus"), _lines("sales_lines"), _BEGUN, _SUBMITTED,
        _line_names("Sales Order"),
    ),
    "purchase_lines": Kind(
        "Purchase Order", ("supplier", "docstatus"), _lines("purchase_lines"), _BEGUN, _SUBMITTED,
        _line_names("Purchase Order"),
    ),
    "customers": Kind(
        "Customer", ("customer_name", "disabled"), _partners("customers", "customer_name"), (), _ENABLED
    ),
    "suppliers": Kind(
        "Supplier", ("supplier_name", "disabled"), _partners("suppliers", "supplier_name"), (), _ENABLED
    ),
}  # fmt: skip
