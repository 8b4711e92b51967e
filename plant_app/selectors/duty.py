"""Who is on duty, and which shift it is.

Answers with persons and with how each came to be asked (on shift, as cover, on call); who is chosen among them, and
what happens when nobody is there, is decided above.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q

from plant_app import shift_times
from plant_app.models import (
    Absence,
    Area,
    Closed,
    Duty,
    DutyAssignment,
    Function,
    Holiday,
    Shift,
    Site,
    TeamRotation,
    User,
    WorkCentre,
)


@dataclass(frozen=True)
class ShiftNow:
    """A shift as it runs at some moment; a night shift's `day` is the local date it began."""

    shift: Shift
    start: datetime
    end: datetime
    day: date


class ShiftBook:
    """A site's shifts, read once and asked often."""

    def __init__(self, site: Site, shifts: Sequence[Shift]) -> None:
        self.zone = ZoneInfo(site.timezone)
        self.shifts = list(shifts)

    @classmethod
    def of(cls, site: Site) -> Self:
        """Read the book of `site` with its holidays: one query."""
        office = ExpressionWrapper(OuterRef("office"), output_field=BooleanField())
        closed = Holiday.objects.filter(site=OuterRef("site")).filter(Q(closes=Closed.ALL) | Q(office))
        return cls(
            site, list(Shift.objects.filter(site=site).annotate(closed=ArraySubquery(closed.values("day"))))
        )

    def runs(self, shift: Shift, at: datetime) -> shift_times.Span | None:
        """The occurrence of `shift` that `at` lies in, if any."""
        return shift_times.covering(pattern_of(shift), self.zone, at)

    def on(self, shift: Shift, day: date) -> shift_times.Span | None:
        """The occurrence of `shift` that begins on local `day`, if any."""
        return shift_times.occurrence(pattern_of(shift), self.zone, day)

    def last_change(self, at: datetime) -> datetime | None:
        """The latest moment until `at` at which a shift or the office began or ended."""
        return shift_times.last_change([pattern_of(shift) for shift in self.shifts], self.zone, at)

    def office(self) -> shift_times.Calendar:
        """When the site's offices are open; always where it has no office calendar."""
        return self.calendar({shift.pk for shift in self.shifts if shift.office})

    def calendar(self, shift_ids: Collection[int]) -> shift_times.Calendar:
        """When any of these shifts runs; always where there is none."""
        return shift_times.Calendar(
            self.zone, tuple(pattern_of(shift) for shift in self.shifts if shift.pk in shift_ids)
        )

    def at(self, moment: datetime) -> ShiftNow | None:
        """The shift of `moment`; where two overlap at handover, the one that began later. Office hours never count."""
        found = [
            (span, shift)
            for shift in self.shifts
            if not shift.office and (span := self.runs(shift, moment)) is not None
        ]
        if not found:
            return None
        span, shift = max(found, key=lambda pair: (pair[0].start, -pair[1].position))
        return ShiftNow(shift, span.start, span.end, span.day)

    def next_start(self, moment: datetime) -> datetime | None:
        """When the next shift begins after `moment`; None when none does within a week."""
        span = shift_times.following(
            [pattern_of(shift) for shift in self.shifts if not shift.office], self.zone, moment
        )
        return span.start if span else None


def pattern_of(shift: Shift) -> shift_times.Pattern:
    """The pattern of a shift row; its holidays are known where a `ShiftBook` read it."""
    closed = vars(shift).get("closed") or ()
    return shift_times.Pattern(shift.start, shift.end, frozenset(shift.weekdays), frozenset(closed))


def current_shift(site: Site, at: datetime) -> ShiftNow | None:
    """The shift running at `site` at `at`; None between shifts. One query; use `ShiftBook` for many moments."""
    return ShiftBook.of(site).at(at)


def shift_of(site: Site, at: datetime) -> Shift | None:
    """The shift `at` falls into; None between shifts."""
    found = current_shift(site, at)
    return found.shift if found else None


class Via(StrEnum):
    """How a person comes to be asked."""

    SHIFT = "shift"
    COVER = "cover"
    ON_CALL = "on_call"


