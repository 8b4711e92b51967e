"""What a function answers: acknowledge, on the way, arrived, acting, finished, decline.

Every verb locks the exception first, then writes the response, appends the event and, on the last required
acknowledgement, aligns the record. Repeating an answer changes nothing. Sends nothing itself.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound, TransitionRefused
from core.wake import wake
from exceptions_app.lifecycle import CORRELATES, LIVE, Status
from exceptions_app.models import (
    EventKind,
    ExceptionRecord,
    Response,
    ResponseStatus,
    Telling,
    TellingReason,
)
from exceptions_app.rules import ladder as ladders
from exceptions_app.services.records.moves import drop_tellings, keep, locked, move, watch_answer
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.responses.adopted import CAPTURE_ONLY, awaken, keep_quiet, stays_quiet
from exceptions_app.services.responses.layout import first_tellings, fresh_response, role_words
from exceptions_app.services.responses.presence import Presence
from plant_app.models import AccessRole, DutyAssignment, User
from plant_app.selectors import roles_of

_ORDER = [status.value for status in ResponseStatus]
_FREE_HANDS = frozenset({AccessRole.PLANNER.value, AccessRole.ADMINISTRATOR.value})


def may_answer(response: Response, actor: User) -> bool:
    """Whether `actor` may answer for this response: the person asked, somebody of that function at one of the two
    sites, somebody its ladder told, a planner or an administrator there. At most three queries.
    """
    if actor.is_superuser or response.person_id == actor.pk:
        return True
    sites = {response.site_id, response.exception.site_id}
    roles = frozenset().union(*(roles_of(actor, site) for site in sites))
    if roles & _FREE_HANDS:
        return True
    if actor.function_id == response.function_id and roles:
        return True
    if Telling.objects.filter(response=response, person=actor).exists():
        return True
    return DutyAssignment.objects.filter(person=actor, function=response.function_id, site__in=sites).exists()


def _open_response(response_id: int, actor: User) -> tuple[ExceptionRecord, Response]:
    """Lock the exception of a response and check that it can still be answered, and by this person."""
    exception_id = Response.objects.filter(pk=response_id).values_list("exception_id", flat=True).first()
    if exception_id is None:
        raise NotFound("exceptions.response_not_found", "There is no such response.")
    exception = locked(exception_id)
    response = Response.objects.select_related("function", "site", "person").get(pk=response_id)
    response.exception = exception
    if not may_answer(response, actor):
        raise NotAllowed(
            "exceptions.not_your_response",
            f"{response.function.name} answers this, and you are not asked for {response.function.name}.",
            "Ask a planner to pass it on.",
        )
    if response.status == ResponseStatus.DECLINED:
        raise TransitionRefused(
            "exceptions.response_declined",
            "This was declined and passed on.",
            "Open the exception to see who has it now.",
        )
    if exception.status not in LIVE:
        raise TransitionRefused(
            "exceptions.over", f"{exception.ref} is {exception.status}; there is nothing left to answer."
        )
    return exception, response


@transaction.atomic
def acknowledge(*, response_id: int, actor: User, via: str, eta: datetime | None = None) -> Response:
    """Say yes for a function: its clock and ladder stop, its open tellings are dropped.

    The owner's moves the exception from open to acknowledged and makes the actor its person; the last required one
    aligns it. `eta` (aware) is when the person will be there. Repeating it changes nothing. NotAllowed
    `exceptions.not_your_response`, TransitionRefused `exceptions.response_declined` or `exceptions.over`. Locks the
    exception.
    """
    exception, response = _open_response(response_id, actor)
    if not response.answered:
        _acknowledge(exception, response, actor, via, eta)
    elif eta is not None and eta != response.eta_at:
        response.eta_at = eta
        response.save(update_fields=["eta_at"])
        announce(exception, kind=EventKind.ON_THE_WAY)
    return response


def _acknowledge(
    exception: ExceptionRecord, response: Response, actor: User, via: str, eta: datetime | None = None
) -> None:
    now = clock.now()
    response.status = ResponseStatus.ACKNOWLEDGED
    response.acknowledged_at, response.acknowledged_by, response.person = now, actor, actor
    response.told_at = response.told_at or now
    response.seen_at = response.seen_at or now
    response.eta_at = eta or response.eta_at
    response.next_level_at = response.remind_at = None
    watch_answer(response, exception, now)
    response.save()
    drop_tellings(exception, because="acknowledged", response=response)
    late = bool(response.acknowledge_due_at and now > response.acknowledge_due_at)
    data = {
        "response": response.pk, "function": response.function.code, "role": response.role, "late": late,
        "level": response.level, "owner": response.is_owner,
    }  # fmt: skip
    text = f"{response.function.name} acknowledged"
    if response.is_owner:
        exception.owner = actor
        if exception.status == Status.OPEN:
            move(exception=exception, to=Status.ACKNOWLEDGED, acknowledged_at=now, also=("owner",))
        else:
            keep(exception, "owner")
    record_event(exception=exception, kind=EventKind.ACKNOWLEDGED, actor=actor, via=via, text=text, data=data)
    align(exception)
    announce(exception, kind=EventKind.ACKNOWLEDGED, people=[actor.pk])


def acknowledge_by_deciding(*, exception: ExceptionRecord, actor: User, via: str) -> None:
    """A decision on an open, locked exception is also its owner's yes: acknowledges the owner's response as `actor`.

    Whether the actor may decide was asked by the caller. The former person stays known in the event.
    """
    response = exception.responses.select_related("function", "site", "person").get(is_owner=True)
    response.exception = exception
    if not response.answered:
        _acknowledge(exception, response, actor, via)
    elif exception.status == Status.OPEN:
        move(exception=exception, to=Status.ACKNOWLEDGED)


def align(exception: ExceptionRecord) -> bool:
    """Stamp `aligned_at` when the last required function has acknowledged; False when one is missing or it was known.

    The caller holds the lock. In triage nothing is aligned: what is affected is not known yet.
    """
    responses = list(exception.responses.exclude(status=ResponseStatus.DECLINED).select_related("function"))
    complete = all(response.answered for response in responses if response.required)
    if exception.status == Status.TRIAGE or not complete or exception.aligned_at is not None:
        keep(exception, responses=responses)
        return False
    now = clock.now()
    again = exception.first_aligned_at is not None
    exception.aligned_at = now
    exception.first_aligned_at = exception.first_aligned_at or now
    keep(exception, "aligned_at", "first_aligned_at", responses=responses)
    count = sum(1 for response in responses if response.required)
    record_event(
        exception=exception, kind=EventKind.ALIGNED, actor_text="all functions", via="system",
        text="Aligned again" if again else f"All {count} functions have acknowledged",
        data={"functions": count, "again": again},
    )  # fmt: skip
    return True


def _step(
    response_id: int, actor: User, via: str, *, to: ResponseStatus, stamp: str, kind: str, text: str,
    eta: datetime | None = None,
) -> Response:  # fmt: skip
    """One step forward on a response; acknowledges it first where nobody had. Never goes back."""
    exception, response = _open_response(response_id, actor)
    if not response.answered:
        _acknowledge(exception, response, actor, via, eta)
    forward = _ORDER.index(to) > _ORDER.index(response.status)
    if eta is not None and eta != response.eta_at:
        response.eta_at = eta
    elif not forward:
        return response
    if forward:
        response.status = to
        response.remind_at = response.lapses_at = None
    setattr(response, stamp, getattr(response, stamp) or clock.now())
    response.save()
    record_event(
        exception=exception, kind=kind, actor=actor, via=via, text=text.format(function=response.function.name),
        data={"response": response.pk, "function": response.function.code,
              "eta": response.eta_at.isoformat() if response.eta_at and kind == EventKind.ON_THE_WAY else None},
    )  # fmt: skip
    keep(exception)
    announce(exception, kind=kind, people=[response.person_id])
    return response


@transaction.atomic
def on_my_way(*, response_id: int, actor: User, via: str, eta: datetime | None = None) -> Response:
    """The person is coming, by `eta` (aware) where given. Acknowledges too. Errors and lock as `acknowledge`."""
    return _step(
        response_id, actor, via, to=ResponseStatus.ON_THE_WAY, stamp="on_the_way_at", kind=EventKind.ON_THE_WAY,
        text="{function} is on the way", eta=eta,
    )  # fmt: skip


@transaction.atomic
def arrived(*, response_id: int, actor: User, via: str) -> Response:
    """The person is there. Acknowledges too. Errors and lock as `acknowledge`."""
    return _step(
        response_id, actor, via, to=ResponseStatus.ARRIVED, stamp="arrived_at", kind=EventKind.ARRIVED,
        text="{function} is there",
    )  # fmt: skip


@transaction.atomic
def act(*, response_id: int, actor: User, via: str) -> Response:
    """The function works on it. Acknowledges too. Errors and lock as `acknowledge`."""
    return _step(
        response_id, actor, via, to=ResponseStatus.ACTING, stamp="acting_at", kind=EventKind.ACTING,
        text="{function} is acting",
    )  # fmt: skip


@transaction.atomic
def finish(*, response_id: int, actor: User, via: str) -> Response:
    """The function has done its part. Acknowledges too. Errors and lock as `acknowledge`."""
    return _step(
        response_id, actor, via, to=ResponseStatus.DONE, stamp="done_at", kind=EventKind.FINISHED,
        text="{function} has finished its part",
    )  # fmt: skip


@transaction.atomic
def decline(*, response_id: int, actor: User, via: str, reason: str) -> Response:
    """Say no with a reason: the next holder of the duty, else the next level of the ladder, gets a fresh response.

    Returns the fresh one. For the owner it counts as a re-route and takes an acknowledged exception back to open.
    InvalidInput `exceptions.reason_missing`; else errors and lock as `acknowledge`.
    """
    reason = reason.strip()
    if not reason:
        raise InvalidInput("exceptions.reason_missing", "Say why, so that the next one knows.")
    exception, response = _open_response(response_id, actor)
    if exception.status not in CORRELATES:
        raise TransitionRefused(
            "exceptions.over", f"{exception.ref} is {exception.status}; there is nothing left to decline."
        )
    without = {actor.pk, *([response.person_id] if response.person_id else [])}
    without |= set(
        Response.objects.filter(
            exception=exception,
            function=response.function_id,
            status=ResponseStatus.DECLINED,
            person__isnull=False,
        ).values_list("person_id", flat=True)
    )
    presence = Presence.of(exception, clock.now())
    role, level, person = _next_in_line(response, presence, without)
    fresh = fresh_response(
        exception=exception, function=response.function, site=response.site, role=role, person=person,
        required=response.required, is_owner=response.is_owner, limit=response.limit_minutes, at=presence.at,
        ladder=ladders.rest_of(response.ladder, role=role, level=level) if response.ladder else [],
        ladder_code=response.ladder_code, why=f"{actor} declined: {reason}",
    )  # fmt: skip
    pass_on(
        exception=exception, old=response, fresh=fresh, presence=presence, actor=actor, via=via, reason=reason,
        kind=EventKind.DECLINED, without=without, tell=not stays_quiet(response),
    )  # fmt: skip
    return fresh


def _next_in_line(response: Response, presence: Presence, without: set[int]) -> tuple[str, int, User | None]:
    """Role, level and person after a decline. With nobody left the top of the ladder keeps it, held visibly."""
    rungs = sorted(response.ladder, key=lambda rung: int(rung["level"]))
    level = int(rungs[0]["level"]) if rungs else 1
    person = presence.choose(
        response.role, function=response.function, site=response.site, without=without
    ) or presence.choose(response.role, site=response.site, without=without)
    if person is not None:
        return response.role, level, person
    role = response.role
    for rung in rungs[1:]:
        for candidate in rung["roles"]:
            role, level = candidate, int(rung["level"])
            person = presence.choose(candidate, site=response.site, without=without)
            if person is not None:
                return role, level, person
    return role, level, None


def pass_on(
    *, exception: ExceptionRecord, old: Response | None, fresh: Response, presence: Presence, actor: User, via: str,
    reason: str, kind: str, without: Collection[int] = (), owned: bool = False, tell: bool = True,
) -> None:  # fmt: skip
    """Replace a response by a fresh one: tellings, owner, clocks, status, counters and event. Caller holds the lock.

    `owned` says that ownership changes although `old` did not own (or there was none of that function); without `tell`
    nobody hears of it, as where response is capture only.
    """
    now = presence.at
    if old is not None:
        old.status, old.declined_at, old.decline_reason = ResponseStatus.DECLINED, now, reason[:160]
        owned, old.is_owner = owned or old.is_owner, False
        old.next_level_at = old.remind_at = old.lapses_at = None
        old.save()
        drop_tellings(exception, because="passed on", response=old)
    rows = first_tellings(fresh, presence=presence, reason=TellingReason.REROUTE, without=without)
    if not tell:
        keep_quiet(fresh, rows)
    fresh.save()
    Telling.objects.bulk_create(rows)
    wake("notices")
    data = {
        "response": old.pk if old else None, "fresh": fresh.pk, "function": fresh.function.code, "role": fresh.role,
        "from": str(old.person) if old and old.person else None, "to": str(fresh.person) if fresh.person else None,
        "owner": owned, "presence": presence.seen,
    }  # fmt: skip
    to = str(fresh.person) if fresh.person else f"nobody on duty as {role_words(fresh.role)}"
    text = f"{reason}; now with {to}" + ("" if tell else f" ({CAPTURE_ONLY}: nobody was told)")
    changed = _unalign(exception, fresh)
    if tell and owned and exception.status != Status.DECIDED:
        changed |= awaken(exception)
    if owned:
        exception.reroute_count += 1
        changed |= own(exception, fresh)
    if owned and exception.status == Status.ACKNOWLEDGED:
        move(exception=exception, to=Status.OPEN, also=changed, acknowledged_at=None)
    else:
        keep(exception, *changed)
    record_event(exception=exception, kind=kind, actor=actor, via=via, text=text, data=data)
    announce(exception, kind=kind, people=[row.person_id for row in rows])


def own(exception: ExceptionRecord, response: Response) -> set[str]:
    """Make this response's function, role and person the owner, in memory; returns the fields to write."""
    exception.owner, exception.owner_role = response.person, response.role
    exception.owner_function = response.function
    exception.acknowledge_due_at = response.acknowledge_due_at
    return {"owner", "owner_role", "owner_function", "acknowledge_due_at", "reroute_count"}


def _unalign(exception: ExceptionRecord, response: Response) -> set[str]:
    """A required function that has not answered makes an aligned exception unaligned; the first time stays known."""
    if response.required and not response.answered and exception.aligned_at is not None:
        exception.aligned_at = None
        return {"aligned_at"}
    return set()
