"""Words a task's title may name, from the exception and the decision's inputs. Reads models, writes nothing."""

from collections.abc import Mapping
from typing import Any

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
