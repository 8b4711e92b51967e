"""The root cause a record must have before it closes: who asks for it, whether it is there, and saying it.

Asked by a routing rule (the mark frozen in the record's route) or by the type's playbook. Expects a locked exception;
moves none: closing is `services.closing`'.
"""

from django.db.models import Q, QuerySet

from core import clock
from core.errors import InvalidInput, TransitionRefused
from core.hints import hint
from decisions_app.models import CauseRequired, Playbook, RootCause, RootCauseCategory
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.lifecycle import Status
from exceptions_app.models import EventKind, ExceptionRecord
from plant_app.models import Severity, User

MARK = "root_cause_required"
_SEVERE = (Severity.HIGH, Severity.CRITICAL)


def categories_for(exception: ExceptionRecord) -> QuerySet[RootCauseCategory]:
    """The root causes to choose from: the type's, and those of every type."""
    return RootCauseCategory.objects.filter(
        Q(type=exception.type_id) | Q(type__isnull=True), active=True
    ).order_by("position", "name")


def cause_wanted(exception: ExceptionRecord) -> str:
    """Why the record can't close before its root cause is stated, in words; empty where it is stated or nobody asks.

    A drill has no cause, a rehearsed past is not asked, and where the type offers no category none can be asked for.
    At most four queries, one where the cause is stated.
    """
    if exception.drill or clock.rehearsing() or RootCause.objects.filter(exception=exception).exists():
        return ""
    because = _asked_by(exception)
    return because if because and categories_for(exception).exists() else ""


def _asked_by(exception: ExceptionRecord) -> str:
    if exception.route is not None and MARK in exception.route.outcome.get("marks", ()):
        return "a routing rule asks for it"
    asks = Playbook.objects.filter(type=exception.type_id).values_list("cause_required", flat=True).first()
    if asks == CauseRequired.ALWAYS:
        return f"every {exception.type.name.lower()} needs one"
    if asks == CauseRequired.SEVERE and exception.severity in _SEVERE:
        return f"severity is {exception.severity}"
    return ""


def refuse_without_cause(exception: ExceptionRecord) -> None:
    """Raise TransitionRefused (`causes.required`, with what to choose from) where `cause_wanted` has an answer."""
    why = cause_wanted(exception)
    if why:
        choices = list(categories_for(exception).values_list("code", flat=True))
        raise TransitionRefused(
            "causes.required",
            f"The root cause of {exception.ref} is missing: {why}.",
            f"State it, one of: {', '.join(choices)}.",
            missing=["root_cause"],
            categories=choices,
        )


def open_postings(exception: ExceptionRecord) -> QuerySet[Posting]:
    """Postings of the exception ERP has not settled: neither confirmed, nor local, nor cancelled."""
    return Posting.objects.filter(link__exception=exception, settled_at__isnull=True)


def step_when_resolved(exception: ExceptionRecord) -> str:
    """What a resolved record waits for, in words: ERP, its root cause, or both."""
    posts, why = open_postings(exception).exists(), cause_wanted(exception)
    if not why:
        return "Waits for ERP"
    who = exception.owner or exception.owner_function
    return f"{who}: state the root cause, {why}{'; ERP confirms what is open' if posts else ''}"[:160]


def say_cause(
    *, exception: ExceptionRecord, category: str, text: str, actor: User, via: str = ""
) -> RootCause:
    """Keep why it happened on a locked exception; a later word replaces it, the story keeps both.

    Raises InvalidInput (`causes.category`), TransitionRefused (`causes.unsorted`, `causes.cancelled`).
    """
    if exception.status == Status.TRIAGE:
        raise TransitionRefused("causes.unsorted", f"{exception.ref} is not sorted yet.", "Sort it first.")
    if exception.status == Status.CANCELLED:
        raise TransitionRefused("causes.cancelled", f"{exception.ref} is cancelled.")
    found = categories_for(exception).filter(code=category).order_by("type_id").first()
    if found is None:
        raise InvalidInput("causes.category", f"There is no root cause {category} here.", field="category")
    cause, _ = RootCause.objects.update_or_create(
        exception=exception,
        defaults={"category": found, "text": text.strip()[:500], "said_by": actor, "said_at": clock.now()},
    )
    exceptions.record_event(
        exception=exception,
        kind=EventKind.CAUSE_SET,
        actor=actor,
        via=via,
        text=f"{found.name}. {cause.text}".strip()[:300],
        data={"category": found.code, "text": cause.text},
    )
    hint(*exceptions.groups_of(exception), kind="cause", ref=exception.ref)
    return cause
