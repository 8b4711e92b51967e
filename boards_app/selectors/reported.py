"""What was reported, word by word: every signal with what was read out of it, how, how sure, and who put it right.

Turns stored interpretations and corrections into numbered marks and read-outs. A fixed number of queries, whatever the
number of signals.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext

from boards_app import wording
from core import clock
from core.languages import label
from exceptions_app.models import (
    Correction,
    EventKind,
    ExceptionEvent,
    ExceptionRecord,
    Signal,
    SignalReading,
)
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
#: How a value came about, as a person would say it.
METHODS: Final = {
    "code": "by its code", "code_loose": "by its code, loosely written", "number": "by its number alone",
    "alias": "by what the plant calls it", "name": "by its name", "cue": "by a cue word", "pattern": "by its shape",
    "rule": "worked out from the words", "context": "from where it came", "form": "answered in a form",
    "api": "sent as a field", "model": "by likeness to earlier messages", "tail": "by the end of its number",
}  # fmt: skip
MOST_READ = 12
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
    joined: list[dict[str, Any]] = field(default_factory=list)
    triage_reasons: list[str] = field(default_factory=list)
    signals: list[SignalReading] = field(default_factory=list)


def reported(exception: ExceptionRecord, *, may_correct: bool = False) -> Reported:
    """The words, their marks and read-outs; `may_correct` offers Confirm and Correct beside unsure ones."""
    signals = signals_of(exception)
    if not signals:
        return Reported()
    first = next((one for one in signals if one.opened), signals[0])
    settled = _settled(exception, signals)
    shown = [first, *(one for one in signals if one.pk != first.pk)]
    names = _Names.of(
        [row for one in shown[:MOST_READ] for row in _newest(one.signal, "fields", [])],
        exception.site.timezone,
    )
    found = Reported(signals=signals, **_head(first.signal, names))
    for place, one in enumerate(shown):
        rows = _newest(one.signal, "fields", []) if place < MOST_READ and not one.signal.redacted_at else []
        by_hand = settled.get(one.signal_id, {})
        if place == 0:
            by_hand = {**settled.get(0, {}), **by_hand}
        marks, readings = _read(
            exception, rows, names, by_hand, prefix=f"read-{place}", may_correct=may_correct and place == 0
        )
        if place == 0:
            found.marks, found.readings = marks, readings
            found.triage_reasons = list(_newest(one.signal, "triage_reasons", []))
        else:
            said = [row for row in readings if row["number"]]
            found.joined.append({**_joined(one.signal, names), "marks": marks, "readings": said})
    return found


def _newest(signal: Signal, name: str, default: Any) -> Any:
    """A field of the signal's newest interpretation."""
    newest = getattr(signal, "newest", [])
    return getattr(newest[0], name) if newest else default


def _answers(signal: Signal, names: "_Names") -> str:
    """What was tapped or sent as fields, in the plant's words, for a report without any of its own."""
    return "; ".join(str(names.say(name, value)) for name, value in signal.fields.items() if value)


def _head(signal: Signal, names: "_Names") -> dict[str, Any]:
    text = signal.text or _answers(signal, names)
    if signal.redacted_at:
        text = gettext("(the words were removed)")
    where = signal.device.name if signal.device else label(_WHERE.get(signal.channel, signal.channel))
    return {
        "text": text,
        "who": str(signal.reporter or signal.reporter_text or signal.source),
        "where": where,
        "at": signal.occurred_at or signal.received_at,
    }


def _joined(signal: Signal, names: "_Names") -> dict[str, Any]:
    who = str(signal.reporter or signal.reporter_text or signal.source)
    words = signal.text or _answers(signal, names)
    return {
        "icon": _ICONS.get(signal.channel, "message-square"),
        "lead": gettext("Joined by {who}, {channel}:").format(
            who=who, channel=label(_WHERE.get(signal.channel, signal.channel))
        ),
        "words": gettext("(the words were removed)") if signal.redacted_at else words,
    }


@dataclass(frozen=True)
class _ByHand:
    """What a person said about one field: that it is right, or what it is instead."""

    who: str
    at: datetime
    right: bool
    after: str = ""


