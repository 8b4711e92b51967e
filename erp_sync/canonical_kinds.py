"""The canonical posting kinds as dataclasses, each with the checks its own fields allow.

Owns the fields of every kind and their hard and soft rules. Quantities, times and amounts are always
positive; the kind carries the direction. Must not know: Django, the outbox, any ERP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from erp_sync.canonical_base import Facts, Payload, Problem, choice, not_negative, positive

ZERO = Decimal(0)
#: A floor clock may run ahead of ours by this much before an end time counts as "in the future".
CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation(Payload):
    """Work done on an operation. `final` closes the order: the ERP then receives the yield, once."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("work_order",)
    yield_qty: Decimal = ZERO
    scrap_qty: Decimal = ZERO
    rework_qty: Decimal = ZERO
    uom: str = ""
    setup_minutes: Decimal = ZERO
    machine_minutes: Decimal = ZERO
    labour_minutes: Decimal = ZERO
    other_minutes: Decimal = ZERO
    start: datetime | None = None
    end: datetime | None = None
    work_centre: str = ""
    work_unit: str = ""
    crew: int = 1
    parallel_units: int = 1
    final: bool = False
    total_yield: Decimal | None = None
    lot: str = ""
    variance_reason: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = not_negative(
            self,
            "yield_qty", "scrap_qty", "rework_qty", "setup_minutes", "machine_minutes", "labour_minutes",
            "other_minutes", "total_yield",
        )  # fmt: skip
        done = self.yield_qty + self.scrap_qty + self.rework_qty
        spent = self.setup_minutes + self.machine_minutes + self.labour_minutes + self.other_minutes
        ends_order = self.final and bool(self.total_yield)
        if not done and not spent and not ends_order:
            found.append(Problem("yield_qty", "empty", "a confirmation needs a quantity or a time"))
        if self.start and self.end:
            elapsed = Decimal(str((self.end - self.start) / timedelta(minutes=1)))
            if elapsed <= 0:
                found.append(Problem("end", "order", "the end must lie after the start"))
            elif self.machine_minutes > elapsed * max(self.parallel_units, 1):
                found.append(
                    Problem("machine_minutes", "too_long", "more machine time than start to end allows")
                )
            elif self.labour_minutes > elapsed * max(self.crew, 1):
                found.append(
                    Problem("labour_minutes", "too_long", "more labour time than start to end and crew allow")
                )
        if facts.now and self.end and self.end > facts.now + CLOCK_SLACK:
            found.append(Problem("end", "future", "the end lies in the future"))
        if facts.finally_confirmed:
            found.append(Problem("work_order", "final", "the operation is already finally confirmed"))
        if self.final and facts.hold_open:
            found.append(Problem("final", "hold", "no final confirmation while a hold is open"))
        if self.scrap_qty and not (self.variance_reason or self.reason_code):
            found.append(Problem("reason_code", "missing", "scrap needs a reason"))
        if facts.open_quantity is not None and done > facts.open_quantity:
            too_far = done > facts.open_quantity * Decimal("1.1")
            found.append(
                Problem(
                    "yield_qty",
                    "over",
                    f"more than the open quantity {facts.open_quantity}",
                    warn=not too_far,
                )
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement(Payload):
    """Stock that changes place or status. Locations are location codes, `item` and `lot` our codes."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("item", "quantity")
    item: str
    quantity: Decimal
    uom: str = ""
    lot: str = ""
    from_location: str = ""
    to_location: str = ""
    from_status: str = ""
    to_status: str = ""
    to_site: str = ""
    cost_object: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = positive(self, "quantity")
        if facts.on_hand is not None and self.quantity > facts.on_hand:
            found.append(Problem("quantity", "short", f"only {facts.on_hand} on hand"))
        if self.from_location and self.from_location == self.to_location:
            found.append(Problem("to_location", "same", "from and to are the same place"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue(Movement):
    """Material to a work order. `substitute_for` is the item it stands in for."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("work_order", "item", "quantity")
    substitute_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Movement):
    """Material in: against `work_order`, or against `purchase_order` + `po_line`."""

    purchase_order: str = ""
    po_line: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = Movement.problems(self, facts)
        if bool(self.work_order) == bool(self.purchase_order):
            found.append(
                Problem("purchase_order", "target", "a receipt is against a work order or a purchase order")
            )
        if self.purchase_order and not self.po_line:
            found.append(Problem("po_line", "missing", "name the purchase order line"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrap(Movement):
    """Stock written off from `from_location` (or the site's place for `from_status`)."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("item", "quantity", "reason_code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Movement):
    """Stock from one location to another."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("item", "quantity", "from_location", "to_location")


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(Movement):
    """Goods back: `to="supplier"` against a purchase order line, `to="stock"` from a work order."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("item", "quantity", "to")
    to: str = ""
    purchase_order: str = ""
    po_line: str = ""
    receipt: str = ""
    rma: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = Movement.problems(self, facts)
        if self.to == "supplier" and not self.purchase_order:
            found.append(
                Problem("purchase_order", "missing", "a return to the supplier names its purchase order")
            )
        elif self.to == "stock" and not self.work_order:
            found.append(Problem("work_order", "missing", "a return to stock names its work order"))
        elif self.to not in ("supplier", "stock"):
            found.append(Problem("to", "choice", "to is 'supplier' or 'stock'"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityEvent(Payload):
    """A defect opened or completed. On completing, `opened_by` is the business key of the opening."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("action", "quantity")
    action: str
    quantity: Decimal = ZERO
    item: str = ""
    lot: str = ""
    defect_code: str = ""
    severity: str = ""
    disposition: str = ""
    opened_by: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = positive(self, "quantity") + choice(self, "action", "open", "complete")
        if not (self.work_order or self.lot or self.item):
            found.append(Problem("lot", "missing", "name the lot, the item or the work order"))
        if self.action == "complete" and not self.disposition:
            found.append(Problem("disposition", "missing", "a disposition is needed to complete"))
        if self.action == "complete" and not self.opened_by:
            found.append(Problem("opened_by", "missing", "name the opening it completes"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionResult(Payload):
    """What a test of a lot, item or operation found: one characteristic, a value or a count, and the verdict.

    `value` is the measured value in `uom` with its limits; a qualitative characteristic has none.
    """

    REQUIRED: ClassVar[tuple[str, ...]] = ("characteristic", "verdict")
    characteristic: str
    verdict: str
    item: str = ""
    lot: str = ""
    inspection_lot: str = ""
    value: Decimal | None = None
    uom: str = ""
    lower_limit: Decimal | None = None
    upper_limit: Decimal | None = None
    inspected: Decimal | None = None
    nonconforming: Decimal | None = None
    inspector: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = choice(self, "verdict", "accepted", "rejected") + not_negative(
            self, "inspected", "nonconforming"
        )
        if not (self.inspection_lot or self.work_order or self.lot or self.item):
            found.append(
                Problem("lot", "missing", "name the inspection lot, the lot, the item or the work order")
            )
        if self.value is not None and not self.uom:
            found.append(Problem("uom", "missing", "a measured value needs its unit"))
        if None not in (self.lower_limit, self.upper_limit) and self.lower_limit > self.upper_limit:  # type: ignore[operator]
            found.append(Problem("upper_limit", "order", "the upper limit lies below the lower one"))
        if (self.nonconforming or 0) > (
            self.inspected if self.inspected is not None else self.nonconforming or 0
        ):
            found.append(Problem("nonconforming", "beyond", "more failed than were inspected"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceNotification(Payload):
    """A malfunction, request or activity on a work unit; completing names the opening."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("action", "work_unit")
    action: str
    work_unit: str
    type: str = "malfunction"
    breakdown: bool = False
    start: datetime | None = None
    end: datetime | None = None
    priority: int = 3
    damage_code: str = ""
    cause_code: str = ""
    opened_by: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = choice(self, "action", "open", "complete") + choice(
            self, "type", "malfunction", "request", "activity"
        )
        if self.breakdown and not self.start:
            found.append(Problem("start", "missing", "a breakdown needs its start"))
        if self.start and self.end and self.end < self.start:
            found.append(Problem("end", "order", "the end lies before the start"))
        if self.action == "complete" and self.cause_code in ("", "UNK"):
            found.append(Problem("cause_code", "missing", "completing needs a known cause"))
        if not 1 <= self.priority <= 4:
            found.append(Problem("priority", "choice", "priority is 1 to 4"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost(Payload):
    """Money an event cost. Only basis `real` reaches an ERP; `statistical` never leaves the product."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("amount", "currency", "cost_class", "basis")
    CLASSES: ClassVar[tuple[str, ...]] = (
        "downtime", "scrap", "rework", "premium_freight", "overtime", "sorting", "charge_to_supplier",
    )  # fmt: skip
    amount: Decimal
    currency: str
    cost_class: str
    basis: str = "real"
    cost_object: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = positive(self, "amount") + choice(self, "basis", "real", "statistical")
        found += choice(self, "cost_class", *self.CLASSES)
        if len(self.currency) != 3 or not self.currency.isupper():
            found.append(Problem("currency", "format", "an ISO 4217 code"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Payload):
    """A change of one order or line: `target` work_order, so_line or po_line, `number` the order's."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("target", "number")
    target: str
    number: str
    line: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = choice(self, "target", "work_order", "so_line", "po_line")
        if self.target in ("so_line", "po_line") and not self.line:
            found.append(Problem("line", "missing", "name the line"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDate(Change):
    """`which`: planned_start, planned_end, need_by, requested, commit or promised; `old` as last seen."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("target", "number", "which", "new")
    which: str
    new: date
    old: date | None = None

    def problems(self, facts: Facts) -> list[Problem]:
        found = Change.problems(self, facts)
        found += choice(
            self, "which", "planned_start", "planned_end", "need_by", "requested", "commit", "promised"
        )
        if self.old == self.new:
            found.append(Problem("new", "same", "the new date equals the old one"))
        if facts.now and self.new < facts.now.date() - timedelta(days=1):
            found.append(Problem("new", "past", "the new date lies in the past"))
        if facts.erp_value is not None and self.old and facts.erp_value != self.old.isoformat():
            found.append(Problem("old", "drifted", f"ERP now says {facts.erp_value}"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeQuantity(Change):
    """The ordered quantity from `old` to `new`, in the item's base unit."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("target", "number", "new")
    new: Decimal
    old: Decimal | None = None
    uom: str = ""

    def problems(self, facts: Facts) -> list[Problem]:
        found = Change.problems(self, facts) + positive(self, "new")
        if self.old == self.new:
            found.append(Problem("new", "same", "the new quantity equals the old one"))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCancel(Change):
    """`scope` line or rest."""

    scope: str = "rest"

    def problems(self, facts: Facts) -> list[Problem]:
        return Change.problems(self, facts) + choice(self, "scope", "line", "rest")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationMove(Payload):
    """An operation goes to another machine (`to_unit`, in `to_work_centre`) from `start` to `end`."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("work_order", "operation", "to_unit")
    to_unit: str
    from_unit: str = ""
    to_work_centre: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def problems(self, facts: Facts) -> list[Problem]:
        if self.start and self.end and self.end <= self.start:
            return [Problem("end", "order", "the end must lie after the start")]
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerAnswer(Payload):
    """What the customer is told about a change: per line status, quantity, date."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("customer", "po_number", "channel")
    customer: str
    po_number: str
    channel: str
    change_number: str = ""
    valid_until: datetime | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal(Payload):
    """Takes back one confirmed posting in full: its key, kind, payload and ERP number."""

    REQUIRED: ClassVar[tuple[str, ...]] = ("reverses", "reverses_kind", "reason_code")
    reverses: str
    reverses_kind: str
    reverses_number: str = ""
    original: dict[str, Any] = field(default_factory=dict)


KINDS: dict[str, type[Payload]] = {
    "confirmation": Confirmation,
    "movement.issue": Issue,
    "movement.receipt": Receipt,
    "movement.scrap": Scrap,
    "movement.block": Movement,
    "movement.unblock": Movement,
    "movement.transfer": Transfer,
    "movement.return": Return,
    "quality_event": QualityEvent,
    "inspection_result": InspectionResult,
    "maintenance_notification": MaintenanceNotification,
    "cost": Cost,
    "change.date": ChangeDate,
    "change.quantity": ChangeQuantity,
    "change.cancel": ChangeCancel,
    "operation.move": OperationMove,
    "customer_answer": CustomerAnswer,
    "reversal": Reversal,
}
