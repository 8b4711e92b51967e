"""The machines of a work centre on one time axis: done, running, to come, down; black what a proposal moves.

Turns jobs somebody has read into stretches in percent. Reads no database.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from boards_app import drawing
from boards_app.selectors import unit_words
from boards_app.selectors.centre_jobs import CentreJobs
from plant_app.models import Operation, OperationStatus
from plant_app.selectors import projected_end


@dataclass(frozen=True)
class Bar:
    """A stretch on a machine's lane, in percent: kind done, dn, mv, set, sh (published) or empty."""

    kind: str
    a: float
    b: float
    words: str = ""


def lanes(jobs: CentreJobs, axis: drawing.Axis) -> list[tuple[str, list[Bar]]]:
    """Every machine's stretch of the axis: done, running, to come; black what the proposal moves."""
    bars: dict[int, list[Bar]] = defaultdict(list)

    def add(unit_id: int | None, kind: str, start: datetime, end: datetime, words: str = "") -> None:
        if unit_id is None or end <= axis.start or start >= axis.end:
            return
        a, b = axis.at(start), axis.at(end)
        if b - a >= 0.3:
            bars[unit_id].append(Bar(kind, a, b, words))

    for operation in jobs.done:
        add(
            operation.actual_unit_id, "done", operation.started_at or jobs.now,
            operation.finished_at or jobs.now, _short(operation),
        )  # fmt: skip
    running = {operation.pk for operation in jobs.on_unit}
    for operation in jobs.on_unit:
        stopped = operation.status == OperationStatus.STOPPED
        end = jobs.now if stopped else projected_end(operation, jobs.now)
        begun = operation.started_at or jobs.now
        add(operation.actual_unit_id, "done" if stopped else "", begun, end, _short(operation))
    if jobs.proposed:
        for key, row in jobs.proposed.items():
            if key in running:
                continue
            begin = row.start + timedelta(minutes=row.setup_minutes)
            add(row.work_unit_id, "set", row.start, begin)
            change = jobs.changes.get(key)
            came = (
                f" from {change['from_unit']}"
                if change and change.get("from_unit") not in ("", row.work_unit.code)
                else ""
            )
            words = _short(row.operation) + came
            add(row.work_unit_id, "mv" if change else "", begin, row.end, words)
    for key, published in jobs.published.items():
        if key in running:
            continue
        plan = published.planned
        if jobs.proposed:
            add(plan.work_unit_id, "sh", plan.start, plan.end)
        else:
            begin = plan.start + timedelta(minutes=float(plan.operation.setup_minutes))
            add(plan.work_unit_id, "set", plan.start, min(begin, plan.end))
            add(plan.work_unit_id, "", min(begin, plan.end), plan.end, _short(plan.operation))
    for limit in jobs.standing:
        if limit.unit_id is not None and limit.kind in ("unit_down", "place_locked"):
            until = max(limit.ends_at or axis.end, jobs.now)
            words = "Down, no date known"
            if limit.ends_at is not None:
                said = "Down, was to end" if limit.past else "Down to"
                words = f"{said} {unit_words.hour(limit.ends_at, jobs.zone)}"
            add(limit.unit_id, "dn", limit.starts_at, until, words)
    return [(unit.code, bars[unit.pk]) for unit in jobs.units]


def _short(operation: Operation) -> str:
    return operation.work_order.number.removeprefix("WO-")
