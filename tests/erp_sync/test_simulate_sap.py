"""The simulated S/4HANA over real HTTP: protocol, field checks, business rules, faults.

Its pure parts are in test_simulate_sap_parts.py.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from core import clock
from erp_sync.simulators.sap.faults import Fault
from erp_sync.simulators.sap.plant import build
from erp_sync.simulators.sap.web import Settings, Simulator
from tests.sap_simulator import serving

ROOT = "/sap/opu/odata/sap/"
CONF = ROOT + "API_PROD_ORDER_CONFIRMATION_2_SRV/"
ORDER = ROOT + "API_PRODUCTION_ORDER_2_SRV/"
MATDOC = ROOT + "API_MATERIAL_DOCUMENT_SRV/"
STOCK = ROOT + "API_MATERIAL_STOCK_SRV/A_MatlStkInAcctMod"
LOGIN = ("SIMUSER", "simulated")


class Client:
    """A patient OData client: cookies kept, token fetched when needed."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(
            base_url=url, auth=LOGIN, headers={"Accept": "application/json"}, trust_env=False, timeout=60
        )
        self.token = ""

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.http.get(path, params=params or None)

    def found(self, path: str, **params: str) -> Any:
        reply = self.get(path, **params)
        assert reply.status_code == 200, reply.text
        return reply.json()["d"]

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        if not self.token:
            reply = self.http.get(CONF, headers={"X-CSRF-Token": "Fetch"})
            self.token = reply.headers["x-csrf-token"]
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, path, json=body, headers={"X-CSRF-Token": self.token, **named})

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.send("POST", path, body, **headers)

    def stock(self, material: str, place: str = "101A", kind: str = "01") -> str:
        wanted = (
            f"Material eq '{material}' and StorageLocation eq '{place}' and InventoryStockType eq '{kind}'"
        )
        rows = self.found(STOCK, **{"$filter": wanted})["results"]
        return rows[0]["MatlWrhsStkQtyInMatlBaseUnit"] if rows else "0"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Simulator, str]]:
    sim = Simulator(build)
    with serving(sim) as url:
        yield sim, url


@pytest.fixture
def sap(served: tuple[Simulator, str]) -> Iterator[Client]:
    """A client of a simulator with fresh books."""
    sim, url = served
    client = Client(url)
    assert client.http.post("/sim/reset").status_code == 200
    yield client
    client.http.close()


@pytest.fixture
def sim(served: tuple[Simulator, str]) -> Simulator:
    return served[0]


def error_of(reply: httpx.Response) -> tuple[int, str]:
    """Status and T100 code of a V2 error body, whose form is checked on the way; of a framed one the inner code."""
    error = reply.json()["error"]
    assert error["message"]["lang"] == "en"
    assert error["message"]["value"]
    details = [one["code"] for one in error["innererror"]["errordetails"]]
    assert details[-1] == error["code"]
    return reply.status_code, details[0]


def confirmation(**given: Any) -> dict[str, Any]:
    return {
        "OrderID": "1000123",
        "OrderOperation": "0010",
        "Sequence": "0",
        "ConfirmationYieldQuantity": "9",
        "ConfirmationScrapQuantity": "1",
        "ConfirmationUnit": "EA",
        "ExternalSystemConfirmation": str(uuid.uuid4()),
    } | given


def issue(**given: Any) -> dict[str, Any]:
    return {
        "Material": "RM-1",
        "Plant": "1010",
        "StorageLocation": "101A",
        "GoodsMovementType": "261",
        "EntryUnit": "EA",
        "QuantityInEntryUnit": "10",
    } | given


def document(*items: dict[str, Any], code: str = "03", **given: Any) -> dict[str, Any]:
    head = {"GoodsMovementCode": code, "ReferenceDocument": "EXC-0A1B2C3D4E5F"}
    return head | given | {"to_MaterialDocumentItem": {"results": list(items)}}


# --- protocol


def test_nobody_gets_in_without_the_right_login(sap: Client) -> None:
    assert httpx.get(str(sap.http.base_url) + CONF, trust_env=False).status_code == 401
    wrong = httpx.get(str(sap.http.base_url) + CONF, auth=("SIMUSER", "no"), trust_env=False)
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"].startswith("Basic ")


