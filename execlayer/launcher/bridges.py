"""Readers of machine data beside the demo: started once a source wants one, so that nobody pays for one unasked.

`BRIDGES=0` never starts any, `BRIDGES=1` starts all at once. Asks the database a single question now and then.
"""

import time
from collections.abc import Callable

import psycopg

#: adapter of a source -> the command that reads such sources
COMMANDS = {"mqtt": "bridge_mqtt", "mtconnect": "bridge_mtconnect", "opcua": "bridge_opcua"}
LOOK_EVERY = 15.0


class Bridges:
    """Which bridges run. `start(name, arguments)` starts a part that is kept running."""

    def __init__(self, wanted: str, database_url: str, start: Callable[[str, list[str]], None]) -> None:
        self.wanted, self.database_url, self._start = wanted, database_url, start
        self.running: set[str] = set()
        self._looked: float | None = None

    def tend(self) -> None:
        """Start what is missing; looks at most every fifteen seconds, and not at all once everything runs."""
        now = time.monotonic()
        missing = COMMANDS.keys() - self.running
        if self.wanted == "0" or not missing:
            return
        if self._looked is not None and now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        for adapter in sorted(missing if self.wanted == "1" else missing & self._asked_for()):
            self.running.add(adapter)
            self._start(f"bridge-{adapter}", ["manage.py", COMMANDS[adapter]])

    def _asked_for(self) -> set[str]:
        """Adapters of active sources; none while the database cannot be asked."""
        try:
            with psycopg.connect(self.database_url, connect_timeout=2) as connection:
                rows = connection.execute(
                    "select distinct adapter from exceptions_app_source where active and adapter = any(%s)",
                    [list(COMMANDS)],
                ).fetchall()
        except psycopg.Error:
            return set()
        return {row[0] for row in rows}
