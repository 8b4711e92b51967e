"""The postings screen: rows with their lag, how the ERPs are doing, the pages about them.

One posting in full is `posting`. Scoped by `erp_sync.selectors`, which decides
whose postings a reader may see; adds the exception each belongs to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from boards_app import wording
from core import clock
from erp_sync import lifecycle
from erp_sync.findings import unsettled_findings
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting
from erp_sync.models.postings import PostingQuerySet
from erp_sync.selectors import (
    ConnectionState,
    connection_states,
    oldest_open,
    postings_for_screen,
)
from plant_app.models import Site, User

#: A lag from here on is marked.
LATE_MINUTES: Final = 60.0
#: Settled may be noted this much earlier than ERP's own time says, with clocks apart and days of two zones.
_LATE_NEWS: Final = timedelta(days=1)
_DEAD: Final = Q(status=lifecycle.Status.REJECTED) | (
    Q(status=lifecycle.Status.HELD) & ~Q(held_reason__in=lifecycle.NO_FAULT)
)
_STATES: Final = ("dead", "open", "confirmed", "local", "cancelled")
_STATE_WORDS: Final = {
    "dead": "Needs you", "open": "Open", "confirmed": "Confirmed", "local": "Kept here",
    "cancelled": "Cancelled",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One posting of the list, as `components/posting_row.html` wants it and with what the screen adds."""

    id: int
    ref: str
    words: str
    subject: str
    status: str
    at: datetime
    next: str
    cause: str
    document: str
    lag: float | None
    lag_late: bool
    url: str
    dead: bool
    site: str


@dataclass(frozen=True)
class Facet:
    """A filter chip."""

    words: str
    url: str
    on: bool
    count: int | None = None


@dataclass(frozen=True)
class Health:
    """The figures over the list."""

    open: int
    dead: int
    by_hand: int
    approval: int
    unclear: int
    confirmed_today: int
    median_words: str
    oldest: Posting | None
    oldest_words: str
    connections: list[ConnectionState]

    @property
    def moving(self) -> int:
        """What goes by itself: neither refused or held, nor waiting for somebody's yes or hands."""
        return self.open - self.dead - self.by_hand - self.approval


def rows_of(user: User, sites: list[Site]) -> PostingQuerySet:
    """Postings in view with their exception joined, newest first."""
    return postings_for_screen(user).filter(site__in=sites).select_related("link__exception")


def as_row(posting: Posting) -> Row:
    """A posting in words; `lag` in minutes."""
    lag: timedelta | None = getattr(posting, "lag", None)
    minutes = lag / timedelta(minutes=1) if lag is not None else None
    exception = getattr(getattr(posting, "link", None), "exception", None)
    counts = posting.in_erp or not posting.settled
    return Row(
        id=posting.pk,
        ref=exception.ref if exception else "",
        words=KIND_NAMES.get(posting.kind, posting.kind),
        subject=posting.text or posting.chain,
        status=posting.status,
        at=posting.status_at,
        next=_next(posting),
        cause=cause_of(posting),
        document=posting.erp_number,
        lag=max(minutes, 0.0) if minutes is not None and counts else None,
        lag_late=bool(minutes and counts and minutes > LATE_MINUTES),
        url=f"/postings/{posting.pk}/",
        dead=is_dead(posting),
        site=posting.site.code,
    )


def is_dead(posting: Posting) -> bool:
    """Only a person gets it on."""
    return posting.status == lifecycle.Status.REJECTED or (
        posting.status == lifecycle.Status.HELD and posting.held_reason not in lifecycle.NO_FAULT
    )


def is_by_hand(posting: Posting) -> bool:
    """A person keys it into ERP, because write-back goes no further here."""
    return posting.status == lifecycle.Status.HELD and posting.held_reason == lifecycle.HeldReason.MANUAL


def cause_of(posting: Posting) -> str:
    """Why it is where it is: the ERP's own words, what holds it, or why it stays here."""
    if posting.status in ("rejected", "unknown") or (posting.status == "queued" and posting.failures):
        return posting.error_message
    if posting.status == "held":
        return f"{posting.get_held_reason_display()}. {posting.error_message}".strip(". ") + "."
    return posting.local_reason if posting.status == "local" else ""


