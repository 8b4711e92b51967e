"""Changes of orders SAP already holds: dates and quantities of production orders and of order lines.

Owns which field a change means, the write under the version read, and the check that it took. The value itself is
the look-up: SAP keeps no reference with a change. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from erp_sync import canonical
from erp_sync.adapters.port import Step
from erp_sync.adapters.sap import batch, production, wire
from erp_sync.adapters.sap.client import ORDERS, PURCHASES, SALES, Service
from erp_sync.adapters.sap.documents import Desk, Found, Job, plain, stop_if_drifted
from erp_sync.adapters.sap.terms import Terms, fit, item_number
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import Change, ChangeDate, ChangeQuantity, Reversal
from erp_sync.errors import ErpRejected

Value = date | Decimal
REQUESTED = "RequestedDeliveryDate"
CONFIRMED = "ConfirmedDeliveryDate"
#: What people are told differs, by the type of the changed value.
DRIFT_FIELDS: dict[type, str] = {date: "date", Decimal: "quantity"}
#: How SAP names the schedule lines of an item: entity, its key, the width of an item's number.
SCHEDULES = {
    "po_line": ("A_PurchaseOrderScheduleLine", ("PurchasingDocument", "PurchasingDocumentItem"), 5),
    "so_line": ("A_SalesOrderScheduleLine", ("SalesOrder", "SalesOrderItem"), 6),
}
#: In which unit SAP counts a quantity, by what is changed.
COUNTED_IN = {
    "work_order": "ProductionUnit",
    "po_line": "PurchaseOrderQuantityUnit",
    "so_line": "OrderQuantityUnit",
}


@dataclass(frozen=True, slots=True)
class Spot:
    """One record SAP holds the value in: its address, the row as read, and which field."""

    service: Service
    path: str
    row: Row
    field: str

    def value(self, like: Value) -> Value | None:
        """What SAP says now, as the same type as `like`."""
        found = self.row.get(self.field)
        return wire.number_in(found) if isinstance(like, Decimal) else wire.date_in(found)


def field_of(payload: Change) -> str:
    """SAP's field of a change. Raises ErpRejected `erp.payload` for a date that what is changed does not have."""
    if isinstance(payload, ChangeQuantity):
        return "TotalQuantity" if payload.target == "work_order" else "ScheduleLineOrderQuantity"
    which = payload.which if isinstance(payload, ChangeDate) else ""
    if payload.target == "work_order":
        return "MfgOrderPlannedStartDate" if which == "planned_start" else "MfgOrderPlannedEndDate"
    if which.startswith("planned"):
        raise ErpRejected("erp.payload", f"an order line has no {which.replace('_', ' ')} date in SAP")
    if payload.target == "po_line":
        return "ScheduleLineDeliveryDate"
    return REQUESTED if which in ("requested", "need_by") else CONFIRMED


def body(field: str, new: Value) -> Row:
    """The changed field as SAP takes it."""
    return {field: wire.quantity_out(new) if isinstance(new, Decimal) else wire.date_out(new)}


def spots(desk: Desk, payload: Change, *, live: bool = False) -> list[Spot]:
    """Where SAP keeps the value: the order, or every schedule line of the item; with `live` only if it may change.

    Raises ErpRejected `erp.not_found`, and with `live` `erp.drifted`.
    """
    field, number = field_of(payload), payload.number
    if payload.target == "work_order":
        row = (
            production.live_order(desk, payload, number, released=False)
            if live
            else production.order(desk, number)
        )
        return [Spot(ORDERS, production.path(number), row, field)]
    if payload.target == "po_line":
        line = item_number(payload.line, 5)
        item = wire.key(
            "A_PurchaseOrderItem", PurchaseOrder=fit("purchase order", number, 10), PurchaseOrderItem=line
        )
        owner = _owner(desk, PURCHASES, item, number, line)
        if live:
            _open(payload, owner, PurchasingDocumentDeletionCode="deleted", IsCompletelyDelivered="complete")
        rows = list(desk.client.rows(PURCHASES, f"{item}/to_ScheduleLine"))
        return _lines(PURCHASES, payload.target, rows, field)
    line = item_number(payload.line, 6)
    item = wire.key("A_SalesOrderItem", SalesOrder=fit("sales order", number, 10), SalesOrderItem=line)
    owner = _owner(desk, SALES, item, number, line)
    if live:
        _open(payload, owner, SalesDocumentRjcnReason="rejected")
    rows = list(desk.client.rows(SALES, f"{item}/to_ScheduleLine"))
    return _lines(SALES, payload.target, rows, field)


def _owner(desk: Desk, service: Service, path: str, number: str, line: str) -> Row:
    found = desk.client.get(service, path)
    if found is None:
        raise ErpRejected("erp.not_found", f"SAP has no order item {number}/{line}")
    return found


def _open(payload: Change, row: Row, **ends: str) -> None:
    for name, words in ends.items():
        if row.get(name):
            what = f"order item {payload.number}/{payload.line}"
            stop_if_drifted(payload, what, "line_status", words, "open")
            return


