"""Building months, freezing past ones, and noting what arrives late."""

from datetime import timedelta
from typing import Any

from django.db import transaction

from core import clock
from core.hints import hint
from core.models import Heartbeat
from metrics_app.compute import DEFINITION_VERSION
from metrics_app.models import Adjustment, MonthlyReport
from metrics_app.periods import Month
from metrics_app.selectors import first_month, frozen, month_live
from plant_app.models import Site

# Postings of the last evening may still be on their way when the month ends.
SETTLE = timedelta(hours=12)
HISTORY = "history"
METRICS = {
    "resolution": "median",
    "alignment": "median",
    "posting_lag": "median",
    "first_pass": "percent",
}


def build_month(*, month: Month, site: Site | None) -> dict[str, Any]:
    """The figures of a month as JSON: the frozen ones where frozen, else computed now."""
    report = frozen(month, site)
    if report is not None:
        figures: dict[str, Any] = report.figures
        return figures
    return month_live(month, _sites(site)).as_dict()


def _sites(site: Site | None) -> list[Site]:
    return [site] if site is not None else list(Site.objects.all())


@transaction.atomic
def freeze_month(*, month: Month, site: Site | None) -> MonthlyReport:
    """Freeze a month's figures; a month already frozen stays as it is. Locks the site's row (all sites: none)."""
    if site is not None:
        Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    report, made = MonthlyReport.objects.get_or_create(
        site=site,
        year=month.year,
        month=month.month,
        defaults={
            "figures": month_live(month, _sites(site)).as_dict(),
            "definition_version": DEFINITION_VERSION,
            "frozen_at": clock.now(),
        },
    )
    if made:
        hint("report", kind="report", month=str(month))
    return report


def freeze_months() -> int:
    """Freeze every past month of every site that is over and settled; note late data of the last two.

    Waits while a history is being filled in, since its months are not complete. Returns months frozen.
    """
    if _history_running():
        return 0
    count = 0
    starts = []
    for site in Site.objects.all():
        start = first_month(site)
        if start is None:
            continue
        starts.append(start)
        count += _freeze_from(start, site)
    if starts:
        count += _freeze_from(min(starts), None)
    return count


def _freeze_from(start: Month, site: Site | None) -> int:
    zone = _sites(site)[0].timezone
    now = clock.now()
    count, month = 0, start
    while month.span(zone)[1] + SETTLE <= now:
        if frozen(month, site) is None:
            freeze_month(month=month, site=site)
            count += 1
        elif month >= Month.of(now, zone).previous().previous():
            note_late_data(month=month, site=site)
        month = month.next()
    return count


def _history_running() -> bool:
    beat = Heartbeat.objects.filter(name=HISTORY).first()
    return beat is not None and not beat.detail.get("done") and beat.at > clock.now() - timedelta(minutes=30)


@transaction.atomic
def note_late_data(*, month: Month, site: Site | None) -> list[Adjustment]:
    """Compare a frozen month with today's data; append one adjustment per metric that moved since the last look."""
    report = frozen(month, site)
    if report is None:
        return []
    current = month_live(month, _sites(site)).as_dict()
    made = []
    for metric, figure in METRICS.items():
        then, now = report.figures[metric], current[metric]
        if (then["count"], then[figure]) == (now["count"], now[figure]):
            continue
        last = report.adjustments.filter(metric=metric).first()
        if last is not None and last.current == now[figure] and last.count == now["count"] - then["count"]:
            continue
        made.append(
            Adjustment.objects.create(
                report=report,
                metric=metric,
                frozen=then[figure],
                current=now[figure],
                count=now["count"] - then["count"],
                found_at=clock.now(),
            )
        )
    return made
