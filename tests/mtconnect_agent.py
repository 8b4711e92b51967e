"""A small MTConnect agent over real HTTP: a bounded buffer, current, current?at, sample by request or as one lasting
multipart answer, error documents, and a new instanceId after a restart that loses the buffer.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape, quoteattr

from core import clock
from execlayer.launcher.ports import free_port

NAMESPACE: Final = "urn:mtconnect.org:MTConnectStreams:{}"


@dataclass(frozen=True)
class Item:
    """A data item: `kind` is its element, or "Condition"."""

    device: str
    id: str
    kind: str
    name: str = ""


@dataclass(frozen=True)
class Seen:
    sequence: int
    item: Item
    value: str
    at: str
    code: str = ""


@dataclass
class State:
    """What the agent knows; `alone` guards it and is told of every change."""

    items: list[Item]
    size: int
    instance: int
    version: str
    buffer: list[Seen] = field(default_factory=list)
    before: list[Seen] = field(default_factory=list)
    next: int = 1
    requests: list[str] = field(default_factory=list)
    alone: threading.Condition = field(default_factory=threading.Condition)
    running: bool = True
    garbage: bytes = b""

    @property
    def first(self) -> int:
        return self.buffer[0].sequence if self.buffer else self.next

    def add(self, item: Item, value: str, at: str, code: str = "") -> None:
        self.buffer.append(Seen(self.next, item, value, at, code))
        self.next += 1
        while len(self.buffer) > self.size:
            self.before.append(self.buffer.pop(0))
        self.alone.notify_all()

    def known_at(self, sequence: int) -> list[Seen]:
        """The last of every data item up to that place; of a condition all that is active."""
        last: dict[str, list[Seen]] = {}
        for one in [*self.before, *self.buffer]:
            if one.sequence > sequence:
                break
            active = last.setdefault(one.item.id, [])
            if one.item.kind != "Condition" or not one.code:
                active.clear()
            else:
                active[:] = [other for other in active if other.code and other.code != one.code]
            if one.value != "Normal" or not active:
                active.append(one)
        return [one for active in last.values() for one in active]


class Agent:
    """The agent on one port. `stop` and `start` keep the buffer, `lose` begins a new instance."""

    def __init__(self, items: list[Item], *, size: int = 1000, version: str = "1.7") -> None:
        self.port = free_port()
        self.state = State(items, size, instance=1_700_000_000, version=version)
        self._server: ThreadingHTTPServer | None = None
        with self.state.alone:
            for item in items:
                self.state.add(
                    item, "Unavailable" if item.kind == "Condition" else "UNAVAILABLE", stamp(_ms())
                )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def say(self, item_id: str, value: str, at: int | None = None, code: str = "") -> None:
        """One observation at a moment in ms."""
        item = next(one for one in self.state.items if one.id == item_id)
        with self.state.alone:
            self.state.add(item, value, stamp(_ms() if at is None else at), code)

    def start(self) -> None:
        self.state.running = True
        handler = type("Handler", (_Handler,), {"state": self.state})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is None:
            return
        with self.state.alone:
            self.state.running = False
            self.state.alone.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def lose(self) -> None:
        """A restart without a buffer: sequence numbers begin anew, everything is unavailable until it is said."""
        self.stop()
        old = self.state
        self.state = State(old.items, old.size, old.instance + 1, old.version)
        with self.state.alone:
            for item in old.items:
                self.state.add(
                    item, "Unavailable" if item.kind == "Condition" else "UNAVAILABLE", stamp(_ms())
                )
        self.start()

    def asked(self, beginning: str) -> int:
        return sum(one.startswith(beginning) for one in self.state.requests)


class _Handler(BaseHTTPRequestHandler):
    state: State
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        *devices, request = [part for part in split.path.split("/") if part]
        query = {name: int(values[0]) for name, values in parse_qs(split.query).items()}
        state = self.state
        with state.alone:
            if not state.running:  # a connection from before the end
                self.close_connection = True
                return
            state.requests.append(f"{request}?{split.query}")
            if state.garbage:
                self._answer(state.garbage)
                state.garbage = b""
                return
            if devices and devices[0] not in {one.device for one in state.items}:
                self._answer(error_document(state, "NO_DEVICE"), 404)
                return
            only = devices[0] if devices else ""
            place = query.get("from", query.get("at"))
            if place is not None and not state.first <= place <= state.next - ("at" in query):
                self._answer(error_document(state, "OUT_OF_RANGE"), 404)
                return
            if request == "current":
                known = state.known_at(query.get("at", state.next - 1))
                self._answer(streams_document(state, known, state.next, only))
                return
            if "interval" not in query:
                self._answer(self._sample(query, only)[0])
                return
        self._stream(query, only)

    def _sample(self, query: dict[str, int], only: str) -> tuple[bytes, int, int]:
        state, start = self.state, query.get("from", self.state.first)
        found = [one for one in state.buffer if one.sequence >= start][: query.get("count", 100)]
        following = found[-1].sequence + 1 if found else max(start, state.next)
        return streams_document(state, found, following, only), following, len(found)

    def _stream(self, query: dict[str, int], only: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=a-boundary")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        state, place, said = self.state, query["from"], 0.0
        while True:
            with state.alone:
                if not state.running:
                    return
                if place < state.first:
                    body, count = error_document(state, "OUT_OF_RANGE"), -1
                else:
                    body, place, count = self._sample({**query, "from": place}, only)
            now = time.monotonic()
            if count or now - said >= query["heartbeat"] / 1000:
                said = now
                head = f"--a-boundary\r\nContent-type: text/xml\r\nContent-length: {len(body)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + body + b"\r\n")
                    self.wfile.flush()
                except OSError:
                    return
            if count < 0:
                return
            time.sleep(query["interval"] / 1000)

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def streams_document(state: State, seen: list[Seen], following: int, only: str = "") -> bytes:
    """An MTConnectStreams document of these observations."""
    space = NAMESPACE.format(state.version)
    devices = []
    for device in dict.fromkeys(one.device for one in state.items):
        if only and device != only:
            continue
        mine = [one for one in seen if one.item.device == device]
        events = "".join(_observation(one) for one in mine if one.item.kind != "Condition")
        conditions = "".join(_observation(one) for one in mine if one.item.kind == "Condition")
        devices.append(
            f'<DeviceStream name={quoteattr(device)} uuid="uuid-{device}">'
            f'<ComponentStream component="Controller" name="c" componentId="c-{device}">'
            f"<Events>{events}</Events><Condition>{conditions}</Condition></ComponentStream></DeviceStream>"
        )
    head = (
        f'<Header creationTime="{stamp(_ms())}" sender="test" instanceId="{state.instance}" version="{state.version}" '
        f'bufferSize="{state.size}" nextSequence="{following}" firstSequence="{state.first}" '
        f'lastSequence="{state.next - 1}"/>'
    )
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><MTConnectStreams xmlns:m="{space}" xmlns="{space}">'
        f"{head}<Streams>{''.join(devices)}</Streams></MTConnectStreams>"
    )
    return text.encode()


def error_document(state: State, code: str) -> bytes:
    space = f"urn:mtconnect.org:MTConnectError:{state.version}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><MTConnectError xmlns="{space}">'
        f'<Header creationTime="{stamp(_ms())}" sender="test" instanceId="{state.instance}" version="{state.version}" '
        f'bufferSize="{state.size}"/><Errors><Error errorCode="{code}">no</Error></Errors></MTConnectError>'
    ).encode()


def _observation(one: Seen) -> str:
    name = f" name={quoteattr(one.item.name)}" if one.item.name else ""
    common = f'dataItemId={quoteattr(one.item.id)}{name} sequence="{one.sequence}" timestamp="{one.at}"'
    if one.item.kind == "Condition":
        code = f" nativeCode={quoteattr(one.code)}" if one.code else ""
        return f'<{one.value} {common} type="SYSTEM"{code}/>'
    return f"<{one.item.kind} {common}>{escape(one.value)}</{one.item.kind}>"


def stamp(ms: int) -> str:
    moment = time.gmtime(ms // 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{ms % 1000:03d}000Z"


def _ms() -> int:
    return int(clock.now().timestamp() * 1000)


@contextmanager
def running_agent(items: list[Item], **options: Any) -> Iterator[Agent]:
    agent = Agent(items, **options)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()
