"""The SAP connector as the outbox sees it: capabilities, send, look-up, health.

Owns which kinds SAP takes, and the sorting of a handler's end into an outcome. SAP's reference fields are not unique,
so the outbox promises one writer per key and order, and every send looks before it acts.
Must not know: the outbox's tables, retry policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.sap import checks, pull, reconcile
from erp_sync.adapters.sap.auth import Access
from erp_sync.adapters.sap.changes import ChangeBack, ChangeHandler
from erp_sync.adapters.sap.client import ORDERS, Client
from erp_sync.adapters.sap.confirmations import ConfirmationCancel, ConfirmationHandler
from erp_sync.adapters.sap.defects import NO_COMPLETION, DefectHandler, DefectRemoval
from erp_sync.adapters.sap.documents import Desk, Found, Handler, Job, NotHere
from erp_sync.adapters.sap.inspections import NO_TAKING_BACK, InspectionHandler
from erp_sync.adapters.sap.maintenance import NO_REOPENING, MaintenanceHandler, NotificationWithdrawal
from erp_sync.adapters.sap.movements import MovementCancel, MovementHandler
from erp_sync.adapters.sap.terms import Terms
from erp_sync.errors import ErpRejected, ErpUnavailable

_MOVEMENTS = ("issue", "receipt", "scrap", "block", "unblock", "transfer", "return")
HANDLERS: dict[str, Handler] = {
    "confirmation": ConfirmationHandler(),
    **{f"movement.{name}": MovementHandler() for name in _MOVEMENTS},
    "quality_event": DefectHandler(),
    "inspection_result": InspectionHandler(),
    "maintenance_notification": MaintenanceHandler(),
    "change.date": ChangeHandler(),
    "change.quantity": ChangeHandler(),
}
#: How a confirmed posting of a kind is taken back.
REVERSALS: dict[str, Handler] = {
    "confirmation": ConfirmationCancel(),
    **{f"movement.{name}": MovementCancel() for name in _MOVEMENTS},
    "quality_event": DefectRemoval(),
    "maintenance_notification": NotificationWithdrawal(),
    "change.date": ChangeBack(),
    "change.quantity": ChangeBack(),
}
LACKING = {
    "change.cancel": "the end of an order is decided in SAP: completing, closing and deleting settle its costs there",
    "cost": "SAP publishes no OData service that posts a journal entry (only SOAP); confirmations carry the times",
    "customer_answer": "answers to customers go by mail or EDI, not through SAP's published services",
    "operation.move": "SAP's published services do not change an operation's machine; confirmations carry it",
}
#: What a system with other fields than the published ones makes of our reading of it.
SURPRISES = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
#: Refused before anything of ours can exist there: as good as an absence when looking.
_ABSENT = ("erp.not_found", "erp.payload", "erp.mapping_missing", "sap.field_length")


class SapAdapter:
    """One S/4HANA system over its published OData services.

    `settings`: url, database (SAP's client), username, password; token_url and scope for client credentials;
    connect_timeout, read_timeout and settle_seconds (5, 60, 120); timezone of the plant. Mappings: `plant`,
    `location`, `unit`, `movement_type`, `stock_type`, `reason`, `activity`, `work_centre`, `defect`, `work_unit`,
    `damage`, `cause`, `priority`, `severity`, `notification_type`, `characteristic`, `verdict`, `result_code`.
    `overconfirm`: also confirm what SAP holds as confirmed; `receive_with_confirmation`: the last
    operation's final confirmation receives the goods; `confirm_without_goods_movements`: book none with it;
    `close_inspection_results` (true): a recorded result is a finished one; `repeatable_requests`: the Gateway's guard
    against repeated requests is set up.
    """

    kind = "sap"
    reconciles = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settle_after = timedelta(seconds=float(settings.get("settle_seconds", 120)))
        self._client = Client(Access.read(settings))
        self._desk = Desk(self._client, Terms(settings))

    def capabilities(self) -> dict[str, port.Capability]:
        taken = {kind: port.Capability(True) for kind in (*HANDLERS, "reversal")}
        lacking = {kind: port.Capability(False, reason) for kind, reason in LACKING.items()}
        unknown = port.Capability(False, "not offered to SAP yet")
        return dict.fromkeys(canonical.KINDS, unknown) | taken | lacking

    def capability(self, command: port.PostingCommand) -> port.Capability:
        payload, no = command.payload, port.Capability
        if command.kind == "quality_event" and payload.get("action") == "complete":
            return no(False, NO_COMPLETION)
        if command.kind == "reversal":
            return _takes_back(str(payload.get("reverses_kind")), payload.get("original") or {})
        return self.capabilities().get(command.kind, no(False, f"unknown kind {command.kind}"))

    def send(self, command: port.PostingCommand) -> port.Outcome:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        handler, writes = _handler(command), self._client.writes
        try:
            job = _job(command)
            found = handler.find(self._desk, job)
            if found is not None:
                return _outcome(found)
            made = handler.drive(self._desk, job)
            return _outcome(made, at=self._client.server_time)
        except NotHere as error:
            return port.Outcome("local", message=str(error))
        except ErpRejected as error:
            return port.Outcome("rejected", error_code=error.code, message=error.message, raw=error.raw)
        except ErpUnavailable as error:
            status: port.OutcomeStatus = "unknown" if self._client.writes > writes else "retry"
            return port.Outcome(status, error_code=error.code, message=error.message, raw=error.raw)
        except SURPRISES as error:
            words = f"SAP's answer does not fit the connector: {type(error).__name__} {error}"
            status = "unknown" if self._client.writes > writes else "rejected"
            return port.Outcome(status, error_code="sap.unexpected", message=words)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        try:
            found = _handler(command).find(self._desk, _job(command))
        except NotHere as error:
            return port.Outcome("local", message=str(error))
        except ErpRejected as error:
            if error.code in _ABSENT:
                return None
            return port.Outcome("unknown", error_code=error.code, message=error.message)
        except SURPRISES as error:
            words = f"SAP's answer does not fit the connector: {type(error).__name__} {error}"
            return port.Outcome("unknown", error_code="sap.unexpected", message=words)
        return None if found is None else _outcome(found)

    def preview(self, command: port.PostingCommand) -> tuple[port.Step, ...]:
        able = self.capability(command)
        if not able.supported:
            raise ErpRejected("erp.not_offered", able.reason)
        return _handler(command).preview(self._desk.terms, _job(command))

    def check_code(self, kind: str, ours: str, theirs: str) -> port.CodeCheck:
        return checks.check(self._desk, kind, theirs)

    def all_stock(self) -> Iterator[port.Record]:
        return (record for page in self.pull("stock") for record in page.records)

    def identities(self, entity: str) -> Iterator[str]:
        return checks.identities(self._desk, entity)

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return pull.pages(self._desk, entity, watermark)

    def ping(self) -> port.Health:
        started = time.perf_counter()
        try:
            self._client.metadata(ORDERS)
        except (ErpUnavailable, ErpRejected) as error:
            return port.Health(False, detail=error.message)
        taken = int((time.perf_counter() - started) * 1000)
        client = self._client.access.sap_client
        # SAP's Date header is cut to whole seconds: the middle of that second is nearest to what it was.
        said = self._client.server_time
        at = said + timedelta(milliseconds=500) if said else None
        return port.Health(
            True, detail=f"client {client}" if client else ORDERS.name, latency_ms=taken, clock=at
        )

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        return reconcile.documents(self._desk, since)

    def close(self) -> None:
        self._client.close()


def _takes_back(kind: str, original: Mapping[str, Any]) -> port.Capability:
    """Whether a confirmed posting can be taken back by SAP's own means."""
    if kind == "inspection_result":
        return port.Capability(False, NO_TAKING_BACK)
    if kind == "maintenance_notification" and original.get("action") == "complete":
        return port.Capability(False, NO_REOPENING)
    if kind not in REVERSALS:
        return port.Capability(False, f"SAP can't take back a {kind}")
    return port.Capability(True)


def _handler(command: port.PostingCommand) -> Handler:
    if command.kind == "reversal":
        return REVERSALS[str(command.payload.get("reverses_kind"))]
    return HANDLERS[command.kind]


def _job(command: port.PostingCommand) -> Job[Any]:
    try:
        payload = canonical.parse(command.kind, command.payload)
    except canonical.InvalidPayload as error:
        raise ErpRejected("erp.payload", str(error)) from None
    hard = [problem for problem in payload.problems(canonical.Facts()) if not problem.warn]
    if hard:
        raise ErpRejected("erp.payload", str(canonical.InvalidPayload(command.kind, hard)))
    return Job(command, payload)


def _outcome(found: Found, at: datetime | None = None) -> port.Outcome:
    """`at`: SAP's own clock when it answered the act itself, which is surer than a local date and time of day."""
    if found.cancelled:
        return port.Outcome(
            "rejected",
            erp_number=found.number,
            error_code="erp.cancelled_there",
            message=f"SAP holds {found.number}, but somebody cancelled it there",
            raw=found.raw(),
        )
    return port.Outcome("confirmed", erp_number=found.number, confirmed_at=at or found.at, raw=found.raw())
