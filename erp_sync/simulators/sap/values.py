"""Values on the wire and in memory, and the check of a payload against the field table.

In memory: str, Decimal, aware datetime, bool, int, float, or None; a time of day stays its `PT..` text.
Must not know: rows, business rules, HTTP. Every wrong field raises a Refusal that names it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from erp_sync.simulators.sap.metadata import Entity, Field, entities
from erp_sync.simulators.sap.refusals import UNKNOWN_PROPERTY, WRONG_VALUE, Refusal

Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"^/Date\((-?\d{1,15})([+-]\d{4})?\)/$")
_TIME = re.compile(r"^PT(?:\d{1,2}H)?(?:\d{1,2}M)?(?:\d{1,2}(?:\.\d+)?S)?$")
_LITERAL = re.compile(r"^(datetimeoffset|datetime|time|guid)'([^']*)'$")
#: Numbers the system keeps with leading zeros and shows without; it takes both.
NUMBERS = frozenset(
    {
        "ConfirmationGroup", "ConfirmationCount", "OrderID", "ManufacturingOrder", "ManufacturingOrderItem",
        "MaterialDocumentItem", "ReversedMaterialDocumentItem", "PurchaseOrder", "PurchaseOrderItem",
        "PurchasingDocument", "PurchasingDocumentItem", "SalesOrder", "SalesOrderItem", "ScheduleLine", "Supplier",
        "Customer", "SoldToParty", "InspectionLot", "InspPlanOperationInternalID", "InspectionCharacteristic",
        "InspResultValueInternalID", "DefectInternalID", "MaintenanceNotification", "MaintenanceNotificationItem",
        "MaintenanceNotificationCause", "Reservation", "ReservationItem", "OrderInternalBillOfOperations",
        "OrderIntBillOfOperationsItem",
    }
)  # fmt: skip
_WHOLE = {"i8": (0, 255), "i16": (-32768, 32767), "i32": (-(2**31), 2**31 - 1)}


def shown(name: str, value: str) -> str:
    """A value of this field as the system shows it: numbers without leading zeros."""
    if name in NUMBERS and value.isdecimal():
        return value.lstrip("0") or "0"
    return value


def _wrong(one: Field, why: str) -> Refusal:
    return Refusal(WRONG_VALUE, f"Property '{one.name}' has an invalid value: {why}", target=one.name)


def from_json(one: Field, value: Any) -> Any:
    """A JSON value of V2 as it is kept. Raises Refusal."""
    if value is None:
        if not one.nullable:
            raise _wrong(one, "null is not allowed")
        return None
    if one.kind == "b":
        if not isinstance(value, bool):
            raise _wrong(one, "true or false expected")
        return value
    if one.kind == "i":
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(one, f"{one.edm} is written as a number")
        low, high = _WHOLE[one.code]
        if not low <= value <= high:
            raise _wrong(one, f"outside {one.edm}")
        return value
    if one.kind == "f" and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        raise _wrong(one, f"{one.edm} is written as a string")
    return _from_text(one, value)


def _from_text(one: Field, value: str) -> Any:
    if one.kind == "s":
        if one.length and len(value) > one.length:
            raise _wrong(one, f"longer than {one.length} characters")
        return shown(one.name, value)
    if one.kind == "d":
        return decimal(one, value)
    if one.kind == "t":
        return moment(one, value)
    if one.kind == "h" and _TIME.match(value) and value != "PT":
        return value
    if one.kind == "g":
        try:
            return str(uuid.UUID(value))
        except ValueError:
            raise _wrong(one, "not a GUID") from None
    if one.kind == "f":
        try:
            return float(value)
        except ValueError:
            raise _wrong(one, "not a number") from None
    raise _wrong(one, f"not an {one.edm}")


def decimal(one: Field, text: str) -> Decimal:
    """A decimal within the field's digits. Raises Refusal."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _wrong(one, "not a decimal") from None
    if not value.is_finite():
        raise _wrong(one, "not a decimal")
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > one.scale:
        raise _wrong(one, f"more than {one.scale} digits after the point")
    if abs(value) >= Decimal(10) ** (one.length - one.scale):
        raise _wrong(one, f"more than {one.length - one.scale} digits before the point")
    return value


