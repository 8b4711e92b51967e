"""Which channels, in what order, and when not: plain arithmetic."""

from datetime import UTC, datetime, time

import pytest

from notify_app.manners import AT_ONCE, Manner, Quiet, at_once, merged, next_channel, quiet_until

BERLIN = "Europe/Berlin"
NIGHT = Manner(quiet=Quiet(time(22), time(6)))


def at(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (at(12, 20, 59), None),  # 21:59 in Berlin
        (at(12, 21), at(13, 5)),
        (at(13, 4, 59), at(13, 5)),
        (at(13, 5), None),
        # the night summer time begins is an hour shorter, the one it ends an hour longer
        (at(28, 22, month=3), at(29, 4, month=3)),
        (at(24, 21, month=10), at(25, 5, month=10)),
    ],
)
def test_quiet_hours_run_over_midnight_on_the_plants_clock(now: datetime, until: datetime | None) -> None:
    assert quiet_until(NIGHT, "high", now, BERLIN) == until


def test_quiet_hours_belong_to_the_day_they_begin_on_and_yield_to_what_overrides() -> None:
    weekdays = Manner(quiet=Quiet(time(22), time(6), (0, 1, 2, 3)))
    friday_night, thursday_night = at(16, 22), at(15, 22)
    assert quiet_until(weekdays, "normal", friday_night, BERLIN) is None
    assert quiet_until(weekdays, "normal", thursday_night, BERLIN) == at(16, 5)
    assert quiet_until(weekdays, "critical", thursday_night, BERLIN) is None
    opened = Manner(quiet=NIGHT.quiet, override="high")
    assert quiet_until(opened, "high", at(12, 22), BERLIN) is None
    assert quiet_until(opened, "normal", at(12, 22), BERLIN) is not None


def test_a_person_goes_before_the_function_and_may_only_let_more_through() -> None:
    function = {"channels": {"high": ["phone"], "low": []}, "order": ["chat"], "override": "high", "most": 5}
    person = {"channels": {"low": ["chat", "chat", "fax"]}, "override": "critical", "most": 8}
    manner = merged(None, function, person)
    assert (manner.channels["high"], manner.channels["low"]) == (("phone",), ("chat",))
    assert manner.channels["critical"] == AT_ONCE["critical"]
    assert manner.order == ("chat", "push", "phone", "email")
    assert (manner.override, manner.most) == ("high", 8)


def test_channels_that_lead_nowhere_give_way_and_none_wanted_is_none() -> None:
    manner = merged({"channels": {"high": ["push", "phone"], "low": []}})
    assert at_once(manner, "high", {"email", "phone"}) == ("phone",)
    assert at_once(manner, "high", {"email", "chat"}) == ("chat",)
    assert at_once(manner, "low", {"email"}) == ()
    assert at_once(manner, "high", ()) == ()
    assert next_channel(manner, {"push"}, {"email", "chat"}) == "chat"
    assert next_channel(manner, {"chat", "email"}, {"email", "chat"}) == ""
