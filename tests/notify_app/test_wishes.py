"""Quiet hours, the next channel in time, how many come one by one, and defaults of a function: by a moved clock."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from core import clock
from core.errors import InvalidInput
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Telling
from notify_app import services
from notify_app.models import Notice, Preference
from plant_app.models import User
from tests.decisions_app.conftest import Report, response_of
from tests.notify_app.conftest import Mailbox
from tests.notify_app.receiver import receiver
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"
LATE = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)  # Tuesday 23:30 at the plant
EVERY = {word: ["email"] for word in ("critical", "high", "normal", "low")}


@pytest.fixture
def keller(plant: KolbeMini) -> User:
    person = plant.people["jonas.keller"]
    person.email = "jonas.keller@kolbe.example"
    person.save()
    return person


def tell(exception: ExceptionRecord, person: User, rank: int, reason: str = "inform") -> None:
    Telling.objects.create(exception=exception, person=person, reason=reason, urgency_rank=rank)


def test_quiet_hours_hold_what_can_wait_and_let_through_what_overrides(
    keller: User, report: Report, mailbox: Mailbox
) -> None:
    exception = report(DOWN)
    mailbox.mails.clear()
    services.set_wishes(
        user=keller, channels=EVERY, quiet_from=time(22), quiet_until=time(6), override="critical"
    )
    with time_machine.travel(LATE, tick=True):
        tell(exception, keller, 1)
        tell(exception, keller, 2)
        services.send_due()
        assert mailbox.to(keller.email) == []
        held = Notice.objects.filter(person=keller, channel="email", status="held")
        assert set(held.values_list("held_for", flat=True)) == {"do not disturb"}
        assert {row.due_at for row in held} == {datetime(2026, 11, 25, 5, tzinfo=UTC)}
        # the portal shows them all the same
        assert Notice.objects.filter(person=keller, channel="in_app", telling__reason="inform").count() == 2
        tell(exception, keller, 0)
        services.send_due()
        assert len(mailbox.to(keller.email)) == 1
    with time_machine.travel(LATE + timedelta(hours=6, minutes=29), tick=True):
        services.send_due()
        assert len(mailbox.to(keller.email)) == 1
    with time_machine.travel(LATE + timedelta(hours=6, minutes=31), tick=True):
        services.send_due()
        services.send_due()
    (_, digest) = mailbox.to(keller.email)
    assert digest["Subject"] == "2 further exceptions"
    assert "not to be disturbed" in digest.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_what_is_not_through_in_time_goes_by_the_next_channel_once(
    keller: User, report: Report, mailbox: Mailbox
) -> None:
    exception = report(DOWN)
    mailbox.mails.clear()
    assert mailbox.controller is not None
    services.set_wishes(user=keller, channels=EVERY, order=["email", "chat"])
    with receiver() as book:
        address = services.add_address(
            url=f"{book.url.replace('http:', 'json:')}/x", label="", user=keller, by_administrator=True
        )
        mailbox.controller.stop()
        began = clock.now()
        tell(exception, keller, 0)
        services.send_due()
        services.send_outside()
        assert book.arrived == []
        with time_machine.travel(began + timedelta(seconds=75), tick=True):
            services.send_due()
            services.send_outside()
            services.send_due()
            services.send_outside()
        assert len(book.arrived) == 1
    instead = Notice.objects.get(address=address)
    assert (instead.status, instead.instead_of.channel) == ("sent", "email")  # type: ignore[union-attr]


def test_an_answer_meanwhile_makes_the_next_channel_needless(
    keller: User, report: Report, mailbox: Mailbox
) -> None:
    services.set_wishes(user=keller, channels=EVERY, order=["email", "chat"])
    assert mailbox.controller is not None
    mailbox.controller.stop()
    with receiver() as book:
        services.add_address(
            url=f"{book.url.replace('http:', 'json:')}/x", label="", user=keller, by_administrator=True
        )
        exception = report(DOWN)
        exceptions.acknowledge(
            response_id=response_of(exception, "maintenance").pk, actor=keller, via="board"
        )
        with time_machine.travel(clock.now() + timedelta(hours=2), tick=True):
            services.send_due()
            services.send_outside()
        assert book.arrived == []
    assert set(Notice.objects.filter(person=keller, channel="email").values_list("status", flat=True)) == {
        "dropped"
    }


def test_a_person_chooses_how_many_come_one_by_one(keller: User, report: Report, mailbox: Mailbox) -> None:
    services.set_wishes(user=keller, channels=EVERY, most=3)
    exception = report(DOWN)
    mailbox.mails.clear()
    others = [report(f"please look into matter {n}a sometime", type="engineering_change") for n in range(5)]
    for other in others:
        tell(other, keller, 3, reason="first")
    services.send_due()
    assert exception.ref not in "".join(mail["Subject"] for mail in mailbox.to(keller.email))
    held = Notice.objects.filter(person=keller, channel="email", status="held")
    assert {row.held_for for row in held} == {"more than may come one by one"}
    assert held.count() == 3


def test_a_functions_default_holds_until_somebody_says_otherwise(
    keller: User, report: Report, mailbox: Mailbox
) -> None:
    exception = report(DOWN)
    services.set_default(function=keller.function, channels={**EVERY, "low": []})
    tell(exception, keller, 3)
    services.send_due()
    mine = Notice.objects.filter(person=keller, channel="email", telling__reason="inform")
    assert not mine.exists()
    services.set_wishes(user=keller, channels=EVERY)
    tell(exception, keller, 3)
    services.send_due()
    assert mine.count() == 1
    services.forget_wishes(user=keller)
    assert not Preference.objects.exists()


def test_what_cant_be_is_refused_at_its_field_and_changes_nothing(keller: User, client: Client) -> None:
    for wrong, field in (
        ({"channels": {"critical": []}}, "critical"),
        ({"channels": {"high": ["fax"]}}, "high"),
        ({"channels": EVERY, "quiet_from": time(22)}, "quiet_until"),
        ({"channels": EVERY, "most": 1}, "most"),
    ):
        with pytest.raises(InvalidInput) as refused:
            services.set_wishes(user=keller, **wrong)  # type: ignore[arg-type]
        errors: Any = refused.value.extra["errors"]
        assert list(errors) == [field]
    assert not Preference.objects.exists()
    client.force_login(keller)
    page = client.post("/me/notifications/", {"high": ["email"], "override": "critical"})
    assert page.status_code == 422
    assert "needs a channel beside the portal" in page.content.decode()


def test_wishes_are_read_and_written_over_the_api(keller: User, client: Client) -> None:
    address = "/api/v1/me/notifications/"

    def put(**body: Any) -> Any:
        return client.put(address, body, "application/json")

    assert client.get(address).status_code in (401, 403)
    client.force_login(keller)
    services.set_default(function=keller.function, channels=EVERY, override="high", most=20)
    first = client.get(address).json()
    assert (first["own"], first["available"], first["quiet"]) == (False, ["email"], None)
    assert (first["channels"], first["override"], first["most"]) == (EVERY, "high", 20)
    # what is refused names its fields and changes nothing
    quiet = {"begins": "22:00", "ends": "06:00", "days": [0, 4]}
    for body, code, fields in (
        ({"channels": {"critical": [], "high": ["fax"]}, "most": 2}, "notices.wishes", {"critical", "high", "most"}),
        ({"quiet": {**quiet, "days": [7]}}, "notices.wishes", {"quiet_days"}),
        ({"quiet": {**quiet, "ends": "22:00"}}, "notices.wishes", {"quiet_until"}),
        ({"quiet": {"begins": "25:00", "ends": "06:00"}}, "request.invalid", {"quiet"}),
        ({"channels": ["email"]}, "request.invalid", {"channels"}),
    ):  # fmt: skip
        refused = put(**body)
        assert (refused.status_code, refused.json()["code"]) == (400, code), body
        assert set(refused.json()["errors"]) == fields
    assert not Preference.objects.exists()
    # kept as a whole, read back the same, and told that way
    kept = put(channels={**EVERY, "low": []}, order=["email", "push"], override="normal", most=5, quiet=quiet)
    assert kept.status_code == 200
    assert kept.json() == client.get(address).json()
    assert kept.json()["quiet"] == quiet
    row = Preference.objects.get(user=keller)
    assert (row.channels["low"], row.order, row.most) == ([], ["email", "push"], 5)
    assert (row.quiet_from, row.quiet_until, row.quiet_days) == (time(22), time(6), [0, 4])
    # written back as read, nothing changes; without, the function's default holds again
    assert put(**kept.json()).json() == kept.json()
    assert client.delete(address).json() == first
    assert not Preference.objects.exists()
