"""A whole running product for tests: the launcher's own processes, reached only as people and systems reach it.

Owns one home folder, the launcher started in it, and short ways to ask it: as a person over the API, with SQL behind
its back, with a management command, and by looking at its processes. Knows nothing of any story told with it.
Nothing here imports Django; what the tests learn they learn from outside.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from execlayer.launcher.options import ROOT
from execlayer.launcher.ports import free_port
from tests.execlayer.processes import alive, below, mentioning, until

# What a test run or a shell has set for itself and a fresh start must not inherit.
FOREIGN = (
    "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "PUBLIC_URL", "ALLOWED_HOSTS", "TLS", "HOST",
    "EXECLAYER_TEST_TEMPLATE", "EXECLAYER_TEST_OWN_REDIS", "EMAIL_HOST", "HSTS_SECONDS",
)  # fmt: skip
PREFIX = "execlayer-e2e-"
UP_WITHIN = 240.0
ERP_WITHIN = 900.0
JSON = dict[str, Any]


class NoErp(Exception):
    """The ERP could not be built here; the words say why."""


class Person(httpx.Client):
    """Somebody at the API with a token of their own. Refusals raise with the server's words."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def ask(self, path: str, **params: Any) -> Any:
        return self._heard(self.get(path, params=params))

    def tell(self, path: str, body: JSON | None = None, **headers: str) -> Any:
        return self._heard(self.post(path, json=body or {}, headers=headers))

    @staticmethod
    def _heard(answer: httpx.Response) -> Any:
        if answer.is_error:
            raise AssertionError(
                f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:1000]}"
            )
        return answer.json()


