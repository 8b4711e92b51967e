"""A real Tryton that has moved on since it was decided: the posting stops with both values, and goes on once seen."""

from dataclasses import replace
from datetime import timedelta

import pytest

from erp_sync.adapters import port
from tests.tryton_server import Tryton, command, key_maker

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]
key = key_maker("DRIFT")
CYCLE = "production.work.cycle"


def work_of(tryton: Tryton, number: str, operation: int) -> int:
    domain = [["production.reference", "=", number], ["sequence", "=", operation]]
    return int(tryton.books.search("production.work", domain, ["sequence"])[0]["id"])


def book_by_hand(tryton: Tryton, work: int, minutes: int) -> None:
    record = tryton.books.create(CYCLE, {"work": work, "duration": timedelta(minutes=minutes)})
    for button in ("run", "do"):
        tryton.books.button(CYCLE, button, record)


def cycles(tryton: Tryton, work: int) -> list[timedelta]:
    rows = tryton.books.search(CYCLE, [["work", "=", work], ["state", "=", "done"]], ["duration"])
    return sorted(row["duration"] for row in rows)


def confirm(number: str, minutes: str, **more: object) -> port.PostingCommand:
    return command("confirmation", key(), work_order=number, operation="10", machine_minutes=minutes, **more)


def test_time_somebody_keyed_into_tryton_meanwhile_stops_the_confirmation_until_it_was_seen(
    tryton: Tryton,
) -> None:
    work = work_of(tryton, "100001", 10)
    ours = tryton.adapter.send(confirm("100001", "20"))
    book_by_hand(tryton, work, 45)

    stopped = tryton.adapter.send(late := confirm("100001", "30"))
    after_stop = cycles(tryton, work)
    late.payload["seen"] = {"confirmed_elsewhere": "45 min"}
    gone_on = tryton.adapter.send(late)

    assert ours.status == "confirmed"
    assert (stopped.status, stopped.error_code) == ("rejected", "erp.drifted")
    assert stopped.raw["drift"] == [{"field": "confirmed_elsewhere", "ours": "0 min", "theirs": "45 min"}]
    assert [round(one.total_seconds() / 60) for one in after_stop] == [20, 45]
    assert gone_on.status == "confirmed"
    assert [round(one.total_seconds() / 60) for one in cycles(tryton, work)] == [20, 30, 45]


def test_what_was_seen_is_not_seen_once_more_has_come(tryton: Tryton) -> None:
    work = work_of(tryton, "100002", 10)
    book_by_hand(tryton, work, 10)
    book_by_hand(tryton, work, 15)

    outcome = tryton.adapter.send(confirm("100002", "30", seen={"confirmed_elsewhere": "10 min"}))

    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert [round(one.total_seconds() / 60) for one in cycles(tryton, work)] == [10, 15]


def test_another_date_than_expected_is_overwritten_only_by_somebody_who_saw_it(tryton: Tryton) -> None:
    change = {"target": "work_order", "number": "100004", "which": "planned_end", "old": "2026-01-01"}
    now = tryton.order("100004")["planned_date"].isoformat()

    stopped = tryton.adapter.send(command("change.date", key(), **change, new="2027-02-01"))
    untouched = tryton.order("100004")["planned_date"].isoformat()
    gone_on = tryton.adapter.send(
        command("change.date", key(), **change, new="2027-02-01", seen={"date": now})
    )

    assert stopped.raw["drift"] == [{"field": "date", "ours": "2026-01-01", "theirs": now}]
    assert untouched == now
    assert gone_on.status == "confirmed"
    assert tryton.order("100004")["planned_date"].isoformat() == "2027-02-01"


def test_stock_that_is_gone_says_how_much_is_left(tryton: Tryton) -> None:
    outcome = tryton.adapter.send(
        command("movement.scrap", key(), site="RHE", item="RM-OIL", quantity="500", from_location="RHE-A02",
                reason_code="DIM")
    )  # fmt: skip

    assert outcome.raw["drift"] == [{"field": "stock", "ours": "500 to take", "theirs": "25.5 there"}]


def test_a_block_can_not_be_taken_back_once_the_stock_went_on(tryton: Tryton) -> None:
    block = command(
        "movement.block", key(), site="RHE", item="RM-TUBE", quantity="2", from_location="RHE-A01"
    )
    gone = command(
        "movement.scrap", key(), site="RHE", item="RM-TUBE", quantity="2", from_status="blocked",
        from_location="RHE-BLK", reason_code="DIM",
    )  # fmt: skip
    done = [tryton.adapter.send(block).status, tryton.adapter.send(gone).status]

    back = tryton.adapter.send(
        command("reversal", key(), reverses=block.business_key, reverses_kind=block.kind, original=block.payload,
                reason_code="ERR")
    )  # fmt: skip

    assert done == ["confirmed", "confirmed"]
    assert (back.status, back.error_code) == ("rejected", "erp.drifted")
    assert back.raw["drift"] == [{"field": "stock", "ours": "2 to take", "theirs": "0 there"}]


