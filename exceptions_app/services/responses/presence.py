"""Who could take something now: the duty roster as seen at one moment, and the choice among equals.

Owns the choice of a person; must not know why somebody is wanted. What it saw is kept, so that the story can say later
who was there.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Count

from exceptions_app.models import ExceptionRecord
from plant_app.models import Area, Function, Site, User, WorkCentre
from plant_app.selectors import DutyBook, Holder, ShiftBook


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

    @classmethod
    def of(cls, exception: ExceptionRecord, at: datetime, *, shifts: ShiftBook | None = None) -> "Presence":
        """The people around an exception's place; `shifts` of its site save a query."""
        return cls(
            site=exception.site, area=exception.area, work_centre=exception.work_centre, at=at, shifts=shifts
        )

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
        """The person to ask: the first available; among equals (same nearness, same place in the list) who owns least.

        `without` are ids of people who already said no. None when nobody is on duty.
        """
        roster = self.roster(duty, function=function, site=site)
        free = [holder for holder in roster if holder.person.pk not in without]
        if not free:
            return None
        first = free[0]
        equals = [holder for holder in free if _rank(holder) == _rank(first)]
        if len(equals) == 1:
            return first.person
        load = dict(
            ExceptionRecord.objects.live()
            .filter(owner__in=[holder.person.pk for holder in equals])
            .values_list("owner")
            .annotate(count=Count("pk"))
            .order_by()
        )
        return min(equals, key=lambda holder: load.get(holder.person.pk, 0)).person


def _rank(holder: Holder) -> tuple[str, bool, bool, int]:
    row = holder.assignment
    return (str(holder.via), row.work_centre_id is None, row.area_id is None, row.position)