class Stack:
    """Use as a context manager. `erp` is "none" or "tryton"."""

    def __init__(self, *, erp: str = "none", web_processes: int = 1) -> None:
        self.erp = erp
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.folder.chmod(0o711)  # the database's own user must be able to pass
        self.home = self.folder / "home"
        self.output = self.folder / "launcher.log"
        self._environment = {name: value for name, value in os.environ.items() if name not in FOREIGN} | {
            "EXECLAYER_HOME": str(self.home),
            "ERP": erp,
            "SIMULATE": "0",
            "PORT": str(free_port()),
            "WEB_PROCESSES": str(web_processes),
        }
        self._launcher: subprocess.Popen[bytes] | None = None
        self._people: dict[str, Person] = {}
        self._tokens: JSON = {}

    # --- coming and going --------------------------------------------------------------------------------
    def __enter__(self) -> "Stack":
        try:
            self.start()
        except BaseException:
            self.discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def start(self) -> None:
        """Up to the first page, workers and beat included."""
        with self.output.open("ab") as sink:
            self._launcher = subprocess.Popen(
                [sys.executable, "-m", "execlayer.launcher", "--with-parent"],
                cwd=ROOT, env=self._environment, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self.wait(lambda: self.facts.get("ready"), UP_WITHIN, "the first page")
        self.wait(lambda: self.processes(" beat "), 60, "beat")
        # a beat, a broker and a worker are one chain: its heartbeat says that all of it works
        self.wait(lambda: self.sql("select 1 from core_heartbeat where name = 'worker'"), 90, "a heartbeat")

    def discard(self) -> None:
        """Stop everything and leave nothing behind."""
        for person in self._people.values():
            person.close()
        if self._launcher is not None and self._launcher.poll() is None:
            self._launcher.send_signal(signal.SIGINT)
            try:
                self._launcher.wait(60)
            except subprocess.TimeoutExpired:
                self._launcher.kill()
                self._launcher.wait(10)
        for pid in mentioning(self.folder):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- asking ------------------------------------------------------------------------------------------
    @property
    def facts(self) -> JSON:
        try:
            found: JSON = json.loads((self.home / "run.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    @property
    def url(self) -> str:
        return str(self.facts["url"])

    @property
    def services(self) -> JSON:
        found: JSON = json.loads((self.home / "services.json").read_text())
        return found

    def wait(self, probe: Callable[[], object], seconds: float, what: str) -> None:
        """Wait for `probe`; the failure carries what the launcher said. Noticing its end costs no waiting."""

        def looked() -> object:
            assert self._launcher is not None
            assert self._launcher.poll() is None, f"the launcher ended:\n{self.logs()}"
            return probe()

        until(looked, seconds, what)

    def sql(self, query: str, *values: Any) -> list[JSON]:
        """Rows as the database has them, behind the product's back."""
        with psycopg.connect(self.services["DATABASE_URL"], row_factory=dict_row, autocommit=True) as link:
            return link.execute(query, values or None).fetchall()  # type: ignore[arg-type]

    def one(self, query: str, *values: Any) -> JSON:
        rows = self.sql(query, *values)
        assert len(rows) == 1, f"{len(rows)} rows: {query} {values}"
        return rows[0]

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A management command beside the running product."""
        return self._python("manage.py", *arguments, check=check)

    def _python(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done

    # --- people ------------------------------------------------------------------------------------------
    def login(self, username: str) -> JSON:
        """`username`, `password`, `api_token` of anybody at the plant."""
        if not self._tokens:
            target = self.folder / "everybody.json"
            self._python("-m", "tests.e2e.everybody", str(target))
            self._tokens = json.loads(target.read_text())
        found: JSON = self._tokens[username]
        return found

    def person(self, username: str) -> Person:
        """Somebody at the API."""
        if username not in self._people:
            self._people[username] = Person(self.url, self.login(username)["api_token"])
        return self._people[username]

    # --- processes ---------------------------------------------------------------------------------------
    def processes(self, *words: str) -> dict[int, str]:
        """Living processes of the product whose command line holds all `words`: pid -> command line."""
        assert self._launcher is not None
        known = below(self._launcher.pid)
        return {pid: line for pid, line in known.items() if all(word in line for word in words)}

    def kill(self, *words: str) -> dict[int, str]:
        """SIGKILL to every process whose command line holds all `words`; returns them. There must be one."""
        victims = self.processes(*words)
        assert victims, f"nothing runs that is called {words}"
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return victims

    @contextmanager
    def nothing_runs(self) -> Iterator[None]:
        """Web, workers, beat and broker are killed, and stay dead within: whoever would start them again is halted."""
        assert self._launcher is not None
        os.kill(self._launcher.pid, signal.SIGSTOP)
        try:
            victims: dict[int, str] = {}
            for words in (("celery",), ("valkey-server",), ("execlayer.web",)):
                victims |= self.kill(*words)
            until(lambda: not alive(victims) and not self.processes("celery"), 30, "everything to be dead")
            yield
        finally:
            os.kill(self._launcher.pid, signal.SIGCONT)

    def answers(self, path: str) -> bool:
        """Whether a page answers with success now."""
        try:
            return httpx.get(f"{self.url}{path}", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def logs(self, lines: int = 25) -> str:
        """The end of every log, for a failure's report."""
        files = [self.output, *sorted((self.home / "logs").glob("*.log"))]
        parts = []
        for file in files:
            if not file.exists():
                continue
            tail = file.read_text(errors="replace").splitlines()[-lines:]
            if tail:
                parts.append(f"--- {file.name}\n" + "\n".join(tail))
        return "\n".join(parts)

    # --- the ERP -----------------------------------------------------------------------------------------
    def wait_for_erp(self) -> JSON:
        """Address and login of the ERP once it answers. Raises NoErp where it cannot be had."""
        deadline = time.monotonic() + ERP_WITHIN
        while time.monotonic() < deadline:
            state = self.erp_state()
            if state.get("ready"):
                return state
            if state.get("state") == "failed":
                raise NoErp(str(state.get("detail")))
            time.sleep(0.5)
        raise AssertionError(f"the ERP was not ready within {ERP_WITHIN:.0f} s\n{self.logs()}")

    def erp_state(self) -> JSON:
        try:
            found: JSON = json.loads((self.home / "erp.json").read_text())
        except (OSError, ValueError):
            return {}
        return found

    @contextmanager
    def erp_through(self, url: str, *, settle_seconds: float) -> Iterator[None]:
        """The product reaches its ERP at `url` meanwhile, and looks unclear postings up after `settle_seconds`."""
        file = self.home / "erp.json"
        known = self.erp_state()
        before = self.one("select options from erp_sync_erpconnection where code = 'tryton'")["options"]
        self._erp_options({**before, "settle_seconds": settle_seconds})
        _replace(file, {**known, "url": url})
        try:
            yield
        finally:
            _replace(file, known)
            self._erp_options(before)

    def _erp_options(self, options: JSON) -> None:
        self.sql(
            "update erp_sync_erpconnection set options = %s where code = 'tryton' returning id",
            json.dumps(options),
        )

    # --- a record's life, asked from outside ----------------------------------------------------------------
    def record(self, ref: str) -> JSON:
        """A row of the exceptions list, as a planner gets it."""
        rows = self.person("ingrid.vogel").ask("/exceptions/", ordering="-captured_at")["results"]
        return next(row for row in rows if row["ref"] == ref)

    def tasks(self, ref: str) -> dict[str, JSON]:
        """Tasks of a record by code, with the username each is for."""
        rows = self.sql(
            "select t.id, t.code, t.status, t.title, t.asks, u.username from decisions_app_task t"
            " join exceptions_app_exceptionrecord e on e.id = t.exception_id"
            " left join plant_app_user u on u.id = t.person_id where e.ref = %s",
            ref,
        )
        return {row["code"]: row for row in rows}

    def postings(self, ref: str) -> list[JSON]:
        """Everything the record sent towards ERP, in full, oldest first."""
        found = self.one("select id from exceptions_app_exceptionrecord where ref = %s", ref)
        planner = self.person("ingrid.vogel")
        rows = planner.ask("/postings/", origin_ref=f"exception:{found['id']}")["results"]
        return [planner.ask(f"/postings/{row['id']}/") for row in sorted(rows, key=lambda row: row["id"])]

    def wait_closed(self, ref: str, seconds: float) -> JSON:
        """Wait until the record is closed; a posting ERP refused ends the waiting at once."""

        def closed() -> bool:
            refused = [row for row in self.postings(ref) if row["status"] == "rejected"]
            assert refused == [], [
                (row["kind"], row["error_code"], row["error_message"], row["payload"]) for row in refused
            ]
            return bool(self.record(ref)["status"] == "closed")

        self.wait(closed, seconds, f"{ref} to close")
        return self.record(ref)


def _replace(file: Path, content: JSON) -> None:
    """Whole or not at all: others read this file at any moment."""
    part = file.with_suffix(".test")
    part.write_text(json.dumps(content))
    part.replace(file)


def _sweep() -> None:
    """Remove the folders of runs that were killed; their processes ended with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)
