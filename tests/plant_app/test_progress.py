"""Reports from the floor: statuses, units, stale saves, what is left to confirm."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core import clock
from core.errors import DomainError, InvalidInput, StaleVersion, TransitionRefused
from plant_app import models, selectors, services
from plant_app.models import UnitState
from tests.plant_fixtures import KolbeMini


def report(plant: KolbeMini, key: str, kind: str, **kwargs: object) -> models.ProgressReport:
    return services.report_progress(operation_id=plant.operations[key].pk, kind=kind, **kwargs)  # type: ignore[arg-type]


def fresh(plant: KolbeMini, key: str) -> models.Operation:
    return models.Operation.objects.get(pk=plant.operations[key].pk)


def unit_state(plant: KolbeMini, code: str) -> str:
    return models.WorkUnitState.objects.get(work_unit=plant.units[code], until=None).state


def test_count_adds_up_and_moves_nothing_else(kolbe_mini: KolbeMini) -> None:
    written = report(
        kolbe_mini,
        "WO-118204/30",
        "count",
        good=Decimal(3),
        person=kolbe_mini.people["piotr.nowak"],
        version=0,
    )
    operation = fresh(kolbe_mini, "WO-118204/30")
    assert (operation.good, operation.scrap, operation.status, operation.version) == (25, 0, "running", 1)
    assert written.work_unit == kolbe_mini.units["CNC-04"]
    assert unit_state(kolbe_mini, "CNC-04") == "running"
    assert not models.ResequenceRequest.objects.exists()


def test_finish_frees_the_unit_and_readies_the_next_step(kolbe_mini: KolbeMini) -> None:
    report(kolbe_mini, "WO-118204/30", "finish", good=Decimal(25), scrap=Decimal(1))
    assert fresh(kolbe_mini, "WO-118204/30").status == "finished"
    assert fresh(kolbe_mini, "WO-118204/40").status == "ready"
    assert unit_state(kolbe_mini, "CNC-04") == UnitState.FREE
    assert models.WorkOrder.objects.get(number="WO-118204").status == "running"
    assert models.ResequenceRequest.objects.get(site=kolbe_mini.rhf).cause == "finish WO-118204 op 30"


def test_last_step_finishes_the_order(kolbe_mini: KolbeMini) -> None:
    report(kolbe_mini, "WO-118219/30", "finish", good=Decimal(2))
    assert models.WorkOrder.objects.get(number="WO-118219").status == "finished"


def test_setup_then_start_on_a_free_unit(kolbe_mini: KolbeMini) -> None:
    report(kolbe_mini, "WO-118219/30", "finish", good=Decimal(2))
    report(kolbe_mini, "WO-118231/20", "setup")
    assert (fresh(kolbe_mini, "WO-118231/20").status, unit_state(kolbe_mini, "CNC-06")) == ("setup", "setup")
    report(kolbe_mini, "WO-118231/20", "start")
    operation = fresh(kolbe_mini, "WO-118231/20")
    assert (operation.status, unit_state(kolbe_mini, "CNC-06")) == ("running", "running")
    assert models.WorkOrder.objects.get(number="WO-118231").status == "running"
    assert selectors.running_operation(kolbe_mini.units["CNC-06"]) == operation


def test_the_actual_unit_may_be_another(kolbe_mini: KolbeMini) -> None:
    report(kolbe_mini, "WO-118219/30", "finish", good=Decimal(2))
    report(kolbe_mini, "WO-118204/30", "stop")
    report(kolbe_mini, "WO-118204/30", "start", work_unit=kolbe_mini.units["CNC-06"])
    assert fresh(kolbe_mini, "WO-118204/30").actual_unit == kolbe_mini.units["CNC-06"]


def test_a_stop_leaves_what_is_known_to_be_wrong(kolbe_mini: KolbeMini) -> None:
    services.set_unit_state(work_unit=kolbe_mini.units["CNC-04"], state=UnitState.DOWN, note="spindle")
    stopped = services.stop_operation(operation_id=kolbe_mini.operations["WO-118204/30"].pk, at=clock.now())
    assert stopped.status == "stopped"
    assert unit_state(kolbe_mini, "CNC-04") == UnitState.DOWN
    again = services.stop_operation(operation_id=stopped.pk)
    assert again.version == stopped.version


REFUSED = (
    ("WO-118226/30", "start", {}, TransitionRefused, "operation.unit_busy"),
    ("WO-118226/30", "count", {"good": Decimal(1)}, TransitionRefused, "operation.transition_refused"),
    ("WO-118204/10", "start", {}, TransitionRefused, "operation.transition_refused"),
    ("WO-118204/30", "count", {"good": Decimal(-1)}, InvalidInput, "operation.negative_quantity"),
    ("WO-118204/30", "count", {"good": Decimal(31)}, InvalidInput, "operation.over_quantity"),
    ("WO-118204/30", "dance", {}, InvalidInput, "operation.unknown_report"),
)


@pytest.mark.parametrize(("key", "kind", "values", "error", "code"), REFUSED)
def test_refused_reports_change_nothing(
    kolbe_mini: KolbeMini, key: str, kind: str, values: dict, error: type[DomainError], code: str
) -> None:
    before = models.Operation.objects.filter(pk=kolbe_mini.operations[key].pk).values().get()
    with pytest.raises(error) as refusal:
        report(kolbe_mini, key, kind, **values)
    assert refusal.value.code == code
    assert models.Operation.objects.filter(pk=kolbe_mini.operations[key].pk).values().get() == before
    assert not models.ProgressReport.objects.exists()
    assert not models.ResequenceRequest.objects.exists()


def test_future_reports_are_refused(kolbe_mini: KolbeMini) -> None:
    with pytest.raises(InvalidInput) as refusal:
        report(kolbe_mini, "WO-118204/30", "count", good=Decimal(1), at=clock.now() + timedelta(minutes=6))
    assert refusal.value.code == "operation.in_the_future"


@pytest.mark.parametrize(
    ("kind", "objects", "code"),
    [("place_locked", {"area": "MACH"}, "operation.place_locked"), ("hold", {}, "operation.on_hold")],
)
def test_locked_places_and_held_operations_do_not_start(
    kolbe_mini: KolbeMini, kind: str, objects: dict, code: str
) -> None:
    report(kolbe_mini, "WO-118204/30", "stop")
    what = (
        {"area": kolbe_mini.areas["MACH"]}
        if objects
        else {"operation": kolbe_mini.operations["WO-118204/30"]}
    )
    services.impose_constraint(kind=kind, site=kolbe_mini.rhf, origin_ref="x:1", **what)
    with pytest.raises(TransitionRefused) as refusal:
        report(kolbe_mini, "WO-118204/30", "start")
    assert refusal.value.code == code
    services.lift_constraints(origin_ref="x:1")
    report(kolbe_mini, "WO-118204/30", "start")
    assert fresh(kolbe_mini, "WO-118204/30").status == "running"


def test_stale_save_is_refused_and_says_who(kolbe_mini: KolbeMini) -> None:
    seen = kolbe_mini.operations["WO-118204/30"].version
    report(
        kolbe_mini,
        "WO-118204/30",
        "count",
        good=Decimal(2),
        person=kolbe_mini.people["piotr.nowak"],
        version=seen,
    )
    with pytest.raises(StaleVersion) as refusal:
        report(kolbe_mini, "WO-118204/30", "count", good=Decimal(2), version=seen)
    assert refusal.value.code == "operation.stale_version"
    assert refusal.value.extra["changed_by"] == "Piotr Nowak"
    assert refusal.value.extra["version"] == seen + 1
    assert fresh(kolbe_mini, "WO-118204/30").good == 24


def test_confirmation_due_counts_pieces_and_time_worked(kolbe_mini: KolbeMini) -> None:
    operation, now = kolbe_mini.operations["WO-118204/30"], kolbe_mini.now
    start = operation.started_at
    assert start is not None
    services.set_unit_state(
        work_unit=kolbe_mini.units["CNC-04"], state=UnitState.DOWN, at=now - timedelta(minutes=30)
    )
    due = selectors.confirmation_due(operation, now)
    assert (due.good, due.scrap, due.setup_minutes, due.machine_minutes) == (22, 0, 0, Decimal("120.0"))
    assert (due.start, due.end) == (start, now - timedelta(minutes=30))

    services.note_confirmed(operation_id=operation.pk, good=Decimal(22), scrap=Decimal(0), until=now)
    assert selectors.confirmation_due(fresh(kolbe_mini, "WO-118204/30"), now).empty


def test_setup_and_run_times_come_from_the_reports(kolbe_mini: KolbeMini) -> None:
    now = kolbe_mini.now
    report(kolbe_mini, "WO-118219/30", "finish", good=Decimal(2), at=now - timedelta(minutes=100))
    report(kolbe_mini, "WO-118231/20", "setup", at=now - timedelta(minutes=90))
    report(kolbe_mini, "WO-118231/20", "start", at=now - timedelta(minutes=50))
    report(kolbe_mini, "WO-118231/20", "count", good=Decimal(2), at=now - timedelta(minutes=30))
    report(
        kolbe_mini, "WO-118231/20", "stop", good=Decimal(1), scrap=Decimal(1), at=now - timedelta(minutes=20)
    )
    due = selectors.confirmation_due(fresh(kolbe_mini, "WO-118231/20"), now)
    assert (due.good, due.scrap) == (3, 1)
    assert (due.setup_minutes, due.machine_minutes) == (Decimal("40.0"), Decimal("30.0"))
    assert due.work_unit == kolbe_mini.units["CNC-06"]


def test_no_more_can_be_confirmed_than_was_made(kolbe_mini: KolbeMini) -> None:
    operation = kolbe_mini.operations["WO-118204/30"]
    with pytest.raises(InvalidInput) as refusal:
        services.note_confirmed(
            operation_id=operation.pk, good=Decimal(23), scrap=Decimal(0), until=kolbe_mini.now
        )
    assert refusal.value.code == "operation.confirms_more_than_made"
    assert fresh(kolbe_mini, "WO-118204/30").confirmed_good == 0


def test_queue_and_downstream(kolbe_mini: KolbeMini) -> None:
    numbers = [row.operation.work_order.number for row in selectors.queue_of(kolbe_mini.units["CNC-06"])]
    assert numbers == ["WO-118231"]
    centre = [row.operation.work_order.number for row in selectors.queue_of(kolbe_mini.centres["MILL5"])]
    assert centre == ["WO-118226", "WO-118231"]
    child = models.WorkOrder.objects.get(number="WO-118190")
    child.parent = kolbe_mini.orders["WO-118226"]
    child.save(update_fields=["parent"])
    assert selectors.downstream_sales_lines(child) == [kolbe_mini.sales_lines["40017791"]]
    both = selectors.downstream_sales_lines(child, kolbe_mini.orders["WO-118204"])
    assert [line.order.number for line in both] == ["40017733", "40017791"]


def test_publishing_a_plan_replaces_the_site_s_and_no_other(kolbe_mini: KolbeMini) -> None:
    moved = kolbe_mini.operations["WO-118204/30"]
    start = kolbe_mini.now + timedelta(minutes=43)
    rows = [
        services.PlanRow(
            moved.pk, kolbe_mini.units["CNC-06"].pk, 0, start, start + timedelta(hours=3), pinned=True
        )
    ]
    services.publish_plan(site=kolbe_mini.rhf, rows=rows, origin_ref="sequence:1")
    plan = models.PlannedOperation.objects.get(operation__work_order__site=kolbe_mini.rhf)
    assert (plan.operation, plan.work_unit.code, plan.pinned, plan.origin) == (
        moved,
        "CNC-06",
        True,
        "sequence",
    )
    assert models.PlannedOperation.objects.filter(operation__work_order__site=kolbe_mini.gvl).count() == 1
    assert services.publish_plan(site=kolbe_mini.rhf, rows=rows, origin_ref="sequence:1") == 0
    with pytest.raises(InvalidInput) as refusal:
        services.publish_plan(site=kolbe_mini.gvl, rows=rows)
    assert refusal.value.code == "plan.other_site"
    with pytest.raises(InvalidInput):
        services.publish_plan(site=kolbe_mini.rhf, rows=[*rows, *rows])
