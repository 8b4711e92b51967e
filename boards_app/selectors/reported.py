"""What was reported, word by word: the first report with what was read out of it, and the signals that joined.

Turns stored interpretations into numbered marks and read-outs with how sure each is. Two queries (three with names).
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.utils.dateparse import parse_datetime

from boards_app import wording
from core import clock
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord, Signal, SignalReading
from exceptions_app.rules.steps import clock_text
from exceptions_app.selectors import signals_of
from plant_app.models import ExceptionType, ReasonCode

SURE, UNSURE = 0.985, 0.8
# Reading's name -> the words beside it, and the name a correction uses where it differs.
FIELDS: Final[dict[str, str]] = {
    "type": "Type", "work_unit": "Machine", "work_centre": "Work centre", "area": "Area", "work_order": "Order",
    "item": "Item", "lot": "Lot", "sales_order_line": "Order line", "sales_order": "Customer order",
    "purchase_order_line": "Purchase line", "purchase_order": "Purchase order", "customer": "Customer",
    "supplier": "Supplier", "delivery": "Delivery", "reason": "Cause", "state": "State", "quantity": "Quantity",
    "quantity_good": "Good", "quantity_scrap": "Scrap", "uom": "Unit", "occurred_at": "Since", "due": "Due",
    "cleared_at": "Cleared", "person": "Person", "tool": "Tool", "change_no": "Change", "customer_po": "Customer's PO",
}  # fmt: skip
CORRECTS: Final = {"sales_order_line": "sales_line", "purchase_order_line": "purchase_line"}
_MOMENTS = frozenset({"occurred_at", "due", "cleared_at", "runs_out_at", "expected_up_at", "answer_by"})
_HIDDEN = frozenset({"uom"})
_ICONS = {
    "machine": "cog",
    "system": "cog",
    "email": "mail",
    "edi": "file-text",
    "api": "cable",
    "webhook": "cable",
}
_WHERE = {"station": "station", "form": "portal", "api": "API", "webhook": "webhook", "email": "mail",
          "machine": "machine", "edi": "EDI", "chat": "chat", "sms": "SMS", "whatsapp": "WhatsApp",
          "system": "system"}  # fmt: skip


@dataclass
class Reported:
    """The report as the page shows it."""

    text: str = ""
    who: str = ""
    where: str = ""
    at: datetime | None = None
    marks: list[wording.Mark] = field(default_factory=list)
    readings: list[dict[str, Any]] = field(default_factory=list)
    joined: list[dict[str, str]] = field(default_factory=list)
    triage_reasons: list[str] = field(default_factory=list)
    signals: list[SignalReading] = field(default_factory=list)


def reported(exception: ExceptionRecord, *, may_correct: bool = False) -> Reported:
    """The words, their marks and read-outs; `may_correct` offers Confirm and Correct beside unsure ones."""
    signals = signals_of(exception)
    if not signals:
        return Reported()
    first = next((one for one in signals if one.opened), signals[0])
    found = Reported(signals=signals, **_head(first.signal))
    newest = getattr(first.signal, "newest", [])
    if newest:
        found.triage_reasons = list(newest[0].triage_reasons)
        names = _Names.of(newest[0].fields, exception.site.timezone)
        _read(found, exception, newest[0].fields, names, may_correct=may_correct)
    for other in signals:
        if other.pk != first.pk:
            found.joined.append(_joined(other.signal))
    return found


def _head(signal: Signal) -> dict[str, Any]:
    text = signal.text or ", ".join(f"{name} {value}" for name, value in signal.fields.items() if value)
    if signal.redacted_at:
        text = "(the words were removed)"
    where = signal.device.name if signal.device else _WHERE.get(signal.channel, signal.channel)
    return {
        "text": text,
        "who": str(signal.reporter or signal.reporter_text or signal.source),
        "where": where,
        "at": signal.occurred_at or signal.received_at,
    }


def _joined(signal: Signal) -> dict[str, str]:
    who = str(signal.reporter or signal.reporter_text or signal.source)
    return {
        "icon": _ICONS.get(signal.channel, "message-square"),
        "lead": f"Joined by {who}, {_WHERE.get(signal.channel, signal.channel)}:",
        "words": signal.text or ", ".join(str(value) for value in signal.fields.values()),
    }


def _read(
    found: Reported,
    exception: ExceptionRecord,
    fields: list[dict[str, Any]],
    names: "_Names",
    *,
    may_correct: bool,
) -> None:
    said = [
        one for one in fields if one.get("name") not in _HIDDEN and one.get("end", 0) > one.get("start", 0)
    ]
    numbers: dict[tuple[int, int], int] = {}
    for one in sorted(said, key=lambda row: (row["start"], -row["end"])):
        numbers.setdefault((one["start"], one["end"]), len(numbers) + 1)
    settled = _confirmed(exception)
    doubtful: set[tuple[int, int]] = set()
    for one in fields:
        if one.get("name") in _HIDDEN:
            continue
        span = (one.get("start", 0), one.get("end", 0))
        confidence = float(one.get("confidence") or 0)
        target = CORRECTS.get(one["name"], one["name"])
        known = target in settled
        low = confidence < UNSURE and not known
        if low and span in numbers:
            doubtful.add(span)
        base = f"/exceptions/{exception.ref}/readings/{target}/"
        found.readings.append(
            {
                "number": numbers.get(span),
                "name": target,
                "words": FIELDS.get(one["name"], one["name"].replace("_", " ").capitalize()),
                "value": names.say(one["name"], one.get("value")),
                "raw": one.get("value"),
                "sure": "confirmed" if known else "sure" if confidence >= SURE else f"{round(100 * confidence)} %",
                "low": low,
                "confirm_url": f"{base}confirm/" if low and may_correct else "",
                "correct_url": f"{base}correct/" if low and may_correct else "",
            }
        )  # fmt: skip
    found.readings.sort(key=lambda row: (row["number"] is None, row["number"] or 0))
    found.marks = [
        wording.Mark(start, end, number, (start, end) in doubtful) for (start, end), number in numbers.items()
    ]


def _confirmed(exception: ExceptionRecord) -> set[str]:
    """Fields a person has set or confirmed since. One query."""
    rows = ExceptionEvent.objects.filter(
        exception=exception, kind__in=(EventKind.CORRECTED, EventKind.TRIAGED)
    ).values_list("data", flat=True)
    return {name for data in rows for name in data.get("fields", ())}


@dataclass(frozen=True)
class _Names:
    """Names of the codes an interpretation holds."""

    types: dict[str, str]
    reasons: dict[str, str]
    zone: str

    @classmethod
    def of(cls, fields: list[dict[str, Any]], zone: str) -> "_Names":
        codes = {
            one["name"]: str(one.get("value")) for one in fields if one.get("name") in {"type", "reason"}
        }
        types = dict(ExceptionType.objects.filter(code=codes.get("type", "")).values_list("code", "name"))
        reasons = {}
        if "reason" in codes:
            rows = ReasonCode.objects.filter(code=codes["reason"], type__code=codes.get("type", ""))
            reasons = dict(rows.values_list("code", "name"))
        return cls(types, reasons, zone)

    def say(self, name: str, value: Any) -> Any:
        if value in (None, ""):
            return "nothing"
        if name == "type":
            return self.types.get(value, value)
        if name == "reason":
            return self.reasons.get(value, value)
        if name in _MOMENTS:
            moment = parse_datetime(str(value))
            return clock_text(moment, now=clock.now(), zone=self.zone) if moment else value
        if name.startswith("quantity"):
            try:
                return wording.quantity(Decimal(str(value)))
            except InvalidOperation:
                return value
        return str(value).replace("_", " ") if name in {"state", "kind"} else value
