"""What outlives the record: its root cause, and whether what was done about it kept the same thing from coming back.

A follow-up is a task that blocks nothing. Its check is due so many days after it is done; a failed one opens it again.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from core import clock
from core.errors import InvalidInput, TransitionRefused
from core.hints import hint
from decisions_app.models import CheckResult, RootCause, RootCauseCategory, Task, TaskStatus
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import User

AGAIN = timedelta(days=7)


@transaction.atomic
def state_cause(*, exception_id: int, category: str, text: str, actor: User, via: str = "") -> RootCause:
    """Say why it happened, now or after the record has closed; a later word replaces it, the story keeps both.

    Raises InvalidInput (`causes.category`), TransitionRefused (`causes.unsorted`, `causes.cancelled`). Locks the
    exception.
    """
    exception = exceptions.locked(exception_id=exception_id)
    if exception.status == Status.TRIAGE:
        raise TransitionRefused("causes.unsorted", f"{exception.ref} is not sorted yet.", "Sort it first.")
    if exception.status == Status.CANCELLED:
        raise TransitionRefused("causes.cancelled", f"{exception.ref} is cancelled.")
    found = categories_for(exception).filter(code=category).order_by("type_id").first()
    if found is None:
        raise InvalidInput("causes.category", f"There is no root cause {category} here.", field="category")
    cause, _ = RootCause.objects.update_or_create(
        exception=exception,
        defaults={"category": found, "text": text.strip()[:500], "said_by": actor, "said_at": clock.now()},
    )
    exceptions.record_event(
        exception=exception,
        kind=EventKind.CAUSE_SET,
        actor=actor,
        via=via,
        text=f"{found.name}. {cause.text}".strip()[:300],
        data={"category": found.code, "text": cause.text},
    )
    hint(*exceptions.groups_of(exception), kind="cause", ref=exception.ref)
    return cause


def categories_for(exception: ExceptionRecord) -> QuerySet[RootCauseCategory]:
    """The root causes to choose from: the type's, and those of every type."""
    return RootCauseCategory.objects.filter(
        Q(type=exception.type_id) | Q(type__isnull=True), active=True
    ).order_by("position", "name")


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
    """Look at every finished follow-up whose check is due; each in a transaction of its own. Returns how many."""
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
