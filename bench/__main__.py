"""`python -m bench`: runs the figures beside a durable PostgreSQL and a Valkey of their own, prints and writes them."""

import importlib
import json
import os
import pkgutil
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable

import django
from django.core.management import call_command

import bench
from bench.registry import Row, figures
from execlayer.launcher.options import ROOT
from execlayer.launcher.temporary import Services

RESULT = ROOT / ".execlayer" / "bench.json"
INSIDE = "EXECLAYER_BENCH_INSIDE"
HEADS = ("figure", "value", "unit", "ratio", "against", "against value")


def main() -> int:
    if os.environ.get(INSIDE):
        return measure()
    services = Services("execlayer-bench-", durable=True)
    try:
        environment = dict(
            os.environ,
            DATABASE_URL=services.start_postgres(),
            REDIS_URL=services.start_valkey(),
            EXECLAYER_HOME=str(services.home),
            DJANGO_SETTINGS_MODULE="execlayer.settings",
            SECRET_KEY=secrets.token_urlsafe(50),
            PYTHONHASHSEED="0",
        )
        environment[INSIDE] = "1"
        return subprocess.run(
            [sys.executable, "-m", "bench"], env=environment, cwd=ROOT, check=False
        ).returncode
    finally:
        services.stop()


def measure() -> int:
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    for module in pkgutil.iter_modules(bench.__path__):
        if not module.name.startswith("_") and module.name != "registry":
            importlib.import_module(f"bench.{module.name}")
    rows: list[Row] = []
    only = os.environ.get("ONLY", "")
    for known in figures(full=os.environ.get("FULL") == "1"):
        if only not in known.title:
            continue
        started = time.monotonic()
        print(f"measuring {known.title} ...", flush=True)
        rows += known.measure()
        print(f"  took {time.monotonic() - started:.0f} s", flush=True)
    show(rows)
    if only:
        return 0  # the file holds whole runs only
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n", encoding="utf-8")
    print(f"written to {RESULT.relative_to(ROOT)}")
    return 0


def show(rows: Iterable[Row]) -> None:
    table = [HEADS]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        limit = "" if row.against_value is None else f"{row.against_value:,.1f}"
        table.append((row.name, f"{row.value:,.1f}", row.unit, ratio, row.against, limit))
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADS))]
    print()
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print()


if __name__ == "__main__":
    sys.exit(main())
