"""The backtest page and its API: counts joined with what became of the records, pages, and who may look."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from boards_app.selectors import backtest as selectors
from core import clock
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from plant_app.models import Function
from routing_app import services
from routing_app.models import RoutingCase, Rule
from tests.boards_app.conftest import As
from tests.boards_app.pages import DOWN
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db
PAGE = "/admin/routing_app/rule/backtest/"


@pytest.fixture(autouse=True)
def nothing_kept(plant: KolbeMini) -> None:
    cache.clear()
    plant.people["sofia.brandt"].is_staff = True
    plant.people["sofia.brandt"].save()


def api(plant: KolbeMini, reader: str = "sofia.brandt", **query: Any) -> Any:
    client = APIClient()
    client.force_authenticate(plant.people[reader])
    return client.get("/api/v1/rules/backtest/", query)


def to_quality(code: str) -> None:
    """In the draft, the rule's cases go to quality."""
    Rule.objects.filter(code=code).update(
        owner_function=Function.objects.get(code="quality"), owner_role="inspector"
    )


def test_a_spared_re_route_counts_with_its_minutes(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    began = exception.captured_at
    with clock.travel(began + timedelta(minutes=24)):
        exceptions.reroute(
            exception_id=exception.pk, function_code="quality", actor=plant.people["ingrid.vogel"], via="desk",
            reason="A bad lot",
        )  # fmt: skip
    kept = report("press 3 down, hydraulic leak")
    to_quality(exception.route.rule_code)

    answer = api(plant, months=1).json()

    assert (answer["changed"], answer["replayed"]) == (2, 2)
    assert (answer["reroutes_saved"], answer["reroutes_caused"], answer["minutes_saved"]) == (1, 1, 24.0)
    rows = {row["ref"]: row for row in answer["results"]}
    assert rows[exception.ref]["reroute_saved"] is True
    assert rows[exception.ref]["minutes_saved"] == 24.0
    assert rows[kept.ref]["reroute_caused"] is True
    assert rows[kept.ref]["before"]["owner_role"] == "technician"
    assert rows[kept.ref]["after"]["owner_role"] == "inspector"
    load = {row["role"]: row for row in answer["load"]}
    hour = str(clock.now().astimezone(ZoneInfo(plant.rhf.timezone)).hour)
    assert load["technician"]["added"] == -2
    assert load["technician"]["hours"] == {hour: -2}
    html = as_("sofia.brandt").get(PAGE, {"months": "1"}).content.decode()
    assert f'<a href="/exceptions/{exception.ref}/">{exception.ref}</a>' in html
    assert "re-route saved, 24 min" in html
    assert "Quality (inspector" in html


def test_an_acknowledgement_after_the_new_limit_is_counted(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    limit = int(exception.limits["acknowledge"])
    with clock.travel(exception.captured_at + timedelta(minutes=limit - 1)):
        response = exception.responses.get(is_owner=True)
        exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")
        Rule.objects.filter(code=exception.route.rule_code).update(acknowledge=limit - 2)
        answer = api(plant, months=1).json()

    assert (answer["acknowledged_late"], answer["aspects"]["times"], answer["aspects"]["owner"]) == (1, 1, 0)
    assert answer["results"][0]["aspects"] == ["times"]


def test_the_list_comes_in_pages_and_by_aspect(plant: KolbeMini, as_: As) -> None:
    for number in range(selectors.PER_PAGE + 3):
        services.route(facts={"type": "tooling", "site": "RHF", "linked": True, "confidence": 1},
                       origin_ref=f"test:{number}")  # fmt: skip
    Rule.objects.filter(code="tooling").update(acknowledge=1)

    first, second = api(plant, page=1).json(), api(plant, page=2).json()

    assert (first["pages"], len(first["results"]), len(second["results"])) == (2, selectors.PER_PAGE, 3)
    newest = RoutingCase.objects.order_by("-pk").first()
    assert newest is not None
    assert first["results"][0]["case"] == newest.pk
    assert not {row["case"] for row in first["results"]} & {row["case"] for row in second["results"]}
    assert api(plant, aspect="owner").json()["results"] == []
    assert api(plant, months=25).status_code == 400
    assert api(plant, aspect="colour").status_code == 400
    page = as_("sofia.brandt").get(PAGE, {"page": "2"})
    assert page.context["page"] == 2
    assert "Page 2 of 2" in page.content.decode()
    assert as_("sofia.brandt").get(PAGE, {"page": "99999", "months": "x"}).context["page"] == 2


def test_only_administrators_look(plant: KolbeMini, as_: As) -> None:
    assert api(plant, "ingrid.vogel").status_code == 403
    assert as_("ingrid.vogel").get(PAGE).status_code in {302, 403}
    assert as_("sofia.brandt").get(PAGE).status_code == 200
    assert ExceptionRecord.objects.count() == 0
