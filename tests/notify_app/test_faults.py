"""Receivers that fail, stall, and take what they never say they took: every channel, against real servers.

Nothing is lost, nothing is sent again once a yes has arrived, and what is repeated is the same by its id.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import time_machine

from notify_app import services
from notify_app.channels import outside, push
from notify_app.models import Notice, WebhookEndpoint, WebhookStatus
from notify_app.services import webhook_sending
from notify_app.webhooks import posting
from plant_app.models import User
from tests.decisions_app.conftest import Report
from tests.notify_app.conftest import Mailbox
from tests.notify_app.receiver import Device, receiver
from tests.notify_app.webhook_receiver import HANG_UP, OK
from tests.notify_app.webhook_receiver import Receiver as Hook
from tests.plant_fixtures import KolbeMini

START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
DOWN = "press 4 down, hydraulic leak"
EVERY = {word: ["push", "phone", "chat", "email"] for word in ("critical", "high", "normal", "low")}


def after(minutes: float) -> Any:
    """Everybody's clock stands still then. (Under `clock.travel` nothing leaves the house.)"""
    return time_machine.travel(START + timedelta(minutes=minutes), tick=False)


def until(arrived: Callable[[], bool]) -> None:
    """Wait for what a receiver of a busy machine has not read yet."""
    for _ in range(400):
        if arrived():
            return
        threading.Event().wait(0.05)


def standing(channel: str) -> set[str]:
    return set(Notice.objects.filter(channel=channel).values_list("status", flat=True))


def test_a_mail_server_that_fails_stalls_and_hangs_up(
    plant: KolbeMini, report: Report, mailbox: Mailbox, settings: Any
) -> None:
    for person in plant.people.values():
        person.email = f"{person.username}@kolbe.example"
    User.objects.bulk_update(plant.people.values(), ["email"])
    # it asks to come again
    mailbox.later = 99
    with after(0):
        report(DOWN)
        mails = Notice.objects.filter(channel="email")
        count = mails.count()
        assert (count > 1, standing("email"), mailbox.mails) == (True, {"queued"}, [])
        assert all("451" in row.error for row in mails)
    # it takes the words and never says so
    mailbox.later, mailbox.stall, settings.EMAIL_TIMEOUT = 0, True, 1
    with after(2):
        services.send_due()
        assert (standing("email"), mailbox.mails) == ({"queued"}, [])
    # it has one of them, and drops the line before it could say so
    mailbox.stall, mailbox.hang_up, settings.EMAIL_TIMEOUT = False, 1, 20
    with after(10):
        services.send_due()
        assert standing("email") == {"queued"}
    # it works: everybody has it, once; who had it has it again under the same id
    with after(30):
        services.send_due()
        assert standing("email") == {"sent"}
    with after(120):
        services.send_due()
    ids = [mail["Message-ID"] for mail in mailbox.mails]
    assert len(set(ids)) == count
    assert len(ids) == count + 1
    for notice in mails:
        said = list(notice.deliveries.order_by("number").values_list("delivered", flat=True))
        assert said == [False, False, False, True]


def test_chats_and_push_services_that_fail_stall_and_hang_up(
    plant: KolbeMini, report: Report, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keller = plant.people["jonas.keller"]
    with receiver() as book:
        settings.PUSH_SERVICES = [book.url]
        phone, chat = Device(book, "phone"), "/ops"
        paths = (phone.path, chat)
        with after(0):
            services.subscribe(user=keller, subscription=phone.subscription)
            url = f"{book.url.replace('http:', 'json:')}{chat}"
            services.add_address(url=url, label="Ops", user=keller, by_administrator=True)
            services.set_wishes(user=keller, channels=EVERY)

        def faulty(minutes: float, fault: Callable[[str], Any], *, seen: int) -> None:
            """Both are tried once more, and fail this way. Two seconds are enough for who never answers."""
            patience = 2.0 if fault == book.stall.add else 20.0
            monkeypatch.setattr(push, "PATIENCE", httpx.Timeout(patience))
            monkeypatch.setattr(outside, "READ", patience)
            for path in paths:
                fault(path)
            with after(minutes):
                if not minutes:
                    report(DOWN)
                services.send_push()
                services.send_outside()
            until(lambda: all(len(book.at(path)) >= seen for path in paths))
            assert [len(book.at(path)) for path in paths] == [seen, seen]

        def fails(path: str) -> None:
            book.answers[path] = [(503, {})]

        def hangs_up(path: str) -> None:
            book.stall.discard(path)
            book.hang_up[path] = 1

        def works(path: str) -> None:
            book.answers[path] = [(201, {})]

        faulty(0, fails, seen=1)
        faulty(2, book.stall.add, seen=2)
        faulty(10, hangs_up, seen=3)
        assert standing("push") == standing("chat") == {"queued"}
        faulty(30, works, seen=4)
        assert standing("push") == standing("chat") == {"sent"}
        faulty(120, works, seen=4)
        # each try of a push replaces the one before on the device; a chat shows the same words
        assert len({one.headers["topic"] for one in book.at(phone.path)}) == 1
        assert len({phone.read(one.body)["tag"] for one in book.at(phone.path)}) == 1
        assert len({one.body for one in book.at(chat)}) == 1
    for notice in Notice.objects.filter(person=keller, channel__in=("push", "chat")):
        tries = list(notice.deliveries.order_by("number").values_list("delivered", "detail"))
        assert [taken for taken, _ in tries] == [False, False, False, True]
        assert "503" in tries[0][1]
        assert all("did not answer" in words for _, words in tries[1:3])


@pytest.fixture
def hook(settings: Any) -> Iterator[Hook]:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    one = Hook()
    yield one
    one.close()


def test_a_webhooks_receiver_that_fails_stalls_and_hangs_up(
    plant: KolbeMini, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with after(0):
        endpoint = WebhookEndpoint.objects.create(name="MES", url=hook.url)
        endpoint.sites.add(plant.rhf)
        sent = services.send_test(endpoint_id=endpoint.pk)
    for minutes, reply in ((0, (500, {}, b"no")), (5, None), (20, HANG_UP), (60, OK), (120, OK)):
        hook.answer = lambda got, reply=reply: reply  # type: ignore[misc]
        patience = 2.0 if reply is None else 20.0
        monkeypatch.setattr(
            webhook_sending,
            "post",
            lambda url, most=patience, **rest: posting.post(url, patience=most, **rest),
        )
        with after(minutes):
            services.send_webhooks()
        until(lambda: len(hook.got) >= sent.tries.count())
    sent.refresh_from_db()
    assert sent.status == WebhookStatus.DELIVERED
    # three tries without a yes, one with, none after it; all the same message
    assert [got.id for got in hook.got] == [sent.message_id] * 4
    assert {got.body.decode() for got in hook.got} == {sent.body}
    tries = list(sent.tries.order_by("number").values_list("accepted", "status_code"))
    assert tries == [(False, 500), (False, None), (False, None), (True, 200)]
