"""What can be wrong with the metrics: past months nobody froze, late data."""

from collections.abc import Iterable
from datetime import timedelta

from core import clock
from core.doctor import Finding, Level, check
from metrics_app.models import Adjustment
from metrics_app.periods import Month
from metrics_app.selectors import first_month, frozen
from plant_app.models import Site


@check
def unfrozen() -> Iterable[Finding]:
    """Last month is frozen two days into this one."""
    now = clock.now()
    missing = []
    for site in Site.objects.all():
        first, last = first_month(site), Month.of(now, site.timezone).previous()
        over = last.span(site.timezone)[1] + timedelta(days=2) <= now
        if first is not None and first <= last and over and frozen(last, site) is None:
            missing.append(f"{site.code} {last}")
    if missing:
        yield Finding(
            "XL-M001",
            Level.WARNING,
            f"Not frozen yet: {', '.join(missing)}",
            "Check that beat runs; it freezes months by itself within the hour.",
            count=len(missing),
        )


@check
def late_data() -> Iterable[Finding]:
    """Late data is nothing wrong, but somebody should know."""
    recent = Adjustment.objects.filter(found_at__gt=clock.now() - timedelta(days=7)).count()
    if recent:
        yield Finding(
            "XL-M002",
            Level.INFO,
            f"{recent} figures of frozen months moved by late data this week",
            "They stand as adjustment lines beside the frozen figures on the report.",
            count=recent,
        )
