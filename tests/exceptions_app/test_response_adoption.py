"""Response adopted by steps: capture only tells nobody, routed tells the owner, coordinated asks every function."""

from datetime import timedelta

import pytest

from core import clock
from core.errors import InvalidInput, TransitionRefused
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Response, Telling
from exceptions_app.services.adoption import confirmation, warnings_of
from exceptions_app.services.responses.tell import begin_again
from plant_app.models import Absence, AdoptionStep, Capability, ExceptionType, Level
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


# --- a quiet record, and what people do to it -----------------------------------------------------------------------
def heard(exception: ExceptionRecord) -> list[tuple[str, str]]:
    """Who would be told of it, or was: function and person."""
    rows = Telling.objects.filter(exception=exception).exclude(dropped="capture only here").order_by("pk")
    return [(row.response.function.code, str(row.person)) for row in rows if row.response is not None]


def live(exception: ExceptionRecord, function: str) -> Response:
    return exception.responses.exclude(status="declined").get(function__code=function)


def test_who_is_added_to_a_quiet_record_is_written_down_and_not_told(plant: KolbeMini) -> None:
    switch(plant, Level.CAPTURE)
    exception = say(plant)
    ask = {
        "exception_id": exception.pk,
        "required": True,
        "actor": plant.people["ingrid.vogel"],
        "why": "looks bad",
    }

    added = services.add_function(function_code="quality", **ask)
    assert heard(exception) == []
    assert (added.required, added.next_level_at, added.remind_at) == (True, None, None)
    assert exception.events.get(kind="function_added").text.endswith("(capture only here: nobody was told)")
    # nobody hears of it later either
    with clock.travel(clock.now() + timedelta(days=1)):
        services.escalate_due()
        services.watch()
    assert heard(exception) == []

    # with the word that they be told, they are, and only they
    services.add_function(function_code="planning", tell=True, **ask)
    assert {function for function, _ in heard(exception)} == {"planning"}
    planning = live(exception, "planning")
    assert planning.next_level_at is not None
    services.set_required(
        response_id=live(exception, "quality").pk,
        required=False,
        actor=plant.people["ingrid.vogel"],
        why="fyi",
    )
    services.set_required(
        response_id=live(exception, "quality").pk,
        required=True,
        actor=plant.people["ingrid.vogel"],
        why="no, asked",
    )
    assert {function for function, _ in heard(exception)} == {"planning"}
    services.set_required(
        response_id=live(exception, "quality").pk,
        required=False,
        actor=plant.people["ingrid.vogel"],
        why="fyi",
    )
    services.set_required(
        response_id=live(exception, "quality").pk, required=True, actor=plant.people["ingrid.vogel"], why="asked",
        tell=True,
    )  # fmt: skip
    assert {function for function, _ in heard(exception)} == {"planning", "quality"}


@pytest.mark.parametrize("function", ["maintenance", "quality"])
def test_a_quiet_record_changes_hands_quietly_unless_somebody_wants_it_told(
    plant: KolbeMini, function: str
) -> None:
    switch(plant, Level.CAPTURE)
    exception = say(plant)
    planner = plant.people["ingrid.vogel"]
    give = {"exception_id": exception.pk, "actor": planner, "function_code": function}

    services.reroute(reason="theirs", **give)
    assert heard(exception) == []
    exception.refresh_from_db()
    assert exception.owner_function.code == function
    assert exception.next_escalation_at is None
    # a no of the new owner is as quiet, and so is a change of shift
    owner = exception.responses.get(is_owner=True)
    services.decline(response_id=owner.pk, actor=owner.person or planner, via="inbox", reason="not here")
    later = clock.now() + timedelta(hours=12)
    Absence.objects.create(
        person=exception.responses.get(is_owner=True).person or planner, start=clock.now(), end=later
    )
    with clock.travel(clock.now() + timedelta(minutes=1)):
        services.change_shifts()
    with clock.travel(later):
        services.change_shifts()
        services.escalate_due()
    assert heard(exception) == []

    services.reroute(reason="now really", tell=True, **give)
    assert heard(exception)[0][0] == function
    exception.refresh_from_db()
    # its decision has a clock again, its ladder climbs
    assert exception.next_escalation_at is not None
    fresh = exception.responses.get(is_owner=True)
    before = len(heard(exception))
    with clock.travel(clock.now() + timedelta(days=1)):
        services.escalate_due()
    assert len(heard(exception)) > before
    # from then on it stays told: another owner hears of it without a further word
    services.reroute(exception_id=exception.pk, actor=planner, function_code="planning", reason="plans")
    assert "planning" in {name for name, _ in heard(exception)}
    assert fresh.pk != exception.responses.get(is_owner=True).pk


