"""The area board: what its cards say, who may see it, and that it costs the same however many machines."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from boards_app.selectors import unit_words
from core import clock
from exceptions_app import services as exceptions
from plant_app.authentication import DEVICE_COOKIE
from plant_app.models import UnitState, WorkUnitState
from plant_app.services import set_unit_state
from plant_app.services.access import pair_device, revoke_device
from tests import factories as make
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report, response_of
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"
BUDGET = 24


def card(html: str, unit: str) -> str:
    """The markup of one machine's card."""
    start = html.index(f'aria-label="{unit}:')
    return html[start : html.index("sstrip", start)]


def test_a_card_says_state_who_and_what_next(plant: KolbeMini, report: Report, as_: As) -> None:
    # given a press that went down
    exception = report(DOWN)
    # when its line lead looks at the board
    html = as_("nils.ahrens").get("/boards/FORM/").content.decode()
    # then its card is filled, names the case, the person told and the next step
    press = card(html, "PRS-04")
    assert 'aria-label="PRS-04: Down, hydraulic leak"' in html
    assert f"EX-{exception.short_ref}, WO-118300, 120 of 500" in press
    assert str(exception.owner) in press
    assert exception.next_step.partition(";")[0] in press
    assert f'href="/exceptions/{exception.ref}/" class="unit down"' in html
    # and the other press stays paper
    assert "Free, no order" in card(html, "PRS-03")
    assert html.count('class="unit down"') == 1


