"""Which Odoo documents carry one of our keys, for reconciliation.

Owns where each kind of document keeps the key. Dates have no document of their own and are compared by value in the
mirror instead. Must not know: the outbox's tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from erp_sync.adapters.odoo import maintenance, movements, production, scrap, times
from erp_sync.adapters.odoo.catalogue import moment, number, stamp
from erp_sync.adapters.odoo.client import Row
from erp_sync.adapters.odoo.production import Desk
from erp_sync.adapters.port import ErpDocument
from erp_sync.errors import ErpRejected

KEY = re.compile(r"(?:^|(?<=\s))[A-Z2-7]{16}(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Carrier:
    """A model, the field that names the key, the one of its state, and of its quantity ("" for none)."""

    model: str
    field: str
    state: str = "state"
    quantity: str = ""


CARRIERS = (
    Carrier(movements.PICKING, "origin"),
    Carrier(scrap.SCRAP, "origin", quantity="scrap_qty"),
    Carrier(production.MODEL, "origin", quantity="qty_producing"),
    Carrier(production.UNBUILD, "name", quantity="product_qty"),
    Carrier(maintenance.MODEL, "name", state="archive"),
    Carrier(times.ENTRY, "description", state=""),
)


def documents(desk: Desk, since: datetime) -> Iterator[ErpDocument]:
    """Every keyed document written since, model by model; one whose module is not installed has none."""
    for carrier in CARRIERS:
        try:
            yield from _documents(desk, carrier, since)
        except ErpRejected as error:
            if error.code != "odoo.no_model":
                raise


def _documents(desk: Desk, carrier: Carrier, since: datetime) -> Iterator[ErpDocument]:
    named = "name" if carrier.field == "origin" else "id"
    fields = {carrier.field, carrier.state, named, carrier.quantity, "write_date"} - {""}
    domain = [[carrier.field, "!=", False], ["write_date", ">=", stamp(since)]]
    for page in desk.client.pages(carrier.model, domain, sorted(fields)):
        for row in page:
            found = KEY.search(str(row[carrier.field] or ""))
            if found is None:
                continue
            state = _state(carrier, row)
            yield ErpDocument(
                business_key=found[0],
                erp_number=_number(carrier, row),
                document=carrier.model,
                state=state,
                final=state in ("done", "open", "entered"),
                written_at=moment(row["write_date"]),
                quantity=_quantity(desk, carrier, row),
            )


def _state(carrier: Carrier, row: Row) -> str:
    if carrier.model == times.ENTRY:
        return "taken back" if times.TAKEN_BACK in str(row["description"]) else "entered"
    said = row[carrier.state]
    return ("archived" if said else "open") if isinstance(said, bool) else str(said)


def _number(carrier: Carrier, row: Row) -> str:
    """The number the connector reports of a document."""
    prefix = {maintenance.MODEL: "MR", times.ENTRY: "T"}.get(carrier.model)
    return f"{prefix}{row['id']}" if prefix else str(row["name"])


def _quantity(desk: Desk, carrier: Carrier, row: Row) -> Decimal | None:
    if carrier.quantity:
        return number(row[carrier.quantity])
    return _moved(desk, row["id"]) if carrier.model == movements.PICKING else None


def _moved(desk: Desk, record: int) -> Decimal | None:
    """What a transfer moves; None for a document without moves."""
    domain = [["picking_id", "=", record], ["state", "!=", "cancel"]]
    rows = desk.client.search(movements.MOVE, domain, ["product_uom_qty"])
    return sum((number(row["product_uom_qty"]) for row in rows), Decimal(0)) if rows else None
