"""The simulator's pure parts: field table against the published interface files, filters, values, batches, faults."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core import clock
from erp_sync.simulators.sap import batch
from erp_sync.simulators.sap.books import FREE, Books
from erp_sync.simulators.sap.faults import Fault, Faults, fault_from_text
from erp_sync.simulators.sap.metadata import Entity, Field, entities
from erp_sync.simulators.sap.plant import LITTLE_PLANT, SeedError, build, read_seed
from erp_sync.simulators.sap.query import filter_of, key_of
from erp_sync.simulators.sap.refusals import Refusal
from erp_sync.simulators.sap.values import check, from_json, to_json
from tests.erp_sync.sap_published import document

FILES = {
    "API_PROD_ORDER_CONFIRMATION_2_SRV": "OP_API_PROD_ORDER_CONFIRMATIO_2_SRV_0001.json",
    "API_PRODUCTION_ORDER_2_SRV": "OP_API_PRODUCTION_ORDER_2_SRV_0001.json",
    "API_MATERIAL_DOCUMENT_SRV": "API_MATERIAL_DOCUMENT_SRV.json",
    "API_DEFECT_SRV": "OP_API_DEFECT_SRV_0001.json",
    "API_INSPECTIONLOT_SRV": "API_INSPECTIONLOT_SRV.json",
    "API_MAINTNOTIFICATION": "OP_API_MAINTNOTIFICATION.json",
    "API_PURCHASEORDER_PROCESS_SRV": "OP_API_PURCHASEORDER_PROCESS_SRV_0001.json",
    "API_SALES_ORDER_SRV": "API_SALES_ORDER_SRV.json",
    "API_PRODUCT_SRV": "OP_API_PRODUCT_SRV_0001_format.json",
    "API_MATERIAL_STOCK_SRV": "API_MATERIAL_STOCK_SRV.json",
    "WORKCENTER": "OP_WORKCENTER_0001.json",
}


def schemas_of(entity: Entity) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The published read, create and change schema of an entity."""
    found = document(FILES[entity.service])["components"]["schemas"]
    if entity.name in found:
        names = entity.name, f"Create{entity.name}", f"Update{entity.name}"
    else:
        read = next(name for name in found if name.endswith(f".{entity.name}Type"))
        names = read, f"{read}-create", f"{read}-update"
    read_, create, change = (found.get(name, {"properties": {}}) for name in names)
    return read_, create, change


def fits(one: Field, published: dict[str, Any]) -> bool:
    """Whether our kind, length and scale are those of a published property."""
    form, example = published.get("format", ""), str(published.get("example", ""))
    if one.kind == "s":
        return published.get("type") == "string" and not form and published.get("maxLength", 0) == one.length
    if one.kind == "d":
        step = Decimal(str(published["multipleOf"]))
        scale = max(0, -int(step.as_tuple().exponent)) if step < 1 else 0
        digits = published.get("x-sap-precision")
        if digits is None:
            digits = len(str(int(Decimal(str(published["maximum"]))))) + scale
        return form == "decimal" and (digits, scale) == (one.length, one.scale)
    if one.kind == "i":
        return form == {"i8": "uint8", "i16": "int16", "i32": "int32"}[one.code]
    return {
        "t": example.startswith("/Date("),
        "h": example.startswith("PT"),
        "g": form == "uuid",
        "b": published.get("type") == "boolean",
        "f": form == "double",
        "D": form == "date",
        "Z": form == "date-time",
    }[one.kind]


