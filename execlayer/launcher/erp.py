"""The demo's ERP as one more part: a separate program in its own environment, reached over its network port only.

Owns starting it and passing on what it says of itself (`state: ...` lines) to run.json, erp.json and the screen.
Knows nothing of what is inside; the program is under its own licence and never imported.
"""

import subprocess
import sys
from pathlib import Path

from execlayer.launcher import children, store
from execlayer.launcher.console import Console
from execlayer.launcher.options import ROOT, Options
from execlayer.launcher.ports import free_port
from execlayer.launcher.postgres import Postgres
from execlayer.launcher.runfile import RunFile
from execlayer.launcher.supervisor import Part, Supervisor

PROGRAM = ROOT / "deploy" / "tryton" / "tryton_demo.py"
DATABASE = "tryton"
LOGIN = "integration"


class Erp:
    """Tryton beside the portal. Postings made before it is ready wait in their table.

    `erp.json` is how the product learns where its ERP is now: address, login, whether it answers, and the ERP's own
    codes for our words, which the ERP's program leaves in `connection.json`.
    """

    def __init__(
        self, options: Options, console: Console, run_file: RunFile, environment: dict[str, str]
    ) -> None:
        self._state_file = options.home / "erp.json"
        self._home = options.home / "tryton"
        self.plant = self._home / "plant.json"
        self._console = console
        self._run_file = run_file
        self._environment = environment
        self._password = ""
        self._url = ""
        self._state = ""

    def start(self, supervisor: Supervisor, postgres: Postgres, password: str, *, tier: int) -> None:
        """Add the part. It builds itself on its first start, which takes minutes, and is quick afterwards."""
        self._password = password
        self._home.mkdir(mode=0o700, exist_ok=True)
        words = self._home / "password"
        words.touch(mode=0o600)
        words.write_text(password)
        postgres.ensure(user="tryton", password=password, database=None)
        self._tell("building", "is starting")
        argv = [
            sys.executable, str(PROGRAM), "up", "--home", str(self._home), "--port", str(free_port()),
            "--database-url", postgres.url("tryton", password, ""), "--password-file", str(words),
        ]  # fmt: skip
        supervisor.add(
            Part(
                "erp",
                lambda: children.spawn(argv, env=self._environment, cwd=ROOT, nice=5, output=subprocess.PIPE),
                tier,
                patience=15,
                on_line=self._heard,
                on_exit=self._ended,
            )
        )

    def _heard(self, line: str) -> None:
        verb, _, rest = line.partition(":")
        if verb != "state":
            return
        state, _, detail = rest.strip().partition(" ")
        if state == "ready":
            self._url, detail = detail.split()[0], ""
            self._console.say(f"ERP: Tryton is ready at {self._url}; waiting postings are on their way")
        self._tell(state, detail)

    def _ended(self, code: int) -> None:
        if self._state != "failed":  # then it has said why, which is worth more than a number
            self._tell("stopped", f"the ERP's program ended with {code}")

    def stopped(self) -> None:
        """Everything was ended in order; nobody must take the last address for a living one."""
        self._tell("stopped", "the demo is not running")

    def _tell(self, state: str, detail: str) -> None:
        self._state = state
        known = {
            "kind": "tryton",
            "url": self._url,
            "database": DATABASE,
            "username": LOGIN,
            "password": self._password,
            "ready": state == "ready",
        }
        self._run_file.erp(**known)
        settings = store.read(Path(self._home / "connection.json")).get("settings", {})
        store.write(self._state_file, {**known, "state": state, "detail": detail, "settings": settings})
