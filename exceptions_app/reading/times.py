"""When: a moment in the past something began, a moment in the future something is due.

Rules per language over text with linked codes and amounts masked. What is implausible (a start in the future, older
than a week, a due date past) is no reading at all. Moments are aware and UTC; calendar words count in the site's zone.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from exceptions_app.reading.packs import Pack
from exceptions_app.reading.spoken import FILL, in_figures
from exceptions_app.reading.time_grammar import ISO, NUMERIC, grammar_of
from exceptions_app.reading.types import Span

_MAX_AGE = timedelta(days=7)
_MAX_AHEAD = timedelta(days=550)
_TOLERANCE = timedelta(minutes=5)
#: "At 14:00" alone is a start only when it is this recent.
_RECENT = timedelta(hours=12)
_TO_A_DAY = re.compile(r"(?<!\w)(?:auf|bis|zum|am|na|do|para|ate|to|by)(?: den| el| o| dia)? $")


_JUST = timedelta(hours=6)
_BARE = re.compile(r"(?<![\w:.,/-])(?P<h>[01]?[0-9]|2[0-3])(?:[:h])(?P<m>[0-5][0-9])(?![\w:,/-]|\.[0-9])")
_NO_START = re.compile(
    r"(?:until|till|by|before|next|update|eta|ready|bis|vor|gegen"
    r"|nachste\w*|fertig|hasta|antes de|para|proxim\w+|listo|lista"
    r"|ate|antes das|pronto|do|przed|nastepn\w+|gotow\w+|and|und"
    r"|bis|y|e|i|-)(?: (?:the|las|as|a|um|o|around|about|at))? ?$"
)
_OLD_DAY = re.compile(
    r"(?:from|instead of|rather than|in place of|not|originally|planned(?: for)?"
    r"|confirmed(?: for)?|was|statt|anstatt|anstelle"
    r"(?: von)?|von|vom|nicht|bisher|bestatigt(?: fur)?|geplant(?: fur"
    r"| am)?|en vez de|en lugar de|en vez del|en lugar del|del|desde"
    r"|no|antes|previst[oa](?: para)?|em vez de|ao inves de|em lugar de|nao|zamiast|z|ze|od|nie|bylo|planowan\w+)"
    r"(?: (?:the|dem|den|der|am|el|dia|do|da|dnia|on|fur|zum|na))*(?: (?:mon|tues|wednes|thurs|fri|satur|sun)day,?)? ?$"
)
_NEW_DAY = re.compile(
    r"(?:(?<!\w)(?:to|until|by|on|for|auf|zum|am|bis|schon|bereits|al"
    r"|para|hasta|el|para o|para el|em|no dia|dia|na|do|juz|now|new"
    r"|jetzt|neu|ahora|nueva|agora|nova|teraz|nowy)(?: (?:the|den|dem|el|o|dia|dnia|am))*) "
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time read: `day` is set where only a day was named, then `at` is the end of that local day.

    `bound`: the words say until or within, not merely at.
    """

    at: datetime
    span: Span
    approximate: bool
    day: date | None = None
    bound: bool = False


