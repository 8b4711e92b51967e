"""The demo plant: whole, believable, the same for the same seed, and written once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from core import clock
from plant_app import models, selectors
from plant_app.demo.build import build_demo
from plant_app.selectors.floor import ON_UNIT
from tests import groundwork

HALF_HOUR = timedelta(minutes=30)
MOMENT = datetime(2026, 11, 17, 9, 42, tzinfo=UTC)


@groundwork.builds("demo", at=MOMENT)
def write_demo() -> datetime:
    assert build_demo()
    return MOMENT


@pytest.fixture
def demo(db: None, request: pytest.FixtureRequest) -> datetime:
    return groundwork.give(request, "demo")


def test_demo_has_the_promised_size(demo: datetime) -> None:
    assert models.Site.objects.count() == 2
    assert models.WorkCentre.objects.count() == 20
    assert models.WorkUnit.objects.count() == 60
    assert 140 <= models.Item.objects.count() <= 170
    assert 95 <= models.WorkOrder.objects.count() <= 115
    assert models.ExceptionType.objects.count() == 10
    assert models.WorkUnitState.objects.filter(until=None).count() == 60


def test_demo_runs_the_work_the_texts_speak_of(demo: datetime) -> None:
    unit = models.WorkUnit.objects.get(code="CNC-04")
    operation = selectors.running_operation(unit)
    assert operation is not None
    assert (str(operation), operation.good, operation.status) == ("WO-118204 op 30", Decimal(22), "running")
    assert [line.order.number for line in selectors.downstream_sales_lines(operation.work_order)] == [
        "40017733"
    ]
    assert set(operation.alternates.values_list("work_unit__code", flat=True)) == {"CNC-05", "CNC-06"}
    assert selectors.queue_of(unit)[0].operation.work_order.number == "WO-118226"
    assert "press 4" in models.WorkUnit.objects.get(code="PRS-04").aliases


def test_demo_plan_is_mostly_in_time_and_never_double_books(demo: datetime) -> None:
    orders = list(models.WorkOrder.objects.all())
    late = [order for order in orders if order.planned_end > order.need_by]
    assert len(late) <= len(orders) * 0.12
    plans = models.PlannedOperation.objects.order_by("work_unit", "position").select_related("operation")
    last: dict[int, datetime] = {}
    for row in plans:
        assert row.start >= last.get(row.work_unit_id, row.start)
        assert row.end > row.start
        last[row.work_unit_id] = row.end
    running = models.Operation.objects.filter(status__in=ON_UNIT)
    assert running.count() == running.values("actual_unit").distinct().count() >= 45


def test_somebody_of_every_function_is_there_at_any_hour(demo: datetime) -> None:
    rhf = models.Site.objects.get(code="RHF")
    first_line = (
        "technician", "inspector", "material_handler", "buyer", "planner", "csr", "engineer", "safety_duty",
        "shift_supervisor", "operator", "line_lead",
    )  # fmt: skip
    machining = models.Area.objects.get(code="MACH")
    for hours in range(0, 168, 5):
        at = demo + timedelta(hours=hours)
        for duty in first_line:
            assert selectors.duty_holders(site=rhf, duty=duty, at=at, area=machining), (duty, at)


def test_second_run_changes_nothing(demo: datetime) -> None:
    before = {
        model: model.objects.count()
        for model in (models.User, models.WorkOrder, models.StockRow, models.Item)
    }
    with clock.travel(demo + timedelta(hours=3)):
        assert not build_demo()
    assert before == {model: model.objects.count() for model in before}


def _rehearse(seed: int) -> tuple[list[tuple], set[str]]:
    """Build, look, and undo."""
    with transaction.atomic():
        with clock.travel(MOMENT):
            assert build_demo(seed=seed)
        plan = list(
            models.Operation.objects.order_by("work_order__number", "number").values_list(
                "work_order__number", "number", "work_unit__code", "planned_start", "good"
            )
        )
        people = set(models.User.objects.values_list("username", flat=True))
        transaction.set_rollback(True)
    return plan, people


def test_same_seed_same_plant(db: None) -> None:
    first = _rehearse(1)
    assert _rehearse(1) == first
    assert _rehearse(2) != first
    assert len(first[0]) > 300
    assert len(first[1]) > 80


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 10, 24, 23, 30, tzinfo=UTC),  # the night the clocks go back
        datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC),  # just before they go forward
        datetime(2026, 12, 31, 22, 59, tzinfo=UTC),
        datetime(2026, 11, 22, 3, tzinfo=UTC),  # Sunday night
    ],
)
def test_demo_can_begin_at_any_moment(db: None, moment: datetime) -> None:
    with clock.travel(moment):
        assert build_demo()
        operation = selectors.running_operation(models.WorkUnit.objects.get(code="CNC-04"))
    assert operation is not None
    assert operation.work_order.number == "WO-118204"
    open_states = models.WorkUnitState.objects.filter(until=None)
    assert open_states.count() == 60
    assert not open_states.filter(since__gt=moment).exists()
    assert not models.PlannedOperation.objects.filter(
        operation__status="ready", start__lt=moment - HALF_HOUR
    ).exists()


def test_a_site_outside_its_shifts_stands_still(demo: datetime) -> None:
    # 04:42 in Greenville
    states = models.WorkUnitState.objects.filter(until=None, work_unit__work_centre__area__site__code="GVL")
    assert set(states.values_list("state", flat=True)) <= {"planned_stop", "free"}
