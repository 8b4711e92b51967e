"""Which ways lead to whom: wishes, defaults and addresses of many people in five queries. Reads only.

Puts rows into `manners`, which decides. Knows no provider and sends nothing.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from core import clock
from exceptions_app.models import Telling
from notify_app import manners
from notify_app.manners import Manner, Quiet
from notify_app.models import Address, FunctionDefault, NoticeChannel, Preference
from plant_app.models import User

#: A team hears what is new and what goes wrong, not each reminder of one of its people.
TEAM_REASONS = frozenset({"first", "reroute", "shift", "escalation", "undecided"})


class Ways:
    """What holds for each of `people`, and where they can be reached."""

    def __init__(self, people: Iterable[User]) -> None:
        everybody = {person.pk: person for person in people}
        defaults = {row.function_id: row for row in FunctionDefault.objects.all()}
        wishes = {row.user_id: row for row in Preference.objects.filter(user__in=everybody)}
        self._addresses: dict[int, list[Address]] = {}
        for address in Address.objects.live().filter(user__in=everybody):
            self._addresses.setdefault(address.user_id or 0, []).append(address)
        self._manners = {
            pk: _manner(defaults.get(None), defaults.get(person.function_id), wishes.get(pk))
            for pk, person in everybody.items()
        }
        self._people = everybody

    def manner(self, person: User) -> Manner:
        """How this person is told."""
        return self._manners[person.pk]

    def available(self, person: User) -> frozenset[str]:
        """Channels that lead to this person now."""
        found = {address.channel for address in self._addresses.get(person.pk, ())}
        return frozenset(found | ({NoticeChannel.EMAIL.value} if person.email else set()))

    def at_once(self, person: User, urgency: str, also: str = "") -> list[tuple[str, Address | None]]:
        """Channels, with their addresses, that a notice goes out by now, in the person's order; and by `also` (what
        the ladder's level asks for) where it leads to them."""
        available = self.available(person)
        chosen = manners.at_once(self.manner(person), urgency, available)
        if also in available and also not in chosen:
            chosen = (*chosen, also)
        return [pair for channel in chosen for pair in self.through(person, channel)]

    def through(self, person: User, channel: str) -> list[tuple[str, Address | None]]:
        """A channel as notices: one an address; devices share one, for a person looks at one of them."""
        if channel in (NoticeChannel.EMAIL, NoticeChannel.PUSH):
            return [(channel, None)]
        mine = self._addresses.get(person.pk, ())
        return [(channel, address) for address in mine if address.channel == channel]

    def instead(
        self, person: User, tried: Collection[str]
    ) -> list[tuple[str, Address | None]]:  # fmt: skip
        """The next channel of the person's order, after those tried; empty when none is left."""
        channel = manners.next_channel(self.manner(person), tried, self.available(person))
        return self.through(person, channel) if channel else []

    def quiet_until(self, person: User, urgency: str, now: datetime, zone: str) -> datetime | None:
        """When do-not-disturb ends for a notice of this urgency; None when it may go out now."""
        home = person.home_site
        return manners.quiet_until(self.manner(person), urgency, now, home.timezone if home else zone)


def ways_of(person: User) -> Ways:
    """The ways of one person."""
    return Ways([person])


def _manner(*rows: FunctionDefault | Preference | None) -> Manner:
    quiet = None
    for row in rows:
        if isinstance(row, Preference) and row.quiet_from is not None and row.quiet_until is not None:
            quiet = Quiet(row.quiet_from, row.quiet_until, tuple(row.quiet_days))
    return manners.merged(
        *[
            None
            if row is None
            else {"channels": row.channels, "order": row.order, "override": row.override, "most": row.most}
            for row in rows
        ],
        quiet=quiet,
    )


class TeamWays:
    """Addresses of teams, for the functions a batch of tellings asks. One query, none without such addresses."""

    def __init__(self, tellings: Iterable[Telling]) -> None:
        functions = {one.response.function_id for one in tellings if one.response is not None}
        self._rows = (
            list(Address.objects.live().filter(team__function__in=functions).select_related("team"))
            if functions
            else []
        )
        self._told: set[tuple[int, int | None, str, int]] = set()

    def of(self, telling: Telling) -> list[Address]:
        """Where this telling's function is told as a team: at its site, in its area, once a response and reason."""
        response = telling.response
        if response is None or telling.reason not in TEAM_REASONS:
            return []
        found = []
        for row in self._rows:
            team = row.team
            key = (row.pk, telling.response_id, telling.reason, telling.level)
            if team is None or key in self._told or team.function_id != response.function_id:
                continue
            elsewhere = team.area_id is not None and team.area_id != telling.exception.area_id
            if team.site_id != response.site_id or elsewhere:
                continue
            if telling.urgency_rank > manners.rank_of(row.least):
                continue
            self._told.add(key)
            found.append(row)
        return found


def patience_until(rank: int, due: datetime | None = None) -> datetime:
    """When a notice that is not through yet falls back."""
    return (due or clock.now()) + manners.PATIENCE[manners.urgency_of(rank)]
