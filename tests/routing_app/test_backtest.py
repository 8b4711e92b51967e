"""The backtest of a draft: exactly what a replay by hand finds, what it counts, and what it refuses."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache

from core import clock
from core.errors import InvalidInput, NotFound, TransitionRefused
from plant_app.models import Function, Site
from routing_app import services
from routing_app.models import (
    ClockLimit,
    LadderStep,
    RoutingCase,
    Rule,
    RuleCondition,
    RuleFunction,
    RuleVersion,
)
from routing_app.selectors import draft_spec
from routing_app.services import backtest
from routing_app.services.backtesting import usable
from routing_app.services.publishing import default_ruleset
from tests.routing_app import by_hand

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CASES = 360

_TYPES = ["machine_downtime", "material_shortage", "quality_hold", "order_change", "labour_shortage", "tooling",
          "supplier_delay", "safety_stop", "engineering_change", "customer_complaint"]  # fmt: skip
_CHOICES: dict[str, list[Any]] = {
    "type": _TYPES, "site": ["RHF"], "area": ["MACH", "FORM", "ASSY"], "work_unit": ["CNC-04", "PRS-04", "GRD-02"],
    "reason": ["MEC-LEAK", "ELE-DRIVE", "SET-LONG", "MAT-LATE", "ABS-SICK"],
    "kind": ["stopped", "slow", "stopped_now", "soon", "DATE-EARLIER", "QTY-UP"],
    "severity": ["critical", "high", "medium", "low"], "item_group": ["valves", "pumps"],
    "item_source": ["bought", "made"], "customer_tier": ["A", "B", "C", "stock"],
    "hours_to_due": [-3, 0, "3.5", 20, 60, 100], "window_min": [0, 10, 15, "44.5", 60, 200, 300, 1000, 2000],
    "run_out_min": [5, 45, 60, 200, 500], "quantity": [1, "12.5", 400], "value_at_risk": [500, 12000, 90000],
    "shift": ["E", "L", "N"], "weekday": ["mon", "wed", "sat"], "channel": ["form", "email", "machine", "edi"],
    "confidence": ["0.41", "0.7", "0.93", 1], "repeats_7d": [1, 2, 3, 6], "grade": ["none", "information", "warning",
    "error"], "order_state": [1, 4, 6, 7, 8], "answer_by_min": [20, 100, 600], "owner_records_10min": [2, 12],
    "units_down_5min": [1, 3, 6], "skills": [["weld"], ["weld", "crane"]],
    **{flag: [True, False] for flag in (
        "bottleneck", "line_stopped", "shipped", "customer_stopped", "safety_characteristic", "supplier_lot",
        "operation_running", "sole_certificate", "single_source", "long_lead", "free_stock_other_site",
        "commit_at_risk", "staffed", "linked", "order_within_24h", "planned_stop",
    )},
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def _facts(dice: Random) -> dict[str, Any]:
    facts = {code: dice.choice(choices) for code, choices in _CHOICES.items() if dice.random() < 0.45}
    if dice.random() < 0.9:
        facts["type"] = dice.choice(_TYPES)
    if dice.random() < 0.85:  # most are understood, or triage would take them all
        facts |= {"linked": True, "confidence": "0.93"}
    return facts | {"site": "RHF"}


def _cases(dice: Random) -> None:
    """Routed as they would be, spread over four months; every third with a new window, some with two."""
    for number in range(CASES):
        with clock.travel(NOW - timedelta(hours=dice.randrange(1, 24 * 120))):
            case = services.route(facts=_facts(dice), origin_ref=f"exception:EX-{number}").case
            for _ in range(dice.choice([0, 0, 1, 2])):
                window = dice.choice(_CHOICES["window_min"])
                services.reevaluate(
                    case=case, facts={"window_min": window, "severity": dice.choice(_CHOICES["severity"])}
                )


def _edit() -> None:
    """A draft that differs in every way a draft can."""
    down = Rule.objects.get(code="downtime")
    Rule.objects.filter(pk=down.pk).update(owner_role="maintenance_lead", acknowledge=7)
    Rule.objects.filter(code="tooling").update(enabled=False)
    Rule.objects.filter(code="catch-all").update(urgency_floor="high")
    RuleFunction.objects.create(rule=down, function=Function.objects.get(code="quality"),
                                role="inspector")  # fmt: skip
    ClockLimit.objects.filter(type_code="quality_hold", urgency="critical").update(acknowledge=3)
    LadderStep.objects.filter(ladder=down.ladder, level=2).update(factor="1.5", repeats=2, repeat_minutes=3)
    services.move_rule(rule=Rule.objects.get(code="labour"), up=True)
    heavy = Rule.objects.create(
        code="heavy", name="Much at stake", kind="add", order=1, urgency_floor="high", lead_follows=True,
        start_level=2, acknowledge_factor="0.5", mark="root_cause_required",
    )  # fmt: skip
    RuleCondition.objects.create(rule=heavy, fact="value_at_risk", operator="at_least", value="12000")
    RuleCondition.objects.create(rule=heavy, fact="customer_tier", operator="one_of", value="a, b")


def _by_hand(rules: dict[str, Any], openings: list[RoutingCase]) -> dict[int, dict[str, Any]]:
    """Every opening routed by hand, with the bands and clocks of what followed."""
    found = {}
    for opening in openings:
        first = last = by_hand.route(rules, opening.facts)
        bands, times = [first["band"]], [(first["limits"], first["others"])]
        for again in RoutingCase.objects.filter(opening=opening).order_by("pk"):
            last = by_hand.route(rules, again.facts, (last["band"], last["count"]))
            bands.append(last["band"])
            times.append((last["limits"], last["others"]))
        found[opening.pk] = first | {"bands": bands, "times": (times, first["ladder"])}
    return found


def _hands(
    found: dict[int, dict[str, Any]], openings: list[RoutingCase]
) -> tuple[Counter[Any], Counter[Any], Counter[Any]]:
    """Notices per role, per role and hour, per role and shift."""
    roles: Counter[Any] = Counter()
    hours: Counter[Any] = Counter()
    shifts: Counter[Any] = Counter()
    for opening in openings:
        route = found[opening.pk]
        listed = [route["owner"][1], *(role for _, role, _, _ in route["told"])]
        listed += {role for _, names, after, _, _ in route["ladder"] if after == 0 for role in names} - {
            route["owner"][1]
        }
        hour = opening.created_at.astimezone(ZoneInfo("Europe/Berlin")).hour
        for role in listed:
            roles[role] += 1
            hours[role, hour] += 1
            shifts[role, opening.facts.get("shift", "none")] += 1
    return roles, hours, shifts


def test_the_backtest_is_what_a_replay_by_hand_finds(published: RuleVersion, site: Site) -> None:
    Site.objects.filter(pk=site.pk).update(timezone="Europe/Berlin")
    _cases(Random(20261120))
    _edit()

    with clock.travel(NOW):
        found = backtest(months=2)

    since = NOW - timedelta(days=60)
    openings = list(RoutingCase.objects.filter(opening=None, created_at__gte=since).order_by("-pk"))
    assert 100 < len(openings) < CASES
    before = _by_hand(published.snapshot, openings)
    after = _by_hand(draft_spec().as_dict(), openings)
    report = found.report
    assert (report.replayed, found.stored, found.version) == (len(openings), len(openings), 1)
    expected = []
    for opening in openings:
        old, new = before[opening.pk], after[opening.pk]
        pairs = (
            ("owner", "owner"),
            ("told", "told"),
            ("urgency", "bands"),
            ("times", "times"),
            ("rest", "rest"),
        )
        aspects = tuple(name for name, key in pairs if old[key] != new[key])
        if aspects:
            expected.append((opening.pk, opening.origin_ref, aspects))
    assert [(one.pk, one.origin, one.aspects) for one in report.changes] == expected
    assert len(expected) > 40
    assert {aspect for _, _, aspects in expected for aspect in aspects} == {
        "owner", "told", "urgency", "times", "rest",
    }  # fmt: skip
    for change in report.changes:
        for side, hand in ((change.before, before[change.pk]), (change.after, after[change.pk])):
            assert side.owner == hand["owner"]
            assert side.told == hand["told"]
            assert list(side.bands) == hand["bands"]
            assert side.limits == hand["limits"]
            assert [
                (one.level, list(one.roles), one.after_minutes, one.repeats, one.repeat_minutes)
                for one in side.ladder
            ] == hand["ladder"]
            assert (side.rule_code, side.rule_number, side.catch_all) == (
                hand["rule"], hand["number"], hand["caught"],
            )  # fmt: skip
    for load, hand in ((report.before, before), (report.after, after)):
        roles, hours, shifts = _hands(hand, openings)
        assert load.asked + load.informed == roles
        assert load.hours == hours
        assert load.shifts == shifts
    assert report.rules_before == Counter(one["rule"] for one in before.values())
    assert report.rules_after == Counter(one["rule"] for one in after.values())
    assert report.caught_after == sum(one["caught"] for one in after.values())


def test_a_draft_that_equals_the_published_rules_changes_nothing(published: RuleVersion, site: Site) -> None:
    services.route(facts={"type": "tooling", "site": "RHF"})

    found = backtest(months=1)

    assert (found.report.replayed, found.report.changes, found.complete) == (1, [], True)
    assert found.report.before == found.report.after
    assert RuleVersion.objects.count() == 1
    assert RoutingCase.objects.count() == 1


def test_the_stored_route_of_a_case_is_what_replaying_its_own_version_gives(published: RuleVersion) -> None:
    case = services.route(facts={"type": "quality_hold", "shipped": True, "severity": "high"}).case
    Rule.objects.filter(code="tooling").update(enabled=False)
    RuleFunction.objects.all().delete()

    (change,) = backtest(months=1).report.changes

    assert (change.before.owner_function, change.before.owner_role) == (
        case.outcome["owner_function"], case.outcome["owner_role"],
    )  # fmt: skip
    assert change.before.limits == case.outcome["limits"]
    assert change.aspects == ("told",)
    assert change.after.told == frozenset()


def test_older_cases_and_those_over_the_most_are_left_out_and_said(published: RuleVersion) -> None:
    with clock.travel(NOW - timedelta(days=100)):
        services.route(facts={"type": "tooling"})
    with clock.travel(NOW - timedelta(days=2)):
        first = services.route(facts={"type": "tooling"}).case
        second = services.route(facts={"type": "tooling"}).case
        services.route(facts={"type": "tooling"}, origin_ref="drill:EX-1")
    Rule.objects.filter(code="tooling").update(owner_role="planner")

    with clock.travel(NOW):
        whole, part = backtest(months=1), backtest(months=1, most=1)

    assert [change.pk for change in whole.report.changes] == [second.pk, first.pk]
    assert [change.pk for change in part.report.changes] == [second.pk]
    assert (whole.complete, part.complete, part.stored) == (True, False, 2)


def test_an_edit_after_the_first_look_is_seen_by_the_second(published: RuleVersion) -> None:
    services.route(facts={"type": "tooling"})
    assert backtest(months=1).report.changes == []

    Rule.objects.filter(code="tooling").update(owner_role="planner")
    (change,) = backtest(months=1).report.changes
    assert change.after.owner_role == "planner"

    services.route(facts={"type": "tooling"})
    assert len(backtest(months=1).report.changes) == 2


def test_what_cannot_be_replayed_is_refused_in_words(db: None) -> None:
    with pytest.raises(NotFound) as missing:
        backtest(months=1)
    assert missing.value.code == "routing.version_missing"
    with pytest.raises(InvalidInput) as months:
        backtest(months=25)
    assert months.value.code == "routing.backtest_months"


def test_a_draft_without_its_catch_all_is_refused() -> None:
    spec = default_ruleset()

    with pytest.raises(TransitionRefused) as refused:
        usable(replace(spec, rules=spec.rules[:-1]))

    assert refused.value.code == "routing.draft_unusable"
