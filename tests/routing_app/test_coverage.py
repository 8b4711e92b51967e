"""What the plant and its past say of a draft: unseen facts, unknown codes, empty shifts, silent ladders, gaps."""

from datetime import time, timedelta

import pytest

from core import clock
from plant_app.models import Area, DutyAssignment, Function, Shift, Site, User
from routing_app import coverage, services
from routing_app.checks import Problem
from routing_app.clocks import Step
from routing_app.models import Rule, RuleCondition, RuleVersion
from routing_app.ruleset import ConditionSpec, FunctionSpec, LadderSpec, RulesetSpec, RuleSpec
from routing_app.selectors import choices_of, draft_spec, problems_of
from routing_app.templatetags.rule_findings import linked

pytestmark = pytest.mark.django_db


def _rule(
    *conditions: tuple[str, str, str], role: str = "technician", ladder: str = "", **fields: object
) -> RuleSpec:
    return RuleSpec(
        1, "mine", "Mine", "route", owner_function="maintenance", owner_role=role, ladder=ladder,
        conditions=tuple(ConditionSpec(*one) for one in conditions), **fields,  # type: ignore[arg-type]
    )  # fmt: skip


LAST = RuleSpec(
    2, "catch-all", "The rest", "route", is_catch_all=True, owner_function="planning", owner_role="planner"
)


def _spec(rule: RuleSpec, *ladders: LadderSpec) -> RulesetSpec:
    return RulesetSpec(rules=(rule, LAST), ladders=ladders)


def _codes(found: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.rule) for problem in found]


def test_a_fact_no_case_ever_had_is_named_and_one_that_came_is_not(published: RuleVersion) -> None:
    spec = _spec(_rule(("long_lead", "yes", ""), ("type", "is", "tooling")))
    assert coverage.unseen_facts(spec) == []  # without a past nothing can be said

    services.route(facts={"type": "tooling"})
    (problem,) = coverage.unseen_facts(spec)
    assert (problem.code, problem.rule) == ("fact_unseen", "mine")
    assert problem.text == (
        "No case of the last 90 days had “long-lead components are concerned”, which rule 1 “Mine” asks about."
    )

    services.route(facts={"type": "tooling", "long_lead": False})
    assert coverage.unseen_facts(spec) == []
    with clock.travel(clock.now() + timedelta(days=91)):
        services.route(facts={"type": "tooling"})
        assert _codes(coverage.unseen_facts(spec)) == [("fact_unseen", "mine")]


def test_a_code_the_plant_does_not_keep_is_named(published: RuleVersion, site: Site) -> None:
    Area.objects.create(site=site, code="MACH", name="Machining")

    found = coverage.unknown_codes(_spec(_rule(("area", "one_of", "mach, MASH"))), choices_of)

    assert _codes(found) == [("value_unknown", "mine")]
    assert "there is no area “MASH” here" in found[0].text
    assert coverage.unknown_codes(_spec(_rule(("area", "is", "mach"))), choices_of) == []
    assert coverage.unknown_codes(_spec(_rule(("area", "begins_with", "X"))), choices_of) == []


@pytest.fixture
def shifts(site: Site, published: RuleVersion) -> Site:
    for position, (code, name, start, end) in enumerate(
        (
            ("E", "Early", time(6), time(14)),
            ("L", "Late", time(14), time(22)),
            ("N", "Night", time(22), time(6)),
        )
    ):
        Shift.objects.create(site=site, code=code, name=name, start=start, end=end, weekdays=list(range(7)),
                             position=position)  # fmt: skip
    return site


def _hold(site: Site, duty: str, shift: str | None = None) -> None:
    person, _ = User.objects.get_or_create(username=f"{duty}-{shift}")
    DutyAssignment.objects.create(
        person=person, duty=duty, site=site, function=Function.objects.get(code="maintenance"),
        shift=Shift.objects.get(site=site, code=shift) if shift else None,
    )  # fmt: skip


