"""Everybody affected is told at once, by portal and by real mail, and answers with one tap."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from core import clock
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Response, Telling
from notify_app import services
from notify_app.channels.registry import CHANNELS
from notify_app.models import DeliveryAttempt, Notice, Preference
from notify_app.services import sending
from plant_app.models import User
from tests.decisions_app.conftest import Report, response_of
from tests.notify_app.conftest import Mailbox
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


@pytest.fixture(autouse=True)
def addresses(plant: KolbeMini) -> None:
    """Everybody has an address."""
    for person in plant.people.values():
        person.email = f"{person.username}@kolbe.example"
    User.objects.bulk_update(plant.people.values(), ["email"])


def link_in(text: str) -> str:
    found = re.search(r"https?://[^\s\"<]+/n/[^\s\"<]+", text)
    assert found is not None, text
    return "/n/" + found.group(0).split("/n/", 1)[1]


def test_every_affected_function_is_told_by_portal_and_mail(
    plant: KolbeMini, report: Report, mailbox: Mailbox
) -> None:
    exception = report(DOWN)
    required = list(exception.responses.filter(required=True))
    assert {response.function.code for response in required} >= {"maintenance", "production", "planning"}
    for response in required:
        notices = Notice.objects.filter(response=response, person=response.person)
        assert sorted(notices.values_list("channel", "status")) == [
            ("email", "sent"),
            ("in_app", "delivered"),
        ]
        assert response.told_at is not None
        assert response.delivered_at is not None
    mails = mailbox.to("jonas.keller@kolbe.example")
    assert len(mails) == 1
    assert exception.ref in mails[0]["Subject"]
    assert "acknowledge by" in mails[0]["Subject"]


def test_telling_again_tells_nobody_twice(plant: KolbeMini, report: Report, mailbox: Mailbox) -> None:
    report(DOWN)
    before = len(mailbox.mails)
    services.send_due()
    services.send_due()
    assert len(mailbox.mails) == before
    assert not Telling.objects.filter(taken_at__isnull=True, due_at__lte=clock.now()).exists()


def test_opening_the_link_changes_nothing_and_the_button_acknowledges(
    plant: KolbeMini, report: Report, mailbox: Mailbox, client: Client
) -> None:
    exception = report(DOWN)
    path = link_in(mailbox.to("jonas.keller@kolbe.example")[0].get_body(("plain",)).get_content())  # type: ignore[union-attr]
    # given a link scanner that opens every address, twice
    assert client.get(path).status_code == 200
    assert client.head(path).status_code == 200
    assert not response_of(exception, "maintenance").answered
    # when the technician taps the button
    page = client.post(path, {"answer": "acknowledge"})
    assert page.status_code == 200
    response = response_of(exception, "maintenance")
    assert (response.status, response.acknowledged_by) == ("acknowledged", plant.people["jonas.keller"])
    exception.refresh_from_db()
    assert exception.status == "acknowledged"
    assert Notice.objects.get(response=response, channel="email").answer == "acknowledge"
    assert exception.events.get(kind="acknowledged").via == "link"


def test_a_forged_or_old_link_reveals_nothing(
    plant: KolbeMini, report: Report, mailbox: Mailbox, client: Client
) -> None:
    exception = report(DOWN)
    path = link_in(mailbox.to("jonas.keller@kolbe.example")[0].get_body(("plain",)).get_content())  # type: ignore[union-attr]
    forged = client.post(path[:-3] + "xyz/", {"answer": "acknowledge"})
    assert forged.status_code == 404
    assert exception.title not in forged.content.decode()
    assert not response_of(exception, "maintenance").answered


def test_who_wants_no_mail_for_an_urgency_gets_none_but_still_sees_it(
    plant: KolbeMini, report: Report, mailbox: Mailbox
) -> None:
    keller = plant.people["jonas.keller"]
    nothing = {urgency: [] for urgency in ("critical", "high", "normal", "low")}
    Preference.objects.create(user=keller, channels=nothing)
    report(DOWN)
    assert mailbox.to("jonas.keller@kolbe.example") == []
    assert Notice.objects.filter(person=keller, channel="in_app").count() == 1


def test_an_unknown_mailbox_fails_for_good_and_the_others_are_told(
    plant: KolbeMini, report: Report, mailbox: Mailbox
) -> None:
    mailbox.refuse.add("jonas.keller@kolbe.example")
    report(DOWN)
    notice = Notice.objects.get(person=plant.people["jonas.keller"], channel="email")
    assert notice.status == "failed"
    attempt = notice.deliveries.get()
    assert (attempt.delivered, attempt.permanent) == (False, True)
    assert mailbox.to("ingrid.vogel@kolbe.example")


def test_a_mail_server_that_is_away_delays_and_loses_nothing(
    plant: KolbeMini, report: Report, mailbox: Mailbox
) -> None:
    assert mailbox.controller is not None
    mailbox.controller.stop()
    report(DOWN)
    waiting = Notice.objects.filter(channel="email")
    assert set(waiting.values_list("status", flat=True)) == {"queued"}
    assert set(DeliveryAttempt.objects.values_list("delivered", flat=True)) == {False}
    # everybody can see it in the portal all the same
    assert Notice.objects.filter(channel="in_app", status="delivered").count() == waiting.count()
    assert all(notice.due_at > clock.now() for notice in waiting)
    assert Response.objects.filter(required=True, told_at__isnull=True).count() == 0


def test_a_slow_mail_server_is_given_no_more_than_the_lease_allows(
    plant: KolbeMini, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given several mails in one batch, and a mail server that takes eleven seconds for each
    began = clock.now()
    monkeypatch.setattr(clock, "now", lambda: began + timedelta(seconds=11 * len(mailbox.mails)))
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf),
        external_id="slow",
        text=DOWN,
        reporter=plant.people["piotr.nowak"],
        site=plant.rhf,
    )
    exceptions.read_signal(signal_id=received.signal.pk)
    sending.take_tellings()
    batch = sending.claim(CHANNELS["email"], 20)
    assert len(batch) == 3
    # when they are handed over
    tries = sending.hand_over(CHANNELS["email"], [[notice] for notice in batch])
    # then no mail is begun that may outlast the lease, for its next holder would send it again
    assert len(tries) == len(mailbox.mails) == 2
    # and the rest goes to whoever comes next, not counted as a try
    sending.record_all(tries)
    sending.give_back(batch[2:])
    rest = Notice.objects.filter(channel="email", status="queued", attempts=0)
    assert {notice.pk for notice in rest} == {notice.pk for notice in batch[2:]}
    services.send_due()
    assert len(mailbox.mails) == len({mail["Message-ID"] for mail in mailbox.mails}) == len(batch)
    assert set(Notice.objects.filter(channel="email").values_list("status", "attempts")) == {("sent", 1)}


def test_an_answer_before_the_notice_makes_it_needless(plant: KolbeMini, mailbox: Mailbox) -> None:
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf),
        external_id="quick",
        text=DOWN,
        reporter=plant.people["piotr.nowak"],
        site=plant.rhf,
    )
    reading = exceptions.read_signal(signal_id=received.signal.pk)
    assert reading.exception is not None
    response = response_of(reading.exception, "maintenance")
    exceptions.acknowledge(response_id=response.pk, actor=response.person, via="board")
    services.send_due()
    assert mailbox.to("jonas.keller@kolbe.example") == []
    assert Telling.objects.filter(response=response).exclude(dropped="").exists()


def test_an_ended_record_tells_nobody(plant: KolbeMini, mailbox: Mailbox) -> None:
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf),
        external_id="mistake",
        text=DOWN,
        reporter=plant.people["piotr.nowak"],
        site=plant.rhf,
    )
    reading = exceptions.read_signal(signal_id=received.signal.pk)
    assert reading.exception is not None
    decisions.cancel(exception_id=reading.exception.pk, actor=plant.people["ingrid.vogel"], reason="a drill")
    services.send_due()
    assert mailbox.mails == []
    assert Notice.objects.count() == 0


def test_seeing_the_page_is_noted_once(plant: KolbeMini, report: Report, mailbox: Mailbox) -> None:
    exception = report(DOWN)
    keller = plant.people["jonas.keller"]
    assert services.mark_seen(person=keller, exception_id=exception.pk) == 2
    assert services.mark_seen(person=keller, exception_id=exception.pk) == 0
    assert response_of(exception, "maintenance").seen_at is not None


def test_the_next_level_is_told_when_nobody_answers(
    plant: KolbeMini, report: Report, mailbox: Mailbox
) -> None:
    exception = report(DOWN)
    owner = exception.responses.get(is_owner=True)
    with clock.travel(owner.acknowledge_due_at + timedelta(minutes=1)):
        exceptions.escalate_due()
        services.take_tellings()
    assert Notice.objects.filter(
        exception=exception, person=plant.people["bernd.hauser"], channel="in_app"
    ).exists()
    assert ExceptionRecord.objects.get(pk=exception.pk).lapsed_levels == 1
