"""The instant dispatcher: a due-date rule with look-ahead and set-ups, started and pinned work never moved. Pure.

Times are minutes from the snapshot's moment. At every step the unit that is free first takes, among the jobs it may
run within the look-ahead, the one with the least modified due date plus what waiting and changing over cost, divided by
the order's weight (the WMDD rule of Kanet and Li, with set-up and waiting added). It never claims to be optimal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf


class Binding(StrEnum):
    """What the start of an operation waits for."""

    NOW = "now"
    MATERIAL = "material"
    NOT_BEFORE = "not_before"
    PREDECESSOR = "predecessor"
    UNIT_BUSY = "unit_busy"
    UNIT_DOWN = "unit_down"
    SHIFT = "shift"
    SETUP = "setup"
    STARTED = "started"
    PINNED = "pinned"


@dataclass(frozen=True)
class Parameters:
    """Rule settings, in minutes: how long a unit may wait for a better job, and the weight of a changeover."""

    look_ahead: float = 15.0
    setup_weight: float = 1.0
    wait_weight: float = 1.0


@dataclass(frozen=True)
class Way:
    """One unit a job may run on: set-up and run minutes there."""

    unit: int
    setup: float
    run: float
    primary: bool = True


@dataclass(frozen=True)
class Job:
    """An open operation. `due` is when it must end for its order to be in time; `release` the earliest start.

    `release_why` says what the release waits for. `after` are operations that must end before. `fixed_start` holds a
    started operation where it is; `blocked` keeps one out of the plan, with the reason in words.
    """

    key: int
    order: str
    due: float
    ways: tuple[Way, ...]
    family: str = ""
    weight: float = 1.0
    release: float = 0.0
    release_why: Binding = Binding.NOW
    after: tuple[int, ...] = ()
    fixed_start: float | None = None
    pinned_unit: int | None = None
    blocked: str = ""


@dataclass(frozen=True)
class Unit:
    """A machine: free from, last family run, closed intervals (down, no shift) as (start, end, why), sorted."""

    key: int
    free: float = 0.0
    family: str = ""
    closed: tuple[tuple[float, float, Binding], ...] = ()


@dataclass(frozen=True)
class Slot:
    """A placed operation: minutes from the snapshot; `binding` is what its start waited for."""

    job: int
    unit: int
    start: float
    end: float
    setup: float
    binding: Binding


# A job's slot on a unit depends on nothing else than these: job, unit, release, unit free, unit family.
Memo = dict[tuple[int, int, float, float, str], Slot | None]


@dataclass
class Plan:
    """The result: placed operations in order of start, and what could not be placed with the reason."""

    slots: list[Slot] = field(default_factory=list)
    left_out: dict[int, str] = field(default_factory=dict)


def fit(unit: Unit, earliest: float, minutes: float) -> tuple[float, float, Binding | None]:
    """Earliest (start, end) of `minutes` of work on a unit not before `earliest`; work pauses over closed intervals.

    The start itself lies in open time. Returns what pushed the start, None when nothing did.
    """
    start, why = earliest, None
    for begin, end, reason in unit.closed:
        if begin <= start < end:
            start, why = end, reason
    clock, left = start, minutes
    for begin, end, _ in unit.closed:
        if end <= clock:
            continue
        if begin >= clock + left:
            break
        if begin > clock:
            left -= begin - clock
        clock = max(clock, end)
    return start, clock + left, why


def dispatch(jobs: Sequence[Job], units: Mapping[int, Unit], parameters: Parameters | None = None) -> Plan:
    """Place every job it can. O(jobs x jobs x ways); a site's few hundred open operations take milliseconds."""
    rule = parameters or Parameters()
    plan = Plan()
    memo: Memo = {}
    free = {key: unit.free for key, unit in units.items()}
    family = {key: unit.family for key, unit in units.items()}
    ends: dict[int, float] = {}
    open_jobs = {job.key: job for job in jobs}
    _place_started(jobs, units, free, family, ends, open_jobs, plan)
    while open_jobs:
        choice = _choose(open_jobs, units, free, family, ends, rule, memo)
        if choice is None:
            break
        job, slot = choice
        plan.slots.append(slot)
        free[slot.unit] = slot.end
        family[slot.unit] = job.family
        ends[job.key] = slot.end
        del open_jobs[job.key]
    for job in open_jobs.values():
        plan.left_out[job.key] = job.blocked or "waits for an operation that is not planned"
    plan.slots.sort(key=lambda slot: (slot.start, slot.unit, slot.job))
    return plan


