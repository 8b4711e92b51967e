"""Calls on one ERPNext site: documents and methods over its REST interface, and what each of its errors means.

Owns the token login, lists page by page, and the table of causes. One request is one transaction: an error Frappe
itself words was rolled back. Format source: Frappe's REST API pages. Must not know: postings, the outbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from erp_sync.adapters.edge import Answer, Edge
from erp_sync.adapters.port import Step
from erp_sync.errors import ErpRejected, ErpUnavailable

Row = dict[str, Any]
Filters = Sequence[Sequence[Any]]

#: So many names go into one address.
PART = 50
_TAGS = re.compile(r"<[^>]+>")
#: Frappe's classes of errors whose cause is known. The rest of what it words is `erpnext.refused`.
CAUSES: dict[str, str] = {
    "DoesNotExistError": "erp.not_found",
    "LinkValidationError": "erpnext.link",
    "MandatoryError": "erpnext.mandatory",
    "NegativeStockError": "erp.short_stock",
    "BatchNegativeStockError": "erp.short_stock",
    "StockOverProductionError": "erpnext.over_production",
    "UpdateAfterSubmitError": "erpnext.after_submit",
    "PermissionError": "erpnext.not_authorised",
    "DuplicateEntryError": "erpnext.duplicate",
    "UniqueValidationError": "erpnext.duplicate",
}
#: Somebody else holds the document, or the site rests: nothing happened, and it is worth sending again.
BUSY = frozenset(
    {
        "DocumentLockedError", "QueryDeadlockError", "QueryTimeoutError", "RateLimitExceededError",
        "TooManyRequestsError", "SessionStopped", "InReadOnlyMode", "SessionBootFailed",
    }
)  # fmt: skip
#: The site's database went away under the call: whether the commit still went through, the site can't know.
LOST = frozenset({"OperationalError", "InterfaceError", "DatabaseError"})
_LOGIN = frozenset({"AuthenticationError", "SessionExpired", "InvalidAuthorizationToken"})
#: Said by what stands in front of the site, however it words its body.
_ON_THE_WAY = frozenset({408, 502, 504})


class Client:
    """One login. `settings`: url, username (API key), password (API secret), time-outs.

    `writes` counts calls that took effect or may have; a refusal was rolled back and is not one.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._edge = Edge(settings, product="ERPNext", name="erpnext")
        self._token = f"token {settings.get('username') or ''}:{settings.get('password') or ''}"
        self.writes = 0

    @property
    def server_time(self) -> datetime | None:
        return self._edge.server_time

    def close(self) -> None:
        self._edge.close()

    def rows(
        self,
        doctype: str,
        filters: Filters,
        fields: Sequence[str],
        *,
        order: str = "name asc",
        limit: int = 0,
        parent: str = "",
    ) -> list[Row]:
        """Documents of a type, without their tables; `limit` 0 for all. Rows of a table name their `parent` type."""
        params = {
            "filters": json.dumps([list(one) for one in filters]),
            "fields": json.dumps(list(fields)),
            "order_by": order,
            "limit_start": "0",
            "limit_page_length": str(limit),
        } | ({"parent": parent} if parent else {})
        found = self._read(resource(doctype), params, "data")
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise self._edge.garbled("(no list of documents)")
        return found

    def pages(
        self, doctype: str, filters: Filters, fields: Sequence[str], *, size: int
    ) -> Iterator[list[Row]]:
        """Documents page by page, by name: one taken away meanwhile moves no other one out of sight."""
        last: list[list[Any]] = []
        while True:
            found = self.rows(doctype, [*filters, *last], fields, limit=size)
            if found:
                yield found
            if len(found) < size:
                return
            last = [["name", ">", str(found[-1]["name"])]]

    def among(
        self,
        doctype: str,
        name: str,
        values: Sequence[str],
        fields: Sequence[str],
        *,
        parent: str,
        order: str,
    ) -> list[Row]:
        """Rows whose field `name` is one of `values`, asked for in parts: an address must not grow too long."""
        found: list[Row] = []
        for start in range(0, len(values), PART):
            part = list(values[start : start + PART])
            filters = [[name, "in", part]]
            found += self.rows(doctype, filters, fields, order=order, parent=parent)
        return found

    def first(self, doctype: str, filters: Filters, fields: Sequence[str]) -> Row | None:
        rows = self.rows(doctype, filters, fields, limit=1)
        return rows[0] if rows else None

    def get(self, doctype: str, name: str) -> Row:
        """One document with its tables. Raises ErpRejected `erp.not_found`."""
        return self._row(self._read(resource(doctype, name), {}, "data"))

    def count(self, doctype: str, filters: Filters) -> int:
        given = {"doctype": doctype, "filters": json.dumps([list(one) for one in filters])}
        return int(self.ask("frappe.client.get_count", **given))

    def ask(self, method: str, **params: Any) -> Any:
        """What a method that changes nothing says."""
        return self._read(
            f"/api/method/{method}", {name: str(value) for name, value in params.items()}, "message"
        )

    def insert(self, doctype: str, values: Row) -> Row:
        """A new document as ERPNext keeps it; with `docstatus` 1 submitted in the same transaction."""
        return self._row(self._write("POST", resource(doctype), values).get("data"))

    def update(self, doctype: str, name: str, values: Row) -> Row:
        """A changed document; with `modified` only if nobody wrote it since."""
        return self._row(self._write("PUT", resource(doctype, name), values).get("data"))

    def act(self, method: str, **params: Any) -> Any:
        """What a method that changes something says."""
        return self._write("POST", f"/api/method/{method}", params).get("message")

    def step(self, method: str, path: str, body: Row, note: str = "") -> Step:
        """A call as it would be sent, without the token."""
        return Step(method, f"{self._edge.url}{path}", body, note)

    def _read(self, path: str, params: Mapping[str, str], under: str) -> Any:
        answer = self._edge.ask("GET", path, params=params, headers={"Authorization": self._token})
        return self._said(answer).get(under)

    def _write(self, method: str, path: str, body: Row) -> Row:
        headers = {"Authorization": self._token, "Content-Type": "application/json"}
        try:
            said = self._said(
                self._edge.ask(method, path, content=json.dumps(body).encode(), headers=headers)
            )
        except ErpUnavailable as error:
            self.writes += error.sent
            raise
        except ErpRejected as error:
            # The site failed inside, perhaps only after the commit: what stands there is looked at before it is a no.
            self.writes += error.code == "erpnext.fault"
            raise
        self.writes += 1
        return said

    def _said(self, answer: Answer) -> Row:
        """The body of an answer. Raises ErpRejected, ErpUnavailable for anything but success."""
        body = answer.json()
        if answer.status < httpx.codes.MULTIPLE_CHOICES:
            if not isinstance(body, dict):
                raise self._edge.garbled()
            return body
        if isinstance(body, dict) and answer.status not in _ON_THE_WAY and body.get("exc_type"):
            raise self._cause(str(body["exc_type"]), words_of(body), answer)
        if trouble := self._edge.trouble(answer):
            raise trouble
        if answer.status == httpx.codes.NOT_FOUND:
            words = "no ERPNext answers at this address"
            raise self._edge.unavailable("no_erpnext", words, sent=False)
        raise ErpRejected(
            f"erpnext.http_{answer.status}", f"ERPNext refused the request with HTTP {answer.status}"
        )

    def _cause(self, kind: str, words: str, answer: Answer) -> ErpRejected | ErpUnavailable:
        unavailable = self._edge.unavailable
        if kind == "TimestampMismatchError":
            return unavailable("stale", f"ERPNext: the document was changed meanwhile. {words}", sent=False)
        if kind in BUSY or answer.status == httpx.codes.TOO_MANY_REQUESTS:
            busy = unavailable("busy", f"ERPNext takes it later: {words or kind}", sent=False)
            wait = answer.headers.get("retry-after", "")
            busy.retry_after = float(wait) if wait.isdecimal() else None
            return busy
        if kind in _LOGIN or answer.status == httpx.codes.UNAUTHORIZED:
            return unavailable("credentials", f"ERPNext refused the login. {words}".strip(), sent=False)
        if kind in LOST:
            return unavailable("database", f"ERPNext lost its database during the call. {words}".strip())
        if kind == "DoesNotExistError" and words.startswith("DocType "):
            return ErpRejected("erpnext.no_doctype", f"ERPNext has no such document type here: {words}")
        if kind not in CAUSES and answer.status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return ErpRejected("erpnext.fault", f"{kind}: {words}")
        return ErpRejected(CAUSES.get(kind, "erpnext.refused"), words or kind)

    def _row(self, found: Any) -> Row:
        if not isinstance(found, dict) or not found.get("name"):
            raise self._edge.garbled("(no document)")
        return found


def resource(doctype: str, name: str = "") -> str:
    path = f"/api/resource/{quote(doctype, safe='')}"
    return f"{path}/{quote(name, safe='')}" if name else path


def words_of(body: Mapping[str, Any]) -> str:
    """What Frappe says to people, without its markup: the messages it shows, else the exception's own words."""
    shown: list[str] = []
    try:
        for one in json.loads(str(body.get("_server_messages") or "[]")):
            said = json.loads(one)
            shown.append(str(said.get("message") if isinstance(said, dict) else said))
    except (ValueError, TypeError):
        shown = []
    words = (
        " ".join(shown)
        or str(body.get("exception") or "").partition(": ")[2]
        or str(body.get("message") or "")
    )
    return " ".join(_TAGS.sub(" ", words).split())[:600]
