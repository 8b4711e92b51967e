"""Every posting kind Tryton takes, sent to a real Tryton and found again by asking it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from erp_sync.adapters.port import Capability
from erp_sync.canonical import KINDS
from tests.tryton_server import Tryton, command, key_maker

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]
key = key_maker("KINDS")


def test_blocking_then_scrapping_a_lot_moves_each_quantity_once(tryton: Tryton) -> None:
    block = command(
        "movement.block",
        key(),
        site="RHE",
        item="RM-SEAL",
        lot="LOT-S1",
        quantity="50",
        from_location="RHE-A02",
    )
    scrap = command(
        "movement.scrap", key(), site="RHE", item="RM-SEAL", lot="LOT-S1", quantity="20",
        from_status="blocked", reason_code="DIM",
    )  # fmt: skip

    blocked, scrapped = tryton.adapter.send(block), tryton.adapter.send(scrap)
    again = [tryton.adapter.send(block), tryton.adapter.send(scrap), tryton.adapter.look_up(scrap)]

    assert (blocked.status, scrapped.status) == ("confirmed", "confirmed")
    assert blocked.confirmed_at is not None
    assert [outcome.erp_number for outcome in again if outcome] == [
        blocked.erp_number, scrapped.erp_number, scrapped.erp_number,
    ]  # fmt: skip
    assert tryton.on_hand("RM-SEAL", "RHE-A02", "LOT-S1") == 450
    assert tryton.on_hand("RM-SEAL", "RHE-BLK", "LOT-S1") == 30
    for sent in (block, scrap):
        rows = tryton.documents("stock.shipment.internal", sent.business_key)
        assert [row["state"] for row in rows] == ["done"]


def test_unblocking_returns_stock_to_the_place_named(tryton: Tryton) -> None:
    tube = {"site": "RHE", "item": "RM-TUBE"}
    before = tryton.on_hand("RM-TUBE", "RHE-A01")
    tryton.adapter.send(command("movement.block", key(), **tube, quantity="9", from_location="RHE-A01"))

    outcome = tryton.adapter.send(
        command("movement.unblock", key(), **tube, quantity="4", to_location="RHE-A01")
    )

    assert outcome.status == "confirmed"
    assert tryton.on_hand("RM-TUBE", "RHE-A01") == before - 5
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == 5


def test_a_transfer_between_sites_passes_through_transit(tryton: Tryton) -> None:
    move = command(
        "movement.transfer", key(), site="RHE", item="RM-SEAL-B", quantity="12",
        from_location="RHE-A02", to_location="AGS-A01",
    )  # fmt: skip

    outcome = tryton.adapter.send(move)

    assert outcome.status == "confirmed"
    assert tryton.on_hand("RM-SEAL-B", "RHE-A02") == 288
    assert tryton.on_hand("RM-SEAL-B", "AGS-A01") == 12


def test_more_than_there_is_is_a_business_no_that_leaves_nothing_reserved(tryton: Tryton) -> None:
    move = command(
        "movement.block", key(), site="RHE", item="RM-OIL", quantity="900", from_location="RHE-A02"
    )

    outcome = tryton.adapter.send(move)

    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert (
        outcome.message == "Tryton could not reserve 900 of RM-OIL: 25.5 there, part of it perhaps reserved"
    )
    rows = tryton.documents("stock.shipment.internal", move.business_key)
    assert [row["state"] for row in rows] == ["cancelled"]
    assert tryton.on_hand("RM-OIL", "RHE-A02") == 25.5


def test_a_rejected_movement_edited_and_sent_again_posts_the_new_quantity(tryton: Tryton) -> None:
    same = key()
    wrong = {"site": "RHE", "item": "RM-OIL", "from_location": "RHE-A02"}
    assert tryton.adapter.send(command("movement.block", same, **wrong, quantity="901")).status == "rejected"

    outcome = tryton.adapter.send(command("movement.block", same, **wrong, quantity="0.5"))

    assert outcome.status == "confirmed"
    assert tryton.on_hand("RM-OIL", "RHE-A02") == 25.0


def test_a_unit_that_takes_no_decimals_refuses_them(tryton: Tryton) -> None:
    outcome = tryton.adapter.send(
        command("movement.block", key(), site="RHE", item="RM-TUBE", quantity="1.5", from_location="RHE-A01")
    )

    assert (outcome.status, outcome.error_code) == ("rejected", "erp.unit_digits")


def test_confirmations_put_time_on_cycles_and_the_final_one_receives_the_yield_once(tryton: Tryton) -> None:
    rods = tryton.on_hand("RM-ROD", "RHE-A01")
    turning = command(
        "confirmation", key(), work_order="100001", operation="10", yield_qty="10", machine_minutes="95"
    )
    part = command(
        "confirmation", key(), work_order="100001", operation="30", yield_qty="4", machine_minutes="40"
    )
    twin = command(
        "confirmation", key(), work_order="100001", operation="30", yield_qty="3", machine_minutes="40"
    )
    final = command(
        "confirmation", key(), work_order="100001", operation="30", yield_qty="2", scrap_qty="1",
        variance_reason="DIM", machine_minutes="20", final=True,
    )  # fmt: skip

    outcomes = [tryton.adapter.send(one) for one in (turning, part, twin, final)]
    again = [tryton.adapter.send(one) for one in (turning, part, twin, final)]

    assert {outcome.status for outcome in outcomes} == {"confirmed"}
    assert len({outcome.erp_number for outcome in outcomes}) == 4
    assert [outcome.erp_number for outcome in again] == [outcome.erp_number for outcome in outcomes]
    order = tryton.order("100001")
    assert order["state"] == "done"
    works = tryton.books.search("production.work", [["production", "=", order["id"]]], ["sequence"])
    cycles = tryton.books.search(
        "production.work.cycle",
        [["work", "in", [w["id"] for w in works]]],
        ["duration", "state", "work.sequence"],
    )
    whole = [(c["work."]["sequence"], round(c["duration"] / timedelta(minutes=1))) for c in cycles]
    assert sorted(whole) == [(10, 95), (20, 0), (30, 20), (30, 40), (30, 40)]
    output = tryton.books.search("stock.move", [["id", "in", order["outputs"]]], ["quantity", "state"])
    assert [(row["quantity"], row["state"]) for row in output] == [(9.0, "done")]
    assert tryton.on_hand("RM-ROD", "RHE-A01") == rods - 10
    # 95 min of turning at 60 an hour, 100 min of assembly at 45 an hour, 10 sets of components
    assert order["cost"] == Decimal("95.0000") + Decimal("75.0000") + Decimal("619.0000")


def test_a_final_confirmation_without_components_is_refused_and_time_alone_is_not(tryton: Tryton) -> None:
    time_only = command("confirmation", key(), work_order="100005", operation="10", machine_minutes="30")
    final = command(
        "confirmation",
        key(),
        work_order="100005",
        operation="10",
        yield_qty="12",
        machine_minutes="1",
        final=True,
    )

    outcomes = tryton.adapter.send(time_only), tryton.adapter.send(final)

    assert outcomes[0].status == "confirmed"
    assert outcomes[0].raw["order_state"] == "waiting"
    assert (outcomes[1].status, outcomes[1].error_code) == ("rejected", "erp.drifted")
    assert outcomes[1].message == "Tryton could not reserve components of order 100005: 34 RM-RARE"
    assert tryton.order("100005")["state"] == "waiting"
    assert tryton.adapter.look_up(final) is None


def test_an_open_defect_stops_the_final_confirmation_by_the_inspections_number(tryton: Tryton) -> None:
    opened = command(
        "quality_event",
        key(),
        action="open",
        work_order="100003",
        operation="30",
        quantity="2",
        defect_code="DIM",
    )
    final = command(
        "confirmation",
        key(),
        work_order="100003",
        operation="30",
        yield_qty="8",
        machine_minutes="60",
        final=True,
    )
    completed = command(
        "quality_event", key(), action="complete", work_order="100003", quantity="2", disposition="use_as_is",
        opened_by=opened.business_key,
    )  # fmt: skip

    first = tryton.adapter.send(opened)
    assert tryton.adapter.look_up(completed) is None
    refused = tryton.adapter.send(final)
    done = tryton.adapter.send(completed)
    passed = tryton.adapter.send(final)

    assert first.status == done.status == passed.status == "confirmed"
    assert refused.status == "rejected"
    assert refused.error_code == "tryton.inspection_open"
    assert refused.message == (
        f"order 100003 has open alerts of failed inspections in Tryton: {first.erp_number}"
    )
    alerts = tryton.books.search(
        "quality.alert", [["origin.reference", "=", opened.business_key, "quality.inspection"]], ["state"]
    )
    assert [row["state"] for row in alerts] == ["resolved"]
    assert tryton.order("100003")["state"] == "done"
    cycles = tryton.books.search(
        "production.work.cycle", [["work.production.reference", "=", "100003"]], ["duration"]
    )
    assert sum(cycle["duration"] > timedelta(0) for cycle in cycles) == 1


def test_a_defect_of_a_lot_needs_no_order(tryton: Tryton) -> None:
    outcome = tryton.adapter.send(
        command(
            "quality_event",
            key(),
            action="open",
            item="RM-SEAL",
            lot="LOT-S2",
            quantity="5",
            defect_code="SUR",
        )
    )

    assert outcome.status == "confirmed"
    assert outcome.raw["document"] == "quality.inspection"


def test_a_substitute_takes_the_place_of_the_component(tryton: Tryton) -> None:
    issue = command(
        "movement.issue",
        key(),
        work_order="100002",
        item="RM-SEAL-B",
        quantity="30",
        substitute_for="RM-SEAL",
    )
    before = tryton.on_hand("RM-SEAL-B", "RHE-A02")

    outcomes = [tryton.adapter.send(issue), tryton.adapter.send(issue)]

    assert [outcome.status for outcome in outcomes] == ["confirmed", "confirmed"]
    order = tryton.order("100002")
    inputs = tryton.books.search(
        "stock.move", [["production_input", "=", order["id"]]], ["product.code", "quantity", "state"]
    )
    totals: dict[str, float] = {}
    for row in inputs:
        totals[row["product."]["code"]] = totals.get(row["product."]["code"], 0) + row["quantity"]
    assert totals == {"RM-ROD": 20, "RM-TUBE": 20, "RM-SEAL": 10, "RM-SEAL-B": 30}
    assert {row["state"] for row in inputs} == {"done"}
    assert tryton.on_hand("RM-SEAL-B", "RHE-A02") == before - 30


def test_a_cost_is_one_balanced_posted_entry(tryton: Tryton) -> None:
    cost = command("cost", key(), amount="123.45", currency="EUR", cost_class="downtime", basis="real")

    outcomes = [tryton.adapter.send(cost), tryton.adapter.send(cost)]

    assert [outcome.status for outcome in outcomes] == ["confirmed", "confirmed"]
    entries = tryton.books.search(
        "account.move", [["description", "like", f"{cost.business_key}%"]], ["number", "state", "date"]
    )
    assert [(row["state"], row["date"], row["number"]) for row in entries] == [
        ("posted", cost.posting_date, outcomes[0].erp_number)
    ]
    lines = tryton.books.search(
        "account.move.line", [["move", "=", entries[0]["id"]]], ["account.code", "debit", "credit"]
    )
    assert sorted((row["account."]["code"], row["debit"], row["credit"]) for row in lines) == [
        ("6910", Decimal("123.45"), Decimal(0)),
        ("6999", Decimal(0), Decimal("123.45")),
    ]


def test_a_cost_of_another_currency_is_booked_at_trytons_rate_and_can_be_taken_back(tryton: Tryton) -> None:
    cost = command("cost", key(), amount="54.00", currency="USD", cost_class="downtime", basis="real")
    undo = command("reversal", key(), reverses=cost.business_key, reverses_kind="cost", reason_code="ERR")

    assert [tryton.adapter.send(one).status for one in (cost, undo)] == ["confirmed", "confirmed"]

    fields = ["account.code", "debit", "credit", "amount_second_currency", "second_currency.code"]
    for one, sign in ((cost, 1), (undo, -1)):
        lines = tryton.books.search(
            "account.move.line", [["move.description", "like", f"{one.business_key}%"]], fields
        )
        booked = {
            row["account."]["code"]: (
                row["debit"] - row["credit"],
                row["amount_second_currency"],
                row["second_currency."]["code"],
            )
            for row in lines
        }
        assert booked == {
            "6910": (Decimal("50.00") * sign, Decimal("54.00") * sign, "USD"),
            "6999": (Decimal("-50.00") * sign, Decimal("-54.00") * sign, "USD"),
        }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"currency": "PLN"}, "erp.mapping_missing"),
        ({"cost_class": "rework"}, "erp.mapping_missing"),
        ({"amount": "-1"}, "erp.payload"),
    ],
)
def test_a_cost_tryton_cannot_book_is_refused_before_any_entry(
    tryton: Tryton, change: dict[str, str], code: str
) -> None:
    fields = {"amount": "10.00", "currency": "EUR", "cost_class": "downtime", "basis": "real"} | change
    cost = command("cost", key(), **fields)

    outcome = tryton.adapter.send(cost)

    assert (outcome.status, outcome.error_code) == ("rejected", code)
    assert tryton.documents("account.move", cost.business_key, "description") == []


def test_order_dates_change_under_their_timestamp_and_drift_is_refused(tryton: Tryton) -> None:
    change = {"target": "work_order", "number": "100004", "which": "planned_end"}
    good = command("change.date", key(), **change, old="2027-01-18", new="2027-01-22")
    stale = command("change.date", key(), **change, old="2027-01-18", new="2027-01-25")

    first = tryton.adapter.send(good)
    second = tryton.adapter.send(stale)

    assert first.status == "confirmed"
    assert (second.status, second.error_code) == ("rejected", "erp.drifted")
    assert second.message == "order 100004: Tryton now says 2027-01-22, the posting expected 2027-01-18"
    assert tryton.order("100004")["planned_date"] == date(2027, 1, 22)


def test_a_purchase_date_change_moves_the_open_receipt_too(tryton: Tryton) -> None:
    change = command(
        "change.date", key(), target="po_line", number="45001", line="10", which="promised",
        old="2026-12-20", new="2026-12-28",
    )  # fmt: skip

    outcomes = [tryton.adapter.send(change), tryton.adapter.send(change)]

    assert [outcome.status for outcome in outcomes] == ["confirmed", "confirmed"]
    line = tryton.books.search(
        "purchase.line", [["purchase.reference", "=", "45001"], ["sequence", "=", 10]], ["delivery_date"]
    )[0]
    moves = tryton.books.search(
        "stock.move", [["origin", "=", f"purchase.line,{line['id']}"]], ["planned_date", "quantity"]
    )
    assert line["delivery_date"] == date(2026, 12, 28)
    assert [(row["planned_date"], row["quantity"]) for row in moves] == [(date(2026, 12, 28), 100)]
    assert len(tryton.documents("purchase.amendment", change.business_key, "description")) == 1


def test_a_commit_date_moves_the_sale_and_its_delivery(tryton: Tryton) -> None:
    change = command(
        "change.date", key(), target="so_line", number="30001", line="10", which="commit",
        old="2027-01-18", new="2027-02-01",
    )  # fmt: skip

    outcome = tryton.adapter.send(change)

    assert outcome.status == "confirmed"
    line = tryton.books.search("sale.line", [["sale.reference", "=", "30001"]], ["sale.shipping_date"])[0]
    moves = tryton.books.search("stock.move", [["origin", "=", f"sale.line,{line['id']}"]], ["planned_date"])
    assert line["sale."]["shipping_date"] == date(2027, 2, 1)
    assert [row["planned_date"] for row in moves] == [date(2027, 2, 1)]


def test_order_line_quantities_change_and_the_rest_is_cancelled(tryton: Tryton) -> None:
    fewer = command("change.quantity", key(), target="so_line", number="30002", line="20", old="12", new="7")
    none = command("change.cancel", key(), target="so_line", number="30002", line="10", scope="rest")

    outcomes = [tryton.adapter.send(one) for one in (fewer, none, fewer, none)]

    assert {outcome.status for outcome in outcomes[:2]} == {"confirmed"}
    lines = tryton.books.search("sale.line", [["sale.reference", "=", "30002"]], ["sequence", "quantity"])
    assert sorted((row["sequence"], row["quantity"]) for row in lines) == [(10, 0), (20, 7)]
    assert len(tryton.documents("sale.amendment", fewer.business_key, "description")) == 1
    assert len(tryton.documents("sale.amendment", none.business_key, "description")) == 1


def test_a_work_order_quantity_takes_its_components_along(tryton: Tryton) -> None:
    change = command("change.quantity", key(), target="work_order", number="100004", old="6", new="9")

    outcome = tryton.adapter.send(change)

    assert outcome.status == "confirmed"
    order = tryton.order("100004")
    moves = tryton.books.search(
        "stock.move",
        ["OR", ["production_input", "=", order["id"]], ["production_output", "=", order["id"]]],
        ["product.code", "quantity"],
    )
    assert order["quantity"] == 9
    assert {row["product."]["code"]: row["quantity"] for row in moves} == {
        "RM-ROD": 9, "RM-TUBE": 9, "RM-SEAL": 18, "CY-100": 9,
    }  # fmt: skip


def test_a_cancelled_work_order_stays_cancelled_and_takes_no_confirmation(tryton: Tryton) -> None:
    cancel = command("change.cancel", key(), target="work_order", number="100006")

    outcomes = [tryton.adapter.send(cancel), tryton.adapter.send(cancel)]
    late = tryton.adapter.send(
        command("confirmation", key(), work_order="100006", operation="10", machine_minutes="5")
    )

    assert [outcome.status for outcome in outcomes] == ["confirmed", "confirmed"]
    assert tryton.order("100006")["state"] == "cancelled"
    assert late.raw["drift"] == [{"field": "order_state", "ours": "open", "theirs": "cancelled"}]
    assert (late.status, late.error_code) == ("rejected", "erp.drifted")


def test_a_short_receipt_leaves_the_rest_open_and_part_of_it_goes_back(tryton: Tryton) -> None:
    receipt = command(
        "movement.receipt", key(), site="RHE", purchase_order="45002", po_line="10", item="RM-RARE", quantity="48",
        to_location="RHE-A01", lot="LOT-NEW",
    )  # fmt: skip
    back = command(
        "movement.return", key(), site="RHE", to="supplier", purchase_order="45002", po_line="10", item="RM-RARE",
        quantity="8", lot="LOT-NEW", from_location="RHE-A01", reason_code="SUR",
    )  # fmt: skip

    outcomes = [tryton.adapter.send(one) for one in (receipt, back, receipt, back)]

    assert {outcome.status for outcome in outcomes} == {"confirmed"}
    assert tryton.on_hand("RM-RARE", "RHE-A01", "LOT-NEW") == 40
    moves = tryton.books.search(
        "stock.move",
        [["origin.purchase.reference", "=", "45002", "purchase.line"], ["state", "=", "draft"]],
        ["quantity"],
    )
    assert [row["quantity"] for row in moves] == [2.0]
    too_much = tryton.adapter.send(
        command(
            "movement.receipt",
            key(),
            site="RHE",
            purchase_order="45002",
            po_line="10",
            item="RM-RARE",
            quantity="3",
        )
    )
    assert (too_much.status, too_much.error_code) == ("rejected", "erp.drifted")


def test_a_reversal_is_a_counter_document_under_its_own_key(tryton: Tryton) -> None:
    block = command(
        "movement.block", key(), site="AGS", item="RM-SEAL", quantity="10", from_location="AGS-A01"
    )
    cost = command("cost", key(), amount="40.00", currency="EUR", cost_class="scrap", basis="real")
    for one in (block, cost):
        assert tryton.adapter.send(one).status == "confirmed"
    undone = [
        command("reversal", key(), reverses=one.business_key, reverses_kind=one.kind, reason_code="ERR")
        for one in (block, cost)
    ]

    outcomes = [tryton.adapter.send(one) for one in (*undone, *undone)]

    assert {outcome.status for outcome in outcomes} == {"confirmed"}
    assert tryton.on_hand("RM-SEAL", "AGS-A01") == 40
    assert tryton.on_hand("RM-SEAL", "AGS-BLK") == 0
    lines = tryton.books.search("account.move.line", [["account.code", "=", "6920"]], ["debit", "credit"])
    assert sum((row["debit"] - row["credit"] for row in lines), Decimal(0)) == 0
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        ("maintenance_notification", {"action": "open", "work_unit": "PR-04"}, "no maintenance module"),
        ("operation.move", {"work_order": "100001", "operation": "10", "to_unit": "PR-05"}, "not machines"),
        ("customer_answer", {"customer": "C-1001", "po_number": "4711", "channel": "mail"}, "mail or EDI"),
        (
            "cost",
            {"amount": "1", "currency": "EUR", "cost_class": "scrap", "basis": "statistical"},
            "never leaves",
        ),
        (
            "movement.receipt",
            {"item": "CY-100", "quantity": "1", "work_order": "100001"},
            "final confirmation",
        ),
    ],
)
def test_what_tryton_has_no_place_for_ends_local_with_the_reason(
    tryton: Tryton, kind: str, payload: dict[str, str], words: str
) -> None:
    outcome = tryton.adapter.send(command(kind, key(), **payload))

    assert outcome.status == "local"
    assert words in outcome.message


def test_every_canonical_kind_has_a_stated_capability(tryton: Tryton) -> None:
    capabilities = tryton.adapter.capabilities()

    assert set(capabilities) == set(KINDS)
    assert all(
        isinstance(able, Capability) and (able.supported or able.reason) for able in capabilities.values()
    )


def test_an_unknown_item_is_refused_by_name(tryton: Tryton) -> None:
    outcome = tryton.adapter.send(command("movement.block", key(), site="RHE", item="NO-SUCH", quantity="1"))

    assert (outcome.status, outcome.error_code) == ("rejected", "erp.not_found")
    assert outcome.message == "Tryton has no item 'NO-SUCH'"


def test_reconciliation_lists_what_carries_our_keys(tryton: Tryton) -> None:
    tryton.books.search("company.company", [], ["id"])  # any answer tells its clock
    since = tryton.books.server_time
    assert since is not None
    block = command(
        "movement.block", key(), site="RHE", item="RM-TUBE", quantity="3", from_location="RHE-A01"
    )
    cost = command("cost", key(), amount="7.00", currency="EUR", cost_class="downtime", basis="real")
    abroad = command("cost", key(), amount="54.00", currency="USD", cost_class="downtime", basis="real")
    sent = {one.business_key: tryton.adapter.send(one).erp_number for one in (block, cost, abroad)}

    listed = {
        found.business_key: found for found in tryton.adapter.list_documents(since - timedelta(seconds=2))
    }

    assert {name: listed[name].erp_number for name in sent} == sent
    assert listed[block.business_key].quantity == Decimal(3)
    assert [listed[one.business_key].amount for one in (block, cost, abroad)] == [
        None,
        Decimal("7.00"),
        Decimal("54.00"),
    ]
    assert all(listed[name].final for name in sent)
