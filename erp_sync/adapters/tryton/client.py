"""One logged-in JSON-RPC connection to a Tryton database.

Owns the session, the calls, and the sorting of every failure into "certainly nothing happened" and "unclear".
Must not know: postings, canonical kinds, the outbox.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from erp_sync.adapters import outbound
from erp_sync.adapters.tryton import wire
from erp_sync.errors import ErpRejected, ErpUnavailable

Row = dict[str, Any]
Domain = Sequence[Any]

#: PostgreSQL's words for a transaction it gave up because of another one, as Tryton passes them on.
_NO_LOCK = ("could not obtain lock", "deadlock detected", "could not serialize access")
LOCKED = "tryton.locked.busy"
#: Pauses in seconds before a locked call is made again: whoever reserves stock locks all moves for a moment.
LOCKED_AGAIN_AFTER = (0.1, 0.2, 0.4, 0.8, 1.6)
#: Names of calls that change nothing; any other call counts as a write.
_READS = frozenset({"read", "search", "search_read", "search_count", "get_preferences"})


@dataclass(frozen=True, slots=True)
class Access:
    """Where Tryton is and how to get in. Times in seconds."""

    url: str
    database: str
    username: str
    password: str = field(repr=False)
    connect_timeout: float = 5.0
    read_timeout: float = 60.0
    company: int | None = None


class Client:
    """JSON-RPC calls; logs in on first use and again when the session has gone.

    Each request opens its own connection, so a refused one proves that nothing was sent; a kept-alive
    connection that Tryton closed in between would leave that open. `writes` counts calls that may have
    changed something: answered, refused by a rule, or unclear, but not those that certainly never arrived.
    """

    def __init__(self, access: Access, *, transport: httpx.BaseTransport | None = None) -> None:
        self.access = access
        self.writes = 0
        #: Our user's id there, known once logged in.
        self.user = 0
        self.server_time: datetime | None = None
        self._ids = itertools.count(1)
        self._session = ""
        self._context: Row = {}
        self._primed = False
        self._http = outbound.client(
            {"url": access.url},
            base_url=access.url.rstrip("/"),
            timeout=httpx.Timeout(access.read_timeout, connect=access.connect_timeout),
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

    @property
    def context(self) -> Row:
        """The user's own context (company, language); logs in when needed."""
        self._ensure_session()
        return self._context

    def version(self) -> str:
        """Tryton's server version. Raises ErpUnavailable."""
        return str(self._post("/rpc/", "common.server.version", []))

    def call(
        self,
        model: str,
        method: str,
        *params: Any,
        context: Mapping[str, Any] | None = None,
        timestamps: Mapping[str, str] | None = None,
    ) -> Any:
        """Result of `model.<model>.<method>`.

        `timestamps` maps "model,id" to the `_timestamp` last read: a write of a record changed since is refused
        with code `tryton.stale`. Raises ErpRejected for a business no, ErpUnavailable otherwise.
        """
        self._ensure_session()
        full = {**self._context, **(context or {})}
        if timestamps:
            full["_timestamp"] = dict(timestamps)
        writes = method not in _READS
        try:
            result = self._call(f"model.{model}.{method}", [*params, full])
        except ErpUnavailable as error:
            self.writes += writes and error.sent
            raise
        except ErpRejected:
            self.writes += writes
            raise
        self.writes += writes
        return result

    def _call(self, name: str, params: list[Any]) -> Any:
        """Asks again while Tryton is locked: it gave that transaction up as a whole, so nothing has happened."""
        for pause in LOCKED_AGAIN_AFTER:
            try:
                return self._call_once(name, params)
            except ErpUnavailable as error:
                if error.code != LOCKED:
                    raise
                time.sleep(pause)
        return self._call_once(name, params)

    def _call_once(self, name: str, params: list[Any]) -> Any:
        path = f"/{self.access.database}/rpc/"
        try:
            return self._post(path, name, params)
        except _SessionGone:
            self._session = ""
            self._ensure_session()
        try:
            return self._post(path, name, params)
        except _SessionGone:
            raise ErpUnavailable(
                "Tryton ends every session at once", code="tryton.login", sent=False
            ) from None

    def search(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        order: Domain | None = None,
        limit: int | None = None,
        offset: int = 0,
        context: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        """Rows of `model` in `domain`; a dotted field "a.b" is read from row["a."]["b"]."""
        rows: list[Row] = self.call(
            model, "search_read", list(domain), offset, limit, order, list(fields), context=context
        )
        return rows

    def count(self, model: str, domain: Domain, *, context: Mapping[str, Any] | None = None) -> int:
        """How many rows are in `domain`."""
        return int(self.call(model, "search_count", list(domain), context=context))

    def first(self, model: str, domain: Domain, fields: Sequence[str], **options: Any) -> Row | None:
        """The first row in `domain`, or None."""
        rows = self.search(model, domain, fields, limit=1, **options)
        return rows[0] if rows else None

    def create(self, model: str, values: Row) -> int:
        """Id of one new record."""
        return int(self.call(model, "create", [values])[0])

    def write(self, model: str, record: int, values: Row, *, timestamp: str = "") -> None:
        """Change one record; with `timestamp`, only if nobody else did meanwhile."""
        stamps = {f"{model},{record}": timestamp} if timestamp else None
        self.call(model, "write", [record], values, timestamps=stamps)

    def button(self, model: str, name: str, record: int, *, timestamp: str = "") -> None:
        """Press a button, with `timestamp` only if nobody wrote the record since. What it returns proves nothing:
        read the state back."""
        stamps = {f"{model},{record}": timestamp} if timestamp else None
        self.call(model, name, [record], timestamps=stamps)

    def delete(self, model: str, record: int, *, timestamp: str) -> None:
        """Remove one record if nobody wrote it since `timestamp`."""
        self.call(model, "delete", [record], timestamps={f"{model},{record}": timestamp})

    def pages(
        self,
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        size: int = 200,
        context: Mapping[str, Any] | None = None,
    ) -> Iterator[list[Row]]:
        """Rows of `domain`, clauses that all hold, in pages of `size` by id.

        Each page goes on behind the last id of the one before: a row deleted meanwhile shifts none out of sight.
        """
        last = 0
        while True:
            behind = [*domain, ["id", ">", last]]
            rows = self.search(model, behind, fields, order=[["id", "ASC"]], limit=size, context=context)
            if rows:
                yield rows
                last = rows[-1]["id"]
            if len(rows) < size:
                return

    def _ensure_session(self) -> None:
        if self._session:
            return
        self._prime()
        access = self.access
        path = f"/{access.database}/rpc/"
        try:
            answer = self._post(path, "common.db.login", [access.username, {"password": access.password}])
        except _SessionGone:
            raise ErpUnavailable(
                f"Tryton refused the login of {access.username!r}", code="tryton.credentials", sent=False
            ) from None
        except ErpRejected as error:
            # A server that has not loaded this database answers every login like this: load it next time.
            self._primed = False
            raise ErpUnavailable(
                f"Tryton could not log in: {error.message}", code="tryton.login", sent=False
            ) from None
        except ErpUnavailable as error:
            raise ErpUnavailable(error.message, code=error.code, sent=False) from None
        user, token = answer[0], answer[1]
        self.user = int(user)
        secret = f"{access.username}:{user}:{token}".encode()
        self._session = "Session " + base64.b64encode(secret).decode()
        try:
            self._context = dict(self._post(path, "model.res.user.get_preferences", [True, {}]))
        except (ErpUnavailable, ErpRejected, _SessionGone) as error:
            self._session = ""
            raise ErpUnavailable(
                f"Tryton gave no preferences: {error}", code="tryton.login", sent=False
            ) from None
        if access.company is not None:
            self._context["company"] = access.company

    def _prime(self) -> None:
        """Make the server load the database: a first login before that fails, and keeps failing."""
        if self._primed:
            return
        try:
            self._http.get(f"/{self.access.database}/rest/model/res.user")
        except httpx.HTTPError as error:
            raise ErpUnavailable(
                f"Tryton is not reachable: {error}", code="tryton.unreachable", sent=False
            ) from None
        self._primed = True

    def _post(self, path: str, method: str, params: list[Any]) -> Any:
        body = wire.encode({"id": next(self._ids), "method": method, "params": params})
        headers = {"Content-Type": "application/json"}
        if self._session:
            headers["Authorization"] = self._session
        try:
            response = self._http.post(path, content=body, headers=headers)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            raise ErpUnavailable(
                f"Tryton is not reachable: {error}", code="tryton.unreachable", sent=False
            ) from None
        except httpx.HTTPError as error:
            kind = type(error).__name__
            raise ErpUnavailable(
                f"Tryton's answer did not arrive ({kind}) {error}".strip(), code="tryton.no_answer"
            ) from None
        return self._result(response)

    def _result(self, response: httpx.Response) -> Any:
        status = response.status_code
        with suppress(ValueError, KeyError):
            self.server_time = parsedate_to_datetime(response.headers["date"])
        if status == httpx.codes.OK:
            try:
                answer = wire.decode(response.content)
                failed = answer.get("error")
            except (ValueError, AttributeError, KeyError):
                raise ErpUnavailable("Tryton's answer was not readable", code="tryton.garbled") from None
            if failed is not None:
                wire.raise_error(failed)
            return answer.get("result")
        if status == httpx.codes.UNAUTHORIZED:
            raise _SessionGone
        if status == httpx.codes.NOT_FOUND:
            raise ErpUnavailable(
                f"Tryton has no database {self.access.database!r}", code="tryton.no_database", sent=False
            )
        if status == httpx.codes.TOO_MANY_REQUESTS:
            wait = response.headers.get("retry-after", "")
            raise ErpUnavailable(
                "Tryton refused: too many failed logins",
                code="tryton.busy",
                sent=False,
                retry_after=float(wait) if wait.isdecimal() else None,
            )
        if status == httpx.codes.SERVICE_UNAVAILABLE and any(sign in response.text for sign in _NO_LOCK):
            # Rolled back: what Tryton does after its commit (queue, session) keeps such errors to itself.
            raise ErpUnavailable("Tryton is busy with the same rows", code=LOCKED, sent=False)
        if status < httpx.codes.INTERNAL_SERVER_ERROR:
            raise ErpRejected(f"tryton.http_{status}", f"Tryton refused the request with HTTP {status}")
        raise ErpUnavailable(f"Tryton answered HTTP {status}", code=f"tryton.http_{status}")


class _SessionGone(Exception):
    """HTTP 401: checked before anything runs, so nothing happened."""
