"""Manufacturing orders: closed with what was really made, and taken apart again.

Owns the steps of a final confirmation, each taken only from the state read just before. The order's source document
(`origin`) carries the key, written together with the quantity; a taking back is an unbuild order of the key's name.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from erp_sync.adapters.handling import Found, Job, Left, drifted, plain, stop_if_drifted
from erp_sync.adapters.odoo.catalogue import Catalogue, ident, moment, number
from erp_sync.adapters.odoo.client import Client, Row
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Confirmation, Reversal
from erp_sync.errors import ErpRejected, ErpUnavailable

MODEL = "mrp.production"
UNBUILD = "mrp.unbuild"
MOVE = "stock.move"
FIELDS = (
    "name", "origin", "state", "product_id", "product_qty", "qty_producing", "date_finished", "write_date",
)  # fmt: skip
#: States in which an order takes what was made.
OPEN = ("confirmed", "progress", "to_close")
WORDS = {"draft": "not confirmed", "done": "done", "cancel": "cancelled"}
#: The plant closes an order with what it made: the rest is not to be made in a second order.
CLOSE: Row = {"skip_backorder": True}


@dataclass(frozen=True, slots=True)
class Desk:
    """What a handler works with."""

    client: Client
    catalogue: Catalogue


def order(desk: Desk, name: str) -> Row:
    """A manufacturing order by its name. Raises ErpRejected `erp.not_found`, `erp.ambiguous`."""
    rows = desk.client.search(MODEL, [["name", "=", name]], FIELDS, limit=2)
    if not rows:
        raise ErpRejected("erp.not_found", f"Odoo has no manufacturing order {name!r}")
    if len(rows) > 1:
        raise ErpRejected("erp.ambiguous", f"Odoo has more than one manufacturing order {name!r}")
    return rows[0]


def carries(origin: Any, key: str) -> bool:
    """Whether a source document names the key among its words."""
    return key in str(origin or "").split()


class ConfirmationHandler:
    """One confirmation closes one order; found again by the key in the order's source document."""

    def find(self, desk: Desk, job: Job[Confirmation]) -> Found | None:
        rows = desk.client.search(MODEL, [["origin", "like", job.key]], FIELDS)
        return next((_found(row) for row in rows if carries(row["origin"], job.key)), None)

    def drive(self, desk: Desk, job: Job[Confirmation], found: Found | None) -> Found:
        row = (
            desk.client.one(MODEL, int(found.record), FIELDS)
            if found
            else order(desk, job.payload.work_order)
        )
        made = made_of(job.payload)
        if job.payload.uom:
            product = desk.client.one("product.product", ident(row["product_id"]) or 0, ["uom_id"])
            desk.catalogue.check_unit(job.payload.work_order, product, job.payload.uom)
        if found is None:
            self._check(job, row, made)
        # A key that another step already wrote is kept; the quantity may have been edited since.
        before = " ".join(word for word in str(row["origin"] or "").split() if word != job.key)
        values: Row = {"qty_producing": float(made), "origin": f"{before} {job.key}".strip()}
        values |= self._lot(desk, job, row)
        record = int(row["id"])
        if number(row["qty_producing"]) != made or not carries(row["origin"], job.key) or len(values) > 2:
            desk.client.write(MODEL, record, values)
        try:
            self._close(desk, job, record)
        except ErpRejected as refusal:
            if not self._release(desk, record, before, 0.0 if found else row["qty_producing"]):
                raise Left(refusal) from None
            raise
        return _found(desk.client.one(MODEL, record, FIELDS))

    def preview(self, desk: Desk, job: Job[Confirmation]) -> tuple[Step, ...]:
        step, ids = desk.client.step, [f"<id of {job.payload.work_order}>"]
        values: Row = {"qty_producing": float(made_of(job.payload)), "origin": f"...{job.key}"}
        lot = job.payload.lot
        note = f"with the lot {lot}, made first if Odoo does not know it" if lot else ""
        components = "before Odoo 18 each component's move is written instead"
        return (
            step(MODEL, "write", ids, vals=values, note=note),
            step(MODEL, "set_qty_producing", ids, note=components),
            step(MODEL, "button_mark_done", ids, context=self._context(desk)),
        )

    @staticmethod
    def _check(job: Job[Confirmation], row: Row, made: Decimal) -> None:
        """An order somebody else closed, cancelled or never released takes nothing more."""
        state, name = str(row["state"]), row["name"]
        if state not in OPEN:
            raise drifted(f"order {name}", "state", "open", WORDS.get(state, state))
        recorded = number(row["qty_producing"])
        if recorded and recorded != made:
            stop_if_drifted(job, f"order {name}", "qty_producing", plain(made), plain(recorded))

    @staticmethod
    def _lot(desk: Desk, job: Job[Confirmation], row: Row) -> Row:
        """The finished lot, in the field this version has; made if Odoo does not know it yet."""
        if not job.payload.lot:
            return {}
        product = ident(row["product_id"]) or 0
        try:
            lot = desk.catalogue.lot(job.payload.lot, product)
        except ErpRejected as error:
            if error.code != "erp.not_found":
                raise
            lot = desk.client.create("stock.lot", {"name": job.payload.lot, "product_id": product})
        if "lot_producing_ids" in desk.client.fields(MODEL):
            return {"lot_producing_ids": [[6, 0, [lot]]]}
        return {"lot_producing_id": lot}

    def _close(self, desk: Desk, job: Job[Confirmation], record: int) -> None:
        state = desk.client.one(MODEL, record, ["state"])["state"]
        if state == "done":
            return
        if desk.client.version().series >= 18:
            desk.client.press(MODEL, "set_qty_producing", record)
        else:
            self._components(desk, job, record)
        desk.client.press(MODEL, "button_mark_done", record, context=self._context(desk))
        after = desk.client.one(MODEL, record, ["name", "state"])
        if after["state"] != "done":
            raise ErpRejected("odoo.state", f"Odoo leaves order {after['name']} in state {after['state']!r}")

    @staticmethod
    def _components(desk: Desk, job: Job[Confirmation], record: int) -> None:
        """Before 18 no call makes components follow the quantity: each move takes its share of what is made."""
        planned = number(desk.client.one(MODEL, record, ["product_qty"])["product_qty"])
        domain = [["raw_material_production_id", "=", record], ["state", "not in", ["done", "cancel"]]]
        for move in desk.client.search(MOVE, domain, ["product_uom_qty", "quantity"]):
            share = number(move["product_uom_qty"]) * made_of(job.payload) / planned
            if number(move["quantity"]) != share:
                values: Row = {"quantity": float(share)}
                desk.client.write(
                    MOVE,
                    move["id"],
                    values | ({"picked": True} if "picked" in desk.client.fields(MOVE) else {}),
                )

    @staticmethod
    def _context(desk: Desk) -> Row:
        return CLOSE | ({"skip_consumption": True} if desk.catalogue.option("accept_consumption") else {})

    @staticmethod
    def _release(desk: Desk, record: int, before: str, quantity: float) -> bool:
        """Take key and quantity off an order that was not closed, so that it stands as it was.

        False where the key may still stand on an open order: the next try finds it half done and goes on from there.
        """
        try:
            if desk.client.one(MODEL, record, ["state"])["state"] in OPEN:
                desk.client.write(MODEL, record, {"qty_producing": quantity, "origin": before or False})
        except (ErpRejected, ErpUnavailable):
            return False
        return True