def test_a_quantity_in_another_unit_is_turned_into_the_items_own_exactly(tryton: Tryton) -> None:
    before = tryton.on_hand("RM-OIL", "RHE-BLK")
    oil = {"site": "RHE", "item": "RM-OIL", "from_location": "RHE-A02"}

    grams = tryton.adapter.send(command("movement.block", key(), **oil, quantity="1500", uom="g"))
    pieces = tryton.adapter.send(command("movement.block", key(), **oil, quantity="1", uom="pcs"))
    unknown = tryton.adapter.send(command("movement.block", key(), **oil, quantity="1", uom="drum"))

    assert grams.status == "confirmed"
    assert tryton.on_hand("RM-OIL", "RHE-BLK") == before + 1.5
    assert (pieces.status, pieces.error_code) == ("rejected", "erp.wrong_unit")
    assert (unknown.status, unknown.error_code) == ("rejected", "erp.mapping_missing")


@pytest.fixture(scope="module")
def bore(tryton: Tryton) -> str:
    """A control of one measured point, 11.98 to 12.02."""
    point = {"name": "bore_mm", "string": "Bore", "type_": "numeric", "digits": 3,
             "tolerance_lower": 11.98, "tolerance_upper": 12.02}  # fmt: skip
    tryton.books.create("quality.control", {"name": "Bore 12", "points": [["create", [point]]]})
    return "Bore 12"


def measured(value: str, verdict: str, **more: object) -> port.PostingCommand:
    return command(
        "inspection_result", key(), characteristic="BORE", verdict=verdict, value=value, uom="mm",
        work_order="100001", **more,
    )  # fmt: skip


def test_an_inspection_result_is_judged_by_trytons_limits_and_taken_back_by_reopening(
    tryton: Tryton, bore: str
) -> None:
    adapter = tryton.server.adapter(characteristic={"BORE": bore})
    good, bad = measured("12.001", "accepted"), measured("12.031", "rejected")

    outcomes = adapter.send(good), adapter.send(bad), adapter.send(bad)
    states = [tryton.documents("quality.inspection", one.business_key)[0]["state"] for one in (good, bad)]
    back = command("reversal", key(), reverses=good.business_key, reverses_kind="inspection_result",
                   original=good.payload, reason_code="ERR")  # fmt: skip
    undone = adapter.send(back), adapter.send(back)
    adapter.close()

    assert [one.status for one in outcomes] == ["confirmed"] * 3
    assert states == ["passed", "failed"]
    assert len(tryton.documents("quality.inspection", bad.business_key)) == 1
    assert [one.status for one in undone] == ["confirmed", "confirmed"]
    assert tryton.documents("quality.inspection", good.business_key)[0]["state"] == "pending"


def test_a_verdict_against_trytons_limits_asks_before_it_writes(tryton: Tryton, bore: str) -> None:
    adapter = tryton.server.adapter(characteristic={"BORE": bore})

    odd = adapter.send(posting := measured("12.5", "accepted"))
    unmapped = tryton.adapter.send(measured("12.0", "accepted"))
    verdict = tryton.adapter.send(
        command("inspection_result", key(), characteristic="LOOKS", verdict="accepted", lot="L")
    )
    adapter.close()

    assert odd.raw["drift"] == [{"field": "verdict", "ours": "accepted", "theirs": "rejected"}]
    assert tryton.documents("quality.inspection", posting.business_key) == []
    assert (unmapped.status, unmapped.error_code) == ("rejected", "erp.mapping_missing")
    assert verdict.status == "confirmed"


@pytest.mark.parametrize(
    ("value", "state"), [("11.980", "failed"), ("11.981", "passed"), ("12.020", "failed")]
)
def test_a_value_at_the_very_limit_is_judged_as_tryton_will(
    tryton: Tryton, bore: str, value: str, state: str
) -> None:
    """Tryton compares the decimal with a binary float; 12.02 as one lies below 12.020, 11.98 above 11.980."""
    adapter = tryton.server.adapter(characteristic={"BORE": bore})
    theirs = {"passed": "accepted", "failed": "rejected"}[state]

    asked = adapter.send(posting := measured(value, "accepted"))
    accepted = adapter.send(again := measured(value, "accepted", seen={"verdict": theirs}))
    adapter.close()

    assert asked.status == ("confirmed" if state == "passed" else "rejected")
    assert len(tryton.documents("quality.inspection", posting.business_key)) == (state == "passed")
    assert accepted.status == "confirmed"
    assert tryton.documents("quality.inspection", again.business_key)[0]["state"] == state


