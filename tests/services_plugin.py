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

import psycopg
import pytest

from execlayer.launcher import migrated_cluster
from execlayer.launcher.temporary import Services

PREFIX = "execlayer-test-"
#: Lets `tests.emptying` delete rows with triggers and foreign keys asleep.
MAY_SLEEP = "GRANT SET ON PARAMETER session_replication_role TO execlayer"
OWN_REDIS = "EXECLAYER_TEST_OWN_REDIS"
MARKERS = (
    "erp_live: needs a running Tryton, built and started by the test run",
    "browser: needs Chromium",
    "e2e: drives the whole product",
    "built_at(moment): the moment as of which the plant of a test is built that holds the clock before",
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
            os.environ["DATABASE_URL"] = _start_postgres(_services)
        if not os.environ.get("REDIS_URL") or os.environ.get(OWN_REDIS):
            os.environ["REDIS_URL"] = _services.start_valkey()
            os.environ[OWN_REDIS] = "1"
        os.environ["EXECLAYER_HOME"] = str(_services.home)
        yield
    except BaseException:
        _services.stop()
        raise


def _start_postgres(services: Services) -> str:
    cluster = services.folder / "postgres"
    if os.environ.get("EXECLAYER_TEST_CACHE") == "0" or not migrated_cluster.copy_to(cluster):
        url = services.start_postgres()
    else:
        os.environ["EXECLAYER_TEST_TEMPLATE"] = migrated_cluster.DATABASE
        url = services.start_postgres(cluster, migrated_cluster.PASSWORD)
    if services.postgres is not None:
        with psycopg.connect(services.postgres.url(), autocommit=True) as superuser:
            superuser.execute(MAY_SLEEP)
    return url


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if os.environ.get("EXECLAYER_TEST_TEMPLATE"):
        # The database is there already; pytest-django then only checks that nothing is left to apply.
        config.option.reuse_db = True


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
