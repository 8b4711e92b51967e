"""What sweeps the metrics."""

from celery import shared_task

from metrics_app import services


@shared_task(name="metrics_app.tasks.freeze_months")
def freeze_months() -> int:
    """Freeze months that are over."""
    return services.freeze_months()
