"""What an exception is linked to: codes of a reading turned into rows, then completed from the plant.

A work unit brings its centre and area, the order running on it, that order's item, promise and customer; a purchase
line its item and supplier. Completion never overrides what was said. Knows nothing of keys, status or routes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from exceptions_app.models import ExceptionRecord
from plant_app.models import (
    Area,
    Customer,
    Item,
    Lot,
    Operation,
    OperationStatus,
    PurchaseOrderLine,
    SalesOrderLine,
    Site,
    Supplier,
    WorkCentre,
    WorkOrder,
    WorkUnit,
)
from plant_app.selectors.floor import ON_UNIT

# Types in which the running order is what suffers; for the others it is only the place.
_ABOUT_RUNNING_ORDER = frozenset({"machine_downtime", "tooling", "quality_hold", "safety_stop"})
_TAKES_ORDER = _ABOUT_RUNNING_ORDER | {"material_shortage"}


@dataclass
class Links:
    """The rows one exception is linked to; None where nothing is known."""

    site: Site | None = None
    area: Area | None = None
    work_centre: WorkCentre | None = None
    work_unit: WorkUnit | None = None
    work_order: WorkOrder | None = None
    operation: Operation | None = None
    item: Item | None = None
    lot: Lot | None = None
    sales_line: SalesOrderLine | None = None
    purchase_line: PurchaseOrderLine | None = None
    customer: Customer | None = None
    supplier: Supplier | None = None
    tool: str = ""

    @property
    def anything(self) -> bool:
        """Linked to something in the plant more telling than its site."""
        return any(
            getattr(self, one.name) for one in fields(self) if one.name not in {"site", "tool"}
        ) or bool(self.tool)

    def put_on(self, exception: ExceptionRecord) -> None:
        """Set the links on the record; what is not known stays as it is."""
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name != "tool" and value is not None:
                setattr(exception, one.name, value)
        if self.tool:
            exception.details = {**exception.details, "tool": self.tool}


def from_codes(codes: Mapping[str, str]) -> Links:
    """Rows for a reading's links (kind -> code); one query per kind named. A code that is gone is simply not linked."""
    links = Links(tool=codes.get("tool", ""))
    if code := codes.get("work_unit"):
        links.work_unit = WorkUnit.objects.select_related("work_centre__area__site").filter(code=code).first()
    unit = links.work_unit
    code = codes.get("work_centre", "")
    if code and unit is not None and unit.work_centre.code == code:
        links.work_centre = unit.work_centre
    elif code:
        links.work_centre = WorkCentre.objects.select_related("area__site").filter(code=code).first()
    if code := codes.get("area"):
        found = Area.objects.select_related("site").filter(code=code)
        links.area = found.first() if len(found[:2]) == 1 else None
    if code := codes.get("work_order"):
        _work_order(links, code)
    code = codes.get("item", "")
    if code and links.work_order is not None and links.work_order.item.code == code:
        links.item = links.work_order.item
    elif code:
        links.item = Item.objects.select_related("group").filter(code=code).first()
    if code := codes.get("lot"):
        links.lot = _lot(code, links.item)
    _order_lines(links, codes)
    if code := codes.get("customer"):
        links.customer = Customer.objects.filter(code=code).first()
    if code := codes.get("supplier"):
        links.supplier = Supplier.objects.filter(code=code).first()
    return links


_ORDER = ("work_order__site", "work_order__item__group", "work_order__sales_line__order__customer")


def _on_unit(unit: WorkUnit) -> Operation | None:
    """What is on the unit now, running before changeover before stopped, with its order. One query."""
    rows = list(Operation.objects.filter(actual_unit=unit, status__in=ON_UNIT).select_related(*_ORDER))
    return min(rows, key=lambda row: ON_UNIT.index(OperationStatus(row.status)), default=None)


def _work_order(links: Links, number: str) -> None:
    """The order of that number, with its operation where it is the one running on the unit named."""
    if links.work_unit is not None:
        operation = _on_unit(links.work_unit)
        if operation is not None and operation.work_order.number == number:
            links.work_order, links.operation = operation.work_order, operation
            return
    links.work_order = (
        WorkOrder.objects.select_related("site", "item__group", "sales_line__order__customer")
        .filter(number=number)
        .first()
    )


