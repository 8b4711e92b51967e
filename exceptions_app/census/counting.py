"""From readings to a Pareto: which types of exception a plant has, how often, how long, in whose words, involving whom.

Several messages of one matter are one event. Hours are measured where the source says them or an all-clear ends the
matter, else estimated from the measured ones of the type, else from a stated figure. Pure; every estimate says so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

#: What is told of the same matter after this is another event.
SAME_MATTER: Final = timedelta(hours=8)
SAME_TALK: Final = timedelta(minutes=20)
#: An all-clear later than this belongs to something nobody told; a stated end later than MOST was a forgotten entry.
ALL_CLEAR_WITHIN: Final = timedelta(hours=12)
MOST: Final = timedelta(days=7)
ENOUGH_MEASURED: Final = 5
SURE: Final = 0.8
FIRST: Final = 5
#: Minutes an event takes where nothing was measured: our own round figures, to be changed by whoever knows the plant.
TYPICAL: Final[Mapping[str, float]] = {
    "machine_downtime": 60, "material_shortage": 120, "quality_hold": 120, "order_change": 60, "labour_shortage": 240,
    "tooling": 45, "supplier_delay": 120, "customer_complaint": 180, "safety_stop": 60, "engineering_change": 120,
}  # fmt: skip
UNKNOWN: Final = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One entry as it was read. `key` is the correlation key, `words` the words that made its type."""

    number: int
    at: datetime | None
    sender: str
    type_code: str
    confidence: float
    intent: str
    key: str = ""
    unit: str = ""
    thread: str = ""
    words: str = ""
    unsure: bool = False
    minutes: float | None = None
    ended_at: datetime | None = None


@dataclass
class Event:
    """One matter: the entries it is made of, and how long it took in minutes, if that was measured."""

    type_code: str
    numbers: list[int]
    began: datetime | None
    last: datetime | None
    senders: set[str]
    sure: bool
    minutes: float | None = None
    open: bool = True


@dataclass(frozen=True)
class TypeCount:
    """One bar of the Pareto. `hours` = `measured_hours` + `estimated_hours`; `sure` is a share of the events."""

    type_code: str
    events: int
    entries: int
    hours: float
    measured_hours: float
    estimated_hours: float
    minutes_each: float
    basis: str
    sure: float
    words: Sequence[tuple[str, int]]
    units: Sequence[tuple[str, int]]
    senders: Sequence[tuple[str, int]]
    examples: Sequence[int]

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Pareto:
    """What the census found. `first` are the types to begin with and `covers` the share of hours they make."""

    types: Sequence[TypeCount]
    first: Sequence[str]
    covers: float
    events: int
    entries: int
    nothing: int
    untyped: int
    undated: int
    began: datetime | None
    ended: datetime | None
    resolution_median: float | None
    per_month: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__ if name not in _DATED},
            "types": [one.as_json() for one in self.types],
            "began": self.began.isoformat() if self.began else None,
            "ended": self.ended.isoformat() if self.ended else None,
        }


_DATED = frozenset({"types", "began", "ended"})


def count(told: Sequence[Told], *, typical: Mapping[str, float] = TYPICAL) -> Pareto:
    """The Pareto of everything told, most hours first. `typical` are minutes per event by type."""
    # What has no date keeps its place in its file, after everything that has one.
    dated = [
        *sorted((one for one in told if one.at is not None), key=lambda one: (one.at, one.number)),
        *(one for one in told if one.at is None),
    ]
    real = [one for one in dated if one.type_code and one.intent not in _NOTHING]
    events = _events(dated)
    by_type: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_type[event.type_code].append(event)
    types = sorted(
        (_type(code, found, real, typical) for code, found in by_type.items()),
        key=lambda one: (-one.hours, -one.events, one.type_code),
    )
    total = sum(one.hours for one in types)
    first = [one.type_code for one in types][:FIRST]
    moments = [one.at for one in told if one.at is not None]
    measured = [event.minutes for event in events if event.minutes is not None]
    months: dict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        if event.began is not None:
            months[f"{event.began:%Y-%m}"][event.type_code] += 1
    return Pareto(
        types=types,
        first=first,
        covers=round(sum(one.hours for one in types[:FIRST]) / total, 4) if total else 0.0,
        events=len(events),
        entries=len(told),
        nothing=sum(one.intent in _NOTHING and not one.type_code for one in told),
        untyped=sum(not one.type_code and one.intent not in _NOTHING for one in told),
        undated=sum(one.at is None for one in told),
        began=min(moments, default=None),
        ended=max(moments, default=None),
        resolution_median=round(median(measured), 1) if len(measured) >= ENOUGH_MEASURED else None,
        per_month={month: dict(counts) for month, counts in sorted(months.items())},
    )


