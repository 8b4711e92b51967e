"""Components issued to a Tryton production order beside its bill of materials.

Owns the extra input of an issue and what it replaces. A stock move has no reference field, so a note on the
production is written first: the key, and which inputs stood there before. Components of the bill itself are
booked out by Tryton when the order runs. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from erp_sync.adapters.tryton.catalogue import rounded
from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import (
    Desk,
    Found,
    Job,
    Note,
    drifted,
    find_note,
    forget_note,
    moment,
    plain,
    write_note,
)
from erp_sync.adapters.tryton.production import CLOSED, ORDER, order_by_id, start
from erp_sync.canonical_kinds import Issue
from erp_sync.errors import ErpRejected


class IssueHandler:
    """An extra or substitute component: added to the order's inputs and reserved, booked out when the order runs."""

    def find(self, desk: Desk, job: Job[Issue]) -> Found | None:
        order = desk.catalogue.production(job.payload.work_order)
        note = find_note(desk.client, job.key, f"{ORDER},{order['id']}")
        return self._found(desk, order, note) if note else None

    def drive(self, desk: Desk, job: Job[Issue], found: Found | None) -> Found:
        order = desk.catalogue.production(job.payload.work_order)
        if order["state"] in CLOSED:
            raise drifted(f"order {order['reference']}", "order_state", "open", order["state"])
        note = find_note(desk.client, job.key, f"{ORDER},{order['id']}")
        move = self._move(desk, note) if note else None
        if note is None or (move is None and not self._same(desk, job, note)):
            self._check_stock(desk, job, order)
            note = self._announce(desk, job, order, note)
        elif not self._same(desk, job, note):
            raise ErpRejected("erp.partly_done", "Tryton already holds another component for this issue")
        if move is None:
            order = self._add(desk, job, order)
        start(desk, order, needed=False)
        done = self._found(desk, order_by_id(desk, order["id"]), note)
        if not done.final:
            raise ErpRejected(
                "tryton.state", f"Tryton leaves the issue to {order['reference']} in {done.state!r}"
            )
        return done

    @staticmethod
    def _same(desk: Desk, job: Job[Issue], note: Note) -> bool:
        product = desk.catalogue.product(job.payload.item)["id"]
        return bool(
            note.facts["product"] == product and Decimal(note.facts["quantity"]) == job.payload.quantity
        )

    @staticmethod
    def _check_stock(desk: Desk, job: Job[Issue], order: Row) -> None:
        """Refuse before touching the order when its warehouse does not hold the quantity at all."""
        payload, books = job.payload, desk.catalogue
        product = books.product(payload.item)["id"]
        lot = books.lot(payload.lot, product) if payload.lot else None
        storage = books.warehouse(order["warehouse."]["code"])["storage_location"]
        place = books.place(payload.from_location)["id"] if payload.from_location else storage
        there = books.on_hand(place, product, lot, below=True)
        if there < payload.quantity:
            raise drifted(
                f"stock of {payload.item} for order {order['reference']}", "stock",
                f"{plain(payload.quantity)} to take", f"{plain(there)} there",
            )  # fmt: skip

    @staticmethod
    def _announce(desk: Desk, job: Job[Issue], order: Row, old: Note | None) -> Note:
        payload = job.payload
        if old is not None:
            forget_note(desk.client, old)
        product = desk.catalogue.product(payload.item)
        facts = {
            "order": order["id"],
            "product": product["id"],
            "quantity": str(payload.quantity),
            "known_inputs": sorted(order["inputs"]),
        }
        words = f"{job.command.text} issue {plain(payload.quantity)} {payload.item}"
        if payload.substitute_for:
            words += f" for {payload.substitute_for}"
        return write_note(desk.client, job.key, f"{ORDER},{order['id']}", words, facts)

    @staticmethod
    def _move(desk: Desk, note: Note) -> Row | None:
        """The input this note led to. Tryton may have split it over several places: any part will do."""
        domain = [
            ["product", "=", note.facts["product"]],
            ["id", "not in", note.facts["known_inputs"]],
            ["production_input", "=", note.facts["order"]],
            ["state", "!=", "cancelled"],
        ]
        return desk.client.first("stock.move", domain, ["state", "quantity"], order=[["id", "ASC"]])

    def _add(self, desk: Desk, job: Job[Issue], order: Row) -> Row:
        """One write adds the component and takes what it replaces off the plan, so neither happens alone."""
        payload, books = job.payload, desk.catalogue
        if order["state"] in ("assigned", "running"):
            desk.client.button(ORDER, "wait", order["id"])
            order = order_by_id(desk, order["id"])
        product = books.product(payload.item)
        warehouse = books.warehouse(order["warehouse."]["code"])
        source = (
            books.place(payload.from_location)["id"]
            if payload.from_location
            else warehouse["storage_location"]
        )
        move: Row = {
            "product": product["id"],
            "unit": product["default_uom"],
            "quantity": rounded(payload.quantity, product["default_uom."]["digits"]),
            "from_location": source,
            "to_location": warehouse["production_location"],
            "planned_date": order["planned_start_date"],
        }
        if payload.lot:
            move["lot"] = books.lot(payload.lot, product["id"])
        changes: list[Any] = [["create", [move]], *self._replaced(desk, payload, order)]
        desk.client.write(ORDER, order["id"], {"inputs": changes}, timestamp=order["_timestamp"])
        return order_by_id(desk, order["id"])

    @staticmethod
    def _replaced(desk: Desk, payload: Issue, order: Row) -> Iterable[Any]:
        if not payload.substitute_for:
            return []
        original = desk.catalogue.product(payload.substitute_for)
        domain = [
            ["production_input", "=", order["id"]],
            ["product", "=", original["id"]],
            ["state", "in", ["draft", "staging"]],
        ]
        row = desk.client.first("stock.move", domain, ["quantity"])
        if row is None:
            return []
        left = Decimal(str(row["quantity"])) - payload.quantity
        if left <= 0:
            return [["delete", [row["id"]]]]
        return [["write", [row["id"]], {"quantity": float(left)}]]

    def _found(self, desk: Desk, order: Row, note: Note) -> Found:
        move = self._move(desk, note)
        state = move["state"] if move else "announced"
        number = f"{order['number']}-{move['id']}" if move else str(order["number"])
        final = state in ("assigned", "done")
        return Found("stock.move", move["id"] if move else note.record, state, number, final, moment(order))
