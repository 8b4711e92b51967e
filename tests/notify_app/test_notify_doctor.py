"""What the doctor finds wrong with telling: each condition made real, and gone once it is mended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from core.doctor import Finding
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from notify_app import doctor, services, webhook_doctor
from notify_app.models import Address, Notice, WebhookDue, WebhookEndpoint
from plant_app.models import DutyAssignment, User
from tests.notify_app.conftest import Mailbox
from tests.notify_app.receiver import Device, receiver
from tests.notify_app.webhook_receiver import Receiver
from tests.plant_fixtures import KolbeMini

START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)  # a Tuesday, the early shift's
DOWN = "press 4 down, hydraulic leak"
Found = Callable[[str], Finding | None]


@pytest.fixture(autouse=True)
def addresses(plant: KolbeMini) -> None:
    """Everybody has an address."""
    for person in plant.people.values():
        person.email = f"{person.username}@kolbe.example"
    User.objects.bulk_update(plant.people.values(), ["email"])


@pytest.fixture
def found() -> Found:
    """The finding of a code, if the doctor has it now; the checks of other parts are not asked."""

    def find(code: str) -> Finding | None:
        every = (*doctor.tellings(), *doctor.mail(), *doctor.ways(), *webhook_doctor.webhooks())
        return next((one for one in every if one.code == code), None)

    return find


def opened(plant: KolbeMini, text: str = DOWN) -> ExceptionRecord:
    """A record whose people are due to be told, and nobody has been."""
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf), external_id=text, text=text,
        reporter=plant.people["piotr.nowak"], site=plant.rhf,
    )  # fmt: skip
    reading = exceptions.read_signal(signal_id=received.signal.pk)
    assert reading.exception is not None
    return reading.exception


def after(**time: Any) -> Any:
    """Everybody's clock stands still then. (Under `clock.travel` nothing leaves the house.)"""
    return time_machine.travel(START + timedelta(**time), tick=False)


def test_tellings_nobody_takes_and_notices_nobody_tries(
    plant: KolbeMini, mailbox: Mailbox, found: Found
) -> None:
    with after():
        exception = opened(plant)
        due = exception.tellings.filter(taken_at=None, due_at__lte=START).count()
    assert due > 1
    with after(seconds=59):
        assert found("XL-N001") is None
    with after(seconds=61):
        late = found("XL-N001")
        assert late is not None
        assert (late.count, late.level) == (due, "error")
    # taken, but no worker of the mail goes on
    with after(minutes=2):
        services.take_tellings()
        assert found("XL-N001") is None
        waiting = Notice.objects.filter(channel="email", status="queued").count()
        assert waiting
    with after(minutes=6):
        assert found("XL-N012") is None
    with after(minutes=8):
        untried = found("XL-N012")
        assert untried is not None
        assert (untried.count, untried.level) == (waiting, "error")
        assert f"{waiting} by email" in untried.summary
        services.send_due()
        assert found("XL-N012") is None
    assert len(mailbox.mails) == waiting


def test_a_role_nobody_holds_and_a_mailbox_that_is_none(
    plant: KolbeMini, mailbox: Mailbox, found: Found
) -> None:
    with after():
        assert found("XL-N002") is found("XL-N003") is None
        mailbox.refuse.add("jonas.keller@kolbe.example")
        opened(plant)
        services.send_due()
        refused = found("XL-N003")
        assert refused is not None
        assert refused.count == Notice.objects.filter(status="failed").count() == 1
        DutyAssignment.objects.all().delete()
        opened(plant, "press 5 down, no power")
        services.send_due()
        nobody = found("XL-N002")
        assert nobody is not None
        assert nobody.level == "warning"
    with after(hours=25):
        assert found("XL-N002") is found("XL-N003") is None


def test_an_address_that_refuses_for_an_hour(plant: KolbeMini, found: Found) -> None:
    keller = plant.people["jonas.keller"]
    with receiver() as chat:
        with after():
            address = services.add_address(
                url=f"{chat.url.replace('http:', 'json:')}/ops",
                label="Ops",
                user=keller,
                by_administrator=True,
            )
            chat.answers["/ops"] = [(500, {})]
            assert services.send_test_notice(user=keller, address_id=address.pk)[0] is False
        with after(minutes=60):
            services.send_test_notice(user=keller, address_id=address.pk)
            assert found("XL-N013") is None
        with after(minutes=61):
            failing = found("XL-N013")
            assert failing is not None
            assert (failing.count, failing.level) == (1, "warning")
            # it takes messages again
            chat.answers["/ops"] = [(200, {})]
            assert services.send_test_notice(user=keller, address_id=address.pk)[0] is True
            assert found("XL-N013") is None
        # one that refuses and is taken out of use is nobody's worry
        with after(minutes=62):
            chat.answers["/ops"] = [(500, {})]
            services.send_test_notice(user=keller, address_id=address.pk)
        with after(hours=3):
            assert found("XL-N013") is not None
            services.remove_address(address_id=address.pk, user=keller)
            assert found("XL-N013") is None


def test_people_out_of_reach_and_devices_without_https(plant: KolbeMini, found: Found, settings: Any) -> None:
    settings.PUBLIC_URL = "http://plant.kolbe.example"
    keller = plant.people["jonas.keller"]
    User.objects.filter(pk=keller.pk).update(email="")
    User.objects.create_user("visitor")  # holds no duty, so nobody misses a way to them
    silent = found("XL-N014")
    assert silent is not None
    assert (silent.count, silent.level) == (1, "info")
    assert found("XL-N015") is None
    # a device is a way to them; without HTTPS its browser opens nothing
    with receiver() as service:
        settings.PUSH_SERVICES = [service.url]
        services.subscribe(user=keller, subscription=Device(service, "phone").subscription)
    assert found("XL-N014") is None
    plain = found("XL-N015")
    assert plain is not None
    assert plain.level == "warning"
    settings.PUBLIC_URL = "https://plant.kolbe.example"
    assert found("XL-N015") is None
    # one that is gone counts for neither
    settings.PUBLIC_URL = "http://plant.kolbe.example"
    services.retire(address_id=Address.objects.get().pk, because="gone")
    assert found("XL-N015") is None
    assert found("XL-N014") is not None


def test_webhooks_nobody_sends_and_networks_nobody_can_read(
    plant: KolbeMini, found: Found, settings: Any
) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    listening = Receiver()
    try:
        with after():
            WebhookEndpoint.objects.create(name="MES", url=listening.url).sites.add(plant.rhf)
            opened(plant)
            due = WebhookDue.objects.count()
            assert due
        with after(minutes=4):
            assert found("XL-N033") is None
        with after(minutes=6):
            late = found("XL-N033")
            assert late is not None
            assert (late.count, late.level) == (due, "error")
            services.send_webhooks()
            assert found("XL-N033") is None
        assert len(listening.got) > 0
    finally:
        listening.close()
    assert found("XL-N034") is None
    settings.WEBHOOK_PRIVATE_NETWORKS = ["10.20.0.0/33"]
    unread = found("XL-N034")
    assert unread is not None
    assert unread.level == "error"
