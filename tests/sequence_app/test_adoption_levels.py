"""A sequence is switched on by steps: off follows ERP, advising only says, confirming publishes what is confirmed."""

import pytest

from core.errors import TransitionRefused
from plant_app.models import Capability, Level, PlannedOperation
from plant_app.services import request_resequence, set_level
from sequence_app import services
from sequence_app.models import Recommendation, SequenceVersion
from tests.plant_fixtures import KolbeMini
from tests.sequence_app.test_sequence_story import settle, stop


def switch(plant: KolbeMini, level: str) -> None:
    set_level(site=plant.rhf, capability=Capability.SEQUENCE, level=level, actor=None)


def work_off(plant: KolbeMini) -> None:
    """What is due is done, as the worker does it."""
    request = request_resequence(site=plant.rhf, cause="test", delay_seconds=0)
    assert request is not None
    services.resequence_due()


def test_off_keeps_erps_order_and_asks_nobody(kolbe_mini: KolbeMini) -> None:
    plant = kolbe_mini
    settle(plant)
    stop(plant, "GRD-01", 30)
    services.propose(site=plant.rhf)
    assert Recommendation.objects.get().status == "proposed"
    versions = SequenceVersion.objects.count()
    # when the sequence is switched off
    switch(plant, Level.OFF)
    work_off(plant)
    # then nothing new is computed, what was recommended is withdrawn
    assert SequenceVersion.objects.count() == versions
    assert Recommendation.objects.get().status == "superseded"
    # and the plan is ERP's: its times, its units
    rows = PlannedOperation.objects.filter(operation__work_order__site=plant.rhf).select_related("operation")
    assert {row.origin for row in rows} == {"erp"}
    assert all(
        (row.start, row.end) == (row.operation.planned_start, row.operation.planned_end) for row in rows
    )
    grind = rows.get(operation=plant.operations["WO-118204/40"])
    assert grind.work_unit == plant.operations["WO-118204/40"].work_unit
    # the other site goes on
    assert not Recommendation.objects.filter(site=plant.gvl).exists()


def test_advising_says_what_it_would_do_and_publishes_only_erps_order(kolbe_mini: KolbeMini) -> None:
    plant = kolbe_mini
    settle(plant)
    switch(plant, Level.ADVISING)
    stop(plant, "GRD-02", 30)
    work_off(plant)
    found = Recommendation.objects.get(status="proposed")
    assert found.title == "WO-118204 on GRD-01 instead of GRD-02"
    # the plan keeps ERP's unit
    grind = PlannedOperation.objects.get(operation=plant.operations["WO-118204/40"])
    assert (grind.work_unit, grind.origin) == (plant.units["GRD-02"], "erp")
    # confirming is not for here, and changes nothing
    with pytest.raises(TransitionRefused) as refused:
        services.confirm(recommendation_id=found.pk, actor=plant.people["tomas.ruiz"])
    assert refused.value.code == "sequence.advising"
    found.refresh_from_db()
    assert found.status == "proposed"
    # what ERP then plans like this is no longer recommended
    operation = plant.operations["WO-118204/40"]
    operation.work_unit = plant.units["GRD-01"]
    operation.save()
    work_off(plant)
    assert not Recommendation.objects.filter(status="proposed").exists()


def test_the_next_step_takes_the_confirmation(kolbe_mini: KolbeMini) -> None:
    plant = kolbe_mini
    settle(plant)
    switch(plant, Level.ADVISING)
    stop(plant, "GRD-02", 30)
    work_off(plant)
    switch(plant, Level.CONFIRMING)
    work_off(plant)
    found = Recommendation.objects.get(status="proposed")
    services.confirm(recommendation_id=found.pk, actor=plant.people["tomas.ruiz"])
    grind = PlannedOperation.objects.get(operation=plant.operations["WO-118204/40"])
    assert (grind.work_unit, grind.origin) == (plant.units["GRD-01"], "sequence")
