"""A small stateful HTTP server for simulated ERPs, with the faults a line and a server can have.

Owns threads, requests, one lock (a request is one transaction), the ERP's own clock and the switches for faults. What
an ERP answers is a subclass's. Faults hit the first changing requests unless `match` names bytes of path or body.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Call:
    """One request as it arrived; `path` decoded and without its query."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the server says."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """before: the line is cut and nothing happened; drop: it happened and the line is cut; late: it happens, the answer
    comes `seconds` late; garbage: it happened, the answer is unreadable; html502: a proxy's page, nothing happened;
    html502_after: a proxy's page, but it happened; throttle: 429; expire: the login is refused; lock: somebody
    else holds the record; dead: the ERP's database died before the commit and the ERP says so; dead_after: it says the
    same, but the commit had gone through; failed_after: an error of the ERP's own program, after the commit.
    """

    kind: str
    match: bytes = b""
    times: int = 1
    seconds: float = 0.0


KINDS = ("before", "drop", "late", "garbage", "html502", "html502_after", "throttle", "expire", "lock",
         "dead", "dead_after", "failed_after")  # fmt: skip


class ErpHost:
    """Use as a context manager, or `start()` and `stop()`. `calls` holds every request that arrived."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.now = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
        #: run once, just before the next changing request takes effect: another hand
        self.meanwhile: Callable[[], None] | None = None
        self._guard = threading.RLock()
        self._release = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.url = ""

    def start(self) -> Self:
        host = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = dict(parse_qsl(parts.query))
                call = Call(self.command, unquote(parts.path), query, headers, self.rfile.read(length))
                reply = host._answer(call)
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response_only(reply.status)
                self.send_header("Date", format_datetime(host.now, usegmt=True))
                self.send_header("Content-Type", reply.kind)
                self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_DELETE = _serve

            def log_message(self, format: str, *args: Any) -> None:
                return None

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        self._release.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *trouble: object) -> None:
        self.stop()

    def fault(self, kind: str, *, match: str = "", times: int = 1, seconds: float = 0.0) -> Fault:
        """Arm a fault; it is used up after `times` requests."""
        assert kind in KINDS, kind
        made = Fault(kind, match.encode(), times, seconds)
        self.faults.append(made)
        return made

    def advance(self, **span: float) -> None:
        """The ERP's clock goes on."""
        self.now += timedelta(**span)

    @property
    def written(self) -> list[Call]:
        """The requests that could change something."""
        return [call for call in self.calls if self.writes(call)]

    def writes(self, call: Call) -> bool:
        """Whether a request could change something."""
        raise NotImplementedError

    def respond(self, call: Call) -> Reply:
        """The ERP's answer, with its effect."""
        raise NotImplementedError

    def refuse_login(self) -> Reply:
        raise NotImplementedError

    def locked(self, call: Call) -> Reply:
        """The answer while somebody else holds the record."""
        raise NotImplementedError

    def bereft(self, call: Call) -> Reply:
        """The answer when the ERP's own database died under a request."""
        raise NotImplementedError

    def failed(self, call: Call) -> Reply:
        """The answer when the ERP's own program failed."""
        raise NotImplementedError

    def _answer(self, call: Call) -> Reply | None:
        with self._guard:
            self.calls.append(call)
            fault = self._fault_for(call)
            kind = fault.kind if fault else ""
            match kind:
                case "before":
                    return None
                case "html502":
                    return Reply(502, PAGE, "text/html")
                case "throttle":
                    return Reply(429, b"{}", headers={"Retry-After": "5"})
                case "expire":
                    return self.refuse_login()
                case "lock":
                    return self.locked(call)
                case "dead":
                    return self.bereft(call)
            if self.meanwhile is not None and self.writes(call):
                act, self.meanwhile = self.meanwhile, None
                act()
            reply = self.respond(call)
        match kind:
            case "drop":
                return None
            case "garbage":
                return Reply(200, b'{"half": ')
            case "html502_after":
                return Reply(502, PAGE, "text/html")
            case "dead_after":
                return self.bereft(call)
            case "failed_after":
                return self.failed(call)
            case "late":
                self._release.wait(fault.seconds if fault else 0)
        return reply

    def _fault_for(self, call: Call) -> Fault | None:
        for fault in self.faults:
            hit = fault.match in call.path.encode() + b" " + call.body if fault.match else self.writes(call)
            if fault.times and hit:
                fault.times -= 1
                return fault
        return None
