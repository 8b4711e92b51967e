"""The state machine of one signal, in microseconds: delays, deadband, order, chatter, silence, and what survives."""

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exceptions_app.machine.conditions import BadCondition, Condition
from exceptions_app.machine.debounce import Debouncer, Rule, SignalState
from exceptions_app.machine.samples import Change, Sample, Transition

T0 = 1_790_000_000_000
STOPPED = Condition.of(kind="bool", operator="is", operand="false")


def rule(**values: Any) -> Rule:
    return Rule(**{"condition": STOPPED, "reorder": 0, "reopen": 0, "chatter_count": 0, **values})


def sample(second: float, value: Any, *, delay: float = 0.0, good: bool = True) -> Sample:
    at = T0 + round(second * 1000)
    return Sample("node", "run", value, at, at + round(delay * 1000), good)


def play(one: Debouncer, *values: tuple[float, Any]) -> list[Transition]:
    """Feed (second, value) pairs; a value of "tick" only lets time pass."""
    out: list[Transition] = []
    for second, value in values:
        if value == "tick":
            out += one.tick(T0 + round(second * 1000))
        else:
            out += one.feed(sample(second, value))
    return out


def told(out: list[Transition]) -> list[tuple[str, float]]:
    return [(str(one.change), (one.occurred - T0) / 1000) for one in out]


def test_a_stop_shorter_than_its_delay_is_none_and_a_longer_one_began_with_its_first_sample() -> None:
    one = Debouncer(rule())
    assert told(play(one, (0, True), (10, False), (15, True), (20, False), (25, False))) == []
    assert told(play(one, (29.9, "tick"))) == []
    out = play(one, (31, "tick"))
    assert told(out) == [("opened", 20.0)]
    assert (out[0].confirmed - T0) / 1000 == 30.0


def test_it_is_over_when_the_signal_was_good_for_the_off_delay_and_ended_with_the_first_good_sample() -> None:
    one = Debouncer(rule())
    play(one, (0, False), (10, "tick"))
    out = play(one, (60, True), (65, False), (66, True), (70, True), (76, "tick"))
    assert told(out) == [("cleared", 66.0)]


def test_back_within_the_reopen_window_it_is_the_same_stop_again_and_later_a_new_one() -> None:
    one = Debouncer(rule(reopen=60_000))
    out = play(one, (0, False), (10, "tick"), (20, True), (30, "tick"), (70, False), (80, "tick"))
    assert told(out) == [("opened", 0.0), ("cleared", 20.0), ("reopened", 70.0)]
    assert out[-1].occurrences == 2
    out = play(one, (90, True), (100, "tick"), (200, False), (210, "tick"))
    assert told(out) == [("cleared", 90.0), ("opened", 200.0)]
    assert out[-1].occurrences == 1


def test_a_deadband_keeps_noise_at_the_limit_one_event_for_each_limit_its_own_way() -> None:
    high = Condition.of(kind="number", operator="above", operand="80", deadband=3)
    low = Condition.of(kind="number", operator="below", operand="20", deadband=2)
    noise = [(0, 79), (1, 81), (2, 79), (3, 80.5), (4, 77.5), (5, 81), (6, 76.9), (7, 78)]
    assert told(play(Debouncer(rule(condition=high, on_delay=0, off_delay=0)), *noise)) == [
        ("opened", 1.0), ("cleared", 6.0),
    ]  # fmt: skip
    noise = [(0, 25), (1, 19), (2, 21.9), (3, 22.5), (4, 20.5)]
    assert told(play(Debouncer(rule(condition=low, on_delay=0, off_delay=0)), *noise)) == [
        ("opened", 1.0), ("cleared", 3.0),
    ]  # fmt: skip


