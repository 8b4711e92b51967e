"""What is sent to SAP, held against the published interface files, and what is refused before sending."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from erp_sync import canonical
from erp_sync.adapters.port import PostingCommand
from erp_sync.adapters.sap import confirmations, movements, plans, wire
from erp_sync.adapters.sap.documents import Job
from erp_sync.adapters.sap.terms import Place, Terms
from erp_sync.errors import ErpRejected
from tests.erp_sync.sap_published import faults

KEY = "ABCDEFGH234567AB"
SETTINGS: dict[str, Any] = {
    "timezone": "Europe/Berlin",
    "plant": {"RHF": "1010"},
    "location": {"STO": "101A", "QS": "1010/101Q"},
    "reason": {"burr": "0012"},
    "work_centre": {"PRESS-LINE-1": "PRESS1"},
}
TERMS = Terms(SETTINGS)


def job(kind: str, payload: dict[str, Any], key: str = KEY) -> Job[Any]:
    command = PostingCommand(
        kind=kind,
        business_key=key,
        payload=payload,
        occurred_at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC),
        posting_date=date(2026, 11, 23),
        text="EX-2026-000042 burr on the rim of part " * 3,
    )
    return Job(command, canonical.parse(kind, payload))


CONFIRMATION = {
    "site": "RHF", "work_order": "1000123", "operation": "10", "yield_qty": "9", "scrap_qty": "1", "uom": "pcs",
    "reason_code": "burr", "setup_minutes": "12.5", "machine_minutes": "55", "labour_minutes": "60", "crew": 2,
    "start": "2026-11-22T22:00:00+00:00", "end": "2026-11-22T23:30:00+00:00", "final": True, "lot": "L-77",
    "work_centre": "PRESS-LINE-1",
}  # fmt: skip


def test_a_confirmation_says_all_of_it_and_fits_the_published_fields() -> None:
    made = confirmations.body(TERMS, job("confirmation", CONFIRMATION), receives="FG-100")

    assert made["OrderOperation"] == "0010"
    assert made["ConfirmationYieldQuantity"] == "9"
    assert made["ConfirmationText"] == f"{KEY} EX-2026-000042 burr on"
    assert made["VarianceReasonCode"] == "0012"
    assert made["PostingDate"] == wire.date_out(date(2026, 11, 23))
    # Kept on the plant's own clock: 23:30 UTC is already the next day there.
    assert (made["ConfirmedExecutionEndDate"], made["ConfirmedExecutionEndTime"]) == (
        wire.date_out(date(2026, 11, 23)),
        "PT00H30M00S",
    )
    assert (made["OpConfirmedWorkQuantity1"], made["OpWorkQuantityUnit1"]) == ("12.5", "MIN")
    assert made["to_ProdnOrdConfMatlDocItm"]["results"][0]["Batch"] == "L-77"
    name = "API_PROD_ORDER_CONFIRMATION_2_SRV.ProdnOrdConf2Type-create"
    assert faults("OP_API_PROD_ORDER_CONFIRMATIO_2_SRV_0001.json", name, made) == []


def test_two_times_on_one_standard_value_add_up() -> None:
    terms = Terms({**SETTINGS, "activity": {"setup": "2", "machine": "2"}})
    made = confirmations.body(terms, job("confirmation", CONFIRMATION))
    assert made["OpConfirmedWorkQuantity2"] == "67.5"
    assert "OpConfirmedWorkQuantity1" not in made


MOVES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "issue": ("movement.issue", {"work_order": "1000123"}, "261", "03"),
    "order receipt": ("movement.receipt", {"work_order": "1000123", "to_location": "STO"}, "101", "02"),
    "purchase receipt": (
        "movement.receipt",
        {"purchase_order": "4500000001", "po_line": "00010"},
        "101",
        "01",
    ),
    "scrap": ("movement.scrap", {"reason_code": "burr"}, "551", "03"),
    "scrap blocked": ("movement.scrap", {"reason_code": "burr", "from_status": "blocked"}, "555", "03"),
    "block": ("movement.block", {"from_location": "STO", "to_location": "QS"}, "344", "04"),
    "unblock": ("movement.unblock", {"from_location": "QS"}, "343", "04"),
    "transfer": ("movement.transfer", {"from_location": "STO", "to_location": "QS"}, "311", "04"),
    "supplier return": (
        "movement.return",
        {"to": "supplier", "purchase_order": "4500000001", "po_line": "10"},
        "122",
        "01",
    ),
    "return to stock": ("movement.return", {"to": "stock", "work_order": "1000123"}, "262", "03"),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_movement_is_the_right_one_and_fits_the_published_fields(name: str) -> None:
    kind, extra, movement_type, code = MOVES[name]
    one = job(kind, {"site": "RHF", "item": "RM-1", "quantity": "2.5", "uom": "kg", "lot": "L-77", **extra})

    what = plans.plan(TERMS, one)
    made = movements.body(TERMS, one, what, what.origin or Place("1010", "101A"), "KG")

    item = made["to_MaterialDocumentItem"]["results"][0]
    assert (item["GoodsMovementType"], made["GoodsMovementCode"]) == (movement_type, code)
    assert made["ReferenceDocument"] == KEY
    assert made["DocumentDate"] == wire.date_out(date(2026, 11, 23))
    assert item["QuantityInEntryUnit"] == "2.5"
    if "po_line" in extra:
        assert item["PurchaseOrderItem"] == "10"
    if name == "transfer":
        assert (item["StorageLocation"], item["IssuingOrReceivingStorageLoc"]) == ("101A", "101Q")
    assert faults("API_MATERIAL_DOCUMENT_SRV.json", "CreateA_MaterialDocumentHeader", made) == []


def test_the_judge_finds_a_wrong_name_a_long_text_and_a_bare_number() -> None:
    made = {"YieldQty": "9", "OrderOperation": "00100", "ConfirmationYieldQuantity": 9}
    name = "API_PROD_ORDER_CONFIRMATION_2_SRV.ProdnOrdConf2Type-create"
    assert len(faults("OP_API_PROD_ORDER_CONFIRMATIO_2_SRV_0001.json", name, made)) == 3


def test_a_plants_own_movement_type_wins() -> None:
    terms = Terms({**SETTINGS, "movement_type": {"movement.scrap": "951", "movement.scrap:blocked": "955"}})
    assert terms.movement_type("movement.scrap", "blocked") == "955"
    assert terms.movement_type("movement.scrap") == "951"
    assert terms.movement_type("movement.scrap", "quality") == "553"


@pytest.mark.parametrize(
    ("kind", "changed", "code"),
    [
        ("movement.scrap", {"reason_code": "crack"}, "erp.mapping_missing"),
        ("movement.scrap", {"from_location": "HALL-7-EAST"}, "erp.mapping_missing"),
        ("movement.scrap", {"site": "HQ"}, "erp.mapping_missing"),
        ("movement.scrap", {"lot": "L-77-IS-TOO-LONG"}, "sap.field_length"),
        ("movement.scrap", {"quantity": "0.0001"}, "sap.unit_digits"),
    ],
)
def test_what_sap_can_not_take_is_refused_before_it_is_asked(
    kind: str, changed: dict[str, Any], code: str
) -> None:
    payload = {"site": "RHF", "item": "RM-1", "quantity": "2", "uom": "kg", "reason_code": "burr"} | changed
    one = job(kind, payload)
    with pytest.raises(ErpRejected) as refused:
        movements.body(TERMS, one, plans.plan(TERMS, one), None, "KG")
    assert refused.value.code == code


def test_a_time_zone_that_is_none_is_said_when_it_is_needed() -> None:
    terms = Terms({**SETTINGS, "timezone": "Mars/Olympus"})
    with pytest.raises(ErpRejected) as refused:
        confirmations.body(terms, job("confirmation", CONFIRMATION))
    assert refused.value.code == "erp.mapping_missing"
