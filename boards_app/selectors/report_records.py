"""The records behind a number of the monthly report: which exceptions or postings it counts, each with its own value.

Reads the same rows `metrics_app` counts. Lists today's data; a frozen month's late arrivals show here first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet

from boards_app import report_words
from boards_app.selectors.report import Scope
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from metrics_app.compute import DIMENSIONS
from metrics_app.periods import Month
from metrics_app.selectors import aligned_between, closed_between, dimensions_of

MOST: Final = 500
_TITLES: Final = {
    "resolution": "Closed in the month", "alignment": "First aligned in the month", "first_pass": "Closed in the month",
    "posting_lag": "Confirmed by ERP in the month", "unaligned": "Not aligned when it was counted",
    "local": "Settled here without ERP", "by_hand": "Keyed into ERP by hand", "mend": "What to mend",
}  # fmt: skip
_BREAKERS: Final = {"re-routed": "reroute_count", "escalated": "lapsed_levels", "reopened": "reopen_count"}


@dataclass(frozen=True)
class Record:
    """One line: what it is, when it counted, its own value and what it means."""

    ref: str
    url: str
    title: str
    place: str
    at: datetime | None
    value: float | None
    words: str
    worse: bool = False


@dataclass(frozen=True)
class Listed:
    """The lines, longest first, and what they are."""

    title: str
    narrowed: str
    unit: str
    rows: list[Record]
    more: int


def listed(scope: Scope, month: Month, query: dict[str, str]) -> Listed:
    """The records of one number; an unknown metric lists what was closed. Four queries at most."""
    start, end = month.span(scope.zone)
    metric = query.get("metric", "")
    if "mend" in query:
        rows, words = _mended(scope, month, query["mend"])
        return _as_list("mend", words, "Resolution", rows)
    if metric == "posting_lag":
        return _as_list(metric, "", "Lag", _posted(scope, start, end, query.get("kind", "")))
    if metric == "local":
        return _as_list(metric, "", "", _local(scope, start, end))
    if metric == "by_hand":
        return _as_list(metric, "", "", _by_hand(scope, start, end))
    if metric == "unaligned":
        return _as_list(metric, "", "", _unaligned(scope, month))
    dimension, value = query.get("dim", ""), query.get("value", "")
    narrowed = value if dimension in DIMENSIONS else ""
    if metric == "alignment":
        aligned = _only(aligned_between(start, end, scope.sites), dimension, value)
        return _as_list(metric, narrowed, "Alignment", [_aligned(row) for row in aligned])
    closed = _only(closed_between(start, end, scope.sites), dimension, value)
    breaker = query.get("breaker", "")
    if breaker in _BREAKERS:
        closed = [row for row in closed if getattr(row, _BREAKERS[breaker])]
        narrowed = breaker
    metric = metric if metric in report_words.BY_KEY else "resolution"
    return _as_list(metric, narrowed, "Resolution", [_closed(row) for row in closed])


def _as_list(metric: str, narrowed: str, unit: str, rows: list[Record]) -> Listed:
    rows = sorted(rows, key=lambda row: (-(row.value or 0), row.ref))
    return Listed(_TITLES[metric], narrowed, unit, rows[:MOST], max(0, len(rows) - MOST))


def _only(rows: QuerySet[ExceptionRecord], dimension: str, value: str) -> list[ExceptionRecord]:
    found = list(rows.select_related("work_unit"))
    if dimension not in DIMENSIONS or not value:
        return found
    return [row for row in found if (getattr(dimensions_of(row), dimension) or "none") == value]


def _place(row: ExceptionRecord) -> str:
    return ", ".join(str(part) for part in (row.work_unit, row.area) if part)


def _closed(row: ExceptionRecord) -> Record:
    broke = [words for words, name in _BREAKERS.items() if getattr(row, name)]
    minutes = (row.closed_at - row.captured_at) / timedelta(minutes=1) if row.closed_at else None
    words = ", ".join(broke) if broke else "first pass"
    return Record(
        row.ref, f"/exceptions/{row.ref}/", row.title, _place(row), row.closed_at, minutes, words, bool(broke)
    )


def _aligned(row: ExceptionRecord) -> Record:
    at = row.first_aligned_at
    minutes = (at - row.occurred_at) / timedelta(minutes=1) if at else None
    words = "start estimated" if row.occurred_estimated else ""
    return Record(row.ref, f"/exceptions/{row.ref}/", row.title, _place(row), at, minutes, words)


def _unaligned(scope: Scope, month: Month) -> list[Record]:
    refs = scope.figures(month).get("unaligned") or []
    rows = ExceptionRecord.objects.filter(ref__in=refs).select_related("work_unit", "area")
    return [
        Record(
            row.ref, f"/exceptions/{row.ref}/", row.title, _place(row), row.captured_at, None,
            row.get_status_display().lower(),
        )
        for row in rows
    ]  # fmt: skip


def _mended(scope: Scope, month: Month, raw: str) -> tuple[list[Record], str]:
    findings: list[dict[str, Any]] = scope.figures(month).get("mend") or []
    if not raw.isdigit() or int(raw) >= len(findings):
        return [], ""
    finding = findings[int(raw)]
    rows = ExceptionRecord.objects.filter(ref__in=finding["refs"], site__in=scope.sites)
    return [_closed(row) for row in rows.select_related("work_unit", "area")], str(finding["name"])


def _posted(scope: Scope, start: datetime, end: datetime, kind: str) -> list[Record]:
    rows = Posting.objects.filter(
        site__in=scope.sites, status="confirmed", erp_confirmed_at__gte=start, erp_confirmed_at__lt=end
    ).select_related("link__exception", "site")
    if kind in KIND_NAMES:
        rows = rows.filter(kind=kind)
    return [_posting(row, row.erp_confirmed_at) for row in rows]


def _local(scope: Scope, start: datetime, end: datetime) -> list[Record]:
    rows = Posting.objects.filter(
        site__in=scope.sites, status="local", erp_confirmed_at=None, settled_at__gte=start, settled_at__lt=end
    )
    return [_posting(row, row.settled_at) for row in rows.select_related("link__exception", "site")]


def _by_hand(scope: Scope, start: datetime, end: datetime) -> list[Record]:
    rows = Posting.objects.filter(
        site__in=scope.sites, status="local", erp_confirmed_at__gte=start, erp_confirmed_at__lt=end
    )
    return [_posting(row, row.erp_confirmed_at) for row in rows.select_related("link__exception", "site")]


def _posting(row: Posting, at: datetime | None) -> Record:
    exception = getattr(getattr(row, "link", None), "exception", None)
    local = not row.in_erp
    minutes = (
        (row.erp_confirmed_at - row.occurred_at) / timedelta(minutes=1) if row.erp_confirmed_at else None
    )
    return Record(
        ref=row.business_key,
        url=f"/exceptions/{exception.ref}/" if exception else f"/postings/{row.pk}/",
        title=f"{KIND_NAMES.get(row.kind, row.kind)} {row.text}".strip(),
        place=exception.ref if exception else row.chain,
        at=at,
        value=None if local else minutes,
        words=row.local_reason if local else row.erp_number,
        worse=bool(minutes and minutes > 60 and not local),
    )
