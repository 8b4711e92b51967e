"""Twilio: signatures as its own library makes them, SMS and WhatsApp, photos, receipts, numbers that can be forged."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from exceptions_app import services
from exceptions_app.channels import twilio
from exceptions_app.models import Attachment, ChannelUpdate, ExceptionRecord, Signal, Source
from tests.exceptions_app.messengers import AUTH_TOKEN, PIOTR_PHONE, sms, source_for, twilio_post
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"
PHOTO_URL = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


@pytest.fixture
def source(plant: KolbeMini) -> Source:
    """Twilio at Rheinfelden, with Piotr's phone known."""
    piotr = plant.people["piotr.nowak"]
    piotr.phone = PIOTR_PHONE
    piotr.save()
    return source_for("twilio", plant.rhf)


def test_a_message_is_kept_and_answered_with_empty_twiml(source: Source) -> None:
    answer = twilio_post(source, sms(DOWN, sid="SM1"))

    assert (answer.status_code, answer.content.decode()) == (200, twilio.EMPTY_TWIML)
    assert answer.headers["Content-Type"].startswith("text/xml")
    signal = Signal.objects.get()
    assert (signal.external_id, signal.channel, signal.text) == ("SM1", "sms", DOWN)
    assert (signal.sender, signal.conversation) == ("+491605550123", "+4915900000001 +491605550123")
    assert signal.payload["MessageSid"] == "SM1"


def test_a_forgeable_number_only_raises_a_question(source: Source) -> None:
    twilio_post(source, sms(DOWN, sid="SM1"))
    services.read_due_signals()

    signal = Signal.objects.get()
    assert (signal.sender_verified, signal.reporter) == (False, None)
    assert ExceptionRecord.objects.get().status == "triage"


def test_a_site_may_trust_its_numbers(source: Source, plant: KolbeMini) -> None:
    source.config = {**source.config, "trust_numbers": True}
    source.save()
    twilio_post(source, sms(DOWN, sid="SM1"))
    services.read_due_signals()

    assert Signal.objects.get().reporter == plant.people["piotr.nowak"]
    assert ExceptionRecord.objects.get().status == "open"


def test_whatsapp_by_twilio_proves_its_sender(source: Source, plant: KolbeMini) -> None:
    form = sms(
        DOWN, sid="SM1", sender="whatsapp:+491605550123", To="whatsapp:+4915900000001", ProfileName="Piotr N.",
        OriginalRepliedMessageSid="SMours",
    )  # fmt: skip
    twilio_post(source, form)
    services.read_due_signals()

    signal = Signal.objects.get()
    assert (signal.channel, signal.sender_verified, signal.reply_to) == ("whatsapp", True, "SMours")
    assert (signal.reporter, signal.reporter_text) == (plant.people["piotr.nowak"], "Piotr N.")
    assert ExceptionRecord.objects.get().status == "open"


def test_photos_come_by_their_address(source: Source) -> None:
    form = sms("look", sid="MM1", NumMedia="2", MediaUrl0=PHOTO_URL, MediaContentType0="image/jpeg",
               MediaUrl1=f"{PHOTO_URL}2", MediaContentType1="audio/amr")  # fmt: skip
    twilio_post(source, form)

    assert list(Attachment.objects.values_list("external_ref", "kind", "status")) == [
        (PHOTO_URL, "photo", "pending"), (f"{PHOTO_URL}2", "voice", "pending"),
    ]  # fmt: skip


@pytest.mark.parametrize("signature", ["", "AAAA", "nonsense", "ü"])
def test_what_is_not_signed_by_twilio_is_refused_and_not_kept(source: Source, signature: str) -> None:
    answer = twilio_post(source, sms(DOWN, sid="SM1"), signature=signature)

    assert (answer.status_code, answer.json()["code"]) == (401, "hooks.signature")
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert AUTH_TOKEN not in answer.content.decode()
    assert not Signal.objects.exists()


