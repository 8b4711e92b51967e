"""How people write times, per language: patterns compiled from the words of a cue pack.

Owns the patterns only; what a match means as a moment is `times`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from exceptions_app.reading.normalise import fold
from exceptions_app.reading.packs import Pack

_CLOCK = (
    r"(?P<h>[01]?[0-9]|2[0-3])(?:[:.h](?P<m>[0-5][0-9]))?(?![0-9]|[.,:/-][0-9])"
    r"(?: ?(?P<ap>am|pm|a\.m\.?|p\.m\.?))?"
)
ISO = re.compile(
    r"(?<![\w-])(?P<y>20[0-9]{2})-(?P<mo>0[1-9]|1[0-2])-(?P<d>0[1-9]|[12][0-9]|3[01])"
    r"(?:[t ](?P<h>[01][0-9]|2[0-3]):(?P<m>[0-5][0-9]))?(?!\w|-[0-9])"
)
NUMERIC = re.compile(
    r"(?<![\w./-])(?P<a>[0-3]?[0-9])(?P<sep>[./])(?P<b>[0-3]?[0-9])(?:(?P=sep)(?P<y>(?:20)?[0-9]{2})?)?(?![\w/]|\.[0-9])"
)


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language's time patterns and the words their groups can hold."""

    ago: re.Pattern[str]
    lasting: re.Pattern[str]
    since: re.Pattern[str]
    since_shift: re.Pattern[str]
    at: re.Pattern[str]
    yesterday: re.Pattern[str]
    until: re.Pattern[str]
    within: re.Pattern[str]
    due_day: re.Pattern[str]
    week: re.Pattern[str]
    day_month: re.Pattern[str]
    month_day: re.Pattern[str]
    weekdays: dict[str, int]
    months: dict[str, int]
    days: dict[str, int]
    numbers: dict[str, int]
    minute: frozenset[str]
    hour: frozenset[str]
    day: frozenset[str]
    week_unit: frozenset[str]
    halves: dict[str, int]
    half_to: frozenset[str]
    quarter_to: frozenset[str]
    quarter_past: frozenset[str]
    week_end: frozenset[str]
    day_end: frozenset[str]
    noon: frozenset[str]
    midnight: frozenset[str]
    twelve_hour: bool


def _any(words: Sequence[str]) -> str:
    """One of these words; matches nothing when there are none."""
    if not words:
        return r"(?!)"
    return "(?:" + "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True)) + ")"


