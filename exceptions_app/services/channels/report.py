"""Between a reading and a record: what surrounds a message, and the report that is made of what was read.

Turns codes into rows, completes them from the plant, and computes the key by which signals meet. Decides nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from exceptions_app.channels.webhook import UNPARSABLE
from exceptions_app.models import Signal
from exceptions_app.reading.correlation import correlation_key
from exceptions_app.reading.types import LINK_KINDS, Reading, ReadingContext
from exceptions_app.services.channels.trust import distrust
from exceptions_app.services.records.links import Links, complete, from_codes
from exceptions_app.services.records.opening import Report
from exceptions_app.services.records.unsorted import unsorted_type
from plant_app.models import Area, ExceptionType, PlannedOperation, ReasonCode, Site
from plant_app.models.orders import Operation
from plant_app.selectors import ShiftBook, ShiftNow
from plant_app.selectors.floor import ON_UNIT

#: Values of a reading that have a column of their own.
_COLUMNS = frozenset({"type", "occurred_at", "cleared_at", "quantity", "uom", "reason"})
_MOST = Decimal(10) ** 12
#: Form fields that say how many, in the order they are taken.
_AMOUNTS = ("qty_suspect", "qty_needed", "missing", "qty_complained", "qty_affected")
#: Why somebody is absent is nobody's business: such words stay out of titles.
_NEVER_QUOTED = frozenset({"labour_shortage"})
_BY_SHIFT = frozenset({"labour_shortage", "safety_stop"})


@dataclass(frozen=True)
class Surroundings:
    """What is known besides the text: the site and the reader's context."""

    site: Site
    shifts: ShiftBook
    shift: ShiftNow | None
    reading: ReadingContext


def context_of(signal: Signal) -> Surroundings:
    """The surroundings of a signal: its site, its shift, what runs there, the place of its device or form."""
    site = _site_of(signal)
    shifts = ShiftBook.of(site)
    shift = shifts.at(signal.received_at)
    device = signal.device
    centre = device.work_centre if device else None
    running = {
        unit: (number, item)
        for unit, number, item in Operation.objects.filter(
            status__in=ON_UNIT, actual_unit__work_centre__area__site=site
        ).values_list("actual_unit__code", "work_order__number", "work_order__item__code")
    }
    named = any(char.isdigit() for char in signal.text)
    return Surroundings(
        site=site,
        shifts=shifts,
        shift=shift,
        reading=ReadingContext(
            site_code=site.code,
            work_centre=str(signal.fields.get("work_centre") or (centre.code if centre else "")),
            work_unit=str(signal.fields.get("work_unit") or ""),
            running_orders={unit: number for unit, (number, _) in running.items()},
            open_orders=_OpenOrders(site) if named else {},
            item_of_order=dict(running.values()),
            language=(signal.reporter.language if signal.reporter else "") or site.language,
            timezone=site.timezone,
            channel=signal.channel,
            date_order="mdy" if site.timezone.startswith("America/") else "dmy",
            shift_start=shift.start if shift else None,
        ),
    )


class _OpenOrders(Mapping[str, frozenset[str]]):
    """Unit -> orders planned on it, to check a named order against a named machine; read once somebody asks."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @cached_property
    def _orders(self) -> dict[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        rows = PlannedOperation.objects.filter(work_unit__work_centre__area__site=self._site).values_list(
            "work_unit__code", "operation__work_order__number"
        )
        for unit, number in rows:
            found.setdefault(unit, set()).add(number)
        return {unit: frozenset(numbers) for unit, numbers in found.items()}

    def __getitem__(self, unit: str) -> frozenset[str]:
        return self._orders[unit]

    def __iter__(self) -> Iterator[str]:
        return iter(self._orders)

    def __len__(self) -> int:
        return len(self._orders)


def _site_of(signal: Signal) -> Site:
    """The signal's site, its source's, its device's, its reporter's, else the first: a report never lacks one."""
    found = signal.site or signal.source.site
    if found is None and signal.device is not None:
        found = signal.device.site
    if found is None and signal.reporter is not None:
        found = signal.reporter.home_site
    return found or Site.objects.order_by("pk")[0]


def report_of(signal: Signal, found: Reading, around: Surroundings) -> Report:
    """The report a reading amounts to, linked and keyed. A sender nobody trusts only raises a question."""
    codes = {
        field.name: str(field.value)
        for field in found.fields
        if field.name in LINK_KINDS and not field.candidates
    }
    type_, reason = _type_and_reason(found)
    reasons = list(found.triage_reasons)
    triage = found.needs_triage
    if type_ is None:
        type_, triage = unsorted_type(), True
        reasons = reasons or ["nobody could tell what it is"]
    if isinstance(signal.payload, dict) and UNPARSABLE in signal.payload and found.intent != "chatter":
        triage = True
        reasons.append("the message could not be parsed")
    doubt = distrust(signal)
    if doubt and not triage:
        triage = True
        reasons.append(doubt)
    links = complete(from_codes(codes), type_code=type_.code)
    _place_of_device(signal, links)
    if links.site is not None and signal.site is not None and links.site.pk != signal.site.pk:
        reasons.append(f"named a place of {links.site.code}")
    links.site = links.site or around.site
    reason_field = found.field("reason")
    details = {
        field.name: _json(field.value)
        for field in found.fields
        if field.name not in LINK_KINDS and field.name not in _COLUMNS
    }
    if found.due_at is not None and type_.code == "machine_downtime":
        details.setdefault("expected_up_at", found.due_at.isoformat())
    words = " ".join(reason_field.words.split()) if reason_field is not None else ""
    if found.language != "en" or type_.code in _NEVER_QUOTED:
        words = ""
    return Report(
        signal=signal,
        type=type_,
        links=links,
        key=key_of(
            type_code=found.type_code,
            links=links,
            site=links.site,
            occurred_at=found.occurred_at,
            reason=found.reason_code,
            details=details,
            shift=around.shift,
        ),
        text=signal.text,
        place=_as_named(found),
        what=words.lower() if 2 < len(words) <= 60 else "",
        details=details,
        reason=reason,
        quantity=found.quantity if found.quantity is not None else _amount(details),
        uom=found.uom,
        occurred_at=found.occurred_at,
        occurred_estimated=found.occurred_estimated,
        confidence=found.confidence,
        triage=triage,
        triage_reasons=tuple(reasons),
        recurrence=found.recurrence,
        unconfirmed=found.unconfirmed,
        reported_by=signal.reporter,
        shifts=around.shifts if links.site.pk == around.site.pk else None,
    )


def _amount(details: dict[str, Any]) -> Decimal | None:
    """How many, from whichever field of the type's form says so."""
    for name in _AMOUNTS:
        try:
            number = Decimal(str(details[name]).replace(",", "."))
        except (KeyError, InvalidOperation):
            continue
        if number.is_finite() and abs(number) < _MOST:
            return number
    return None


