"""What can be wrong with decisions: uncontained records, types without a playbook, overdue blocking tasks."""

from collections.abc import Iterable
from datetime import timedelta

from core import clock
from core.doctor import Finding, Level, check
from decisions_app.models import Approval, ApprovalStatus, Playbook, Task, TaskStatus
from decisions_app.services.loading import offers_of, shipped
from exceptions_app.models import ExceptionRecord
from plant_app.models import ExceptionType


@check
def playbooks() -> Iterable[Finding]:
    """Every active type has a playbook with an option."""
    without = ExceptionType.objects.filter(active=True).exclude(
        pk__in=Playbook.objects.filter(options__active=True).values("type_id")
    )
    names = ", ".join(kind.name for kind in without)
    if names:
        yield Finding(
            "XL-D001",
            Level.WARNING,
            f"No options to decide on: {names}",
            "Add a playbook with at least one option in the admin.",
            count=without.count(),
        )


@check
def containment() -> Iterable[Finding]:
    """Containment follows opening within seconds."""
    late = ExceptionRecord.objects.filter(contain_due_at__lt=clock.now() - timedelta(seconds=60)).count()
    if late:
        yield Finding(
            "XL-D002",
            Level.ERROR,
            f"{late} exceptions are not contained after a minute",
            "Check that the worker runs; it picks them up by itself.",
            count=late,
        )


@check
def overdue_tasks() -> Iterable[Finding]:
    """Blocking tasks past their due moment hold records open."""
    late = Task.objects.filter(
        status=TaskStatus.OPEN, blocking=True, due_at__lt=clock.now() - timedelta(days=1)
    ).count()
    if late:
        yield Finding(
            "XL-D003",
            Level.INFO,
            f"{late} blocking tasks are more than a day overdue",
            "Open the desk's view of overdue tasks and finish or call them off.",
            count=late,
        )


@check
def approvals() -> Iterable[Finding]:
    """A yes somebody waits for is given or refused."""
    late = Approval.objects.filter(status=ApprovalStatus.WAITING, reminded__gte=2).count()
    if late:
        yield Finding(
            "XL-D004",
            Level.WARNING,
            f"{late} requests for a yes have gone unanswered through two reminders",
            "Answer them from the inbox, or decide at the level above.",
            count=late,
        )


@check
def newer_playbooks() -> Iterable[Finding]:
    """Newer shipped content is looked at where the site has edited its own."""
    packs = shipped()
    waiting = [
        playbook.type.name
        for playbook in Playbook.objects.select_related("type")
        if offers_of(playbook, packs.get(playbook.type.code, {"options": []}))
    ]
    if waiting:
        yield Finding(
            "XL-D005",
            Level.INFO,
            f"Newer shipped content waits beside edited playbooks: {', '.join(waiting)}",
            "Open the playbook in the admin, compare, and take it or keep yours.",
            count=len(waiting),
        )
