"""Goods movements as material documents: issue, receipt, scrap, block, unblock, transfer, return; and cancelling.

Owns the body of a document and its look-up by ReferenceDocument, which holds the business key whole. A cancellation
is found by the document it reverses. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from erp_sync.adapters.port import Step
from erp_sync.adapters.sap import production, stock, wire
from erp_sync.adapters.sap.client import GOODS, PURCHASES
from erp_sync.adapters.sap.documents import Desk, Found, Job, moment, plain, stop_if_drifted
from erp_sync.adapters.sap.plans import COSTED, Plan, against, plan, status_fields, words
from erp_sync.adapters.sap.terms import Place, Terms, caption, fit, item_number
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import Movement, Receipt, Reversal
from erp_sync.errors import ErpRejected

HEADER = "A_MaterialDocumentHeader"
ITEMS = "to_MaterialDocumentItem"


def body(terms: Terms, job: Job[Movement], what: Plan, origin: Place | None, unit: str) -> Row:
    """The material document as SAP takes it; `origin` the place it happens at, `unit` the unit of entry."""
    payload, command = job.payload, job.command
    item: Row = {
        "Material": fit("material", payload.item, 40),
        "Plant": origin.plant if origin else terms.plant(payload.site),
        "GoodsMovementType": what.movement_type,
        "QuantityInEntryUnit": wire.quantity_out(payload.quantity),
        "EntryUnit": unit,
        "MaterialDocumentItemText": caption(job.key, words(payload, command.text), 50),
        **status_fields(terms, what),
    }
    if origin:
        item["StorageLocation"] = origin.location
    if payload.lot:
        item["Batch"] = fit("batch", payload.lot, 10)
    if payload.reason_code:
        item["GoodsMovementReasonCode"] = terms.reason(payload.reason_code)
    if payload.cost_object and command.kind in COSTED:
        item["CostCenter"] = fit("cost centre", payload.cost_object, 10)
    if what.target:
        item["IssuingOrReceivingPlant"] = what.target.plant
        item["IssuingOrReceivingStorageLoc"] = what.target.location
        if payload.lot and what.code == "04":
            item["IssgOrRcvgBatch"] = item["Batch"]
    return {
        "GoodsMovementCode": what.code,
        "PostingDate": wire.date_out(command.posting_date),
        "DocumentDate": wire.date_out(terms.local(command.occurred_at).date()),
        "ReferenceDocument": fit("reference", job.key, 16),
        "MaterialDocumentHeaderText": caption("", command.text or job.key, 25),
        ITEMS: {"results": [item | against(payload)]},
    }


class MovementHandler:
    """One material document of one item per posting."""

    def find(self, desk: Desk, job: Job[Movement]) -> Found | None:
        return find(desk, job.key)

    def drive(self, desk: Desk, job: Job[Movement]) -> Found:
        payload = job.payload
        what = plan(desk.terms, job)
        unit, origin = desk.terms.unit(payload.uom), what.origin
        if payload.work_order:
            order = production.live_order(desk, payload, payload.work_order)
            if not what.takes:
                origin = origin or _home(order, "ProductionPlant")
        if isinstance(payload, Receipt) and payload.purchase_order:
            line = _open_line(desk, payload)
            origin = origin or _home(line, "Plant")
        if what.takes or not unit:
            base, held = stock.of_material(desk, fit("material", payload.item, 40))
            unit = unit or base
            if what.takes:
                kind = desk.terms.stock_type(what.takes)
                plant = origin.plant if origin else desk.terms.plant(payload.site)
                origin = origin or stock.fullest(held, plant, payload.lot, kind)
                if origin is None:
                    ours = f"{plain(payload.quantity)} to take"
                    stop_if_drifted(payload, f"{payload.item} in {plant}", "stock", "0 there", ours)
                # A quantity in another unit than the stock is kept in is SAP's to compare.
                elif unit == base:
                    stock.check(held, payload, origin, kind)
        if not unit:
            raise ErpRejected("erp.mapping_missing", f"no unit is known for {payload.item} in SAP")
        made = body(desk.terms, job, what, origin, unit)
        return _found(desk, desk.client.create(GOODS, HEADER, made))

    def preview(self, terms: Terms, job: Job[Movement]) -> tuple[Step, ...]:
        what, unit = plan(terms, job), terms.unit(job.payload.uom)
        notes = [] if unit else ["the unit is the material's own in SAP"]
        if what.origin is None:
            source = "where SAP holds the most of it" if what.takes else "where the order wants it"
            notes.append(f"the storage location is {source}")
        content = body(terms, job, what, what.origin, unit or "...")
        return (Step("POST", f"{GOODS.root}/{HEADER}", content, "; ".join(notes)),)


def _home(row: Row, plant: str) -> Place | None:
    """Where an order or order item wants its goods; None when it does not say."""
    return Place(str(row[plant]), str(row["StorageLocation"])) if row.get("StorageLocation") else None


def _open_line(desk: Desk, payload: Receipt) -> Row:
    """A purchase order item; one that takes no more receipts has drifted."""
    number, line = payload.purchase_order, item_number(payload.po_line, 5)
    path = wire.key("A_PurchaseOrderItem", PurchaseOrder=number, PurchaseOrderItem=line)
    found = desk.client.get(PURCHASES, path)
    if found is None:
        raise ErpRejected("erp.not_found", f"SAP has no purchase order item {number}/{line}")
    for name, state in (("PurchasingDocumentDeletionCode", "deleted"), ("IsCompletelyDelivered", "complete")):
        if found.get(name):
            what = f"purchase order item {number}/{line}"
            stop_if_drifted(payload, what, "line_status", state, "open")
            break
    return found


class MovementCancel:
    """SAP's own cancellation of a whole material document."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        original = self._original(desk, job)
        return self._cancelled(desk, original) if original else None

    def drive(self, desk: Desk, job: Job[Reversal]) -> Found:
        original = self._original(desk, job)
        if original is None:
            raise ErpRejected("erp.not_found", "SAP no longer holds the movement to take back")
        answer = desk.client.act(GOODS, "Cancel", etag=wire.etag_of(original), **cancel_params(job, original))
        if answer.get("MaterialDocument"):
            return _found(desk, answer)
        found = self._cancelled(desk, original)
        if found is None:
            raise ErpRejected("sap.not_taken", "SAP answered the cancellation, but the movement still stands")
        return found

    def preview(self, terms: Terms, job: Job[Reversal]) -> tuple[Step, ...]:
        number, _, year = job.payload.reverses_number.partition("/")
        named = cancel_params(
            job, {"MaterialDocument": number or "...", "MaterialDocumentYear": year or "..."}
        )
        params = {name: wire.literal(value) for name, value in named.items()}
        return (Step("POST", f"{GOODS.root}/Cancel", params, "parameters of the call"),)

    @staticmethod
    def _original(desk: Desk, job: Job[Reversal]) -> Row | None:
        rows = _carrying(desk, job.payload.reverses)
        return rows[0] if rows else None

    @staticmethod
    def _cancelled(desk: Desk, original: Row) -> Found | None:
        wanted = wire.equals(
            ReversedMaterialDocument=str(original["MaterialDocument"]),
            ReversedMaterialDocumentYear=str(original["MaterialDocumentYear"]),
        )
        rows = list(desk.client.rows(GOODS, "A_MaterialDocumentItem", filter=wanted))
        return _found(desk, rows[0]) if rows else None


