"""The instant dispatcher: due dates, look-ahead, set-ups; what has started or is pinned never moves."""

import random
from itertools import pairwise
from math import inf

import pytest

from sequence_app.dispatch import Binding, Job, Parameters, Plan, Slot, Unit, Way, dispatch, fit

MILL, LATHE = 1, 2


def job(
    key: int, *, due: float = 600, run: float = 60, setup: float = 0, unit: int = MILL, **more: object
) -> Job:
    ways = more.pop("ways", (Way(unit, setup, run),))
    return Job(key=key, order=f"WO-{key}", due=due, ways=ways, **more)  # type: ignore[arg-type]


def placed(plan: Plan, key: int) -> Slot:
    return next(slot for slot in plan.slots if slot.job == key)


def units(**closed: tuple[tuple[float, float, Binding], ...]) -> dict[int, Unit]:
    return {
        MILL: Unit(MILL, closed=closed.get("mill", ())),
        LATHE: Unit(LATHE, closed=closed.get("lathe", ())),
    }


def test_the_job_due_first_runs_first() -> None:
    plan = dispatch([job(1, due=500), job(2, due=100)], units())
    assert [slot.job for slot in plan.slots] == [2, 1]
    assert (placed(plan, 2).start, placed(plan, 1).start) == (0, 60)


def test_heavier_orders_go_first_when_both_are_late() -> None:
    plan = dispatch([job(1, due=0, weight=1), job(2, due=0, weight=4)], units())
    assert [slot.job for slot in plan.slots] == [2, 1]


def test_a_unit_waits_a_little_for_the_urgent_job() -> None:
    # given an urgent job that comes ten minutes later than a relaxed one
    plan = dispatch([job(1, due=2000), job(2, due=70, release=10, release_why=Binding.MATERIAL)], units())
    assert [slot.job for slot in plan.slots] == [2, 1]
    assert placed(plan, 2).binding is Binding.MATERIAL
    # but it does not wait an hour
    plan = dispatch([job(1, due=2000), job(2, due=70, release=60)], units())
    assert [slot.job for slot in plan.slots] == [1, 2]


def test_the_same_family_saves_the_set_up() -> None:
    shop = {MILL: Unit(MILL, family="A")}
    plan = dispatch([job(1, due=600, setup=30, family="A"), job(2, due=590, setup=30, family="B")], shop)
    assert [slot.job for slot in plan.slots] == [1, 2]
    assert (placed(plan, 1).setup, placed(plan, 2).setup) == (0, 30)


def test_operations_of_an_order_follow_each_other() -> None:
    plan = dispatch([job(1, run=50), job(2, unit=LATHE, run=20, after=(1,))], units())
    assert placed(plan, 2).start == 50
    assert placed(plan, 2).binding is Binding.PREDECESSOR


def test_an_alternate_counts_only_where_it_ends_earlier() -> None:
    ways = (Way(MILL, 0, 60), Way(LATHE, 30, 72, primary=False))
    # given a free planned unit, the alternate is not taken
    assert placed(dispatch([job(1, ways=ways)], units()), 1).unit == MILL
    # given the planned unit down for six hours, it is
    down = units(mill=((0, 360, Binding.UNIT_DOWN),))
    slot = placed(dispatch([job(1, ways=ways)], down), 1)
    assert (slot.unit, slot.start, slot.end) == (LATHE, 0, 102)


def test_started_work_stays_where_it_is_and_its_unit_is_free_after_it() -> None:
    started = job(1, due=5000, run=90, fixed_start=-30)
    plan = dispatch([started, job(2, due=10)], units())
    assert (placed(plan, 1).unit, placed(plan, 1).start, placed(plan, 1).binding) == (
        MILL,
        -30,
        Binding.STARTED,
    )
    assert placed(plan, 2).start == 90


def test_a_pin_holds_the_unit_even_where_it_is_worse() -> None:
    ways = (Way(MILL, 0, 60), Way(LATHE, 30, 600, primary=False))
    slot = placed(dispatch([job(1, ways=ways, pinned_unit=LATHE)], units()), 1)
    assert slot.unit == LATHE


def test_a_hold_keeps_an_operation_and_what_follows_it_out_of_the_plan() -> None:
    plan = dispatch(
        [job(1, blocked="on hold: lot L26-4471"), job(2, unit=LATHE, after=(1,)), job(3)], units()
    )
    assert [slot.job for slot in plan.slots] == [3]
    assert plan.left_out == {
        1: "on hold: lot L26-4471",
        2: "waits for an operation that is not planned",
    }


def test_a_unit_that_never_opens_again_takes_nothing() -> None:
    plan = dispatch([job(1)], units(mill=((0, inf, Binding.UNIT_DOWN),)))
    assert plan.slots == []
    assert list(plan.left_out) == [1]


def test_work_pauses_over_the_night_and_starts_in_open_time() -> None:
    unit = Unit(MILL, closed=((100, 200, Binding.SHIFT),))
    assert fit(unit, 50, 80) == (50, 230, None)
    assert fit(unit, 150, 30) == (200, 230, Binding.SHIFT)
    assert fit(unit, 0, 100) == (0, 100, None)


@pytest.mark.parametrize("seed", range(12))
def test_no_unit_does_two_things_at_once_and_no_operation_runs_before_its_turn(seed: int) -> None:
    dice = random.Random(seed)
    shop = {
        key: Unit(key, closed=((dice.randint(50, 300), dice.randint(300, 500), Binding.UNIT_DOWN),))
        for key in range(6)
    }
    jobs = []
    for key in range(80):
        after = (key - 1,) if key % 4 else ()
        ways = tuple(
            Way(unit, dice.randint(0, 30), dice.randint(5, 120), primary=index == 0)
            for index, unit in enumerate(dice.sample(range(6), 2))
        )
        jobs.append(
            Job(key=key, order=f"WO-{key // 4}", due=dice.randint(0, 3000), ways=ways, after=after,
                family=dice.choice("AB"), weight=dice.choice((1, 2, 4)), release=dice.randint(0, 200))
        )  # fmt: skip
    plan = dispatch(jobs, shop, Parameters())
    assert not plan.left_out
    by_key = {slot.job: slot for slot in plan.slots}
    for entry in jobs:
        slot = by_key[entry.key]
        assert slot.start >= entry.release
        assert all(by_key[before].end <= slot.start for before in entry.after)
    for unit in shop:
        mine = sorted((slot for slot in plan.slots if slot.unit == unit), key=lambda slot: slot.start)
        assert all(first.end <= second.start for first, second in pairwise(mine))
        for slot in mine:
            assert not any(begin <= slot.start < end for begin, end, _ in shop[unit].closed)


def test_the_same_input_gives_the_same_plan() -> None:
    jobs = [job(key, due=100 * (key % 3), setup=10, family="AB"[key % 2]) for key in range(20)]
    assert dispatch(jobs, units()).slots == dispatch(list(reversed(jobs)), units()).slots
