"""The monthly report in sentences: what improved, what got worse, what each metric is called and how it is said.

Pure. Figures come as the plain mappings `metrics_app` freezes; nothing is computed anew here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from boards_app import wording

Figures = Mapping[str, Any]
#: A change below this share (of a duration) or this many points (of a rate) is called unchanged.
NOTICEABLE: Final = 0.05
POINTS: Final = 2.0


@dataclass(frozen=True)
class Metric:
    """One of the four: its key in the figures, the figure that stands for it, its words, and what is better."""

    key: str
    figure: str
    title: str
    subject: str
    low_is_good: bool

    def value(self, figures: Figures | None) -> float | None:
        """Its figure; None when there is none."""
        found = (figures or {}).get(self.key) or {}
        value = found.get(self.figure)
        return None if value is None else float(value)

    def said(self, value: float | None) -> str:
        """ "6 h 40", "74 %", "none"."""
        if value is None:
            return "none"
        return wording.span(value) if self.low_is_good else f"{value:.0f} %"


METRICS: Final = (
    Metric("resolution", "median", "Exception resolution, median", "Resolution", low_is_good=True),
    Metric("alignment", "median", "Alignment across functions, median", "Alignment", low_is_good=True),
    Metric("posting_lag", "median", "ERP posting lag, median", "ERP posting lag", low_is_good=True),
    Metric("first_pass", "percent", "Resolved at first pass", "First-pass resolution", low_is_good=False),
)
BY_KEY: Final = {metric.key: metric for metric in METRICS}
_NUMBERS: Final = ("No number", "One number", "Two numbers", "Three numbers", "Four numbers")
_AND: Final = ("none", "one", "two", "three", "four")


def change(metric: Metric, now: float | None, before: float | None) -> int:
    """1 better, -1 worse, 0 unchanged or not comparable."""
    if now is None or before is None:
        return 0
    limit = max(abs(before) * NOTICEABLE, 1.0) if metric.low_is_good else POINTS
    if abs(now - before) < limit:
        return 0
    return 1 if (now < before) == metric.low_is_good else -1


@dataclass(frozen=True)
class Piece:
    """A stretch of the opening sentence."""

    text: str
    bold: bool = False


def lede(figures: Figures, before: Figures | None, *, live: bool, last_month: str) -> list[Piece]:
    """What the month was, in three sentences at most: how many numbers moved which way, then each that moved."""
    closed = int((figures.get("resolution") or {}).get("count") or 0)
    aligned = int((figures.get("alignment") or {}).get("count") or 0)
    if not closed and not aligned and not (figures.get("posting_lag") or {}).get("count"):
        ending = " yet." if live else "."
        return [Piece(f"Nothing was closed, aligned or posted in this month{ending}")]
    moves = {metric.key: change(metric, metric.value(figures), metric.value(before)) for metric in METRICS}
    better = [metric for metric in METRICS if moves[metric.key] > 0]
    worse = [metric for metric in METRICS if moves[metric.key] < 0]
    if before is None or not any(metric.value(before) is not None for metric in METRICS):
        figures_said = [
            f"{metric.subject} {metric.said(metric.value(figures))}"
            for metric in METRICS
            if metric.value(figures) is not None
        ]
        first = "The first month with numbers" + (", so far." if live else ".")
        return [Piece(first, bold=True), Piece(f" {_listed(figures_said)}.")]
    pieces = [Piece(_headline(len(better), len(worse), live), bold=True)]
    if better:
        said = [f"{metric.subject} {_moved(metric, figures, before)}" for metric in better]
        pieces.append(Piece(f" {_listed(said)}."))
    if worse:
        said = [f"{metric.subject} {_moved(metric, figures, before)}" for metric in worse]
        pieces.append(Piece(f" {_listed(said)}", bold=True))
        pieces.append(Piece(f", compared with {last_month}."))
    elif better:
        pieces[-1] = Piece(pieces[-1].text[:-1] + f", compared with {last_month}.")
    else:
        pieces.append(Piece(f" Every number is close to {last_month}’s."))
    return pieces


def _headline(better: int, worse: int, live: bool) -> str:
    so_far = " so far" if live else ""
    if better and worse:
        return f"{_NUMBERS[better]} improved{so_far}, {_AND[worse]} got worse."
    if better:
        return f"{_NUMBERS[better]} improved{so_far}, none got worse."
    if worse:
        return f"{_NUMBERS[worse]} got worse{so_far}."
    return f"Nothing moved much{so_far}."


def _moved(metric: Metric, figures: Figures, before: Figures) -> str:
    now, then = metric.value(figures), metric.value(before)
    rose = (now or 0) > (then or 0)
    return f"{'rose' if rose else 'fell'} from {metric.said(then)} to {metric.said(now)}"


def _listed(parts: list[str]) -> str:
    """ "A", "A and b", "A, b and c"; only the first keeps its capital, unless it is a name in capitals."""
    lowered = [parts[0], *(part if part[:2].isupper() else part[:1].lower() + part[1:] for part in parts[1:])]
    return lowered[0] if len(lowered) == 1 else f"{', '.join(lowered[:-1])} and {lowered[-1]}"


def tag_against(
    metric: Metric, now: float | None, before: float | None, label: str
) -> tuple[str, str] | None:
    """The tag beside a figure that got worse: (words, glyph); None when it did not."""
    if change(metric, now, before) >= 0 or before is None:
        return None
    return f"{label} {metric.said(before)}", "trending-up" if metric.low_is_good else "arrow-down"
