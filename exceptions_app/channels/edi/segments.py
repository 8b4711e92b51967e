"""What both syntaxes share: a segment with its place in the text, a fault that names one, the limits, the envelope.

Plain data. X12 and EDIFACT tokenisers produce it, everything above reads only it. Knows no partner and no order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

#: More than this in one interchange is refused before it is looked at.
MOST_CHARACTERS: Final = 1_000_000
MOST_SEGMENTS: Final = 40_000
#: A segment longer than this has lost its terminator.
LONGEST_SEGMENT: Final = 20_000
MOST_MESSAGES: Final = 500

Syntax = Literal["x12", "edifact"]
Scope = Literal["interchange", "group", "message"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. `number` counts from 1 in the interchange; `start` and `end` are its place in the text."""

    number: int
    tag: str
    elements: tuple[tuple[str, ...], ...]
    start: int
    end: int
    text: str

    def at(self, element: int, component: int = 1) -> str:
        """The value at a position as the standards count (BEG03, C002.1001 = at(1, 1)); "" where there is none."""
        if element < 1 or element > len(self.elements):
            return ""
        parts = self.elements[element - 1]
        return parts[component - 1].strip() if 1 <= component <= len(parts) else ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an envelope: which segment, what it says, what was expected. `scope`: how much falls."""

    code: str
    message: str
    scope: Scope
    segment: int = 0
    text: str = ""
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        where = f" Segment {self.segment}: {self.text}" if self.segment else ""
        return f"{self.code}: {self.message}{where}"

    def as_json(self) -> dict[str, str | int]:
        """The fault as an answer over HTTP and a stored payload carry it."""
        return {
            "code": self.code, "message": self.message, "scope": self.scope, "segment": self.segment,
            "text": self.text, "expected": self.expected, "found": self.found,
        }  # fmt: skip


class Broken(ValueError):
    """The text cannot be cut into segments at all; `fault` says why and where."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(slots=True)
class Message:
    """One transaction set (ST..SE) or message (UNH..UNT) with what is wrong with it alone."""

    kind: str
    control: str
    segments: tuple[Segment, ...]
    version: str = ""
    faults: list[Fault] = field(default_factory=list)

    @property
    def header(self) -> Segment:
        return self.segments[0]

    def position(self, segment: Segment) -> int:
        """Where in the message a segment stands, from 1: acknowledgements count so."""
        return segment.number - self.header.number + 1


@dataclass(slots=True)
class Group:
    """A functional group (GS..GE, UNG..UNE); EDIFACT without groups has one that only holds the messages."""

    code: str = ""
    control: str = ""
    version: str = ""
    sender: str = ""
    receiver: str = ""
    messages: list[Message] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    header: Segment | None = None


@dataclass(slots=True)
class Interchange:
    """What one file or request holds, cut and checked."""

    syntax: Syntax
    sender: str = ""
    sender_qualifier: str = ""
    receiver: str = ""
    receiver_qualifier: str = ""
    control: str = ""
    date: str = ""
    time: str = ""
    test: bool = False
    groups: list[Group] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    header: Segment | None = None

    def messages(self) -> Iterator[tuple[Group, Message]]:
        """Every message with its group, in order."""
        for group in self.groups:
            for message in group.messages:
                yield group, message

    def all_faults(self) -> list[Fault]:
        """Every fault of every scope, in the order of the segments."""
        found = list(self.faults)
        for group in self.groups:
            found += group.faults
            for message in group.messages:
                found += message.faults
        return sorted(found, key=lambda fault: fault.segment)

    def refused(self, group: Group, message: Message) -> list[Fault]:
        """What refuses this message: its own faults, its group's, the interchange's."""
        return [*self.faults, *group.faults, *message.faults]


def shown(text: str, most: int = 120) -> str:
    """A segment's text for people: one line, cut where it is endless."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def count_fault(
    code: str, scope: Scope, segment: Segment, what: str, *, expected: int, found: str
) -> Fault | None:
    """A fault when a trailer's count is not the counted number; leading zeros do not matter."""
    if found.isascii() and found.isdigit() and len(found) < 12 and int(found) == expected:
        return None
    said = f"says {found}" if found else "says nothing"
    return Fault(
        code, f"{what}: {segment.tag} {said}, counted {expected}.", scope, segment.number, shown(segment.text),
        str(expected), found,
    )  # fmt: skip


def same_fault(
    code: str, scope: Scope, segment: Segment, what: str, *, expected: str, found: str
) -> Fault | None:
    """A fault when a trailer's control reference is not its header's, character for character."""
    if found == expected:
        return None
    return Fault(
        code, f"{what}: {segment.tag} says {found or 'nothing'}, the header says {expected or 'nothing'}.", scope,
        segment.number, shown(segment.text), expected, found,
    )  # fmt: skip


def stray(segment: Segment) -> Fault:
    """A segment where none may stand."""
    return Fault(
        "edi.outside", f"{segment.tag} stands where no such segment may.", "interchange", segment.number,
        shown(segment.text), "", segment.tag,
    )  # fmt: skip


def missing(code: str, what: str, scope: Scope, last: Sequence[Segment]) -> Fault:
    """The text ends before a trailer came; the fault names the last segment there is."""
    end = last[-1] if last else None
    return Fault(
        code, f"{what} is missing: the text ends too soon.", scope, end.number if end else 0,
        shown(end.text) if end else "", what, "",
    )  # fmt: skip
