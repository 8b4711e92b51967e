"""Stock entries: what is made, moved, issued, brought back and written off.

Owns which purpose and warehouses a kind means, and the check of what is there before it is taken. The output of a work
order starts from the entry ERPNext itself proposes for it. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from erp_sync.adapters.erpnext.client import Row
from erp_sync.adapters.erpnext.documents import SubmittedHandler
from erp_sync.adapters.erpnext.terms import Desk, Terms, number
from erp_sync.adapters.handling import Job, drifted, plain, stop_if_drifted
from erp_sync.canonical_kinds import Confirmation, Movement
from erp_sync.errors import ErpRejected

ENTRY = "Stock Entry"
MAKE = "erpnext.manufacturing.doctype.work_order.work_order.make_stock_entry"
#: How a work order's life ended, in its own words.
ENDED = ("Completed", "Stopped", "Closed", "Cancelled")
#: Of a proposed entry, what ERPNext keeps for itself.
_OWN = (
    "name", "doctype", "owner", "creation", "modified", "modified_by", "docstatus", "__islocal", "__unsaved",
    "amended_from",
)  # fmt: skip
PURPOSES = {
    "movement.issue": "Material Issue",
    "movement.return": "Material Receipt",
    "movement.transfer": "Material Transfer",
    "movement.block": "Material Transfer",
    "movement.unblock": "Material Transfer",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A movement in ERPNext's terms; "" for the end a purpose has not, None for one only the stock tells."""

    purpose: str
    source: str | None
    target: str


def plan(terms: Terms, job: Job[Movement]) -> Plan:
    """Which entry a posting means. Raises ErpRejected `erp.mapping_missing`."""
    payload, kind = job.payload, job.command.kind

    def given(code: str) -> str:
        return terms.mapped("location", code) or code

    source: str | None = given(payload.from_location) or None
    target = given(payload.to_location)
    if kind == "movement.scrap":
        if payload.from_status == "blocked" and source is None:
            source = terms.needed("blocked", payload.site)
        target = terms.mapped("scrap", payload.site)
        return Plan("Material Transfer" if target else "Material Issue", source, target)
    match kind:
        case "movement.block":
            target = target or terms.needed("blocked", payload.site)
        case "movement.unblock":
            source = source or terms.needed("blocked", payload.site)
            target = target or terms.needed("stock", payload.site)
        case "movement.return":
            source, target = "", target or terms.needed("stock", payload.site)
        case "movement.issue":
            target = ""
    return Plan(PURPOSES[kind], source, target)


def head(terms: Terms, job: Job[Any]) -> Row:
    """What every entry says: when, and under which key."""
    local = terms.local(job.command.occurred_at)
    return {
        "set_posting_time": 1,
        "posting_date": job.command.posting_date.isoformat(),
        "posting_time": local[11:],
        **terms.marked(ENTRY, job.key, job.caption(500)),
    }


