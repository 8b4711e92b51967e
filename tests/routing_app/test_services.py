"""Routing, publishing, freezing, rolling back: what is stored and what is left alone."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from core import clock
from core.errors import InvalidInput, NotFound, TransitionRefused
from plant_app.models import Function, User
from plant_app.services.catalogue import load_functions
from routing_app import engine, services
from routing_app.models import ClockLimit, LadderStep, RoutingCase, Rule, RuleCondition, RuleVersion
from routing_app.outcome import Outcome
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import draft_changes, draft_spec, outcome_of
from routing_app.services.publishing import default_ruleset

DOWN = {
    "type": "machine_downtime",
    "area": "MACH",
    "kind": "stopped",
    "severity": "medium",
    "window_min": 240,
}


def test_loading_publishes_the_shipped_rules_once(db: None) -> None:
    first = services.load_default_rules()
    rows = Rule.objects.count()
    again = services.load_default_rules()

    assert (first.number, again.pk) == (1, first.pk)
    assert rows == Rule.objects.count() == len(default_ruleset().rules)
    assert RuleVersion.objects.count() == 1
    assert Function.objects.count() == 9
    assert RulesetSpec.from_dict(first.snapshot) == draft_spec()


def test_the_draft_equals_the_shipped_file_to_the_last_field(published: RuleVersion) -> None:
    assert draft_spec().as_dict() == default_ruleset().as_dict()


def test_loading_keeps_a_draft_that_was_edited_before_anything_was_published(db: None) -> None:
    load_functions()
    services.apply_ruleset(spec=default_ruleset())
    Rule.objects.filter(code="downtime").update(name="Any unit down")

    version = services.load_default_rules()

    assert version.number == 1
    assert "Any unit down" in {rule["name"] for rule in version.snapshot["rules"]}


def test_route_stores_facts_outcome_trace_and_version(published: RuleVersion) -> None:
    moment = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
    with clock.travel(moment):
        routed = services.route(facts={**DOWN, "slack_h": 3.5, "site": None, "note": "x"}, origin_ref="sig:1")

    case = RoutingCase.objects.get()
    assert case == routed.case
    assert (case.version, case.origin_ref, case.created_at, case.opening) == (
        published,
        "sig:1",
        moment,
        None,
    )
    assert (case.rule_code, case.urgency) == ("downtime", routed.outcome.urgency)
    assert case.facts["hours_to_due"] == "3.5"
    assert "site" not in case.facts
    assert case.facts["note"] == "x"
    assert outcome_of(case) == routed.outcome
    assert case.trace["decided_by"] == routed.outcome.rule_number
    assert "trace" not in case.outcome


def test_route_costs_two_queries_once_the_version_is_compiled(
    published: RuleVersion, django_assert_num_queries: object
) -> None:
    services.route(facts=DOWN)

    with django_assert_num_queries(4):  # type: ignore[operator]  # savepoint, version, case, release
        services.route(facts=DOWN)


def test_route_publishes_the_shipped_rules_when_nothing_is_published(db: None) -> None:
    routed = services.route(facts=DOWN)

    assert routed.outcome.owner_role == "technician"
    assert RuleVersion.objects.get().number == 1


def test_a_replay_of_a_stored_case_gives_the_same_outcome(published: RuleVersion) -> None:
    case = services.route(facts={**DOWN, "skills": ["weld"], "quantity": "12.5", "bottleneck": True}).case
    case.refresh_from_db()

    again = engine.evaluate(case.facts, engine.compile_rules(RulesetSpec.from_dict(case.version.snapshot)))

    assert again == outcome_of(case)


def test_editing_the_draft_routes_nothing_until_it_is_published(published: RuleVersion) -> None:
    Rule.objects.filter(code="downtime").update(owner_role="maintenance_lead")
    before = services.route(facts=DOWN)

    version = services.publish(actor=None, note="Lead first")
    after = services.route(facts=DOWN)

    assert (before.outcome.owner_role, before.case.version.number) == ("technician", 1)
    assert (after.outcome.owner_role, after.case.version.number) == ("maintenance_lead", 2)
    assert (version.number, version.note) == (2, "Lead first")
    assert [change["code"] for change in version.changes] == ["downtime"]


def test_publishing_names_who_when_and_what(published: RuleVersion, administrator: User) -> None:
    Rule.objects.filter(code="flood").update(enabled=False)
    moment = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
    with clock.travel(moment):
        version = services.publish(actor=administrator)

    assert (version.published_by, version.published_at) == (administrator, moment)
    assert [change["text"] for change in version.changes] == [
        "Rule “More than 10 records for one person in 10 minutes” is switched off."
    ]


def test_publishing_nothing_is_refused(published: RuleVersion) -> None:
    with pytest.raises(TransitionRefused) as refused:
        services.publish(actor=None)

    assert refused.value.code == "routing.nothing_to_publish"
    assert RuleVersion.objects.count() == 1


def test_a_broken_draft_is_not_published_and_says_why(published: RuleVersion) -> None:
    RuleCondition.objects.filter(rule__code="shortage-window").update(value="an hour")

    with pytest.raises(TransitionRefused) as refused:
        services.publish(actor=None)

    assert refused.value.code == "routing.publish_refused"
    assert "an hour" in refused.value.message
    assert [problem["rule"] for problem in refused.value.extra["problems"]] == ["shortage-window"]
    assert RuleVersion.objects.count() == 1


def test_a_published_version_and_a_case_cannot_be_changed(published: RuleVersion) -> None:
    case = services.route(facts=DOWN).case

    for change in (
        lambda: RuleVersion.objects.filter(pk=published.pk).update(note="other"),
        lambda: RuleVersion.objects.filter(number=1).delete(),
        lambda: RoutingCase.objects.filter(pk=case.pk).update(urgency="low"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert RuleVersion.objects.get(pk=published.pk).note == published.note
    assert RoutingCase.objects.get(pk=case.pk).urgency == case.urgency


def test_reevaluation_uses_the_frozen_version_and_changed_facts(published: RuleVersion) -> None:
    opened = services.route(facts=DOWN, origin_ref="sig:7")
    Rule.objects.filter(code="promise-at-risk").delete()
    services.publish(actor=None)

    again = services.reevaluate(case=opened.case, facts={"commit_at_risk": True, "tier": "A"})

    assert again.changed is True
    assert (again.case.version, again.case.opening, again.case.origin_ref) == (
        published,
        opened.case,
        "sig:7",
    )
    assert "customer_service" in {one.function for one in again.outcome.functions}
    assert (opened.outcome.urgency, again.outcome.urgency) == ("normal", "high")
    assert again.case.facts["area"] == "MACH"


def test_reevaluation_without_a_difference_stores_nothing(published: RuleVersion) -> None:
    opened = services.route(facts=DOWN)

    again = services.reevaluate(case=opened.case, facts={"window_min": 239})

    assert (again.changed, again.case) == (False, opened.case)
    assert RoutingCase.objects.count() == 1


def test_urgency_falls_on_the_second_evaluation_and_rises_on_the_first(published: RuleVersion) -> None:
    opened = services.route(facts={**DOWN, "severity": "critical", "window_min": 10, "tier": "A"})
    calm = {"severity": "low", "window_min": 5000, "tier": "C"}

    first = services.reevaluate(case=opened.case, facts=calm)
    second = services.reevaluate(case=first.case, facts=calm)
    third = services.reevaluate(case=opened.case, facts={"customer_stopped": True})

    assert [one.outcome.urgency for one in (opened, first, second, third)] == [
        "critical",
        "critical",
        "low",
        "critical",
    ]
    assert {one.case.opening for one in (first, second, third)} == {opened.case}


def test_a_fact_can_become_unknown_again(published: RuleVersion) -> None:
    opened = services.route(facts={**DOWN, "commit_at_risk": True})

    again = services.reevaluate(case=opened.case, facts={"commit_at_risk": None})

    assert "customer_service" not in {one.function for one in again.outcome.functions}
    assert "commit_at_risk" not in again.case.facts


def test_trying_facts_stores_nothing_and_knows_draft_from_published(published: RuleVersion) -> None:
    Rule.objects.filter(code="downtime").update(owner_role="maintenance_lead")

    draft = services.try_facts(facts=DOWN, draft=True)
    live = services.try_facts(facts=DOWN)

    assert (draft.source, draft.outcome.owner_role) == ("draft", "maintenance_lead")
    assert (live.source, live.outcome.owner_role) == ("version 1", "technician")
    assert len(live.lines) == len(default_ruleset().rules)
    assert RoutingCase.objects.count() == 0
    with pytest.raises(NotFound):
        services.try_facts(facts=DOWN, number=9)


def test_rolling_back_restores_everything_and_publishes_it(published: RuleVersion) -> None:
    before = draft_spec()
    Rule.objects.filter(code="tooling").delete()
    Rule.objects.filter(code="downtime").update(owner_role="maintenance_lead")
    RuleCondition.objects.filter(rule__code="flood").update(value="20")
    ClockLimit.objects.filter(type_code="tooling").delete()
    LadderStep.objects.filter(ladder__code="MNT", level=5).delete()
    services.publish(actor=None)

    version = services.roll_back(number=1, actor=None)

    assert version.number == 3
    assert draft_spec() == before == RulesetSpec.from_dict(version.snapshot)
    assert draft_changes() == []
    assert version.note == "Back to version 1"
    with pytest.raises(NotFound):
        services.roll_back(number=77, actor=None)


def test_applying_a_set_names_a_function_the_plant_lacks(db: None) -> None:
    services.load_default_rules()
    data = default_ruleset().as_dict()
    data["rules"][0]["functions"][0]["function"] = "canteen"

    with pytest.raises(InvalidInput, match="canteen"):
        services.apply_ruleset(spec=RulesetSpec.from_dict(data))

    assert draft_spec() == default_ruleset()


def test_applying_the_same_set_touches_no_row(published: RuleVersion) -> None:
    rows = list(RuleCondition.objects.values_list("pk", flat=True))

    services.apply_ruleset(spec=default_ruleset())

    assert list(RuleCondition.objects.values_list("pk", flat=True)) == rows


def test_moving_swaps_neighbours_and_never_passes_the_catch_all(published: RuleVersion) -> None:
    codes = [rule.code for rule in draft_spec().rules]
    second = Rule.objects.get(code=codes[1])
    last = Rule.objects.get(code=codes[-2])

    assert services.move_rule(rule=second, up=True) is True
    assert services.move_rule(rule=second, up=True) is False
    assert services.move_rule(rule=last, up=False) is False
    assert [rule.code for rule in draft_spec().rules] == [codes[1], codes[0], *codes[2:]]
    assert {change.kind for change in draft_changes()} == {"moved"}
    with pytest.raises(TransitionRefused):
        services.move_rule(rule=Rule.objects.get(is_catch_all=True), up=True)


def test_a_clone_lies_below_its_original_switched_off(published: RuleVersion) -> None:
    rule = Rule.objects.get(code="tooling")

    copy = services.clone_rule(rule=rule)

    specs = draft_spec().rules
    place = next(spec.number for spec in specs if spec.code == "tooling")
    assert (specs[place].code, specs[place].enabled) == (copy.code, False) == ("tooling-2", False)
    assert specs[place].conditions == specs[place - 1].conditions
    assert specs[place].functions == specs[place - 1].functions
    assert services.clone_rule(rule=rule).code == "tooling-3"
    with pytest.raises(TransitionRefused):
        services.clone_rule(rule=Rule.objects.get(is_catch_all=True))


def test_switching_leaves_the_catch_all_on(published: RuleVersion) -> None:
    changed = services.set_enabled(rules=Rule.objects.all(), enabled=False)

    assert changed == Rule.objects.count() - 1
    assert list(Rule.objects.filter(enabled=True).values_list("is_catch_all", flat=True)) == [True]


def test_config_history_is_kept_for_bulk_changes_too(published: RuleVersion) -> None:
    Rule.objects.filter(code="downtime").update(owner_role="maintenance_lead")
    events = Rule.pgh_event_model.objects.filter(code="downtime").order_by("pgh_id")  # type: ignore[attr-defined]

    assert [event.owner_role for event in events] == ["technician", "maintenance_lead"]


@pytest.mark.django_db(transaction=True)
def test_publishing_at_the_same_time_gives_one_version() -> None:
    services.load_default_rules()
    Rule.objects.filter(code="flood").update(enabled=False)
    gate, outcomes = threading.Barrier(6), []

    def publish() -> None:
        try:
            gate.wait(30)
            outcomes.append(services.publish(actor=None).number)
        except TransitionRefused as refused:
            outcomes.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=publish) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(map(str, outcomes)) == ["2", *["routing.nothing_to_publish"] * 5]
    assert RuleVersion.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_first_routes_at_the_same_time_publish_the_shipped_rules_once() -> None:
    gate, owners = threading.Barrier(4), []

    def route() -> None:
        try:
            gate.wait(30)
            owners.append(services.route(facts=DOWN).outcome.owner_role)
        finally:
            connection.close()

    threads = [threading.Thread(target=route) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert owners == ["technician"] * 4
    assert list(RuleVersion.objects.values_list("number", flat=True)) == [1]


def test_cases_keep_time_by_the_clock(published: RuleVersion) -> None:
    past = clock.now() - timedelta(days=80)
    with clock.travel(past):
        case = services.route(facts=DOWN).case

    assert RoutingCase.objects.get(pk=case.pk).created_at == past
    assert isinstance(outcome_of(case), Outcome)
