"""Yeses on the exception page and in the inbox: what waits, for whom, until when, and what the reader may answer."""

from typing import Any

from django.utils.translation import gettext

from boards_app import wording
from core.errors import DomainError
from core.languages import label
from decisions_app.models import Approval
from decisions_app.services.approvals import approvals_waiting_for, check_approver, stale_words
from decisions_app.services.asked import need_words
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import User


def approvals_of(exception: ExceptionRecord, user: User) -> list[dict[str, Any]]:
    """Every request of the record: those that wait first, then the newest answers."""
    rows = exception.approvals.select_related("option__playbook", "asked_by", "answered_by", "person")
    found = sorted(rows, key=lambda row: (row.status != "waiting", -row.pk))
    for row in found:
        row.exception = exception
    return [approval_row(row, user) for row in found[:8]]


def approval_row(row: Approval, user: User) -> dict[str, Any]:
    """One request as a page shows it."""
    waiting = row.status == "waiting"
    stale = stale_words(row) if waiting and row.why != "ratify" else ""
    return {
        "id": row.pk,
        "ref": row.exception.ref,
        "number": row.pk,
        "option": label(row.option.name),
        "words": need_words(row),
        "cost": wording.money(row.cost, row.exception.site.currency) if row.cost else "",
        "who": row.person or gettext("{duty}, nobody on duty").format(duty=label(row.get_role_display())),
        "role": label(row.get_role_display()),
        "asked_by": row.asked_by,
        "asked_at": row.asked_at,
        "reason": row.reason,
        "due_at": row.due_at,
        "waiting": waiting,
        "stale": stale,
        "status": label(row.get_status_display()),
        "verb": gettext("Ratify") if row.why == "ratify" else gettext("Approve"),
        "answered_by": row.answered_by,
        "answered_at": row.answered_at,
        "answer": row.answer,
        "may": waiting and _may(row, user),
        "again": f"/exceptions/{row.exception.ref}/?option={row.option.code}#decide"
        if row.status == "stale"
        and row.asked_by_id == user.pk
        and row.exception.status in ("open", "acknowledged")
        else "",
        "mine": waiting and row.asked_by_id == user.pk and row.why != "ratify",
    }


def _may(row: Approval, user: User) -> bool:
    try:
        check_approver(row, user)
    except DomainError:
        return False
    return True


def waiting_for(user: User) -> list[dict[str, Any]]:
    """What waits for the reader's yes, anywhere."""
    return [approval_row(row, user) for row in approvals_waiting_for(user)]


def contained_of(exception: ExceptionRecord) -> dict[str, Any] | None:
    """What was done at once, before anybody decided; kept apart from the countermeasure. None before."""
    if exception.contained_at is None:
        return None
    event = exception.events.filter(kind=EventKind.CONTAINED).order_by("-pk").first()
    words = event.text if event is not None else ""
    return {"at": exception.contained_at, "words": words or gettext("nothing had to be contained")}
