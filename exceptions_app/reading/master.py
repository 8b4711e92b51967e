"""The plant's names, ready to be found in text: codes exactly, names and aliases by Aho-Corasick.

A code is normalised (case, dash, blank, leading zero, O for 0) and then matched exactly, never by similarity; what
looks like one of ours and is not is reported as unknown. Built from plain rows; knows no database.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from exceptions_app.reading.names import KIND_OF, other_forms, words_for
from exceptions_app.reading.normalise import Text, fold, spellings
from exceptions_app.reading.partly import PartNames
from exceptions_app.reading.shapes import (
    AND,
    FILLERS,
    GROUP,
    JOIN,
    LEAD,
    LINE,
    NOT_A_CODE,
    ORDER_WORD,
    YEAR,
    ZERO,
    free_after,
    free_before,
    groups_of,
    squash,
    stands_alone,
)
from exceptions_app.reading.types import Method, Span

_MAX_GROUPS = 8
#: Codes that may be named by their number alone, when it is long enough to be nothing else.
_BY_NUMBER = ("work_order", "sales_order", "purchase_order", "lot", "sales_order_line", "purchase_order_line")
_PLACES = frozenset({"work_unit", "work_centre", "area"})
_LINES_OF = {"sales_order": "sales_order_line", "purchase_order": "purchase_order_line"}
_MIN_NUMBER = 5
_MIN_NAME = 3
_MIN_TAIL = 3
#: Above this many rows of a kind only plurals of its names are kept.
_MANY = 4_000
#: More names than any message has.
MAX_HITS = 200


@dataclass(frozen=True, slots=True)
class MasterCode:
    """One row of master data. `parent` is what it belongs to: a unit's work centre, a lot's item, a line's order.

    `only_at`: a name learnt at that site, known there only; such a row adds its aliases, never its code or name.
    """

    kind: str
    code: str
    name: str = ""
    id: int | str | None = None
    site_code: str = ""
    aliases: tuple[str, ...] = ()
    parent: str = ""
    only_at: str = ""


@dataclass(frozen=True, slots=True)
class MasterHit:
    """Words that name something: one row, or several when the name is shared."""

    span: Span
    rows: tuple[MasterCode, ...]
    method: Method


@dataclass(frozen=True, slots=True)
class UnknownCode:
    """Words shaped like our codes of that kind, that are none of them."""

    span: Span
    kind: str


class MasterIndex:
    """Everything nameable at the sites one reader serves. Immutable once built; share it between messages."""

    def __init__(self, rows: Iterable[MasterCode], version: str = "") -> None:
        self.version = version
        self._by_groups: dict[str, list[tuple[MasterCode, Method]]] = defaultdict(list)
        self._starts: set[str] = set()
        self._squashed: dict[str, list[MasterCode]] = defaultdict(list)
        self._zeroed: dict[str, list[MasterCode]] = defaultdict(list)
        self._numbers: dict[str, list[MasterCode]] = defaultdict(list)
        self._shapes: dict[str, tuple[str, int]] = {}
        self._dashed: dict[str, list[MasterCode]] = defaultdict(list)
        self._tails: dict[str, list[MasterCode]] = defaultdict(list)
        self._by_kind: dict[tuple[str, str], list[MasterCode]] = defaultdict(list)
        names: dict[str, list[tuple[MasterCode, Method]]] = defaultdict(list)
        self._kinds: set[str] = set()
        self._partly: PartNames[MasterCode] = PartNames()
        self._per_kind: Counter[str] = Counter()
        count = 0
        for row in rows:
            self._per_kind[row.kind] += 1
            if not row.only_at:
                count += 1
                self._kinds.add(row.kind)
                self._add_code(row)
            name_of_row = "" if row.only_at else row.name
            if row.kind == "item":
                self._partly.add(row, (name_of_row, *row.aliases))
            for name, method in ((name_of_row, "name"), *((alias, "alias") for alias in row.aliases)):
                self._add_name(row, name, "name" if method == "name" else "alias", names)
        self.size = count
        self._names = list(names)
        self._name_rows = [tuple(names[name]) for name in self._names]
        self._automaton = AhoCorasick(self._names)

    def __len__(self) -> int:
        return self.size

    def _add_groups(self, groups: list[str], row: MasterCode, method: Method) -> None:
        joined = groups[0]
        for part in groups[1:]:
            self._starts.add(joined)
            joined += "|" + part
        self._by_groups[joined].append((row, method))

    def _add_code(self, row: MasterCode) -> None:
        groups = groups_of(row.code)
        squashed = squash(row.code)
        if not groups:
            return
        self._by_kind[row.kind, squashed].append(row)
        has_digit = any(part.isdigit() for part in groups)
        if has_digit and len(groups) <= _MAX_GROUPS and (len(groups) > 1 or len(groups[0]) >= 4):
            self._add_groups(groups, row, "code")
        if has_digit and len(groups) > 1:
            self._squashed[squashed].append(row)
            if "0" in squashed or "o" in squashed:
                self._zeroed[squashed.replace("o", "0")].append(row)
        if not has_digit and len(squashed) >= _MIN_NAME:
            self._squashed[squashed].append(row)
            if len(groups) > 1:
                self._dashed[fold(row.code)].append(row)
        if (
            row.kind in _BY_NUMBER
            and row.kind not in _LINES_OF.values()
            and len(groups) > 1
            and groups[-1].isdigit()
        ):
            tail = GROUP.findall(fold(row.code))[-1]
            if len(tail) >= _MIN_TAIL:
                self._tails[tail].append(row)
        if len(groups) == 2 and groups[0].isalpha() and groups[1].isdigit():
            kind, longest = self._shapes.get(groups[0], (row.kind, 0))
            digits = len(re.sub(r"\D", "", squashed))
            self._shapes[groups[0]] = (kind, max(longest, digits))
            if row.kind in _BY_NUMBER and digits >= _MIN_NUMBER:
                self._numbers[groups[1]].append(row)

    def _add_name(
        self, row: MasterCode, name: str, method: Method, names: dict[str, list[tuple[MasterCode, Method]]]
    ) -> None:
        groups = groups_of(name)
        if not groups or name == row.code:
            return
        has_digit = any(part.isdigit() for part in groups)
        if has_digit and 1 < len(groups) <= _MAX_GROUPS and not any(char in name for char in "&()'"):
            self._add_groups(groups, row, method)
            if groups[0] in KIND_OF:
                self._add_groups([KIND_OF[groups[0]], *groups[1:]], row, method)
            if len(groups) == 2 and groups[0].isalpha() and len(groups[0]) >= _MIN_NAME:
                self._shapes.setdefault(groups[0], (row.kind, 2))
            return
        forms = set(spellings(name))
        forms |= {
            re.sub(r"([aou])e", r"\1", form)
            for form in forms
            if not name.isascii() or re.search("[aou]e", form)
        }
        for form in list(forms):
            forms |= other_forms(form, cases=self._per_kind[row.kind] <= _MANY)
            forms |= set(words_for(form)) if row.kind in _PLACES else set()
        for form in forms:
            if len(form) >= _MIN_NAME:
                names[form].append((row, method))

    def knows(self, kind: str) -> bool:
        """Whether there is any row of that kind."""
        return kind in self._kinds

    def lookup(self, kind: str, code: str) -> MasterCode | None:
        """The row of that kind with that code (case, dashes and blanks apart), or None."""
        rows = self._by_kind.get((kind, squash(code)), [])
        return next((row for row in rows if row.code == code), rows[0] if len(rows) == 1 else None)

    def find(self, text: Text, site_code: str = "") -> tuple[list[MasterHit], list[UnknownCode]]:
        """Everything named in the text, longest first where names overlap, in order; and what only looks like ours.

        Names learnt at one site are found for that `site_code` only.
        """
        hits = self._find_names(text, site_code)
        parts = [(found.start(), found.end(), found.group()) for found in GROUP.finditer(text.fold)]
        unknown: list[UnknownCode] = []
        place = 0
        while place < len(parts):
            used = self._code_at(text, parts, place, hits, site_code)
            if not used:
                self._unknown_at(text, parts, place, unknown)
            place += max(used, 1)
        hits = _longest(hits)
        taken = {place for hit in hits for place in range(hit.span.start, hit.span.end)}
        if not any(row.kind == "item" for hit in hits for row in hit.rows):
            partly = self._partly.find(text, taken)
            hits += [MasterHit(text.span(start, end), (row,), "name") for start, end, row in partly]
            hits.sort(key=lambda hit: hit.span.start)
        unknown = [one for one in unknown if not taken.intersection(range(one.span.start, one.span.end))]
        return hits, unknown[:MAX_HITS]

    def _find_names(self, text: Text, site_code: str) -> list[MasterHit]:
        hits = []
        for index, start, end in self._automaton.find_matches_as_indexes(text.key, overlapping=True):
            if text.whole_word(start, end):
                rows = _known_at(self._name_rows[index], site_code)
                if rows:
                    hits.append(MasterHit(text.from_key(start, end), _rows(rows), rows[0][1]))
        return hits

    def _code_at(
        self, text: Text, parts: list[tuple[int, int, str]], place: int, hits: list[MasterHit], site_code: str
    ) -> int:
        """Link what starts at this part; return how many parts were used."""
        begin = parts[place][0]
        if not free_before(text.fold, begin):
            return 0
        best = self._groups_at(text, parts, place, site_code, parts[place][2])
        kind = KIND_OF.get(parts[place][2])
        if kind is not None and best is None:
            best = self._groups_at(text, parts, place, site_code, kind)
        if best is None:
            return self._run_at(text, parts, place, hits)
        used, end, joined, found = best
        rows = _verbatim(_rows(found), squash(text.fold[begin:end]))
        if used == 1 and not stands_alone(text, begin, end):
            return 0
        if text.fold[begin].isdigit() and NOT_A_CODE.search(text.fold, max(0, begin - 24), begin):
            return used
        hits.append(MasterHit(text.span(begin, end), rows, found[0][1]))
        self._more_after(text, end, joined, rows, hits)
        return used

    def _groups_at(
        self, text: Text, parts: list[tuple[int, int, str]], place: int, site_code: str, first: str
    ) -> tuple[int, int, str, Sequence[tuple[MasterCode, Method]]] | None:
        """The longest code or numbered name from this part on, its first word read as `first`."""
        best: tuple[int, int, str, Sequence[tuple[MasterCode, Method]]] | None = None
        joined = ""
        for ahead, (_, end, word) in enumerate(parts[place : place + _MAX_GROUPS]):
            start = parts[place + ahead][0]
            if ahead and not JOIN.fullmatch(text.fold, parts[place + ahead - 1][1], start):
                break
            if ahead == 1 and word in FILLERS:
                continue
            part = word.lstrip("0") or "0" if word.isdigit() else word
            joined = f"{joined}|{part}" if ahead else (first if not word.isdigit() else part)
            found = _known_at(self._by_groups.get(joined, ()), site_code)
            if found and free_after(text.fold, end, found[0][0].kind):
                best = (ahead + 1, end, joined, found)
            if joined not in self._starts:
                break
        return best

    def _run_at(
        self, text: Text, parts: list[tuple[int, int, str]], place: int, hits: list[MasterHit]
    ) -> int:
        """A run without blanks: written without its dashes, with O for 0, letters only, or the bare number."""
        begin, end, word = parts[place]
        windows = [end]
        for ahead in range(place + 1, min(place + _MAX_GROUPS, len(parts))):
            if text.fold[windows[-1] : parts[ahead][0]] not in ("", "-", "_", " ", ".", "/"):
                break
            windows.append(parts[ahead][1])
        for used in range(len(windows), 0, -1):
            end = windows[used - 1]
            hit = self._run(text, begin, end) if free_after(text.fold, end, "") else None
            if hit is not None:
                hits.append(hit)
                return used
        number = word.lstrip("0") or "0"
        if (
            len(word) >= _MIN_NUMBER
            and number in self._numbers
            and stands_alone(text, begin, parts[place][1])
        ):
            hits.append(MasterHit(text.span(begin, parts[place][1]), tuple(self._numbers[number]), "number"))
            return 1
        return self._tail_at(text, begin, parts[place][1], word, hits)

    def _tail_at(self, text: Text, begin: int, end: int, word: str, hits: list[MasterHit]) -> int:
        """The last number of an order or lot, spelt as in its code: beside an order word, or as a bare name for it."""
        rows = self._tails.get(word)
        if not rows or not stands_alone(text, begin, end):
            return 0
        if ORDER_WORD.search(text.fold, max(0, begin - 28), begin):
            hits.append(MasterHit(text.span(begin, end), tuple(rows), "number"))
            return 1
        plain = len(word) < _MIN_NUMBER and not word.startswith("0")
        if (
            len(word) > _MIN_TAIL
            and not YEAR.fullmatch(word)
            and (not plain or LEAD.search(text.fold, max(0, begin - 8), begin))
        ):
            hits.append(MasterHit(text.span(begin, end), tuple(rows), "tail"))
            return 1
        return 0

    def _run(self, text: Text, begin: int, end: int) -> MasterHit | None:
        """These words as one code without dashes, in capitals, or with O for 0."""
        run = text.fold[begin:end]
        squashed = squash(run)
        rows = self._squashed.get(squashed)
        if rows and run == squashed:
            shouted = text.original[begin:end].isupper() and not text.original.isupper()
            if not squashed.isalpha() or shouted:
                return MasterHit(text.span(begin, end), tuple(rows), "code")
        if run in self._dashed:
            return MasterHit(text.span(begin, end), tuple(self._dashed[run]), "code")
        if ZERO.search(run):
            rows = self._zeroed.get(squashed.replace("o", "0"))
            if rows:
                return MasterHit(text.span(begin, end), tuple(rows), "code_loose")
        return None

    def _more_after(
        self, text: Text, end: int, joined: str, rows: tuple[MasterCode, ...], hits: list[MasterHit]
    ) -> None:
        """ "press 4 and 5" names two; "SO 55120 line 10" names a line."""
        line_kind = _LINES_OF.get(rows[0].kind, "")
        if line_kind and (found := LINE.match(text.fold, end)):
            rows_of_line = self._by_groups.get(f"{joined}|{found[1].lstrip('0') or '0'}", ())
            line = [row for row, _ in rows_of_line if row.kind == line_kind]
            if line:
                hits.append(MasterHit(text.span(found.start(1), found.end(1)), tuple(line), "code"))
            return
        stem = joined.rpartition("|")[0]
        while stem and (found := AND.match(text.fold, end)):
            more = self._by_groups.get(f"{stem}|{found[1].lstrip('0') or '0'}")
            if not more:
                return
            hits.append(MasterHit(text.span(found.start(1), found.end(1)), _rows(more), more[0][1]))
            end = found.end(1)

    def _unknown_at(
        self, text: Text, parts: list[tuple[int, int, str]], place: int, unknown: list[UnknownCode]
    ) -> None:
        """A known prefix with a number that is not one of ours."""
        begin, middle, word = parts[place]
        shape = self._shapes.get(word)
        if shape is None or place + 1 >= len(parts) or not free_before(text.fold, begin):
            return
        start, end, number = parts[place + 1]
        gap = text.fold[middle:start]
        if (
            not number.isdigit()
            or len(number) > shape[1] + 1
            or gap not in ("", "-", "_", " ", "/", " #", "#")
        ):
            return
        after = text.fold[end : end + 12]
        if gap == " " and re.match(r" ?(?:pcs|pc|stk|st|kg|min|mm|h|%|times|x|:|[.,][0-9])", after):
            return
        unknown.append(UnknownCode(text.span(begin, end), shape[0]))


def _known_at(
    found: Sequence[tuple[MasterCode, Method]], site_code: str
) -> Sequence[tuple[MasterCode, Method]]:
    """Without what only another site's people call so."""
    for row, _ in found:
        if row.only_at and row.only_at != site_code:
            return [pair for pair in found if pair[0].only_at in ("", site_code)]
    return found


