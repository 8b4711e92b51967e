"""What is wrong with a rule set, before it is published. Pure.

Errors stop publication: it would leave a case without owner, clock or ladder, or hide a mistake. Warnings are shown
and stored with the version. Must not know people; whether a role has anybody on shift is asked above.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from routing_app import facts as catalogue
from routing_app import words
from routing_app.comparing import read_expected, split_list
from routing_app.facts import Operator
from routing_app.ruleset import ADD, LadderSpec, RulesetSpec, RuleSpec

ERROR: Final = "error"
WARNING: Final = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding; `rule` is the code of the rule it is about, empty for the set as a whole."""

    level: str
    code: str
    text: str
    rule: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"level": self.level, "code": self.code, "text": self.text, "rule": self.rule}


def check(spec: RulesetSpec, *, functions: Collection[str] | None = None) -> list[Problem]:
    """Every problem of a rule set, errors first. `functions`: codes that exist, where the caller knows them."""
    problems: list[Problem] = [
        *_check_catch_all(spec),
        *_check_codes(spec),
        *(problem for rule in spec.rules for problem in _check_rule(rule, spec, functions)),
        *(problem for ladder in spec.ladders for problem in _check_ladder(ladder, spec)),
        *_check_shadows(spec),
        *_check_limits(spec),
    ]
    return sorted(problems, key=lambda problem: problem.level != ERROR)


def _check_catch_all(spec: RulesetSpec) -> list[Problem]:
    catch_alls = [rule for rule in spec.rules if rule.is_catch_all]
    if len(catch_alls) == 1 and catch_alls[0] is spec.rules[-1] and catch_alls[0].enabled:
        return []
    return [Problem(ERROR, "catch_all", "Exactly one catch-all must stand at the end, switched on.")]


def _check_codes(spec: RulesetSpec) -> list[Problem]:
    seen: set[str] = set()
    twice = [rule for rule in spec.rules if rule.code in seen or seen.add(rule.code)]  # type: ignore[func-returns-value]
    return [
        Problem(ERROR, "code_twice", f"The code “{rule.code}” is used twice.", rule.code) for rule in twice
    ]


def _check_rule(rule: RuleSpec, spec: RulesetSpec, functions: Collection[str] | None) -> list[Problem]:
    if not rule.enabled:
        return []
    found: list[Problem] = []

    def say(level: str, code: str, text: str) -> None:
        found.append(Problem(level, code, f"Rule {rule.number} “{rule.name}”: {text}", rule.code))

    for condition in rule.conditions:
        try:
            read_expected(condition.fact, condition.operator, condition.value)
        except ValueError as problem:
            say(ERROR, "condition", str(problem))
    if rule.kind != ADD:
        if not rule.owner_function or not rule.owner_role:
            say(ERROR, "owner", "it routes to nobody.")
        if not rule.ladder:
            say(WARNING, "ladder_missing", "it has no ladder; only the owner is ever told.")
        if not rule.conditions and not rule.is_catch_all:
            say(WARNING, "unconditional", "it has no condition; no rule after it is ever reached.")
    if rule.ladder and rule.ladder not in {ladder.code for ladder in spec.ladders}:
        say(ERROR, "ladder_unknown", f"there is no ladder {rule.ladder}.")
    named = {one.function for one in rule.functions} | ({rule.owner_function} - {""})
    if functions is not None:
        for function in sorted(named - set(functions)):
            say(ERROR, "function_unknown", f"there is no function {function}.")
    floor, cap = rule.urgency_floor, rule.urgency_cap
    if floor and cap and words.BAND_RANK[floor] > words.BAND_RANK[cap]:
        say(ERROR, "bounds", f"its floor {floor} lies over its cap {cap}.")
    contradiction = _contradiction(rule)
    if contradiction:
        say(WARNING, "contradiction", contradiction)
    return found


def _contradiction(rule: RuleSpec) -> str:
    """Two conditions on one fact that nothing can meet."""
    allowed: dict[str, frozenset[str]] = {}
    for condition in rule.conditions:
        fact = catalogue.CATALOGUE.get(condition.fact)
        if fact is None or condition.operator not in (
            Operator.IS,
            Operator.ONE_OF,
            Operator.YES,
            Operator.NO,
        ):
            continue
        values = frozenset(part.casefold() for part in split_list(condition.value)) or frozenset(
            {condition.operator}
        )
        known = allowed.get(condition.fact)
        allowed[condition.fact] = values if known is None else known & values
        if not allowed[condition.fact]:
            return f"nothing can meet all its conditions on “{fact.label}”."
    return ""


def _check_ladder(ladder: LadderSpec, spec: RulesetSpec) -> list[Problem]:
    used = any(rule.enabled and rule.ladder == ladder.code for rule in spec.rules)
    silent = not ladder.steps or any(not step.roles for step in ladder.steps)
    if silent:
        level = ERROR if used else WARNING
        return [Problem(level, "ladder_silent", f"Ladder {ladder.code} has a step that wakes nobody.")]
    unknown = sorted({role for step in ladder.steps for role in step.roles} - set(words.ROLES))
    if unknown:
        return [
            Problem(ERROR, "role_unknown", f"Ladder {ladder.code} names no known role: {', '.join(unknown)}.")
        ]
    return []


def _check_shadows(spec: RulesetSpec) -> list[Problem]:
    """Route rules no case can reach because an earlier one asks for less of the same."""
    found: list[Problem] = []
    routes = [rule for rule in spec.rules if rule.enabled and rule.kind != ADD and not rule.is_catch_all]
    asked = {
        rule.code: {(c.fact, c.operator, c.value.casefold()) for c in rule.conditions} for rule in routes
    }
    by_first: list[RuleSpec] = []
    for rule in routes:
        cover = next((earlier for earlier in by_first if asked[earlier.code] <= asked[rule.code]), None)
        if cover is not None:
            text = f"Rule {rule.number} “{rule.name}” is never reached: rule {cover.number} covers it."
            found.append(Problem(WARNING, "shadowed", text, rule.code))
        by_first.append(rule)
    return found


def _check_limits(spec: RulesetSpec) -> list[Problem]:
    found = [
        Problem(
            WARNING, "limits_missing", f"No limits for any type at urgency {band}; a last resort applies."
        )
        for band in words.BANDS
        if (words.ANY_TYPE, band) not in spec.limits
    ]
    for (type_code, band), limits in sorted(spec.limits.items()):
        if not limits.acknowledge <= limits.decide <= limits.resolve:
            text = f"Limits of {type_code}, {band}: acknowledge, decide and resolve must rise."
            found.append(Problem(ERROR, "limits_order", text))
    found.extend(
        Problem(WARNING, "others_missing", f"No time to acknowledge for other functions at urgency {band}.")
        for band in words.BANDS
        if band not in spec.other_acknowledge
    )
    return found
