"""The error workbench, one posting's page, and the banner of an outage, as pages of people."""

import ast
import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from boards_app.selectors import workbench
from core import clock
from decisions_app.models import PostingLink
from erp_sync import services
from erp_sync.adapters import port
from erp_sync.codes import explain, explained
from erp_sync.models import ErpConnection, Posting, Watermark
from erp_sync.services import queue_posting, send_due, sweep_alarms
from erp_sync.services.circuit import THRESHOLD, note_failure
from notify_app.services import tell_alarms
from plant_app.authentication import DEVICE_COOKIE
from plant_app.models import AccessGrant, Operation, User
from plant_app.services.access import pair_device
from tests.boards_app.conftest import As
from tests.boards_app.test_postings import act, put
from tests.erp_sync import scripted
from tests.plant_fixtures import KolbeMini

BUDGET = 26
#: A slow machine takes its time between the outage and the look at it.
SILENT = r"Main ERP has been silent for 2\d min\."
ADAPTERS = Path(settings.BASE_DIR) / "erp_sync" / "adapters"


def refused(plant: KolbeMini, books: scripted.Books, code: str, *keys: str, **given: Any) -> list[Posting]:
    """Postings ERP refused under `code`, each of an order of its own."""
    found = [put(plant, key, chain=f"WO-{key}", **given) for key in keys]
    for _ in keys:
        books.then(scripted.refuse(code, f"no: {code}"))
    for _ in range(4):
        send_due()
    for posting in found:
        posting.refresh_from_db()
        assert (posting.status, posting.error_code) == ("rejected", code)
    return found


def page_of(browser: Client, query: str = "") -> str:
    return browser.get(f"/postings/errors/{query}").content.decode()


def bulk(browser: Client, verb: str, *postings: Posting, **given: str) -> Any:
    chosen = [f"{one.pk}:{one.version}" for one in postings]
    return browser.post(
        "/postings/bulk/", {"verb": verb, "posting": chosen, **given}, headers={"HX-Request": "true"}
    )


def statuses(*postings: Posting) -> list[str]:
    for one in postings:
        one.refresh_from_db()
    return [one.status for one in postings]


