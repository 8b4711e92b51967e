"""What wakes and sweeps sequencing."""

from celery import shared_task

from sequence_app import services


@shared_task(name="sequence_app.tasks.resequence_due")
def resequence_due() -> int:
    """Re-sequence the sites that asked for it."""
    return services.resequence_due()
