"""What every posting template shares: the situation it looks at, the posting it intends, and small sums.

Reads models, writes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from decisions_app.inputs import amount, moment
from decisions_app.models import Decision, PostingLink, Task
from exceptions_app.models import ExceptionRecord
from plant_app.models import Operation, WorkOrder, WorkOrderStatus
from plant_app.selectors.confirmation import ConfirmationDue
from plant_app.selectors.floor import TO_COME


@dataclass(frozen=True)
class Situation:
    """What a template may look at. `values` = the decision's inputs with the task's result over them."""

    exception: ExceptionRecord
    at: datetime
    decision: Decision | None = None
    task: Task | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Intended:
    """A posting to be queued; `chain` keeps postings of one object in order."""

    kind: str
    payload: dict[str, Any]
    occurred_at: datetime
    chain: str = ""
    text: str = ""
    reason_code: str = ""


Builder = Callable[[Situation], Intended | None]


def envelope(situation: Situation) -> dict[str, Any]:
    exception = situation.exception
    envelope: dict[str, Any] = {"site": exception.site.code}
    if exception.work_order is not None:
        envelope["work_order"] = exception.work_order.number
    if exception.operation is not None:
        envelope["operation"] = str(exception.operation.number)
    return envelope


def cause(situation: Situation) -> str:
    given = str(situation.values.get("cause") or situation.values.get("reason") or "")
    return given or (situation.exception.reason.code if situation.exception.reason else "UNK")


def opening_key(exception: ExceptionRecord, template: str) -> str:
    """Business key of the newest posting `template` opened for this exception: what its completion names in ERP."""
    opened = PostingLink.objects.filter(exception=exception, template=template).order_by("-posting_id")
    return opened.values_list("posting__business_key", flat=True).first() or exception.ref


def _chain(exception: ExceptionRecord) -> str:
    """What keeps an exception's postings in order: its work order, else the lot, line, unit or item they are about."""
    if exception.work_order is not None:
        return exception.work_order.number
    if exception.lot is not None:
        return f"lot {exception.lot.code}"
    for what in (exception.sales_line, exception.purchase_line, exception.work_unit, exception.item):
        if what is not None:
            return f"{what._meta.model_name} {getattr(what, 'code', what)}"
    return ""


def intend(situation: Situation, kind: str, payload: dict[str, Any], occurred_at: datetime) -> Intended:
    exception = situation.exception
    text = f"{exception.ref} {exception.title}"[:40]
    return Intended(
        kind=kind,
        payload=payload,
        occurred_at=occurred_at,
        chain=str(payload.get("work_order") or "") or _chain(exception),
        text=text,
        reason_code=str(payload.get("reason_code", "")),
    )


def plain(number: Decimal) -> str:
    """A decimal as ERP payloads carry it."""
    return format(number.normalize(), "f") if number else "0"


def worked_minutes(start: datetime, end: datetime) -> str:
    """Minutes of work between two moments to a tenth, rounded down: never more than the clock allows."""
    minutes = Decimal(int((end - start) / timedelta(seconds=6))) / 10
    return plain(minutes)


def worked_times(made: ConfirmationDue) -> dict[str, str]:
    """Stretch and minutes of unconfirmed work as a confirmation carries them; the crew's are machine and set-up.

    Never more than the clock allows from start to end, however the minutes were rounded.
    """
    if made.start is None or made.start >= made.end:
        return {}
    longest = Decimal(worked_minutes(made.start, made.end))
    setup = min(made.setup_minutes, longest)
    machine = min(made.machine_minutes, longest - setup)
    return {
        "start": made.start.isoformat(),
        "end": made.end.isoformat(),
        "setup_minutes": plain(setup),
        "machine_minutes": plain(machine),
        "labour_minutes": plain(setup + machine),
    }


def orders_of(exception: ExceptionRecord) -> list[WorkOrder]:
    """The work orders a record is about: the linked one, else the open ones that make its order line."""
    if exception.work_order is not None:
        return [exception.work_order]
    if exception.sales_line is None or exception.type.code != "order_change":
        return []
    ended = (WorkOrderStatus.FINISHED, WorkOrderStatus.CANCELLED)
    return list(exception.sales_line.work_orders.exclude(status__in=ended).order_by("pk"))


def order_of(exception: ExceptionRecord) -> WorkOrder | None:
    """The one work order a record is about; None when there are several: how they share a change is replanned."""
    found = orders_of(exception)
    return found[0] if len(found) == 1 else None


def operation_of(exception: ExceptionRecord) -> Operation | None:
    """The operation that waits: the linked one, else the order's first one to come that needs the item."""
    if exception.operation is not None or exception.work_order is None:
        return exception.operation
    to_come = exception.work_order.operations.filter(status__in=TO_COME).order_by("number")
    if exception.item_id is not None:
        needing = to_come.filter(material_needs__item=exception.item_id).first()
        if needing is not None:
            return needing
    return to_come.first()


def remaining(exception: ExceptionRecord) -> Decimal:
    """Pieces the operation that waits has still to make."""
    operation = operation_of(exception)
    if operation is None:
        return Decimal(0)
    left: Decimal = operation.work_order.quantity - operation.good - operation.scrap
    return max(Decimal(0), left)


def run_minutes(exception: ExceptionRecord, unit_code: str = "", quantity: Decimal | None = None) -> Decimal:
    """Minutes to run the rest (or `quantity`) of the operation that waits, on an alternate where named."""
    operation = operation_of(exception)
    if operation is None:
        return Decimal(0)
    pieces = remaining(exception) if quantity is None else quantity
    factor = Decimal(1)
    if unit_code:
        alternate = operation.alternates.filter(work_unit__code=unit_code).first()
        factor = alternate.run_factor if alternate else Decimal(1)
    return pieces * operation.run_minutes * factor


def expected_end(situation: Situation) -> datetime | None:
    """When the linked operation would end by this decision; None where the decision says nothing of it."""
    values, exception = situation.values, situation.exception
    if values.get("to_unit"):
        start = moment(values, "start") or situation.at
        minutes = amount(values, "setup") + run_minutes(
            exception, str(values["to_unit"]), amount(values, "quantity") or None
        )
        return start + timedelta(minutes=float(minutes))
    for name in ("not_before", "expected_up_at", "commit_at"):
        start_at = moment(values, name)
        if start_at is not None:
            if name == "commit_at":
                return start_at
            return start_at + timedelta(minutes=float(run_minutes(exception)))
    return None


def rest_of_route(exception: ExceptionRecord) -> timedelta:
    """Planned work of the operations after the one that waits."""
    return rest_after(operation_of(exception))


def rest_after(operation: Operation | None) -> timedelta:
    """Planned work of an order's operations after this one."""
    if operation is None:
        return timedelta(0)
    order = operation.work_order
    minutes = sum(
        (
            step.setup_minutes + step.run_minutes * order.quantity
            for step in order.operations.filter(number__gt=operation.number).exclude(status="cancelled")
        ),
        Decimal(0),
    )
    return timedelta(minutes=float(minutes))


def expected_finish(situation: Situation) -> datetime | None:
    """When the work order would be finished by this decision: this operation's end, then the rest of its route."""
    end = expected_end(situation)
    if end is None or promises_only(situation):
        return end
    return end + rest_of_route(situation.exception)


def promises_only(situation: Situation) -> bool:
    """Whether the decision says when the order is to be there, not when an operation ends."""
    return not any(situation.values.get(name) for name in ("to_unit", "not_before", "expected_up_at"))
