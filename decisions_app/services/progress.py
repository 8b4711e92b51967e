"""Progress of work without an exception: the floor reports, and ERP gets its confirmation."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core import clock
from decisions_app.models import PostingLink
from decisions_app.posting_templates.situation import plain, worked_times
from erp_sync import services as erp
from erp_sync.models import Posting
from plant_app.models import (
    Constraint,
    ConstraintKind,
    Operation,
    OperationStatus,
    ProgressReport,
    User,
    WorkUnit,
)
from plant_app.selectors.confirmation import confirmation_due
from plant_app.services import live
from plant_app.services import progress as plant


@transaction.atomic
def report_progress(
    *,
    operation_id: int,
    kind: str,
    good: Decimal = Decimal(0),
    scrap: Decimal = Decimal(0),
    at: datetime | None = None,
    person: User | None = None,
    work_unit: WorkUnit | None = None,
    expected_version: int | None = None,
    reason_code: str = "",
) -> tuple[ProgressReport, Posting | None]:
    """Take a progress report and queue the confirmation it calls for (counts, stops and finishes; not starts).

    Quantities in the item's base unit. What ERP would refuse does not refuse the floor's report: it ends as a posting
    to be edited. Raises what the plant's own verb raises (stale version, impossible count).
    Locks the operation there.
    """
    moment = at or clock.now()
    report = plant.report_progress(
        operation_id=operation_id,
        kind=kind,
        good=good,
        scrap=scrap,
        at=moment,
        person=person,
        work_unit=work_unit,
        version=expected_version,
    )
    _let_go(operation_id, kind)
    if kind not in {ProgressReport.Kind.STOP, ProgressReport.Kind.COUNT, ProgressReport.Kind.FINISH}:
        return report, None
    operation = Operation.objects.select_related("work_order__site", "work_order__item", "work_centre").get(
        pk=operation_id
    )
    posting = _confirm(operation, report, reason_code)
    return report, posting


def _let_go(operation_id: int, kind: str) -> None:
    """A start ends "not before", the end of the operation its pin: whatever was decided has been done."""
    ended = {
        ProgressReport.Kind.SETUP: (ConstraintKind.NOT_BEFORE,),
        ProgressReport.Kind.START: (ConstraintKind.NOT_BEFORE,),
        ProgressReport.Kind.FINISH: (ConstraintKind.NOT_BEFORE, ConstraintKind.PINNED),
    }.get(ProgressReport.Kind(kind), ())
    if not ended:
        return
    open_ones = Constraint.objects.filter(operation_id=operation_id, kind__in=ended, lifted_at=None)
    for origin_ref, name in open_ones.order_by("pk").values_list("origin_ref", "kind"):
        live.lift_constraints(origin_ref=origin_ref, kind=name)


def _confirm(operation: Operation, report: ProgressReport, reason_code: str) -> Posting | None:
    order = operation.work_order
    unit = report.work_unit or operation.actual_unit or operation.work_unit
    later = order.operations.filter(number__gt=operation.number)
    last = not later.exclude(status=OperationStatus.CANCELLED).exists()
    final = report.kind == ProgressReport.Kind.FINISH and last
    made = confirmation_due(operation, report.at)
    if made.empty and not (final and operation.good):
        return None
    payload: dict[str, object] = {
        "site": order.site.code,
        "work_order": order.number,
        "operation": str(operation.number),
        "yield_qty": plain(made.good),
        "scrap_qty": plain(made.scrap),
        "work_centre": operation.work_centre.code,
        "work_unit": unit.code if unit else "",
        "final": final,
        **worked_times(made),
    }
    if final:
        payload["total_yield"] = plain(operation.good)
    if made.scrap:
        payload["reason_code"] = reason_code or "UNK"
    posting = erp.queue_posting(
        kind="confirmation",
        site=order.site,
        payload=payload,
        occurred_at=report.at,
        origin_ref=f"progress:{report.pk}",
        key_parts=("progress", report.pk),
        chain=order.number,
        actor=report.person,
        text=f"{order.number} op {operation.number}",
        reason_code=reason_code,
        keep_invalid=True,
    )
    PostingLink.objects.get_or_create(posting=posting, defaults={"template": "progress"})
    plant.note_confirmed(
        operation_id=operation.pk,
        good=made.good,
        scrap=made.scrap,
        until=max(report.at, operation.confirmed_until or report.at),
    )
    return posting
