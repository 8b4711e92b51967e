"""The monthly report: four figures with their past, what moved them, and for each number the records behind it.

Composes `metrics_app`'s months, frozen where they are frozen; computes no figure of its own.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from boards_app import drawing, report_words, wording
from boards_app.report_words import METRICS, Metric, Piece
from core import clock
from erp_sync.kinds import KIND_NAMES
from metrics_app.models import Adjustment, Baseline, MonthlyReport
from metrics_app.periods import Month
from metrics_app.selectors import first_month, frozen, month_live, zone_of
from metrics_app.services import build_month
from plant_app.models import AdoptionStep, ExceptionType, Shift, Site

SHOWN_MONTHS: Final = 8
_BASELINE: Final = {
    "resolution": "resolution_median", "alignment": "alignment_median", "posting_lag": "posting_lag_median",
    "first_pass": "first_pass_percent",
}  # fmt: skip
_TABLES: Final = (("type", "By type"), ("area", "By area"), ("shift", "By shift"))
MONTH_NAMES: Final = (
    "", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def month_words(month: Month) -> str:
    """ "October 2026"."""
    return f"{MONTH_NAMES[month.month]} {month.year}"


@dataclass(frozen=True)
class Figure:
    """One of the four with its months."""

    metric: Metric
    value: float | None
    minutes: float | None
    percent: str
    before: str
    extra: str
    tag: tuple[str, str] | None
    trend: drawing.Trend
    url: str


@dataclass(frozen=True)
class Cut:
    """A line of a table: one value of a dimension with its figures and where its records are listed."""

    name: str
    closed: int
    resolution: float | None
    alignment: float | None
    percent: float | None
    resolution_url: str
    alignment_url: str
    first_pass_url: str


@dataclass(frozen=True)
class Mend:
    """Something to mend, with its evidence."""

    title: str
    what: str
    evidence: str
    url: str
    rule: bool


@dataclass(frozen=True)
class Late:
    """What late data would have changed."""

    words: str
    found_at: datetime


@dataclass(frozen=True)
class Report:
    """Everything a month's page shows."""

    month: Month
    title: str
    scope: str
    zone: str
    live: bool
    frozen_at: datetime | None
    version: int
    counted: str
    counted_url: str
    late: list[Late]
    lede: list[Piece]
    four: list[Figure]
    types: list[drawing.Bar]
    kinds: list[drawing.Bar]
    breakers: list[tuple[str, int, str]]
    tables: list[tuple[str, list[Cut]]]
    mend: list[Mend]
    unaligned: int
    unaligned_url: str
    local: list[tuple[str, int]]
    local_url: str
    by_hand: str
    by_hand_url: str
    steps: list[AdoptionStep]
    oldest: str
    baseline: Baseline | None
    months: list[Month]
    previous: Month | None
    following: Month | None
    base: str


class Scope:
    """One site, or all sites of a reader; knows which months it has and how to read one."""

    def __init__(self, site: Site | None, sites: list[Site]) -> None:
        self.site, self.sites = site, [site] if site is not None else sites
        self.zone = zone_of(self.sites)
        # the frozen report of all sites may be shown only to whoever sees all of them
        self.whole = site is not None or len(sites) == Site.objects.count()
        firsts = [first for one in self.sites if (first := first_month(one)) is not None]
        self.current = Month.of(clock.now(), self.zone)
        self.first = min(firsts, default=self.current)

    def months(self) -> list[Month]:
        """Every month with a record, up to this one, oldest first."""
        found, month = [], min(self.first, self.current)
        while month <= self.current:
            found.append(month)
            month = month.next()
        return found

    def figures(self, month: Month) -> dict[str, Any]:
        """A month's figures, frozen where they are."""
        if self.whole:
            return build_month(month=month, site=self.site)
        return month_live(month, self.sites).as_dict()

    def frozen(self, month: Month) -> MonthlyReport | None:
        """The frozen report of a month."""
        return frozen(month, self.site) if self.whole else None


