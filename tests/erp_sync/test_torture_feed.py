"""How the drafts of a torture reach the outbox: in their order, reversals once what they take back is confirmed."""

import threading
import time
from typing import Any

import pytest
from django.db import connections

from erp_sync import services
from erp_sync.errors import ErpUnavailable
from erp_sync.models import Posting
from erp_sync.torture.feed import Feed, Posted, leaves_no_trace
from erp_sync.torture.load import Asking, Draft
from plant_app.models import AccessRole, Site, User
from tests import factories as make
from tests.erp_sync.scripted import Books

MOVE = {"site": "RHF", "item": "SP-12", "quantity": "5", "from_location": "A", "to_location": "B"}
DATE = {"site": "RHF", "target": "work_order", "number": "O-1", "which": "planned_end", "old": "2099-01-01",
        "new": "2099-02-01"}  # fmt: skip
WITHIN = 60.0


@pytest.fixture
def planner(site: Site) -> User:
    user = make.UserFactory()
    make.AccessGrantFactory(user=user, site=site, role=AccessRole.PLANNER)
    return user


def draft(seq: int, chain: str, kind: str = "movement.transfer", payload: dict[str, Any] = MOVE) -> Draft:
    return Draft(seq, kind, services.posting_key(kind, "t", seq), ("t", seq), chain, payload)


def back(seq: int, reverses: int, chain: str, *asked: Asking) -> Draft:
    return Draft(seq, "reversal", "", (), chain, {}, reverses, asked)


def run(feed: Feed, erp_answers: threading.Event) -> None:
    """Feed on a thread of its own, as a run does, while the outbox sends here once `erp_answers`."""

    def work() -> None:
        try:
            feed.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + WITHIN
    while thread.is_alive() and time.monotonic() < until:
        if erp_answers.is_set():
            services.send_due()
        elif Posting.objects.filter(chain="O-2").exists():
            # Everything that may go now has been queued.
            assert list(Posting.objects.order_by("pk").values_list("chain", flat=True)) == ["O-1", "O-2"]
            erp_answers.set()
        thread.join(0.05)
    assert not thread.is_alive()
    services.send_due()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asked", [("click", "click"), ("click", "decision")])
def test_a_reversal_asked_for_twice_at_once_is_one_and_keeps_its_place_in_the_order(
    erp: Books, site: Site, planner: User, asked: tuple[Asking, ...]
) -> None:
    drafts = [draft(0, "O-1"), back(1, 0, "O-1", *asked), draft(2, "O-1"), draft(3, "O-2")]
    posted = Posted()

    run(Feed(drafts, site, planner, posted, lambda one: False, lambda: False), threading.Event())

    first, undone, second = Posting.objects.filter(chain="O-1").order_by("pk")
    assert (undone.reversal_of, Posting.objects.count()) == (first, 4)
    assert posted.keys == {1: {undone.business_key}}
    assert [one.business_key for one in (first, second)] == [drafts[0].key, drafts[2].key]
    in_erp = [key for key, _payload in erp.documents if key != drafts[3].key]
    assert in_erp == [first.business_key, undone.business_key, second.business_key]
    assert posted.witnessed == set()


@pytest.mark.django_db(transaction=True)
def test_the_erp_is_asked_before_the_reversal_of_what_would_leave_no_trace(
    erp: Books, site: Site, planner: User
) -> None:
    drafts = [draft(0, "O-1", "change.date", DATE), back(1, 0, "O-1", "click"), draft(2, "O-2")]
    posted, asked = Posted(), list[Draft]()

    def witness(one: Draft) -> bool:
        assert not Posting.objects.filter(kind="reversal").exists()
        asked.append(one)
        if len(asked) == 1:
            raise ErpUnavailable("down for a moment")
        return True

    run(Feed(drafts, site, planner, posted, witness, lambda: False), threading.Event())

    assert asked == [drafts[0], drafts[0]]
    assert posted.witnessed == {0}
    assert Posting.objects.get(kind="reversal").status == "confirmed"


def test_only_a_state_taken_back_leaves_no_trace() -> None:
    line = {**DATE, "target": "po_line"}
    assert leaves_no_trace(draft(0, "", "change.date", DATE))
    assert leaves_no_trace(draft(0, "", "inspection_result", {}))
    assert not leaves_no_trace(draft(0, "", "change.date", line))
    assert not leaves_no_trace(draft(0, "", "quality_event", {}))
    assert not leaves_no_trace(draft(0, ""))
