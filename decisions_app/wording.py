"""Words a task's title and a customer's message may name, from the exception and the decision's inputs.

Reads models, writes nothing. A message names no supplier, person or machine.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from decisions_app.models import Option
from exceptions_app.models import ExceptionRecord


def words_of(exception: ExceptionRecord, values: Mapping[str, Any]) -> dict[str, str]:
    """What a task's title may name."""
    return {
        "unit": exception.work_unit.code if exception.work_unit else "the unit",
        "centre": exception.work_centre.name if exception.work_centre else "the work centre",
        "place": str(exception.work_unit or exception.work_centre or exception.area or exception.site),
        "order": exception.work_order.number if exception.work_order else "the order",
        "item": exception.item.code if exception.item else "the item",
        "lot": f"lot {exception.lot.code}" if exception.lot else "the parts",
        "customer": exception.customer.name if exception.customer else "the customer",
        "po": str(exception.purchase_line) if exception.purchase_line else "the purchase order",
        "to_unit": str(values.get("to_unit") or "the other unit"),
        "substitute": str(values.get("substitute") or "the substitute"),
        "quantity": str(values.get("quantity") or _plain(exception) or "the quantity"),
    }


def _plain(exception: ExceptionRecord) -> str:
    return f"{exception.quantity.normalize():f}" if exception.quantity is not None else ""


def fill(title: str, words: Mapping[str, str]) -> str:
    """The title with its words in place; one that names something unknown stays as it was written."""
    try:
        return title.format(**words)[:120]
    except (KeyError, IndexError, ValueError, AttributeError):
        return title[:120]


_PART = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"\{(\w+)\}")


def message_of(option: Option, exception: ExceptionRecord, values: Mapping[str, Any]) -> str:
    """What the customer is told of `option`: its text with names filled in, in the plant's local time.

    A part in square brackets is left out where one of its names has nothing to say; where that is the part the text
    begins with, nothing is said at all. Empty also where the option has no text or the record no customer.
    """
    line = exception.sales_line
    customer = exception.customer or (line.order.customer if line is not None else None)
    if not option.message.strip() or customer is None:
        return ""
    words = _message_words(option, exception, values) | {"customer": customer.name}

    def part(found: re.Match[str]) -> str:
        names = _NAME.findall(found[1])
        return found[1] if all(words.get(name) for name in names) else ""

    first = _PART.match(option.message.strip())
    if first is not None and not part(first):
        return ""
    text = _PART.sub(part, option.message)
    filled = _NAME.sub(lambda found: words.get(found[1], ""), text)
    return re.sub(r"[ \t]+", " ", filled).strip()[:320]


def _message_words(option: Option, exception: ExceptionRecord, values: Mapping[str, Any]) -> dict[str, str]:
    zone = ZoneInfo(exception.site.timezone)
    kinds = {str(spec["name"]): str(spec.get("kind", "text")) for spec in option.inputs}
    words = {name: _said(kinds.get(name, "text"), value, zone) for name, value in values.items()}
    line = exception.sales_line
    new = values.get("commit_at") or values.get("not_before") or values.get("arrival")
    words |= {
        "item": exception.item.code if exception.item else (line.item.code if line else ""),
        "uom": exception.uom or (exception.item.uom if exception.item else ""),
        "old_date": _day(line.commit_at, zone) if line else "",
        "new_date": _said("datetime", new, zone) if new else "",
        "reason_words": exception.type.name.lower(),
        "line": str(line.line) if line else "",
        "line_quantity": f"{line.quantity.normalize():f}" if line else "",
        "line_uom": line.item.uom if line else "",
        "order": (line.order.po_number or line.order.number) if line else "",
        "po": (line.order.po_number or line.order.number) if line else "",
    }
    words.setdefault("quantity", _plain(exception))
    return words


def _day(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y}"


def _said(kind: str, value: Any, zone: ZoneInfo) -> str:
    if kind == "datetime":
        try:
            return _day(datetime.fromisoformat(str(value)), zone)
        except ValueError:
            return ""
    if kind in {"quantity", "money", "number", "minutes"}:
        return f"{Decimal(str(value)):f}"
    return "" if isinstance(value, bool) else str(value)
