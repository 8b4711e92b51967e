"""The operations of a work order as ERP lists them: made with it, and followed as long as nobody has begun them.

Owns what ERP may still change of an operation. What the floor began it goes on with, whatever ERP plans by now; the
plan's times are the sequence's. Must not know how records are fetched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from plant_app.models import Operation, OperationStatus, WorkCentre, WorkOrder
from plant_app.selectors.floor import TO_COME
from plant_app.services.mirror_book import Book, Fields, Unknown, amount, differing, fit
from plant_app.services.mirror_gone import ENDED

_CENTRE = "operations.work_centre"
_GONE: Mapping[str, Any] = {"status": OperationStatus.CANCELLED}


def make_operations(order: WorkOrder, listed: Sequence[Mapping[str, Any]], book: Book) -> None:
    """The operations of a new order. Raises Unknown."""
    Operation.objects.bulk_create(
        _new(order, number, row, book) for number, row in _by_number(listed).items()
    )


def follow_operations(order: WorkOrder, listed: Sequence[Mapping[str, Any]], book: Book) -> Fields:
    """Bring the operations of a known order to what ERP lists; before and after of what changed.

    One that is new is made, one nobody has begun takes on its new name, work centre and times, one ERP no longer lists
    and nobody has begun is cancelled; one cancelled here stays so. ERP listing none at all says nothing, and an order
    that has ended is left alone. Raises Unknown. Locks what it changes; what the floor has in hand at this moment it is
    beginning, so nobody is waited for.
    """
    if not listed or order.status in ENDED:
        return {}
    wanted, changed = _by_number(listed), Fields()
    here = {row.number: row for row in order.operations.select_related("work_centre")}
    for number, row in wanted.items():
        if number not in here:
            made = _new(order, number, row, book)
            made.save(force_insert=True)
            changed[f"operation {number}"] = ("", f"{made.name}, {made.work_centre.code}")
    for number, operation in here.items():
        listing = wanted.get(number)
        values = _GONE if listing is None else _said(operation, listing, book)
        if operation.status in TO_COME and differing(operation, values):
            changed |= _change(operation.pk, values)
    return changed


def _change(pk: int, values: Mapping[str, Any]) -> Fields:
    rows = Operation.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    operation = rows.filter(pk=pk, status__in=TO_COME, started_at=None).select_related("work_centre").first()
    if operation is None:
        return {}
    fields = differing(operation, values)
    for name in fields:
        setattr(operation, name, values[name])
    also = []
    if "work_centre" in fields:
        operation.work_unit, also = None, ["work_unit"]  # it was planned on one of the other centre
        operation.alternates.all().delete()
    operation.version += 1
    operation.save(update_fields=[*fields, *also, "version"])
    return {f"operation {operation.number} {name}": told for name, told in fields.items()}


def _by_number(listed: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    for row in listed:
        number = int(fit(Operation, {"number": amount(row.get("number"), "operations.number")})["number"])
        if number in found:
            raise Unknown(f"operation {number} is listed twice", field="operations.number")
        found[number] = row
    return found


def _new(order: WorkOrder, number: int, row: Mapping[str, Any], book: Book) -> Operation:
    centre = book.get(WorkCentre, row.get("work_centre") or "", _CENTRE)
    values = {"name": centre.code, "run_minutes": 0} | _columns(row)
    return Operation(
        work_order=order,
        number=number,
        work_centre=centre,
        planned_start=order.planned_start,
        planned_end=order.planned_end,
        **values,
    )


def _said(operation: Operation, row: Mapping[str, Any], book: Book) -> dict[str, Any]:
    """What a row says of an operation that is here; what it leaves out stays."""
    values, code = _columns(row), row.get("work_centre")
    if code and code != operation.work_centre.code:
        values["work_centre"] = book.get(WorkCentre, code, _CENTRE)
    return values


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"name": str(row["name"])} if row.get("name") else {}
    told = {
        "setup_minutes": row.get("setup_minutes"),
        "run_minutes": row.get("run_minutes") or row.get("run_minutes_per_unit"),
    }
    for name, said in told.items():
        if said not in (None, ""):
            values[name] = amount(said, f"operations.{name}")
    return fit(Operation, values)
