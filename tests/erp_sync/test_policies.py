"""Modes, limits and slots: pure arithmetic, daylight saving included; and the table of reversals is whole."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from erp_sync import canonical, policies, reversals
from erp_sync.kinds import KIND_NAMES
from erp_sync.policies import Worth

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("modes", "counts"),
    [
        (("live", "live"), "live"),
        (("live", "buffered"), "buffered"),
        (("approval", "buffered"), "approval"),
        (("manual", "approval"), "manual"),
        (("off", "manual"), "off"),
    ],
)
def test_the_more_cautious_mode_counts(modes: tuple[str, str], counts: str) -> None:
    assert policies.most_cautious(*modes) == counts
    assert policies.most_cautious(*reversed(modes)) == counts


def test_a_word_that_is_no_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="tuple"):
        policies.most_cautious("live", "sometimes")


@pytest.mark.parametrize(
    ("now", "minutes", "slot"),
    [
        ("2026-11-03T12:07:00+01:00", 60, "2026-11-03T13:00:00+01:00"),
        ("2026-11-03T13:00:00+01:00", 60, "2026-11-03T13:00:00+01:00"),  # just now is now
        ("2026-11-03T12:07:00+01:00", 15, "2026-11-03T12:15:00+01:00"),
        ("2026-11-03T23:50:00+01:00", 45, "2026-11-04T00:00:00+01:00"),  # counted anew from midnight
        ("2026-11-03T12:07:00+01:00", 5000, "2026-11-04T00:00:00+01:00"),
        ("2026-11-03T12:07:00+01:00", 0, "2026-11-03T12:07:00+01:00"),
        # the clock goes forward at 02:00: what stood at 02:30 goes when 02:30 would have been over
        ("2026-03-29T01:50:00+01:00", 30, "2026-03-29T03:00:00+02:00"),
        ("2026-03-29T00:10:00+01:00", 360, "2026-03-29T06:00:00+02:00"),
        # the clock goes back at 03:00: 02:15 comes twice, and noon stays noon
        ("2026-10-25T02:05:00+02:00", 15, "2026-10-25T02:15:00+02:00"),
        ("2026-10-25T02:50:00+02:00", 15, "2026-10-25T02:00:00+01:00"),
        ("2026-10-25T02:05:00+01:00", 15, "2026-10-25T02:15:00+01:00"),
        ("2026-10-25T01:00:00+02:00", 720, "2026-10-25T12:00:00+01:00"),
    ],
)
def test_a_slot_lies_on_the_plants_clock(now: str, minutes: int, slot: str) -> None:
    assert policies.next_slot(at(now), minutes, BERLIN) == at(slot)


def test_no_slot_is_ever_further_than_one_step_and_none_is_behind() -> None:
    for start in ("2026-03-29T00:00:00+01:00", "2026-10-25T00:00:00+02:00", "2026-11-03T00:00:00+01:00"):
        for minute in range(0, 25 * 60, 7):
            now = at(start) + timedelta(minutes=minute)
            slot = policies.next_slot(now, 30, BERLIN)
            assert timedelta(0) <= slot - now <= timedelta(minutes=30), now
            assert slot.tzinfo is UTC


def test_a_zone_whose_clock_skips_midnight_still_has_a_slot_that_day() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # 2026-03-29 begins at 01:00 there
    slot = policies.next_slot(at("2026-03-28T20:00:00+02:00"), 1440, beirut)
    assert slot == at("2026-03-28T22:00:00+00:00")


def test_limits_are_said_in_words_and_what_can_not_be_judged_counts_as_beyond() -> None:
    def said(worth: Worth, value: str | None = "5000", quantity: str | None = None) -> list[str]:
        return policies.beyond(
            worth,
            value_limit=Decimal(value) if value else None,
            quantity_limit=Decimal(quantity) if quantity else None,
            currency="EUR",
        )

    assert said(Worth(Decimal("12400.00"))) == ["worth 12,400 EUR, limit 5,000"]
    assert said(Worth(Decimal("5000.00"))) == []
    assert said(Worth(Decimal("1.50"), Decimal(101)), "5000", "100") == ["quantity 101, limit 100"]
    assert said(Worth(unknown="no standard cost of X")) == [
        "worth not known (no standard cost of X), limit 5,000 EUR"
    ]
    assert said(Worth()) == []  # a kind without a value of its own
    assert said(Worth(unknown="no standard cost of X"), None) == []


def test_a_value_beyond_what_is_kept_is_kept_as_the_greatest() -> None:
    assert policies.rounded(Decimal("1e30")) == Decimal("999999999999.99")
    assert policies.rounded(Decimal("1.005")) == Decimal("1.01")


def test_every_kind_says_how_it_is_taken_back_or_why_not() -> None:
    assert set(reversals.REVERSALS) == set(canonical.KINDS) == set(KIND_NAMES)
    assert all(one.words for one in reversals.REVERSALS.values())
    assert {kind for kind, one in reversals.REVERSALS.items() if one.never} == {"customer_answer", "reversal"}
    for kind, one in reversals.REVERSALS.items():
        shape = canonical.KINDS[kind]
        assert set(one.needs) <= set(shape.__dataclass_fields__), kind
        assert bool(reversals.why_never(kind, {})) == (one.never or bool(one.needs)), kind
    assert reversals.why_never("change.date", {"old": "2026-11-05"}) == ""
    assert "old" in reversals.why_never("change.date", {})
    assert reversals.why_never("nonsense", {}) == "there is no posting kind nonsense"
