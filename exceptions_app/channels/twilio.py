"""Twilio SMS and WhatsApp, pure: the signature over address and form, and what a form says.

Signature: base64 HMAC-SHA1 of the address followed by every parameter, name and value, sorted by name (Twilio's
security page). Knows no rows; media are addresses, fetched elsewhere with the account's key.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from exceptions_app.channels.messages import (
    BadSignature,
    Inbound,
    Kind,
    Part,
    bounded,
    same,
    unparsable,
    words,
)
from exceptions_app.channels.port import Adapter, Setting

BASE_URL: Final = "https://api.twilio.com"
WHATSAPP: Final = "whatsapp:"
MOST_MEDIA: Final = 10
MOST_FIELDS: Final = 500
#: What Twilio expects back when there is nothing to say at once.
EMPTY_TWIML: Final = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'

ADAPTER: Final = Adapter(
    code="twilio", name="Twilio SMS and WhatsApp", channel="sms", path="/hooks/twilio/{code}/", guide="Twilio",
    answers=True,
    settings=(
        Setting("account_sid", "Account SID", required=True, help="begins with AC"),
        Setting("trust_numbers", "SMS numbers prove the sender", kind="yes_no", default=False,
                help="caller ids can be forged; off: an SMS only raises a triage item"),
        Setting("public_url", "Public address of this installation", kind="url",
                help="as typed at Twilio, without the path, when it differs from PUBLIC_URL"),
        Setting("receipts", "Ask Twilio for delivery receipts", kind="yes_no", default=False,
                help="needs an address Twilio can reach"),
        Setting("content_sid", "Content template for WhatsApp answers after 24 hours",
                help="begins with HX and has one variable; empty: nothing is sent once a day has passed"),
        Setting("base_url", "Address of the API", kind="url", default=BASE_URL),
    ),
    secrets=(Setting("auth_token", "Auth token", required=True,
                     help="signs what comes in, fetches photos, sends answers"),),
)  # fmt: skip


def form(body: bytes) -> list[tuple[str, str]]:
    """The parameters of a form in their order. ValueError when there are too many to be one of Twilio's."""
    return parse_qsl(
        body.decode("utf-8", errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace"
    )  # fmt: skip


def sign(*, auth_token: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Twilio's signature of a form sent to an address. A parameter given twice counts once per value."""
    text = url + "".join(name + value for name, value in sorted(set(parameters)))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def verify(*, auth_token: str, signature: str, urls: Iterable[str], body: bytes) -> None:
    """Check `X-Twilio-Signature` for any of the addresses this source is known by; BadSignature otherwise."""
    if not auth_token:
        raise BadSignature("This source has no auth token.")
    try:
        parameters = form(body)
    except ValueError:
        raise BadSignature("The form has too many fields.") from None
    fits = [same(sign(auth_token=auth_token, url=url, parameters=parameters), signature) for url in urls]
    if not any(fits):
        raise BadSignature("The signature does not fit the message and this address.")


def normalise(body: bytes, *, trust_numbers: bool = False) -> list[Inbound]:
    """What a form says: one message or one receipt. Never raises; a form without an id is kept as raw text."""
    try:
        given = {name: words(value) for name, value in form(body)}
    except ValueError as problem:
        return [unparsable(body, str(problem))]
    message_id = bounded(given.get("MessageSid") or given.get("SmsMessageSid") or given.get("SmsSid") or "")
    if not message_id:
        return [unparsable(body, "No MessageSid in it.")]
    if given.get("MessageStatus"):
        return [_receipt(given, message_id)]
    sender, ours = given.get("From", ""), given.get("To", "")
    if given.get(
        "OptOutType"
    ):  # STOP, START or HELP, which Twilio has answered itself: about the line, not the floor
        return [
            Inbound(
                external_id=message_id,
                kind=Kind.NOTICE,
                text=given.get("Body", ""),
                sender=sender,
                payload=given,
            )
        ]
    whatsapp = sender.startswith(WHATSAPP)
    return [
        Inbound(
            external_id=message_id,
            text=_text(given),
            sender=sender,
            sender_name=given.get("ProfileName", "") or sender.removeprefix(WHATSAPP),
            proven=bool(sender) and (whatsapp or trust_numbers),
            conversation=f"{ours} {sender}".strip(),
            reply_to=bounded(given.get("OriginalRepliedMessageSid", "")),
            channel="whatsapp" if whatsapp else "sms",
            payload=given,
            parts=_parts(given),
        )
    ]


def _text(given: Mapping[str, str]) -> str:
    text = given.get("Body", "") or given.get("ButtonText", "") or given.get("ButtonPayload", "")
    if given.get("Latitude") and given.get("Longitude"):
        place = given.get("Label", "") or given.get("Address", "") or "Location"
        text = f"{text}\n\N{ROUND PUSHPIN} {place} ({given['Latitude']}, {given['Longitude']})".strip()
    return text


def _parts(given: Mapping[str, str]) -> tuple[Part, ...]:
    count = given.get("NumMedia", "0")
    many = min(int(count), MOST_MEDIA) if count.isascii() and count.isdigit() and len(count) < 4 else 0
    return tuple(
        Part(ref=given[f"MediaUrl{number}"], content_type=given.get(f"MediaContentType{number}", ""))
        for number in range(many)
        if given.get(f"MediaUrl{number}")
    )


def _receipt(given: Mapping[str, str], message_id: str) -> Inbound:
    state = given["MessageStatus"]
    why = " ".join(filter(None, (given.get("ErrorCode", ""), given.get("ErrorMessage", ""))))
    return Inbound(
        external_id=bounded(f"{message_id}:{state}"),
        kind=Kind.RECEIPT,
        target=message_id,
        state=state,
        problem=why,
        sender=given.get("To", ""),
        payload=given,
    )
