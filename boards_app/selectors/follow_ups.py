"""Follow-ups at the reader's sites: what is overdue first, what waits for its check, and whether it helped.

One list over every record, open or closed; the number of queries does not depend on how many there are.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet

from boards_app.selectors.desk import base
from boards_app.selectors.frame import Frame
from core.clock import minutes_between
from decisions_app.models import CheckResult, Task, TaskStatus
from plant_app.models import AccessRole, Function
from plant_app.selectors import can
from plant_app.selectors.access import roles_of

MINE: Final = "mine"
CHECKED_FOR: Final = timedelta(days=90)
MOST: Final = 100
_OPEN = Q(status=TaskStatus.OPEN)


@dataclass(frozen=True)
class Row:
    """One follow-up: whose, by when, when it is looked at whether it helped, and what came of that."""

    task: Task
    owner: str
    check: str
    check_at: datetime | None
    result: str
    bad: bool
    may: bool


@dataclass
class Section:
    """Follow-ups that stand alike; `more` are beyond those shown."""

    key: str
    words: str
    note: str
    rows: list[Row] = field(default_factory=list)
    more: int = 0


def tasks_in(frame: Frame) -> QuerySet[Task]:
    """Every follow-up of records the reader may see at the chosen site, ended records too."""
    return Task.objects.filter(blocking=False, exception__in=base(frame, ended=True).order_by())


def open_follow_ups(frame: Frame) -> int:
    """How many are open. One query."""
    return tasks_in(frame).filter(_OPEN).count()


def follow_ups_link(frame: Frame) -> dict[str, Any]:
    """The page in the desk's list of views, with how many are open. One query."""
    return {
        "url": "/follow-ups/",
        "icon": "clipboard-list",
        "words": "Follow-ups",
        "count": open_follow_ups(frame),
        "on": False,
    }


def follow_ups_page(frame: Frame, *, whose: str = "", function: str = "") -> dict[str, Any]:
    """Overdue first, then what is open, what waits for its check, and what was checked in the last ninety days.

    `whose` "mine" keeps the reader's own and what their function has given to nobody yet. Some ten queries.
    """
    rows = tasks_in(frame).select_related("exception__type", "exception__site", "function", "person")
    choices = list(
        Function.objects.filter(pk__in=tasks_in(frame).order_by().values("function"))
        .order_by("name")
        .values_list("code", "name")
    )
    if whose == MINE:
        loose = Q(person__isnull=True, function=frame.user.function_id)
        rows = rows.filter(Q(person=frame.user) | loose)
    if function:
        rows = rows.filter(function__code=function)
    may = _finishing(frame)
    waits = Q(status=TaskStatus.DONE, check_due_at__isnull=False, check_result="")
    helped = Q(
        status=TaskStatus.DONE, check_result=CheckResult.EFFECTIVE, checked_at__gt=frame.now - CHECKED_FOR
    )
    sections = [
        _section("overdue", "Overdue", "past their day", rows.filter(_OPEN, due_at__lt=frame.now), "due_at"),
        _section("open", "Open", "", rows.filter(_OPEN, due_at__gte=frame.now), "due_at"),
        _section(
            "check", "Waiting for the check", "done; did the same thing come back?", rows.filter(waits), "check_due_at"
        ),
        _section("checked", "It helped", "checked in the last 90 days", rows.filter(helped), "-checked_at"),
    ]  # fmt: skip
    for section, found in sections:
        section.rows = [_row(task, frame, may) for task in found]
    return {
        "sections": [section for section, _ in sections if section.rows],
        "whose": whose,
        "function": function,
        "functions": choices,
        "live": " ".join(f"site.{site.pk}" for site in ([frame.site] if frame.site else frame.sites)),
    }


def _section(key: str, words: str, note: str, rows: QuerySet[Task], order: str) -> tuple[Section, list[Task]]:
    found = list(rows.order_by(order, "pk")[: MOST + 1])
    more = rows.count() - MOST if len(found) > MOST else 0
    return Section(key, words, note, more=more), found[:MOST]


def _finishing(frame: Frame) -> dict[int, bool | None]:
    """By site: True where the reader may finish anybody's task, False where only theirs, None where none."""
    found: dict[int, bool | None] = {}
    for site in frame.sites:
        if not can(frame.user, "task.finish", site.pk):
            found[site.pk] = None
            continue
        roles = roles_of(frame.user, site)
        found[site.pk] = frame.user.is_superuser or bool(
            {AccessRole.PLANNER, AccessRole.ADMINISTRATOR} & set(roles)
        )
    return found


def _row(task: Task, frame: Frame, may: dict[int, bool | None]) -> Row:
    mine = task.person_id == frame.user.pk or task.function_id == frame.user.function_id
    allowed = may.get(task.exception.site_id)
    check, check_at, result, bad = _check(task, frame.now)
    return Row(
        task=task,
        owner=str(task.person or "Nobody yet"),
        check=check,
        check_at=check_at,
        result=result,
        bad=bad,
        may=task.status == TaskStatus.OPEN and allowed is not None and (allowed or mine),
    )


def _check(task: Task, now: datetime) -> tuple[str, datetime | None, str, bool]:
    """When it is looked at whether it helped, and what came of it."""
    result = ""
    if task.check_result == CheckResult.FAILED:
        times = f" ({task.reopened} times)" if task.reopened > 1 else ""
        result = f"Did not help{times}: {task.check_words}"
    elif task.check_result == CheckResult.EFFECTIVE:
        return "Checked", task.checked_at, f"Helped: {task.check_words}", False
    if task.check_days is None:
        return "No check", None, result, bool(result)
    if task.check_due_at is None:
        return f"Checked {task.check_days} days after it is done", None, result, bool(result)
    late = minutes_between(now, task.check_due_at) < 0
    return "Check due" if late else "Check on", task.check_due_at, result, bool(result)
