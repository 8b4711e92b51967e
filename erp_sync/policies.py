"""How cautiously a posting goes, and when: modes, limits, and the moments buffered ones go together.

Pure: words, quantities, amounts and moments in, the same out. Must not know: Django, rows, how anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

#: From the most cautious to the least: the modes of a policy, and before them what only a site's adoption knows.
CAUTION = ("off", "manual", "approval", "buffered", "live")
#: A value is kept with this many digits before its two decimals; one beyond it is kept as the greatest there is.
GREATEST = Decimal("999999999999.99")
_CENT = Decimal("0.01")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Worth:
    """What a posting moves: its value in the site's currency, its quantity in the item's unit; None is not known.

    `unknown` says in words why a value that should be there is not known; empty where the kind has none.
    """

    value: Decimal | None = None
    quantity: Decimal | None = None
    unknown: str = ""


def most_cautious(*modes: str) -> str:
    """The most cautious of some modes. Raises ValueError for a word that is none."""
    return min(modes, key=CAUTION.index)


def rounded(value: Decimal) -> Decimal:
    """A value as it is kept: cents, half up, at most the greatest one that can be."""
    if abs(value) >= GREATEST:
        return GREATEST
    return value.quantize(_CENT, rounding=ROUND_HALF_UP)


def beyond(
    worth: Worth, *, value_limit: Decimal | None, quantity_limit: Decimal | None, currency: str
) -> list[str]:
    """In words, each limit a posting goes beyond; a limit that can't be judged counts as gone beyond."""
    found = []
    if value_limit is not None:
        if worth.value is not None and worth.value > value_limit:
            found.append(f"worth {amount(worth.value)} {currency}, limit {amount(value_limit)}")
        elif worth.value is None and worth.unknown:
            found.append(f"worth not known ({worth.unknown}), limit {amount(value_limit)} {currency}")
    if quantity_limit is not None and worth.quantity is not None and worth.quantity > quantity_limit:
        found.append(f"quantity {amount(worth.quantity)}, limit {amount(quantity_limit)}")
    return found


def amount(number: Decimal) -> str:
    """A number for people: thousands set apart, no decimals that say nothing."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def next_slot(now: datetime, minutes: int, zone: ZoneInfo) -> datetime:
    """The next moment at or after `now` (aware) at which what was collected goes, in UTC.

    Slots lie every `minutes` on the plant's clock, counted from its midnight, so that they stay where people expect
    them when the clock is changed: one in an hour that comes twice comes twice, one in an hour that is skipped comes
    when that hour would have been over. Nothing to collect (0 minutes) is now.
    """
    if minutes <= 0:
        return now.astimezone(UTC)
    midnight = datetime.combine(now.astimezone(zone).date(), time())
    still_today = [
        moment
        for step in range(0, _DAY_MINUTES, minutes)
        for moment in _moments(midnight + timedelta(minutes=step), zone)
        if moment >= now
    ]
    return min(still_today) if still_today else _moments(midnight + timedelta(days=1), zone)[0]


def _moments(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """When the plant's clock shows `wall`, in UTC: once; twice where it is set back over it."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    comes_twice = second > first
    return [first, second] if comes_twice else [first]
