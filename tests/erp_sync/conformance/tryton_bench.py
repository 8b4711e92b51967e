"""The bench of the Tryton connector: a real Tryton on a database of its own, asked directly for what stands there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from erp_sync.adapters import port
from tests.erp_sync.conformance.bench import Bench, Document, Payload
from tests.tryton_server import Tryton, TrytonServer, command

SHIPMENT = "stock.shipment.internal"
TUBE: Payload = {"site": "RHE", "item": "RM-TUBE", "quantity": "1", "from_location": "RHE-A01"}
RARE: Payload = {
    "purchase_order": "45002",
    "po_line": "10",
    "item": "RM-RARE",
    "quantity": "1",
    "site": "RHE",
}
GOOD: dict[str, Payload] = {
    "confirmation": {"work_order": "100003", "operation": "10", "yield_qty": "1", "machine_minutes": "12"},
    "movement.issue": {"work_order": "100004", "item": "RM-SEAL-B", "quantity": "1", "from_location": "RHE-A02"},
    "movement.receipt": RARE | {"to_location": "RHE-A01"},
    "movement.scrap": TUBE | {"reason_code": "DIM"},
    "movement.block": TUBE,
    "movement.unblock": {"site": "RHE", "item": "RM-TUBE", "quantity": "1", "to_location": "RHE-A01"},
    "movement.return": RARE | {"to": "supplier", "lot": "LOT-CONF", "from_location": "RHE-A01", "reason_code": "SUR"},
    "movement.transfer": TUBE | {"to_location": "RHE-A02"},
    "quality_event": {"action": "open", "quantity": "1", "item": "RM-SEAL", "lot": "LOT-S1", "site": "RHE"},
    "inspection_result": {
        "characteristic": "LOOKS", "verdict": "accepted", "lot": "LOT-S1", "item": "RM-SEAL", "site": "RHE",
    },
    "cost": {"amount": "10.50", "currency": "EUR", "cost_class": "scrap", "basis": "real"},
}  # fmt: skip
#: kind -> the model its document is kept in, and the field that begins with the key
KEPT = {
    "confirmation": ("ir.note", "message"),
    "movement.issue": ("ir.note", "message"),
    "movement.receipt": ("stock.shipment.in", "reference"),
    "movement.return": ("stock.shipment.in.return", "reference"),
    "quality_event": ("quality.inspection", "reference"),
    "inspection_result": ("quality.inspection", "reference"),
    "cost": ("account.move", "description"),
    "change.cancel": ("sale.amendment", "description"),
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
        **dict.fromkeys(
            ("pull_while_deleted", "identities_while_deleted"),
            "Tryton deletes no item that was ever moved; one put out of use stays listed",
        ),
        "look_up_cancelled": "Tryton cancels no finished shipment; it is taken back by another one",
    }

    def __init__(self, server: TrytonServer) -> None:
        self.server = server
        self.secrets = (server.home.password,)  # type: ignore[misc]
        self.tryton = Tryton(server, server.adapter(), server.ask())
        self.places: dict[str, int] = {}

    def close(self) -> None:
        self.tryton.adapter.close()
        self.tryton.books.close()

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self) -> dict[str, Any]:
        return self.server.settings()

    def payload(self, kind: str) -> Payload | None:
        # Changes stay in a Tryton that is never as new: each goes on from what stands there.
        if kind == "change.date":
            day = self.tryton.order("100006")["planned_date"]
            said = {
                "target": "work_order",
                "number": "100006",
                "which": "planned_end",
                "old": day.isoformat(),
            }
            return said | {"new": (day + timedelta(days=1)).isoformat()}
        if kind == "change.quantity":
            quantity = self.tryton.order("100007")["quantity"]
            said = {"target": "work_order", "number": "100007", "old": f"{quantity:g}"}
            return said | {"new": f"{quantity + 1:g}"}
        if kind == "change.cancel":
            if self.tryton.order("100008")["state"] != "cancelled":
                return {"target": "work_order", "number": "100008"}
            return {"target": "so_line", "number": "30002", "line": "10", "scope": "rest"}
        return GOOD.get(kind)

    def earlier(self, kind: str) -> tuple[str, Payload] | None:
        if kind == "movement.return":
            return "movement.receipt", RARE | {"to_location": "RHE-A01", "lot": "LOT-CONF"}
        return ("movement.block", TUBE) if kind == "movement.unblock" else None

    def state(self, kind: str) -> Any:
        if kind == "change.date":
            return self.tryton.order("100006")["planned_date"]
        if kind == "change.quantity":
            return self.tryton.order("100007")["quantity"]
        if kind.startswith("movement.") and kind != "movement.issue":
            return {place: self._held(place) for place in ("RHE-A01", "RHE-A02", "RHE-BLK")}
        return None

    def _held(self, place: str) -> dict[str, float]:
        """What lies in a place, of the items these cases move."""
        books = self.tryton.books
        if place not in self.places:
            (row,) = books.search("stock.location", [["code", "=", place]], ["code"])
            self.places[place] = row["id"]
        context = {"locations": [self.places[place]], "with_childs": False}
        domain = [["code", "in", ["RM-TUBE", "RM-RARE", "RM-OIL"]]]
        rows = books.search("product.product", domain, ["code", "quantity"], context=context)
        return {row["code"]: row["quantity"] for row in rows}

    def awkward(self) -> list[tuple[str, Payload]]:
        # Tubes in both racks; blocked out of the storage above them, more than one rack holds.
        moved = command(
            "movement.transfer", "CONFORMANCESPLIT", **TUBE | {"quantity": "2", "to_location": "RHE-A02"}
        )
        assert self.tryton.adapter.send(moved).status == "confirmed"
        many = f"{self.tryton.on_hand('RM-TUBE', 'RHE-A01') + 1:g}"
        books = self.tryton.books
        if not books.search("product.uom", [["symbol", "=", "dz"]], ["symbol"]):
            (unit,) = books.search("product.uom", [["symbol", "=", "u"]], ["category"])
            books.create("product.uom", {"name": "Dozen", "symbol": "dz", "category": unit["category"], "factor": 12.0,
                                         "rate": 0.083333333333, "rounding": 1.0, "digits": 0})  # fmt: skip
        dozen = RARE | {"to_location": "RHE-A01", "uom": "dz"}
        return [
            *super().awkward(),
            ("movement.block", TUBE | {"from_location": "RHE-STO", "quantity": many}),
            ("movement.receipt", dozen),
        ]

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Its own database, held as another hand's posting holds it: Tryton waits for no lock on stock."""
        address = f"{self.server.home.database_url.rstrip('/')}/{self.server.database}"
        with psycopg.connect(address) as other:
            other.execute("SELECT 1 FROM stock_move FOR UPDATE")
            yield
            other.rollback()

    def contended(self) -> tuple[str, Payload]:
        # A block has its shipment by the time it reserves; an order nobody has begun reserves first of all.
        return "confirmation", {"work_order": "100009", "operation": "10", "machine_minutes": "5"}

    def changing(self) -> tuple[str, Payload]:
        return "change.date", self.payload("change.date") or {}

    def move_on(self, command: port.PostingCommand) -> None:
        order = self.tryton.order("100006")
        self.tryton.books.write("production", order["id"], {"planned_date": date(2040, 5, 7)})

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
        if command.kind == "change.cancel" and command.payload["target"] == "work_order":
            state = self.tryton.order(command.payload["number"])["state"]
            return [Document(state)] if state == "cancelled" else []
        if command.kind in KEPT:
            model, field = KEPT[command.kind]
            rows = books.search(model, [[field, "like", f"{key}%"]], [field])
            return [Document(str(row["id"]), text=row[field]) for row in rows]
        if command.kind.startswith("change."):
            order = self.tryton.order(command.payload["number"])
            told = (str(order["planned_date"]), f"{order['quantity']:g}")
            return [Document("changed")] if command.payload["new"] in told else []
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
