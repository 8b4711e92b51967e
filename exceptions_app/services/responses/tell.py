"""Due tellings beside an opening's: a change everybody should know, a response begun again, a person who came on duty.

Leaves rows for the notifying layer and wakes it; sends nothing itself. The caller holds the exception's lock.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from core import clock
from core.wake import wake
from exceptions_app.models import ExceptionRecord, Response, ResponseStatus, Telling, TellingReason
from exceptions_app.models.records import CORRELATES
from exceptions_app.rules import ladder as ladders
from exceptions_app.services.records.moves import drop_tellings, keep, locked
from exceptions_app.services.records.story import announce
from exceptions_app.services.responses.adopted import CAPTURE_ONLY, keep_quiet, opened_quietly, stays_quiet
from exceptions_app.services.responses.layout import first_tellings, start_climbing, telling
from exceptions_app.services.responses.presence import Presence
from plant_app.models import Duty, Function, User
from routing_app.words import DUTY_OF

HELD_AGAIN = timedelta(minutes=5)
# What the notifying layer writes on a telling it finds without a person.
NOBODY = "nobody on duty"


def tell_change(*, exception: ExceptionRecord, text: str, without: Collection[int] = ()) -> int:
    """Tell the person of every response of an exception that something changed; returns how many.

    `without` are ids of people who know already (whoever did it). Where response is capture only nobody is told but
    those somebody asked with that word. Wakes the notifying layer.
    """
    now = clock.now()
    rows = []
    told = set(without)
    responses = exception.responses.exclude(status=ResponseStatus.DECLINED).select_related("person")
    if opened_quietly(exception):
        loud = exception.tellings.exclude(dropped=CAPTURE_ONLY).filter(response__isnull=False)
        responses = responses.filter(pk__in=loud.values("response"))
    for response in responses:
        if response.person is None or response.person.pk in told:
            continue
        told.add(response.person.pk)
        rows.append(
            telling(
                exception=exception,
                response=response,
                reason=TellingReason.CHANGE,
                role=response.role,
                person=response.person,
                level=response.level,
                at=now,
                text=text,
            )
        )
    Telling.objects.bulk_create(rows)
    if rows:
        wake("notices")
    return len(rows)


def tell(
    *, exception: ExceptionRecord, text: str, function: Function | None = None, role: str = "",
    person: User | None = None, reason: str = TellingReason.CHANGE,
) -> Telling:  # fmt: skip
    """Tell one person of a locked exception something, or whoever holds `role` now (empty: the function's duty).

    With nobody on duty the telling is held visibly. Wakes the notifying layer.
    """
    now = clock.now()
    role = role or (DUTY_OF.get(function.code, Duty.SHIFT_SUPERVISOR) if function else "")
    if person is None and role:
        presence = Presence.of(exception, now)
        person = presence.choose(role, function=function) or presence.choose(role)
    row = telling(exception=exception, reason=reason, role=role, person=person, at=now, text=text)
    row.save()
    wake("notices")
    return row


def begin_again(
    *, exception: ExceptionRecord, response: Response | None = None, reason: str = TellingReason.CHANGE,
    text: str = "",
) -> Response:  # fmt: skip
    """Start a response (the owner's where none is given) over: due to be told now, its own clock and ladder from the
    beginning, to whoever holds the duty now (the same person if still there), in the words `text`. Wakes the notifying
    layer.
    """
    now = clock.now()
    if response is None:
        response = exception.responses.select_related("function", "site", "person").get(is_owner=True)
    drop_tellings(exception, because="begun again", response=response)
    presence = Presence.of(exception, now)
    holders = presence.people(response.role, site=response.site)
    if response.person is None or response.person not in holders:
        response.person = presence.choose(response.role, function=response.function, site=response.site)
    response.exception = exception
    response.status = ResponseStatus.DUE
    response.due_at, response.acknowledge_due_at = now, now + timedelta(minutes=response.limit_minutes)
    response.told_at = response.delivered_at = response.seen_at = response.acknowledged_at = None
    response.acknowledged_by = None
    response.lapses_at = response.lapse_reminded_at = None
    response.on_the_way_at = response.eta_at = response.arrived_at = response.acting_at = response.done_at = (
        None
    )
    rows = first_tellings(response, presence=presence, reason=reason, text=text)
    if stays_quiet(response):
        keep_quiet(response, rows)
    response.save()
    Telling.objects.bulk_create(rows)
    if response.is_owner and exception.owner_id != response.person_id:
        exception.owner = response.person
    keep(exception, "owner")
    wake("notices")
    return response


@transaction.atomic
def staff_held(*, limit: int = 20) -> int:
    """Tell whoever has come on duty since of what nobody was there for; returns how many found a person.

    The first telling of a response brings its person along, the owner's also the exception's owner. Where nobody at all
    had been told, the response's clock and ladder begin only now. A held telling is looked at every five minutes.
    Locks the exceptions, skipping those others work on.
    """
    now = clock.now()
    held = list(
        Telling.objects.filter(person=None, response__isnull=False, due_at__lte=now)
        .filter(Q(dropped="", taken_at=None) | Q(dropped=NOBODY))
        .order_by("due_at", "pk")
        .values_list("pk", "exception_id")[:limit]
    )
    free = set(
        ExceptionRecord.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(pk__in={exception_id for _, exception_id in held})
        .values_list("pk", flat=True)
    )
    found = 0
    for pk, exception_id in held:
        if exception_id not in free:
            continue
        row = Telling.objects.select_related("response__function", "response__site").get(pk=pk)
        found += _staff(row, locked(exception_id), now)
    if found:
        wake("notices")
    return found


def _staff(row: Telling, exception: ExceptionRecord, now: datetime) -> int:
    """Look once for the person a held telling waits for; returns 1 when found."""
    if row.dropped not in ("", NOBODY):
        return 0
    response = row.response
    if response is None or exception.status not in CORRELATES or response.answered:
        _settle(row, "over before anybody came on duty", now)
        return 0
    person = Presence.of(exception, now).choose(row.role, site=response.site)
    if person is None:
        Telling.objects.filter(pk=row.pk).update(due_at=now + HELD_AGAIN)
        return 0
    _settle(row, "told once somebody was on duty", now)
    minutes = int((now - response.due_at) / timedelta(minutes=1))
    response.exception = exception
    if not response.tellings.filter(person__isnull=False).exists():
        _start_clock(row, response, exception, now)
    telling(
        exception=exception, response=response, reason=row.reason, level=row.level, role=row.role, person=person,
        at=now, text=f"You came on duty; it waits for {ladders.waited(minutes)}",
    ).save()  # fmt: skip
    if response.person_id is None and row.role == response.role:
        response.person = person
        response.save(update_fields=["person"])
        if response.is_owner:
            exception.owner = person
            keep(exception, "owner")
    announce(exception, kind="told", people=[person.pk])
    return 1


def _start_clock(row: Telling, response: Response, exception: ExceptionRecord, now: datetime) -> None:
    """The first one of a response to be told at all: its limit counts from here, and higher levels wait their turn."""
    response.due_at = now
    if response.required:
        response.acknowledge_due_at = now + timedelta(minutes=response.limit_minutes)
    start_climbing(response, row.level, now)
    response.save(
        update_fields=["due_at", "acknowledge_due_at", "level", "next_level_at", "remind_at", "reminders",
                       "repeats_told"]
    )  # fmt: skip
    Telling.objects.filter(response=response, person=None, level__gt=row.level).filter(
        Q(dropped="") | Q(dropped=NOBODY)
    ).update(dropped="a lower level is asked first", taken_at=now)
    if response.is_owner:
        exception.acknowledge_due_at = response.acknowledge_due_at
        keep(exception, "acknowledge_due_at")


def _settle(row: Telling, words: str, now: datetime) -> None:
    Telling.objects.filter(pk=row.pk).update(dropped=words, taken_at=row.taken_at or now)
