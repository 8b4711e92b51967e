"""Master data and plan read out of Tryton, changed rows only.

Owns which Tryton fields make one mirrored record, and the watermark: the server's time when a pull began, less
an overlap for transactions that commit late; in the middle of a pull also how far it came. Must not know: the
mirror's tables, postings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from core import clock
from erp_sync.adapters.port import Page, Record
from erp_sync.adapters.tryton.catalogue import UNITS, promised_dates
from erp_sync.adapters.tryton.client import Client, Row
from erp_sync.adapters.tryton.documents import moment

#: A transaction may write a row this long before it commits; the next pull looks back that far.
OVERLAP = timedelta(seconds=60)
SIZE = 200
IDENTITIES = 2000
WRITTEN = ("write_date", "create_date")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an entity has been read: all changes before `since`, and of a pull begun at `began` ids up to `after`."""

    since: datetime | None = None
    began: datetime | None = None
    after: int = 0

    @classmethod
    def of(cls, watermark: str) -> Reach:
        since, began, after = [*watermark.split("|"), "", ""][:3]
        return cls(
            datetime.fromisoformat(since) if since else None,
            datetime.fromisoformat(began) if began else None,
            int(after or 0),
        )

    def at(self, record: int) -> str:
        """The watermark in the middle of a pull: what is written behind us meanwhile falls to the next one."""
        assert self.began is not None  # noqa: S101 - a pull under way has begun
        return f"{self.since.isoformat() if self.since else ''}|{self.began.isoformat()}|{record}"


def pages(client: Client, entity: str, watermark: str) -> Iterator[Page]:
    """Pages of one entity; a pull broken off goes on behind the last page that was kept.

    Stock is summed up from moves and comes whole: its pages but the last repeat the old watermark. Raises KeyError for
    an unknown entity, ErpUnavailable when Tryton is away.
    """
    read = _ENTITIES[entity]
    reach = Reach.of(watermark)
    client.search("ir.module", [["name", "=", "ir"]], ["name"])
    if reach.began is None:
        reach = replace(reach, began=client.server_time or clock.now())
    source = SOURCES.get(entity)
    total = client.count(source.model, source.domain(client, reach), context=INACTIVE_TOO) if source else None
    held: list[Record] = []
    for record in read(client, reach):
        held.append(record)
        if len(held) > SIZE:
            reached = reach.at(int(held[SIZE - 1].external_id)) if source else watermark
            yield Page(tuple(held[:SIZE]), reached, total)
            held = held[SIZE:]
    assert reach.began is not None  # noqa: S101 - set above
    yield Page(tuple(held), (reach.began - OVERLAP).isoformat(), total)


def identities(client: Client, entity: str) -> Iterator[str]:
    """Ids of every row Tryton has of an entity; of stock nothing, since a place that was emptied comes as nought."""
    source = SOURCES.get(entity)
    if source is None:
        return
    domain = source.domain(client, Reach())
    for page in client.pages(source.model, domain, ["id"], size=IDENTITIES, context=INACTIVE_TOO):
        yield from (str(row["id"]) for row in page)


def _written(row: Row) -> datetime:
    return moment(row) or datetime.min.replace(tzinfo=UTC)


