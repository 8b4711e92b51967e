"""The bench of the Tryton connector: a real Tryton on a database of its own, asked directly for what stands there."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from erp_sync.adapters import port
from tests.erp_sync.conformance.bench import Bench, Document, Payload
from tests.tryton_server import Tryton, TrytonServer

SHIPMENT = "stock.shipment.internal"
TUBE: Payload = {"site": "RHE", "item": "RM-TUBE", "quantity": "1", "from_location": "RHE-A01"}
GOOD: dict[str, Payload] = {
    "confirmation": {"work_order": "100003", "operation": "10", "yield_qty": "1", "machine_minutes": "12"},
    "movement.issue": {"work_order": "100004", "item": "RM-SEAL-B", "quantity": "1", "from_location": "RHE-A02"},
    "movement.receipt": {
        "purchase_order": "45002", "po_line": "10", "item": "RM-RARE", "quantity": "1", "site": "RHE",
    },
    "movement.scrap": TUBE | {"reason_code": "DIM"},
    "movement.block": TUBE,
    "movement.transfer": TUBE | {"to_location": "RHE-A02"},
    "quality_event": {"action": "open", "quantity": "1", "item": "RM-SEAL", "lot": "LOT-S1", "site": "RHE"},
    "inspection_result": {
        "characteristic": "LOOKS", "verdict": "accepted", "lot": "LOT-S1", "item": "RM-SEAL", "site": "RHE",
    },
    "cost": {"amount": "10.50", "currency": "EUR", "cost_class": "scrap", "basis": "real"},
    "change.date": {
        "target": "work_order", "number": "100006", "which": "planned_end", "new": "2035-03-01",
    },
    "change.quantity": {"target": "work_order", "number": "100007", "new": "6"},
}  # fmt: skip
#: kind -> the model its document is kept in, and the field that begins with the key
KEPT = {
    "confirmation": ("ir.note", "message"),
    "movement.issue": ("ir.note", "message"),
    "movement.receipt": ("stock.shipment.in", "reference"),
    "quality_event": ("quality.inspection", "reference"),
    "inspection_result": ("quality.inspection", "reference"),
    "cost": ("account.move", "description"),
}
READS = ("read", "search", "search_read", "search_count", "get_preferences")


class TrytonBench(Bench):
    name = "tryton"
    main = "movement.block"
    worded = "cost"
    patience = (3.0, 4.5)
    known_code = ("blocked", "RHE", "RHE-BLK")
    reading = b'"model.product.product.search_read"'
    absent = {
        "locked": "Tryton locks stock in a shipment's third step: the posting is unclear by then, and finished later",
        "look_up_cancelled": "Tryton cancels no finished shipment; it is taken back by another one",
    }

    def __init__(self, server: TrytonServer) -> None:
        self.server = server
        self.secrets = (server.home.password,)  # type: ignore[misc]
        self.tryton = Tryton(server, server.adapter(), server.ask())

    def close(self) -> None:
        self.tryton.adapter.close()
        self.tryton.books.close()

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self) -> dict[str, Any]:
        return self.server.settings()

    def payload(self, kind: str) -> Payload | None:
        return GOOD.get(kind)

    def refused(self) -> Payload:
        return TUBE | {"item": "NO-SUCH"}

    def fine(self) -> tuple[Payload, Decimal, str]:
        oil = {"site": "RHE", "item": "RM-OIL", "quantity": "0.12", "uom": "kg", "from_location": "RHE-A02"}
        return oil, Decimal("0.12"), "kg"

    def unmapped(self) -> tuple[dict[str, Any], str, Payload]:
        measured = {"characteristic": "NEVER", "value": "1", "uom": "mm"}
        return {}, "inspection_result", GOOD["inspection_result"] | measured

    def drift(self) -> tuple[str, Payload]:
        return "movement.block", TUBE | {"item": "RM-OIL", "from_location": "RHE-A02", "quantity": "900"}

    def documents(self, command: port.PostingCommand) -> list[Document]:
        books, key = self.tryton.books, command.business_key
        if command.kind.startswith("change."):
            order = self.tryton.order(command.payload["number"])
            told = (str(order["planned_date"]), f"{order['quantity']:g}")
            return [Document("changed")] if command.payload["new"] in told else []
        if command.kind in KEPT:
            model, field = KEPT[command.kind]
            rows = books.search(model, [[field, "like", f"{key}%"]], [field])
            return [Document(str(row["id"]), text=row[field]) for row in rows]
        rows = books.search(
            SHIPMENT, [["reference", "=", key], ["state", "!=", "cancelled"]], ["effective_date", "moves"]
        )
        return [self._shipment(row) for row in rows]

    def _shipment(self, row: dict[str, Any]) -> Document:
        fields = ["quantity", "unit.symbol"]
        move = self.tryton.books.search("stock.move", [["id", "in", row["moves"]]], fields)[0]
        quantity = Decimal(repr(move["quantity"]))
        return Document(str(row["id"]), quantity, move["unit."]["symbol"], day=row["effective_date"])

    def level(self) -> Decimal:
        return Decimal(repr(self.tryton.on_hand("RM-TUBE", "RHE-BLK")))

    def steps(self) -> tuple[bytes, ...]:
        return tuple(f'"model.{SHIPMENT}.{name}"'.encode() for name in ("create", "wait", "assign_try", "do"))

    def expire(self, adapter: port.ErpAdapter) -> None:
        adapter._client._session = "Session aW50ZWdyYXRpb246MTpmb3JnZWQ="  # type: ignore[attr-defined]

    def touch(self) -> str:
        self._item("RM-ROD", {"name": "Chromed rod, new"}, "product.template")
        return "RM-ROD"

    def delete(self) -> str:
        self._item("VB-20", {"active": False}, "product.product")
        return "VB-20"

    def rename(self) -> tuple[str, str]:
        self._item("RM-SEAL-B", {"suffix_code": "RM-SEAL-C"}, "product.product")
        return "RM-SEAL-B", "RM-SEAL-C"

    def _item(self, code: str, values: dict[str, Any], model: str) -> None:
        row = self.tryton.books.search("product.product", [["code", "=", code]], ["template"])[0]
        record = row["template"] if model == "product.template" else row["id"]
        self.tryton.books.write(model, record, values)

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        found = []
        for one in requests:
            head, _, body = one.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            method = str(json.loads(body)["method"]) if body.startswith(b"{") else ""
            if method.startswith("model.") and method.rpartition(".")[2] not in READS:
                found.append(("POST", f"{path} {method}", None))
        return found
