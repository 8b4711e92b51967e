"""What a customer asks by EDI, line by line: old and new, how hard, and why; and the documents that went back.

Reads the record's own details and its documents. One query.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext

from boards_app import wording
from core.languages import label, small
from exceptions_app.models import EdiDocument, EdiState, ExceptionRecord
from plant_app.models import User
from plant_app.selectors import can

MOST_ROWS: Final = 200
#: Grade -> how its tag looks, and its symbol.
_TAGS: Final = {
    "none": ("", "check"), "information": ("info", "info"), "warning": ("warn", "triangle-alert"),
    "error": ("crit", "octagon-alert"),
}  # fmt: skip
_WORDS: Final = {"none": "No change", "information": "Information", "warning": "Warning", "error": "Error"}
_NAMES: Final = {
    "quantity": "Quantity",
    "date": "Date",
    "price": "Price",
    "line": "Line",
    "address": "Address",
}
_KINDS: Final = {
    "DATE-EARLIER": "earlier", "DATE-LATER": "later", "QTY-UP": "more", "QTY-DOWN": "fewer", "CANCEL": "cancelled",
    "ADD": "added", "NEW": "new", "PRICE": "price", "CONFIG": "changed", "CHANGE": "changed",
    "SHIP-TO/MODE": "other address",
}  # fmt: skip


@dataclass
class OrderLines:
    """The section as the page shows it; `there` is false for records that did not come by EDI."""

    there: bool = False
    lead: str = ""
    order: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    totals: list[dict[str, Any]] = field(default_factory=list)
    more: int = 0
    documents: list[dict[str, Any]] = field(default_factory=list)


def order_lines_of(exception: ExceptionRecord, user: User) -> OrderLines:
    """The lines of the message the record last heard, and what was sent about it."""
    edi = exception.details.get("edi")
    if not isinstance(edi, Mapping):
        return OrderLines()
    totals = edi.get("totals", {})
    lines = [one for one in edi.get("lines", ()) if isinstance(one, Mapping)]
    what = gettext("The order again from {who}")
    if edi.get("new"):
        what = gettext("A new order from {who}")
    elif edi.get("to_change"):
        what = gettext("A change from {who}")
    change = edi.get("change_number")
    number = gettext(", change {number}").format(number=change) if change else ""
    return OrderLines(
        there=True,
        lead=what.format(who=exception.customer or exception.details.get("asked_by", "")),
        order=f"{edi.get('number', '')}{number}",
        rows=[_row(one) for one in lines[:MOST_ROWS]],
        totals=[
            {"count": totals[grade], "words": small(label(_WORDS[grade])),
             "kind": _TAGS[grade][0], "icon": _TAGS[grade][1]}
            for grade in reversed(_TAGS)
            if totals.get(grade)
        ],
        more=int(edi.get("more") or 0) + max(0, len(lines) - MOST_ROWS),
        documents=[_document(row, exception, user) for row in _documents(exception)],
    )  # fmt: skip


def _row(one: Mapping[str, Any]) -> dict[str, Any]:
    grade = str(one.get("grade", "none"))
    kind, icon = _TAGS.get(grade, ("", "check"))
    unit = str(one.get("unit", ""))
    return {
        "line": one.get("line") or "",
        "ours": one.get("ours") or "",
        "item": one.get("item") or "",
        "name": one.get("name") or "",
        "mine": bool(one.get("mine")),
        "kinds": ", ".join(
            dict.fromkeys(label(_KINDS.get(each, each.lower())) for each in one.get("kinds", ()))
        ),
        "changes": [_change(each, unit) for each in one.get("changes", ())],
        "grade": label(_WORDS.get(grade, grade)),
        "tag": kind,
        "icon": icon,
        "reasons": ". ".join(_sentence(each) for each in one.get("reasons", ())),
    }


def _change(one: Mapping[str, Any], unit: str) -> dict[str, str]:
    name, old, new = str(one.get("name", "")), str(one.get("old", "")), str(one.get("new", ""))
    if name == "date":
        old, new = _day(old), _day(new)
    elif name == "quantity":
        old, new = _amount(old.removesuffix(unit).strip(), ""), _amount(new, unit)
    return {"name": label(_NAMES.get(name, name)), "old": old, "new": new}


def _day(raw: str) -> str:
    try:
        found = date.fromisoformat(raw)
    except ValueError:
        return raw
    return format_date(found, "D j M Y")


def _amount(raw: str, unit: str) -> str:
    try:
        return wording.quantity(Decimal(raw), unit) if raw else ""
    except InvalidOperation:
        return raw


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _documents(exception: ExceptionRecord) -> list[EdiDocument]:
    return list(EdiDocument.objects.filter(exception=exception).order_by("-pk")[:10])


def _document(row: EdiDocument, exception: ExceptionRecord, user: User) -> dict[str, Any]:
    zone = ZoneInfo(exception.site.timezone)
    at = row.sent_at or row.created_at
    note = ""
    if row.state == EdiState.SENT:
        note = f"{at.astimezone(zone):%H:%M}, {row.sent_to}"
        if row.acknowledged_at is not None:
            note += "; " + gettext("{who} acknowledged it {at}").format(
                who=row.partner, at=f"{row.acknowledged_at.astimezone(zone):%H:%M}"
            )
    elif row.error:
        note = row.error
    kinds = {EdiState.SENT: ("ok", "check"), EdiState.FAILED: ("crit", "octagon-alert")}
    kind, icon = kinds.get(EdiState(row.state), ("", "send"))
    again = row.state != EdiState.QUEUED and can(user, "exception.triage", exception.site_id)
    return {
        "words": f"{row.kind} {row.number}", "to": row.partner, "summary": row.summary, "note": note, "kind": kind,
        "icon": icon, "state": label(row.get_state_display()),
        "resend_url": f"/exceptions/{exception.ref}/edi/{row.pk}/resend/" if again else "",
        "again": gettext("Send again") if row.state == EdiState.SENT else gettext("Try again"),
    }  # fmt: skip
