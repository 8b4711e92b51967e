"""How Odoo's rows become the mirror's records, entity by entity.

Owns models, domains, fields and words. Related codes (an item's, a partner's) are read once per page, never taken out
of the names Odoo shows. Must not know: paging, watermarks, the mirror's tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from erp_sync.adapters.odoo.catalogue import UNITS, day, ident, label, moment, number
from erp_sync.adapters.odoo.client import Domain, Row
from erp_sync.adapters.odoo.production import Desk
from erp_sync.adapters.port import Record

STATUS = {
    "draft": "planned",
    "confirmed": "released",
    "progress": "running",
    "to_close": "running",
    "done": "finished",
    "cancel": "cancelled",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One entity: where it is read, under which condition, and what is made of a page of it.

    `parents`: relations whose own change counts as the row's; `optional` fields are asked for where they exist.
    """

    model: str
    domain: Domain
    fields: tuple[str, ...]
    read: Callable[[Desk, list[Row]], Iterator[Record]]
    parents: tuple[str, ...] = ()
    optional: tuple[str, ...] = field(default=())

    def wanted(self, desk: Desk) -> list[str]:
        known = desk.client.fields(self.model) if self.optional else frozenset[str]()
        return [*self.fields, *(name for name in self.optional if name in known)]


@dataclass(frozen=True, slots=True)
class Held:
    """A quantity somewhere: names for people, ids for identity."""

    product: int
    place: str
    lot: str
    quantity: Decimal


EMPTY: Held | None = None


def _amount(value: Any) -> str:
    return format(number(value), "f")


def _day(desk: Desk, value: Any) -> str:
    found = day(value, desk.catalogue.zone)
    return found.isoformat() if found else ""


def _codes(desk: Desk, model: str, name: str, ids: Iterable[int | None]) -> dict[int | None, str]:
    """Code by id; an id where a record has no code of its own."""
    wanted = sorted({one for one in ids if one})
    if not wanted:
        return {}
    found = desk.client.search(model, [["id", "in", wanted]], [name], context={"active_test": False})
    return {row["id"]: str(row[name] or row["id"]) for row in found}


def _items_of(desk: Desk, found: list[Row], name: str = "product_id") -> dict[int | None, str]:
    return _codes(desk, "product.product", "default_code", (ident(row[name]) for row in found))


def _unit(desk: Desk, relation: Any) -> str:
    theirs = label(relation)
    ours = desk.catalogue.ours("unit", theirs)
    return ours if ours != theirs else UNITS.get(theirs, theirs)


def _record(entity: str, code: str, row: Row, data: dict[str, Any], *, gone: bool = False) -> Record:
    return Record(entity, code, str(row["id"]), data, moment(row["write_date"]), gone)


def _items(desk: Desk, found: list[Row]) -> Iterator[Record]:
    for row in found:
        data = {
            "name": row["name"],
            "uom": _unit(desk, row["uom_id"]),
            "standard_cost": _amount(row["standard_price"]),
            "source": "made" if row.get("bom_ids") else "bought",
            "active": bool(row["active"]),
        }
        yield _record("items", str(row["default_code"]), row, data, gone=not row["active"])


def _work_centres(desk: Desk, found: list[Row]) -> Iterator[Record]:
    for row in found:
        code = desk.catalogue.ours("work_centre", str(row["code"] or row["name"]))
        data = {
            "name": row["name"],
            "cost_per_hour": _amount(row["costs_hour"]),
            "active": bool(row["active"]),
        }
        yield _record("work_centres", code, row, data, gone=not row["active"])


