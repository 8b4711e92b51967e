"""What the decision panel shows: options with their result (promises, orders, cost, who acts, what ERP gets), tasks.

Reads only. The figures are estimates from the published plan and say what would follow, not how it was computed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from core import clock
from core.errors import DomainError
from core.languages import label
from decisions_app.deciders import (
    Need,
    check_decider,
    decision_cost,
    duties_here,
    limit_of,
    limits_at,
    needs_of,
    role_words,
)
from decisions_app.forecast import Forecast, PromiseMove
from decisions_app.inputs import applies, moment
from decisions_app.lapses import lapse_of, outlook_of
from decisions_app.models import ApprovalWhy, Option, OptionTask, Task, TaskStatus, Trigger
from decisions_app.outlook import Outlook
from decisions_app.posting_templates import BUILDERS, Intended, Situation
from decisions_app.posting_templates.situation import remaining
from decisions_app.prefill import estimated_end, prefill
from decisions_app.wording import fill, message_of, words_of
from erp_sync.kinds import KIND_NAMES
from exceptions_app.models import ExceptionRecord
from plant_app.models import User

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
class OptionView:
    """One column of the comparison."""

    option: Option
    values: dict[str, Any]
    lapses_at: datetime | None
    lapse_why: str
    possible: bool = True
    promises: list[PromiseMove] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    cost: Decimal = Decimal(0)
    cost_parts: list[str] = field(default_factory=list)
    cost_unknown: list[str] = field(default_factory=list)
    who: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    allowed: bool = True
    why_not: str = ""
    approvers: list[str] = field(default_factory=list)
    message: str = ""

    @property
    def askable(self) -> bool:
        """Not the reader's to take alone, but to ask a yes for."""
        return bool(self.approvers)

    @property
    def late_promises(self) -> list[PromiseMove]:
        return [promise for promise in self.promises if promise.late]


def options_for(
    exception: ExceptionRecord, user: User | None = None, at: datetime | None = None
) -> list[OptionView]:
    """Every active option of the exception's playbook with its estimated result, in playbook order."""
    seen = at or clock.now()
    playbook = getattr(exception.type, "playbook", None)
    if playbook is None:
        return []
    # What every option asks again and the plant answers once.
    known = _Known(
        outlook=outlook_of(exception, seen),
        ends=estimated_end(exception, seen),
        duties=duties_here(exception, user) if user is not None else None,
        limits=limits_at(exception.site),
        endings=[
            posting.template
            for posting in playbook.postings.filter(option__isnull=True, trigger=Trigger.CLEAR)
        ],
    )
    options = playbook.options.filter(active=True).prefetch_related("tasks__function", "postings")
    return [_view(option, exception, user, seen, known) for option in options]


@dataclass(frozen=True)
class _Known:
    outlook: Outlook
    ends: datetime
    duties: frozenset[str] | None
    limits: Mapping[str, Decimal]
    endings: list[str]


def _view(
    option: Option, exception: ExceptionRecord, user: User | None, at: datetime, known: _Known
) -> OptionView:
    values = prefill(option, exception, at, ends=known.ends)
    lapse = lapse_of(option, known.outlook)
    ahead = Forecast(option, values, known.outlook, known.ends)
    cost = ahead.cost()
    why_not, approvers = _refusal(option, exception, user, values, known)
    return OptionView(
        option=option,
        values=values,
        lapses_at=lapse.until,
        lapse_why=lapse.why,
        possible=lapse.possible,
        promises=ahead.promises(),
        orders=ahead.orders(),
        cost=cost.total,
        cost_parts=cost.parts,
        cost_unknown=cost.unknown,
        who=[*_yeses(option, exception, user, values, known), *_who(option, exception, values, at)],
        posts=_posts(option, exception, values, at, known.endings),
        allowed=not why_not,
        why_not=why_not,
        approvers=approvers,
        message=message_of(option, exception, values),
    )


