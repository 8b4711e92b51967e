"""Calls on one Odoo database, over whichever of its two protocols it speaks.

Owns the login, the choice of protocol, paging, and the counting of calls that may have changed something. A button that
answers with a window to open has not done what it says: that is a refusal here. Must not know: postings, the outbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from erp_sync.adapters.edge import Answer, Edge
from erp_sync.adapters.odoo import rpc
from erp_sync.adapters.port import Step
from erp_sync.errors import ErpRejected, ErpUnavailable

Row = dict[str, Any]
Domain = Sequence[Any]

JSON2_SINCE = 19
PROTOCOLS = ("auto", "json2", "xmlrpc")
#: Names of calls that change nothing.
_READS = frozenset({"search_read", "search_count", "search", "read", "fields_get", "context_get"})
#: What people read must be in a language the causes are known in; moments are UTC whatever the user prefers.
CONTEXT: Row = {"lang": "en_US", "tz": "UTC"}


class Wizard(ErpRejected):
    """A button answered with a window for a person to fill in, HTTP 200 or not: nothing was done."""

    def __init__(self, model: str, button: str, action: Mapping[str, Any]) -> None:
        self.wizard = str(action.get("res_model") or action.get("type") or "a window")
        named = f" ({action['name']})" if action.get("name") else ""
        words = f"Odoo asks a person first: {self.wizard}{named}, instead of doing {button} of {model}"
        super().__init__("odoo.wizard", words)


@dataclass(frozen=True, slots=True)
class Version:
    """The server's series (19 of 19.0) and its own words for it."""

    series: int
    text: str


