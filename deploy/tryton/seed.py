# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the authors of this repository. Licensed under the GNU GPL, version 3 or later; see LICENSE here.
"""Fill a fresh Tryton 8.0 database with one plant's master data, through Tryton's own client (proteus).

Runs in Tryton's own environment: `python seed.py --config trytond.conf --uri postgresql://... --plant plant.json`.
Knows the plant file's shape and Tryton; knows nothing of the product. Prints `seed: <step> <seconds>` lines.
"""

import argparse
import datetime as dt
import json
import sys
import time
from decimal import Decimal
from pathlib import Path

from proteus import Model
from proteus import config as proteus_config

sys.path.insert(0, str(Path(__file__).parent))
from seed_orders import bulk, count, purchases, sales, work_orders  # noqa: E402

UNITS = {
    "pcs": "Unit", "pc": "Unit", "ea": "Unit", "unit": "Unit", "kg": "Kilogram", "g": "Gram", "t": "Tonne",
    "m": "Meter", "mm": "Millimeter", "l": "Liter", "h": "Hour", "m2": "Square meter",
}  # fmt: skip
COST_ACCOUNTS = {
    "downtime": "6910", "scrap": "6920", "rework": "6930", "premium_freight": "6940", "overtime": "6950",
    "sorting": "6960", "charge_to_supplier": "6970",
}  # fmt: skip
CLEARING = "6999"
RATES = {"EUR": Decimal("1"), "USD": Decimal("1.08")}
INTEGRATION_LOGIN = "integration"
CONTROL = "Floor finding"
_started = time.monotonic()


def say(step: str) -> None:
    print(f"seed: {step} {time.monotonic() - _started:.1f} s", flush=True)


def connect(uri: str, config_file: str) -> object:
    return proteus_config.set_trytond(uri, user="admin", config_file=config_file)


def set_passwords(integration: str, admin: str) -> None:
    user_model = Model.get("res.user")
    for login, password in ((INTEGRATION_LOGIN, integration), ("admin", admin)):
        user = user_model.find([("login", "=", login)])[0]
        user.password = password
        user.save()


def company_and_books(config: object, plant: dict) -> dict:
    from trytond.modules.account.tests.tools import create_chart, create_fiscalyear, get_accounts
    from trytond.modules.account_invoice.tests.tools import set_fiscalyear_invoice_sequences
    from trytond.modules.account_stock_continental.tests.tools import add_stock_accounts
    from trytond.modules.company.tests.tools import create_company, get_company
    from trytond.modules.currency.tests.tools import get_currency

    for item in Model.get("ir.module.config_wizard.item").find([("state", "=", "open")]):
        item.state = "done"
        item.save()
    for code, rate in RATES.items():
        exchange_rate(get_currency(code), rate)
    create_company(currency=get_currency(plant["company"]["currency"]))
    company = get_company()
    company.party.name = plant["company"]["name"]
    company.party.save()
    config._context.update(Model.get("res.user").get_preferences(True, {}))
    create_chart()
    accounts = add_stock_accounts(get_accounts())
    this_year = dt.date.today().year
    for year in (this_year - 1, this_year, this_year + 1):
        first, last = dt.date(year, 1, 1), dt.date(year, 12, 31)
        fiscal_year = set_fiscalyear_invoice_sequences(create_fiscalyear(today=(first, last)))
        fiscal_year.account_stock_method = "continental"
        fiscal_year.click("create_period")
    cost_accounts(accounts["expense"])
    return accounts


def exchange_rate(currency: object, rate: Decimal) -> None:
    """One fixed demo rate per currency, whatever the client's tools gave it."""
    rates = Model.get("currency.currency.rate")
    rates.delete(rates.find([("currency", "=", currency.id)]))
    rates(currency=currency, date=dt.date(2000, 1, 1), rate=rate).save()


def cost_accounts(model_account: object) -> None:
    account_model = Model.get("account.account")
    named = [(code, f"Shop-floor cost: {name.replace('_', ' ')}") for name, code in COST_ACCOUNTS.items()]
    for code, name in [*named, (CLEARING, "Shop-floor cost: clearing")]:
        account = account_model(name=name, code=code, type=model_account.type, parent=model_account.parent)
        account.company = model_account.company
        account.save()


