"""What people read while the demo runs: each part's lines with its name in front, on screen and in a file."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

WIDTH = 14
LARGEST_LOG = 5_000_000  # bytes; the previous one is kept beside it
COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)


class Console:
    """One writer for all parts; a lock keeps lines whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._coloured = sys.stdout.isatty()
        self._colours: dict[str, int] = {}

    def say(self, line: str = "", *, name: str = "run") -> None:
        """Print one line under `name`. A closed screen (a pipe that ended) is no reason to stop."""
        head = f"{name:<{WIDTH}}|"
        if self._coloured:
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            head = f"\033[{colour}m{head}\033[0m"
        with self._lock, suppress(OSError, ValueError):
            print(f"{head} {line}".rstrip(), flush=True)

    def follow(
        self,
        name: str,
        stream: IO[str],
        on_line: Callable[[str], None] | None = None,
        shown: Callable[[str], bool] | None = None,
    ) -> threading.Thread:
        """Copy a child's output to `<name>.log` and, where `shown` agrees, to the screen, until it ends.

        `on_line` sees each line too.
        """
        arguments = (name, stream, on_line, shown)
        thread = threading.Thread(target=self._copy, args=arguments, name=f"log-{name}", daemon=True)
        thread.start()
        return thread

    def _copy(
        self,
        name: str,
        stream: IO[str],
        on_line: Callable[[str], None] | None,
        shown: Callable[[str], bool] | None,
    ) -> None:
        path = self.folder / f"{name}.log"
        with suppress(OSError):
            if path.stat().st_size > LARGEST_LOG:
                path.replace(path.with_suffix(".log.1"))
        with path.open("a", encoding="utf-8") as log, stream:
            for raw in stream:
                line = raw.rstrip()
                with suppress(OSError):
                    log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}\n")
                    log.flush()
                if shown is None or shown(line):
                    self.say(line, name=name)
                if on_line is not None:
                    on_line(line)
