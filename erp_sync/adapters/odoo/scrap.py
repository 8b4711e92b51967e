"""Stock written off: scrap orders.

Owns the order's fields and its validation; `origin` carries the key. Odoo keeps a done one for good.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from erp_sync.adapters.handling import Found, Job, Left, plain, stop_if_drifted
from erp_sync.adapters.odoo.catalogue import ident, moment, number
from erp_sync.adapters.odoo.client import Row, Wizard
from erp_sync.adapters.odoo.movements import Haul, check_stock, haul_of, shown_ends
from erp_sync.adapters.odoo.production import Desk, drop_draft
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Movement
from erp_sync.errors import ErpRejected

SCRAP = "stock.scrap"
SCRAP_FIELDS = (
    "name", "origin", "state", "scrap_qty", "product_id", "lot_id", "location_id", "date_done", "write_date",
)  # fmt: skip


class ScrapHandler:
    """One scrap order of one item per posting."""

    def find(self, desk: Desk, job: Job[Movement]) -> Found | None:
        row = desk.client.first(SCRAP, [["origin", "=", job.key]], SCRAP_FIELDS)
        return _scrapped(row) if row else None

    def drive(self, desk: Desk, job: Job[Movement], found: Found | None) -> Found:
        record = int(found.record) if found else 0
        try:
            haul = haul_of(desk, job, int(found.extra["place"]) if found else None)
            if found is not None and not _same(found, haul):
                if not drop_draft(desk, SCRAP, record):
                    raise ErpRejected("odoo.state", f"Odoo keeps {found.number}, which says something else")
                record = 0
            if not record:
                check_stock(desk, job, haul)
                record = desk.client.create(SCRAP, self._values(desk, job, haul))
            self._validate(desk, job, haul, record)
        except ErpRejected as refusal:
            if record and not drop_draft(desk, SCRAP, record):
                raise Left(refusal) from None
            raise
        return _scrapped(desk.client.one(SCRAP, record, SCRAP_FIELDS))

    def preview(self, desk: Desk, job: Job[Movement]) -> tuple[Step, ...]:
        payload, books = job.payload, desk.catalogue
        source, _target = shown_ends(desk, job)
        values: Row = {
            "origin": job.key,
            "product_id": f"<id of {payload.item}>",
            "scrap_qty": float(payload.quantity),
            "location_id": source,
        }
        values |= {"lot_id": f"<id of {payload.lot}>"} if payload.lot else {}
        if name := books.mapped("reason", payload.reason_code):
            values["scrap_reason_tag_ids"] = [[6, 0, [f"<id of {name}>"]]]
        create = desk.client.step(SCRAP, "create", vals_list=[values])
        return create, desk.client.step(SCRAP, "action_validate", ["<id of the scrap order>"])

    @staticmethod
    def _values(desk: Desk, job: Job[Movement], haul: Haul) -> Row:
        values: Row = {
            "origin": job.key,
            "product_id": haul.product,
            "scrap_qty": float(haul.quantity),
            "location_id": haul.origin,
        }
        if haul.unit:
            values["product_uom_id"] = haul.unit
        if haul.lot:
            values["lot_id"] = haul.lot
        if haul.target:
            values["scrap_location_id"] = haul.target
        reason = desk.catalogue.reason(job.payload.reason_code)
        if reason and "scrap_reason_tag_ids" in desk.client.fields(SCRAP):
            values["scrap_reason_tag_ids"] = [[6, 0, [reason]]]
        return values

    @staticmethod
    def _validate(desk: Desk, job: Job[Movement], haul: Haul, record: int) -> None:
        if desk.client.one(SCRAP, record, ["state"])["state"] == "done":
            return
        try:
            desk.client.press(SCRAP, "action_validate", record)
        except Wizard as window:
            if "insufficient" not in window.wizard:
                raise
            there = desk.catalogue.on_hand(haul.product, haul.origin, haul.lot)
            stop_if_drifted(job, f"stock of {job.payload.item}", "stock", plain(haul.quantity), plain(there))
            raise


def _scrapped(row: Row) -> Found:
    state = str(row["state"])
    return Found(
        SCRAP,
        str(row["id"]),
        str(row["name"]),
        state,
        final=state == "done",
        at=moment(row["date_done"]) or moment(row["write_date"]),
        extra={
            "quantity": row["scrap_qty"],
            "product": ident(row["product_id"]) or 0,
            "lot": ident(row["lot_id"]) or 0,
            "place": ident(row["location_id"]) or 0,
        },
    )


def _same(found: Found, haul: Haul) -> bool:
    """Whether a draft still says what the posting says (it may have been edited)."""
    said = found.extra
    return number(said["quantity"]) == haul.quantity and (said["product"], said["lot"], said["place"]) == (
        haul.product,
        haul.lot or 0,
        haul.origin,
    )
