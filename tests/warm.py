"""`manage.py COMMAND` as a process of its own that does not first spend seconds on importing.

A server process imports the product once a run and forks for each command (Python's own fork server); what runs in
the fork is a whole process with its own connections, that can be told to end or killed like any other.
"""

import multiprocessing
import os
import signal
import sys
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess

PRELOAD = "tests.warm_product"
_started: set[str] = set()


class Command:
    """`manage.py` with these words, against the database at `url`; begins at once."""

    def __init__(self, *words: str, url: str) -> None:
        _ready(url)
        self._process: ForkServerProcess = multiprocessing.get_context("forkserver").Process(
            target=run, args=(words,)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float) -> int:
        """Its exit code, negative for a signal; fails if it does not end in time."""
        self._process.join(seconds)
        assert self._process.exitcode is not None, f"still running after {seconds:.0f} s"
        return self._process.exitcode


def _ready(url: str) -> None:
    """Start the server for `url`; its settings, read once, are every fork's."""
    if _started == {url}:
        return
    assert not _started, "one run has one test database"
    given = {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "execlayer.settings_test"}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        multiprocessing.set_forkserver_preload([PRELOAD])
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    _started.add(url)


def run(words: tuple[str, ...]) -> None:
    """In the fork."""
    from django.core.management import execute_from_command_line

    sys.argv = ["manage.py", *words]
    execute_from_command_line(sys.argv)
