"""One writer per mirrored kind of thing: items, work centres, partners, lots, stock. Orders have theirs beside this.

ERP's record in, our row created, renamed, updated or left as it is. Overlays are compared by the caller.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from plant_app.models import (
    Customer,
    Item,
    ItemGroup,
    Lot,
    StockLayer,
    StockLocation,
    StockRow,
    Supplier,
    WorkCentre,
)
from plant_app.services.mirror_book import (
    Book,
    Pulled,
    Written,
    amount,
    amounts,
    differing,
    fit,
    meant,
    save,
    texts,
)
from plant_app.services.mirror_orders import purchase_line, sales_line, work_order
from plant_app.services.mirror_stock import only_these, usual_status


def _item(record: Pulled, book: Book) -> Written:
    data = record.data
    values = texts(data, "name", "uom") | amounts(data, "standard_cost")
    sourcing = data.get("sourcing") or data.get("source")
    if sourcing in Item.Sourcing.values:
        values["sourcing"] = sourcing
    if data.get("group"):
        code = str(data["group"])
        values["group"], _new = ItemGroup.objects.get_or_create(
            code=code[:30], defaults=fit(ItemGroup, {"name": code})
        )

    def defaults() -> dict[str, Any]:
        group, _new = ItemGroup.objects.get_or_create(code="other", defaults={"name": "Other"})
        return {"name": record.code, "group": group} if "group" not in values else {}

    _row, change, fields = save(Item, {"code": record.code}, values, record, book, defaults)
    return Written(change, None, fields)


def _work_centre(record: Pulled, book: Book) -> Written:
    """ERP knows cost and name of a work centre; where it stands is known here only, so none is created."""
    row, renamed = meant(WorkCentre, {"code": record.code}, record, book)
    if row is None:
        book.get(WorkCentre, record.code, "code")
    said = texts(record.data, "name") | amounts(record.data, "cost_per_hour")
    said |= {"erp_id": record.external_id} | ({"code": record.code} if renamed else {})
    values = fit(WorkCentre, said)
    fields = differing(row, values)
    for name in fields:
        setattr(row, name, values[name])
    if fields:
        row.save(update_fields=list(fields))
    return Written("renamed" if renamed else "updated" if fields else "unchanged", None, fields)


def _partner(model: type[Customer] | type[Supplier]) -> Callable[[Pulled, Book], Written]:
    def write(record: Pulled, book: Book) -> Written:
        values = texts(record.data, "name", "email")

        def defaults() -> dict[str, Any]:
            return {} if "name" in values else {"name": record.code}

        _row, change, fields = save(model, {"code": record.code}, values, record, book, defaults)
        return Written(change, None, fields)

    return write


def _lot(record: Pulled, book: Book) -> Written:
    item = book.get(Item, record.data.get("item"))
    values = texts(record.data, "supplier_code")
    _row, change, fields = save(Lot, {"item": item, "code": record.code}, values, record, book)
    return Written(change, None, fields)


def _stock(record: Pulled, book: Book) -> Written:
    """One row; or, with `only`, that there is nothing of an item but the rows it names."""
    data = record.data
    if "only" in data:
        return only_these(record, book)
    item = book.get(Item, data.get("item"))
    location: StockLocation = book.get(StockLocation, data.get("location"), "location")
    lot = None
    if data.get("lot"):
        lot = Lot.objects.get_or_create(item=item, **fit(Lot, {"code": str(data["lot"])}))[0]
    usual = usual_status(location)
    row, created = StockRow.objects.select_for_update(of=("self",), no_key=True).get_or_create(
        item=item, lot=lot, location=location, status=data.get("status") or usual, layer=StockLayer.ERP, origin_ref="",
        defaults={"quantity": Decimal(0), "updated_at": book.read_at},
    )  # fmt: skip
    held = 0 if getattr(record, "deleted", False) else data.get("quantity", 0)
    values = fit(StockRow, {"quantity": amount(held, "quantity")})
    fields = differing(row, values)
    row.quantity, row.updated_at = values["quantity"], book.read_at
    row.save(update_fields=["quantity", "updated_at"])
    book.stock_rows.add(row.pk)
    book.stock_locations.add(location.pk)
    return Written("created" if created else "updated" if fields else "unchanged", None, fields)


WRITERS: dict[str, Callable[[Pulled, Book], Written]] = {
    "item": _item,
    "work_centre": _work_centre,
    "customer": _partner(Customer),
    "supplier": _partner(Supplier),
    "lot": _lot,
    "stock": _stock,
    "work_order": work_order,
    "sales_line": sales_line,
    "purchase_line": purchase_line,
}
