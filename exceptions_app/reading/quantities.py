"""Numbers that count something: amount and unit, from A to B, A of B, how many good, scrap or left.

Works on text in which linked codes are already masked, so an order number is never an amount. Durations and dates are
left to `times`; a dimension (mm) is no amount.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from exceptions_app.reading.normalise import fold
from exceptions_app.reading.packs import Pack
from exceptions_app.reading.types import Span
from exceptions_app.reading.units import COUNTED, NOT_COUNTED, UNIT_OF

_NUMBER = r"(?:[0-9]{1,3}(?:[.,'\u2019][0-9]{3}){1,3}(?:[.,][0-9]{1,3})?|[0-9]{1,9}(?:[.,][0-9]{1,3})?)"
_UNIT = "(?:" + "|".join(sorted(UNIT_OF, key=len, reverse=True)) + r")(?![\w-])"
_EDGE = r"(?<![\w.,:+#/-])"
_END = r"(?![\w%:]|[.,/-][0-9])"
#: "stock of <name> is".
_OF_IT = r"(?:(?: [a-z]{1,4})? \x01+(?: (?:is|was|are|ist|sind|es|son|e|sao|to|jest))?)?"
_ABOUT = (
    r"(?:about |around |approx\.? |ca\.? |etwa |rund |unos |unas |"
    r"cerca de |uns |umas |okolo |ok\.? |noch |mas |mais |jeszcze |only |nur |solo |so )?"
)
_ARROW = re.compile(
    rf"{_EDGE}({_NUMBER})(?: ?({_UNIT}))? ?(?:->|=>|-->|→|>) ?({_NUMBER}){_END}(?: ?({_UNIT}))?"
)
_LOOSE = re.compile(rf"{_EDGE}({_NUMBER}){_END} (?:x )?(?:([^\W\d_]{{3,}})|\x01)")
_DATE_LIKE = re.compile(
    r"[0-9]{1,2}\.? (?:jan|feb|mar|maer|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec"
    r"|dez|ene|abr|ago|set|out|dic|sty|lut|kwi|maj|cze|lip|sie|wrz|paz|lis|gru)"
)
#: In a message too short to tell its language, any of these says from what to what.
_PAIRS = (("from", "to"), ("von", "auf"), ("de", "a"), ("de", "para"), ("z", "na"), ("ze", "na"))
_LIMIT = Decimal("1e9")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Quantity:
    """One amount: `role` is quantity, missing, needed, from, to, total, good, scrap, left, received, part or loose.

    `loose` is a number before a word that is no known unit ("118 jars").
    """

    role: str
    value: Decimal
    uom: str
    span: Span


@dataclass(frozen=True)
class _Grammar:
    from_to: re.Pattern[str]
    to: re.Pattern[str]
    part_of: re.Pattern[str]
    good: re.Pattern[str]
    scrap: re.Pattern[str]
    left: re.Pattern[str]
    counted: re.Pattern[str]
    missing: re.Pattern[str]
    needed: re.Pattern[str]
    stock: re.Pattern[str]
    instead: re.Pattern[str]
    swapped: re.Pattern[str]
    received: frozenset[str]
    decimal: str


def _words(words: Sequence[str]) -> str:
    return "(?:" + "|".join(re.escape(fold(word)) for word in sorted(words, key=len, reverse=True)) + ")"


@lru_cache(maxsize=16)
def _grammar(pack: Pack) -> _Grammar:
    words = pack.quantities
    number, unit = f"({_NUMBER})", f"(?: ?({_UNIT}))?"
    from_to = "|".join(
        rf"{_EDGE}{re.escape(fold(a))} ({_NUMBER})(?: ?({_UNIT}))? "
        rf"{re.escape(fold(b))} ({_NUMBER}){_END}(?: ?({_UNIT}))?"
        for a, b in dict.fromkeys([*map(tuple, words["from_to"]), *_PAIRS])
    )
    left_before = _words(words["left_before"])
    times = pack.times
    calendar = [word for names in times["months"] for word in names]
    calendar += [
        *times["minute"],
        *times["hour"],
        *times["day"],
        *times["week"],
        *times["clock_word"],
        "am",
        "pm",
    ]
    return _Grammar(
        from_to=re.compile(from_to),
        to=re.compile(rf"{_EDGE}{_words(words['to'])} {number}{_END}(?!\.? ?{_words(calendar)}){unit}"),
        part_of=re.compile(rf"{_EDGE}{number}{unit} {_words(words['of'])} {number}{_END}{unit}"),
        good=re.compile(rf"{_EDGE}{number}{unit} {_words(words['good'])}(?!\w)"),
        scrap=re.compile(rf"{_EDGE}{number}{unit} {_words(words['scrap'])}(?!\w)"),
        left=re.compile(
            rf"{_EDGE}{left_before} {number}{_END}{unit}|{_EDGE}{number}{unit} {_words(words['left'])}(?!\w)"
        ),
        counted=re.compile(rf"{_EDGE}({_NUMBER}) ?({_UNIT})"),
        missing=re.compile(
            rf"{_EDGE}{_words(words['missing_before'])}:? {_ABOUT}{number}{_END}{unit}"
            rf"|{_EDGE}{number}{_END}{unit}(?: [^\W\d_]{{2,20}}| \x01+)? {_words(words['missing_after'])}(?!\w)"
        ),
        needed=re.compile(rf"{_EDGE}{_words(words['needed_before'])}:? {_ABOUT}{number}{_END}{unit}"),
        stock=re.compile(
            rf"{_EDGE}{_words(words['stock_before'])}:?{_OF_IT} (?:{_words(words['with_before'])} )?"
            rf"{number}{_END}{unit}"
            rf"|{_EDGE}{number}{_END}{unit}(?: [^\W\d_]{{2,20}}| \x01+)? {_words(words['stock_after'])}(?!\w)"
        ),
        instead=re.compile(
            rf"{_EDGE}{number}{_END}{unit}(?: [^\W\d_]{{2,20}}| \x01+| {_words(words['of'])} \x01+){{0,4}}[ ,(]+"
            rf"{_words(words['instead'])}:?(?: the| der| den| die| los| las| os| as)? {number}{_END}{unit}"
        ),
        swapped=re.compile(
            rf"{_EDGE}(?:{_words(words['instead'])}|old|alt|antes|stare|was):? {number}{_END}{unit}[ ,;:]*"
            rf"(?:(?:please|bitte|now|new|neu|jetzt|ahora|nueva?|agora|nova?"
            rf"|teraz|nowe|prosze|mejor|favor|nur|only|solo|so)[ :]*)*"
            rf"{number}{_END}{unit}"
        ),
        received=frozenset(fold(word) for word in words["received"]),
        decimal=words["decimal"],
    )


def parse_number(words: str, *, decimal: str, counted: bool) -> Decimal | None:
    """A number as written; `1.200` is 1200 where the comma is the decimal sign or whole things are counted."""
    plain = words.replace("'", "").replace("\u2019", "")
    last = max(plain.rfind("."), plain.rfind(","))
    if last >= 0:
        sign = plain[last]
        grouped = len(plain) - last - 1 == 3 and plain[:last].replace(".", "").replace(",", "").isdigit()
        several = plain.count(sign) > 1
        thousands = grouped and (several or counted or sign != decimal) and not plain.startswith("0")
        if thousands and plain[:last].count("." if sign == "," else ",") == 0:
            plain = plain.replace(sign, "")
        else:
            plain = plain[:last].replace(".", "").replace(",", "") + "." + plain[last + 1 :]
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value < _LIMIT else None


def read_quantities(masked: str, original: str, pack: Pack, *, change: bool) -> list[Quantity]:
    """Amounts in the text, the more telling pattern first. `change`: the message asks to change an order."""
    grammar = _grammar(pack)
    found: list[Quantity] = []
    taken: list[tuple[int, int]] = []

    def add(match: re.Match[str], *parts: tuple[str, int, int | None]) -> None:
        start, end = match.span()
        if len(taken) >= _MOST or any(start < b and a < end for a, b in taken):
            return
        units = [match[group] for _, _, group in parts if group and match[group]]
        uom = UNIT_OF.get(units[-1], "") if units else ""
        amounts = []
        for role, group, _ in parts:
            value = parse_number(match[group], decimal=grammar.decimal, counted=uom in COUNTED or not uom)
            if value is None:
                return
            amounts.append(Quantity(role, value, uom, Span(start, end, original[start:end])))
        taken.append((start, end))
        found.extend(amounts)

    if change:
        for match in grammar.from_to.finditer(masked):
            groups = [index for index in range(1, (match.re.groups or 0) + 1, 4) if match[index]]
            if groups:
                first = groups[0]
                add(match, ("from", first, first + 1), ("to", first + 2, first + 3))
        for match in _ARROW.finditer(masked):
            add(match, ("from", 1, 2), ("to", 3, 4))
        for match in grammar.swapped.finditer(masked):
            add(match, ("from", 1, 2), ("to", 3, 4))
        for match in grammar.instead.finditer(masked):
            add(match, ("to", 1, 2), ("from", 3, 4))
        for match in grammar.to.finditer(masked):
            if match[2] or not re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,2}", match[1]):  # "auf 4.12." is a day
                add(match, ("to", 1, 2))
    for match in grammar.part_of.finditer(masked):
        after = re.findall(r"\w+(?: in)?", masked[match.end() : match.end() + 14])[:1]
        add(match, ("received" if after and after[0] in grammar.received else "part", 1, 2), ("total", 3, 4))
    for match in grammar.left.finditer(masked):
        add(match, ("left", 1, 2) if match[1] else ("left", 3, 4))
    for match in grammar.missing.finditer(masked):
        add(match, ("missing", 1, 2) if match[1] else ("missing", 3, 4))
    for match in grammar.stock.finditer(masked):
        add(match, ("left", 1, 2) if match[1] else ("left", 3, 4))
    for match in grammar.needed.finditer(masked):
        add(match, ("needed", 1, 2))
    for match in grammar.good.finditer(masked):
        add(match, ("good", 1, 2))
    for match in grammar.scrap.finditer(masked):
        add(match, ("scrap", 1, 2))
    for match in grammar.counted.finditer(masked):
        add(match, ("quantity", 1, 2))
    for match in _LOOSE.finditer(masked):
        if (
            match[1][0] != "0"
            and (match[2] or "") not in NOT_COUNTED
            and not _DATE_LIKE.search(masked, max(0, match.start() - 1), match.end())
        ):
            add(match, ("loose", 1, None))
    return sorted(found, key=lambda one: one.span.start)
