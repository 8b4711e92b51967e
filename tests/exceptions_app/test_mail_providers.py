"""Each mail provider's own form of a post: signature, fields, files, and its word about the sender."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from exceptions_app.channels.fetchers import FetchFailed, fetcher_for
from exceptions_app.models import Attachment, Signal
from tests.exceptions_app.mail_posts import JPEG, KEY, LOGIN, basic, make, post
from tests.exceptions_app.mailing import JONAS, PNG, mail
from tests.plant_fixtures import KolbeMini

PDF_PART = {
    "Content-Type": "application/pdf; name=p.pdf",
    "Content-Disposition": "attachment; filename=p.pdf",
}


def mailgun(**fields: Any) -> dict[str, Any]:
    token, stamp = fields.pop("token", "t" * 50), "1795252440"
    signature = hmac.new(
        fields.pop("key", KEY).encode(), f"{stamp}{token}".encode(), hashlib.sha256
    ).hexdigest()
    return {
        "timestamp": stamp,
        "token": token,
        "signature": fields.pop("signature", signature),
        "recipient": "floor@kolbe.example",
        "sender": "jonas.keller@kolbe.example",
        **fields,
    }


def test_a_mailgun_mail_in_fields_with_files(plant: KolbeMini) -> None:
    source = make(plant, "mailgun", webhook_signing_key=KEY)
    headers = [
        ["X-Mailgun-Spf", "Pass"],
        ["From", JONAS],
        ["Subject", "Press 4 down"],
        ["Message-Id", "<mg1@kolbe.example>"],
        ["To", "floor@kolbe.example"],
    ]
    fields = mailgun(
        **{
            "message-headers": json.dumps(headers),
            "body-plain": "hydraulic leak\n\n-- \nJonas",
            "body-html": "<p>x</p>",
            "stripped-text": "hydraulic leak",
            "attachment-count": "2",
            "content-id-map": json.dumps({"<logo>": "attachment-2"}),
            "attachment-1": SimpleUploadedFile("leak.jpg", JPEG, "image/jpeg"),
            "attachment-2": SimpleUploadedFile("logo.png", PNG, "image/png"),
        }
    )

    answer = post(source, fields, form=True)

    signal = Signal.objects.get()
    assert answer.status_code == 200
    assert (signal.text, signal.sender_verified) == ("Press 4 down\n\nhydraulic leak", True)
    assert [one.name for one in Attachment.objects.all()] == ["leak.jpg"]
    assert signal.payload["mail"]["left_out"][0][0] == "logo.png"


def test_a_mailgun_mail_as_raw_mime(plant: KolbeMini) -> None:
    source = make(plant, "mailgun", webhook_signing_key=KEY)
    raw = mail("hydraulic leak", headers={"X-Mailgun-Spf": "Pass"}, message_id="mg2@x").decode()

    assert post(source, mailgun(**{"body-mime": raw}), form=True).status_code == 200
    assert Signal.objects.get().external_id == "mg2@x"


@pytest.mark.parametrize("change", [{"key": "another"}, {"signature": ""}, {"signature": "ä" * 64}])
def test_a_mailgun_post_with_a_wrong_signature_is_refused(plant: KolbeMini, change: dict[str, str]) -> None:
    source = make(plant, "mailgun", webhook_signing_key=KEY)

    assert post(source, mailgun(**{"body-mime": "Subject: x\n\ny"}, **change), form=True).status_code == 401
    assert post(source, {"body-mime": "Subject: x\n\ny"}, form=True).status_code == 401
    assert post(source, {"any": "thing"}).status_code == 401
    assert not Signal.objects.exists()


def test_a_sendgrid_mail_with_its_own_charset(plant: KolbeMini) -> None:
    source = make(plant, "sendgrid")
    headers = f"From: {JONAS}\nSubject: Presse 4\nMessage-ID: <sg1@x>\nTo: f@k.example\n"
    fields = {
        "headers": headers,
        "text": "",
        "charsets": json.dumps({"text": "iso-8859-1"}),
        "envelope": json.dumps({"from": "bounce@mail.kolbe.example", "to": ["f@k.example"]}),
        "SPF": "pass",
        "dkim": "{@other.example : pass}",
        "attachments": "1",
        "attachment-info": json.dumps({"attachment1": {"filename": "p.pdf"}}),
        "attachment1": SimpleUploadedFile("p.pdf", b"%PDF-1.4 x", "application/pdf"),
    }
    boundary = "b0undary"
    body = b"".join(
        _field(boundary, name, value if name != "text" else "Ölverlust".encode("latin-1"))
        for name, value in fields.items()
    )
    body += f"--{boundary}--\r\n".encode()

    answer = Client().post(
        f"/hooks/email/{source.code}/",
        body,
        content_type=f"multipart/form-data; boundary={boundary}",
        headers=basic(),
    )

    signal = Signal.objects.get()
    assert answer.status_code == 200
    assert (signal.text, signal.sender_verified) == ("Presse 4\n\nÖlverlust", True)
    assert Attachment.objects.get().name == "p.pdf"


def _field(boundary: str, name: str, value: Any) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
    if isinstance(value, SimpleUploadedFile):
        head += f'; filename="{value.name}"\r\nContent-Type: {value.content_type}'
        return head.encode() + b"\r\n\r\n" + value.read() + b"\r\n"
    data = value if isinstance(value, bytes) else str(value).encode()
    return head.encode() + b"\r\n\r\n" + data + b"\r\n"


def test_a_sendgrid_signature_of_the_senders_domain_proves_it(plant: KolbeMini) -> None:
    source = make(plant, "sendgrid")
    fields = {
        "email": mail("hydraulic leak", message_id="sg2@x").decode(),
        "SPF": "fail",
        "dkim": "{@kolbe.example : pass}",
        "envelope": "{broken",
    }

    Client().post(f"/hooks/email/{source.code}/", fields, headers=basic())

    assert Signal.objects.get().payload["mail"]["proof"] == "dkim=pass (sendgrid)"


def test_a_mailjet_mail(plant: KolbeMini) -> None:
    source = make(plant, "mailjet")
    body = {
        "Sender": "jonas.keller@kolbe.example",
        "Recipient": "f@k.example",
        "Subject": "Press 4 down",
        "Headers": {
            "From": JONAS,
            "Subject": "Press 4 down",
            "Message-ID": "<mj1@x>",
            "Received": ["a", "b"],
        },
        "Parts": [{"Headers": PDF_PART, "ContentRef": "Attachment1"}],
        "Text-part": "hydraulic leak",
        "Attachment1": base64.b64encode(b"%PDF-1.4").decode(),
        "SpamAssassinScore": "0.4",
    }

    assert post(source, body, headers=basic()).status_code == 200

    signal = Signal.objects.get()
    assert (signal.text, signal.sender_verified) == ("Press 4 down\n\nhydraulic leak", False)
    assert signal.payload["mail"]["provider"]["spam_score"] == 0.4
    assert Attachment.objects.get().name == "p.pdf"


BREVO = {
    "items": [
        {
            "Uuid": ["u-1"],
            "MessageId": "<br1@x>",
            "Subject": "Press 4 down",
            "Headers": {"From": JONAS, "Subject": "Press 4 down", "Message-ID": "<br1@x>"},
            "RawTextBody": "hydraulic leak",
            "RawHtmlBody": None,
            "ExtractedMarkdownMessage": "hydraulic leak",
            "SpamScore": 1.0,
            "Attachments": [
                {
                    "Name": "leak.jpg",
                    "ContentType": "image/jpeg",
                    "ContentLength": 30004,
                    "ContentID": "",
                    "DownloadToken": "tok/en 1",
                }
            ],
        }
    ]
}


def test_a_brevo_mail_is_stored_without_asking_brevo(plant: KolbeMini) -> None:
    source = make(plant, "brevo", webhook_secret=LOGIN)

    assert post(source, BREVO, headers=basic()).status_code == 200

    kept = Attachment.objects.get()
    assert (kept.name, kept.external_ref, bool(kept.incoming)) == ("leak.jpg", "tok/en 1", False)
    assert Signal.objects.get().text == "Press 4 down\n\nhydraulic leak"


def test_brevos_files_are_fetched_by_their_token() -> None:
    asked: list[tuple[str, str]] = []

    class Brevo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["api-key"]))
            self.send_response(200 if "good" in self.path else 404)
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()
            self.wfile.write(JPEG)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Brevo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fetch = fetcher_for("brevo")
    config = {"files_url": f"http://127.0.0.1:{server.server_port}/attachments/"}
    assert fetch is not None
    try:
        assert fetch(config, {"api_key": KEY}, "good/one") == (JPEG, "image/jpeg", "")
        with pytest.raises(FetchFailed, match="answered 404"):
            fetch(config, {"api_key": KEY}, "gone")
        with pytest.raises(FetchFailed, match="no API key"):
            fetch(config, {}, "good")
    finally:
        server.shutdown()
        server.server_close()
    assert asked[0] == ("/attachments/good%2Fone", KEY)


def test_a_mailersend_mail_is_proven_by_its_signature(plant: KolbeMini) -> None:
    source = make(plant, "mailersend", inbound_secret=KEY)
    body = json.dumps(
        {
            "type": "inbound.message",
            "data": {
                "id": "ms1",
                "raw": mail("hydraulic leak", message_id="ms1@x").decode(),
                "created_at": "2026-11-17T09:12:00Z",
                "sender": {"email": "jonas.keller@kolbe.example"},
                "recipients": {"rcptTo": [{"email": "f@k.example"}]},
                "spf_check": {"code": "+", "value": None},
                "dkim_check": False,
            },
        }
    ).encode()
    signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()

    refused = post(source, body, headers={"Signature": "0" * 64})
    answer = post(source, body, headers={"Signature": signature})

    assert (refused.status_code, answer.status_code) == (401, 200)
    assert Signal.objects.get().payload["mail"]["proof"] == "spf=pass (mailersend)"


def test_several_sparkpost_mails_and_a_ping_come_in_one_post(plant: KolbeMini) -> None:
    source = make(plant, "sparkpost")

    def relay(number: int) -> dict[str, Any]:
        raw = mail(f"press {number} down, hydraulic leak", subject="stop", message_id=f"sp{number}@x")
        return {
            "msys": {
                "relay_message": {
                    "protocol": "smtp",
                    "msg_from": "j@k.example",
                    "rcpt_to": "f@k.example",
                    "content": {
                        "email_rfc822": base64.b64encode(raw).decode(),
                        "email_rfc822_is_base64": True,
                    },
                }
            }
        }

    answer = post(source, [relay(3), relay(4), {"msys": {}}], headers=basic())

    assert (answer.status_code, len(answer.json()["signals"])) == (200, 2)
    assert post(source, [{"msys": {}}], headers=basic()).json() == {"signals": [], "replayed": False}
    assert {one.external_id for one in Signal.objects.all()} == {"sp3@x", "sp4@x"}


@pytest.mark.parametrize(("adapter", "name"), [("sendgrid", "email"), ("mailgun", "body-mime")])
def test_a_raw_mail_of_megabytes_in_a_form_field_comes_in_whole(
    plant: KolbeMini, adapter: str, name: str
) -> None:
    secret = {"webhook_signing_key": KEY} if adapter == "mailgun" else {"webhook_secret": LOGIN}
    source = make(plant, adapter, **secret)
    film = bytes(range(256)) * 12_000
    raw = mail(
        "hydraulic leak", message_id="large@x", files=(("film.bin", "application/octet-stream", film),)
    )
    fields = mailgun() if adapter == "mailgun" else {"SPF": "pass"}

    answer = Client().post(f"/hooks/email/{source.code}/", {**fields, name: raw.decode()}, headers=basic())

    assert answer.status_code == 200
    signal = Signal.objects.get()
    assert (signal.external_id, signal.text) == ("large@x", "Press 4 down\n\nhydraulic leak")
    kept = Attachment.objects.get()
    assert (kept.name, kept.sha256) == ("film.bin", hashlib.sha256(film).hexdigest())
