"""Outbox and plant held against ERP: what comparisons found, and what ERP believes otherwise than is known here.

Arranges what `erp_sync.findings` and `erp_sync.drift` read: findings nobody has settled by kind, each with whose it is,
since when and what to do next, and the settled ones. Scoped: a finding about a posting of another site is left out.
Five queries a connection and a dozen a site.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from boards_app.selectors.posting_fields import words_for
from erp_sync.drift import Drift, DriftKind, drift
from erp_sync.findings import NEXT_STEP, Standing, in_words, of_sites, standing_findings
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import (
    ErpConnection,
    FindingCare,
    FindingKind,
    FindingStep,
    Posting,
    ReconciliationRun,
)
from erp_sync.services import why_not_anew
from plant_app.access_rules import roles_for
from plant_app.models import Site, User
from plant_app.selectors import can

#: What each list is called, and the usual step about one of its rows.
_LISTS: Final = {
    FindingKind.MISSING_THERE: ("Missing in ERP", "Send anew"),
    FindingKind.UNKNOWN_HERE: ("Unknown here", "Explain"),
    FindingKind.DIFFERING: ("Different", "Explain"),
    FindingKind.DOUBLED: ("Twice in ERP", "Explain"),
}
_STATUS: Final = {"free": "free", "hold": "on hold"}


@dataclass(frozen=True)
class Row:
    """One finding: what it is about, both sides, where to look, whose it is; and what became of it, once settled.

    `may`: the reader may do something about it. `next`: the usual step, in words.
    """

    id: int
    version: int
    words: str
    key: str
    number: str
    ours: str
    theirs: str
    url: str
    since: datetime
    owner: User | None
    mine: bool
    may: bool
    next: str
    settled_at: datetime | None
    settled_by: User | None
    remark: str


@dataclass(frozen=True)
class FindingList:
    """The open findings of one kind, with what to do next about each."""

    words: str
    cure: str
    rows: list[Row]


@dataclass(frozen=True)
class InFull:
    """One finding with its story and what may be done. `why_not_anew`: why it can't be sent anew; empty: it can."""

    row: Row
    kind: str
    cure: str
    connection: ErpConnection
    steps: list[FindingStep]
    people: list[User]
    why_not_anew: str


@dataclass(frozen=True)
class Compared:
    """One connection with what stands of its comparisons; `waiting` while one is asked for or under way.

    `lists` hold what is open, kinds without any left out; `settled` what somebody has looked at and explained.
    """

    connection: ErpConnection
    at: datetime | None
    since: datetime | None
    postings: int
    documents: int
    error: str
    waiting: bool
    lists: list[FindingList]
    settled: list[Row]
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
    next_report: bool
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
        _compared(user, connection, ids, connection.pk in waiting)
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


def finding_of(user: User, sites: Sequence[Site], pk: int) -> InFull | None:
    """One finding a reader may see at `sites`, in full."""
    ids = {site.pk for site in sites}
    care = in_words(of_sites(FindingCare.objects.filter(pk=pk), ids)).first()
    if care is None:
        return None
    concerned = {care.posting.site_id} if care.posting is not None else ids
    return InFull(
        row=_row(care, user, ids),
        kind=_LISTS[FindingKind(care.kind)][0],
        cure=NEXT_STEP[care.kind],
        connection=care.connection,
        steps=list(care.steps.select_related("actor").order_by("pk")),
        people=_people(concerned),
        why_not_anew=why_not_anew(care),
    )


def _people(sites: set[int]) -> list[User]:
    """Whoever may look after findings of these sites, by name."""
    found = User.objects.filter(
        is_active=True, grants__site__in=sites, grants__role__in=roles_for("posting.edit")
    )
    return sorted(found.distinct(), key=lambda one: str(one).casefold())


def _compared(user: User, connection: ErpConnection, ids: set[int], waiting: bool) -> Compared:
    standing: Standing = standing_findings(connection)
    last = (
        ReconciliationRun.objects.filter(connection=connection, finished_at__isnull=False)
        .order_by("-pk")
        .first()
    )
    run = standing.run or last
    seen = [care for care in standing.all if care.posting is None or care.posting.site_id in ids]
    lists = [
        FindingList(
            words,
            NEXT_STEP[kind],
            [_row(care, user, ids) for care in seen if care.kind == kind and not care.settled],
        )
        for kind, (words, _step) in _LISTS.items()
    ]
    return Compared(
        connection=connection,
        at=run.finished_at if run is not None and not run.error else None,
        since=standing.since,
        postings=run.postings if run is not None else 0,
        documents=run.documents if run is not None else 0,
        error=last.error if last is not None else "",
        waiting=waiting,
        lists=[one for one in lists if one.rows],
        settled=[_row(care, user, ids) for care in seen if care.settled],
        may_ask=any(can(user, "posting.edit", pk) for pk in ids),
    )


def _row(care: FindingCare, user: User, ids: set[int]) -> Row:
    posting = care.posting
    concerned = {posting.site_id} if posting is not None else ids
    may = any(can(user, "posting.edit", site) for site in concerned)
    step = _LISTS[FindingKind(care.kind)][1]
    return Row(
        id=care.pk,
        version=care.version,
        words=KIND_NAMES.get(posting.kind, posting.kind) + (f", {posting.text}" if posting.text else "")
        if posting is not None
        else "No posting of ours",
        key=care.business_key,
        number=care.erp_number,
        ours=care.ours,
        theirs=care.theirs,
        url=f"/postings/{posting.pk}/" if posting is not None else "",
        since=care.first_found_at,
        owner=care.owner,
        mine=care.owner_id == user.pk,
        may=may,
        next=step if step != "Send anew" or not why_not_anew(care) else "Explain",
        settled_at=care.settled_at,
        settled_by=care.settled_by,
        remark=care.remark,
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
            next_report=one.next_report,
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
