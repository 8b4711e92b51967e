"""Reporters hear what became of their report, over real HTTP and SMTP, on the channel they used."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from core import clock
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.channels.fetchers import FetchFailed, fetcher_for
from exceptions_app.models import ChannelUpdate, ExceptionRecord, SentMessage, Signal, Source
from exceptions_app.rules.reply_words import LANGUAGES, LONGEST, Facts, language, sentence
from notify_app import services
from notify_app.models import ReplyAttempt, ReplyThread, ReporterReply
from notify_app.services import reply_sending
from tests.decisions_app.conftest import response_of
from tests.exceptions_app.messengers import (
    PIOTR_PHONE,
    PIOTR_WA,
    slack_event,
    slack_message,
    slack_post,
    sms,
    source_for,
    teams_activity,
    teams_post,
    twilio_post,
    wa_delivery,
    wa_text,
    whatsapp_post,
)
from tests.notify_app.conftest import Mailbox
from tests.notify_app.providers import PHOTO, Provider, provider
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


@pytest.fixture
def there() -> Iterator[Provider]:
    """The provider."""
    with provider() as book:
        yield book


@pytest.fixture
def piotr(plant: KolbeMini) -> Any:
    """The operator, with the phone the messages come from."""
    person = plant.people["piotr.nowak"]
    person.phone, person.language = PIOTR_PHONE, "en"
    person.save()
    return person


@pytest.fixture
def whatsapp(plant: KolbeMini, piotr: Any, there: Provider) -> Source:
    return source_for("whatsapp", plant.rhf, base_url=f"{there.url}/graph")


def reported(
    source: Source, text: str = DOWN, *, message_id: str = "w1", sender: str = PIOTR_WA
) -> ExceptionRecord:
    body = wa_delivery(wa_text(text, message_id=message_id, sender=sender))
    assert whatsapp_post(source, body).status_code == 200
    exceptions.read_due_signals()
    exception = Signal.objects.get(external_id=message_id).reading.exception
    assert exception is not None
    return exception


# --- the story on WhatsApp
def test_a_whatsapp_report_is_answered_from_opened_to_resolved(
    plant: KolbeMini, whatsapp: Source, there: Provider
) -> None:
    exception = reported(whatsapp)
    services.send_replies()
    assert there.texts() == [f"{exception.ref}: {exception.title}. Maintenance is told."]
    assert there.sent[0]["to"] == PIOTR_WA
    assert there.sent[0]["from"] == "1122334455667"
    assert there.sent[0]["body"]["context"] == {"message_id": "w1"}

    keller = plant.people["jonas.keller"]
    response = response_of(exception, "maintenance")
    exceptions.on_my_way(
        response_id=response.pk, actor=keller, via="inbox", eta=clock.now() + timedelta(minutes=4)
    )
    services.send_replies()
    assert there.texts()[1:] == [f"{exception.ref}, maintenance is coming, 4 min"]

    # nothing new, nothing said
    services.send_replies()
    exceptions.arrived(response_id=response.pk, actor=keller, via="inbox")
    services.send_replies()
    assert len(there.sent) == 2

    replies = ReporterReply.objects.order_by("pk")
    assert [reply.status for reply in replies] == ["sent", "sent"]
    assert [reply.body for reply in replies] == there.texts()
    assert [reply.provider_id for reply in replies] == ["wamid.out1", "wamid.out2"]
    assert list(ReplyAttempt.objects.values_list("delivered", flat=True)) == [True, True]
    assert set(SentMessage.objects.values_list("message_id", "exception")) == {
        ("wamid.out1", exception.pk), ("wamid.out2", exception.pk),
    }  # fmt: skip


def test_taken_on_then_coming_are_two_words_and_an_end_is_told(
    plant: KolbeMini, whatsapp: Source, there: Provider
) -> None:
    exception = reported(whatsapp)
    services.send_replies()
    keller = plant.people["jonas.keller"]
    response = response_of(exception, "maintenance")
    exceptions.acknowledge(response_id=response.pk, actor=keller, via="inbox")
    services.send_replies()
    exceptions.on_my_way(response_id=response.pk, actor=keller, via="inbox")
    services.send_replies()
    decisions.cancel(exception_id=exception.pk, actor=plant.people["ingrid.vogel"], reason="a drill")
    services.send_replies()

    assert there.texts()[1:] == [
        f"{exception.ref}, maintenance has taken it on",
        f"{exception.ref}, maintenance is coming",
        f"{exception.ref}: {exception.title}. It was withdrawn.",
    ]


def test_what_waits_is_overtaken_by_a_later_word(plant: KolbeMini, whatsapp: Source, there: Provider) -> None:
    exception = reported(whatsapp)
    services.plan_replies()
    response = response_of(exception, "maintenance")
    keller = plant.people["jonas.keller"]
    exceptions.acknowledge(response_id=response.pk, actor=keller, via="inbox")
    services.plan_replies()
    exceptions.on_my_way(response_id=response.pk, actor=keller, via="inbox")
    services.send_replies()

    assert there.texts() == [
        f"{exception.ref}: {exception.title}. Maintenance is told.",
        f"{exception.ref}, maintenance is coming",
    ]
    skipped = ReporterReply.objects.get(what="acknowledged")
    assert (skipped.status, skipped.why) == ("skipped", "overtaken by a later word")


def test_a_triage_item_is_received_first_and_opened_later(
    plant: KolbeMini, whatsapp: Source, there: Provider
) -> None:
    exception = reported(whatsapp, "hyd leak")
    services.send_replies()
    assert there.texts() == [f"{exception.ref}: received, someone is looking at it."]

    exceptions.correct(
        exception_id=exception.pk, fields={"type": "machine_downtime", "work_unit": "PRS-04"},
        actor=plant.people["ingrid.vogel"],
    )  # fmt: skip
    services.send_replies()
    exception.refresh_from_db()
    assert there.texts()[1:] == [f"{exception.ref}: {exception.title}. Maintenance is told."]


def test_three_messages_of_one_minute_are_answered_once(whatsapp: Source, there: Provider) -> None:
    reported(whatsapp, "press 4 down")
    reported(whatsapp, "hyd leak", message_id="w2")
    services.send_replies()

    assert len(there.sent) == 1
    silent = ReplyThread.objects.exclude(silent="").get()
    assert silent.silent == "an earlier message of theirs is answered"


def test_somebody_else_hears_that_it_is_known(plant: KolbeMini, whatsapp: Source, there: Provider) -> None:
    exception = reported(whatsapp)
    nils = plant.people["nils.ahrens"]
    nils.phone, nils.language = "+49 160 7770000", "de"
    nils.save()
    assert reported(whatsapp, "press 4 down", message_id="w2", sender="491607770000") == exception
    services.send_replies()

    assert [(one["to"], one["text"]) for one in there.sent] == [
        (PIOTR_WA, f"{exception.ref}: {exception.title}. Maintenance is told."),
        ("491607770000", f"{exception.ref}: {exception.title}. Das ist schon bekannt, deine Nachricht ist dabei."),
    ]  # fmt: skip


def test_an_answer_to_our_message_joins_the_record(whatsapp: Source, there: Provider) -> None:
    exception = reported(whatsapp)
    services.send_replies()
    with clock.travel(clock.now() + timedelta(minutes=20)):
        body = wa_delivery(wa_text("it is the left pump", message_id="w2", context={"id": "wamid.out1"}))
        whatsapp_post(whatsapp, body)
        exceptions.read_due_signals()
        services.send_replies()

    assert Signal.objects.get(external_id="w2").reading.exception == exception
    assert ExceptionRecord.objects.count() == 1
    assert len(there.sent) == 1


# --- WhatsApp's day
def test_after_a_day_nothing_is_said_and_why_is_shown(
    plant: KolbeMini, whatsapp: Source, there: Provider
) -> None:
    exception = reported(whatsapp)
    services.send_replies()
    with clock.travel(clock.now() + timedelta(hours=25)):
        decisions.cancel(exception_id=exception.pk, actor=plant.people["ingrid.vogel"], reason="a drill")
        services.send_replies()

    assert len(there.sent) == 1
    reply = ReporterReply.objects.get(what="cancelled")
    assert (reply.status, reply.why) == (
        "skipped", "a day has passed since the person wrote, and no template is named",
    )  # fmt: skip


def test_after_a_day_an_approved_template_says_it(
    plant: KolbeMini, whatsapp: Source, there: Provider
) -> None:
    whatsapp.config = {**whatsapp.config, "template": "exception_news", "template_language": "en_US"}
    whatsapp.save()
    exception = reported(whatsapp)
    with clock.travel(clock.now() + timedelta(hours=25)):
        decisions.cancel(exception_id=exception.pk, actor=plant.people["ingrid.vogel"], reason="a drill")
        services.send_replies()

    (sent,) = there.sent
    assert sent["body"]["template"]["name"] == "exception_news"
    assert sent["body"]["template"]["language"] == {"code": "en_US"}
    assert sent["text"] == f"{exception.ref}: {exception.title}. It was withdrawn."


# --- trouble
def test_a_busy_provider_is_asked_again_when_it_says(whatsapp: Source, there: Provider) -> None:
    there.fail = [(429, {"Retry-After": "30"}, {}), (503, {}, {})]
    reported(whatsapp)
    at = clock.now()
    with clock.travel(at):
        services.send_replies()
        reply = ReporterReply.objects.get()
        assert (reply.status, reply.why) == ("queued", "The provider answered 429")
        assert reply.due_at == at + timedelta(seconds=30)
        services.send_replies()
        assert there.sent == []
    with clock.travel(at + timedelta(seconds=31)):
        services.send_replies()
    with clock.travel(at + timedelta(minutes=2)):
        services.send_replies()

    assert len(there.sent) == 1
    assert [(one.number, one.delivered) for one in ReplyAttempt.objects.order_by("number")] == [
        (1, False), (2, False), (3, True),
    ]  # fmt: skip


def test_a_wrong_key_is_tried_again_and_then_given_up(whatsapp: Source, there: Provider) -> None:
    whatsapp.secrets = {**whatsapp.secrets, "access_token": "old"}
    whatsapp.save()
    reported(whatsapp)
    services.send_replies()
    reply = ReporterReply.objects.get()
    assert (reply.status, reply.why) == ("queued", "WhatsApp 190: Invalid OAuth access token")
    moment = reply.due_at
    for _ in range(reply_sending.MOST_ATTEMPTS):
        with clock.travel(moment + timedelta(seconds=1)):
            services.send_replies()
        moment = ReporterReply.objects.get().due_at

    assert ReporterReply.objects.get().status == "failed"
    assert ReplyAttempt.objects.count() == reply_sending.MOST_ATTEMPTS
    assert there.sent == []


def test_what_the_provider_refuses_for_good_fails_at_once(whatsapp: Source, there: Provider) -> None:
    there.fail = [(400, {}, {"error": {"code": 131026, "message": "Message undeliverable"}})]
    reported(whatsapp)
    services.send_replies()
    services.send_replies()

    reply = ReporterReply.objects.get()
    assert (reply.status, reply.why) == ("failed", "WhatsApp 131026: Message undeliverable")
    assert ReplyAttempt.objects.get().permanent


def test_a_sender_killed_after_the_provider_s_yes_may_tell_twice_but_never_not_at_all(
    whatsapp: Source, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported(whatsapp)

    def killed(handed: Any) -> None:
        raise KeyboardInterrupt

    at = clock.now()
    with monkeypatch.context() as patch, clock.travel(at):
        patch.setattr(reply_sending, "_record", killed)
        with pytest.raises(KeyboardInterrupt):
            services.send_replies()
    assert len(there.sent) == 1
    with clock.travel(at + timedelta(seconds=30)):
        services.send_replies()
    assert len(there.sent) == 1  # still held by the dead one's lease
    with clock.travel(at + timedelta(minutes=3)):
        services.send_replies()

    assert len(there.sent) == 2
    assert there.texts()[0] == there.texts()[1]
    assert ReporterReply.objects.get().status == "sent"


def test_a_receipt_of_a_killed_send_keeps_it_from_being_said_twice(
    whatsapp: Source, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported(whatsapp)

    def killed(handed: Any) -> None:
        raise KeyboardInterrupt

    at = clock.now()
    with monkeypatch.context() as patch, clock.travel(at):
        patch.setattr(reply_sending, "_record", killed)
        with pytest.raises(KeyboardInterrupt):
            services.send_replies()
    mark = there.sent[0]["body"]["biz_opaque_callback_data"]
    status = {
        "id": "wamid.out1",
        "status": "sent",
        "recipient_id": PIOTR_WA,
        "biz_opaque_callback_data": mark,
    }
    whatsapp_post(whatsapp, wa_delivery(statuses=[status]))
    with clock.travel(at + timedelta(minutes=3)):
        services.send_replies()

    assert len(there.sent) == 1
    reply = ReporterReply.objects.get()
    assert (reply.status, reply.provider_id) == ("sent", "wamid.out1")


def test_receipts_go_forwards_only_and_others_are_left(whatsapp: Source, there: Provider) -> None:
    reported(whatsapp)
    services.send_replies()
    for state in ("read", "delivered", "sent"):
        status = {"id": "wamid.out1", "status": state, "recipient_id": PIOTR_WA}
        whatsapp_post(whatsapp, wa_delivery(statuses=[status]))
    whatsapp_post(whatsapp, wa_delivery(statuses=[{"id": "wamid.other", "status": "read"}]))
    services.send_replies()

    assert ReporterReply.objects.get().status == "read"
    other = ChannelUpdate.objects.get(target="wamid.other")
    assert other.settled_at is None
    with clock.travel(clock.now() + timedelta(minutes=6)):
        services.send_replies()
    other.refresh_from_db()
    assert other.outcome == "not for a message of ours"


def test_a_failure_told_later_is_in_the_delivery_log(whatsapp: Source, there: Provider) -> None:
    reported(whatsapp)
    services.send_replies()
    errors = [{"code": 131047, "title": "Re-engagement message"}]
    whatsapp_post(
        whatsapp, wa_delivery(statuses=[{"id": "wamid.out1", "status": "failed", "errors": errors}])
    )
    services.send_replies()

    reply = ReporterReply.objects.get()
    assert (reply.status, reply.why) == ("failed", "131047 Re-engagement message")
    assert list(reply.tries.order_by("number").values_list("delivered", flat=True)) == [True, False]


def test_old_news_is_not_told(whatsapp: Source, there: Provider) -> None:
    reported(whatsapp)
    services.plan_replies()
    with clock.travel(clock.now() + timedelta(hours=3)):
        services.send_replies()

    assert there.sent == []
    assert ReporterReply.objects.get().why == "two hours have passed, it is no news any more"


def test_no_provider_is_called_inside_a_transaction(
    whatsapp: Source, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported(whatsapp)
    depth = len(connection.savepoint_ids)
    seen = []
    real = reply_sending.SENDERS["whatsapp"]

    def watching(outgoing: Any) -> str:
        seen.append(len(connection.savepoint_ids) - depth)
        return real(outgoing)

    monkeypatch.setitem(reply_sending.SENDERS, "whatsapp", watching)
    services.send_replies()

    assert seen == [0]


# --- the other channels
def test_an_sms_is_answered_from_the_number_it_was_sent_to(
    plant: KolbeMini, piotr: Any, there: Provider
) -> None:
    source = source_for(
        "twilio",
        plant.rhf,
        base_url=there.url,
        trust_numbers=True,
        receipts=True,
        public_url="https://xl.example",
    )
    assert twilio_post(source, sms(DOWN, sid="SM1"), base="https://xl.example").status_code == 200
    exceptions.read_due_signals()
    services.send_replies()

    (sent,) = there.sent
    exception = ExceptionRecord.objects.get()
    assert (sent["from"], sent["to"]) == ("+4915900000001", "+491605550123")
    assert sent["text"] == f"{exception.ref}: {exception.title}. Maintenance is told."
    assert sent["body"]["StatusCallback"] == f"https://xl.example/hooks/twilio/{source.code}/"
    sid = ReporterReply.objects.get().provider_id
    receipt = {
        "MessageSid": sid,
        "MessageStatus": "delivered",
        "To": sent["to"],
        "From": sent["from"],
        "AccountSid": "AC1",
    }
    assert twilio_post(source, receipt, base="https://xl.example").status_code == 200
    services.send_replies()
    assert ReporterReply.objects.get().status == "delivered"


def test_an_sms_to_a_number_that_does_not_exist_fails_for_good(
    plant: KolbeMini, piotr: Any, there: Provider
) -> None:
    source = source_for("twilio", plant.rhf, base_url=there.url)
    twilio_post(source, sms(DOWN, sid="SM1", sender="+491600000000"))
    exceptions.read_due_signals()
    services.send_replies()

    reply = ReporterReply.objects.get()
    assert (reply.status, reply.why) == ("failed", "Twilio 21211: Invalid 'To' Phone Number")


def test_slack_is_answered_in_the_thread_of_the_report(plant: KolbeMini, piotr: Any, there: Provider) -> None:
    source = source_for("slack", plant.rhf, base_url=f"{there.url}/slack")
    event = slack_event(slack_message("Presse 4 <b> & <@UBOT> steht, Öl", ts="1763370840.000100"))
    assert slack_post(source, event).status_code == 200
    exceptions.read_due_signals()
    services.send_replies()

    (sent,) = there.sent
    exception = ExceptionRecord.objects.get()
    assert (sent["to"], sent["thread"]) == ("CFLOOR", "1763370840.000100")
    assert exception.status == "triage"
    assert sent["text"] == f"{exception.ref}: angekommen, jemand sieht es sich an."
    # an answer in that thread belongs to the record
    more = slack_message("it is press 4", ts="1763370900.000200", thread_ts="1763370840.000100")
    slack_post(source, slack_event(more, event_id="Ev2"))
    exceptions.read_due_signals()
    assert Signal.objects.get(external_id="CFLOOR/1763370900.000200").reading.exception == exception


def test_a_channel_that_is_gone_fails_and_a_bad_token_waits(
    plant: KolbeMini, piotr: Any, there: Provider
) -> None:
    source = source_for("slack", plant.rhf, base_url=f"{there.url}/slack")
    slack_post(source, slack_event(slack_message(DOWN, ts="1763370840.000100", channel="CGONE")))
    exceptions.read_due_signals()
    services.send_replies()
    assert ReporterReply.objects.get().why == "Slack: channel_not_found"
    assert ReporterReply.objects.get().status == "failed"


def test_teams_hears_at_once_and_later_only_where_an_address_is_given(
    plant: KolbeMini, piotr: Any, there: Provider
) -> None:
    mute = source_for("teams", plant.rhf)
    answer = teams_post(mute, teams_activity("<at>Floor</at> press 3 down", activity="1"))
    exception = ExceptionRecord.objects.get()
    assert answer.json() == {
        "type": "message", "text": f"{exception.ref}: received, someone is looking at it.",
    }  # fmt: skip
    services.send_replies()
    reply = ReporterReply.objects.get()
    assert (reply.status, reply.why) == ("skipped", "told at once, in answer to the message")

    mute.config = {"answer_url": f"{there.url}/teams-workflow"}
    mute.save()
    exceptions.correct(
        exception_id=exception.pk, fields={"type": "machine_downtime", "work_unit": "PRS-03"},
        actor=plant.people["ingrid.vogel"],
    )  # fmt: skip
    services.send_replies()
    exception.refresh_from_db()
    assert there.texts() == [f"{exception.ref}: {exception.title}. Maintenance is told."]


def _mail(
    source: Source, *, proven: bool, automatic: str = "", external_id: str = "m1@kolbe.example"
) -> None:
    account = {
        "subject": "Press 4", "message_id": external_id, "references": ["before@kolbe.example"], "automatic": automatic,
    }  # fmt: skip
    exceptions.receive_later(
        source=source, external_id=external_id, text=DOWN, payload={"mail": account},
        sender="piotr.nowak@kolbe.example", sender_verified=proven, conversation="before@kolbe.example",
        reporter=source.site.people.get(username="piotr.nowak") if proven and source.site else None,
    )  # fmt: skip
    exceptions.read_due_signals()


@pytest.fixture
def mail_source(plant: KolbeMini, piotr: Any) -> Source:
    return Source.objects.create(
        code="mail-rhf", name="Floor mailbox", channel="email", adapter="imap", site=plant.rhf,
        config={"own": ["floor@kolbe.example"]},
    )  # fmt: skip


def test_a_mail_is_answered_in_its_conversation(mail_source: Source, mailbox: Mailbox) -> None:
    _mail(mail_source, proven=True)
    services.send_replies()

    (mail,) = mailbox.to("piotr.nowak@kolbe.example")
    exception = ExceptionRecord.objects.get()
    assert mail["Subject"] == "Re: Press 4"
    assert mail["In-Reply-To"] == "<m1@kolbe.example>"
    assert "<before@kolbe.example>" in mail["References"]
    assert mail["Reply-To"] == "floor@kolbe.example"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail.get_content().strip() == f"{exception.ref}: {exception.title}. Maintenance is told."


@pytest.mark.parametrize(
    ("proven", "automatic", "why"),
    [(False, "", "the mail's sender is not proven"), (True, "an automatic answer", None)],
)
def test_machines_and_unproven_senders_are_not_written_to(
    mail_source: Source, mailbox: Mailbox, proven: bool, automatic: str, why: str | None
) -> None:
    _mail(mail_source, proven=proven, automatic=automatic)
    services.send_replies()

    assert mailbox.mails == []
    assert ReporterReply.objects.count() == 0
    assert [thread.silent for thread in ReplyThread.objects.all()] == ([why] if why else [])


def test_a_refused_mailbox_fails_for_good(mail_source: Source, mailbox: Mailbox) -> None:
    mailbox.refuse.add("piotr.nowak@kolbe.example")
    _mail(mail_source, proven=True)
    services.send_replies()

    assert ReporterReply.objects.get().status == "failed"
    assert ReplyAttempt.objects.get().permanent


def test_a_customer_who_wrote_gets_the_decisions_message_once_customer_service_answers(
    plant: KolbeMini, mail_source: Source, mailbox: Mailbox
) -> None:
    exceptions.receive_later(
        source=mail_source, external_id="c1@customer.example", text="please deliver 40017733/10 later, on 1 March 2027",
        fields={"type": "order_change", "sales_line": "40017733/10", "kind": "DATE-LATER",
                "requested_date": "2027-03-01"},
        payload={"mail": {"subject": "Your order", "message_id": "c1@customer.example", "references": []}},
        sender="buyer@customer.example", sender_verified=True, conversation="c1@customer.example",
    )  # fmt: skip
    exceptions.read_due_signals()
    exception = ExceptionRecord.objects.get()
    assert exception.type.code == "order_change"
    helena = plant.people["helena.kraus"]
    # what came from outside is looked at first
    exceptions.correct(
        exception_id=exception.pk,
        fields={"type": "order_change"},
        actor=plant.people["ingrid.vogel"],
        via="desk",
    )
    decision = decisions.decide(
        exception_id=exception.pk, option_code="reject", actor=plant.people["robert.kolbe"], reason="no capacity",
        inputs={"why": "Our line is full until April", "still_valid": "the confirmed date"},
    )  # fmt: skip
    assert "Our line is full until April. What stays valid: the confirmed date." in decision.message
    services.send_replies()
    before = [mail.get_content() for mail in mailbox.to("buyer@customer.example")]
    assert not any("full until April" in text for text in before)
    task = exception.tasks.get(code="answer")
    decisions.complete_task(task_id=task.pk, actor=task.person or helena)
    services.send_replies()
    after = [mail.get_content().strip() for mail in mailbox.to("buyer@customer.example")]
    assert after.count(decision.message) == 1
    services.send_replies()
    assert len(mailbox.to("buyer@customer.example")) == len(after)


def test_nobody_is_written_to_for_a_tablet_s_report(report: Any, there: Provider) -> None:
    report(DOWN)
    services.send_replies()

    assert ReplyThread.objects.count() == 0


# --- words
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_sentence_exists_in_every_language(code: str) -> None:
    facts = Facts(
        ref="EX-2026-004217",
        title="Press 4 down",
        function="maintenance",
        minutes=4,
        option="Repair",
        other="EX-2",
    )
    names = [
        "received",
        "opened",
        "known",
        "noted",
        "later",
        "acknowledged",
        "coming",
        "decided",
        "resolved",
        "cancelled",
        "merged",
    ]
    said = [sentence(name, facts, language_code=code) for name in names]

    assert len(set(said)) == len(names)
    assert not any("{" in one or len(one) > LONGEST for one in said)
    assert "4 min" in said[6]
    if code != "en":
        english = [sentence(name, facts, language_code="en") for name in names]
        assert all(own != other for own, other in zip(said, english, strict=True))


def test_the_words_of_the_floor() -> None:
    facts = Facts(ref="EX-2026-004217", function="maintenance", minutes=4)
    assert sentence("coming", facts, language_code="en") == "EX-2026-004217, maintenance is coming, 4 min"
    assert sentence("coming", facts, language_code="de-CH") == "EX-2026-004217, Instandhaltung kommt, 4 min"
    assert language("fr") == "en"
    long = Facts(ref="EX-2026-004217", title="x" * 500, function="own", function_name="Tool shop")
    assert len(sentence("opened", long, language_code="en")) <= LONGEST
    assert sentence("opened", long, language_code="en").endswith("…. Tool shop is told.")


# --- files
def test_a_whatsapp_photo_is_fetched_by_its_id_with_our_key(there: Provider) -> None:
    fetch = fetcher_for("whatsapp")
    assert fetch is not None
    config, secrets = {"base_url": f"{there.url}/graph"}, {"access_token": "t"}

    assert fetch(config, secrets, "65463453") == (PHOTO, "image/jpeg", "")
    assert there.asked == [("/graph/65463453", "Bearer t"), ("/media/65463453", "Bearer t")]


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest",
        "https://evil.example/x",
        "file:///etc/passwd",
        "http://lookaside.fbsbx.com/x",
        "https://lookaside.fbsbx.com.evil.example/",
        "https://u:p@lookaside.fbsbx.com/",
        "",
    ],
)
def test_no_message_makes_us_call_another_host(there: Provider, address: str) -> None:
    there.media_url = address or "x"
    for code, ref in (
        ("whatsapp", "65463453"),
        ("twilio", address),
        ("slack", address),
        ("twilio", f"{there.url}/moved"),
    ):
        fetch = fetcher_for(code)
        assert fetch is not None
        base = f"{there.url}/graph" if code == "whatsapp" else there.url
        secrets = {"access_token": "t", "auth_token": "t", "bot_token": "t"}
        with pytest.raises(FetchFailed):
            fetch({"base_url": base, "account_sid": "AC"}, secrets, ref)
    assert {path for path, _ in there.asked} <= {"/graph/65463453", "/moved", "/x"}


def test_files_are_bounded_and_trouble_is_told_apart(there: Provider) -> None:
    fetch, slack = fetcher_for("twilio"), fetcher_for("slack")
    assert fetch is not None
    assert slack is not None
    config, secrets = {"base_url": there.url, "account_sid": "AC"}, {"auth_token": "t", "bot_token": "t"}

    assert fetch(config, secrets, f"{there.url}/moved")[0] == PHOTO
    there.fail = [(503, {"Retry-After": "7"}, {})]
    with pytest.raises(FetchFailed) as away:
        fetch(config, secrets, f"{there.url}/media/1")
    assert (away.value.final, away.value.retry_after) == (False, 7.0)
    with pytest.raises(FetchFailed, match="login") as login:
        slack(config, secrets, f"{there.url}/login")
    assert login.value.final
    there.huge = True
    with pytest.raises(FetchFailed, match="larger than 25 MB"):
        fetch(config, secrets, f"{there.url}/media/1")
    with pytest.raises(FetchFailed, match="no auth token"):
        fetch(config, {}, f"{there.url}/media/1")


def test_a_day_is_counted_from_the_last_word(whatsapp: Source, there: Provider) -> None:
    """The window is the person's last message, not the report's."""
    started: datetime = clock.now()
    reported(whatsapp)
    services.plan_replies()
    signal = Signal.objects.get()
    assert reply_sending._wrote_lately(signal, started + timedelta(hours=23))
    assert not reply_sending._wrote_lately(signal, started + timedelta(hours=24, minutes=1))


def test_a_provider_that_is_away_is_not_asked_for_every_reply(
    plant: KolbeMini, whatsapp: Source, there: Provider
) -> None:
    for number, place in enumerate(("press 4 down", "press 3 down", "mill 4 down", "mill 5 down")):
        with clock.travel(clock.now() + timedelta(minutes=2 * number)):
            reported(whatsapp, place, message_id=f"w{number}")
    there.fail = [(503, {}, {})] * 4
    at = clock.now() + timedelta(minutes=10)
    with clock.travel(at):
        services.send_replies()
    assert len(there.fail) == 3
    assert ReplyAttempt.objects.count() == 1
    assert list(ReporterReply.objects.order_by("pk").values_list("status", "attempts")) == [
        ("queued", 1), ("queued", 0), ("queued", 0), ("queued", 0),
    ]  # fmt: skip
    there.fail = []
    with clock.travel(at + timedelta(minutes=1)):
        services.send_replies()
    assert len(there.sent) == 4
