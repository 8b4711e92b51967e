"""What a messenger's adapter makes of a delivery: messages, and news about messages that came or went before.

Plain data and the few helpers all messengers share. Knows no provider, no rows and no clock.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

LONGEST_ID: Final = 200
#: Key of a payload that says "this was not understood, here is what came"; the reader sends such a message to triage.
UNPARSABLE: Final = "_unparsable"


class BadSignature(ValueError):
    """The delivery is not provably the provider's; the text says what is wrong and nothing about the key."""


class Kind(StrEnum):
    """What one part of a delivery is."""

    MESSAGE = "message"
    EDIT = "edit"
    DELETE = "delete"
    REACTION = "reaction"
    RECEIPT = "receipt"
    #: About the account, not from a person: kept, read by nobody.
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Part:
    """Something sent along, by the provider's reference: an id or an address only the provider's key opens."""

    ref: str
    content_type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message, or one piece of news about message `target`. `sender` is the address an answer would go to.

    `external_id` is the provider's id of this very thing, the same each time it is delivered. `proven`: the channel
    vouches for the sender. `state` and `problem` are a receipt's; `channel` overrides the source's where it speaks two.
    """

    external_id: str
    kind: Kind = Kind.MESSAGE
    text: str = ""
    sender: str = ""
    sender_name: str = ""
    proven: bool = True
    conversation: str = ""
    reply_to: str = ""
    sent_at: datetime | None = None
    target: str = ""
    state: str = ""
    problem: str = ""
    channel: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


def unparsable(body: bytes, why: str) -> Inbound:
    """A signed delivery nobody could take apart, as a message of its own: kept whole, shown to a person."""
    text = body.decode("utf-8", errors="replace").replace("\x00", "")
    digest = hashlib.sha256(body).hexdigest()[:32]
    return Inbound(external_id=f"raw-{digest}", text=text, proven=False, payload={UNPARSABLE: why[:200]})


def document(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. ValueError for anything else, however deep or broken."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise ValueError(str(problem)[:200]) from None
    if not isinstance(found, dict):
        raise ValueError("The body is no JSON object.")
    return found


def bounded(external_id: str) -> str:
    """An id that fits its column; an overlong one keeps its beginning and the hash of the whole."""
    external_id = external_id.replace("\x00", "").strip()
    if len(external_id) <= LONGEST_ID:
        return external_id
    return external_id[:150] + "#" + hashlib.sha256(external_id.encode()).hexdigest()[:40]


def record(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one: senders leave things out."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """The objects in a list, else none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def words(value: Any) -> str:
    """The value where it is text or a number, else nothing."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return str(value).replace("\x00", "").encode("utf-8", errors="replace").decode()


def moment(value: Any) -> datetime | None:
    """Seconds since 1970, as number or text; None for anything else."""
    try:
        return datetime.fromtimestamp(float(words(value)), tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def same(wanted: str, given: str) -> bool:
    """Whether two signatures are equal, in constant time, whatever characters the given one has."""
    return hmac.compare_digest(wanted.encode(), given.encode("utf-8", errors="replace"))


def digits(phone: str) -> str:
    """A phone number as digits with its country code: `+49 (160) 123` and `0049160123` are the same."""
    found = "".join(char for char in phone if char.isdigit() and char.isascii())
    return found.removeprefix("00")
