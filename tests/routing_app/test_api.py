"""`POST /api/v1/rules/test/`: facts in, route and trace out."""

import pytest
from django.test import Client

from plant_app.models import User
from routing_app.models import RoutingCase, Rule, RuleVersion

ADDRESS = "/api/v1/rules/test/"


def ask(client: Client, body: object) -> tuple[int, dict[str, object]]:
    answer = client.post(ADDRESS, body, content_type="application/json")
    return answer.status_code, answer.json()


def test_facts_in_route_and_trace_out(admin_pages: Client, published: RuleVersion) -> None:
    status, body = ask(
        admin_pages, {"facts": {"type": "machine_downtime", "reason": "ELE-PLC", "shipped": None}}
    )

    assert status == 200
    assert body["rules"] == "version 1"
    assert body["outcome"]["rule_code"] == "downtime-electrical"
    assert body["outcome"]["owner_role"] == "technician"
    assert body["outcome"]["limits"] == {"acknowledge": 60, "decide": 240, "resolve": 1440, "contain": None}
    assert body["outcome"]["trace"]["decided_by"] == body["outcome"]["rule_number"]
    assert body["sentence"].startswith("When type is machine downtime and reason begins with ELE")
    assert len(body["lines"]) == Rule.objects.count()
    assert RoutingCase.objects.count() == 0


def test_the_draft_and_an_earlier_version_can_be_asked(admin_pages: Client, published: RuleVersion) -> None:
    Rule.objects.filter(code="tooling").update(owner_role="maintenance_lead")
    facts = {"type": "tooling"}

    assert (
        ask(admin_pages, {"facts": facts, "rules": "draft"})[1]["outcome"]["owner_role"] == "maintenance_lead"
    )
    assert ask(admin_pages, {"facts": facts, "version": 1})[1]["outcome"]["owner_role"] == "technician"
    status, body = ask(admin_pages, {"facts": facts, "version": 9})
    assert (status, body["code"]) == (404, "routing.version_missing")


@pytest.mark.parametrize(
    "body", [{}, {"facts": []}, {"facts": {}, "rules": "mine"}, {"facts": {}, "version": 0}, []]
)
def test_a_wrong_request_is_a_problem_document(
    admin_pages: Client, published: RuleVersion, body: object
) -> None:
    status, answer = ask(admin_pages, body)

    assert (status, answer["code"]) == (400, "request.invalid")


def test_others_may_not_try_rules(published: RuleVersion, planner: User) -> None:
    client = Client()
    assert client.post(ADDRESS, {"facts": {}}, content_type="application/json").status_code in (401, 403)
    client.force_login(planner)

    assert ask(client, {"facts": {}})[0] == 403
