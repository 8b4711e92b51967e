"""A small ERP a plant wrote itself: books that keep a document once a key, behind signed calls, B2MML or folders.

It stands for the other side of the exchange connectors in the conformance suite: it refuses a closed item, answers a
key it knows with what became of it, and does nothing that docs/erp-connectors.md does not ask of such an ERP.
"""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from erp_sync.adapters.b2mml import xml
from tests.erp_sync.conformance.bench import Document

CLOSED = "CLOSED-1"
WORDS = "Item CLOSED-1 is closed"


@dataclass
class Asked:
    """One posting as it arrived, whatever it arrived by."""

    key: str
    kind: str
    item: str = ""
    quantity: str = ""
    unit: str = ""
    text: str = ""
    day: str = ""
    reverses: str = ""
    turn: int = 1


@dataclass
class Books:
    """Documents by key; `level` is what was scrapped in all. Each document takes effect once, and says so again."""

    documents: dict[str, list[Document]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    reversed: set[str] = field(default_factory=set)
    backs: set[str] = field(default_factory=set)
    items: dict[str, str] = field(
        default_factory=lambda: {"FG-100": "Flange", "RM-1": "Casting", "RM-2": "Seal"}
    )
    level: Decimal = Decimal(0)
    locked: bool = False
    guard: threading.Lock = field(default_factory=threading.Lock)

    def standing(self) -> set[str]:
        """Keys of what was told and not taken back."""
        return self.documents.keys() - self.reversed - self.backs

    def take(self, asked: Asked, *, once: bool = True) -> tuple[str, str]:
        """(number, "") or ("", why not). `once`: a known key is answered with what became of it."""
        with self.guard:
            if once and asked.key in self.documents:
                return self.documents[asked.key][0].number, ""
            if asked.item == CLOSED:
                return "", WORDS
            quantity = Decimal(asked.quantity) if asked.quantity else None
            if asked.reverses:
                if asked.reverses not in self.documents or asked.reverses in self.reversed:
                    return "", f"Nothing is posted under {asked.reverses}"
                self.reversed.add(asked.reverses)
                self.backs.add(asked.key)
                quantity = self.documents[asked.reverses][0].quantity
                self.level -= quantity or 0
            elif asked.kind == "movement.scrap":
                self.level += quantity or 0
            number = f"H-{sum(map(len, self.documents.values())) + 1:05}"
            day = date.fromisoformat(asked.day[:10]) if asked.day else None
            document = Document(number, quantity, asked.unit or None, asked.text, day)
            self.documents.setdefault(asked.key, []).append(document)
            return number, ""


def from_json(said: dict[str, Any]) -> Asked:
    """A posting of the signed webhook."""
    payload = said["payload"]
    return Asked(
        said["key"], said["kind"], str(payload.get("item", "")), str(payload.get("quantity", "")),
        str(payload.get("uom", "")), said["text"], said["posting_date"], str(payload.get("reverses", "")),
    )  # fmt: skip


def from_csv(text: str) -> Asked:
    """A posting of the file drop."""
    (row,) = csv.DictReader(text.splitlines())
    return Asked(
        row["key"], row["kind"], row.get("item") or "", row.get("quantity") or "", row.get("uom") or "", row["text"],
        row["posting_date"], row.get("reverses") or "", int(row["try"]),
    )  # fmt: skip


def from_xml(content: bytes) -> Asked:
    """A posting in B2MML. A Cancel names what it takes back as the noun's ID."""
    root = xml.read(content)
    said = xml.text(root, "ApplicationArea/BODID")
    key, _, turn = said.partition("-")
    name = xml.name_of(root)
    noun = name.removeprefix("Process").removeprefix("Cancel").removeprefix("Notify")
    own = f"DataArea/{noun}"
    described = _first(root, "Description")
    return Asked(
        key, _kind(root), _first(root, "MaterialDefinitionID"), _first(root, "QuantityString"),
        _first(root, "UnitOfMeasure"), described, _first(root, "PostingDate"),
        xml.text(root, f"{own}/ID") if name.startswith("Cancel") else "", int(turn or 1),
    )  # fmt: skip


def _kind(root: Element) -> str:
    for data in root.iter(f"{{{xml.NAMESPACE}}}SegmentData"):
        if xml.text(data, "ID") == "kind":
            return xml.text(data, "Value/ValueString")
    return ""


def _first(root: Element, name: str) -> str:
    found = next(root.iter(f"{{{xml.NAMESPACE}}}{name}"), None)
    return (found.text or "").strip() if found is not None else ""


def confirm_bod(asked: Asked, number: str, why: str) -> bytes:
    """What became of a B2MML message: a ConfirmBOD, or an error message where it is refused."""
    now = datetime.now(UTC).isoformat()
    ident = asked.key if asked.turn == 1 else f"{asked.key}-{asked.turn}"
    if why:
        return (
            f'<ProcessErrorMessage xmlns="{xml.NAMESPACE}" releaseID="7.0"><ApplicationArea><Sender><ReferenceID>'
            f"{ident}</ReferenceID></Sender><CreationDateTime>{now}</CreationDateTime></ApplicationArea><DataArea>"
            f"<Process/><ErrorMessage><ErrorDescription>{why}</ErrorDescription><ThrownFrom>House</ThrownFrom>"
            f"<TimeStamp>{now}</TimeStamp><ErrorType>BusinessError</ErrorType><ErrorCode>E7</ErrorCode></ErrorMessage>"
            "</DataArea></ProcessErrorMessage>"
        ).encode()
    return (
        f'<ConfirmBOD xmlns="{xml.NAMESPACE}"><ApplicationArea><CreationDateTime>{now}</CreationDateTime>'
        '</ApplicationArea><DataArea><Confirm><ResponseCriteria><ResponseExpression actionCode="Accepted">.'
        "</ResponseExpression></ResponseCriteria></Confirm><BOD><OriginalApplicationArea><CreationDateTime>"
        f"{now}</CreationDateTime><BODID>{ident}</BODID></OriginalApplicationArea><Note>{number}</Note></BOD>"
        "</DataArea></ConfirmBOD>"
    ).encode()


def show_items(books: Books) -> bytes:
    """All items as a ShowMaterialDefinition."""
    rows = "".join(
        f"<MaterialDefinition><ID>{code}</ID><Description>{name}</Description></MaterialDefinition>"
        for code, name in books.items.items()
    )
    return (
        f'<ShowMaterialDefinition xmlns="{xml.NAMESPACE}" releaseID="7.0"><ApplicationArea><CreationDateTime>'
        f"{datetime.now(UTC).isoformat()}</CreationDateTime></ApplicationArea><DataArea><Show/>{rows}</DataArea>"
        "</ShowMaterialDefinition>"
    ).encode()


@contextmanager
def serving(books: Books, secret: str) -> Iterator[str]:
    """The books behind HTTP: `/postings` takes JSON, `/b2mml` XML, both signed."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, content = self._said(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _said(self, body: bytes) -> tuple[int, bytes]:
            try:
                signed = {name.lower(): value for name, value in self.headers.items()}
                Webhook(secret).verify(body, signed, json_parse=False)
            except WebhookVerificationError:
                return 401, b"{}"
            if self.command == "HEAD":
                return 200, b""
            if self.command == "GET":
                return self._status(self.path.rpartition("/")[2])
            if books.locked:
                return 423, b"{}"
            if self.path.endswith("/b2mml"):
                return self._b2mml(body)
            number, why = books.take(from_json(json.loads(body)))
            if why:
                return 422, json.dumps({"code": "E7", "message": why}).encode()
            return 200, json.dumps({"erp_number": number, "time": datetime.now(UTC).isoformat()}).encode()

        def _status(self, key: str) -> tuple[int, bytes]:
            if key in books.cancelled:
                return 200, b'{"status": "rejected", "code": "cancelled", "message": "cancelled in the ERP"}'
            if key not in books.documents:
                return 404, b"{}"
            return 200, json.dumps({"erp_number": books.documents[key][0].number}).encode()

        def _b2mml(self, body: bytes) -> tuple[int, bytes]:
            name = xml.name_of(xml.read(body))
            if name == "GetMaterialDefinition":
                return 200, show_items(books)
            if name.startswith("Get"):
                shown = show_items(Books(items={})).decode()
                return 200, shown.replace("MaterialDefinition", name.removeprefix("Get")).encode()
            asked = from_xml(body)
            number, why = books.take(asked)
            return (422 if why else 200), confirm_bod(asked, number, why)

        do_GET = do_POST = do_HEAD = answer

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Clerk:
    """The program behind the folders: takes each file once, books it without looking whether it knows the key."""

    books: Books
    out: Path
    into: Path
    spoil: str = ""
    owed: list[tuple[str, bytes]] = field(default_factory=list)
    count: int = 0

    def work(self) -> None:
        """Take what lies in `out` and answer it; a spoiled answer is answered again, rightly, the next time."""
        for name, content in self.owed:
            (self.into / name).write_bytes(content)
        self.owed.clear()
        for path in sorted(self.out.iterdir()):
            if path.name.startswith("."):
                continue
            content = path.read_bytes()
            path.unlink()
            asked = from_xml(content) if path.suffix == ".xml" else from_csv(content.decode())
            number, why = self.books.take(asked, once=False)
            said = confirm_bod(asked, number, why) if path.suffix == ".xml" else _row(asked, number, why)
            self.count += 1
            name = f"ack-{self.count}{path.suffix}"
            if self.spoil:
                self.owed.append((f"again-{name}", said))
                said = b"<html>lobby" if self.spoil == "garbage" else said[: len(said) * 3 // 5]
                self.spoil = ""
            (self.into / name).write_bytes(said)


def _row(asked: Asked, number: str, why: str) -> bytes:
    status = "rejected" if why else "confirmed"
    now, code = datetime.now(UTC).isoformat(), "E7" if why else ""
    head = "key,status,erp_number,time,code,message,try"
    return f"{head}\n{asked.key},{status},{number},{now},{code},{why},{asked.turn}\n".encode()
