"""The desk's strip: the four metrics of the month so far, last month beside them, and their way since.

Figures are computed by `metrics_app` and kept for half a minute, since a month is read whole. A cache that is away
only makes the page slower.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

from boards_app import wording
from boards_app.selectors.frame import Frame
from metrics_app.models import MonthlyReport
from metrics_app.periods import Month
from metrics_app.selectors import month_live
from plant_app.models import Site

KEEP_SECONDS = 30
MONTHS_BACK = 9
T = TypeVar("T")
_METRICS = (
    ("resolution", "Exception resolution, median"),
    ("alignment", "Alignment across functions, median"),
    ("posting_lag", "ERP posting lag, median"),
    ("first_pass", "Resolved at first pass"),
)


def remembered(key: str, seconds: int, compute: Callable[[], T]) -> T:
    """What `compute` gave lately; asks again when the cache has forgotten or is away."""
    try:
        kept: T | None = cache.get(key)
    except (RedisError, OSError):
        return compute()
    if kept is None:
        kept = compute()
        try:
            cache.set(key, kept, seconds)
        except (RedisError, OSError):
            return kept
    return kept


def strip_of(frame: Frame) -> list[dict[str, Any]]:
    """Four entries for `components/metric.html`."""
    key = (
        f"desk-strip.{frame.site.pk if frame.site else 'all-' + '-'.join(str(one.pk) for one in frame.sites)}"
    )
    return remembered(key, KEEP_SECONDS, lambda: _strip(frame))


def _strip(frame: Frame) -> list[dict[str, Any]]:
    sites: list[Site] = [frame.site] if frame.site else list(frame.sites)
    if not sites:
        return []
    month = Month.of(frame.now, frame.zone)
    live = month_live(month, sites).as_dict()
    reports = MonthlyReport.objects.filter(site=frame.site).order_by("-year", "-month")[:MONTHS_BACK]
    past = [(Month(report.year, report.month), report.figures) for report in reversed(reports)]
    return [_metric(name, words, live, past, month) for name, words in _METRICS]


def _metric(
    name: str, words: str, live: dict[str, Any], past: list[tuple[Month, dict[str, Any]]], month: Month
) -> dict[str, Any]:
    key = "percent" if name == "first_pass" else "median"
    now = live[name][key]
    history = [_value(figures, name, key) for _, figures in past]
    metric: dict[str, Any] = {
        "words": words,
        "minutes": None if name == "first_pass" else now,
        "values": [*history, now],
        "before": "",
    }
    if name == "first_pass" and now is not None:
        metric["share"] = round(now)
    last = next((_value(figures, name, key) for one, figures in past if one == month.previous()), None)
    if last is not None:
        said = f"{round(last)} %" if name == "first_pass" else wording.span(last)
        metric["before"] = f"{date(2000, month.previous().month, 1):%b} {said}"
    if name == "posting_lag" and live["oldest_open"]:
        metric["extra"] = f"oldest {wording.coarse(live['oldest_open']['minutes'])}"
    return metric


def _value(figures: dict[str, Any], name: str, key: str) -> float | None:
    found: float | None = (figures.get(name) or {}).get(key)
    return found
