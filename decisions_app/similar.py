"""Similar past exceptions, ranked, with what was decided, why it had happened and whether it held. Reads only.

The rank counts what two records share: the same key 8, work unit 4, item 3, lot 3, customer 2, reason 2; the newer of
two alike stands first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, F, IntegerField, Prefetch, Q, Value, When

from decisions_app.models import Decision
from exceptions_app.models import ExceptionRecord
from plant_app.models import User

SINCE = timedelta(days=730)
_SHARED = (("work_unit_id", 4), ("item_id", 3), ("lot_id", 3), ("customer_id", 2), ("reason_id", 2))


@dataclass(frozen=True)
class Similar:
    """A past record and what it teaches. `same` says in words what it shares."""

    record: ExceptionRecord
    rank: int
    same: list[str]
    options: list[str]
    cause: str
    minutes: float | None
    reopened: int


def similar_to(exception: ExceptionRecord, user: User, now: datetime, *, limit: int = 5) -> list[Similar]:
    """Ended records of the same type and site that share something with this one, best first. Two queries."""
    shared = [(name, points) for name, points in _SHARED if getattr(exception, name) is not None]
    where = Q()
    terms = []
    for name, points in shared:
        where |= Q(**{name: getattr(exception, name)})
        terms.append(_points(Q(**{name: getattr(exception, name)}), points))
    if exception.correlation_key:
        where |= Q(correlation_key=exception.correlation_key)
        terms.append(_points(Q(correlation_key=exception.correlation_key), 8))
    if not terms:
        return []
    rank: Any = terms[0]
    for term in terms[1:]:
        rank = rank + term
    rows = (
        ExceptionRecord.objects.for_user(user)
        .filter(where, type=exception.type_id, site=exception.site_id, status__in=("resolved", "closed"))
        .filter(captured_at__gte=now - SINCE)
        .exclude(pk=exception.pk)
        .annotate(rank_points=rank)
        .select_related("reason", "root_cause__category", "work_unit", "item", "lot", "customer", "type")
        .prefetch_related(
            Prefetch(
                "decisions",
                queryset=Decision.objects.filter(reversed_at=None)
                .select_related("option")
                .order_by("number"),
                to_attr="taken",
            )
        )
        .order_by(F("rank_points").desc(), "-captured_at")[:limit]
    )
    return [_similar(row, exception) for row in rows]


def _points(where: Q, points: int) -> Case:
    return Case(When(where, then=Value(points)), default=Value(0), output_field=IntegerField())


def _similar(row: ExceptionRecord, exception: ExceptionRecord) -> Similar:
    end = row.resolved_at or row.closed_at
    cause = getattr(row, "root_cause", None)
    words = f"{cause.category}{': ' + cause.text if cause.text else ''}" if cause is not None else ""
    names = ("work_unit", "item", "lot", "customer", "reason")
    mine = {name: getattr(exception, f"{name}_id") for name in names}
    same = (
        ["the same thing"] if row.correlation_key and row.correlation_key == exception.correlation_key else []
    )
    same += [
        f"same {name.replace('_', ' ')}"
        for name in names
        if mine[name] is not None and getattr(row, f"{name}_id") == mine[name]
    ]
    return Similar(
        record=row,
        rank=int(row.rank_points),  # type: ignore[attr-defined]
        same=same,
        options=[one.option.name for one in row.taken],  # type: ignore[attr-defined]
        cause=words or (row.reason.name if row.reason else ""),
        minutes=(end - row.captured_at) / timedelta(minutes=1) if end else None,
        reopened=row.reopen_count,
    )
