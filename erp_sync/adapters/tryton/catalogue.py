"""Our codes turned into Tryton's ids.

Owns the look-ups by code of items, places, lots, orders, lines and accounts, and the words said when one is
not there. Master data is remembered for the life of the connection; orders are always read afresh.
Must not know: postings, the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from erp_sync.adapters.tryton.client import Client, Row
from erp_sync.errors import Difference, Drifted, ErpRejected

ORDER_FIELDS = (
    "number", "reference", "state", "quantity", "planned_date", "planned_start_date", "effective_start_date",
    "warehouse.code", "unit.digits", "product.code", "inputs", "outputs", "works", "_timestamp", "write_date",
    "create_date",
)  # fmt: skip


#: Tryton's symbol of a piece, in the plant's word; other symbols are the same in both.
UNITS = {"u": "pcs"}


class Catalogue:
    """Look-ups over one client. `settings` carries the connection's own mappings (blocked places, accounts)."""

    def __init__(self, client: Client, settings: Mapping[str, Any]) -> None:
        self.client = client
        self.settings = settings
        self._places: dict[str, Row] = {}
        self._products: dict[str, Row] = {}
        self._units: dict[str, Row] = {}

    def product(self, code: str) -> Row:
        """Id, unit and digits of an item."""
        if code not in self._products:
            fields = [
                "code",
                "default_uom",
                "default_uom.digits",
                "default_uom.symbol",
                "default_uom.factor",
                "default_uom.category",
                "cost_price",
                "list_price",
            ]
            self._products[code] = self._need("item", code, "product.product", [["code", "=", code]], fields)
        return self._products[code]

    def stock_quantity(self, item: str, quantity: Decimal, uom: str) -> Decimal:
        """A quantity in the unit Tryton keeps the item in.

        Raises ErpRejected `erp.mapping_missing` for a unit Tryton does not have, `erp.wrong_unit` for one the item's
        can't be made of (pieces of something kept in kilograms).
        """
        unit = self.product(item)["default_uom."]
        if not uom or uom in (unit["symbol"], UNITS.get(unit["symbol"])):
            return quantity
        other = self.unit(uom)
        if other["category"] != unit["category"]:
            raise ErpRejected(
                "erp.wrong_unit", f"Tryton keeps {item} in {unit['symbol']}; {uom} can't become that"
            )
        return scaled(quantity, other["factor"], unit["factor"])

    def unit(self, uom: str) -> Row:
        """A unit of measure by our word for it: its mapping, Tryton's usual word, or the same word."""
        usual = {ours: theirs for theirs, ours in UNITS.items()}
        symbol = self.settings.get("unit", {}).get(uom) or usual.get(uom, uom)
        if symbol not in self._units:
            fields = ["symbol", "category", "factor", "digits"]
            rows = self.client.search("product.uom", [["symbol", "=", symbol]], fields, limit=2)
            if len(rows) != 1:
                raise ErpRejected("erp.mapping_missing", f"Tryton has no unit {symbol!r} for our {uom!r}")
            self._units[symbol] = rows[0]
        return self._units[symbol]

    def place(self, code: str) -> Row:
        """A stock location by its code."""
        if code not in self._places:
            fields = ["code", "name", "type", "parent"]
            self._places[code] = self._need("location", code, "stock.location", [["code", "=", code]], fields)
        return self._places[code]

    def warehouse(self, site: str) -> Row:
        """The warehouse of a site; the only one where the posting names no site."""
        key = f"warehouse:{site}"
        if key not in self._places:
            domain: list[Any] = [["type", "=", "warehouse"]]
            if site:
                domain.append(["code", "=", site])
            fields = [
                "code",
                "storage_location",
                "input_location",
                "lost_found_location",
                "production_location",
            ]
            self._places[key] = self._need("warehouse", site or "(any)", "stock.location", domain, fields)
        return self._places[key]

    def blocked_place(self, site: str) -> int:
        """Where blocked stock of a site is kept: the connection's setting `blocked`, site code -> location code."""
        code = self.settings.get("blocked", {}).get(site)
        if not code:
            raise ErpRejected("erp.mapping_missing", f"no blocked location is mapped for site {site!r}")
        return int(self.place(code)["id"])

    def scrap_place(self, site: str) -> int:
        """Where scrap goes: the lost-and-found location of the site's warehouse."""
        found = self.warehouse(site)["lost_found_location"]
        if not found:
            raise ErpRejected(
                "erp.mapping_missing", f"warehouse {site!r} has no lost-and-found location in Tryton"
            )
        return int(found)

    def lot(self, code: str, product: int) -> int:
        """A lot of a product by its number."""
        domain = [["number", "=", code], ["product", "=", product]]
        return int(self._need("lot", code, "stock.lot", domain, ["number"])["id"])

    def place_holding(self, site: str, product: int, lot: int | None, quantity: Decimal) -> int:
        """The storage place of a site that holds the most of an item (and lot), blocked places left out.

        Raises Drifted when none holds `quantity` alone: which places to empty is a person's choice.
        """
        storage = self.warehouse(site)["storage_location"]
        domain = [["parent", "child_of", [storage], "parent"], ["type", "=", "storage"]]
        best, most = 0, Decimal(0)
        for row in self.client.search("stock.location", domain, ["code"]):
            there = self.on_hand(row["id"], product, lot)
            if there > most:
                best, most = row["id"], there
        if most < quantity:
            what = "of the lot " if lot else ""
            raise Drifted(
                f"Tryton has no place in {site!r} with {quantity} {what}free; the most is {most}",
                Difference("stock", f"{quantity} to take", f"{most} there"),
            )
        return best

    def on_hand(
        self, place: int, product: int, lot: int | None, *, below: bool = False, free_on: date | None = None
    ) -> Decimal:
        """Quantity of a product (or lot) in one place now; with `below`, in the places under it too.

        With `free_on`, Tryton's today: without what is reserved, as Tryton counts when it reserves.
        """
        context: Row = {"locations": [place], "with_childs": below}
        if free_on:
            context |= {"stock_assign": True, "stock_date_end": free_on}
        model, record = ("stock.lot", lot) if lot else ("product.product", product)
        rows = self.client.call(model, "read", [record], ["quantity"], context=context)
        return Decimal(str(rows[0]["quantity"] or 0))

    def production(self, number: str) -> Row:
        """A work order by our number. Two of one number, as Tryton allows, can't be told apart: a person decides."""
        rows = self.client.search("production", [["reference", "=", number]], ORDER_FIELDS, limit=2)
        return self._only("work order", number, rows)

    def order_line(self, model: str, number: str, line: str) -> Row:
        """A sale.line or purchase.line by our order number and line."""
        head = model.split(".")[0]
        shared = [
            "sequence",
            "quantity",
            "unit",
            "unit_price",
            "product",
            "product.code",
            "description",
            "_timestamp",
        ]
        dates = ["delivery_date", "delivery_date_store"] if head == "purchase" else ["shipping_date"]
        extra = ["shipping_date", "lines", "_timestamp"] if head == "sale" else ["_timestamp"]
        fields = [*shared, *dates, f"{head}.number", f"{head}.state", *(f"{head}.{name}" for name in extra)]
        domain: list[Any] = [[f"{head}.reference", "=", number], ["type", "=", "line"]]
        if line:
            domain.append(["sequence", "=", sequence(line)])
        rows = self.client.search(model, domain, fields, limit=2)
        return self._only("order line", f"{number}/{line}", rows)

    def account(self, code: str) -> int:
        """A general-ledger account by its code."""
        return int(self._need("account", code, "account.account", [["code", "=", code]], ["code"])["id"])

    def _need(self, what: str, code: str, model: str, domain: list[Any], fields: list[str]) -> Row:
        return self._only(what, code, self.client.search(model, domain, fields, limit=2))

    @staticmethod
    def _only(what: str, code: str, rows: list[Row]) -> Row:
        if not rows:
            raise ErpRejected("erp.not_found", f"Tryton has no {what} {code!r}")
        if len(rows) > 1:
            raise ErpRejected("erp.ambiguous", f"Tryton has more than one {what} {code!r}")
        return rows[0]


