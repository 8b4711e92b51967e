"""One OData request answered from the books: addresses to entities, methods to verbs, refusals to error documents.

Owns the routing of resources and functions, ETag checks and paging. Must not know: sockets, logins, CSRF, faults.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from erp_sync.simulators.sap import confirmations, goods, lines, orders, quality, render
from erp_sync.simulators.sap import refusals as no
from erp_sync.simulators.sap.books import Books
from erp_sync.simulators.sap.metadata import (
    CREATABLE,
    V2_ROOT,
    V4_ROOT,
    V4_SERVICE,
    Entity,
    Field,
    edmx,
    services,
)
from erp_sync.simulators.sap.query import key_of, query_of
from erp_sync.simulators.sap.refusals import Refusal, body_v2, body_v4, not_found
from erp_sync.simulators.sap.values import Row, check, from_literal

Create = Callable[[Books, Row, str], Row]

CREATES: dict[str, Create] = {
    "ProdnOrdConf2": confirmations.post,
    "A_MaterialDocumentHeader": goods.create,
    "A_Defect": quality.create_defect,
    "A_InspectionLot": quality.create_lot,
    "A_InspectionResult": quality.create_result,
    "MaintenanceNotification": quality.create_notification,
    "MaintenanceNotificationItem": quality.create_item,
}
ORDER_ACTIONS: dict[str, Callable[[Books, Row], None]] = {
    "ReleaseOrder": orders.release,
    "TechlyCmpltOrder": orders.complete,
    "CloseOrder": orders.close,
}
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "API_PRODUCTION_ORDER_2_SRV": tuple(ORDER_ACTIONS),
    "API_PROD_ORDER_CONFIRMATION_2_SRV": ("CancelProdnOrdConf", "GetConfProposal", "GetGdsMvtProposal"),
    "API_MATERIAL_DOCUMENT_SRV": ("Cancel", "CancelItem"),
    "API_MAINTNOTIFICATION": ("CompleteMaintNotification", "SetMaintNotifToInProcess"),
}
DATE = Field("PostingDate", "t", code="t")
YIELD = Field("ConfirmationYieldQuantity", "d", 13, 3, code="d")
GUID = Field("ExternalSystemConfirmation", "g", code="g")


@dataclass(frozen=True, slots=True)
class Request:
    """`path` decoded, `query` as it came, header names in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: str = "SIM"
    base: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def as_json(status: int, document: Any, **headers: str) -> Reply:
    told = {"content-type": "application/json;charset=utf-8", **headers}
    return Reply(status, told, json.dumps(document, ensure_ascii=False).encode())


