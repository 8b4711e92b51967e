"""Who could take something now: the duty roster as seen at one moment, and the choice among equals.

Owns the choice of a person; must not know why somebody is wanted. What it saw and weighed is kept, so that the story
can say later who was there and why it was them.
"""

import time
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime

from django.db import connection
from django.db.models import Count, Max, Q

from exceptions_app.lifecycle import CORRELATES
from exceptions_app.models import ExceptionRecord, Response, ResponseStatus
from plant_app.models import Area, Function, Qualification, Site, User, WorkCentre
from plant_app.selectors import DutyBook, Holder, ShiftBook
from plant_app.shift_times import Calendar

# One number for every choice among equals; any would do, it only has to be the same everywhere.
_TURN_LOCK = 7_305_119
# Waits that come to about a second; whoever then still holds the turn is not waited for.
_TURN_WAITS = (0.002, 0.005, 0.01, 0.02, 0.03, *([0.05] * 18))
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Presence:
    """The people on duty around one place at one moment; duties asked for together are read together."""

    def __init__(
        self,
        *,
        site: Site,
        area: Area | None,
        work_centre: WorkCentre | None,
        at: datetime,
        shifts: ShiftBook | None = None,
    ) -> None:
        self.site, self.area, self.work_centre, self.at = site, area, work_centre, at
        self._shifts = {site.pk: shifts} if shifts is not None else {}
        self._books: dict[int, tuple[set[str], DutyBook]] = {}
        self.seen: dict[str, list[str]] = {}
        self.skill_id: int | None = None

    @classmethod
    def of(cls, exception: ExceptionRecord, at: datetime, *, shifts: ShiftBook | None = None) -> "Presence":
        """The people around an exception's place; `shifts` of its site save a query."""
        presence = cls(
            site=exception.site, area=exception.area, work_centre=exception.work_centre, at=at, shifts=shifts
        )
        presence.skill_id = exception.operation.skill_id if exception.operation is not None else None
        return presence

    def expect(self, duties: Iterable[str], *, site: Site | None = None) -> None:
        """Read these duties now, so that each later question costs nothing."""
        where = site or self.site
        known = self._books.get(where.pk)
        wanted = set(duties) | (known[0] if known else set())
        if known and wanted == known[0]:
            return
        home = where.pk == self.site.pk
        shifts = self._shifts.get(where.pk) or ShiftBook.of(where)
        self._shifts[where.pk] = shifts
        book = DutyBook.read(
            site=where,
            duties=wanted,
            at=self.at,
            area=self.area if home else None,
            work_centre=self.work_centre if home else None,
            shifts=shifts,
        )
        self._books[where.pk] = (wanted, book)

    def roster(
        self, duty: str, *, function: Function | None = None, site: Site | None = None
    ) -> list[Holder]:
        """Holders of `duty`, first to be asked first; another site's without regard to the place here."""
        where = site or self.site
        self.expect([duty], site=where)
        found = self._books[where.pk][1].holders(duty, function_id=function.pk if function else None)
        self.seen[f"{duty}@{where.code}"] = [holder.person.username for holder in found]
        return found

    def calendar(self, duty: str, *, site: Site | None = None) -> Calendar:
        """When somebody holds `duty` on shift; always open where somebody is there in every shift. Where nobody has
        the duty, the site's office hours.
        """
        where = site or self.site
        self.expect([duty], site=where)
        return self._books[where.pk][1].calendar(duty, self._shifts[where.pk])

    def people(self, duty: str, *, site: Site | None = None, without: Collection[int] = ()) -> list[User]:
        """Everybody who holds `duty`, whatever their function: a ladder names duties, not functions."""
        return [holder.person for holder in self.roster(duty, site=site) if holder.person.pk not in without]

    def choose(
        self,
        duty: str,
        *,
        function: Function | None = None,
        site: Site | None = None,
        without: Collection[int] = (),
    ) -> User | None:
        """The person to ask: the qualified before others, the nearest first; among equals who has least to do, then who
        was asked longest ago, then the list's order. Who was weighed how is kept in `seen`.

        `without` are ids of people who already said no. None when nobody is on duty. Among equals, choices follow one
        another (up to a second), so that two reports at once do not ask the same person.
        """
        roster = self.roster(duty, function=function, site=site)
        free = self._qualified([holder for holder in roster if holder.person.pk not in without])
        if not free:
            return None
        equals = [holder for holder in free if _rank(holder) == _rank(free[0])]
        if len(equals) == 1:
            return free[0].person
        _take_turn()
        weighed = self._weigh([holder.person for holder in equals])
        self.seen[f"{duty}@{(site or self.site).code}#load"] = [
            f"{person.username}:{load}" for (load, _asked), person in weighed
        ]
        return min(weighed, key=lambda one: one[0])[1]

    def _qualified(self, holders: list[Holder]) -> list[Holder]:
        """Those with the skill the operation asks for, where anybody has it."""
        if self.skill_id is None or len(holders) < 2:
            return holders
        today: date = self.at.date()
        able = set(
            Qualification.objects.filter(
                Q(valid_until=None) | Q(valid_until__gte=today),
                skill=self.skill_id,
                person__in=[holder.person.pk for holder in holders],
            ).values_list("person_id", flat=True)
        )
        return [holder for holder in holders if holder.person.pk in able] or holders

    def _weigh(self, people: list[User]) -> list[tuple[tuple[int, datetime], User]]:
        """Open answers each owes, and when each was last asked. One query."""
        open_work = Q(
            exception__status__in=sorted(CORRELATES)
        ) & ~Q(status__in=(ResponseStatus.DONE, ResponseStatus.DECLINED))  # fmt: skip
        known = {
            row["person"]: (row["load"], row["asked"])
            for row in Response.objects.filter(person__in=people)
            .values("person")
            .annotate(load=Count("pk", filter=open_work), asked=Max("due_at"))
            .order_by()
        }
        return [(known.get(person.pk, (0, _LONG_AGO)), person) for person in people]


def _take_turn() -> None:
    """Wait for the choice before ours to be written: held until the transaction ends.

    Never waits for ever: what holds the turn may itself wait for a row of ours, and an uneven choice is better than
    a report that is not taken.
    """
    with connection.cursor() as cursor:
        for pause in _TURN_WAITS:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_TURN_LOCK])
            row = cursor.fetchone()
            if row is not None and row[0]:
                return
            time.sleep(pause)


def _rank(holder: Holder) -> tuple[str, bool, bool, int]:
    row = holder.assignment
    return (str(holder.via), row.work_centre_id is None, row.area_id is None, row.position)
