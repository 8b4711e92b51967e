"""Trading partners of an EDI source, from its settings: who they are, their item numbers, units, zones and wishes.

`config["partners"]` is a list of {id, customer, qualifier, our_id, our_qualifier, group_id, our_group_id, items, units,
zone, quantities, special_items, frozen_days, free_days, url, acknowledge, release, countered}; everything but
id and customer may be left out; `special_items` are made for this customer alone. Pure. Knows no rows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from exceptions_app.channels.edi.orders import number

#: 355 and 6411 codes that are plain pieces, kilograms, metres, litres wherever they are used.
UNITS: Final[dict[str, str]] = {
    "EA": "pcs", "PCE": "pcs", "C62": "pcs", "PCS": "pcs", "PC": "pcs", "H87": "pcs", "NMP": "pcs", "UN": "pcs",
    "KGM": "kg", "KG": "kg", "GRM": "g", "MTR": "m", "MR": "m", "MTK": "m2", "LTR": "l", "LT": "l", "SET": "set",
    "TNE": "t", "HUR": "h",
}  # fmt: skip
#: Our units as each syntax writes them.
X12_UNITS: Final = {"pcs": "EA", "kg": "KG", "g": "GR", "m": "MR", "l": "LT", "set": "ST"}
EDIFACT_UNITS: Final = {
    "pcs": "PCE",
    "kg": "KGM",
    "g": "GRM",
    "m": "MTR",
    "l": "LTR",
    "set": "SET",
    "t": "TNE",
}
_TIMES: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([^\d\s].*)")


@dataclass(frozen=True, slots=True)
class Partner:
    """One trading partner as the settings describe it. `frozen_days` are workdays, `free_days` calendar days."""

    id: str
    customer: str
    qualifier: str = ""
    our_id: str = ""
    our_qualifier: str = ""
    group_id: str = ""
    our_group_id: str = ""
    zone: str = ""
    items: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, tuple[str, Decimal]] = field(default_factory=dict)
    differences: bool = False
    special: frozenset[str] = frozenset()
    frozen_days: int = 2
    free_days: int = 0
    url: str = ""
    acknowledge: bool = True
    release: str = ""
    countered: str = "4"

    def unit(self, code: str) -> tuple[str, Decimal] | None:
        """Our unit and how many of it one of theirs is; None for a code nobody has said anything about."""
        code = code.strip().upper()
        if code in self.units:
            return self.units[code]
        known = UNITS.get(code)
        return (known, Decimal(1)) if known else None


def partners_of(config: Mapping[str, Any]) -> list[Partner]:
    """The partners of a source; entries without an id are left out. Never raises on what an administrator typed."""
    rows = config.get("partners")
    listed = rows if isinstance(rows, list) else []
    return [_partner(row) for row in listed if isinstance(row, Mapping) and _text(row, "id")]


def partner_of(config: Mapping[str, Any], *, sender: str, qualifier: str = "") -> Partner | None:
    """The partner an interchange came from: its id to the letter, and its qualifier where the settings name one."""
    for one in partners_of(config):
        if one.id == sender and (not one.qualifier or one.qualifier == qualifier):
            return one
    return None


def mistakes(config: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings, in words for the administrator."""
    rows = config.get("partners")
    if not isinstance(rows, list) or not rows:
        return ["No trading partner is named: everything sent goes to triage."]
    found = []
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or not _text(row, "id"):
            found.append(f"Partner {place} has no id.")
        elif not _text(row, "customer"):
            found.append(f"Partner {row['id']} names no customer.")
    ids = [_text(row, "id") for row in rows if isinstance(row, Mapping)]
    found += [f"Partner {one} is there twice." for one in sorted({one for one in ids if ids.count(one) > 1})]
    return found


def _partner(row: Mapping[str, Any]) -> Partner:
    return Partner(
        id=_text(row, "id"),
        customer=_text(row, "customer"),
        qualifier=_text(row, "qualifier"),
        our_id=_text(row, "our_id"),
        our_qualifier=_text(row, "our_qualifier"),
        group_id=_text(row, "group_id"),
        our_group_id=_text(row, "our_group_id"),
        zone=_text(row, "zone"),
        items={str(key): str(value) for key, value in _mapping(row, "items").items()},
        units=_units(_mapping(row, "units")),
        differences=_text(row, "quantities") == "differences",
        special=_names(row, "special_items"),
        frozen_days=_days(row, "frozen_days", 2),
        free_days=_days(row, "free_days", 0),
        url=_text(row, "url"),
        acknowledge=row.get("acknowledge") is not False,
        release=_text(row, "release"),
        countered=_text(row, "countered") or "4",
    )


def _units(rows: Mapping[str, Any]) -> dict[str, tuple[str, Decimal]]:
    """ "CA": "12 pcs" is a case of twelve; "ST": "pcs" is one of ours."""
    found: dict[str, tuple[str, Decimal]] = {}
    for code, value in rows.items():
        words = str(value).strip()
        match = _TIMES.fullmatch(words)
        factor = number(match[1]) if match else Decimal(1)
        unit = match[2].strip() if match else words
        if unit and factor:
            found[str(code).strip().upper()] = (unit, factor)
    return found


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _mapping(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}


def _names(row: Mapping[str, Any], name: str) -> frozenset[str]:
    value = row.get(name)
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def _days(row: Mapping[str, Any], name: str, default: int) -> int:
    value = row.get(name, default)
    try:
        return max(0, min(365, int(value)))
    except (TypeError, ValueError):
        return default


def codes_of(items: Sequence[str], cross: Mapping[str, str]) -> list[str]:
    """Item numbers as sent, each followed by what the cross reference makes of it; each once."""
    found: list[str] = []
    for one in items:
        for code in (cross.get(one, ""), one):
            if code and code not in found:
                found.append(code)
    return found
