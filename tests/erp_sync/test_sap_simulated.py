"""The SAP connector against the simulated S/4HANA, which others wrote from the published descriptions alone."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.keys import business_key
from erp_sync.adapters import port
from erp_sync.adapters.port import PostingCommand
from erp_sync.adapters.sap import build
from erp_sync.simulators.sap import plant
from erp_sync.simulators.sap.faults import Fault
from erp_sync.simulators.sap.web import Simulator
from plant_app.models import StockRow
from plant_app.services import apply_pull, key_of
from tests import factories as make
from tests.sap_simulator import serving

Row = dict[str, Any]
MAPPED: Row = {
    "plant": {"RHF": "1010"}, "work_unit": {"PRESS-1": "E:10000045"}, "defect": {"burr": "QM-E/1"},
    "reason": {"burr": "0001"}, "characteristic": {"bore": "1/10"},
}  # fmt: skip
CONFIRM: Row = {
    "work_order": "1000123",
    "operation": "10",
    "yield_qty": "9",
    "machine_minutes": "30",
    "uom": "EA",
}
SCRAP: Row = {"item": "RM-1", "quantity": "5", "reason_code": "burr"}
POSTINGS: dict[str, tuple[str, Row]] = {
    "confirmation": ("confirmation", CONFIRM),
    "issue": ("movement.issue", {"work_order": "1000123", "item": "RM-1", "quantity": "5"}),
    "order receipt": (
        "movement.receipt",
        {"work_order": "1000123", "item": "FG-100", "quantity": "5", "to_location": "101B"},
    ),
    "purchase receipt": (
        "movement.receipt",
        {
            "purchase_order": "4500000001",
            "po_line": "10",
            "item": "RM-1",
            "quantity": "5",
            "to_location": "101A",
        },
    ),
    "scrap": ("movement.scrap", SCRAP),
    "block": ("movement.block", {"item": "RM-3", "quantity": "5", "lot": "B0001"}),
    "transfer": (
        "movement.transfer",
        {"item": "RM-1", "quantity": "5", "from_location": "101A", "to_location": "101B"},
    ),
    "unblock": (
        "movement.unblock",
        {"item": "RM-3", "quantity": "5", "lot": "B0001", "from_location": "101A"},
    ),
    "stock return": (
        "movement.return",
        {"to": "stock", "work_order": "1000123", "item": "RM-1", "quantity": "2", "to_location": "101A"},
    ),
    "supplier return": (
        "movement.return",
        {
            "to": "supplier",
            "purchase_order": "4500000001",
            "po_line": "10",
            "item": "RM-1",
            "quantity": "2",
            "reason_code": "burr",
        },
    ),
    "measured": (
        "inspection_result",
        {
            "work_order": "1000123",
            "characteristic": "bore",
            "verdict": "rejected",
            "value": "25.3",
            "uom": "mm",
        },
    ),
    "judged": (
        "inspection_result",
        {
            "inspection_lot": "10000000000",
            "characteristic": "surface",
            "verdict": "accepted",
            "inspected": "5",
            "nonconforming": "0",
        },
    ),
    "defect": ("quality_event", {"action": "open", "quantity": "3", "item": "FG-100", "defect_code": "burr"}),
    "notification": ("maintenance_notification", {"action": "open", "work_unit": "PRESS-1"}),
    "order quantity": ("change.quantity", {"target": "work_order", "number": "1000124", "new": "45"}),
    "purchase quantity": (
        "change.quantity",
        {"target": "po_line", "number": "4500000001", "line": "10", "new": "250"},
    ),
    "sales quantity": ("change.quantity", {"target": "so_line", "number": "10", "line": "10", "new": "25"}),
}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Simulator, str]]:
    sim = Simulator(plant.build)
    with serving(sim) as url:
        yield sim, url


def posting(name: str, **changed: Any) -> PostingCommand:
    kind, payload = POSTINGS[name]
    now = clock.now()
    return PostingCommand(
        kind=kind, business_key=business_key(kind, name), payload={"site": "RHF", **payload, **changed},
        occurred_at=now, posting_date=now.date(), text="EX-2026-000042",
    )  # fmt: skip


def take_back(posted: PostingCommand, number: str) -> PostingCommand:
    payload = {"reverses": posted.business_key, "reverses_kind": posted.kind, "reverses_number": number,
               "reason_code": "x", "original": posted.payload}  # fmt: skip
    return PostingCommand(
        kind="reversal", business_key=business_key("back", posted.business_key), payload=payload,
        occurred_at=posted.occurred_at, posting_date=posted.posting_date,
    )  # fmt: skip


#: What must stand in SAP before a posting makes sense.
BEFORE = {"unblock": "block", "stock return": "issue", "supplier return": "purchase receipt"}


@pytest.fixture
def sim(running: tuple[Simulator, str]) -> Simulator:
    """The simulator with fresh books and no faults."""
    made = running[0]
    made.books = made.build()
    made.faults.clear()
    return made


@pytest.fixture
def sap(running: tuple[Simulator, str], sim: Simulator) -> Iterator[port.ErpAdapter]:
    login = {"url": running[1], "username": "SIMUSER", "password": "simulated", "database": "100"}
    made = build({**login, "read_timeout": 30, **MAPPED})
    yield made
    made.close()


def size(sim: Simulator) -> dict[str, int]:
    """How many documents of each kind there are."""
    kept = (
        "ProdnOrdConf2",
        "A_MaterialDocumentHeader",
        "A_Defect",
        "A_InspectionResult",
        "MaintenanceNotification",
        "MaintenanceNotificationItem",
    )
    return {name: len(sim.books.tables[name]) for name in kept}


@pytest.mark.parametrize("name", POSTINGS)
def test_every_posting_is_taken_and_survives_a_cut_line_without_a_second_document(
    sap: port.ErpAdapter, sim: Simulator, name: str
) -> None:
    if name in BEFORE:
        assert sap.send(posting(BEFORE[name])).status == "confirmed"
    posted, before = posting(name), sum(size(sim).values())
    assert sap.look_up(posted) is None
    method = "PATCH" if name.endswith("quantity") else "POST"
    sim.faults.add(Fault("drop", method=method))

    lost, found, again = sap.send(posted), sap.look_up(posted), sap.send(posted)

    assert (lost.status, lost.error_code) == ("unknown", "sap.no_answer")
    assert found is not None
    assert (found.status, again.status, found.erp_number) == ("confirmed", "confirmed", again.erp_number)
    assert sum(size(sim).values()) == before + (method == "POST")


BACK = [
    "confirmation", "issue", "order receipt", "purchase receipt", "scrap", "block", "unblock", "transfer",
    "stock return", "supplier return", "defect", "notification",
]  # fmt: skip


@pytest.mark.parametrize("name", BACK)
def test_every_document_is_taken_back_once(sap: port.ErpAdapter, sim: Simulator, name: str) -> None:
    if name in BEFORE:
        sap.send(posting(BEFORE[name]))
    posted = posting(name)
    stock = dict(sim.books.stock)
    back = take_back(posted, sap.send(posted).erp_number)

    first, after, again = sap.send(back), size(sim), sap.send(back)

    assert (first.status, again.status) == ("confirmed", "confirmed")
    assert size(sim) == after
    assert {k: v for k, v in sim.books.stock.items() if v} == {k: v for k, v in stock.items() if v}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault("before", status=502, method="POST"), "unknown", "sap.http_502"),
        (Fault("throttle", method="POST", seconds=1), "retry", "sap.busy"),
    ],
    ids=["before", "throttle"],
)
def test_trouble_before_the_effect_leaves_nothing_and_the_next_try_succeeds(
    sap: port.ErpAdapter, sim: Simulator, fault: Fault, status: str, code: str
) -> None:
    posted, before = posting("scrap"), size(sim)
    sim.faults.add(fault)
    outcome = sap.send(posted)
    assert (outcome.status, outcome.error_code, size(sim)) == (status, code, before)
    assert outcome.raw == ({"retry_after": 1.0} if code == "sap.busy" else {})
    assert sap.look_up(posted) is None
    assert sap.send(posted).status == "confirmed"


def test_a_session_that_ended_is_renewed_within_the_posting(sap: port.ErpAdapter, sim: Simulator) -> None:
    assert sap.send(posting("scrap")).status == "confirmed"
    sim.faults.add(Fault("expire", method="POST"))
    assert sap.send(posting("transfer")).status == "confirmed"


def test_a_locked_object_is_tried_again_later(sap: port.ErpAdapter, sim: Simulator) -> None:
    sim.books.locks["material:RM-1"] = ("MILLER", None)
    outcome = sap.send(posting("scrap"))
    assert (outcome.status, outcome.error_code) == ("retry", "sap.locked.busy")
    assert "MILLER" in outcome.message


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("confirmation", {"work_order": "1000510"}, "now says"),
        ("confirmation", {"work_order": "1000124"}, "not released"),
        ("scrap", {"quantity": "5000"}, "500 there, the posting expected 5000 to take"),
    ],
)
def test_drift_is_seen_before_anything_is_written(
    sap: port.ErpAdapter, sim: Simulator, name: str, changed: Row, words: str
) -> None:
    before = size(sim)
    outcome = sap.send(posting(name, **changed))
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert words in outcome.message
    assert size(sim) == before


def test_everything_is_read_and_what_we_posted_is_listed(sap: port.ErpAdapter) -> None:
    posted = [posting(name) for name in ("confirmation", "scrap", "defect", "measured", "notification")]
    for one in posted:
        sap.send(one)
    read = {entity: [r for page in sap.pull(entity) for r in page.records] for entity in port.PULL_ENTITIES}
    assert {record.code for record in read["items"]} == {"FG-100", "RM-1", "RM-2", "RM-3"}
    assert all(read.values())
    order = next(record for record in read["work_orders"] if record.code == "1000123")
    assert [one["work_centre"] for one in order.data["operations"]] == ["MILL-1", "ASSY-1"]
    listed = {one.business_key for one in sap.list_documents(clock.now() - timedelta(days=1))}
    assert listed == {one.business_key for one in posted}
    assert sap.ping().ok


@pytest.mark.django_db
def test_what_was_moved_away_whole_is_gone_here_with_the_next_read(
    sap: port.ErpAdapter, sim: Simulator
) -> None:
    """SAP lists no row where nothing is left."""
    site = make.SiteFactory(code="RHF")
    for code in ("RM-1", "RM-2", "RM-3", "FG-100"):
        make.ItemFactory(code=code)
    for code in ("101A", "101B"):
        make.StockLocationFactory(code=code, site=site)

    def stock() -> dict[tuple[str, str], int]:
        rows = StockRow.objects.filter(item__code="RM-3")
        return {(row.location.code, row.status): int(row.quantity) for row in rows}

    *_pages, last = sap.pull("stock")
    apply_pull(entity="stock", records=[one for page in (*_pages, last) for one in page.records])
    assert stock() == {("101A", "free"): 80}
    assert sap.send(posting("block", quantity="80")).status == "confirmed"
    later = [one for page in sap.pull("stock", last.watermark) for one in page.records]
    apply_pull(entity="stock", records=later)
    assert stock() == {("101A", "free"): 0, ("101A", "blocked"): 80}
    assert isinstance(sap, port.Stocktaking)
    assert {key_of(one.data) for one in sap.all_stock()} == {
        ("RM-1", "101A", "", "free"),
        ("RM-2", "101A", "", "free"),
        ("RM-3", "101A", "B0001", "blocked"),
        ("FG-100", "101B", "", "free"),
    }