def test_a_write_needs_the_token_and_the_cookie_it_came_with(sap: Client) -> None:
    bare = sap.http.post(CONF + "ProdnOrdConf2", json=confirmation())
    assert (bare.status_code, bare.headers["x-csrf-token"]) == (403, "Required")
    token = sap.http.get(CONF, headers={"X-CSRF-Token": "Fetch"}).headers["x-csrf-token"]
    sap.http.cookies.clear()
    lost = sap.http.post(CONF + "ProdnOrdConf2", json=confirmation(), headers={"X-CSRF-Token": token})
    assert (lost.status_code, lost.headers["x-csrf-token"]) == (403, "Required")
    assert sap.found(CONF + "ProdnOrdConf2")["results"] == []


def test_an_expired_session_asks_for_a_new_token(sap: Client, sim: Simulator) -> None:
    assert sap.post(CONF + "ProdnOrdConf2", confirmation()).status_code == 201
    sim.faults.add(Fault("expire"))
    assert sap.post(CONF + "ProdnOrdConf2", confirmation()).status_code == 403
    sap.token = ""
    assert sap.post(CONF + "ProdnOrdConf2", confirmation()).status_code == 201


def test_a_change_needs_the_current_etag(sap: Client) -> None:
    path = ORDER + "A_ProductionOrder_2('1000123')"
    tag = sap.get(path).headers["etag"]
    body = {"d": {"MfgOrderPlannedEndDate": "/Date(4102444800000)/"}}
    assert error_of(sap.send("PATCH", path, body))[0] == 428
    assert error_of(sap.send("PATCH", path, body, If_Match='W/"old"'))[0] == 412
    done = sap.send("PATCH", path, body, If_Match=tag)
    assert (done.status_code, done.content) == (204, b"")
    assert error_of(sap.send("PATCH", path, body, If_Match=tag))[0] == 412
    found = sap.found(path)
    assert found["MfgOrderPlannedEndDate"] == "/Date(4102444800000)/"
    assert found["__metadata"]["etag"] == done.headers["etag"] != tag


