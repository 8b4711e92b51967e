"""The plan and the stock read out of a real Tryton: everything once, then only what changed."""

import time
from decimal import Decimal

import pytest

from erp_sync.adapters.port import PULL_ENTITIES, Record
from erp_sync.adapters.tryton import pull
from tests.tryton_server import Tryton, command, key_maker, plant

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]
key = key_maker("PULLS")


def everything(tryton: Tryton, entity: str, watermark: str = "") -> tuple[dict[str, Record], str]:
    found: dict[str, Record] = {}
    for page in tryton.adapter.pull(entity, watermark):
        found |= {record.code: record for record in page.records}
        watermark = page.watermark
    return found, watermark


@pytest.mark.parametrize("entity", PULL_ENTITIES)
def test_the_first_pull_brings_the_whole_plant(tryton: Tryton, entity: str) -> None:
    known = plant()
    orders = {"sales_lines": "sales_orders", "purchase_lines": "purchase_orders"}
    expected = {
        "items": lambda: {item["code"] for item in known["items"]},
        "work_centres": lambda: {centre["code"] for centre in known["work_centres"]},
        "work_orders": lambda: {order["number"] for order in known["work_orders"]},
        "customers": lambda: {row["code"] for row in known["customers"]},
        "suppliers": lambda: {row["code"] for row in known["suppliers"]},
        "stock": lambda: {f"{row['item']}|{row['location']}|{row['lot']}" for row in known["stock"]},
    }.get(
        entity,
        lambda: {f"{o['number']}/{line['line']}" for o in known[orders[entity]] for line in o["lines"]},
    )()

    found, watermark = everything(tryton, entity)

    assert set(found) == expected
    assert watermark


def test_a_work_order_comes_with_its_operations_and_dates(tryton: Tryton) -> None:
    order = everything(tryton, "work_orders")[0]["100002"].data

    assert order | {"erp_number": ""} == {
        "erp_number": "",
        "item": "CY-100",
        "quantity": "20.0",
        "state": "waiting",
        "planned_start": "2027-01-12",
        "planned_end": "2027-01-15",
        "finished": "",
        "site": "RHE",
        "operations": [
            {"number": 10, "state": "request", "work_centre": "R-TUR"},
            {"number": 20, "state": "request", "work_centre": "R-PRS"},
            {"number": 30, "state": "request", "work_centre": "R-ASM"},
        ],
    }


def test_stock_comes_by_place_and_lot(tryton: Tryton) -> None:
    stock = everything(tryton, "stock")[0]

    assert Decimal(stock["RM-SEAL|RHE-A02|LOT-S1"].data["quantity"]) == 500
    assert Decimal(stock["RM-SEAL|AGS-A01|"].data["quantity"]) == 40
    assert Decimal(stock["RM-OIL|RHE-A02|"].data["quantity"]) == Decimal("25.5")


def test_dates_and_units_come_in_the_plants_words(tryton: Tryton) -> None:
    items = everything(tryton, "items")[0]
    sales, purchases = everything(tryton, "sales_lines")[0], everything(tryton, "purchase_lines")[0]

    assert (items["CY-100"].data["uom"], items["RM-OIL"].data["uom"]) == ("pcs", "kg")
    assert (items["CY-100"].data["source"], items["RM-ROD"].data["source"]) == ("made", "bought")
    assert (sales["30002/10"].data["commit_date"], sales["30002/20"].data["commit_date"]) == (
        "2027-01-22",
        "2027-01-25",
    )
    assert purchases["45001/20"].data["promised_date"] == "2026-12-22"


