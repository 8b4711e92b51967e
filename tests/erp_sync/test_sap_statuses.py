"""What a movement says of stock status, site and plant reaches the simulated S/4HANA, or is refused in words."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from core import clock
from core.keys import business_key
from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.port import PostingCommand
from erp_sync.adapters.sap import build, movements, plans
from erp_sync.adapters.sap.documents import Job
from erp_sync.adapters.sap.terms import Place, Terms
from erp_sync.errors import ErpRejected
from erp_sync.simulators.sap import plant
from erp_sync.simulators.sap.web import Simulator
from tests.erp_sync.sap_published import faults
from tests.sap_simulator import serving

Row = dict[str, Any]
MAPPED: Row = {"plant": {"RHF": "1010", "RHN": "1020"}, "reason": {"burr": "0001"}}
BOUGHT: Row = {"item": "RM-1", "quantity": "5", "purchase_order": "4500000001", "po_line": "10"}
MOVED: Row = {"item": "RM-1", "quantity": "5", "from_location": "101A", "to_location": "101B"}
COATING: Row = {"item": "RM-3", "lot": "B0001", "quantity": "5", "from_location": "101A"}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Simulator, str]]:
    sim = Simulator(plant.build)
    with serving(sim) as url:
        yield sim, url


@pytest.fixture
def sim(running: tuple[Simulator, str]) -> Simulator:
    made = running[0]
    made.books = made.build()
    return made


@pytest.fixture
def sap(running: tuple[Simulator, str], sim: Simulator) -> Iterator[port.ErpAdapter]:
    login = {"url": running[1], "username": "SIMUSER", "password": "simulated", "database": "100"}
    made = build({**login, "read_timeout": 30, **MAPPED})
    yield made
    made.close()


def command(kind: str, payload: Row) -> PostingCommand:
    now = clock.now()
    return PostingCommand(
        kind=kind, business_key=business_key(kind, str(payload)), payload={"site": "RHF", **payload},
        occurred_at=now, posting_date=now.date(), text="EX-2026-000042",
    )  # fmt: skip


def reversal(posted: PostingCommand, number: str) -> PostingCommand:
    payload = {"reverses": posted.business_key, "reverses_kind": posted.kind, "reverses_number": number,
               "reason_code": "burr", "original": posted.payload}  # fmt: skip
    return command("reversal", payload)


def held(sim: Simulator, item: str, place: str = "1010/101A") -> dict[str, Decimal]:
    """Quantities of an item in a place, by SAP's stock type."""
    plant_, location = place.split("/")
    return {
        key[4]: quantity
        for key, quantity in sim.books.stock.items()
        if key[:3] == (item, plant_, location) and quantity
    }


def planned(kind: str, payload: Row, settings: Row = MAPPED) -> plans.Plan:
    one = command(kind, payload)
    return plans.plan(Terms(settings), Job(one, canonical.parse(kind, one.payload)))


@pytest.mark.parametrize(
    ("status", "stock_type"), [("blocked", "07"), ("quality", "02"), ("free", "01"), ("", "01")]
)
def test_a_receipt_goes_into_the_stock_it_names(
    sap: port.ErpAdapter, sim: Simulator, status: str, stock_type: str
) -> None:
    payload = BOUGHT | {"to_location": "101B"} | ({"to_status": status} if status else {})
    assert sap.send(command("movement.receipt", payload)).status == "confirmed"
    assert held(sim, "RM-1", "1010/101B") == {stock_type: 5}
    assert held(sim, "RM-1") == {"01": 500}


def test_what_an_order_made_may_go_into_blocked_stock_too(sap: port.ErpAdapter, sim: Simulator) -> None:
    payload = {"item": "FG-100", "quantity": "5", "work_order": "1000123", "to_location": "101A"}
    assert sap.send(command("movement.receipt", payload | {"to_status": "blocked"})).status == "confirmed"
    assert held(sim, "FG-100") == {"07": 5}


def test_a_return_takes_what_is_blocked_and_its_reversal_gives_it_back_blocked(
    sap: port.ErpAdapter, sim: Simulator
) -> None:
    into = BOUGHT | {"to_location": "101A", "to_status": "blocked"}
    assert sap.send(command("movement.receipt", into)).status == "confirmed"
    back = command(
        "movement.return",
        BOUGHT
        | {"quantity": "2", "to": "supplier", "from_location": "101A", "from_status": "blocked"}
        | {"reason_code": "burr"},
    )

    done = sap.send(back)

    assert done.status == "confirmed"
    assert held(sim, "RM-1") == {"01": 500, "07": 3}
    assert sap.send(reversal(back, done.erp_number)).status == "confirmed"
    assert held(sim, "RM-1") == {"01": 500, "07": 5}


