"""Material and people that are missing: what waits, who finds them, and what ERP gets."""

from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.errors import InvalidInput, NotAllowed
from decisions_app import services as decisions
from decisions_app.models import Decision
from decisions_app.selectors import options_for
from exceptions_app.models import ExceptionRecord
from plant_app.models import Constraint
from plant_app.selectors.effective import effective_promise, effective_stock
from tests.decisions_app.conftest import Report, acknowledge_all, do, drain, kinds, posted, standing
from tests.erp_sync.scripted import Books
from tests.plant_fixtures import KolbeMini

SHORT = {
    "type": "material_shortage",
    "item": "SK-118",
    "kind": "stopped_now",
    "work_order": "WO-118226",
    "qty_needed": "24",
}


@pytest.fixture
def short(plant: KolbeMini, erp: Books, report: Report) -> ExceptionRecord:
    exception = report(**SHORT)
    acknowledge_all(exception)
    exception.refresh_from_db()
    return exception


def decide(plant: KolbeMini, exception: ExceptionRecord, option: str, who: str, **inputs: Any) -> Decision:
    return decisions.decide(
        exception_id=exception.pk, option_code=option, inputs=inputs, actor=plant.people[who], reason="in time"
    )  # fmt: skip


def limits(kind: str) -> Any:
    return Constraint.objects.filter(kind=kind, lifted_at=None)


def in_hours(hours: int) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


def test_a_shortage_waits_for_the_next_receipt_and_tells_erp_nothing(
    plant: KolbeMini, short: ExceptionRecord
) -> None:
    limit = limits("material_short").get()
    assert (limit.item, limit.estimated) == (plant.items["SK-118"], True)
    assert limit.ends_at == plant.purchase_lines["4500231"].promised_at
    assert kinds(short) == []


def test_expedite_from_another_place_moves_stock_when_it_is_brought(
    plant: KolbeMini, short: ExceptionRecord, erp: Books
) -> None:
    arrival = in_hours(2)
    decide(
        plant, short, "expedite", "daniel.okafor",
        from_location="GVL-STO", to_location="RHF-PU", quantity="24", arrival=arrival,
    )  # fmt: skip
    limit = limits("material_short").get()
    assert (limit.ends_at.isoformat(), limit.estimated) == (arrival.replace("Z", "+00:00"), False)
    # deciding moves nothing yet
    assert kinds(short) == []
    assert effective_stock(plant.items["SK-118"], location=plant.locations["RHF-PU"]).free == 12
    assert short.tasks.get(code="bring").due_at.isoformat() == arrival
    assert not short.tasks.filter(code="confirm_ship").exists()
    do(short, "bring")
    transfer = posted(short, "movement.transfer")
    assert (transfer.payload["from_location"], transfer.payload["to_location"], transfer.payload["quantity"]) == (
        "GVL-STO", "RHF-PU", "24",
    )  # fmt: skip
    do(short, "restart")
    # the last blocking task ends the condition
    assert not limits("material_short").exists()
    drain()
    assert standing(short) == "closed"


def test_expedite_by_the_supplier_moves_his_date_here_and_then_in_erp(
    plant: KolbeMini, short: ExceptionRecord, erp: Books
) -> None:
    line, arrival = plant.purchase_lines["4500231"], in_hours(80)
    decide(
        plant,
        short,
        "expedite",
        "oliver.brandt",
        purchase_line="4500231/10",
        quantity="24",
        arrival=arrival,
        cost="180",
    )
    assert kinds(short) == ["change.date", "cost"]
    change = posted(short, "change.date")
    assert (change.payload["target"], change.payload["number"], change.payload["line"]) == (
        "po_line",
        "4500231",
        "10",
    )
    assert effective_promise(line).isoformat(timespec="seconds") == arrival[:19] + "+00:00"
    line.refresh_from_db()
    assert line.promised_at.isoformat() != arrival
    drain()
    line.refresh_from_db()
    assert line.promised_at == effective_promise(line)
    assert line.promised_at.isoformat(timespec="seconds") == arrival[:19] + "+00:00"
    assert short.tasks.filter(code="confirm_ship").exists()


def test_a_premium_needs_somebody_with_a_limit(plant: KolbeMini, short: ExceptionRecord) -> None:
    with pytest.raises(NotAllowed) as refused:
        decide(plant, short, "expedite", "lena.fischer", quantity="24", arrival=in_hours(2), cost="10")
    assert refused.value.code == "decisions.over_limit"
    assert short.decisions.count() == 0


