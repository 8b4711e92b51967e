"""What the published plan says ahead of one exception: what begins next, what runs out when, what promises allow.

Every answer is read once and kept, so all options of a record share one handful of queries. Reads only; which option
rests on which moment is `lapses`' business. Durations are straight minutes of work, set-ups included where they are
known; the plan in force is ERP's own order until a sequence is published.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property

from django.db.models import F, Q, QuerySet

from decisions_app.posting_templates.situation import operation_of, orders_of, rest_after
from exceptions_app.models import ExceptionRecord
from plant_app.models import (
    Constraint,
    ConstraintKind,
    DeliveryLine,
    MaterialNeed,
    Operation,
    OperationAlternate,
    PlannedOperation,
    PurchaseOrderLine,
    SalesOrderLine,
    StockLocation,
    StockRow,
    StockStatus,
    WorkOrder,
)
from plant_app.selectors import ShiftBook
from plant_app.selectors.effective import effective_commit, effective_promise, overlays_in_force
from plant_app.selectors.floor import ON_UNIT, TO_COME, downstream_sales_lines, remaining_minutes

NOTHING = timedelta(0)


@dataclass(frozen=True)
class Moment:
    """A moment of the plan and whose it is."""

    at: datetime
    label: str


@dataclass(frozen=True)
class Beside:
    """An approved other unit: when its next work begins there (None: nothing waits), and what it needs."""

    unit: str
    setup: timedelta
    run: timedelta
    next_start: Moment | None


@dataclass(frozen=True)
class Reach:
    """Where stock of an item is free: on the site's shelves, or on another site."""

    here: bool
    elsewhere: bool


def soonest(moments: Iterable[Moment | None]) -> Moment | None:
    """The earliest of those known."""
    return min((one for one in moments if one is not None), key=lambda one: one.at, default=None)


def begins(row: PlannedOperation | None) -> Moment | None:
    """The start of planned work, named by its order."""
    return Moment(row.start, row.operation.work_order.number) if row is not None else None


def span(minutes: Decimal | float) -> timedelta:
    """Minutes as a duration."""
    return timedelta(minutes=float(minutes))


def stated(exception: ExceptionRecord, name: str) -> datetime | None:
    """A moment somebody stated in the report; None where it is missing or cannot be read."""
    try:
        found = datetime.fromisoformat(str(exception.details.get(name) or "").strip())
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


