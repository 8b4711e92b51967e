"""Keeps a set of child processes running, in order, and ends them in reverse.

Owns starting, restarting with growing pauses, waiting and stopping. Knows nothing of what the parts are for.
"""

import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from execlayer.launcher import children
from execlayer.launcher.console import Console
from execlayer.launcher.watchdog import Watchdog

LONGEST_PAUSE = 30.0
STEADY = 60.0  # seconds of running after which earlier failures are forgotten


class Stopped(Exception):
    """The person asked to stop while something was being waited for."""


class PartFailed(RuntimeError):
    """A part that everything waits for ended badly."""


@dataclass(slots=True)
class Part:
    """One child: how to start it, how to end it, and whether it must always run."""

    name: str
    start: Callable[[], subprocess.Popen[str]]
    tier: int  # stopped from the highest to 0; within a tier together
    restart: bool = True
    death: int = signal.SIGTERM
    patience: float = 10.0
    on_line: Callable[[str], None] | None = None
    shown: Callable[[str], bool] | None = None  # which lines reach the screen; all are in the log
    on_exit: Callable[[int], None] | None = None
    process: subprocess.Popen[str] | None = field(default=None, init=False)
    since: float = field(default=0.0, init=False)
    failures: int = field(default=0, init=False)
    again_at: float | None = field(default=None, init=False)


class Supervisor:
    """Starts from the main thread only (see `children`), so one loop does everything."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.parts: list[Part] = []
        self.stopping = False
        self._watchdog = Watchdog()

    def request_stop(self) -> None:
        """Safe to call from a signal handler."""
        self.stopping = True

    def add(self, part: Part) -> Part:
        """Start a part and keep watching it."""
        self.parts.append(part)
        self._start(part)
        return part

    def _start(self, part: Part) -> None:
        part.process = part.start()
        part.since = time.monotonic()
        part.again_at = None
        self._watchdog.add(part.process.pid, part.death)
        if part.process.stdout is not None:
            self.console.follow(part.name, part.process.stdout, part.on_line, part.shown)

    def run(self, part: Part) -> None:
        """Start a part that is meant to end, wait for it; PartFailed unless it ends with 0."""
        self.add(part)
        code = self.wait_for(lambda: None if part.process is None else part.process.poll())
        self.parts.remove(part)
        if code:
            raise PartFailed(f"{part.name} ended with {code}; its lines above and {part.name}.log say why")

    def wait_for(self, probe: Callable[[], int | None], patience: float | None = None) -> int:
        """Look after all parts until `probe` gives a number. Raises Stopped, or PartFailed when time (s) is up."""
        deadline = None if patience is None else time.monotonic() + patience
        while True:
            if self.stopping:
                raise Stopped
            found = probe()
            if found is not None:
                return found
            if deadline is not None and time.monotonic() > deadline:
                raise PartFailed(f"not ready after {patience:.0f} s")
            self.look()
            time.sleep(0.1)

    def look(self) -> None:
        """Notice parts that ended; start those again that must run, with growing pauses."""
        now = time.monotonic()
        for part in list(self.parts):
            if part.process is None:
                continue
            if part.again_at is not None:
                if now >= part.again_at:
                    self._start(part)
                continue
            code = part.process.poll()
            if code is None:
                continue
            self._watchdog.remove(part.process.pid)
            children.kill_group(part.process.pid)
            if part.on_exit is not None:
                part.on_exit(code)
            if not part.restart:
                part.process = None
                continue
            part.failures = 1 if now - part.since > STEADY else part.failures + 1
            pause = min(LONGEST_PAUSE, 0.5 * 2 ** (part.failures - 1))
            part.again_at = now + pause
            self.console.say(f"ended with {code}; starting again in {pause:.1f} s", name=part.name)

    def stop(self) -> None:
        """End all parts, highest tier first; what does not end in its patience is killed."""
        for tier in sorted({part.tier for part in self.parts}, reverse=True):
            running = [part for part in self.parts if part.tier == tier and part.process is not None]
            for part in reversed(running):
                if part.process is not None and part.process.poll() is None:
                    with suppress(ProcessLookupError):
                        part.process.send_signal(part.death)
            for part in reversed(running):
                if part.process is not None:
                    with suppress(subprocess.TimeoutExpired):
                        part.process.wait(max(0.1, part.patience))
                    children.kill_group(part.process.pid)
                    with suppress(subprocess.TimeoutExpired):
                        part.process.wait(5)
                    self._watchdog.remove(part.process.pid)
        self._watchdog.farewell()
