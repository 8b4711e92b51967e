"""Core: the parts without a manufacturing word that every other app stands on."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = "System"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let every app's `doctor.py` register its checks."""
        autodiscover_modules("doctor")