def test_bad_quality_confirms_nothing_and_ends_nothing() -> None:
    one = Debouncer(rule())
    one.feed(sample(0, False))
    one.feed(sample(5, False, good=False))
    assert told(play(one, (30, "tick"))) == []
    assert told(play(one, (40, False), (50, "tick"))) == [("opened", 40.0)]
    one.feed(sample(60, True, good=False))
    one.feed(sample(61, None))
    one.feed(sample(62, "perhaps"))
    assert told(play(one, (200, "tick"))) == []
    assert one.state.phase == "open"


def test_a_source_that_says_it_is_gone_stops_no_machine() -> None:
    one = Debouncer(rule())
    play(one, (0, True))
    one.lose()
    assert told(play(one, (600, "tick"))) == []
    running = Debouncer(rule())
    play(running, (0, False), (5, "tick"))
    running.lose()
    assert told(play(running, (600, "tick"))) == []


def test_silence_says_no_data_once_and_the_next_value_says_it_is_back() -> None:
    one = Debouncer(rule(silence=60_000))
    assert told(play(one, (0, True), (59, "tick"))) == []
    assert told(play(one, (61, "tick"), (90, "tick"))) == [("no_data", 0.0)]
    assert told(play(one, (100, True), (101, "tick"))) == [("data_back", 100.0)]


def test_a_source_that_vouches_for_being_there_is_not_silent_while_nothing_changes() -> None:
    one = Debouncer(rule(silence=60_000))
    one.feed(sample(0, True))
    for second in range(0, 600, 30):
        assert one.tick(T0 + second * 1000, alive=True) == []
    one.lose()
    assert [str(out.change) for out in one.tick(T0 + 700_000, alive=True)] == ["no_data"]


def test_nobody_is_called_silent_for_our_being_away() -> None:
    one = Debouncer(rule(silence=60_000))
    one.feed(sample(0, True))
    assert one.tick(T0 + 600_000, since=T0 + 590_000) == []
    assert [str(out.change) for out in one.tick(T0 + 651_000, since=T0 + 590_000)] == ["no_data"]


def test_many_stops_in_a_short_time_shelve_the_signal_and_say_so_once() -> None:
    one = Debouncer(rule(on_delay=0, off_delay=0, chatter_count=3, chatter_window=60_000, shelve=600_000))
    values = [(second, second % 2 == 0) for second in range(60)]
    out = play(one, *values)
    assert [str(change.change) for change in out] == ["opened", "cleared", "opened", "cleared", "shelved"]
    assert (out[-1].until - T0) / 1000 == 605.0
    # what stands open when the shelf ends is told then, with its own beginning
    assert told(play(one, (606, "tick"))) == [("unshelved", 605.0), ("opened", 59.0)]


def test_a_planned_stop_opens_nothing_and_what_outlasts_it_begins_with_its_end() -> None:
    one = Debouncer(rule())
    one.suppress(True, T0)
    assert told(play(one, (1, True), (2, False), (60, "tick"))) == []
    one.suppress(False, T0 + 100_000)
    assert told(play(one, (105, "tick"), (111, "tick"))) == [("opened", 100.0)]


def test_an_older_sample_that_comes_too_late_is_counted_and_changes_nothing() -> None:
    one = Debouncer(rule(reorder=1000))
    play(one, (0, True), (10, True), (20, True), (22, "tick"))
    assert one.feed(sample(5, False, delay=20)) == []
    assert told(play(one, (60, "tick"))) == []
    assert (one.state.late, one.state.phase) == (1, "clear")


def test_a_clock_that_was_ahead_and_is_put_right_is_followed() -> None:
    one = Debouncer(rule())
    for second in range(30):
        at = T0 + second * 1000
        one.feed(Sample("n", "run", True, at + 3_600_000, at))
    out = []
    for second in range(30, 60):
        at = T0 + second * 1000
        out += one.feed(Sample("n", "run", second < 35, at, at))
        out += one.tick(at)
    assert told(out) == [("opened", 35.0)]