@dataclass(frozen=True)
class Holder:
    """A person who holds a duty at a moment, the assignment it comes from, and for whom they stand in."""

    person: User
    assignment: DutyAssignment
    via: Via
    stands_in_for: User | None = None


class DutyBook:
    """Everybody who could hold certain duties around one place at one moment, read once and asked often."""

    def __init__(
        self,
        rows: Sequence[DutyAssignment],
        shifts: ShiftBook,
        at: datetime,
        area: Area | None = None,
        work_centre: WorkCentre | None = None,
    ) -> None:
        self.rows = sorted(rows, key=lambda row: (_distance(row, area, work_centre), row.position, row.pk))
        running = {shift.pk: (shift, span) for shift in shifts.shifts if (span := shifts.runs(shift, at))}
        self.on_shift = {row.pk for row in self.rows if _works(row, running)}
        self._absent = _absences({row.person_id for row in self.rows}, at) if self.rows else {}

    @classmethod
    def read(
        cls,
        *,
        site: Site,
        duties: Iterable[str],
        at: datetime,
        area: Area | None = None,
        work_centre: WorkCentre | None = None,
        shifts: ShiftBook | None = None,
    ) -> Self:
        """The book of `duties`: three queries, two where the site's `shifts` are at hand."""
        if area is None and work_centre is not None:
            area = work_centre.area
        rows = DutyAssignment.objects.filter(
            site=site, duty__in=list(duties), person__is_active=True
        ).select_related("person", "team__rotation")
        if area is not None:
            rows = rows.filter(Q(area=None) | Q(area=area))
        if work_centre is not None:
            rows = rows.filter(Q(work_centre=None) | Q(work_centre=work_centre))
        elif area is not None:
            rows = rows.filter(Q(work_centre=None) | Q(work_centre__area=area))
        return cls(list(rows), shifts or ShiftBook.of(site), at, area, work_centre)

    def holders(
        self, duty: str, *, function_id: int | None = None, area_id: int | None = None, exactly: bool = False
    ) -> list[Holder]:
        """Who holds `duty`, first to be asked first: those on shift, minus absences, plus their cover; when that leaves
        nobody, whoever is on call. `exactly` narrows to assignments for this area (None: for the whole site).
        """
        rows = [
            row
            for row in self.rows
            if row.duty == duty
            and (function_id is None or row.function_id == function_id)
            and (not exactly or row.area_id == area_id)
        ]
        on_shift = [row for row in rows if row.pk in self.on_shift]
        on_call = [row for row in rows if row.on_call and row.pk not in self.on_shift]
        return _present(on_shift, self._absent, Via.SHIFT) or _present(on_call, self._absent, Via.ON_CALL)

    def calendar(self, duty: str, shifts: ShiftBook) -> shift_times.Calendar:
        """When somebody who holds `duty` works, on call aside; the office's hours where nobody is down for it."""
        rows = [row for row in self.rows if row.duty == duty and not _only_on_call(row)]
        if not rows:
            return shifts.office()
        wanted: set[int] = set()
        for row in rows:
            rotation = rotation_of(row)
            if row.shift_id is not None:
                wanted.add(row.shift_id)
            elif rotation is not None:
                wanted |= {shift.pk for shift in shifts.shifts if shift.code in rotation.cycle}
            elif row.team_id is None:
                return shifts.calendar(())
        return shifts.calendar(wanted)


def duty_roster(
    *,
    site: Site,
    duty: str,
    at: datetime,
    function: Function | str | None = None,
    area: Area | None = None,
    work_centre: WorkCentre | None = None,
) -> list[Holder]:
    """Everybody who holds `duty` at `at`, first to be asked first. Three queries (`DutyBook` for many duties).

    On shift: assignments whose shift runs (none named: every shift), minus absences, plus their cover; those of the
    work centre before those of the area before those of the whole site; another area's are never asked. When that
    leaves nobody, whoever is on call for the duty. `function` is a row or a code.
    """
    book = DutyBook.read(site=site, duties=[duty], at=at, area=area, work_centre=work_centre)
    if isinstance(function, str):
        function = Function.objects.filter(code=function).first()
        if function is None:
            return []
    return book.holders(duty, function_id=function.pk if function is not None else None)