def moment(one: Field, text: str) -> datetime:
    """A `/Date(milliseconds)/`. Raises Refusal."""
    match = _DATE.match(text)
    if match is None:
        raise _wrong(one, "a date is written as /Date(milliseconds)/")
    try:
        return _EPOCH + timedelta(milliseconds=int(match[1]))
    except OverflowError:
        raise _wrong(one, "outside the calendar") from None


def from_literal(one: Field, text: str) -> Any:
    """A literal of a V2 address, as in a key or a filter. Raises Refusal."""
    prefixed = _LITERAL.match(text)
    if prefixed is not None and one.kind in "thg":
        kind, inner = prefixed.groups()
        if one.kind == "t" and kind.startswith("datetime"):
            try:
                seen = datetime.fromisoformat(inner.replace("Z", "+00:00"))
            except ValueError:
                raise _wrong(one, "not a date") from None
            return seen if seen.tzinfo else seen.replace(tzinfo=UTC)
        if (one.kind, kind) in (("h", "time"), ("g", "guid")):
            return _from_text(one, inner)
        raise _wrong(one, f"{kind} does not fit {one.edm}")
    if one.kind == "s" and len(text) >= 2 and text[0] == text[-1] == "'":
        return shown(one.name, text[1:-1].replace("''", "'"))
    if one.kind == "d":
        return decimal(one, text.rstrip("Mm"))
    if one.kind == "b" and text in ("true", "false"):
        return text == "true"
    if one.kind == "i" and re.fullmatch(r"-?\d{1,10}", text):
        return int(text)
    if one.kind == "f":
        return _from_text(one, text.rstrip("dD"))
    raise _wrong(one, f"{text} is no literal of {one.edm}")


def to_json(one: Field, value: Any, *, v4: bool = False) -> Any:
    """A kept value as V2 (or V4) writes it."""
    if value is None:
        return "" if one.kind == "s" else None
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return float(value) if v4 else text or "0"
    if isinstance(value, datetime):
        if v4:
            return value.date().isoformat() if one.kind == "D" else value.strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"/Date({(value - _EPOCH) // timedelta(milliseconds=1)})/"
    return str(value) if one.kind == "f" and not v4 else value


def check(entity: Entity, payload: Any, *, changing: bool = False) -> Row:
    """The payload as kept values; deep children under their way's name, as lists of rows.

    Raises Refusal for an unknown name, a wrong type, a value too long, or a field that may not be set.
    """
    if not isinstance(payload, Mapping):
        raise Refusal(WRONG_VALUE, "The body is not an object")
    row: Row = {}
    for name, value in payload.items():
        if name == "__metadata":
            continue
        way = entity.ways.get(name)
        if way is not None and not changing:
            row[name] = [check(entities()[way.target], child) for child in _children(name, value)]
            continue
        one = entity.fields.get(name)
        if one is None:
            raise Refusal(
                UNKNOWN_PROPERTY, f"Property '{name}' is invalid for type '{entity.name}'", target=name
            )
        if not (one.updatable if changing else one.creatable):
            raise Refusal(UNKNOWN_PROPERTY, f"Property '{name}' can not be set from outside", target=name)
        row[name] = from_json(one, value)
    for one in entity.fields.values():
        if one.required and not changing and not row.get(one.name):
            raise Refusal(WRONG_VALUE, f"Property '{one.name}' is required", target=one.name)
    return row


def _children(name: str, value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        value = value.get("results")
    if not isinstance(value, list):
        raise Refusal(WRONG_VALUE, f"'{name}' holds no list", target=name)
    return value
