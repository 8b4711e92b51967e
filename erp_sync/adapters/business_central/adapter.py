"""The Business Central connector as the outbox sees it: what it takes, the trial of codes, reconciliation, health.

Owns which kinds API v2.0 takes and why it does not take the others. Look-first-then-act and the sorting of ends are
`handling`'s. Must not know: the outbox's tables, retry policy.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from erp_sync.adapters import port
from erp_sync.adapters.business_central import changes, costs, pull
from erp_sync.adapters.business_central.client import Client, Row, literal
from erp_sync.adapters.business_central.terms import Desk, Terms
from erp_sync.adapters.handling import Handler, HandlingAdapter
from erp_sync.errors import ErpRejected, ErpUnavailable

KEY = re.compile(r"^[A-Z2-7]{16}$")
NO_STOCK = "Business Central's standard API only reads item entries; moving stock needs a page the customer publishes"
NO_QUALITY = "Business Central's standard application has no quality management"
LACKING = {
    "confirmation": "production orders, output and consumption are not in Business Central's standard API",
    **dict.fromkeys(
        (
            f"movement.{name}"
            for name in ("issue", "receipt", "scrap", "block", "unblock", "transfer", "return")
        ),
        NO_STOCK,
    ),
    "quality_event": NO_QUALITY,
    "inspection_result": NO_QUALITY,
    "maintenance_notification": "Business Central's standard API has no maintenance of machines",
    "change.cancel": "the end of an order or line is decided in Business Central, with its receipts and invoices",
    "operation.move": "routings and machine centres are not in Business Central's standard API",
    "customer_answer": "answers to customers go by mail or EDI, not through Business Central",
}
#: Where a mapped code is looked up: list, field, and what is shown of the row.
CHECKS: dict[str, tuple[str, str]] = {
    "cost_account": ("accounts", "number"),
    "balancing_account": ("accounts", "number"),
    "unit": ("unitsOfMeasure", "code"),
    "plant": ("locations", "code"),
}


class BusinessCentralAdapter(HandlingAdapter):
    """One company of one environment. `settings` as the profile in this folder tells them."""

    kind = "business_central"
    product: ClassVar[str] = "Business Central"
    handlers: ClassVar[Mapping[str, Handler]] = {
        "cost": costs.CostHandler(),
        "change.date": changes.ChangeHandler(),
        "change.quantity": changes.ChangeHandler(),
    }
    reversals: ClassVar[Mapping[str, Handler]] = {
        "cost": costs.CostBack(),
        "change.date": changes.ChangeBack(),
        "change.quantity": changes.ChangeBack(),
    }
    lacking: ClassVar[Mapping[str, str]] = LACKING

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settle_after = timedelta(seconds=float(settings.get("settle_seconds") or 600))
        self._bc = Client(settings)
        self._client = self._bc
        self._desk = Desk(self._bc, Terms(settings))

    def _declines(self, command: port.PostingCommand) -> str:
        payload = command.payload
        if command.kind == "cost" and payload.get("basis") == "statistical":
            return costs.STATISTICAL
        if command.kind in ("change.date", "change.quantity"):
            return changes.declines(payload, command.kind)
        return ""

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return pull.pages(self._desk, entity, watermark)

    def identities(self, entity: str) -> Iterator[str]:
        return pull.identities(self._desk, entity)

    def check_code(self, kind: str, ours: str, theirs: str) -> port.CodeCheck:
        if kind not in CHECKS:
            return port.CodeCheck(None, f"{kind} is not looked up in Business Central")
        entity, field = CHECKS[kind]
        try:
            row = next(self._bc.rows(entity, filter=f"{field} eq {literal(theirs)}"), None)
        except ErpRejected as error:
            raise ErpUnavailable(error.message, code=error.code, sent=False) from None
        if row is None:
            return port.CodeCheck(False, f"Business Central has no {field} {theirs} among its {entity}")
        if row.get("blocked"):
            return port.CodeCheck(False, f"{row.get('displayName') or theirs}: blocked")
        return port.CodeCheck(True, str(row.get("displayName") or theirs))

    def ping(self) -> port.Health:
        started = time.perf_counter()
        try:
            rows = list(self._bc.rows("companyInformation"))
        except (ErpUnavailable, ErpRejected) as error:
            return port.Health(False, detail=error.message)
        taken = int((time.perf_counter() - started) * 1000)
        name = str(rows[0].get("displayName") or "") if rows else ""
        said = self._bc.server_time
        # The Date header is cut to whole seconds: the middle of that second is nearest to what it was.
        at = said + timedelta(milliseconds=500) if said else None
        return port.Health(True, f"company {name}".strip(), "API v2.0", taken, at)

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        """Entries under keys of ours written since, one document a key."""
        at = since.astimezone(UTC)
        found: dict[str, list[Row]] = {}
        wanted = f"lastModifiedDateTime ge {at:%Y-%m-%dT%H:%M:%SZ}"
        for row in self._bc.rows(costs.ENTRIES, filter=wanted, orderby="entryNumber"):
            key = str(row.get("documentNumber") or "")
            if KEY.match(key):
                found.setdefault(key, []).append(row)
        for key, rows in found.items():
            document = costs.found_of(rows)
            yield port.ErpDocument(
                business_key=key,
                erp_number=document.number,
                document=document.document,
                state=document.state,
                final=not document.cancelled,
                written_at=document.at,
            )
