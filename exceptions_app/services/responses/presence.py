"""Who could take something now: the duty roster as seen at one moment, and the choice among equals.

Owns the choice of a person; must not know why somebody is wanted. What it saw is kept, so that the story can say later
who was there.
"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Count

from exceptions_app.models import ExceptionRecord
from plant_app.models import Area, Function, Site, User, WorkCentre
from plant_app.selectors import Holder, duty_roster


class Presence:
    """The people on duty around one place at one moment; each duty is read once."""

    def __init__(
        self, *, site: Site, area: Area | None, work_centre: WorkCentre | None, at: datetime
    ) -> None:
        self.site, self.area, self.work_centre, self.at = site, area, work_centre, at
        self._rosters: dict[tuple[int, str, str], list[Holder]] = {}
        self.seen: dict[str, list[str]] = {}

    @classmethod
    def of(cls, exception: ExceptionRecord, at: datetime) -> "Presence":
        """The people around an exception's place."""
        return cls(site=exception.site, area=exception.area, work_centre=exception.work_centre, at=at)

    def roster(
        self, duty: str, *, function: Function | None = None, site: Site | None = None
    ) -> list[Holder]:
        """Holders of `duty`, first to be asked first; another site's without regard to the place here."""
        where = site or self.site
        home = where.pk == self.site.pk
        key = (where.pk, duty, function.code if function else "")
        if key not in self._rosters:
            self._rosters[key] = duty_roster(
                site=where,
                duty=duty,
                at=self.at,
                function=function,
                area=self.area if home else None,
                work_centre=self.work_centre if home else None,
            )
            label = f"{duty}@{where.code}"
            self.seen[label] = [holder.person.username for holder in self._rosters[key]]
        return self._rosters[key]

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
