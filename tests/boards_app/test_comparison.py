"""Against ERP, as a page of people: what comparisons found, whose it is, and what becomes of it."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import clock
from erp_sync.models import ErpConnection, FindingCare, FindingKind, Posting, ReconciliationRun
from erp_sync.services import note_found, send_due
from erp_sync.services.caring import Found
from plant_app.models import AccessGrant
from tests.boards_app.conftest import As
from tests.boards_app.test_postings import put
from tests.erp_sync import scripted
from tests.plant_fixtures import KolbeMini

PAGE = "/postings/comparison/"
BUDGET = 32


@pytest.fixture
def posting(plant: KolbeMini, erp: scripted.Books) -> Posting:
    found = put(plant, "fine")
    send_due()
    return found


def compared(posting: Posting | None, *kinds: str, theirs: str = "") -> dict[str, FindingCare]:
    """A comparison that found these, and what is kept of each."""
    main, now = ErpConnection.objects.get(code="main"), clock.now()
    run = ReconciliationRun.objects.create(
        connection=main,
        since=now - timedelta(days=2),
        started_at=now,
        finished_at=now,
        postings=1,
        documents=2,
    )
    note_found(
        run=run,
        found=[
            Found(
                FindingKind(kind), None if kind == "unknown_here" else posting, f"KEY{kind}"[:16], f"DOC-{kind}",
                about_at=now, theirs=theirs,
            )
            for kind in kinds
        ],
    )  # fmt: skip
    return {care.kind: care for care in FindingCare.objects.all()}


def act(browser: Client, care: FindingCare, verb: str, **given: Any) -> Any:
    body = {"version": str(care.version), **given}
    answer = browser.post(f"{PAGE}findings/{care.pk}/{verb}/", body, headers={"HX-Request": "true"})
    care.refresh_from_db()
    return answer


def shown(browser: Client) -> Any:
    (one,) = browser.get(PAGE).context["compared"]
    return one


def test_open_findings_stand_by_kind_with_what_to_do_next_and_a_comparison_can_be_asked_for(
    plant: KolbeMini, posting: Posting, as_: As
) -> None:
    compared(posting, "missing_there", "unknown_here", "differing", "doubled")
    browser = as_("ingrid.vogel")
    answer = browser.get(PAGE)
    html = unescape(answer.content.decode())
    one = answer.context["compared"][0]
    assert [(part.words, [row.number for row in part.rows]) for part in one.lists] == [
        ("Missing in ERP", ["DOC-missing_there"]),
        ("Unknown here", ["DOC-unknown_here"]),
        ("Different", ["DOC-differing"]),
        ("Twice in ERP", ["DOC-doubled"]),
    ]
    assert all(part.cure in html for part in one.lists)
    assert [[row.next for row in part.rows] for part in one.lists] == [
        ["Send anew"], ["Explain"], ["Explain"], ["Explain"],
    ]  # fmt: skip
    assert html.count(f'plain strong" href="/postings/{posting.pk}/"') == 3
    assert 'Against ERP <span class="num">4</span>' in html
    assert 'Against ERP <span class="num">4</span>' in browser.get("/postings/").content.decode()
    assert browser.post(f"{PAGE}main/compare/", headers={"HX-Request": "true"}).status_code == 204
    assert ReconciliationRun.objects.filter(finished_at=None).count() == 1
    assert "Comparing" in browser.get(PAGE).content.decode()


def test_a_finding_is_taken_on_given_settled_folded_away_and_opened_again(
    plant: KolbeMini, posting: Posting, as_: As
) -> None:
    care = compared(posting, "differing", theirs="4")["differing"]
    browser = as_("ingrid.vogel")
    assert "nobody" in browser.get(f"{PAGE}live/").content.decode()
    assert act(browser, care, "take").status_code == 204
    assert care.owner == plant.people["ingrid.vogel"]
    (row,) = shown(browser).lists[0].rows
    assert (row.mine, row.owner) == (True, plant.people["ingrid.vogel"])
    assert act(browser, care, "give", owner="").status_code == 204
    assert care.owner is None
    assert act(browser, care, "give", owner="99999999999999999999").status_code == 400
    assert act(browser, care, "give", owner=str(plant.people["ingrid.vogel"].pk)).status_code == 204
    refused = act(browser, care, "settle", remark="")
    assert (refused.status_code, refused.json()["code"]) == (400, "erp.reason_missing")
    assert act(browser, care, "settle", remark="four were usable").status_code == 204
    html = browser.get(PAGE).content.decode()
    one = shown(browser)
    assert (one.lists, [row.remark for row in one.settled], one.count) == ([], ["four were usable"], 0)
    assert "looked at and explained" in html
    assert 'Against ERP <span class="num">' not in html
    dialog = browser.get(f"{PAGE}findings/{care.pk}/").content.decode()
    assert "four were usable" in dialog
    assert "Open it again" in dialog
    assert act(browser, care, "reopen").status_code == 204
    assert not care.settled
    act(browser, care, "settle", remark="four after all")
    compared(posting, "differing", theirs="3")
    (row,) = shown(browser).lists[0].rows
    assert (row.theirs, row.owner) == ("3", plant.people["ingrid.vogel"])
    story = browser.get(f"{PAGE}findings/{care.pk}/").content.decode()
    assert "<del>4</del> <ins>3</ins>" in story


def test_what_erp_lost_is_sent_anew_from_its_dialog(plant: KolbeMini, posting: Posting, as_: As) -> None:
    scripted.books_of("main").documents.clear()
    care = compared(posting, "missing_there")["missing_there"]
    browser = as_("ingrid.vogel")
    assert "Send anew" in browser.get(f"{PAGE}findings/{care.pk}/").content.decode()
    assert act(browser, care, "anew", remark="").status_code == 400
    assert Posting.objects.count() == 1
    answer = act(browser, care, "anew", remark="deleted there")
    assert answer.status_code == 204
    new = Posting.objects.latest("pk")
    assert (new.payload, care.settled) == (posting.payload, True)
    assert new.business_key in answer.headers["HX-Trigger"]


def test_who_may_not_reads_and_a_stale_page_is_refused(plant: KolbeMini, posting: Posting, as_: As) -> None:
    care = compared(posting, "missing_there")["missing_there"]
    leader = as_("jonas.keller")
    AccessGrant.objects.filter(user=plant.people["jonas.keller"], site=plant.rhf).update(role="leader")
    html = leader.get(PAGE).content.decode()
    assert "DOC-missing_there" in html
    assert "Take on" not in html
    assert "Explained, settle it" not in leader.get(f"{PAGE}findings/{care.pk}/").content.decode()
    assert act(leader, care, "take").status_code == 403
    assert leader.post(f"{PAGE}main/compare/").status_code in (302, 403)
    other = as_("dana.brooks")
    assert other.get(PAGE).context["compared"] == []
    assert other.get(f"{PAGE}findings/{care.pk}/").status_code == 404
    assert act(other, care, "take").status_code == 404
    planner = as_("ingrid.vogel")
    care.version = 9
    assert act(planner, care, "settle", remark="x").json()["code"] == "erp.stale"
    assert act(planner, care, "burn").status_code == 404
    assert (care.owner, care.settled, care.steps.count()) == (None, False, 0)


def test_the_page_costs_the_same_however_many(plant: KolbeMini, posting: Posting, as_: As) -> None:
    main, now = ErpConnection.objects.get(code="main"), clock.now()
    run = ReconciliationRun.objects.create(connection=main, since=now, started_at=now, finished_at=now)
    rows = [
        Found(kind, posting, f"KEY{n}", "", about_at=now)
        for kind in (FindingKind.DIFFERING, FindingKind.MISSING_THERE)
        for n in range(20)
    ]
    note_found(run=run, found=rows)
    browser = as_("ingrid.vogel")
    browser.get(f"{PAGE}live/")
    with CaptureQueriesContext(connection) as spent:
        html = browser.get(f"{PAGE}live/").content.decode()
    assert html.count('class="finding"') == 40
    assert len(spent) <= BUDGET
