"""What the served interfaces look like: services, entities, fields, ways between entities.

Owns the reading of `fields.txt` and the small EDMX made of it. Must not know: rows, HTTP, business rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from xml.sax.saxutils import quoteattr

V2_ROOT = "/sap/opu/odata/sap/"
V4_ROOT = "/sap/opu/odata4/sap/api_work_center/srvd_a2x/sap/workcenter/0001"
V4_SERVICE = "WORKCENTER"

#: What can be changed from outside; each carries an ETag.
CHANGEABLE = frozenset(
    {
        "A_ProductionOrder_2", "A_Defect", "A_InspectionLot", "A_InspectionResult", "MaintenanceNotification",
        "A_PurchaseOrderScheduleLine", "A_SalesOrderScheduleLine",
    }
)  # fmt: skip
CREATABLE = frozenset(
    {
        "ProdnOrdConf2", "A_MaterialDocumentHeader", "A_Defect", "A_InspectionLot", "A_InspectionResult",
        "MaintenanceNotification", "MaintenanceNotificationItem",
    }
)  # fmt: skip

_EDM = {
    "t": "Edm.DateTime", "h": "Edm.Time", "g": "Edm.Guid", "b": "Edm.Boolean", "i8": "Edm.Byte",
    "i16": "Edm.Int16", "i32": "Edm.Int32", "f": "Edm.Double", "D": "Edm.Date", "Z": "Edm.DateTimeOffset",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """One property. `kind` is s, d, t, h, g, b, i, f, D or Z; `length` 0 means unlimited text."""

    name: str
    kind: str
    length: int = 0
    scale: int = 0
    nullable: bool = True
    creatable: bool = False
    updatable: bool = False
    required: bool = False
    code: str = ""

    @property
    def edm(self) -> str:
        if self.kind == "s":
            return "Edm.String"
        return "Edm.Decimal" if self.kind == "d" else _EDM[self.code]


@dataclass(frozen=True, slots=True)
class Way:
    """A navigation property."""

    name: str
    target: str
    many: bool


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity set and its type."""

    service: str
    name: str
    key: tuple[str, ...]
    fields: dict[str, Field] = field(default_factory=dict)
    ways: dict[str, Way] = field(default_factory=dict)

    @property
    def has_etag(self) -> bool:
        return self.name in CHANGEABLE


_CELL = re.compile(r"^(\w+):([a-zA-Z]+)(\d*)(?:\.(\d+))?(?:/([!cur]+))?$")


@cache
def entities() -> dict[str, Entity]:
    """All served entities by name."""
    found: dict[str, Entity] = {}
    current: Entity | None = None
    for line in Path(__file__).with_name("fields.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("entity "):
            _, service, name, _, key = line.split()
            current = found[name] = Entity(service, name, tuple(key.split(",")))
        elif current is not None:
            for cell in line.split():
                _add(current, cell)
    return found


def _add(entity: Entity, cell: str) -> None:
    name, arrow, target = cell.partition(">")
    if arrow:
        entity.ways[name] = Way(name, target.removesuffix("*"), target.endswith("*"))
        return
    match = _CELL.match(cell)
    if match is None:
        raise ValueError(f"{entity.name}: {cell!r} is no field")
    name, kind, length, scale, flags = match.groups(default="")
    entity.fields[name] = Field(
        name, kind, int(length or 0), int(scale or 0), "!" not in flags, "c" in flags, "u" in flags, "r" in flags,
        kind + (length if kind == "i" else ""),
    )  # fmt: skip


def services() -> dict[str, tuple[Entity, ...]]:
    """Service name -> its entities."""
    found: dict[str, tuple[Entity, ...]] = {}
    for entity in entities().values():
        found[entity.service] = (*found.get(entity.service, ()), entity)
    return found


def edmx(service: str) -> str:
    """The service's metadata document, without annotations. Raises KeyError for an unknown service."""
    own = services()[service]
    types, sets = [], []
    for entity in own:
        keys = "".join(f"<PropertyRef Name={quoteattr(name)}/>" for name in entity.key)
        lines = [_property(one, entity) for one in entity.fields.values()]
        types.append(
            f"<EntityType Name={quoteattr(entity.name + 'Type')}><Key>{keys}</Key>{''.join(lines)}</EntityType>"
        )
        sets.append(f'<EntitySet Name="{entity.name}" EntityType="{service}.{entity.name}Type"/>')
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">'
        '<edmx:DataServices m:DataServiceVersion="2.0" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f'<Schema Namespace="{service}" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">'
        f'{"".join(types)}<EntityContainer Name="{service}_Entities" m:IsDefaultEntityContainer="true">'
        f"{''.join(sets)}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )


def _property(one: Field, entity: Entity) -> str:
    size = f' MaxLength="{one.length}"' if one.kind == "s" and one.length else ""
    if one.kind == "d":
        size = f' Precision="{one.length}" Scale="{one.scale}"'
    fixed = (
        ' ConcurrencyMode="Fixed"' if entity.has_etag and one.name.startswith("LastChangeDateTime") else ""
    )
    null = "" if one.nullable else ' Nullable="false"'
    return f'<Property Name="{one.name}" Type="{one.edm}"{null}{size}{fixed}/>'
