"""A posting as a B2MML V0700 message (MESA International, B2MML-BatchML V0700, 2023).

Owns which message carries which kind and where each field stands; the order of elements is the schema's. What a
message has no place for travels as named data of the segment, so that nothing of a payload is lost. A reversal is the
original's message under the verb Cancel; of an event, which can't be cancelled, a second one back to the value before.
Must not know: folders, HTTP, acknowledgements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from core import clock
from erp_sync.adapters import port
from erp_sync.adapters.b2mml import results, xml
from erp_sync.adapters.b2mml.parts import Said, prop, quantity, scope, value
from erp_sync.errors import ErpRejected

#: kind -> what the schema calls the use of the material; a word it does not know goes as OtherValue.
USES = {
    "movement.issue": "Consumed",
    "movement.receipt": "Produced",
    "movement.scrap": "Scrap",
    "movement.block": "Inventoried",
    "movement.unblock": "Inventoried",
    "movement.transfer": "Inventoried",
    "movement.return": "Returned",
}
KNOWN_USES = frozenset({"Consumed", "Produced", "Inventoried"})
RESULTS = frozenset({"quality_event", "inspection_result"})
EVENTS = frozenset({"change.date", "change.quantity", "change.cancel", "operation.move"})
TAKEN = frozenset({*USES, *EVENTS, *RESULTS, "confirmation", "maintenance_notification"})
#: Of these the Cancel verb takes back what was said.
TAKEN_BACK = TAKEN - EVENTS
#: Of these a second event takes back what was said: the field before, the field after.
BACK = {
    "change.date": ("old", "new"),
    "change.quantity": ("old", "new"),
    "operation.move": ("from_unit", "to_unit"),
}
LACKING = {
    "cost": "B2MML carries no amounts of money; ERP values the quantities and times itself",
    "customer_answer": "answers to customers go by mail or EDI, not through B2MML",
}


def bod_id(key: str, turn: int) -> str:
    """What a ConfirmBOD answers to."""
    return key if turn == 1 else f"{key}-{turn}"


def write(command: port.PostingCommand, turn: int = 1) -> bytes:
    """The message of a command. Raises ErpRejected `b2mml.not_carried` for a kind it has no message for."""
    ident = bod_id(command.business_key, turn)
    said = Said(command.kind, command.payload, command, ident, "Process", command.business_key)
    if command.kind == "reversal":
        kind, original = str(command.payload["reverses_kind"]), command.payload.get("original") or {}
        turned = turned_back(kind, original)
        if kind in TAKEN_BACK:
            said = Said(kind, original, command, ident, "Cancel", str(command.payload["reverses"]))
        elif turned is not None:
            back = {**turned, "reverses": command.payload["reverses"]}
            said = Said(kind, back, command, ident, "Process", command.business_key)
        else:
            raise ErpRejected("b2mml.not_carried", f"B2MML can't take back a {kind}")
    if said.kind not in TAKEN:
        raise ErpRejected("b2mml.not_carried", f"B2MML has no message for {said.kind}")
    return xml.write(_WRITERS.get(said.kind, _inventory)(said))


def turned_back(kind: str, original: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event that undoes an event: from the new value to the one before; None where that was not said."""
    before, after = BACK.get(kind, ("", ""))
    if not before or not original.get(before):
        return None
    return {**original, before: original.get(after), after: original[before]}


def _performance(said: Said, category: str) -> tuple[Element, Element]:
    """(root, segment response) of an operations performance, its heads written."""
    root, data = xml.message(f"{said.verb}OperationsPerformance", said.bod_id, clock.now(), said.verb)
    performance = xml.add(data, "OperationsPerformance")
    xml.add(performance, "ID", said.ident)
    scope(performance, said)
    xml.add(performance, "OperationsType", category)
    response = xml.add(performance, "OperationsResponse")
    xml.add(response, "ID", said.ident)
    if said.command.text:
        xml.add(response, "Description", said.command.text)
    xml.add(response, "OperationsType", category)
    order = said.get("work_order") or said.get("purchase_order")
    if order:
        xml.add(response, "OperationsRequestID", order)
    if said.kind == "confirmation":
        xml.add(response, "ResponseState", "Completed" if said.payload.get("final") else "Running")
    segment = xml.add(response, "SegmentResponse")
    xml.add(segment, "ID", said.get("operation") or said.ident)
    xml.add(segment, "PostingDate", f"{said.command.posting_date.isoformat()}T00:00:00")
    start = said.get("start") or ("" if said.get("end") else said.command.occurred_at.isoformat())
    if start:
        xml.add(segment, "ActualStartTime", start)
    if said.get("end"):
        xml.add(segment, "ActualEndTime", said.get("end"))
    xml.add(segment, "OperationsType", category)
    if said.get("operation"):
        xml.add(segment, "ProcessSegmentID", said.get("operation"))
    return root, segment


