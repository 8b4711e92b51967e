"""Finishing tasks: the one step that may queue postings, end the condition and resolve the record at once."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from core import clock
from core.errors import TransitionRefused
from core.hints import hint
from decisions_app.inputs import amount, read_inputs
from decisions_app.models import Clears, Task, TaskStatus, Trigger
from decisions_app.services.closing import condition_gone, settle
from decisions_app.services.postings import queue_for
from decisions_app.services.tasks import check_doer, next_step_after, open_blocking
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import OperationStatus, ProgressReport, User
from plant_app.services import progress


@transaction.atomic
def complete_task(
    *, task_id: int, actor: User, result: Mapping[str, Any] | None = None, note: str = "", via: str = ""
) -> Task:
    """Finish a task with what it asks for; queue its postings; end the condition or the record where it was the last.

    Raises NotAllowed (`tasks.not_yours`), InvalidInput (`decisions.inputs`), TransitionRefused (`tasks.ended`).
    Locks the exception, then the task.
    """
    exception_id = Task.objects.values_list("exception_id", flat=True).get(pk=task_id)
    exception = exceptions.locked(exception_id=exception_id)
    task = (
        Task.objects.select_for_update(no_key=True, of=("self",))
        .select_related("function", "decision__option")
        .get(pk=task_id)
    )
    check_doer(task, actor)
    if task.status != TaskStatus.OPEN:
        raise TransitionRefused("tasks.ended", f"This task is already {task.get_status_display().lower()}.")
    answers = read_inputs(task.asks, dict(result or {}), zone=exception.site.timezone)
    at = clock.now()
    task.status, task.done_at, task.done_by = TaskStatus.DONE, at, actor
    task.result, task.note = answers, note[:200]
    task.save(update_fields=["status", "done_at", "done_by", "result", "note"])
    exceptions.record_event(
        exception=exception,
        kind=EventKind.TASK_DONE,
        actor=actor,
        via=via,
        text=task.title,
        data={"task": task.pk, "code": task.code, "result": answers},
    )
    if "cause" in answers:
        exceptions.set_reason(exception=exception, code=answers["cause"], actor=actor)
    _count(exception, answers, at, actor)
    decision = task.decision
    if decision is not None and decision.in_force:
        queue_for(
            exception=exception,
            trigger=Trigger.TASK,
            at=at,
            actor=actor,
            decision=decision,
            task=task,
            values={**decision.inputs, **answers},
        )
    _after_task(exception, task, actor, at, via)
    hint(*exceptions.groups_of(exception), kind="task_done", ref=exception.ref)
    return task


def _count(exception: ExceptionRecord, answers: Mapping[str, Any], at: datetime, actor: User) -> None:
    """Pieces entered with a task are pieces reported on the linked operation."""
    operation = exception.operation
    good, scrap = amount(answers, "good"), amount(answers, "scrap")
    if operation is None or not (good or scrap) or clock.rehearsing():
        return
    operation.refresh_from_db()
    if operation.status in {OperationStatus.SETUP, OperationStatus.RUNNING, OperationStatus.STOPPED}:
        progress.report_progress(
            operation_id=operation.pk,
            kind=ProgressReport.Kind.COUNT,
            good=good,
            scrap=scrap,
            at=at,
            person=actor,
            work_unit=operation.actual_unit or exception.work_unit,
        )


def _after_task(exception: ExceptionRecord, task: Task, actor: User, at: datetime, via: str) -> None:
    """What the finished task brings about: the condition's end, then the record's."""
    ends = task.clears
    playbook = getattr(exception.type, "playbook", None)
    if (
        playbook is not None
        and playbook.clears == Clears.TASKS
        and task.blocking
        and not open_blocking(exception)
    ):
        ends = True
    if ends and exception.cleared_at is None:
        condition_gone(exception=exception, at=at, actor=actor, via=via)
    settle(exception=exception, actor=actor, via=via)
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
