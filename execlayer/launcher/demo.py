"""The demo, put together: which parts there are, in which order they come, and what is told to whom.

The page comes first; the simulated shift, the past months and the ERP arrive beside it. Owns order and wiring; how
processes live and die is the supervisor's, what they do is theirs.
"""

import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from execlayer.launcher import certificate, children, progress, store
from execlayer.launcher.bridges import Bridges
from execlayer.launcher.console import Console
from execlayer.launcher.erp import Erp
from execlayer.launcher.options import ROOT, Options
from execlayer.launcher.ports import listen
from execlayer.launcher.postgres import Postgres, reachable_home
from execlayer.launcher.runfile import RunFile
from execlayer.launcher.supervisor import Part, PartFailed, Supervisor
from execlayer.launcher.valkey import Valkey

SERVERS, SERVING, BESIDE = 0, 1, 2  # stopped in the opposite order
# What a shell beside the demo needs to reach the same servers (see execlayer/environment.py).
SHARED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PUBLIC_URL", "ALLOWED_HOSTS", "HSTS_SECONDS", "ERP")
WORKERS = {"urgent": 2, "work": 2, "erp": 1}  # queue -> processes (one sends with threads)

CELERY = ("-m", "celery", "--quiet", "-A", "execlayer.celery")
QUIET = ("--loglevel", "WARNING")


def worker_arguments(queue: str, processes: int) -> list[str]:
    """What Python is started with for the workers of one queue."""
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [*CELERY, "worker", "-Q", queue, "-c", str(processes), "-n", f"{queue}@%h", *QUIET, *alone]


def beat_arguments(home: Path) -> list[str]:
    """The same for the clock that starts the sweeps."""
    return [*CELERY, "beat", "--pidfile=", "--schedule", str(home / "beat-schedule"), *QUIET]


