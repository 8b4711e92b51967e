"""The desk: worst first, what a reader may see, filters and words, the preview, several at once, and its price."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from boards_app.selectors.desk import LATER, SOON, base, listing
from core import clock
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from plant_app.models import AccessGrant, AccessRole
from tests.boards_app.conftest import As
from tests.boards_app.pages import DOWN, acknowledge_all, decide, frame, htmx
from tests.decisions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db
Budget = Callable[..., Any]
# A refetch of the list, and the whole page with filters, side bar and the preview of its first row.
LIST_BUDGET = 12
PAGE_BUDGET = 60


def rows_in(answer: Any) -> list[str]:
    """References of the rows of a page, in order."""
    return [row["ref"] for group in answer.context["listing"].groups for row in group.rows]


def test_a_stranger_is_sent_to_the_door(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/"


def test_every_row_has_an_owner_a_clock_and_a_next_action(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    answer = as_("ingrid.vogel").get("/")
    row = answer.context["listing"].groups[0].rows[0]
    assert row["owner"] == "Jonas Keller"
    assert row["owner_words"] == "Maintenance"
    assert row["until"] == exception.acknowledge_due_at
    assert row["note"].startswith(f"{exception.short_ref}, now, Jonas Keller acknowledges by ")
    assert [(chip["function"].code, chip["state"]) for chip in row["chips"]] == [
        ("maintenance", "wait"), ("production", "wait"), ("planning", "wait"),
    ]  # fmt: skip
    html = answer.content.decode()
    assert f'id="row-{exception.ref}"' in html
    assert "Press 4 down, hydraulic leak" in html


def test_what_ends_within_the_hour_stands_before_what_is_merely_urgent(
    plant: KolbeMini, report: Report
) -> None:
    later, soon = report(DOWN), report("CNC-05 spindle vibration, stopped")
    ExceptionRecord.objects.filter(pk=later.pk).update(
        urgency="critical", window_until=clock.now() + timedelta(days=3)
    )
    ExceptionRecord.objects.filter(pk=soon.pk).update(
        urgency="low", window_until=clock.now() + timedelta(minutes=50)
    )
    look = frame(plant.people["ingrid.vogel"])
    groups = listing(base(look), look, number=1, seen=None).groups
    assert [(group.words, [row["ref"] for row in group.rows]) for group in groups] == [
        ("Window under 1 h", [soon.ref]),
        ("Later", [later.ref]),
    ]
    assert (SOON, LATER) == (0, 2)


def test_promises_that_wait_are_named_with_their_worth(plant: KolbeMini, report: Report) -> None:
    report("CNC-04 spindle vibration, stopped")
    look = frame(plant.people["ingrid.vogel"])
    row = listing(base(look), look, number=1, seen=None).groups[0].rows[0]
    # 48 pieces at 640 wait for work order WO-118204
    assert (row["risk"], row["risk_note"]) == ("1 promise", "€30,720")


def test_another_sites_exceptions_are_not_there(plant: KolbeMini, report: Report, as_: As) -> None:
    here = report(DOWN)
    browser = as_("dana.brooks")
    assert rows_in(browser.get("/")) == []
    assert browser.get(f"/exceptions/{here.ref}/panel/").status_code == 404
    assert rows_in(as_("ingrid.vogel").get("/")) == [here.ref]


def test_a_reader_of_two_sites_switches_between_them(plant: KolbeMini, report: Report, as_: As) -> None:
    here = report(DOWN)
    both = plant.people["dana.brooks"]
    AccessGrant.objects.create(user=both, site=plant.rhf, role=AccessRole.RESPONDER)
    browser = as_("dana.brooks")
    assert rows_in(browser.get("/")) == []
    assert rows_in(browser.get("/?site=RHF")) == [here.ref]
    # the choice stays for the session
    assert rows_in(browser.get("/")) == [here.ref]
    assert rows_in(browser.get("/?site=all")) == [here.ref]
    assert rows_in(browser.get("/?site=GVL")) == []
    # a site one may not look into is none
    other = as_("ingrid.vogel")
    assert other.get("/?site=GVL").context["frame"].site == plant.rhf


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=machine_downtime", ["press"]),
        ("type=quality_hold", ["lot"]),
        ("area=FORM", ["press"]),
        ("waiting=quality", ["lot"]),
        ("owner=jonas.keller", ["press"]),
        ("owner=me", []),
        ("view=unacknowledged", ["press", "lot"]),
        ("view=erp", []),
        ("view=mine", []),
        ("q=hydraulic", ["press"]),
        ("q=WO-118300", ["press"]),
        ("q=L26-4471", ["lot"]),
        ("q=jonas", ["press"]),
        ("q=piotr groove", ["lot"]),
        ("q=nowhere", []),
        ("type=nonsense", []),
    ],
)
def test_the_list_is_narrowed(
    plant: KolbeMini, report: Report, as_: As, query: str, found: list[str]
) -> None:
    refs = {
        "press": report(DOWN).ref,
        "lot": report("groove depth out of tolerance on lot L26-4471, 36 pcs").ref,
    }
    answer = as_("ingrid.vogel").get(f"/?{query}")
    assert sorted(rows_in(answer)) == sorted(refs[name] for name in found)


def test_a_reference_typed_opens_its_page(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    planner = as_("ingrid.vogel")
    for asked in (exception.ref, exception.ref.lower(), exception.short_ref):
        answer = planner.get("/", {"q": asked})
        assert (answer.status_code, answer["Location"]) == (302, f"/exceptions/{exception.ref}/")
    # not for who may not see it
    assert as_("dana.brooks").get("/", {"q": exception.ref}).status_code == 200


def test_words_also_find_what_has_ended(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    decisions.cancel(exception_id=exception.pk, actor=plant.people["ingrid.vogel"], reason="wrong press")
    planner = as_("ingrid.vogel")
    assert rows_in(planner.get("/")) == []
    answer = planner.get("/?q=hydraulic")
    assert rows_in(answer) == [exception.ref]
    assert answer.context["listing"].groups[0].words == "Closed and cancelled"


def test_a_script_gets_the_list_alone_and_new_rows_are_marked(
    plant: KolbeMini, report: Report, as_: As
) -> None:
    planner = as_("ingrid.vogel")
    first = planner.get("/")
    refresh = first.context["refresh"]
    exception = report(DOWN)
    answer = planner.get(refresh, headers=htmx("rows"))
    html = answer.content.decode()
    assert html.lstrip().startswith('<div class="scroll" id="rows"')
    assert "<html" not in html
    assert f'class="ex new" id="row-{exception.ref}"' in html
    # and still after the next refetch, for the page has not been looked at anew
    assert "ex new" in planner.get(answer.context["refresh"], headers=htmx("rows")).content.decode()
    # a page opened again has seen it
    planner.get("/")
    assert "ex new" not in planner.get("/").content.decode()


def test_the_preview_offers_what_its_reader_may_do(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    technician = as_("jonas.keller").get(f"/exceptions/{exception.ref}/panel/").content.decode()
    owner = exception.responses.get(is_owner=True)
    assert f"/responses/{owner.pk}/acknowledge/" in technician
    operator = as_("piotr.nowak").get(f"/exceptions/{exception.ref}/panel/").content.decode()
    assert "/acknowledge/" not in operator
    assert "Decide" not in operator
    planner = as_("ingrid.vogel").get(f"/exceptions/{exception.ref}/panel/").content.decode()
    for words in ("Run on alternate work unit", "Repair and resume", "Defer"):
        assert words in planner
    assert f"/exceptions/{exception.ref}/dialogs/reroute/" in planner


def test_several_are_acknowledged_at_once_and_what_cannot_be_is_said(
    plant: KolbeMini, report: Report, as_: As
) -> None:
    press, mill = report(DOWN), report("CNC-05 spindle vibration, stopped")
    lot = report("groove depth out of tolerance on lot L26-4471, 36 pcs")
    answer = as_("jonas.keller").post(
        "/desk/acknowledge/", {"ref": [press.ref, mill.ref, lot.ref]}, headers=htmx()
    )
    assert answer.status_code == 204
    assert f"2 acknowledged. {lot.short_ref}: you are not asked." in answer["HX-Trigger"]
    for exception in (press, mill):
        response = exception.responses.get(is_owner=True)
        assert (response.status, response.acknowledged_by) == ("acknowledged", plant.people["jonas.keller"])
    assert not lot.responses.filter(status="acknowledged").exists()


def test_nothing_chosen_is_refused_in_words(plant: KolbeMini, as_: As) -> None:
    answer = as_("jonas.keller").post("/desk/acknowledge/", headers=htmx())
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "desk.nothing_chosen"


def test_an_empty_desk_says_what_would_be_there(plant: KolbeMini, as_: As) -> None:
    html = as_("ingrid.vogel").get("/").content.decode()
    assert "Nothing is open." in html
    assert 'href="/report/"' in html
    assert "Nothing matches." in as_("ingrid.vogel").get("/?type=tooling").content.decode()


def test_the_side_bar_counts_what_waits(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    nav = as_("jonas.keller").get("/").context["nav"]
    assert nav["site"] == "Rheinfelden"
    assert (nav["counts"]["desk"], nav["counts"]["inbox"]) == (1, 1)
    assert nav["live"] == f"user.{plant.people['jonas.keller'].pk} site.{plant.rhf.pk}"
    decide(exception, plant)
    # the acknowledged answer is gone, the repair has come
    assert as_("jonas.keller").get("/nav/").context["nav"]["counts"]["inbox"] == 1
    hidden = as_("piotr.nowak").get("/").context["nav"]["hidden"]
    assert hidden == ["postings", "reports", "triage"]


def test_the_strip_shows_the_month_so_far(plant: KolbeMini, report: Report, as_: As) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    strip = as_("ingrid.vogel").get("/desk/strip/").context["strip"]
    assert [metric["words"] for metric in strip] == [
        "Exception resolution, median", "Alignment across functions, median", "ERP posting lag, median",
        "Resolved at first pass",
    ]  # fmt: skip
    assert strip[0]["minutes"] is None
    assert strip[1]["minutes"] is not None
    assert strip[3].get("share") is None


@pytest.mark.parametrize("many", [10, 60])
def test_the_desk_costs_the_same_for_ten_and_for_sixty(
    plant: KolbeMini, report: Report, as_: As, many: int, django_assert_max_num_queries: Budget
) -> None:
    units = ["CNC-04", "CNC-05", "CNC-06", "GRD-01", "GRD-02", "PRS-03", "PRS-04"]
    for number in range(many):
        exception = report(f"{units[number % len(units)]} spindle vibration, stopped")
        exceptions.acknowledge(
            response_id=exception.responses.get(is_owner=True).pk,
            actor=plant.people["bernd.hauser"],
            via="test",
        )
        # a record of its own each time
        ExceptionRecord.objects.filter(pk=exception.pk).update(correlation_key="")
    planner = as_("ingrid.vogel")
    planner.get("/")  # the strip is remembered from here on
    look = planner.get("/", headers=htmx("rows"))
    assert look.context["listing"].total == many
    assert len(rows_in(look)) == min(many, 50)
    with django_assert_max_num_queries(LIST_BUDGET):
        planner.get("/", headers=htmx("rows"))
    with django_assert_max_num_queries(PAGE_BUDGET):
        planner.get("/")
    if many > 50:
        assert len(rows_in(planner.get("/?page=2"))) == many - 50
