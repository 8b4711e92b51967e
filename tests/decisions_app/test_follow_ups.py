"""What outlives a record: root cause, follow-ups and whether they helped, tasks called off, similar past records."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.errors import InvalidInput, NotAllowed, TransitionRefused
from decisions_app import services as decisions
from decisions_app.models import RootCauseCategory, Task
from decisions_app.selectors import follow_ups_at, open_tasks_for
from decisions_app.similar import similar_to
from exceptions_app.models import ExceptionRecord
from exceptions_app.models.records import EventKind
from tests.decisions_app.conftest import Report, acknowledge_all, drain, standing
from tests.erp_sync.scripted import Books
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"


@pytest.fixture
def ended(plant: KolbeMini, erp: Books, report: Report) -> ExceptionRecord:
    """A stop that was repaired and closed."""
    exception = report(DOWN)
    acknowledge_all(exception)
    up = (clock.now() + timedelta(hours=1)).isoformat()
    decisions.decide(
        exception_id=exception.pk, option_code="repair_and_resume",
        inputs={"expected_up_at": up, "repair": "permanent"}, actor=plant.people["bernd.hauser"],
    )  # fmt: skip
    for task in exception.tasks.filter(status="open", blocking=True).order_by("pk"):
        answers: dict[str, Any] = {
            ask["name"]: {"reason": "MEC-LEAK", "quantity": "0", "bool": True}.get(ask["kind"], "1")
            for ask in task.asks
            if ask.get("required")
        }
        decisions.complete_task(task_id=task.pk, actor=plant.people["ingrid.vogel"], result=answers)
    exception.refresh_from_db()
    if exception.cleared_at is None:
        decisions.clear(exception_id=exception.pk, actor=plant.people["ingrid.vogel"])
    drain()
    assert standing(exception) == "closed"
    return exception


def follow_up(plant: KolbeMini, exception: ExceptionRecord, **more: Any) -> Task:
    given: dict[str, Any] = {
        "title": "Hose on the maintenance plan",
        "function_code": "maintenance",
        "due_at": clock.now() + timedelta(days=2),
        "check_days": 7,
        **more,
    }
    return decisions.add_task(
        exception_id=exception.pk, blocking=False, actor=plant.people["ingrid.vogel"], **given
    )


def test_a_follow_up_lives_on_after_close_and_is_checked(plant: KolbeMini, ended: ExceptionRecord) -> None:
    jonas = plant.people["jonas.keller"]
    task = follow_up(plant, ended, person=jonas)
    assert task in open_tasks_for(jonas)
    assert list(follow_ups_at(ExceptionRecord.objects.all()).filter(pk=task.pk)) == [task]
    decisions.complete_task(task_id=task.pk, actor=jonas, note="on the plan")
    task.refresh_from_db()
    assert task.check_due_at == task.done_at + timedelta(days=7)
    assert decisions.check_follow_ups() == 0
    with clock.travel(task.check_due_at + timedelta(minutes=1)):
        assert decisions.check_follow_ups() == 1
        assert decisions.check_follow_ups() == 0
    task.refresh_from_db()
    assert (task.status, task.check_result, task.check_words) == (
        "done",
        "effective",
        "nothing of its kind in 7 days",
    )
    assert standing(ended) == "closed"
    assert not follow_ups_at(ExceptionRecord.objects.all()).exists()


def test_what_came_back_opens_the_follow_up_again(
    plant: KolbeMini, ended: ExceptionRecord, report: Report
) -> None:
    jonas = plant.people["jonas.keller"]
    task = follow_up(plant, ended, person=jonas)
    decisions.complete_task(task_id=task.pk, actor=jonas)
    with clock.travel(clock.now() + timedelta(days=3)):
        again = report(DOWN)
        assert again.pk != ended.pk
    with clock.travel(clock.now() + timedelta(days=8)):
        assert decisions.check_follow_ups() == 1
        now = clock.now()
    task.refresh_from_db()
    assert (task.status, task.check_result, task.reopened) == ("open", "failed", 1)
    assert again.ref in task.check_words
    assert task.due_at > now
    assert ended.events.filter(kind=EventKind.EFFECT_CHECKED, data__result="failed").count() == 1
    assert ended.tellings.filter(person=jonas, text__startswith="Did not help").count() == 1
    # done again, it is checked again
    decisions.complete_task(task_id=task.pk, actor=jonas)
    task.refresh_from_db()
    assert (task.check_result, task.check_due_at is not None) == ("", True)


def test_a_follow_up_is_asked_for_with_a_day_to_come(plant: KolbeMini, ended: ExceptionRecord) -> None:
    for wrong, code in (
        ({"due_at": clock.now() - timedelta(minutes=1)}, "tasks.due"),
        ({"check_days": 0}, "tasks.check"),
        ({"title": " "}, "tasks.title"),
        ({"function_code": "nobody"}, "tasks.function"),
    ):
        with pytest.raises(InvalidInput) as refused:
            follow_up(plant, ended, **wrong)
        assert refused.value.code == code
    assert not ended.tasks.filter(title="Hose on the maintenance plan").exists()


def test_a_root_cause_is_of_the_types_list_and_may_be_stated_after_close(
    plant: KolbeMini, ended: ExceptionRecord
) -> None:
    bernd = plant.people["bernd.hauser"]
    assert RootCauseCategory.objects.filter(type=ended.type, code="worn_part").exists()
    with pytest.raises(InvalidInput) as refused:
        decisions.state_cause(exception_id=ended.pk, category="late_forecast", text="", actor=bernd)
    assert refused.value.code == "causes.category"
    decisions.state_cause(exception_id=ended.pk, category="worn_part", text="hose 9 years old", actor=bernd)
    decisions.state_cause(exception_id=ended.pk, category="missed_maintenance", text="", actor=bernd)
    ended.refresh_from_db()
    assert (ended.root_cause.category.code, ended.status) == ("missed_maintenance", "closed")
    said = ended.events.filter(kind=EventKind.CAUSE_SET).order_by("pk")
    assert [event.data["category"] for event in said] == ["worn_part", "missed_maintenance"]


def test_a_task_is_called_off_with_its_reason_and_frees_the_record(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    up = (clock.now() + timedelta(hours=1)).isoformat()
    decisions.decide(
        exception_id=exception.pk, option_code="repair_and_resume",
        inputs={"expected_up_at": up, "repair": "permanent"}, actor=plant.people["bernd.hauser"],
    )  # fmt: skip
    planner = plant.people["ingrid.vogel"]
    decisions.clear(exception_id=exception.pk, actor=planner)
    assert standing(exception) == "decided"
    waiting = list(exception.tasks.filter(status="open", blocking=True).order_by("pk"))
    with pytest.raises(InvalidInput) as wordless:
        decisions.call_off_task(task_id=waiting[0].pk, actor=planner, reason="")
    assert wordless.value.code == "tasks.reason"
    with pytest.raises(NotAllowed):
        decisions.call_off_task(task_id=waiting[0].pk, actor=plant.people["lena.fischer"], reason="no")
    with pytest.raises(TransitionRefused) as blocked:
        decisions.resolve(exception_id=exception.pk, actor=planner, reason="runs again")
    assert blocked.value.code == "exceptions.blocked"
    for task in waiting:
        decisions.call_off_task(task_id=task.pk, actor=planner, reason="runs without it")
    assert standing(exception) in {"resolved", "closed"}
    assert waiting[0].exception.events.filter(data__called_off=True).count() == len(waiting)


def test_similar_records_are_ranked_with_what_fixed_them(
    plant: KolbeMini, ended: ExceptionRecord, report: Report
) -> None:
    decisions.state_cause(
        exception_id=ended.pk, category="worn_part", text="hose", actor=plant.people["bernd.hauser"]
    )
    with clock.travel(clock.now() + timedelta(days=1)):
        again = report(DOWN)
        (found,) = similar_to(again, plant.people["ingrid.vogel"], clock.now())
    assert (found.record.pk, found.options, found.reopened) == (ended.pk, ["Repair and resume"], 0)
    assert found.same[:2] == ["the same thing", "same work unit"]
    assert found.cause.startswith("Worn part")
    assert found.minutes is not None
    # somebody of another site learns nothing of it
    assert similar_to(again, plant.people["tyler.reed"], clock.now()) == []
