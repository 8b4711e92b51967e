"""Which records count in a period, and the figures of months and ranges, live or frozen.

Five queries a period, whatever its size. Cancelled records and drills count nowhere.
"""

from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from core import clock
from erp_sync.models import Posting
from exceptions_app.models import EventKind, ExceptionRecord
from metrics_app.compute import (
    AlignedRow,
    ClosedRow,
    Dimensions,
    Figures,
    Inputs,
    OpenPosting,
    PostedRow,
    compute,
)
from metrics_app.models import MonthlyReport
from metrics_app.periods import Month
from plant_app.models import Site

_FIELDS = ("site", "area", "type", "owner_function", "route")


def dimensions_of(exception: ExceptionRecord) -> Dimensions:
    """What a record can be told apart by."""
    outcome = exception.route.outcome if exception.route else {}
    return Dimensions(
        type=exception.type.name,
        severity=exception.severity,
        site=exception.site.name,
        area=exception.area.name if exception.area else "",
        shift=exception.shift_code,
        owner_function=exception.owner_function.name,
        rule=str(outcome.get("rule_name") or ""),
    )


def closed_between(start: datetime, end: datetime, sites: list[Site]) -> QuerySet[ExceptionRecord]:
    """Records whose last close lies in [start, end)."""
    return ExceptionRecord.objects.filter(
        status="closed", closed_at__gte=start, closed_at__lt=end, site__in=sites, drill=False
    ).select_related(*_FIELDS)


def aligned_between(start: datetime, end: datetime, sites: list[Site]) -> QuerySet[ExceptionRecord]:
    """Records whose first alignment lies in [start, end)."""
    return (
        ExceptionRecord.objects.filter(
            first_aligned_at__gte=start, first_aligned_at__lt=end, site__in=sites, drill=False
        )
        .exclude(status="cancelled")
        .select_related(*_FIELDS)
    )


def gather(start: datetime, end: datetime, sites: list[Site]) -> Inputs:
    """Every row of [start, end) for `sites`."""
    until = min(end, clock.now())
    closed = [
        ClosedRow(
            ref=row.ref,
            captured_at=row.captured_at,
            closed_at=row.closed_at,
            dimensions=dimensions_of(row),
            reroutes=row.reroute_count,
            lapsed_levels=row.lapsed_levels,
            reopens=row.reopen_count,
        )
        for row in closed_between(start, end, sites)
        if row.closed_at is not None
    ]
    aligned_rows = list(
        aligned_between(start, end, sites).annotate(
            alignments=Count("events", filter=Q(events__kind=EventKind.ALIGNED))
        )
    )
    aligned = [
        AlignedRow(
            ref=row.ref,
            occurred_at=row.occurred_at,
            aligned_at=row.first_aligned_at,
            dimensions=dimensions_of(row),
            estimated=row.occurred_estimated,
        )
        for row in aligned_rows
        if row.first_aligned_at is not None
    ]
    unaligned = (
        ExceptionRecord.objects.filter(
            captured_at__lt=end, site__in=sites, aligned_at__isnull=True, drill=False
        )
        .exclude(status__in=("cancelled", "closed", "resolved"))
        .values_list("ref", flat=True)
    )
    postings = Posting.objects.filter(site__in=sites).select_related("site")

    def posted_rows(status: str) -> list[PostedRow]:
        return [
            PostedRow(
                ref=row.business_key,
                kind=row.kind,
                occurred_at=row.occurred_at,
                confirmed_at=row.erp_confirmed_at,
                site=row.site.name,
            )
            for row in postings.filter(status=status, erp_confirmed_at__gte=start, erp_confirmed_at__lt=end)
            if row.erp_confirmed_at is not None
        ]

    local = postings.filter(status="local", erp_confirmed_at=None, settled_at__gte=start, settled_at__lt=end)
    waiting = postings.filter(settled_at__isnull=True, occurred_at__lt=until)
    return Inputs(
        closed=closed,
        aligned=aligned,
        posted=posted_rows("confirmed"),
        keyed=posted_rows("local"),
        unaligned=list(unaligned),
        realigned=[row.ref for row in aligned_rows if row.alignments > 1],
        local=list(local.values_list("business_key", "kind")),
        open_postings=[
            OpenPosting(ref=key, kind=kind, occurred_at=occurred)
            for key, kind, occurred in waiting.values_list("business_key", "kind", "occurred_at")
        ],
        until=until,
    )


def figures_between(start: datetime, end: datetime, sites: list[Site]) -> Figures:
    """The four metrics of a range, computed now."""
    return compute(gather(start, end, sites))


def zone_of(sites: list[Site]) -> str:
    """The zone months are cut in: the only site's, else the first one's, and every page says which."""
    return sites[0].timezone if sites else "UTC"


def month_live(month: Month, sites: list[Site]) -> Figures:
    """A month computed now, whatever has been frozen."""
    start, end = month.span(zone_of(sites))
    return figures_between(start, end, sites)


def frozen(month: Month, site: Site | None) -> MonthlyReport | None:
    """The frozen report of a month, if there is one."""
    return MonthlyReport.objects.filter(site=site, year=month.year, month=month.month).first()


def first_month(site: Site) -> Month | None:
    """The month of the site's first record."""
    first = ExceptionRecord.objects.filter(site=site).aggregate(first=Min("captured_at"))["first"]
    return Month.of(first, site.timezone) if first else None
