"""Which socket groups a reader may listen to: exactly those whose pages they may fetch.

Owns the names of groups as far as permission goes. Knows nothing of sockets.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from exceptions_app.models import ExceptionRecord
from plant_app.models import Area, Device, User, WorkCentre
from plant_app.selectors import can, visible_site_ids

# What a hint to the whole plant may say: that some posting or report changed, never which.
_PLANT_WIDE = {"postings": "posting.view", "report": "report.view"}


@dataclass(frozen=True)
class Listener:
    """Who listens: a person, or a paired screen with nobody logged in."""

    user: User | None = None
    device: Device | None = None

    @property
    def known(self) -> bool:
        return self.user is not None or self.device is not None

    def sites(self) -> frozenset[int]:
        """Sites whose changes this listener may hear of."""
        found = visible_site_ids(self.user) if self.user else frozenset()
        return found | {self.device.site_id} if self.device else found

    def may(self, action: str, site: int | None = None) -> bool:
        return self.user is not None and can(self.user, action, site)


def allowed_groups(listener: Listener, names: Iterable[str]) -> list[str]:
    """Those of `names` this listener may join, in order; what is malformed or gone is simply left out.

    One query per kind of group named, whatever their number.
    """
    wanted = list(dict.fromkeys(names))
    by_kind: dict[str, set[int]] = {}
    for name in wanted:
        kind, _, number = name.partition(".")
        if kind in _CHECKS and number.isascii() and number.isdigit() and len(number) < 19:
            by_kind.setdefault(kind, set()).add(int(number))
    kept = {
        f"{kind}.{number}" for kind, numbers in by_kind.items() for number in _CHECKS[kind](listener, numbers)
    }
    kept |= {name for name, action in _PLANT_WIDE.items() if name in wanted and listener.may(action)}
    return [name for name in wanted if name in kept]


def _sites(listener: Listener, numbers: set[int]) -> set[int]:
    return numbers & listener.sites()


def _areas(listener: Listener, numbers: set[int]) -> set[int]:
    rows = Area.objects.filter(pk__in=numbers, site__in=listener.sites())
    return set(rows.values_list("pk", flat=True))


def _centres(listener: Listener, numbers: set[int]) -> set[int]:
    rows = WorkCentre.objects.filter(pk__in=numbers, area__site__in=listener.sites())
    found = rows.values_list("pk", "area__site_id")
    screen = listener.device.site_id if listener.device else None
    return {pk for pk, site in found if site == screen or listener.may("sequence.view", site)}


def _exceptions(listener: Listener, numbers: set[int]) -> set[int]:
    if listener.user is None:
        return set()
    rows = ExceptionRecord.objects.for_user(listener.user).filter(pk__in=numbers)
    return set(rows.values_list("pk", flat=True))


def _users(listener: Listener, numbers: set[int]) -> set[int]:
    return numbers & ({listener.user.pk} if listener.user else set())


_CHECKS: dict[str, Callable[[Listener, set[int]], set[int]]] = {
    "site": _sites,
    "area": _areas,
    "sequence": _centres,
    "exception": _exceptions,
    "user": _users,
}
