"""Requests for a yes that no longer stand as they were asked: found, ended with a code, told; the unanswered reminded.

Owns the sweep over waiting approvals. What a yes brings about is `services.approvals`'; rows are `services.asked`'.
Every function works on a locked exception, one record at a time.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from core import clock
from core.errors import DomainError
from core.hints import hint
from decisions_app.deciders import LEVELS, check_decider, decision_cost, limit_of, limits_at, role_words
from decisions_app.lapses import lapse_of, outlook_of
from decisions_app.models import Approval, ApprovalStatus, ApprovalWhy
from decisions_app.services.asked import (
    ABOVE,
    LATE,
    basis_of,
    end,
    holder_of,
    need_words,
    note,
    tell_approver,
    withdraw_others,
)
from decisions_app.services.deciding import check_choice, chosen
from decisions_app.services.tasks import next_step_after
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord
from plant_app.models import DutyAssignment
from plant_app.selectors.duty import duties_of

#: A waiting request is looked at this often, so that what has gone out of date is said within minutes.
LOOK_EVERY = timedelta(minutes=2)
_UNDECIDED = (Status.OPEN, Status.ACKNOWLEDGED)


@dataclass(frozen=True)
class Stale:
    """Why a request no longer stands: its code, and the words for people."""

    code: str
    words: str


def stale_words(row: Approval) -> str:
    """What has changed under a waiting request, in words; empty while what it rests on is as it was. For pages."""
    cost = decision_cost(row.option, row.exception, row.inputs)
    now = basis_of(row.option, row.exception, cost)
    changed = [name for name, value in now.items() if row.basis.get(name) != value]
    return f"changed since: {', '.join(changed)}" if changed else ""


def why_stale(row: Approval) -> Stale | None:
    """Why a waiting request can no longer be given, on a locked exception; None while it stands.

    Asked in this order: the record is over or decided, the option is gone, who asked has left, what it rests on has
    changed, the option may no longer be taken so, it has lapsed since it was asked, nobody is left to answer.
    """
    exception, option = row.exception, row.option
    if row.why == ApprovalWhy.RATIFY:
        return None
    if exception.status not in _UNDECIDED:
        return Stale("approvals.record_moved_on", f"{exception.ref} is {exception.status}")
    if not option.active:
        return Stale("approvals.option_gone", f"{option.name} is no longer offered")
    if not row.asked_by.is_active:
        return Stale("approvals.asker_left", f"{row.asked_by} has left")
    changed = stale_words(row)
    if changed:
        return Stale("approvals.record_changed", changed)
    refused = _refusal(row)
    if refused:
        return Stale("approvals.no_longer_permitted", refused)
    lapse = lapse_of(option, outlook_of(exception, clock.now()))
    over = not lapse.possible or (lapse.until is not None and lapse.until <= clock.now())
    if over and not row.basis.get(LATE) and not clock.rehearsing():
        return Stale("approvals.option_lapsed", f"{option.name} is no longer possible: {lapse.why}")
    if not signers(row):
        return Stale("approvals.approver_left", f"nobody is left who could answer as {role_words(row.role)}")
    return None


def _refusal(row: Approval) -> str:
    """Why whoever asked could not take the option so any more; empty while they could."""
    exception, asker = row.exception, row.asked_by
    try:
        choice = chosen(exception=exception, option_code=row.option.code, inputs=row.inputs, actor=asker)
        check_decider(
            exception=exception, option=choice.option, actor=asker, cost=choice.cost, values=choice.values,
            reason=None, duties=choice.duties, approved=True,
        )  # fmt: skip
        check_choice(choice)
    except DomainError as error:
        wrong = error.extra.get("errors")
        return " ".join([error.message, *(wrong.values() if isinstance(wrong, dict) else ())])[:250]
    return ""


def signers(row: Approval) -> list[str]:
    """The roles somebody other than the asker holds at the site who may answer: the one asked first, then those above.

    One query, two for a money limit.
    """
    above: list[str] = []
    if row.why == ApprovalWhy.LIMIT and row.role in LEVELS:
        limits = limits_at(row.exception.site)
        higher = LEVELS[LEVELS.index(row.role) + 1 :]
        above = [role for role in higher if limit_of(frozenset({role}), row.option, limits) >= row.cost]
    elif row.why != ApprovalWhy.RATIFY:
        above = list(ABOVE[1:])
    held = set(
        DutyAssignment.objects.filter(
            site=row.exception.site_id, duty__in=[row.role, *above], person__is_active=True
        )
        .exclude(person=row.asked_by_id)
        .values_list("duty", flat=True)
    )
    return [role for role in dict.fromkeys([row.role, *above]) if role in held]


def end_stale(row: Approval, found: Stale) -> None:
    """End a request as out of date with its code: told to whoever asked (the owner, where they have left), in the
    story, with a next step on the record. The caller holds the exception."""
    exception = row.exception
    end(row, ApprovalStatus.STALE, found.words, None, found.code)
    withdraw_others(row, "out of date", found.code)
    note(row, f"The request is out of date, {found.words}: {row.option.name}", "stale", code=found.code)
    over = found.code == "approvals.record_moved_on"
    verb = "Your request is over" if over else "Ask again or decide otherwise"
    to = next((one for one in (row.asked_by, exception.owner) if one is not None and one.is_active), None)
    exceptions.tell(
        exception=exception,
        person=to,
        role="" if to is not None else exception.owner_role,
        text=f"{verb}, {found.words}: {row.option.name}"[:300],
    )
    show_step(exception)


def show_step(exception: ExceptionRecord) -> None:
    """Say the record's next step anew, here and on open pages; what is over keeps its own."""
    if exception.is_live:
        exceptions.set_next_step(exception=exception, text=next_step_after(exception))
    hint(*exceptions.groups_of(exception), kind="approval", ref=exception.ref)