def test_releasing_an_order_needs_the_etag_too(sap: Client) -> None:
    path = ORDER + "ReleaseOrder?ManufacturingOrder='1000124'"
    assert error_of(sap.post(path))[0] == 428
    tag = sap.get(ORDER + "A_ProductionOrder_2('1000124')").headers["etag"]
    assert sap.post(path, If_Match=tag).status_code == 200
    assert sap.found(ORDER + "A_ProductionOrder_2('1000124')")["OrderIsReleased"] == "X"


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ({"YieldQty": "9"}, "YieldQty"),
        ({"OrderOperation": "00100"}, "OrderOperation"),
        ({"ConfirmationYieldQuantity": 9}, "ConfirmationYieldQuantity"),
        ({"ConfirmationYieldQuantity": "9.0001"}, "ConfirmationYieldQuantity"),
        ({"ConfirmationYieldQuantity": "nine"}, "ConfirmationYieldQuantity"),
        ({"IsFinalConfirmation": "X"}, "IsFinalConfirmation"),
        ({"PostingDate": "2026-11-23"}, "PostingDate"),
        ({"ExternalSystemConfirmation": "EXC-1"}, "ExternalSystemConfirmation"),
        ({"to_ProdnOrdConfMatlDocItm": {"results": [{"Materiel": "RM-1"}]}}, "Materiel"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_written(
    sap: Client, given: dict[str, Any], target: str
) -> None:
    reply = sap.post(CONF + "ProdnOrdConf2", confirmation(**given))
    assert reply.status_code == 400
    assert reply.json()["error"]["innererror"]["errordetails"][0]["propertyref"] == target
    assert sap.found(CONF + "ProdnOrdConf2")["results"] == []


# --- confirmations


def test_a_confirmation_moves_goods_and_is_found_by_its_external_key(sap: Client) -> None:
    sent = confirmation(to_ProdnOrdConfMatlDocItm={"results": [issue()]})
    made = sap.post(CONF + "ProdnOrdConf2", sent).json()["d"]
    assert made["ConfirmationCount"] == "1"
    assert made["to_ProdnOrdConfMatlDocItm"]["results"][0]["MaterialDocument"] == "4900000001"
    assert sap.stock("RM-1") == "490"
    key = f"ExternalSystemConfirmation eq guid'{sent['ExternalSystemConfirmation']}'"
    found = sap.found(CONF + "ProdnOrdConf2", **{"$filter": key})["results"]
    assert [row["ConfirmationYieldQuantity"] for row in found] == ["9"]
    part = sap.found(ORDER + "A_ProductionOrder_2('1000123')", **{"$expand": "to_ProductionOrderComponent"})
    withdrawn = [row["WithdrawnQuantity"] for row in part["to_ProductionOrderComponent"]["results"]]
    assert withdrawn == ["10", "0"]


def test_a_cancelled_confirmation_gives_back_everything_once(sap: Client) -> None:
    sent = confirmation(to_ProdnOrdConfMatlDocItm={"results": [issue()]}, IsFinalConfirmation=True)
    made = sap.post(CONF + "ProdnOrdConf2", sent).json()["d"]
    assert error_of(sap.post(CONF + "ProdnOrdConf2", confirmation())) == (400, "RU/904")
    path = (
        f"{CONF}CancelProdnOrdConf?ConfirmationGroup='{made['ConfirmationGroup']}'"
        f"&ConfirmationCount='{made['ConfirmationCount']}'"
    )
    back = sap.post(path).json()["d"]
    assert (back["IsReversal"], back["ConfirmationCount"]) == (True, "2")
    assert sap.stock("RM-1") == "500"
    assert error_of(sap.post(path)) == (400, "RU/908")
    assert sap.stock("RM-1") == "500"
    assert sap.post(CONF + "ProdnOrdConf2", confirmation()).status_code == 201


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"OrderID": "999"}, "CO/901"),
        ({"OrderID": "1000124"}, "RU/901"),
        ({"OrderID": "1000510"}, "RU/494"),
        ({"OrderOperation": "0099"}, "RU/903"),
        ({"ConfirmationYieldQuantity": "111"}, "RU/905"),
        ({"ConfirmationYieldQuantity": "0", "ConfirmationScrapQuantity": "0"}, "RU/906"),
        ({"PostingDate": "/Date(1262304000000)/"}, "M7/053"),
        ({"to_ProdnOrdConfMatlDocItm": {"results": [issue(QuantityInEntryUnit="501")]}}, "M7/021"),
        ({"to_ProdnOrdConfMatlDocItm": {"results": [issue(Material="NO")]}}, "M3/305"),
        ({"to_ProdnOrdConfMatlDocItm": {"results": [issue(Plant="1020", Material="RM-2")]}}, "M3/351"),
    ],
)
def test_a_refused_confirmation_leaves_no_trace(sap: Client, given: dict[str, Any], code: str) -> None:
    assert error_of(sap.post(CONF + "ProdnOrdConf2", confirmation(**given))) == (400, code)
    assert sap.found(CONF + "ProdnOrdConf2")["results"] == []
    assert sap.found(MATDOC + "A_MaterialDocumentHeader")["results"] == []
    assert sap.stock("RM-1") == "500"


def test_numbers_are_taken_with_their_leading_zeros_and_shown_without(sap: Client) -> None:
    made = sap.post(CONF + "ProdnOrdConf2", confirmation(OrderID="000001000123")).json()["d"]
    assert (made["OrderID"], made["ConfirmationGroup"], made["ConfirmationCount"]) == ("1000123", "100", "1")
    key = "ConfirmationGroup='0000000100',ConfirmationCount='00000001'"
    assert sap.found(f"{CONF}ProdnOrdConf2({key})")["OrderID"] == "1000123"
    found = sap.found(CONF + "ProdnOrdConf2", **{"$filter": "OrderID eq '000001000123'"})["results"]
    assert len(found) == 1


