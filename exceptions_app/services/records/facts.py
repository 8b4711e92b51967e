"""The facts routing is asked with: one exception as a plain dictionary of `routing_app.facts` codes.

Owns the translation only; what was seen around the exception comes from `around`. An unknown fact is left out.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from core import clock
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord
from exceptions_app.services.records.around import Around, look_around
from exceptions_app.services.records.scarce import owner_records

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
REPEATS: Final[Mapping[str, timedelta]] = {
    "repeats_24h": timedelta(hours=24),
    "repeats_7d": timedelta(days=7),
    "repeats_30d": timedelta(days=30),
}
# Channels as rules know them; the others go by their own name.
_CHANNELS = {"station": "form", "whatsapp": "chat", "sms": "chat"}


def repeats_of(exception: ExceptionRecord) -> dict[str, int]:
    """How often the same key opened within each window up to this one's capture, this one included, by fact code.

    One query; 1 without a key.
    """
    if not exception.correlation_key:
        return dict.fromkeys(REPEATS, 1)
    at = exception.captured_at or clock.now()
    others = ExceptionRecord.objects.filter(correlation_key=exception.correlation_key, drill=exception.drill)
    counted = others.exclude(pk=exception.pk).aggregate(
        **{code: Count("pk", filter=Q(captured_at__gte=at - span)) for code, span in REPEATS.items()}
    )
    return {code: found + 1 for code, found in counted.items()}


def facts_of(
    exception: ExceptionRecord, *, around: Around | None = None, repeats: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Facts of `exception` by catalogue code, unknown ones left out.

    While it waits for triage its type is only suspected, so `type` is left out and no rule but the catch-all can take
    it. `around` and `repeats` save their queries where the caller has them.
    """
    around = around or look_around(exception, clock.now())
    triage = exception.status == Status.TRIAGE
    reason = exception.reason.code if exception.reason else str(exception.details.get("reason", ""))
    linked = bool(exception.work_unit_id or exception.work_centre_id or exception.item_id or exception.sales_line_id
                  or exception.purchase_line_id or exception.lot_id or exception.work_order_id
                  or exception.customer_id)  # fmt: skip
    facts: dict[str, Any] = {
        "type": None if triage else exception.type.code,
        "suspected_type": exception.type.code if triage else None,
        "site": exception.site.code,
        "area": exception.area.code if exception.area else None,
        "work_centre": exception.work_centre.code if exception.work_centre else None,
        "work_unit": exception.work_unit.code if exception.work_unit else None,
        "reason": reason,
        "severity": exception.severity,
        "item": exception.item.code if exception.item else None,
        "item_group": exception.item.group.code if exception.item else None,
        "item_source": exception.item.sourcing if exception.item else None,
        "safety_characteristic": exception.item.safety_characteristic if exception.item else None,
        "customer": exception.customer.code if exception.customer else None,
        "customer_tier": _tier(exception),
        "supplier": exception.supplier.code if exception.supplier else None,
        "quantity": exception.quantity,
        "window_min": around.minutes_to(exception.window_until),
        "channel": _CHANNELS.get(exception.channel, exception.channel),
        "confidence": round(exception.confidence, 3),
        "linked": linked,
        "planned_stop": True
        if reason.startswith("PLN-") or exception.details.get("planned") is True
        else None,
    }
    local = around.at.astimezone(ZoneInfo(exception.site.timezone))
    if around.shift is not None:
        facts["shift"] = around.shift.shift.code
        facts["weekday"] = WEEKDAYS[around.shift.day.weekday()]
    else:
        facts["weekday"] = WEEKDAYS[local.weekday()]
    facts["hour"] = round(local.hour + local.minute / 60, 2)
    facts.update(repeats if repeats is not None else repeats_of(exception))
    facts["value_at_risk"] = _at_stake(exception)
    facts["owner_records_10min"] = owner_records(exception, around.at)
    facts.update(around.facts)
    return {code: value for code, value in facts.items() if value not in (None, "", [])}


def _tier(exception: ExceptionRecord) -> str | None:
    """The customer's tier; "stock" for a work order nobody ordered."""
    if exception.customer is not None:
        return exception.customer.tier
    order = exception.work_order
    return "stock" if order is not None and order.sales_line_id is None and order.parent_id is None else None


def _at_stake(exception: ExceptionRecord) -> Decimal | None:
    """The affected quantity at the item's standard cost; None where either is unknown. A linked promise says more."""
    item, quantity = exception.item, exception.quantity
    if item is None or quantity is None or not item.standard_cost:
        return None
    return (Decimal(quantity) * item.standard_cost).quantize(Decimal("0.01"))
