"""When shifts begin and end, in a site's local time. Pure: no Django, no rows.

A pattern that ends at or before its start runs into the next day and belongs to the day it began. Clock changes are
the zone's business: a night from 22:00 to 06:00 lasts seven hours in spring and nine in autumn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Pattern:
    """A shift as it recurs: local start and end, the weekdays it begins on (Monday is 0), the days it does not."""

    start: time
    end: time
    weekdays: frozenset[int]
    closed: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Span:
    """One occurrence, in UTC; `day` is the local date it began on."""

    start: datetime
    end: datetime
    day: date


def occurrence(pattern: Pattern, zone: ZoneInfo, day: date) -> Span | None:
    """The occurrence that begins on local `day`; None on other weekdays and on holidays."""
    if day.weekday() not in pattern.weekdays or day in pattern.closed:
        return None
    last_day = day if pattern.end > pattern.start else day + timedelta(days=1)
    start = datetime.combine(day, pattern.start, tzinfo=zone).astimezone(UTC)
    end = datetime.combine(last_day, pattern.end, tzinfo=zone).astimezone(UTC)
    return Span(start, end, day)


def covering(pattern: Pattern, zone: ZoneInfo, at: datetime) -> Span | None:
    """The occurrence `at` lies in (start included, end not)."""
    today = at.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):
        span = occurrence(pattern, zone, day)
        if span is not None and span.start <= at < span.end:
            return span
    return None


def following(patterns: Iterable[Pattern], zone: ZoneInfo, at: datetime) -> Span | None:
    """The next occurrence of any pattern that begins after `at`, within eight days."""
    patterns = list(patterns)
    today = at.astimezone(zone).date()
    for offset in range(-1, 9):
        spans = [occurrence(pattern, zone, today + timedelta(days=offset)) for pattern in patterns]
        later = [span for span in spans if span is not None and span.start > at]
        if later:
            return min(later, key=lambda span: span.start)
    return None


# Longer than any run of holidays a plant closes for.
_FAR = 40


def last_change(patterns: Iterable[Pattern], zone: ZoneInfo, at: datetime) -> datetime | None:
    """The latest moment until `at` at which any pattern began or ended; None when none did within nine days."""
    patterns = list(patterns)
    today = at.astimezone(zone).date()
    edges = [
        edge
        for offset in range(-9, 1)
        for pattern in patterns
        if (span := occurrence(pattern, zone, today + timedelta(days=offset))) is not None
        for edge in (span.start, span.end)
        if edge <= at
    ]
    return max(edges, default=None)


def rotation_code(cycle: Sequence[str], starts_on: date, day: date) -> str:
    """The shift a rotation has on `day`, before its first day too; empty for a day off or an empty cycle."""
    return cycle[(day - starts_on).days % len(cycle)] if cycle else ""


@dataclass(frozen=True)
class Calendar:
    """When a group works: the union of its patterns. Without a pattern it is always open."""

    zone: ZoneInfo
    patterns: tuple[Pattern, ...] = ()

    def open_at(self, at: datetime) -> bool:
        """Whether somebody works then."""
        return not self.patterns or any(covering(pattern, self.zone, at) for pattern in self.patterns)

    def opens(self, at: datetime) -> datetime | None:
        """`at` itself while open, else the next opening; None when there is none within forty days."""
        if self.open_at(at):
            return at
        today = at.astimezone(self.zone).date()
        for offset in range(_FAR):
            starts = [
                span.start
                for pattern in self.patterns
                if (span := occurrence(pattern, self.zone, today + timedelta(days=offset))) is not None
                and span.start > at
            ]
            if starts:
                return min(starts)
        return None

    def add(self, start: datetime, minutes: float) -> datetime:
        """The moment `minutes` of open time after `start`; plain time where it never opens again."""
        left, moment = timedelta(minutes=minutes), start
        while self.patterns and left > timedelta():
            opening = self.opens(moment)
            if opening is None:
                break
            end = max(
                span.end for pattern in self.patterns if (span := covering(pattern, self.zone, opening))
            )
            if opening + left <= end:
                return opening + left
            left -= end - opening
            moment = end
        return moment + left
