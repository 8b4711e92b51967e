"""What is held back and what comes up: shelves, greater stops, planned stops; and new wishes that are new versions."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.errors import InvalidInput, TransitionRefused
from exceptions_app import services
from exceptions_app.models import (
    Channel,
    ExceptionEvent,
    ExceptionLink,
    ExceptionRecord,
    HeldSignal,
    Shelf,
    SignalReading,
    Source,
)
from exceptions_app.services.records.links import Links
from plant_app.models import ExceptionType, WorkUnitState
from tests.exceptions_app.conftest import MORNING, Report
from tests.plant_fixtures import KolbeMini

DOWN = {"type": "machine_downtime", "work_unit": "PRS-04"}


@pytest.fixture
def machine(plant: KolbeMini) -> Any:
    """A gateway that reports machines; a call sends one message and reads it."""
    source = Source.objects.create(code="gw", name="Gateway", channel=Channel.MACHINE, site=plant.rhf)
    count = iter(range(1, 1000))

    def send(text: str = "drive fault", **fields: Any) -> SignalReading:
        received = services.receive_signal(
            source=source, external_id=f"gw-{next(count)}", text=text, fields={**DOWN, **fields}
        )
        return services.read_signal(signal_id=received.signal.pk)

    return send


def shelve(plant: KolbeMini, **more: Any) -> Shelf:
    given = {
        "links": Links(site=plant.rhf, work_unit=plant.units["PRS-04"]), "type_": None, "reason": "sensor is replaced",
        "ends_at": MORNING + timedelta(hours=1), "author": plant.holder("planner"), **more,
    }  # fmt: skip
    return services.shelve(**given)


def test_a_shelved_machine_opens_nothing_until_the_shelf_ends(plant: KolbeMini, machine: Any) -> None:
    # given a shelf on a machine whose sensor is being replaced
    shelf = shelve(plant)
    # when it reports twice
    assert [machine().outcome, machine().outcome] == ["held", "held"]
    # then nobody is told and nothing is lost
    assert not ExceptionRecord.objects.exists()
    assert HeldSignal.objects.filter(shelf=shelf, over_at=None, released_at=None).count() == 2
    assert services.release_held() == 0
    # when the shelf ends and the machine never said that it runs again
    with clock.travel(MORNING + timedelta(minutes=61)):
        assert services.release_held() == 1
        assert services.read_due_signals() == 1
        assert services.release_held() == 0
        # then it is one record, as old as its newest report
        record = ExceptionRecord.objects.get()
    assert (record.type.code, record.work_unit.code) == ("machine_downtime", "PRS-04")  # type: ignore[union-attr]
    assert record.captured_at == MORNING
    assert HeldSignal.objects.filter(released_at=None).count() == 0


def test_what_was_over_before_the_shelf_ended_never_comes_up(plant: KolbeMini, machine: Any) -> None:
    shelve(plant)
    machine()
    assert machine("running again", intent="recovery").outcome == "ignored"
    with clock.travel(MORNING + timedelta(hours=2)):
        assert services.release_held() == 0
    assert HeldSignal.objects.get().over_at == MORNING
    assert not ExceptionRecord.objects.exists()


def test_lifting_a_shelf_lets_it_through_at_once(plant: KolbeMini, machine: Any) -> None:
    shelf = shelve(plant)
    machine()
    services.lift_shelf(shelf_id=shelf.pk, actor=plant.holder("planner"))
    assert services.release_held() == 1
    services.read_due_signals()
    assert ExceptionRecord.objects.get().status == "open"
    with pytest.raises(TransitionRefused, match="ended already"):
        services.lift_shelf(shelf_id=shelf.pk, actor=plant.holder("planner"))


def test_people_are_heard_unless_the_shelf_says_otherwise(plant: KolbeMini, report: Report) -> None:
    shelf = shelve(plant)
    assert report("press 4 down, hydraulic leak").outcome == "opened"
    Shelf.objects.filter(pk=shelf.pk).update(people_too=True, work_unit=plant.units["CNC-05"])
    assert report(fields={"type": "machine_downtime", "work_unit": "CNC-05"}).outcome == "held"


def test_a_shelf_holds_only_what_it_names(plant: KolbeMini, machine: Any) -> None:
    shelve(plant, type_=ExceptionType.objects.get(code="tooling"))
    assert machine().outcome == "opened"
    shelve(plant, links=Links(site=plant.rhf, work_unit=plant.units["CNC-05"]), signal_name="coolant")
    assert machine(work_unit="CNC-05", signal="spindle").outcome == "opened"


def test_an_open_record_goes_on_gathering_while_shelved(plant: KolbeMini, machine: Any) -> None:
    machine()
    shelve(plant)
    assert machine().outcome == "joined"


def test_a_safety_stop_is_never_held(plant: KolbeMini, machine: Any) -> None:
    shelve(plant)
    assert machine(type="safety_stop").outcome == "opened"
    with pytest.raises(InvalidInput, match="never shelved"):
        shelve(plant, type_=ExceptionType.objects.get(code="safety_stop"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reason": "  "}, "Say why"),
        ({"ends_at": MORNING}, "ends within 30 days"),
        ({"ends_at": MORNING + timedelta(days=31)}, "ends within 30 days"),
        ({"links": Links()}, "which site"),
    ],
)
def test_a_shelf_has_reason_end_and_place(plant: KolbeMini, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        shelve(plant, **given)
    assert not Shelf.objects.exists()


def test_a_stop_of_the_line_covers_its_machines(plant: KolbeMini, machine: Any, report: Report) -> None:
    # given a line that stands
    unit = plant.units["PRS-04"]
    centre = unit.work_centre
    line = report(fields={"type": "machine_downtime", "work_centre": centre.code}).exception
    assert line is not None
    assert line.work_unit is None
    # when one of its machines reports its stop
    held = machine()
    # then that is evidence of the line's record
    assert (held.outcome, held.exception) == ("held", line)
    assert ExceptionRecord.objects.count() == 1
    assert "PRS-04 stopped too" in ExceptionEvent.objects.filter(exception=line).latest("pk").text
    # but a machine elsewhere has its own
    assert machine(work_unit="CNC-05").outcome == "opened"
    # and once the line runs, what still stands comes up
    services.mark_cleared(exception=services.locked(line.pk), actor=None, at=MORNING)
    assert services.release_held() == 1
    services.read_due_signals()
    assert ExceptionRecord.objects.filter(work_unit=unit).count() == 1


def test_a_person_who_reports_under_a_stopped_line_gets_a_record_that_names_it(
    plant: KolbeMini, report: Report
) -> None:
    centre = plant.units["PRS-04"].work_centre
    line = report(fields={"type": "machine_downtime", "work_centre": centre.code}).exception
    own = report(fields=DOWN)
    assert own.outcome == "opened"
    assert line is not None
    link = ExceptionLink.objects.get(exception=own.exception, target="exception")
    assert (link.target_id, link.label, link.effect) == (line.pk, line.ref, "under this stop")


def test_a_planned_stop_is_no_surprise(plant: KolbeMini, machine: Any) -> None:
    # given a press in changeover
    unit = plant.units["PRS-04"]
    WorkUnitState.objects.filter(work_unit=unit, until=None).update(until=MORNING)
    state = WorkUnitState.objects.create(work_unit=unit, state="setup", since=MORNING)
    assert machine().outcome == "held"
    assert services.release_held() == 0
    # when the changeover is over and it has not started
    state.until = MORNING + timedelta(minutes=30)
    state.save()
    WorkUnitState.objects.create(work_unit=unit, state="free", since=state.until)
    assert services.release_held() == 1
    services.read_due_signals()
    assert ExceptionRecord.objects.get().work_unit == unit


def test_another_wish_for_the_same_order_line_is_a_new_version(plant: KolbeMini, report: Report) -> None:
    # given a customer who wants another date
    first = {"type": "order_change", "so_line": "40017802/10", "requested_date": "2026-11-24"}
    opened = report(fields=first).exception
    assert opened is not None
    # when he wants still another, with another quantity
    again = report(fields={**first, "requested_date": "2026-11-26", "requested_quantity": "80"})
    # then both are there, the older one as superseded, and it is one record
    opened.refresh_from_db()
    assert (again.outcome, again.exception) == ("joined", opened)
    assert opened.details["requested_date"] == "2026-11-25T23:00:00+00:00"  # midnight in Rheinfelden
    assert opened.details["requested_quantity"] == "80"
    assert [one["values"] for one in opened.details["versions"]] == [
        {"requested_date": "2026-11-23T23:00:00+00:00"}
    ]
    said = ExceptionEvent.objects.filter(exception=opened, kind="joined").latest("pk")
    assert said.text == "Now asked for: 2026-11-26, 80 (before: 2026-11-24)"
    # and the same wish once more is only evidence
    report(fields={**first, "requested_date": "2026-11-26", "requested_quantity": "80"})
    opened.refresh_from_db()
    assert len(opened.details["versions"]) == 1
