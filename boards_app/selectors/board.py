"""The area board: every machine of an area with its state, who is coming, what runs and what is next.

One reading for the whole area with a number of queries that does not grow with its units. The caller has checked that
its reader may see the site.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from boards_app import spoken
from boards_app.selectors import unit_words
from boards_app.selectors.unit_words import Coming, StripPart
from core import clock
from core.languages import label
from exceptions_app.models import ExceptionRecord
from exceptions_app.selectors import open_in_area
from metrics_app.periods import midnight
from plant_app.models import (
    Area,
    Duty,
    Operation,
    OperationStatus,
    PlannedOperation,
    Site,
    UnitState,
    WorkUnit,
    WorkUnitState,
)
from plant_app.selectors import (
    ShiftBook,
    ShiftNow,
    duty_holders,
    projected_end,
    running_operations,
    states_between,
)
from sequence_app.models import Recommendation
from sequence_app.selectors import open_recommendations

#: Between shifts the strip shows the last hours instead.
_WITHOUT_SHIFT: Final = timedelta(hours=8)
#: The order of the counts over a board; safety is shown only while there is one.
TILES: Final = (
    UnitState.SAFETY, UnitState.DOWN, UnitState.HOLD, UnitState.MATERIAL, UnitState.SETUP, UnitState.RUNNING,
    UnitState.PLANNED_STOP, UnitState.FREE, UnitState.NO_DATA,
)  # fmt: skip
TILE_WORDS: Final = {
    UnitState.MATERIAL: gettext_noop("Material"), UnitState.FREE: gettext_noop("Free"),
    UnitState.SAFETY: gettext_noop("Safety"),
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A line under a machine: the order, its figure at the right, and whether it asks for an answer."""

    order: str
    figure: str = ""
    ask: bool = False


@dataclass(frozen=True)
class UnitCard:
    """One machine as its card shows it."""

    id: int
    name: str
    url: str
    state: str
    words: str
    note: str = ""
    since: datetime | None = None
    coming: Coming | None = None
    late: str = ""
    now: Job | None = None
    next: Job | None = None
    strip: list[StripPart] = field(default_factory=list)


@dataclass(frozen=True)
class Today:
    """What the footer counts, by the site's own day."""

    open: int
    reported: int
    closed: int
    reported_before: int
    closed_before: int


@dataclass(frozen=True)
class Tile:
    """One count over the board, and the filter it is."""

    state: str
    words: str
    count: int
    url: str
    on: bool


@dataclass(frozen=True)
class Loose:
    """An open exception of the area that belongs to no machine on it."""

    exception: ExceptionRecord
    coming: Coming | None
    late: str


@dataclass(frozen=True)
class AreaBoard:
    """Everything an area's board shows."""

    area: Area
    site: Site
    units: list[UnitCard]
    tiles: list[Tile]
    loose: list[Loose]
    today: Today
    lead: str
    shift: str
    strip_start: datetime
    strip_end: datetime
    live: str
    only: str = ""
    on_shift: bool = True


def areas_of(code: str) -> list[Area]:
    """Every area of that code, one per site that uses it. One query."""
    return list(Area.objects.select_related("site__enterprise").filter(code=code).order_by("site", "pk"))


