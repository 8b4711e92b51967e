"""Production orders: finding one that may be posted to, changing dates and quantity, its states.

Owns the rules of the order header. Must not know: HTTP, stock. Runs inside the caller's `Books.transaction`.
"""

from __future__ import annotations

from decimal import Decimal

from core import clock
from erp_sync.simulators.sap import refusals as no
from erp_sync.simulators.sap.books import Books, day_of
from erp_sync.simulators.sap.refusals import Refusal
from erp_sync.simulators.sap.values import Row

ORDER = "A_ProductionOrder_2"
OPERATION = "A_ProductionOrderOperation_2"
#: What a change of the header takes; the rest of the header answers, but does not listen.
_OPEN_TO_CHANGE = {
    "TotalQuantity", "MfgOrderPlannedScrapQty", "MfgOrderPlannedStartDate", "MfgOrderPlannedStartTime",
    "MfgOrderPlannedEndDate", "MfgOrderPlannedEndTime", "MfgOrderScheduledStartDate", "MfgOrderScheduledStartTime",
    "MfgOrderScheduledEndDate", "MfgOrderScheduledEndTime", "GoodsRecipientName", "UnloadingPointName",
    "StorageLocation", "ProductionSupervisor", "MRPController", "OrderLongText",
}  # fmt: skip


def open_order(books: Books, number: str) -> Row:
    """A production order that takes postings. Raises Refusal: unknown, locked, not released, completed, closed."""
    order = find_order(books, number)
    number = order["ManufacturingOrder"]
    if order.get("OrderIsClosed"):
        raise Refusal(no.ORDER_CLOSED, f"Order {number} closed", target="OrderID")
    if order.get("OrderIsTechnicallyCompleted"):
        raise Refusal(no.ORDER_COMPLETED, f"Order {number} is technically completed", target="OrderID")
    if not order.get("OrderIsReleased") and not order.get("OrderIsPartiallyReleased"):
        raise Refusal(no.ORDER_NOT_RELEASED, f"Order {number} has not been released", target="OrderID")
    return order


def find_order(books: Books, number: str) -> Row:
    """The order, whether written with leading zeros or not. Raises Refusal when unknown, deleted or locked."""
    found = books.get("A_ProductionOrder_2", (number.lstrip("0"),))
    if found is None or found.get("OrderIsDeleted"):
        raise Refusal(no.ORDER_UNKNOWN, f"Order {number} not found", target="OrderID")
    known = found["ManufacturingOrder"]
    books.must_be_free(
        f"order:{known}", no.ORDER_LOCKED, f"Order {known} is already being processed by {{user}}"
    )
    return found


def change(books: Books, order: Row, values: Row) -> None:
    """A PATCH of the header. Raises Refusal."""
    number = order["ManufacturingOrder"]
    find_order(books, number)
    _not_over(order)
    for name in values:
        if name not in _OPEN_TO_CHANGE:
            raise Refusal(no.ORDER_STATUS, f"Field {name} of order {number} can not be changed", target=name)
    quantity = values.get("TotalQuantity")
    if quantity is not None:
        least = max(order.get("MfgOrderConfirmedYieldQty") or Decimal(0), books.total("made", number))
        if quantity <= 0 or quantity < least:
            raise Refusal(
                no.ORDER_STATUS,
                f"Quantity of order {number} is below the {least} delivered",
                target="TotalQuantity",
            )
    starts = values.get("MfgOrderPlannedStartDate", order.get("MfgOrderPlannedStartDate"))
    ends = values.get("MfgOrderPlannedEndDate", order.get("MfgOrderPlannedEndDate"))
    if starts and ends and ends < starts:
        raise Refusal(
            no.ORDER_STATUS, "Basic finish date is before the start date", target="MfgOrderPlannedEndDate"
        )
    books.change(ORDER, order, values)
    if quantity is not None:
        for row in books.find(OPERATION, ManufacturingOrder=number):
            books.change(OPERATION, row, {"OpPlannedTotalQuantity": quantity})
        for row in books.find("A_ProductionOrderItem_2", ManufacturingOrder=number):
            books.change("A_ProductionOrderItem_2", row, {"MfgOrderItemPlannedTotalQty": quantity})


def _not_over(order: Row) -> None:
    number = order["ManufacturingOrder"]
    if order.get("OrderIsClosed"):
        raise Refusal(no.ORDER_CLOSED, f"Order {number} closed")
    if order.get("OrderIsTechnicallyCompleted"):
        raise Refusal(no.ORDER_COMPLETED, f"Order {number} is technically completed")


def release(books: Books, order: Row) -> None:
    """Let the order and its operations take postings. Raises Refusal."""
    find_order(books, order["ManufacturingOrder"])
    _not_over(order)
    if order.get("OrderIsReleased"):
        raise Refusal(no.ORDER_STATUS, f"Order {order['ManufacturingOrder']} is already released")
    books.change(
        ORDER,
        order,
        {"OrderIsReleased": "X", "OrderIsCreated": "", "MfgOrderActualReleaseDate": day_of(clock.now())},
    )
    for row in books.find(OPERATION, ManufacturingOrder=order["ManufacturingOrder"]):
        books.change(OPERATION, row, {"OperationIsReleased": "X", "OperationIsCreated": ""})


def complete(books: Books, order: Row) -> None:
    """Technical completion: nothing more is posted. Raises Refusal."""
    find_order(books, order["ManufacturingOrder"])
    _not_over(order)
    if not order.get("OrderIsReleased"):
        raise Refusal(no.ORDER_NOT_RELEASED, f"Order {order['ManufacturingOrder']} has not been released")
    books.change(ORDER, order, {"OrderIsTechnicallyCompleted": "X"})


def close(books: Books, order: Row) -> None:
    """Business completion, after the technical one. Raises Refusal."""
    find_order(books, order["ManufacturingOrder"])
    if not order.get("OrderIsTechnicallyCompleted") or order.get("OrderIsClosed"):
        raise Refusal(
            no.ORDER_STATUS, f"System status of order {order['ManufacturingOrder']} does not allow closing"
        )
    books.change(ORDER, order, {"OrderIsClosed": "X"})