def test_a_card_follows_the_person_who_comes(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    response = response_of(exception, "maintenance")
    exceptions.on_my_way(
        response_id=response.pk, actor=response.person, via="inbox",
        eta=clock.now() + timedelta(minutes=4, seconds=30),
    )  # fmt: skip
    browser = as_("nils.ahrens")
    assert "on the way, 5 min" in card(browser.get("/boards/FORM/live/").content.decode(), "PRS-04")
    exceptions.arrived(response_id=response.pk, actor=response.person, via="inbox")
    assert "here since" in card(browser.get("/boards/FORM/live/").content.decode(), "PRS-04")


def test_a_limit_that_has_passed_is_named(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    response = response_of(exception, "planning")
    exception.responses.filter(pk=response.pk).update(
        acknowledge_due_at=clock.now() - timedelta(minutes=3, seconds=10)
    )
    assert "Planning 3 min over" in card(as_("nils.ahrens").get("/boards/FORM/").content.decode(), "PRS-04")


def test_what_belongs_to_no_machine_stands_over_the_cards(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report("", type="labour_shortage", work_centre="GRIND", missing="1", reason="NOSHOW")
    assert exception.work_unit is None
    html = as_("tomas.ruiz").get("/boards/MACH/").content.decode()
    assert f"EX-{exception.short_ref} {exception.title}" in html[html.index('class="loose"') :]


def test_counts_filter_the_cards_and_the_footer_counts_the_day(
    plant: KolbeMini, report: Report, as_: As
) -> None:
    report(DOWN)
    html = as_("nils.ahrens").get("/boards/FORM/live/?state=down").content.decode()
    assert 'aria-label="PRS-04:' in html
    assert 'aria-label="PRS-03:' not in html
    assert "Open 1" in html
    assert "Reported today 1" in html
    assert "Closed today 0" in html


def test_the_board_of_another_site_is_not_there(plant: KolbeMini, as_: As) -> None:
    assert as_("carlos.mendez").get("/boards/FORM/").status_code == 404
    assert as_("carlos.mendez").get("/boards/FORM/live/").status_code == 404
    assert as_("carlos.mendez").get("/boards/GMACH/").status_code == 200
    assert as_("piotr.nowak").get("/boards/NOWHERE/").status_code == 404


def test_somebody_unknown_logs_in_first(plant: KolbeMini) -> None:
    answer = Client().get("/boards/FORM/")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/boards/FORM/"


def test_a_paired_screen_shows_its_own_site_until_it_is_unpaired(plant: KolbeMini, report: Report) -> None:
    report(DOWN)
    device, secret = pair_device(site=plant.rhf, name="Wall screen", area=plant.areas["FORM"])
    screen = Client()
    screen.cookies[DEVICE_COOKIE] = secret
    html = screen.get("/boards/FORM/").content.decode()
    # a screen has no login, so its cards lead to the station and never to a page it may not open
    assert 'href="/stations/PRESS/?unit=PRS-04" class="unit down"' in html
    assert "/exceptions/" not in html
    assert screen.get("/boards/GMACH/").status_code == 404
    revoke_device(device=device)
    assert screen.get("/boards/FORM/").status_code == 302


@pytest.mark.parametrize("units", [12, 60])
def test_a_board_costs_the_same_however_many_machines(
    plant: KolbeMini, report: Report, as_: As, units: int
) -> None:
    report(DOWN)
    for number in range(units):
        unit = make.WorkUnitFactory(work_centre=plant.centres["PRESS"], code=f"P{number:02d}")
        set_unit_state(work_unit=unit, state=UnitState.DOWN if number % 3 == 0 else UnitState.RUNNING)
    browser = as_("nils.ahrens")
    browser.get("/boards/FORM/live/")
    with CaptureQueriesContext(connection) as spent:
        html = browser.get("/boards/FORM/live/").content.decode()
    assert html.count('id="unit-') == units + 2
    assert len(spent) <= BUDGET


def test_the_list_of_boards_shows_every_area_of_the_site(plant: KolbeMini, report: Report, as_: As) -> None:
    report(DOWN)
    html = as_("ingrid.vogel").get("/boards/").content.decode()
    assert 'href="/boards/MACH/"' in html
    assert 'href="/boards/FORM/"' in html
    assert 'href="/stations/PRESS/"' in html
    assert "GMACH" not in html
    assert "1 open" in html
    assert 'href="/boards/" title="Boards" aria-current="page"' in html
    stations = as_("ingrid.vogel").get("/stations/").content.decode()
    assert 'href="/stations/MILL5/"' in stations
    assert 'href="/stations/GMILL/"' not in stations


# --- words --------------------------------------------------------------------------------------------------
START = datetime(2026, 11, 17, 6, tzinfo=UTC)


def stretch(state: str, since: float, until: float | None) -> WorkUnitState:
    return WorkUnitState(
        state=state,
        since=START + timedelta(hours=since),
        until=None if until is None else START + timedelta(hours=until),
    )


def test_a_strip_is_the_whole_shift_with_what_nobody_knows() -> None:
    end, now = START + timedelta(hours=8), START + timedelta(hours=4)
    parts = unit_words.strip(
        [stretch("running", -3, 1), stretch("down", 1, 2), stretch("running", 3, None)], START, end, now
    )
    assert [(part.kind, part.share) for part in parts] == [
        ("r", 12.5),
        ("d", 12.5),
        ("n", 12.5),
        ("r", 12.5),
        ("f", 50.0),
    ]


def test_a_strip_without_data_is_unknown_up_to_now() -> None:
    parts = unit_words.strip([], START, START + timedelta(hours=8), START + timedelta(hours=2))
    assert [(part.kind, part.share) for part in parts] == [("n", 25.0), ("f", 75.0)]


def test_pace_is_said_against_the_published_plan(plant: KolbeMini) -> None:
    operation = plant.operations["WO-118219/30"]  # two pieces of six minutes left
    now, zone = clock.now(), "Europe/Berlin"
    end = now + timedelta(minutes=12)
    assert unit_words.pace(operation, end + timedelta(minutes=2), now, zone) == "on time"
    assert unit_words.pace(operation, end + timedelta(minutes=20), now, zone) == "20 min ahead"
    assert unit_words.pace(operation, end - timedelta(minutes=20), now, zone) == "20 min behind"
    assert unit_words.pace(operation, None, now, zone) == f"free at {unit_words.hour(end, zone)}"
