"""What the plant holds of an ordered line, as the grading wants it; and which of our lines the customer means.

Reads only. A line is found by its number and checked by its item, or by its item alone where only one line has it; a
number that does not fit its item is never guessed at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Avg, F, Sum

from exceptions_app.channels.edi.grading import CLOSED, RELEASED, SHIPPED, STAGED, Held
from exceptions_app.channels.edi.orders import OrderLine
from exceptions_app.channels.edi.partners import Partner, codes_of
from exceptions_app.rules.grading import ORDER_STATES, workdays_after
from plant_app.models import (
    Constraint,
    Customer,
    DeliveryLine,
    Item,
    MaterialNeed,
    SalesOrder,
    SalesOrderLine,
    Site,
    WorkOrder,
)
from plant_app.models.orders import Operation
from plant_app.selectors.effective import (
    effective_commit,
    effective_stock,
    effective_value,
    overlays_in_force,
)

_PICKED = 7
_DONE = frozenset({"finished", "cancelled"})


@dataclass(frozen=True, slots=True)
class Found:
    """Which of our lines a customer's line is; `unknown` says in words why there is none."""

    line: SalesOrderLine | None = None
    item: Item | None = None
    unknown: str = ""


def find_order(customer: Customer, *, number: str, our_number: str) -> SalesOrder | None:
    """The customer's order by our number, else by theirs; never another customer's, never one of two alike."""
    rows = SalesOrder.objects.select_related("site", "customer").filter(customer=customer)
    if our_number:
        found = rows.filter(number=our_number).first()
        if found is not None:
            return found
    if not number:
        return None
    several = list(rows.filter(po_number=number)[:2])
    return several[0] if len(several) == 1 else None


def find_items(lines: Sequence[OrderLine], partner: Partner) -> dict[str, Item]:
    """Every item the lines name, by our code, in one query."""
    codes = {code for line in lines for code in named_items(line, partner)}
    return {item.code: item for item in Item.objects.select_related("group").filter(code__in=codes)}


def named_items(line: OrderLine, partner: Partner) -> list[str]:
    """Item codes a line may mean, best first: ours as they write it, theirs by the cross reference."""
    return codes_of(
        [one for one in (line.seller_item, line.buyer_item, *line.other_items) if one], partner.items
    )


def find_line(
    line: OrderLine, ours: Sequence[SalesOrderLine], partner: Partner, items: dict[str, Item]
) -> Found:
    """Our line: by number and item together, by number alone where no item is named, by an item only one line has."""
    named = named_items(line, partner)
    item = next((items[code] for code in named if code in items), None)
    if named and item is None:
        return Found(unknown=f"item {named[0]} is not known here")
    numbered = next((one for one in ours if line.line.isdigit() and one.line == int(line.line[:9])), None)
    if numbered is not None and item is not None and numbered.item_id != item.pk:
        return Found(item=item, unknown=f"line {line.line} is {numbered.item.code} here, not {item.code}")
    if numbered is not None:
        return Found(numbered, numbered.item)
    if item is None:
        return Found(unknown=f"the order has no line {line.line or 'of that number'}")
    alike = [one for one in ours if one.item_id == item.pk]
    if len(alike) == 1:
        return Found(alike[0], item)
    many = "several lines" if alike else "no line"
    return Found(item=item, unknown=f"the order has no line {line.line} and {many} with {item.code}")


