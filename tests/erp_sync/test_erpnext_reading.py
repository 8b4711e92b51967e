"""What is read out of ERPNext and shown of it: master data, listing, health, previews, codes, reconciliation."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.erpnext import ErpNextAdapter
from erp_sync.adapters.erpnext.pull import SIZE
from erp_sync.errors import ErpRejected, ErpUnavailable
from tests.docs.pages import DOCS
from tests.erp_sync.erpnext_postings import (
    CHANGES,
    COMMANDS,
    ORDER,
    back,
    block,
    closing,
    cost,
    finding,
    scrap,
)  # fmt: skip
from tests.erp_sync.test_odoo_reading import same
from tests.erpnext_server import SECRET, ErpNextServer

#: Digits as letters a key may have.
LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")


@pytest.fixture
def site() -> Iterator[ErpNextServer]:
    with ErpNextServer() as server:
        yield server


@pytest.fixture
def adapter(site: ErpNextServer) -> Iterator[ErpNextAdapter]:
    made = ErpNextAdapter(site.settings())
    yield made
    made.close()


def read(adapter: ErpNextAdapter, entity: str, watermark: str = "") -> tuple[dict[str, port.Record], str]:
    found: dict[str, port.Record] = {}
    for page in adapter.pull(entity, watermark):
        found |= {record.code: record for record in page.records}
        watermark = page.watermark
    return found, watermark


def test_every_entity_is_read_in_the_plants_words(adapter: ErpNextAdapter) -> None:
    items, _ = read(adapter, "items")
    assert items["FG-100"].data == {
        "name": "Flange", "uom": "pcs", "standard_cost": "17.5", "source": "made", "active": True,
    }  # fmt: skip
    assert (items["RM-1"].data["uom"], items["RM-1"].data["source"]) == ("kg", "bought")
    centres, _ = read(adapter, "work_centres")
    assert centres["PRESS"].data == {"name": "Press", "cost_per_hour": "60.0"}
    orders, _ = read(adapter, "work_orders")
    assert orders["MFG-WO-2026-00001"].data == {
        "item": "FG-100", "quantity": "10.0", "status": "released", "planned_start": "2026-11-04",
        "planned_end": "2026-11-05", "need_by": "2026-11-06",
        "operations": [
            {"number": 10, "name": "Pressing", "work_centre": "PRESS", "run_minutes": "30.0", "confirmed": "0"}
        ],
        "components": [{"item": "RM-1", "quantity": "20.0", "withdrawn": "0"}],
    }  # fmt: skip
    sales, _ = read(adapter, "sales_lines")
    assert sales["SAL-ORD-2026-00001/1"].data == {
        "order": "SAL-ORD-2026-00001", "line": 1, "item": "FG-100", "quantity": "10.0", "customer": "Kunde AG",
        "po_number": "PO-77", "delivered": "0", "unit_price": "30.0", "commit_date": "2026-11-08", "cancelled": False,
    }  # fmt: skip
    bought, _ = read(adapter, "purchase_lines")
    assert bought[f"{ORDER}/2"].data == {
        "order": ORDER, "line": 2, "item": "FG-100", "quantity": "5.0", "supplier": "Stahl GmbH", "received": "0",
        "promised_date": "2026-11-07",
    }  # fmt: skip
    assert set(read(adapter, "customers")[0]) == {"Kunde AG"}
    assert set(read(adapter, "suppliers")[0]) == {"Stahl GmbH"}
    stock, _ = read(adapter, "stock")
    assert {code: (one.data["quantity"], one.data.get("status")) for code, one in stock.items()} == {
        "FG-100|STO|": ("40.0", None), "FG-100|Quarantine - RF|": ("5.0", "blocked"), "RM-1|STO|": ("100.0", None),
        "RM-1|Work In Progress - RF|": ("60.0", None),
    }  # fmt: skip


def test_only_what_changed_since_is_read_again(site: ErpNextServer, adapter: ErpNextAdapter) -> None:
    # What was written within the overlap is read once more: let it be longer ago.
    site.advance(minutes=30)
    site.add("Item", "NEW", item_name="New", stock_uom="Nos", disabled=0)
    _, watermark = read(adapter, "items")
    assert set(read(adapter, "items", watermark)[0]) == {"NEW"}
    site.advance(minutes=30)
    site.change("Item", "RM-1", disabled=1)

    changed, further = read(adapter, "items", watermark)

    assert {code: one.deleted for code, one in changed.items()} == {"NEW": False, "RM-1": True}
    assert set(read(adapter, "items", further)[0]) == {"RM-1"}
    assert set(adapter.identities("items")) == {"FG-100", "NEW"}


def test_an_empty_list_keeps_its_place(site: ErpNextServer, adapter: ErpNextAdapter) -> None:
    site.tables["Supplier"].clear()
    assert read(adapter, "suppliers") == ({}, "")
    assert read(adapter, "suppliers", "2026-11-03 12:00:00.000001") == ({}, "2026-11-03 12:00:00.000001")


def test_a_read_that_ends_anywhere_goes_on_after_the_last_row(
    site: ErpNextServer, adapter: ErpNextAdapter
) -> None:
    stamp = site.stamp()
    for number in range(SIZE + 5):
        site.add("Customer", f"X-{number:03}", customer_name="X", disabled=0)["modified"] = stamp
    pages = adapter.pull("customers")
    first = next(pages)

    rest, _ = read(adapter, "customers", first.watermark)

    assert (len(first.records), first.total) == (SIZE, SIZE + 6)
    assert len({one.code for one in first.records} | set(rest)) == SIZE + 6
    assert not {one.code for one in first.records} & set(rest)
    assert len(list(adapter.identities("customers"))) == SIZE + 6


def test_a_cancelled_order_is_told_as_gone(site: ErpNextServer, adapter: ErpNextAdapter) -> None:
    _, watermark = read(adapter, "purchase_lines")
    assert len(set(adapter.identities("purchase_lines"))) == 2
    site.change("Purchase Order", ORDER, docstatus=2, status="Cancelled")
    gone, _ = read(adapter, "purchase_lines", watermark)
    assert [one.deleted for one in gone.values()] == [True, True]
    assert set(adapter.identities("purchase_lines")) == set()


def test_trouble_while_reading_is_said_and_an_unknown_entity_is_ours(
    site: ErpNextServer, adapter: ErpNextAdapter
) -> None:
    site.fault("garbage", match="/api/resource/Item")
    with pytest.raises(ErpUnavailable):
        read(adapter, "items")
    with pytest.raises(KeyError):
        read(adapter, "dragons")


def test_the_test_of_the_connection_tells_version_and_clock(
    site: ErpNextServer, adapter: ErpNextAdapter
) -> None:
    health = adapter.ping()
    assert (health.ok, health.version, health.clock) == (True, "15.78.1", site.now)
    assert health.detail == "logged in as connector@plant.example"
    site.stop()
    assert adapter.ping().ok is False


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_shown_is_what_is_sent(site: ErpNextServer, adapter: ErpNextAdapter, name: str) -> None:
    wanted = COMMANDS[name]()
    number = ""
    for one in (wanted, None):
        site.calls.clear()
        command = one or back(wanted, number if name not in CHANGES else "")
        shown = adapter.preview(command)
        assert site.calls == []
        number = adapter.send(command).erp_number
        real = [(call.method, site.url + call.path, json.loads(call.body)) for call in site.written]
        assert [(step.method, step.address.replace("%20", " ")) for step in shown] == [
            (m, a) for m, a, _ in real
        ]
        for step, (_, _, body) in zip(shown, real, strict=True):
            assert same(step.body, body), (step.body, body)
        assert SECRET not in repr(shown)


def test_a_missing_mapping_is_refused_before_anybody_is_asked(site: ErpNextServer) -> None:
    adapter = ErpNextAdapter(site.settings(blocked={}, company=""))
    for wanted in (block(), cost()):
        with pytest.raises(ErpRejected) as refused:
            adapter.preview(wanted)
        assert refused.value.code == "erp.mapping_missing"
        assert adapter.send(wanted).error_code == "erp.mapping_missing"
    assert site.written == []
    adapter.close()


@pytest.mark.parametrize(
    ("kind", "theirs", "ok"),
    [
        ("location", "Stores - RF", True), ("location", "Nowhere", False), ("blocked", "Quarantine - RF", True),
        ("work_centre", "Press", True), ("unit", "Nos", True), ("defect", "Surface", True),
        ("cost_account", "Clearing - RF", True), ("cost_center", "Main - RF", True), ("colour", "red", None),
    ],
)  # fmt: skip
def test_a_mapped_code_can_be_tried(adapter: ErpNextAdapter, kind: str, theirs: str, ok: bool | None) -> None:
    assert adapter.check_code(kind, "ours", theirs).ok is ok


def test_a_row_taken_away_between_two_pages_hides_no_other(
    site: ErpNextServer, adapter: ErpNextAdapter
) -> None:
    for number in range(SIZE + 5):
        site.add("Customer", f"X-{number:03}", customer_name="X", disabled=0)
    told = adapter.identities("customers")
    first = next(told)
    del site.tables["Customer"][first]

    assert {first, *told} >= set(site.tables["Customer"])


def test_a_document_taken_away_between_two_pages_hides_no_other_from_reconciliation(
    site: ErpNextServer, adapter: ErpNextAdapter
) -> None:
    for number in range(SIZE + 5):
        key = f"{number:016}".translate(LETTERS)
        site.add("Stock Entry", **{site.key_field: key}, remarks=key, docstatus=1, items=[])
    told = adapter.list_documents(site.now - timedelta(hours=1))
    first = next(told)
    del site.tables["Stock Entry"][first.erp_number]

    assert len({first.erp_number, *(one.erp_number for one in told)}) == SIZE + 5


def test_what_is_written_in_the_hour_that_comes_twice_is_read(
    site: ErpNextServer, adapter: ErpNextAdapter
) -> None:
    site.now = datetime(2027, 10, 31, 0, 50, tzinfo=UTC)  # 02:50, for the first time
    site.change("Item", "FG-100", item_name="Seen")
    _, watermark = read(adapter, "items")
    site.now = datetime(2027, 10, 31, 1, 10, tzinfo=UTC)  # 02:10, for the second time
    site.change("Item", "RM-1", item_name="Later")
    posted = block()
    assert adapter.send(posted).status == "confirmed"

    changed, _ = read(adapter, "items", watermark)
    since = datetime(2027, 10, 31, 0, 55, tzinfo=UTC)

    assert changed["RM-1"].data["name"] == "Later"
    assert [one.business_key for one in adapter.list_documents(since)] == [posted.business_key]


@pytest.mark.parametrize("field", ["custom_posting_key", ""])
def test_reconciliation_finds_every_document_by_its_key(field: str) -> None:
    with ErpNextServer(field) as site:
        adapter = ErpNextAdapter(site.settings())
        posted = [closing(), scrap(), cost(), finding(), block()]
        for one in posted:
            assert adapter.send(one).status == "confirmed"
        assert adapter.send(back(posted[4])).status == "confirmed"
        site.add("Stock Entry", remarks="Counted", docstatus=1, items=[])

        found = {one.business_key: one for one in adapter.list_documents(site.now - timedelta(hours=1))}

        assert set(found) == {one.business_key for one in posted}
        assert [found[one.business_key].final for one in posted] == [True, True, True, True, False]
        assert [found[one.business_key].quantity for one in posted[:2]] == [9, 3]
        assert list(adapter.list_documents(site.now + timedelta(hours=1))) == []
        adapter.close()


def test_what_people_are_shown_of_the_connector() -> None:
    profile = port.profile_of("erpnext")
    assert (profile.label, profile.proof) == ("ERPNext", "documented")
    assert {"key_field", "company", "timezone"} <= {option.name for option in profile.options}


def test_the_page_tells_every_kind_and_code_mapping() -> None:
    page = (DOCS / "connector-erpnext.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z_.]+)`", page))
    assert set(ErpNextAdapter.handlers) | set(ErpNextAdapter.lacking) <= told
    profile = port.profile_of("erpnext")
    assert set(profile.mapping_kinds) | {option.name for option in profile.options} <= told


def test_tables_of_many_documents_are_asked_for_in_parts(
    site: ErpNextServer, adapter: ErpNextAdapter
) -> None:
    pressing = {"operation": "Pressing", "workstation": "Press", "time_in_mins": 1.0, "completed_qty": 0}
    for number in range(60):
        name = f"MFG-WO-2027-{number:05}"
        site.add("Work Order", name, docstatus=1, production_item="FG-100", qty=1.0, operations=[pressing])

    orders, _ = read(adapter, "work_orders")

    assert len(orders) == 63
    assert all(len(one.data["operations"]) == 1 for one in orders.values())
    asked = [call.query for call in site.calls if call.path == "/api/resource/Work Order Operation"]
    assert len(asked) == 2
    assert max(len(query["filters"]) for query in asked) < 2000
