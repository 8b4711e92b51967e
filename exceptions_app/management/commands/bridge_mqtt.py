"""`manage.py bridge_mqtt`: read machine data from MQTT brokers until stopped. Several may run, each with its slot."""

import asyncio
import logging
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exceptions_app.bridge.run import Runner
from exceptions_app.channels.mqtt import ADAPTER
from exceptions_app.services.machine.intake import Pace


class Command(BaseCommand):
    help = "Read machine data from MQTT brokers. A second bridge (--slot 2) takes half of the nodes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--slot", type=int, default=1, help="1, 2, …: each bridge its own; part of the client id"
        )
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
        pace = Pace(lease=lease, beat=min(2.0, lease / 4))
        logging.getLogger("aiomqtt").setLevel(logging.WARNING)
        asyncio.run(
            _run(Runner(adapter=ADAPTER.code, slot=options["slot"], only=options["source"], pace=pace))
        )


async def _run(runner: Runner) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await runner.run(stop)
