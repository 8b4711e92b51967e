"""Arithmetic of escalation: which level of a frozen ladder is due, and when the next one is.

Pure. A ladder is the list a response froze: [{level, roles, after_minutes}], minutes from its own start. True due times
never move: after an outage the level that is due by now is told once, the ones passed over are named.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

# A person who answers in the last second must not find a superior already told.
GRACE: Final = timedelta(seconds=10)


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
    base = next((int(e["after_minutes"]) for e in ladder if int(e["level"]) == level), 0)
    rest = [{"level": level, "roles": [role], "after_minutes": 0}]
    rest += [
        {
            "level": int(e["level"]),
            "roles": list(e["roles"]),
            "after_minutes": max(0, int(e["after_minutes"]) - base),
        }
        for e in above
    ]
    return rest


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
