"""Our codes in Business Central's words, as the connection's settings and code mappings say.

Owns the mapped kinds of code, the fields' lengths, and what is said when one is missing. Must not know: postings, HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from erp_sync.adapters.business_central.client import NAME, Client
from erp_sync.errors import ErpRejected

UNITS = {
    "pcs": "PCS",
    "pc": "PCS",
    "ea": "PCS",
    "kg": "KG",
    "g": "GR",
    "l": "L",
    "h": "HOUR",
    "min": "MINUTES",
}
#: A mapping of accounts answers for every class it does not name by this one.
EVERY = "*"


class Terms:
    """Look-ups over one connection's settings; each kind of mapping is a mapping of its own in there."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings

    def mapped(self, kind: str, ours: str) -> str:
        """What the connection maps a code to; "" when it does not."""
        table = self._settings.get(kind)
        return str(table.get(ours, "")) if isinstance(table, Mapping) else ""

    def ours(self, kind: str, theirs: str) -> str:
        """Our code for one of theirs, by the same mapping read backwards; "" where none is mapped."""
        table = self._settings.get(kind)
        pairs = table.items() if isinstance(table, Mapping) else ()
        return next((str(a) for a, b in pairs if str(b).upper() == theirs.upper()), "")

    def account(self, kind: str, cost_class: str) -> str:
        """A G/L account of a cost class. Raises ErpRejected `erp.mapping_missing`."""
        found = self.mapped(kind, cost_class) or self.mapped(kind, EVERY)
        if not found:
            words = kind.replace("_", " ")
            raise ErpRejected("erp.mapping_missing", f"{words} {cost_class!r} is not mapped to a G/L account")
        return fit("account number", found, 20)

    def unit(self, uom: str) -> str:
        """A unit of measure code: mapped, the usual ones, else the code itself."""
        return self.mapped("unit", uom) or UNITS.get(uom.lower(), uom)

    def unit_in(self, code: str) -> str:
        """Our unit of theirs."""
        usual = next((ours for ours, theirs in UNITS.items() if theirs == code.upper()), code)
        return self.ours("unit", code) or usual


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with."""

    client: Client
    terms: Terms


def fit(what: str, text: str, limit: int) -> str:
    """The text, if the field holds it. Raises ErpRejected `business_central.length`: a cut code is another code."""
    if len(text) > limit:
        raise ErpRejected(f"{NAME}.length", f"the {what} holds {limit} characters, {text!r} has {len(text)}")
    return text


def journal_code(key: str) -> str:
    """Ten letters made of a key, as a journal's code holds no more.

    Letters only: Business Central may count up the number in a journal's name when it is posted.
    """
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
    letters = []
    for _ in range(8):
        number, rest = divmod(number, 26)
        letters.append(chr(ord("A") + rest))
    return "XL" + "".join(letters)
