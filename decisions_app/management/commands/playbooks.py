"""`manage.py playbooks`: bring the playbooks to the shipped content; what the site has edited is kept and named."""

from typing import Any

from django.core.management.base import BaseCommand

from decisions_app.services import load_playbooks


class Command(BaseCommand):
    """Safe to repeat: a second run finds nothing to do."""

    help = "Load the shipped playbooks; renew the parts nobody here has edited."

    def handle(self, *args: Any, **options: Any) -> None:
        done = load_playbooks()
        for code in done.made:
            self.stdout.write(f"made      {code}")
        for code, part in done.renewed:
            self.stdout.write(f"renewed   {code} {part}")
        for code, part in done.offered:
            self.stdout.write(f"kept      {code} {part}: edited here, the newer one is offered in the admin")
        if not (done.made or done.renewed or done.offered):
            self.stdout.write("nothing to do")
