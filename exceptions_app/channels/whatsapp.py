"""WhatsApp Cloud API, pure: the handshake, the signature, and what a delivery says.

One delivery may carry many messages for several of our numbers. Format: Meta's webhook reference for the Cloud API
(object `whatsapp_business_account`, field `messages`). Knows no rows; media are references, fetched elsewhere.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Any, Final

from exceptions_app.channels.messages import (
    BadSignature,
    Inbound,
    Kind,
    Part,
    bounded,
    document,
    moment,
    record,
    records,
    same,
    unparsable,
    words,
)
from exceptions_app.channels.port import Adapter, Setting

BASE_URL: Final = "https://graph.facebook.com/v23.0"
_MEDIA: Final = ("image", "audio", "video", "document", "sticker")
_REPLIES: Final = ("button_reply", "list_reply")

ADAPTER: Final = Adapter(
    code="whatsapp", name="WhatsApp Cloud API", channel="whatsapp", path="/hooks/whatsapp/{code}/", guide="WhatsApp",
    answers=True,
    settings=(
        Setting("template", "Template for answers after 24 hours", help="name of an approved template with one text "
                "parameter; empty: nothing is sent once a day has passed since the person last wrote"),
        Setting("template_language", "Language code of the template", default="en"),
        Setting("base_url", "Address of the Graph API", kind="url", default=BASE_URL),
    ),
    secrets=(
        Setting("app_secret", "App secret", required=True, help="Meta app, Settings, Basic; signs what comes in"),
        Setting("verify_token", "Verify token", required=True, help="any word you choose; type the same one at Meta"),
        Setting("access_token", "Access token of a system user", required=True,
                help="fetches photos and sends answers; needs whatsapp_business_messaging"),
    ),
)  # fmt: skip


def handshake(*, query: Mapping[str, str], verify_token: str) -> str:
    """The challenge to echo when Meta subscribes; BadSignature when the token is not ours or none is set."""
    if query.get("hub.mode") != "subscribe" or not verify_token:
        raise BadSignature("This address answers Meta's subscription and signed messages only.")
    if not same(verify_token, query.get("hub.verify_token", "")):
        raise BadSignature("The verify token does not fit.")
    return query.get("hub.challenge", "")


def verify(*, app_secret: str, signature: str, body: bytes) -> None:
    """Check `X-Hub-Signature-256` over the raw body; BadSignature otherwise."""
    if not app_secret:
        raise BadSignature("This source has no app secret.")
    wanted = "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()
    if not same(wanted, signature):
        raise BadSignature("The signature does not fit the message.")


def normalise(body: bytes) -> list[Inbound]:
    """Everything a delivery holds, in order. Never raises: what has another form is one message with the raw text."""
    try:
        data = document(body)
    except ValueError as problem:
        return [unparsable(body, str(problem))]
    found = [one for entry in records(data.get("entry")) for one in _entry(entry)]
    return found or [unparsable(body, "No message and no status in it.")]


def _entry(entry: dict[str, Any]) -> Iterator[Inbound]:
    for change in records(entry.get("changes")):
        value = record(change.get("value"))
        number = words(record(value.get("metadata")).get("phone_number_id"))
        names = {
            words(one.get("wa_id")): words(record(one.get("profile")).get("name"))
            for one in records(value.get("contacts"))
        }
        messages, statuses = records(value.get("messages")), records(value.get("statuses"))
        for message in messages:
            yield _message(message, number, names)
        for status in statuses:
            yield _status(status, number)
        if not messages and not statuses:
            digest = hashlib.sha256(repr(change).encode(errors="replace")).hexdigest()[:32]
            yield Inbound(external_id=f"notice-{digest}", kind=Kind.NOTICE, payload=change, proven=False)


def _message(message: dict[str, Any], number: str, names: Mapping[str, str]) -> Inbound:
    type_ = words(message.get("type"))
    sender = words(message.get("from"))
    external_id = bounded(words(message.get("id")))
    common: dict[str, Any] = {
        "sender": sender,
        "sender_name": names.get(sender) or (next(iter(names.values())) if len(names) == 1 else "") or sender,
        "sent_at": moment(message.get("timestamp")),
        "conversation": f"{number} {sender}".strip(),
        "payload": message,
    }
    if not external_id:
        digest = hashlib.sha256(repr(message).encode(errors="replace")).hexdigest()[:32]
        external_id = f"noid-{digest}"
    common["external_id"] = external_id
    if type_ == "edit":
        edit = record(message.get("edit"))
        newer = record(edit.get("message"))
        return Inbound(
            kind=Kind.EDIT, target=bounded(words(edit.get("original_message_id"))), text=_text(newer),
            parts=_parts(newer), **common,
        )  # fmt: skip
    if type_ == "revoke":
        target = words(record(message.get("revoke")).get("original_message_id"))
        return Inbound(kind=Kind.DELETE, target=bounded(target), **common)
    if type_ == "reaction":
        reaction = record(message.get("reaction"))
        return Inbound(
            kind=Kind.REACTION, target=bounded(words(reaction.get("message_id"))), text=words(reaction.get("emoji")),
            **common,
        )  # fmt: skip
    if type_ in ("system", "request_welcome"):
        return Inbound(kind=Kind.NOTICE, text=words(record(message.get("system")).get("body")), **common)
    reply_to = bounded(words(record(message.get("context")).get("id")))
    return Inbound(text=_text(message), parts=_parts(message), reply_to=reply_to, **common)


def _text(message: dict[str, Any]) -> str:
    """The words of a message of any type; a type without any is named, so that a person knows what came."""
    type_ = words(message.get("type"))
    inner = record(message.get(type_))
    if type_ == "text":
        return words(inner.get("body"))
    if type_ in _MEDIA:
        return words(inner.get("caption"))
    if type_ == "button":
        return words(inner.get("text")) or words(inner.get("payload"))
    if type_ == "interactive":
        chosen = next((record(inner.get(name)) for name in _REPLIES if inner.get(name)), {})
        return words(chosen.get("title")) or words(chosen.get("id")) or "(an answer without words)"
    if type_ == "location":
        place = ", ".join(filter(None, (words(inner.get("name")), words(inner.get("address")))))
        point = ", ".join((words(inner.get("latitude")), words(inner.get("longitude"))))
        return f"\N{ROUND PUSHPIN} {place or 'Location'} ({point})"
    if type_ == "contacts":
        people = records(message.get("contacts"))
        return "Contact: " + ", ".join(words(record(one.get("name")).get("formatted_name")) for one in people)
    if type_ == "order":
        return words(inner.get("text")) or "(an order from the WhatsApp catalogue)"
    return f"(a message WhatsApp does not pass on: {words(inner.get('type')) or type_ or 'unknown'})"


def _parts(message: dict[str, Any]) -> tuple[Part, ...]:
    type_ = words(message.get("type"))
    inner = record(message.get(type_))
    ref = words(inner.get("id"))
    if type_ not in _MEDIA or not ref:
        return ()
    return (Part(ref=ref, content_type=words(inner.get("mime_type")), name=words(inner.get("filename"))),)


def _status(status: dict[str, Any], number: str) -> Inbound:
    message_id, state = words(status.get("id")), words(status.get("status"))
    problem = next(iter(records(status.get("errors"))), {})
    why = " ".join(filter(None, (words(problem.get("code")), words(problem.get("title")))))
    recipient = words(status.get("recipient_id"))
    return Inbound(
        external_id=bounded(f"{message_id}:{state}:{words(status.get('recipient_participant_user_id'))}"),
        kind=Kind.RECEIPT,
        target=bounded(message_id),
        text=words(status.get("biz_opaque_callback_data")),
        state=state,
        problem=why,
        sender=recipient,
        conversation=f"{number} {recipient}".strip(),
        sent_at=moment(status.get("timestamp")),
        payload=status,
    )