def held_line(line: SalesOrderLine, *, partner: Partner, now: datetime, more: Decimal = Decimal(0)) -> Held:
    """What we hold of a line, overlays counted. `more` pieces asked for beyond it lengthen the work that is left."""
    known = overlays_in_force([line])
    quantity = Decimal(str(effective_value(line, "quantity", known)))
    cancelled = bool(effective_value(line, "cancelled", known))
    orders = list(WorkOrder.objects.filter(sales_line=line).exclude(status="cancelled"))
    operations = list(
        Operation.objects.filter(work_order__in=orders)
        .order_by("work_order_id", "number")
        .select_related(None)
    )
    starts = [one.planned_start for one in operations if one.started_at is None and one.status not in _DONE]
    frozen = bool(starts) and min(starts) <= workdays_after(now, partner.frozen_days)
    needs = MaterialNeed.objects.filter(operation__work_order__in=orders)
    bought = needs.filter(issued__gt=0).exists() or needs.filter(lot__isnull=False).exists()
    state = max((ORDER_STATES.get(order.status, 1) for order in orders), default=1)
    if state == RELEASED and (frozen or needs.filter(issued__gt=0).exists()):
        state = STAGED
    leaving = list(
        DeliveryLine.objects.filter(sales_line=line).values_list("delivery__shipped_at", "lot_id", "quantity")
    )
    if any(shipped is None and lot is not None for shipped, lot, _ in leaving):
        state = max(state, _PICKED)
    sent = sum((amount for shipped, _, amount in leaving if shipped is not None), Decimal(0))
    delivered = max(line.delivered, sent)
    if quantity > 0 and delivered >= quantity:
        state = SHIPPED
    if cancelled:
        state = CLOSED
    return Held(
        label=str(line), item=line.item.code, unit=line.item.uom, quantity=quantity, delivered=delivered,
        made=_made(orders, operations), price=line.unit_price or None, commit=effective_commit(line, known),
        requested=line.requested_at, state=state, bought=bought, frozen=frozen, on_hold=_on_hold(operations),
        special=line.item.code in partner.special,
        earliest=_earliest(orders, operations, now, more) or _lead(line.item, now),
    )  # fmt: skip


def held_item(item: Item, *, site: Site, now: datetime) -> Held:
    """What there is of an item nobody has ordered yet: free stock not promised to others, and how long it takes."""
    free = effective_stock(item, site=site).free
    promised = (
        SalesOrderLine.objects.filter(item=item, order__site=site, cancelled=False, delivered__lt=F("quantity"))
        .aggregate(left=Sum(F("quantity") - F("delivered")))["left"]
        or Decimal(0)
    )  # fmt: skip
    making = (
        WorkOrder.objects.filter(item=item, site=site, status__in=("planned", "released", "running"))
        .aggregate(total=Sum("quantity"))["total"]
        or Decimal(0)
    )  # fmt: skip
    uncovered = max(Decimal(0), promised - making)
    return Held(
        item=item.code, unit=item.uom, state=0, earliest=_lead(item, now), free_stock=max(Decimal(0), free - uncovered)
    )  # fmt: skip


def crude_state(line: SalesOrderLine) -> int:
    """The state by work orders' statuses alone: what the record's own facts go by."""
    statuses = WorkOrder.objects.filter(sales_line=line).values_list("status", flat=True)
    state = max((ORDER_STATES.get(status, 1) for status in statuses), default=1)
    return 9 if line.cancelled else 8 if line.delivered >= line.quantity else state


def _made(orders: Sequence[WorkOrder], operations: Sequence[Operation]) -> Decimal:
    """Pieces that are through their last operation, or all of a finished order."""
    made = Decimal(0)
    for order in orders:
        own = [one for one in operations if one.work_order_id == order.pk]
        made += order.quantity if order.status == "finished" else own[-1].good if own else Decimal(0)
    return made


def _earliest(
    orders: Sequence[WorkOrder], operations: Sequence[Operation], now: datetime, more: Decimal
) -> datetime | None:
    """Now and the work that is left, one operation after the other; None where no routing says so."""
    longest: Decimal | None = None
    for order in orders:
        minutes = Decimal(0)
        own = [one for one in operations if one.work_order_id == order.pk and one.status != "cancelled"]
        for one in own:
            left = max(Decimal(0), order.quantity - one.good) if one.status != "finished" else Decimal(0)
            minutes += (left + more) * one.run_minutes
            minutes += one.setup_minutes if one.started_at is None and one.status not in _DONE else Decimal(0)
        if own:
            longest = max(longest or Decimal(0), minutes)
    return now + timedelta(minutes=float(min(longest, Decimal(525_600)))) if longest is not None else None


def _lead(item: Item, now: datetime) -> datetime | None:
    """By the item's lead time, else by how long its orders usually take; None where nobody knows."""
    if item.lead_time_days:
        return now + timedelta(days=item.lead_time_days)
    usual: Any = WorkOrder.objects.filter(item=item).aggregate(
        took=Avg(F("planned_end") - F("planned_start"))
    )["took"]
    return now + usual if usual else None


def _on_hold(operations: Sequence[Operation]) -> bool:
    return Constraint.objects.filter(kind="hold", lifted_at=None, operation__in=operations).exists()
