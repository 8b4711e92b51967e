"""`manage.py simulate`: a shift at the demo plant, over the real interfaces; `--pause` and `--resume` hold it."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from execlayer.simulation.shift import Shift


class Command(BaseCommand):
    """Send signals and react to them at a human pace; seeded, so a seed repeats its dice."""

    help = "Simulate a shift against the running portal."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default=settings.PUBLIC_URL)
        parser.add_argument("--seed", type=int, default=118204)
        parser.add_argument("--pace", type=float, default=1.0, help="2 is twice as fast as people")
        parser.add_argument("--seconds", type=float, default=None, help="end after this long")
        parser.add_argument("--pause", action="store_true", help="hold the running simulation")
        parser.add_argument("--resume", action="store_true", help="let it go on")

    def handle(self, *args: Any, **options: Any) -> None:
        pause_file = Path(settings.EXECLAYER_HOME) / "simulate.paused"
        if options["pause"]:
            pause_file.touch()
            self.stdout.write("The simulated shift holds. Go on with: manage.py simulate --resume")
            return
        if options["resume"]:
            pause_file.unlink(missing_ok=True)
            self.stdout.write("The simulated shift goes on.")
            return
        signal.signal(signal.SIGTERM, _leave)
        shift = Shift(
            base_url=options["url"],
            seed=options["seed"],
            pace=options["pace"],
            pause_file=pause_file,
            verify=not options["url"].startswith("https://127.0.0.1"),
        )
        self.stdout.write(f"simulated shift against {options['url']}, seed {options['seed']}")
        try:
            shift.run(seconds=options["seconds"])
        except KeyboardInterrupt:
            self.stdout.write("the simulated shift ends")


def _leave(signum: int, frame: FrameType | None) -> None:
    """End as on Ctrl-C, so that the shift's tokens are taken back."""
    raise KeyboardInterrupt