def _lot(code: str, item: Item | None) -> Lot | None:
    lots = Lot.objects.select_related("item__group").filter(code=code)
    if item is not None:
        lots = lots.filter(item=item)
    found = list(lots[:2])
    return found[0] if len(found) == 1 else None


def split_line(code: str) -> tuple[str, str]:
    """ "40017733/10" -> order and line; without a line the second part is empty."""
    number, _, line = code.rpartition("/")
    return (number, line) if number and line.isdigit() else (code, "")


def _order_lines(links: Links, codes: Mapping[str, str]) -> None:
    """Sales and purchase lines, named by line or by an order that has only one."""
    sales = codes.get("sales_order_line") or codes.get("sales_line") or codes.get("sales_order")
    if sales:
        number, line = split_line(sales)
        rows = SalesOrderLine.objects.select_related("order__customer", "order__site", "item__group").filter(
            order__number=number
        )
        found = list((rows.filter(line=int(line)) if line else rows)[:2])
        if len(found) == 1:
            links.sales_line = found[0]
        elif found:
            links.customer = found[0].order.customer
    bought = codes.get("purchase_order_line") or codes.get("purchase_line") or codes.get("purchase_order")
    if bought:
        number, line = split_line(bought)
        lines = PurchaseOrderLine.objects.select_related(
            "order__supplier", "order__site", "item__group"
        ).filter(order__number=number)
        rows_found = list((lines.filter(line=int(line)) if line else lines)[:2])
        if len(rows_found) == 1:
            links.purchase_line = rows_found[0]
        elif rows_found:
            links.supplier = rows_found[0].order.supplier


def complete(links: Links, *, type_code: str) -> Links:
    """Fill what follows from what is known. At most two queries (what runs on the unit, where an order runs)."""
    if links.work_unit is not None:
        links.work_centre = links.work_centre or links.work_unit.work_centre
    if links.work_centre is not None:
        links.area = links.area or links.work_centre.area
    if links.area is not None:
        links.site = links.site or links.area.site
    if links.work_unit is not None and links.operation is None and type_code in _TAKES_ORDER:
        _running(links)
    if links.work_order is not None and links.operation is None and links.work_unit is not None:
        links.operation = (
            Operation.objects.filter(work_order=links.work_order, work_unit=links.work_unit)
            .exclude(status__in=("finished", "cancelled"))
            .order_by("number")
            .first()
        )
    order = links.work_order
    if order is not None:
        links.site = links.site or order.site
        if type_code in _ABOUT_RUNNING_ORDER or type_code in {"order_change", "labour_shortage"}:
            links.item = links.item or order.item
        links.sales_line = links.sales_line or order.sales_line
    if links.lot is not None:
        links.item = links.lot.item
    if links.sales_line is not None:
        links.customer = links.customer or links.sales_line.order.customer
        links.item = links.item or links.sales_line.item
        links.site = links.site or links.sales_line.order.site
    if links.purchase_line is not None:
        links.supplier = links.supplier or links.purchase_line.order.supplier
        links.item = links.item or links.purchase_line.item
        links.site = links.site or links.purchase_line.order.site
    return links


def _running(links: Links) -> None:
    unit = links.work_unit
    if unit is None:
        return
    operation = _on_unit(unit)
    if operation is None:
        return
    if links.work_order is None:
        links.work_order = operation.work_order
        links.operation = operation
    elif links.work_order.pk == operation.work_order_id:
        links.operation = operation


def summary(exception: ExceptionRecord) -> dict[str, Any]:
    """The links as codes, for API and events; only what is known."""
    pairs = {
        "site": exception.site.code,
        "area": exception.area.code if exception.area else None,
        "work_centre": exception.work_centre.code if exception.work_centre else None,
        "work_unit": exception.work_unit.code if exception.work_unit else None,
        "work_order": exception.work_order.number if exception.work_order else None,
        "operation": exception.operation.number if exception.operation else None,
        "item": exception.item.code if exception.item else None,
        "lot": exception.lot.code if exception.lot else None,
        "sales_line": str(exception.sales_line) if exception.sales_line else None,
        "purchase_line": str(exception.purchase_line) if exception.purchase_line else None,
        "customer": exception.customer.code if exception.customer else None,
        "supplier": exception.supplier.code if exception.supplier else None,
        "reason": exception.reason.code if exception.reason else None,
    }
    return {name: value for name, value in pairs.items() if value is not None}