def test_a_receipt_is_taken_back_by_a_return_and_a_defect_by_resolving_its_alert(tryton: Tryton) -> None:
    line = tryton.books.search(
        "stock.move", [["origin", "like", "purchase.line,%"], ["state", "=", "draft"]],
        ["quantity", "product.code", "origin"], limit=1,
    )[0]  # fmt: skip
    record = int(line["origin"].split(",")[1])
    fields = ["sequence", "purchase.reference", "purchase.warehouse.code"]
    order = tryton.books.search("purchase.line", [["id", "=", record]], fields)[0]
    item = line["product."]["code"]
    site = order["purchase."]["warehouse."]["code"]
    receipt = command(
        "movement.receipt", key(), site=site, item=item, quantity="2",
        purchase_order=order["purchase."]["reference"], po_line=str(order["sequence"]),
    )  # fmt: skip
    defect = command("quality_event", key(), action="open", quantity="1", work_order="100001")

    def back(posting: port.PostingCommand) -> port.Outcome:
        return tryton.adapter.send(
            command("reversal", key(), reverses=posting.business_key, reverses_kind=posting.kind,
                    original=posting.payload, reason_code="ERR")
        )  # fmt: skip

    came = tryton.adapter.send(receipt)
    went = back(receipt)
    raised = tryton.adapter.send(defect)
    resolved = back(defect)

    assert [came.status, went.status] == ["confirmed", "confirmed"]
    assert went.raw["document"] == "stock.shipment.in.return"
    assert [raised.status, resolved.status] == ["confirmed", "confirmed"]
    assert resolved.raw["document"] == "quality.alert"


def test_of_a_line_received_in_part_the_date_of_what_is_still_to_come_counts(tryton: Tryton) -> None:
    line = {"target": "po_line", "number": "45002", "line": "10", "which": "promised"}
    part = command(
        "movement.receipt", key(), site="RHE", item="RM-RARE", quantity="3", purchase_order="45002",
        po_line="10",
    )  # fmt: skip

    came = tryton.adapter.send(part)
    later = tryton.adapter.send(command("change.date", key(), **line, old="2026-12-18", new="2026-12-30"))
    stale = tryton.adapter.send(command("change.date", key(), **line, old="2026-12-18", new="2027-01-05"))

    assert (came.status, later.status) == ("confirmed", "confirmed")
    assert stale.raw["drift"] == [{"field": "date", "ours": "2026-12-18", "theirs": "2026-12-30"}]
    pulled = [one for page in tryton.adapter.pull("purchase_lines", "") for one in page.records]
    dates = {one.code: one.data["promised_date"] for one in pulled}
    assert (dates["45002/10"], dates["45001/10"]) == ("2026-12-30", "2026-12-20")


def test_what_happened_yesterday_is_booked_on_yesterday(tryton: Tryton) -> None:
    block = command(
        "movement.block", key(), site="RHE", item="RM-TUBE", quantity="1", from_location="RHE-A01"
    )
    late = replace(block, posting_date=block.posting_date - timedelta(days=1))

    outcome = tryton.adapter.send(late)

    rows = tryton.books.search(
        "stock.move",
        [["shipment.reference", "=", block.business_key, "stock.shipment.internal"]],
        ["effective_date"],
    )
    assert outcome.status == "confirmed"
    assert {row["effective_date"] for row in rows} == {late.posting_date}


def test_an_order_finished_yesterday_and_confirmed_today_ended_yesterday(tryton: Tryton) -> None:
    final = confirm("100003", "30", yield_qty="1", final=True)
    work = tryton.books.search("production.work", [["production.reference", "=", "100003"]], ["sequence"])
    last = replace(
        final,
        posting_date=final.posting_date - timedelta(days=1),
        payload={**final.payload, "operation": str(max(row["sequence"] for row in work))},
    )

    outcome = tryton.adapter.send(last)

    dates = ["effective_date", "effective_start_date", "state"]
    order = tryton.books.search("production", [["reference", "=", "100003"]], dates)[0]
    assert (outcome.status, outcome.message) == ("confirmed", "")
    assert order["state"] == "done"
    assert (order["effective_start_date"], order["effective_date"]) == (last.posting_date, last.posting_date)