# --- groups -------------------------------------------------------------------------------------------------
def test_what_is_dead_is_grouped_by_cause_age_and_owner(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    locked = refused(plant, erp, "tryton.locked", "a", "b")
    missing = refused(plant, erp, "erp.not_found", "c")
    now, ingrid = clock.now(), plant.people["ingrid.vogel"]
    Posting.objects.filter(pk=locked[0].pk).update(
        status_at=now - timedelta(hours=30), value="1200", assignee=ingrid
    )
    Posting.objects.filter(pk=missing[0].pk).update(value=None)
    Posting.objects.filter(pk=locked[1].pk).update(value=None, status_at=now - timedelta(hours=2))
    sites = [plant.rhf]
    causes = workbench.workbench(ingrid, sites, {}).groups
    assert [(one.key, one.count, one.value) for one in causes] == [
        ("tryton.locked", 2, 1200), ("erp.not_found", 1, None),
    ]  # fmt: skip
    assert causes[0].oldest_words == "30 h"
    assert causes[0].cure == "Have it closed in ERP, then send it again."
    ages = workbench.workbench(ingrid, sites, {"by": "age"}).groups
    assert [(one.key, one.count) for one in ages] == [("day", 1), ("hours", 1), ("fresh", 1)]
    owners = workbench.workbench(ingrid, sites, {"by": "owner"}).groups
    assert [(one.words, one.count) for one in owners] == [
        ("Nobody looks after these", 2),
        ("Ingrid Vogel", 1),
    ]
    only = workbench.workbench(ingrid, sites, {"by": "cause", "group": "erp.not_found"})
    assert [row.id for row in only.rows] == [missing[0].pk]
    day = workbench.workbench(ingrid, sites, {"by": "age", "group": "day"})
    assert [(row.id, row.owner) for row in day.rows] == [(locked[0].pk, ingrid)]
    html = page_of(as_("ingrid.vogel"))
    assert "Somebody has the record open in ERP" in html
    assert "no: tryton.locked" in html
    assert "no: erp.not_found" not in html


def test_a_row_says_what_waits_behind_it_and_leads_to_its_record(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    (first,) = refused(plant, erp, "erp.refused", "a")
    put(plant, "after", chain="WO-a")
    row = workbench.workbench(plant.people["ingrid.vogel"], [plant.rhf], {}).rows[0]
    assert (row.id, row.behind, row.chain, row.connection) == (first.pk, 1, "WO-a", "Main ERP")
    assert "1 waits behind it" in page_of(as_("ingrid.vogel"))


@pytest.mark.parametrize(
    "query", ["", "?by=age", "?by=owner", "?by=nonsense&group=%27", "?by=owner&group=x&page=9"]
)
def test_the_workbench_costs_the_same_however_many(
    plant: KolbeMini, erp: scripted.Books, as_: As, query: str
) -> None:
    browser = as_("ingrid.vogel")
    for number in range(25):
        PostingLink.objects.create(posting=put(plant, f"n{number}", chain=f"WO-{number}"))
    Posting.objects.update(status="sending")
    Posting.objects.update(status="rejected", error_code="erp.refused", error_message="no")
    page_of(browser, query)
    with CaptureQueriesContext(connection) as spent:
        html = page_of(browser, query)
    assert html.count('class="deadrow"') == 25
    assert len(spent) <= BUDGET


def test_whoever_may_not_see_postings_sees_no_workbench_and_may_do_nothing(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    (posting,) = refused(plant, erp, "erp.refused", "a")
    assert as_("piotr.nowak").get("/postings/errors/").status_code == 403
    reader = as_("jonas.keller")
    assert "Send again" not in page_of(reader).split('class="deads"')[0]
    answer = bulk(reader, "retry", posting)
    assert "1 refused" in answer.content.decode()
    # another site's are not even found
    assert "1 not found" in bulk(as_("dana.brooks"), "retry", posting).content.decode()
    assert statuses(posting) == ["rejected"]


# --- many at once -------------------------------------------------------------------------------------------
def test_many_are_sent_again_and_each_answers_for_itself(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    first, second, third = refused(plant, erp, "tryton.locked", "a", "b", "c")
    services.cancel(posting_id=third.pk, reason="no longer", actor=plant.people["ingrid.vogel"])
    answer = bulk(as_("ingrid.vogel"), "retry", first, second, third)
    html = answer.content.decode()
    assert (answer.status_code, "picked-done" in answer["HX-Trigger"]) == (200, True)
    assert "2 done" in html
    assert "1 refused" in html
    assert workbench_stale(html) == [third.pk]
    assert statuses(first, second, third) == ["queued", "queued", "cancelled"]
    send_due()
    assert statuses(first, second) == ["confirmed", "confirmed"]
    assert sorted(erp.keys()) == sorted([first.business_key, second.business_key])


def workbench_stale(html: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'<li class="bad">.*?/postings/(\d+)/', html, re.DOTALL)]


def test_many_are_taken_on_given_cancelled_and_settled_with_a_reason(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    rows = refused(plant, erp, "erp.refused", "a", "b", "c", "d")
    browser, ingrid = as_("ingrid.vogel"), plant.people["ingrid.vogel"]
    assert "2 done" in bulk(browser, "take", rows[0], rows[1]).content.decode()
    assert statuses(*rows[:2]) == ["rejected", "rejected"]
    assert [one.assignee for one in rows[:2]] == [ingrid, ingrid]
    other = AccessGrant.objects.filter(site=plant.rhf, role="administrator").first()
    assert other is not None
    assert "1 done" in bulk(browser, f"assign:{other.user_id}", rows[0]).content.decode()
    rows[0].refresh_from_db()
    assert rows[0].assignee == other.user
    refusal = bulk(browser, "cancel", rows[1], **{"reason-cancel": " "})
    assert (refusal.status_code, refusal.json()["code"]) == (400, "erp.reason_missing")
    assert "1 done" in bulk(browser, "cancel", rows[1], **{"reason-cancel": "not needed"}).content.decode()
    assert "1 done" in bulk(browser, "mark_local", rows[2], **{"reason-mark-local": "keyed"}).content.decode()
    assert statuses(*rows) == ["rejected", "cancelled", "local", "rejected"]
    assert erp.documents == []


def whole(browser: Client, verb: str, html: str, **given: str) -> Any:
    """What the page sends once its open group was chosen whole."""
    named = re.search(r'name="whole" value="([^"]+)"', html)
    assert named is not None
    return browser.post(
        "/postings/bulk/",
        {"verb": verb, "whole": unescape(named[1]), **given},
        headers={"HX-Request": "true"},
    )


def test_a_group_is_chosen_whole_beyond_its_page_as_it_was_read(
    plant: KolbeMini, erp: scripted.Books, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "PER_PAGE", 2)
    rows = refused(plant, erp, "erp.refused", *"abcdefg")
    (other,) = refused(plant, erp, "tryton.locked", "x")
    browser = as_("ingrid.vogel")
    html = page_of(browser)
    assert "Choose all 7" in html
    services.cancel(posting_id=rows[1].pk, reason="no longer", actor=plant.people["ingrid.vogel"])
    (late,) = refused(plant, erp, "erp.refused", "late")
    answer = whole(browser, "retry", html).content.decode()
    assert "6 done" in answer
    assert re.search(r'<b class="num">6</b> <span>sent again now', answer)
    assert statuses(*rows) == ["queued", "cancelled", *["queued"] * 5]
    assert statuses(other, late) == ["rejected", "rejected"]
    assert whole(browser, "retry", html).json()["code"] == "erp.group_gone"


def test_a_group_beyond_the_limit_goes_oldest_first_and_says_what_stays(
    plant: KolbeMini, erp: scripted.Books, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "PER_PAGE", 1)
    monkeypatch.setattr(workbench, "MOST", 2)
    rows = refused(plant, erp, "erp.refused", "a", "b", "c")
    Posting.objects.filter(pk=rows[2].pk).update(status_at=clock.now() - timedelta(hours=2))
    browser = as_("ingrid.vogel")
    html = page_of(browser)
    assert "Choose the oldest 2 of 3" in html
    assert "No more than 2 go at once: the other 1 stay" in html
    refusal = whole(browser, "cancel", html, **{"reason-cancel": ""})
    assert refusal.json()["code"] == "erp.reason_missing"
    answer = whole(browser, "cancel", html, **{"reason-cancel": "not needed"}).content.decode()
    assert "2 done" in answer
    assert "1 of the group is left" in answer
    assert statuses(*rows) == ["cancelled", "rejected", "cancelled"]
    # what they have already makes no room for itself
    assert "1 done" in whole(browser, "take", page_of(browser)).content.decode()
    assert whole(browser, "take", page_of(browser)).json()["code"] == "erp.group_theirs"
    # another site's planner finds nothing of it
    assert whole(as_("dana.brooks"), "retry", html).json()["code"] == "erp.group_gone"
    assert statuses(*rows) == ["cancelled", "rejected", "cancelled"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"verb": "retry", "whole": "2026-11-23 cause erp.refused"}, "request.version"),
        ({"verb": "retry", "whole": "now"}, "request.version"),
        ({"verb": "retry", "whole": "2026-11-23T10:00:00+00:00 moon erp.refused"}, "erp.group_gone"),
        ({"verb": "retry", "whole": "2026-11-23T10:00:00+00:00 owner x"}, "erp.group_gone"),
        ({"verb": "retry"}, "erp.none_chosen"),
        ({"verb": "retry", "posting": ["x"]}, "request.version"),
        ({"verb": "retry", "posting": ["1"]}, "request.version"),
        ({"verb": "explode", "posting": ["1:1"]}, "erp.no_verb"),
        ({"verb": "assign:zz", "posting": ["1:1"]}, "erp.no_assignee"),
    ],
)
def test_garbage_is_refused_as_a_whole(plant: KolbeMini, as_: As, given: dict[str, Any], code: str) -> None:
    answer = as_("ingrid.vogel").post("/postings/bulk/", given, headers={"HX-Request": "true"})
    assert answer.json()["code"] == code


def test_without_a_script_each_answer_is_a_message(plant: KolbeMini, erp: scripted.Books, as_: As) -> None:
    (posting,) = refused(plant, erp, "erp.refused", "a")
    browser = as_("ingrid.vogel")
    answer = browser.post(
        "/postings/bulk/", {"verb": "retry", "posting": [f"{posting.pk}:{posting.version}"]}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/postings/errors/")
    assert "sent again now" in page_of(browser)


# --- one posting --------------------------------------------------------------------------------------------
def test_what_is_wrong_stands_beside_its_field(plant: KolbeMini, erp: scripted.Books, as_: As) -> None:
    posting = queue_posting(
        kind="movement.transfer", site=plant.rhf, payload={"item": "SP-12", "quantity": "-3", "to_location": "B"},
        occurred_at=clock.now(), origin_ref="", key_parts=("bad",), keep_invalid=True,
    )  # fmt: skip
    assert posting.status == "rejected"
    html = as_("ingrid.vogel").get(f"/postings/{posting.pk}/").content.decode()
    field = re.search(r'name="payload.quantity" value="-3"(.*?)</div>', html, re.DOTALL)
    assert field is not None
    assert "must be above zero" in field[1]
    assert 'aria-invalid="true"' in field[1]
    assert "The posting is not complete" in html


def test_a_drift_shows_both_values_and_taking_erps_sends_it(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    raw = {"drift": [{"field": "quantity", "ours": "5", "theirs": "9"}]}
    erp.then(
        lambda books, command: port.Outcome(
            "rejected", error_code="erp.drifted", message="9 lie there, it was decided at 5", raw=raw
        )
    )
    posting = put(plant, "drift")
    send_due()
    assert statuses(posting) == ["held"]
    browser = as_("ingrid.vogel")
    html = browser.get(f"/postings/{posting.pk}/").content.decode()
    assert re.search(
        r"<th scope=\"row\">Quantity</th><td class=\"num\"><del>5</del></td><td class=\"num\"><b>9</b>", html
    )
    assert "nothing of it is in ERP" in html
    dialog = browser.get(f"/postings/{posting.pk}/change/").content.decode()
    assert "Take ERP&#x27;s value and send" in dialog or "Take ERP's value and send" in dialog
    assert act(browser, posting, "accept-drift", reason=" ").json()["code"] == "erp.reason_missing"
    assert act(browser, posting, "accept-drift", reason="counted again").status_code == 204
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.payload["seen"], len(erp.documents)) == (
        "confirmed",
        {"quantity": "9"},
        1,
    )


def test_a_reversal_says_what_it_does_and_happens_once(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    posting = put(plant, "fine")
    send_due()
    assert statuses(posting) == ["confirmed"]
    browser = as_("ingrid.vogel")
    html = browser.get(f"/postings/{posting.pk}/").content.decode()
    assert "What happens in ERP" in html
    assert "ERP has it as DOC-1, once." in html
    for _ in range(2):
        assert act(browser, posting, "reverse", reason="wrong pallet").status_code == 204
    assert posting.reversals.count() == 1
    html = browser.get(f"/postings/{posting.pk}/").content.decode()
    assert "Taken back by" in html
    assert 'id="reverse"' not in html
    assert act(as_("jonas.keller"), posting, "reverse", reason="me too").status_code == 403


def test_a_leader_approves_what_others_may_not(plant: KolbeMini, erp: scripted.Books, as_: As) -> None:
    posting = put(plant, "dear", needs_approval=True)
    Posting.objects.filter(pk=posting.pk).update(
        approver_role="leader", approval_reason="worth 12,400 EUR, limit 5,000 EUR", value="12400"
    )
    ingrid = as_("ingrid.vogel").get(f"/postings/{posting.pk}/").content.decode()
    assert "Only a leader may approve this one." in ingrid
    assert "Approve, send it" not in ingrid
    leader = plant.people["jonas.keller"]
    AccessGrant.objects.filter(user=leader, site=plant.rhf).update(role="leader")
    browser = as_("jonas.keller")
    html = browser.get(f"/postings/{posting.pk}/").content.decode()
    assert "worth 12,400 EUR, limit 5,000 EUR" in html
    assert "Approve, send it" in html
    posting.refresh_from_db()
    assert act(browser, posting, "approve").status_code == 204
    assert statuses(posting) == ["queued"]


def test_the_page_of_one_costs_the_same_however_long_its_story(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    (posting,) = refused(plant, erp, "erp.refused", "a")
    browser = as_("ingrid.vogel")
    browser.get(f"/postings/{posting.pk}/live/")
    with CaptureQueriesContext(connection) as short:
        browser.get(f"/postings/{posting.pk}/live/")
    for _ in range(3):
        posting.refresh_from_db()
        erp.then(scripted.refuse("erp.refused", "again no"))
        act(browser, posting, "retry")
        send_due()
    with CaptureQueriesContext(connection) as long:
        assert "4 tries" in browser.get(f"/postings/{posting.pk}/live/").content.decode()
    assert len(long) <= len(short) <= 40


# --- an ERP that is away ------------------------------------------------------------------------------------
def test_a_station_says_in_one_line_that_work_goes_on_and_hears_of_it_at_once(
    plant: KolbeMini,
    erp: scripted.Books,
    as_: As,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr("core.hints._send", lambda groups, message: told.append((message["kind"], *groups)))
    _device, secret = pair_device(site=plant.rhf, name="Tablet", work_centre=plant.centres["MILL5"])
    screen, main = Client(), ErpConnection.objects.get(code="main")
    screen.cookies[DEVICE_COOKIE] = secret
    group = f"site.{plant.rhf.pk}"
    for address in (
        "/stations/MILL5/",
        "/stations/MILL5/erp/",
        f"/boards/{plant.centres['MILL5'].area.code}/",
    ):
        html = screen.get(address).content.decode()
        assert f'data-live="{group}" data-live-kinds="connection"' in html
        assert "Go on as usual" not in html
    begun = clock.now()
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(THRESHOLD):
            note_failure(main, "connection refused")
    assert told == [("connection", "postings", group)]
    html = screen.get("/stations/MILL5/erp/").content.decode()
    since = begun.astimezone(ZoneInfo(plant.rhf.timezone))
    assert f"Main ERP has not answered since {since:%H:%M}. Go on as usual: what is reported is kept" in html
    assert html in screen.get("/stations/MILL5/").content.decode()
    User.objects.filter(username="piotr.nowak").update(language="de")
    german = as_("piotr.nowak").get("/stations/MILL5/erp/").content.decode()
    assert "Main ERP antwortet seit" in german
    assert as_("dana.brooks").get("/stations/MILL5/erp/").status_code == 404


def test_the_banner_says_since_when_what_waits_who_knows_and_how_it_drains(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    browser, main = as_("ingrid.vogel"), ErpConnection.objects.filter(code="main")
    assert 'class="outage ' not in browser.get("/outage/").content.decode()
    rows = [put(plant, f"w{number}") for number in range(4)]
    Posting.objects.filter(pk=rows[2].pk).update(promise_at=clock.now() + timedelta(days=3))
    AccessGrant.objects.create(user=plant.people["ingrid.vogel"], site=plant.rhf, role="integrator")
    begun = clock.now() - timedelta(minutes=25)
    main.update(silent_since=begun, open_until=clock.now() + timedelta(hours=1), last_ok_at=begun)
    sweep_alarms()
    tell_alarms()
    html = browser.get("/outage/").content.decode()
    assert re.search(SILENT, html)
    assert "4 postings wait, nothing is lost." in html
    assert "Earliest promise behind them" in html
    assert "Told: " in html
    assert "Ingrid Vogel" in html
    for page in ("/", "/inbox/", "/postings/", "/boards/"):
        assert re.search(SILENT, browser.get(page).content.decode()), page
    main.update(silent_since=clock.now())  # just now: no word of zero minutes
    assert "Main ERP has been silent for 1 min." in browser.get("/outage/").content.decode()
    main.update(silent_since=begun)
    floor = as_("piotr.nowak").get("/outage/RHF/").content.decode()
    assert "Go on as usual" in floor
    assert "postings wait" not in floor
    assert as_("dana.brooks").get("/outage/RHF/").status_code == 404
    # it works again: half is sent
    main.update(open_until=None, last_ok_at=clock.now())
    send_due(limit=2)
    main.update(silent_since=begun, open_until=None, on_trial=False, last_ok_at=clock.now())
    html = browser.get("/outage/").content.decode()
    assert "Main ERP works again." in html
    assert "2 of 4 sent" in html
    assert '<progress max="4" value="2"' in html


# --- codes --------------------------------------------------------------------------------------------------
def given_codes() -> list[tuple[str, str]]:
    """(connector, code) of every error code a connector's source writes out, its kind's own and shared ones."""
    found: set[tuple[str, str]] = set()
    for kind in (*port.kinds(), ""):
        files = (
            [ADAPTERS / f"{kind}.py", *(ADAPTERS / kind).rglob("*.py")] if kind else [*ADAPTERS.glob("*.py")]
        )
        named = re.compile(rf"(erp|{re.escape(kind) or 'erp'})(\.[a-z][a-z0-9_]*)+")
        for file in files:
            if not file.exists():
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    said = [
                        *node.args[:1],
                        *(one.value for one in node.keywords if one.arg in ("code", "error_code")),
                    ]
                    for one in said:
                        if (
                            isinstance(one, ast.Constant)
                            and isinstance(one.value, str)
                            and named.fullmatch(one.value)
                        ):
                            found.add((kind, one.value))
    return sorted(found)


def test_every_code_a_connector_gives_is_explained() -> None:
    codes = given_codes()
    assert len(codes) > 60
    assert [(kind, code) for kind, code in codes if not explained(code, kind)] == []
    assert [
        (kind, code)
        for kind in port.kinds()
        for code in port.profile_of(kind).codes
        if not explain(code, kind).cure.strip()
    ] == []


def test_an_unknown_code_still_says_what_to_do() -> None:
    assert explain("acme.never_heard_of", "tryton").title == "Refused by ERP"
    assert "Read ERP's own words" in explain("acme.never_heard_of").cure


# --- approving from the inbox -------------------------------------------------------------------------------
def test_what_waits_for_my_yes_stands_in_my_inbox(plant: KolbeMini, erp: scripted.Books, as_: As) -> None:
    dear, cheap = put(plant, "dear", needs_approval=True), put(plant, "cheap", needs_approval=True)
    Posting.objects.filter(pk=dear.pk).update(value="12400", approval_reason="worth 12,400 EUR")
    Posting.objects.filter(pk=cheap.pk).update(value="10")
    leader = plant.people["jonas.keller"]
    AccessGrant.objects.filter(user=leader, site=plant.rhf).update(role="leader")
    browser = as_("jonas.keller")
    answer = browser.get("/inbox/")
    assert [row["id"] for row in answer.context["inbox"].postings] == [dear.pk, cheap.pk]
    html = answer.content.decode()
    assert "Approve for ERP: Stock transfer" in html
    assert "€12,400" in html
    # whoever asked for it is not asked, nor who may not
    assert as_("ingrid.vogel").get("/inbox/").context["inbox"].postings == []
    assert as_("piotr.nowak").get("/inbox/").context["inbox"].postings == []
    dear.refresh_from_db()
    assert act(browser, dear, "approve").status_code == 204
    assert statuses(dear, cheap) == ["queued", "approval"]
    assert [row["id"] for row in browser.get("/inbox/").context["inbox"].postings] == [cheap.pk]


# --- against ERP --------------------------------------------------------------------------------------------
def test_drift_names_the_postings_that_explain_it_and_puts_the_rest_first(
    plant: KolbeMini, erp: scripted.Books, as_: As
) -> None:
    Watermark.objects.create(
        connection=ErpConnection.objects.get(code="main"),
        entity="stock",
        at=clock.now() - timedelta(minutes=3),
    )
    for operation in Operation.objects.all():
        Operation.objects.filter(pk=operation.pk).update(
            confirmed_good=operation.good, confirmed_scrap=operation.scrap
        )
    mine = plant.operations["WO-118300/10"]
    Operation.objects.filter(pk=mine.pk).update(good=mine.good + 8, confirmed_good=mine.good + 8)
    queue_posting(
        kind="confirmation", site=plant.rhf, payload={"work_order": "WO-118300", "operation": "10", "yield_qty": "8"},
        occurred_at=clock.now(), origin_ref="", key_parts=("c",), chain="WO-118300", keep_invalid=True, text="8 good",
    )  # fmt: skip
    other = Operation.objects.exclude(pk=mine.pk).filter(work_order__site=plant.rhf).first()
    assert other is not None
    Operation.objects.filter(pk=other.pk).update(good=other.good + 3, status="finished")
    browser = as_("ingrid.vogel")
    with CaptureQueriesContext(connection) as spent:
        found = browser.get("/postings/comparison/live/").context["drifts"][0]
    assert len(spent) <= 50
    assert found.unexplained == 1
    assert [(row.subject, row.explained) for row in found.rows] == [(str(other), False), (str(mine), True)]
    assert [posting.text for posting in found.rows[1].postings] == ["8 good"]
    assert int(found.rows[1].ours) - int(found.rows[1].theirs) == 8
