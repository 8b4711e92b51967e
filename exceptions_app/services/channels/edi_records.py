"""What an EDI message does to the records: opens one per line that differs, or carries a new wish to an open one.

A repeat of the same wish is evidence; another value is a new version of the record, told to everybody; after the answer
has gone out it is a record of its own. A message in which nothing differs opens nothing and is confirmed as it stands.
"""

import hashlib
from typing import Any, Final

from django.db import connection

from exceptions_app.channels.edi.grading import NONE
from exceptions_app.models import (
    EdiDocument,
    ExceptionRecord,
    ReadingStatus,
    Signal,
    SignalReading,
)
from exceptions_app.models.records import CORRELATES
from exceptions_app.rules.grading import GRADES
from exceptions_app.services.channels.edi_answer import confirm_unchanged, note_acknowledgement
from exceptions_app.services.channels.edi_documents import ACKNOWLEDGEMENTS
from exceptions_app.services.channels.edi_reading import (
    EDI_VERSION,
    LineView,
    Understood,
    keep_reading,
    lines_as_json,
    state_of,
    understand,
    worst_of,
)
from exceptions_app.services.records.links import Links, complete
from exceptions_app.services.records.moves import keep, locked, release_key
from exceptions_app.services.records.opening import Opened, Report, open_or_join, worsen
from exceptions_app.services.records.unsorted import unsorted_type
from plant_app.models import ExceptionType, Site

#: With more changed lines than this the order itself is the record: nobody answers hundreds one by one.
MOST_RECORDS: Final = 20
#: Rows of the table a line's record keeps, its own always among them; an order's keeps all, since all are answered.
MOST_ROWS: Final = 200


def read_edi(signal: Signal) -> Opened:
    """Read one EDI message and give it its records; returns the hardest one. The caller holds the reading's lock and
    is inside its transaction. Messages of one partner are read one after the other; locks the records it joins. Never
    raises on what a message contains.
    """
    _one_at_a_time(signal)
    if note_acknowledgement(signal):
        return Opened(None, "answered")
    found = understand(signal)
    if found.why or not _trusted(signal):
        return _question(signal, found)
    changed = sorted(found.changed, key=lambda one: GRADES.index(one.grade), reverse=True)
    if not changed:
        keep_reading(signal, found, found.lines[0] if found.lines else None)
        confirm_unchanged(signal, found)
        return Opened(None, "ignored")
    if found.new or len(changed) > MOST_RECORDS:
        keep_reading(signal, found, changed[0])
        return _give(signal, found, changed[0], heard=signal.pk, whole=True)
    keep_reading(signal, found, changed[0])
    first = _give(signal, found, changed[0], heard=signal.pk)
    for place, view in enumerate(changed[1:], start=2):
        part = _part(signal, view, place)
        keep_reading(part, found, view)
        opened = _give(part, found, view, heard=signal.pk)
        SignalReading.objects.create(
            signal=part, status=ReadingStatus.READ, due_at=signal.received_at, read_at=signal.received_at,
            exception=opened.exception, opened=opened.opened, outcome=opened.outcome,
        )  # fmt: skip
    return first


