"""The page of who is on: posts of a shift with their people, what happens where nobody is, absences, swaps, changes.

Reads the roster and says it. Must not know requests or HTML.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _

from boards_app.selectors.frame import Frame
from core.errors import NotFound
from plant_app.models import (
    Absence,
    Duty,
    DutyAssignment,
    Function,
    PresenceChange,
    Shift,
    ShiftSwap,
    Site,
    SwapStatus,
    User,
)
from plant_app.selectors import (
    OFFICE_FUNCTIONS,
    DutyBook,
    Post,
    ShiftBook,
    Stint,
    can,
    may_roster,
    peers,
    stints,
    swaps_of,
    who_is_on,
)

AHEAD: Final = timedelta(days=14)
MOST_CHANGES: Final = 12


@dataclass(frozen=True)
class Turn:
    """A shift the page can be looked at in: its word, address and span."""

    words: str
    shift: str
    day: date
    start: datetime
    end: datetime
    here: bool
    running: bool

    @property
    def url(self) -> str:
        """The page's address for this shift."""
        return f"?shift={self.shift}&day={self.day.isoformat()}"


@dataclass(frozen=True)
class Row:
    """A post with what happens where nobody holds it."""

    post: Post
    nobody: str


@dataclass
class Group:
    """A function with its posts and its teams."""

    function: Function
    rows: list[Row] = field(default_factory=list)

    @property
    def gaps(self) -> int:
        """Posts nobody holds."""
        return sum(1 for row in self.rows if row.nobody)


def who_page(frame: Frame, *, shift: str = "", day: date | None = None, function: str = "") -> dict[str, Any]:
    """What the page shows for the running shift, or the one of code `shift` that begins on `day`. Some 25 queries."""
    site = frame.home
    if site is None:
        raise NotFound("roster.no_site", _("You work at no site yet."))
    book = ShiftBook.of(site)
    turns = _turns(book, frame.now, shift, day)
    turn = next((one for one in turns if one.here), None)
    at = frame.now if turn is None or turn.running else turn.start
    duties = DutyBook.read(site=site, duties=Duty.values, at=at, shifts=book)
    posts = who_is_on(site=site, at=at)
    functions = list({post.function.pk: post.function for post in posts}.values())
    chosen = [post for post in posts if not function or post.function.code == function]
    groups: dict[int, Group] = {}
    for post in chosen:
        group = groups.setdefault(post.function.pk, Group(post.function))
        group.rows.append(Row(post, "" if post.people else _nobody(post, duties, book, at)))
    return {
        "site": site, "turns": turns, "turn": turn, "at": at, "functions": functions, "function": function,
        "groups": list(groups.values()), "gaps": sum(group.gaps for group in groups.values()),
        "on": len({holder.person.pk for post in chosen for holder in post.people}),
        "live": f"site.{site.pk} user.{frame.user.pk}",
        "changes": PresenceChange.objects.filter(site=site).select_related("person", "other", "actor")[
            :MOST_CHANGES
        ],
        **_mine(frame, site), **_leading(frame, site),
    }  # fmt: skip


def _turns(book: ShiftBook, now: datetime, shift: str, day: date | None) -> list[Turn]:
    """The shift before, the running one and the next three; `here` is the one looked at."""
    today = now.astimezone(book.zone).date()
    spans: list[tuple[Shift, date, datetime, datetime]] = []
    for offset in (-1, 0, 1):
        for one in book.shifts:
            span = None if one.office else book.on(one, today + timedelta(days=offset))
            if span is not None:
                spans.append((one, span.day, span.start, span.end))
    spans.sort(key=lambda entry: entry[2])
    current = next((i for i, entry in enumerate(spans) if entry[2] <= now < entry[3]), None)
    first = max(0, (current if current is not None else _next(spans, now)) - 1)
    shown = spans[first : first + 5]
    asked = any(entry[0].code == shift and entry[1] == day for entry in shown)
    return [
        Turn(
            words=entry[0].name, shift=entry[0].code, day=entry[1], start=entry[2], end=entry[3],
            running=entry[2] <= now < entry[3],
            here=(entry[0].code == shift and entry[1] == day) if asked else entry[2] <= now < entry[3],
        )
        for entry in shown
    ]  # fmt: skip


