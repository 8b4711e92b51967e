"""Which promise to a customer something bears on: the earliest commit date behind an order or a line.

Reads only. Follows a work order up to the sales lines it feeds, and a purchase line through the orders waiting for its
item. Must not know what asks, or why.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from plant_app.models import MaterialNeed, OperationStatus, PurchaseOrderLine, SalesOrderLine, WorkOrder
from plant_app.selectors.effective import effective_commit, overlays_in_force
from plant_app.selectors.floor import downstream_sales_lines

_OVER = (OperationStatus.FINISHED, OperationStatus.CANCELLED)
#: So many orders that wait for a bought item are asked, those needed soonest first.
_WAITING_ORDERS = 20


def promise_behind_work_order(number: str) -> datetime | None:
    """The earliest open commitment a work order feeds, directly or through other orders; None where nobody waits."""
    order = WorkOrder.objects.filter(number=number).first()
    return _earliest(downstream_sales_lines(order)) if order is not None else None


def promise_of_sales_line(number: str, line: str) -> datetime | None:
    """What we committed for one sales line, overlay before ERP; None for a line the plant does not have."""
    if not line.isdecimal():
        return None
    return _earliest(SalesOrderLine.objects.filter(order__number=number, line=int(line), cancelled=False))


def promise_behind_purchase_line(number: str, line: str) -> datetime | None:
    """The earliest commitment of the orders at the buying site that still wait for the item of a purchase line."""
    if not line.isdecimal():
        return None
    bought = (
        PurchaseOrderLine.objects.filter(order__number=number, line=int(line)).select_related("order").first()
    )
    if bought is None:
        return None
    needs = MaterialNeed.objects.filter(
        item=bought.item_id, operation__work_order__site=bought.order.site_id, issued__lt=F("quantity")
    ).exclude(operation__status__in=_OVER)
    waiting = WorkOrder.objects.filter(pk__in=needs.values("operation__work_order")).order_by("need_by", "pk")
    return _earliest(downstream_sales_lines(*waiting[:_WAITING_ORDERS]))


def _earliest(lines: Iterable[SalesOrderLine]) -> datetime | None:
    rows = list(lines)
    known = overlays_in_force(rows)
    return min((effective_commit(row, known) for row in rows), default=None)
