"""Shifts in local time: nights, clock changes, handover, office hours."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from plant_app import selectors
from plant_app.shift_times import Pattern, covering, following, occurrence
from tests import factories as make
from tests.plant_fixtures import KolbeMini

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Pattern(time(22), time(6), frozenset(range(7)))


def local(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def test_night_belongs_to_the_day_it_began() -> None:
    span = covering(NIGHT, BERLIN, local("2026-11-18 03:00"))
    assert span is not None
    assert span.day == date(2026, 11, 17)
    assert (span.start, span.end) == (local("2026-11-17 22:00"), local("2026-11-18 06:00"))


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 3, 28), 7),  # clocks go forward in this night
        (date(2026, 10, 24), 9),  # and back in this one
        (date(2026, 11, 17), 8),
    ],
)
def test_clock_change_makes_the_night_shorter_or_longer(day: date, hours: int) -> None:
    span = occurrence(NIGHT, BERLIN, day)
    assert span is not None
    assert span.end - span.start == timedelta(hours=hours)


def test_both_passes_of_the_repeated_hour_are_in_the_night() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 summer time
    second = first + timedelta(hours=1)  # 02:30 again
    assert covering(NIGHT, BERLIN, first) == covering(NIGHT, BERLIN, second)


def test_shift_ends_at_its_end_and_weekdays_are_those_it_begins_on() -> None:
    friday_night = Pattern(time(22), time(6), frozenset({4}))
    assert covering(friday_night, BERLIN, local("2026-11-21 05:59")) is not None  # Saturday morning
    assert covering(friday_night, BERLIN, local("2026-11-21 06:00")) is None
    assert (
        covering(friday_night, BERLIN, local("2026-11-20 05:00")) is None
    )  # Thursday's night does not exist
    following_span = following([friday_night], BERLIN, local("2026-11-21 06:00"))
    assert following_span is not None
    assert following_span.start == local("2026-11-27 22:00")


def test_current_shift_of_each_site_in_its_own_time(kolbe_mini: KolbeMini) -> None:
    moment = datetime(2026, 11, 17, 23, 30, tzinfo=UTC)  # 00:30 in Rheinfelden, 18:30 in Greenville
    night = selectors.current_shift(kolbe_mini.rhf, moment)
    second = selectors.current_shift(kolbe_mini.gvl, moment)
    assert night is not None
    assert second is not None
    assert (night.shift.code, night.day) == ("N", date(2026, 11, 17))
    assert (second.shift.code, second.day) == ("G2", date(2026, 11, 17))
    assert selectors.shift_of(kolbe_mini.gvl, datetime(2026, 11, 18, 5, tzinfo=UTC)) is None


def test_office_hours_are_never_the_shift_of_a_record(kolbe_mini: KolbeMini) -> None:
    make.ShiftFactory(site=kolbe_mini.rhf, code="O", start=time(7), end=time(17), office=True)
    at = local("2026-11-17 10:00")
    shift = selectors.shift_of(kolbe_mini.rhf, at)
    assert shift is not None
    assert shift.code == "E"


def test_at_handover_the_shift_that_began_later_counts(kolbe_mini: KolbeMini) -> None:
    early = kolbe_mini.shifts["E"]
    early.end = time(14, 30)
    early.save()
    shift = selectors.shift_of(kolbe_mini.rhf, local("2026-11-17 14:10"))
    assert shift is not None
    assert shift.code == "L"
