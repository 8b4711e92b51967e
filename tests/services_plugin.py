"""Gives every pytest run a PostgreSQL 18 and a Valkey of its own, before Django reads its settings.

Loaded by `-p` (see pyproject.toml). Servers listen on free ports and live in a temporary folder, so any number of
runs go side by side; they end with the run, and by the kernel's hand if the run is killed. DATABASE_URL and
REDIS_URL, when given, are used instead. Under xdist each worker has its own Valkey; pytest-django keeps their
databases apart.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from execlayer.launcher.postgres import Postgres, start_with_retries
from execlayer.launcher.valkey import Valkey

PREFIX = "execlayer-test-"
OWN_REDIS = "EXECLAYER_TEST_OWN_REDIS"
MARKERS = (
    "erp_live: needs a running Tryton, built and started by the test run",
    "browser: needs Chromium",
    "e2e: drives the whole product",
)


class Services:
    """What this run started, and where."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.folder.chmod(0o711)  # the database's user passes through to its own folder
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None

    def start(self) -> None:
        if not os.environ.get("DATABASE_URL"):
            start_with_retries(self._start_postgres)
        if not os.environ.get("REDIS_URL") or os.environ.get(OWN_REDIS):
            start_with_retries(self._start_valkey)
        home = self.folder / "home"
        home.mkdir(mode=0o711)
        os.environ["EXECLAYER_HOME"] = str(home)

    def _start_postgres(self) -> None:
        postgres = Postgres(self.folder / "postgres", secrets.token_urlsafe(16), durable=False)
        postgres.create()
        with (self.folder / "postgres.log").open("ab") as log:
            postgres.start(log)
        self.postgres = postgres
        postgres.wait()
        password = secrets.token_urlsafe(16)
        postgres.ensure(user="execlayer", password=password, database="execlayer")
        os.environ["DATABASE_URL"] = postgres.url("execlayer", password, "execlayer")

    def _start_valkey(self) -> None:
        valkey = Valkey(self.folder / "valkey", secrets.token_urlsafe(16))
        with (self.folder / "valkey.log").open("ab") as log:
            valkey.start(log)
        self.valkey = valkey
        valkey.wait()
        os.environ["REDIS_URL"] = valkey.url()
        os.environ[OWN_REDIS] = "1"

    def stop(self) -> None:
        if self.valkey is not None:
            self.valkey.stop()
        if self.postgres is not None:
            self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


_services: Services | None = None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """A wrapper, because it must come before pytest-django, which loads the settings in the same hook."""
    global _services
    _sweep()
    _services = Services()
    try:
        _services.start()
        yield
    except BaseException:
        _services.stop()
        raise


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    if _services is not None:
        _services.stop()


def _sweep() -> None:
    """Remove what killed runs left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            with suppress(OSError):
                shutil.rmtree(folder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
