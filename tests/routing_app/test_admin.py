"""The rule editor as an administrator uses it, and that nobody else can."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from core import clock
from plant_app.models import User
from routing_app import selectors, services
from routing_app.models import ClockLimit, Ladder, RoutingCase, Rule, RuleVersion
from routing_app.ruleset import RulesetSpec
from routing_app.selectors import draft_spec, spec_digest
from routing_app.services import checking

LIST = "admin:routing_app_rule_changelist"


def form_data(page: Any) -> dict[str, Any]:
    """Everything a browser would send back from an admin change form."""
    context = page.context
    data: dict[str, Any] = {}
    forms = [context["adminform"].form]
    for formset in context["inline_admin_formsets"]:
        forms += [formset.formset.management_form, *formset.formset.forms]
    for form in forms:
        for bound in form:
            value = bound.value()
            if value is None or value is False:
                continue
            data[bound.html_name] = "on" if value is True else value
    return data


def test_the_list_reads_as_sentences_in_order(admin_pages: Client, published: RuleVersion) -> None:
    services.route(facts={"type": "tooling"})

    page = admin_pages.get(reverse(LIST))

    text = page.content.decode()
    assert page.status_code == 200
    assert "Version 1 is published and equals the draft" in text
    assert "<b>tooling</b>" in text
    assert "takes it for triage" in text
    assert [rule.number for rule in page.context["cl"].result_list] == list(
        range(1, Rule.objects.count() + 1)
    )
    counts = {rule.code: rule.decided for rule in page.context["cl"].result_list}
    assert (counts["tooling"], counts["downtime"]) == (1, 0)


def test_the_list_costs_a_bounded_number_of_queries(
    admin_pages: Client, published: RuleVersion, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(24):
        admin_pages.get(reverse(LIST))


def test_numbers_stay_when_the_list_is_filtered(admin_pages: Client, published: RuleVersion) -> None:
    page = admin_pages.get(reverse(LIST), {"q": "engineering-change"})

    number = next(rule.number for rule in draft_spec().rules if rule.code == "engineering-change")
    assert [rule.number for rule in page.context["cl"].result_list] == [number]


@pytest.mark.parametrize(
    "name",
    ["rule", "ladder", "clocklimit", "otheracknowledgelimit", "ruleversion", "routingcase"],
)
def test_only_administrators_reach_the_pages(
    published: RuleVersion, planner: User, admin_pages: Client, name: str
) -> None:
    address = reverse(f"admin:routing_app_{name}_changelist")
    other = Client()
    other.force_login(planner)

    assert admin_pages.get(address).status_code == 200
    assert other.get(address).status_code == 403
    assert Client().get(address).status_code == 302


def test_a_planner_can_neither_publish_nor_move_nor_try(published: RuleVersion, planner: User) -> None:
    Rule.objects.filter(code="flood").update(enabled=False)
    rule = Rule.objects.get(code="downtime")
    other = Client()
    other.force_login(planner)

    assert other.post(reverse("admin:routing_app_rule_publish")).status_code == 403
    assert other.post(reverse("admin:routing_app_rule_up", args=[rule.pk])).status_code == 403
    assert other.get(reverse("admin:routing_app_rule_try")).status_code == 403
    assert other.post(reverse("admin:routing_app_ruleversion_roll_back", args=[1])).status_code == 403
    assert RuleVersion.objects.count() == 1
    assert Rule.objects.get(pk=rule.pk).order == rule.order


def test_a_rule_is_added_with_a_condition_before_the_catch_all(
    admin_pages: Client, published: RuleVersion
) -> None:
    data = form_data(admin_pages.get(reverse("admin:routing_app_rule_add")))
    data |= {
        "name": "Castings short", "code": "castings-short", "kind": "route", "enabled": "on",
        "owner_function": str(Rule.objects.get(code="shortage").owner_function_id),
        "owner_role": "logistics_lead", "owner_place": "here", "early_factor": "0",
        "conditions-TOTAL_FORMS": "2",
        "conditions-0-fact": "type", "conditions-0-operator": "is", "conditions-0-value": "material_shortage",
        "conditions-1-fact": "item_group", "conditions-1-operator": "one_of", "conditions-1-value": "castings, cores",
        "functions-TOTAL_FORMS": "0",
    }  # fmt: skip

    answer = admin_pages.post(reverse("admin:routing_app_rule_add"), data)

    assert answer.status_code == 302, answer.context["errors"]
    spec = draft_spec().rules[-2]
    assert (spec.code, [c.fact for c in spec.conditions]) == ("castings-short", ["type", "item_group"])
    page = admin_pages.get(reverse(LIST)).content.decode()
    assert "Draft of version 2: 1 unpublished change" in page
    event = Rule.pgh_event_model.objects.filter(code="castings-short").get()  # type: ignore[attr-defined]
    assert event.pgh_context.metadata["user"] == User.objects.get(username="sofia.brandt").pk


@pytest.mark.parametrize(
    ("fact", "operator", "value", "says"),
    [
        ("window_min", "at_most", "soon", "is not a number"),
        ("bottleneck", "is", "yes", "cannot be compared that way"),
        ("type", "is", "", "needs a value"),
    ],
)
def test_a_wrong_condition_is_refused_where_it_is_typed(
    admin_pages: Client, published: RuleVersion, fact: str, operator: str, value: str, says: str
) -> None:
    rule = Rule.objects.get(code="shortage-window")
    address = reverse("admin:routing_app_rule_change", args=[rule.pk])
    data = form_data(admin_pages.get(address))
    data |= {"conditions-1-fact": fact, "conditions-1-operator": operator, "conditions-1-value": value}

    answer = admin_pages.post(address, data)

    assert answer.status_code == 200
    assert says in answer.content.decode().replace("&#x27;", "'")
    assert [str(c) for c in rule.conditions.order_by("pk")] == [
        "type is material_shortage",
        "window_min at_most 60",
    ]


def test_the_change_form_reads_the_rule_and_offers_its_operators(
    admin_pages: Client, published: RuleVersion
) -> None:
    rule = Rule.objects.get(code="downtime")
    address = reverse("admin:routing_app_rule_change", args=[rule.pk])

    page = admin_pages.get(address)

    text = page.content.decode()
    assert "When type is machine downtime: maintenance (technician) owns it" in text
    assert 'id="rt-operators"' in text
    assert admin_pages.post(address, form_data(page)).status_code == 302
    assert draft_spec().as_dict() == published.snapshot


def test_the_catch_all_form_has_no_conditions_no_switch_and_no_delete(
    admin_pages: Client, published: RuleVersion
) -> None:
    rule = Rule.objects.get(is_catch_all=True)
    address = reverse("admin:routing_app_rule_change", args=[rule.pk])
    page = admin_pages.get(address)

    assert [one.formset.prefix for one in page.context["inline_admin_formsets"]] == ["functions"]
    assert "enabled" not in page.context["adminform"].form.fields
    assert admin_pages.post(address, form_data(page) | {"owner_role": "planning_lead"}).status_code == 302
    assert (
        admin_pages.post(
            reverse("admin:routing_app_rule_delete", args=[rule.pk]), {"post": "yes"}
        ).status_code
        == 403
    )
    rule.refresh_from_db()
    assert (rule.owner_role, rule.enabled) == ("planning_lead", True)


def test_bulk_delete_does_not_take_the_catch_all(admin_pages: Client, published: RuleVersion) -> None:
    pks = list(Rule.objects.filter(code__in=["tooling", "catch-all"]).values_list("pk", flat=True))

    admin_pages.post(
        reverse(LIST), {"action": "delete_selected", "_selected_action": pks, "post": "yes"}, follow=True
    )

    assert Rule.objects.filter(pk__in=pks).count() == 2


def test_actions_switch_and_clone(admin_pages: Client, published: RuleVersion) -> None:
    pks = list(Rule.objects.filter(code__in=["tooling", "catch-all"]).values_list("pk", flat=True))

    admin_pages.post(reverse(LIST), {"action": "switch_off", "_selected_action": pks})
    admin_pages.post(reverse(LIST), {"action": "clone", "_selected_action": pks})

    assert dict(
        Rule.objects.filter(code__in=["tooling", "catch-all", "tooling-2"]).values_list("code", "enabled")
    ) == {
        "tooling": False,
        "catch-all": True,
        "tooling-2": False,
    }
    admin_pages.post(reverse(LIST), {"action": "switch_on", "_selected_action": pks})
    assert Rule.objects.get(code="tooling").enabled is True


def test_moving_takes_a_post(admin_pages: Client, published: RuleVersion) -> None:
    rule = Rule.objects.get(code="downtime")
    address = reverse("admin:routing_app_rule_up", args=[rule.pk])

    assert admin_pages.get(address).status_code == 405
    assert Rule.objects.get(pk=rule.pk).order == rule.order
    assert admin_pages.post(address).status_code == 302
    assert Rule.objects.get(pk=rule.pk).order < rule.order
    page = admin_pages.get(reverse(LIST)).content.decode()
    assert f'formaction="{address}" class="rt-move" aria-label="Move up: Unit down">↑</button>' in page


def test_publishing_shows_the_difference_first(
    admin_pages: Client, administrator: User, published: RuleVersion
) -> None:
    Rule.objects.filter(code="downtime").update(owner_role="maintenance_lead")
    address = reverse("admin:routing_app_rule_publish")

    page = admin_pages.get(address).content.decode()
    assert "Rule “Unit down” changes: owner role." in page
    assert RuleVersion.objects.count() == 1

    admin_pages.post(address, {"note": "Lead first"})
    version = RuleVersion.objects.get(number=2)
    assert (version.published_by, version.note) == (administrator, "Lead first")
    assert "there is nothing to publish" in admin_pages.get(address).content.decode()


def test_a_refused_publication_says_why(admin_pages: Client, published: RuleVersion) -> None:
    ladder = Ladder.objects.get(code="ENG")
    ladder.steps.all().delete()
    address = reverse("admin:routing_app_rule_publish")

    assert "Errors must be mended" in admin_pages.get(address).content.decode()
    answer = admin_pages.post(address, {"note": ""}, follow=True)

    assert "Ladder ENG has a step that wakes nobody" in answer.content.decode()
    assert RuleVersion.objects.count() == 1


def test_the_version_page_tells_and_goes_back(admin_pages: Client, published: RuleVersion) -> None:
    Rule.objects.filter(code="downtime").update(owner_role="maintenance_lead")
    services.publish(actor=None, note="Lead first")

    listed = admin_pages.get(reverse("admin:routing_app_ruleversion_changelist")).content.decode()
    page = admin_pages.get(
        reverse("admin:routing_app_ruleversion_change", args=[published.pk])
    ).content.decode()
    assert "Rule “Unit down” changes: owner role." in listed
    assert "maintenance (technician) owns it" in page
    assert "Go back to version 1" in page

    admin_pages.post(reverse("admin:routing_app_ruleversion_roll_back", args=[1]))
    assert RuleVersion.objects.count() == 3
    assert Rule.objects.get(code="downtime").owner_role == "technician"


def test_the_test_box_shows_route_reasons_and_trace(admin_pages: Client, published: RuleVersion) -> None:
    address = reverse("admin:routing_app_rule_try")
    empty = admin_pages.get(address)
    assert empty.status_code == 200
    assert "outcome" not in empty.context

    page = admin_pages.get(
        address,
        {"type": "machine_downtime", "reason": "MEC-LEAK", "bottleneck": "yes", "window_min": "10",
         "severity": "high", "hours_to_due": "4", "customer_tier": "A", "rules": "published"},
    )  # fmt: skip

    text = page.content.decode()
    assert page.context["outcome"].rule_code == "downtime-mechanical"
    assert page.context["outcome"].urgency == "critical"
    assert "“Unit down, mechanical” decides." in text
    assert "type is machine downtime: yes, it is machine downtime" in text
    assert "a promise would be missed: unknown" in text
    assert 'value="MEC-LEAK"' in text
    states = {line["code"]: line["state"] for line in page.context["lines"]}
    assert (states["bottleneck"], states["downtime-mechanical"], states["tooling"], states["catch-all"]) == (
        "adds",
        "decides",
        "no",
        "not reached",
    )
    assert RoutingCase.objects.count() == 0


def test_the_test_box_shows_what_it_cannot_read(admin_pages: Client, published: RuleVersion) -> None:
    page = admin_pages.get(
        reverse("admin:routing_app_rule_try"), {"type": "material_shortage", "window_min": "<b>soon"}
    )

    text = page.content.decode()
    assert "is not a number" in text
    assert "<b>soon" not in text
    assert page.context["outcome"].rule_code == "shortage"


def test_ladder_steps_and_limits_are_edited(admin_pages: Client, published: RuleVersion) -> None:
    ladder = Ladder.objects.get(code="ENG")
    address = reverse("admin:routing_app_ladder_change", args=[ladder.pk])
    data = form_data(admin_pages.get(address)) | {"steps-0-roles": ["engineer", "engineering_lead"]}
    assert admin_pages.post(address, data).status_code == 302
    assert ladder.steps.get(level=1).roles == ["engineer", "engineering_lead"]

    row = ClockLimit.objects.get(type_code="tooling", urgency="low")
    change = reverse("admin:routing_app_clocklimit_change", args=[row.pk])
    wrong = admin_pages.post(change, form_data(admin_pages.get(change)) | {"acknowledge": "9999"})
    assert wrong.status_code == 200
    assert "must rise in this order" in wrong.content.decode()
    assert ClockLimit.objects.get(pk=row.pk).acknowledge == 120


def test_versions_and_cases_are_read_only(admin_pages: Client, published: RuleVersion) -> None:
    case = services.route(facts={"type": "tooling"}, origin_ref="sig:1").case

    assert admin_pages.get(reverse("admin:routing_app_routingcase_change", args=[case.pk])).status_code == 200
    assert admin_pages.get(reverse("admin:routing_app_routingcase_add")).status_code == 403
    assert (
        admin_pages.post(reverse("admin:routing_app_ruleversion_delete", args=[published.pk])).status_code
        == 403
    )


def test_the_list_shows_kept_checks_and_never_makes_them(
    admin_pages: Client,
    published: RuleVersion,
    django_assert_max_num_queries: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []
    monkeypatch.setattr(checking, "problems_of", lambda spec: made.append(1) or selectors.problems_of(spec))
    forget(draft_spec())

    with django_assert_max_num_queries(24):
        first = admin_pages.get(reverse(LIST))

    assert "Not checked since the last edit" in first.content.decode()
    assert made == []
    with clock.travel(datetime(2026, 11, 17, 9, 14, tzinfo=UTC)):
        line = admin_pages.get(reverse("admin:routing_app_rule_checks"), {"digest": first.context["digest"]})
        with django_assert_max_num_queries(24):
            shown = admin_pages.get(reverse(LIST)).content.decode()
        again = admin_pages.get(reverse("admin:routing_app_rule_checks"))
    state = spec_digest(draft_spec())[:7]
    findings = f"{len(selectors.problems_of(draft_spec()))} findings"
    for text in (line.content.decode(), shown, again.content.decode()):
        assert findings in text
        assert f"draft as shown (state {state}), checked 17 Nov, 09:14 UTC" in text
    assert "data-fresh" in shown
    assert made == [1]


def test_an_edit_shows_no_findings_of_the_draft_before_it(
    admin_pages: Client, published: RuleVersion, planner: User
) -> None:
    before = spec_digest(draft_spec())
    services.check_draft()
    Rule.objects.filter(code="downtime").update(name="Machine stands")
    forget(draft_spec())

    listed = admin_pages.get(reverse(LIST)).content.decode()
    line = admin_pages.get(reverse("admin:routing_app_rule_checks"), {"digest": before}).content.decode()
    other = Client()
    other.force_login(planner)

    assert "Not checked since the last edit" in listed
    assert "data-fresh" not in listed
    assert "The draft was changed meanwhile" in line
    assert other.get(reverse("admin:routing_app_rule_checks")).status_code == 403


def test_old_checks_are_shown_with_their_age_and_made_anew(
    admin_pages: Client, published: RuleVersion
) -> None:
    with clock.travel(datetime(2026, 11, 17, 9, 14, tzinfo=UTC)):
        services.check_draft()
    with clock.travel(datetime(2026, 11, 17, 9, 30, tzinfo=UTC)):
        listed = admin_pages.get(reverse(LIST)).content.decode()
        line = admin_pages.get(reverse("admin:routing_app_rule_checks")).content.decode()

    assert "checked 17 Nov, 09:14 UTC" in listed
    assert "data-fresh" not in listed
    assert "checked 17 Nov, 09:30 UTC" in line


def forget(spec: RulesetSpec) -> None:
    """Nothing is kept of this draft state, whatever tests ran before."""
    cache.delete(f"rule-checks:{spec_digest(spec)}")
