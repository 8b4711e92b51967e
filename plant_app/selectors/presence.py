"""The roster of a site as people look at it: who is on in a shift, who is away and who stands in, whose shifts come.

Answers for pages and for the services above; who is asked in a case is decided elsewhere, from `duty.DutyBook`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from django.db.models import Q

from plant_app import shift_times
from plant_app.models import (
    Absence,
    Area,
    Duty,
    DutyAssignment,
    Function,
    Shift,
    ShiftSwap,
    Site,
    SwapStatus,
    User,
)
from plant_app.selectors.access import can
from plant_app.selectors.duty import DutyBook, Holder, ShiftBook, rotation_of

# Who may change the calendar of their own function's people, and who everybody's of the site.
LEADS = frozenset(
    {
        Duty.LINE_LEAD, Duty.MAINTENANCE_LEAD, Duty.QUALITY_ENGINEER, Duty.LOGISTICS_LEAD, Duty.PURCHASING_LEAD,
        Duty.PLANNING_LEAD, Duty.CS_LEAD, Duty.ENGINEERING_LEAD, Duty.SAFETY_DUTY,
    }
)  # fmt: skip
HEADS = frozenset({Duty.SHIFT_SUPERVISOR, Duty.AREA_MANAGER, Duty.PLANT_MANAGER, Duty.OPERATIONS_DIRECTOR})
# The functions whose answers wait for their calendar, unless the case is critical.
OFFICE_FUNCTIONS = frozenset({"procurement", "planning", "customer_service", "engineering"})


@dataclass(frozen=True)
class Away:
    """Somebody who would be on, why not in the calendar's words, and who stands in."""

    absence: Absence
    person: User
    cover: User | None


@dataclass
class Post:
    """One duty of one function, for one area or the whole site, in the moment looked at."""

    duty: str
    function: Function
    area: Area | None
    people: list[Holder] = field(default_factory=list)
    away: list[Away] = field(default_factory=list)

    @property
    def words(self) -> str:
        """The duty as people say it."""
        return Duty(self.duty).label


@dataclass(frozen=True)
class Stint:
    """A shift a person works: the pattern, the local day it begins, its span in UTC."""

    shift: Shift
    day: date
    start: datetime
    end: datetime


def who_is_on(*, site: Site, at: datetime, function_id: int | None = None) -> list[Post]:
    """Every post of a site at a moment, leaders last; those nobody holds included. Four queries."""
    rows = DutyAssignment.objects.filter(site=site, person__is_active=True)
    if function_id is not None:
        rows = rows.filter(function=function_id)
    assignments = list(
        rows.select_related("person", "function", "area", "team__rotation").order_by(
            "function__position", "pk"
        )
    )
    book = DutyBook(assignments, ShiftBook.of(site), at)
    absences = {
        one.person_id: one
        for one in Absence.objects.filter(start__lte=at, end__gt=at, person__duties__site=site)
        .select_related("person", "cover")
        .order_by("cover_id")
    }
    posts: dict[tuple[str, int, int | None], Post] = {}
    for row in assignments:
        key = (row.duty, row.function_id, row.area_id)
        posts.setdefault(key, Post(row.duty, row.function, row.area))
    for post in posts.values():
        post.people = book.holders(
            post.duty, function_id=post.function.pk, area_id=post.area.pk if post.area else None, exactly=True
        )
        for row in assignments:
            if (row.duty, row.function_id, row.area_id) != (
                post.duty,
                post.function.pk,
                post.area and post.area.pk,
            ):
                continue
            absence = absences.get(row.person_id)
            if absence is not None and row.pk in book.on_shift and all(
                one.person.pk != row.person_id for one in post.away
            ):  # fmt: skip
                stands_in = next((one.person for one in post.people if one.stands_in_for == row.person), None)
                post.away.append(Away(absence, row.person, stands_in))
    order = list(Duty.values)
    return sorted(
        posts.values(),
        key=lambda post: (
            post.function.position, order.index(post.duty), post.area.name if post.area else "",
        ),
    )  # fmt: skip


