"""A WhatsApp chat as its "export chat" writes it: one text file, in the phone's own language and date order.

Seen forms: "23/11/2026, 09:42 - Ana: text" (Android) and "[23.11.26, 09:42:13] Ana: text" (iPhone); a message may go on
over several lines. Lines of the system, left-out media and deleted messages are told apart and not counted.
"""

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

from exceptions_app.census.entries import DateOrder, Entry, Parsed, moment_of, order_of

_EDGE = "\u200e\u200f\u202a\ufeff"
_MARKS = str.maketrans("", "", "\u200e\u200f\u202a\u202c\ufeff")
_HEAD: Final = re.compile(
    r"^\[?(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4}),?\s+"
    r"(?P<clock>\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[apAP]\.?\s?[mM]\.?)?)\]?\s*(?:-\s+|\u2013\s+)?(?P<rest>.*)$"
)
_SENDER: Final = re.compile(r"^(?P<sender>[^:]{1,60}?):\s(?P<text>.*)$", re.DOTALL)
#: An iPhone marks what the app itself wrote, in a message's place, with this sign.
_BY_THE_APP: Final = "\u200e"
#: What the app writes in place of something that is not in the file, in the five languages.
_LEFT_OUT: Final = re.compile(
    r"^<(?:media omitted|medien ausgeschlossen|multimedia omitido|arquivo de mídia oculto|mídia oculta|ficheiro não "
    r"revelado|pominięto multimedia|archivo omitido)>$|^(?:image|video|audio|sticker|document|gif|bild|imagen|imagem|"
    r"obraz) (?:omitted|weggelassen|omitida|omitido|ocultada|pominięto)$|^<(?:attached|anhang|adjunto|anexo|"
    r"załącznik): .*>$",
    re.IGNORECASE,
)
_DELETED: Final = re.compile(
    r"^(?:this message was deleted|you deleted this message|diese nachricht wurde gelöscht|se eliminó este mensaje|"
    r"eliminaste este mensaje|mensagem apagada|esta mensagem foi apagada|ta wiadomość została usunięta)\.?$",
    re.IGNORECASE,
)


def is_chat(text: str) -> bool:
    """Whether the text begins like an exported chat: one of its first lines has a head with a sender."""
    for line in text.splitlines()[:20]:
        head = _HEAD.match(line.lstrip(_EDGE))
        if head and _SENDER.match(head["rest"]):
            return True
    return False


def read_chat(text: str, *, zone: tzinfo, default: DateOrder = "dmy") -> Parsed:
    """Every message somebody wrote. Never raises; lines before the first head are problems."""
    raw = list(_messages(text.replace("\u202f", " ")))
    order = order_of([head["date"] for _, head, _ in raw if head is not None], default=default)
    entries, problems, skipped = [], [], 0
    for line, head, rest in raw:
        if head is None:
            problems.append((line, "belongs to no message"))
            continue
        said = _SENDER.match(rest)
        by_the_app = said is not None and said["text"].startswith(_BY_THE_APP)
        words = said["text"].translate(_MARKS).strip() if said else ""
        if said is None or by_the_app or not words or _LEFT_OUT.match(words) or _DELETED.match(words):
            skipped += 1
            continue
        at = moment_of(head["date"], order=order, zone=zone, clock=head["clock"])
        if at is None:
            problems.append((line, f"{head['date']}, {head['clock']} is no date"))
            continue
        entries.append(
            Entry(at=at, text=words, sender=said["sender"].translate(_MARKS).strip("~ "), line=line)
        )
    return Parsed(entries, problems, skipped)


def _messages(text: str) -> Iterator[tuple[int, re.Match[str] | None, str]]:
    """(line, head, everything after it) of each message; None for what comes before the first."""
    head: re.Match[str] | None = None
    began, lines = 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        found = _HEAD.match(line.lstrip(_EDGE))
        if found is not None:
            if head is not None:
                yield began, head, "\n".join(lines)
            head, began, lines = found, number, [found["rest"]]
        elif head is not None:
            lines.append(line)
        elif line.strip():
            yield number, None, line
    if head is not None:
        yield began, head, "\n".join(lines)