def _lines(service: Service, target: str, rows: list[Row], field: str) -> list[Spot]:
    entity, item, _ = SCHEDULES[target]
    names = (*item, "ScheduleLine")
    return [
        Spot(service, wire.key(entity, **{name: str(row[name]) for name in names}), row, field)
        for row in rows
    ]


def other_unit(terms: Terms, payload: Change, found: list[Spot]) -> str:
    """SAP's unit where it counts in another one than the posting: its number would mean another quantity."""
    if not isinstance(payload, ChangeQuantity) or not payload.uom:
        return ""
    theirs = {str(spot.row.get(COUNTED_IN[payload.target]) or "") for spot in found}
    return ", ".join(sorted(theirs - {"", terms.unit(payload.uom)}))


def said(value: Value | None) -> str:
    """A value for people and for what they confirm to have seen."""
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if value is not None else "nothing"


class ChangeHandler:
    """One changed value, written only if SAP still says what the posting expects."""

    def find(self, desk: Desk, job: Job[Any]) -> Found | None:
        found = spots(desk, job.payload)
        same = found and all(spot.value(job.payload.new) == job.payload.new for spot in found)
        if same and other_unit(desk.terms, job.payload, found):
            return None
        return _found(job.payload) if same else None

    def drive(self, desk: Desk, job: Job[Any]) -> Found:
        payload = job.payload
        new: Value = payload.new
        there = spots(desk, payload, live=True)
        if theirs := other_unit(desk.terms, payload, there):
            raise ErpRejected(
                "sap.unit", f"SAP counts {payload.number} in {theirs}, the posting in {payload.uom}"
            )
        wanted = [spot for spot in there if spot.value(new) != new]
        if not wanted:
            raise ErpRejected(
                "erp.not_found", f"SAP's item {payload.number}/{payload.line} has no schedule line"
            )
        if isinstance(new, Decimal) and len(wanted) > 1:
            raise ErpRejected(
                "sap.schedule_lines",
                f"{payload.number}/{payload.line} is split over {len(wanted)} schedule lines in SAP; "
                "which of them takes the new quantity is decided there",
            )
        for spot in wanted:
            now = spot.value(new)
            if payload.old is not None and now != payload.old:
                what = f"{payload.number} {spot.field}"
                stop_if_drifted(payload, what, DRIFT_FIELDS[type(new)], said(now), said(payload.old))
        self._write(desk, wanted, body(wanted[0].field, new))
        if any(spot.value(new) != new for spot in spots(desk, payload)):
            raise ErpRejected(
                "sap.not_taken", f"SAP took the change of {payload.number}, but kept its old value"
            )
        return _found(payload)

    def preview(self, terms: Terms, job: Job[Any]) -> tuple[Step, ...]:
        payload = job.payload
        content = {"d": body(field_of(payload), payload.new)}
        if payload.target == "work_order":
            path = production.path(payload.number)
            return (
                Step(
                    "PATCH", f"{ORDERS.root}/{path}", content, "under the version SAP shows when it is read"
                ),
            )
        service = PURCHASES if payload.target == "po_line" else SALES
        entity, (order, item), width = SCHEDULES[payload.target]
        where = {order: fit("order", payload.number, 10), item: item_number(payload.line, width)}
        path = wire.key(entity, **where, ScheduleLine="...")
        note = "for each schedule line of the item, under the version SAP shows; several in one changeset of $batch"
        return (Step("PATCH", f"{service.root}/{path}", content, note),)

    @staticmethod
    def _write(desk: Desk, wanted: list[Spot], fields: Row) -> None:
        if len(wanted) == 1:
            spot = wanted[0]
            desk.client.change(spot.service, spot.path, fields, etag=wire.etag_of(spot.row))
            return
        changes = [batch.Change("PATCH", spot.path, {"d": fields}, wire.etag_of(spot.row)) for spot in wanted]
        desk.client.together(wanted[0].service, changes)


class ChangeBack:
    """A change taken back: from the new value to the one before it."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        return ChangeHandler().find(desk, self._back(job))

    def drive(self, desk: Desk, job: Job[Reversal]) -> Found:
        return ChangeHandler().drive(desk, self._back(job))

    def preview(self, terms: Terms, job: Job[Reversal]) -> tuple[Step, ...]:
        return ChangeHandler().preview(terms, self._back(job))

    @staticmethod
    def _back(job: Job[Reversal]) -> Job[Any]:
        """The opposite change; what was seen of SAP since is what the reversal says, not the original."""
        kind, original = job.payload.reverses_kind, dict(job.payload.original)
        original["seen"] = job.payload.seen
        if not original.get("old"):
            raise ErpRejected("erp.payload", "the original change does not say what the value was before")
        original["old"], original["new"] = original["new"], original["old"]
        return Job(replace(job.command, kind=kind, payload=original), canonical.parse(kind, original))


def _found(payload: Change) -> Found:
    number = payload.number if payload.target == "work_order" else f"{payload.number}/{payload.line}"
    return Found(document=payload.target, number=number, state="changed", extra={"field": field_of(payload)})
