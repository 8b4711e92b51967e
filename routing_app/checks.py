"""What is wrong with a rule set, before it is published. Pure.

Errors stop publication: it would leave a case without owner, clock or ladder, or hide a mistake. Warnings are shown
and stored with the version. Must not know people; whether a role has anybody on shift is asked above.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from routing_app import facts as catalogue
from routing_app import words
from routing_app.comparing import read_expected
from routing_app.domains import Earlier, Region, covers, empty_fact, region_of
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
        *_check_bounds(spec),
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
    region = region_of(rule)
    fact = empty_fact(region) if region else ""
    if fact:
        label = catalogue.CATALOGUE[fact].label
        say(WARNING, "contradiction", f"nothing can meet all its conditions on “{label}”.")
    return found


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
    """Route rules no case can reach because an earlier one takes them all; with another owner for the very same cases
    the two contradict each other."""
    found: list[Problem] = []
    earlier = Earlier()
    for rule in spec.rules:
        if not rule.enabled or rule.kind == ADD or rule.is_catch_all:
            continue
        region = region_of(rule)
        if region is None or empty_fact(region):
            continue
        cover = earlier.cover_of(region)
        if cover is not None:
            found.append(_shadow(rule, region, *cover))
        earlier.add(rule, region)
    return found


def _shadow(rule: RuleSpec, region: Region, first: RuleSpec, general: Region) -> Problem:
    name = f"Rule {rule.number} “{rule.name}”"
    owners = [(one.owner_function, one.owner_role, one.owner_place) for one in (first, rule)]
    if owners[0] != owners[1] and covers(region, general):
        role, other = (words.label_of(words.ROLES, one.owner_role) for one in (rule, first))
        text = (
            f"{name} asks for just what rule {first.number} “{first.name}” asks and names another owner "
            f"({role}, not {other}); it is never reached."
        )
        return Problem(WARNING, "contradictory", text, rule.code)
    return Problem(WARNING, "shadowed", f"{name} is never reached: rule {first.number} covers it.", rule.code)


def _check_bounds(spec: RulesetSpec) -> list[Problem]:
    """A cap that never holds, because an add rule that always speaks with it sets a higher floor."""
    found: list[Problem] = []
    adds = [
        (rule, region)
        for rule in spec.rules
        if rule.enabled and rule.kind == ADD and (region := region_of(rule))
    ]
    floors = [(rule, region) for rule, region in adds if rule.urgency_floor]
    for rule in spec.rules:
        if not rule.enabled or not rule.urgency_cap or rule.is_catch_all:
            continue
        region = region_of(rule)
        if region is None or empty_fact(region):
            continue
        for other, general in floors:
            over = words.BAND_RANK[other.urgency_floor] > words.BAND_RANK[rule.urgency_cap]
            earlier = rule.kind == ADD or other.number < rule.number
            if other is not rule and over and earlier and covers(general, region):
                text = (
                    f"Rule {rule.number} “{rule.name}” caps urgency at {rule.urgency_cap} where rule {other.number} "
                    f"“{other.name}” always asks for at least {other.urgency_floor}; the floor wins."
                )
                found.append(Problem(WARNING, "bounds_contradict", text, rule.code))
                break
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
