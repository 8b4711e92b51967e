"""Text form of the values an overlay holds. Pure.

An overlay row keeps any field's value as text; this is the one place that turns it into text and back.
"""

from datetime import UTC, datetime
from decimal import Decimal

MOMENTS = frozenset({"planned_start", "planned_end", "need_by", "requested_at", "commit_at", "promised_at"})
AMOUNTS = frozenset({"quantity"})
NUMBERS = frozenset({"priority"})
FLAGS = frozenset({"cancelled"})

FIELDS: dict[str, frozenset[str]] = {
    "work_order": frozenset({"planned_start", "planned_end", "need_by", "quantity", "priority"}),
    "sales_line": frozenset({"requested_at", "commit_at", "quantity", "cancelled"}),
    "purchase_line": frozenset({"promised_at", "quantity"}),
}

Value = datetime | Decimal | int | bool


def to_text(field: str, value: Value) -> str:
    """The one text form of `value`: equal values have equal texts. Raises ValueError when it does not fit `field`."""
    if field in MOMENTS and isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if field in AMOUNTS and isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{Decimal(value).normalize():f}"
    if field in NUMBERS and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if field in FLAGS and isinstance(value, bool):
        return "true" if value else "false"
    raise ValueError(f"{value!r} does not fit {field}")


def from_text(field: str, text: str) -> Value:
    """The value behind the text `to_text` made."""
    if field in MOMENTS:
        return datetime.fromisoformat(text)
    if field in AMOUNTS:
        return Decimal(text)
    if field in NUMBERS:
        return int(text)
    if field in FLAGS:
        return text == "true"
    raise ValueError(f"no such field: {field}")
