"""Unit states, constraints, re-sequence requests."""

import threading
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from core import clock
from core.errors import InvalidInput
from plant_app import models, selectors, services
from plant_app.models import ConstraintKind, UnitState
from tests import factories as make
from tests.plant_fixtures import KolbeMini


def test_new_state_closes_the_open_stretch(kolbe_mini: KolbeMini) -> None:
    unit, at = kolbe_mini.units["CNC-04"], kolbe_mini.now - timedelta(minutes=20)
    stretch = services.set_unit_state(
        work_unit=unit, state=UnitState.DOWN, at=at, note="spindle", origin_ref="x:1"
    )
    rows = list(unit.states.order_by("since"))
    assert [(row.state, row.until) for row in rows] == [("running", at), ("down", None)]
    assert (stretch.note, stretch.origin_ref) == ("spindle", "x:1")


def test_same_state_again_opens_no_second_stretch(kolbe_mini: KolbeMini) -> None:
    unit = kolbe_mini.units["CNC-04"]
    before = unit.states.get()
    again = services.set_unit_state(work_unit=unit, state=UnitState.RUNNING)
    assert again.pk == before.pk
    assert again.since == before.since


def test_a_moment_before_the_open_stretch_never_overlaps(kolbe_mini: KolbeMini) -> None:
    unit = kolbe_mini.units["CNC-04"]
    since = unit.states.get().since
    services.set_unit_state(work_unit=unit, state=UnitState.DOWN, at=since - timedelta(hours=3))
    row = unit.states.get()
    assert (row.state, row.since, row.until) == ("down", since, None)


def test_unknown_state_is_refused(kolbe_mini: KolbeMini) -> None:
    with pytest.raises(InvalidInput) as refusal:
        services.set_unit_state(work_unit=kolbe_mini.units["CNC-04"], state="broken")
    assert refusal.value.code == "unit.unknown_state"
    assert kolbe_mini.units["CNC-04"].states.count() == 1


def down(plant: KolbeMini, ends_at: datetime | None = None, **kwargs: object) -> models.Constraint:
    return services.impose_constraint(
        kind=ConstraintKind.UNIT_DOWN, site=plant.rhf, work_unit=plant.units["CNC-04"], origin_ref="x:1",
        ends_at=ends_at, estimated=True, **kwargs,  # type: ignore[arg-type]
    )  # fmt: skip


def test_imposing_again_restates(kolbe_mini: KolbeMini) -> None:
    first = down(kolbe_mini)
    later = kolbe_mini.now + timedelta(hours=3)
    second = down(kolbe_mini, later)
    assert second.pk == first.pk
    assert selectors.open_constraints(kolbe_mini.rhf).get().ends_at == later
    other = services.impose_constraint(
        kind=ConstraintKind.UNIT_DOWN,
        site=kolbe_mini.rhf,
        work_unit=kolbe_mini.units["CNC-05"],
        origin_ref="x:1",
    )
    assert other.pk != first.pk


def test_lifting_ends_only_what_the_origin_put_there(kolbe_mini: KolbeMini) -> None:
    down(kolbe_mini)
    kept = services.impose_constraint(
        kind=ConstraintKind.UNIT_DOWN,
        site=kolbe_mini.rhf,
        work_unit=kolbe_mini.units["CNC-04"],
        origin_ref="x:2",
    )
    person = kolbe_mini.people["jonas.keller"]
    assert services.lift_constraints(origin_ref="x:1", actor=person) == 1
    assert services.lift_constraints(origin_ref="x:1", actor=person) == 0
    assert list(selectors.open_constraints(kolbe_mini.rhf)) == [kept]
    lifted = models.Constraint.objects.get(origin_ref="x:1")
    assert lifted.lifted_by == person
    assert lifted.lifted_at is not None


def test_restating_says_the_date_is_no_longer_a_guess(kolbe_mini: KolbeMini) -> None:
    constraint = down(kolbe_mini)
    until = kolbe_mini.now + timedelta(hours=4)
    assert services.restate_constraint(origin_ref="x:1", ends_at=until, estimated=False) == [constraint]
    constraint.refresh_from_db()
    assert (constraint.ends_at, constraint.estimated) == (until, False)
    services.lift_constraints(origin_ref="x:1")
    assert services.restate_constraint(origin_ref="x:1", ends_at=None, estimated=True) == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"kind": "flood"}, "constraint.unknown_kind"),
        ({"kind": ConstraintKind.MATERIAL_SHORT}, "constraint.names_nothing"),
        ({"origin_ref": ""}, "constraint.no_origin"),
        ({"past_end": True}, "constraint.ends_before_start"),
    ],
)
def test_a_constraint_that_limits_nothing_is_refused(kolbe_mini: KolbeMini, wrong: dict, code: str) -> None:
    values = {
        "kind": ConstraintKind.UNIT_DOWN,
        "origin_ref": "x:1",
        "work_unit": kolbe_mini.units["CNC-04"],
    } | wrong
    if values.pop("past_end", False):
        values["ends_at"] = kolbe_mini.now - timedelta(days=1)
    with pytest.raises(InvalidInput) as refusal:
        services.impose_constraint(site=kolbe_mini.rhf, **values)
    assert refusal.value.code == code
    assert not models.Constraint.objects.exists()
    assert not models.ResequenceRequest.objects.exists()


