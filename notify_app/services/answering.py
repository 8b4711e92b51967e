"""Answers that come back from a notice: seen, acknowledged, on the way, declined."""

from collections.abc import Callable

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed
from exceptions_app import services as exceptions
from exceptions_app.models import Response
from notify_app.models import Notice
from notify_app.services.links import reassigned
from plant_app.models import User


def _acknowledge(response: Response, person: User, via: str, reason: str) -> Response:
    return exceptions.acknowledge(response_id=response.pk, actor=person, via=via)


def _on_my_way(response: Response, person: User, via: str, reason: str) -> Response:
    return exceptions.on_my_way(response_id=response.pk, actor=person, via=via)


def _decline(response: Response, person: User, via: str, reason: str) -> Response:
    return exceptions.decline(response_id=response.pk, actor=person, reason=reason, via=via)


ANSWERS: dict[str, Callable[[Response, User, str, str], Response]] = {
    "acknowledge": _acknowledge,
    "on_my_way": _on_my_way,
    "decline": _decline,
}


@transaction.atomic
def answer(*, notice: Notice, what: str, via: str = "link", reason: str = "") -> Response:
    """Answer as the person the notice told: `acknowledge`, `on_my_way` or `decline` (with a reason).

    Raises InvalidInput for anything else or a notice that asks nothing, NotAllowed (`notices.link_revoked`) when the
    answer has become somebody else's since, and what the response's own verbs raise.
    Locks the exception there.
    """
    verb = ANSWERS.get(what)
    if verb is None or notice.response is None:
        raise InvalidInput("notices.answer", "This notice does not ask for that answer.")
    asked = Response.objects.select_related("person").get(pk=notice.response.pk)
    notice.response = asked
    if (now_with := reassigned(notice)) is not None:
        raise NotAllowed("notices.link_revoked", f"This is no longer yours to answer{now_with}.")
    response = verb(asked, notice.person, via, reason)
    Notice.objects.filter(pk=notice.pk).update(answered_at=clock.now(), answer=what)
    return response


@transaction.atomic
def mark_seen(*, person: User, exception_id: int) -> int:
    """Note that a person has an exception before their eyes; returns how many notices that answers."""
    fresh = Notice.objects.filter(person=person, exception_id=exception_id, seen_at__isnull=True)
    responses = set(fresh.exclude(response__isnull=True).values_list("response_id", flat=True))
    count = fresh.update(seen_at=clock.now())
    for response_id in responses:
        exceptions.mark_seen(response_id=response_id, actor=person)
    return count
