"""Celery tasks of exceptions: the name in, one service call, nothing else."""

from celery import shared_task

from exceptions_app import services


@shared_task(name="exceptions_app.tasks.read_signals")
def read_signals() -> int:
    """Read waiting signals."""
    return services.read_due_signals()


@shared_task(name="exceptions_app.tasks.keep_attachments")
def keep_attachments() -> int:
    """Fetch enclosures and make them safe."""
    return services.keep_attachments()


@shared_task(name="exceptions_app.tasks.settle_updates")
def settle_updates() -> int:
    """Settle edits, deletions and reactions of messages."""
    return services.settle_updates()


@shared_task(name="exceptions_app.tasks.poll_mailboxes")
def poll_mailboxes() -> int:
    """Look into the mailboxes that are due."""
    return services.poll_mailboxes()


@shared_task(name="exceptions_app.tasks.take_edi_files")
def take_edi_files() -> int:
    """Take the EDI files that lie in folders."""
    return services.take_edi_files()


@shared_task(name="exceptions_app.tasks.send_edi")
def send_edi() -> int:
    """Send the EDI documents that are due."""
    return services.send_edi()


@shared_task(name="exceptions_app.tasks.escalate_due")
def escalate_due() -> int:
    """Escalate what is due."""
    return services.escalate_due()


@shared_task(name="exceptions_app.tasks.watch_records")
def watch_records() -> int:
    """Put right what stands still."""
    found = services.watch()
    return found.repaired + found.told


@shared_task(name="exceptions_app.tasks.change_shifts")
def change_shifts() -> int:
    """Pass on what outgoing people left."""
    return services.change_shifts()


@shared_task(name="exceptions_app.tasks.release_held")
def release_held() -> int:
    """Let through what was held back and still stands."""
    return services.release_held()


@shared_task(name="exceptions_app.tasks.retrain_readers")
def retrain_readers() -> int:
    """Start the night's training of readers where it is due."""
    return services.start_training()


@shared_task(name="exceptions_app.tasks.read_censuses")
def read_censuses() -> int:
    """Go on with every census that is due."""
    return services.read_due_censuses()


@shared_task(name="exceptions_app.tasks.give_advice")
def give_advice() -> int:
    """Ask the language model what is due, where one is set up."""
    return services.give_due_advice()