class Outlook:
    """The plan ahead of `exception`, seen at `at`."""

    def __init__(self, exception: ExceptionRecord, at: datetime) -> None:
        self.exception = exception
        self.at = at

    # --- the operation that waits -------------------------------------------------------------------------
    @cached_property
    def operation(self) -> Operation | None:
        """The operation that waits: the linked one, else the order's next."""
        return operation_of(self.exception)

    @cached_property
    def left(self) -> timedelta:
        """Work still to do on what cannot go on."""
        return span(remaining_minutes(self.waiting)) if self.waiting is not None else NOTHING

    @cached_property
    def rest(self) -> timedelta:
        """Work of its order after it."""
        return rest_after(self.waiting)

    @cached_property
    def queued(self) -> Moment | None:
        """What is to begin next on the affected unit."""
        if self.exception.work_unit_id is None:
            return None
        rows = self._to_come().filter(work_unit_id=self.exception.work_unit_id)
        if self.operation is not None:
            rows = rows.exclude(operation=self.operation)
        return self._first(rows)

    @cached_property
    def successor(self) -> Moment | None:
        """The order's next step after the one that waits."""
        if self.operation is None:
            return None
        following = self._to_come().filter(
            operation__work_order=self.operation.work_order_id, operation__number__gt=self.operation.number
        )
        row = following.order_by("operation__number").first()
        return Moment(row.start, str(row.operation)) if row is not None else None

    @cached_property
    def beside(self) -> list[Beside]:
        """Approved alternates of the operation that are not down themselves."""
        if self.operation is None:
            return []
        down = Constraint.objects.filter(
            kind=ConstraintKind.UNIT_DOWN, lifted_at=None, work_unit__isnull=False
        )
        rows = (
            OperationAlternate.objects.filter(operation=self.operation, approved=True)
            .exclude(work_unit__in=down.values("work_unit"))
            .select_related("work_unit")
            .order_by("work_unit__position", "pk")
        )
        left = max(
            Decimal(0), self.operation.work_order.quantity - self.operation.good - self.operation.scrap
        )
        return [
            Beside(
                unit=row.work_unit.code,
                setup=span(row.setup_minutes),
                run=span(left * self.operation.run_minutes * row.run_factor),
                next_start=self._first(self._to_come().filter(work_unit=row.work_unit, start__gt=self.at)),
            )
            for row in rows
        ]

    @cached_property
    def waiting(self) -> Operation | None:
        """What cannot go on: the operation that waits, else the first work to come that needs the missing item, makes
        the changed line, or needs the missing crew.
        """
        if self.operation is not None:
            return self.operation
        if self.short_need is not None:
            return self.short_need.operation
        row = {"order_change": self.line_row, "labour_shortage": self.crew_row}.get(self.exception.type.code)
        return row.operation if row is not None else None

    # --- promises ---------------------------------------------------------------------------------------
    @cached_property
    def promises(self) -> list[tuple[SalesOrderLine, datetime]]:
        """Open promises that wait, with the date we stand by, soonest first."""
        order = self.exception.work_order or (self.waiting.work_order if self.waiting is not None else None)
        lines = downstream_sales_lines(order) if order is not None else []
        if self.exception.sales_line is not None and self.exception.sales_line not in lines:
            lines.append(self.exception.sales_line)
        overlays = overlays_in_force(lines)
        return sorted(
            ((line, effective_commit(line, overlays)) for line in lines),
            key=lambda pair: (pair[1], pair[0].pk),
        )

    def promise(self, work: timedelta) -> Moment | None:
        """Until when `work` may begin and the soonest promise is still kept; None when none waits."""
        if not self.promises:
            return None
        line, commit = self.promises[0]
        return Moment(commit - work, f"{line} to {line.order.customer.name}")

    # --- material ---------------------------------------------------------------------------------------
    @cached_property
    def needs(self) -> list[MaterialNeed]:
        """Planned needs of the item on the site not yet issued, in the order they begin. Running work counts."""
        if self.exception.item_id is None:
            return []
        return list(
            MaterialNeed.objects.filter(
                item_id=self.exception.item_id, issued__lt=F("quantity"),
                operation__work_order__site=self.exception.site_id, operation__plan__isnull=False,
                operation__status__in=[*TO_COME, *ON_UNIT],
            )
            .select_related("operation__plan", "operation__work_order")
            .order_by("operation__plan__start", "pk")
        )  # fmt: skip

    @cached_property
    def short_need(self) -> MaterialNeed | None:
        """The first work to come that the material is for."""
        return next((need for need in self.needs if need.operation.status in TO_COME), None)

    @cached_property
    def run_out(self) -> Moment | None:
        """When the material is used up: as stated; else stock at the point of use plus sure receipts against planned
        consumption; else, the books covering what somebody misses, the first work to come that needs it.

        Work to come takes its whole need when it begins, running work takes its rest evenly until its planned end.
        """
        exception, first = self.exception, self.short_need
        said = stated(exception, "runs_out_at")
        label = first.operation.work_order.number if first is not None else ""
        if exception.details.get("kind") == "stopped_now":
            return Moment(exception.occurred_at, label)
        if said is not None:
            return Moment(said, label)
        left, receipts = self._at_hand(), self._receipts()
        for need in self.needs:
            operation = need.operation
            begin = max(operation.plan.start, self.at)
            while receipts and receipts[0][0] <= begin:
                left += receipts.pop(0)[1]
            wanted = _wanted(need)
            if wanted <= left:
                left -= wanted
            elif operation.status in TO_COME:
                return Moment(operation.plan.start, operation.work_order.number)
            else:
                lasts = max(NOTHING, operation.plan.end - self.at) * float(left / wanted)
                return Moment(self.at + lasts, operation.work_order.number)
        return Moment(first.operation.plan.start, label) if first is not None else None

    @cached_property
    def reach(self) -> Reach:
        """Where free stock of the item lies."""
        if self.exception.item_id is None:
            return Reach(here=False, elsewhere=False)
        here = elsewhere = Decimal(0)
        for site_id, kind, quantity in self._free().values_list(
            "location__site_id", "location__kind", "quantity"
        ):
            if site_id != self.exception.site_id:
                elsewhere += quantity
            elif kind == StockLocation.Kind.STORAGE:
                here += quantity
        return Reach(here=here > 0, elsewhere=elsewhere > 0)

    def _free(self) -> QuerySet[StockRow]:
        return StockRow.objects.filter(item=self.exception.item, status=StockStatus.FREE)

    def _at_hand(self) -> Decimal:
        """As counted by whoever reported; else what lies at the point of use, or, where none is kept there, on the
        shelves."""
        try:
            counted = Decimal(str(self.exception.details.get("qty_on_hand")))
            if counted.is_finite() and counted >= 0:
                return counted
        except InvalidOperation:
            pass
        rows = list(
            self._free()
            .filter(location__site=self.exception.site_id)
            .values_list("location__kind", "quantity")
        )
        used = [quantity for kind, quantity in rows if kind == StockLocation.Kind.PRODUCTION]
        shelves = [quantity for kind, quantity in rows if kind == StockLocation.Kind.STORAGE]
        return max(Decimal(0), sum(used or shelves, Decimal(0)))

    def _receipts(self) -> list[tuple[datetime, Decimal]]:
        """What suppliers still promise, soonest first; a date that has passed is not sure, nor is the late line's."""
        lines = list(
            PurchaseOrderLine.objects.filter(
                item=self.exception.item, order__site=self.exception.site_id, received__lt=F("quantity")
            )
        )
        overlays = overlays_in_force(lines)
        dated = (
            (effective_promise(line, overlays), line.quantity - line.received)
            for line in lines
            if line.pk != self.exception.purchase_line_id
        )
        return sorted(pair for pair in dated if pair[0] > self.at)

    # --- a lot, an order, a crew --------------------------------------------------------------------------
    @cached_property
    def consumed(self) -> Moment | None:
        """The next work that takes the suspect lot: a need of it, or the next step of what it is made in."""
        exception = self.exception
        found = [self.successor]
        if exception.lot_id is not None:
            takes = Q(operation__material_needs__lot=exception.lot_id) | Q(
                operation__material_needs__lot=None, operation__material_needs__item__lots=exception.lot_id
            )
            made = Q(operation__work_order__produced_lot=exception.lot_id)
            found.append(self._first(self._to_come().filter(takes | made)))
        elif exception.item_id is not None and self.operation is None:
            found.append(
                self._first(self._to_come().filter(operation__material_needs__item=exception.item_id))
            )
        return soonest(found)

    @cached_property
    def leaves(self) -> Moment | None:
        """The delivery it goes out with; one that has left counts as the moment it did."""
        exception = self.exception
        with_it = Q(lot=exception.lot_id) if exception.lot_id is not None else Q(pk=None)
        if exception.type.code == "order_change":
            with_it = Q(sales_line=exception.sales_line_id, delivery__shipped_at=None)
        rows = DeliveryLine.objects.filter(with_it).values_list(
            "delivery__shipped_at", "delivery__planned_at", "delivery__number"
        )
        return soonest(Moment(shipped or planned, f"delivery {number}") for shipped, planned, number in rows)

    @cached_property
    def line_row(self) -> PlannedOperation | None:
        """The first step not yet begun of the orders a changed line is made by."""
        orders: list[WorkOrder] = orders_of(self.exception)
        return self._row(self._to_come().filter(operation__work_order__in=orders)) if orders else None

    @cached_property
    def line_lead(self) -> timedelta:
        """Work left on the orders of a changed line; without any, the item's lead time as ERP has it."""
        line = self.exception.sales_line
        if line is None:
            return NOTHING
        steps = Operation.objects.filter(
            work_order__in=orders_of(self.exception), status__in=[*TO_COME, *ON_UNIT]
        ).select_related("work_order")
        minutes = sum((remaining_minutes(step) for step in steps), Decimal(0))
        return span(minutes) if minutes else timedelta(days=line.item.lead_time_days)

    @cached_property
    def crew_row(self) -> PlannedOperation | None:
        """The first work to come of the work centre, of those that need the certificate where one is named."""
        if self.exception.work_centre_id is None:
            return None
        rows = self._to_come().filter(operation__work_centre_id=self.exception.work_centre_id)
        skill = str(self.exception.details.get("skill") or "")
        certified = rows.filter(operation__skill__code=skill) if skill else rows.none()
        return self._row(certified) or self._row(rows)

    @cached_property
    def shift_end(self) -> datetime | None:
        """When the crew that is there goes home."""
        shift = ShiftBook.of(self.exception.site).at(self.at)
        return shift.end if shift is not None else None

    @cached_property
    def revision_used(self) -> Moment | None:
        """The next work that takes or makes the item that changes."""
        if self.exception.item_id is None:
            return None
        item = self.exception.item_id
        takes = Q(operation__material_needs__item=item) | Q(operation__work_order__item=item)
        return self._first(self._to_come().filter(takes))

    # --- reading the plan ---------------------------------------------------------------------------------
    def _to_come(self) -> QuerySet[PlannedOperation]:
        return PlannedOperation.objects.filter(
            operation__status__in=TO_COME, operation__work_order__site=self.exception.site_id
        ).select_related("operation__work_order", "operation__work_centre")

    def _row(self, rows: QuerySet[PlannedOperation]) -> PlannedOperation | None:
        return rows.order_by("start", "pk").first()

    def _first(self, rows: QuerySet[PlannedOperation]) -> Moment | None:
        return begins(self._row(rows))


def _wanted(need: MaterialNeed) -> Decimal:
    """What the operation still takes: not yet issued, and not yet worked in where it runs."""
    operation, order = need.operation, need.operation.work_order
    made = min(order.quantity, operation.good + operation.scrap)
    worked_in = need.quantity * made / order.quantity
    return max(Decimal(0), need.quantity - max(need.issued, worked_in))
