"""Templates about money: what a stop, scrap, rework, freight or overtime cost."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from decisions_app.inputs import amount
from decisions_app.posting_templates.situation import Intended, Situation, envelope, intend
from exceptions_app.models import ExceptionRecord

CENT = Decimal("0.01")


def _cost(situation: Situation, cost_class: str, value: Decimal, occurred_at: datetime) -> Intended | None:
    value = value.quantize(CENT, rounding=ROUND_HALF_UP)
    if value <= 0:
        return None
    exception = situation.exception
    centre = exception.work_centre.code if exception.work_centre else ""
    payload = envelope(situation) | {
        "amount": format(value, "f"),
        "currency": exception.site.currency,
        "cost_class": cost_class,
        "basis": situation.settings.get("basis", "real"),
        "cost_object": centre,
    }
    return intend(situation, "cost", payload, occurred_at)


def downtime_cost(exception: ExceptionRecord, until: datetime) -> Decimal:
    """Money the stop cost up to `until`, at the work centre's hourly rate."""
    if exception.work_centre is None:
        return Decimal(0)
    hours = Decimal(str((until - exception.occurred_at) / timedelta(hours=1)))
    return max(Decimal(0), hours * exception.work_centre.cost_per_hour)


def cost_downtime(situation: Situation) -> Intended | None:
    """The stop's cost, from the moment it began."""
    exception = situation.exception
    ended = exception.cleared_at or situation.at
    return _cost(situation, "downtime", downtime_cost(exception, ended), exception.occurred_at)


def cost_scrap(situation: Situation) -> Intended | None:
    """Scrapped quantity at standard cost; statistical, since the scrap movement values it in ERP."""
    item = situation.exception.item
    if item is None:
        return None
    return _cost(situation, "scrap", amount(situation.values, "quantity") * item.standard_cost, situation.at)


def cost_rework(situation: Situation) -> Intended | None:
    """Rework minutes at the work centre's rate; statistical, since the confirmation values them."""
    centre = situation.exception.work_centre
    if centre is None:
        return None
    hours = amount(situation.values, "minutes") / 60
    return _cost(situation, "rework", hours * centre.cost_per_hour, situation.at)


def cost_premium(situation: Situation) -> Intended | None:
    """Premium freight or service, where we pay."""
    if situation.values.get("pays", "us") != "us":
        return None
    return _cost(situation, "premium_freight", amount(situation.values, "cost"), situation.at)


def cost_overtime(situation: Situation) -> Intended | None:
    """Overtime or call-in premium."""
    return _cost(situation, "overtime", amount(situation.values, "cost"), situation.at)


def charge_supplier(situation: Situation) -> Intended | None:
    """The returned quantity at standard cost, charged to the supplier."""
    item = situation.exception.item
    if item is None:
        return None
    value = amount(situation.values, "quantity") * item.standard_cost
    return _cost(situation, "charge_to_supplier", value, situation.at)
