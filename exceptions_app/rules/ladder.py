"""Arithmetic of escalation: which level of a frozen ladder is due, when the next one is, who is reminded when.

Pure. A ladder is the list a response froze: [{level, roles, after_minutes, repeats?, repeat_minutes?}], minutes from
its own start. True due times never move: after an outage the level that is due by now is told once, the ones passed
over are named; the same holds for reminders and repeats.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

# A person who answers in the last second must not find a superior already told.
GRACE: Final = timedelta(seconds=10)
# Whoever is asked is reminded when this much of the limit has gone by; too short a limit reminds at its end only.
REMIND_AT_SHARE: Final = 0.75
SHORTEST_REMINDED: Final = 4
# An acknowledgement nobody acts on lapses after so many decide limits, where nobody names minutes for it.
LAPSE_DECIDES: Final = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One level with its true due time."""

    level: int
    roles: tuple[str, ...]
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Climb:
    """What is due now: the level to tell (None: nothing), the levels passed over, and when the next is due."""

    tell: Step | None
    passed: tuple[int, ...]
    next_at: datetime | None


def steps_of(ladder: Iterable[Mapping[str, Any]], start: datetime) -> tuple[Step, ...]:
    """The ladder with true due times, lowest level first; the first level has no grace."""
    ordered = sorted(ladder, key=lambda entry: int(entry["level"]))
    return tuple(
        Step(
            level=int(entry["level"]),
            roles=tuple(entry["roles"]),
            due_at=start
            + timedelta(minutes=entry["after_minutes"])
            + (GRACE if place and entry["after_minutes"] else timedelta()),
        )
        for place, entry in enumerate(ordered)
    )


def climb(ladder: Sequence[Mapping[str, Any]], *, start: datetime, level: int, now: datetime) -> Climb:
    """What is due at `now` above the highest level already told."""
    above = [step for step in steps_of(ladder, start) if step.level > level]
    due = [step for step in above if step.due_at <= now]
    later = [step for step in above if step.due_at > now]
    return Climb(
        tell=due[-1] if due else None,
        passed=tuple(step.level for step in due[:-1]),
        next_at=min((step.due_at for step in later), default=None),
    )


def one_up(ladder: Sequence[Mapping[str, Any]], level: int) -> Mapping[str, Any] | None:
    """The entry above `level`; the top again once it is reached; None without a ladder."""
    ordered = sorted(ladder, key=lambda entry: int(entry["level"]))
    if not ordered:
        return None
    return next((entry for entry in ordered if int(entry["level"]) > level), ordered[-1])


def rest_of(ladder: Sequence[Mapping[str, Any]], *, role: str, level: int) -> list[dict[str, Any]]:
    """The ladder a fresh response climbs after a decline: `role` at once, then the levels above in their old rhythm."""
    above = sorted((e for e in ladder if int(e["level"]) > level), key=lambda entry: int(entry["level"]))
    own = next((e for e in ladder if int(e["level"]) == level), {})
    base = _open_minutes(own)
    rest = [{"level": level, "roles": [role], "after_minutes": 0, **_again(own)}]
    rest += [
        {
            "level": int(e["level"]),
            "roles": list(e["roles"]),
            "after_minutes": max(0, _open_minutes(e) - base),
            **_again(e),
        }
        for e in above
    ]
    return rest


def _open_minutes(entry: Mapping[str, Any]) -> int:
    """Minutes of the duty's own hours to a level; plain ones where it answers around the clock."""
    return int(entry.get("work_minutes", entry.get("after_minutes", 0)))


def _again(entry: Mapping[str, Any]) -> dict[str, Any]:
    """How often a level is told again, where it is, and the channel it asks for, where it names one."""
    found: dict[str, Any] = {"channel": entry["channel"]} if entry.get("channel") else {}
    if entry.get("repeats"):
        found |= {"repeats": int(entry["repeats"]), "repeat_minutes": int(entry["repeat_minutes"])}
    return found


