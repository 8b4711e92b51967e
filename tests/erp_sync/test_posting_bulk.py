"""One hand laid on many postings: each for itself, a refusal keeps none of the others, a repeat changes nothing."""

from typing import Any

import pytest
from django.test import Client

from core.errors import InvalidInput, StaleVersion
from erp_sync import services
from erp_sync.models import ErpConnection, Posting, PostingEdit, PostingPolicy
from erp_sync.services import BulkVerb
from plant_app.models import AccessRole, Site, User
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

BULK = "/api/v1/postings/bulk/"


def person_at(site: Site, role: AccessRole, name: str) -> User:
    user = make.UserFactory(username=name)
    make.AccessGrantFactory(user=user, site=site, role=role)
    return user


@pytest.fixture
def planner(site: Site) -> User:
    return person_at(site, AccessRole.PLANNER, "ingrid.vogel")


@pytest.fixture
def dead(erp: Books, queue: Queue) -> list[Posting]:
    erp.then(*[scripted.refuse()] * 3)
    found = [queue() for _ in range(3)]
    services.send_due()
    assert Posting.objects.dead().count() == 3
    return found


def test_each_is_done_for_itself_and_says_what_became_of_it(
    erp: Books, queue: Queue, dead: list[Posting], planner: User, main: ErpConnection
) -> None:
    gone = queue()
    services.send_due()
    elsewhere = queue(site=make.SiteFactory(code="GVL"))
    ids = [dead[0].pk, gone.pk, 999_999, elsewhere.pk, dead[1].pk, dead[0].pk]

    found = services.bulk(verb=BulkVerb.CANCEL, posting_ids=ids, actor=planner, reason="counted twice")

    assert [(one.posting_id, one.done, one.status, one.code) for one in found] == [
        (dead[0].pk, True, "cancelled", ""),
        (gone.pk, False, "confirmed", "erp.transition_refused"),
        (999_999, False, "", "erp.no_posting"),
        (elsewhere.pk, False, "", "erp.no_posting"),
        (dead[1].pk, True, "cancelled", ""),
    ]
    assert PostingEdit.objects.filter(verb="cancel", reason="counted twice", actor=planner).count() == 2
    dead[2].refresh_from_db()
    assert dead[2].status == "rejected"


@pytest.mark.parametrize("verb", ["retry", "cancel", "mark_local", "assign", "release"])
def test_a_repeat_changes_nothing_and_is_no_refusal(
    erp: Books, queue: Queue, dead: list[Posting], planner: User, main: ErpConnection, verb: str
) -> None:
    ids = [posting.pk for posting in dead]
    if verb == "release":
        PostingPolicy.objects.create(connection=main, mode="buffered", buffer_minutes=1439)
        waiting = [queue() for _ in range(2)]
        Posting.objects.filter(pk__in=[w.pk for w in waiting]).update(buffered_until="2099-01-01T00:00Z")
        ids = [posting.pk for posting in waiting]
    given: dict[str, Any] = {"verb": BulkVerb(verb), "posting_ids": ids, "actor": planner, "reason": "why"}
    if verb == "assign":
        given["assignee"] = planner

    first = services.bulk(**given)
    edits = PostingEdit.objects.count()
    again = services.bulk(**given)

    assert all(one.done and one.changed for one in first)
    assert all(one.done and not one.changed for one in again)
    assert [one.status for one in again] == [one.status for one in first]
    assert PostingEdit.objects.count() == edits == len(ids)


def test_assigned_to_who_may_and_laid_down_again(dead: list[Posting], planner: User, site: Site) -> None:
    other = person_at(site, AccessRole.ADMINISTRATOR, "robert.kolbe")
    responder = person_at(site, AccessRole.RESPONDER, "nobody")
    posting = dead[0]

    services.assign(posting_ids=[posting.pk], assignee=other, actor=planner, reason="on holiday")
    posting.refresh_from_db()
    assert posting.assignee == other
    [refused] = services.assign(posting_ids=[posting.pk], assignee=responder, actor=planner)
    assert (refused.done, refused.code) == (False, "erp.assignee")
    services.assign_one(posting_id=posting.pk, assignee=None, actor=planner, version=posting.version)
    with pytest.raises(StaleVersion):
        services.assign_one(posting_id=posting.pk, assignee=other, actor=planner, version=posting.version)
    posting.refresh_from_db()
    assert posting.assignee is None
    edits = posting.edits.filter(verb="assign")
    assert [(e.before["assignee"], e.after["assignee"], e.reason) for e in edits] == [
        ("", str(other), "on holiday"),
        (str(other), "", ""),
    ]


