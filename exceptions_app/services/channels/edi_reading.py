"""From an EDI message to records: which partner, which order, which lines, how hard each is, and who decides.

One record per line that differs, since a line is what is decided about; its page shows the whole message line by line.
A message with very many changed lines becomes one record of the order. What nobody can place becomes a triage item.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from core import clock
from exceptions_app.channels.edi import ADAPTER
from exceptions_app.channels.edi.edifact_orders import read_edifact_order
from exceptions_app.channels.edi.envelope import read_interchange
from exceptions_app.channels.edi.grading import (
    ERROR,
    NONE,
    Asked,
    Graded,
    Limits,
    grade_line,
    plain,
    worst,
)
from exceptions_app.channels.edi.orders import OrderDocument, OrderLine
from exceptions_app.channels.edi.partners import Partner, partner_of
from exceptions_app.channels.edi.segments import Broken, Message
from exceptions_app.channels.edi.x12_orders import CANCELS_ORDER, REPLACES_ALL, read_x12_order
from exceptions_app.models import Interpretation, Signal
from exceptions_app.rules.grading import GRADES
from exceptions_app.services.channels.edi_documents import zone_of
from exceptions_app.services.channels.edi_facts import (
    crude_state,
    find_items,
    find_line,
    find_order,
    held_item,
    held_line,
)
from plant_app.models import Customer, Item, SalesOrder, SalesOrderLine, Site

EDI_VERSION: Final = "edi-1"
ORDERS: Final = frozenset({"850", "860", "ORDERS", "ORDCHG"})


@dataclass(slots=True)
class LineView:
    """One line of a message with what it is here, what is asked and how it was graded."""

    wanted: OrderLine
    graded: Graded
    asked: Asked
    ours: SalesOrderLine | None = None
    item: Item | None = None
    left_out: bool = False

    @property
    def grade(self) -> str:
        return self.graded.grade


@dataclass(slots=True)
class Understood:
    """A message as far as it could be placed; `why` holds the reasons it needs people, in words."""

    partner: Partner | None = None
    customer: Customer | None = None
    document: OrderDocument | None = None
    order: SalesOrder | None = None
    site: Site | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    new: bool = False
    lines: list[LineView] = field(default_factory=list)
    why: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[LineView]:
        """Lines somebody has to decide about."""
        return [one for one in self.lines if one.grade != NONE]

    def totals(self) -> dict[str, int]:
        """How many lines of each grade."""
        return {grade: sum(1 for one in self.lines if one.grade == grade) for grade in GRADES}


def is_edi(signal: Signal) -> bool:
    """The signal is a message of an EDI source."""
    return signal.source.adapter == ADAPTER.code


def message_of(signal: Signal) -> Message | None:
    """The message a signal keeps, cut again; its envelope was judged when it came. None when it cannot be cut."""
    raw = signal.payload.get("raw") if isinstance(signal.payload, dict) else None
    try:
        found = read_interchange(str(raw or signal.text))
    except Broken:
        return None
    return next((message for _, message in found.messages()), None)


def understand(signal: Signal) -> Understood:
    """Place a message: partner, customer, order, lines, grades. Reads the plant, writes nothing, never raises on
    what a message contains.
    """
    about = signal.payload.get("edi", {}) if isinstance(signal.payload, dict) else {}
    found = Understood(site=signal.site or signal.source.site)
    for fault in about.get("faults", ())[:3]:
        where = f" (segment {fault['segment']}: {fault['text']})" if fault.get("segment") else ""
        found.why.append(f"{fault['message']}{where}"[:200])
    if about.get("refused"):
        return found
    found.partner = partner_of(
        signal.source.config, sender=str(about.get("partner", "")), qualifier=str(about.get("qualifier", ""))
    )
    if found.partner is None:
        found.why.append(f"EDI partner {about.get('partner') or 'without a name'} is not known")
    else:
        found.customer = Customer.objects.filter(code=found.partner.customer).first()
        if found.customer is None:
            found.why.append(f"partner {found.partner.id} has no customer {found.partner.customer or 'set'}")
    if about.get("test"):
        found.why.append("it was sent as a test (ISA15, UNB 0035)")
    found.zone = zone_of(found.partner, signal.source)
    message = message_of(signal)
    if message is None:
        found.why.append("the message cannot be cut into segments")
        return found
    if message.kind not in ORDERS:
        found.why.append(f"{message.kind or 'a message without a kind'} is no order and no order change")
        return found
    if message.kind in ("850", "860"):
        found.document = read_x12_order(
            message, found.zone, differences=bool(found.partner and found.partner.differences)
        )
    else:
        found.document = read_edifact_order(message, found.zone)
    if not found.document.number:
        found.why.append("no order number is named")
    found.why += [note for note in found.document.notes if note.startswith("more than")]
    if not found.why and found.partner is not None and found.customer is not None:
        _place(found, found.document, found.partner, found.customer)
    return found


def _place(found: Understood, document: OrderDocument, partner: Partner, customer: Customer) -> None:
    """Find the order and grade the lines against it; an order nobody has is a new one."""
    found.order = find_order(customer, number=document.number, our_number=document.our_number)
    now = clock.now()
    items = find_items(document.lines, partner)
    if found.order is None:
        if document.kind != "order" or document.purpose not in ("original", "confirmation", "other"):
            found.why.append(f"{customer.code} has no order {document.number} here")
            return
        if not document.lines:
            found.why.append("the order has no lines")
            return
        found.new = True
        if found.site is None:
            found.site = Site.objects.order_by("pk").first()
        found.lines = [_new_line(found, line, document, partner, items, now) for line in document.lines]
        return
    found.site = found.order.site
    ours = list(
        found.order.lines.select_related("item__group", "order__customer", "order__site").order_by("line")
    )
    wanted, all_of_them = _wanted(document, ours)
    for line in wanted:
        found.lines.append(_changed_line(found, line, document, partner, ours, items, now))
    named = {one.ours.pk for one in found.lines if one.ours is not None}
    if all_of_them:
        for own in ours:
            if own.pk not in named and not own.cancelled:
                left = OrderLine(str(own.line), "delete", notes=["left out of the replaced order"])
                view = _changed_line(found, left, document, partner, ours, items, now)
                view.left_out = True
                found.lines.append(view)


def _wanted(document: OrderDocument, ours: list[SalesOrderLine]) -> tuple[list[OrderLine], bool]:
    """The lines the message speaks of; and whether it names all there shall be."""
    codes = {line.code for line in document.lines}
    if document.purpose == "cancel" or CANCELS_ORDER in codes:
        return [OrderLine(str(one.line), "delete", code="DI") for one in ours if not one.cancelled], False
    replaces = bool(document.lines) and (document.purpose == "replace" or REPLACES_ALL in codes)
    return document.lines, replaces


def _changed_line(
    found: Understood, line: OrderLine, document: OrderDocument, partner: Partner, ours: list[SalesOrderLine],
    items: dict[str, Item], now: datetime,
) -> LineView:  # fmt: skip
    placed = find_line(line, ours, partner, items)
    adds = line.action == "add" and placed.line is None
    if adds and placed.item is not None and found.site is not None:
        return _new_line(found, line, document, partner, items, now, kind="ADD")
    if placed.line is None:
        asked = _asked(line, document, None, partner, unit="")
        graded = grade_line(asked, None, limits=Limits(), now=now, zone=found.zone, unknown=placed.unknown)
        return LineView(line, graded, asked, item=placed.item)
    own = placed.line
    held = held_line(own, partner=partner, now=now)
    asked = _asked(line, document, (held.quantity, held.delivered), partner, unit=own.item.uom)
    more = asked.quantity - held.quantity if asked.quantity is not None else Decimal(0)
    if more > 0:
        held = held_line(own, partner=partner, now=now, more=more)
    graded = grade_line(
        asked, held, limits=Limits(free_days=partner.free_days), now=now, zone=found.zone
    )  # fmt: skip
    return LineView(line, graded, asked, own, own.item)


def _new_line(
    found: Understood, line: OrderLine, document: OrderDocument, partner: Partner, items: dict[str, Item],
    now: datetime, *, kind: str = "NEW",
) -> LineView:  # fmt: skip
    placed = find_line(line, (), partner, items)
    asked = _asked(line, document, None, partner, unit=placed.item.uom if placed.item else "", new=True)
    if placed.item is None or found.site is None:
        unknown = placed.unknown if "not known" in placed.unknown else "no item is named"
        graded = grade_line(asked, None, limits=Limits(), now=now, zone=found.zone, unknown=unknown)
    else:
        held = held_item(placed.item, site=found.site, now=now)
        graded = grade_line(asked, held, limits=Limits(), now=now, zone=found.zone)
    graded.kinds = [kind]
    return LineView(line, graded, asked, item=placed.item)


def _asked(
    line: OrderLine, document: OrderDocument, held: tuple[Decimal, Decimal] | None, partner: Partner, *, unit: str,
    new: bool = False,
) -> Asked:  # fmt: skip
    """What the line asks, in our unit. What cannot be compared is a note, which is a warning at least."""
    if line.action == "delete":
        return Asked(
            cancel=True, explicit=True, notes=tuple(line.notes if "left out" not in str(line.notes) else ())
        )
    notes = [*line.notes, *document.notes][:5]
    if line.action == "none":
        return Asked(notes=tuple(notes))
    factor = Decimal(1)
    if line.unit:
        known = partner.unit(line.unit)
        if known is None or (unit and known[0] != unit):
            notes.append(f"unit {line.unit} cannot be compared with {unit or 'ours'}")
        else:
            factor = known[1]
    quantity = line.quantity * factor if line.quantity is not None else None
    if quantity is None and held is not None:
        if line.quantity_delta is not None:
            quantity = held[0] + line.quantity_delta * factor
        elif line.quantity_left is not None:
            quantity = held[1] + line.quantity_left * factor
    parts = [one for one in line.schedules if one.at is not None]
    wanted = line.requested or min((one.at for one in parts if one.at), default=None) or document.requested
    return Asked(
        new=new, explicit=line.action == "change", quantity=quantity, date=wanted, price=line.price,
        parts=len(parts) if len(parts) > 1 else 0, ship_to=bool(line.ship_to) and line.code in ("RA", "CA", "3"),
        notes=tuple(notes),
    )  # fmt: skip


def keep_reading(
    signal: Signal, found: Understood, view: LineView | None, *, offset: int = 0
) -> Interpretation:
    """Store what was read of a message for one of its lines, every field with the segment it was read from."""
    document = found.document
    fields: list[dict[str, Any]] = [_field(signal, "type", "order_change", None)]
    if document is not None:
        begin = document.head[0] if document.head else None
        fields.append(_field(signal, "customer_po", document.number, begin))
    if found.customer is not None:
        fields.append(_field(signal, "customer", found.customer.code, None))
    if view is not None:
        first = view.wanted.segments[0] if view.wanted.segments else None
        if view.ours is not None:
            fields.append(_field(signal, "sales_order_line", str(view.ours), first))
        if view.item is not None:
            fields.append(_field(signal, "item", view.item.code, first))
        if view.asked.quantity is not None:
            fields.append(_field(signal, "quantity", plain(view.asked.quantity), _at(view, "QTY") or first))
        if view.asked.date is not None:
            dated = _at(view, "DTM") or _at(view, "SCH")
            fields.append(_field(signal, "requested_date", _day(view.asked.date, found.zone), dated))
    return Interpretation.objects.create(
        signal=signal, type_code="order_change" if not found.why else "", intent="report",
        confidence=0.0 if found.why else 1.0, type_confidence=1.0 if document is not None else 0.0,
        needs_triage=bool(found.why), triage_reasons=list(found.why), fields=fields, pipeline_version=EDI_VERSION,
        created_at=clock.now(),
    )  # fmt: skip


def _at(view: LineView, tag: str) -> Any:
    return next((one for one in view.wanted.segments if one.tag == tag), None)


def _field(signal: Signal, name: str, value: str, segment: Any) -> dict[str, Any]:
    """A field with its words; their place is looked up in the signal's own text."""
    words = segment.text.strip() if segment is not None else ""
    start = signal.text.find(words) if words else -1
    return {
        "name": name, "value": value, "words": words if start >= 0 else "", "start": max(start, 0),
        "end": start + len(words) if start >= 0 else 0, "method": "edi", "confidence": 1.0, "candidates": [],
    }  # fmt: skip


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).date().isoformat()