def test_a_substitute_is_on_the_list_or_engineerings_to_allow(
    plant: KolbeMini, short: ExceptionRecord, erp: Books
) -> None:
    with pytest.raises(InvalidInput) as refused:
        decide(plant, short, "substitute", "ingrid.vogel", substitute="ST-40", quantity="24")
    assert "not approved" in refused.value.extra["errors"]["substitute"]
    with pytest.raises(InvalidInput):
        decide(plant, short, "substitute", "ingrid.vogel", substitute="NONE-1", quantity="24")
    assert limits("material_short").exists()
    decide(plant, short, "substitute", "ingrid.vogel", substitute="SK-119", quantity="24")
    assert not limits("material_short").exists()
    assert kinds(short) == []
    do(short, "stage")
    issue = posted(short, "movement.issue")
    assert (issue.payload["item"], issue.payload["substitute_for"], issue.payload["work_order"]) == (
        "SK-119", "SK-118", "WO-118226",
    )  # fmt: skip
    assert issue.chain == "WO-118226"


def test_a_substitute_taken_back_leaves_the_item_short_again(
    plant: KolbeMini, short: ExceptionRecord
) -> None:
    decide(plant, short, "substitute", "ingrid.vogel", substitute="SK-119", quantity="24")
    decisions.reverse_decision(
        exception_id=short.pk, number=1, actor=plant.people["ingrid.vogel"], reason="certificate missing"
    )
    assert limits("material_short").count() == 1
    assert set(short.tasks.values_list("status", flat=True)) == {"cancelled"}


def test_split_changes_the_order_and_announces_the_part(plant: KolbeMini, short: ExceptionRecord) -> None:
    decide(
        plant,
        short,
        "split_quantity",
        "ingrid.vogel",
        quantity_now="12",
        quantity_later="12",
        arrival=in_hours(30),
    )
    change = posted(short, "change.quantity")
    assert (change.payload["target"], change.payload["old"], change.payload["new"]) == (
        "work_order",
        "24",
        "12",
    )
    assert "customer_answer" not in kinds(short)
    do(short, "announce")
    answer = posted(short, "customer_answer").payload
    assert (answer["customer"], answer["lines"][0]["quantity_now"]) == ("ALS", "12")


def test_moving_a_tier_a_promise_is_the_planning_leads_to_decide(
    plant: KolbeMini, short: ExceptionRecord
) -> None:
    inputs = {"not_before": in_hours(30), "commit_at": in_hours(120)}
    with pytest.raises(NotAllowed) as refused:
        decide(plant, short, "reschedule", "ingrid.vogel", **inputs)
    assert refused.value.code == "decisions.tier_a"
    decide(plant, short, "reschedule", "helena.kraus", **inputs)
    assert limits("not_before").get().operation == plant.operations["WO-118226/30"]
    assert "change.date" in kinds(short)


def test_people_found_are_no_longer_missing(plant: KolbeMini, report: Report) -> None:
    exception = report(
        type="labour_shortage", work_centre="GRIND", missing="2", reason="ABS-UNPLANNED", shift="E"
    )
    limit = limits("crew_short").get()
    assert (limit.work_centre, limit.missing) == (plant.centres["GRIND"], 2)
    assert limit.ends_at is not None
    acknowledge_all(exception)
    with pytest.raises(InvalidInput):
        decide(
            plant,
            exception,
            "reassign",
            "katrin.weber",
            people="1",
            from_centre="elsewhere",
            until=in_hours(4),
        )
    decide(plant, exception, "reassign", "katrin.weber", people="1", from_centre="MILL5", until=in_hours(4))
    assert limits("crew_short").get().missing == 1
    decisions.reverse_decision(
        exception_id=exception.pk, number=1, actor=plant.people["katrin.weber"], reason="needed there"
    )
    assert limits("crew_short").get().missing == 2
    decide(plant, exception, "overtime", "anke.schulte", people="2", hours="2", cost="300")
    assert not limits("crew_short").exists()
    assert kinds(exception) == []
    do(exception, "ask", minutes="240")
    assert posted(exception, "cost").payload["cost_class"] == "overtime"
    decisions.handle_settled()
    assert standing(exception) == "closed"


def test_overtime_over_the_supervisors_limit_goes_up(plant: KolbeMini, report: Report) -> None:
    exception = report(
        type="labour_shortage", work_centre="GRIND", missing="2", reason="ABS-UNPLANNED", shift="E"
    )
    with pytest.raises(NotAllowed) as refused:
        decide(plant, exception, "call_in", "katrin.weber", people="2", arrival=in_hours(2), cost="501")
    assert refused.value.code == "decisions.over_limit"
    views = {view.option.code: view for view in options_for(exception, plant.people["katrin.weber"])}
    assert views["call_in"].allowed
    assert not any(promise.late for promise in views["defer"].promises)
    assert views["reassign"].values["from_centre"]
