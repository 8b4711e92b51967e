"""The pages of the product a person can go to, as the side bar and the phone bar list them.

Pure. Owns their order, address, glyph and words, and which of them an address belongs to. What each counts comes from
the page that shows it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_noop


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the side bar. `also`: addresses of pages that belong under it."""

    key: str
    address: str
    icon: str
    words: str
    also: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        mine = path == "/" if self.address == "/" else path.startswith(self.address)
        return mine or path.startswith(self.also)


@dataclass(frozen=True, slots=True)
class Shown:
    """A place as one reader sees it now: `count` is what waits there, `bad` what is wrong there."""

    place: Place
    count: int | None
    bad: int | None
    here: bool


PLACES: Final = (
    Place("desk", "/", "inbox", gettext_noop("Desk"), also=("/exceptions/", "/follow-ups/")),
    Place("triage", "/triage/", "list-checks", gettext_noop("Triage")),
    Place("inbox", "/inbox/", "user", gettext_noop("My inbox")),
    Place("boards", "/boards/", "layout-grid", gettext_noop("Boards"), also=("/stations/",)),
    Place("who", "/who/", "users", gettext_noop("Who is on")),
    Place("handover", "/handover/", "clipboard-check", gettext_noop("Handover")),
    Place("sequence", "/sequence/", "list-ordered", gettext_noop("Sequence")),
    Place("postings", "/postings/", "send", gettext_noop("ERP postings")),
    Place("reports", "/reports/", "chart-column", gettext_noop("Reports"), also=("/drills/",)),
    Place("rules", "/admin/routing_app/", "route", gettext_noop("Rules")),
)
ON_PHONES: Final = ("inbox", "desk", "boards", "sequence", "reports")


def shown(
    path: str, nav: Mapping[str, Any], *, hidden: Collection[str] = (), only: Sequence[str] = ()
) -> list[Shown]:
    """The places a reader may go to, in order; `nav` may hold `counts`, `bad` and `hidden` by place key."""
    counts, bad = nav.get("counts") or {}, nav.get("bad") or {}
    away = {*hidden, *(nav.get("hidden") or ())}
    kept = [place for place in PLACES if place.key not in away and (not only or place.key in only)]
    if only:
        kept.sort(key=lambda place: only.index(place.key))
    return [Shown(place, counts.get(place.key), bad.get(place.key), place.holds(path)) for place in kept]
