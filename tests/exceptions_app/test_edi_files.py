"""EDI by file drop and by HTTP: whole files only, once, whatever is killed; refused ones lie beside their reason."""

import base64
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from core import clock
from exceptions_app import services
from exceptions_app.channels.edi import folders
from exceptions_app.channels.edi.envelope import read_interchange
from exceptions_app.channels.webhook import new_secret, sign
from exceptions_app.models import EdiDocument, EdiInterchange, Signal, Source
from exceptions_app.services.channels import edi_documents, edi_files
from tests.exceptions_app.edi_samples import change_860, ordchg
from tests.plant_fixtures import KolbeMini

LINE = "POC*10*QI*180**EA*92**VN*SP-12"
PARTNERS = [
    {"id": "MERINO", "customer": "MER", "our_id": "KOLBE"},
    {"id": "4012345000009", "customer": "MER", "our_id": "KOLBE"},
]


def make_source(site: Any, folder: Path | None = None, **more: Any) -> Source:
    config = {
        "partners": PARTNERS,
        "settle_seconds": 1,
        **({"folder": str(folder)} if folder else {}),
        **more,
    }
    return Source.objects.create(
        code="edi-rhf", name="EDI", channel="edi", adapter="edi", site=site, config=config, secret=new_secret(),
        secrets={"token": "bearer-1", "username": "merino", "password": "geheim"},
    )  # fmt: skip


@pytest.fixture
def box(tmp_path: Path) -> Path:
    folder = tmp_path / "edi"
    folder.mkdir()
    return folder


@pytest.fixture
def source(plant: KolbeMini, box: Path) -> Source:
    return make_source(plant.rhf, box)


def drop(box: Path, name: str, text: str, *, age: float = 60) -> Path:
    path = box / name
    path.write_text(text)
    stamp = time.time() - age
    os.utime(path, (stamp, stamp))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.exists() else []


def test_a_whole_file_is_stored_and_moved(source: Source, box: Path) -> None:
    drop(box, "order.edi", change_860(LINE))
    assert services.take_edi_files() == 1
    assert (names(box / "done"), names(box / "taking"), names(box / "refused")) == (["order.edi"], [], [])
    assert Signal.objects.get(source=source).sender_verified
    assert EdiInterchange.objects.get().name == "order.edi"


def test_half_written_files_are_waited_for(source: Source, box: Path) -> None:
    drop(box, "fresh.edi", change_860(LINE), age=0)
    drop(box, "slow.edi.part", change_860(LINE))
    drop(box, ".hidden", change_860(LINE))
    assert services.take_edi_files() == 0
    assert not Signal.objects.exists()
    drop(box, "fresh.edi", change_860(LINE))
    assert services.take_edi_files() == 1
    assert names(box / "done") == ["fresh.edi"]
    assert (box / "slow.edi.part").exists()


def test_a_refused_file_lies_beside_its_reason(source: Source, box: Path) -> None:
    drop(box, "bad.edi", change_860(LINE).replace("IEA*1*000000017", "IEA*1*000000099"))
    assert services.take_edi_files() == 1
    assert names(box / "refused") == ["bad.edi", "bad.edi.error.txt"]
    note = (box / "refused" / "bad.edi.error.txt").read_text()
    assert "edi.iea_control" in note
    assert "segment 9: IEA*1*000000099~" in note
    assert "expected 000000017, found 000000099" in note
    services.read_due_signals()
    reading = Signal.objects.get(source=source).reading
    assert reading.exception is not None
    assert reading.exception.status == "triage"


def test_the_same_file_twice_is_one_message_with_one_answer(source: Source, box: Path) -> None:
    drop(box, "a.edi", change_860(LINE))
    drop(box, "b.edi", change_860(LINE))
    assert services.take_edi_files() == 2
    assert Signal.objects.filter(source=source).count() == 1
    assert EdiDocument.objects.count() == 1
    drop(box, "a.edi", change_860(LINE))
    assert services.take_edi_files() == 1
    assert names(box / "done") == ["a.1.edi", "a.edi", "b.edi"]