def remind_due(*, limit: int = 50) -> int:
    """Look at the requests that wait: what is out of date ends with its code, whoever asked is told, the record shows
    its next step; whose person has left passes on; whose time is over is said again, and a level above hears of it.

    Each record in a transaction of its own, the exception locked. Returns how many were ended, passed on or reminded.
    """
    now = clock.now()
    due = Approval.objects.filter(Q(remind_at__lte=now) | Q(check_at__lte=now), status=ApprovalStatus.WAITING)
    found = list(due.order_by("check_at", "pk").values_list("pk", "exception_id")[:limit])
    return sum(_look(pk, exception_id) for pk, exception_id in found)


@transaction.atomic
def _look(pk: int, exception_id: int) -> bool:
    exception = exceptions.locked(exception_id=exception_id)
    row = (
        Approval.objects.filter(pk=pk, status=ApprovalStatus.WAITING)
        .select_related("option__playbook", "asked_by", "person")
        .first()
    )
    if row is None:
        return False
    row.exception = exception
    row.check_at = clock.now() + LOOK_EVERY
    row.save(update_fields=["check_at"])
    stale = why_stale(row)
    if stale is not None:
        end_stale(row, stale)
        return True
    passed = _pass_on(row)
    late = row.remind_at is not None and row.remind_at <= clock.now()
    if late:
        _remind(row)
    return passed or late


def _pass_on(row: Approval) -> bool:
    """Who was asked is no longer here, or no longer of the role: whoever is gets asked instead."""
    person, site = row.person, row.exception.site
    roles = signers(row)
    if person is None or not roles:
        return False
    if person.is_active and set(roles) & duties_of(user=person, site=site, at=clock.now()):
        return False
    row.person = holder_of(row.exception, roles[0], row.asked_by)
    row.save(update_fields=["person"])
    verb = "Ratify" if row.why == ApprovalWhy.RATIFY else "Approve"
    tell_approver(row, f"{verb}: {row.option.name}, {need_words(row)}", "" if row.person else roles[0])
    who = row.person or role_words(roles[0])
    note(row, f"{person} can no longer answer; {who} is asked: {row.option.name}", "passed_on")
    show_step(row.exception)
    return True


def _remind(row: Approval) -> None:
    row.reminded += 1
    row.remind_at = clock.now() + timedelta(minutes=row.minutes)
    row.person = holder_of(row.exception, row.role, row.asked_by)
    row.save(update_fields=["reminded", "remind_at", "person"])
    tell_approver(row, f"Still waits for your yes: {row.option.name}, {need_words(row)}")
    above = [role for role in ABOVE if role != row.role][min(row.reminded, 2) - 1]
    tell_approver(row, f"Unanswered: {role_words(row.role)} was asked to approve {row.option.name}", above)
    note(
        row,
        f"No answer in time; {role_words(row.role)} is asked again, {role_words(above)} is told",
        "reminded",
    )
    hint(*exceptions.groups_of(row.exception), kind="approval", ref=row.exception.ref)
