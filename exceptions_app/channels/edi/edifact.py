"""EDIFACT cut into segments and its envelope checked: UNA, UNB/UNZ, UNG/UNE, UNH/UNT.

Service characters come from UNA or are those of level A (ISO 9735); the release character takes the meaning from the
one after it. Counts and references are checked as ISO 9735 has them. Linear in the text. Knows nothing of orders.
"""

import re
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Signs:
    """The service characters. `release` is empty when UNA leaves it blank."""

    component: str = ":"
    element: str = "+"
    release: str = "?"
    terminator: str = "'"


_LEVEL_A: Final = Signs()
_UNA: Final = 9


def signs_of(text: str, start: int) -> tuple[Signs, int]:
    """The service characters and where the first segment begins. Broken when two of them are the same."""
    if not text.startswith("UNA", start):
        return _LEVEL_A, start
    una = text[start : start + _UNA]
    component, element, release, terminator = una[3:4], una[4:5], una[6:7].strip(), una[8:9]
    used = [one for one in (component, element, release, terminator) if one]
    odd = len(una) < _UNA or len(set(used)) < len(used) or len(used) < 3
    if odd or any(one.isalnum() or one == " " for one in used):
        raise Broken(
            Fault(
                "edi.separators",
                "The service characters of UNA cannot be told apart.",
                "interchange",
                1,
                shown(una),
            )
        )
    return Signs(component, element, release, terminator), start + _UNA


def tokenise(text: str) -> list[Segment]:
    """Every segment from UNB on (UNA is none). White space between segments is nothing; Broken where it is not cut."""
    start = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    if not text.startswith(("UNA", "UNB"), start):
        raise Broken(
            Fault("edi.syntax", "This does not begin with UNA or UNB.", "interchange", 1, shown(text[:80]))
        )
    signs, position = signs_of(text, start)
    end_at = _finder(signs)
    found: list[Segment] = []
    length = len(text)
    while position < length:
        while position < length and text[position] in " \t\r\n":
            position += 1
        if position >= length:
            break
        match = end_at.match(text, position)
        number = len(found) + 1
        if match is None:
            raise Broken(
                Fault(
                    "edi.unterminated", "The last segment has no end.", "interchange", number, shown(text[position:]),
                    signs.terminator, "",
                )
            )  # fmt: skip
        end = match.end()
        if end - position > LONGEST_SEGMENT or number > MOST_SEGMENTS:
            raise Broken(
                Fault(
                    "edi.too_large", f"At most {MOST_SEGMENTS} segments of {LONGEST_SEGMENT} characters.",
                    "interchange", number, shown(text[position:end]),
                )
            )  # fmt: skip
        raw = text[position:end]
        elements = split(raw[: -len(signs.terminator)], signs)
        found.append(Segment(number, elements[0][0].strip(), tuple(elements[1:]), position, end, raw))
        position = end
    return found


def _finder(signs: Signs) -> re.Pattern[str]:
    """Matches one segment: plain signs, or a released one, up to the terminator. One way to match, so it is linear."""
    end = re.escape(signs.terminator)
    if not signs.release:
        return re.compile(f"[^{end}]*{end}", re.DOTALL)
    release = re.escape(signs.release)
    return re.compile(f"[^{end}{release}]*(?:{release}.[^{end}{release}]*)*{end}", re.DOTALL)


def split(raw: str, signs: Signs) -> list[tuple[str, ...]]:
    """A segment's elements and components, released signs in place of what they stand for."""
    if not signs.release or signs.release not in raw:
        return [tuple(one.split(signs.component)) for one in raw.split(signs.element)]
    elements: list[tuple[str, ...]] = []
    parts: list[str] = []
    word: list[str] = []
    released = False
    for sign in raw:
        if released:
            word.append(sign)
            released = False
        elif sign == signs.release:
            released = True
        elif sign == signs.component:
            parts.append("".join(word))
            word = []
        elif sign == signs.element:
            elements.append((*parts, "".join(word)))
            parts, word = [], []
        else:
            word.append(sign)
    elements.append((*parts, "".join(word)))
    return elements


def read_edifact(text: str) -> Interchange:
    """The interchange with its messages, and every fault of its envelopes. Broken when it cannot be cut."""
    segments = tokenise(text)
    if not segments or segments[0].tag != "UNB":
        first = segments[0] if segments else None
        raise Broken(
            Fault(
                "edi.syntax",
                "The first segment is not UNB.",
                "interchange",
                1,
                shown(first.text) if first else "",
            )
        )
    return _Reader(segments).read()


