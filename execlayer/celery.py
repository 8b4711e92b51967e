"""The one place that knows which task a wake-up starts, how often the sweep looks, and on which queue.

Apps say `core.wake.wake("notices")` and leave the work in their tables; a wake that reaches no broker is logged and
dropped, because the sweep finds the work. Three queues, so that telling people never waits behind a long ERP pull, and
sending to an ERP behind nothing else.
"""

import logging
import os
import signal
import threading
import time
import warnings
from dataclasses import dataclass

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import worker_process_init
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.pools import producers

from core.wake import register_waker
from execlayer.launcher.children import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "execlayer.settings")

logger = logging.getLogger(__name__)

# The demo may run as root (a container, a build machine); what Celery fears there is pickle, which is not accepted.
warnings.filterwarnings("ignore", category=SecurityWarning)

URGENT = "urgent"
WORK = "work"
ERP = "erp"


@dataclass(frozen=True, slots=True)
class Job:
    """A task that works a table off: its queue, and the sweep's interval in seconds."""

    task: str
    queue: str
    every: float


# wake name -> what it starts
WAKES: dict[str, Job] = {
    "signals": Job("exceptions_app.tasks.read_signals", URGENT, 2),
    "notices": Job("notify_app.tasks.send_due", URGENT, 2),
    "notices_push": Job("notify_app.tasks.send_push", URGENT, 3),
    "notices_outside": Job("notify_app.tasks.send_outside", URGENT, 3),
    "escalation": Job("exceptions_app.tasks.escalate_due", URGENT, 3),
    "shift_change": Job("exceptions_app.tasks.change_shifts", URGENT, 10),
    "containment": Job("decisions_app.tasks.contain_due", URGENT, 3),
    "windows": Job("decisions_app.tasks.refresh_windows", URGENT, 10),
    "postings": Job("erp_sync.tasks.send_due", ERP, 3),
    "settled": Job("decisions_app.tasks.handle_settled", WORK, 5),
    "resequence": Job("sequence_app.tasks.resequence_due", WORK, 5),
    "advice": Job("exceptions_app.tasks.give_advice", WORK, 15),
    "census": Job("exceptions_app.tasks.read_censuses", WORK, 30),
    "held": Job("exceptions_app.tasks.release_held", URGENT, 10),
    "attachments": Job("exceptions_app.tasks.keep_attachments", WORK, 10),
    "messages": Job("exceptions_app.tasks.settle_updates", URGENT, 3),
    "replies": Job("notify_app.tasks.send_replies", URGENT, 3),
    "mailboxes": Job("exceptions_app.tasks.poll_mailboxes", WORK, 10),
    "edi_out": Job("exceptions_app.tasks.send_edi", WORK, 5),
    "alarms": Job("notify_app.tasks.tell_alarms", URGENT, 15),
    "webhooks": Job("notify_app.tasks.send_webhooks", WORK, 2),
    "drills": Job("notify_app.tasks.run_drills", WORK, 30),
    "pull": Job("erp_sync.tasks.pull_due", WORK, 60),
    "reconciliation": Job("erp_sync.tasks.reconcile", WORK, 300),
}
# swept only
SWEEPS: dict[str, Job] = {
    "heartbeat": Job("execlayer.tasks.heartbeat", WORK, 15),
    "approvals": Job("decisions_app.tasks.remind_approvals", URGENT, 10),
    "follow_ups": Job("decisions_app.tasks.check_follow_ups", WORK, 3600),
    "edi_files": Job("exceptions_app.tasks.take_edi_files", WORK, 5),
    "by_hand": Job("erp_sync.tasks.find_keyed", WORK, 60),
    "watchdog": Job("exceptions_app.tasks.watch_records", URGENT, 60),
    "outbox_alarms": Job("erp_sync.tasks.sweep_alarms", WORK, 30),
    "erp_kept": Job("erp_sync.tasks.prune_kept", WORK, 6 * 3600),
    "months": Job("metrics_app.tasks.freeze_months", WORK, 3600),
    "handover": Job("decisions_app.tasks.prepare_sheets", WORK, 60),
    "handover_late": Job("notify_app.tasks.tell_late_sheets", WORK, 60),
    "training": Job("exceptions_app.tasks.retrain_readers", WORK, 1800),
    "webhook_log": Job("notify_app.tasks.prune_webhooks", WORK, 3600),
}
JOBS = {**WAKES, **SWEEPS}

app = Celery("execlayer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    result_backend=None,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_soft_time_limit=90,
    task_time_limit=120,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"visibility_timeout": 300},
    task_default_queue=WORK,
    task_routes={job.task: {"queue": job.queue} for job in JOBS.values()},
    timezone="UTC",
    beat_schedule={
        name: {
            "task": job.task,
            "schedule": job.every,
            # Sweeps that waited for a dead worker are worth nothing once the next one is due.
            "options": {"queue": job.queue, "expires": max(job.every * 2, 10)},
        }
        for name, job in JOBS.items()
    },
)
app.autodiscover_tasks()


@worker_process_init.connect
def _follow_the_worker(**_: object) -> None:
    """A pool process whose worker was killed would wait for ever for work that cannot come."""
    die_with_parent(signal.SIGKILL)


_PATIENCE = 5.0  # seconds without another try after the broker refused one
_APART = 0.1  # seconds between two wake-ups of one name from one process
_refused_at: float | None = None
_quiet_until: dict[str, float] = {}
_promised: set[str] = set()
_lock = threading.Lock()


def wake(name: str) -> None:
    """Start the task behind a wake name. Never raises for a missing broker and never waits long for one.

    At once after a quiet moment. What follows closely shares one message at the end of that moment, because a task
    works off all it finds: a burst of reports costs ten messages a second, and its last row is still announced.
    """
    now = time.monotonic()
    with _lock:
        wait = _quiet_until.get(name, 0.0) - now
        if wait <= 0:
            _quiet_until[name] = now + _APART
        elif name in _promised:
            return
        else:
            _promised.add(name)
    if wait <= 0:
        _send(name)
    else:
        # Not a daemon: a process that ends waits for it.
        threading.Timer(wait, _keep_promise, [name]).start()


def _keep_promise(name: str) -> None:
    with _lock:
        _promised.discard(name)
        _quiet_until[name] = time.monotonic() + _APART
    _send(name)


def _forget() -> None:
    """A forked process has none of its parent's timers."""
    global _lock
    _lock = threading.Lock()
    _promised.clear()
    _quiet_until.clear()


os.register_at_fork(after_in_child=_forget)


def _send(name: str) -> None:
    global _refused_at
    job = WAKES[name]
    if _refused_at is not None and time.monotonic() - _refused_at < _PATIENCE:
        return
    try:
        with producers[_broker()].acquire(block=True, timeout=1) as producer:
            app.send_task(job.task, producer=producer, retry=False, expires=60, queue=job.queue)
    except (OperationalError, OSError) as error:
        _refused_at = time.monotonic()
        logger.warning("wake %s not sent, the sweep will find it: %s", name, error)
    else:
        _refused_at = None


def _broker() -> Connection:
    """What the pool of producers is found by; it opens nothing itself."""
    return Connection(
        app.conf.broker_url,
        connect_timeout=1,
        transport_options={"socket_timeout": 2, "socket_connect_timeout": 1, "max_retries": 0},
    )


def register() -> None:
    """Make `core.wake` start tasks of this app."""
    app.set_default()
    register_waker(wake)
