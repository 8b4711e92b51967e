"""`manage.py fill_history`: lives three past months of the demo plant through the services."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from execlayer.simulation.history import MONTHS_BACK, fill


class Command(BaseCommand):
    """Fill the past with progress; safe to break off and to repeat."""

    help = "Fill past months of the demo plant through the services with a moved clock."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=118204)
        parser.add_argument("--months", type=int, default=MONTHS_BACK)

    def handle(self, *args: Any, **options: Any) -> None:
        told = fill(seed=options["seed"], say=self.stdout.write, months_back=options["months"])
        self.stdout.write(
            f"history: done, {told.records} records in {told.days} days ({told.skipped} left out)"
        )
