"""Maintenance requests: opened for a machine under the business key, moved to done with the cause.

Owns the request's fields; its subject begins with the key. Taking one back archives it, as Odoo does with what is not
to be done. Odoo without its maintenance module has no place for one. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from typing import Any

from erp_sync.adapters.handling import Found, Job, NotHere, drifted
from erp_sync.adapters.odoo.catalogue import moment
from erp_sync.adapters.odoo.client import Row
from erp_sync.adapters.odoo.production import Desk
from erp_sync.adapters.port import Step
from erp_sync.canonical_kinds import MaintenanceNotification, Reversal
from erp_sync.errors import ErpRejected

MODEL = "maintenance.request"
FIELDS = ("name", "stage_id", "done", "archive", "description", "write_date")
NO_MODULE = "Odoo has no maintenance module installed; the record here is the only one"


def _carrying(desk: Desk, key: str) -> Row | None:
    try:
        rows = desk.client.search(MODEL, [["name", "=like", f"{key}%"]], FIELDS)
    except ErpRejected as error:
        if error.code == "odoo.no_model":
            raise NotHere(NO_MODULE) from None
        raise
    return rows[0] if rows else None


class MaintenanceHandler:
    """Opening makes a request; completing moves the one that was opened to a stage that means done."""

    def find(self, desk: Desk, job: Job[MaintenanceNotification]) -> Found | None:
        opening = job.payload.action == "open"
        row = _carrying(desk, job.key if opening else job.payload.opened_by)
        if row is None or not (opening or row["done"]):
            return None
        return _found(row, cancelled=opening and bool(row["archive"]))

    def drive(self, desk: Desk, job: Job[MaintenanceNotification], found: Found | None) -> Found:
        if job.payload.action == "open":
            record = desk.client.create(MODEL, self._values(desk, job))
            return _found(desk.client.one(MODEL, record, FIELDS))
        row = _carrying(desk, job.payload.opened_by)
        if row is None:
            raise ErpRejected("erp.not_found", "Odoo no longer holds the request to complete")
        if row["archive"]:
            raise drifted(f"request {row['id']}", "state", "open", "archived")
        stage = desk.client.first("maintenance.stage", [["done", "=", True]], ["name"], order="sequence, id")
        if stage is None:
            raise ErpRejected("erp.mapping_missing", "Odoo has no maintenance stage that means done")
        cause = f"{job.key} {job.payload.cause_code} {job.command.text}".strip()
        values: Row = {"stage_id": stage["id"], "description": f"{row['description'] or ''} {cause}".strip()}
        desk.client.write(MODEL, row["id"], values)
        return _found(desk.client.one(MODEL, row["id"], FIELDS))

    def preview(self, desk: Desk, job: Job[MaintenanceNotification]) -> tuple[Step, ...]:
        payload = job.payload
        if payload.action != "open":
            done: Row = {"stage_id": "<first stage that means done>", "description": f"...{job.key}..."}
            return (
                desk.client.step(MODEL, "write", [f"<id of the request {payload.opened_by}>"], vals=done),
            )
        unit = desk.catalogue.mapped("work_unit", payload.work_unit) or payload.work_unit
        values = self._plain(job) | {"equipment_id": f"<id of {unit}>"}
        return (desk.client.step(MODEL, "create", vals_list=[values]),)

    @staticmethod
    def _plain(job: Job[MaintenanceNotification]) -> Row:
        payload = job.payload
        return {
            "name": job.caption(),
            "maintenance_type": "preventive" if payload.type == "activity" else "corrective",
            # Ours counts 1 as most urgent, Odoo three stars.
            "priority": str(4 - payload.priority),
            "request_date": (payload.start or job.command.occurred_at).date().isoformat(),
        }

    def _values(self, desk: Desk, job: Job[MaintenanceNotification]) -> Row:
        payload = job.payload
        words = [job.command.text, payload.damage_code, "breakdown" if payload.breakdown else ""]
        description = " ".join(word for word in words if word)
        values = self._plain(job) | {"equipment_id": desk.catalogue.equipment(payload.work_unit)}
        return values | ({"description": description} if description else {})


class ArchiveHandler:
    """An opened request is archived, a completed one stays: what was done was done."""

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        row = _carrying(desk, self._opened(job))
        return _found(row) if row is not None and row["archive"] else None

    def drive(self, desk: Desk, job: Job[Reversal], found: Found | None) -> Found:
        row = _carrying(desk, self._opened(job))
        if row is None:
            raise ErpRejected("erp.not_found", "Odoo no longer holds the request to take back")
        if row["done"]:
            raise drifted(f"request {row['id']}", "state", "open", "done")
        desk.client.press(MODEL, "archive_equipment_request", row["id"])
        return _found(desk.client.one(MODEL, row["id"], FIELDS))

    def preview(self, desk: Desk, job: Job[Reversal]) -> tuple[Step, ...]:
        ids = [f"<id of the request {self._opened(job)}>"]
        return (desk.client.step(MODEL, "archive_equipment_request", ids),)

    @staticmethod
    def _opened(job: Job[Reversal]) -> str:
        return job.payload.reverses


def _found(row: Row, **extra: Any) -> Found:
    state = "archived" if row["archive"] else "done" if row["done"] else "open"
    return Found(MODEL, str(row["id"]), f"MR{row['id']}", state, at=moment(row["write_date"]), **extra)
