"""The simulated Odoo's fields, relations, domains and seed. Must not know: protocols, HTTP."""

from fnmatch import fnmatchcase
from typing import Any

Row = dict[str, Any]

MODELS: dict[str, tuple[str, ...]] = {
    "product.product": ("default_code", "name", "uom_id", "standard_price", "active", "bom_ids", "tracking",
                        "product_tmpl_id"),
    "product.template": ("name",),
    "uom.uom": ("name",),
    "mrp.workcenter": ("code", "name", "costs_hour", "active"),
    "mrp.production": (
        "name", "origin", "state", "product_id", "product_qty", "qty_producing", "qty_produced", "date_start",
        "date_finished", "date_deadline", "warehouse_id", "lot_producing_id", "lot_producing_ids",
        "location_src_id", "location_dest_id",
    ),
    "mrp.workorder": ("production_id", "name", "workcenter_id", "duration_expected", "state", "qty_produced"),
    "mrp.workcenter.productivity": (
        "workorder_id", "workcenter_id", "loss_id", "description", "date_start", "date_end",
    ),
    "mrp.workcenter.productivity.loss": ("name", "loss_type"),
    "mrp.unbuild": ("name", "mo_id", "product_id", "product_qty", "lot_id", "state"),
    "stock.location": ("name", "complete_name", "barcode", "usage", "warehouse_id", "parent_id"),
    "stock.warehouse": ("code", "name", "lot_stock_id", "int_type_id"),
    "stock.picking.type": ("name",),
    "stock.lot": ("name", "product_id"),
    "stock.quant": ("product_id", "location_id", "lot_id", "quantity", "reserved_quantity"),
    "stock.picking": (
        "name", "origin", "state", "picking_type_id", "location_id", "location_dest_id", "move_ids", "note",
        "scheduled_date", "date_done",
    ),
    "stock.move": (
        "name", "picking_id", "product_id", "product_uom_qty", "product_uom", "quantity", "state", "location_id",
        "location_dest_id", "raw_material_production_id",
    ),
    "stock.move.line": (
        "picking_id", "move_id", "product_id", "lot_id", "quantity", "state", "location_id", "location_dest_id",
    ),
    "stock.scrap": (
        "name", "origin", "state", "product_id", "product_uom_id", "lot_id", "scrap_qty", "location_id",
        "scrap_location_id", "scrap_reason_tag_ids", "date_done",
    ),
    "stock.scrap.reason.tag": ("name",),
    "sale.order": ("name", "state", "partner_id", "client_order_ref", "commitment_date"),
    "sale.order.line": (
        "order_id", "product_id", "product_uom_qty", "qty_delivered", "price_unit", "display_type",
    ),
    "purchase.order": ("name", "state", "partner_id"),
    "purchase.order.line": (
        "order_id", "product_id", "product_qty", "qty_received", "date_planned", "display_type", "state",
    ),
    "res.partner": ("ref", "name", "email", "active", "customer_rank", "supplier_rank"),
    "maintenance.equipment": ("name", "serial_no"),
    "maintenance.stage": ("name", "done", "sequence"),
    "maintenance.request": (
        "name", "stage_id", "done", "archive", "description", "equipment_id", "maintenance_type", "priority",
        "request_date",
    ),
}  # fmt: skip
RELATIONS: dict[str, dict[str, str]] = {
    "product.product": {"uom_id": "uom.uom", "product_tmpl_id": "product.template"},
    "mrp.production": {
        "product_id": "product.product", "warehouse_id": "stock.warehouse", "lot_producing_id": "stock.lot",
        "location_src_id": "stock.location", "location_dest_id": "stock.location",
    },
    "mrp.workorder": {"production_id": "mrp.production", "workcenter_id": "mrp.workcenter"},
    "mrp.workcenter.productivity": {
        "workorder_id": "mrp.workorder", "workcenter_id": "mrp.workcenter",
        "loss_id": "mrp.workcenter.productivity.loss",
    },
    "mrp.unbuild": {"mo_id": "mrp.production", "product_id": "product.product", "lot_id": "stock.lot"},
    "stock.location": {"warehouse_id": "stock.warehouse", "parent_id": "stock.location"},
    "stock.warehouse": {"lot_stock_id": "stock.location", "int_type_id": "stock.picking.type"},
    "stock.lot": {"product_id": "product.product"},
    "stock.quant": {"product_id": "product.product", "location_id": "stock.location", "lot_id": "stock.lot"},
    "stock.picking": {
        "picking_type_id": "stock.picking.type", "location_id": "stock.location",
        "location_dest_id": "stock.location",
    },
    "stock.move": {
        "picking_id": "stock.picking", "product_id": "product.product", "product_uom": "uom.uom",
        "location_id": "stock.location", "location_dest_id": "stock.location",
        "raw_material_production_id": "mrp.production",
    },
    "stock.move.line": {
        "picking_id": "stock.picking", "move_id": "stock.move", "product_id": "product.product",
        "lot_id": "stock.lot", "location_id": "stock.location", "location_dest_id": "stock.location",
    },
    "stock.scrap": {
        "product_id": "product.product", "product_uom_id": "uom.uom", "lot_id": "stock.lot",
        "location_id": "stock.location", "scrap_location_id": "stock.location",
    },
    "sale.order": {"partner_id": "res.partner"},
    "sale.order.line": {"order_id": "sale.order", "product_id": "product.product"},
    "purchase.order": {"partner_id": "res.partner"},
    "purchase.order.line": {"order_id": "purchase.order", "product_id": "product.product"},
    "maintenance.request": {"stage_id": "maintenance.stage", "equipment_id": "maintenance.equipment"},
}  # fmt: skip


