"""What the SAP connector shows of itself: requests before they are sent, codes tried, identities, clock, profile.

Told against the simulated S/4HANA, whose changing requests are kept as they arrived.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from core import clock
from erp_sync.adapters import port
from erp_sync.adapters.port import PostingCommand
from erp_sync.adapters.sap import adapter, build
from erp_sync.adapters.sap.inspections import NO_TAKING_BACK
from erp_sync.adapters.sap.maintenance import NO_REOPENING
from erp_sync.errors import ErpRejected
from erp_sync.simulators.sap import plant
from erp_sync.simulators.sap.faults import Fault
from erp_sync.simulators.sap.system import Reply, Request
from erp_sync.simulators.sap.web import Simulator
from tests.erp_sync import sap_published
from tests.erp_sync.test_sap_simulated import BEFORE, MAPPED, POSTINGS, posting, take_back
from tests.sap_simulator import serving

Row = dict[str, Any]


class Recording(Simulator):
    """The simulator, keeping every changing request as it arrived."""

    written: list[Request]

    def answer(self, request: Request, fault: Fault | None = None) -> Reply:
        if request.method not in ("GET", "HEAD"):
            self.written.append(request)
        return super().answer(request, fault)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Recording, str]]:
    sim = Recording(plant.build)
    sim.written = []
    with serving(sim) as url:
        yield sim, url


@pytest.fixture
def sim(running: tuple[Recording, str]) -> Recording:
    made = running[0]
    made.books, made.repeated = made.build(), {}
    made.written.clear()
    made.faults.clear()
    return made


@pytest.fixture
def sap(running: tuple[Recording, str], sim: Recording) -> Iterator[adapter.SapAdapter]:
    codes = {"damage": {"BRK": "PM-D/0001"}, "cause": {"WEAR": "PM-C/0007"}}
    made = build({"url": running[1], "username": "SIMUSER", "password": "simulated", **MAPPED, **codes})
    assert isinstance(made, adapter.SapAdapter)
    yield made
    made.close()


def sent(sim: Recording) -> list[tuple[str, str, Any]]:
    """The changing requests SAP took, as a preview tells them: a call's parameters instead of a body."""
    found = []
    for one in sim.written:
        body = json.loads(one.body) if one.body else dict(parse_qsl(one.query)) or None
        found.append((one.method, one.path, body))
    return found


def same(shown: Any, real: Any) -> bool:
    """Whether a shown value is the real one; what is only known once SAP was asked is shown as dots, or left out."""
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(same(value, real.get(name)) for name, value in shown.items())
    if isinstance(shown, list):
        return isinstance(real, list) and all(map(same, shown, real)) and len(shown) == len(real)
    if isinstance(shown, str) and "..." in shown:
        return re.fullmatch(re.escape(shown).replace(r"\.\.\.", ".+"), str(real)) is not None
    return bool(shown == real)


def compare(sap: adapter.SapAdapter, sim: Recording, command: PostingCommand) -> None:
    sim.written.clear()
    shown = sap.preview(command)
    assert sim.written == []
    assert sap.send(command).status == "confirmed"
    real = sent(sim)
    assert [step.method for step in shown] == [method for method, _, _ in real]
    for step, (_, path, body) in zip(shown, real, strict=True):
        assert same(step.address, path), (step.address, path)
        assert same(step.body, body), (step.body, body)


@pytest.mark.parametrize("name", POSTINGS)
def test_what_is_shown_is_what_is_sent(sap: adapter.SapAdapter, sim: Recording, name: str) -> None:
    if name in BEFORE:
        sap.send(posting(BEFORE[name]))
    compare(sap, sim, posting(name))


@pytest.mark.parametrize("name", ["confirmation", "scrap", "defect", "notification"])
def test_what_is_shown_of_a_reversal_is_what_is_sent(
    sap: adapter.SapAdapter, sim: Recording, name: str
) -> None:
    posted = posting(name)
    compare(sap, sim, take_back(posted, sap.send(posted).erp_number))


