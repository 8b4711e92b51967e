"""The facts routing is asked with: one exception as a plain dictionary of `routing_app.facts` codes.

Owns the translation only; what was seen around the exception comes from `around`. An unknown fact is left out.
"""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core import clock
from exceptions_app.lifecycle import Status
from exceptions_app.models import ExceptionRecord
from exceptions_app.services.records.around import Around, look_around

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
REPEAT_DAYS = timedelta(days=7)
# Channels as rules know them; the others go by their own name.
_CHANNELS = {"station": "form", "whatsapp": "chat", "sms": "chat"}


def repeats_of(exception: ExceptionRecord) -> int:
    """How often the same key opened within 7 days, this one included. One query; 1 without a key."""
    if not exception.correlation_key:
        return 1
    since = (exception.captured_at or clock.now()) - REPEAT_DAYS
    others = ExceptionRecord.objects.filter(correlation_key=exception.correlation_key, captured_at__gte=since)
    return others.exclude(pk=exception.pk).count() + 1


def facts_of(
    exception: ExceptionRecord, *, around: Around | None = None, repeats: int | None = None
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
        "customer_tier": exception.customer.tier if exception.customer else None,
        "supplier": exception.supplier.code if exception.supplier else None,
        "quantity": exception.quantity,
        "window_min": around.minutes_to(exception.window_until),
        "channel": _CHANNELS.get(exception.channel, exception.channel),
        "confidence": round(exception.confidence, 3),
        "repeats_7d": repeats if repeats is not None else repeats_of(exception),
        "linked": linked,
        "planned_stop": True if exception.details.get("planned") is True else None,
    }
    if around.shift is not None:
        facts["shift"] = around.shift.shift.code
        facts["weekday"] = WEEKDAYS[around.shift.day.weekday()]
    else:
        facts["weekday"] = WEEKDAYS[around.at.astimezone(ZoneInfo(exception.site.timezone)).weekday()]
    facts.update(around.facts)
    return {code: value for code, value in facts.items() if value is not None and value != ""}
