"""Postings to a simulated ERPNext: one request each, found by their key, cancelled by its own means."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.erpnext import ErpNextAdapter
from erp_sync.adapters.port import PostingCommand
from erp_sync.errors import ErpRejected
from tests.erp_sync.erpnext_postings import (
    CHANGES,
    COMMANDS,
    ORDER,
    back,
    block,
    closing,
    command,
    cost,
    finding,
    new_value,
    scrap,
    transfer,
)  # fmt: skip
from tests.erpnext_server import ErpNextServer


@pytest.fixture
def site() -> Iterator[ErpNextServer]:
    with ErpNextServer() as server:
        yield server


Connect = Callable[..., ErpNextAdapter]


@pytest.fixture
def connect() -> Iterator[Connect]:
    made: list[ErpNextAdapter] = []

    def build(server: ErpNextServer, **more: Any) -> ErpNextAdapter:
        made.append(ErpNextAdapter(server.settings(**more)))
        return made[-1]

    yield build
    for adapter in made:
        adapter.close()


@pytest.fixture(params=["custom_posting_key", ""], ids=["own field", "remarks"])
def keyed(request: pytest.FixtureRequest) -> Iterator[ErpNextServer]:
    with ErpNextServer(request.param) as server:
        yield server


def drift(outcome: port.Outcome) -> list[tuple[str, str, str]]:
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    return [(one["field"], one["ours"], one["theirs"]) for one in outcome.raw["drift"]]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_kind_ends_in_one_document_however_often_it_is_sent(
    keyed: ErpNextServer, connect: Connect, name: str
) -> None:
    adapter, wanted = connect(keyed), COMMANDS[name]()

    assert adapter.look_up(wanted) is None
    first = adapter.send(wanted)
    again = adapter.send(wanted)
    seen = adapter.look_up(wanted)

    assert (first.status, first.error_code) == ("confirmed", "")
    assert (again.status, again.erp_number) == ("confirmed", first.erp_number)
    assert seen is not None
    assert (seen.status, seen.erp_number) == ("confirmed", first.erp_number)
    assert len(keyed.written) == 1
    assert keyed.documents(wanted.business_key) == ([] if name in CHANGES else [first.erp_number])
    assert first.confirmed_at == keyed.now


def test_an_orders_output_is_received_with_the_components_erpnext_proposes(
    site: ErpNextServer, connect: Connect
) -> None:
    outcome = connect(site).send(closing(lot="B-12", yield_qty="2", total_yield="9"))

    entry = site.only("Stock Entry")
    assert outcome.erp_number == entry["name"]
    assert (entry["purpose"], entry["work_order"], entry["fg_completed_qty"]) == (
        "Manufacture", "MFG-WO-2026-00001", 9.0,
    )  # fmt: skip
    assert (entry["posting_date"], entry["posting_time"], entry["set_posting_time"]) == (
        "2026-11-03",
        "12:00:00",
        1,
    )
    assert (site.stock("FG-100", "Stores - RF"), site.stock("RM-1", "Work In Progress - RF")) == (49.0, 42.0)
    assert site.batches["B-12", "Stores - RF"] == 9.0
    assert site.row("Batch", "B-12")["item"] == "FG-100"
    assert site.row("Work Order", "MFG-WO-2026-00001")["produced_qty"] == 9.0


def test_a_movement_goes_where_the_plant_says(site: ErpNextServer, connect: Connect) -> None:
    adapter = connect(site)

    def level() -> tuple[float, float, float]:
        names = ("Stores - RF", "Quarantine - RF", "Shelf - RF")
        first, second, third = (site.stock("FG-100", name) for name in names)
        return first, second, third

    for wanted, after in (
        (block(), (37.0, 8.0, 0.0)),
        (command("movement.unblock", item="FG-100", quantity="2"), (39.0, 6.0, 0.0)),
        (transfer(), (36.0, 6.0, 3.0)),
        (scrap(), (33.0, 6.0, 3.0)),
        (scrap(from_status="blocked", quantity="1"), (33.0, 5.0, 3.0)),
        (
            command("movement.return", item="FG-100", quantity="1", work_order="W", to="stock"),
            (34.0, 5.0, 3.0),
        ),
    ):
        assert adapter.send(wanted).status == "confirmed"
        assert level() == after
    adapter = connect(site, scrap={"RHF": "Shelf - RF"})
    assert adapter.send(scrap(quantity="2")).status == "confirmed"
    assert level() == (32.0, 5.0, 5.0)


def test_costs_and_findings_say_what_was_mapped(site: ErpNextServer, connect: Connect) -> None:
    adapter = connect(site)
    assert adapter.send(cost()).status == "confirmed"
    entry = site.only("Journal Entry")
    assert [
        (
            one["account"],
            one.get("debit_in_account_currency"),
            one.get("credit_in_account_currency"),
            one["cost_center"],
        )
        for one in entry["accounts"]
    ] == [("Scrap Costs - RF", 120.5, None, "Main - RF"), ("Clearing - RF", None, 120.5, "Main - RF")]  # fmt: skip
    wanted = replace(finding(), text="Naht <b> offen " + "x" * 200)
    assert adapter.send(wanted).status == "confirmed"
    row = site.only("Non Conformance")
    assert (row["procedure"], row["status"], len(row["subject"])) == ("Surface", "Open", 140)
    assert "<p>Defect: burr</p>" in row["details"]


def test_a_finding_is_completed_with_what_was_decided(site: ErpNextServer, connect: Connect) -> None:
    adapter, opened = connect(site), finding()
    number = adapter.send(opened).erp_number
    ended = finding(action="complete", disposition="rework", opened_by=opened.business_key)

    assert adapter.look_up(ended) is None
    assert [adapter.send(ended).erp_number, adapter.send(ended).erp_number] == [number, number]

    row = site.only("Non Conformance")
    assert row["status"] == "Resolved"
    assert "rework" in row["corrective_action"]
    assert len(site.written) == 2
    assert drift(adapter.send(back(opened))) == [("status", "Open", "Resolved")]
    assert adapter.send(back(ended)).status == "local"


def test_a_change_of_one_line_keeps_all_others(site: ErpNextServer, connect: Connect) -> None:
    before = [dict(line) for line in site.row("Purchase Order", ORDER)["items"]]

    assert connect(site).send(new_value("purchase date")).status == "confirmed"

    after = site.row("Purchase Order", ORDER)["items"]
    assert after == [before[0], before[1] | {"schedule_date": "2026-11-12"}]


def test_a_work_orders_end_keeps_its_time_of_day(site: ErpNextServer, connect: Connect) -> None:
    assert connect(site).send(new_value("order end")).status == "confirmed"
    assert site.row("Work Order", "MFG-WO-2026-00002")["planned_end_date"] == "2026-11-12 14:00:00"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"status": "Completed"}, ("status", "open", "Completed")),
        ({"status": "Stopped"}, ("status", "open", "Stopped")),
        ({"docstatus": 0, "status": "Draft"}, ("status", "open", "Draft")),
        ({"produced_qty": 4.0}, ("produced_qty", "1", "4")),
    ],
)
def test_an_order_that_moved_on_holds_the_posting_with_both_values(
    site: ErpNextServer, connect: Connect, changed: dict[str, Any], told: tuple[str, str, str]
) -> None:
    site.change("Work Order", "MFG-WO-2026-00001", **changed)

    assert drift(connect(site).send(closing())) == [told]
    assert site.written == []


@pytest.mark.parametrize("make", [scrap, block, transfer])
@pytest.mark.parametrize("batch", [{}, {"item": "RM-1", "lot": "L-7", "from_location": "STO"}])
def test_stock_that_is_gone_holds_the_posting_with_both_values(
    site: ErpNextServer, connect: Connect, make: Callable[..., PostingCommand], batch: dict[str, str]
) -> None:
    held = "100" if batch else "40"
    assert drift(connect(site).send(make(quantity="141", **batch))) == [("stock", "141", held)]
    assert site.written == []
    seen = connect(site).send(make(quantity="141", seen={"stock": held}, **batch))
    assert (seen.status, seen.error_code) == ("rejected", "erp.short_stock")
    assert "needed in Stores - RF" in seen.message


@pytest.mark.parametrize("name", CHANGES)
def test_a_value_somebody_changed_meanwhile_is_asked_about(
    site: ErpNextServer, connect: Connect, name: str
) -> None:
    adapter = connect(site)
    other = {"old": "40"} if "quantity" in name else {"old": "2026-11-01"}

    outcome = adapter.send(new_value(name, **other))

    [(field, ours, theirs)] = drift(outcome)
    assert (ours, theirs) == (other["old"], CHANGES[name]["old"])
    assert site.written == []
    assert adapter.send(new_value(name, **other, seen={field: theirs})).status == "confirmed"


def test_a_closed_order_takes_no_change(site: ErpNextServer, connect: Connect) -> None:
    site.change("Purchase Order", ORDER, status="Closed")
    assert drift(connect(site).send(new_value("purchase date"))) == [("status", "open", "Closed")]


@pytest.mark.parametrize("name", COMMANDS)
def test_what_was_posted_is_taken_back_once(site: ErpNextServer, connect: Connect, name: str) -> None:
    adapter, wanted = connect(site), COMMANDS[name]()
    before = {name: row["actual_qty"] for name, row in site.tables["Bin"].items()}
    number = adapter.send(wanted).erp_number
    undo = back(wanted, number)

    assert adapter.look_up(undo) is None
    first, again = adapter.send(undo), adapter.send(undo)

    assert (first.status, again.status, first.erp_number) == ("confirmed", "confirmed", again.erp_number)
    assert len(site.written) == 2
    assert {name: row["actual_qty"] for name, row in site.tables["Bin"].items() if name in before} == before
    assert site.documents(wanted.business_key) == []
    if name not in CHANGES:
        gone = adapter.send(wanted)
        assert (gone.status, gone.error_code) == ("rejected", "erp.cancelled_there")
        assert gone.erp_number == number


def test_a_reversal_of_what_is_not_there_is_refused(site: ErpNextServer, connect: Connect) -> None:
    outcome = connect(site).send(back(scrap(), "MAT-STE-1"))
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.not_found")
    assert site.written == []


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (closing(final=False), "final confirmation"),
        (cost(basis="statistical"), "never leaves"),
        (command("movement.receipt", item="RM-1", quantity="1", purchase_order="P", po_line="1"), "booked in ERPNext"),
        (command("movement.return", item="RM-1", quantity="1", to="supplier", purchase_order="P"), "their receipt"),
        (command("inspection_result", characteristic="D", verdict="accepted", item="FG-100"), "hang on receipts"),
        (command("maintenance_notification", action="open", work_unit="PRESS-1"), "not of machines"),
        (command("change.quantity", target="work_order", number="W", new="5"), "keeps the quantity"),
        (command("change.date", target="so_line", number="S", line="1", which="requested", new="2026-11-12"),
         "one date a line"),
    ],
)  # fmt: skip
def test_what_erpnext_has_no_place_for_stays_here_and_says_why(
    site: ErpNextServer, connect: Connect, wanted: PostingCommand, words: str
) -> None:
    adapter = connect(site)
    outcome = adapter.send(wanted)
    assert (outcome.status, words in outcome.message) == ("local", True)
    with pytest.raises(ErpRejected) as refused:
        adapter.preview(wanted)
    assert refused.value.code == "erp.not_offered"
    assert site.calls == []


@pytest.mark.parametrize(
    ("made", "code", "words"),
    [
        (cost(cost_class="rework"), "erp.mapping_missing", "rework"),
        (cost(currency="USD"), "erpnext.currency", "keeps its books in EUR"),
        (
            scrap(item="GHOST", from_location="STO", seen={"stock": "0"}),
            "erpnext.link",
            "Could not find Item: GHOST",
        ),
        (finding(defect_code="rust"), "erp.mapping_missing", "rust"),
        (closing(work_order="MFG-WO-9"), "erp.not_found", "MFG-WO-9 not found"),
    ],
)
def test_a_no_says_which_and_leaves_nothing(
    site: ErpNextServer, connect: Connect, made: PostingCommand, code: str, words: str
) -> None:
    outcome = connect(site).send(made)
    assert (outcome.status, outcome.error_code) == ("rejected", code)
    assert words in outcome.message
    assert site.under(made.business_key) == []


def test_a_rule_of_the_sites_own_is_told_in_its_words(site: ErpNextServer, connect: Connect) -> None:
    site.refuse["Stock Entry"] = "Books are <b>frozen</b> up to 2026-11-30"
    outcome = connect(site).send(scrap())
    assert (outcome.error_code, outcome.message) == ("erpnext.refused", "Books are frozen up to 2026-11-30")


def test_a_quantity_in_another_unit_is_refused(site: ErpNextServer, connect: Connect) -> None:
    adapter = connect(site)
    wrong = adapter.send(scrap(uom="kg"))
    assert (wrong.status, wrong.error_code) == ("rejected", "erpnext.unit")
    assert "Nos" in wrong.message
    assert site.written == []
    assert adapter.send(scrap(uom="pcs")).status == "confirmed"


def test_a_drift_accepted_on_a_taking_back_is_accepted(site: ErpNextServer, connect: Connect) -> None:
    adapter, wanted = connect(site), new_value("purchase date", seen={"schedule_date": "2026-11-20"})
    assert adapter.send(wanted).status == "confirmed"
    order = site.only("Purchase Order")
    site.change(
        "Purchase Order", ORDER, items=[line | {"schedule_date": "2026-11-20"} for line in order["items"]]
    )
    undo = back(wanted)

    [(field, _, theirs)] = drift(adapter.send(undo))
    accepted = replace(undo, payload={**undo.payload, "seen": {field: theirs}})

    assert theirs == "2026-11-20"
    assert adapter.send(accepted).status == "confirmed"
    assert site.only("Purchase Order")["items"][1]["schedule_date"] == "2026-11-07"
