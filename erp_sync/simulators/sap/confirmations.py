"""Production order confirmations: posting one with its goods movements, and cancelling it.

Owns the rules that refuse one and what it does to operation and order. Nothing is withdrawn or received unless the
confirmation says so. Must not know: HTTP. Runs inside the caller's `Books.transaction`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core import clock
from erp_sync.simulators.sap import goods
from erp_sync.simulators.sap import refusals as no
from erp_sync.simulators.sap.books import Books, day_of, time_of
from erp_sync.simulators.sap.orders import OPERATION, ORDER, open_order
from erp_sync.simulators.sap.refusals import Refusal
from erp_sync.simulators.sap.values import Row

CONFIRMATION = "ProdnOrdConf2"
ITEMS = "ProdnOrdConfMatlDocItm"
ZERO = Decimal(0)
#: More than planned is taken up to this share.
TOLERANCE = Decimal("0.10")
_AMOUNTS = ("ConfirmationYieldQuantity", "ConfirmationScrapQuantity", "ConfirmationReworkQuantity")
_WORK = tuple(f"OpConfirmedWorkQuantity{n}" for n in range(1, 7))


def post(books: Books, values: Row, user: str) -> Row:
    """A confirmation with its goods movements. Raises Refusal; then nothing at all was written."""
    items = values.pop("to_ProdnOrdConfMatlDocItm", [])
    operation = operation_of(books, values)
    order = open_order(books, operation["ManufacturingOrder"])
    name = f"{order['ManufacturingOrder']} {operation['ManufacturingOrderOperation']}"
    if not operation.get("OperationIsReleased"):
        raise Refusal(
            no.ORDER_NOT_RELEASED, f"Operation {name} has not been released", target="OrderOperation"
        )
    if operation.get("_final"):
        raise Refusal(no.FINALLY_CONFIRMED, f"Operation {name} has already been finally confirmed")
    posted = values.get("PostingDate") or day_of(clock.now())
    goods.open_period(books, posted)
    final = bool(values.get("IsFinalConfirmation")) or values.get("FinalConfirmationType") in ("X", "1")
    _check_amounts(values, operation, final, name)
    now = clock.now()
    row: Row = {
        **dict.fromkeys(_AMOUNTS, ZERO),
        **values,
        "ConfirmationGroup": operation["_group"],
        "ConfirmationCount": _next_count(books, operation["_group"]),
        "OrderID": order["ManufacturingOrder"],
        "OrderOperation": operation["ManufacturingOrderOperation"],
        "Sequence": operation["ManufacturingOrderSequence"],
        "OrderType": order.get("ManufacturingOrderType"),
        "Material": order["Material"],
        "Plant": values.get("Plant") or order["ProductionPlant"],
        "WorkCenter": values.get("WorkCenter") or operation.get("WorkCenter"),
        "ConfirmationUnit": values.get("ConfirmationUnit") or operation["OperationUnit"],
        "ProductionUnit": order["ProductionUnit"],
        "OrderPlannedTotalQty": order["TotalQuantity"],
        "PostingDate": posted,
        "IsFinalConfirmation": final,
        "FinalConfirmationType": "X" if final else "",
        "IsReversed": False,
        "IsReversal": False,
        "ConfirmationEntryDate": day_of(now),
        "ConfirmationEntryTime": time_of(now),
        "EnteredByUser": user,
    }
    books.put(CONFIRMATION, row)
    _recount(books, operation, order, row, 1)
    if items:
        _movements(books, row, order, items, user)
    return row


def operation_of(books: Books, values: Row) -> Row:
    """The operation by confirmation group, or by order, operation and sequence. Raises Refusal."""
    group = str(values.get("ConfirmationGroup") or "")
    if group:
        found = [row for row in books.tables[OPERATION].values() if row["_group"] == group]
    else:
        number = str(values.get("OrderID") or "").lstrip("0")
        if not number:
            raise Refusal(no.ORDER_UNKNOWN, "Enter an order or a confirmation", target="OrderID")
        if books.get(ORDER, (number,)) is None:
            raise Refusal(no.ORDER_UNKNOWN, f"Order {values.get('OrderID')} not found", target="OrderID")
        found = books.find(
            OPERATION,
            ManufacturingOrder=number,
            ManufacturingOrderOperation=str(values.get("OrderOperation") or "").zfill(4),
        )
        sequence = str(values.get("Sequence") or "").lstrip("0")
        found = [row for row in found if str(row["ManufacturingOrderSequence"]).lstrip("0") == sequence]
    if not found:
        told = f"{values.get('OrderID') or group} {values.get('OrderOperation') or ''}".strip()
        raise Refusal(no.OPERATION_UNKNOWN, f"Operation {told} does not exist", target="OrderOperation")
    return found[0]


def _check_amounts(values: Row, operation: Row, final: bool, name: str) -> None:
    for amount in (*_AMOUNTS, *_WORK):
        if (values.get(amount) or ZERO) < 0:
            raise Refusal("RU/909", f"{amount} must not be negative", target=amount)
    if not final and not any(values.get(amount) for amount in (*_AMOUNTS, *_WORK)):
        raise Refusal(no.NOTHING_CONFIRMED, "Neither a quantity nor an activity is confirmed")
    unit = values.get("ConfirmationUnit") or operation["OperationUnit"]
    if unit != operation["OperationUnit"]:
        raise Refusal("RU/910", f"Unit {unit} is not that of operation {name}", target="ConfirmationUnit")
    done = operation.get("OpTotalConfirmedYieldQty") or ZERO
    after = done + (values.get("ConfirmationYieldQuantity") or ZERO)
    if after > operation["OpPlannedTotalQuantity"] * (1 + TOLERANCE):
        raise Refusal(
            no.OVER_CONFIRMED,
            f"Yield {after.normalize():f} of operation {name} is beyond the overdelivery tolerance",
            target="ConfirmationYieldQuantity",
        )


def _next_count(books: Books, group: str) -> str:
    return books.number(f"count {group}")


def _recount(books: Books, operation: Row, order: Row, row: Row, sign: int) -> None:
    """Operation and order after one confirmation more (`sign` 1) or one less (-1)."""
    group = operation["_group"]
    for amount, what in (
        (row.get("ConfirmationYieldQuantity") or ZERO, "confirmed"),
        (Decimal(1), "standing"),
        (Decimal(bool(row["IsFinalConfirmation"])), "final"),
    ):
        books.add(sign * amount, what, group)
    total, standing, final = (books.total(what, group) for what in ("confirmed", "standing", "final"))
    books.change(
        OPERATION,
        operation,
        {
            "_final": bool(final),
            "OpTotalConfirmedYieldQty": total,
            "OperationIsConfirmed": "X" if final else "",
            "OperationIsPartiallyConfirmed": "X" if standing and not final else "",
        },
    )
    operations = books.find(OPERATION, ManufacturingOrder=order["ManufacturingOrder"])
    last = max(operations, key=lambda row: str(row["ManufacturingOrderOperation"]))
    everything = all(row.get("OperationIsConfirmed") for row in operations)
    begun = any(
        row.get("OperationIsConfirmed") or row.get("OperationIsPartiallyConfirmed") for row in operations
    )
    books.change(
        ORDER,
        order,
        {
            "MfgOrderConfirmedYieldQty": last.get("OpTotalConfirmedYieldQty") or ZERO,
            "OrderIsConfirmed": "X" if everything else "",
            "OrderIsPartiallyConfirmed": "X" if begun and not everything else "",
        },
    )


def _movements(books: Books, row: Row, order: Row, items: list[Row], user: str) -> None:
    lines = []
    for item in items:
        line = dict(item)
        kind = str(line.get("GoodsMovementType") or "")
        line.setdefault("Plant", order["ProductionPlant"])
        if kind in ("101", "261", "262", "531"):
            line["ManufacturingOrder"] = order["ManufacturingOrder"]
        line["MaterialDocumentItemText"] = line.get("MaterialDocumentItemText") or ""
        lines.append(line)
    document = goods.post(books, {"PostingDate": row["PostingDate"]}, lines, user)
    for place, item in enumerate(items, start=1):
        books.put(
            ITEMS,
            {
                **item,
                "ConfirmationGroup": row["ConfirmationGroup"],
                "ConfirmationCount": row["ConfirmationCount"],
                "OrderID": order["ManufacturingOrder"],
                "MaterialDocument": document["MaterialDocument"],
                "MaterialDocumentYear": document["MaterialDocumentYear"],
                "MaterialDocumentItem": str(place),
            },
        )


def cancel(
    books: Books,
    group: str,
    count: str,
    user: str,
    *,
    posted: datetime | None,
    text: str = "",
    external: str | None,
) -> Row:
    """Cancel a confirmation and its goods movements. Returns the reversing confirmation. Raises Refusal."""
    row = books.get(CONFIRMATION, (group, count))
    if row is None:
        raise Refusal(no.CONFIRMATION_UNKNOWN, f"Confirmation {group} {count} does not exist", status=404)
    if row["IsReversed"] or row["IsReversal"]:
        raise Refusal(no.CONFIRMATION_REVERSED, f"Confirmation {group} {count} has already been reversed")
    operation = operation_of(books, {"ConfirmationGroup": row["ConfirmationGroup"]})
    order = open_order(books, row["OrderID"])
    posted = posted or day_of(clock.now())
    goods.open_period(books, posted)
    books.change(CONFIRMATION, row, {"IsReversed": True})
    now = clock.now()
    reversal = books.put(
        CONFIRMATION,
        {name: value for name, value in row.items() if not name.startswith("to_")}
        | {
            "ConfirmationCount": _next_count(books, row["ConfirmationGroup"]),
            "IsReversed": False,
            "IsReversal": True,
            "IsFinalConfirmation": False,
            "FinalConfirmationType": "",
            "PostingDate": posted,
            "ConfirmationText": text or row.get("ConfirmationText"),
            "ExternalSystemConfirmation": external,
            "ConfirmationEntryDate": day_of(now),
            "ConfirmationEntryTime": time_of(now),
            "EnteredByUser": user,
        },
    )
    _recount(books, operation, order, row, -1)
    documents = {
        (item["MaterialDocumentYear"], item["MaterialDocument"])
        for item in books.find(
            ITEMS, ConfirmationGroup=row["ConfirmationGroup"], ConfirmationCount=row["ConfirmationCount"]
        )
    }
    for year, number in sorted(documents):
        goods.cancel(books, year, number, posted, user)
    return reversal


def proposal(books: Books, values: Row) -> Row:
    """What is left to confirm on an operation. Writes nothing. Raises Refusal."""
    operation = operation_of(books, values)
    order = open_order(books, operation["ManufacturingOrder"])
    left = operation["OpPlannedTotalQuantity"] - (operation.get("OpTotalConfirmedYieldQty") or ZERO)
    return {
        "ConfirmationGroup": operation["_group"],
        "ConfirmationCount": "",
        "OrderID": order["ManufacturingOrder"],
        "OrderOperation": operation["ManufacturingOrderOperation"],
        "Sequence": operation["ManufacturingOrderSequence"],
        "Material": order["Material"],
        "Plant": order["ProductionPlant"],
        "WorkCenter": operation.get("WorkCenter"),
        "ConfirmationUnit": operation["OperationUnit"],
        "ConfirmationYieldQuantity": max(left, ZERO),
    }


def movement_proposal(books: Books, values: Row) -> list[Row]:
    """The withdrawals a confirmation of `ConfirmationYieldQuantity` would need. Writes nothing. Raises Refusal."""
    operation = operation_of(books, values)
    order = open_order(books, operation["ManufacturingOrder"])
    share = (values.get("ConfirmationYieldQuantity") or ZERO) / order["TotalQuantity"]
    parts = books.find(
        "A_ProductionOrderComponent_2",
        ManufacturingOrder=order["ManufacturingOrder"],
        ManufacturingOrderOperation=operation["ManufacturingOrderOperation"],
    )
    return [
        {
            "ConfirmationGroup": operation["_group"],
            "OrderID": order["ManufacturingOrder"],
            "Material": part["Material"],
            "Plant": part["Plant"],
            "StorageLocation": part["StorageLocation"],
            "Reservation": part["Reservation"],
            "ReservationItem": part["ReservationItem"],
            "GoodsMovementType": part["GoodsMovementType"],
            "EntryUnit": part["BaseUnit"],
            "QuantityInEntryUnit": round(part["RequiredQuantity"] * share, 3),
        }
        for part in parts
    ]
