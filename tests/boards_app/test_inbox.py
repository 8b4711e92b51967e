"""The inbox, the report form, and one exception in full over the API."""

import json
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Signal
from plant_app.services.access import issue_token
from tests.boards_app.conftest import As
from tests.boards_app.pages import DOWN, acknowledge_all, decide, htmx
from tests.decisions_app.conftest import Report, response_of
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db


def inbox(client: Client) -> Any:
    return client.get("/inbox/").context["inbox"]


def test_what_waits_for_an_answer_comes_first(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    technician = as_("jonas.keller")
    answer = technician.get("/inbox/")
    card = answer.context["inbox"].answers[0]
    assert (card["ref"], card["title"]) == (exception.ref, "Press 4 down, hydraulic leak")
    assert card["due_at"] == response_of(exception, "maintenance").acknowledge_due_at
    assert card["foot"].startswith("0 of 3 functions have acknowledged. At ")
    html = answer.content.decode()
    for verb in ("acknowledge", "on-my-way"):
        assert f"/responses/{card['id']}/{verb}/" in html
    assert f"/responses/{card['id']}/dialogs/decline/" in html
    # nobody else is asked
    assert inbox(as_("priya.nair")).answers == []


def test_an_answer_moves_on_to_what_comes_next(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    technician = as_("jonas.keller")
    response = response_of(exception, "maintenance")
    technician.post(f"/responses/{response.pk}/acknowledge/", headers=htmx())
    found = inbox(technician)
    assert found.answers == []
    assert (found.going[0]["step_words"], found.going[0]["step_url"]) == (
        "On my way", f"/responses/{response.pk}/on-my-way/",
    )  # fmt: skip
    assert [row["ref"] for row in found.owned] == [exception.ref]
    technician.post(f"/responses/{response.pk}/on-my-way/", headers=htmx())
    assert inbox(technician).going[0]["step_words"] == "Arrived"


def test_tasks_of_mine_and_free_ones_of_my_function(plant: KolbeMini, report: Report, as_: As) -> None:
    decision = decide(report(DOWN), plant)
    repair = decision.tasks.get(code="repair")
    assert [row["title"] for row in inbox(as_("jonas.keller")).tasks] == ["Repair PRS-04"]
    repair.person = None
    repair.save(update_fields=["person"])
    lead = as_("bernd.hauser")
    assert inbox(lead).tasks[0]["take_url"] == f"/tasks/{repair.pk}/take/"
    lead.post(f"/tasks/{repair.pk}/take/", headers=htmx())
    repair.refresh_from_db()
    assert repair.person == plant.people["bernd.hauser"]


def test_a_script_gets_the_cards_alone(plant: KolbeMini, report: Report, as_: As) -> None:
    report(DOWN)
    html = as_("jonas.keller").get("/inbox/?tab=do", headers=htmx("inbox")).content.decode()
    assert html.lstrip().startswith('<div class="inbox-desk" id="inbox"')
    assert 'data-tab="do"' in html
    assert f'data-live="user.{plant.people["jonas.keller"].pk}"' in html


def test_the_inbox_costs_the_same_for_one_and_for_many(
    plant: KolbeMini, report: Report, as_: As, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        exception = report(DOWN)
        ExceptionRecord.objects.filter(pk=exception.pk).update(correlation_key=f"{number}")
    technician = as_("jonas.keller")
    assert len(inbox(technician).answers) == 8
    with django_assert_max_num_queries(28):
        technician.get("/inbox/")


# --- report ---------------------------------------------------------------------------------------------------
def test_words_alone_become_a_routed_exception(plant: KolbeMini, as_: As) -> None:
    marta = as_("marta.silva")
    form = marta.get("/report/", headers=htmx("dialog-body")).content.decode()
    assert "<html" not in form
    assert 'name="key"' in form
    answer = marta.post("/report/", {"text": DOWN, "key": "k-1"}, headers=htmx())
    exception = ExceptionRecord.objects.get()
    assert (answer.status_code, answer["HX-Redirect"]) == (204, f"/exceptions/{exception.ref}/")
    assert (exception.type.code, exception.work_unit, exception.channel) == (
        "machine_downtime", plant.units["PRS-04"], "form",
    )  # fmt: skip
    assert exception.reported_by == plant.people["marta.silva"]
    # sent twice, it is there once
    again = marta.post("/report/", {"text": DOWN, "key": "k-1"}, headers=htmx())
    assert again["HX-Redirect"] == f"/exceptions/{exception.ref}/"
    assert Signal.objects.count() == 1


def test_type_and_place_help_the_words(plant: KolbeMini, as_: As) -> None:
    as_("marta.silva").post(
        "/report/", {"text": "it stands", "type": "machine_downtime", "place": "unit:GRD-01"}
    )
    exception = ExceptionRecord.objects.get()
    assert (exception.type.code, exception.work_unit) == ("machine_downtime", plant.units["GRD-01"])


def test_an_empty_report_is_refused(plant: KolbeMini, as_: As) -> None:
    answer = as_("marta.silva").post("/report/", {"text": " "}, headers=htmx())
    assert (answer.status_code, answer.json()["code"]) == (400, "report.empty")
    assert Signal.objects.count() == 0


def test_the_report_lands_on_a_site_its_reader_may_report_for(plant: KolbeMini, as_: As) -> None:
    as_("marta.silva").post("/report/", {"text": DOWN, "site": "GVL"})
    assert ExceptionRecord.objects.get().site == plant.rhf


# --- the composed API -----------------------------------------------------------------------------------------
def test_one_exception_in_full(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    decide(exception, plant)
    decisions.comment(
        exception_id=exception.pk, author=plant.people["ingrid.vogel"], text="Set-up sheet is there"
    )
    _, secret = issue_token(user=plant.people["ingrid.vogel"], name="test")
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    answer = client.get(f"/api/v1/exceptions/{exception.ref}/")
    assert answer.status_code == 200
    body = json.loads(answer.content)
    assert (body["ref"], body["status"], body["type"]) == (exception.ref, "decided", "machine_downtime")
    assert [event["kind"] for event in body["timeline"]][:2] == ["opened", "routed"]
    assert {row["function"] for row in body["responses"]} == {"maintenance", "production", "planning"}
    assert body["decision"]["option"] == "run_on_alternate"
    assert body["decisions"] == [body["decision"]]
    assert {row["code"] for row in body["tasks"]} >= {"repair", "counts", "setup"}
    assert body["postings"][0]["kind"] == "maintenance_notification"
    assert all(row["words"] and row["lag_seconds"] >= 0 for row in body["postings"])
    assert body["signals"][0]["text"] == DOWN
    assert {one["name"] for one in body["signals"][0]["readings"]} >= {"work_unit", "reason"}
    assert body["comments"][0]["text"] == "Set-up sheet is there"
    assert body["route"]["version"] == 1


def test_the_api_hides_another_sites_exception(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    _, secret = issue_token(user=plant.people["dana.brooks"], name="test")
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    answer = client.get(f"/api/v1/exceptions/{exception.ref}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "exceptions.not_found")
    assert APIClient().get(f"/api/v1/exceptions/{exception.ref}/").status_code == 401


def test_the_api_costs_a_bounded_number_of_queries(
    plant: KolbeMini, report: Report, django_assert_max_num_queries: Any
) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    decide(exception, plant)
    exceptions.add_function(
        exception_id=exception.pk, function_code="engineering", required=True, why="drawing",
        actor=plant.people["ingrid.vogel"],
    )  # fmt: skip
    _, secret = issue_token(user=plant.people["ingrid.vogel"], name="test")
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    client.get(f"/api/v1/exceptions/{exception.ref}/")
    with django_assert_max_num_queries(30):
        client.get(f"/api/v1/exceptions/{exception.ref}/")