def _next(spans: list[tuple[Shift, date, datetime, datetime]], now: datetime) -> int:
    return next((i for i, entry in enumerate(spans) if entry[2] > now), len(spans) - 1)


def _nobody(post: Post, duties: DutyBook, book: ShiftBook, at: datetime) -> str:
    """What a case does that asks this post now."""
    if post.function.code in OFFICE_FUNCTIONS:
        opens = duties.calendar(post.duty, book).opens(at)
        if opens is not None and opens > at:
            local = opens.astimezone(book.zone)
            words = _("Not in its hours: told from {time}; critical cases go to the next level")
            return words.format(time=format_date(local, "D H:i"))
    if post.area is not None and duties.holders(post.duty, function_id=post.function.pk):
        return _("Nobody for this area; those of the whole site are asked")
    return _("Nobody: the ladder's next level is asked at once")


def _mine(frame: Frame, site: Site) -> dict[str, Any]:
    user, now = frame.user, frame.now
    mine = stints(person=user, site=site, start=now, days=10)
    return {
        "my_shifts": mine,
        "my_absences": list(
            Absence.objects.filter(person=user, end__gt=now).select_related("cover").order_by("start")[:5]
        ),
        "my_duties": list(
            DutyAssignment.objects.filter(person=user, site=site).select_related("area", "shift", "function")
        ),
        "my_peers": peers(person=user, site=site),
        "swaps": [_swap(one, user, site) for one in swaps_of(person=user, sites=[site], at=now)],
        "returns": _coming(site, now),
    }


def _swap(swap: ShiftSwap, user: User, site: Site) -> dict[str, Any]:
    asked = swap.status == SwapStatus.ASKED
    return {
        "swap": swap, "answer": asked and swap.partner_id == user.pk,
        "withdraw": asked and swap.asker_id == user.pk,
    }  # fmt: skip


def _coming(site: Site, now: datetime) -> list[Stint]:
    """The shifts of the next ten days, for what is given in return."""
    book = ShiftBook.of(site)
    today = now.astimezone(book.zone).date()
    found = [
        Stint(shift, span.day, span.start, span.end)
        for offset in range(10)
        for shift in book.shifts
        if (span := book.on(shift, today + timedelta(days=offset))) is not None and span.start > now
    ]
    return sorted(found, key=lambda stint: stint.start)


def _leading(frame: Frame, site: Site) -> dict[str, Any]:
    """What a lead may change: their people, absences of the next two weeks, swaps that wait."""
    user, now = frame.user, frame.now
    people = _led(user, site)
    ids = [person.pk for person in people]
    return {
        "people": people,
        "absences": list(
            Absence.objects.filter(person__in=ids, end__gt=now, start__lt=now + AHEAD)
            .select_related("person", "cover")
            .order_by("start", "pk")
        ),
        "waiting": list(
            ShiftSwap.objects.filter(site=site, status=SwapStatus.ASKED, asker__in=ids)
            .exclude(partner=user)
            .select_related("asker", "partner", "shift", "return_shift")
        ),
        "shift_choices": _coming_or_running(site, now),
    }  # fmt: skip


def _coming_or_running(site: Site, now: datetime) -> list[Stint]:
    book = ShiftBook.of(site)
    today = now.astimezone(book.zone).date()
    found = [
        Stint(shift, span.day, span.start, span.end)
        for offset in (-1, 0, 1, 2)
        for shift in book.shifts
        if not shift.office
        and (span := book.on(shift, today + timedelta(days=offset))) is not None
        and span.end > now
    ]
    return sorted(found, key=lambda stint: stint.start)


def _led(user: User, site: Site) -> list[User]:
    """The people whose calendar `user` may change at `site`."""
    everybody = (
        User.objects.filter(duties__site=site, is_active=True).distinct().order_by("display_name", "username")
    )
    if can(user, "roster.edit", site):
        return list(everybody)
    some: Iterable[User] = everybody.prefetch_related("duties")
    known: dict[frozenset[int], bool] = {}
    led = []
    for person in some:
        key = frozenset(one.function_id for one in person.duties.all() if one.site_id == site.pk)
        if key not in known:
            known[key] = may_roster(user, person, site)
        if known[key]:
            led.append(person)
    return led
