"""Items named by part of their name: "gold lids" for "Lid TO 82 gold", when no other item has both words.

Whole words only, plural or not, two or more of them side by side, and one item alone that has them all. A word by
itself is never enough, and a code never comes into it. Pure.
"""

import re
from collections import defaultdict
from collections.abc import Collection
from typing import Generic, TypeVar

from exceptions_app.reading.normalise import Text, key_of

_TOKEN = re.compile(r"[^\W_]+")
_MOST_WORDS = 4
_LETTERS = 4
#: A word of more items than this says too little to look up.
_COMMON = 3_000
Row = TypeVar("Row")


def _stem(word: str) -> str:
    return word[:-1] if len(word) >= _LETTERS and word.endswith("s") else word


class PartNames(Generic[Row]):
    """Words of names -> the rows that have them."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._having: dict[str, set[int]] = defaultdict(set)

    def add(self, row: Row, names: Collection[str]) -> None:
        """One row under each of its names; what is found has all its words in one of them."""
        for name in names:
            words = {_stem(word) for word in _TOKEN.findall(key_of(name))}
            if len(words) > 1:
                number = len(self._rows)
                self._rows.append(row)
                for word in words:
                    self._having[word].add(number)

    def find(self, text: Text, taken: Collection[int]) -> list[tuple[int, int, Row]]:
        """Places of the original and the row meant. `taken`: places already linked."""
        if not self._rows:
            return []
        words: list[tuple[int, int, str, set[int]]] = []
        found: list[tuple[int, int, Row]] = []
        for match in [*_TOKEN.finditer(text.key), None]:
            if match is not None:
                start, end = text.places[match.start()], text.places[match.end() - 1] + 1
                rows = self._having.get(_stem(match.group()), set())
                if rows and start not in taken and len(rows) <= _COMMON:
                    beside = not words or (
                        text.key[: match.start()].endswith(" ") and _blank(text, words[-1][1], start)
                    )
                    if beside and len(words) < _MOST_WORDS:
                        words.append((start, end, match.group(), rows))
                        continue
                    found += self._settled(words)
                    words = [(start, end, match.group(), rows)]
                    continue
            found += self._settled(words)
            words = []
        return found

    def _settled(self, words: list[tuple[int, int, str, set[int]]]) -> list[tuple[int, int, Row]]:
        if len(words) < 2 or not any(len(word) >= _LETTERS and word.isalpha() for _, _, word, _ in words):
            return []
        rows = {
            id(self._rows[number]): self._rows[number]
            for number in set.intersection(*(one[3] for one in words))
        }
        return [(words[0][0], words[-1][1], next(iter(rows.values())))] if len(rows) == 1 else []


def _blank(text: Text, start: int, end: int) -> bool:
    """Only blanks and dashes between two places: no comma, no full stop."""
    return not text.original[start:end].strip(" -\u00a0\t_/")