class TimeReader:
    """Reads one message received at one moment in one zone."""

    def __init__(
        self,
        *,
        masked: str,
        original: str,
        pack: Pack,
        received_at: datetime,
        tz: tzinfo,
        mdy: bool = False,
        shift_start: datetime | None = None,
    ) -> None:
        self.masked, self.original = in_figures(masked, pack.language), original
        self.grammar = grammar_of(pack)
        self.received = received_at.astimezone(UTC)
        self.tz, self.local, self.mdy, self.shift_start = tz, received_at.astimezone(tz), mdy, shift_start

    def occurred(self) -> Moment | None:
        """When it began: the first plausible past moment named."""
        rules: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], datetime | None]], ...] = (
            (ISO, self._iso),
            (self.grammar.ago, self._before_now),
            (self.grammar.yesterday, self._yesterday),
            (self.grammar.since_shift, lambda _: self.shift_start),
            (self.grammar.since, self._since),
            (self.grammar.lasting, self._before_now),
            (self.grammar.at, self._since),
        )
        for pattern, rule in rules:
            for match in pattern.finditer(self.masked):
                at = rule(match)
                if at is None:
                    continue
                at = at.astimezone(UTC)
                oldest = _RECENT if match.re is self.grammar.at else _MAX_AGE
                if self.received - oldest <= at <= self.received + _TOLERANCE:
                    return Moment(min(at, self.received), self._span(match), self._approximate(match))
        return self._bare()

    def _bare(self) -> Moment | None:
        """One clock time standing alone ("stopped by itself 3:25") that has just been."""
        found = [
            match
            for match in _BARE.finditer(self.masked)
            if not _NO_START.search(self.masked[: match.start()][-24:])
        ]
        if len(found) != 1:
            return None
        clock = time(int(found[0]["h"]), int(found[0]["m"]))
        moments = [self._local(self.local.date() - timedelta(days=back), clock) for back in (0, 1)]
        if self.grammar.twelve_hour and clock.hour < 12:
            later = time(clock.hour + 12, clock.minute)
            moments += [self._local(self.local.date() - timedelta(days=back), later) for back in (0, 1)]
        just = [at for at in moments if self.received - _JUST <= at <= self.received]
        return Moment(max(just), self._span(found[0]), approximate=False) if just else None

    def wanted(self) -> Moment | None:
        """The day asked for, where another one is named beside it: "from 1 Dec to 27 Nov", "statt 15.12. am 22.12."."""
        found: list[tuple[int, int, Moment]] = []
        for match, moment in self._due_moments():
            if any(match.start() < end and start < match.end() for start, end, _ in found):
                continue
            found.append((match.start(), match.end(), moment))
        kept = [row for row in found if not _OLD_DAY.search(self.masked[max(0, row[0] - 26) : row[0]])]
        asked = [row for row in kept if _NEW_DAY.search(self.masked[max(0, row[0] - 18) : row[1]])]
        best = min(asked or kept or found, key=lambda row: row[0], default=None)
        return best[2] if best else None

    def due(self) -> Moment | None:
        """When it is due or wanted: the first plausible future moment named."""
        return next((moment for _, moment in self._due_moments()), None)

    def _due_moments(self) -> Iterator[tuple[re.Match[str], Moment]]:
        day_rules: tuple[
            tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[datetime, date | None] | None]], ...
        ] = (
            (ISO, self._iso_due),
            (self.grammar.day_month, self._named_day),
            (self.grammar.month_day, self._named_day),
            (NUMERIC, self._numeric_day),
            (self.grammar.until, self._until),
            (self.grammar.within, self._within),
            (self.grammar.week, self._week),
            (self.grammar.due_day, self._day_word),
            (self.grammar.at, self._at_next),
        )
        for pattern, rule in day_rules:
            for match in pattern.finditer(self.masked):
                found = rule(match)
                if found is None:
                    continue
                at, day = found[0].astimezone(UTC), found[1]
                if (
                    self.received - (timedelta(0) if day is None else timedelta(days=1))
                    <= at
                    <= self.received + _MAX_AHEAD
                ):
                    bound = match.re in (self.grammar.until, self.grammar.within)
                    yield match, Moment(at, self._span(match), self._approximate(match), day, bound)

    def _span(self, match: re.Match[str]) -> Span:
        start, end = match.span()
        while end < len(self.masked) and self.masked[end] == FILL:
            end += 1
        while end > start and self.original[end - 1].isspace():
            end -= 1
        return Span(start, end, self.original[start:end])

    def _approximate(self, match: re.Match[str]) -> bool:
        return bool(match.groupdict().get("ax")) and match.re is not self.grammar.at

    # durations

    def _minutes(self, match: re.Match[str]) -> float | None:
        found = match.groupdict()
        half = found.get("half") or found.get("xhalf")
        if half:
            return float(self.grammar.halves[half])
        if found.get("ou"):
            return 60.0
        number, unit = found.get("n") or found.get("xn"), found.get("u") or found.get("xu")
        if not number or not unit:
            return None
        count = float(self.grammar.numbers.get(number) or number.replace(",", "."))
        if unit in self.grammar.minute:
            return count
        if unit in self.grammar.hour:
            return count * 60
        return count * (10080 if unit in self.grammar.week_unit else 1440)

    def _before_now(self, match: re.Match[str]) -> datetime | None:
        minutes = self._minutes(match)
        return None if minutes is None else self.received - timedelta(minutes=minutes)

    def _within(self, match: re.Match[str]) -> tuple[datetime, None] | None:
        minutes = self._minutes(match)
        return None if minutes is None else (self.received + timedelta(minutes=minutes), None)

    # clock times

    def _clock(self, match: re.Match[str]) -> list[time]:
        """The clock times the words can mean: two, where morning and evening are both possible."""
        found, grammar = match.groupdict(), self.grammar
        named = found.get("named")
        if named:
            return [time(12) if named in grammar.noon else time(0)]
        digits, word = found.get("h"), found.get("hw")
        hour = int(digits) if digits else grammar.numbers.get(word or "", -1)
        if hour < 0:
            return []
        minute = int(found.get("m") or 0)
        dial = found.get("dial")
        if dial:
            shift = {True: -30}.get(dial in grammar.half_to, 30)
            shift = -15 if dial in grammar.quarter_to else 15 if dial in grammar.quarter_past else shift
            total = (hour * 60 + minute + shift) % 1440
            hour, minute = divmod(total, 60)
        half_day = (found.get("ap") or "").replace(".", "")
        if half_day:
            if hour > 12:
                return []
            return [time(hour % 12 + (12 if half_day == "pm" else 0), minute)]
        minute_ends = match.end("m") if found.get("m") else -1
        if 0 < minute_ends < len(self.masked) and self.masked[minute_ends] == FILL and hour <= 12:
            return [time(hour % 24, minute), time((hour + 12) % 24, minute)]
        told_in_24 = bool(digits and (digits.startswith("0") or (found.get("m") and not grammar.twelve_hour)))
        if (
            hour > 12
            or hour == 0
            or told_in_24
            or (found.get("suffix") and not grammar.twelve_hour and not dial)
        ):
            return [time(hour, minute)]
        return [time(hour, minute), time((hour + 12) % 24, minute)]

    def _plausible_clock(self, match: re.Match[str]) -> bool:
        """A bare number after "at" or "to" is no time unless something says so."""
        found = match.groupdict()
        return any(found.get(name) for name in ("m", "ap", "suffix", "dial", "named", "hw"))

    def _since(self, match: re.Match[str]) -> datetime | None:
        if match.re is self.grammar.at and not self._plausible_clock(match):
            return None
        back = 1 if match.groupdict().get("yd") else 0
        moments = []
        for clock in self._clock(match):
            at = self._local(self.local.date() - timedelta(days=back), clock)
            if not back and at > self.received + _TOLERANCE:
                at = self._local(self.local.date() - timedelta(days=1), clock)
            moments.append(at)
        return max(moments, default=None)

    def _yesterday(self, match: re.Match[str]) -> datetime | None:
        clocks = self._clock(match)
        return self._local(self.local.date() - timedelta(days=1), clocks[0]) if clocks else None

    def _next(self, clocks: Sequence[time], day: date | None = None) -> datetime | None:
        if day is not None:
            return self._local(day, clocks[0]) if clocks else None
        moments = []
        for clock in clocks:
            at = self._local(self.local.date(), clock)
            moments.append(
                at if at > self.received else self._local(self.local.date() + timedelta(days=1), clock)
            )
        return min(moments, default=None)

    def _until(self, match: re.Match[str]) -> tuple[datetime, None] | None:
        word = match.groupdict().get("dw")
        at = self._next(self._clock(match), self._day_of(word) if word else None)
        return None if at is None else (at, None)

    def _at_next(self, match: re.Match[str]) -> tuple[datetime, None] | None:
        if not self._plausible_clock(match):
            return None
        at = self._next(self._clock(match))
        return None if at is None else (at, None)

    def _local(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, tzinfo=self.tz).astimezone(UTC)

    # days

    def _end_of(self, day: date) -> tuple[datetime, date]:
        return self._local(day + timedelta(days=1), time(0)), day

    def _day_of(self, word: str) -> date:
        grammar, today = self.grammar, self.local.date()
        if word in grammar.days:
            return today + timedelta(days=grammar.days[word])
        if word in grammar.weekdays:
            return today + timedelta(days=(grammar.weekdays[word] - today.weekday()) % 7 or 7)
        if word in grammar.week_end:
            return today + timedelta(days=(4 - today.weekday()) % 7)
        return today

    def _day_word(self, match: re.Match[str]) -> tuple[datetime, date | None] | None:
        day = self._day_of(match["dw"])
        if match.groupdict().get("dt"):
            clocks = self._clock(match)
            at = self._next(clocks, day)
            return None if at is None else (at, None)
        return self._end_of(day)

    def _week(self, match: re.Match[str]) -> tuple[datetime, date] | None:
        """A calendar week means its Friday."""
        year, this_week, _ = self.local.date().isocalendar()
        week = int(match["w"])
        if not 1 <= week <= 53:
            return None
        try:
            return self._end_of(date.fromisocalendar(year if week >= this_week else year + 1, week, 5))
        except ValueError:
            return None

    def _dated(self, day: int, month: int, year: int | None) -> tuple[datetime, date] | None:
        today = self.local.date()
        try:
            found = date(year or today.year, month, day)
            if year is None and found < today - timedelta(days=60):
                found = date(today.year + 1, month, day)
        except ValueError:
            return None
        return self._end_of(found)

    def _named_day(self, match: re.Match[str]) -> tuple[datetime, date] | None:
        return self._dated(int(match["d"]), self.grammar.months[match["mn"]], None)

    def _numeric_day(self, match: re.Match[str]) -> tuple[datetime, date] | None:
        first, second, year = int(match["a"]), int(match["b"]), match["y"]
        wanted = _TO_A_DAY.search(self.masked, max(0, match.start() - 12), match.start())
        if match["sep"] == "." and not match[0].endswith(".") and year is None and not wanted:
            return None  # 3.5 is a number
        day, month = (second, first) if (self.mdy and match["sep"] == "/") or second > 12 else (first, second)
        return self._dated(day, month, None if year is None else 2000 + int(year[-2:]))

    def _iso(self, match: re.Match[str]) -> datetime | None:
        try:
            day = date(int(match["y"]), int(match["mo"]), int(match["d"]))
        except ValueError:
            return None
        return self._local(day, time(int(match["h"]), int(match["m"]))) if match["h"] else None

    def _iso_due(self, match: re.Match[str]) -> tuple[datetime, date | None] | None:
        at = self._iso(match)
        if at is not None:
            return at, None
        return self._dated(int(match["d"]), int(match["mo"]), int(match["y"])) if not match["h"] else None
