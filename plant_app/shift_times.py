"""When shifts begin and end, in a site's local time. Pure: no Django, no rows.

A pattern that ends at or before its start runs into the next day and belongs to the day it began. Clock changes are
the zone's business: a night from 22:00 to 06:00 lasts seven hours in spring and nine in autumn.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Pattern:
    """A shift as it recurs: local start and end, and the weekdays it begins on (Monday is 0)."""

    start: time
    end: time
    weekdays: frozenset[int]


@dataclass(frozen=True)
class Span:
    """One occurrence, in UTC; `day` is the local date it began on."""

    start: datetime
    end: datetime
    day: date


def occurrence(pattern: Pattern, zone: ZoneInfo, day: date) -> Span | None:
    """The occurrence that begins on local `day`; None when the pattern does not begin on that weekday."""
    if day.weekday() not in pattern.weekdays:
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
