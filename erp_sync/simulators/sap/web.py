"""The simulated system as an ASGI application: logins, sessions, CSRF, $batch, faults, and a small admin address.

Owns everything of HTTP that is not OData. `/sim/...` (same login) switches faults, locks objects and tells the state.
Must not know: business rules. One event loop serves all; the books are never touched from another thread.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import unquote, urlsplit

from core import clock
from erp_sync.simulators.sap import batch
from erp_sync.simulators.sap.books import Books
from erp_sync.simulators.sap.faults import Fault, Faults, fault_of
from erp_sync.simulators.sap.metadata import V2_ROOT
from erp_sync.simulators.sap.refusals import Refusal, body_v2
from erp_sync.simulators.sap.system import Reply, Request, System, as_json

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

COOKIE = "SAP_SESSIONID_SIM_100"
LARGEST = 16 * 1024 * 1024
SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Settings:
    """`repeatable`: whether repeated requests get the first answer again; a system not set up for it refuses them."""

    users: tuple[tuple[str, str], ...] = (("SIMUSER", "simulated"),)
    session: timedelta = timedelta(minutes=30)
    page_size: int = 100
    repeatable: bool = False


class _Rolled(Exception):
    """A changeset's part was refused: take all of it back."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class Simulator:
    """Call it as an ASGI application. `build` makes fresh books, also for a reset."""

    def __init__(
        self, build: Callable[[], Books], settings: Settings | None = None, faults: Faults | None = None
    ):
        self.build, self.settings, self.faults = build, settings or Settings(), faults or Faults()
        self.books = build()
        self.sessions: dict[str, tuple[str, datetime]] = {}
        self.repeated: dict[tuple[str, str], Reply] = {}
        self.requests = 0

    @property
    def system(self) -> System:
        return System(self.books, page_size=self.settings.page_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = await _request(scope, receive)
        if request is None:
            return
        self.requests += 1
        target = f"{request.path}?{unquote(request.query)}"
        fault = None if request.path.startswith("/sim/") else self.faults.strike(request.method, target)
        reply = self.answer(request, fault)
        if fault is not None and fault.kind == "drop":
            await _cut(receive, send, reply)
            return
        if fault is not None and fault.kind == "late":
            await _wait(receive, fault.seconds)
        await _send(send, reply, body=request.method != "HEAD")

    def answer(self, request: Request, fault: Fault | None = None) -> Reply:
        """One request through login, session and token to the system. Never waits."""
        if fault is not None and fault.kind == "before":
            return Reply(
                fault.status, {"content-type": "text/html"}, b"<html><h1>Application Server Error</h1></html>"
            )
        if fault is not None and fault.kind == "throttle":
            told = body_v2(Refusal("/IWFND/CM_BEC/429", "Too many requests"))
            return as_json(429, told, **{"retry-after": str(max(1, round(fault.seconds)))})
        if fault is not None and fault.kind == "expire":
            self.sessions.clear()
        user = self._login(request)
        if user is None:
            realm = 'Basic realm="SAP NetWeaver Application Server [SIM/100]"'
            return Reply(
                401, {"content-type": "text/html", "www-authenticate": realm}, b"<html>Logon failed</html>"
            )
        request = replace(request, user=user)
        if request.path.startswith("/sim/"):
            return self._admin(request)
        fresh: dict[str, str] = {}
        if request.method in SAFE:
            if request.headers.get("x-csrf-token", "").lower() == "fetch":
                fresh = self._token(request)
        elif not self._token_holds(request):
            return Reply(
                403,
                {"content-type": "text/plain;charset=utf-8", "x-csrf-token": "Required"},
                b"CSRF token validation failed",
            )
        reply = self._once(request)
        return replace(reply, headers={"dataserviceversion": "2.0", **reply.headers, **fresh})

    def _login(self, request: Request) -> str | None:
        scheme, _, coded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        for known, secret in self.settings.users:
            if name.upper() == known.upper() and hmac.compare_digest(password.encode(), secret.encode()):
                return known
        return None

    def _token(self, request: Request) -> dict[str, str]:
        session = _cookie(request)
        if not self._alive(session):
            session = secrets.token_urlsafe(24)
        token = self.sessions[session][0] if session in self.sessions else secrets.token_urlsafe(18)
        self.sessions[session] = (token, clock.now() + self.settings.session)
        return {"x-csrf-token": token, "set-cookie": f"{COOKIE}={session}; path=/; HttpOnly"}

    def _alive(self, session: str) -> bool:
        known = self.sessions.get(session)
        if known is not None and clock.now() >= known[1]:
            del self.sessions[session]
            return False
        return known is not None

    def _token_holds(self, request: Request) -> bool:
        session = _cookie(request)
        if not self._alive(session):
            return False
        token = self.sessions[session][0]
        if not hmac.compare_digest(request.headers.get("x-csrf-token", "").encode(), token.encode()):
            return False
        self.sessions[session] = (token, clock.now() + self.settings.session)
        return True

    def _once(self, request: Request) -> Reply:
        """Repeatable requests, where switched on: the same RequestID of a user gets the first answer again."""
        name = request.headers.get("requestid", "")
        if not (name and request.headers.get("repeatabilitycreation")):
            return self._route(request)
        if not self.settings.repeatable:
            told = Refusal("/IWBEP/CM_COS/001", "Idempotent service framework: check the configuration")
            return as_json(told.status, body_v2(told))
        known = self.repeated.get((request.user, name))
        if known is None:
            known = self._route(request)
            if known.status < 300:
                self.repeated[request.user, name] = known
        return replace(known, headers={**known.headers, "repeatabilityresult": "accepted"})

    def _route(self, request: Request) -> Reply:
        if request.path.startswith(V2_ROOT) and request.path.endswith("/$batch") and request.method == "POST":
            return self._batch(request)
        tunnel = request.headers.get("x-http-method", "").upper()
        if request.method == "POST" and tunnel in ("MERGE", "PATCH", "DELETE"):
            request = replace(request, method=tunnel)
        return self.system.handle(request)

    def _batch(self, request: Request) -> Reply:
        root = request.path.removesuffix("$batch")
        try:
            parts = batch.read(request.headers.get("content-type", ""), request.body)
        except Refusal as refused:
            return as_json(refused.status, body_v2(refused))
        answers: list[batch.Answer | list[batch.Answer]] = []
        for part in parts:
            if isinstance(part, list):
                answers.append(self._changeset(part, request, root))
            else:
                answers.append(_answer(self.system.handle(_inner(part, request, root)), part))
        kind, body = batch.write(answers)
        return Reply(202, {"content-type": kind}, body)

    def _changeset(
        self, parts: list[batch.Part], request: Request, root: str
    ) -> list[batch.Answer] | batch.Answer:
        done: list[batch.Answer] = []
        system = self.system
        try:
            with self.books.transaction():
                for part in parts:
                    reply = system.handle(_inner(part, request, root))
                    if reply.status >= 400:
                        raise _Rolled(reply)
                    done.append(_answer(reply, part))
        except _Rolled as rolled:
            return batch.Answer(rolled.reply.status, rolled.reply.headers, rolled.reply.body)
        return done

    def _admin(self, request: Request) -> Reply:
        what = request.path.removeprefix("/sim/")
        try:
            given = json.loads(request.body) if request.body else {}
            if not isinstance(given, dict):
                raise ValueError("an object is expected")
            if what == "faults" and request.method == "POST":
                self.faults.add(fault_of(given))
            elif what == "faults" and request.method == "DELETE":
                self.faults.clear()
            elif what == "locks" and request.method == "POST":
                seconds = given.get("seconds")
                self.books.lock(
                    str(given["object"]), str(given.get("user", "MILLER")), seconds and float(seconds)
                )
            elif what == "locks" and request.method == "DELETE":
                self.books.locks.clear()
            elif what == "reset" and request.method == "POST":
                self.books, self.repeated = self.build(), {}
                self.sessions.clear()
                self.faults.clear()
            elif not (what in ("faults", "state") and request.method == "GET"):
                return as_json(404, {"error": "no such address"})
        except (ValueError, KeyError, TypeError) as wrong:
            return as_json(400, {"error": str(wrong)})
        return as_json(200, self.state())

    def state(self) -> dict[str, Any]:
        """How many documents, which locks, stock and switches there are."""
        return {
            "requests": self.requests,
            "rows": {name: len(rows) for name, rows in self.books.tables.items() if rows},
            "stock": [[*key, f"{quantity:f}"] for key, quantity in sorted(self.books.stock.items())],
            "locks": {name: user for name, (user, _) in self.books.locks.items()},
            "faults": [asdict(fault) for fault in self.faults.active],
        }


def _inner(part: batch.Part, request: Request, root: str) -> Request:
    split = urlsplit(part.address)
    path = unquote(split.path)
    path = path if path.startswith("/") else root + path
    headers = {"accept": "application/json", **part.headers}
    return replace(request, method=part.method, path=path, query=split.query, headers=headers, body=part.body)


def _answer(reply: Reply, part: batch.Part) -> batch.Answer:
    return batch.Answer(reply.status, reply.headers, reply.body, part.content_id)


def _cookie(request: Request) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


async def _request(scope: Scope, receive: Receive) -> Request | None:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return None
        if not message.get("more_body"):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    base = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}"
    return Request(
        scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, body, base=base
    )


async def _send(send: Send, reply: Reply, *, body: bool) -> None:
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body if body else b""})


async def _wait(receive: Receive, seconds: float) -> None:
    """Wait so long, or until the client has gone."""
    gone = asyncio.ensure_future(receive())
    await asyncio.wait({gone}, timeout=seconds)
    gone.cancel()


async def _cut(receive: Receive, send: Send, reply: Reply) -> None:
    """Cut the connection without a byte of an answer; where the server hides it, after the head alone."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue
        return
    length = [(b"content-length", str(len(reply.body) + 1).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": length})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