@pytest.mark.parametrize("name", sorted(entities()))
def test_the_field_table_says_what_the_published_files_say(name: str) -> None:
    entity = entities()[name]
    read, create, change = schemas_of(entity)
    plain = {
        field: told
        for field, told in read["properties"].items()
        if not field.startswith(("to_", "_", "SAP__"))
    }
    assert set(entity.fields) == set(plain)
    assert set(entity.key) <= set(plain)
    assert [one.name for one in entity.fields.values() if not fits(one, plain[one.name])] == []
    if entity.service != "WORKCENTER":
        assert [f for f, one in entity.fields.items() if one.nullable != bool(plain[f].get("nullable"))] == []
    assert {f for f, one in entity.fields.items() if one.creatable} == set(create["properties"]) & set(plain)
    assert {f for f, one in entity.fields.items() if one.updatable} == set(change["properties"]) & set(plain)
    needed = set(create.get("required", ())) - set(entity.key)
    assert {f for f, one in entity.fields.items() if one.required} == needed
    for way in entity.ways.values():
        assert way.target in json.dumps(read["properties"][way.name])
        assert way.many == ('"array"' in json.dumps(read["properties"][way.name]))


PRODUCT = entities()["A_Product"]
CONFIRMATION = entities()["ProdnOrdConf2"]
ROW = {
    "Product": "RM-1",
    "ProductType": "ROH",
    "GrossWeight": Decimal("2.5"),
    "LastChangeDateTime": clock.now(),
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("Product eq 'RM-1'", True),
        ("Product ne 'RM-1'", False),
        ("startswith(Product,'RM')", True),
        ("startswith(Product,'FG') eq true", False),
        ("substringof('M-',Product)", True),
        ("endswith(Product,'-1')", True),
        ("GrossWeight ge 2.5M and GrossWeight lt 3", True),
        ("GrossWeight gt 2.5M or ProductType eq 'ROH'", True),
        ("not (ProductType eq 'ROH')", False),
        ("ProductType eq 'FERT' or ProductType eq 'ROH' and GrossWeight gt 9", False),
        ("LastChangeDateTime ge datetime'2001-01-01T00:00:00'", True),
        ("LastChangeDateTime ge datetimeoffset'2001-01-01T00:00:00Z'", True),
        ("BaseUnit eq ''", True),
        ("NetWeight gt 1", False),
        ("Product eq 'O''Neil'", False),
    ],
)
def test_filters(text: str, holds: bool) -> None:
    assert filter_of(text, PRODUCT)(ROW) is holds


@pytest.mark.parametrize(
    "text",
    ["Product", "Product eq", "Product like 'A'", "(Product eq 'A'", "Product eq 'A' 'B'", "Product eq A", "eq", "'",
     "GrossWeight eq '1'", "LastChangeDateTime ge datetime'soon'", "startswith(Product 'A')"],
)  # fmt: skip
def test_a_filter_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        filter_of(text, PRODUCT)
    assert refused.value.status == 400


def test_keys_are_read_in_any_order_and_must_be_whole() -> None:
    assert key_of(CONFIRMATION, "ConfirmationCount='2',ConfirmationGroup='1'") == ("1", "2")
    assert key_of(PRODUCT, "'A,(B)'") == ("A,(B)",)
    for wrong in ("'1'", "ConfirmationGroup='1'", "ConfirmationGroup='1',ConfirmationGroup='1'", "Nope='1'"):
        with pytest.raises(Refusal):
            key_of(CONFIRMATION, wrong)


def test_values_come_back_as_they_were_sent() -> None:
    sent = {
        "ConfirmationYieldQuantity": "9.5",
        "PostingDate": "/Date(1795305600000)/",
        "ConfirmationEntryTime": "PT15H51M04S",
        "ExternalSystemConfirmation": "6f0e8a3e-7f0d-4a0a-9a6e-0d0b6d6b9f00",
        "IsReversed": False,
        "CapacityRequirementSplit": 3,
    }
    kept = check(CONFIRMATION, sent)
    assert kept["ConfirmationYieldQuantity"] == Decimal("9.5")
    assert {name: to_json(CONFIRMATION.fields[name], value) for name, value in kept.items()} == sent


@pytest.mark.parametrize("text", ["12345678901", "1.2345", "NaN", "Infinity", "", "1e20", "0x1"])
def test_a_decimal_outside_its_digits_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        from_json(CONFIRMATION.fields["ConfirmationYieldQuantity"], text)


