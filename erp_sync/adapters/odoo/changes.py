"""Changes of dates Odoo already holds: of manufacturing orders, purchase lines and sales orders.

Owns which field a change means and the check that it took. Odoo keeps no reference with a change, so the value itself
is the look-up. Odoo has moments where the plant has days: the time of day stays. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from erp_sync.adapters.handling import Found, Job, drifted, stop_if_drifted, turned_back
from erp_sync.adapters.odoo import production
from erp_sync.adapters.odoo.catalogue import day, moment, stamp
from erp_sync.adapters.odoo.production import Desk
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import ChangeDate, Reversal
from erp_sync.errors import ErpRejected

ENDED = {"done": "done", "cancel": "cancelled"}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where Odoo keeps the date: a record's field, its value now, and the record's state."""

    model: str
    record: int
    field: str
    value: Any
    state: str
    name: str
    at: datetime | None


def field_of(payload: ChangeDate) -> tuple[str, str]:
    """(model, field) of a change."""
    if payload.target == "work_order":
        named = {"planned_start": "date_start", "planned_end": "date_finished", "need_by": "date_deadline"}
        return production.MODEL, named.get(payload.which, "date_finished")
    if payload.target == "po_line":
        return "purchase.order.line", "date_planned"
    return "sale.order", "commitment_date"


def spot(desk: Desk, payload: ChangeDate) -> Spot:
    """Read the date. Raises ErpRejected `erp.not_found`."""
    model, field = field_of(payload)
    client, extra = desk.client, ["write_date", "state", field]
    if payload.target == "work_order":
        row = client.one(model, production.order(desk, payload.number)["id"], ["name", *extra])
        return _spot(model, field, row, str(row["name"]))
    if payload.target == "po_line":
        domain = [["order_id.name", "=", payload.number], ["id", "=", _line(payload.line)]]
        found = client.first(model, domain, ["order_id", *extra])
        if found is None:
            raise ErpRejected("erp.not_found", f"Odoo has no purchase line {payload.number}/{payload.line}")
        return _spot(model, field, found, f"{payload.number}/{payload.line}")
    line = client.first(
        "sale.order.line",
        [["order_id.name", "=", payload.number], ["id", "=", _line(payload.line)]],
        ["order_id"],
    )
    if line is None:
        raise ErpRejected("erp.not_found", f"Odoo has no sales line {payload.number}/{payload.line}")
    return _spot(model, field, client.one(model, line["order_id"][0], ["name", *extra]), payload.number)


def _spot(model: str, field: str, row: dict[str, Any], name: str) -> Spot:
    return Spot(model, row["id"], field, row[field], str(row["state"]), name, moment(row["write_date"]))


def _line(line: str) -> int:
    if not line.isdecimal():
        raise ErpRejected("erp.payload", f"{line!r} is no line's id in Odoo")
    return int(line)


class ChangeDateHandler:
    """One date, written only while Odoo still says what the posting expects."""

    def find(self, desk: Desk, job: Job[Any]) -> Found | None:
        where = spot(desk, job.payload)
        return _found(where) if day(where.value, desk.catalogue.zone) == job.payload.new else None

    def drive(self, desk: Desk, job: Job[Any], found: Found | None) -> Found:
        payload, where = job.payload, spot(desk, job.payload)
        if where.state in ENDED:
            raise drifted(where.name, "state", "open", ENDED[where.state])
        now = day(where.value, desk.catalogue.zone)
        if payload.old is not None and now != payload.old:
            stop_if_drifted(job, where.name, where.field, payload.old, now if now is not None else "nothing")
        desk.client.write(where.model, where.record, {where.field: self._moment(desk, where, payload.new)})
        after = spot(desk, payload)
        if day(after.value, desk.catalogue.zone) != payload.new:
            raise ErpRejected(
                "odoo.not_taken", f"Odoo took the change of {where.name}, but kept another date"
            )
        return _found(after)

    def preview(self, desk: Desk, job: Job[Any]) -> tuple[Step, ...]:
        payload = job.payload
        model, field = field_of(payload)
        line = payload.line if payload.target == "po_line" else f"<id of {payload.number}>"
        record = int(line) if line.isdecimal() else line
        note = "of the whole sales order" if payload.target == "so_line" else "the time of day stays"
        values = {field: f"{payload.new.isoformat()} <time>"}
        return (desk.client.step(model, "write", [record], vals=values, note=note),)

    @staticmethod
    def _moment(desk: Desk, where: Spot, new: date) -> str:
        """The new day at the old value's time on the plant's clock; noon where there was none."""
        zone, before = desk.catalogue.zone, moment(where.value)
        at = before.astimezone(zone).time() if before else time(12)
        return stamp(datetime.combine(new, at, tzinfo=zone).astimezone(UTC))


class ChangeBackHandler(ChangeDateHandler):
    """A change taken back: from the new value to the one before it."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        return super().find(desk, turned_back(job))

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        return super().drive(desk, turned_back(job), found)

    def preview(self, desk: Desk, job: Job[Reversal]) -> tuple[Step, ...]:
        return super().preview(desk, turned_back(job))


def _found(where: Spot) -> Found:
    return Found(
        where.model, str(where.record), where.name, "changed", at=where.at, extra={"field": where.field}
    )
