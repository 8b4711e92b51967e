"""Our codes turned into Odoo's records, and Odoo's back into ours.

Owns the look-ups by code of items, places, lots and equipment through the connection's code mappings, and the words
said when one is not there. Master data is remembered for the life of the connection, lots never.
Must not know: postings, the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from erp_sync.adapters.odoo.client import Client, Domain, Row
from erp_sync.errors import ErpRejected

#: Odoo's units as the plant says them, unless the connection maps them.
UNITS = {"Units": "pcs", "Unit": "pcs", "kg": "kg", "g": "g", "m": "m", "mm": "mm", "L": "l"}


class Catalogue:
    """Look-ups over one client; each kind of code mapping is a mapping of its own in `settings`."""

    def __init__(self, client: Client, settings: Mapping[str, Any]) -> None:
        self.client = client
        self._settings = settings
        self._known: dict[tuple[str, str], Row] = {}
        self._places: dict[str, dict[int, str]] = {}

    def option(self, name: str, default: Any = None) -> Any:
        """One of the connector's own settings."""
        found = self._settings.get(name)
        return default if found in (None, "") else found

    def mapped(self, kind: str, ours: str) -> str:
        """What the connection maps a code to; "" when it does not."""
        table = self._settings.get(kind)
        return str(table.get(ours, "")) if isinstance(table, Mapping) else ""

    def ours(self, kind: str, theirs: str) -> str:
        """Our code for one of Odoo's, by the same mapping read backwards; Odoo's own where none is mapped."""
        table = self._settings.get(kind)
        if isinstance(table, Mapping):
            return next((str(a) for a, b in table.items() if str(b) == theirs), theirs)
        return theirs

    @property
    def zone(self) -> ZoneInfo:
        """The plant's clock. Raises ErpRejected `erp.mapping_missing` for a name that is no time zone."""
        name = str(self.option("timezone", "UTC"))
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise missing("timezone", name) from None

    def product(self, code: str) -> Row:
        """An item by its internal reference."""
        fields = ["default_code", "uom_id", "display_name", "tracking"]
        return self._kept("item", code, "product.product", [["default_code", "=", code]], fields)

    def check_unit(self, item: str, product: Row, uom: str) -> None:
        """Raises ErpRejected `odoo.unit` for a quantity in another unit than Odoo keeps the item in."""
        theirs = label(product["uom_id"])
        if uom and uom not in (theirs, self.ours("unit", theirs), UNITS.get(theirs)):
            words = f"Odoo keeps {item} in {theirs}, the posting says {uom}"
            raise ErpRejected("odoo.unit", words)

    def place(self, code: str) -> Row:
        """A location by what it is mapped to, or its own full name (`WH/Stock`) or barcode."""
        theirs = self.mapped("location", code) or code
        domain = ["|", ["complete_name", "=", theirs], ["barcode", "=", theirs]]
        return self._kept(
            "location", code, "stock.location", domain, ["complete_name", "usage", "warehouse_id"]
        )

    def special_place(self, kind: str, site: str) -> Row:
        """A site's blocked or scrap location. Raises ErpRejected `erp.mapping_missing`."""
        theirs = self.mapped(kind, site)
        if not theirs:
            raise missing(kind, site or "(no site)")
        domain = ["|", ["complete_name", "=", theirs], ["barcode", "=", theirs]]
        return self._kept(kind, theirs, "stock.location", domain, ["complete_name", "usage", "warehouse_id"])

    def warehouse(self, site: str) -> Row:
        """A site's warehouse: mapped `site`, else of the site's own code; the only one where none is named."""
        code = self.mapped("site", site) or site
        domain: Domain = [["code", "=", code]] if code else []
        fields = ["code", "lot_stock_id", "int_type_id"]
        return self._kept("warehouse", code, "stock.warehouse", domain, fields)

    def lot(self, number: str, product: int) -> int:
        """A lot or serial number of a product."""
        domain = [["name", "=", number], ["product_id", "=", product]]
        return int(
            self._only("lot", number, self.client.search("stock.lot", domain, ["name"], limit=2))["id"]
        )

    def equipment(self, work_unit: str) -> int:
        """A machine: mapped `work_unit` to its name or serial number, else the code as such."""
        theirs = self.mapped("work_unit", work_unit) or work_unit
        domain = ["|", ["name", "=", theirs], ["serial_no", "=", theirs]]
        return int(self._kept("work unit", work_unit, "maintenance.equipment", domain, ["name"])["id"])

    def reason(self, code: str) -> int | None:
        """The scrap reason a code is mapped to; None where it is not mapped (Odoo asks for none)."""
        theirs = self.mapped("reason", code)
        if not theirs:
            return None
        domain = [["name", "=", theirs]]
        return int(self._kept("reason", theirs, "stock.scrap.reason.tag", domain, ["name"])["id"])

    def on_hand(self, product: int, place: int, lot: int | None) -> Decimal:
        """What is free of a product (or lot) in a place and below it: there, less what others have reserved."""
        domain: list[Any] = [["product_id", "=", product], ["location_id", "child_of", place]]
        return sum((free(row) for row in self._quants(domain, lot)), Decimal(0))

    def fullest(self, site: str, product: int, lot: int | None) -> int | None:
        """The internal place of a site that holds most of a product, blocked ones left out; None for none."""
        warehouse = self.warehouse(site)["id"]
        domain: list[Any] = [
            ["product_id", "=", product],
            ["location_id.usage", "=", "internal"],
            ["location_id.warehouse_id", "=", warehouse],
        ]
        blocked = self.places("blocked")
        totals: dict[int, Decimal] = {}
        for row in self._quants(domain, lot):
            place = int(row["location_id"][0])
            if place not in blocked:
                totals[place] = totals.get(place, Decimal(0)) + free(row)
        best = max(totals, key=lambda place: (totals[place], -place), default=None)
        return best if best is not None and totals[best] > 0 else None

    def places(self, kind: str) -> dict[int, str]:
        """Locations a kind of mapping names, by id, with our code of each."""
        if kind not in self._places:
            table = self._settings.get(kind)
            ours = {str(b): str(a) for a, b in table.items()} if isinstance(table, Mapping) else {}
            self._places[kind] = {}
            if ours:
                names = sorted(ours)
                domain = ["|", ["complete_name", "in", names], ["barcode", "in", names]]
                for row in self.client.search("stock.location", domain, ["complete_name", "barcode"]):
                    code = ours.get(str(row["complete_name"])) or ours[str(row["barcode"])]
                    self._places[kind][int(row["id"])] = code
        return self._places[kind]

    def _quants(self, domain: list[Any], lot: int | None) -> list[Row]:
        wanted = [*domain, ["lot_id", "=", lot]] if lot else domain
        return self.client.search("stock.quant", wanted, ["location_id", "quantity", "reserved_quantity"])

    def _kept(self, what: str, code: str, model: str, domain: Domain, fields: list[str]) -> Row:
        key = (model, f"{what}:{code}")
        if key not in self._known:
            self._known[key] = self._only(what, code, self.client.search(model, domain, fields, limit=2))
        return self._known[key]

    @staticmethod
    def _only(what: str, code: str, rows: list[Row]) -> Row:
        if not rows:
            raise ErpRejected("erp.not_found", f"Odoo has no {what} {code!r}")
        if len(rows) > 1:
            raise ErpRejected("erp.ambiguous", f"Odoo has more than one {what} {code!r}")
        return rows[0]


