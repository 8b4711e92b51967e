"""The frame around every page: which site a reader looks at, in which time zone, and what waits behind each place.

Eight queries, whatever the plant's size. Knows no request.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from boards_app.selectors.outage import outages
from core import clock
from core.languages import label
from decisions_app.models import HandoverSheet
from decisions_app.selectors import open_tasks_for
from erp_sync.models import Posting
from exceptions_app.selectors import Tally, tally, waiting_count
from plant_app.models import Site, User
from plant_app.selectors import can, current_shift, visible_site_ids, visible_sites
from sequence_app.models import Recommendation, RecommendationStatus

ALL = "all"
# An unsigned sheet older than this is history, not work.
_SHEETS_COUNT = timedelta(days=2)
# Places of the side bar, and what one must be allowed to see to be offered them.
_NEEDS = {"postings": "posting.view", "reports": "report.view", "sequence": "sequence.view",
          "triage": "exception.triage"}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """What a page is drawn in. `site` is None when a reader of several sites looks at all of them."""

    user: User
    sites: tuple[Site, ...]
    site: Site | None
    now: datetime

    @property
    def home(self) -> Site | None:
        """The site whose clock, shift and currency the page shows."""
        if self.site is not None or not self.sites:
            return self.site
        return next((site for site in self.sites if site.pk == self.user.home_site_id), self.sites[0])

    @property
    def zone(self) -> str:
        """The IANA zone the page shows times in."""
        return self.home.timezone if self.home else "UTC"

    @property
    def narrowed(self) -> Site | None:
        """The site lists are cut to; None where the reader sees one site anyway, so that what their function answers
        elsewhere stays in view.
        """
        return self.site if len(self.sites) > 1 else None


def frame_for(user: User, wanted: str = "") -> Frame:
    """The frame of `user`, at the site of code `wanted` where they may look ("all": every one of theirs), else at
    their home site. Two queries.
    """
    sites = tuple(visible_sites(user).select_related("enterprise").order_by("code"))
    site = next((one for one in sites if one.code == wanted), None)
    if site is None and sites and wanted != ALL:
        site = next((one for one in sites if one.pk == user.home_site_id), sites[0])
    if wanted == ALL and len(sites) == 1:
        site = sites[0]
    return Frame(user=user, sites=sites, site=site, now=clock.now())


def nav_for(frame: Frame, counts: Tally | None = None) -> dict[str, Any]:
    """Side bar: site, shift, what waits at each place, and the groups whose hints change that.

    Six queries, more while an ERP is away.
    """
    user, home = frame.user, frame.home
    counts = counts or tally(user, now=frame.now, site=frame.narrowed)
    places: dict[str, int | None] = {"desk": counts.live, "inbox": inbox_count(user)}
    places["triage"] = counts.triage or None
    if frame.site is not None:
        proposed = Recommendation.objects.filter(site=frame.site, status=RecommendationStatus.PROPOSED)
        places["sequence"] = proposed.count() or None
    return {
        "site": home.name if frame.site and home else _("All sites") if frame.sites else "Execution layer",
        "company": home.enterprise.name if home else "",
        "shift": _shift(home, frame.now),
        "counts": places,
        "bad": {"postings": _dead(frame) or None, "handover": _late_sheets(frame) or None},
        "hidden": [place for place, action in _NEEDS.items() if not can(user, action)],
        "outages": outages([frame.site] if frame.site else frame.sites)
        if can(user, "posting.view")
        else None,
        "live": " ".join([f"user.{user.pk}", *site_groups(frame)]),
    }


def site_groups(frame: Frame) -> list[str]:
    """Socket groups of the sites in view."""
    return [f"site.{site.pk}" for site in ([frame.site] if frame.site else frame.sites)]


def inbox_count(user: User) -> int:
    """Answers and tasks a person owes. Two queries."""
    return waiting_count(user) + open_tasks_for(user).filter(person=user).count()


def _dead(frame: Frame) -> int:
    sites = [pk for pk in visible_site_ids(frame.user) if can(frame.user, "posting.view", pk)]
    if frame.narrowed is not None:
        sites = [pk for pk in sites if pk == frame.narrowed.pk]
    return Posting.objects.live().dead().filter(site__in=sites).count() if sites else 0


def _late_sheets(frame: Frame) -> int:
    sites = [frame.site] if frame.site else frame.sites
    return HandoverSheet.objects.filter(
        site__in=sites, due_at__lte=frame.now, incoming_at=None, starts_at__gt=frame.now - _SHEETS_COUNT
    ).count()


def _shift(site: Site | None, now: datetime) -> dict[str, Any] | None:
    running = current_shift(site, now) if site else None
    if running is None:
        return None
    share = (now - running.start) / (running.end - running.start)
    name = running.shift.name
    return {
        "name": label(name) if "shift" in name.lower() else _("{shift} shift").format(shift=label(name)),
        "starts_at": running.start,
        "ends_at": running.end,
        "share": round(100 * share),
    }
