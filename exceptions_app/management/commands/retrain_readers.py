"""`manage.py retrain_readers`: train the readers of sites from their corrections, and promote what is better."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from exceptions_app.services.learning.training import note_checked, retrain, sites_due
from plant_app.models import Site


class Command(BaseCommand):
    """Train now, or what is due."""

    help = "Train each site's reader from its corrections; one in use gives way only to a better one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", default="", help="code of one site, trained now")
        parser.add_argument(
            "--due", action="store_true", help="only sites where it is night and none was trained"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sites = sites_due() if options["due"] else list(Site.objects.order_by("pk"))
        if options["site"]:
            sites = [site for site in sites if site.code == options["site"]]
            if not sites:
                raise CommandError(f"There is no site {options['site']} to train for.")
        for site in sites:
            row = retrain(site=site)
            checked = note_checked(row)
            said = ", ".join(f"{count} {name}" for name, count in sorted(checked.counts.items())) or "none"
            self.stdout.write(
                f"{site.code}: {row.get_status_display()}. {row.note} Corrections read again: {said}."
            )
