"""The four metrics as arithmetic: exact figures from rows written by hand."""

from datetime import UTC, datetime, timedelta

from metrics_app.compute import (
    AlignedRow,
    ClosedRow,
    Dimensions,
    Inputs,
    OpenPosting,
    PostedRow,
    Share,
    Spread,
    compute,
    spread,
)

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
PRESS = Dimensions(type="Machine downtime", area="Forming", severity="high", rule="Press down")
LOT = Dimensions(type="Quality hold", area="Machining", severity="low", rule="Held lot")


def closed(ref: str, minutes: float, dimensions: Dimensions = PRESS, **breaks: int) -> ClosedRow:
    return ClosedRow(ref, NOON, NOON + timedelta(minutes=minutes), dimensions, **breaks)


def test_nothing_happened() -> None:
    figures = compute(Inputs())
    assert figures.resolution == Spread()
    assert figures.first_pass == Share()
    assert figures.oldest_open is None
    assert figures.mend == []


def test_spreads_interpolate_between_ranks() -> None:
    assert spread([10, 20, 30, 40]) == Spread(count=4, median=25.0, p90=37.0, mean=25.0)
    assert spread([7.04]) == Spread(count=1, median=7.0, p90=7.0, mean=7.0)


def test_resolution_counts_from_capture_to_close() -> None:
    figures = compute(Inputs(closed=[closed("EX-1", 60), closed("EX-2", 120), closed("EX-3", 600, LOT)]))
    assert figures.resolution == Spread(count=3, median=120.0, p90=504.0, mean=260.0)
    assert figures.by["type"]["Machine downtime"]["resolution"]["median"] == 90.0
    assert figures.by["area"]["Machining"]["resolution"]["count"] == 1


def test_alignment_counts_from_occurrence_and_flags_estimates() -> None:
    rows = [
        AlignedRow("EX-1", NOON, NOON + timedelta(minutes=8), PRESS),
        AlignedRow("EX-2", NOON, NOON + timedelta(minutes=20), PRESS, estimated=True),
    ]
    figures = compute(Inputs(aligned=rows, unaligned=["EX-9", "EX-4"], realigned=["EX-2"]))
    assert figures.alignment == Spread(count=2, median=14.0, p90=18.8, mean=14.0)
    assert figures.alignment_estimated == 1
    assert figures.unaligned == ["EX-4", "EX-9"]
    assert figures.realigned == ["EX-2"]


def test_posting_lag_is_per_kind_with_the_oldest_open_beside_and_local_apart() -> None:
    posted = [
        PostedRow("A", "confirmation", NOON, NOON + timedelta(minutes=4)),
        PostedRow("B", "confirmation", NOON, NOON + timedelta(minutes=6)),
        PostedRow("C", "cost", NOON, NOON + timedelta(minutes=90)),
    ]
    figures = compute(
        Inputs(
            posted=posted,
            local=[("D", "operation.move"), ("E", "operation.move")],
            open_postings=[
                OpenPosting("F", "cost", NOON + timedelta(minutes=5)),
                OpenPosting("G", "movement.block", NOON),
            ],
            until=NOON + timedelta(minutes=30),
        )
    )
    assert figures.posting_lag.count == 3
    assert figures.posting_lag_by_kind["confirmation"].median == 5.0
    assert figures.posting_lag_by_kind["cost"].median == 90.0
    assert figures.local_by_kind == {"operation.move": 2}
    assert figures.oldest_open == {"ref": "G", "kind": "movement.block", "minutes": 30.0, "open": 2}


def test_first_pass_is_broken_by_reroutes_lapsed_levels_and_reopens() -> None:
    rows = [
        closed("EX-1", 10),
        closed("EX-2", 10, reroutes=1),
        closed("EX-3", 10, lapsed_levels=2),
        closed("EX-4", 10, reopens=1, reroutes=1),
    ]
    figures = compute(Inputs(closed=rows))
    assert figures.first_pass == Share(count=4, passed=1, percent=25.0)
    assert figures.first_pass_breakers == {"escalated": 1, "re-routed": 2, "reopened": 1}


def test_what_to_mend_names_the_rule_that_misses_and_the_workflow_that_takes_longest() -> None:
    rows = [
        closed("EX-1", 30, reroutes=1),
        closed("EX-2", 30, lapsed_levels=1),
        closed("EX-3", 600, LOT),
        closed("EX-4", 20, LOT, reroutes=1),
    ]
    found = compute(Inputs(closed=rows)).mend
    # one broken record of the lot rule is not yet a pattern
    assert [(entry["what"], entry["name"]) for entry in found] == [
        ("rule", "Press down"),
        ("workflow", "Quality hold in Machining"),
        ("workflow", "Machine downtime in Forming"),
    ]
    assert found[0]["refs"] == ["EX-1", "EX-2"]
    assert found[1]["hours"] == 10.3
