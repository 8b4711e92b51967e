"""Our codes in the words of an ERP that is reached by files or calls, as the connection maps them.

Owns which field of a payload belongs to which kind of mapping, for every exchange connector. A code without a mapping
goes as it is, unless the option `must_map` names its kind: then it is missing, and the posting waits for a person to
map it. What somebody has looked at (`seen`) concerns us alone and stays here. Must not know: formats, folders, HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from erp_sync.adapters.port import PostingCommand
from erp_sync.errors import ErpRejected

#: kind of mapping -> what it is for, as the administration shows it
MAPPING_KINDS: dict[str, str] = {
    "plant": "Site to the ERP's plant",
    "location": "Storage location",
    "unit": "Unit of measure",
    "reason": "Reason or variance code",
    "item": "Item number",
    "work_centre": "Work centre",
    "work_unit": "Machine or other equipment",
    "defect": "Defect code",
    "damage": "Damage code",
    "cause": "Cause code",
    "characteristic": "Inspection characteristic",
    "cost_class": "Kind of cost",
    "priority": "Priority",
    "severity": "Severity",
}
#: field of a payload -> kind of mapping
FIELDS: dict[str, str] = {
    "site": "plant",
    "to_site": "plant",
    "from_location": "location",
    "to_location": "location",
    "uom": "unit",
    "reason_code": "reason",
    "variance_reason": "reason",
    "item": "item",
    "substitute_for": "item",
    "work_centre": "work_centre",
    "to_work_centre": "work_centre",
    "work_unit": "work_unit",
    "to_unit": "work_unit",
    "from_unit": "work_unit",
    "defect_code": "defect",
    "damage_code": "damage",
    "cause_code": "cause",
    "characteristic": "characteristic",
    "cost_class": "cost_class",
    "priority": "priority",
    "severity": "severity",
}
#: The one field that says something of us and nothing to an ERP.
OURS = "seen"


class Codes:
    """The mappings of one connection: a mapping a kind in `settings`; `must_map` names kinds, parted by commas."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._tables = {
            kind: table for kind in MAPPING_KINDS if isinstance(table := settings.get(kind), Mapping)
        }
        named = str(settings.get("must_map") or "").replace(",", " ").split()
        self._must = frozenset(named)

    def theirs(self, command: PostingCommand) -> PostingCommand:
        """The command in the ERP's codes; a reversal's original too. Raises ErpRejected `erp.mapping_missing`."""
        payload = self._payload(command.payload)
        original = payload.get("original")
        if isinstance(original, Mapping):
            payload["original"] = self._payload(original)
        return replace(command, payload=payload)

    def _payload(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._value(name, value) for name, value in payload.items() if name != OURS}

    def _value(self, name: str, value: Any) -> Any:
        kind = FIELDS.get(name)
        if kind is None or value in (None, ""):
            return value
        table = self._tables.get(kind, {})
        if str(value) in table:
            return str(table[str(value)])
        if kind in self._must:
            words = f"{kind.replace('_', ' ')} {str(value)[:60]!r} is not mapped to a code of the ERP"
            raise ErpRejected("erp.mapping_missing", words)
        return value
