"""What administrators see of messengers: addresses they vouch for, news to read, what the doctor says."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from core import clock
from core.doctor import Level
from exceptions_app import messenger_doctor, services
from exceptions_app.models import ChannelUpdate, ContactAddress, Signal, Source
from exceptions_app.models.attachments import AttachmentStatus
from notify_app import doctor as notify_doctor
from notify_app import services as notices
from notify_app.models import ReporterReply
from plant_app.models import User
from tests.exceptions_app.conftest import MORNING
from tests.exceptions_app.messengers import source_for, wa_delivery, wa_photo, wa_text, whatsapp_post
from tests.notify_app.providers import provider
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def chief(plant: KolbeMini, client: Client) -> Client:
    """An administrator's browser."""
    user = User.objects.create_superuser("chief", password="x")
    client.force_login(user)
    return client


def enter(chief: Client, plant: KolbeMini, **form: Any) -> Any:
    person = plant.people["piotr.nowak"]
    return chief.post(
        "/admin/exceptions_app/contactaddress/add/", {"user": person.pk, "kind": "phone", **form}
    )


def test_an_address_counts_once_somebody_vouches_for_it(chief: Client, plant: KolbeMini) -> None:
    assert enter(chief, plant, address="+49 160 5550123").status_code == 302
    row = ContactAddress.objects.get()
    assert (row.address, row.verified_at) == ("491605550123", None)

    url = f"/admin/exceptions_app/contactaddress/{row.pk}/change/"
    form = {"user": row.user_id, "kind": "phone", "address": row.address}
    assert chief.post(url, {**form, "verified": "on"}).status_code == 302
    row.refresh_from_db()
    assert row.verified_at == MORNING
    assert row.verified_by is not None
    assert row.verified_by.username == "chief"
    # saving it again later changes neither moment nor name, taking the word back empties both
    with clock.travel(MORNING + timedelta(days=1)):
        chief.post(url, {**form, "verified": "on"})
    row.refresh_from_db()
    assert row.verified_at == MORNING
    chief.post(url, form)
    row.refresh_from_db()
    assert (row.verified_at, row.verified_by) == (None, None)


@pytest.mark.parametrize("address", ["0160 5550123", "123", "call me"])
def test_a_number_without_its_country_is_refused(chief: Client, plant: KolbeMini, address: str) -> None:
    answer = enter(chief, plant, address=address)

    assert answer.status_code == 200
    assert "country code" in answer.content.decode()
    assert not ContactAddress.objects.exists()


def test_every_list_and_page_can_be_looked_at(chief: Client, plant: KolbeMini) -> None:
    with provider() as there:
        source = source_for("whatsapp", plant.rhf, base_url=f"{there.url}/graph")
        whatsapp_post(
            source,
            wa_delivery(wa_text("press 4 down", message_id="w1"), statuses=[{"id": "o", "status": "read"}]),
        )
        services.read_due_signals()
        notices.send_replies()
    for page in ("exceptions_app/contactaddress", "exceptions_app/channelupdate", "exceptions_app/sentmessage",
                 "notify_app/reporterreply", "notify_app/replythread"):  # fmt: skip
        answer = chief.get(f"/admin/{page}/")
        assert answer.status_code == 200, page
    reply = ReporterReply.objects.get()
    assert reply.body in chief.get(f"/admin/notify_app/reporterreply/{reply.pk}/change/").content.decode()
    update = ChannelUpdate.objects.get()
    assert chief.get(f"/admin/exceptions_app/channelupdate/{update.pk}/change/").status_code == 200


def test_the_doctor_names_missing_keys_late_news_and_strangers(plant: KolbeMini) -> None:
    assert list(messenger_doctor.messenger_keys()) == []
    source = source_for("whatsapp", plant.rhf)
    assert list(messenger_doctor.messenger_keys()) == []
    source.secrets = {"app_secret": "x"}
    source.save()
    (keys,) = messenger_doctor.messenger_keys()
    assert (keys.code, keys.level) == ("XL-E030", Level.WARNING)
    assert "whatsapp-test: Verify token, Access token of a system user" in keys.summary
    Source.objects.filter(pk=source.pk).update(active=False)
    assert list(messenger_doctor.messenger_keys()) == []

    ChannelUpdate.objects.create(source=source, external_id="e", kind="edit", received_at=MORNING)
    assert list(messenger_doctor.messenger_news()) == []
    with clock.travel(MORNING + timedelta(minutes=11)):
        (news,) = messenger_doctor.messenger_news()
    assert (news.code, news.count) == ("XL-E031", 1)

    for number in range(10):
        services.receive_signal(
            source=source,
            external_id=f"s{number}",
            text="hello",
            sender=f"49170000{number:04d}",
            sender_verified=True,
        )
    (strangers,) = messenger_doctor.messenger_strangers()
    assert (strangers.code, strangers.count) == ("XL-E032", 10)


def test_the_doctor_names_replies_that_fail_or_wait(plant: KolbeMini) -> None:
    source = source_for("whatsapp", plant.rhf, base_url="http://127.0.0.1:9")
    whatsapp_post(source, wa_delivery(wa_text("press 4 down", message_id="w1")))
    services.read_due_signals()
    notices.send_replies()
    assert list(notify_doctor.replies()) == []
    with clock.travel(MORNING + timedelta(minutes=6)):
        (waits,) = notify_doctor.replies()
    assert waits.code == "XL-N011"
    ReporterReply.objects.update(status="failed", why="the number is gone")
    (failed,) = notify_doctor.replies()
    assert (failed.code, failed.count) == ("XL-N010", 1)
    assert failed.summary.endswith("the number is gone")


def test_a_photo_is_fetched_from_the_provider_and_made_safe_by_the_worker(
    plant: KolbeMini, tmp_path: Any, settings: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    with provider() as there:
        source = source_for("whatsapp", plant.rhf, base_url=f"{there.url}/graph")
        whatsapp_post(source, wa_delivery(wa_photo(message_id="w1", caption="press 4 down")))
        services.read_due_signals()
        assert services.keep_attachments() == 1
        asked = [path for path, _ in there.asked]

    row = Signal.objects.get().attachments.get()
    assert asked == ["/graph/65463453", "/media/65463453"]
    assert (row.status, row.content_type, row.width, row.height) == (
        AttachmentStatus.KEPT,
        "image/jpeg",
        32,
        24,
    )
