"""A real HTTP receiver of webhooks: keeps what it is given and answers as it is told, also not at all."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: status, headers, body; None: say nothing until the receiver is closed
Reply = tuple[int, dict[str, str], bytes] | None
OK: Reply = (200, {}, b"thanks")
#: Take it and hang up without a word.
HANG_UP: Reply = (0, {}, b"")


@dataclass(frozen=True)
class Got:
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`answer` decides per request; the port is free once closed, and taken again by `open`."""

    answer: Callable[[Got], Reply] = lambda got: OK
    got: list[Got] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self.released = threading.Event()
        self._lock = threading.Lock()
        self.open()

    def open(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                got = Got({name.lower(): value for name, value in self.headers.items()}, body)
                with receiver._lock:
                    receiver.got.append(got)
                reply = receiver.answer(got)
                if reply is None:
                    receiver.released.wait(60)
                    return
                if reply is HANG_UP:
                    return
                status, headers, text = reply
                self.send_response(status)
                for name, value in {"content-length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"
