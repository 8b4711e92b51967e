"""Master data and order lines read out of Business Central, changed rows only, and which rows it still has.

Owns which fields make one mirrored record, and the watermark: the service's time when a read began, less an overlap for
transactions that commit late. Order lines are read with their order, by the order's time of change. Must not know: the
mirror's tables, postings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from core import clock
from erp_sync.adapters.business_central.changes import day_of
from erp_sync.adapters.business_central.client import Row
from erp_sync.adapters.business_central.costs import moment
from erp_sync.adapters.business_central.terms import Desk
from erp_sync.adapters.port import PULL_ENTITIES, Page, Record
from erp_sync.errors import ErpRejected

OVERLAP = timedelta(seconds=120)
Make = Callable[[Desk, Row, dict[str, str]], Iterator[Record]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one entity is read. `lines` names the expanded part whose rows are the records."""

    list: str
    make: Make
    filter: str = ""
    lines: str = ""


def pages(desk: Desk, entity: str, watermark: str) -> Iterator[Page]:
    """Pages of one entity; every page but the last repeats the old watermark, so a broken read starts over.

    Nothing for an entity the standard API does not have. Raises KeyError for an unknown one, ErpUnavailable and
    ErpRejected for Business Central's trouble.
    """
    kind = KINDS.get(entity)
    if kind is None:
        if entity not in PULL_ENTITIES:
            raise KeyError(entity)
        return
    since, asked = watermark or "", clock.now()
    places = _places(desk) if kind.lines else {}
    began: datetime | None = None
    total: int | None = None
    held: list[Record] = []
    for found, count in desk.client.pages(kind.list, **_options(kind, since)):
        if began is None:
            began = desk.client.server_time or asked
            total = None if since or kind.lines else count
        else:
            yield Page(tuple(held), watermark, total)
        held = [record for row in found for record in kind.make(desk, row, places)]
    until = ((began or asked) - OVERLAP).astimezone(UTC)
    yield Page(tuple(held), until.isoformat(timespec="milliseconds"), total)


def identities(desk: Desk, entity: str) -> Iterator[str]:
    """Every `external_id` of an entity. Raises KeyError, ErpUnavailable, ErpRejected.

    An entity the standard API does not have is refused (`erp.not_offered`): an empty listing would say that all of it
    is gone.
    """
    kind = KINDS.get(entity)
    if kind is None:
        if entity not in PULL_ENTITIES:
            raise KeyError(entity)
        raise ErpRejected("erp.not_offered", f"{entity} are not in Business Central's standard API")
    options = {"expand": f"{kind.lines}($select=id,lineType)"} if kind.lines else {"select": "id"}
    for row in desk.client.rows(kind.list, **options, **({"filter": kind.filter} if kind.filter else {})):
        if not kind.lines:
            yield str(row["id"])
        else:
            yield from (str(line["id"]) for line in _items(row, kind.lines))


def _options(kind: Kind, since: str) -> dict[str, str]:
    filters = [kind.filter] if kind.filter else []
    if since:
        at = datetime.fromisoformat(since).astimezone(UTC)
        filters.append(f"lastModifiedDateTime ge {at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z")
    options = {"orderby": "lastModifiedDateTime", "count": "true"}
    if filters:
        options["filter"] = " and ".join(filters)
    return options | ({"expand": kind.lines} if kind.lines else {})


def _places(desk: Desk) -> dict[str, str]:
    """Location id to its code, as lines name it by its id only."""
    return {str(row["id"]): str(row.get("code") or "") for row in desk.client.rows("locations")}


def _items(row: Row, lines: str) -> Iterator[Row]:
    """Lines that order an item; comments, accounts and charges are none of the plant's."""
    for line in row.get(lines) or ():
        if line.get("lineType") == "Item":
            yield line


def _item(desk: Desk, row: Row, _: dict[str, str]) -> Iterator[Record]:
    number, blocked = str(row["number"]), bool(row.get("blocked"))
    data = {
        "name": str(row.get("displayName") or number),
        "uom": desk.terms.unit_in(str(row.get("baseUnitOfMeasureCode") or "")),
        "active": not blocked,
    }
    yield Record("items", number, str(row["id"]), data, moment(row.get("lastModifiedDateTime")), blocked)


def _trader(entity: str) -> Make:
    def make(desk: Desk, row: Row, _: dict[str, str]) -> Iterator[Record]:
        number = str(row["number"])
        gone = str(row.get("blocked") or "").strip() == "All"
        data = {"name": str(row.get("displayName") or number), "active": not gone}
        yield Record(entity, number, str(row["id"]), data, moment(row.get("lastModifiedDateTime")), gone)

    return make


def _line(desk: Desk, order: Row, line: Row, places: dict[str, str]) -> dict[str, Any]:
    place = places.get(str(line.get("locationId") or ""), "")
    return {
        "order": str(order["number"]),
        "line": int(line["sequence"]),
        "item": str(line.get("lineObjectNumber") or ""),
        "quantity": format(Decimal(str(line.get("quantity") or 0)), "f"),
        "site": desk.terms.ours("plant", place) if place else "",
    }


def _day(value: Any) -> str:
    found = day_of(value)
    return found.isoformat() if found else ""


def _sales(desk: Desk, order: Row, places: dict[str, str]) -> Iterator[Record]:
    for line in _items(order, "salesOrderLines"):
        data = _line(desk, order, line, places) | {
            "customer": str(order.get("customerNumber") or ""),
            "po_number": str(order.get("externalDocumentNumber") or ""),
            "requested_date": _day(order.get("requestedDeliveryDate")),
            "commit_date": _day(line.get("shipmentDate")),
        }
        yield _record("sales_lines", order, line, data)


def _purchases(desk: Desk, order: Row, places: dict[str, str]) -> Iterator[Record]:
    for line in _items(order, "purchaseOrderLines"):
        data = _line(desk, order, line, places) | {
            "supplier": str(order.get("vendorNumber") or ""),
            "promised_date": _day(line.get("expectedReceiptDate")) or _day(order.get("requestedReceiptDate")),
        }
        yield _record("purchase_lines", order, line, data)


def _record(entity: str, order: Row, line: Row, data: dict[str, Any]) -> Record:
    code = f"{order['number']}/{int(line['sequence'])}"
    return Record(entity, code, str(line["id"]), data, moment(order.get("lastModifiedDateTime")))


KINDS: dict[str, Kind] = {
    "items": Kind("items", _item, "type eq 'Inventory'"),
    "customers": Kind("customers", _trader("customers")),
    "suppliers": Kind("vendors", _trader("suppliers")),
    "sales_lines": Kind("salesOrders", _sales, lines="salesOrderLines"),
    "purchase_lines": Kind("purchaseOrders", _purchases, lines="purchaseOrderLines"),
}
