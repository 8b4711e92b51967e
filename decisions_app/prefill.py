"""What an option's form starts with: the best guess the plant's state allows, marked as such by being editable.

Reads models, writes nothing. Values are the plain JSON `inputs.read_inputs` returns.
"""

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Max, Min

from decisions_app.models import Option
from decisions_app.posting_templates.situation import plain, remaining
from decisions_app.posting_templates.stock import held_stock
from exceptions_app.models import ExceptionRecord
from plant_app.models import (
    Constraint,
    PlannedOperation,
    SalesOrderLine,
    StockLayer,
    StockLocation,
    StockRow,
    StockStatus,
    WorkCentre,
)

STEP = timedelta(minutes=5)


def rounded(moment: datetime) -> datetime:
    """Up to the next five minutes: nobody plans to the second."""
    floor = moment.replace(second=0, microsecond=0) - timedelta(minutes=moment.minute % 5)
    return floor if floor >= moment else floor + STEP


def estimated_end(exception: ExceptionRecord, at: datetime) -> datetime:
    """When the condition is assumed to end: the imposed constraint's end, else an hour from now."""
    ends = (
        Constraint.objects.filter(origin_ref=f"exception:{exception.pk}", lifted_at=None, ends_at__gt=at)
        .order_by("-ends_at")
        .values_list("ends_at", flat=True)
        .first()
    )
    return rounded(ends or at + timedelta(hours=1))


def free_from(unit_id: int, at: datetime) -> datetime:
    """When a unit's running work is planned to end."""
    running = (
        PlannedOperation.objects.filter(work_unit_id=unit_id, start__lte=at, end__gt=at)
        .order_by("-end")
        .values_list("end", flat=True)
        .first()
    )
    return running or at


def prefill(
    option: Option, exception: ExceptionRecord, at: datetime, *, ends: datetime | None = None
) -> dict[str, Any]:
    """Values for the option's inputs; only those the state of the plant suggests. `ends` saves estimating the end."""
    values: dict[str, Any] = {
        entry["name"]: entry["default"] for entry in option.inputs if entry.get("default") not in (None, "")
    }
    names = {entry["name"] for entry in option.inputs}
    if ends is None and names & {"expected_up_at", "not_before"}:
        ends = estimated_end(exception, at)
    ends = ends or at
    if "expected_up_at" in names:
        stated = _moment(exception, "expected_up_at")
        values["expected_up_at"] = (stated if stated and stated > at else ends).isoformat()
    if "to_unit" in names:
        values |= _alternate(exception, at)
    if "not_before" in names:
        values["not_before"] = rounded(max(ends, at + timedelta(hours=2))).isoformat()
    if "arrival" in names:
        values["arrival"] = _arrival(exception, at).isoformat()
    if "rest_at" in names:
        values["rest_at"] = _rest_ships(exception, at).isoformat()
    if "next_update" in names:
        values["next_update"] = rounded(at + timedelta(hours=24)).isoformat()
    if "quantity" in names and "quantity" not in values:
        quantity = _quantity(option, exception)
        if quantity is not None:
            values["quantity"] = plain(quantity)
    if "from_location" in names:
        values |= _locations(exception)
    if "substitute" in names and exception.item is not None:
        alternate = exception.item.alternates.filter(approved=True).select_related("substitute").first()
        if alternate is not None:
            values["substitute"] = alternate.substitute.code
    if "purchase_line" in names and exception.item is not None and option.code == "return_to_supplier":
        line = (
            exception.purchase_line
            or exception.item.purchase_lines.select_related("order").order_by("promised_at").first()
        )
        if line is not None:
            values["purchase_line"] = str(line)
    if (
        "commit_at" in names
        and exception.sales_line is not None
        and option.code in {"accept", "accept_with_change"}
    ):
        values["commit_at"] = asked_date(exception, exception.sales_line).isoformat()
    if "valid_until" in names:
        values["valid_until"] = rounded(at + timedelta(hours=24)).isoformat()
    if "due" in names:
        values["due"] = rounded(at + timedelta(hours=8)).isoformat()
    if "from_centre" in names:
        values |= _giver(exception)
    if "until" in names:
        values["until"] = rounded(at + timedelta(hours=8)).isoformat()
    return values


def _alternate(exception: ExceptionRecord, at: datetime) -> dict[str, Any]:
    operation = exception.operation
    if operation is None:
        return {}
    alternates = list(operation.alternates.filter(approved=True).select_related("work_unit"))
    if not alternates:
        return {}
    down = set(
        Constraint.objects.filter(kind="unit_down", lifted_at=None, work_unit__isnull=False).values_list(
            "work_unit_id", flat=True
        )
    )
    ready = [alternate for alternate in alternates if alternate.work_unit_id not in down] or alternates
    best = min(ready, key=lambda alternate: (free_from(alternate.work_unit_id, at), alternate.setup_minutes))
    return {
        "to_unit": best.work_unit.code,
        "setup": plain(best.setup_minutes),
        "start": rounded(max(free_from(best.work_unit_id, at), at)).isoformat(),
        "quantity": plain(remaining(exception)),
    }


