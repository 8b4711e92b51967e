"""From a stored mail to a record: who may open one, what joins, and what opens nothing at all."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from exceptions_app import services
from exceptions_app.channels.mail.message import read_mail
from exceptions_app.models import (
    Attachment,
    ExceptionEvent,
    ExceptionLink,
    ExceptionRecord,
    Signal,
    SignalReading,
    Source,
)
from exceptions_app.services.channels.trust import UNKNOWN, UNPROVEN
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.mailing import AUTHSERV, PROVEN, mail
from tests.plant_fixtures import KolbeMini

BUYER_PROVEN = f"{AUTHSERV}; dmarc=pass header.from=customer.example"


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    """A mailbox of Rheinfelden, fed by hand."""
    return Source.objects.create(
        code="mail-rhf", name="Floor mail", channel="email", adapter="imap", site=plant.rhf,
        config={"authserv": AUTHSERV},
    )  # fmt: skip


def send(source: Source, raw: bytes) -> SignalReading:
    """Take a mail in and read it."""
    parsed = read_mail(raw, services.mail_reader(source))
    received = services.receive_mail(source=source, mail=parsed)
    return services.read_signal(signal_id=received.signal.pk)


def reasons(reading: SignalReading) -> list[str]:
    found = reading.signal.interpretations.latest("pk").triage_reasons
    assert isinstance(found, list)
    return found


def test_a_proven_colleague_opens_a_record(source: Source, plant: KolbeMini) -> None:
    reading = send(source, mail("hydraulic leak"))

    exception = reading.exception
    assert exception is not None
    assert (exception.status, exception.type.code) == ("open", "machine_downtime")
    assert (exception.work_unit, exception.reported_by) == (
        plant.units["PRS-04"],
        plant.people["jonas.keller"],
    )
    assert exception.channel == "email"


@pytest.mark.parametrize(
    "results",
    [
        "",
        f"{AUTHSERV}; dmarc=fail header.from=kolbe.example",
        "mx.evil.example; dmarc=pass header.from=kolbe.example",
    ],
)
def test_an_unproven_sender_only_raises_a_question(source: Source, results: str) -> None:
    reading = send(source, mail("hydraulic leak", results=results))

    exception = reading.exception
    assert exception is not None
    assert (exception.status, exception.reported_by) == ("triage", None)
    assert UNPROVEN in reasons(reading)
    assert exception.contain_due_at is None
    assert exception.events.get(kind="opened").data["triage_reasons"] == reasons(reading)


def test_a_proven_stranger_only_raises_a_question_unless_known(source: Source, plant: KolbeMini) -> None:
    def raw(unit: str) -> bytes:
        return mail(
            f"{unit} down, hydraulic leak",
            subject="stop",
            sender="B <b@customer.example>",
            results=BUYER_PROVEN,
        )

    first = send(source, raw("press 4"))
    source.config = {**source.config, "known": ["customer.example"]}
    source.save()
    second = send(source, raw("press 3"))

    assert first.exception is not None
    assert second.exception is not None
    assert (first.exception.status, reasons(first)) == ("triage", [UNKNOWN])
    assert (second.exception.status, second.signal.reporter) == ("open", None)


def test_a_customers_own_address_is_known(source: Source, plant: KolbeMini) -> None:
    customer = next(iter(plant.customers.values()))
    customer.email = "buyer@customer.example"
    customer.save()

    raw = mail("press 4 down, hydraulic leak", sender="Buyer@customer.example", results=BUYER_PROVEN)

    reading = send(source, raw)
    assert UNKNOWN not in reasons(reading)


def test_an_unproven_sender_touches_no_record_people_work_on(source: Source) -> None:
    standing = send(source, mail("hydraulic leak")).exception
    assert standing is not None
    version = standing.version

    again = send(source, mail("hydraulic leak", results=""))
    cleared = send(source, mail("Press 4 is running again", subject="Press 4 runs again", results=""))

    standing.refresh_from_db()
    assert (standing.cleared_at, standing.version, standing.events.filter(kind="joined").count()) == (
        None,
        version,
        0,
    )
    assert again.exception is not None
    assert again.exception.pk != standing.pk
    assert again.exception.status == "triage"
    assert cleared.exception is not None
    assert (cleared.exception.status, cleared.outcome) == ("triage", "opened")


def test_an_unproven_question_is_settled_by_a_sure_report(source: Source) -> None:
    asked = send(source, mail("hydraulic leak", results="")).exception
    assert asked is not None

    sure = send(source, mail("hydraulic leak")).exception

    assert sure == asked
    asked.refresh_from_db()
    assert asked.status == "open"


@pytest.mark.parametrize(
    ("headers", "subject"),
    [
        ({"Auto-Submitted": "auto-replied"}, "Press 4 down"),
        ({"Precedence": "bulk"}, "Press 4 down"),
        ({"Return-Path": "<>"}, "Press 4 down"),
        ({}, "Out of office: press 4 down"),
    ],
)
def test_what_a_machine_wrote_is_kept_and_opens_nothing(
    source: Source, headers: dict[str, str], subject: str
) -> None:
    reading = send(source, mail("hydraulic leak at press 4", subject=subject, headers=headers))

    assert (reading.outcome, reading.exception, reading.status) == ("ignored", None, "read")
    assert reading.signal.payload["mail"]["automatic"]
    assert not ExceptionRecord.objects.exists()


def test_the_same_mail_twice_is_one_signal_and_another_under_its_id_is_two(source: Source) -> None:
    raw = mail("hydraulic leak", message_id="same@x")
    reader = services.mail_reader(source)

    first = services.receive_mail(source=source, mail=read_mail(raw, reader))
    twice = services.receive_mail(source=source, mail=read_mail(b"Received: by another hop\n" + raw, reader))
    other = mail("all is well", subject="another matter", message_id="same@x")
    third = services.receive_mail(source=source, mail=read_mail(other, reader))
    fourth = services.receive_mail(source=source, mail=read_mail(other, reader))

    assert (twice.replayed, twice.signal) == (True, first.signal)
    assert (third.replayed, third.signal.text) == (False, "another matter\n\nall is well")
    assert (fourth.replayed, fourth.signal) == (True, third.signal)
    assert Signal.objects.count() == 2


def test_everything_a_mail_said_is_kept(source: Source) -> None:
    raw = mail(
        "leak\n\nRegards\nJonas\n\nAm 17.11.26 um 09:40 schrieb K:\n> what about press 4?", subject="Re: press 4",
        headers={"Reply-To": "shift@kolbe.example", "Cc": "k@kolbe.example"},
        files=(("p.pdf", "application/pdf", b"%PDF-1.4 x"),),
    )  # fmt: skip

    reading = send(source, raw)

    account = reading.signal.payload["mail"]
    assert reading.signal.text == "press 4\n\nleak"
    assert account["body"].endswith("> what about press 4?")
    assert (account["said"], account["reply_to"], account["cc"]) == (
        "leak",
        "shift@kolbe.example",
        ["k@kolbe.example"],
    )
    assert ["Authentication-Results", PROVEN] in account["headers"]
    assert reading.signal.sender == "jonas.keller@kolbe.example"
    assert Attachment.objects.get(signal=reading.signal).name == "p.pdf"


@pytest.mark.parametrize("raw", [b"", b"\x00\xff" * 400, b"Content-Type: " + b'";' * 9000 + b"\n\n\xff"])
def test_a_mail_nobody_can_parse_is_shown_to_people(source: Source, raw: bytes) -> None:
    reading = send(source, raw)

    assert reading.exception is not None
    assert reading.exception.status == "triage"
    assert reading.status == "read"


# --- what continues a conversation ------------------------------------------------------------------------
def reply(words: str, to: str, *, references: str = "", **more: Any) -> bytes:
    quoted = f"{words}\n\nAm 17.11.26 um 09:40 schrieb K:\n> press 4 down, hydraulic leak"
    headers = {"In-Reply-To": f"<{to}>", "References": references or f"<{to}>", **more.pop("headers", {})}
    return mail(quoted, subject=more.pop("subject", "AW: our talk"), headers=headers, **more)


def test_an_answer_to_a_report_joins_its_record(source: Source, plant: KolbeMini) -> None:
    first = send(source, mail("hydraulic leak", message_id="first@x"))

    second = send(source, reply("the seal is on its way", "first@x"))
    third = send(source, reply("and here", "unknown@x", references="<first@x> <unknown@x>"))

    assert (second.outcome, second.exception) == ("joined", first.exception)
    assert third.exception == first.exception
    assert ExceptionRecord.objects.count() == 1
    lines = list(ExceptionEvent.objects.filter(kind="joined").order_by("pk"))
    assert [line.text for line in lines] == ["the seal is on its way", "and here"]
    assert (lines[0].actor, lines[0].signal, lines[0].data) == (
        plant.people["jonas.keller"], second.signal, {"answer": True}
    )  # fmt: skip


def test_an_answer_to_a_notice_joins_the_record_it_told_of(source: Source) -> None:
    exception = send(source, mail("hydraulic leak")).exception
    assert exception is not None
    headers = services.mail_headers(exception=exception, what="notice-5")

    joined = send(source, reply("ok, on my way", headers["Message-ID"].strip("<>"), results=""))

    assert (joined.outcome, joined.exception) == ("joined", exception)
    line = exception.events.get(kind="joined")
    assert (line.text, line.actor, line.data) == ("ok, on my way", None, {"answer": True, "doubt": UNPROVEN})
    assert line.actor_text == "Jonas Keller (not verified)"
    exception.refresh_from_db()
    assert exception.status == "open"


def test_a_rewritten_message_id_is_found_by_the_references(source: Source) -> None:
    exception = send(source, mail("hydraulic leak")).exception
    assert exception is not None
    root = services.mail_headers(exception=exception, what="notice-5")["References"]

    joined = send(
        source, reply("coming", "rewritten@ses.example", references=f"{root} <rewritten@ses.example>")
    )

    assert joined.exception == exception


def test_a_made_up_id_of_ours_leads_nowhere(source: Source) -> None:
    exception = send(source, mail("hydraulic leak")).exception
    assert exception is not None

    forged = f"{exception.ref}.notice-5.{'0' * 20}@localhost"
    other = send(source, reply("stop everything now", forged, results="", subject="AW: something"))

    assert other.exception != exception
    assert not exception.events.filter(kind="joined").exists()


def test_notices_carry_the_headers_answers_need(source: Source) -> None:
    exception = send(source, mail("hydraulic leak")).exception
    assert exception is not None
    headers = services.mail_headers(exception=exception, what="notice-7")

    assert headers["Message-ID"].startswith(f"<{exception.ref}.notice-7.")
    assert headers["References"].startswith(f"<{exception.ref}.thread.")
    assert (headers["Auto-Submitted"], headers["X-Exception"]) == ("auto-generated", exception.ref)
    assert services.mail_headers(exception=exception, what="notice-7") == headers


def test_an_answer_of_ours_stands_in_the_reporters_own_conversation(source: Source) -> None:
    reading = send(
        source, reply("press 4 down, leak", "older@x", references="<oldest@x> <older@x>", message_id="his@x")
    )
    assert reading.exception is not None

    headers = services.mail_headers(exception=reading.exception, what="answer-1", answers=reading.signal)

    assert headers["In-Reply-To"] == "<his@x>"
    assert headers["References"].split()[1:] == ["<oldest@x>", "<older@x>", "<his@x>"]
    assert headers["Auto-Submitted"] == "auto-replied"


def test_our_own_notice_coming_back_opens_nothing(source: Source) -> None:
    exception = send(source, mail("hydraulic leak")).exception
    assert exception is not None
    headers = {
        name: value
        for name, value in services.mail_headers(exception=exception, what="notice-5").items()
        if name != "Message-ID"
    }

    back = send(source, mail("press 3 down, hydraulic leak", subject="stop", headers=headers))

    assert (back.outcome, back.exception) == ("ignored", None)


def test_the_reference_counts_where_a_proven_sender_has_to_do_with_it(
    source: Source, plant: KolbeMini
) -> None:
    exception = send(source, mail("hydraulic leak")).exception
    assert exception is not None
    words = "the seal kit is here, we begin at noon"

    proven = send(source, mail(words, subject=f"{exception.ref} news"))
    unproven = send(source, mail(words, subject=f"{exception.ref} news", results=""))
    elsewhere = send(
        source,
        mail(words, subject=f"{exception.ref} news", sender="kim.parker@kolbe.example"),
    )

    assert (proven.outcome, proven.exception) == ("joined", exception)
    assert unproven.exception != exception
    assert elsewhere.exception != exception
    assert exception.events.filter(kind="joined").count() == 1


def test_a_sure_all_clear_in_an_answer_clears_its_record(source: Source) -> None:
    exception = send(source, mail("hydraulic leak", message_id="first@x")).exception
    assert exception is not None

    cleared = send(source, reply("press 4 is running again", "first@x", subject="AW: Press 4"))

    exception.refresh_from_db()
    assert (cleared.outcome, cleared.exception) == ("cleared", exception)
    assert exception.cleared_at is not None


def test_an_old_mail_answered_to_report_another_machine_opens_its_own(
    source: Source, plant: KolbeMini
) -> None:
    exception = send(source, mail("hydraulic leak", message_id="first@x")).exception

    other = send(source, reply("mill 4 down, spindle broken", "first@x", subject="AW: stop"))

    assert other.exception is not None
    assert other.exception != exception
    assert (other.outcome, other.exception.work_unit) == ("opened", plant.units["CNC-04"])


def test_the_same_thing_again_in_an_answer_joins_by_its_key(source: Source) -> None:
    exception = send(source, mail("hydraulic leak", message_id="first@x")).exception

    again = send(source, reply("press 4 still down, hydraulic leak", "first@x", subject="AW: Press 4"))

    assert (again.outcome, again.exception) == ("joined", exception)


def closed(source: Source) -> ExceptionRecord:
    exception = send(source, mail("hydraulic leak", message_id="first@x")).exception
    assert exception is not None
    for status in ("acknowledged", "resolved", "closed"):
        ExceptionRecord.objects.filter(pk=exception.pk).update(
            status=status, resolved_at=MORNING, closed_at=MORNING if status == "closed" else None
        )
    exception.refresh_from_db()
    return exception


def test_an_answer_to_a_closed_record_asks_and_names_it(source: Source) -> None:
    over = closed(source)

    with clock.travel(MORNING + timedelta(days=2)):
        asked = send(source, reply("it leaks again at the same place", "first@x"))

    assert asked.exception is not None
    assert (asked.exception.status, asked.exception.pk != over.pk) == ("triage", True)
    link = ExceptionLink.objects.get(exception=asked.exception)
    assert (link.target, link.target_id, link.label) == ("exception", over.pk, over.ref)
    assert (
        f"continues {over.ref}, which is closed"
        in asked.exception.events.get(kind="opened").data["triage_reasons"]
    )
    over.refresh_from_db()
    assert over.status == "closed"


def test_thanks_for_a_closed_record_open_nothing(source: Source) -> None:
    closed(source)

    thanks = send(source, reply("thanks", "first@x"))

    assert (thanks.outcome, thanks.exception) == ("ignored", None)
    assert ExceptionRecord.objects.count() == 1


def test_an_answer_follows_a_merged_record(source: Source) -> None:
    first = send(source, mail("hydraulic leak", message_id="first@x")).exception
    target = send(source, mail("mill 4 down, spindle broken", subject="stop")).exception
    assert first is not None
    assert target is not None
    ExceptionRecord.objects.filter(pk=first.pk).update(status="cancelled", merged_into=target)

    joined = send(source, reply("more about it", "first@x"))

    assert joined.exception == target
