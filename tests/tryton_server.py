"""A real Tryton for tests: built once (then from a dump), cloned per module, served by its own process.

Owns the fixtures `tryton_home` (session), `tryton_server` and `tryton` (module). Import them in a conftest to use
them. Nothing here imports Tryton; it is started through deploy/tryton/tryton_demo.py and asked over its network
port. Skips, by name and reason, only where the package registry can't be reached, and never in CI.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.tryton.client import Access, Client
from execlayer.launcher.ports import free_port

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / "deploy" / "tryton" / "tryton_demo.py"
PLANT = ROOT / "tests" / "erp_sync" / "plant.json"
NO_REGISTRY = 3
BUILD_WITHIN = 900
TEMPLATE = "tryton_template"


@dataclass(frozen=True)
class TrytonHome:
    """Where the template database and its secrets are."""

    folder: Path
    database_url: str
    password: str

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command, *rest = arguments
        return subprocess.run(
            [sys.executable, str(PROGRAM), command, *rest, "--home", str(self.folder),
             "--database-url", self.database_url],
            capture_output=True, text=True, check=False, timeout=BUILD_WITHIN,
        )  # fmt: skip


def database_server() -> str:
    """The URL of the run's own PostgreSQL, without a database."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))


def build_template(folder: Path, plant: Path = PLANT, database: str = TEMPLATE) -> TrytonHome:
    """Make the template database. Skips when the packages can't be had (fails in CI)."""
    words = folder / "password"
    words.write_text(secrets.token_urlsafe(16))
    words.chmod(0o600)
    home = TrytonHome(folder, database_server(), words.read_text())
    done = home.run("build-template", database, "--plant", str(plant), "--password-file", str(words))
    if done.returncode == NO_REGISTRY and not os.environ.get("CI"):
        pytest.skip(f"tryton: {done.stdout.strip().splitlines()[-1]}")
    if done.returncode:
        pytest.fail(f"Tryton could not be built: {done.stdout}{done.stderr}")
    return home


class TrytonServer:
    """One running Tryton on one database of its own."""

    def __init__(self, home: TrytonHome, database: str, template: str = TEMPLATE) -> None:
        self.home = home
        self.database = database
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None
        done = home.run("clone", template, database)
        if done.returncode:
            pytest.fail(f"Tryton's database could not be copied: {done.stdout}{done.stderr}")

    def start(self) -> "TrytonServer":
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "serve", "--database", self.database, "--port", str(self.port),
             "--home", str(self.home.folder), "--database-url", self.home.database_url],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("state: ready"):
                threading.Thread(target=self._process.stdout.read, daemon=True).start()
                return self
        pytest.fail(f"Tryton did not start, see {self.home.folder / 'trytond.log'}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def kill(self) -> None:
        """SIGKILL to the server itself, as a crash or the kernel would."""
        assert self._process is not None
        pid = self._process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)

    def wait_dead(self) -> None:
        assert self._process is not None
        self._process.wait(timeout=30)
        self._process = None

    def settings(self, **more: Any) -> dict[str, Any]:
        """What a connection to this server needs."""
        return {
            "url": self.url,
            "database": self.database,
            "username": "integration",
            "password": self.home.password,
            "blocked": {"RHE": "RHE-BLK", "AGS": "AGS-BLK"},
            "cost_accounts": {"downtime": "6910", "scrap": "6920", "clearing": "6999"},
            "connect_timeout": 10,
            "read_timeout": 90,
            **more,
        }

    def adapter(self, **more: Any) -> port.ErpAdapter:
        return port.build("tryton", self.settings(**more))

    def ask(self) -> Client:
        """A connection of the test's own, to look at what is really in Tryton."""
        return Client(Access(self.url, self.database, "integration", self.home.password, read_timeout=90))


@dataclass
class Tryton:
    """A server, a connector to it, and a way to ask it directly."""

    server: TrytonServer
    adapter: port.ErpAdapter
    books: Client

    def on_hand(self, item: str, place: str, lot: str = "") -> float:
        """Quantity in one place, by Tryton's own reckoning."""
        location = self.books.search("stock.location", [["code", "=", place]], ["code"])[0]["id"]
        context = {"locations": [location], "with_childs": False}
        if lot:
            found = self.books.search("stock.lot", [["number", "=", lot]], ["quantity"], context=context)
        else:
            found = self.books.search("product.product", [["code", "=", item]], ["quantity"], context=context)
        return float(found[0]["quantity"] or 0)

    def documents(self, model: str, key: str, name: str = "reference") -> list[dict[str, Any]]:
        """All documents of a key, cancelled ones too."""
        return self.books.search(model, [[name, "like", f"{key}%"]], ["state"])

    def order(self, number: str) -> dict[str, Any]:
        fields = [
            "number",
            "state",
            "quantity",
            "planned_date",
            "planned_start_date",
            "cost",
            "outputs",
            "works",
        ]
        return self.books.search("production", [["reference", "=", number]], fields)[0]


def command(kind: str, key: str, **payload: Any) -> port.PostingCommand:
    """A command as the outbox would hand it over."""
    now = datetime.now(UTC)
    return port.PostingCommand(kind, key, payload, now, date.today(), "EX-2026-004217 test")  # noqa: DTZ011


def key_maker(prefix: str) -> Callable[[], str]:
    """Fresh business keys: 16 characters of A-Z and 2-7, told apart by their last four."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    made = iter(range(32**4))

    def fresh() -> str:
        number, tail = next(made), ""
        for _ in range(4):
            number, rest = divmod(number, 32)
            tail = alphabet[rest] + tail
        return f"{prefix:A<12}{tail}"[:16]

    return fresh


@pytest.fixture(scope="session")
def tryton_home(tmp_path_factory: pytest.TempPathFactory) -> TrytonHome:
    """The template database, built or restored once per run (per xdist worker)."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    folder = tmp_path_factory.mktemp(f"tryton{worker}")
    return build_template(folder, database=f"{TEMPLATE}{worker}")


@pytest.fixture(scope="module")
def tryton_server(tryton_home: TrytonHome, request: pytest.FixtureRequest) -> Iterator[TrytonServer]:
    """A server on a fresh copy of the template, for one module."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = f"t_{Path(str(request.path)).stem}{worker}"[:60]
    server = TrytonServer(tryton_home, name, f"{TEMPLATE}{worker}").start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tryton(tryton_server: TrytonServer) -> Iterator[Tryton]:
    """Server, connector and books, for one module."""
    adapter, books = tryton_server.adapter(), tryton_server.ask()
    yield Tryton(tryton_server, adapter, books)
    adapter.close()
    books.close()


def plant() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PLANT.read_text())
    return found