def _work_orders(desk: Desk, found: list[Row]) -> Iterator[Record]:
    """Orders with their operations (numbered in their order, by tens) and components."""
    ids = [row["id"] for row in found]
    fields = ["production_id", "name", "workcenter_id", "duration_expected", "state", "qty_produced"]
    works = desk.client.search("mrp.workorder", [["production_id", "in", ids]], fields) if ids else []
    centres = _centres(desk, works)
    raw = ["raw_material_production_id", "product_id", "product_uom_qty", "quantity", "state"]
    domain = [["raw_material_production_id", "in", ids], ["state", "!=", "cancel"]]
    moves = desk.client.search("stock.move", domain, raw) if ids else []
    items = _items_of(desk, [*found, *moves])
    operations: dict[int | None, list[Row]] = defaultdict(list)
    components: dict[int | None, list[Row]] = defaultdict(list)
    for work in works:
        mine = operations[ident(work["production_id"])]
        mine.append(
            {
                "number": (len(mine) + 1) * 10,
                "name": work["name"],
                "work_centre": centres.get(ident(work["workcenter_id"]), ""),
                "run_minutes": _amount(work["duration_expected"]),
                "confirmed": _amount(work["qty_produced"]),
            }
        )
    for move in moves:
        components[ident(move["raw_material_production_id"])].append(
            {
                "item": items.get(ident(move["product_id"]), ""),
                "quantity": _amount(move["product_uom_qty"]),
                "withdrawn": _amount(move["quantity"]) if move["state"] == "done" else "0",
            }
        )
    for row in found:
        data = {
            "item": items.get(ident(row["product_id"]), ""),
            "quantity": _amount(row["product_qty"]),
            "status": STATUS.get(str(row["state"]), ""),
            "planned_start": _day(desk, row["date_start"]),
            "planned_end": _day(desk, row["date_finished"]),
            "need_by": _day(desk, row["date_deadline"]),
            "operations": operations[row["id"]],
            "components": components[row["id"]],
        }
        if site := _site(desk, row.get("warehouse_id")):
            data["site"] = site
        yield _record("work_orders", str(row["name"]), row, data)


def _centres(desk: Desk, works: list[Row]) -> dict[int | None, str]:
    ids = sorted({one for work in works if (one := ident(work["workcenter_id"]))})
    found = (
        desk.client.search(
            "mrp.workcenter", [["id", "in", ids]], ["code", "name"], context={"active_test": False}
        )
        if ids
        else []
    )
    return {row["id"]: desk.catalogue.ours("work_centre", str(row["code"] or row["name"])) for row in found}


def _site(desk: Desk, warehouse: Any) -> str:
    """Our site of a warehouse, by its short code."""
    found = ident(warehouse)
    if found is None:
        return ""
    code = _codes(desk, "stock.warehouse", "code", [found]).get(found, "")
    return desk.catalogue.ours("site", code)


def _lines(
    entity: str, partner: str, numbers: dict[str, str]
) -> Callable[[Desk, list[Row]], Iterator[Record]]:
    """Lines of sales or purchase orders. A line's number is its id: Odoo has no other that stays."""

    def read(desk: Desk, found: list[Row]) -> Iterator[Record]:
        model = "sale.order" if entity == "sales_lines" else "purchase.order"
        extra = ["client_order_ref", "commitment_date"] if entity == "sales_lines" else []
        fields = ["name", "state", "partner_id", *extra]
        orders = {
            row["id"]: row
            for row in desk.client.search(
                model, [["id", "in", sorted({row["order_id"][0] for row in found})]], fields
            )
        } if found else {}  # fmt: skip
        items = _items_of(desk, found)
        partners = _codes(desk, "res.partner", "ref", (ident(row["partner_id"]) for row in orders.values()))
        for row in found:
            order = orders[row["order_id"][0]]
            data = {
                "order": order["name"],
                "line": row["id"],
                "item": items.get(ident(row["product_id"]), ""),
                partner: partners.get(ident(order["partner_id"]), ""),
                **{ours: _amount(row[theirs]) for ours, theirs in numbers.items()},
            }
            if entity == "sales_lines":
                data["po_number"] = order["client_order_ref"] or ""
                data["commit_date"] = _day(desk, order["commitment_date"])
                data["cancelled"] = order["state"] == "cancel"
            else:
                data["promised_date"] = _day(desk, row["date_planned"])
            gone = order["state"] == "cancel"
            yield _record(entity, f"{order['name']}/{row['id']}", row, data, gone=gone)

    return read


def _partners(entity: str) -> Callable[[Desk, list[Row]], Iterator[Record]]:
    def read(desk: Desk, found: list[Row]) -> Iterator[Record]:
        for row in found:
            data = {"name": row["name"], "email": row["email"] or "", "active": bool(row["active"])}
            code = str(row["ref"] or row["id"])
            yield _record(entity, code, row, data, gone=not row["active"])

    return read


