"""Where things lie on lanes, charts and walls."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from boards_app import drawing

START = datetime(2026, 11, 17, 9, 14, tzinfo=UTC)
NOW = START + timedelta(minutes=28)
ZONE = ZoneInfo("Europe/Berlin")


def _after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_one_axis_holds_everyone_and_leaves_room_after_now():
    answers = [
        drawing.Answer(_after(10), _after(25)),
        drawing.Answer(_after(17), _after(32)),
        drawing.Answer(_after(0), _after(10), _after(5)),
    ]
    picture = drawing.alignment(start=START, now=NOW, answers=answers, zone=ZONE)
    assert picture.now == 70.0
    over, soon, acting = picture.lanes
    assert (over.state, over.limit_hit) == ("over", True)
    assert over.stretches == [drawing.Stretch("wait", 25.0, 62.5), drawing.Stretch("over", 62.5, 70.0)]
    assert soon.state == "soon"
    assert soon.stretches == [drawing.Stretch("wait", 42.5, 70.0), drawing.Stretch("left", 70.0, 80.0)]
    assert acting.acknowledged == 12.5
    assert acting.stretches[-1] == drawing.Stretch("work", 12.5, 70.0)
    assert [tick.label for tick in picture.ticks] == ["10:14", "10:20", "10:30", "10:42 now", "10:50"]


def test_an_exception_aligned_long_ago_is_not_drawn_as_one_long_line():
    answers = [drawing.Answer(START, _after(15), _after(6), _after(40))]
    later = START + timedelta(days=3)
    picture = drawing.alignment(start=START, now=later, answers=answers, zone=ZONE)
    assert picture.now is None
    assert 50 <= (picture.lanes[0].acknowledged or 0) <= 75
    assert picture.lanes[0].state == ""


def test_a_late_acknowledgement_stays_visible_and_nobody_told_is_an_empty_lane():
    answers = [
        drawing.Answer(START, _after(5), _after(12)),
        drawing.Answer(None),
        drawing.Answer(START, _after(15), None, _after(3)),
    ]
    picture = drawing.alignment(start=START, now=NOW, answers=answers, zone=ZONE)
    assert picture.lanes[0].limit_hit is True
    assert picture.lanes[1] == drawing.Lane(stretches=[])
    assert [stretch.kind for stretch in picture.lanes[2].stretches] == ["wait"]


def test_ticks_never_touch():
    for minutes in (11, 28, 95, 400, 2000, 9000):
        axis = drawing.Axis(START, START + timedelta(minutes=minutes))
        places = [tick.at for tick in axis.ticks(ZONE, START + timedelta(minutes=minutes * 0.7))]
        assert all(later - earlier >= drawing.TICK_GAP for earlier, later in pairwise(places))
        assert places[0] == 0.0


def test_at_the_beginning_only_now_is_labelled():
    axis = drawing.Axis(START, START + timedelta(minutes=30))
    ticks = axis.ticks(ZONE, START + timedelta(minutes=1))
    assert ticks[0].now
    assert ticks[0].label.endswith(" now")
    assert all(
        later.at - earlier.at >= drawing.TICK_GAP * (drawing.NOW_WIDER if earlier.now else 1)
        for earlier, later in pairwise(ticks)
    )


def test_a_line_keeps_within_its_box_and_leaves_gaps_open():
    line = drawing.line([4, None, 8, 6], width=84, height=26, pad=3)
    assert line.path == "M3 23 M55 3 L81 13"
    assert line.end == (81.0, 13.0)
    assert drawing.line([None], width=84, height=26).end is None
    assert drawing.line([5, 5], width=84, height=26, pad=3).end == (81.0, 13.0)


def test_bars_start_at_zero_and_carry_their_number():
    bars = drawing.bars([("a", 131, ""), ("b", 0, "none"), ("c", 65.5, "")], top=1)
    assert [(bar.share, bar.words, bar.top) for bar in bars] == [
        (100.0, "131", True),
        (0.0, "none", False),
        (50.0, "65.5", False),
    ]
    assert drawing.bars([]) == []
    assert drawing.bars([("a", 0, "")])[0].share == 0.0


def test_a_trend_has_its_months_its_base_and_the_moment_it_was_switched_on():
    months = [
        (name, value, str(value))
        for name, value in zip("abcdefgh", (80, 82, 84, 60, 50, 40, 20, 10), strict=True)
    ]
    trend = drawing.trend(months, before=84, switch=3, switch_words="routing on")
    assert trend.base == 24.0
    assert trend.base_label == 19.0
    assert trend.switch == 87.0
    assert [label for _, label, _ in trend.labels] == ["b", "d", "f", "h"]
    assert [last for _, _, last in trend.labels] == [False, False, False, True]
    assert drawing.trend([]).line.path == ""


@pytest.mark.parametrize(("units", "columns"), [(1, 3), (12, 4), (13, 5), (60, 8)])
def test_a_wall_fits_its_units(units, columns):
    assert drawing.wall(units)[0] == columns
    assert drawing.wall(units)[1] <= 1.12