def test_after_a_pull_only_changed_rows_come_and_emptied_places_come_as_zero(
    tryton: Tryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "OVERLAP", pull.OVERLAP * 0)
    _, orders_mark = everything(tryton, "work_orders")
    _, stock_mark = everything(tryton, "stock")
    tryton.adapter.send(
        command(
            "change.date", key(), target="work_order", number="100004", which="planned_end",
            old="2027-01-18", new="2027-01-29",
        )
    )  # fmt: skip
    tryton.adapter.send(
        command(
            "movement.block", key(), site="RHE", item="RM-SEAL", lot="LOT-S2", quantity="60",
            from_location="RHE-LINE",
        )
    )  # fmt: skip

    # The server's clock comes in whole seconds: let the one of the change pass.
    time.sleep(1.1)
    orders, later_mark = everything(tryton, "work_orders", orders_mark)
    stock, _ = everything(tryton, "stock", stock_mark)

    assert {code: record.data["planned_end"] for code, record in orders.items()} == {"100004": "2027-01-29"}
    assert {code: Decimal(record.data["quantity"]) for code, record in stock.items()} == {
        "RM-SEAL|RHE-LINE|LOT-S2": Decimal(0),
        "RM-SEAL|RHE-BLK|LOT-S2": Decimal(60),
    }
    assert everything(tryton, "work_orders", later_mark)[0] == {}


def test_a_read_broken_off_goes_on_behind_the_last_page_kept(
    tryton: Tryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "SIZE", 3)
    whole = [record.code for page in tryton.adapter.pull("items", "") for record in page.records]

    first = next(iter(tryton.adapter.pull("items", "")))
    rest = list(tryton.adapter.pull("items", first.watermark))

    assert [record.code for record in first.records] == whole[:3]
    assert [record.code for page in rest for record in page.records] == whole[3:]
    assert first.total == len(whole) == 8
    assert "|" in first.watermark
    assert "|" not in rest[-1].watermark


def test_what_changes_behind_a_read_under_way_falls_to_the_next_one(
    tryton: Tryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "SIZE", 3)
    first = next(iter(tryton.adapter.pull("items", "")))
    behind = first.records[0]
    tryton.books.write("product.product", int(behind.external_id), {"suffix_code": f"{behind.code}-X"})

    rest = list(tryton.adapter.pull("items", first.watermark))
    later = [record for page in tryton.adapter.pull("items", rest[-1].watermark) for record in page.records]
    tryton.books.write("product.product", int(behind.external_id), {"suffix_code": behind.code})

    assert behind.external_id not in [record.external_id for page in rest for record in page.records]
    renamed = {record.external_id: record.code for record in later}
    assert renamed[behind.external_id] == f"{behind.code}-X"


def test_what_was_switched_off_in_tryton_comes_as_deleted_and_keeps_its_identity(tryton: Tryton) -> None:
    party = tryton.books.search("party.party", [["categories.name", "=", "Customers"]], ["code"], limit=1)[0]
    known = set(tryton.adapter.identities("customers"))
    tryton.books.write("party.party", party["id"], {"active": False})

    found, _ = everything(tryton, "customers")
    tryton.books.write("party.party", party["id"], {"active": True})

    assert found[party["code"]].deleted is True
    assert {code for code, record in found.items() if record.deleted} == {party["code"]}
    assert str(party["id"]) in known
    assert known == {record.external_id for record in found.values()}


def test_an_item_switched_off_comes_with_the_changes_too(
    tryton: Tryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "OVERLAP", pull.OVERLAP * 0)
    items, mark = everything(tryton, "items")
    record = int(items["VB-20"].external_id)
    tryton.books.write("product.product", record, {"active": False})

    changed, _ = everything(tryton, "items", mark)
    tryton.books.write("product.product", record, {"active": True})

    assert changed["VB-20"].deleted is True
    assert changed["VB-20"].data["active"] is False


def test_a_party_becomes_a_customer_with_its_first_order(
    tryton: Tryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "OVERLAP", pull.OVERLAP * 0)
    party = tryton.books.create("party.party", {"name": "Newcomer"})
    # The server's clock comes in whole seconds: let the one of the party's making pass.
    time.sleep(1.1)
    known, mark = everything(tryton, "customers")
    time.sleep(1.1)
    sale = {"party": party, "company": tryton.books.context["company"]}
    tryton.books.create("sale.sale", sale)

    lately, _ = everything(tryton, "customers", mark)

    assert str(party) not in {record.external_id for record in known.values()}
    assert [record.external_id for record in lately.values()] == [str(party)]
