"""From playbook to outbox: builds the postings a moment of an exception asks for and queues them, once each.

Must run inside the transaction that takes the decision, the exception locked; the posting rows belong to it. A payload
ERP would refuse never undoes what people did: it ends as a rejected posting somebody edits.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q

from core import clock
from core.errors import DomainError
from decisions_app.models import Decision, OptionPosting, PostingLink, Task, Trigger
from decisions_app.posting_templates import BUILDERS, Intended, Situation
from decisions_app.services.answering import answer_customer
from decisions_app.services.holds import anticipate, stock_settled
from decisions_app.services.origin import origin
from decisions_app.terms import PostingTerm, kept_postings
from erp_sync import services as erp
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import Operation, OperationStatus, ProgressReport, User
from plant_app.services import progress

# One exception's postings leave in this order: stock first, the answer to the customer last.
_RANKS = {kind: rank for rank, kind in enumerate(KIND_NAMES)}
# Moments that may come again: each round has postings of its own.
_ROUNDS = {Trigger.CONTAIN: EventKind.CONTAINED, Trigger.CLEAR: EventKind.CLEARED}
COUNTED = {"confirm_part", "scrap_stock", "progress"}
STATISTICAL = "statistical: kept here, it values nothing in ERP"
REVERSAL_TEMPLATE = "reversal"


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

    `values` are the decision's inputs with the task's result over them. Returns the postings in the order they leave.
    """
    if exception.drill:
        return []
    round_ = _round(exception, trigger)
    intended: list[tuple[PostingTerm, Intended]] = []
    for template in _templates(exception, trigger, decision, task):
        situation = Situation(
            exception=exception,
            at=at,
            decision=decision,
            task=task,
            values=values or {},
            settings=template.settings,
        )
        found = BUILDERS[template.template](situation)
        if found is not None:
            intended.append((template, found))
    intended.sort(key=lambda pair: _RANKS.get(pair[1].kind, len(_RANKS)))
    return [
        _queue(template, found, exception=exception, actor=actor, decision=decision, task=task, round_=round_)
        for template, found in intended
    ]


def _templates(
    exception: ExceptionRecord, trigger: Trigger, decision: Decision | None, task: Task | None
) -> Iterable[PostingTerm]:
    """Containing and clearing belong to the record first and to each decision after; the rest to the decision alone.

    A decision's are those it was taken with.
    """
    kept = kept_postings(decision, trigger, task.code if task else "") if decision is not None else None
    if kept is not None:
        return kept
    if decision is None:
        mine = Q(option__isnull=True)
    elif trigger in _ROUNDS:
        mine = Q(option=decision.option_id)
    else:
        mine = Q(option=decision.option_id) | Q(option__isnull=True)
    templates = OptionPosting.objects.filter(mine, playbook__type=exception.type_id, trigger=trigger)
    if trigger == Trigger.TASK:
        templates = templates.filter(task_code=task.code if task else "")
    return templates.order_by("option_id", "position", "pk")


def _round(exception: ExceptionRecord, trigger: Trigger) -> int:
    """How often this moment has come before: a stop that came back is notified and completed anew."""
    kind = _ROUNDS.get(trigger)
    if kind is None:
        return 0
    before = exception.events.filter(kind=kind).count()
    return before if kind == EventKind.CONTAINED else max(0, before - 1)


def _queue(
    template: PostingTerm,
    intended: Intended,
    *,
    exception: ExceptionRecord,
    actor: User | None,
    decision: Decision | None,
    task: Task | None,
    round_: int,
) -> Posting:
    parts: tuple[object, ...] = (
        exception.ref,
        template.template,
        decision.number if decision else 0,
        task.pk if task else 0,
    )
    posting = erp.queue_posting(
        kind=intended.kind,
        site=exception.site,
        payload=intended.payload,
        occurred_at=intended.occurred_at,
        origin_ref=origin(exception),
        key_parts=(*parts, round_) if round_ else parts,
        chain=intended.chain,
        actor=actor,
        text=intended.text,
        reason_code=intended.reason_code,
        needs_approval=template.needs_approval,
        local_reason=STATISTICAL if intended.payload.get("basis") == "statistical" else "",
        keep_invalid=True,
        exception_type=exception.type_id,
    )
    new = link(
        posting, exception=exception, decision=decision, task=task, template=template.template, actor=actor
    )
    if new:
        anticipate(posting)
        if intended.kind == "customer_answer":
            answer_customer(exception, posting)
        if intended.kind == "confirmation" and template.template in COUNTED and not clock.rehearsing():
            _note_confirmed(exception, intended, actor, count=template.template == "scrap_stock")
    return posting


