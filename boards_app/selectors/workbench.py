"""The error workbench: refused and held postings grouped by cause, age or owner, and one group's rows.

Owns the grouping, its figures and how a row reads. Scoped by `erp_sync.selectors`; what a code means is said by
`erp_sync.codes`. A fixed number of queries, however many are dead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, IntegerField, Min, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from boards_app import wording
from boards_app.selectors.postings import Facet, cause_of
from core import clock
from core.errors import InvalidInput
from erp_sync.codes import OTHER, Cause, explain
from erp_sync.kinds import KIND_NAMES
from erp_sync.models import Posting
from erp_sync.models.postings import PostingQuerySet
from erp_sync.selectors import visible_postings
from erp_sync.services.bulk import MOST
from plant_app.models import Site, User
from plant_app.selectors import can

PER_PAGE: Final = 100
BY: Final = {"cause": "By cause", "age": "By age", "owner": "By owner"}
NOBODY: Final = "nobody"
#: code, words, from this age on; oldest first.
BANDS: Final = (
    ("week", "Over a week", timedelta(days=7)),
    ("day", "1 to 7 days", timedelta(days=1)),
    ("shift", "4 to 24 h", timedelta(hours=4)),
    ("hours", "1 to 4 h", timedelta(hours=1)),
    ("fresh", "Under 1 h", timedelta(0)),
)
_EDITABLE_FIRST: Final = ("payload", "payload_invalid", "field_length", "unit_digits")


@dataclass(frozen=True)
class Group:
    """Dead postings that share a cause, an age band or an owner. `oldest` in minutes since it stopped."""

    key: str
    words: str
    cure: str
    code: str
    count: int
    oldest: datetime
    oldest_words: str
    value: Decimal | None
    url: str
    on: bool
    again: bool = True


@dataclass(frozen=True)
class DeadRow:
    """One dead posting as the workbench shows it."""

    id: int
    version: int
    words: str
    subject: str
    ref: str
    chain: str
    connection: str
    site: str
    value: Decimal | None
    currency: Site
    since: datetime
    status: str
    cause: str
    owner: User | None
    next: str
    behind: int
    url: str


@dataclass(frozen=True)
class Workbench:
    """The page: its groups, the open one with its rows, who may be given something."""

    by: str
    views: list[Facet]
    groups: list[Group]
    total: int
    open: Group | None
    rows: list[DeadRow] = field(default_factory=list)
    page: Page[Posting] | None = None
    people: list[User] = field(default_factory=list)
    may_edit: bool = False
    address: str = ""
    query: str = ""
    read_at: str = ""

    @property
    def most(self) -> int:
        """How many of the open group go at once, chosen whole."""
        return min(self.open.count, MOST) if self.open else 0

    @property
    def left(self) -> int:
        """How many of it then stay."""
        return self.open.count - self.most if self.open else 0


@dataclass(frozen=True)
class Whole:
    """A group chosen whole: what is taken of it now, longest waiting first, and how many that leaves."""

    ids: list[int]
    left: int


def workbench(user: User, sites: list[Site], asked: Mapping[str, str]) -> Workbench:
    """The page as asked: `by` cause, age or owner; `group` the open one (else the first). At most eight queries."""
    by = asked.get("by", "cause")
    by = by if by in BY else "cause"
    dead, now = _dead(user, sites), clock.now()
    wanted = asked.get("group", "")
    groups = _GROUPS[by](dead, now, by, wanted)
    opened = next((one for one in groups if one.on), None)
    if opened is None and groups:
        opened = groups[0]
        groups[0] = opened = Group(**{**opened.__dict__, "on": True})
    views = [Facet(words, f"/postings/errors/?by={code}", code == by) for code, words in BY.items()]
    total = sum(one.count for one in groups)
    if opened is None:
        return Workbench(by, views, groups, 0, None)
    rows = _ordered(_within(dead, by, opened.key, now))
    page = Paginator(rows, PER_PAGE).get_page(asked.get("page"))
    address = urlencode({"by": by, "group": opened.key})
    return Workbench(
        by=by,
        views=views,
        groups=groups,
        total=total,
        open=opened,
        rows=[as_dead_row(posting) for posting in page],
        page=page,
        people=_people(sites),
        may_edit=any(can(user, "posting.edit", site) for site in sites),
        address=f"{address}&page={page.number}" if page.number > 1 else address,
        query=f"{address}&",
        read_at=now.isoformat(),
    )


def whole(
    user: User, sites: list[Site], *, by: str, group: str, read_at: datetime, but: User | None = None
) -> Whole:
    """A group as a page read at `read_at` showed it, less what has left it since, at most what may go at once.

    What came into it later was not seen by whoever chose it and is not touched; nor is what `but` looks after, to whom
    it is to be given. Raises InvalidInput `erp.group_gone` where nothing of it is left. Four queries.
    """
    dead = _dead(user, sites).filter(status_at__lte=read_at)
    found = next((one for one in _GROUPS.get(by, _none)(dead, read_at, by, group) if one.on), None)
    if found is None:
        raise InvalidInput("erp.group_gone", "Nothing of this group is left.", "Look at the workbench again.")
    rows = _within(dead, by, group, read_at).order_by("status_at", "pk")
    if but is not None:
        rows = rows.exclude(assignee=but)
    ids = list(rows.values_list("pk", flat=True)[:MOST])
    if not ids:
        raise InvalidInput("erp.group_theirs", "All of this group are looked after by them already.")
    return Whole(ids, max(rows.count() - len(ids), 0))


def of_ids(user: User, ids: list[int]) -> dict[int, Posting]:
    """Postings a reader may see, by id; whoever chose them chose from a page that may be old. One query."""
    return {
        posting.pk: posting for posting in visible_postings(user).select_related("site").filter(pk__in=ids)
    }


def as_dead_row(posting: Posting) -> DeadRow:
    """A dead posting in words."""
    exception = getattr(getattr(posting, "link", None), "exception", None)
    connection = posting.connection
    return DeadRow(
        id=posting.pk,
        version=posting.version,
        words=KIND_NAMES.get(posting.kind, posting.kind),
        subject=posting.text,
        ref=exception.ref if exception else "",
        chain=posting.chain,
        connection=connection.name if connection else "",
        site=posting.site.code,
        value=posting.value,
        currency=posting.site,
        since=posting.status_at,
        status=posting.status,
        cause=cause_of(posting),
        owner=posting.assignee,
        next=next_step(posting),
        behind=getattr(posting, "behind", 0) or 0,
        url=f"/postings/{posting.pk}/",
    )


def cause_words(posting: Posting) -> Cause:
    """What its error means, by its code and its connector's own words; what holds it, where there is no code."""
    code = posting.error_code or (f"erp.{posting.held_reason}" if posting.held_reason else "")
    return explain(code, posting.connection.kind if posting.connection else "")


