"""Shadows and contradictions: a verdict is never wrong, and the ones people write are found."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_app import checks
from routing_app.comparing import prepare
from routing_app.domains import covers, empty_fact, region_of
from routing_app.engine import compile_rules, explain_rule
from routing_app.ruleset import ConditionSpec, RulesetSpec, RuleSpec
from tests.routing_app import by_hand

_TEXTS = ["mec", "mec-leak", "mec-lube", "ele", "ele-drive", "mat"]
_NUMBERS = ["0", "10", "10.5", "20", "30"]
_CODES = ["weld", "crane", "cnc"]


def _listed(values: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3).map(", ".join)


_CONDITIONS = st.one_of(
    st.builds(
        ConditionSpec, st.sampled_from(["reason", "kind"]), st.sampled_from(["is", "is_not"]),
        st.sampled_from(_TEXTS),
    ),
    st.builds(
        ConditionSpec, st.sampled_from(["reason", "kind"]), st.sampled_from(["one_of", "none_of", "begins_with"]),
        _listed([*_TEXTS, "m", "e"]),
    ),
    st.builds(ConditionSpec, st.just("kind"), st.just("contains"), st.sampled_from(["e", "ec", "leak", "lu"])),
    st.builds(
        ConditionSpec, st.just("quantity"),
        st.sampled_from(["less_than", "at_most", "more_than", "at_least", "is"]), st.sampled_from(_NUMBERS),
    ),
    st.builds(
        lambda pair: ConditionSpec("quantity", "between", f"{pair[0]}, {pair[1]}"),
        st.sampled_from(list(pairwise(_NUMBERS))),
    ),
    st.builds(ConditionSpec, st.just("bottleneck"), st.sampled_from(["yes", "no", "known"])),
    st.builds(ConditionSpec, st.just("skills"), st.sampled_from(["includes_any", "includes_none"]), _listed(_CODES)),
    st.builds(ConditionSpec, st.just("skills"), st.just("includes"), st.sampled_from(_CODES)),
)  # fmt: skip
_RULES = st.lists(_CONDITIONS, max_size=4).map(
    lambda conditions: RuleSpec(1, "r", "r", "route", conditions=tuple(conditions))
)
_FACTS = st.fixed_dictionaries(
    {},
    optional={
        "reason": st.sampled_from([*_TEXTS, "zzz"]),
        "kind": st.sampled_from([*_TEXTS, "leaky"]),
        "quantity": st.sampled_from([-1, 0, 5, 10, "10.2", "10.5", 15, 20, 25, 30, 31]),
        "bottleneck": st.booleans(),
        "skills": st.lists(st.sampled_from([*_CODES, "press"]), min_size=1, max_size=3),
    },
)


def _holds(rule: RuleSpec, facts: dict[str, object]) -> bool:
    return all(by_hand.holds(condition.as_dict(), facts) for condition in rule.conditions)


@settings(max_examples=200, deadline=None)
@given(_RULES, _RULES, st.lists(_FACTS, min_size=8, max_size=8))
def test_a_verdict_is_never_wrong(
    general: RuleSpec, special: RuleSpec, cases: list[dict[str, object]]
) -> None:
    one, other = region_of(general), region_of(special)
    assert one is not None
    assert other is not None
    covered, nothing = covers(one, other), empty_fact(other) != ""
    for facts in cases:
        if _holds(special, facts):
            assert not nothing
            assert not covered or _holds(general, facts)


@settings(max_examples=200, deadline=None)
@given(_RULES, _FACTS)
def test_the_engine_and_the_hand_agree_on_conditions(rule: RuleSpec, facts: dict[str, object]) -> None:
    last = RuleSpec(2, "c", "c", "route", is_catch_all=True, owner_function="planning", owner_role="planner")
    ready = compile_rules(RulesetSpec(rules=(rule, last)))

    line = explain_rule(ready.rules[0], prepare(facts))

    assert (line["result"] == "matched") == _holds(rule, facts)


def _route(
    number: int, *conditions: tuple[str, str, str], role: str = "technician", **fields: object
) -> RuleSpec:
    rule = RuleSpec(
        number, f"r{number}", f"R{number}", "route", owner_function="maintenance", owner_role=role, ladder="L",
        conditions=tuple(ConditionSpec(*one) for one in conditions),
    )  # fmt: skip
    return replace(rule, **fields)  # type: ignore[arg-type]


def _found(*rules: RuleSpec) -> set[tuple[str, str]]:
    last = _route(len(rules) + 1, is_catch_all=True)
    problems = checks.check(RulesetSpec(rules=(*rules, last)))
    return {
        (problem.code, problem.rule)
        for problem in problems
        if problem.rule and problem.code != "ladder_unknown"
    }


DOWN = ("type", "is", "machine_downtime")


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (("window_min", "less_than", "60"), ("window_min", "at_most", "30"), "shadowed"),
        (("window_min", "at_most", "30"), ("window_min", "less_than", "60"), ""),
        (("window_min", "less_than", "30"), ("window_min", "at_most", "30"), ""),
        (("reason", "begins_with", "MEC"), ("reason", "is", "MEC-LEAK"), "shadowed"),
        (("reason", "begins_with", "MEC"), ("reason", "begins_with", "MEC-LEAK, MEC-LUBE"), "shadowed"),
        (("reason", "begins_with", "MEC"), ("reason", "is", "ELE-DRIVE"), ""),
        (("area", "one_of", "MACH, FORM"), ("area", "is", "FORM"), "shadowed"),
        (("area", "is", "FORM"), ("area", "one_of", "MACH, FORM"), ""),
        (("area", "is_not", "FORM"), ("area", "is", "MACH"), "shadowed"),
        (("bottleneck", "known", ""), ("bottleneck", "yes", ""), "shadowed"),
        (("bottleneck", "yes", ""), ("area", "is", "MACH"), ""),
        (("quantity", "between", "1, 50"), ("quantity", "is", "50"), "shadowed"),
    ],
)
def test_an_earlier_rule_that_takes_all_its_cases_shadows(
    first: tuple[str, str, str], second: tuple[str, str, str], code: str
) -> None:
    found = _found(_route(1, DOWN, first), _route(2, DOWN, second))

    assert found == ({(code, "r2")} if code else set())


def test_the_same_cases_for_two_owners_contradict() -> None:
    same = (DOWN, ("area", "one_of", "FORM, MACH"))
    turned = (("area", "one_of", "mach,form"), DOWN)

    assert _found(_route(1, *same), _route(2, *turned, role="planner")) == {("contradictory", "r2")}
    assert _found(_route(1, *same), _route(2, *turned)) == {("shadowed", "r2")}
    assert _found(_route(1, *same), _route(2, DOWN, ("area", "is", "ASSY"), role="planner")) == set()


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ((("window_min", "less_than", "30"), ("window_min", "at_least", "30")), True),
        ((("window_min", "at_most", "30"), ("window_min", "at_least", "30")), False),
        ((("bottleneck", "yes", ""), ("bottleneck", "no", "")), True),
        ((("reason", "begins_with", "MEC"), ("reason", "begins_with", "ELE")), True),
        ((("reason", "begins_with", "MEC"), ("reason", "begins_with", "MEC-L")), False),
        ((("area", "is", "MACH"), ("area", "is_not", "mach")), True),
        ((("skills", "includes", "weld"), ("skills", "includes_none", "weld, crane")), True),
        ((("skills", "includes", "weld"), ("skills", "includes_none", "crane")), False),
    ],
)
def test_conditions_nothing_can_meet_are_named(
    conditions: tuple[tuple[str, str, str], ...], found: bool
) -> None:
    assert _found(_route(1, *conditions)) == ({("contradiction", "r1")} if found else set())


def test_a_cap_under_a_floor_that_always_speaks_with_it_is_named() -> None:
    floor = replace(_route(1, DOWN), kind="add", owner_function="", owner_role="", urgency_floor="high")
    special = _route(2, DOWN, ("area", "is", "MACH"), urgency_cap="normal")

    assert _found(floor, special) == {("bounds_contradict", "r2")}
    assert _found(floor, replace(special, urgency_cap="critical")) == set()
    assert _found(floor, _route(2, ("area", "is", "MACH"), urgency_cap="normal")) == set()


def test_two_thousand_rules_are_checked_with_the_shadow_found() -> None:
    rules = [
        _route(n, DOWN, ("work_unit", "is", f"U{n % 1000}"), ("quantity", "more_than", str(n)))
        for n in range(1, 2001)
    ]
    last = _route(2001, is_catch_all=True)

    shadowed = [one for one in checks.check(RulesetSpec(rules=(*rules, last))) if one.code == "shadowed"]

    assert len(shadowed) == 1000  # n + 1000 asks for more of the same unit than n
    assert shadowed[0].text == "Rule 1001 “R1001” is never reached: rule 1 covers it."