def area_board(area: Area, *, only: str = "", to_exceptions: bool = True) -> AreaBoard:
    """Read an area's board as of now. `only` keeps the cards of one state; cards lead to the exception where the reader
    can open one (`to_exceptions`), else to the station. Sixteen queries at most, however many units.
    """
    now, site, zone = clock.now(), area.site, area.site.timezone
    units = list(
        WorkUnit.objects.filter(work_centre__area=area, active=True)
        .select_related("work_centre")
        .order_by("work_centre__position", "work_centre__code", "position", "code")
    )
    shift = ShiftBook.of(site).at(now)
    start, end = _stretch(shift, now)
    stretches = states_between(units, start, max(now, start) + timedelta(seconds=1))
    running = running_operations(units)
    queue = _next_jobs(units)
    planned_ends = _planned_ends(running.values())
    exceptions: dict[int, list[ExceptionRecord]] = {}
    elsewhere: list[ExceptionRecord] = []
    for row in open_in_area(area.pk):
        if row.work_unit_id is None:
            elsewhere.append(row)
        else:
            exceptions.setdefault(row.work_unit_id, []).append(row)
    asked = _asked(site, area)
    leads = duty_holders(site=site, duty=Duty.LINE_LEAD, at=now, area=area)
    cards = [
        _card(
            unit, stretches.get(unit.pk, []), running.get(unit.pk), queue.get(unit.pk),
            exceptions.get(unit.pk, []), asked.get(unit.code), planned_ends, now, zone, start, end, to_exceptions,
        )
        for unit in units
    ]  # fmt: skip
    centres = sorted({unit.work_centre_id for unit in units})
    return AreaBoard(
        area=area,
        site=site,
        units=[card for card in cards if not only or card.state == only],
        tiles=_tiles(cards, area, only),
        loose=[_loose(row, now, zone) for row in elsewhere if row.cleared_at is None],
        today=_today(area, now),
        lead=str(leads[0]) if leads else "",
        shift=_("{shift} shift").format(shift=label(shift.shift.name)) if shift else _("Between shifts"),
        strip_start=start,
        strip_end=end,
        live=" ".join([f"area.{area.pk}", *(f"sequence.{pk}" for pk in centres)]),
        only=only,
        on_shift=shift is not None,
    )


def _stretch(shift: ShiftNow | None, now: datetime) -> tuple[datetime, datetime]:
    return (shift.start, shift.end) if shift else (now - _WITHOUT_SHIFT, now)


def _next_jobs(units: list[WorkUnit]) -> dict[int, PlannedOperation]:
    """The first waiting operation of each unit. One query."""
    rows = (
        PlannedOperation.objects.filter(
            work_unit__in=units, operation__status__in=(OperationStatus.WAITING, OperationStatus.READY)
        )
        .select_related("operation__work_order__item")
        .order_by("work_unit_id", "position", "start")
        .distinct("work_unit_id")
    )
    return {row.work_unit_id: row for row in rows}


def _planned_ends(operations: Any) -> dict[int, datetime]:
    rows = PlannedOperation.objects.filter(operation__in=[row.pk for row in operations])
    return dict(rows.values_list("operation_id", "end"))


def _asked(site: Site, area: Area) -> dict[str, Recommendation]:
    """Open questions to the floor, by the unit whose next job they would change. One query."""
    found: dict[str, Recommendation] = {}
    for row in open_recommendations(site).filter(work_centre__area=area):
        for change in row.changes[:1]:
            found[change.get("to_unit", "")] = row
    return found


def _card(
    unit: WorkUnit, stretches: list[WorkUnitState], operation: Operation | None, planned: PlannedOperation | None,
    exceptions: list[ExceptionRecord], asked: Recommendation | None, planned_ends: dict[int, datetime], now: datetime,
    zone: str, start: datetime, end: datetime, to_exceptions: bool,
) -> UnitCard:  # fmt: skip
    stretch = next((row for row in reversed(stretches) if row.until is None), None)
    before = next((row for row in reversed(stretches) if row.until is not None), None)
    state = stretch.state if stretch else UnitState.NO_DATA.value
    exception = unit_words.most_pressing(exceptions, state)
    wrong = state in unit_words.WRONG
    open_here = exception is not None
    url = f"/stations/{unit.work_centre.code}/?unit={unit.code}"
    return UnitCard(
        id=unit.pk,
        name=unit.code,
        url=f"/exceptions/{exception.ref}/" if exception is not None and to_exceptions else url,
        state=state,
        words=_state_line(state, stretch, exception, zone),
        note=unit_words.note_of(
            state=state, stretch=stretch, before=before, operation=operation, exception=exception,
            planned_end=planned_ends.get(operation.pk) if operation else None, now=now, zone=zone,
        ),
        since=stretch.since if stretch and unit_words.counts_minutes(state) else None,
        coming=unit_words.coming(exception, now, zone) if exception is not None and open_here else None,
        late=unit_words.late_words(exception, now) if exception is not None else "",
        now=_now_job(operation, exception, wrong, now, zone),
        next=_next_job(planned, exception, asked, state, zone),
        strip=unit_words.strip(stretches, start, end, now),
    )  # fmt: skip