def missing(kind: str, code: str) -> ErpRejected:
    words = f"{kind.replace('_', ' ')} {code!r} is not mapped to a code of Odoo"
    return ErpRejected("erp.mapping_missing", words)


def number(value: Any) -> Decimal:
    """A quantity as Odoo sends it: a float, or False for none."""
    return Decimal(str(value)) if value else Decimal(0)


def free(row: Row) -> Decimal:
    return number(row["quantity"]) - number(row.get("reserved_quantity"))


def moment(value: Any) -> datetime | None:
    """One of Odoo's moments, which are UTC without saying so; None for none."""
    if not isinstance(value, str) or not value:
        return None
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """A moment as Odoo takes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def day(value: Any, zone: ZoneInfo) -> date | None:
    """The plant's day of one of Odoo's moments; a bare date as it is."""
    if isinstance(value, str) and len(value) == 10:
        return date.fromisoformat(value)
    at = moment(value)
    return at.astimezone(zone).date() if at else None


def label(relation: Any) -> str:
    """The name of a many-to-one as read; "" for none."""
    return str(relation[1]) if isinstance(relation, list | tuple) and len(relation) == 2 else ""


def ident(relation: Any) -> int | None:
    """The id of a many-to-one as read; None for none."""
    return int(relation[0]) if isinstance(relation, list | tuple) and relation else None
