"""Many senders, one effect per key; postings of one work order keep their order; a silent ERP is left alone."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connections, transaction

from erp_sync.models import ErpConnection, Posting
from erp_sync.services import cancel, edit_and_retry, send_due
from erp_sync.services.circuit import THRESHOLD
from erp_sync.services.claiming import claim_next, willing_connections
from plant_app.models import Site
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def race(work, count: int = 4) -> list[BaseException]:
    """Run `work` in `count` threads at once; what they raised."""
    barrier = threading.Barrier(count)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            barrier.wait(20)
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


@pytest.mark.django_db(transaction=True)
def test_four_racing_senders_book_each_posting_once_and_chains_in_order(erp: Books, queue: Queue) -> None:
    erp.delay = 0.003
    postings = [queue(chain=f"WO-{n % 4}" if n % 5 else "") for n in range(40)]

    def work() -> None:
        idle = 0
        while idle < 5:
            idle = 0 if send_due(limit=50) else idle + 1
            if idle:
                threading.Event().wait(0.02)

    assert race(work) == []

    booked = erp.keys()
    assert sorted(booked) == sorted(posting.business_key for posting in postings)
    assert erp.overlapping == 0
    assert set(Posting.objects.values_list("status", flat=True)) == {"confirmed"}
    for chain in ("WO-0", "WO-1", "WO-2", "WO-3"):
        wanted = [posting.business_key for posting in postings if posting.chain == chain]
        assert [key for key in booked if key in wanted] == wanted


@pytest.mark.django_db(transaction=True)
def test_one_posting_and_four_senders_is_sent_once(erp: Books, queue: Queue) -> None:
    erp.delay = 0.05
    posting = queue()
    assert race(send_due) == []
    assert erp.sends == [posting.business_key]
    assert posting.tries.count() == 1


@pytest.mark.django_db(transaction=True)
def test_posting_that_commits_late_never_goes_beside_a_later_one_of_its_chain(
    erp: Books, queue: Queue
) -> None:
    """The first of a chain is still in an open transaction when the second is taken; then it commits."""
    queued, go_on = threading.Event(), threading.Event()

    def slow_decision() -> None:
        try:
            with transaction.atomic():
                queue("first", chain="WO-1")
                queued.set()
                go_on.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=slow_decision)
    thread.start()
    assert queued.wait(20)
    queue("second", chain="WO-1")
    taken = claim_next(willing_connections())
    assert taken is not None
    go_on.set()
    thread.join(20)

    assert claim_next(willing_connections()) is None  # the late one waits for the one in flight
    assert Posting.objects.get(pk=taken.posting.pk).status == "sending"
    assert Posting.objects.exclude(pk=taken.posting.pk).get().status == "queued"


def test_rejected_posting_blocks_its_chain_only_until_it_is_edited(
    now, erp: Books, queue: Queue, site: Site
) -> None:
    erp.then(scripted.refuse())
    person = make.UserFactory()
    first, second = queue(chain="WO-1"), queue(chain="WO-1")
    other, free = queue(chain="WO-2"), queue()

    assert send_due() == 3
    assert erp.keys() == [other.business_key, free.business_key]
    second.refresh_from_db()
    assert second.status == "queued"

    edit_and_retry(
        posting_id=first.pk, payload={**first.payload, "quantity": "4"}, actor=person, reason="miscounted"
    )
    assert send_due() == 2
    assert erp.keys()[2:] == [first.business_key, second.business_key]


def test_cancelling_a_rejected_posting_lets_its_chain_go_on(now, erp: Books, queue: Queue) -> None:
    erp.then(scripted.refuse())
    first, second = queue(chain="WO-1"), queue(chain="WO-1")
    send_due()
    assert erp.documents == []

    cancel(posting_id=first.pk, reason="keyed by the clerk")
    send_due()
    assert erp.keys() == [second.business_key]


def test_unclear_posting_holds_its_chain_until_it_is_found_out(now, erp: Books, queue: Queue) -> None:
    erp.then(scripted.cut_after)
    first, second = queue(chain="WO-1"), queue(chain="WO-1")
    send_due()
    assert send_due() == 0
    now.shift(timedelta(seconds=3))
    assert send_due() == 2
    assert erp.sends == [first.business_key, second.business_key]


def test_waiting_for_approval_keeps_later_ones_of_the_chain_waiting(now, erp: Books, queue: Queue) -> None:
    queue(chain="WO-1", needs_approval=True)
    queue(chain="WO-1")
    assert send_due() == 0
    assert erp.sends == []


def test_circuit_opens_after_failures_shows_what_waits_and_closes_on_a_probe(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    erp.up = False
    postings = [queue() for _ in range(THRESHOLD + 3)]

    send_due()

    main.refresh_from_db()
    assert main.open_until == NOON + timedelta(seconds=10)
    assert len(erp.sends) == THRESHOLD
    assert erp.pings == 0
    assert send_due() == 0
    assert set(Posting.objects.values_list("status", "held_reason")) == {("held", "circuit_open")}
    assert not Posting.objects.dead().exists()

    now.shift(timedelta(seconds=11))
    send_due()  # probe fails: no posting is tried
    main.refresh_from_db()
    assert erp.pings == 1
    assert len(erp.sends) == THRESHOLD
    assert main.open_until > NOON + timedelta(seconds=11)

    erp.up = True
    now.move_to(main.open_until + timedelta(seconds=1))
    send_due()
    now.shift(timedelta(minutes=6))
    send_due()
    main.refresh_from_db()
    assert (main.open_until, main.failures) == (None, 0)
    assert sorted(erp.keys()) == sorted(posting.business_key for posting in postings)
    assert set(Posting.objects.values_list("status", flat=True)) == {"confirmed"}


def test_unclear_posting_is_not_even_looked_up_while_the_circuit_is_open(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    erp.then(scripted.cut_after)
    posting = queue()
    send_due()
    ErpConnection.objects.update(open_until=NOON + timedelta(minutes=5), failures=THRESHOLD)
    now.shift(timedelta(minutes=1))
    assert send_due() == 0
    assert erp.look_ups == []
    posting.refresh_from_db()
    assert posting.status == "unknown"


def test_locked_rows_in_erp_are_retried_but_say_nothing_of_the_connection(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    erp.then(*[scripted.busy] * (THRESHOLD + 1))
    for _ in range(THRESHOLD + 1):
        queue()
    send_due()
    main.refresh_from_db()
    assert (main.failures, main.open_until) == (0, None)


def test_silence_of_one_erp_does_not_stop_another(now, erp: Books, queue: Queue, site: Site) -> None:
    other = ErpConnection.objects.create(code="other", name="Other", kind=scripted.KIND)
    erp.up = False
    for _ in range(THRESHOLD):
        queue()
    there = queue(connection=other)
    send_due()
    there.refresh_from_db()
    assert there.status == "confirmed"
