"""What a reading is made of: spans of the original text, fields with their words, and the reading itself.

Plain frozen data. Knows nothing of Django, of storage or of how a value was found; offsets always point into the text
as it arrived, so a page can highlight the very words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

#: `repeat`: says itself that it tells nothing new (reported before, under way): joins what is open, opens nothing.
Intent = Literal["report", "recovery", "future", "chatter", "planned", "again", "repeat"]
Method = Literal[
    "code",
    "code_loose",
    "number",
    "alias",
    "name",
    "cue",
    "pattern",
    "rule",
    "context",
    "form",
    "api",
    "model",
    "tail",
]
Value = str | Decimal | datetime | date

#: Master data kinds a text can be linked to; also the names of the link fields.
LINK_KINDS = (
    "work_unit", "work_centre", "area", "work_order", "item", "lot", "sales_order", "sales_order_line",
    "purchase_order", "purchase_order_line", "customer", "supplier", "person", "tool",
)  # fmt: skip

TYPE_CODES = (
    "machine_downtime", "material_shortage", "quality_hold", "order_change", "labour_shortage", "tooling",
    "supplier_delay", "safety_stop", "customer_complaint", "engineering_change",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """Words of the original text: `text == original[start:end]`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class FieldReading:
    """One value read, with the words it came from. Values from a form, the API or context have no words (0, 0).

    `candidates`: the words fit each of these, so none is linked. `also`: further rows of the kind the text names beside
    the first, each of them certain.
    """

    name: str
    value: Value
    words: str
    start: int
    end: int
    method: Method
    confidence: float
    candidates: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def span(self) -> Span:
        """The words as a span."""
        return Span(self.start, self.end, self.words)

    def as_json(self) -> dict[str, Any]:
        """As stored beside the signal: decimals and times as strings."""
        value = self.value.isoformat() if isinstance(self.value, date) else str(self.value)
        return {
            "name": self.name, "value": value, "words": self.words, "start": self.start, "end": self.end,
            "method": self.method, "confidence": round(self.confidence, 3), "candidates": list(self.candidates),
            **({"also": list(self.also)} if self.also else {}),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadingContext:
    """What is known besides the text: where the message came from and what runs there now.

    `running_orders` is work unit -> its running work order; `open_orders` work unit -> every order released for it
    (empty: not known, nothing is checked); `item_of_order` work order -> item made. `shift_start` is aware.
    """

    site_code: str = ""
    work_unit: str = ""
    work_centre: str = ""
    running_orders: Mapping[str, str] = field(default_factory=dict)
    open_orders: Mapping[str, frozenset[str]] = field(default_factory=dict)
    item_of_order: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    timezone: str | tzinfo = "UTC"
    channel: str = "api"
    date_order: Literal["dmy", "mdy"] = "dmy"
    shift_start: datetime | None = None

    @property
    def tz(self) -> tzinfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone) if isinstance(self.timezone, str) else self.timezone


@dataclass(frozen=True, slots=True)
class Reading:
    """What one message says. `occurred_at` falls back to the time of receipt, then `occurred_estimated` is true.

    `confidence` is the least of the parts the type needs. `unconfirmed` marks a safety stop seen in text: it shows at
    once, and a person confirms or withdraws it.
    """

    type_code: str | None
    type_confidence: float
    intent: Intent
    fields: tuple[FieldReading, ...]
    confidence: float
    needs_triage: bool
    triage_reasons: tuple[str, ...]
    language: str
    pipeline_version: str
    occurred_at: datetime
    occurred_estimated: bool
    due_at: datetime | None = None
    quantity: Decimal | None = None
    uom: str = ""
    reason_code: str = ""
    state: str = ""
    still: bool = False
    recurrence: bool = False
    unconfirmed: bool = False
    type_candidates: tuple[tuple[str, float], ...] = ()

    def field(self, name: str) -> FieldReading | None:
        """The field of that name, or None."""
        return next((found for found in self.fields if found.name == name), None)

    def value(self, name: str) -> Value | None:
        """The value of that field, or None."""
        found = self.field(name)
        return found.value if found else None

    @property
    def all_links(self) -> dict[str, tuple[str, ...]]:
        """Kind of master data -> every code the text names for certain, the first one first."""
        return {
            found.name: (str(found.value), *found.also)
            for found in self.fields
            if found.name in LINK_KINDS and not found.candidates
        }

    @property
    def links(self) -> dict[str, str]:
        """Kind of master data -> code, for everything unambiguously linked."""
        return {
            found.name: str(found.value)
            for found in self.fields
            if found.name in LINK_KINDS and not found.candidates
        }
