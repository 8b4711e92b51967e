"""The bench of the Business Central connector: the simulated service, whose books lie in the test's own process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from erp_sync.adapters import port
from tests.erp_sync import bc_server
from tests.erp_sync.bc_server import CLIENT, COMPANY, ROOT, SECRET
from tests.erp_sync.conformance.bench import Bench, Document, Payload
from tests.fault_proxy import FaultProxy, Rule

COST: Payload = {"amount": "120.5", "currency": "EUR", "cost_class": "scrap", "basis": "real"}
LINE: Payload = {"target": "po_line", "number": "106001", "line": "10000"}
GOOD: dict[str, Payload] = {
    "cost": COST,
    "change.date": LINE | {"which": "promised", "old": "2026-12-01", "new": "2099-12-08"},
    "change.quantity": LINE | {"old": "12", "new": "15"},
}


class BusinessCentral(Bench):
    name = "business_central"
    main = "cost"
    secrets = (SECRET,)
    known_code = ("cost_account", "scrap", "8450")
    reading = b"/items?"

    def open(self) -> None:
        self._stack = ExitStack()
        self.server = self._stack.enter_context(bc_server.serving())

    def close(self) -> None:
        self._stack.close()

    def fresh(self) -> None:
        self.server.fresh()
        self.server.books.find("accounts", number="8451")[0]["blocked"] = True

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self) -> dict[str, Any]:
        return {
            "url": self.server.url, "token_url": self.server.token_url, "username": CLIENT, "password": SECRET,
            "database": "ACME", "read_timeout": 30, "cost_account": {"scrap": "8450", "overtime": "8451"},
            "balancing_account": {"*": "8999"},
        }  # fmt: skip

    def payload(self, kind: str) -> Payload | None:
        return GOOD.get(kind)

    def refused(self) -> Payload:
        return COST | {"cost_class": "overtime"}

    def fine(self) -> tuple[Payload, Decimal, str]:
        return COST | {"amount": "1.25"}, Decimal("1.25"), "EUR"

    def unmapped(self) -> tuple[dict[str, Any], str, Payload]:
        return {"cost_account": {}}, "cost", COST

    def drift(self) -> tuple[str, Payload]:
        return "change.quantity", GOOD["change.quantity"] | {"old": "99"}

    def documents(self, command: port.PostingCommand) -> list[Document]:
        if command.kind in ("cost", "reversal"):
            found = self.server.books.find("generalLedgerEntries", documentNumber=command.business_key)
            return [
                Document(
                    str(row["entryNumber"]), Decimal(str(row["debitAmount"])), "EUR", row["description"],
                    date.fromisoformat(row["postingDate"]),
                )
                for row in found
                if row["debitAmount"]
            ]  # fmt: skip
        [line] = self.server.books.find("purchaseOrderLines", sequence=10000)
        told = (str(line["quantity"]), line["expectedReceiptDate"])
        return [Document("changed")] if command.payload["new"] in told else []

    def state(self, kind: str) -> Any:
        [line] = self.server.books.find("purchaseOrderLines", sequence=10000)
        return self.level(), str(line["quantity"]), line["expectedReceiptDate"]

    def changing(self) -> tuple[str, Payload]:
        return "change.date", GOOD["change.date"]

    def move_on(self, command: port.PostingCommand) -> None:
        [line] = self.server.books.find("purchaseOrderLines", sequence=10000)
        self.server.books.touch(line, expectedReceiptDate="2098-01-02")

    @contextmanager
    def gone(self, external_id: str) -> Iterator[None]:
        [row] = self.server.books.find("items", id=external_id)
        self.server.books.tables["items"].remove(row)
        yield

    def level(self) -> Decimal:
        rows = self.server.books.find("generalLedgerEntries", accountNumber="8450")
        return sum((row["debitAmount"] - row["creditAmount"] for row in rows), Decimal(0))

    def steps(self) -> tuple[bytes, ...]:
        # Told by what only the changing request holds: lists are read at the same addresses.
        return (
            b'"displayName": "CONF',
            b'"lineNumber": 10000',
            b'"lineNumber": 20000',
            b"Microsoft.NAV.post",
        )

    def arm(self, proxy: FaultProxy | None, fault: str, step: bytes) -> Rule | AbstractContextManager[None]:
        # The posting answers with nothing: what has no middle is cut before it.
        bare = fault == "half" and step == self.steps()[-1]
        return super().arm(proxy, "after" if bare else fault, step)

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.server.locked = True
        yield
        self.server.locked = False

    def expire(self, adapter: port.ErpAdapter) -> None:
        self.server.tokens.clear()

    def cancel(self, command: port.PostingCommand) -> None:
        for row in self.server.books.find("generalLedgerEntries", documentNumber=command.business_key):
            turned = {"debitAmount": row["creditAmount"], "creditAmount": row["debitAmount"]}
            kept = {
                name: row[name] for name in ("documentNumber", "accountNumber", "description", "postingDate")
            }
            number = int(row["entryNumber"]) + 1000
            self.server.books.add("generalLedgerEntries", entryNumber=number, **kept, **turned)

    def touch(self) -> str:
        self.server.books.touch(self.server.books.find("items", number="1000")[0], displayName="Bike")
        return "1000"

    def delete(self) -> str:
        [row] = self.server.books.find("items", number="1100")
        self.server.books.tables["items"].remove(row)
        return "1100"

    def rename(self) -> tuple[str, str]:
        self.server.books.touch(self.server.books.find("items", number="1100")[0], number="1100-B")
        return "1100", "1100-B"

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        found = []
        for one in requests:
            head, _, body = one.partition(b"\r\n\r\n")
            method, target = head.split(b"\r\n", 1)[0].decode().split(" ")[:2]
            if method != "GET":
                path = unquote(target).removeprefix(ROOT).replace(COMPANY, "ACME")
                found.append((method, path, json.loads(body) if body else None))
        return found
