"""A customer wants something else: only people change the order; the promise moves here first, then in ERP."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.errors import NotAllowed, TransitionRefused
from decisions_app import services as decisions
from decisions_app.models import Decision
from decisions_app.selectors import options_for
from erp_sync.adapters.port import Outcome
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from plant_app.models import Constraint, Overlay
from plant_app.selectors.effective import effective_commit, effective_value
from tests.decisions_app.conftest import Report, acknowledge_all, do, drain, kinds, posted, postings, standing
from tests.erp_sync.scripted import Books
from tests.plant_fixtures import KolbeMini

WISH = {"type": "order_change", "so_line": "40017810/10", "kind": "DATE-LATER"}


@pytest.fixture
def wish(plant: KolbeMini, erp: Books, report: Report) -> ExceptionRecord:
    """A tier C customer wants 160 spools a week later."""
    day = (clock.now() + timedelta(days=7)).date().isoformat()
    exception = report(**WISH, new_value=day, reporter="marta.silva")
    acknowledge_all(exception)
    exception.refresh_from_db()
    return exception


def decide(
    plant: KolbeMini,
    exception: ExceptionRecord,
    option: str,
    who: str = "helena.kraus",
    reason: str = "agreed",
    **inputs: Any,
) -> Decision:
    return decisions.decide(
        exception_id=exception.pk, option_code=option, inputs=inputs, actor=plant.people[who], reason=reason
    )  # fmt: skip


def test_a_wish_changes_nothing_by_itself(plant: KolbeMini, wish: ExceptionRecord) -> None:
    assert kinds(wish) == []
    assert not Overlay.objects.exists()
    assert not Constraint.objects.exists()
    assert effective_commit(wish.sales_line) == wish.sales_line.commit_at


def test_a_stranger_can_only_raise_a_question(plant: KolbeMini, erp: Books) -> None:
    received = exceptions.receive_signal(
        source=exceptions.source_of(kind="api", site=plant.rhf),
        external_id="mail-1",
        text="please ship order 40017810 two weeks earlier, urgent",
        reporter_text="someone@elsewhere.example",
        site=plant.rhf,
    )
    exceptions.read_signal(signal_id=received.signal.pk)
    decisions.contain_due()
    assert ExceptionRecord.objects.count() == 1
    assert not Posting.objects.exists()
    assert not Overlay.objects.exists()
    assert not Constraint.objects.exists()


def test_the_form_begins_with_what_the_customer_asks_for(plant: KolbeMini, wish: ExceptionRecord) -> None:
    view = {view.option.code: view for view in options_for(wish, plant.people["helena.kraus"])}["accept"]
    assert view.values["commit_at"][:10] == wish.details["new_value"]
    assert view.values["quantity"] == "160"
    assert view.allowed
    assert view.posts[-1].startswith("Answer to MER")


def test_accepting_moves_the_promise_here_and_settles_when_erp_has_it(
    plant: KolbeMini, wish: ExceptionRecord, erp: Books
) -> None:
    line, order = wish.sales_line, plant.orders["WO-118193"]
    when = clock.now() + timedelta(days=7)
    decide(plant, wish, "accept", commit_at=when.isoformat(), quantity="150")
    assert standing(wish) == "decided"
    assert abs(effective_commit(line) - when) < timedelta(seconds=1)
    assert effective_value(line, "quantity") == 150
    assert line.commit_at != when
    assert [(p.kind, p.payload["target"]) for p in postings(wish)] == [
        ("change.date", "so_line"), ("change.date", "work_order"),
        ("change.quantity", "so_line"), ("change.quantity", "work_order"),
    ]  # fmt: skip
    assert {p.occurred_at for p in postings(wish)} == {wish.decisions.get().decided_at}
    # the customer is answered by a person, not by the decision
    assert "customer_answer" not in kinds(wish)
    do(wish, "answer")
    answer = posted(wish, "customer_answer").payload
    assert (answer["lines"][0]["status"], answer["lines"][0]["quantity"]) == ("accepted", "150")
    drain()
    assert not Overlay.objects.filter(cleared_at=None).exists()
    line.refresh_from_db()
    order.refresh_from_db()
    assert (line.quantity, order.quantity) == (150, 150)
    do(wish, "replan")
    do(wish, "purchase")
    assert standing(wish) == "closed"


def test_an_overlay_ends_only_with_the_posting_that_carries_it(
    plant: KolbeMini, wish: ExceptionRecord, erp: Books
) -> None:
    decide(plant, wish, "accept", commit_at=(clock.now() + timedelta(days=7)).isoformat(), quantity="150")
    erp.then(lambda books, command: _refused())
    drain()
    # the line's date was refused and holds back what follows on the line; the work order has its own chain
    assert [(p.payload["target"], p.kind, p.status) for p in postings(wish)] == [
        ("so_line", "change.date", "rejected"),
        ("work_order", "change.date", "confirmed"),
        ("so_line", "change.quantity", "queued"),
        ("work_order", "change.quantity", "confirmed"),
    ]
    left = Overlay.objects.filter(cleared_at=None).values_list("target", "field")
    assert sorted(left) == [("sales_line", "commit_at"), ("sales_line", "quantity")]
    assert standing(wish) == "decided"


def _refused() -> Outcome:
    return Outcome("rejected", error_code="scripted.closed", message="line is closed")


def test_a_counter_offer_changes_nothing_until_the_customer_confirms(
    plant: KolbeMini, wish: ExceptionRecord, erp: Books
) -> None:
    valid = clock.now() + timedelta(hours=24)
    decide(
        plant, wish, "accept_with_change", "marta.silva",
        commit_at=(clock.now() + timedelta(days=9)).isoformat(), quantity="120", valid_until=valid.isoformat(),
    )  # fmt: skip
    assert kinds(wish) == []
    assert not Overlay.objects.exists()
    do(wish, "answer")
    assert posted(wish, "customer_answer").payload["lines"][0]["status"] == "countered"
    assert wish.tasks.get(code="confirmation").due_at == valid
    do(wish, "confirmation")
    assert effective_value(wish.sales_line, "quantity") == 120
    assert kinds(wish) == [
        "customer_answer", "change.date", "change.date", "change.quantity", "change.quantity",
    ]  # fmt: skip


def test_a_refusal_moves_nothing_and_is_answered(plant: KolbeMini, wish: ExceptionRecord, erp: Books) -> None:
    decide(plant, wish, "reject", "elif.aksoy", why="No capacity", still_valid="160 on the old date")
    do(wish, "call")
    do(wish, "answer")
    assert kinds(wish) == ["customer_answer"]
    assert not Overlay.objects.exists()
    drain()
    assert standing(wish) == "closed"


def test_refusing_a_tier_a_customer_is_the_plant_managers(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(type="order_change", so_line="40017733/10", kind="QTY-UP", new_value="60")
    with pytest.raises(NotAllowed) as refused:
        decide(plant, exception, "reject", "elif.aksoy", why="No", still_valid="48")
    assert refused.value.code == "decisions.tier_a"
    decide(plant, exception, "reject", "robert.kolbe", why="No", still_valid="48")


def test_a_change_that_reaches_into_work_begun_waits_for_everybody(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    # given a running order and an earlier date: grade warning
    exception = report(type="order_change", so_line="40017810/10", kind="QTY-DOWN", new_value="150")
    assert exception.route.facts["grade"] == "warning"
    inputs = {"commit_at": exception.sales_line.commit_at.isoformat(), "quantity": "150"}
    with pytest.raises(NotAllowed) as low:
        decide(plant, exception, "accept", "marta.silva", **inputs)
    assert low.value.code == "decisions.grade"
    with pytest.raises(TransitionRefused) as silent:
        decide(plant, exception, "accept", "helena.kraus", **inputs)
    assert silent.value.code == "decisions.not_aligned"
    assert exception.decisions.count() == 0
    acknowledge_all(exception)
    decide(plant, exception, "accept", "helena.kraus", **inputs)
    assert standing(exception) == "decided"


def test_a_cancelled_line_is_cancelled_and_not_moved(plant: KolbeMini, erp: Books, report: Report) -> None:
    exception = report(type="order_change", so_line="40017810/10", kind="CANCEL", new_value="all")
    acknowledge_all(exception)
    inputs = {"commit_at": exception.sales_line.commit_at.isoformat(), "quantity": "160"}
    with pytest.raises(NotAllowed) as refused:
        decide(plant, exception, "accept", "helena.kraus", reason="", **inputs)
    assert refused.value.code == "decisions.grade_reason"
    decide(plant, exception, "accept", "helena.kraus", **inputs)
    assert kinds(exception) == ["change.cancel"]
    assert effective_value(exception.sales_line, "cancelled") is True
    drain()
    exception.sales_line.refresh_from_db()
    assert exception.sales_line.cancelled is True
