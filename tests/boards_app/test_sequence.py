"""The sequence page: limits with their exceptions, the order of work, the floor's yes and no."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from boards_app.selectors.sequence import sequence_page
from boards_app.selectors.station import promise_words
from core import clock
from plant_app.models import PlannedOperation
from plant_app.services import restate_constraint
from plant_app.services.access import issue_badge, pair_device
from sequence_app import services as sequence
from sequence_app.models import Recommendation
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini
from tests.sequence_app.test_sequence_story import settle

BUDGET = 30


@pytest.fixture
def asked(plant: KolbeMini, report: Report) -> Recommendation:
    """A grinder goes down and the other one is recommended for its next job."""
    settle(plant)
    exception = report("", type="machine_downtime", work_unit="GRD-01", state="stopped", reason="MEC-BRK")
    restate_constraint(
        origin_ref=f"exception:{exception.pk}", ends_at=clock.now() + timedelta(hours=30), estimated=False
    )
    sequence.propose(site=plant.rhf, causes=[f"{exception.ref} GRD-01 down"])
    return Recommendation.objects.get()


def test_limits_name_the_exception_they_come_from(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report("press 4 down, hydraulic leak")
    html = as_("ingrid.vogel").get("/sequence/?centre=PRESS").content.decode()
    limits = html[html.index('class="limits"') : html.index("</ul>", html.index('class="limits"'))]
    assert "Down" in limits
    assert "PRS-04" in limits
    assert f'href="/exceptions/{exception.ref}/"' in limits
    assert 'aria-current="true">Presses' in html
    # and its job says since when it stands
    assert "WO-118300" in html
    assert "Stopped, started" in html


def test_the_order_of_work_has_need_by_and_projected_and_marks_late(plant: KolbeMini) -> None:
    settle(plant)
    page = sequence_page(plant.rhf, "MILL5")
    rows = {row.order: row for group in page.groups for row in group.rows}
    assert [group.unit.code for group in page.groups] == ["CNC-04", "CNC-05", "CNC-06"]
    assert rows["WO-118219"].running
    assert rows["WO-118219"].place is None
    assert rows["WO-118226"].place == 1
    assert rows["WO-118226"].end > rows["WO-118226"].start
    assert all(row.late == (row.end > row.need_by) for row in rows.values())
    assert all(row.spare.endswith("late" if row.late else "spare") for row in rows.values())
    # the lanes show the same jobs
    assert "118219" in {bar.words for _unit, bars in page.lanes for bar in bars}


def test_a_page_costs_a_bounded_number_of_queries(plant: KolbeMini, report: Report, as_: As) -> None:
    report("press 4 down, hydraulic leak")
    browser = as_("ingrid.vogel")
    browser.get("/sequence/live/?centre=PRESS")
    with CaptureQueriesContext(connection) as spent:
        assert browser.get("/sequence/live/?centre=PRESS").status_code == 200
    assert len(spent) <= BUDGET


def test_a_question_shows_what_moves_and_confirming_publishes_it(
    plant: KolbeMini, asked: Recommendation, as_: As
) -> None:
    browser = as_("ingrid.vogel")
    html = browser.get("/sequence/").content.decode()
    assert asked.title in html
    assert "was GRD-01" in html
    assert 'class="dr moved"' in html
    answer = browser.post(f"/sequence/recommendations/{asked.pk}/confirm/", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert "Confirmed" in answer["HX-Trigger"]
    moved = PlannedOperation.objects.get(operation=plant.operations["WO-118204/40"])
    assert moved.work_unit == plant.units["GRD-02"]
    # a second yes is refused in words
    again = browser.post(f"/sequence/recommendations/{asked.pk}/confirm/", headers={"HX-Request": "true"})
    assert (again.status_code, again.json()["code"]) == (409, "sequence.answered")
    assert "Confirmed" in browser.get("/sequence/").content.decode()


def test_overriding_needs_a_reason_and_words_only_for_another(
    plant: KolbeMini, asked: Recommendation, as_: As
) -> None:
    browser, address = as_("tomas.ruiz"), f"/sequence/recommendations/{asked.pk}/override/"
    for given in ({}, {"reason": "OTH"}):
        refused = browser.post(address, given, headers={"HX-Request": "true"})
        assert (refused.status_code, refused.json()["code"]) == (400, "sequence.reason")
    answer = browser.post(address, {"reason": "TOOL"}, headers={"HX-Request": "true"})
    assert answer.status_code == 204
    asked.refresh_from_db()
    assert (asked.status, asked.override_reason, asked.decided_by) == (
        "overridden",
        "TOOL",
        plant.people["tomas.ruiz"],
    )
    stays = PlannedOperation.objects.get(operation=plant.operations["WO-118204/40"])
    assert stays.work_unit == plant.units["GRD-01"]


def test_another_site_neither_sees_nor_answers(plant: KolbeMini, asked: Recommendation, as_: As) -> None:
    other = as_("dana.brooks")
    assert asked.title not in other.get("/sequence/?site=RHF").content.decode()
    answer = other.post(f"/sequence/recommendations/{asked.pk}/confirm/", headers={"HX-Request": "true"})
    assert answer.status_code == 404
    asked.refresh_from_db()
    assert asked.status == "proposed"


def test_the_station_answers_in_the_name_of_a_badge(plant: KolbeMini, asked: Recommendation) -> None:
    _device, secret = pair_device(site=plant.rhf, name="Tablet grinding", work_centre=plant.centres["GRIND"])
    screen = Client()
    screen.cookies["xl_device"] = secret
    address = f"/stations/GRIND/recommendations/{asked.pk}/confirm/"
    assert asked.changes[0]["order"] in screen.get("/stations/GRIND/").content.decode()
    nobody = screen.post(address, headers={"HX-Request": "true"})
    assert (nobody.status_code, nobody.json()["code"]) == (403, "station.who")
    issue_badge(person=plant.people["piotr.nowak"], code="0471")
    screen.post("/stations/GRIND/person/", {"badge": "0471"})
    # another centre's station does not answer for this one
    elsewhere = f"/stations/MILL5/recommendations/{asked.pk}/confirm/"
    assert screen.post(elsewhere, headers={"HX-Request": "true"}).status_code == 404
    assert screen.post(address, headers={"HX-Request": "true"}).status_code == 204
    asked.refresh_from_db()
    assert (asked.status, asked.decided_by) == ("confirmed", plant.people["piotr.nowak"])


def test_effects_on_promises_are_said_in_the_plants_words() -> None:
    effect = {
        "late_before": 3,
        "late_after": 1,
        "promises": [
            {"customer": "Alstrand Rail", "label": "1/10", "words": "kept"},
            {"customer": "Norrland", "label": "2/10", "words": "kept"},
            {"customer": "Merino", "label": "3/10", "words": "40 min later"},
        ],
    }
    assert promise_words(effect) == [
        "Keeps 2 promises, Alstrand Rail and Norrland",
        "Merino 40 min later, late either way",
    ]
    assert promise_words({}) == ["No promise becomes late"]
    broken = {"promises": [{"customer": "Merino", "label": "3/10", "words": "would be late"}]}
    assert promise_words(broken) == ["1 promise would be late, Merino"]
