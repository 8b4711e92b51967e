"""One writer per mirrored kind: ERP's record in, our row created, updated or left as it is.

Only columns that differ are written. A date without a time keeps the time of day the plant planned with, since ERPs
often know days only. Overlays are compared by the caller.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

from django.db.models import Model

from plant_app.models import (
    Customer,
    Item,
    ItemGroup,
    Lot,
    Operation,
    PurchaseOrder,
    PurchaseOrderLine,
    SalesOrder,
    SalesOrderLine,
    Site,
    StockLayer,
    StockLocation,
    StockRow,
    StockStatus,
    Supplier,
    WorkCentre,
    WorkOrder,
    WorkOrderStatus,
)
from plant_app.selectors.effective import Target

Change = Literal["created", "updated", "unchanged"]
END_OF_DAY = time(16)


class Pulled(Protocol):
    """One ERP row as a connector hands it over."""

    @property
    def code(self) -> str: ...
    @property
    def external_id(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...
    @property
    def written_at(self) -> datetime | None: ...


class Unknown(LookupError):
    """A record speaks of something the plant does not have."""


@dataclass(frozen=True)
class Written:
    """What became of a record; `target` when overlays may lie on the row."""

    change: Change
    target: Target | None = None


@dataclass
class Book:
    """Rows looked up while one pull is applied, each once."""

    read_at: datetime
    stock_rows: set[int] = field(default_factory=set)
    stock_locations: set[int] = field(default_factory=set)
    _found: dict[tuple[type[Model], str], Any] = field(default_factory=dict)

    def get(self, model: type[Model], code: object, column: str = "code") -> Any:
        """The row of `model` with this code. Raises Unknown."""
        key = (model, str(code))
        if key not in self._found:
            row = model._default_manager.filter(**{column: code}).first() if code else None
            if row is None:
                raise Unknown(f"no {model._meta.verbose_name} {code!r}")
            self._found[key] = row
        return self._found[key]

    def site(self, data: Mapping[str, Any]) -> Site:
        """The site a record names; the only one where there is just one. Raises Unknown."""
        if data.get("site"):
            site: Site = self.get(Site, data["site"])
            return site
        sites = list(Site.objects.all()[:2])
        if len(sites) != 1:
            raise Unknown("no site given")
        return sites[0]


def _save(model: type[Model], identity: dict[str, Any], values: dict[str, Any], record: Pulled, book: Book,
          defaults: Callable[[], dict[str, Any]] | None = None) -> tuple[Any, Change]:  # fmt: skip
    mirror = {
        "erp_id": record.external_id,
        "erp_version": record.written_at.isoformat() if record.written_at else "",
        "erp_synced_at": book.read_at,
    }
    row: Any = model._default_manager.select_for_update(of=("self",), no_key=True).filter(**identity).first()
    if row is None:
        row = model._default_manager.create(**(identity | (defaults() if defaults else {}) | values | mirror))
        return row, "created"
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name, value in (values | mirror).items():
        setattr(row, name, value)
    row.save(update_fields=[*changed, *mirror])
    return row, "updated" if changed else "unchanged"


def _texts(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: str(data[name]) for name in names if data.get(name) not in (None, "")}


def _amounts(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: Decimal(str(data[name])) for name in names if data.get(name) is not None}


def _moment(value: Any, current: datetime | None, zone: str) -> datetime:
    """ERP's date or moment as an aware one. A bare date equal to the current value's local day changes nothing."""
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    place = ZoneInfo(zone)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if current is None:
        return datetime.combine(value, END_OF_DAY, tzinfo=place).astimezone(UTC)
    local = current.astimezone(place)
    return (
        current
        if local.date() == value
        else datetime.combine(value, local.time(), tzinfo=place).astimezone(UTC)
    )


def _moments(
    data: Mapping[str, Any], row: Model | None, zone: str, names: Mapping[str, tuple[str, ...]]
) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for column, keys in names.items():
        value = next((data[key] for key in keys if data.get(key) not in (None, "")), None)
        if value is not None:
            found[column] = _moment(value, getattr(row, column, None), zone)
    return found


def _item(record: Pulled, book: Book) -> Written:
    data = record.data
    values = _texts(data, "name", "uom") | _amounts(data, "standard_cost")
    sourcing = data.get("sourcing") or data.get("source")
    if sourcing in Item.Sourcing.values:
        values["sourcing"] = sourcing
    if data.get("group"):
        code = str(data["group"])
        values["group"], _new = ItemGroup.objects.get_or_create(code=code[:30], defaults={"name": code})

    def defaults() -> dict[str, Any]:
        group, _new = ItemGroup.objects.get_or_create(code="other", defaults={"name": "Other"})
        return {"name": record.code, "group": group} if "group" not in values else {}

    return Written(_save(Item, {"code": record.code}, values, record, book, defaults)[1])


def _work_centre(record: Pulled, book: Book) -> Written:
    """ERP knows cost and name of a work centre; where it stands is known here only, so none is created."""
    row: WorkCentre = book.get(WorkCentre, record.code)
    values = (
        _texts(record.data, "name") | _amounts(record.data, "cost_per_hour") | {"erp_id": record.external_id}
    )
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    if changed:
        row.save(update_fields=changed)
    return Written("updated" if changed else "unchanged")


def _partner(model: type[Customer] | type[Supplier]) -> Callable[[Pulled, Book], Written]:
    def write(record: Pulled, book: Book) -> Written:
        values = _texts(record.data, "name", "email")

        def defaults() -> dict[str, Any]:
            return {} if "name" in values else {"name": record.code}

        return Written(_save(model, {"code": record.code}, values, record, book, defaults)[1])

    return write


def _lot(record: Pulled, book: Book) -> Written:
    item = book.get(Item, record.data.get("item"))
    values = _texts(record.data, "supplier_code")
    return Written(_save(Lot, {"item": item, "code": record.code}, values, record, book)[1])


def _stock(record: Pulled, book: Book) -> Written:
    data = record.data
    location: StockLocation = book.get(StockLocation, data.get("location"))
    item = book.get(Item, data.get("item"))
    lot = Lot.objects.get_or_create(item=item, code=str(data["lot"]))[0] if data.get("lot") else None
    usual = StockStatus.BLOCKED if location.kind == StockLocation.Kind.BLOCKED else StockStatus.FREE
    row, created = StockRow.objects.select_for_update(of=("self",), no_key=True).get_or_create(
        item=item, lot=lot, location=location, status=data.get("status") or usual, layer=StockLayer.ERP, origin_ref="",
        defaults={"quantity": Decimal(0), "updated_at": book.read_at},
    )  # fmt: skip
    quantity = Decimal(str(data.get("quantity", 0)))
    changed = row.quantity != quantity
    row.quantity, row.updated_at = quantity, book.read_at
    row.save(update_fields=["quantity", "updated_at"])
    book.stock_rows.add(row.pk)
    book.stock_locations.add(location.pk)
    return Written("created" if created else "updated" if changed else "unchanged")


_RANK = {WorkOrderStatus.PLANNED: 0, WorkOrderStatus.RELEASED: 1, WorkOrderStatus.RUNNING: 2}


def _status(order: WorkOrder | None, said: Any) -> dict[str, Any]:
    """ERP's word on the status, where it may count: it ends orders, but never takes back what the floor began."""
    if said not in WorkOrderStatus.values:
        return {}
    if order is None or said in (WorkOrderStatus.FINISHED, WorkOrderStatus.CANCELLED):
        return {"status": said}
    return (
        {"status": said}
        if order.status in _RANK and _RANK[said] > _RANK[WorkOrderStatus(order.status)]
        else {}
    )


