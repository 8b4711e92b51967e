"""Mail providers' webhooks: proven by the source's own key, stored before answering, whatever the post contains."""

import base64

import pytest
from django.test import Client, override_settings

from exceptions_app import hooks_email, services
from exceptions_app.models import Attachment, ExceptionRecord, Mailbox, Signal, Source
from plant_app.models import User
from tests.exceptions_app.mail_posts import JPEG, LOGIN, basic, make, post
from tests.plant_fixtures import KolbeMini
from tests.shared_data import FIXTURES, shared

POSTMARK = {
    "FromName": "Jonas Keller",
    "From": "jonas.keller@kolbe.example",
    "MessageStream": "inbound",
    "FromFull": {"Email": "jonas.keller@kolbe.example", "Name": "Jonas Keller", "MailboxHash": ""},
    "To": "floor@in.kolbe.example",
    "ToFull": [{"Email": "floor@in.kolbe.example", "Name": "", "MailboxHash": ""}],
    "OriginalRecipient": "floor@in.kolbe.example",
    "Subject": "Press 4 down",
    "MessageID": "22c74902-a0c1-4511-804f-341342852c90",
    "Date": "Tue, 17 Nov 2026 10:12:00 +0100",
    "TextBody": "hydraulic leak\n\nOn Tue, 17 Nov 2026 K wrote:\n> and press 4?",
    "HtmlBody": "",
    "StrippedTextReply": "hydraulic leak",
    "Headers": [
        {"Name": "Return-Path", "Value": "<jonas.keller@kolbe.example>"},
        {
            "Name": "Received-SPF",
            "Value": "Pass (sender SPF authorized) identity=mailfrom; client-ip=192.0.2.7",
        },
        {"Name": "Message-ID", "Value": "<pm1@mail.kolbe.example>"},
    ],
    "Attachments": [
        {
            "Name": "leak.jpg",
            "Content": base64.b64encode(JPEG).decode(),
            "ContentType": "image/jpeg",
            "ContentLength": 30004,
        }
    ],
}


def test_a_postmark_mail_is_stored_and_answered_at_once(plant: KolbeMini) -> None:
    source = make(plant, "postmark")

    answer = post(source, POSTMARK, headers=basic())

    signal = Signal.objects.get()
    assert (answer.status_code, answer.json()) == (200, {"signals": [signal.pk], "replayed": False})
    assert (signal.external_id, signal.text) == ("pm1@mail.kolbe.example", "Press 4 down\n\nhydraulic leak")
    assert (signal.sender_verified, signal.reporter) == (True, plant.people["jonas.keller"])
    assert signal.payload["mail"]["proof"] == "spf=pass (postmark)"
    assert signal.payload["mail"]["provider"]["event_id"] == POSTMARK["MessageID"]
    assert Attachment.objects.get().name == "leak.jpg"
    assert not ExceptionRecord.objects.exists()
    assert services.read_due_signals() == 1
    assert ExceptionRecord.objects.get().status == "open"


def test_the_same_post_again_is_the_same_mail(plant: KolbeMini) -> None:
    source = make(plant, "postmark")
    post(source, POSTMARK, headers=basic())

    again = post(source, POSTMARK, headers=basic())

    assert (again.status_code, again.json()["replayed"]) == (200, True)
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("provider:wrong"),
        basic("a long password"),
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic !"},
        basic(""),
    ],
)
def test_a_post_without_the_sources_login_is_refused(plant: KolbeMini, headers: dict[str, str]) -> None:
    answer = post(make(plant, "postmark"), POSTMARK, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "hooks.signature")
    assert LOGIN not in answer.content.decode()
    assert not Signal.objects.exists()


@override_settings(ANYMAIL={"WEBHOOK_SECRET": "global:secret", "MAILGUN_WEBHOOK_SIGNING_KEY": "global"})
@pytest.mark.parametrize(
    "adapter", ["postmark", "mailgun", "sendgrid", "mailjet", "brevo", "mailersend", "sparkpost"]
)
def test_a_source_without_a_key_lets_nobody_in(plant: KolbeMini, adapter: str) -> None:
    source = Source.objects.create(code="bare", name="Bare", channel="email", adapter=adapter, site=plant.rhf)

    for headers in ({}, basic("global:secret"), basic(":")):
        assert post(source, POSTMARK, headers=headers).status_code == 401
    assert not Signal.objects.exists()


def test_another_sources_login_does_not_count(plant: KolbeMini) -> None:
    make(plant, "postmark")
    other = Source.objects.create(
        code="other",
        name="Other",
        channel="email",
        adapter="postmark",
        site=plant.gvl,
        secrets={"webhook_secret": "other:login"},
    )

    assert post(other, POSTMARK, headers=basic()).status_code == 401
    assert post(other, POSTMARK, headers=basic("other:login")).status_code == 200


