"""The routing engine: facts and a compiled rule set in, an outcome out. Pure, deterministic, no clock, no database.

Conditions are compiled to closures once and rules are filed by what they ask (see `index`), so that thousands of rules
cost little. A rule that can't be read is an error kept apart from "did not match". Must not know persons:
it answers with roles.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from routing_app import urgency
from routing_app.assembling import assemble
from routing_app.clocks import Limits
from routing_app.comparing import Prepared, comparison, prepare
from routing_app.index import RuleIndex, build
from routing_app.outcome import Outcome
from routing_app.ruleset import ADD, ConditionSpec, LadderSpec, RulesetSpec, RuleSpec

YES: Final = "yes"
NO: Final = "no"
UNKNOWN: Final = "unknown"
ERROR: Final = "error"
MATCHED: Final = "matched"
NOT_MATCHED: Final = "not matched"


class RulesetInvalid(ValueError):
    """The rule set can't route everything: its catch-all is missing, not last, or names no owner."""


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    spec: ConditionSpec
    test: Callable[[Any], bool] | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    spec: RuleSpec
    conditions: tuple[CompiledCondition, ...]
    tests: tuple[tuple[str, Callable[[Any], bool]], ...]
    broken: bool
    adds: bool


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """Enabled rules in order, ready to run; `index` answers with positions in `rules`."""

    rules: tuple[CompiledRule, ...]
    numbers: tuple[int, ...]
    index: RuleIndex
    ladders: Mapping[str, LadderSpec]
    limits: Mapping[tuple[str, str], Limits]
    other_acknowledge: Mapping[str, int]
    errors: tuple[str, ...]


def compile_rules(spec: RulesetSpec) -> CompiledRules:
    """Compile a rule set. RulesetInvalid without a usable catch-all at the end; a broken condition does not raise,
    it is carried along and reported by every evaluation."""
    enabled = [rule for rule in spec.rules if rule.enabled]
    if not enabled or not enabled[-1].is_catch_all or any(rule.is_catch_all for rule in enabled[:-1]):
        raise RulesetInvalid("The last rule must be the catch-all, and the only one.")
    if not enabled[-1].owner_function or not enabled[-1].owner_role:
        raise RulesetInvalid("The catch-all names no owner.")
    rules = tuple(_compile_rule(rule) for rule in enabled)
    errors = tuple(
        f"Rule {rule.spec.number} “{rule.spec.name}”: {condition.error}"
        for rule in rules
        for condition in rule.conditions
        if condition.error
    )
    return CompiledRules(
        rules=rules,
        numbers=tuple(rule.number for rule in enabled),
        index=build((tuple(one.spec for one in rule.conditions), rule.broken) for rule in rules),
        ladders={ladder.code: ladder for ladder in spec.ladders},
        limits=dict(spec.limits),
        other_acknowledge=dict(spec.other_acknowledge),
        errors=errors,
    )


def _compile_rule(spec: RuleSpec) -> CompiledRule:
    # The catch-all takes what is left, whatever was written under it.
    conditions = () if spec.is_catch_all else tuple(_compile_condition(one) for one in spec.conditions)
    tests = tuple((one.spec.fact, one.test) for one in conditions if one.test is not None)
    return CompiledRule(
        spec=spec,
        conditions=conditions,
        tests=tests,
        broken=any(one.error for one in conditions),
        adds=spec.kind == ADD,
    )


def _compile_condition(spec: ConditionSpec) -> CompiledCondition:
    try:
        return CompiledCondition(spec, comparison(spec.fact, spec.operator, spec.value))
    except ValueError as problem:
        return CompiledCondition(spec, None, str(problem))