def test_a_loud_record_needs_no_word(plant: KolbeMini) -> None:
    exception = say(plant)
    switch(plant, Level.CAPTURE)
    services.reroute(
        exception_id=exception.pk,
        actor=plant.people["ingrid.vogel"],
        function_code="quality",
        reason="theirs",
    )
    assert "quality" in {name for name, _ in heard(exception)}


def test_a_quiet_acknowledgement_is_never_asked_again(plant: KolbeMini) -> None:
    switch(plant, Level.CAPTURE)
    exception = say(plant)
    services.acknowledge(response_id=exception.responses.get().pk, actor=exception.owner, via="desk")
    for days in (1, 2, 3):
        with clock.travel(clock.now() + timedelta(days=days)):
            services.escalate_due()
    assert heard(exception) == []
    assert exception.responses.get().status == "acknowledged"


# --- steps that have to be wanted -----------------------------------------------------------------------------------
def step(
    plant: KolbeMini, level: str, confirm: str = "", type_: str = "", capability: str = "response"
) -> list[str]:
    """Take a step; the codes it warned of, empty when it was taken."""
    asked = {
        "site": plant.rhf, "capability": capability, "level": level,
        "type_": ExceptionType.objects.get(code=type_) if type_ else None,
    }  # fmt: skip
    found = warnings_of(**asked)
    if found and confirm != confirmation(capability, level, found):
        with pytest.raises(TransitionRefused) as refused:
            services.take_step(actor=plant.people["helena.kraus"], confirm=confirm, **asked)
        assert refused.value.code == "adoption.confirm"
        assert refused.value.extra["confirm"] == confirmation(capability, level, found)
        return [one["code"] for one in refused.value.extra["warnings"]]
    services.take_step(actor=plant.people["helena.kraus"], confirm=confirm, **asked)
    return []


def test_less_for_a_safety_type_has_to_be_confirmed(plant: KolbeMini) -> None:
    assert step(plant, "capture", type_="safety_stop") == ["safety"]
    assert not AdoptionStep.objects.exists()
    # a yes to something else is none
    assert step(plant, "capture", "response:routed:safety", type_="safety_stop") == ["safety"]
    assert step(plant, "capture", "response:capture:safety", type_="safety_stop") == []
    # back to everything needs no word
    assert step(plant, "coordinated", type_="safety_stop") == []
    # the site's step does not reach a type with a level of its own
    assert step(plant, "routed", type_="machine_downtime") == []
    assert step(plant, "capture") == []
    assert AdoptionStep.objects.count() == 4


def test_a_sites_step_takes_the_safety_types_along(plant: KolbeMini) -> None:
    assert step(plant, "capture") == ["safety"]
    assert step(plant, "off", capability="write_back") == ["safety"]
    assert step(plant, "off", capability="sequence") == []


def test_less_while_records_are_open_has_to_be_confirmed(plant: KolbeMini) -> None:
    exception = say(plant)
    kind = exception.type.code
    assert step(plant, "routed", type_="quality_hold") == []
    assert step(plant, "routed", type_=kind) == ["lower"]
    assert step(plant, "capture") == ["safety", "lower"]
    assert step(plant, "routed", "response:routed:lower", type_=kind) == []
    # more than before is no warning
    assert step(plant, "coordinated", type_=kind) == []
    # nor is one more of the same
    assert step(plant, "coordinated", type_=kind) == []
    assert level_of(plant.rhf, Capability.RESPONSE, exception.type_id) == Level.COORDINATED
