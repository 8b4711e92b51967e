"""Postings to SAP: looked up first, refused where SAP has drifted, never made twice, taken back once."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from core.keys import key_uuid
from erp_sync.adapters import port
from erp_sync.adapters.port import PostingCommand
from erp_sync.adapters.sap import build as build_sap
from tests.erp_sync import sap_host
from tests.erp_sync.sap_host import Answer, Asked, Host

KEY, BACK = "ABCDEFGH234567AB", "BACKBACKBACK2345"
Row = dict[str, Any]


class Plant:
    """Just enough of SAP's books for these stories."""

    def __init__(self) -> None:
        self.confirmations: list[Row] = []
        self.documents: list[Row] = []
        self.order: Row = {
            "ManufacturingOrder": "1000123", "OrderIsReleased": "X", "Material": "FG-100",
            "ProductionPlant": "1010", "StorageLocation": "101A",
            "to_ProductionOrderOperation": {"results": [
                {"ManufacturingOrderOperation": "0010", "ManufacturingOrderSequence": "0",
                 "OpPlannedTotalQuantity": "10", "OpTotalConfirmedYieldQty": "0"},
            ]},
        }  # fmt: skip
        self.stock = [
            {"Plant": "1010", "StorageLocation": "101A", "InventoryStockType": "01", "Batch": "",
             "MatlWrhsStkQtyInMatlBaseUnit": "7"},
        ]  # fmt: skip
        self.lose_answers = False

    def __call__(self, asked: Asked) -> Answer | None:
        name = asked.entity
        if asked.method == "GET":
            return self.read(name, asked.query.get("$filter", ""))
        answer = self.write(name, asked)
        return Answer(drop=True) if self.lose_answers else answer

    def read(self, name: str, wanted: str) -> Answer | None:
        if name == "ProdnOrdConf2":
            return sap_host.rows(
                *(r for r in self.confirmations if r["ExternalSystemConfirmation"] in wanted)
            )
        if name.startswith("A_ProductionOrder_2("):
            return sap_host.row(self.order) if "1000123" in name else None
        if name == "A_MaterialStock":
            items = {"results": self.stock}
            return sap_host.rows({"Material": "RM-1", "MaterialBaseUnit": "KG", "to_MatlStkInAcctMod": items})
        if name == "A_MaterialDocumentHeader":
            return sap_host.rows(*(r for r in self.documents if f"'{r['ReferenceDocument']}'" in wanted))
        if name == "A_MaterialDocumentItem":
            every = [i | r for r in self.documents for i in r["to_MaterialDocumentItem"]["results"]]
            return sap_host.rows(
                *(r for r in every if f"'{r.get('ReversedMaterialDocument', '')}'" in wanted)
            )
        return None

    def write(self, name: str, asked: Asked) -> Answer | None:
        entry = {"ConfirmationEntryDate": "/Date(1795392000000)/", "ConfirmationEntryTime": "PT07H00M00S"}
        if name == "ProdnOrdConf2":
            count = str(len(self.confirmations) + 1)
            made = {**asked.json, **entry, "ConfirmationGroup": "100", "ConfirmationCount": count}
            self.confirmations.append(made)
            return sap_host.row(made, status=201)
        if name == "CancelProdnOrdConf":
            uid = re.sub(r"guid|'", "", asked.query["ExternalSystemConfirmation"])
            self.confirmations[0]["IsReversed"] = True
            made = {
                **self.confirmations[0],
                "ConfirmationCount": "9",
                "IsReversal": True,
                "IsReversed": False,
            }
            made["ExternalSystemConfirmation"] = uid
            self.confirmations.append(made)
            return sap_host.row(made)
        if name == "A_MaterialDocumentHeader":
            made = {**asked.json, "MaterialDocumentYear": "2026"}
            made["MaterialDocument"] = f"490000000{len(self.documents) + 1}"
            self.documents.append(made)
            return sap_host.row(made, status=201)
        if name == "Cancel":
            number = asked.query["MaterialDocument"].strip("'")
            old = next(r for r in self.documents if r["MaterialDocument"] == number)
            old["to_MaterialDocumentItem"]["results"][0]["GoodsMovementIsCancelled"] = True
            item = {"ReversedMaterialDocument": number, "ReversedMaterialDocumentYear": "2026"}
            made = {**old, "MaterialDocument": "4900000099", "to_MaterialDocumentItem": {"results": [item]}}
            self.documents.append(made)
            return sap_host.row(made)
        return None


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture
def host(plant: Plant) -> Iterator[Host]:
    with sap_host.serving() as running:
        running.script = plant
        yield running


