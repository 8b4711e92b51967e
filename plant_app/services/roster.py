"""What people do to the shift calendar: away and back, cover, take a shift over, swap two shifts.

Every verb locks the people it concerns, in the order of their ids, writes the calendar and its append-only log, and
hints the site. What it means for open work is the business of whoever is woken.
"""

from datetime import date, datetime, timedelta

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound, TransitionRefused
from core.hints import hint
from core.wake import wake
from plant_app.models import (
    Absence,
    AbsenceKind,
    DutyAssignment,
    PresenceChange,
    PresenceKind,
    Shift,
    ShiftSwap,
    Site,
    SwapStatus,
    User,
)
from plant_app.selectors.duty import ShiftBook
from plant_app.selectors.presence import Stint, end_of_today, may_roster, may_stand_in, works

LONGEST = timedelta(days=366)


def _lock(*people: User) -> None:
    """Lock these people's rows, so that two changes of one person's calendar follow each other."""
    ids = sorted({person.pk for person in people})
    list(User.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))


def _note(
    kind: str, *, site: Site, person: User, actor: User, other: User | None = None,
    start: datetime | None = None, end: datetime | None = None,
) -> None:  # fmt: skip
    PresenceChange.objects.create(
        kind=kind, site=site, person=person, other=other, start=start, end=end, actor=actor
    )
    people = {person.pk, *([other.pk] if other else [])}
    hint(f"site.{site.pk}", *(f"user.{pk}" for pk in sorted(people)), kind="roster", change=str(kind))
    wake("shift_change")


def _must_roster(actor: User, person: User, site: Site) -> None:
    if not may_roster(actor, person, site):
        raise NotAllowed(
            "roster.not_allowed", f"You may not change the calendar of {person}.",
            "Ask a lead of their function, the shift supervisor or a planner.",
        )  # fmt: skip


def _check_cover(cover: User, person: User, site: Site, start: datetime, end: datetime) -> None:
    if cover.pk == person.pk:
        raise InvalidInput("roster.own_cover", "Nobody covers for themselves.")
    if not cover.is_active or not may_stand_in(cover, person, site):
        raise InvalidInput("roster.not_qualified", f"{cover} holds none of the duties of {person} here.")
    if Absence.objects.filter(person=cover, start__lt=end, end__gt=start).exists():
        raise InvalidInput("roster.cover_away", f"{cover} is away then.")


@transaction.atomic
def say_away(
    *, person: User, site: Site, actor: User, start: datetime | None = None, end: datetime | None = None,
    cover: User | None = None,
) -> Absence:  # fmt: skip
    """`person` is away from `start` (aware, now if not given) until `end` (else the end of their day), perhaps covered.

    Everybody may say it of themselves; a cover is named by a lead. Never asks why. An overlapping absence is refused.
    NotAllowed `roster.not_allowed`; InvalidInput `roster.ends_before_start`, `roster.over`, `roster.too_long`,
    `roster.overlaps`, `roster.own_cover`, `roster.not_qualified`, `roster.cover_away`. Locks the person and the cover.
    """
    now = clock.now()
    start = start or now
    end = end or end_of_today(person=person, site=site, at=start)
    if actor.pk != person.pk or cover is not None:
        _must_roster(actor, person, site)
    if end <= start:
        raise InvalidInput("roster.ends_before_start", "The end must lie after the start.")
    if end <= now:
        raise InvalidInput("roster.over", "That is over already.")
    if end - start > LONGEST:
        raise InvalidInput("roster.too_long", "An absence lasts a year at most.")
    _lock(person, *([cover] if cover else []))
    other = Absence.objects.filter(person=person, start__lt=end, end__gt=start).first()
    if other is not None:
        raise InvalidInput("roster.overlaps", f"{person} is away then already.", "Change that absence.")
    if cover is not None:
        _check_cover(cover, person, site, start, end)
    absence = Absence.objects.create(
        person=person, start=start, end=end, cover=cover, made_by=actor, planned=start > now + timedelta(days=1),
        kind=AbsenceKind.COVERED if cover else AbsenceKind.AWAY,
    )  # fmt: skip
    _note(PresenceKind.AWAY, site=site, person=person, actor=actor, other=cover, start=start, end=end)
    return absence


