"""Taking a posting back in one call: once, whoever asks and however often, in every state; and answering a drift."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from core import clock
from core.errors import DomainError, InvalidInput, NotAllowed, TransitionRefused
from erp_sync import services
from erp_sync.adapters import port
from erp_sync.models import ErpConnection, Posting, PostingPolicy
from plant_app.models import AccessRole, Capability, Level, Site, User
from plant_app.services import set_level
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

CHANGE = {
    "target": "work_order",
    "number": "WO-1",
    "which": "planned_end",
    "new": "2099-12-01",
    "old": "2099-11-05",
}


@pytest.fixture
def planner(site: Site) -> User:
    user = make.UserFactory(username="ingrid.vogel")
    make.AccessGrantFactory(user=user, site=site, role=AccessRole.PLANNER)
    return user


@pytest.fixture
def confirmed(erp: Books, queue: Queue) -> Callable[..., Posting]:
    def bring(**given: Any) -> Posting:
        posting = queue(**given)
        services.send_due()
        posting.refresh_from_db()
        assert posting.status == "confirmed"
        return posting

    return bring


def code_of(error: type[DomainError], act: Callable[..., object], **given: Any) -> str:
    with pytest.raises(error) as caught:
        act(**given)
    return caught.value.code


def drifted(*differences: tuple[str, str, str]) -> scripted.Act:
    raw = {"drift": [{"field": f, "ours": o, "theirs": t} for f, o, t in differences]}
    return lambda books, command: port.Outcome(
        "rejected", error_code="erp.drifted", message="ERP says otherwise", raw=raw
    )


# --- reversals ----------------------------------------------------------------------------------------------
def test_one_call_takes_a_confirmed_posting_back_and_keeps_who_and_why(
    erp: Books, confirmed: Callable[..., Posting], planner: User
) -> None:
    posting = confirmed(chain="WO-1")
    back = services.reverse(posting_id=posting.pk, reason="wrong lot", actor=planner)

    assert (back.kind, back.reversal_of, back.status, back.chain) == ("reversal", posting, "queued", "WO-1")
    assert back.actor == planner
    assert back.payload["reverses"] == posting.business_key
    services.send_due()
    assert erp.keys() == [posting.business_key, back.business_key]
    assert [(e.verb, e.actor, e.reason) for e in posting.edits.all()] == [("withdraw", planner, "wrong lot")]
    again = services.reverse(posting_id=posting.pk, reason="wrong lot, again", actor=planner)
    assert again.pk == back.pk
    assert posting.edits.count() == 1
    services.send_due()
    assert len(erp.documents) == 2


@pytest.mark.django_db(transaction=True)
def test_four_at_once_make_one_reversal(erp: Books, confirmed: Callable[..., Posting], planner: User) -> None:
    posting = confirmed()
    barrier = threading.Barrier(4)
    found: list[int] = []

    def work() -> None:
        try:
            barrier.wait(20)
            found.append(services.reverse(posting_id=posting.pk, reason="twice", actor=planner).pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert posting.reversals.count() == posting.edits.count() == 1


def test_what_was_settled_here_or_keyed_by_hand_is_taken_back_the_same_way(
    erp: Books, queue: Queue, planner: User, site: Site
) -> None:
    local = queue(local_reason="this ERP has no such thing")
    back = services.reverse(posting_id=local.pk, reason="was wrong", actor=planner)
    assert (back.status, back.local_reason) == ("local", "as what it reverses: this ERP has no such thing")

    set_level(site=site, capability=Capability.WRITE_BACK, level=Level.MANUAL, type_=None, actor=None)
    keyed = queue()
    services.note_keyed(posting_id=keyed.pk, erp_number="MB-1", actor=planner)
    by_hand = services.reverse(posting_id=keyed.pk, reason="typed wrong", actor=planner)
    assert (by_hand.status, by_hand.held_reason) == ("held", "manual")
    assert services.reverse(posting_id=keyed.pk, reason="typed wrong", actor=planner).pk == by_hand.pk
    services.send_due()
    assert erp.sends == []


def test_a_refused_reversal_is_edited_or_sent_again_and_a_cancelled_one_makes_room(
    erp: Books, confirmed: Callable[..., Posting], planner: User
) -> None:
    posting = confirmed()
    erp.then(scripted.refuse("scripted.period_closed", "Period is closed"), scripted.refuse())
    back = services.reverse(posting_id=posting.pk, reason="wrong", actor=planner)
    services.send_due()
    assert services.reverse(posting_id=posting.pk, reason="wrong", actor=planner).status == "rejected"
    services.retry(posting_id=back.pk, actor=planner)
    services.send_due()
    services.edit_and_retry(
        posting_id=back.pk,
        payload={**back.payload, "reason_code": "ERR"},
        actor=planner,
        reason="a code ERP has",
    )
    services.cancel(posting_id=back.pk, reason="not now", actor=planner)

    other = services.reverse(posting_id=posting.pk, reason="now after all", actor=planner)
    assert other.pk != back.pk
    services.send_due()
    other.refresh_from_db()
    assert (other.status, erp.keys()) == ("confirmed", [posting.business_key, other.business_key])
    assert services.withdraw(posting_id=posting.pk, reason="decision reversed").pk == other.pk


def test_a_decision_reversed_takes_back_what_a_cancelled_reversal_left_in_erp(
    erp: Books, confirmed: Callable[..., Posting], planner: User
) -> None:
    posting = confirmed()
    first = services.reverse(posting_id=posting.pk, reason="wrong", actor=planner)
    services.cancel(posting_id=first.pk, reason="it was right", actor=planner)

    back = services.withdraw(posting_id=posting.pk, reason="decision reversed")

    assert back.pk != first.pk
    services.send_due()
    assert erp.keys() == [posting.business_key, back.business_key]


def test_what_can_not_be_taken_back_is_refused_with_the_reason(
    erp: Books, queue: Queue, confirmed: Callable[..., Posting], planner: User
) -> None:
    def refusal(posting: Posting, reason: str = "why not") -> str:
        given = {"posting_id": posting.pk, "reason": reason, "actor": planner}
        return code_of(TransitionRefused, services.reverse, **given)

    waiting = queue()
    assert refusal(waiting) == "erp.not_posted"
    services.cancel(posting_id=waiting.pk, reason="not needed")
    assert refusal(waiting) == "erp.not_posted"
    answer = confirmed(
        kind="customer_answer", payload={"customer": "C-1", "po_number": "4711", "channel": "mail"}
    )
    assert refusal(answer) == "erp.no_reversal"
    blind = confirmed(kind="change.date", payload={k: v for k, v in CHANGE.items() if k != "old"})
    assert refusal(blind) == "erp.no_reversal"
    posting = confirmed()
    back = services.reverse(posting_id=posting.pk, reason="wrong", actor=planner)
    services.send_due()
    assert refusal(back) == "erp.reversal_of_reversal"
    assert (
        code_of(InvalidInput, services.reverse, posting_id=posting.pk, reason=" ", actor=planner)
        == "erp.reason_missing"
    )
    assert Posting.objects.filter(kind="reversal").count() == 1


def test_the_books_of_a_rehearsed_past_are_closed(erp: Books, queue: Queue, planner: User) -> None:
    services.ensure_demo_connections(tryton=None)
    start = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)
    with clock.travel(start):
        posting = queue(occurred_at=start)
    with clock.travel(start + timedelta(hours=1)):
        services.send_due()
    given = {"posting_id": posting.pk, "reason": "why", "actor": planner}
    assert code_of(TransitionRefused, services.reverse, **given) == "erp.no_reversal"
    assert not posting.reversals.exists()


def test_only_who_may_takes_back(confirmed: Callable[..., Posting], site: Site) -> None:
    posting = confirmed()
    responder = make.UserFactory()
    make.AccessGrantFactory(user=responder, site=site, role=AccessRole.RESPONDER)
    given = {"posting_id": posting.pk, "reason": "why", "actor": responder}
    assert code_of(NotAllowed, services.reverse, **given) == "access.not_allowed"
    assert not posting.reversals.exists()
    assert not posting.edits.exists()


def test_in_flight_it_is_marked_and_taken_back_once_erp_has_answered(
    erp: Books, queue: Queue, planner: User
) -> None:
    erp.then(scripted.cut_after)
    posting = queue()
    services.send_due()
    marked = services.reverse(posting_id=posting.pk, reason="stop it", actor=planner)
    services.reverse(posting_id=posting.pk, reason="stop it", actor=planner)
    assert (marked.pk, marked.status) == (posting.pk, "unknown")
    assert posting.edits.count() == 1

    services.retry(posting_id=posting.pk, actor=planner)
    services.send_due()
    services.send_due()
    back = posting.reversals.get()
    assert erp.keys() == [posting.business_key, back.business_key]


def test_a_reversal_is_worth_what_it_takes_back_and_waits_for_approval_beyond_the_limit(
    erp: Books, main: ErpConnection, confirmed: Callable[..., Posting], planner: User
) -> None:
    cost = {"amount": "900", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
    posting = confirmed(kind="cost", payload=cost)
    PostingPolicy.objects.create(connection=main, kind="reversal", value_limit=100)
    back = services.reverse(posting_id=posting.pk, reason="wrong", actor=planner)
    assert (back.status, back.approval_reason) == ("approval", "worth 900 EUR, limit 100")
    services.send_due()
    assert erp.keys() == [posting.business_key]


def test_one_click_over_http_gives_the_reversal(
    erp: Books, confirmed: Callable[..., Posting], planner: User
) -> None:
    posting = confirmed()
    client = Client()
    client.force_login(planner)
    path = f"/api/v1/postings/{posting.pk}/reverse/"
    first = client.post(
        path, {"reason": "wrong lot", "version": posting.version}, content_type="application/json"
    )
    assert first.status_code == 200
    assert (first.json()["kind"], first.json()["reversal_of"]) == ("reversal", posting.pk)
    again = client.post(path, {"reason": "wrong lot"}, content_type="application/json")
    assert again.json()["id"] == first.json()["id"]
    assert client.get(f"/api/v1/postings/{posting.pk}/").json()["reversal"] == first.json()["id"]
    assert (first.json()["no_way_back"], first.json()["way_back"]) == (
        "a reversal is not taken back: post again what it took back",
    ) * 2
    stale = client.post(path, {"reason": "x", "version": 0}, content_type="application/json")
    assert (stale.status_code, stale.json()["code"]) == (409, "erp.stale")
    assert posting.reversals.count() == 1


# --- drift --------------------------------------------------------------------------------------------------
def test_erps_value_becomes_the_new_starting_point_and_it_goes_again(
    erp: Books, queue: Queue, planner: User
) -> None:
    erp.then(drifted(("date", "2099-11-05", "2099-11-09")))
    posting = queue(kind="change.date", payload=CHANGE)
    services.send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.held_reason) == ("held", "drifted")
    assert [(d.field, d.ours, d.theirs) for d in services.differences_of(posting)] == [
        ("date", "2099-11-05", "2099-11-09")
    ]

    services.accept_drift(
        posting_id=posting.pk, actor=planner, reason="ours still counts", version=posting.version
    )
    services.send_due()

    posting.refresh_from_db()
    assert posting.status == "confirmed"
    assert erp.documents[0][1]["old"] == "2099-11-09"
    assert erp.documents[0][1]["seen"] == {"date": "2099-11-09"}
    edit = posting.edits.get()
    assert (edit.verb, edit.actor, edit.reason) == ("accept", planner, "ours still counts")
    assert edit.before["old"] == "2099-11-05"
    assert edit.after == {"old": "2099-11-09", "seen": {"date": "2099-11-09"}}
    assert posting.occurred_at < datetime.now(UTC)


def test_a_drift_that_is_no_change_of_a_value_is_only_marked_as_seen_and_stands_once(
    erp: Books, queue: Queue, planner: User
) -> None:
    stands = drifted(("confirmed_elsewhere", "0 min", "35 min"))
    erp.then(stands, stands)
    posting = queue()
    services.send_due()
    services.accept_drift(posting_id=posting.pk, actor=planner, reason="both are right")
    services.send_due()
    posting.refresh_from_db()
    assert posting.payload["seen"] == {"confirmed_elsewhere": "35 min"}
    assert posting.held_reason == "drifted"
    given = {"posting_id": posting.pk, "actor": planner, "reason": "again"}
    assert code_of(TransitionRefused, services.accept_drift, **given) == "erp.drift_stands"
    assert posting.edits.count() == 1
    assert erp.documents == []


def test_accepting_is_refused_where_nothing_drifted_or_nobody_said_what(
    erp: Books, queue: Queue, planner: User
) -> None:
    waiting = queue()
    given = {"actor": planner, "reason": "why"}
    assert (
        code_of(TransitionRefused, services.accept_drift, posting_id=waiting.pk, **given) == "erp.not_drifted"
    )
    services.cancel(posting_id=waiting.pk, reason="x")
    erp.then(scripted.refuse("erp.drifted", "something changed"))
    mute = queue()
    services.send_due()
    assert (
        code_of(TransitionRefused, services.accept_drift, posting_id=mute.pk, **given) == "erp.drift_unknown"
    )
    assert (
        code_of(InvalidInput, services.accept_drift, posting_id=mute.pk, actor=planner, reason="")
        == "erp.reason_missing"
    )
    mute.refresh_from_db()
    assert (mute.status, mute.edits.count(), erp.documents) == ("held", 0, [])


def test_accepted_beyond_a_limit_it_waits_for_approval(
    erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    PostingPolicy.objects.create(connection=main, kind="change.quantity", quantity_limit=20)
    erp.then(drifted(("quantity", "90", "50")))
    posting = queue(
        kind="change.quantity",
        payload={"target": "work_order", "number": "WO-1", "old": "90.000", "new": "100"},
    )
    services.send_due()
    accepted = services.accept_drift(posting_id=posting.pk, actor=planner, reason="go on")
    assert (accepted.status, accepted.payload["old"]) == ("approval", "50")
    assert accepted.approval_reason == "quantity 50, limit 20"
    services.send_due()
    assert erp.documents == []
