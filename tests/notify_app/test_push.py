"""Web Push against a local push service: for the device alone, signed, retried, retired, never in the way of mail."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02
from py_vapid.utils import b64urldecode

from core import clock
from core.errors import InvalidInput
from exceptions_app.models import Telling
from notify_app import services
from notify_app.channels import push
from notify_app.models import Address, DeliveryAttempt, Notice, PushKey
from plant_app.models import User
from tests.decisions_app.conftest import Report, response_of
from tests.notify_app.conftest import Mailbox
from tests.notify_app.receiver import Device, Receiver, receiver
from tests.plant_fixtures import KolbeMini
from tests.tls_front import TlsFront

DOWN = "press 4 down, hydraulic leak"


@pytest.fixture
def service(settings: Any) -> Iterator[Receiver]:
    with receiver() as book:
        settings.PUSH_SERVICES = [book.url]
        yield book


def by_everything(person: User) -> None:
    """Every channel at every urgency, whatever the record's is."""
    ways = ["push", "phone", "chat", "email"]
    services.set_wishes(user=person, channels=dict.fromkeys(("critical", "high", "normal", "low"), ways))


@pytest.fixture
def keller(plant: KolbeMini) -> User:
    person = plant.people["jonas.keller"]
    person.email = "jonas.keller@kolbe.example"
    person.save()
    return person


def device_of(person: User, service: Receiver, name: str = "phone") -> Device:
    device = Device(service, name)
    services.subscribe(user=person, subscription=device.subscription, label=name)
    by_everything(person)
    return device


def pushed(person: User) -> Notice:
    return Notice.objects.get(person=person, channel="push")


def test_a_push_is_readable_by_the_device_alone_and_signed_by_this_installation(
    keller: User, service: Receiver, report: Report, mailbox: Mailbox
) -> None:
    phone, tablet = device_of(keller, service), device_of(keller, service, "tablet")
    exception = report(DOWN)
    assert service.arrived == []
    assert services.send_push() == 1
    (came,) = service.at(phone.path)
    (other,) = service.at(tablet.path)
    # what it says, decrypted with the device's own key
    note = phone.read(came.body)
    assert note == tablet.read(other.body)
    notice = pushed(keller)
    assert (note["title"], note["tag"]) == (notice.subject, f"notice-{notice.pk}")
    assert note["url"] == services.answer_url(notice)
    assert [one["action"] for one in note["actions"]] == ["acknowledge", "on_my_way"]
    assert exception.title.encode() not in came.body
    # who sent it: a VAPID token for this service, signed with the key browsers subscribed with
    assert (came.headers["content-encoding"], came.headers["topic"]) == (
        "aes128gcm", other.headers["topic"],
    )  # fmt: skip
    assert int(came.headers["ttl"]) > 0
    scheme, _, rest = came.headers["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert (scheme, parts["k"]) == ("vapid", PushKey.objects.get().public)
    assert Vapid02.verify(came.headers["authorization"])
    claims = json.loads(b64urldecode(parts["t"].split(".")[1].encode()))
    assert claims["aud"] == service.url
    assert claims["sub"].startswith("mailto:")
    assert 0 < claims["exp"] - clock.now().timestamp() <= 24 * 3600
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b64urldecode(parts["k"].encode()))
    # and it is written down once: repeated runs send nothing more
    assert notice.status == "sent"
    assert "2 of 2 devices" in notice.deliveries.get().detail
    assert response_of(exception, "maintenance").delivered_at is not None
    assert services.send_push() == 0
    assert len(service.arrived) == 2


