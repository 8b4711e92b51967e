"""The postings API, its permissions, the admin's operate page, and what the doctor says."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from core.doctor import examine
from erp_sync.models import ErpConnection, Posting
from erp_sync.selectors import all_settled, confirmed_between, connection_states, oldest_open, postings_of
from erp_sync.services import send_due
from plant_app.models import AccessRole, Site, User
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LIST = "/api/v1/postings/"


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def login(site: Site, role: AccessRole, **more: object) -> tuple[Client, User]:
    user = make.UserFactory(**more)
    make.AccessGrantFactory(user=user, site=site, role=role)
    client = Client()
    client.force_login(user)
    return client, user


@pytest.fixture
def planner(site: Site) -> Client:
    return login(site, AccessRole.PLANNER, username="ingrid.vogel")[0]


def post(client: Client, path: str, body: object, **headers: str):
    return client.post(path, body, content_type="application/json", headers=headers)


def test_list_is_narrowed_by_status_kind_site_and_origin(
    now, erp: Books, queue: Queue, planner: Client
) -> None:
    erp.then(scripted.refuse())
    dead = queue(chain="WO-1")
    behind = queue(chain="WO-1", origin_ref="exception:2")
    cost = queue(
        kind="cost", payload={"amount": "10", "currency": "EUR", "cost_class": "scrap", "basis": "real"},
        occurred_at=NOON - timedelta(minutes=2),
    )  # fmt: skip
    now.shift(timedelta(seconds=30))
    send_due()

    def ids(query: str) -> list[int]:
        return [row["id"] for row in planner.get(LIST + query).json()["results"]]

    assert ids("") == [cost.pk, behind.pk, dead.pk]
    assert ids("?status=dead") == [dead.pk]
    assert ids("?status=open") == [behind.pk, dead.pk]
    assert ids("?status=confirmed,queued") == [cost.pk, behind.pk]
    assert ids("?kind=cost") == [cost.pk]
    assert ids("?origin_ref=exception:2") == [behind.pk]
    assert ids("?site=GVL") == []
    rows = {row["id"]: row for row in planner.get(LIST).json()["results"]}
    assert rows[behind.pk]["behind"] == dead.pk
    assert rows[cost.pk]["lag_seconds"] == 150.0
    assert rows[dead.pk]["lag_seconds"] == 30.0


def test_list_takes_a_bounded_number_of_queries(
    erp: Books, queue: Queue, planner: Client, django_assert_max_num_queries
) -> None:
    for n in range(12):
        queue(chain=f"WO-{n % 3}")
    planner.get(LIST)
    with django_assert_max_num_queries(6):
        assert len(planner.get(LIST).json()["results"]) == 12


def test_nobody_sees_or_operates_another_sites_postings(erp: Books, queue: Queue) -> None:
    posting = queue()
    elsewhere, _ = login(make.SiteFactory(code="GVL"), AccessRole.PLANNER)
    assert elsewhere.get(LIST).json()["results"] == []
    answer = elsewhere.get(f"{LIST}{posting.pk}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "erp.no_posting")
    answer = post(elsewhere, f"{LIST}{posting.pk}/cancel/", {"reason": "mischief"})
    assert answer.status_code == 404
    posting.refresh_from_db()
    assert posting.status == "queued"


def test_floor_logins_neither_see_nor_operate_and_responders_only_see(
    erp: Books, queue: Queue, site: Site
) -> None:
    posting = queue()
    operator, _ = login(site, AccessRole.OPERATOR)
    responder, _ = login(site, AccessRole.RESPONDER)
    assert operator.get(LIST).status_code == 403
    assert responder.get(f"{LIST}{posting.pk}/").status_code == 200
    assert post(responder, f"{LIST}{posting.pk}/cancel/", {"reason": "no"}).status_code == 403
    assert Client().get(LIST).status_code in (401, 403)
    posting.refresh_from_db()
    assert posting.status == "queued"


def test_dead_letter_is_read_edited_and_sent_through_the_api(
    now, erp: Books, queue: Queue, planner: Client
) -> None:
    erp.then(scripted.refuse("scripted.short_stock", "only 4 there"))
    posting = queue()
    send_due()
    seen = planner.get(f"{LIST}{posting.pk}/").json()
    assert (seen["status"], seen["error_message"]) == ("rejected", "only 4 there")
    assert [attempt["outcome"] for attempt in seen["tries"]] == ["rejected"]

    body = {"payload": {**seen["payload"], "quantity": "4"}, "reason": "4 there", "version": seen["version"]}
    answer = post(planner, f"{LIST}{posting.pk}/edit/", body)
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert answer.json()["edits"][0]["actor"] == "ingrid.vogel"
    again = post(planner, f"{LIST}{posting.pk}/edit/", body)
    assert (again.status_code, again.json()["code"]) == (409, "erp.stale")

    send_due()
    assert erp.documents[0][1]["quantity"] == "4"
    refused = post(planner, f"{LIST}{posting.pk}/cancel/", {"reason": "too late"})
    assert (refused.status_code, refused.json()["code"]) == (409, "erp.transition_refused")
    assert "reversal" in refused.json()["hint"]


def test_each_verb_has_its_address(now, erp: Books, queue: Queue, planner: Client) -> None:
    waiting, plain, manual = queue(needs_approval=True), queue(), queue()
    assert post(planner, f"{LIST}{waiting.pk}/approve/", {}).json()["status"] == "queued"
    assert post(planner, f"{LIST}{waiting.pk}/retry/", {}).json()["status"] == "queued"
    assert post(planner, f"{LIST}{plain.pk}/cancel/", {}).status_code == 400
    assert post(planner, f"{LIST}{plain.pk}/cancel/", {"reason": "no"}).json()["status"] == "cancelled"
    local = post(planner, f"{LIST}{manual.pk}/mark-local/", {"reason": "keyed", "erp_number": "4711"}).json()
    assert (local["status"], local["erp_number"], local["local_reason"]) == ("local", "4711", "keyed")


def test_posting_without_a_decision_needs_its_own_permission_and_a_reason(
    now, erp: Books, planner: Client, site: Site
) -> None:
    body = {
        "kind": "movement.transfer",
        "site": "RHF",
        "payload": {
            "item": "SP-12",
            "quantity": "5",
            "from_location": "A",
            "to_location": "B",
            "work_order": "WO-1",
        },
        "occurred_at": "2026-11-03T11:00:00+01:00",
        "reason": "stock count of last night",
    }
    assert post(planner, LIST, body).status_code == 403
    integrator, user = login(site, AccessRole.INTEGRATOR)
    assert post(integrator, LIST, {**body, "reason": ""}).status_code == 400
    assert post(integrator, LIST, {**body, "site": "GVL"}).json()["code"] == "erp.no_site"
    bad = post(integrator, LIST, {**body, "payload": {"item": "SP-12"}})
    assert (bad.status_code, bad.json()["code"]) == (400, "erp.payload_invalid")
    assert Posting.objects.count() == 0

    first = post(integrator, LIST, body, **{"Idempotency-Key": "count-1"})
    again = post(integrator, LIST, body, **{"Idempotency-Key": "count-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    posting = Posting.objects.get()
    assert again.json()["id"] == posting.pk
    assert (posting.justification, posting.actor, posting.chain, posting.origin_ref) == (
        "stock count of last night", user, "WO-1", "",
    )  # fmt: skip


def test_admin_shows_postings_and_operates_them_only_with_a_reason(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    boss = make.UserFactory(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(boss)
    erp.then(scripted.refuse())
    posting = queue()
    send_due()
    page = f"/admin/erp_sync/posting/{posting.pk}/"
    assert posting.business_key in client.get("/admin/erp_sync/posting/").content.decode()
    assert "Order is closed" in client.get(page + "change/").content.decode()
    assert "Change and send again" in client.get(page + "operate/").content.decode()

    given = {"verb": "cancel", "reason": "", "version": "2", "payload": "{}"}
    posting.refresh_from_db()
    given["version"] = str(posting.version)
    assert "Say why" in client.post(page + "operate/", given).content.decode()
    assert client.post(page + "operate/", {**given, "reason": "keyed twice"}).status_code == 302
    posting.refresh_from_db()
    assert (posting.status, posting.edits.get().actor) == ("cancelled", boss)

    connection_page = client.get(f"/admin/erp_sync/erpconnection/{main.pk}/change/")
    assert connection_page.status_code == 200
    tested = client.post(
        "/admin/erp_sync/erpconnection/",
        {"action": "test_connection", "_selected_action": str(main.pk)},
        follow=True,
    )
    assert "Main ERP: answers" in tested.content.decode()


def test_admin_is_closed_to_staff_without_the_role(erp: Books, queue: Queue, site: Site) -> None:
    posting = queue()
    client, _ = login(site, AccessRole.OPERATOR, is_staff=True)
    assert client.get("/admin/erp_sync/posting/").status_code == 403
    assert client.get(f"/admin/erp_sync/posting/{posting.pk}/operate/").status_code == 404
    assert client.get("/admin/erp_sync/erpconnection/").status_code == 403
    viewer, _ = login(site, AccessRole.RESPONDER, is_staff=True)
    assert viewer.get("/admin/erp_sync/posting/").status_code == 200
    assert viewer.get(f"/admin/erp_sync/posting/{posting.pk}/operate/").status_code == 403


def test_reads_for_other_apps(now, erp: Books, queue: Queue) -> None:
    erp.then(scripted.refuse())
    first = queue(occurred_at=NOON - timedelta(hours=1))
    second = queue(origin_ref="exception:2", occurred_at=NOON - timedelta(minutes=5))
    send_due()

    assert not all_settled("exception:1")
    assert all_settled("exception:2")
    assert all_settled("exception:3")
    assert oldest_open() == first
    assert list(postings_of("exception:1")) == [first]
    found = confirmed_between(start=NOON, end=NOON + timedelta(hours=1))
    assert [(row.pk, row.lag) for row in found] == [(second.pk, timedelta(minutes=5))]
    assert not confirmed_between(start=NOON - timedelta(hours=1), end=NOON).exists()
    state = connection_states()[0]
    assert (state.dead, state.waiting, state.unclear, state.silent) == (1, 0, 0, False)
    assert state.last_confirmed == NOON


def test_doctor_names_what_is_wrong_and_how_to_mend_it(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    def codes() -> set[str]:
        return {finding.code for finding in examine() if finding.code.startswith("XL-W")}

    queue()
    assert codes() == {"XL-W000"}
    erp.then(scripted.refuse(), scripted.cut_before)
    queue()
    send_due(limit=2)
    now.shift(timedelta(hours=5))
    assert {"XL-W010", "XL-W011"} <= codes()
    ErpConnection.objects.update(open_until=NOON)
    assert "XL-W003" in codes()
    ErpConnection.objects.update(password_source="env:NO_SUCH_VARIABLE_HERE")
    assert "XL-W006" in codes()
    ErpConnection.objects.update(password_source="installation")
    assert "XL-W005" in codes()
    ErpConnection.objects.update(enabled=False)
    assert "XL-W001" in codes()