class Demo:
    """One run of everything."""

    def __init__(self, options: Options, console: Console) -> None:
        self.options = options
        self.console = console
        self.started = time.monotonic()
        self.supervisor = Supervisor(console)
        self.keys = store.keys(
            options.home / "secrets.json", "secret_key", "postgres", "application", "valkey", "tryton"
        )
        store.sealing_key(options.home / "secret.keys")
        self.environment = dict(os.environ, PYTHONUNBUFFERED="1", EXECLAYER_HOME=str(options.home))
        self.postgres: Postgres | None = None
        self.erp: Erp | None = None
        self.listener: socket.socket | None = None
        self.certificate: tuple[Path, Path, Path] | None = None
        self.url = ""
        self.run_file = RunFile(options.home / "run.json")
        self.progress: progress.Progress
        self.bridges: Bridges | None = None

    # --- the order of things -----------------------------------------------------------------------------
    def bring_up(self) -> None:
        """Everything up to the first usable page; raises when a part of that fails."""
        self._open_address()
        self._start_servers()
        self._prepare_database()
        self._start_web()
        self._announce()

    def bring_beside(self) -> None:
        """What may take its time while people already look at the page."""
        self._start_workers()
        if self.options.simulate:
            self._add("simulate", ["manage.py", "simulate"], tier=BESIDE, nice=5)
        if self.options.builds_erp and self.postgres is not None:
            self.erp = Erp(self.options, self.console, self.run_file, self.environment)
            self._export_plant(self.erp.plant)
            self.erp.start(self.supervisor, self.postgres, self.keys["tryton"], tier=BESIDE)
        if self.options.simulate and not self.progress.done("history"):
            self._fill_history()

    def tend(self) -> None:
        """What is looked after for as long as the demo runs: bridges, once a source wants one."""
        if self.bridges is None:
            self.bridges = Bridges(
                self.options.bridges, self.environment["DATABASE_URL"],
                lambda name, arguments: self._add(
                    name, arguments, tier=SERVING, extra={"EXECLAYER_PROCESS": "worker"}
                ),
            )  # fmt: skip
        self.bridges.tend()

    def take_down(self) -> None:
        """End every part, in the opposite order, and say so in the files others read."""
        self.console.say("stopping")
        began = time.monotonic()
        self.run_file.ready(is_ready=False)
        self.supervisor.stop()
        if self.erp is not None:
            self.erp.stopped()
        self.console.say(f"stopped after {time.monotonic() - began:.1f} s")

    # --- steps -------------------------------------------------------------------------------------------
    def _open_address(self) -> None:
        options = self.options
        self.listener = listen(options.host, options.port)
        port = self.listener.getsockname()[1]
        if port != options.port:
            self.console.say(f"port {options.port} is taken by another program; using {port}")
        scheme = "https" if options.tls else "http"
        if options.tls:
            self.certificate = certificate.ensure(options.home / "tls", options.names())
        self.url = f"{scheme}://{options.probe_host}:{port}"
        self.environment.setdefault("PUBLIC_URL", f"{scheme}://{options.public_host}:{port}")
        self.environment.setdefault("ALLOWED_HOSTS", ",".join(options.names()))
        # A browser that learned to insist on HTTPS would refuse the next self-made certificate for good.
        self.environment.setdefault("HSTS_SECONDS", "0")
        self.environment.setdefault("SECRET_KEY", self.keys["secret_key"])
        self.environment["ERP"] = options.erp
        self.run_file.begin(self.environment["PUBLIC_URL"], options.erp)

    def _start_servers(self) -> None:
        options = self.options
        if not options.database_url or options.builds_erp:
            postgres = Postgres(
                reachable_home(options.home / "postgres", self.keys["postgres"]), self.keys["postgres"]
            )
            if postgres.directory.parent != options.home:
                self.console.say(
                    f"the database's data is in {postgres.directory} (its user cannot enter {options.home})"
                )
            postgres.create()
            self.supervisor.add(
                Part(
                    "postgres",
                    lambda: postgres.start(subprocess.PIPE),
                    SERVERS,
                    death=children.FAST_SHUTDOWN,
                    shown=lambda line: line.startswith(("FATAL", "PANIC")),
                    patience=20,
                )
            )
            self.postgres = postgres
        if not options.redis_url:
            valkey = Valkey(options.home / "valkey", self.keys["valkey"])
            self.supervisor.add(
                Part(
                    "valkey",
                    lambda: valkey.start(subprocess.PIPE),
                    SERVERS,
                    patience=5,
                    shown=lambda line: False,
                )
            )
            valkey.wait()
            self.environment["REDIS_URL"] = valkey.url()
        if self.postgres is not None:
            self.postgres.wait()
            if not options.database_url:
                password = self.keys["application"]
                self.postgres.ensure(user="execlayer", password=password, database="execlayer")
                self.environment["DATABASE_URL"] = self.postgres.url("execlayer", password, "execlayer")
        shared = (
            "DATABASE_URL",
            "REDIS_URL",
            "SECRET_KEY",
            "PUBLIC_URL",
            "ALLOWED_HOSTS",
            "HSTS_SECONDS",
            "ERP",
        )
        store.write(options.home / "services.json", {name: self.environment[name] for name in shared})

    def _prepare_database(self) -> None:
        self.progress = progress.Progress(
            self.options.home / "progress.json", self.environment["DATABASE_URL"]
        )
        on_disk = progress.migrations()
        if not self.progress.done("migrations", on_disk):
            self.console.say("bringing the database up to date")
            self._run("migrate", ["manage.py", "migrate", "--no-input", "--verbosity", "0"])
            self.progress.finish("migrations", on_disk)
        logins = self.options.home / "logins.json"
        if not self.progress.done("demo") or not logins.exists():
            self.console.say("setting up the demo plant")
            self._run("seed", ["manage.py", "seed_demo", "--credentials", str(logins)])
            logins.chmod(0o600)
            self.progress.finish("demo")
        self.run_file.logins(logins)

    def _start_web(self) -> None:
        listener = self.listener
        if listener is None:
            raise PartFailed("no address is open")
        arguments = ["-m", "execlayer.web", "--fd", str(listener.fileno())]
        if self.certificate is not None:
            arguments += ["--certificate", str(self.certificate[0]), "--key", str(self.certificate[1])]
        for number in range(1, self.options.web_processes + 1):
            self._add(
                f"web-{number}",
                arguments,
                tier=SERVING,
                patience=6,
                pass_fds=(listener.fileno(),),
                extra={"EXECLAYER_PROCESS": "web"},
            )
            if number == 1:  # the others come once somebody can look at a page
                self.supervisor.wait_for(lambda: 0 if self._answers("/readyz") else None, patience=90)
                self._answers("/login/")  # the first page compiles its templates for everyone

    def _start_workers(self) -> None:
        for queue, processes in WORKERS.items():
            self._add(
                f"worker-{queue}",
                worker_arguments(queue, processes),
                tier=SERVING,
                extra={"EXECLAYER_PROCESS": "worker"},
            )
        self._add("beat", beat_arguments(self.options.home), tier=SERVING)

    def _export_plant(self, target: Path) -> None:
        """The ERP is filled with our plant's master data; it waits for this file."""
        if target.exists():
            return
        target.parent.mkdir(mode=0o700, exist_ok=True)
        part = target.with_suffix(".part")

        def ended(code: int) -> None:
            if code == 0:
                part.replace(target)

        arguments = ["manage.py", "export_plant", str(part)]
        self._add("export", arguments, tier=BESIDE, restart=False, on_exit=ended)

    def _fill_history(self) -> None:
        def ended(code: int) -> None:
            if code == 0:
                self.progress.finish("history")
                self.console.say("the past months are filled in; the report has something to compare with")
            else:
                self.console.say(f"filling the past months ended with {code}; the next start tries again")

        self._add(
            "history", ["manage.py", "fill_history"], tier=BESIDE, nice=10, restart=False, on_exit=ended
        )

    # --- talking -----------------------------------------------------------------------------------------
    def _announce(self) -> None:
        self.run_file.ready()
        say = self.console.say
        say(f"ready after {time.monotonic() - self.started:.1f} s")
        say()
        for label, path in (
            ("desk", "/"),
            ("inbox", "/inbox/"),
            ("admin", "/admin/"),
            ("API", "/api/v1/docs/"),
        ):
            say(f"  {label:<7}{self.environment['PUBLIC_URL']}{path}")
        if self.certificate is not None:
            say(f"  to trust this address on a tablet, install {self.certificate[2]}")
        say()
        for login in self.run_file.known_logins():
            role = login.get("role", "")
            if role == "responder" and login.get("function"):
                role = f"responder, {str(login['function']).replace('_', ' ')}"
            say(f"  {role:<30}{login.get('username', ''):<22}{login.get('password', '')}")
        say()
        say(f"  these and API tokens are in {self.run_file.path}")
        state = {"none": "none (ERP=none): postings stay local"}.get(
            self.options.erp, "is being prepared beside this page"
        )
        say(f"  ERP: {state}")
        say("  Ctrl-C stops everything; the data stays")
        say()

    def _answers(self, path: str) -> bool:
        context = ssl._create_unverified_context() if self.certificate is not None else None  # noqa: S323  (ourselves)
        request = urllib.request.Request(f"{self.url}{path}")  # noqa: S310  (our own address)
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    # --- children of ours --------------------------------------------------------------------------------
    def _python(
        self,
        arguments: list[str],
        *,
        nice: int = 0,
        pass_fds: tuple[int, ...] = (),
        extra: dict[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        return children.spawn(
            [sys.executable, *arguments],
            env=self.environment | (extra or {}),
            cwd=ROOT,
            nice=nice,
            pass_fds=pass_fds,
        )

    def _add(
        self,
        name: str,
        arguments: list[str],
        *,
        tier: int,
        nice: int = 0,
        patience: float = 10.0,
        restart: bool = True,
        pass_fds: tuple[int, ...] = (),
        extra: dict[str, str] | None = None,
        on_exit: Callable[[int], None] | None = None,
    ) -> None:
        self.supervisor.add(
            Part(
                name,
                lambda: self._python(arguments, nice=nice, pass_fds=pass_fds, extra=extra),
                tier,
                restart=restart,
                patience=patience,
                on_exit=on_exit,
            )
        )

    def _run(self, name: str, arguments: list[str]) -> None:
        self.supervisor.run(Part(name, lambda: self._python(arguments), SERVING, restart=False))
