"""What a figure is, and the list of functions that produce them.

A module registers with `@figure(...)`; the function returns rows. `against` names the raw limit or the peer measured
in the same run, because ratios travel between machines and absolute figures do not.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `runs` holds every single measurement `value` is the median of."""

    name: str
    value: float
    unit: str
    against: str = ""
    against_value: float | None = None
    runs: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        return None if not self.against_value else round(self.value / self.against_value, 4)

    def as_json(self) -> dict[str, Any]:
        known = asdict(self)
        return {
            "name": known["name"],
            "value": round(self.value, 3),
            "unit": known["unit"],
            "against": known["against"],
            "against_value": None if self.against_value is None else round(self.against_value, 3),
            "ratio": self.ratio,
            "runs": [round(run, 3) for run in self.runs],
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """A registered measurement; `long` ones run only with FULL=1."""

    title: str
    measure: Callable[[], Iterable[Row]]
    long: bool


_figures: list[Figure] = []


def figure(
    title: str, *, long: bool = False
) -> Callable[[Callable[[], Iterable[Row]]], Callable[[], Iterable[Row]]]:
    """Register a function that measures something and returns its rows."""

    def register(measure: Callable[[], Iterable[Row]]) -> Callable[[], Iterable[Row]]:
        _figures.append(Figure(title, measure, long))
        return measure

    return register


def figures(*, full: bool) -> list[Figure]:
    return [known for known in _figures if full or not known.long]


def compare(name: str, unit: str, runs: list[float], against: str, against_runs: list[float]) -> Row:
    """A row from two series measured alternately in the same run; medians, because the machine is never quiet."""
    return Row(name, median(runs), unit, against, median(against_runs), tuple(runs))
