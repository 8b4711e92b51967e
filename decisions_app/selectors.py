"""What the decision panel shows: options with their result (promises, orders, cost, who acts, what ERP gets), tasks.

Reads only. The figures are estimates from the published plan and say what would follow, not how it was computed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from core import clock
from core.errors import DomainError
from decisions_app.deciders import check_decider, decision_cost, duties_here
from decisions_app.inputs import amount, applies
from decisions_app.lapses import lapse_of
from decisions_app.models import Option, Task, TaskStatus
from decisions_app.posting_templates import BUILDERS, Intended, Situation, expected_end, run_minutes
from decisions_app.posting_templates.money import downtime_cost
from decisions_app.posting_templates.situation import operation_of, promises_only, remaining, rest_of_route
from decisions_app.prefill import estimated_end, prefill
from decisions_app.wording import fill, words_of
from erp_sync.kinds import KIND_NAMES
from exceptions_app.models import ExceptionRecord
from plant_app.models import PlannedOperation, SalesOrderLine, User
from plant_app.selectors.effective import effective_commit, overlays_in_force
from plant_app.selectors.floor import downstream_sales_lines

KIND_WORDS = {
    "confirmation": "Confirm",
    "movement.issue": "Issue",
    "movement.receipt": "Receive",
    "movement.scrap": "Scrap",
    "movement.block": "Block",
    "movement.unblock": "Release",
    "movement.transfer": "Move",
    "movement.return": "Return",
    "quality_event": "Defect",
    "maintenance_notification": "Maintenance notification",
    "cost": "Cost",
    "change.date": "Date",
    "change.quantity": "Quantity",
    "change.cancel": "Cancel",
    "operation.move": "Operation",
    "customer_answer": "Answer to",
    "reversal": "Reversal",
}


@dataclass(frozen=True)
class PromiseMove:
    """A promise and when it would be kept; `late` when after the commit."""

    label: str
    customer: str
    commit_at: datetime
    projected: datetime

    @property
    def late(self) -> bool:
        return self.projected > self.commit_at


@dataclass(frozen=True)
class OptionView:
    """One column of the comparison."""

    option: Option
    values: dict[str, Any]
    lapses_at: datetime | None
    lapse_why: str
    promises: list[PromiseMove] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    cost: Decimal = Decimal(0)
    who: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    allowed: bool = True
    why_not: str = ""

    @property
    def late_promises(self) -> list[PromiseMove]:
        return [promise for promise in self.promises if promise.late]


def options_for(
    exception: ExceptionRecord, user: User | None = None, at: datetime | None = None
) -> list[OptionView]:
    """Every active option of the exception's playbook with its estimated result, in playbook order."""
    moment = at or clock.now()
    playbook = getattr(exception.type, "playbook", None)
    if playbook is None:
        return []
    lines = downstream_sales_lines(exception.work_order) if exception.work_order else []
    if exception.sales_line is not None and exception.sales_line not in lines:
        lines.append(exception.sales_line)
    # What every option asks again and the plant answers once.
    overlays = overlays_in_force(lines)
    known = _Known(
        lines=[(line, effective_commit(line, overlays)) for line in lines],
        rest=rest_of_route(exception),
        waits=operation_of(exception) is not None,
        ends=estimated_end(exception, moment),
        duties=duties_here(exception, user) if user is not None else None,
    )
    options = playbook.options.filter(active=True).prefetch_related("tasks__function", "postings")
    return [_view(option, exception, user, moment, known) for option in options]


@dataclass(frozen=True)
class _Known:
    lines: list[tuple[SalesOrderLine, datetime]]
    rest: timedelta
    waits: bool
    ends: datetime
    duties: frozenset[str] | None


def _view(
    option: Option, exception: ExceptionRecord, user: User | None, at: datetime, known: _Known
) -> OptionView:
    values = prefill(option, exception, at, ends=known.ends)
    situation = Situation(exception=exception, at=at, values=values)
    lapse = lapse_of(option, exception, at)
    ready = _ready_at(situation, exception, known)
    why_not = _refusal(option, exception, user, values, known)
    return OptionView(
        option=option,
        values=values,
        lapses_at=lapse.until,
        lapse_why=lapse.why,
        promises=_promises(known.lines, ready),
        orders=_displaced(option, exception, values, at, known.ends),
        cost=_cost(option, exception, values, at, known.ends),
        who=_who(option, exception, values),
        posts=_posts(option, exception, values, at),
        allowed=not why_not,
        why_not=why_not,
    )


def _refusal(
    option: Option, exception: ExceptionRecord, user: User | None, values: dict[str, Any], known: _Known
) -> str:
    if user is None:
        return ""
    try:
        check_decider(
            exception=exception,
            option=option,
            actor=user,
            cost=decision_cost(option, exception, values),
            values=values,
            duties=known.duties,
        )
    except DomainError as error:
        return error.message
    return ""


def _ready_at(situation: Situation, exception: ExceptionRecord, known: _Known) -> datetime | None:
    """When the work order would be finished: this operation's end, then the rest of its route."""
    end = expected_end(situation)
    if end is None and not known.waits:
        return None
    if end is None:
        end = known.ends + timedelta(minutes=float(run_minutes(exception)))
    elif promises_only(situation):
        return end
    return end + known.rest


def _promises(lines: list[tuple[SalesOrderLine, datetime]], ready: datetime | None) -> list[PromiseMove]:
    return [
        PromiseMove(
            label=str(line), customer=line.order.customer.name, commit_at=commit, projected=ready or commit
        )
        for line, commit in lines
    ]


