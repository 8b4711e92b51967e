"""Rows of approvals: written, told of, ended with a code. What a yes brings about is `services.approvals`'; which have
gone out of date finds `services.stale`.

Every function works on a locked exception.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Max

from core import clock
from decisions_app.deciders import Need, needs_of, role_words
from decisions_app.lapses import lapse_of, outlook_of
from decisions_app.models import Approval, ApprovalStatus, ApprovalWhy, Decision, Option
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import User
from plant_app.selectors.duty import duty_holders

RATIFY_WITHIN = timedelta(hours=24)
#: Who hears of a request nobody has answered in its time.
ABOVE = ("area_manager", "plant_manager", "operations_director")
#: In a request's basis: the option had lapsed when it was asked for, so that its lapse ends nothing.
LATE = "late"


def basis_of(option: Option, exception: ExceptionRecord, cost: Any) -> dict[str, Any]:
    """What a yes rests on; once it differs, the yes asked for is out of date."""
    line, order = exception.sales_line, exception.work_order
    return {
        "what": exception.type.code,
        "severity": exception.severity,
        "quantity": "" if exception.quantity is None else f"{exception.quantity.normalize():f}",
        "place": [exception.work_unit_id, exception.operation_id],
        "goods": [exception.item_id, exception.lot_id],
        "order": [exception.work_order_id, "" if order is None else f"{order.quantity.normalize():f}"],
        "promise": [exception.sales_line_id, "" if line is None else line.commit_at.isoformat()],
        "purchase": exception.purchase_line_id,
        "decided": exception.decisions.filter(reversed_at__isnull=True).count(),
        "cost": f"{cost:.2f}",
        "playbook": option.playbook.version,
    }


def ask(
    *,
    exception: ExceptionRecord,
    option: Option,
    needs: Iterable[Need],
    asked_by: User,
    inputs: dict[str, Any],
    cost: Any,
    reason: str,
    decision: Decision | None = None,
) -> list[Approval]:
    """Write one row per role and tell whoever holds it now; each has its own clock. Returns the rows."""
    at = clock.now()
    number = (exception.approvals.aggregate(top=Max("number"))["top"] or 0) + 1
    lapse = lapse_of(option, outlook_of(exception, at))
    late = not lapse.possible or (lapse.until is not None and lapse.until <= at)
    basis = basis_of(option, exception, cost) | ({LATE: True} if late else {})
    rows = []
    for need in needs:
        due_at = at + timedelta(minutes=need.minutes)
        rows.append(
            Approval.objects.create(
                exception=exception,
                number=number,
                option=option,
                why=need.why,
                role=need.role,
                person=holder_of(exception, need.role, asked_by),
                inputs=inputs,
                basis=basis,
                cost=cost,
                reason=reason[:300],
                asked_by=asked_by,
                asked_at=at,
                minutes=need.minutes,
                due_at=due_at,
                remind_at=due_at,
                decision=decision,
            )
        )
    for row in rows:
        verb = "Ratify" if decision is not None else "Approve"
        tell_approver(row, f"{verb}: {option.name}, {need_words(row)}")
        note(row, f"{role_words(row.role)} is asked: {option.name}", "asked")
    return rows


def need_words(row: Approval) -> str:
    """Why this yes is asked, with the amount."""
    amount = f"{row.cost} {row.exception.site.currency}"
    return {
        ApprovalWhy.LIMIT: f"{amount} is over the limit of {row.asked_by}",
        ApprovalWhy.SECOND: f"second signature for {row.asked_by}, {amount}",
        ApprovalWhy.RATIFY: f"{row.asked_by} took it in an emergency, {amount}",
    }[ApprovalWhy(row.why)]


def holder_of(exception: ExceptionRecord, role: str, but: User) -> User | None:
    """Whoever holds `role` around the record now and is asked first; never who asks."""
    found = duty_holders(
        site=exception.site, duty=role, area=exception.area, work_centre=exception.work_centre, at=clock.now()
    )
    return next((person for person in found if person.pk != but.pk), None)


def tell_approver(row: Approval, text: str, role: str = "") -> None:
    """Tell whoever was asked; with `role`, whoever holds that one."""
    exceptions.tell(
        exception=row.exception, role=role or row.role, person=None if role else row.person, text=text[:300]
    )


def note(
    row: Approval, text: str, step: str, actor: User | None = None, via: str = "", code: str = ""
) -> None:
    """A line of the record's story; `code` says how a request ended."""
    exceptions.record_event(
        exception=row.exception,
        kind=EventKind.APPROVAL,
        actor=actor or (row.asked_by if step == "asked" else None),
        via=via or ("" if actor or step == "asked" else "system"),
        text=text[:300],
        data={
            "approval": row.pk,
            "step": step,
            "option": row.option.code,
            "role": row.role,
            "why": row.why,
            **({"code": code} if code else {}),
        },
    )


def ask_to_ratify(decision: Decision, duties: frozenset[str]) -> list[Approval]:
    """An emergency's yes is asked for afterwards: of whoever would have been asked, else of the area manager."""
    exception, option = decision.exception, decision.option
    needs = needs_of(
        exception=exception, option=option, actor=decision.decided_by, cost=decision.cost, duties=duties
    )
    roles = [need.role for need in needs] or [
        next(role for role in ABOVE if role not in duties or role == ABOVE[-1])
    ]
    minutes = int(RATIFY_WITHIN / timedelta(minutes=1))
    return ask(
        exception=exception, option=option, asked_by=decision.decided_by, inputs=decision.inputs, cost=decision.cost,
        needs=[Need(role, ApprovalWhy.RATIFY, minutes, "") for role in roles], reason=decision.reason,
        decision=decision,
    )  # fmt: skip


def waiting_of(exception: ExceptionRecord) -> list[Approval]:
    """Requests for a decision that are not answered yet, oldest first; ratifications are not among them."""
    rows = exception.approvals.filter(status=ApprovalStatus.WAITING).exclude(why=ApprovalWhy.RATIFY)
    return list(rows.select_related("option__playbook", "person", "asked_by").order_by("asked_at", "pk"))


def withdraw_waiting(*, exception: ExceptionRecord, actor: User | None, because: str, code: str) -> int:
    """Requests for a decision end unanswered: it was taken otherwise, or the record ended. Returns how many.

    Who asked hears of a decision somebody else took meanwhile.
    """
    rows = waiting_of(exception)
    for row in rows:
        end(row, ApprovalStatus.WITHDRAWN, because, actor, code)
        if code == "approvals.decided_otherwise" and (actor is None or row.asked_by_id != actor.pk):
            exceptions.tell(
                exception=exception,
                person=row.asked_by,
                text=f"Your request is over, {because}: {row.option.name}"[:300],
            )
    return len(rows)


def withdraw_others(row: Approval, because: str, code: str) -> None:
    """What else was asked in the same request ends with it."""
    others = row.exception.approvals.filter(number=row.number, status=ApprovalStatus.WAITING)
    for other in others.exclude(pk=row.pk):
        end(other, ApprovalStatus.WITHDRAWN, because, None, code)


def end(row: Approval, status: ApprovalStatus, words: str, actor: User | None, code: str) -> None:
    """Close a row with its outcome, in words and as a code."""
    row.status, row.answer, row.end_code = status, words[:300], code
    row.answered_at, row.remind_at = clock.now(), None
    row.answered_by = actor
    row.save(update_fields=["status", "answer", "end_code", "answered_at", "remind_at", "answered_by"])
