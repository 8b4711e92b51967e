"""Changes of orders that Tryton already holds: dates, quantities, cancellations.

Owns the write to a production under its timestamp, and amendments of confirmed sales and purchases (a plain
write there would leave the planned stock moves behind). Amendments carry the key in their description; a
production's own value is its look-up. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from erp_sync.adapters.tryton.catalogue import promised_dates, rounded
from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import (
    Desk,
    Found,
    Job,
    Note,
    NotHere,
    drifted,
    find_note,
    forget_note,
    moment,
    plain,
    stop_if_drifted,
    write_note,
)
from erp_sync.adapters.tryton.production import ORDER, order_by_id
from erp_sync.canonical_kinds import Change, ChangeCancel, ChangeDate, ChangeQuantity
from erp_sync.errors import ErpRejected

LINES = {"so_line": "sale.line", "po_line": "purchase.line"}
OPEN_ORDER = ("request", "draft", "waiting", "assigned")
LOOSE = ("draft", "quotation")


class ChangeDateHandler:
    """A new date for a work order, a purchase line, or a sale."""

    def find(self, desk: Desk, job: Job[ChangeDate]) -> Found | None:
        if job.payload.target == "work_order":
            order = desk.catalogue.production(job.payload.number)
            return _order_found(order, True) if order[_order_field(job.payload)] == job.payload.new else None
        return Amendments(desk, job.payload.target).find(job)

    def drive(self, desk: Desk, job: Job[ChangeDate], found: Found | None) -> Found:
        payload = job.payload
        if payload.target == "work_order":
            return self._order(desk, job)
        line = _line(desk, payload)
        _not_closed(line, payload.target)
        if found is None:
            self._write_line(desk, job, line)
        return Amendments(desk, payload.target).apply(job, line, found, Decimal(str(line["quantity"])))

    @staticmethod
    def _order(desk: Desk, job: Job[ChangeDate]) -> Found:
        payload = job.payload
        order = desk.catalogue.production(payload.number)
        name = _order_field(payload)
        if order["state"] not in (*OPEN_ORDER, "running"):
            raise drifted(f"order {payload.number}", "order_state", "open", order["state"])
        if name == "planned_start_date" and order["state"] == "running":
            raise drifted(f"order {payload.number}", "order_state", "not started", order["state"])
        _still(job, "date", order[name])
        values: Row = {name: payload.new}
        start = order["planned_start_date"]
        if name == "planned_date" and start and payload.new < start:
            values["planned_start_date"] = payload.new
        desk.client.write(ORDER, order["id"], values, timestamp=order["_timestamp"])
        return _order_found(order_by_id(desk, order["id"]), True)

    @staticmethod
    def _write_line(desk: Desk, job: Job[ChangeDate], line: Row) -> None:
        payload = job.payload
        if payload.target == "po_line":
            _still(job, "date", promised_dates(desk.client, [line])[line["id"]])
            values = {"delivery_date_edit": True, "delivery_date_store": payload.new}
            desk.client.write("purchase.line", line["id"], values, timestamp=line["_timestamp"])
            return
        sale = line["sale."]
        if payload.which == "requested":
            raise NotHere("Tryton keeps no requested date, only the date it ships")
        if len(sale["lines"]) > 1:
            raise NotHere("Tryton keeps one shipping date per sale, and this sale has several lines")
        _still(job, "date", sale["shipping_date"])
        desk.client.write(
            "sale.sale", sale["id"], {"shipping_date": payload.new}, timestamp=sale["_timestamp"]
        )


class ChangeQuantityHandler:
    """A new quantity for a work order not yet started, or for an order line."""

    def find(self, desk: Desk, job: Job[ChangeQuantity]) -> Found | None:
        if job.payload.target == "work_order":
            order = desk.catalogue.production(job.payload.number)
            if Decimal(str(order["quantity"])) != job.payload.new:
                return None
            # Changed, but what was reserved for it before is not again: that is still to be done.
            note = find_note(desk.client, job.key, f"{ORDER},{order['id']}")
            return _order_found(order, note is None)
        return Amendments(desk, job.payload.target).find(job)

    def drive(self, desk: Desk, job: Job[ChangeQuantity], found: Found | None) -> Found:
        payload = job.payload
        if payload.target == "work_order":
            return self._order(desk, job)
        line = _line(desk, payload)
        _not_closed(line, payload.target)
        if found is None:
            _still(job, "quantity", Decimal(str(line["quantity"])))
            delivered = Amendments(desk, payload.target).delivered(line)
            if payload.new < delivered:
                raise drifted(
                    f"order {payload.number}", "delivered", f"at most {plain(payload.new)}", plain(delivered)
                )
        return Amendments(desk, payload.target).apply(job, line, found, payload.new)

    @staticmethod
    def _order(desk: Desk, job: Job[ChangeQuantity]) -> Found:
        """An assigned order is let go, changed and reserved again; a note says so until that is done."""
        payload = job.payload
        order = desk.catalogue.production(payload.number)
        resource, old = f"{ORDER},{order['id']}", Decimal(str(order["quantity"]))
        note = find_note(desk.client, job.key, resource)
        try:
            if order["state"] not in OPEN_ORDER:
                raise drifted(f"order {payload.number}", "order_state", "not started", order["state"])
            _still(job, "quantity", old)
            rounded(payload.new, (order["unit."] or {}).get("digits"))
            if order["state"] == "assigned" and old != payload.new:
                words = f"{job.command.text} reserves again for {plain(payload.new)}"
                note = note or write_note(desk.client, job.key, resource, words, {"reserve": True})
                desk.client.button(ORDER, "wait", order["id"])
                order = order_by_id(desk, order["id"])
            if old != payload.new:
                ChangeQuantityHandler._write(desk, order, payload.new)
        except ErpRejected:
            if note is not None:
                ChangeQuantityHandler._reserve(desk, order["id"], note)
            raise
        if note is not None:
            ChangeQuantityHandler._reserve(desk, order["id"], note)
        return _order_found(order_by_id(desk, order["id"]), True)

    @staticmethod
    def _reserve(desk: Desk, order: int, note: Note) -> None:
        """What is there is reserved again; what is short stays open, as before any reservation."""
        if order_by_id(desk, order)["state"] == "waiting":
            desk.client.button(ORDER, "assign_try", order)
        forget_note(desk.client, note)

    @staticmethod
    def _write(desk: Desk, order: Row, new: Decimal) -> None:
        """Header, components and output in one write: Tryton does not re-explode the bill over HTTP."""
        old = Decimal(str(order["quantity"]))
        values: Row = {"quantity": rounded(new, (order["unit."] or {}).get("digits"))}
        for name in ("inputs", "outputs"):
            rows = desk.client.search("stock.move", [["id", "in", order[name]]], ["quantity", "unit.digits"])
            values[name] = [["write", [row["id"]], {"quantity": _scaled(row, new / old)}] for row in rows]
        desk.client.write(ORDER, order["id"], values, timestamp=order["_timestamp"])


class ChangeCancelHandler:
    """A work order, or what is left of an order line, is no longer wanted."""

    def find(self, desk: Desk, job: Job[ChangeCancel]) -> Found | None:
        if job.payload.target == "work_order":
            order = desk.catalogue.production(job.payload.number)
            return _order_found(order, True) if order["state"] == "cancelled" else None
        return Amendments(desk, job.payload.target).find(job)

    def drive(self, desk: Desk, job: Job[ChangeCancel], found: Found | None) -> Found:
        payload = job.payload
        if payload.target == "work_order":
            order = desk.catalogue.production(payload.number)
            if order["state"] not in OPEN_ORDER:
                raise drifted(f"order {payload.number}", "order_state", "not started", order["state"])
            desk.client.button(ORDER, "cancel", order["id"])
            after = order_by_id(desk, order["id"])
            if after["state"] != "cancelled":
                raise ErpRejected(
                    "tryton.state", f"Tryton leaves order {payload.number} in {after['state']!r}"
                )
            return _order_found(after, True)
        line = _line(desk, payload)
        _not_closed(line, payload.target)
        books = Amendments(desk, payload.target)
        return books.apply(job, line, found, books.delivered(line))


class Amendments:
    """One amendment of one line per posting; the key stands first in its description."""

    def __init__(self, desk: Desk, target: str) -> None:
        self.desk = desk
        self.head = "sale" if target == "so_line" else "purchase"
        self.model = f"{self.head}.amendment"

    def find(self, job: Job[Any]) -> Found | None:
        """By the key alone: the order's own number may have changed meanwhile."""
        domain = [["description", "like", f"{job.key}%"]]
        fields = ["state", f"{self.head}.number", "_timestamp", "write_date", "create_date"]
        row = self.desk.client.first(self.model, domain, fields, order=[["id", "ASC"]])
        if row is None:
            return None
        number = f"{self._order(row)['number']}/A{row['id']}"
        return Found(
            self.model,
            row["id"],
            row["state"],
            number,
            row["state"] == "validated",
            moment(row),
            stamp=row["_timestamp"],
        )

    def apply(self, job: Job[Any], line: Row, found: Found | None, quantity: Decimal) -> Found:
        """Amend the line to `quantity` and let Tryton rebuild its open stock moves from the line."""
        if found is not None and not found.final:
            # Half done and perhaps edited since: a draft amendment has had no effect, so it is made anew.
            self.desk.client.delete(self.model, found.record, timestamp=found.stamp)
            found = None
        if found is None:
            if self._order(line)["state"] in (*LOOSE, "confirmed"):
                raise ErpRejected(
                    "tryton.order_open", "Tryton has not processed this order yet; change it there"
                )
            record = self.desk.client.create(self.model, self._values(job, line, quantity))
            self.desk.client.button(self.model, "validate_amendment", record)
        done = self.find(job)
        if done is None or not done.final:
            raise ErpRejected(
                "tryton.state", f"Tryton did not validate the amendment of {self._order(line)['number']}"
            )
        return done

    def delivered(self, line: Row) -> Decimal:
        """What has already moved for the line."""
        domain = [["origin", "=", f"{self.head}.line,{line['id']}"], ["state", "=", "done"]]
        rows = self.desk.client.search("stock.move", domain, ["quantity"])
        return sum((Decimal(str(row["quantity"])) for row in rows), Decimal(0))

    def _order(self, line: Row) -> Row:
        order: Row = line[f"{self.head}."]
        return order

    def _values(self, job: Job[Any], line: Row, quantity: Decimal) -> Row:
        change = {
            "action": "line",
            "line": line["id"],
            "product": line["product"],
            "quantity": float(quantity),
            "unit": line["unit"],
            "unit_price": line["unit_price"],
            "description": line["description"],
        }
        return {
            self.head: self._order(line)["id"],
            "date": job.command.posting_date,
            "description": job.caption(),
            "lines": [["create", [change]]],
        }


