"""`manage.py rotate_secrets`: stored passwords sealed with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import DomainError
from erp_sync.services import rotate_secrets


class Command(BaseCommand):
    help = "Seal every stored password with the newest key. Nothing needs a restart."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--new-key", action="store_true", help="first put a fresh key into the key file")
        parser.add_argument(
            "--drop-old", action="store_true", help="then remove all older keys from the key file"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = rotate_secrets(new_key=options["new_key"], drop_old=options["drop_old"])
        except DomainError as refusal:
            raise CommandError(f"{refusal.message} [{refusal.code}]") from None
        self.stdout.write(f"{done.resealed} sealed anew, {done.already} were already")
        if done.lost:
            raise CommandError(
                f"no key opens the password of {', '.join(done.lost)}: set it again. No key was removed."
            )
