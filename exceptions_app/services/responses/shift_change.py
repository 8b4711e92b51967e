"""Shift change: what outgoing people leave behind passes to the incoming role.

Work nobody acknowledged keeps its clock and gets a new person; an acknowledgement nobody acted on lapses and is asked
anew; what is being worked on, or decided, stays until it is handed or taken over. None of it counts against first pass.
A sweep over what was last looked at before the latest change: run twice or late, it does it once.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest

from core import clock
from core.wake import wake
from exceptions_app.lifecycle import CORRELATES, Status
from exceptions_app.models import EventKind, ExceptionRecord, Response, ResponseStatus, Telling, TellingReason
from exceptions_app.rules import ladder as ladders
from exceptions_app.services.records.moves import drop_tellings, keep, move
from exceptions_app.services.records.story import announce, record_event
from exceptions_app.services.responses.adopted import keep_quiet, stays_quiet
from exceptions_app.services.responses.calendar import hours_of
from exceptions_app.services.responses.layout import first_tellings, role_words, telling
from exceptions_app.services.responses.presence import Presence
from plant_app.models import Absence, DutyAssignment, Site, User
from plant_app.selectors import ShiftBook, people_on_duty

_WAITING = (ResponseStatus.DUE, ResponseStatus.TOLD, ResponseStatus.DELIVERED, ResponseStatus.SEEN)
_LOOKED_AT = (*_WAITING, ResponseStatus.ACKNOWLEDGED)


def change_shifts(*, limit: int = 200) -> int:
    """Pass on what people who are off duty since the last look still hold; returns how many responses changed hands.

    Each exception in a transaction of its own, locked, skipping those others work on: the next sweep finds them.
    """
    now = clock.now()
    passed = 0
    for site in Site.objects.all():
        edge = ShiftBook.of(site).last_change(now)
        found = list(_to_look_at(site, edge, now).values_list("pk", "exception_id", "person_id")[:limit])
        if not found:
            continue
        present = people_on_duty(site=site, at=now)
        here = [pk for pk, _exception, person in found if person in present]
        Response.objects.filter(pk__in=here, person__in=present).update(presence_at=now)
        gone = list(dict.fromkeys(one for _pk, one, person in found if person not in present))
        passed += sum(_pass_all(exception_id, site, edge, now, present) for exception_id in gone)
        if len(found) == limit:
            wake("shift_change")
    return passed


def _to_look_at(site: Site, edge: datetime | None, now: datetime) -> QuerySet[Response]:
    """Responses whose person was last looked at, asked or heard before the latest change that may concern them."""
    gone = Absence.objects.filter(person=OuterRef("person"), start__lte=now, end__gt=now).filter(
        Q(start__gte=OuterRef("looked")) | Q(created_at__gte=OuterRef("looked"))
    )
    covered = Absence.objects.filter(cover=OuterRef("person"), end__lte=now, end__gt=OuterRef("looked"))
    return (
        Response.objects.filter(
            site=site, status__in=_LOOKED_AT, exception__status__in=sorted(CORRELATES), person__isnull=False,
            due_at__lte=now,
        )
        .annotate(looked=Greatest("presence_at", "acknowledged_at", "due_at"))
        .filter((Q(looked__lt=edge) if edge else Q(pk__isnull=True)) | Exists(gone) | Exists(covered))
        .order_by("pk")
    )  # fmt: skip


@transaction.atomic
def _pass_all(
    exception_id: int, site: Site, edge: datetime | None, now: datetime, present: Collection[int]
) -> int:
    exception = (
        ExceptionRecord.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("site", "type", "owner", "owner_function", "area", "work_centre", "operation")
        .filter(pk=exception_id, status__in=CORRELATES)
        .first()
    )
    if exception is None:
        return 0
    presence = Presence.of(exception, now)
    passed = 0
    told: set[int | None] = set()
    rows = _to_look_at(site, edge, now).filter(exception=exception).exclude(person__in=present)
    for response in Response.objects.filter(pk__in=[row.pk for row in rows]).select_related(
        "function", "site", "person"
    ):
        response.exception = exception
        response.presence_at = now
        if response.person is None or _stays(exception, response, presence, now):
            response.save(update_fields=["presence_at"])
            continue
        if response.answered:
            told |= _lapse(exception, response, response.person, presence, now)
        else:
            told |= _hand_on(exception, response, response.person, presence, now)
        passed += 1
    if passed:
        announce(exception, kind=EventKind.SHIFT_CHANGED, people=sorted(pk for pk in told if pk))
        wake("notices")
    return passed


def _stays(exception: ExceptionRecord, response: Response, presence: Presence, now: datetime) -> bool:
    """Whether a response stays with somebody who went home: it is being worked on, the person has no shifts here, or
    the function's hours are over and nobody else would come before them.
    """
    if response.answered and exception.status == Status.DECIDED:
        return True
    if not DutyAssignment.objects.filter(person=response.person_id, site=response.site_id).exists():
        return True
    hours = hours_of(
        exception, function=response.function, site=response.site, role=response.role, presence=presence
    )
    return hours is not None and not hours.open_at(now)


def _incoming(response: Response, presence: Presence) -> User | None:
    return presence.choose(response.role, function=response.function, site=response.site) or presence.choose(
        response.role, site=response.site
    )


def _hand_on(
    exception: ExceptionRecord, response: Response, before: User, presence: Presence, now: datetime
) -> set[int | None]:
    """Nobody has answered: the incoming holder is asked instead, the clock and the ladder run on. With nobody there
    the ladder's next level that finds somebody is told now, and the delivery is held for the role.
    """
    drop_tellings(exception, because="shift change", response=response)
    quiet = stays_quiet(response)
    response.person = _incoming(response, presence)
    age = ladders.waited(int((now - response.due_at) / timedelta(minutes=1)))
    text = f"Shift change: {before} has gone, it waits for {age}"
    if response.person is not None:
        rows = [
            telling(
                exception=exception, response=response, reason=TellingReason.SHIFT, level=response.level or 1,
                role=response.role, person=response.person, at=now, text=text,
            )
        ]  # fmt: skip
    else:
        reached, due_at = response.level, response.next_level_at
        rows = first_tellings(response, presence=presence, reason=TellingReason.SHIFT, text=text)
        if response.level < reached:
            response.level, response.next_level_at = reached, due_at
    if quiet:
        keep_quiet(response, rows)
    response.save()
    Telling.objects.bulk_create(rows)
    if response.is_owner:
        exception.owner = response.person
    keep(exception, "owner")
    _tell_story(exception, response, before, presence, EventKind.SHIFT_CHANGED, text)
    return {row.person_id for row in rows}


def _lapse(
    exception: ExceptionRecord, response: Response, before: User, presence: Presence, now: datetime
) -> set[int | None]:
    """Acknowledged and not begun: the acknowledgement goes home with its person, the incoming role is asked anew."""
    drop_tellings(exception, because="shift change", response=response)
    response.status = ResponseStatus.DUE
    response.due_at = now
    response.acknowledge_due_at = (
        now + timedelta(minutes=response.limit_minutes) if response.required else None
    )
    response.told_at = response.delivered_at = response.seen_at = response.acknowledged_at = None
    response.acknowledged_by = response.eta_at = None
    response.lapses_at = response.lapse_reminded_at = None
    response.person = _incoming(response, presence)
    text = f"Shift change: {before} acknowledged and has gone"
    rows = first_tellings(
        response, presence=presence, reason=TellingReason.SHIFT, text=f"{text}; please take it over"
    )
    if stays_quiet(response):
        keep_quiet(response, rows)
    response.save()
    Telling.objects.bulk_create(rows)
    changed = set()
    if response.required and exception.aligned_at is not None:
        exception.aligned_at = None
        changed.add("aligned_at")
    if response.is_owner:
        exception.owner = response.person
        exception.acknowledge_due_at = response.acknowledge_due_at
        changed |= {"owner", "acknowledge_due_at"}
    if response.is_owner and exception.status == Status.ACKNOWLEDGED:
        move(exception=exception, to=Status.OPEN, also=changed, acknowledged_at=None)
    else:
        keep(exception, *changed)
    _tell_story(exception, response, before, presence, EventKind.ACKNOWLEDGEMENT_LAPSED, text)
    return {row.person_id for row in rows}


def _tell_story(
    exception: ExceptionRecord, response: Response, before: User, presence: Presence, kind: str, text: str
) -> None:
    to = str(response.person) if response.person else f"nobody on duty as {role_words(response.role)}"
    record_event(
        exception=exception, kind=kind, actor_text="shift change", via="system", text=f"{text}; now with {to}",
        data={
            "response": response.pk, "function": response.function.code, "role": response.role,
            "from": before.username, "to": response.person.username if response.person else None,
            "owner": response.is_owner, "level": response.level, "presence": presence.seen,
        },
    )  # fmt: skip
