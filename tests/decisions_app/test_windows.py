"""When each option lapses, by type, over a plan one can reckon by hand; the window, and urgency that rises with time.

The small plant as of Wednesday 25 November 2026, 08:00 UTC (09:00 at the plant, early shift until 13:00 UTC):
CNC-04 runs WO-118204 op 30 (26 of 48 left at 6 min = 2 h 36), then WO-118226 from 11:00; op 40 of WO-118204 (2 h 39 in
all) is planned on GRD-02 at 12:00, promised for the next day 09:00; CNC-06 goes on with WO-118231 at 09:00.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from boards_app.selectors.record.head import urgency_reason, weighed
from core import clock
from decisions_app import services as decisions
from decisions_app.lapses import lapse_of, outlook_of
from decisions_app.models import Option, WindowRequest
from exceptions_app import services as exceptions
from exceptions_app.models import EventKind, ExceptionRecord
from exceptions_app.services.records.around import look_around
from notify_app import services as notices
from plant_app.models import (
    DeliveryLine,
    Item,
    OperationAlternate,
    PlannedOperation,
    SalesOrderLine,
    WorkCentre,
)
from plant_app.services import PlanRow, publish_plan
from sequence_app import services as sequence
from tests.plant_fixtures import KolbeMini

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
pytestmark = pytest.mark.built_at(NOW)


def at(hour: int, minute: int = 0, day: int = 25) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def plant(plant_at_work: KolbeMini) -> Iterator[KolbeMini]:
    """The small plant, built at the moment the clock stands still at."""
    with clock.travel(NOW):
        OperationAlternate.objects.update(setup_minutes=20)
        WorkCentre.objects.filter(code="MILL5").update(cost_per_hour=Decimal(96))
        yield plant_at_work


def report(plant: KolbeMini, **fields: Any) -> ExceptionRecord:
    """A structured report of the station, read and contained."""
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf),
        external_id=f"window-{ExceptionRecord.objects.count()}", text="", fields=fields,
        reporter=plant.people["piotr.nowak"], site=plant.rhf,
    )  # fmt: skip
    reading = exceptions.read_signal(signal_id=received.signal.pk)
    assert reading.exception is not None
    decisions.contain_due()
    notices.send_due()
    return ExceptionRecord.objects.get(pk=reading.exception.pk)


def lapses(exception: ExceptionRecord) -> dict[str, datetime | None]:
    outlook = outlook_of(exception, clock.now())
    options = Option.objects.filter(playbook__type=exception.type, active=True)
    return {option.code: lapse_of(option, outlook).until for option in options}


def why(exception: ExceptionRecord, code: str) -> str:
    option = Option.objects.get(playbook__type=exception.type, code=code)
    return lapse_of(option, outlook_of(exception, clock.now())).why


def test_a_stopped_machine_lapses_with_its_queue_its_next_step_and_its_alternate(plant: KolbeMini) -> None:
    stop = report(plant, type="machine_downtime", work_unit="CNC-04", state="stopped")
    assert stop.operation == plant.operations["WO-118204/30"]
    assert lapses(stop) == {
        # op 40 at 12:00 less the 2 h 36 left; the queue would have waited until 11:00
        "repair_and_resume": at(9, 24),
        # CNC-06 goes on at 09:00, less 20 min of set-up
        "run_on_alternate": at(8, 40),
        # the promise at 09:00 less 2 h 36 and op 40's 2 h 39
        "defer": at(3, 45, day=26),
    }
    assert why(stop, "repair_and_resume") == "after that WO-118204 op 40 starts late"
    assert why(stop, "run_on_alternate") == "then CNC-06 is set up for WO-118231"
    # deferring gives the plan up and does not widen the window
    assert (stop.window_until, stop.window_reason) == (
        at(9, 24),
        "Repair and resume: after that WO-118204 op 40 starts late",
    )
    # 96 an hour, and 48 x (640 - 184) over 48 x 6 minutes
    assert stop.delay_cost == Decimal("77.60")
    assert stop.delay_cost_source == "5-axis milling 96.00 per hour + margin of 40017733/10 over 288 min"


def test_an_alternate_that_is_down_or_not_approved_is_no_option(plant: KolbeMini) -> None:
    OperationAlternate.objects.filter(operation=plant.operations["WO-118204/30"]).update(approved=False)
    stop = report(plant, type="machine_downtime", work_unit="CNC-04", state="stopped")
    found = lapse_of(
        Option.objects.get(playbook__type=stop.type, code="run_on_alternate"), outlook_of(stop, NOW)
    )
    assert (found.until, found.why, found.possible) == (None, "no approved alternate runs", False)
    OperationAlternate.objects.update(approved=True)
    report(plant, type="machine_downtime", work_unit="CNC-06", state="stopped")
    assert lapses(stop)["run_on_alternate"] is None


def test_a_shortage_lapses_when_stock_at_the_point_of_use_is_used_up(plant: KolbeMini) -> None:
    # 12 kits lie at the point of use; WO-118219 still builds 2 in, WO-118226 takes 24 at 11:00
    short = report(plant, type="material_shortage", item="SK-118", kind="soon", work_order="WO-118226")
    assert lapses(short) == {
        "expedite": at(11, day=24),  # the only free stock is a day away, on the other site
        "substitute": at(10, 45),
        "split_quantity": at(11),
        # the promise two days on at 09:00 less 25 + 24 x 6 minutes
        "reschedule": at(6, 11, day=27),
    }
    assert (short.window_until, short.window_reason) == (
        at(11),
        "Split quantity: then WO-118226 needs it",
    )
    # somebody counted one casting: GRD-02's running order is first, 54 of 90 to go until its planned end at 11:15
    with_one = report(plant, type="material_shortage", item="CAST-220", kind="soon", qty_on_hand="1")
    assert lapses(with_one)["split_quantity"] == NOW + timedelta(minutes=195) / 54
    # and when it stands already, that moment counts
    stands = report(plant, type="material_shortage", item="SB-12", kind="stopped_now")
    assert lapses(stands)["split_quantity"] == stands.occurred_at


def test_a_late_supplier_counts_the_other_receipts_only(plant: KolbeMini) -> None:
    line = plant.purchase_lines["4500231"]
    line.promised_at = at(10)
    line.save()
    short = report(plant, type="material_shortage", item="SK-118", kind="soon", work_order="WO-118226")
    # the receipt at 10:00 covers 11:00: what somebody misses all the same lapses with its first use
    assert lapses(short)["split_quantity"] == at(11)
    late = report(
        plant, type="supplier_delay", po_line="4500231/10", new_date="2026-11-28", reason="SUP-LATE"
    )
    assert late.purchase_line == line
    assert lapses(late)["expedite_supplier"] == at(11, day=24)
    assert lapses(late)["accept_date"] == at(6, 11, day=27)


def test_a_suspect_lot_lapses_half_an_hour_before_it_is_used_or_leaves(plant: KolbeMini) -> None:
    held = report(plant, type="quality_hold", lot="L26-4388", reason="DIM-SIZE", qty_suspect="20")
    assert set(lapses(held).values()) == {at(10, 30)}
    assert held.window_until == at(10, 30)
    # a truck that leaves earlier with it
    DeliveryLine.objects.filter(delivery__number="80000102").update(lot=plant.lots["L26-4388"])
    plant.deliveries["80000102"].planned_at = at(9)
    plant.deliveries["80000102"].save()
    assert set(lapses(held).values()) == {at(8, 30)}
    assert why(held, "use_as_is") == "then delivery 80000102 leaves with it"
    # and one that has gone: nothing is left of the window
    gone = report(plant, type="quality_hold", lot="L26-4301", reason="DIM-SIZE", qty_suspect="4")
    assert set(lapses(gone).values()) == {at(12, day=24)}
    assert why(gone, "scrap") == "delivery 80000101 has left with it"


def test_a_changed_order_lapses_with_its_next_step_its_pick_and_its_answer(plant: KolbeMini) -> None:
    more = report(plant, type="order_change", so_line="40017733/10", kind="QTY-UP", new_value="60")
    assert lapses(more) == {"accept": at(12), "accept_with_change": at(12), "reject": None}
    assert more.window_until == at(12)
    sooner = report(
        plant, type="order_change", so_line="40017791/10", kind="DATE-EARLIER",
        new_value="2026-11-25T13:00:00+00:00", answer_by="2026-11-25T10:50:00+00:00",
    )  # fmt: skip
    # 2 h 49 of work are left of it: 13:00 is out of reach from 10:11; a counter-offer has until the answer is due
    assert lapses(sooner) == {"accept": at(10, 11), "accept_with_change": at(10, 50), "reject": at(10, 50)}
    assert why(sooner, "accept") == "then the asked date is out of reach"
    assert (sooner.window_until, sooner.window_reason) == (
        at(10, 50),
        "Accept with change: then the answer is due",
    )


def test_a_missing_crew_lapses_with_the_first_work_less_the_time_to_come(plant: KolbeMini) -> None:
    missing = report(plant, type="labour_shortage", work_centre="GRIND", missing="1", reason="ABS-LATE")
    assert lapses(missing) == {
        "reassign": at(11, 50),
        "overtime": at(12),
        "call_in": at(10, 30),
        "defer": at(6, 21, day=26),
    }
    # overtime and call-in buy time for money and do not widen the window
    assert (missing.window_until, missing.window_reason) == (
        at(11, 50),
        "Reassign: then WO-118204 needs the crew",
    )
    PlannedOperation.objects.filter(operation=plant.operations["WO-118204/40"]).update(start=at(15))
    assert lapses(missing)["overtime"] == at(13)
    assert why(missing, "overtime") == "then the shift goes home"


def test_the_lighter_types(plant: KolbeMini) -> None:
    tool = report(plant, type="tooling", work_unit="CNC-04", tool="T-9", fault="BRK")
    assert lapses(tool)["repair_tool"] == lapses(tool)["use_spare_tool"] == at(9, 24)
    change = report(
        plant, type="engineering_change", change_no="EC-1", item="VB-220", effectivity="immediate"
    )
    assert set(lapses(change).values()) == {at(11)}
    complaint = report(
        plant, type="customer_complaint", customer="NOR", lot="L26-4301", answer_by="2026-11-25T16:00:00+00:00",
        defect="DIM-SIZE", qty_complained="2",
    )  # fmt: skip
    assert set(lapses(complaint).values()) == {at(16)}
    safety = report(plant, type="safety_stop", work_unit="PRS-03", injured="no", kind="GUARD")
    assert set(lapses(safety).values()) == {None}
    assert safety.window_until is None


def test_publishing_a_plan_moves_the_windows_after_commit_and_not_before(plant: KolbeMini) -> None:
    missing = report(plant, type="labour_shortage", work_centre="GRIND", missing="1", reason="ABS-LATE")
    sequence.propose(site=plant.gvl)
    assert decisions.refresh_due() == 0  # another site's plan asks for its own windows only
    row = PlannedOperation.objects.get(operation=plant.operations["WO-118204/40"])
    rows = [
        PlanRow(one.operation_id, one.work_unit_id, one.position, one.start, one.end)
        for one in PlannedOperation.objects.filter(operation__work_order__site=plant.rhf).exclude(pk=row.pk)
    ]
    moved = PlanRow(row.operation_id, row.work_unit_id, row.position, at(14), at(17))
    publish_plan(site=plant.rhf, rows=[*rows, moved])
    decisions.ask_windows(site=plant.rhf)
    missing.refresh_from_db()
    assert missing.window_until == at(11, 50)
    version = missing.version
    assert decisions.refresh_due() == 1
    missing.refresh_from_db()
    assert missing.window_until == at(13, 50)
    assert not WindowRequest.objects.exists()
    event = missing.events.filter(kind=EventKind.WINDOW_CHANGED).latest("pk")
    assert event.data == {"from": at(11, 50).isoformat(), "to": at(13, 50).isoformat()}
    # a clock that moves is nothing a page could have overwritten
    assert missing.version == version
    assert decisions.refresh_due() == 0


def test_the_sequencer_asks_for_the_windows_of_what_it_publishes(plant: KolbeMini) -> None:
    report(plant, type="labour_shortage", work_centre="GRIND", missing="1", reason="ABS-LATE")
    sequence.propose(site=plant.rhf)
    assert [one.site for one in WindowRequest.objects.all()] == [plant.rhf]


def test_urgency_rises_as_the_window_nears_though_nothing_else_happens(plant: KolbeMini) -> None:
    missing = report(plant, type="labour_shortage", work_centre="MILL5", missing="1", reason="ABS-LATE")
    # WO-118231 begins at 09:00: 50 min are left; looked at again when 15 are
    assert (missing.window_until, missing.window_check_at) == (at(8, 50), at(8, 35))
    PlannedOperation.objects.filter(operation=plant.operations["WO-118231/20"]).update(start=at(23))
    PlannedOperation.objects.filter(operation=plant.operations["WO-118226/30"]).update(start=at(21))
    exceptions.ask_window(exception=missing)
    decisions.refresh_due()
    missing.refresh_from_db()
    assert (missing.window_until, missing.window_check_at) == (at(20, 50), at(9))
    for _ in range(3):  # down only by patience
        exceptions.ask_window(exception=missing)
        decisions.refresh_due()
    missing.refresh_from_db()
    calm, decide_by = missing.urgency, missing.decide_due_at
    score = missing.urgency_score
    with clock.travel(at(8, 59)):
        assert decisions.refresh_due() == 0
    with clock.travel(at(20, 40)):
        assert decisions.refresh_due() == 1
        assert decisions.refresh_due() == 0
    missing.refresh_from_db()
    ranks = ["low", "normal", "high", "critical"]
    assert ranks.index(missing.urgency) > ranks.index(calm)
    assert missing.urgency_score > score
    assert missing.events.filter(kind=EventKind.URGENCY_CHANGED).latest("pk").data["to"] == missing.urgency
    assert missing.decide_due_at <= decide_by
    assert missing.window_check_at == at(20, 50)


def test_the_page_says_why_it_is_urgent_with_the_window_as_it_is_now(plant: KolbeMini) -> None:
    stop = report(plant, type="machine_downtime", work_unit="CNC-04", state="stopped")
    assert stop.route is not None
    opened_with = {one["code"]: one["value"] for one in stop.route.outcome["urgency_inputs"]}["window"]
    exceptions.set_window(exception=exceptions.locked(stop.pk), until=at(15), reason="plan moved")
    stop = ExceptionRecord.objects.get(pk=stop.pk)

    floors, inputs = weighed(stop)
    window = next(one for one in inputs if one.code == "window")
    # seven hours are left: level 0.4 of 30, whatever it was at the opening
    assert opened_with != window.value
    assert (window.value, window.points, floors) == ("420 min", Decimal(12), [])
    assert "response window until 16:00" in urgency_reason(stop)
    with clock.travel(at(15, 30)):
        assert "response window 30 min over" in urgency_reason(stop)
        assert next(one for one in weighed(stop)[1] if one.code == "window").points == 30
    stop.status = "closed"  # what ended keeps what it was weighed with last
    assert next(one for one in weighed(stop)[1] if one.code == "window").value != "420 min"


def test_the_frozen_horizon_is_two_workdays_not_a_weekend(plant: KolbeMini) -> None:
    order = plant.orders["WO-118226"]
    order.planned_start = datetime(2026, 11, 30, 9, tzinfo=UTC)  # Monday
    order.save()
    friday = datetime(2026, 11, 27, 8, tzinfo=UTC)
    change = ExceptionRecord(
        site=plant.rhf, type=plant.types["order_change"], sales_line=plant.sales_lines["40017791"],
        details={"kind": "DATE-EARLIER"}, captured_at=friday, occurred_at=friday,
    )  # fmt: skip

    assert look_around(change, friday).seen["frozen_horizon"] is True
    assert look_around(change, friday - timedelta(days=2)).seen["frozen_horizon"] is False


def test_a_running_limit_is_never_lengthened_and_ended_records_are_left_alone(plant: KolbeMini) -> None:
    stop = report(plant, type="machine_downtime", work_unit="CNC-04", state="stopped")
    limits = (stop.acknowledge_due_at, stop.decide_due_at, stop.resolve_due_at)
    PlannedOperation.objects.filter(operation__work_order__site=plant.rhf).update(start=at(8, day=30))
    for _ in range(4):
        exceptions.ask_window(exception=stop)
        decisions.refresh_due()
    stop.refresh_from_db()
    assert (stop.acknowledge_due_at, stop.decide_due_at, stop.resolve_due_at) == limits
    ExceptionRecord.objects.filter(pk=stop.pk).update(status="cancelled", window_check_at=None)
    assert decisions.refresh_due() == 0


@pytest.mark.parametrize(
    ("blank", "source"),
    [
        ("price", "5-axis milling 96.00 per hour; no price for 40017733/10"),
        ("cost", "5-axis milling 96.00 per hour; no standard cost for VB-220"),
        ("all", "unknown: no machine rate for 5-axis milling, no price for 40017733/10"),
    ],
)
def test_what_erp_does_not_give_is_unknown_and_never_nothing(
    plant: KolbeMini, blank: str, source: str
) -> None:
    if blank in {"price", "all"}:
        SalesOrderLine.objects.update(unit_price=0)
    if blank == "cost":
        Item.objects.update(standard_cost=0)
    if blank == "all":
        WorkCentre.objects.update(cost_per_hour=0)
    stop = report(plant, type="machine_downtime", work_unit="CNC-04", state="stopped")
    assert stop.delay_cost_source == source
    assert stop.delay_cost == (None if blank == "all" else Decimal("1.60"))