def test_a_fast_clock_is_corrected_in_what_is_told() -> None:
    one = Debouncer(rule())
    at = T0 + 5000
    one.feed(Sample("n", "run", False, at + 120_000, at))
    assert told(one.tick(T0 + 16_000)) == [("opened", 5.0)]


def noisy_shift(seed: int) -> tuple[list[bool], list[tuple[int, int]]]:
    """Eight hours at 1 Hz: 16 true stops of two minutes and more; chatter at their edges, single wrong samples, and
    short glitches of up to four seconds anywhere. True is running.
    """
    dice = random.Random(seed)
    seconds = 8 * 3600
    stops = []
    running = [True] * seconds
    for number in range(16):
        start = 600 + number * 1750 + dice.randrange(300)
        end = start + 120 + dice.randrange(700)
        stops.append((start, end))
        running[start:end] = [False] * (end - start)
    seen = []
    for second, truth in enumerate(running):
        edge = any(abs(second - start) < 8 or abs(second - end) < 8 for start, end in stops)
        seen.append(truth != (dice.random() < (0.35 if edge else 0.01)))
    for _ in range(60):
        start = dice.randrange(seconds - 5)
        for second in range(start, start + dice.randrange(1, 5)):
            seen[second] = not running[second]
    return seen, stops


@pytest.mark.parametrize("seed", range(8))
def test_sixteen_true_stops_in_noise_give_at_most_eighteen_exceptions_and_miss_none(seed: int) -> None:
    seen, stops = noisy_shift(seed)
    raw = sum(before and not after for before, after in itertools.pairwise(seen))
    one = Debouncer(Rule(condition=STOPPED))
    out: list[Transition] = []
    for second, value in enumerate(seen):
        out += one.feed(sample(second, value, delay=0.04))
        out += one.tick(T0 + second * 1000 + 500)
    opened = [(change.occurred - T0) / 1000 for change in out if change.change is Change.OPENED]
    assert raw > 150
    assert 16 <= len(opened) <= 18
    for start, end in stops:
        assert any(start - 15 <= moment <= end for moment in opened)


Values = st.lists(
    st.tuples(st.integers(1, 40), st.booleans(), st.booleans()), min_size=1, max_size=60
)  # seconds since the last, value, quality


def spread(values: list[tuple[int, bool, bool]]) -> list[tuple[float, bool, bool]]:
    second, rows = 0.0, []
    for gap, value, good in values:
        second += gap
        rows.append((second, value, good or gap % 5 != 0))
    return rows


