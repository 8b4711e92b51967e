"""Our codes in ERPNext's words, where stock lies, and the key in its documents.

Owns the look-ups through the connection's code mappings, the field that carries the business key, and ERPNext's local
times. Must not know: postings, the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from erp_sync.adapters.erpnext.client import Client, Filters, Row
from erp_sync.errors import ErpRejected

#: The field people read, which begins with the key, by document type.
TEXTS = {"Stock Entry": "remarks", "Journal Entry": "user_remark", "Non Conformance": "subject"}
STAMP = "%Y-%m-%d %H:%M:%S"
#: So near to a change of the clock a local time may be meant twice; a long read may have begun before it.
NEAR = timedelta(hours=3)
UNITS = {"pcs": "Nos", "kg": "Kg", "g": "Gram", "m": "Meter", "mm": "Millimeter", "l": "Litre"}


class Terms:
    """Look-ups over one connection's settings; each kind of code mapping is a mapping of its own in there."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings

    def option(self, name: str, default: Any = None) -> Any:
        """One of the connector's own settings."""
        found = self._settings.get(name)
        return default if found in (None, "") else found

    def mapped(self, kind: str, ours: str) -> str:
        """What the connection maps a code to; "" when it does not."""
        table = self._settings.get(kind)
        return str(table.get(ours, "")) if isinstance(table, Mapping) else ""

    def ours(self, kind: str, theirs: str) -> str:
        """Our code for one of ERPNext's, by the same mapping read backwards; theirs where none is mapped."""
        table = self._settings.get(kind)
        if isinstance(table, Mapping):
            return next((str(a) for a, b in table.items() if str(b) == theirs), theirs)
        return theirs

    def needed(self, kind: str, ours: str) -> str:
        """A code that only a mapping can tell. Raises ErpRejected `erp.mapping_missing`."""
        found = self.mapped(kind, ours)
        if not found:
            raise missing(kind, ours or "(none)")
        return found

    def every(self, kind: str) -> set[str]:
        """All codes of ERPNext's a kind maps to."""
        table = self._settings.get(kind)
        return {str(one) for one in table.values()} if isinstance(table, Mapping) else set()

    @property
    def zone(self) -> ZoneInfo:
        """The site's system time zone. Raises ErpRejected `erp.mapping_missing` for a name that is none."""
        name = str(self.option("timezone", "UTC"))
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise missing("timezone", name) from None

    def unit(self, uom: str) -> str:
        """A unit: mapped, the usual one, else the code itself; "" for none."""
        return self.mapped("unit", uom) or UNITS.get(uom, uom)

    @property
    def key_field(self) -> str:
        """The custom field that holds the key, "" where none is set up."""
        return str(self.option("key_field", ""))

    def carrying(self, doctype: str, key: str) -> Filters:
        """How documents under a key are found: by their own field, else by the front of their text."""
        if self.key_field:
            return [[self.key_field, "=", key]]
        return [[TEXTS[doctype], "like", f"{key}%"]]

    def marked(self, doctype: str, key: str, words: str) -> Row:
        """Fields that carry the key: the text always, the custom field where there is one."""
        return {TEXTS[doctype]: words} | ({self.key_field: key} if self.key_field else {})

    def moment(self, value: Any) -> datetime | None:
        """One of ERPNext's local times as an aware one; None for none."""
        if not isinstance(value, str) or not value:
            return None
        return datetime.fromisoformat(value).replace(tzinfo=self.zone).astimezone(UTC)

    def local(self, at: datetime) -> str:
        """A moment as ERPNext keeps it."""
        return at.astimezone(self.zone).strftime(STAMP)

    def set_back(self, seen: datetime) -> timedelta:
        """By how much the site's clock is put back around one of its local times: what was written later may be
        stamped earlier by that much. Mostly nothing."""
        zone = self.zone
        before, after = ((seen + span).replace(tzinfo=zone).utcoffset() for span in (-NEAR, NEAR))
        return max((before or timedelta()) - (after or timedelta()), timedelta())

    def earliest(self, at: datetime) -> str:
        """The local time from which on all is stamped that was written since a moment."""
        local = at.astimezone(self.zone).replace(tzinfo=None)
        return (local - self.set_back(local)).strftime(STAMP)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with."""

    client: Client
    terms: Terms

    def on_hand(self, item: str, warehouse: str, lot: str) -> Decimal:
        """What a warehouse holds of an item, or of one of its batches."""
        if lot:
            method = "erpnext.stock.doctype.batch.batch.get_batch_qty"
            return number(self.client.ask(method, batch_no=lot, warehouse=warehouse, item_code=item))
        row = self.client.first(
            "Bin", [["item_code", "=", item], ["warehouse", "=", warehouse]], ["actual_qty"]
        )
        return number(row["actual_qty"]) if row else Decimal(0)

    def fullest(self, item: str, site: str, lot: str) -> str:
        """The warehouse of a site that holds most of an item, blocked and scrap ones left out; "" for none."""
        aside = self.terms.every("blocked") | self.terms.every("scrap")
        filters: list[list[Any]] = [["item_code", "=", item], ["actual_qty", ">", 0]]
        if group := self.terms.mapped("site", site):
            below = self.client.rows("Warehouse", [["parent_warehouse", "=", group]], ["name"])
            filters.append(["warehouse", "in", [group, *(str(row["name"]) for row in below)]])
        best, most = "", Decimal(0)
        for row in self.client.rows("Bin", filters, ["warehouse", "actual_qty"]):
            name = str(row["warehouse"])
            there = self.on_hand(item, name, lot) if lot else number(row["actual_qty"])
            if name not in aside and there > most:
                best, most = name, there
        return best

    def company(self, warehouse: str) -> str:
        """The company a warehouse belongs to, unless the connection names one."""
        named = self.terms.option("company")
        return str(named or self.client.get("Warehouse", warehouse).get("company") or "")


def missing(kind: str, code: str) -> ErpRejected:
    words = f"{kind.replace('_', ' ')} {code!r} is not mapped to a code of ERPNext"
    return ErpRejected("erp.mapping_missing", words)


def number(value: Any) -> Decimal:
    """A quantity as ERPNext sends it: a float, or null for none."""
    return Decimal(str(value)) if value else Decimal(0)


def day(value: Any) -> date | None:
    """The day of one of ERPNext's local times or days; None for none."""
    return date.fromisoformat(value[:10]) if isinstance(value, str) and value else None
