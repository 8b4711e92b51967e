"""B2MML beyond the message out: results with limits, error messages as refusals, codes, master data asked for."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import time_machine

from erp_sync.adapters import port
from erp_sync.adapters.b2mml import asking, messages, xml
from erp_sync.adapters.webhook.signing import headers_for
from erp_sync.errors import ErpRejected, ErpUnavailable
from tests.shared_data import shared

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
KEY = "ABCDEFGHIJKLMNOP"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SCRAP = {"item": "FG-100", "quantity": "3", "reason_code": "BROKEN", "site": "RHF"}
RESULT = {
    "characteristic": "DIA-1", "verdict": "rejected", "lot": "L-7", "inspection_lot": "IL-9", "value": "25.070",
    "uom": "mm", "lower_limit": "24.95", "upper_limit": "25.05", "inspected": "5", "nonconforming": "1",
}  # fmt: skip


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@lru_cache(maxsize=1)
def schema() -> Any:
    found = shared("b2mml", "Schema", "AllSchemas.xsd")
    etree = pytest.importorskip("lxml.etree", reason="lxml validates against the MESA schemas")
    return etree.XMLSchema(etree.parse(str(found)))


def valid(content: bytes) -> None:
    fits = schema()
    from lxml import etree

    fits.assertValid(etree.fromstring(content))


def command(kind: str = "movement.scrap", payload: dict[str, Any] | None = None) -> port.PostingCommand:
    return port.PostingCommand(kind, KEY, payload or SCRAP, NOON, date(2026, 11, 3), "EX-2026-000001")


def texts(content: bytes, path: str) -> list[str]:
    return [one.text or "" for one in xml.every(xml.read(content), path)]


def measured(content: bytes) -> dict[str, tuple[str, str, str]]:
    return {
        xml.text(one, "ID"): tuple(
            xml.text(one, f"Value/{part}") for part in ("ValueString", "DataType", "UnitOfMeasure")
        )  # type: ignore[misc]
        for one in xml.every(xml.read(content), "DataArea/TestResult/PropertyMeasurement")
    }


def test_an_inspection_result_carries_value_limits_and_verdict() -> None:
    content = messages.write(command("inspection_result", RESULT))

    found = measured(content)
    assert found["DIA-1"] == ("25.070", "decimal", "mm")
    assert (found["lower_limit"], found["upper_limit"]) == (
        ("24.95", "decimal", "mm"),
        ("25.05", "decimal", "mm"),
    )
    assert found["nonconforming"] == ("1", "decimal", "")
    assert texts(content, "DataArea/TestResult/EvaluatedCriterionResult") == ["Failed"]
    assert texts(content, "DataArea/TestResult/OperationsTestRequirementID") == ["IL-9"]


def test_a_characteristic_without_a_value_is_measured_by_its_verdict() -> None:
    said = {"characteristic": "BURR", "verdict": "accepted", "item": "FG-100"}
    content = messages.write(command("inspection_result", said))

    assert measured(content)["BURR"] == ("accepted", "string", "")
    assert texts(content, "DataArea/TestResult/EvaluatedCriterionResult") == ["Passed"]
    valid(content)


def error(kind: str = "BusinessError", reference: str = KEY) -> bytes:
    sender = f"<Sender><ReferenceID>{reference}</ReferenceID></Sender>" if reference else ""
    return (
        f'<ProcessErrorMessage xmlns="{xml.NAMESPACE}" releaseID="7.0"><ApplicationArea>{sender}<CreationDateTime>'
        "2026-11-03T12:00:05Z</CreationDateTime></ApplicationArea><DataArea><Process/><ErrorMessage><ErrorDescription>"
        "Order is closed</ErrorDescription><ThrownFrom>ERP</ThrownFrom><TimeStamp>2026-11-03T12:00:04Z</TimeStamp>"
        f"<ErrorType>{kind}</ErrorType><ErrorCode>PP-47</ErrorCode></ErrorMessage></DataArea></ProcessErrorMessage>"
    ).encode()


def test_an_error_message_as_we_ask_for_it_fits_the_schema() -> None:
    valid(error())


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Any]:
    for name in ("out", "in"):
        (tmp_path / name).mkdir()
    return {name: str(tmp_path / name) for name in ("out", "in")} | {"quiet_seconds": 0}


def test_a_business_error_left_as_a_file_refuses_the_posting(folders: dict[str, Any]) -> None:
    drop = port.build("b2mml", folders)
    drop.send(command())
    (Path(folders["in"]) / "e.xml").write_bytes(error())

    found = drop.look_up(command())

    assert found is not None
    assert (found.status, found.error_code, found.message) == ("rejected", "PP-47", "Order is closed")


@pytest.mark.parametrize(
    ("content", "code"),
    [(error("SystemError"), "b2mml.system_error"), (error(reference=""), "erp.acknowledgement_key")],
)
def test_an_error_message_that_refuses_nothing_is_set_aside(
    folders: dict[str, Any], content: bytes, code: str
) -> None:
    drop = port.build("b2mml", folders)
    drop.send(command())
    (Path(folders["in"]) / "e.xml").write_bytes(content)

    found = drop.look_up(command())

    assert isinstance(drop, port.Keeping)
    assert found is not None
    assert found.status == "unknown"
    assert [one.rpartition("[")[2] for one in drop.set_aside()] == [f"{code}]"]


@dataclass
class Theirs:
    """A server that answers a B2MML POST by the name of its root, and keeps what it got."""

    url: str = ""
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def theirs() -> Iterator[Theirs]:
    erp = Theirs()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            erp.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, content = erp.answers.get(xml.name_of(xml.read(body)), (404, b""))
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    erp.url = f"http://127.0.0.1:{server.server_address[1]}/b2mml"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield erp
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def adapter(theirs: Theirs) -> Iterator[Callable[..., Any]]:
    made: list[port.ErpAdapter] = []

    def make(**options: Any) -> port.ErpAdapter:
        made.append(port.build("b2mml", {"url": theirs.url, "password": SECRET} | options))
        return made[-1]

    yield make
    for one in made:
        one.close()


ACCEPTED = (
    f'<ConfirmBOD xmlns="{xml.NAMESPACE}"><DataArea><Confirm><ResponseCriteria>'
    '<ResponseExpression actionCode="Accepted">.</ResponseExpression></ResponseCriteria></Confirm>'
    f"<BOD><OriginalApplicationArea><BODID>{KEY}</BODID></OriginalApplicationArea><Note>MD-1</Note></BOD>"
    "</DataArea></ConfirmBOD>"
).encode()


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (200, ACCEPTED, "confirmed", ""),
        (409, ACCEPTED, "confirmed", ""),
        (500, ACCEPTED, "unknown", "b2mml.status"),
        (401, error(), "retry", "b2mml.login"),
        (422, error(), "rejected", "PP-47"),
        (200, error(reference=""), "rejected", "PP-47"),
        (500, error(), "rejected", "PP-47"),
        (500, error("SystemError"), "unknown", "b2mml.status"),
        (200, error("SystemError"), "unknown", "b2mml.unexpected"),
        (200, error(reference="SOMEBODYELSES"), "unknown", "b2mml.unexpected"),
        (423, b"", "retry", "b2mml.busy"),
    ],
)
def test_an_error_message_answers_the_call_that_caused_it(
    theirs: Theirs, adapter: Any, status: int, body: bytes, outcome: str, code: str
) -> None:
    theirs.answers["ProcessOperationsPerformance"] = (status, body)

    found = adapter().send(command())

    assert (found.status, found.error_code) == (outcome, code)


def test_the_password_of_a_user_may_have_the_calls_secret_behind_it(theirs: Theirs, adapter: Any) -> None:
    theirs.answers["ProcessOperationsPerformance"] = (202, b"")
    erp = adapter(username="erp", password=f"two words {SECRET}")
    erp.send(command())
    ((headers, _),) = theirs.got

    body = error().decode()
    (said,) = erp.read_call(headers_for(SECRET, "c1", body), body.encode())

    assert headers["authorization"] == "Basic ZXJwOnR3byB3b3Jkcw=="  # erp:two words
    assert "webhook-signature" not in headers
    assert (said.status, said.error_code) == ("rejected", "PP-47")


def test_our_codes_become_theirs_and_one_that_must_be_mapped_is_asked_for(
    theirs: Theirs, adapter: Any
) -> None:
    theirs.answers["ProcessOperationsPerformance"] = (202, b"")
    erp = adapter(item={"FG-100": "4711"}, reason={"X": "1"}, must_map="reason")

    missing = erp.send(command())
    erp.send(command(payload=SCRAP | {"reason_code": "X", "seen": {"stock": "5"}}))

    assert (missing.status, missing.error_code) == ("rejected", "erp.mapping_missing")
    assert "reason 'BROKEN'" in missing.message
    ((_, sent),) = theirs.got
    material = "DataArea/OperationsPerformance/OperationsResponse/SegmentResponse/MaterialActual"
    assert texts(sent, f"{material}/MaterialDefinitionID") == ["4711"]
    assert b"seen" not in sent


def show(*codes: str, noun: str = "MaterialDefinition") -> bytes:
    rows = "".join(f"<{noun}><ID>{code}</ID></{noun}>" for code in codes)
    return (
        f'<Show{noun} xmlns="{xml.NAMESPACE}" releaseID="7.0"><ApplicationArea><CreationDateTime>2026-11-03T12:00:00Z'
        f"</CreationDateTime></ApplicationArea><DataArea><Show/>{rows}</DataArea></Show{noun}>"
    ).encode()


@pytest.mark.parametrize("entity", sorted(asking.NOUNS))
def test_a_question_fits_the_schema(entity: str) -> None:
    valid(asking.question(entity))


def test_master_data_asked_for_is_read_whole_and_again_only_when_it_says_something_else(
    theirs: Theirs, adapter: Any
) -> None:
    codes = [f"RM-{number:03}" for number in range(450)]
    theirs.answers["GetMaterialDefinition"] = (200, show(*codes))
    erp = adapter(asks=True)

    pages = list(erp.pull("items"))
    again = list(erp.pull("items", pages[-1].watermark))
    theirs.answers["GetMaterialDefinition"] = (200, show(*codes[1:]))
    changed = list(erp.pull("items", pages[-1].watermark))

    assert [len(page.records) for page in pages] == [200, 200, 50]
    assert [bool(page.watermark) for page in pages] == [False, False, True]
    assert pages[0].total == 450
    assert again == []
    assert sum(len(page.records) for page in changed) == 449
    assert list(erp.identities("items")) == codes[1:]
    assert list(erp.pull("stock")) == []
    assert all("webhook-signature" in headers for headers, _ in theirs.got)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (503, b"", "b2mml.status"),
        (200, b"<html>", "b2mml.unexpected"),
        (200, error(), "b2mml.unexpected"),
        (200, show("A", noun="Equipment"), "b2mml.unexpected"),
    ],
)
def test_an_answer_that_is_none_proves_nothing(
    theirs: Theirs, adapter: Any, status: int, body: bytes, code: str
) -> None:
    theirs.answers["GetMaterialDefinition"] = (status, body)
    erp = adapter(asks=True)

    for read in (erp.pull, erp.identities):
        with pytest.raises(ErpUnavailable) as trouble:
            list(read("items"))
        assert trouble.value.code == code


def test_a_row_without_an_id_lets_the_others_in_and_is_read_again(theirs: Theirs, adapter: Any) -> None:
    theirs.answers["GetMaterialDefinition"] = (200, show("A", "", "B"))
    erp = adapter(asks=True)
    pages = erp.pull("items", "before")

    page = next(pages)

    assert ([one.code for one in page.records], page.watermark) == (["A", "B"], "before")
    with pytest.raises(ErpRejected, match="items: an element without an ID"):
        next(pages)
    with pytest.raises(ErpUnavailable, match="without an ID"):
        list(erp.identities("items"))


def test_a_sync_that_deletes_takes_its_rows_away(tmp_path: Path) -> None:
    gone = show("RM-1").replace(b"Show/", b"Sync/").replace(b"ShowMaterial", b"SyncMaterial")
    action = b'<Sync><ActionCriteria><ActionExpression actionCode="Delete">.</ActionExpression></ActionCriteria></Sync>'
    content = gone.replace(b"<Sync/>", action)
    valid(content)
    (tmp_path / "items.xml").write_bytes(content)

    (page,) = port.build("b2mml", {"pull": str(tmp_path), "quiet_seconds": 0}).pull("items")

    assert [(one.code, one.deleted) for one in page.records] == [("RM-1", True)]


@pytest.mark.parametrize("by", ["folder", "http"])
def test_what_is_shown_before_is_what_is_sent(
    theirs: Theirs, adapter: Any, folders: dict[str, Any], by: str
) -> None:
    theirs.answers["ProcessTestResult"] = (202, b"")
    erp = adapter() if by == "http" else port.build("b2mml", folders)

    (step,) = erp.preview(command("inspection_result", RESULT))
    assert theirs.got == []
    assert list(Path(folders["out"]).iterdir()) == []
    erp.send(command("inspection_result", RESULT))

    sent = theirs.got[0][1].decode() if by == "http" else Path(step.address).read_text()
    assert step.body == sent
    assert SECRET not in str(step)


@pytest.mark.parametrize(
    ("kind", "original", "back"),
    [
        ("change.quantity", {"target": "work_order", "number": "WO-1", "old": "10", "new": "12"}, ("12", "10")),
        (
            "change.date",
            {"target": "work_order", "number": "W", "which": "planned_end", "old": "2026-11-05", "new": "2026-11-09"},
            ("2026-11-09", "2026-11-05"),
        ),
    ],
)  # fmt: skip
def test_a_change_is_taken_back_by_a_second_event(
    kind: str, original: dict[str, str], back: tuple[str, str]
) -> None:
    said = {"reverses": "ORIGINALKEY00000", "reverses_kind": kind, "reason_code": "W", "original": original}
    erp = port.build("b2mml", {})
    assert erp.capability(command("reversal", said)).supported

    content = messages.write(command("reversal", said))

    record = "DataArea/OperationsEvent/OperationsEventRecord/OperationsRecordEntry"
    told = dict(zip(texts(content, f"{record}/ID"), texts(content, f"{record}/Description"), strict=True))
    assert (told["old"], told["new"], told["reverses"]) == (*back, "ORIGINALKEY00000")
    assert texts(content, "ApplicationArea/BODID") == [KEY]
    valid(content)


def test_a_mapped_code_is_tried_against_what_the_erp_names(theirs: Theirs, adapter: Any) -> None:
    theirs.answers["GetMaterialDefinition"] = (200, show("4711"))
    erp = adapter(asks=True)

    assert erp.check_code("item", "FG-100", "4711").ok is True
    assert erp.check_code("item", "FG-100", "4712").ok is False
    assert erp.check_code("reason", "X", "1").ok is None
