"""`manage.py qr_codes PRS-04 ...`: the addresses behind machines' printed codes, and with `--pdf FILE` their sheet."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from plant_app.models import WorkUnit
from plant_app.services import address_of, code_sheet, codes_for


class Command(BaseCommand):
    """Makes the code of a machine that has none yet; a code that was printed before keeps its address."""

    help = "Print the addresses behind the codes of work units, or write their sheet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("units", nargs="+", help="codes of work units, or of areas and work centres")
        parser.add_argument("--pdf", type=Path, help="also write the sheet with these codes")

    def handle(self, *args: Any, **options: Any) -> None:
        units: list[WorkUnit] = []
        for code in options["units"]:
            found = list(
                WorkUnit.objects.filter(active=True, code=code)
                or WorkUnit.objects.filter(active=True, work_centre__code=code)
                or WorkUnit.objects.filter(active=True, work_centre__area__code=code)
            )
            if not found:
                raise CommandError(f"There is no work unit, work centre or area {code}.")
            units += found
        for code in codes_for(work_units=units):
            self.stdout.write(f"{code.work_unit.code} {address_of(code)}")
        if options["pdf"] is not None:
            options["pdf"].write_bytes(code_sheet(work_units=units))
            self.stdout.write(f"wrote {options['pdf']}")
