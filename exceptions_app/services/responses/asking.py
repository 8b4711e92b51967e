"""Which functions are asked: added, asked otherwise (must acknowledge or only informed), taken off; by people or facts.

Every verb of a person locks the exception and leaves an event. The owner's own function is never taken off: somebody
else has to own it first. Must not know who answers what.
"""

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound, TransitionRefused
from core.wake import wake
from exceptions_app.lifecycle import CORRELATES
from exceptions_app.models import EventKind, ExceptionRecord, Response, ResponseStatus, Telling, TellingReason
from exceptions_app.services.records.moves import drop_tellings, keep, locked, watch_answer
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.responses.adopted import (
    CAPTURE_ONLY,
    as_adopted,
    keep_quiet,
    opened_quietly,
    response_level,
    stays_quiet,
)
from exceptions_app.services.responses.answers import align
from exceptions_app.services.responses.layout import affected_response, first_tellings, telling
from exceptions_app.services.responses.presence import Presence
from plant_app.models import Function, User
from plant_app.selectors import can
from routing_app.clocks import LAST_RESORT_OTHER
from routing_app.outcome import Outcome


def function_called(code: str) -> Function:
    """The function with this code; InvalidInput `exceptions.unknown_function`."""
    found = Function.objects.filter(code=code).first()
    if found is None:
        raise InvalidInput("exceptions.unknown_function", f"There is no function {code}.")
    return found


def open_record(exception_id: int, expected_version: int | None = None) -> ExceptionRecord:
    """Lock an exception that still asks people; TransitionRefused `exceptions.over` for one that does not."""
    exception = locked(exception_id, expected_version)
    if exception.status not in CORRELATES:
        raise TransitionRefused(
            "exceptions.over", f"{exception.ref} is {exception.status}.", "Reopen it first."
        )
    return exception


def may_edit(exception: ExceptionRecord, actor: User) -> bool:
    """Whether `actor` may say who is asked: the owner, or whoever may re-route here."""
    return exception.owner_id == actor.pk or can(actor, "exception.reroute", exception.site_id)


def _check(exception: ExceptionRecord, actor: User) -> None:
    if not may_edit(exception, actor):
        raise NotAllowed(
            "exceptions.not_allowed", "You may not change who is asked here.", "Ask its owner or a planner."
        )


def _other_limit(exception: ExceptionRecord) -> int:
    """What the other functions of this exception were given, in minutes; the band's default where none was."""
    known = (
        exception.responses.filter(is_owner=False, required=True)
        .values_list("limit_minutes", flat=True)
        .first()
    )
    return known or LAST_RESORT_OTHER[exception.urgency]


@transaction.atomic
def add_function(
    *, exception_id: int, function_code: str, required: bool, actor: User, why: str, via: str = "desk",
    tell: bool = False,
) -> Response:  # fmt: skip
    """Ask one more function, whose clock begins now. A required one makes an aligned exception unaligned.

    Where the record opened as capture only, it is written down and nobody is told, unless `tell` says so.

    One that is there already is returned, made required where it was only informed. NotAllowed `exceptions.not_allowed`
    unless the actor owns it or may re-route here; InvalidInput `exceptions.unknown_function`, TransitionRefused
    `exceptions.over`. Locks the exception.
    """
    exception = open_record(exception_id)
    _check(exception, actor)
    function = function_called(function_code)
    presence = Presence.of(exception, clock.now())
    known = (
        exception.responses.exclude(status=ResponseStatus.DECLINED)
        .select_related("function", "site", "person")
        .filter(function=function, site=exception.site)
        .first()
    )
    if known is not None and (known.required or not required):
        return known
    if known is None:
        response = _ask(
            exception, function, presence, required=required, why=f"{actor}: {why}", by=actor, tell=tell
        )
    else:
        known.exception = exception
        response = _require(exception, known, presence, why=f"{actor}: {why}", by=actor, tell=tell)
    _asked(
        exception, response, kind=EventKind.FUNCTION_ADDED, actor=actor, via=via,
        text=f"{function.name} {'must acknowledge' if required else 'is informed'}: {why}",
    )  # fmt: skip
    return response