def _rows(found: Iterable[tuple[MasterCode, Method]]) -> tuple[MasterCode, ...]:
    """The rows once each; a code outranks a name that happens to be spelt alike."""
    pairs = list(found)
    best = [row for row, method in pairs if method == "code"] or [row for row, _ in pairs]
    return tuple(dict.fromkeys(best))


def _verbatim(rows: tuple[MasterCode, ...], squashed: str) -> tuple[MasterCode, ...]:
    """PRS-04 before PRS-4, when both exist and the text says which."""
    exact = tuple(row for row in rows if squash(row.code) == squashed)
    return exact or rows


def _longest(hits: list[MasterHit]) -> list[MasterHit]:
    """No two on the same words: the longest stands, a code before a name."""
    order = {"code": 0, "alias": 1, "name": 2}
    ranked = sorted(
        hits, key=lambda hit: (hit.span.start - hit.span.end, order.get(hit.method, 3), hit.span.start)
    )
    kept: list[MasterHit] = []
    taken: set[int] = set()
    for hit in ranked:
        if hit.span.start not in taken and hit.span.end - 1 not in taken:
            kept.append(hit)
            taken.update(range(hit.span.start, hit.span.end))
    return sorted(kept, key=lambda hit: hit.span.start)[:MAX_HITS]
