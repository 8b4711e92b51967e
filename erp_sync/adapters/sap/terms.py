"""Our codes in SAP's words, as the connection's settings and code mappings say.

Owns the mapped kinds of code, the fields' lengths, and what is said when one is missing. A code that has no mapping
is sent as it is where SAP could know it; otherwise it is missing (the posting is held, a person maps it).
Must not know: postings, HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from erp_sync.errors import ErpRejected

#: SAP's units for ours, unless the connection maps them.
UNITS = {
    "pcs": "PC",
    "pc": "PC",
    "ea": "EA",
    "kg": "KG",
    "g": "G",
    "m": "M",
    "mm": "MM",
    "l": "L",
    "min": "MIN",
}
#: Movement types of a standard system by kind and how it differs from the kind's usual way; a plant's own are mapped.
MOVEMENT_TYPES = {
    "movement.issue": "261",
    "movement.receipt:work_order": "101",
    "movement.receipt:purchase_order": "101",
    "movement.scrap": "551",
    "movement.scrap:quality": "553",
    "movement.scrap:blocked": "555",
    "movement.block": "344",
    "movement.block:quality": "350",
    "movement.block:to_quality": "322",
    "movement.unblock": "343",
    "movement.unblock:quality": "349",
    "movement.unblock:from_quality": "321",
    "movement.transfer": "311",
    "movement.transfer:plants": "301",
    "movement.transfer:blocked": "325",
    "movement.transfer:quality": "323",
    "movement.return:supplier": "122",
    "movement.return:stock": "262",
}
#: Stock types as the stock service names them.
STOCK_TYPES = {"free": "01", "quality": "02", "blocked": "07"}
_PLANT = re.compile(r"^[A-Z0-9]{4}$")
_NUMERIC_REASON = re.compile(r"^\d{1,4}$")


@dataclass(frozen=True, slots=True)
class Place:
    """A storage location in its plant."""

    plant: str
    location: str

    def __str__(self) -> str:
        return f"{self.plant}/{self.location}"


class Terms:
    """Look-ups over one connection's settings; each kind of mapping is a mapping of its own in there."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings

    @property
    def zone(self) -> ZoneInfo:
        """The plant's clock. Raises ErpRejected `erp.mapping_missing` for a name that is no time zone."""
        name = str(self._settings.get("timezone") or "UTC")
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise _missing("timezone", name) from None

    def option(self, name: str, default: Any = None) -> Any:
        """One of the connector's own settings."""
        return self._settings.get(name, default)

    def mapped(self, kind: str, ours: str) -> str:
        """What the connection maps a code to; "" when it does not."""
        table = self._settings.get(kind)
        return str(table.get(ours, "")) if isinstance(table, Mapping) else ""

    def ours(self, kind: str, theirs: str) -> str:
        """Our code for one of SAP's, by the same mapping read backwards; SAP's own where none is mapped."""
        table = self._settings.get(kind)
        if isinstance(table, Mapping):
            return next((str(a) for a, b in table.items() if str(b) == theirs), theirs)
        return theirs

    def plant(self, site: str) -> str:
        """SAP's plant of a site: mapped `plant`, else the site's code where it has a plant's shape."""
        found = (
            self.mapped("plant", site)
            or (site if _PLANT.match(site) else "")
            or self.option("plant_default", "")
        )
        if not found:
            raise _missing("plant", site or "(no site)")
        return str(found)

    def place(self, code: str, site: str) -> Place:
        """A location: mapped `location` as `PLANT/LOCATION` or `LOCATION`, else the code itself if it fits."""
        found = self.mapped("location", code) or code
        plant, slash, location = found.rpartition("/")
        if not slash:
            plant = self.plant(site)
        if not _PLANT.match(plant) or not 1 <= len(location) <= 4:
            raise _missing("location", code)
        return Place(plant, location)

    def unit(self, uom: str) -> str:
        """A unit: mapped `unit`, the usual ones, else the code itself if it fits; "" for none."""
        found = self.mapped("unit", uom) or UNITS.get(uom.lower(), uom)
        if len(found) > 3:
            raise _missing("unit", uom)
        return found

    def movement_type(self, kind: str, *variants: str) -> str:
        """The movement type of a kind; the most special variant that is mapped or usual wins."""
        names = [*(f"{kind}:{variant}" for variant in variants if variant), kind]
        for name in names:
            if found := self.mapped("movement_type", name) or MOVEMENT_TYPES.get(name):
                return found
        raise _missing("movement_type", names[0])

    def stock_type(self, status: str) -> str:
        """The stock type of one of our stock statuses; free for none."""
        found = self.mapped("stock_type", status) or STOCK_TYPES.get(status or "free", "")
        if not found:
            raise _missing("stock_type", status)
        return found

    def status_of(self, stock_type: str) -> str:
        """Our stock status of SAP's stock type; "" for one the layer keeps no account of."""
        ours = self.ours("stock_type", stock_type)
        if ours != stock_type:
            return ours
        return next((name for name, code in STOCK_TYPES.items() if code == stock_type), "")

    def reason(self, code: str) -> str:
        """A reason: mapped `reason`, else the code itself where it is a number of SAP's size; "" for none."""
        found = self.mapped("reason", code) or code
        if found and not (self.mapped("reason", code) or _NUMERIC_REASON.match(found)):
            raise _missing("reason", code)
        return fit("reason", found, 4)

    def pair(self, kind: str, code: str) -> tuple[str, str]:
        """A catalogue code, mapped as `GROUP/CODE`. Raises ErpRejected when it is not mapped so."""
        group, slash, found = self.mapped(kind, code).partition("/")
        if not slash:
            raise _missing(kind, code)
        return fit(f"{kind} group", group, 8), fit(kind, found, 4)

    def work_centre(self, code: str) -> str:
        """A work centre: mapped `work_centre`, else the code itself."""
        return fit("work centre", self.mapped("work_centre", code) or code, 8)

    def local(self, moment: datetime) -> datetime:
        """A moment on the plant's own clock, as SAP keeps dates and times of day apart and without a zone."""
        return moment.astimezone(self.zone)


def fit(what: str, text: str, limit: int) -> str:
    """The text, if SAP's field holds it. Raises ErpRejected `sap.field_length`: a cut code is another code."""
    if len(text) > limit:
        raise ErpRejected(
            "sap.field_length", f"SAP's {what} holds {limit} characters, {text!r} has {len(text)}"
        )
    return text


def operation(number: str) -> str:
    """An operation's number as SAP writes it: four digits."""
    return fit("operation", number.zfill(4) if number.isdecimal() else number, 4)


def item_number(line: str, width: int) -> str:
    """An order item's number, without leading zeros. Raises ErpRejected for anything but a number."""
    if not line.isdecimal():
        raise ErpRejected("erp.payload", f"{line!r} is no item number in SAP")
    return fit("item number", line.lstrip("0") or "0", width)


def caption(key: str, text: str, limit: int) -> str:
    """The key first, then the words, cut to a text field: the key must survive the cut."""
    return f"{key} {' '.join(text.split())}".strip()[:limit].rstrip()


def _missing(kind: str, code: str) -> ErpRejected:
    return ErpRejected(
        "erp.mapping_missing", f"{kind.replace('_', ' ')} {code!r} is not mapped to a code of SAP"
    )
