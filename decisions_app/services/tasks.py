"""Tasks: handed out by decisions, added by people, taken; and the next step they make."""

from datetime import datetime, timedelta

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound, TransitionRefused
from core.hints import hint
from decisions_app.inputs import applies, moment
from decisions_app.models import ApprovalStatus, ApprovalWhy, Clears, Decision, Task, TaskStatus
from decisions_app.services.causes import step_when_resolved
from decisions_app.wording import fill, words_of
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord
from exceptions_app.services.records.moves import step_of
from plant_app.models import AccessRole, Duty, Function, User
from plant_app.selectors.access import roles_of
from plant_app.selectors.duty import duties_of, duty_holders


def hand_out(*, decision: Decision, at: datetime) -> list[Task]:
    """Create the option's tasks, each with its person on duty now and its clock. The caller holds the exception."""
    exception = decision.exception
    words = words_of(exception, decision.inputs)
    tasks = []
    for template in decision.option.tasks.select_related("function"):
        if not applies(template.only_if, decision.inputs):
            continue
        named = moment(decision.inputs, template.due_input) if template.due_input else None
        due_at = named + timedelta(minutes=template.due_offset) if named else None
        holders = duty_holders(
            site=exception.site,
            duty=template.role,
            function=template.function,
            area=exception.area,
            work_centre=exception.work_centre,
            at=at,
        )
        tasks.append(
            Task(
                exception=exception,
                decision=decision,
                code=template.code,
                title=fill(template.title, words),
                function=template.function,
                role=template.role,
                person=holders[0] if holders else None,
                due_at=due_at if due_at and due_at > at else at + timedelta(minutes=template.due_minutes),
                blocking=template.blocking,
                clears=template.clears,
                asks=template.asks,
                effects=template.effects,
                created_at=at,
                check_days=template.check_days,
            )
        )
    created = Task.objects.bulk_create(tasks)
    for task in created:
        exceptions.tell(
            exception=exception,
            function=task.function,
            role=task.role,
            person=task.person,
            text=f"Task: {task.title}",
        )
    return created


@transaction.atomic
def take_task(*, task_id: int, actor: User) -> Task:
    """Make a task one's own. Raises NotFound, NotAllowed, TransitionRefused. Locks the exception, then the task."""
    exception, task = locked_task(task_id)
    check_doer(task, actor)
    if task.status != TaskStatus.OPEN:
        raise TransitionRefused("tasks.ended", f"This task is already {task.get_status_display().lower()}.")
    task.person = actor
    task.save(update_fields=["person"])
    exceptions.record_event(
        exception=exception,
        kind=EventKind.TASK_CHANGED,
        actor=actor,
        text=f"{actor} takes: {task.title}"[:300],
        data={"task": task.pk},
    )
    hint(*exceptions.groups_of(exception), kind="task_changed", ref=exception.ref)
    return task


@transaction.atomic
def add_task(
    *,
    exception_id: int,
    title: str,
    function_code: str,
    due_at: datetime,
    blocking: bool,
    actor: User,
    person: User | None = None,
    check_days: int | None = None,
) -> Task:
    """Hand out one more task on a live record (a follow-up may also be added later). Locks the exception.

    `check_days` after a follow-up is done it is looked at whether the same thing came back. Raises InvalidInput
    (`tasks.title`, `tasks.function`, `tasks.due`, `tasks.check`), TransitionRefused (`tasks.record_ended`).
    """
    exception = exceptions.locked(exception_id=exception_id)
    if not title.strip():
        raise InvalidInput("tasks.title", "Say what is to be done.")
    if blocking and not exception.is_live:
        raise TransitionRefused(
            "tasks.record_ended", f"{exception.ref} is {exception.status}.", "Add a follow-up."
        )
    function = Function.objects.filter(code=function_code).first()
    if function is None:
        raise InvalidInput("tasks.function", f"No function {function_code}.")
    if due_at <= clock.now():
        raise InvalidInput("tasks.due", "It can't be due before now.")
    if check_days is not None and (blocking or not 1 <= check_days <= 365):
        raise InvalidInput("tasks.check", "A follow-up is checked 1 to 365 days after it is done.")
    task = Task.objects.create(
        exception=exception, title=title.strip()[:120], function=function, due_at=due_at, blocking=blocking,
        person=person, check_days=check_days,
    )  # fmt: skip
    exceptions.record_event(
        exception=exception, kind=EventKind.TASK_CHANGED, actor=actor, text=f"New task: {task.title}"[:300]
    )
    exceptions.tell(
        exception=exception, function=function, role="", person=person, text=f"Task: {task.title}"
    )
    hint(*exceptions.groups_of(exception), kind="task_changed", ref=exception.ref)
    return task


