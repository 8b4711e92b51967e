"""A report becomes a routed record, once, whatever races."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from core import clock
from exceptions_app import services
from exceptions_app.lifecycle import Status
from exceptions_app.models import (
    ExceptionEvent,
    ExceptionRecord,
    Interpretation,
    Signal,
    SignalReading,
    Telling,
)
from plant_app.models import Absence
from tests.exceptions_app.conftest import MORNING, Report, owner_response
from tests.plant_fixtures import KolbeMini


def test_press_4_down_opens_routed_to_the_technician_on_shift(plant: KolbeMini, report: Report) -> None:
    reading = report("press 4 down, hydraulic leak")

    exception = ExceptionRecord.objects.get()
    assert (reading.status, reading.outcome, reading.opened) == ("read", "opened", True)
    assert reading.exception == exception
    assert exception.ref == f"EX-2026-{exception.ref[-6:]}"
    assert exception.title == "Press 4 down, hydraulic leak"
    assert (exception.status, exception.type.code, exception.reason.code) == (
        "open",
        "machine_downtime",
        "MEC-LEAK",
    )
    assert exception.work_unit == plant.units["PRS-04"]
    assert exception.area == plant.areas["FORM"]
    assert exception.work_order == plant.orders["WO-118300"]
    assert exception.item == plant.items["BR-40"]
    assert exception.correlation_key == "down:RHF:work_unit=PRS-04"
    assert (exception.shift_code, exception.shift_day) == ("E", MORNING.date())
    assert exception.owner == plant.people["jonas.keller"]
    assert exception.owner_role == "technician"
    assert exception.next_step == "Jonas Keller acknowledges by 11:14"
    assert exception.contain_due_at == MORNING
    assert exception.acknowledge_due_at == MORNING + timedelta(minutes=exception.limits["acknowledge"])


def test_an_opening_leaves_every_function_due_to_be_told(plant: KolbeMini, report: Report) -> None:
    report("press 4 down, hydraulic leak")

    exception = ExceptionRecord.objects.get()
    responses = list(exception.responses.select_related("function"))
    assert {response.function.code for response in responses} == {"maintenance", "production", "planning"}
    assert all(response.required and response.due_at == MORNING for response in responses)
    assert owner_response(exception).function.code == "maintenance"
    told = Telling.objects.filter(exception=exception)
    assert {telling.person.username for telling in told} == {"jonas.keller", "nils.ahrens", "ingrid.vogel"}
    assert all(telling.due_at == MORNING and telling.taken_at is None for telling in told)
    assert list(exception.events.values_list("kind", flat=True)) == ["opened", "routed"]
    routed = exception.events.get(kind="routed")
    assert routed.data["presence"]["technician@RHF"] == ["jonas.keller"]
    assert exception.route.origin_ref == f"exception:{exception.ref}"
    assert exception.route.facts["work_unit"] == "PRS-04"


def test_a_replay_returns_the_first_answer_and_flags_another_body(plant: KolbeMini, report: Report) -> None:
    source = services.source_of(kind="api", site=plant.rhf)
    first = report("press 4 down, hydraulic leak", external_id="m-1")

    again = services.receive_signal(source=source, external_id="m-1", text="press 4 down, hydraulic leak")
    other = services.receive_signal(source=source, external_id="m-1", text="press 3 down")

    assert (again.replayed, again.flag) == (True, "")
    assert again.reading.exception_id == first.exception_id
    assert (other.replayed, other.flag) == (True, services.BODY_DIFFERS)
    assert other.signal.text == "press 4 down, hydraulic leak"
    assert Signal.objects.count() == 1
    assert ExceptionRecord.objects.count() == 1


def test_the_same_thing_again_joins_and_moves_the_beginning_back(plant: KolbeMini, report: Report) -> None:
    report("press 4 down, hydraulic leak")
    earlier = MORNING - timedelta(minutes=20)

    joined = report("press 4 is down", occurred_at=earlier)

    exception = ExceptionRecord.objects.get()
    assert joined.outcome == "joined"
    assert joined.exception == exception
    assert (exception.occurred_at, exception.occurred_estimated) == (earlier, False)
    assert exception.responses.count() == 3
    assert exception.events.filter(kind="joined").count() == 1


@pytest.mark.parametrize("age", [timedelta(days=30), timedelta(days=-1)])
def test_a_beginning_nobody_can_believe_changes_nothing(
    plant: KolbeMini, report: Report, age: timedelta
) -> None:
    report("press 4 down", occurred_at=MORNING - age)

    exception = ExceptionRecord.objects.get()
    assert (exception.occurred_at, exception.occurred_estimated) == (MORNING, True)


def test_an_all_clear_clears_the_open_record_and_opens_none(plant: KolbeMini, report: Report) -> None:
    report("press 4 down, hydraulic leak")

    cleared = report("press 4 is running again")

    exception = ExceptionRecord.objects.get()
    assert cleared.outcome == "cleared"
    assert (exception.status, exception.cleared_at) == ("open", MORNING)
    assert exception.events.filter(kind="cleared").count() == 1


def test_an_all_clear_without_an_open_record_is_kept_and_opens_nothing(
    plant: KolbeMini, report: Report
) -> None:
    reading = report("press 4 is running again")

    assert (reading.outcome, reading.exception) == ("ignored", None)
    assert not ExceptionRecord.objects.exists()
    assert Interpretation.objects.get().intent == "recovery"


def test_chatter_is_recorded_and_opens_nothing(plant: KolbeMini, report: Report) -> None:
    reading = report("ok thanks")

    assert (reading.status, reading.outcome, reading.exception) == ("read", "ignored", None)
    assert Signal.objects.count() == 1


def test_a_return_within_the_window_is_the_same_record(plant: KolbeMini, report: Report) -> None:
    report("press 4 down, hydraulic leak")
    report("press 4 is running again")

    with clock.travel(MORNING + timedelta(minutes=60)):
        again = report("press 4 down, hydraulic leak")

    exception = ExceptionRecord.objects.get()
    assert again.outcome == "joined"
    assert exception.cleared_at is None
    assert exception.events.filter(kind="returned").count() == 1


def test_a_return_after_the_window_is_a_new_linked_record(plant: KolbeMini, report: Report) -> None:
    report("press 4 down, hydraulic leak")
    report("press 4 is running again")

    with clock.travel(MORNING + timedelta(minutes=121)):
        again = report("press 4 down, hydraulic leak")

    first, second = ExceptionRecord.objects.order_by("pk")
    assert again.exception == second
    assert second.recurrence_of == first
    assert (first.correlation_key, second.correlation_key) == ("", "down:RHF:work_unit=PRS-04")
    assert first.status == "open"


def _close(exception: ExceptionRecord) -> None:
    with transaction.atomic():
        record = services.locked(exception.pk)
        services.mark_cleared(exception=record)
        services.move(exception=record, to=Status.RESOLVED)
        services.move(exception=record, to=Status.CLOSED)


def test_resolved_and_back_within_the_window_reopens(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception
    with transaction.atomic():
        record = services.locked(exception.pk)
        services.mark_cleared(exception=record)
        services.move(exception=record, to=Status.RESOLVED)

    with clock.travel(MORNING + timedelta(minutes=30)):
        again = report("press 4 down, hydraulic leak")

    exception.refresh_from_db()
    assert again.outcome == "reopened"
    assert ExceptionRecord.objects.count() == 1
    assert (exception.status, exception.reopen_count, exception.resolved_at) == ("open", 1, None)
    owner = owner_response(exception)
    assert (owner.status, owner.due_at) == ("due", MORNING + timedelta(minutes=30))
    assert owner.acknowledged_at is None
    assert exception.events.filter(kind="reopened").count() == 1


def test_the_third_opening_in_seven_days_is_recurring(plant: KolbeMini, report: Report) -> None:
    for day in range(3):
        with clock.travel(MORNING + timedelta(days=day)):
            exception = report("press 4 down, hydraulic leak").exception
            assert exception.recurring is (day == 2)
            _close(exception)

    assert ExceptionRecord.objects.count() == 3
    last = ExceptionRecord.objects.order_by("-pk")[0]
    assert last.route.facts["repeats_7d"] == 3


def test_nobody_understands_it_and_a_person_is_asked(plant: KolbeMini, report: Report) -> None:
    reading = report("please look at the thing near the door, it is odd")

    exception = reading.exception
    assert exception is not None
    assert (exception.status, exception.type.code, exception.correlation_key) == ("triage", "unsorted", "")
    assert exception.owner == plant.people["katrin.weber"]
    assert exception.owner_role == "shift_supervisor"
    assert exception.next_step.startswith("Katrin Weber sorts this report by ")
    assert exception.title == "“please look at the thing near the door, it is odd”"
    assert exception.contain_due_at is None
    assert exception.responses.count() == 1
    assert exception.events.get(kind="opened").data["triage_reasons"]


def test_two_unsorted_texts_never_join(plant: KolbeMini, report: Report) -> None:
    report("please look at the thing near the door, it is odd")
    report("something is strange over there, please look")

    assert ExceptionRecord.objects.filter(status="triage").count() == 2


def test_a_sender_nobody_trusts_only_raises_a_question(plant: KolbeMini, report: Report) -> None:
    source = services.source_of(kind="api", site=plant.rhf)
    source.trusted = False
    source.save()

    exception = report("press 4 down, hydraulic leak").exception

    assert (exception.status, exception.type.code) == ("triage", "machine_downtime")
    assert "type" not in exception.route.facts
    assert exception.contain_due_at is None


def test_a_sure_report_settles_the_question(plant: KolbeMini, report: Report) -> None:
    source = services.source_of(kind="api", site=plant.rhf)
    source.trusted = False
    source.save()
    report("press 4 down, hydraulic leak")

    report(kind="station", fields={"type": "machine_downtime", "work_unit": "PRS-04", "state": "stopped"})

    exception = ExceptionRecord.objects.get()
    assert exception.status == "open"
    assert exception.owner == plant.people["jonas.keller"]
    assert {response.function.code for response in exception.responses.filter(required=True)} >= {
        "maintenance",
        "planning",
    }
    assert exception.reroute_count == 0
    assert exception.contain_due_at is not None


def test_a_safety_word_opens_at_once_unconfirmed(plant: KolbeMini, report: Report) -> None:
    exception = report("emergency stop hit at press 4, somebody is hurt").exception

    assert (exception.status, exception.type.code, exception.severity) == ("open", "safety_stop", "critical")
    assert exception.details["unconfirmed"] is True
    assert exception.urgency == "critical"
    told = {telling.person.username for telling in exception.tellings.all() if telling.person}
    assert {"katrin.weber", "henrik.larsen", "robert.kolbe"} <= told


def test_a_station_tap_needs_no_text(plant: KolbeMini, report: Report) -> None:
    exception = report(
        kind="station",
        fields={
            "type": "machine_downtime",
            "work_unit": "CNC-04",
            "state": "stopped",
            "reason": "MEC-LEAK",
        },
        reporter=plant.people["piotr.nowak"],
    ).exception

    assert (exception.status, exception.channel) == ("open", "station")
    assert exception.work_order == plant.orders["WO-118204"]
    assert exception.customer == plant.customers["ALS"]
    assert exception.reported_by == plant.people["piotr.nowak"]
    assert exception.title.startswith("CNC-04 down")
    assert exception.window_until is not None


def test_absent_people_are_not_asked(plant: KolbeMini, report: Report) -> None:
    Absence.objects.create(
        person=plant.people["jonas.keller"],
        start=MORNING - timedelta(hours=2),
        end=MORNING + timedelta(hours=6),
    )

    exception = report("press 4 down, hydraulic leak").exception

    assert exception.owner is None
    assert exception.next_step.startswith("Nobody on duty as technician")
    held = exception.tellings.get(role="technician")
    assert (held.person, held.text) == (None, "Nobody on duty as technician")
    lead = exception.tellings.get(role="maintenance_lead")
    assert (lead.person, lead.reason) == (plant.people["bernd.hauser"], "ladder")
    exception.refresh_from_db()
    assert (owner_response(exception).level, exception.lapsed_levels) == (2, 0)


def test_the_database_refuses_what_the_lifecycle_does_not_know(plant: KolbeMini, report: Report) -> None:
    exception = report("press 4 down, hydraulic leak").exception

    with pytest.raises(DatabaseError), transaction.atomic():
        ExceptionRecord.objects.filter(pk=exception.pk).update(status="closed")
    with pytest.raises(DatabaseError), transaction.atomic():
        ExceptionEvent.objects.filter(exception=exception).update(text="it was different")
    with pytest.raises(DatabaseError), transaction.atomic():
        ExceptionEvent.objects.filter(exception=exception).delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        Signal.objects.all().delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        Signal.objects.update(text="another text")
    exception.refresh_from_db()
    assert exception.status == "open"
    assert Signal.objects.get().text == "press 4 down, hydraulic leak"


def test_a_signal_is_redacted_once_and_keeps_its_envelope(plant: KolbeMini, report: Report) -> None:
    reading = report("press 4 down, hydraulic leak", external_id="m-9")
    actor = plant.people["sofia.brandt"]

    signal = services.redact_signal(signal_id=reading.signal_id, actor=actor)

    signal.refresh_from_db()
    assert (signal.text, signal.fields, signal.redacted_by) == ("", {}, actor)
    assert (signal.external_id, len(signal.content_hash)) == ("m-9", 64)
    assert SignalReading.objects.get().exception is not None


def test_references_count_up_and_say_the_year(plant: KolbeMini, report: Report) -> None:
    first = report("press 4 down, hydraulic leak").exception
    second = report("press 3 down, hydraulic leak").exception

    assert int(second.ref[-6:]) == int(first.ref[-6:]) + 1
    assert second.ref.startswith("EX-2026-")
