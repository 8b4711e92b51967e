"""Each type as the plant meets it: from a station's taps or a text to severity, owner, functions and key."""

from typing import Any

import pytest

from exceptions_app.models import ExceptionRecord
from tests.exceptions_app.conftest import Report
from tests.plant_fixtures import KolbeMini

# fields, title, severity, owner's role, functions that must be in it, key
CASES = (
    (
        {"type": "machine_downtime", "work_unit": "CNC-06", "state": "stopped", "reason": "MEC-BRK"},
        "CNC-06 down", "high", "technician", {"maintenance", "production", "planning"}, "down:RHF:work_unit=CNC-06",
    ),
    (
        {"type": "material_shortage", "item": "CAST-310", "kind": "soon", "work_order": "WO-118231",
         "qty_needed": "30"},
        "Runs out of 30 pcs Casting for VB-310", "medium", "", {"planning", "logistics", "production"},
        "short:RHF:item=CAST-310",
    ),
    (
        {"type": "quality_hold", "lot": "L26-4301", "reason": "DIM-SIZE", "qty_suspect": "20"},
        "Lot L26-4301: size, 20 pcs held", "high", "quality_engineer",
        {"quality", "customer_service", "logistics", "planning", "production"}, "hold:RHF:lot=L26-4301:DIM",
    ),
    (
        {"type": "order_change", "so_line": "40017802/10", "kind": "DATE-EARLIER", "new_value": "2026-11-20"},
        "Norrland Forest Machines wants 40017802/10 earlier", "medium", "planner",
        {"planning", "customer_service", "production"}, "change:RHF:sales_order_line=40017802/10",
    ),
    (
        {"type": "labour_shortage", "work_centre": "GRIND", "missing": "2", "reason": "ABS-UNPLANNED", "shift": "E"},
        "Grinding: 2 missing", "critical", "shift_supervisor", {"production", "planning"},
        "crew:RHF:work_centre=GRIND:2026-11-17/E:any",
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "title", "severity", "role", "functions", "key"),
    CASES,
    ids=[case[0]["type"] for case in CASES],
)
def test_a_tap_at_the_station_opens_each_of_the_five(
    plant: KolbeMini,
    report: Report,
    fields: dict[str, Any],
    title: str,
    severity: str,
    role: str,
    functions: set[str],
    key: str,
) -> None:
    reading = report(kind="station", fields=fields, reporter=plant.people["piotr.nowak"])

    exception = reading.exception
    assert exception is not None
    assert (exception.status, exception.type.code) == ("open", fields["type"])
    assert exception.title.startswith(title)
    assert exception.severity == severity
    assert role in ("", exception.owner_role)
    assert {row.function.code for row in exception.responses.filter(required=True)} >= functions
    assert exception.correlation_key == key
    assert exception.next_step
    assert exception.acknowledge_due_at is not None


def test_how_many_is_taken_from_the_types_own_field(plant: KolbeMini, report: Report) -> None:
    exception = report(
        kind="station",
        fields={"type": "quality_hold", "lot": "L26-4471", "reason": "DIM-SIZE", "qty_suspect": "36"},
    ).exception

    assert exception.quantity == 36


def test_news_that_make_it_worse_raise_severity_and_urgency(plant: KolbeMini, report: Report) -> None:
    exception = report(
        kind="station", fields={"type": "material_shortage", "item": "CAST-310", "kind": "soon"}
    ).exception
    before = exception.urgency_score

    report(kind="station", fields={"type": "material_shortage", "item": "CAST-310", "kind": "stopped_now"})

    exception = ExceptionRecord.objects.get()
    assert exception.details["kind"] == "stopped_now"
    assert exception.severity in ("high", "critical")
    assert exception.urgency_score >= before


def test_another_wish_for_the_same_line_is_a_new_version_not_a_merge(
    plant: KolbeMini, report: Report
) -> None:
    wish = {
        "type": "order_change",
        "so_line": "40017802/10",
        "kind": "DATE-EARLIER",
        "new_value": "2026-11-20",
    }
    report(kind="station", fields=wish)

    report(kind="station", fields={**wish, "new_value": "2026-11-19"})

    exception = ExceptionRecord.objects.get()
    assert exception.details["new_value"] == "2026-11-19"
    assert [one["value"] for one in exception.details["versions"]] == ["2026-11-20"]
    assert exception.events.get(kind="joined").data["supersedes"] == "2026-11-20"
    assert exception.tellings.filter(reason="change", person=exception.owner).count() == 1


def test_why_somebody_is_absent_never_reaches_the_title(plant: KolbeMini, report: Report) -> None:
    exception = report("two people missing at grinding, called in sick").exception

    assert "sick" not in exception.title


def test_a_german_report_gets_the_reasons_own_name(plant: KolbeMini, report: Report) -> None:
    exception = report("presse 4 steht, hydraulik undicht").exception

    assert exception.reason.code == "MEC-LEAK"
    assert exception.title == f"Presse 4 down, {exception.reason.name.lower()}"
