"""The parts of a mail: which text is its body, what was sent along, and which pictures are only decoration.

A picture is left out as a logo when it stands inside the text by its Content-ID and is small (under 20 kB, or under
150 pixels in one direction), or when it stands only in the signature or in a quoted mail. Anything attached stays,
whatever its size, and what is left out is named.
"""

import binascii
import struct
from dataclasses import dataclass, field
from email.message import Message
from typing import Final

from exceptions_app.channels.mail.text import LONGEST_HEADER, cut, decode, header

MOST_PARTS: Final = 300
MOST_TEXT: Final = 1_000_000
LOGO_BYTES: Final = 20_000
LOGO_PIXELS: Final = 150
SEALS: Final = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
SEALED: Final = frozenset({"application/pgp-encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
TNEF: Final = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})


@dataclass(frozen=True, slots=True)
class File:
    """One thing sent along. `cid` is set where the text may refer to it; `inline` where it is shown in the text.

    `ref` is the provider's name of it where its bytes have to be fetched.
    """

    name: str
    content_type: str
    data: bytes = b""
    cid: str = ""
    inline: bool = False
    ref: str = ""


@dataclass(slots=True)
class Parts:
    """What a walk through a mail found. `odd` names in words what was not as it should be."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    inner: list[Message] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    sealed: bool = False

    def note(self, words: str) -> None:
        """Remember an oddity once."""
        if words not in self.odd:
            self.odd.append(words)


def walk(message: Message) -> Parts:
    """Go through a mail's parts, at most MOST_PARTS, never into a mail that is attached as a whole."""
    found = Parts()
    waiting: list[Message] = [message]
    seen = 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MOST_PARTS:
            found.note(f"has more than {MOST_PARTS} parts")
            break
        kind = content_type(part)
        payload = _content(part, found)
        if kind.startswith("multipart/") and isinstance(payload, list):
            waiting[:0] = [one for one in payload if isinstance(one, Message)]
        elif kind.startswith("message/") and isinstance(payload, list):
            _attached_mail(part, kind, found)
        else:
            _leaf(part, kind, found)
        if part.defects:
            found.note(f"broken MIME ({type(part.defects[0]).__name__})")
    return found


def content_type(part: Message) -> str:
    """The part's type in lower case; text/plain where it is missing or nonsense."""
    raw = header(part.get("Content-Type"))[:200].partition(";")[0].strip().lower()
    if raw.count("/") == 1 and all(raw.split("/")):
        return raw
    return "text/plain"


def _leaf(part: Message, kind: str, found: Parts) -> None:
    disposition = header(part.get("Content-Disposition"))[:100].partition(";")[0].strip().lower()
    data = payload_bytes(part, found)
    name = filename(part)
    cid = header(part.get("Content-ID"))[:300].strip("<> ")
    if (
        kind in ("text/plain", "text/html")
        and disposition != "attachment"
        and not (name and kind == "text/html")
    ):
        text, known = decode(data, charset_of(part))
        if not known:
            found.note(f"text not in the charset it claims ({charset_of(part)[:40] or 'none'})")
        if len(text) > MOST_TEXT:
            found.note("text longer than is kept")
        (found.plain if kind == "text/plain" else found.html).append(cut(text, MOST_TEXT))
        if name and kind == "text/plain":
            found.files.append(File(name=name, content_type=kind, data=data, cid=cid))
        return
    if kind in SEALED:
        found.sealed = True
    if kind in TNEF or name.lower() == "winmail.dat":
        found.note("holds a winmail.dat that only Outlook can open")
    if data or name:
        found.files.append(
            File(
                name=name or _default_name(kind), content_type=kind, data=data, cid=cid,
                inline=bool(cid) and disposition != "attachment",
            )
        )  # fmt: skip


def _attached_mail(part: Message, kind: str, found: Parts) -> None:
    """A whole mail inside: kept as a file; its words count where the outer mail has none."""
    for inner in part.get_payload():
        if not isinstance(inner, Message):
            continue
        if kind in ("message/rfc822", "message/global"):
            found.inner.append(inner)
        subject = header(inner.get("Subject"))[:80]
        try:
            data = inner.as_bytes()
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            # The generator is stricter than the parser; the words of such a mail are still read from its parts.
            found.note("an attached mail could not be written out again")
            data = b""
        if data.strip():
            name = f"{subject or 'message'}.eml" if kind == "message/rfc822" else _default_name(kind)
            found.files.append(File(name=name, content_type=kind, data=data))


def payload_bytes(part: Message, found: Parts) -> bytes:
    """A leaf's bytes, its transfer encoding undone as far as it can be."""
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AssertionError, binascii.Error):
        found.note("broken transfer encoding")
        data = None
    if isinstance(data, bytes):
        return data
    raw = _content(part, found)
    return raw.encode("utf-8", errors="replace") if isinstance(raw, str) else b""


def _content(part: Message, found: Parts) -> object:
    """A part's undecoded content. A charset that is none keeps Python from giving it; then the claim is dropped."""
    try:
        return part.get_payload()
    except (ValueError, LookupError, TypeError):
        found.note(f"text not in the charset it claims ({charset_of(part)[:40]})")
        part.del_param("charset")
        return part.get_payload()


def charset_of(part: Message) -> str:
    """The claimed charset, or nothing."""
    try:
        value = part.get_param("charset")
    except (ValueError, LookupError, TypeError):
        return ""
    if isinstance(value, tuple):
        value = value[2]
    return str(value or "")[:60]


def filename(part: Message) -> str:
    """The name the sender gave a part, without any path, at most 150 characters."""
    try:
        raw = part.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        raw = ""
    name = header(str(raw)[:LONGEST_HEADER]).replace("\\", "/").rsplit("/", 1)[-1].strip(". ")
    if len(name) > 150:
        stem, dot, end = name.rpartition(".")
        name = f"{stem[: 149 - len(end)]}.{end}" if dot and len(end) < 10 else name[:150]
    return name


def _default_name(kind: str) -> str:
    ends = {
        "text/calendar": "invitation.ics", "image/jpeg": "picture.jpg", "image/png": "picture.png",
        "audio/mpeg": "audio.mp3", "application/pdf": "document.pdf", "message/delivery-status": "delivery-status.txt",
    }  # fmt: skip
    return ends.get(kind, kind.replace("/", ".")[:60])


def decoration(file: File, *, said: set[str], shown: set[str]) -> str:
    """Why a file is only decoration, in words; empty when it is to be kept.

    `said` are the Content-IDs that stand in what the sender says now, `shown` those that stand anywhere in the mail.
    """
    if file.content_type in SEALS or file.name.lower() in ("smime.p7s", "signature.asc"):
        return "a signature's seal"
    if not file.content_type.startswith("image/") or not file.inline or file.ref:
        return ""
    if file.cid in shown and file.cid not in said:
        return "stands in the signature or a quoted mail"
    if len(file.data) < LOGO_BYTES:
        return "a small picture inside the text"
    width, height = pixels(file.data)
    if 0 < min(width, height) < LOGO_PIXELS:
        return "a narrow picture inside the text"
    return ""


def pixels(data: bytes) -> tuple[int, int]:
    """Width and height a PNG, GIF or JPEG claims in its header; (0, 0) for anything else."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    return _jpeg_pixels(data) if data[:2] == b"\xff\xd8" else (0, 0)


def _jpeg_pixels(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(200):
        if at + 9 > len(data) or data[at] != 0xFF:
            break
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return 0, 0