PUBLISHED = {
    "ProdnOrdConf2": ("OP_API_PROD_ORDER_CONFIRMATIO_2_SRV_0001.json", "API_PROD_ORDER_CONFIRMATION_2_SRV."),
    "A_MaterialDocumentHeader": ("API_MATERIAL_DOCUMENT_SRV.json", ""),
    "A_Defect": ("OP_API_DEFECT_SRV_0001.json", "API_DEFECT_SRV."),
    "A_InspectionResult": ("API_INSPECTIONLOT_SRV.json", ""),
    "MaintenanceNotification": ("OP_API_MAINTNOTIFICATION.json", "cds_api_maintnotification."),
    "MaintenanceNotificationItem": ("OP_API_MAINTNOTIFICATION.json", "cds_api_maintnotification."),
    "A_ProductionOrder_2": ("OP_API_PRODUCTION_ORDER_2_SRV_0001.json", "API_PRODUCTION_ORDER_2_SRV."),
    "A_PurchaseOrderScheduleLine": (
        "OP_API_PURCHASEORDER_PROCESS_SRV_0001.json",
        "API_PURCHASEORDER_PROCESS_SRV.",
    ),
    "A_SalesOrderScheduleLine": ("API_SALES_ORDER_SRV.json", ""),
}


def published(method: str, path: str, body: Row) -> list[str]:
    """What the published file finds wrong with one body, as it went over the line."""
    entity = path.rpartition("/")[2].partition("(")[0].replace("to_Item", "MaintenanceNotificationItem")
    file, space = PUBLISHED[entity]
    verb = "create" if method == "POST" else "update"
    schema = f"{space}{entity}Type-{verb}" if space else f"{verb.title()}{entity}"
    return sap_published.faults(file, schema, body.get("d", body))


def test_every_body_on_the_line_is_one_the_published_files_know(
    sap: adapter.SapAdapter, sim: Recording
) -> None:
    done = {"action": "complete", "work_unit": "PRESS-1", "cause_code": "WEAR", "damage_code": "BRK"}
    for name in sorted(POSTINGS, key=lambda one: one in BEFORE):
        posted = posting(name)
        assert sap.send(posted).status == "confirmed", name
        if name == "notification":
            ended = done | {"opened_by": posted.business_key, "end": clock.now().isoformat()}
            other = replace(posting("defect"), business_key="OTHEROTHEROTHER2")
            assert sap.send(replace(other, kind=posted.kind, payload=ended)).status == "confirmed"
    again = replace(posting("notification"), business_key="AGAINAGAINAGAIN2")
    assert sap.send(take_back(again, sap.send(again).erp_number)).status == "confirmed"

    real = [one for one in sent(sim) if not one[1].endswith(("CompleteMaintNotification", "Cancel"))]

    wrong = {path: found for method, path, body in real if (found := published(method, path, body))}
    assert wrong == {}
    assert len(real) == len(POSTINGS) + 4


def test_a_preview_refuses_what_is_not_mapped_and_what_is_not_offered(
    sap: adapter.SapAdapter, sim: Recording
) -> None:
    before = sim.requests
    with pytest.raises(ErpRejected) as unmapped:
        sap.preview(posting("scrap", reason_code="crack"))
    with pytest.raises(ErpRejected) as not_offered:
        sap.preview(replace(posting("scrap"), kind="cost", payload={}))
    assert (unmapped.value.code, not_offered.value.code) == ("erp.mapping_missing", "erp.not_offered")
    assert sim.requests == before


@pytest.mark.parametrize("name", ["measured", "judged"])
def test_a_result_fits_the_published_fields(sap: adapter.SapAdapter, sim: Recording, name: str) -> None:
    assert sap.send(posting(name)).status == "confirmed"
    [(_, _, body)] = sent(sim)
    assert sap_published.faults("API_INSPECTIONLOT_SRV.json", "CreateA_InspectionResult", body) == []
    assert body["InspectionResultText"].startswith(posting(name).business_key)
    assert body["InspectionValuationResult"] == ("R" if name == "measured" else "A")


@pytest.mark.parametrize(
    ("name", "changed", "code"),
    [
        ("measured", {"characteristic": "hardness"}, "erp.mapping_missing"),
        ("measured", {"work_order": "999"}, "erp.not_found"),
        ("judged", {"inspection_lot": "7"}, "erp.not_found"),
        ("judged", {"inspected": "2.5"}, "sap.unit_digits"),
        ("judged", {"value": "1", "uom": "mm"}, "sap.qualitative"),
        ("judged", {"inspector": "a name too long"}, "sap.field_length"),
    ],
)
def test_a_result_without_a_place_is_a_definite_no(
    sap: adapter.SapAdapter, sim: Recording, name: str, changed: Row, code: str
) -> None:
    outcome = sap.send(posting(name, **changed))
    assert (outcome.status, outcome.error_code) == ("rejected", code)
    assert sim.written == []


