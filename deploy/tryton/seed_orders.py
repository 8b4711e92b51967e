# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the authors of this repository. Licensed under the GNU GPL, version 3 or later; see LICENSE here.
"""The orders of a plant, written into Tryton by seed.py: work orders as far as they have run, sales, purchases.

Knows the plant file's shape and Tryton; knows nothing of the product.
"""

import datetime as dt
from decimal import Decimal

from proteus import Model


def bulk(model: str, method: str, *parameters: object) -> list:
    """A call of the same client without its forms' on-change round trips, for rows by the hundred."""
    proxy = Model.get(model)
    return getattr(proxy._proxy, method)(*parameters, proxy._config.context)


def count(spot: object, lines: list) -> None:
    """Confirm an inventory of a place that was empty so far."""
    if lines:
        values = {"location": spot.id, "empty_quantity": "keep", "lines": [("create", lines)]}
        bulk("stock.inventory", "confirm", bulk("stock.inventory", "create", [values]))


def work_orders(plant: dict, sites: dict, roots: dict, centres: dict, items: dict) -> None:
    model = Model.get("production")
    made = []
    for order in plant["work_orders"]:
        product = items[order["item"]]
        row = model(reference=order["number"])
        row.warehouse = sites[order["site"]]
        row.product = product
        row.quantity = float(order["quantity"])
        if product.boms:  # last, so that the bill is exploded once
            row.bom = product.boms[0].bom
            row.routing = product.boms[0].routing
        if row.routing:
            row.work_center = roots[order["site"]]
        row.planned_date = dt.date.fromisoformat(order["planned_end"][:10])
        row.planned_start_date = dt.date.fromisoformat(order["planned_start"][:10])
        made.append(row)
    model.save(made)
    model.click(made, "wait")
    own_operations(plant, made, centres)
    started = [number for number, order in enumerate(plant["work_orders"]) if order.get("status") == "running"]
    start_orders([made[number] for number in started], sites)
    finish_operations([plant["work_orders"][number] for number in started])


def own_operations(plant: dict, orders: list, centres: dict) -> None:
    """An order's own operations may differ from its routing: others are added, missing ones taken off."""
    work_model, operation_model = Model.get("production.work"), Model.get("production.routing.operation")
    operations = {row.name: row for row in operation_model.find([])}
    works = {}
    for work in work_model.find([]):
        works.setdefault(work.production.id, {})[work.sequence] = work
    keep, drop = [], []
    for order, row in zip(plant["work_orders"], orders, strict=True):
        there = works.get(row.id, {})
        for operation in order["operations"]:
            work = there.pop(int(operation["number"]), None)
            if work is None:
                name = operation.get("name") or f"Operation {operation['number']}"
                if name not in operations:
                    operations[name] = operation_model(name=name)
                    operations[name].save()
                work = work_model(production=row, operation=operations[name], sequence=int(operation["number"]))
            work.work_center = centres[operation["work_centre"]]
            keep.append(work)
        drop.extend(there.values())
    work_model.save(keep)
    work_model.delete(drop)


def start_orders(orders: list, sites: dict) -> None:
    """Orders that run have drawn their components already: these come from a place filled for that alone."""
    model, location = Model.get("production"), Model.get("stock.location")
    orders = model.find([("id", "in", [row.id for row in orders])])
    for code, warehouse in sites.items():
        mine = [row for row in orders if row.warehouse == warehouse and row.inputs]
        if not mine:
            continue
        kitted = location(name="Kitted for started orders", code=f"{code}-KIT", type="storage")
        kitted.parent = warehouse.storage_location
        kitted.save()
        needs = {}
        moves = [move for row in mine for move in row.inputs]
        for move in moves:
            needs[move.product] = needs.get(move.product, 0) + move.quantity
        lines = [
            {"product": product.id, "quantity": round(quantity, product.default_uom.digits)}
            for product, quantity in needs.items()
        ]
        count(kitted, lines)
        bulk("stock.move", "write", [move.id for move in moves], {"from_location": kitted.id})
    if orders:
        model.click(orders, "assign_try")
        model.click(orders, "run")


def finish_operations(orders: list) -> None:
    """Operations already finished get their planned time as one done cycle."""
    cycle_model, work_model = Model.get("production.work.cycle"), Model.get("production.work")
    minutes = {}
    for order in orders:
        for operation in order["operations"]:
            if operation.get("finished"):
                run = float(operation.get("run_minutes_per_unit") or 0) * float(order["quantity"])
                minutes[order["number"], int(operation["number"])] = float(operation.get("setup_minutes") or 0) + run
    cycles = [
        cycle_model(work=work, duration=dt.timedelta(minutes=round(minutes[key])))
        for work in work_model.find([("production.reference", "in", sorted({key[0] for key in minutes}))])
        if (key := (work.production.reference, work.sequence)) in minutes
    ]
    if cycles:
        cycle_model.save(cycles)
        cycle_model.click(cycles, "run")
        cycle_model.click(cycles, "do")


def sales(plant: dict, sites: dict, partners: dict, items: dict) -> None:
    """One Tryton sale per order line: Tryton keeps one shipping date per sale, the plant one per line."""
    model = Model.get("sale.sale")
    made = []
    for order in plant["sales_orders"]:
        for line in order["lines"]:
            commit = dt.date.fromisoformat(line["commit_date"][:10])
            row = model(party=partners[order["customer"]])
            row.reference = order["number"]
            row.description = order.get("po_number") or ""
            row.invoice_method, row.shipment_method = "manual", "order"
            row.warehouse = sites[order.get("site") or plant["sites"][0]["code"]]
            row.sale_date = min(dt.date.today(), commit)
            row.shipping_date = commit
            entry = row.lines.new(product=items[line["item"]], quantity=float(line["quantity"]))
            entry.sequence = int(line["line"])
            price = line.get("unit_price") or entry.unit_price or 1
            entry.unit_price = Decimal(str(price)).quantize(Decimal("0.0001"))
            made.append(row)
    model.save(made)
    for button in ("quote", "confirm", "process"):
        model.click(made, button)


def purchases(plant: dict, sites: dict, partners: dict, items: dict) -> None:
    model = Model.get("purchase.purchase")
    made = []
    for order in plant["purchase_orders"]:
        row = model(party=partners[order["supplier"]])
        row.reference = order["number"]
        row.invoice_method = "manual"
        row.warehouse = sites[order.get("site") or plant["sites"][0]["code"]]
        for line in sorted(order["lines"], key=lambda entry: int(entry["line"])):
            product = items[line["item"]]
            entry = row.lines.new(product=product, quantity=float(line["quantity"]))
            entry.sequence = int(line["line"])
            price = line.get("unit_price") or product.cost_price or 1
            entry.unit_price = Decimal(str(price)).quantize(Decimal("0.0001"))
            entry.delivery_date_edit = True
            entry.delivery_date_store = dt.date.fromisoformat(line["promised_date"][:10])
        made.append(row)
    model.save(made)
    for button in ("quote", "confirm", "process"):
        model.click(made, button)