def _state_line(
    state: str, stretch: WorkUnitState | None, exception: ExceptionRecord | None, zone: str
) -> str:
    if exception is not None and state not in unit_words.WRONG and state != UnitState.NO_DATA:
        what = unit_words.what_of(exception) or spoken.inside(exception.type.name)
        return _("Reported: {what}").format(what=what)
    return unit_words.state_words(state, stretch, exception, zone)


def _now_job(
    operation: Operation | None, exception: ExceptionRecord | None, wrong: bool, now: datetime, zone: str
) -> Job | None:
    if operation is None or (exception is not None and wrong and unit_words.late_words(exception, now)):
        return None  # a filled card says whose limit is over before what it made
    if wrong:
        return Job(unit_words.order_words(operation), unit_words.done_words(operation))
    end = projected_end(operation, now)
    return Job(unit_words.order_words(operation), unit_words.hour(end, zone))


def _next_job(
    planned: PlannedOperation | None, exception: ExceptionRecord | None, asked: Recommendation | None, state: str,
    zone: str,
) -> Job | None:  # fmt: skip
    if asked is not None:
        change = asked.changes[0]
        return Job(_("{order}, confirm").format(order=change["order"]), "", ask=True)
    if exception is not None and state in unit_words.WRONG and exception.next_step:
        return Job(exception.next_step.partition(";")[0], "", ask=True)
    if planned is None:
        return None
    return Job(unit_words.order_words(planned.operation), unit_words.hour(planned.start, zone))


def _loose(exception: ExceptionRecord, now: datetime, zone: str) -> Loose:
    return Loose(exception, unit_words.coming(exception, now, zone), unit_words.late_words(exception, now))


def state_words(state: UnitState) -> str:
    """A state as short as a count needs it."""
    return label(TILE_WORDS.get(state, "")) or spoken.state("andon", state)


def _tiles(cards: list[UnitCard], area: Area, only: str) -> list[Tile]:
    counts = Counter(card.state for card in cards)
    base = f"/boards/{area.code}/"
    shown = [state for state in TILES if state != UnitState.SAFETY or counts[state]]
    if len(shown) == len(TILES):  # the row has eight places: a state nobody is in makes room for safety
        shown = [state for state in shown if counts[state]] or shown
    return [
        Tile("", _("All units"), len(cards), base, not only),
        *[
            Tile(state.value, state_words(state), counts[state], f"{base}?state={state.value}", only == state)
            for state in shown
        ],
    ]


def _today(area: Area, now: datetime) -> Today:
    """Open, reported and closed, today and the day before. One query."""
    zone = area.site.timezone
    day = clock.today(zone)
    begin, before = midnight(day, zone), midnight(day - timedelta(days=1), zone)
    counted = ExceptionRecord.objects.filter(area=area).aggregate(
        open=Count("pk", filter=~Q(status__in=("closed", "cancelled"))),
        reported=Count("pk", filter=Q(captured_at__gte=begin)),
        closed=Count("pk", filter=Q(closed_at__gte=begin)),
        reported_before=Count("pk", filter=Q(captured_at__gte=before, captured_at__lt=begin)),
        closed_before=Count("pk", filter=Q(closed_at__gte=before, closed_at__lt=begin)),
    )
    return Today(**counted)
