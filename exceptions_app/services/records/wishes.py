"""What an order change or a supplier's delay asks for: another value while it is open is a new version of the record.

Owns the comparison and the list of what was asked before; in memory only, the caller keeps the record.
"""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from core import clock
from exceptions_app.models import ExceptionRecord

#: Type -> details that say what is asked for.
_WISHES = {
    "order_change": ("new_value", "requested_date", "requested_quantity"),
    "supplier_delay": ("new_date",),
}


def renew_wish(exception: ExceptionRecord, details: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Put another wish in the place of the one before, which stays among `details["versions"]`.

    Returns the words for the timeline and what it supersedes; None when it is the same wish, or the first one.
    """
    names = _WISHES.get(exception.type.code, ())
    wished = {name: details[name] for name in names if details.get(name) not in (None, "")}
    newer = {
        name: value for name, value in wished.items() if str(exception.details.get(name, "")) != str(value)
    }
    before = {name: exception.details[name] for name in newer if exception.details.get(name)}
    if not before:
        return None
    first = next(iter(before.values()))
    versions = list(exception.details.get("versions", []))
    versions.append({"value": first, "values": before, "until": clock.now().isoformat()})
    exception.details = {**exception.details, **newer, "versions": versions}
    zone = ZoneInfo(exception.site.timezone)
    return f"Now asked for: {_words(newer, zone)} (before: {_words(before, zone)})", first


def _words(wish: Mapping[str, Any], zone: ZoneInfo) -> str:
    return ", ".join(dict.fromkeys(_said(value, zone) for value in wish.values()))


def _said(value: Any, zone: ZoneInfo) -> str:
    """A moment in the site's own time, a midnight as its day; anything else as it is."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    local = moment.astimezone(zone) if moment.tzinfo else moment
    return f"{local:%Y-%m-%d}" if local.time() == time() else f"{local:%Y-%m-%d %H:%M}"
