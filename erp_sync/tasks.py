"""Celery's entry points; the work itself lies in tables."""

from typing import Any

from celery import shared_task
from celery.signals import worker_process_shutdown

from core.services import beat
from erp_sync import services


@shared_task
def send_due() -> None:
    # Comes back at once; the process's own threads go on, so no sender is ended with a task's time limit.
    beat("erp.sender", worked=services.call_lanes())


@worker_process_shutdown.connect
def _close_lanes(**_: Any) -> None:
    services.close_lanes()


# A read is one long transaction-free walk through pages; it gives its place up by itself (see pulling.TURN), and only a
# first read of an ERP that can't be resumed comes near this limit.
@shared_task(soft_time_limit=540, time_limit=570)
def pull_due() -> None:
    runs = services.work_pull_runs()
    beat("erp.reader", read=services.pull_due(), runs=runs)


@shared_task
def find_keyed() -> None:
    beat("erp.by_hand", found=services.find_keyed())


@shared_task
def sweep_alarms() -> None:
    beat("erp.alarms", raised=services.sweep_alarms())


@shared_task
def prune_kept() -> None:
    beat("erp.kept", deleted=services.prune_kept())


@shared_task(soft_time_limit=540, time_limit=570)
def reconcile() -> None:
    runs = services.reconcile_due()
    beat("erp.reconciliation", runs=len(runs))