def _displaced(
    option: Option, exception: ExceptionRecord, values: dict[str, Any], at: datetime, ends: datetime
) -> list[str]:
    """Other orders that wait because of this option, with how long."""
    unit_code = values.get("to_unit")
    if unit_code:
        minutes = amount(values, "setup") + run_minutes(
            exception, str(unit_code), amount(values, "quantity") or None
        )
        waiting = PlannedOperation.objects.filter(work_unit__code=unit_code, start__gt=at)
    elif option.code in {"repair_and_resume", "defer"} and exception.work_unit_id is not None:
        minutes = Decimal(str((ends - at) / timedelta(minutes=1)))
        waiting = PlannedOperation.objects.filter(work_unit_id=exception.work_unit_id, start__gt=at)
    else:
        return []
    horizon = at + timedelta(minutes=float(minutes))
    rows = (
        waiting.filter(start__lt=horizon)
        .exclude(operation=exception.operation)
        .select_related("operation__work_order__item")
        .order_by("start")[:3]
    )
    return [
        f"{row.operation.work_order.number} {_span((horizon - row.start) / timedelta(minutes=1))} later"
        for row in rows
    ]


def _span(minutes: float) -> str:
    whole = max(1, round(minutes))
    return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60:02d}"


def _cost(
    option: Option, exception: ExceptionRecord, values: dict[str, Any], at: datetime, ends: datetime
) -> Decimal:
    total = decision_cost(option, exception, values)
    templates = {posting.template for posting in option.postings.all()}
    if "cost_downtime" in templates:
        total += downtime_cost(exception, max(ends, at))
    if exception.work_centre is not None and values.get("setup"):
        total += amount(values, "setup") / 60 * exception.work_centre.cost_per_hour
    return total.quantize(Decimal("0.01"))


def _who(option: Option, exception: ExceptionRecord, values: dict[str, Any]) -> list[str]:
    words = words_of(exception, values)
    return [
        f"{task.function}: {fill(task.title, words)}"
        for task in option.tasks.all()
        if task.blocking and applies(task.only_if, values)
    ]


def _posts(option: Option, exception: ExceptionRecord, values: dict[str, Any], at: datetime) -> list[str]:
    """The option's postings in words, in the order they would leave."""
    found = []
    guess = {**values, "good": values.get("good", "0")}
    for template in option.postings.all():
        situation = Situation(exception=exception, at=at, values=guess, settings=template.settings)
        intended = BUILDERS[template.template](situation)
        if intended is not None:
            found.append(intended)
    return [sentence(one) for one in in_order(found)]


def in_order(intended: Iterable[Intended]) -> list[Intended]:
    """Stock first, the answer to the customer last: the order in which one exception's postings leave."""
    ranks = {kind: rank for rank, kind in enumerate(KIND_NAMES)}
    return sorted(intended, key=lambda one: ranks.get(one.kind, len(ranks)))


def sentence(intended: Intended) -> str:
    """A posting in words: what, of what, to what."""
    payload = intended.payload
    words = KIND_WORDS.get(intended.kind, intended.kind)
    if intended.kind == "confirmation":
        scrap = f", {payload['scrap_qty']} scrap" if payload.get("scrap_qty", "0") != "0" else ""
        return f"{words} op {payload.get('operation', '')}: {payload.get('yield_qty', '0')} good{scrap}"
    if intended.kind.startswith("movement."):
        lot = f" lot {payload['lot']}" if payload.get("lot") else ""
        return f"{words} {payload['quantity']} {payload.get('uom', '')} {payload['item']}{lot}"
    if intended.kind == "cost":
        return f"{words} {payload['cost_class'].replace('_', ' ')} {payload['amount']} {payload['currency']}"
    if intended.kind.startswith("change."):
        target = payload["number"] + (f"/{payload['line']}" if payload.get("line") else "")
        return f"{words} of {target} to {payload.get('new', 'cancelled')}"
    if intended.kind == "operation.move":
        return f"{words} {payload.get('operation', '')} to {payload['to_unit']}"
    if intended.kind == "maintenance_notification":
        return f"{words} {payload['work_unit']}, {payload['action']}"
    if intended.kind == "quality_event":
        return f"{words} {payload['action']}, {payload['quantity']} {payload.get('item', '')}"
    if intended.kind == "customer_answer":
        return f"{words} {payload['customer']}: {payload['lines'][0]['status']}"
    return words


def tasks_of(exception: ExceptionRecord) -> QuerySet[Task]:
    """The exception's tasks, open first, soonest first."""
    return exception.tasks.select_related("function", "person", "done_by", "decision__option").order_by(
        "status", "due_at", "pk"
    )


def open_tasks_for(user: User) -> QuerySet[Task]:
    """Open tasks of this person, and those of their function nobody has taken, on sites they work at."""
    tasks = Task.objects.filter(status=TaskStatus.OPEN).select_related(
        "exception__site", "exception__type", "function", "person"
    )
    mine = tasks.filter(person=user)
    if user.function_id is None:
        return mine.order_by("due_at")
    sites = user.grants.values("site_id")
    free = tasks.filter(person__isnull=True, function_id=user.function_id, exception__site__in=sites)
    return (mine | free).order_by("due_at")


__all__ = ["OptionView", "PromiseMove", "open_tasks_for", "options_for", "remaining", "sentence", "tasks_of"]
