"""Master data and plan read out of Tryton, changed rows only.

Owns which Tryton fields make one mirrored record, and the watermark: the server's time when a pull began, less
an overlap for transactions that commit late. Must not know: the mirror's tables, postings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core import clock
from erp_sync.adapters.port import Page, Record
from erp_sync.adapters.tryton.catalogue import UNITS
from erp_sync.adapters.tryton.client import Client, Row
from erp_sync.adapters.tryton.documents import moment

#: A transaction may write a row this long before it commits; the next pull looks back that far.
OVERLAP = timedelta(seconds=60)
SIZE = 200
WRITTEN = ("write_date", "create_date")


def pages(client: Client, entity: str, watermark: str) -> Iterator[Page]:
    """Pages of one entity; every page but the last repeats the old watermark, so a broken pull starts over.

    Raises KeyError for an unknown entity, ErpUnavailable when Tryton is away.
    """
    read = _ENTITIES[entity]
    since = datetime.fromisoformat(watermark) if watermark else None
    client.search("ir.module", [["name", "=", "ir"]], ["name"])
    began = client.server_time or clock.now()
    held: list[Record] = []
    for record in read(client, since):
        held.append(record)
        if len(held) > SIZE:
            yield Page(tuple(held[:SIZE]), watermark)
            held = held[SIZE:]
    yield Page(tuple(held), (began - OVERLAP).isoformat())


def _changed(since: datetime | None, *parents: str) -> list[Any]:
    if since is None:
        return []
    clauses: list[Any] = [[name, ">", since] for name in WRITTEN]
    clauses += [[f"{parent}.write_date", ">", since] for parent in parents]
    return [["OR", *clauses]]


def _rows(client: Client, model: str, domain: list[Any], fields: list[str]) -> Iterator[Row]:
    for page in client.pages(model, domain, [*fields, *WRITTEN], size=SIZE):
        yield from page


def _day(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else ""


def _number(value: Any) -> str:
    return format(Decimal(str(value if value is not None else 0)), "f")


def _record(entity: str, code: str, row: Row, data: dict[str, Any]) -> Record:
    return Record(entity, code, str(row["id"]), data, moment(row))


def _items(client: Client, since: datetime | None) -> Iterator[Record]:
    fields = [
        "code", "template.name", "default_uom.symbol", "cost_price", "template.producible",
        "template.purchasable", "active",
    ]  # fmt: skip
    domain = [["code", "!=", None], ["active", "in", [True, False]], *_changed(since, "template")]
    for row in _rows(client, "product.product", domain, fields):
        template = row["template."]
        data = {
            "name": template["name"],
            "uom": UNITS.get(row["default_uom."]["symbol"], row["default_uom."]["symbol"]),
            "standard_cost": _number(row["cost_price"]),
            "source": "made" if template["producible"] else "bought",
            "active": bool(row["active"]),
        }
        yield _record("items", row["code"], row, data)


def _work_centres(client: Client, since: datetime | None) -> Iterator[Record]:
    fields = ["name", "cost_price", "cost_method", "warehouse.code", "parent"]
    for row in _rows(client, "production.work.center", [["parent", "!=", None], *_changed(since)], fields):
        code, _, name = row["name"].partition(" ")
        data = {
            "name": name or code,
            "site": row["warehouse."]["code"],
            "cost_per_hour": _number(row["cost_price"]) if row["cost_method"] == "hour" else "",
        }
        yield _record("work_centres", code, row, data)


def _work_orders(client: Client, since: datetime | None) -> Iterator[Record]:
    fields = [
        "reference", "number", "state", "quantity", "planned_start_date", "planned_date", "effective_date",
        "warehouse.code", "product.code",
    ]  # fmt: skip
    domain = [["reference", "!=", None], *_changed(since)]
    for page in client.pages("production", domain, [*fields, *WRITTEN], size=SIZE):
        works: dict[int, list[Row]] = defaultdict(list)
        wanted = [["production", "in", [row["id"] for row in page]]]
        for work in client.search(
            "production.work", wanted, ["production", "sequence", "state", "work_center.name"]
        ):
            works[work["production"]].append(work)
        for row in page:
            operations = [
                {
                    "number": work["sequence"],
                    "state": work["state"],
                    "work_centre": ((work["work_center."] or {}).get("name") or "").partition(" ")[0],
                }
                for work in sorted(works[row["id"]], key=lambda work: work["sequence"] or 0)
            ]
            data = {
                "erp_number": row["number"] or "",
                "item": (row["product."] or {}).get("code") or "",
                "quantity": _number(row["quantity"]),
                "state": row["state"],
                "planned_start": _day(row["planned_start_date"]),
                "planned_end": _day(row["planned_date"]),
                "finished": _day(row["effective_date"]),
                "site": row["warehouse."]["code"],
                "operations": operations,
            }
            yield _record("work_orders", row["reference"], row, data)


def _sales_lines(client: Client, since: datetime | None) -> Iterator[Record]:
    fields = [
        "sequence", "quantity", "product.code", "shipping_date", "sale.reference", "sale.number", "sale.state",
        "sale.shipping_date", "sale.description", "sale.party.code",
    ]  # fmt: skip
    domain = [["type", "=", "line"], ["sale.reference", "!=", None], *_changed(since, "sale")]
    for row in _rows(client, "sale.line", domain, fields):
        order = row["sale."]
        data = {
            "order": order["reference"],
            "line": row["sequence"],
            "erp_number": order["number"] or "",
            "item": row["product."]["code"] if row["product."] else "",
            "quantity": _number(row["quantity"]),
            "customer": order["party."]["code"],
            "po_number": order["description"] or "",
            "commit_date": _day(order["shipping_date"] or row["shipping_date"]),
            "state": order["state"],
        }
        yield _record("sales_lines", f"{order['reference']}/{row['sequence']}", row, data)


def _purchase_lines(client: Client, since: datetime | None) -> Iterator[Record]:
    fields = [
        "sequence", "quantity", "product.code", "delivery_date", "purchase.reference", "purchase.number",
        "purchase.state", "purchase.party.code",
    ]  # fmt: skip
    domain = [["type", "=", "line"], ["purchase.reference", "!=", None], *_changed(since, "purchase")]
    for row in _rows(client, "purchase.line", domain, fields):
        order = row["purchase."]
        data = {
            "order": order["reference"],
            "line": row["sequence"],
            "erp_number": order["number"] or "",
            "item": row["product."]["code"] if row["product."] else "",
            "quantity": _number(row["quantity"]),
            "supplier": order["party."]["code"],
            "promised_date": _day(row["delivery_date"]),
            "state": order["state"],
        }
        yield _record("purchase_lines", f"{order['reference']}/{row['sequence']}", row, data)


def _parties(
    entity: str, order_model: str, category: str
) -> Callable[[Client, datetime | None], Iterator[Record]]:
    """Tryton does not say whether a party buys or sells: its orders do, or a category of that name."""

    def read(client: Client, since: datetime | None) -> Iterator[Record]:
        traders = {row["party"] for row in _rows(client, order_model, [], ["party"])}
        either = ["OR", ["id", "in", sorted(traders)], ["categories.name", "=", category]]
        for row in _rows(client, "party.party", [either, *_changed(since)], ["code", "name", "active"]):
            yield _record(entity, row["code"], row, {"name": row["name"], "active": bool(row["active"])})

    return read


def _stock(client: Client, since: datetime | None) -> Iterator[Record]:
    """Quantities of every item, place and lot that a finished move has touched, zero included."""
    fields = ["product", "lot", "from_location", "to_location"]
    touched: dict[int, set[tuple[int, int | None]]] = defaultdict(set)
    written: datetime | None = None
    for row in _rows(client, "stock.move", [["state", "=", "done"], *_changed(since)], fields):
        for end in ("from_location", "to_location"):
            touched[row[end]].add((row["product"], row["lot"]))
        stamp = moment(row)
        if stamp and (written is None or stamp > written):
            written = stamp
    places = client.search(
        "stock.location", [["id", "in", sorted(touched)], ["type", "=", "storage"]], ["code", "name"]
    )
    for place in places:
        context = {"locations": [place["id"]], "with_childs": False}
        pairs = touched[place["id"]]
        products = sorted({product for product, _ in pairs})
        totals = client.call("product.product", "read", products, ["code", "quantity"], context=context)
        lots = client.search(
            "stock.lot", [["product", "in", products]], ["number", "product", "quantity"], context=context
        )
        for product in totals:
            mine = [lot for lot in lots if lot["product"] == product["id"]]
            shown = [lot for lot in mine if lot["quantity"] or (product["id"], lot["id"]) in pairs]
            loose = Decimal(str(product["quantity"] or 0)) - sum(
                (Decimal(str(lot["quantity"] or 0)) for lot in mine), Decimal(0)
            )
            rows = [(lot["number"], lot["quantity"]) for lot in shown]
            if loose or (product["id"], None) in pairs:
                rows.append(("", loose))
            for number, quantity in rows:
                data = {
                    "item": product["code"],
                    "location": place["code"] or place["name"],
                    "lot": number,
                    "quantity": _number(quantity),
                }
                code = f"{data['item']}|{data['location']}|{number}"
                yield Record("stock", code, f"{product['id']}|{place['id']}|{number}", data, written)


_ENTITIES: dict[str, Callable[[Client, datetime | None], Iterator[Record]]] = {
    "items": _items,
    "work_centres": _work_centres,
    "work_orders": _work_orders,
    "stock": _stock,
    "sales_lines": _sales_lines,
    "purchase_lines": _purchase_lines,
    "customers": _parties("customers", "sale.sale", "Customers"),
    "suppliers": _parties("suppliers", "purchase.purchase", "Suppliers"),
}
