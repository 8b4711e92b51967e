"""Changes of purchase and sales order lines: the day they are expected or shipped, and their quantity.

Owns which field a change means, the write under the version read, and the check that it took. Nothing of ours is kept
with a change, so the value itself is the look-up. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from erp_sync.adapters.business_central.client import NAME, Row, etag_of, literal
from erp_sync.adapters.business_central.terms import Desk
from erp_sync.adapters.handling import Found, Job, plain, stop_if_drifted, turned_back
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Change, ChangeDate, ChangeQuantity, Reversal
from erp_sync.errors import ErpRejected

NO_ORDERS = "production orders are not in Business Central's standard API"
NO_REQUESTED = (
    "the date that was asked for stands on the head of the order, for all its lines; lines carry the day they are "
    "expected or shipped"
)


@dataclass(frozen=True, slots=True)
class Side:
    """One kind of order: its lists, the line's day, what was delivered of it, and the head's word for all of it."""

    orders: str
    lines: str
    day: str
    done: str
    all_done: str
    words: str


SIDES = {
    "po_line": Side(
        "purchaseOrders",
        "purchaseOrderLines",
        "expectedReceiptDate",
        "receivedQuantity",
        "fullyReceived",
        "received",
    ),
    "so_line": Side(
        "salesOrders", "salesOrderLines", "shipmentDate", "shippedQuantity", "fullyShipped", "shipped"
    ),
}


def declines(payload: dict[str, Any], kind: str) -> str:
    """Why a change is not offered; "" when it is."""
    if payload.get("target") == "work_order":
        return NO_ORDERS
    return NO_REQUESTED if kind == "change.date" and payload.get("which") == "requested" else ""


@dataclass(frozen=True, slots=True)
class Spot:
    """A line as read, with the head of its order."""

    side: Side
    head: Row
    line: Row
    field: str

    def value(self, like: date | Decimal) -> date | Decimal | None:
        """What stands there now, as the same type as `like`."""
        found = self.line.get(self.field)
        return Decimal(str(found or 0)) if isinstance(like, Decimal) else day_of(found)


def day_of(value: Any) -> date | None:
    """A day; None for none, and for the year 1 that stands for none."""
    try:
        found = date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
    return found if found.year > 1 else None


def said(value: date | Decimal | None) -> str:
    """A value for people and for what they confirm to have seen."""
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if value is not None else "nothing"


def spot(desk: Desk, payload: Change) -> Spot:
    """Read the line with its order. Raises ErpRejected `erp.not_found`, `erp.payload`."""
    side = SIDES[payload.target]
    if not payload.line.isdecimal():
        raise ErpRejected("erp.payload", f"{payload.line!r} is no line number in Business Central")
    options = {"filter": f"number eq {literal(payload.number)}", "expand": side.lines}
    head = next(desk.client.rows(side.orders, **options), None)
    if head is None:
        raise ErpRejected("erp.not_found", f"Business Central has no open order {payload.number}")
    for line in head.get(side.lines) or ():
        if int(line["sequence"]) == int(payload.line):
            field = side.day if isinstance(payload, ChangeDate) else "quantity"
            return Spot(side, head, line, field)
    raise ErpRejected("erp.not_found", f"Business Central has no line {payload.number}/{payload.line}")


class ChangeHandler:
    """One value of one line, written only while Business Central still says what the posting expects."""

    def find(self, desk: Desk, job: Job[Any]) -> Found | None:
        where = spot(desk, job.payload)
        return _found(job.payload, where) if where.value(job.payload.new) == job.payload.new else None

    def drive(self, desk: Desk, job: Job[Any], found: Found | None) -> Found:
        payload, where = job.payload, spot(desk, job.payload)
        self._check(desk, job, where)
        path = f"{where.side.lines}({where.line['id']})"
        etag = etag_of(where.line) or etag_of(desk.client.get(path) or {})
        desk.client.change(path, {where.field: _out(payload.new)}, etag=etag)
        after = spot(desk, payload)
        if after.value(payload.new) != payload.new:
            raise ErpRejected(
                f"{NAME}.not_taken",
                f"Business Central took the change of {payload.number}/{payload.line}, but shows "
                f"{said(after.value(payload.new))}",
            )
        return _found(payload, after)

    def preview(self, desk: Desk, job: Job[Any]) -> tuple[Step, ...]:
        side = SIDES[job.payload.target]
        field = side.day if isinstance(job.payload, ChangeDate) else "quantity"
        note = (
            f"line {job.payload.line} of order {job.payload.number}, under the version it has when it is read"
        )
        return (Step("PATCH", desk.client.path(f"{side.lines}(...)"), {field: _out(job.payload.new)}, note),)

    @staticmethod
    def _check(desk: Desk, job: Job[Any], where: Spot) -> None:
        """Raises Drifted where the order, its deliveries or the value moved on; ErpRejected for another unit."""
        payload, side = job.payload, where.side
        what = f"{payload.number}/{payload.line}"
        if where.head.get(side.all_done):
            stop_if_drifted(job, f"order {payload.number}", "status", "open", f"completely {side.words}")
        now = where.value(payload.new)
        if payload.old is not None and now != payload.old:
            stop_if_drifted(job, f"{what} {where.field}", where.field, said(payload.old), said(now))
        if isinstance(payload, ChangeQuantity):
            done = Decimal(str(where.line.get(side.done) or 0))
            if payload.new < done:
                theirs = f"{plain(done)} {side.words}"
                stop_if_drifted(job, what, side.done, f"at most {plain(payload.new)} {side.words}", theirs)
            unit = str(where.line.get("unitOfMeasureCode") or "")
            if payload.uom and unit and desk.terms.unit(payload.uom).upper() != unit.upper():
                raise ErpRejected(
                    f"{NAME}.unit", f"{what} is ordered in {unit}, the quantity is in {payload.uom}"
                )


class ChangeBack(ChangeHandler):
    """A change taken back: from the new value to the one before it."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        return super().find(desk, turned_back(job))

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        return super().drive(desk, turned_back(job), found)

    def preview(self, desk: Desk, job: Job[Reversal]) -> tuple[Step, ...]:
        return super().preview(desk, turned_back(job))


def _out(value: date | Decimal) -> Any:
    return value if isinstance(value, Decimal) else value.isoformat()


def _found(payload: Change, where: Spot) -> Found:
    number = f"{payload.number}/{int(payload.line)}"
    return Found(where.side.lines, str(where.line["id"]), number, "changed", extra={"field": where.field})