def evaluate(
    facts: Mapping[str, Any],
    ruleset: CompiledRules,
    *,
    trace: bool = True,
    standing: urgency.Settled | None = None,
) -> Outcome:
    """Route: add rules contribute on the way down, the first matching route rule decides, the catch-all takes the rest.

    `facts` as they come (see `comparing.prepare`). With `trace` each rule that was looked at says for each condition
    what it saw; without it the same route is reached faster and `Outcome.trace` is empty. `standing` is the band the
    case has now: it rises at once and falls slowly (see `urgency.settle`).
    """
    prepared = prepare(facts)
    added: list[RuleSpec] = []
    lines: list[dict[str, Any]] = []
    errors: list[str] = []
    decided: RuleSpec | None = None
    seen: list[int] = []
    for position in ruleset.index.candidates(prepared):
        rule = ruleset.rules[position]
        if trace:
            seen.append(position)
            line = explain_rule(rule, prepared)
            lines.append(line)
            matched = line["result"] == MATCHED
            if line["result"] == ERROR:
                errors.extend(
                    f"Rule {rule.spec.number} “{rule.spec.name}”: {condition['error']}"
                    for condition in line["conditions"]
                    if condition["result"] == ERROR
                )
        else:
            matched = not rule.broken and _matches(rule, prepared.values)
        if not matched:
            continue
        if rule.adds:
            added.append(rule.spec)
        else:
            decided = rule.spec
            break
    if decided is None:  # compile_rules guarantees a last rule that matches everything
        raise RulesetInvalid("No rule took the case.")
    record = _trace(ruleset, decided, lines, seen) if trace else {}
    outcome = assemble(prepared, ruleset, added, decided, standing)
    return replace(outcome, errors=tuple(errors) if trace else ruleset.errors, trace=record)


def _matches(rule: CompiledRule, values: Mapping[str, Any]) -> bool:
    for fact, test in rule.tests:
        value = values.get(fact)
        if value is None or not test(value):
            return False
    return True


def explain_rule(rule: CompiledRule, prepared: Prepared) -> dict[str, Any]:
    """One rule against facts, every condition answered: yes, no, unknown (fact absent) or error (unreadable)."""
    conditions = [_explain_condition(condition, prepared) for condition in rule.conditions]
    results = {condition["result"] for condition in conditions}
    result = ERROR if ERROR in results else MATCHED if results <= {YES} else NOT_MATCHED
    return {
        "number": rule.spec.number,
        "code": rule.spec.code,
        "name": rule.spec.name,
        "kind": rule.spec.kind,
        "result": result,
        "conditions": conditions,
    }


def _explain_condition(condition: CompiledCondition, prepared: Prepared) -> dict[str, Any]:
    spec = condition.spec
    error = condition.error or prepared.broken.get(spec.fact, "")
    value = prepared.values.get(spec.fact)
    if error or condition.test is None:
        result = ERROR
    elif value is None:
        result = UNKNOWN
    else:
        result = YES if condition.test(value) else NO
    return {
        "fact": spec.fact,
        "operator": spec.operator,
        "expected": spec.value,
        "value": prepared.raw.get(spec.fact),
        "result": result,
        "error": error,
    }


def _trace(
    ruleset: CompiledRules, decided: RuleSpec, lines: list[dict[str, Any]], seen: list[int]
) -> dict[str, Any]:
    """What was looked at in full; the others by number, with why they were not looked at. `seen` rises and ends with
    the rule that decided."""
    passed_over: list[int] = []
    start = 0
    for position in seen:
        passed_over.extend(ruleset.numbers[start:position])
        start = position + 1
    return {
        "decided_by": decided.number,
        "rules": lines,
        "other_case": passed_over,
        "not_reached": list(ruleset.numbers[start:]),
    }


def explain_all(facts: Mapping[str, Any], ruleset: CompiledRules) -> list[dict[str, Any]]:
    """Every enabled rule with every condition answered, also those the index passes over; for people, not for speed."""
    prepared = prepare(facts)
    return [explain_rule(rule, prepared) for rule in ruleset.rules]


def score_only(facts: Mapping[str, Any]) -> tuple[str, Decimal]:
    """Band and score from the weighted inputs alone, without floors, caps or rules."""
    score = urgency.score(prepare(facts).values)
    return score.band, score.total
