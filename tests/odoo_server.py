"""A simulated Odoo: a few models held in memory, behind JSON-2 and XML-RPC, with Odoo's own ways.

Owns a small plant, Odoo's rules that matter to the connector (one call is one transaction, windows instead of effects,
nothing can't be said over XML-RPC, fields that differ by series) and nothing of HTTP. It proves the connector's reading
of the documentation, not a live Odoo.
"""

import copy
import json
import xmlrpc.client
from datetime import timedelta
from typing import Any

from tests.erp_host import Call, ErpHost, Reply
from tests.odoo_buttons import Buttons
from tests.odoo_plant import MODELS, RELATIONS, Refusal, Row, matches, seed, shown

DATABASE, USER, KEY = "plant", "connector@plant.example", "odoo-api-key"
READS = ("search_read", "search_count", "fields_get", "context_get", "read")
CODES = {"AccessDenied": 3, "AccessError": 4, "UserError": 2, "ValidationError": 2, "MissingError": 2}
STATUS = {"AccessDenied": 401, "AccessError": 403, "MissingError": 404, "NotFound": 404, "UserError": 422}


class OdooServer(Buttons, ErpHost):
    """`series` 17, 18 or 19; from 19 on JSON-2 answers, before only XML-RPC.

    Switches: `ask` (button name to a window's model: it answers with that window instead of acting), `refuse` (button
    name to the words of a refusal), `without` (models that are not installed).
    """

    def __init__(self, series: int = 19) -> None:
        super().__init__()
        self.series = series
        self.tables: dict[str, dict[int, Row]] = {model: {} for model in MODELS}
        self.ask: dict[str, str] = {}
        self.refuse: dict[str, str] = {}
        self.without: set[str] = set()
        self._next = 1
        seed(self)

    # What a test asks of the plant.

    def settings(self, **more: Any) -> dict[str, Any]:
        """Settings of a connection to this server."""
        made = {
            "url": self.url, "database": DATABASE, "username": USER, "password": KEY, "timezone": "Europe/Berlin",
            "connect_timeout": 30, "read_timeout": 30,
            "blocked": {"RHF": "WH/Blocked"}, "site": {"RHF": "WH"}, "location": {"STO": "WH/Stock"},
            "reason": {"burr": "Burr"}, "work_unit": {"PRESS-1": "Press 1"}, "work_centre": {"PRESS": "WC-PRESS"},
        }  # fmt: skip
        return made | more

    def documents(self, key: str) -> list[str]:
        """Numbers of the documents that have their effect under a key."""
        found = [r["name"] for r in self.rows("stock.picking") if r["origin"] == key and r["state"] == "done"]
        found += [r["name"] for r in self.rows("stock.scrap") if r["origin"] == key and r["state"] == "done"]
        found += [r["name"] for r in self.rows("mrp.unbuild") if r["name"] == key and r["state"] == "done"]
        for row in self.rows("mrp.production"):
            if key in str(row["origin"] or "").split() and row["state"] == "done":
                found.append(row["name"])
        for row in self.rows("mrp.workcenter.productivity"):
            if row["description"].startswith(key) and "taken back" not in row["description"]:
                found.append(f"T{row['id']}")
        for row in self.rows("maintenance.request"):
            if row["name"].startswith(key) and not row["archive"]:
                found.append(f"MR{row['id']}")
        return found

    def leftovers(self, key: str) -> list[str]:
        """Begun documents of a key that are neither done nor cancelled."""
        models = ("stock.picking", "stock.scrap", "mrp.unbuild", "mrp.production")
        return [
            f"{model} {row['state']}"
            for model in models
            for row in self.rows(model)
            if key in (row.get("origin") or row["name"]) and row["state"] not in ("done", "cancel")
        ]

    def rows(self, model: str) -> list[Row]:
        return list(self.tables[model].values())

    def find(self, model: str, **wanted: Any) -> Row:
        """The one row with these values, to be looked at or changed as another hand would."""
        rows = [r for r in self.rows(model) if all(r[name] == value for name, value in wanted.items())]
        assert len(rows) == 1, (model, wanted, len(rows))
        return rows[0]

    def stock(self, item: str, place: str) -> float:
        """What is on hand of an item in one place."""
        return sum(
            r["quantity"]
            for r in self.rows("stock.quant")
            if self.code(r["product_id"]) == item and self.place(r["location_id"]) == place
        )

    def add(self, model: str, **values: Any) -> int:
        """A new row as it stands in the books."""
        record, self._next = self._next, self._next + 1
        blank: Row = dict.fromkeys(self.names(model), False)
        if "active" in blank:
            blank["active"] = True
        self.tables[model][record] = blank | values | {"id": record, "write_date": self.stamp()}
        return record

    def change(self, model: str, record: int, **values: Any) -> None:
        """Another hand writes."""
        self.tables[model][record] |= values | {"write_date": self.stamp()}

    def code(self, product: int) -> str:
        return str(self.tables["product.product"][product]["default_code"])

    def place(self, location: int) -> str:
        return str(self.tables["stock.location"][location]["complete_name"])

    def names(self, model: str) -> set[str]:
        """A model's fields in this series."""
        names = set(MODELS[model]) | {"id", "write_date", "display_name"}
        if model == "mrp.production":
            names -= {"lot_producing_id"} if self.series >= 19 else {"lot_producing_ids"}
        if model == "stock.move" and self.series >= 19:
            names -= {"name"}
        return names

    def stamp(self) -> str:
        return self.now.strftime("%Y-%m-%d %H:%M:%S")

    # The two doors.

    def writes(self, call: Call) -> bool:
        if call.path.startswith("/json/2/"):
            return call.path.rsplit("/", 1)[-1] not in READS
        if call.path == "/xmlrpc/2/object":
            return not any(f"<string>{name}</string>".encode() in call.body for name in READS)
        return False

    def refuse_login(self) -> Reply:
        if self.series >= 19:
            return self._error(Refusal("Unauthorized", "Invalid apikey"), 401)
        return self._fault(Refusal("AccessDenied", "Access Denied"))

    def locked(self, call: Call) -> Reply:
        words = "could not serialize access due to concurrent update"
        trouble = Refusal("SerializationFailure", words)
        return self._error(trouble, 500) if call.path.startswith("/json") else self._fault(trouble)

    def bereft(self, call: Call) -> Reply:
        words = "server closed the connection unexpectedly"
        trouble = Refusal("psycopg2.OperationalError", words)
        return self._error(trouble, 500) if call.path.startswith("/json") else self._fault(trouble)

    def failed(self, call: Call) -> Reply:
        trouble = Refusal("KeyError", "'mail_thread'")
        return self._error(trouble, 500) if call.path.startswith("/json") else self._fault(trouble)

    def respond(self, call: Call) -> Reply:
        if call.path == "/web/version" and self.series >= 19:
            said = {"version_info": [self.series, 0, 0, "final", 0, ""], "version": f"{self.series}.0"}
            return Reply(body=json.dumps(said).encode())
        if call.path.startswith("/json/2/") and self.series >= 19:
            return self._json2(call)
        if call.path == "/xmlrpc/2/common":
            return self._common(call)
        if call.path == "/xmlrpc/2/object":
            return self._object(call)
        return Reply(404, b"<html>Not Found</html>", "text/html")

    def _json2(self, call: Call) -> Reply:
        if call.headers.get("authorization") != f"bearer {KEY}":
            return self.refuse_login()
        if call.headers.get("x-odoo-database", DATABASE) != DATABASE:
            return Reply(404, b"<html>no such database</html>", "text/html")
        model, method = call.path.removeprefix("/json/2/").split("/")
        body = json.loads(call.body)
        ids, context = body.pop("ids", None), body.pop("context", {})
        try:
            result = self._transaction(model, method, ids, context, body)
        except Refusal as refusal:
            return self._error(refusal, STATUS.get(refusal.name, 500))
        return Reply(body=json.dumps(result).encode())

    def _error(self, refusal: Refusal, status: int) -> Reply:
        package = "werkzeug.exceptions" if refusal.name in ("NotFound", "Unauthorized") else "odoo.exceptions"
        said = {"name": f"{package}.{refusal.name}", "message": refusal.words, "arguments": [refusal.words],
                "context": {}, "debug": "Traceback (most recent call last): ..."}  # fmt: skip
        return Reply(status, json.dumps(said).encode())

    def _common(self, call: Call) -> Reply:
        args, method = xmlrpc.client.loads(call.body)
        if method == "version":
            info = [self.series, 0, 0, "final", 0, ""]
            return self._said({"server_version": f"{self.series}.0", "server_version_info": info})
        good = tuple(args[:3]) == (DATABASE, USER, KEY)
        return self._said(7 if good else False)

    def _object(self, call: Call) -> Reply:
        (database, uid, key, model, method, args, named), _ = xmlrpc.client.loads(call.body)  # type: ignore[misc]
        if (database, uid, key) != (DATABASE, 7, KEY):
            return self._fault(Refusal("AccessDenied", "Access Denied"))
        context = named.pop("context", {})  # type: ignore[union-attr]
        rest, ids = list(args), None  # type: ignore[arg-type]
        if method == "create":
            named["vals_list"] = rest.pop(0)  # type: ignore[index,call-overload]
        elif rest:
            ids = rest.pop(0)
        try:
            result = self._transaction(str(model), str(method), ids, context, named)  # type: ignore[arg-type]
        except Refusal as refusal:
            return self._fault(refusal)
        if result is None:
            return self._fault(Refusal("TypeError", "cannot marshal None unless allow_none is enabled"))
        return self._said(result)

    def _said(self, result: Any) -> Reply:
        return Reply(body=xmlrpc.client.dumps((result,), methodresponse=True).encode(), kind="text/xml")

    def _fault(self, refusal: Refusal) -> Reply:
        code, words = CODES.get(refusal.name, 1), refusal.words
        if code == 1:
            words = f"Traceback (most recent call last):\n  File ...\n{refusal.name}: {refusal.words}\n"
        fault = xmlrpc.client.Fault(code, words)
        return Reply(body=xmlrpc.client.dumps(fault, methodresponse=True).encode(), kind="text/xml")

    # One call is one transaction.

    def _transaction(self, model: str, method: str, ids: list[int] | None, context: Row, named: Row) -> Any:
        if method in READS:
            return self._run(model, method, ids, context, named)
        before, number = copy.deepcopy(self.tables), self._next
        try:
            return self._run(model, method, ids, context, named)
        except Refusal:
            self.tables, self._next = before, number
            raise

    def _run(self, model: str, method: str, ids: list[int] | None, context: Row, named: Row) -> Any:
        if (model, method) == ("res.users", "context_get"):
            return {"lang": "en_US", "tz": "UTC"}
        if model not in MODELS or model in self.without:
            raise Refusal("NotFound" if self.series >= 19 else "UserError", self._no_model(model))
        generic = getattr(self, f"_do_{method}", None)
        if generic is not None:
            return generic(model, ids, context, **named)
        if method in self.refuse:
            raise Refusal("UserError", self.refuse[method])
        if method in self.ask:
            return self.window(self.ask[method])
        button = getattr(self, f"_{model.replace('.', '_')}__{method}", None)
        if button is None or (method == "set_qty_producing" and self.series < 18):
            raise Refusal("NotFound", f"The method '{model}.{method}' does not exist")
        for record in ids or []:
            result = button(self._row(model, record), context)
        return result

    def _no_model(self, model: str) -> str:
        if self.series >= 19:
            return f"the model '{model}' does not exist"
        return f"Object {model} doesn't exist"

    def _row(self, model: str, record: int) -> Row:
        if record not in self.tables[model]:
            raise Refusal("MissingError", "Record does not exist or has been deleted.")
        return self.tables[model][record]

    def _do_fields_get(self, model: str, ids: Any, context: Row, attributes: Any = None) -> Row:
        return {name: {"type": "char"} for name in self.names(model)}

    def _do_search_count(self, model: str, ids: Any, context: Row, domain: list[Any]) -> int:
        return len(self._search(model, domain, context))

    def _do_search_read(
        self, model: str, ids: Any, context: Row, domain: list[Any], fields: list[str],
        order: str = "id", limit: int | None = None, offset: int = 0,
    ) -> list[Row]:  # fmt: skip
        unknown = set(fields) - self.names(model)
        if unknown:
            raise Refusal("ValueError", f"Invalid field {sorted(unknown)[0]!r} on {model!r}")
        found = self._search(model, domain, context)
        for name in reversed([part.strip() for part in order.split(",")]):
            found.sort(key=lambda row: row[name])
        rows = found[offset:] if limit is None else found[offset : offset + limit]
        return [{"id": row["id"]} | {name: shown(self, model, row, name) for name in fields} for row in rows]

    def _search(self, model: str, domain: list[Any], context: Row) -> list[Row]:
        found = [row for row in self.rows(model) if matches(self, model, row, domain)]
        if "active" in self.names(model) and context.get("active_test", True):
            found = [row for row in found if row["active"]]
        return found

    def _do_create(self, model: str, ids: Any, context: Row, vals_list: list[Row]) -> list[int]:
        return [self._create(model, dict(values)) for values in vals_list]

    def _create(self, model: str, values: Row) -> int:
        unknown = set(values) - self.names(model)
        if unknown:
            raise Refusal("ValueError", f"Invalid field {sorted(unknown)[0]!r} on {model!r}")
        lines = values.pop("move_ids", []) if model == "stock.picking" else []
        if model == "stock.move" and self.series < 19 and not values.get("name"):
            raise Refusal("ValidationError", "Missing required field 'Description' (name)")
        for name, target in RELATIONS.get(model, {}).items():
            if isinstance(values.get(name), int) and values[name] and values[name] not in self.tables[target]:
                raise Refusal("MissingError", "Record does not exist or has been deleted.")
        if model == "mrp.workcenter.productivity" and not (
            values.get("loss_id") and values.get("workcenter_id")
        ):
            raise Refusal("ValidationError", "Missing required field 'Loss Reason' (loss_id)")
        values |= self._defaults(model, values)
        record = self.add(model, **values)
        for _add, _zero, line in lines:
            self._create("stock.move", dict(line) | {"picking_id": record, "state": "draft"})
        if model == "stock.move.line":
            self._assigned(self.tables["stock.picking"][values["picking_id"]])
        return record

    def _defaults(self, model: str, values: Row) -> Row:
        match model:
            case "stock.picking":
                return {"name": f"WH/INT/{self._next:05}", "state": "draft"}
            case "stock.scrap":
                return {"name": f"SP/{self._next:05}", "state": "draft"}
            case "mrp.unbuild":
                return {"state": "draft"} | ({} if values.get("name") else {"name": f"UB/{self._next:05}"})
            case "maintenance.request":
                return {"stage_id": self.find("maintenance.stage", name="New")["id"]}
        return {}

    def _do_write(self, model: str, ids: list[int], context: Row, vals: Row) -> bool:
        unknown = set(vals) - self.names(model)
        if unknown:
            raise Refusal("ValueError", f"Invalid field {sorted(unknown)[0]!r} on {model!r}")
        for record in ids:
            row = self._row(model, record)
            if model == "mrp.production" and row["state"] in ("done", "cancel") and "qty_producing" in vals:
                raise Refusal("UserError", "You cannot change a finished manufacturing order.")
            plain = {
                name: value[0][2] if isinstance(value, list) and value and value[0][0] == 6 else value
                for name, value in vals.items()
            }
            row |= plain | {"write_date": self.stamp()}
        return True

    def _do_unlink(self, model: str, ids: list[int], context: Row) -> bool:
        for record in ids:
            if self._row(model, record).get("state") == "done":
                raise Refusal("UserError", "You cannot delete what is done.")
            gone = self.tables[model].pop(record)
            if model == "stock.move.line":
                self._assigned(self.tables["stock.picking"][gone["picking_id"]])
        return True

    def later(self, days: float) -> str:
        return (self.now + timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")