def _giver(exception: ExceptionRecord) -> dict[str, Any]:
    """The neighbouring work centre somebody could come from."""
    if exception.work_centre is None:
        return {}
    others = WorkCentre.objects.filter(area__site=exception.site_id).exclude(pk=exception.work_centre.pk)
    near = (
        others.filter(area=exception.work_centre.area_id).order_by("pk").first()
        or others.order_by("pk").first()
    )
    return {"from_centre": near.code} if near is not None else {}


def _moment(exception: ExceptionRecord, name: str) -> datetime | None:
    """A capture field that is a moment; a day without a time is its noon at the plant."""
    raw = str(exception.details.get(name) or "").strip()
    try:
        value = datetime.fromisoformat(raw)
    except ValueError:
        return None
    if len(raw) <= len("2026-11-27"):
        value = value.replace(hour=12)
    return value if value.tzinfo is not None else value.replace(tzinfo=ZoneInfo(exception.site.timezone))


def asked_date(exception: ExceptionRecord, line: SalesOrderLine) -> datetime:
    """The date the customer asks for, else the one promised."""
    asked = _moment(exception, "requested_date")
    if asked is None and str(exception.details.get("kind", "")).startswith("DATE"):
        asked = _moment(exception, "new_value")
    return asked or line.commit_at


def _asked_quantity(exception: ExceptionRecord, line: SalesOrderLine) -> Decimal:
    """The quantity the customer asks for, else the one ordered."""
    asked = exception.details.get("requested_quantity")
    if asked is None and str(exception.details.get("kind", "")).startswith("QTY"):
        asked = exception.details.get("new_value")
    try:
        quantity = Decimal(str(asked).strip()) if asked is not None else line.quantity
    except InvalidOperation:
        return line.quantity
    return quantity if quantity.is_finite() and quantity > 0 else line.quantity


def _arrival(exception: ExceptionRecord, at: datetime) -> datetime:
    stated = _moment(exception, "new_date")
    if stated is not None and stated > at:
        return stated
    if exception.item is None:
        return rounded(at + timedelta(hours=4))
    line = (
        exception.item.purchase_lines.filter(received__lt=F("quantity"), promised_at__gt=at)
        .order_by("promised_at")
        .first()
    )
    return rounded(line.promised_at if line else at + timedelta(hours=4))


def _rest_ships(exception: ExceptionRecord, at: datetime) -> datetime:
    """When what waits for the material could leave: its arrival and the time the plan gives the order from here to its
    end, never before the promise."""
    arrival, line = _arrival(exception, at), exception.sales_line
    lead = timedelta(0)
    if exception.work_order is not None:
        rows = PlannedOperation.objects.filter(operation__work_order=exception.work_order)
        begins = exception.operation and rows.filter(operation=exception.operation).first()
        span = rows.aggregate(first=Min("start"), last=Max("end"))
        if span["last"] is not None:
            lead = span["last"] - (begins.start if begins else span["first"])
    ready = arrival + max(lead, timedelta(0))
    return rounded(max(ready, line.commit_at) if line is not None else ready)


def _quantity(option: Option, exception: ExceptionRecord) -> Decimal | None:
    if option.by_quantity:
        taken = [
            decision.quantity
            for decision in exception.decisions.filter(reversed_at__isnull=True)
            if decision.quantity is not None
        ]
        whole = exception.quantity
        if whole is None:
            row = held_stock(exception)
            whole = row.quantity if row else None
        return max(Decimal(0), whole - sum(taken, Decimal(0))) if whole is not None else None
    if exception.sales_line is not None and option.code in {"accept", "accept_with_change"}:
        return _asked_quantity(exception, exception.sales_line)
    return exception.quantity or (remaining(exception) if exception.operation is not None else None)


def _locations(exception: ExceptionRecord) -> dict[str, Any]:
    if exception.item is None:
        return {}
    source = (
        StockRow.objects.filter(
            item=exception.item,
            layer=StockLayer.ERP,
            status=StockStatus.FREE,
            quantity__gt=0,
            location__kind=StockLocation.Kind.STORAGE,
        )
        .select_related("location")
        .order_by("-quantity")
        .first()
    )
    target = (
        exception.site.stock_locations.filter(kind=StockLocation.Kind.PRODUCTION).order_by("code").first()
    )
    values: dict[str, Any] = {}
    if source is not None:
        values["from_location"] = source.location.code
    if target is not None:
        values["to_location"] = target.code
    return values