RULES = st.builds(
    lambda on, off, reopen, silence, count, reorder: Rule(
        condition=STOPPED, on_delay=on, off_delay=off, reopen=reopen, silence=silence, chatter_count=count,
        chatter_window=120_000, shelve=90_000, reorder=reorder,
    ),
    st.sampled_from([0, 5000, 30_000]), st.sampled_from([0, 5000, 20_000]), st.sampled_from([0, 60_000]),
    st.sampled_from([0, 25_000]), st.sampled_from([0, 3]), st.sampled_from([0, 250, 5000]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(values=Values, how=RULES, cuts=st.sets(st.integers(0, 59), max_size=10))
def test_stored_and_restored_at_any_point_it_goes_on_as_if_nothing_had_happened(
    values: list[tuple[int, bool, bool]], how: Rule, cuts: set[int]
) -> None:
    straight, broken = Debouncer(how), Debouncer(how)
    expected: list[Transition] = []
    found: list[Transition] = []
    for number, (second, value, good) in enumerate(spread(values)):
        if number in cuts:
            broken = Debouncer(how, SignalState.from_json(json.loads(json.dumps(broken.state.as_json()))))
        for one, out in ((straight, expected), (broken, found)):
            out += one.feed(sample(second, value, good=good))
            out += one.tick(T0 + round(second * 1000) + 700)
    assert found == expected
    assert broken.state == straight.state


@settings(max_examples=150, deadline=None)
@given(values=Values, how=RULES, seed=st.integers(0, 10_000))
def test_samples_that_overtake_each_other_within_the_window_give_the_same_stops(
    values: list[tuple[int, bool, bool]], how: Rule, seed: int
) -> None:
    how = Rule(**{**{name: getattr(how, name) for name in Rule.__slots__}, "reorder": 60_000, "silence": 0})
    dice = random.Random(seed)
    rows = spread(values)
    late = [sample(second, value, good=good, delay=dice.random() * 59) for second, value, good in rows]
    expected = run_through(how, [sample(second, value, good=good) for second, value, good in rows])
    assert run_through(how, sorted(late, key=lambda one: one.received)) == expected


def run_through(how: Rule, samples: list[Sample]) -> list[tuple[str, int, int, int]]:
    """Feed in the order of arrival with a tick every seven seconds, and let everything end."""
    one, out, now = Debouncer(how), [], T0
    for each in samples:
        while now < each.received:
            out += one.tick(now)
            now += 7000
        out += one.feed(each)
    for _ in range(60):
        now += 7000
        out += one.tick(now)
    return [(str(change.change), change.first, change.confirmed, change.occurrences) for change in out]


@settings(max_examples=100, deadline=None)
@given(values=Values, how=RULES, again=st.integers(0, 59))
def test_judging_a_stretch_twice_tells_nothing_that_was_not_told(
    values: list[tuple[int, bool, bool]], how: Rule, again: int
) -> None:
    one = Debouncer(Rule(**{**{name: getattr(how, name) for name in Rule.__slots__}, "silence": 0}))
    rows = [sample(second, value, good=good) for second, value, good in spread(values)]
    out: list[Transition] = []
    for each in rows:
        out += one.feed(each)
        out += one.tick(each.received + 700)
    out += one.tick(rows[-1].received + 10_000)
    before = json.dumps(one.state.as_json())
    repeated = [change for each in rows[again:] for change in one.feed(each)]
    assert repeated == []
    stored = json.loads(before)
    stored |= {"late": one.state.late, "received": one.state.received}
    assert one.state == SignalState.from_json(stored)


@pytest.mark.parametrize(
    ("kind", "operator", "operand", "deadband", "words"),
    [
        ("number", "above", "hot", 0, "not a number"),
        ("number", "is", "3", 0, "above or below"),
        ("number", "above", "3", -1, "deadband"),
        ("bool", "is", "maybe", 0, "neither"),
        ("bool", "above", "true", 0, "numbers"),
        ("state", "is", " , ", 0, "state"),
        ("state", "is", "", 0, "needed"),
        ("state", "is", "DOWN", 2, "numbers"),
        ("colour", "is", "red", 0, "no kind"),
    ],
)
def test_a_condition_that_could_never_work_is_refused_in_words(
    kind: str, operator: str, operand: str, deadband: float, words: str
) -> None:
    with pytest.raises(BadCondition, match=words):
        Condition.of(kind=kind, operator=operator, operand=operand, deadband=deadband)


def test_states_compare_without_case_and_numbers_as_whole_words() -> None:
    state = Condition.of(kind="state", operator="is", operand="Stopped, 3")
    assert [state.holds(state.read(value), False) for value in ("STOPPED", " stopped ", 3, 3.0, "3", 4, True)] == [
        True, True, True, True, True, False, False,
    ]  # fmt: skip
    other = Condition.of(kind="state", operator="is_not", operand="RUN")
    assert (other.holds("idle", False), other.holds("run", False)) == (True, False)
    assert state.sentence() == "is Stopped or 3"
    limit = Condition.of(kind="number", operator="above", operand="80", deadband=3)
    assert limit.sentence() == "is above 80 (until it is not above 77)"
    assert [limit.read(value) for value in ("81,5", float("nan"), float("inf"), "x", None)] == [
        81.5, None, None, None, None,
    ]  # fmt: skip
