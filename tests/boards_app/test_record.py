"""The exception page: its sections, its questions, its buttons, and refusals said in words."""

import json
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from core import clock
from decisions_app import services as decisions
from decisions_app.models import Decision
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from notify_app.models import Notice
from plant_app.models import AccessGrant
from tests.boards_app.conftest import As
from tests.boards_app.pages import DOWN, acknowledge_all, alternate_inputs, decide, form, htmx
from tests.decisions_app.conftest import Report, response_of
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db


@pytest.fixture
def exception(report: Report) -> ExceptionRecord:
    """Press 4 is down."""
    return report(DOWN)


@pytest.fixture
def planner(as_: As) -> Client:
    return as_("ingrid.vogel")


def page(client: Client, exception: ExceptionRecord, query: str = "") -> Any:
    return client.get(f"/exceptions/{exception.ref}/{query}")


def post(client: Client, exception: ExceptionRecord, verb: str, **fields: Any) -> Any:
    """A button pressed by the page's script."""
    return client.post(f"/exceptions/{exception.ref}/{verb}/", fields, headers=htmx())


def toast(answer: Any) -> str:
    assert answer.status_code == 204, answer.content
    told = json.loads(answer["HX-Trigger"])
    assert "closeDialog" in told
    assert "changed" in told
    return str(told["toast"]["text"])


# --- what is shown --------------------------------------------------------------------------------------------
def test_the_page_tells_the_whole_case(plant: KolbeMini, exception: ExceptionRecord, planner: Client) -> None:
    answer = page(planner, exception)
    assert answer.status_code == 200
    html = answer.content.decode()
    for section in ("next", "reported", "functions", "decide", "postings", "why", "talk", "timeline"):
        assert f'id="{section}"' in html
    assert ">press 4</mark>" in html
    assert "Cause: " in html
    assert "</mark>" in html
    assert [row["function"] for row in answer.context["functions"].rows] == [
        "Maintenance", "Production", "Planning",
    ]  # fmt: skip
    assert [column["name"] for column in answer.context["deciding"].columns] == [
        "Repair and resume", "Run on alternate work unit", "Defer",
    ]  # fmt: skip
    assert [row["words"] for row in answer.context["postings"]["rows"] if row["status"] == "waits"]
    assert answer.context["route"]["lead"].startswith("Rule ")
    assert answer.context["events"][-1]["text"] == "Opened from Piotr Nowak’s report"


def test_a_report_of_taps_alone_is_said_in_the_plants_words(
    plant: KolbeMini, report: Report, planner: Client
) -> None:
    taps = {"type": "machine_downtime", "state": "stopped", "reason": "MEC-LEAK", "work_unit": "PRS-04"}
    html = page(planner, report(**taps)).content.decode()

    assert "Machine downtime; stopped; Coolant, oil, air leaks; PRS-04" in html
    assert "type machine_downtime" not in html


