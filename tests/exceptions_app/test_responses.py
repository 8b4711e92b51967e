"""Every affected function answers on its own clock; who may, in which order, and what moves with it."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.errors import InvalidInput, NotAllowed, StaleVersion, TransitionRefused
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Response, Telling
from plant_app.models import Absence
from tests import factories as make
from tests.exceptions_app.conftest import MORNING, Report, owner_response, response_of
from tests.plant_fixtures import KolbeMini


@pytest.fixture
def stopped(plant: KolbeMini, report: Report) -> ExceptionRecord:
    """Press 4 is down; maintenance owns it, production and planning are affected."""
    exception = report("press 4 down, hydraulic leak").exception
    assert exception is not None
    return exception


def test_the_owners_yes_moves_the_record_and_stops_its_ladder(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    jonas = plant.people["jonas.keller"]

    with clock.travel(MORNING + timedelta(minutes=3)):
        services.acknowledge(response_id=owner_response(stopped).pk, actor=jonas, via="inbox")

    stopped.refresh_from_db()
    response = owner_response(stopped)
    assert (stopped.status, stopped.owner) == ("acknowledged", jonas)
    assert stopped.acknowledged_at == MORNING + timedelta(minutes=3)
    assert (response.status, response.next_level_at) == ("acknowledged", None)
    assert response.acknowledged_by == jonas
    assert Telling.objects.get(response=response).dropped == "acknowledged"
    assert stopped.aligned_at is None
    assert stopped.next_step.startswith("Jonas Keller decides by ")
    assert "Production and Planning still to acknowledge" in stopped.next_step


def test_the_last_required_yes_aligns_and_a_later_function_unaligns(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    for minutes, (function, person) in enumerate(
        (("production", "nils.ahrens"), ("maintenance", "jonas.keller"), ("planning", "ingrid.vogel")), 1
    ):
        stopped.refresh_from_db()
        assert stopped.aligned_at is None
        with clock.travel(MORNING + timedelta(minutes=minutes)):
            services.acknowledge(
                response_id=response_of(stopped, function).pk, actor=plant.people[person], via="inbox"
            )

    stopped.refresh_from_db()
    aligned = MORNING + timedelta(minutes=3)
    assert (stopped.aligned_at, stopped.first_aligned_at) == (aligned, aligned)
    with clock.travel(MORNING + timedelta(minutes=10)):
        added = services.add_function(
            exception_id=stopped.pk, function_code="quality", required=True, actor=plant.people["ingrid.vogel"],
            why="parts made since the last good check",
        )  # fmt: skip
    stopped.refresh_from_db()
    assert (stopped.aligned_at, stopped.first_aligned_at) == (None, aligned)
    assert added.person == plant.people["priya.nair"]
    assert added.due_at == MORNING + timedelta(minutes=10)
    assert Telling.objects.filter(response=added, person=plant.people["priya.nair"]).exists()
    with clock.travel(MORNING + timedelta(minutes=12)):
        services.acknowledge(response_id=added.pk, actor=plant.people["priya.nair"], via="link")
    stopped.refresh_from_db()
    assert (stopped.aligned_at, stopped.first_aligned_at) == (MORNING + timedelta(minutes=12), aligned)
    assert list(stopped.events.filter(kind="aligned").values_list("data__again", flat=True)) == [False, True]


def test_on_my_way_arrived_acting_done_go_forwards_only(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    jonas, pk = plant.people["jonas.keller"], owner_response(stopped).pk
    eta = MORNING + timedelta(minutes=5)

    services.on_my_way(response_id=pk, actor=jonas, via="inbox", eta=eta)
    services.arrived(response_id=pk, actor=jonas, via="station")
    services.finish(response_id=pk, actor=jonas, via="inbox")
    services.act(response_id=pk, actor=jonas, via="inbox")

    response = owner_response(stopped)
    assert (response.status, response.eta_at) == ("done", eta)
    assert response.acknowledged_at == response.arrived_at == response.done_at == MORNING
    kinds = list(stopped.events.order_by("pk").values_list("kind", flat=True))
    assert kinds == ["opened", "routed", "acknowledged", "on_the_way", "arrived", "finished"]


def test_only_the_function_a_planner_or_somebody_told_may_answer(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    pk = owner_response(stopped).pk

    for name in ("priya.nair", "piotr.nowak", "tyler.reed", "robert.kolbe"):
        with pytest.raises(NotAllowed) as refusal:
            services.acknowledge(response_id=pk, actor=plant.people[name], via="inbox")
        assert refusal.value.code == "exceptions.not_your_response"
    stopped.refresh_from_db()
    assert (stopped.status, stopped.version) == ("open", 0)

    Telling.objects.create(
        exception=stopped, response_id=pk, person=plant.people["robert.kolbe"], reason="escalation"
    )
    services.acknowledge(response_id=pk, actor=plant.people["robert.kolbe"], via="inbox")
    assert owner_response(stopped).acknowledged_by == plant.people["robert.kolbe"]


def test_a_planner_may_answer_for_anybody(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    services.acknowledge(
        response_id=owner_response(stopped).pk, actor=plant.people["ingrid.vogel"], via="desk"
    )

    stopped.refresh_from_db()
    assert (stopped.status, stopped.owner) == ("acknowledged", plant.people["ingrid.vogel"])


def test_declining_asks_the_next_level_and_counts_against_first_pass(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    jonas, first = plant.people["jonas.keller"], owner_response(stopped)
    services.acknowledge(response_id=first.pk, actor=jonas, via="inbox")

    with clock.travel(MORNING + timedelta(minutes=4)):
        fresh = services.decline(
            response_id=first.pk, actor=jonas, via="inbox", reason="electrical, not mine"
        )

    stopped.refresh_from_db()
    first.refresh_from_db()
    assert (first.status, first.is_owner, first.decline_reason) == ("declined", False, "electrical, not mine")
    assert fresh == owner_response(stopped)
    assert (fresh.role, fresh.person) == ("maintenance_lead", plant.people["bernd.hauser"])
    assert fresh.due_at == MORNING + timedelta(minutes=4)
    assert (stopped.status, stopped.reroute_count, stopped.acknowledged_at) == ("open", 1, None)
    assert stopped.owner == plant.people["bernd.hauser"]
    assert stopped.next_step.startswith("Bernd Hauser acknowledges by ")
    told = Telling.objects.get(response=fresh)
    assert (told.person, told.reason) == (plant.people["bernd.hauser"], "reroute")
    with pytest.raises(TransitionRefused) as refusal:
        services.acknowledge(response_id=first.pk, actor=jonas, via="inbox")
    assert refusal.value.code == "exceptions.response_declined"


def test_declining_asks_a_colleague_before_the_boss(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    colleague = make.UserFactory(username="second.tech", function=plant.functions["maintenance"])
    make.DutyAssignmentFactory(
        person=colleague,
        duty="technician",
        function=plant.functions["maintenance"],
        site=plant.rhf,
        position=5,
    )

    fresh = services.decline(
        response_id=owner_response(stopped).pk, actor=plant.people["jonas.keller"], via="inbox", reason="busy"
    )

    assert (fresh.role, fresh.person) == ("technician", colleague)


def test_a_function_that_does_not_own_declines_without_costing_first_pass(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    fresh = services.decline(
        response_id=response_of(stopped, "planning").pk, actor=plant.people["ingrid.vogel"], via="inbox",
        reason="on leave from noon",
    )  # fmt: skip

    stopped.refresh_from_db()
    assert (fresh.function.code, fresh.person) == ("planning", plant.people["helena.kraus"])
    assert (stopped.reroute_count, stopped.owner) == (0, plant.people["jonas.keller"])


def test_declining_needs_a_reason(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    with pytest.raises(InvalidInput) as refusal:
        services.decline(
            response_id=owner_response(stopped).pk,
            actor=plant.people["jonas.keller"],
            via="inbox",
            reason="  ",
        )

    assert refusal.value.code == "exceptions.reason_missing"
    assert Response.objects.filter(status="declined").count() == 0


def test_rerouting_to_another_function_keeps_the_former_affected(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    jonas = plant.people["jonas.keller"]
    services.acknowledge(response_id=owner_response(stopped).pk, actor=jonas, via="inbox")
    stopped.refresh_from_db()

    fresh = services.reroute(
        exception_id=stopped.pk, actor=plant.people["ingrid.vogel"], function_code="quality", reason="bad parts",
        expected_version=stopped.version,
    )  # fmt: skip

    stopped.refresh_from_db()
    assert (fresh.function.code, fresh.person, fresh.is_owner) == (
        "quality",
        plant.people["priya.nair"],
        True,
    )
    assert (stopped.owner_function.code, stopped.owner_role) == ("quality", "inspector")
    assert (stopped.status, stopped.reroute_count) == ("open", 1)
    former = response_of(stopped, "maintenance")
    assert (former.is_owner, former.status, former.acknowledged_by) == (False, "acknowledged", jonas)
    assert not Response.objects.filter(exception=stopped, status="declined").exists()


def test_rerouting_to_an_affected_function_begins_its_clock_anew(
    plant: KolbeMini, stopped: ExceptionRecord
) -> None:
    with clock.travel(MORNING + timedelta(minutes=9)):
        fresh = services.reroute(
            exception_id=stopped.pk, actor=plant.people["ingrid.vogel"], function_code="production",
            role="shift_supervisor", reason="waits for material, not for a repair",
        )  # fmt: skip

    assert (fresh.role, fresh.person) == ("shift_supervisor", plant.people["katrin.weber"])
    assert fresh.due_at == MORNING + timedelta(minutes=9)
    assert owner_response(stopped) == fresh
    assert Response.objects.filter(exception=stopped, is_owner=True).count() == 1


def test_a_stale_page_is_refused_and_says_who_was_faster(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    seen = stopped.version
    services.acknowledge(
        response_id=owner_response(stopped).pk, actor=plant.people["jonas.keller"], via="inbox"
    )

    with pytest.raises(StaleVersion) as refusal:
        services.reroute(
            exception_id=stopped.pk, actor=plant.people["ingrid.vogel"], function_code="quality", reason="bad parts",
            expected_version=seen,
        )  # fmt: skip

    assert refusal.value.code == "exceptions.stale"
    assert refusal.value.extra["changed_by"] == "Jonas Keller"
    assert refusal.value.extra["change"] == "acknowledged"
    stopped.refresh_from_db()
    assert stopped.reroute_count == 0


def test_taking_over_makes_it_mine_and_leaves_the_clock(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    before = owner_response(stopped)

    services.take_over(response_id=before.pk, actor=plant.people["bernd.hauser"])

    stopped.refresh_from_db()
    after = owner_response(stopped)
    assert (after.person, stopped.owner) == (plant.people["bernd.hauser"],) * 2
    assert (after.status, after.acknowledge_due_at) == (before.status, before.acknowledge_due_at)
    assert stopped.reroute_count == 0
    assert stopped.events.filter(kind="taken_over").count() == 1


def test_told_delivered_seen_never_overwrite_an_answer(plant: KolbeMini, stopped: ExceptionRecord) -> None:
    pk = owner_response(stopped).pk
    services.mark_told(response_id=pk)
    services.mark_told(response_id=pk)
    services.mark_seen(response_id=pk, actor=plant.people["jonas.keller"])
    assert owner_response(stopped).status == "seen"
    stopped.refresh_from_db()
    assert stopped.version == 0

    services.acknowledge(response_id=pk, actor=plant.people["jonas.keller"], via="inbox")
    services.mark_delivered(response_id=pk)

    response = owner_response(stopped)
    assert (response.status, response.delivered_at) == ("acknowledged", MORNING)
    assert list(stopped.events.order_by("pk").values_list("kind", flat=True)) == [
        "opened", "routed", "told", "seen", "acknowledged",
    ]  # fmt: skip


def test_many_are_told_at_once_each_once_and_never_over_an_answer(
    plant: KolbeMini, stopped: ExceptionRecord, report: Report, django_assert_max_num_queries: Any
) -> None:
    other = report("press 3 down, hydraulic leak").exception
    assert other is not None
    answered = owner_response(other)
    services.acknowledge(response_id=answered.pk, actor=answered.person, via="inbox")
    everybody = set(Response.objects.values_list("pk", flat=True))
    first = owner_response(stopped).pk
    services.mark_told(response_id=first)

    with django_assert_max_num_queries(8):
        assert services.mark_many_told(response_ids=everybody) == everybody
    assert services.mark_many_told(response_ids=everybody) == everybody
    assert services.mark_many_told(response_ids=set()) == set()

    assert not Response.objects.filter(told_at=None).exists()
    assert owner_response(other).status == "acknowledged"
    assert set(stopped.responses.values_list("status", flat=True)) == {"told"}
    assert stopped.events.filter(kind="told").count() == stopped.responses.count()
    # the answer said already that its person knew
    assert other.events.filter(kind="told").count() == other.responses.count() - 1


def test_among_equals_the_one_with_least_is_asked(plant: KolbeMini, report: Report) -> None:
    colleague = make.UserFactory(username="second.tech", function=plant.functions["maintenance"])
    make.DutyAssignmentFactory(
        person=colleague, duty="technician", function=plant.functions["maintenance"], site=plant.rhf
    )

    owners = [
        report(f"{machine} down, hydraulic leak").exception.owner.username
        for machine in ("press 3", "press 4", "mill 4", "mill 5")
    ]

    assert owners == ["jonas.keller", "second.tech", "jonas.keller", "second.tech"]


def test_somebody_who_comes_on_duty_gets_what_waited(plant: KolbeMini, report: Report) -> None:
    Absence.objects.create(
        person=plant.people["jonas.keller"],
        start=MORNING - timedelta(hours=1),
        end=MORNING + timedelta(minutes=30),
    )
    exception = report("press 4 down, hydraulic leak").exception
    held = Telling.objects.get(role="technician")
    Telling.objects.filter(pk=held.pk).update(taken_at=MORNING, dropped="nobody on duty")

    with clock.travel(MORNING + timedelta(minutes=10)):
        assert services.staff_held() == 0
    with clock.travel(MORNING + timedelta(minutes=40)):
        assert services.staff_held() == 1

    exception.refresh_from_db()
    assert exception.owner == plant.people["jonas.keller"]
    assert owner_response(exception).person == plant.people["jonas.keller"]
    fresh = Telling.objects.get(person=plant.people["jonas.keller"])
    assert (fresh.taken_at, fresh.text) == (None, "You came on duty; it waits for 40 min")
    with clock.travel(MORNING + timedelta(hours=3)):
        assert services.staff_held() == 0
