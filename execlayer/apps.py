"""Makes every Django process (web, worker, command) know the Celery app and the wake-up map."""

from django.apps import AppConfig


class ExeclayerConfig(AppConfig):
    name = "execlayer"
    verbose_name = "Execution layer"

    def ready(self) -> None:
        # Django's own place for wiring that needs the settings; at module level they would not be loaded yet.
        from execlayer.celery import register

        register()
