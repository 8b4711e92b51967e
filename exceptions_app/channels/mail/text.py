"""Bytes and header values to clean text: whatever charset is claimed, something readable comes out.

Owns decoding only. Never raises; what a charset cannot explain becomes U+FFFD, and the caller is told.
"""

import codecs
import contextlib
import re
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Any, Final

LONGEST_HEADER: Final = 4000
#: Names mailers use that Python does not know, or knows too strictly.
_CHARSETS: Final = {
    "us-ascii": "utf-8", "ascii": "utf-8", "ansi_x3.4-1968": "utf-8", "iso-8859-1": "cp1252", "latin-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8", "x-unknown": "utf-8", "unknown-8bit": "utf-8", "default": "utf-8",
    "utf8mb4": "utf-8", "cp-850": "cp850", "ks_c_5601-1987": "cp949", "x-mac-roman": "mac-roman",
    "windows-31j": "cp932",
}  # fmt: skip
#: Python codecs that are no charsets (they decompress or escape), and the one that is quadratic.
_NEVER: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"})
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BLANK: Final = re.compile(r"[\u00a0\u2007\u202f]")
_INVISIBLE: Final = re.compile(r"[\u200b\u200e\u200f\u2060\ufeff\u00ad]")


def clean(text: str) -> str:
    """Text PostgreSQL can store and people can read: one line end, no control characters, no lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub("", _BLANK.sub(" ", _CONTROL.sub("", text)))


def decode(data: bytes, charset: str = "") -> tuple[str, bool]:
    """The text of some bytes and whether the claimed charset explained them all.

    UTF-8 is tried first where the claim is missing or plain ASCII, then Windows-1252, which is what such mails are.
    """
    named = charset.strip().strip("'\"").lower()
    for name in (_CHARSETS.get(named, named) or "utf-8", "utf-8", "cp1252"):
        try:
            codec = codecs.lookup(name)
            if not getattr(codec, "_is_text_encoding", True) or codec.name.replace("-", "_") in _NEVER:
                continue
            return clean(data.decode(codec.name)), name == _CHARSETS.get(named, named or "utf-8")
        except (LookupError, ValueError):
            continue
    return clean(data.decode("utf-8", errors="replace")), False


def header(value: Any) -> str:
    """A header's value on one line, encoded words decoded; at most LONGEST_HEADER characters of it."""
    raw = str(value or "")[:LONGEST_HEADER]
    if any("\udc80" <= char <= "\udcff" for char in raw):
        raw = decode(raw.encode("utf-8", errors="surrogateescape"))[0]
    raw = raw.encode("utf-8", errors="replace").decode()
    if "=?" in raw:
        with contextlib.suppress(HeaderParseError, ValueError):
            raw = "".join(_word(part, charset) for part, charset in decode_header(raw))
    return " ".join(clean(raw).split())


def _word(part: bytes | str, charset: str | None) -> str:
    return part if isinstance(part, str) else decode(part, charset or "")[0]


def cut(text: str, most: int) -> str:
    """At most that many characters, with a mark where something is missing."""
    return text if len(text) <= most else f"{text[:most]}\n[…]"
