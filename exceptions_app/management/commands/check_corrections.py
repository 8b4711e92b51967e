"""`manage.py check_corrections`: does the reader read today what people have put right?"""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exceptions_app.services.learning.checking import Case, check_corrections
from plant_app.models import Site

BROKE = 1


class Command(BaseCommand):
    """Read corrected messages again and compare."""

    help = "Read every corrected message again. Exit code 1: something that was read right is read wrong now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", default="", help="code of one site; all without it")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(code=options["site"]).first() if options["site"] else None
        if options["site"] and site is None:
            raise CommandError(f"There is no site {options['site']}.", returncode=2)
        found = check_corrections(site=site)
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "messages": found.messages, "counts": dict(found.counts),
                        "broke": [asdict(one) for one in found.broke], "still": [asdict(one) for one in found.still],
                    }
                )
            )  # fmt: skip
        else:
            words = (
                ", ".join(f"{count} {name}" for name, count in sorted(found.counts.items()))
                or "nothing to check"
            )
            self.stdout.write(f"{found.messages} corrected messages: {words}")
            for title, cases in (("Broke:", found.broke), ("Still wrong:", found.still)):
                if cases:
                    self.stdout.write(title)
                for case in cases[:50]:
                    self.stdout.write(f"  {_line(case)}")
        if found.broke:
            raise CommandError(
                f"{len(found.broke)} fields that were read right are read wrong now.", returncode=BROKE
            )


def _line(case: Case) -> str:
    return f"{case.ref} {case.field}: {case.should or 'nothing'}, read {case.now or 'nothing'}: {case.text}"
