"""A PostgreSQL cluster with every migration applied, made once per state of the migrations and copied for each run.

Applying them takes Django many seconds; copying the folder takes a fraction of one. The key is a hash of everything
a migration can depend on that is ours, so an edited migration is never tested with yesterday's tables.
Off with EXECLAYER_TEST_CACHE=0.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from execlayer.launcher.options import ROOT
from execlayer.launcher.postgres import Postgres, binaries

PASSWORD = "only-on-loopback-in-a-test"
DATABASE = "test_execlayer"
KEPT = 4
CACHE = Path(tempfile.gettempdir()) / f"execlayer-clusters-{os.geteuid()}"
SOURCES = (
    "*/migrations/**/*.py",
    "*/models/**/*.py",
    "*/models.py",
    "*/lifecycle.py",
    "*/defaults/**/*",
    "*/packs/**/*",
)


def key() -> str:
    digest = sha256(f"{sys.version}{binaries()}".encode())
    digest.update((ROOT / "requirements" / "base.txt").read_bytes())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def copy_to(target: Path) -> bool:
    """Put a migrated cluster at `target`; False when the migrations do not apply (the run itself will say why)."""
    CACHE.mkdir(mode=0o711, exist_ok=True)
    name = key()
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run waits for the first instead of doing it twice
        ready = CACHE / name
        if not ready.is_dir():
            _prune()
            if not _make(CACHE / f"{name}.making", ready):
                return False
        ready.touch()
        subprocess.run(["cp", "-a", str(ready), str(target)], check=True)
    return True


def _make(making: Path, ready: Path) -> bool:
    shutil.rmtree(making, ignore_errors=True)
    postgres = Postgres(making, PASSWORD, durable=False)
    postgres.create()
    postgres.start()
    try:
        postgres.wait()
        postgres.ensure(user="execlayer", password=PASSWORD, database="execlayer")
        postgres.ensure(user="execlayer", password=PASSWORD, database=DATABASE)
        environment = dict(
            os.environ,
            DATABASE_URL=postgres.url("execlayer", PASSWORD, DATABASE),
            DJANGO_SETTINGS_MODULE="execlayer.settings",
            EXECLAYER_HOME=str(CACHE),
        )
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"],
            env=environment, cwd=ROOT, capture_output=True, check=False,
        )  # fmt: skip
    finally:
        postgres.stop()
    if done.returncode or key() != ready.name:  # edited meanwhile: it holds neither the old nor the new
        shutil.rmtree(making, ignore_errors=True)
        return False
    making.rename(ready)
    return True


def _prune() -> None:
    """Keep the few newest, and any that somebody is copying just now; runs themselves work on copies."""
    known = sorted((path for path in CACHE.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in known[:-KEPT]:
        with suppress(OSError), (CACHE / f"{old.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old)
