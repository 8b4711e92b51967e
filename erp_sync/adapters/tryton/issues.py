"""Components issued to a Tryton production order beside its bill of materials.

Owns the extra input of an issue and what it replaces. A stock move has no reference field, so a note on the
production is written first: the key, and which inputs stood there before. Components of the bill itself are
booked out by Tryton when the order runs. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

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
    forget_note,
    moment,
    plain,
    write_note,
)
from erp_sync.adapters.tryton.production import (
    CLOSED,
    ORDER,
    announced,
    found_announced,
    order_by_id,
    start,
)
from erp_sync.canonical_kinds import Issue
from erp_sync.errors import ErpRejected

#: What makes a component of the plan, as it is put back.
REPLACED = ("product", "unit", "quantity", "from_location", "to_location", "lot")


class IssueHandler:
    """An extra or substitute component: added to the order's inputs and reserved, booked out when the order runs.

    What can't be reserved is taken off the order again: left there it would be booked out with the next confirmation.
    """

    def find(self, desk: Desk, job: Job[Issue]) -> Found | None:
        there = found_announced(desk, job.key, job.payload.work_order)
        return self._found(desk, *there) if there else None

    def drive(self, desk: Desk, job: Job[Issue], found: Found | None) -> Found:
        order, note = announced(desk, job.key, job.payload.work_order)
        if order["state"] in CLOSED:
            raise drifted(f"order {order['reference']}", "order_state", "open", order["state"])
        parts = self._parts(desk, note) if note else []
        if note is not None and not self._same(desk, job, note):
            if any(part["state"] == "done" for part in parts):
                raise ErpRejected("erp.partly_done", "Tryton already holds another component for this issue")
            order = self._take_back(desk, order, note, parts)
            note, parts = None, []
        if not parts:
            self._check_stock(desk, job, order)
            note = self._announce(desk, job, order, note)
            order = self._add(desk, job, order)
        assert note is not None  # noqa: S101 - found, or written just now
        order = start(desk, order, needed=False)
        done = self._found(desk, order, note)
        if not done.final:
            self._take_back(desk, order, note, self._parts(desk, note))
            raise drifted(
                f"stock of {job.payload.item} for order {order['reference']}", "stock",
                f"{plain(job.payload.quantity)} to take", "not all of it free",
            )  # fmt: skip
        return done

    @staticmethod
    def _same(desk: Desk, job: Job[Issue], note: Note) -> bool:
        product = desk.catalogue.product(job.payload.item)["id"]
        return bool(
            note.facts["product"] == product and Decimal(note.facts["quantity"]) == job.payload.quantity
        )

    @staticmethod
    def _check_stock(desk: Desk, job: Job[Issue], order: Row) -> None:
        """Refuse before touching the order when its warehouse has less than the quantity that nobody reserved."""
        payload, books = job.payload, desk.catalogue
        product = books.product(payload.item)["id"]
        lot = books.lot(payload.lot, product) if payload.lot else None
        storage = books.warehouse(order["warehouse."]["code"])["storage_location"]
        place = books.place(payload.from_location)["id"] if payload.from_location else storage
        there = books.on_hand(place, product, lot, below=True)
        free = books.on_hand(place, product, lot, below=True, free_on=desk.today)
        if free < payload.quantity:
            reserved = f", {plain(there - free)} of it reserved" if there > free else ""
            raise drifted(
                f"stock of {payload.item} for order {order['reference']}", "stock",
                f"{plain(payload.quantity)} to take", f"{plain(there)} there{reserved}",
            )  # fmt: skip

    def _announce(self, desk: Desk, job: Job[Issue], order: Row, old: Note | None) -> Note:
        payload = job.payload
        if old is not None:
            forget_note(desk.client, old)
        product = desk.catalogue.product(payload.item)
        facts = {
            "order": order["id"],
            "product": product["id"],
            "quantity": str(payload.quantity),
            "known_inputs": sorted(order["inputs"]),
            "state": order["state"],
            "replaced": self._replaced(desk, payload, order),
        }
        words = f"{job.command.text} issue {plain(payload.quantity)} {payload.item}"
        if payload.substitute_for:
            words += f" for {payload.substitute_for}"
        return write_note(desk.client, job.key, f"{ORDER},{order['id']}", words, facts)

    @staticmethod
    def _parts(desk: Desk, note: Note) -> list[Row]:
        """The inputs this note led to: Tryton may have split it over several places. What comes behind is another's."""
        domain = [
            ["product", "=", note.facts["product"]],
            ["id", "not in", note.facts["known_inputs"]],
            ["production_input", "=", note.facts["order"]],
            ["state", "!=", "cancelled"],
        ]
        rows = desk.client.search("stock.move", domain, ["state", "quantity"], order=[["id", "ASC"]])
        parts, left = [], Decimal(note.facts["quantity"])
        for row in rows:
            if left <= 0:
                break
            parts.append(row)
            left -= Decimal(str(row["quantity"]))
        return parts

    @staticmethod
    def _add(desk: Desk, job: Job[Issue], order: Row) -> Row:
        """One write adds the component and takes what it replaces off the plan, so neither happens alone."""
        payload, books = job.payload, desk.catalogue
        order = _let_go(desk, order)
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
        changes: list[Any] = [["create", [move]]]
        replaced = IssueHandler._replaced(desk, payload, order)
        if replaced:
            left = Decimal(str(replaced["quantity"])) - payload.quantity
            less = {"quantity": float(left)}
            row = [replaced["id"]]
            changes.append(["write", row, less] if left > 0 else ["delete", row])
        desk.client.write(ORDER, order["id"], {"inputs": changes}, timestamp=order["_timestamp"])
        return order_by_id(desk, order["id"])

    @staticmethod
    def _replaced(desk: Desk, payload: Issue, order: Row) -> Row | None:
        """The component of the plan that the issue stands in for, as it is before."""
        if not payload.substitute_for:
            return None
        original = desk.catalogue.product(payload.substitute_for)
        domain = [
            ["production_input", "=", order["id"]],
            ["product", "=", original["id"]],
            ["state", "in", ["draft", "staging", "assigned"]],
        ]
        row = desk.client.first("stock.move", domain, REPLACED, order=[["id", "ASC"]])
        return {name: row[name] for name in ("id", *REPLACED)} if row else None

    @staticmethod
    def _take_back(desk: Desk, order: Row, note: Note, parts: list[Row]) -> Row:
        """The order as it stood before the issue, reserved or running again if it was.

        Under the order's timestamp: a step of another hand is never undone with it.
        """
        if parts:
            order = _let_go(desk, order)
            changes: list[Any] = [["delete", [part["id"] for part in parts]]]
            if replaced := note.facts.get("replaced"):
                changes.append(IssueHandler._put_back(order, replaced))
            desk.client.write(ORDER, order["id"], {"inputs": changes}, timestamp=order["_timestamp"])
            order = order_by_id(desk, order["id"])
            if note.facts.get("state") == "running":
                order = start(desk, order, needed=False)
            elif note.facts.get("state") == "assigned":
                desk.client.button(ORDER, "assign_try", order["id"])
                order = order_by_id(desk, order["id"])
        forget_note(desk.client, note)
        return order

    @staticmethod
    def _put_back(order: Row, replaced: Row) -> list[Any]:
        if replaced["id"] in order["inputs"]:
            return ["write", [replaced["id"]], {"quantity": replaced["quantity"]}]
        fresh = {name: replaced[name] for name in REPLACED if replaced[name] is not None}
        return ["create", [fresh | {"planned_date": order["planned_start_date"]}]]

    def _found(self, desk: Desk, order: Row, note: Note) -> Found:
        parts = self._parts(desk, note)
        open_parts = [part for part in parts if part["state"] not in ("assigned", "done")]
        final = bool(parts) and not open_parts
        state = (open_parts or parts)[0]["state"] if parts else "announced"
        number = f"{order['number']}-{parts[0]['id']}" if parts else str(order["number"])
        record = parts[0]["id"] if parts else note.record
        return Found("stock.move", record, state, number, final, moment(order))


def _let_go(desk: Desk, order: Row) -> Row:
    """The order with its components in plan only, so that they can be changed."""
    if order["state"] not in ("waiting", "assigned", "running"):
        return order
    desk.client.button(ORDER, "wait", order["id"])
    return order_by_id(desk, order["id"])
