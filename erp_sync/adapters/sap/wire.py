"""OData on the wire: SAP's dates, times, numbers, literals, and the two shapes of an answer's body.

Owns the text forms of OData V2 (and the few V4 ones that are read) and nothing of what they mean.
Format sources: OData 2.0 JSON format and URI conventions; OData 4.01 JSON format.
Must not know: HTTP, postings, or the outbox.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from erp_sync.errors import ErpRejected

Row = dict[str, Any]

_DATE = re.compile(r"^/Date\((-?\d+)([+-]\d{1,4})?\)/$")
_TIME = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Decimal places of SAP's quantities (13 digits before or in all, 3 of them after the point).
QUANTITY_DIGITS = 3
QUANTITY_LIMIT = Decimal(10) ** 10


def date_out(day: date) -> str:
    """A day as V2 writes it: milliseconds of its midnight, without a zone."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return f"/Date({int((midnight - _EPOCH) / timedelta(milliseconds=1))})/"


def time_out(clock_time: time) -> str:
    """A time of day as V2 writes it: a duration since midnight, whole seconds."""
    return f"PT{clock_time.hour:02}H{clock_time.minute:02}M{clock_time.second:02}S"


def quantity_out(quantity: Decimal) -> str:
    """A quantity as SAP takes it: a string with at most three decimals.

    Raises ErpRejected `sap.unit_digits` rather than round what somebody counted, `sap.field_length` when too big.
    """
    if round(quantity, QUANTITY_DIGITS) != quantity:
        raise ErpRejected("sap.unit_digits", f"SAP takes {QUANTITY_DIGITS} decimals, {quantity} has more")
    if abs(quantity) >= QUANTITY_LIMIT:
        raise ErpRejected("sap.field_length", f"{quantity} is too big for a quantity in SAP")
    text = format(quantity, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment_in(value: Any) -> datetime | None:
    """A V2 `/Date()/` or an ISO text as an aware UTC moment; None for anything else. V2 offsets are only shown."""
    if not isinstance(value, str):
        return None
    found = _DATE.match(value)
    if found:
        return _EPOCH + timedelta(milliseconds=int(found[1]))
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def date_in(value: Any) -> date | None:
    """The day of a V2 `/Date()/` or an ISO text; None for anything else."""
    found = moment_in(value)
    return found.date() if found else None


def time_in(value: Any) -> time | None:
    """The time of day of a V2 duration; None for anything else."""
    found = _TIME.match(value) if isinstance(value, str) else None
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups())
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def stamp_in(value: Any) -> datetime | None:
    """A fourteen-digit `YYYYMMDDhhmmss` stamp, which SAP keeps in UTC; None for anything else."""
    if not (isinstance(value, str) and len(value) == 14 and value.isdecimal()) or value == "0" * 14:
        return None
    return datetime.strptime(value, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def number_in(value: Any) -> Decimal:
    """A quantity as SAP sends it (a string, perhaps with blanks or a trailing minus); 0 when absent."""
    text = str(value if value is not None else "").strip()
    if text.endswith("-"):
        text = "-" + text[:-1]
    return Decimal(text or "0")


def literal(value: str | uuid.UUID | date | datetime | Decimal | bool | int) -> str:
    """A value in a V2 URL: key predicate, function parameter or filter."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, uuid.UUID):
        return f"guid'{value}'"
    if isinstance(value, datetime):
        return f"datetimeoffset'{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
    if isinstance(value, date):
        return f"datetime'{value.isoformat()}T00:00'"
    if isinstance(value, Decimal):
        return f"{value}M"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def key(entity: str, **parts: str) -> str:
    """`Entity('x')` or `Entity(A='x',B='y')`, not yet percent-encoded."""
    if len(parts) == 1:
        return f"{entity}({literal(next(iter(parts.values())))})"
    return f"{entity}({','.join(f'{name}={literal(value)}' for name, value in parts.items())})"


def equals(**wanted: str | uuid.UUID | date | bool) -> str:
    """A V2 filter: every named field equals its value."""
    return " and ".join(f"{name} eq {literal(value)}" for name, value in wanted.items())


def rows_of(body: Any) -> tuple[list[Row], str]:
    """(rows, address of the next page or "") of a list answer, V2 or V4. Raises ValueError for another shape."""
    if not isinstance(body, Mapping):
        raise ValueError("not an object")
    if "value" in body:
        return _rows(body["value"]), str(body.get("@odata.nextLink") or "")
    inner = body.get("d")
    if isinstance(inner, Mapping) and "results" in inner:
        return _rows(inner["results"]), str(inner.get("__next") or "")
    if isinstance(inner, list):
        return _rows(inner), ""
    raise ValueError("neither a V2 nor a V4 list")


def _rows(found: Any) -> list[Row]:
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ValueError("a list of something else than rows")
    return found


def row_of(body: Any) -> Row:
    """The one row of an answer, V2 (under `d`, perhaps under the function's name) or V4. Raises ValueError."""
    if not isinstance(body, Mapping):
        raise ValueError("not an object")
    inner = body.get("d", body)
    if not isinstance(inner, Mapping):
        raise ValueError("no row")
    if len(inner) == 1:
        only = next(iter(inner.values()))
        if isinstance(only, Mapping) and "results" not in only:
            inner = only
    return dict(inner)


def children(row: Mapping[str, Any], name: str) -> list[Row]:
    """Expanded sub-rows of a row: V2 `{"results": [...]}` or a V4 list; empty when not expanded."""
    found = row.get(name)
    if isinstance(found, Mapping):
        found = found.get("results")
    return [dict(one) for one in found] if isinstance(found, list) else []


def etag_of(row: Mapping[str, Any]) -> str:
    """The ETag inside a row's metadata, V2 or V4; empty when the entity has none."""
    meta = row.get("__metadata")
    inside = meta.get("etag") if isinstance(meta, Mapping) else None
    return str(inside or row.get("@odata.etag") or "")