def _ask(
    exception: ExceptionRecord, function: Function, presence: Presence, *, required: bool, why: str,
    by: User | None = None, role: str = "", limit: int | None = None, tell: bool = False,
) -> Response:  # fmt: skip
    """A new response with its tellings, whose clock begins now."""
    response = affected_response(
        exception=exception, function=function, site=exception.site, role=role, required=required,
        limit=limit or _other_limit(exception), at=presence.at, why=why,
    )  # fmt: skip
    response.added_by = by
    response.person = presence.choose(response.role, function=function) or presence.choose(response.role)
    rows = first_tellings(response, presence=presence)
    if not tell and stays_quiet(response):
        keep_quiet(response, rows)
    response.save()
    Telling.objects.bulk_create(rows)
    return response


def _require(
    exception: ExceptionRecord, known: Response, presence: Presence, *, why: str, by: User | None, tell: bool
) -> Response:
    """One that was only informed has to acknowledge now, and is told so unless it has."""
    fresh = affected_response(
        exception=exception, function=known.function, site=known.site, role=known.role, required=True,
        limit=_other_limit(exception), at=presence.at, why=why,
    )  # fmt: skip
    known.required, known.why, known.added_by = True, fresh.why, by or known.added_by
    known.limit_minutes, known.ladder = fresh.limit_minutes, fresh.ladder
    rows: list[Telling] = []
    if not known.answered:
        known.due_at, known.acknowledge_due_at = fresh.due_at, fresh.acknowledge_due_at
        quiet = not tell and stays_quiet(known)
        rows = first_tellings(known, presence=presence)
        if quiet:
            keep_quiet(known, rows)
    elif known.status == ResponseStatus.ACKNOWLEDGED:
        watch_answer(known, exception, presence.at)
    known.save()
    Telling.objects.bulk_create(rows)
    return known


def _asked(
    exception: ExceptionRecord, response: Response, *, kind: str, text: str, via: str, actor: User | None = None,
    actor_text: str = "",
) -> None:  # fmt: skip
    """What every change of who is asked ends with: alignment, event, hints."""
    if not response.answered and response.removed_at is None and stays_quiet(response):
        text = f"{text} ({CAPTURE_ONLY}: nobody was told)"
    record_event(
        exception=exception, kind=kind, actor=actor, actor_text=actor_text, via=via, text=text[:300],
        data={"response": response.pk, "function": response.function.code, "required": response.required,
              "removed": response.removed_at is not None},
    )  # fmt: skip
    if response.required and not response.answered and exception.aligned_at is not None:
        exception.aligned_at = None
        keep(exception, "aligned_at")
    else:
        align(exception)
    announce(exception, kind=kind, people=[response.person_id])
    wake("notices")


@transaction.atomic
def set_required(
    *, response_id: int, required: bool, actor: User, why: str, via: str = "desk",
    expected_version: int | None = None, tell: bool = False,
) -> Response:  # fmt: skip
    """Have a function acknowledge (its clock begins now, it is told) or only inform it (its clock and ladder stop).

    `tell` as `add_function`. Repeating it changes nothing. InvalidInput `exceptions.reason_missing`; TransitionRefused
    `exceptions.owner_stays` for the owner's own, `exceptions.response_declined`, `exceptions.over`; NotAllowed and
    StaleVersion as `add_function`. Locks the exception.
    """
    exception, response = _of_others(response_id, actor, why, expected_version)
    if response.required == required:
        return response
    presence = Presence.of(exception, clock.now())
    if required:
        _require(exception, response, presence, why=f"{actor}: {why}", by=actor, tell=tell)
    else:
        response.required, response.why, response.added_by = False, f"{actor}: {why}"[:160], actor
        response.acknowledge_due_at = response.next_level_at = response.remind_at = None
        response.lapses_at = response.lapse_reminded_at = None
        response.save()
    words = "must acknowledge" if required else "is only informed"
    _asked(
        exception, response, kind=EventKind.FUNCTION_CHANGED, actor=actor, via=via,
        text=f"{response.function.name} {words}: {why}",
    )  # fmt: skip
    return response


