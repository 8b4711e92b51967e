"""Urgency: worked scores, bands, floors and caps, and how slowly a band falls."""

from decimal import Decimal

import pytest

from routing_app import urgency, words
from routing_app.comparing import prepare
from routing_app.urgency import Bound, Settled, bounded, built_in_caps, built_in_floors, score, settle

_PRESS = {"window_min": 15, "severity": "high", "slack_h": 4, "tier": "A", "bottleneck": True}
_CELL = {"window_min": 240, "severity": "medium", "slack_h": 24, "tier": "B", "bottleneck": False}
_LOT = {"window_min": 60, "severity": "high", "slack_h": 24, "tier": "B"}
_MORE = {"window_min": 30_240, "severity": "low", "slack_h": 500, "tier": "A"}


@pytest.mark.parametrize(
    ("_case", "facts", "total", "band"),
    [
        ("bottleneck press down", _PRESS, "88", "critical"),
        ("cell with an alternate", _CELL, "47", "normal"),
        ("lot held in process", _LOT, "63.5", "high"),
        ("ten percent more in three weeks", _MORE, "15.5", "low"),
    ],
)
def test_worked_scores(_case: str, facts: dict[str, object], total: str, band: str) -> None:
    found = score(prepare(facts).values)

    assert found.total == Decimal(total)
    assert found.band == band
    assert sum(one.points for one in found.inputs) == Decimal(total)
    assert [one.weight for one in found.inputs] == [30, 30, 20, 10, 10]


def test_nothing_known_scores_by_guesses_that_say_so() -> None:
    found = score({})

    assert found.total == Decimal("24.0")  # window 0.4 x 30 and severity medium 0.4 x 30
    assert {one.code for one in found.inputs if one.guessed} == {"window", "severity"}


def test_a_promise_known_to_be_missed_counts_as_no_slack_left() -> None:
    slack = next(one for one in score({"commit_at_risk": True}).inputs if one.code == "slack")

    assert (slack.points, slack.guessed) == (Decimal(20), True)


@pytest.mark.parametrize(
    ("minutes", "level"),
    [(-5, "1"), (0, "1"), (15, "1"), (16, "0.85"), (60, "0.85"), (61, "0.6"), (240, "0.6"), (241, "0.4"),
     (480, "0.4"), (481, "0.2"), (1440, "0.2"), (1441, "0.05")],
)  # fmt: skip
def test_window_levels_at_their_edges(minutes: int, level: str) -> None:
    window = next(one for one in score({"window_min": Decimal(minutes)}).inputs if one.code == "window")

    assert window.level == Decimal(level)


@pytest.mark.parametrize(
    ("hours", "level"),
    [("-3", "1"), ("0", "1"), ("0.1", "0.85"), ("4", "0.85"), ("24", "0.6"), ("72", "0.3"), ("72.5", "0.05")],
)
def test_slack_levels_at_their_edges(hours: str, level: str) -> None:
    slack = next(one for one in score({"hours_to_due": Decimal(hours)}).inputs if one.code == "slack")

    assert slack.level == Decimal(level)


def test_a_hair_past_the_promise_is_no_minus_nought() -> None:
    slack = next(one for one in score({"hours_to_due": Decimal("-0.0")}).inputs if one.code == "slack")

    assert slack.value == "0.0 h"


@pytest.mark.parametrize(
    ("total", "band"),
    [("100", "critical"), ("70", "critical"), ("69.9", "high"), ("50", "high"), ("49.9", "normal"),
     ("25", "normal"), ("24.9", "low"), ("0", "low")],
)  # fmt: skip
def test_bands(total: str, band: str) -> None:
    assert urgency.band_of(Decimal(total)) == band


@pytest.mark.parametrize(
    ("facts", "floors"),
    [
        ({"type": "safety_stop"}, ["critical"]),
        ({"customer_stopped": True}, ["critical"]),
        ({"shipped": True}, ["high"]),
        ({"shipped": True, "safety_characteristic": True}, ["critical"]),
        ({"bottleneck": True, "kind": "stopped"}, ["high"]),
        ({"bottleneck": True, "line_stopped": True}, ["high"]),
        ({"bottleneck": True, "kind": "slow"}, []),
        ({"safety_characteristic": True}, []),
        ({}, []),
    ],
)
def test_built_in_floors(facts: dict[str, object], floors: list[str]) -> None:
    assert [one.band for one in built_in_floors(facts)] == floors


def test_built_in_caps_and_a_floor_wins_over_a_cap() -> None:
    caps = built_in_caps({"order_within_24h": False, "planned_stop": True})

    assert [one.band for one in caps] == ["normal", "normal"]
    assert built_in_caps({"order_within_24h": True}) == []
    assert bounded(words.CRITICAL, [], caps) == "normal"
    assert bounded(words.LOW, [Bound("high", "x")], caps) == "high"


def test_a_band_rises_at_once() -> None:
    assert settle(standing=Settled("normal", 1), total=Decimal(70), floors=[], caps=[]) == Settled(
        "critical", 0
    )


def test_a_band_falls_only_after_two_evaluations_five_points_under_it() -> None:
    barely = settle(standing=Settled("high", 0), total=Decimal("45.5"), floors=[], caps=[])
    first = settle(standing=Settled("high", 0), total=Decimal(45), floors=[], caps=[])
    second = settle(standing=first, total=Decimal(45), floors=[], caps=[])

    assert barely == Settled("high", 0)
    assert first == Settled("high", 1)
    assert second == Settled("normal", 0)


def test_a_rise_in_between_starts_the_count_again() -> None:
    first = settle(standing=Settled("high", 0), total=Decimal(40), floors=[], caps=[])
    between = settle(standing=first, total=Decimal(48), floors=[], caps=[])
    after = settle(standing=between, total=Decimal(40), floors=[], caps=[])

    assert [one.band for one in (first, between, after)] == ["high", "high", "high"]
    assert after.low_count == 1


def test_a_floor_keeps_a_band_up() -> None:
    floors = [Bound("high", "a suspect lot has shipped")]

    assert settle(standing=Settled("high", 1), total=Decimal(10), floors=floors, caps=[]) == Settled(
        "high", 0
    )
