"""Ends every child if the launcher is killed without a chance to do it itself.

Runs as its own process, told of each child's process group on its standard input. When that input ends and was not
closed with a farewell, the launcher is gone: every group is asked to stop, and what is left after a while is killed.
On Linux the kernel's death signal is quicker; this reaches grandchildren too, and other systems.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

PATIENCE = 8.0  # seconds between asking and killing


class Watchdog:
    """The launcher's side: a pipe to the process that watches."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", __file__],
            stdin=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,
            bufsize=1,
        )

    def add(self, group: int, death: int) -> None:
        self._tell(f"+ {group} {int(death)}")

    def remove(self, group: int) -> None:
        self._tell(f"- {group} 0")

    def farewell(self) -> None:
        """Everything was stopped in order; nothing is left to do."""
        self._tell("bye 0 0")
        with suppress(OSError, subprocess.TimeoutExpired):
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait(5)

    def _tell(self, line: str) -> None:
        with suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.write(line + "\n")


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _send(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def main() -> None:
    groups: dict[int, int] = {}
    for line in sys.stdin:
        verb, group, number = line.split()
        if verb == "bye":
            return
        if verb == "+":
            groups[int(group)] = int(number)
        else:
            groups.pop(int(group), None)
    for group, number in groups.items():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(group, number)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and any(_alive(group) for group in groups):
        time.sleep(0.1)
    for group in groups:
        _send(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