def _absence(absence_id: int) -> Absence:
    found = (
        Absence.objects.select_for_update(no_key=True, of=("self",))
        .select_related("person", "cover")
        .filter(pk=absence_id)
        .first()
    )
    if found is None:
        raise NotFound("roster.absence_not_found", "There is no such absence.")
    return found


@transaction.atomic
def set_cover(*, absence_id: int, site: Site, cover: User | None, actor: User) -> Absence:
    """Name who stands in during an absence (None: nobody). Leads only. NotFound `roster.absence_not_found`; errors as
    `say_away`; TransitionRefused `roster.over`. Locks the absence and both people.
    """
    absence = _absence(absence_id)
    _must_roster(actor, absence.person, site)
    if absence.end <= clock.now():
        raise TransitionRefused("roster.over", "That absence is over.")
    if absence.kind in (AbsenceKind.SWAPPED, AbsenceKind.TAKEN):
        raise TransitionRefused("roster.swapped", "That shift was given away.", "Take the swap back first.")
    _lock(absence.person, *([cover] if cover else []))
    if cover is not None:
        _check_cover(cover, absence.person, site, max(absence.start, clock.now()), absence.end)
    if absence.cover_id == (cover.pk if cover else None):
        return absence
    absence.cover = cover
    absence.kind = AbsenceKind.COVERED if cover else AbsenceKind.AWAY
    absence.save(update_fields=["cover", "kind"])
    _note(
        PresenceKind.COVER, site=site, person=absence.person, actor=actor, other=cover, start=absence.start,
        end=absence.end,
    )  # fmt: skip
    return absence


@transaction.atomic
def say_back(*, absence_id: int, site: Site, actor: User) -> None:
    """End an absence now; one that has not begun goes altogether. The person or a lead. One that is over stays.

    NotFound `roster.absence_not_found`, NotAllowed `roster.not_allowed`. Locks the absence.
    """
    absence = _absence(absence_id)
    if actor.pk != absence.person_id:
        _must_roster(actor, absence.person, site)
    elif absence.kind in (AbsenceKind.SWAPPED, AbsenceKind.TAKEN):
        raise TransitionRefused("roster.swapped", "That shift was given away.", "Ask your lead to change it.")
    now = clock.now()
    if absence.end <= now:
        return
    start, end, person = absence.start, absence.end, absence.person
    if start >= now:
        absence.delete()
    else:
        absence.end = now
        absence.save(update_fields=["end"])
    _note(
        PresenceKind.BACK, site=site, person=person, actor=actor, start=start, end=min(end, max(start, now))
    )


def stint_of(*, person: User, site: Site, shift: Shift, day: date) -> Stint:
    """The shift of `person` that begins on `day`. InvalidInput `roster.no_such_shift`, `roster.not_their_shift`."""
    book = ShiftBook.of(site)
    known = next((one for one in book.shifts if one.pk == shift.pk), None)
    span = book.on(known, day) if known is not None else None
    if span is None or known is None:
        raise InvalidInput("roster.no_such_shift", f"There is no {shift} on {day}.")
    rows = DutyAssignment.objects.filter(person=person, site=site).select_related("team__rotation")
    always = [row for row in rows if row.shift_id is None and row.team_id is None and not row.on_call]
    if not always and not any(works(row, known, day) for row in rows):
        raise InvalidInput("roster.not_their_shift", f"{person} does not work {shift} on {day}.")
    return Stint(known, day, span.start, span.end)


