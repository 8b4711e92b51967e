"""The adoption page takes the steps; the list to key by hand takes the numbers."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from core import clock
from erp_sync.models import Posting
from erp_sync.services import queue_posting
from exceptions_app.models import Telling
from plant_app.models import AdoptionStep
from plant_app.services import set_level
from tests.boards_app.conftest import As
from tests.boards_app.pages import htmx
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db


def queue(plant: KolbeMini, key: str = "a") -> Posting:
    return queue_posting(
        kind="movement.transfer",
        site=plant.rhf,
        payload={"item": "SP-12", "quantity": "5", "from_location": "A", "to_location": "B"},
        occurred_at=(clock.now() - timedelta(hours=3)).replace(second=0, microsecond=0),
        origin_ref="exception:1",
        key_parts=(key,),
    )


def step(client: object, plant: KolbeMini, **given: str) -> int:
    """Take a step, confirmed where it warns."""
    data = {"site": plant.rhf.code, **given}
    answer = client.post("/adoption/set/", data, headers=htmx())  # type: ignore[attr-defined]
    if answer.status_code != 200:
        return int(answer.status_code)
    code = re.search(r'name="confirm" value="([^"]+)"', answer.content.decode())
    assert code is not None
    again = client.post("/adoption/set/", {**data, "confirm": code[1]}, headers=htmx())  # type: ignore[attr-defined]
    return int(again.status_code)


def test_a_step_that_lessens_safety_asks_first_and_takes_nothing_until_confirmed(
    kolbe_mini: KolbeMini, as_: As
) -> None:
    admin = as_("sofia.brandt")
    data = {"site": kolbe_mini.rhf.code, "capability": "response", "level": "capture"}
    asked = admin.post("/adoption/set/", data, headers=htmx())
    assert (asked.status_code, asked["HX-Retarget"]) == (200, "#dialog-body")
    text = asked.content.decode()
    assert "Safety is about people&#x27;s safety: from then on nobody is told of it" in text
    assert "Take it all the same" in text
    assert not AdoptionStep.objects.exists()
    # without scripts the question is a page
    assert b"Take it all the same" in admin.post("/adoption/set/", data).content
    assert step(admin, kolbe_mini, capability="response", level="capture") == 204
    assert AdoptionStep.objects.get().level == "capture"


def test_questions_of_a_quiet_record_say_that_nobody_is_told_and_offer_a_switch(
    plant: KolbeMini, report: Report, as_: As
) -> None:
    loud = report("press 4 down, hydraulic leak")
    set_level(site=plant.rhf, capability="response", level="capture", actor=None)
    quiet = report("grinder 2 down, hydraulic leak")
    planner = as_("ingrid.vogel")
    for name in ("add", "reroute", "change"):
        page = planner.get(f"/exceptions/{quiet.ref}/dialogs/{name}/", headers=htmx()).content.decode()
        assert "is capture only here: nobody is told unless you switch it on." in page
        assert 'name="tell"' in page
        assert (
            'name="tell"'
            not in planner.get(f"/exceptions/{loud.ref}/dialogs/{name}/", headers=htmx()).content.decode()
        )

    said = planner.post(
        f"/exceptions/{quiet.ref}/add/",
        {"function": "quality", "required": "on", "reason": "x"},
        headers=htmx(),
    )
    assert "Capture only here: nobody is told." in said["HX-Trigger"]
    told = Telling.objects.filter(exception=quiet).exclude(dropped="capture only here")
    assert not told.exists()
    planner.post(
        f"/exceptions/{quiet.ref}/reroute/",
        {"function": "quality", "reason": "x", "tell": "on"},
        headers=htmx(),
    )
    assert told.exists()


def test_an_administrator_takes_the_steps_and_the_page_says_what_the_next_adds(
    kolbe_mini: KolbeMini, as_: As
) -> None:
    admin = as_("sofia.brandt")
    assert step(admin, kolbe_mini, capability="write_back", level="off") == 204
    queue(kolbe_mini)
    page = admin.get("/adoption/").content.decode()
    assert "1 postings of the last 30 days would have been on the list to key." in page
    assert "Take this step" in page
    # the next step: what is decided is keyed by hand
    assert step(admin, kolbe_mini, capability="write_back", level="manual") == 204
    queue(kolbe_mini, "b")
    page = admin.get("/adoption/").content.decode()
    assert "1 wait to be keyed, the oldest 3 h old." in page
    # a type goes ahead of its site
    assert step(admin, kolbe_mini, capability="write_back", level="live", type="machine_downtime") == 204
    assert [(one.capability, one.before, one.level) for one in AdoptionStep.objects.order_by("pk")] == [
        ("write_back", "live", "off"), ("write_back", "off", "manual"), ("write_back", "manual", "live"),
    ]  # fmt: skip
    # and the month's report says when
    report = admin.get("/reports/", follow=True).content.decode()
    assert "write-back to erp at Rheinfelden went from live to off" in report


@pytest.mark.parametrize(("who", "status"), [("ingrid.vogel", 403), ("piotr.nowak", 403)])
def test_only_administrators_take_steps(kolbe_mini: KolbeMini, as_: As, who: str, status: int) -> None:
    assert step(as_(who), kolbe_mini, capability="response", level="capture") == status
    assert not AdoptionStep.objects.exists()


def test_planners_read_the_page_and_operators_do_not(kolbe_mini: KolbeMini, as_: As) -> None:
    page = as_("ingrid.vogel").get("/adoption/")
    assert page.status_code == 200
    assert "Go back to this" not in page.content.decode()
    assert as_("piotr.nowak").get("/adoption/").status_code == 403


def test_another_sites_steps_are_not_for_its_neighbours(kolbe_mini: KolbeMini, as_: As) -> None:
    answer = as_("ingrid.vogel").post(
        "/adoption/set/",
        {"site": kolbe_mini.gvl.code, "capability": "response", "level": "capture"},
        headers=htmx(),
    )
    assert answer.status_code in {403, 404}
    assert not AdoptionStep.objects.exists()


def test_what_makes_no_sense_is_said_in_words(kolbe_mini: KolbeMini, as_: As) -> None:
    admin = as_("sofia.brandt")
    assert step(admin, kolbe_mini, capability="response", level="live") == 400
    assert step(admin, kolbe_mini, capability="response", level="routed", type="nonsense") == 400
    assert not AdoptionStep.objects.exists()


def test_the_list_says_what_to_key_and_takes_the_number(kolbe_mini: KolbeMini, as_: As) -> None:
    admin, planner = as_("sofia.brandt"), as_("ingrid.vogel")
    step(admin, kolbe_mini, capability="write_back", level="manual")
    posting = queue(kolbe_mini)
    # it is no fault: nothing is marked as needing help
    assert "To key by hand" in planner.get("/postings/").content.decode()
    page = planner.get("/postings/by-hand/").content.decode()
    assert posting.business_key in page
    assert "SP-12" in page
    # a number and a moment in the site's own time
    berlin = (posting.occurred_at + timedelta(hours=2)).astimezone(ZoneInfo("Europe/Berlin"))
    noted = planner.post(
        f"/postings/{posting.pk}/keyed/",
        {"version": posting.version, "erp_number": "4711", "keyed_at": berlin.strftime("%Y-%m-%dT%H:%M")},
        headers=htmx(),
    )
    assert noted.status_code == 204
    posting.refresh_from_db()
    assert (posting.status, posting.erp_number) == ("local", "4711")
    assert posting.erp_confirmed_at == berlin
    assert "Nothing waits to be keyed" in planner.get("/postings/by-hand/").content.decode()
    # the report counts its lag apart
    report = planner.get("/reports/", follow=True).content.decode()
    assert "1 keyed by hand, 2 h" in report
    # a stale card is refused
    other = queue(kolbe_mini, "b")
    stale = planner.post(
        f"/postings/{other.pk}/keyed/", {"version": other.version + 1, "erp_number": "1"}, headers=htmx()
    )
    assert stale.status_code == 409
    other.refresh_from_db()
    assert other.status == "held"


def test_the_list_costs_the_same_however_long_it_is(
    kolbe_mini: KolbeMini, as_: As, django_assert_max_num_queries: object
) -> None:
    step(as_("sofia.brandt"), kolbe_mini, capability="write_back", level="manual")
    for key in range(12):
        queue(kolbe_mini, str(key))
    planner = as_("ingrid.vogel")
    planner.get("/postings/by-hand/")
    with django_assert_max_num_queries(24):  # type: ignore[operator]
        page = planner.get("/postings/by-hand/").content.decode()
    assert page.count('class="panel byhand"') == 12
