"""The four metrics, version 1 of their definitions. Pure: rows in, figures out, every figure with its records.

Durations are minutes. Percentiles interpolate linearly between the two nearest ranks (pandas' default), the median
being the 50th. Rows arrive already cut to a month by the moment each metric counts in (closing, first alignment,
confirmation); which rows exist is the selectors' business.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

DEFINITION_VERSION = 1
DIMENSIONS = ("type", "severity", "site", "area", "shift", "owner_function")


@dataclass(frozen=True)
class Dimensions:
    """What a record can be told apart by; names as people read them."""

    type: str = ""
    severity: str = ""
    site: str = ""
    area: str = ""
    shift: str = ""
    owner_function: str = ""
    rule: str = ""


@dataclass(frozen=True)
class ClosedRow:
    """A record closed in the period."""

    ref: str
    captured_at: datetime
    closed_at: datetime
    dimensions: Dimensions
    reroutes: int = 0
    lapsed_levels: int = 0
    reopens: int = 0

    @property
    def minutes(self) -> float:
        return (self.closed_at - self.captured_at) / timedelta(minutes=1)

    @property
    def first_pass(self) -> bool:
        """No re-route, no level reached because a limit lapsed, no reopen."""
        return not (self.reroutes or self.lapsed_levels or self.reopens)

    @property
    def breakers(self) -> tuple[str, ...]:
        """What broke the first pass, in words."""
        found = []
        if self.reroutes:
            found.append("re-routed")
        if self.lapsed_levels:
            found.append("escalated")
        if self.reopens:
            found.append("reopened")
        return tuple(found)


@dataclass(frozen=True)
class AlignedRow:
    """A record first aligned in the period; `estimated` where nobody said when it occurred."""

    ref: str
    occurred_at: datetime
    aligned_at: datetime
    dimensions: Dimensions
    estimated: bool = False

    @property
    def minutes(self) -> float:
        return (self.aligned_at - self.occurred_at) / timedelta(minutes=1)


@dataclass(frozen=True)
class PostedRow:
    """A posting ERP confirmed in the period."""

    ref: str
    kind: str
    occurred_at: datetime
    confirmed_at: datetime
    site: str = ""

    @property
    def minutes(self) -> float:
        return (self.confirmed_at - self.occurred_at) / timedelta(minutes=1)


@dataclass(frozen=True)
class OpenPosting:
    """A posting still on its way at the end of the period."""

    ref: str
    kind: str
    occurred_at: datetime


@dataclass(frozen=True)
class Spread:
    """How a set of durations lies, in minutes; all None when there are none."""

    count: int = 0
    median: float | None = None
    p90: float | None = None
    mean: float | None = None


@dataclass(frozen=True)
class Share:
    """A share in percent of `count`; None when there is nothing to share."""

    count: int = 0
    passed: int = 0
    percent: float | None = None


@dataclass(frozen=True)
class Inputs:
    """All rows of one period."""

    closed: Sequence[ClosedRow] = ()
    aligned: Sequence[AlignedRow] = ()
    posted: Sequence[PostedRow] = ()
    unaligned: Sequence[str] = ()
    realigned: Sequence[str] = ()
    local: Sequence[tuple[str, str]] = ()
    keyed: Sequence[PostedRow] = ()
    open_postings: Sequence[OpenPosting] = ()
    until: datetime | None = None


@dataclass(frozen=True)
class Figures:
    """The four metrics of one period, each with its breakdowns; JSON by `as_dict`."""

    resolution: Spread
    alignment: Spread
    posting_lag: Spread
    first_pass: Share
    by: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    posting_lag_by_kind: dict[str, Spread] = field(default_factory=dict)
    alignment_estimated: int = 0
    unaligned: list[str] = field(default_factory=list)
    realigned: list[str] = field(default_factory=list)
    local_by_kind: dict[str, int] = field(default_factory=dict)
    posting_lag_by_hand: Spread = field(default_factory=Spread)
    oldest_open: dict[str, Any] | None = None
    first_pass_breakers: dict[str, int] = field(default_factory=dict)
    mend: list[dict[str, Any]] = field(default_factory=list)
    version: int = DEFINITION_VERSION

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def spread(minutes: Iterable[float]) -> Spread:
    """Count, median, 90th percentile and mean, rounded to a tenth of a minute."""
    # Imported here because it costs every process 60 MB and most never compute a month.
    import pandas as pd

    series = pd.Series(list(minutes), dtype="float64")
    if series.empty:
        return Spread()
    return Spread(
        count=len(series),
        median=round(float(series.median()), 1),
        p90=round(float(series.quantile(0.9)), 1),
        mean=round(float(series.mean()), 1),
    )


def share(rows: Sequence[ClosedRow]) -> Share:
    """First-pass rate in percent, one decimal."""
    if not rows:
        return Share()
    passed = sum(row.first_pass for row in rows)
    return Share(count=len(rows), passed=passed, percent=round(100 * passed / len(rows), 1))


def compute(inputs: Inputs) -> Figures:
    """Every figure of a period."""
    breakers: dict[str, int] = {}
    for row in inputs.closed:
        for word in row.breakers:
            breakers[word] = breakers.get(word, 0) + 1
    local: dict[str, int] = {}
    for _, kind in inputs.local:
        local[kind] = local.get(kind, 0) + 1
    kinds = sorted({row.kind for row in inputs.posted})
    return Figures(
        resolution=spread(row.minutes for row in inputs.closed),
        alignment=spread(row.minutes for row in inputs.aligned),
        posting_lag=spread(row.minutes for row in inputs.posted),
        first_pass=share(inputs.closed),
        by={dimension: _by(dimension, inputs) for dimension in DIMENSIONS},
        posting_lag_by_kind={
            kind: spread(row.minutes for row in inputs.posted if row.kind == kind) for kind in kinds
        },
        alignment_estimated=sum(row.estimated for row in inputs.aligned),
        unaligned=sorted(inputs.unaligned),
        realigned=sorted(inputs.realigned),
        local_by_kind=dict(sorted(local.items())),
        posting_lag_by_hand=spread(row.minutes for row in inputs.keyed),
        oldest_open=_oldest(inputs),
        first_pass_breakers=dict(sorted(breakers.items())),
        mend=mend(inputs),
    )


def _oldest(inputs: Inputs) -> dict[str, Any] | None:
    if not inputs.open_postings or inputs.until is None:
        return None
    oldest = min(inputs.open_postings, key=lambda row: row.occurred_at)
    age = (inputs.until - oldest.occurred_at) / timedelta(minutes=1)
    return {
        "ref": oldest.ref,
        "kind": oldest.kind,
        "minutes": round(age, 1),
        "open": len(inputs.open_postings),
    }


def _by(dimension: str, inputs: Inputs) -> dict[str, dict[str, Any]]:
    value: Callable[[Any], str] = lambda row: getattr(row.dimensions, dimension) or "none"  # noqa: E731
    names = sorted({value(row) for row in (*inputs.closed, *inputs.aligned)})
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        closed = [row for row in inputs.closed if value(row) == name]
        aligned = [row for row in inputs.aligned if value(row) == name]
        found[name] = {
            "resolution": asdict(spread(row.minutes for row in closed)),
            "alignment": asdict(spread(row.minutes for row in aligned)),
            "first_pass": asdict(share(closed)),
        }
    return found


def mend(inputs: Inputs, *, most: int = 3) -> list[dict[str, Any]]:
    """What to mend first: rules that keep missing the right owner, then workflows that take the most hours.

    A rule is named when at least two of its records, and a quarter of them, broke the first pass.
    """
    findings: list[dict[str, Any]] = []
    by_rule: dict[str, list[ClosedRow]] = {}
    for row in inputs.closed:
        by_rule.setdefault(row.dimensions.rule, []).append(row)
    for rule, rows in by_rule.items():
        broken = [row for row in rows if not row.first_pass]
        if rule and len(broken) >= 2 and len(broken) * 4 >= len(rows):
            findings.append(
                {
                    "what": "rule",
                    "name": rule,
                    "count": len(broken),
                    "of": len(rows),
                    "refs": sorted(row.ref for row in broken),
                }
            )
    findings.sort(key=lambda finding: (-finding["count"], finding["name"]))
    by_flow: dict[tuple[str, str], list[ClosedRow]] = {}
    for row in inputs.closed:
        by_flow.setdefault((row.dimensions.type, row.dimensions.area), []).append(row)
    flows = sorted(by_flow.items(), key=lambda pair: (-sum(row.minutes for row in pair[1]), pair[0]))
    workflows = [
        {
            "what": "workflow",
            "name": f"{kind} in {area}" if area else kind,
            "count": len(rows),
            "hours": round(sum(row.minutes for row in rows) / 60, 1),
            "refs": sorted(row.ref for row in rows),
        }
        for (kind, area), rows in flows[:most]
    ]
    return findings[:most] + workflows
