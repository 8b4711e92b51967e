"""The fields of a posting: what is sent, labelled and line by line, and the form they are corrected in.

Owns their words, which of them nobody types, and the way back from a form to a payload in the types it had. Must not
know what is wrong with a field, nor what becomes of a change.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from core.errors import InvalidInput
from erp_sync import canonical
from erp_sync.models import Posting
from erp_sync.services.operating import FIXED_FIELDS

#: Payload members in the plant's words; others are shown as they are called, without underscores.
NAMES: Final = {
    "yield_qty": "Good", "scrap_qty": "Scrap", "rework_qty": "To rework", "qty": "Quantity", "uom": "Unit",
    "machine_minutes": "Machine minutes", "labour_minutes": "Labour minutes", "total_yield": "Good in all",
    "final": "Last of the order", "reason_code": "Reason", "new": "New value", "old": "Old value",
    "work_centre": "Work centre", "po_line": "Order line", "po_number": "Customer's order", "rma": "Return number",
    "which": "Which date", "opened_by": "Opened by posting", "reverses": "Takes back", "seen": "Seen in ERP",
    "reverses_kind": "Which was", "reverses_number": "ERP document",
}  # fmt: skip
_FIRST: Final = (
    "site", "work_order", "operation", "number", "line", "action", "work_centre", "work_unit", "item", "lot",
    "quantity", "uom", "from_location", "to_location", "from_status", "to_status", "yield_qty", "scrap_qty", "start",
    "end",
)  # fmt: skip
#: Members nobody types: they say which other posting this belongs to, or what was accepted of ERP.
_KEPT: Final = (*FIXED_FIELDS, "opened_by")


@dataclass(frozen=True)
class Member:
    """A member of what is sent: its path in the payload, its name in words and its value; `kind` says how it is edited,
    `part` which line of a list it belongs to, `wrong` what is not right about it."""

    name: str
    words: str
    value: str
    kind: str
    fixed: bool
    part: str = ""
    wrong: str = ""
    warn: bool = False


def members_of(posting: Posting, wrong: Mapping[str, tuple[str, bool]] | None = None) -> list[Member]:
    """The payload as labelled fields, those people look for first in front; lists and groups line by line."""
    wrong = wrong or {}
    payload = {**{name: None for name in wrong if _is_member(posting.kind, name)}, **posting.payload}
    return [
        _member(path, words, part, value, wrong)
        for name in sorted(payload, key=_place)
        for path, words, part, value in _leaves(name, words_for(name), payload[name])
    ]


def words_for(name: str) -> str:
    """A member's name in the plant's words."""
    return NAMES.get(name) or name.replace("_", " ").strip().capitalize()


def _is_member(kind: str, name: str) -> bool:
    return name in canonical.KINDS[kind].__dataclass_fields__ if kind in canonical.KINDS else False


def _place(name: str) -> tuple[int, str]:
    """Members people look for first; the store keeps no order of its own."""
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _leaves(path: str, words: str, value: Any, part: str = "") -> Iterator[tuple[str, str, str, Any]]:
    """(path, words, part, value) of everything inside that is no list and no group."""
    if isinstance(value, dict) and value:
        for name in sorted(value, key=_place):
            yield from _leaves(f"{path}.{name}", words_for(name), value[name], part or words)
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            here = f"{words.removesuffix('s')} {number + 1}"
            yield from _leaves(f"{path}.{number}", here, one, here)
    else:
        yield path, words, part, "" if value in ({}, []) else value


def _member(path: str, words: str, part: str, value: Any, wrong: Mapping[str, tuple[str, bool]]) -> Member:
    kind, shown = "text", "" if value is None else str(value)
    if isinstance(value, bool):
        kind, shown = "flag", "yes" if value else "no"
    elif isinstance(value, int | float):
        kind = "number"
    said, warn = wrong.get(path, ("", False))
    fixed = path.split(".")[0] in _KEPT
    return Member(path, words, shown, kind, fixed, part, said, warn)


def edited(posting: Posting, given: Mapping[str, str]) -> dict[str, Any]:
    """The payload with the form's values in it, each in the type it had. Raises InvalidInput for what is none.

    A field the payload lacks is taken only where the kind has it and it is named as missing now.
    """
    payload: dict[str, Any] = _copied(posting.payload)
    for member in members_of(posting, _missing(posting)):
        raw = given.get(f"payload.{member.name}")
        if raw is None or member.fixed:
            continue
        inside: Any = payload
        *way, last = member.name.split(".")
        for step in way:
            inside = inside[int(step)] if isinstance(inside, list) else inside[step]
        if isinstance(inside, list):
            inside[int(last)] = _typed(member.words, inside[int(last)], raw.strip())
        elif last in inside or raw.strip():
            inside[last] = _typed(member.words, inside.get(last), raw.strip())
    return payload


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(one) for name, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def _typed(words: str, before: Any, raw: str) -> Any:
    if isinstance(before, bool):
        return raw == "yes"
    if isinstance(before, int):
        if not raw.lstrip("-").isdigit():
            raise InvalidInput("erp.payload_unreadable", f"{words} is a whole number.")
        return int(raw)
    if isinstance(before, float):
        try:
            return float(Decimal(raw))
        except InvalidOperation:
            raise InvalidInput("erp.payload_unreadable", f"{words} is a number.") from None
    if not raw and (before is None or before in ({}, [])):
        return before
    return raw


def _missing(posting: Posting) -> dict[str, tuple[str, bool]]:
    """The same by the rules of its kind alone: which fields it lacks."""
    found = canonical.validate(posting.kind, posting.payload, canonical.Facts())
    return {one.field: (one.message, one.warn) for one in found}
