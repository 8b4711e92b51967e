"""What a person enters with a decision or a finished task: checked against its specification, kept as plain JSON.

Pure. Owns the kinds of input and their words of refusal; knows no model. A reference (`alternate_unit`, `location`)
is kept as its code here and looked up by whoever uses it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from core.errors import InvalidInput

# Fits every column these values end up in.
LARGEST = Decimal(10) ** 12
NUMBERS = {"minutes", "quantity", "money", "number"}
WORDS = {
    "text", "choice", "alternate_unit", "substitute", "purchase_line", "location", "work_centre", "person", "reason",
}  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """How one site's people write moments: local time without an offset is their plant's."""

    zone: ZoneInfo

    def moment(self, raw: Any) -> str:
        """ISO 8601 in UTC. Raises ValueError."""
        if isinstance(raw, datetime):
            value = raw
        else:
            try:
                value = datetime.fromisoformat(str(raw).strip())
            except ValueError:
                raise ValueError("is not a moment (as 2026-11-27T14:00)") from None
        if value.tzinfo is None:
            value = value.replace(tzinfo=self.zone)
        try:
            return value.astimezone(UTC).isoformat()
        except OverflowError:
            raise ValueError("is no moment of ours") from None

    def value(self, kind: str, raw: Any) -> Any:
        """The JSON value of one input. Raises ValueError in words."""
        if kind == "datetime":
            return self.moment(raw)
        if kind in NUMBERS:
            return _number(kind, raw)
        if kind == "bool":
            return raw if isinstance(raw, bool) else str(raw).strip().lower() in {"1", "true", "yes", "on"}
        if kind in WORDS:
            return str(raw).strip()[:300]
        raise ValueError(f"unknown kind {kind}")


def _number(kind: str, raw: Any) -> str:
    try:
        number = Decimal(str(raw).strip().replace(",", "."))
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not number.is_finite() or number < 0:
        raise ValueError("must be zero or more")
    if number >= LARGEST:
        raise ValueError("is too large")
    if kind == "number" and number != number.to_integral_value():
        raise ValueError("must be a whole number")
    return format(number.normalize(), "f") if number else "0"


def read_inputs(specs: Sequence[Mapping[str, Any]], raw: Mapping[str, Any], *, zone: str) -> dict[str, Any]:
    """Checked values of `raw` by `specs` ([{name, label, kind, required, choices, default}]).

    Unknown names are refused. Raises InvalidInput (`decisions.inputs`) with `errors` = {name: sentence}.
    """
    reader = Reader(ZoneInfo(zone))
    known = {str(spec["name"]) for spec in specs}
    errors = {name: "is not asked for here" for name in raw if name not in known}
    values: dict[str, Any] = {}
    for spec in specs:
        name, label = str(spec["name"]), str(spec.get("label") or spec["name"])
        given = raw.get(name)
        if given in (None, ""):
            given = spec.get("default")
        if given in (None, ""):
            if spec.get("required"):
                errors[name] = f"{label} is needed"
            continue
        try:
            value = reader.value(str(spec.get("kind", "text")), given)
        except ValueError as error:
            errors[name] = f"{label} {error}"
            continue
        choices = spec.get("choices")
        if choices and value not in choices:
            errors[name] = f"{label} is one of {', '.join(choices)}"
            continue
        values[name] = value
    if errors:
        raise InvalidInput("decisions.inputs", "Something is missing or unreadable.", errors=errors)
    return values


def moment(values: Mapping[str, Any], name: str) -> datetime | None:
    """A kept moment, aware, or None."""
    raw = values.get(name)
    return datetime.fromisoformat(raw) if raw else None


def amount(values: Mapping[str, Any], name: str) -> Decimal:
    """A kept number; zero when it is not there."""
    return Decimal(str(values.get(name) or 0))


def applies(condition: str, values: Mapping[str, Any]) -> bool:
    """Whether `only_if` holds: empty, `name` (true or given), or `name=value`."""
    if not condition:
        return True
    name, equals, wanted = condition.partition("=")
    value = values.get(name)
    if equals:
        return str(value) == wanted
    return value not in (None, "", False, "0")
