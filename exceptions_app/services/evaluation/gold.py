"""Labelled messages from a file of JSON lines: checked, completed, and every bad line named with its number.

Pure: knows the format and no storage. What a line may leave out is filled in; what it says wrongly is a problem with a
code; what it says too much is a warning, because files of others carry columns of their own.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

CHANNELS = ("form", "api", "email", "whatsapp", "sms", "slack", "teams", "edi", "machine")
NONE, OTHER = "none", "other"
TYPES = (
    "machine_downtime", "material_shortage", "quality_hold", "order_change", "labour_shortage", "tooling",
    "supplier_delay", "safety_stop", OTHER, NONE,
)  # fmt: skip
#: Types of the product that the format does not tell apart.
AS_OTHER = {"customer_complaint": OTHER, "engineering_change": OTHER}
LINKS = (
    "work_unit", "work_centre", "item", "work_order", "sales_order", "purchase_order", "customer", "supplier", "lot",
)  # fmt: skip
VALUES = ("quantity", "uom", "occurred_at", "requested_quantity", "requested_date", "severity")
_SEVERITIES = frozenset({"low", "medium", "high", "critical"})
_KEYS = frozenset({"id", "channel", "lang", "received_at", "reporter", "text", "expect"})


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file: the line (0: the whole file), a stable code, and the words."""

    line: int
    code: str
    words: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}: {self.words}" if self.line else f"{self.code}: {self.words}"


class BadGold(Exception):
    """A file that cannot be used, with every problem found in it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class GoldMessage:
    """One message with its labels. `type` is None where it is not scored; `links` has a set for every scored kind."""

    line: int
    id: str
    channel: str
    language: str
    received_at: datetime
    reporter: str
    text: str
    type: str | None
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


class _Wrong(Exception):
    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def read_gold(
    lines: Iterable[str], *, zone: tzinfo, now: datetime
) -> tuple[list[GoldMessage], list[Problem]]:
    """The messages of a file and what is worth a warning. BadGold with every bad line, or for a file without any.

    `zone` is meant where a moment has no offset; `now` where a message does not say when it came.
    """
    found: list[GoldMessage] = []
    bad: list[Problem] = []
    warnings: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        line = line.lstrip("\ufeff").strip()
        if not line:
            continue
        try:
            found.append(_message(number, line, zone, now, warnings))
        except _Wrong as wrong:
            bad.append(Problem(number, wrong.code, str(wrong)))
    if not found and not bad:
        bad.append(Problem(0, "gold.empty", "there is no message in it"))
    if bad:
        raise BadGold(bad)
    return found, warnings


def _message(
    number: int, line: str, zone: tzinfo, now: datetime, warnings: list[Problem]
) -> GoldMessage:  # fmt: skip
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Wrong("gold.json", f"is no JSON ({str(error)[:80]})") from None
    if not isinstance(row, dict):
        raise _Wrong("gold.json", "is no JSON object")
    expect = row.get("expect")
    if not isinstance(expect, dict):
        raise _Wrong("gold.expect", "has no `expect` object")
    warnings.extend(
        Problem(number, "gold.unknown_key", f"{name[:40]} is not known and not scored")
        for name in sorted((set(row) - _KEYS) | (set(expect) - {"type", *LINKS, *VALUES}))
    )
    channel = _text(row, "channel") or "api"
    if channel not in CHANNELS:
        raise _Wrong("gold.channel", f"{channel[:40]} is no channel; use one of {', '.join(CHANNELS)}")
    received = _text(row, "received_at")
    return GoldMessage(
        line=number,
        id=str(row.get("id") or number),
        channel=channel,
        language=_text(row, "lang"),
        received_at=_moment(received, "received_at", zone) if received else now,
        reporter=_text(row, "reporter"),
        text=_text(row, "text"),
        type=_type(expect),
        links={kind: _codes(kind, expect[kind]) for kind in LINKS if kind in expect},
        values={name: _value(name, expect[name], zone) for name in VALUES if name in expect},
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Wrong(f"gold.{name}", f"{name} is no text")
    return value


def _type(expect: Mapping[str, Any]) -> str | None:
    if "type" not in expect:
        return None
    code = AS_OTHER.get(str(expect["type"]), expect["type"])
    if code not in TYPES:
        raise _Wrong("gold.type", f"{str(code)[:40]} is no type; use one of {', '.join(TYPES)}")
    return str(code)


def _codes(kind: str, value: Any) -> frozenset[str]:
    given = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(code, (str, int)) and not isinstance(code, bool) for code in given):
        raise _Wrong("gold.link", f"{kind} is neither a code, a list of codes nor null")
    return frozenset(str(code) for code in given)


def _value(name: str, value: Any, zone: tzinfo) -> Any:
    """The labelled value as the kind of thing it is compared with; None: nothing may be read."""
    if value is None:
        return None
    if name in ("quantity", "requested_quantity"):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise _Wrong("gold.number", f"{name} is no number") from None
        if isinstance(value, bool) or not number.is_finite():
            raise _Wrong("gold.number", f"{name} is no number")
        return number
    if not isinstance(value, str):
        raise _Wrong(f"gold.{name}", f"{name} is no text")
    if name == "occurred_at":
        return _moment(value, name, zone)
    if name == "requested_date":
        try:
            return date.fromisoformat(value)
        except ValueError:
            return _moment(value, name, zone).astimezone(zone).date()
    if name == "severity" and value not in _SEVERITIES:
        raise _Wrong("gold.severity", f"{value[:40]} is no severity")
    return value


def _moment(words: str, name: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        raise _Wrong(f"gold.{name}", f"{words[:40]} is no ISO 8601 moment") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
