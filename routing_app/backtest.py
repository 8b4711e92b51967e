"""The backtest: stored cases replayed against two rule sets, and what would differ. Pure.

Owns the replay, the comparison and the count of who is told when. A case is one opening with the facts of its stored
re-evaluations; each rule set carries its own urgency from one to the next, as it would have then. Must not know the
database, nor what became of the records.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from routing_app import urgency, words
from routing_app.clocks import Level
from routing_app.engine import CompiledRules, evaluate
from routing_app.outcome import Outcome

OWNER: Final = "owner"
TOLD: Final = "told"
URGENCY: Final = "urgency"
TIMES: Final = "times"
REST: Final = "rest"
ASPECTS: Final[Mapping[str, str]] = {
    OWNER: "owner",
    TOLD: "who is told",
    URGENCY: "urgency",
    TIMES: "limits and ladder",
    REST: "playbook, triage, marks",
}
#: Cases whose origin begins so rehearse; they are no evidence of anything.
REHEARSAL: Final = "drill:"
#: In the place of a shift when none ran.
NO_SHIFT: Final = "none"


@dataclass(frozen=True, slots=True)
class Case:
    """One stored opening. `hour` is the plant's own hour of the day (0 to 23); `later` are the facts of the stored
    re-evaluations, oldest first."""

    pk: int
    origin: str
    at: datetime
    hour: int
    facts: Mapping[str, Any]
    later: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """What one rule set makes of a case: the route of its opening, and the bands and limits it went through."""

    owner: tuple[str, str, str, str]
    told: frozenset[tuple[str, str, str, str]]
    bands: tuple[str, ...]
    times: tuple[Any, ...]
    rest: tuple[Any, ...]
    rule_code: str
    rule_name: str
    rule_number: int
    catch_all: bool
    limits: Mapping[str, int | None]
    ladder: tuple[Level, ...]

    @property
    def owner_function(self) -> str:
        return self.owner[0]

    @property
    def owner_role(self) -> str:
        return self.owner[1]

    @property
    def urgency(self) -> str:
        """The band the case came to."""
        return self.bands[-1]

    def as_dict(self) -> dict[str, Any]:
        return {
            "owner_function": self.owner_function,
            "owner_role": self.owner_role,
            "told": [
                {"function": function, "role": role, "need": need, "place": place}
                for function, role, need, place in sorted(self.told)
            ],
            "urgency": self.urgency,
            "bands": list(self.bands),
            "limits": dict(self.limits),
            "ladder": [level.as_dict() for level in self.ladder],
            "rule": self.rule_number,
            "rule_code": self.rule_code,
            "rule_name": self.rule_name,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """One case that would differ, and in what (see ASPECTS)."""

    pk: int
    origin: str
    at: datetime
    type: str
    aspects: tuple[str, ...]
    before: Side
    after: Side


@dataclass(slots=True)
class Load:
    """Who is told at openings, in notices: per role, and per role with the hour or the shift."""

    asked: Counter[str] = field(default_factory=Counter)
    informed: Counter[str] = field(default_factory=Counter)
    hours: Counter[tuple[str, int]] = field(default_factory=Counter)
    shifts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, side: Side, *, hour: int, shift: str) -> None:
        """Count one opening."""
        for role, asked in told_roles(side):
            (self.asked if asked else self.informed)[role] += 1
            self.hours[role, hour] += 1
            self.shifts[role, shift] += 1


def told_roles(side: Side) -> list[tuple[str, bool]]:
    """The roles an opening tells at once and whether each has to answer: the owner, every function, whoever is only
    informed, and the ladder's levels at minute 0."""
    found = [(side.owner_role, True)]
    found += [(role, need == "required") for _, role, need, _ in sorted(side.told)]
    at_once = {role for level in side.ladder if level.after_minutes == 0 for role in level.roles} - {
        side.owner_role
    }
    return found + [(role, False) for role in sorted(at_once)]


@dataclass(slots=True)
class Report:
    """What a backtest found. `changes` are the cases that would differ, newest first."""

    replayed: int = 0
    aspects: Counter[str] = field(default_factory=Counter)
    owners: Counter[tuple[str, str]] = field(default_factory=Counter)
    bands: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules_before: Counter[str] = field(default_factory=Counter)
    rules_after: Counter[str] = field(default_factory=Counter)
    caught_before: int = 0
    caught_after: int = 0
    before: Load = field(default_factory=Load)
    after: Load = field(default_factory=Load)
    changes: list[Change] = field(default_factory=list)


def side_of(outcome: Outcome, path: Iterable[Outcome] = (), *, catch_all: bool = False) -> Side:
    """The parts of a route that people are bound by; `path` are the re-evaluations after it."""
    steps = (outcome, *path)
    told = [
        (one.function, one.role, "required" if one.required else "informed", place)
        for place, functions in ((words.HERE, outcome.functions), (words.OTHER_SITE, outcome.elsewhere))
        for one in functions
    ]
    told += [(one.function, one.role, "follows", words.HERE) for one in outcome.informed_roles]
    return Side(
        owner=(outcome.owner_function, outcome.owner_role, outcome.owner_place, outcome.owner_skill),
        told=frozenset(told),
        bands=tuple(one.urgency for one in steps),
        times=(*((one.limits, one.other_acknowledge) for one in steps), outcome.ladder),
        rest=(outcome.playbook, outcome.triage, outcome.proposes_type, outcome.marks),
        rule_code=outcome.rule_code,
        rule_name=outcome.rule_name,
        rule_number=outcome.rule_number,
        catch_all=catch_all,
        limits=outcome.limits.as_dict(),
        ladder=outcome.ladder,
    )


def replay(case: Case, rules: CompiledRules) -> Side:
    """What `rules` make of a case."""
    opening = evaluate(case.facts, rules, trace=False)
    path: list[Outcome] = []
    last = opening
    for facts in case.later:
        last = evaluate(facts, rules, trace=False, standing=urgency.Settled(last.urgency, last.low_count))
        path.append(last)
    return side_of(opening, path, catch_all=opening.rule_code == rules.rules[-1].spec.code)


def differs(before: Side, after: Side) -> tuple[str, ...]:
    """The aspects in which two routes of one case differ."""
    pairs = (
        (OWNER, before.owner, after.owner),
        (TOLD, before.told, after.told),
        (URGENCY, before.bands, after.bands),
        (TIMES, before.times, after.times),
        (REST, before.rest, after.rest),
    )
    return tuple(name for name, old, new in pairs if old != new)


def compare(cases: Iterable[Case], published: CompiledRules, draft: CompiledRules) -> Report:
    """Replay every case against both rule sets and count what would differ."""
    report = Report()
    for case in cases:
        before, after = replay(case, published), replay(case, draft)
        report.replayed += 1
        report.rules_before[before.rule_code] += 1
        report.rules_after[after.rule_code] += 1
        report.caught_before += before.catch_all
        report.caught_after += after.catch_all
        shift = str(case.facts.get("shift") or NO_SHIFT)
        report.before.add(before, hour=case.hour, shift=shift)
        report.after.add(after, hour=case.hour, shift=shift)
        aspects = differs(before, after)
        if not aspects:
            continue
        report.aspects.update(aspects)
        if OWNER in aspects:
            report.owners[before.owner_role, after.owner_role] += 1
        if before.urgency != after.urgency:
            report.bands[before.urgency, after.urgency] += 1
        report.changes.append(
            Change(case.pk, case.origin, case.at, str(case.facts.get("type") or ""), aspects, before, after)
        )
    return report
