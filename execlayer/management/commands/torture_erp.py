"""`manage.py torture_erp`: postings into a real Tryton while everything breaks, then the count of what stands there."""

import json
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from execlayer.launcher import children, store
from execlayer.launcher.options import ROOT
from execlayer.torture.processes import make_home
from execlayer.torture.run import LEASE

ENDS_WITHIN = 60.0  # seconds from being asked to having ended


class Command(BaseCommand):
    """Exit 0: nothing missing, doubled, out of order or left over; 1: something is; 2: the run itself did not work.

    3: as 2, because Tryton's packages can't be had.
    """

    help = "Post into a real Tryton while the line, the senders, the broker, the databases and Tryton break; count."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--postings", type=int, default=60)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--keep", action="store_true", help="leave the run's folder with its logs behind")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["postings"] < 1:
            raise CommandError("Give at least one posting.", returncode=2)
        home, environment = make_home(lease=LEASE)
        try:
            code = _run(home, environment, options["postings"], options["seed"])
            result = store.read(home / "result.json")
        finally:
            if options["keep"]:
                self.stderr.write(f"kept: {home}")
            else:
                shutil.rmtree(home, ignore_errors=True)
        if not result:
            raise CommandError(
                "The run did not come to its count; its last words are above.", returncode=code or 2
            )
        self.stdout.write(json.dumps(result) if options["json"] else _table(result))
        if not result["passed"]:
            sys.exit(1)


def _run(home: Path, environment: dict[str, str], postings: int, seed: int) -> int:
    """The run as a child with surroundings of its own; a signal to us is passed on, and all of it ends with us."""
    child = children.spawn(
        [sys.executable, "-m", "execlayer.torture", str(home), str(postings), str(seed)],
        env=environment, cwd=ROOT, output=sys.stderr.fileno(),
    )  # fmt: skip

    def interrupted(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {
        number: signal.signal(number, interrupted)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        return child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        children.stop(child, patience=ENDS_WITHIN)


def _table(result: dict[str, Any]) -> str:
    faults = result.pop("faults")
    details = result.pop("details")
    lines = [f"{name.replace('_', ' '):<22}{value}" for name, value in result.items()]
    lines += ["", *(f"{name.replace('_', ' '):<22}{count}" for name, count in faults.items()), *details]
    return "\n".join(lines)
