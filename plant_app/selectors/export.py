"""The plant's master data and open orders as one plain document: what a new ERP is filled with.

Everything is named by code. Routings are read from the newest work order of each item, since routings are ERP's own.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from plant_app.models import (
    BomLine,
    Customer,
    Enterprise,
    Item,
    Lot,
    Operation,
    PurchaseOrder,
    SalesOrder,
    Site,
    StockLayer,
    StockLocation,
    StockRow,
    Supplier,
    WorkCentre,
    WorkOrder,
    WorkOrderStatus,
)

Rows = list[dict[str, Any]]
OPEN = (WorkOrderStatus.PLANNED, WorkOrderStatus.RELEASED, WorkOrderStatus.RUNNING)


def plant_document() -> dict[str, Any]:
    """Company, places, items, structure, partners, stock and open orders; decimals as text, dates in local time."""
    sites = list(Site.objects.all())
    enterprise = Enterprise.objects.order_by("pk").first()
    return {
        "company": {
            "name": enterprise.name if enterprise else "",
            "currency": _main_currency(sites),
        },
        "sites": [{"code": site.code, "name": site.name} for site in sites],
        "work_centres": [
            {"code": row.code, "name": row.name, "site": row.area.site.code, "cost_per_hour": _text(row.cost_per_hour)}
            for row in WorkCentre.objects.select_related("area__site")
        ],
        "items": [
            {
                "code": row.code, "name": row.name, "uom": row.uom, "standard_cost": _text(row.standard_cost),
                "group": row.group.code, "source": row.sourcing,
            }
            for row in Item.objects.select_related("group")
        ],
        "boms": _boms(),
        "routings": _routings(),
        "customers": [{"code": row.code, "name": row.name} for row in Customer.objects.order_by("code")],
        "suppliers": [{"code": row.code, "name": row.name} for row in Supplier.objects.order_by("code")],
        "locations": [
            {"code": row.code, "name": row.name, "site": row.site.code, "kind": row.kind}
            for row in StockLocation.objects.select_related("site")
        ],
        "lots": [
            {"code": row.code, "item": row.item.code} for row in Lot.objects.select_related("item").order_by("code")
        ],
        "stock": _stock(),
        "work_orders": _work_orders(),
        "sales_orders": _sales_orders(),
        "purchase_orders": _purchase_orders(),
    }  # fmt: skip


def _main_currency(sites: list[Site]) -> str:
    """The first site's, in order of founding: one company keeps its books in one currency."""
    return min(sites, key=lambda site: site.pk).currency if sites else "EUR"


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _local(moment: datetime, site: Site) -> str:
    return moment.astimezone(ZoneInfo(site.timezone)).isoformat(timespec="minutes")


def _boms() -> Rows:
    found: dict[str, Rows] = {}
    for line in BomLine.objects.select_related("parent", "component").order_by("parent__code", "pk"):
        found.setdefault(line.parent.code, []).append(
            {"item": line.component.code, "quantity": _text(line.quantity)}
        )
    return [{"item": item, "components": components} for item, components in found.items()]


def _routings() -> Rows:
    newest: dict[str, int] = dict(
        WorkOrder.objects.filter(operations__isnull=False)
        .order_by("item__code", "site__pk", "number")
        .values_list("item__code", "pk")
    )
    found: dict[int, Rows] = {}
    steps = Operation.objects.filter(work_order__in=newest.values()).select_related("work_centre")
    for step in steps.order_by("work_order", "number"):
        found.setdefault(step.work_order_id, []).append(
            {
                "number": step.number, "name": step.name, "work_centre": step.work_centre.code,
                "setup_minutes": _text(step.setup_minutes), "run_minutes_per_unit": _text(step.run_minutes),
            }
        )  # fmt: skip
    return [{"item": item, "operations": found[order]} for item, order in newest.items()]


def _stock() -> Rows:
    rows = StockRow.objects.filter(layer=StockLayer.ERP, quantity__gt=0).select_related(
        "item", "location", "lot"
    )
    return [
        {
            "item": row.item.code, "location": row.location.code, "lot": row.lot.code if row.lot else None,
            "quantity": _text(row.quantity),
        }
        for row in rows.order_by("item__code", "location__code", "pk")
    ]  # fmt: skip


def _work_orders() -> Rows:
    rows = WorkOrder.objects.filter(status__in=OPEN).select_related("item", "site")
    return [
        {
            "number": row.number, "item": row.item.code, "quantity": _text(row.quantity), "site": row.site.code,
            "status": row.status,
            "planned_start": _local(row.planned_start, row.site), "planned_end": _local(row.planned_end, row.site),
            "operations": [
                {
                    "number": step.number, "name": step.name, "work_centre": step.work_centre.code,
                    "setup_minutes": _text(step.setup_minutes), "run_minutes_per_unit": _text(step.run_minutes),
                    "finished": step.finished_at is not None,
                }
                for step in row.operations.all()
            ],
        }
        for row in rows.prefetch_related("operations__work_centre").order_by("number")
    ]  # fmt: skip


def _sales_orders() -> Rows:
    rows = (
        SalesOrder.objects.select_related("customer", "site")
        .prefetch_related("lines__item")
        .order_by("number")
    )
    return [
        {
            "number": row.number, "customer": row.customer.code, "po_number": row.po_number, "site": row.site.code,
            "lines": [
                {
                    "line": line.line, "item": line.item.code, "quantity": _text(line.quantity),
                    "unit_price": _text(line.unit_price), "requested_date": _local(line.requested_at, row.site),
                    "commit_date": _local(line.commit_at, row.site),
                }
                for line in lines
            ],
        }
        for row in rows
        if (lines := [line for line in row.lines.all() if line.delivered < line.quantity and not line.cancelled])
    ]  # fmt: skip


def _purchase_orders() -> Rows:
    rows = PurchaseOrder.objects.select_related("supplier", "site").prefetch_related("lines__item")
    return [
        {
            "number": row.number, "supplier": row.supplier.code, "site": row.site.code,
            "lines": [
                {
                    "line": line.line, "item": line.item.code, "quantity": _text(line.quantity),
                    "unit_price": _text(line.item.standard_cost), "promised_date": _local(line.promised_at, row.site),
                }
                for line in row.lines.all()
                if line.received < line.quantity
            ],
        }
        for row in rows.order_by("number")
    ]  # fmt: skip
