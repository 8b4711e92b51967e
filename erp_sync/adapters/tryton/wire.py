"""Tryton's JSON on the wire: its tagged types, and which error means what.

Owns encoding and decoding of decimals, dates, times and the reading of an error body.
Must not know: HTTP, postings, or the outbox.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from erp_sync.errors import ErpRejected, ErpUnavailable

#: Error names that mean "somebody else wrote meanwhile": read again and decide again.
STALE = "ConcurrencyException"
_DATABASE_TROUBLE = ("connection", "Connection", "OperationalError", "InterfaceError", "terminat", "deadlock")


class _Encoder(json.JSONEncoder):
    def default(self, o: Any) -> Any:
        if isinstance(o, Decimal):
            return {"__class__": "Decimal", "decimal": str(o)}
        if isinstance(o, datetime):
            moment = o.astimezone(UTC) if o.tzinfo else o
            return {
                "__class__": "datetime",
                "year": moment.year,
                "month": moment.month,
                "day": moment.day,
                "hour": moment.hour,
                "minute": moment.minute,
                "second": moment.second,
                "microsecond": moment.microsecond,
            }
        if isinstance(o, date):
            return {"__class__": "date", "year": o.year, "month": o.month, "day": o.day}
        if isinstance(o, timedelta):
            return {"__class__": "timedelta", "seconds": o.total_seconds()}
        return super().default(o)


def _revive(found: dict[str, Any]) -> Any:
    match found.get("__class__"):
        case "Decimal":
            return Decimal(found["decimal"])
        case "datetime":
            return datetime(
                found["year"],
                found["month"],
                found["day"],
                found["hour"],
                found["minute"],
                found["second"],
                found["microsecond"],
                tzinfo=UTC,
            )
        case "date":
            return date(found["year"], found["month"], found["day"])
        case "timedelta":
            return timedelta(seconds=found["seconds"])
        case "bytes":
            return base64.b64decode(found["base64"])
        case _:
            return found


def encode(body: Any) -> bytes:
    """Bytes of a request body in Tryton's dialect."""
    return json.dumps(body, cls=_Encoder).encode()


def decode(text: str | bytes) -> Any:
    """Python values of an answer in Tryton's dialect. Raises ValueError when it is not JSON."""
    return json.loads(text, object_hook=_revive)


def raise_error(error: Any) -> NoReturn:
    """Raise what an `error` member means.

    UserError and UserWarning are a business no in Tryton's own words. A stale write was rolled back: nothing
    happened, so the caller may read again. Trouble with Tryton's own database may have struck at the commit,
    so it stays unclear. Any other bare text is a field, model or value Tryton does not know: rolled back too.
    """
    name = str(error[0]) if isinstance(error, list) and error else str(error)
    detail = error[1] if isinstance(error, list) and len(error) > 1 else ""
    parts = [str(part).strip() for part in detail if part] if isinstance(detail, list) else [str(detail)]
    if name == STALE:
        raise ErpUnavailable("Tryton: the record was changed meanwhile", code="tryton.stale", sent=False)
    if name == "UserError":
        raise ErpRejected("tryton.user_error", " - ".join(part for part in parts[:2] if part))
    if name == "UserWarning":
        raise ErpRejected("tryton.user_warning", " - ".join(parts[1:] or parts))
    if name == "LoginException":
        raise ErpUnavailable("Tryton wants a fresh login", code="tryton.login", sent=False)
    words = " ".join([name, *parts]).strip()[:400]
    if any(sign in words for sign in _DATABASE_TROUBLE):
        raise ErpUnavailable(f"Tryton's database failed: {words}", code="tryton.database")
    raise ErpRejected("tryton.request", f"Tryton could not read the request: {words}")