def _one_at_a_time(signal: Signal) -> None:
    """Two messages about the same lines would lock the same records in another order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"edi:{signal.source_id}:{signal.sender}"],
        )


def _trusted(signal: Signal) -> bool:
    return signal.source.trusted and signal.sender_verified


def _question(signal: Signal, found: Understood) -> Opened:
    """A message nobody can place, or from somebody who may only ask: a triage item with its text."""
    reasons = list(found.why)
    if not _trusted(signal):
        reasons.append("the sender is not trusted to open records")
        found.why = reasons
    keep_reading(signal, found, None)
    order_change = found.document is not None or bool(signal.payload.get("edi", {}).get("kind"))
    type_ = ExceptionType.objects.filter(code="order_change").first() if order_change else None
    links = Links(site=found.site or signal.site or signal.source.site or Site.objects.order_by("pk").first())
    links.customer = found.customer
    if found.order is not None and links.site is None:
        links.site = found.order.site
    details: dict[str, Any] = {}
    if found.document is not None and found.document.number:
        details["customer_po"] = found.document.number
    return open_or_join(
        Report(
            signal=signal, type=type_ or unsorted_type(), links=links, text=_asked(signal, reasons), details=details,
            confidence=0.0, triage=True, triage_reasons=tuple(reasons),
        )
    )  # fmt: skip


def _asked(signal: Signal, reasons: list[str]) -> str:
    """What a list says of a message that can only be asked about; its segments stand in the signal."""
    said = f": {reasons[0]}" if reasons else ""
    return f"EDI from {signal.reporter_text or signal.sender or signal.source}{said}"


def _part(signal: Signal, view: LineView, place: int) -> Signal:
    """A signal for a further line of the same message: the segments it is made of, so that its record shows them."""
    lines = view.wanted.segments
    text = "\n".join(one.text for one in lines) or f"Line {view.wanted.line}"
    part = Signal(
        source=signal.source, external_id=f"{signal.external_id[:180]}#line-{place}", channel=signal.channel,
        site=signal.site, received_at=signal.received_at, reporter_text=signal.reporter_text, sender=signal.sender,
        sender_verified=signal.sender_verified, conversation=signal.conversation,
        reply_to=signal.external_id[:200], text=text,
        payload={"edi": {**signal.payload.get("edi", {}), "line": view.wanted.line}},
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip
    part.save(force_insert=True)
    return part


def _give(
    signal: Signal, found: Understood, view: LineView, *, heard: int, whole: bool = False
) -> Opened:  # fmt: skip
    """Open the line's record or carry the wish to the open one. `whole`: the record is the order's, not the line's.

    `heard` is the message's own signal: one that came before what the record last heard, and is read only now, is
    evidence and takes nothing back.
    """
    details = _details(found, view, whole=whole)
    details["edi"]["heard"] = heard
    key = _key(found, view, whole=whole)
    standing = _standing(key)
    late = standing is not None and int(standing.details.get("edi", {}).get("heard") or 0) > heard
    before = standing.details.get("new_value") if standing is not None else None
    opened = open_or_join(
        Report(
            signal=signal, type=ExceptionType.objects.get(code="order_change"), links=_links(found, view, whole=whole),
            key=key, text=signal.text, details={} if late else details,
            quantity=view.asked.quantity if view.item is not None and not whole else None,
            uom=view.item.uom if view.item is not None and not whole else "", confidence=1.0,
        )
    )  # fmt: skip
    exception = opened.exception
    if opened.outcome == "joined" and exception is not None and not late and before != details["new_value"]:
        _renew(exception, details, view)
    return opened


def _standing(key: str) -> ExceptionRecord | None:
    """The open record of the key; one that has been answered gives its key up, so that what comes is a new matter."""
    found = ExceptionRecord.objects.filter(correlation_key=key, status__in=CORRELATES).first()
    if found is None:
        return None
    answered = EdiDocument.objects.filter(exception=found).exclude(kind__in=ACKNOWLEDGEMENTS).exists()
    if not answered:
        return found
    release_key(exception=locked(found.pk))
    return None


def _renew(exception: ExceptionRecord, details: dict[str, Any], view: LineView) -> None:
    """Another value: the record now asks for this one (what it asked before stays among its versions)."""
    stale = ("kind", "requested_date", "requested_quantity", "grade", "grade_state", "edi")
    kept = {name: value for name, value in exception.details.items() if name not in stale}
    exception.details = {**kept, **details, "versions": exception.details.get("versions", [])}
    fields = {"details"}
    if view.asked.quantity is not None and view.item is not None:
        exception.quantity, exception.uom = view.asked.quantity, view.item.uom
        fields |= {"quantity", "uom"}
    keep(exception, *fields)
    worsen(exception)


def _key(found: Understood, view: LineView, *, whole: bool) -> str:
    site = found.site.code if found.site is not None else ""
    if view.ours is not None and not whole:
        return f"change:{site}:sales_order_line={view.ours}"
    number = found.document.number if found.document is not None else ""
    customer = found.customer.code if found.customer is not None else ""
    line = "" if whole else f"/{view.wanted.line or view.wanted.seller_item or view.wanted.buyer_item}"
    return f"change:{site}:customer_po={customer}/{number}{line}"[:200]


def _links(found: Understood, view: LineView, *, whole: bool) -> Links:
    links = Links(site=found.site, customer=found.customer)
    if not whole or len(found.lines) == 1:
        links.sales_line, links.item = view.ours, view.item
    return complete(links, type_code="order_change")


def _details(found: Understood, view: LineView, *, whole: bool) -> dict[str, Any]:
    document, partner = found.document, found.partner
    if document is None or partner is None:
        raise ValueError("only a placed message has details")
    rows = lines_as_json(found)
    mine = found.lines.index(view)
    shown = rows if whole or mine < MOST_ROWS else [*rows[: MOST_ROWS - 1], rows[mine]]
    shown = shown if whole else shown[:MOST_ROWS]
    for at, row in enumerate(rows):
        row["mine"] = whole or at == mine
    row = rows[mine]
    kind = "NEW" if found.new else (view.graded.kinds[0] if view.graded.kinds else "CONFIG")
    details: dict[str, Any] = {
        "kind": "CONFIG" if kind == "CHANGE" else kind,
        "new_value": _new_value(found, row, whole=whole),
        "asked_by": found.customer.name if found.customer is not None else partner.id,
        "customer_po": document.number,
        "grade": worst_of(found) if whole else view.grade,
        "edi": {
            "version": EDI_VERSION, "number": document.number, "our_number": _our_number(found),
            "change_number": document.change_number if document.kind == "change" else "",
            "to_change": document.kind == "change", "purpose": document.purpose,
            "ordered_on": document.ordered_on.isoformat() if document.ordered_on else "",
            "new": found.new, "whole": whole, "lines": shown, "more": len(rows) - len(shown),
            "totals": found.totals(),
        },
    }  # fmt: skip
    state = None if whole else state_of(view)
    if state is not None:
        details["grade_state"] = state
    if not whole or len(rows) == 1:
        details |= {"requested_date": row["date"]} if row["date"] else {}
        details |= {"requested_quantity": row["quantity"]} if row["quantity"] else {}
    return details


def _our_number(found: Understood) -> str:
    return found.order.number if found.order is not None else ""


def _new_value(found: Understood, row: dict[str, Any], *, whole: bool) -> str:
    """The wish in one word, by which a repeat is known from another wish."""
    if whole:
        rows = [one for one in lines_as_json(found) if one["grade"] != NONE]
        seen = "|".join(f"{one['line']}:{one['quantity']}:{one['date']}:{one['cancel']}" for one in rows)
        words = f"{len(rows)} line{'s' if len(rows) != 1 else ''}"
        return f"{words} ({hashlib.sha256(seen.encode()).hexdigest()[:8]})"
    if row["cancel"]:
        return "cancelled"
    names = {one["name"] for one in row["changes"]}
    said = [row["quantity"] if "quantity" in names else "", row["date"] if "date" in names else ""]
    said.append(f"price {row['price']}" if "price" in names else "")
    return ", ".join(one for one in said if one) or "another address" if row["changes"] else "not readable"
