"""Reads of exceptions for screens and API: scoped to the reader, with a bounded number of queries whatever the length.

Nothing is written here, and no page decides by itself what its reader may see: every list begins with `visible_to`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, DateTimeField, F, IntegerField, Prefetch, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce

from core.errors import NotFound
from exceptions_app.lifecycle import Status
from exceptions_app.models import (
    ExceptionEvent,
    ExceptionRecord,
    Interpretation,
    Response,
    ResponseStatus,
    SignalReading,
)
from exceptions_app.models.responses import ANSWERED
from plant_app.models import Site, User, WorkUnit
from plant_app.selectors import visible_site_ids

_HOUR = timedelta(hours=1)
_RANK = {"critical": 0, "high": 1, "normal": 2, "low": 3}
WAITING = (ResponseStatus.DUE, ResponseStatus.TOLD, ResponseStatus.DELIVERED, ResponseStatus.SEEN)
_LINKS = (
    "type", "site", "area", "work_centre", "work_unit", "work_order", "operation", "item", "lot",
    "sales_line__order__customer", "purchase_line__order__supplier", "customer", "supplier", "reason", "owner",
    "owner_function",
)  # fmt: skip


def urgency_rank(field: str = "urgency") -> Case:
    """0 for critical to 3 for low, as an expression to order by."""
    return Case(
        *[When(**{field: word}, then=Value(rank)) for word, rank in _RANK.items()],
        default=Value(4),
        output_field=IntegerField(),
    )


def clock_due() -> Case:
    """The moment the next step is due, by status: acknowledge, decide, or resolve."""
    return Case(
        When(status__in=[Status.TRIAGE, Status.OPEN], then=F("acknowledge_due_at")),
        When(status=Status.ACKNOWLEDGED, then=F("decide_due_at")),
        When(status=Status.DECIDED, then=F("resolve_due_at")),
        default=None,
        output_field=DateTimeField(),
    )


def visible_to(user: Any) -> QuerySet[ExceptionRecord]:
    """The exceptions this person may see: their sites', and those in which their function has a response there."""
    return ExceptionRecord.objects.for_user(user)


def chips() -> "Prefetch[Any]":
    """Every live response with function and person, owner first: the function chips of a row."""
    return Prefetch(
        "responses",
        Response.objects.exclude(status=ResponseStatus.DECLINED).select_related("function", "person", "site"),
        to_attr="live_responses",
    )


def with_row(rows: QuerySet[ExceptionRecord]) -> QuerySet[Any]:
    """Everything one row of a list shows: links, owner, `due_at` (its clock), `rank`, chips. Two queries in all."""
    return (
        rows.select_related(*_LINKS)
        .prefetch_related(chips())
        .annotate(
            rank=urgency_rank(),
            due_at=clock_due(),
            window_sort=Coalesce("window_until", "resolve_due_at", "captured_at"),
            delay_sort=Coalesce("delay_cost", Value(Decimal(-1))),
        )
    )


def desk(user: Any, *, site: Site | None = None, live: bool = True) -> QuerySet[Any]:
    """Rows of the desk, worst first: urgency, then the window that closes soonest, then the score."""
    rows = visible_to(user)
    if site is not None:
        rows = rows.filter(site=site)
    if live:
        rows = rows.live()  # type: ignore[attr-defined]
    return with_row(rows).order_by(
        "rank", F("window_until").asc(nulls_last=True), "-urgency_score", "captured_at", "pk"
    )


def exception_by_ref(user: Any, ref: str) -> ExceptionRecord:
    """One exception with its row, by human reference; NotFound `exceptions.not_found` also for what this reader may
    not see.
    """
    found = (
        with_row(visible_to(user))
        .select_related("route", "parent", "recurrence_of", "merged_into")
        .filter(ref=ref.strip().upper())
    )
    exception: ExceptionRecord | None = found.first()
    if exception is None:
        raise NotFound("exceptions.not_found", "There is no such exception.")
    return exception


def timeline(
    exception: ExceptionRecord, *, newest_first: bool = True, limit: int = 500
) -> list[ExceptionEvent]:
    """The story with its actors. One query."""
    order = ("-at", "-pk") if newest_first else ("at", "pk")
    return list(exception.events.select_related("actor", "signal__source").order_by(*order)[:limit])


def response_board(exception: ExceptionRecord) -> list[Response]:
    """Every response, declined ones too, owner first, with people and tellings. Two queries."""
    return list(
        exception.responses.select_related("function", "person", "acknowledged_by", "site").prefetch_related(
            "tellings__person"
        )
    )