def test_a_return_from_blocked_stock_never_takes_free_stock_instead(
    sap: port.ErpAdapter, sim: Simulator
) -> None:
    assert sap.send(command("movement.receipt", BOUGHT | {"to_location": "101A"})).status == "confirmed"
    back = BOUGHT | {"to": "supplier", "from_location": "101A", "from_status": "blocked"}
    outcome = sap.send(command("movement.return", back))
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert held(sim, "RM-1") == {"01": 505}


def test_between_plants_stock_goes_in_one_step_and_within_one_it_stays(
    sap: port.ErpAdapter, sim: Simulator
) -> None:
    over = command("movement.transfer", MOVED | {"to_location": "102A", "to_site": "RHN"})

    done = sap.send(over)

    assert done.status == "confirmed"
    assert (held(sim, "RM-1"), held(sim, "RM-1", "1020/102A")) == ({"01": 495}, {"01": 5})
    assert {row["GoodsMovementType"] for row in sim.books.tables["A_MaterialDocumentItem"].values()} == {
        "301"
    }
    assert sap.send(reversal(over, done.erp_number)).status == "confirmed"
    assert (held(sim, "RM-1"), held(sim, "RM-1", "1020/102A")) == ({"01": 500}, {})
    assert planned("movement.transfer", MOVED).movement_type == "311"


def test_the_simulated_system_lets_no_step_within_a_plant_lead_out_of_it(
    running: tuple[Simulator, str], sim: Simulator
) -> None:
    login = {"url": running[1], "username": "SIMUSER", "password": "simulated", "database": "100"}
    wrong = build({**login, **MAPPED, "movement_type": {"movement.transfer:plants": "311"}})
    outcome = wrong.send(command("movement.transfer", MOVED | {"to_location": "102A", "to_site": "RHN"}))
    wrong.close()
    assert outcome.status == "rejected"
    assert "311" in outcome.message
    assert held(sim, "RM-1") == {"01": 500}


@pytest.mark.parametrize(
    ("kind", "extra", "movement_type", "after"),
    [
        ("movement.block", {"to_status": "quality"}, "322", {"01": 75, "02": 5}),
        ("movement.block", {"from_status": "quality"}, "350", {"01": 75, "07": 5}),
        ("movement.unblock", {"from_status": "quality"}, "321", {"01": 80}),
        ("movement.unblock", {"from_status": "blocked", "to_status": "quality"}, "349", {"01": 75, "02": 5}),
    ],
)
def test_a_change_of_status_is_the_one_named(
    sap: port.ErpAdapter, sim: Simulator, kind: str, extra: Row, movement_type: str, after: dict[str, int]
) -> None:
    before = {"quality": {"to_status": "quality"}, "blocked": {}}.get(extra.get("from_status", ""))
    if before is not None:
        assert sap.send(command("movement.block", COATING | before)).status == "confirmed"
    assert sap.send(command(kind, COATING | extra)).status == "confirmed"
    assert held(sim, "RM-3") == after
    assert planned(kind, COATING | extra).movement_type == movement_type


