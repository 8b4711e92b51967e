"""The sequence page: what limits the plan, the order of work of one work centre, and what is proposed to change.

With a question to the floor open, the order shown is the proposed one, with where each moved job was; otherwise it is
the published one. Reads only.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from boards_app import drawing, wording
from boards_app.selectors import unit_words
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
    WorkUnitState,
)
from plant_app.selectors import current_states, projected_end
from plant_app.selectors.floor import ON_UNIT
from sequence_app.models import OverrideReason, Recommendation, SequenceRow
from sequence_app.selectors import CentreQueue, QueueRow, latest, queues, recent_recommendations

MOST: Final = 60
SHOWN_ANSWERS: Final = 3
_PAST, _AHEAD = timedelta(hours=4), timedelta(hours=10)


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
class Bar:
    """A stretch on a machine's lane, in percent: kind done, dn, mv, set, sh (published) or empty."""

    kind: str
    a: float
    b: float
    words: str = ""


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
    standing = limits(site)
    chosen = _chosen(found, standing, centre_code)
    version = latest(site)
    page = _Chosen(chosen, standing, now, zone) if chosen else None
    proposal = _proposal(chosen) if chosen else None
    axis = drawing.Axis(now - _PAST, now + _AHEAD)
    return SequencePage(
        site=site,
        centre=chosen.centre if chosen else None,
        tabs=[_tab(queue, chosen) for queue in found],
        groups=page.groups() if page else [],
        limits=standing,
        proposal=proposal,
        answers=[row for row in recent_recommendations(site, most=12) if row.decided_by_id][:SHOWN_ANSWERS],
        ticks=[tick for tick in axis.ticks(ZoneInfo(zone)) if tick.at],
        lanes=page.lanes(axis) if page else [],
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


class _Chosen:
    """The jobs of one centre, published and proposed, read once for the list and for the lanes."""

    def __init__(self, queue: CentreQueue, standing: list[Limit], now: datetime, zone: str) -> None:
        self.queue, self.standing, self.now, self.zone = queue, standing, now, zone
        centre = queue.centre
        self.units = list(centre.work_units.filter(active=True).order_by("position", "code"))
        self.states: dict[int, WorkUnitState] = current_states(self.units)
        self.published = {row.planned.operation_id: row for row in queue.rows}
        self.changes = {
            change["operation"]: change
            for change in (queue.recommendation.changes if queue.recommendation else [])
        }
        self.proposed: dict[int, SequenceRow] = {}
        if queue.recommendation is not None:
            rows = queue.recommendation.version.rows.filter(work_unit__in=self.units)
            self.proposed = {
                row.operation_id: row
                for row in rows.select_related("operation__work_order__item", "work_unit")
                if row.operation.finished_at is None
            }
        past = Operation.objects.filter(actual_unit__in=self.units).select_related("work_order__item")
        self.done = list(past.filter(finished_at__gte=now - _PAST, started_at__isnull=False))
        # what runs here without a place in the plan is shown all the same
        self.on_unit = list(past.filter(status__in=ON_UNIT))

    # --- the list -------------------------------------------------------------------------------------------
    def groups(self) -> list[UnitGroup]:
        """Machines as they stand on the floor, each with its jobs: what runs first, then by start."""
        rows: dict[int, list[tuple[datetime, Row]]] = defaultdict(list)
        for unit_id, row in self._rows():
            rows[unit_id].append((row.start, row))
        found = []
        for unit in self.units:
            ordered = [row for _start, row in sorted(rows[unit.pk], key=lambda pair: (not pair[1].running, pair[0]))]
            found.append(self._group(unit, _numbered(ordered)))
        return sorted(found, key=lambda group: (not group.limits, not any(row.moved for row in group.rows)))

    def _group(self, unit: WorkUnit, rows: list[Row]) -> UnitGroup:
        stretch = self.states.get(unit.pk)
        state = stretch.state if stretch else UnitState.NO_DATA.value
        here = [limit for limit in self.standing if limit.unit_id == unit.pk]
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
            for operation in self.on_unit
            if operation.actual_unit_id is not None
        ]
        running = {operation.pk for operation in self.on_unit}
        if self.proposed:
            for key, row in self.proposed.items():
                if key not in running:
                    found.append((row.work_unit_id, self._from_proposal(row)))
        else:
            for key, published in self.published.items():
                if key not in running:
                    found.append((published.planned.work_unit_id, self._from_plan(published)))
        return found

    def _running(self, operation: Operation) -> Row:
        end = projected_end(operation, self.now)
        row = self.proposed.get(operation.pk)
        known = self.published.get(operation.pk)
        need_by = row.need_by if row else (known.need_by if known else None) or operation.work_order.need_by
        since = unit_words.hour(operation.started_at, self.zone) if operation.started_at else ""
        stopped = operation.status == OperationStatus.STOPPED
        return self._row(
            operation, operation.started_at or self.now, end, need_by,
            why=f"{'Stopped, started' if stopped else 'Started'} {since}, not moved", running=True, stopped=stopped,
            item=f"{operation.work_order.item.name}, {unit_words.done_words(operation)}",
        )  # fmt: skip

    def _from_proposal(self, row: SequenceRow) -> Row:
        change = self.changes.get(row.operation_id)
        published = self.published.get(row.operation_id)
        was = ""
        if change:
            at = datetime.fromisoformat(change["from_start"]) if change.get("from_start") else None
            place = change["from_unit"] if change.get("from_unit") != row.work_unit.code else ""
            was = ", ".join(part for part in (place, _when(at, self.now, self.zone)) if part)
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

    # --- the lanes ------------------------------------------------------------------------------------------
    def lanes(self, axis: drawing.Axis) -> list[tuple[str, list[Bar]]]:
        """Every machine's stretch of the axis: done, running, to come; black what the proposal moves."""
        bars: dict[int, list[Bar]] = defaultdict(list)

        def add(unit_id: int | None, kind: str, start: datetime, end: datetime, words: str = "") -> None:
            if unit_id is None or end <= axis.start or start >= axis.end:
                return
            a, b = axis.at(start), axis.at(end)
            if b - a >= 0.3:
                bars[unit_id].append(Bar(kind, a, b, words))

        for operation in self.done:
            add(
                operation.actual_unit_id, "done", operation.started_at or self.now,
                operation.finished_at or self.now, _short(operation),
            )  # fmt: skip
        running = {operation.pk for operation in self.on_unit}
        for operation in self.on_unit:
            stopped = operation.status == OperationStatus.STOPPED
            end = self.now if stopped else projected_end(operation, self.now)
            begun = operation.started_at or self.now
            add(operation.actual_unit_id, "done" if stopped else "", begun, end, _short(operation))
        if self.proposed:
            for key, row in self.proposed.items():
                if key in running:
                    continue
                begin = row.start + timedelta(minutes=row.setup_minutes)
                add(row.work_unit_id, "set", row.start, begin)
                change = self.changes.get(key)
                came = (
                    f" from {change['from_unit']}"
                    if change and change.get("from_unit") not in ("", row.work_unit.code)
                    else ""
                )
                words = _short(row.operation) + came
                add(row.work_unit_id, "mv" if change else "", begin, row.end, words)
        for key, published in self.published.items():
            if key in running:
                continue
            plan = published.planned
            if self.proposed:
                add(plan.work_unit_id, "sh", plan.start, plan.end)
            else:
                begin = plan.start + timedelta(minutes=float(plan.operation.setup_minutes or Decimal(0)))
                add(plan.work_unit_id, "set", plan.start, min(begin, plan.end))
                add(plan.work_unit_id, "", min(begin, plan.end), plan.end, _short(plan.operation))
        for limit in self.standing:
            if limit.unit_id is not None and limit.kind in ("unit_down", "place_locked"):
                until = max(limit.ends_at or axis.end, self.now)
                words = f"Down to {unit_words.hour(until, self.zone)}" if limit.ends_at else "Down, no date known"
                add(limit.unit_id, "dn", limit.starts_at, until, words)
        return [(unit.code, bars[unit.pk]) for unit in self.units]


def _numbered(rows: list[Row]) -> list[Row]:
    """Places counted from one; what runs has none."""
    found, place = [], 0
    for row in rows:
        place += not row.running
        found.append(row if row.running else replace(row, place=place))
    return found


def _short(operation: Operation) -> str:
    return operation.work_order.number.removeprefix("WO-")


def _when(moment: datetime | None, now: datetime, zone: str) -> str:
    if moment is None:
        return ""
    local, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    return f"{local:%H:%M}" if local.date() == today.date() else f"{local:%a %H:%M}"
