"""Gives every pytest run a PostgreSQL 18 and a Valkey of its own, before Django reads its settings.

Loaded by `-p` (see pyproject.toml). Servers listen on free ports and live in a temporary folder, so any number of
runs go side by side; they end with the run, and by the kernel's hand if the run is killed. DATABASE_URL and
REDIS_URL, when given, are used instead. Under xdist each worker has its own Valkey; pytest-django keeps their
databases apart.
"""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest

from execlayer.launcher.temporary import Services

PREFIX = "execlayer-test-"
OWN_REDIS = "EXECLAYER_TEST_OWN_REDIS"
MARKERS = (
    "erp_live: needs a running Tryton, built and started by the test run",
    "browser: needs Chromium",
    "e2e: drives the whole product",
)


_services: Services | None = None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    """A wrapper, because it must come before pytest-django, which loads the settings in the same hook."""
    global _services
    _sweep()
    _services = Services(PREFIX)
    try:
        if not os.environ.get("DATABASE_URL"):
            os.environ["DATABASE_URL"] = _services.start_postgres()
        if not os.environ.get("REDIS_URL") or os.environ.get(OWN_REDIS):
            os.environ["REDIS_URL"] = _services.start_valkey()
            os.environ[OWN_REDIS] = "1"
        os.environ["EXECLAYER_HOME"] = str(_services.home)
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