class Client:
    """One login. `settings`: url, database, username, password (an API key), protocol, time-outs.

    `writes` counts calls that took effect or may have; a refusal was rolled back and is not one.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.database = str(settings.get("database") or "")
        self.username = str(settings.get("username") or "")
        self._key = str(settings.get("password") or "")
        self.wanted = str(settings.get("protocol") or "auto")
        self.writes = 0
        self._edge = Edge(settings, product="Odoo", name="odoo")
        self._version: Version | None = None
        self._uid = 0
        self._fields: dict[str, frozenset[str]] = {}

    @property
    def server_time(self) -> datetime | None:
        return self._edge.server_time

    def close(self) -> None:
        self._edge.close()

    def version(self, *, fresh: bool = False) -> Version:
        """The server's version, asked once unless `fresh`. `/web/version` came with JSON-2; others use XML-RPC."""
        if self._version is None or fresh:
            answer = self._edge.ask("GET", "/web/version")
            said = answer.json() if answer.status == httpx.codes.OK else None
            info = said.get("version_info") if isinstance(said, dict) else None
            if not info:
                if trouble := self._spoken(answer):
                    raise trouble
                told = self._common("version")
                said = told if isinstance(told, dict) else {}
                info = said.get("server_version_info")
            if not isinstance(info, list | tuple) or not info:
                raise self._edge.unavailable("no_odoo", "no Odoo answers at this address", sent=False)
            series = str(info[0]).rpartition("~")[2].rpartition("-")[2]
            text = str(said.get("server_version") or said.get("version") or series) if said else series
            self._version = Version(int(series), text)
        return self._version

    def speaks_json2(self) -> bool:
        """Which protocol is spoken: the one set, else by the server's version."""
        if self.wanted not in PROTOCOLS:
            raise ErpRejected(
                "erp.mapping_missing", f"protocol {self.wanted!r} is none of {', '.join(PROTOCOLS)}"
            )
        return self.wanted == "json2" if self.wanted != "auto" else self.version().series >= JSON2_SINCE

    def call(
        self,
        model: str,
        method: str,
        ids: Sequence[int] | None = None,
        *,
        context: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> Any:
        """Result of `method`; `ids` for a method of records. Raises ErpRejected, ErpUnavailable."""
        try:
            json2 = self.speaks_json2()
            if not json2:
                self._login()
        except ErpUnavailable as error:
            raise ErpUnavailable(
                error.message, code=error.code, sent=False, retry_after=error.retry_after
            ) from None
        full = {**CONTEXT, **(context or {})}
        writes = method not in _READS
        try:
            if json2:
                result = self._json2(model, method, ids, full, params)
            else:
                result = self._execute(model, method, ids, full, params)
        except ErpUnavailable as error:
            self.writes += writes and error.sent
            raise
        except ErpRejected as error:
            # Odoo failed inside, perhaps only after the commit: what stands there is looked at before it is a no.
            self.writes += writes and error.code == "odoo.fault"
            raise
        self.writes += writes
        return result

    def press(
        self, model: str, button: str, record: int, *, context: Mapping[str, Any] | None = None
    ) -> None:
        """Press a button of one record. What it returns proves nothing: read the state back.

        Raises Wizard for a window that wants a person; that a call returned it also proves that nothing was done.
        """
        answer = self.call(model, button, [record], context=context)
        if (
            isinstance(answer, Mapping)
            and str(answer.get("type", "")).startswith("ir.actions.")
            and answer["type"] not in ("ir.actions.act_window_close", "ir.actions.client")
        ):
            raise Wizard(model, button, answer)

    def search(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        order: str = "id",
        limit: int | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        """Rows of `model` in `domain`; a relation is read as [id, name] or False."""
        extra: Row = {"limit": limit} if limit is not None else {}
        rows = self.call(
            model,
            "search_read",
            context=context,
            domain=list(domain),
            fields=list(fields),
            order=order,
            **extra,
        )
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
            raise self._edge.garbled("(no list of records)")
        return rows

    def first(self, model: str, domain: Domain, fields: Sequence[str], **options: Any) -> Row | None:
        """The first row in `domain`, or None."""
        rows = self.search(model, domain, fields, limit=1, **options)
        return rows[0] if rows else None

    def one(self, model: str, record: int, fields: Sequence[str]) -> Row:
        """One record by id, archived or not. Raises ErpRejected `erp.not_found`."""
        found = self.first(model, [["id", "=", record]], fields, context={"active_test": False})
        if found is None:
            raise ErpRejected("erp.not_found", f"Odoo has no {model} {record}")
        return found

    def pages(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        size: int = 200,
        context: Mapping[str, Any] | None = None,
    ) -> Iterator[list[Row]]:
        """Rows of `domain` page by page, by id: a row taken away meanwhile moves no other one out of sight."""
        last = 0
        while True:
            rows = self.search(model, [*domain, ["id", ">", last]], fields, limit=size, context=context)
            if rows:
                yield rows
            if len(rows) < size:
                return
            last = int(rows[-1]["id"])

    def count(self, model: str, domain: Domain, context: Mapping[str, Any] | None = None) -> int:
        return int(self.call(model, "search_count", context=context, domain=list(domain)))

    def create(self, model: str, values: Row, *, context: Mapping[str, Any] | None = None) -> int:
        """Id of one new record."""
        made = self.call(model, "create", context=context, vals_list=[values])
        if isinstance(made, list) and len(made) == 1 and isinstance(made[0], int):
            return made[0]
        raise self._edge.garbled("(no id of the new record)")

    def write(self, model: str, record: int, values: Row) -> None:
        self.call(model, "write", [record], vals=values)

    def fields(self, model: str) -> frozenset[str]:
        """Names of a model's fields; they differ between versions and with the modules installed."""
        if model not in self._fields:
            said = self.call(model, "fields_get", attributes=["type"])
            self._fields[model] = frozenset(said)
        return self._fields[model]

    def step(
        self,
        model: str,
        method: str,
        ids: Sequence[Any] | None = None,
        *,
        note: str = "",
        context: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> Step:
        """A call as it would be sent, without the key. No network: JSON-2 unless the other is set or known."""
        full = {**CONTEXT, **(context or {})}
        older = self._version is not None and self._version.series < JSON2_SINCE
        if self.wanted == "xmlrpc" or (self.wanted == "auto" and older):
            args, named = _arguments(method, ids, params)
            body: Any = [self.database, "<user id>", "<key>", model, method, args, {**named, "context": full}]
            return Step("POST", f"{self._edge.url}/xmlrpc/2/object", body, note)
        body = {**params, "context": full} | ({"ids": list(ids)} if ids is not None else {})
        return Step("POST", f"{self._edge.url}/json/2/{model}/{method}", body, note)

    def who(self) -> None:
        """See that the login is let in."""
        self.call("res.users", "context_get")

    def _json2(
        self, model: str, method: str, ids: Sequence[int] | None, context: Row, params: Mapping[str, Any]
    ) -> Any:
        headers = {"Authorization": f"bearer {self._key}", "Content-Type": "application/json; charset=utf-8"}
        if self.database:
            headers["X-Odoo-Database"] = self.database
        answer = self._edge.ask(
            "POST",
            f"/json/2/{model}/{method}",
            content=rpc.json2_body(ids, context, params),
            headers=headers,
        )
        if answer.status != httpx.codes.OK:
            raise rpc.json2_error(answer.status, answer.json()) or self._spoken(answer) or self._odd(answer)
        if not answer.content.strip() or (answer.json() is None and answer.content.strip() != b"null"):
            raise self._edge.garbled()
        return answer.json()

    def _execute(
        self, model: str, method: str, ids: Sequence[int] | None, context: Row, params: Mapping[str, Any]
    ) -> Any:
        args, named = _arguments(method, ids, params)
        call = [self.database, self._uid, self._key, model, method, args, {**named, "context": context}]
        try:
            return self._xmlrpc("/xmlrpc/2/object", "execute_kw", call)
        except rpc.Nothing:
            return None

    def _login(self) -> None:
        if self._uid:
            return
        found = self._common("authenticate", self.database, self.username, self._key, {})
        if not found:
            words = f"Odoo refused the login of {self.username!r} to {self.database!r}"
            raise self._edge.unavailable("credentials", words, sent=False)
        self._uid = int(found)

    def _common(self, method: str, *args: Any) -> Any:
        return self._xmlrpc("/xmlrpc/2/common", method, args)

    def _xmlrpc(self, path: str, method: str, args: Sequence[Any]) -> Any:
        answer = self._edge.ask(
            "POST", path, content=rpc.xmlrpc_body(method, args), headers={"Content-Type": "text/xml"}
        )
        if answer.status != httpx.codes.OK:
            raise self._spoken(answer) or self._odd(answer)
        try:
            return rpc.xmlrpc_result(answer.content)
        except ValueError as error:
            raise self._edge.garbled(str(error)) from None

    def _spoken(self, answer: Answer) -> ErpUnavailable | None:
        return self._edge.trouble(answer)

    def _odd(self, answer: Answer) -> ErpRejected | ErpUnavailable:
        """A refusal below 500 that Odoo did not word: a proxy's, or another server's."""
        if answer.status == httpx.codes.NOT_FOUND:
            return self._edge.unavailable(
                "no_odoo", "no Odoo (or none that speaks this protocol) answers at this address", sent=False
            )
        return ErpRejected(
            f"odoo.http_{answer.status}", f"Odoo refused the request with HTTP {answer.status}"
        )


def _arguments(method: str, ids: Sequence[Any] | None, params: Mapping[str, Any]) -> tuple[list[Any], Row]:
    """Arguments of an XML-RPC call: `create` wants its values by place; every other method takes names."""
    named = dict(params)
    args = [named.pop("vals_list")] if method == "create" else []
    return ([list(ids), *args] if ids is not None else args), named
