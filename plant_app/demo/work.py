"""Writes the demo's work orders, their operations and the plan ERP made for them.

Dates are relative to now: every machine that should run does, the rest follows in working time, most of it early
enough and some of it tightly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from plant_app import models
from plant_app.demo import goods, places, stories
from plant_app.demo.master import Plant
from plant_app.demo.schedule import MOVE, Calendar, Scheduler
from plant_app.models import OperationStatus as Status
from plant_app.selectors.floor import ON_UNIT
from plant_app.shift_times import Pattern

FINAL_GROUPS = ("valves", "cylinders", "pumps")
RHF_WAITING, GVL_WAITING = 32, 12


@dataclass
class Job:
    """A work order while it is planned: its steps and how far it is."""

    number: str
    site: str
    item: str
    quantity: int
    steps: list[goods.Step]
    at: int = 0  # index of the step that runs or waits first
    unit: str = ""  # where that step is
    good: int | None = None  # pieces done at that step; None: it waits
    sales: str = ""
    lot: str = ""
    staffed: bool = True  # a shift works at the site now
    booked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        return self.booked[0][1]

    @property
    def end(self) -> datetime:
        return self.booked[-1][2]


def steps_at(plant: Plant, site: str, item: str) -> list[goods.Step]:
    """The steps of an item with the work centres of `site`."""
    steps = plant.families[item].steps
    if site == "RHF":
        return list(steps)
    return [
        (number, name, goods.GVL_CENTRES[centre], setup, run, skill)
        for number, name, centre, setup, run, skill in steps
        if centre in goods.GVL_CENTRES
    ]


def plan_jobs(plant: Plant) -> list[Job]:
    """All jobs with every step booked: those on machines now, those first in line, the rest."""
    scheduler = Scheduler(plant.now)
    calendars = {code: _calendar(code) for code in plant.sites}
    running = [*_story_jobs(plant), *_filling_jobs(plant)]
    for job in running:
        job.staffed = calendars[job.site].open_from(plant.now) == plant.now
        _book_running(plant, job, scheduler, calendars[job.site])
    first = [_waiting_story(plant, story) for story in stories.WAITING]
    for job in first:
        _book_from(plant, job, scheduler, calendars[job.site], plant.now, [job.unit])
    for job in running:
        _book_rest(plant, job, scheduler, calendars[job.site])
    later = [*_later_jobs(plant, "RHF", RHF_WAITING, 118400), *_later_jobs(plant, "GVL", GVL_WAITING, 200100)]
    released = sorted(plant.now + timedelta(hours=plant.dice.uniform(0, 10)) for _job in later)
    for job, moment in zip(later, released, strict=True):
        _book_from(plant, job, scheduler, calendars[job.site], moment)
    return [*running, *first, *later]


def _calendar(site: str) -> Calendar:
    zone = next(zone for code, _name, zone, _currency, _language in places.SITES if code == site)
    patterns = tuple(
        Pattern(start, end, frozenset(weekdays))
        for code, _shift, _name, start, end, weekdays, office in places.SHIFTS
        if code == site and not office
    )
    return Calendar(ZoneInfo(zone), patterns)


def _index(steps: Sequence[goods.Step], number: int) -> int:
    return next(place for place, step in enumerate(steps) if step[0] == number)


def _story_jobs(plant: Plant) -> Iterator[Job]:
    for story in stories.RUNNING:
        steps = steps_at(plant, "RHF", story.item)
        yield Job(
            story.number, "RHF", story.item, story.quantity, steps, _index(steps, story.step), story.unit, story.good,
            story.sales, story.lot,
        )  # fmt: skip


def _waiting_story(plant: Plant, story: stories.Waiting) -> Job:
    steps = steps_at(plant, "RHF", story.item)
    return Job(
        story.number, "RHF", story.item, story.quantity, steps, _index(steps, story.step), story.unit, None,
        story.sales,
    )  # fmt: skip


def _filling_jobs(plant: Plant) -> Iterator[Job]:
    """Something believable on every unit no story uses."""
    taken = {story.unit for story in stories.RUNNING} | set(stories.PLANNED_STOP) | set(stories.IDLE)
    numbers = {"RHF": iter(range(118100, 118175)), "GVL": iter(range(200001, 200099))}
    for code, unit in plant.units.items():
        if code in taken:
            continue
        centre = unit.work_centre
        site = centre.area.site.code
        choices = [
            (item, steps, place)
            for item in sorted(plant.families)
            for steps in [steps_at(plant, site, item)]
            for place, step in enumerate(steps)
            if step[2] == centre.code
        ]
        item, steps, place = plant.dice.choice(choices)
        run = steps[place][4]
        quantity = max(8, round(plant.dice.uniform(150, 420) / run / 4) * 4)
        good = int(quantity * plant.dice.uniform(0.15, 0.85))
        yield Job(f"WO-{next(numbers[site])}", site, item, quantity, steps, place, code, good)


def _later_jobs(plant: Plant, site: str, count: int, first_number: int) -> Iterator[Job]:
    """Released orders nothing has been done for yet, more final goods than parts."""
    items = [item for item in sorted(plant.families) if steps_at(plant, site, item)]
    final = [item for item in items if plant.families[item].group in FINAL_GROUPS]
    for place in range(count):
        item = plant.dice.choice(final if plant.dice.random() < 0.6 else items)
        steps = steps_at(plant, site, item)
        slowest = max(step[4] for step in steps)
        quantity = max(6, round(plant.dice.uniform(120, 320) / slowest / 2) * 2)
        yield Job(f"WO-{first_number + place * 3}", site, item, quantity, steps)


def _book_running(plant: Plant, job: Job, scheduler: Scheduler, calendar: Calendar) -> None:
    """Book the steps behind a running one backwards from its start, and the running one around now."""
    _number, _name, _centre, setup, run, _skill = job.steps[job.at]
    good = job.good or 0
    start = plant.now - timedelta(minutes=(setup + good * run) if good else setup * 0.5)
    end = calendar.add(plant.now, (job.quantity - good) * run if good else setup * 0.5 + job.quantity * run)
    scheduler.free_from[job.unit] = end
    _book_done(plant, job, start)
    job.booked.append((job.unit, start, end))


def _book_done(plant: Plant, job: Job, before: datetime) -> None:
    end = before - MOVE
    done = []
    for step in reversed(job.steps[: job.at]):
        minutes = step[3] + step[4] * job.quantity
        start = end - timedelta(minutes=minutes)
        done.append((plant.dice.choice(plant.units_of[step[2]]), start, end))
        end = start - MOVE
    job.booked[:0] = reversed(done)


def _book_from(
    plant: Plant, job: Job, scheduler: Scheduler, calendar: Calendar, after: datetime,
    first_units: list[str] | None = None,
) -> None:  # fmt: skip
    step = job.steps[job.at]
    units = first_units or plant.units_of[step[2]]
    booking = scheduler.place(units, calendar, after=after, minutes=step[3] + step[4] * job.quantity)
    _book_done(plant, job, min(booking.start, plant.now))
    job.booked.append((booking.unit, booking.start, booking.end))
    _book_rest(plant, job, scheduler, calendar)


def _book_rest(plant: Plant, job: Job, scheduler: Scheduler, calendar: Calendar) -> None:
    for step in job.steps[len(job.booked) :]:
        booking = scheduler.place(
            plant.units_of[step[2]], calendar, after=job.end + MOVE, minutes=step[3] + step[4] * job.quantity
        )
        job.booked.append((booking.unit, booking.start, booking.end))


def status_of(job: Job, place: int) -> str:
    """How the floor stands with step `place` of a job."""
    if place < job.at:
        return Status.FINISHED
    if place > job.at:
        return Status.WAITING
    if job.good is None:
        return Status.READY
    if not job.good:
        return Status.SETUP
    return Status.RUNNING if job.staffed else Status.STOPPED


def write_operations(
    plant: Plant, jobs: list[Job], orders: dict[str, models.WorkOrder]
) -> dict[str, list[models.Operation]]:
    """Operations with alternates, material needs and plan; returns them by order number."""
    rows: list[models.Operation] = []
    found: dict[str, list[models.Operation]] = {}
    for job in jobs:
        for place, (step, (unit, start, end)) in enumerate(zip(job.steps, job.booked, strict=True)):
            operation = _operation(plant, job, orders[job.number], place, step, unit, start, end)
            rows.append(operation)
            found.setdefault(job.number, []).append(operation)
    models.Operation.objects.bulk_create(rows)
    alternates, needs = [], []
    for job in jobs:
        for operation in found[job.number]:
            alternates += _alternates(plant, operation)
        needs += _needs(plant, job, found[job.number])
    models.OperationAlternate.objects.bulk_create(alternates)
    models.MaterialNeed.objects.bulk_create(needs)
    _plan(rows)
    return found


def _operation(
    plant: Plant, job: Job, order: models.WorkOrder, place: int, step: goods.Step, unit: str, start: datetime,
    end: datetime,
) -> models.Operation:  # fmt: skip
    number, name, centre, setup, run, skill = step
    status = status_of(job, place)
    done = status == Status.FINISHED
    begun = status == Status.FINISHED or status in ON_UNIT
    good = Decimal(job.quantity if done else (job.good or 0) if begun else 0)
    return models.Operation(
        work_order=order, number=number, name=name, work_centre=plant.centres[centre], work_unit=plant.units[unit],
        setup_minutes=Decimal(str(setup)), run_minutes=Decimal(str(run)), setup_family=plant.families[job.item].group,
        skill=plant.skills.get(skill), status=status, planned_start=start, planned_end=end,
        actual_unit=plant.units[unit] if begun else None, good=good, started_at=start if begun else None,
        finished_at=end if done else None, confirmed_good=good if done else Decimal(0),
        confirmed_until=end if done else None, version=2 if done else 1 if begun else 0,
    )  # fmt: skip


def _alternates(plant: Plant, operation: models.Operation) -> list[models.OperationAlternate]:
    """Other units of the work centre, a little slower; every unit where there are three or fewer."""
    unit = operation.work_unit
    if unit is None or operation.status == Status.FINISHED:
        return []
    others = [code for code in plant.units_of[operation.work_centre.code] if code != unit.code]
    if len(others) > 2:
        others = sorted(plant.dice.sample(others, 2))
    return [
        models.OperationAlternate(
            operation=operation, work_unit=plant.units[code], setup_minutes=operation.setup_minutes + place * 10,
            run_factor=Decimal("1.00") + Decimal("0.10") * place,
        )
        for place, code in enumerate(others)
    ]  # fmt: skip


def _needs(plant: Plant, job: Job, operations: list[models.Operation]) -> list[models.MaterialNeed]:
    """Components are reserved by the step that uses them: assembling for final goods, else the first."""
    final = plant.families[job.item].group in FINAL_GROUPS
    operation = operations[min(1, len(operations) - 1)] if final else operations[0]
    begun = operation.started_at is not None
    return [
        models.MaterialNeed(
            operation=operation, item=plant.items[code], quantity=count * job.quantity,
            issued=count * job.quantity if begun else Decimal(0),
        )
        for code, count in plant.bom[job.item]
    ]  # fmt: skip


def _plan(operations: list[models.Operation]) -> None:
    """ERP's own order as the first published plan: each unit's open operations by start."""
    by_unit: dict[int, list[models.Operation]] = {}
    for operation in operations:
        if operation.status != Status.FINISHED and operation.work_unit_id is not None:
            by_unit.setdefault(operation.work_unit_id, []).append(operation)
    models.PlannedOperation.objects.bulk_create(
        models.PlannedOperation(
            operation=operation, work_unit_id=unit_id, position=position, start=operation.planned_start,
            end=operation.planned_end,
        )
        for unit_id, rows in by_unit.items()
        for position, operation in enumerate(sorted(rows, key=lambda row: row.planned_start))
    )  # fmt: skip
