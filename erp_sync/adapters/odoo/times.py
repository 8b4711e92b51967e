"""Time spent on operations: entries of an order's work orders, as Odoo's own time tracking writes them.

Owns the entry of a confirmation that does not close its order; its description begins with the key and names the
pieces, which Odoo counts at the order's closing. Taken back, an entry stays with no time on it. Must not know: the
outbox, HTTP.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from erp_sync.adapters.handling import Found, Handler, Job, NotHere, drifted, plain
from erp_sync.adapters.odoo.catalogue import ident, moment, stamp
from erp_sync.adapters.odoo.client import Row
from erp_sync.adapters.odoo.production import OPEN, WORDS, Desk, order
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import Confirmation, Reversal
from erp_sync.errors import ErpRejected

ENTRY, LOSS, WORK = "mrp.workcenter.productivity", "mrp.workcenter.productivity.loss", "mrp.workorder"
FIELDS = ("description", "workorder_id", "date_start", "date_end", "write_date")
#: Operations are numbered by tens in the order of their work orders, as they are read.
STEP = 10
NO_WORK = "the order has no work orders in Odoo; its output comes with the final confirmation"
TAKEN_BACK = "taken back by"


def _carrying(desk: Desk, key: str) -> Row | None:
    return desk.client.first(ENTRY, [["description", "=like", f"{key}%"]], FIELDS)


class TimeHandler:
    """One time entry per confirmation."""

    def find(self, desk: Desk, job: Job[Confirmation]) -> Found | None:
        row = _carrying(desk, job.key)
        return _found(row, cancelled=TAKEN_BACK in str(row["description"])) if row else None

    def drive(self, desk: Desk, job: Job[Confirmation], found: Found | None) -> Found:
        work = self._work(desk, job)
        kinds = desk.client.search(LOSS, [["loss_type", "=", "productive"]], ["name"], limit=1)
        if not kinds:
            raise ErpRejected("erp.mapping_missing", "Odoo has no kind of time that counts as productive")
        values = self._values(job) | {
            "workorder_id": work["id"],
            "workcenter_id": ident(work["workcenter_id"]),
            "loss_id": kinds[0]["id"],
        }
        return _found(desk.client.one(ENTRY, desk.client.create(ENTRY, values), FIELDS))

    def preview(self, desk: Desk, job: Job[Confirmation]) -> tuple[Step, ...]:
        payload = job.payload
        name = f"work order {payload.operation or '(last)'} of {payload.work_order}"
        values = self._values(job) | {"workorder_id": f"<id of {name}>", "loss_id": "<productive time>"}
        return (desk.client.step(ENTRY, "create", vals_list=[values]),)

    @staticmethod
    def _work(desk: Desk, job: Job[Confirmation]) -> Row:
        """The work order of the operation; one that ended takes no time. Raises NotHere, Drifted, ErpRejected."""
        payload = job.payload
        row = order(desk, payload.work_order)
        state, name = str(row["state"]), payload.work_order
        if state not in OPEN:
            raise drifted(f"order {name}", "state", "open", WORDS.get(state, state))
        fields = ["name", "state", "workcenter_id"]
        works = desk.client.search(WORK, [["production_id", "=", row["id"]]], fields)
        if not works:
            raise NotHere(NO_WORK)
        number = payload.operation or str(len(works) * STEP)
        place = int(number) // STEP - 1 if number.isdecimal() and int(number) % STEP == 0 else -1
        if not 0 <= place < len(works):
            raise ErpRejected("erp.not_found", f"Odoo's order {name} has no operation {number}")
        state = str(works[place]["state"])
        if state in ("done", "cancel"):
            raise drifted(f"operation {number} of order {name}", "state", "open", WORDS[state])
        return works[place]

    @staticmethod
    def _values(job: Job[Confirmation]) -> Row:
        payload = job.payload
        pieces = {"good": payload.yield_qty, "scrap": payload.scrap_qty, "rework": payload.rework_qty}
        said = ", ".join(f"{plain(amount)} {name}" for name, amount in pieces.items() if amount)
        start, end = _span(payload, job.command.occurred_at)
        words = f"{job.key} {said} {' '.join(job.command.text.split())}"
        return {
            "description": " ".join(words.split())[:500],
            "date_start": stamp(start),
            "date_end": stamp(end),
        }


def _span(payload: Confirmation, occurred_at: datetime) -> tuple[datetime, datetime]:
    """From when to when, whole seconds: as said, else the minutes spent up to the moment it was said."""
    spent = payload.setup_minutes + payload.machine_minutes or payload.labour_minutes or payload.other_minutes
    length = timedelta(seconds=int(spent * Decimal(60)))
    end = payload.end or (payload.start + length if payload.start else occurred_at)
    return payload.start or end - length, end


class TimeBackHandler:
    """The entry keeps its place and words, and loses its time."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        row = _carrying(desk, job.payload.reverses)
        return _found(row) if row and f"{TAKEN_BACK} {job.key}" in str(row["description"]) else None

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        row = _carrying(desk, job.payload.reverses)
        if row is None:
            raise ErpRejected("erp.not_found", "Odoo no longer holds the time entry to take back")
        values = {
            "date_end": row["date_start"],
            "description": f"{row['description']} {TAKEN_BACK} {job.key}",
        }
        desk.client.write(ENTRY, row["id"], values)
        return _found(desk.client.one(ENTRY, row["id"], FIELDS))

    def preview(self, desk: Desk, job: Job[Reversal]) -> tuple[Step, ...]:
        values = {
            "date_end": "<its start>",
            "description": f"{job.payload.reverses}...{TAKEN_BACK} {job.key}",
        }
        ids = [f"<id of the entry {job.payload.reverses}>"]
        return (desk.client.step(ENTRY, "write", ids, vals=values),)


class EitherHandler:
    """Chooses by whether the confirmation closes its order; `closing` and `spent` do the work."""

    def __init__(self, closing: Handler, spent: Handler) -> None:
        self._closing = closing
        self._spent = spent

    def _chosen(self, job: Job[Any]) -> Handler:
        said = job.payload.original if isinstance(job.payload, Reversal) else job.command.payload
        return self._closing if said.get("final") else self._spent

    def find(self, desk: Desk, job: Job[Any]) -> Found | None:
        return self._chosen(job).find(desk, job)

    def drive(self, desk: Desk, job: Job[Any], found: Found | None) -> Found:
        return self._chosen(job).drive(desk, job, found)

    def preview(self, desk: Desk, job: Job[Any]) -> tuple[Step, ...]:
        return self._chosen(job).preview(desk, job)


def _found(row: Row, *, cancelled: bool = False) -> Found:
    state = "taken back" if TAKEN_BACK in str(row["description"]) else "entered"
    number = f"T{row['id']}"
    return Found(ENTRY, str(row["id"]), number, state, cancelled=cancelled, at=moment(row["write_date"]))