def lines_as_json(found: Understood) -> list[dict[str, Any]]:
    """The lines of a message as its records keep and their pages show them."""
    rows = []
    for view in found.lines:
        wanted = view.wanted
        rows.append(
            {
                "line": wanted.line, "ours": str(view.ours) if view.ours else "",
                "item": view.item.code if view.item else wanted.seller_item or wanted.buyer_item,
                "name": view.item.name if view.item else wanted.description[:80],
                "unit": view.item.uom if view.item else wanted.unit, "code": wanted.code,
                "buyer_item": wanted.buyer_item, "seller_item": wanted.seller_item, "grade": view.grade,
                "kinds": view.graded.kinds, "reasons": view.graded.reasons[:6],
                "changes": [{"name": one.name, "old": one.old, "new": one.new} for one in view.graded.changes],
                "quantity": plain(view.asked.quantity) if view.asked.quantity is not None else "",
                "date": _day(view.asked.date, found.zone) if view.asked.date is not None else "",
                "price": plain(view.asked.price) if view.asked.price is not None else "",
                "cancel": view.asked.cancel, "held": _held(view),
            }
        )  # fmt: skip
    return rows


def _held(view: LineView) -> dict[str, str]:
    if view.ours is None:
        return {}
    return {"quantity": plain(view.ours.quantity), "delivered": plain(view.ours.delivered)}


def worst_of(found: Understood) -> str:
    """The grade of the whole message: that of its hardest line."""
    return worst(one.grade for one in found.lines)


def state_of(view: LineView) -> int | None:
    """The order's state as the record's own facts count it, at this moment."""
    return crude_state(view.ours) if view.ours is not None else None


__all__ = ["ERROR", "LineView", "Understood", "is_edi", "keep_reading", "lines_as_json", "understand"]
