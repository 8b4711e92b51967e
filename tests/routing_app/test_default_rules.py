"""The shipped rules: who owns what, who must acknowledge, how urgent, by which ladder."""

from typing import Any

import pytest

from routing_app.checks import check
from routing_app.engine import CompiledRules, compile_rules, evaluate
from routing_app.facts import CATALOGUE
from routing_app.services.publishing import default_ruleset
from routing_app.words import BANDS, FUNCTIONS, ROLES, TYPES

DOWN = {
    "type": "machine_downtime",
    "site": "RHF",
    "area": "MACH",
    "kind": "stopped",
    "confidence": 1,
    "linked": True,
}
SHORT = {"type": "material_shortage", "area": "FORM", "confidence": 0.9, "linked": True}
HOLD = {"type": "quality_hold", "area": "MACH", "linked": True}
CHANGE = {"type": "order_change", "linked": True}
CREW = {"type": "labour_shortage", "area": "MACH", "linked": True}


@pytest.fixture(scope="module")
def rules() -> CompiledRules:
    return compile_rules(default_ruleset())


# case: facts, rule, owner role, required functions, ladder
CASES: list[tuple[str, dict[str, Any], str, str, str, str]] = [
    ("safety", {"type": "safety_stop", "area": "MACH"}, "safety-stop", "shift_supervisor", "safety maintenance", "SAF"),
    ("safety, unsure and unlinked", {"type": "safety_stop", "confidence": 0.1, "linked": False}, "safety-stop",
     "shift_supervisor", "safety maintenance", "SAF"),
    ("unsure", {**DOWN, "confidence": 0.3}, "triage-unsure", "shift_supervisor", "", "LAB"),
    ("unsure, no place", {"type": "tooling", "confidence": 0.3}, "triage-unsure-no-area", "planner", "", "LAB"),
    ("unlinked", {**DOWN, "linked": False}, "triage-unlinked", "shift_supervisor", "", "LAB"),
    ("customer stopped by quality", {**HOLD, "customer_stopped": True}, "quality-customer-stopped", "quality_engineer",
     "customer_service logistics planning production", "QLT"),
    ("complaint on safety", {"type": "customer_complaint", "linked": True, "safety_characteristic": True},
     "quality-safety", "quality_engineer", "customer_service logistics planning production", "QLT"),
    ("shipped lots", {**HOLD, "shipped": True}, "quality-shipped", "quality_engineer",
     "customer_service logistics planning production", "QLT"),
    ("complaint", {"type": "customer_complaint", "linked": True, "shipped": True}, "complaint", "csr",
     "quality planning", "ORD"),
    ("supplier lot", {**HOLD, "supplier_lot": True}, "hold-supplier-lot", "inspector",
     "procurement logistics planning", "QLT"),
    ("hold while running", {**HOLD, "operation_running": True}, "hold-running", "inspector", "production planning",
     "QLT"),
    ("hold on stock", {**HOLD, "operation_running": False}, "hold", "quality_engineer",
     "logistics planning production", "QLT"),
    ("no air", {**DOWN, "reason": "UTL-AIR"}, "downtime-utility", "maintenance_lead", "production planning", "MNT"),
    ("three units", {**DOWN, "units_down_5min": 3}, "downtime-many", "maintenance_lead", "production planning", "MNT"),
    ("no material", {**DOWN, "reason": "EXT-MAT"}, "downtime-material", "shift_supervisor", "", "LAB"),
    ("no operator", {**DOWN, "reason": "EXT-OPR"}, "downtime-operator", "shift_supervisor", "", "LAB"),
    ("quality stop", {**DOWN, "reason": "QLT-STOP"}, "downtime-quality", "shift_supervisor", "", "LAB"),
    ("broken tool", {**DOWN, "reason": "TOL-BRK"}, "downtime-tool", "technician", "production planning quality", "MNT"),
    ("tooling", {"type": "tooling", "linked": True}, "tooling", "technician", "production planning quality", "MNT"),
    ("down at night", {**DOWN, "staffed": False}, "downtime-off-shift", "shift_supervisor", "maintenance planning",
     "MNT"),
    ("electrical", {**DOWN, "reason": "ELE-PLC"}, "downtime-electrical", "technician", "production planning", "MNT"),
    ("hydraulic leak", {**DOWN, "reason": "MEC-LEAK"}, "downtime-mechanical", "technician", "production planning",
     "MNT"),
    ("down", DOWN, "downtime", "technician", "production planning", "MNT"),
    ("short, stopped", {**SHORT, "kind": "stopped_now"}, "shortage-stopped", "material_handler",
     "production planning procurement", "MAT"),
    ("short, window", {**SHORT, "window_min": 60, "item_source": "bought"}, "shortage-window", "material_handler",
     "production planning procurement", "MAT"),
    ("short, run-out", {**SHORT, "run_out_min": 45}, "shortage-run-out", "material_handler",
     "production planning procurement", "MAT"),
    ("short, stock elsewhere", {**SHORT, "free_stock_other_site": True, "item_source": "bought"},
     "shortage-other-site", "logistics_lead", "planning production", "MAT"),
    ("short, bought", {**SHORT, "item_source": "bought", "window_min": 600}, "shortage-bought", "buyer",
     "planning logistics production", "PUR"),
    ("short, made", {**SHORT, "item_source": "made"}, "shortage-made", "planner", "production logistics", "MAT"),
    ("short, source unknown", SHORT, "shortage", "material_handler", "production planning procurement", "MAT"),
    ("supplier late, soon", {"type": "supplier_delay", "run_out_min": 4319}, "supplier-delay-soon", "buyer",
     "planning production logistics", "PUR"),
    ("supplier late", {"type": "supplier_delay", "run_out_min": 4320}, "supplier-delay", "buyer", "planning", "PUR"),
    ("change, error", {**CHANGE, "grade": "error"}, "change-error", "planner",
     "customer_service production procurement", "ORD"),
    ("change, warning, A", {**CHANGE, "grade": "warning", "tier": "A"}, "change-warning-tier-a", "planner",
     "customer_service production procurement", "ORD"),
    ("change, line down", {**CHANGE, "grade": "information", "customer_stopped": True}, "change-customer-stopped",
     "planner", "customer_service production procurement", "ORD"),
    ("change, warning", {**CHANGE, "grade": "warning", "tier": "B"}, "change-warning", "planner",
     "customer_service production", "ORD"),
    ("change, picked", {**CHANGE, "grade": "warning", "order_state": 7}, "change-warning", "planner",
     "customer_service production logistics", "ORD"),
    ("change, long lead", {**CHANGE, "grade": "warning", "long_lead": True}, "change-warning", "planner",
     "customer_service production procurement", "ORD"),
    ("change, small", {**CHANGE, "grade": "none"}, "change-small", "csr", "", "ORD"),
    ("change, answer soon", {**CHANGE, "grade": "information", "answer_by_min": 479}, "change-answer-soon", "csr", "",
     "ORD"),
    ("change, not graded", CHANGE, "change", "csr", "planning", "ORD"),
    ("crew, bottleneck", {**CREW, "bottleneck": True}, "labour-bottleneck", "shift_supervisor", "planning", "LAB"),
    ("crew, certificate", {**CREW, "sole_certificate": True}, "labour-certificate", "shift_supervisor", "planning",
     "LAB"),
    ("crew, work stops", {**CREW, "severity": "high"}, "labour-stops-work", "line_lead", "planning", "LAB"),
    ("crew", {**CREW, "severity": "medium"}, "labour", "line_lead", "", "LAB"),
    ("engineering change", {"type": "engineering_change"}, "engineering-change", "engineer",
     "planning production quality procurement", "ENG"),
    ("unknown in an area", {"area": "MACH"}, "triage-area", "shift_supervisor", "", "LAB"),
    ("a type of the plant's own", {"type": "visitor", "area": "MACH"}, "triage-area", "shift_supervisor", "", "LAB"),
    ("nothing known", {}, "catch-all", "planner", "", "LAB"),
]  # fmt: skip