@pytest.mark.parametrize(
    ("change", "proven"),
    [
        ({"Value": "Fail (not authorized) identity=mailfrom"}, False),
        ({"Value": "SoftFail identity=mailfrom"}, False),
        ({"Value": "Pass (authorized) identity=mailfrom"}, True),
    ],
)
def test_the_providers_word_about_the_sender_counts(
    plant: KolbeMini, change: dict[str, str], proven: bool
) -> None:
    headers = [*POSTMARK["Headers"]]  # type: ignore[misc]
    headers[1] = {**headers[1], **change}

    post(make(plant, "postmark"), {**POSTMARK, "Headers": headers}, headers=basic())

    assert Signal.objects.get().sender_verified is proven


def test_a_sent_along_spf_header_or_anothers_envelope_proves_nothing(plant: KolbeMini) -> None:
    source = make(plant, "postmark")
    own = POSTMARK["Headers"]
    twice = [*own, {"Name": "Received-SPF", "Value": "Pass"}, {"Name": "Message-ID", "Value": "<a@x>"}]  # type: ignore[misc]
    foreign = [
        {"Name": "Return-Path", "Value": "<eve@evil.example>"},
        own[1],
        {"Name": "Message-ID", "Value": "<b@x>"},
    ]  # type: ignore[index]

    post(source, {**POSTMARK, "Headers": twice}, headers=basic())
    post(source, {**POSTMARK, "Headers": foreign}, headers=basic())

    assert [one.sender_verified for one in Signal.objects.all()] == [False, False]


def test_events_about_mails_we_sent_are_refused_in_words(plant: KolbeMini) -> None:
    answer = post(make(plant, "postmark"), {"RecordType": "Bounce", "ID": 7}, headers=basic())

    assert (answer.status_code, answer.json()["code"]) == (422, "hooks.no_mail")
    assert not Signal.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"{not json",
        b"",
        b"[]",
        b"null",
        b'{"Headers": 7}',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"FromFull": {"Email": 1}}',
    ],
)
def test_a_proven_post_nobody_can_take_apart_is_kept_for_people(plant: KolbeMini, body: bytes) -> None:
    answer = post(make(plant, "postmark"), body, headers=basic())

    assert answer.status_code == 200
    assert services.read_due_signals() == 1
    assert ExceptionRecord.objects.get().status == "triage"


def test_a_mail_of_many_megabytes_comes_in(plant: KolbeMini) -> None:
    big = {
        **POSTMARK,
        "Attachments": [
            {
                "Name": "film.mp4",
                "Content": base64.b64encode(b"\x01" * 9_000_000).decode(),
                "ContentType": "video/mp4",
            }
        ],
    }

    assert post(make(plant, "postmark"), big, headers=basic()).status_code == 200
    assert Attachment.objects.get().size == 9_000_000


def test_a_post_over_the_limit_is_refused(plant: KolbeMini, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks_email, "MOST_BYTES", 1000)

    answer = post(make(plant, "postmark"), b"x" * 1001, headers=basic())

    assert (answer.status_code, answer.json()["code"]) == (413, "hooks.too_large")


def test_addresses_are_there_only_for_active_mail_sources(plant: KolbeMini) -> None:
    source = make(plant, "postmark")
    assert Client().head(f"/hooks/email/{source.code}/").status_code == 200
    assert Client().get(f"/hooks/email/{source.code}/").status_code == 405
    assert Client().head("/hooks/email/demo-rhf/").status_code == 404
    assert post(Source.objects.get(code="demo-rhf"), POSTMARK, headers=basic()).status_code == 404
    source.active = False
    source.save()

    assert post(source, POSTMARK, headers=basic()).status_code == 404


@pytest.mark.parametrize(
    "name", ["postmark-inbound-test-payload.json", "postmark-inbound-test-payload-with-raw.json"]
)
def test_postmarks_own_test_posts_are_understood(plant: KolbeMini, name: str) -> None:
    body = shared(*FIXTURES, "anymail_BSD3", name).read_bytes()

    assert post(make(plant, "postmark"), body, headers=basic()).status_code == 200

    signal = Signal.objects.get()
    assert signal.sender == "support@postmarkapp.com"
    assert signal.text == "Test subject\n\nThis is the reply text"
    assert [one.name for one in Attachment.objects.all()] == ([] if "raw" in name else ["test.txt"])


def test_the_admin_shows_what_a_mail_source_needs_and_where_a_mailbox_stands(
    plant: KolbeMini, client: Client
) -> None:
    mailbox = Source.objects.create(code="m", name="M", channel="email", adapter="imap", site=plant.rhf)
    Mailbox.objects.create(source=mailbox, error="Logging in: refused")
    hook = make(plant, "postmark")
    root = User.objects.create_superuser("root.mail", password="x" * 12)
    client.force_login(root)

    pages = {
        source.code: client.get(f"/admin/exceptions_app/source/{source.pk}/change/").content.decode()
        for source in (mailbox, hook)
    }
    listed = client.get("/admin/exceptions_app/mailbox/").content.decode()

    assert "Move read mails to" in pages["m"]
    assert "Server whose checks count" in pages["m"]
    assert "User and password" in pages["postmark-rhf"]
    assert LOGIN not in pages["postmark-rhf"]
    assert "Logging in: refused" in listed