def made_of(payload: Confirmation) -> Decimal:
    """What the order is closed with: its whole yield, where the posting knows it."""
    made = payload.total_yield if payload.total_yield is not None else payload.yield_qty
    if made <= 0:
        raise ErpRejected("erp.payload", "an order is closed with what was made; nothing was")
    return made


def _found(row: Row) -> Found:
    state = str(row["state"])
    return Found(
        MODEL,
        str(row["id"]),
        str(row["name"]),
        state,
        final=state == "done",
        cancelled=state == "cancel",
        at=moment(row["date_finished"] if state == "done" else row["write_date"])
        or moment(row["write_date"]),
    )


class UnbuildHandler:
    """A closed order taken apart in full: Odoo's way back, which leaves the order itself as it was."""

    FIELDS = ("name", "state", "product_qty", "write_date")

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        row = desk.client.first(UNBUILD, [["name", "=", job.key]], self.FIELDS)
        return _unbuilt(row) if row else None

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        if found is None:
            record = desk.client.create(UNBUILD, self._values(desk, job))
        else:
            record = int(found.record)
        try:
            desk.client.press(UNBUILD, "action_validate", record)
        except ErpRejected as refusal:
            # It goes, unless another hand finished it meanwhile.
            if not drop_draft(desk, UNBUILD, record):
                raise Left(refusal) from None
            raise
        return _unbuilt(desk.client.one(UNBUILD, record, self.FIELDS))

    def preview(self, desk: Desk, job: Job[Reversal]) -> tuple[Step, ...]:
        order = job.payload.reverses_number or job.payload.original.get("work_order", "")
        values = {"name": job.key, "mo_id": f"<id of {order}>", "product_qty": "<all that was made>"}
        create = desk.client.step(UNBUILD, "create", vals_list=[values])
        return create, desk.client.step(UNBUILD, "action_validate", ["<id of the unbuild order>"])

    @staticmethod
    def _values(desk: Desk, job: Job[Reversal]) -> Row:
        rows = desk.client.search(
            MODEL, [["origin", "like", job.payload.reverses]], (*FIELDS, "qty_produced")
        )
        row = next((one for one in rows if carries(one["origin"], job.payload.reverses)), None)
        if row is None or row["state"] != "done":
            raise ErpRejected("erp.not_found", "Odoo no longer holds the closed order to take back")
        values: Row = {
            "name": job.key,
            "mo_id": row["id"],
            "product_id": ident(row["product_id"]),
            "product_qty": row["qty_produced"] or row["qty_producing"],
        }
        held = "lot_producing_ids" if "lot_producing_ids" in desk.client.fields(MODEL) else "lot_producing_id"
        lot = desk.client.one(MODEL, row["id"], [held])[held]
        if lot and "lot_id" in desk.client.fields(UNBUILD):
            values["lot_id"] = lot[0]
        return values


def drop_draft(desk: Desk, model: str, record: int) -> bool:
    """Remove a draft that can't be finished, so that a corrected one may follow; False where it may still stand."""
    try:
        if desk.client.one(model, record, ["state"])["state"] != "draft":
            return False
        desk.client.call(model, "unlink", [record])
    except ErpRejected as error:
        return error.code == "erp.not_found"
    except ErpUnavailable:
        return False
    return True


def _unbuilt(row: Row) -> Found:
    state = str(row["state"])
    return Found(
        UNBUILD, str(row["id"]), str(row["name"]), state, final=state == "done", at=moment(row["write_date"])
    )
