"""Abacus, the ERP of the connector guide: a plain JSON interface over stock documents and items, held in memory.

Owns its rules and nothing of the connector. References are not unique here, as in most ERPs.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

KEY = "abacus-key-7731"
PAGE = 2
Row = dict[str, Any]
Reply = tuple[int, Any]


def _items() -> list[Row]:
    rows = [
        ("FG-100", "Flange", "pcs"),
        ("RM-1", "Casting", "pcs"),
        ("RM-2", "Seal", "pcs"),
        ("OIL", "Oil", "kg"),
    ]
    return [
        {"id": number, "code": code, "name": name, "unit": unit, "active": True, "stock": Decimal(100),
         "changed": f"2026-01-0{number}T00:00:00+00:00"}
        for number, (code, name, unit) in enumerate(rows, start=1)
    ]  # fmt: skip


@dataclass
class Abacus:
    """The books, and what answers for them. `locked`: somebody works on the stock."""

    documents: list[Row] = field(default_factory=list)
    items: list[Row] = field(default_factory=_items)
    locked: bool = False
    guard: threading.Lock = field(default_factory=threading.Lock)

    def item(self, code: str) -> Row | None:
        return next((row for row in self.items if row["code"] == code and row["active"]), None)

    def change(self, code: str, /, **values: Any) -> None:
        """Somebody edits an item."""
        row = next(one for one in self.items if one["code"] == code)
        row |= values | {"changed": datetime.now(UTC).isoformat()}

    def answer(self, method: str, target: str, key: str, body: bytes) -> Reply:
        parts = urlsplit(target)
        path, query = unquote(parts.path), dict(parse_qsl(parts.query, keep_blank_values=True))
        if key != KEY:
            return 401, {"code": "key", "message": "no such key"}
        with self.guard:
            if method == "GET":
                return self._read(path, query)
            if self.locked:
                return 423, {"code": "locked", "message": "Miller works on the stock"}
            if path == "/documents":
                return self._draft(json.loads(body))
            _, _, number, verb = path.split("/")
            return self._move(number, verb)

    def _read(self, path: str, query: dict[str, str]) -> Reply:
        if path == "/me":
            return 200, {"version": "3.1"}
        if path == "/items/ids":
            return 200, [row["id"] for row in self.items]
        if path == "/items":
            mark = (query.get("since", ""), int(query.get("after") or 0))
            rows = sorted(self.items, key=lambda row: (row["changed"], row["id"]))
            left = [row for row in rows if (row["changed"], row["id"]) > mark]
            shown = [{name: row[name] for name in row if name != "stock"} for row in left[:PAGE]]
            return 200, {"rows": shown, "more": len(left) > PAGE}
        if path.startswith("/stock/"):
            row = self.item(path.removeprefix("/stock/"))
            if row is None:
                return 404, {"code": "item", "message": f"no item {path.removeprefix('/stock/')}"}
            return 200, {"quantity": str(row["stock"]), "name": row["name"]}
        if path == "/documents":
            found = [
                row for row in self.documents if query.get("reference", row["reference"]) == row["reference"]
            ]
            alive = [row for row in found if not (row["state"] == "cancelled" and not row["posted_at"])]
            return 200, [row for row in alive if row["made_at"] >= query.get("since", "")]
        return 404, {"code": "path", "message": "no such address"}

    def _draft(self, said: Row) -> Reply:
        if said["type"] != "reversal" and self.item(said["item"]) is None:
            return 422, {"code": "item", "message": f"no item {said['item']}"}
        now = datetime.now(UTC).isoformat()
        row = said | {
            "number": f"A{len(self.documents) + 1:05}",
            "state": "draft",
            "made_at": now,
            "posted_at": "",
        }
        self.documents.append(row)
        return 201, row

    def _move(self, number: str, verb: str) -> Reply:
        row = next((one for one in self.documents if one["number"] == number), None)
        if row is None:
            return 404, {"code": "document", "message": f"no document {number}"}
        if verb == "post" and row["state"] == "draft":
            self._take(row)
            row |= {"state": "posted", "posted_at": datetime.now(UTC).isoformat()}
        elif verb == "cancel":
            row["state"] = "cancelled"
        return 200, row

    def _take(self, row: Row) -> None:
        source, sign = row, -1
        if row["type"] == "reversal":
            source, sign = next(one for one in self.documents if one["reference"] == row["reverses"]), 1
        item = next(one for one in self.items if one["code"] == source["item"])
        item["stock"] += sign * Decimal(source["quantity"])


@contextmanager
def serving(abacus: Abacus) -> Iterator[str]:
    """The books behind HTTP for as long as the block runs; its address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, said = abacus.answer(self.command, self.path, self.headers.get("x-api-key", ""), body)
            content = json.dumps(said, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
