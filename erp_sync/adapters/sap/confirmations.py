"""Confirmations of production order operations, and taking them back.

Owns the body of a confirmation and its look-up by ExternalSystemConfirmation, the uuid of the business key.
A cancellation carries a uuid of its own. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from core.keys import key_uuid
from erp_sync.adapters.port import Step
from erp_sync.adapters.sap import production, wire
from erp_sync.adapters.sap.client import CONFIRMATIONS
from erp_sync.adapters.sap.documents import Desk, Found, Job, moment
from erp_sync.adapters.sap.terms import Terms, caption, fit, operation
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import Confirmation, Reversal
from erp_sync.errors import ErpRejected

ENTITY = "ProdnOrdConf2"
#: Which of the operation's six standard values carries which time, unless the connection maps `activity`.
ACTIVITIES = {"setup": "1", "machine": "2", "labour": "3", "other": "4"}


def body(terms: Terms, job: Job[Confirmation], *, receives: str = "") -> Row:
    """The confirmation as SAP takes it. `receives` names the material received with it (once, at the end)."""
    payload, command = job.payload, job.command
    made: Row = {
        "OrderID": fit("order number", payload.work_order, 12),
        "Sequence": "0",
        "ConfirmationText": caption(job.key, _words(payload, command.text, bool(receives)), 40),
        "ExternalSystemConfirmation": job.uuid,
        "PostingDate": wire.date_out(command.posting_date),
        "ConfirmationYieldQuantity": wire.quantity_out(payload.yield_qty),
        "ConfirmationScrapQuantity": wire.quantity_out(payload.scrap_qty),
        "ConfirmationReworkQuantity": wire.quantity_out(payload.rework_qty),
    }
    if payload.operation:
        made["OrderOperation"] = operation(payload.operation)
    if payload.site:
        made["Plant"] = terms.plant(payload.site)
    if payload.uom:
        made["ConfirmationUnit"] = terms.unit(payload.uom)
    if payload.final:
        made["FinalConfirmationType"] = "X"
        made["IsFinalConfirmation"] = True
    if reason := payload.variance_reason or payload.reason_code:
        made["VarianceReasonCode"] = terms.reason(reason)
    if payload.work_centre:
        made["WorkCenter"] = terms.work_centre(payload.work_centre)
    if payload.crew > 1:
        made["NumberOfEmployees"] = str(payload.crew)
    made |= _times(terms, payload.start, payload.end) | _activities(terms, payload)
    if terms.option("confirm_without_goods_movements", False):
        made["APIConfHasNoGoodsMovements"] = True
    elif receives:
        made["to_ProdnOrdConfMatlDocItm"] = {"results": [_receipt(terms, payload, receives)]}
    return made


def _words(payload: Confirmation, text: str, received: bool) -> str:
    """What people read: also the batch, which SAP's confirmation has a field for only where it receives goods."""
    return f"lot {payload.lot} {text}" if payload.lot and not received else text


def _times(terms: Terms, start: datetime | None, end: datetime | None) -> Row:
    made: Row = {}
    for name, at in (("Start", start), ("End", end)):
        if at is not None:
            local = terms.local(at)
            made[f"ConfirmedExecution{name}Date"] = wire.date_out(local.date())
            made[f"ConfirmedExecution{name}Time"] = wire.time_out(local.time())
    return made


def _activities(terms: Terms, payload: Confirmation) -> Row:
    """Minutes on the standard values; two kinds of time mapped to one value add up."""
    totals: dict[str, Decimal] = {}
    spent = {
        "setup": payload.setup_minutes,
        "machine": payload.machine_minutes,
        "labour": payload.labour_minutes,
        "other": payload.other_minutes,
    }
    for name, minutes in spent.items():
        if minutes:
            slot = terms.mapped("activity", name) or ACTIVITIES[name]
            if slot not in "123456" or len(slot) != 1:
                raise ErpRejected(
                    "erp.mapping_missing", f"activity {name!r} is mapped to no standard value 1 to 6"
                )
            totals[slot] = totals.get(slot, Decimal(0)) + minutes
    made: Row = {}
    for slot, minutes in sorted(totals.items()):
        made[f"OpConfirmedWorkQuantity{slot}"] = wire.quantity_out(round(minutes, wire.QUANTITY_DIGITS))
        made[f"OpWorkQuantityUnit{slot}"] = terms.unit("min")
    return made


def _receipt(terms: Terms, payload: Confirmation, material: str) -> Row:
    """The finished goods, received with the confirmation that ends the order."""
    total = payload.total_yield if payload.total_yield is not None else payload.yield_qty
    made: Row = {
        "OrderID": payload.work_order,
        "Material": fit("material", material, 40),
        "Plant": terms.plant(payload.site),
        "GoodsMovementType": terms.movement_type("movement.receipt", "work_order"),
        "GoodsMovementRefDocType": "F",
        "QuantityInEntryUnit": wire.quantity_out(total),
    }
    if payload.uom:
        made["EntryUnit"] = terms.unit(payload.uom)
    if payload.lot:
        made["Batch"] = fit("batch", payload.lot, 10)
    return made