def test_a_role_nobody_holds_on_a_shift_is_named_with_the_shift(shifts: Site) -> None:
    _hold(shifts, "technician", "E")
    _hold(shifts, "technician", "L")
    _hold(shifts, "planner")

    found = coverage.unstaffed(_spec(_rule()))

    assert _codes(found) == [("role_off_shift", "mine")]
    assert found[0].text == "Nobody is technician in Night at RHF; rule 1 “Mine” needs one."
    _hold(shifts, "technician", "N")
    assert coverage.unstaffed(_spec(_rule())) == []


def test_a_function_that_must_answer_counts_and_an_informed_one_does_not(shifts: Site) -> None:
    _hold(shifts, "technician")
    _hold(shifts, "planner")
    required = _rule(functions=(FunctionSpec("quality", "inspector"),))
    informed = _rule(functions=(FunctionSpec("quality", "inspector", need="informed"),))

    assert "Early at RHF, Late at RHF, Night at RHF" in coverage.unstaffed(_spec(required))[0].text
    assert coverage.unstaffed(_spec(informed)) == []


def test_a_rule_of_another_place_is_not_held_against_this_one(shifts: Site) -> None:
    _hold(shifts, "planner")

    assert coverage.unstaffed(_spec(_rule(("site", "is", "GVL")))) == []
    assert coverage.unstaffed(_spec(_rule(("site", "is", "rhf")))) != []


def test_a_ladder_that_wakes_no_one_on_a_shift_is_named(shifts: Site) -> None:
    ladder = LadderSpec(
        "MNT", "Maintenance", (Step(1, ("technician",), None, 0), Step(2, ("engineer",), None, 9))
    )
    for shift in ("E", "L"):
        _hold(shifts, "technician", shift)
    _hold(shifts, "planner")

    found = [
        one
        for one in coverage.unstaffed(_spec(_rule(ladder="MNT"), ladder))
        if one.code == "ladder_off_shift"
    ]

    assert [one.text for one in found] == [
        "Ladder MNT wakes no one in Night at RHF; rule 1 “Mine” climbs it."
    ]
    _hold(shifts, "engineer", "N")
    assert "ladder_off_shift" not in dict(_codes(coverage.unstaffed(_spec(_rule(ladder="MNT"), ladder))))


def test_cases_that_fall_to_the_catch_all_are_counted_by_type_and_site(published: RuleVersion) -> None:
    spec = _spec(_rule(("type", "is", "tooling")))
    services.route(facts={"type": "tooling", "site": "RHF"})
    assert coverage.gaps(spec) == []
    for facts in ({"type": "tooling", "site": "RHF"}, {"type": "order_change", "site": "RHF"},
                  {"type": "order_change", "site": "RHF"}, {}):  # fmt: skip
        services.route(facts=facts)

    (problem,) = coverage.gaps(spec)

    assert (problem.code, problem.rule) == ("coverage_gap", "catch-all")
    assert problem.text == (
        "3 of 5 cases of the last 30 days fall to the catch-all: 2 order change at RHF, 1 of unknown type."
    )
    with clock.travel(clock.now() + timedelta(days=31)):
        assert coverage.gaps(spec) == []


def test_the_draft_page_shows_them_with_links_to_the_rule(
    published: RuleVersion, admin_pages: object
) -> None:
    services.route(facts={"type": "tooling"})
    rule = Rule.objects.get(code="tooling")
    RuleCondition.objects.create(rule=rule, fact="work_centre", operator="is", value="NOWHERE")

    found = problems_of(draft_spec())
    html = admin_pages.get("/admin/routing_app/rule/publish/").content.decode()  # type: ignore[attr-defined]

    assert ("fact_unseen", "tooling") in _codes(found)
    assert f'<a href="/admin/routing_app/rule/{rule.pk}/change/">Open the rule</a>' in html
    rows = linked([*found, {"level": "warning", "code": "x", "text": "old", "rule": "gone"}])
    assert rows[-1]["url"] == ""
    assert {row["url"] for row in rows if row["rule"] == "tooling"} == {
        f"/admin/routing_app/rule/{rule.pk}/change/"
    }
