"""From due tellings to notices, and from notices back to the responses they tell.

Claims tellings without touching the exception (whoever changes an exception locks it first and its tellings after), so
the two never wait for each other in a circle.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import Q

from core import clock, due
from core.hints import hint
from exceptions_app import services as exceptions
from exceptions_app.models import Telling
from exceptions_app.models.responses import ANSWERED, ResponseStatus
from notify_app import words
from notify_app.models import Notice, NoticeChannel, NoticeStatus, Preference
from notify_app.services.floods import Floods

Row = TypeVar("Row")

BATCH = 100
NEEDED_ANYWAY = {"inform", "change", "undecided"}


def take_tellings(*, limit: int = 500) -> int:
    """Write the notices of due tellings, most urgent first; returns how many tellings were taken."""
    taken = 0
    while taken < limit:
        count = _take_batch(min(BATCH, limit - taken))
        taken += count
        if count < BATCH:
            break
    return taken


@transaction.atomic
def _take_batch(limit: int) -> int:
    now = clock.now()
    tellings = due.claim(
        Telling.objects.filter(taken_at__isnull=True, due_at__lte=now)
        .select_related(
            "person", "exception__site", "exception__type", "exception__owner", "exception__work_unit",
            "exception__work_centre", "exception__area", "response__function",
        )
        .order_by("urgency_rank", "due_at", "pk"),
        limit,
    )  # fmt: skip
    mail = _mail_wanted(tellings)
    floods = Floods(tellings, now)
    notices: list[Notice] = []
    for telling in tellings:
        telling.taken_at = now
        telling.dropped = telling.dropped or _not_needed(telling)
        if not telling.dropped:
            notices += _notices_of(
                telling,
                wants_mail=(telling.person_id, telling.exception.urgency) in mail,
                held_until=floods.holds(telling),
            )
    Telling.objects.bulk_update(tellings, ["taken_at", "dropped"])
    Notice.objects.bulk_create(notices)
    people = {f"user.{notice.person_id}" for notice in notices}
    if people:
        hint(*sorted(people), kind="notice")
    return len(tellings)


def _not_needed(telling: Telling) -> str:
    """Why nobody has to be told any more, in words; empty when somebody has."""
    if telling.person is None:
        return "nobody on duty"
    if not telling.exception.is_live:
        return "ended"
    response = telling.response
    if response is None or telling.reason in NEEDED_ANYWAY:
        return ""
    idle = telling.reason == "reminder" and response.lapses_at is not None
    if response.status in ANSWERED and not idle:
        return "already answered"
    if response.status == ResponseStatus.DECLINED:
        return "declined"
    return ""


def _mail_wanted(tellings: list[Telling]) -> set[tuple[int | None, str]]:
    """(person, urgency) pairs whose person takes mail; everyone with an address does until they say otherwise."""
    people = {telling.person_id: telling.person for telling in tellings if telling.person is not None}
    refused = set(
        Preference.objects.filter(user__in=list(people), email=False).values_list("user_id", "urgency")
    )
    pairs = {(telling.person_id, telling.exception.urgency) for telling in tellings}
    return {
        (person_id, urgency)
        for person_id, urgency in pairs
        if person_id in people and people[person_id].email and (person_id, urgency) not in refused
    }


def _notices_of(telling: Telling, *, wants_mail: bool, held_until: datetime | None) -> list[Notice]:
    exception, response = telling.exception, telling.response
    story = words.Story(
        ref=exception.ref,
        title=exception.title,
        type_name=exception.type.name,
        place=str(exception.work_unit or exception.work_centre or exception.area or exception.site),
        urgency=exception.urgency,
        occurred_at=exception.occurred_at,
        zone=exception.site.timezone,
        function=response.function.name if response else "",
        reason=telling.reason,
        acknowledge_by=response.acknowledge_due_at if response else None,
        note=telling.text,
        owner=str(exception.owner) if exception.owner else "",
        is_owner=bool(response and response.is_owner),
    )
    common = {
        "telling": telling,
        "exception": exception,
        "response": response,
        "person": telling.person,
        "subject": words.subject(story),
        "body": words.body(story),
        "urgency_rank": telling.urgency_rank,
        "created_at": clock.now(),
    }
    notices = [
        Notice(
            channel=NoticeChannel.IN_APP, status=NoticeStatus.DELIVERED, sent_at=clock.now(), due_at=clock.now(),
            **common,
        )
    ]  # fmt: skip
    if wants_mail and not clock.moved():
        status = NoticeStatus.HELD if held_until else NoticeStatus.QUEUED
        notices.append(
            Notice(channel=NoticeChannel.EMAIL, status=status, due_at=held_until or clock.now(), **common)
        )
    return notices


def record_told(*, limit: int = 500) -> int:
    """Let each told response know, many in one transaction; returns how many notices were recorded.

    Locks the exceptions of a batch, skipping those others work on; these follow one by one, each waiting for its lock.
    """
    pending = list(
        Notice.objects.filter(recorded_at__isnull=True, created_at__lte=clock.now())
        .filter(Q(channel=NoticeChannel.IN_APP) | Q(sent_at__isnull=False))
        .order_by("created_at", "pk")
        .values_list("pk", "response_id", "telling__reason")[:limit]
    )
    tells = [(pk, None if reason == "inform" else response) for pk, response, reason in pending]
    for batch in batched(tells, BATCH):
        with transaction.atomic():
            done = exceptions.mark_many_told(response_ids={response for _, response in batch if response})
            _recorded([pk for pk, response in batch if response is None or response in done])
        for pk, response in batch:
            if response is not None and response not in done:
                with transaction.atomic():
                    exceptions.mark_told(response_id=response)
                    _recorded([pk])
    return len(pending)


def _recorded(notices: list[int]) -> None:
    Notice.objects.filter(pk__in=notices).update(recorded_at=clock.now())


def batched(rows: list[Row], size: int) -> Iterator[list[Row]]:
    """The rows in portions of `size` at most."""
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]
