"""The little plant a torture runs on: one site, plenty of stock, many work orders and purchase lines.

The same for every run, so that the ERP built from it is kept as a dump and comes back in seconds. Must not know: what
is posted to it.
"""

from typing import Any, Final

SITE: Final = "TOR"
ZONE: Final = "Europe/Berlin"
SEAL, ROD, CYLINDER = "T-SEAL", "T-ROD", "T-CYL"
RACK, SHELF, CAGE = "TOR-A01", "TOR-A02", "TOR-BLK"
OPENING: Final = 500_000  # of the seal in each of the two places, of the rod in the rack
ORDERS: Final = tuple(f"7{number:05}" for number in range(1, 81))
PURCHASES: Final = tuple(f"8{number:05}" for number in range(1, 9))
ORDER_QUANTITY: Final = 50
OPERATIONS: Final = (10, 20)
#: Far enough ahead that a changed date never lies in the past.
PLANNED_START, PLANNED_END = "2035-01-08", "2035-01-12"
#: What is measured, by the control of one point that judges it in the ERP; limits in thousandths of a millimetre.
BORE: Final = "BORE"
BORE_LIMITS: Final = (11_980, 12_020)
BORE_CONTROL: Final[dict[str, Any]] = {
    "name": "Torture bore",
    "points": [["create", [{
        "name": "bore_mm", "string": "Bore", "type_": "numeric", "digits": 3,
        "tolerance_lower": BORE_LIMITS[0] / 1000, "tolerance_upper": BORE_LIMITS[1] / 1000,
    }]]],
}  # fmt: skip
COST_ACCOUNTS: Final = {"downtime": "6910", "scrap": "6920", "rework": "6930", "clearing": "6999"}


def plant() -> dict[str, Any]:
    """What the ERP is filled with, in the shape of `manage.py export_plant`."""
    works = [
        {"number": number, "name": name, "work_centre": "T-WC", "setup_minutes": 5, "run_minutes_per_unit": 1}
        for number, name in zip(OPERATIONS, ("Turn", "Assemble"), strict=True)
    ]
    return {
        "company": {"name": "Torture Works", "currency": "EUR"},
        "sites": [{"code": SITE, "name": "Torture Works"}],
        "work_centres": [{"code": "T-WC", "name": "Bench", "site": SITE, "cost_per_hour": "60"}],
        "items": [
            _item(CYLINDER, "Cylinder", "made", "180.00"),
            _item(ROD, "Rod", "bought", "22.50"),
            _item(SEAL, "Seal", "bought", "4.20"),
        ],
        "boms": [{"item": CYLINDER, "components": [{"item": ROD, "quantity": "1"}]}],
        "routings": [{"item": CYLINDER, "operations": works}],
        "customers": [],
        "suppliers": [{"code": "T-SUP", "name": "Seals and more"}],
        "locations": [
            {"code": RACK, "name": "Rack", "site": SITE, "kind": "storage"},
            {"code": SHELF, "name": "Shelf", "site": SITE, "kind": "storage"},
            {"code": CAGE, "name": "Cage", "site": SITE, "kind": "blocked"},
        ],
        "lots": [],
        "stock": [
            {"item": item, "location": place, "lot": "", "quantity": str(OPENING)}
            for item, place in ((ROD, RACK), (SEAL, RACK), (SEAL, SHELF))
        ],
        "work_orders": [
            {
                "number": number, "item": CYLINDER, "quantity": str(ORDER_QUANTITY), "site": SITE,
                "planned_start": PLANNED_START, "planned_end": PLANNED_END,
                "operations": [{"number": work["number"], "work_centre": "T-WC"} for work in works],
            }
            for number in ORDERS
        ],
        "sales_orders": [],
        "purchase_orders": [
            {
                "number": number, "supplier": "T-SUP",
                "lines": [{"line": 10, "item": SEAL, "quantity": "100000", "promised_date": PLANNED_END}],
            }
            for number in PURCHASES
        ],
    }  # fmt: skip


def _item(code: str, name: str, source: str, cost: str) -> dict[str, str]:
    return {
        "code": code, "name": name, "uom": "pcs", "standard_cost": cost, "group": "torture", "source": source,
    }  # fmt: skip
