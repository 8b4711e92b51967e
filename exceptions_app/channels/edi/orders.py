"""An order or order change as both syntaxes say it: who, which order, which lines, what of each is asked.

Plain data, and the small readings both have in common (numbers, dates). Quantities of a line are what the order line
shall hold afterwards unless `quantity_delta` says otherwise. Nothing here raises on content: what cannot be read
becomes a note on its line.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, Literal
from zoneinfo import ZoneInfo

from exceptions_app.channels.edi.segments import Message, Segment

Purpose = Literal["original", "change", "replace", "cancel", "confirmation", "other"]
#: What a line's code asks: compare = "take the values and see what differs".
Action = Literal["add", "change", "delete", "none", "compare"]

MOST_LINES: Final = 1_000
_MOST: Final = Decimal(10) ** 11


@dataclass(frozen=True, slots=True)
class Schedule:
    """A part of a line's quantity with its own date."""

    quantity: Decimal | None
    at: datetime | None


@dataclass(slots=True)
class Party:
    """Somebody named: role as the syntax codes it (BY, ST, DP, SU), its number, its name."""

    role: str
    code: str = ""
    name: str = ""


@dataclass(slots=True)
class OrderLine:
    """One line as asked for. `line` is the customer's number of it; `segments` the ones it was read from.

    `quantity`: the whole line afterwards. `quantity_delta`: how much more (or less) than now. `quantity_left`: what is
    still to be delivered afterwards. At most one of the three counts, in that order.
    """

    line: str
    action: Action = "compare"
    code: str = ""
    buyer_item: str = ""
    seller_item: str = ""
    other_items: tuple[str, ...] = ()
    description: str = ""
    quantity: Decimal | None = None
    quantity_delta: Decimal | None = None
    quantity_left: Decimal | None = None
    unit: str = ""
    price: Decimal | None = None
    requested: datetime | None = None
    has_time: bool = False
    schedules: list[Schedule] = field(default_factory=list)
    ship_to: str = ""
    transport: str = ""
    notes: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class OrderDocument:
    """One order message. `number` is the customer's order number, `change_number` that of the change itself."""

    kind: Literal["order", "change"]
    purpose: Purpose
    number: str = ""
    our_number: str = ""
    change_number: str = ""
    order_type: str = ""
    purpose_code: str = ""
    ordered_on: datetime | None = None
    requested: datetime | None = None
    has_time: bool = False
    answer_by: datetime | None = None
    parties: list[Party] = field(default_factory=list)
    lines: list[OrderLine] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    head: list[Segment] = field(default_factory=list)

    def party(self, *roles: str) -> Party | None:
        """The first party of one of these roles, in the order of the roles."""
        return next((one for role in roles for one in self.parties if one.role == role), None)


Reader = Callable[[Message, ZoneInfo], OrderDocument]

_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,14}(?:[.,]\d{0,8})?|[.,]\d{1,8})")


def number(raw: str) -> Decimal | None:
    """A figure of either syntax (decimal point or comma, no thousands); None for anything else."""
    if not raw.isascii() or not _NUMBER.fullmatch(raw):
        return None
    try:
        found = Decimal(raw.replace(",", "."))
    except InvalidOperation:
        return None
    return found if abs(found) < _MOST else None


def moment(raw: str, form: str, zone: ZoneInfo) -> tuple[datetime, bool] | None:
    """A date as EDIFACT 2379 codes its form, with whether it had a time; None when it is no such date.

    101 YYMMDD, 102 CCYYMMDD, 201 YYMMDDHHMM, 203 CCYYMMDDHHMM, 204 with seconds, 616 CCYYWW (its Monday). A day
    without a time is its noon in `zone`, so that it stays the same day in every zone nearby.
    """
    raw = raw.strip()
    if not raw.isascii() or not raw.isdigit():
        return None
    try:
        if form == "616" and len(raw) == 6:
            day = date.fromisocalendar(int(raw[:4]), int(raw[4:]), 1)
            return datetime.combine(day, time(12), zone), False
        shape = {
            "101": "%y%m%d",
            "102": "%Y%m%d",
            "201": "%y%m%d%H%M",
            "203": "%Y%m%d%H%M",
            "204": "%Y%m%d%H%M%S",
        }
        wanted = {"101": 6, "102": 8, "201": 10, "203": 12, "204": 14}
        if form not in shape or len(raw) != wanted[form]:
            return None
        found = datetime.strptime(raw, shape[form]).replace(tzinfo=zone)
    except (ValueError, OverflowError):
        return None
    if not 1970 <= found.year <= 2199:
        return None
    timed = form in ("201", "203", "204")
    return (found if timed else found + timedelta(hours=12)), timed