def _changed(reach: Reach, *parents: str, ids: Sequence[int] = ()) -> list[Any]:
    later = [["id", ">", reach.after]] if reach.after else []
    if reach.since is None:
        return later
    clauses: list[Any] = [[name, ">", reach.since] for name in WRITTEN]
    clauses += [[f"{parent}.write_date", ">", reach.since] for parent in parents]
    clauses += [["id", "in", list(ids)]] if ids else []
    return [["OR", *clauses], *later]


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rows of an entity stand in Tryton; `parents` are records whose change changes the row too."""

    model: str
    base: tuple[Any, ...] = ()
    parents: tuple[str, ...] = ()
    trade: tuple[str, str] | None = None

    def domain(self, client: Client, reach: Reach) -> list[Any]:
        """Rows within reach. Whether a party buys or sells Tryton does not say: its orders do, or its category."""
        if self.trade is None:
            return [*self.base, *_changed(reach, *self.parents)]
        orders, category = self.trade
        rows = list(_rows(client, orders, [], ["party"]))
        traders = sorted({row["party"] for row in rows})
        # An order makes a party a trader without a change of its own.
        lately = sorted({row["party"] for row in rows if reach.since and _written(row) > reach.since})
        either = ["OR", ["id", "in", traders], ["categories.name", "=", category]]
        return [*self.base, either, *_changed(reach, *self.parents, ids=lately)]


#: Tryton leaves inactive rows out of every group of clauses that does not speak of them; this asks for them all.
INACTIVE_TOO = {"active_test": False}
SOURCES: dict[str, Source] = {
    "items": Source("product.product", (["code", "!=", None],), ("template",)),
    "work_centres": Source("production.work.center", (["parent", "!=", None],)),
    "work_orders": Source("production", (["reference", "!=", None],), ("works",)),
    "sales_lines": Source("sale.line", (["type", "=", "line"], ["sale.reference", "!=", None]), ("sale",)),
    "purchase_lines": Source(
        "purchase.line", (["type", "=", "line"], ["purchase.reference", "!=", None]), ("purchase",)
    ),
    "customers": Source("party.party", trade=("sale.sale", "Customers")),
    "suppliers": Source("party.party", trade=("purchase.purchase", "Suppliers")),
}


def _source_rows(client: Client, entity: str, reach: Reach, fields: list[str]) -> Iterator[Row]:
    source = SOURCES[entity]
    return _rows(client, source.model, source.domain(client, reach), fields)


def _rows(client: Client, model: str, domain: list[Any], fields: list[str]) -> Iterator[Row]:
    for page in _pages(client, model, domain, fields):
        yield from page


def _pages(client: Client, model: str, domain: list[Any], fields: list[str]) -> Iterator[list[Row]]:
    return client.pages(model, domain, [*fields, *WRITTEN], size=SIZE, context=INACTIVE_TOO)


def _day(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else ""


def _number(value: Any) -> str:
    return format(Decimal(str(value if value is not None else 0)), "f")


def _record(entity: str, code: str, row: Row, data: dict[str, Any], *, active: bool = True) -> Record:
    return Record(entity, code, str(row["id"]), data, moment(row), deleted=not active)


def _items(client: Client, reach: Reach) -> Iterator[Record]:
    fields = [
        "code", "template.name", "default_uom.symbol", "cost_price", "template.producible",
        "template.purchasable", "active",
    ]  # fmt: skip
    for row in _source_rows(client, "items", reach, fields):
        template = row["template."]
        data = {
            "name": template["name"],
            "uom": UNITS.get(row["default_uom."]["symbol"], row["default_uom."]["symbol"]),
            "standard_cost": _number(row["cost_price"]),
            "source": "made" if template["producible"] else "bought",
            "active": bool(row["active"]),
        }
        yield _record("items", row["code"], row, data, active=bool(row["active"]))


def _work_centres(client: Client, reach: Reach) -> Iterator[Record]:
    fields = ["name", "cost_price", "cost_method", "warehouse.code", "parent", "active"]
    for row in _source_rows(client, "work_centres", reach, fields):
        code, _, name = row["name"].partition(" ")
        data = {
            "name": name or code,
            "site": row["warehouse."]["code"],
            "cost_per_hour": _number(row["cost_price"]) if row["cost_method"] == "hour" else "",
        }
        yield _record("work_centres", code, row, data, active=bool(row["active"]))


def _work_orders(client: Client, reach: Reach) -> Iterator[Record]:
    fields = [
        "reference", "number", "state", "quantity", "planned_start_date", "planned_date", "effective_date",
        "warehouse.code", "product.code",
    ]  # fmt: skip
    domain = SOURCES["work_orders"].domain(client, reach)
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


def _sales_lines(client: Client, reach: Reach) -> Iterator[Record]:
    fields = [
        "sequence", "quantity", "product.code", "shipping_date", "sale.reference", "sale.number", "sale.state",
        "sale.shipping_date", "sale.description", "sale.party.code",
    ]  # fmt: skip
    for row in _source_rows(client, "sales_lines", reach, fields):
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


def _purchase_lines(client: Client, reach: Reach) -> Iterator[Record]:
    fields = [
        "sequence", "quantity", "product.code", "delivery_date", "purchase.reference", "purchase.number",
        "purchase.state", "purchase.party.code",
    ]  # fmt: skip
    source = SOURCES["purchase_lines"]
    for page in _pages(client, source.model, source.domain(client, reach), fields):
        promised = promised_dates(client, page)
        for row in page:
            order = row["purchase."]
            data = {
                "order": order["reference"],
                "line": row["sequence"],
                "erp_number": order["number"] or "",
                "item": row["product."]["code"] if row["product."] else "",
                "quantity": _number(row["quantity"]),
                "supplier": order["party."]["code"],
                "promised_date": _day(promised[row["id"]]),
                "state": order["state"],
            }
            yield _record("purchase_lines", f"{order['reference']}/{row['sequence']}", row, data)


def _parties(entity: str) -> Callable[[Client, Reach], Iterator[Record]]:
    """Customers or suppliers."""

    def read(client: Client, reach: Reach) -> Iterator[Record]:
        for row in _source_rows(client, entity, reach, ["code", "name", "active"]):
            active = bool(row["active"])
            yield _record(entity, row["code"], row, {"name": row["name"], "active": active}, active=active)

    return read


def _stock(client: Client, reach: Reach) -> Iterator[Record]:
    """Quantities of every item, place and lot that a finished move has touched, zero included."""
    fields = ["product", "lot", "from_location", "to_location"]
    touched: dict[int, set[tuple[int, int | None]]] = defaultdict(set)
    written: datetime | None = None
    for row in _rows(client, "stock.move", [["state", "=", "done"], *_changed(reach)], fields):
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


_ENTITIES: dict[str, Callable[[Client, Reach], Iterator[Record]]] = {
    "items": _items,
    "work_centres": _work_centres,
    "work_orders": _work_orders,
    "stock": _stock,
    "sales_lines": _sales_lines,
    "purchase_lines": _purchase_lines,
    "customers": _parties("customers"),
    "suppliers": _parties("suppliers"),
}