def _as_named(found: Reading) -> str:
    """The machine in the reporter's own words, where they used the floor's name for it ("press 4")."""
    unit = found.field("work_unit")
    if unit is None or unit.candidates or unit.method not in ("alias", "name"):
        return ""
    words = " ".join(unit.words.split())
    return words[:1].upper() + words[1:] if len(words) <= 40 else ""


def _type_and_reason(found: Reading) -> tuple[ExceptionType | None, ReasonCode | None]:
    """The rows of both, in one query where a reason of the type is known."""
    if not found.type_code:
        return None, None
    if found.reason_code:
        reason = (
            ReasonCode.objects.select_related("type")
            .filter(type__code=found.type_code, code=found.reason_code)
            .first()
        )
        if reason is not None:
            return reason.type, reason
    return ExceptionType.objects.filter(code=found.type_code).first(), None


def _place_of_device(signal: Signal, links: Links) -> None:
    """A tablet stands somewhere: its place holds where the report names none."""
    device = signal.device
    if device is None or links.area is not None:
        return
    if device.work_centre is not None:
        links.work_centre = links.work_centre or device.work_centre
        links.area = device.work_centre.area
    else:
        links.area = device.area


def raw_report(signal: Signal, *, why: str) -> Report:
    """A triage report from nothing but the stored message."""
    area = Area.objects.filter(code=str(signal.fields.get("area", ""))).first() if signal.fields else None
    text = signal.text or str(signal.payload or signal.fields or "")[:500]
    return Report(
        signal=signal, type=unsorted_type(), links=Links(site=_site_of(signal), area=area), text=text, confidence=0.0,
        triage=True, triage_reasons=(f"could not be read: {why}"[:200],), reported_by=signal.reporter,
    )  # fmt: skip


def key_of(
    *, type_code: str | None, links: Links, site: Site, occurred_at: datetime, reason: str, details: dict[str, Any],
    shift: ShiftNow | None,
) -> str:  # fmt: skip
    """The correlation key of linked rows; empty when what the type's key is made of is not known."""
    codes = {
        "work_unit": links.work_unit.code if links.work_unit else "",
        "work_centre": links.work_centre.code if links.work_centre else "",
        "area": links.area.code if links.area else "",
        "item": links.item.code if links.item else "",
        "lot": links.lot.code if links.lot else "",
        "work_order": links.work_order.number if links.work_order else "",
        "operation": str(links.operation.number) if links.operation else "",
        "sales_order_line": str(links.sales_line) if links.sales_line else "",
        "purchase_order_line": str(links.purchase_line) if links.purchase_line else "",
        "customer": links.customer.code if links.customer else "",
        "tool": links.tool,
        "change_no": str(details.get("change_no", "")),
        "customer_po": str(details.get("customer_po", "")),
    }
    by_shift = type_code in _BY_SHIFT and shift is not None
    return correlation_key(
        type_code,
        {kind: code for kind, code in codes.items() if code},
        site.code,
        occurred_at.astimezone(ZoneInfo(site.timezone)),
        shift=shift.shift.code if by_shift and shift else "",
        shift_day=shift.day if by_shift and shift else None,
        reason=reason,
        skill=str(details.get("skill", "")),
    )


def _json(value: Any) -> Any:
    if isinstance(value, date):  # a date-time is one too
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
