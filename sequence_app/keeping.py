"""What becomes of the published order if nobody changes it, and what a new order gains over it. Pure.

The kept plan is the same dispatcher fed with the published units and orders as firm: times slide, nothing overtakes.
A change is worth a question to the floor only where it saves weighted lateness the dispatcher can tell from noise.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sequence_app.dispatch import Job, Slot

# Weighted minutes of lateness under which two plans count as equally good.
WORTH_ASKING = 15.0
# A plan that cannot place an operation at all is worse by a week of lateness.
NEVER = 7 * 24 * 60.0


@dataclass(frozen=True)
class Place:
    """Where the published plan has an operation."""

    unit: int
    position: int


def keep_order(jobs: Sequence[Job], published: Mapping[int, Place]) -> list[Job]:
    """The jobs held to their published units and to the order there; unplanned and started ones stay as they are."""
    open_keys = {job.key for job in jobs if job.fixed_start is None and not job.blocked}
    queues: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for key, place in published.items():
        if key in open_keys:
            queues[place.unit].append((place.position, key))
    before: dict[int, int] = {}
    for queue in queues.values():
        ordered = [key for _, key in sorted(queue)]
        before.update(zip(ordered[1:], ordered, strict=False))
    kept = []
    for job in jobs:
        held = published.get(job.key)
        if held is None or job.key not in open_keys or not any(way.unit == held.unit for way in job.ways):
            kept.append(job)
            continue
        after = (*job.after, before[job.key]) if job.key in before else job.after
        kept.append(replace(job, pinned_unit=job.pinned_unit or held.unit, after=after))
    return kept


def lateness(jobs: Iterable[Job], slots: Mapping[int, Slot]) -> dict[int, float]:
    """Weighted minutes each operation ends after it must."""
    found = {}
    for job in jobs:
        slot = slots.get(job.key)
        late = NEVER if slot is None else max(0.0, slot.end - job.due)
        found[job.key] = late * job.weight
    return found


def gains(
    jobs: Sequence[Job], kept: Mapping[int, Slot], new: Mapping[int, Slot], centre_of: Mapping[int, int]
) -> dict[int, float]:
    """Weighted minutes of lateness the new plan saves on each work centre's operations (negative: it costs).

    An operation belongs to the centre the new plan puts it on, else to the one it was kept on.
    """
    was, now = lateness(jobs, kept), lateness(jobs, new)
    found: dict[int, float] = defaultdict(float)
    for job in jobs:
        slot = new.get(job.key) or kept.get(job.key)
        if slot is not None:
            found[centre_of[slot.unit]] += was[job.key] - now[job.key]
    return found
