"""The fact catalogue: reading facts and expectations, and every operator."""

from decimal import Decimal

import pytest

from routing_app import facts
from routing_app.comparing import comparison, prepare, read_expected
from routing_app.facts import CATALOGUE, OPERATORS, Kind

_WANTED = (
    "type site area work_centre work_unit reason kind severity item_group item_source customer_tier hours_to_due "
    "window_min run_out_min quantity value_at_risk shift weekday channel confidence repeats_7d bottleneck "
    "line_stopped units_down_5min shipped customer_stopped safety_characteristic supplier_lot operation_running "
    "sole_certificate grade order_state answer_by_min free_stock_other_site commit_at_risk staffed linked"
)


def test_the_catalogue_holds_every_fact_rules_were_promised() -> None:
    assert set(_WANTED.split()) <= set(CATALOGUE)


def test_every_kind_has_operators_and_every_operator_a_word() -> None:
    assert set(OPERATORS) == set(Kind)
    assert {operator for known in OPERATORS.values() for operator in known} == set(facts.Operator)
    assert set(facts.OPERATOR_WORDS) == set(facts.Operator)


def test_unknown_is_absent() -> None:
    prepared = prepare({"site": None, "area": "", "skills": [], "quantity": 0, "bottleneck": False})

    assert prepared.values == {"quantity": Decimal(0), "bottleneck": False}
    assert prepared.broken == {}


def test_facts_are_read_from_the_forms_they_come_in() -> None:
    prepared = prepare(
        {"type": "Machine_Downtime", "slack_h": 3.5, "opens_7d": "3", "shipped": "yes", "skills": "B1, a2"}
    )

    assert prepared.values == {
        "type": "machine_downtime",
        "hours_to_due": Decimal("3.5"),
        "repeats_7d": Decimal(3),
        "shipped": True,
        "skills": frozenset({"b1", "a2"}),
    }
    assert prepared.raw == {
        "hours_to_due": "3.5",
        "repeats_7d": "3",
        "shipped": "yes",
        "skills": "B1, a2",
        "type": "Machine_Downtime",
    }


@pytest.mark.parametrize(
    ("code", "value"),
    [("quantity", "many"), ("quantity", True), ("bottleneck", "perhaps"), ("site", ["RHF"]), ("skills", 4),
     ("window_min", float("nan")), ("window_min", "Infinity")],
)  # fmt: skip
def test_what_cannot_be_read_is_broken_and_not_unknown(code: str, value: object) -> None:
    prepared = prepare({code: value})

    assert code in prepared.broken
    assert code not in prepared.values


def test_the_stored_form_reads_back_to_the_same_values() -> None:
    given = {
        "quantity": Decimal("12.50"),
        "window_min": 30,
        "shipped": True,
        "skills": {"x", "y"},
        "site": "RHF",
    }
    once = prepare(given)

    assert prepare(once.raw).values == once.values
    assert prepare(once.raw).raw == once.raw


@pytest.mark.parametrize(
    ("fact", "operator", "expected", "value", "result"),
    [
        ("type", "is", "Machine_downtime", "machine_downtime", True),
        ("type", "is_not", "tooling", "machine_downtime", True),
        ("type", "is_not", "tooling", "tooling", False),
        ("type", "one_of", "tooling, machine_downtime", "tooling", True),
        ("type", "none_of", "tooling, machine_downtime", "tooling", False),
        ("reason", "begins_with", "UTL, EXT-MAT", "EXT-MAT-1", True),
        ("reason", "begins_with", "UTL", "MEC-UTL", False),
        ("kind", "contains", "earlier", "DATE-EARLIER", True),
        ("quantity", "less_than", "5", 5, False),
        ("quantity", "at_most", "5", 5, True),
        ("quantity", "more_than", "5", "5.001", True),
        ("quantity", "at_least", "5", 4.999, False),
        ("quantity", "is", "5.0", 5, True),
        ("window_min", "between", "15, 60", 60, True),
        ("window_min", "between", "15, 60", 61, False),
        ("bottleneck", "yes", "", True, True),
        ("bottleneck", "yes", "", False, False),
        ("bottleneck", "no", "", False, True),
        ("skills", "includes", "WELD", ["weld", "crane"], True),
        ("skills", "includes_any", "weld, lift", ["crane"], False),
        ("skills", "includes_none", "weld, lift", ["crane"], True),
        ("area", "known", "", "MACH", True),
    ],
)
def test_operators(fact: str, operator: str, expected: str, value: object, result: bool) -> None:
    assert comparison(fact, operator, expected)(prepare({fact: value}).values[fact]) is result


@pytest.mark.parametrize(
    ("fact", "operator", "value", "says"),
    [
        ("colour", "is", "red", "no fact called “colour”"),
        ("quantity", "contains", "5", "cannot be compared that way"),
        ("quantity", "at_most", "five", "“five” is not a number"),
        ("quantity", "at_most", "", "needs a value"),
        ("window_min", "between", "15", "a lower and an upper bound"),
        ("window_min", "between", "60, 15", "lower bound 60 is over the upper bound 15"),
        ("bottleneck", "yes", "true", "takes no value"),
        ("type", "one_of", " , ", "needs a value"),
    ],
)
def test_a_wrong_expectation_says_what_to_change(fact: str, operator: str, value: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_expected(fact, operator, value)
