"""The pure rules: severity, titles, next steps, ladders, grades."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exceptions_app import lifecycle
from exceptions_app.rules import ladder
from exceptions_app.rules.grading import grade_of
from exceptions_app.rules.severity import Circumstances, severity_of
from exceptions_app.rules.steps import Standing, Waiting, next_step
from exceptions_app.rules.titles import Subject, title_of

NOW = datetime(2026, 11, 17, 9, 14, tzinfo=UTC)
LADDER = [
    {"level": 1, "roles": ["technician"], "after_minutes": 0},
    {"level": 2, "roles": ["maintenance_lead"], "after_minutes": 10},
    {"level": 3, "roles": ["shift_supervisor"], "after_minutes": 30},
]


@pytest.mark.parametrize(
    ("type_code", "around", "severity"),
    [
        ("machine_downtime", Circumstances(kind="stopped", line_stopped=True), "critical"),
        ("machine_downtime", Circumstances(kind="stopped", bottleneck=True, has_alternate=False), "critical"),
        (
            "machine_downtime",
            Circumstances(kind="stopped", next_start_min=200, order_within_24h=True),
            "high",
        ),
        (
            "machine_downtime",
            Circumstances(kind="stopped", has_alternate=True, operation_running=True),
            "medium",
        ),
        ("machine_downtime", Circumstances(kind="slow", operation_running=True), "medium"),
        ("machine_downtime", Circumstances(kind="stopped", order_within_24h=False), "low"),
        ("material_shortage", Circumstances(kind="stopped_now"), "critical"),
        ("material_shortage", Circumstances(run_out_min=100, shift_left_min=200), "high"),
        ("material_shortage", Circumstances(run_out_min=1000, shift_left_min=200), "medium"),
        ("material_shortage", Circumstances(run_out_min=3000), "low"),
        ("quality_hold", Circumstances(safety_characteristic=True), "critical"),
        ("quality_hold", Circumstances(shipped=True), "high"),
        ("quality_hold", Circumstances(), "medium"),
        ("order_change", Circumstances(grade="error", customer_tier="A"), "critical"),
        ("order_change", Circumstances(grade="warning"), "medium"),
        ("order_change", Circumstances(grade="information"), "low"),
        ("labour_shortage", Circumstances(bottleneck=True), "critical"),
        ("labour_shortage", Circumstances(blocks_operation=True), "high"),
        ("safety_stop", Circumstances(), "critical"),
        ("weather", Circumstances(), "medium"),
    ],
)
def test_severity_follows_the_rule_of_the_type(type_code: str, around: Circumstances, severity: str) -> None:
    found, because = severity_of(type_code, around)

    assert found == severity
    assert because


@pytest.mark.parametrize(
    ("type_code", "subject", "title"),
    [
        ("machine_downtime", Subject(place="Press 4", what="hydraulic leak"), "Press 4 down, hydraulic leak"),
        ("machine_downtime", Subject(place="CNC-04", kind="slow"), "CNC-04 runs slow"),
        (
            "material_shortage",
            Subject(place="AL-2", item="seal kits", quantity=Decimal("120.000"), uom="pcs"),
            "AL-2 short of 120 pcs seal kits",
        ),
        ("quality_hold", Subject(place="GRD-02", what="groove depth", quantity=Decimal(36), uom="pcs"),
         "GRD-02: groove depth, 36 pcs held"),
        ("order_change", Subject(customer="Norrland", order_line="40017802/10", kind="DATE-EARLIER"),
         "Norrland wants 40017802/10 earlier"),
        ("labour_shortage", Subject(place="Grinding", quantity=Decimal(2)), "Grinding: 2 missing"),
        ("safety_stop", Subject(place="Forming"), "Safety stop at Forming"),
        ("unsorted", Subject(text="a  text\nnobody understands"), "“a text nobody understands”"),
        ("unsorted", Subject(), "A report nobody could read yet"),
    ],
)  # fmt: skip
def test_titles_are_in_the_plants_words(type_code: str, subject: Subject, title: str) -> None:
    assert title_of(type_code, subject) == title


def test_a_title_never_grows_past_its_column() -> None:
    assert len(title_of("machine_downtime", Subject(place="P" * 200, what="w" * 200))) <= 160
    assert len(title_of("unsorted", Subject(text="word " * 500))) <= 160


def test_next_steps_name_who_and_until_when() -> None:
    standing = Standing(
        status="open", role="technician", owner="Jonas Keller", acknowledge_due_at=NOW + timedelta(minutes=10)
    )

    assert next_step(standing, now=NOW, zone="Europe/Berlin") == "Jonas Keller acknowledges by 10:24"
    assert next_step(standing, now=NOW, zone="America/New_York") == "Jonas Keller acknowledges by 04:24"


def test_a_next_step_on_another_day_says_the_day() -> None:
    standing = Standing(
        status="acknowledged", role="planner", owner="Ingrid Vogel", decide_due_at=NOW + timedelta(days=3),
        waiting=(Waiting("Quality"), Waiting("Planning")),
    )  # fmt: skip

    assert next_step(standing, now=NOW, zone="Europe/Berlin") == (
        "Ingrid Vogel decides by Fri 20 Nov 10:14; Quality and Planning still to acknowledge"
    )


def test_nobody_on_duty_is_said() -> None:
    standing = Standing(status="open", role="technician", acknowledge_due_at=NOW)

    assert next_step(standing, now=NOW, zone="UTC").startswith("Nobody on duty as technician")


@pytest.mark.parametrize(
    ("minutes", "level", "told", "passed", "next_minutes"),
    [
        (0, 1, None, (), 10), (10, 1, None, (), 10), (10.2, 1, 2, (), 30), (31, 1, 3, (2,), None),
        (31, 2, 3, (), None), (31, 3, None, (), None),
    ],
)  # fmt: skip
def test_a_ladder_climbs_to_what_is_due(
    minutes: float, level: int, told: int | None, passed: tuple[int, ...], next_minutes: int | None
) -> None:
    found = ladder.climb(LADDER, start=NOW, level=level, now=NOW + timedelta(minutes=minutes))

    assert (found.tell.level if found.tell else None) == told
    assert found.passed == passed
    assert found.next_at == (
        NOW + timedelta(minutes=next_minutes, seconds=10) if next_minutes is not None else None
    )


def test_the_rest_of_a_ladder_keeps_its_rhythm() -> None:
    assert ladder.rest_of(LADDER, role="maintenance_lead", level=2) == [
        {"level": 2, "roles": ["maintenance_lead"], "after_minutes": 0},
        {"level": 3, "roles": ["shift_supervisor"], "after_minutes": 20},
    ]


def test_repeats_keep_their_rhythm_through_an_outage() -> None:
    assert ladder.next_multiple(NOW, 30, NOW) == NOW + timedelta(minutes=30)
    assert ladder.next_multiple(NOW, 30, NOW + timedelta(minutes=75)) == NOW + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("kind", "state", "grade"),
    [
        ("DATE-EARLIER", 2, "information"), ("DATE-EARLIER", 5, "warning"), ("QTY-UP", 7, "error"),
        ("CANCEL", 5, "error"), ("DATE-LATER", 2, "none"), ("SHIP-TO/MODE", 6, "information"),
        ("PRICE", 5, "information"),
        ("CANCEL", None, ""), ("WEATHER", 3, ""), ("ADD", 9, "error"),
    ],
)  # fmt: skip
def test_changes_are_graded_by_how_far_the_order_is(kind: str, state: int | None, grade: str) -> None:
    assert grade_of(kind, state) == grade


def test_every_status_is_reached_and_ended_ones_have_a_way_back() -> None:
    edges = lifecycle.edges()
    assert {end for _, end in edges} == {status.value for status in lifecycle.Status}
    assert lifecycle.allowed("closed", "open")
    assert not lifecycle.allowed("open", "closed")
    assert not lifecycle.allowed("open", "weather")
