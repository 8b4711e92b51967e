"""The composition's own task: proof that beat, broker, a worker and the database reach each other."""

from celery import shared_task

from core.services import beat


@shared_task
def heartbeat() -> None:
    beat("worker")
