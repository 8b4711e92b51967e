"""Keeps signals from opening records: shelved, under a greater stop, in a planned stop; and lets them through later.

Only what machines send is held by a greater or a planned stop; a person who reports always gets a record, linked to the
greater one. Nothing is lost: a held signal keeps its reading, and what still stands when its holder ends is read again.
A safety stop is never held.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from core import clock
from core.errors import InvalidInput, NotFound, TransitionRefused
from core.hints import hint
from core.wake import wake
from exceptions_app.lifecycle import CORRELATES
from exceptions_app.models import (
    Channel,
    EventKind,
    ExceptionRecord,
    HeldBy,
    HeldSignal,
    ReadingStatus,
    Shelf,
    Signal,
    SignalReading,
)
from exceptions_app.services.records.links import Links
from exceptions_app.services.records.moves import locked
from exceptions_app.services.records.story import announce, record_event
from plant_app.models import ExceptionType, UnitState, User, WorkUnit, WorkUnitState

LONGEST = timedelta(days=30)
#: Types a greater stop covers, and those that can be one.
_COVERED = frozenset({"machine_downtime"})
_COVERING = ("machine_downtime", "safety_stop")
_PLANNED = (UnitState.PLANNED_STOP, UnitState.SETUP)
_MACHINES = frozenset({Channel.MACHINE.value, Channel.SYSTEM.value})


def hold_back(*, signal: Signal, type_: ExceptionType, links: Links, key: str) -> HeldSignal | None:
    """Hold the signal back if something says so; None when it may open a record. Inside the reading's transaction.

    A signal under a greater stop becomes evidence there (locks that record). A signal that was let through once is
    judged anew.
    """
    if type_.code == "safety_stop":
        return None
    shelf = _shelf(signal, type_, links)
    if shelf is not None:
        return _held(signal, key, links.work_unit, by=HeldBy.SHELF, shelf=shelf)
    if signal.channel not in _MACHINES or type_.code not in _COVERED or links.work_unit is None:
        return None
    parent = covering(links.work_unit)
    if parent is not None:
        _note_under(parent, signal, links.work_unit)
        return _held(signal, key, links.work_unit, by=HeldBy.PARENT, parent=parent)
    if _stops_as_planned(links.work_unit.pk):
        return _held(signal, key, links.work_unit, by=HeldBy.PLANNED)
    return None


def covering(unit: WorkUnit) -> ExceptionRecord | None:
    """The standing stop of a whole work centre or area that this machine is part of; the smallest first."""
    centre = unit.work_centre
    rows = ExceptionRecord.objects.filter(
        status__in=CORRELATES, cleared_at=None, work_unit=None, type__code__in=_COVERING, drill=False
    ).filter(Q(work_centre_id=centre.pk) | Q(work_centre=None, area_id=centre.area_id))
    return rows.order_by("work_centre_id", "pk").first()


def _shelf(signal: Signal, type_: ExceptionType, links: Links) -> Shelf | None:
    """The standing shelf that covers it; the one that ends last, so that what it holds comes up once."""
    now = clock.now()
    unit, centre, area = links.work_unit, links.work_centre, links.area
    rows = Shelf.objects.filter(site=links.site, lifted_at=None, starts_at__lte=now, ends_at__gt=now).filter(
        Q(type=None) | Q(type=type_),
        Q(work_unit=None) | Q(work_unit=unit),
        Q(work_centre=None) | Q(work_centre=centre),
        Q(area=None) | Q(area=area),
        Q(source=None) | Q(source_id=signal.source_id),
        Q(signal_name="") | Q(signal_name=str(signal.fields.get("signal", ""))),
    )
    if signal.channel not in _MACHINES:
        rows = rows.filter(people_too=True)
    return rows.order_by("-ends_at").first()


def _stops_as_planned(work_unit_id: int) -> bool:
    return WorkUnitState.objects.filter(work_unit_id=work_unit_id, until=None, state__in=_PLANNED).exists()


def _held(
    signal: Signal, key: str, unit: WorkUnit | None, *, by: HeldBy, shelf: Shelf | None = None,
    parent: ExceptionRecord | None = None,
) -> HeldSignal:  # fmt: skip
    row, _ = HeldSignal.objects.update_or_create(
        signal=signal,
        defaults={
            "by": by, "shelf": shelf, "parent": parent, "work_unit": unit, "correlation_key": key,
            "held_at": clock.now(), "over_at": None, "released_at": None,
        },
    )  # fmt: skip
    return row


def _note_under(parent: ExceptionRecord, signal: Signal, unit: WorkUnit) -> None:
    exception = locked(parent.pk)
    record_event(
        exception=exception, kind=EventKind.JOINED, actor_text=signal.reporter_text, via=signal.channel, signal=signal,
        text=f"{unit.code} stopped too: {signal.text}"[:300], data={"under": unit.code},
    )  # fmt: skip
    announce(exception, kind=EventKind.JOINED)


def end_held(*, key: str, at: datetime) -> int:
    """What is held back under this key is over (its machine runs again); returns how many signals that were."""
    if not key:
        return 0
    return HeldSignal.objects.filter(correlation_key=key, over_at=None, released_at=None).update(over_at=at)


@transaction.atomic
def release_held(*, limit: int = 100) -> int:
    """Let through what still stands though its holder has ended: the signal is read again and opens its record.

    Only the newest of a key is let through; its forerunners were the same matter. Claims the held rows; returns how
    many signals are read again.
    """
    now = clock.now()
    rows = list(
        HeldSignal.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        .filter(over_at=None, released_at=None)
        .filter(
            Q(by=HeldBy.SHELF) & (Q(shelf__ends_at__lte=now) | Q(shelf__lifted_at__isnull=False))
            | Q(by=HeldBy.PARENT) & (Q(parent__cleared_at__isnull=False) | ~Q(parent__status__in=CORRELATES))
            | Q(by=HeldBy.PLANNED)
            & ~Q(work_unit__states__in=WorkUnitState.objects.filter(until=None, state__in=_PLANNED))
        )
        .order_by("-held_at", "-pk")[:limit]
    )
    seen: set[str] = set()
    again = 0
    for row in rows:
        key = row.correlation_key or f"signal {row.signal_id}"
        row.released_at = now
        row.save(update_fields=["released_at"])
        if key in seen:
            continue
        seen.add(key)
        again += SignalReading.objects.filter(signal_id=row.signal_id, status=ReadingStatus.READ).update(
            status=ReadingStatus.PENDING, due_at=now, outcome=""
        )
    if again:
        wake("signals")
    return again


@transaction.atomic
def shelve(
    *, links: Links, type_: ExceptionType | None, ends_at: datetime, reason: str, author: User | None = None,
    author_text: str = "", source_id: int | None = None, signal_name: str = "", people_too: bool = False,
) -> Shelf:  # fmt: skip
    """Shelve what comes from a place (the smallest of `links`), a type or a sender until `ends_at` (aware).

    What already stands open stays. InvalidInput `exceptions.shelf` without a reason, for an end in the past or more
    than 30 days away, or for safety stops. No lock.
    """
    now = clock.now()
    if not reason.strip():
        raise InvalidInput("exceptions.shelf", "Say why it is shelved.", field="reason")
    if not now < ends_at <= now + LONGEST:
        raise InvalidInput(
            "exceptions.shelf",
            f"A shelf ends within {LONGEST.days} days.",
            "Choose an earlier end.",
            field="ends_at",
        )
    if type_ is not None and type_.code == "safety_stop":
        raise InvalidInput("exceptions.shelf", "A safety stop is never shelved.")
    if links.site is None:
        raise InvalidInput("exceptions.shelf", "Say for which site.", field="site")
    shelf = Shelf.objects.create(
        site=links.site, type=type_, area=None if links.work_centre or links.work_unit else links.area,
        work_centre=None if links.work_unit else links.work_centre, work_unit=links.work_unit, source_id=source_id,
        signal_name=signal_name[:120], people_too=people_too, reason=reason.strip()[:300], author=author,
        author_text=author_text[:80], starts_at=now, ends_at=ends_at,
    )  # fmt: skip
    hint(f"site.{links.site.pk}", kind="shelved", shelf=shelf.pk)
    return shelf


@transaction.atomic
def lift_shelf(*, shelf_id: int, actor: User) -> Shelf:
    """End a shelf now; what it holds and still stands comes up at once. TransitionRefused when it has ended already.
    Locks the shelf.
    """
    shelf = Shelf.objects.select_for_update(no_key=True, of=("self",)).filter(pk=shelf_id).first()
    if shelf is None:
        raise NotFound("exceptions.shelf_not_found", "There is no such shelf.")
    if shelf.lifted_at is not None or shelf.ends_at <= clock.now():
        raise TransitionRefused("exceptions.shelf_ended", "This shelf has ended already.")
    shelf.lifted_at, shelf.lifted_by = clock.now(), actor
    shelf.save(update_fields=["lifted_at", "lifted_by"])
    hint(f"site.{shelf.site_id}", kind="shelved", shelf=shelf.pk)
    wake("held")
    return shelf