def test_proposals_say_what_is_left_and_what_it_takes(sap: Client) -> None:
    sap.post(CONF + "ProdnOrdConf2", confirmation())
    asked = "OrderID='1000123'&OrderOperation='0010'&Sequence='0'"
    left = sap.post(f"{CONF}GetConfProposal?{asked}").json()["d"]
    assert (left["ConfirmationYieldQuantity"], left["ConfirmationGroup"]) == ("91", "100")
    takes = sap.post(f"{CONF}GetGdsMvtProposal?{asked}&ConfirmationYieldQuantity=9.5M").json()["d"]["results"]
    assert [(row["Material"], row["QuantityInEntryUnit"]) for row in takes] == [("RM-1", "9.5")]
    assert len(sap.found(CONF + "ProdnOrdConf2")["results"]) == 1


def test_an_order_somebody_else_holds_is_refused_until_it_is_free(sap: Client) -> None:
    sap.http.post("/sim/locks", json={"object": "order:1000123", "user": "MILLER"})
    reply = sap.post(CONF + "ProdnOrdConf2", confirmation())
    assert error_of(reply) == (400, "CO/902")
    assert "MILLER" in reply.json()["error"]["message"]["value"]
    sap.http.request("DELETE", "/sim/locks")
    assert sap.post(CONF + "ProdnOrdConf2", confirmation()).status_code == 201


# --- material documents


def test_block_and_scrap_move_between_the_stock_types(sap: Client) -> None:
    block = document(issue(GoodsMovementType="344", IssuingOrReceivingStorageLoc="101A"), code="04")
    assert sap.post(MATDOC + "A_MaterialDocumentHeader", block).status_code == 201
    assert (sap.stock("RM-1"), sap.stock("RM-1", kind="07")) == ("490", "10")
    scrap = document(issue(GoodsMovementType="555", QuantityInEntryUnit="4"))
    made = sap.post(MATDOC + "A_MaterialDocumentHeader", scrap).json()["d"]
    assert (sap.stock("RM-1"), sap.stock("RM-1", kind="07")) == ("490", "6")
    year, number = made["MaterialDocumentYear"], made["MaterialDocument"]
    path = f"{MATDOC}Cancel?MaterialDocumentYear='{year}'&MaterialDocument='{number}'"
    assert sap.post(path).status_code == 200
    assert sap.stock("RM-1", kind="07") == "10"
    assert error_of(sap.post(path)) == (400, "M7/903")


def test_a_document_is_all_or_nothing(sap: Client) -> None:
    body = document(issue(GoodsMovementType="551"), issue(GoodsMovementType="551", QuantityInEntryUnit="491"))
    assert error_of(sap.post(MATDOC + "A_MaterialDocumentHeader", body)) == (400, "M7/021")
    assert sap.stock("RM-1") == "500"


def test_a_receipt_beyond_the_purchase_order_is_refused(sap: Client) -> None:
    line = issue(
        GoodsMovementType="101",
        GoodsMovementRefDocType="B",
        PurchaseOrder="4500000001",
        PurchaseOrderItem="10",
    )
    first = document(line | {"QuantityInEntryUnit": "290"}, code="01")
    assert sap.post(MATDOC + "A_MaterialDocumentHeader", first).status_code == 201
    second = document(line | {"QuantityInEntryUnit": "11"}, code="01")
    assert error_of(sap.post(MATDOC + "A_MaterialDocumentHeader", second)) == (400, "M7/022")
    assert sap.stock("RM-1") == "790"
    framed = sap.post(MATDOC + "A_MaterialDocumentHeader", second).json()["error"]
    assert framed["code"] == "MM_IM_ODATA_API_MDOC/014"
    bare = document(line | {"GoodsMovementRefDocType": "", "QuantityInEntryUnit": "1"}, code="01")
    assert error_of(sap.post(MATDOC + "A_MaterialDocumentHeader", bare)) == (400, "MM_IM_ODATA_API_MDOC/011")
    wanted = "startswith(ReferenceDocument,'EXC-') and GoodsMovementCode eq '01'"
    found = sap.found(
        MATDOC + "A_MaterialDocumentHeader", **{"$filter": wanted, "$select": "MaterialDocument"}
    )
    assert len(found["results"]) == 1