class System:
    """The books behind their interfaces. `page_size` is the server's own limit of a page."""

    def __init__(self, books: Books, *, page_size: int = 100) -> None:
        self.books, self.page_size = books, page_size

    def handle(self, request: Request) -> Reply:
        """Answer one request in one transaction. A refusal leaves no trace."""
        is_v4 = request.path.startswith(V4_ROOT)
        try:
            with self.books.transaction():
                return self._v4(request) if is_v4 else self._v2(request)
        except Refusal as refused:
            document = body_v4(refused) if is_v4 else body_v2(refused)
            return as_json(refused.status, document)

    def _v2(self, request: Request) -> Reply:
        if not request.path.startswith(V2_ROOT):
            raise not_found(request.path)
        service, _, resource = request.path.removeprefix(V2_ROOT).partition("/")
        own = services().get(service)
        if own is None or service == V4_SERVICE:
            raise Refusal(
                "/IWFND/MED/170", f"No service found for namespace '', name '{service}'", status=403
            )
        if resource == "$metadata":
            return Reply(200, {"content-type": "application/xml"}, edmx(service).encode())
        if not resource:
            return as_json(200, {"d": {"EntitySets": [entity.name for entity in own]}})
        options = dict(parse_qsl(request.query, keep_blank_values=True))
        name, _, rest = resource.partition("(")
        if name in FUNCTIONS.get(service, ()) and request.method == "POST":
            return self._function(name, options, request)
        entity = next((one for one in own if one.name == name.partition("/")[0]), None)
        if entity is None:
            raise not_found(f"segment '{name}'")
        _accepts_json(request, options)
        if not rest:
            return self._collection(entity, name.partition("/")[2], options, request)
        inside, _, way = rest.rpartition(")")
        row = self._row(entity, inside)
        return self._single(entity, row, way.lstrip("/"), options, request)

    def _row(self, entity: Entity, inside: str) -> Row:
        key = key_of(entity, inside)
        row = self.books.get(entity.name, key)
        if row is None and entity.name in render.DERIVED:
            rows = render.rows_of(self.books, entity)
            row = next((one for one in rows if tuple(one.get(name) for name in entity.key) == key), None)
        if row is not None:
            return row
        raise not_found(f"{entity.name}({inside})")

    def _collection(self, entity: Entity, extra: str, options: dict[str, str], request: Request) -> Reply:
        if request.method == "POST" and not extra:
            return self._create(entity, request)
        if request.method != "GET":
            raise Refusal(no.NOT_OFFERED, f"{request.method} is not offered for {entity.name}", status=405)
        rows = render.rows_of(self.books, entity)
        if extra == "$count":
            return Reply(
                200, {"content-type": "text/plain"}, str(len(query_of(entity, options).rows(rows))).encode()
            )
        if extra:
            raise not_found(f"segment '{extra}'")
        return self._list(entity, rows, options, request)

    def _list(self, entity: Entity, rows: list[Row], options: dict[str, str], request: Request) -> Reply:
        query = query_of(entity, options)
        shown, following = render.page(query, rows, self.page_size)
        found: dict[str, Any] = {
            "results": [
                render.v2(self.books, entity, row, request.base, query.columns, query.expand) for row in shown
            ]
        }
        if query.counted:
            found["__count"] = str(len(query.rows(rows)))
        if following is not None:
            found["__next"] = _next_address(request, options, query.skip, query.top, following)
        return as_json(200, {"d": found})

    def _single(self, entity: Entity, row: Row, way: str, options: dict[str, str], request: Request) -> Reply:
        if way:
            return self._way(entity, row, way, options, request)
        if request.method == "GET":
            query = query_of(entity, options)
            shown = render.v2(self.books, entity, row, request.base, query.columns, query.expand)
            tag = {"etag": self.books.etag(entity.name, row)} if entity.has_etag else {}
            return as_json(200, {"d": shown}, **tag)
        if request.method in ("PATCH", "MERGE") and entity.has_etag:
            self._must_match(entity, row, request)
            document = _document(request)
            if set(document) == {"d"}:
                document = document["d"]
            self._change(entity, row, check(entity, document, changing=True), request.user)
            return Reply(204, {"etag": self.books.etag(entity.name, row)})
        if request.method == "DELETE" and entity.name == "A_Defect":
            self._must_match(entity, row, request)
            self.books.drop(entity.name, row)
            return Reply(204)
        raise Refusal(no.NOT_OFFERED, f"{request.method} is not offered for {entity.name}", status=405)

    def _way(self, entity: Entity, row: Row, way: str, options: dict[str, str], request: Request) -> Reply:
        found = entity.ways.get(way)
        if found is None:
            raise not_found(f"segment '{way}'")
        if request.method == "POST" and (entity.name, way) == (quality.NOTIFICATION, "to_Item"):
            key = {name: row[name] for name in entity.key}
            return self._create(_entity(found.target), request, key)
        if request.method != "GET":
            raise Refusal(
                no.NOT_OFFERED, f"{request.method} is not offered for {entity.name}/{way}", status=405
            )
        target = next(one for own in services().values() for one in own if one.name == found.target)
        rows = render.behind(self.books, entity, row, found)
        if found.many:
            return self._list(target, rows, options, request)
        if not rows:
            raise not_found(f"segment '{way}'")
        return as_json(200, {"d": render.v2(self.books, target, rows[0], request.base)})

    def _create(self, entity: Entity, request: Request, parent: Row | None = None) -> Reply:
        """A new row; `parent` is the key of the one it is added to, by the way the request took."""
        if entity.name not in CREATABLE:
            raise Refusal(no.NOT_OFFERED, f"POST is not offered for {entity.name}", status=405)
        document = _document(request)
        values = check(entity, document.get("d", document) if set(document) == {"d"} else document)
        deep = tuple((name,) for name in values if name in entity.ways)
        values |= parent or {}
        row = CREATES[entity.name](self.books, values, request.user)
        shown = render.v2(self.books, entity, row, request.base, (), deep)
        tag = {"etag": self.books.etag(entity.name, row)} if entity.has_etag else {}
        return as_json(201, {"d": shown}, location=shown["__metadata"]["uri"], **tag)

    def _change(self, entity: Entity, row: Row, values: Row, user: str) -> None:
        name = entity.name
        if name == orders.ORDER:
            orders.change(self.books, row, values)
        elif name == lines.PURCHASE:
            lines.change_purchase(self.books, row, values)
        elif name == lines.SALES:
            lines.change_sales(self.books, row, values)
        elif name == quality.DEFECT:
            quality.change_defect(self.books, row, values, user)
        elif name == quality.NOTIFICATION:
            quality.change_notification(self.books, row, values)
        else:
            quality.change_row(self.books, name, row, values, user)

    def _must_match(self, entity: Entity, row: Row, request: Request, *, needed: bool = True) -> None:
        said = request.headers.get("if-match", "")
        if not said and needed:
            raise Refusal(no.NEEDS_ETAG, "Precondition required: send the ETag in If-Match", status=428)
        tag = self.books.etag(entity.name, row)
        if said and said != "*" and tag not in [one.strip() for one in said.split(",")]:
            raise Refusal(no.STALE_ETAG, "Precondition failed: the entity was changed meanwhile", status=412)

    def _function(self, name: str, options: dict[str, str], request: Request) -> Reply:
        books, user = self.books, request.user
        if name in ORDER_ACTIONS:
            entity = _entity(orders.ORDER)
            number = _text(options, "ManufacturingOrder")
            row = books.get(orders.ORDER, (number,))
            if row is None:
                raise Refusal(no.ORDER_UNKNOWN, f"Order {number} not found", status=404)
            self._must_match(entity, row, request)
            ORDER_ACTIONS[name](books, row)
            return as_json(200, {"d": {name: {"SystemMessageText": f"Order {number} changed"}}})
        if name in ("CompleteMaintNotification", "SetMaintNotifToInProcess"):
            entity = _entity(quality.NOTIFICATION)
            number = _text(options, "MaintenanceNotification")
            row = books.get(quality.NOTIFICATION, (number,))
            if row is None:
                raise not_found(f"MaintenanceNotification('{number}')")
            self._must_match(entity, row, request, needed=False)
            quality.move_notification(books, row, "5" if name.startswith("Complete") else "3")
            return as_json(200, {"d": render.v2(books, entity, row, request.base)})
        posted = from_literal(DATE, options["PostingDate"]) if options.get("PostingDate") else None
        if name == "CancelProdnOrdConf":
            key = options.get("ExternalSystemConfirmation")
            row = confirmations.cancel(
                books, _text(options, "ConfirmationGroup"), _text(options, "ConfirmationCount"), user,
                posted=posted, text=_text(options, "ConfirmationText", needed=False),
                external=from_literal(GUID, key) if key else None,
            )  # fmt: skip
            return as_json(
                200, {"d": render.v2(books, _entity(confirmations.CONFIRMATION), row, request.base)}
            )
        if name == "GetConfProposal":
            names = ("ConfirmationGroup", "OrderID", "OrderOperation", "Sequence")
            row = confirmations.proposal(books, {n: _text(options, n, needed=False) for n in names})
            return as_json(
                200, {"d": render.v2(books, _entity(confirmations.CONFIRMATION), row, request.base)}
            )
        if name == "GetGdsMvtProposal":
            names = ("ConfirmationGroup", "OrderID", "OrderOperation", "Sequence")
            asked: Row = {n: _text(options, n, needed=False) for n in names}
            if options.get("ConfirmationYieldQuantity"):
                asked["ConfirmationYieldQuantity"] = from_literal(YIELD, options["ConfirmationYieldQuantity"])
            shown_items = [
                render.v2(books, _entity(confirmations.ITEMS), row, request.base)
                for row in confirmations.movement_proposal(books, asked)
            ]
            return as_json(200, {"d": {"results": shown_items}})
        only = _text(options, "MaterialDocumentItem") if name == "CancelItem" else ""
        year, number = _text(options, "MaterialDocumentYear"), _text(options, "MaterialDocument")
        header, items = goods.cancel(books, year, number, posted, user, only)
        shown, kind = (items[0], "A_MaterialDocumentItem") if only else (header, "A_MaterialDocumentHeader")
        return as_json(200, {"d": render.v2(books, _entity(kind), shown, request.base)})

    def _v4(self, request: Request) -> Reply:
        resource = request.path.removeprefix(V4_ROOT).strip("/")
        entity = _entity("WorkCenterHeader")
        if request.method != "GET":
            raise Refusal(no.NOT_OFFERED, f"{request.method} is not offered here", status=405)
        if not resource:
            return as_json(
                200, {"@odata.context": "$metadata", "value": [{"name": entity.name, "url": entity.name}]}
            )
        if resource == "$metadata":
            return Reply(200, {"content-type": "application/xml"}, edmx(V4_SERVICE).encode())
        name, _, rest = resource.partition("(")
        if name != entity.name:
            raise not_found(f"segment '{name}'")
        options = dict(parse_qsl(request.query, keep_blank_values=True))
        query = query_of(entity, options, v4=True)
        if rest:
            row = self._row(entity, rest.removesuffix(")"))
            tag = self.books.etag(entity.name, row)
            return as_json(200, render.v4(self.books, entity, row, query.columns), etag=tag)
        rows = render.rows_of(self.books, entity)
        shown, following = render.page(query, rows, self.page_size)
        found: dict[str, Any] = {"@odata.context": f"$metadata#{entity.name}"}
        if query.counted:
            found["@odata.count"] = len(query.rows(rows))
        found["value"] = [render.v4(self.books, entity, row, query.columns) for row in shown]
        if following is not None:
            found["@odata.nextLink"] = _next_address(request, options, query.skip, query.top, following)
        return as_json(200, found)


