"""ORDERS and ORDCHG of EDIFACT (D.96A, D.01B and between) read into an order document.

BGM, DTM, RFF, NAD, LIN, PIA, IMD, QTY, PRI, SCC and what hangs on them; everything else is left alone. A quantity
after SCC, or one of several with a date each, is a part of the line's own; QTY+21 is the whole line.
"""

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

#: 1225 message function.
FUNCTIONS: Final[dict[str, Purpose]] = {
    "1": "cancel", "3": "cancel", "4": "change", "5": "replace", "6": "confirmation", "9": "original", "31": "original",
}  # fmt: skip
#: 1229 action of a line.
ACTIONS: Final[dict[str, Action]] = {"1": "add", "2": "delete", "3": "change", "4": "none", "36": "change"}
#: 2005 dates that say when it is wanted, best first.
_WANTED: Final = ("2", "69", "76", "67", "10", "63", "64")
_ORDERED: Final = frozenset({"21", "1", "113"})
_BUYER_ITEM: Final = frozenset({"IN", "BP"})
_SELLER_ITEM: Final = frozenset({"SA", "VN", "VP", "MF"})


def read_edifact_order(message: Message, zone: ZoneInfo) -> OrderDocument:
    """The document of one ORDERS or ORDCHG; `zone` is that of its dates. Never raises on content."""
    return _Reader(message, zone).read()


