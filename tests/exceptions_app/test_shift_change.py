"""Shift change, away today, office hours, turns among equals: what passes, what stays, and that it happens once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import pytest

from core import clock
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Response, Telling
from plant_app import models
from plant_app import services as plant_services
from tests import factories as make
from tests.exceptions_app.conftest import MORNING, Report, owner_response, response_of
from tests.plant_fixtures import KolbeMini

# 14:00 in Rheinfelden: the early shift ends.
EDGE = datetime(2026, 11, 17, 13, 0, tzinfo=UTC)
LATER = EDGE + timedelta(seconds=8)


def technician(plant: KolbeMini, name: str, shift: str | None, **more: object) -> models.User:
    person = make.UserFactory(username=name, display_name=name, function=plant.functions["maintenance"])
    models.DutyAssignment.objects.create(
        person=person, duty="technician", function=plant.functions["maintenance"], site=plant.rhf,
        shift=plant.shifts[shift] if shift else None, **more,
    )  # fmt: skip
    make.AccessGrantFactory(user=person, site=plant.rhf, role="responder")
    return person


@pytest.fixture
def crews(plant: KolbeMini) -> tuple[models.User, models.User]:
    """A technician of the early shift and one of the late."""
    models.DutyAssignment.objects.filter(duty="technician", site=plant.rhf).delete()
    return technician(plant, "early.tech", "E"), technician(plant, "late.tech", "L")


@pytest.fixture
def stopped(crews: tuple[models.User, models.User], report: Report) -> Iterator[ExceptionRecord]:
    """Reported at 13:56 on press 4, asked of the early technician."""
    with clock.travel(EDGE - timedelta(minutes=4)):
        exception = report("press 4 down, hydraulic leak").exception
        assert exception is not None
        assert exception.owner == crews[0]
        yield exception


def change(at: datetime = LATER) -> int:
    with clock.travel(at):
        return services.change_shifts()


def test_unanswered_work_passes_with_its_clock_running_and_only_once(
    stopped: ExceptionRecord, crews: tuple[models.User, models.User]
) -> None:
    before = owner_response(stopped)
    assert change(EDGE - timedelta(seconds=1)) == 0
    assert change() == 1
    assert change(LATER + timedelta(seconds=10)) == 0
    assert change(EDGE + timedelta(hours=5)) == 0

    stopped.refresh_from_db()
    after = owner_response(stopped)
    assert (after.pk, after.person, stopped.owner) == (before.pk, crews[1], crews[1])
    assert (after.due_at, after.acknowledge_due_at, after.level) == (
        before.due_at, before.acknowledge_due_at, before.level,
    )  # fmt: skip
    assert (stopped.reroute_count, stopped.lapsed_levels, stopped.status) == (0, 0, "open")
    told = Telling.objects.get(exception=stopped, reason="shift", response=after)
    assert (told.person, told.text) == (crews[1], "Shift change: early.tech has gone, it waits for 4 min")
    event = stopped.events.get(kind="shift_changed")
    assert event.data["presence"]["technician@RHF"] == ["late.tech"]
    assert (event.data["from"], event.data["to"]) == ("early.tech", "late.tech")


def test_an_acknowledgement_nobody_acted_on_lapses_and_is_asked_anew(
    stopped: ExceptionRecord, crews: tuple[models.User, models.User]
) -> None:
    services.acknowledge(response_id=owner_response(stopped).pk, actor=crews[0], via="inbox")
    assert change() == 1
    assert change(LATER + timedelta(seconds=10)) == 0

    stopped.refresh_from_db()
    response = owner_response(stopped)
    assert (stopped.status, stopped.owner, response.status) == ("open", crews[1], "due")
    assert response.due_at == LATER
    assert response.acknowledge_due_at == LATER + timedelta(minutes=response.limit_minutes)
    assert stopped.acknowledge_due_at == response.acknowledge_due_at
    assert (stopped.reroute_count, stopped.lapsed_levels) == (0, 0)
    assert stopped.events.filter(kind="acknowledgement_lapsed").count() == 1


def test_what_is_being_worked_on_stays_until_taken_over(
    stopped: ExceptionRecord, crews: tuple[models.User, models.User]
) -> None:
    response = owner_response(stopped)
    services.act(response_id=response.pk, actor=crews[0], via="station")
    assert change() == 0
    assert owner_response(stopped).person == crews[0]
    assert not stopped.events.filter(kind__in=("shift_changed", "acknowledgement_lapsed")).exists()

    with clock.travel(LATER):
        services.take_over(response_id=response.pk, actor=crews[1])
    assert owner_response(stopped).person == crews[1]


def test_who_takes_it_after_the_change_keeps_it_till_the_next(
    stopped: ExceptionRecord, crews: tuple[models.User, models.User]
) -> None:
    assert change() == 1
    with clock.travel(EDGE + timedelta(minutes=5)):
        services.acknowledge(response_id=owner_response(stopped).pk, actor=crews[0], via="inbox")
    assert change(EDGE + timedelta(hours=7)) == 0
    assert change(EDGE + timedelta(hours=8, seconds=5)) == 1


def test_late_by_two_shifts_it_passes_once_to_who_is_there(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    night = technician(plant, "night.tech", "N")
    assert change(EDGE + timedelta(hours=9)) == 1
    assert owner_response(stopped).person == night
    assert Telling.objects.filter(exception=stopped, reason="shift", response__is_owner=True).count() == 1


def test_nobody_incoming_means_the_next_level_and_a_held_delivery(
    stopped: ExceptionRecord, crews: tuple[models.User, models.User]
) -> None:
    models.DutyAssignment.objects.filter(person=crews[1]).delete()
    assert change() == 1
    response = owner_response(stopped)
    rows = Telling.objects.filter(exception=stopped, response=response, created_at__gte=EDGE).order_by("pk")
    assert response.person is None
    assert [(row.person.username if row.person else "", row.level) for row in rows] == [
        ("", 1), ("bernd.hauser", 2),
    ]  # fmt: skip
    assert rows[0].text == "Nobody on duty as technician"
    stopped.refresh_from_db()
    assert (stopped.lapsed_levels, stopped.owner) == (0, None)
    assert "Nobody on duty as technician" in stopped.next_step


def test_people_without_shifts_and_people_still_there_keep_their_work(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    planning = response_of(stopped, "planning")
    assert planning.person == plant.people["ingrid.vogel"]
    change()
    assert response_of(stopped, "planning").person == plant.people["ingrid.vogel"]
    assert response_of(stopped, "planning").presence_at == LATER


def test_away_today_passes_at_once_what_the_person_held(plant: KolbeMini, report: Report) -> None:
    models.DutyAssignment.objects.filter(duty="technician", site=plant.rhf).delete()
    first, second = technician(plant, "a.tech", "E"), technician(plant, "b.tech", "E", position=1)
    exception = report("press 4 down, hydraulic leak").exception
    assert exception is not None
    assert exception.owner == first
    assert services.change_shifts() == 0

    plant_services.say_away(person=first, site=plant.rhf, actor=first)
    assert change(MORNING + timedelta(seconds=5)) == 1
    assert owner_response(exception).person == second


def test_a_sweep_in_the_repeated_hour_of_a_clock_change(plant: KolbeMini, report: Report) -> None:
    models.DutyAssignment.objects.filter(duty="technician", site=plant.rhf).delete()
    night, early = technician(plant, "n.tech", "N"), technician(plant, "e.tech", "E")
    with clock.travel(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)):  # 02:30 summer time
        exception = report("press 4 down, hydraulic leak").exception
    assert exception is not None
    assert (exception.owner, exception.shift_code, str(exception.shift_day)) == (night, "N", "2026-10-24")
    assert change(datetime(2026, 10, 25, 1, 30, tzinfo=UTC)) == 0  # 02:30 again, the night goes on
    assert change(datetime(2026, 10, 25, 4, 59, tzinfo=UTC)) == 0  # 05:59 winter time
    assert change(datetime(2026, 10, 25, 5, 0, 5, tzinfo=UTC)) == 1
    assert owner_response(exception).person == early


def test_the_qualified_are_asked_before_the_others(plant: KolbeMini, report: Report) -> None:
    models.DutyAssignment.objects.filter(duty="technician", site=plant.rhf).delete()
    technician(plant, "a.tech", "E")
    able = technician(plant, "b.tech", "E", position=5)
    skill = models.Skill.objects.create(code="HYD", name="Hydraulics")
    models.Operation.objects.filter(actual_unit=plant.units["PRS-04"]).update(skill=skill)
    models.Qualification.objects.create(person=able, skill=skill)
    exception = report("press 4 down, hydraulic leak").exception
    assert exception is not None
    assert exception.operation is not None
    assert exception.owner == able


@pytest.fixture
def office(plant: KolbeMini) -> models.User:
    """One buyer, there from 07:00 to 17:00 on workdays; on call besides."""
    shift = make.ShiftFactory(
        site=plant.rhf, code="O", name="Office", start=time(7), end=time(17), office=True,
        weekdays=[0, 1, 2, 3, 4],
    )  # fmt: skip
    models.DutyAssignment.objects.filter(duty="buyer").update(shift=shift, on_call=True)
    return plant.people["lena.fischer"]


def procurement(exception: ExceptionRecord) -> Response:
    return response_of(exception, "procurement")


def ask_procurement(exception: ExceptionRecord, plant: KolbeMini) -> Response:
    return services.add_function(
        exception_id=exception.pk, function_code="procurement", required=True, actor=plant.people["ingrid.vogel"],
        why="a part has to come",
    )  # fmt: skip


def normal(report: Report) -> ExceptionRecord:
    exception = report("press 4 down, hydraulic leak").exception
    assert exception is not None
    ExceptionRecord.objects.filter(pk=exception.pk).update(urgency="normal")
    return exception


def test_procurement_is_told_when_its_office_opens(
    plant: KolbeMini, report: Report, office: models.User
) -> None:
    exception = normal(report)
    models.Holiday.objects.create(site=plant.rhf, day=date(2026, 11, 18), name="Town holiday")
    with clock.travel(datetime(2026, 11, 17, 19, 0, tzinfo=UTC)):  # 20:00, and tomorrow is a holiday
        response = ask_procurement(exception, plant)
    opens = datetime(2026, 11, 19, 6, 0, tzinfo=UTC)  # Thursday 07:00
    assert (response.person, response.due_at) == (None, opens)
    assert response.acknowledge_due_at == opens + timedelta(minutes=response.limit_minutes)
    held = Telling.objects.get(response=response)
    assert (held.person, held.due_at) == (None, opens)
    assert held.text == "Held: procurement answers in its hours, from Thu 19 Nov 07:00"

    with clock.travel(opens - timedelta(seconds=30)):
        services.escalate_due()
    assert procurement(exception).person is None
    with clock.travel(opens + timedelta(seconds=3)):
        services.escalate_due()
    response = procurement(exception)
    assert (response.person, response.level) == (office, 1)
    assert Telling.objects.filter(response=response, person=office).count() == 1


def test_a_limit_counts_open_minutes_only(plant: KolbeMini, report: Report, office: models.User) -> None:
    exception = normal(report)
    at = datetime(2026, 11, 20, 15, 50, tzinfo=UTC)  # Friday 16:50, ten minutes before the office closes
    with clock.travel(at):
        response = ask_procurement(exception, plant)
    assert (response.person, response.due_at) == (office, at)
    monday = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    assert response.acknowledge_due_at == monday + timedelta(minutes=response.limit_minutes - 10)
    assert response.next_level_at == response.acknowledge_due_at + timedelta(seconds=10)


def test_a_critical_case_calls_the_buyer_at_night(
    plant: KolbeMini, report: Report, office: models.User
) -> None:
    exception = normal(report)
    ExceptionRecord.objects.filter(pk=exception.pk).update(urgency="critical")
    night = datetime(2026, 11, 17, 22, 0, tzinfo=UTC)
    with clock.travel(night):
        response = ask_procurement(exception, plant)
    assert (response.person, response.due_at) == (office, night)
