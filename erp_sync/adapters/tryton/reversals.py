"""Taking back a confirmed posting: a swapped shipment, an opposite entry, a second change, a return, a reopening.

Owns which kinds can be taken back in Tryton and how; the counter-document carries the reversal's own key.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from erp_sync import canonical
from erp_sync.adapters.tryton.books import QualityHandler, find_entry, post_entry
from erp_sync.adapters.tryton.client import Row
from erp_sync.adapters.tryton.documents import Desk, Found, Handler, Job, NotHere
from erp_sync.adapters.tryton.movements import (
    MODEL,
    MOVE_FIELDS,
    Haul,
    InternalShipment,
    Part,
    first_leg,
)
from erp_sync.adapters.tryton.orders import ChangeDateHandler, ChangeQuantityHandler
from erp_sync.adapters.tryton.results import Reopened
from erp_sync.adapters.tryton.supplier import ReturnHandler
from erp_sync.canonical_kinds import Movement, Reversal
from erp_sync.errors import ErpRejected

CHANGES: dict[str, Handler] = {
    "change.date": ChangeDateHandler(),
    "change.quantity": ChangeQuantityHandler(),
}
#: What a return keeps of the receipt it takes back.
RETURNED = ("site", "item", "quantity", "uom", "lot", "purchase_order", "po_line", "reason_code")
SHIPPED = ("movement.block", "movement.unblock", "movement.transfer", "movement.scrap")
TAKEN_BACK = (*SHIPPED, *CHANGES, "cost", "movement.receipt", "quality_event", "inspection_result")
#: Why the others are not, for the person who then does it in Tryton.
NOT_TAKEN_BACK = {
    "confirmation": "Tryton takes back no finished work cycle and no closed order; correct them there",
    "movement.issue": "Tryton takes back no component of an order that runs; return what is left there",
    "movement.return": "goods sent back come again as a new receipt; Tryton cancels no finished return",
    "change.cancel": "Tryton reopens no cancelled order; enter it anew there",
}


def returned(receipt: dict[str, Any]) -> dict[str, Any]:
    """The return that takes a receipt back, from where it was put."""
    kept = {name: receipt[name] for name in RETURNED if receipt.get(name)}
    if receipt.get("to_location"):
        kept["from_location"] = receipt["to_location"]
    elif receipt.get("to_status"):
        kept["from_status"] = receipt["to_status"]
    return {**kept, "to": "supplier"}


class _SwappedShipment(InternalShipment):
    """The original shipment walked backwards, each part of it to the place it really came from."""

    def haul(self, desk: Desk, job: Job[Movement]) -> Haul:
        original = InternalShipment()._row(desk, str(job.command.payload["reverses"]))
        if original is None or original["state"] != "done":
            raise ErpRejected("erp.not_found", "Tryton no longer holds the movement to take back")
        domain = [["shipment", "=", f"{MODEL},{original['id']}"], ["state", "=", "done"]]
        rows = desk.client.search("stock.move", domain, [*MOVE_FIELDS, "unit"], order=[["id", "ASC"]])
        parts = tuple(
            Part(row["product"], row["unit"], row["quantity"], row["lot"], row["from_location"])
            for row in first_leg(original, rows)
        )
        return Haul(original["to_location"], original["from_location"], parts)

    def _words(self, job: Job[Any]) -> tuple[str, str]:
        original = job.command.payload.get("original") or {}
        return str(original.get("item", "")), str(original.get("lot", ""))


class ReversalHandler:
    """Finds by the reversal's own key, acts by the kind it takes back."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        kind = job.payload.reverses_kind
        if kind in SHIPPED:
            return _SwappedShipment().find(desk, job)  # type: ignore[arg-type]
        if kind == "cost":
            return find_entry(desk, job.key)
        way = self._way(job)
        return way[0].find(desk, way[1]) if way else None

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        kind = job.payload.reverses_kind
        if kind in SHIPPED:
            return _SwappedShipment().drive(desk, job, found)  # type: ignore[arg-type]
        if kind == "cost":
            return self._opposite(desk, job, found)
        way = self._way(job)
        if way is None:
            raise NotHere(NOT_TAKEN_BACK.get(kind, f"Tryton can't take back a {kind}"))
        return way[0].drive(desk, desk.in_stock_unit(way[1]), found)

    def _way(self, job: Job[Reversal]) -> tuple[Handler, Job[Any]] | None:
        """The handler of the kind that takes this one back, and its job."""
        kind, original = job.payload.reverses_kind, job.payload.original
        if kind in CHANGES:
            return CHANGES[kind], self._back(job)
        if kind == "inspection_result":
            return Reopened(), job
        if kind == "quality_event" and original.get("action") == "open":
            error = {
                "action": "complete",
                "opened_by": job.payload.reverses,
                "disposition": "raised_in_error",
            }
            return QualityHandler(), self._as(job, "quality_event", {**original, **error})
        if kind == "movement.receipt":
            return ReturnHandler(), self._as(job, "movement.return", returned(original))
        return None

    @staticmethod
    def _as(job: Job[Reversal], kind: str, payload: dict[str, Any]) -> Job[Any]:
        """What somebody saw of the original counted for that; what was seen of the reversal counts here."""
        payload = {**payload, "seen": job.payload.seen}
        return Job(replace(job.command, kind=kind, payload=payload), canonical.parse(kind, payload))

    @staticmethod
    def _back(job: Job[Reversal]) -> Job[Any]:
        """The change from new to old, under the reversal's key."""
        kind, original = job.payload.reverses_kind, dict(job.payload.original)
        if not original.get("old"):
            raise ErpRejected("erp.payload", "the original change does not say what the value was before")
        original["old"], original["new"] = original["new"], original["old"]
        return ReversalHandler._as(job, kind, original)

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
