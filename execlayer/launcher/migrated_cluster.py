"""A PostgreSQL cluster with every migration applied, made once per state of the migrations and copied for each run.

Applying them takes Django many seconds; copying the folder takes a fraction of one. The key is a hash of every
migration and of the modules of ours that they import, so an edited migration is never tested with yesterday's tables.
Where migrations were only added, they are applied on top of the cluster that lacks them.
Off with EXECLAYER_TEST_CACHE=0.
"""

import ast
import fcntl
import json
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

PASSWORD = "only-on-loopback-in-a-test"  # noqa: S105 - of copies that live for one run
DATABASE = "test_execlayer"
KEPT = 4
CACHE = Path(tempfile.gettempdir()) / f"execlayer-clusters-{os.geteuid()}"
MANIFEST = "migrations.json"


def sources() -> dict[str, str]:
    """What the tables depend on: path -> hash."""
    tools = f"{sys.version}{binaries()}{_hash(ROOT / 'requirements' / 'base.txt')}"
    found = {"": sha256(tools.encode()).hexdigest()}
    for migration in sorted(ROOT.glob("*/migrations/*.py")):
        for path in (migration, *_imported(migration)):
            found[str(path.relative_to(ROOT))] = _hash(path)
    return found


def key(known: dict[str, str] | None = None) -> str:
    return sha256(json.dumps(known or sources(), sort_keys=True).encode()).hexdigest()[:16]


def _imported(module: Path) -> list[Path]:
    """The modules of ours that it names."""
    names: list[str] = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    places = [ROOT.joinpath(*name.split(".")) for name in names]
    found = [path for place in places for path in (place.with_suffix(".py"), place / "__init__.py")]
    return [path for path in found if path.is_file()]


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def copy_to(target: Path) -> bool:
    """Put a migrated cluster at `target`; False when the migrations do not apply (the run itself will say why)."""
    CACHE.mkdir(mode=0o711, exist_ok=True)
    known = sources()
    name = key(known)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second run waits for the first instead of doing it twice
        ready = CACHE / name
        if not ready.is_dir():
            _prune()
            if not _make(CACHE / f"{name}.making", ready, known):
                return False
        ready.touch()
        subprocess.run(["cp", "-a", str(ready), str(target)], check=True)
    return True


def _make(making: Path, ready: Path, known: dict[str, str]) -> bool:
    base = _base(known)
    return (base is not None and _migrate(making, ready, known, base)) or _migrate(making, ready, known, None)


def _base(known: dict[str, str]) -> Path | None:
    """The cluster with the most of these migrations and nothing else."""
    best, most = None, 0
    for manifest in CACHE.glob(f"*/{MANIFEST}"):
        with suppress(OSError, ValueError):
            there = json.loads(manifest.read_text(encoding="utf-8"))
            if there.items() <= known.items() and len(there) > most:
                best, most = manifest.parent, len(there)
    return best


def _migrate(making: Path, ready: Path, known: dict[str, str], base: Path | None) -> bool:
    shutil.rmtree(making, ignore_errors=True)
    if base is not None and not _copied(base, making):
        return False
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
    if done.returncode or sources() != known:  # edited meanwhile: it holds neither the old nor the new
        shutil.rmtree(making, ignore_errors=True)
        return False
    (making / MANIFEST).write_text(json.dumps(known), encoding="utf-8")
    making.rename(ready)
    return True


def _copied(base: Path, target: Path) -> bool:
    """Whether `base` is still there and was copied; it is not pruned meanwhile."""
    with (CACHE / f"{base.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return (
            subprocess.run(["cp", "-a", str(base), str(target)], check=False, capture_output=True).returncode
            == 0
        )


def _prune() -> None:
    """Keep the few newest, and any that somebody is copying just now; runs themselves work on copies."""
    known = sorted((path for path in CACHE.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in known[:-KEPT]:
        with suppress(OSError), (CACHE / f"{old.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old)