def test_another_sites_reader_finds_nothing(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    stranger = as_("dana.brooks")
    assert page(stranger, exception).status_code == 404
    assert stranger.get("/exceptions/EX-2026-999999/").status_code == 404
    for verb in ("decide", "cancel", "comment", "sort"):
        assert post(stranger, exception, verb, reason="x", text="x").status_code == 404
    assert stranger.get(f"/exceptions/{exception.ref}/dialogs/cancel/", headers=htmx()).status_code == 404
    exception.refresh_from_db()
    assert exception.status == "open"
    assert exception.comments.count() == 0


def test_opening_the_page_is_seen_once_and_a_refetch_is_not(
    plant: KolbeMini, exception: ExceptionRecord, as_: As
) -> None:
    technician = as_("jonas.keller")
    notice = Notice.objects.get(person=plant.people["jonas.keller"], channel="in_app")
    fragment = technician.get(f"/exceptions/{exception.ref}/", headers=htmx("record"))
    assert fragment.content.decode().lstrip().startswith('<div class="page" id="record"')
    notice.refresh_from_db()
    assert notice.seen_at is None
    page(technician, exception)
    notice.refresh_from_db()
    assert notice.seen_at is not None
    assert response_of(exception, "maintenance").seen_at is not None


def test_times_are_the_sites_own(plant: KolbeMini, exception: ExceptionRecord, planner: Client) -> None:
    local = exception.captured_at.astimezone(ZoneInfo("Europe/Berlin"))
    assert f"Open {local:%H:%M}" in page(planner, exception).content.decode()


def test_the_next_step_follows_the_reader(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    def kind(username: str) -> str:
        return str(page(as_(username), exception).context["step"]["kind"])

    assert kind("jonas.keller") == "acknowledge"
    assert kind("robert.kolbe") == "decide"
    assert kind("elif.aksoy") == "watch"
    acknowledge_all(exception)
    assert kind("ingrid.vogel") == "decide"
    decide(exception, plant)
    assert kind("jonas.keller") == "task"


def test_the_page_costs_a_bounded_number_of_queries(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client, django_assert_max_num_queries: Any
) -> None:
    acknowledge_all(exception)
    for number in range(12):
        decisions.comment(
            exception_id=exception.pk, author=plant.people["ingrid.vogel"], text=f"Line {number}"
        )
    page(planner, exception)
    with django_assert_max_num_queries(120):
        page(planner, exception)


# --- deciding -------------------------------------------------------------------------------------------------
def test_deciding_from_the_form(plant: KolbeMini, exception: ExceptionRecord, planner: Client) -> None:
    acknowledge_all(exception)
    exception.refresh_from_db()
    start = (
        (clock.now() + timedelta(days=2))
        .astimezone(ZoneInfo("Europe/Berlin"))
        .replace(second=0, microsecond=0)
    )
    inputs = {**alternate_inputs(), "start": f"{start:%Y-%m-%dT%H:%M}"}
    answer = post(
        planner, exception, "decide", option="run_on_alternate", version=exception.version, reason="tier A waits",
        **form(inputs),
    )  # fmt: skip
    assert toast(answer) == "Decided: Run on alternate work unit."
    decision = Decision.objects.get()
    assert (decision.option.code, decision.reason) == ("run_on_alternate", "tier A waits")
    # the minute typed is the plant's own
    assert decision.inputs["start"] == start.astimezone(ZoneInfo("UTC")).isoformat()
    exception.refresh_from_db()
    assert exception.status == "decided"
    shown = page(planner, exception)
    assert not shown.context["deciding"].open
    assert "tier A waits" in shown.content.decode()
    assert {row["words"] for row in shown.context["tasks"]} >= {"Repair PRS-04", "Set up PRS-03"}


def test_a_stale_decision_is_refused_and_says_who_changed_what(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client
) -> None:
    acknowledge_all(exception)
    exception.refresh_from_db()
    seen = exception.version
    exceptions.reroute(
        exception_id=exception.pk, actor=plant.people["helena.kraus"], function_code="production",
        reason="tool broke, not the press",
    )  # fmt: skip
    answer = post(
        planner, exception, "decide", option="run_on_alternate", version=seen, **form(alternate_inputs())
    )
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["code"] == "exceptions.stale"
    assert problem["title"] == f"Helena Kraus changed {exception.ref} meanwhile: re-routed."
    assert problem["changed_by"] == "Helena Kraus"
    assert Decision.objects.count() == 0


def test_missing_inputs_are_named(plant: KolbeMini, exception: ExceptionRecord, planner: Client) -> None:
    answer = post(planner, exception, "decide", option="run_on_alternate", **form({"to_unit": "PRS-03"}))
    assert answer.status_code == 400
    assert "Quantity is needed." in answer.json()["detail"]
    assert Decision.objects.count() == 0


def test_who_may_not_decide_is_told_who_may(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    # an operator's access role does not decide at all
    answer = post(as_("piotr.nowak"), exception, "decide", option="defer")
    assert (answer.status_code, answer.json()["code"]) == (403, "access.not_allowed")
    # an inspector's does, but not this
    answer = post(
        as_("priya.nair"), exception, "decide", option="run_on_alternate", **form(alternate_inputs())
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "decisions.not_a_decider")
    assert Decision.objects.count() == 0


def test_what_erp_would_get_is_shown_and_nothing_is_done(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client
) -> None:
    # given a stop ten minutes old, so that it has cost something
    ExceptionRecord.objects.filter(pk=exception.pk).update(occurred_at=clock.now() - timedelta(minutes=10))
    before = Posting.objects.count()
    answer = planner.post(
        f"/exceptions/{exception.ref}/erp-preview/", {"option": "run_on_alternate", **form(alternate_inputs())},
        headers=htmx(),
    )  # fmt: skip
    assert answer.status_code == 200
    words = [row["words"] for row in answer.context["rows"]]
    assert any("PRS-03" in said for said in words)
    assert [row["when"] for row in answer.context["rows"]] == [
        "when its task is done", "on deciding", "on deciding", "when the condition is gone",
    ]  # fmt: skip
    assert Posting.objects.count() == before
    assert Decision.objects.count() == 0


def test_a_decision_is_taken_back_with_a_reason(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client
) -> None:
    decision = decide(exception, plant)
    question = planner.get(f"/exceptions/{exception.ref}/dialogs/reverse/?number=1", headers=htmx())
    assert f'name="number" value="{decision.number}"' in question.content.decode()
    refused = post(planner, exception, "reverse", number=1, reason="")
    assert refused.status_code == 400
    assert toast(post(planner, exception, "reverse", number=1, reason="PRS-03 is needed")) == (
        "The decision is taken back."
    )
    exception.refresh_from_db()
    assert exception.status == "acknowledged"


# --- tasks ----------------------------------------------------------------------------------------------------
def test_a_task_asks_and_its_answer_is_posted(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    decision = decide(exception, plant)
    counts = decision.tasks.select_related("person").get(code="counts")
    assert counts.person is not None
    doer = as_(counts.person.username)
    question = doer.get(f"/tasks/{counts.pk}/dialog/", headers=htmx()).content.decode()
    assert 'name="in-good"' in question
    refused = doer.post(f"/tasks/{counts.pk}/finish/", form({"scrap": "4"}), headers=htmx())
    assert (refused.status_code, refused.json()["detail"]) == (400, "Good is needed.")
    answer = doer.post(f"/tasks/{counts.pk}/finish/", form({"good": "180", "scrap": "4"}), headers=htmx())
    assert toast(answer) == f"Done: {counts.title}."
    posting = Posting.objects.get(link__exception=exception, kind="confirmation")
    assert (posting.payload["yield_qty"], posting.payload["scrap_qty"]) == ("300", "4")


def test_somebody_elses_task_is_refused(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    repair = decide(exception, plant).tasks.get(code="repair")
    answer = as_("priya.nair").post(
        f"/tasks/{repair.pk}/finish/", form({"cause": "MEC-LEAK"}), headers=htmx()
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "tasks.not_yours")
    assert as_("dana.brooks").post(f"/tasks/{repair.pk}/finish/", headers=htmx()).status_code == 404
    repair.refresh_from_db()
    assert repair.status == "open"


# --- the other verbs ------------------------------------------------------------------------------------------
def test_answers_of_a_response(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    response = response_of(exception, "maintenance")
    technician = as_("jonas.keller")
    base = f"/responses/{response.pk}"
    assert "you are on the way" in toast(
        technician.post(f"{base}/on-my-way/", {"eta_minutes": "10"}, headers=htmx())
    )
    response.refresh_from_db()
    assert response.eta_at is not None
    assert timedelta(minutes=9) < response.eta_at - clock.now() <= timedelta(minutes=10)
    for verb, status in (("arrived", "arrived"), ("act", "acting"), ("finish", "done")):
        toast(technician.post(f"{base}/{verb}/", headers=htmx()))
        response.refresh_from_db()
        assert response.status == status
    assert technician.post(f"{base}/dance/", headers=htmx()).status_code == 404
    refused = as_("priya.nair").post(f"{base}/arrived/", headers=htmx())
    assert (refused.status_code, refused.json()["code"]) == (403, "exceptions.not_your_response")


def test_declining_needs_a_reason_and_asks_the_next_one(
    plant: KolbeMini, exception: ExceptionRecord, as_: As
) -> None:
    response = response_of(exception, "maintenance")
    technician = as_("jonas.keller")
    question = technician.get(f"/responses/{response.pk}/dialogs/decline/", headers=htmx()).content.decode()
    assert 'id="decline-title"' in question
    refused = technician.post(f"/responses/{response.pk}/decline/", {"reason": " "}, headers=htmx())
    assert (refused.status_code, refused.json()["code"]) == (400, "exceptions.reason_missing")
    toast(technician.post(f"/responses/{response.pk}/decline/", {"reason": "not my press"}, headers=htmx()))
    assert response_of(exception, "maintenance").person == plant.people["bernd.hauser"]


def test_clear_resolve_reopen_cancel_and_restore(plant: KolbeMini, report: Report, planner: Client) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    assert toast(post(planner, exception, "clear", at="")) == f"{exception.ref}: the condition is gone."
    assert (
        toast(post(planner, exception, "resolve", reason="seal was only loose"))
        == f"{exception.ref} resolved."
    )
    exception.refresh_from_db()
    assert exception.status in {"resolved", "closed"}
    assert (
        toast(post(planner, exception, "reopen", reason="leaks again")) == f"{exception.ref} is open again."
    )
    assert toast(post(planner, exception, "cancel", reason="wrong press")) == f"{exception.ref} cancelled."
    assert toast(post(planner, exception, "restore", reason="it was right")) == f"{exception.ref} restored."
    exception.refresh_from_db()
    assert exception.status == "open"


@pytest.mark.parametrize("verb", ["resolve", "cancel", "reopen", "reverse", "merge", "split", "reroute", "add",
                                  "clear", "sort"])  # fmt: skip
def test_every_question_can_be_asked(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client, verb: str
) -> None:
    if verb == "reverse":
        decide(exception, plant)
    query = "?number=1" if verb == "reverse" else ""
    answer = planner.get(f"/exceptions/{exception.ref}/dialogs/{verb}/{query}", headers=htmx())
    assert answer.status_code == 200
    html = answer.content.decode()
    assert f'hx-post="/exceptions/{exception.ref}/{verb}/"' in html
    assert 'id="dialog-title" hx-swap-oob="true"' in html
    # without scripts it is a page of its own
    assert "<html" in planner.get(f"/exceptions/{exception.ref}/dialogs/{verb}/{query}").content.decode()


def test_access_roles_hold_on_every_button(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    operator = as_("piotr.nowak")
    for verb in (
        "decide",
        "reverse",
        "resolve",
        "cancel",
        "restore",
        "reopen",
        "merge",
        "split",
        "sort",
    ):
        answer = post(operator, exception, verb, reason="because", into=exception.ref)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.not_allowed"), verb
    # who is asked is edited by the record's owner too, so the service asks for the right
    for verb in ("add", "change"):
        response = exception.responses.get(function__code="planning")
        fields = {"function": "quality", "response": str(response.pk), "what": "off"}
        answer = post(operator, exception, verb, reason="because", **fields)
        assert (answer.status_code, answer.json()["code"]) == (403, "exceptions.not_allowed"), verb
    assert not exception.responses.filter(function__code="quality").exists()
    responder = as_("jonas.keller")
    for verb in ("merge", "split"):
        assert post(responder, exception, verb, reason="because").status_code == 403
    exception.refresh_from_db()
    assert exception.status == "open"


def test_rerouting_and_adding_a_function(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client
) -> None:
    said = toast(post(planner, exception, "reroute", function="quality", person="", reason="part is suspect"))
    assert said == f"{exception.ref} is with Priya Nair, Quality now."
    assert toast(
        post(planner, exception, "add", function="engineering", required="on", reason="drawing")
    ) == ("Engineering is asked.")
    assert response_of(exception, "engineering").required


def test_merging_and_splitting(plant: KolbeMini, report: Report, planner: Client) -> None:
    one, other = report(DOWN), report("CNC-05 spindle vibration, stopped")
    assert toast(post(planner, other, "merge", into=one.ref, reason="the same fuse")) == (
        f"{other.ref} is part of {one.ref} now."
    )
    assert one.readings.count() == 2
    signal = one.readings.order_by("-pk")[0].signal_id
    assert "split off" in toast(post(planner, one, "split", signal=signal, reason="two things after all"))
    assert one.readings.count() == 1


def test_talk_reaches_the_page_and_the_story(plant: KolbeMini, exception: ExceptionRecord, as_: As) -> None:
    toast(post(as_("piotr.nowak"), exception, "comment", text="Pump  is <b>hot</b>"))
    html = page(as_("ingrid.vogel"), exception).content.decode()
    assert "Pump  is &lt;b&gt;hot&lt;/b&gt;" in html
    assert post(as_("piotr.nowak"), exception, "comment", text="  ").status_code == 400


def test_an_unsure_reading_is_confirmed_or_put_right(
    plant: KolbeMini, report: Report, planner: Client
) -> None:
    exception = report("CNC-05 stopped in GRIND, noise")
    rows = {row["name"]: row for row in page(planner, exception).context["said"].readings}
    assert rows["work_centre"]["low"]
    question = planner.get(rows["work_centre"]["correct_url"], headers=htmx()).content.decode()
    assert '<option value="GRIND" selected>' in question
    answer = planner.post(
        f"/exceptions/{exception.ref}/readings/work_centre/", {"value": "MILL5"}, headers=htmx()
    )
    assert toast(answer) == "Work centre corrected."
    exception.refresh_from_db()
    assert exception.work_centre == plant.centres["MILL5"]
    again = {row["name"]: row for row in page(planner, exception).context["said"].readings}
    assert not again["work_centre"]["low"]
    assert (again["work_centre"]["sure"], again["work_centre"]["instead"]) == ("corrected", "MILL5")
    assert again["work_centre"]["settled"].startswith("corrected by Ingrid Vogel, ")


def test_sorting_a_triage_item_opens_and_routes_it(plant: KolbeMini, report: Report, planner: Client) -> None:
    exception = report("something smells odd here")
    assert exception.status == "triage"
    assert post(planner, exception, "sort", type="").status_code == 400
    assert toast(post(planner, exception, "sort", type="machine_downtime", work_unit="PRS-04")) == (
        f"{exception.ref} is sorted and routed."
    )
    exception.refresh_from_db()
    assert (exception.status, exception.type.code) == ("open", "machine_downtime")
    assert exception.owner == plant.people["jonas.keller"]


def test_without_scripts_a_refusal_comes_back_on_the_page(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client
) -> None:
    address = f"/exceptions/{exception.ref}/"
    answer = planner.post(
        f"{address}cancel/", {"reason": ""}, headers={"Referer": f"http://testserver{address}"}
    )
    assert (answer.status_code, answer["Location"]) == (302, f"http://testserver{address}")
    assert "Say why it is cancelled." in planner.get(address).content.decode()
    # never to somebody else's page
    answer = planner.post(
        f"{address}cancel/", {"reason": ""}, headers={"Referer": "https://elsewhere.example/"}
    )
    assert answer["Location"] == "/"


def test_a_button_is_pressed_not_fetched(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client
) -> None:
    assert planner.get(f"/exceptions/{exception.ref}/cancel/").status_code == 405
    assert planner.get("/tasks/1/finish/").status_code == 405


def test_access_that_ended_shuts_the_page(
    plant: KolbeMini, exception: ExceptionRecord, planner: Client
) -> None:
    AccessGrant.objects.filter(user=plant.people["ingrid.vogel"]).delete()
    plant.people["ingrid.vogel"].function = None
    plant.people["ingrid.vogel"].save(update_fields=["function"])
    exception.responses.filter(person=plant.people["ingrid.vogel"]).update(person=None)
    assert page(planner, exception).status_code == 404
