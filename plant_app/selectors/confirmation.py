"""What of an operation ERP does not know yet: pieces and times since the last confirmation.

Times come from the floor's reports, less the stretches in which the unit could not work. What is done with them
(which posting, when) is decided above.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Q

from plant_app import intervals
from plant_app.models import Operation, ProgressReport, UnitState, WorkUnit, WorkUnitState

# States whose time is neither set-up nor machine time (they are posted as downtime, if at all).
IDLE = (
    UnitState.DOWN, UnitState.MATERIAL, UnitState.HOLD, UnitState.SAFETY, UnitState.PLANNED_STOP, UnitState.FREE,
)  # fmt: skip


@dataclass(frozen=True)
class ConfirmationDue:
    """Unconfirmed pieces (base unit) and minutes (one decimal) of an operation, and the stretch they were made in."""

    good: Decimal
    scrap: Decimal
    setup_minutes: Decimal
    machine_minutes: Decimal
    start: datetime | None
    end: datetime
    work_unit: WorkUnit | None

    @property
    def empty(self) -> bool:
        return not (self.good or self.scrap or self.setup_minutes or self.machine_minutes)


def confirmation_due(operation: Operation, until: datetime) -> ConfirmationDue:
    """Everything made and every minute worked on `operation` up to `until` that no confirmation carries yet.

    Two queries. Without any report the operation counts as running from its start.
    """
    setup: list[intervals.Stretch] = []
    run: list[intervals.Stretch] = []
    kind, since = (ProgressReport.Kind.START.value, operation.started_at)
    reports = [
        report
        for report in ProgressReport.objects.filter(operation=operation, at__lte=until).order_by("at", "pk")
        if report.kind != ProgressReport.Kind.COUNT
    ]
    if reports and operation.started_at is not None and reports[0].at <= operation.started_at:
        since = None
    for report in reports:
        _close(setup, run, kind, since, report.at)
        working = report.kind in {ProgressReport.Kind.SETUP, ProgressReport.Kind.START}
        kind, since = report.kind, report.at if working else None
    _close(setup, run, kind, since, until)
    idle = _idle(operation.actual_unit, operation.started_at, until)
    setup = intervals.clip(intervals.without(setup, idle), operation.confirmed_until, until)
    run = intervals.clip(intervals.without(run, idle), operation.confirmed_until, until)
    worked = sorted([*setup, *run])
    return ConfirmationDue(
        good=operation.good - operation.confirmed_good,
        scrap=operation.scrap - operation.confirmed_scrap,
        setup_minutes=_minutes(intervals.total(setup)),
        machine_minutes=_minutes(intervals.total(run)),
        start=worked[0][0] if worked else None,
        end=worked[-1][1] if worked else until,
        work_unit=operation.actual_unit or operation.work_unit,
    )


def _close(
    setup: list[intervals.Stretch],
    run: list[intervals.Stretch],
    kind: str,
    since: datetime | None,
    at: datetime,
) -> None:
    if since is not None and since < at:
        (setup if kind == ProgressReport.Kind.SETUP else run).append((since, at))


def _idle(unit: WorkUnit | None, start: datetime | None, until: datetime) -> list[intervals.Stretch]:
    if unit is None or start is None:
        return []
    rows = WorkUnitState.objects.filter(work_unit=unit, state__in=IDLE, since__lt=until)
    rows = rows.filter(Q(until=None) | Q(until__gt=start))
    return [(row.since, row.until or until) for row in rows]


def _minutes(length: timedelta) -> Decimal:
    return (Decimal(length // timedelta(seconds=1)) / 60).quantize(Decimal("0.1"))