def _work_order(record: Pulled, book: Book) -> Written:
    data = record.data
    order = WorkOrder.objects.filter(number=record.code).select_related("site").first()
    site = order.site if order is not None else book.site(data)
    values: dict[str, Any] = _amounts(data, "quantity") | _status(order, data.get("status"))
    values |= _moments(
        data, order, site.timezone,
        {"planned_start": ("planned_start", "planned_start_date"), "planned_end": ("planned_end", "planned_date"),
         "need_by": ("need_by", "need_by_date")},
    )  # fmt: skip

    def defaults() -> dict[str, Any]:
        end = values.get("planned_end") or values.get("need_by")
        if end is None or "quantity" not in values:
            raise Unknown("a new work order needs a quantity and a planned end")
        plan = {"planned_start": end, "planned_end": end, "need_by": end}
        return {"item": book.get(Item, data.get("item")), "site": site} | {
            name: value for name, value in plan.items() if name not in values
        }

    row, change = _save(WorkOrder, {"number": record.code}, values, record, book, defaults)
    if change == "created":
        _operations(row, data.get("operations") or [], book)
    return Written(change, row)


def _operations(order: WorkOrder, operations: list[Mapping[str, Any]], book: Book) -> None:
    Operation.objects.bulk_create(
        Operation(
            work_order=order,
            number=int(row["number"]),
            name=str(row.get("name") or row["work_centre"]),
            work_centre=book.get(WorkCentre, row["work_centre"]),
            setup_minutes=Decimal(str(row.get("setup_minutes") or 0)),
            run_minutes=Decimal(str(row.get("run_minutes") or row.get("run_minutes_per_unit") or 0)),
            planned_start=order.planned_start,
            planned_end=order.planned_end,
        )
        for row in operations
    )


