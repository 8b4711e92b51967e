"""The station: taps become signals, counts and answers; once each, in the right name, refused in words when stale."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from boards_app.views.floor import signed
from core import clock
from decisions_app import services as decisions
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord, Signal
from plant_app.authentication import DEVICE_COOKIE
from plant_app.models import Operation, OperationStatus, ProgressReport
from plant_app.services.access import issue_badge, pair_device
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

BUDGET = 28


def tap(browser: Client, path: str, key: str | None = None, **body: Any) -> HttpResponse:
    """What outbox.js sends."""
    key = key or str(uuid4())
    body = {"external_id": key, "occurred_at": clock.now().isoformat(), **body}
    headers = {"Idempotency-Key": key, "Accept": "application/json"}
    return browser.post(path, json.dumps(body), content_type="application/json", headers=headers)


@pytest.fixture
def screen(plant: KolbeMini) -> Client:
    """A tablet paired with the presses, nobody known at it."""
    _device, secret = pair_device(site=plant.rhf, name="Tablet presses", work_centre=plant.centres["PRESS"])
    browser = Client()
    browser.cookies[DEVICE_COOKIE] = secret
    return browser


# --- what it shows ------------------------------------------------------------------------------------------
def test_a_station_shows_the_job_what_is_open_and_what_to_report(
    plant: KolbeMini, report: Report, as_: As
) -> None:
    exception = report("CNC-04 down, spindle vibration")
    html = as_("piotr.nowak").get("/stations/MILL5/?unit=CNC-06").content.decode()
    assert "WO-118219" in html
    assert "14 of 16" in html
    assert "CNC-04 down" in html
    assert str(exception.owner) in html
    for function in ("Maintenance", "Production", "Planning"):
        assert f"<span>{function}</span>" in html
    for code in (
        "machine_downtime",
        "material_shortage",
        "quality_hold",
        "tooling",
        "labour_shortage",
        "safety_stop",
    ):
        assert f'data-dialog="report-{code}"' in html
    assert 'name="fields.reason" value="MEC-LEAK"' in html
    assert 'name="fields.work_unit" value="CNC-06"' in html
    assert 'name="fields.work_order" value="WO-118219"' in html


def test_a_station_costs_a_bounded_number_of_queries(plant: KolbeMini, report: Report, as_: As) -> None:
    for unit in ("CNC-04", "CNC-05", "CNC-06"):
        report(f"{unit} down, it broke")
    browser = as_("piotr.nowak")
    browser.get("/stations/MILL5/live/")
    with CaptureQueriesContext(connection) as spent:
        assert browser.get("/stations/MILL5/live/?unit=CNC-05").status_code == 200
    assert len(spent) <= BUDGET


def test_the_station_of_another_site_is_not_there(plant: KolbeMini, as_: As) -> None:
    other = as_("carlos.mendez")
    assert other.get("/stations/PRESS/").status_code == 404
    answer = tap(other, "/stations/PRESS/report/", text="press 4 down")
    assert answer.status_code == 404
    assert Signal.objects.count() == 0


# --- report -------------------------------------------------------------------------------------------------
def test_two_taps_and_words_open_an_exception(plant: KolbeMini, as_: As) -> None:
    fields = {"type": "machine_downtime", "work_unit": "PRS-04", "work_centre": "PRESS", "state": "stopped"}
    answer = tap(
        as_("piotr.nowak"), "/stations/PRESS/report/", text="press 4 down, hydraulic leak", fields=fields
    )
    assert answer.status_code == 201
    exception = ExceptionRecord.objects.get()
    assert answer.json()["exception"]["ref"] == exception.ref
    assert (exception.type.code, exception.work_unit, exception.reason.code) == (
        "machine_downtime",
        plant.units["PRS-04"],
        "MEC-LEAK",
    )
    assert (exception.status, exception.channel, exception.reported_by) == (
        "open",
        "station",
        plant.people["piotr.nowak"],
    )


def test_words_alone_are_enough(plant: KolbeMini, as_: As) -> None:
    answer = tap(as_("piotr.nowak"), "/stations/PRESS/report/", text="press 4 down, hydraulic leak")
    assert answer.json()["exception"]["status"] == "open"
    assert ExceptionRecord.objects.get().work_unit == plant.units["PRS-04"]


def test_the_same_tap_twice_is_one_signal(plant: KolbeMini, as_: As) -> None:
    browser, key = as_("piotr.nowak"), str(uuid4())
    body = {"fields": {"type": "machine_downtime", "work_unit": "PRS-04", "reason": "MEC-JAM"}}
    at = clock.now().isoformat()
    first = tap(browser, "/stations/PRESS/report/", key, occurred_at=at, **body)
    second = tap(browser, "/stations/PRESS/report/", key, occurred_at=at, **body)
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.json()["replayed"], second.json()["replayed"]) == (False, True)
    assert first.json()["exception"]["ref"] == second.json()["exception"]["ref"]
    assert (Signal.objects.count(), ExceptionRecord.objects.count()) == (1, 1)


def test_a_report_kept_without_a_network_keeps_its_moment(plant: KolbeMini, as_: As) -> None:
    before = clock.now() - timedelta(minutes=25)
    tap(
        as_("piotr.nowak"), "/stations/PRESS/report/", occurred_at=before.isoformat(), text="press 4 down, jammed"
    )  # fmt: skip
    exception = ExceptionRecord.objects.get()
    assert exception.occurred_at == before
    assert exception.captured_at > before + timedelta(minutes=24)


def test_a_tablet_reports_though_nobody_is_known_at_it(plant: KolbeMini, screen: Client) -> None:
    answer = tap(screen, "/stations/PRESS/report/", text="press 4 down, hydraulic leak")
    assert answer.status_code == 201
    signal = Signal.objects.get()
    assert (signal.reporter, signal.reporter_text, signal.device.name) == (
        None,
        "Tablet presses",
        "Tablet presses",
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "station.empty"),
        ({"fields": {"type": "order_change"}}, "station.type"),
        ({"fields": {"type": "machine_downtime", "work_unit": "CNC-04"}}, "station.unit"),
        ({"external_id": "not-a-uuid", "text": "down"}, "station.unreadable"),
    ],
)
def test_what_a_station_does_not_take_is_said(
    plant: KolbeMini, as_: As, body: dict[str, Any], code: str
) -> None:
    answer = tap(as_("piotr.nowak"), "/stations/PRESS/report/", **body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["detail"]
    assert Signal.objects.count() == 0


def test_a_signed_out_tablet_is_told_so_in_json(plant: KolbeMini) -> None:
    answer = tap(Client(), "/stations/PRESS/report/", text="press 4 down")
    assert (answer.status_code, answer.json()["code"]) == (401, "access.signed_out")


# --- counts -------------------------------------------------------------------------------------------------
def count(
    browser: Client, operation: Operation, version: int, key: str | None = None, **body: Any
) -> HttpResponse:
    return tap(
        browser, "/stations/MILL5/progress/", key, operation=str(operation.pk), version=str(version),
        **{"kind": "count", "good": "2", **body},
    )  # fmt: skip


def test_a_count_is_taken_and_confirmed_towards_erp(plant: KolbeMini, as_: As) -> None:
    operation = plant.operations["WO-118193/20"]
    answer = count(as_("piotr.nowak"), operation, operation.version, good="10", scrap="1")
    assert answer.status_code == 200
    operation.refresh_from_db()
    assert (operation.good, operation.scrap) == (Decimal(128), Decimal(1))
    made = ProgressReport.objects.get()
    assert (made.kind, made.person) == ("count", plant.people["piotr.nowak"])
    confirmation = Posting.objects.get(pk=answer.json()["posting"])
    # with the 118 made before, of which ERP has not heard yet
    assert (confirmation.kind, confirmation.payload["yield_qty"]) == ("confirmation", "128")


def test_the_same_count_twice_counts_once(plant: KolbeMini, as_: As) -> None:
    browser, key, at = as_("piotr.nowak"), str(uuid4()), clock.now().isoformat()
    operation = plant.operations["WO-118193/20"]
    first = count(browser, operation, operation.version, key, occurred_at=at)
    second = count(browser, operation, operation.version, key, occurred_at=at)
    assert first.json()["report"] == second.json()["report"]
    assert second.json()["replayed"] is True
    operation.refresh_from_db()
    assert operation.good == Decimal(120)


def test_a_count_somebody_overtook_is_refused_in_words(plant: KolbeMini, as_: As) -> None:
    operation = plant.operations["WO-118193/20"]
    seen = operation.version
    decisions.report_progress(
        operation_id=operation.pk, kind="count", good=Decimal(5), person=plant.people["tomas.ruiz"]
    )
    answer = count(as_("piotr.nowak"), operation, seen)
    assert (answer.status_code, answer.json()["code"]) == (409, "operation.stale_version")
    assert "Tomás Ruiz reported counted" in answer.json()["detail"]
    operation.refresh_from_db()
    assert operation.good == Decimal(123)


def test_counts_a_tablet_kept_do_not_overtake_each_other(plant: KolbeMini, as_: As) -> None:
    browser, operation = as_("piotr.nowak"), plant.operations["WO-118193/20"]
    seen = operation.version
    assert [count(browser, operation, seen).status_code for _tap in range(3)] == [200, 200, 200]
    operation.refresh_from_db()
    assert operation.good == Decimal(124)


def test_stop_go_on_and_finish(plant: KolbeMini, as_: As) -> None:
    browser, operation = as_("piotr.nowak"), plant.operations["WO-118219/30"]
    for kind, status in (("stop", "stopped"), ("start", "running"), ("finish", "finished")):
        operation.refresh_from_db()
        good = "2" if kind == "finish" else "0"
        assert count(browser, operation, operation.version, kind=kind, good=good).status_code == 200
        operation.refresh_from_db()
        assert operation.status == status
    assert operation.status == OperationStatus.FINISHED
    assert operation.good == Decimal(16)


def test_an_operation_of_another_centre_is_not_counted_here(plant: KolbeMini, as_: As) -> None:
    operation = plant.operations["WO-118300/10"]
    answer = count(as_("piotr.nowak"), operation, operation.version)
    assert (answer.status_code, answer.json()["code"]) == (404, "operation.not_found")
    assert not ProgressReport.objects.exists()


def test_counting_needs_somebody(plant: KolbeMini, screen: Client) -> None:
    operation = plant.operations["WO-118300/10"]
    answer = tap(
        screen, "/stations/PRESS/progress/", operation=str(operation.pk), kind="count", good="5",
        version=str(operation.version),
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (403, "station.who")
    assert not ProgressReport.objects.exists()


# --- who stands there ---------------------------------------------------------------------------------------
def test_a_badge_and_pin_make_somebody_known_until_they_leave(plant: KolbeMini, screen: Client) -> None:
    piotr = plant.people["piotr.nowak"]
    issue_badge(person=piotr, code="0471", pin="1234")
    refused = screen.post(
        "/stations/PRESS/person/", {"badge": "0471", "pin": "9999"}, headers={"HX-Request": "true"}
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "badge.refused")
    assert "Hold up your badge" in screen.get("/stations/PRESS/").content.decode()
    screen.post("/stations/PRESS/person/", {"badge": "0471", "pin": "1234"})
    assert "Piotr Nowak" in screen.get("/stations/PRESS/").content.decode()
    operation = plant.operations["WO-118300/10"]
    answer = tap(
        screen, "/stations/PRESS/progress/", operation=str(operation.pk), kind="count", good="5",
        version=str(operation.version),
    )  # fmt: skip
    assert answer.status_code == 200
    assert ProgressReport.objects.get().person == piotr
    screen.post("/stations/PRESS/person/", {"badge": ""})
    assert "Hold up your badge" in screen.get("/stations/PRESS/").content.decode()


def test_somebody_of_another_site_is_not_known_here(plant: KolbeMini, screen: Client) -> None:
    issue_badge(person=plant.people["carlos.mendez"], code="0999")
    answer = screen.post("/stations/PRESS/person/", {"badge": "0999"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.json()["code"]) == (403, "station.other_site")


def test_a_kept_tap_stays_with_whoever_made_it(plant: KolbeMini, screen: Client) -> None:
    # given a count Piotr tapped without a network, sent after Katrin has stepped up
    issue_badge(person=plant.people["katrin.weber"], code="0500")
    screen.post("/stations/PRESS/person/", {"badge": "0500"})
    operation = plant.operations["WO-118300/10"]
    body = {"operation": str(operation.pk), "kind": "count", "good": "5", "version": str(operation.version)}
    tap(screen, "/stations/PRESS/progress/", **body, **{"as": signed(plant.people["piotr.nowak"])})
    assert ProgressReport.objects.get().person == plant.people["piotr.nowak"]
    # a name the server did not sign is not believed
    operation.refresh_from_db()
    body["version"] = str(operation.version)
    tap(screen, "/stations/PRESS/progress/", **body, **{"as": "robert.kolbe"})
    assert ProgressReport.objects.first().person == plant.people["katrin.weber"]


# --- it runs again ------------------------------------------------------------------------------------------
def test_it_runs_again(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report("press 4 down, hydraulic leak")
    browser, key, at = as_("piotr.nowak"), str(uuid4()), clock.now().isoformat()
    answer = tap(browser, "/stations/PRESS/clear/", key, ref=exception.ref, occurred_at=at)
    assert answer.status_code == 200
    exception.refresh_from_db()
    cleared = exception.cleared_at
    assert cleared is not None
    # sent again it is the same answer, not a refusal
    again = tap(browser, "/stations/PRESS/clear/", key, ref=exception.ref, occurred_at=at)
    assert (again.status_code, again.json()["replayed"]) == (200, True)
    exception.refresh_from_db()
    assert exception.cleared_at == cleared
    assert "Nothing is open here" in browser.get("/stations/PRESS/").content.decode()


def test_only_what_is_open_in_the_area_is_cleared_there(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report("press 4 down, hydraulic leak")
    answer = tap(as_("piotr.nowak"), "/stations/MILL5/clear/", ref=exception.ref)
    assert (answer.status_code, answer.json()["code"]) == (404, "exceptions.not_found")
    exception.refresh_from_db()
    assert exception.cleared_at is None
