"""Words of the talk: who is named in them, and texts whose gaps are filled. Pure.

A mention is `@` and a login or a function's code. Gaps are names in braces from one short list; anything else in braces
stays as it is written, so that no text reaches into what it was not given.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: A login or code: letters, digits, `_`, and `.` or `-` inside. An `@` within a word (an e-mail address) names nobody.
_MENTION: Final = re.compile(r"(?<![\w@.+-])@(\w+(?:[.-]\w+)*)")
_GAP: Final = re.compile(r"\{([a-z_]+)\}")
#: More names in one comment reach nobody further: naming everybody is what functions and escalation are for.
MOST_MENTIONS: Final = 10

#: What a text's gaps may be called, and what they are filled with.
GAPS: Final[Mapping[str, str]] = {
    "ref": "the record's reference",
    "title": "its title",
    "type": "its type",
    "place": "machine, work centre, area or site",
    "status": "where it stands",
    "owner": "who owns it",
    "order": "the work order",
    "item": "the item",
    "quantity": "the quantity with its unit",
    "customer": "the customer",
    "supplier": "the supplier",
    "window": "when the best response lapses",
    "author": "who writes",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a comment; `name` is set where it names somebody."""

    text: str
    name: str = ""


def names_in(text: str) -> list[str]:
    """Whom a comment names, each once, in order; at most MOST_MENTIONS."""
    return list(dict.fromkeys(found.casefold() for found in _MENTION.findall(text)))[:MOST_MENTIONS]


def pieces(text: str, known: frozenset[str]) -> list[Piece]:
    """The comment in stretches, those that name one of `known` (case-folded) marked."""
    found: list[Piece] = []
    at = 0
    for match in _MENTION.finditer(text):
        name = match.group(1).casefold()
        if name not in known:
            continue
        if match.start() > at:
            found.append(Piece(text[at : match.start()]))
        found.append(Piece(match.group(0), name))
        at = match.end()
    if at < len(text):
        found.append(Piece(text[at:]))
    return found


def unknown_gaps(text: str) -> list[str]:
    """Gaps nothing fills, for whoever writes the text."""
    return [name for name in dict.fromkeys(_GAP.findall(text)) if name not in GAPS]


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its gaps filled; one without a value becomes an ellipsis, to be seen and written by hand."""
    return _GAP.sub(lambda gap: (values.get(gap[1]) or "…") if gap[1] in GAPS else gap[0], text)
