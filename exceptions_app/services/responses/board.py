"""Who has a case: hand it to another owner, take a response over.

Done by people with a reason. Every verb locks the exception. Which functions are asked at all lies in `asking`.
"""

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound
from exceptions_app.models import EventKind, ExceptionRecord, Response, ResponseStatus
from exceptions_app.rules import ladder as ladders
from exceptions_app.services.records.moves import drop_tellings, keep
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.responses.adopted import stays_quiet
from exceptions_app.services.responses.answers import may_answer, pass_on
from exceptions_app.services.responses.asking import function_called, open_record
from exceptions_app.services.responses.layout import fresh_response
from exceptions_app.services.responses.presence import Presence
from plant_app.models import Duty, DutyAssignment, User
from plant_app.selectors import can
from routing_app.words import DUTY_OF, LEAD_OF


@transaction.atomic
def reroute(
    *, exception_id: int, actor: User, function_code: str, role: str | None = None, person: User | None = None,
    reason: str, via: str = "desk", expected_version: int | None = None, tell: bool = False,
) -> Response:  # fmt: skip
    """Give the exception to another owner, for a reason; counts against first pass. Returns the owner's fresh response.

    Where the record opened as capture only, the new owner is written down and not told, unless `tell` says so.

    `role` is the duty asked (the function's own first duty when not given), `person` somebody in particular. A former
    owner of another function stays affected. NotAllowed `exceptions.not_allowed` unless the actor owns it, answers for
    its owner or may re-route here; InvalidInput for an unknown function, role or a missing reason; StaleVersion. Locks
    the exception.
    """
    reason = reason.strip()
    if not reason:
        raise InvalidInput("exceptions.reason_missing", "Say why, so that the next owner knows.")
    exception = open_record(exception_id, expected_version)
    function = function_called(function_code)
    role = role or DUTY_OF.get(function.code, Duty.SHIFT_SUPERVISOR)
    if role not in Duty.values:
        raise InvalidInput("exceptions.unknown_role", f"There is no duty {role}.")
    old = exception.responses.select_related("function", "site", "person").get(is_owner=True)
    old.exception = exception
    if exception.owner_id != actor.pk and not can(actor, "exception.reroute", exception.site_id):
        raise NotAllowed("exceptions.not_allowed", "You may not pass this on.", "Ask a planner.")
    if person is not None and not _belongs(person, exception):
        raise InvalidInput("exceptions.unknown_person", f"{person} has no duty at this site.")
    presence = Presence.of(exception, clock.now())
    tell = tell or not stays_quiet(old)
    limit = old.limit_minutes
    chosen = person or presence.choose(role, function=function) or presence.choose(role)
    same = old.ladder if old.ladder and function.pk == old.function_id else []
    level = next((int(rung["level"]) for rung in same if role in rung["roles"]), 0)
    rungs = (
        ladders.rest_of(same, role=role, level=level)
        if level
        else ladders.plain(role=role, lead=LEAD_OF.get(function.code, ""), limit_minutes=limit)
    )
    fresh = fresh_response(
        exception=exception, function=function, site=exception.site, role=role, person=chosen, required=True,
        is_owner=True, limit=limit, at=presence.at, ladder=rungs, ladder_code=old.ladder_code if same else "",
        why=f"{actor}: {reason}",
    )  # fmt: skip
    if function.pk == old.function_id and old.site_id == exception.site_id:
        pass_on(
            exception=exception, old=old, fresh=fresh, presence=presence, actor=actor, via=via, reason=reason,
            kind=EventKind.REROUTED, tell=tell,
        )  # fmt: skip
        return fresh
    return _change_function(exception, old, fresh, presence, actor=actor, via=via, reason=reason, tell=tell)


def _belongs(person: User, exception: ExceptionRecord) -> bool:
    return DutyAssignment.objects.filter(person=person, site=exception.site_id).exists()


def _change_function(
    exception: ExceptionRecord, old: Response, fresh: Response, presence: Presence, *, actor: User, via: str,
    reason: str, tell: bool,
) -> Response:  # fmt: skip
    """Another function owns from now on; the former one stays affected with what it has answered."""
    old.is_owner = False
    old.save(update_fields=["is_owner"])
    standing = (
        exception.responses.exclude(status=ResponseStatus.DECLINED)
        .select_related("function", "site", "person")
        .filter(function=fresh.function, site=fresh.site)
        .first()
    )
    if standing is not None:
        standing.exception = exception
    pass_on(
        exception=exception, old=standing, fresh=fresh, presence=presence, actor=actor, via=via, reason=reason,
        kind=EventKind.REROUTED, owned=True, tell=tell,
    )  # fmt: skip
    return fresh


@transaction.atomic
def take_over(*, response_id: int, actor: User, via: str = "inbox") -> Response:
    """Make a response one's own without answering it yet: the clock runs on, the former person's tellings are dropped.

    Errors as `acknowledge` for people who may not answer; TransitionRefused `exceptions.over`. Locks the exception.
    """
    found = Response.objects.filter(pk=response_id).values_list("exception_id", flat=True).first()
    if found is None:
        raise NotFound("exceptions.response_not_found", "There is no such response.")
    exception = open_record(found)
    response = Response.objects.select_related("function", "site", "person").get(pk=response_id)
    response.exception = exception
    if not may_answer(response, actor):
        raise NotAllowed(
            "exceptions.not_your_response",
            f"You are not asked for {response.function.name}.",
            "Ask a planner.",
        )
    if response.person_id == actor.pk:
        return response
    before = (
        str(response.person)
        if response.person
        else f"nobody on duty as {response.get_role_display().lower()}"
    )
    drop_tellings(exception, because=f"{actor} took over"[:60], response=response)
    response.person = actor
    response.save(update_fields=["person"])
    changed = set()
    if response.is_owner:
        exception.owner = actor
        changed.add("owner")
    keep(exception, *changed)
    record_event(
        exception=exception, kind=EventKind.TAKEN_OVER, actor=actor, via=via,
        text=f"{actor} takes over from {before}", data={"response": response.pk, "function": response.function.code},
    )  # fmt: skip
    announce(exception, kind=EventKind.TAKEN_OVER, people=[actor.pk])
    return response
