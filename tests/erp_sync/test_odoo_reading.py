"""What is read out of Odoo and shown of it: master data, listing, health, previews, codes, reconciliation."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.odoo import OdooAdapter
from erp_sync.adapters.odoo.pull import SIZE
from erp_sync.codes import explained
from erp_sync.errors import ErpRejected, ErpUnavailable
from tests.docs.pages import DOCS, ROOT
from tests.erp_sync.odoo_postings import COMMANDS, back, block, closing, command, scrap, stop, time_spent
from tests.odoo_server import KEY, OdooServer


@pytest.fixture(params=[19, 17])
def odoo(request: pytest.FixtureRequest) -> Iterator[OdooServer]:
    with OdooServer(request.param) as server:
        yield server


@pytest.fixture
def adapter(odoo: OdooServer) -> Iterator[OdooAdapter]:
    made = OdooAdapter(odoo.settings())
    yield made
    made.close()


def read(adapter: OdooAdapter, entity: str, watermark: str = "") -> tuple[dict[str, port.Record], str]:
    found: dict[str, port.Record] = {}
    for page in adapter.pull(entity, watermark):
        found |= {record.code: record for record in page.records}
        watermark = page.watermark
    return found, watermark


def test_every_entity_is_read_in_the_plants_words(odoo: OdooServer, adapter: OdooAdapter) -> None:
    items, _ = read(adapter, "items")
    assert items["FG-100"].data == {
        "name": "Flange", "uom": "pcs", "standard_cost": "17.5", "source": "made", "active": True,
    }  # fmt: skip
    assert items["RM-1"].data["source"] == "bought"
    centres, _ = read(adapter, "work_centres")
    assert centres["PRESS"].data == {"name": "Press", "cost_per_hour": "60.0", "active": True}
    orders, _ = read(adapter, "work_orders")
    assert orders["WH/MO/00001"].data == {
        "item": "FG-100", "quantity": "10.0", "status": "released", "planned_start": "2026-11-04",
        "planned_end": "2026-11-05", "need_by": "2026-11-06", "site": "RHF",
        "operations": [
            {"number": 10, "name": "Pressing", "work_centre": "PRESS", "run_minutes": "30.0", "confirmed": "0"}
        ],
        "components": [{"item": "RM-1", "quantity": "20.0", "withdrawn": "0"}],
    }  # fmt: skip
    sales, _ = read(adapter, "sales_lines")
    line = odoo.rows("sale.order.line")[0]["id"]
    assert sales[f"S00001/{line}"].data == {
        "order": "S00001", "line": line, "item": "FG-100", "customer": "C-1", "quantity": "10.0",
        "delivered": "0", "unit_price": "30.0", "po_number": "PO-77", "commit_date": "2026-11-08",
        "cancelled": False,
    }  # fmt: skip
    bought, _ = read(adapter, "purchase_lines")
    line = odoo.rows("purchase.order.line")[0]["id"]
    assert bought[f"P00001/{line}"].data == {
        "order": "P00001", "line": line, "item": "RM-1", "supplier": "V-1", "quantity": "50.0", "received": "0",
        "promised_date": "2026-11-07",
    }  # fmt: skip
    assert {code: one.data["name"] for code, one in read(adapter, "customers")[0].items()} == {
        "C-1": "Kunde AG"
    }
    assert set(read(adapter, "suppliers")[0]) == {"V-1"}
    stock, _ = read(adapter, "stock")
    assert {code: (one.data["quantity"], one.data.get("status")) for code, one in stock.items()} == {
        "FG-100|STO|": ("40.0", None), "FG-100|WH/Blocked|": ("5.0", "blocked"), "RM-1|STO|L-7": ("100.0", None),
    }  # fmt: skip


def test_only_what_changed_since_is_read_again(odoo: OdooServer, adapter: OdooAdapter) -> None:
    odoo.advance(minutes=30)
    _, watermark = read(adapter, "items")
    assert datetime.fromisoformat(watermark) == odoo.now - timedelta(seconds=120)
    odoo.advance(minutes=30)
    assert read(adapter, "items", watermark)[0] == {}
    item = odoo.find("product.product", default_code="RM-1")
    odoo.change("product.product", item["id"], default_code="RM-1B", standard_price=3.0)

    changed, further = read(adapter, "items", watermark)

    assert {code: one.external_id for code, one in changed.items()} == {"RM-1B": str(item["id"])}
    assert further > watermark
    template = odoo.find("product.template", name="Flange")
    odoo.advance(minutes=30)
    odoo.change("product.template", template["id"], name="Flange")
    # What the overlap covers is read twice, which changes nothing.
    assert set(read(adapter, "items", further)[0]) == {"FG-100", "RM-1B"}


def test_an_archived_row_is_told_as_gone_and_no_longer_listed(odoo: OdooServer, adapter: OdooAdapter) -> None:
    odoo.advance(minutes=30)
    _, watermark = read(adapter, "items")
    item = odoo.find("product.product", default_code="RM-1")
    assert str(item["id"]) in set(adapter.identities("items"))
    odoo.advance(minutes=30)
    odoo.change("product.product", item["id"], active=False)

    gone, _ = read(adapter, "items", watermark)

    assert [(one.code, one.deleted) for one in gone.values()] == [("RM-1", True)]
    assert str(item["id"]) not in set(adapter.identities("items"))


def test_a_read_that_ends_anywhere_goes_on_after_the_last_row(odoo: OdooServer, adapter: OdooAdapter) -> None:
    for number in range(SIZE + 5):
        odoo.add("res.partner", ref=f"X-{number:03}", name=f"X {number}", customer_rank=1, supplier_rank=0)
    pages = adapter.pull("customers")
    first = next(pages)
    began = odoo.now
    odoo.advance(minutes=10)

    rest, watermark = read(OdooAdapter(odoo.settings()), "customers", first.watermark)

    assert (len(first.records), first.total) == (SIZE, SIZE + 6)
    assert len({one.code for one in first.records} | set(rest)) == SIZE + 6
    assert not {one.code for one in first.records} & set(rest)
    # What was written while the read stood still is seen by the next one.
    assert datetime.fromisoformat(watermark) == began - timedelta(seconds=120)


def test_what_became_empty_is_told_as_zero(odoo: OdooServer, adapter: OdooAdapter) -> None:
    _, watermark = read(adapter, "stock")
    odoo.advance(minutes=30)
    assert adapter.send(block(quantity="40", from_location="STO")).status == "confirmed"

    changed, _ = read(adapter, "stock", watermark)

    assert {code: one.data["quantity"] for code, one in changed.items()} == {
        "FG-100|STO|": "0", "FG-100|WH/Blocked|": "45.0",
    }  # fmt: skip
    assert len(set(adapter.identities("stock"))) == 2


def test_trouble_while_reading_is_said_and_an_unknown_entity_is_ours(
    odoo: OdooServer, adapter: OdooAdapter
) -> None:
    odoo.fault("garbage", match="product.product")
    with pytest.raises(ErpUnavailable):
        read(adapter, "items")
    with pytest.raises(KeyError):
        read(adapter, "dragons")


def test_the_test_of_the_connection_tells_version_protocol_and_clock(
    odoo: OdooServer, adapter: OdooAdapter
) -> None:
    health = adapter.ping()

    assert (health.ok, health.version, health.clock) == (True, f"{odoo.series}.0", odoo.now)
    assert health.detail == ("plant over JSON-2" if odoo.series == 19 else "plant over XML-RPC")
    odoo.stop()
    assert adapter.ping().ok is False


def test_an_older_protocol_can_be_set(odoo: OdooServer) -> None:
    adapter = OdooAdapter(odoo.settings(protocol="xmlrpc"))
    assert adapter.ping().detail.endswith("XML-RPC")
    assert {call.path.split("/")[1] for call in odoo.calls} == {"web", "xmlrpc"}
    adapter.close()
    wrong = OdooAdapter(odoo.settings(protocol="soap"))
    assert wrong.send(scrap()).error_code == "erp.mapping_missing"
    wrong.close()


def same(shown: Any, real: Any) -> bool:
    """Whether a shown value is the real one; `<what>` and dots stand for what only Odoo knows."""
    if isinstance(shown, dict):
        return all(same(value, real.get(name)) for name, value in shown.items())
    if isinstance(shown, list):
        return len(shown) == len(real) and all(map(same, shown, real))
    if isinstance(shown, str) and ("<" in shown or "..." in shown):
        parts = [re.escape(part) for part in re.split(r"<[^<>]+>|\.\.\.", shown)]
        return re.fullmatch(".*".join(parts), str(real)) is not None
    return bool(shown == real)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_shown_is_what_is_sent(name: str) -> None:
    with OdooServer(19) as odoo:
        adapter, wanted = OdooAdapter(odoo.settings()), COMMANDS[name](odoo)

        for one in (wanted, back(wanted)) if not name.startswith("scrap") else (wanted,):
            odoo.calls.clear()
            shown = adapter.preview(one)
            assert odoo.calls == []
            assert adapter.send(one).status == "confirmed"
            real = [(call.method, odoo.url + call.path, json.loads(call.body)) for call in odoo.written]
            assert [(step.method, step.address) for step in shown] == [(m, a) for m, a, _ in real]
            for step, (_, _, body) in zip(shown, real, strict=True):
                assert same(step.body, body), (step.body, body)
            assert KEY not in repr(shown)
        adapter.close()


def test_an_older_server_is_shown_in_its_own_protocol(odoo: OdooServer, adapter: OdooAdapter) -> None:
    adapter.ping()
    [create, _validate] = adapter.preview(scrap())
    if odoo.series == 19:
        assert create.address == f"{odoo.url}/json/2/stock.scrap/create"
    else:
        assert create.address == f"{odoo.url}/xmlrpc/2/object"
        assert create.body[:5] == ["plant", "<user id>", "<key>", "stock.scrap", "create"]


def test_a_missing_mapping_is_refused_before_anybody_is_asked(odoo: OdooServer) -> None:
    adapter = OdooAdapter(odoo.settings(blocked={}))
    with pytest.raises(ErpRejected) as refused:
        adapter.preview(block())
    assert refused.value.code == "erp.mapping_missing"
    assert odoo.calls == []
    outcome = adapter.send(block())
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.mapping_missing")
    assert odoo.written == []
    adapter.close()


@pytest.mark.parametrize(
    ("kind", "theirs", "ok"),
    [
        ("location", "WH/Stock", True), ("location", "WH/Nowhere", False), ("blocked", "WH/Blocked", True),
        ("site", "WH", True), ("work_centre", "WC-PRESS", True), ("reason", "Burr", True), ("reason", "Rust", False),
        ("work_unit", "SN-1", True), ("unit", "kg", True), ("colour", "red", None),
    ],
)  # fmt: skip
def test_a_mapped_code_can_be_tried(adapter: OdooAdapter, kind: str, theirs: str, ok: bool | None) -> None:
    assert adapter.check_code(kind, "ours", theirs).ok is ok


def test_a_row_taken_away_between_two_pages_hides_no_other(odoo: OdooServer, adapter: OdooAdapter) -> None:
    for number in range(SIZE + 5):
        odoo.add("res.partner", ref=f"X-{number:03}", name=f"X {number}", customer_rank=1, supplier_rank=0)
        odoo.add("stock.scrap", name=f"SP/{number}", origin=letters(number), scrap_qty=1, state="done")
    told = adapter.identities("customers")
    first = next(told)
    del odoo.tables["res.partner"][int(first)]
    listed = adapter.list_documents(odoo.now - timedelta(hours=1))
    document = next(listed)
    odoo.tables["stock.scrap"].pop(odoo.find("stock.scrap", name=document.erp_number)["id"])

    assert {first, *told} >= {str(row["id"]) for row in odoo.rows("res.partner") if row["customer_rank"]}
    assert len({document.erp_number, *(one.erp_number for one in listed)}) == SIZE + 5


def letters(number: int) -> str:
    """A number as a key: sixteen letters."""
    return f"{number:016}".translate(str.maketrans("0123456789", "ABCDEFGHIJ"))


def test_reconciliation_finds_every_document_by_its_key(odoo: OdooServer, adapter: OdooAdapter) -> None:
    posted = [closing(), scrap(), block(), stop(), time_spent()]
    for one in posted:
        assert adapter.send(one).status == "confirmed"
    undone = back(posted[0])
    assert adapter.send(undone).status == "confirmed"
    odoo.add("stock.picking", name="WH/INT/9", origin="S00001", state="done")

    found = {one.business_key: one for one in adapter.list_documents(odoo.now - timedelta(hours=1))}

    assert set(found) == {one.business_key for one in (*posted, undone)}
    assert all(one.final and one.written_at == odoo.now for one in found.values())
    assert [format(found[one.business_key].quantity or 0, "f") for one in posted[:3]] == ["9.0", "3.0", "3.0"]
    assert list(adapter.list_documents(odoo.now + timedelta(hours=1))) == []


def test_what_people_are_shown_of_the_connector() -> None:
    profile = port.profile_of("odoo")
    assert (profile.label, profile.proof) == ("Odoo", "documented")
    assert {"protocol", "timezone"} <= {option.name for option in profile.options}
    assert set(profile.mapping_kinds) == {
        "location", "blocked", "scrap", "site", "work_centre", "work_unit", "reason", "unit",
    }  # fmt: skip


def test_a_posting_of_another_day_is_dated_that_day(odoo: OdooServer, adapter: OdooAdapter) -> None:
    wanted = command(
        "movement.transfer", item="FG-100", quantity="1.25", from_location="STO", to_location="WH/Shelf"
    )
    late = type(wanted)(**{name: getattr(wanted, name) for name in wanted.__dataclass_fields__} | {
        "occurred_at": datetime(2026, 11, 1, 11, tzinfo=UTC)})  # fmt: skip
    assert adapter.send(late).status == "confirmed"
    [picking] = odoo.rows("stock.picking")
    assert picking["scheduled_date"] == "2026-11-03 11:00:00"
    assert odoo.stock("FG-100", "WH/Shelf") == 1.25


def test_the_page_tells_every_kind_and_code_mapping() -> None:
    page = (DOCS / "connector-odoo.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([a-z_.]+)`", page))
    assert set(OdooAdapter.handlers) | set(OdooAdapter.lacking) <= told
    profile = port.profile_of("odoo")
    assert set(profile.mapping_kinds) | {option.name for option in profile.options} <= told


def test_places_may_be_mapped_by_their_barcode(odoo: OdooServer) -> None:
    for name, code in (("WH/Stock", "LOC-S"), ("WH/Blocked", "LOC-B")):
        odoo.change("stock.location", odoo.find("stock.location", complete_name=name)["id"], barcode=code)
    blocked = odoo.find("stock.location", complete_name="WH/Blocked")["id"]
    held = next(row for row in odoo.rows("stock.quant") if row["location_id"] == blocked)
    odoo.change("stock.quant", held["id"], quantity=500.0)
    adapter = OdooAdapter(odoo.settings(blocked={"RHF": "LOC-B"}, location={"STO": "LOC-S", "QUA": "LOC-B"}))

    # Taken from where most is free, which blocked stock is not.
    assert adapter.send(block()).status == "confirmed"
    stock, _ = read(adapter, "stock")

    assert (odoo.stock("FG-100", "WH/Stock"), odoo.stock("FG-100", "WH/Blocked")) == (37.0, 503.0)
    assert {code: one.data.get("status") for code, one in stock.items()} == {
        "FG-100|STO|": None, "FG-100|QUA|": "blocked", "RM-1|STO|L-7": None,
    }  # fmt: skip
    adapter.close()


@pytest.mark.parametrize("kind", ["odoo", "erpnext"])
def test_every_code_the_connectors_give_says_what_to_do(kind: str) -> None:
    said = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "erp_sync/adapters" / kind).glob("*.py")
    )
    codes = set(re.findall(rf'"((?:{kind}|erp)\.[a-z_]+)"', said))
    edge = ("unreachable", "no_answer", "garbled", "http_502", "http_413", "redirected", "busy", "half_done")
    assert [
        code for code in sorted(codes | {f"{kind}.{one}" for one in edge}) if not explained(code, kind)
    ] == []
    assert len(codes) > 12