def _confirmation(said: Said) -> Element:
    root, segment = _performance(said, "Production")
    _rest(
        segment, said, "work_order", "operation", "start", "end", "final", "yield_qty", "scrap_qty", "rework_qty",
        "uom", "work_centre", "work_unit", "crew", "labour_minutes", "site", "lot",
    )  # fmt: skip
    if said.get("labour_minutes") or said.get("crew"):
        people = xml.add(segment, "PersonnelActual")
        xml.add(people, "ID", "labour")
        xml.add(people, "PersonnelUse", "Labour")
        quantity(people, said.get("labour_minutes") or "0", "min")
        prop(people, "PersonnelActualProperty", "crew", said.get("crew") or "1")
    for name in ("work_centre", "work_unit"):
        if said.get(name):
            machine = xml.add(segment, "EquipmentActual")
            xml.add(machine, "ID", name)
            xml.add(machine, "EquipmentID", said.get(name))
    for name, use in (("yield_qty", "Produced"), ("scrap_qty", "Scrap"), ("rework_qty", "Rework")):
        if said.get(name).strip("0.") or (name == "yield_qty" and said.get(name)):
            material = xml.add(segment, "MaterialActual")
            xml.add(material, "ID", name)
            if said.get("lot"):
                xml.add(material, "MaterialLotID", said.get("lot"))
            _use(material, use)
            quantity(material, said.get(name), said.get("uom"))
    return root


def _inventory(said: Said) -> Element:
    root, segment = _performance(said, "Inventory")
    _rest(
        segment, said, "work_order", "operation", "item", "quantity", "uom", "lot", "from_location", "to_location",
        "from_status", "to_status", "site",
    )  # fmt: skip
    ends = [("from", said.get("from_location"), said.get("from_status"))]
    ends.append(("to", said.get("to_location"), said.get("to_status")))
    named = [end for end in ends if end[1] or end[2]] or [("", "", "")]
    for end, location, status in named:
        material = xml.add(segment, "MaterialActual")
        xml.add(material, "ID", end or "stock")
        xml.add(material, "MaterialDefinitionID", said.get("item"))
        if said.get("lot"):
            xml.add(material, "MaterialLotID", said.get("lot"))
        _use(material, USES[said.kind])
        if location:
            place = xml.add(material, "StorageLocation")
            xml.add(place, "Location", location)
            xml.add(place, "LocationType", "Operational Location ID")
        quantity(material, said.get("quantity"), said.get("uom"))
        if status:
            prop(material, "MaterialActualProperty", "status", status)
    return root


def _maintenance(said: Said) -> Element:
    root, segment = _performance(said, "Maintenance")
    _rest(segment, said, "work_order", "operation", "start", "end", "work_unit", "site")
    asset = xml.add(segment, "PhysicalAssetActual")
    xml.add(asset, "ID", "asset")
    xml.add(asset, "PhysicalAssetID", said.get("work_unit"))
    return root


def _event(said: Said) -> Element:
    root, data = xml.message("NotifyOperationsEvent", said.bod_id, clock.now(), "Sync")
    event = xml.add(data, "OperationsEvent")
    xml.add(event, "ID", said.ident)
    if said.command.text:
        xml.add(event, "Description", said.command.text)
    scope(event, said)
    xml.add(event, "EffectiveTimeStamp", said.command.occurred_at.isoformat())
    xml.add(event, "RecordTimeStamp", clock.now().isoformat())
    xml.add(event, "OperationsEventType", "Event")
    xml.add(event, "OperationsEventLevel", "Level 3")
    xml.add(event, "OperationsType", "Production")
    xml.add(event, "Category", said.kind)
    target = said.get("number") or said.get("work_order")
    record = xml.add(event, "OperationsEventRecord")
    xml.add(record, "ID", said.ident)
    xml.add(record, "Action", "Deleted" if said.kind == "change.cancel" else "Changed")
    for name, held in said.payload.items():
        if name != "site" and held not in (None, ""):
            entry = xml.add(record, "OperationsRecordEntry")
            xml.add(entry, "ID", name)
            xml.add(entry, "Description", held)
            xml.add(entry, "ExternalReferenceID", target)
    xml.add(record, "OperationsRecordSpecificationID", said.kind)
    return root


_WRITERS: dict[str, Callable[[Said], Element]] = {
    "confirmation": _confirmation,
    **dict.fromkeys(RESULTS, results.write),
    "maintenance_notification": _maintenance,
    **dict.fromkeys(EVENTS, _event),
}


def _rest(segment: Element, said: Said, *placed: str) -> None:
    """What has no element of its own, and what kind it is, as named data of the segment."""
    left = {"kind": said.kind} | {name: held for name, held in said.payload.items() if name not in placed}
    if said.verb == "Cancel":
        left["cancel_reason"] = str(said.command.payload.get("reason_code") or "")
    for name, held in left.items():
        if held not in (None, ""):
            data = xml.add(segment, "SegmentData")
            xml.add(data, "ID", name)
            value(data, held)


def _use(material: Element, use: str) -> None:
    if use in KNOWN_USES:
        xml.add(material, "MaterialUse", use)
    else:
        xml.add(material, "MaterialUse", "Other", OtherValue=use)
