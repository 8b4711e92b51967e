"""`manage.py torture_erp` as people run it: one short torture, and one that is interrupted."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from erp_sync.torture.faults import KILLS, LINE
from execlayer.torture.__main__ import INTERRUPTED, NO_REGISTRY

ROOT = Path(__file__).parents[2]
POSTINGS, SEED = 60, 11
ENDS_WITHIN = 120.0
HOME = re.compile(r"in (/\S*execlayer-torture-\S+)")

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command, as nobody's terminal, in a process group of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.Popen(
        [sys.executable, "manage.py", "torture_erp", *arguments],
        cwd=ROOT, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, process_group=0,
    )  # fmt: skip


def left_of(home: str) -> list[str]:
    """What speaks of a run's folder afterwards: the folder, and processes started for it."""
    found = [home] if Path(home).exists() else []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if home.encode() in words:
            found.append(f"{process.name}: {words[:200]!r}")
    return found


def test_what_is_posted_while_everything_breaks_stands_in_tryton_once_and_in_order() -> None:
    process = start("--postings", str(POSTINGS), "--seed", str(SEED), "--json")
    said, progress = process.communicate()

    if process.returncode == NO_REGISTRY and not os.environ.get("CI"):
        pytest.skip("Tryton's packages can't be had here")
    assert process.returncode == 0, said + progress[-6000:]
    (line,) = said.splitlines()
    result: dict[str, Any] = json.loads(line)
    assert (result["postings"], result["documents"]) == (POSTINGS, POSTINGS)
    zero = ("missing", "doubled", "out_of_order", "unexpected", "quantities_off", "refused", "unsettled")
    assert {name: result[name] for name in zero} == dict.fromkeys(zero, 0)
    assert set(result["faults"]) == {*LINE, *(f"killed_{kind}" for kind in KILLS)}
    assert min(result["faults"].values()) >= 1, result["faults"]
    assert result["orders"] > 1
    assert (result["reversals"] > 5, result["asked_twice"] > 1) == (True, True)
    home = HOME.search(progress)
    assert home is not None
    assert left_of(home[1]) == []


def test_an_interrupted_torture_leaves_neither_process_nor_folder() -> None:
    process = start("--postings", "10", "--json")
    assert process.stderr is not None
    assert process.stdout is not None
    home = HOME.search(process.stderr.readline())
    assert home is not None
    until = time.monotonic() + ENDS_WITHIN
    while not (Path(home[1]) / "erp-postgres" / "postmaster.pid").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)

    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C reaches every process of the terminal's group

    assert process.wait(ENDS_WITHIN) == INTERRUPTED
    assert process.stdout.read() == ""
    assert left_of(home[1]) == []
    process.stdout.close()
    process.stderr.close()
