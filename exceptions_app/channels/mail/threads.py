"""The Message-IDs of mails we send: they carry the record's reference and a seal, so that an answer finds its record.

`<EX-2026-004217.notice-5.3f9c…@host>`: a mail program copies it into In-Reply-To and References of an answer, and the
seal (keyed hash of what stands before it) shows that it is ours. Nobody can guess one they were never sent.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final

_OURS: Final = re.compile(r"^(EX-\d{4}-\d{6,12})\.([a-z0-9-]{1,60})\.([0-9a-f]{20})@")
_NAMED: Final = re.compile(r"\bEX-\d{4}-\d{6,12}\b", re.IGNORECASE)
#: What the first, never sent mail of a record's conversation is called: all others refer to it.
ROOT: Final = "thread"


def message_id(*, ref: str, what: str, key: bytes, host: str) -> str:
    """The id (without angle brackets) of our mail `what` (`notice-5`, `answer-12`) about a record."""
    return f"{ref}.{what}.{_seal(ref, what, key)}@{host}"


def ref_in(ids: Iterable[str], *, key: bytes) -> str:
    """The reference of the record that the first of our own ids among these speaks of; empty when none is ours."""
    for one in ids:
        found = _OURS.match(one.strip("<> "))
        if found and hmac.compare_digest(_seal(found.group(1), found.group(2), key), found.group(3)):
            return found.group(1)
    return ""


def named_in(text: str) -> tuple[str, ...]:
    """Every record reference written in a text, in order, once each, at most ten."""
    return tuple(dict.fromkeys(one.upper() for one in _NAMED.findall(text[:20_000])))[:10]


def _seal(ref: str, what: str, key: bytes) -> str:
    return hmac.new(key, f"{ref}\x1f{what}".encode(), hashlib.sha256).hexdigest()[:20]