def duty_holders(
    *,
    site: Site,
    duty: str,
    at: datetime,
    function: Function | str | None = None,
    area: Area | None = None,
    work_centre: WorkCentre | None = None,
) -> list[User]:
    """As `duty_roster`, only the persons."""
    roster = duty_roster(site=site, duty=duty, at=at, function=function, area=area, work_centre=work_centre)
    return [holder.person for holder in roster]


def _only_on_call(row: DutyAssignment) -> bool:
    """Whether an assignment names no time of its own, only that its person may be called."""
    return row.on_call and row.shift_id is None and row.team_id is None


def _works(row: DutyAssignment, running: dict[int, tuple[Shift, shift_times.Span]]) -> bool:
    """Whether an assignment is on shift, given the shifts that run."""
    if row.shift_id is not None:
        return row.shift_id in running
    rotation = rotation_of(row)
    if rotation is None:
        return not row.on_call and row.team_id is None
    return any(
        shift_times.rotation_code(rotation.cycle, rotation.starts_on, span.day) == shift.code
        for shift, span in running.values()
    )


def rotation_of(row: DutyAssignment) -> TeamRotation | None:
    """The rotation an assignment follows, if its team has one."""
    return getattr(row.team, "rotation", None) if row.team is not None else None


def _distance(row: DutyAssignment, area: Area | None, work_centre: WorkCentre | None) -> int:
    """How far an assignment is from the place asked for: 0 is exactly there."""
    if area is None:
        return 0 if row.area_id is None and row.work_centre_id is None else 1
    if row.work_centre_id is not None:
        return 0 if work_centre is not None else 2
    return 1 if row.area_id is not None else 3


def _absences(person_ids: set[int], at: datetime) -> dict[int, User | None]:
    """Who of them is absent at `at`, with who stands in (None: nobody). A cover who is absent too is no cover."""
    rows = Absence.objects.filter(start__lte=at, end__gt=at).select_related("cover")
    away: dict[int, User | None] = {}
    for row in rows:
        if away.get(row.person_id) is None:
            away[row.person_id] = row.cover
    return {
        person_id: cover if cover is not None and cover.pk not in away and cover.is_active else None
        for person_id, cover in away.items()
        if person_id in person_ids
    }


def _present(rows: list[DutyAssignment], absent: dict[int, User | None], via: Via) -> list[Holder]:
    found: dict[int, Holder] = {}
    for row in rows:
        if row.person_id not in absent:
            found.setdefault(row.person_id, Holder(row.person, row, via))
            continue
        cover = absent[row.person_id]
        if cover is not None:
            found.setdefault(cover.pk, Holder(cover, row, Via.COVER, row.person))
    return list(found.values())


def duties_without_holder(*, site: Site, start: datetime, end: datetime) -> list[tuple[str, datetime]]:
    """Duties assigned at `site` that nobody holds at some shift's beginning between `start` and `end`, first gap each.

    Reads the roster per shift start; meant for the doctor and the calendar page, not for a request in a hurry.
    """
    held = sorted(set(DutyAssignment.objects.filter(site=site).values_list("duty", flat=True)))
    book = ShiftBook.of(site)
    gaps: list[tuple[str, datetime]] = []
    for duty in held:
        moment = book.next_start(start)
        while moment is not None and moment < end:
            if not duty_roster(site=site, duty=duty, at=moment):
                gaps.append((Duty(duty).value, moment))
                break
            moment = book.next_start(moment)
    return gaps


def duties_of(*, user: User, site: Site, at: datetime | None = None) -> frozenset[str]:
    """The duties `user` is assigned to at `site`; with `at`, covers for others then count too. One or two queries."""
    own = DutyAssignment.objects.filter(person=user, site=site).values_list("duty", flat=True)
    duties = set(own)
    if at is not None:
        covered = DutyAssignment.objects.filter(
            site=site,
            person__absences__cover=user,
            person__absences__start__lte=at,
            person__absences__end__gt=at,
        )
        duties |= set(covered.values_list("duty", flat=True))
    return frozenset(duties)
