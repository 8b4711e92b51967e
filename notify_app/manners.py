"""How somebody wants to be told, as plain values: which channels at which urgency, in what order, when not.

A person's wish goes before the function's default, which goes before the product's. Do-not-disturb yields from an
urgency on which a person may lower (let more through) and never raise above the function's. Knows no rows. Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

URGENCIES: Final = ("critical", "high", "normal", "low")
#: Channels beside the portal, which always shows everything.
OUTWARD: Final = ("push", "phone", "chat", "email")
AT_ONCE: Final[Mapping[str, tuple[str, ...]]] = {
    "critical": ("push", "phone", "chat", "email"),
    "high": ("push", "chat", "email"),
    "normal": ("push", "email"),
    "low": ("email",),
}
#: How long a channel may take before the next one is tried.
PATIENCE: Final[Mapping[str, timedelta]] = {
    "critical": timedelta(minutes=1),
    "high": timedelta(minutes=3),
    "normal": timedelta(minutes=15),
    "low": timedelta(hours=1),
}
MOST: Final = 10


@dataclass(frozen=True)
class Quiet:
    """Do-not-disturb hours in plant time; `days` are those it begins on (Monday is 0), empty for every day."""

    begins: time
    ends: time
    days: tuple[int, ...] = ()


@dataclass(frozen=True)
class Manner:
    """What holds for one person. `channels`: urgency -> told at once; `order`: what is tried next."""

    channels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(AT_ONCE))
    order: tuple[str, ...] = OUTWARD
    override: str = "critical"
    most: int = MOST
    quiet: Quiet | None = None


def rank_of(urgency: str) -> int:
    """0 for critical to 3 for low; what is not known counts as normal."""
    return URGENCIES.index(urgency) if urgency in URGENCIES else 2


def urgency_of(rank: int) -> str:
    """The word of an urgency's rank."""
    return URGENCIES[min(max(rank, 0), len(URGENCIES) - 1)]


def merged(*layers: Mapping[str, Any] | None, quiet: Quiet | None = None) -> Manner:
    """One manner out of layers, the weakest first, each with any of `channels`, `order`, `override`, `most`.

    `override` is the furthest any layer lets through, so a person opens further and closes nothing.
    """
    channels, override, most = dict(AT_ONCE), "critical", MOST
    order: tuple[str, ...] = OUTWARD
    for layer in layers:
        if layer is None:
            continue
        for urgency, wanted in dict(layer.get("channels") or {}).items():
            if urgency in URGENCIES:
                channels[urgency] = known(wanted)
        order = known(layer.get("order") or ()) or order
        if (said := str(layer.get("override") or "")) in URGENCIES and rank_of(said) > rank_of(override):
            override = said
        most = int(layer.get("most") or most)
    return Manner(channels, (*order, *(one for one in OUTWARD if one not in order)), override, most, quiet)


def known(wanted: Sequence[str]) -> tuple[str, ...]:
    """Channel codes as they came, each once, what is none left out."""
    return tuple(dict.fromkeys(one for one in wanted if one in OUTWARD))


def at_once(manner: Manner, urgency: str, available: Collection[str]) -> tuple[str, ...]:
    """Channels a notice goes out by now. Where somebody wants channels of which none is there, the first of their
    order that is; where they want none at all, none.
    """
    wanted = manner.channels.get(urgency, ())
    found = tuple(one for one in manner.order if one in wanted and one in available)
    if found or not wanted:
        return found
    return tuple(one for one in manner.order if one in available)[:1]


def next_channel(manner: Manner, tried: Collection[str], available: Collection[str]) -> str:
    """What is tried after a channel that failed; empty when nothing is left."""
    return next((one for one in manner.order if one in available and one not in tried), "")


def quiet_until(manner: Manner, urgency: str, now: datetime, zone: str) -> datetime | None:
    """When the do-not-disturb hours `now` lies in are over; None outside them or when the urgency overrides them.

    Hours that end at or before they begin run into the next day. Wall clocks are `zone`'s, so a night in which clocks
    change is as long as it is.
    """
    quiet = manner.quiet
    if quiet is None or rank_of(urgency) <= rank_of(manner.override):
        return None
    place = ZoneInfo(zone)
    today = now.astimezone(place).date()
    for day in (today - timedelta(days=1), today):
        if quiet.days and day.weekday() not in quiet.days:
            continue
        begin, end = _span(quiet, day, place)
        if begin <= now < end:
            return end
    return None


def _span(quiet: Quiet, day: date, place: ZoneInfo) -> tuple[datetime, datetime]:
    last = day if quiet.ends > quiet.begins else day + timedelta(days=1)
    return (
        datetime.combine(day, quiet.begins, place).astimezone(ZoneInfo("UTC")),
        datetime.combine(last, quiet.ends, place).astimezone(ZoneInfo("UTC")),
    )
