"""Rows as OData documents, V2 and V4, and the rows behind ways between entities.

Owns the shapes of answers. Must not know: HTTP statuses, business rules.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from erp_sync.simulators.sap.books import Books
from erp_sync.simulators.sap.metadata import V2_ROOT, Entity, Way, entities
from erp_sync.simulators.sap.query import Query
from erp_sync.simulators.sap.values import Row, to_json

STOCK = "A_MatlStkInAcctMod"
#: Made when read, kept nowhere.
DERIVED = (STOCK, "A_MaterialStock")
#: Ways whose ends name the same thing differently.
_JOINS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("A_PurchaseOrderItem", "to_ScheduleLine"): (
        ("PurchaseOrder", "PurchasingDocument"),
        ("PurchaseOrderItem", "PurchasingDocumentItem"),
    )
}


def rows_of(books: Books, entity: Entity) -> list[Row]:
    """All rows of an entity set; stock is made from the quantities."""
    if entity.name == STOCK:
        return [
            {
                "Material": material,
                "Plant": plant,
                "StorageLocation": place,
                "Batch": batch,
                "InventoryStockType": kind,
                **dict.fromkeys(("Supplier", "Customer", "WBSElementInternalID", "SDDocument"), ""),
                **dict.fromkeys(("SDDocumentItem", "InventorySpecialStockType", "WBSElementExternalID"), ""),
                "MaterialBaseUnit": books.tables["A_Product"][(material,)]["BaseUnit"],
                "MatlWrhsStkQtyInMatlBaseUnit": quantity,
            }
            for (material, plant, place, batch, kind), quantity in books.stock.items()
        ]
    if entity.name == "A_MaterialStock":
        return [
            {"Material": row["Product"], "MaterialBaseUnit": row["BaseUnit"]}
            for row in books.tables["A_Product"].values()
        ]
    return list(books.tables[entity.name].values())


def behind(books: Books, entity: Entity, row: Row, way: Way) -> list[Row]:
    """The rows a way leads to."""
    target = entities()[way.target]
    pairs = _JOINS.get((entity.name, way.name))
    if pairs is None:
        names = entity.key if way.many else target.key
        pairs = tuple((name, name) for name in names if name in entity.fields and name in target.fields)
    return [
        other
        for other in rows_of(books, target)
        if all(other.get(theirs) == row.get(own) for own, theirs in pairs)
    ]


def address(entity: Entity, row: Row, base: str) -> str:
    """The canonical address of a row."""

    def quoted(name: str) -> str:
        return "'" + str(row.get(name) or "").replace("'", "''") + "'"

    if len(entity.key) == 1:
        inside = quoted(entity.key[0])
    else:
        inside = ",".join(f"{name}={quoted(name)}" for name in entity.key)
    return f"{base}{V2_ROOT}{entity.service}/{entity.name}({inside})"


def v2(
    books: Books,
    entity: Entity,
    row: Row,
    base: str,
    columns: tuple[str, ...] = (),
    expand: tuple[tuple[str, ...], ...] = (),
) -> dict[str, Any]:
    """One row as V2 JSON, with deferred or expanded ways."""
    uri = address(entity, row, base)
    told: dict[str, Any] = {"id": uri, "uri": uri, "type": f"{entity.service}.{entity.name}Type"}
    if entity.has_etag:
        told["etag"] = books.etag(entity.name, row)
    found: dict[str, Any] = {"__metadata": told}
    for name, one in entity.fields.items():
        if not columns or name in columns:
            value = row.get(name)
            if value is None and one.kind == "d":
                value = Decimal(0)
            found[name] = to_json(one, False if value is None and one.kind == "b" else value)
    for name, way in entity.ways.items():
        if columns and not any(column.split("/")[0] == name for column in columns):
            continue
        deeper = tuple(path[1:] for path in expand if path[0] == name)
        if not deeper:
            found[name] = {"__deferred": {"uri": f"{uri}/{name}"}}
            continue
        inner = tuple(path for path in deeper if path)
        picked = tuple(column.split("/", 1)[1] for column in columns if column.startswith(f"{name}/"))
        target = entities()[way.target]
        others = sorted(
            behind(books, entity, row, way), key=lambda other: tuple(str(other[k]) for k in target.key)
        )
        shown = [v2(books, target, other, base, picked, inner) for other in others]
        found[name] = {"results": shown} if way.many else (shown[0] if shown else None)
    return found


def v4(books: Books, entity: Entity, row: Row, columns: tuple[str, ...] = ()) -> dict[str, Any]:
    """One row as V4 JSON."""
    found: dict[str, Any] = {"@odata.etag": books.etag(entity.name, row)}
    for name, one in entity.fields.items():
        if not columns or name in columns:
            found[name] = to_json(one, row.get(name), v4=True)
    return found


def page(query: Query, rows: list[Row], size: int) -> tuple[list[Row], int | None]:
    """This page's rows and the offset of the next page, None at the end."""
    matching = query.rows(rows)
    end = len(matching) if query.top is None else min(len(matching), query.skip + query.top)
    stop = min(end, query.skip + size)
    return matching[query.skip : stop], stop if stop < end else None
