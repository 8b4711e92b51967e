"""A bridge to a source that is asked, not published: a server or agent this side keeps a connection to.

Two loops as with a broker: one keeps the connection, the other is the pulse that lets time pass and stores. While the
source is away nothing is opened or cleared; after a few seconds its values are stale, and signals that must not be
silent say so in their time. What was being delayed is taken up again with the source's own times once it is back.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, ClassVar, Final, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from core import clock
from exceptions_app.machine.nodes import Node
from exceptions_app.machine.samples import Sample
from exceptions_app.models import Source
from exceptions_app.services.machine import leases
from exceptions_app.services.machine.intake import Intake, Pace
from exceptions_app.services.machine.store import write_batch

logger = logging.getLogger(__name__)

PULSE: Final = 0.1
LONGEST_PAUSE: Final = 15.0
#: Seconds without a connection after which values are stale.
LOST_AFTER: Final = 5.0
_DATABASE: Final = "database: "
_T = TypeVar("_T")


def now_ms() -> int:
    """The product's clock in milliseconds."""
    return int(clock.now().timestamp() * 1000)


class LinkBridge:
    """Reads one source until told to stop. A protocol adds `listen` and `judge`, and the failures of its library."""

    failures: ClassVar[tuple[type[Exception], ...]] = (OSError, TimeoutError, ValueError)

    def __init__(self, *, source: Source, owner: str, slot: int, pace: Pace, database: Executor) -> None:
        self.source, self.slot, self.owner = source, slot, owner
        self.intake = Intake(
            source=source, owner=owner, slot=slot, sparkplug=False, pace=pace, judge=self.judge
        )
        self.fault = ""
        self.items = 0  # what is read at the source, for the heartbeat
        self._database = database
        self._up = False
        self._down_since = asyncio.get_running_loop().time()
        self._began = now_ms()
        self._lost: set[str] = set()

    # --- what a protocol adds ------------------------------------------------------------------------------
    async def listen(self) -> None:
        """Connect, call `connected` once the current values are in, and read until it fails."""
        raise NotImplementedError

    def judge(self, node: Node, message: Any, received: int) -> None:
        """One message of a held node."""
        raise NotImplementedError

    def signals_of(self, node: Node) -> list[str]:
        """Names of every signal somebody defined on the node."""
        return [paths.signal for paths in node.paths]

    def changed(self, taken: set[str]) -> None:
        """Which nodes are held, or what is defined of them, may be different now; `taken` are those just claimed."""
        raise NotImplementedError

    def ready(self, key: str) -> bool:
        """Whether what is known of a held node is what is."""
        raise NotImplementedError

    def horizon(self, now: int) -> int:
        """Until when what is known is what was."""
        return now

    # --- connection --------------------------------------------------------------------------------------
    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then everything heard is stored and given back."""
        reader = asyncio.create_task(self._stay_connected())
        try:
            while not stop.is_set():
                if reader.done():
                    reader.result()  # a failure nobody foresaw ends this bridge; the runner starts another
                await self._pulse()
                try:
                    await asyncio.wait_for(stop.wait(), PULSE)
                except TimeoutError:
                    continue
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await self._drain()

    async def _stay_connected(self) -> None:
        loop, pause = asyncio.get_running_loop(), 0.5
        while True:
            began = loop.time()
            try:
                await self.listen()
            except self.failures as error:
                self.fault = f"{type(error).__name__}: {error}"[:200]
                logger.warning("source %s: %s", self.source.code, self.fault)
            finally:
                if self._up:
                    self._up, self._down_since = False, loop.time()
                self.items = 0
            pause = 0.5 if loop.time() - began > 30 else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    def connected(self) -> None:
        """The current values are in: time goes on."""
        if not self._up:
            self._up, self.fault = True, ""
            self._lost.clear()
            logger.info("source %s: connected as slot %d", self.source.code, self.slot)

    # --- samples -----------------------------------------------------------------------------------------
    def give(self, node: Node, samples: list[Sample], received: int) -> None:
        """Samples of a held node to its signals. That something unknown is still unknown is no news."""
        news = [
            one
            for one in samples
            if one.good or any(not pair[1].state.bad for pair in node.watch(one.signal))
        ]
        self.intake.offer(node, news, len(samples), received)

    def _lose(self, now: int) -> None:
        """What is held is stale, and what was never heard is so too, or its silence would never be noticed."""
        for key, node in self.intake.nodes.items():
            node.vouched = False
            if key in self._lost:
                continue
            self._lost.add(key)
            node.lose()
            node.count("lost")
            node.feed(
                Sample(key, signal, None, 1, now, False)
                for signal in self.signals_of(node)
                if not any(pair[1].state.received for pair in node.watch(signal))
            )

    # --- the pulse ---------------------------------------------------------------------------------------
    async def _pulse(self) -> None:
        now = now_ms()
        try:
            if self.intake.upkeep_due(now):
                await self._upkeep(now)
            if self._up:
                until = self.horizon(now)
                for key, node in self.intake.nodes.items():
                    if self.ready(key):
                        node.vouched = True
                        node.tick(until, since=self._began)
            elif asyncio.get_running_loop().time() - self._down_since >= LOST_AFTER:
                self._lose(now)
                self.intake.tick(now, since=self._began)
            await self._store(now)
        except (DatabaseError, InterfaceError) as error:
            self.fault = f"{_DATABASE}{error}"[:200]
            logger.warning("source %s: %s", self.source.code, error)
            await asyncio.sleep(1)

    async def _upkeep(self, now: int) -> None:
        before, held = self.intake.book, dict(self.intake.held)
        work = self.intake.upkeep(now, fault=self.fault, topics=self.items)
        try:
            done = await self._in_database(work)
        except (DatabaseError, InterfaceError):
            self.intake.upkeep_failed()
            raise
        surplus = self.intake.kept_up(done, now_ms())
        if surplus:
            await self._store(now, everything=True)
            rows = self.intake.give_back(surplus)
            await self._in_database(lambda: leases.release_nodes(owner=self.owner, nodes=rows))
        self._lost &= self.intake.nodes.keys()
        if self.intake.book is not before or self.intake.held != held:
            self.changed({key for key, pair in self.intake.held.items() if held.get(key) != pair})

    async def _store(self, now: int, *, everything: bool = False) -> None:
        batch = self.intake.collect(now, everything=everything)
        if batch is None:
            return
        try:
            lost = await self._in_database(lambda: write_batch(batch))
        except (DatabaseError, InterfaceError):
            self.intake.settled(batch, None)
            raise
        self.intake.settled(batch, lost)
        if self.fault.startswith(_DATABASE):
            self.fault = ""

    async def _drain(self) -> None:
        """The end: what was heard is stored, the nodes are free for others."""
        try:
            await self._store(now_ms(), everything=True)
            rows = self.intake.give_back(list(self.intake.nodes))
            await self._in_database(lambda: self._leave(rows))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("source %s: not everything was stored: %s", self.source.code, error)

    def _leave(self, rows: list[int]) -> None:
        leases.release_nodes(owner=self.owner, nodes=rows)
        leases.forget_worker(source=self.source, slot=self.slot)

    async def _in_database(self, function: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._database, _connected, function)


def _connected(function: Callable[[], _T]) -> _T:
    """Run on the database thread; a connection that broke is made anew the next time."""
    close_old_connections()
    try:
        return function()
    except (DatabaseError, InterfaceError):
        if not connection.in_atomic_block:
            connection.close()
        raise