def cancel_params(job: Job[Any], original: Row) -> dict[str, Any]:
    """Parameters of the cancellation: which document, on what day."""
    return {
        "MaterialDocumentYear": str(original["MaterialDocumentYear"]),
        "MaterialDocument": str(original["MaterialDocument"]),
        "PostingDate": job.command.posting_date,
    }


def find(desk: Desk, key: str) -> Found | None:
    """The document under a key; one whose items were all cancelled counts as taken back."""
    rows = _carrying(desk, key)
    return _found(desk, rows[0]) if rows else None


def _carrying(desk: Desk, key: str) -> list[Row]:
    """Documents under a key, oldest first; a cancellation may repeat the reference and is left out."""
    rows = desk.client.rows(GOODS, HEADER, filter=wire.equals(ReferenceDocument=key), expand=ITEMS)
    kept = [
        row
        for row in rows
        if not any(item.get("ReversedMaterialDocument") for item in wire.children(row, ITEMS))
    ]
    return sorted(kept, key=lambda row: (str(row["MaterialDocumentYear"]), str(row["MaterialDocument"])))


def quantity_of(row: Row) -> Decimal:
    """What a document moved, in the unit it was entered in; lines SAP added by itself are left out."""
    items = [item for item in wire.children(row, ITEMS) if not item.get("IsAutomaticallyCreated")]
    return sum((wire.number_in(item.get("QuantityInEntryUnit")) for item in items), Decimal(0))


def _found(desk: Desk, row: Row) -> Found:
    items = wire.children(row, ITEMS)
    cancelled = bool(items) and all(item.get("GoodsMovementIsCancelled") for item in items)
    return Found(
        document=HEADER,
        number=f"{row['MaterialDocument']}/{row['MaterialDocumentYear']}",
        state="cancelled" if cancelled else "posted",
        at=moment(desk, row, "CreationDate", "CreationTime"),
        cancelled=cancelled,
    )
