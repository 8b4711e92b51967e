"""The worked examples of the metrics page, computed; and the dimensions and metrics it names."""

import re
from datetime import UTC, datetime, timedelta

from metrics_app.compute import (
    DIMENSIONS,
    AlignedRow,
    ClosedRow,
    Dimensions,
    Inputs,
    PostedRow,
    compute,
)
from metrics_app.services.months import SETTLE
from tests.docs.pages import DOCS

EIGHT = datetime(2026, 11, 17, 8, 0, tzinfo=UTC)
PLAIN = Dimensions()


def _section(title: str) -> str:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    return " ".join(page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0].split())


def _minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_resolution_time() -> None:
    rows = [
        ClosedRow(ref=str(minutes), captured_at=EIGHT, closed_at=EIGHT + _minutes(minutes), dimensions=PLAIN)
        for minutes in (30, 60, 90, 300)
    ]
    found = compute(Inputs(closed=rows)).resolution
    said = f"Median {found.median}, 90th percentile {found.p90}, mean {found.mean}."
    assert said in _section("Exception resolution time")


def test_alignment_time() -> None:
    text = _section("Cross-functional alignment time")
    aligned = EIGHT + _minutes(11)
    known = AlignedRow(ref="A", occurred_at=EIGHT, aligned_at=aligned, dimensions=PLAIN)
    guessed = AlignedRow(
        ref="B", occurred_at=EIGHT + _minutes(3), aligned_at=aligned, dimensions=PLAIN, estimated=True
    )
    assert f"at 08:11: {compute(Inputs(aligned=[known])).alignment.median} minutes" in text
    figures = compute(Inputs(aligned=[guessed]))
    assert f"from 08:03, {figures.alignment.median} minutes" in text
    assert figures.alignment_estimated == 1


def test_posting_lag() -> None:
    rows = [
        PostedRow(ref="B", kind="movement.block", occurred_at=EIGHT, confirmed_at=EIGHT + _minutes(2)),
        PostedRow(ref="S", kind="movement.scrap", occurred_at=EIGHT, confirmed_at=EIGHT + _minutes(5)),
    ]
    figures = compute(Inputs(posted=rows, local=[("M", "maintenance_notification")]))
    assert figures.posting_lag.count == 2
    assert figures.local_by_kind == {"maintenance_notification": 1}
    assert f"Two postings, median {figures.posting_lag.median}; one local." in _section("ERP posting lag")


def test_first_pass() -> None:
    ways = ({}, {}, {"reroutes": 1}, {"lapsed_levels": 1, "reopens": 1})
    rows = [
        ClosedRow(ref=str(number), captured_at=EIGHT, closed_at=EIGHT + _minutes(9), dimensions=PLAIN, **way)
        for number, way in enumerate(ways)
    ]
    figures = compute(Inputs(closed=rows))
    text = _section("First-pass resolution rate")
    assert f"Two passed: {figures.first_pass.percent} percent." in text
    assert figures.first_pass_breakers == {"re-routed": 1, "escalated": 1, "reopened": 1}
    assert "re-routed 1, escalated 1, reopened 1" in text


def test_the_page_names_the_dimensions_and_the_settling_time() -> None:
    text = _section("Freezing and adjustments")
    assert re.findall(r"`(\w+)`", text.split("`by` is one of", 1)[1].split(".", 1)[0]) == list(DIMENSIONS)
    assert timedelta(hours=12) == SETTLE
    assert "twelve hours after it ended" in text
