"""Defects recorded in SAP's quality management.

Owns the body of a defect and its look-up. The service keeps no outside reference, so the key stands first in the
defect's text. It publishes no way to complete one. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from erp_sync.adapters.port import Step
from erp_sync.adapters.sap import production, wire
from erp_sync.adapters.sap.client import DEFECTS, PRODUCTS
from erp_sync.adapters.sap.documents import Desk, Found, Job, NotHere, moment
from erp_sync.adapters.sap.terms import Terms, caption, fit, operation
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import QualityEvent, Reversal
from erp_sync.errors import ErpRejected

ENTITY = "A_Defect"
NO_COMPLETION = (
    "SAP's published defect service has no completion; the disposition is in the movements it led to"
)


def body(terms: Terms, job: Job[QualityEvent], unit: str = "") -> Row:
    """The defect as SAP takes it. Raises ErpRejected `erp.mapping_missing` for an unmapped defect code."""
    payload = job.payload
    group, code = terms.pair("defect", payload.defect_code)
    made: Row = {
        # SAP's defect names no batch: people read it in the text.
        "DefectText": caption(job.key, " ".join(filter(None, (payload.lot, job.command.text))), 40),
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
        if unit := self._unit(desk, job.payload, made):
            made = body(desk.terms, job, unit)
        return _found(desk, desk.client.create(DEFECTS, ENTITY, made))

    @staticmethod
    def _unit(desk: Desk, payload: QualityEvent, made: Row) -> str:
        """The unit the quantity is counted in: the material's own, else that of what the order makes."""
        if payload.item:
            product = desk.client.get(PRODUCTS, wire.key("A_Product", Product=made["Material"]))
            return str((product or {}).get("BaseUnit") or "")
        if payload.work_order:
            return str(production.order(desk, payload.work_order).get("ProductionUnit") or "")
        return ""

    def preview(self, terms: Terms, job: Job[QualityEvent]) -> tuple[Step, ...]:
        note = ""
        if job.payload.item or job.payload.work_order:
            note = f"the unit is the {'material' if job.payload.item else 'order'}'s own in SAP"
        return (Step("POST", f"{DEFECTS.root}/{ENTITY}", body(terms, job), note),)


class DefectRemoval:
    """A defect taken back: deleted, which SAP keeps as a deletion mark or not at all.

    It is asked for by its number: its text can be edited in SAP, and a text without our key proves nothing.
    """

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        number, row = self._standing(desk, job)
        return self._gone(number) if number and row is None else None

    def drive(self, desk: Desk, job: Job[Reversal]) -> Found:
        number, row = self._standing(desk, job)
        if not number:
            raise ErpRejected(
                "erp.not_found", "SAP shows no defect with our key, and its number is not known"
            )
        if row is not None:
            desk.client.delete(DEFECTS, _path(number), etag=wire.etag_of(row))
            if self._standing(desk, job)[1] is not None:
                raise ErpRejected(
                    "sap.not_taken", f"SAP took the deletion of defect {number}, but still shows it"
                )
        return self._gone(number)

    def preview(self, terms: Terms, job: Job[Reversal]) -> tuple[Step, ...]:
        path = _path(job.payload.reverses_number or "...")
        note = "under the version SAP shows when it is read"
        return (Step("DELETE", f"{DEFECTS.root}/{path}", note=note),)

    @staticmethod
    def _standing(desk: Desk, job: Job[Reversal]) -> tuple[str, Row | None]:
        """(the defect's number, its row as long as it stands); "" where neither posting nor SAP names one."""
        number = job.payload.reverses_number
        if not number:
            carried = _carrying(desk, job.payload.reverses)
            if carried is None:
                return "", None
            number = str(carried["DefectInternalID"])
        row = desk.client.get(DEFECTS, _path(number))
        return number, None if row is None or row.get("IsDeleted") else row

    @staticmethod
    def _gone(number: str) -> Found:
        return Found(document=ENTITY, number=number, state="deleted")


def _path(number: str) -> str:
    return wire.key(ENTITY, DefectInternalID=number)


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
