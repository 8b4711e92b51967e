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


@shared_task
def pull_due() -> None:
    beat("erp.reader", read=services.pull_due())


@shared_task
def find_keyed() -> None:
    beat("erp.by_hand", found=services.find_keyed())


@shared_task
def sweep_alarms() -> None:
    beat("erp.alarms", raised=services.sweep_alarms())


@shared_task
def prune_kept() -> None:
    beat("erp.kept", deleted=services.prune_kept())


@shared_task
def reconcile() -> None:
    runs = services.reconcile_all()
    beat("erp.reconciliation", runs=len(runs))