@pytest.fixture
def sap(host: Host) -> Iterator[port.ErpAdapter]:
    settings = {"url": host.url, "username": "XL", "password": "x", "timezone": "Europe/Berlin"}
    mapped = {"plant": {"RHF": "1010"}, "location": {"STO": "101A", "QS": "101Q"}, "reason": {"burr": "0012"}}
    made = build_sap({**settings, **mapped, "read_timeout": 5})
    yield made
    made.close()


def command(kind: str, payload: Row, key: str = KEY) -> PostingCommand:
    return PostingCommand(
        kind=kind,
        business_key=key,
        payload={"site": "RHF", **payload},
        occurred_at=datetime(2026, 11, 23, 6, tzinfo=UTC),
        posting_date=date(2026, 11, 23),
        text="EX-2026-000042",
    )


def confirm(**changed: Any) -> PostingCommand:
    return command("confirmation", {"work_order": "1000123", "operation": "10", "yield_qty": "9"} | changed)


def scrap(**changed: Any) -> PostingCommand:
    payload = {"item": "RM-1", "quantity": "5", "reason_code": "burr"} | changed
    return command("movement.scrap", payload)


def reverse(posted: PostingCommand) -> PostingCommand:
    payload = {"reverses": posted.business_key, "reverses_kind": posted.kind, "reason_code": "mistake",
               "original": posted.payload}  # fmt: skip
    return command("reversal", payload, BACK)


def test_a_confirmation_is_made_once_and_reported_again(
    sap: port.ErpAdapter, plant: Plant, host: Host
) -> None:
    assert sap.look_up(confirm()) is None

    first, again, seen = sap.send(confirm()), sap.send(confirm()), sap.look_up(confirm())

    assert (first.status, first.erp_number) == ("confirmed", "100/1")
    assert first.confirmed_at is not None
    assert (again.status, again.erp_number) == ("confirmed", "100/1")
    assert seen is not None
    assert seen.confirmed_at == datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert [row["ExternalSystemConfirmation"] for row in plant.confirmations] == [str(key_uuid(KEY))]
    assert len(host.written) == 1


@pytest.mark.parametrize(
    ("posted", "table"), [(confirm(), "confirmations"), (scrap(), "documents")], ids=["confirm", "move"]
)
def test_a_lost_answer_is_unclear_and_found_by_looking(
    sap: port.ErpAdapter, plant: Plant, posted: PostingCommand, table: str
) -> None:
    plant.lose_answers = True
    lost = sap.send(posted)
    plant.lose_answers = False

    found, again = sap.look_up(posted), sap.send(posted)

    assert (lost.status, lost.error_code) == ("unknown", "sap.no_answer")
    assert found is not None
    assert found.status == again.status == "confirmed"
    assert len(getattr(plant, table)) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.order.update(OrderIsTechnicallyCompleted="X"), "SAP now says technically completed"),
        (lambda p: p.order.update(OrderIsReleased=""), "SAP now says not released"),
        (
            lambda p: p.order["to_ProductionOrderOperation"]["results"][0].update(
                OpTotalConfirmedYieldQty="10"
            ),
            "SAP now says 10 of 10 confirmed, the posting expected 9 still to confirm",
        ),
        (
            lambda p: p.order["to_ProductionOrderOperation"]["results"][0].update(OperationIsConfirmed="X"),
            "finally confirmed",
        ),
    ],
)
def test_a_confirmation_stops_where_sap_has_drifted(
    sap: port.ErpAdapter, plant: Plant, host: Host, change: Callable[[Plant], None], words: str
) -> None:
    change(plant)
    outcome = sap.send(confirm())
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert words in outcome.message
    [drift] = outcome.raw["drift"]
    assert drift["field"] == ("order_status" if "released" in words or "completed" in words else "confirmed")
    assert f"SAP now says {drift['theirs']}, the posting expected {drift['ours']}" in outcome.message
    assert host.written == []


