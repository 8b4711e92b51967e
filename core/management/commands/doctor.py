"""`manage.py doctor`: says of each part whether it is well, with a stable code and its cure."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core import doctor


class Command(BaseCommand):
    """Print every finding; exit with 1 when something is wrong (an error), 0 otherwise."""

    help = "Examine every part of the installation and say what to do."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="only what is not well")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine()
        for finding in findings:
            if options["quiet"] and finding.level in {doctor.Level.OK, doctor.Level.INFO}:
                continue
            self.stdout.write(f"{finding.code}  {finding.level.value:<8} {finding.summary}")
            if finding.cure and finding.level is not doctor.Level.OK:
                self.stdout.write(f"          fix: {finding.cure}")
        if any(finding.level is doctor.Level.ERROR for finding in findings):
            raise SystemExit(1)
