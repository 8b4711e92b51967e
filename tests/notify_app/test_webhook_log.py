"""The delivery log of webhooks: how long it is kept, and reading it and sending again over the API."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from core import clock
from notify_app import services
from notify_app.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookStatus
from plant_app.models import AccessGrant, AccessRole, User
from tests.decisions_app.conftest import Report
from tests.notify_app.webhook_receiver import Receiver
from tests.plant_fixtures import KolbeMini

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def endpoint(plant: KolbeMini, receiver: Receiver) -> WebhookEndpoint:
    with clock.travel(START):
        made = WebhookEndpoint.objects.create(name="Power BI", url=receiver.url)
        made.sites.add(plant.rhf)
    return made


def sent(endpoint: WebhookEndpoint, count: int = 1) -> list[WebhookDelivery]:
    """Test messages, tried once."""
    made = [services.send_test(endpoint_id=endpoint.pk) for _ in range(count)]
    services.send_webhooks()
    for one in made:
        one.refresh_from_db()
    return made


def left() -> set[int]:
    return set(WebhookDelivery.objects.values_list("pk", flat=True))


def test_what_is_settled_and_old_goes_and_what_waits_never_does(
    plant: KolbeMini, receiver: Receiver, endpoint: WebhookEndpoint, settings: Any
) -> None:
    # given messages delivered, given up after 48 hours, waiting for an endpoint that is off, and in the air
    with clock.travel(START):
        first, again, last = sent(endpoint, 3)
        receiver.answer = lambda got: (503, {}, b"later")
        (dead,) = sent(endpoint)
        other = WebhookEndpoint.objects.create(name="MES", url=receiver.url)
        waiting = services.send_test(endpoint_id=other.pk)
        WebhookEndpoint.objects.filter(pk=other.pk).update(active=False)
        flying = services.send_test(endpoint_id=endpoint.pk)
        WebhookDelivery.objects.filter(pk=flying.pk).update(
            status=WebhookStatus.SENDING, due_at=START + timedelta(days=900), settled_at=None
        )
    with clock.travel(START + timedelta(hours=48)):
        services.send_webhooks()
    dead.refresh_from_db()
    assert (dead.status, dead.tries.count()) == (WebhookStatus.DEAD, 2)
    everything = {first.pk, again.pk, last.pk, dead.pk, waiting.pk, flying.pk}
    # when nothing is old yet, nothing goes
    with clock.travel(START + timedelta(days=30)):
        assert (services.prune_webhooks(), left()) == (0, everything)
        # one is sent again and waits: its age begins anew once it is settled
        services.replay(delivery_id=again.pk, actor=plant.people["sofia.brandt"])
    with clock.travel(START + timedelta(days=31)):
        settings.WEBHOOK_KEEP_DELIVERED_DAYS = settings.WEBHOOK_KEEP_DEAD_DAYS = 0
        assert services.prune_webhooks() == 0
        settings.WEBHOOK_KEEP_DELIVERED_DAYS, settings.WEBHOOK_KEEP_DEAD_DAYS = 30, 90
        # then what was delivered more than 30 days ago goes, with its tries, over several small stretches
        assert services.prune_webhooks(batch=2) == 2
        assert left() == everything - {first.pk, last.pk}
        assert not WebhookAttempt.objects.filter(delivery__in=[first.pk, last.pk]).exists()
        assert again.tries.count() == 1
        assert services.prune_webhooks(batch=2) == 0
    with clock.travel(START + timedelta(days=91)):
        assert services.prune_webhooks() == 0  # given up on the third day
    with clock.travel(START + timedelta(days=800)):
        assert services.prune_webhooks() == 1
    # what was never delivered is there after years
    assert left() == {again.pk, waiting.pk, flying.pk}
    # and no other code may touch a try
    with pytest.raises(DatabaseError), transaction.atomic():
        again.tries.all().delete()


def test_administrators_read_the_log_and_send_again_over_the_api(
    plant: KolbeMini, receiver: Receiver, endpoint: WebhookEndpoint, report: Report
) -> None:
    boss, stranger = plant.people["sofia.brandt"], plant.people["ingrid.vogel"]
    for person, site in ((boss, plant.rhf), (stranger, plant.gvl)):
        AccessGrant.objects.filter(user=person).delete()
        AccessGrant.objects.create(user=person, site=site, role=AccessRole.ADMINISTRATOR)
    api, other, floor = signed_in(boss), signed_in(stranger), signed_in(plant.people["piotr.nowak"])
    log = "/api/v1/webhooks/deliveries/"
    exception = report("press 4 down, hydraulic leak")
    services.send_webhooks()
    (test,) = sent(endpoint)
    # the log, narrowed; texts and answers at the single one, the key nowhere
    listed = api.get(log, {"exception": exception.ref, "page_size": 100}).json()["results"]
    assert {row["status"] for row in listed} == {"delivered"}
    assert {row["id"] for row in listed} == set(exception.webhook_deliveries.values_list("pk", flat=True))
    assert [row["id"] for row in api.get(log, {"type": "webhook.test"}).json()["results"]] == [test.pk]
    assert api.get(log, {"status": "dead"}).json()["results"] == []
    one = api.get(f"{log}{listed[0]['id']}/")
    assert json.loads(one.json()["body"])["data"]["exception"]["ref"] == exception.ref
    assert [(row["status_code"], row["excerpt"]) for row in one.json()["tries"]] == [(200, "thanks")]
    assert endpoint.secret not in one.content.decode()
    # once more, once per key; not while it is under way
    count, address = len(receiver.got), f"{log}{test.pk}/replay/"
    answers = [
        api.post(address, {}, "application/json", headers={"Idempotency-Key": "again"}) for _ in range(2)
    ]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "queued")] * 2
    assert answers[0].json()["replayed_by"] == boss.username
    pending = api.post(address, {}, "application/json")
    assert (pending.status_code, pending.json()["code"]) == (409, "webhooks.pending")
    services.send_webhooks()
    assert [got.id for got in receiver.got[count:]] == [test.message_id]
    # what was given up, since a moment
    again = f"/api/v1/webhooks/endpoints/{endpoint.pk}/replay/"
    exception.webhook_deliveries.update(status=WebhookStatus.DEAD)
    since = {"since": (clock.now() - timedelta(hours=1)).isoformat()}
    assert api.post(again, since, "application/json").json() == {"count": len(listed)}
    assert api.post(again, {"since": "yesterday"}, "application/json").json()["code"] == "request.invalid"
    # another site's administrator finds nothing, others may not ask, and who has one of two sites may not send for both
    assert other.get(log).json()["results"] == []
    refused = [
        other.get(f"{log}{test.pk}/"),
        other.post(address, {}, "application/json"),
        other.post(again, since, "application/json"),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {
        (404, "webhooks.none"), (404, "webhooks.endpoint"),
    }  # fmt: skip
    assert {floor.get(log).status_code, floor.post(address, {}, "application/json").status_code} == {403}
    endpoint.sites.add(plant.gvl)
    halves = [api.get(f"{log}{test.pk}/"), api.post(again, since, "application/json")]
    assert [answer.status_code for answer in halves] == [404, 403]
    assert api.get(f"{log}{listed[0]['id']}/").status_code == 200


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client
