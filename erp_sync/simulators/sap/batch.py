"""$batch: reading a multipart/mixed request and writing its answer (OData V2).

Owns the format, after RFC 2046 and the OData V2 batch rules: retrievals stand alone, a changeset is all or nothing and
answers with one error when it fails. Must not know: what a request means.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from erp_sync.simulators.sap.refusals import BAD_SYNTAX, Refusal

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_REASONS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Part:
    """One request inside a batch."""

    method: str
    address: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    content_id: str = ""


def read(content_type: str, body: bytes) -> list[Part | list[Part]]:
    """The parts in order; a list is a changeset. Raises Refusal (400)."""
    found: list[Part | list[Part]] = []
    for headers, inner in _split(content_type, body):
        kind = headers.get("content-type", "")
        if kind.startswith("multipart/mixed"):
            changeset = [_request(h, b) for h, b in _split(kind, inner)]
            if any(part.method == "GET" for part in changeset):
                raise Refusal(BAD_SYNTAX, "A changeset holds no retrieval")
            found.append(changeset)
        else:
            part = _request(headers, inner)
            if part.method != "GET":
                raise Refusal(BAD_SYNTAX, "A change stands in a changeset")
            found.append(part)
    return found


def _split(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise Refusal(BAD_SYNTAX, "multipart/mixed without a boundary")
    mark = b"--" + match[1].encode()
    text = b"\r\n" + body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    pieces = text.split(b"\r\n" + mark)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Refusal(BAD_SYNTAX, "The multipart body is not closed")
    return [_headed(piece.lstrip(b" \t").removeprefix(b"\r\n")) for piece in pieces[1:-1]]


def _headed(text: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = text.partition(b"\r\n\r\n")
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers, body


def _request(headers: dict[str, str], text: bytes) -> Part:
    if not headers.get("content-type", "").startswith("application/http"):
        raise Refusal(BAD_SYNTAX, "application/http expected in a batch part")
    line, _, rest = text.lstrip(b"\r\n").partition(b"\r\n")
    words = line.decode("utf-8", "replace").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        raise Refusal(BAD_SYNTAX, "A batch part has no request line")
    inner, body = _headed(rest)
    length = inner.get("content-length", "")
    body = body[: int(length)] if length.isdigit() and int(length) <= len(body) else body
    return Part(words[0].upper(), words[1], inner, body.strip(b"\r\n"), headers.get("content-id", ""))


def write(
    answers: list[Answer | list[Answer]], boundary: Callable[[], str] = lambda: uuid.uuid4().hex
) -> tuple[str, bytes]:
    """Content type and body of the batch's answer."""
    outer = boundary()
    pieces = []
    for one in answers:
        if isinstance(one, Answer):
            pieces.append(_http(one))
            continue
        inner = boundary()
        body = b"".join(b"--" + inner.encode() + b"\r\n" + _http(part) + b"\r\n" for part in one)
        closed = body + b"--" + inner.encode() + b"--\r\n"
        head = f"Content-Type: multipart/mixed; boundary={inner}\r\nContent-Length: {len(closed)}\r\n\r\n"
        pieces.append(head.encode() + closed)
    whole = b"".join(b"--" + outer.encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    return f"multipart/mixed; boundary={outer}", whole + b"--" + outer.encode() + b"--\r\n"


def _http(answer: Answer) -> bytes:
    told = {**answer.headers, "content-length": str(len(answer.body))}
    inner = f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Answer')}\r\n"
    inner += "".join(f"{name}: {value}\r\n" for name, value in told.items()) + "\r\n"
    length = len(inner.encode()) + len(answer.body)
    head = (
        f"Content-Type: application/http\r\nContent-Length: {length}\r\ncontent-transfer-encoding: binary\r\n"
    )
    if answer.content_id:
        head += f"Content-ID: {answer.content_id}\r\n"
    return head.encode() + b"\r\n" + inner.encode() + answer.body
