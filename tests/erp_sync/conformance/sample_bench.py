"""The bench of the guide's sample connector, which is also the shortest example of a bench."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from erp_sync.adapters import port
from tests.abacus_server import KEY, Abacus, serving
from tests.erp_sync.conformance.bench import Bench, Document, Payload

SAMPLE = Path(__file__).resolve().parents[3] / "docs" / "samples" / "connector" / "abacus.py"
SCRAP: Payload = {"site": "RHF", "item": "FG-100", "quantity": "3", "uom": "pcs", "reason_code": "BROKEN"}


def load() -> None:
    """Register the sample, which lies outside the product so that no installation offers it."""
    if "abacus" not in port.kinds():
        spec = importlib.util.spec_from_file_location("abacus_sample", SAMPLE)
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


class AbacusBench(Bench):
    name = "abacus"
    secrets = (KEY,)
    known_code = ("item", "FG-100", "FG-100")
    reading = b"GET /items"
    absent = {
        "expired_login": "a key stands for itself; there is no session that could end",
        "reversal_drift_accepted": "Abacus takes movements only; they are taken back whatever moved since",
        "mapping_missing": "a code without a mapping goes as it is; Abacus refuses what it does not know",
    }

    def open(self) -> None:
        load()
        self.books, self._stack = Abacus(), ExitStack()
        self._url = self._stack.enter_context(serving(self.books))

    def close(self) -> None:
        self._stack.close()

    def fresh(self) -> None:
        fresh = Abacus()
        self.books.documents, self.books.items = fresh.documents, fresh.items

    @property
    def url(self) -> str:
        return self._url

    def settings(self) -> dict[str, Any]:
        return {"url": self._url, "password": KEY, "read_timeout": 30}

    def payload(self, kind: str) -> Payload | None:
        transfer = SCRAP | {"from_location": "A-01", "to_location": "B-02"}
        return {"movement.scrap": SCRAP, "movement.transfer": transfer}.get(kind)

    def refused(self) -> Payload:
        return SCRAP | {"item": "NO-SUCH"}

    def fine(self) -> tuple[Payload, Decimal, str]:
        return SCRAP | {"item": "OIL", "quantity": "1.125", "uom": "kg"}, Decimal("1.125"), "kg"

    def drift(self) -> tuple[str, Payload]:
        return "movement.scrap", SCRAP | {"quantity": "4000"}

    def documents(self, command: port.PostingCommand) -> list[Document]:
        rows = [row for row in self.books.documents if row["reference"] == command.business_key]
        return [
            Document(
                row["number"],
                Decimal(row["quantity"]),
                row["unit"],
                row["note"],
                date.fromisoformat(row["date"]),
            )
            for row in rows
            if row["state"] == "posted"
        ]

    def state(self, kind: str) -> Any:
        return {row["code"]: row["stock"] for row in self.books.items}

    @contextmanager
    def gone(self, external_id: str) -> Iterator[None]:
        self.books.items.remove(next(row for row in self.books.items if str(row["id"]) == external_id))
        yield

    def level(self) -> Decimal:
        return Decimal(self.books.items[0]["stock"])

    def steps(self) -> tuple[bytes, ...]:
        return b"POST /documents HTTP", b"/post HTTP"

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.books.locked = True
        yield
        self.books.locked = False

    def cancel(self, command: port.PostingCommand) -> None:
        next(r for r in self.books.documents if r["reference"] == command.business_key)["state"] = "cancelled"

    def touch(self) -> str:
        self.books.change("RM-1", name="Casting, new")
        return "RM-1"

    def delete(self) -> str:
        self.books.items.pop(2)
        return "RM-2"

    def rename(self) -> tuple[str, str]:
        self.books.change("RM-2", code="RM-2B")
        return "RM-2", "RM-2B"

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        found = []
        for one in requests:
            head, _, body = one.partition(b"\r\n\r\n")
            method, path = head.split(b" ", 2)[:2]
            if method == b"POST":
                found.append(("POST", path.decode(), json.loads(body)))
        return found
