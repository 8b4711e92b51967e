"""The processes of one torture: started as in production, killed with signal 9, brought back after a pause.

Two clusters, so that our database and the ERP's can die apart; the broker; the ERP; the workers of the queue that
sends, and the clock behind their sweeps. All live in one folder and end with it. Must not know: postings, the audit.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from erp_sync.torture.faults import Kill
from execlayer.launcher import children, migrated_cluster, store
from execlayer.launcher.console import Console
from execlayer.launcher.demo import WORKERS, beat_arguments, worker_arguments
from execlayer.launcher.erp import PROGRAM
from execlayer.launcher.options import ROOT
from execlayer.launcher.ports import free_port
from execlayer.launcher.postgres import Postgres
from execlayer.launcher.supervisor import Part, PartFailed, Supervisor
from execlayer.launcher.valkey import Valkey

PREFIX = "execlayer-torture-"
FILE = "torture.json"
ERP_DATABASE = "tryton"
ERP_LOGIN = "integration"
BUILD_WITHIN, START_WITHIN = 900.0, 180.0
SERVERS, ERP, SENDERS = 0, 1, 2
#: which parts a kill takes down
TARGETS = {
    "sender": ("worker",),
    "broker": ("broker",),
    "database": ("database",),
    "erp": ("erp",),
    "erp_database": ("erp-database",),
    "power": ("worker", "beat", "erp", "broker", "database", "erp-database"),
}


def make_home(*, lease: int) -> tuple[Path, dict[str, str]]:
    """A folder for one run, and the surroundings its processes need: addresses are chosen before anything listens."""
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    home.chmod(0o711)  # the database's user passes through to its own folder
    kept = {name: secrets.token_urlsafe(16) for name in ("superuser", "application", "broker", "erp")}
    ports = {name: str(free_port()) for name in ("database_port", "broker_port", "erp_port")}
    store.write(home / FILE, kept | ports)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ERP_")}
    environment |= {
        "EXECLAYER_HOME": str(home),
        "DATABASE_URL": f"postgresql://execlayer:{kept['application']}@127.0.0.1:{ports['database_port']}/"
        f"{migrated_cluster.DATABASE}",
        "REDIS_URL": f"redis://:{kept['broker']}@127.0.0.1:{ports['broker_port']}",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ERP": "none",
        "POSTING_LEASE_SECONDS": str(lease),
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
        "EXECLAYER_PROCESS": "command",
        "DJANGO_SETTINGS_MODULE": "execlayer.settings",
    }
    return home, environment


class ErrorScreen(Console):
    """Standard output belongs to the result: everything said on the way goes to standard error."""

    def say(self, line: str = "", *, name: str = "torture") -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{name:<14}| {line}".rstrip() + "\n")
            sys.stderr.flush()


class Rig:
    """All parts of one run. Use from the main thread only, as every child's parent."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.console = ErrorScreen(home / "logs")
        self.supervisor = Supervisor(self.console)
        self._keys = store.read(home / FILE)
        self._database = Postgres(home / "postgres", self._keys["superuser"])
        self._database.port = int(self._keys["database_port"])
        self._erp_database = Postgres(home / "erp-postgres", self._keys["superuser"])
        self._broker = Valkey(home / "valkey", self._keys["broker"])
        self._broker.port = int(self._keys["broker_port"])
        self.erp_port = int(self._keys["erp_port"])
        self.erp_password_file = home / "erp-password"
        self._erp_ready = False
        self._codes: dict[str, int] = {}  # of what was meant to end
        self._said: dict[str, list[str]] = {}

    # --- coming up ----------------------------------------------------------------------------------------
    def bring_up(self, plant: Path) -> None:
        """Databases migrated, ERP built from `plant` and answering. Raises PartFailed, ServerFailed, Stopped."""
        self.erp_password_file.touch(mode=0o600)
        self.erp_password_file.write_text(self._keys["erp"])
        self._start_cluster("erp-database", self._erp_database)
        self._erp_database.ensure(user="tryton", password=self._keys["erp"], database=None)
        self._begin("build", [
            str(PROGRAM), "build-template", ERP_DATABASE, "--home", str(self.home / "tryton"), "--plant",
            str(plant), "--password-file", str(self.erp_password_file),
        ])  # fmt: skip
        self._add("broker", lambda: self._broker.start(subprocess.PIPE), SERVERS)
        migrated = migrated_cluster.copy_to(self._database.directory)
        if migrated:
            self._database.password = migrated_cluster.PASSWORD
        self._start_cluster("database", self._database)
        self._database.ensure(
            user="execlayer", password=self._keys["application"], database=migrated_cluster.DATABASE
        )
        if not migrated:
            self._begin("migrate", [str(ROOT / "manage.py"), "migrate", "--no-input", "--verbosity", "0"])
        self._wait_for_steps()
        serve = [
            str(PROGRAM), "serve", "--home", str(self.home / "tryton"), "--database", ERP_DATABASE, "--port",
            str(self.erp_port),
        ]  # fmt: skip
        self._add("erp", lambda: self._python(serve), ERP, on_line=self._heard)
        self._start_senders()  # while the ERP loads its modules they load theirs
        self.supervisor.wait_for(lambda: 0 if self._erp_ready else None, patience=START_WITHIN)

    def stop_senders(self) -> None:
        """Nothing is sent any more."""
        for part in [part for part in self.supervisor.parts if part.tier == SENDERS]:
            self.supervisor.parts.remove(part)
            if part.process is not None:
                children.stop(part.process)

    def stop(self) -> None:
        """End every process."""
        self.supervisor.stop()

    def look(self) -> None:
        """Start again what is due to come back. Raises Stopped when we were asked to end."""
        self.supervisor.wait_for(lambda: 0)
        self.supervisor.look()

    # --- going down ---------------------------------------------------------------------------------------
    def up(self, kind: str) -> bool:
        """Whether all that `kind` would kill is running, so that the kill means something."""
        return all(self._running(name) for name in TARGETS[kind])

    def kill(self, kill: Kill) -> None:
        """Signal 9, without a word before; each part comes back by itself after the kill's pause.

        Of the senders, every other time only one of the worker's processes dies in the middle of its posting, and
        Celery itself replaces it.
        """
        if kill.kind == "sender" and kill.dice < 0.5:
            pool = _offspring(self._pid("worker"))
            if pool:
                _kill(pool[int(kill.dice * 2 * len(pool))])
                return
        names = TARGETS[kill.kind]
        for name in names:
            pid = self._pid(name)
            # A database's processes are groups of their own; without their parent they would end a little later.
            family = [pid, *_offspring(pid)]
            children.kill_group(pid)
            for one in family:
                _kill(one)
        for name in names:
            part = self._part(name)
            if part.process is not None:
                part.process.wait(30)
            if name == "erp":
                self._erp_ready = False
        self.supervisor.look()
        for name in names:
            part = self._part(name)
            part.again_at, part.failures = time.monotonic() + kill.pause, 0

    # --- inside -------------------------------------------------------------------------------------------
    def _part(self, name: str) -> Part:
        return next(part for part in self.supervisor.parts if part.name == name)

    def _pid(self, name: str) -> int:
        process = self._part(name).process
        if process is None:
            raise PartFailed(f"{name} is not there")
        return process.pid

    def _running(self, name: str) -> bool:
        part = self._part(name)
        alive = part.process is not None and part.again_at is None and part.process.poll() is None
        return alive and (self._erp_ready or name != "erp")

    def _start_cluster(self, name: str, cluster: Postgres) -> None:
        cluster.create()
        self._add(name, lambda: cluster.start(subprocess.PIPE), SERVERS, death=children.FAST_SHUTDOWN)
        cluster.wait()

    def _start_senders(self) -> None:
        """The workers of the queue that sends, and the clock of the sweeps."""
        worker = worker_arguments("erp", WORKERS["erp"])
        self._add("worker", lambda: self._python(worker, EXECLAYER_PROCESS="worker"), SENDERS)
        self._add("beat", lambda: self._python(beat_arguments(self.home)), SENDERS)

    def _heard(self, line: str) -> None:
        if line.startswith("state: ready"):
            self._erp_ready = True

    def _add(
        self,
        name: str,
        start: Callable[[], subprocess.Popen[str]],
        tier: int,
        *,
        death: int = signal.SIGTERM,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        part = Part(name, start, tier, death=death, shown=lambda line: False, on_line=on_line, patience=15)
        self.supervisor.add(part)

    def _python(self, arguments: list[str], **extra: str) -> subprocess.Popen[str]:
        environment = dict(
            os.environ, TRYTON_DATABASE_URL=self._erp_database.url("tryton", self._keys["erp"], "")
        )
        return children.spawn([sys.executable, *arguments], env=environment | extra, cwd=ROOT)

    def _begin(self, name: str, arguments: list[str]) -> None:
        """Start a program that is meant to end, beside whatever else runs."""
        said = self._said[name] = []
        self.supervisor.add(
            Part(
                name, lambda: self._python(arguments), SENDERS, restart=False, shown=lambda line: False,
                on_line=said.append, on_exit=lambda code: self._codes.update({name: code}),
            )
        )  # fmt: skip

    def _wait_for_steps(self) -> None:
        """Until all that was begun has ended. Raises PartFailed unless all ended with 0."""
        self.supervisor.wait_for(
            lambda: 0 if len(self._codes) == len(self._said) else None, patience=BUILD_WITHIN
        )
        self.supervisor.parts = [part for part in self.supervisor.parts if part.name not in self._said]
        for name, code in self._codes.items():
            if code:
                raise PartFailed(f"{name} ended with {code}: {' | '.join(self._said[name][-3:])}")


def _offspring(pid: int) -> list[int]:
    """Child processes, where the kernel tells; elsewhere none."""
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
