"""Stock that changes place: internal transfers, and where every movement takes from and goes to.

Owns where each kind moves what, and the walk of a transfer to `done`; `origin` carries the key. Odoo lets stock go
below zero, so what is free is read first. A taking back of a transfer is the transfer the other way round.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from erp_sync.adapters.handling import Found, Job, Left, plain, stop_if_drifted
from erp_sync.adapters.odoo.catalogue import ident, label, missing, moment, number, stamp
from erp_sync.adapters.odoo.client import Row
from erp_sync.adapters.odoo.production import Desk
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Movement, Reversal
from erp_sync.errors import ErpRejected, ErpUnavailable

PICKING, MOVE, LINE = "stock.picking", "stock.move", "stock.move.line"
PICKING_FIELDS = ("name", "origin", "state", "location_id", "location_dest_id", "date_done", "write_date")
PART_FIELDS = ("lot_id", "quantity", "location_id", "location_dest_id")
#: What is moved is all there is to move: no second transfer for a rest.
WHOLE: Row = {"skip_backorder": True, "picking_ids_not_to_backorder": []}


@dataclass(frozen=True, slots=True)
class Part:
    """What one line of a transfer takes: so much of a lot out of one bin into another."""

    lot: int | None
    quantity: Decimal
    origin: int
    target: int


@dataclass(frozen=True, slots=True)
class Haul:
    """A movement in Odoo's ids; `quantity` in the item's own unit.

    `parts` are the lines it must have, whatever Odoo would choose; without any Odoo chooses by itself.
    """

    product: int
    unit: int | None
    quantity: Decimal
    lot: int | None
    origin: int
    target: int
    type: int | None
    parts: tuple[Part, ...] = ()


def haul_of(desk: Desk, job: Job[Movement], begun: int | None = None) -> Haul:
    """Where the kind moves what. Raises ErpRejected for codes Odoo does not know or nobody mapped.

    `begun`: the place a document already begun takes from, kept where the posting names none: what it has reserved
    there would else look like stock that is gone.
    """
    payload, books = job.payload, desk.catalogue
    product = books.product(payload.item)
    books.check_unit(payload.item, product, payload.uom)
    lot = books.lot(payload.lot, product["id"]) if payload.lot else None
    origin, target = _ends(desk, job, product["id"], lot, begun)
    if origin == target:
        raise ErpRejected("erp.same_place", "from and to are the same place in Odoo")
    kind = ident(books.warehouse(payload.site)["int_type_id"])
    parts = (Part(lot, payload.quantity, origin, target),) if lot else ()
    return Haul(product["id"], ident(product["uom_id"]), payload.quantity, lot, origin, target, kind, parts)


def _ends(
    desk: Desk, job: Job[Movement], product: int, lot: int | None, begun: int | None
) -> tuple[int, int]:
    payload, books = job.payload, desk.catalogue

    def given(code: str) -> int | None:
        return int(books.place(code)["id"]) if code else None

    def holding() -> int:
        found = begun or books.fullest(payload.site, product, lot)
        if found is None:
            stop_if_drifted(
                job, f"{payload.item} in {payload.site or 'Odoo'}", "stock", plain(payload.quantity), "0"
            )
            return ident(books.warehouse(payload.site)["lot_stock_id"]) or 0
        return found

    def blocked() -> int:
        return int(books.special_place("blocked", payload.site)["id"])

    origin, target = given(payload.from_location), given(payload.to_location)
    match job.command.kind:
        case "movement.block":
            return origin or holding(), target or blocked()
        case "movement.unblock":
            return origin or blocked(), target or (ident(books.warehouse(payload.site)["lot_stock_id"]) or 0)
        case "movement.scrap":
            source = origin or (blocked() if payload.from_status == "blocked" else holding())
            named = books.mapped("scrap", payload.site)
            return source, int(books.special_place("scrap", payload.site)["id"]) if named else 0
        case _:
            return origin or holding(), target or 0


def check_stock(desk: Desk, job: Job[Any], haul: Haul) -> None:
    """Stop where less is free than the posting takes: Odoo itself would go below zero."""
    wanted: dict[tuple[int, int | None], Decimal] = {}
    for part in haul.parts or (Part(haul.lot, haul.quantity, haul.origin, haul.target),):
        place = (part.origin, part.lot)
        wanted[place] = wanted.get(place, Decimal(0)) + part.quantity
    for (origin, lot), quantity in wanted.items():
        there = desk.catalogue.on_hand(haul.product, origin, lot)
        if there < quantity:
            stop_if_drifted(job, f"stock of {_named(job)}", "stock", plain(quantity), plain(there))


def _named(job: Job[Any]) -> str:
    """Item and lot for people; a reversal's are the original's."""
    said = job.payload.original if isinstance(job.payload, Reversal) else job.command.payload
    return f"{said.get('item', '')}{f' lot {lot}' if (lot := said.get('lot')) else ''}"


class TransferHandler:
    """One internal transfer of one item per posting."""

    def find(self, desk: Desk, job: Job[Any]) -> Found | None:
        rows = desk.client.search(PICKING, [["origin", "=", job.key]], PICKING_FIELDS)
        alive = [row for row in rows if row["state"] != "cancel"]
        return _moved(alive[0]) if alive else None

    def drive(self, desk: Desk, job: Job[Any], found: Found | None) -> Found:
        record = int(found.record) if found else 0
        try:
            haul = self.haul(desk, job, int(found.extra["place"]) if found else None)
            if found is not None and not self._same(desk, record, haul):
                if not self._cancel(desk, record):
                    raise ErpRejected("odoo.state", f"Odoo keeps {found.number}, which says something else")
                record = 0
            if not record:
                check_stock(desk, job, haul)
                record = desk.client.create(PICKING, self._values(desk, job, haul))
            self._finish(desk, record, haul)
        except ErpRejected as refusal:
            if record and not self._cancel(desk, record):
                raise Left(refusal) from None
            raise
        return _moved(desk.client.one(PICKING, record, PICKING_FIELDS))

    def haul(self, desk: Desk, job: Job[Any], begun: int | None = None) -> Haul:
        return haul_of(desk, job, begun)

    def preview(self, desk: Desk, job: Job[Any]) -> tuple[Step, ...]:
        payload = job.payload
        origin, target = shown_ends(desk, job)
        move = {"product_id": f"<id of {payload.item}>", "product_uom_qty": float(payload.quantity)}
        return _walk(desk, job, origin, target, move, payload.lot)

    def _values(self, desk: Desk, job: Job[Any], haul: Haul) -> Row:
        ends = {"location_id": haul.origin, "location_dest_id": haul.target}
        move: Row = {"product_id": haul.product, "product_uom_qty": float(haul.quantity), **ends}
        fields = desk.client.fields(MOVE)
        if "name" in fields:
            move["name"] = job.caption()
        if haul.unit:
            move["uom_id" if "product_uom" not in fields else "product_uom"] = haul.unit
        held = "move_ids" if "move_ids" in desk.client.fields(PICKING) else "move_ids_without_package"
        values: Row = {"origin": job.key, "picking_type_id": haul.type, held: [[0, 0, move]], **ends}
        if job.command.text:
            values["note"] = html.escape(job.command.text)
        return values | {"scheduled_date": stamp(self._when(desk, job))}

    @staticmethod
    def _when(desk: Desk, job: Job[Any]) -> datetime:
        """When it happened; noon of the posting day where that is another one."""
        command, zone = job.command, desk.catalogue.zone
        if command.occurred_at.astimezone(zone).date() == command.posting_date:
            return command.occurred_at
        return datetime.combine(command.posting_date, time(12), tzinfo=zone)

    def _finish(self, desk: Desk, record: int, haul: Haul) -> None:
        """Walk the transfer to `done`; each turn reads the state and takes the one step that fits it."""
        client = desk.client
        for _ in range(6):
            state = client.one(PICKING, record, ["state"])["state"]
            if state == "done":
                return
            if state == "draft":
                client.press(PICKING, "action_confirm", record)
                continue
            if haul.parts:
                self._lay(desk, record, haul)
            elif state in ("confirmed", "waiting"):
                client.press(PICKING, "action_assign", record)
            if client.one(PICKING, record, ["state"])["state"] not in ("assigned", "done"):
                raise ErpRejected("erp.short_stock", "Odoo could not reserve all of it")
            client.press(PICKING, "button_validate", record, context=WHOLE)
        raise ErpRejected("odoo.state", f"Odoo leaves the transfer in state {state!r}")

    @staticmethod
    def _lay(desk: Desk, record: int, haul: Haul) -> None:
        """Make the transfer's lines the haul's parts: what Odoo reserved by itself otherwise goes."""
        missing_, others = list(haul.parts), []
        for row in desk.client.search(LINE, [["picking_id", "=", record]], PART_FIELDS):
            part = _part(row)
            if part in missing_:
                missing_.remove(part)
            else:
                others.append(int(row["id"]))
        if others:
            desk.client.call(LINE, "unlink", others)
        if not missing_:
            return
        move = desk.client.search(MOVE, [["picking_id", "=", record]], ["product_id"])[0]
        for part in missing_:
            line: Row = {"picking_id": record, "move_id": move["id"], "product_id": haul.product}
            line |= {"quantity": float(part.quantity)} | ({"lot_id": part.lot} if part.lot else {})
            desk.client.create(LINE, line | {"location_id": part.origin, "location_dest_id": part.target})

    @staticmethod
    def _same(desk: Desk, record: int, haul: Haul) -> bool:
        """Whether a transfer found half done still says what the posting says (it may have been edited)."""
        row = desk.client.one(PICKING, record, PICKING_FIELDS)
        fields = ["product_id", "product_uom_qty", "state"]
        moves = desk.client.search(MOVE, [["picking_id", "=", record], ["state", "!=", "cancel"]], fields)
        return (
            len(moves) == 1
            and ident(moves[0]["product_id"]) == haul.product
            and number(moves[0]["product_uom_qty"]) == haul.quantity
            and (ident(row["location_id"]), ident(row["location_dest_id"])) == (haul.origin, haul.target)
        )

    @staticmethod
    def _cancel(desk: Desk, record: int) -> bool:
        """Cancel a transfer that can't be finished, so that it reserves nothing and a corrected one may follow.

        False where it may still stand: half done under the key, until the next try compares it with the posting, or
        done by another hand.
        """
        try:
            if desk.client.one(PICKING, record, ["state"])["state"] not in ("done", "cancel"):
                desk.client.press(PICKING, "action_cancel", record)
            return bool(desk.client.one(PICKING, record, ["state"])["state"] == "cancel")
        except ErpRejected as error:
            return error.code == "erp.not_found"
        except ErpUnavailable:
            return False


class ReturnHandler(TransferHandler):
    """The original transfer walked backwards, between the bins and with the lots it really used."""

    def haul(self, desk: Desk, job: Job[Reversal], begun: int | None = None) -> Haul:
        rows = desk.client.search(PICKING, [["origin", "=", job.payload.reverses]], PICKING_FIELDS)
        done = next((row for row in rows if row["state"] == "done"), None)
        if done is None:
            raise ErpRejected("erp.not_found", "Odoo no longer holds the transfer to take back")
        rows = desk.client.search(LINE, [["picking_id", "=", done["id"]]], [*PART_FIELDS, "product_id"])
        went = [(row, part) for row in rows if (part := _part(row)).quantity]
        if len({ident(row["product_id"]) for row, _ in went}) != 1:
            raise ErpRejected(
                "odoo.state", f"Odoo's transfer {done['name']} no longer moves the one item it did"
            )
        parts = tuple(Part(part.lot, part.quantity, part.target, part.origin) for _, part in went)
        product = desk.client.one("product.product", ident(went[0][0]["product_id"]) or 0, ["uom_id"])
        kind = desk.client.one(PICKING, int(done["id"]), ["picking_type_id"])["picking_type_id"]
        ends = ident(done["location_dest_id"]) or 0, ident(done["location_id"]) or 0
        quantity = sum((part.quantity for part in parts), Decimal(0))
        whole = parts == (Part(None, quantity, *ends),)
        unit, lot = ident(product["uom_id"]), parts[0].lot if len(parts) == 1 else None
        return Haul(product["id"], unit, quantity, lot, *ends, ident(kind), () if whole else parts)

    def preview(self, desk: Desk, job: Job[Any]) -> tuple[Step, ...]:
        original = job.payload.original
        item, lot = str(original.get("item", "")), str(original.get("lot", ""))
        move = {"product_id": f"<id of {item}>", "product_uom_qty": "<what was moved>"}
        note = "" if lot else "or one line for each bin and lot that was moved"
        return _walk(desk, job, "<where it went>", "<where it came from>", move, lot, note)


def shown_ends(desk: Desk, job: Job[Any]) -> tuple[str, str]:
    """Where a movement goes, as far as that is known without asking. Raises ErpRejected for a missing mapping."""
    payload, books = job.payload, desk.catalogue

    def shown(code: str, otherwise: str) -> str:
        return f"<id of {books.mapped('location', code) or code}>" if code else otherwise

    def blocked() -> str:
        theirs = books.mapped("blocked", payload.site)
        if not theirs:
            raise missing("blocked", payload.site or "(no site)")
        return f"<id of {theirs}>"

    most, stock = "<id of the place that holds most>", "<id of the main stock>"
    match job.command.kind:
        case "movement.block":
            return shown(payload.from_location, most), (
                shown(payload.to_location, "") if payload.to_location else blocked()
            )
        case "movement.unblock":
            origin = shown(payload.from_location, "") if payload.from_location else blocked()
            return origin, shown(payload.to_location, stock)
        case "movement.scrap" if payload.from_status == "blocked" and not payload.from_location:
            return blocked(), ""
        case _:
            return shown(payload.from_location, most), shown(payload.to_location, "")


def _walk(
    desk: Desk, job: Job[Any], origin: str, target: str, move: Row, lot: str, note: str = ""
) -> tuple[Step, ...]:
    """The steps of a transfer: with a lot its line is written, else Odoo reserves by itself."""
    step, ids, ends = (
        desk.client.step,
        ["<id of the transfer>"],
        {"location_id": origin, "location_dest_id": target},
    )
    values: Row = {"origin": job.key, **ends, "move_ids": [[0, 0, move | ends]]}
    values |= {"note": html.escape(job.command.text)} if job.command.text else {}
    if lot:
        line = {"lot_id": f"<id of {lot}>", "quantity": move["product_uom_qty"], **ends}
        reserve = step(LINE, "create", vals_list=[line])
    else:
        reserve = step(PICKING, "action_assign", ids, note=note)
    return (
        step(PICKING, "create", vals_list=[values]),
        step(PICKING, "action_confirm", ids),
        reserve,
        step(PICKING, "button_validate", ids, context=WHOLE),
    )


def _part(row: Row) -> Part:
    lot, ends = ident(row["lot_id"]), (ident(row["location_id"]) or 0, ident(row["location_dest_id"]) or 0)
    return Part(lot, number(row["quantity"]), *ends)


def _moved(row: Row) -> Found:
    state = str(row["state"])
    return Found(
        PICKING,
        str(row["id"]),
        str(row["name"]),
        state,
        final=state == "done",
        at=moment(row["date_done"]) or moment(row["write_date"]),
        extra={
            "from": label(row["location_id"]),
            "to": label(row["location_dest_id"]),
            "place": ident(row["location_id"]) or 0,
        },
    )
