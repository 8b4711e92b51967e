"""Outbox and plant held against ERP: what comparisons found, and what ERP believes otherwise than is known here.

Arranges what `erp_sync.findings` and `erp_sync.drift` read. Scoped: a finding about a posting of another site is left
out. Two queries a connection and a dozen a site.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from boards_app.selectors.posting_fields import words_for
from erp_sync.drift import Drift, DriftKind, drift
from erp_sync.findings import Standing, standing_findings
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import ErpConnection, FindingKind, Posting, ReconciliationFinding, ReconciliationRun
from plant_app.models import Site, User
from plant_app.selectors import can

#: What each list is about, and what somebody does about its rows.
_LISTS: Final = (
    (
        "missing_there",
        "Missing in ERP",
        "Confirmed here, and ERP has no document: look there, then post it anew.",
    ),
    (
        "unknown_here",
        "Unknown here",
        "ERP has a document under a key of ours that is cancelled or not known here.",
    ),
    ("different", "Different", "Both have it, with other values or twice: correct it where it is wrong."),
)
_STATUS: Final = {"free": "free", "hold": "on hold"}


@dataclass(frozen=True)
class Row:
    """One finding: what it is about, both sides, where to look."""

    words: str
    key: str
    number: str
    ours: str
    theirs: str
    url: str
    doubled: bool


@dataclass(frozen=True)
class FindingList:
    """One of the three lists."""

    words: str
    cure: str
    rows: list[Row]


@dataclass(frozen=True)
class Compared:
    """One connection with what stands of its comparisons; `waiting` while one is asked for or under way."""

    connection: ErpConnection
    at: datetime | None
    since: datetime | None
    postings: int
    documents: int
    error: str
    waiting: bool
    lists: list[FindingList]
    may_ask: bool

    @property
    def count(self) -> int:
        return sum(len(one.rows) for one in self.lists)


@dataclass(frozen=True)
class Difference:
    """One value ERP has otherwise; `postings` are on their way and explain it, unless `unsent`."""

    what: str
    subject: str
    column: str
    theirs: str
    ours: str
    uom: str
    read_at: datetime | None
    postings: list[Posting]
    unsent: str
    explained: bool
    stuck: bool


@dataclass(frozen=True)
class SiteDrift:
    """What ERP believes otherwise of one site, unexplained first."""

    site: Site
    rows: list[Difference]
    unexplained: int
    more: bool
    read_at: datetime | None


def compared(user: User, sites: Sequence[Site]) -> list[Compared]:
    """Every ERP in use at `sites` that a reader may see postings of."""
    found = ErpConnection.objects.filter(enabled=True, is_ledger=False, site_links__site__in=sites)
    ids = {site.pk for site in sites}
    waiting = set(
        ReconciliationRun.objects.filter(finished_at=None, connection__in=found).values_list(
            "connection", flat=True
        )
    )
    return [
        _compared(connection, ids, connection.pk in waiting, any(can(user, "posting.edit", pk) for pk in ids))
        for connection in found.distinct().order_by("code")
    ]


def differences(user: User, sites: Sequence[Site]) -> list[SiteDrift]:
    """What ERP believes otherwise, site by site; sites without an ERP are left out."""
    found = []
    for site in sites:
        seen = drift(site, user)
        if seen.read or seen.rows:
            found.append(_site(site, seen))
    return found


def connection_of(user: User, sites: Sequence[Site], code: str) -> ErpConnection | None:
    """A connection of `sites` by its code."""
    return ErpConnection.objects.filter(code=code, site_links__site__in=sites).distinct().first()


def _compared(connection: ErpConnection, ids: set[int], waiting: bool, may_ask: bool) -> Compared:
    standing: Standing = standing_findings(connection)
    last = (
        ReconciliationRun.objects.filter(connection=connection, finished_at__isnull=False)
        .order_by("-pk")
        .first()
    )
    run = standing.run or last
    lists = [
        FindingList(
            words,
            cure,
            [
                _row(finding)
                for finding in getattr(standing, name)
                if finding.posting is None or finding.posting.site_id in ids
            ],
        )
        for name, words, cure in _LISTS
    ]
    return Compared(
        connection=connection,
        at=run.finished_at if run is not None and not run.error else None,
        since=standing.since,
        postings=run.postings if run is not None else 0,
        documents=run.documents if run is not None else 0,
        error=last.error if last is not None else "",
        waiting=waiting,
        lists=lists,
        may_ask=may_ask,
    )


def _row(finding: ReconciliationFinding) -> Row:
    posting = finding.posting
    return Row(
        words=KIND_NAMES.get(posting.kind, posting.kind) + (f", {posting.text}" if posting.text else "")
        if posting is not None
        else "No posting of ours",
        key=finding.business_key,
        number=finding.erp_number,
        ours=finding.ours,
        theirs=finding.theirs,
        url=f"/postings/{posting.pk}/" if posting is not None else "",
        doubled=finding.kind == FindingKind.DOUBLED,
    )


def _site(site: Site, seen: Drift) -> SiteDrift:
    rows = [
        Difference(
            what=DriftKind(one.kind).label,
            subject=one.subject,
            column=words_for(one.field),
            theirs=_said(one.erp, site),
            ours=_said(one.ours, site),
            uom=one.uom,
            read_at=one.read_at,
            postings=list(one.postings),
            unsent="" if one.unsent in ("", "all") else one.unsent,
            explained=one.explained,
            stuck=one.stuck,
        )
        for one in seen.rows
    ]
    read = [at for at in seen.read.values() if at is not None]
    return SiteDrift(site, rows, seen.unexplained, seen.more, min(read) if read else None)


def _said(value: str, site: Site) -> str:
    """A stored value in words, a moment in the plant's time."""
    try:
        moment = parse_datetime(value)
    except ValueError:
        moment = None
    if moment is not None and moment.tzinfo is not None:
        return f"{moment.astimezone(ZoneInfo(site.timezone)):%a %d %b %H:%M}"
    return _STATUS.get(value, value.replace("_", " ")) or "nothing"
