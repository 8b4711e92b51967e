"""Teams outgoing webhook, pure: the signature, and what an activity says.

Signature: `Authorization: HMAC ` and the base64 HMAC-SHA256 of the raw body, keyed by the security token decoded from
base64 (Microsoft's "Create an Outgoing Webhook"). Teams only posts what mentions the webhook, in a team's channels, and
shows whatever is answered within five seconds.
"""

import base64
import binascii
import hashlib
import hmac
import html
import re
from typing import Any, Final

from exceptions_app.channels.messages import (
    BadSignature,
    Inbound,
    bounded,
    document,
    record,
    records,
    same,
    unparsable,
    words,
)
from exceptions_app.channels.port import Adapter, Setting
from exceptions_app.channels.webhook import moment

ADAPTER: Final = Adapter(
    code="teams", name="Teams outgoing webhook", channel="chat", path="/hooks/teams/{code}/", guide="Teams",
    answers=True,
    settings=(
        Setting("answer_url", "Address for later answers", kind="url",
                help="an incoming webhook or a workflow of the channel that takes a card; empty: only the first answer "
                "is given, at once"),
    ),
    secrets=(Setting("security_token", "Security token", required=True,
                     help="shown once when the outgoing webhook is made"),),
)  # fmt: skip

_MENTION = re.compile(r"<at\b[^>]{0,200}>.{0,200}?</at>", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<(?:br\s{0,5}/?|/p|/div|/li)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,2000}>")
_THREAD = ";messageid="


def verify(*, security_token: str, authorization: str, body: bytes) -> None:
    """Check the `Authorization` header over the raw body; BadSignature otherwise."""
    try:
        key = base64.b64decode(security_token, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise BadSignature("This source has no usable security token.")
    wanted = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
    scheme, _, given = authorization.strip().partition(" ")
    if scheme.upper() != "HMAC" or not same(wanted, given.strip()):
        raise BadSignature("The signature does not fit the message.")


def normalise(body: bytes) -> list[Inbound]:
    """The one message of an activity. Never raises: an activity of another form is kept as raw text."""
    try:
        data = document(body)
    except ValueError as problem:
        return [unparsable(body, str(problem))]
    conversation, activity = words(record(data.get("conversation")).get("id")), words(data.get("id"))
    if data.get("type") != "message" or not activity or not conversation:
        return [unparsable(body, "No message in it.")]
    channel, _, thread = conversation.partition(_THREAD)
    author = record(data.get("from"))
    person = words(author.get("aadObjectId")) or words(author.get("id"))
    return [
        Inbound(
            external_id=_name(channel, activity),
            text=plain(words(data.get("text")), files=_files(data)),
            sender=person,
            sender_name=words(author.get("name")) or person,
            proven=bool(person),
            conversation=bounded(conversation),
            reply_to=_name(channel, thread) if thread and thread != activity else "",
            sent_at=moment(data.get("timestamp")),
            payload=data,
        )
    ]


def _name(channel: str, activity: str) -> str:
    return bounded(f"{channel}/{activity}")


def _files(data: dict[str, Any]) -> list[str]:
    """Names of what was sent along: an outgoing webhook gets no key to fetch it with, so it is only named."""
    return [
        words(one.get("name")) or words(one.get("contentType"))
        for one in records(data.get("attachments"))
        if words(one.get("contentType")) != "text/html"
    ]


def plain(text: str, *, files: list[str] | None = None) -> str:
    """The words without the mention that called us and without markup; what was sent along is named at the end."""
    text = _TAG.sub("", _BREAK.sub("\n", _MENTION.sub(" ", text)))
    lines = [" ".join(line.split()) for line in html.unescape(text).split("\n")]
    lines += [f"[{name}]" for name in files or []]
    return "\n".join(line for line in lines if line)


def answer(text: str) -> dict[str, str]:
    """The activity Teams shows below the message when it comes back within five seconds."""
    return {"type": "message", "text": text}
