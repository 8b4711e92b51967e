"""Taking things back, and what ERP is told then; payloads ERP would refuse; records that return."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.errors import StaleVersion, TransitionRefused
from decisions_app import services as decisions
from decisions_app.models import OptionPosting, PostingLink
from erp_sync import services as erp_services
from erp_sync.models import Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from plant_app.models import Constraint, StockRow
from plant_app.selectors.effective import effective_stock
from tests.decisions_app.conftest import Report, acknowledge_all, do, drain, kinds, posted, standing
from tests.erp_sync import scripted
from tests.erp_sync.scripted import Books
from tests.plant_fixtures import KolbeMini

DOWN = "press 4 down, hydraulic leak"
HELD = {"type": "quality_hold", "lot": "L26-4471", "reason": "DIM-SIZE", "qty_suspect": "36"}


def planner(plant: KolbeMini) -> Any:
    return plant.people["ingrid.vogel"]


def alternate(exception: ExceptionRecord, plant: KolbeMini) -> Any:
    start = (clock.now() + timedelta(days=2)).isoformat()
    inputs = {"to_unit": "PRS-03", "quantity": "380", "setup": "30", "start": start}
    return decisions.decide(
        exception_id=exception.pk, option_code="run_on_alternate", inputs=inputs, actor=planner(plant)
    )


def test_a_cancelled_record_calls_off_what_was_not_sent_and_frees_the_stock(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(**HELD)
    decisions.cancel(exception_id=exception.pk, actor=planner(plant), reason="wrong lot")
    drain()
    assert (erp.sends, {p.status for p in Posting.objects.all()}) == ([], {"cancelled"})
    assert effective_stock(plant.items["SH-77"], site=plant.rhf).free == 36
    assert not StockRow.objects.filter(layer="overlay").exists()
    assert not Constraint.objects.filter(lifted_at=None).exists()


def test_a_cancelled_record_reverses_what_erp_has_last_in_first_out(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(**HELD)
    drain()
    decisions.cancel(exception_id=exception.pk, actor=planner(plant), reason="wrong lot")
    reversals = [p.payload["reverses_kind"] for p in Posting.objects.filter(kind="reversal").order_by("pk")]
    assert reversals == ["quality_event", "movement.block"]
    assert PostingLink.objects.filter(posting__kind="reversal", exception=exception).count() == 2
    # here the stock is free at once, and stays so when ERP has the reversal
    assert effective_stock(plant.items["SH-77"], site=plant.rhf).free == 36
    drain()
    assert effective_stock(plant.items["SH-77"], site=plant.rhf).free == 36
    assert len(erp.documents) == 4


def test_one_posting_taken_back_by_itself_is_the_records_too(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(**HELD)
    drain()
    block = Posting.objects.get(kind="movement.block")
    assert effective_stock(plant.items["SH-77"], site=plant.rhf).blocked == 36

    back = erp_services.reverse(posting_id=block.pk, actor=planner(plant), reason="wrong lot blocked")
    drain()

    back.refresh_from_db()
    assert back.status == "confirmed"
    assert PostingLink.objects.get(posting=back).exception == exception
    assert effective_stock(plant.items["SH-77"], site=plant.rhf).free == 36
    assert standing(exception) == "open"  # the hold stands; only its stock posting was wrong
    told = [event.data["posting"] for event in exception.events.filter(kind="posting_settled")]
    assert told.count(back.pk) == 1


def test_a_restored_record_is_contained_anew_and_erp_hears_of_it_again(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(**HELD)
    decisions.cancel(exception_id=exception.pk, actor=planner(plant), reason="wrong lot")
    decisions.restore(exception_id=exception.pk, actor=planner(plant), reason="it was right")
    decisions.contain_due()
    assert standing(exception) == "open"
    blocks = Posting.objects.filter(link__exception=exception, kind="movement.block").order_by("pk")
    assert [p.status for p in blocks] == ["cancelled", "queued"]
    assert effective_stock(plant.items["SH-77"], site=plant.rhf).blocked == 36
    assert exception.next_escalation_at is not None
    owner = exception.responses.get(is_owner=True)
    assert owner.next_level_at is not None


def test_a_restored_decision_has_to_be_taken_again(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    alternate(exception, plant)
    exception.refresh_from_db()
    said_yes = exception.acknowledged_at
    decisions.cancel(exception_id=exception.pk, actor=planner(plant), reason="wrong press")
    assert not exception.decisions.filter(reversed_at=None).exists()
    assert not Constraint.objects.filter(kind="pinned", lifted_at=None).exists()
    decisions.restore(exception_id=exception.pk, actor=planner(plant), reason="it was right")
    assert standing(exception) == "acknowledged"
    assert exception.acknowledged_at == said_yes
    alternate(exception, plant)
    assert standing(exception) == "decided"


def test_a_record_is_not_restored_beside_a_newer_one_of_the_same_thing(
    plant: KolbeMini, report: Report
) -> None:
    first = report(DOWN)
    decisions.cancel(exception_id=first.pk, actor=planner(plant), reason="a drill")
    second = report(DOWN)
    assert second.pk != first.pk
    with pytest.raises(TransitionRefused) as refused:
        decisions.restore(exception_id=first.pk, actor=planner(plant), reason="no drill")
    assert refused.value.code == "exceptions.key_taken"
    assert second.ref in refused.value.message


def test_a_merge_moves_the_signals_and_undoing_it_brings_them_back(plant: KolbeMini, report: Report) -> None:
    one, other = report(DOWN), report("press 3 down")
    decisions.merge(exception_id=other.pk, into_id=one.pk, actor=planner(plant), reason="same pump")
    assert (one.readings.count(), other.readings.count()) == (2, 0)
    assert standing(other) == "cancelled"
    decisions.restore(exception_id=other.pk, actor=planner(plant), reason="two pumps after all")
    assert (one.readings.count(), other.readings.count()) == (1, 1)
    other.refresh_from_db()
    assert (other.status, other.merged_into) == ("open", None)
    assert other.readings.get().opened is True


def test_a_split_is_undone_with_every_signal_as_it_counted_before(plant: KolbeMini, report: Report) -> None:
    # given a second leak reported at the same press, split off because it is another matter
    one = report(DOWN)
    report("press 4 down again, valve")
    second = one.readings.order_by("pk").last()
    assert second is not None
    before = list(one.readings.order_by("pk").values_list("pk", "opened", "outcome"))
    fresh = decisions.split(
        exception_id=one.pk,
        signal_ids=[second.signal_id],
        actor=planner(plant),
        reason="the valve is another matter",
    )
    assert (one.readings.count(), fresh.readings.count()) == (1, 1)
    assert decisions.split_from(fresh) == one
    assert decisions.split_from(one) is None
    # when it turns out to be the same after all
    origin = decisions.undo_split(exception_id=fresh.pk, actor=planner(plant), reason="")
    # then it is as if it had not been split, and both stories tell of it
    assert origin == one
    assert list(one.readings.order_by("pk").values_list("pk", "opened", "outcome")) == before
    fresh.refresh_from_db()
    assert (fresh.status, fresh.merged_into) == ("cancelled", one)
    assert fresh.events.filter(kind="merged", text="The split is undone").count() == 1
    assert one.events.filter(kind="merged").count() == 1
    with pytest.raises(TransitionRefused, match="was not split off"):
        decisions.undo_split(exception_id=fresh.pk, actor=planner(plant), reason="")


def test_counts_of_a_reversed_decision_are_confirmed_by_the_next_one(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    alternate(exception, plant)
    do(exception, "counts", good="180", scrap="4")
    confirmation = posted(exception, "confirmation")
    assert confirmation.payload["yield_qty"] == "300"
    decisions.reverse_decision(
        exception_id=exception.pk, number=1, actor=planner(plant), reason="PRS-03 is needed elsewhere"
    )
    drain()
    confirmation.refresh_from_db()
    assert confirmation.status == "cancelled"
    operation = plant.operations["WO-118300/10"]
    operation.refresh_from_db()
    # made and counted, but ERP has not heard of them
    assert (operation.good, operation.confirmed_good, operation.confirmed_scrap) == (300, 0, 0)
    alternate(exception, plant)
    do(exception, "counts", good="0", scrap="0")
    again = Posting.objects.filter(link__exception=exception, kind="confirmation", status="queued").get()
    assert (again.payload["yield_qty"], again.payload["scrap_qty"]) == ("300", "4")


def test_a_confirmed_posting_of_a_reversed_decision_keeps_the_record_open_until_reversed(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    alternate(exception, plant)
    drain()
    decisions.reverse_decision(exception_id=exception.pk, number=1, actor=planner(plant), reason="no")
    decisions.resolve(exception_id=exception.pk, actor=planner(plant), reason="it runs again")
    assert standing(exception) == "resolved"
    assert Posting.objects.filter(link__exception=exception, kind="reversal", settled_at=None).count() == 2
    drain()
    assert standing(exception) == "closed"
    assert not Posting.objects.filter(link__exception=exception, settled_at=None).exists()


def test_a_posting_being_sent_is_reversed_once_its_fate_is_known(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    exception = report(**HELD)
    erp.then(scripted.cut_after)
    erp_services.send_due()
    block = posted(exception, "movement.block")
    assert block.status == "unknown"
    decisions.cancel(exception_id=exception.pk, actor=planner(plant), reason="wrong lot")
    Posting.objects.filter(pk=block.pk).update(due_at=clock.now())
    drain()
    block.refresh_from_db()
    assert block.status == "confirmed"
    reversal = Posting.objects.get(kind="reversal", reversal_of=block)
    assert PostingLink.objects.get(posting=reversal).exception == exception
    drain()
    assert effective_stock(plant.items["SH-77"], site=plant.rhf).free == 36


def test_a_condition_that_ends_twice_is_completed_twice_and_never_in_one_go(
    plant: KolbeMini, report: Report
) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    alternate(exception, plant)
    do(exception, "repair", cause="MEC-LEAK")
    # once by the record, not again by its decision
    assert kinds(exception).count("maintenance_notification") == 2
    report("press 4 down again")
    decisions.contain_due()
    exception.refresh_from_db()
    assert exception.cleared_at is None
    assert kinds(exception).count("maintenance_notification") == 3
    decisions.clear(exception_id=exception.pk, actor=planner(plant))
    actions = [
        p.payload["action"]
        for p in Posting.objects.filter(link__exception=exception, kind="maintenance_notification").order_by(
            "pk"
        )
    ]
    assert actions == ["open", "complete", "open", "complete"]


def test_a_record_that_comes_back_asks_for_a_new_decision(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    acknowledge_all(exception)
    alternate(exception, plant)
    for task in exception.tasks.order_by("pk"):
        do(exception, task.code, **({"cause": "MEC-LEAK"} if task.code == "repair" else {}),
           **({"good": "1"} if task.code == "counts" else {}))  # fmt: skip
    decisions.handle_settled()
    assert standing(exception) == "closed"
    decisions.reopen(exception_id=exception.pk, actor=planner(plant), reason="leaks again")
    decisions.contain_due()
    assert standing(exception) == "open"
    assert exception.reopen_count == 1
    assert Constraint.objects.filter(kind="unit_down", lifted_at=None).count() == 1
    again = alternate(exception, plant)
    assert again.number == 2
    assert exception.decisions.get(number=1).reverse_reason == "The condition came back."


def test_a_payload_erp_would_refuse_never_stops_the_floor(
    plant: KolbeMini, erp: Books, report: Report
) -> None:
    # given a playbook whose template builds something that can't be posted
    OptionPosting.objects.filter(template="quality_open").update(template="quality_complete")
    exception = report(**HELD)
    OptionPosting.objects.filter(template="cost_scrap").update(settings={"basis": "guess"})
    assert exception.contained_at is not None
    acknowledge_all(exception)
    decisions.decide(
        exception_id=exception.pk, option_code="scrap", inputs={"quantity": "36", "reason": "DIM-SIZE"},
        actor=plant.people["robert.kolbe"],
    )  # fmt: skip
    do(exception, "dispose")
    cost = posted(exception, "cost")
    # then it is there for somebody to put right, the problem in words
    assert (cost.status, cost.error_code) == ("rejected", "erp.payload_invalid")
    assert "one of real, statistical" in cost.error_message
    drain()
    assert standing(exception) == "resolved"
    erp_services.edit_and_retry(
        posting_id=cost.pk,
        payload={**cost.payload, "basis": "real"},
        actor=planner(plant),
        reason="typing error",
    )
    drain()
    assert standing(exception) == "closed"


def test_one_record_that_cannot_be_contained_does_not_hold_up_the_next(
    plant: KolbeMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = []
    for number, text in enumerate(("press 4 down", "mill 6 down, spindle broken")):
        received = exceptions.receive_signal(
            source=exceptions.source_of(kind="station", site=plant.rhf), external_id=f"c-{number}", text=text,
            reporter=plant.people["piotr.nowak"], site=plant.rhf,
        )  # fmt: skip
        refs.append(exceptions.read_signal(signal_id=received.signal.pk).exception.pk)
    # the first one's unit is not where a constraint could be: its end would lie before its start
    ExceptionRecord.objects.filter(pk=refs[0]).update(occurred_at=clock.now() + timedelta(days=400))
    from decisions_app.services import effects

    monkeypatch.setattr(effects, "_estimate", lambda situation: clock.now())
    monkeypatch.setitem(effects.EFFECTS, "unit_down", effects.unit_down)
    assert decisions.contain_due() == 1
    assert ExceptionRecord.objects.get(pk=refs[0]).contained_at is None
    assert ExceptionRecord.objects.get(pk=refs[1]).contained_at is not None


def test_a_stale_page_decides_nothing(plant: KolbeMini, report: Report) -> None:
    exception = report(DOWN)
    seen = exception.version
    acknowledge_all(exception)
    with pytest.raises(StaleVersion) as refused:
        decisions.decide(
            exception_id=exception.pk, option_code="defer", inputs={"not_before": "2099-01-01T00:00"},
            actor=planner(plant), expected_version=seen,
        )  # fmt: skip
    assert refused.value.extra["changed_by"]
    assert exception.decisions.count() == 0


def test_a_rehearsed_past_leaves_the_present_alone(plant: KolbeMini) -> None:
    with clock.rehearse(clock.now() - timedelta(days=20)):
        received = exceptions.receive_signal(
            source=exceptions.source_of(kind="station", site=plant.rhf), external_id="past-1", text="",
            fields=HELD, reporter=plant.people["piotr.nowak"], site=plant.rhf,
        )  # fmt: skip
        exception = exceptions.read_signal(signal_id=received.signal.pk).exception
        decisions.contain(exception_id=exception.pk)
        exception.refresh_from_db()
        acknowledge_all(exception)
        decisions.decide(
            exception_id=exception.pk, option_code="use_as_is", actor=plant.people["robert.kolbe"],
            inputs={"quantity": "36", "justification": "fits"},
        )  # fmt: skip
        do(exception, "release_note")
        do(exception, "labels")
    assert not Constraint.objects.exists()
    assert not StockRow.objects.filter(layer="overlay").exists()
    exception.refresh_from_db()
    assert exception.decided_at < clock.now() - timedelta(days=19)