def report(scope: Scope, month: Month) -> Report:
    """Read a month's report. The figures of past months come frozen, one query each."""
    months = scope.months()
    shown = [one for one in months if one <= month][-SHOWN_MONTHS:]
    if month not in shown:
        shown = [*shown, month]
    by_month = {one: scope.figures(one) for one in shown}
    figures = by_month[month]
    previous = month.previous()
    before = by_month.get(previous)
    kept = scope.frozen(month)
    baseline = Baseline.objects.filter(site=scope.site).first()
    base = f"/reports/{month}/"
    live = kept is None
    shift_names = dict(Shift.objects.filter(site__in=scope.sites).values_list("code", "name"))
    return Report(
        month=month,
        title=month_words(month),
        scope=scope.site.name if scope.site else "All sites",
        zone=scope.zone,
        live=live,
        frozen_at=kept.frozen_at if kept else None,
        version=int(figures.get("version") or 1),
        counted=_counted(figures),
        counted_url=records_url(month, metric="resolution"),
        late=[_late(row) for row in (kept.adjustments.all() if kept else [])],
        lede=report_words.lede(
            figures, before, live=live, last_month=month_words(previous).rpartition(" ")[0]
        ),
        four=[_figure(metric, month, by_month, before, baseline) for metric in METRICS],
        types=_types(figures, baseline),
        kinds=_kinds(figures),
        breakers=[
            (name, count, records_url(month, metric="first_pass", breaker=name))
            for name, count in sorted(
                (figures.get("first_pass_breakers") or {}).items(), key=lambda row: (-row[1], row[0])
            )
        ],
        tables=[
            (title, _cuts(figures, month, dimension, shift_names if dimension == "shift" else {}))
            for dimension, title in _TABLES
        ],
        mend=[_mend(index, row, month) for index, row in enumerate(figures.get("mend") or [])],
        unaligned=len(figures.get("unaligned") or []),
        unaligned_url=records_url(month, metric="unaligned"),
        local=[(KIND_NAMES.get(kind, kind), count) for kind, count in (figures.get("local_by_kind") or {}).items()],
        local_url=records_url(month, metric="local"),
        by_hand=_by_hand(figures),
        by_hand_url=records_url(month, metric="by_hand"),
        steps=_steps(scope, month),
        oldest=_oldest(figures),
        baseline=baseline,
        months=months[::-1],
        previous=previous if previous in months else None,
        following=month.next() if month < scope.current else None,
        base=base,
    )  # fmt: skip


def _by_hand(figures: dict[str, Any]) -> str:
    """What was keyed into ERP by people and how late; empty where nothing was."""
    keyed = figures.get("posting_lag_by_hand") or {}
    if not keyed.get("count"):
        return ""
    return f"{keyed['count']} keyed by hand, {wording.span(keyed['median'])} after it happened in the median"


def _steps(scope: Scope, month: Month) -> list[AdoptionStep]:
    """What was switched on or off in the month: before and after belong together."""
    start, end = month.span(scope.zone)
    rows = AdoptionStep.objects.filter(site__in=scope.sites, since__gte=start, since__lt=end)
    return list(rows.select_related("site", "type").order_by("since", "pk"))


def records_url(month: Month, **query: str) -> str:
    """Where the records behind a number are listed."""
    return f"/reports/{month}/records/?{urlencode({name: value for name, value in query.items() if value})}"


def _counted(figures: dict[str, Any]) -> str:
    closed = figures["resolution"]["count"]
    return f"{closed:,} closed, {figures['alignment']['count']:,} aligned, {figures['posting_lag']['count']:,} postings"


def _figure(
    metric: Metric, month: Month, by_month: dict[Month, dict[str, Any]], before: dict[str, Any] | None,
    baseline: Baseline | None,
) -> Figure:  # fmt: skip
    figures = by_month[month]
    value = metric.value(figures)
    was = getattr(baseline, _BASELINE[metric.key]) if baseline else None
    count = figures[metric.key]["count"]
    if metric.key == "first_pass":
        extra = f"{figures['first_pass']['passed']} of {count}" if count else ""
    elif metric.key == "alignment" and figures.get("unaligned"):
        extra = f"{len(figures['unaligned'])} not aligned"
    else:
        p90 = figures[metric.key].get("p90")
        extra = f"p90 {wording.span(p90)}" if p90 is not None else ""
    last = metric.value(before)
    label = MONTH_NAMES[month.previous().month][:3]
    tag = report_words.tag_against(metric, value, last, label)
    if was is not None:
        said = f"before {metric.said(was)}"
    else:
        said = f"{label} {metric.said(last)}" if last is not None and tag is None else ""
    return Figure(
        metric=metric,
        value=value,
        minutes=value if metric.low_is_good else None,
        percent=f"{value:.0f}" if value is not None and not metric.low_is_good else "",
        before=said,
        extra=extra,
        tag=tag,
        trend=drawing.trend(
            [
                (MONTH_NAMES[one.month][:3], metric.value(found), metric.said(metric.value(found)))
                for one, found in by_month.items()
            ],
            before=was,
        ),
        url=records_url(month, metric=metric.key),
    )


