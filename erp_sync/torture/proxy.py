"""A misbehaving line between the senders and the ERP: one HTTP request a connection, each with the fate the plan says.

Owns the sockets and the counting of requests. A held-back request is passed on even though its sender has hung up, as
a queueing proxy would do; that is the latest an effect can come here, see `LATE`. Must not know: postings, processes.
"""

import asyncio
import json
import socket
import struct
import threading
import time
from contextlib import suppress

from erp_sync.torture.faults import LineFault, Plan

#: Seconds beyond the sender's patience that a late request or answer comes, at least and at most: before the first
#: look-up of an unclear posting, and after it, when only the settling time keeps it from being sent again.
LATE = (0.5, 4.0)
READS = frozenset(
    {"read", "search", "search_read", "search_count", "get_preferences", "login", "version", "get"}
)
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n<h1>502</h1>"
GARBAGE = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n\x00\xff{"result": [[[\xfe\xfe'
UPSTREAM_PATIENCE = 60.0


class Proxy:
    """Runs on its own thread from `start` to `stop`; `patience` is the senders' read time-out in seconds."""

    def __init__(self, upstream_port: int, plan: Plan, patience: float) -> None:
        self.requests = 0
        self.longest = 0.0  # seconds the ERP took over one request, at most
        self.latest = 0.0  # seconds after its sender had given up that a write was answered, at most
        self._under_way = 0
        self._upstream = upstream_port
        self._plan = plan
        self._patience = patience
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close everything; what is still held back is never passed on."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._listener.close()

    def wait_idle(self, patience: float = UPSTREAM_PATIENCE + 10) -> bool:
        """Whether everything passed on has been answered, after at most `patience` seconds."""
        until = time.monotonic() + patience
        while self._under_way and time.monotonic() < until:
            time.sleep(0.05)
        return not self._under_way

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listener))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._under_way += 1
        try:
            with suppress(asyncio.CancelledError):  # the run has ended
                await self._pass_on(reader, writer)
        finally:
            self._under_way -= 1
            with suppress(OSError):
                writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            head, body = await _request(reader)
            arrived = time.monotonic()
            self.requests += 1
            writes = changes_something(body)
            fault = self._plan.for_request(self.requests, writes=writes)
            if fault is None:
                writer.write(await self._ask(head, body))
                await writer.drain()
            else:
                try:
                    await self._misbehave(fault, head, body, writer)
                except OSError:
                    self._plan.put_back(fault)  # the ERP was away: whatever the sender saw, it was not this
                    raise
                self._plan.happened[fault.kind] += 1
            if writes and (fault is None or fault.kind != "late_answer"):
                self.latest = max(self.latest, time.monotonic() - arrived - self._patience)

    async def _misbehave(
        self, fault: LineFault, head: bytes, body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        late = self._patience + LATE[0] + fault.dice * (LATE[1] - LATE[0])
        match fault.kind:
            case "dropped_before":
                writer.close()
            case "dropped_after":
                await self._ask(head, body)
                writer.close()
            case "late_request":
                await asyncio.sleep(late)
                writer.write(await self._ask(head, body))
            case "late_answer":
                began = time.monotonic()
                answer = await self._ask(head, body)
                await asyncio.sleep(max(0.0, late - (time.monotonic() - began)))
                writer.write(answer)
            case "reset":
                asking = asyncio.ensure_future(self._ask(head, body))
                await asyncio.sleep(fault.dice * 0.1)  # the ERP is at work, or just done
                _reset(writer)
                with suppress(OSError):
                    await asking
            case "bad_gateway":
                if fault.dice < 0.5:
                    await self._ask(head, body)
                writer.write(BAD_GATEWAY)
            case "garbage":
                if fault.dice < 0.8:
                    await self._ask(head, body)
                writer.write(GARBAGE)

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        """The ERP's whole answer. Raises OSError when it is away or ends before it has answered."""
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            writer.write(_closing(head) + body)
            answer = await asyncio.wait_for(reader.read(-1), UPSTREAM_PATIENCE)
        finally:
            writer.close()
            self.longest = max(self.longest, time.monotonic() - began)
        return answer


def changes_something(body: bytes) -> bool:
    """Whether a JSON-RPC request may change something in the ERP."""
    try:
        method = str(json.loads(body)["method"])
    except (ValueError, KeyError, TypeError):
        return False
    return method.rsplit(".", 1)[-1] not in READS


async def _request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head, await reader.readexactly(length)


def _closing(head: bytes) -> bytes:
    """Ask the ERP to close after its answer, so that the end of the answer is the end of the stream."""
    lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n"


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection off, so that the sender sees a reset and not an end."""
    line = writer.get_extra_info("socket")
    if line is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
