"""What the figures share: the demo plant in the bench's own database, and a web process of the product to measure.

Knows how to make these and to end them; measures nothing.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from execlayer.launcher.options import ROOT
from execlayer.launcher.ports import listen

LISTENERS_FROM = 0  # any free port
UP_WITHIN = 90.0


@cache
def plant() -> dict[str, dict[str, Any]]:
    """Write the demo plant once; logins by username."""
    credentials = Path(settings.EXECLAYER_HOME) / "bench-logins.json"
    call_command("seed_demo", credentials=credentials, verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    return {row["username"]: row for row in json.loads(credentials.read_text())}


@contextmanager
def web(processes: int = 1) -> Iterator[str]:
    """Address of the product's web processes, as the launcher starts them; gone afterwards."""
    plant()
    with listen("127.0.0.1", LISTENERS_FROM) as socket:
        url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        environment = dict(os.environ, EXECLAYER_PROCESS="web", PUBLIC_URL=url, LOG_LEVEL="WARNING")
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "execlayer.web", "--fd", str(socket.fileno())],
                cwd=ROOT, env=environment, pass_fds=(socket.fileno(),), stdout=subprocess.DEVNULL,
            )
            for _ in range(processes)
        ]  # fmt: skip
        try:
            _wait(f"{url}/readyz", running)
            yield url
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(20)


def _wait(address: str, running: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + UP_WITHIN
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in running):
            raise RuntimeError("the web process ended while it started")
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  (our own address)
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the web process was not ready within {UP_WITHIN:.0f} s")