class Refusal(Exception):
    """An exception of Odoo's own: its class name and words. The transaction is rolled back."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(f"{name}: {words}")
        self.name = name
        self.words = words


def shown(server: Any, model: str, row: Row, name: str) -> Any:
    """A field as search_read gives it: a relation as [id, name] or False."""
    if name == "display_name":
        return _label(row)
    if (model, name) == ("maintenance.request", "done"):
        return server.tables["maintenance.stage"][row["stage_id"]]["done"]
    if (model, name) == ("purchase.order.line", "state"):
        return server.tables["purchase.order"][row["order_id"]]["state"]
    target = RELATIONS.get(model, {}).get(name)
    if target and isinstance(row[name], int) and row[name] is not False:
        return [row[name], _label(server.tables[target][row[name]])]
    return row[name]


def _label(row: Row) -> str:
    if row.get("default_code"):
        return f"[{row['default_code']}] {row['name']}"
    return str(row.get("complete_name") or row.get("name") or row["id"])


def matches(server: Any, model: str, row: Row, domain: list[Any]) -> bool:
    """Odoo's prefix notation: operators stand before their two operands, loose terms are all to hold."""
    rest = list(domain)

    def term() -> bool:
        head = rest.pop(0)
        if head in ("|", "&"):
            one, other = term(), term()
            return (one or other) if head == "|" else (one and other)
        if head == "!":
            return not term()
        return _holds(server, model, row, *head)

    held = True
    while rest:
        held = term() and held
    return held


def _holds(server: Any, model: str, row: Row, name: str, operator: str, wanted: Any) -> bool:
    first, _, deeper = name.partition(".")
    if first not in server.names(model):
        raise Refusal("ValueError", f"Invalid field {model}.{first} in leaf")
    if deeper:
        target = RELATIONS[model][first]
        linked = row[first]
        return bool(linked) and _holds(
            server, target, server.tables[target][linked], deeper, operator, wanted
        )
    value = shown(server, model, row, name) if name in ("done", "state") else row[name]
    match operator:
        case "=":
            return bool(value == wanted)
        case "!=":
            return bool(value != wanted)
        case "in":
            return value in wanted
        case "not in":
            return value not in wanted
        case "like":
            return wanted in str(value or "")
        case "=like":
            return fnmatchcase(str(value or ""), wanted.replace("%", "*"))
        case "child_of":
            return below(server, value, wanted)
        case ">":
            return bool(value) and value > wanted
        case ">=":
            return bool(value) and value >= wanted
    raise Refusal("ValueError", f"Invalid operator {operator!r}")


def below(server: Any, place: Any, top: int) -> bool:
    while place:
        if place == top:
            return True
        place = server.tables["stock.location"][place]["parent_id"]
    return False