def _free_for(person: User, site: Site, stint: Stint) -> None:
    """Refuse somebody who works this very shift, or is away in it."""
    rows = DutyAssignment.objects.filter(person=person, site=site).select_related("team__rotation")
    if any(works(row, stint.shift, stint.day) for row in rows):
        raise InvalidInput("roster.works_already", f"{person} works that shift already.")
    if Absence.objects.filter(person=person, start__lt=stint.end, end__gt=stint.start).exists():
        raise InvalidInput("roster.cover_away", f"{person} is away then.")


def _give(stint: Stint, *, person: User, to: User, actor: User, kind: str) -> Absence:
    """The one form a given-away shift takes: an absence for what is left of it, covered by the other."""
    start = max(stint.start, clock.now())
    if start >= stint.end:
        raise InvalidInput("roster.over", "That shift is over.")
    if Absence.objects.filter(person=person, start__lt=stint.end, end__gt=start).exists():
        raise InvalidInput("roster.overlaps", f"{person} is away then already.")
    return Absence.objects.create(
        person=person, start=start, end=stint.end, cover=to, kind=kind, made_by=actor
    )


@transaction.atomic
def take_shift(*, taker: User, person: User, site: Site, shift: Shift, day: date, actor: User) -> Absence:
    """`taker` takes over the shift of `person` that begins on `day`, or what is left of it. By the taker, or a lead.

    NotAllowed `roster.not_allowed`; InvalidInput `roster.not_qualified`, `roster.works_already`, `roster.cover_away`,
    `roster.overlaps`, `roster.no_such_shift`, `roster.not_their_shift`, `roster.over`. Locks both people.
    """
    if actor.pk != taker.pk:
        _must_roster(actor, person, site)
    _lock(taker, person)
    if taker.pk == person.pk or not may_stand_in(taker, person, site):
        raise InvalidInput("roster.not_qualified", f"{taker} holds none of the duties of {person} here.")
    stint = stint_of(person=person, site=site, shift=shift, day=day)
    _free_for(taker, site, stint)
    absence = _give(stint, person=person, to=taker, actor=actor, kind=AbsenceKind.TAKEN)
    _note(
        PresenceKind.TAKEN, site=site, person=person, other=taker, actor=actor, start=absence.start,
        end=absence.end,
    )  # fmt: skip
    return absence


@transaction.atomic
def ask_swap(
    *, asker: User, partner: User, site: Site, shift: Shift, day: date, return_shift: Shift | None = None,
    return_day: date | None = None, actor: User,
) -> ShiftSwap:  # fmt: skip
    """Ask `partner` to work a shift of `asker`, for one of theirs in return where given. By the asker, or a lead.

    Nothing changes until the partner (or a lead) accepts. Errors as `take_shift`; InvalidInput `roster.asked_already`,
    `roster.half_return`. Locks both people.
    """
    if actor.pk != asker.pk:
        _must_roster(actor, asker, site)
    if (return_shift is None) != (return_day is None):
        raise InvalidInput("roster.half_return", "Name the shift and its day.")
    _lock(asker, partner)
    if asker.pk == partner.pk or not may_stand_in(partner, asker, site):
        raise InvalidInput("roster.not_qualified", f"{partner} holds none of the duties of {asker} here.")
    stint = stint_of(person=asker, site=site, shift=shift, day=day)
    if stint.end <= clock.now():
        raise InvalidInput("roster.over", "That shift is over.")
    _free_for(partner, site, stint)
    if return_shift is not None and return_day is not None:
        _free_for(asker, site, stint_of(person=partner, site=site, shift=return_shift, day=return_day))
    standing = (SwapStatus.ASKED, SwapStatus.ACCEPTED)
    if ShiftSwap.objects.filter(asker=asker, shift=shift, day=day, status__in=standing).exists():
        raise InvalidInput("roster.asked_already", "This shift is offered to somebody already.")
    swap = ShiftSwap.objects.create(
        site=site, asker=asker, partner=partner, shift=shift, day=day, return_shift=return_shift,
        return_day=return_day,
    )  # fmt: skip
    _note(
        PresenceKind.SWAP_ASKED, site=site, person=asker, other=partner, actor=actor, start=stint.start,
        end=stint.end,
    )  # fmt: skip
    return swap


