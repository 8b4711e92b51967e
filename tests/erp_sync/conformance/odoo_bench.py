"""The benches of the Odoo connector: the simulated Odoo 19 over JSON-2, and the 17 over XML-RPC."""

from __future__ import annotations

import json
import xmlrpc.client
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from unittest import mock

from erp_sync.adapters import port
from erp_sync.adapters.odoo import pull
from tests.erp_sync.conformance.bench import Bench, Document, Payload
from tests.odoo_plant import MODELS, seed
from tests.odoo_server import KEY, READS, OdooServer

FLANGE: Payload = {"site": "RHF", "item": "FG-100", "quantity": "3"}
GOOD: dict[str, Payload] = {
    "confirmation": {"site": "RHF", "work_order": "WH/MO/00001", "yield_qty": "9", "final": True},
    "movement.scrap": FLANGE | {"reason_code": "burr"},
    "movement.block": FLANGE,
    "movement.unblock": FLANGE,
    "movement.transfer": FLANGE | {"from_location": "STO", "to_location": "WH/Shelf"},
    "maintenance_notification": {"site": "RHF", "action": "open", "work_unit": "PRESS-1"},
}


class Odoo(Bench):
    name = "odoo"
    main = "movement.block"
    series: ClassVar[int] = 19
    secrets = (KEY,)
    known_code = ("location", "rack", "WH/Stock")
    reading = b"/json/2/product.product/search_read"
    absent = {
        "expired_login": "an API key stands for itself; there is no session that could end",
        "look_up_cancelled": "Odoo cancels no finished transfer; it is taken back by another one",
    }

    def open(self) -> None:
        self.server = OdooServer(self.series).start()

    def close(self) -> None:
        self.server.stop()

    def fresh(self) -> None:
        server = self.server
        server.tables, server._next = {model: {} for model in MODELS}, 1
        server.faults.clear()
        server.calls.clear()
        server.now = datetime.now(UTC).replace(microsecond=0)
        seed(server)

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self) -> dict[str, Any]:
        return self.server.settings(read_timeout=30, timezone="UTC")

    def payload(self, kind: str) -> Payload | None:
        if kind == "change.date":
            line = self.server.rows("purchase.order.line")[0]
            new = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
            return {
                "site": "RHF", "target": "po_line", "number": "P00001", "line": str(line["id"]),
                "which": "promised", "old": str(line["date_planned"])[:10], "new": new,
            }  # fmt: skip
        return GOOD.get(kind)

    def refused(self) -> Payload:
        return FLANGE | {"item": "NO-SUCH"}

    def fine(self) -> tuple[Payload, Decimal, str]:
        steel = {"item": "RM-1", "lot": "L-7", "quantity": "1.125", "uom": "kg"}
        return FLANGE | steel, Decimal("1.125"), "kg"

    def unmapped(self) -> tuple[dict[str, Any], str, Payload]:
        return {"blocked": {}}, "movement.block", FLANGE

    def drift(self) -> tuple[str, Payload]:
        return self.main, FLANGE | {"quantity": "4000"}

    def documents(self, command: port.PostingCommand) -> list[Document]:
        if command.kind == "change.date":
            line = self.server.rows("purchase.order.line")[0]
            return [Document("changed")] if str(line["date_planned"])[:10] == command.payload["new"] else []
        numbers = self.server.documents(command.business_key)
        if command.kind != self.main:
            return [Document(number) for number in numbers]
        return [self._picking(number) for number in numbers]

    def _picking(self, number: str) -> Document:
        row = self.server.find("stock.picking", name=number)
        moves = [one for one in self.server.rows("stock.move") if one["picking_id"] == row["id"]]
        unit = self.server.tables["product.product"][moves[0]["product_id"]]["uom_id"]
        return Document(
            number, Decimal(str(moves[0]["product_uom_qty"])), self.server.tables["uom.uom"][unit]["name"],
            str(row["note"] or ""), date.fromisoformat(str(row["scheduled_date"])[:10]),
        )  # fmt: skip

    def state(self, kind: str) -> Any:
        server = self.server
        stock: dict[tuple[str, str, Any], float] = {}
        for row in server.rows("stock.quant"):
            place = (server.code(row["product_id"]), server.place(row["location_id"]), row["lot_id"])
            stock[place] = stock.get(place, 0) + row["quantity"]
        dates = [str(row["date_planned"])[:10] for row in server.rows("purchase.order.line")]
        requests = [row["name"] for row in server.rows("maintenance.request") if not row["archive"]]
        return {place: held for place, held in stock.items() if held}, dates, requests

    def awkward(self) -> list[tuple[str, Payload]]:
        server = self.server
        stock = server.find("stock.location", complete_name="WH/Stock")["id"]
        house = server.rows("stock.warehouse")[0]["id"]
        bin_ = server.add("stock.location", name="A", complete_name="WH/Stock/A", usage="internal",
                          parent_id=stock, warehouse_id=house)  # fmt: skip
        flange = server.find("product.product", default_code="FG-100")["id"]
        server.add("stock.quant", product_id=flange, location_id=bin_, quantity=25.0, reserved_quantity=0.0)
        return [*super().awkward(), (self.main, FLANGE | {"from_location": "STO", "quantity": "60"})]

    def changing(self) -> tuple[str, Payload]:
        line = str(self.server.rows("purchase.order.line")[0]["date_planned"])[:10]
        return "change.date", (self.payload("change.date") or {}) | {"old": line}

    def move_on(self, command: port.PostingCommand) -> None:
        line = self.server.rows("purchase.order.line")[0]["id"]
        self.server.change("purchase.order.line", line, date_planned="2098-01-02 11:00:00")

    def level(self) -> Decimal:
        return Decimal(str(self.server.stock("FG-100", "WH/Blocked")))

    def steps(self) -> tuple[bytes, ...]:
        names = ("create", "action_confirm", "action_assign", "button_validate")
        return tuple(self.marker("stock.picking", name) for name in names)

    def marker(self, model: str, method: str) -> bytes:
        return f"/json/2/{model}/{method}".encode()

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.server.fault("lock", times=1000)
        yield
        self.server.faults.clear()

    def touch(self) -> str:
        row = self.server.find("product.product", default_code="FG-100")
        self._later()
        self.server.change("product.product", row["id"], name="Flange, new")
        return "FG-100"

    def delete(self) -> str:
        row = self.server.find("product.product", default_code="RM-1")
        self._later()
        self.server.change("product.product", row["id"], active=False)
        return "RM-1"

    def paged(self) -> AbstractContextManager[object]:
        return mock.patch.object(pull, "SIZE", 1)

    @contextmanager
    def gone(self, external_id: str) -> Iterator[None]:
        self.server.change("product.product", int(external_id), active=False)
        yield

    def rename(self) -> tuple[str, str]:
        row = self.server.find("product.product", default_code="RM-1")
        self._later()
        self.server.change("product.product", row["id"], default_code="RM-1B")
        return "RM-1", "RM-1B"

    def _later(self) -> None:
        self.server.advance(seconds=5)

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        found = []
        for one in requests:
            head, _, body = one.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            if path.startswith("/json/2/") and path.rpartition("/")[2] not in READS:
                found.append(("POST", path, json.loads(body)))
        return found

    def wrong_login(self) -> dict[str, Any]:
        return {"password": "not-the-password"}


class OdooXmlRpc(Odoo):
    """The same before 19, where there is only XML-RPC."""

    series = 17
    reading = (
        b"<string>product.product</string></value>\n</param>\n<param>\n<value><string>search_read</string>"
    )

    def marker(self, model: str, method: str) -> bytes:
        between = "</value>\n</param>\n<param>\n<value>"
        return f"<string>{model}</string>{between}<string>{method}</string>".encode()

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        found = []
        for one in requests:
            head, _, body = one.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            asked = list(xmlrpc.client.loads(body)[0]) if path == "/xmlrpc/2/object" else []
            if asked and asked[4] not in READS:
                found.append(("POST", path, asked))
        return found

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"protocol": "xmlrpc"}
