"""What still stands of what comparisons found, in three lists: missing there, unknown here, different.

By day a comparison looks back two days, by night a week: a finding of the night stands until a later comparison has
looked at the same stretch and not found it. Reads only; two queries for a connection.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core import clock
from erp_sync.models import ErpConnection, FindingKind, ReconciliationFinding, ReconciliationRun

#: How far back findings are carried, and how many comparisons that may be.
CARRIED = timedelta(days=8)
MOST_RUNS = 100


@dataclass
class Standing:
    """The findings that stand, `since` how far back the comparisons behind them reach; `run` is the latest of those."""

    run: ReconciliationRun | None = None
    since: datetime | None = None
    missing_there: list[ReconciliationFinding] = field(default_factory=list)
    unknown_here: list[ReconciliationFinding] = field(default_factory=list)
    different: list[ReconciliationFinding] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.missing_there) + len(self.unknown_here) + len(self.different)


def standing_findings(connection: ErpConnection) -> Standing:
    """What stands of the comparisons of `connection` that went through."""
    runs = list(
        ReconciliationRun.objects.filter(
            connection=connection, error="", finished_at__isnull=False, started_at__gt=clock.now() - CARRIED
        )[:MOST_RUNS]
    )
    standing = Standing()
    if not runs:
        return standing
    standing.run, standing.since = runs[0], min(run.since for run in runs)
    by_run: dict[int, list[ReconciliationFinding]] = {run.pk: [] for run in runs}
    for finding in (
        ReconciliationFinding.objects.filter(run__in=runs).select_related("posting", "run").order_by("pk")
    ):
        by_run[finding.run_id].append(finding)
    seen: set[tuple[str, str, str]] = set()
    for place, run in enumerate(runs):
        for finding in by_run[run.pk]:
            key = (finding.kind, finding.business_key, finding.erp_number)
            if key not in seen and not _looked_at_again(finding, runs[:place]):
                _list_of(standing, finding).append(finding)
            seen.add(key)
    return standing


def _looked_at_again(finding: ReconciliationFinding, later: Iterable[ReconciliationRun]) -> bool:
    """Whether a later comparison covered what the finding is about; it would have found it again."""
    posting = finding.posting
    about = (
        posting.settled_at if posting is not None and posting.settled_at is not None else finding.run.since
    )
    return any(run.since <= about for run in later)


def _list_of(standing: Standing, finding: ReconciliationFinding) -> list[ReconciliationFinding]:
    if finding.kind == FindingKind.MISSING_THERE:
        return standing.missing_there
    return standing.unknown_here if finding.kind == FindingKind.UNKNOWN_HERE else standing.different
