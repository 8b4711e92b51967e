"""A small simulated Business Central: API v2.0 of one company, with state, versions, tokens and faults on request.

Written from Microsoft's published descriptions of API v2.0: names and types of fields, keys, versions, error codes. A
journal line's number and a journal's code are keys, so neither is taken twice; posting takes all lines at once.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

from tests.erp_sync.bc_books import Row, company

COMPANY = "11111111-2222-3333-4444-555555555555"
ROOT = "/v2.0/acme/production"
CLIENT, SECRET = "the-application", "the-secret"
#: What a create or change may carry, and how it is written.
FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "journals": {"code": str, "displayName": str, "templateDisplayName": str, "balancingAccountId": str},
    "journalLines": {
        "lineNumber": int, "accountType": str, "accountId": str, "accountNumber": str, "postingDate": str,
        "documentNumber": str, "externalDocumentNumber": str, "amount": (int, float), "description": str,
        "comment": str, "taxCode": str, "balanceAccountType": str, "balancingAccountNumber": str,
    },
    "purchaseOrderLines": {"expectedReceiptDate": str, "quantity": (int, float), "description": str},
    "salesOrderLines": {"shipmentDate": str, "quantity": (int, float), "description": str},
}  # fmt: skip
LENGTHS = {"code": 10, "documentNumber": 20, "externalDocumentNumber": 35, "description": 100, "comment": 250}
PARENTS = {"purchaseOrderLines": "purchaseOrders", "salesOrderLines": "salesOrders"}


class Refused(Exception):
    """An answer of 400 or above with Microsoft's error document."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.body = status, {"error": {"code": code, "message": f"{text}  CorrelationId:  1."}}


@dataclass
class Fault:
    """`kind`: drop (effect, then the line is cut), before (502, nothing), throttle (429), expire (token forgotten)."""

    kind: str
    method: str = ""
    match: str = ""