def _swap(swap_id: int) -> ShiftSwap:
    swap = (
        ShiftSwap.objects.select_for_update(no_key=True, of=("self",))
        .select_related("site", "asker", "partner", "shift", "return_shift")
        .filter(pk=swap_id)
        .first()
    )
    if swap is None:
        raise NotFound("roster.swap_not_found", "There is no such swap.")
    return swap


@transaction.atomic
def answer_swap(*, swap_id: int, actor: User, accept: bool) -> ShiftSwap:
    """The partner (or a lead) accepts or refuses; accepted, both shifts change hands at once. Once: the same answer
    again changes nothing.

    NotFound `roster.swap_not_found`, NotAllowed `roster.not_allowed`, TransitionRefused `roster.swap_settled`; errors
    as `take_shift` where the calendar has changed since. Locks the swap and both people.
    """
    swap = _swap(swap_id)
    wanted = SwapStatus.ACCEPTED if accept else SwapStatus.REFUSED
    if actor.pk != swap.partner_id:
        _must_roster(actor, swap.partner, swap.site)
    if swap.status == wanted:
        return swap
    if swap.status != SwapStatus.ASKED:
        raise TransitionRefused(
            "roster.swap_settled", f"This swap is {swap.get_status_display().lower()} already."
        )
    if accept:
        _lock(swap.asker, swap.partner)
        stint = stint_of(person=swap.asker, site=swap.site, shift=swap.shift, day=swap.day)
        _free_for(swap.partner, swap.site, stint)
        given = [_give(stint, person=swap.asker, to=swap.partner, actor=actor, kind=AbsenceKind.SWAPPED)]
        if swap.return_shift is not None and swap.return_day is not None:
            back = stint_of(person=swap.partner, site=swap.site, shift=swap.return_shift, day=swap.return_day)
            _free_for(swap.asker, swap.site, back)
            given.append(
                _give(back, person=swap.partner, to=swap.asker, actor=actor, kind=AbsenceKind.SWAPPED)
            )
        swap.absences.set(given)
    swap.status, swap.settled_at, swap.settled_by = wanted, clock.now(), actor
    swap.save(update_fields=["status", "settled_at", "settled_by"])
    _note(
        PresenceKind.SWAP_ACCEPTED if accept else PresenceKind.SWAP_REFUSED, site=swap.site, person=swap.asker,
        other=swap.partner, actor=actor,
    )  # fmt: skip
    return swap


@transaction.atomic
def withdraw_swap(*, swap_id: int, actor: User) -> ShiftSwap:
    """Take a swap back: an unanswered one by its asker or a lead, an accepted one by a lead while no shift of it has
    begun. NotAllowed `roster.not_allowed`, TransitionRefused `roster.swap_settled`. Locks the swap.
    """
    swap = _swap(swap_id)
    if swap.status == SwapStatus.WITHDRAWN:
        return swap
    if swap.status != SwapStatus.ASKED or actor.pk != swap.asker_id:
        _must_roster(actor, swap.asker, swap.site)
    begun = swap.absences.filter(start__lte=clock.now()).exists()
    if swap.status == SwapStatus.REFUSED or begun:
        raise TransitionRefused("roster.swap_settled", "This swap can no longer be taken back.")
    _lock(swap.asker, swap.partner)
    swap.absences.all().delete()
    swap.status, swap.settled_at, swap.settled_by = SwapStatus.WITHDRAWN, clock.now(), actor
    swap.save(update_fields=["status", "settled_at", "settled_by"])
    _note(
        PresenceKind.SWAP_WITHDRAWN, site=swap.site, person=swap.asker, other=swap.partner, actor=actor
    )  # fmt: skip
    return swap
