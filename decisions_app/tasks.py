"""What wakes and sweeps decisions: id in (or nothing), one service call."""

from celery import shared_task

from decisions_app import services


@shared_task(name="decisions_app.tasks.contain_due")
def contain_due() -> int:
    """Contain what has opened."""
    return services.contain_due()


@shared_task(name="decisions_app.tasks.refresh_windows")
def refresh_windows() -> int:
    """Reckon response windows and urgency that are due."""
    return services.refresh_due()


@shared_task(name="decisions_app.tasks.handle_settled")
def handle_settled() -> int:
    """Look at what ERP has settled."""
    return services.handle_settled()


@shared_task(name="decisions_app.tasks.remind_approvals")
def remind_approvals() -> int:
    """Say again what waits for a yes beyond its time."""
    return services.remind_due()


@shared_task(name="decisions_app.tasks.check_follow_ups")
def check_follow_ups() -> int:
    """See whether finished follow-ups did what they were for."""
    return services.check_follow_ups()


@shared_task(name="decisions_app.tasks.prepare_sheets")
def prepare_sheets() -> int:
    """Begin the handover sheets of running shifts."""
    return services.prepare_sheets()
