"""The sequence page: what limits the plan, the order of work of one work centre, and what is proposed to change.

With a question to the floor open, the order shown is the proposed one, with where each moved job was; otherwise it is
the published one. Reads only.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from boards_app import drawing, wording
from boards_app.selectors import unit_words
from boards_app.selectors.centre_jobs import PAST, CentreJobs
from boards_app.selectors.lanes import Bar, lanes
from boards_app.selectors.limits import Limit, limits
from boards_app.selectors.station import Asked, asked_of
from core import clock
from plant_app.models import (
    Operation,
    OperationStatus,
    PlannedOperation,
    Site,
    UnitState,
    WorkCentre,
    WorkUnit,
)
from plant_app.selectors import projected_end
from sequence_app.models import OverrideReason, Recommendation, SequenceRow
from sequence_app.selectors import CentreQueue, QueueRow, latest, queues, recent_recommendations

MOST: Final = 60
SHOWN_ANSWERS: Final = 3
_AHEAD = timedelta(hours=10)


@dataclass(frozen=True)
class Row:
    """A job at its place. `was` says where it stood before a proposed move."""

    id: int
    place: int | None
    order: str
    item: str
    running: bool
    stopped: bool
    start: datetime
    end: datetime
    need_by: datetime
    spare: str
    late: bool
    why: str
    was: str
    moved: bool
    pinned: bool


@dataclass(frozen=True)
class UnitGroup:
    """One machine with its jobs in order."""

    unit: WorkUnit
    state: str
    words: str
    note: str
    limits: list[Limit]
    rows: list[Row]
    summary: str


@dataclass(frozen=True)
class Tab:
    """A work centre to choose."""

    code: str
    name: str
    asks: bool
    late: int
    on: bool


@dataclass(frozen=True)
class Proposal:
    """The open question of the chosen centre, with what it does in figures."""

    asked: Asked
    title: str
    reason: str
    since: datetime
    until: datetime
    kept: int
    broken: int
    moved: int
    jobs: int
    late_after: int
    promises: list[str]


@dataclass(frozen=True)
class SequencePage:
    """Everything the page shows."""

    site: Site
    centre: WorkCentre | None
    tabs: list[Tab]
    groups: list[UnitGroup]
    limits: list[Limit]
    proposal: Proposal | None
    answers: list[Recommendation]
    ticks: list[drawing.Tick]
    lanes: list[tuple[str, list[Bar]]]
    now_at: float
    number: int | None
    computed_at: datetime | None
    left_out: list[str]
    live: str
    overrides: list[tuple[str, str]] = field(default_factory=list)


def sequence_page(site: Site, centre_code: str = "") -> SequencePage:
    """Read a site's sequence as of now, one work centre in full: the one asked for, else one with a question or limit.

    Sixteen queries at most.
    """
    now, zone = clock.now(), site.timezone
    found = queues(site, most=MOST)
    standing = limits(site, now)
    chosen = _chosen(found, standing, centre_code)
    version = latest(site)
    jobs = CentreJobs(chosen, standing, now, zone) if chosen else None
    proposal = _proposal(chosen) if chosen else None
    axis = drawing.Axis(now - PAST, now + _AHEAD)
    return SequencePage(
        site=site,
        centre=chosen.centre if chosen else None,
        tabs=[_tab(queue, chosen) for queue in found],
        groups=_List(jobs).groups() if jobs else [],
        limits=standing,
        proposal=proposal,
        answers=[row for row in recent_recommendations(site, most=12) if row.decided_by_id][:SHOWN_ANSWERS],
        ticks=[tick for tick in axis.ticks(ZoneInfo(zone)) if tick.at],
        lanes=lanes(jobs, axis) if jobs else [],
        now_at=axis.at(now),
        number=version.number if version else None,
        computed_at=version.created_at if version else None,
        left_out=[f"{row['label']}: {row['why']}" for row in (version.left_out if version else [])][:5],
        live=f"site.{site.pk}",
        overrides=list(OverrideReason.choices),
    )


def _chosen(found: list[CentreQueue], standing: list[Limit], code: str) -> CentreQueue | None:
    limited = {limit.centre_id for limit in standing}
    return next(
        (queue for queue in found if queue.centre.code == code),
        next(
            (queue for queue in found if queue.recommendation is not None),
            next((queue for queue in found if queue.centre.pk in limited), found[0] if found else None),
        ),
    )


def _tab(queue: CentreQueue, chosen: CentreQueue | None) -> Tab:
    return Tab(
        code=queue.centre.code,
        name=queue.centre.name,
        asks=queue.recommendation is not None,
        late=sum(row.late for row in queue.rows),
        on=chosen is not None and queue.centre.pk == chosen.centre.pk,
    )


def _proposal(queue: CentreQueue) -> Proposal | None:
    row = queue.recommendation
    if row is None:
        return None
    promises = row.effect.get("promises") or []
    asked = asked_of(row)
    return Proposal(
        asked=asked,
        title=row.title,
        reason=row.reason,
        since=row.created_at,
        until=row.expires_at,
        kept=sum(promise.get("words") == "kept" for promise in promises),
        broken=sum(promise.get("words") == "would be late" for promise in promises),
        moved=len(row.changes),
        jobs=len(queue.rows),
        late_after=int(row.effect.get("late_after") or 0),
        promises=[f"{promise['customer']} {promise['label']} {promise['words']}" for promise in promises],
    )


class _List:
    """The list: machines as they stand on the floor, each with its jobs in order."""

    def __init__(self, jobs: CentreJobs) -> None:
        self.jobs, self.now, self.zone = jobs, jobs.now, jobs.zone

    def groups(self) -> list[UnitGroup]:
        """Machines as they stand on the floor, each with its jobs: what runs first, then by start."""
        rows: dict[int, list[tuple[datetime, Row]]] = defaultdict(list)
        for unit_id, row in self._rows():
            rows[unit_id].append((row.start, row))
        found = []
        for unit in self.jobs.units:
            ordered = [
                row for _start, row in sorted(rows[unit.pk], key=lambda pair: (not pair[1].running, pair[0]))
            ]
            found.append(self._group(unit, _numbered(ordered)))
        return sorted(found, key=lambda group: (not group.limits, not any(row.moved for row in group.rows)))

    def _group(self, unit: WorkUnit, rows: list[Row]) -> UnitGroup:
        stretch = self.jobs.states.get(unit.pk)
        state = stretch.state if stretch else UnitState.NO_DATA.value
        here = [limit for limit in self.jobs.standing if limit.unit_id == unit.pk]
        moved = sum(row.moved for row in rows)
        late = sum(row.late for row in rows)
        waiting = len(rows) - sum(row.running for row in rows)
        said = f"{waiting} {'job' if waiting == 1 else 'jobs'} to come"
        if moved:
            said = "changed, the floor has not answered"
        elif late:
            said += f", {late} late"
        elif waiting:
            said += ", all on time"
        return UnitGroup(
            unit=unit,
            state=state,
            words=wording.look("andon", state).words,
            note=stretch.note if stretch else "",
            limits=here,
            rows=rows,
            summary=said,
        )

    def _rows(self) -> list[tuple[int, Row]]:
        found = [
            (operation.actual_unit_id, self._running(operation))
            for operation in self.jobs.on_unit
            if operation.actual_unit_id is not None
        ]
        running = {operation.pk for operation in self.jobs.on_unit}
        if self.jobs.proposed:
            for key, row in self.jobs.proposed.items():
                if key not in running:
                    found.append((row.work_unit_id, self._from_proposal(row)))
        else:
            for key, published in self.jobs.published.items():
                if key not in running:
                    found.append((published.planned.work_unit_id, self._from_plan(published)))
        return found

    def _running(self, operation: Operation) -> Row:
        end = projected_end(operation, self.now)
        row = self.jobs.proposed.get(operation.pk)
        known = self.jobs.published.get(operation.pk)
        need_by = row.need_by if row else (known.need_by if known else None) or operation.work_order.need_by
        since = unit_words.hour(operation.started_at, self.zone) if operation.started_at else ""
        stopped = operation.status == OperationStatus.STOPPED
        return self._row(
            operation, operation.started_at or self.now, end, need_by,
            why=f"{'Stopped, started' if stopped else 'Started'} {since}, not moved", running=True, stopped=stopped,
            item=f"{operation.work_order.item.name}, {unit_words.done_words(operation)}",
        )  # fmt: skip

    def _from_proposal(self, row: SequenceRow) -> Row:
        change = self.jobs.changes.get(row.operation_id)
        published = self.jobs.published.get(row.operation_id)
        was = ""
        if change:
            at = datetime.fromisoformat(change["from_start"]) if change.get("from_start") else None
            place = change["from_unit"] if change.get("from_unit") != row.work_unit.code else ""
            was = place or _when(at, self.now, self.zone)
        elif published is not None and abs(published.planned.start - row.start) > unit_words.ON_TIME:
            was = _when(published.planned.start, self.now, self.zone)
        return self._row(
            row.operation, row.start, row.end, row.need_by, why=(change or {}).get("why") or row.reason, was=was,
            moved=change is not None, pinned=row.pinned,
        )  # fmt: skip

    def _from_plan(self, row: QueueRow) -> Row:
        planned: PlannedOperation = row.planned
        need_by = row.need_by or planned.operation.work_order.need_by
        return self._row(
            planned.operation, planned.start, planned.end, need_by, why=row.reason, pinned=planned.pinned
        )

    def _row(
        self, operation: Operation, start: datetime, end: datetime, need_by: datetime, *, why: str, item: str = "",
        was: str = "", running: bool = False, stopped: bool = False, moved: bool = False, pinned: bool = False,
    ) -> Row:  # fmt: skip
        order = operation.work_order
        spare = (need_by - end) / timedelta(minutes=1)
        late = spare < 0
        return Row(
            id=operation.pk,
            place=None,
            order=order.number,
            item=item or f"{order.item.name}, op {operation.number}, {wording.quantity(order.quantity)} pcs",
            running=running,
            stopped=stopped,
            start=start,
            end=end,
            need_by=need_by,
            spare=f"{wording.coarse(abs(spare))} {'late' if late else 'spare'}",
            late=late,
            why=why[:1].upper() + why[1:],
            was=was,
            moved=moved,
            pinned=pinned,
        )


def _numbered(rows: list[Row]) -> list[Row]:
    """Places counted from one; what runs has none."""
    found, place = [], 0
    for row in rows:
        place += not row.running
        found.append(row if row.running else replace(row, place=place))
    return found


def _when(moment: datetime | None, now: datetime, zone: str) -> str:
    if moment is None:
        return ""
    local, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%a %H:%M}"
