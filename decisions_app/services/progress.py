"""Progress of work without an exception: the floor reports, and ERP gets its confirmation."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from core import clock
from decisions_app.models import PostingLink
from decisions_app.posting_templates.situation import plain, worked_minutes
from erp_sync import services as erp
from erp_sync.models import Posting
from plant_app.models import Operation, ProgressReport, User, WorkUnit
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

    Quantities in the item's base unit. Raises what the plant's own verb raises (stale version, impossible count).
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
    if kind not in {ProgressReport.Kind.STOP, ProgressReport.Kind.COUNT, ProgressReport.Kind.FINISH}:
        return report, None
    operation = Operation.objects.select_related("work_order__site", "work_order__item", "work_centre").get(
        pk=operation_id
    )
    posting = _confirm(operation, report, reason_code)
    return report, posting


def _confirm(operation: Operation, report: ProgressReport, reason_code: str) -> Posting | None:
    started = operation.confirmed_until or operation.started_at
    order = operation.work_order
    unit = report.work_unit or operation.actual_unit or operation.work_unit
    last = not order.operations.filter(number__gt=operation.number).exists()
    finishing = report.kind == ProgressReport.Kind.FINISH
    payload: dict[str, object] = {
        "site": order.site.code,
        "work_order": order.number,
        "operation": str(operation.number),
        "yield_qty": plain(report.good),
        "scrap_qty": plain(report.scrap),
        "work_centre": operation.work_centre.code,
        "work_unit": unit.code if unit else "",
        "final": finishing and last,
    }
    if finishing and last:
        payload["total_yield"] = plain(operation.good)
    if started is not None and started < report.at:
        minutes = worked_minutes(started, report.at)
        payload |= {
            "start": started.isoformat(),
            "end": report.at.isoformat(),
            "machine_minutes": minutes,
            "labour_minutes": minutes,
        }
    elif not report.good and not report.scrap:
        return None
    if report.scrap:
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
    )
    PostingLink.objects.get_or_create(posting=posting, defaults={"template": "progress"})
    plant.note_confirmed(operation_id=operation.pk, good=report.good, scrap=report.scrap, until=report.at)
    return posting
