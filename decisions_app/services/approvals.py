"""Asking for a yes and giving it: the decision takes effect in the transaction of the last yes.

Owns the four verbs on approvals; their rows are `services.asked`'. Locks the exception, then its approvals.
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from core.errors import InvalidInput, NotAllowed, NotFound, TransitionRefused
from decisions_app.deciders import (
    LEVELS,
    check_decider,
    duties_here,
    limit_of,
    limits_at,
    needs_of,
)
from decisions_app.deciders import role_words as words_of_role
from decisions_app.models import Approval, ApprovalStatus, ApprovalWhy
from decisions_app.services.asked import ABOVE, ask, end, note, waiting_of, withdraw_others
from decisions_app.services.deciding import Choice, carry_out, check_choice, chosen
from decisions_app.services.stale import end_stale, show_step, stale_words, why_stale
from exceptions_app import services as exceptions
from plant_app.models import User


@transaction.atomic
def ask_approval(
    *,
    exception_id: int,
    option_code: str,
    inputs: Mapping[str, Any],
    actor: User,
    reason: str = "",
    expected_version: int | None = None,
    via: str = "",
) -> list[Approval]:
    """Ask for the yeses an option needs; nothing is decided before the last is given. Returns the rows, one a role.

    Who asks must be a decider of the option in every other respect. Raises as `decide` does, TransitionRefused
    (`approvals.not_needed` where the asker may decide alone, `approvals.waiting` while one for this option waits).
    Locks the exception.
    """
    exception = exceptions.locked(exception_id=exception_id, expected_version=expected_version)
    choice = chosen(exception=exception, option_code=option_code, inputs=inputs, actor=actor)
    option = choice.option
    check_decider(
        exception=exception, option=option, actor=actor, cost=choice.cost, values=choice.values, reason=reason,
        duties=choice.duties, approved=True,
    )  # fmt: skip
    check_choice(choice)
    needs = needs_of(exception=exception, option=option, actor=actor, cost=choice.cost, duties=choice.duties)
    if not needs:
        raise TransitionRefused(
            "approvals.not_needed", f"You may decide {option.name} yourself.", "Decide it."
        )
    if any(row.option_id == option.pk for row in waiting_of(exception)):
        raise TransitionRefused(
            "approvals.waiting",
            f"A yes to {option.name} is already asked for.",
            "Withdraw that request first.",
        )
    rows = ask(
        exception=exception, option=option, needs=needs, asked_by=actor, inputs=choice.values, cost=choice.cost,
        reason=reason,
    )  # fmt: skip
    show_step(exception)
    return rows


@transaction.atomic
def approve(*, approval_id: int, actor: User, note_text: str = "", via: str = "") -> Approval:
    """Say yes. The last yes of a request takes the decision, in the asker's name, as if it were taken now.

    A request that no longer stands as it was asked ends as stale instead, with its code on the returned row; the asker
    is told.
    Raises NotFound (`approvals.none`), NotAllowed (`approvals.not_yours`, `approvals.own`,
    `approvals.second_person`), TransitionRefused (`approvals.ended`) and what deciding raises. Locks the exception,
    then the approval.
    """
    row = _locked(approval_id)
    check_approver(row, actor)
    if row.why == ApprovalWhy.RATIFY:
        end(row, ApprovalStatus.GIVEN, note_text, actor, "approvals.given")
        note(row, f"Ratified: {row.option.name}. {note_text}".strip(), "given", actor, via)
        show_step(row.exception)
        return row
    stale = why_stale(row)
    if stale is not None:
        end_stale(row, stale)
        return row
    end(row, ApprovalStatus.GIVEN, note_text, actor, "approvals.given")
    note(row, f"Approved: {row.option.name}. {note_text}".strip(), "given", actor, via)
    request = row.exception.approvals.filter(number=row.number)
    if not request.filter(status=ApprovalStatus.WAITING).exists():
        _decide(row, via)
    show_step(row.exception)
    return row


@transaction.atomic
def refuse_approval(*, approval_id: int, actor: User, reason: str, via: str = "") -> Approval:
    """Say no, with a reason: the request ends with all its rows and the asker is told. An emergency's no is recorded
    and its decision stays until somebody takes it back. Raises InvalidInput (`approvals.reason`) and as `approve`.
    """
    row = _locked(approval_id)
    check_approver(row, actor)
    if not reason.strip():
        raise InvalidInput("approvals.reason", "Say why not.")
    end(row, ApprovalStatus.REFUSED, reason.strip(), actor, "approvals.refused")
    withdraw_others(row, "another of those asked refused", "approvals.other_refused")
    verb = "Not ratified" if row.why == ApprovalWhy.RATIFY else "Not approved"
    note(row, f"{verb}: {row.option.name}. {reason.strip()}", "refused", actor, via)
    exceptions.tell(
        exception=row.exception,
        person=row.asked_by,
        text=f"{verb}: {row.option.name}, {reason.strip()}"[:300],
    )
    show_step(row.exception)
    return row


@transaction.atomic
def withdraw_approval(*, approval_id: int, actor: User, via: str = "") -> Approval:
    """Take one's own request back, with all its rows. Raises NotFound, NotAllowed (`approvals.not_yours`)."""
    row = _locked(approval_id)
    if row.asked_by_id != actor.pk and not actor.is_superuser:
        raise NotAllowed("approvals.not_yours", f"{row.asked_by} asked for it.")
    if row.why == ApprovalWhy.RATIFY:
        raise TransitionRefused(
            "approvals.ratify", "An emergency is ratified or not; take the decision back."
        )
    end(row, ApprovalStatus.WITHDRAWN, "taken back by whoever asked", actor, "approvals.withdrawn")
    withdraw_others(row, "taken back by whoever asked", "approvals.withdrawn")
    note(row, f"Request taken back: {row.option.name}", "withdrawn", actor, via)
    show_step(row.exception)
    return row


