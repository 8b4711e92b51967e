"""The command line every bridge to a server or agent has in common: slot, sources, lease; until stopped."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exceptions_app.bridge.run import Bridge, Runner
from exceptions_app.services.machine.intake import Pace


class BridgeCommand(BaseCommand):
    """`adapter` is the code of the sources it reads, `bridge` what reads one of them."""

    adapter: ClassVar[str]
    bridge: ClassVar[Callable[..., Bridge]]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--slot", type=int, default=1, help="1, 2, …: each bridge its own")
        parser.add_argument(
            "--source", action="append", default=[], help="only this source's code; may be repeated"
        )
        parser.add_argument(
            "--lease", type=float, default=10.0, help="seconds until a dead bridge's nodes are taken"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["slot"] <= 999 or options["lease"] < 1:
            raise CommandError("A slot is 1 to 999, a lease at least one second.")
        lease = options["lease"]
        pace = Pace(lease=lease, beat=min(2.0, lease / 4), steady=min(10.0, lease))
        runner = Runner(
            adapter=self.adapter, slot=options["slot"], only=options["source"], pace=pace, make=self.bridge
        )
        asyncio.run(_run(runner))


async def _run(runner: Runner) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await runner.run(stop)