@pytest.mark.parametrize(
    ("kind", "extra", "code", "word"),
    [
        ("movement.issue", {"work_order": "1000123", "from_status": "blocked"},
         "erp.mapping_missing", "movement.issue:blocked"),
        ("movement.scrap", {"reason_code": "burr", "from_status": "lost"},
         "erp.mapping_missing", "movement.scrap:lost"),
        ("movement.scrap", {"reason_code": "burr", "to_status": "blocked"}, "erp.payload", "to_status"),
        ("movement.receipt", BOUGHT | {"from_status": "blocked"}, "erp.payload", "from_status"),
        ("movement.receipt", BOUGHT | {"cost_object": "4711"}, "erp.payload", "cost_object"),
        ("movement.block", {"to_status": "free"}, "erp.mapping_missing", "movement.block:to_free"),
        ("movement.block", {"to_location": "102A", "to_site": "RHN"}, "erp.mapping_missing", "movement.block:plants"),
        ("movement.unblock", {"from_status": "free"}, "erp.mapping_missing", "movement.unblock:from_free"),
        ("movement.transfer", MOVED | {"to_status": "blocked"}, "erp.mapping_missing", "movement.transfer:to_blocked"),
        ("movement.transfer", MOVED | {"to_location": "102A", "to_site": "RHN", "from_status": "blocked"},
         "erp.mapping_missing", "movement.transfer:blocked:plants"),
        ("movement.block", {"to_site": "RHN"}, "erp.payload", "to_location"),
        ("movement.return", {"to": "stock", "work_order": "1000123", "to_status": "blocked"},
         "erp.mapping_missing", "movement.return:stock:to_blocked"),
        ("movement.transfer", MOVED | {"reason_code": "crack"}, "erp.mapping_missing", "crack"),
    ],
)  # fmt: skip
def test_what_sap_could_not_keep_is_refused_before_anything_is_written(
    sap: port.ErpAdapter, sim: Simulator, kind: str, extra: Row, code: str, word: str
) -> None:
    outcome = sap.send(command(kind, {"item": "RM-1", "quantity": "5"} | extra))
    assert (outcome.status, outcome.error_code) == ("rejected", code)
    assert word in outcome.message
    assert not sim.books.tables["A_MaterialDocumentHeader"]


def test_a_location_mapped_to_another_plant_than_the_site_it_goes_to_is_said() -> None:
    to_rhn = MOVED | {"to_location": "STO", "to_site": "RHN"}
    with pytest.raises(ErpRejected) as refused:
        planned("movement.transfer", to_rhn, {**MAPPED, "location": {"STO": "1010/101B"}})
    assert refused.value.code == "erp.mapping_missing"
    assert "1010" in refused.value.message
    assert "1020" in refused.value.message
    found = planned("movement.transfer", to_rhn, {**MAPPED, "location": {"STO": "101B"}})
    assert str(found.target) == "1020/101B"


def test_a_plants_own_movement_type_may_stand_for_a_way_no_standard_one_goes() -> None:
    own = {**MAPPED, "movement_type": {"movement.issue:blocked": "961"}}
    issue = {"item": "RM-1", "quantity": "5", "work_order": "1000123", "from_status": "blocked"}
    found = planned("movement.issue", issue, own)
    assert (found.movement_type, found.takes) == ("961", "blocked")


@pytest.mark.parametrize(
    ("kind", "payload", "wanted"),
    [
        ("movement.receipt", BOUGHT | {"to_status": "blocked"},
         {"InventoryStockType": "07", "InventoryUsabilityCode": "S"}),
        ("movement.return", BOUGHT | {"to": "supplier", "from_status": "quality", "rma": "RMA-7", "receipt": "GR 12"},
         {"InventoryStockType": "02", "InventoryUsabilityCode": "X"}),
        ("movement.transfer", COATING | {"to_location": "102A", "to_site": "RHN"},
         {"IssuingOrReceivingPlant": "1020", "IssgOrRcvgBatch": "B0001", "GoodsMovementType": "301"}),
        ("movement.issue", {"item": "RM-2", "quantity": "1", "work_order": "1000123", "substitute_for": "RM-1",
                            "reason_code": "burr"}, {"GoodsMovementReasonCode": "0001"}),
    ],
)  # fmt: skip
def test_the_fields_that_say_it_are_published_ones(kind: str, payload: Row, wanted: Row) -> None:
    one = command(kind, payload)
    job: Job[Any] = Job(one, canonical.parse(kind, one.payload))
    what = plans.plan(Terms(MAPPED), job)
    made = movements.body(Terms(MAPPED), job, what, what.origin or Place("1010", "101A"), "EA")
    item = made["to_MaterialDocumentItem"]["results"][0]
    assert {name: item.get(name) for name in wanted} == wanted
    for said in ("rma", "receipt", "substitute_for"):
        assert str(payload.get(said, "")) in item["MaterialDocumentItemText"]
    assert faults("API_MATERIAL_DOCUMENT_SRV.json", "CreateA_MaterialDocumentHeader", made) == []


def test_a_stock_status_no_receipt_knows_is_refused() -> None:
    with pytest.raises(ErpRejected) as refused:
        plans.status_fields(Terms(MAPPED), planned("movement.receipt", BOUGHT | {"to_status": "lost"}))
    assert refused.value.code == "erp.mapping_missing"
