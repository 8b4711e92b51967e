"""What came of a drill: who was told when by which channel, who answered, what failed. Reads only.

While a drill runs the same lines are reckoned live; when it ends they are stored.
"""

from datetime import datetime

from exceptions_app.models import ExceptionRecord, Response, Telling
from exceptions_app.models.responses import ResponseStatus
from notify_app.models import DrillLine, DrillRun, DrillStatus, Notice, NoticeStatus

_PENDING = (NoticeStatus.QUEUED, NoticeStatus.SENDING)


def nothing_pending(exception: ExceptionRecord) -> bool:
    """Whether every telling that is due has been taken and no notice waits to be handed over."""
    return not (
        exception.tellings.filter(taken_at__isnull=True).exists()
        or exception.notices.filter(status__in=_PENDING).exists()
    )


def report_lines(run: DrillRun) -> list[DrillLine]:
    """The stored lines of a drill that is over, the unsaved ones of one that runs."""
    if run.status in (DrillStatus.PASSED, DrillStatus.FAILED):
        return list(run.lines.select_related("person", "function"))
    return lines_of(run, run.exception) if run.exception is not None else []


def lines_of(run: DrillRun, exception: ExceptionRecord) -> list[DrillLine]:
    """One unsaved line per person and channel, in the order they were to be told. Three queries."""
    tellings = (
        Telling.objects.filter(exception=exception)
        .select_related("person", "response__function", "response__acknowledged_by")
        .prefetch_related("notices__person", "notices__deliveries")
        .order_by("due_at", "pk")
    )
    found: list[DrillLine] = []
    for telling in tellings:
        notices: list[Notice] = list(telling.notices.all())
        found += [_line(run, telling, notice) for notice in notices] or [_untold(run, telling)]
    return found


def _line(run: DrillRun, telling: Telling, notice: Notice) -> DrillLine:
    line = _about(run, telling)
    tries = list(notice.deliveries.all())
    line.person, line.channel = notice.person, notice.channel
    line.told_at, line.seen_at, line.status = notice.sent_at, notice.seen_at, notice.status
    line.detail = (notice.error or (tries[-1].detail if tries else ""))[:300]
    return line


def _untold(run: DrillRun, telling: Telling) -> DrillLine:
    line = _about(run, telling)
    line.status = "untold"
    line.detail = "nobody on duty" if telling.person is None else telling.dropped or "not told yet"
    return line


def _about(run: DrillRun, telling: Telling) -> DrillLine:
    response = telling.response
    line = DrillLine(
        run=run, person=telling.person, role=telling.role, level=telling.level, reason=telling.reason,
        function=response.function if response else None,
    )  # fmt: skip
    if response is not None and telling.reason != "inform":
        line.due_at, line.answered_at = response.acknowledge_due_at, response.acknowledged_at
        line.answered_by = str(response.acknowledged_by or "")[:80]
    return line


def failures_of(run: DrillRun, exception: ExceptionRecord | None, *, read: bool, now: datetime) -> list[str]:
    """Everything that failed, in sentences; nothing when the drill has passed."""
    minutes = max(1, round((now - run.started_at).total_seconds() / 60))
    if run.handed_in_at is None:
        return [f"The signal could not be handed in for {minutes} min. {run.error}".strip()]
    if exception is None:
        why = "opened no record" if read else f"was not read within {minutes} min"
        return [f"The signal {why}."]
    failures = [
        f"{response.function}: {words}"
        for response in exception.responses.select_related("function", "person").order_by("-is_owner", "pk")
        if (words := _unanswered(response))
    ]
    notices = exception.notices.filter(status__in=(*_PENDING, NoticeStatus.FAILED)).select_related("person")
    for notice in notices.order_by("pk"):
        channel = notice.get_channel_display().lower()
        if notice.status == NoticeStatus.FAILED:
            failures.append(f"{notice.person} could not be told by {channel}. {notice.error}".strip())
        else:
            failures.append(f"{notice.person} still waits to be told by {channel}.")
    empty = exception.tellings.filter(person__isnull=True).values_list("role", flat=True).order_by("role")
    failures += [f"Nobody held {role.replace('_', ' ')}." for role in dict.fromkeys(empty) if role]
    return failures


def _unanswered(response: Response) -> str:
    """Why a required response has failed; empty where it has not."""
    if not response.required or response.status == ResponseStatus.DECLINED:
        return ""
    who = str(response.person) if response.person else "nobody on duty"
    if response.acknowledged_at is None:
        return f"{who} did not answer."
    if response.acknowledge_due_at is not None and response.acknowledged_at > response.acknowledge_due_at:
        late = max(1, round((response.acknowledged_at - response.acknowledge_due_at).total_seconds() / 60))
        return f"answered {late} min late."
    return ""