class _Reader:
    """Walks the message once; `line` is what a segment belongs to, `scheduling` whether quantities are parts."""

    def __init__(self, message: Message, zone: ZoneInfo) -> None:
        self.zone, self.message = zone, message
        self.document = OrderDocument("change" if message.kind == "ORDCHG" else "order", "original")
        self.line: OrderLine | None = None
        self.scheduling = False
        self.rank = len(_WANTED)
        self.rank_head = len(_WANTED)

    def read(self) -> OrderDocument:
        for segment in self.message.segments[1:-1]:
            if segment.tag in ("UNS", "CNT", "MOA"):
                if segment.tag == "UNS":
                    self._close()
                    self.line = None
                continue
            if self.line is not None and segment.tag != "LIN":
                self.line.segments.append(segment)
            elif segment.tag in ("BGM", "DTM", "RFF"):
                self.document.head.append(segment)
            reader = getattr(self, f"_{segment.tag.lower()}", None)
            if reader is not None and segment.tag in _READ:
                reader(segment)
        self._close()
        document = self.document
        if not document.number:
            document.number = document.change_number
        return document

    def _bgm(self, segment: Segment) -> None:
        document = self.document
        own = segment.at(2)
        document.order_type = segment.at(1)
        document.purpose_code = segment.at(3)
        if segment.at(3):
            document.purpose = FUNCTIONS.get(segment.at(3), "other")
        elif document.kind == "change":
            document.purpose = "change"
        document.change_number = own
        if document.kind == "order":
            document.number = own

    def _rff(self, segment: Segment) -> None:
        qualifier, value = segment.at(1), segment.at(1, 2)
        if self.line is not None:
            if qualifier == "LI" and not self.line.line:
                self.line.line = value
            elif qualifier == "ON" and segment.at(1, 3) and not self.line.line:
                self.line.line = segment.at(1, 3)
            return
        if qualifier == "ON" and self.document.kind == "change":
            self.document.number = self.document.number or value
        elif qualifier in ("VN", "CO"):
            self.document.our_number = self.document.our_number or value

    def _dtm(self, segment: Segment) -> None:
        qualifier, raw, form = segment.at(1), segment.at(1, 2), segment.at(1, 3) or "102"
        if qualifier not in _WANTED and qualifier not in ("4", "137", "171"):
            return
        found = moment(raw, form, self.zone)
        if found is None:
            notes = self.line.notes if self.line is not None else self.document.notes
            if len(notes) < 50:
                notes.append(f"{raw[:40] or 'nothing'} is no date")
            return
        if qualifier not in _WANTED:
            if self.line is None and (qualifier == "137" or self.document.ordered_on is None):
                self.document.ordered_on = found[0]
            return
        rank = _WANTED.index(qualifier)
        if self.line is None:
            if rank < self.rank_head:
                self.rank_head = rank
                self.document.requested, self.document.has_time = found
            return
        parts = self.line.schedules
        if parts and parts[-1].at is None:
            parts[-1] = Schedule(parts[-1].quantity, found[0])
        if not self.scheduling and rank < self.rank:
            self.rank = rank
            self.line.requested, self.line.has_time = found

    def _nad(self, segment: Segment) -> None:
        name = segment.at(4) or segment.at(3)
        party = Party(segment.at(1), segment.at(2), name)
        if self.line is None:
            self.document.parties.append(party)
        elif party.role in ("DP", "ST"):
            self.line.ship_to = party.code or party.name

    def _ftx(self, segment: Segment) -> None:
        if self.line is None and len(self.document.text) < 50:
            self.document.text.append(" ".join(segment.at(4, at) for at in range(1, 6) if segment.at(4, at)))

    def _lin(self, segment: Segment) -> None:
        self._close()
        line = OrderLine(segment.at(1), segments=[segment])
        code = segment.at(2)
        line.code = code
        first: Action = "add" if self.document.kind == "order" else "compare"
        line.action = ACTIONS.get(code, first)
        if code and code not in ACTIONS:
            line.notes.append(f"action {code} is not known")
        self._item(line, segment.at(3), segment.at(3, 2))
        self.scheduling, self.rank = False, len(_WANTED)
        self.line = line

    def _pia(self, segment: Segment) -> None:
        if self.line is None:
            return
        for at in range(2, min(len(segment.elements), 6) + 1):
            self._item(self.line, segment.at(at), segment.at(at, 2))

    def _item(self, line: OrderLine, value: str, qualifier: str) -> None:
        if not value:
            return
        if qualifier in _BUYER_ITEM:
            line.buyer_item = line.buyer_item or value
        elif qualifier in _SELLER_ITEM:
            line.seller_item = line.seller_item or value
        elif len(line.other_items) < 10:
            line.other_items = (*line.other_items, value)

    def _imd(self, segment: Segment) -> None:
        if self.line is not None:
            words = segment.at(3, 4) or segment.at(3, 5) or segment.at(3)
            self.line.description = self.line.description or words

    def _scc(self, _segment: Segment) -> None:
        self.scheduling = True

    def _qty(self, segment: Segment) -> None:
        line = self.line
        if line is None or segment.at(1) not in _ORDERED:
            return
        raw = segment.at(1, 2)
        amount = number(raw)
        if amount is None:
            line.notes.append(f"{raw[:40] or 'nothing'} is no number")
            return
        line.unit = line.unit or segment.at(1, 3)
        if line.quantity is None and not self.scheduling:
            line.quantity = amount
        elif len(line.schedules) < MOST_LINES:
            line.schedules.append(Schedule(amount, None))

    def _pri(self, segment: Segment) -> None:
        if self.line is not None and segment.at(1) in ("AAA", "AAB", "CAL", "INV", "CON"):
            self.line.price = number(segment.at(1, 2)) if self.line.price is None else self.line.price

    def _close(self) -> None:
        """A line ends: its parts count as its quantity where the line itself named none."""
        line = self.line
        if line is None:
            return
        self.line = None
        parts = [one.quantity for one in line.schedules if one.quantity is not None]
        if parts and line.quantity is None:
            line.quantity = sum(parts, Decimal(0))
        if len(self.document.lines) < MOST_LINES:
            self.document.lines.append(line)
        elif len(self.document.notes) < 50:
            self.document.notes.append(f"more than {MOST_LINES} lines")


_READ: Final = frozenset(
    {"BGM", "RFF", "DTM", "NAD", "FTX", "LIN", "PIA", "IMD", "SCC", "QTY", "PRI"}
)  # fmt: skip
