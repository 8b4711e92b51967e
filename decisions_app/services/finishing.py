"""Finishing tasks: the one step that may queue postings, end the condition and resolve the record at once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from core import clock
from core.errors import InvalidInput, TransitionRefused
from core.hints import hint
from decisions_app.inputs import amount, read_inputs
from decisions_app.models import Clears, Task, TaskStatus, Trigger
from decisions_app.posting_templates import Situation
from decisions_app.services import effects
from decisions_app.services.closing import condition_gone, settle
from decisions_app.services.postings import queue_for
from decisions_app.services.tasks import (
    check_doer,
    locked_task,
    next_step_after,
    open_blocking,
    signs_release,
)
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import OperationStatus, ProgressReport, User
from plant_app.services import progress


@transaction.atomic
def complete_task(
    *, task_id: int, actor: User, result: Mapping[str, Any] | None = None, note: str = "", via: str = ""
) -> Task:
    """Finish a task with what it asks for; queue its postings; end the condition or the record where it was the last.

    Raises NotFound (`tasks.none`), NotAllowed (`tasks.not_yours`, `tasks.release_duty`,
    `tasks.release_second_person`), InvalidInput (`decisions.inputs`), TransitionRefused (`tasks.ended`).
    Locks the exception, then the task.
    """
    exception, task = locked_task(task_id)
    check_doer(task, actor)
    if task.status != TaskStatus.OPEN:
        raise TransitionRefused("tasks.ended", f"This task is already {task.get_status_display().lower()}.")
    answers = read_inputs(task.asks, dict(result or {}), zone=exception.site.timezone)
    at = clock.now()
    task.status, task.done_at, task.done_by = TaskStatus.DONE, at, actor
    task.result, task.note = answers, note[:200]
    if task.check_days is not None:
        task.check_due_at = at + timedelta(days=task.check_days)
        task.check_result, task.check_words, task.checked_at = "", "", None
    task.save(
        update_fields=[
            "status", "done_at", "done_by", "result", "note", "check_due_at", "check_result", "check_words",
            "checked_at",
        ]
    )  # fmt: skip
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
        values = {**decision.inputs, **answers}
        situation = Situation(exception=exception, at=at, decision=decision, task=task, values=values)
        effects.apply(list(task.effects), situation)
        queue_for(
            exception=exception,
            trigger=Trigger.TASK,
            at=at,
            actor=actor,
            decision=decision,
            task=task,
            values=values,
        )
    _after_task(exception, task, actor, at, via)
    hint(*exceptions.groups_of(exception), kind="task_done", ref=exception.ref)
    return task


@transaction.atomic
def call_off_task(*, task_id: int, actor: User, reason: str, via: str = "") -> Task:
    """End an open task undone, with the reason on record: it is not needed, or done elsewhere. Ends no condition by
    itself; the record is resolved if this was all it waited for.

    For the record's owner, who planned or administers, and whoever's task it is. Raises NotFound (`tasks.none`),
    NotAllowed (`tasks.not_yours`), InvalidInput (`tasks.reason`), TransitionRefused (`tasks.ended`,
    `tasks.release`: a signature is given or not). Locks the exception, then the task.
    """
    exception, task = locked_task(task_id)
    if signs_release(task):
        raise TransitionRefused(
            "tasks.release", "A release is signed, never called off.", "Take the decision back."
        )
    if exception.owner_id != actor.pk:
        check_doer(task, actor)
    if not reason.strip():
        raise InvalidInput("tasks.reason", "Say why it is not needed.")
    if task.status != TaskStatus.OPEN:
        raise TransitionRefused("tasks.ended", f"This task is already {task.get_status_display().lower()}.")
    task.status, task.done_at, task.done_by = TaskStatus.CANCELLED, clock.now(), actor
    task.note = reason.strip()[:200]
    task.save(update_fields=["status", "done_at", "done_by", "note"])
    exceptions.record_event(
        exception=exception,
        kind=EventKind.TASK_CHANGED,
        actor=actor,
        via=via,
        text=f"Called off: {task.title}. {task.note}"[:300],
        data={"task": task.pk, "code": task.code, "called_off": True},
    )
    settle(exception=exception, actor=actor, via=via)
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="task_changed", ref=exception.ref)
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
    if exception.cleared_at is None and _ends_condition(exception, task):
        condition_gone(exception=exception, at=at, actor=actor, via=via)
    settle(exception=exception, actor=actor, via=via)
    exceptions.set_next_step(exception=exception, text=next_step_after(exception))


def _ends_condition(exception: ExceptionRecord, task: Task) -> bool:
    """A task that clears does; the last blocking one may, once everything is decided; a release is signed in full."""
    if signs_release(task):
        return not exception.tasks.filter(
            decision=task.decision_id, clears=True, status=TaskStatus.OPEN
        ).exists()
    if task.clears:
        return True
    playbook = getattr(exception.type, "playbook", None)
    return (
        playbook is not None
        and playbook.clears == Clears.TASKS
        and task.blocking
        and exception.status == Status.DECIDED
        and not open_blocking(exception)
    )
