"""B2MML V0700: every message fits MESA's own schema, every answer is read safely, files and HTTP mean the same."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import time_machine

from erp_sync.adapters import port
from erp_sync.adapters.b2mml import B2mmlDropAdapter, B2mmlHttpAdapter, messages, xml
from erp_sync.adapters.webhook.signing import headers_for
from erp_sync.canonical import KINDS
from erp_sync.errors import ErpRejected
from tests.shared_data import shared

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
KEY = "ABCDEFGHIJKLMNOP"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MOVE = {"item": "FG-100", "quantity": "3", "uom": "EA", "lot": "L-7", "site": "RHF"}
PAYLOADS: dict[str, dict[str, Any]] = {
    "confirmation": {
        "work_order": "WO-1", "operation": "20", "yield_qty": "9", "scrap_qty": "1", "rework_qty": "2", "uom": "EA",
        "setup_minutes": "5", "machine_minutes": "30", "labour_minutes": "40", "crew": 2, "final": True,
        "start": "2026-11-03T10:00:00+00:00", "end": "2026-11-03T11:00:00+00:00", "work_centre": "MILL",
        "work_unit": "MILL-1", "lot": "L-7", "variance_reason": "V1", "site": "RHF",
    },
    "movement.issue": MOVE | {"work_order": "WO-1", "from_location": "A-01", "substitute_for": "FG-099"},
    "movement.receipt": MOVE | {"purchase_order": "PO-1", "po_line": "10", "to_location": "A-01"},
    "movement.scrap": MOVE | {"reason_code": "BROKEN", "from_location": "A-01"},
    "movement.block": MOVE | {"from_status": "free", "to_status": "blocked", "reason_code": "CRACK"},
    "movement.unblock": MOVE | {"from_status": "blocked", "to_status": "free"},
    "movement.transfer": MOVE | {"from_location": "A-01", "to_location": "B-02"},
    "movement.return": MOVE | {"to": "supplier", "purchase_order": "PO-1", "po_line": "10", "rma": "R-5"},
    "quality_event": {
        "action": "complete", "quantity": "3", "item": "FG-100", "lot": "L-7", "defect_code": "CRACK",
        "disposition": "rework", "opened_by": "QQQQ", "severity": "major", "site": "RHF",
    },
    "inspection_result": {
        "characteristic": "DIA-1", "verdict": "rejected", "lot": "L-7", "item": "FG-100", "inspection_lot": "IL-9",
        "value": "25.07", "uom": "mm", "lower_limit": "24.95", "upper_limit": "25.05", "inspected": "5",
        "nonconforming": "1", "inspector": "E-17", "site": "RHF",
    },
    "maintenance_notification": {
        "action": "open", "work_unit": "MILL-1", "breakdown": True, "start": "2026-11-03T10:00:00+00:00",
        "priority": 1, "damage_code": "LEAK", "site": "RHF",
    },
    "change.date": {"target": "po_line", "number": "PO-1", "line": "10", "which": "promised", "new": "2026-12-01"},
    "change.quantity": {"target": "work_order", "number": "WO-1", "old": "10", "new": "12", "uom": "EA"},
    "change.cancel": {"target": "so_line", "number": "SO-1", "line": "10", "scope": "line"},
    "operation.move": {"work_order": "WO-1", "operation": "20", "to_unit": "MILL-2", "from_unit": "MILL-1"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def command(
    kind: str, payload: dict[str, Any] | None = None, text: str = "EX-2026-000001"
) -> port.PostingCommand:
    return port.PostingCommand(kind, KEY, payload or PAYLOADS[kind], NOON, date(2026, 11, 3), text)


def reversal(kind: str) -> port.PostingCommand:
    said = {
        "reverses": "ORIGINALKEY00000",
        "reverses_kind": kind,
        "reason_code": "WRONG",
        "original": PAYLOADS[kind],
    }
    return command("reversal", said)


@lru_cache(maxsize=1)
def schema() -> Any:
    found = shared("b2mml", "Schema", "AllSchemas.xsd")
    etree = pytest.importorskip("lxml.etree", reason="lxml validates against the MESA schemas")
    return etree.XMLSchema(etree.parse(str(found)))


def valid(content: bytes) -> None:
    from lxml import etree

    schema().assertValid(etree.fromstring(content))


def texts(content: bytes, path: str) -> list[str]:
    return [one.text or "" for one in xml.every(xml.read(content), path)]


@pytest.mark.parametrize("kind", sorted(messages.TAKEN))
def test_every_message_fits_the_published_schema(kind: str) -> None:
    schema()
    sparse = {name: PAYLOADS[kind][name] for name in PAYLOADS[kind] if name in KINDS[kind].REQUIRED}

    valid(messages.write(command(kind)))
    valid(messages.write(command(kind, sparse, text=""), 3))


def test_the_schema_check_finds_a_wrong_order() -> None:
    fits = schema()
    from lxml import etree

    said = messages.write(command("movement.scrap")).decode()
    start = said.index("<MaterialUse")
    end = said.index("</MaterialUse>") + len("</MaterialUse>")
    wrong = said[:start] + said[end:].replace("</Quantity>", "</Quantity>" + said[start:end], 1)

    assert not fits.validate(etree.fromstring(wrong.encode()))


@pytest.mark.parametrize("kind", sorted(messages.TAKEN_BACK))
def test_every_reversal_fits_the_published_schema(kind: str) -> None:
    schema()
    content = messages.write(reversal(kind))

    valid(content)
    assert xml.name_of(xml.read(content)).startswith("Cancel")
    assert b"ORIGINALKEY00000" in content


@pytest.mark.parametrize("kind", sorted(messages.TAKEN))
def test_nothing_of_a_payload_is_lost_on_the_way(kind: str) -> None:
    said = messages.write(command(kind)).decode()

    for name, value in PAYLOADS[kind].items():
        if not isinstance(value, bool):
            assert f">{value}<" in said, name


def test_a_confirmation_says_what_was_made_where_and_with_whom() -> None:
    content = messages.write(command("confirmation"))

    segment = "DataArea/OperationsPerformance/OperationsResponse/SegmentResponse"
    assert texts(content, "ApplicationArea/BODID") == [KEY]
    assert texts(content, "DataArea/OperationsPerformance/OperationsResponse/OperationsRequestID") == ["WO-1"]
    assert texts(content, "DataArea/OperationsPerformance/OperationsResponse/ResponseState") == ["Completed"]
    assert texts(content, f"{segment}/ProcessSegmentID") == ["20"]
    assert texts(content, f"{segment}/EquipmentActual/EquipmentID") == ["MILL", "MILL-1"]
    assert texts(content, f"{segment}/MaterialActual/Quantity/QuantityString") == ["9", "1", "2"]
    uses = list(xml.every(xml.read(content), f"{segment}/MaterialActual/MaterialUse"))
    assert [(one.text, one.get("OtherValue")) for one in uses] == [
        ("Produced", None), ("Other", "Scrap"), ("Other", "Rework"),
    ]  # fmt: skip
    assert texts(content, f"{segment}/PersonnelActual/Quantity/QuantityString") == ["40"]


def test_a_transfer_names_both_places() -> None:
    content = messages.write(command("movement.transfer"))

    material = "DataArea/OperationsPerformance/OperationsResponse/SegmentResponse/MaterialActual"
    assert texts(content, "DataArea/OperationsPerformance/OperationsType") == ["Inventory"]
    assert texts(content, f"{material}/ID") == ["from", "to"]
    assert texts(content, f"{material}/StorageLocation/Location") == ["A-01", "B-02"]


def test_characters_xml_cannot_carry_do_not_spoil_a_message() -> None:
    said = messages.write(command("movement.scrap", text="a\x00b <&> \ud800 \uffff ü"))

    assert texts(said, "DataArea/OperationsPerformance/OperationsResponse/Description") == ["ab <&>   ü"]


def confirm(*ids: str, code: str = "Accepted", note: str = "MD-77", reason: str = "") -> bytes:
    bods = "".join(
        f"<BOD><OriginalApplicationArea><CreationDateTime>2026-11-03T12:00:00Z</CreationDateTime><BODID>{one}</BODID>"
        f"</OriginalApplicationArea>{f'<Note>{note}</Note>' if note else ''}</BOD>"
        for one in ids
    )
    why = f"<ReasonCode>{reason}</ReasonCode><Reason>order closed</Reason>" if reason else ""
    return (
        f'<ConfirmBOD xmlns="{xml.NAMESPACE}"><ApplicationArea><CreationDateTime>2026-11-03T12:00:05Z'
        "</CreationDateTime></ApplicationArea><DataArea><Confirm><ResponseCriteria>"
        f'<ResponseExpression actionCode="{code}">.</ResponseExpression><ChangeStatus>{why}</ChangeStatus>'
        f"</ResponseCriteria></Confirm>{bods}</DataArea></ConfirmBOD>"
    ).encode()


def test_the_answers_we_ask_for_fit_the_schema_too() -> None:
    schema()
    valid(confirm(KEY))
    valid(confirm(KEY, "OTHER", code="Rejected", note="", reason="E7"))


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Any]:
    for name in ("out", "in", "pull"):
        (tmp_path / name).mkdir()
    return {name: str(tmp_path / name) for name in ("out", "in", "pull")} | {"quiet_seconds": 0}


@pytest.fixture
def drop(folders: dict[str, Any]) -> port.ErpAdapter:
    return port.build("b2mml", folders)


def test_a_dropped_message_is_confirmed_by_its_bod(drop: port.ErpAdapter, folders: dict[str, Any]) -> None:
    assert isinstance(drop, B2mmlDropAdapter)
    sent = drop.send(command("movement.scrap"))
    (Path(folders["in"]) / "c.xml").write_bytes(confirm(KEY))

    found = drop.look_up(command("movement.scrap"))

    assert sent.error_code == "filedrop.waiting"
    assert [one.name for one in Path(folders["out"]).glob("*.xml")] == [f"{KEY}.xml"]
    assert found is not None
    assert (found.status, found.erp_number) == ("confirmed", "MD-77")
    assert found.confirmed_at == datetime(2026, 11, 3, 12, 0, 5, tzinfo=UTC)


def test_a_refusal_names_its_reason_and_the_next_try_another_bodid(
    drop: port.ErpAdapter, folders: Any
) -> None:
    drop.send(command("movement.scrap"))
    (Path(folders["in"]) / "c.xml").write_bytes(confirm(KEY, code="Rejected", note="", reason="E7"))
    found = drop.look_up(command("movement.scrap"))
    assert found is not None
    assert (found.status, found.error_code, found.message) == ("rejected", "E7", "order closed")

    drop.send(command("movement.scrap"))
    second = (Path(folders["out"]) / f"{KEY}-2.xml").read_bytes()
    (Path(folders["in"]) / "d.xml").write_bytes(confirm(f"{KEY}-2"))
    again = drop.look_up(command("movement.scrap"))

    assert texts(second, "ApplicationArea/BODID") == [f"{KEY}-2"]
    assert again is not None
    assert again.status == "confirmed"


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><ConfirmBOD xmlns="'
    + xml.NAMESPACE.encode()
    + b'">&b;</ConfirmBOD>'
)
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ConfirmBOD>&a;</ConfirmBOD>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (BOMB, "b2mml.unreadable"),
        (OUTSIDE, "b2mml.unreadable"),
        (OUTSIDE.decode().encode("utf-16"), "b2mml.unreadable"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x/>', "b2mml.unreadable"),
        (b"<ConfirmBOD", "b2mml.unreadable"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "b2mml.unreadable"),
        (b"\xff\xfe", "b2mml.unreadable"),
        (b"", "b2mml.unreadable"),
        (b"<ConfirmBOD/>", "b2mml.namespace"),
        (f'<Other xmlns="{xml.NAMESPACE}"/>'.encode(), "b2mml.not_confirm"),
        (confirm(), "erp.acknowledgement_empty"),
        (confirm(""), "erp.acknowledgement_key"),
        (confirm(KEY, code="Maybe"), "erp.acknowledgement_status"),
        (confirm(KEY, note=""), "erp.acknowledgement_number"),
    ],
)
def test_an_answer_that_is_unsafe_or_says_nothing_is_kept_aside(
    drop: port.ErpAdapter, folders: dict[str, Any], content: bytes, code: str
) -> None:
    drop.send(command("movement.scrap"))
    (Path(folders["in"]) / "c.xml").write_bytes(content)

    found = drop.look_up(command("movement.scrap"))

    aside = Path(folders["in"]) / ".aside"
    assert (aside / "c.xml").read_bytes() == content
    assert [row["code"] for row in json.loads((aside / "c.xml.error.json").read_text())["rows"]] == [code]
    assert found is not None
    assert found.status == "unknown"


def test_a_message_past_the_limit_is_not_parsed() -> None:
    with pytest.raises(ErpRejected, match="at most 10 bytes"):
        xml.read(confirm(KEY), 10)


def test_what_b2mml_has_no_message_for_stays_here(drop: port.ErpAdapter, folders: dict[str, Any]) -> None:
    money = {"amount": "10", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
    taken_back = {"reverses": "X", "reverses_kind": "change.date", "reason_code": "W"}

    assert drop.send(command("cost", money)).status == "local"
    assert "does not say what was before" in drop.send(command("reversal", taken_back)).message
    cancelled = taken_back | {"reverses_kind": "change.cancel"}
    assert drop.send(command("reversal", cancelled)).message == "B2MML can't take back a change.cancel"
    assert drop.send(command("movement.scrap", MOVE)).error_code == "erp.payload"
    assert list(Path(folders["out"]).glob("*.xml")) == []
    assert set(drop.capabilities()) == set(KINDS)


MATERIAL = f"""<ShowMaterialDefinition xmlns="{xml.NAMESPACE}" releaseID="7.0"><ApplicationArea>
<CreationDateTime>2026-11-03T12:00:00Z</CreationDateTime></ApplicationArea><DataArea><Show/>
<MaterialDefinition><ID>FG-100</ID><Description>Flange</Description><MaterialDefinitionProperty><ID>UOM</ID>
<Value><ValueString>pcs</ValueString></Value></MaterialDefinitionProperty></MaterialDefinition>
<MaterialDefinition><ID>RM-1</ID></MaterialDefinition></DataArea></ShowMaterialDefinition>"""
EQUIPMENT = f"""<ShowEquipment xmlns="{xml.NAMESPACE}" releaseID="7.0"><ApplicationArea>
<CreationDateTime>2026-11-03T12:00:00Z</CreationDateTime></ApplicationArea><DataArea><Show/>
<Equipment><ID>AREA-1</ID><EquipmentLevel>Area</EquipmentLevel><EquipmentChild><ID>MILL</ID>
<Description>Milling</Description><HierarchyScope><EquipmentID>RHF</EquipmentID><EquipmentLevel>Site</EquipmentLevel>
</HierarchyScope><EquipmentLevel>WorkCenter</EquipmentLevel></EquipmentChild></Equipment></DataArea></ShowEquipment>"""
SCHEDULE = f"""<ShowOperationsSchedule xmlns="{xml.NAMESPACE}" releaseID="7.0"><ApplicationArea>
<CreationDateTime>2026-11-03T12:00:00Z</CreationDateTime></ApplicationArea><DataArea><Show/><OperationsSchedule>
<ID>S-1</ID><OperationsRequest><ID>WO-1</ID><StartTime>2026-11-04T06:00:00Z</StartTime>
<EndTime>2026-11-05T06:00:00Z</EndTime><SegmentRequirement><ID>10</ID><ProcessSegmentID>Mill</ProcessSegmentID>
<OperationsDefinitionID>D</OperationsDefinitionID><OperationsSegmentID>O</OperationsSegmentID><EquipmentRequirement>
<ID>e</ID><EquipmentID>MILL</EquipmentID></EquipmentRequirement><MaterialRequirement><ID>m</ID>
<MaterialDefinitionID>FG-100</MaterialDefinitionID><MaterialUse>Produced</MaterialUse><Quantity>
<QuantityString>10</QuantityString></Quantity></MaterialRequirement></SegmentRequirement></OperationsRequest>
</OperationsSchedule></DataArea></ShowOperationsSchedule>"""


def test_material_equipment_and_schedule_are_read_once(
    drop: port.ErpAdapter, folders: dict[str, Any]
) -> None:
    for name, said in (("items", MATERIAL), ("work_centres", EQUIPMENT), ("work_orders", SCHEDULE)):
        (Path(folders["pull"]) / f"{name}-1.xml").write_text(said)

    (items,) = drop.pull("items")
    (centres,) = drop.pull("work_centres")
    (orders,) = drop.pull("work_orders")

    assert [(one.code, one.data) for one in items.records] == [
        ("FG-100", {"name": "Flange", "uom": "pcs"}), ("RM-1", {}),
    ]  # fmt: skip
    assert [(one.code, one.data) for one in centres.records] == [("MILL", {"name": "Milling", "site": "RHF"})]
    (order,) = orders.records
    assert (order.code, order.data["item"], order.data["quantity"]) == ("WO-1", "FG-100", "10")
    assert order.data["operations"] == [{"number": "10", "work_centre": "MILL", "name": "Mill"}]
    assert list(drop.pull("items", items.watermark)) == []


@pytest.mark.parametrize("said", [MATERIAL, EQUIPMENT, SCHEDULE])
def test_what_we_read_in_these_tests_fits_the_schema(said: str) -> None:
    schema()
    valid(said.encode())


def test_an_unsafe_file_is_named_and_waits(drop: port.ErpAdapter, folders: dict[str, Any]) -> None:
    (Path(folders["pull"]) / "items.xml").write_bytes(OUTSIDE)

    with pytest.raises(ErpRejected, match=r"items\.xml: is no safe XML"):
        list(drop.pull("items"))


Http = Callable[[int, bytes], tuple[B2mmlHttpAdapter, list[tuple[dict[str, str], bytes]]]]


@pytest.fixture
def http() -> Iterator[Http]:
    """An adapter before a server that gives one answer, and what that server got."""
    said: list[tuple[int, bytes]] = []
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(said[0][0])
            self.send_header("content-length", str(len(said[0][1])))
            self.end_headers()
            self.wfile.write(said[0][1])

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made: list[B2mmlHttpAdapter] = []

    def make(status: int, body: bytes) -> tuple[B2mmlHttpAdapter, list[tuple[dict[str, str], bytes]]]:
        said.append((status, body))
        built = port.build(
            "b2mml", {"url": f"http://127.0.0.1:{server.server_address[1]}/b2mml", "password": SECRET}
        )
        assert isinstance(built, B2mmlHttpAdapter)
        made.append(built)
        return built, got

    yield make
    for one in made:
        one.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (200, confirm(KEY), "confirmed", ""),
        (200, confirm("SOMEBODYELSES"), "unknown", "b2mml.unexpected"),
        (422, confirm(KEY, code="Rejected", note="", reason="E7"), "rejected", "E7"),
        (400, b"no", "rejected", "erp.refused"),
        (202, b"", "unknown", "b2mml.waiting"),
        (200, b"", "unknown", "b2mml.waiting"),
        (200, BOMB, "unknown", "b2mml.unexpected"),
        (503, b"", "unknown", "b2mml.status"),
        (401, b"", "retry", "b2mml.login"),
    ],
)
def test_each_http_answer_means_one_thing(
    http: Http, status: int, body: bytes, outcome: str, code: str
) -> None:
    adapter, got = http(status, body)

    answer = adapter.send(command("movement.scrap"))

    assert (answer.status, answer.error_code) == (outcome, code)
    ((headers, sent),) = got
    assert headers["webhook-id"] == headers["idempotency-key"] == KEY
    assert texts(sent, "ApplicationArea/BODID") == [KEY]


def test_a_signed_call_may_bring_the_confirm_later(http: Http) -> None:
    adapter, _ = http(202, b"")
    body = confirm(KEY).decode()

    (said,) = adapter.read_call(headers_for(SECRET, "c1", body), body.encode())

    assert (said.business_key, said.status, said.erp_number) == (KEY, "confirmed", "MD-77")
    with pytest.raises(ErpRejected, match="not provably theirs"):
        adapter.read_call(headers_for(SECRET, "c1", body), body.replace("MD-77", "MD-78").encode())
    broken = confirm(KEY, code="Maybe").decode()
    with pytest.raises(ErpRejected, match="actionCode"):
        adapter.read_call(headers_for(SECRET, "c1", broken), broken.encode())
