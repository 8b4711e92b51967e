"""Business Central: costs booked once, lines changed under their version, and every way a call can fail.

Told against the simulated service of `bc_server`, written from Microsoft's published descriptions.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from erp_sync.adapters.business_central import BusinessCentralAdapter
from erp_sync.adapters.business_central.terms import journal_code
from erp_sync.adapters.port import PostingCommand
from erp_sync.errors import ErpRejected
from tests.erp_sync import bc_server
from tests.erp_sync.bc_postings import (
    BACK,
    COST,
    DAY,
    KEY,
    MORE,
    POSTINGS,
    SHIP,
    Row,
    command,
    connector,
    cost,
    ledger,
    reverse,
)
from tests.erp_sync.bc_server import COMPANY, SECRET, Fault, Server


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with bc_server.serving() as made:
        yield made


@pytest.fixture
def server(running: Server) -> Server:
    running.fresh()
    return running


@pytest.fixture
def bc(server: Server) -> Iterator[BusinessCentralAdapter]:
    made = connector(server)
    yield made
    made.close()


def test_a_cost_is_one_pair_of_entries_and_leaves_no_journal(
    bc: BusinessCentralAdapter, server: Server
) -> None:
    assert bc.look_up(cost()) is None
    first, again, seen = bc.send(cost()), bc.send(cost()), bc.look_up(cost())
    assert (first.status, first.erp_number) == ("confirmed", "101")
    assert first.confirmed_at is not None
    assert seen is not None
    assert (again.erp_number, seen.status, seen.erp_number) == ("101", "confirmed", "101")
    assert ledger(server) == [("8450", Decimal("120.5")), ("8999", Decimal("-120.5"))]
    assert server.books.find("journals") == []
    line = next(body for method, path, body in server.written if path.endswith("/journalLines"))
    assert (line["documentNumber"], line["externalDocumentNumber"], line["postingDate"]) == (
        KEY,
        KEY,
        "2026-11-23",
    )
    assert line["description"] == f"{KEY} EX-2026-000042 rim"


@pytest.mark.parametrize("step", ["journals", "journalLines", "Microsoft.NAV.post"])
@pytest.mark.parametrize("kind", ["drop", "before", "throttle", "expire"])
def test_a_cost_survives_trouble_at_every_step_in_one_document(
    bc: BusinessCentralAdapter, server: Server, step: str, kind: str
) -> None:
    server.faults.append(Fault(kind, "POST", f"/{step}"))

    first = bc.send(cost())
    found = bc.look_up(cost())
    again = bc.send(cost())

    begun = step != "journals"
    expected = {
        "drop": ("unknown", "business_central.no_answer"),
        "before": ("unknown", "business_central.http_502"),
        "throttle": ("unknown" if begun else "retry", "business_central.busy"),
        "expire": ("confirmed", ""),
    }[kind]
    assert (first.status, first.error_code) == expected
    assert first.raw.get("retry_after") == (3.0 if kind == "throttle" else None)
    posted = kind == "expire" or (kind == "drop" and step == "Microsoft.NAV.post")
    if posted or begun or kind == "drop":
        assert found is not None
        assert found.status == ("confirmed" if posted else "unknown")
        assert found.raw.get("half_done", False) is not posted
    else:
        assert found is None
    assert again.status == "confirmed"
    assert ledger(server) == [("8450", Decimal("120.5")), ("8999", Decimal("-120.5"))]


@pytest.mark.parametrize("name", ["receipt date", "shipment date", "quantity"])
@pytest.mark.parametrize("kind", ["drop", "before"])
def test_a_change_survives_a_lost_answer_and_is_made_once(
    bc: BusinessCentralAdapter, server: Server, name: str, kind: str
) -> None:
    posted = command(*POSTINGS[name])
    assert bc.look_up(posted) is None
    server.faults.append(Fault(kind, "PATCH"))
    lost, found, again = bc.send(posted), bc.look_up(posted), bc.send(posted)
    assert lost.status == "unknown"
    assert (found is not None) is (kind == "drop")
    assert again.status == "confirmed"
    assert len(server.written) == (1 if kind == "drop" else 2)


def test_a_line_is_changed_under_the_version_read(bc: BusinessCentralAdapter, server: Server) -> None:
    [line] = server.books.find("purchaseOrderLines", sequence=10000)
    outcome = bc.send(command("change.date", DAY))
    assert (outcome.status, outcome.erp_number) == ("confirmed", "106001/10000")
    assert (line["expectedReceiptDate"], line["_v"]) == ("2026-12-08", 2)
    [(method, path, body)] = server.written
    assert (method, body) == ("PATCH", {"expectedReceiptDate": "2026-12-08"})
    assert path == f"/companies({COMPANY})/purchaseOrderLines({line['id']})"


def test_another_hand_between_reading_and_writing_sends_it_again_later(
    bc: BusinessCentralAdapter, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = server._must_match

    def late(table: str, row: Row, headers: dict[str, str]) -> None:
        server.books.touch(row)
        usual(table, row, headers)

    monkeypatch.setattr(server, "_must_match", late)
    outcome = bc.send(command("change.date", DAY))
    assert (outcome.status, outcome.error_code) == ("retry", "business_central.stale")
    assert "Request_EntityChanged" in outcome.message
    assert server.books.find("purchaseOrderLines", expectedReceiptDate="2026-12-08") == []


@pytest.mark.parametrize(
    ("table", "moved", "posted", "drift"),
    [
        ("purchaseOrderLines", {"expectedReceiptDate": "2026-12-24"}, ("change.date", DAY),
         {"field": "expectedReceiptDate", "ours": "2026-12-01", "theirs": "2026-12-24"}),
        ("salesOrderLines", {"shipmentDate": "0001-01-01"}, ("change.date", SHIP),
         {"field": "shipmentDate", "ours": "2026-12-04", "theirs": "nothing"}),
        ("purchaseOrderLines", {"quantity": 20}, ("change.quantity", MORE),
         {"field": "quantity", "ours": "12", "theirs": "20"}),
        ("purchaseOrderLines", {"receivedQuantity": 16}, ("change.quantity", MORE),
         {"field": "receivedQuantity", "ours": "at most 15.5 received", "theirs": "16 received"}),
        ("purchaseOrders", {"fullyReceived": True}, ("change.date", DAY),
         {"field": "status", "ours": "open", "theirs": "completely received"}),
    ],
)  # fmt: skip
def test_drift_stops_a_change_with_both_values_until_somebody_has_seen_it(
    bc: BusinessCentralAdapter, server: Server, table: str, moved: Row, posted: tuple[str, Row], drift: Row
) -> None:
    row = server.books.tables[table][0]
    server.books.touch(row, **moved)
    kind, payload = posted
    stopped = bc.send(command(kind, payload))
    assert (stopped.status, stopped.error_code, stopped.raw["drift"]) == ("rejected", "erp.drifted", [drift])
    assert server.written == []

    seen = bc.send(command(kind, payload | {"seen": {drift["field"]: drift["theirs"]}}))
    assert seen.error_code != "erp.drifted"
    assert len(server.written) == 1


@pytest.mark.parametrize("name", ["cost", "receipt date", "shipment date", "quantity"])
def test_every_posting_is_taken_back_once(bc: BusinessCentralAdapter, server: Server, name: str) -> None:
    posted = command(*POSTINGS[name])
    number = bc.send(posted).erp_number
    back = reverse(posted, number)
    assert bc.look_up(back) is None

    server.faults.append(Fault("drop", "POST" if name == "cost" else "PATCH"))
    lost, first, again = bc.send(back), bc.send(back), bc.send(back)

    assert (lost.status, first.status, again.status) == ("unknown", "confirmed", "confirmed")
    assert first.erp_number == again.erp_number
    if name == "cost":
        assert ledger(server, BACK) == [("8999", Decimal("120.5")), ("8450", Decimal("-120.5"))]
        assert first.erp_number != number
    else:
        [line] = server.books.find(
            "salesOrderLines" if name == "shipment date" else "purchaseOrderLines", sequence=10000
        )
        held = (line.get("expectedReceiptDate") or line.get("shipmentDate"), line["quantity"])
        assert held == (("2026-12-04", 4) if name == "shipment date" else ("2026-12-01", 12))


def test_entries_another_hand_reversed_count_as_cancelled_there(
    bc: BusinessCentralAdapter, server: Server
) -> None:
    bc.send(cost())
    for row in list(server.books.tables["generalLedgerEntries"]):
        turned = {"debitAmount": row["creditAmount"], "creditAmount": row["debitAmount"]}
        server.books.add(
            "generalLedgerEntries", entryNumber=row["entryNumber"] + 10, documentNumber=KEY,
            accountNumber=row["accountNumber"], **turned,
        )  # fmt: skip
    outcome = bc.send(cost())
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.cancelled_there")
    back = bc.send(reverse(cost()))
    assert (back.status, back.raw["state"]) == ("confirmed", "reversed there")
    assert len(ledger(server)) == 4


def test_a_refused_posting_leaves_no_journal_behind_and_goes_once_it_is_mended(
    bc: BusinessCentralAdapter, server: Server
) -> None:
    [account] = server.books.find("accounts", number="8450")
    account["blocked"] = True
    outcome = bc.send(cost())
    assert (outcome.status, outcome.error_code) == ("rejected", "business_central.field")
    assert "Blocked must be equal to" in outcome.message
    assert (server.books.find("journals"), server.books.find("journalLines")) == ([], [])
    account["blocked"] = False
    assert bc.send(cost()).status == "confirmed"


def test_lines_of_an_earlier_try_with_other_values_are_replaced(
    bc: BusinessCentralAdapter, server: Server
) -> None:
    server.faults.append(Fault("before", "POST", "/Microsoft.NAV.post"))
    bc.send(cost())
    assert bc.send(cost(amount="99")).status == "confirmed"
    assert ledger(server) == [("8450", Decimal(99)), ("8999", Decimal(-99))]


def test_a_line_of_another_hand_in_our_journal_is_not_posted(
    bc: BusinessCentralAdapter, server: Server
) -> None:
    server.faults.append(Fault("before", "POST", "/Microsoft.NAV.post"))
    bc.send(cost())
    [journal] = server.books.find("journals")
    server.books.add(
        "journalLines", journalId=journal["id"], lineNumber=15000, accountNumber="8451", amount=1
    )
    outcome = bc.send(cost())
    assert (outcome.status, outcome.error_code) == ("rejected", "business_central.journal_taken")
    assert ledger(server) == []
    other = server.books.add("journals", code=journal_code(BACK), displayName="something else")
    assert bc.send(replace(cost(), business_key=BACK)).error_code == "business_central.journal_taken"
    assert other in server.books.find("journals")


def test_entries_that_show_later_are_waited_for(bc: BusinessCentralAdapter, server: Server) -> None:
    server.shows_entries = False
    waiting = bc.send(cost())
    assert (waiting.status, waiting.error_code) == ("unknown", "business_central.waiting")
    server.books.tables["generalLedgerEntries"] = server.books.tables.pop("hidden")
    found = bc.look_up(cost())
    assert found is not None
    assert found.status == "confirmed"


@pytest.mark.parametrize(
    ("posted", "code"),
    [
        (cost(cost_class="overtime"), "erp.mapping_missing"),
        (cost(amount="1.005"), "business_central.digits"),
        (cost(currency="USD"), "business_central.currency"),
        (command("change.date", DAY | {"number": "999"}), "erp.not_found"),
        (command("change.date", DAY | {"line": "30000"}), "erp.not_found"),
        (command("change.date", DAY | {"line": "A"}), "erp.payload"),
        (command("change.quantity", MORE | {"uom": "kg"}), "business_central.unit"),
    ],
)
def test_what_can_not_be_booked_is_a_definite_no_before_anything_is_written(
    bc: BusinessCentralAdapter, server: Server, posted: PostingCommand, code: str
) -> None:
    outcome = bc.send(posted)
    assert (outcome.status, outcome.error_code) == ("rejected", code)
    assert server.written == []


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        ("confirmation", {"work_order": "1", "yield_qty": "1"}, "production orders"),
        ("movement.scrap", {"item": "1000", "quantity": "1", "reason_code": "x"}, "only reads item entries"),
        ("inspection_result", {"characteristic": "c", "verdict": "accepted"}, "quality"),
        ("cost", COST | {"basis": "statistical"}, "statistical"),
        ("change.date", DAY | {"which": "requested"}, "head of the order"),
        ("change.date", DAY | {"target": "work_order"}, "production orders"),
        ("change.cancel", {"target": "po_line", "number": "1", "line": "1"}, "decided in Business Central"),
        ("reversal", {"reverses": KEY, "reverses_kind": "quality_event", "reason_code": "x"}, "take back"),
    ],
)
def test_what_is_not_offered_says_why_and_asks_nothing(
    bc: BusinessCentralAdapter, server: Server, kind: str, payload: Row, words: str
) -> None:
    outcome = bc.send(command(kind, payload))
    assert outcome.status == "local"
    assert words in outcome.message
    assert server.asked == []


def test_a_released_order_refuses_in_its_own_words(bc: BusinessCentralAdapter, server: Server) -> None:
    server.books.tables["purchaseOrders"][0]["status"] = "Open"
    outcome = bc.send(command("change.quantity", MORE))
    assert (outcome.status, outcome.error_code) == ("rejected", "business_central.field")
    assert "Released" in outcome.message


@pytest.mark.parametrize("name", POSTINGS)
def test_what_is_shown_is_what_is_sent(bc: BusinessCentralAdapter, server: Server, name: str) -> None:
    posted = command(*POSTINGS[name])
    shown = bc.preview(posted)
    assert server.asked == []
    assert bc.send(posted).status == "confirmed"
    real = server.written
    assert [step.method for step in shown] == [method for method, _, _ in real]
    for step, (_, path, body) in zip(shown, real, strict=True):
        pattern = re.escape(step.address).replace(r"\.\.\.", "[0-9a-f-]+").replace("ACME", "[0-9a-f-]+")
        assert re.fullmatch(pattern, f"/api/v2.0{path}")
        assert step.body == body
    assert SECRET not in repr(shown)


def test_a_preview_says_what_is_not_mapped(bc: BusinessCentralAdapter, server: Server) -> None:
    with pytest.raises(ErpRejected) as unmapped:
        bc.preview(cost(cost_class="overtime"))
    assert (unmapped.value.code, server.asked) == ("erp.mapping_missing", [])
