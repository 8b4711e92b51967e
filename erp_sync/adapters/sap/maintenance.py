"""Maintenance notifications: opened under the business key, completed with the cause.

Owns the body of a notification and the steps of completing one, each taken only if SAP does not show it done.
MaintNotifExtReferenceNumber holds the key. Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from datetime import datetime

from erp_sync.adapters.sap import wire
from erp_sync.adapters.sap.client import NOTIFICATIONS
from erp_sync.adapters.sap.documents import Desk, Found, Job, moment
from erp_sync.adapters.sap.terms import Terms, caption, fit
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import MaintenanceNotification
from erp_sync.errors import ErpRejected

ENTITY = "MaintenanceNotification"
TYPES = {"request": "M1", "malfunction": "M2", "activity": "M3"}
#: How a mapped work unit begins, and what SAP calls that kind of object.
OBJECTS = {"E": "EAMS_EQUI", "F": "EAMS_FL"}
COMPLETED = "NOCO"


def body(terms: Terms, job: Job[MaintenanceNotification]) -> Row:
    """The notification as SAP takes it. Raises ErpRejected `erp.mapping_missing` for an unmapped work unit."""
    payload, text = job.payload, job.command.text
    kind, _, number = terms.mapped("work_unit", payload.work_unit).partition(":")
    if kind not in OBJECTS or not number:
        raise ErpRejected(
            "erp.mapping_missing",
            f"work unit {payload.work_unit!r} is not mapped to E:equipment or F:functional location",
        )
    made: Row = {
        "NotificationText": " ".join(text.split())[:40].rstrip() or job.key,
        "NotificationType": fit(
            "notification type", terms.mapped("notification_type", payload.type) or TYPES[payload.type], 2
        ),
        "MaintPriority": fit(
            "priority", terms.mapped("priority", str(payload.priority)) or str(payload.priority), 1
        ),
        "TechnicalObject": fit("technical object", number, 40),
        "TechObjIsEquipOrFuncnlLoc": OBJECTS[kind],
        "MaintenanceObjectIsDown": payload.breakdown,
        "MaintNotifExtReferenceNumber": fit("reference", job.key, 20),
    }
    if text:
        made["MaintNotifLongTextForEdit"] = text[:1333]
    made |= _malfunction(terms, "Start", payload.start) | _malfunction(terms, "End", payload.end)
    if payload.damage_code:
        made["to_Item"] = {"results": [_item(terms, job)]}
    return made


def _malfunction(terms: Terms, end: str, at: datetime | None) -> Row:
    if at is None:
        return {}
    local = terms.local(at)
    return {
        f"Malfunction{end}Date": wire.date_out(local.date()),
        f"Malfunction{end}Time": wire.time_out(local.time()),
    }


def _item(terms: Terms, job: Job[MaintenanceNotification]) -> Row:
    """A finding with its damage and cause, as far as they are known."""
    payload = job.payload
    made: Row = {"MaintNotifItemText": caption(job.key, job.command.text, 40)}
    if payload.damage_code:
        group, code = terms.pair("damage", payload.damage_code)
        made |= {"MaintNotifDamageCodeGroup": group, "MaintNotificationDamageCode": code}
    if payload.cause_code:
        group, code = terms.pair("cause", payload.cause_code)
        cause = {"MaintNotifCauseCodeGroup": group, "MaintNotificationCauseCode": code}
        made["to_ItemCause"] = {"results": [cause]}
    return made


class MaintenanceHandler:
    """Opening makes a notification; completing walks the one that was opened to its end."""

    def find(self, desk: Desk, job: Job[MaintenanceNotification]) -> Found | None:
        opening = job.payload.action == "open"
        row = _carrying(desk, job.key if opening else job.payload.opened_by)
        if row is None or not (opening or _completed(row)):
            return None
        return _found(desk, row)

    def drive(self, desk: Desk, job: Job[MaintenanceNotification]) -> Found:
        if job.payload.action == "open":
            return _found(desk, desk.client.create(NOTIFICATIONS, ENTITY, body(desk.terms, job)))
        row = self._opened(desk, job)
        item, number = _item(desk.terms, job), str(row[ENTITY])
        path = wire.key(ENTITY, MaintenanceNotification=number)
        texts = [str(one.get("MaintNotifItemText") or "") for one in wire.children(row, "to_Item")]
        if not any(text.startswith(job.key) for text in texts):
            desk.client.create(NOTIFICATIONS, f"{path}/to_Item", item)
            row = self._opened(desk, job)
        ends = _malfunction(desk.terms, "End", job.payload.end)
        if any(row.get(name) != value for name, value in ends.items()):
            desk.client.change(NOTIFICATIONS, path, ends, etag=wire.etag_of(row))
            row = self._opened(desk, job)
        desk.client.act(
            NOTIFICATIONS, "CompleteMaintNotification", etag=wire.etag_of(row), MaintenanceNotification=number
        )
        done = self.find(desk, job)
        if done is None:
            raise ErpRejected("sap.not_taken", f"SAP does not show notification {number} as completed")
        return done

    @staticmethod
    def _opened(desk: Desk, job: Job[MaintenanceNotification]) -> Row:
        row = _carrying(desk, job.payload.opened_by)
        if row is None:
            raise ErpRejected("erp.not_found", "SAP does not hold the notification this completes")
        return row


def _carrying(desk: Desk, key: str) -> Row | None:
    """The oldest notification under a key, with its items and version."""
    wanted = wire.equals(MaintNotifExtReferenceNumber=key)
    rows = list(desk.client.rows(NOTIFICATIONS, ENTITY, filter=wanted, expand="to_Item"))
    return min(rows, key=lambda row: str(row[ENTITY]), default=None)


def _completed(row: Row) -> bool:
    """By the day it was completed, or the system status a completed notification carries."""
    return bool(row.get("NotificationCompletionDate")) or COMPLETED in str(
        row.get("ConcatenatedActiveSystStsName") or ""
    )


def _found(desk: Desk, row: Row) -> Found:
    return Found(
        document=ENTITY,
        number=str(row[ENTITY]),
        state="completed" if _completed(row) else "open",
        at=moment(desk, row, "CreationDate", "CreationTime"),
    )