class MovementHandler(SubmittedHandler):
    """One stock entry of one item per posting."""

    doctype = ENTRY

    def values(self, desk: Desk, job: Job[Movement]) -> Row:
        payload, what = job.payload, plan(desk.terms, job)
        source = what.source
        if source is None:
            source = desk.fullest(payload.item, payload.site, payload.lot)
            if not source:
                raise drifted(f"stock of {_named(payload)}", "stock", plain(payload.quantity), "0")
        if source:
            there = desk.on_hand(payload.item, source, payload.lot)
            if there < payload.quantity:
                what_ = f"stock of {_named(payload)} in {source}"
                stop_if_drifted(job, what_, "stock", plain(payload.quantity), plain(there))
        if source == what.target:
            raise ErpRejected("erp.same_place", "from and to are the same warehouse in ERPNext")
        if payload.uom:
            kept = str(desk.client.get("Item", payload.item).get("stock_uom") or "")
            if desk.terms.unit(payload.uom) != kept:
                # ERPNext takes a factor it does not know for one.
                words = f"ERPNext keeps {payload.item} in {kept}, the posting says {payload.uom}"
                raise ErpRejected("erpnext.unit", words)
        made = self._entry(desk.terms, job, what, source)
        return made | {"company": desk.company(source or what.target)}

    def shown(self, desk: Desk, job: Job[Movement]) -> Row:
        what = plan(desk.terms, job)
        source = "<warehouse that holds most>" if what.source is None else what.source
        company = desk.terms.option("company", "<company of the warehouse>")
        return self._entry(desk.terms, job, what, source) | {"company": company}

    @staticmethod
    def _entry(terms: Terms, job: Job[Movement], what: Plan, source: str) -> Row:
        payload = job.payload
        item: Row = {"item_code": payload.item, "qty": float(payload.quantity)}
        if payload.uom:
            item |= {"uom": terms.unit(payload.uom)}
        item |= {"s_warehouse": source} if source else {}
        item |= {"t_warehouse": what.target} if what.target else {}
        item |= {"batch_no": payload.lot, "use_serial_batch_fields": 1} if payload.lot else {}
        if payload.cost_object:
            item["cost_center"] = terms.mapped("cost_center", payload.cost_object) or payload.cost_object
        return head(terms, job) | {
            "stock_entry_type": what.purpose,
            "purpose": what.purpose,
            "items": [item],
        }


class ConfirmationHandler(SubmittedHandler):
    """What a work order made, with the components ERPNext proposes for it."""

    doctype = ENTRY

    def values(self, desk: Desk, job: Job[Confirmation]) -> Row:
        made = made_of(job.payload)
        self._check(desk, job, made)
        number_ = job.payload.work_order
        proposed = desk.client.ask(MAKE, work_order_id=number_, purpose="Manufacture", qty=plain(made))
        if not isinstance(proposed, dict) or not proposed.get("items"):
            raise ErpRejected("erpnext.refused", f"ERPNext proposes no stock entry for work order {number_}")
        kept = {name: value for name, value in proposed.items() if name not in _OWN}
        if job.payload.lot:
            self._batch(desk, kept, job.payload.lot)
        return kept | head(desk.terms, job)

    def shown(self, desk: Desk, job: Job[Confirmation]) -> Row:
        return head(desk.terms, job) | {
            "work_order": job.payload.work_order,
            "purpose": "Manufacture",
            "fg_completed_qty": float(made_of(job.payload)),
            "items": "<as ERPNext proposes them>",
        }

    @staticmethod
    def _check(desk: Desk, job: Job[Confirmation], made: Decimal) -> None:
        """An order that ended, or whose quantity was made already, is confirmed by another hand."""
        name = job.payload.work_order
        order = desk.client.get("Work Order", name)
        status = str(order.get("status") or "")
        if order["docstatus"] != 1 or status in ENDED:
            raise drifted(f"work order {name}", "status", "open", status or "Draft")
        done, planned = number(order.get("produced_qty")), number(order.get("qty"))
        if done and done + made > planned:
            stop_if_drifted(job, f"work order {name}", "produced_qty", plain(planned - made), plain(done))

    @staticmethod
    def _batch(desk: Desk, entry: Row, lot: str) -> None:
        """The finished goods go into a batch, made if ERPNext does not know it yet."""
        for item in entry["items"]:
            if item.get("is_finished_item"):
                if desk.client.first("Batch", [["name", "=", lot]], ["name"]) is None:
                    desk.client.insert("Batch", {"batch_id": lot, "item": item["item_code"]})
                item |= {"batch_no": lot, "use_serial_batch_fields": 1}


def made_of(payload: Confirmation) -> Decimal:
    """What is received: the order's whole yield, where the posting knows it."""
    made = payload.total_yield if payload.total_yield is not None else payload.yield_qty
    if made <= 0:
        raise ErpRejected("erp.payload", "an order's output is what was made; nothing was")
    return made


def _named(payload: Movement) -> str:
    return f"{payload.item}{f' batch {payload.lot}' if payload.lot else ''}"