def test_another_account_another_address_and_no_key_are_refused(source: Source) -> None:
    assert twilio_post(source, sms(DOWN, sid="SM1"), token="another").status_code == 401
    assert twilio_post(source, sms(DOWN, sid="SM1"), base="https://elsewhere.example").status_code == 401
    source.secrets = {}
    source.save()
    assert twilio_post(source, sms(DOWN, sid="SM1"), token="").status_code == 401
    assert not Signal.objects.exists()


def test_the_address_behind_a_proxy_may_be_named(source: Source, settings: Any) -> None:
    settings.PUBLIC_URL = "https://plant.example"
    assert twilio_post(source, sms(DOWN, sid="SM1"), base="https://plant.example").status_code == 200
    source.config = {**source.config, "public_url": "https://front.example/"}
    source.save()
    assert twilio_post(source, sms(DOWN, sid="SM2"), base="https://front.example").status_code == 200


def test_the_same_message_again_is_one(source: Source) -> None:
    for _ in range(3):
        assert twilio_post(source, sms(DOWN, sid="SM1")).status_code == 200
    services.read_due_signals()

    assert (Signal.objects.count(), ExceptionRecord.objects.count()) == (1, 1)


def test_a_receipt_is_no_signal(source: Source) -> None:
    form = {
        "MessageSid": "SM9",
        "MessageStatus": "undelivered",
        "ErrorCode": "30003",
        "To": "+491",
        "From": "+492",
    }
    assert twilio_post(source, form).status_code == 200

    assert not Signal.objects.exists()
    receipt = ChannelUpdate.objects.get()
    assert (receipt.target, receipt.state, receipt.problem) == ("SM9", "undelivered", "30003")


def test_stop_is_about_the_line_and_stops_no_machine(source: Source) -> None:
    assert twilio_post(source, sms("STOP", sid="SM1", OptOutType="STOP")).status_code == 200

    assert not Signal.objects.exists()
    notice = ChannelUpdate.objects.get()
    assert (notice.kind, notice.text, notice.outcome) == ("notice", "STOP", "kept")


def test_signed_but_strange_is_kept_whole_and_shown_to_a_person(source: Source) -> None:
    form = {"Hello": "world"}
    assert twilio_post(source, form).status_code == 200
    assert twilio_post(source, form).status_code == 200

    services.read_due_signals()
    assert Signal.objects.get().text == "Hello=world"
    assert ExceptionRecord.objects.get().status == "triage"


_FORM = st.dictionaries(
    st.sampled_from(["From", "To", "Body", "MessageSid", "NumMedia", "MediaUrl0", "Latitude", "Longitude",
                     "MessageStatus", "ButtonText", "ProfileName", "x"]) | st.text(min_size=1, max_size=8),
    st.text(max_size=30), max_size=10,
)  # fmt: skip


@given(_FORM, st.text(alphabet="abc0", min_size=1, max_size=20))
def test_our_check_agrees_with_twilio_s_own_library(form: dict[str, str], token: str) -> None:
    url = "https://plant.example/hooks/twilio/sms/"
    signature = RequestValidator(token).compute_signature(url, form)
    body = urlencode(form, encoding="utf-8", errors="replace").encode()
    same = dict(twilio.form(body))
    if same == form:  # a lone half of a surrogate pair does not survive any form
        twilio.verify(auth_token=token, signature=signature, urls=[url], body=body)
    with pytest.raises(twilio.BadSignature):
        twilio.verify(auth_token=token + "x", signature=signature, urls=[url], body=body + b"&z=1")


@given(_FORM)
def test_no_form_is_too_strange(form: dict[str, str]) -> None:
    (found,) = twilio.normalise(urlencode(form, errors="replace").encode())

    assert found.external_id
    assert len(found.external_id) <= 200


@given(st.binary(max_size=300))
def test_no_bytes_are_too_strange(body: bytes) -> None:
    assert len(twilio.normalise(body)) == 1
