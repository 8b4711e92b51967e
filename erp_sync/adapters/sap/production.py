"""What SAP says of a production order now, read before anything is posted to it.

Owns the reading of an order's status and of its operations, and when they have drifted from what a posting expects.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from decimal import Decimal

from erp_sync.adapters.sap import wire
from erp_sync.adapters.sap.client import ORDERS
from erp_sync.adapters.sap.documents import Desk, plain, stop_if_drifted
from erp_sync.adapters.sap.terms import fit, operation
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_base import Payload
from erp_sync.errors import ErpRejected

ORDER = "A_ProductionOrder_2"
#: Indicators that end an order's life, the strongest first, in words.
ENDED = (
    ("OrderIsDeleted", "deleted"),
    ("OrderIsMarkedForDeletion", "marked for deletion"),
    ("OrderIsClosed", "closed"),
    ("OrderIsTechnicallyCompleted", "technically completed"),
    ("OrderIsLocked", "locked"),
)


def is_set(row: Row, name: str) -> bool:
    """SAP's indicators are "X" or empty, true or false."""
    return row.get(name) in ("X", "x", True, "true")


def path(number: str) -> str:
    """The address of one order."""
    return wire.key(ORDER, ManufacturingOrder=fit("order number", number, 12))


def order(desk: Desk, number: str, *, expand: bool = False) -> Row:
    """A production order, with its operations when `expand`. Raises ErpRejected `erp.not_found`."""
    options = {"expand": "to_ProductionOrderOperation"} if expand else {}
    found = desk.client.get(ORDERS, path(number), **options)
    if found is None:
        raise ErpRejected("erp.not_found", f"SAP has no production order {number!r}")
    return found


def ended(row: Row) -> str:
    """How an order's life ended, "" while it lives."""
    return next((words for name, words in ENDED if is_set(row, name)), "")


def live_order(
    desk: Desk, payload: Payload, number: str, *, released: bool = True, expand: bool = False
) -> Row:
    """An order that still takes postings. Raises Drifted with SAP's word for it, unless `payload` has seen that."""
    found = order(desk, number, expand=expand)
    if words := ended(found):
        stop_if_drifted(payload, f"order {number}", "order_status", words, "open")
    elif released and not (is_set(found, "OrderIsReleased") or is_set(found, "OrderIsPartiallyReleased")):
        stop_if_drifted(payload, f"order {number}", "order_status", "not released", "released")
    return found


def operations(row: Row) -> list[Row]:
    """An expanded order's operations in their order; sub-operations and deleted ones left out."""
    found = [
        one
        for one in wire.children(row, "to_ProductionOrderOperation")
        if not one.get("ManufacturingOrderSubOperation") and not is_set(one, "OperationIsDeleted")
    ]
    return sorted(found, key=lambda one: str(one.get("ManufacturingOrderOperation") or ""))


def open_operation(payload: Payload, row: Row, done: Decimal, *, over: bool) -> tuple[Row, bool]:
    """(operation, whether it is the order's last) of an expanded order; the last one when the payload names none.

    `done` is what the posting would confirm: with everything planned confirmed already it is likely in SAP by another
    hand. `over` lets that pass. Raises ErpRejected `erp.not_found`, or Drifted.
    """
    number, rows = payload.work_order, operations(row)
    if not rows:
        raise ErpRejected("erp.not_found", f"SAP's order {number} has no operations")
    sought = (
        operation(payload.operation)
        if payload.operation
        else str(rows[-1].get("ManufacturingOrderOperation"))
    )
    found = next(
        (one for one in rows if operation(str(one.get("ManufacturingOrderOperation"))) == sought), None
    )
    if found is None:
        raise ErpRejected("erp.not_found", f"SAP's order {number} has no operation {sought}")
    if over:
        return found, found is rows[-1]
    confirmed = wire.number_in(found.get("OpTotalConfirmedYieldQty"))
    planned = wire.number_in(found.get("OpPlannedTotalQuantity"))
    what = f"operation {sought} of order {number}"
    if is_set(found, "OperationIsConfirmed"):
        theirs, ours = f"finally confirmed with {plain(confirmed)}", "still open"
        stop_if_drifted(payload, what, "confirmed", theirs, ours)
    elif done and planned and confirmed >= planned:
        theirs, ours = f"{plain(confirmed)} of {plain(planned)} confirmed", f"{plain(done)} still to confirm"
        stop_if_drifted(payload, what, "confirmed", theirs, ours)
    return found, found is rows[-1]
