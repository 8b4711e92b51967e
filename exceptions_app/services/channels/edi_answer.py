"""Answers by EDI: the 865, 855 or ORDRSP about a decision, the confirmation of what changes nothing, and what the
partner's own acknowledgements say about what we sent.

Must run in the transaction that settles what is answered; the exception, where there is one, is locked by the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from core import clock
from exceptions_app.channels.edi.answers import Addresses, Answer, AnswerLine, Status
from exceptions_app.channels.edi.edifact_out import write_ordrsp
from exceptions_app.channels.edi.orders import moment
from exceptions_app.channels.edi.partners import Partner, partner_of
from exceptions_app.channels.edi.segments import Message
from exceptions_app.channels.edi.x12_out import write_answer
from exceptions_app.models import EdiDocument, EventKind, ExceptionRecord, Signal
from exceptions_app.services.channels.edi_documents import Wanted, write_document, zone_of
from exceptions_app.services.channels.edi_reading import (
    Understood,
    is_edi,
    keep_reading,
    lines_as_json,
    message_of,
)
from exceptions_app.services.records.story import record_event

_STATUSES: Final = frozenset({"accepted", "countered", "rejected"})


@dataclass(frozen=True, slots=True)
class Said:
    """What a decision says to the customer; None and "" where it says nothing of it."""

    status: str
    commit_at: datetime | None = None
    quantity: Decimal | None = None
    valid_until: datetime | None = None
    why: str = ""
    still_valid: str = ""


def wants_edi(exception: ExceptionRecord) -> bool:
    """The record came by EDI, so its answer goes that way."""
    return isinstance(exception.details.get("edi"), Mapping)


def answer_by_edi(*, exception: ExceptionRecord, said: Said, key: str) -> EdiDocument | None:
    """Write the answer to the message the record last heard, once per `key`: 865 to a change, 855 to an order in X12,
    ORDRSP in EDIFACT. None for records that did not come by EDI. Runs in the caller's transaction, which holds the
    exception's lock; locks the partner's counter. The worker sends it and says so in the story.
    """
    signal = _heard(exception)
    if signal is None or not wants_edi(exception) or said.status not in _STATUSES:
        return None
    edi = exception.details["edi"]
    about = signal.payload.get("edi", {})
    partner = partner_of(
        signal.source.config, sender=str(about.get("partner", "")), qualifier=str(about.get("qualifier", ""))
    )
    zone = zone_of(partner, signal.source)
    rows = [row for row in edi.get("lines", ()) if row.get("mine")]
    answer = Answer(
        to_change=bool(edi.get("to_change")),
        status=cast(Status, said.status),
        number=str(edi.get("number", "")),
        lines=tuple(_line(row, said, zone, alone=len(rows) == 1) for row in rows),
        change_number=str(edi.get("change_number", "")),
        our_number=str(edi.get("our_number", "")),
        ordered_on=_moment(edi.get("ordered_on"), zone),
        valid_until=said.valid_until.astimezone(zone) if said.valid_until else None,
        note=". ".join(
            one for one in (said.why, said.still_valid and f"Still valid: {said.still_valid}") if one
        ),
        reference=exception.ref,
        countered=partner.countered if partner else "4",
    )
    document = _write(signal, about, partner, zone, answer, key=key, exception=exception)
    record_event(
        exception=exception, kind=EventKind.TOLD, actor_text="EDI", via="edi",
        text=f"{document.kind} {document.number} written for {document.partner}: {said.status}",
        data={"edi_document": document.pk},
    )  # fmt: skip
    return document


def confirm_unchanged(signal: Signal, found: Understood) -> EdiDocument | None:
    """A message in which every line is as we hold it is confirmed as it stands: that promises nothing new."""
    document, partner = found.document, found.partner
    if document is None or partner is None or found.order is None or not found.lines:
        return None
    about = signal.payload.get("edi", {})
    zone = found.zone
    lines = []
    for row, view in zip(lines_as_json(found), found.lines, strict=True):
        commit = view.ours.commit_at.astimezone(zone) if view.ours is not None else None
        lines.append(
            AnswerLine(
                line=row["line"], status="accepted", buyer_item=row["buyer_item"],
                seller_item=row["seller_item"] or row["item"],
                quantity=view.ours.quantity if view.ours is not None else None, unit=row["unit"], date=commit,
                change="NC" if row["code"] else "",
            )
        )  # fmt: skip
    answer = Answer(
        to_change=document.kind == "change", status="accepted", number=document.number, lines=tuple(lines),
        change_number=document.change_number if document.kind == "change" else "",
        our_number=found.order.number, ordered_on=document.ordered_on, countered=partner.countered,
    )  # fmt: skip
    return _write(signal, about, partner, zone, answer, key=f"same/{signal.pk}", exception=None)


def _write(
    signal: Signal, about: Mapping[str, Any], partner: Partner | None, zone: ZoneInfo, answer: Answer, *, key: str,
    exception: ExceptionRecord | None,
) -> EdiDocument:  # fmt: skip
    x12 = about.get("syntax") == "x12"
    kind = ("865" if answer.to_change else "855") if x12 else "ORDRSP"
    to = Addresses(
        syntax="x12" if x12 else "edifact",
        sender=(partner.our_id if partner else "") or str(about.get("receiver", "")),
        receiver=str(about.get("partner", "")),
        sender_qualifier=(partner.our_qualifier if partner else "")
        or str(about.get("receiver_qualifier", "")),
        receiver_qualifier=str(about.get("qualifier", "")),
        group_sender=(partner.our_group_id if partner else "") or str(about.get("group_receiver", "")),
        group_receiver=(partner.group_id if partner else "") or str(about.get("group_sender", "")),
        version=(partner.release if partner else "") or str(about.get("version", "")),
        test=bool(about.get("test")),
    )
    return write_document(
        source=signal.source,
        wanted=Wanted(
            key=key, kind=kind, syntax=to.syntax, partner=to.receiver, about=answer.number,
            summary=answer.status, exception=exception,
        ),
        zone=zone,
        write=lambda control, at: (write_answer if x12 else write_ordrsp)(answer, to, control=control, at=at),
    )  # fmt: skip


def _line(row: Mapping[str, Any], said: Said, zone: ZoneInfo, *, alone: bool) -> AnswerLine:
    """A line as answered. One line alone takes the decision's own date and quantity; of several each keeps what it
    asked, moved to the promised day where that is later.
    """
    asked_date = moment(str(row.get("date", "")).replace("-", ""), "102", zone)
    wanted, asked_quantity = (asked_date[0] if asked_date else None), _figure(row.get("quantity"))
    date = said.commit_at.astimezone(zone) if said.commit_at else wanted
    if not alone and date is not None and wanted is not None:
        date = max(date, wanted)
    quantity = said.quantity if alone and said.quantity is not None else asked_quantity
    cancelled, rejected = bool(row.get("cancel")), said.status == "rejected"
    if cancelled or rejected:
        quantity = asked_quantity
    return AnswerLine(
        line=str(row.get("line", "")), status=cast(Status, said.status), buyer_item=str(row.get("buyer_item", "")),
        seller_item=str(row.get("seller_item") or row.get("item") or ""), quantity=quantity,
        asked_quantity=asked_quantity, unit=str(row.get("unit", "")), date=None if rejected else date,
        asked_date=wanted, price=_figure(row.get("price")), change=str(row.get("code", "")), cancelled=cancelled,
        added="NEW" in row.get("kinds", ()) or "ADD" in row.get("kinds", ()),
    )  # fmt: skip


def _heard(exception: ExceptionRecord) -> Signal | None:
    """The EDI message the record heard last."""
    heard = (
        exception.readings.select_related("signal__source__site")
        .filter(signal__channel="edi")
        .order_by("-signal__received_at", "-pk")
        .first()
    )
    return heard.signal if heard is not None else None


def _moment(raw: Any, zone: ZoneInfo) -> datetime | None:
    found = parse_datetime(str(raw)) if raw else None
    return found.astimezone(zone) if found is not None and found.tzinfo is not None else None


def _figure(raw: Any) -> Decimal | None:
    try:
        return Decimal(str(raw)) if raw not in (None, "") else None
    except InvalidOperation:
        return None


def note_acknowledgement(signal: Signal) -> bool:
    """A partner's 997 or CONTRL about what we sent: noted on the document, and True. A refusal is people's business:
    False, and the message goes to triage like any other that is no order.
    """
    about = signal.payload.get("edi", {}) if isinstance(signal.payload, dict) else {}
    if not is_edi(signal) or about.get("refused") or about.get("kind") not in ("997", "999", "CONTRL"):
        return False
    message = message_of(signal)
    if message is None:
        return False
    control, taken = _verdict(message)
    rows = EdiDocument.objects.filter(source=signal.source, partner=str(about.get("partner", ""))[:40])
    document = rows.select_for_update(no_key=True, of=("self",)).filter(control=control).first()
    if document is None or not taken or not signal.sender_verified:
        return False
    document.acknowledged_at = clock.now()
    document.save(update_fields=["acknowledged_at"])
    keep_reading(signal, Understood(), None)
    return True


def _verdict(message: Message) -> tuple[int, bool]:
    """Which control number it speaks of, and whether all of it was taken."""
    if message.kind == "CONTRL":
        uci = next((one for one in message.segments if one.tag == "UCI"), None)
        refused = any(one.tag == "UCM" and one.at(3) == "4" for one in message.segments)
        return (_int(uci.at(1)), uci.at(4) in ("7", "8") and not refused) if uci else (0, False)
    first = next((one for one in message.segments if one.tag == "AK1"), None)
    last = next((one for one in message.segments if one.tag == "AK9"), None)
    return _int(first.at(2)) if first else 0, bool(last and last.at(1) in ("A", "E"))


def _int(raw: str) -> int:
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else 0
