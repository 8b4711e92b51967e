"""Our own database away at the worst moment: what the ERP answered is written down all the same."""

import pytest
from django.db import OperationalError
from django.db import connection as database

from erp_sync import lifecycle
from erp_sync.models import Posting, PostingAttempt
from erp_sync.services import claiming, send_due, sending
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books


def cut_off(books: Books) -> None:
    """The server ends our session, as a crash or a fail-over does."""
    with database.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (mine,) = cursor.fetchone()
    other = database.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("select pg_terminate_backend(%s, 5000)", [mine])
    finally:
        other.close()


def taken_then_cut_off(books: Books, command: scripted.port.PostingCommand) -> scripted.port.Outcome:
    outcome = scripted.take(books, command)
    cut_off(books)
    return outcome


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_written_although_the_session_with_our_database_died(
    erp: Books, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "WRITE_AGAIN_AFTER", (0.01, 0.01))
    erp.then(taken_then_cut_off)
    posting = queue()

    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.erp_number) == ("confirmed", "DOC-1")
    assert (len(erp.sends), len(erp.look_ups)) == (1, 0)  # no second look was needed
    assert [attempt.outcome for attempt in PostingAttempt.objects.filter(posting=posting)] == ["confirmed"]


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_can_not_be_written_at_all_leaves_the_posting_to_be_looked_up(
    erp: Books, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "WRITE_AGAIN_AFTER", (0.01, 0.01))

    def away(**given: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(sending, "record_send", away)
    posting = queue()

    with pytest.raises(OperationalError):
        send_due()

    posting.refresh_from_db()
    assert posting.status == "sending"  # its lease runs out, and it is looked up then
    assert erp.keys() == [posting.business_key]


def test_the_written_out_claim_names_the_states_the_lifecycle_has() -> None:
    def listed(states: object) -> str:
        return ", ".join(f"'{status.value}'" for status in sorted(states, key=lambda status: status.value))

    assert f"not (s.status in ({listed(lifecycle.SETTLED)}))" in claiming.NEXT
    assert f"s.status in ({listed(lifecycle.IN_FLIGHT)})" in claiming.NEXT
    assert Posting._meta.db_table in claiming.NEXT