def test_a_device_that_is_no_more_is_retired_and_the_next_channel_takes_over(
    keller: User, service: Receiver, report: Report, mailbox: Mailbox
) -> None:
    phone = device_of(keller, service)
    services.set_wishes(
        user=keller, channels={word: ["push"] for word in ("critical", "high", "normal", "low")},
        order=["push", "email"],
    )  # fmt: skip
    service.answers[phone.path] = [(410, {})]
    report(DOWN)
    assert mailbox.to(keller.email) == []
    services.send_push()
    notice = pushed(keller)
    assert (notice.status, notice.deliveries.get().permanent) == ("failed", True)
    gone = Address.objects.get(user=keller)
    assert (gone.secret, gone.gone_at is not None) == ("", True)
    # the mail follows at once, once
    services.send_due()
    services.send_due()
    assert len(mailbox.to(keller.email)) == 1
    instead = Notice.objects.get(person=keller, channel="email")
    assert (instead.instead_of, instead.status) == (notice, "sent")


def test_a_service_that_asks_to_wait_is_given_the_time_it_asks_for(
    keller: User, service: Receiver, report: Report
) -> None:
    phone = device_of(keller, service)
    service.answers[phone.path] = [(429, {"Retry-After": "120"}), (201, {})]
    report(DOWN)
    began = clock.now()
    services.send_push()
    notice = pushed(keller)
    assert notice.status == "queued"
    assert timedelta(seconds=119) < notice.due_at - began < timedelta(seconds=180)
    services.send_push()
    assert len(service.arrived) == 1
    with time_machine.travel(began + timedelta(seconds=200), tick=True):
        services.send_push()
        services.send_push()
    assert len(service.arrived) == 2
    notice.refresh_from_db()
    assert (notice.status, notice.deliveries.count()) == ("sent", 2)
    assert list(DeliveryAttempt.objects.filter(notice=notice).values_list("delivered", flat=True)) == [
        False,
        True,
    ]


