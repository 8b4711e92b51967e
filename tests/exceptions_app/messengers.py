"""Senders of the messengers' own formats, signed as the providers sign; and the sources they talk to."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.test import Client
from twilio.request_validator import RequestValidator

from core import clock
from exceptions_app.models import Source
from plant_app.models import Site
from tests.shared_data import FIXTURES, shared

APP_SECRET, VERIFY_TOKEN, ACCESS_TOKEN = "meta-app-secret", "a word we chose", "EAAG-token"
AUTH_TOKEN, ACCOUNT = "0123456789abcdef0123456789abcdef", "AC00000000000000000000000000000001"
SIGNING_SECRET, BOT_TOKEN = "8f742231b10e8888abcd99yyyzzz85a5", "xoxb-1-2-three"
SECURITY_TOKEN = base64.b64encode(b"thirty-two bytes of teams secret").decode()
OURS, PIOTR_PHONE, PIOTR_WA = "1122334455667", "+49 160 5550123", "491605550123"


def pywa(name: str, case: str) -> dict[str, Any]:
    """A real delivery from the shared fixtures; skipped by name where they are absent."""
    path = shared(*FIXTURES, "whatsapp_pywa_MIT", name)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))[case]
    return found


def source_for(adapter: str, site: Site, **config: Any) -> Source:
    """A source of that messenger at a site, with every key set."""
    secrets = {
        "whatsapp": {"app_secret": APP_SECRET, "verify_token": VERIFY_TOKEN, "access_token": ACCESS_TOKEN},
        "twilio": {"auth_token": AUTH_TOKEN},
        "slack": {"signing_secret": SIGNING_SECRET, "bot_token": BOT_TOKEN},
        "teams": {"security_token": SECURITY_TOKEN},
    }[adapter]
    if adapter == "twilio":
        config.setdefault("account_sid", ACCOUNT)
    channel = {"whatsapp": "whatsapp", "twilio": "sms"}.get(adapter, "chat")
    return Source.objects.create(
        code=f"{adapter}-test", name=adapter, channel=channel, adapter=adapter, site=site, config=config,
        secrets=secrets,
    )  # fmt: skip


# --- WhatsApp
def wa_text(text: str, *, message_id: str, sender: str = PIOTR_WA, **more: Any) -> dict[str, Any]:
    return {
        "from": sender, "id": message_id, "timestamp": str(int(clock.now().timestamp())), "type": "text",
        "text": {"body": text}, **more,
    }  # fmt: skip


def wa_photo(
    *, message_id: str, media: str = "65463453", caption: str = "", sender: str = PIOTR_WA
) -> dict[str, Any]:
    image = {
        "mime_type": "image/jpeg",
        "sha256": "4654+8g=",
        "id": media,
        **({"caption": caption} if caption else {}),
    }
    return {
        "from": sender, "id": message_id, "timestamp": str(int(clock.now().timestamp())), "type": "image",
        "image": image,
    }  # fmt: skip


def wa_delivery(
    *messages: dict[str, Any], statuses: Iterable[dict[str, Any]] = (), number: str = OURS
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "4976000000", "phone_number_id": number},
        "contacts": [{"profile": {"name": "Piotr N."}, "wa_id": one["from"]} for one in messages],
    }
    if messages:
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"value": value, "field": "messages"}]}],
    }


def whatsapp_post(
    source: Source, body: Any, *, secret: str = APP_SECRET, signature: str | None = None
) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return Client().post(
        f"/hooks/whatsapp/{source.code}/", raw, content_type="application/json",
        headers={"X-Hub-Signature-256": signed if signature is None else signature},
    )  # fmt: skip


# --- Twilio
def sms(text: str, *, sid: str, sender: str = "+491605550123", **more: str) -> dict[str, str]:
    return {
        "ToCountry": "DE", "SmsMessageSid": sid, "NumMedia": "0", "SmsSid": sid, "SmsStatus": "received",
        "Body": text, "To": "+4915900000001", "NumSegments": "1", "MessageSid": sid, "AccountSid": ACCOUNT,
        "From": sender, "ApiVersion": "2010-04-01", **more,
    }  # fmt: skip


def twilio_post(
    source: Source, form: dict[str, str] | bytes, *, token: str = AUTH_TOKEN, base: str = "http://testserver",
    signature: str | None = None,
) -> Any:  # fmt: skip
    """Deliver as Twilio does; the signature is made by Twilio's own library."""
    raw = form if isinstance(form, bytes) else urlencode(form).encode()
    path = f"/hooks/twilio/{source.code}/"
    given = form if isinstance(form, dict) else {}
    signed = RequestValidator(token).compute_signature(base + path, given)
    return Client().post(
        path, raw, content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signed if signature is None else signature},
    )  # fmt: skip


# --- Slack
def slack_event(event: dict[str, Any], *, event_id: str = "Ev1", team: str = "T1") -> dict[str, Any]:
    return {
        "token": "old", "team_id": team, "api_app_id": "A1", "event": event, "type": "event_callback",
        "event_id": event_id, "event_time": 1763370840,
        "authorizations": [{"team_id": team, "user_id": "UBOT", "is_bot": True}],
    }  # fmt: skip


def slack_message(
    text: str, *, ts: str, user: str = "UPIOTR", channel: str = "CFLOOR", **more: Any
) -> dict[str, Any]:
    return {
        "type": "message", "channel": channel, "user": user, "text": text, "ts": ts, "event_ts": ts,
        "channel_type": "channel", "team": "T1", **more,
    }  # fmt: skip


def slack_post(
    source: Source, body: Any, *, secret: str = SIGNING_SECRET, stamp: int | None = None,
    signature: str | None = None,
) -> Any:  # fmt: skip
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    moment = str(int(clock.now().timestamp()) if stamp is None else stamp)
    signed = "v0=" + hmac.new(secret.encode(), f"v0:{moment}:".encode() + raw, hashlib.sha256).hexdigest()
    return Client().post(
        f"/hooks/slack/{source.code}/", raw, content_type="application/json",
        headers={
            "X-Slack-Request-Timestamp": moment,
            "X-Slack-Signature": signed if signature is None else signature,
        },
    )  # fmt: skip


# --- Teams
def teams_activity(
    text: str, *, activity: str, user: str = "aad-piotr", thread: str = "", **more: Any
) -> dict[str, Any]:
    return {
        "type": "message", "id": activity, "timestamp": "2026-11-17T09:14:00.123Z", "serviceUrl": "https://smba.example/",
        "channelId": "msteams", "from": {"id": "29:1xyz", "name": "Piotr Nowak", "aadObjectId": user},
        "conversation": {"isGroup": True, "id": f"19:abc@thread.tacv2;messageid={thread or activity}"},
        "recipient": None, "textFormat": "plain", "attachmentLayout": None, "membersAdded": [], "topicName": None,
        "text": text, "attachments": [{"contentType": "text/html", "content": f"<div>{text}</div>"}], **more,
    }  # fmt: skip


def teams_post(
    source: Source, body: Any, *, token: str = SECURITY_TOKEN, authorization: str | None = None
) -> Any:  # fmt: skip
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = (
        "HMAC " + base64.b64encode(hmac.new(base64.b64decode(token), raw, hashlib.sha256).digest()).decode()
    )
    return Client().post(
        f"/hooks/teams/{source.code}/", raw, content_type="application/json",
        headers={"Authorization": signed if authorization is None else authorization},
    )  # fmt: skip