def people_on_duty(*, site: Site, at: datetime) -> frozenset[int]:
    """Ids of everybody a case at this site could find on duty now, on call where nobody is on shift. Three queries."""
    book = DutyBook.read(site=site, duties=Duty.values, at=at)
    return frozenset(
        holder.person.pk
        for duty, function_id in {(row.duty, row.function_id) for row in book.rows}
        for holder in book.holders(duty, function_id=function_id)
    )


def stints(*, person: User, site: Site, start: datetime, days: int = 14) -> list[Stint]:
    """The shifts `person` is down for at `site` from `start` on, office hours too; none for people always there.
    Two queries.
    """
    book = ShiftBook.of(site)
    rows = list(DutyAssignment.objects.filter(person=person, site=site).select_related("team__rotation"))
    today = start.astimezone(book.zone).date()
    found: dict[tuple[int, date], Stint] = {}
    for offset in range(-1, days):
        day = today + timedelta(days=offset)
        for shift in book.shifts:
            span = book.on(shift, day)
            if span is not None and span.end > start and any(works(row, shift, day) for row in rows):
                found[shift.pk, day] = Stint(shift, day, span.start, span.end)
    return sorted(found.values(), key=lambda stint: stint.start)


def works(row: DutyAssignment, shift: Shift, day: date) -> bool:
    """Whether an assignment names this shift on this day, by itself or by its team's rotation."""
    rotation = rotation_of(row)
    if rotation is not None:
        return shift_times.rotation_code(rotation.cycle, rotation.starts_on, day) == shift.code
    return row.shift_id == shift.pk


def end_of_today(*, person: User, site: Site, at: datetime) -> datetime:
    """When "away today" ends: with the last shift the person begins on the local day (or is in), else at midnight."""
    zone = ShiftBook.of(site).zone
    today = at.astimezone(zone).date()
    own = [stint.end for stint in stints(person=person, site=site, start=at, days=1)]
    midnight = datetime.combine(today + timedelta(days=1), time(), tzinfo=zone).astimezone(at.tzinfo)
    return max(own, default=midnight)


def may_roster(actor: User, person: User, site: Site) -> bool:
    """Whether `actor` may change the calendar of `person` at `site`: planners and administrators, heads of the site,
    leads of one of the person's functions. At most three queries.
    """
    if actor.is_superuser or can(actor, "roster.edit", site):
        return True
    held = list(DutyAssignment.objects.filter(person=actor, site=site).values_list("duty", "function_id"))
    if any(duty in HEADS for duty, _function in held):
        return True
    led = {function_id for duty, function_id in held if duty in LEADS}
    return bool(led) and DutyAssignment.objects.filter(person=person, site=site, function__in=led).exists()


def may_stand_in(person: User, other: User, site: Site) -> bool:
    """Whether `person` holds a duty `other` holds at `site`: then they may take each other's shift. One query."""
    return DutyAssignment.objects.filter(
        person=person, site=site,
        duty__in=DutyAssignment.objects.filter(person=other, site=site).values("duty"),
    ).exists()  # fmt: skip


def peers(*, person: User, site: Site) -> list[User]:
    """Who could stand in: active people with one of the person's duties at the site. One query."""
    duties = DutyAssignment.objects.filter(person=person, site=site).values("duty")
    return list(
        User.objects.filter(duties__site=site, duties__duty__in=duties, is_active=True)
        .exclude(pk=person.pk)
        .distinct()
        .order_by("display_name", "username")
    )


def swaps_of(*, person: User, sites: Iterable[Site], at: datetime) -> list[ShiftSwap]:
    """Swaps that wait for an answer of or to `person`, and accepted ones to come. One query."""
    return list(
        ShiftSwap.objects.filter(Q(asker=person) | Q(partner=person), site__in=list(sites))
        .filter(Q(status=SwapStatus.ASKED) | Q(status=SwapStatus.ACCEPTED, absences__end__gt=at))
        .select_related("site", "asker", "partner", "shift", "return_shift")
        .distinct()
    )
