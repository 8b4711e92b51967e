"""One source of MQTT messages, from the broker to the intake and back to the broker's confirmation.

Two loops: one keeps the connection and takes messages in, the other is the pulse that lets time pass, stores what must
be stored and then confirms. While the broker is away no delay ends, because nobody knows what was sent meanwhile.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

import aiomqtt
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from core import clock
from exceptions_app.bridge.client import ConfirmingClient, Inbox, connection_of
from exceptions_app.channels.mqtt import SPARKPLUG
from exceptions_app.machine import sparkplug
from exceptions_app.machine.nodes import Node
from exceptions_app.machine.topics import BadPayload, read_json
from exceptions_app.models import Source
from exceptions_app.services.machine import leases
from exceptions_app.services.machine.intake import Intake, Pace
from exceptions_app.services.machine.store import write_batch

logger = logging.getLogger(__name__)

PULSE: Final = 0.1
#: Seconds after connecting in which messages kept by the broker arrive, before time goes on.
SETTLE: Final = 1.0
LONGEST_PAUSE: Final = 15.0
REBIRTH_EVERY: Final = 30_000
_T = TypeVar("_T")


def now_ms() -> int:
    """The product's clock in milliseconds."""
    return int(clock.now().timestamp() * 1000)


class MqttBridge:
    """Reads one source until told to stop. `database` runs one function at a time, on one thread."""

    def __init__(self, *, source: Source, owner: str, slot: int, pace: Pace, database: Executor) -> None:
        self.source, self.slot, self.owner = source, slot, owner
        self.sparkplug = source.config.get("kind") == SPARKPLUG
        self.intake = Intake(
            source=source, owner=owner, slot=slot, sparkplug=self.sparkplug, pace=pace, judge=self._judge
        )
        self.host = str(source.config.get("host_id") or "") if self.sparkplug else ""
        self.fault = ""
        self._database = database
        self._client: ConfirmingClient | None = None
        self._connected_at: float | None = None
        self._heard_since = 0
        self._state_ms = 0
        self._subscribed: tuple[str, ...] = ()
        self._unconfirmed: deque[aiomqtt.Message] = deque()
        self._rebirths: set[str] = set()
        self._asked_at: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then everything heard is stored, confirmed and given back."""
        reader = asyncio.create_task(self._stay_connected())
        try:
            while not stop.is_set():
                await self._pulse()
                await _wait(stop, PULSE)
        finally:
            await self._drain()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    # --- connection --------------------------------------------------------------------------------------
    async def _stay_connected(self) -> None:
        pause = 0.5
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._listen()
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                level = logging.DEBUG if self.fault == f"{error}"[:200] else logging.WARNING  # said once
                self.fault = f"{error}"[:200]
                logger.log(level, "source %s: %s", self.source.code, error)
            finally:
                self._client, self._connected_at = None, None
                self._unconfirmed.clear()
            pause = 0.5 if asyncio.get_running_loop().time() - began > 30 else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        inbox: Inbox = asyncio.Queue()
        self._state_ms = now_ms()
        will = aiomqtt.Will(*self._state(online=False), qos=1, retain=True) if self.host else None
        async with connection_of(self.source, slot=self.slot, inbox=inbox, will=will) as client:
            self.intake.resume()
            self._client, self._subscribed = client, ()
            self._connected_at = asyncio.get_running_loop().time()
            self._heard_since = now_ms()
            self.fault = ""
            logger.info("source %s: connected as slot %d", self.source.code, self.slot)
            await self._subscribe(client)
            logger.info("source %s: %d topics", self.source.code, len(self._subscribed))
            if self.host:
                await client.publish(*self._state(online=True), qos=1, retain=True)
            async for message in client.messages:
                self._hear(message)
                while not inbox.empty():
                    self._hear(inbox.get_nowait())
                await asyncio.sleep(0)

    async def _subscribe(self, client: ConfirmingClient) -> None:
        """Everything the definitions are about, or what the source lists; again when they change."""
        wanted = self._topics()
        new = [topic for topic in wanted if topic not in self._subscribed]
        gone = [topic for topic in self._subscribed if topic not in wanted]
        for start in range(0, len(new), 100):
            await client.subscribe([(topic, 1) for topic in new[start : start + 100]])
        if gone:
            await client.unsubscribe(gone)
        self._subscribed = wanted

    def _topics(self) -> tuple[str, ...]:
        listed = self.source.config.get("topics") or ()
        lines = listed.splitlines() if isinstance(listed, str) else listed
        topics = {line.strip() for line in lines if str(line).strip()}
        definitions = self.intake.book.definitions if self.intake.book is not None else ()
        if not topics:
            for one in definitions:
                filters = one.template.subscription
                if self.sparkplug:
                    group, node = filters.split("/")[:2]
                    filters = f"{sparkplug.NAMESPACE}/{group}/+/{node}/#"
                topics.add(filters)
        if self.host:
            topics.add(sparkplug.state_topic(self.host))
        return tuple(sorted(topics))

    def _state(self, *, online: bool) -> tuple[str, str]:
        words = {"online": online, "timestamp": self._state_ms}
        return sparkplug.state_topic(self.host), json.dumps(words)

    # --- messages ----------------------------------------------------------------------------------------
    def _hear(self, message: aiomqtt.Message) -> None:
        received = now_ms()
        topic, payload = message.topic.value, bytes(message.payload)
        if message.qos:
            self._unconfirmed.append(message)
        if not self.sparkplug:
            self.intake.hear(topic, payload, len(payload), received)
            return
        address = sparkplug.address_of(topic)
        if address is not None:
            self.intake.hear(address.key, (address, payload), len(payload), received)
        elif self.host and topic == sparkplug.state_topic(self.host):
            self._other_said(payload)

    def _other_said(self, payload: bytes) -> None:
        """Another worker of this host went and the broker says the host is offline: it is not."""
        try:
            said = json.loads(payload)
        except ValueError:
            return
        if isinstance(said, dict) and said.get("online") is False and self._client is not None:
            self._state_ms = max(now_ms(), self._state_ms + 1)
            self._publish(*self._state(online=True), qos=1, retain=True)

    def _judge(self, node: Node, message: Any, received: int) -> None:
        """One message of a held node: decoded, its samples given on; what cannot be decoded is a fault of the node."""
        try:
            if self.sparkplug:
                self._judge_sparkplug(node, message[0], message[1], received)
            else:
                samples = read_json(node.key, message, node.paths, received)
                self.intake.offer(node, samples, len(samples), received)
        except BadPayload as error:
            topic = f"{node.key} {message[0].kind} {message[0].device}" if self.sparkplug else node.key
            raw = message[1] if self.sparkplug else message
            self.intake.fault(node, why=str(error), topic=topic, raw=raw, received=received)
            if self.sparkplug:
                self._rebirths.add(node.key)  # its sequence number is unknown now

    def _judge_sparkplug(self, node: Node, address: sparkplug.Address, body: bytes, received: int) -> None:
        if node.session is None:
            return
        heard = node.session.hear(address, body, received, node.watch)
        node.birth_changed = node.birth_changed or heard.born
        node.count("ignored_values", heard.ignored)
        self.intake.offer(node, heard.samples, heard.values, received)
        for device in heard.dead:
            node.count("deaths")
            node.lose(device)
        if address.kind == "NBIRTH":
            node.count("births")
            self._rebirths.discard(node.key)
        elif heard.gap:
            node.count("gaps")
            self._rebirths.add(node.key)

    def _ask_rebirths(self, now: int) -> None:
        """Ask held nodes to be born again, each at most every half minute."""
        for key in self.intake.renamed if self.sparkplug else ():
            self._rebirths.add(key)
        self.intake.renamed.clear()
        for key in list(self._rebirths):
            node = self.intake.nodes.get(key)
            if node is None:
                self._rebirths.discard(key)
            elif self._client is not None and now - self._asked_at.get(key, 0) >= REBIRTH_EVERY:
                self._rebirths.discard(key)
                self._asked_at[key] = now
                node.count("rebirths_asked")
                node.touched = True
                self._publish(sparkplug.rebirth_topic(key), sparkplug.rebirth_command(now=now))

    def _publish(self, topic: str, payload: str | bytes, *, qos: int = 0, retain: bool = False) -> None:
        client = self._client
        if client is None:
            return

        async def send() -> None:
            try:
                await client.publish(topic, payload, qos=qos, retain=retain)
            except aiomqtt.MqttError as error:
                logger.warning("source %s: nothing sent to %s: %s", self.source.code, topic, error)

        task = asyncio.create_task(send())
        _sending.add(task)
        task.add_done_callback(_sending.discard)

    # --- the pulse ---------------------------------------------------------------------------------------
    async def _pulse(self) -> None:
        now = now_ms()
        try:
            if self.intake.upkeep_due(now):
                await self._upkeep(now)
            self._ask_rebirths(now)
            if self._live():
                self.intake.tick(now, since=self._heard_since)
            await self._store(now)
        except (DatabaseError, InterfaceError) as error:
            self.fault = f"database: {error}"[:200]
            logger.warning("source %s: %s; nothing is confirmed until it is back", self.source.code, error)
            await asyncio.sleep(1)

    async def _upkeep(self, now: int) -> None:
        before = self.intake.book
        try:
            done = await self._in_database(
                self.intake.upkeep(
                    now, fault=self.fault, topics=len(self._subscribed) if self._client is not None else 0
                )
            )
        except (DatabaseError, InterfaceError):
            self.intake.upkeep_failed()
            raise
        surplus = self.intake.kept_up(done, now_ms())
        if surplus:
            await self._store(now, everything=True)
            rows = self.intake.give_back(surplus)
            await self._in_database(lambda: leases.release_nodes(owner=self.owner, nodes=rows))
        if self._client is not None and self.intake.book is not before:
            try:
                await self._subscribe(self._client)
            except aiomqtt.MqttError as error:
                logger.warning("source %s: not subscribed: %s", self.source.code, error)

    async def _store(self, now: int, *, everything: bool = False) -> None:
        """Write what must be written, then confirm what had been heard by then."""
        client, safe = self._client, len(self._unconfirmed)
        if self.intake.undecided:
            safe = 0
        batch = self.intake.collect(now, everything=everything)
        if batch is not None:
            try:
                lost = await self._in_database(lambda: write_batch(batch))
            except (DatabaseError, InterfaceError):
                self.intake.settled(batch, None)
                raise
            self.intake.settled(batch, lost)
        if client is not None and client is self._client:
            for _ in range(min(safe, len(self._unconfirmed))):
                client.confirm(self._unconfirmed.popleft())

    async def _drain(self) -> None:
        """The end: what was heard is stored and confirmed, the nodes are free for others."""
        try:
            await self._store(now_ms(), everything=True)
            rows = self.intake.give_back(list(self.intake.nodes))
            await self._in_database(lambda: self._leave(rows))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("source %s: not everything was stored: %s", self.source.code, error)
        if self.host and self._client is not None:
            try:
                await self._client.publish(*self._state(online=False), qos=1, retain=True, timeout=2)
            except aiomqtt.MqttError:
                logger.info("source %s: the broker went first", self.source.code)

    def _leave(self, rows: list[int]) -> None:
        leases.release_nodes(owner=self.owner, nodes=rows)
        leases.forget_worker(source=self.source, slot=self.slot)

    def _live(self) -> bool:
        """Whether what is known is what is: connected, and what the broker had kept has arrived."""
        since = self._connected_at
        return since is not None and asyncio.get_running_loop().time() - since >= SETTLE

    async def _in_database(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._database, _connected, function)


_sending: set[asyncio.Task[None]] = set()


def _connected(function: Callable[[], _T]) -> _T:
    """Run on the database thread; a connection that broke is made anew the next time."""
    close_old_connections()
    try:
        return function()
    except (DatabaseError, InterfaceError):
        if not connection.in_atomic_block:
            connection.close()
        raise


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