@pytest.mark.parametrize(("_case", "facts", "rule", "owner", "required", "ladder"), CASES)
def test_shipped_routes(
    rules: CompiledRules, _case: str, facts: dict[str, Any], rule: str, owner: str, required: str, ladder: str
) -> None:
    outcome = evaluate(facts, rules)

    assert outcome.rule_code == rule
    assert outcome.owner_role == owner
    assert {one.function for one in outcome.functions if one.required} == set(required.split())
    assert outcome.ladder_code == ladder
    assert outcome.triage is (rule.startswith("triage") or rule == "catch-all")
    assert outcome.errors == ()
    assert outcome.ladder[0].after_minutes == 0
    assert outcome.ladder[0].roles[0] == owner
    assert [one.after_minutes for one in outcome.ladder] == sorted(
        one.after_minutes for one in outcome.ladder
    )


def test_every_shipped_route_rule_decides_some_case_above() -> None:
    routed = {rule.code for rule in default_ruleset().rules if rule.kind == "route"}

    assert {case[2] for case in CASES} | {"triage-unlinked-no-area"} == routed


def test_shipped_rules_pass_their_own_checks_and_stand_on_known_words() -> None:
    spec = default_ruleset()

    assert check(spec, functions=set(FUNCTIONS)) == []
    assert {c.fact for rule in spec.rules for c in rule.conditions} <= set(CATALOGUE)
    assert {role for ladder in spec.ladders for step in ladder.steps for role in step.roles} <= set(ROLES)
    assert {rule.owner_role for rule in spec.rules} - {""} <= set(ROLES)
    assert len({rule.code for rule in spec.rules}) == len(spec.rules)


