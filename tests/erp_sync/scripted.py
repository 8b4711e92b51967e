"""A connector for tests that keeps real books in memory: it implements the port and does what its script says.

Books are found by the connection's code, so that every thread's own adapter works on the same ERP. Each `send` looks
for the business key first, as every connector must; `duplicates` tells whether that ever failed to be enough.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from core import clock
from erp_sync.adapters import port
from erp_sync.canonical import KINDS
from erp_sync.errors import ErpUnavailable

KIND = "scripted"
Act = Callable[["Books", port.PostingCommand], port.Outcome]


@dataclass
class Books:
    """One scripted ERP."""

    documents: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sends: list[str] = field(default_factory=list)
    look_ups: list[str] = field(default_factory=list)
    pings: int = 0
    up: bool = True
    script: deque[Act] = field(default_factory=deque)
    unsupported: dict[str, str] = field(default_factory=dict)
    settle_after: timedelta = timedelta(seconds=60)
    clocks: deque[datetime] = field(default_factory=deque)
    pages: dict[str, list[port.Page | Exception]] = field(default_factory=dict)
    pull_calls: list[tuple[str, str]] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)
    foreign: list[port.ErpDocument] = field(default_factory=list)
    delay: float = 0.0
    overlapping: int = 0
    inside: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def then(self, *acts: Act) -> None:
        """The next sends do these, one each; after them every send simply works."""
        self.script.extend(acts)

    def keys(self) -> list[str]:
        return [key for key, _payload in self.documents]


_books: dict[str, Books] = {}


def books_of(code: str) -> Books:
    return _books.setdefault(code, Books())


def forget() -> None:
    _books.clear()


def take(books: Books, command: port.PostingCommand) -> port.Outcome:
    """Book the document; confirmed."""
    with books.lock:
        books.documents.append((command.business_key, command.payload))
        number = len(books.documents)
    return port.Outcome("confirmed", erp_number=f"DOC-{number}", confirmed_at=clock.now())


def refuse(code: str = "scripted.order_closed", message: str = "Order is closed") -> Act:
    return lambda books, command: port.Outcome("rejected", error_code=code, message=message)


def cut_after(books: Books, command: port.PostingCommand) -> port.Outcome:
    """The ERP acts, its answer is lost."""
    take(books, command)
    return port.Outcome("unknown", error_code="scripted.no_answer", message="the answer did not arrive")


def cut_before(books: Books, command: port.PostingCommand) -> port.Outcome:
    """The request is lost on its way, which looks just the same from here."""
    return port.Outcome("unknown", error_code="scripted.no_answer", message="the answer did not arrive")


def away(books: Books, command: port.PostingCommand) -> port.Outcome:
    """Connection refused."""
    return port.Outcome("retry", error_code="scripted.unreachable", message="connection refused")


def busy(books: Books, command: port.PostingCommand) -> port.Outcome:
    """The ERP is fine, the row is locked."""
    return port.Outcome("retry", error_code="scripted.busy", message="locked by another user")


def die_before(books: Books, command: port.PostingCommand) -> port.Outcome:
    """The worker is killed before the request leaves."""
    raise WorkerKilled


def die_after(books: Books, command: port.PostingCommand) -> port.Outcome:
    """The worker is killed after the ERP has acted."""
    take(books, command)
    raise WorkerKilled


class WorkerKilled(BaseException):
    """Stands for the end of the process: nothing in the product catches it, as nothing catches kill -9."""


class ScriptedAdapter:
    kind = KIND
    reconciles = True

    def __init__(self, books: Books) -> None:
        self.books = books

    @property
    def settle_after(self) -> timedelta:
        return self.books.settle_after

    def capabilities(self) -> dict[str, port.Capability]:
        return {
            kind: port.Capability(kind not in self.books.unsupported, self.books.unsupported.get(kind, ""))
            for kind in KINDS
        }

    def capability(self, command: port.PostingCommand) -> port.Capability:
        return self.capabilities()[command.kind]

    def send(self, command: port.PostingCommand) -> port.Outcome:
        chain = str(command.payload.get("work_order", command.business_key))
        with self.books.lock:
            self.books.sends.append(command.business_key)
            if chain in self.books.inside:
                self.books.overlapping += 1
            self.books.inside.add(chain)
        try:
            if self.books.delay:
                time.sleep(self.books.delay)
            if not self.books.up:
                return away(self.books, command)
            act = self.books.script.popleft() if self.books.script else None
            if act is None or act is take:
                found = self._found(command)
                return found or take(self.books, command)
            return act(self.books, command)
        finally:
            self.books.inside.discard(chain)

    def look_up(self, command: port.PostingCommand) -> port.Outcome | None:
        self.books.look_ups.append(command.business_key)
        if not self.books.up:
            raise ErpUnavailable("connection refused", code="scripted.unreachable", sent=False)
        return self._found(command)

    def pull(self, entity: str, watermark: str = "") -> Iterator[port.Page]:
        self.books.pull_calls.append((entity, watermark))
        for page in self.books.pages.get(entity, []):
            if isinstance(page, Exception):
                raise page
            if page.watermark > watermark:
                yield page

    def ping(self) -> port.Health:
        self.books.pings += 1
        said = self.books.clocks.popleft() if self.books.clocks else None
        return port.Health(self.books.up, detail="" if self.books.up else "connection refused", clock=said)

    def list_documents(self, since: datetime) -> Iterator[port.ErpDocument]:
        for number, key in enumerate(self.books.keys(), start=1):
            yield port.ErpDocument(key, f"DOC-{number}", "scripted.document", "done", True)
        yield from self.books.foreign

    def close(self) -> None:
        return None

    def _found(self, command: port.PostingCommand) -> port.Outcome | None:
        for number, key in enumerate(self.books.keys(), start=1):
            if key == command.business_key:
                return port.Outcome("confirmed", erp_number=f"DOC-{number}", confirmed_at=clock.now())
        return None


def build(settings: Mapping[str, Any]) -> port.ErpAdapter:
    books = books_of(str(settings["code"]))
    books.settings.append(dict(settings))
    return ScriptedAdapter(books)


port.register(KIND)(build)
