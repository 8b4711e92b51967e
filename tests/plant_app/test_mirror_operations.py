"""What ERP changes of an order's operations after the order is here: followed until the floor has begun them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from decisions_app.services.progress import report_progress
from plant_app import services
from plant_app.models import Operation, WorkOrder
from plant_app.services.mirror import PullResult
from tests.plant_fixtures import KolbeMini

ORDER = "WO-118204"


@dataclass
class Pulled:
    code: str
    data: dict[str, Any]
    external_id: str = "71"
    written_at: datetime | None = datetime(2026, 11, 17, tzinfo=UTC)


def read(*operations: dict[str, Any], code: str = ORDER) -> PullResult:
    return services.apply_pull(entity="work_orders", records=[Pulled(code, {"operations": list(operations)})])


def listed(code: str = ORDER) -> list[dict[str, Any]]:
    """The order's operations as ERP would list them now."""
    rows = Operation.objects.filter(work_order__number=code).select_related("work_centre")
    return [
        {
            "number": f"{row.number:04d}", "name": row.name, "work_centre": row.work_centre.code,
            "setup_minutes": f"{row.setup_minutes}", "run_minutes": f"{row.run_minutes}",
        }
        for row in rows
    ]  # fmt: skip


def now(number: int) -> Operation:
    return Operation.objects.select_related("work_centre").get(work_order__number=ORDER, number=number)


def test_what_erp_lists_as_it_is_here_changes_nothing(kolbe_mini: KolbeMini) -> None:
    read(*listed())
    again = read(*listed())
    assert (again.unchanged, again.changed, again.rows) == (1, 0, [])
    assert {row.version for row in Operation.objects.all()} == {0}


def test_what_nobody_has_begun_follows_erp_and_what_runs_or_is_done_does_not(kolbe_mini: KolbeMini) -> None:
    read(*listed())
    done, running, waiting = listed()
    assert now(40).work_unit is not None
    assert now(40).alternates.exists()
    for row in (done, running, waiting):
        row |= {"name": "Outside", "work_centre": "PRESS", "setup_minutes": "5", "run_minutes": "2.5"}

    result = read(done, running, waiting)

    assert [(row.change, row.fields) for row in result.rows] == [
        (
            "updated",
            {
                "operation 40 name": ("Grind bores", "Outside"),
                "operation 40 work_centre": ("GRIND", "PRESS"),
                "operation 40 setup_minutes": ("15", "5"),
                "operation 40 run_minutes": ("3", "2.5"),
            },
        )
    ]
    after = now(40)
    assert (after.name, after.work_centre.code, after.setup_minutes, after.run_minutes) == (
        "Outside", "PRESS", Decimal(5), Decimal("2.5"),
    )  # fmt: skip
    assert (after.work_unit, after.alternates.count(), after.version) == (None, 0, 1)
    assert [(row.name, row.work_centre.code, row.version) for row in (now(10), now(30))] == [
        ("Rough mill", "MILL5", 0), ("Finish mill", "MILL5", 0),
    ]  # fmt: skip
    assert read(done, running, waiting).unchanged == 1


def test_what_a_row_leaves_out_of_an_operation_stays(kolbe_mini: KolbeMini) -> None:
    read(*listed())
    told = [{"number": row["number"], "work_centre": ""} for row in listed()]
    assert read(*told).unchanged == 1
    assert (now(40).name, now(40).run_minutes) == ("Grind bores", Decimal(3))


def test_a_new_operation_is_made_and_one_that_is_gone_is_cancelled_unless_it_is_begun(
    kolbe_mini: KolbeMini,
) -> None:
    _done, running, waiting = listed()
    inspected = {"number": 50, "work_centre": "GRIND", "name": "Inspect"}

    result = read(running, inspected)

    assert result.rows[0].fields == result.rows[0].fields | {
        "operation 50": ("", "Inspect, GRIND"), "operation 40 status": ("waiting", "cancelled"),
    }  # fmt: skip
    order = WorkOrder.objects.get(number=ORDER)
    assert [(row.number, row.status) for row in order.operations.order_by("number")] == [
        (10, "finished"), (30, "running"), (40, "cancelled"), (50, "waiting"),
    ]  # fmt: skip
    made = now(50)
    assert (made.planned_end, made.run_minutes) == (order.planned_end, 0)
    # one that ended here is not begun again
    assert read(running, waiting, inspected).unchanged == 1
    assert now(40).status == "cancelled"


@pytest.mark.parametrize("status", ["finished", "cancelled"])
def test_erp_listing_none_says_nothing_and_an_order_that_has_ended_is_left_alone(
    kolbe_mini: KolbeMini, status: str
) -> None:
    read(*listed())
    assert read().unchanged == 1
    WorkOrder.objects.filter(number=ORDER).update(status=status)
    assert read({"number": 99, "work_centre": "GRIND"}).unchanged == 1
    assert [row.number for row in Operation.objects.filter(work_order__number=ORDER)] == [10, 30, 40]
    assert now(40).status == "waiting"


@pytest.mark.parametrize(
    ("more", "field", "said"),
    [
        ({"number": 50, "work_centre": "NOWHERE"}, "operations.work_centre", "no work centre 'NOWHERE'"),
        ({"number": "0040", "work_centre": "GRIND"}, "operations.number", "operation 40 is listed twice"),
        (
            {"number": 50, "work_centre": "GRIND", "run_minutes": "long"},
            "operations.run_minutes",
            "no number",
        ),
    ],
)
def test_an_operation_that_does_not_fit_is_a_gap_and_nothing_of_the_order_is_half_written(
    kolbe_mini: KolbeMini, more: dict[str, Any], field: str, said: str
) -> None:
    rows = listed()
    rows[2] = rows[2] | {"name": "Other"}
    result = read(*rows, more)
    ((gap),) = result.gaps
    assert (gap.record, gap.field) == (ORDER, field)
    assert said in gap.said
    assert (result.changed, now(40).name) == (0, "Grind bores")


def test_a_dry_run_shows_it_and_changes_nothing(kolbe_mini: KolbeMini) -> None:
    read(*listed())
    rows = listed()[:2]
    shown = services.rehearse_pull(
        entity="work_orders", records=[Pulled(ORDER, {"operations": rows})], lent={}
    )
    assert shown.rows[0].fields == {"operation 40 status": ("waiting", "cancelled")}
    assert now(40).status == "waiting"


@pytest.mark.django_db(transaction=True)
def test_an_operation_the_floor_has_in_hand_is_not_waited_for(kolbe_mini: KolbeMini) -> None:
    read(*listed())
    rows = listed()
    rows[2] = rows[2] | {"name": "Other"}
    floor = connection.copy()
    try:
        floor.set_autocommit(False)
        with floor.cursor() as cursor:
            cursor.execute("SELECT 1 FROM plant_app_operation WHERE id = %s FOR NO KEY UPDATE", [now(40).pk])
            assert read(*rows).unchanged == 1
        floor.rollback()
    finally:
        floor.close()
    assert now(40).name == "Grind bores"
    assert read(*rows).updated == 1


def test_the_last_operation_left_confirms_the_order_finally(kolbe_mini: KolbeMini) -> None:
    read(*listed()[:2])  # ERP has dropped the grinding
    running = now(30)
    _report, posting = report_progress(operation_id=running.pk, kind="finish", good=Decimal(26))
    assert posting is not None
    assert (posting.payload["operation"], posting.payload["final"]) == ("30", True)
    assert WorkOrder.objects.get(number=ORDER).status == "finished"
