"""Reading Business Central: rows, identities, reconciliation; getting in, health, tried codes, the profile."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core import clock
from erp_sync.adapters import port
from erp_sync.adapters.business_central import BusinessCentralAdapter, build
from erp_sync.adapters.business_central import adapter as home
from erp_sync.adapters.business_central.terms import journal_code
from erp_sync.errors import ErpRejected
from erp_sync.models import ErpConnection
from erp_sync.services import sweep
from plant_app.models import Site
from tests import factories as make
from tests.erp_sync import bc_server
from tests.erp_sync.bc_postings import (
    KEY,
    Row,
    connector,
    cost,
    settings,
)
from tests.erp_sync.bc_server import COMPANY, SECRET, Server


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
