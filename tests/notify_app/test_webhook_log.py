"""The delivery log of webhooks: how long it is kept, and reading it and sending again over the API."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from core import clock
from notify_app import services
from notify_app.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookStatus
from tests.notify_app.webhook_receiver import Receiver
from tests.plant_fixtures import KolbeMini

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    one = Receiver()
    yield one
    one.close()


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
