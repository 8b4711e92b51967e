"""What the floor says to a recommendation: confirm publishes it, override keeps the plan and says why."""

from datetime import timedelta

from django.db import transaction

from core import clock
from core.errors import InvalidInput, NotAllowed, NotFound, TransitionRefused
from core.hints import hint
from decisions_app import services as decisions
from plant_app.models import AccessRole, Capability, ConstraintKind, Level, PlannedOperation, Site, User
from plant_app.selectors import level_of
from plant_app.selectors.access import roles_of
from plant_app.services import PlanRow, impose_constraint, publish_plan
from plant_app.services.plan import note_override
from sequence_app.models import OverrideReason, Recommendation, RecommendationStatus
from sequence_app.services.numbering import numbered

MAY_ANSWER = {AccessRole.PLANNER, AccessRole.OPERATOR, AccessRole.RESPONDER, AccessRole.ADMINISTRATOR}


@transaction.atomic
def confirm(*, recommendation_id: int, actor: User) -> Recommendation:
    """Publish the recommended order of its work centre; everything else keeps its place.

    Raises NotFound, NotAllowed, TransitionRefused (`sequence.answered`; `sequence.advising` where the sequence only
    advises). Locks the site's row, then the recommendation.
    """
    recommendation = _open(recommendation_id, actor)
    if level_of(recommendation.site_id, Capability.SEQUENCE) != Level.CONFIRMING:
        raise TransitionRefused(
            "sequence.advising",
            "Here the sequence only advises.",
            "Plan it like this in ERP, or say why not.",
        )
    _publish(recommendation)
    _answer(recommendation, RecommendationStatus.CONFIRMED, actor)
    return recommendation


@transaction.atomic
def override(*, recommendation_id: int, actor: User, reason: str, note: str = "") -> Recommendation:
    """Keep the published order, with a reason code; the headline operation is held where it is until it may start.

    Raises NotFound, NotAllowed, InvalidInput (`sequence.reason`), TransitionRefused. Locks as `confirm`.
    """
    if reason not in OverrideReason.values:
        raise InvalidInput("sequence.reason", "Choose why.", choices=list(OverrideReason.values))
    if reason == OverrideReason.OTH and not note.strip():
        raise InvalidInput("sequence.reason", "Say why in words.")
    recommendation = _open(recommendation_id, actor)
    recommendation.override_reason, recommendation.note = reason, note.strip()[:200]
    _hold(recommendation)
    _answer(recommendation, RecommendationStatus.OVERRIDDEN, actor)
    note_override(
        work_centre=recommendation.work_centre, title=recommendation.title, by=actor,
        reason=recommendation.get_override_reason_display(), note=recommendation.note,
        origin_ref=f"recommendation:{recommendation.pk}",
    )  # fmt: skip
    return recommendation


def _open(recommendation_id: int, actor: User) -> Recommendation:
    site_id = Recommendation.objects.filter(pk=recommendation_id).values_list("site_id", flat=True).first()
    if site_id is None or not roles_of(actor, site_id):
        raise NotFound("sequence.recommendation", "There is no such recommendation.")
    if not MAY_ANSWER & set(roles_of(actor, site_id)):
        raise NotAllowed("sequence.not_yours", "The floor and planning answer recommendations.")
    Site.objects.select_for_update(no_key=True).get(pk=site_id)
    recommendation = (
        Recommendation.objects.select_for_update(no_key=True, of=("self",))
        .select_related("site", "version", "work_centre")
        .get(pk=recommendation_id)
    )
    if recommendation.status != RecommendationStatus.PROPOSED:
        raise TransitionRefused(
            "sequence.answered",
            f"This was already {recommendation.get_status_display().lower()}.",
            "Look at the current recommendation.",
        )
    return recommendation


def _publish(recommendation: Recommendation) -> None:
    centre = recommendation.work_centre_id
    moved = {change["operation"] for change in recommendation.changes}
    fresh = {
        row.operation_id: row
        for row in recommendation.version.rows.select_related("work_unit")
        if row.work_unit.work_centre_id == centre or row.operation_id in moved
    }
    rows = [
        PlanRow(row.operation_id, row.work_unit_id, row.position, row.start, row.end, row.pinned)
        for row in fresh.values()
    ]
    rows += [
        PlanRow(row.operation_id, row.work_unit_id, row.position, row.start, row.end, row.pinned)
        for row in PlannedOperation.objects.filter(operation__work_order__site=recommendation.site)
        if row.operation_id not in fresh
    ]
    publish_plan(
        site=recommendation.site, rows=numbered(rows), origin_ref=f"recommendation:{recommendation.pk}"
    )
    decisions.ask_windows(site=recommendation.site)


def _hold(recommendation: Recommendation) -> None:
    headline = recommendation.changes[0]["operation"]
    planned = (
        PlannedOperation.objects.filter(operation_id=headline)
        .select_related("operation", "work_unit")
        .first()
    )
    if planned is None:
        return
    impose_constraint(
        kind=ConstraintKind.PINNED,
        site=recommendation.site,
        origin_ref=f"recommendation:{recommendation.pk}",
        operation=planned.operation,
        work_unit=planned.work_unit,
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(hours=8),
        note=f"{recommendation.get_override_reason_display()} {recommendation.note}".strip()[:160],
    )


def _answer(recommendation: Recommendation, status: str, actor: User) -> None:
    recommendation.status = status
    recommendation.decided_at, recommendation.decided_by = clock.now(), actor
    recommendation.save(update_fields=["status", "decided_at", "decided_by", "override_reason", "note"])
    hint(
        f"sequence.{recommendation.work_centre_id}",
        f"site.{recommendation.site_id}",
        kind="recommendation",
        work_centre=recommendation.work_centre_id,
        status=status,
    )