def test_a_file_that_is_no_edi_and_one_too_long_are_refused_whole(
    source: Source, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(box, "photo.edi", "\x89PNG")
    monkeypatch.setattr(edi_files, "MOST_BYTES", 400)
    monkeypatch.setattr("exceptions_app.services.channels.edi_intake.MOST_BYTES", 400)
    long = change_860(*[LINE] * 50)
    drop(box, "long.edi", long)
    assert services.take_edi_files() == 2
    assert names(box / "refused") == ["long.edi", "long.edi.error.txt", "photo.edi", "photo.edi.error.txt"]
    assert (box / "refused" / "long.edi").read_text() == long
    assert "edi.too_large" in (box / "refused" / "long.edi.error.txt").read_text()


def test_a_file_left_in_taking_by_a_stopped_worker_is_read(source: Source, box: Path) -> None:
    (box / "taking").mkdir()
    (box / "taking" / "left.edi").write_text(change_860(LINE))
    assert services.take_edi_files() == 1
    assert names(box / "done") == ["left.edi"]
    # stored, but stopped before it was moved: read again, stored once
    (box / "done" / "left.edi").rename(box / "taking" / "left.edi")
    assert services.take_edi_files() == 1
    assert (Signal.objects.filter(source=source).count(), EdiDocument.objects.count()) == (1, 1)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", ["before storing", "after storing", "while moving"])
def test_whenever_the_worker_is_killed_nothing_is_lost_or_doubled(
    source: Source, box: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    drop(box, "order.edi", change_860(LINE))

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if at == "before storing":
            patch.setattr(edi_files, "take_interchange", die)
        else:
            patch.setattr(folders if at == "while moving" else edi_files.folders, "finish", die)
        with pytest.raises(Killed):
            services.take_edi_files()
    assert services.take_edi_files() == 1
    assert names(box / "done") == ["order.edi"]
    assert names(box / "taking") == []
    assert (Signal.objects.filter(source=source).count(), EdiDocument.objects.count()) == (1, 1)


@pytest.mark.parametrize("at", ["after writing beside", "after renaming out", "after recording"])
def test_an_answer_is_placed_exactly_once_whenever_the_sender_is_killed(
    source: Source, box: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    services.take_interchange(source=source, body=change_860(LINE).encode(), via="file")

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if at == "after writing beside":
            patch.setattr(Path, "replace", die)
        elif at == "after renaming out":
            patch.setattr(edi_documents, "_record_sent", die)
        else:
            patch.setattr(edi_documents.folders, "forget", die)
        with pytest.raises(Killed):
            services.send_edi()
    out = box / "out"
    fetched = names(out)
    for name in fetched:  # the partner is quick
        (out / name).unlink()
    with clock.travel(clock.now() + edi_documents.LEASE * 2):
        services.send_edi()
    assert fetched + names(out) == ["997-MERINO-000000001.edi"]
    document = EdiDocument.objects.get()
    assert (document.state, document.sends) == ("sent", 1)


def test_an_answer_that_finds_no_place_is_shown_as_failed(plant: KolbeMini) -> None:
    source = make_source(plant.rhf)
    services.take_interchange(source=source, body=change_860(LINE).encode(), via="file")
    assert services.send_edi() == 1
    document = EdiDocument.objects.get()
    assert (document.state, document.sends) == ("failed", 0)
    assert "neither a folder" in document.error


def test_sending_again_gives_the_same_text_under_the_same_number(
    source: Source, box: Path, plant: KolbeMini
) -> None:
    services.take_interchange(source=source, body=change_860(LINE).encode(), via="file")
    services.send_edi()
    (name,) = names(box / "out")
    first = (box / "out" / name).read_text()
    (box / "out" / name).unlink()
    document = services.resend_edi(
        document_id=EdiDocument.objects.get().pk, actor=plant.people["helena.kraus"]
    )
    assert services.send_edi() == 1
    assert (box / "out" / name).read_text() == first
    document.refresh_from_db()
    assert (document.sends, document.resent_by) == (2, plant.people["helena.kraus"])


@pytest.fixture
def partner_server() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """A partner who takes what is posted: its address, what came, and the answers it will give first."""
    came: list[dict[str, Any]] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(
                {"body": body.decode(), **{name.lower(): value for name, value in self.headers.items()}}
            )
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/edi", came, answers
    server.shutdown()
    server.server_close()


def test_an_answer_is_posted_to_the_partner_and_tried_again(
    plant: KolbeMini, box: Path, partner_server: tuple[str, list[dict[str, Any]], list[int]]
) -> None:
    url, came, answers = partner_server
    answers.append(503)
    source = make_source(plant.rhf)
    source.config["partners"][0]["url"] = url
    source.secrets["out_token"] = "ours"
    source.save()
    services.take_interchange(source=source, body=change_860(LINE).encode(), via="file")
    assert services.send_edi() == 1
    document = EdiDocument.objects.get()
    assert (document.state, "503" in document.error) == ("queued", True)
    assert document.due_at > clock.now()
    with clock.travel(document.due_at):
        assert services.send_edi() == 1
    document.refresh_from_db()
    assert (document.state, document.sent_to, len(came)) == ("sent", url, 2)
    assert (came[1]["body"], came[1]["authorization"]) == (document.body, "Bearer ours")
    assert came[0]["idempotency-key"] == came[1]["idempotency-key"] == "edi-rhf-MERINO-1"
    assert came[1]["content-type"] == "application/edi-x12"


def post(text: str, **headers: str) -> Any:
    meta = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return Client().post("/hooks/edi/edi-rhf/", text.encode(), content_type="application/edi-x12", **meta)


def test_over_http_the_acknowledgement_is_the_answer(source: Source, box: Path) -> None:
    answer = post(change_860(LINE), authorization="Bearer bearer-1")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["taken"], body["refused"], body["faults"], body["interchange"]) == (1, 0, [], "000000017")
    assert read_interchange(body["acknowledgement"]).all_faults() == []
    again = post(change_860(LINE), authorization="Bearer bearer-1", accept="application/edi-x12")
    assert (again.status_code, again["Content-Type"]) == (202, "application/edi-x12")
    assert again.content.decode() == body["acknowledgement"]
    assert Signal.objects.filter(source=source).count() == 1
    assert services.send_edi() == 0
    assert names(box / "out") == []


def test_over_http_a_refused_interchange_names_the_segment(source: Source) -> None:
    answer = post(change_860(LINE).replace("GE*1*5", "GE*2*5"), authorization="Bearer bearer-1")
    assert answer.status_code == 422
    (fault,) = answer.json()["faults"]
    assert (fault["code"], fault["segment"], fault["text"]) == ("edi.ge_count", 8, "GE*2*5~")
    assert (fault["expected"], fault["found"]) == ("1", "2")
    assert "AK9*R" in answer.json()["acknowledgement"]


def test_only_who_proves_himself_is_heard(source: Source) -> None:
    text = ordchg("LIN+10+3+SP-12:SA|QTY+21:150:PCE")
    basic = base64.b64encode(b"merino:geheim").decode()
    wrong = base64.b64encode(b"merino:falsch").decode()
    for headers in (
        {},
        {"authorization": "Bearer no"},
        {"authorization": f"Basic {wrong}"},
        {"authorization": "Basic %"},
    ):
        assert post(text, **headers).status_code == 401
    assert not Signal.objects.filter(source=source).exists()
    assert post(text, authorization=f"Basic {basic}").status_code == 202
    stamp = int(clock.now().timestamp())
    signature = sign(secret=source.secret, message_id="m-1", timestamp=stamp, body=text.encode())
    signed = {"webhook_id": "m-1", "webhook_timestamp": str(stamp), "webhook_signature": signature}
    assert post(text, **signed).json()["replayed"] is True
    assert post(text + " ", **signed).status_code == 401
    assert Client().post("/hooks/edi/nobody/", b"", content_type="application/edifact").status_code == 404
