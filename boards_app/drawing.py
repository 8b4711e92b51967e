"""Where things lie on a drawing: time axes in percent, chart paths in view-box units, the grid of a wall.

Pure geometry. Takes moments and numbers, gives positions; the templates only print them. Must not know models or HTML.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Final

STEPS_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 10080)
NOW_AT: Final = 0.7  # a lane leaves room to the right for limits that still run
MOST_TICKS: Final = 6
TICK_GAP: Final = 8.0  # percent two labels need between them
NOW_WIDER: Final = 1.4  # the word "now" is wider than a time alone
SHORTEST_AXIS: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis, at `at` percent."""

    at: float
    label: str
    now: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """A stretch of time as 0 to 100 percent."""

    start: datetime
    end: datetime

    def at(self, moment: datetime) -> float:
        """Percent from the left, kept within the drawing."""
        share = (moment - self.start) / (self.end - self.start)
        return round(min(max(share, 0.0), 1.0) * 100, 2)

    def covers(self, moment: datetime) -> bool:
        return self.start <= moment <= self.end

    def ticks(self, zone: tzinfo, now: datetime | None = None) -> list[Tick]:
        """Round local times, the start, and now; labels that would touch are left out."""
        step = self._step()
        local = self.start.astimezone(zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        first = math.floor((local - midnight) / step) + 1
        fixed = [Tick(0.0, f"{local:%H:%M}")]
        if now is not None and self.covers(now):
            here = Tick(self.at(now), f"{now.astimezone(zone):%H:%M} now", now=True)
            # at the beginning "now" says it all
            fixed = [here] if here.at < TICK_GAP * NOW_WIDER else [*fixed, here]
        found = list(fixed)
        moment = midnight + first * step
        while moment < self.end:
            place = self.at(moment)
            if all(abs(place - one.at) >= TICK_GAP * (NOW_WIDER if one.now else 1) for one in fixed):
                found.append(Tick(place, f"{moment.astimezone(zone):%H:%M}"))
            moment += step
        return sorted(found, key=lambda one: one.at)

    def _step(self) -> timedelta:
        minutes = (self.end - self.start) / timedelta(minutes=1)
        size = next((one for one in STEPS_MINUTES if minutes / one <= MOST_TICKS), STEPS_MINUTES[-1])
        return timedelta(minutes=size)


@dataclass(frozen=True, slots=True)
class Answer:
    """One function's moments. `ended_at`: its part is done or it declined; `required` ones decide alignment."""

    told_at: datetime | None
    limit_at: datetime | None = None
    acknowledged_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a lane: kind is wait, work, left or over; from `a` to `b` percent."""

    kind: str
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class Lane:
    """Where one function's marks lie; None where there is no such mark."""

    stretches: list[Stretch]
    told: float | None = None
    acknowledged: float | None = None
    limit: float | None = None
    limit_hit: bool = False
    state: str = ""  # "", soon or over, as on `.lane`


@dataclass(frozen=True, slots=True)
class Alignment:
    """All lanes on one axis."""

    ticks: list[Tick]
    lanes: list[Lane]
    now: float | None = field(default=None)


def alignment(*, start: datetime, now: datetime, answers: Sequence[Answer], zone: tzinfo) -> Alignment:
    """Draw every answer on one axis from `start`: to a little past now while somebody is still waited for,
    and only as far as the last acknowledgement once nobody is.
    """
    waiting = [one for one in answers if one.acknowledged_at is None and one.ended_at is None]
    axis = _axis(start, now, answers, bool(waiting))
    inside = now if axis.covers(now) else None
    return Alignment(
        ticks=axis.ticks(zone, inside),
        lanes=[_lane(axis, now, one) for one in answers],
        now=axis.at(now) if inside else None,
    )


def _axis(start: datetime, now: datetime, answers: Sequence[Answer], waiting: bool) -> Axis:
    gone = max(now - start, timedelta(minutes=1))
    limits = [one.limit_at - start for one in answers if one.limit_at is not None]
    if waiting:
        far = max([limit for limit in limits if limit <= 2 * gone], default=gone)
        return Axis(start, start + max(gone / NOW_AT, far * 1.08, SHORTEST_AXIS))
    heard = [one.acknowledged_at or one.ended_at for one in answers]
    last = max((moment - start for moment in heard if moment is not None), default=gone)
    return Axis(start, start + max(min(last * 1.4, max(gone / NOW_AT, last)), SHORTEST_AXIS))


def _lane(axis: Axis, now: datetime, one: Answer) -> Lane:
    if one.told_at is None:
        return Lane(stretches=[])
    told, here = axis.at(one.told_at), axis.at(now)
    limit = axis.at(one.limit_at) if one.limit_at and axis.covers(one.limit_at) else None
    if one.acknowledged_at is not None:
        ack = axis.at(one.acknowledged_at)
        until = axis.at(one.ended_at) if one.ended_at else here
        late = one.limit_at is not None and one.acknowledged_at > one.limit_at
        stretches = [Stretch("wait", told, ack), Stretch("work", ack, max(until, ack))]
        return Lane(stretches, told=told, acknowledged=ack, limit=limit, limit_hit=late)
    if one.ended_at is not None:
        return Lane([Stretch("wait", told, axis.at(one.ended_at))], told=told, limit=limit)
    if one.limit_at is None:
        return Lane([Stretch("wait", told, here)], told=told)
    if one.limit_at < now:
        reached = axis.at(one.limit_at)
        stretches = [Stretch("wait", told, reached), Stretch("over", reached, here)]
        return Lane(stretches, told=told, limit=limit, limit_hit=True, state="over")
    stretches = [Stretch("wait", told, here), Stretch("left", here, axis.at(one.limit_at))]
    third = (one.limit_at - one.told_at) / 3
    soon = one.limit_at - now <= max(third, timedelta(minutes=5))
    return Lane(stretches, told=told, limit=limit, state="soon" if soon else "")


# --- charts -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Line:
    """A polyline in view-box units: `path` for <path d>, `points` for its dots, `end` the last of them."""

    path: str
    points: list[tuple[float, float]]
    end: tuple[float, float] | None


def line(
    values: Sequence[float | None], *, width: float, height: float, pad: float = 2, zero: bool = False
) -> Line:
    """Values left to right, larger is higher; None leaves a gap. `zero` makes the axis begin at zero."""
    known = [value for value in values if value is not None]
    if not known:
        return Line("", [], None)
    low = 0.0 if zero else min(known)
    high = max(known)
    reach = (high - low) or 1.0
    gap = (width - 2 * pad) / max(len(values) - 1, 1)
    points: list[tuple[float, float]] = []
    path: list[str] = []
    pen = "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        middle = high == low and not zero
        share = 0.5 if middle else (value - low) / reach
        x, y = round(pad + index * gap, 1), round(height - pad - share * (height - 2 * pad), 1)
        points.append((x, y))
        path.append(f"{pen}{x:g} {y:g}")
        pen = "L"
    return Line(" ".join(path), points, points[-1])


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its number: `share` is 0 to 100 percent of the longest."""

    label: str
    value: float
    share: float
    words: str = ""
    note: str = ""
    top: bool = False


def bars(rows: Iterable[tuple[str, float, str]], *, top: int = 0) -> list[Bar]:
    """(label, value, words) rows as bars from zero, in the order given; the `top` largest stand out."""
    kept = list(rows)
    longest = max((value for _, value, _ in kept), default=0) or 1
    largest = set(sorted(range(len(kept)), key=lambda index: -kept[index][1])[:top])
    return [
        Bar(label, value, round(100 * value / longest, 2), words or f"{value:g}", top=index in largest)
        for index, (label, value, words) in enumerate(kept)
    ]


@dataclass(frozen=True, slots=True)
class Trend:
    """One metric by month, ready to print in a 240 x 138 view box."""

    line: Line
    labels: list[tuple[float, str, bool]]
    base: float | None = None
    base_label: float | None = None
    switch: float | None = None
    switch_words: str = ""
    values: list[tuple[str, str]] = field(default_factory=list)


def trend(
    months: Sequence[tuple[str, float | None, str]],
    *,
    before: float | None = None,
    switch: int | None = None,
    switch_words: str = "",
) -> Trend:
    """(label, value, words) by month. `before` is the value before go-live, `switch` the index it went live at."""
    left, right, top, floor = 12.0, 222.0, 24.0, 116.0
    known = [value for _, value, _ in months if value is not None]
    high = max([*known, before or 0], default=0) or 1
    gap = (right - left) / max(len(months) - 1, 1)

    def height(value: float) -> float:
        return round(floor - value / high * (floor - top), 1)

    points = [
        (round(left + index * gap, 1), height(value))
        for index, (_, value, _) in enumerate(months)
        if value is not None
    ]
    path = " ".join(f"{'L' if index else 'M'}{x:g} {y:g}" for index, (x, y) in enumerate(points))
    every = max(1, math.ceil(len(months) / 4))
    last = len(months) - 1
    labels = [
        (round(left + index * gap, 1), label, index == last)
        for index, (label, _, _) in enumerate(months)
        if (last - index) % every == 0
    ]
    base = height(before) if before is not None else None
    return Trend(
        line=Line(path, points, points[-1] if points else None),
        labels=labels,
        base=base,
        # above the dashed line, unless the metric's own line runs there
        base_label=None
        if base is None
        else round(base + 14 if points and points[-1][1] < base else base - 5, 1),
        switch=None if switch is None else round(left + (switch - 0.5) * gap, 1),
        switch_words=switch_words,
        values=[(label, words) for label, _, words in months],
    )


def wall(units: int) -> tuple[int, float]:
    """Columns and text scale of an area board, so that all units stay on one screen and readable."""
    for most, columns, scale in ((6, 3, 1.12), (12, 4, 1.0), (20, 5, 0.8), (30, 6, 0.66), (42, 7, 0.56)):
        if units <= most:
            return columns, scale
    return 8, 0.5
