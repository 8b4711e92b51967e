"""A real Tryton for the figures: taken from the cache (or built), served by its own process.

Knows how to bring it, stop it and start it again; measures nothing. Says so when its packages can't be had.
"""

import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from bench._product import plant
from erp_sync.adapters import port
from erp_sync.models import CodeMapping, ConnectionSite, ErpConnection
from execlayer.launcher.options import ROOT
from execlayer.launcher.ports import free_port
from plant_app.models import Site

PROGRAM = ROOT / "deploy" / "tryton" / "tryton_demo.py"
#: The little plant of the tests: it never changes, so its database comes from the cache.
PLANT = ROOT / "tests" / "erp_sync" / "plant.json"
NO_REGISTRY = 3
DATABASE, LOGIN = "bench_tryton", "integration"


class NoTryton(RuntimeError):
    """Tryton's packages are neither cached nor to be had."""


class Tryton:
    """One server on one database of its own."""

    def __init__(self) -> None:
        self._home = Path(settings.EXECLAYER_HOME) / "bench-tryton"
        self._home.mkdir(mode=0o700, exist_ok=True)
        self._port = free_port()
        self._process: subprocess.Popen[str] | None = None
        self.words = self._home / "password"
        self.url = f"http://127.0.0.1:{self._port}"
        parts = urlsplit(settings.DATABASE_URL)
        self._server = urlunsplit((parts.scheme, parts.netloc, "", "", ""))

    def build(self) -> None:
        if not self.words.exists():
            self.words.write_text(secrets.token_urlsafe(16))
            self.words.chmod(0o600)
        done = self._run(
            "build-template", DATABASE, "--plant", str(PLANT), "--password-file", str(self.words)
        )
        if done.returncode == NO_REGISTRY:
            raise NoTryton(done.stdout.strip().splitlines()[-1])
        if done.returncode:
            raise RuntimeError(f"Tryton could not be built: {done.stdout}{done.stderr}")

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "serve", "--database", DATABASE, "--port", str(self._port), *self._where()],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self._process.stdout is None:
            raise RuntimeError("Tryton says nothing")
        for line in self._process.stdout:
            if line.startswith("state: ready"):
                threading.Thread(target=self._process.stdout.read, daemon=True).start()
                return
        raise RuntimeError(f"Tryton did not start, see {self._home / 'trytond.log'}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def address(self) -> dict[str, str]:
        return {"url": self.url, "database": DATABASE, "username": LOGIN, "password": self.words.read_text()}

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(PROGRAM), *arguments, *self._where()],
            capture_output=True,
            text=True,
            check=False,
        )

    def _where(self) -> list[str]:
        return ["--home", str(self._home), "--database-url", self._server]


@contextmanager
def tryton(*, parallel: int) -> Iterator[tuple[Tryton, ErpConnection]]:
    """A Tryton, and the connection the demo plant's postings go to. Raises NoTryton."""
    plant()
    server = Tryton()
    server.build()
    connection, _ = ErpConnection.objects.update_or_create(
        code="bench-tryton",
        defaults={
            "name": "Bench Tryton", "kind": "tryton", "base_url": server.url, "database": DATABASE, "username": LOGIN,
            "password_source": f"file:{server.words}", "parallel": parallel, "enabled": True,
            "options": {"settle_seconds": 5, "read_timeout": 60},
        },
    )  # fmt: skip
    ErpConnection.objects.exclude(pk=connection.pk).update(enabled=False)
    ConnectionSite.objects.update(is_default=False)
    for site in Site.objects.all():
        ConnectionSite.objects.update_or_create(
            connection=connection, site=site, defaults={"is_default": True}
        )
    server.start()
    try:
        yield server, connection
    finally:
        server.stop()
        ErpConnection.objects.filter(pk=connection.pk).update(enabled=False)


def adapter_of(server: Tryton, options: Mapping[str, Any]) -> port.ErpAdapter:
    """A connector of the bench's own, with the very settings the outbox gives it."""
    mappings: dict[str, Any] = {}
    for kind, ours, theirs in CodeMapping.objects.values_list("kind", "ours", "theirs"):
        mappings.setdefault(kind, {})[ours] = theirs
    return port.build("tryton", {**mappings, **options, "code": "bench-tryton", **server.address()})
