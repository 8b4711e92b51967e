"""Goods from and back to suppliers: receipts against purchase lines, returns.

Owns supplier shipments and supplier returns; both carry the key in their reference. What is received short stays
open in Tryton as its own backorder move. Must not know: the outbox, production, HTTP.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

from erp_sync.adapters.tryton.catalogue import rounded, scaled
from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import (
    Desk,
    Found,
    Job,
    NotHere,
    backdated,
    drifted,
    moment,
    plain,
    stays,
)
from erp_sync.canonical_kinds import Receipt, Return
from erp_sync.errors import Difference, Drifted, ErpRejected, ErpUnavailable

IN = "stock.shipment.in"
BACK = "stock.shipment.in.return"
FIELDS = ("number", "reference", "state", "moves", "_timestamp", "write_date", "create_date")


def _by_key(desk: Desk, model: str, key: str) -> Found | None:
    domain = [["reference", "=", key], ["state", "!=", "cancelled"]]
    row = desk.client.first(model, domain, FIELDS, order=[["id", "ASC"]])
    if row is None:
        return None
    number = row["number"] or str(row["id"])
    return Found(
        model, row["id"], row["state"], number, row["state"] == "done", moment(row), stamp=row["_timestamp"]
    )


class ReceiptHandler:
    """A receipt against a purchase line: the line's open move, shipped in, received, put away."""

    def find(self, desk: Desk, job: Job[Receipt]) -> Found | None:
        return _by_key(desk, IN, job.key)

    def drive(self, desk: Desk, job: Job[Receipt], found: Found | None) -> Found:
        payload = job.payload
        if not payload.purchase_order:
            raise NotHere("Tryton receives a work order's output with its final confirmation")
        line = desk.catalogue.order_line("purchase.line", payload.purchase_order, payload.po_line)
        if line["product."]["code"] != payload.item:
            raise ErpRejected(
                "erp.wrong_item", f"purchase line holds {line['product.']['code']}, not {payload.item}"
            )
        place = self._place(desk, payload)
        if found is not None and found.state == "draft":
            self._take_back(desk, found.record, line)
            found = None
        if found is None:
            found = self._create(desk, job, line)
        if found.state == "draft":
            try:
                desk.client.button(IN, "receive", found.record)
            except ErpRejected:
                self._take_back(desk, found.record, line)
                raise
        try:
            self._put_away(desk, place, found.record)
            desk.client.button(IN, "do", found.record)
        except ErpRejected as error:
            # The goods are in by now, only not put away.
            raise stays("receipt", found.number, error.message) from error
        done = _by_key(desk, IN, job.key)
        if done is None or not done.final:
            raise ErpRejected(
                "tryton.state", f"Tryton leaves receipt {found.number} in {done and done.state!r}"
            )
        return done

    @staticmethod
    def _create(desk: Desk, job: Job[Receipt], line: Row) -> Found:
        payload, books = job.payload, desk.catalogue
        domain = [
            ["origin", "=", f"purchase.line,{line['id']}"],
            ["state", "=", "draft"],
            ["shipment", "=", None],
        ]
        fields = ["quantity", "unit.digits", "unit.factor"]
        move = desk.client.first("stock.move", domain, fields, order=[["id", "ASC"]])
        if move is None and line["purchase."]["state"] == "processing":
            # A receipt taken back may have ended before Tryton planned the line anew.
            with suppress(ErpRejected):
                desk.client.button("purchase.purchase", "process", line["purchase."]["id"])
            move = desk.client.first("stock.move", domain, fields, order=[["id", "ASC"]])
        line_name = f"line {payload.purchase_order}/{payload.po_line}"
        if move is None:
            raise drifted(line_name, "open_quantity", plain(payload.quantity), "0")
        product = books.product(payload.item)
        # The order may be in another unit (a box) than the item is kept in.
        unit = move["unit."]
        received = scaled(payload.quantity, product["default_uom."]["factor"], unit["factor"])
        amount = rounded(received, unit["digits"])
        if Decimal(str(move["quantity"])) < received:
            raise drifted(line_name, "open_quantity", plain(received), plain(Decimal(str(move["quantity"]))))
        change: Row = {"quantity": amount}
        if payload.lot:
            domain = [["number", "=", payload.lot], ["product", "=", product["id"]]]
            lot = desk.client.first("stock.lot", domain, ["number"])
            change["lot"] = (
                lot["id"]
                if lot
                else desk.client.create("stock.lot", {"number": payload.lot, "product": product["id"]})
            )
        purchase = desk.client.first(
            "purchase.purchase", [["id", "=", line["purchase."]["id"]]], ["party", "warehouse.code"]
        )
        if purchase is None:
            raise ErpRejected("erp.not_found", f"Tryton has no purchase {payload.purchase_order}")
        warehouse = books.warehouse(payload.site or purchase["warehouse."]["code"])
        record = desk.client.create(
            IN,
            {
                **backdated(job.command.posting_date, desk.today),
                "reference": job.key,
                "supplier": purchase["party"],
                "warehouse": warehouse["id"],
                "warehouse_input": warehouse["input_location"],
                "warehouse_storage": warehouse["storage_location"],
                "planned_date": job.command.posting_date,
                "incoming_moves": [["add", [move["id"]]], ["write", [move["id"]], change]],
            },
        )
        return Found(IN, record, "draft", str(record), False)

    @staticmethod
    def _take_back(desk: Desk, record: int, line: Row) -> None:
        """A receipt that has had no effect goes, and its line is open again in full.

        Cancelled as it is, its move would stay with the line as goods that never come. Raises ErpUnavailable where the
        receipt stays: anybody could finish it.
        """
        client = desk.client
        try:
            moves = client.search("stock.move", [["shipment", "=", f"{IN},{record}"]], ["_timestamp"])
            if moves:
                stamps = {f"stock.move,{move['id']}": move["_timestamp"] for move in moves}
                client.call("stock.move", "delete", [move["id"] for move in moves], timestamps=stamps)
            client.button(IN, "cancel", record)
            client.button("purchase.purchase", "process", line["purchase."]["id"])
        except (ErpRejected, ErpUnavailable) as error:
            raise stays("receipt", str(record), error.message) from error

    @staticmethod
    def _place(desk: Desk, payload: Receipt) -> int | None:
        """Where the storage leg goes by the payload; None leaves it to Tryton."""
        code = payload.to_location
        if not code and payload.to_status == "blocked":
            code = desk.catalogue.settings.get("blocked", {}).get(payload.site, "")
        return int(desk.catalogue.place(code)["id"]) if code else None

    @staticmethod
    def _put_away(desk: Desk, place: int | None, record: int) -> None:
        if place is None:
            return
        domain: list[Any] = [["shipment", "=", f"{IN},{record}"], ["state", "=", "draft"]]
        for row in desk.client.search("stock.move", domain, ["to_location"]):
            if row["to_location"] != place:
                desk.client.write("stock.move", row["id"], {"to_location": place})


