"""What the sequence page and API show: the order of work per work centre, recommendations, constraints."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from exceptions_app.models import ExceptionRecord
from plant_app.models import Constraint, PlannedOperation, Site, WorkCentre
from plant_app.selectors.floor import open_constraints
from sequence_app.models import Recommendation, RecommendationStatus, SequenceRow, SequenceVersion


@dataclass(frozen=True)
class QueueRow:
    """An operation in the published plan, with what the last sequence says of it."""

    planned: PlannedOperation
    need_by: datetime | None
    binding: str
    reason: str

    @property
    def late(self) -> bool:
        return self.need_by is not None and self.planned.end > self.need_by


@dataclass
class CentreQueue:
    """The published order of one work centre."""

    centre: WorkCentre
    rows: list[QueueRow] = field(default_factory=list)
    recommendation: Recommendation | None = None


@dataclass(frozen=True)
class ConstraintRow:
    """A live limit and the exception that put it there."""

    constraint: Constraint
    exception: ExceptionRecord | None


def latest(site: Site) -> SequenceVersion | None:
    """The newest computed sequence of a site."""
    return SequenceVersion.objects.filter(site=site).order_by("-number").first()


def queues(site: Site, *, work_centre: WorkCentre | None = None, most: int = 12) -> list[CentreQueue]:
    """Published queues by work centre with open recommendations, nearest work first. Five queries."""
    centres = WorkCentre.objects.filter(area__site=site).select_related("area")
    if work_centre is not None:
        centres = centres.filter(pk=work_centre.pk)
    found = {
        centre.pk: CentreQueue(centre=centre)
        for centre in centres.order_by("area__position", "position", "code")
    }
    version = latest(site)
    computed: dict[int, SequenceRow] = {}
    if version is not None:
        computed = {row.operation_id: row for row in version.rows.all()}
    planned = (
        PlannedOperation.objects.filter(
            operation__work_order__site=site,
            work_unit__work_centre__in=found,
            operation__finished_at__isnull=True,
        )
        .select_related(
            "operation__work_order__item", "operation__work_order__sales_line__order__customer", "work_unit"
        )
        .order_by("start", "pk")
    )
    for row in planned:
        queue = found[row.work_unit.work_centre_id]
        if len(queue.rows) >= most:
            continue
        match = computed.get(row.operation_id)
        queue.rows.append(
            QueueRow(
                planned=row,
                need_by=match.need_by if match else None,
                binding=match.binding if match else "",
                reason=match.reason if match else "",
            )
        )
    for recommendation in open_recommendations(site):
        if recommendation.work_centre_id in found:
            found[recommendation.work_centre_id].recommendation = recommendation
    return [queue for queue in found.values() if queue.rows or queue.recommendation]


def open_recommendations(site: Site) -> QuerySet[Recommendation]:
    """Questions to the floor that wait for an answer."""
    return Recommendation.objects.filter(site=site, status=RecommendationStatus.PROPOSED).select_related(
        "work_centre", "version"
    )


def recent_recommendations(site: Site, *, most: int = 20) -> list[Recommendation]:
    """What was answered lately."""
    return list(
        Recommendation.objects.filter(site=site)
        .exclude(status=RecommendationStatus.PROPOSED)
        .select_related("work_centre", "decided_by")
        .order_by("-decided_at")[:most]
    )


def constraints(site: Site) -> list[ConstraintRow]:
    """Live limits, each with its exception. Two queries."""
    rows = list(open_constraints(site))
    keys = {int(row.origin_ref.split(":", 1)[1]) for row in rows if row.origin_ref.startswith("exception:")}
    exceptions = ExceptionRecord.objects.select_related("owner", "type").in_bulk(keys)
    by_ref = {f"exception:{pk}": exception for pk, exception in exceptions.items()}
    return [ConstraintRow(constraint=row, exception=by_ref.get(row.origin_ref)) for row in rows]
