"""A local HTTP server in place of push services and chats: keeps what arrives, and fails, stalls or asks to wait."""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import http_ece
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Arrived:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers`: path -> (status, headers) in turn, the last one for good; `stall`: paths that never answer."""

    url: str = ""
    arrived: list[Arrived] = field(default_factory=list)
    answers: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    stall: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def at(self, path: str) -> list[Arrived]:
        return [one for one in self.arrived if one.path == path]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port until the block ends."""
    book = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Tests look at what arrived instead."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            path = self.path.partition("?")[0]
            book.arrived.append(Arrived(path, {k.lower(): v for k, v in self.headers.items()}, body))
            if path in book.stall:
                book.over.wait(60)
            queue = book.answers.get(path, [])
            status, headers = (queue.pop(0) if len(queue) > 1 else queue[0]) if queue else (201, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    book.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield book
    finally:
        book.over.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def _words(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Device:
    """A browser's end of Web Push: its keys, its subscription, and reading what arrives for it (RFC 8291)."""

    def __init__(self, book: Receiver, name: str) -> None:
        self.path = f"/push/{name}"
        self.endpoint = book.url + self.path
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.auth = secrets.token_bytes(16)
        point = self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.subscription = {
            "endpoint": self.endpoint, "keys": {"p256dh": _words(point), "auth": _words(self.auth)}
        }  # fmt: skip

    def read(self, body: bytes) -> dict[str, Any]:
        plain = http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm")
        found: dict[str, Any] = json.loads(plain)
        return found