@lru_cache(maxsize=16)
def grammar_of(pack: Pack) -> Grammar:
    """The time patterns of a language, compiled once."""
    lists = {name: [fold(word) for word in words] for name, words in pack.times.items() if _is_words(words)}
    weekdays = {fold(name): index for index, names in enumerate(pack.times["weekdays"]) for name in names}
    months = {fold(name): index + 1 for index, names in enumerate(pack.times["months"]) for name in names}
    numbers = {fold(word): index + 1 for index, word in enumerate(pack.times["numbers"])}
    halves = dict.fromkeys(lists["half_hour"], 30) | dict.fromkeys(lists["quarter_hour"], 15)
    halves |= dict.fromkeys(lists["one_half_hours"], 90)
    units = _any([*lists["minute"], *lists["hour"], *lists["day"], *lists["week"]])
    not_hours = {*lists["minute"], *lists["hour"], *lists["day"], *lists["week"], *months} - set(
        lists["clock_word"]
    )
    counts = rf"(?!(?:st|nd|rd|th|\.)?(?: de| of)? ?{_any(sorted(not_hours))}(?!\w))"
    count = rf"(?P<n>[0-9]{{1,4}}(?:[.,][0-9]{{1,2}})?|{_any([*numbers, *lists['single']])})"
    approx = rf"(?:{_any(lists['approx'])}\.? ?)?"
    duration = rf"(?:(?P<half>{_any(list(halves))})|{count} ?(?P<u>{units})\.?)(?!\w)"
    bare = rf"(?P<u>{_any(lists['hour'])})(?!\w)"
    dial = rf"(?P<dial>{_any([*lists['half_past'], *lists['half_to'], *lists['quarter_past'], *lists['quarter_to']])})"
    word_hour = rf"(?P<hw>{_any(list(numbers))})(?!\w)"
    suffix = rf"(?:\s?(?P<suffix>{_any(lists['clock_word'])})(?!\w))?"
    clock = rf"(?:{dial} )?(?:{_CLOCK}|{word_hour}){counts}{suffix}"
    named = rf"(?P<named>{_any([*lists['noon'], *lists['midnight']])})(?!\w)"
    gap, head = r"[ ,]{1,2}", r"(?<!\w)"
    days = (
        dict.fromkeys(lists["today"], 0)
        | dict.fromkeys(lists["tomorrow"], 1)
        | dict.fromkeys(lists["day_after"], 2)
    )
    day_words = _any([*weekdays, *days, *lists["end_of_day"], *lists["end_of_week"]])
    until = _any(lists["until"])
    patterns = {
        "ago": rf"{head}{_any(lists['ago_before'])} {approx}(?:{duration})|{head}{approx}"
        + duration.replace("?P<", "?P<x")
        + rf" {_any(lists['ago_after'])}(?!\w)"
        + rf"|{head}{bare.replace('?P<u>', '?P<ou>')} {_any(lists['ago_after'])}(?!\w)",
        "lasting": rf"{head}{_any(lists['lasting'])} {approx}{duration}",
        "since": rf"{head}{_any(lists['since'])} (?P<yd>{_any(lists['yesterday'])} )?"
        rf"(?P<ax>{_any(lists['approx'])}\.? ?)?(?:{_any(lists['at'])} )?(?:{named}|{clock})",
        "since_shift": rf"{head}{_any(lists['since'])} (?:the |el |o |der |dem )?{_any(lists['shift_start'])}(?!\w)",
        "at": rf"{head}(?P<ax>{_any(lists['at'])}) (?:{named}|{clock})",
        "yesterday": rf"{head}{_any(lists['yesterday'])}{gap}(?:{_any(lists['at'])} )?(?:{clock})",
        "until": rf"{head}{until} (?:(?P<dw>{day_words}){gap}(?:{_any(lists['at'])} )?)?{approx}(?:{named}|{clock})",
        "within": rf"{head}{_any(lists['within'])} {approx}{duration}",
        "due_day": rf"{head}(?:{until} )?(?:{_any(lists['next'])} )?(?P<dw>{day_words})(?!\w)"
        rf"(?:{gap}(?:{_any(lists['at'])} )?(?P<dt>{_CLOCK})(?:\s?{_any(lists['clock_word'])}(?!\w))?)?",
        "week": rf"{head}{_any(lists['week_number'])}\.? ?(?P<w>[0-5]?[0-9])(?!\w|[.,:][0-9])",
        "day_month": rf"(?<![\w.,])(?P<d>[0-3]?[0-9])(?:st|nd|rd|th|\.)?(?: de| of)? ?"
        rf"(?P<mn>{_any(list(months))})\.?(?!\w)",
        "month_day": rf"{head}(?P<mn>{_any(list(months))})\.? (?P<d>[0-3]?[0-9])(?:st|nd|rd|th)?(?!\w|[.,:][0-9])",
    }
    return Grammar(
        **{name: re.compile(pattern) for name, pattern in patterns.items()},
        weekdays=weekdays,
        months=months,
        days=days,
        numbers=numbers | dict.fromkeys(lists["single"], 1),
        minute=frozenset(lists["minute"]),
        hour=frozenset(lists["hour"]),
        day=frozenset(lists["day"]),
        week_unit=frozenset(lists["week"]),
        halves=halves,
        half_to=frozenset(lists["half_to"]),
        quarter_to=frozenset(lists["quarter_to"]),
        quarter_past=frozenset(lists["quarter_past"]),
        week_end=frozenset(lists["end_of_week"]),
        day_end=frozenset(lists["end_of_day"]),
        noon=frozenset(lists["noon"]),
        midnight=frozenset(lists["midnight"]),
        twelve_hour=bool(pack.times["twelve_hour"]),
    )


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
