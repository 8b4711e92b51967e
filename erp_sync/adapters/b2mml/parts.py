"""The pieces B2MML messages share: what is said, and the elements that hold values.

Owns the command on its way into a message and the typed values of the schema. Must not know: any message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

from erp_sync.adapters import port
from erp_sync.adapters.b2mml import xml


@dataclass(frozen=True, slots=True)
class Said:
    """One command on its way into a message; `verb` Process or Cancel, `ident` the id of the noun."""

    kind: str
    payload: Mapping[str, Any]
    command: port.PostingCommand
    bod_id: str
    verb: str
    ident: str

    def get(self, name: str) -> str:
        value = self.payload.get(name)
        return "" if value is None else str(value)


def scope(parent: Element, said: Said) -> None:
    """The site, where one is named."""
    if said.get("site"):
        held = xml.add(parent, "HierarchyScope")
        xml.add(held, "EquipmentID", said.get("site"))
        xml.add(held, "EquipmentLevel", "Site")


def quantity(parent: Element, amount: str, unit: str) -> None:
    """A Quantity with its unit."""
    held = xml.add(parent, "Quantity")
    xml.add(held, "QuantityString", amount)
    xml.add(held, "DataType", "decimal")
    if unit:
        xml.add(held, "UnitOfMeasure", unit)


def prop(parent: Element, name: str, ident: str, said: object) -> None:
    """A named property."""
    found = xml.add(parent, name)
    xml.add(found, "ID", ident)
    value(found, said)


def value(parent: Element, said: object, *, kind: str = "", unit: str = "") -> None:
    """A Value; `kind` is its DataType where it is neither a flag nor plain text."""
    words = ("true" if said else "false") if isinstance(said, bool) else str(said)
    held = xml.add(parent, "Value")
    xml.add(held, "ValueString", words)
    xml.add(held, "DataType", kind or ("boolean" if isinstance(said, bool) else "string"))
    if unit:
        xml.add(held, "UnitOfMeasure", unit)


def moment(words: str) -> datetime | None:
    """An XML dateTime with an offset; None for anything else."""
    try:
        found = datetime.fromisoformat(words)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