class ReturnHandler:
    """Goods back to the supplier of a purchase."""

    def find(self, desk: Desk, job: Job[Return]) -> Found | None:
        return _by_key(desk, BACK, job.key)

    def drive(self, desk: Desk, job: Job[Return], found: Found | None) -> Found:
        if job.payload.to != "supplier":
            raise NotHere(
                "Tryton books components by the bill of materials; a return to stock has no document of its own"
            )
        if found is not None:
            self._drop(desk, {"id": found.record, "number": found.number, "_timestamp": found.stamp})
        record = desk.client.create(BACK, self._values(desk, job))
        try:
            self._finish(desk, job.payload, record)
        except ErpRejected:
            row = desk.client.search(BACK, [["id", "=", record]], FIELDS)[0]
            if row["state"] != "done":
                self._drop(desk, row)
            raise
        done = _by_key(desk, BACK, job.key)
        if done is None or not done.final:
            raise ErpRejected("tryton.state", "Tryton did not finish the return")
        return done

    @staticmethod
    def _drop(desk: Desk, row: Row) -> None:
        """Cancel a return that can't be finished; one that stays could be finished by anybody, so it is unclear."""
        try:
            desk.client.button(BACK, "cancel", row["id"], timestamp=row["_timestamp"])
        except (ErpRejected, ErpUnavailable) as error:
            raise stays("return", row["number"] or str(row["id"]), error.message) from error

    @staticmethod
    def _finish(desk: Desk, payload: Return, record: int) -> None:
        desk.client.button(BACK, "wait", record)
        desk.client.button(BACK, "assign_try", record)
        row = desk.client.search(BACK, [["id", "=", record]], FIELDS)[0]
        if row["state"] != "assigned":
            raise _short(desk, payload, record)
        desk.client.button(BACK, "do", record)

    @staticmethod
    def _values(desk: Desk, job: Job[Return]) -> Row:
        payload, books = job.payload, desk.catalogue
        line = books.order_line("purchase.line", payload.purchase_order, payload.po_line)
        purchase = desk.client.search(
            "purchase.purchase",
            [["id", "=", line["purchase."]["id"]]],
            ["party", "currency", "invoice_address", "party.supplier_location", "warehouse.code"],
        )[0]
        product = books.product(payload.item)
        lot = books.lot(payload.lot, product["id"]) if payload.lot else None
        site = payload.site or purchase["warehouse."]["code"]
        if payload.from_location:
            source = books.place(payload.from_location)["id"]
        elif payload.from_status == "blocked":
            source = books.blocked_place(site)
        else:
            source = books.place_holding(site, product["id"], lot, payload.quantity)
        target = purchase["party."]["supplier_location"]
        move: Row = {
            "product": product["id"],
            "quantity": rounded(payload.quantity, product["default_uom."]["digits"]),
            "unit": product["default_uom"],
            "from_location": source,
            "to_location": target,
            "unit_price": line["unit_price"],
            "currency": purchase["currency"],
            "origin": f"purchase.line,{line['id']}",
        }
        if lot:
            move["lot"] = lot
        return {
            **backdated(job.command.posting_date, desk.today),
            "reference": job.key,
            "supplier": purchase["party"],
            "delivery_address": purchase["invoice_address"],
            "from_location": source,
            "to_location": target,
            "planned_date": job.command.posting_date,
            "moves": [["create", [move]]],
        }


def _short(desk: Desk, payload: Return, record: int) -> Drifted:
    domain = [["shipment", "=", f"{BACK},{record}"]]
    moves = desk.client.search("stock.move", domain, ["product", "lot", "from_location"])
    there = sum(
        (desk.catalogue.on_hand(m["from_location"], m["product"], m["lot"]) for m in moves[:1]), Decimal(0)
    )
    wanted = plain(payload.quantity)
    return Drifted(
        f"Tryton could not reserve {wanted} to return: {plain(there)} there, part of it perhaps reserved",
        Difference("stock", f"{wanted} to return", f"{plain(there)} there"),
    )
