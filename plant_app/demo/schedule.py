"""A plain forward scheduler for the demo's plan: next free unit, one operation after the other, in working time only.

Pure. Good enough to be believable: ERP plans this way. The product's own sequencing is elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from plant_app.shift_times import Pattern, covering, following

MOVE = timedelta(minutes=20)


@dataclass(frozen=True)
class Calendar:
    """When a site works."""

    zone: ZoneInfo
    patterns: tuple[Pattern, ...]

    def open_from(self, moment: datetime) -> datetime:
        """`moment` itself in working time, else when work begins again."""
        if any(covering(pattern, self.zone, moment) for pattern in self.patterns):
            return moment
        span = following(self.patterns, self.zone, moment)
        return span.start if span else moment

    def add(self, start: datetime, minutes: float) -> datetime:
        """The moment `minutes` of working time after `start`."""
        left = timedelta(minutes=minutes)
        moment = self.open_from(start)
        while True:
            spans = [span for pattern in self.patterns if (span := covering(pattern, self.zone, moment))]
            if not spans:
                return moment + left
            end = max(span.end for span in spans)
            if moment + left <= end:
                return moment + left
            left -= end - moment
            moment = self.open_from(end)


@dataclass
class Booking:
    """An operation's place in the plan."""

    unit: str
    start: datetime
    end: datetime


@dataclass
class Scheduler:
    """Cursors of all units; `place` books the next operation."""

    now: datetime
    free_from: dict[str, datetime] = field(default_factory=dict)

    def place(self, units: Sequence[str], calendar: Calendar, *, after: datetime, minutes: float) -> Booking:
        """Book `minutes` on whichever of `units` is free first, not before `after`."""
        unit = min(units, key=lambda code: (max(self.free_from.get(code, self.now), after), code))
        start = calendar.open_from(max(self.free_from.get(unit, self.now), after))
        end = calendar.add(start, minutes)
        self.free_from[unit] = end
        return Booking(unit, start, end)
