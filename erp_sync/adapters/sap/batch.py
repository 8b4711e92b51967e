"""A $batch request: several changes in one transaction, as a multipart body, and the answers in it.

Owns the text of OData V2 batches (URI conventions of OData 2.0, "Batch Processing"; parts are embedded HTTP).
A changeset takes effect as a whole or not at all; a refused one answers with a single part. Must not know: HTTP
connections, postings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

BOUNDARY = "batch_xl"
CHANGESET = "changeset_xl"
_STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3})[^\r\n]*\r?\n")


@dataclass(frozen=True, slots=True)
class Change:
    """One changing request inside a batch; `path` relative to the service, percent-encoded."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One answer inside a batch."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


def build(changes: Sequence[Change]) -> tuple[str, bytes]:
    """(content type, body) of one batch with one changeset."""
    lines = [
        f"--{BOUNDARY}",
        f"Content-Type: multipart/mixed; boundary={CHANGESET}",
        "",
    ]
    for number, change in enumerate(changes, 1):
        content = json.dumps(change.body) if change.body is not None else ""
        lines += [
            f"--{CHANGESET}",
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            f"Content-ID: {number}",
            "",
            f"{change.method} {change.path} HTTP/1.1",
            "Accept: application/json",
            "Content-Type: application/json",
            f"Content-Length: {len(content.encode())}",
            *([f"If-Match: {change.etag}"] if change.etag else []),
            "",
            content,
        ]
    lines += [f"--{CHANGESET}--", f"--{BOUNDARY}--", ""]
    return f"multipart/mixed; boundary={BOUNDARY}", "\r\n".join(lines).encode()


def read(content_type: str, body: bytes) -> list[Part]:
    """Every answer in a batch's answer, those inside changesets included, in order. Raises ValueError."""
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    if not message.is_multipart():
        raise ValueError("not a multipart answer")
    found: list[Part] = []
    for part in message.walk():
        if part.is_multipart():
            continue
        raw = part.get_payload(decode=True)
        if isinstance(raw, bytes):
            found.append(_part(raw.lstrip()))
    if not found:
        raise ValueError("an empty multipart answer")
    return found


def _part(raw: bytes) -> Part:
    first = _STATUS.match(raw)
    if first is None:
        raise ValueError("a part that is no HTTP answer")
    head, _, content = raw[first.end() :].replace(b"\r\n", b"\n").partition(b"\n\n")
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return Part(int(first[1]), headers, content.strip())
