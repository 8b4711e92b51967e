"""The lighter packs: tools, suppliers, safety, complaints, engineering changes; each contained, decided and ended."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.errors import NotAllowed, TransitionRefused
from decisions_app import services as decisions
from decisions_app.models import Decision
from exceptions_app.models import ExceptionRecord
from exceptions_app.services.records.opening import clear_by_signal
from plant_app.models import Constraint, DutyAssignment, WorkUnitState
from plant_app.selectors.effective import effective_promise, effective_stock
from tests.decisions_app.conftest import Report, acknowledge_all, do, drain, kinds, posted, postings, standing
from tests.erp_sync.scripted import Books
from tests.plant_fixtures import KolbeMini

HURT = {"type": "safety_stop", "work_unit": "CNC-05", "area": "MACH", "injured": "no"}


def decide(plant: KolbeMini, exception: ExceptionRecord, option: str, who: str, **inputs: Any) -> Decision:
    return decisions.decide(
        exception_id=exception.pk,
        option_code=option,
        inputs=inputs,
        actor=plant.people[who],
        reason="as found",
    )


def limits(kind: str) -> Any:
    return Constraint.objects.filter(kind=kind, lifted_at=None)


def in_hours(hours: float) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


def test_a_broken_tool_is_out_until_it_is_mended(plant: KolbeMini, erp: Books, report: Report) -> None:
    exception = report(type="tooling", tool="FX-77", work_unit="CNC-04", reason="BRK")
    assert (limits("tool_down").get().tool, limits("unit_down").get().work_unit.code) == ("FX-77", "CNC-04")
    assert kinds(exception) == []
    acknowledge_all(exception)
    back = clock.now() + timedelta(hours=2)
    decide(plant, exception, "repair_tool", "bernd.hauser", expected_up_at=back.isoformat(), cost="400")
    assert limits("unit_down").get().ends_at == back
    assert posted(exception, "maintenance_notification").payload["action"] == "open"
    do(exception, "repair")
    assert not limits("tool_down").exists()
    assert [p.payload["action"] for p in postings(exception) if p.kind == "maintenance_notification"] == [
        "open", "complete",
    ]  # fmt: skip
    assert standing(exception) == "decided"
    do(exception, "first_piece")
    drain()
    assert standing(exception) == "closed"


def test_a_supplier_who_is_late_moves_only_what_is_still_to_come(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    line, new = plant.purchase_lines["4500232"], clock.now() + timedelta(days=6)
    exception = report(
        type="supplier_delay", po_line="4500232/10", new_date=new.isoformat(), reason="SUP-LATE"
    )
    assert kinds(exception) == []
    assert effective_promise(line) == line.promised_at
    acknowledge_all(exception)
    decide(plant, exception, "accept_date", "lena.fischer", arrival=new.isoformat())
    assert abs(effective_promise(line) - new) < timedelta(seconds=1)
    assert posted(exception, "change.date").payload["which"] == "promised"
    drain()
    line.refresh_from_db()
    assert abs(line.promised_at - new) < timedelta(seconds=1)
    do(exception, "confirm")
    assert standing(exception) == "closed"


@pytest.fixture
def locked(plant: KolbeMini, report: Report) -> ExceptionRecord:
    exception = report(**HURT)
    acknowledge_all(exception)
    exception.refresh_from_db()
    return exception


def test_a_safety_stop_locks_the_place_without_an_end(plant: KolbeMini, locked: ExceptionRecord) -> None:
    limit = limits("place_locked").get()
    assert (limit.work_unit, limit.ends_at) == (plant.units["CNC-05"], None)
    assert WorkUnitState.objects.get(work_unit=plant.units["CNC-05"], until=None).state == "safety"
    assert kinds(locked) == []


def test_nobody_ends_a_safety_stop_by_saying_so(plant: KolbeMini, locked: ExceptionRecord) -> None:
    for who in ("ingrid.vogel", "henrik.larsen", "piotr.nowak"):
        with pytest.raises(TransitionRefused) as refused:
            decisions.clear(exception_id=locked.pk, actor=plant.people[who])
        assert refused.value.code == "decisions.release_only"
    with pytest.raises(TransitionRefused):
        decisions.resolve(
            exception_id=locked.pk, actor=plant.people["ingrid.vogel"], reason="production waits"
        )
    assert standing(locked) == "acknowledged"
    assert limits("place_locked").count() == 1


def test_an_all_clear_from_the_floor_leaves_a_safety_stop_locked(
    plant: KolbeMini, locked: ExceptionRecord
) -> None:
    opened = locked.readings.get(opened=True).signal
    clear_by_signal(locked.pk, signal=opened, actor=opened.reporter, at=clock.now(), text="runs again")
    locked.refresh_from_db()
    assert locked.cleared_at is not None
    decisions.contain_due()
    locked.refresh_from_db()
    assert locked.cleared_at is None
    assert limits("place_locked").count() == 1
    assert WorkUnitState.objects.get(work_unit=plant.units["CNC-05"], until=None).state == "safety"


def test_safety_and_the_supervisor_release_together(plant: KolbeMini, locked: ExceptionRecord) -> None:
    decide(plant, locked, "release_after_check", "henrik.larsen", finding="guard refitted")
    safety, floor = locked.tasks.get(code="release_safety"), locked.tasks.get(code="release_production")
    # a planner may finish anybody's task, but signs no release
    for task, who in ((safety, "ingrid.vogel"), (floor, "piotr.nowak"), (floor, "henrik.larsen")):
        with pytest.raises(NotAllowed) as refused:
            decisions.complete_task(task_id=task.pk, actor=plant.people[who])
        assert refused.value.code == "tasks.release_duty"
    decisions.complete_task(task_id=safety.pk, actor=plant.people["henrik.larsen"])
    assert limits("place_locked").count() == 1
    assert standing(locked) == "decided"
    # one person who holds both duties still signs once only
    DutyAssignment.objects.create(
        person=plant.people["henrik.larsen"], duty="shift_supervisor", site=plant.rhf,
        function=plant.functions["production"],
    )  # fmt: skip
    with pytest.raises(NotAllowed) as twice:
        decisions.complete_task(task_id=floor.pk, actor=plant.people["henrik.larsen"])
    assert twice.value.code == "tasks.release_second_person"
    decisions.complete_task(task_id=floor.pk, actor=plant.people["katrin.weber"])
    assert not limits("place_locked").exists()
    assert WorkUnitState.objects.get(work_unit=plant.units["CNC-05"], until=None).state == "free"
    # released, and it closes once somebody has said why it happened
    assert standing(locked) == "resolved"
    decisions.state_cause(
        exception_id=locked.pk, category="guard_or_interlock", text="", actor=plant.people["henrik.larsen"]
    )
    assert standing(locked) == "closed"


def test_a_stop_for_another_reason_never_shows_over_a_locked_place(
    plant: KolbeMini, locked: ExceptionRecord, report: Report
) -> None:
    report(type="machine_downtime", work_unit="CNC-05", state="stopped", reason="MEC-BRK")
    assert limits("unit_down").filter(work_unit=plant.units["CNC-05"]).exists()
    assert WorkUnitState.objects.get(work_unit=plant.units["CNC-05"], until=None).state == "safety"


def test_a_complaint_blocks_what_is_left_of_the_lot(plant: KolbeMini, erp: Books, report: Report) -> None:
    exception = report(
        type="customer_complaint", customer="ALS", lot="L26-4301", reason="FUN-LEAK", customer_stopped="false",
        qty_complained="4",
    )  # fmt: skip
    # four were complained of; all twenty in stock are suspect
    assert posted(exception, "movement.block").payload["quantity"] == "20"
    assert effective_stock(plant.items["VB-220"], site=plant.rhf).blocked == 20
    assert limits("hold").get().lot == plant.lots["L26-4301"]
    acknowledge_all(exception)
    with pytest.raises(NotAllowed):
        decide(plant, exception, "replace", "stefan.roth", quantity="4")
    decide(plant, exception, "contain_and_sort", "stefan.roth", cost="800")
    assert limits("hold").exists()
    do(exception, "answer")
    assert posted(exception, "customer_answer").payload["lines"][0]["status"] == "contained"
    do(exception, "sort")
    assert not limits("hold").exists()
    assert posted(exception, "movement.unblock").payload["quantity"] == "20"
    drain()
    # the customer is answered and ERP has it all; without its root cause a complaint is not closed
    assert standing(exception) == "resolved"
    decisions.state_cause(
        exception_id=exception.pk, category="process_drifted", text="", actor=plant.people["stefan.roth"]
    )
    assert standing(exception) == "closed"
    assert effective_stock(plant.items["VB-220"], site=plant.rhf).free == 20


def test_an_engineering_change_holds_only_what_changes_at_once(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    later = report(type="engineering_change", change_no="ECN-7", item="SB-12", effectivity="date")
    assert not limits("hold").exists()
    acknowledge_all(later)
    decide(plant, later, "use_up", "mateusz.zielinski", until=in_hours(100))
    do(later, "mark")
    drain()
    assert (standing(later), kinds(later)) == ("closed", [])

    now = report(type="engineering_change", change_no="ECN-8", item="CAST-310", effectivity="immediate")
    assert limits("hold").get().item == plant.items["CAST-310"]
    acknowledge_all(now)
    decide(plant, now, "scrap", "robert.kolbe", quantity="60")
    do(now, "dispose")
    scrap = posted(now, "movement.scrap")
    # never blocked, so it leaves free stock
    assert (scrap.payload["from_location"], scrap.payload["from_status"]) == ("RHF-STO", "free")
    assert effective_stock(plant.items["CAST-310"], site=plant.rhf).total == 0
    drain()
    assert (standing(now), limits("hold").exists()) == ("closed", False)
