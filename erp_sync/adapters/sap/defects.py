"""Defects recorded in SAP's quality management.

Owns the body of a defect and its look-up. The service keeps no outside reference, so the key stands first in the
defect's text. It publishes no way to complete one. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from erp_sync.adapters.port import Step
from erp_sync.adapters.sap import wire
from erp_sync.adapters.sap.client import DEFECTS, PRODUCTS
from erp_sync.adapters.sap.documents import Desk, Found, Job, NotHere, moment
from erp_sync.adapters.sap.terms import Terms, caption, fit, operation
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import QualityEvent, Reversal

ENTITY = "A_Defect"
NO_COMPLETION = (
    "SAP's published defect service has no completion; the disposition is in the movements it led to"
)


def body(terms: Terms, job: Job[QualityEvent], unit: str = "") -> Row:
    """The defect as SAP takes it. Raises ErpRejected `erp.mapping_missing` for an unmapped defect code."""
    payload = job.payload
    group, code = terms.pair("defect", payload.defect_code)
    made: Row = {
        "DefectText": caption(job.key, job.command.text, 40),
        "DefectCodeGroup": group,
        "DefectCode": code,
        "DefectiveQuantity": wire.quantity_out(payload.quantity),
    }
    if unit:
        made["DefectiveQuantityUnit"] = unit
    if payload.site:
        made["Plant"] = terms.plant(payload.site)
    if payload.item:
        made["Material"] = fit("material", payload.item, 40)
    if payload.work_order:
        made["ManufacturingOrder"] = fit("order number", payload.work_order, 12)
        if payload.operation:
            made |= {
                "ManufacturingOrderOperation": operation(payload.operation),
                "ManufacturingOrderSequence": "0",
            }
    if severity := terms.mapped("severity", payload.severity):
        made["DefectClass"] = fit("defect class", severity, 2)
    return made


class DefectHandler:
    """One defect per posting, found again by the key in its text."""

    def find(self, desk: Desk, job: Job[QualityEvent]) -> Found | None:
        row = _carrying(desk, job.key)
        return _found(desk, row) if row else None

    def drive(self, desk: Desk, job: Job[QualityEvent]) -> Found:
        if job.payload.action != "open":
            raise NotHere(NO_COMPLETION)
        made = body(desk.terms, job)
        if job.payload.item:
            product = desk.client.get(PRODUCTS, wire.key("A_Product", Product=made["Material"]))
            unit = str((product or {}).get("BaseUnit") or "")
            made = body(desk.terms, job, unit)
        return _found(desk, desk.client.create(DEFECTS, ENTITY, made))

    def preview(self, terms: Terms, job: Job[QualityEvent]) -> tuple[Step, ...]:
        note = "the unit is the material's own in SAP" if job.payload.item else ""
        return (Step("POST", f"{DEFECTS.root}/{ENTITY}", body(terms, job), note),)


class DefectRemoval:
    """A defect taken back: deleted, which SAP keeps as a deletion mark or not at all."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        row = _carrying(desk, job.payload.reverses)
        if row is not None and not row.get("IsDeleted"):
            return None
        return Found(
            document=ENTITY, number=job.payload.reverses_number or job.payload.reverses, state="deleted"
        )

    def drive(self, desk: Desk, job: Job[Reversal]) -> Found:
        row = _carrying(desk, job.payload.reverses)
        if row is not None:
            path = wire.key(ENTITY, DefectInternalID=str(row["DefectInternalID"]))
            fresh = desk.client.get(DEFECTS, path)
            if fresh is not None:
                desk.client.delete(DEFECTS, path, etag=wire.etag_of(fresh))
        number = str(row["DefectInternalID"]) if row else job.payload.reverses_number
        return Found(document=ENTITY, number=number, state="deleted")

    def preview(self, terms: Terms, job: Job[Reversal]) -> tuple[Step, ...]:
        path = wire.key(ENTITY, DefectInternalID=job.payload.reverses_number or "...")
        note = "under the version SAP shows when it is read"
        return (Step("DELETE", f"{DEFECTS.root}/{path}", note=note),)


def _carrying(desk: Desk, key: str) -> Row | None:
    rows = list(desk.client.rows(DEFECTS, ENTITY, filter=f"startswith(DefectText,{wire.literal(key)})"))
    return min(rows, key=lambda row: str(row["DefectInternalID"]), default=None)


def _found(desk: Desk, row: Row) -> Found:
    deleted = bool(row.get("IsDeleted"))
    return Found(
        document=ENTITY,
        number=str(row["DefectInternalID"]),
        state="deleted" if deleted else "open",
        at=moment(desk, row, "CreationDate", "CreationTime"),
        cancelled=deleted,
    )
