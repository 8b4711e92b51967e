"""Runs one command beside a throwaway PostgreSQL and Valkey: `python -m execlayer.launcher.temporary COMMAND ...`.

For commands that want a database to look at but must leave no trace. Servers that are given are used instead.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from execlayer.launcher.postgres import Postgres, ServerFailed, start_with_retries
from execlayer.launcher.valkey import Valkey

#: Tests race fifty threads against each other beside whatever else of theirs is still connected.
ROOMY = ("max_connections=250",)


class Services:
    """A PostgreSQL and a Valkey in a folder of their own, gone after `stop`; `durable` keeps fsync on."""

    def __init__(self, prefix: str, *, durable: bool = False) -> None:
        self.durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-"))
        self.folder.chmod(0o711)  # the database's user passes through to its own folder
        self.home = self.folder / "home"
        self.home.mkdir(mode=0o711)
        self._cluster: tuple[Path | None, str] = (None, "")
        self._password = secrets.token_urlsafe(16)  # one for all tries, they share the folder
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None

    def start_postgres(self, cluster: Path | None = None, superuser_password: str = "") -> str:
        """The DATABASE_URL of a fresh, empty database whose owner may make more.

        `cluster`, with its superuser's password, is used as it is instead of making one.
        """
        self._cluster = (cluster, superuser_password)
        start_with_retries(self._start_postgres)
        if self.postgres is None:
            raise ServerFailed("PostgreSQL is not there")
        password = secrets.token_urlsafe(16)
        self.postgres.ensure(user="execlayer", password=password, database="execlayer")
        return self.postgres.url("execlayer", password, "execlayer")

    def start_valkey(self) -> str:
        """The REDIS_URL of an empty server."""
        start_with_retries(self._start_valkey)
        if self.valkey is None:
            raise ServerFailed("Valkey is not there")
        return self.valkey.url()

    def _start_postgres(self) -> None:
        directory, password = self._cluster
        self.postgres = Postgres(
            directory or self.folder / "postgres",
            password or self._password,
            durable=self.durable,
            settings=ROOMY,
        )
        self.postgres.create()
        with (self.folder / "postgres.log").open("ab") as log:
            self.postgres.start(log)
        self.postgres.wait()

    def _start_valkey(self) -> None:
        self.valkey = Valkey(self.folder / "valkey", secrets.token_urlsafe(16))
        with (self.folder / "valkey.log").open("ab") as log:
            self.valkey.start(log)
        self.valkey.wait()

    def stop(self) -> None:
        if self.valkey is not None:
            self.valkey.stop()
        if self.postgres is not None:
            self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def main() -> int:
    services = Services("execlayer-temporary-")
    try:
        environment = dict(os.environ, EXECLAYER_HOME=str(services.home))
        if not environment.get("DATABASE_URL"):
            environment["DATABASE_URL"] = services.start_postgres()
        if not environment.get("REDIS_URL"):
            environment["REDIS_URL"] = services.start_valkey()
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
    finally:
        services.stop()


if __name__ == "__main__":
    sys.exit(main())
