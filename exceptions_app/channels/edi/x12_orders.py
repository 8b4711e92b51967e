"""850 and 860 of X12 (releases 003040 to 008) read into an order document.

BEG, BCH, REF, DTM, N1, TD5, PO1, POC, SCH and what hangs on them; everything else is left alone. Quantities in POC:
POC03 is the quantity of the line with the change in it; POC04 is what is left to receive, and from release 007 a
composite of original, increase, decrease, revised, received and left. `differences` reads POC03 of QI and QD as the
difference instead, which some partners send.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from exceptions_app.channels.edi.orders import (
    MOST_LINES,
    Action,
    OrderDocument,
    OrderLine,
    Party,
    Purpose,
    Schedule,
    moment,
    number,
)
from exceptions_app.channels.edi.segments import Message, Segment

#: 353 transaction set purpose.
PURPOSES: Final[dict[str, Purpose]] = {
    "00": "original", "01": "cancel", "03": "cancel", "04": "change", "05": "replace", "06": "confirmation",
    "15": "change", "CO": "change", "NA": "original",
}  # fmt: skip
#: 670 change code of a line.
CHANGES: Final[dict[str, Action]] = {
    "AI": "add", "AC": "add", "CA": "change", "CB": "change", "CC": "change", "CE": "change", "CF": "delete",
    "CG": "change", "CH": "change", "CI": "change", "CT": "change", "DI": "delete", "MU": "compare",
    "NC": "none", "OA": "add", "OC": "change", "PC": "change", "PQ": "change", "PR": "change", "QC": "change",
    "QD": "change", "QI": "change", "RA": "change", "RB": "compare", "RC": "change", "RE": "compare", "RM": "compare",
    "RQ": "change", "RS": "change", "RZ": "compare", "TI": "change",
}  # fmt: skip
CANCELS_ORDER: Final = "CF"
REPLACES_ALL: Final = "RZ"
#: 374 date qualifiers that say when it is wanted, best first.
_WANTED: Final = ("002", "106", "074", "067", "010", "068", "038", "063", "077")
_BUYER_ITEM: Final = frozenset({"BP", "IN", "CB", "IZ", "PN"})
_SELLER_ITEM: Final = frozenset({"VN", "VP", "VC", "MG", "MF", "SK"})
_OTHER_ITEM: Final = frozenset({"UP", "UI", "EN", "UA", "EC", "F8"})


def read_x12_order(message: Message, zone: ZoneInfo, *, differences: bool = False) -> OrderDocument:
    """The document of one 850 or 860; `zone` is that of its dates. Never raises on content."""
    return _Reader(message, zone, differences=differences).read()


class _Reader:
    """Walks the set once; `line` and `party` are what a segment belongs to."""

    def __init__(self, message: Message, zone: ZoneInfo, *, differences: bool) -> None:
        self.zone, self.differences = zone, differences
        self.message = message
        self.document = OrderDocument("change" if message.kind == "860" else "order", "other")
        self.line: OrderLine | None = None
        self.party: Party | None = None
        self.ranks: dict[int, int] = {}
        self.rank_head = len(_WANTED)

    def read(self) -> OrderDocument:
        for segment in self.message.segments[1:-1]:
            if self.line is not None and segment.tag not in ("PO1", "POC", "CTT", "AMT"):
                self.line.segments.append(segment)
            elif segment.tag in ("BEG", "BCH", "REF", "DTM"):
                self.document.head.append(segment)
            reader = getattr(self, f"_{segment.tag.lower()}", None)
            if reader is not None and segment.tag in _READ:
                reader(segment)
        return self.document

    def _beg(self, segment: Segment) -> None:
        self._begin(segment, ordered=segment.at(5))
        self.document.order_type = segment.at(2)
        self.document.change_number = segment.at(4)

    def _bch(self, segment: Segment) -> None:
        self._begin(segment, ordered=segment.at(6))
        self.document.order_type = segment.at(2)
        self.document.change_number = segment.at(5) or segment.at(4)

    def _begin(self, segment: Segment, *, ordered: str) -> None:
        document = self.document
        document.purpose_code = segment.at(1)
        document.purpose = PURPOSES.get(segment.at(1), "other")
        document.number = segment.at(3)
        found = self._date(ordered)
        document.ordered_on = found[0] if found else None

    def _ref(self, segment: Segment) -> None:
        if segment.at(1) in ("CO", "VN") and self.line is None:
            self.document.our_number = segment.at(2)
        elif segment.at(1) == "PO" and self.line is None:
            self.document.number = self.document.number or segment.at(2)

    def _dtm(self, segment: Segment) -> None:
        qualifier = segment.at(1)
        if qualifier not in _WANTED:
            return
        found = self._date(segment.at(2), segment.at(3))
        if found is None:
            notes = self.line.notes if self.line is not None else self.document.notes
            notes.append(f"{segment.at(2) or 'nothing'} is no date")
            return
        rank = _WANTED.index(qualifier)
        if self.line is None:
            if rank < self.rank_head:
                self.rank_head = rank
                self.document.requested, self.document.has_time = found
        elif rank < self.ranks.get(id(self.line), len(_WANTED)):
            self.ranks[id(self.line)] = rank
            self.line.requested, self.line.has_time = found

    def _n1(self, segment: Segment) -> None:
        party = Party(segment.at(1), segment.at(4), segment.at(2))
        if self.line is None:
            self.document.parties.append(party)
        elif party.role == "ST":
            self.line.ship_to = party.code or party.name

    def _td5(self, segment: Segment) -> None:
        if self.line is not None:
            self.line.transport = " ".join(
                part for part in (segment.at(4), segment.at(3), segment.at(5)) if part
            )

    def _msg(self, segment: Segment) -> None:
        if self.line is None and len(self.document.text) < 50:
            self.document.text.append(segment.at(1))

    def _pid(self, segment: Segment) -> None:
        if self.line is not None:
            self.line.description = self.line.description or segment.at(5)

    def _po1(self, segment: Segment) -> None:
        line = self._new(segment, segment.at(1))
        line.action = "add" if self.document.kind == "order" else "compare"
        line.quantity, line.unit = self._number(segment.at(2), line), segment.at(3)
        line.price = self._number(segment.at(4), line)
        self._items(line, segment, 6)

    def _poc(self, segment: Segment) -> None:
        code = segment.at(2).upper()
        line = self._new(segment, segment.at(1))
        line.code = code
        line.action = CHANGES.get(code, "compare")
        if code and code not in CHANGES:
            line.notes.append(f"change code {code} is not known")
        line.unit = segment.at(5)
        line.price = self._number(segment.at(6), line)
        self._quantity(line, segment, code)
        self._items(line, segment, 8)

    def _quantity(self, line: OrderLine, segment: Segment, code: str) -> None:
        ordered = self._number(segment.at(3), line)
        revised = self._number(segment.at(4, 4), line)
        more, fewer = self._number(segment.at(4, 2), line), self._number(segment.at(4, 3), line)
        if revised is not None:
            line.quantity = revised
        elif more is not None or fewer is not None:
            change = (more or Decimal(0)) - (fewer or Decimal(0))
            if ordered is not None:
                line.quantity = ordered + change
            else:
                line.quantity_delta = change
        elif ordered is not None and self.differences and code in ("QI", "QD"):
            line.quantity_delta = abs(ordered) if code == "QI" else -abs(ordered)
        elif ordered is not None:
            line.quantity = ordered
        else:
            composite = len(segment.elements) > 3 and len(segment.elements[3]) > 1
            line.quantity_left = self._number(segment.at(4, 6) if composite else segment.at(4), line)

    def _sch(self, segment: Segment) -> None:
        if self.line is None:
            return
        found = self._date(segment.at(6), segment.at(7))
        if found is None and segment.at(6):
            self.line.notes.append(f"{segment.at(6)} is no date")
        self.line.schedules.append(
            Schedule(self._number(segment.at(1), self.line), found[0] if found else None)
        )

    def _new(self, segment: Segment, name: str) -> OrderLine:
        line = OrderLine(name, segments=[segment])
        if len(self.document.lines) < MOST_LINES:
            self.document.lines.append(line)
        elif len(self.document.notes) < 50:
            self.document.notes.append(f"more than {MOST_LINES} lines")
        self.line = line
        return line

    def _items(self, line: OrderLine, segment: Segment, first: int) -> None:
        others: list[str] = []
        for at in range(first, len(segment.elements), 2):
            qualifier, value = segment.at(at), segment.at(at + 1)
            if not value:
                continue
            if qualifier in _BUYER_ITEM:
                line.buyer_item = line.buyer_item or value
            elif qualifier in _SELLER_ITEM:
                line.seller_item = line.seller_item or value
            elif qualifier in _OTHER_ITEM:
                others.append(value)
        line.other_items = tuple(others)

    def _number(self, raw: str, line: OrderLine) -> Decimal | None:
        found = number(raw)
        if found is None and raw:
            line.notes.append(f"{raw[:40]} is no number")
        return found

    def _date(self, day: str, clock: str = "") -> tuple[datetime, bool] | None:
        if len(day) == 6:
            return moment(day, "101", self.zone)
        if len(clock) >= 4 and (timed := moment(day + clock[:4], "203", self.zone)) is not None:
            return timed
        return moment(day, "102", self.zone)


_READ: Final = frozenset({"BEG", "BCH", "REF", "DTM", "N1", "TD5", "MSG", "PID", "PO1", "POC", "SCH"})
