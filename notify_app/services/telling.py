"""From due tellings to notices, and from notices back to the responses they tell.

Claims tellings without touching the exception (whoever changes an exception locks it first and its tellings after), so
the two never wait for each other in a circle.
"""

from collections.abc import Iterator
from typing import Final, TypeVar

from django.db import transaction
from django.db.models import Q
from django.utils import translation

from core import clock, due
from core.hints import hint
from core.languages import SOURCE, label
from core.wake import wake
from exceptions_app import services as exceptions
from exceptions_app.models import Telling
from exceptions_app.models.responses import ANSWERED, ResponseStatus
from notify_app import words
from notify_app.manners import urgency_of
from notify_app.models import Notice, NoticeChannel, NoticeStatus
from notify_app.services.floods import NEEDED_ANYWAY, Floods, Hold
from notify_app.services.ways import TeamWays, Ways, patience_until
from plant_app.languages import own_language

Row = TypeVar("Row")

BATCH = 100
#: Channels with a sender of their own; mail goes with the run that takes the tellings.
WAKES: Final = {
    NoticeChannel.PUSH.value: "notices_push",
    NoticeChannel.CHAT.value: "notices_outside",
    NoticeChannel.PHONE.value: "notices_outside",
}
#: Reasons a ladder's level is behind.
CLIMBED: Final = frozenset({"first", "escalation", "ladder"})


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
            "response__person", "person__home_site", "exception__site", "exception__type", "exception__owner",
            "exception__work_unit",
            "exception__work_centre", "exception__area", "response__function",
        )
        .order_by("urgency_rank", "due_at", "pk"),
        limit,
    )  # fmt: skip
    ways = Ways(telling.person for telling in tellings if telling.person is not None)
    teams = TeamWays(tellings)
    floods = Floods(tellings, now, ways)
    notices: list[Notice] = []
    for telling in tellings:
        telling.taken_at = now
        telling.dropped = telling.dropped or _not_needed(telling)
        if not telling.dropped:
            notices += _notices_of(telling, ways, teams, floods.holds(telling))
    Telling.objects.bulk_update(tellings, ["taken_at", "dropped"])
    Notice.objects.bulk_create(notices)
    people = {f"user.{notice.person_id}" for notice in notices}
    if people:
        hint(*sorted(people), kind="notice")
    for name in sorted({WAKES[notice.channel] for notice in notices if notice.channel in WAKES}):
        wake(name)
    return len(tellings)


def _not_needed(telling: Telling) -> str:
    """Why nobody has to be told any more, in words; empty when somebody has."""
    if telling.person is None:
        return "nobody on duty"
    if not telling.exception.is_live and telling.reason != "mention":
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


def _asked_channel(telling: Telling) -> str:
    """The channel the frozen ladder's level asks for beside the person's own; empty where it names none."""
    if telling.response is None or telling.reason not in CLIMBED:
        return ""
    rungs = telling.response.ladder
    return next((str(rung.get("channel", "")) for rung in rungs if rung.get("level") == telling.level), "")


def _notices_of(telling: Telling, ways: Ways, teams: TeamWays, hold: Hold | None) -> list[Notice]:
    """The portal's notice, and those of the person's channels; what waits says for what."""
    person = telling.person
    if person is None:
        return []
    exception, response = telling.exception, telling.response
    with translation.override(own_language(person) or SOURCE):
        story = _story(telling)
        subject, body = words.subject(story), words.body(story)
    common = {
        "telling": telling,
        "exception": exception,
        "response": response,
        "person": person,
        "asked": response.person if response else None,
        "subject": subject,
        "body": body,
        "urgency_rank": telling.urgency_rank,
        "created_at": clock.now(),
    }
    notices = [
        Notice(
            channel=NoticeChannel.IN_APP, status=NoticeStatus.DELIVERED, sent_at=clock.now(), due_at=clock.now(),
            **common,
        )
    ]  # fmt: skip
    if clock.moved():
        return notices
    now = clock.now()
    for channel, address in ways.at_once(
        person, urgency_of(telling.urgency_rank), also=_asked_channel(telling)
    ):
        if hold is None:
            notices.append(
                Notice(
                    channel=channel, address=address, due_at=now,
                    fallback_at=patience_until(telling.urgency_rank, now), **common,
                )
            )  # fmt: skip
        else:
            notices.append(
                Notice(
                    channel=channel, address=address, status=NoticeStatus.HELD, due_at=hold.until,
                    held_for=hold.because, **common,
                )
            )  # fmt: skip
    notices += [
        Notice(channel=address.channel, address=address, due_at=now, **(common | _for_many(telling)))
        for address in teams.of(telling)
    ]
    return notices


def _story(telling: Telling) -> words.Story:
    """What the notice may say, names of the plant in the language that is active."""
    exception, response = telling.exception, telling.response
    return words.Story(
        ref=exception.ref,
        title=exception.title,
        type_name=label(exception.type.name),
        place=str(exception.work_unit or exception.work_centre or exception.area or exception.site),
        urgency=exception.urgency,
        occurred_at=exception.occurred_at,
        zone=exception.site.timezone,
        function=label(response.function.name) if response else "",
        reason=telling.reason,
        acknowledge_by=response.acknowledge_due_at if response else None,
        note=telling.text,
        owner=str(exception.owner) if exception.owner else "",
        is_owner=bool(response and response.is_owner),
    )


def _for_many(telling: Telling) -> dict[str, str]:
    """The words for a team's channel, which people of several languages read: the source's."""
    with translation.override(SOURCE):
        story = _story(telling)
        return {"subject": words.subject(story), "body": words.body(story)}


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
