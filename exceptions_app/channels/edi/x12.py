"""X12 cut into segments and its envelope checked: ISA/IEA, GS/GE, ST/SE.

Separators are read from the ISA itself: the element separator is its fourth character, the component separator its
sixteenth element, the terminator what follows (X12.5). Control numbers and counts are checked as X12.6 has them.
Every step is linear in the text. Knows nothing of orders.
"""

import re
from typing import Final

from exceptions_app.channels.edi.segments import (
    LONGEST_SEGMENT,
    MOST_MESSAGES,
    MOST_SEGMENTS,
    Broken,
    Fault,
    Group,
    Interchange,
    Message,
    Segment,
    count_fault,
    missing,
    same_fault,
    shown,
    stray,
)

_ISA_ELEMENTS: Final = 16
# Longer than any ISA with its fixed widths, short enough that a text without separators is given up at once.
_ISA_WITHIN: Final = 400
_TAG: Final = re.compile(r"[A-Z][A-Z0-9]{1,2}")


def separators(text: str, start: int) -> tuple[str, str, str]:
    """Element, component and segment separator of the ISA at `start`. Widths that are off are put up with; Broken when
    the sixteen elements are not there or two separators are the same.
    """
    element = text[start + 3 : start + 4]
    position = start + 3
    for _ in range(_ISA_ELEMENTS - 1):
        position = text.find(element, position + 1, start + _ISA_WITHIN)
        if not element or position < 0:
            raise Broken(
                Fault(
                    "edi.isa", "The ISA has not its sixteen elements.", "interchange", 1,
                    shown(text[start : start + 110]), "16 elements", "",
                )
            )  # fmt: skip
    component, terminator = text[position + 1 : position + 2], text[position + 2 : position + 3]
    if terminator == "\r" and text[position + 3 : position + 4] == "\n":
        terminator = "\r\n"
    odd = len({element, component, terminator}) < 3 or any(
        not one or one.isalnum() or one == " " for one in (element, component, terminator)
    )
    if odd:
        raise Broken(
            Fault(
                "edi.separators", "The separators of the ISA cannot be told apart.", "interchange", 1,
                shown(text[start : position + 4]), "three different signs", element + component + terminator,
            )
        )  # fmt: skip
    return element, component, terminator


def tokenise(text: str) -> list[Segment]:
    """Every segment of the interchange. White space between segments is nothing; Broken where it cannot be cut."""
    start = text.find("ISA")
    if start < 0 or text[:start].strip("\ufeff \t\r\n"):
        raise Broken(Fault("edi.syntax", "This does not begin with ISA.", "interchange", 1, shown(text[:80])))
    element, component, terminator = separators(text, start)
    found: list[Segment] = []
    position, length = start, len(text)
    while position < length:
        end = text.find(terminator, position)
        if end < 0:
            rest = text[position:].strip()
            if rest:
                raise Broken(
                    Fault(
                        "edi.unterminated", "The last segment has no end.", "interchange", len(found) + 1,
                        shown(rest), terminator, "",
                    )
                )  # fmt: skip
            break
        raw = text[position:end]
        stripped = raw.strip("\ufeff \t\r\n")
        if stripped:
            begin = position + raw.index(stripped[0])
            number = len(found) + 1
            if len(stripped) > LONGEST_SEGMENT or number > MOST_SEGMENTS:
                raise Broken(
                    Fault(
                        "edi.too_large", f"At most {MOST_SEGMENTS} segments of {LONGEST_SEGMENT} characters.",
                        "interchange", number, shown(stripped),
                    )
                )  # fmt: skip
            tag, *parts = stripped.split(element)
            whole = tag == "ISA"
            elements = tuple(((one,) if whole else tuple(one.split(component))) for one in parts)
            found.append(
                Segment(number, tag.strip(), elements, begin, end + len(terminator), stripped + terminator)
            )
        position = end + len(terminator)
    return found


def read_x12(text: str) -> Interchange:
    """The interchange with its groups and sets, and every fault of its envelopes. Broken when it cannot be cut."""
    segments = tokenise(text)
    return _Reader(segments).read()