def test_a_result_for_several_open_lots_or_a_decided_one_is_for_a_person(
    sap: adapter.SapAdapter, sim: Recording
) -> None:
    lots = sim.books.tables["A_InspectionLot"]
    first = lots[("10000000000",)]
    lots[("10000000009",)] = first | {"InspectionLot": "10000000009"}
    assert sap.send(posting("measured")).error_code == "sap.several_lots"
    del lots[("10000000009",)]
    first["InspectionLotHasUsageDecision"] = True
    for name in ("measured", "judged"):
        outcome = sap.send(posting(name))
        assert (outcome.error_code, outcome.raw["drift"]) == (
            "erp.drifted",
            [{"field": "lot_status", "ours": "open", "theirs": "decided"}],
        )
    assert sim.written == []


def test_a_second_result_on_a_characteristic_stops_with_the_first_one(
    sap: adapter.SapAdapter, sim: Recording
) -> None:
    sap.send(posting("measured"))
    other = replace(posting("measured"), business_key="OTHEROTHEROTHER2")
    outcome = sap.send(other)
    assert (outcome.error_code, outcome.raw["drift"][0]["theirs"]) == ("erp.drifted", "R")
    seen = replace(other, payload=other.payload | {"seen": {"result": "R"}})
    assert sap.send(seen).error_code == "sap.result_exists"
    assert len(sim.books.tables["A_InspectionResult"]) == 1


def test_a_value_in_another_unit_than_the_plans_is_refused(sap: adapter.SapAdapter, sim: Recording) -> None:
    for row in sim.books.tables["A_InspectionCharacteristic"].values():
        row["InspectionSpecificationUnit"] = "MM"
    assert sap.send(posting("measured", uom="inch")).error_code == "erp.mapping_missing"
    assert sap.send(posting("measured", uom="m")).error_code == "sap.unit"
    assert sap.send(posting("measured")).status == "confirmed"


@pytest.mark.parametrize(
    ("kind", "original", "reason"),
    [
        ("inspection_result", {}, NO_TAKING_BACK),
        ("maintenance_notification", {"action": "complete"}, NO_REOPENING),
    ],
)
def test_what_sap_takes_back_by_no_published_means_is_said(
    sap: adapter.SapAdapter, sim: Recording, kind: str, original: Row, reason: str
) -> None:
    payload = {"reverses": "K", "reverses_kind": kind, "reason_code": "x", "original": original}
    outcome = sap.send(replace(posting("scrap"), kind="reversal", payload=payload))
    assert (outcome.status, outcome.message, sim.written) == ("local", reason, [])


def test_a_notification_somebody_took_up_is_not_withdrawn_unseen(
    sap: adapter.SapAdapter, sim: Recording
) -> None:
    posted = posting("notification")
    back = take_back(posted, sap.send(posted).erp_number)
    [row] = sim.books.tables["MaintenanceNotification"].values()
    row["NotifProcessingPhase"] = "3"

    stopped = sap.send(back)
    seen = sap.send(replace(back, payload=back.payload | {"seen": {"status": "in process"}}))

    assert stopped.raw["drift"] == [{"field": "status", "ours": "outstanding", "theirs": "in process"}]
    assert (seen.status, row["NotifProcessingPhase"]) == ("confirmed", "5")
    [item] = sim.books.tables["MaintenanceNotificationItem"].values()
    assert item["MaintNotifItemText"].startswith(f"{back.business_key} withdrawn")


def test_drift_that_was_seen_is_sent_all_the_same_and_sap_decides(
    sap: adapter.SapAdapter, sim: Recording
) -> None:
    stopped = sap.send(posting("scrap", quantity="600"))
    [drift] = stopped.raw["drift"]
    assert (drift["field"], drift["theirs"]) == ("stock", "500 there")
    seen = posting("scrap", quantity="600", seen={"stock": drift["theirs"]})
    outcome = sap.send(seen)
    # The service frames what the goods movement said; the cause is read out of the frame.
    assert (outcome.status, outcome.error_code) == ("rejected", "sap.short_stock")
    assert "M7/021" in outcome.message

    dated = replace(
        posting("order quantity"),
        payload={"target": "work_order", "number": "1000124", "old": "50", "new": "45"},
    )
    assert sap.send(dated).raw["drift"] == [{"field": "quantity", "ours": "50", "theirs": "40"}]
    accepted = replace(dated, payload=dated.payload | {"seen": {"quantity": "40"}})
    assert sap.send(accepted).status == "confirmed"


