"""Maintenance notifications: opened under the business key, completed with the cause, withdrawn by completing them.

Owns the body of a notification and the steps of completing one, each taken only if SAP does not show it done.
MaintNotifExtReferenceNumber holds the key. The published service neither deletes a notification nor opens one again.
Must not know: the outbox, HTTP.
"""

from __future__ import annotations

from datetime import datetime

from erp_sync.adapters.port import Step
from erp_sync.adapters.sap import wire
from erp_sync.adapters.sap.client import NOTIFICATIONS
from erp_sync.adapters.sap.documents import Desk, Found, Job, moment, stop_if_drifted
from erp_sync.adapters.sap.terms import Terms, caption, fit
from erp_sync.adapters.sap.wire import Row
from erp_sync.canonical_kinds import MaintenanceNotification, Reversal
from erp_sync.errors import ErpRejected

ENTITY = "MaintenanceNotification"
TYPES = {"request": "M1", "malfunction": "M2", "activity": "M3"}
#: How a mapped work unit begins, and what SAP calls that kind of object.
OBJECTS = {"E": "EAMS_EQUI", "F": "EAMS_FL"}
COMPLETED = "NOCO"
#: Our word for a cause nobody knows yet, which is none of SAP's catalogue.
UNKNOWN_CAUSE = "UNK"
#: NotifProcessingPhase of a notification somebody has taken up.
IN_PROCESS = "3"
NO_REOPENING = "SAP's published notification service opens no completed notification again; open a new one"


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
    if payload.damage_code or payload.cause_code not in ("", UNKNOWN_CAUSE):
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


def _course(terms: Terms, payload: MaintenanceNotification, row: Row | None) -> Row:
    """What completing says of the stop: its end, and its start and that it was one where SAP (`row`) has neither."""
    made: Row = {}
    if row is not None and not row.get("MalfunctionStartDate"):
        made |= _malfunction(terms, "Start", payload.start)
    if row is not None and payload.breakdown and not row.get("MaintenanceObjectIsDown"):
        made["MaintenanceObjectIsDown"] = True
    return made | _malfunction(terms, "End", payload.end)


def _item(terms: Terms, job: Job[MaintenanceNotification]) -> Row:
    """A finding with its damage and cause, as far as they are known."""
    payload = job.payload
    made: Row = {"MaintNotifItemText": caption(job.key, job.command.text, 40)}
    if payload.damage_code:
        group, code = terms.pair("damage", payload.damage_code)
        made |= {"MaintNotifDamageCodeGroup": group, "MaintNotificationDamageCode": code}
    if payload.cause_code not in ("", UNKNOWN_CAUSE):
        group, code = terms.pair("cause", payload.cause_code)
        cause = {"MaintNotifCauseCodeGroup": group, "MaintNotificationCauseCode": code}
        made["to_ItemCause"] = {"results": [cause]}
    return made


class MaintenanceHandler:
    """Opening makes a notification; completing walks the one that was opened to its end."""

    def find(self, desk: Desk, job: Job[MaintenanceNotification]) -> Found | None:
        opening = job.payload.action == "open"
        row = _carrying(desk, job.key if opening else job.payload.opened_by)
        # Completed by another hand is not ours: what we found out would be lost.
        ours = row is not None and (opening or (_completed(row) and _has_item(row, job.key)))
        return _found(desk, row) if row is not None and ours else None

    def drive(self, desk: Desk, job: Job[MaintenanceNotification]) -> Found:
        if job.payload.action == "open":
            return _found(desk, desk.client.create(NOTIFICATIONS, ENTITY, body(desk.terms, job)))
        row = self._opened(desk, job)
        number = str(row[ENTITY])
        if _completed(row):
            stop_if_drifted(job.payload, f"notification {number}", "status", "completed", "outstanding")
            return _found(desk, row)
        path = wire.key(ENTITY, MaintenanceNotification=number)
        if not _has_item(row, job.key):
            desk.client.create(NOTIFICATIONS, f"{path}/to_Item", _item(desk.terms, job))
            row = self._opened(desk, job)
        known = _course(desk.terms, job.payload, row)
        if any(row.get(name) != value for name, value in known.items()):
            desk.client.change(NOTIFICATIONS, path, known, etag=wire.etag_of(row))
            row = self._opened(desk, job)
        _complete(desk, row)
        done = self.find(desk, job)
        if done is None:
            raise ErpRejected("sap.not_taken", f"SAP does not show notification {number} as completed")
        return done

    def preview(self, terms: Terms, job: Job[MaintenanceNotification]) -> tuple[Step, ...]:
        if job.payload.action == "open":
            return (Step("POST", f"{NOTIFICATIONS.root}/{ENTITY}", body(terms, job)),)
        steps = [_step("POST", "/to_Item", _item(terms, job))]
        if ends := _course(terms, job.payload, None):
            steps.append(_step("PATCH", "", {"d": ends}))
        return (*steps, _completing("..."))

    @staticmethod
    def _opened(desk: Desk, job: Job[MaintenanceNotification]) -> Row:
        row = _carrying(desk, job.payload.opened_by)
        if row is None:
            raise ErpRejected("erp.not_found", "SAP does not hold the notification this completes")
        return row