def test_every_type_has_limits_at_every_urgency_it_can_have() -> None:
    limits = default_ruleset().limits

    assert {band for type_, band in limits if type_ == "safety_stop"} == {"critical"}
    for type_ in set(TYPES) - {"safety_stop"}:
        assert {band for found, band in limits if found == type_} == set(BANDS)


@pytest.mark.parametrize(
    ("type_code", "urgency", "minutes"),
    [
        ("machine_downtime", "critical", (5, 15, 120, None)),
        ("machine_downtime", "low", (60, 240, 1440, None)),
        ("material_shortage", "high", (5, 30, 240, None)),
        ("quality_hold", "high", (15, 240, 1440, 30)),
        ("order_change", "normal", (120, 480, 1440, None)),
        ("labour_shortage", "critical", (5, 10, 30, None)),
        ("tooling", "normal", (30, 120, 480, None)),
        ("supplier_delay", "low", (480, 1440, 4320, None)),
        ("safety_stop", "critical", (2, 15, 240, None)),
        ("customer_complaint", "critical", (15, 240, 1440, 60)),
        ("engineering_change", "high", (120, 480, 2880, None)),
    ],
)
def test_shipped_limits(type_code: str, urgency: str, minutes: tuple[int | None, ...]) -> None:
    found = default_ruleset().limits[type_code, urgency]

    assert (found.acknowledge, found.decide, found.resolve, found.contain) == minutes


def test_a_bottleneck_press_is_critical_with_the_right_clocks(rules: CompiledRules) -> None:
    facts = {**DOWN, "bottleneck": True, "window_min": 10, "severity": "high", "slack_h": 4, "tier": "A"}

    outcome = evaluate(facts, rules)

    assert (outcome.urgency, float(outcome.urgency_score)) == ("critical", 88.0)
    assert (outcome.limits.acknowledge, outcome.limits.decide, outcome.limits.resolve) == (5, 15, 120)
    assert outcome.other_acknowledge == 10
    assert [one.after_minutes for one in outcome.ladder] == [0, 5, 15, 30, 120]
    assert [(one.function, one.role) for one in outcome.informed_roles] == [("production", "area_manager")]


def test_a_missed_promise_brings_in_customer_service(rules: CompiledRules) -> None:
    plain = evaluate(
        {**DOWN, "commit_at_risk": True, "severity": "low", "tier": "C", "window_min": 9999}, rules
    )
    tier_a = evaluate(
        {**DOWN, "commit_at_risk": True, "severity": "low", "tier": "A", "window_min": 9999}, rules
    )

    assert "customer_service" in {one.function for one in plain.functions if one.required}
    assert plain.urgency == "normal"
    assert tier_a.urgency == "high"


