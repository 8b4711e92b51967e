"""The simulated ERPNext's seed, filters and small rules. Must not know: HTTP."""

import re
from typing import Any

Row = dict[str, Any]

#: Table fields of document types, with the type of their rows.
TABLES = {
    "Work Order": {"operations": "Work Order Operation", "required_items": "Work Order Item"},
    "Sales Order": {"items": "Sales Order Item"},
    "Purchase Order": {"items": "Purchase Order Item"},
    "Stock Entry": {"items": "Stock Entry Detail"},
    "Journal Entry": {"accounts": "Journal Entry Account"},
}
#: What may be changed once a document is submitted.
ALLOWED = {"Work Order": {"planned_start_date", "planned_end_date", "expected_delivery_date"}}
#: Fields each document type has; what else is sent is dropped without a word, as Frappe does.
FIELDS: dict[str, tuple[str, ...]] = {
    "Item": ("item_name", "stock_uom", "valuation_rate", "default_bom", "disabled"),
    "Workstation": ("workstation_name", "hour_rate"),
    "Warehouse": ("company", "parent_warehouse", "is_group"),
    "Customer": ("customer_name", "disabled"),
    "Supplier": ("supplier_name", "disabled"),
    "UOM": (),
    "Account": (),
    "Cost Center": (),
    "Quality Procedure": (),
    "Company": ("default_currency",),
    "Batch": ("batch_id", "item"),
    "Bin": ("item_code", "warehouse", "actual_qty"),
    "Work Order": (
        "production_item", "qty", "produced_qty", "status", "planned_start_date", "planned_end_date",
        "expected_delivery_date", "operations", "required_items", "wip_warehouse", "fg_warehouse", "company",
    ),
    "Sales Order": ("customer", "po_no", "status", "items"),
    "Purchase Order": ("supplier", "status", "items"),
    "Stock Entry": (
        "stock_entry_type", "purpose", "company", "posting_date", "posting_time", "set_posting_time", "remarks",
        "items", "work_order", "fg_completed_qty", "from_bom", "bom_no",
    ),
    "Journal Entry": ("voucher_type", "company", "posting_date", "accounts", "user_remark"),
    "Non Conformance": ("subject", "procedure", "status", "details", "corrective_action"),
}  # fmt: skip
SERIES = {
    "Stock Entry": "MAT-STE-2026-",
    "Journal Entry": "ACC-JV-2026-",
    "Non Conformance": "QA-NC-",
    "Bin": "bin-",
}


class Refusal(Exception):
    """One of Frappe's exceptions: its class, its HTTP status and words. The transaction is rolled back."""

    def __init__(self, kind: str, words: str, status: int = 417) -> None:
        super().__init__(f"{kind}: {words}")
        self.kind = kind
        self.words = words
        self.status = status


def matches(row: Row, filters: list[list[Any]]) -> bool:
    return all(_holds(row, *one) for one in filters)


def _holds(row: Row, name: str, operator: str, wanted: Any) -> bool:
    if name not in row:
        raise Refusal("DataError", f"Field not permitted in query: {name}")
    value = row[name]
    match operator:
        case "=":
            return bool(value == wanted)
        case "in":
            return value in wanted
        case "like":
            pattern = ".*".join(re.escape(part) for part in str(wanted).split("%"))
            return re.fullmatch(pattern, str(value or ""), re.IGNORECASE | re.DOTALL) is not None
        case "is":
            return bool(value) == (wanted == "set")
        case ">":
            return value is not None and value > wanted
        case ">=":
            return value is not None and value >= wanted
    raise Refusal("ValidationError", f"Operator must be one of =, in, like, is: {operator}")


def seed(server: Any) -> None:
    """One company with four warehouses, two items, three work orders, a purchase and a sale."""
    add = server.add
    add("Company", "Rhine Falls", default_currency="EUR")
    for name in ("Nos", "Kg"):
        add("UOM", name)
    for name in ("Scrap Costs - RF", "Clearing - RF"):
        add("Account", name)
    add("Cost Center", "Main - RF")
    add("Quality Procedure", "Surface")
    add("Warehouse", "All - RF", company="Rhine Falls", is_group=1)
    for name in ("Stores - RF", "Quarantine - RF", "Shelf - RF", "Work In Progress - RF"):
        add("Warehouse", name, company="Rhine Falls", parent_warehouse="All - RF", is_group=0)
    add(
        "Item",
        "FG-100",
        item_name="Flange",
        stock_uom="Nos",
        valuation_rate=17.5,
        default_bom="BOM-1",
        disabled=0,
    )
    add("Item", "RM-1", item_name="Steel", stock_uom="Kg", valuation_rate=2.0, disabled=0)
    add("Batch", "L-7", batch_id="L-7", item="RM-1")
    server.put("FG-100", "Stores - RF", 40.0)
    server.put("FG-100", "Quarantine - RF", 5.0)
    server.put("RM-1", "Stores - RF", 100.0, "L-7")
    server.put("RM-1", "Work In Progress - RF", 60.0)
    add("Workstation", "Press", workstation_name="Press", hour_rate=60.0)
    for number in range(1, 4):
        add(
            "Work Order", f"MFG-WO-2026-0000{number}", docstatus=1, production_item="FG-100", qty=10.0,
            produced_qty=0.0, status="Not Started", planned_start_date="2026-11-04 06:00:00",
            planned_end_date="2026-11-05 14:00:00", expected_delivery_date="2026-11-06", company="Rhine Falls",
            wip_warehouse="Work In Progress - RF", fg_warehouse="Stores - RF",
            operations=[
                {"operation": "Pressing", "workstation": "Press", "time_in_mins": 30.0, "completed_qty": 0.0},
            ],
            required_items=[{"item_code": "RM-1", "required_qty": 20.0, "consumed_qty": 0.0}],
        )  # fmt: skip
    add("Customer", "Kunde AG", customer_name="Kunde AG", disabled=0)
    add("Supplier", "Stahl GmbH", supplier_name="Stahl GmbH", disabled=0)
    line = {"rate": 30.0, "uom": "Nos", "conversion_factor": 1.0}
    add("Sales Order", "SAL-ORD-2026-00001", docstatus=1, customer="Kunde AG", po_no="PO-77", status="To Deliver",
        items=[{"item_code": "FG-100", "qty": 10.0, "delivered_qty": 0.0, "delivery_date": "2026-11-08", **line}],
    )  # fmt: skip
    bought = {"received_qty": 0.0, "schedule_date": "2026-11-07", **line}
    add("Purchase Order", "PUR-ORD-2026-00001", docstatus=1, supplier="Stahl GmbH", status="To Receive and Bill",
        items=[{"item_code": "RM-1", "qty": 50.0, **bought}, {"item_code": "FG-100", "qty": 5.0, **bought}],
    )  # fmt: skip
