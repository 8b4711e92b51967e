"""The API: report, list, answer, pass on; nothing of another site."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import clock
from exceptions_app import selectors, services
from exceptions_app.models import ExceptionRecord, Signal
from exceptions_app.services.channels import read
from plant_app.models import User
from tests.exceptions_app.conftest import MORNING, Report, owner_response
from tests.plant_fixtures import KolbeMini


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post(user: User, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return client_of(user).post(
        f"/api/v1/{path}", body or {}, content_type="application/json", headers=headers
    )


MESSAGE = {"channel": "api", "external_id": "n-1", "text": "press 4 down, hydraulic leak", "site": "RHF"}


def test_a_report_answers_with_the_routed_exception(plant: KolbeMini) -> None:
    answer = post(plant.people["erp.integration"], "signals/", {**MESSAGE, "reporter": "piotr.nowak"})

    body = answer.json()
    exception = ExceptionRecord.objects.get()
    assert answer.status_code == 201
    assert (body["signal"]["status"], body["signal"]["outcome"], body["replayed"]) == (
        "read",
        "opened",
        False,
    )
    assert body["exception"]["ref"] == exception.ref
    assert (body["exception"]["status"], body["exception"]["type"]) == ("open", "machine_downtime")
    assert body["exception"]["owner"] == {
        "function": "maintenance", "role": "technician",
        "person": {"username": "jonas.keller", "name": "Jonas Keller"},
    }  # fmt: skip
    assert body["exception"]["links"]["work_unit"] == "PRS-04"
    assert body["exception"]["links"]["work_order"] == "WO-118300"
    assert {one["function"] for one in body["exception"]["functions"]} == {
        "maintenance", "production", "planning",
    }  # fmt: skip
    assert Signal.objects.get().reporter == plant.people["piotr.nowak"]


def test_a_repeat_gets_the_first_answer(plant: KolbeMini) -> None:
    first = post(plant.people["piotr.nowak"], "signals/", MESSAGE)
    again = post(plant.people["piotr.nowak"], "signals/", MESSAGE)
    other = post(plant.people["piotr.nowak"], "signals/", {**MESSAGE, "text": "press 3 down"})

    assert [answer.status_code for answer in (first, again, other)] == [201, 201, 201]
    assert again.json()["exception"]["ref"] == first.json()["exception"]["ref"]
    assert (again.json()["replayed"], again.json()["flag"]) == (True, "")
    assert other.json()["flag"] == "exceptions.signal_body_differs"
    assert ExceptionRecord.objects.count() == 1


@pytest.mark.parametrize(
    "said",
    [
        {"text": "press 4 down, hydraulic leak"},
        {"text": "", "fields": {"type": "quality_hold", "work_order": "WO-118300", "qty_suspect": "12.5"}},
        {"text": "tool broken on press 3, we need a new one for WO-118300"},
    ],
)
def test_what_is_answered_at_once_is_what_is_stored(plant: KolbeMini, said: dict[str, Any]) -> None:
    first = post(plant.people["piotr.nowak"], "signals/", {**MESSAGE, **said})
    stored = post(plant.people["piotr.nowak"], "signals/", {**MESSAGE, **said})

    assert (first.json()["signal"]["outcome"], stored.json()["replayed"]) == ("opened", True)
    assert first.json()["exception"] == stored.json()["exception"]
    assert first.json()["signal"] == stored.json()["signal"]


def test_an_idempotency_key_is_honoured(plant: KolbeMini) -> None:
    person = plant.people["piotr.nowak"]
    first = post(person, "signals/", MESSAGE, **{"Idempotency-Key": "k-1"})
    again = post(person, "signals/", MESSAGE, **{"Idempotency-Key": "k-1"})
    other = post(person, "signals/", {**MESSAGE, "external_id": "n-2"}, **{"Idempotency-Key": "k-1"})

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (400, "request.idempotency_mismatch")


def test_a_reporter_speaks_only_for_himself(plant: KolbeMini) -> None:
    post(plant.people["piotr.nowak"], "signals/", {**MESSAGE, "reporter": "robert.kolbe"})

    signal = Signal.objects.get()
    assert (signal.reporter, signal.reporter_text) == (plant.people["piotr.nowak"], "robert.kolbe")


def test_nobody_reports_for_another_site(plant: KolbeMini) -> None:
    answer = post(plant.people["tyler.reed"], "signals/", MESSAGE)

    assert (answer.status_code, answer.json()["code"]) == (400, "exceptions.unknown_site")
    assert not Signal.objects.exists()


def test_a_report_that_fails_to_be_read_is_202_and_read_later(
    plant: KolbeMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ValueError("a reader with a bug")

    with monkeypatch.context() as patched:
        patched.setattr(read, "interpret", broken)
        answer = post(plant.people["piotr.nowak"], "signals/", MESSAGE)

    assert answer.status_code == 202
    assert (answer.json()["signal"]["status"], answer.json()["exception"]) == ("pending", None)
    with clock.travel(MORNING + timedelta(seconds=5)):
        assert services.read_due_signals() == 1
    pk = answer.json()["signal"]["id"]
    later = client_of(plant.people["piotr.nowak"]).get(f"/api/v1/signals/{pk}/")
    assert later.json()["exception"]["ref"] == ExceptionRecord.objects.get().ref


def test_a_missing_field_is_a_problem_document(plant: KolbeMini) -> None:
    answer = post(plant.people["piotr.nowak"], "signals/", {"text": "press 4 down"})

    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert set(answer.json()["errors"]) == {"external_id", "site"}


def test_without_a_login_nothing_is_taken(plant: KolbeMini) -> None:
    answer = Client().post("/api/v1/signals/", MESSAGE, content_type="application/json")

    assert answer.status_code in (401, 403)
    assert not Signal.objects.exists()


def test_another_sites_people_see_nothing(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception
    stranger, pk = plant.people["tyler.reed"], owner_response(exception).pk

    listed = client_of(stranger).get("/api/v1/exceptions/")
    acknowledged = post(stranger, f"exceptions/{exception.ref}/acknowledge/")
    answered = post(stranger, f"responses/{pk}/acknowledge/")

    assert listed.json()["results"] == []
    assert (acknowledged.status_code, acknowledged.json()["code"]) == (404, "exceptions.not_found")
    assert (answered.status_code, answered.json()["code"]) == (404, "exceptions.response_not_found")
    assert list(selectors.desk(stranger)) == []
    exception.refresh_from_db()
    assert exception.status == "open"


def test_a_list_is_filtered_ordered_and_paged(plant: KolbeMini, report: Report) -> None:
    for minutes, machine in enumerate(("mill 6", "press 4", "grinder 2")):
        with clock.travel(MORNING + timedelta(minutes=minutes)):
            report(f"{machine} down, hydraulic leak")
    report("please look at the thing near the door, it is odd")
    reader = client_of(plant.people["ingrid.vogel"])

    def refs(query: str) -> list[str]:
        rows = reader.get(f"/api/v1/exceptions/?{query}").json()["results"]
        return [row["links"].get("work_unit", row["status"]) for row in rows]

    assert refs("status=open&ordering=captured_at") == ["CNC-06", "PRS-04", "GRD-02"]
    assert refs("status=triage") == ["triage"]
    assert refs("type=machine_downtime&work_unit=PRS-04,CNC-06&ordering=-captured_at") == [
        "PRS-04",
        "CNC-06",
    ]
    assert refs("owner=katrin.weber") == ["triage"]
    worst = (
        ExceptionRecord.objects.filter(status="open")
        .order_by("-urgency_score")
        .values_list("work_unit__code")
    )
    assert refs("status=open&ordering=urgency") == [code for (code,) in worst]
    assert refs("site=GVL") == []
    page = reader.get("/api/v1/exceptions/?page_size=2").json()
    rest = reader.get(page["next"]).json()
    assert (len(page["results"]), len(rest["results"]), rest["next"]) == (2, 2, None)
    refused = reader.get("/api/v1/exceptions/?ordering=colour")
    assert (refused.status_code, refused.json()["code"]) == (400, "request.ordering")


def test_a_list_takes_the_same_number_of_queries_whatever_its_length(
    plant: KolbeMini, report: Report
) -> None:
    reader = client_of(plant.people["ingrid.vogel"])
    report("press 3 down, hydraulic leak")
    reader.get("/api/v1/exceptions/")

    with CaptureQueriesContext(connection) as few:
        reader.get("/api/v1/exceptions/")
    for machine in ("press 4", "grinder 2", "mill 4", "mill 6", "grinder 1"):
        report(f"{machine} down, hydraulic leak")
    with CaptureQueriesContext(connection) as many:
        answer = reader.get("/api/v1/exceptions/")

    assert len(answer.json()["results"]) == 6
    assert len(many) == len(few)
    assert len(many) <= 8


def test_acknowledging_by_reference_answers_for_ones_own_function(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception

    answer = post(plant.people["ingrid.vogel"], f"exceptions/{exception.ref}/acknowledge/")

    assert answer.status_code == 200
    assert (answer.json()["function"], answer.json()["status"]) == ("planning", "acknowledged")
    exception.refresh_from_db()
    assert exception.status == "open"


def test_a_response_goes_through_its_verbs(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception
    jonas, pk = plant.people["jonas.keller"], owner_response(exception).pk

    on_way = post(jonas, f"responses/{pk}/on-my-way/", {"eta_minutes": 5})
    states = [
        post(jonas, f"responses/{pk}/{verb}/").json()["status"] for verb in ("arrived", "act", "finish")
    ]

    assert on_way.json()["status"] == "on_the_way"
    assert on_way.json()["eta_at"] == "2026-11-17T09:19:00Z"
    assert states == ["arrived", "acting", "done"]
    exception.refresh_from_db()
    assert exception.status == "acknowledged"


def test_declining_without_a_reason_is_refused(plant: KolbeMini, report: Report) -> None:
    pk = owner_response(report("press 4 down, hydraulic leak").exception).pk

    refused = post(plant.people["jonas.keller"], f"responses/{pk}/decline/")
    done = post(plant.people["jonas.keller"], f"responses/{pk}/decline/", {"reason": "electrical"})

    assert (refused.status_code, refused.json()["code"]) == (400, "exceptions.reason_missing")
    assert (done.status_code, done.json()["role"]) == (200, "maintenance_lead")


def test_rerouting_needs_to_know_the_current_version(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception
    body = {"function": "quality", "reason": "bad parts", "version": exception.version}
    services.acknowledge(
        response_id=owner_response(exception).pk, actor=plant.people["jonas.keller"], via="inbox"
    )

    stale = post(plant.people["ingrid.vogel"], f"exceptions/{exception.ref}/reroute/", body)
    exception.refresh_from_db()
    fresh = post(
        plant.people["ingrid.vogel"],
        f"exceptions/{exception.ref}/reroute/",
        {**body, "version": exception.version},
    )

    assert (stale.status_code, stale.json()["code"]) == (409, "exceptions.stale")
    assert stale.json()["changed_by"] == "Jonas Keller"
    assert (fresh.status_code, fresh.json()["person"]["username"]) == (200, "priya.nair")


def test_opening_stays_within_its_query_budget(plant: KolbeMini, report: Report) -> None:
    report("press 3 down, hydraulic leak")

    with CaptureQueriesContext(connection) as queries:
        report("press 4 down, hydraulic leak")

    assert len(queries) <= 60, "\n".join(query["sql"][:160] for query in queries)


def test_the_inbox_shows_what_waits_first(plant: KolbeMini, report: Report) -> None:
    for machine in ("press 4", "mill 6", "grinder 2"):
        report(f"{machine} down, hydraulic leak")
    ingrid = plant.people["ingrid.vogel"]
    first = selectors.inbox(ingrid)[0]
    services.acknowledge(response_id=first.pk, actor=ingrid, via="inbox")

    with CaptureQueriesContext(connection) as queries:
        rows = selectors.inbox(ingrid)

    assert first.acknowledge_due_at == min(row.acknowledge_due_at for row in rows)
    assert [row.status for row in rows] == ["due", "due", "acknowledged"]
    assert rows[-1].pk == first.pk
    assert selectors.waiting_count(ingrid) == 2
    assert len(queries) <= 2


def test_the_desk_puts_the_worst_first(plant: KolbeMini, report: Report) -> None:
    for machine in ("press 4", "grinder 2"):
        report(f"{machine} down, hydraulic leak")

    rows = list(selectors.desk(plant.people["ingrid.vogel"]))
    counts = selectors.tally(plant.people["ingrid.vogel"], now=MORNING)

    assert [row.work_unit.code for row in rows] == ["GRD-02", "PRS-04"]
    assert rows[0].due_at == rows[0].acknowledge_due_at
    assert {chip.function.code for chip in rows[0].live_responses} >= {
        "maintenance",
        "planning",
        "production",
    }
    assert (counts.live, counts.unacknowledged, counts.triage) == (2, 2, 0)
