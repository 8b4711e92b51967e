"""Bytes in, interchange out: which syntax it is, in which letters it is written, and where each message's text lies.

Pure. Never raises on content but `Broken`, which names the segment. Knows no partner and no order.
"""

from exceptions_app.channels.edi.edifact import read_edifact
from exceptions_app.channels.edi.segments import (
    MOST_CHARACTERS,
    Broken,
    Fault,
    Group,
    Interchange,
    Message,
    shown,
)
from exceptions_app.channels.edi.x12 import read_x12


def decode(body: bytes) -> str:
    """The text of a body: UTF-8 where it is that, else ISO 8859-1, in which every byte is a letter."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def read_interchange(text: str) -> Interchange:
    """Cut and check one interchange of either syntax. Broken when it is none, or too long to be looked at."""
    if len(text) > MOST_CHARACTERS:
        raise Broken(
            Fault("edi.too_large", f"At most {MOST_CHARACTERS} characters in one interchange.", "interchange", 1,
                  shown(text[:80]))
        )  # fmt: skip
    head = text[:400].lstrip("\ufeff \t\r\n")
    if head.startswith("ISA"):
        return read_x12(text)
    if head.startswith(("UNA", "UNB")):
        return read_edifact(text)
    raise Broken(
        Fault(
            "edi.syntax",
            "This is neither X12 (ISA) nor EDIFACT (UNA, UNB).",
            "interchange",
            1,
            shown(head[:80]),
        )
    )


def excerpt(text: str, interchange: Interchange, group: Group, message: Message) -> str:
    """The message alone with the headers it stands under, each as it came: what one signal keeps."""
    heads = [one for one in (interchange.header, group.header) if one is not None]
    una = text[: heads[0].start].strip("\ufeff \t\r\n") if interchange.syntax == "edifact" and heads else ""
    parts = [una] if una else []
    parts += [one.text for one in heads]
    parts += [one.text for one in message.segments]
    return "\n".join(parts)
