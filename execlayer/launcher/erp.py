"""The demo's ERP as one more part: a separate program in its own environment, reached over its network port only.

Owns starting it and passing on what it says of itself (`state: ...` lines) to run.json, erp.json and the screen.
Knows nothing of what is inside; the program is under its own licence and never imported.
"""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from execlayer.launcher import children, store
from execlayer.launcher.console import Console
from execlayer.launcher.options import ROOT, Options
from execlayer.launcher.postgres import Postgres
from execlayer.launcher.runfile import RunFile
from execlayer.launcher.supervisor import Part, Supervisor

PROGRAM = ROOT / "deploy" / "tryton" / "tryton_demo.py"
DATABASE = "tryton"
LOGIN = "integration"


class Erp:
    """Tryton beside the portal. Postings made before it is ready wait in their table."""

    def __init__(
        self, options: Options, console: Console, run_file: RunFile, environment: dict[str, str]
    ) -> None:
        self._options = options
        self._console = console
        self._run_file = run_file
        self._environment = environment
        self._url = ""

    def start(self, supervisor: Supervisor, postgres: Postgres, password: str, *, tier: int) -> None:
        """Add the part. It builds itself on its first start, which takes minutes, and is quick afterwards."""
        home = self._options.home / "tryton"
        home.mkdir(mode=0o700, exist_ok=True)
        words = home / "password"
        words.touch(mode=0o600)
        words.write_text(password)
        postgres.ensure(user="tryton", password=password, database=None)
        self._tell("building", "starting")
        argv = self._argv(home, words, postgres.url("tryton", password, ""))
        self._run_file.erp(database=DATABASE, username=LOGIN, password=password)
        supervisor.add(
            Part(
                "erp",
                lambda: children.spawn(argv, env=self._environment, cwd=ROOT, nice=5, output=subprocess.PIPE),
                tier,
                patience=15,
                on_line=self._heard,
                on_exit=lambda code: self._tell("stopped", f"ended with {code}"),
            )
        )

    def _argv(self, home: Path, words: Path, database_url: str) -> list[str]:
        port = urlsplit(self._environment["ERP_URL"]).port
        return [
            sys.executable, str(PROGRAM), "up", "--home", str(home), "--port", str(port),
            "--database-url", database_url, "--password-file", str(words),
        ]  # fmt: skip

    def _heard(self, line: str) -> None:
        verb, _, rest = line.partition(":")
        if verb != "state":
            return
        state, _, detail = rest.strip().partition(" ")
        if state == "ready":
            self._url = detail.strip()
            self._console.say(f"ERP: Tryton is ready at {self._url}; waiting postings are on their way")
        self._tell(state, detail)

    def _tell(self, state: str, detail: str) -> None:
        self._run_file.erp(url=self._url, ready=state == "ready")
        content = {"kind": "tryton", "state": state, "detail": detail, "url": self._url, "database": DATABASE}
        store.write(self._options.home / "erp.json", content)
