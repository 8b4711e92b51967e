"""Celery's entry points; the work itself lies in tables."""

from celery import shared_task

from core.services import beat
from core.wake import wake
from erp_sync import services

BATCH = 20


@shared_task
def send_due() -> None:
    worked = services.send_due(limit=BATCH)
    beat("erp.sender", worked=worked)
    if worked == BATCH:
        wake("postings")