def test_bulk_wants_a_reason_where_one_hand_does_and_not_too_many(planner: User) -> None:
    for verb in (BulkVerb.CANCEL, BulkVerb.MARK_LOCAL):
        with pytest.raises(InvalidInput) as caught:
            services.bulk(verb=verb, posting_ids=[1], actor=planner, reason=" ")
        assert caught.value.code == "erp.reason_missing"
    with pytest.raises(InvalidInput) as caught:
        services.bulk(verb=BulkVerb.RETRY, posting_ids=range(501), actor=planner)
    assert caught.value.code == "erp.too_many"


def test_over_http_by_ids_and_by_the_lists_own_filter(
    erp: Books, dead: list[Posting], queue: Queue, planner: User, site: Site
) -> None:
    untouched = queue(
        kind="cost", payload={"amount": "1", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
    )
    client = Client()
    client.force_login(planner)

    def ask(**body: Any) -> Any:
        return client.post(BULK, body, content_type="application/json")

    assert ask(verb="assign", ids=[dead[0].pk], assignee="ingrid.vogel").json()["done"] == 1
    mine = client.get("/api/v1/postings/?assignee=ingrid.vogel").json()["results"]
    assert [row["id"] for row in mine] == [dead[0].pk]
    assert mine[0]["assignee"] == "ingrid.vogel"
    assert {r["id"] for r in client.get("/api/v1/postings/?assignee=none&status=dead").json()["results"]} == {
        dead[1].pk,
        dead[2].pk,
    }

    answer = ask(verb="retry", filter={"status": "dead", "kind": "movement.transfer"}).json()
    assert (answer["done"], answer["refused"]) == (3, 0)
    assert [one["posting_id"] for one in answer["results"]] == [posting.pk for posting in dead]
    assert not untouched.edits.exists()

    assert ask(verb="retry").status_code == 400
    assert ask(verb="retry", filter={}).status_code == 400
    assert ask(verb="retry", filter={"colour": "red"}).json()["code"] == "erp.filter"
    assert ask(verb="retry", ids=[1], filter={"status": "dead"}).status_code == 400
    assert ask(verb="assign", ids=[dead[0].pk], assignee="nobody.there").json()["code"] == "erp.assignee"
    responder = Client()
    responder.force_login(person_at(site, AccessRole.RESPONDER, "responder"))
    refused = responder.post(
        BULK, {"verb": "retry", "ids": [dead[0].pk]}, content_type="application/json"
    ).json()
    assert (refused["done"], refused["results"][0]["code"]) == (0, "access.not_allowed")


def test_what_is_collected_for_a_connection_is_let_go_over_http(
    erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    PostingPolicy.objects.create(connection=main, mode="buffered", buffer_minutes=1439)
    posting = queue()
    Posting.objects.filter(pk=posting.pk).update(
        buffered_until="2099-01-01T00:00Z", due_at="2099-01-01T00:00Z"
    )
    client = Client()
    client.force_login(planner)
    assert len(client.get("/api/v1/postings/?status=collected").json()["results"]) == 1
    services.send_due()
    assert erp.sends == []

    def let_go(code: str) -> Any:
        path = "/api/v1/postings/release/"
        return client.post(
            path, {"connection": code, "reason": "shift ends"}, content_type="application/json"
        )

    assert let_go("elsewhere").status_code == 404
    assert let_go("main").json() == {"released": 1, "left": 0}
    services.send_due()
    assert erp.keys() == [posting.business_key]
    assert posting.edits.get().reason == "shift ends"


def test_what_a_person_keys_is_not_sent_with_all_the_others(
    erp: Books, main: ErpConnection, dead: list[Posting], queue: Queue, planner: User
) -> None:
    PostingPolicy.objects.create(connection=main, kind="cost", mode="manual")
    cost = {"amount": "1", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
    keyed = queue(kind="cost", payload=cost)
    client = Client()
    client.force_login(planner)

    answer = client.post(
        BULK, {"verb": "retry", "filter": {"status": "open"}}, content_type="application/json"
    ).json()

    assert (answer["done"], answer["refused"]) == (3, 1)
    [refused] = [one for one in answer["results"] if not one["done"]]
    assert (refused["posting_id"], refused["code"], refused["status"]) == (
        keyed.pk,
        "erp.keyed_by_hand",
        "held",
    )
    assert "keyed by hand" in refused["message"]
    keyed.refresh_from_db()
    assert (keyed.held_reason, keyed.edits.count()) == ("manual", 0)
    while services.send_due():
        pass
    assert erp.keys() == [posting.business_key for posting in dead]
    assert services.retry(posting_id=keyed.pk, actor=planner, reason="nobody keyed it").status == "queued"
