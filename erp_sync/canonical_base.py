"""What every canonical payload shares: problems, facts, the envelope fields, reading and writing JSON types.

Owns the vocabulary the kinds are written in. Must not know: Django, the outbox, any ERP.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

#: Beyond this many digits before or after the point a number is a mistake, or an attack on whoever writes it out.
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason a payload is wrong. `warn` means a person may send it all the same."""

    field: str
    code: str
    message: str
    warn: bool = False


class InvalidPayload(ValueError):
    """A payload that can't be read or breaks a hard rule; `problems` names each field."""

    def __init__(self, kind: str, problems: list[Problem]) -> None:
        super().__init__(f"{kind}: " + "; ".join(f"{p.field}: {p.message}" for p in problems))
        self.kind = kind
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Facts:
    """What the caller knows around a posting; every field left None switches its check off."""

    now: datetime | None = None
    open_quantity: Decimal | None = None
    on_hand: Decimal | None = None
    hold_open: bool | None = None
    finally_confirmed: bool | None = None
    erp_value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Fields any kind may carry. `site` is the site's code, `work_order` and `operation` our numbers.

    `seen` holds what ERP said otherwise than expected and somebody accepted: field of the difference to ERP's value.
    """

    REQUIRED: ClassVar[tuple[str, ...]] = ()
    site: str = ""
    work_order: str = ""
    operation: str = ""
    reason_code: str = ""
    seen: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; empty fields are left out."""
        return {
            f.name: _plain(value)
            for f in dataclasses.fields(self)
            if (value := getattr(self, f.name)) not in (None, "")
        }

    def problems(self, facts: Facts) -> list[Problem]:
        return []


def positive(payload: Payload, *names: str) -> list[Problem]:
    """Each named field is above zero."""
    return [Problem(n, "positive", "must be above zero") for n in names if getattr(payload, n) <= 0]


def not_negative(payload: Payload, *names: str) -> list[Problem]:
    """Each named field is zero or more (or unset)."""
    return [Problem(n, "negative", "must not be negative") for n in names if (getattr(payload, n) or 0) < 0]


def choice(payload: Payload, name: str, *allowed: str) -> list[Problem]:
    """The field holds one of `allowed`."""
    if getattr(payload, name) in allowed:
        return []
    return [Problem(name, "choice", "one of " + ", ".join(allowed))]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _read_decimal(value: Any) -> Decimal:
    if isinstance(value, bool | float):
        raise TypeError("decimals travel as strings")
    number = Decimal(str(value))
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        raise ValueError("not a number anybody counts in")
    return number


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _read_int(value: Any) -> int:
    if isinstance(value, bool | float):
        raise TypeError("whole number")
    return int(value)


def _read_moment(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("a moment carries its offset")
    return moment


def _read_date(value: Any) -> date:
    if isinstance(value, datetime):
        raise TypeError("a date without a time")
    return value if isinstance(value, date) else date.fromisoformat(value)


def _read_str(value: Any) -> str:
    if isinstance(value, bool | float | list | dict):
        raise TypeError("text")
    return _storable(str(value))


def _read_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list")
    _storable(json.dumps(value, default=str))
    return value


def _read_dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object")
    _storable(json.dumps(value, default=str))
    return value


def _storable(text: str) -> str:
    """Text without the one character no database keeps, plain or as JSON writes it."""
    if "\0" in text or "\\u0000" in text:
        raise ValueError("holds a character that can't be kept")
    return text


READERS: dict[type, Callable[[Any], Any]] = {
    Decimal: _read_decimal,
    bool: _read_bool,
    int: _read_int,
    datetime: _read_moment,
    date: _read_date,
    str: _read_str,
    list: _read_list,
    dict: _read_dict,
}

#: Stands in for a field that is missing or unreadable while the others are judged.
STOPGAPS: dict[type, Any] = {
    Decimal: Decimal(1),
    bool: False,
    int: 1,
    datetime: None,
    date: date.max,
    str: "?",
    list: [],
    dict: {},
}


def number_in(value: object) -> Decimal | None:
    """A number as payloads carry them; None for anything else."""
    try:
        return _read_decimal(value)
    except (ValueError, TypeError, InvalidOperation):
        return None


def text_in(value: object) -> str:
    """A code as payloads carry them; empty for anything else."""
    try:
        return _read_str("" if value is None else value)
    except (ValueError, TypeError):
        return ""