def category(accounts: dict) -> object:
    made = Model.get("product.category")(name="Plant goods")
    made.accounting = True
    made.account_expense = accounts["expense"]
    made.account_revenue = accounts["revenue"]
    made.account_stock = accounts["stock"]
    made.account_stock_in = accounts["stock_expense"]
    made.account_stock_out = accounts["stock_expense"]
    made.save()
    return made


def integration_user() -> None:
    party = Model.get("party.party")(name="Shop-floor integration", code="INTEGRATION")
    party.save()
    employee = Model.get("company.employee")(party=party)
    employee.save()
    company = employee.company
    user = Model.get("res.user")(name="Shop-floor integration", login=INTEGRATION_LOGIN)
    user.companies.append(company)
    user.company = company
    user.employees.append(employee)
    user.employee = employee
    # A done shipment is taken back by a counter-document, so the right to cancel one is left out.
    for group in Model.get("res.group").find([("name", "not like", "%Cancellation%")]):
        user.groups.append(group)
    user.save()


def warehouses(plant: dict) -> dict:
    """Site code -> warehouse; places become storage locations under it, blocked ones beside its storage."""
    location = Model.get("stock.location")
    sites = {}
    for number, site in enumerate(plant["sites"]):
        if number == 0:
            warehouse = location.find([("type", "=", "warehouse")])[0]
            warehouse.name, warehouse.code = site["name"], site["code"]
            for part, suffix in (
                ("input_location", "IN"),
                ("output_location", "OUT"),
                ("storage_location", "STO"),
                ("lost_found_location", "LOST"),
            ):
                place = location(getattr(warehouse, part).id)
                place.code = f"{site['code']}-{suffix}"
                place.save()
        else:
            warehouse = location(name=site["name"], code=site["code"], type="warehouse")
            for part, suffix, kind in (
                ("input_location", "IN", "storage"),
                ("output_location", "OUT", "storage"),
                ("storage_location", "STO", "storage"),
                ("production_location", "PRD", "production"),
                ("lost_found_location", "LOST", "lost_found"),
            ):
                place = location(name=f"{site['name']} {suffix}", code=f"{site['code']}-{suffix}", type=kind)
                place.save()
                setattr(warehouse, part, place)
        warehouse.save()
        sites[site["code"]] = warehouse
    return sites


def places(plant: dict, sites: dict) -> dict:
    """Place code -> location. A plant's own code for a warehouse's storage, input or output names that one."""
    location = Model.get("stock.location")
    known = {row.code: row for row in location.find([("code", "!=", None)])}
    made = {}
    for place in plant["locations"]:
        row = known.get(place["code"])
        if row is None:
            warehouse = sites[place["site"]]
            parent = warehouse if place["kind"] == "blocked" else warehouse.storage_location
            row = location(code=place["code"], type="storage", parent=parent)
        row.name = place["name"]
        made[place["code"]] = row
    location.save(list(made.values()))
    return made


def products(plant: dict, account_category: object) -> dict:
    unit_model, template = Model.get("product.uom"), Model.get("product.template")
    units = {unit.name: unit for unit in unit_model.find([])}
    made = []
    for item in plant["items"]:
        row = template(name=item["name"], type="goods")
        row.default_uom = units[UNITS.get(item["uom"].lower(), "Unit")]
        row.account_category = account_category
        row.list_price = Decimal(str(item["standard_cost"])).quantize(Decimal("0.0001"))
        row.producible = item["source"] == "made"
        row.purchasable = item["source"] == "bought"
        row.salable = True
        row.lead_time = dt.timedelta(0)
        (variant,) = row.products
        variant.suffix_code = item["code"]
        variant.cost_price = Decimal(str(item["standard_cost"])).quantize(Decimal("0.0001"))
        made.append(row)
    template.save(made)
    product = Model.get("product.product")
    return {row.code: row for row in product.find([])}


def work_centres(plant: dict, sites: dict) -> tuple[dict, dict]:
    model = Model.get("production.work.center")
    roots = {}
    for code, warehouse in sites.items():
        roots[code] = model(name=code, warehouse=warehouse)
        roots[code].save()
    made = []
    for centre in plant["work_centres"]:
        row = model(name=f"{centre['code']} {centre['name']}", warehouse=sites[centre["site"]])
        row.parent = roots[centre["site"]]
        row.cost_method = "hour"
        row.cost_price = Decimal(str(centre["cost_per_hour"])).quantize(Decimal("0.0001"))
        made.append(row)
    model.save(made)
    return roots, {c["code"]: row for c, row in zip(plant["work_centres"], made, strict=True)}


