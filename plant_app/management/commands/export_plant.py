"""`manage.py export_plant FILE`: the plant's master data and open orders as JSON, to fill an ERP with."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from plant_app.selectors.export import plant_document


class Command(BaseCommand):
    """Write the document to a file, or to standard output for `-`."""

    help = "Write master data and open orders of all sites as one JSON document."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="where to write, - for standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        text = json.dumps(plant_document(), ensure_ascii=False, indent=1)
        if options["file"] == "-":
            self.stdout.write(text)
            return
        Path(options["file"]).write_text(text + "\n", encoding="utf-8")
        self.stdout.write(f"wrote {options['file']}")