def test_safety_tells_the_first_three_levels_at_once(rules: CompiledRules) -> None:
    outcome = evaluate({"type": "safety_stop"}, rules)

    assert outcome.urgency == "critical"
    assert [(one.roles[0], one.after_minutes) for one in outcome.ladder] == [
        ("shift_supervisor", 0),
        ("safety_duty", 0),
        ("plant_manager", 0),
        ("operations_director", 30),
    ]


def test_escaped_quality_and_hard_changes_pull_their_third_level(rules: CompiledRules) -> None:
    shipped = evaluate({**HOLD, "shipped": True}, rules)
    change = evaluate({**CHANGE, "grade": "error", "severity": "high", "window_min": 60}, rules)

    assert shipped.urgency == "critical"
    assert [(one.level, one.after_minutes) for one in shipped.ladder] == [(2, 0), (3, 0), (4, 60), (5, 240)]
    assert change.limits.acknowledge == 120
    assert [(one.level, one.after_minutes) for one in change.ladder] == [
        (2, 0),
        (3, 120),
        (4, 720),
        (5, 2880),
    ]


def test_outside_shifts_the_clocks_are_doubled_unless_critical(rules: CompiledRules) -> None:
    night = evaluate({**DOWN, "staffed": False, "severity": "medium", "window_min": 240}, rules)
    critical = evaluate({**DOWN, "staffed": False, "reason": "UTL-AIR"}, rules)

    assert (night.urgency, night.limits.acknowledge, night.other_acknowledge) == ("normal", 30, 120)
    assert (critical.urgency, critical.limits.acknowledge, critical.other_acknowledge) == ("critical", 5, 10)


def test_a_recurring_case_asks_for_a_root_cause_and_brings_the_lead(rules: CompiledRules) -> None:
    outcome = evaluate({**DOWN, "opens_7d": 3}, rules)

    assert outcome.marks == ("root_cause_required",)
    assert ("maintenance", "maintenance_lead") in {(one.function, one.role) for one in outcome.informed_roles}


def test_small_changes_stay_low_unless_the_answer_is_due(rules: CompiledRules) -> None:
    hot = {"severity": "critical", "window_min": 10, "tier": "A"}

    assert evaluate({**CHANGE, **hot, "grade": "none"}, rules).urgency == "low"
    assert evaluate({**CHANGE, **hot, "grade": "none", "answer_by_min": 60}, rules).urgency == "critical"


def test_the_other_site_is_asked_or_told(rules: CompiledRules) -> None:
    soon = evaluate({**SHORT, "other_site_need_h": 8}, rules).elsewhere
    later = evaluate({**SHORT, "other_site_need_h": 40}, rules).elsewhere
    made = evaluate({**SHORT, "item_source": "made"}, rules).elsewhere

    assert [(one.function, one.required) for one in soon] == [("planning", True)]
    assert [(one.function, one.required) for one in later] == [("planning", False)]
    assert [(one.function, one.required) for one in made] == [("production", True)]
    assert evaluate({**SHORT, "other_site_need_h": 49}, rules).elsewhere == ()


def test_a_waiting_unit_proposes_the_type_it_really_is(rules: CompiledRules) -> None:
    assert evaluate({**DOWN, "reason": "EXT-MAT"}, rules).proposes_type == "material_shortage"
    assert evaluate({**DOWN, "reason": "EXT-OPR"}, rules).proposes_type == "labour_shortage"
    assert evaluate({**DOWN, "reason": "QLT-STOP"}, rules).proposes_type == "quality_hold"


def test_the_craft_follows_from_the_reason(rules: CompiledRules) -> None:
    assert evaluate({**DOWN, "reason": "ELE-SENS"}, rules).owner_skill == "electrical"
    assert evaluate({**DOWN, "reason": "MEC-JAM"}, rules).owner_skill == "mechanical"
    assert evaluate(DOWN, rules).owner_skill == ""
