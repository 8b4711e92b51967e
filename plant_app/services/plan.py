"""The published plan: the only writer of where and when each open operation runs.

First ERP's own order, later the sequence's. Which plan is good is not decided here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from core.errors import InvalidInput
from core.hints import hint
from plant_app.models import Operation, PlannedOperation, PlanOverride, Site, User, WorkCentre, WorkUnit


@dataclass(frozen=True)
class PlanRow:
    """One operation's place in the plan; `position` counts from 0 on its unit."""

    operation_id: int
    work_unit_id: int
    position: int
    start: datetime
    end: datetime
    pinned: bool = False


_CHANGING = ("work_unit_id", "position", "start", "end", "pinned", "origin", "origin_ref")


@transaction.atomic
def publish_plan(
    *,
    site: Site,
    rows: Iterable[PlanRow],
    origin_ref: str = "",
    origin: str = PlannedOperation.Origin.SEQUENCE,
) -> int:
    """Make `rows` the site's plan: operations not named are no longer planned. Returns how many rows changed.

    Raises InvalidInput when an operation or unit is of another site, or an operation is there twice. Locks the site's
    row, so two publications never mix. Work centres whose plan changed are told.
    """
    wanted = list(rows)
    Site.objects.select_for_update(no_key=True).get(pk=site.pk)
    operations = {row.operation_id for row in wanted}
    units = dict(WorkUnit.objects.filter(work_centre__area__site=site).values_list("pk", "work_centre_id"))
    if len(operations) != len(wanted):
        raise InvalidInput("plan.operation_twice", "An operation is in the plan twice.")
    known = Operation.objects.filter(pk__in=operations, work_order__site=site).count()
    if known != len(operations) or any(row.work_unit_id not in units for row in wanted):
        raise InvalidInput("plan.other_site", "The plan names an operation or unit of another site.")
    current = {
        row.operation_id: row
        for row in PlannedOperation.objects.filter(operation__work_order__site=site).select_related(
            "work_unit"
        )
    }
    centres: set[int] = set()
    added, changed = [], []
    for row in wanted:
        planned = current.pop(row.operation_id, None)
        values = {
            "work_unit_id": row.work_unit_id, "position": row.position, "start": row.start, "end": row.end,
            "pinned": row.pinned, "origin": origin, "origin_ref": origin_ref,
        }  # fmt: skip
        if planned is None:
            added.append(PlannedOperation(operation_id=row.operation_id, **values))
        elif any(getattr(planned, name) != value for name, value in values.items()):
            centres.add(planned.work_unit.work_centre_id)
            for name, value in values.items():
                setattr(planned, name, value)
            changed.append(planned)
        else:
            continue
        centres.add(units[row.work_unit_id])
    centres.update(row.work_unit.work_centre_id for row in current.values())
    PlannedOperation.objects.filter(pk__in=[row.pk for row in current.values()]).delete()
    PlannedOperation.objects.bulk_create(added)
    PlannedOperation.objects.bulk_update(changed, _CHANGING, batch_size=500)
    if centres:
        hint(f"site.{site.pk}", *(f"sequence.{pk}" for pk in sorted(centres)), kind="plan", origin=origin_ref)
    return len(added) + len(changed) + len(current)


def note_override(
    *, work_centre: WorkCentre, title: str, reason: str, note: str, by: User, origin_ref: str
) -> PlanOverride:
    """Write down that the floor kept its order against `title`, and why; once for what `origin_ref` names. No lock."""
    row, _ = PlanOverride.objects.get_or_create(
        origin_ref=origin_ref,
        defaults={
            "work_centre": work_centre, "title": title[:160], "reason": reason[:80], "note": note[:200], "by": by,
        },
    )  # fmt: skip
    return row
