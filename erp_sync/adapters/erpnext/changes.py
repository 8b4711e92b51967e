"""Changes of orders ERPNext already holds: dates of work orders, dates and quantities of order lines.

Owns which field a change means, the one call submitted orders take their lines by (it removes every line it is not
told of, so all are sent), and the check that it took. The value itself is the look-up. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from erp_sync.adapters.erpnext.client import Row, resource
from erp_sync.adapters.erpnext.stock import ENDED
from erp_sync.adapters.erpnext.terms import Desk, day, number
from erp_sync.adapters.handling import Found, Job, drifted, plain, stop_if_drifted, turned_back
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Change, ChangeDate, ChangeQuantity, Reversal
from erp_sync.errors import ErpRejected

UPDATE = "erpnext.controllers.accounts_controller.update_child_qty_rate"
DOCTYPES = {"work_order": "Work Order", "po_line": "Purchase Order", "so_line": "Sales Order"}
ORDER_DATES = {
    "planned_start": "planned_start_date",
    "planned_end": "planned_end_date",
    "need_by": "expected_delivery_date",
}
#: What the call wants to know of a line again, whether it changes or not.
LINE = ("item_code", "qty", "rate", "uom", "conversion_factor")
CLOSED = (*ENDED, "On Hold")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where ERPNext keeps the value: the order as read, the row in it that holds it, and which field."""

    doctype: str
    order: Row
    row: Row
    field: str

    def value(self, like: date | Decimal) -> date | Decimal | None:
        """What ERPNext says now, as the same type as `like`."""
        found = self.row.get(self.field)
        return number(found) if isinstance(like, Decimal) else day(found)


def field_of(payload: Change) -> str:
    """ERPNext's field of a change."""
    if isinstance(payload, ChangeQuantity):
        return "qty"
    if payload.target == "work_order":
        return ORDER_DATES.get(payload.which if isinstance(payload, ChangeDate) else "", "planned_end_date")
    return "schedule_date" if payload.target == "po_line" else "delivery_date"


def spot(desk: Desk, payload: Change) -> Spot:
    """Read the order. Raises ErpRejected `erp.not_found`."""
    doctype, field = DOCTYPES[payload.target], field_of(payload)
    order = desk.client.get(doctype, payload.number)
    if payload.target == "work_order":
        return Spot(doctype, order, order, field)
    for row in order.get("items") or []:
        if str(row.get("idx")) == payload.line:
            return Spot(doctype, order, row, field)
    raise ErpRejected("erp.not_found", f"ERPNext has no line {payload.line} in {doctype} {payload.number}")


class ChangeHandler:
    """One changed value, written only while ERPNext still says what the posting expects."""

    def find(self, desk: Desk, job: Job[Any]) -> Found | None:
        where = spot(desk, job.payload)
        return _found(desk, where) if where.value(job.payload.new) == job.payload.new else None

    def drive(self, desk: Desk, job: Job[Any], found: Found | None) -> Found:
        payload, where = job.payload, spot(desk, job.payload)
        name, status = f"{where.doctype} {payload.number}", str(where.order.get("status") or "")
        if where.order["docstatus"] != 1 or status in CLOSED:
            raise drifted(name, "status", "open", status or "Draft")
        now = where.value(payload.new)
        if payload.old is not None and now != payload.old:
            stop_if_drifted(job, name, where.field, _shown(payload.old), _shown(now))
        if payload.target == "work_order":
            values = self._written(desk, where, payload.new) | {"modified": where.order["modified"]}
            desk.client.update(where.doctype, payload.number, values)
        else:
            desk.client.act(UPDATE, **self._lines(where, payload))
        after = spot(desk, payload)
        if after.value(payload.new) != payload.new:
            raise ErpRejected(
                "erpnext.not_taken", f"ERPNext took the change of {name}, but shows another value"
            )
        return _found(desk, after)

    def preview(self, desk: Desk, job: Job[Any]) -> tuple[Step, ...]:
        payload = job.payload
        doctype, field = DOCTYPES[payload.target], field_of(payload)
        if payload.target == "work_order":
            value = payload.new.isoformat() + ("" if field == "expected_delivery_date" else " <time>")
            path = resource(doctype, payload.number)
            return (desk.client.step("PUT", path, {field: value}, "only as the version read just before"),)
        body = {
            "parent_doctype": doctype,
            "parent_doctype_name": payload.number,
            "child_docname": "items",
            "trans_items": f"<all lines as they are, line {payload.line} with {field} {_shown(payload.new)}>",
        }
        return (desk.client.step("POST", f"/api/method/{UPDATE}", body),)

    @staticmethod
    def _written(desk: Desk, where: Spot, new: date) -> Row:
        """A day stays a day; of a time only the day changes."""
        before = where.row.get(where.field)
        if where.field == "expected_delivery_date":
            return {where.field: new.isoformat()}
        clock = before[11:19] if isinstance(before, str) and len(before) > 11 else "12:00:00"
        return {where.field: f"{new.isoformat()} {clock}"}

    @staticmethod
    def _lines(where: Spot, payload: Change) -> Row:
        """Every line of the order, the one meant with its new value."""
        due = "schedule_date" if payload.target == "po_line" else "delivery_date"
        lines = []
        for row in where.order["items"]:
            line = {"docname": row["name"], **{name: row.get(name) for name in LINE}, due: row.get(due)}
            if row["name"] == where.row["name"]:
                new = payload.new  # type: ignore[attr-defined]
                line[where.field] = float(new) if isinstance(new, Decimal) else new.isoformat()
            lines.append(line)
        return {
            "parent_doctype": where.doctype,
            "parent_doctype_name": payload.number,
            "child_docname": "items",
            "trans_items": json.dumps(lines),
        }


class ChangeBackHandler(ChangeHandler):
    """A change taken back: from the new value to the one before it."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        return super().find(desk, turned_back(job))

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        return super().drive(desk, turned_back(job), found)

    def preview(self, desk: Desk, job: Job[Reversal]) -> tuple[Step, ...]:
        return super().preview(desk, turned_back(job))


def _shown(value: date | Decimal | None) -> str:
    if value is None:
        return "nothing"
    return plain(value) if isinstance(value, Decimal) else value.isoformat()


def _found(desk: Desk, where: Spot) -> Found:
    name = str(where.order["name"])
    shown = name if where.row is where.order else f"{name}/{where.row['idx']}"
    at = desk.terms.moment(where.order.get("modified"))
    return Found(where.doctype, name, shown, "changed", at=at, extra={"field": where.field})
