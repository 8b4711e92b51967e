"""Response adopted by steps: capture only tells nobody, routed tells the owner, coordinated asks every function."""

from datetime import timedelta

import pytest

from core import clock
from core.errors import InvalidInput
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Telling
from exceptions_app.services.responses.tell import begin_again
from plant_app.models import AdoptionStep, Capability, ExceptionType, Level
from plant_app.selectors import level_of, standing_of
from plant_app.services import set_level
from routing_app.models import RoutingCase
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


def switch(plant: KolbeMini, level: str, type_: ExceptionType | None = None) -> AdoptionStep | None:
    return set_level(
        site=plant.rhf,
        capability=Capability.RESPONSE,
        level=level,
        type_=type_,
        actor=plant.people["helena.kraus"],
    )


def say(plant: KolbeMini, text: str = DOWN) -> ExceptionRecord:
    received = services.receive_signal(
        source=services.source_of(kind="station", site=plant.rhf), external_id=text, text=text,
        reporter=plant.people["piotr.nowak"], site=plant.rhf,
    )  # fmt: skip
    reading = services.read_signal(signal_id=received.signal.pk)
    assert reading.exception is not None
    return ExceptionRecord.objects.get(pk=reading.exception.pk)


def test_capture_only_has_owner_clock_and_next_step_and_tells_nobody(plant: KolbeMini) -> None:
    switch(plant, Level.CAPTURE)
    exception = say(plant)
    # the record is whole
    assert exception.owner is not None
    assert exception.acknowledge_due_at is not None
    assert exception.next_step
    assert [(one.is_owner, one.required) for one in exception.responses.all()] == [(True, True)]
    # nobody is told, and the log says why
    assert set(Telling.objects.values_list("dropped", flat=True)) == {"capture only here"}
    assert not Telling.objects.filter(taken_at=None).exists()
    # nor does anything climb later
    with clock.travel(clock.now() + timedelta(days=2)):
        services.escalate_due()
    assert not Telling.objects.exclude(dropped="capture only here").exists()
    # nor when it is reopened, and to whoever has it then
    services.acknowledge(response_id=exception.responses.get().pk, actor=exception.owner, via="desk")
    begin_again(exception=exception)
    assert not Telling.objects.exclude(dropped="capture only here").exists()
    # the case keeps the whole route: what the next step would add
    assert RoutingCase.objects.get(pk=exception.route_id).outcome["functions"]


def test_routed_tells_the_owner_and_asks_no_other_function(plant: KolbeMini) -> None:
    switch(plant, Level.ROUTED)
    exception = say(plant)
    owner = exception.responses.get()
    assert owner.is_owner
    told = Telling.objects.filter(exception=exception, dropped="")
    assert {one.response_id for one in told} == {owner.pk}
    # the owner's acknowledgement is everybody's
    services.acknowledge(response_id=owner.pk, actor=owner.person, via="inbox")
    exception.refresh_from_db()
    assert exception.aligned_at is not None


def test_coordinated_asks_every_function(plant: KolbeMini) -> None:
    exception = say(plant)
    assert {one.function.code for one in exception.responses.filter(required=True)} >= {
        "maintenance", "production", "planning",
    }  # fmt: skip


def test_a_type_goes_ahead_of_its_site_and_only_what_opens_later_follows(plant: KolbeMini) -> None:
    before = say(plant)
    switch(plant, Level.CAPTURE)
    stop = ExceptionType.objects.get(code="machine_downtime")
    switch(plant, Level.COORDINATED, stop)
    assert level_of(plant.rhf, Capability.RESPONSE, stop.pk) == Level.COORDINATED
    assert level_of(plant.rhf, Capability.RESPONSE) == Level.CAPTURE
    # the other site is untouched
    assert level_of(plant.gvl, Capability.RESPONSE) == Level.COORDINATED
    after = say(plant, "GRD-01 down, coolant leak")
    assert after.responses.count() > 1
    # what was open before keeps its functions
    assert before.responses.count() > 1
    assert not Telling.objects.filter(exception=before).exclude(dropped="").exists()


def test_every_step_is_dated_and_kept(plant: KolbeMini) -> None:
    began = clock.now()
    with clock.travel(began):
        first = switch(plant, Level.CAPTURE)
    with clock.travel(began + timedelta(days=30)):
        second = switch(plant, Level.ROUTED)
        # once more is no step
        assert switch(plant, Level.ROUTED) is None
        assert standing_of(plant.rhf).of(Capability.RESPONSE) == Level.ROUTED
    # a moment before it held what held then
    with clock.travel(began + timedelta(days=29)):
        assert standing_of(plant.rhf).of(Capability.RESPONSE) == Level.CAPTURE
    assert first is not None
    assert second is not None
    assert [(one.before, one.level, one.since) for one in AdoptionStep.objects.order_by("pk")] == [
        ("coordinated", "capture", began),
        ("capture", "routed", began + timedelta(days=30)),
    ]


@pytest.mark.parametrize(
    ("capability", "level", "typed", "code"),
    [
        ("response", "live", False, "adoption.level"),
        ("sequence", "coordinated", False, "adoption.level"),
        ("weather", "off", False, "adoption.level"),
        ("response", "", False, "adoption.level"),
        ("sequence", "off", True, "adoption.type"),
    ],
)
def test_what_makes_no_sense_is_refused(
    plant: KolbeMini, capability: str, level: str, typed: bool, code: str
) -> None:
    type_ = ExceptionType.objects.get(code="machine_downtime") if typed else None
    with pytest.raises(InvalidInput) as refused:
        set_level(site=plant.rhf, capability=capability, level=level, type_=type_, actor=None)
    assert refused.value.code == code
    assert not AdoptionStep.objects.exists()
