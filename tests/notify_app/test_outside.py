"""What goes through Apprise, against a local receiver: told once, secrets kept, refusals retried, stalls contained."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from core import clock
from core.errors import InvalidInput, TooMany
from notify_app import services
from notify_app.channels import outside
from notify_app.models import Address, Notice
from plant_app.models import Team, User
from tests.decisions_app.conftest import Report
from tests.notify_app.receiver import Receiver, receiver
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"
KEY = "s3cr3t-hook-key"


@pytest.fixture
def chat() -> Iterator[Receiver]:
    with receiver() as book:
        yield book


def by_everything(person: User) -> None:
    """Every channel at every urgency, whatever the record's is."""
    ways = ["push", "phone", "chat", "email"]
    services.set_wishes(user=person, channels=dict.fromkeys(("critical", "high", "normal", "low"), ways))


@pytest.fixture
def keller(plant: KolbeMini) -> User:
    return plant.people["jonas.keller"]


def url_of(book: Receiver, path: str = KEY) -> str:
    return f"{book.url.replace('http:', 'json:')}/{path}"


def add(book: Receiver, path: str = KEY, **of: Any) -> Address:
    if "user" in of:
        by_everything(of["user"])
    return services.add_address(
        url=url_of(book, path), label="Ops chat", by_administrator=True, least="low", **of
    )


def test_a_person_and_a_team_are_told_once_and_nobody_sees_the_address(
    plant: KolbeMini, keller: User, chat: Receiver, report: Report, client: Client, caplog: Any
) -> None:
    team = Team.objects.create(
        site=plant.rhf, function=plant.functions["maintenance"], name="Maintenance RHF"
    )
    mine, teams = add(chat, user=keller), add(chat, "team-key-77", team=team)
    with caplog.at_level(logging.DEBUG):
        exception = report(DOWN)
        services.send_outside()
        services.send_outside()
    (came,) = chat.at(f"/{KEY}")
    (shared,) = chat.at("/team-key-77")
    told, group = json.loads(came.body), json.loads(shared.body)
    notice = Notice.objects.get(address=mine)
    assert told["title"] == notice.subject
    assert services.answer_url(notice) in told["message"]
    # many read the team's channel: its link answers as nobody
    assert "/n/" not in group["message"]
    assert f"/exceptions/{exception.ref}/" in group["message"]
    assert (notice.status, notice.deliveries.get().detail) == ("sent", "JSON accepted it (201)")
    # the address is in no log, no page, no words about it
    staff = User.objects.create_superuser("chief", password="x")
    client.force_login(staff)
    pages = [
        client.get(path).content.decode()
        for path in (
            f"/admin/notify_app/address/{mine.pk}/change/", "/admin/notify_app/address/",
            f"/admin/notify_app/notice/{notice.pk}/change/",
        )
    ]  # fmt: skip
    client.force_login(keller)
    pages.append(client.get("/me/notifications/").content.decode())
    for text in (*pages, caplog.text, str(mine), repr(mine), repr(teams)):
        assert KEY not in text
        assert "team-key-77" not in text


def test_what_fails_is_tried_again_until_it_is_taken_and_then_never(
    keller: User, chat: Receiver, report: Report
) -> None:
    mine = add(chat, user=keller)
    chat.answers[f"/{KEY}"] = [(503, {}), (429, {"Retry-After": "90"}), (200, {})]
    report(DOWN)
    began = clock.now()
    services.send_outside()
    services.send_outside()
    assert len(chat.arrived) == 1
    with time_machine.travel(began + timedelta(seconds=30), tick=True):
        services.send_outside()
        notice = Notice.objects.get(address=mine)
        assert notice.due_at >= clock.now() + timedelta(seconds=85)
    with time_machine.travel(began + timedelta(minutes=5), tick=True):
        services.send_outside()
        services.send_outside()
    assert len(chat.arrived) == 3
    notice.refresh_from_db()
    assert notice.status == "sent"
    details = list(notice.deliveries.order_by("number").values_list("detail", flat=True))
    assert "503" in details[0]
    assert "429" in details[1]
    mine.refresh_from_db()
    assert (mine.accepted, mine.failing_since) == (True, None)


