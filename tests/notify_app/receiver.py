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

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from notify_app.channels.sealing import plain_bytes


@dataclass
class Arrived:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers`: path -> (status, headers) in turn, the last one for good; `stall`: paths that never answer;
    `hang_up`: path -> how often what was taken is left without an answer.
    """

    url: str = ""
    arrived: list[Arrived] = field(default_factory=list)
    answers: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    stall: set[str] = field(default_factory=set)
    hang_up: dict[str, int] = field(default_factory=dict)
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
            if book.hang_up.get(path):
                book.hang_up[path] -= 1
                return
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
        """As RFC 8291 section 3.4 and RFC 8188 section 2 have it, from the receiving end."""
        salt, size, point = body[:16], body[20], body[21 : 21 + body[20]]
        assert (int.from_bytes(body[16:20]), size) == (4096, 65)
        shared = self.private.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        )
        mine = plain_bytes(self.subscription["keys"]["p256dh"])  # type: ignore[index]

        def drawn(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
            return HKDF(hashes.SHA256(), length, salt, info).derive(secret)

        secret = drawn(shared, self.auth, b"WebPush: info\0" + mine + point, 32)
        key = drawn(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = drawn(secret, salt, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, body[21 + size :], None)
        assert plain.endswith(b"\x02")
        found: dict[str, Any] = json.loads(plain[:-1])
        return found
