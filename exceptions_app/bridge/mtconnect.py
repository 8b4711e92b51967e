"""One MTConnect agent, from its buffer of observations to the intake.

Part 1, "Streaming": `current` first, then `sample` from where the last answer ended. Each device keeps how far it has
been read with its states, so another process goes on exactly there: first what was known at that place
(`current?at=`), then everything since. A new instanceId, or a place the buffer has lost, begins with `current` again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal
from urllib.parse import quote

import httpx

from exceptions_app.bridge.link import LinkBridge, now_ms
from exceptions_app.channels.mtconnect import POLL
from exceptions_app.channels.port import number_of
from exceptions_app.machine.mtconnect import (
    MOST_BYTES,
    AgentError,
    BadDocument,
    Document,
    Observation,
    read_document,
    worst_of,
)
from exceptions_app.machine.multipart import Parts, boundary_of
from exceptions_app.machine.nodes import Node
from exceptions_app.machine.samples import Sample

logger = logging.getLogger(__name__)

#: Devices in different places are caught up one place after the other; beyond this many they begin with `current`.
MOST_PLACES: Final = 50
Kind = Literal["current", "at", "sample"]


class _Resync(Exception):
    """No failure: a device held here is not where the stream is."""


@dataclass(frozen=True, slots=True)
class Portion:
    """What one document says of one device. `start` is the place it goes on from; `next` where the next one does."""

    kind: Kind
    instance: int
    first: int
    start: int
    next: int
    observations: list[Observation] = field(default_factory=list)


class MtConnectBridge(LinkBridge):
    """Reads one agent."""

    failures: ClassVar[tuple[type[Exception], ...]] = (
        OSError, TimeoutError, ValueError, httpx.HTTPError, httpx.InvalidURL,
    )  # fmt: skip

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        config = self.source.config
        self._poll = config.get("mode") == POLL
        self._interval = number_of(config, "interval", default=500, low=50, high=60_000) / 1000
        self._heartbeat = number_of(config, "heartbeat", default=10, low=1, high=300)
        self._most = int(number_of(config, "count", default=1000, low=1, high=100_000))
        self._instance = self._next = -1
        self._behind = True
        self._answered = 0

    # --- what is held ------------------------------------------------------------------------------------
    def changed(self, taken: set[str]) -> None:
        book = self.intake.book
        self.intake.expect(
            one.template.text
            for one in (book.definitions if book else ())
            if not _has_places(one.template.levels)
        )
        self._behind = self._behind or any(not self.ready(key) for key in taken)

    def ready(self, key: str) -> bool:
        mark = self.intake.nodes[key].mark
        return (mark.get("instance"), mark.get("next")) == (self._instance, self._next)

    def horizon(self, now: int) -> int:
        """Between two requests nobody says what happens; a lasting answer says it at once."""
        return min(now, self._answered) if self._poll else now

    # --- the connection ----------------------------------------------------------------------------------
    async def listen(self) -> None:
        timeout = httpx.Timeout(10.0, read=2 * self._heartbeat + self._interval)
        while self.intake.book is None:  # what is held is known before the first answer
            await asyncio.sleep(0.05)
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=False) as client:
            while True:
                await self._sync(client)
                try:
                    await (self._by_requests(client) if self._poll else self._by_stream(client))
                except _Resync:
                    continue
                except AgentError as error:
                    if "OUT_OF_RANGE" not in error.codes:
                        raise
                    # the buffer has moved on; `current` says where it is now
                    logger.warning("source %s: %s", self.source.code, error)
                    await asyncio.sleep(self._interval)

    async def _sync(self, client: httpx.AsyncClient) -> None:
        """Bring every held device to one place: what it knew there again, or `current` where that is lost."""
        self._behind = False
        self._next = -1
        held = list(self.intake.nodes.values())  # one taken meanwhile is looked at the next time
        now = await self._get(client, "current")
        self._instance, received = now.instance, now_ms()
        places = {
            place
            for node in held
            if (place := _place(node, now.instance)) is not None and max(now.first, 1) < place <= now.next
        }
        places = set(sorted(places)[-MOST_PLACES:])
        for place in sorted(places):
            try:
                known = await self._get(client, "current", at=place - 1)
            except AgentError as error:
                logger.warning("source %s: nothing is known at %d: %s", self.source.code, place - 1, error)
                places.discard(place)
                continue
            if known.instance != now.instance:
                self._behind = True
                return
            self._hand(known, "at", place, received)
        for node in held:
            if _place(node, now.instance) not in places:
                if node.mark:
                    node.count("gaps")
                node.mark = {}
        self._hand(now, "current", now.next, received)
        marks = [_place(node, now.instance) for node in held]
        self._next = min([place for place in marks if place is not None], default=now.next)
        self.items = sum(len(node.known) for node in self.intake.nodes.values())
        if self._next > now.last:
            self._answered = received
            self.connected()

    async def _by_requests(self, client: httpx.AsyncClient) -> None:
        while True:
            document = await self._get(client, "sample", **{"from": self._next, "count": self._most})
            self._took(document)
            if document.next > document.last:
                await asyncio.sleep(self._interval)

    async def _by_stream(self, client: httpx.AsyncClient) -> None:
        query = {
            "from": self._next, "count": self._most, "interval": round(self._interval * 1000),
            "heartbeat": round(self._heartbeat * 1000),
        }  # fmt: skip
        async with _asked(client, self._address("sample"), query) as answer:
            boundary = boundary_of(answer.headers.get("content-type", ""))
            if not boundary:
                self._took(self._read(await _body(answer)))
                await asyncio.sleep(self._interval)
                raise _Resync  # no lasting answer: it is asked again
            parts = Parts(boundary, most=MOST_BYTES)
            async for chunk in answer.aiter_bytes():
                for body in parts.feed(chunk):
                    self._took(self._read(body))
        raise ConnectionError("the agent ended its answer")

    def _took(self, document: Document) -> None:
        """One answer to `sample`."""
        if document.instance != self._instance:
            raise _Resync
        if document.next < self._next:
            raise BadDocument("the agent goes backwards")
        start, self._next = self._next, document.next
        received = now_ms()
        self._hand(document, "sample", start, received)
        if self._behind:
            raise _Resync
        if document.next > document.last:
            self._answered = received
            self.connected()

    # --- messages ----------------------------------------------------------------------------------------
    def _hand(self, document: Document, kind: Kind, start: int, received: int) -> None:
        """Each device its portion; a held device the document does not name has read it all the same."""
        portions: dict[str, list[Observation]] = {key: [] for key in self.intake.nodes}
        for device in document.devices:
            portions.setdefault(self._key(device.name, device.uuid), []).extend(device.observations)
        following = start if kind == "at" else document.next
        for key, observations in portions.items():
            portion = Portion(kind, document.instance, document.first, start, following, observations)
            self.intake.hear(key, portion, 200 + 200 * len(observations), received)

    def _key(self, name: str, uuid: str) -> str:
        """A device is called by its name, or by its uuid where that is what a definition says."""
        book = self.intake.book
        known = [one for one in (name, uuid) if one and book and book.watches(one, sparkplug=False)]
        return (known or [name or uuid])[0]

    def judge(self, node: Node, message: Portion, received: int) -> None:
        """A portion that goes on from where the node is; what is known already changes nothing."""
        place = _place(node, message.instance)
        news = message.observations
        if message.kind == "at" and place != message.start:
            return
        if message.kind == "current" and place is not None and message.first <= place <= message.next:
            return
        if message.kind == "sample":
            if place is None or place < message.start:
                self._behind = True
                return
            if place > message.next:
                return
            news = [one for one in news if one.sequence >= place]
        conditions: dict[str, dict[str, str]] = node.mark.get("conditions", {})
        if message.kind != "sample":
            conditions = {}
        samples = self._samples(node, news, conditions, received)
        node.mark = {"instance": message.instance, "next": message.next, "conditions": conditions}
        self.give(node, samples, received)

    def _samples(
        self, node: Node, news: list[Observation], conditions: dict[str, dict[str, str]], received: int
    ) -> list[Sample]:
        wanted = {paths.value: paths.signal for paths in node.paths}
        samples = []
        for one in news:
            signals = {wanted[name] for name in (one.item, one.name) if name in wanted}
            if not signals:
                continue
            value, at = one.value, received if one.at is None else one.at
            if one.condition:
                value = worst_of(conditions, one)
            samples += [Sample(node.key, signal, value, at, received, one.good) for signal in sorted(signals)]
        return samples

    # --- requests ----------------------------------------------------------------------------------------
    def _address(self, request: str) -> str:
        base = str(self.source.config.get("url") or "").rstrip("/")
        if not base.startswith(("http://", "https://")):
            raise ValueError("the agent's address must begin with http:// or https://")
        device = str(self.source.config.get("device") or "").strip()
        return "/".join([base, *([quote(device, safe="")] if device else []), request])

    async def _get(self, client: httpx.AsyncClient, request: str, **query: int) -> Document:
        async with _asked(client, self._address(request), query) as answer:
            return self._read(await _body(answer))

    def _read(self, body: bytes) -> Document:
        try:
            return read_document(body)
        except BadDocument as error:
            for node in list(self.intake.nodes.values())[:1]:
                self.intake.fault(node, why=str(error), topic=self._address(""), raw=body, received=now_ms())
            raise


@asynccontextmanager
async def _asked(
    client: httpx.AsyncClient, address: str, query: dict[str, int]
) -> AsyncIterator[httpx.Response]:
    """An answer to read from. Agents give error documents with 200, 400 or 404; anything else is a failure."""
    async with client.stream("GET", address, params=query, headers={"Accept": "*/*"}) as answer:
        if answer.status_code not in (200, 400, 404):
            raise ConnectionError(f"the agent answers {answer.status_code}")
        yield answer


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            raise BadDocument(f"a document has at most {MOST_BYTES} bytes")
    return bytes(body)


def _place(node: Node, instance: int) -> int | None:
    """Where a node is in that instance's buffer; None when it has not been there."""
    return int(node.mark["next"]) if node.mark.get("instance") == instance else None


def _has_places(levels: tuple[tuple[str, bool], ...]) -> bool:
    return any(placeholder for _, placeholder in levels)
