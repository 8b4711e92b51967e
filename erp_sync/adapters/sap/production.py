"""What SAP says of a production order now, read before anything is posted to it.

Owns the reading of an order's status and of its operations, and when they have drifted from what a posting expects.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from decimal import Decimal

from erp_sync.adapters.sap import wire
from erp_sync.adapters.sap.client import ORDERS
from erp_sync.adapters.sap.documents import Desk, drifted, plain
from erp_sync.adapters.sap.terms import fit, operation
from erp_sync.adapters.sap.wire import Row
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


def live_order(desk: Desk, number: str, *, released: bool = True, expand: bool = False) -> Row:
    """An order that still takes postings. Raises ErpRejected `erp.drifted` with SAP's word for it."""
    found = order(desk, number, expand=expand)
    if words := ended(found):
        raise drifted(f"order {number}", words, "open")
    if released and not (is_set(found, "OrderIsReleased") or is_set(found, "OrderIsPartiallyReleased")):
        raise drifted(f"order {number}", "not released", "released")
    return found


def operations(row: Row) -> list[Row]:
    """An expanded order's operations in their order; sub-operations and deleted ones left out."""
    found = [
        one
        for one in wire.children(row, "to_ProductionOrderOperation")
        if not one.get("ManufacturingOrderSubOperation") and not is_set(one, "OperationIsDeleted")
    ]
    return sorted(found, key=lambda one: str(one.get("ManufacturingOrderOperation") or ""))


def open_operation(row: Row, number: str, wanted: str, done: Decimal, *, over: bool) -> tuple[Row, bool]:
    """(operation, whether it is the order's last) of an expanded order; the last one when none is named.

    `done` is what the posting would confirm: with everything planned confirmed already it is likely in SAP by another
    hand. `over` lets that pass. Raises ErpRejected `erp.not_found` or `erp.drifted`.
    """
    rows = operations(row)
    if not rows:
        raise ErpRejected("erp.not_found", f"SAP's order {number} has no operations")
    sought = operation(wanted) if wanted else str(rows[-1].get("ManufacturingOrderOperation"))
    found = next(
        (one for one in rows if operation(str(one.get("ManufacturingOrderOperation"))) == sought), None
    )
    if found is None:
        raise ErpRejected("erp.not_found", f"SAP's order {number} has no operation {sought}")
    if over:
        return found, found is rows[-1]
    confirmed = wire.number_in(found.get("OpTotalConfirmedYieldQty"))
    planned = wire.number_in(found.get("OpPlannedTotalQuantity"))
    if is_set(found, "OperationIsConfirmed"):
        raise drifted(
            f"operation {sought} of order {number}",
            f"finally confirmed with {plain(confirmed)}",
            "still open",
        )
    if done and planned and confirmed >= planned:
        raise drifted(
            f"operation {sought} of order {number}",
            f"{plain(confirmed)} of {plain(planned)} confirmed",
            f"{plain(done)} still to confirm",
        )
    return found, found is rows[-1]