def check_approver(row: Approval, actor: User) -> None:
    """Refuse who may not answer: not of the role, who asked, or who has signed another part of the request.

    A higher level may sign for a limit it covers; for a second person once the request's time is over.
    """
    if row.asked_by_id == actor.pk:
        raise NotAllowed("approvals.own", "Who asks can't approve.", "Somebody else of the role has to.")
    signed = row.exception.approvals.filter(number=row.number, answered_by=actor, status=ApprovalStatus.GIVEN)
    if signed.exclude(pk=row.pk).exists():
        raise NotAllowed(
            "approvals.second_person", "You have signed the other part; a second person signs this."
        )
    if actor.is_superuser:
        return
    held = duties_here(row.exception, actor)
    if row.role in held:
        return
    if row.why == ApprovalWhy.SECOND:
        higher = row.reminded > 0 and bool(held & set(ABOVE[1:]))
    else:
        covered = limit_of(held & set(LEVELS), row.option, limits_at(row.exception.site))
        higher = (
            row.role in LEVELS and bool(held & set(LEVELS[LEVELS.index(row.role) :])) and covered >= row.cost
        )
        higher = higher or (row.role not in LEVELS and bool(held & set(ABOVE[1:])))
    if not higher:
        raise NotAllowed("approvals.not_yours", f"This is for: {words_of_role(row.role)}.")


def _locked(approval_id: int) -> Approval:
    found = Approval.objects.filter(pk=approval_id).values_list("exception_id", flat=True).first()
    if found is None:
        raise NotFound("approvals.none", "There is no such request.")
    exception = exceptions.locked(exception_id=found)
    row = (
        Approval.objects.select_for_update(no_key=True, of=("self",))
        .select_related("option__playbook", "asked_by", "person")
        .get(pk=approval_id)
    )
    row.exception = exception
    if row.status != ApprovalStatus.WAITING:
        raise TransitionRefused(
            "approvals.ended",
            f"This request is already {row.get_status_display().lower()}.",
            "Reload the page.",
        )
    return row


def _decide(row: Approval, via: str) -> None:
    """Every yes is there: what was asked for is decided, in the name of whoever asked."""
    exception, asker = row.exception, row.asked_by
    choice: Choice = chosen(exception=exception, option_code=row.option.code, inputs=row.inputs, actor=asker)
    check_decider(
        exception=exception, option=choice.option, actor=asker, cost=choice.cost, values=choice.values,
        reason=row.reason, duties=choice.duties, approved=True,
    )  # fmt: skip
    check_choice(choice)
    signed = exception.approvals.filter(number=row.number, status=ApprovalStatus.GIVEN)
    names = ", ".join(sorted(str(one.answered_by) for one in signed.select_related("answered_by")))
    decision = carry_out(choice, actor=asker, reason=row.reason, via=via, text=f", approved by {names}")
    signed.update(decision=decision)
    row.decision = decision
    exceptions.tell(exception=exception, person=asker, text=f"Approved and decided: {row.option.name}"[:300])


def approvals_waiting_for(user: User) -> list[Approval]:
    """Requests this person may answer now, the most urgent clock first."""
    rows = (
        Approval.objects.filter(
            status=ApprovalStatus.WAITING, exception__site__in=user.grants.values("site_id")
        )
        .exclude(asked_by=user)
        .select_related("exception__site", "exception__type", "option", "asked_by", "person")
        .order_by("due_at")
    )
    found = []
    for row in rows[:200]:
        try:
            check_approver(row, user)
        except NotAllowed:
            continue
        found.append(row)
    return found


__all__ = [
    "approvals_waiting_for",
    "approve",
    "ask_approval",
    "check_approver",
    "refuse_approval",
    "stale_words",
    "withdraw_approval",
]
