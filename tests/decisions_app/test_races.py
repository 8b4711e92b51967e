"""Two at once: one decision wins, and sweeps beside people's verbs never wait for each other in a circle."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connections

from core import clock
from core.errors import DomainError
from decisions_app import services as decisions
from decisions_app.models import Approval, Decision, Task
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord, Response
from notify_app import services as notices
from plant_app.models import Constraint, Operation
from routing_app.services import load_default_rules
from tests.decisions_app.conftest import acknowledge_all
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 50


@pytest.fixture
def committed(transactional_db: None) -> Iterator[KolbeMini]:
    """The small plant, committed, so that every thread sees it."""
    plant = build_kolbe_mini()
    load_default_rules()
    decisions.load_default_playbooks()
    exceptions.load_default_sources()
    return plant


def opened(plant: KolbeMini, text: str = "press 4 down, hydraulic leak") -> ExceptionRecord:
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=plant.rhf), external_id=text, text=text,
        reporter=plant.people["piotr.nowak"], site=plant.rhf,
    )  # fmt: skip
    found = exceptions.read_signal(signal_id=received.signal.pk).exception
    assert found is not None
    return found


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run these together, each in a thread and with a connection of its own; a refusal is an answer like any other."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=20)
            return work()
        except DomainError as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_of_two_deciders_exactly_one_wins(committed: KolbeMini) -> None:
    exception = opened(committed)
    decisions.contain_due()
    acknowledge_all(exception)
    before = Posting.objects.count()

    def take(option: str, who: str, **inputs: str) -> Callable[[], Any]:
        return lambda: decisions.decide(
            exception_id=exception.pk, option_code=option, inputs=inputs, actor=committed.people[who]
        )

    up_at = (clock.now() + timedelta(hours=3)).isoformat()
    answers = at_once(
        take("defer", "ingrid.vogel", not_before=(clock.now() + timedelta(days=3)).isoformat()),
        take("repair_and_resume", "katrin.weber", expected_up_at=up_at),
        take("repair_and_resume", "jonas.keller", expected_up_at=up_at),
    )
    won = [answer for answer in answers if isinstance(answer, Decision)]
    assert len(won) == 1
    assert [answer for answer in answers if isinstance(answer, str)] == ["decisions.decided"] * 2
    assert Decision.objects.count() == 1
    assert set(Task.objects.values_list("decision_id", flat=True)) == {won[0].pk}
    assert set(Posting.objects.order_by("pk")[before:].values_list("link__decision_id", flat=True)) <= {
        won[0].pk
    }


def test_of_two_approvers_exactly_one_is_heard(committed: KolbeMini) -> None:
    people = committed.people
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="station", site=committed.rhf), external_id="held", text="",
        fields={"type": "quality_hold", "lot": "L26-4471", "reason": "DIM-SIZE", "qty_suspect": "36"},
        reporter=people["piotr.nowak"], site=committed.rhf,
    )  # fmt: skip
    held = exceptions.read_signal(signal_id=received.signal.pk).exception
    assert held is not None
    decisions.contain_due()
    acknowledge_all(held)
    (row,) = decisions.ask_approval(
        exception_id=held.pk, option_code="scrap", inputs={"quantity": "36", "reason": "DIM-SIZE"},
        actor=people["stefan.roth"],
    )  # fmt: skip
    answers = at_once(
        lambda: decisions.approve(approval_id=row.pk, actor=people["robert.kolbe"]),
        lambda: decisions.approve(approval_id=row.pk, actor=people["susanne.adler"]),
        lambda: decisions.refuse_approval(
            approval_id=row.pk, actor=people["susanne.adler"], reason="sort first"
        ),
        lambda: decisions.remind_due(),
    )
    heard = [answer for answer in answers if isinstance(answer, Approval)]
    assert len(heard) == 1
    assert answers.count("approvals.ended") == 2
    row.refresh_from_db()
    assert row.status == heard[0].status
    assert (row.status, Decision.objects.count()) in {("given", 1), ("refused", 0)}
    assert held.events.filter(kind="approval", data__step__in=("given", "refused")).count() == 1
    assert held.tasks.exists() is (row.status == "given")


def test_a_task_is_finished_once_however_often_it_is_tapped(committed: KolbeMini) -> None:
    exception = opened(committed)
    decisions.contain_due()
    acknowledge_all(exception)
    decisions.decide(
        exception_id=exception.pk, option_code="defer", inputs={"not_before": "2099-01-01T00:00"},
        actor=committed.people["ingrid.vogel"],
    )  # fmt: skip
    task = exception.tasks.get(code="counts")

    def tap() -> Task:
        return decisions.complete_task(task_id=task.pk, actor=task.person, result={"good": "5", "scrap": "0"})

    answers = at_once(tap, tap, tap)
    assert sorted(str(answer) for answer in answers if isinstance(answer, str)) == ["tasks.ended"] * 2
    assert Posting.objects.filter(kind="confirmation").count() == 1
    assert Operation.objects.get(work_order__number="WO-118300").good == 125


def test_containment_runs_once_however_many_workers_see_it(committed: KolbeMini) -> None:
    exception = opened(committed)
    contain = lambda: decisions.contain(exception_id=exception.pk)  # noqa: E731
    at_once(contain, contain, decisions.contain_due, decisions.contain_due)
    assert exception.events.filter(kind="contained").count() == 1
    assert Constraint.objects.filter(kind="unit_down").count() == 1
    assert Posting.objects.count() == 1


def test_verbs_and_sweeps_on_one_record_never_deadlock(committed: KolbeMini) -> None:
    exception = opened(committed)
    people = committed.people
    operation = exception.operation
    assert operation is not None
    decisions.contain_due()
    acknowledge_all(exception)
    deadlocks: list[str] = []

    def safely(work: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except DomainError:
                return
            except OperationalError as error:
                deadlocks.append(str(error))

        return run

    def decide_and_back() -> None:
        decided = decisions.decide(
            exception_id=exception.pk, option_code="defer", inputs={"not_before": "2099-01-01T00:00"},
            actor=people["ingrid.vogel"],
        )  # fmt: skip
        decisions.reverse_decision(
            exception_id=exception.pk, number=decided.number, actor=people["ingrid.vogel"], reason="again"
        )

    def contain_again() -> None:
        ExceptionRecord.objects.filter(pk=exception.pk).update(contained_at=None, contain_due_at=clock.now())
        decisions.contain_due()

    def settle() -> None:
        decisions.handle_settled()

    def tell() -> None:
        notices.take_tellings()
        notices.record_told()

    def escalate() -> None:
        Response.objects.filter(exception=exception).update(next_level_at=clock.now())
        ExceptionRecord.objects.filter(pk=exception.pk).update(next_escalation_at=clock.now())
        exceptions.escalate_due()

    def count() -> None:
        decisions.report_progress(
            operation_id=operation.pk, kind="count", good=1, person=people["piotr.nowak"]
        )

    works = [safely(work) for work in (decide_and_back, contain_again, settle, tell, escalate, count)]
    barrier = Barrier(len(works))

    def loop(work: Callable[[], None]) -> int:
        rounds = 0
        ends = clock.now() + timedelta(seconds=15)
        try:
            barrier.wait(timeout=20)
            while rounds < ROUNDS and clock.now() < ends:
                work()
                rounds += 1
        finally:
            connections.close_all()
        return rounds

    with ThreadPoolExecutor(len(works)) as pool:
        rounds = list(pool.map(loop, works))
    assert deadlocks == []
    assert min(rounds) >= 3
    exception.refresh_from_db()
    assert exception.status in {"acknowledged", "decided"}
    assert exception.decisions.count() >= 2
    assert exception.decisions.filter(reversed_at=None).count() <= 1
    assert Constraint.objects.filter(kind="unit_down", lifted_at=None).count() == 1
