"""Text as people type it, made comparable: two forms, each with a way back to the original offsets.

`fold` keeps the length (lower case, accents and Polish marks off) and serves codes, numbers and dates. `key` also drops
apostrophes, opens hyphens and closes up blanks, and serves words. Knows nothing of what the words mean.
"""

import unicodedata
from dataclasses import dataclass, field

from exceptions_app.reading.types import Span

#: Longer messages are read up to here; the raw text is stored in full by the caller.
MAX_CHARS = 20_000

_LETTERS = {
    "ł": "l", "ø": "o", "đ": "d", "ı": "i", "’": "'", "‘": "'", "´": "'", "`": "'", "ʼ": "'", "–": "-", "—": "-",
    "−": "-", "‐": "-", "‑": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200b": " ", "\ufeff": " ",
}  # fmt: skip
_EXPANDED = {"ß": "ss", "æ": "ae", "œ": "oe"}
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "ae", "Ö": "oe", "Ü": "ue"})
_BLANK = frozenset(" \t\r\n\f\v-_\u2028\u2029\x85")


class _Folding(dict[int, str]):
    """Code point -> one comparable character, worked out once per character ever seen."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        lower = char.lower()[:1] or char
        folded = _LETTERS.get(lower, "")
        if not folded:
            parts = unicodedata.normalize("NFKD", lower)
            category = unicodedata.category(lower)
            if category == "Nd":
                folded = str(unicodedata.digit(lower))
            elif category == "Cs":
                folded = " "
            elif category[0] == "L" and (len(parts) == 1 or unicodedata.combining(parts[1])):
                folded = _LETTERS.get(parts[0], parts[0])
            else:
                folded = lower
        self[code] = folded
        return folded


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Lower case without marks; every character stays where it was."""
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def _key(folded: str) -> tuple[str, list[int]]:
    """The word form, and for each of its characters the place it came from."""
    out: list[str] = []
    places: list[int] = []
    blank = True
    for place, char in enumerate(folded):
        if char in _BLANK:
            if not blank:
                out.append(" ")
                places.append(place)
                blank = True
            continue
        if char == "'" or (char > "\u02ff" and unicodedata.combining(char)):
            continue
        for part in _EXPANDED.get(char, char):
            out.append(part)
            places.append(place)
        blank = False
    return "".join(out), places


def key_of(phrase: str) -> str:
    """The word form of a phrase out of a pack or of master data."""
    return _key(fold(phrase))[0].strip()


def spellings(phrase: str) -> tuple[str, ...]:
    """Word forms a phrase is looked for under: marks off, and umlauts written as ae, oe, ue."""
    plain, spelt = key_of(phrase), key_of(phrase.translate(_UMLAUTS))
    return (plain,) if plain == spelt else (plain, spelt)


@dataclass(frozen=True, slots=True)
class Text:
    """One message in its three forms."""

    original: str
    fold: str
    key: str
    places: list[int] = field(repr=False)

    def span(self, start: int, end: int) -> Span:
        """Words of the original, by offsets of the original (and of `fold`)."""
        return Span(start, end, self.original[start:end])

    def from_key(self, start: int, end: int) -> Span:
        """Words of the original, by offsets of `key`; marks that follow the last letter belong to it."""
        first, last = self.places[start], self.places[end - 1] + 1
        while last < len(self.original) and unicodedata.combining(self.original[last]):
            last += 1
        return self.span(first, last)

    def whole_word(self, start: int, end: int) -> bool:
        """Whether that part of `key` is bounded by something other than letters and digits."""
        key = self.key
        return not (
            (start > 0 and key[start - 1].isalnum() and key[start].isalnum())
            or (end < len(key) and key[end].isalnum() and key[end - 1].isalnum())
        )


def normalise(text: str, original: str | None = None) -> Text:
    """Bring a message into its comparable forms; anything past MAX_CHARS is not read.

    `original`: the text as it came, of the same length, where `text` has places blanked out.
    """
    read = text[:MAX_CHARS]
    folded = fold(read)
    key, places = _key(folded)
    return Text(original=(original or text)[:MAX_CHARS], fold=folded, key=key, places=places)