def next_step(posting: Posting) -> str:
    """Two or three words: what is usually done next."""
    if posting.held_reason == "drifted":
        return "Compare both values"
    if posting.held_reason == "mapping_missing":
        return "Enter the mapping"
    if posting.error_code.rsplit(".", 1)[-1] in _EDITABLE_FIRST:
        return "Correct it"
    return "Send again" if cause_words(posting).again else "Read and correct"


def _dead(user: User, sites: list[Site]) -> PostingQuerySet:
    return visible_postings(user).live().dead().filter(site__in=sites, settled_at=None)


# --- groups -------------------------------------------------------------------------------------------------
def _figures(rows: PostingQuerySet, *names: str) -> list[dict[str, Any]]:
    return list(
        rows.order_by()
        .values(*names)
        .annotate(count=Count("pk"), oldest=Min("status_at"), worth=Sum("value"))
    )


def _group(by: str, key: str, wanted: str, now: datetime, row: Mapping[str, Any], cause: Cause) -> Group:
    return Group(
        key=key,
        words=cause.title,
        cure=cause.cure,
        code=key if by == "cause" and "." in key else "",
        count=row["count"],
        oldest=row["oldest"],
        oldest_words=wording.coarse((now - row["oldest"]) / timedelta(minutes=1)),
        value=row["worth"],
        url=f"/postings/errors/?{urlencode({'by': by, 'group': key})}",
        on=key == wanted,
        again=cause.again,
    )