def plain(*, role: str, lead: str, limit_minutes: int, manager: str = "area_manager") -> list[dict[str, Any]]:
    """The ladder of a function that is affected but does not own: its duty, its lead, the area's manager."""
    rungs = [(role, 0), (lead, limit_minutes), (manager, 3 * limit_minutes)]
    seen: list[str] = []
    ladder = []
    for rung, after in rungs:
        if rung and rung not in seen:
            seen.append(rung)
            ladder.append({"level": len(seen), "roles": [rung], "after_minutes": after})
    return ladder


def next_multiple(start: datetime, minutes: int, now: datetime) -> datetime:
    """The first start + n x minutes that lies after now (n >= 1): a repeat keeps its rhythm through an outage."""
    if minutes <= 0:
        minutes = 1
    passed = max(0, int((now - start) / timedelta(minutes=minutes)))
    return start + timedelta(minutes=minutes * (passed + 1))


@dataclass(frozen=True, slots=True)
class Nudge:
    """What reminding and repeating ask for now.

    `remind` says that whoever is asked is reminded, `late` that their limit has gone by; `repeat` that the reached
    level is told again. `reminders` and `repeats` are the counts to keep, `next_at` when to look again.
    """

    remind: bool
    late: bool
    repeat: bool
    reminders: int
    repeats: int
    next_at: datetime | None


def nudge(
    ladder: Sequence[Mapping[str, Any]], *, start: datetime, limit_minutes: int, level: int, reminders: int,
    repeats: int, now: datetime,
) -> Nudge:  # fmt: skip
    """What is due at `now` besides climbing: one reminder before the limit, one at its end, the level's repeats.

    `reminders` (0 to 2) and `repeats` are how many were told or passed over. Of several that are due, as after an
    outage, the last counts and the others are passed over.
    """
    moments = {2: start + timedelta(minutes=limit_minutes) + GRACE}
    if limit_minutes >= SHORTEST_REMINDED:
        moments[1] = start + timedelta(minutes=limit_minutes) * REMIND_AT_SHARE
    due = [number for number, at in moments.items() if at <= now]
    done = max([reminders, *due])
    told = max([repeats, *(number for number, at in _repeats(ladder, start, level) if at <= now)])
    later = [at for number, at in moments.items() if number > done]
    later += [at for number, at in _repeats(ladder, start, level) if number > told]
    return Nudge(
        remind=done > reminders, late=done > reminders and done == 2, repeat=told > repeats, reminders=done,
        repeats=told, next_at=min(later, default=None),
    )  # fmt: skip


def _repeats(ladder: Sequence[Mapping[str, Any]], start: datetime, level: int) -> list[tuple[int, datetime]]:
    """The moments the reached level is told again, numbered from 1."""
    entry = next((e for e in ladder if int(e["level"]) == level), None)
    if entry is None or not entry.get("repeats"):
        return []
    first = next(step.due_at for step in steps_of(ladder, start) if step.level == level)
    apart = timedelta(minutes=max(1, int(entry["repeat_minutes"])))
    return [(number, first + number * apart) for number in range(1, int(entry["repeats"]) + 1)]


def lapse(minutes: int | None, since: datetime) -> tuple[datetime | None, datetime | None]:
    """When to remind of an acknowledgement of `since` nobody acts on, and when it lapses; (None, None): never.

    The reminder comes a quarter before the end, at least a minute.
    """
    if not minutes:
        return None, None
    end = since + timedelta(minutes=minutes)
    return end - max(timedelta(minutes=1), timedelta(minutes=minutes) / 4), end


def lapse_minutes(limits: Mapping[str, Any], function: str) -> int | None:
    """The frozen minutes after which this function's acknowledgement lapses: its own, else everybody's; 0 never."""
    own = limits.get(f"lapse:{function}")
    return limits.get("lapse") if own is None else own


def waited(minutes: int) -> str:
    """How long something has waited, as people say it: 45 min, 3 h 20 min, 2 days 4 h."""
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, hours = divmod(hours, 24)
    said = f"{days} day{'s' if days > 1 else ''}"
    return f"{said} {hours} h" if hours else said
