"""A small HTTP server that answers as a test's script says and keeps what it was asked.

It hands out CSRF tokens with a session cookie and refuses writes without both, as a Gateway does; everything else is
the script's. Used where one exact answer matters; whole stories are told against the simulator.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `path` decoded and without its query."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def entity(self) -> str:
        """What follows the service's root."""
        return self.path.rsplit("/", 1)[-1] if self.path.count("/") else self.path


@dataclass(frozen=True)
class Answer:
    """What the server says; `drop` closes the line instead of answering."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False


Script = Callable[[Asked], Answer | None]


def rows(*found: dict[str, Any], more: str = "") -> Answer:
    """A V2 list."""
    inner: dict[str, Any] = {"results": list(found)}
    return Answer(body={"d": inner | ({"__next": more} if more else {})})


def row(found: dict[str, Any], etag: str = "", status: int = 200) -> Answer:
    """One V2 entity."""
    meta = {"__metadata": {"etag": etag}} if etag else {}
    return Answer(status=status, body={"d": {**meta, **found}})


def refused(code: str, text: str, status: int = 400, details: tuple[str, ...] = ()) -> Answer:
    """A V2 error."""
    inner = {"errordetails": [{"code": code, "message": one} for one in details]}
    error = {"code": code, "message": {"lang": "en", "value": text}, "innererror": inner}
    return Answer(status=status, body={"error": error})


def framed(code: str, text: str, *inside: tuple[str, str]) -> Answer:
    """A V2 error that stands around others, as the material document service answers."""
    details = [{"code": one, "message": words} for one, words in (*inside, (code, text))]
    error = {
        "code": code,
        "message": {"lang": "en", "value": text},
        "innererror": {"errordetails": details},
    }
    return Answer(status=400, body={"error": error})


class Host:
    """The running server. `asked` holds every request but token fetches; `tokens` counts those."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.tokens = 0
        self.forget_tokens = False
        self.script: Script = lambda asked: None

    @property
    def written(self) -> list[Asked]:
        return [one for one in self.asked if one.method != "GET"]

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("x-csrf-token", "").lower() == "fetch":
            self.tokens += 1
            headers = {
                "x-csrf-token": f"token-{self.tokens}",
                "Set-Cookie": f"SAP_SESSIONID=s{self.tokens}; path=/",
            }
            return Answer(body={"d": {"EntitySets": []}}, headers=headers)
        if asked.method != "GET":
            token, cookie = asked.headers.get("x-csrf-token", ""), asked.headers.get("cookie", "")
            good = token == f"token-{self.tokens}" and f"SAP_SESSIONID=s{self.tokens}" in cookie
            if not good or self.forget_tokens:
                self.forget_tokens = False
                return Answer(
                    status=403, body="CSRF token validation failed", headers={"x-csrf-token": "Required"}
                )
        self.asked.append(asked)
        return self.script(asked) or Answer(
            status=404, body={"error": {"code": "", "message": {"value": "?"}}}
        )


@contextlib.contextmanager
def serving() -> Iterator[Host]:
    """A host on a free port for the length of a test."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(
                self.command,
                unquote(parts.path),
                dict(parse_qsl(parts.query)),
                headers,
                self.rfile.read(length),
            )
            answer = host.answer(asked)
            if answer.drop:
                self.close_connection = True
                return
            body = answer.body
            content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host = Host(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
