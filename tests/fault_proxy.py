"""A TCP proxy that misbehaves on request: drops, delays, cuts, replaces or refuses the reply to a chosen HTTP request.

Owns one listening port in front of one upstream. A rule matches bytes of the request (its path, headers or body)
and is used up after `times` requests. One request per connection, as a proxy in trouble would do it.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Rule:
    """What to do with a request holding `matching`."""

    matching: bytes
    action: str
    times: int = 1
    seconds: float = 0.0
    hook: Callable[[], None] | None = None
    reply: bytes = b""
    hits: int = 0
    over: threading.Event = field(default_factory=threading.Event)


class FaultProxy:
    """Use as a context manager; `url` is where clients connect, `seen` the requests passed on."""

    def __init__(self, upstream: str) -> None:
        target = urlsplit(upstream)
        self._upstream = (target.hostname or "127.0.0.1", target.port or 80)
        self._rules: list[Rule] = []
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.seen: list[bytes] = []
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "FaultProxy":
        return self

    def __exit__(self, *trouble: object) -> None:
        self.close()

    def close(self) -> None:
        self._open = False
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def drop_reply(self, matching: bytes | str, times: int = 1) -> Rule:
        """The upstream gets the request and answers; the client's connection is reset instead."""
        return self._add(Rule(_bytes(matching), "drop", times))

    def delay_reply(self, matching: bytes | str, seconds: float, times: int = 1) -> Rule:
        """The answer comes `seconds` late."""
        return self._add(Rule(_bytes(matching), "delay", times, seconds))

    def cut_request(self, matching: bytes | str, times: int = 1) -> Rule:
        """The upstream never sees the request; the client's connection is reset."""
        return self._add(Rule(_bytes(matching), "cut", times))

    def hold_request(self, matching: bytes | str, seconds: float, times: int = 1) -> Rule:
        """The upstream sees the request `seconds` late, whether or not the client still waits."""
        return self._add(Rule(_bytes(matching), "hold", times, seconds))

    def half_reply(self, matching: bytes | str, times: int = 1) -> Rule:
        """The upstream answers; the client gets the first half of it, then a reset."""
        return self._add(Rule(_bytes(matching), "half", times))

    def answer(
        self,
        matching: bytes | str,
        status: int,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        acted: bool = False,
        times: int = 1,
    ) -> Rule:
        """The client gets this answer instead; with `acted` the upstream gets the request first, else never."""
        given = {"Content-Type": "text/html", **(headers or {}), "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        reply = f"HTTP/1.1 {status} Fault\r\n{head}Connection: close\r\n\r\n".encode() + body
        return self._add(Rule(_bytes(matching), "after" if acted else "instead", times, reply=reply))

    def clear(self) -> None:
        """No more faults, and nothing seen."""
        with self._guard:
            self._rules.clear()
            self.seen.clear()

    def when(self, matching: bytes | str, hook: Callable[[], None], seconds: float = 0.0) -> Rule:
        """Run `hook` `seconds` after the request went upstream, then pass on whatever comes back."""
        return self._add(Rule(_bytes(matching), "hook", 1, seconds, hook))

    def count(self, matching: bytes | str) -> int:
        """How many requests holding `matching` reached the upstream."""
        return sum(_bytes(matching) in request for request in self.seen)

    def _add(self, rule: Rule) -> Rule:
        with self._guard:
            self._rules.append(rule)
        return rule

    def _rule_for(self, request: bytes) -> Rule | None:
        with self._guard:
            for rule in self._rules:
                if rule.hits < rule.times and rule.matching in request:
                    rule.hits += 1
                    return rule
        return None

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            request = _read_request(client)
            if not request:
                return
            rule = self._rule_for(request)
            if rule is not None and rule.action == "cut":
                _reset(client)
                rule.over.set()
                return
            if rule is not None and rule.action == "instead":
                client.sendall(rule.reply)
                rule.over.set()
                return
            if rule is not None and rule.action == "hold":
                time.sleep(rule.seconds)
            reply = self._ask(request, rule)
            if rule is not None and rule.action == "hold":
                rule.over.set()
            if rule is not None and rule.action == "drop":
                _reset(client)
                rule.over.set()
                return
            if rule is not None and rule.action == "delay":
                time.sleep(rule.seconds)
            if rule is not None and rule.action == "after":
                reply = rule.reply
            if rule is not None and rule.action == "half":
                # The head whole and the body not; of an answer without a body not even the head.
                head, blank, body = reply.partition(b"\r\n\r\n")
                client.sendall(head + blank + body[: len(body) // 2] if body else head[: len(head) // 2])
                _reset(client)
                rule.over.set()
                return
            if reply:
                client.sendall(reply)
            else:
                _reset(client)
            if rule is not None:
                rule.over.set()

    def _ask(self, request: bytes, rule: Rule | None) -> bytes:
        with socket.create_connection(self._upstream, timeout=120) as server:
            server.sendall(_closing(request))
            with self._guard:
                self.seen.append(request)
            if rule is not None and rule.hook is not None:
                time.sleep(rule.seconds)
                rule.hook()
            parts = []
            with suppress(OSError):
                while part := server.recv(65536):
                    parts.append(part)
            return b"".join(parts)


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _reset(client: socket.socket) -> None:
    """Close with a reset, so the client sees a broken connection and not an empty answer."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def _read_request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        part = client.recv(65536)
        if not part:
            return b""
        body += part
    return head + b"\r\n\r\n" + body


def _closing(request: bytes) -> bytes:
    """Ask the upstream to close after its answer, so that the end of the answer is the end of the stream."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body
