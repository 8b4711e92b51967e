"""Months and days in plant-local time. Pure."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month."""

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime, zone: str) -> "Month":
        """The plant-local month a moment falls in."""
        local = moment.astimezone(ZoneInfo(zone))
        return cls(local.year, local.month)

    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    def next(self) -> "Month":
        """The month after."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def previous(self) -> "Month":
        """The month before."""
        day = self.first() - timedelta(days=1)
        return Month(day.year, day.month)

    def span(self, zone: str) -> tuple[datetime, datetime]:
        """Its beginning and the next one's, in UTC."""
        return midnight(self.first(), zone), midnight(self.next().first(), zone)

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02d}"


def midnight(day: date, zone: str) -> datetime:
    """The beginning of a plant-local day, in UTC."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)
