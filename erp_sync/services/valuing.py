"""What a posting is worth and how much it moves, from what the plant knows of its item.

Owns the way from a payload to a value in the site's currency. What can't be worked out is unknown and says why; it is
never guessed. Must not know: limits, what a value decides.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from erp_sync.canonical_base import number_in, text_in
from erp_sync.policies import Worth, rounded
from plant_app.models import Item, Site, WorkOrder

_CONFIRMED = ("yield_qty", "scrap_qty", "rework_qty")


def worth_of(kind: str, payload: Mapping[str, Any], site: Site) -> Worth:
    """What a posting of `kind` is worth. At most one query; a payload that can't be read is simply not known.

    A cost is its amount; stock moved is its quantity at standard cost; a confirmation is its scrap at the standard
    cost of what the order makes; a reversal is worth what it takes back. Other kinds have no value of their own.
    """
    if kind == "cost":
        return _cost(payload, site)
    if kind.startswith("movement."):
        return _moved(payload)
    if kind == "confirmation":
        return _confirmed(payload)
    if kind == "change.quantity":
        new, old = number_in(payload.get("new")), number_in(payload.get("old"))
        return Worth(quantity=abs(new - (old or Decimal(0))) if new is not None else None)
    if kind == "reversal":
        original = payload.get("original")
        taken_back = str(payload.get("reverses_kind", ""))
        if isinstance(original, Mapping) and taken_back != "reversal":
            return worth_of(taken_back, original, site)
    return Worth(quantity=number_in(payload.get("quantity")))


def _cost(payload: Mapping[str, Any], site: Site) -> Worth:
    money, currency = number_in(payload.get("amount")), payload.get("currency")
    if money is None:
        return Worth(unknown="no amount")
    if currency != site.currency:
        return Worth(unknown=f"in {currency}, not in {site.currency}")
    return Worth(value=rounded(money))


def _moved(payload: Mapping[str, Any]) -> Worth:
    quantity = number_in(payload.get("quantity"))
    item = Item.objects.filter(code=text_in(payload.get("item"))).only("code", "uom", "standard_cost").first()
    return _at_cost(quantity, quantity, item, text_in(payload.get("uom")), text_in(payload.get("item")))


def _confirmed(payload: Mapping[str, Any]) -> Worth:
    counted = [number_in(payload.get(name, "0") or "0") for name in _CONFIRMED]
    done = sum((number for number in counted if number is not None), Decimal(0))
    scrap = counted[1]
    if not scrap:
        return Worth(value=Decimal(0) if scrap is not None else None, quantity=done)
    number = text_in(payload.get("work_order"))
    order = WorkOrder.objects.filter(number=number).select_related("item").first()
    made = order.item if order is not None else None
    return _at_cost(done, scrap, made, text_in(payload.get("uom")), f"what {number} makes")


def _at_cost(
    quantity: Decimal | None, priced: Decimal | None, item: Item | None, uom: str, words: str
) -> Worth:
    if priced is None:
        return Worth(unknown="no quantity")
    if item is None or not item.standard_cost:
        return Worth(quantity=quantity, unknown=f"no standard cost of {words}")
    if uom and uom != item.uom:
        return Worth(quantity=quantity, unknown=f"in {uom}, its cost is for 1 {item.uom}")
    return Worth(value=rounded(priced * item.standard_cost), quantity=quantity)
