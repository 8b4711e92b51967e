"""The writers of mirrored orders: work orders with their operations, sales and purchase lines.

ERP ends orders, but never takes back what the floor began. Overlays are compared by the caller.
"""

from typing import Any

from plant_app.mirrored import is_gone
from plant_app.models import (
    Customer,
    Item,
    PurchaseOrder,
    PurchaseOrderLine,
    SalesOrder,
    SalesOrderLine,
    Supplier,
    WorkOrder,
    WorkOrderStatus,
)
from plant_app.services.mirror_book import (
    Book,
    Pulled,
    Unknown,
    Written,
    amounts,
    by_identity,
    fit,
    meant,
    moments,
    save,
)
from plant_app.services.mirror_operations import follow_operations, make_operations

_RANK = {WorkOrderStatus.PLANNED: 0, WorkOrderStatus.RELEASED: 1, WorkOrderStatus.RUNNING: 2}


def _status(order: WorkOrder | None, said: Any) -> dict[str, Any]:
    """ERP's word on the status, where it may count: it ends orders, but never takes back what the floor began.

    One that was cancelled here only because ERP had it no more goes on when ERP has it again.
    """
    if said not in WorkOrderStatus.values:
        return {}
    if order is not None and order.status == WorkOrderStatus.CANCELLED and is_gone(order.erp_version):
        return {"status": said}
    if order is None or said in (WorkOrderStatus.FINISHED, WorkOrderStatus.CANCELLED):
        return {"status": said}
    return (
        {"status": said}
        if order.status in _RANK and _RANK[said] > _RANK[WorkOrderStatus(order.status)]
        else {}
    )


def work_order(record: Pulled, book: Book) -> Written:
    data = record.data
    order, _renamed = meant(WorkOrder, {"number": record.code}, record, book)
    site = order.site if order is not None else book.site(data)
    values: dict[str, Any] = amounts(data, "quantity") | _status(order, data.get("status"))
    values |= moments(
        data, order, site.timezone,
        {"planned_start": ("planned_start", "planned_start_date"), "planned_end": ("planned_end", "planned_date"),
         "need_by": ("need_by", "need_by_date")},
    )  # fmt: skip

    def defaults() -> dict[str, Any]:
        end = values.get("planned_end") or values.get("need_by")
        if end is None or "quantity" not in values:
            raise Unknown("a new work order needs a quantity and a planned end", field="planned_end")
        plan = {"planned_start": end, "planned_end": end, "need_by": end}
        return {"item": book.get(Item, data.get("item")), "site": site} | {
            name: value for name, value in plan.items() if name not in values
        }

    row, change, fields = save(WorkOrder, {"number": record.code}, values, record, book, defaults)
    listed = data.get("operations") or []
    if change == "created":
        make_operations(row, listed, book)
    elif followed := follow_operations(row, listed, book):
        change, fields = "updated" if change == "unchanged" else change, fields | followed
    return Written(change, row, fields)


def _line_key(record: Pulled) -> tuple[str, int]:
    data = record.data
    number, _slash, line = record.code.rpartition("/")
    try:
        return str(data.get("order") or data.get("number") or number), int(data.get("line") or line)
    except ValueError as error:
        raise Unknown(f"{record.code!r} is not number/line", field="code") from error


def _order(model: type[Any], line_model: type[Any], number: str, record: Pulled, book: Book) -> Any:
    """The order of a line, None for a new one.

    An order whose line ERP now has under another number was itself renamed, unless ERP still names the old one too:
    then only the line has moved.
    """
    order = model.objects.filter(number=number).select_related("site").first()
    if order is not None:
        return order
    line = by_identity(line_model, record, book)
    if line is None or any(code.rpartition("/")[0] == line.order.number for code in book.codes):
        return None
    line.order.number = fit(model, {"number": number})["number"]
    line.order.save(update_fields=["number"])
    return line.order


def sales_line(record: Pulled, book: Book) -> Written:
    data = record.data
    number, line = _line_key(record)
    order = _order(SalesOrder, SalesOrderLine, number, record, book)
    if order is None:
        order = SalesOrder.objects.create(
            site=book.site(data), customer=book.get(Customer, data.get("customer")),
            **fit(SalesOrder, {"number": number, "po_number": str(data.get("po_number") or "")}),
        )  # fmt: skip
    row = meant(SalesOrderLine, {"order": order, "line": line}, record, book)[0]
    values: dict[str, Any] = amounts(data, "quantity", "delivered", "unit_price")
    if data.get("cancelled") is not None:
        values["cancelled"] = bool(data["cancelled"])
    elif row is not None and is_gone(row.erp_version):
        values["cancelled"] = False  # it was only cancelled because ERP had it no more
    values |= moments(
        data, row, order.site.timezone,
        {"requested_at": ("requested_at", "requested_date"), "commit_at": ("commit_at", "commit_date")},
    )  # fmt: skip

    def defaults() -> dict[str, Any]:
        promised = values.get("commit_at") or values.get("requested_at")
        if promised is None or "quantity" not in values:
            raise Unknown("a new sales line needs a quantity and a date", field="requested_at")
        dates = {"requested_at": promised, "commit_at": promised}
        return {"item": book.get(Item, data.get("item"))} | {
            name: value for name, value in dates.items() if name not in values
        }

    saved, change, fields = save(
        SalesOrderLine, {"order": order, "line": line}, values, record, book, defaults
    )
    return Written(change, saved, fields)


def purchase_line(record: Pulled, book: Book) -> Written:
    data = record.data
    number, line = _line_key(record)
    order = _order(PurchaseOrder, PurchaseOrderLine, number, record, book)
    if order is None:
        supplier = book.get(Supplier, data.get("supplier"))
        order = PurchaseOrder.objects.create(
            site=book.site(data), supplier=supplier, **fit(PurchaseOrder, {"number": number})
        )
    row = meant(PurchaseOrderLine, {"order": order, "line": line}, record, book)[0]
    values: dict[str, Any] = amounts(data, "quantity", "received")
    values |= moments(
        data, row, order.site.timezone, {"promised_at": ("promised_at", "promised_date")}
    )  # fmt: skip

    def defaults() -> dict[str, Any]:
        if "promised_at" not in values or "quantity" not in values:
            raise Unknown("a new purchase line needs a quantity and a date", field="promised_at")
        return {"item": book.get(Item, data.get("item"))}

    saved, change, fields = save(
        PurchaseOrderLine, {"order": order, "line": line}, values, record, book, defaults
    )
    return Written(change, saved, fields)
