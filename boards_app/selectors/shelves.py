"""What is shelved at the reader's sites: by whom, why, until when, and how much it holds back."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from boards_app.selectors.frame import Frame
from exceptions_app.models import HeldBy, HeldSignal, Shelf
from plant_app.models import Site
from plant_app.selectors import can

PAST_DAYS = 14
MOST_PAST = 30
MOST_UNDER = 30


@dataclass(frozen=True)
class ShelfRow:
    """One shelf with what it holds back now and has held back in all."""

    shelf: Shelf
    holding: int
    held: int
    may_lift: bool


def shelved_page(frame: Frame) -> dict[str, Any]:
    """Standing shelves, the one that ends first on top; what a greater or planned stop holds; shelves that have ended.
    Four queries.
    """
    sites = _sites(frame)
    rows = (
        Shelf.objects.filter(site__in=sites)
        .select_related("site", "type", "area", "work_centre", "work_unit", "source", "author", "lifted_by")
        .annotate(
            holding=Count("held", filter=Q(held__over_at=None, held__released_at=None)), total=Count("held")
        )
    )
    standing = rows.filter(lifted_at=None, starts_at__lte=frame.now, ends_at__gt=frame.now).order_by(
        "ends_at"
    )
    ended = rows.filter(Q(lifted_at__isnull=False) | Q(ends_at__lte=frame.now)).filter(
        ends_at__gt=frame.now - timedelta(days=PAST_DAYS)
    )
    may = {site.pk: can(frame.user, "exception.shelve", site.pk) for site in sites}
    under = (
        HeldSignal.objects.filter(over_at=None, released_at=None, signal__site__in=sites)
        .exclude(by=HeldBy.SHELF)
        .select_related("signal", "parent", "work_unit")[:MOST_UNDER]
    )
    return {
        "standing": [_row(one, may) for one in standing],
        "ended": [_row(one, may) for one in ended[:MOST_PAST]],
        "under": list(under),
        "live": " ".join(f"site.{site.pk}" for site in sites),
    }


def standing_shelves(frame: Frame) -> int:
    """How many shelves stand at the reader's sites. One query."""
    return _standing(frame).count()


def _standing(frame: Frame) -> QuerySet[Shelf]:
    return Shelf.objects.filter(
        site__in=_sites(frame), lifted_at=None, starts_at__lte=frame.now, ends_at__gt=frame.now
    )


def _sites(frame: Frame) -> list[Site]:
    return [frame.site] if frame.site else list(frame.sites)


def _row(shelf: Shelf, may: dict[int, bool]) -> ShelfRow:
    counts = vars(shelf)
    return ShelfRow(shelf, counts["holding"], counts["total"], may.get(shelf.site_id, False))
