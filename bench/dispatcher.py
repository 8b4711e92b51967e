"""The instant dispatcher over a site's open operations, against sorting the same operations by their due date."""

import time
from collections.abc import Iterable
from random import Random

from bench.registry import Row, compare, figure
from sequence_app.dispatch import Binding, Job, Unit, Way, dispatch

OPERATIONS, UNITS, ROUNDS = 300, 60, 7


@figure("a sequence of 300 operations")
def sequences() -> Iterable[Row]:
    """Milliseconds for one plan of 300 operations on 60 machines with shifts, set-ups and alternates."""
    jobs, shop = _site()
    ours: list[float] = []
    plain: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        plan = dispatch(jobs, shop)
        ours.append((time.perf_counter() - began) * 1000)
        if plan.left_out:
            raise RuntimeError(f"{len(plan.left_out)} operations found no place")
        began = time.perf_counter()
        _by_due_date(jobs)
        plain.append((time.perf_counter() - began) * 1000)
    yield compare("dispatch of 300 operations", "ms", ours, "due-date order without times", plain)


def _by_due_date(jobs: list[Job]) -> dict[int, list[int]]:
    """What a spreadsheet does: each machine's operations by due date, no release, set-up, shift or alternate."""
    order: dict[int, list[int]] = {}
    for job in sorted(jobs, key=lambda job: (job.due, job.key)):
        order.setdefault(job.ways[0].unit, []).append(job.key)
    return order


def _site() -> tuple[list[Job], dict[int, Unit]]:
    dice = Random(118204)
    nights = tuple(
        (960.0 * n + 480.0 * (n + 1), 960.0 * (n + 1) + 480.0 * (n + 1), Binding.SHIFT) for n in range(20)
    )
    shop = {key: Unit(key, closed=nights if key % 3 == 0 else ()) for key in range(UNITS)}
    jobs = []
    for key in range(OPERATIONS):
        centre = dice.randrange(UNITS // 3)
        units = [centre * 3 + place for place in range(3)]
        dice.shuffle(units)
        run = dice.randint(20, 240)
        ways = tuple(
            Way(unit, dice.randint(0, 40), run * (1.0 if place == 0 else 1.1), primary=place == 0)
            for place, unit in enumerate(units)
        )
        jobs.append(
            Job(
                key=key, order=f"WO-{key // 3}", due=dice.randint(200, 6000), ways=ways, family=dice.choice("ABCD"),
                weight=dice.choice((1.0, 2.0, 4.0)), release=dice.choice((0, 0, 0, dice.randint(0, 600))),
                after=(key - 1,) if key % 3 else (),
            )
        )  # fmt: skip
    return jobs, shop
