"""What comparisons found and what still stands of it: whose it is, since when, and what to do next.

By day a comparison looks back two days, by night a week: a finding stands until a later comparison has looked at the
same stretch and not found it. One that nobody has settled stands however old it is; one that is settled is carried for
some days, for whoever asks what became of it. Reads only.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from core import clock
from erp_sync import lifecycle
from erp_sync.models import (
    ErpConnection,
    FindingCare,
    FindingKind,
    FindingStep,
    Posting,
    ReconciliationRun,
)
from plant_app.models import Site
from plant_app.selectors import Reader, can, visible_site_ids

#: How long comparisons count as lately, and settled findings are shown.
CARRIED = timedelta(days=8)
#: How the error of a run begins that went through but for some postings nobody can look up.
PARTLY: Final = "not to be looked up"

#: What somebody does about a finding of each kind.
NEXT_STEP: Final[dict[str, str]] = {
    FindingKind.MISSING_THERE: "Look in ERP: if the document is gone, send it anew; if it stands there under another "
    "number, say so.",
    FindingKind.UNKNOWN_HERE: "Look in ERP whose document it is: take it back there, or say why it stands.",
    FindingKind.DIFFERING: "Compare the two: correct ERP's document, or take the posting back and post it right.",
    FindingKind.DOUBLED: "Take one of the documents back in ERP, the later one as a rule.",
}


@dataclass
class Standing:
    """The findings that stand, `since` how far back the comparisons behind them reach; `run` is the latest of those."""

    run: ReconciliationRun | None = None
    since: datetime | None = None
    missing_there: list[FindingCare] = field(default_factory=list)
    unknown_here: list[FindingCare] = field(default_factory=list)
    different: list[FindingCare] = field(default_factory=list)

    @property
    def all(self) -> list[FindingCare]:
        return [*self.missing_there, *self.unknown_here, *self.different]

    @property
    def open(self) -> list[FindingCare]:
        """Those nobody has settled."""
        return [care for care in self.all if not care.settled]

    @property
    def count(self) -> int:
        return len(self.all)


def standing_findings(connection: ErpConnection) -> Standing:
    """What stands of the comparisons of `connection` that went through, first found first. Three queries."""
    runs = ReconciliationRun.objects.filter(
        connection=connection, error="", finished_at__isnull=False, started_at__gt=clock.now() - CARRIED
    )
    standing = Standing(run=runs.first(), since=runs.order_by().aggregate(since=Min("since"))["since"])
    for care in in_words(standing_cares().filter(connection=connection)):
        _list_of(standing, care).append(care)
    return standing


def standing_cares() -> QuerySet[FindingCare]:
    """Every finding that stands, of any connection. Not scoped.

    A run that could not look every posting up has read ERP's list whole all the same: it takes away what is judged by
    that list, and nothing that is missing there.
    """
    later = ReconciliationRun.objects.filter(
        connection=OuterRef("connection"),
        pk__gt=OuterRef("last_run"),
        finished_at__isnull=False,
        since__lte=OuterRef("about_at"),
    )
    whole, partly = Exists(later.filter(error="")), Exists(later.filter(error__startswith=PARTLY))
    lately = Q(settled_at__isnull=True) | Q(last_run__started_at__gt=clock.now() - CARRIED)
    standing = FindingCare.objects.filter(lately).exclude(whole)
    return standing.exclude(~Q(kind=FindingKind.MISSING_THERE), partly)


def visible_findings(user: Reader, *, standing: bool = True) -> QuerySet[FindingCare]:
    """The findings a reader may see, at connections in use; without `standing` also those that stand no longer."""
    sites = [site_id for site_id in visible_site_ids(user) if can(user, "posting.view", site_id)]
    rows = standing_cares() if standing else FindingCare.objects.all()
    return of_sites(rows, sites).filter(connection__enabled=True)


def of_sites(rows: QuerySet[FindingCare], sites: Iterable[int]) -> QuerySet[FindingCare]:
    """Findings about postings of `sites`, and those about no posting of ours in the ERPs that serve them."""
    ids = list(sites)
    serving = ErpConnection.objects.filter(site_links__site__in=ids).values("pk")
    return rows.filter(Q(posting__site__in=ids) | Q(posting__isnull=True, connection__in=serving))


def unsettled_findings(sites: Iterable[Site]) -> int:
    """How many findings about `sites` nobody has settled. One query."""
    rows = standing_cares().filter(settled_at=None, connection__enabled=True, connection__is_ledger=False)
    return of_sites(rows, [site.pk for site in sites]).count()


def in_words(rows: QuerySet[FindingCare]) -> QuerySet[FindingCare]:
    """With what a list shows of each."""
    return (
        rows.select_related(
            "connection", "posting", "posting__site", "posting__connection", "owner", "settled_by", "last_run"
        )
        .prefetch_related("posting__reversals", "steps")
        .order_by("first_found_at", "pk")
    )


def sent_anew(posting: Posting) -> Posting | None:
    """The posting that was sent anew for one ERP lost, and was not called off since; it stands for that one there."""
    keys = FindingStep.objects.filter(care__posting=posting, verb=FindingStep.Verb.ANEW)
    return (
        Posting.objects.filter(
            connection=posting.connection_id,
            business_key__in=keys.values(key=KeyTextTransform("anew", "after")),
        )
        .exclude(status=lifecycle.Status.CANCELLED)
        .order_by("pk")
        .first()
    )


def _list_of(standing: Standing, care: FindingCare) -> list[FindingCare]:
    if care.kind == FindingKind.MISSING_THERE:
        return standing.missing_there
    return standing.unknown_here if care.kind == FindingKind.UNKNOWN_HERE else standing.different