def _next(posting: Posting) -> str:
    ahead = getattr(posting, "ahead_id", None)
    if ahead and not posting.settled and posting.status != "sending":
        return f"goes after number {ahead}"
    until = posting.buffered_until
    if posting.status == "queued" and until is not None and until > clock.now():
        return f"goes at {until.astimezone(ZoneInfo(posting.site.timezone)):%H:%M}"
    if posting.status == "queued" and posting.failures:
        return f"try {posting.attempts + 1} follows"
    return ""


def health(user: User, sites: list[Site], day_start: datetime) -> Health:
    """The screen's figures, counted on what is open and on today. Five queries."""
    rows = Posting.objects.live().filter(site__in=sites)
    today = rows.filter(
        status="confirmed", erp_confirmed_at__gte=day_start, settled_at__gte=day_start - _LATE_NEWS
    )
    counts = rows.filter(settled_at=None).aggregate(
        open=Count("pk"),
        dead=Count("pk", filter=_DEAD),
        unclear=Count("pk", filter=Q(status="unknown")),
        approval=Count("pk", filter=Q(status="approval")),
        by_hand=Count("pk", filter=Q(status="held", held_reason=lifecycle.HeldReason.MANUAL)),
    )
    lags = sorted(
        (confirmed - occurred) / timedelta(minutes=1)
        for confirmed, occurred in today.values_list("erp_confirmed_at", "occurred_at")[:5000]
        if confirmed is not None
    )
    middle = (lags[(len(lags) - 1) // 2] + lags[len(lags) // 2]) / 2 if lags else None
    oldest = oldest_open([site.pk for site in sites])
    return Health(
        open=counts["open"],
        dead=counts["dead"],
        by_hand=counts["by_hand"],
        approval=counts["approval"],
        unclear=counts["unclear"],
        confirmed_today=len(lags) if len(lags) < 5000 else today.count(),
        median_words=wording.span(middle) if middle is not None else "none yet",
        oldest=oldest,
        oldest_words=wording.coarse((clock.now() - oldest.occurred_at) / timedelta(minutes=1))
        if oldest
        else "",
        connections=connection_states([site.pk for site in sites]),
    )


def facets(query: Mapping[str, str], found: Health) -> tuple[list[Facet], list[Facet]]:
    """Chips by state, and the kinds of the menu; each keeps the other filter."""
    status, kind = query.get("status", ""), query.get("kind", "")
    kept = f"&kind={kind}" if kind in KIND_NAMES else ""
    counts = {"dead": found.dead, "open": found.open, "confirmed": None, "local": None, "cancelled": None}
    states = [Facet("All", f"?{kept.lstrip('&')}", not status)]
    states += [
        Facet(_STATE_WORDS[code], f"?status={code}{kept}", status == code, counts[code]) for code in _STATES
    ]
    if found.approval or status == "approval":
        states.append(Facet("To approve", f"?status=approval{kept}", status == "approval", found.approval))
    if found.by_hand or status == "by_hand":
        states.append(Facet("To key by hand", "/postings/by-hand/", status == "by_hand", found.by_hand))
    by_status = f"status={status}&" if status in _STATES else ""
    kinds = [Facet(name, f"?{by_status}kind={code}", kind == code) for code, name in KIND_NAMES.items()]
    return states, kinds


def tabs(user: User, sites: list[Site], on: str) -> list[Facet]:
    """The pages about postings, with what waits on each. Two queries."""
    counts = (
        Posting.objects.live()
        .filter(site__in=sites, settled_at=None)
        .aggregate(
            errors=Count("pk", filter=_DEAD),
            by_hand=Count("pk", filter=Q(status="held", held_reason=lifecycle.HeldReason.MANUAL)),
        )
    )
    return [
        Facet("All", "/postings/", on == "list"),
        Facet("Needs a person", "/postings/errors/", on == "errors", counts["errors"]),
        Facet("To key by hand", "/postings/by-hand/", on == "by_hand", counts["by_hand"]),
        Facet("Against ERP", "/postings/comparison/", on == "comparison", unsettled_findings(sites)),
    ]
