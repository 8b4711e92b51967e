"""What can be wrong with the sequence: sites that wait for one, recommendations nobody answers."""

from collections.abc import Iterable
from datetime import timedelta

from core import clock
from core.doctor import Finding, Level, check
from plant_app.models import ResequenceRequest
from sequence_app.models import Recommendation, RecommendationStatus


@check
def waiting() -> Iterable[Finding]:
    """A site is re-sequenced within seconds of a change."""
    late = (
        ResequenceRequest.objects.filter(due_at__lt=clock.now() - timedelta(minutes=2))
        .order_by()
        .values("site")
        .distinct()
        .count()
    )
    if late:
        yield Finding(
            "XL-S001",
            Level.ERROR,
            f"{late} sites wait for a new sequence for more than two minutes",
            "Check that the worker on the work queue runs; it picks them up by itself.",
            count=late,
        )


@check
def unanswered() -> Iterable[Finding]:
    """A recommendation is a question to the floor."""
    old = Recommendation.objects.filter(
        status=RecommendationStatus.PROPOSED, created_at__lt=clock.now() - timedelta(hours=4)
    ).count()
    if old:
        yield Finding(
            "XL-S002",
            Level.INFO,
            f"{old} recommendations have waited for an answer for four hours",
            "Confirm or override them on the sequence page.",
            count=old,
        )
