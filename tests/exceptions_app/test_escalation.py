"""Ladders: frozen, true to their times, through nights, empty duties and outages."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from core import clock
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Telling
from plant_app.models import Absence, DutyAssignment
from routing_app.models import LadderStep
from tests import factories as make
from tests.exceptions_app.conftest import MORNING, Report, owner_response, response_of
from tests.plant_fixtures import KolbeMini

GRACE = timedelta(seconds=10)


@pytest.fixture
def stopped(plant: KolbeMini, report: Report) -> ExceptionRecord:
    """Grinder 2, a bottleneck, is down: urgent enough for short limits."""
    exception = report("grinder 2 down, hydraulic leak").exception
    assert exception is not None
    return exception


def sweep(minutes: float, seconds: float = 0) -> int:
    with clock.travel(MORNING + timedelta(minutes=minutes, seconds=seconds)):
        return services.escalate_due()


def told(exception: ExceptionRecord, reason: str = "escalation") -> list[tuple[int, str]]:
    rows = Telling.objects.filter(exception=exception, response__is_owner=True, reason=reason).order_by("pk")
    return [(row.level, row.person.username if row.person else "") for row in rows]


def test_each_level_is_told_at_its_time_and_once(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    limit = stopped.limits["acknowledge"]

    sweep(limit, 9)
    assert told(stopped) == []
    sweep(limit, 10)
    sweep(limit, 13)
    assert told(stopped) == [(2, "bernd.hauser")]
    sweep(3 * limit, 10)
    assert told(stopped) == [(2, "bernd.hauser"), (3, "katrin.weber")]

    stopped.refresh_from_db()
    assert stopped.lapsed_levels == 2
    assert owner_response(stopped).level == 3
    escalated = stopped.events.filter(kind="escalated", data__owner=True).order_by("pk")
    assert [event.data["age_minutes"] for event in escalated] == [limit, 3 * limit]


def test_a_yes_stops_the_ladder(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    services.acknowledge(
        response_id=owner_response(stopped).pk, actor=plant.people["jonas.keller"], via="inbox"
    )

    sweep(stopped.limits["acknowledge"] + 1)

    stopped.refresh_from_db()
    assert told(stopped) == []
    assert stopped.lapsed_levels == 0


def test_after_an_outage_the_right_level_is_told_once_with_its_true_age(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    limit = stopped.limits["acknowledge"]
    away = 4 * limit

    sweep(away)
    sweep(away, 5)

    assert told(stopped) == [(3, "katrin.weber")]
    event = stopped.events.get(kind="escalated", data__owner=True)
    assert event.data["passed"] == [2]
    assert event.data["age_minutes"] == away
    assert event.data["due_at"] == (stopped.captured_at + timedelta(minutes=3 * limit) + GRACE).isoformat()
    stopped.refresh_from_db()
    assert stopped.lapsed_levels == 2


def test_an_edited_ladder_changes_nothing_in_flight(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    LadderStep.objects.filter(level=2).update(roles=["plant_manager"])

    sweep(stopped.limits["acknowledge"], 10)

    assert told(stopped) == [(2, "bernd.hauser")]


def test_an_empty_level_is_held_visibly_and_the_next_is_told_at_once(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    Absence.objects.create(
        person=plant.people["bernd.hauser"],
        start=MORNING - timedelta(hours=1),
        end=MORNING + timedelta(hours=9),
    )

    sweep(stopped.limits["acknowledge"], 10)

    assert told(stopped) == [(2, ""), (3, "katrin.weber")]
    held = Telling.objects.get(exception=stopped, person=None)
    assert held.role == "maintenance_lead"
    assert held.text.startswith("Nobody on duty as maintenance lead")
    stopped.refresh_from_db()
    assert stopped.lapsed_levels == 1
    assert (
        owner_response(stopped).next_level_at
        == MORNING + timedelta(minutes=6 * stopped.limits["acknowledge"]) + GRACE
    )


def test_other_functions_climb_their_own_ladder_without_costing_first_pass(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    planning = response_of(stopped, "planning")
    services.acknowledge(
        response_id=owner_response(stopped).pk, actor=plant.people["jonas.keller"], via="inbox"
    )

    sweep(planning.limit_minutes, 10)

    lead = Telling.objects.get(response=planning, reason="escalation")
    assert (lead.level, lead.person) == (2, plant.people["helena.kraus"])
    stopped.refresh_from_db()
    assert stopped.lapsed_levels == 0


def test_undecided_goes_one_level_up_every_decide_limit(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    for response in stopped.responses.all():
        services.acknowledge(response_id=response.pk, actor=plant.people["ingrid.vogel"], via="desk")
    decide = stopped.limits["decide"]

    sweep(decide - 1)
    assert told(stopped, "undecided") == []
    sweep(decide)
    sweep(decide, 30)
    sweep(2 * decide)

    assert told(stopped, "undecided") == [(2, "bernd.hauser"), (3, "katrin.weber")]
    stopped.refresh_from_db()
    assert stopped.lapsed_levels == 2
    assert stopped.next_escalation_at == MORNING + timedelta(minutes=3 * decide)


def test_undecided_after_an_outage_is_told_once_and_keeps_its_rhythm(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    for response in stopped.responses.all():
        services.acknowledge(response_id=response.pk, actor=plant.people["ingrid.vogel"], via="desk")
    decide = stopped.limits["decide"]

    sweep(3.5 * decide)

    assert told(stopped, "undecided") == [(2, "bernd.hauser")]
    stopped.refresh_from_db()
    assert stopped.next_escalation_at == MORNING + timedelta(minutes=4 * decide)


def test_a_decided_record_is_left_alone(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    for response in stopped.responses.all():
        services.acknowledge(response_id=response.pk, actor=plant.people["ingrid.vogel"], via="desk")
    with transaction.atomic():
        services.move(exception=services.locked(stopped.pk), to="decided")

    assert sweep(10 * stopped.limits["decide"]) == 0
    assert told(stopped, "undecided") == []


def test_resolving_stops_every_ladder_and_drops_what_nobody_took(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    with transaction.atomic():
        services.move(exception=services.locked(stopped.pk), to="resolved")

    assert sweep(10_000) == 0
    assert set(Telling.objects.values_list("dropped", flat=True)) == {"resolved"}
    assert not stopped.responses.filter(next_level_at__isnull=False).exists()


def test_a_safety_stop_tells_its_first_three_levels_at_once(plant: KolbeMini, report: Report) -> None:
    exception = report("emergency stop hit at press 4, somebody is hurt").exception

    people = {
        row.person.username: row.level
        for row in Telling.objects.filter(exception=exception, response__is_owner=True)
        if row.person
    }
    assert people == {"katrin.weber": 1, "henrik.larsen": 2, "robert.kolbe": 3}
    assert owner_response(exception).level == 3
    exception.refresh_from_db()
    assert exception.lapsed_levels == 0


def test_at_night_the_night_shift_is_asked(plant: KolbeMini, report: Report) -> None:
    night = make.UserFactory(username="night.tech", function=plant.functions["maintenance"])
    make.DutyAssignmentFactory(
        person=night, duty="technician", function=plant.functions["maintenance"], site=plant.rhf,
        shift=plant.shifts["N"],
    )  # fmt: skip
    DutyAssignment.objects.filter(person=plant.people["jonas.keller"]).update(shift=plant.shifts["E"])

    with clock.travel(datetime(2026, 11, 17, 23, 30, tzinfo=UTC)):  # 00:30 in Rheinfelden
        exception = report("press 4 down, hydraulic leak").exception

    assert exception.owner == night
    assert (exception.shift_code, exception.shift_day.isoformat()) == ("N", "2026-11-17")