def test_a_refusal_for_good_is_not_repeated_and_names_no_part_of_the_address(
    keller: User, chat: Receiver, report: Report
) -> None:
    mine = add(chat, user=keller)
    chat.answers[f"/{KEY}"] = [(403, {})]
    report(DOWN)
    services.send_outside()
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
        services.send_outside()
    notice = Notice.objects.get(address=mine)
    assert (notice.status, len(chat.arrived)) == ("failed", 1)
    assert "403" in notice.error
    assert KEY not in notice.error


def test_a_chat_that_never_answers_keeps_nobody_else_waiting(
    plant: KolbeMini, keller: User, chat: Receiver, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "READ", 2.0)
    chat.stall.add(f"/{KEY}")
    with receiver() as other:
        add(chat, user=keller)
        well = add(other, "fine", user=plant.people["ingrid.vogel"])
        report(DOWN)
        services.send_outside()
        assert len(other.arrived) == 1
    assert Notice.objects.get(address=well).status == "sent"
    stuck = Notice.objects.get(person=keller, channel="chat")
    assert (stuck.status, stuck.attempts) == ("queued", 1)
    assert "did not answer" in stuck.error


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "garbage://x", "syslog://", "dbus://", "twilio://AC" + "1" * 32 + ":" + "2" * 32
     + "@15551231234/15551234567/15557654321"],
)  # fmt: skip
def test_what_is_no_address_of_one_receiver_is_refused_without_repeating_it(keller: User, url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.add_address(url=url, label="", user=keller, by_administrator=True)
    assert len(url) < 8 or url not in str(refused.value) + refused.value.hint
    assert not Address.objects.exists()


def test_a_server_of_ones_own_needs_an_administrator_and_a_number_counts_as_phone(
    keller: User, chat: Receiver
) -> None:
    with pytest.raises(InvalidInput, match="administrator"):
        services.add_address(url=url_of(chat), label="", user=keller)
    number = services.add_address(
        url="twilio://AC" + "1" * 32 + ":" + "2" * 32 + "@15551231234/15551234567",
        label="My phone",
        user=keller,
    )
    assert (number.channel, number.shown) == ("phone", "Twilio")
    again = services.add_address(
        url="twilio://AC" + "1" * 32 + ":" + "2" * 32 + "@15551231234/15551234567", label="", user=keller
    )
    assert again == number


def test_a_test_says_what_the_provider_answered_and_is_not_a_hammer(keller: User, chat: Receiver) -> None:
    mine = add(chat, user=keller)
    assert services.send_test_notice(user=keller, address_id=mine.pk) == (True, "JSON accepted it (201)")
    with pytest.raises(TooMany):
        services.send_test_notice(user=keller, address_id=mine.pk)
    assert len(chat.arrived) == 1
    chat.answers[f"/{KEY}"] = [(500, {})]
    with time_machine.travel(clock.now() + timedelta(minutes=1), tick=True):
        taken, said = services.send_test_notice(user=keller, address_id=mine.pk)
    assert not taken
    assert "500" in said
    mine.refresh_from_db()
    assert (mine.accepted, mine.failing_since is not None) == (False, True)
    services.remove_address(address_id=mine.pk, user=keller)
    mine.refresh_from_db()
    assert mine.secret == ""


def test_a_text_message_is_a_line_and_a_link_that_is_never_cut() -> None:
    url = "https://xl.kolbe.example/n/4fzz-0123456789abcdef0123/"
    letter = outside.Letter(
        mark="m", targets=(), subject="Critical: " + "x" * 200, body="long " * 90, url=url
    )
    short = outside.words(letter, room=160, titled=False)
    assert len(short) <= 160
    assert short.endswith("\n" + url)
