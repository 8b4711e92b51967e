"""`manage.py simulate_sap`: a simulated S/4HANA in memory, for trying the connector without one."""

import json
from pathlib import Path
from typing import Any

import uvicorn
from django.core.management.base import BaseCommand, CommandError, CommandParser

from erp_sync.simulators.sap.faults import Faults, fault_from_text
from erp_sync.simulators.sap.plant import LITTLE_PLANT, SeedError, build, read_seed
from erp_sync.simulators.sap.web import Settings, Simulator


class Command(BaseCommand):
    help = "Simulate an S/4HANA system: OData, CSRF, ETags, locks, business rules, faults. State lives in memory."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8443)
        parser.add_argument("--user", default="SIMUSER")
        parser.add_argument("--password", default="simulated", help="for tries only; this is no real system")
        parser.add_argument(
            "--seed", type=Path, help="JSON file with the plant; without it a little built-in one"
        )
        parser.add_argument(
            "--show-seed", action="store_true", help="print the built-in plant as JSON and end"
        )
        parser.add_argument("--page-size", type=int, default=100)
        parser.add_argument(
            "--repeatable", action="store_true", help="answer a repeated RequestID as the first time"
        )
        parser.add_argument(
            "--fault",
            action="append",
            default=[],
            metavar="KIND[,NAME=VALUE...]",
            help="late, drop, before, expire or throttle; e.g. drop,times=3,match=ProdnOrdConf2",
        )
        parser.add_argument("--fault-seed", type=int, default=0, help="makes faults with a share repeatable")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["show_seed"]:
            self.stdout.write(json.dumps(LITTLE_PLANT, indent=2))
            return
        faults = Faults(seed=options["fault_seed"])
        try:
            seed = read_seed(options["seed"]) if options["seed"] else LITTLE_PLANT
            for text in options["fault"]:
                faults.add(fault_from_text(text))
        except (SeedError, ValueError) as wrong:
            raise CommandError(str(wrong)) from wrong
        if options["page_size"] < 1:
            raise CommandError("A page holds at least one row.")
        settings = Settings(
            users=((options["user"], options["password"]),),
            page_size=options["page_size"],
            repeatable=options["repeatable"],
        )
        self.stdout.write(
            f"Simulated S/4HANA at http://{options['host']}:{options['port']}/sap/opu/odata/sap/"
        )
        app = Simulator(lambda: build(seed), settings, faults)
        uvicorn.run(app, host=options["host"], port=options["port"], log_level="warning", access_log=False)