class NotificationWithdrawal:
    """A notification taken back: an item says so, and it is completed, so that nobody acts on it any more.

    One that somebody has taken up in SAP meanwhile stops the posting: the work may be under way.
    """

    def find(self, desk: Desk, job: Job[Reversal]) -> Found | None:
        row = _carrying(desk, job.payload.reverses)
        ours = row is not None and _completed(row) and _has_item(row, job.key)
        return _found(desk, row) if row is not None and ours else None

    def drive(self, desk: Desk, job: Job[Reversal]) -> Found:
        row = _carrying(desk, job.payload.reverses)
        if row is None:
            raise ErpRejected("erp.not_found", "SAP no longer holds the notification to take back")
        number = str(row[ENTITY])
        if _completed(row):
            stop_if_drifted(job.payload, f"notification {number}", "status", "completed", "outstanding")
            return _found(desk, row)
        if str(row.get("NotifProcessingPhase") or "") == IN_PROCESS or row.get("MaintenanceOrder"):
            order = str(row.get("MaintenanceOrder") or "").lstrip("0")
            theirs = f"in process with order {order}" if order else "in process"
            stop_if_drifted(job.payload, f"notification {number}", "status", theirs, "outstanding")
        if not _has_item(row, job.key):
            path = wire.key(ENTITY, MaintenanceNotification=number)
            desk.client.create(NOTIFICATIONS, f"{path}/to_Item", self._item(job))
            row = _carrying(desk, job.payload.reverses) or row
        _complete(desk, row)
        done = self.find(desk, job)
        if done is None:
            raise ErpRejected("sap.not_taken", f"SAP does not show notification {number} as completed")
        return done

    def preview(self, terms: Terms, job: Job[Reversal]) -> tuple[Step, ...]:
        return _step("POST", "/to_Item", self._item(job)), _completing(job.payload.reverses_number or "...")

    @staticmethod
    def _item(job: Job[Reversal]) -> Row:
        words = job.command.text or job.payload.reason_code
        return {"MaintNotifItemText": caption(job.key, f"withdrawn {words}", 40)}


def _complete(desk: Desk, row: Row) -> None:
    desk.client.act(
        NOTIFICATIONS,
        "CompleteMaintNotification",
        etag=wire.etag_of(row),
        MaintenanceNotification=str(row[ENTITY]),
    )


def _has_item(row: Row, key: str) -> bool:
    texts = [str(one.get("MaintNotifItemText") or "") for one in wire.children(row, "to_Item")]
    return any(text.startswith(key) for text in texts)


def _step(method: str, way: str, content: Row) -> Step:
    note = "its number is known once SAP has been asked for our key"
    return Step(method, f"{NOTIFICATIONS.root}/{ENTITY}('...'){way}", content, note)


def _completing(number: str) -> Step:
    params = {"MaintenanceNotification": wire.literal(number)}
    return Step("POST", f"{NOTIFICATIONS.root}/CompleteMaintNotification", params, "parameters of the call")


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
