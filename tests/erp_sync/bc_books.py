"""The books of the simulated Business Central, and the little company in them."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from core import clock

Row = dict[str, Any]


@dataclass
class Books:
    """The company. Rows carry `_v`, their version."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    entries: int = 100

    def add(self, table: str, **values: Any) -> Row:
        row = {"id": str(uuid.uuid4()), "lastModifiedDateTime": now(), "_v": 1, **values}
        self.tables.setdefault(table, []).append(row)
        return row

    def touch(self, row: Row, **values: Any) -> None:
        row |= {**values, "_v": row["_v"] + 1, "lastModifiedDateTime": now()}

    def find(self, table: str, **wanted: Any) -> list[Row]:
        return [r for r in self.tables.get(table, []) if all(r.get(k) == v for k, v in wanted.items())]


def now() -> str:
    return clock.now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def company() -> Books:
    """A little company: items, traders, two orders, accounts."""
    books = Books()
    books.add("companyInformation", displayName="Acme GmbH", currencyCode="EUR")
    main = books.add("locations", code="MAIN", displayName="Main plant")
    for number, name, kind in (
        ("1000", "Bicycle", "Inventory"),
        ("1100", "Wheel", "Inventory"),
        ("S1", "Hour", "Service"),
    ):
        books.add(
            "items", number=number, displayName=name, type=kind, blocked=False, baseUnitOfMeasureCode="PCS"
        )
    books.add("customers", number="10000", displayName="Adatum", blocked=" ")
    books.add("vendors", number="20000", displayName="Fabrikam", blocked=" ")
    for number, name in (("8450", "Scrap"), ("8999", "Clearing"), ("8451", "Freight")):
        books.add("accounts", number=number, displayName=name, blocked=False)
    books.add("unitsOfMeasure", code="PCS", displayName="Piece")
    line = {"lineType": "Item", "unitOfMeasureCode": "PCS", "locationId": main["id"]}
    bought = books.add(
        "purchaseOrders", number="106001", vendorNumber="20000", requestedReceiptDate="0001-01-01",
        fullyReceived=False, status="Draft",
    )  # fmt: skip
    books.add(
        "purchaseOrderLines", **line, documentId=bought["id"], sequence=10000, lineObjectNumber="1100", quantity=12,
        expectedReceiptDate="2026-12-01", receivedQuantity=0,
    )  # fmt: skip
    books.add(
        "purchaseOrderLines", documentId=bought["id"], sequence=20000, lineType="Comment", lineObjectNumber=""
    )
    sold = books.add(
        "salesOrders", number="S-ORD101001", customerNumber="10000", externalDocumentNumber="PO-77",
        requestedDeliveryDate="2026-12-05", fullyShipped=False, status="Draft",
    )  # fmt: skip
    books.add(
        "salesOrderLines", **line, documentId=sold["id"], sequence=10000, lineObjectNumber="1000", quantity=4,
        shipmentDate="2026-12-04", shippedQuantity=0,
    )  # fmt: skip
    return books
