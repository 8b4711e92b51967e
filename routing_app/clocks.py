"""Limits on the clocks: how long the owner may take to acknowledge, decide, resolve and contain, in minutes.

Pure. The numbers are a plant's own (rows in the database, shipped as defaults); this module holds their shape,
the look-up order and the arithmetic of ladders. Must not know calendars: when a clock runs is decided above.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from routing_app import words


@dataclass(frozen=True, slots=True)
class Limits:
    """Minutes from the opening; `contain` only for types whose material must be secured first."""

    acknowledge: int
    decide: int
    resolve: int
    contain: int | None = None

    def as_dict(self) -> dict[str, int | None]:
        return {
            "acknowledge": self.acknowledge,
            "decide": self.decide,
            "resolve": self.resolve,
            "contain": self.contain,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Limits":
        return cls(data["acknowledge"], data["decide"], data["resolve"], data.get("contain"))


#: Used only where a plant has removed every row that could apply: a clock must always exist.
LAST_RESORT: Final = Limits(acknowledge=15, decide=60, resolve=480)
LAST_RESORT_OTHER: Final[Mapping[str, int]] = {
    words.CRITICAL: 10,
    words.HIGH: 20,
    words.NORMAL: 60,
    words.LOW: 480,
}

LimitTable = Mapping[tuple[str, str], Limits]


def limits_for(table: LimitTable, type_code: str, urgency: str) -> Limits:
    """The row of the type and band; else the type's nearest more urgent, then milder band; else any type's."""
    for type_ in (type_code, words.ANY_TYPE):
        for band in _nearest(urgency):
            found = table.get((type_, band))
            if found is not None:
                return found
    return LAST_RESORT


def _nearest(urgency: str) -> tuple[str, ...]:
    rank = words.BANDS.index(urgency)
    return (urgency, *reversed(words.BANDS[:rank]), *words.BANDS[rank + 1 :])


def times(minutes: int, factor: Decimal) -> int:
    """`minutes` times `factor`, in whole minutes, halves up."""
    return int((Decimal(minutes) * factor).quantize(Decimal(1), rounding=ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a ladder as configured: at `factor` times the acknowledge limit, or at fixed `minutes`.

    It is told again `repeats` times, every `repeat_minutes`, while nobody acknowledges; by `channel` too, where one is
    named, beside what each person wishes.
    """

    level: int
    roles: tuple[str, ...]
    factor: Decimal | None
    minutes: int | None = None
    repeats: int = 0
    repeat_minutes: int = 0
    channel: str = ""

    def after(self, acknowledge: int) -> int:
        """Minutes after the opening at which the step is told, unless somebody has acknowledged."""
        if self.minutes is not None:
            return self.minutes
        return times(acknowledge, self.factor if self.factor is not None else Decimal(0))


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a ladder as frozen on an exception."""

    level: int
    roles: tuple[str, ...]
    after_minutes: int
    repeats: int = 0
    repeat_minutes: int = 0
    channel: str = ""

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "level": self.level,
            "roles": list(self.roles),
            "after_minutes": self.after_minutes,
        }
        if self.repeats:
            found |= {"repeats": self.repeats, "repeat_minutes": self.repeat_minutes}
        if self.channel:
            found["channel"] = self.channel
        return found

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Level":
        return cls(
            data["level"],
            tuple(data["roles"]),
            data["after_minutes"],
            data.get("repeats", 0),
            data.get("repeat_minutes", 0),
            data.get("channel", ""),
        )


def climb(
    steps: tuple[Step, ...],
    *,
    acknowledge: int,
    owner_role: str,
    routed_level: int = 1,
    start_level: int = 1,
    early_level: int | None = None,
    early_factor: Decimal = Decimal(0),
) -> tuple[Level, ...]:
    """The ladder one exception climbs, in minutes after the opening.

    `acknowledge` is the owner's limit in minutes. The routed owner stands on `routed_level`; an add rule may raise
    `start_level` above it, then both are told at once. Lower steps are skipped. Levels up to `early_level` are told
    no later than `early_factor` times the limit. A start above the top begins at the top.
    """
    ordered = sorted(steps, key=lambda step: step.level)
    if not ordered:
        return (Level(level=1, roles=(owner_role,), after_minutes=0),)
    first = min(max(start_level, routed_level), ordered[-1].level)
    levels: list[Level] = []
    for step in ordered:
        if step.level < first:
            continue
        after = step.after(acknowledge)
        roles = step.roles
        if not levels:
            after = 0
            roles = (owner_role,) if first <= routed_level else _once(owner_role, *step.roles)
        elif early_level is not None and step.level <= early_level:
            after = min(after, times(acknowledge, early_factor))
        levels.append(
            Level(
                level=step.level,
                roles=roles,
                after_minutes=after,
                repeats=step.repeats,
                repeat_minutes=step.repeat_minutes,
                channel=step.channel,
            )
        )
    return tuple(levels)


def _once(*roles: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(roles))
