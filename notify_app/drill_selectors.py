"""Reads of fire drills, scoped to the sites of the reader who may see them."""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from core.errors import NotFound
from notify_app.models import DrillPlan, DrillRun
from plant_app.models import User
from plant_app.permissions import require
from plant_app.selectors import can, visible_site_ids

ACTION = "drill.view"


def _sites(user: Any) -> list[int]:
    return [site for site in visible_site_ids(user) if can(user, ACTION, site)]


def drills_of(user: Any, *, line: str = "") -> QuerySet[DrillRun]:
    """Drills the reader may see, the newest first; `line` narrows to one work centre."""
    rows = DrillRun.objects.filter(plan__work_centre__area__site__in=_sites(user)).select_related(
        "plan__work_centre__area__site", "plan__type", "plan__work_unit", "exception", "started_by"
    )
    return rows.filter(plan__work_centre__code=line) if line else rows


def plans_of(user: User) -> list[DrillPlan]:
    """Each line's drill with how its last one went (`last_status`, `last_id`, `last_at`). Two queries."""
    last = DrillRun.objects.filter(plan=OuterRef("pk")).order_by("-started_at", "-pk")
    return list(
        DrillPlan.objects.filter(work_centre__area__site__in=_sites(user))
        .select_related("work_centre__area__site", "type", "work_unit")
        .annotate(
            last_status=Subquery(last.values("status")[:1]),
            last_id=Subquery(last.values("pk")[:1]),
            last_at=Subquery(last.values("started_at")[:1]),
        )
        .order_by("work_centre__area__site", "work_centre", "pk")
    )


def drill_of(user: Any, pk: int) -> DrillRun:
    """One drill; NotFound `drills.not_found` also for what the reader may not see."""
    found = drills_of(user).filter(pk=pk).first()
    if found is None:
        raise NotFound("drills.not_found", "There is no such drill.")
    require(user, ACTION, found.plan.work_centre.area.site_id)
    return found