def _place_started(
    jobs: Sequence[Job],
    units: Mapping[int, Unit],
    free: dict[int, float],
    family: dict[int, str],
    ends: dict[int, float],
    open_jobs: dict[int, Job],
    plan: Plan,
) -> None:
    """Started work stays where and when it is; its unit is free after it."""
    for job in sorted(jobs, key=lambda job: (job.fixed_start is None, job.fixed_start or 0.0)):
        if job.fixed_start is None:
            break
        way = job.ways[0]
        unit = units[way.unit]
        _, end, _ = fit(unit, max(0.0, job.fixed_start), way.run)
        plan.slots.append(Slot(job.key, way.unit, job.fixed_start, end, 0.0, Binding.STARTED))
        free[way.unit] = max(free[way.unit], end)
        family[way.unit] = job.family
        ends[job.key] = end
        del open_jobs[job.key]


def _choose(
    open_jobs: Mapping[int, Job],
    units: Mapping[int, Unit],
    free: Mapping[int, float],
    family: Mapping[int, str],
    ends: Mapping[int, float],
    rule: Parameters,
    memo: Memo,
) -> tuple[Job, Slot] | None:
    """The next placement: on the unit that can begin first, the best-scored job within the look-ahead."""
    ready = [
        (job, max([job.release, *(ends[key] for key in job.after)]))
        for job in open_jobs.values()
        if not job.blocked and all(key in ends for key in job.after)
    ]
    options: list[tuple[Job, Slot]] = []
    for job, release in ready:
        options += [(job, slot) for slot in _slots(job, release, units, free, family, memo)]
    if not options:
        return None
    first = min(slot.start for _, slot in options)
    lead = min((slot for _, slot in options), key=lambda slot: (slot.start, slot.unit)).unit
    rivals = [
        (job, slot) for job, slot in options if slot.unit == lead and slot.start <= first + rule.look_ahead
    ]
    return min(rivals, key=lambda pair: (_score(pair[0], pair[1], first, rule), pair[0].due, pair[0].key))


def _score(job: Job, slot: Slot, now: float, rule: Parameters) -> float:
    run = slot.end - slot.start
    waiting = slot.start - now
    modified_due = max(run, job.due - slot.start)
    return (modified_due + rule.setup_weight * slot.setup + rule.wait_weight * waiting) / job.weight


def _slots(
    job: Job,
    release: float,
    units: Mapping[int, Unit],
    free: Mapping[int, float],
    family: Mapping[int, str],
    memo: Memo,
) -> list[Slot]:
    """Where a job may go now. An alternate counts only where it ends earlier than the planned unit would."""
    found: list[tuple[Way, Slot]] = []
    for way in job.ways:
        if way.unit not in units or (job.pinned_unit is not None and way.unit != job.pinned_unit):
            continue
        key = (job.key, way.unit, release, free[way.unit], family[way.unit])
        if key not in memo:
            memo[key] = _slot(job, way, release, units[way.unit], free[way.unit], family[way.unit])
        slot = memo[key]
        if slot is not None:
            found.append((way, slot))
    if job.pinned_unit is not None:
        return [slot for _, slot in found]
    planned = [slot.end for way, slot in found if way.primary]
    limit = min(planned, default=inf)
    return [slot for way, slot in found if way.primary or slot.end < limit]


def _slot(job: Job, way: Way, release: float, unit: Unit, unit_free: float, unit_family: str) -> Slot | None:
    """The job's place on one unit as it stands; None where the unit never opens again."""
    setup = 0.0 if job.family and job.family == unit_family else way.setup
    start, end, closed_why = fit(unit, max(release, unit_free, 0.0), setup + way.run)
    if end == inf:
        return None
    return Slot(job.key, way.unit, start, end, setup, closed_why or _binding(job, release, unit_free))


def _binding(job: Job, release: float, unit_free: float) -> Binding:
    if release <= 0 and unit_free <= 0:
        return Binding.NOW
    if unit_free >= release:
        return Binding.UNIT_BUSY
    if job.after and release > job.release:
        return Binding.PREDECESSOR
    return job.release_why
