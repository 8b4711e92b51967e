"""The four metrics computed a second time, from the records' own stamps and the words of their definitions.

Independent of the product's code on purpose: rows as the database has them in, minutes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median

from tests.e2e.stack import JSON, Stack


@dataclass(frozen=True)
class Counted:
    """What counts in a month: durations in minutes, and whether each closed record went through at once."""

    resolution: tuple[float, ...]
    alignment: tuple[float, ...]
    posting_lag: tuple[float, ...]
    passed: tuple[bool, ...]

    def expected(self) -> JSON:
        """What the metrics must say."""
        passed = sum(self.passed)
        return {
            "resolution": spread(self.resolution),
            "alignment": spread(self.alignment),
            "posting_lag": spread(self.posting_lag),
            "first_pass": {
                "count": len(self.passed),
                "passed": passed,
                "percent": round(100 * passed / len(self.passed), 1) if self.passed else None,
            },
        }


def spread(minutes: Sequence[float]) -> JSON:
    """Count, median, 90th percentile (linear between ranks) and mean, to a tenth of a minute."""
    if not minutes:
        return {"count": 0, "median": None, "p90": None, "mean": None}
    ranked = sorted(minutes)
    place = 0.9 * (len(ranked) - 1)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    p90 = ranked[below] + (ranked[above] - ranked[below]) * (place - below)
    return {
        "count": len(ranked),
        "median": round(median(ranked), 1),
        "p90": round(p90, 1),
        "mean": round(fmean(ranked), 1),
    }


def minutes(start: datetime, end: datetime) -> float:
    return (end - start) / timedelta(minutes=1)


def counted(stack: Stack, site: str, month_begins: datetime) -> Counted:
    """Every row of a site since the month began, from the tables."""
    closed = stack.sql(
        "select e.* from exceptions_app_exceptionrecord e join plant_app_site s on s.id = e.site_id"
        " where s.code = %s and e.status = 'closed' and e.closed_at >= %s",
        site,
        month_begins,
    )
    aligned = stack.sql(
        "select e.* from exceptions_app_exceptionrecord e join plant_app_site s on s.id = e.site_id"
        " where s.code = %s and e.status <> 'cancelled' and e.first_aligned_at >= %s",
        site,
        month_begins,
    )
    posted = stack.sql(
        "select p.occurred_at, p.erp_confirmed_at from erp_sync_posting p join plant_app_site s on s.id = p.site_id"
        " where s.code = %s and p.status = 'confirmed' and p.erp_confirmed_at >= %s",
        site,
        month_begins,
    )
    return Counted(
        resolution=tuple(minutes(row["captured_at"], row["closed_at"]) for row in closed),
        alignment=tuple(minutes(row["occurred_at"], row["first_aligned_at"]) for row in aligned),
        posting_lag=tuple(minutes(row["occurred_at"], row["erp_confirmed_at"]) for row in posted),
        passed=tuple(
            not (row["reroute_count"] or row["lapsed_levels"] or row["reopen_count"]) for row in closed
        ),
    )