def promised_dates(client: Client, lines: Sequence[Row]) -> dict[int, date | None]:
    """When what is still to come of each purchase line is promised, by the line's id.

    Tryton's own date of a line is that of its earliest goods, so of one received in part it is a day gone by. The
    moves still open say when the rest comes; where none is open, Tryton's date stands.
    """
    domain: list[Any] = [
        ["origin", "in", [f"purchase.line,{row['id']}" for row in lines]],
        ["state", "not in", ["done", "cancelled"]],
        ["from_location.type", "=", "supplier"],  # a return names the line, too
    ]
    promised: dict[int, date | None] = {row["id"]: row["delivery_date"] for row in lines}
    rows = client.search("stock.move", domain, ["origin", "planned_date"], order=[["planned_date", "DESC"]])
    for row in rows:
        if row["planned_date"]:
            promised[int(row["origin"].split(",")[1])] = row["planned_date"]
    return promised


def sequence(text: str) -> int:
    """An operation's or line's number as Tryton orders it. Raises ErpRejected for anything but a whole number."""
    if not text.isdecimal():
        raise ErpRejected("erp.payload", f"{text!r} is no operation or line number in Tryton")
    return int(text)


def scaled(quantity: Decimal, factor: float, into: float) -> Decimal:
    """A quantity of one unit in another of its category; both factors as Tryton keeps them (12 decimals)."""
    exact = quantity * Decimal(str(factor)) / Decimal(str(into))
    return exact.quantize(Decimal("1e-9")).normalize() + Decimal(0)


def rounded(quantity: Decimal, digits: int | None) -> float:
    """The quantity as Tryton stores it. Raises ErpRejected when the unit can't carry that many decimals."""
    if digits is not None and round(quantity, digits) != quantity:
        raise ErpRejected("erp.unit_digits", f"the unit takes {digits} decimals, {quantity} has more")
    return float(quantity)