_NOTHING = frozenset({"chatter", "planned", "recovery", "future"})


def _events(told: Iterable[Told]) -> list[Event]:
    """Join what is one matter: the same thread, the same key within a shift, the same talk; an all-clear ends it."""
    events: list[Event] = []
    by_key: dict[str, Event] = {}
    by_talk: dict[tuple[str, str], Event] = {}
    by_unit: dict[str, Event] = {}
    for one in told:
        if one.intent == "recovery":
            ended = by_key.get(one.key) if one.key else None
            ended = ended or by_unit.get(one.unit)
            if ended is not None and ended.open and one.at is not None and ended.began is not None:
                _end(ended, one.at, ALL_CLEAR_WITHIN)
            continue
        if not one.type_code or one.intent in _NOTHING:
            continue
        key = f"thread {one.thread}" if one.thread else one.key
        talk = (one.sender, one.type_code)
        event = by_key.get(key) if key else by_talk.get(talk)
        if event is None or not _same(event, one, SAME_MATTER if key else SAME_TALK):
            event = Event(one.type_code, [], one.at, one.at, set(), sure=False)
            events.append(event)
        event.numbers.append(one.number)
        event.last = one.at or event.last
        event.senders |= {one.sender} - {""}
        event.sure = event.sure or (one.confidence >= SURE and not one.unsure)
        if one.minutes is not None:
            event.minutes, event.open = max(event.minutes or 0.0, one.minutes), False
        elif one.ended_at is not None and one.at is not None and event.began is not None:
            _end(event, one.ended_at, MOST)
        if key:
            by_key[key] = event
        by_talk[talk] = event
        if one.unit:
            by_unit[one.unit] = event
    return events


def _same(event: Event, one: Told, within: timedelta) -> bool:
    if event.type_code != one.type_code:
        return False
    if event.last is None or one.at is None:
        return bool(one.thread)
    return one.at - event.last <= within and (event.open or bool(one.thread))


def _end(event: Event, at: datetime, within: timedelta) -> None:
    if event.began is None or not timedelta() <= at - event.began <= within:
        return
    event.minutes, event.open = (at - event.began) / timedelta(minutes=1), False


def _type(
    code: str, events: Sequence[Event], told: Sequence[Told], typical: Mapping[str, float]
) -> TypeCount:
    measured = [event.minutes for event in events if event.minutes is not None]
    if len(measured) >= ENOUGH_MEASURED:
        each, basis = median(measured), f"median of {len(measured)} measured"
    else:
        each, basis = typical.get(code, 60.0), "stated figure"
    measured_hours = sum(measured) / 60
    estimated_hours = each * (len(events) - len(measured)) / 60
    mine = {number for event in events for number in event.numbers}
    entries = [one for one in told if one.number in mine]
    words = Counter(one.words.lower() for one in entries if one.words)
    best = sorted(entries, key=lambda one: (-one.confidence, one.number))
    return TypeCount(
        type_code=code,
        events=len(events),
        entries=len(entries),
        hours=round(measured_hours + estimated_hours, 2),
        measured_hours=round(measured_hours, 2),
        estimated_hours=round(estimated_hours, 2),
        minutes_each=round(each, 1),
        basis=basis,
        sure=round(sum(event.sure for event in events) / len(events), 4),
        words=words.most_common(6),
        units=Counter(one.unit for one in entries if one.unit).most_common(6),
        senders=Counter(one.sender for one in entries if one.sender).most_common(6),
        examples=[one.number for one in best[:5]],
    )
