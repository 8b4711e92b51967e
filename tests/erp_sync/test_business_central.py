"""Business Central: costs booked once, lines changed under their version, reads, codes, and every way a call can fail.

Told against the simulated service of `bc_server`, written from Microsoft's published descriptions.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core import clock
from erp_sync.adapters import port
from erp_sync.adapters.business_central import BusinessCentralAdapter, build
from erp_sync.adapters.business_central import adapter as home
from erp_sync.adapters.business_central.terms import journal_code
from erp_sync.adapters.port import PostingCommand
from erp_sync.errors import ErpRejected
from erp_sync.models import ErpConnection
from erp_sync.services import sweep
from plant_app.models import Site
from tests import factories as make
from tests.erp_sync import bc_server
from tests.erp_sync.bc_server import CLIENT, COMPANY, SECRET, Fault, Server

Row = dict[str, Any]
KEY, BACK = "ABCDEFGH234567AB", "BACKBACKBACK2345"
COST: Row = {"amount": "120.50", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
DAY: Row = {"target": "po_line", "number": "106001", "line": "10000", "which": "promised", "old": "2026-12-01",
            "new": "2026-12-08"}  # fmt: skip
SHIP: Row = {"target": "so_line", "number": "S-ORD101001", "line": "10000", "which": "commit", "old": "2026-12-04",
             "new": "2026-12-11"}  # fmt: skip
MORE: Row = {
    "target": "po_line",
    "number": "106001",
    "line": "10000",
    "old": "12",
    "new": "15.5",
    "uom": "pcs",
}
POSTINGS = {
    "cost": ("cost", COST),
    "receipt date": ("change.date", DAY),
    "shipment date": ("change.date", SHIP),
    "quantity": ("change.quantity", MORE),
}


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with bc_server.serving() as made:
        yield made


@pytest.fixture
def server(running: Server) -> Server:
    running.fresh()
    return running


def settings(server: Server, **changed: Any) -> Row:
    login = {"url": server.url, "token_url": server.token_url, "username": CLIENT, "password": SECRET}
    mapped = {"cost_account": {"scrap": "8450"}, "balancing_account": {"*": "8999"}, "plant": {"RHF": "MAIN"}}
    return {**login, **mapped, "database": "ACME", "read_timeout": 10, **changed}


@pytest.fixture
def bc(server: Server) -> Iterator[BusinessCentralAdapter]:
    made = build(settings(server))
    assert isinstance(made, BusinessCentralAdapter)
    yield made
    made.close()


def command(kind: str, payload: Row, key: str = KEY) -> PostingCommand:
    return PostingCommand(
        kind=kind, business_key=key, payload=dict(payload), text="EX-2026-000042 rim",
        occurred_at=datetime(2026, 11, 23, 6, tzinfo=UTC), posting_date=date(2026, 11, 23),
    )  # fmt: skip


def cost(**changed: Any) -> PostingCommand:
    return command("cost", COST | changed)


def reverse(posted: PostingCommand, number: str = "") -> PostingCommand:
    payload = {"reverses": posted.business_key, "reverses_kind": posted.kind, "reverses_number": number,
               "reason_code": "mistake", "original": posted.payload}  # fmt: skip
    return command("reversal", payload, BACK)


def ledger(server: Server, key: str = KEY) -> list[tuple[str, Decimal]]:
    rows = server.books.find("generalLedgerEntries", documentNumber=key)
    return [(row["accountNumber"], row["debitAmount"] - row["creditAmount"]) for row in rows]


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


def pulled(bc: BusinessCentralAdapter, entity: str, mark: str = "") -> list[port.Record]:
    return [row for page in bc.pull(entity, mark) for row in page.records]


def test_rows_are_read_in_the_plants_words(bc: BusinessCentralAdapter, server: Server) -> None:
    server.books.touch(server.books.find("items", number="1100")[0], blocked=True)
    items = {row.code: row for row in pulled(bc, "items")}
    assert (items["1000"].data["name"], items["1000"].data["uom"], items["1000"].deleted) == (
        "Bicycle",
        "pcs",
        False,
    )
    assert (items["1100"].deleted, "S1" in items) == (True, False)
    [customer], [supplier] = pulled(bc, "customers"), pulled(bc, "suppliers")
    assert (customer.code, customer.data["name"], supplier.code) == ("10000", "Adatum", "20000")
    [sale], [purchase] = pulled(bc, "sales_lines"), pulled(bc, "purchase_lines")
    assert sale.code == "S-ORD101001/10000"
    assert sale.data == {
        "order": "S-ORD101001", "line": 10000, "item": "1000", "quantity": "4", "site": "RHF", "customer": "10000",
        "po_number": "PO-77", "requested_date": "2026-12-05", "commit_date": "2026-12-04",
    }  # fmt: skip
    assert (purchase.data["supplier"], purchase.data["promised_date"]) == ("20000", "2026-12-01")


def test_a_later_read_asks_for_changes_and_a_long_one_turns_its_pages_on_our_own_host(
    bc: BusinessCentralAdapter, server: Server
) -> None:
    server.page_size = 1
    pages = list(bc.pull("items"))
    assert [len(page.records) for page in pages] == [1, 1]
    assert {page.total for page in pages} == {2}
    assert pages[0].watermark == ""
    mark = datetime.fromisoformat(pages[-1].watermark)
    assert timedelta(0) < clock.now() - mark < timedelta(minutes=5)
    for row in server.books.tables["items"]:
        row["lastModifiedDateTime"] = "2026-01-01T00:00:00Z"
    assert pulled(bc, "items", pages[-1].watermark) == []
    server.books.touch(server.books.find("items", number="1000")[0], displayName="Bike")
    assert [row.data["name"] for row in pulled(bc, "items", pages[-1].watermark)] == ["Bike"]


@pytest.mark.parametrize("entity", ["items", "customers", "suppliers", "sales_lines", "purchase_lines"])
def test_identities_are_those_of_the_rows_read(bc: BusinessCentralAdapter, entity: str) -> None:
    assert sorted(bc.identities(entity)) == sorted(row.external_id for row in pulled(bc, entity))


def test_what_the_api_does_not_have_is_not_taken_for_empty(bc: BusinessCentralAdapter) -> None:
    assert pulled(bc, "work_orders") == []
    with pytest.raises(ErpRejected) as refused:
        list(bc.identities("work_orders"))
    assert refused.value.code == "erp.not_offered"


def test_nothing_of_the_plant_is_taken_away_for_what_the_api_does_not_have(
    site: Site, server: Server
) -> None:
    order = make.WorkOrderFactory(site=site)
    kind, options = "business_central", {"token_url": server.token_url}
    connection = ErpConnection.objects.create(
        code="bc", name="BC", kind=kind, base_url=server.url, options=options
    )
    assert sweep(connection=connection, entity="work_orders") is None
    status = order.status
    order.refresh_from_db()
    assert (order.status, server.asked) == (status, [])


def test_reconciliation_lists_entries_under_our_keys(bc: BusinessCentralAdapter, server: Server) -> None:
    bc.send(cost())
    server.books.add("generalLedgerEntries", entryNumber=900, documentNumber="G00001", accountNumber="8450")
    [found] = bc.list_documents(clock.now() - timedelta(days=1))
    assert (found.business_key, found.erp_number, found.final) == (KEY, "101", True)


def test_a_token_is_bought_once_kept_and_renewed(server: Server) -> None:
    server.life = 3600
    bought = server.bought
    bc = build(settings(server))
    assert bc.ping().ok
    assert bc.send(cost()).status == "confirmed"
    assert server.bought == bought + 1
    server.tokens.clear()
    assert bc.ping().ok
    assert server.bought == bought + 2
    bc.close()
    server.life = 1  # ends before it can be kept
    brief = build(settings(server))
    brief.ping()
    brief.ping()
    assert server.bought > bought + 3
    brief.close()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"password": "wrong"}, "business_central.credentials"),
        ({"token_url": ""}, "business_central.login"),
        ({"token_url": "http://127.0.0.1:9/token"}, "business_central.login"),
        ({"url": "http://127.0.0.1:9/v2.0/acme/production"}, "business_central.unreachable"),
    ],
)
def test_no_way_in_means_nothing_happened(server: Server, changed: Row, code: str) -> None:
    bc = build(settings(server, **changed))
    outcome, health = bc.send(cost()), bc.ping()
    assert (outcome.status, outcome.error_code, health.ok) == ("retry", code, False)
    assert SECRET not in health.detail
    bc.close()


def test_health_names_company_and_clock_and_an_unknown_company_is_said(server: Server) -> None:
    bc = build(settings(server, database=COMPANY))
    health = bc.ping()
    assert (health.ok, health.detail, health.version) == (True, "company Acme GmbH", "API v2.0")
    assert health.clock is not None
    assert abs(health.clock - clock.now()) < timedelta(seconds=5)
    bc.close()
    lost = build(settings(server, database="NOBODY"))
    assert "NOBODY" in lost.ping().detail
    assert lost.send(cost()).error_code == "business_central.no_company"
    lost.close()


@pytest.mark.parametrize(
    ("kind", "theirs", "ok"),
    [
        ("cost_account", "8450", True),
        ("balancing_account", "1", False),
        ("unit", "PCS", True),
        ("plant", "EAST", False),
        ("reason", "x", None),
    ],
)
def test_a_mapped_code_is_tried(bc: BusinessCentralAdapter, kind: str, theirs: str, ok: bool | None) -> None:
    assert bc.check_code(kind, "ours", theirs).ok is ok


def test_a_blocked_account_is_no_account_to_book_on(bc: BusinessCentralAdapter, server: Server) -> None:
    server.books.find("accounts", number="8450")[0]["blocked"] = True
    told = bc.check_code("cost_account", "scrap", "8450")
    assert (told.ok, told.said) == (False, "Scrap: blocked")


def test_the_profile_is_honest_and_says_what_to_do_about_every_code() -> None:
    profile = port.profile_of("business_central")
    assert profile.proof == "documented"
    text = "".join(path.read_text() for path in Path(home.__file__).parent.glob("*.py"))
    own = set(re.findall(r"NAME}\.([a-z_.]+)", text)) | set(
        re.findall(r"\"business_central\.([a-z_.]+)\"", text)
    )
    assert {f"business_central.{name}" for name in own} <= set(profile.codes)
    assert {"cost_account", "balancing_account", "unit", "plant"} == set(profile.mapping_kinds)


def test_a_journals_code_is_letters_only_and_differs_by_key() -> None:
    codes = {journal_code(f"KEY{n}") for n in range(500)}
    assert len(codes) == 500
    assert all(re.fullmatch("[A-Z]{10}", code) for code in codes)