def _line(desk: Desk, payload: Change) -> Row:
    return desk.catalogue.order_line(LINES[payload.target], payload.number, payload.line)


def _not_closed(line: Row, target: str) -> None:
    order = line["sale."] if target == "so_line" else line["purchase."]
    if order["state"] in ("done", "cancelled"):
        raise drifted(f"order {order['number']}", "order_state", "open", order["state"])


def _order_field(payload: ChangeDate) -> str:
    return "planned_start_date" if payload.which == "planned_start" else "planned_date"


def _still(job: Job[Any], field: str, now: Any) -> None:
    """Refuse when somebody else changed the value: a person must look, not the machine."""
    payload = job.payload
    if payload.old is not None and now not in (payload.old, payload.new):
        words = plain(now) if isinstance(now, Decimal) else now
        stop_if_drifted(job, f"order {payload.number}", field, _words(payload.old), words)


def _words(value: date | Decimal) -> str:
    return plain(value) if isinstance(value, Decimal) else value.isoformat()


def _scaled(row: Row, factor: Decimal) -> float:
    digits = row["unit."]["digits"]
    step = Decimal(1).scaleb(-(digits or 0))
    exact = Decimal(str(row["quantity"])) * factor
    return float(-(-exact // step) * step)


def _order_found(order: Row, final: bool) -> Found:
    return Found(
        ORDER, order["id"], order["state"], str(order["number"] or order["id"]), final, moment(order)
    )