def seed(server: Any) -> None:
    """One warehouse, two items, three orders, a purchase and a sale."""
    add = server.add
    unit, kilo = add("uom.uom", name="Units"), add("uom.uom", name="kg")
    house = add("stock.warehouse", code="WH", name="Rhine Falls")
    view = add("stock.location", name="WH", complete_name="WH", usage="view", warehouse_id=house)

    def place(name: str) -> int:
        return int(add("stock.location", name=name, complete_name=f"WH/{name}", usage="internal",
                       warehouse_id=house, parent_id=view))  # fmt: skip

    stock, blocked = place("Stock"), place("Blocked")
    place("Shelf")
    waste = add("stock.location", name="Scrap", complete_name="Virtual/Scrap", usage="inventory")
    server.change("stock.warehouse", house, lot_stock_id=stock,
                  int_type_id=add("stock.picking.type", name="Internal Transfers"))  # fmt: skip
    made_template, raw_template = (
        add("product.template", name="Flange"),
        add("product.template", name="Steel"),
    )
    goods = add("product.product", default_code="FG-100", name="Flange", uom_id=unit, standard_price=17.5,
                bom_ids=[1], tracking="none", product_tmpl_id=made_template)  # fmt: skip
    raw = add("product.product", default_code="RM-1", name="Steel", uom_id=kilo, standard_price=2.0,
              bom_ids=[], tracking="lot", product_tmpl_id=raw_template)  # fmt: skip
    lot = add("stock.lot", name="L-7", product_id=raw)
    quant = {"reserved_quantity": 0.0}
    add("stock.quant", product_id=goods, location_id=stock, quantity=40.0, **quant)
    add("stock.quant", product_id=goods, location_id=blocked, quantity=5.0, **quant)
    add("stock.quant", product_id=raw, location_id=stock, lot_id=lot, quantity=100.0, **quant)
    press = add("mrp.workcenter", code="WC-PRESS", name="Press", costs_hour=60.0)
    for number in range(1, 4):
        order = add(
            "mrp.production", name=f"WH/MO/0000{number}", origin="S00001" if number == 1 else False,
            state="confirmed", product_id=goods, product_qty=10.0, qty_producing=0.0, qty_produced=0.0,
            date_start=server.later(1), date_finished=server.later(2), date_deadline=server.later(3),
            warehouse_id=house, location_src_id=stock, location_dest_id=stock,
        )  # fmt: skip
        add("mrp.workorder", production_id=order, name="Pressing", workcenter_id=press,
            duration_expected=30.0, state="ready", qty_produced=0.0)  # fmt: skip
        add("stock.move", name="raw", raw_material_production_id=order, product_id=raw, product_uom_qty=20.0,
            quantity=20.0, state="assigned", location_id=stock)  # fmt: skip
    customer = add("res.partner", ref="C-1", name="Kunde AG", email="", customer_rank=1, supplier_rank=0)
    supplier = add("res.partner", ref="V-1", name="Stahl GmbH", email="", customer_rank=0, supplier_rank=1)
    sale = add("sale.order", name="S00001", state="sale", partner_id=customer, client_order_ref="PO-77",
               commitment_date=server.later(5))  # fmt: skip
    add("sale.order.line", order_id=sale, product_id=goods, product_uom_qty=10.0, qty_delivered=0.0,
        price_unit=30.0)  # fmt: skip
    bought = add("purchase.order", name="P00001", state="purchase", partner_id=supplier)
    add("purchase.order.line", order_id=bought, product_id=raw, product_qty=50.0, qty_received=0.0,
        date_planned=server.later(4))  # fmt: skip
    add("maintenance.equipment", name="Press 1", serial_no="SN-1")
    add("maintenance.stage", name="New", done=False, sequence=1)
    add("maintenance.stage", name="Repaired", done=True, sequence=3)
    add("stock.scrap.reason.tag", name="Burr")
    add("mrp.workcenter.productivity.loss", name="Material Availability", loss_type="availability")
    add("mrp.workcenter.productivity.loss", name="Fully Productive Time", loss_type="productive")
    server.scrap_place = waste
