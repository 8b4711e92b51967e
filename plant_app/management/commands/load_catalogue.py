"""`manage.py load_catalogue`: the shipped functions and exception types, where they are missing."""

from typing import Any

from django.core.management.base import BaseCommand

from plant_app.services.catalogue import load_catalogue


class Command(BaseCommand):
    """Add what is missing; what a site has edited stays."""

    help = "Add the shipped functions and exception types that are missing."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{load_catalogue()} exception types added")
