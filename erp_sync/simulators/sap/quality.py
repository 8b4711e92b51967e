"""Defects, inspection lots and results, and maintenance notifications.

Owns the rules of these documents. Must not know: HTTP. Runs inside the caller's `Books.transaction`.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from core import clock
from erp_sync.simulators.sap import goods
from erp_sync.simulators.sap import refusals as no
from erp_sync.simulators.sap.books import Books, day_of, time_of
from erp_sync.simulators.sap.orders import find_order
from erp_sync.simulators.sap.refusals import Refusal
from erp_sync.simulators.sap.values import Row

LOT, RESULT = "A_InspectionLot", "A_InspectionResult"
CHARACTERISTIC = "A_InspectionCharacteristic"
DEFECT = "A_Defect"
NOTIFICATION = "MaintenanceNotification"
ITEM, CAUSE = "MaintenanceNotificationItem", "MaintNotificationItemCause"
NOTIFICATION_TYPES = ("M1", "M2", "M3", "Y1", "Y2")


def _entered(user: str) -> dict[str, Any]:
    now = clock.now()
    return {
        "CreatedByUser": user,
        "CreationDate": day_of(now),
        "CreationTime": time_of(now),
        "ChangedDateTime": now,
    }


def _changed(user: str) -> dict[str, Any]:
    now = clock.now()
    return {"LastChangedByUser": user, "LastChangeDate": day_of(now), "ChangedDateTime": now}


def create_defect(books: Books, values: Row, user: str) -> Row:
    """A defect. Raises Refusal for codes, orders, lots or material that do not exist."""
    if not values.get("DefectCode") or not values.get("DefectCodeGroup"):
        raise Refusal(no.QUALITY, "Enter a defect code group and a defect code", target="DefectCode")
    _check_defect(books, values)
    number = books.number("defect")
    return books.put(
        DEFECT,
        {
            **values,
            **_entered(user),
            "DefectInternalID": number,
            "Defect": number,
            "DefectCategory": "06",
        },
    )


def change_defect(books: Books, row: Row, values: Row, user: str) -> None:
    """A PATCH of a defect. Raises Refusal."""
    _check_defect(books, values)
    books.change(DEFECT, row, values | _changed(user))


def _check_defect(books: Books, values: Row) -> None:
    code = (values.get("DefectCodeGroup"), values.get("DefectCode"))
    if all(code) and books.defect_codes and code not in books.defect_codes:
        raise Refusal(
            no.QUALITY, f"Code {code[1]} does not exist in code group {code[0]}", target="DefectCode"
        )
    if values.get("ManufacturingOrder"):
        order = find_order(books, str(values["ManufacturingOrder"]))
        values["ManufacturingOrder"] = order["ManufacturingOrder"]
    if values.get("InspectionLot") and books.get(LOT, (values["InspectionLot"],)) is None:
        raise Refusal(
            no.QUALITY, f"Inspection lot {values['InspectionLot']} does not exist", target="InspectionLot"
        )
    if values.get("Material") and books.get("A_Product", (values["Material"],)) is None:
        raise Refusal(
            no.MATERIAL_UNKNOWN, f"The material {values['Material']} does not exist", target="Material"
        )


def create_lot(books: Books, values: Row, user: str) -> Row:
    """A manual inspection lot. Raises Refusal."""
    goods.material_in_plant(books, str(values.get("Material") or ""), str(values.get("Plant") or ""))
    if not values.get("InspectionLotType"):
        raise Refusal(no.QUALITY, "Enter an inspection type", target="InspectionLotType")
    values.pop("to_InspectionLotWithStatus", None)
    number = books.number("lot")
    books.put(
        "A_InspectionLotWithStatus",
        {"InspectionLot": number, "InspectionLotStatusCreated": "X", "InspectionLotStatusReleased": "X"},
    )
    return books.put(LOT, {**values, "InspectionLot": number})


def create_result(books: Books, values: Row, user: str) -> Row:
    """The summarised result of one characteristic; one each. Raises Refusal."""
    row = _characteristic(books, values)
    key = (row["InspectionLot"], row["InspPlanOperationInternalID"], row["InspectionCharacteristic"])
    if books.get(RESULT, key) is not None:
        raise Refusal(no.QUALITY, f"Results of characteristic {key[2]} already exist")
    if values.get("InspectionValuationResult") not in (None, "", "A", "R", "F"):
        raise Refusal(no.QUALITY, "Valuation is A, R or F", target="InspectionValuationResult")
    told = str(values.get("InspResultFrmtdMeanValue") or values.get("InspectionResultOriginalValue") or "")
    if row.get("InspSpecIsQuantitative"):
        try:
            number = Decimal(told)
        except InvalidOperation:
            raise Refusal(no.QUALITY, "Enter a measured value", target="InspResultFrmtdMeanValue") from None
        if not number.is_finite():
            raise Refusal(no.QUALITY, "Enter a measured value", target="InspResultFrmtdMeanValue")
    elif told:
        raise Refusal(no.QUALITY, "Characteristic has no measured values", target="InspResultFrmtdMeanValue")
    wrong, seen = values.get("InspRsltNonconformingValsNmbr"), values.get("InspResultValidValuesNumber")
    if wrong and seen is not None and wrong > seen:
        raise Refusal(no.QUALITY, "More nonconforming than inspected", target="InspRsltNonconformingValsNmbr")
    return books.put(RESULT, {**values, **_entered(user)})


def _characteristic(books: Books, values: Row) -> Row:
    names = ("InspectionLot", "InspPlanOperationInternalID", "InspectionCharacteristic")
    row = books.get(CHARACTERISTIC, tuple(values.get(name) for name in names))
    if row is None:
        told = " ".join(str(values.get(name) or "") for name in names)
        raise Refusal(no.QUALITY, f"Inspection characteristic {told} does not exist", target=names[0])
    books.must_be_free(
        f"lot:{row['InspectionLot']}",
        no.QUALITY,
        f"Inspection lot {row['InspectionLot']} is locked by {{user}}",
    )
    status = books.get("A_InspectionLotWithStatus", (row["InspectionLot"],)) or {}
    if status.get("InspLotStatusInspCompleted") or status.get("InspLotStatusCanceled"):
        raise Refusal(no.QUALITY, f"Inspection lot {row['InspectionLot']} is completed")
    return row


def change_row(books: Books, name: str, row: Row, values: Row, user: str) -> None:
    """A PATCH of a lot or a result."""
    known = {k: v for k, v in _changed(user).items() if name == RESULT or k == "ChangedDateTime"}
    books.change(name, row, values | (known if name == RESULT else {}))


def create_notification(books: Books, values: Row, user: str) -> Row:
    """A maintenance notification with items and causes. Raises Refusal."""
    kind = values.get("NotificationType")
    if kind not in NOTIFICATION_TYPES:
        raise Refusal(
            "IM/903", f"Notification type {kind or '(none)'} does not exist", target="NotificationType"
        )
    _check_notification(books, values)
    items = values.pop("to_Item", [])
    now = clock.now()
    number = books.number("notification")
    row = books.put(
        NOTIFICATION,
        {
            "ReportedByUser": user[:12],
            **values,
            "MaintenanceNotification": number,
            "CreationDate": day_of(now),
            "CreationTime": time_of(now),
            "LastChangeDateTime": now,
            "NotifProcessingPhase": "1",
            "ConcatenatedActiveSystStsName": "OSNO",
        },
    )
    for item in items:
        _add_item(books, number, item)
    return row


def create_item(books: Books, values: Row, user: str) -> Row:
    """A further item of a notification, with its causes. Raises Refusal: unknown, complete, locked."""
    number = str(values.get("MaintenanceNotification") or "")
    row = books.get(NOTIFICATION, (number,))
    if row is None:
        raise Refusal(no.NOTIFICATION_UNKNOWN, f"Notification {number or '(none)'} does not exist")
    _open(books, row)
    made = _add_item(books, number, values)
    # An item belongs to the notification's own version.
    books.change(NOTIFICATION, row, {})
    return made


def _add_item(books: Books, number: str, values: Row) -> Row:
    causes = values.pop("to_ItemCause", [])
    place = str(len(books.find(ITEM, MaintenanceNotification=number)) + 1)
    item = {**values, "MaintenanceNotification": number, "MaintenanceNotificationItem": place}
    books.put(ITEM, item | {"IsDeleted": False})
    for at, cause in enumerate(causes, start=1):
        key = {**item_key(item), "MaintenanceNotificationCause": str(at)}
        books.put(CAUSE, {**cause, **key, "IsDeleted": False})
    return item


def item_key(item: Row) -> Row:
    return {name: item[name] for name in ("MaintenanceNotification", "MaintenanceNotificationItem")}


def _check_notification(books: Books, values: Row) -> None:
    machine = values.get("TechnicalObject")
    if machine and books.equipment and machine not in books.equipment:
        raise Refusal(
            no.TECHNICAL_OBJECT, f"Technical object {machine} does not exist", target="TechnicalObject"
        )
    if machine and not values.get("TechObjIsEquipOrFuncnlLoc"):
        raise Refusal(
            no.TECHNICAL_OBJECT, "Say whether it is an equipment or a functional location",
            target="TechObjIsEquipOrFuncnlLoc",
        )  # fmt: skip
    starts, ends = values.get("MalfunctionStartDate"), values.get("MalfunctionEndDate")
    if starts and ends and ends < starts:
        raise Refusal("IM/904", "Malfunction end is before its start", target="MalfunctionEndDate")


def change_notification(books: Books, row: Row, values: Row) -> None:
    """A PATCH of a notification. Raises Refusal when it is complete or locked."""
    _open(books, row)
    _check_notification(books, {k: v for k, v in row.items() if k.startswith(("Tech", "Malf"))} | values)
    books.change(NOTIFICATION, row, values)


def move_notification(books: Books, row: Row, phase: str) -> None:
    """Into process (phase 3) or to completion (phase 5). Raises Refusal."""
    _open(books, row)
    status = {"3": "NOPR", "5": "NOCO"}[phase]
    values: Row = {"NotifProcessingPhase": phase, "ConcatenatedActiveSystStsName": status}
    if phase == "5":
        now = clock.now()
        values |= {"NotificationCompletionDate": day_of(now), "CompletionTime": time_of(now)}
    books.change(NOTIFICATION, row, values)


def _open(books: Books, row: Row) -> None:
    number = row["MaintenanceNotification"]
    books.must_be_free(
        f"notification:{number}", "IM/905", f"Notification {number} is currently being processed by {{user}}"
    )
    if row.get("NotifProcessingPhase") == "5":
        raise Refusal(no.NOTIFICATION_COMPLETE, f"Notification {number} is already completed")