def test_an_unknown_order_is_a_definite_no(sap: port.ErpAdapter, host: Host) -> None:
    outcome = sap.send(confirm(work_order="7"))
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.not_found")
    assert host.written == []


def test_a_confirmation_cancelled_in_sap_is_not_made_again(sap: port.ErpAdapter, plant: Plant) -> None:
    sap.send(confirm())
    plant.confirmations[0]["IsReversed"] = True
    outcome = sap.send(confirm())
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.cancelled_there")
    assert len(plant.confirmations) == 1


@pytest.mark.parametrize(
    ("posted", "table"), [(confirm(), "confirmations"), (scrap(), "documents")], ids=["confirm", "move"]
)
def test_taking_back_happens_once_whatever_is_lost(
    sap: port.ErpAdapter, plant: Plant, posted: PostingCommand, table: str
) -> None:
    sap.send(posted)
    assert sap.look_up(reverse(posted)) is None

    plant.lose_answers = True
    lost = sap.send(reverse(posted))
    plant.lose_answers = False
    seen, again = sap.look_up(reverse(posted)), sap.send(reverse(posted))

    assert lost.status == "unknown"
    assert seen is not None
    assert seen.status == again.status == "confirmed"
    assert len(getattr(plant, table)) == 2
    after = sap.look_up(posted)
    assert after is not None
    assert (after.status, after.error_code) == ("rejected", "erp.cancelled_there")


def test_scrap_is_taken_from_where_the_stock_lies_in_its_own_unit(sap: port.ErpAdapter, plant: Plant) -> None:
    outcome = sap.send(scrap())
    assert (outcome.status, outcome.erp_number) == ("confirmed", "4900000001/2026")
    item = plant.documents[0]["to_MaterialDocumentItem"]["results"][0]
    assert (item["Plant"], item["StorageLocation"], item["EntryUnit"]) == ("1010", "101A", "KG")
    assert (item["GoodsMovementType"], item["GoodsMovementReasonCode"]) == ("551", "0012")


@pytest.mark.parametrize("extra", [{"quantity": "8"}, {"from_location": "QS"}, {"from_status": "blocked"}])
def test_stock_that_is_gone_stops_the_movement_with_both_values(
    sap: port.ErpAdapter, host: Host, extra: Row
) -> None:
    outcome = sap.send(scrap(**extra))
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert "to take" in outcome.message
    assert host.written == []


def test_a_receipt_goes_where_its_order_wants_it(sap: port.ErpAdapter, plant: Plant) -> None:
    payload = {"work_order": "1000123", "item": "FG-100", "quantity": "9", "uom": "pcs"}
    assert sap.send(command("movement.receipt", payload)).status == "confirmed"
    item = plant.documents[0]["to_MaterialDocumentItem"]["results"][0]
    assert (item["StorageLocation"], item["GoodsMovementRefDocType"], item["EntryUnit"]) == (
        "101A",
        "F",
        "PC",
    )


def test_reconciliation_lists_what_carries_our_keys(sap: port.ErpAdapter, plant: Plant) -> None:
    sap.send(scrap())
    plant.documents.append({**plant.documents[0], "ReferenceDocument": "DELIVERY 77"})
    everything = Plant.read

    def unfiltered(name: str, wanted: str) -> Answer | None:
        if name == "A_MaterialDocumentHeader" and "CreationDate ge datetime'2026-11-23T00:00'" in wanted:
            return sap_host.rows(*plant.documents)
        return everything(plant, name, wanted)

    plant.read = unfiltered  # type: ignore[method-assign]
    found = list(sap.list_documents(datetime(2026, 11, 23, 5, tzinfo=UTC)))
    assert [(one.business_key, one.erp_number, one.quantity, one.final) for one in found] == [
        (KEY, "4900000001/2026", 5, True)
    ]


def test_what_is_not_offered_says_why(sap: port.ErpAdapter, host: Host) -> None:
    cost = {"amount": "12", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
    outcome = sap.send(command("cost", cost))
    assert outcome.status == "local"
    assert "journal entry" in outcome.message
    assert host.asked == []


def test_a_silent_system_is_asked_again_later() -> None:
    away = build_sap({"url": "http://127.0.0.1:9", "username": "XL", "password": "x"})
    assert away.send(confirm()).status == "retry"
    assert away.ping().ok is False
    away.close()
