"""How many postings are under way at once and a minute, across all senders; a slow ERP holds up no other's postings."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connections

from core import clock
from erp_sync.models import ErpConnection, Posting
from erp_sync.services import call_lanes, close_lanes, pull_master_data, send_due, wait_for_lanes
from erp_sync.services.claiming import LEASE, Claim, claim_from, expire_leases
from erp_sync.services.leases import kept, renew_held
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books
from tests.erp_sync.test_outbox_order import race

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LONG = 30.0


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def lanes(transactional_db: None) -> Iterator[None]:
    yield
    assert close_lanes(LONG)


class Turnstile:
    """Counts how many sends are inside at once; they stay a moment."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, books: Books, command: scripted.port.PostingCommand) -> scripted.port.Outcome:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.04)
        with self._lock:
            self.inside -= 1
        return scripted.take(books, command)


class Gate:
    """A send that comes back only when it is let."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, books: Books, command: scripted.port.PostingCommand) -> scripted.port.Outcome:
        self.entered.set()
        assert self.open.wait(LONG)
        return scripted.take(books, command)


def until(done, seconds: float = LONG) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def confirmed(*postings: Posting) -> bool:
    found = Posting.objects.filter(pk__in=[posting.pk for posting in postings], status="confirmed")
    return found.count() == len(postings)


@pytest.mark.django_db(transaction=True)
def test_no_more_than_parallel_are_under_way_however_many_senders(
    erp: Books, main: ErpConnection, queue: Queue
) -> None:
    ErpConnection.objects.update(parallel=2)
    turnstile = Turnstile()
    erp.then(*[turnstile] * 12)
    postings = [queue() for _ in range(12)]

    def work() -> None:
        until(lambda: not send_due(limit=50) and not Posting.objects.unsettled().exists())

    assert race(work, 5) == []
    assert turnstile.most == 2
    assert sorted(erp.keys()) == sorted(posting.business_key for posting in postings)


def test_what_a_dead_sender_holds_counts_until_its_lease_ends(now, erp, main, queue) -> None:
    ErpConnection.objects.update(parallel=2)
    for _ in range(3):
        queue()
    assert isinstance(claim_from(main.pk), Claim)
    assert isinstance(claim_from(main.pk), Claim)
    assert claim_from(main.pk) is None

    now.shift(LEASE + timedelta(seconds=1))
    assert expire_leases() == 2
    assert isinstance(claim_from(main.pk), Claim)


def test_a_minute_holds_no_more_than_per_minute_and_saves_nothing_up(now, erp, main, queue) -> None:
    ErpConnection.objects.update(per_minute=30)
    for _ in range(4):
        queue()

    assert send_due() == 1
    assert claim_from(main.pk) == NOON + timedelta(seconds=2)
    assert send_due() == 0
    now.move_to(NOON + timedelta(seconds=1.9))
    assert send_due() == 0
    now.move_to(NOON + timedelta(seconds=2))
    assert send_due() == 1
    now.move_to(NOON + timedelta(minutes=5))
    assert send_due() == 1
    assert len(erp.sends) == 3


@pytest.mark.django_db(transaction=True)
def test_the_rate_holds_for_all_senders_together(
    erp: Books, main: ErpConnection, queue: Queue, lanes
) -> None:
    ErpConnection.objects.update(per_minute=600)
    postings = [queue() for _ in range(6)]

    began = clock.now()
    call_lanes()
    until(lambda: confirmed(*postings))

    last = max(Posting.objects.values_list("claimed_at", flat=True))
    assert last - began >= 5 * timedelta(milliseconds=100)
    main.refresh_from_db()
    assert main.free_at >= began + 6 * timedelta(milliseconds=100)


def test_a_pause_the_erp_asks_for_is_kept_and_is_no_failure(now, erp, main, queue) -> None:
    erp.then(
        lambda books, command: scripted.port.Outcome(
            "retry", error_code="scripted.throttled", message="429", raw={"retry_after": 40}
        )
    )
    first, second = queue(), queue()

    assert send_due() == 1

    main.refresh_from_db()
    first.refresh_from_db()
    assert (main.failures, main.open_until) == (0, None)
    assert main.free_at == first.due_at == NOON + timedelta(seconds=40)
    now.move_to(NOON + timedelta(seconds=39))
    assert send_due() == 0
    now.move_to(NOON + timedelta(seconds=40))
    assert send_due() == 2
    assert confirmed(first, second)


@pytest.mark.django_db(transaction=True)
def test_a_slow_erp_holds_up_no_other(erp: Books, queue: Queue, lanes) -> None:
    other = ErpConnection.objects.create(code="other", name="Other", kind=scripted.KIND)
    ErpConnection.objects.filter(code="main").update(parallel=2)
    gates = [Gate(), Gate()]
    erp.then(*gates)
    slow = [queue() for _ in range(3)]
    call_lanes()
    assert all(gate.entered.wait(LONG) for gate in gates)

    there = [queue(connection=other) for _ in range(5)]
    call_lanes()
    until(lambda: confirmed(*there))

    assert not Posting.objects.filter(pk__in=[posting.pk for posting in slow], status="confirmed").exists()
    for gate in gates:
        gate.open.set()
    until(lambda: confirmed(*slow))


@pytest.mark.django_db(transaction=True)
def test_what_comes_while_every_lane_is_busy_needs_no_second_call(erp: Books, queue: Queue, lanes) -> None:
    ErpConnection.objects.update(parallel=1)
    gate = Gate()
    erp.then(gate)
    first = queue()
    call_lanes()
    assert gate.entered.wait(LONG)
    second = queue()
    call_lanes()
    gate.open.set()
    until(lambda: confirmed(first, second))
    assert wait_for_lanes(LONG)
    assert erp.sends == [first.business_key, second.business_key]


@pytest.mark.django_db(transaction=True)
def test_lanes_keep_their_connector_and_race_for_nothing(erp: Books, queue: Queue, lanes) -> None:
    erp.delay = 0.01
    made = len(erp.settings)
    postings = [queue(chain=f"WO-{n % 5}") for n in range(30)]
    call_lanes()
    until(lambda: confirmed(*postings))
    assert wait_for_lanes(LONG)
    more = [queue() for _ in range(10)]
    call_lanes()
    until(lambda: confirmed(*more))

    assert erp.overlapping == 0
    assert len(erp.keys()) == 40 == len(set(erp.keys()))
    assert len(erp.settings) - made <= 4 + 40  # four lanes, and what queueing asks its own connector
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("erp-")]
    assert len([thread for thread in threads if thread.name != "erp-leases"]) <= 4


@pytest.mark.django_db(transaction=True)
def test_a_claim_is_held_as_long_as_its_sender_lives(erp: Books, main: ErpConnection, queue: Queue) -> None:
    posting = queue()
    claim = claim_from(main.pk)
    assert isinstance(claim, Claim)
    Posting.objects.filter(pk=posting.pk).update(due_at=claim.posting.due_at - timedelta(seconds=50))
    before = Posting.objects.get(pk=posting.pk).due_at

    with kept(claim):
        assert renew_held(older_than=-1) == 1
        posting.refresh_from_db()
        assert posting.due_at >= before + timedelta(seconds=49)
        Posting.objects.filter(pk=posting.pk).update(claim_token="another's")
        assert renew_held(older_than=-1) == 0
    assert renew_held(older_than=-1) == 0


@pytest.mark.django_db(transaction=True)
def test_pulling_and_posting_never_wait_for_each_other(erp: Books, main: ErpConnection, queue: Queue) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(list):
        def __iter__(self):
            begun.set()
            assert go_on.wait(LONG)
            return iter([])

    erp.pages["items"] = Slow()
    ended: list[str] = []

    def read() -> None:
        try:
            ended.extend(done.error for done in pull_master_data(connection=main, entities=["items"]))
        finally:
            connections.close_all()

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(LONG)
    posting = queue()
    send_due()
    assert confirmed(posting)
    assert thread.is_alive()

    # and the other way round: a posting under way stops no read
    gate = Gate()
    erp.then(gate)
    queue()
    sender = threading.Thread(target=lambda: (send_due(), connections.close_all()))
    go_on.set()
    thread.join(LONG)
    sender.start()
    assert gate.entered.wait(LONG)
    assert [done.error for done in pull_master_data(connection=main, entities=["items"])] == [""]
    assert sender.is_alive()
    gate.open.set()
    sender.join(LONG)
    assert ended == [""]
    assert len(erp.keys()) == 2


def test_a_sender_killed_while_it_looks_up_leaves_one_document(now, erp, queue, monkeypatch) -> None:
    def die(adapter, command):
        raise scripted.WorkerKilled

    erp.then(scripted.cut_after)
    posting = queue()
    send_due()
    now.shift(timedelta(seconds=3))
    with monkeypatch.context() as patch:
        patch.setattr(scripted.ScriptedAdapter, "look_up", die)
        with pytest.raises(scripted.WorkerKilled):
            send_due()
    now.shift(timedelta(seconds=3))
    assert send_due() == 0  # the dead one's lease is still running

    now.shift(LEASE)
    assert send_due() == 1
    assert confirmed(posting)
    assert erp.sends == erp.keys() == [posting.business_key]
    assert list(posting.tries.values_list("outcome", flat=True)) == ["unknown", "lost", "confirmed"]


@pytest.mark.parametrize(("death", "sends"), [(scripted.die_before, 3), (scripted.die_after, 2)])
def test_a_sender_killed_at_the_second_send_leaves_one_document(now, erp, queue, death, sends: int) -> None:
    erp.settle_after = timedelta(0)
    erp.then(scripted.cut_before, death)
    posting = queue()
    send_due()
    now.shift(timedelta(seconds=3))
    with pytest.raises(scripted.WorkerKilled):
        send_due()
    posting.refresh_from_db()
    assert posting.status == "sending"

    now.shift(LEASE + timedelta(seconds=1))
    send_due()
    now.shift(timedelta(minutes=1))
    send_due()

    assert confirmed(posting)
    assert erp.keys() == [posting.business_key]
    assert len(erp.sends) == sends
