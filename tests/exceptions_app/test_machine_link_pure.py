"""Values, times and settings of servers and agents, without one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua

from exceptions_app.bridge.opcua_link import (
    good_of,
    moment_of,
    overflown,
    patience_of,
    subscription_of,
    value_of,
)
from exceptions_app.channels.port import number_of
from exceptions_app.machine.conditions import Condition
from exceptions_app.machine.debounce import Debouncer, Rule
from exceptions_app.machine.nodes import Node
from exceptions_app.machine.samples import Sample
from exceptions_app.models import Source


@pytest.mark.parametrize(
    ("value", "kind", "plain"),
    [
        (True, ua.VariantType.Boolean, True),
        (7, ua.VariantType.Int16, 7),
        (2.5, ua.VariantType.Double, 2.5),
        (float("nan"), ua.VariantType.Double, None),
        ("RUN", ua.VariantType.String, "RUN"),
        (ua.LocalizedText("Läuft", "de"), ua.VariantType.LocalizedText, "Läuft"),
        ([1, 2], ua.VariantType.Int32, None),
        (b"x", ua.VariantType.ByteString, None),
        (None, ua.VariantType.Null, None),
    ],
)
def test_only_single_values_are_values(value: Any, kind: ua.VariantType, plain: Any) -> None:
    assert value_of(ua.DataValue(ua.Variant(value, kind))) == plain


def test_quality_time_and_overflow_of_a_value() -> None:
    good, bad = ua.StatusCode(ua.StatusCodes.Good), ua.StatusCode(ua.StatusCodes.BadNotConnected)
    uncertain, full = ua.StatusCode(ua.StatusCodes.Uncertain), ua.StatusCode(0x480)
    assert [good_of(ua.DataValue(ua.Variant(1), one)) for one in (good, bad, uncertain, full)] == [
        True, False, False, True,
    ]  # fmt: skip
    assert [overflown(ua.DataValue(ua.Variant(1), one)) for one in (good, full)] == [False, True]
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    early, late = int(moment.timestamp() * 1000), datetime(2026, 3, 2, tzinfo=UTC)
    assert moment_of(ua.DataValue(ua.Variant(1), SourceTimestamp=moment, ServerTimestamp=late)) == early
    assert moment_of(ua.DataValue(ua.Variant(1), ServerTimestamp=moment.replace(tzinfo=None))) == early
    assert moment_of(ua.DataValue(ua.Variant(1))) is None
    assert moment_of(ua.DataValue(ua.Variant(1), SourceTimestamp=datetime(1601, 1, 1, tzinfo=UTC))) is None


def test_a_subscription_says_that_it_lives_and_is_given_up_well_after_that() -> None:
    asked = subscription_of(Source(config={"interval": 250}))
    assert (asked.RequestedPublishingInterval, asked.RequestedMaxKeepAliveCount) == (250, 20)
    assert asked.RequestedLifetimeCount >= 3 * asked.RequestedMaxKeepAliveCount
    assert patience_of(asked) > 3 * 5


def test_a_number_setting_nobody_meant_is_the_default_and_others_are_kept_within_limits() -> None:
    for config, meant in (
        ({}, 5), ({"n": ""}, 5), ({"n": "x"}, 5), ({"n": [1]}, 5), ({"n": "nan"}, 5), ({"n": 1e9}, 10), ({"n": -1}, 1),
        ({"n": "7.5"}, 7.5),
    ):  # fmt: skip
        assert number_of(config, "n", default=5, low=1, high=10) == meant


def test_what_waited_in_order_when_the_source_went_opens_nothing_afterwards() -> None:
    rule = Rule(Condition.of(kind="state", operator="is", operand="STOPPED"), on_delay=1000, reorder=250)
    one = Debouncer(rule)
    one.feed(Sample("n", "s", "RUN", 1000, 1000))
    one.feed(Sample("n", "s", "STOPPED", 2000, 2000))  # waits for earlier ones
    assert one.lose() == []
    assert one.tick(60_000) == []
    assert (one.state.phase, one.state.bad, one.state.held) == ("clear", True, [])
    # back with the same value and its old time: that stop is taken up again where it began
    one.feed(Sample("n", "s", "STOPPED", 2000, 61_000))
    told = one.tick(62_000)
    assert [(str(each.change), each.first) for each in told] == [("opened", 2000)]


def test_the_place_in_a_stream_is_stored_with_the_states_and_not_shared_with_them() -> None:
    node = Node("d", lambda signal: [])
    node.mark = {"instance": 7, "next": 12, "conditions": {"c": {"E1": "FAULT"}}}
    stored = node.snapshot()
    node.mark["conditions"]["c"]["E2"] = "FAULT"
    assert stored["mark"] == {"instance": 7, "next": 12, "conditions": {"c": {"E1": "FAULT"}}}
    again = Node("d", lambda signal: [])
    again.restore(stored)
    assert again.mark == stored["mark"]
    assert "mark" not in Node("e", lambda signal: []).snapshot()
