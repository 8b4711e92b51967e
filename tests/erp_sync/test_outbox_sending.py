"""The outbox sends each posting once in effect, whatever the answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from erp_sync.models import Posting, PostingAttempt
from erp_sync.services import send_due
from erp_sync.services.claiming import LEASE
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


def outcomes(posting: Posting) -> list[tuple[str, str]]:
    return list(posting.tries.order_by("number").values_list("action", "outcome"))


def test_confirmed_posting_carries_number_moment_and_one_attempt(now, erp: Books, queue: Queue) -> None:
    posting = queue(occurred_at=NOON - timedelta(minutes=7), text="EX-2026-000001 press 4")
    now.move_to(NOON + timedelta(seconds=4))

    assert send_due() == 1

    posting.refresh_from_db()
    assert posting.status == "confirmed"
    assert posting.erp_number == "DOC-1"
    assert posting.erp_confirmed_at == posting.settled_at == NOON + timedelta(seconds=4)
    assert posting.attempts == 1
    assert posting.handled_at is None
    assert outcomes(posting) == [("send", "confirmed")]
    attempt = posting.tries.get()
    assert attempt.request["business_key"] == posting.business_key
    assert attempt.response == {"erp_number": "DOC-1"}
    assert erp.keys() == [posting.business_key]
    assert send_due() == 0


def test_answer_lost_after_effect_is_found_by_looking_up_and_not_sent_again(now, erp, queue) -> None:
    erp.then(scripted.cut_after)
    posting = queue()

    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("unknown", "scripted.no_answer")
    assert posting.settled_at is None

    now.shift(timedelta(seconds=3))
    assert send_due() == 1

    posting.refresh_from_db()
    assert (posting.status, posting.erp_number, posting.error_code) == ("confirmed", "DOC-1", "")
    assert erp.sends == [posting.business_key]
    assert erp.keys() == [posting.business_key]
    assert outcomes(posting) == [("send", "unknown"), ("look_up", "confirmed")]


def test_lost_request_is_sent_again_only_after_a_second_look_past_the_settling_time(now, erp, queue) -> None:
    erp.settle_after = timedelta(seconds=60)
    erp.then(scripted.cut_before)
    posting = queue()
    send_due()

    now.move_to(NOON + timedelta(seconds=3))
    send_due()
    posting.refresh_from_db()
    assert posting.status == "unknown"
    assert posting.due_at == NOON + timedelta(seconds=61)
    assert erp.sends == [posting.business_key]

    now.move_to(NOON + timedelta(seconds=59))
    assert send_due() == 0
    assert len(erp.look_ups) == 1

    now.move_to(NOON + timedelta(seconds=61))
    assert send_due() == 1
    posting.refresh_from_db()
    assert posting.status == "confirmed"
    assert posting.attempts == 2
    assert erp.sends == [posting.business_key] * 2
    assert erp.keys() == [posting.business_key]
    assert outcomes(posting) == [
        ("send", "unknown"), ("look_up", "absent"), ("look_up", "absent"), ("send", "confirmed"),
    ]  # fmt: skip


def test_late_commit_between_two_looks_is_found(now, erp, queue) -> None:
    erp.then(scripted.cut_before)
    posting = queue()
    send_due()
    now.move_to(NOON + timedelta(seconds=3))
    send_due()

    erp.documents.append((posting.business_key, posting.payload))  # the request lands after all
    now.move_to(NOON + timedelta(seconds=61))
    send_due()

    posting.refresh_from_db()
    assert posting.status == "confirmed"
    assert erp.sends == [posting.business_key]
    assert erp.keys() == [posting.business_key]


@pytest.mark.parametrize(("death", "documents_before"), [(scripted.die_before, 0), (scripted.die_after, 1)])
def test_sender_killed_while_sending_leaves_an_unclear_posting_and_one_document(
    now, erp, queue, death, documents_before
) -> None:
    erp.then(death)
    posting = queue()
    with pytest.raises(scripted.WorkerKilled):
        send_due()
    posting.refresh_from_db()
    assert posting.status == "sending"
    assert len(erp.documents) == documents_before

    now.shift(LEASE - timedelta(seconds=1))
    assert send_due() == 0
    posting.refresh_from_db()
    assert posting.status == "sending"

    now.shift(timedelta(seconds=2))
    send_due()  # gives up on the lost sender, looks up at once
    now.shift(timedelta(seconds=62))
    send_due()

    posting.refresh_from_db()
    assert posting.status == "confirmed"
    assert erp.keys() == [posting.business_key]
    assert posting.tries.first().outcome == "lost"


def test_refused_connection_is_retried_with_growing_pauses_and_never_looked_up(now, erp, queue) -> None:
    erp.then(scripted.away, scripted.away)
    posting = queue()

    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.failures) == ("queued", 1)
    assert NOON + timedelta(seconds=1.5) <= posting.due_at <= NOON + timedelta(seconds=2)
    assert send_due() == 0

    now.shift(timedelta(seconds=2))
    send_due()
    posting.refresh_from_db()
    assert NOON + timedelta(seconds=5) <= posting.due_at <= NOON + timedelta(seconds=6)

    now.shift(timedelta(seconds=4))
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.failures, posting.attempts) == ("confirmed", 0, 3)
    assert erp.look_ups == []


def test_business_no_is_a_dead_letter_with_the_erps_words(now, erp, queue) -> None:
    erp.then(scripted.refuse())
    posting = queue()
    send_due()
    now.shift(timedelta(days=1))

    assert send_due() == 0

    posting.refresh_from_db()
    assert (posting.status, posting.error_code, posting.error_message) == (
        "rejected", "scripted.order_closed", "Order is closed",
    )  # fmt: skip
    assert posting.status_at == NOON
    assert posting.settled_at is None
    assert erp.documents == []
    assert list(Posting.objects.dead()) == [posting]


@pytest.mark.parametrize("reason", ["mapping_missing", "drifted"])
def test_missing_mapping_and_drift_hold_the_posting(now, erp, queue, reason: str) -> None:
    erp.then(scripted.refuse(f"erp.{reason}", "no blocked location for RHF"))
    posting = queue()

    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.held_reason) == ("held", reason)
    assert posting.error_message == "no blocked location for RHF"


def test_fault_of_a_connector_is_unclear_not_lost_and_opens_no_circuit(now, erp, main, queue) -> None:
    def broken(books, command):
        raise KeyError("quantity")

    erp.then(broken)
    posting = queue()

    send_due()

    posting.refresh_from_db()
    main.refresh_from_db()
    assert (posting.status, posting.error_code) == ("unknown", "erp.connector_fault")
    assert "KeyError" in posting.error_message
    assert main.failures == 0


def test_answer_that_comes_after_its_lease_changes_nothing(now, erp, queue) -> None:
    posting = queue()

    def slow(books, command):
        outcome = scripted.take(books, command)
        now.shift(LEASE + timedelta(seconds=1))
        from erp_sync.services.claiming import expire_leases

        assert expire_leases() == 1
        return outcome

    erp.then(slow)
    send_due(limit=1)

    posting.refresh_from_db()
    assert posting.status == "unknown"
    assert outcomes(posting) == [("send", "lost")]
    send_due()
    posting.refresh_from_db()
    assert posting.status == "confirmed"
    assert erp.keys() == [posting.business_key]


def test_local_answer_settles_with_its_reason(now, erp, queue) -> None:
    erp.then(
        lambda books, command: scripted.port.Outcome("local", message="no place for dates of closed orders")
    )
    posting = queue()
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.local_reason) == ("local", "no place for dates of closed orders")
    assert posting.settled_at == NOON


def test_limit_bounds_a_run(now, erp, queue) -> None:
    for _ in range(3):
        queue()
    assert send_due(limit=2) == 2
    assert PostingAttempt.objects.count() == 2
    assert send_due(limit=2) == 1
