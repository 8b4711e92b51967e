"""Schedule lines of purchase and sales orders: changing their date and quantity.

Owns the rules of such a change. Must not know: HTTP. Runs inside the caller's `Books.transaction`.
"""

from __future__ import annotations

from decimal import Decimal

from erp_sync.simulators.sap import refusals as no
from erp_sync.simulators.sap.books import Books
from erp_sync.simulators.sap.refusals import Refusal
from erp_sync.simulators.sap.values import Row

PURCHASE = "A_PurchaseOrderScheduleLine"
SALES = "A_SalesOrderScheduleLine"
ZERO = Decimal(0)


def change_purchase(books: Books, line: Row, values: Row) -> None:
    """A PATCH of a purchase order's schedule line. Raises Refusal."""
    number, item = line["PurchasingDocument"], line["PurchasingDocumentItem"]
    books.must_be_free(
        f"purchase:{number}", no.PURCHASE_LOCKED, f"User {{user}} already processing purchase order {number}"
    )
    owner = books.get("A_PurchaseOrderItem", (number, item))
    if owner is None or owner.get("PurchasingDocumentDeletionCode"):
        raise Refusal(no.PURCHASE_UNKNOWN, f"Purchasing document item {number} {item} does not exist")
    if owner.get("IsCompletelyDelivered"):
        raise Refusal("06/902", f"Item {item} of purchase order {number} is completely delivered")
    ordered = line.get("PurchaseOrderDate")
    wanted = values.get("ScheduleLineDeliveryDate")
    if ordered and wanted and wanted < ordered:
        raise Refusal(
            no.DATE_PAST, "Delivery date is before the order date", target="ScheduleLineDeliveryDate"
        )
    quantity = values.get("ScheduleLineOrderQuantity")
    if quantity is not None:
        others = sum(
            (
                one["ScheduleLineOrderQuantity"]
                for one in books.find(PURCHASE, PurchasingDocument=number, PurchasingDocumentItem=item)
                if one is not line
            ),
            ZERO,
        )
        received = books.total("received", number, item)
        if quantity < 0 or others + quantity < received:
            raise Refusal(
                "06/903",
                f"Quantity of item {item} is below the {received.normalize():f} already delivered",
                target="ScheduleLineOrderQuantity",
            )
        books.change("A_PurchaseOrderItem", owner, {"OrderQuantity": others + quantity})
    books.change(PURCHASE, line, values)


def change_sales(books: Books, line: Row, values: Row) -> None:
    """A PATCH of a sales order's schedule line. Raises Refusal."""
    number, item = line["SalesOrder"], line["SalesOrderItem"]
    books.must_be_free(
        f"sales:{number}",
        no.SALES_LOCKED,
        f"Sales document {number} is currently being processed by {{user}}",
    )
    owner = books.get("A_SalesOrderItem", (number, item))
    if owner is None or owner.get("SalesDocumentRjcnReason"):
        raise Refusal(
            no.SALES_UNKNOWN, f"Item {item} of sales document {number} does not exist or is rejected"
        )
    delivered = line.get("DeliveredQtyInOrderQtyUnit") or ZERO
    quantity = values.get("ScheduleLineOrderQuantity")
    if delivered and delivered >= line["ScheduleLineOrderQuantity"]:
        raise Refusal("V1/903", f"Schedule line of item {item} is completely delivered")
    if quantity is not None:
        if quantity < delivered:
            raise Refusal(
                "V1/904",
                f"Quantity is below the {delivered.normalize():f} already delivered",
                target="ScheduleLineOrderQuantity",
            )
        change = quantity - line["ScheduleLineOrderQuantity"]
        books.change(
            "A_SalesOrderItem",
            owner,
            {"RequestedQuantity": (owner.get("RequestedQuantity") or ZERO) + change},
        )
    books.change(SALES, line, values)
