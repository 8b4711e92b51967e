"""MTConnect documents, pure: bytes in, observations per device out; and the worst of a data item's conditions.

Format: MTConnect Part 1 (documents, errors) and Part 3 (streams), versions 1.0 to 2.x; elements are known by their
local names, so no version's namespace matters. A document comes from outside: one with a document type is refused,
hence no entity is ever expanded, and depth, size and counts are limited. Knows no network and no rows.
"""

from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

from exceptions_app.machine.samples import Value
from exceptions_app.machine.topics import BadPayload, to_ms

MOST_BYTES: Final = 16_000_000
MOST_DEPTH: Final = 32
MOST_OBSERVATIONS: Final = 200_000
MOST_TEXT: Final = 2000
MOST_NAME: Final = 200
MOST_CODES: Final = 500
UNAVAILABLE: Final = "unavailable"
#: What a condition says, from best to worst.
LEVELS: Final = ("NORMAL", "WARNING", "FAULT")


class BadDocument(BadPayload):
    """No MTConnect document; the text says why."""


class AgentError(ValueError):
    """The agent answered with errors; `codes` as it named them."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__(f"the agent says {', '.join(codes[:5]) or 'error'}")
        self.codes = tuple(codes)


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of one data item. `at` is the agent's time in ms (None: it gave none), `sequence` its place in the
    agent's buffer. A condition has its level as value and what it is about as `about`.
    """

    item: str
    name: str
    value: Value
    good: bool
    at: int | None
    sequence: int
    condition: bool = False
    about: str = ""


@dataclass(slots=True)
class DeviceData:
    """What a document says of one device, in the order things happened."""

    name: str
    uuid: str
    observations: list[Observation] = field(default_factory=list)


@dataclass(slots=True)
class Document:
    """A streams document. `first` and `last` bound the agent's buffer, `next` is where to go on; a new `instance` means
    that sequence numbers began anew.
    """

    instance: int = 0
    first: int = 0
    last: int = 0
    next: int = 0
    devices: list[DeviceData] = field(default_factory=list)


def read_document(body: bytes) -> Document:
    """The document in `body`. AgentError when it is an error document, BadDocument when it is none of both."""
    if len(body) > MOST_BYTES:
        raise BadDocument(f"a document has at most {MOST_BYTES} bytes")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise BadDocument(f"not well-formed: {error}"[:200]) from None
    return reader.done()


class _Reader:
    """Takes the elements in as they come."""

    def __init__(self) -> None:
        self.document = Document()
        self.root = ""
        self.errors: list[str] = []
        self._path: list[str] = []
        self._device: DeviceData | None = None
        self._open: dict[str, str] | None = None
        self._open_depth = 0
        self._nested = False
        self._text: list[str] = []
        self._length = self._count = 0
        self._header = False

    def doctype(self, *_: Any) -> None:
        raise BadDocument("a document type is not accepted")

    def start(self, tag: str, given: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if len(self._path) >= MOST_DEPTH:
            raise BadDocument("nested too deep")
        self._path.append(name)
        if len(self._path) == 1:
            if name not in ("MTConnectStreams", "MTConnectError"):
                raise BadDocument(f"{name[:60]} is no streams document")
            self.root = name
        elif self._open is not None:
            self._nested = True
        elif "errorCode" in given and self.root == "MTConnectError":
            self.errors.append(given["errorCode"][:60])
        elif name == "Header" and len(self._path) == 2:
            self._take_header(given)
        elif name == "DeviceStream":
            self._device = DeviceData(given.get("name", "")[:MOST_NAME], given.get("uuid", "")[:MOST_NAME])
            self.document.devices.append(self._device)
        elif self._device is not None and "dataItemId" in given:
            self._open, self._open_depth, self._nested = given, len(self._path), False
            self._text, self._length = [], 0

    def text(self, words: str) -> None:
        if self._open is not None and not self._nested and self._length < MOST_TEXT:
            self._text.append(words[: MOST_TEXT - self._length])
            self._length += len(self._text[-1])

    def end(self, tag: str) -> None:
        if self._open is not None and len(self._path) == self._open_depth:
            self._observed(tag.rpartition(":")[2], self._open)
            self._open = None
        elif self._path[-1] == "DeviceStream" and self._open is None:
            self._device = None
        self._path.pop()

    def done(self) -> Document:
        """The whole of it, observations in the order of the agent's buffer."""
        if self.root == "MTConnectError":
            raise AgentError(self.errors)
        if not self._header:
            raise BadDocument("the header does not say where to go on")
        for device in self.document.devices:
            device.observations.sort(key=lambda one: one.sequence)
        return self.document

    def _take_header(self, given: dict[str, str]) -> None:
        if self.root != "MTConnectStreams":
            return
        instance, following = _whole(given.get("instanceId")), _whole(given.get("nextSequence"))
        if instance is None or following is None:
            return
        self.document.instance, self.document.next = instance, following
        self.document.first = _whole(given.get("firstSequence")) or 0
        last = _whole(given.get("lastSequence"))
        self.document.last = following - 1 if last is None else last
        self._header = True

    def _observed(self, name: str, given: dict[str, str]) -> None:
        sequence = _whole(given.get("sequence"))
        if self._device is None or sequence is None or self._nested:
            return  # tables and sets have no one value
        self._count += 1
        if self._count > MOST_OBSERVATIONS:
            raise BadDocument(f"a document has at most {MOST_OBSERVATIONS} observations")
        condition = len(self._path) > 1 and self._path[-2] == "Condition"
        value = name.upper() if condition else "".join(self._text).strip()
        good = value.casefold() != UNAVAILABLE and (not condition or value in LEVELS)
        about = (given.get("conditionId") or given.get("nativeCode") or "") if condition else ""
        self._device.observations.append(
            Observation(
                item=given["dataItemId"][:MOST_NAME], name=given.get("name", "")[:MOST_NAME],
                value=value if good else None, good=good, at=_moment(given.get("timestamp", "")), sequence=sequence,
                condition=condition, about=about[:MOST_NAME],
            )
        )  # fmt: skip


def worst_of(known: dict[str, dict[str, str]], one: Observation) -> str | None:
    """The worst level of a condition's data item after `one`; None while it is unavailable. `known` remembers what is
    active by data item and native code, and is changed: a Normal without a code ends everything of the item.
    """
    active = known.setdefault(one.item, {})
    if not one.good or (one.value == LEVELS[0] and not one.about):
        active.clear()
    elif one.value == LEVELS[0]:
        active.pop(one.about, None)
    else:
        active.pop(one.about, None)
        active[one.about] = str(one.value)
        while len(active) > MOST_CODES:
            del active[next(iter(active))]
    level = max(active.values(), key=LEVELS.index, default=LEVELS[0])
    if not active:
        del known[one.item]
    return level if one.good else None


def _whole(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 20:
        return None
    return int(text)


def _moment(text: str) -> int | None:
    """Time stamps are UTC; old agents leave the Z out."""
    text = text.strip()[:40]
    if not text or text.replace(".", "", 1).isdigit():
        return None
    found = to_ms(text)
    return to_ms(f"{text}Z") if found is None else found