def _line_key(record: Pulled) -> tuple[str, int]:
    data = record.data
    number, _slash, line = record.code.rpartition("/")
    try:
        return str(data.get("order") or data.get("number") or number), int(data.get("line") or line)
    except ValueError as error:
        raise Unknown(f"{record.code!r} is not number/line") from error


def _sales_line(record: Pulled, book: Book) -> Written:
    data = record.data
    number, line = _line_key(record)
    order = SalesOrder.objects.filter(number=number).select_related("site").first()
    if order is None:
        order = SalesOrder.objects.create(
            number=number, site=book.site(data), customer=book.get(Customer, data.get("customer")),
            po_number=str(data.get("po_number") or ""),
        )  # fmt: skip
    row = order.lines.filter(line=line).first()
    values: dict[str, Any] = _amounts(data, "quantity", "delivered", "unit_price")
    if data.get("cancelled") is not None:
        values["cancelled"] = bool(data["cancelled"])
    values |= _moments(
        data, row, order.site.timezone,
        {"requested_at": ("requested_at", "requested_date"), "commit_at": ("commit_at", "commit_date")},
    )  # fmt: skip

    def defaults() -> dict[str, Any]:
        promised = values.get("commit_at") or values.get("requested_at")
        if promised is None or "quantity" not in values:
            raise Unknown("a new sales line needs a quantity and a date")
        dates = {"requested_at": promised, "commit_at": promised}
        return {"item": book.get(Item, data.get("item"))} | {
            name: value for name, value in dates.items() if name not in values
        }

    saved, change = _save(SalesOrderLine, {"order": order, "line": line}, values, record, book, defaults)
    return Written(change, saved)


def _purchase_line(record: Pulled, book: Book) -> Written:
    data = record.data
    number, line = _line_key(record)
    order = PurchaseOrder.objects.filter(number=number).select_related("site").first()
    if order is None:
        supplier = book.get(Supplier, data.get("supplier"))
        order = PurchaseOrder.objects.create(number=number, site=book.site(data), supplier=supplier)
    row = order.lines.filter(line=line).first()
    values: dict[str, Any] = _amounts(data, "quantity", "received")
    values |= _moments(
        data, row, order.site.timezone, {"promised_at": ("promised_at", "promised_date")}
    )  # fmt: skip

    def defaults() -> dict[str, Any]:
        if "promised_at" not in values or "quantity" not in values:
            raise Unknown("a new purchase line needs a quantity and a date")
        return {"item": book.get(Item, data.get("item"))}

    saved, change = _save(PurchaseOrderLine, {"order": order, "line": line}, values, record, book, defaults)
    return Written(change, saved)


WRITERS: dict[str, Callable[[Pulled, Book], Written]] = {
    "item": _item,
    "work_centre": _work_centre,
    "customer": _partner(Customer),
    "supplier": _partner(Supplier),
    "lot": _lot,
    "stock": _stock,
    "work_order": _work_order,
    "sales_line": _sales_line,
    "purchase_line": _purchase_line,
}
