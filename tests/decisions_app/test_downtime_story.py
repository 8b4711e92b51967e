"""A press goes down: contained, acknowledged, decided, repaired, closed; and what ERP gets at each step."""

from datetime import timedelta

import pytest

from core import clock
from core.errors import NotAllowed, TransitionRefused
from decisions_app import services as decisions
from decisions_app.models import PostingLink
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionEvent, ExceptionRecord
from plant_app.models import Constraint, UnitState, WorkUnitState
from tests.decisions_app.conftest import Report, response_of
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


def kinds(exception: ExceptionRecord) -> list[str]:
    return list(
        Posting.objects.filter(link__exception=exception).order_by("pk").values_list("kind", flat=True)
    )


def acknowledge_all(exception: ExceptionRecord, plant: KolbeMini) -> None:
    for response in exception.responses.filter(required=True):
        if response.status != "acknowledged" and response.person is not None:
            exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")


def alternate_inputs(plant: KolbeMini) -> dict[str, str]:
    start = clock.now() + timedelta(days=2)
    return {"to_unit": "PRS-03", "quantity": "380", "setup": "30", "start": start.isoformat()}


def test_opening_contains_the_unit_and_opens_a_maintenance_notification(
    plant: KolbeMini, report: Report
) -> None:
    # given a running press, when its operator reports it down
    exception = report(DOWN)
    # then the record says what was read
    assert (exception.type.code, exception.work_unit.code, exception.reason.code) == (
        "machine_downtime",
        "PRS-04",
        "MEC-LEAK",
    )
    assert exception.work_order.number == "WO-118300"
    # and the unit is down with an estimated end, its operation stopped
    constraint = Constraint.objects.get(kind="unit_down", lifted_at=None)
    assert (constraint.work_unit, constraint.estimated) == (plant.units["PRS-04"], True)
    assert constraint.ends_at is not None
    assert constraint.ends_at > clock.now()
    assert WorkUnitState.objects.get(work_unit=plant.units["PRS-04"], until=None).state == UnitState.DOWN
    exception.operation.refresh_from_db()
    assert exception.operation.status == "stopped"
    # and only the notification has been asked for
    assert kinds(exception) == ["maintenance_notification"]
    assert exception.contained_at is not None
    assert exception.contain_due_at is None


