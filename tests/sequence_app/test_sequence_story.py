"""A stop changes the order of work: it is proposed with its reason, and the floor says yes or no."""

from datetime import timedelta

import pytest

from core import clock
from core.errors import InvalidInput, NotFound, TransitionRefused
from plant_app.models import Constraint, PlannedOperation, PlanOverride, ResequenceRequest
from plant_app.services import impose_constraint, publish_plan
from sequence_app import services
from sequence_app.models import Recommendation, SequenceVersion
from sequence_app.selectors import constraints, queues
from tests.plant_fixtures import KolbeMini


def settle(plant: KolbeMini) -> None:
    """The plan as it is: ERP's order replaced by a first sequence, nothing recommended."""
    PlannedOperation.objects.filter(operation__work_order__site=plant.rhf).delete()
    services.propose(site=plant.rhf)
    Recommendation.objects.all().delete()


def stop(plant: KolbeMini, unit: str, hours: float) -> Constraint:
    return impose_constraint(
        kind="unit_down",
        site=plant.rhf,
        origin_ref="exception:1",
        work_unit=plant.units[unit],
        starts_at=clock.now() - timedelta(minutes=5),
        ends_at=clock.now() + timedelta(hours=hours),
        estimated=True,
        note="CNC-04 down",
    )


def test_without_a_plan_the_first_sequence_becomes_the_plan(kolbe_mini: KolbeMini) -> None:
    PlannedOperation.objects.filter(operation__work_order__site=kolbe_mini.rhf).delete()
    version = services.propose(site=kolbe_mini.rhf, causes=["first"])
    assert (
        version.rows.count()
        == PlannedOperation.objects.filter(operation__work_order__site=kolbe_mini.rhf).count()
    )
    assert not Recommendation.objects.exists()
    # the other site's plan is untouched
    assert not SequenceVersion.objects.filter(site=kolbe_mini.gvl).exists()


def test_a_stop_is_answered_with_a_recommendation_and_the_plan_waits(kolbe_mini: KolbeMini) -> None:
    settle(kolbe_mini)
    before = {row.operation_id: row.work_unit_id for row in PlannedOperation.objects.all()}
    # given the grinder the next step of WO-118204 is planned on down for a day
    stop(kolbe_mini, "GRD-01", 30)
    services.propose(site=kolbe_mini.rhf, causes=["EX-2026-000001 GRD-01 down"])
    found = Recommendation.objects.get()
    assert found.work_centre == kolbe_mini.centres["GRIND"]
    assert found.title == "WO-118204 on GRD-02 instead of GRD-01"
    assert found.reason.startswith("EX-2026-000001")
    # the published plan has not moved
    grind = kolbe_mini.operations["WO-118204/40"]
    assert PlannedOperation.objects.get(operation=grind).work_unit == kolbe_mini.units["GRD-01"]
    assert {row.operation_id: row.work_unit_id for row in PlannedOperation.objects.all()} == before


def test_confirming_publishes_it(kolbe_mini: KolbeMini) -> None:
    settle(kolbe_mini)
    stop(kolbe_mini, "GRD-01", 30)
    services.propose(site=kolbe_mini.rhf)
    found = Recommendation.objects.get()
    services.confirm(recommendation_id=found.pk, actor=kolbe_mini.people["tomas.ruiz"])
    grind = kolbe_mini.operations["WO-118204/40"]
    assert PlannedOperation.objects.get(operation=grind).work_unit == kolbe_mini.units["GRD-02"]
    with pytest.raises(TransitionRefused) as refused:
        services.confirm(recommendation_id=found.pk, actor=kolbe_mini.people["tomas.ruiz"])
    assert refused.value.code == "sequence.answered"
    # and it is not proposed again
    services.propose(site=kolbe_mini.rhf)
    assert not Recommendation.objects.filter(status="proposed").exists()