def _types(figures: dict[str, Any], baseline: Baseline | None) -> list[drawing.Bar]:
    """Types by how many were closed, most first, with their median and the running share; what a census counted a month
    before stands beside it.
    """
    counted = baseline.types if baseline is not None else {}
    names = (
        dict(ExceptionType.objects.filter(code__in=counted).values_list("name", "code")) if counted else {}
    )
    rows = [
        (name, float(found["resolution"]["count"]), found["resolution"]["median"])
        for name, found in (figures.get("by") or {}).get("type", {}).items()
        if found["resolution"]["count"]
    ]
    rows.sort(key=lambda row: (-row[1], row[0]))
    whole = sum(row[1] for row in rows)
    running = 0.0
    found = []
    for bar, (_name, count, median) in zip(
        drawing.bars([(name, count, f"{count:.0f}") for name, count, _m in rows], top=2), rows, strict=True
    ):
        running += count
        share = f"{100 * running / whole:.0f} %"
        note = f"{wording.span(median)}, {share}" if median is not None else share
        before = counted.get(names.get(_name, ""), {}).get("per_month")
        found.append(replace(bar, note=f"{note}, before {before:g}" if before is not None else note))
    return found[:7]


def _kinds(figures: dict[str, Any]) -> list[drawing.Bar]:
    """Posting kinds by their median lag, slowest first."""
    rows = [
        (f"{KIND_NAMES.get(kind, kind)} ({found['count']})", float(found["median"] or 0))
        for kind, found in (figures.get("posting_lag_by_kind") or {}).items()
    ]
    rows.sort(key=lambda row: -row[1])
    return drawing.bars([(name, minutes, wording.span(minutes)) for name, minutes in rows[:8]], top=1)


def _cuts(figures: dict[str, Any], month: Month, dimension: str, names: dict[str, str]) -> list[Cut]:
    found = []
    for name, row in (figures.get("by") or {}).get(dimension, {}).items():
        query = {"dim": dimension, "value": name}
        found.append(
            Cut(
                name=names.get(name, name) if name != "none" else "Not known",
                closed=row["resolution"]["count"],
                resolution=row["resolution"]["median"],
                alignment=row["alignment"]["median"],
                percent=row["first_pass"]["percent"],
                resolution_url=records_url(month, metric="resolution", **query),
                alignment_url=records_url(month, metric="alignment", **query),
                first_pass_url=records_url(month, metric="first_pass", **query),
            )
        )
    if dimension == "shift":
        order = list(names.values())
        return sorted(
            found, key=lambda cut: (order.index(cut.name) if cut.name in order else len(order), cut.name)
        )
    return sorted(found, key=lambda cut: (-cut.closed, cut.name))


def _mend(index: int, row: dict[str, Any], month: Month) -> Mend:
    url = records_url(month, mend=str(index))
    if row["what"] == "rule":
        return Mend(
            title=f"Rule “{row['name']}” misses the right owner",
            what="Routing rule",
            evidence=f"{row['count']} of {row['of']} broke the first pass",
            url=url,
            rule=True,
        )
    return Mend(
        title=row["name"],
        what="Takes the most hours",
        evidence=f"{row['count']} closed, {row['hours']:,.0f} h open in all",
        url=url,
        rule=False,
    )


def _late(row: Adjustment) -> Late:
    metric = report_words.BY_KEY.get(row.metric)
    if metric is None:
        return Late(f"{row.metric} changed", row.found_at)
    more = f", {row.count:+d} records".replace("-", wording.MINUS) if row.count else ""
    return Late(
        f"{metric.subject} would be {metric.said(row.current)} instead of {metric.said(row.frozen)}{more}",
        row.found_at,
    )


def _oldest(figures: dict[str, Any]) -> str:
    oldest = figures.get("oldest_open")
    if not oldest:
        return ""
    name = KIND_NAMES.get(oldest["kind"], oldest["kind"])
    return (
        f"{oldest['open']} still on the way, the oldest {wording.coarse(oldest['minutes'])} ({name.lower()})"
    )
