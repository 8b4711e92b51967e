"""A webhook's names, headers and pauses. Pure.

Signed by the Standard Webhooks scheme (https://www.standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`, one
signature per key in force, so that a key can be replaced while the receiver still checks with the old one.
"""

import base64
import binascii
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from core import due
from exceptions_app.channels.webhook import SECRET_PREFIX, VERSION, sign
from exceptions_app.models import EventKind

#: What is told to other systems. Who was told and who looked is the people's own affair.
PUBLISHED: Final = tuple(kind for kind in EventKind if kind not in (EventKind.TOLD, EventKind.SEEN))
TEST: Final = "webhook.test"
#: How long a message is tried for, from the moment it was written.
TRIED_FOR: Final = timedelta(hours=48)
#: How long the replaced key signs beside the new one.
OVERLAP: Final = timedelta(hours=24)
#: The longest pause a receiver may ask for.
LONGEST_WISH: Final = timedelta(hours=24)
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 7200.0
_FEWEST_KEY_BYTES, _MOST_KEY_BYTES = 24, 64


def type_of(kind: str) -> str:
    """The name of an event on the wire: `exception.decided`."""
    return f"exception.{kind}"


def secret_fault(secret: str) -> str:
    """Why a key can't be used, in words; empty when it can. The scheme wants `whsec_` and 24 to 64 bytes in base64."""
    if not secret.startswith(SECRET_PREFIX):
        return f"A key begins with {SECRET_PREFIX}."
    try:
        raw = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return "What follows the beginning is no base64."
    if not _FEWEST_KEY_BYTES <= len(raw) <= _MOST_KEY_BYTES:
        return f"A key has {_FEWEST_KEY_BYTES} to {_MOST_KEY_BYTES} bytes, this one has {len(raw)}."
    return ""


def headers(*, message_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """What goes with a body: its id (the same at every try), the try's moment, a signature per key."""
    stamp = int(at.timestamp())
    signatures = [sign(secret=one, message_id=message_id, timestamp=stamp, body=body) for one in secrets]
    return {
        "content-type": "application/json",
        "user-agent": f"execution-layer-webhooks/{VERSION}",
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": " ".join(signatures),
    }


def pause(attempts: int) -> timedelta:
    """How long to wait after `attempts` failed tries: doubling from 5 s to 2 h, a fifth more or less by chance.

    The chance keeps receivers that were away from being met by everything in the same second.
    """
    seconds = due.backoff_seconds(attempts, first=_FIRST_PAUSE, ceiling=_LONGEST_PAUSE)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, keeps no secret


def wish(retry_after: str, now: datetime) -> timedelta | None:
    """The pause a `Retry-After` header asks for (seconds, or a date); None where it says nothing to be understood."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        # More digits than that are no earnest wish; the cap below holds anyway.
        return min(timedelta(seconds=int(text[:9])), LONGEST_WISH)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        return None
    return min(max(until - now, timedelta()), LONGEST_WISH)