def _entity(name: str) -> Entity:
    return next(one for own in services().values() for one in own if one.name == name)


def _text(options: Mapping[str, str], name: str, *, needed: bool = True) -> str:
    value = options.get(name, "")
    if not value:
        if needed:
            raise Refusal(no.BAD_SYNTAX, f"Parameter {name} is missing", target=name)
        return ""
    return str(from_literal(Field(name, "s", code="s"), value))


def _document(request: Request) -> dict[str, Any]:
    if "json" not in request.headers.get("content-type", ""):
        raise Refusal(no.NOT_OFFERED, "Only application/json is taken here", status=415)
    try:
        found = json.loads(request.body)
    except ValueError:
        raise Refusal(no.BAD_SYNTAX, "The body is not well-formed JSON") from None
    if not isinstance(found, dict):
        raise Refusal(no.BAD_SYNTAX, "The body is not an object")
    return found


def _accepts_json(request: Request, options: Mapping[str, str]) -> None:
    """V2 speaks Atom unless asked; this simulator speaks JSON only and says so."""
    asked = "json" in request.headers.get("accept", "") or options.get("$format") == "json"
    if request.method == "GET" and not asked:
        raise Refusal(
            no.NOT_OFFERED, "Ask for JSON with Accept or $format: Atom is not simulated", status=406
        )


def _next_address(
    request: Request, options: Mapping[str, str], skip: int, top: int | None, following: int
) -> str:
    kept = {name: value for name, value in options.items() if name not in ("$skip", "$skiptoken", "$top")}
    if top is not None:
        kept["$top"] = str(top - (following - skip))
    kept["$skiptoken"] = str(following)
    return f"{request.base}{quote(request.path)}?{urlencode(kept, safe='$', quote_via=quote)}"