def test_a_batch_managed_material_asks_for_its_batch(sap: Client) -> None:
    line = issue(GoodsMovementType="551", Material="RM-3", EntryUnit="KG")
    assert error_of(sap.post(MATDOC + "A_MaterialDocumentHeader", document(line))) == (400, "M7/905")
    done = sap.post(MATDOC + "A_MaterialDocumentHeader", document(line | {"Batch": "B0001"}))
    assert done.status_code == 201
    assert sap.stock("RM-3") == "70"


# --- quality, maintenance, schedule lines


def test_defects_results_and_notifications(sap: Client) -> None:
    defects = ROOT + "API_DEFECT_SRV/A_Defect"
    body = {
        "DefectCodeGroup": "QM-E",
        "DefectCode": "1",
        "ManufacturingOrder": "1000123",
        "DefectText": "burr",
    }
    made = sap.post(defects, body)
    assert made.status_code == 201
    assert error_of(sap.post(defects, body | {"DefectCode": "7"})) == (400, "QE/901")
    path = f"{defects}('{made.json()['d']['DefectInternalID']}')"
    assert (
        sap.send("PATCH", path, {"DefectText": "deep burr"}, If_Match=made.headers["etag"]).status_code == 204
    )
    assert sap.found(path)["DefectText"] == "deep burr"

    result = {
        "InspectionLot": "10000000000",
        "InspPlanOperationInternalID": "00000001",
        "InspectionCharacteristic": "0010",
        "InspectionValuationResult": "R",
        "InspResultFrmtdMeanValue": "25.3",
    }
    results = ROOT + "API_INSPECTIONLOT_SRV/A_InspectionResult"
    result["InspResultFrmtdMeanValue"] = "25.3"
    assert error_of(sap.post(results, result | {"InspResultFrmtdMeanValue": ""})) == (400, "QE/901")
    assert error_of(sap.post(results, result | {"InspectionValuationResult": "X"})) == (400, "QE/901")
    assert sap.post(results, result).status_code == 201
    assert error_of(sap.post(results, result)) == (400, "QE/901")
    assert sap.post(f"{results}Value", result).status_code == 405

    notes = ROOT + "API_MAINTNOTIFICATION/"
    note = {
        "NotificationText": "spindle noisy",
        "NotificationType": "M2",
        "TechnicalObject": "10000045",
        "TechObjIsEquipOrFuncnlLoc": "EAMS_EQUI",
        "MaintNotifExtReferenceNumber": "EXC-1",
        "to_Item": {"results": [{"MaintNotifItemText": "bearing"}]},
    }
    made = sap.post(notes + "MaintenanceNotification", note)
    number = made.json()["d"]["MaintenanceNotification"]
    assert len(made.json()["d"]["to_Item"]["results"]) == 1
    assert error_of(sap.post(notes + "MaintenanceNotification", note | {"TechnicalObject": "0"})) == (
        400,
        "IM/902",
    )
    items = f"{notes}MaintenanceNotification('{number}')/to_Item"
    second = {
        "MaintNotifItemText": "seal",
        "to_ItemCause": {"results": [{"MaintNotifCauseText": "worn"}]},
    }
    assert sap.post(items, second).status_code == 201
    assert [one["MaintNotifItemText"] for one in sap.found(items)["results"]] == ["bearing", "seal"]
    causes = f"{notes}MaintenanceNotificationItem(MaintenanceNotification='{number}',MaintenanceNotificationItem='2')"
    assert sap.found(f"{causes}/to_ItemCause")["results"][0]["MaintNotifCauseText"] == "worn"
    complete = f"{notes}CompleteMaintNotification?MaintenanceNotification='{number}'"
    assert sap.post(complete).status_code == 200
    assert error_of(sap.post(complete)) == (400, "IM/901")
    assert error_of(sap.post(items, {"MaintNotifItemText": "late"})) == (400, "IM/901")