class _Reader:
    """Walks the segments once; what it has open is what a segment may belong to."""

    def __init__(self, segments: list[Segment]) -> None:
        unb = segments[0]
        self.segments = segments
        self.found = Interchange(
            "edifact", unb.at(2), unb.at(2, 2), unb.at(3), unb.at(3, 2), unb.at(5), unb.at(4), unb.at(4, 2),
            unb.at(11) == "1", header=unb,
        )  # fmt: skip
        self.group: Group | None = None
        self.grouped = 0
        self.open: list[Segment] = []
        self.closed = False

    def read(self) -> Interchange:
        for segment in self.segments[1:]:
            if self.closed:
                self.found.faults.append(stray(segment))
                break
            self._take(segment)
        if self.open:
            self._end_message(None)
        if self.group is not None and self.group.header is not None:
            self.group.faults.append(missing("edi.une", "UNE", "group", self.segments))
        if not self.closed:
            self.found.faults.append(missing("edi.unz", "UNZ", "interchange", self.segments))
        if not any(True for _ in self.found.messages()) and not self.found.faults:
            self.found.faults.append(missing("edi.empty", "A message", "interchange", self.segments))
        return self.found

    def _take(self, segment: Segment) -> None:
        tag = segment.tag
        if tag == "UNG":
            self.group = Group(
                segment.at(1), segment.at(5), segment.at(7), segment.at(2), segment.at(3), header=segment
            )
            self.grouped += 1
            self.found.groups.append(self.group)
        elif tag == "UNH":
            if self.open:
                self._end_message(None)
            if self.group is None:
                self.group = Group()
                self.found.groups.append(self.group)
            self.open = [segment]
        elif tag == "UNT" and self.open:
            self.open.append(segment)
            self._end_message(segment)
        elif tag == "UNE" and self.group is not None and self.group.header is not None:
            if self.open:
                self._end_message(None)
            self._end_group(segment)
        elif tag == "UNZ":
            self._end(segment)
        elif self.open:
            self.open.append(segment)
        else:
            self.found.faults.append(stray(segment))

    def _end_message(self, trailer: Segment | None) -> None:
        first = self.open[0]
        version = ":".join(part for part in (first.at(2, 2), first.at(2, 3)) if part)
        message = Message(first.at(2), first.at(1), tuple(self.open), version)
        if trailer is None:
            message.faults.append(missing("edi.unt", "UNT", "message", self.open))
        else:
            faults = (
                count_fault(
                    "edi.unt_count", "message", trailer, "Number of segments (UNT 0074)", expected=len(self.open),
                    found=trailer.at(1),
                ),
                same_fault(
                    "edi.unt_reference", "message", trailer, "Message reference (UNT, UNH 0062)",
                    expected=first.at(1), found=trailer.at(2),
                ),
            )  # fmt: skip
            message.faults += [fault for fault in faults if fault is not None]
        if self.group is not None:
            self.group.messages.append(message)
        if sum(len(group.messages) for group in self.found.groups) > MOST_MESSAGES:
            raise Broken(
                Fault("edi.too_large", f"At most {MOST_MESSAGES} messages in one interchange.", "interchange",
                      first.number, shown(first.text))
            )  # fmt: skip
        self.open = []

    def _end_group(self, trailer: Segment) -> None:
        group = self.group
        if group is None:
            return
        faults = (
            count_fault(
                "edi.une_count", "group", trailer, "Number of messages (UNE 0060)", expected=len(group.messages),
                found=trailer.at(1),
            ),
            same_fault(
                "edi.une_reference", "group", trailer, "Group reference (UNE, UNG 0048)", expected=group.control,
                found=trailer.at(2),
            ),
        )  # fmt: skip
        group.faults += [fault for fault in faults if fault is not None]
        self.group = None

    def _end(self, trailer: Segment) -> None:
        if self.open:
            self._end_message(None)
        if self.group is not None and self.group.header is not None:
            self.group.faults.append(missing("edi.une", "UNE", "group", [trailer]))
        self.group = None
        counted = self.grouped or sum(len(group.messages) for group in self.found.groups)
        faults = (
            count_fault(
                "edi.unz_count", "interchange", trailer, "Number of messages or groups (UNZ 0036)", expected=counted,
                found=trailer.at(1),
            ),
            same_fault(
                "edi.unz_reference", "interchange", trailer, "Interchange reference (UNZ, UNB 0020)",
                expected=self.found.control, found=trailer.at(2),
            ),
        )  # fmt: skip
        self.found.faults += [fault for fault in faults if fault is not None]
        self.closed = True
