"""Compares what was read with what was labelled: precision, recall and F1 by type and link, exact shares of values.

Pure arithmetic over answers. A key without a label is not scored; a link the message does not name (it followed from
another one) is not counted as read from it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from math import ceil
from typing import Any

from exceptions_app.reading.normalise import key_of
from exceptions_app.reading.types import FieldReading, Reading
from exceptions_app.reading.units import UNIT_OF
from exceptions_app.services.evaluation.gold import AS_OTHER, LINKS, NONE, OTHER, TYPES, VALUES
from exceptions_app.services.evaluation.running import Answer

TOLERANCE = timedelta(minutes=5)
#: What the all-clears, plans and thanks among the intents do to a record that stands: nothing is reported anew.
_NO_REPORT = frozenset({"future", "recovery", "chatter", "planned", "repeat"})
_LINES_OF = {"sales_order": "sales_order_line", "purchase_order": "purchase_order_line"}


@dataclass(frozen=True, slots=True)
class Tally:
    """Right, wrongly there, and missing."""

    right: int = 0
    extra: int = 0
    missing: int = 0

    @property
    def precision(self) -> float:
        """Share of what was read that is right; 1 where nothing was read."""
        return self.right / (self.right + self.extra) if self.right + self.extra else 1.0

    @property
    def recall(self) -> float:
        """Share of what was labelled that was read; 1 where nothing was labelled."""
        return self.right / (self.right + self.missing) if self.right + self.missing else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        whole = 2 * self.right + self.extra + self.missing
        return 2 * self.right / whole if whole else 1.0

    def plus(self, right: int, extra: int, missing: int) -> "Tally":
        """This and some more."""
        return Tally(self.right + right, self.extra + extra, self.missing + missing)


@dataclass(frozen=True, slots=True)
class Miss:
    """One thing read otherwise than labelled."""

    id: str
    line: int
    what: str
    expected: str
    got: str
    text: str


@dataclass
class Report:
    """The figures of one run; `misses` in the order of the file."""

    messages: int = 0
    types: dict[str, Tally] = field(default_factory=dict)
    typed: int = 0
    typed_right: int = 0
    links: dict[str, Tally] = field(default_factory=dict)
    values: dict[str, tuple[int, int]] = field(default_factory=dict)
    nones: int = 0
    nones_opened: int = 0
    nones_asked: int = 0
    auto: int = 0
    auto_wrong: int = 0
    unread: int = 0
    cpu_ms: list[float] = field(default_factory=list)
    misses: list[Miss] = field(default_factory=list)

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the types that were labelled or read."""
        return _share(sum(tally.f1 for tally in self.types.values()), len(self.types))

    @property
    def accuracy(self) -> float:
        """Share of labelled types read right."""
        return _share(self.typed_right, self.typed)

    @property
    def all_links(self) -> Tally:
        """All kinds together."""
        total = Tally()
        for tally in self.links.values():
            total = total.plus(tally.right, tally.extra, tally.missing)
        return total

    def as_json(self) -> dict[str, Any]:
        """The report as one object of numbers."""
        right, scored = (sum(pair[place] for pair in self.values.values()) for place in (0, 1))
        values = {name: round(_share(*pair), 4) for name, pair in self.values.items()}
        return {
            "messages": self.messages,
            "type": {"macro_f1": round(self.macro_f1, 4), "accuracy": round(self.accuracy, 4)},
            "links": {
                "precision": round(self.all_links.precision, 4),
                "recall": round(self.all_links.recall, 4),
            },
            "values": {**values, "all": round(_share(right, scored), 4)},
            "none": {"wrongly_opened": round(_share(self.nones_opened, self.nones), 4)},
            "auto": {
                "share": round(_share(self.auto, self.messages), 4),
                "error": round(_share(self.auto_wrong, self.auto), 4),
            },
            "cpu_ms": {
                "p50": round(percentile(self.cpu_ms, 50), 3),
                "p95": round(percentile(self.cpu_ms, 95), 3),
            },
        }


def score(answers: Sequence[Answer], *, codes: Mapping[str, Iterable[str]], zone: tzinfo) -> Report:
    """The figures of these answers. `codes`: kind -> the codes there are, to find a label written without its prefix;
    `zone`: the site's, for days."""
    report = Report(messages=len(answers))
    known = {kind: _Codes(codes.get(kind, ())) for kind in LINKS}
    types: Counter[tuple[str, str]] = Counter()
    for answer in answers:
        before = len(report.misses)
        if answer.reading is None:
            report.unread += 1
        else:
            report.cpu_ms.append(answer.cpu_ms)
        _score_type(answer, report, types)
        _score_links(answer, report, known)
        wrong = len(report.misses) > before
        _score_values(answer, report, zone)
        if answer.accepted:
            report.auto += 1
            report.auto_wrong += wrong
    labels = {label for pair in types for label in pair}
    report.types = {code: _of_type(code, types) for code in (*TYPES, "unread") if code in labels}
    report.links = {kind: report.links[kind] for kind in LINKS if kind in report.links}
    report.values = {name: report.values[name] for name in VALUES if name in report.values}
    return report


