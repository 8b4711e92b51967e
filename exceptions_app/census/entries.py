"""One line of a plant's own past, wherever it came from; and how its dates are written. Plain data and date reading."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import Final, Literal

DateOrder = Literal["dmy", "mdy", "ymd"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody wrote or a system noted. `at` and `ended_at` are aware; `minutes` is a duration the source states.

    `fields` are answers the source gives by name (type, work_unit, work_order, item, reason); `line` is the place in
    its file, for people who look it up.
    """

    at: datetime | None
    text: str
    sender: str = ""
    minutes: float | None = None
    ended_at: datetime | None = None
    fields: dict[str, str] = field(default_factory=dict)
    line: int = 0
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The entries of one file, and what in it could not be used, in words with its line."""

    entries: Sequence[Entry]
    problems: Sequence[tuple[int, str]] = ()
    skipped: int = 0


_DATE = re.compile(r"^\s*(\d{1,4})[./\-](\d{1,2})[./\-](\d{1,4})(?:[,T ]+\s*(.*))?$")
_CLOCK = re.compile(
    r"^\s*(\d{1,2})[:.h](\d{2})(?:[:.](\d{2}))?(?:\.\d+)?\s*(a\.?\s?m\.?|p\.?\s?m\.?)?\s*(?:uhr)?\s*(z|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
#: Excel's day zero, for dates kept as numbers.
_EXCEL: Final = date(1899, 12, 30)


def order_of(dates: Iterable[str], *, default: DateOrder = "dmy") -> DateOrder:
    """How the dates of one file are written: told by a number over 12, else by which order runs
    backwards less and lies closer together."""
    found = [match for match in (_DATE.match(one) for one in dates) if match]
    if any(len(match[1]) == 4 for match in found):
        return "ymd"
    firsts, seconds = [int(match[1]) for match in found], [int(match[2]) for match in found]
    if any(number > 12 for number in firsts):
        return "dmy"
    if any(number > 12 for number in seconds):
        return "mdy"
    days = {order: _days(found, order) for order in ("dmy", "mdy")}
    back = {order: sum(later < earlier for earlier, later in pairwise(one)) for order, one in days.items()}
    span = {order: max(one) - min(one) for order, one in days.items()} if found else {}
    if span and (back["dmy"], span["dmy"]) != (back["mdy"], span["mdy"]):
        return "dmy" if (back["dmy"], span["dmy"]) < (back["mdy"], span["mdy"]) else "mdy"
    return default


def _days(found: Sequence[re.Match[str]], order: str) -> list[int]:
    """Days since the year 0, near enough to compare: what is written day by day lies close together."""
    days = []
    for match in found:
        day, month = (match[1], match[2]) if order == "dmy" else (match[2], match[1])
        days.append(int(match[3]) * 372 + int(month) * 31 + int(day))
    return days


def moment_of(words: str, *, order: DateOrder, zone: tzinfo, clock: str = "") -> datetime | None:
    """A date with an optional time (in `words` or apart in `clock`) as an aware moment; None for anything else."""
    words = words.strip().replace("\u202f", " ").replace("\u00a0", " ")
    if re.fullmatch(r"\d{5}(?:\.\d+)?", words):
        midnight = datetime.combine(_EXCEL, time(), tzinfo=zone)
        return midnight + timedelta(days=float(words))
    match = _DATE.match(words)
    if match is None:
        return None
    if len(match[1]) == 4 or order == "ymd":
        year, month, day = match[1], match[2], match[3]
    elif order == "mdy":
        month, day, year = match[1], match[2], match[3]
    else:
        day, month, year = match[1], match[2], match[3]
    said = _clock(match[4] or clock or "0:00")
    if said is None:
        return None
    hour, minute, second, offset = said
    try:
        day_of = date(int(year) + (2000 if len(year) <= 2 else 0), int(month), int(day))
    except ValueError:
        return None
    return datetime.combine(day_of, time(hour, minute, second), tzinfo=offset or zone)


def _clock(words: str) -> tuple[int, int, int, tzinfo | None] | None:
    match = _CLOCK.match(words.replace("\u202f", " "))
    if match is None:
        return None
    hour = int(match[1])
    half = (match[4] or "").lower().replace(".", "").replace(" ", "")
    if half == "pm" and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    offset = match[5]
    zone: tzinfo | None = None
    if offset:
        zone = datetime.strptime("+0000" if offset.lower() == "z" else offset.replace(":", ""), "%z").tzinfo
    return (hour, int(match[2]), int(match[3] or 0), zone) if hour < 24 and int(match[2]) < 60 else None


_MINUTES = re.compile(
    r"^\s*(\d+(?:[.,]\d+)?)\s*(h|hrs?|hours?|std|stunden?|horas?|godz\.?|min|mins|minutes?|minuten|minutos?|m)?\.?\s*$",
    re.IGNORECASE,
)


def minutes_of(words: str, *, unit: str = "min") -> float | None:
    """A duration: "1:30", "90 min", "1,5 h", or a bare number in `unit` ("min", "h" or "s")."""
    words = words.strip()
    if match := re.fullmatch(r"(\d{1,4}):(\d{2})(?::(\d{2}))?", words):
        return int(match[1]) * 60 + int(match[2]) + int(match[3] or 0) / 60
    match = _MINUTES.match(words)
    if match is None:
        return None
    number = float(match[1].replace(",", "."))
    said = (match[2] or unit).lower()
    if said.startswith(("h", "std", "stund", "godz")):
        return number * 60
    return number / 60 if said == "s" else number