def test_a_service_that_never_answers_delays_neither_mail_nor_other_services(
    keller: User, plant: KolbeMini, service: Receiver, report: Report, mailbox: Mailbox, settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(push, "PATIENCE", httpx.Timeout(2.0))
    vogel = plant.people["ingrid.vogel"]
    with receiver() as healthy:
        settings.PUSH_SERVICES = [service.url, healthy.url]
        stuck, fine = device_of(keller, service), device_of(vogel, healthy, "desk")
        service.stall.add(stuck.path)
        report(DOWN)
        # the mail is out although no push has been tried
        assert len(mailbox.to(keller.email)) == 1
        services.send_push()
        assert len(healthy.at(fine.path)) == 1
    assert (pushed(vogel).status, pushed(keller).status) == ("sent", "queued")
    assert "did not answer" in pushed(keller).deliveries.get().detail


def test_only_known_services_and_whole_subscriptions_are_kept(
    keller: User, service: Receiver, settings: Any
) -> None:
    device = Device(service, "x")
    settings.PUSH_SERVICES = ["fcm.googleapis.com", ".notify.windows.com"]
    for endpoint in (
        device.endpoint, "http://fcm.googleapis.com/x", "https://fcm.googleapis.com.evil.example/x",
        "https://u@fcm.googleapis.com/x", "https://fcm.googleapis.com:8443/x", "https://127.0.0.1/x", "https://[",
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            services.subscribe(user=keller, subscription={**device.subscription, "endpoint": endpoint})
    known = "https://fcm.googleapis.com/fcm/send/abc"
    for wrong in ({}, {"endpoint": known}, {"endpoint": known, "keys": {"p256dh": "AA", "auth": "AA"}}):
        with pytest.raises(InvalidInput):
            services.subscribe(user=keller, subscription=wrong)
    assert not Address.objects.exists()
    assert push.allowed("https://wns2-by3p.notify.windows.com/w/?token=x")


def test_a_shared_device_belongs_to_who_signed_in_last(
    keller: User, plant: KolbeMini, service: Receiver
) -> None:
    device = device_of(keller, service)
    again = services.subscribe(user=keller, subscription=device.subscription)
    assert Address.objects.filter(user=keller).get() == again
    services.subscribe(user=plant.people["ingrid.vogel"], subscription=device.subscription)
    again.refresh_from_db()
    assert (again.secret, again.gone_because) == ("", "somebody else signed in on this device")


def test_who_may_not_open_the_record_gets_its_number_only(
    plant: KolbeMini, service: Receiver, report: Report
) -> None:
    stranger = User.objects.create(username="visitor")
    phone = device_of(stranger, service)
    exception = report(DOWN)
    Telling.objects.create(exception=exception, person=stranger, reason="inform", urgency_rank=0)
    services.send_due()
    services.send_push()
    (came,) = service.at(phone.path)
    note = phone.read(came.body)
    assert note["title"] == f"{exception.ref}: sign in to read it"
    assert exception.title not in json.dumps(note)
    assert note["actions"] == []


def test_each_answer_of_a_push_service_is_taken_as_the_standard_means_it(
    keller: User, plant: KolbeMini, service: Receiver, report: Report
) -> None:
    """RFC 8030: 201 with the message's address, 404 for a subscription that is over, 413 for too much."""
    vogel = plant.people["ingrid.vogel"]
    phone, tablet, desk = (device_of(keller, service, name) for name in ("phone", "tablet", "desk"))
    kiosk = device_of(vogel, service, "kiosk")
    service.answers[phone.path] = [(404, {})]
    service.answers[tablet.path] = service.answers[kiosk.path] = [(413, {})]
    service.answers[desk.path] = [(201, {"Location": f"{service.url}/message/1"})]
    report(DOWN)
    services.send_push()
    notice, other = pushed(keller), pushed(vogel)
    assert notice.status == "sent"
    detail = notice.deliveries.get().detail
    for words in (
        "1 of 3 devices",
        "knows this device no more (404)",
        "refused it (413)",
        "accepted it (201)",
    ):
        assert words in detail
    # only the one that is over is given up
    assert set(Address.objects.live().values_list("label", flat=True)) == {"tablet", "desk", "kiosk"}
    assert Address.objects.get(label="phone").secret == ""
    # what was too much is never sent again as it is
    assert (other.status, other.deliveries.get().permanent) == ("failed", True)
    with time_machine.travel(clock.now() + timedelta(hours=1), tick=True):
        services.send_push()
    assert len(service.arrived) == 4
    assert all(len(one.body) <= 4096 for one in service.arrived)  # what a service must take


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("120", 120.0), ("Tue, 03 Mar 2026 09:01:30 GMT", 90.0), ("Tue, 03 Mar 2026 08:00:00 GMT", 0.0),
     ("soon", None), ("-1", None), ("99999999", None), ("", None)],
)  # fmt: skip
def test_how_long_a_service_asks_to_wait(said: str, seconds: float | None) -> None:
    now = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    assert push.retry_after({"retry-after": said}, now) == seconds


def test_over_tls_nothing_leaves_for_a_service_nobody_vouches_for(
    keller: User, service: Receiver, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TlsFront(service.url, tmp_path) as front:
        settings.PUSH_SERVICES = [front.url]
        device = Device(service, "phone")
        subscription = {**device.subscription, "endpoint": f"{front.url}{device.path}"}
        address = services.subscribe(user=keller, subscription=subscription)
        taken, said = services.send_test_notice(user=keller, address_id=address.pk)
        assert (taken, service.arrived) == (False, [])
        assert "did not answer" in said
        # with an authority this machine trusts it arrives, signed for exactly this service
        monkeypatch.setattr("certifi.where", lambda: str(front.authority))
        with clock.travel(clock.now() + timedelta(minutes=1)):
            assert services.send_test_notice(user=keller, address_id=address.pk)[0] is True
    (came,) = service.at(device.path)
    assert device.read(came.body)["title"] == "A test of the execution layer"
    assert Vapid02.verify(came.headers["authorization"])
    token = dict(part.strip().split("=", 1) for part in came.headers["authorization"][6:].split(","))["t"]
    assert json.loads(b64urldecode(token.split(".")[1].encode()))["aud"] == front.url
