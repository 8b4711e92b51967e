"""What outlives the record: its root cause, and whether what was done about it kept the same thing from coming back.

A follow-up is a task that blocks nothing. Its check is due so many days after it is done; a failed one opens it again.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from core import clock
from core.hints import hint
from decisions_app.models import CheckResult, RootCause, Task, TaskStatus
from decisions_app.services.causes import categories_for, say_cause
from decisions_app.services.closing import settle
from decisions_app.services.tasks import next_step_after
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import User

AGAIN = timedelta(days=7)

__all__ = ["came_back", "categories_for", "check_follow_ups", "state_cause"]


@transaction.atomic
def state_cause(*, exception_id: int, category: str, text: str, actor: User, via: str = "") -> RootCause:
    """Say why it happened, now or after the record has closed; a later word replaces it, the story keeps both. A record
    that only waited for it closes.

    Raises InvalidInput (`causes.category`), TransitionRefused (`causes.unsorted`, `causes.cancelled`). Locks the
    exception.
    """
    exception = exceptions.locked(exception_id=exception_id)
    cause = say_cause(exception=exception, category=category, text=text, actor=actor, via=via)
    settle(exception=exception, actor=actor, via=via)
    if exception.status == Status.RESOLVED:
        exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    return cause


def came_back(task: Task, until: datetime) -> list[str]:
    """References of what shows that a finished follow-up did not help: the same key again, or its record reopened."""
    exception, since = task.exception, task.done_at
    if since is None:
        return []
    found = []
    if exception.correlation_key:
        same = ExceptionRecord.objects.filter(
            correlation_key=exception.correlation_key, captured_at__gt=since, captured_at__lte=until
        )
        same = same.exclude(pk=exception.pk).exclude(status=Status.CANCELLED)
        found = list(same.order_by("captured_at").values_list("ref", flat=True))
    reopened = exception.events.filter(kind=EventKind.REOPENED, at__gt=since, at__lte=until)
    return [exception.ref, *found] if reopened.exists() else found


def check_follow_ups(*, limit: int = 50) -> int:
    """Look at every finished follow-up whose check is due, and close what no longer waits for ERP or a root cause.

    Each in a transaction of its own. Returns how many follow-ups were looked at.
    """
    _close_waiting(limit)
    due = Task.objects.filter(status=TaskStatus.DONE, check_result="", check_due_at__lte=clock.now())
    done = 0
    for pk, exception_id in list(due.order_by("check_due_at").values_list("pk", "exception_id")[:limit]):
        with transaction.atomic():
            exception = exceptions.locked(exception_id=exception_id)
            task = due.filter(pk=pk).select_related("function", "person").first()
            if task is not None:
                task.exception = exception
                _check(task)
                done += 1
    return done


def _close_waiting(limit: int) -> None:
    """Resolved records nothing is left to wait for, as when a playbook no longer asks for their root cause."""
    posts = Posting.objects.filter(link__exception=OuterRef("pk"), settled_at__isnull=True)
    rows = ExceptionRecord.objects.filter(~Exists(posts), status=Status.RESOLVED).order_by("resolved_at")
    for pk in list(rows.values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            settle(exception=exceptions.locked(exception_id=pk), actor=None, via="system")


def _check(task: Task) -> None:
    exception, now = task.exception, clock.now()
    back = came_back(task, task.check_due_at or now)
    task.checked_at = now
    if back:
        task.check_result = CheckResult.FAILED
        task.check_words = f"came back: {', '.join(back)}"[:200]
        task.status, task.reopened = TaskStatus.OPEN, task.reopened + 1
        task.done_at = task.done_by = task.check_due_at = None
        task.due_at = now + AGAIN
        exceptions.tell(
            exception=exception, function=task.function, role=task.role, person=task.person,
            text=f"Did not help, {task.check_words}: {task.title}"[:300],
        )  # fmt: skip
    else:
        task.check_result = CheckResult.EFFECTIVE
        task.check_words = f"nothing of its kind in {task.check_days} days"
    task.save()
    exceptions.record_event(
        exception=exception,
        kind=EventKind.EFFECT_CHECKED,
        via="system",
        text=f"{task.title}: {task.check_words}"[:300],
        data={"task": task.pk, "result": task.check_result, "came_back": back},
    )
    hint(*exceptions.groups_of(exception), kind="task_changed", ref=exception.ref)