class Server:
    """The running service. `asked` holds every request but token ones as (method, path, body)."""

    def __init__(self) -> None:
        self.books = company()
        self.url = ""
        self.token_url = ""
        self.tokens: set[str] = set()
        self.bought = 0
        self.life = 3600
        self.page_size = 1000
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.lock = threading.Lock()
        #: whether posted entries show at once; an environment may post in the background
        self.shows_entries = True
        #: somebody else holds the general journal
        self.locked = False

    @property
    def written(self) -> list[tuple[str, str, Any]]:
        return [one for one in self.asked if one[0] != "GET"]

    def fresh(self) -> None:
        self.books = company()
        self.faults.clear()
        self.asked.clear()
        self.page_size, self.life, self.shows_entries, self.locked = 1000, 3600, True, False

    def answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(target)
        if parts.path == "/token":
            return self._token(body)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query))
        fault = next((f for f in self.faults if f.method in ("", method) and f.match in path), None)
        if fault:
            self.faults.remove(fault)
        if fault and fault.kind == "expire":
            self.tokens.clear()
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {}, Refused(401, "Authentication_InvalidCredentials", "refused").body
        given = json.loads(body, parse_float=Decimal) if body else None
        self.asked.append((method, path.partition("/api/v2.0")[2], given))
        if fault and fault.kind == "before":
            return 502, {}, b"<html>Bad Gateway</html>"
        if fault and fault.kind == "throttle":
            return (
                429,
                {"Retry-After": "3"},
                Refused(429, "Application_TooManyRequests", "Too many requests").body,
            )
        try:
            status, found = self._act(method, path, query, headers, given)
        except Refused as refused:
            return refused.status, {}, refused.body
        if fault and fault.kind == "drop":
            return 0, {}, None
        return status, {}, found

    def _token(self, body: bytes) -> tuple[int, dict[str, str], Any]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        good = (form.get("grant_type"), form.get("client_id"), form.get("client_secret"))
        if good != ("client_credentials", CLIENT, SECRET) or not form.get("scope", "").endswith("/.default"):
            return 401, {}, {"error": "invalid_client"}
        self.bought += 1
        token = f"token-{self.bought}"
        self.tokens.add(token)
        return 200, {}, {"access_token": token, "expires_in": self.life, "token_type": "Bearer"}

    def _act(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], given: Any
    ) -> tuple[int, Any]:
        rest = path.removeprefix(f"{ROOT}/api/v2.0/")
        if rest == "companies":
            rows = [{"id": COMPANY, "name": "ACME", "displayName": "Acme GmbH"}]
            return 200, {"value": [r for r in rows if fits(r, query.get("$filter", ""))]}
        inside = re.fullmatch(rf"companies\({COMPANY}\)/(.+)", rest)
        if inside is None:
            raise Refused(404, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{rest}'")
        names = [re.fullmatch(r"([A-Za-z.]+)(?:\(([0-9a-f-]+)\))?", one) for one in inside[1].split("/")]
        steps = [(found[1], found[2] or "") for found in names if found]
        with self.lock:
            return self._inside(method, steps, query, headers, given)

    def _inside(
        self,
        method: str,
        steps: list[tuple[str, str]],
        query: dict[str, str],
        headers: dict[str, str],
        given: Any,
    ) -> tuple[int, Any]:
        (table, key), parent = steps[-1], (steps[0] if len(steps) > 1 else ("", ""))
        owner = self._row(*parent) if parent[0] else None
        if table == "Microsoft.NAV.post" and owner is not None and method == "POST":
            self._post(owner)
            return 204, None
        if method == "GET" and not key:
            return 200, self._list(table, owner, query)
        if method == "GET":
            return 200, self._show(table, self._row(table, key))
        if method == "POST":
            return 201, self._show(table, self._create(table, owner, check(table, given)))
        row = self._row(table, key)
        self._must_match(table, row, headers)
        if method == "DELETE" and table in ("journals", "journalLines"):
            self.books.tables[table].remove(row)
            if table == "journals":
                for line in self.books.find("journalLines", journalId=row["id"]):
                    self.books.tables["journalLines"].remove(line)
            return 204, None
        if method == "PATCH" and table in PARENTS:
            self._change(table, row, check(table, given))
            return 200, self._show(table, row)
        raise Refused(
            405, "BadRequest_MethodNotAllowed", f"'{method}' requests for '{table}' are not allowed"
        )

    def _row(self, table: str, key: str) -> Row:
        for row in self.books.tables.get(table, []):
            if row["id"] == key:
                return row
        raise Refused(404, "Internal_RecordNotFound", f"The {table} does not exist. Id='{key}'")

    def _must_match(self, table: str, row: Row, headers: dict[str, str]) -> None:
        said = headers.get("if-match", "")
        if not said:
            raise Refused(400, "BadRequest_InvalidToken", "Could not validate the client concurrency token")
        if said not in ("*", self._show(table, row)["@odata.etag"]):
            raise Refused(409, "Request_EntityChanged", "Another user has already changed the record.")

    def _create(self, table: str, owner: Row | None, given: Row) -> Row:
        books = self.books
        if self.locked:
            text = "A record in table 'Gen. Journal Batch' is locked by another user."
            raise Refused(400, "Application_DialogException", text)
        if table == "journals":
            if books.find(table, code=given.get("code")):
                raise Refused(
                    400, "Internal_EntityWithSameKeyExists", "The Gen. Journal Batch already exists."
                )
            return books.add(table, **given)
        if table != "journalLines" or owner is None:
            raise Refused(
                405, "BadRequest_MethodNotAllowed", f"'POST' requests for '{table}' are not allowed"
            )
        if books.find(table, journalId=owner["id"], lineNumber=given.get("lineNumber")):
            raise Refused(400, "Internal_EntityWithSameKeyExists", "The Gen. Journal Line already exists.")
        account = books.find("accounts", number=given.get("accountNumber"))
        if not account:
            raise Refused(
                400,
                "Application_DialogException",
                'The "accountNumber" does not match to a specific Account.',
            )
        return books.add(table, journalId=owner["id"], accountId=account[0]["id"], **given)

    def _post(self, journal: Row) -> None:
        books = self.books
        lines = books.find("journalLines", journalId=journal["id"])
        if not lines:
            raise Refused(400, "Application_DialogException", "There is nothing to post.")
        for line in lines:
            [account] = books.find("accounts", number=line["accountNumber"])
            if account["blocked"]:
                text = f"Blocked must be equal to 'No' in G/L Account: No.={line['accountNumber']}."
                raise Refused(400, "Application_FieldValidationException", text)
            if line["postingDate"] < "2026-01-01":
                raise Refused(
                    400, "Application_DialogException", "Posting Date is not within your range of dates"
                )
        if sum(Decimal(str(line["amount"])) for line in lines):
            raise Refused(400, "Application_DialogException", "Document is out of balance.")
        for line in lines:
            amount, books.entries = Decimal(str(line["amount"])), books.entries + 1
            books.add(
                "generalLedgerEntries" if self.shows_entries else "hidden",
                entryNumber=books.entries, postingDate=line["postingDate"], documentNumber=line["documentNumber"],
                documentType=" ", accountNumber=line["accountNumber"], description=line["description"],
                debitAmount=max(amount, Decimal(0)), creditAmount=max(-amount, Decimal(0)),
            )  # fmt: skip
            books.tables["journalLines"].remove(line)

    def _change(self, table: str, row: Row, given: Row) -> None:
        [order] = self.books.find(PARENTS[table], id=row["documentId"])
        if order["status"] == "Open" and "quantity" in given:
            raise Refused(
                400,
                "Application_FieldValidationException",
                "Status must be equal to 'Open'. Current value is 'Released'.",
            )
        done = row.get("receivedQuantity", row.get("shippedQuantity"))
        if given.get("quantity", done) < done:
            raise Refused(
                400, "Application_FieldValidationException", f"Quantity must not be less than {done}"
            )
        self.books.touch(row, **given)
        self.books.touch(order)

    def _list(self, table: str, owner: Row | None, query: dict[str, str]) -> Row:
        if table not in self.books.tables and table not in (
            "journals",
            "journalLines",
            "generalLedgerEntries",
        ):
            raise Refused(404, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{table}'")
        rows = [row for row in self.books.tables.get(table, []) if fits(row, query.get("$filter", ""))]
        if owner is not None:
            rows = [row for row in rows if owner["id"] in (row.get("journalId"), row.get("documentId"))]
        if order := query.get("$orderby"):
            rows.sort(key=lambda row: row[order])
        start = int(query.get("$skiptoken", 0))
        shown = rows[start : start + self.page_size]
        found: Row = {
            "@odata.context": f"$metadata#{table}",
            "value": [self._show(table, r, query) for r in shown],
        }
        if query.get("$count") == "true":
            found["@odata.count"] = len(rows)
        if start + self.page_size < len(rows):
            following = query | {"$skiptoken": str(start + self.page_size)}
            asked = "&".join(f"{name}={quote(value)}" for name, value in following.items())
            found["@odata.nextLink"] = (
                f"https://elsewhere.example{ROOT}/api/v2.0/companies({COMPANY})/{table}?{asked}"
            )
        return found

    def _show(self, table: str, row: Row, query: dict[str, str] | None = None) -> Row:
        shown = {name: value for name, value in row.items() if not name.startswith("_")}
        if table in PARENTS:
            del shown["lastModifiedDateTime"]
        shown["@odata.etag"] = f'W/"{row["id"][:8]}-{row["_v"]}"'
        part = (query or {}).get("$expand", "").partition("(")[0]
        if part:
            inner = self.books.find(part, documentId=row["id"])
            shown[part] = [self._show(part, one) for one in inner]
        return shown


def check(table: str, given: Any) -> Row:
    """A body's names, types and lengths."""
    known = FIELDS.get(table, {})
    for name, value in given.items():
        kind = known.get(name)
        if kind is None:
            raise Refused(400, "BadRequest", f"The property '{name}' does not exist on type '{table}'")
        plain = float(value) if isinstance(value, Decimal) else value
        if not isinstance(plain, kind) or isinstance(plain, bool):
            raise Refused(400, "BadRequest", f"Cannot convert the value of '{name}' to its type")
        if name.endswith("Date"):
            date.fromisoformat(value)
        if len(str(value)) > LENGTHS.get(name, 250):
            raise Refused(400, "Application_StringExceededLength", f"The length of '{name}' is too long")
    return dict(given)


def fits(row: Row, wanted: str) -> bool:
    """`eq` and `ge` joined by `and`, over a text, a number or a moment."""
    for one in filter(None, wanted.split(" and ")):
        name, verb, value = one.split(" ", 2)
        held, asked = str(row.get(name)), value.strip("'").replace("''", "'")
        if verb == "ge":
            if datetime.fromisoformat(held) < datetime.fromisoformat(asked):
                return False
        elif held != asked:
            return False
    return True


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A service on a free port for the length of a test."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra, found = server.answer(self.command, self.path, headers, self.rfile.read(length))
            if not status:
                self.close_connection = True
                return
            content = found if isinstance(found, bytes) else b"" if found is None else dump(found)
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    base = f"http://127.0.0.1:{http.server_address[1]}"
    server.url, server.token_url = f"{base}{ROOT}", f"{base}/token"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def dump(found: Any) -> bytes:
    return json.dumps(
        found, default=lambda value: float(value) if isinstance(value, Decimal) else str(value)
    ).encode()
