"""The postings screen: what is stuck and why, in ERP's words, and the hand that gets it on."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from boards_app.selectors.posting_fields import edited
from core import clock
from core.errors import InvalidInput
from decisions_app.models import PostingLink
from erp_sync.models import ConnectionSite, ErpConnection, Posting
from erp_sync.selectors import connection_states
from erp_sync.services import queue_posting, send_due
from tests import factories as make
from tests.boards_app.conftest import As
from tests.decisions_app.conftest import Report
from tests.erp_sync import scripted
from tests.plant_fixtures import KolbeMini

BUDGET = 30
REFUSED = "Lot L26-4471 is locked by an inventory count"


def put(plant: KolbeMini, key: str, **given: Any) -> Posting:
    payload = {
        "item": "SP-12",
        "quantity": "5",
        "from_location": "A",
        "to_location": "B",
        **given.pop("payload", {}),
    }
    arguments: dict[str, Any] = {
        "kind": "movement.transfer", "site": plant.rhf, "payload": payload, "key_parts": (key,),
        "occurred_at": clock.now() - timedelta(minutes=12), "origin_ref": "", "actor": plant.people["ingrid.vogel"],
        "text": f"SP-12 {key}",
    }  # fmt: skip
    return queue_posting(**(arguments | given))


@pytest.fixture
def dead(plant: KolbeMini, erp: scripted.Books) -> Posting:
    """A posting ERP refused."""
    erp.then(scripted.refuse("tryton.locked", REFUSED))
    posting = put(plant, "dead")
    send_due()
    posting.refresh_from_db()
    assert posting.status == "rejected"
    return posting


def act(browser: Client, posting: Posting, verb: str, **given: Any) -> Any:
    body = {"version": str(posting.version), **given}
    return browser.post(f"/postings/{posting.pk}/{verb}/", body, headers={"HX-Request": "true"})


def test_the_list_says_what_needs_somebody_in_erps_words(
    plant: KolbeMini, dead: Posting, report: Report, as_: As
) -> None:
    exception = report("press 4 down, hydraulic leak")
    notification = Posting.objects.get(link__exception=exception)
    html = as_("ingrid.vogel").get("/postings/").content.decode()
    assert REFUSED in html
    assert "Refused by ERP" in html
    assert f'href="/exceptions/{exception.ref}/"' in html
    assert f'href="/postings/{notification.pk}/"' in html
    only = as_("ingrid.vogel").get("/postings/live/?status=dead").content.decode()
    assert f'id="posting-{dead.pk}"' in only
    assert f'id="posting-{notification.pk}"' not in only
    kind = as_("ingrid.vogel").get("/postings/live/?kind=maintenance_notification").content.decode()
    assert f'id="posting-{notification.pk}"' in kind
    assert f'id="posting-{dead.pk}"' not in kind


def test_the_figures_tell_only_of_the_erps_of_these_sites_and_what_waits_there(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    main = ErpConnection.objects.get(code="main")
    elsewhere = make.SiteFactory(code="LYO")
    ConnectionSite.objects.create(connection=main, site=elsewhere, is_default=False)
    foreign = ErpConnection.objects.create(code="group", name="Group ERP", kind=scripted.KIND)
    ConnectionSite.objects.create(connection=foreign, site=elsewhere)
    put(plant, "here")
    for number in range(2):
        put(plant, f"there{number}", site=elsewhere, connection=main)
        put(plant, f"away{number}", site=elsewhere)
    browser = as_("ingrid.vogel")
    shown = browser.get("/postings/").context["health"].connections
    assert [(state.connection, state.waiting) for state in shown] == [(main, 1)]
    assert "Group ERP" not in browser.get("/postings/").content.decode()
    # the doctor, who looks after all of them, still sees everything
    assert [(state.connection.code, state.waiting) for state in connection_states()] == [
        ("group", 2),
        ("main", 3),
    ]


def test_the_list_costs_the_same_however_many(plant: KolbeMini, erp: scripted.Books, as_: As) -> None:
    browser = as_("ingrid.vogel")
    for number in range(30):
        PostingLink.objects.create(posting=put(plant, f"n{number}"))
    browser.get("/postings/live/")
    with CaptureQueriesContext(connection) as spent:
        html = browser.get("/postings/live/").content.decode()
    assert html.count('id="posting-') == 30
    assert len(spent) <= BUDGET


def test_who_may_see_postings(plant: KolbeMini, dead: Posting, as_: As) -> None:
    assert as_("piotr.nowak").get("/postings/").status_code == 403
    other = as_("dana.brooks")
    assert REFUSED not in other.get("/postings/").content.decode()
    assert other.get(f"/postings/{dead.pk}/").status_code == 404
    assert act(other, dead, "retry").status_code == 404
    # a responder reads, and is told who may act
    page = as_("jonas.keller").get(f"/postings/{dead.pk}/").content.decode()
    assert REFUSED in page
    assert "Change and send again" not in page
    assert act(as_("jonas.keller"), dead, "retry").status_code == 403
    dead.refresh_from_db()
    assert dead.status == "rejected"


def test_what_is_sent_can_be_read_changed_and_sent_again(
    plant: KolbeMini, erp: scripted.Books, dead: Posting, as_: As
) -> None:
    browser = as_("ingrid.vogel")
    page = browser.get(f"/postings/{dead.pk}/").content.decode()
    assert REFUSED in page
    assert 'name="payload.quantity" value="5"' in page
    given = {
        "payload.quantity": "4",
        "payload.to_location": "C",
        "payload.site": "GVL",
        "reason": "counted again",
    }
    answer = act(browser, dead, "edit", **given)
    assert answer.status_code == 204
    dead.refresh_from_db()
    assert (dead.status, dead.payload["quantity"], dead.payload["to_location"]) == ("queued", "4", "C")
    assert dead.payload.get("site", "RHF") == "RHF"
    send_due()
    dead.refresh_from_db()
    assert dead.status == "confirmed"
    assert [payload["quantity"] for _key, payload in erp.documents] == ["4"]
    # who, why and what stays to be read
    page = browser.get(f"/postings/{dead.pk}/").content.decode()
    assert "counted again" in page
    assert "<del>5</del> <ins>4</ins>" in page
    assert "It has settled" in page


def test_a_change_without_a_reason_is_refused(plant: KolbeMini, dead: Posting, as_: As) -> None:
    answer = act(as_("ingrid.vogel"), dead, "edit", **{"payload.quantity": "4", "reason": " "})
    assert (answer.status_code, answer.json()["code"]) == (400, "erp.reason_missing")
    dead.refresh_from_db()
    assert (dead.status, dead.payload["quantity"]) == ("rejected", "5")


def test_a_stale_page_is_refused(plant: KolbeMini, dead: Posting, as_: As) -> None:
    browser = as_("ingrid.vogel")
    assert act(browser, dead, "retry").status_code == 204
    answer = act(browser, dead, "cancel", reason="no longer needed")
    assert answer.status_code == 409
    assert "stale" in answer.json()["code"]
    dead.refresh_from_db()
    assert dead.status == "queued"


def test_cancel_and_settle_by_hand_keep_their_reason(
    plant: KolbeMini, erp: scripted.Books, dead: Posting, as_: As
) -> None:
    browser = as_("ingrid.vogel")
    answer = act(browser, dead, "mark-local", reason="keyed in ERP", erp_number="MOV-77")
    assert answer.status_code == 204
    dead.refresh_from_db()
    assert (dead.status, dead.local_reason, dead.erp_number) == ("local", "keyed in ERP", "MOV-77")
    waiting = put(plant, "waiting", needs_approval=True)
    assert waiting.status == "approval"
    assert act(browser, waiting, "approve").status_code == 204
    waiting.refresh_from_db()
    assert waiting.status == "queued"
    assert act(browser, waiting, "cancel", reason="not needed").status_code == 204
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"
    assert erp.documents == []


def test_without_a_script_the_page_comes_back_with_the_words(
    plant: KolbeMini, dead: Posting, as_: As
) -> None:
    browser = as_("ingrid.vogel")
    answer = browser.post(
        f"/postings/{dead.pk}/retry/", {"version": str(dead.version)}, headers={"Referer": "http://testserver/postings/"}
    )  # fmt: skip
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/postings/")
    assert "It is sent again now" in browser.get("/postings/").content.decode()


def test_edited_values_keep_their_types() -> None:
    before = {"final": False, "line": 10, "lines": [{"a": 1, "b": "x"}], "quantity": "5", "site": "RHF"}
    posting = Posting(kind="customer_answer", payload=before)
    given = {
        "payload.final": "yes", "payload.line": "20", "payload.lines.0.a": "2", "payload.quantity": " 6 ",
        "payload.site": "GVL", "payload.made_up": "x", "payload.lines.1.a": "9", "payload.customer": "ALSTRAND",
    }  # fmt: skip
    assert edited(posting, given) == {
        "final": True,
        "line": 20,
        "lines": [{"a": 2, "b": "x"}],
        "quantity": "6",
        "site": "RHF",
        "customer": "ALSTRAND",
    }
    assert before["lines"] == [{"a": 1, "b": "x"}]
    with pytest.raises(InvalidInput):
        edited(posting, {"payload.lines.0.a": "two"})
    with pytest.raises(InvalidInput):
        edited(posting, {"payload.line": "ten"})