def _by_cause(dead: PostingQuerySet, now: datetime, by: str, wanted: str) -> list[Group]:
    """One group a code; the same code on two connectors of a kind is one cause. Most first, then oldest."""
    found: dict[str, dict[str, Any]] = {}
    for row in _figures(dead, "error_code", "held_reason", "connection__kind"):
        key = row["error_code"] or (f"erp.{row['held_reason']}" if row["held_reason"] else "none")
        kept = found.setdefault(
            key, {"count": 0, "oldest": row["oldest"], "worth": None, "kind": row["connection__kind"]}
        )
        kept["count"] += row["count"]
        kept["oldest"] = min(kept["oldest"], row["oldest"])
        if row["worth"] is not None:
            kept["worth"] = (kept["worth"] or Decimal()) + row["worth"]
    groups = [
        _group(by, key, wanted, now, row, explain(key, row["kind"] or "") if key != "none" else OTHER)
        for key, row in found.items()
    ]
    return sorted(groups, key=lambda one: (-one.count, one.oldest, one.key))


def _by_age(dead: PostingQuerySet, now: datetime, by: str, wanted: str) -> list[Group]:
    bands = {
        f"{code}_{what}": made
        for code, _words, _from in BANDS
        for what, made in (
            ("count", Count("pk", filter=_band(code, now))),
            ("oldest", Min("status_at", filter=_band(code, now))),
            ("worth", Sum("value", filter=_band(code, now))),
        )
    }
    figures = dead.aggregate(**bands)
    return [
        _group(
            by, code, wanted, now,
            {what: figures[f"{code}_{what}"] for what in ("count", "oldest", "worth")},
            Cause(words, ""),
        )
        for code, words, _from in BANDS
        if figures[f"{code}_count"]
    ]  # fmt: skip


def _by_owner(dead: PostingQuerySet, now: datetime, by: str, wanted: str) -> list[Group]:
    """Nobody's first: those are the ones nobody looks after."""
    rows = _figures(dead, "assignee")
    people = {person.pk: person for person in User.objects.filter(pk__in=[row["assignee"] for row in rows])}
    groups = []
    for row in rows:
        person = people.get(row["assignee"])
        key = str(person.pk) if person else NOBODY
        said = (
            Cause(str(person), "")
            if person
            else Cause("Nobody looks after these", "Take them on, or give them.")
        )
        groups.append(_group(by, key, wanted, now, row, said))
    return sorted(groups, key=lambda one: (one.key != NOBODY, -one.count, one.words))


def _none(dead: PostingQuerySet, now: datetime, by: str, wanted: str) -> list[Group]:
    """There is no such grouping."""
    return []


_GROUPS: Final = {"cause": _by_cause, "age": _by_age, "owner": _by_owner}


def _band(code: str, now: datetime) -> Q:
    edges = [one[0] for one in BANDS]
    at = edges.index(code)
    wanted = Q(status_at__lte=now - BANDS[at][2]) if BANDS[at][2] else Q()
    return wanted & Q(status_at__gt=now - BANDS[at - 1][2]) if at else wanted


def _within(dead: PostingQuerySet, by: str, key: str, now: datetime) -> PostingQuerySet:
    if by == "age":
        return dead.filter(_band(key, now))
    if by == "owner":
        return dead.filter(assignee=None) if key == NOBODY else dead.filter(assignee=int(key))
    if key == "none":
        return dead.filter(error_code="", held_reason="")
    held = key.removeprefix("erp.")
    return dead.filter(Q(error_code=key) | Q(error_code="", held_reason=held))


def _ordered(rows: PostingQuerySet) -> PostingQuerySet:
    """Longest waiting first; `behind` counts what waits behind each in its order."""
    behind = (
        Posting.objects.unsettled()
        .filter(connection=OuterRef("connection"), chain=OuterRef("chain"), pk__gt=OuterRef("pk"))
        .exclude(chain="")
        .order_by()
        .values("chain")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return (
        rows.select_related("connection", "site", "assignee", "link__exception")
        .annotate(behind=Coalesce(Subquery(behind[:1], output_field=IntegerField()), 0))
        .order_by(F("status_at").asc(), "pk")
    )


def _people(sites: list[Site]) -> list[User]:
    """Whoever may act on postings of these sites, by name."""
    found = User.objects.filter(
        is_active=True, grants__site__in=sites, grants__role__in=("planner", "administrator", "integrator")
    )
    return sorted(found.distinct(), key=lambda one: str(one).casefold())