@transaction.atomic
def remove_function(
    *, response_id: int, actor: User, reason: str, via: str = "desk", expected_version: int | None = None
) -> Response:
    """Take a function off the list, with a reason: its clock and ladder stop, its person is told, the rest may be
    aligned by it. What it answered stays in the story.

    Errors and lock as `set_required`.
    """
    exception, response = _of_others(response_id, actor, reason, expected_version)
    now = clock.now()
    drop_tellings(exception, because="taken off", response=response)
    response.status, response.decline_reason = ResponseStatus.DECLINED, reason.strip()[:160]
    response.declined_at = response.removed_at = now
    response.next_level_at = response.remind_at = response.lapses_at = None
    response.save()
    told = response.told_at is not None and not stays_quiet(response)
    if response.person is not None and told and response.person_id != actor.pk:
        telling(
            exception=exception, reason=TellingReason.CHANGE, role=response.role, person=response.person, at=now,
            text=f"{response.function.name} is no longer needed here: {reason.strip()}",
        ).save()  # fmt: skip
    _asked(
        exception, response, kind=EventKind.FUNCTION_REMOVED, actor=actor, via=via,
        text=f"{response.function.name} is no longer asked: {reason.strip()}",
    )  # fmt: skip
    return response


def _of_others(
    response_id: int, actor: User, why: str, expected_version: int | None
) -> tuple[ExceptionRecord, Response]:
    """A response that may be changed by `actor`, with its locked exception."""
    if not why.strip():
        raise InvalidInput("exceptions.reason_missing", "Say why, so that they know.", field="reason")
    found = Response.objects.filter(pk=response_id).values_list("exception_id", flat=True).first()
    if found is None:
        raise NotFound("exceptions.response_not_found", "There is no such response.")
    exception = open_record(found, expected_version)
    _check(exception, actor)
    response = Response.objects.select_related("function", "site", "person").get(pk=response_id)
    response.exception = exception
    if response.status == ResponseStatus.DECLINED:
        raise TransitionRefused(
            "exceptions.response_declined", f"{response.function.name} is no longer asked here."
        )
    if response.is_owner:
        raise TransitionRefused(
            "exceptions.owner_stays",
            f"{response.function.name} owns {exception.ref}.",
            "Give it to another owner first.",
        )
    return exception, response


def ask_newly_affected(*, exception: ExceptionRecord, outcome: Outcome) -> list[Response]:
    """Ask the functions a new evaluation of a locked, sorted exception names and nobody has been asked for.

    One a person took off or that declined stays off; where the site has not adopted coordination, or the record opened
    as capture only, none is asked. Returns the new responses, whose clocks begin now.
    """
    if opened_quietly(exception):
        return []
    outcome = as_adopted(outcome, response_level(exception))
    known = set(exception.responses.filter(site=exception.site).values_list("function__code", flat=True))
    named = [one for one in outcome.functions if one.function not in known]
    functions = {row.code: row for row in Function.objects.filter(code__in=[one.function for one in named])}
    presence = Presence.of(exception, clock.now())
    fresh = []
    for one in named:
        function = functions.get(one.function)
        if function is None:
            continue
        response = _ask(
            exception, function, presence, required=one.required, why=f"rule {one.because_rule}", role=one.role,
            limit=outcome.other_acknowledge,
        )  # fmt: skip
        _asked(
            exception, response, kind=EventKind.FUNCTION_ADDED, actor_text="routing", via="system",
            text=f"{function.name} is affected now, by rule {one.because_rule}",
        )  # fmt: skip
        fresh.append(response)
    return fresh