def test_schedule_lines_take_a_new_date_and_a_quantity_not_below_the_delivered(sap: Client) -> None:
    path = (
        ROOT + "API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrderScheduleLine"
        "(PurchasingDocument='4500000001',PurchasingDocumentItem='00010',ScheduleLine='0001')"
    )
    receipt = issue(
        GoodsMovementType="101",
        GoodsMovementRefDocType="B",
        PurchaseOrder="4500000001",
        PurchaseOrderItem="10",
    )
    assert sap.post(MATDOC + "A_MaterialDocumentHeader", document(receipt, code="01")).status_code == 201
    low = {"ScheduleLineOrderQuantity": "9"}
    assert error_of(sap.send("PATCH", path, low, If_Match=sap.get(path).headers["etag"])) == (400, "06/903")
    new = {"ScheduleLineDeliveryDate": "/Date(4102444800000)/", "ScheduleLineOrderQuantity": "250"}
    assert sap.send("PATCH", path, new, If_Match=sap.get(path).headers["etag"]).status_code == 204
    item = "API_PURCHASEORDER_PROCESS_SRV/A_PurchaseOrderItem(PurchaseOrder='4500000001',PurchaseOrderItem='00010')"
    assert sap.found(ROOT + item)["OrderQuantity"] == "250"

    sale = (
        ROOT
        + "API_SALES_ORDER_SRV/A_SalesOrderScheduleLine(SalesOrder='10',SalesOrderItem='10',ScheduleLine='1')"
    )
    body = {"ConfirmedDeliveryDate": "/Date(4102444800000)/"}
    assert error_of(sap.send("PATCH", sale, body))[0] == 428
    assert sap.send("PATCH", sale, body, If_Match=sap.get(sale).headers["etag"]).status_code == 204


# --- reads


def test_pages_follow_each_other_until_all_is_read(served: tuple[Simulator, str]) -> None:
    with serving(Simulator(build, Settings(page_size=3))) as url:
        client = Client(url)
        page = client.found(
            ROOT + "API_PRODUCT_SRV/A_Product", **{"$orderby": "Product desc", "$select": "Product"}
        )
        assert [row["Product"] for row in page["results"]] == ["RM-3", "RM-2", "RM-1"]
        rest = client.http.get(page["__next"]).json()["d"]
        assert [row["Product"] for row in rest["results"]] == ["FG-100"]
        assert "__next" not in rest


def test_what_is_asked_wrongly_is_refused(sap: Client) -> None:
    for params in (
        {"$filter": "Prodct eq 'A'"},
        {"$filter": "Product eq 'A' and"},
        {"$top": "many"},
        {"$select": "Nope"},
        {"$expand": "to_Nope"},
        {"$fliter": "x"},
    ):
        assert error_of(sap.get(ROOT + "API_PRODUCT_SRV/A_Product", **params))[0] == 400, params
    assert error_of(sap.get(ROOT + "API_QUALITYNOTIFICATION_SRV/A_QualityNotification"))[0] == 403
    assert error_of(sap.get(ORDER + "A_ProductionOrder_2('7')"))[0] == 404


def test_work_centres_speak_v4(sap: Client) -> None:
    path = "/sap/opu/odata4/sap/api_work_center/srvd_a2x/sap/workcenter/0001/WorkCenterHeader"
    found = sap.get(path, **{"$filter": "Plant eq '1010'", "$top": "1"}).json()
    assert [row["WorkCenter"] for row in found["value"]] == ["MILL-1"]
    wrong = sap.get(path, **{"$filter": "Werk eq '1010'"}).json()["error"]
    assert isinstance(wrong["message"], str)
    assert wrong["target"] == "Werk"


def test_metadata_names_what_is_served(sap: Client) -> None:
    text = sap.get(CONF + "$metadata").text
    assert '<Property Name="ConfirmationYieldQuantity" Type="Edm.Decimal" Precision="13" Scale="3"/>' in text


# --- batch


def batch_of(*changes: tuple[str, dict[str, Any]], reads: tuple[str, ...] = ()) -> bytes:
    lines = ["--B", "Content-Type: multipart/mixed; boundary=C", ""]
    for number, (path, body) in enumerate(changes, start=1):
        lines += ["--C", "Content-Type: application/http", "Content-Transfer-Encoding: binary"]
        lines += [f"Content-ID: {number}", "", f"POST {path} HTTP/1.1", "Content-Type: application/json", ""]
        lines += [json.dumps(body)]
    lines += ["--C--", ""]
    for path in reads:
        lines += [
            "--B",
            "Content-Type: application/http",
            "",
            f"GET {path} HTTP/1.1",
            "Accept: application/json",
            "",
            "",
        ]
    return "\r\n".join([*lines, "--B--", ""]).encode()