def locked_task(task_id: int) -> tuple[ExceptionRecord, Task]:
    """The task and its exception, the exception locked first. Raises NotFound (`tasks.none`)."""
    exception_id = Task.objects.filter(pk=task_id).values_list("exception_id", flat=True).first()
    if exception_id is None:
        raise NotFound("tasks.none", "There is no such task.")
    exception = exceptions.locked(exception_id=exception_id)
    task = (
        Task.objects.select_for_update(no_key=True, of=("self",))
        .select_related("function", "decision__option")
        .get(pk=task_id)
    )
    task.exception = exception
    return exception, task


def open_blocking(exception: ExceptionRecord) -> list[Task]:
    """Tasks the record still waits for, soonest first."""
    return list(
        exception.tasks.filter(status=TaskStatus.OPEN, blocking=True).select_related("person", "function")
    )


def next_step_after(exception: ExceptionRecord) -> str:
    """The next step of a record people have begun to act on, in the plant's words."""
    asked = None
    if exception.status in {Status.OPEN, Status.ACKNOWLEDGED, Status.DECIDED}:
        rows = exception.approvals.filter(status=ApprovalStatus.WAITING).exclude(why=ApprovalWhy.RATIFY)
        asked = rows.select_related("person", "option").order_by("due_at", "pk").first()
    if asked is not None:
        return f"{asked.person or asked.get_role_display()}: approve {asked.option.name}"[:160]
    again = _ask_again(exception)
    if again:
        return again
    if exception.status == Status.OPEN:
        return step_of(exception)
    if exception.status in {Status.DECIDED, Status.ACKNOWLEDGED}:
        waiting = open_blocking(exception)
        if waiting:
            task = waiting[0]
            who = str(task.person or task.function)
            more = f" (+{len(waiting) - 1})" if len(waiting) > 1 else ""
            return f"{who}: {task.title}{more}"[:160]
        if exception.status == Status.DECIDED and exception.cleared_at is None:
            return f"{exception.owner or exception.owner_function}: say when the condition is gone"[:160]
        return f"{exception.owner or exception.owner_function} decides"[:160]
    if exception.status == Status.RESOLVED:
        return step_when_resolved(exception)
    return exception.next_step


def _ask_again(exception: ExceptionRecord) -> str:
    """The step after a request that has gone out of date, while nothing else was asked or decided since."""
    if exception.status not in {Status.OPEN, Status.ACKNOWLEDGED}:
        return ""
    last = exception.approvals.select_related("asked_by", "option").order_by("-number", "status").first()
    if (
        last is None
        or not exception.approvals.filter(number=last.number, status=ApprovalStatus.STALE).exists()
    ):
        return ""
    if exception.decisions.filter(decided_at__gte=last.asked_at).exists():
        return ""
    people = (last.asked_by, exception.owner)
    who = next((one for one in people if one is not None and one.is_active), exception.owner_function)
    return f"{who}: ask again or decide otherwise, the request for {last.option.name} is out of date"[:160]


def check_doer(task: Task, actor: User) -> None:
    """Refuse whose task this is not: its person, its function on this site, planners and administrators may.

    A release task is signed only by who holds its duty now, and by nobody who signed another part of it.
    """
    if signs_release(task):
        _check_signature(task, actor)
        return
    if actor.is_superuser or task.person_id == actor.pk:
        return
    roles = roles_of(actor, task.exception.site)
    if AccessRole.PLANNER in roles or AccessRole.ADMINISTRATOR in roles:
        return
    if actor.function_id == task.function_id and roles:
        return
    raise NotAllowed("tasks.not_yours", f"This task is {task.function}'s.")


def signs_release(task: Task) -> bool:
    """Whether doing the task is a signature under the release of a locked place."""
    playbook = getattr(task.exception.type, "playbook", None)
    return playbook is not None and playbook.clears == Clears.RELEASE and task.clears


def _check_signature(task: Task, actor: User) -> None:
    duties = duties_of(user=actor, site=task.exception.site, at=clock.now())
    if task.role not in duties:
        raise NotAllowed(
            "tasks.release_duty",
            f"Only the {Duty(task.role).label.lower()} on duty signs this part of the release.",
        )
    others = task.exception.tasks.filter(
        decision=task.decision_id, clears=True, status=TaskStatus.DONE, done_by=actor
    )
    if others.exists():
        raise NotAllowed(
            "tasks.release_second_person",
            "You have signed the other part; a second person signs this one.",
        )
