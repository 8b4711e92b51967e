"""The postings screen: rows with their lag, how the ERPs are doing, one posting with its tries and what may be done.

Scoped by `erp_sync.selectors`, which decides whose postings a reader may see; adds the exception each belongs to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from boards_app import wording
from core import clock
from core.errors import InvalidInput
from erp_sync import lifecycle
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting
from erp_sync.models.postings import PostingQuerySet
from erp_sync.selectors import (
    ConnectionState,
    connection_states,
    oldest_open,
    posting_in_full,
    postings_for_screen,
)
from erp_sync.services.operating import FIXED_FIELDS
from plant_app.models import Site, User
from plant_app.selectors import can

#: A lag from here on is marked.
LATE_MINUTES: Final = 60.0
_STATES: Final = ("dead", "open", "confirmed", "local", "cancelled")
_STATE_WORDS: Final = {
    "dead": "Needs you", "open": "On the way", "confirmed": "Confirmed", "local": "Kept here",
    "cancelled": "Cancelled",
}  # fmt: skip
#: Payload members in the plant's words; others are shown as they are called, without underscores.
_NAMES: Final = {
    "yield_qty": "Good", "scrap_qty": "Scrap", "qty": "Quantity", "uom": "Unit", "machine_minutes": "Machine minutes",
    "labour_minutes": "Labour minutes", "total_yield": "Good in all", "final": "Last of the order",
    "reason_code": "Reason", "new": "New value", "old": "Old value", "work_centre": "Work centre",
}  # fmt: skip
_FIRST: Final = (
    "site", "work_order", "operation", "number", "line", "action", "work_centre", "work_unit", "item", "lot",
    "quantity", "uom", "from_location", "to_location", "from_status", "to_status", "yield_qty", "scrap_qty", "start",
    "end",
)  # fmt: skip
_VERBS: Final = {
    "approval": ("approve", "edit", "cancel", "mark-local"),
    "queued": ("retry", "edit", "cancel", "mark-local"),
    "unknown": ("retry", "mark-local"),
    "rejected": ("edit", "retry", "cancel", "mark-local"),
    "held": ("edit", "retry", "cancel", "mark-local"),
}  # fmt: skip

_BY_HAND: Final = ("keyed", "edit", "retry", "cancel", "mark-local")


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
    if posting.status == "queued" and posting.failures:
        return f"try {posting.attempts + 1} follows"
    return ""


def health(user: User, sites: list[Site], day_start: datetime) -> Health:
    """The screen's figures. Four queries."""
    rows = Posting.objects.live().filter(site__in=sites)
    counts = rows.aggregate(
        open=Count("pk", filter=Q(settled_at__isnull=True)),
        unclear=Count("pk", filter=Q(status="unknown")),
        approval=Count("pk", filter=Q(status="approval")),
        by_hand=Count("pk", filter=Q(status="held", held_reason=lifecycle.HeldReason.MANUAL)),
        today=Count("pk", filter=Q(status="confirmed", erp_confirmed_at__gte=day_start)),
    )
    dead = rows.dead().count()
    lags = sorted(
        (confirmed - occurred) / timedelta(minutes=1)
        for confirmed, occurred in rows.filter(
            status="confirmed", erp_confirmed_at__gte=day_start
        ).values_list("erp_confirmed_at", "occurred_at")[:5000]
        if confirmed is not None
    )
    middle = (lags[(len(lags) - 1) // 2] + lags[len(lags) // 2]) / 2 if lags else None
    oldest = oldest_open([site.pk for site in sites])
    return Health(
        open=counts["open"],
        dead=dead,
        by_hand=counts["by_hand"],
        approval=counts["approval"],
        unclear=counts["unclear"],
        confirmed_today=counts["today"],
        median_words=wording.span(middle) if middle is not None else "none yet",
        oldest=oldest,
        oldest_words=wording.coarse((clock.now() - oldest.occurred_at) / timedelta(minutes=1))
        if oldest
        else "",
        connections=connection_states(),
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


# --- one posting --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Member:
    """A member of what is sent: its name in words and its value; `kind` says how it is edited."""

    name: str
    words: str
    value: str
    kind: str
    fixed: bool


@dataclass(frozen=True)
class InFull:
    """One posting with everything about it."""

    posting: Posting
    row: Row
    members: list[Member]
    verbs: tuple[str, ...]
    may_edit: bool


def in_full(user: User, posting_id: int) -> InFull | None:
    """One posting, or None where the reader may not see it. Five queries."""
    posting = posting_in_full(user, posting_id)
    if posting is None:
        return None
    may = can(user, "posting.edit", posting.site_id)
    return InFull(
        posting=posting,
        row=as_row(posting),
        members=[_member(name, posting.payload[name]) for name in sorted(posting.payload, key=_place)],
        verbs=_BY_HAND if is_by_hand(posting) else _VERBS.get(posting.status, ()),
        may_edit=may,
    )


@dataclass(frozen=True)
class Card:
    """One posting to key by hand: what to key, under which reference, and who asked."""

    posting: Posting
    row: Row
    members: list[Member]
    may_edit: bool
    latest: str


def card_of(posting: Posting, user: User) -> Card:
    """What the list to key by hand shows of a posting; `latest` is now in its site's time, as a form takes it."""
    return Card(
        posting=posting,
        row=as_row(posting),
        members=[
            _member(name, posting.payload[name])
            for name in sorted(posting.payload, key=_place)
            if posting.payload[name] not in (None, "", [], {})
        ],
        may_edit=can(user, "posting.edit", posting.site_id),
        latest=clock.now().astimezone(ZoneInfo(posting.site.timezone)).strftime("%Y-%m-%dT%H:%M"),
    )


def _place(name: str) -> tuple[int, str]:
    """Members people look for first; the store keeps no order of its own."""
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _member(name: str, value: Any) -> Member:
    kind = "text"
    if isinstance(value, bool):
        kind, shown = "flag", "yes" if value else "no"
    elif isinstance(value, dict | list):
        kind, shown = "json", json.dumps(value, indent=2, ensure_ascii=False)
    else:
        shown = "" if value is None else str(value)
    words = _NAMES.get(name) or name.replace("_", " ").capitalize()
    return Member(name, words, shown, kind, name in FIXED_FIELDS)


def edited(posting: Posting, given: Mapping[str, str]) -> dict[str, Any]:
    """The payload with the form's values in it, each in the type it had. Raises InvalidInput for what is none."""
    payload = dict(posting.payload)
    for name, value in posting.payload.items():
        raw = given.get(f"payload.{name}")
        if raw is None or name in FIXED_FIELDS:
            continue
        payload[name] = _typed(name, value, raw.strip())
    return payload


def _typed(name: str, before: Any, raw: str) -> Any:
    if isinstance(before, bool):
        return raw == "yes"
    if isinstance(before, dict | list):
        try:
            return json.loads(raw)
        except ValueError:
            raise InvalidInput("erp.payload_unreadable", f"{name} is no longer readable as a list.") from None
    if isinstance(before, int):
        if not raw.lstrip("-").isdigit():
            raise InvalidInput("erp.payload_unreadable", f"{name} is a whole number.")
        return int(raw)
    if isinstance(before, float):
        return float(Decimal(raw))
    return None if before is None and not raw else raw
