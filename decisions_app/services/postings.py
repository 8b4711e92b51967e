"""From playbook to outbox: builds the postings a moment of an exception asks for and queues them, once each.

Must run inside the transaction that takes the decision, the exception locked; the posting rows belong to it.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from core import clock
from decisions_app.models import Decision, OptionPosting, PostingLink, Task, Trigger
from decisions_app.posting_templates import BUILDERS, Situation
from decisions_app.services.effects import origin
from erp_sync import services as erp
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import User
from plant_app.services import progress


def queue_for(
    *,
    exception: ExceptionRecord,
    trigger: Trigger,
    at: datetime,
    actor: User | None,
    decision: Decision | None = None,
    task: Task | None = None,
    values: dict[str, Any] | None = None,
) -> list[Posting]:
    """Queue every posting the playbook attaches to `trigger`; a repeat queues nothing twice.

    `values` are the decision's inputs with the task's result over them. Returns the postings, in playbook order.
    """
    templates = _templates(exception, trigger, decision, task)
    return [
        posting
        for template in templates
        if (
            posting := _queue(
                template,
                exception=exception,
                at=at,
                actor=actor,
                decision=decision,
                task=task,
                values=values or {},
            )
        )
    ]


def _templates(
    exception: ExceptionRecord, trigger: Trigger, decision: Decision | None, task: Task | None
) -> Iterable[OptionPosting]:
    mine = Q(option__isnull=True)
    if decision is not None:
        mine |= Q(option=decision.option)
    templates = OptionPosting.objects.filter(mine, playbook__type=exception.type, trigger=trigger)
    if trigger == Trigger.TASK:
        templates = templates.filter(task_code=task.code if task else "")
    return templates.order_by("option_id", "position", "pk")


def _queue(
    template: OptionPosting,
    *,
    exception: ExceptionRecord,
    at: datetime,
    actor: User | None,
    decision: Decision | None,
    task: Task | None,
    values: dict[str, Any],
) -> Posting | None:
    situation = Situation(
        exception=exception, at=at, decision=decision, task=task, values=values, settings=template.settings
    )
    intended = BUILDERS[template.template](situation)
    if intended is None:
        return None
    posting = erp.queue_posting(
        kind=intended.kind,
        site=exception.site,
        payload=intended.payload,
        occurred_at=intended.occurred_at,
        origin_ref=origin(exception),
        key_parts=(
            exception.ref,
            template.template,
            decision.number if decision else 0,
            task.pk if task else 0,
        ),
        chain=intended.chain,
        actor=actor,
        text=intended.text,
        reason_code=intended.reason_code,
        needs_approval=template.needs_approval,
    )
    _, new = PostingLink.objects.get_or_create(
        posting=posting,
        defaults={"exception": exception, "decision": decision, "task": task, "template": template.template},
    )
    if new:
        exceptions.record_event(
            exception=exception,
            kind=EventKind.POSTING_QUEUED,
            actor=actor,
            text=posting.get_kind_display() if hasattr(posting, "get_kind_display") else posting.kind,
            data={"posting": posting.pk, "kind": posting.kind, "status": posting.status},
        )
        if intended.kind == "confirmation" and exception.operation is not None and not clock.rehearsing():
            progress.note_confirmed(
                operation_id=exception.operation.pk,
                good=Decimal(intended.payload.get("yield_qty", "0")),
                scrap=Decimal(intended.payload.get("scrap_qty", "0")),
                until=intended.occurred_at,
            )
    return posting