def test_every_cause_is_kept_for_the_next_run(kolbe_mini: KolbeMini) -> None:
    with clock.travel(kolbe_mini.now):
        services.request_resequence(site=kolbe_mini.rhf, cause="a", delay_seconds=2)
        services.request_resequence(site=kolbe_mini.gvl, cause="c")
    with clock.travel(kolbe_mini.now + timedelta(seconds=1)):
        services.request_resequence(site=kolbe_mini.rhf, cause="b")
    rows = models.ResequenceRequest.objects.filter(site=kolbe_mini.rhf)
    assert [(row.cause, row.due_at - kolbe_mini.now) for row in rows] == [
        ("a", timedelta(seconds=2)), ("b", timedelta(seconds=3)),
    ]  # fmt: skip


def test_a_change_tells_boards_and_wakes_the_sequencer_after_commit_only(
    kolbe_mini: KolbeMini, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    hinted: list[tuple[tuple[str, ...], dict]] = []
    woken: list[str] = []
    monkeypatch.setattr("core.hints._send", lambda groups, message: hinted.append((groups, message)))
    monkeypatch.setattr("core.wake._waker", [woken.append])
    unit = kolbe_mini.units["CNC-04"]
    with django_capture_on_commit_callbacks() as promised:
        services.set_unit_state(work_unit=unit, state=UnitState.DOWN)
        down(kolbe_mini)
        assert (hinted, woken) == ([], [])
    for promise in promised:
        promise()
    site, area = f"site.{kolbe_mini.rhf.pk}", f"area.{kolbe_mini.areas['MACH'].pk}"
    assert (hinted[0][0][:2], hinted[0][1]["kind"]) == ((site, area), "unit")
    assert (hinted[1][0], hinted[1][1]["kind"]) == ((site,), "constraint")
    assert woken == ["resequence"]


@pytest.mark.django_db(transaction=True)
def test_reporting_a_change_never_waits_for_a_sequence_being_computed() -> None:
    site = make.SiteFactory()
    services.request_resequence(site=site, cause="first")
    done = threading.Event()

    def report() -> None:
        try:
            services.impose_constraint(
                kind="unit_down", site=site, work_unit=make.WorkUnitFactory(work_centre__area__site=site),
                origin_ref="x:9",
            )  # fmt: skip
            done.set()
        finally:
            connection.close()

    with transaction.atomic():
        models.Site.objects.select_for_update(no_key=True).get(pk=site.pk)
        models.ResequenceRequest.objects.filter(site=site).delete()
        reporter = threading.Thread(target=report)
        reporter.start()
        assert done.wait(20)
    reporter.join(20)
    assert [row.cause for row in models.ResequenceRequest.objects.all()] == ["unit_down x:9"]


@pytest.mark.django_db(transaction=True)
def test_the_same_constraint_imposed_twice_at_once_is_one() -> None:
    unit = make.WorkUnitFactory()
    site = unit.work_centre.area.site
    start = threading.Barrier(4)

    def impose() -> None:
        try:
            start.wait(20)
            services.impose_constraint(kind="unit_down", site=site, work_unit=unit, origin_ref="x:1")
        finally:
            connection.close()

    threads = [threading.Thread(target=impose) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert models.Constraint.objects.filter(origin_ref="x:1", lifted_at=None).count() == 1
    assert models.ResequenceRequest.objects.count() == 4


def test_constraints_of_a_unit_come_from_all_its_places(kolbe_mini: KolbeMini) -> None:
    unit = kolbe_mini.units["CNC-04"]
    wanted = [
        down(kolbe_mini),
        services.impose_constraint(
            kind="crew_short", site=kolbe_mini.rhf, work_centre=kolbe_mini.centres["MILL5"], origin_ref="x:2",
            missing=1,
        ),
        services.impose_constraint(
            kind="place_locked", site=kolbe_mini.rhf, area=kolbe_mini.areas["MACH"], origin_ref="x:3"
        ),
    ]  # fmt: skip
    services.impose_constraint(
        kind="unit_slow", site=kolbe_mini.rhf, work_unit=kolbe_mini.units["CNC-05"], origin_ref="x:4",
        factor=Decimal("0.8"),
    )  # fmt: skip
    assert set(selectors.constraints_on_unit(unit)) == set(wanted)
