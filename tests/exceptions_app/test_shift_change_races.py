"""Shift change and the choice among equals when much happens at once: real transactions, real threads."""

import pytest

from core import clock
from exceptions_app import services
from exceptions_app.models import Response
from plant_app import models
from tests.exceptions_app.conftest import owner_response
from tests.exceptions_app.test_races import at_once, committed_plant, send  # noqa: F401  (the fixture)
from tests.exceptions_app.test_shift_change import LATER, technician
from tests.plant_fixtures import KolbeMini

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_sweeps_and_an_answer_at_once_leave_one_outcome(committed_plant: KolbeMini) -> None:  # noqa: F811
    plant = committed_plant
    models.DutyAssignment.objects.filter(duty="technician", site=plant.rhf).delete()
    early, late = technician(plant, "early.tech", "E"), technician(plant, "late.tech", "L")
    exception = send(plant.rhf, "one").exception
    assert exception is not None
    response = owner_response(exception)

    def work(number: int) -> object:
        with clock.travel(LATER):
            if number == 0:
                return services.acknowledge(response_id=response.pk, actor=late, via="inbox").status
            return services.change_shifts()

    at_once(work, 6)
    exception.refresh_from_db()
    response = owner_response(exception)
    assert (response.person, exception.owner, exception.status) == (late, late, "acknowledged")
    assert exception.events.filter(kind="shift_changed").count() <= 1
    assert exception.responses.filter(is_owner=True).count() == 1
    assert early.pk != late.pk


def test_equals_take_turns_also_when_reports_come_at_once(committed_plant: KolbeMini) -> None:  # noqa: F811
    plant = committed_plant
    models.DutyAssignment.objects.filter(duty="technician", site=plant.rhf).delete()
    crew = [technician(plant, f"tech.{number}", "E") for number in range(4)]
    units = ["PRS-03", "PRS-04", "CNC-04", "CNC-05", "CNC-06", "GRD-01", "GRD-02"]
    at_once(lambda number: send(plant.rhf, f"r{number}", f"{units[number]} down, hydraulic leak"), 7)
    asked = [
        Response.objects.filter(person=person, function=plant.functions["maintenance"]).count()
        for person in crew
    ]
    assert sum(asked) == 7
    assert max(asked) - min(asked) <= 1
