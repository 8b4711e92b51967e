"""The rules as the matrix people think in: a row per type, a column per level, who is told after how many minutes.

Pure reading of a rule set: each type is routed as a plain case (sure, linked, staffed, nothing else known), so a row
shows the rule, ladder and limits such a case would get. Must not write, and must not know the database.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from routing_app import words
from routing_app.clocks import Limits, Step, limits_for
from routing_app.engine import CompiledRules, compile_rules, evaluate
from routing_app.ruleset import ADD, RulesetSpec, RuleSpec

PLAIN_CASE: Final = {"confidence": 1, "linked": True, "staffed": True}


@dataclass(frozen=True, slots=True)
class Cell:
    """One level: the roles told, after how many minutes at the urgency shown, and how that came about."""

    level: int
    roles: tuple[str, ...]
    minutes: int
    rule_of_time: str
    skipped: bool = False
    again: str = ""
    channel: str = ""


@dataclass(slots=True)
class Row:
    """One type at one urgency. `shared` names the other types whose rules use the same ladder."""

    type_code: str
    name: str
    rule: RuleSpec
    ladder: str
    limits: Limits
    own_limits: bool
    cells: list[Cell]
    others: int
    steps: tuple[Step, ...] = ()
    shared: list[str] = field(default_factory=list)
    own_rule: bool = True


def rows_of(spec: RulesetSpec, *, urgency: str, types: Iterable[tuple[str, str]]) -> list[Row]:
    """A row per type and one for whatever has no rule of its own. RulesetInvalid for a set without a catch-all."""
    ready = compile_rules(spec)
    rows = [_row(spec, ready, code, name, urgency) for code, name in types]
    rows.append(_row(spec, ready, words.ANY_TYPE, "everything else", urgency))
    for row in rows:
        row.shared = sorted(
            {other.name for other in rows if other.ladder == row.ladder and other.type_code != row.type_code}
        )
    return rows


def _row(spec: RulesetSpec, ready: CompiledRules, code: str, name: str, urgency: str) -> Row:
    facts = PLAIN_CASE if code == words.ANY_TYPE else {"type": code, **PLAIN_CASE}
    outcome = evaluate(facts, ready)
    rule = next(one for one in spec.rules if one.number == outcome.rule_number)
    limits = limits_for(spec.limits, code, urgency)
    ladder = next((one for one in spec.ladders if one.code == rule.ladder), None)
    steps = tuple(sorted(ladder.steps, key=lambda step: step.level)) if ladder else ()
    acknowledge = rule.acknowledge or limits.acknowledge
    first = min(rule.start_level or 1, steps[-1].level) if steps else 1
    return Row(
        type_code=code,
        name=name,
        rule=rule,
        ladder=rule.ladder,
        limits=limits,
        own_limits=(code, urgency) in spec.limits,
        cells=[_cell(step, acknowledge, first) for step in steps],
        others=spec.other_acknowledge.get(urgency, 0),
        steps=steps,
        own_rule=code == words.ANY_TYPE or not rule.is_catch_all,
    )


def _cell(step: Step, acknowledge: int, first: int) -> Cell:
    fixed = step.minutes is not None
    factor = step.factor.normalize() if step.factor is not None else 0
    return Cell(
        level=step.level,
        roles=step.roles,
        minutes=0 if step.level == first else step.after(acknowledge),
        rule_of_time="fixed" if fixed else f"× {factor:f}" if factor else "",
        skipped=step.level < first,
        again=f"again {step.repeats} ×, every {step.repeat_minutes} min" if step.repeats else "",
        channel=words.CHANNELS.get(step.channel, step.channel),
    )


def rules_of_type(spec: RulesetSpec, type_code: str, ladder: str) -> list[RuleSpec]:
    """Route rules that serve this type alone and climb `ladder`."""
    return [
        rule
        for rule in spec.rules
        if rule.kind != ADD
        and rule.ladder == ladder
        and any(
            one.fact == "type" and one.operator == "is" and one.value.strip().casefold() == type_code
            for one in rule.conditions
        )
    ]
