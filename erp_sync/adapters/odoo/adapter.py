"""The Odoo connector as the outbox sees it: what it takes, the trial of codes, health.

Owns which kinds Odoo Community takes and why it does not take the others. Look-first-then-act and the sorting of
ends are `handling`'s. Must not know: the outbox's tables, retry policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from erp_sync.adapters import port
from erp_sync.adapters.handling import Handler, HandlingAdapter
from erp_sync.adapters.odoo import pull, reconcile
from erp_sync.adapters.odoo.catalogue import Catalogue
from erp_sync.adapters.odoo.changes import ChangeBackHandler, ChangeDateHandler
from erp_sync.adapters.odoo.client import Client
from erp_sync.adapters.odoo.maintenance import ArchiveHandler, MaintenanceHandler
from erp_sync.adapters.odoo.movements import ReturnHandler, TransferHandler
from erp_sync.adapters.odoo.production import ConfirmationHandler, Desk, UnbuildHandler
from erp_sync.adapters.odoo.scrap import ScrapHandler
from erp_sync.adapters.odoo.times import EitherHandler, TimeBackHandler, TimeHandler
from erp_sync.errors import ErpRejected, ErpUnavailable

ENTERPRISE = "Odoo Community has no quality module; the record here is the only one"
LACKING = {
    "movement.issue": "Odoo draws components with the manufacturing order's own closing",
    "movement.receipt": "receipts against purchases and the output of orders are booked in Odoo by their own documents",
    "movement.return": "returns to a supplier are made from their receipt in Odoo",
    "quality_event": ENTERPRISE,
    "inspection_result": ENTERPRISE,
    "cost": "journals and analytic plans differ from company to company; costs are booked in Odoo",
    "change.quantity": "quantities of confirmed orders are changed in Odoo, with what hangs on them",
    "change.cancel": "the end of an order is decided in Odoo, with what hangs on it",
    "operation.move": "Odoo plans work centres, not machines",
    "customer_answer": "answers to customers go by mail or EDI, not through Odoo",
}
#: Which model and fields a mapped code is looked up in.
CHECKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "location": ("stock.location", ("complete_name", "barcode")),
    "blocked": ("stock.location", ("complete_name", "barcode")),
    "scrap": ("stock.location", ("complete_name", "barcode")),
    "site": ("stock.warehouse", ("code",)),
    "work_centre": ("mrp.workcenter", ("code", "name")),
    "work_unit": ("maintenance.equipment", ("name", "serial_no")),
    "reason": ("stock.scrap.reason.tag", ("name",)),
    "unit": ("uom.uom", ("name",)),
}


class OdooAdapter(HandlingAdapter):
    """One Odoo database. `settings` as the profile in this folder's `__init__` tells them."""

    kind = "odoo"
    product: ClassVar[str] = "Odoo"
    handlers: ClassVar[Mapping[str, Handler]] = {
        "confirmation": EitherHandler(ConfirmationHandler(), TimeHandler()),
        "movement.scrap": ScrapHandler(),
        "movement.block": TransferHandler(),
        "movement.unblock": TransferHandler(),
        "movement.transfer": TransferHandler(),
        "maintenance_notification": MaintenanceHandler(),
        "change.date": ChangeDateHandler(),
    }
    reversals: ClassVar[Mapping[str, Handler]] = {
        "confirmation": EitherHandler(UnbuildHandler(), TimeBackHandler()),
        "movement.block": ReturnHandler(),
        "movement.unblock": ReturnHandler(),
        "movement.transfer": ReturnHandler(),
        "maintenance_notification": ArchiveHandler(),
        "change.date": ChangeBackHandler(),
    }
    lacking: ClassVar[Mapping[str, str]] = LACKING

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settle_after = timedelta(seconds=float(settings.get("settle_seconds") or 120))
        client = Client(settings)
        self._client = client
        self._desk = Desk(client, Catalogue(client, settings))

    def _declines(self, command: port.PostingCommand) -> str:
        payload = command.payload
        if command.kind == "change.date" and payload.get("which") == "requested":
            return "Odoo keeps no date the customer asked for beside the one that is promised"
        if command.kind == "reversal" and payload.get("reverses_kind") == "movement.scrap":
            return "Odoo keeps a done scrap order for good; stock is put right there by a count"
        original = payload.get("original")
        if (
            command.kind == "reversal"
            and payload.get("reverses_kind") == "maintenance_notification"
            and isinstance(original, Mapping)
            and original.get("action") == "complete"
        ):
            return "Odoo has no way back from a maintenance request that is done"
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
            version = client.version(fresh=True)
            client.who()
            spoken = "JSON-2" if client.speaks_json2() else "XML-RPC"
        except (ErpUnavailable, ErpRejected) as error:
            return port.Health(False, detail=error.message)
        taken = int((time.perf_counter() - started) * 1000)
        detail = f"{client.database or 'the only database'} over {spoken}"
        return port.Health(True, detail, version.text, taken, clock=client.server_time)

    def check_code(self, kind: str, ours: str, theirs: str) -> port.CodeCheck:
        if kind not in CHECKS:
            return port.CodeCheck(None, f"{kind} is not looked up in Odoo")
        model, fields = CHECKS[kind]
        domain: list[Any] = ["|"] * (len(fields) - 1) + [[name, "=", theirs] for name in fields]
        try:
            found = self._desk.client.search(model, domain, ["display_name"], limit=2)
        except ErpRejected as error:
            return port.CodeCheck(None, error.message)
        if len(found) > 1:
            return port.CodeCheck(False, f"Odoo has more than one {theirs!r}")
        return port.CodeCheck(bool(found), str(found[0]["display_name"]) if found else "")

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        return reconcile.documents(self._desk, since)