def _refusal(
    option: Option, exception: ExceptionRecord, user: User | None, values: dict[str, Any], known: _Known
) -> tuple[str, list[str]]:
    """Why the reader may not take it, and whose yes would let them."""
    if user is None:
        return "", []
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
        return error.message, [role_words(role) for role in error.extra.get("approvers", ())]
    return "", []


def _yeses(
    option: Option, exception: ExceptionRecord, user: User | None, values: dict[str, Any], known: _Known
) -> list[str]:
    """Whose yes it needs with these values: over the reader's limit where they decide, and second persons by rule."""
    if user is None or clock.rehearsing():
        return []
    decides = user.is_superuser or bool((known.duties or frozenset()) & set(option.deciders))
    needs = needs_of(
        exception=exception, option=option, actor=user, cost=decision_cost(option, exception, values),
        duties=known.duties, limits=known.limits,
    )  # fmt: skip
    return [
        _yes_words(need, option, exception, known.limits)
        for need in needs
        if decides or need.why != ApprovalWhy.LIMIT
    ]


def _yes_words(need: Need, option: Option, exception: ExceptionRecord, limits: Mapping[str, Decimal]) -> str:
    """Which role says yes, what it may spend, and why it is asked."""
    limit = limit_of(frozenset({need.role}), option, limits)
    shown = f"limit {limit:,.0f} {exception.site.currency}" if limit.is_finite() else "no limit"
    return f"{role_words(need.role).capitalize()} ({shown}): approve within {_within(need.minutes)}, {need.words}"


def _within(minutes: int) -> str:
    return f"{minutes} min" if minutes <= 120 else f"{round(minutes / 60)} h"


def _who(option: Option, exception: ExceptionRecord, values: dict[str, Any], at: datetime) -> list[str]:
    """Who has what to do by when, soonest first; what may wait until after is left out."""
    words, zone = words_of(exception, values), ZoneInfo(exception.site.timezone)
    tasks = [
        (_due(task, values, at), task)
        for task in option.tasks.all()
        if task.blocking and applies(task.only_if, values)
    ]
    return [
        gettext("{function}: {task} by {time}").format(
            function=label(task.function), task=fill(label(task.title), words), time=_by(due, at, zone)
        )
        for due, task in sorted(tasks, key=lambda pair: pair[0])
    ]


def _due(task: OptionTask, values: dict[str, Any], at: datetime) -> datetime:
    stated = moment(values, task.due_input) if task.due_input else None
    if stated is not None:
        return stated + timedelta(minutes=task.due_offset)
    return at + timedelta(minutes=task.due_minutes)


def _by(due: datetime, at: datetime, zone: ZoneInfo) -> str:
    local = due.astimezone(zone)
    return (
        f"{local:%H:%M}"
        if local.date() == at.astimezone(zone).date()
        else f"{local:%a} {local.day} {local:%H:%M}"
    )


def _posts(
    option: Option, exception: ExceptionRecord, values: dict[str, Any], at: datetime, endings: list[str]
) -> list[str]:
    """The option's postings in words, in the order they would leave, then those of the condition's end."""
    guess = {**values, "good": values.get("good", "0")}
    found = []
    for template in option.postings.all():
        situation = Situation(exception=exception, at=at, values=guess, settings=template.settings)
        found.append(BUILDERS[template.template](situation))
    ending = Situation(exception=exception, at=at, values=guess)
    last = [BUILDERS[name](ending) for name in endings]
    return [
        sentence(one)
        for group in (in_order(one for one in found if one is not None), last)
        for one in group
        if one is not None
    ]


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


def follow_ups_at(records: QuerySet[ExceptionRecord]) -> QuerySet[Task]:
    """Follow-ups of these records that are open or wait for their check, soonest first."""
    waits = Q(status=TaskStatus.OPEN) | Q(status=TaskStatus.DONE, check_due_at__isnull=False, check_result="")
    rows = Task.objects.filter(waits, blocking=False, exception__in=records)
    return rows.select_related("exception", "function", "person").order_by("due_at", "pk")


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