def link(
    posting: Posting,
    *,
    exception: ExceptionRecord,
    decision: Decision | None = None,
    task: Task | None = None,
    template: str,
    actor: User | None = None,
) -> bool:
    """Say whose posting it is and tell the story; False when that was known."""
    _, new = PostingLink.objects.get_or_create(
        posting=posting,
        defaults={"exception": exception, "decision": decision, "task": task, "template": template},
    )
    if new:
        words = KIND_NAMES.get(posting.kind, posting.kind)
        exceptions.record_event(
            exception=exception,
            kind=EventKind.POSTING_QUEUED,
            actor=actor,
            via="" if actor else "system",
            text=f"{words}: {posting.error_message}" if posting.error_message else words,
            data={"posting": posting.pk, "kind": posting.kind, "status": posting.status},
        )
    return new


def link_reversals(posting: Posting, *, exception: ExceptionRecord, actor: User | None = None) -> None:
    """Reversals of a posting are the exception's too: it closes when they have settled."""
    theirs = PostingLink.objects.filter(posting=posting).first()
    for reversal in posting.reversals.filter(link__isnull=True).order_by("pk"):
        link(
            reversal,
            exception=exception,
            decision=theirs.decision if theirs else None,
            task=theirs.task if theirs else None,
            template=REVERSAL_TEMPLATE,
            actor=actor,
        )
        anticipate(reversal)


def withdraw_all(*, exception: ExceptionRecord, postings: Any, actor: User | None, reason: str) -> None:
    """Cancel what has not been sent and queue reversals for what ERP has, last in, first out.

    The caller holds the exception's lock; each posting is locked here.
    """
    for posting in postings.exclude(kind="reversal").order_by("-pk"):
        left = erp.withdraw(posting_id=posting.pk, actor=actor, reason=reason)
        if left.pk == posting.pk:
            stock_settled(left)
        link_reversals(posting, exception=exception, actor=actor)


def _note_confirmed(
    exception: ExceptionRecord, intended: Intended, actor: User | None, *, count: bool
) -> None:
    """The operation's counts are on their way. `count`: the scrap was not counted yet, it is now."""
    operation = exception.operation
    if operation is None:
        return
    operation.refresh_from_db()
    scrap = Decimal(intended.payload.get("scrap_qty", "0"))
    if count:
        if operation.status not in {
            OperationStatus.SETUP,
            OperationStatus.RUNNING,
            OperationStatus.STOPPED,
        }:
            return
        try:
            progress.report_progress(
                operation_id=operation.pk, kind=ProgressReport.Kind.COUNT, scrap=scrap, person=actor
            )
        except DomainError:
            return  # more than the order's quantity: ERP has its scrap, the floor's count stays as reported
    until = intended.occurred_at
    if operation.confirmed_until is not None:
        until = operation.confirmed_until if count else max(until, operation.confirmed_until)
    progress.note_confirmed(
        operation_id=operation.pk,
        good=Decimal(intended.payload.get("yield_qty", "0")),
        scrap=scrap,
        until=until,
    )


def take_back_confirmed(posting: Posting) -> None:
    """A confirmation that never reached ERP, or was taken out again: its pieces are the next one's to report."""
    theirs = PostingLink.objects.filter(posting=posting).select_related("exception__operation").first()
    if theirs is None or theirs.template not in COUNTED or clock.rehearsing():
        return
    operation = _operation_of(posting)
    if operation is None:
        return
    good = min(Decimal(posting.payload.get("yield_qty", "0")), operation.confirmed_good)
    scrap = min(Decimal(posting.payload.get("scrap_qty", "0")), operation.confirmed_scrap)
    until = operation.confirmed_until
    start, end = posting.payload.get("start"), posting.payload.get("end")
    if start and end and until == datetime.fromisoformat(end):
        until = datetime.fromisoformat(start)
    if until is not None and (good or scrap or until != operation.confirmed_until):
        progress.note_confirmed(operation_id=operation.pk, good=-good, scrap=-scrap, until=until)


def _operation_of(posting: Posting) -> Operation | None:
    return Operation.objects.filter(
        work_order__number=posting.payload.get("work_order", ""),
        number=int(posting.payload.get("operation") or 0),
    ).first()