def test_what_the_server_assigns_can_not_be_sent() -> None:
    with pytest.raises(Refusal) as refused:
        check(CONFIRMATION, {"ConfirmationCount": "00000001"})
    assert refused.value.target == "ConfirmationCount"
    with pytest.raises(Refusal):
        check(entities()["A_MaterialDocumentHeader"], {"to_MaterialDocumentItem": {"result": []}})
    with pytest.raises(Refusal):
        check(entities()["MaintenanceNotification"], {"NotificationType": "M1"})


def test_a_refused_change_is_taken_back_whole() -> None:
    books = build()
    row = books.tables["A_ProductionOrder_2"][("1000123",)]
    before, tag = dict(row), books.etag("A_ProductionOrder_2", row)
    key = ("RM-1", "1010", "101A", "", FREE)

    def change_and_be_refused() -> None:
        with books.transaction():
            books.change("A_ProductionOrder_2", row, {"OrderIsClosed": "X"})
            books.move(key, Decimal(-500))
            books.add(Decimal(3), "received", "1")
            books.put("A_Product", {"Product": "NEW"})
            books.drop("A_Product", books.tables["A_Product"][("RM-2",)])
            raise Refusal("M7/021", "no")

    with pytest.raises(Refusal):
        change_and_be_refused()
    assert (row, books.etag("A_ProductionOrder_2", row)) == (before, tag)
    assert (books.on_hand(key), books.total("received", "1")) == (Decimal(500), Decimal(0))
    assert sorted(books.tables["A_Product"]) == [("FG-100",), ("RM-1",), ("RM-2",), ("RM-3",)]


def test_a_lock_ends_by_itself() -> None:
    books, now = Books(), clock.now()
    with clock.travel(now):
        books.lock("order:1", "MILLER", 60)
        with pytest.raises(Refusal, match="held by MILLER"):
            books.must_be_free("order:1", "CO/469", "held by {user}")
    with clock.travel(now.replace(year=now.year + 1, day=1)):
        books.must_be_free("order:1", "CO/469", "held by {user}")


@pytest.mark.parametrize(
    "body",
    [b"", b"--B\r\n", b"--B\r\nContent-Type: text/plain\r\n\r\nx\r\n--B--",
     b"--B\r\nContent-Type: application/http\r\n\r\nPOST A HTTP/1.1\r\n\r\n\r\n--B--",
     b"--B\r\nContent-Type: application/http\r\n\r\nGET\r\n\r\n--B--"],
)  # fmt: skip
def test_a_malformed_batch_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        batch.read("multipart/mixed; boundary=B", body)


def test_faults_are_used_up_and_shares_repeat() -> None:
    fault = fault_from_text("drop,times=2,match=ProdnOrdConf2")
    faults = Faults()
    faults.add(fault)
    assert faults.strike("POST", "/A_Defect") is None
    assert [faults.strike("POST", "/ProdnOrdConf2") for _ in range(3)] == [fault, fault, None]
    seen = []
    for _ in range(2):
        dice = Faults(seed=7)
        dice.add(Fault("before", times=0, share=0.5))
        seen.append([dice.strike("GET", "/") is not None for _ in range(50)])
    assert seen[0] == seen[1]
    assert 5 < sum(seen[0]) < 45


@pytest.mark.parametrize(
    "text", ["explode", "drop,times", "drop,times=x", "before,status=200", "late,colour=red"]
)
def test_a_wrong_fault_on_the_command_line_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        call_command("simulate_sap", "--fault", text)


def test_a_seed_comes_from_a_file_and_must_hold_together(tmp_path: Path) -> None:
    path = tmp_path / "plant.json"
    path.write_text(json.dumps(LITTLE_PLANT))
    assert build(read_seed(path)).stock == build().stock
    path.write_text(json.dumps({**LITTLE_PLANT, "stock": [["NO", "1010", "101A", "", "1"]]}))
    with pytest.raises(SeedError, match=r"stock\[0\]"):
        read_seed(path)
    path.write_text("{")
    with pytest.raises(CommandError):
        call_command("simulate_sap", "--seed", str(path))
