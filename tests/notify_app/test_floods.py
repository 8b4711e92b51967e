"""More than ten new records in ten minutes to one person: what is urgent comes at once, the rest as one mail."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from core import clock
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Telling
from notify_app import services
from notify_app.models import Notice
from notify_app.selectors import flood_of
from plant_app.models import User
from routing_app.models import Mark, Rule, RuleCondition
from routing_app.services import next_order, place_rule, publish
from tests.notify_app.conftest import Mailbox
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def person(plant: KolbeMini) -> User:
    """Somebody of quality, with an address and nothing to do yet."""
    return plant.holder("inspector")


@pytest.fixture
def reach(plant: KolbeMini, report: Any, person: User) -> Any:
    """So many new records reach the person; the urgency is each one's own."""
    numbers = iter(range(1, 1000))

    def send(count: int, rank: int = 3) -> list[ExceptionRecord]:
        records = []
        for _ in range(count):
            number = next(numbers)
            record = report(f"please look into matter {number}a sometime", type="engineering_change")
            assert record.pk not in {one.pk for one in records}
            Telling.objects.filter(exception=record, taken_at=None).delete()
            Telling.objects.create(exception=record, person=person, reason="first", urgency_rank=rank)
            records.append(record)
        services.send_due()
        return records

    return send


def mails_of(person: User) -> Any:
    return Notice.objects.filter(person=person, channel="email").order_by("pk")


def test_ten_are_told_one_by_one(reach: Any, person: User, mailbox: Mailbox) -> None:
    reach(10)
    assert len(mailbox.to(person.email)) == 10
    assert flood_of(person.pk, clock.now()) == 0


def test_in_a_flood_what_is_not_urgent_waits_and_comes_as_one_mail(
    reach: Any, person: User, mailbox: Mailbox
) -> None:
    # given ten new ones, then six that are not urgent and one that is
    reach(10)
    late = reach(6)
    reach(1, rank=0)
    # then the urgent one went out at once and the six wait, though the portal shows them all
    assert len(mailbox.to(person.email)) == 11
    assert list(mails_of(person).filter(status="held").values_list("exception", flat=True)) == [
        record.pk for record in late
    ]
    assert Notice.objects.filter(person=person, channel="in_app").count() == 17
    assert flood_of(person.pk, clock.now()) == 17
    # when two of them are answered or over meanwhile, and the window ends
    done = late[0]
    exceptions.move(exception=exceptions.locked(done.pk), to="cancelled")
    with clock_at(minutes=11):
        services.send_due()
        # then one mail tells the other five, and once
        digest = mailbox.to(person.email)[-1]
        assert digest["Subject"] == "5 further exceptions, none of them urgent"
        text = digest.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert [record.ref in text for record in late] == [False, True, True, True, True, True]
        assert text.count("/n/") == 5
        assert services.send_due() == 0
    assert len(mailbox.to(person.email)) == 12
    assert list(mails_of(person).values_list("status", flat=True)[10:16]) == ["dropped", *["sent"] * 5]


def test_what_a_rule_groups_waits_though_few_came(reach: Any, person: User, mailbox: Mailbox) -> None:
    # given a published rule that groups what is of medium severity
    rule = Rule.objects.create(
        code="group", name="Group", order=next_order(), kind="add", mark=Mark.GROUP_NOTICES
    )
    RuleCondition.objects.create(rule=rule, fact="severity", operator="is", value="medium")
    place_rule(rule=rule, before=Rule.objects.order_by("order").first())
    publish(actor=None, note="grouped")
    # when one that may wait and one that may not reach a person who has no others
    (waits,) = reach(1, rank=2)
    reach(1, rank=1)
    # then only the urgent one went out, and the other says what it waits for
    assert len(mailbox.to(person.email)) == 1
    held = mails_of(person).get(status="held")
    assert (held.exception_id, held.held_for) == (waits.pk, "a rule groups what may wait")
    # and when the window is over it comes, once
    with clock_at(minutes=11):
        services.send_due()
        services.send_due()
    assert len(mailbox.to(person.email)) == 2


def test_a_mail_server_away_keeps_them(reach: Any, person: User, mailbox: Mailbox) -> None:
    reach(10)
    reach(2)
    assert mailbox.controller is not None
    mailbox.controller.stop()
    with clock_at(minutes=11):
        services.send_due()
    waiting = mails_of(person).filter(status="queued")
    assert waiting.count() == 2
    assert all("mail server away" in one.error for one in waiting)


def test_the_inbox_groups_what_may_wait(plant: KolbeMini, report: Any) -> None:
    # given a person who is asked for a dozen alike
    for number in range(12):
        report(f"please look into matter {number}a sometime", type="engineering_change")
    services.send_due()
    asked = User.objects.filter(responses__exception__isnull=False).distinct()
    flooded = [one for one in asked if flood_of(one.pk, clock.now())]
    assert flooded
    client = Client()
    client.force_login(flooded[0])
    page = client.get("/inbox/").content.decode()
    assert "12 new in 10 minutes" in page
    assert "12 alike, none of them urgent" in page


def clock_at(*, minutes: int) -> Any:
    """The clock some minutes on."""
    return time_machine.travel(clock.now() + timedelta(minutes=minutes), tick=True)
