"""What SAP holds of a material now: quantities by plant, location, batch and stock type.

Owns the reading of the stock service, shared by the check before a movement and by the pull. Must not know: the
outbox, HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from erp_sync.adapters.sap import wire
from erp_sync.adapters.sap.client import STOCK
from erp_sync.adapters.sap.documents import Desk, plain, stop_if_drifted
from erp_sync.adapters.sap.terms import Place
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import Movement

EXPAND = "to_MatlStkInAcctMod"


@dataclass(frozen=True, slots=True)
class Held:
    """A quantity in one place. `stock_type` in SAP's code."""

    material: str
    place: Place
    batch: str
    stock_type: str
    quantity: Decimal


def held_of(row: Row) -> Iterator[Held]:
    """Own stock in storage locations of one material row; special stocks (a customer's, a supplier's) are left out."""
    for one in wire.children(row, EXPAND):
        if one.get("InventorySpecialStockType") or not one.get("StorageLocation"):
            continue
        yield Held(
            material=str(row.get("Material") or one.get("Material") or ""),
            place=Place(str(one.get("Plant") or ""), str(one["StorageLocation"])),
            batch=str(one.get("Batch") or ""),
            stock_type=str(one.get("InventoryStockType") or ""),
            quantity=wire.number_in(one.get("MatlWrhsStkQtyInMatlBaseUnit")),
        )


def of_material(desk: Desk, material: str) -> tuple[str, list[Held]]:
    """(base unit, every quantity) of one material."""
    rows = list(
        desk.client.rows(STOCK, "A_MaterialStock", filter=wire.equals(Material=material), expand=EXPAND)
    )
    unit = next((str(row["MaterialBaseUnit"]) for row in rows if row.get("MaterialBaseUnit")), "")
    return unit, [one for row in rows for one in held_of(row)]


def check(held: list[Held], payload: Movement, place: Place, stock_type: str) -> None:
    """Raises Drifted when the place holds less of that kind than the movement takes from it."""
    batch, wanted = payload.lot, payload.quantity
    there = sum(
        (
            one.quantity
            for one in held
            if one.place == place and one.stock_type == stock_type and (not batch or one.batch == batch)
        ),
        Decimal(0),
    )
    if there < wanted:
        what = f"{payload.item} batch {batch}" if batch else payload.item
        theirs, ours = f"{plain(there)} there", f"{plain(wanted)} to take"
        stop_if_drifted(payload, f"{what} at {place}", "stock", theirs, ours)


def fullest(held: list[Held], plant: str, batch: str, stock_type: str) -> Place | None:
    """The location of a plant with the most of a material in a stock type; None where there is none."""
    totals: dict[Place, Decimal] = {}
    for one in held:
        if one.place.plant == plant and one.stock_type == stock_type and (not batch or one.batch == batch):
            totals[one.place] = totals.get(one.place, Decimal(0)) + one.quantity
    best = max(totals, key=lambda place: (totals[place], str(place)), default=None)
    return best if best is not None and totals[best] > 0 else None
