"""`manage.py seed_demo`: the demo plant with everything the product ships: rules, playbooks, sources, connections.

Composes what the apps offer; knows no content itself. Safe to repeat: what is there is left as it is.
"""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from decisions_app.services import load_default_playbooks
from erp_sync.services import ensure_demo_connections
from exceptions_app.services import ensure_edi_source, load_default_sources
from plant_app.demo.build import build_demo
from plant_app.demo.logins import issue_logins
from plant_app.models import Site
from plant_app.selectors.export import plant_document
from routing_app.services import load_default_rules

#: Two customers of the demo plant who order by EDI: Alstrand Rail in X12, Norrland Forest Machines in EDIFACT.
EDI_PARTNERS = [
    {"id": "ALSTRAND", "customer": "ALS", "our_id": "KOLBE", "items": {"AR-VALVE-220": "VB-220"}},
    {"id": "7300010000001", "qualifier": "14", "customer": "NOR", "our_id": "KOLBE", "our_qualifier": "ZZ"},
]


class Command(BaseCommand):
    """Write what is missing. Logins get a password and tokens only where a file for them is named."""

    help = "Set up the demo plant, its rules and playbooks, and its logins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--credentials", type=Path, help="file to write the demo logins to; kept when it exists"
        )
        parser.add_argument(
            "--plant-json", type=Path, help="also write the master data an ERP is filled with"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        new = build_demo()
        load_default_rules()
        load_default_playbooks()
        load_default_sources()
        ensure_edi_source(
            site=Site.objects.order_by("pk")[0],
            folder=str(settings.EXECLAYER_HOME / "edi"),
            partners=EDI_PARTNERS,
        )
        ensure_demo_connections(tryton=None if settings.ERP == "none" else {})
        if options["credentials"] is not None:
            logins = issue_logins(options["credentials"])
            self.stdout.write(f"{len(logins)} logins in {options['credentials']}")
        if options["plant_json"] is not None:
            options["plant_json"].write_text(
                json.dumps(plant_document(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
            )
        self.stdout.write("demo plant written" if new else "demo plant was there")
