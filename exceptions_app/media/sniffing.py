"""What a file is, told by its bytes alone; what its sender calls it counts for nothing.

Owns the list of what may be kept and the reasons for refusing the rest. Must not know rows, and opens nothing but ZIP
directories. Signatures as in the formats' own specifications (RFC 9559 EBML, ISO 14496-12 boxes, RFC 3533 Ogg).
"""

import io
import zipfile
from dataclasses import dataclass
from typing import Final, Literal

Family = Literal["photo", "voice", "file"]
LOOK: Final = 4096
MOST_ENTRIES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """What the bytes are: family, content type, and the ending a kept file gets (with its dot)."""

    family: Family
    content_type: str
    ending: str


class Refused(Exception):
    """These bytes may not be kept; the message says why, in words for the page."""


_PHOTOS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)
_HEIC: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_PROGRAMS: Final = (
    b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
    b"\x00asm", b"dex\n", b"L\x00\x00\x00\x01\x14\x02\x00", b"!<arch>", b"#!",
)  # fmt: skip
_PAGES: Final = (
    b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<iframe", b"<svg", b"<!doctype svg", b"<a ", b"<img",
    b"<meta", b"<style", b"<table", b"<div", b"<object", b"<embed", b"<form", b"<link", b"<math",
)  # fmt: skip
_SCRIPTS: Final = (b"<?php", b"@echo off", b"#requires", b"<job", b"<%@")
_OFFICE: Final = {
    "xl/": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
    "word/": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
}
_TEXTS: Final = {
    ".csv": "text/csv", ".tsv": "text/plain", ".txt": "text/plain", ".log": "text/plain", ".edi": "text/plain",
    ".x12": "text/plain", ".edifact": "text/plain", ".json": "application/json", ".eml": "message/rfc822",
    ".ics": "text/calendar", ".xml": "application/xml",
}  # fmt: skip


def sniff(data: bytes, name: str = "") -> Found:
    """What `data` is. `name` only chooses the ending of plain text, which has no mark of its own.

    Raises Refused for what may not be kept: empty, programs, pages, drawings with scripts, macros, unknown binaries.
    """
    if not data:
        raise Refused("it is empty")
    head = data[:LOOK]
    for mark, content_type in _PHOTOS:
        if head.startswith(mark) and (mark != b"BM" or _is_bitmap(head)):
            return Found("photo", content_type, "")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Found("photo", "image/webp", "")
    if head[4:8] == b"ftyp":
        return _boxed(data)
    sound = _sound(data)
    if sound is not None:
        return sound
    if head.startswith(b"%PDF-"):
        return Found("file", "application/pdf", ".pdf")
    if head.startswith(b"PK\x03\x04"):
        return _zipped(data)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise Refused("files of old Office versions may hold macros; send PDF, XLSX or CSV")
    if head.startswith(_PROGRAMS) or (head[:2] == b"MZ" and b"\x00" in head):
        raise Refused("programs and scripts are not taken")
    return _text(data, name)


