"""One bridge process: a bridge per active source, started and ended as administrators switch sources on and off."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from django.db import DatabaseError, InterfaceError, close_old_connections

from exceptions_app.bridge.mqtt import MqttBridge
from exceptions_app.models import Source
from exceptions_app.services.machine.intake import Pace

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 10.0


class Bridge(Protocol):
    """What reads one source."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then everything heard is stored and given back."""
        ...


@dataclass(slots=True)
class _Running:
    settings: tuple[Any, ...]
    stop: asyncio.Event
    task: asyncio.Task[None]


class Runner:
    """Keeps the bridges of one slot running. `only`: codes of sources, empty for every active one; `make` is the bridge
    of that adapter.
    """

    def __init__(
        self, *, adapter: str, slot: int, only: Sequence[str], pace: Pace, make: Callable[..., Bridge] = MqttBridge
    ) -> None:  # fmt: skip
        self.make = make
        self.adapter, self.slot, self.only, self.pace = adapter, slot, tuple(only), pace
        # the slot comes first: an earlier process of the same slot has left its nodes to this one
        self.owner = f"{slot}@{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._running: dict[int, _Running] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then every bridge drains."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="database") as database:
            try:
                while not stop.is_set():
                    await self._look(database)
                    try:
                        await asyncio.wait_for(stop.wait(), LOOK_EVERY)
                    except TimeoutError:
                        continue
            finally:
                await asyncio.gather(*(self._end(pk) for pk in list(self._running)))
                database.submit(close_old_connections).result()

    async def _look(self, database: ThreadPoolExecutor) -> None:
        try:
            sources = await asyncio.get_running_loop().run_in_executor(database, self._sources)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the sources cannot be read now: %s", error)
            return
        for pk, running in list(self._running.items()):
            source = sources.get(pk)
            if source is None or running.settings != _settings(source) or running.task.done():
                await self._end(pk)
        for pk, source in sources.items():
            if pk not in self._running:
                bridge = self.make(
                    source=source, owner=self.owner, slot=self.slot, pace=self.pace, database=database
                )
                ending = asyncio.Event()
                task = asyncio.create_task(bridge.run(ending))
                self._running[pk] = _Running(_settings(source), ending, task)
                logger.info("source %s: bridge started", source.code)

    def _sources(self) -> dict[int, Source]:
        close_old_connections()
        rows = Source.objects.filter(adapter=self.adapter, active=True).select_related("site")
        if self.only:
            rows = rows.filter(code__in=self.only)
        return {row.pk: row for row in rows}

    async def _end(self, pk: int) -> None:
        running = self._running.pop(pk)
        running.stop.set()
        results = await asyncio.gather(running.task, return_exceptions=True)
        for failure in results:
            if isinstance(failure, BaseException):
                logger.error("a bridge ended badly and is started anew", exc_info=failure)


def _settings(source: Source) -> tuple[Any, ...]:
    return (source.config, source.secrets, source.site_id)
