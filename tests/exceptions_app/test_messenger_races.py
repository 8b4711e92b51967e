"""The same delivery many times at once, and many messages of one person at once: real requests, real threads."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from exceptions_app import services
from exceptions_app.models import Attachment, ChannelUpdate, ExceptionRecord, Signal, SignalReading
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.messengers import (
    PIOTR_PHONE,
    slack_event,
    slack_message,
    slack_post,
    sms,
    source_for,
    teams_activity,
    teams_post,
    twilio_post,
    wa_delivery,
    wa_photo,
    wa_text,
    whatsapp_post,
)
from tests.exceptions_app.test_races import THREADS, at_once, committed_plant  # noqa: F401  (the same plant)
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db(transaction=True)
DOWN = "press 4 down, hydraulic leak"


@pytest.fixture
def plant(committed_plant: KolbeMini) -> KolbeMini:  # noqa: F811
    """The committed plant, with Piotr's phone known."""
    piotr = committed_plant.people["piotr.nowak"]
    piotr.phone = PIOTR_PHONE
    piotr.save()
    return committed_plant


def deliver(adapter: str, source: Any) -> Any:
    if adapter == "whatsapp":
        photo = wa_photo(message_id="w1", caption=DOWN)
        status = {"id": "o1", "status": "read"}
        return whatsapp_post(source, wa_delivery(photo, statuses=[status]))
    if adapter == "twilio":
        return twilio_post(source, sms(DOWN, sid="SM1"))
    if adapter == "slack":
        return slack_post(source, slack_event(slack_message(DOWN, ts="1763370840.000100")))
    return teams_post(source, teams_activity(f"<at>Floor</at> {DOWN}", activity="1"))


@pytest.mark.parametrize("adapter", ["whatsapp", "twilio", "slack", "teams"])
def test_eight_deliveries_of_one_message_are_one_signal_and_one_exception(
    plant: KolbeMini, adapter: str
) -> None:
    source = source_for(adapter, plant.rhf, **({"trust_numbers": True} if adapter == "twilio" else {}))

    answers = at_once(lambda _number: deliver(adapter, source))
    at_once(lambda _number: services.read_due_signals(), threads=3)

    assert [answer.status_code for answer in answers] == [200] * THREADS
    assert (Signal.objects.count(), SignalReading.objects.count()) == (1, 1)
    assert ExceptionRecord.objects.count() == 1
    if adapter == "whatsapp":
        assert (Attachment.objects.count(), ChannelUpdate.objects.count()) == (1, 1)
    if adapter == "teams":
        assert len({answer.json()["text"] for answer in answers}) == 1


def test_one_person_s_messages_read_by_many_workers_are_one_record(plant: KolbeMini) -> None:
    source = source_for("whatsapp", plant.rhf)
    texts = ["press 4 down", "hyd leak", "oil everywhere", "pump is leaking"]
    for number, text in enumerate(texts):
        with clock.travel(MORNING - timedelta(seconds=10 - number)):
            whatsapp_post(source, wa_delivery(wa_text(text, message_id=f"w{number}")))

    at_once(
        lambda number: services.read_signal(signal_id=Signal.objects.get(external_id=f"w{number}").pk),
        threads=4,
    )

    exception = ExceptionRecord.objects.get()
    assert {reading.exception_id for reading in SignalReading.objects.all()} == {exception.pk}
    assert exception.status == "open"


def test_an_edit_that_races_its_reading_is_never_lost(plant: KolbeMini) -> None:
    source = source_for("whatsapp", plant.rhf)
    for number in range(4):
        whatsapp_post(source, wa_delivery(wa_text(DOWN, message_id=f"w{number}")))
    edit = {"type": "edit", "from": "491605550123", "timestamp": "1763370900"}

    def work(number: int) -> None:
        if number % 2:
            services.read_due_signals()
            services.settle_updates()
            return
        target = number // 2
        newer = {"type": "text", "text": {"body": f"{DOWN}, side {target}"}}
        whatsapp_post(
            source,
            wa_delivery(
                {**edit, "id": f"e{target}", "edit": {"original_message_id": f"w{target}", "message": newer}}
            ),
        )
        services.settle_updates()

    at_once(work)
    for minute in (1, 2):
        with clock.travel(MORNING + timedelta(minutes=minute)):
            services.read_due_signals()
            services.settle_updates()

    assert ChannelUpdate.objects.filter(settled_at__isnull=True).count() == 0
    exception = ExceptionRecord.objects.get()
    told = [line.data["edit"]["after"] for line in exception.events.filter(kind="commented")]
    assert sorted(told) == [f"{DOWN}, side {target}" for target in range(4)]
