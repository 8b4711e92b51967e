"""How far a telling got: told, delivered, seen. Only forwards, and never over an answer.

Owns these three stamps of a response and their lines in the story, for one response and for many at once. Raises no
version: nobody's work changed. Knows no channel.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from core import clock
from core.errors import NotFound
from exceptions_app.models import EventKind, ExceptionEvent, ExceptionRecord, Response, ResponseStatus
from exceptions_app.services.records.moves import locked
from exceptions_app.services.records.story import announce, event
from plant_app.models import User

_ORDER = [status.value for status in ResponseStatus]
_STAMPS = {
    ResponseStatus.TOLD: "told_at",
    ResponseStatus.DELIVERED: "delivered_at",
    ResponseStatus.SEEN: "seen_at",
}


@transaction.atomic
def mark_told(*, response_id: int, at: datetime | None = None) -> Response:
    """A notice of this response was handed to a channel. Once; later ones change nothing. Locks the exception."""
    return _one(response_id, ResponseStatus.TOLD, at)


@transaction.atomic
def mark_delivered(*, response_id: int, at: datetime | None = None) -> Response:
    """A provider says it reached the person. Once. Locks the exception."""
    return _one(response_id, ResponseStatus.DELIVERED, at)


@transaction.atomic
def mark_seen(*, response_id: int, actor: User | None = None, at: datetime | None = None) -> Response:
    """The person (`actor`, the one asked if not given) opened it. Once. Locks the exception."""
    return _one(response_id, ResponseStatus.SEEN, at, actor)


@transaction.atomic
def mark_many_told(*, response_ids: Collection[int]) -> set[int]:
    """As `mark_told` for many at once; returns those it saw to. Locks their exceptions, skipping those others work on,
    whose responses the caller marks one by one.
    """
    return _many(response_ids, ResponseStatus.TOLD)


@transaction.atomic
def mark_many_delivered(*, response_ids: Collection[int]) -> set[int]:
    """As `mark_delivered` for many at once; returns and locks as `mark_many_told`."""
    return _many(response_ids, ResponseStatus.DELIVERED)


def _one(response_id: int, to: ResponseStatus, at: datetime | None, actor: User | None = None) -> Response:
    found = Response.objects.filter(pk=response_id).values_list("exception_id", flat=True).first()
    if found is None:
        raise NotFound("exceptions.response_not_found", "There is no such response.")
    exception = locked(found)
    response = Response.objects.select_related("function", "person").get(pk=response_id)
    response.exception = exception
    _progress([response], to, at or clock.now(), actor)
    return response


def _many(response_ids: Collection[int], to: ResponseStatus) -> set[int]:
    if not response_ids:
        return set()
    # Waits for nobody, so holding many exceptions at once cannot close a circle with whoever holds two.
    exceptions = {
        exception.pk: exception
        for exception in ExceptionRecord.objects.select_for_update(
            no_key=True, skip_locked=True, of=("self",)
        )
        .filter(pk__in=Response.objects.filter(pk__in=response_ids).values("exception_id"))
        .select_related("site", "type", "owner", "owner_function")
    }
    responses = list(
        Response.objects.filter(pk__in=response_ids, exception__in=exceptions)
        .select_related("function", "person")
        .order_by("pk")
    )
    for response in responses:
        response.exception = exceptions[response.exception_id]
    _progress(responses, to, clock.now())
    return {response.pk for response in responses}


def _progress(
    responses: Sequence[Response], to: ResponseStatus, moment: datetime, actor: User | None = None
) -> None:
    """Stamp those without one and say so in their stories; one hint an exception. Their exceptions are locked."""
    stamp = _STAMPS[to]
    fresh = [response for response in responses if getattr(response, stamp) is None]
    if not fresh:
        return
    by_status: dict[str, list[int]] = {}
    for response in fresh:
        setattr(response, stamp, moment)
        if _ORDER.index(to) > _ORDER.index(response.status):
            response.status = to
        by_status.setdefault(response.status, []).append(response.pk)
    for status, ids in by_status.items():
        Response.objects.filter(pk__in=ids).update(**{stamp: moment, "status": status})
    if to != ResponseStatus.DELIVERED:
        ExceptionEvent.objects.bulk_create([_line(response, to, moment, actor) for response in fresh])
    for exception in {response.exception_id: response.exception for response in fresh}.values():
        announce(exception, kind=str(to))


def _line(response: Response, to: ResponseStatus, moment: datetime, actor: User | None) -> ExceptionEvent:
    person = actor or response.person
    who = str(person) if person else response.get_role_display()
    seen = to == ResponseStatus.SEEN
    return event(
        exception=response.exception, kind=EventKind.SEEN if seen else EventKind.TOLD, actor=person if seen else None,
        actor_text="notices", via="system", text=f"{who}, {response.function.name}", at=moment,
        data={"response": response.pk, "function": response.function.code},
    )  # fmt: skip