def read_type(answer: Answer) -> str:
    """The type a message was taken for. What nobody could tell is real and none of the types: other."""
    found = answer.reading
    if found is None:
        return "unread"
    if answer.outcome in ("ignored", "cleared"):
        return NONE
    # A repeat that joined what is open has opened nothing, which is what `none` asks for.
    if not answer.opened and (found.intent in _NO_REPORT or answer.message.type == NONE):
        return NONE
    code = found.type_code or OTHER
    return AS_OTHER.get(code, code)


def read_codes(kind: str, found: Reading) -> set[str]:
    """The codes of a kind the words name. A name that could be two is none; two names are both."""
    codes: set[str] = set()
    for name in (kind, _LINES_OF.get(kind, kind)):
        one = found.field(name)
        if one is None or one.method == "context":
            continue
        given = one.candidates or (str(one.value), *one.also)
        if one.candidates and _ambiguous(one, found):
            continue
        codes |= {code.rpartition("/")[0] if name != kind else code for code in given}
    return codes


def _ambiguous(field_read: FieldReading, found: Reading) -> bool:
    return any(
        " could be " in reason and any(code in reason for code in field_read.candidates)
        for reason in found.triage_reasons
    )


def _score_type(answer: Answer, report: Report, types: Counter[tuple[str, str]]) -> None:
    expected, got = answer.message.type, read_type(answer)
    if expected is None:
        return
    types[expected, got] += 1
    report.typed += 1
    report.typed_right += expected == got
    if expected == NONE:
        report.nones += 1
        report.nones_opened += answer.opened
        report.nones_asked += answer.opened and not answer.accepted
    if expected != got:
        _missed(report, answer, "type", expected, got)


def _of_type(code: str, types: Counter[tuple[str, str]]) -> Tally:
    right = types[code, code]
    extra = sum(count for (_, got), count in types.items() if got == code) - right
    missing = sum(count for (expected, _), count in types.items() if expected == code) - right
    return Tally(right, extra, missing)


def _score_links(answer: Answer, report: Report, known: Mapping[str, "_Codes"]) -> None:
    for kind, labelled in answer.message.links.items():
        expected = {known[kind].resolve(code) for code in labelled}
        got = read_codes(kind, answer.reading) if answer.reading else set()
        tally = report.links.get(kind, Tally())
        report.links[kind] = tally.plus(len(expected & got), len(got - expected), len(expected - got))
        if expected != got:
            _missed(
                report, answer, kind, ", ".join(sorted(expected)) or "null", ", ".join(sorted(got)) or "null"
            )


def _score_values(answer: Answer, report: Report, zone: tzinfo) -> None:
    for name, expected in answer.message.values.items():
        got = _value(name, answer, zone)
        exact = _same(name, expected, got)
        right, scored = report.values.get(name, (0, 0))
        report.values[name] = (right + exact, scored + 1)
        if not exact:
            _missed(report, answer, name, str(expected), str(got))


def _value(name: str, answer: Answer, zone: tzinfo) -> Any:
    found = answer.reading
    if found is None:
        return None
    if name == "severity":
        return answer.severity or None
    if name == "occurred_at":
        return None if found.occurred_estimated else found.occurred_at
    if name == "uom":
        return found.uom or None
    value = found.value(name)
    if name == "requested_date" and isinstance(value, datetime):
        return value.astimezone(zone).date()
    return value


def _same(name: str, expected: Any, got: Any) -> bool:
    if expected is None or got is None:
        return expected is got
    if isinstance(expected, datetime):
        return isinstance(got, datetime) and abs(expected - got) <= TOLERANCE
    if isinstance(expected, Decimal):
        return isinstance(got, Decimal) and expected == got
    if isinstance(expected, date):
        return bool(expected == got)
    if name == "uom":
        return _unit(str(expected)) == _unit(str(got))
    return str(expected) == str(got)


def _unit(words: str) -> str:
    folded = key_of(words).strip(" .")
    return UNIT_OF.get(folded, folded)


def _missed(report: Report, answer: Answer, what: str, expected: str, got: str) -> None:
    message = answer.message
    text = " ".join(message.text.split())
    report.misses.append(Miss(message.id, message.line, what, expected, got, text[:160]))


class _Codes:
    """The codes of one kind, to find the one a label means."""

    def __init__(self, codes: Iterable[str]) -> None:
        self._codes = sorted(set(codes))
        self._exact = set(self._codes)

    def resolve(self, label: str) -> str:
        """The code itself; else the only one alike but for case and dashes, or ending with it; else the label."""
        if label in self._exact:
            return label
        wanted = _squash(label)
        for fits in (
            [code for code in self._codes if _squash(code) == wanted],
            [code for code in self._codes if len(wanted) > 2 and _squash(code).endswith(wanted)],
        ):
            if len(fits) == 1:
                return fits[0]
        return label


def _squash(code: str) -> str:
    return "".join(char for char in code.casefold() if char.isalnum())


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest value that `share` per cent of the values do not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share / 100) - 1)] if ordered else 0.0