def test_overriding_keeps_the_plan_and_is_remembered(kolbe_mini: KolbeMini) -> None:
    settle(kolbe_mini)
    stop(kolbe_mini, "GRD-01", 30)
    services.propose(site=kolbe_mini.rhf)
    found = Recommendation.objects.get()
    lead = kolbe_mini.people["tomas.ruiz"]
    with pytest.raises(InvalidInput):
        services.override(recommendation_id=found.pk, actor=lead, reason="OTH")
    services.override(recommendation_id=found.pk, actor=lead, reason="TOOL")
    found.refresh_from_db()
    assert (found.status, found.override_reason, found.decided_by) == ("overridden", "TOOL", lead)
    grind = kolbe_mini.operations["WO-118204/40"]
    assert PlannedOperation.objects.get(operation=grind).work_unit == kolbe_mini.units["GRD-01"]
    assert Constraint.objects.get(kind="pinned").operation == grind
    # whoever hands over reads of it
    kept = PlanOverride.objects.get()
    assert (kept.work_centre, kept.by, kept.reason) == (found.work_centre, lead, "Tool or fixture not ready")
    services.propose(site=kolbe_mini.rhf)
    assert not Recommendation.objects.filter(status="proposed").exists()


def test_another_sites_people_find_no_such_recommendation(kolbe_mini: KolbeMini) -> None:
    settle(kolbe_mini)
    stop(kolbe_mini, "GRD-01", 30)
    services.propose(site=kolbe_mini.rhf)
    found = Recommendation.objects.get()
    with pytest.raises(NotFound):
        services.confirm(recommendation_id=found.pk, actor=kolbe_mini.people["maya.johnson"])
    found.refresh_from_db()
    assert found.status == "proposed"


def test_a_recommendation_that_no_longer_holds_is_superseded(kolbe_mini: KolbeMini) -> None:
    settle(kolbe_mini)
    down = stop(kolbe_mini, "GRD-01", 30)
    services.propose(site=kolbe_mini.rhf)
    down.lifted_at = clock.now()
    down.save()
    services.propose(site=kolbe_mini.rhf)
    assert Recommendation.objects.get().status == "superseded"


def test_started_work_never_moves(kolbe_mini: KolbeMini) -> None:
    settle(kolbe_mini)
    running = kolbe_mini.operations["WO-118204/30"]
    stop(kolbe_mini, "CNC-04", 10)
    version = services.propose(site=kolbe_mini.rhf)
    row = version.rows.get(operation=running)
    assert (row.work_unit, row.binding, row.pinned) == (kolbe_mini.units["CNC-04"], "started", True)


def test_a_request_is_worked_off_once(kolbe_mini: KolbeMini) -> None:
    settle(kolbe_mini)
    stop(kolbe_mini, "GRD-01", 30)
    ResequenceRequest.objects.update(due_at=clock.now() - timedelta(seconds=1))
    assert services.resequence_due() == 1
    assert services.resequence_due() == 0
    assert not ResequenceRequest.objects.filter(site=kolbe_mini.rhf).exists()
    assert "unit_down exception:1" in SequenceVersion.objects.filter(site=kolbe_mini.rhf).first().causes


def test_the_page_shows_queues_and_constraints(kolbe_mini: KolbeMini) -> None:
    settle(kolbe_mini)
    stop(kolbe_mini, "GRD-01", 30)
    services.propose(site=kolbe_mini.rhf)
    found = {queue.centre.code: queue for queue in queues(kolbe_mini.rhf)}
    assert found["GRIND"].recommendation is not None
    assert found["MILL5"].recommendation is None
    assert [row.planned.operation.work_order.number for row in found["PRESS"].rows] == ["WO-118300"]
    assert [(row.constraint.kind, row.exception) for row in constraints(kolbe_mini.rhf)] == [
        ("unit_down", None)
    ]


def test_publishing_an_empty_plan_leaves_no_rows(kolbe_mini: KolbeMini) -> None:
    publish_plan(site=kolbe_mini.rhf, rows=[])
    assert not PlannedOperation.objects.filter(operation__work_order__site=kolbe_mini.rhf).exists()