def signals_of(exception: ExceptionRecord) -> list[SignalReading]:
    """What was reported: the signals with their newest interpretation (`signal.newest`). Two queries."""
    return list(
        exception.readings.exclude(outcome="talk")  # photos of comments were never reported
        .select_related("signal__source", "signal__reporter", "signal__device")
        .prefetch_related(
            Prefetch(
                "signal__interpretations",
                Interpretation.objects.order_by("-created_at", "-pk"),
                to_attr="newest",
            )
        )
        .order_by("signal__received_at", "pk")
    )


def inbox(user: User, *, done: bool = False, limit: int = 200) -> list[Response]:
    """A person's responses, those that wait for an answer first, then soonest due. Two queries.

    Theirs are the ones they are asked for, and unassigned ones of their function at their sites. `done` adds finished
    and declined ones.
    """
    mine = Q(person=user)
    if user.function_id:
        mine |= Q(person=None, function=user.function_id, site__in=visible_site_ids(user))
    rows = Response.objects.filter(mine).filter(
        exception__status__in=[
            status.value for status in (Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED)
        ]
    )
    if not done:
        rows = rows.exclude(status__in=(ResponseStatus.DONE, ResponseStatus.DECLINED))
    return list(
        rows.select_related(
            "function", "site", "exception__type", "exception__site", "exception__area", "exception__work_unit",
            "exception__work_centre", "exception__work_order", "exception__customer", "exception__owner",
            "exception__owner_function",
        )
        .annotate(
            waits=Case(When(status__in=WAITING, required=True, then=Value(0)), When(required=False, then=Value(2)),
                       default=Value(1), output_field=IntegerField()),
            rank=urgency_rank("exception__urgency"),
        )
        .order_by("waits", F("acknowledge_due_at").asc(nulls_last=True), "rank", "pk")[:limit]
    )  # fmt: skip


def waiting_count(user: User) -> int:
    """How many required answers this person owes. One query."""
    return Response.objects.filter(
        person=user, required=True, status__in=WAITING,
        exception__status__in=[Status.TRIAGE, Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED],
    ).count()  # fmt: skip


def open_in_area(area_id: int) -> list[ExceptionRecord]:
    """Live exceptions of an area with their row, worst first. For a board whose reader may see the area."""
    rows = with_row(ExceptionRecord.objects.live().filter(area=area_id))
    return list(rows.order_by("rank", "captured_at", "pk"))


def open_on_units(units: Iterable[WorkUnit | int]) -> dict[int, list[ExceptionRecord]]:
    """Live exceptions by work unit id, worst first. Two queries."""
    rows = with_row(ExceptionRecord.objects.live().filter(work_unit__in=list(units)))
    found: dict[int, list[ExceptionRecord]] = {}
    for row in rows.order_by("rank", "captured_at", "pk"):
        if row.work_unit_id is not None:
            found.setdefault(row.work_unit_id, []).append(row)
    return found


@dataclass(frozen=True)
class Tally:
    """Counts over what a reader may see now."""

    live: int
    triage: int
    unacknowledged: int
    undecided: int
    waiting_for_erp: int
    window_under_1h: int


def tally(user: Any, *, now: datetime, site: Site | None = None) -> Tally:
    """The desk's counts. One query."""
    rows = visible_to(user)
    if site is not None:
        rows = rows.filter(site=site)
    soon = Q(window_until__isnull=False, window_until__lte=now + _HOUR, status__in=["open", "acknowledged"])
    found = rows.live().aggregate(  # type: ignore[attr-defined]
        live=Count("pk"),
        triage=Count("pk", filter=Q(status=Status.TRIAGE)),
        unacknowledged=Count("pk", filter=Q(status__in=[Status.TRIAGE, Status.OPEN])),
        undecided=Count("pk", filter=Q(status=Status.ACKNOWLEDGED)),
        waiting_for_erp=Count("pk", filter=Q(status=Status.RESOLVED)),
        window_under_1h=Count("pk", filter=soon),
    )
    return Tally(**found)


def response_for(exception: ExceptionRecord, user: User) -> Response | None:
    """The response `user` would answer: the one they are asked for, else their function's, else the owner's."""
    rows = list(
        exception.responses.exclude(status=ResponseStatus.DECLINED).select_related(
            "function", "person", "site"
        )
    )
    mine = [row for row in rows if row.person_id == user.pk]
    mine += [row for row in rows if user.function_id and row.function_id == user.function_id]
    open_first = sorted(mine, key=lambda row: (row.status in ANSWERED, not row.is_owner))
    if open_first:
        return open_first[0]
    return next((row for row in rows if row.is_owner), None)
