"""An outage from its first failure to the last posting that waited: trial, drain order, progress, ERP's clock."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connections

from core import clock
from core.doctor import Level
from erp_sync import doctor
from erp_sync.draining import drain_state
from erp_sync.models import ErpConnection, Posting
from erp_sync.services import check_connection, progress, send_due
from erp_sync.services.circuit import THRESHOLD, end_outages, note_failure, note_success
from erp_sync.services.claiming import Claim, claim_from
from erp_sync.services.promising import promise_at
from erp_sync.services.sending import bring_forward
from erp_sync.services.skew import measure, measure_due
from plant_app.models import Overlay
from tests import factories as make
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LONG = 30.0


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def silence(erp: Books, queue: Queue, extra: int = 0) -> list[Posting]:
    """Open the circuit by sending into an ERP that is away."""
    erp.up = False
    postings = [queue() for _ in range(THRESHOLD + extra)]
    send_due()
    return postings


def back(erp: Books, main: ErpConnection, now: time_machine.Traveller) -> None:
    """The ERP is back, and the next probe finds out."""
    erp.up = True
    main.refresh_from_db()
    now.move_to(main.open_until + timedelta(seconds=1))


def unclear(books: Books, command: scripted.port.PostingCommand) -> scripted.port.Outcome:
    return scripted.port.Outcome("unknown", error_code="scripted.no_answer", message="nothing came")


def taken_later(books: Books, command: scripted.port.PostingCommand) -> scripted.port.Outcome:
    return scripted.port.Outcome("unknown", error_code="scripted.waiting", message="taken, says later")


# --- trial -----------------------------------------------------------------------------------------------
def test_what_does_not_go_soon_by_itself_keeps_no_trial_going(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    postings = silence(erp, queue)
    back(erp, main, now)
    evening = clock.now() + timedelta(hours=6)
    Posting.objects.filter(pk=postings[0].pk).update(due_at=evening, buffered_until=evening)
    Posting.objects.filter(pk__in=[one.pk for one in postings[1:]]).update(
        status="cancelled", settled_at=NOON
    )
    assert check_connection(connection=main).ok
    main.refresh_from_db()
    assert (main.open_until, main.on_trial) == (None, False)

    ErpConnection.objects.update(on_trial=True, failures=THRESHOLD, silent_since=NOON)
    Posting.objects.filter(pk=postings[0].pk).update(due_at=clock.now() + timedelta(minutes=4))
    assert end_outages() == 0
    main.refresh_from_db()
    assert main.on_trial
    Posting.objects.filter(pk=postings[0].pk).update(status="cancelled", settled_at=NOON)
    assert end_outages() == 1
    main.refresh_from_db()
    assert (main.on_trial, main.failures, main.silent_since) == (False, 0, None)


def test_after_a_probe_one_posting_at_a_time_tries_the_erp_until_one_has_its_answer(
    now, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    silence(erp, queue, extra=4)
    back(erp, main, now)
    assert check_connection(connection=main).ok
    main.refresh_from_db()
    assert (main.open_until, main.on_trial) == (None, True)
    Posting.objects.filter(status="queued").update(due_at=NOON)

    first = claim_from(main.pk)
    assert isinstance(first, Claim)
    assert claim_from(main.pk) is None

    bring_forward(first)
    main.refresh_from_db()
    assert (main.on_trial, main.failures) == (False, 0)
    assert isinstance(claim_from(main.pk), Claim)
    assert isinstance(claim_from(main.pk), Claim)


def test_a_failure_on_trial_opens_the_circuit_at_once_and_for_longer(now, erp, main, queue) -> None:
    silence(erp, queue, extra=3)
    erp.then(unclear)
    back(erp, main, now)
    sent = len(erp.sends)

    assert send_due() == 1

    main.refresh_from_db()
    assert len(erp.sends) == sent + 1
    assert not main.on_trial
    assert main.open_until == main.last_error_at + timedelta(seconds=20)  # the pause that opened it was ten
    assert main.silent_since == NOON


def test_an_erp_that_answers_later_passes_its_trial_too(now, erp, main, queue) -> None:
    silence(erp, queue, extra=2)
    erp.then(taken_later)
    back(erp, main, now)
    send_due()
    main.refresh_from_db()
    assert (main.on_trial, main.open_until) == (False, None)


def test_where_nothing_waits_a_probe_closes_the_circuit(now, erp, main) -> None:
    for _ in range(THRESHOLD):
        note_failure(main, "no route")
    main.refresh_from_db()
    assert main.circuit_open
    check_connection(connection=main)
    main.refresh_from_db()
    assert (main.open_until, main.on_trial, main.failures) == (None, False, 0)


@pytest.mark.django_db(transaction=True)
def test_on_trial_many_senders_send_one(erp: Books, main: ErpConnection, queue: Queue) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def wait(books: Books, command: scripted.port.PostingCommand) -> scripted.port.Outcome:
        entered.set()
        assert go_on.wait(LONG)
        return scripted.take(books, command)

    erp.then(wait)
    ErpConnection.objects.update(on_trial=True, failures=THRESHOLD, silent_since=NOON)
    postings = [queue() for _ in range(6)]

    def send() -> None:
        try:
            send_due()
        finally:
            connections.close_all()

    first = threading.Thread(target=send)
    first.start()
    assert entered.wait(LONG)
    others = [threading.Thread(target=send) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(LONG)
    assert len(erp.sends) == 1

    go_on.set()
    first.join(LONG)
    send_due()
    assert sorted(erp.keys()) == sorted(posting.business_key for posting in postings)


# --- how long it was, and how far it is ------------------------------------------------------------------
def test_the_silence_begins_with_the_first_failure_and_lasts_until_the_backlog_has_gone(
    now, erp, main, queue
) -> None:
    silence(erp, queue)
    now.move_to(NOON + timedelta(minutes=20))
    for _ in range(6):
        queue()
    erp.up = False
    send_due()
    main.refresh_from_db()
    state = drain_state(main)
    assert (state.phase, state.since, state.done) == ("silent", NOON, 0)
    assert state.waiting == THRESHOLD + 6
    assert state.oldest_age == timedelta(minutes=20)
    assert state.ends_at is None

    back(erp, main, now)
    assert send_due(limit=2) == 2
    now.shift(timedelta(seconds=10))
    assert send_due(limit=2) == 2
    main.refresh_from_db()
    state = drain_state(main)
    assert (state.phase, state.done, state.waiting) == ("draining", 4, THRESHOLD + 2)
    assert state.per_minute == pytest.approx(24)
    assert state.ends_at == now_is() + timedelta(minutes=(THRESHOLD + 2) / 24)
    assert state.share == pytest.approx(4 / (THRESHOLD + 6))

    send_due()
    send_due(limit=0)
    main.refresh_from_db()
    assert main.silent_since is None
    assert drain_state(main).phase == ""


def now_is() -> datetime:
    return datetime.now(UTC)


def test_failures_that_open_nothing_are_forgotten_with_the_next_answer(now, erp, main) -> None:
    note_success(main)
    now.shift(timedelta(seconds=5))
    note_failure(main, "no route")
    main.refresh_from_db()
    assert main.silent_since == NOON + timedelta(seconds=5)
    assert drain_state(main).phase == ""
    note_success(main)
    main.refresh_from_db()
    assert (main.silent_since, main.failures) == (None, 0)
    assert end_outages() == 0


def test_what_waits_for_a_person_keeps_no_outage_alive(now, erp, main, queue) -> None:
    first = queue(chain="WO-1")
    queue(chain="WO-1")
    Posting.objects.filter(pk=first.pk).update(status="sending")
    Posting.objects.filter(pk=first.pk).update(status="rejected")
    ErpConnection.objects.update(silent_since=NOON - timedelta(minutes=5), last_ok_at=NOON)
    now.shift(timedelta(minutes=2))
    assert drain_state(main).waiting == 0
    assert end_outages() == 1


def test_open_pages_hear_once_a_second_of_a_draining_backlog_and_of_its_end(
    now, erp, main, queue, site, monkeypatch, django_capture_on_commit_callbacks
) -> None:
    heard: list[str] = []
    monkeypatch.setattr("core.hints._send", lambda groups, message: heard.append(message["kind"]))
    ErpConnection.objects.update(silent_since=NOON - timedelta(minutes=5), last_ok_at=NOON)
    for _ in range(10):
        queue()
    Posting.objects.update(created_at=NOON - timedelta(minutes=4))  # they waited through the outage
    monkeypatch.setattr(progress, "_told", {})
    monkeypatch.setattr(progress, "_owed", set())
    monkeypatch.setattr(progress, "APART", 3600.0)

    with django_capture_on_commit_callbacks(execute=True):
        send_due()
    assert len(erp.keys()) == 10
    assert heard.count("posting") == 1

    monkeypatch.setattr(progress, "APART", 0.0)
    with django_capture_on_commit_callbacks(execute=True):
        assert progress.tell_owed() == 1
        assert progress.tell_owed() == 0
    assert heard.count("posting") == 2


# --- order -----------------------------------------------------------------------------------------------
def test_a_backlog_drains_oldest_promise_first_then_longest_due(now, erp, main, queue) -> None:
    postings = {name: queue() for name in ("none-1", "late", "none-2", "soon", "soonest")}
    for days, name in enumerate(("soonest", "soon", "late"), start=1):
        Posting.objects.filter(pk=postings[name].pk).update(promise_at=NOON + timedelta(days=days))

    send_due()

    order = ["soonest", "soon", "late", "none-1", "none-2"]
    assert erp.keys() == [postings[name].business_key for name in order]


def test_an_early_promise_pulls_what_its_chain_sends_before_it(now, erp, main, queue, site) -> None:
    line = make.SalesOrderLineFactory(commit_at=NOON + timedelta(days=2))
    order = make.WorkOrderFactory(number="WO-9", site=site, sales_line=line)
    other = make.WorkOrderFactory(
        number="WO-8", site=site, sales_line=make.SalesOrderLineFactory(commit_at=NOON + timedelta(days=5))
    )
    elsewhere = queue(chain=other.number)
    plain = {"item": "SP-12", "quantity": "5", "from_location": "A", "to_location": "B"}
    first = queue(chain=order.number, payload=plain)
    assert first.promise_at is None
    second = queue(chain=order.number)

    first.refresh_from_db()
    assert first.promise_at == second.promise_at == NOON + timedelta(days=2)
    assert elsewhere.promise_at == NOON + timedelta(days=5)
    send_due()
    assert erp.keys() == [posting.business_key for posting in (first, second, elsewhere)]


def test_a_promise_is_found_behind_orders_lines_and_what_is_taken_back(now, site) -> None:
    line = make.SalesOrderLineFactory(commit_at=NOON + timedelta(days=3))
    item = make.ItemFactory()
    top = make.WorkOrderFactory(site=site, sales_line=line)
    part = make.WorkOrderFactory(site=site, parent=top)
    need = make.MaterialNeedFactory(operation=make.OperationFactory(work_order=part), item=item)
    bought = make.PurchaseOrderLineFactory(order=make.PurchaseOrderFactory(site=site), item=item)
    buying = {"purchase_order": bought.order.number, "po_line": str(bought.line)}
    promised = NOON + timedelta(days=3)

    assert promise_at({"work_order": part.number}) == promised
    assert promise_at({"target": "work_order", "number": top.number}) == promised
    assert promise_at({"target": "so_line", "number": line.order.number, "line": str(line.line)}) == promised
    assert promise_at(buying) == promised
    assert promise_at({"reverses": "X", "original": {"work_order": part.number}}) == promised
    for nothing in ({}, {"work_order": "WO-none"}, {"target": "po_line", "number": "P", "line": "x"}):
        assert promise_at(nothing) is None

    Overlay.objects.create(
        target="sales_line", target_id=line.pk, field="commit_at",
        value=(NOON + timedelta(days=1)).isoformat(), origin_ref="exception:1",
    )  # fmt: skip
    assert promise_at({"work_order": part.number}) == NOON + timedelta(days=1)
    need.issued = need.quantity
    need.save()
    assert promise_at(buying) is None


# --- ERP's clock -----------------------------------------------------------------------------------------
def test_skew_is_the_median_of_what_its_answers_say(now, erp, main) -> None:
    ahead = [timedelta(seconds=seconds, milliseconds=1) for seconds in (90, 89, 91, 400, 90)]
    erp.clocks.extend(NOON + one for one in ahead)
    assert measure(main) == 90_001
    main.refresh_from_db()
    assert (main.skew_ms, main.skew_at) == (90_001, NOON)

    assert not measure_due(main)
    pings = erp.pings
    now.shift(timedelta(minutes=6))
    assert not measure_due(main)  # an ERP that says no time leaves what was measured as it is
    assert erp.pings == pings + 1
    assert not measure_due(main)
    assert erp.pings == pings + 1

    found = [finding for finding in doctor.clocks() if finding.code == "XL-W015"]
    assert [finding.level for finding in found] == [Level.WARNING]
    assert "90 s ahead" in found[0].summary


@pytest.mark.parametrize(
    ("skew", "said", "kept"),
    [
        (90.0, 95.0, 5.0),  # ahead: 95 s after noon by its clock is 5 s after noon
        (-90.0, -86.0, 4.0),  # behind: what it says lies before the posting was sent
        (0.0, -30.0, 0.0),  # never before it was sent
        (0.0, 500.0, 8.0),  # never after we knew
    ],
)
def test_erps_own_time_is_taken_less_its_skew_and_between_sending_and_knowing(
    now, erp, main, queue, skew: float, said: float, kept: float
) -> None:
    ErpConnection.objects.update(skew_ms=int(skew * 1000))
    posting = queue()

    def confirm(books: Books, command: scripted.port.PostingCommand) -> scripted.port.Outcome:
        now.shift(timedelta(seconds=8))
        at = NOON + timedelta(seconds=said)
        return scripted.port.Outcome("confirmed", erp_number="D-1", confirmed_at=at)

    erp.then(confirm)
    send_due()
    posting.refresh_from_db()
    assert posting.erp_confirmed_at == NOON + timedelta(seconds=kept)
