"""Taking back in the simulated S/4HANA takes effect once, whichever answer is lost; a defect that stands is said.

Also what other bodies say of a payload: what SAP has no field for stays readable, a number in another unit is refused.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.keys import business_key
from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.port import PostingCommand
from erp_sync.adapters.sap import build, confirmations, defects, maintenance
from erp_sync.adapters.sap.documents import Job
from erp_sync.adapters.sap.terms import Terms
from erp_sync.simulators.sap import plant, quality
from erp_sync.simulators.sap.faults import Fault
from erp_sync.simulators.sap.web import Simulator
from tests.erp_sync.sap_published import faults
from tests.sap_simulator import serving

Row = dict[str, Any]
MAPPED: Row = {
    "plant": {"RHF": "1010"}, "work_unit": {"PRESS-1": "E:10000045"}, "defect": {"burr": "QM-E/1"},
    "cause": {"WEAR": "PM-C/0007"}, "unit": {"pcs": "EA"},
}  # fmt: skip
DEFECT: Row = {"action": "open", "quantity": "3", "item": "FG-100", "defect_code": "burr"}
NOTICE: Row = {"action": "open", "work_unit": "PRESS-1"}
PO: Row = {"target": "po_line", "number": "4500000001", "line": "10"}
SO: Row = {"target": "so_line", "number": "10", "line": "10"}
WO: Row = {"target": "work_order", "number": "1000124"}
PO_LINE = ("A_PurchaseOrderScheduleLine", ("4500000001", "10", "1"))
SO_LINE = ("A_SalesOrderScheduleLine", ("10", "10", "1"))
ORDER = ("A_ProductionOrder_2", ("1000124",))
#: kind, payload without old and new, where SAP keeps the value, which field, how it is written
CHANGES: dict[str, tuple[str, Row, tuple[str, tuple[str, ...]], str, str]] = {
    "order date": ("change.date", WO | {"which": "planned_end"}, ORDER, "MfgOrderPlannedEndDate", "PATCH"),
    "purchase date": ("change.date", PO | {"which": "promised"}, PO_LINE, "ScheduleLineDeliveryDate", "PATCH"),
    "split purchase date": ("change.date", PO | {"which": "promised"}, PO_LINE, "ScheduleLineDeliveryDate", "POST"),
    "sales date": ("change.date", SO | {"which": "requested"}, SO_LINE, "RequestedDeliveryDate", "PATCH"),
    "order quantity": ("change.quantity", WO, ORDER, "TotalQuantity", "PATCH"),
    "purchase quantity": ("change.quantity", PO, PO_LINE, "ScheduleLineOrderQuantity", "PATCH"),
    "sales quantity": ("change.quantity", SO, SO_LINE, "ScheduleLineOrderQuantity", "PATCH"),
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Simulator, str]]:
    sim = Simulator(plant.build)
    with serving(sim) as url:
        yield sim, url


@pytest.fixture
def sim(running: tuple[Simulator, str]) -> Simulator:
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


def command(kind: str, payload: Row, text: str = "EX-2026-000042") -> PostingCommand:
    now = clock.now()
    return PostingCommand(
        kind=kind, business_key=business_key(kind, str(payload)), payload={"site": "RHF", **payload},
        occurred_at=now, posting_date=now.date(), text=text,
    )  # fmt: skip


def job(kind: str, payload: Row) -> Job[Any]:
    one = command(kind, payload)
    return Job(one, canonical.parse(kind, one.payload))


def reversal(posted: PostingCommand, number: str) -> PostingCommand:
    payload = {"reverses": posted.business_key, "reverses_kind": posted.kind, "reverses_number": number,
               "reason_code": "x", "original": posted.payload}  # fmt: skip
    return command("reversal", payload)


def struck(when: str, method: str, match: str = "") -> Fault:
    """An answer that is lost: `before` anything happened, or `after` the effect."""
    return Fault("drop" if when == "after" else "before", status=502, method=method, match=match)


def lose(sap: port.ErpAdapter, sim: Simulator, back: PostingCommand, fault: Fault) -> port.Outcome | None:
    """Send with the fault, look, send until it is confirmed and once more; what the look found."""
    assert sap.look_up(back) is None
    sim.faults.add(fault)
    lost = sap.send(back)
    assert fault.hits == 1
    assert lost.status == "unknown"
    seen = sap.look_up(back)
    assert sap.send(back).status == "confirmed"
    assert sap.send(back).status == "confirmed"
    settled = sap.look_up(back)
    assert settled is not None
    assert settled.status == "confirmed"
    return seen


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_defect_is_deleted_once_whichever_answer_is_lost(
    sap: port.ErpAdapter, sim: Simulator, when: str
) -> None:
    other = command("quality_event", DEFECT | {"quantity": "7"})
    assert sap.send(other).status == "confirmed"
    posted = command("quality_event", DEFECT)
    number = sap.send(posted).erp_number

    seen = lose(sap, sim, reversal(posted, number), struck(when, "DELETE"))

    assert (seen is not None) == (when == "after")
    assert [row["DefectiveQuantity"] for row in sim.books.tables["A_Defect"].values()] == [7]


@pytest.mark.parametrize("step", ["to_Item", "CompleteMaintNotification"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_notification_is_withdrawn_once_whichever_answer_is_lost(
    sap: port.ErpAdapter, sim: Simulator, when: str, step: str
) -> None:
    posted = command("maintenance_notification", NOTICE)
    number = sap.send(posted).erp_number
    back = reversal(posted, number)
    name = ("MaintenanceNotification", (number,))
    version = sim.books.versions[name]

    seen = lose(sap, sim, back, struck(when, "POST", step))

    assert (seen is not None) == (when == "after" and step == "CompleteMaintNotification")
    items = sim.books.find("MaintenanceNotificationItem", MaintenanceNotification=number)
    assert [row["MaintNotifItemText"].split(" ")[0] for row in items] == [back.business_key]
    assert sim.books.tables[name[0]][name[1]]["NotifProcessingPhase"] == "5"
    assert sim.books.versions[name] == version + 2


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_goes_back_once_whichever_answer_is_lost(
    sap: port.ErpAdapter, sim: Simulator, when: str, name: str
) -> None:
    kind, payload, (entity, key), field, method = CHANGES[name]
    row = sim.books.tables[entity][key]
    lines = [(entity, key)]
    if name.startswith("split"):
        sim.books.put(entity, row | {"ScheduleLine": "2"})
        lines.append((entity, (*key[:2], "2")))
    before = row[field]
    if kind == "change.date":
        old, new = before.date().isoformat(), (before + timedelta(days=5)).date().isoformat()
    else:
        old, new = format(before.normalize(), "f"), format((before + 5).normalize(), "f")
    posted = command(kind, payload | {"old": old, "new": new})
    done = sap.send(posted)
    assert done.status == "confirmed"
    assert row[field] != before
    versions = [sim.books.versions[line] for line in lines]

    seen = lose(sap, sim, reversal(posted, done.erp_number), struck(when, method))

    assert (seen is not None) == (when == "after")
    assert {sim.books.tables[table][at][field] for table, at in lines} == {before}
    assert [sim.books.versions[line] for line in lines] == [version + 1 for version in versions]


def test_a_defect_whose_text_was_edited_is_deleted_all_the_same(sap: port.ErpAdapter, sim: Simulator) -> None:
    posted = command("quality_event", DEFECT)
    number = sap.send(posted).erp_number
    with sim.books.transaction():
        sim.books.change("A_Defect", sim.books.tables["A_Defect"][number,], {"DefectText": "seen by MILLER"})
    back = reversal(posted, number)

    assert sap.look_up(back) is None
    assert sap.send(back).status == "confirmed"

    assert sim.books.tables["A_Defect"] == {}


def test_a_defect_kept_with_a_deletion_mark_is_gone(sap: port.ErpAdapter, sim: Simulator) -> None:
    posted = command("quality_event", DEFECT)
    number = sap.send(posted).erp_number
    with sim.books.transaction():
        sim.books.change("A_Defect", sim.books.tables["A_Defect"][number,], {"IsDeleted": "X"})
    seen = sap.look_up(reversal(posted, number))
    assert seen is not None
    assert (seen.status, seen.erp_number) == ("confirmed", number)


def test_a_defect_nobody_can_name_is_not_called_deleted(sap: port.ErpAdapter, sim: Simulator) -> None:
    posted = command("quality_event", DEFECT)
    number = sap.send(posted).erp_number
    row = sim.books.tables["A_Defect"][number,]
    with sim.books.transaction():
        sim.books.change("A_Defect", row, {"DefectText": "seen by MILLER"})
    back = reversal(posted, "")
    assert sap.look_up(back) is None
    outcome = sap.send(back)
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.not_found")
    assert not row.get("IsDeleted")


def test_a_defect_says_its_lot_and_counts_in_its_orders_unit(sap: port.ErpAdapter, sim: Simulator) -> None:
    found = {"action": "open", "quantity": "3", "work_order": "1000123", "lot": "L-7", "defect_code": "burr"}
    assert sap.send(command("quality_event", found)).status == "confirmed"
    (row,) = sim.books.tables["A_Defect"].values()
    assert (row["DefectiveQuantity"], row["DefectiveQuantityUnit"]) == (3, "EA")
    assert row["DefectText"].split(" ")[1:] == ["L-7", "EX-2026-000042"]
    made = defects.body(Terms(MAPPED), job("quality_event", found), "EA")
    assert faults("OP_API_DEFECT_SRV_0001.json", "API_DEFECT_SRV.A_DefectType-create", made) == []


def test_a_cause_known_at_once_is_said_without_a_damage(sap: port.ErpAdapter, sim: Simulator) -> None:
    known = NOTICE | {"cause_code": "WEAR"}
    assert sap.send(command("maintenance_notification", known)).status == "confirmed"
    (cause,) = sim.books.tables["MaintNotificationItemCause"].values()
    assert (cause["MaintNotifCauseCodeGroup"], cause["MaintNotificationCauseCode"]) == ("PM-C", "0007")
    made = maintenance.body(Terms(MAPPED), job("maintenance_notification", known))
    name = "cds_api_maintnotification.MaintenanceNotificationType-create"
    assert faults("OP_API_MAINTNOTIFICATION.json", name, made) == []
    unknown = maintenance.body(Terms(MAPPED), job("maintenance_notification", NOTICE | {"cause_code": "UNK"}))
    assert "to_Item" not in unknown


def test_completing_says_when_the_stop_began_only_where_nobody_has(
    sap: port.ErpAdapter, sim: Simulator
) -> None:
    now = clock.now().replace(microsecond=0)
    opened = command("maintenance_notification", NOTICE)
    number = sap.send(opened).erp_number
    stop = {"start": (now - timedelta(hours=2)).isoformat(), "end": now.isoformat(), "breakdown": True}
    done = {
        "action": "complete",
        "work_unit": "PRESS-1",
        "cause_code": "WEAR",
        "opened_by": opened.business_key,
    }
    assert sap.send(command("maintenance_notification", done | stop)).status == "confirmed"
    row = sim.books.tables["MaintenanceNotification"][number,]
    assert row["MaintenanceObjectIsDown"] is True
    assert row["MalfunctionStartTime"] == (now - timedelta(hours=2)).strftime("PT%HH%MM%SS")
    assert row["MalfunctionEndTime"] == now.strftime("PT%HH%MM%SS")

    told = command("maintenance_notification", NOTICE | {"start": (now - timedelta(hours=5)).isoformat()})
    number = sap.send(told).erp_number
    done = done | stop | {"opened_by": told.business_key}
    assert sap.send(command("maintenance_notification", done)).status == "confirmed"
    row = sim.books.tables["MaintenanceNotification"][number,]
    assert row["MalfunctionStartTime"] == (now - timedelta(hours=5)).strftime("PT%HH%MM%SS")


def test_a_notification_another_hand_completed_stops_with_both_values(
    sap: port.ErpAdapter, sim: Simulator
) -> None:
    opened = command("maintenance_notification", NOTICE)
    number = sap.send(opened).erp_number
    row = sim.books.tables["MaintenanceNotification"][number,]
    with sim.books.transaction():
        quality.move_notification(sim.books, row, "5")
    said = {
        "action": "complete",
        "work_unit": "PRESS-1",
        "cause_code": "WEAR",
        "opened_by": opened.business_key,
    }
    done = command("maintenance_notification", said)
    assert sap.look_up(done) is None
    outcome = sap.send(done)
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert outcome.raw["drift"] == [{"field": "status", "ours": "outstanding", "theirs": "completed"}]
    accepted = sap.send(command("maintenance_notification", said | {"seen": {"status": "completed"}}))
    assert (accepted.status, accepted.erp_number) == ("confirmed", number)
    assert not sim.books.tables["MaintenanceNotificationItem"]


@pytest.mark.parametrize("name", ["purchase date", "sales date"])
def test_an_order_line_has_no_planned_start(sap: port.ErpAdapter, sim: Simulator, name: str) -> None:
    kind, payload, (entity, key), field, _ = CHANGES[name]
    before = sim.books.tables[entity][key][field]
    new = (before + timedelta(days=5)).date().isoformat()
    outcome = sap.send(command(kind, payload | {"which": "planned_start", "new": new}))
    assert (outcome.status, outcome.error_code) == ("rejected", "erp.payload")
    assert sim.books.tables[entity][key][field] == before


@pytest.mark.parametrize("name", ["order quantity", "purchase quantity", "sales quantity"])
def test_a_quantity_in_another_unit_than_saps_is_refused(
    sap: port.ErpAdapter, sim: Simulator, name: str
) -> None:
    kind, payload, (entity, key), field, _ = CHANGES[name]
    before = sim.books.tables[entity][key][field]
    wrong = sap.send(command(kind, payload | {"new": "45", "uom": "kg"}))
    assert (wrong.status, wrong.error_code) == ("rejected", "sap.unit")
    same = command(kind, payload | {"new": format(before.normalize(), "f"), "uom": "kg"})
    assert sap.look_up(same) is None
    assert sim.books.tables[entity][key][field] == before
    assert sap.send(command(kind, payload | {"new": "45", "uom": "pcs"})).status == "confirmed"
    assert sim.books.tables[entity][key][field] == 45


def test_a_batch_stands_in_a_confirmations_text_unless_it_is_received() -> None:
    said = {"work_order": "1000123", "operation": "10", "yield_qty": "9", "lot": "L-7"}
    one = job("confirmation", said)
    plain = confirmations.body(Terms(MAPPED), one)
    assert plain["ConfirmationText"] == f"{one.key} lot L-7 EX-2026-000042"
    received = confirmations.body(Terms(MAPPED), one, receives="FG-100")
    assert received["ConfirmationText"] == f"{one.key} EX-2026-000042"
    assert received["to_ProdnOrdConfMatlDocItm"]["results"][0]["Batch"] == "L-7"
