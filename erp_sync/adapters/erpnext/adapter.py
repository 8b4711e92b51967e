"""The ERPNext connector as the outbox sees it: what it takes, the trial of codes, health.

Owns which kinds ERPNext takes and why it does not take the others. Look-first-then-act and the sorting of ends are
`handling`'s. Must not know: the outbox's tables, retry policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from erp_sync.adapters import port
from erp_sync.adapters.erpnext import books, pull, reconcile, stock
from erp_sync.adapters.erpnext.changes import ChangeBackHandler, ChangeHandler
from erp_sync.adapters.erpnext.client import Client
from erp_sync.adapters.erpnext.documents import CancelHandler
from erp_sync.adapters.erpnext.terms import Desk, Terms
from erp_sync.adapters.handling import Handler, HandlingAdapter
from erp_sync.errors import ErpRejected, ErpUnavailable

LACKING = {
    "movement.receipt": "receipts against purchases are booked in ERPNext; a work order's output comes with its end",
    "inspection_result": "ERPNext's inspections hang on receipts and deliveries, which are booked there",
    "maintenance_notification": "ERPNext plans maintenance of assets and sold serial numbers, not of machines",
    "change.cancel": "the end of an order is decided in ERPNext, with what hangs on it",
    "operation.move": "ERPNext keeps an operation's workstation on its job card",
    "customer_answer": "answers to customers go by mail or EDI, not through ERPNext",
}
#: Which document type a mapped code names.
CHECKS = {
    "location": "Warehouse",
    "blocked": "Warehouse",
    "scrap": "Warehouse",
    "stock": "Warehouse",
    "site": "Warehouse",
    "work_centre": "Workstation",
    "unit": "UOM",
    "defect": "Quality Procedure",
    "cost_account": "Account",
    "cost_center": "Cost Center",
}
_MOVED = ("issue", "scrap", "block", "unblock", "transfer", "return")


class ErpNextAdapter(HandlingAdapter):
    """One ERPNext site. `settings` as the profile in this folder's `__init__` tells them."""

    kind = "erpnext"
    product: ClassVar[str] = "ERPNext"
    handlers: ClassVar[Mapping[str, Handler]] = {
        "confirmation": stock.ConfirmationHandler(),
        **{f"movement.{name}": stock.MovementHandler() for name in _MOVED},
        "quality_event": books.QualityHandler(),
        "cost": books.CostHandler(),
        "change.date": ChangeHandler(),
        "change.quantity": ChangeHandler(),
    }
    reversals: ClassVar[Mapping[str, Handler]] = {
        "confirmation": CancelHandler(stock.ENTRY),
        **{f"movement.{name}": CancelHandler(stock.ENTRY) for name in _MOVED},
        "quality_event": books.FindingBackHandler(),
        "cost": CancelHandler(books.ENTRY),
        "change.date": ChangeBackHandler(),
        "change.quantity": ChangeBackHandler(),
    }
    lacking: ClassVar[Mapping[str, str]] = LACKING

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settle_after = timedelta(seconds=float(settings.get("settle_seconds") or 120))
        client = Client(settings)
        self._client = client
        self._desk = Desk(client, Terms(settings))

    def _declines(self, command: port.PostingCommand) -> str:
        payload, kind = command.payload, command.kind
        if kind == "confirmation" and not payload.get("final"):
            return "ERPNext books an order's output once, with its final confirmation; operations are job cards there"
        if kind == "cost" and payload.get("basis") == "statistical":
            return "a statistical cost never leaves the product"
        if kind == "movement.return" and payload.get("to") == "supplier":
            return "returns to a supplier are made from their receipt in ERPNext"
        if kind == "change.date" and payload.get("which") == "requested":
            return "ERPNext keeps one date a line, the promised one"
        if kind == "change.quantity" and payload.get("target") == "work_order":
            return "ERPNext keeps the quantity of a submitted work order"
        original = payload.get("original")
        completing = isinstance(original, Mapping) and original.get("action") == "complete"
        if kind == "reversal" and payload.get("reverses_kind") == "quality_event" and completing:
            return "a resolved finding stays resolved in ERPNext"
        return ""

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return pull.pages(self._desk, entity, watermark)

    def all_stock(self) -> Iterator[port.Record]:
        return (record for page in self.pull("stock") for record in page.records)

    def identities(self, entity: str) -> Iterator[str]:
        return pull.identities(self._desk, entity)

    def ping(self) -> port.Health:
        client: Client = self._desk.client
        started = time.perf_counter()
        try:
            user = str(client.ask("frappe.auth.get_logged_user"))
        except (ErpUnavailable, ErpRejected) as error:
            return port.Health(False, detail=error.message)
        taken = int((time.perf_counter() - started) * 1000)
        clock = client.server_time
        return port.Health(True, f"logged in as {user}", self._version(client), taken, clock=clock)

    @staticmethod
    def _version(client: Client) -> str:
        """ERPNext's version; a user without the right to ask is not refused for that."""
        try:
            told = client.ask("frappe.utils.change_log.get_versions")
        except (ErpUnavailable, ErpRejected):
            return ""
        app = told.get("erpnext") if isinstance(told, dict) else None
        return str(app.get("version") or "") if isinstance(app, dict) else ""

    def check_code(self, kind: str, ours: str, theirs: str) -> port.CodeCheck:
        if kind not in CHECKS:
            return port.CodeCheck(None, f"{kind} is not looked up in ERPNext")
        try:
            found = self._desk.client.first(CHECKS[kind], [["name", "=", theirs]], ["name"])
        except ErpRejected as error:
            return port.CodeCheck(None, error.message)
        return port.CodeCheck(found is not None, f"{CHECKS[kind]} {theirs}" if found else "")

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        return reconcile.documents(self._desk, since)
