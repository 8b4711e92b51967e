"""What SAP still has and what it knows: identities of rows, and whether a mapped code is one of its own.

Owns which published list answers which question. A code no published list keeps is looked for where it is used: found
it is proven, not found it proves nothing. Must not know: the mirror's tables, postings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from erp_sync.adapters.port import CodeCheck
from erp_sync.adapters.sap import inspections, production, stock, wire
from erp_sync.adapters.sap.client import (
    DEFECTS,
    GOODS,
    INSPECTIONS,
    NOTIFICATIONS,
    ORDERS,
    PRODUCTS,
    PURCHASES,
    SALES,
    STOCK,
    WORK_CENTRES,
    Service,
)
from erp_sync.adapters.sap.documents import Desk
from erp_sync.adapters.sap.wire import Row
from erp_sync.errors import ErpRejected, ErpUnavailable

Listed = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Roll:
    """A list of everything of an entity: where, which fields, and how a row is named."""

    service: Service
    entity: str
    fields: str
    name: Listed
    filter: str = ""


ROLLS: dict[str, Roll] = {
    "items": Roll(PRODUCTS, "A_Product", "Product", lambda r: str(r["Product"])),
    "work_centres": Roll(
        WORK_CENTRES, "WorkCenterHeader", "WorkCenterInternalID", lambda r: str(r["WorkCenterInternalID"])
    ),
    "work_orders": Roll(
        ORDERS, production.ORDER, "ManufacturingOrder", lambda r: str(r["ManufacturingOrder"])
    ),
    "sales_lines": Roll(
        SALES,
        "A_SalesOrderItem",
        "SalesOrder,SalesOrderItem",
        lambda r: f"{r['SalesOrder']}/{int(r['SalesOrderItem'])}",
    ),
    "purchase_lines": Roll(
        PURCHASES,
        "A_PurchaseOrderItem",
        "PurchaseOrder,PurchaseOrderItem",
        lambda r: f"{r['PurchaseOrder']}/{int(r['PurchaseOrderItem'])}",
        "PurchasingDocumentDeletionCode eq ''",
    ),
    "customers": Roll(SALES, "A_SalesOrder", "SoldToParty", lambda r: str(r.get("SoldToParty") or "")),
    "suppliers": Roll(PURCHASES, "A_PurchaseOrder", "Supplier", lambda r: str(r.get("Supplier") or "")),
}


def identities(desk: Desk, entity: str) -> Iterator[str]:
    """Every `external_id` of an entity, each once. Raises ErpUnavailable, also where SAP refuses the list."""
    seen: set[str] = set()
    try:
        for one in _stock(desk) if entity == "stock" else _rolled(desk, ROLLS[entity]):
            if one and one not in seen:
                seen.add(one)
                yield one
    except ErpRejected as error:
        raise ErpUnavailable(error.message, code=error.code, sent=False) from None


def _rolled(desk: Desk, roll: Roll) -> Iterator[str]:
    options = {"select": roll.fields} | ({"filter": roll.filter} if roll.filter else {})
    for row in desk.client.rows(roll.service, roll.entity, **options):
        yield roll.name(row)


def _stock(desk: Desk) -> Iterator[str]:
    for row in desk.client.rows(STOCK, "A_MaterialStock", expand=stock.EXPAND):
        for held in stock.held_of(row):
            if desk.terms.status_of(held.stock_type):
                yield f"{held.material}|{held.place}|{held.batch}|{held.stock_type}"


@dataclass(frozen=True, slots=True)
class Question:
    """Where a code is looked for. `kept`: the list holds every such code, so an absence is a no."""

    service: Service
    entity: str
    wanted: Callable[[str], dict[str, str]]
    told: Callable[[Row], str]
    kept: bool = False


def _pair(group: str, code: str) -> Callable[[str], dict[str, str]]:
    def wanted(theirs: str) -> dict[str, str]:
        first, _, second = theirs.partition("/")
        return {group: first, code: second}

    return wanted


def _field(name: str) -> Callable[[str], dict[str, str]]:
    return lambda theirs: {name: theirs}


def _spec(theirs: str) -> dict[str, str]:
    node, _, number = theirs.rpartition("/")
    found = {"InspectionCharacteristic": number}
    return found | ({"InspPlanOperationInternalID": node} if node else {})


QUESTIONS: dict[str, Question] = {
    "plant": Question(
        PRODUCTS, "A_ProductPlant", _field("Plant"), lambda r: f"keeps material {r.get('Product')}", kept=True
    ),
    "work_centre": Question(
        WORK_CENTRES,
        "WorkCenterHeader",
        _field("WorkCenter"),
        lambda r: f"{r.get('WorkCenterDesc') or r.get('WorkCenter')} in plant {r.get('Plant')}",
        kept=True,
    ),
    "unit": Question(
        PRODUCTS, "A_Product", _field("BaseUnit"), lambda r: f"base unit of material {r.get('Product')}"
    ),
    "movement_type": Question(
        GOODS,
        "A_MaterialDocumentItem",
        _field("GoodsMovementType"),
        lambda r: f"used in material document {r.get('MaterialDocument')}",
    ),
    "reason": Question(
        GOODS,
        "A_MaterialDocumentItem",
        _field("GoodsMovementReasonCode"),
        lambda r: f"used in material document {r.get('MaterialDocument')}",
    ),
    "defect": Question(
        DEFECTS,
        "A_Defect",
        _pair("DefectCodeGroup", "DefectCode"),
        lambda r: f"used in defect {r.get('Defect')}",
    ),
    "damage": Question(
        NOTIFICATIONS,
        "MaintenanceNotificationItem",
        _pair("MaintNotifDamageCodeGroup", "MaintNotificationDamageCode"),
        lambda r: f"used in notification {r.get('MaintenanceNotification')}",
    ),
    "cause": Question(
        NOTIFICATIONS,
        "MaintNotificationItemCause",
        _pair("MaintNotifCauseCodeGroup", "MaintNotificationCauseCode"),
        lambda r: f"used in notification {r.get('MaintenanceNotification')}",
    ),
    "characteristic": Question(
        INSPECTIONS,
        inspections.CHARACTERISTIC,
        _spec,
        lambda r: (
            f"{r.get('InspectionSpecificationText') or 'a characteristic'} of lot {r.get('InspectionLot')}"
        ),
    ),
}


def check(desk: Desk, kind: str, theirs: str) -> CodeCheck:
    """Whether SAP knows a code of a mapping kind; None where no published list can tell. Raises ErpUnavailable."""
    if kind == "work_unit":
        return _work_unit(desk, theirs)
    if kind == "location":
        return _location(desk, theirs)
    question = QUESTIONS.get(kind)
    if question is None:
        return CodeCheck(None, "SAP publishes no list of these")
    row = _first(desk, question.service, question.entity, question.wanted(theirs))
    if row is not None:
        return CodeCheck(True, question.told(row))
    if question.kept:
        return CodeCheck(False, f"SAP shows nothing of {kind.replace('_', ' ')} {theirs}")
    return CodeCheck(None, "no document uses it yet, and SAP publishes no list of these")


def _location(desk: Desk, theirs: str) -> CodeCheck:
    """A storage location, by the movements in it; an unused one proves nothing."""
    plant, _, location = theirs.rpartition("/")
    wanted = {"StorageLocation": location} | ({"Plant": plant} if plant else {})
    row = _first(desk, GOODS, "A_MaterialDocumentItem", wanted)
    if row is not None:
        return CodeCheck(True, f"used in material document {row.get('MaterialDocument')}")
    return CodeCheck(None, "no movement names it yet, and SAP publishes no list of storage locations")


def _work_unit(desk: Desk, theirs: str) -> CodeCheck:
    """Equipment or functional location, by the notifications on it."""
    kind, _, number = theirs.partition(":")
    if kind not in ("E", "F") or not number:
        return CodeCheck(False, "write E:equipment or F:functional location")
    row = _first(desk, NOTIFICATIONS, "MaintenanceNotification", {"TechnicalObject": number})
    if row is None:
        return CodeCheck(None, "no notification names it yet, and the published services list no equipment")
    return CodeCheck(
        True,
        str(
            row.get("TechnicalObjectDescription")
            or f"named by notification {row.get('MaintenanceNotification')}"
        ),
    )


def _first(desk: Desk, service: Service, entity: str, wanted: dict[str, str]) -> Row | None:
    try:
        rows = desk.client.rows(service, entity, filter=wire.equals(**wanted), top="1")
        return next(rows, None)
    except ErpRejected as error:
        raise ErpUnavailable(error.message, code=error.code, sent=False) from None