def held(desk: Desk, domain: Domain) -> dict[str, Held | None]:
    """Quantities in internal places by `product|place|lot` in ids; packages and owners are added up."""
    totals: dict[str, Held | None] = {}
    wanted = [["location_id.usage", "=", "internal"], *domain]
    for page in desk.client.pages("stock.quant", wanted, ["product_id", "location_id", "lot_id", "quantity"]):
        for row in page:
            key = f"{ident(row['product_id'])}|{ident(row['location_id'])}|{ident(row['lot_id']) or ''}"
            before = totals.get(key)
            quantity = number(row["quantity"]) + (before.quantity if before else 0)
            totals[key] = Held(
                ident(row["product_id"]) or 0, label(row["location_id"]), label(row["lot_id"]), quantity
            )
    return totals


def stock_records(desk: Desk, totals: dict[str, Held | None]) -> Iterator[Record]:
    """Records of quantities; what is gone from Odoo (None) is read by its ids and told as zero."""
    parts = {key: [int(one) if one else None for one in key.split("|")] for key in totals}
    items = _codes(desk, "product.product", "default_code", (one[0] for one in parts.values()))
    gone = [parts[key] for key, found in totals.items() if found is None]
    inside = {
        row["id"]: str(row["complete_name"])
        for row in desk.client.search(
            "stock.location", [["id", "in", sorted({one[1] or 0 for one in gone})]], ["complete_name", "usage"]
        )
        if row["usage"] == "internal"
    } if gone else {}  # fmt: skip
    lots = _codes(desk, "stock.lot", "name", (one[2] for one in gone))
    blocked, named = desk.catalogue.places("blocked"), desk.catalogue.places("location")
    for key, found in totals.items():
        product, location, lot = parts[key]
        if found is None and location not in inside:
            continue
        theirs = found.place if found else inside[location]
        place = named.get(location or 0, theirs)
        data = {
            "item": items.get(product, ""),
            "location": place,
            "lot": found.lot if found else lots.get(lot, ""),
            "quantity": format(found.quantity if found else Decimal(0), "f"),
        }
        if location in blocked:
            data["status"] = "blocked"
        yield Record("stock", f"{data['item']}|{place}|{data['lot']}", key, data)


KINDS: dict[str, Kind] = {
    "items": Kind(
        "product.product",
        [["default_code", "!=", False]],
        ("default_code", "name", "uom_id", "standard_price", "active"),
        _items,
        ("product_tmpl_id.",),
        ("bom_ids",),
    ),
    "work_centres": Kind("mrp.workcenter", [], ("code", "name", "costs_hour", "active"), _work_centres),
    "work_orders": Kind(
        "mrp.production",
        [["name", "!=", False]],
        ("name", "product_id", "product_qty", "state", "date_start", "date_finished", "date_deadline"),
        _work_orders,
        (),
        ("warehouse_id",),
    ),
    "sales_lines": Kind(
        "sale.order.line",
        [["display_type", "=", False], ["order_id.state", "in", ["sale", "done", "cancel"]]],
        ("order_id", "product_id", "product_uom_qty", "qty_delivered", "price_unit"),
        _lines(
            "sales_lines",
            "customer",
            {"quantity": "product_uom_qty", "delivered": "qty_delivered", "unit_price": "price_unit"},
        ),
        ("order_id.",),
    ),
    "purchase_lines": Kind(
        "purchase.order.line",
        [["display_type", "=", False], ["order_id.state", "in", ["purchase", "done", "cancel"]]],
        ("order_id", "product_id", "product_qty", "qty_received", "date_planned"),
        _lines("purchase_lines", "supplier", {"quantity": "product_qty", "received": "qty_received"}),
        ("order_id.",),
    ),
    "customers": Kind(
        "res.partner", [["customer_rank", ">", 0]], ("ref", "name", "email", "active"), _partners("customers")
    ),
    "suppliers": Kind(
        "res.partner", [["supplier_rank", ">", 0]], ("ref", "name", "email", "active"), _partners("suppliers")
    ),
}
