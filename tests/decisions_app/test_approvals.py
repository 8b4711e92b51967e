"""Yeses: who is over their limit asks, a second person signs, an emergency is ratified; each on its own clock."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core import clock
from core.errors import InvalidInput, NotAllowed, TransitionRefused
from decisions_app import services as decisions
from decisions_app.models import Approval, MoneyLimit, Option
from erp_sync.models import Posting
from exceptions_app.models import ExceptionRecord
from exceptions_app.models.records import EventKind
from tests.decisions_app.conftest import kinds, standing
from tests.plant_fixtures import KolbeMini

SCRAP = {"quantity": "36", "reason": "DIM-SIZE"}  # 36 x 142 = 5,112: over an area manager's 5,000


def ask(plant: KolbeMini, held: ExceptionRecord, who: str = "stefan.roth", **inputs: Any) -> list[Approval]:
    return decisions.ask_approval(
        exception_id=held.pk,
        option_code="scrap",
        inputs=inputs or SCRAP,
        actor=plant.people[who],
        reason="not restorable",
    )


def steps(held: ExceptionRecord) -> list[str]:
    return [event.data["step"] for event in held.events.filter(kind=EventKind.APPROVAL).order_by("pk")]


def test_over_the_limit_nothing_happens_until_the_next_level_says_yes(
    plant: KolbeMini, held: ExceptionRecord
) -> None:
    before = kinds(held)
    (row,) = ask(plant, held)
    # asked of the first level whose limit covers it, on a clock of its own, told, and the record's next step
    assert (row.why, row.role, row.person, row.cost) == (
        "limit",
        "plant_manager",
        plant.people["robert.kolbe"],
        Decimal("5112.00"),
    )
    assert row.due_at - row.asked_at == timedelta(minutes=held.limits["decide"])
    held.refresh_from_db()
    assert (held.status, held.next_step) == ("acknowledged", f"{row.person}: approve Scrap")
    assert held.tellings.filter(person=row.person, text__startswith="Approve: Scrap").count() == 1
    assert held.decisions.count() == held.tasks.count() == 0
    assert kinds(held) == before
    # neither the asker nor somebody below may say yes
    for who, code in (("stefan.roth", "approvals.own"), ("anke.schulte", "approvals.not_yours")):
        with pytest.raises(NotAllowed) as refused:
            decisions.approve(approval_id=row.pk, actor=plant.people[who])
        assert refused.value.code == code
    decisions.approve(approval_id=row.pk, actor=plant.people["robert.kolbe"], via="desk")
    decision = held.decisions.get()
    assert (decision.decided_by, decision.cost, decision.emergency) == (
        plant.people["stefan.roth"],
        Decimal("5112.00"),
        False,
    )
    row.refresh_from_db()
    assert (row.status, row.decision, row.answered_by) == ("given", decision, plant.people["robert.kolbe"])
    assert standing(held) == "decided"
    assert steps(held) == ["asked", "given"]
    assert "approved by" in held.events.get(kind=EventKind.DECIDED).text
    # whoever asked may take it back without asking again
    decisions.reverse_decision(
        exception_id=held.pk, number=1, actor=plant.people["stefan.roth"], reason="recount"
    )
    assert standing(held) == "acknowledged"


def test_a_no_has_a_reason_and_leaves_the_record_undecided(plant: KolbeMini, held: ExceptionRecord) -> None:
    (row,) = ask(plant, held)
    with pytest.raises(InvalidInput) as wordless:
        decisions.refuse_approval(approval_id=row.pk, actor=plant.people["robert.kolbe"], reason=" ")
    assert wordless.value.code == "approvals.reason"
    decisions.refuse_approval(
        approval_id=row.pk, actor=plant.people["robert.kolbe"], reason="sort them first"
    )
    held.refresh_from_db()
    assert (held.decisions.count(), held.status) == (0, "acknowledged")
    assert "approve" not in held.next_step
    assert held.tellings.filter(person=plant.people["stefan.roth"], text__contains="sort them first").exists()
    with pytest.raises(TransitionRefused) as ended:
        decisions.approve(approval_id=row.pk, actor=plant.people["robert.kolbe"])
    assert ended.value.code == "approvals.ended"


def test_a_record_that_changed_makes_the_request_stale(plant: KolbeMini, held: ExceptionRecord) -> None:
    (row,) = ask(plant, held)
    ExceptionRecord.objects.filter(pk=held.pk).update(quantity=30)
    answered = decisions.approve(approval_id=row.pk, actor=plant.people["robert.kolbe"])
    assert (answered.status, answered.answer) == ("stale", "changed since: quantity")
    assert held.decisions.count() == 0
    assert held.tellings.filter(person=plant.people["stefan.roth"], text__startswith="Ask again").exists()
    # an edited playbook does so too; and a new request may be made
    (again,) = ask(plant, held, quantity="30", reason="DIM-SIZE", who="stefan.roth")
    held.type.playbook.version += 1
    held.type.playbook.save()
    assert decisions.approve(approval_id=again.pk, actor=plant.people["robert.kolbe"]).status == "stale"


def test_an_unanswered_request_is_said_again_and_one_level_up(
    plant: KolbeMini, held: ExceptionRecord
) -> None:
    (row,) = ask(plant, held)
    assert decisions.remind_due() == 0
    with clock.travel(row.due_at + timedelta(seconds=1)):
        assert decisions.remind_due() == 1
        assert decisions.remind_due() == 0
    row.refresh_from_db()
    assert (row.reminded, row.status, row.remind_at > row.due_at) == (1, "waiting", True)
    assert held.tellings.filter(text__startswith="Still waits for your yes").count() == 1
    assert held.tellings.filter(role="area_manager", text__startswith="Unanswered").count() == 1
    assert steps(held) == ["asked", "reminded"]


def test_somebody_who_may_decides_and_the_request_is_withdrawn(
    plant: KolbeMini, held: ExceptionRecord
) -> None:
    (row,) = ask(plant, held)
    with pytest.raises(TransitionRefused) as twice:
        ask(plant, held)
    assert twice.value.code == "approvals.waiting"
    decisions.decide(
        exception_id=held.pk,
        option_code="scrap",
        inputs=SCRAP,
        actor=plant.people["robert.kolbe"],
        reason="agreed",
    )
    row.refresh_from_db()
    assert (row.status, row.remind_at) == ("withdrawn", None)
    with pytest.raises(TransitionRefused):
        ask(plant, held)


def test_who_may_decide_alone_asks_nobody(plant: KolbeMini, held: ExceptionRecord) -> None:
    with pytest.raises(TransitionRefused) as refused:
        ask(plant, held, quantity="2", reason="DIM-SIZE")
    assert refused.value.code == "approvals.not_needed"


def test_limits_are_the_sites_and_the_options(plant: KolbeMini, held: ExceptionRecord) -> None:
    MoneyLimit.objects.create(duty="quality_engineer", amount=Decimal(100))
    MoneyLimit.objects.create(duty="quality_engineer", site=plant.rhf, amount=Decimal(6000))
    with pytest.raises(TransitionRefused):  # the site's own limit goes before everywhere's
        ask(plant, held)
    Option.objects.filter(code="scrap", playbook__type=held.type_id).update(
        limits={"quality_engineer": "200"}
    )
    (row,) = ask(plant, held)
    assert row.role == "plant_manager"


def test_two_signatures_are_two_persons_and_the_last_decides(plant: KolbeMini, held: ExceptionRecord) -> None:
    Option.objects.filter(code="scrap", playbook__type=held.type_id).update(
        approvals=[{"role": "engineer"}, {"role": "plant_manager", "above": "100", "minutes": 30}]
    )
    # even who is within the limit needs the second persons
    with pytest.raises(NotAllowed) as refused:
        decisions.decide(
            exception_id=held.pk, option_code="scrap", inputs=SCRAP, actor=plant.people["susanne.adler"]
        )
    assert refused.value.code == "decisions.not_a_decider"
    rows = ask(plant, held, who="anke.schulte")
    assert {row.role: row.why for row in rows} == {"plant_manager": "limit", "engineer": "second"}
    by_role = {row.role: row for row in rows}
    decisions.approve(approval_id=by_role["engineer"].pk, actor=plant.people["mateusz.zielinski"])
    assert held.decisions.count() == 0
    decisions.approve(approval_id=by_role["plant_manager"].pk, actor=plant.people["robert.kolbe"])
    assert held.decisions.get().approvals.count() == 2


def test_an_emergency_goes_beyond_the_limit_and_is_ratified_afterwards(
    plant: KolbeMini, held: ExceptionRecord
) -> None:
    def take(**more: Any) -> Any:
        return decisions.decide(
            exception_id=held.pk,
            option_code="scrap",
            inputs=SCRAP,
            actor=plant.people["stefan.roth"],
            emergency=True,
            **more,
        )

    with pytest.raises(TransitionRefused) as calm:
        take(reason="fire")
    assert calm.value.code == "decisions.no_emergency"
    ExceptionRecord.objects.filter(pk=held.pk).update(urgency="critical")
    with pytest.raises(NotAllowed) as wordless:
        take()
    assert wordless.value.code == "decisions.emergency_reason"
    decision = take(reason="leaking, they must go now")
    assert (decision.emergency, standing(held)) == (True, "decided")
    row = Approval.objects.get()
    assert (row.why, row.role, row.decision, row.due_at - row.asked_at) == (
        "ratify",
        "plant_manager",
        decision,
        timedelta(hours=24),
    )
    assert row in decisions.approvals_waiting_for(plant.people["robert.kolbe"])
    assert row not in decisions.approvals_waiting_for(plant.people["stefan.roth"])
    decisions.refuse_approval(
        approval_id=row.pk, actor=plant.people["robert.kolbe"], reason="a call would do"
    )
    # the no is on record and told; the decision stays until somebody takes it back
    assert held.decisions.get().in_force
    assert held.tellings.filter(
        person=plant.people["stefan.roth"], text__startswith="Not ratified: Scrap"
    ).exists()


def test_a_decision_keeps_the_terms_it_was_taken_on(plant: KolbeMini, held: ExceptionRecord) -> None:
    decision = decisions.decide(
        exception_id=held.pk,
        option_code="scrap",
        inputs={"quantity": "17", "reason": "DIM-SIZE"},
        actor=plant.people["stefan.roth"],
        reason="as seen",
    )
    assert decision.terms["version"] == 1
    decision.option.postings.all().delete()
    task = held.tasks.get(code="dispose")
    decisions.complete_task(task_id=task.pk, actor=task.person)
    posted = Posting.objects.filter(link__task=task).order_by("pk").values_list("kind", flat=True)
    assert set(posted) == {"movement.scrap", "cost", "quality_event"}


def test_a_cancelled_record_asks_nobody_any_more(plant: KolbeMini, held: ExceptionRecord) -> None:
    (row,) = ask(plant, held)
    decisions.cancel(exception_id=held.pk, actor=plant.people["ingrid.vogel"], reason="wrong lot")
    row.refresh_from_db()
    assert (row.status, row.answer) == ("withdrawn", "the record was cancelled")
    assert decisions.approvals_waiting_for(plant.people["robert.kolbe"]) == []
