"""What wakes and sweeps telling."""

from celery import shared_task

from notify_app import services


@shared_task(name="notify_app.tasks.send_due")
def send_due() -> int:
    """Tell who is due to be told."""
    return services.send_due()


@shared_task(name="notify_app.tasks.send_push")
def send_push() -> int:
    """Tell devices."""
    return services.send_push()


@shared_task(name="notify_app.tasks.send_outside")
def send_outside() -> int:
    """Tell chats and phones."""
    return services.send_outside()


@shared_task(name="notify_app.tasks.run_drills")
def run_drills() -> int:
    """Begin, hand in and end fire drills."""
    return services.run_drills()


@shared_task(name="notify_app.tasks.send_replies")
def send_replies() -> int:
    """Tell reporters what became of what they said."""
    return services.send_replies()


@shared_task(name="notify_app.tasks.send_webhooks")
def send_webhooks() -> int:
    """Tell other systems what happened."""
    return services.send_webhooks()


@shared_task(name="notify_app.tasks.prune_webhooks")
def prune_webhooks() -> int:
    """Let old webhook messages go."""
    return services.prune_webhooks()


@shared_task(name="notify_app.tasks.tell_alarms")
def tell_alarms() -> int:
    """Tell whoever looks after the ERP, and the site's planners, of the outbox's alarms."""
    return services.tell_alarms()


@shared_task(name="notify_app.tasks.tell_late_sheets")
def tell_late_sheets() -> int:
    """Tell leads, then the next level, of handover sheets nobody has signed."""
    return services.tell_late_sheets()