class ConfirmationHandler:
    """One confirmation per posting, found again by its uuid."""

    def find(self, desk: Desk, job: Job[Confirmation]) -> Found | None:
        rows = [row for row in _carrying(desk, job.uuid) if not row.get("IsReversal")]
        return _found(desk, rows[0]) if rows else None

    def drive(self, desk: Desk, job: Job[Confirmation]) -> Found:
        payload = job.payload
        done = payload.yield_qty + payload.scrap_qty + payload.rework_qty
        order = production.live_order(desk, payload, payload.work_order, expand=True)
        over = bool(desk.terms.option("overconfirm", False))
        row, last = production.open_operation(payload, order, done, over=over)
        receives = ""
        if payload.final and last and desk.terms.option("receive_with_confirmation", False):
            receives = str(order.get("Material") or "")
        made = body(desk.terms, job, receives=receives)
        made["OrderOperation"] = str(row.get("ManufacturingOrderOperation"))
        made["Sequence"] = str(row.get("ManufacturingOrderSequence") or "0")
        return _found(desk, desk.client.create(CONFIRMATIONS, ENTITY, made))

    def preview(self, terms: Terms, job: Job[Confirmation]) -> tuple[Step, ...]:
        notes = [] if job.payload.operation else ["the order's last operation, as SAP names it"]
        if job.payload.final and terms.option("receive_with_confirmation", False):
            notes.append("with the receipt of the goods, if it is the order's last operation")
        return (Step("POST", f"{CONFIRMATIONS.root}/{ENTITY}", body(terms, job), "; ".join(notes)),)


class ConfirmationCancel:
    """SAP's own cancellation, which stands beside the confirmation it takes back."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        rows = _carrying(desk, job.uuid)
        if rows:
            return _found(desk, rows[0], cancellation=True)
        original = self._original(desk, job)
        if original is not None and original.get("IsReversed"):
            return _found(desk, original, cancellation=True)
        return None

    def drive(self, desk: Desk, job: Job[Reversal]) -> Found:
        original = self._original(desk, job)
        if original is None:
            raise ErpRejected("erp.not_found", "SAP no longer holds the confirmation to take back")
        answer = desk.client.act(
            CONFIRMATIONS, "CancelProdnOrdConf", etag=wire.etag_of(original), **cancel_params(job, original)
        )
        return _found(desk, answer or original, cancellation=True)

    def preview(self, terms: Terms, job: Job[Reversal]) -> tuple[Step, ...]:
        group, _, count = job.payload.reverses_number.partition("/")
        return (_cancelling(job, {"ConfirmationGroup": group or "...", "ConfirmationCount": count or "..."}),)

    @staticmethod
    def _original(desk: Desk, job: Job[Reversal]) -> Row | None:
        external = str(key_uuid(job.payload.reverses))
        rows = [row for row in _carrying(desk, external) if not row.get("IsReversal")]
        return rows[0] if rows else None


def cancel_params(job: Job[Any], original: Row) -> dict[str, str | uuid.UUID | date]:
    """Parameters of the cancellation: which confirmation, on what day, under which uuid of ours."""
    return {
        "ConfirmationGroup": str(original["ConfirmationGroup"]),
        "ConfirmationCount": str(original["ConfirmationCount"]),
        "PostingDate": job.command.posting_date,
        "ConfirmationText": caption(job.key, job.command.text, 40),
        "ExternalSystemConfirmation": uuid.UUID(job.uuid),
    }


def _cancelling(job: Job[Any], original: Row) -> Step:
    params = {name: wire.literal(value) for name, value in cancel_params(job, original).items()}
    note = "parameters of the call; under the version SAP shows when it is read"
    return Step("POST", f"{CONFIRMATIONS.root}/CancelProdnOrdConf", params, note)


def _carrying(desk: Desk, external: str) -> list[Row]:
    """Confirmations under a uuid, oldest first."""
    rows = desk.client.rows(
        CONFIRMATIONS, ENTITY, filter=wire.equals(ExternalSystemConfirmation=uuid.UUID(external))
    )
    return sorted(rows, key=lambda row: (str(row["ConfirmationGroup"]), str(row["ConfirmationCount"])))


def _found(desk: Desk, row: Row, *, cancellation: bool = False) -> Found:
    reversed_there = bool(row.get("IsReversed")) and not cancellation
    return Found(
        document=ENTITY,
        number=f"{row['ConfirmationGroup']}/{row['ConfirmationCount']}",
        state="cancelled" if reversed_there else "cancellation" if cancellation else "posted",
        at=moment(desk, row, "ConfirmationEntryDate", "ConfirmationEntryTime"),
        cancelled=reversed_there,
    )