def boms_and_routings(plant: dict, items: dict) -> None:
    bom_model, routing_model = Model.get("production.bom"), Model.get("production.routing")
    operation_model = Model.get("production.routing.operation")
    boms = {}
    for bom in plant["boms"]:
        row = bom_model(name=bom["item"])
        for component in bom["components"]:
            product = items[component["item"]]
            row.inputs.new(product=product, quantity=float(component["quantity"]))
        row.outputs.new(product=items[bom["item"]], quantity=1)
        boms[bom["item"]] = row
    bom_model.save(list(boms.values()))
    names = sorted({operation["name"] for routing in plant["routings"] for operation in routing["operations"]})
    operations = [operation_model(name=name) for name in names]
    operation_model.save(operations)
    by_name = dict(zip(names, operations, strict=True))
    routings = {}
    for routing in plant["routings"]:
        row = routing_model(name=routing["item"])
        if routing["item"] in boms:
            row.boms.append(boms[routing["item"]])
        for operation in routing["operations"]:
            row.steps.new(operation=by_name[operation["name"]], sequence=int(operation["number"]))
        routings[routing["item"]] = row
    routing_model.save(list(routings.values()))
    link = Model.get("product.product-production.bom")
    link.save(
        [link(product=items[code], bom=bom, routing=routings.get(code)) for code, bom in boms.items()]
    )


def parties(plant: dict) -> dict:
    model = Model.get("party.party")
    rows = [*plant["customers"], *plant["suppliers"]]
    made = [model(name=row["name"], code=row["code"]) for row in rows]
    for name, those in (("Customers", plant["customers"]), ("Suppliers", plant["suppliers"])):
        group = Model.get("party.category")(name=name)
        group.save()
        codes = {row["code"] for row in those}
        for party in made:
            if party.code in codes:
                party.categories.append(Model.get("party.category")(group.id))
    model.save(made)
    return {row["code"]: party for row, party in zip(rows, made, strict=True)}


def opening_stock(plant: dict, items: dict, spots: dict) -> None:
    lots = [{"number": lot["code"], "product": items[lot["item"]].id} for lot in plant["lots"]]
    made = bulk("stock.lot", "create", lots) if lots else []
    by_code = {(lot["code"], lot["item"]): row for lot, row in zip(plant["lots"], made, strict=True)}
    for code, spot in spots.items():
        lines = [
            {
                "product": items[line["item"]].id,
                "quantity": float(line["quantity"]),
                "lot": by_code[line["lot"], line["item"]] if line.get("lot") else None,
            }
            for line in plant["stock"]
            if line["location"] == code
        ]
        count(spot, lines)


def quality_control() -> None:
    control = Model.get("quality.control")(name=CONTROL)
    point = control.points.new()
    point.string, point.name, point.type_ = "Conforming", "conforming", "boolean"
    control.save()


def seed(config: object, plant: dict) -> None:
    accounts = company_and_books(config, plant)
    integration_user()
    quality_control()
    say("company, books, users")
    sites = warehouses(plant)
    spots = places(plant, sites)
    items = products(plant, category(accounts))
    say("places and items")
    roots, centres = work_centres(plant, sites)
    boms_and_routings(plant, items)
    items = {row.code: row for row in Model.get("product.product").find([])}
    partners = parties(plant)
    say("work centres, boms, routings, partners")
    opening_stock(plant, items, spots)
    say("opening stock")
    work_orders(plant, sites, roots, centres, items)
    say("work orders")
    sales(plant, sites, partners, items)
    purchases(plant, sites, partners, items)
    say("sales and purchase orders")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--config", required=True)
    arguments.add_argument("--uri", required=True, help="postgresql://user:password@host:port/database")
    arguments.add_argument("--plant", type=Path, help="plant.json to seed; without it only passwords are set")
    arguments.add_argument("--integration-password-file", type=Path, required=True)
    arguments.add_argument("--admin-password-file", type=Path, required=True)
    options = arguments.parse_args()
    config = connect(options.uri, options.config)
    say("connected")
    if options.plant:
        seed(config, json.loads(options.plant.read_text()))
    else:
        config._context.update(Model.get("res.user").get_preferences(True, {}))
    set_passwords(
        options.integration_password_file.read_text().strip(), options.admin_password_file.read_text().strip()
    )
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