def test_containment_happens_once(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    assert decisions.contain(exception_id=exception.pk) is False
    assert Constraint.objects.filter(kind="unit_down").count() == 1
    assert kinds(exception) == ["maintenance_notification"]


def test_deciding_hands_out_tasks_and_queues_what_the_option_says(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    acknowledge_all(exception, plant)
    decision = decisions.decide(
        exception_id=exception.pk,
        option_code="run_on_alternate",
        inputs=alternate_inputs(plant),
        actor=plant.people["ingrid.vogel"],
        reason="tier A waits",
    )
    exception.refresh_from_db()
    assert exception.status == "decided"
    assert sorted(decision.tasks.values_list("code", flat=True)) == [
        "counts",
        "displaced",
        "first_article",
        "move",
        "repair",
        "setup",
    ]
    assert all(task.person is not None for task in decision.tasks.all())
    assert decision.tasks.get(code="repair").title == "Repair PRS-04"
    # the operation is pinned to the other press, the old one still down
    pin = Constraint.objects.get(kind="pinned")
    assert (pin.operation, pin.work_unit) == (exception.operation, plant.units["PRS-03"])
    assert Constraint.objects.filter(kind="unit_down", lifted_at=None).count() == 1
    # postings of the decision, not yet those of its tasks
    assert kinds(exception) == ["maintenance_notification", "change.date", "operation.move"]
    assert exception.next_step.startswith(decision.tasks.order_by("due_at", "pk").first().person.display_name)


def test_a_second_decision_is_refused(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    acknowledge_all(exception, plant)
    planner = plant.people["ingrid.vogel"]
    inputs = alternate_inputs(plant)
    decisions.decide(exception_id=exception.pk, option_code="run_on_alternate", inputs=inputs, actor=planner)
    with pytest.raises(TransitionRefused) as refused:
        decisions.decide(
            exception_id=exception.pk, option_code="run_on_alternate", inputs=inputs, actor=planner
        )
    assert refused.value.code == "decisions.decided"
    assert exception.decisions.count() == 1
    assert kinds(exception).count("operation.move") == 1


def test_who_may_not_decide_is_refused_and_nothing_happens(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    with pytest.raises(NotAllowed) as refused:
        decisions.decide(
            exception_id=exception.pk,
            option_code="run_on_alternate",
            inputs=alternate_inputs(plant),
            actor=plant.people["piotr.nowak"],
        )
    assert refused.value.code == "decisions.not_a_decider"
    assert exception.decisions.count() == 0
    assert exception.tasks.count() == 0
    exception.refresh_from_db()
    assert exception.status == "open"


def test_finished_tasks_confirm_the_counts_clear_the_press_and_resolve_the_record(
    plant: KolbeMini, report: Report
) -> None:
    exception = report(DOWN)
    acknowledge_all(exception, plant)
    decision = decisions.decide(
        exception_id=exception.pk,
        option_code="run_on_alternate",
        inputs=alternate_inputs(plant),
        actor=plant.people["ingrid.vogel"],
    )
    # when production counts
    counts = decision.tasks.get(code="counts")
    decisions.complete_task(
        task_id=counts.pk, actor=counts.person, result={"good": "180", "scrap": "4"}, via="inbox"
    )
    confirmation = Posting.objects.get(link__exception=exception, kind="confirmation")
    assert (confirmation.payload["yield_qty"], confirmation.payload["scrap_qty"]) == ("300", "4")
    assert confirmation.occurred_at == exception.occurred_at
    exception.operation.refresh_from_db()
    assert (exception.operation.good, exception.operation.confirmed_good) == (300, 300)
    # and the others do their part, maintenance naming the cause
    for task in decision.tasks.filter(status="open").order_by("pk"):
        result = {"cause": "MEC-LEAK"} if task.code == "repair" else {}
        decisions.complete_task(task_id=task.pk, actor=task.person, result=result)
    exception.refresh_from_db()
    assert exception.cleared_at is not None
    assert exception.status in {"resolved", "closed"}
    assert not Constraint.objects.filter(kind="unit_down", lifted_at=None).exists()
    # without an ERP everything stays local, so the record closes once that is noticed
    decisions.handle_settled()
    exception.refresh_from_db()
    assert exception.status == "closed"
    assert set(Posting.objects.filter(link__exception=exception).values_list("status", flat=True)) == {
        "local"
    }
    story = list(exception.events.values_list("kind", flat=True))
    assert story.count("closed") == 1
    assert story.count("resolved") == 1
    assert story.count("aligned") == 1


def test_a_reversed_decision_ends_its_tasks_and_withdraws_its_postings(
    plant: KolbeMini, report: Report
) -> None:
    exception = report(DOWN)
    acknowledge_all(exception, plant)
    planner = plant.people["ingrid.vogel"]
    decision = decisions.decide(
        exception_id=exception.pk,
        option_code="run_on_alternate",
        inputs=alternate_inputs(plant),
        actor=planner,
    )
    decisions.reverse_decision(
        exception_id=exception.pk, number=decision.number, actor=planner, reason="PRS-03 is needed elsewhere"
    )
    exception.refresh_from_db()
    assert exception.status == "acknowledged"
    assert set(decision.tasks.values_list("status", flat=True)) == {"cancelled"}
    assert not Constraint.objects.filter(kind="pinned", lifted_at=None).exists()
    # the condition itself is still there
    assert Constraint.objects.filter(kind="unit_down", lifted_at=None).count() == 1
    # and it can be decided otherwise
    up_at = (clock.now() + timedelta(hours=3)).isoformat()
    again = decisions.decide(
        exception_id=exception.pk,
        option_code="repair_and_resume",
        inputs={"expected_up_at": up_at, "repair": "permanent"},
        actor=planner,
    )
    assert again.number == 2


def test_cancelling_lifts_everything(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    decisions.cancel(exception_id=exception.pk, actor=plant.people["ingrid.vogel"], reason="wrong press")
    exception.refresh_from_db()
    assert exception.status == "cancelled"
    assert not Constraint.objects.filter(lifted_at=None).exists()
    assert response_of(exception, "maintenance").next_level_at is None
    assert ExceptionEvent.objects.filter(exception=exception, kind="cancelled").count() == 1
    decisions.restore(exception_id=exception.pk, actor=plant.people["ingrid.vogel"], reason="it was right")
    exception.refresh_from_db()
    assert exception.status == "open"
    assert exception.contain_due_at is not None


def test_postings_are_linked_to_what_asked_for_them(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    acknowledge_all(exception, plant)
    decision = decisions.decide(
        exception_id=exception.pk,
        option_code="run_on_alternate",
        inputs=alternate_inputs(plant),
        actor=plant.people["ingrid.vogel"],
    )
    links = PostingLink.objects.filter(exception=exception).order_by("posting_id")
    assert [(link.template, link.decision_id) for link in links] == [
        ("maintenance_open", None),
        ("date_work_order", decision.pk),
        ("move_operation", decision.pk),
    ]


def test_a_machines_own_all_clear_gives_the_unit_back(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    # when somebody says at the station that it runs again
    report("PRS-04 running again")
    exception.refresh_from_db()
    assert exception.cleared_at is not None
    assert exception.contain_due_at is None
    # then nothing limits the plan any more, and people still have to say why it stopped
    assert not Constraint.objects.filter(kind="unit_down", lifted_at=None).exists()
    assert WorkUnitState.objects.get(work_unit=plant.units["PRS-04"], until=None).state == UnitState.FREE
    assert exception.status == "open"
    assert kinds(exception) == ["maintenance_notification", "maintenance_notification"]
