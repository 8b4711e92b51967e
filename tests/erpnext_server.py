"""A simulated ERPNext: a few document types held in memory behind Frappe's REST interface, with its ways.

Owns the rules that matter to the connector (one request is one transaction, stamps that must match, fields that may not
change after submitting, lines removed when they are not told, fields dropped without a word) and nothing of HTTP. It
proves the connector's reading of the documentation, not a live ERPNext.
"""

import copy
import json
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from tests.erp_host import Call, ErpHost, Reply
from tests.erpnext_plant import ALLOWED, FIELDS, SERIES, TABLES, Refusal, Row, matches, seed

KEY, SECRET = "erpnext-api-key", "erpnext-api-secret"
ZONE = ZoneInfo("Europe/Berlin")
PACKAGE = "/api/method/"
KEYED = ("Stock Entry", "Journal Entry", "Non Conformance")
READS = ("frappe.client.get_count", "frappe.auth.get_logged_user", "frappe.utils.change_log.get_versions",
         "erpnext.stock.doctype.batch.batch.get_batch_qty",
         "erpnext.manufacturing.doctype.work_order.work_order.make_stock_entry")  # fmt: skip


class ErpNextServer(ErpHost):
    """`key_field`: a unique custom field on the posted types, "" for none; `duplicate`: how a second one is refused.

    Switches: `refuse` (document type to the words of a refusal).
    """

    def __init__(self, key_field: str = "custom_posting_key") -> None:
        super().__init__()
        self.key_field = key_field
        self.duplicate = ("UniqueValidationError", 417)
        self.refuse: dict[str, str] = {}
        self.tables: dict[str, dict[str, Row]] = {doctype: {} for doctype in FIELDS}
        self.batches: dict[tuple[str, str], float] = {}
        self._count = 0
        self._ticks = 0
        seed(self)

    # What a test asks of the plant.

    def settings(self, **more: Any) -> dict[str, Any]:
        """Settings of a connection to this server."""
        made = {
            "url": self.url, "database": "", "username": KEY, "password": SECRET, "timezone": "Europe/Berlin",
            "company": "Rhine Falls", "key_field": self.key_field, "connect_timeout": 30, "read_timeout": 30,
            "blocked": {"RHF": "Quarantine - RF"}, "stock": {"RHF": "Stores - RF"}, "site": {"RHF": "All - RF"},
            "location": {"STO": "Stores - RF"}, "defect": {"burr": "Surface"}, "work_centre": {"PRESS": "Press"},
            "cost_account": {"scrap": "Scrap Costs - RF", "clearing": "Clearing - RF"},
            "cost_center": {"LINE-1": "Main - RF"},
        }  # fmt: skip
        return made | more

    def documents(self, key: str) -> list[str]:
        """Names of the documents that have their effect under a key."""
        return [
            row["name"]
            for row in self.under(key)
            if row["docstatus"] == 1 or row.get("status") in ("Open", "Resolved")
        ]

    def under(self, key: str) -> list[Row]:
        """All that carries a key, whatever became of it."""
        found = []
        for doctype, text in zip(KEYED, ("remarks", "user_remark", "subject"), strict=True):
            found += [row for row in self.tables[doctype].values() if str(row[text] or "").startswith(key)]
        return found

    def row(self, doctype: str, name: str) -> Row:
        return self.tables[doctype][name]

    def only(self, doctype: str) -> Row:
        rows = list(self.tables[doctype].values())
        assert len(rows) == 1, (doctype, len(rows))
        return rows[0]

    def stock(self, item: str, warehouse: str) -> float:
        return sum(
            r["actual_qty"]
            for r in self.tables["Bin"].values()
            if (r["item_code"], r["warehouse"]) == (item, warehouse)
        )

    def add(self, doctype: str, name: str = "", **values: Any) -> Row:
        """A new document as it stands in the books."""
        if not name:
            self._count += 1
            name = f"{SERIES.get(doctype, doctype)}{self._count:05}"
        names = (*FIELDS[doctype], *([self.key_field] if self.key_field and doctype in KEYED else []))
        row: Row = dict.fromkeys(names) | {"docstatus": 0}
        row |= {field: value for field, value in values.items() if field in row}
        row |= {"name": name, "creation": self.stamp()}
        self.tables[doctype][name] = row
        for table in TABLES.get(doctype, {}):
            self._table(doctype, row, table)
        row["modified"] = self.stamp()
        return row

    def change(self, doctype: str, name: str, **values: Any) -> None:
        """Another hand writes."""
        self.tables[doctype][name] |= values | {"modified": self.stamp()}

    def put(self, item: str, warehouse: str, quantity: float, lot: str = "") -> None:
        """Stock comes or goes; a warehouse emptied keeps its row."""
        found = [
            r for r in self.tables["Bin"].values() if (r["item_code"], r["warehouse"]) == (item, warehouse)
        ]
        row = found[0] if found else self.add("Bin", item_code=item, warehouse=warehouse, actual_qty=0.0)
        if row["actual_qty"] + quantity < 0:
            raise Refusal("NegativeStockError", f"{-quantity} units of <b>{item}</b> needed in {warehouse}")
        self.change("Bin", row["name"], actual_qty=row["actual_qty"] + quantity)
        if lot:
            self.batches[lot, warehouse] = self.batches.get((lot, warehouse), 0.0) + quantity

    def stamp(self) -> str:
        """The site's own time, each one later than the one before."""
        self._ticks += 1
        return f"{self.now.astimezone(ZONE):%Y-%m-%d %H:%M:%S}.{self._ticks:06}"

    def _table(self, doctype: str, row: Row, table: str) -> None:
        rows = []
        for number, line in enumerate(row[table] or [], 1):
            kept = {"name": f"{row['name']}-{table}-{number}", "qty": None, "is_finished_item": 0} | line
            rows.append(kept | {"idx": number, "parent": row["name"], "parenttype": doctype})
        row[table] = rows

    # The door.

    def writes(self, call: Call) -> bool:
        return call.method != "GET"

    def refuse_login(self) -> Reply:
        return self._error(Refusal("AuthenticationError", "Authentication failed", 401))

    def locked(self, call: Call) -> Reply:
        return self._error(Refusal("DocumentLockedError", "This document is currently locked"))

    def bereft(self, call: Call) -> Reply:
        return self._error(Refusal("OperationalError", "(2013, 'Lost connection to MySQL server')", 500))

    def failed(self, call: Call) -> Reply:
        return self._error(Refusal("AttributeError", "'NoneType' object has no attribute 'name'", 500))

    @staticmethod
    def _error(refusal: Refusal) -> Reply:
        shown = [json.dumps({"message": refusal.words, "indicator": "red"})] if refusal.words else []
        said = {
            "exc_type": refusal.kind,
            "exception": f"frappe.exceptions.{refusal.kind}: {refusal.words}",
            "_server_messages": json.dumps(shown),
        }
        return Reply(refusal.status, json.dumps(said).encode())

    def respond(self, call: Call) -> Reply:
        if call.headers.get("authorization") != f"token {KEY}:{SECRET}":
            return self.refuse_login()
        reading = call.method == "GET"
        before = None if reading else copy.deepcopy((self.tables, self.batches))
        try:
            return Reply(body=json.dumps(self._run(call)).encode())
        except Refusal as refusal:
            if before is not None:
                self.tables, self.batches = before
            return self._error(refusal)

    def _run(self, call: Call) -> Row:
        if call.path.startswith(PACKAGE):
            method = call.path.removeprefix(PACKAGE)
            given = dict(call.query) if call.method == "GET" else json.loads(call.body)
            if method in READS or call.method == "POST":
                handler: Callable[..., Any] | None = getattr(self, f"_ask_{method.rsplit('.', 1)[-1]}", None)
                if handler is not None:
                    return {"message": handler(**given)}
            raise Refusal("ValidationError", f"Failed to get method for command {method}")
        if not call.path.startswith("/api/resource/"):
            raise Refusal("DoesNotExistError", "Page not found", 404)
        doctype, _, name = call.path.removeprefix("/api/resource/").partition("/")
        if not any(doctype == known or doctype in TABLES.get(known, {}).values() for known in FIELDS):
            raise Refusal("DoesNotExistError", f"DocType {doctype} not found", 404)
        body = json.loads(call.body) if call.body else {}
        match call.method, bool(name):
            case "GET", False:
                return {"data": self._list(doctype, call.query)}
            case "GET", True:
                return {"data": self._get(doctype, name)}
            case "POST", False:
                return {"data": self._insert(doctype, body)}
            case "PUT", True:
                return {"data": self._update(doctype, name, body)}
        raise Refusal("PermissionError", "Not permitted", 403)

    def _list(self, doctype: str, query: Row) -> list[Row]:
        rows: list[Row] = []
        if doctype in self.tables:
            rows = list(self.tables[doctype].values())
        elif query.get("parent"):
            field = next(table for table, child in TABLES[query["parent"]].items() if child == doctype)
            rows = [line for row in self.tables[query["parent"]].values() for line in row[field]]
        else:
            raise Refusal("PermissionError", f"No permission for {doctype}", 403)
        found = [row for row in rows if matches(row, json.loads(query.get("filters", "[]")))]
        for part in reversed(query.get("order_by", "modified desc").split(",")):
            name, _, way = part.strip().partition(" ")
            found.sort(key=lambda row: row[name], reverse=way == "desc")
        start, length = int(query.get("limit_start", 0)), int(query.get("limit_page_length", 20))
        wanted = json.loads(query.get("fields", '["name"]'))
        unknown = [name for row in found[:1] for name in wanted if name not in row]
        if unknown:
            raise Refusal("DataError", f"Field not permitted in query: {unknown[0]}")
        return [
            {name: row[name] for name in wanted}
            for row in (found[start:][:length] if length else found[start:])
        ]

    def _get(self, doctype: str, name: str) -> Row:
        if name not in self.tables[doctype]:
            raise Refusal("DoesNotExistError", f"{doctype} {name} not found", 404)
        return self.tables[doctype][name]

    def _insert(self, doctype: str, body: Row) -> Row:
        if doctype in self.refuse:
            raise Refusal("ValidationError", self.refuse[doctype])
        key = body.get(self.key_field) if self.key_field else None
        if key and any(row.get(self.key_field) == key for row in self.tables[doctype].values()):
            raise Refusal(self.duplicate[0], f"{self.key_field} must be unique", self.duplicate[1])
        self._links(doctype, body)
        row = self.add(
            doctype,
            str(body.get("batch_id") or ""),
            **{k: v for k, v in body.items() if k not in ("name", "doctype")},
        )
        if body.get("docstatus") == 1:
            self._submit(doctype, row)
        return row

    def _links(self, doctype: str, body: Row) -> None:
        """What a document names must exist."""
        named = [("Quality Procedure", body.get("procedure")), ("Company", body.get("company"))]
        for line in body.get("items") or []:
            named += [
                ("Item", line.get("item_code")),
                ("Batch", line.get("batch_no")),
                ("UOM", line.get("uom")),
            ]
            named += [("Warehouse", line.get("s_warehouse")), ("Warehouse", line.get("t_warehouse"))]
        for line in body.get("accounts") or []:
            named += [("Account", line.get("account")), ("Cost Center", line.get("cost_center"))]
        for target, name in named:
            if name and name not in self.tables[target]:
                raise Refusal("LinkValidationError", f"Could not find {target}: {name}")
        if doctype == "Non Conformance" and not (body.get("procedure") and body.get("subject")):
            raise Refusal("MandatoryError", "procedure, subject")
        if len(str(body.get("subject") or "")) > 140:
            raise Refusal(
                "CharacterLengthExceededError", "subject will get truncated, as max characters allowed is 140"
            )

    def _submit(self, doctype: str, row: Row) -> None:
        row["docstatus"] = 1
        if doctype == "Stock Entry":
            self._book(row, 1)
        if doctype == "Journal Entry":
            debit = sum(line.get("debit_in_account_currency") or 0 for line in row["accounts"])
            credit = sum(line.get("credit_in_account_currency") or 0 for line in row["accounts"])
            if debit != credit:
                raise Refusal("ValidationError", "Total Debit must be equal to Total Credit")

    def _book(self, row: Row, sign: int) -> None:
        order = self.tables["Work Order"].get(row["work_order"] or "")
        if order is not None and sign > 0 and order["produced_qty"] + row["fg_completed_qty"] > order["qty"]:
            raise Refusal(
                "StockOverProductionError", "For quantity should not be greater than allowed quantity"
            )
        for line in sorted(row["items"], key=lambda line: -sign if line.get("s_warehouse") else sign):
            lot = line.get("batch_no") or ""
            if line.get("s_warehouse"):
                self.put(line["item_code"], line["s_warehouse"], -sign * line["qty"], lot)
            if line.get("t_warehouse"):
                self.put(line["item_code"], line["t_warehouse"], sign * line["qty"], lot)
        if order is not None:
            made = order["produced_qty"] + sign * row["fg_completed_qty"]
            status = "Completed" if made >= order["qty"] else "In Process" if made else "Not Started"
            self.change("Work Order", order["name"], produced_qty=made, status=status)

    def _update(self, doctype: str, name: str, body: Row) -> Row:
        row = self._get(doctype, name)
        if body.get("modified", row["modified"]) != row["modified"]:
            raise Refusal("TimestampMismatchError", "Document has been modified after you have opened it")
        fields = {field: value for field, value in body.items() if field not in ("modified", "docstatus")}
        if row["docstatus"] == 1 and set(fields) - ALLOWED.get(doctype, set()):
            raise Refusal(
                "UpdateAfterSubmitError", f"Not allowed to change {sorted(fields)[0]} after submission"
            )
        row |= {field: value for field, value in fields.items() if field in row}
        if row["docstatus"] == 0 and body.get("docstatus") == 1:
            self._submit(doctype, row)
        row["modified"] = self.stamp()
        return row

    # Methods.

    def _ask_get_logged_user(self) -> str:
        return "connector@plant.example"

    def _ask_get_versions(self) -> Row:
        return {"frappe": {"version": "15.80.0"}, "erpnext": {"version": "15.78.1"}}

    def _ask_get_count(self, doctype: str, filters: str) -> int:
        return sum(matches(row, json.loads(filters)) for row in self.tables[doctype].values())

    def _ask_get_batch_qty(self, batch_no: str, warehouse: str, item_code: str) -> float:
        return self.batches.get((batch_no, warehouse), 0.0)

    def _ask_make_stock_entry(self, work_order_id: str, purpose: str, qty: str) -> Row:
        order, made = self._get("Work Order", work_order_id), float(qty)
        share = made / order["qty"]
        items = [
            {"item_code": one["item_code"], "qty": one["required_qty"] * share, "s_warehouse": order["wip_warehouse"]}
            for one in order["required_items"]
        ]  # fmt: skip
        items.append({"item_code": order["production_item"], "qty": made, "t_warehouse": order["fg_warehouse"],
                      "is_finished_item": 1})  # fmt: skip
        return {"doctype": "Stock Entry", "__islocal": 1, "docstatus": 0, "name": "new-stock-entry-1",
                "purpose": purpose, "stock_entry_type": purpose, "work_order": work_order_id, "from_bom": 1,
                "company": order["company"], "fg_completed_qty": made, "items": items}  # fmt: skip

    def _ask_cancel(self, doctype: str, name: str) -> Row:
        row = self._get(doctype, name)
        if row["docstatus"] != 1:
            raise Refusal("ValidationError", "Cannot cancel a document that is not submitted")
        if doctype == "Stock Entry":
            self._book(row, -1)
        row |= {"docstatus": 2, "modified": self.stamp()}
        return row

    def _ask_update_child_qty_rate(
        self, parent_doctype: str, trans_items: str, parent_doctype_name: str, child_docname: str = "items"
    ) -> None:
        """Lines that are not told are removed."""
        order = self._get(parent_doctype, parent_doctype_name)
        told = {line["docname"]: line for line in json.loads(trans_items)}
        kept = []
        for line in order[child_docname]:
            if line["name"] in told:
                new = {name: value for name, value in told[line["name"]].items() if name in line}
                kept.append(line | new)
        order |= {child_docname: kept, "modified": self.stamp()}
