"""Taking back a confirmed posting: a swapped shipment, an opposite entry, a second change.

Owns which kinds can be taken back in Tryton and how; the counter-document carries the reversal's own key.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from erp_sync import canonical
from erp_sync.adapters.tryton.books import find_entry, post_entry
from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import Desk, Found, Handler, Job, NotHere
from erp_sync.adapters.tryton.movements import MODEL, MOVE_FIELDS, Haul, InternalShipment
from erp_sync.adapters.tryton.orders import ChangeDateHandler, ChangeQuantityHandler
from erp_sync.canonical_kinds import Movement, Reversal
from erp_sync.errors import ErpRejected

CHANGES: dict[str, Handler] = {
    "change.date": ChangeDateHandler(),
    "change.quantity": ChangeQuantityHandler(),
}
SHIPPED = ("movement.block", "movement.unblock", "movement.transfer", "movement.scrap")
TAKEN_BACK = (*SHIPPED, *CHANGES, "cost")


class _SwappedShipment(InternalShipment):
    """The original shipment walked backwards, whatever places it really used."""

    def haul(self, desk: Desk, job: Job[Movement]) -> Haul:
        original = InternalShipment()._row(desk, str(job.command.payload["reverses"]))
        if original is None or original["state"] != "done":
            raise ErpRejected("erp.not_found", "Tryton no longer holds the movement to take back")
        domain = [["shipment", "=", f"{MODEL},{original['id']}"], ["state", "=", "done"]]
        move = desk.client.search("stock.move", domain, [*MOVE_FIELDS, "unit"])[0]
        return Haul(
            move["product"],
            move["unit"],
            move["quantity"],
            move["lot"],
            original["to_location"],
            original["from_location"],
        )


class ReversalHandler:
    """Finds by the reversal's own key, acts by the kind it takes back."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        kind = job.payload.reverses_kind
        if kind in SHIPPED:
            return _SwappedShipment().find(desk, job)  # type: ignore[arg-type]
        if kind == "cost":
            return find_entry(desk, job.key)
        return CHANGES[kind].find(desk, self._back(job)) if kind in CHANGES else None

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        kind = job.payload.reverses_kind
        if kind in SHIPPED:
            return _SwappedShipment().drive(desk, job, found)  # type: ignore[arg-type]
        if kind == "cost":
            return self._opposite(desk, job, found)
        if kind in CHANGES:
            return CHANGES[kind].drive(desk, self._back(job), found)
        raise NotHere(f"Tryton can't take back a {kind}")

    @staticmethod
    def _back(job: Job[Reversal]) -> Job[Any]:
        """The change from new to old, under the reversal's key."""
        kind, original = job.payload.reverses_kind, dict(job.payload.original)
        if not original.get("old"):
            raise ErpRejected("erp.payload", "the original change does not say what the value was before")
        original["old"], original["new"] = original["new"], original["old"]
        return Job(replace(job.command, kind=kind, payload=original), canonical.parse(kind, original))

    @staticmethod
    def _opposite(desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        entry = find_entry(desk, job.payload.reverses)
        if entry is None or not entry.final:
            raise ErpRejected("erp.not_found", "Tryton no longer holds the entry to take back")
        fields = ["account", "debit", "credit", "second_currency", "amount_second_currency"]
        lines = desk.client.search("account.move.line", [["move", "=", entry.record]], fields)
        opposite: list[Row] = []
        for line in lines:
            turned: Row = {"account": line["account"], "debit": line["credit"], "credit": line["debit"]}
            if line["second_currency"]:
                turned["second_currency"] = line["second_currency"]
                turned["amount_second_currency"] = -line["amount_second_currency"]
            opposite.append(turned)
        return post_entry(desk, job, found, opposite)
