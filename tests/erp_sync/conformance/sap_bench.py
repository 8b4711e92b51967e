"""The bench of the SAP connector: the simulated S/4HANA, whose books lie in the test's own process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

from core.keys import key_uuid
from erp_sync.adapters import port
from erp_sync.simulators.sap import goods, plant
from erp_sync.simulators.sap.web import Settings, Simulator
from tests.erp_sync.conformance.bench import Bench, Document, Payload
from tests.sap_simulator import serving

SITE: Payload = {"site": "RHF"}
STOCK = ("RM-1", "1010", "101A", "", "01")
GOOD: dict[str, Payload] = {
    "confirmation": {
        "work_order": "1000123", "operation": "10", "yield_qty": "9", "machine_minutes": "30", "uom": "EA",
    },
    "movement.issue": {"work_order": "1000123", "item": "RM-1", "quantity": "5"},
    "movement.receipt": {
        "purchase_order": "4500000001", "po_line": "10", "item": "RM-1", "quantity": "5", "to_location": "101A",
    },
    "movement.scrap": {"item": "RM-1", "quantity": "5", "reason_code": "burr"},
    "movement.block": {"item": "RM-3", "quantity": "5", "lot": "B0001"},
    "movement.unblock": {"item": "RM-3", "quantity": "5", "lot": "B0001"},
    "movement.return": {
        "to": "stock", "work_order": "1000123", "item": "RM-1", "quantity": "2", "to_location": "101A",
    },
    "movement.transfer": {"item": "RM-1", "quantity": "5", "from_location": "101A", "to_location": "101B"},
    "quality_event": {"action": "open", "quantity": "3", "item": "FG-100", "defect_code": "burr"},
    "inspection_result": {
        "work_order": "1000123", "characteristic": "bore", "verdict": "rejected", "value": "25.3", "uom": "mm",
    },
    "maintenance_notification": {"action": "open", "work_unit": "PRESS-1"},
}  # fmt: skip


class Sap(Bench):
    name = "sap"
    secrets = ("simulated-secret", "U0lNVVNFUjpzaW11bGF0ZWQtc2VjcmV0")
    text_length = 8
    known_code = ("work_centre", "PRESS", "MILL-1")
    reading = b"GET /sap/opu/odata/sap/API_PRODUCT_SRV/A_Product?"
    absent = {
        "look_up_half_done": "a posting is one call, all or nothing; nothing is begun and left",
        "pull_rename": "SAP never gives a material another number",
    }

    def open(self) -> None:
        self.sim = Simulator(plant.build, Settings(users=(("SIMUSER", "simulated-secret"),)))
        self._stack = ExitStack()
        self._url = self._stack.enter_context(serving(self.sim))

    def close(self) -> None:
        self._stack.close()

    def fresh(self) -> None:
        self.sim.books, self.sim.repeated = self.sim.build(), {}
        self.sim.faults.clear()

    @property
    def url(self) -> str:
        return self._url

    def settings(self) -> dict[str, Any]:
        return {
            "url": self._url, "username": "SIMUSER", "password": "simulated-secret", "database": "100",
            "read_timeout": 30, "plant": {"RHF": "1010"}, "work_unit": {"PRESS-1": "E:10000045"},
            "defect": {"burr": "QM-E/1"}, "reason": {"burr": "0001"}, "characteristic": {"bore": "1/10"},
        }  # fmt: skip

    def payload(self, kind: str) -> Payload | None:
        if kind in ("change.date", "change.quantity"):
            line = {"target": "po_line", "number": "4500000001", "line": "10"}
            quantity, day = self._line()
            if kind == "change.quantity":
                return line | {"old": quantity, "new": "250"}
            new = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
            return line | {"which": "promised", "old": day, "new": new}
        return SITE | GOOD[kind] if kind in GOOD else None

    def refused(self) -> Payload:
        return SITE | GOOD["movement.scrap"] | {"item": "NO-SUCH"}

    def fine(self) -> tuple[Payload, Decimal, str]:
        coating = {"item": "RM-3", "lot": "B0001", "quantity": "1.125", "uom": "kg"}
        return SITE | GOOD["movement.scrap"] | coating, Decimal("1.125"), "KG"

    def unmapped(self) -> tuple[dict[str, Any], str, Payload]:
        return {}, "quality_event", SITE | GOOD["quality_event"] | {"defect_code": "never mapped"}

    def drift(self) -> tuple[str, Payload]:
        return "movement.scrap", SITE | GOOD["movement.scrap"] | {"quantity": "5000"}

    def documents(self, command: port.PostingCommand) -> list[Document]:
        books, key = self.sim.books, command.business_key
        match command.kind.partition(".")[0]:
            case "movement":
                return [
                    self._movement(head)
                    for head in books.find("A_MaterialDocumentHeader", ReferenceDocument=key)
                ]
            case "confirmation":
                wanted = {str(key_uuid(key)), key_uuid(key)}
                rows = books.tables["ProdnOrdConf2"].values()
                return [Document(str(r)) for r in rows if r.get("ExternalSystemConfirmation") in wanted]
            case "quality_event":
                rows = books.tables["A_Defect"].values()
                return [Document(r["DefectText"]) for r in rows if r["DefectText"].startswith(key)]
            case "inspection_result":
                rows = books.tables["A_InspectionResult"].values()
                return [
                    Document("result") for r in rows if str(r.get("InspectionResultText")).startswith(key)
                ]
            case "maintenance_notification":
                found = books.find("MaintenanceNotification", MaintNotifExtReferenceNumber=key)
                return [Document(row["MaintenanceNotification"]) for row in found]
        return [Document("changed")] if command.payload["new"] in self._line() else []

    def _line(self) -> tuple[str, str]:
        """Quantity and day of the purchase order's first line."""
        (line,) = self.sim.books.find("A_PurchaseOrderScheduleLine", PurchasingDocumentItem="10")
        return str(line["ScheduleLineOrderQuantity"]), str(line["ScheduleLineDeliveryDate"])[:10]

    def _movement(self, head: dict[str, Any]) -> Document:
        number, year = head["MaterialDocument"], head["MaterialDocumentYear"]
        (item,) = self.sim.books.find(
            "A_MaterialDocumentItem", MaterialDocument=number, MaterialDocumentYear=year
        )
        return Document(
            f"{number}/{year}", Decimal(item["QuantityInEntryUnit"]), item["EntryUnit"],
            head.get("MaterialDocumentHeaderText"), head["PostingDate"].date(),
        )  # fmt: skip

    def earlier(self, kind: str) -> tuple[str, Payload] | None:
        before = {"movement.unblock": "movement.block", "movement.return": "movement.issue"}.get(kind)
        return (before, SITE | GOOD[before]) if before else None

    def state(self, kind: str) -> Any:
        books = self.sim.books
        match kind:
            case "confirmation":
                rows = books.tables["A_ProductionOrderOperation_2"].values()
                return sum(row.get("OpTotalConfirmedYieldQty") or 0 for row in rows)
            case "quality_event":
                return sum(not row.get("IsDeleted") for row in books.tables["A_Defect"].values())
            case "inspection_result":
                return len(books.tables["A_InspectionResult"])
            case "maintenance_notification":
                return None
        return dict(books.stock), self._line()

    def changing(self) -> tuple[str, Payload]:
        return "change.date", self.payload("change.date") or {}

    def move_on(self, command: port.PostingCommand) -> None:
        (line,) = self.sim.books.find("A_PurchaseOrderScheduleLine", PurchasingDocumentItem="10")
        later = line["ScheduleLineDeliveryDate"] + timedelta(days=400)
        self.sim.books.change("A_PurchaseOrderScheduleLine", line, {"ScheduleLineDeliveryDate": later})

    @contextmanager
    def gone(self, external_id: str) -> Iterator[None]:
        self.sim.books.drop("A_Product", self.sim.books.tables["A_Product"][external_id,])
        yield

    def level(self) -> Decimal:
        free = next(key for key in self.sim.books.stock if key[:4] == STOCK[:4])
        return self.sim.books.on_hand(free)

    def steps(self) -> tuple[bytes, ...]:
        return (b"POST /sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV/A_MaterialDocumentHeader",)

    def undoing(self) -> bytes:
        return b"POST /sap/opu/odata/sap/API_MATERIAL_DOCUMENT_SRV/Cancel"

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.sim.books.locks["material:RM-1"] = ("MILLER", None)
        yield
        self.sim.books.unlock("material:RM-1")

    def expire(self, adapter: port.ErpAdapter) -> None:
        self.sim.sessions.clear()

    def cancel(self, command: port.PostingCommand) -> None:
        (head,) = self.sim.books.find("A_MaterialDocumentHeader", ReferenceDocument=command.business_key)
        with self.sim.books.transaction():
            goods.cancel(
                self.sim.books, head["MaterialDocumentYear"], head["MaterialDocument"], None, "MILLER"
            )

    def touch(self) -> str:
        row = self.sim.books.tables["A_Product"]["RM-1",]
        self.sim.books.change("A_Product", row, {"BaseUnit": "EA"})
        return "RM-1"

    def delete(self) -> str:
        row = self.sim.books.tables["A_Product"]["RM-2",]
        self.sim.books.drop("A_Product", row)
        return "RM-2"

    def sent(self, requests: list[bytes]) -> list[tuple[str, str, Any]]:
        found = []
        for one in requests:
            head, _, body = one.partition(b"\r\n\r\n")
            method, target = head.split(b"\r\n", 1)[0].decode().split(" ")[:2]
            path, _, query = target.partition("?")
            if method != "GET":
                found.append(
                    (method, unquote(path), json.loads(body) if body else dict(parse_qsl(query)) or None)
                )
        return found
