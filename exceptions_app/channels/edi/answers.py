"""What goes back to a partner, as plain data: acknowledgements of what came, answers to what was asked.

The writers of both syntaxes take these and nothing else; control numbers and time are given to them. Knows no rows.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from exceptions_app.channels.edi.segments import Syntax

#: What we write is ISO 8859-1 (UNOC); `clean` leaves no other letter.
ENCODING: Final = "latin-1"

Status = Literal["accepted", "countered", "rejected"]
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\xa0-\xff]+")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who sends to whom, on the outer envelope and on the group; times are written in `at`'s own zone."""

    syntax: Syntax
    sender: str
    receiver: str
    sender_qualifier: str = ""
    receiver_qualifier: str = ""
    group_sender: str = ""
    group_receiver: str = ""
    version: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One line answered. `asked_*` is what they wanted, the others what we say; `change` their own code for the line;
    `cancelled`: the answer is about taking the line away; `added`: it was new.
    """

    line: str
    status: Status
    buyer_item: str = ""
    seller_item: str = ""
    quantity: Decimal | None = None
    asked_quantity: Decimal | None = None
    unit: str = ""
    date: datetime | None = None
    asked_date: datetime | None = None
    price: Decimal | None = None
    change: str = ""
    cancelled: bool = False
    added: bool = False
    note: str = ""

    @property
    def same_date(self) -> bool:
        """We say the day they asked for, or none was asked or said."""
        if self.date is None or self.asked_date is None:
            return True
        return self.date.date() == self.asked_date.astimezone(self.date.tzinfo).date()

    @property
    def same_quantity(self) -> bool:
        """We say the quantity they asked for, or none was asked or said."""
        return self.quantity is None or self.asked_quantity is None or self.quantity == self.asked_quantity


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one order (855, ORDRSP) or change (865, ORDRSP)."""

    to_change: bool
    status: Status
    number: str
    lines: tuple[AnswerLine, ...]
    change_number: str = ""
    our_number: str = ""
    ordered_on: datetime | None = None
    valid_until: datetime | None = None
    note: str = ""
    reference: str = ""
    countered: str = "4"


@dataclass(frozen=True, slots=True)
class AcknowledgedMessage:
    """One message as taken or refused; `errors` are (position in the message, segment tag, coded fault)."""

    kind: str
    control: str
    accepted: bool
    version: str = ""
    errors: tuple[tuple[int, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AcknowledgedGroup:
    """One functional group with its messages and what is wrong with the group itself."""

    code: str
    control: str
    messages: tuple[AcknowledgedMessage, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What is said about one interchange: all its groups, or only that the envelope is refused (`faults`)."""

    control: str
    sender: str
    sender_qualifier: str
    receiver: str
    receiver_qualifier: str
    groups: tuple[AcknowledgedGroup, ...]
    date: str = ""
    time: str = ""
    faults: tuple[str, ...] = field(default=())


def clean(value: str, most: int, *taken: str) -> str:
    """A value fit for the wire: printable, none of the signs `taken` by the syntax, cut to its length."""
    text = _UNPRINTABLE.sub(" ", value)
    for sign in taken:
        text = text.replace(sign, " ")
    return " ".join(text.split())[:most].rstrip()
