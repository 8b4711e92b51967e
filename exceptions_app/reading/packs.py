"""The cue packs: data files per language, compiled into one automaton.

Owns how a phrase is looked for (whole words, word starts, numbers inside). Says where cues stand, not what they mean
together; the texts live in `exceptions_app/packs/*.toml`.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from ahocorasick_rs import AhoCorasick

from exceptions_app.reading.normalise import Text, key_of, spellings
from exceptions_app.reading.units import UNITS

PACKS_DIR = Path(__file__).resolve().parent.parent / "packs"
LANGUAGES = ("en", "de", "es", "pt", "pl")

RoleKind = Literal["type", "intent", "reason", "state"]
_THINGS = "|".join(word for unit, words in UNITS.items() if unit != "person" for word in words)
_HOLES = {
    "{n}": r"[0-9]{1,7}(?:[.,][0-9]{1,3})?(?: [a-z]{1,12}\.?)?",
    "{d}": rf"[0-9]{{1,2}}(?! ?(?:{_THINGS})(?!\w))",
    "{t}": r"[0-9]{1,2}(?:[:.h][0-9]{2})?",
}


@dataclass(frozen=True, slots=True)
class Role:
    """What a phrase stands for in one language: `value` is the type, intent, reason code or state."""

    language: str
    kind: RoleKind
    value: str
    type_code: str = ""
    strong: bool = True
    generic: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found, in offsets of the text's `key`."""

    start: int
    end: int
    phrase: str
    roles: tuple[Role, ...]
    is_prefix: bool = False


@dataclass(frozen=True, eq=False)
class Pack:
    """One language's data; compared by identity, so grammars built from it can be cached."""

    language: str
    times: dict[str, Any]
    quantities: dict[str, Any]
    places: dict[str, list[str]]
    recovery_types: dict[str, str]
    function_words: frozenset[str]
    reference: tuple[str, ...]
    clause: frozenset[str]


class PackSet:
    """All packs, ready to search."""

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.packs: dict[str, Pack] = {}
        self._roles: dict[tuple[str, bool], list[Role]] = defaultdict(list)
        self._holes: list[tuple[re.Pattern[str], tuple[Role, ...], str]] = []
        holes: dict[str, list[Role]] = defaultdict(list)
        self._words: dict[str, list[str]] = defaultdict(list)
        for document in documents:
            pack = self._pack(document)
            self.packs[pack.language] = pack
            for word in pack.function_words:
                self._words[word].append(pack.language)
            for phrase, role in _roles(document):
                if "{" in phrase:
                    holes[phrase].append(role)
                    continue
                is_prefix = phrase.endswith("~")
                for spelt in spellings(phrase.rstrip("~")):
                    self._roles[spelt, is_prefix].append(role)
        for phrase, roles in holes.items():
            for spelt in spellings(phrase):
                parts = (_HOLES.get(part, re.escape(part)) for part in spelt.split(" "))
                self._holes.append(
                    (re.compile(r"(?<!\w)" + " ".join(parts) + r"(?!\w)"), tuple(roles), phrase)
                )
        self._phrases = list(self._roles)
        self._automaton = AhoCorasick([phrase for phrase, _ in self._phrases])

    @staticmethod
    def _pack(document: dict[str, Any]) -> Pack:
        return Pack(
            language=document["language"],
            times=document["times"],
            quantities=document["quantities"],
            places=document["places"],
            recovery_types={
                spelt: type_code
                for type_code, phrases in document["recovery_types"].items()
                for phrase in phrases
                for spelt in spellings(phrase)
            },
            function_words=frozenset(key_of(word) for word in document["places"]["function_words"]),
            reference=tuple(key_of(word) for word in document["times"]["reference"]),
            clause=frozenset(key_of(word) for word in document["places"]["clause"]),
        )

    def languages_of(self, word: str) -> list[str]:
        """Languages in which this is one of the small words a sentence is made of."""
        return self._words.get(word, [])

    def find(self, text: Text) -> list[Hit]:
        """Every phrase in the text, overlapping ones too, bounded by word limits."""
        key = text.key
        hits = []
        for index, start, end in self._automaton.find_matches_as_indexes(key, overlapping=True):
            phrase, is_prefix = self._phrases[index]
            roles = tuple(self._roles[phrase, is_prefix])
            if is_prefix:
                while end < len(key) and key[end].isalnum():
                    end += 1  # the whole word is highlighted, not its stem
            if text.whole_word(start, end):
                hits.append(Hit(start, end, phrase, roles, is_prefix))
        for pattern, roles, phrase in self._holes:
            hits += [Hit(found.start(), found.end(), phrase, roles) for found in pattern.finditer(key)]
        return hits


def _roles(document: dict[str, Any]) -> Iterator[tuple[str, Role]]:
    """Each phrase of a pack with what it stands for."""
    language = document["language"]
    generic = {key_of(phrase) for phrases in document.get("generic", {}).values() for phrase in phrases}
    for intent, phrases in document["intents"].items():
        for phrase in phrases:
            yield phrase, Role(language, "intent", intent)
    strong: list[tuple[str, str]] = [
        (type_code, phrase) for type_code, lists in document["types"].items() for phrase in lists["strong"]
    ]
    for type_code, also in document.get("also", {}).items():
        if type_code == "denial":
            for phrase in also:
                yield phrase, Role(language, "intent", "denial")
        else:
            strong += [(type_code, phrase) for phrase in also]
    for type_code, phrase in strong:
        is_generic = type_code == "machine_downtime" and key_of(phrase) in generic
        yield phrase, Role(language, "type", type_code, type_code, generic=is_generic)
    for type_code, lists in document["types"].items():
        for phrase in lists.get("weak", ()):
            is_generic = type_code == "machine_downtime" and key_of(phrase) in generic
            yield phrase, Role(language, "type", type_code, type_code, strong=False, generic=is_generic)
    for type_code, reasons in document["reasons"].items():
        for code, phrases in reasons.items():
            for phrase in phrases:
                yield phrase, Role(language, "reason", code, type_code)
    for state, phrases in document["states"].items():
        for phrase in phrases:
            yield phrase, Role(language, "state", state)


@lru_cache(maxsize=1)
def shipped_packs() -> PackSet:
    """The packs as shipped, compiled once per process."""
    documents = []
    for language in LANGUAGES:
        with (PACKS_DIR / f"{language}.toml").open("rb") as file:
            documents.append(tomllib.load(file))
    return PackSet(documents)
