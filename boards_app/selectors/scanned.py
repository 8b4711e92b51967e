"""What a scanned or typed code stands for at a site: an order, a machine, a lot, an item. Exact codes, never guesses.

A code nobody knows is not lost: it goes into the report's words, where the reader of signals and people see it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from core.errors import NotFound
from plant_app.models import Item, Lot, Site, WorkCentre, WorkOrder, WorkUnit
from plant_app.services import code_of_token

LONGEST: Final = 200
_ADDRESS: Final = re.compile(r"/r/([0-9A-Za-z]+-[0-9A-Za-z]+)/?$")
# Travellers print the operation behind the order: WO-118204/20, WO-118204-020, WO-118204 OP20.
_WITH_OPERATION: Final = re.compile(r"^(.+?)(?:\s*[/.]\s*|\s+op\s*|-0)(\d{1,4})$", re.IGNORECASE)


@dataclass(frozen=True)
class Scanned:
    """One code: what it is, how the plant writes it, in words, and the report's fields it fills."""

    kind: str
    code: str
    words: str
    fields: dict[str, str] = field(default_factory=dict)


def scanned(raw: str, site: Site) -> Scanned | None:
    """What `raw` is at `site`; None for a code that is not known there. At most six queries."""
    code = raw.strip()[:LONGEST]
    if not code:
        return None
    address = _ADDRESS.search(code)
    if address is not None:
        return _of_printed_code(address.group(1), site)
    parted = _WITH_OPERATION.match(code)
    return _order(code, site) or _place(code, site) or _goods(code) or (
        _order(parted.group(1), site, int(parted.group(2))) if parted else None
    )  # fmt: skip


def take_scanned(
    raw: str,
    site: Site,
    fields: dict[str, Any],
    text: str,
    *,
    own: Callable[[WorkUnit], bool] = lambda unit: True,
) -> str:
    """Fill `fields` with what a scanned code stands for and return the text, with the code in it where nobody knows it.

    A machine is only taken over when `own` says it may be reported from here; else its code stays in the words.
    """
    code = raw.strip()[:LONGEST]
    found = scanned(code, site)
    if found is not None and found.kind == "work_unit":
        unit = WorkUnit.objects.filter(code=found.code).first()
        if unit is None or not own(unit):
            found = None
    if found is not None:
        fields.update(found.fields)
        return text
    return f"{text} {code}".strip() if code and code not in text else text


def _order(number: str, site: Site, operation: int | None = None) -> Scanned | None:
    order = WorkOrder.objects.select_related("item").filter(number__iexact=number.strip(), site=site).first()
    if order is None:
        return None
    fields = {"work_order": order.number}
    words = f"{order.number}, {order.item.name}"
    if operation is not None and order.operations.filter(number=operation).exists():
        words += f", {_('op')} {operation}"
    return Scanned("work_order", order.number, words, fields)


def _place(code: str, site: Site) -> Scanned | None:
    unit = WorkUnit.objects.filter(code__iexact=code, work_centre__area__site=site, active=True).first()
    if unit is not None:
        return _unit(unit)
    centre = WorkCentre.objects.filter(code__iexact=code, area__site=site).first()
    if centre is not None:
        return Scanned("work_centre", centre.code, centre.name, {"work_centre": centre.code})
    return None


def _unit(unit: WorkUnit) -> Scanned:
    return Scanned("work_unit", unit.code, f"{unit.code}, {unit.name}", {"work_unit": unit.code})


def _goods(code: str) -> Scanned | None:
    lot = Lot.objects.select_related("item").filter(code__iexact=code).first()
    if lot is not None:
        return Scanned(
            "lot",
            lot.code,
            _("Lot {code}, {item}").format(code=lot.code, item=lot.item.name),
            {"lot": lot.code},
        )
    item = Item.objects.filter(code__iexact=code).first()
    return Scanned("item", item.code, item.name, {"item": item.code}) if item is not None else None


def _of_printed_code(token: str, site: Site) -> Scanned | None:
    try:
        unit = code_of_token(token).work_unit
    except NotFound:
        return None
    return _unit(unit) if unit.work_centre.area.site_id == site.pk else None