def send_batch(sap: Client, body: bytes) -> httpx.Response:
    sap.send("HEAD", CONF)
    headers = {"X-CSRF-Token": sap.token, "Content-Type": "multipart/mixed; boundary=B"}
    return sap.http.post(CONF + "$batch", content=body, headers=headers)


def test_a_changeset_is_all_or_nothing(sap: Client) -> None:
    good, bad = confirmation(), confirmation(OrderID="1000510")
    refused = send_batch(sap, batch_of(("ProdnOrdConf2", good), ("ProdnOrdConf2", bad)))
    assert refused.status_code == 202
    assert refused.text.count("HTTP/1.1 400") == 1
    assert "RU/494" in refused.text
    assert "HTTP/1.1 201" not in refused.text
    assert sap.found(CONF + "ProdnOrdConf2")["results"] == []
    done = send_batch(
        sap,
        batch_of(("ProdnOrdConf2", good), ("ProdnOrdConf2", confirmation()), reads=("ProdnOrdConf2?$top=1",)),
    )
    assert (done.text.count("HTTP/1.1 201"), done.text.count("HTTP/1.1 200")) == (2, 1)
    assert "Content-ID: 2" in done.text
    assert len(sap.found(CONF + "ProdnOrdConf2")["results"]) == 2


# --- faults


def test_a_dropped_answer_had_its_effect(sap: Client) -> None:
    assert sap.http.post(
        "/sim/faults", json={"kind": "drop", "match": "ProdnOrdConf2", "method": "POST"}
    ).is_success
    sap.send("HEAD", CONF)
    with pytest.raises(httpx.RemoteProtocolError):
        sap.post(CONF + "ProdnOrdConf2", confirmation())
    assert len(sap.found(CONF + "ProdnOrdConf2")["results"]) == 1


def test_trouble_before_the_effect_leaves_nothing(sap: Client, sim: Simulator) -> None:
    sap.send("HEAD", CONF)
    for fault, status in ((Fault("before", status=502), 502), (Fault("throttle", seconds=7), 429)):
        sim.faults.add(fault)
        reply = sap.post(CONF + "ProdnOrdConf2", confirmation())
        assert reply.status_code == status
    assert reply.headers["retry-after"] == "7"
    assert sap.found(CONF + "ProdnOrdConf2")["results"] == []


def test_a_late_answer_is_in_the_books_before_it_comes(sap: Client, sim: Simulator) -> None:
    sap.send("HEAD", CONF)
    sim.faults.add(Fault("late", seconds=600))
    with pytest.raises(httpx.ReadTimeout):
        sap.http.post(
            CONF + "ProdnOrdConf2", json=confirmation(), headers={"X-CSRF-Token": sap.token}, timeout=0.5
        )
    assert len(sap.found(CONF + "ProdnOrdConf2")["results"]) == 1


def test_a_wrong_switch_is_refused(sap: Client) -> None:
    assert sap.http.post("/sim/faults", json={"kind": "explode"}).status_code == 400
    assert sap.http.post("/sim/faults", json={"kind": "drop", "times": "3"}).status_code == 400
    assert sap.http.get("/sim/state").json()["faults"] == []


def test_a_repeated_request_is_answered_as_the_first_where_switched_on() -> None:
    with serving(Simulator(build, Settings(repeatable=True))) as url:
        client = Client(url)
        told = {"RequestID": "A" * 32, "RepeatabilityCreation": clock.now().isoformat()}
        body = confirmation()
        first = client.post(CONF + "ProdnOrdConf2", body, **told)
        second = client.post(CONF + "ProdnOrdConf2", body, **told)
        assert (first.status_code, first.headers["repeatabilityresult"]) == (201, "accepted")
        assert second.json() == first.json()
        assert len(client.found(CONF + "ProdnOrdConf2")["results"]) == 1
