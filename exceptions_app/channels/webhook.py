"""The generic signed webhook, pure: is it really from them, and what does it say.

Signatures follow the Standard Webhooks scheme: HMAC-SHA256 over `id.timestamp.body`, base64, several allowed for key
rotation. A payload becomes fields by a mapping of dotted paths. Knows no rows and no clock of its own.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from exceptions_app.channels.port import Adapter

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a marker, not a secret
TOLERANCE: Final = timedelta(minutes=5)
VERSION: Final = "v1"
#: Mapped names that are no capture fields.
ENVELOPE: Final = frozenset({"text", "external_id", "occurred_at", "reporter"})
UNPARSABLE: Final = "_unparsable"

ADAPTER: Final = Adapter(
    code="webhook", name="Signed webhook", channel="webhook", path="/hooks/{code}/", guide="Signed webhook",
    mapped=True,
)  # fmt: skip


class BadSignature(ValueError):
    """The message is not provably theirs, or too old; the text says which, and nothing about the secret."""


def new_secret() -> str:
    """A fresh shared key in the form the scheme's libraries expect."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _key(secret: str) -> bytes:
    raw = secret.removeprefix(SECRET_PREFIX)
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        return raw.encode()


def sign(*, secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature header of a message: what a sender computes, and what tests and the simulator use."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"{VERSION},{base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()}"


def verify(*, secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Check a message and return its id; BadSignature says in plain words what is wrong.

    `headers` are looked up without regard to case; the time stamp may lie five minutes either way.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id = given.get("webhook-id", "")
    stamp = given.get("webhook-timestamp", "")
    signatures = given.get("webhook-signature", "")
    if not message_id or not stamp or not signatures:
        raise BadSignature("webhook-id, webhook-timestamp and webhook-signature are needed.")
    if not secret:
        raise BadSignature("This source has no key.")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise BadSignature("webhook-timestamp is not in seconds.")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise BadSignature("The time stamp is more than five minutes away.")
    wanted = sign(secret=secret, message_id=message_id, timestamp=int(stamp), body=body).encode()
    for candidate in signatures.split():
        if hmac.compare_digest(wanted, candidate.encode()):
            return message_id
    raise BadSignature("The signature does not fit the message.")


@dataclass(frozen=True, slots=True)
class Message:
    """What a payload says: the envelope's parts, the capture fields, and the payload itself."""

    text: str = ""
    external_id: str = ""
    occurred_at: datetime | None = None
    reporter: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    payload: Any = None


def parse(body: bytes, content_type: str, mapping: Mapping[str, str]) -> Message:
    """Read a body by its mapping. Never raises: what cannot be parsed keeps its raw text and says so in the payload."""
    text = body.decode("utf-8", errors="replace").replace("\x00", "")
    if content_type.startswith("application/x-www-form-urlencoded"):
        data: Any = dict(parse_qsl(text, keep_blank_values=True))
    else:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as problem:
            return Message(text=text, payload={UNPARSABLE: str(problem)[:200]})
    return message_of(data, mapping, text)


def message_of(data: Any, mapping: Mapping[str, str], text: str = "") -> Message:
    """What a parsed payload says by its mapping. Without a text and without any field, `text` is the message."""
    found = {name: value for name, path in mapping.items() if (value := mapped(data, path)) not in (None, "")}
    message = str(found.get("text", ""))
    if not message and not any(name not in ENVELOPE for name in found):
        message = text if not isinstance(data, str) else data
    return Message(
        text=message,
        external_id=str(found.get("external_id", ""))[:200],
        occurred_at=moment(found.get("occurred_at")),
        reporter=str(found.get("reporter", ""))[:120],
        fields={name: value for name, value in found.items() if name not in ENVELOPE},
        payload=data if isinstance(data, dict) else {"payload": data},
    )


def mapped(data: Any, rule: str) -> Any:
    """The value a mapping line gives: a path, "=word", or "path | DOWN=machine_downtime, IDLE=, *=other", which
    translates the value found (`*`: any other; nothing after the sign: no value; not listed: as it is).
    """
    path, bar, words = rule.partition("|")
    value = at_path(data, path.strip())
    if not bar or value is None:
        return value
    pairs = (part.partition("=") for part in words.split(",") if "=" in part)
    table = {word.strip(): meant.strip() for word, _, meant in pairs}
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return table.get(said, table.get("*", value))


def at_path(data: Any, path: str) -> Any:
    """The value at "a.b.0.c"; "=word" is the word itself; None where the path leads nowhere."""
    if path.startswith("="):
        return path[1:]
    if path in ("", "."):
        return None
    for part in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def moment(value: Any) -> datetime | None:
    """An ISO time with offset, or seconds (or milliseconds) since 1970; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        if isinstance(value, (int, float)) or (
            isinstance(value, str) and value.replace(".", "", 1).isdigit()
        ):
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, tz=UTC)
        found = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo is not None else None
