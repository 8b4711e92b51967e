"""The Tryton connector as the outbox sees it: capabilities, send, look-up, health.

Owns which kinds Tryton takes, and the sorting of a handler's end into an outcome. Tryton keeps no unique
reference, so the outbox promises one writer per key and order, and every send looks before it acts.
Must not know: the outbox's tables, retry policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from erp_sync import canonical
from erp_sync.adapters import port
from erp_sync.adapters.tryton import codes, preview, pull, reconcile
from erp_sync.adapters.tryton.books import CostHandler, QualityHandler
from erp_sync.adapters.tryton.catalogue import Catalogue
from erp_sync.adapters.tryton.client import Access, Client
from erp_sync.adapters.tryton.documents import Desk, Found, Handler, Job, NotHere
from erp_sync.adapters.tryton.issues import IssueHandler
from erp_sync.adapters.tryton.movements import InternalShipment
from erp_sync.adapters.tryton.orders import ChangeCancelHandler, ChangeDateHandler, ChangeQuantityHandler
from erp_sync.adapters.tryton.production import ConfirmationHandler
from erp_sync.adapters.tryton.results import InspectionResultHandler
from erp_sync.adapters.tryton.reversals import NOT_TAKEN_BACK, TAKEN_BACK, ReversalHandler
from erp_sync.adapters.tryton.supplier import ReceiptHandler, ReturnHandler
from erp_sync.canonical_base import Payload
from erp_sync.errors import ErpRejected, ErpUnavailable

HANDLERS: dict[str, Handler] = {
    "confirmation": ConfirmationHandler(),
    "movement.issue": IssueHandler(),
    "movement.receipt": ReceiptHandler(),
    "movement.scrap": InternalShipment(),
    "movement.block": InternalShipment(),
    "movement.unblock": InternalShipment(),
    "movement.transfer": InternalShipment(),
    "movement.return": ReturnHandler(),
    "quality_event": QualityHandler(),
    "inspection_result": InspectionResultHandler(),
    "cost": CostHandler(),
    "change.date": ChangeDateHandler(),
    "change.quantity": ChangeQuantityHandler(),
    "change.cancel": ChangeCancelHandler(),
    "reversal": ReversalHandler(),
}
LACKING = {
    "maintenance_notification": "Tryton has no maintenance module; the record here is the only one",
    "operation.move": "Tryton plans work centres, not machines; the confirmation carries the work centre",
    "customer_answer": "answers to customers go by mail or EDI, not through Tryton",
}
#: What a Tryton with other modules or fields than expected makes of our reading of it.
SURPRISES = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)


class TrytonAdapter:
    """One Tryton database over JSON-RPC.

    `settings`: url, database, username, password; connect_timeout and read_timeout in seconds (5, 60); `blocked`
    maps a site's code to the location of its blocked stock; `cost_accounts` a cost class to an account code, and
    `clearing` in it to the account against them; `quality_control` names the control of floor findings;
    `complete_earlier_operations` (true) gives operations nobody confirmed an empty cycle when an order closes.
    """

    kind = "tryton"
    reconciles = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        access = Access(
            url=str(settings["url"]),
            database=str(settings["database"]),
            username=str(settings["username"]),
            password=str(settings["password"]),
            connect_timeout=float(settings.get("connect_timeout", 5)),
            read_timeout=float(settings.get("read_timeout", 60)),
        )
        self.settle_after = timedelta(seconds=float(settings.get("settle_seconds", 90)))
        self._client = Client(access)
        self._desk = Desk(self._client, Catalogue(self._client, settings))

    def capabilities(self) -> dict[str, port.Capability]:
        taken = {kind: port.Capability(True) for kind in HANDLERS}
        return taken | {kind: port.Capability(False, reason) for kind, reason in LACKING.items()}

    def capability(self, command: port.PostingCommand) -> port.Capability:
        payload, no = command.payload, port.Capability
        if command.kind == "cost" and payload.get("basis") == "statistical":
            return no(False, "a statistical cost never leaves the product")
        if command.kind == "movement.receipt" and not payload.get("purchase_order"):
            return no(False, "Tryton receives a work order's output with its final confirmation")
        if command.kind == "movement.return" and payload.get("to") == "stock":
            return no(False, "Tryton books components by the bill of materials; it has no return to stock")
        if command.kind == "change.date" and payload.get("which") == "requested":
            return no(False, "Tryton keeps no requested date, only the date it ships")
        if command.kind == "reversal":
            back = str(payload.get("reverses_kind"))
            if back not in TAKEN_BACK:
                return no(False, NOT_TAKEN_BACK.get(back, f"Tryton can't take back a {back}"))
            if back == "quality_event" and (payload.get("original") or {}).get("action") != "open":
                return no(False, "Tryton reopens no resolved alert; raise the defect anew")
        return self.capabilities().get(command.kind, no(False, f"unknown kind {command.kind}"))

    def send(self, command: port.PostingCommand) -> port.Outcome:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        handler = HANDLERS[command.kind]
        writes = self._client.writes
        try:
            job: Job[Any] = Job(command, parsed(command))
            found = handler.find(self._desk, job)
            if found is None or not found.final:
                found = handler.drive(self._desk, self._desk.in_stock_unit(job), found)
            return _confirmed(found)
        except NotHere as error:
            return port.Outcome("local", message=str(error))
        except ErpRejected as error:
            return self._rejected(handler, command, error, wrote=self._client.writes > writes)
        except ErpUnavailable as error:
            return _unavailable(error, wrote=self._client.writes > writes)
        except SURPRISES as error:
            words = f"Tryton's answer does not fit the connector: {type(error).__name__} {error}"
            status: port.OutcomeStatus = "unknown" if self._client.writes > writes else "rejected"
            return port.Outcome(status, error_code="tryton.unexpected", message=words)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        able = self.capability(command)
        if not able.supported:
            return port.Outcome("local", message=able.reason)
        try:
            found = HANDLERS[command.kind].find(self._desk, Job(command, parsed(command)))
        except ErpRejected as error:
            # An order or line renamed meanwhile, or there twice by now, may carry it all the same: only a payload
            # that was never sent proves an absence.
            if error.code == "erp.payload":
                return None
            return port.Outcome("unknown", error_code=error.code, message=error.message)
        except SURPRISES as error:
            words = f"Tryton's answer does not fit the connector: {type(error).__name__} {error}"
            return port.Outcome("unknown", error_code="tryton.unexpected", message=words)
        if found is None:
            return None
        if found.final:
            return _confirmed(found)
        return port.Outcome(
            "unknown",
            erp_number=found.number,
            error_code="tryton.half_done",
            message=found.state,
            raw=found.raw(),
        )

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        return pull.pages(self._client, entity, watermark)

    def ping(self) -> port.Health:
        started = time.perf_counter()
        try:
            version = self._client.version()
            self._client.search("ir.module", [["name", "=", "production"]], ["state"])
        except (ErpUnavailable, ErpRejected) as error:
            return port.Health(False, detail=error.message)
        taken = int((time.perf_counter() - started) * 1000)
        # HTTP cuts the second off; half of one more is the best guess.
        there = self._client.server_time
        clock = there + timedelta(milliseconds=500) if there else None
        return port.Health(
            True, detail=self._client.access.database, version=version, latency_ms=taken, clock=clock
        )

    def all_stock(self) -> Iterator[port.Record]:
        return (record for page in self.pull("stock") for record in page.records)

    def identities(self, entity: str) -> Iterator[str]:
        return pull.identities(self._client, entity)

    def check_code(self, kind: str, ours: str, theirs: str) -> port.CodeCheck:
        return codes.check(self._client, kind, theirs)

    def preview(self, command: port.PostingCommand) -> tuple[port.Step, ...]:
        able = self.capability(command)
        if not able.supported:
            raise ErpRejected("erp.not_offered", able.reason)
        return preview.steps(self._client.access, command, parsed(command), self._desk.catalogue.settings)

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        return reconcile.documents(self._client, since)

    def close(self) -> None:
        self._client.close()

    def _rejected(
        self, handler: Handler, command: port.PostingCommand, error: ErpRejected, *, wrote: bool
    ) -> port.Outcome:
        """A no after writing may come behind the act itself (Tryton runs follow-ups after its commit): look."""
        if wrote:
            try:
                found = handler.find(self._desk, Job(command, parsed(command)))
            except ErpUnavailable as trouble:
                return _unavailable(trouble, wrote=True)
            except ErpRejected:
                found = None
            if found is not None and found.final:
                return _confirmed(found)
        return port.refusal(error)


def parsed(command: port.PostingCommand) -> Payload:
    """The payload typed. Raises ErpRejected `erp.payload` with every hard problem."""
    try:
        payload = canonical.parse(command.kind, command.payload)
    except canonical.InvalidPayload as error:
        raise ErpRejected("erp.payload", str(error)) from None
    hard = [problem for problem in payload.problems(canonical.Facts()) if not problem.warn]
    if hard:
        raise ErpRejected("erp.payload", str(canonical.InvalidPayload(command.kind, hard)))
    return payload


def _confirmed(found: Found) -> port.Outcome:
    return port.Outcome("confirmed", erp_number=found.number, confirmed_at=found.at, raw=found.raw())


def _unavailable(error: ErpUnavailable, *, wrote: bool) -> port.Outcome:
    """`retry` only where nothing at all can have happened; a step already taken makes the whole unclear."""
    status: port.OutcomeStatus = "unknown" if wrote else "retry"
    return port.Outcome(status, error_code=error.code, message=error.message, raw=error.raw)
