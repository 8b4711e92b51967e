"""Master data and orders out of B2MML files: material definitions, equipment, operations schedules.

Owns which elements make one mirrored record. A message may be a Show, a Sync or the bare information; a Sync whose
action code is Delete takes its rows away. Must not know: the mirror's tables, folders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

from erp_sync.adapters.b2mml import xml
from erp_sync.adapters.port import Record
from erp_sync.errors import ErpRejected

WORK_CENTRES = frozenset(
    {"WorkCenter", "Work Center", "ProductionLine", "Production Line", "ProcessCell", "Process Cell"}
)


def records(entity: str, name: str, content: bytes, at: datetime) -> Iterator[Record | str]:
    """Records of one file; a text instead says what is wrong with it. An entity that is not read has none."""
    read = _ENTITIES.get(entity)
    if read is None:
        return
    try:
        root = xml.read(content)
    except ErpRejected as error:
        yield error.message
        return
    found = False
    deleted = _deletes(root)
    for ident, data in read(root):
        found = True
        if ident:
            kept = {name: value for name, value in data.items() if value not in ("", None, [])}
            yield Record(entity, ident, ident, kept, at, deleted)
        else:
            yield "an element without an ID"
    if not found:
        yield f"a {xml.name_of(root)} that holds no {entity}"


def _deletes(root: Element) -> bool:
    criteria = xml.every(root, "DataArea/Sync/ActionCriteria/ActionExpression")
    return any((one.get("actionCode") or "").lower() == "delete" for one in criteria)


def _all(root: Element, name: str) -> Iterator[Element]:
    yield from root.iter(f"{{{xml.NAMESPACE}}}{name}")


def _items(root: Element) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in _all(root, "MaterialDefinition"):
        said = _properties(one, "MaterialDefinitionProperty")
        yield xml.text(one, "ID"), {"name": xml.text(one, "Description"), **said}


def _work_centres(root: Element) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in (*_all(root, "Equipment"), *_all(root, "EquipmentChild")):
        if xml.text(one, "EquipmentLevel") in WORK_CENTRES:
            site = xml.text(one, "HierarchyScope/EquipmentID")
            yield xml.text(one, "ID"), {"name": xml.text(one, "Description"), "site": site}


def _work_orders(root: Element) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in _all(root, "OperationsRequest"):
        operations: list[dict[str, str]] = []
        item = quantity = ""
        for segment in xml.every(one, "SegmentRequirement"):
            centre = xml.text(segment, "EquipmentRequirement/EquipmentID")
            ident = xml.text(segment, "ID")
            if centre and ident:
                named = xml.text(segment, "Description") or xml.text(segment, "ProcessSegmentID")
                operations.append({"number": ident, "work_centre": centre, "name": named})
            for material in xml.every(segment, "MaterialRequirement"):
                if xml.text(material, "MaterialUse") in ("Produced", "Material Produced"):
                    item = xml.text(material, "MaterialDefinitionID")
                    quantity = xml.text(material, "Quantity/QuantityString")
        yield (
            xml.text(one, "ID"),
            {
                "item": item,
                "quantity": quantity,
                "planned_start": xml.text(one, "StartTime"),
                "planned_end": xml.text(one, "EndTime"),
                "site": xml.text(one, "HierarchyScope/EquipmentID"),
                "operations": operations,
            },
        )


#: Properties of a material the mirror knows, by the ID the ERP gives them.
KNOWN = {"uom": "uom", "unitofmeasure": "uom", "standardcost": "standard_cost", "source": "source"}


def _properties(element: Element, name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in xml.every(element, name):
        known = KNOWN.get(xml.text(one, "ID").lower().replace("_", "").replace(" ", ""))
        if known:
            found[known] = xml.text(one, "Value/ValueString")
    return found


_ENTITIES: dict[str, Callable[[Element], Iterator[tuple[str, dict[str, Any]]]]] = {
    "items": _items,
    "work_centres": _work_centres,
    "work_orders": _work_orders,
}
