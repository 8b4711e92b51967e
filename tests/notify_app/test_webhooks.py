"""What happens reaches other systems: signed, in order, once per yes, as long as it takes, and nobody else's."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from jsonschema import Draft202012Validator
from standardwebhooks import Webhook, WebhookVerificationError

from core import clock
from core.doctor import examine
from core.errors import InvalidInput, TransitionRefused
from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.channels.webhook import new_secret
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord
from notify_app import services
from notify_app.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookDue,
    WebhookEndpoint,
    WebhookStatus,
)
from notify_app.services import webhook_sending
from notify_app.webhooks import message, posting, targets
from notify_app.webhooks.posting import Answer
from plant_app.models import AccessGrant, AccessRole, User
from tests.decisions_app.conftest import Report, response_of
from tests.notify_app.webhook_receiver import Got, Receiver
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"
OPENAPI = Path(__file__).parents[2] / "docs" / "openapi.yaml"
OTHER = "press 5 down, no power"


@pytest.fixture
def endpoint(plant: KolbeMini, receiver: Receiver) -> WebhookEndpoint:
    made = WebhookEndpoint.objects.create(name="Power BI", url=receiver.url)
    made.sites.add(plant.rhf)
    return made


def say(exception: ExceptionRecord, text: str) -> None:
    """One more event of a record."""
    decisions.comment(exception_id=exception.pk, author=exception.owner or User.objects.all()[0], text=text)


def kinds(receiver: Receiver) -> list[str]:
    return [json.loads(got.body)["type"] for got in receiver.got]


def codes() -> set[str]:
    return {finding.code for finding in examine()}


def test_a_story_arrives_signed_in_order_and_once(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    # given a record that was opened, and its owner's yes
    exception = report(DOWN)
    owner = response_of(exception, "maintenance")
    exceptions.acknowledge(response_id=owner.pk, actor=owner.person, via="inbox")
    # when what is due is sent, twice
    services.send_webhooks()
    services.send_webhooks()
    # then every event of the story has come once and in order, but for who was told and who looked
    events = exception.events.exclude(kind__in=["told", "seen"]).order_by("pk")
    assert kinds(receiver) == [f"exception.{event.kind}" for event in events]
    assert kinds(receiver)[0] == "exception.opened"
    assert "exception.acknowledged" in kinds(receiver)
    # and the official library accepts each, and none that was changed on its way
    library = Webhook(endpoint.secret)
    for got in receiver.got:
        assert library.verify(got.body, got.headers)["data"]["exception"]["ref"] == exception.ref
        with pytest.raises(WebhookVerificationError):
            library.verify(got.body + b" ", got.headers)
    assert WebhookDelivery.objects.exclude(status=WebhookStatus.DELIVERED).count() == 0
    assert set(WebhookAttempt.objects.values_list("status_code", "excerpt")) == {(200, "thanks")}
    assert WebhookDue.objects.count() == 0


def test_bodies_are_what_the_documentation_says(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    exception = report(DOWN)
    say(exception, "secret words of people")
    services.send_test(endpoint_id=endpoint.pk)
    services.send_webhooks()
    document = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))
    for name, schema in (("exceptionEvent", "WebhookExceptionEvent"), ("webhookTest", "WebhookTest")):
        operation = document["webhooks"][name]["post"]
        assert operation["requestBody"]["content"]["application/json"]["schema"] == {
            "$ref": f"#/components/schemas/{schema}"
        }
    root = {"components": document["components"]}
    checks = {
        name: Draft202012Validator({**root, "$ref": f"#/components/schemas/{name}"})
        for name in ("WebhookExceptionEvent", "WebhookTest")
    }
    assert kinds(receiver).count("webhook.test") == 1
    for got in receiver.got:
        body = json.loads(got.body)
        test = body["type"] == message.TEST
        checks["WebhookTest" if test else "WebhookExceptionEvent"].validate(body)
        if not test:
            described = document["components"]["schemas"]["WebhookExceptionState"]["properties"]
            assert set(body["data"]["exception"]) == set(described)
    # what people said stays in the plant
    assert not any(b"secret words" in got.body for got in receiver.got)


def test_an_endpoint_hears_of_its_own_sites_types_and_events_only(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    def listening(name: str, **more: Any) -> WebhookEndpoint:
        return WebhookEndpoint.objects.create(name=name, url=receiver.url, **more)

    elsewhere = listening("elsewhere")
    elsewhere.sites.add(plant.gvl)
    nowhere = listening("nowhere")
    decided = listening("decided", kinds=["decided"])
    decided.sites.add(plant.rhf)
    off = listening("off", active=False)
    off.sites.add(plant.rhf)
    holds = listening("holds")
    holds.sites.add(plant.rhf)
    exception = report(DOWN)
    holds.types.add(exception.type.__class__.objects.exclude(pk=exception.type_id)[0])
    services.send_webhooks()
    assert endpoint.deliveries.count() == exception.events.exclude(kind__in=["told", "seen"]).count() > 1
    for other in (elsewhere, nowhere, decided, off, holds):
        assert other.deliveries.count() == 0, other


def test_another_sites_record_is_not_named(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    parent, exception = report(DOWN), report(OTHER)
    WebhookDue.objects.all().delete()
    ExceptionRecord.objects.filter(pk=exception.pk).update(parent=parent)
    say(exception, "one")
    services.write_messages()
    assert json.loads(endpoint.deliveries.latest("pk").body)["data"]["exception"]["parent"] == parent.ref
    ExceptionRecord.objects.filter(pk=parent.pk).update(site=plant.gvl)
    say(exception, "two")
    services.write_messages()
    assert json.loads(endpoint.deliveries.latest("pk").body)["data"]["exception"]["parent"] is None


def test_a_failing_message_holds_only_its_own_record(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    # given two records; the receiver fails on the first one's first message
    first, second = report(DOWN), report(OTHER)
    failing = [True]
    receiver.answer = lambda got: (
        (500, {}, b"boom" * 400) if failing[0] and first.ref.encode() in got.body else (204, {}, b"")
    )
    services.send_webhooks()
    # then the other record's are all there, and of the first one only one was tried (in whichever order)
    assert not second.webhook_deliveries.exclude(status=WebhookStatus.DELIVERED).exists()
    assert sum(first.ref.encode() in got.body for got in receiver.got) == 1
    head = first.webhook_deliveries.earliest("event")
    assert (head.status, head.attempts, head.error) == (WebhookStatus.QUEUED, 1, "answered 500")
    assert first.webhook_deliveries.exclude(pk=head.pk).filter(attempts__gt=0).count() == 0
    tried = head.tries.get()
    assert (tried.status_code, tried.accepted, len(tried.excerpt)) == (500, False, 500)
    # and once it works, the rest follows in order, the first one with the same id
    failing[0] = False
    with clock.travel(clock.now() + timedelta(seconds=30)):
        services.send_webhooks()
    mine = [got for got in receiver.got if first.ref.encode() in got.body]
    assert [got.id for got in mine[1:]] == list(
        first.webhook_deliveries.order_by("event").values_list("message_id", flat=True)
    )
    assert mine[0].id == mine[1].id
    assert mine[0].body == mine[1].body
    assert mine[0].headers["webhook-timestamp"] != mine[1].headers["webhook-timestamp"]


def test_it_is_tried_for_two_days_then_given_up_and_sent_again_on_demand(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    exception = report(DOWN)
    begun = clock.now()
    receiver.answer = lambda got: (503, {}, b"")
    pauses = []
    at = begun
    services.write_messages()
    head = exception.webhook_deliveries.earliest("event")
    while head.status != WebhookStatus.DEAD:
        with clock.travel(at):
            services.send_webhooks()
        head.refresh_from_db()
        pauses.append(head.due_at - at if head.settled_at is None else timedelta())
        at = head.settled_at or head.due_at
        assert head.attempts < 100
    # the pauses grow to hours; the last try is at the end of 48 hours
    assert pauses[0] < timedelta(seconds=7)
    assert max(pauses) > timedelta(minutes=90)
    assert head.settled_at == head.expires_at == head.created_at + timedelta(hours=48)
    assert 20 < head.attempts < 60
    at += timedelta(minutes=1)  # its followers were written a moment later
    with clock.travel(at):
        # what it held is tried once, and given up, too
        for _ in range(60):
            services.send_webhooks()
        assert set(exception.webhook_deliveries.values_list("status", flat=True)) == {WebhookStatus.DEAD}
        assert {"XL-N031", "XL-N032"} <= codes()
        ids = list(exception.webhook_deliveries.order_by("event").values_list("message_id", flat=True))
        # when the receiver is back and everything given up is sent again
        receiver.answer = lambda got: (200, {}, b"")
        receiver.got.clear()
        boss = plant.people["sofia.brandt"]
        later = at + timedelta(seconds=1)
        assert services.replay_failed(endpoint_id=endpoint.pk, since=later, actor=boss) == 0
        assert services.replay_failed(endpoint_id=endpoint.pk, since=begun, actor=boss) == len(ids)
        services.send_webhooks()
        assert [got.id for got in receiver.got] == ids
        assert not {"XL-N031", "XL-N032"} & codes()
        # one alone can be sent again, too; not while it is still tried
        again = services.replay(delivery_id=head.pk, actor=boss)
        assert (again.replayed_by, again.status) == (boss, WebhookStatus.QUEUED)
        with pytest.raises(TransitionRefused):
            services.replay(delivery_id=head.pk, actor=boss)
        services.send_webhooks()
        assert receiver.got[-1].id == head.message_id


def test_a_receiver_may_ask_to_be_left_alone(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    report(DOWN), report(OTHER)
    receiver.answer = lambda got: (429, {"retry-after": "900"}, b"slow down")
    now = clock.now()
    with clock.travel(now):
        services.send_webhooks()
    heard = len(receiver.got)
    assert 1 <= heard <= webhook_sending.PER_ENDPOINT
    receiver.answer = lambda got: (200, {}, b"")
    with clock.travel(now + timedelta(seconds=899)):
        services.send_webhooks()
        assert len(receiver.got) == heard
    with clock.travel(now + timedelta(seconds=901)):
        services.send_webhooks()
    assert not WebhookDelivery.objects.exclude(status=WebhookStatus.DELIVERED).exists()


def test_gone_switches_the_endpoint_off_and_says_so(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    boss = plant.people["sofia.brandt"]
    User.objects.filter(pk=boss.pk).update(email="boss@kolbe.example")
    AccessGrant.objects.get_or_create(user=boss, site=plant.rhf, role=AccessRole.ADMINISTRATOR)
    exception = report(DOWN)
    receiver.answer = lambda got: (410, {}, b"")
    services.send_webhooks()
    services.send_webhooks()
    endpoint.refresh_from_db()
    assert (endpoint.active, len(receiver.got)) == (False, 1)
    assert "410" in endpoint.disabled_why
    told = [one.to for one in mail.outbox if endpoint.name in one.subject]
    assert told == [["boss@kolbe.example"]]
    assert "XL-N030" in codes()
    with pytest.raises(TransitionRefused):
        services.send_test(endpoint_id=endpoint.pk)
    # what happens while nobody listens is not kept; what waited goes out once it is on again
    say(exception, "nobody hears this")
    assert WebhookDue.objects.count() == 0
    receiver.answer = lambda got: (200, {}, b"")
    services.switch_on(endpoint_id=endpoint.pk)
    services.send_webhooks()
    assert "XL-N030" not in codes()
    assert exception.webhook_deliveries.filter(status=WebhookStatus.DEAD).count() == 1
    assert kinds(receiver)[1] != "exception.opened"
    assert len(receiver.got) == exception.webhook_deliveries.count()


def test_one_that_stalls_keeps_nobody_else_waiting(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint, monkeypatch: Any
) -> None:
    # given a receiver that never answers, and one that does
    stuck = Receiver(answer=lambda got: None)
    slow = WebhookEndpoint.objects.create(name="a stuck one", url=stuck.url)
    slow.sites.add(plant.rhf)
    monkeypatch.setattr(
        webhook_sending, "post",
        lambda url, **rest: posting.post(url, patience=3.0 if url == stuck.url else 20.0, **rest),
    )  # fmt: skip
    report(DOWN), report(OTHER)
    services.send_webhooks()
    stuck.close()
    # then the other has everything, and the stalled one was left alone after the first round
    assert not endpoint.deliveries.exclude(status=WebhookStatus.DELIVERED).exists()
    assert 1 <= slow.deliveries.filter(attempts=1).count() <= webhook_sending.PER_ENDPOINT
    assert slow.deliveries.filter(status=WebhookStatus.DELIVERED).count() == 0
    tries = WebhookAttempt.objects.filter(delivery__endpoint=slow)
    assert {row.problem for row in tries} == {"no answer within 3 seconds"}
    assert tries.count() == slow.deliveries.filter(attempts=1).count()


def test_an_answer_that_drips_ends_at_the_deadline(receiver: Receiver) -> None:
    # a header that never ends would keep a time-out per read from ever passing
    server = threading.Event()

    def drip(connected: Any) -> None:
        while not server.wait(0.05):
            try:
                connected.sendall(b"H")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def accept() -> None:
            connected, _ = listening.accept()
            drip(connected)
            connected.close()

        threading.Thread(target=accept, daemon=True).start()
        answer = posting.post(
            f"http://127.0.0.1:{port}/", headers={}, body=b"{}", patience=0.6,
            allowed=targets.networks(["127.0.0.1/32"]),
        )  # fmt: skip
        server.set()
    assert answer == Answer(problem="no answer within 0.6 seconds", away=True)


def test_keys_overlap_while_they_are_replaced(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    old = Webhook(endpoint.secret)
    exception = report(DOWN)
    with pytest.raises(InvalidInput):
        services.rotate_secret(endpoint_id=endpoint.pk, secret="whsec_c2hvcnQ=")
    fresh = Webhook(services.rotate_secret(endpoint_id=endpoint.pk).secret)
    services.send_webhooks()
    assert receiver.got
    for got in receiver.got:
        old.verify(got.body, got.headers)
        fresh.verify(got.body, got.headers)
    receiver.got.clear()
    say(exception, "tomorrow")
    WebhookEndpoint.objects.update(previous_until=clock.now())
    services.send_webhooks()
    fresh.verify(receiver.got[0].body, receiver.got[0].headers)
    with pytest.raises(WebhookVerificationError):
        old.verify(receiver.got[0].body, receiver.got[0].headers)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://10.1.2.3/", "https://169.254.169.254/latest", "https://[::1]/",
        "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/", "https://0.0.0.0/",
        "https://2130706433/", "https://localhost/", "https://[fe80::1]/", "https://100.64.0.1/",
        "http://93.184.216.34/", "ftp://93.184.216.34/", "https://user:pw@93.184.216.34/", "https://224.0.0.1/",
    ],
)  # fmt: skip
def test_no_request_leaves_for_a_place_inside(url: str) -> None:
    answer = posting.post(url, headers={}, body=b"{}", allowed=(), patience=5)
    assert answer.status == 0
    assert answer.problem
    assert not answer.away, answer


def test_an_allowed_network_may_be_met_and_a_redirect_is_not_followed(receiver: Receiver) -> None:
    inside = targets.networks(["127.0.0.0/8"])
    receiver.answer = lambda got: (302, {"location": "http://127.0.0.1:1/"}, b"")
    answer = posting.post(receiver.url, headers={}, body=b"{}", allowed=inside)
    assert (answer.status, answer.accepted, len(receiver.got)) == (302, False, 1)
    refused = posting.post(receiver.url, headers={}, body=b"{}", allowed=targets.networks(["10.0.0.0/8"]))
    assert "WEBHOOK_PRIVATE_NETWORKS" in refused.problem
    assert len(receiver.got) == 1


def test_who_is_refused_is_tried_again_once_the_settings_allow(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint, settings: Any
) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = []
    exception = report(DOWN)
    services.send_webhooks()
    assert receiver.got == []
    assert "not a public address" in exception.webhook_deliveries.earliest("event").error
    settings.WEBHOOK_PRIVATE_NETWORKS = ["127.0.0.1"]
    with clock.travel(clock.now() + timedelta(seconds=30)):
        services.send_webhooks()
    assert not exception.webhook_deliveries.exclude(status=WebhookStatus.DELIVERED).exists()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0", 0), ("120", 120), ("999999999999", 86400), ("soon", None), ("-5", None),
     ("Fri, 01 Jan 2100 00:00:00 GMT", 86400), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("", None)],
)  # fmt: skip
def test_wishes_of_receivers(said: str, seconds: int | None) -> None:
    wished = message.wish(said, clock.now())
    assert (None if wished is None else int(wished.total_seconds())) == seconds


def test_administrators_edit_endpoints_in_the_admin(
    plant: KolbeMini, client: Client, receiver: Receiver, endpoint: WebhookEndpoint, report: Report
) -> None:
    boss = User.objects.create_superuser("root.admin", password="a long password")
    client.force_login(boss)
    page = client.get("/admin/notify_app/webhookendpoint/add/")
    assert page.status_code == 200
    assert b"exception.decided" in page.content

    def fields(**more: Any) -> dict[str, Any]:
        given = {"name": "MES", "url": "https://mes.kolbe.example/in", "secret": new_secret(), "active": "on",
                 "sites": [plant.rhf.pk], "kinds": ["decided", "closed"]}  # fmt: skip
        return {**given, **more}

    for wrong in (
        {"url": "https://10.9.8.7/"},
        {"secret": "whsec_short"},
        {"sites": []},
        {"url": "gopher://x/"},
    ):
        refused = client.post("/admin/notify_app/webhookendpoint/add/", fields(**wrong))
        assert refused.status_code == 200, wrong
    assert not WebhookEndpoint.objects.filter(name="MES").exists()
    client.post("/admin/notify_app/webhookendpoint/add/", fields())
    made = WebhookEndpoint.objects.get(name="MES")
    assert made.kinds == ["decided", "closed"]
    # a new key typed in replaces the old one with an overlap
    old = made.secret
    client.post(f"/admin/notify_app/webhookendpoint/{made.pk}/change/", fields())
    made.refresh_from_db()
    assert made.previous_secret == old != made.secret
    assert made.previous_until is not None
    # the delivery log opens, and sends again
    report(DOWN)
    services.send_webhooks()
    count = len(receiver.got)
    delivery = endpoint.deliveries.latest("pk")
    log = client.get(f"/admin/notify_app/webhookdelivery/{delivery.pk}/change/")
    assert b"thanks" in log.content
    client.post(
        "/admin/notify_app/webhookdelivery/",
        {"action": "again", "_selected_action": [delivery.pk]},
        follow=True,
    )
    services.send_webhooks()
    assert receiver.got[count:][0].id == delivery.message_id


# --- with real commits -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_late_is_not_missed(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    """A lower number that commits after a higher one: a watermark would have passed it."""
    first, second = report(DOWN), report(OTHER)
    services.send_webhooks()
    receiver.got.clear()
    written, go_on = threading.Event(), threading.Event()

    def late() -> None:
        try:
            with transaction.atomic():
                say(first, "written first, there last")
                written.set()
                assert go_on.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=late)
    thread.start()
    assert written.wait(60)
    say(second, "written second, there first")
    services.send_webhooks()
    assert [second.ref.encode() in got.body for got in receiver.got] == [True]
    go_on.set()
    thread.join(60)
    services.send_webhooks()
    assert [first.ref.encode() in got.body for got in receiver.got] == [False, True]
    low, high = (json.loads(got.body)["data"]["event"]["id"] for got in reversed(receiver.got))
    assert low < high


@pytest.mark.django_db(transaction=True)
def test_many_senders_keep_the_order_of_each_record(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    records = [report(DOWN), report(OTHER)]
    services.send_webhooks()
    receiver.got.clear()
    turns: dict[str, int] = {}

    def moody(got: Got) -> Any:
        turns[got.id] = turns.get(got.id, 0) + 1
        return (500, {}, b"") if turns[got.id] == 1 and int(got.id[-1], 16) % 4 == 0 else (200, {}, b"")

    receiver.answer = moody
    talking = threading.Event()

    def run(work: Callable[[], Any]) -> threading.Thread:
        def inner() -> None:
            try:
                work()
            finally:
                connection.close()

        thread = threading.Thread(target=inner)
        thread.start()
        return thread

    def talk(record: ExceptionRecord) -> None:
        for number in range(12):
            say(record, f"word {number}")

    def send() -> None:
        while not talking.is_set():
            WebhookDelivery.objects.filter(status=WebhookStatus.QUEUED).update(due_at=clock.now())
            services.send_webhooks()

    senders = [run(send) for _ in range(4)]
    talkers = [run(lambda record=record: talk(record)) for record in records]  # type: ignore[misc]
    for thread in talkers:
        thread.join(120)
    talking.set()
    for thread in senders:
        thread.join(120)
    while WebhookDue.objects.exists() or WebhookDelivery.objects.exclude(status="delivered").exists():
        WebhookDelivery.objects.filter(status=WebhookStatus.QUEUED).update(due_at=clock.now())
        services.send_webhooks()
    for record in records:
        # what was accepted, in the order of acceptance
        taken = [
            json.loads(got.body)["data"]["event"]["id"]
            for position, got in enumerate(receiver.got)
            if record.ref.encode() in got.body
            and got.id not in {later.id for later in receiver.got[position + 1 :]}
        ]
        events = ExceptionEvent.objects.filter(exception=record, kind=EventKind.COMMENTED).order_by("pk")
        assert taken == list(events.values_list("pk", flat=True))
        assert len(taken) == 12


_SENDER = """
import os, django
django.setup()
from django.db import connections
from notify_app import services
from notify_app.services import webhook_sending
def dies(tried):
    print("answered", flush=True)
    os.kill(os.getpid(), 9)
