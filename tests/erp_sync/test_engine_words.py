"""What an ERP says is kept as far as it can be: never our login, never what the database would refuse."""

import json
import logging
import math

import pytest

from decisions_app.services import settled
from erp_sync import said
from erp_sync.models import ErpConnection, Posting, PostingAttempt
from erp_sync.services import send_due
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books, port

SECRET = "p4ss/w0rd"


@pytest.fixture
def locked(main: ErpConnection, monkeypatch: pytest.MonkeyPatch) -> ErpConnection:
    monkeypatch.setenv("MAIN_PASSWORD", SECRET)
    main.password_source = "env:MAIN_PASSWORD"
    main.save()
    return main


def shown(posting: Posting) -> str:
    tries = list(PostingAttempt.objects.filter(posting=posting).values("error", "response"))
    return json.dumps([posting.error_message, tries])


@pytest.mark.django_db(transaction=True)
def test_a_refusal_that_quotes_the_login_is_kept_without_it(
    locked: ErpConnection, erp: Books, queue: Queue
) -> None:
    def quoting(books: Books, command: port.PostingCommand) -> port.Outcome:
        return port.Outcome(
            "rejected",
            error_code="scripted.no",
            message=f"no user integration:{SECRET} here",
            raw={"url": "https://x?token=p4ss%2Fw0rd", "sent": [{"auth": SECRET}]},
        )

    erp.then(quoting)
    posting = queue()

    send_due()

    posting.refresh_from_db()
    assert posting.error_message == "no user integration:(hidden) here"
    assert "w0rd" not in shown(posting)


@pytest.mark.django_db(transaction=True)
def test_a_connector_that_breaks_with_the_login_in_its_words_puts_it_into_no_log(
    locked: ErpConnection, erp: Books, queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    def breaking(books: Books, command: port.PostingCommand) -> port.Outcome:
        raise KeyError(f"Basic {SECRET}")

    erp.then(breaking)
    posting = queue()

    with caplog.at_level(logging.DEBUG):
        send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("unknown", "erp.connector_fault")
    assert "connector failed on" in caplog.text
    assert "KeyError" in caplog.text
    assert "breaking" in caplog.text  # where it broke
    assert SECRET not in caplog.text
    assert "w0rd" not in shown(posting)


@pytest.mark.django_db(transaction=True)
def test_an_answer_the_database_can_not_store_settles_the_posting_all_the_same(
    erp: Books, queue: Queue
) -> None:
    def garbage(books: Books, command: port.PostingCommand) -> port.Outcome:
        return port.Outcome(
            "rejected",
            error_code="scripted.no",
            message="Lot \x00 \ud800 is locked",
            raw={"weight": math.nan, "deep": [{"a\x00b": "\udfff", "n": math.inf}]},
        )

    erp.then(garbage)
    posting = queue()

    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.error_message) == (
        "rejected",
        "Lot \N{REPLACEMENT CHARACTER} ? is locked",
    )
    assert len(erp.sends) == 1
    (attempt,) = PostingAttempt.objects.filter(posting=posting)
    assert attempt.response["weight"] == "nan"
    assert attempt.response["deep"] == [{"a\N{REPLACEMENT CHARACTER}b": "?", "n": "inf"}]


def test_short_words_and_numbers_are_left_as_they_are() -> None:
    assert said.without("abc", "abc def") == "abc def"
    assert said.without("", {"a": ["b"]}) == {"a": ["b"]}
    assert said.without("word whsec_123", {"whsec_123": 7, "x": ("word", None)}) == {
        "(hidden)": 7,
        "x": ["(hidden)", None],
    }
    assert said.storable({"n": 1.5, "d": None, "t": "Größe"}) == {"n": 1.5, "d": None, "t": "Größe"}


def test_one_settled_posting_whose_meaning_can_not_be_drawn_keeps_no_other_waiting(
    erp: Books, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = queue(), queue()
    send_due()
    drawn = settled._draw_meaning

    def draw(posting: Posting, exception: object) -> None:
        if posting.pk == first.pk:
            raise KeyError("what this means")
        drawn(posting, exception)

    monkeypatch.setattr(settled, "_draw_meaning", draw)

    assert settled.handle_settled() == 1

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.handled_at is None  # the doctor counts it, the next run tries again
    assert second.handled_at is not None
