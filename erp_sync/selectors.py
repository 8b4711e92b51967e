"""Reads of the outbox: the postings screen, dead letters, what is open, what was confirmed when, how ERPs are doing.

Scoped by user where people ask; every list has a bounded number of queries.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import (
    Aggregate,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce, Greatest

from core import clock
from erp_sync import lifecycle
from erp_sync.models import ConnectionSite, ErpConnection, Posting, PostingAttempt, PostingEdit
from erp_sync.models.postings import PostingQuerySet
from plant_app.models import Site
from plant_app.selectors import Reader, can, visible_site_ids

_SETTLED = sorted(status.value for status in lifecycle.SETTLED)


def visible_postings(user: Reader) -> PostingQuerySet:
    """Postings of the sites where `user` may view them."""
    sites = [site_id for site_id in visible_site_ids(user) if can(user, "posting.view", site_id)]
    return Posting.objects.filter(site_id__in=sites)


def postings_for_screen(user: Reader) -> PostingQuerySet:
    """Rows of the postings page: `lag` (occurred to confirmed, or to now while open) and `ahead_id`, the posting of its
    chain it waits behind. History's books are left out. One query when iterated."""
    ahead = (
        Posting.objects.unsettled()
        .filter(connection_id=OuterRef("connection_id"), chain=OuterRef("chain"), pk__lt=OuterRef("pk"))
        .exclude(chain="")
        .order_by("pk")
    )
    return (
        visible_postings(user)
        .live()
        .select_related("connection", "site", "actor", "assignee")
        .annotate(
            lag=ExpressionWrapper(
                Coalesce("erp_confirmed_at", "settled_at", clock.now()) - F("occurred_at"),
                output_field=DurationField(),
            ),
            ahead_id=Subquery(ahead.values("pk")[:1]),
        )
        .order_by("-pk")
    )


def posting_in_full(user: Reader, posting_id: int) -> Posting | None:
    """One posting with its tries and edits, or None where the user may not see it. Three queries."""
    return (
        postings_for_screen(user)
        .prefetch_related(
            Prefetch("tries", PostingAttempt.objects.order_by("number")),
            Prefetch("edits", PostingEdit.objects.select_related("actor").order_by("pk")),
        )
        .filter(pk=posting_id)
        .first()
    )


def dead_letters(user: Reader) -> PostingQuerySet:
    """Rejected and held postings a person must get on, longest waiting first."""
    return postings_for_screen(user).dead().order_by("status_at", "pk")


def postings_of(origin_ref: str) -> PostingQuerySet:
    """All postings decided in one place, in the order they were made. Not scoped: the caller's page is."""
    return Posting.objects.filter(origin_ref=origin_ref).select_related("connection").order_by("pk")


def all_settled(origin_ref: str) -> bool:
    """Whether every posting of `origin_ref` has come to rest (also when there is none)."""
    return not Posting.objects.unsettled().filter(origin_ref=origin_ref).exists()


def oldest_open(sites: Collection[int] | None = None) -> Posting | None:
    """The living posting unsettled longest, by the moment it describes; at `sites` only when given."""
    rows = Posting.objects.unsettled().live()
    if sites is not None:
        rows = rows.filter(site_id__in=sites)
    return rows.select_related("connection", "site").order_by("occurred_at", "pk").first()


def confirmed_between(
    *, start: datetime, end: datetime, sites: Collection[int] | None = None, ledger: bool = True
) -> PostingQuerySet:
    """Postings ERP confirmed in [start, end) with their `lag`; `ledger=False` leaves history's books out. Local ones
    are never among them."""
    rows = Posting.objects.filter(
        status=lifecycle.Status.CONFIRMED, erp_confirmed_at__gte=start, erp_confirmed_at__lt=end
    ).annotate(lag=ExpressionWrapper(F("erp_confirmed_at") - F("occurred_at"), output_field=DurationField()))
    if sites is not None:
        rows = rows.filter(site_id__in=sites)
    return rows if ledger else rows.live()


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """How one ERP is doing, for banners and operations: open circuit since when, and what waits behind it."""

    connection: ErpConnection
    waiting: int
    unclear: int
    dead: int
    oldest_waiting: datetime | None
    last_confirmed: datetime | None

    @property
    def silent(self) -> bool:
        return self.connection.circuit_open

    @property
    def outage(self) -> timedelta | None:
        """How long the ERP has been silent; None while it answers or never did."""
        if not self.silent or self.connection.last_ok_at is None:
            return None
        return clock.now() - self.connection.last_ok_at


def connection_states(sites: Collection[int] | None = None) -> list[ConnectionState]:
    """Every enabled living connection with its backlog; with `sites` those that serve one of them, and their postings
    only. What is collected for its slot does not wait yet. One query."""
    status = lifecycle.Status
    circuit = Q(status=status.HELD, held_reason=lifecycle.HeldReason.CIRCUIT_OPEN)
    no_fault = Q(held_reason__in=[reason.value for reason in lifecycle.NO_FAULT])
    its_time = Q(buffered_until__isnull=True) | Q(buffered_until__lte=clock.now())
    waiting = (Q(status__in=[status.QUEUED, status.SENDING]) | circuit) & its_time
    since = Greatest("created_at", Coalesce("buffered_until", "created_at"))
    dead = Q(status=status.REJECTED) | (Q(status=status.HELD) & ~no_fault)
    here = Q() if sites is None else Q(site__in=sites)
    confirmed = Posting.objects.filter(here, connection=OuterRef("pk"), status=status.CONFIRMED)
    served = ErpConnection.objects.filter(enabled=True, is_ledger=False)
    if sites is not None:
        served = served.filter(pk__in=ConnectionSite.objects.filter(site__in=sites).values("connection"))
    rows = served.annotate(
        waiting=Coalesce(_of_open(Count("pk"), here & waiting), 0),
        unclear=Coalesce(_of_open(Count("pk"), here & Q(status=status.UNKNOWN)), 0),
        dead=Coalesce(_of_open(Count("pk"), here & dead), 0),
        oldest_waiting=_of_open(Min(since), here & waiting),
        last_confirmed=Subquery(confirmed.order_by("-settled_at").values("erp_confirmed_at")[:1]),
    ).order_by("code")
    return [
        ConnectionState(row, row.waiting, row.unclear, row.dead, row.oldest_waiting, row.last_confirmed)
        for row in rows
    ]


def _of_open(what: Aggregate, condition: Q) -> Subquery:
    """Of a connection's unsettled postings only (index `posting_open`), however long its history is."""
    rows = Posting.objects.unsettled().filter(condition, connection=OuterRef("pk")).order_by()
    return Subquery(rows.values("connection").annotate(found=what).values("found"))


def sites_without_erp() -> QuerySet[Site]:
    """Sites whose postings all stay local."""
    served = ErpConnection.objects.filter(enabled=True, is_ledger=False, site_links__is_default=True)
    return Site.objects.exclude(pk__in=served.values("site_links__site"))
