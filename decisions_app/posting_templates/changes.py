"""Templates about what is promised and planned: dates, quantities, cancellations, the customer's answer."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from decisions_app.inputs import amount, moment
from decisions_app.posting_templates.situation import (
    Intended,
    Situation,
    expected_finish,
    intend,
    order_of,
    plain,
)
from decisions_app.references import find_purchase_line
from exceptions_app.models import ExceptionRecord
from exceptions_app.services import wants_edi
from plant_app.models import PurchaseOrderLine


def _local_date(situation: Situation, when: datetime) -> str:
    return when.astimezone(ZoneInfo(situation.exception.site.timezone)).date().isoformat()


def _date_change(
    situation: Situation,
    *,
    target: str,
    number: str,
    line: str,
    which: str,
    old: datetime,
    new: datetime | None,
) -> Intended | None:
    if new is None or _local_date(situation, old) == _local_date(situation, new):
        return None
    payload: dict[str, Any] = {
        "site": situation.exception.site.code,
        "target": target,
        "number": number,
        "which": which,
        "old": _local_date(situation, old),
        "new": _local_date(situation, new),
    }
    if line:
        payload["line"] = line
    if target == "work_order":
        payload["work_order"] = number
    return intend(situation, "change.date", payload, situation.at)


def is_cancellation(exception: ExceptionRecord) -> bool:
    """The customer takes the order line back."""
    return exception.type.code == "order_change" and exception.details.get("kind") == "CANCEL"


def date_work_order(situation: Situation) -> Intended | None:
    """The work order's planned end: the agreed date, or the later day the decision's delay moves it to."""
    exception = situation.exception
    order = order_of(exception)
    if order is None or is_cancellation(exception):
        return None
    end = expected_finish(situation)
    if end is not None and end < order.planned_end and exception.type.code != "order_change":
        return None
    return _date_change(
        situation,
        target="work_order", number=order.number, line="", which="planned_end", old=order.planned_end, new=end,
    )  # fmt: skip


def date_sales_line(situation: Situation) -> Intended | None:
    """The promise to the customer, where it moves to another day."""
    line = situation.exception.sales_line
    if line is None or is_cancellation(situation.exception):
        return None
    return _date_change(
        situation,
        target="so_line",
        number=line.order.number,
        line=str(line.line),
        which="commit",
        old=line.commit_at,
        new=moment(situation.values, "commit_at"),
    )


def purchase_line(situation: Situation) -> PurchaseOrderLine | None:
    """The purchase order line the decision names (`number/line`), else the exception's own."""
    label = str(situation.values.get("purchase_line") or "")
    return find_purchase_line(label) if label else situation.exception.purchase_line


def date_purchase_line(situation: Situation) -> Intended | None:
    """The supplier's date, where something is still to come and it moves to another day."""
    line = purchase_line(situation)
    if line is None or line.received >= line.quantity:
        return None
    return _date_change(
        situation,
        target="po_line",
        number=line.order.number,
        line=str(line.line),
        which="promised",
        old=line.promised_at,
        new=moment(situation.values, "arrival"),
    )


def _quantity_change(
    situation: Situation, *, target: str, number: str, line: str, old: Decimal, new: Decimal
) -> Intended | None:
    if not new or new == old:
        return None
    payload = {
        "site": situation.exception.site.code,
        "target": target,
        "number": number,
        "old": plain(old),
        "new": plain(new),
    }
    if line:
        payload["line"] = line
    if target == "work_order":
        payload["work_order"] = number
    return intend(situation, "change.quantity", payload, situation.at)


def quantity_work_order(situation: Situation) -> Intended | None:
    """The work order's quantity, as decided."""
    order = order_of(situation.exception)
    if order is None or is_cancellation(situation.exception):
        return None
    new = amount(situation.values, "quantity_now") or amount(situation.values, "quantity")
    return _quantity_change(
        situation, target="work_order", number=order.number, line="", old=order.quantity, new=new
    )


def quantity_sales_line(situation: Situation) -> Intended | None:
    """The ordered quantity, as agreed."""
    line = situation.exception.sales_line
    if line is None or is_cancellation(situation.exception):
        return None
    return _quantity_change(
        situation,
        target="so_line",
        number=line.order.number,
        line=str(line.line),
        old=line.quantity,
        new=amount(situation.values, "quantity"),
    )


def cancel_sales_line(situation: Situation) -> Intended | None:
    """The order line is cancelled, where that is the change asked for."""
    line = situation.exception.sales_line
    if line is None or not is_cancellation(situation.exception):
        return None
    payload = {
        "site": situation.exception.site.code,
        "target": "so_line",
        "number": line.order.number,
        "line": str(line.line),
        "scope": "line",
    }
    return intend(situation, "change.cancel", payload, situation.at)


def _po_number(exception: ExceptionRecord) -> str:
    """The customer's own number of the order: the one held, the one they wrote, else our record's."""
    line = exception.sales_line
    if line is not None:
        return line.order.po_number or line.order.number
    return str(exception.details.get("customer_po") or exception.ref)


def customer_answer(situation: Situation) -> Intended | None:
    """What the customer is told about the change."""
    exception = situation.exception
    line, customer = exception.sales_line, exception.customer
    if line is not None:
        customer = customer or line.order.customer
    if customer is None:
        return None
    answer: dict[str, Any] = {"status": situation.settings.get("status", "accepted")}
    for name in ("commit_at", "quantity", "why", "still_valid", "quantity_now", "quantity_later", "arrival"):
        if situation.values.get(name):
            answer[name] = situation.values[name]
    if line is not None:
        answer["line"] = str(line.line)
    payload: dict[str, Any] = {
        "site": exception.site.code,
        "customer": customer.code,
        "po_number": _po_number(exception),
        "channel": "edi" if wants_edi(exception) else "mail",
        "change_number": exception.ref,
        "lines": [answer],
    }
    if situation.values.get("valid_until"):
        payload["valid_until"] = situation.values["valid_until"]
    return intend(situation, "customer_answer", payload, situation.at)
