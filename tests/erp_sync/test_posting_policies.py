"""Policies: manual, approval, buffered, live; value and quantity limits; who may approve; nothing sent before."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from core.errors import InvalidInput, NotAllowed, TransitionRefused
from erp_sync import services
from erp_sync.models import ErpConnection, Posting, PostingPolicy
from erp_sync.selectors import connection_states
from erp_sync.services import releasing
from plant_app.models import AccessRole, Capability, Level, Site, User
from plant_app.services import set_level
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 11, 0, tzinfo=UTC)  # noon in Berlin
COST = {"amount": "12400", "currency": "EUR", "cost_class": "scrap", "basis": "real"}


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON + timedelta(minutes=4), tick=False) as moved:
        yield moved


def person_at(site: Site, *roles: AccessRole, name: str) -> User:
    user = make.UserFactory(username=name)
    for role in roles:
        make.AccessGrantFactory(user=user, site=site, role=role)
    return user


@pytest.fixture
def boss(site: Site) -> User:
    return person_at(site, AccessRole.LEADER, name="susanne.adler")


@pytest.fixture
def planner(site: Site) -> User:
    return person_at(site, AccessRole.PLANNER, name="ingrid.vogel")


def policy(main: ErpConnection, **given: Any) -> PostingPolicy:
    return PostingPolicy.objects.create(connection=main, **given)


# --- modes --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("level", "mode", "status"),
    [
        (None, "live", "queued"),
        (None, "buffered", "queued"),
        (None, "approval", "approval"),
        (None, "manual", "held"),
        (Level.APPROVAL, "live", "approval"),
        (Level.APPROVAL, "manual", "held"),
        (Level.MANUAL, "live", "held"),
        (Level.OFF, "live", "local"),
        (Level.OFF, "manual", "local"),
    ],
)
def test_the_more_cautious_of_policy_and_site_decides_and_nothing_waiting_is_sent(
    erp: Books, main: ErpConnection, queue: Queue, site: Site, level: Level | None, mode: str, status: str
) -> None:
    if level is not None:
        set_level(site=site, capability=Capability.WRITE_BACK, level=level, type_=None, actor=None)
    policy(main, mode=mode)

    posting = queue()

    assert posting.status == status
    services.send_due()
    sent = status == "queued" and mode == "live"
    assert erp.keys() == ([posting.business_key] if sent else [])


def test_the_narrowest_policy_counts(erp: Books, main: ErpConnection, queue: Queue, site: Site) -> None:
    other = make.SiteFactory(code="GVL")
    policy(main, mode="manual")
    assert queue().status == "held"
    policy(main, site=site, mode="approval")
    assert queue().status == "approval"
    policy(main, kind="movement.transfer", mode="manual")
    assert queue().status == "held"
    policy(main, kind="movement.transfer", site=site, mode="live")
    assert queue().status == "queued"
    policy(main, kind="movement.transfer", site=other, mode="manual")
    policy(main, kind="cost", site=site, mode="manual")
    assert queue().status == "queued"


def test_buffered_ones_wait_for_their_slot_and_keep_their_chain(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    policy(main, kind="movement.transfer", mode="buffered", buffer_minutes=30)
    first = queue(chain="WO-1")
    live = queue(kind="cost", payload=COST, chain="WO-1")

    assert first.buffered_until == first.due_at == NOON + timedelta(minutes=30)
    assert live.buffered_until is None
    services.send_due()
    assert erp.sends == []  # the live one waits behind its chain

    now.shift(timedelta(minutes=26))
    services.send_due()
    assert erp.keys() == [first.business_key, live.business_key]


def test_release_lets_one_go_with_what_its_chain_sends_before_it_and_is_kept(
    erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    policy(main, mode="buffered", buffer_minutes=45)
    ahead, wanted, after = (queue(chain="WO-1") for _ in range(3))
    other = queue()

    services.release(posting_id=wanted.pk, actor=planner, reason="the truck leaves")
    services.send_due()

    assert erp.keys() == [ahead.business_key, wanted.business_key]
    assert [(edit.verb, edit.actor, edit.reason) for edit in wanted.edits.all()] == [
        ("release", planner, "the truck leaves")
    ]
    assert after.edits.count() == other.edits.count() == 0
    with pytest.raises(TransitionRefused) as caught:
        services.release(posting_id=wanted.pk, actor=planner)
    assert caught.value.code == "erp.not_buffered"


def test_release_all_takes_only_the_connections_sites_named(
    erp: Books, main: ErpConnection, queue: Queue, planner: User, site: Site
) -> None:
    policy(main, mode="buffered")
    here = [queue() for _ in range(3)]
    make.AccessGrantFactory(user=planner, site=make.SiteFactory(code="GVL"), role=AccessRole.PLANNER)
    elsewhere = Posting.objects.exclude(site=site)

    assert services.release_all(connection=main, actor=planner, sites=[]) == (0, 0)
    assert services.release_all(connection=main, actor=planner, sites=[site.pk]) == (3, 0)
    assert services.release_all(connection=main, actor=planner, sites=[site.pk]) == (0, 0)
    assert not elsewhere.exists()
    services.send_due()
    assert sorted(erp.keys()) == sorted(posting.business_key for posting in here)


def test_release_all_stops_at_what_one_request_waits_for_and_says_what_is_left(
    erp: Books, main: ErpConnection, queue: Queue, planner: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert releasing.MOST == 500
    monkeypatch.setattr(releasing, "MOST", 2)
    policy(main, mode="buffered")
    first, second, third = (queue() for _ in range(3))
    client = Client()
    client.force_login(planner)
    answers = [
        client.post("/api/v1/postings/release/", {"connection": "main"}, content_type="application/json")
        for _ in range(2)
    ]
    assert [answer.json() for answer in answers] == [{"released": 2, "left": 1}, {"released": 1, "left": 0}]
    assert [list(one.edits.values_list("verb", flat=True)) for one in (first, second, third)] == [
        ["release"]
    ] * 3


def test_what_is_collected_or_keyed_by_hand_is_no_backlog_and_no_fault(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    policy(main, kind="movement.transfer", mode="buffered", buffer_minutes=60)
    policy(main, kind="cost", mode="manual")
    queue()
    queue(kind="cost", payload=COST)
    [state] = connection_states()
    assert (state.waiting, state.oldest_waiting, state.dead) == (0, None, 0)
    now.shift(timedelta(minutes=57))
    [state] = connection_states()
    assert (state.waiting, state.oldest_waiting) == (1, NOON + timedelta(hours=1))


def test_a_collected_posting_sent_again_goes_at_once_and_an_edited_one_keeps_its_slot(
    erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    policy(main, mode="buffered")
    now_, later = queue(), queue()
    services.edit_and_retry(
        posting_id=later.pk, payload={**later.payload, "quantity": "4"}, actor=planner, reason="recounted"
    )
    services.retry(posting_id=now_.pk, actor=planner)
    services.send_due()
    assert erp.keys() == [now_.business_key]
    later.refresh_from_db()
    assert (later.status, later.due_at) == ("queued", later.buffered_until)


# --- value and limits ---------------------------------------------------------------------------------------
def test_value_is_worked_out_when_it_is_queued(erp: Books, queue: Queue, site: Site) -> None:
    item = make.ItemFactory(code="FG-100", uom="pcs", standard_cost=Decimal("12.4"))
    order = make.WorkOrderFactory(number="WO-7", site=site, item=item)

    def value(kind: str, **payload: Any) -> Decimal | None:
        return queue(kind=kind, payload=payload).value

    assert value("cost", **COST) == Decimal("12400.00")
    assert value("cost", **{**COST, "currency": "USD"}) is None
    scrap = {"item": "FG-100", "quantity": "10", "reason_code": "DIM"}
    assert value("movement.scrap", **scrap) == Decimal("124.00")
    assert value("movement.scrap", **{**scrap, "item": "NOBODY"}) is None
    assert value("confirmation", work_order=order.number, yield_qty="5") == Decimal("0.00")
    assert value("confirmation", work_order=order.number, scrap_qty="2", reason_code="DIM") == Decimal(
        "24.80"
    )
    assert value("operation.move", work_order=order.number, operation="10", to_unit="CNC-1") is None


def test_beyond_a_limit_it_waits_and_says_why_and_nothing_is_sent(
    erp: Books, main: ErpConnection, queue: Queue, boss: User
) -> None:
    policy(main, kind="cost", mode="live", value_limit=Decimal(5000))
    small = queue(kind="cost", payload={**COST, "amount": "5000"})
    big = queue(kind="cost", payload=COST)

    assert (small.status, small.approval_reason) == ("queued", "")
    assert (big.status, big.approval_reason) == ("approval", "worth 12,400 EUR, limit 5,000")
    services.send_due()
    assert erp.keys() == [small.business_key]

    services.approve(posting_id=big.pk, actor=boss)
    services.send_due()
    assert erp.keys() == [small.business_key, big.business_key]


def test_a_quantity_limit_and_a_worth_nobody_knows_wait_too(
    erp: Books, main: ErpConnection, queue: Queue
) -> None:
    policy(main, kind="movement.transfer", quantity_limit=Decimal(4))
    policy(main, kind="movement.scrap", value_limit=Decimal(100))
    many = queue()
    assert many.approval_reason == "quantity 5, limit 4"
    unknown = queue(kind="movement.scrap", payload={"item": "SP-12", "quantity": "1", "reason_code": "DIM"})
    assert (unknown.status, unknown.value) == ("approval", None)
    assert unknown.approval_reason == "worth not known (no standard cost of SP-12), limit 100 EUR"
    services.send_due()
    assert erp.sends == []


def test_what_a_decision_wants_approved_says_so_beside_the_limits(
    erp: Books, main: ErpConnection, queue: Queue
) -> None:
    policy(main, value_limit=Decimal(5000))
    posting = queue(kind="cost", payload=COST, needs_approval=True)
    assert posting.approval_reason == "asked for where it was decided; worth 12,400 EUR, limit 5,000"


# --- approving ----------------------------------------------------------------------------------------------
def refused(act: Any, **given: Any) -> str:
    with pytest.raises(NotAllowed) as caught:
        act(**given)
    return caught.value.code


def test_who_may_approve(erp: Books, main: ErpConnection, queue: Queue, site: Site, boss: User) -> None:
    policy(main, mode="approval", approver_role=AccessRole.LEADER)
    integrator = person_at(site, AccessRole.INTEGRATOR, name="it")
    planner = person_at(site, AccessRole.PLANNER, name="planner")
    elsewhere = person_at(make.SiteFactory(code="GVL"), AccessRole.LEADER, name="elsewhere")
    decider = person_at(site, AccessRole.LEADER, name="decider")
    posting = queue(actor=decider)
    assert posting.approver_role == "leader"

    assert refused(services.approve, posting_id=posting.pk, actor=integrator) == "access.not_allowed"
    assert refused(services.approve, posting_id=posting.pk, actor=elsewhere) == "access.not_allowed"
    assert refused(services.approve, posting_id=posting.pk, actor=planner) == "erp.approver_role"
    assert refused(services.approve, posting_id=posting.pk, actor=decider) == "erp.second_person"
    services.send_due()
    assert erp.sends == []
    assert posting.edits.count() == 0

    services.approve(posting_id=posting.pk, actor=boss)
    services.send_due()
    assert erp.keys() == [posting.business_key]


def test_whoever_changed_it_is_no_second_person(
    erp: Books, main: ErpConnection, queue: Queue, planner: User, boss: User
) -> None:
    policy(main, mode="approval")
    posting = queue(actor=boss)
    services.edit_and_retry(
        posting_id=posting.pk, payload={**posting.payload, "quantity": "50"}, actor=planner, reason="more"
    )
    assert refused(services.approve, posting_id=posting.pk, actor=planner) == "erp.second_person"
    assert refused(services.approve, posting_id=posting.pk, actor=boss) == "erp.second_person"
    PostingPolicy.objects.update(second_person=False)
    services.approve(posting_id=posting.pk, actor=planner)


def test_an_edit_is_judged_anew_and_takes_an_approval_back(
    erp: Books, main: ErpConnection, queue: Queue, planner: User, boss: User
) -> None:
    policy(main, kind="cost", value_limit=Decimal(5000))
    erp.then(scripted.refuse(), scripted.refuse())
    posting = queue(kind="cost", payload=COST)
    services.approve(posting_id=posting.pk, actor=boss)
    services.send_due()
    posting.refresh_from_db()
    assert posting.status == "rejected"

    def edit(amount: str) -> Posting:
        return services.edit_and_retry(
            posting_id=posting.pk, payload={**posting.payload, "amount": amount}, actor=planner, reason="typo"
        )

    again = edit("9000")
    assert (again.status, again.value) == ("approval", Decimal("9000.00"))
    assert again.approval_reason == "changed since it was approved; worth 9,000 EUR, limit 5,000"
    services.send_due()
    assert len(erp.sends) == 1
    assert refused(services.approve, posting_id=posting.pk, actor=planner) == "erp.second_person"

    assert edit("800").status == "queued"  # the limit was the only reason
    services.send_due()
    posting.refresh_from_db()
    assert (posting.status, len(erp.sends), erp.keys()) == ("rejected", 2, [])


def test_a_small_queued_posting_made_big_waits_for_approval(
    erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    policy(main, kind="cost", value_limit=Decimal(5000))
    posting = queue(kind="cost", payload={**COST, "amount": "10"})
    edited = services.edit_and_retry(
        posting_id=posting.pk, payload=COST, actor=planner, reason="forgot zeros"
    )
    assert (edited.status, edited.approval_reason) == ("approval", "worth 12,400 EUR, limit 5,000")
    services.send_due()
    assert erp.sends == []


def test_keyed_by_hand_but_sent_after_all_it_still_meets_its_limit(
    erp: Books, main: ErpConnection, queue: Queue, planner: User
) -> None:
    policy(main, kind="cost", mode="manual", value_limit=Decimal(5000))
    big, small = queue(kind="cost", payload=COST), queue(kind="cost", payload={**COST, "amount": "10"})
    assert services.retry(posting_id=big.pk, actor=planner).status == "approval"
    assert services.retry(posting_id=small.pk, actor=planner).status == "queued"
    services.send_due()
    assert erp.keys() == [small.business_key]


def test_turned_down_it_is_cancelled_with_its_reason_and_never_sent(
    erp: Books, main: ErpConnection, queue: Queue, boss: User
) -> None:
    policy(main, mode="approval")
    posting = queue()
    with pytest.raises(InvalidInput):
        services.cancel(posting_id=posting.pk, reason="", actor=boss)
    services.cancel(posting_id=posting.pk, reason="too much, count again", actor=boss)
    services.send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.edits.get().reason) == ("cancelled", "too much, count again")
    assert erp.sends == []


def test_an_approved_buffered_one_waits_for_its_slot(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue, boss: User
) -> None:
    policy(main, kind="cost", mode="buffered", buffer_minutes=60, value_limit=Decimal(5000))
    posting = queue(kind="cost", payload=COST)
    approved = services.approve(posting_id=posting.pk, actor=boss)
    assert approved.buffered_until == NOON + timedelta(hours=1)
    services.send_due()
    assert erp.sends == []
    now.shift(timedelta(minutes=56))
    services.send_due()
    assert erp.keys() == [posting.business_key]
