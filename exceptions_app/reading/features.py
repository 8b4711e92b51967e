"""What the type model looks at: words and letter groups of a message with its names masked, and what the cues found.

Pure and free of any learning library: training and reading call the same code, so a model never sees in one what it
could not see in the other. Knows no weights.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from exceptions_app.reading.cues import Cues
from exceptions_app.reading.master import MasterHit
from exceptions_app.reading.normalise import Text

_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|[0-9]+|[?]")
_EXPAND = {"ß": "ss", "æ": "ae", "œ": "oe", "'": ""}
_SHORT = {
    "work_unit": "@unit", "work_centre": "@centre", "area": "@area", "work_order": "@order", "item": "@item",
    "lot": "@lot", "sales_order": "@sales", "sales_order_line": "@sales", "purchase_order": "@purchase",
    "purchase_order_line": "@purchase", "customer": "@customer", "supplier": "@supplier", "person": "@person",
    "tool": "@tool",
}  # fmt: skip
_SHORTEST, _LONGEST = 3, 5
#: Longer messages say their matter early; the rest is history, signatures and small print.
MAX_TOKENS = 120
_LONGEST_WORD = 24
_HEAD = 12


@dataclass(frozen=True, slots=True)
class Token:
    """One word as the model sees it, with its place in the original."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Features:
    """A message in the model's terms: `words` and `letters` name the token each came from, `flags` are plain."""

    tokens: tuple[Token, ...]
    words: tuple[tuple[str, int], ...]
    letters: tuple[tuple[str, int], ...]
    flags: tuple[str, ...]


def tokens_of(
    text: Text, hits: Sequence[MasterHit], skip: Sequence[tuple[int, int]] = ()
) -> tuple[Token, ...]:
    """Words in order; a linked name is one word saying its kind, a number only how long it is."""
    named = sorted((hit.span.start, hit.span.end, _SHORT.get(hit.rows[0].kind, "@name")) for hit in hits)
    found: list[Token] = []
    place = 0
    for match in _TOKEN.finditer(text.fold):
        start, end = match.span()
        while place < len(named) and named[place][1] <= start:
            place += 1
        if any(begin <= start < until for begin, until in skip):
            continue
        if place < len(named) and named[place][0] < end:
            begin, until, kind = named[place]
            if not found or found[-1].start != begin:
                found.append(Token(kind, begin, until))
            continue
        if len(found) >= MAX_TOKENS:
            break
        found.append(Token(_shape(match.group()), start, end))
    return tuple(found)


def _shape(word: str) -> str:
    if word[0].isdigit():
        return "0" if len(word) < 3 else "00" if len(word) < 5 else "000"
    if word.isascii() and "'" not in word:
        return word
    return "".join(_EXPAND.get(char, char) for char in word)


def features_of(tokens: Sequence[Token], flags: Collection[str]) -> Features:
    """Single words and pairs, groups of three to five letters within a word, and the flags."""
    words: list[tuple[str, int]] = []
    letters: list[tuple[str, int]] = []
    seen: set[str] = set()
    before = "^"
    for index, token in enumerate(tokens):
        word = token.word
        for gram in (word, f"{before} {word}"):
            if gram not in seen:
                seen.add(gram)
                words.append((gram, index))
        before = word
        if word[0] == "@" or not word[0].isalpha():
            continue
        padded = f"_{word[:_LONGEST_WORD]}_"
        for size in range(_SHORTEST, _LONGEST + 1):
            for at in range(len(padded) - size + 1):
                gram = padded[at : at + size]
                if gram not in seen:
                    seen.add(gram)
                    letters.append((gram, index))
    return Features(tuple(tokens), tuple(words), tuple(letters), tuple(sorted(flags)))


def flags_of(
    cues: Cues, hits: Sequence[MasterHit], facts: Collection[str], tokens: Sequence[Token]
) -> set[str]:
    """What the rules saw, in any language: cues by type and strength, intents, kinds named, roles of amounts."""
    flags: set[str] = {f"q:{fact}" for fact in facts}
    strong: dict[str, set[int]] = {}
    for cue in cues.types:
        role = cue.role
        if role.strong:
            strong.setdefault(role.type_code, set()).add(cue.key_start)
        flags.add(f"{'g' if role.generic else 's' if role.strong else 'w'}:{role.type_code}")
    flags |= {f"s2:{code}" for code, places in strong.items() if len(places) > 1}
    flags |= {f"r:{cue.role.type_code}" for cue in cues.reasons}
    flags |= {f"i:{name}" for name, found in cues.intents.items() if found and name != "negator"}
    flags |= {f"n:{cue.role.type_code}" for cue in cues.negated if cue.role.kind == "type"}
    flags |= {f"k:{_SHORT.get(hit.rows[0].kind, '@name')[1:]}" for hit in hits}
    if any(token.word == "?" for token in tokens):
        flags.add("ask")
    if not any(flag[0] in "sgwr" and flag[1] in ":2" for flag in flags):
        flags.add("silent")
    count = len(tokens)
    flags.add("len:1" if count <= 3 else "len:2" if count <= 8 else "len:3" if count <= 30 else "len:4")
    if cues.states:
        flags.add("state")
    return flags