webhook_sending._record = dies
services.send_webhooks()
"""


@pytest.mark.django_db(transaction=True)
def test_a_sender_killed_before_it_could_write_down_the_yes_repeats_with_the_same_id(
    plant: KolbeMini, report: Report, receiver: Receiver, endpoint: WebhookEndpoint
) -> None:
    exception = report(DOWN)
    where = connection.settings_dict
    url = f"postgresql://{where['USER']}:{where['PASSWORD']}@{where['HOST']}:{where['PORT']}/{where['NAME']}"
    environment = {
        **os.environ, "DATABASE_URL": url, "WEBHOOK_PRIVATE_NETWORKS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "execlayer.settings",
    }  # fmt: skip
    died = subprocess.run(
        [sys.executable, "-c", _SENDER],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert len(receiver.got) == 1
    head = exception.webhook_deliveries.earliest("event")
    assert (head.status, head.tries.count()) == (WebhookStatus.SENDING, 0)
    # while it may still be alive nobody else sends it, nor what comes after it
    services.send_webhooks()
    assert len(receiver.got) == 1
    with clock.travel(clock.now() + webhook_sending.LEASE + timedelta(seconds=1)):
        services.send_webhooks()
    assert [got.id for got in receiver.got[:2]] == [head.message_id] * 2
    assert receiver.got[0].body == receiver.got[1].body
    assert not exception.webhook_deliveries.exclude(status=WebhookStatus.DELIVERED).exists()
