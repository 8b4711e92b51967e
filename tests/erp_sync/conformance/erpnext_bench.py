"""The bench of the ERPNext connector: the simulated site, with a unique field for the key and without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from unittest import mock

from erp_sync.adapters import port
from erp_sync.adapters.erpnext import pull
from tests.erp_sync.conformance.bench import Bench, Document, Payload
from tests.erpnext_plant import FIELDS, seed
from tests.erpnext_server import KEY, SECRET, ErpNextServer

FLANGE: Payload = {"site": "RHF", "item": "FG-100", "quantity": "3"}
GOOD: dict[str, Payload] = {
    "confirmation": {"site": "RHF", "work_order": "MFG-WO-2026-00001", "yield_qty": "9", "final": True},
    "movement.issue": {
        "site": "RHF", "item": "RM-1", "quantity": "2.5", "work_order": "MFG-WO-2026-00001", "uom": "kg",
    },
    "movement.scrap": FLANGE | {"reason_code": "burr"},
    "movement.block": FLANGE,
    "movement.unblock": FLANGE,
    "movement.return": FLANGE | {"work_order": "MFG-WO-2026-00001", "to": "stock"},
    "movement.transfer": FLANGE | {"from_location": "STO", "to_location": "Shelf - RF"},
    "quality_event": FLANGE | {"action": "open", "defect_code": "burr", "severity": "major"},
    "cost": {
        "site": "RHF", "amount": "120.50", "currency": "EUR", "cost_class": "scrap", "basis": "real",
        "cost_object": "LINE-1",
    },
    "change.date": {
        "target": "po_line", "number": "PUR-ORD-2026-00001", "line": "2", "which": "promised", "old": "2026-11-07",
        "new": "2099-12-08",
    },
    "change.quantity": {
        "target": "po_line", "number": "PUR-ORD-2026-00001", "line": "1", "old": "50", "new": "60",
    },
}  # fmt: skip


class ErpNext(Bench):
    name = "erpnext"
    main = "movement.block"
    key_field: ClassVar[str] = ""
    secrets = (SECRET, f"{KEY}:{SECRET}")
    known_code = ("location", "rack", "Stores - RF")
    reading = b"GET /api/resource/Item?"
    absent = {
        "expired_login": "an API key stands for itself; there is no session that could end",
        "look_up_half_done": "a document is made and submitted in one request; nothing is begun and left",
        "pull_rename": "the name is ERPNext's only identity of an item; a renamed one is another",
    }

    def open(self) -> None:
        self.server = ErpNextServer(self.key_field)
        self.server.start()

    def close(self) -> None:
        self.server.stop()

    def fresh(self) -> None:
        server = self.server
        server.faults.clear()
        server.calls.clear()
        server.tables = {doctype: {} for doctype in FIELDS}
        server.batches, server._count, server._ticks = {}, 0, 0
        server.now = datetime.now(UTC).replace(microsecond=0)
        seed(server)

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self) -> dict[str, Any]:
        return self.server.settings(read_timeout=30)

    def payload(self, kind: str) -> Payload | None:
        return GOOD.get(kind)

    def refused(self) -> Payload:
        return FLANGE | {"item": "NO-SUCH"}

    def fine(self) -> tuple[Payload, Decimal, str]:
        return (
            FLANGE | {"item": "RM-1", "lot": "L-7", "quantity": "1.125", "uom": "kg"},
            Decimal("1.125"),
            "Kg",
        )

    def unmapped(self) -> tuple[dict[str, Any], str, Payload]:
        return {"blocked": {}}, "movement.block", FLANGE

    def drift(self) -> tuple[str, Payload]:
        return self.main, FLANGE | {"quantity": "4000"}

    def documents(self, command: port.PostingCommand) -> list[Document]:
        if command.kind.startswith("change."):
            order = self.server.only("Purchase Order")
            told = {f"{line['qty']:g}" for line in order["items"]} | {
                line["schedule_date"] for line in order["items"]
            }
            return [Document("changed")] if command.payload["new"] in told else []
        standing = self.server.documents(command.business_key)
        rows = [row for row in self.server.under(command.business_key) if row["name"] in standing]
        if command.kind == self.main:
            return [self._entry(row) for row in rows]
        return [Document(row["name"]) for row in rows]

    def _entry(self, row: dict[str, Any]) -> Document:
        (line,) = row["items"]
        unit = line.get("uom") or self.server.row("Item", line["item_code"])["stock_uom"]
        day = date.fromisoformat(str(row["posting_date"]))
        return Document(row["name"], Decimal(str(line["qty"])), unit, row["remarks"], day)

    def state(self, kind: str) -> Any:
        tables = self.server.tables
        stock = {
            (row["item_code"], row["warehouse"]): row["actual_qty"]
            for row in tables["Bin"].values()
            if row["actual_qty"]
        }
        books = [row["name"] for row in tables["Journal Entry"].values() if row["docstatus"] == 1]
        found = [row["name"] for row in tables["Non Conformance"].values() if row["status"] == "Open"]
        order = self.server.only("Purchase Order")
        lines = [(f"{line['qty']:g}", line["schedule_date"]) for line in order["items"]]
        made = [row["produced_qty"] for row in tables["Work Order"].values()]
        return stock, books, found, lines, made

    def changing(self) -> tuple[str, Payload]:
        return "change.date", GOOD["change.date"]

    def move_on(self, command: port.PostingCommand) -> None:
        order = self.server.only("Purchase Order")
        lines = [line | {"schedule_date": "2098-01-02"} for line in order["items"][1:]]
        self.server.change("Purchase Order", order["name"], items=[order["items"][0], *lines])

    def level(self) -> Decimal:
        return Decimal(str(self.server.stock("FG-100", "Quarantine - RF")))

    def steps(self) -> tuple[bytes, ...]:
        return (b"POST /api/resource/Stock%20Entry",)

    def undoing(self) -> bytes:
        return b"POST /api/method/frappe.client.cancel"

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.server.fault("lock", times=1000)
        yield
        self.server.faults.clear()

    def cancel(self, command: port.PostingCommand) -> None:
        (row,) = self.server.under(command.business_key)
        self.server.change("Stock Entry", row["name"], docstatus=2)

    def touch(self) -> str:
        self.server.advance(seconds=5)
        self.server.change("Item", "FG-100", item_name="Flange, new")
        return "FG-100"

    def delete(self) -> str:
        self.server.advance(seconds=5)
        self.server.change("Item", "RM-1", disabled=1)
        return "RM-1"

    def paged(self) -> AbstractContextManager[object]:
        return mock.patch.object(pull, "SIZE", 1)

    @contextmanager
    def gone(self, external_id: str) -> Iterator[None]:
        del self.server.tables["Item"][external_id]
        yield

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        found = []
        for one in requests:
            head, _, body = one.partition(b"\r\n\r\n")
            method, path = head.split(b" ", 2)[:2]
            if method != b"GET":
                found.append((method.decode(), path.decode(), json.loads(body)))
        return found


class ErpNextUnique(ErpNext):
    """The same site with a unique custom field, by which ERPNext itself refuses a second document."""

    key_field = "custom_posting_key"
