"""Whether what a decision names exists and may be used: alternates on the approved list, purchase lines, places.

Reads only. `decisions_app.inputs` has read the words already; here each is looked up at the exception's site. A
purchase order line is named `number/line`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.errors import InvalidInput
from exceptions_app.models import ExceptionRecord
from plant_app.models import (
    Item,
    PurchaseOrderLine,
    ReasonCode,
    StockLocation,
    User,
    WorkCentre,
    WorkUnit,
)

# Who may take a unit or an item that is on no approved list.
ENGINEERS = frozenset({"engineer", "engineering_lead", "quality_engineer"})


def find_purchase_line(label: str) -> PurchaseOrderLine | None:
    """The purchase order line people call `number/line`."""
    number, _, line = label.rpartition("/")
    if not number or not line.isdecimal():
        return None
    rows = PurchaseOrderLine.objects.select_related("order", "item")
    return rows.filter(order__number=number, line=int(line[:6])).first()


def check_references(
    specs: Sequence[Mapping[str, Any]],
    values: Mapping[str, Any],
    *,
    exception: ExceptionRecord,
    duties: frozenset[str] = frozenset(),
) -> None:
    """Refuse references that lead nowhere. Raises InvalidInput (`decisions.inputs`), `errors` by input."""
    errors = {}
    for spec in specs:
        name, kind = str(spec["name"]), str(spec.get("kind", "text"))
        check = _CHECKS.get(kind)
        if check is None or not values.get(name):
            continue
        wrong = check(str(values[name]), exception, duties)
        if wrong:
            errors[name] = f"{spec.get('label') or name}: {wrong}"
    if errors:
        raise InvalidInput("decisions.inputs", "Something named here does not exist or fit.", errors=errors)


def _unit(code: str, exception: ExceptionRecord, duties: frozenset[str]) -> str:
    unit = WorkUnit.objects.filter(code=code, active=True).select_related("work_centre__area").first()
    if unit is None:
        return f"there is no work unit {code}"
    if unit.pk == exception.work_unit_id:
        return f"{code} is the one concerned"
    operation = exception.operation
    approved = list(operation.alternates.filter(approved=True)) if operation is not None else []
    if approved:
        listed = unit.pk in {one.work_unit_id for one in approved}
        return "" if listed or duties & ENGINEERS else f"{code} is not approved for {operation}"
    centre = exception.work_centre_id
    if unit.work_centre.area.site_id != exception.site_id or centre not in (None, unit.work_centre_id):
        return f"{code} is not approved for this work"
    return ""


def _substitute(code: str, exception: ExceptionRecord, duties: frozenset[str]) -> str:
    item = Item.objects.filter(code=code).first()
    if item is None:
        return f"there is no item {code}"
    if item.pk == exception.item_id:
        return f"{code} is the item that is short"
    if exception.item is not None:
        approved = exception.item.alternates.filter(approved=True, substitute=item)
        if not approved.exists() and not duties & ENGINEERS:
            return f"{code} is not approved for {exception.item.code}; engineering or quality decides that"
    return ""


def _purchase(label: str, exception: ExceptionRecord, duties: frozenset[str]) -> str:
    line = find_purchase_line(label)
    if line is None or line.order.site_id != exception.site_id:
        return f"there is no purchase order line {label} here (number/line)"
    if exception.item_id is not None and line.item_id != exception.item_id:
        return f"{label} is for {line.item.code}"
    return ""


def _location(code: str, exception: ExceptionRecord, duties: frozenset[str]) -> str:
    return "" if StockLocation.objects.filter(code=code).exists() else f"there is no location {code}"


def _centre(code: str, exception: ExceptionRecord, duties: frozenset[str]) -> str:
    here = WorkCentre.objects.filter(code=code, area__site=exception.site_id)
    return "" if here.exists() else f"there is no work centre {code} here"


def _person(name: str, exception: ExceptionRecord, duties: frozenset[str]) -> str:
    here = User.objects.filter(username=name, is_active=True, grants__site=exception.site_id)
    return "" if here.exists() else f"there is nobody called {name} here"


def _reason(code: str, exception: ExceptionRecord, duties: frozenset[str]) -> str:
    known = ReasonCode.objects.filter(type=exception.type_id, code=code)
    return "" if code == "UNK" or known.exists() else f"there is no reason {code}"


_CHECKS: dict[str, Callable[[str, ExceptionRecord, frozenset[str]], str]] = {
    "alternate_unit": _unit,
    "substitute": _substitute,
    "purchase_line": _purchase,
    "location": _location,
    "work_centre": _centre,
    "person": _person,
    "reason": _reason,
}
