"""How well the reader reads, by people's own word: per week, type and channel, and what may open by itself.

Counts the newest standing review of each message. Reads only, in two queries whatever the number of reviews.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core import clock
from exceptions_app.models import ALWAYS_ASKED, Acceptance, AcceptancePolicy, Review, Verdict
from plant_app.models import Site

WEEKS = 12
#: So many reviewed readings, and this share of them right, before a type may be let open by itself.
ENOUGH, RIGHT_ENOUGH = 50, 0.98
#: Fewer reviews than this say nothing about what to mend.
TELLING = 5
MOST = 50_000


@dataclass
class Tally:
    """Counts of one group of reviews. Shares are None where there is nothing to share."""

    count: int = 0
    unchanged: int = 0
    type_asked: int = 0
    type_right: int = 0
    links_asked: int = 0
    links_right: int = 0
    dismissed: int = 0

    def add(self, row: dict[str, Any]) -> None:
        """Count one review."""
        self.count += 1
        self.unchanged += bool(row["unchanged"])
        self.type_asked += row["type_right"] is not None
        self.type_right += bool(row["type_right"])
        self.links_asked += row["links_right"] is not None
        self.links_right += bool(row["links_right"])
        self.dismissed += row["verdict"] == Verdict.DISMISSED

    @property
    def unchanged_share(self) -> float | None:
        """Accepted as read."""
        return self.unchanged / self.count if self.count else None

    @property
    def type_share(self) -> float | None:
        """Type right."""
        return self.type_right / self.type_asked if self.type_asked else None

    @property
    def links_share(self) -> float | None:
        """Every link right."""
        return self.links_right / self.links_asked if self.links_asked else None


@dataclass
class Cell:
    """One type on one channel: its figures, its rule, and whether it could open by itself."""

    type_code: str
    channel: str
    tally: Tally = field(default_factory=Tally)
    mode: str = Acceptance.SHIPPED
    ready: bool = False


@dataclass
class Accuracy:
    """Everything the page and the API show. `weeks` are Mondays, plant-local, oldest first."""

    since: datetime
    whole: Tally
    weeks: list[tuple[date, Tally]]
    types: dict[str, Tally]
    channels: dict[str, Tally]
    cells: list[Cell]
    mend: Cell | None


def accuracy_of(site: Site, *, weeks: int = WEEKS) -> Accuracy:
    """The reader's accuracy at a site over the last weeks. Two queries."""
    zone = ZoneInfo(site.timezone)
    today = clock.now().astimezone(zone).date()
    monday = today - timedelta(days=today.weekday() + 7 * (weeks - 1))
    since = datetime(monday.year, monday.month, monday.day, tzinfo=zone)
    rows = list(
        Review.objects.filter(site=site, at__gte=since, undone_by=None)
        .exclude(verdict__in=(Verdict.UNDONE, Verdict.MERGED))
        .order_by("signal_id", "-pk")
        .distinct("signal_id")
        .values("at", "verdict", "read_type", "true_type", "channel", "unchanged", "type_right", "links_right")[:MOST]
    )  # fmt: skip
    by_week: dict[date, Tally] = {monday + timedelta(days=7 * number): Tally() for number in range(weeks)}
    types: dict[str, Tally] = defaultdict(Tally)
    channels: dict[str, Tally] = defaultdict(Tally)
    cells: dict[tuple[str, str], Cell] = {}
    whole = Tally()
    for row in rows:
        day = row["at"].astimezone(zone).date()
        week = day - timedelta(days=day.weekday())
        kind = row["read_type"] or "unsorted"
        cell = cells.setdefault((kind, row["channel"]), Cell(kind, row["channel"]))
        for tally in (
            whole,
            by_week.setdefault(week, Tally()),
            types[kind],
            channels[row["channel"]],
            cell.tally,
        ):
            tally.add(dict(row))
    rules = AcceptancePolicy.objects.filter(site=site).values_list("type__code", "channel", "mode")
    for code, channel, mode in rules:
        cells.setdefault((code, channel), Cell(code, channel)).mode = mode
    for cell in cells.values():
        cell.ready = _ready(cell)
    order = sorted(cells.values(), key=lambda one: (-one.tally.count, one.type_code, one.channel))
    return Accuracy(
        since, whole, sorted(by_week.items()), dict(sorted(types.items(), key=lambda one: -one[1].count)),
        dict(sorted(channels.items(), key=lambda one: -one[1].count)), order, _to_mend(order),
    )  # fmt: skip


def _ready(cell: Cell) -> bool:
    """Enough reviewed, nearly all of it right as read, and of a kind that may open unasked."""
    share = cell.tally.unchanged_share
    return (
        cell.tally.count >= ENOUGH
        and share is not None
        and share >= RIGHT_ENOUGH
        and cell.type_code not in ALWAYS_ASKED | {"unsorted", "safety_stop"}
        and cell.mode != Acceptance.OPEN
    )


def _to_mend(cells: list[Cell]) -> Cell | None:
    """Where people put most right: the type and channel with the most readings that were changed."""
    telling = [one for one in cells if one.tally.count >= TELLING and one.tally.unchanged < one.tally.count]
    return max(
        telling, key=lambda one: (one.tally.count - one.tally.unchanged, one.tally.count), default=None
    )