def test_a_create_names_its_request_where_sap_is_set_up_for_it_and_every_try_is_a_new_one(
    running: tuple[Recording, str], sap: adapter.SapAdapter, sim: Recording
) -> None:
    assert sap.send(posting("scrap")).status == "confirmed"
    assert not any("requestid" in one.headers for one in sim.written)
    sim.written.clear()
    usual = sim.settings
    login = {"url": running[1], "username": "SIMUSER", "password": "simulated", **MAPPED}
    naming = build(login | {"repeatable_requests": True})

    refused = naming.send(posting("transfer"))
    absent = naming.look_up(posting("transfer"))
    sim.settings = replace(usual, repeatable=True)
    taken, other = naming.send(posting("transfer")), naming.send(posting("issue"))
    sim.settings = usual
    naming.close()

    assert (refused.status, refused.error_code, absent) == ("unknown", "sap.repeat_guard", None)
    assert (taken.status, other.status) == ("confirmed", "confirmed")
    named = [one.headers["requestid"] for one in sim.written]
    assert all(re.fullmatch("[0-9A-F]{32}", name) for name in named)
    assert len(set(named)) == len(named) == 3
    assert all(one.headers["repeatabilitycreation"] for one in sim.written)


@pytest.mark.parametrize(
    ("kind", "theirs", "ok", "words"),
    [
        ("plant", "1010", True, "FG-100"),
        ("plant", "9999", False, "9999"),
        ("work_centre", "MILL-1", True, "Milling in plant 1010"),
        ("work_centre", "NONE-1", False, "NONE-1"),
        ("unit", "KG", True, "RM-3"),
        ("movement_type", "551", None, "no document"),
        ("characteristic", "1/10", True, "Bore diameter"),
        ("location", "1010/101A", None, "storage locations"),
        ("defect", "QM-E/1", None, "no document"),
        ("work_unit", "E:10000045", None, "no notification"),
        ("work_unit", "10000045", False, "E:equipment"),
        ("activity", "3", None, "no list"),
    ],
)
def test_a_mapped_code_is_tried(
    sap: adapter.SapAdapter, kind: str, theirs: str, ok: bool | None, words: str
) -> None:
    told = sap.check_code(kind, "ours", theirs)
    assert told.ok is ok
    assert words in told.said


def test_a_code_in_use_is_proven_by_the_document_that_uses_it(sap: adapter.SapAdapter) -> None:
    for name in ("scrap", "defect", "notification"):
        assert sap.send(posting(name)).status == "confirmed"
    asked = {"movement_type": "551", "reason": "0001", "defect": "QM-E/1", "location": "1010/101A"}
    asked["work_unit"] = "E:10000045"
    assert {kind: sap.check_code(kind, "", code).ok for kind, code in asked.items()} == dict.fromkeys(
        asked, True
    )


@pytest.mark.parametrize("entity", port.PULL_ENTITIES)
def test_identities_are_those_of_the_rows_read(sap: adapter.SapAdapter, entity: str) -> None:
    pages = list(sap.pull(entity))
    rows = [row for page in pages for row in page.records]
    assert rows
    assert sorted(sap.identities(entity)) == sorted(row.external_id for row in rows)
    if entity in ("items", "work_orders"):
        assert {page.total for page in pages} == {len(rows)}


def test_health_tells_the_other_clock(sap: adapter.SapAdapter) -> None:
    before = clock.now() - timedelta(seconds=2)
    told = sap.ping()
    assert told.ok
    assert told.clock is not None
    assert before <= told.clock <= clock.now() + timedelta(seconds=2)


def test_the_profile_says_what_to_do_about_every_code() -> None:
    profile = port.profile_of("sap")
    assert profile.proof == "published"
    folder = Path(adapter.__file__).parent
    raised = {
        code for path in folder.glob("*.py") for code in re.findall(r"\"(sap\.[a-z_.]+)\"", path.read_text())
    }
    assert raised - {"sap.http_"} <= set(profile.codes)
    read = {
        kind
        for path in folder.glob("*.py")
        for kind in re.findall(r"(?:mapped|pair)\(\s*\"([a-z_]+)\"", path.read_text())
    }
    assert read <= set(profile.mapping_kinds)