def _read(
    exception: ExceptionRecord,
    fields: list[dict[str, Any]],
    names: "_Names",
    by_hand: dict[str, _ByHand],
    *,
    prefix: str,
    may_correct: bool,
) -> tuple[list[wording.Mark], list[dict[str, Any]]]:
    """Marks and read-outs of one signal; `prefix` makes the ids of its lines."""
    shown = [one for one in fields if one.get("name") not in _HIDDEN]
    said = [one for one in shown if one.get("end", 0) > one.get("start", 0)]
    numbers: dict[tuple[int, int], int] = {}
    for one in sorted(said, key=lambda row: (row["start"], -row["end"])):
        numbers.setdefault((one["start"], one["end"]), len(numbers) + 1)
    marks: dict[tuple[int, int], list[wording.Mark]] = {}
    readings = []
    for place, one in enumerate(shown):
        span = (one.get("start", 0), one.get("end", 0))
        confidence = float(one.get("confidence") or 0)
        target = CORRECTS.get(one["name"], one["name"])
        known = by_hand.get(target) or by_hand.get(one["name"])
        low = confidence < UNSURE and known is None
        row = f"{prefix}-{place}"
        words = label(FIELDS.get(one["name"], one["name"].replace("_", " ").capitalize()))
        value = names.say(one["name"], one.get("value"))
        how = label(METHODS.get(str(one.get("method")), ""))
        sure = (
            gettext("confirmed")
            if known
            else gettext("sure")
            if confidence >= SURE
            else f"{round(100 * confidence)} %"
        )
        settled = ""
        if known is not None:
            settled = (
                gettext("confirmed by {who}, {at}") if known.right else gettext("corrected by {who}, {at}")
            )
            settled = settled.format(who=known.who, at=clock_text(known.at, now=clock.now(), zone=names.zone))
            if not known.right:
                sure = gettext("corrected")
        if span in numbers:
            says = ", ".join(part for part in (f"{words}: {value}", how, settled or sure) if part)
            marks.setdefault(span, []).append(wording.Mark(*span, numbers[span], low, says, row))
        base = f"/exceptions/{exception.ref}/readings/{target}/"
        readings.append(
            {
                "id": row,
                "number": numbers.get(span),
                "name": target,
                "words": words,
                "value": value,
                "raw": one.get("value"),
                "how": how,
                "sure": sure,
                "settled": settled,
                "instead": names.say(one["name"], known.after) if known and not known.right else "",
                "low": low,
                "confirm_url": f"{base}confirm/" if low and may_correct else "",
                "correct_url": f"{base}correct/" if low and may_correct else "",
            }
        )
    readings.sort(key=lambda row: (row["number"] is None, row["number"] or 0))
    return [_together(found) for found in marks.values()], readings


def _together(marks: list[wording.Mark]) -> wording.Mark:
    """Several fields read out of the very same words are one mark that says them all."""
    first = marks[0]
    return wording.Mark(
        first.start, first.end, first.number, any(one.low for one in marks),
        "\n".join(one.says for one in marks), " ".join(one.row for one in marks),
    )  # fmt: skip


def _settled(exception: ExceptionRecord, signals: list[SignalReading]) -> dict[int, dict[str, _ByHand]]:
    """Signal -> field -> what a person said of it; 0 for what stands only in the story. Two queries."""
    found: dict[int, dict[str, _ByHand]] = {0: {}}
    events = ExceptionEvent.objects.filter(
        exception=exception, kind__in=(EventKind.CORRECTED, EventKind.TRIAGED)
    ).order_by("pk")
    for event in events.select_related("actor"):
        who = str(event.actor or event.actor_text or gettext("a person"))
        for name in event.data.get("fields", ()):
            found[0][name] = _ByHand(who, event.at, True)
    rows = Correction.objects.filter(signal__in=[one.signal_id for one in signals], review__undone_by=None)
    for row in rows.order_by("pk").select_related("by"):
        if row.field in found[0] or CORRECTS.get(row.field) in found[0]:
            hand = _ByHand(str(row.by), row.at, row.right, row.after)
            found.setdefault(row.signal_id, {})[CORRECTS.get(row.field, row.field)] = hand
    return found


@dataclass(frozen=True)
class _Names:
    """Names of the codes interpretations hold."""

    types: dict[str, str]
    reasons: dict[str, str]
    zone: str

    @classmethod
    def of(cls, fields: list[dict[str, Any]], zone: str) -> "_Names":
        codes = {str(one.get("value")) for one in fields if one.get("name") == "type"}
        causes = {str(one.get("value")) for one in fields if one.get("name") == "reason"}
        types = dict(ExceptionType.objects.values_list("code", "name")) if codes else {}
        reasons = {}
        if causes:
            rows = ReasonCode.objects.filter(code__in=causes, type__code__in=codes)
            reasons = dict(rows.values_list("code", "name"))
        return cls(types, reasons, zone)

    def say(self, name: str, value: Any) -> Any:
        if value in (None, ""):
            return gettext("nothing")
        if name == "type":
            return label(self.types[value]) if value in self.types else value
        if name == "reason":
            return label(self.reasons[value]) if value in self.reasons else value
        if name in _MOMENTS:
            moment = parse_datetime(str(value))
            return clock_text(moment, now=clock.now(), zone=self.zone) if moment else value
        if name.startswith("quantity"):
            try:
                return wording.quantity(Decimal(str(value)))
            except InvalidOperation:
                return value
        return str(value).replace("_", " ") if name in {"state", "kind"} else value