class _Reader:
    """Walks the segments once; what it has open is what a segment may belong to."""

    def __init__(self, segments: list[Segment]) -> None:
        self.segments = segments
        isa = segments[0]
        self.found = Interchange(
            "x12", isa.at(6), isa.at(5), isa.at(8), isa.at(7), isa.at(13), isa.at(9), isa.at(10),
            isa.at(15).upper() == "T", header=isa,
        )  # fmt: skip
        self.group: Group | None = None
        self.open: list[Segment] = []
        self.unnamed: list[Segment] = []
        self.closed = False

    def read(self) -> Interchange:
        for segment in self.segments[1:]:
            if self.closed:
                self.found.faults.append(stray(segment))
                break
            self._take(segment)
        if self.open:
            self._end_set(None)
        if self.group is not None:
            self.group.faults.append(missing("edi.ge", "GE", "group", self.segments))
        if not self.closed:
            self.found.faults.append(missing("edi.iea", "IEA", "interchange", self.segments))
        if not any(True for _ in self.found.messages()) and not self.found.faults:
            self.found.faults.append(missing("edi.empty", "A transaction set", "interchange", self.segments))
        return self.found

    def _take(self, segment: Segment) -> None:
        tag = segment.tag
        if tag == "GS":
            if self.open:
                self._end_set(None)
            if self.group is not None:
                self.group.faults.append(missing("edi.ge", "GE", "group", [segment]))
            self.group = Group(
                segment.at(1), segment.at(6), segment.at(8), segment.at(2), segment.at(3), header=segment
            )
            self.found.groups.append(self.group)
        elif tag == "ST":
            if self.open:
                self._end_set(None)
            if self.group is None:
                self.found.faults.append(stray(segment))
                self.group = Group()
                self.found.groups.append(self.group)
            self.open = [segment]
        elif tag == "SE" and self.open:
            self.open.append(segment)
            self._end_set(segment)
        elif tag == "GE" and self.group is not None:
            if self.open:
                self._end_set(None)
            self._end_group(segment)
        elif tag == "IEA":
            self._end(segment)
        elif self.open:
            self.open.append(segment)
            if not _TAG.fullmatch(tag):
                self.unnamed.append(segment)  # makes its set unreadable, not the neighbours
        elif tag != "TA1":
            self.found.faults.append(stray(segment))

    def _end_set(self, trailer: Segment | None) -> None:
        first = self.open[0]
        message = Message(
            first.at(1), first.at(2), tuple(self.open), self.group.version if self.group else ""
        )
        for one in self.unnamed:
            message.faults.append(
                Fault("edi.tag", "This is no segment.", "message", one.number, shown(one.text), "", one.tag[:20])
            )  # fmt: skip
        self.unnamed = []
        if trailer is None:
            message.faults.append(missing("edi.se", "SE", "message", self.open))
        else:
            faults = (
                count_fault(
                    "edi.se_count", "message", trailer, "Number of segments (SE01)", expected=len(self.open),
                    found=trailer.at(1),
                ),
                same_fault(
                    "edi.se_control", "message", trailer, "Control number (SE02, ST02)", expected=first.at(2),
                    found=trailer.at(2),
                ),
            )  # fmt: skip
            message.faults += [fault for fault in faults if fault is not None]
        if self.group is not None:
            self.group.messages.append(message)
        if sum(len(group.messages) for group in self.found.groups) > MOST_MESSAGES:
            raise Broken(
                Fault("edi.too_large", f"At most {MOST_MESSAGES} sets in one interchange.", "interchange", first.number,
                      shown(first.text))
            )  # fmt: skip
        self.open = []

    def _end_group(self, trailer: Segment) -> None:
        group = self.group
        if group is None:
            return
        faults = (
            count_fault(
                "edi.ge_count", "group", trailer, "Number of sets (GE01)", expected=len(group.messages),
                found=trailer.at(1),
            ),
            same_fault(
                "edi.ge_control", "group", trailer, "Group control number (GE02, GS06)", expected=group.control,
                found=trailer.at(2),
            ),
        )  # fmt: skip
        group.faults += [fault for fault in faults if fault is not None]
        self.group = None

    def _end(self, trailer: Segment) -> None:
        if self.open:
            self._end_set(None)
        if self.group is not None:
            self.group.faults.append(missing("edi.ge", "GE", "group", [trailer]))
            self.group = None
        faults = (
            count_fault(
                "edi.iea_count", "interchange", trailer, "Number of groups (IEA01)",
                expected=len(self.found.groups), found=trailer.at(1),
            ),
            same_fault(
                "edi.iea_control", "interchange", trailer, "Interchange control number (IEA02, ISA13)",
                expected=self.found.control, found=trailer.at(2),
            ),
        )  # fmt: skip
        self.found.faults += [fault for fault in faults if fault is not None]
        self.closed = True