def _is_bitmap(head: bytes) -> bool:
    return (
        len(head) > 26
        and head[6:10] == b"\x00" * 4
        and head[14:18] in {b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0"}
    )


def _sound(data: bytes) -> Found | None:
    head = data[:LOOK]
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        if b"webm" not in head[:80]:
            raise Refused("this kind of film is not taken")
        # codec ids are ASCII; those of pictures begin with V_
        film = b"V_VP" in head or b"V_AV1" in head or b"V_MPEG" in head
        return Found("file", "video/webm", ".webm") if film else Found("voice", "audio/webm", ".webm")
    if head.startswith(b"OggS"):
        film = b"\x80theora" in head or b"\x01video" in head
        return Found("file", "video/ogg", ".ogv") if film else Found("voice", "audio/ogg", ".ogg")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return Found("voice", "audio/wav", ".wav")
    if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")):
        return Found("voice", "audio/amr", ".amr")
    if head.startswith(b"ID3") or (head[:1] == b"\xff" and len(head) > 2 and _is_mpeg_frame(head)):
        aac = head[:1] == b"\xff" and head[1] & 0xF6 == 0xF0
        return Found("voice", "audio/aac", ".aac") if aac else Found("voice", "audio/mpeg", ".mp3")
    return None


def _is_mpeg_frame(head: bytes) -> bool:
    """An MPEG audio frame's header: sync, a real layer (or ADTS), bit rate and sample rate that exist."""
    if head[1] & 0xE0 != 0xE0:
        return False
    if head[1] & 0xF6 == 0xF0:  # ADTS: layer 0, four bits of sample rate index below 13
        return (head[2] >> 2) & 0x0F < 13
    return (
        head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0 and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C
    )


def _boxed(data: bytes) -> Found:
    """ISO base media: pictures, sound or film, by brand and by the handlers of its tracks."""
    brand = data[8:12]
    size = int.from_bytes(data[:4], "big")
    brands = {data[at : at + 4] for at in range(16, min(size, 256), 4)} | {brand}
    if brand in {b"avif", b"avis"}:
        return Found("photo", "image/avif", "")
    if brands & _HEIC:
        raise Refused("HEIC photos cannot be read here; set the phone's camera to “most compatible” (JPEG)")
    handlers = {data[at + 12 : at + 16] for at in _places(data, b"hdlr")}
    if b"vide" in handlers:
        return Found("file", "video/mp4", ".mp4")
    if b"soun" in handlers or brand in {b"M4A ", b"M4B "}:
        return Found("voice", "audio/mp4", ".m4a")
    raise Refused("this kind of recording is not taken")


def _places(data: bytes, word: bytes, most: int = 16) -> list[int]:
    found: list[int] = []
    at = data.find(word)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = data.find(word, at + 4)
    return found


def _zipped(data: bytes) -> Found:
    """Office Open XML without macros; every other archive may hide anything."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()[: MOST_ENTRIES + 1]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise Refused("the archive is damaged") from error
    if len(names) > MOST_ENTRIES or "[Content_Types].xml" not in names:
        raise Refused("archives are not taken; send the files one by one")
    if any(name.lower().endswith(("vbaproject.bin", ".exe", ".dll", ".js")) for name in names):
        raise Refused("Office files with macros are not taken")
    for folder, (content_type, ending) in _OFFICE.items():
        if any(name.startswith(folder) for name in names):
            return Found("file", content_type, ending)
    raise Refused("archives are not taken; send the files one by one")


def _text(data: bytes, name: str) -> Found:
    body = data.removeprefix(b"\xef\xbb\xbf")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide:
        try:
            body = data.decode("utf-16").encode()
        except UnicodeDecodeError:
            raise Refused("nobody here knows this kind of file") from None
    start = body[:LOOK].lstrip().lower()
    if start.startswith(_PAGES) or (start.startswith((b"<?xml", b"<!--")) and _is_page(start)):
        raise Refused("pages and drawings that can hold scripts (HTML, SVG) are not taken")
    if start.startswith(_SCRIPTS):
        raise Refused("programs and scripts are not taken")
    if b"\x00" in body or any(
        byte < 32 and byte not in b"\t\n\x0b\x0c\r\x1b\x1c\x1d\x1e\x1f" for byte in body[:LOOK]
    ):
        raise Refused("nobody here knows this kind of file")
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending in _TEXTS:
        return Found("file", _TEXTS[ending], ending)
    if start.startswith((b"<?xml", b"<")):
        return Found("file", "application/xml", ".xml")
    return Found("file", "text/plain", ".txt")


def _is_page(start: bytes) -> bool:
    return any(
        word in start
        for word in (b"<svg", b"<html", b"<!doctype html", b"<!doctype svg", b"<script", b"xhtml")
    )
