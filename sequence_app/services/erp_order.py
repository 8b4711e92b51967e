"""ERP's own order of work, as a plan: what holds while the site's sequence is off or only advises."""

from plant_app.models import Operation, PlannedOperation, Site
from plant_app.services import PlanRow, publish_plan
from sequence_app.services.numbering import numbered
from sequence_app.snapshot import Snapshot


def erp_order(snapshot: Snapshot) -> list[PlanRow]:
    """Every open operation where and when ERP has it, positions by ERP's start on each unit.

    ERP often plans a work centre only: then the operation stays on the unit it was put on here, else it is taken by the
    centre's first unit.
    """
    first: dict[int, int] = {}
    for pk, unit in sorted(snapshot.unit_rows.items(), key=lambda pair: pair[1].code):
        first.setdefault(unit.work_centre_id, pk)
    rows = []
    for key, operation in snapshot.operations.items():
        unit_id = _unit(operation, snapshot.published.get(key)) or first.get(operation.work_centre_id)
        if unit_id is not None and unit_id in snapshot.unit_rows:
            rows.append(PlanRow(key, unit_id, 0, operation.planned_start, operation.planned_end))
    return numbered(rows)


def _unit(operation: Operation, published: PlannedOperation | None) -> int | None:
    here = published.work_unit_id if published is not None else None
    return operation.actual_unit_id or operation.work_unit_id or here


def follow_erp(snapshot: Snapshot) -> None:
    """Put ERP's order in the place of the published one, in the snapshot only: what a plan is compared with."""
    snapshot.published = {
        row.operation_id: PlannedOperation(
            operation_id=row.operation_id, work_unit=snapshot.unit_rows[row.work_unit_id], position=row.position,
            start=row.start, end=row.end, origin=PlannedOperation.Origin.ERP,
        )
        for row in erp_order(snapshot)
    }  # fmt: skip


def publish_erp_order(site: Site, snapshot: Snapshot) -> int:
    """Make ERP's order the published plan; returns rows changed. Locks the site's row."""
    return publish_plan(
        site=site, rows=erp_order(snapshot), origin_ref="erp", origin=PlannedOperation.Origin.ERP
    )
