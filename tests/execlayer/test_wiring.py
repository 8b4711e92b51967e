"""Wake-ups, queues and sweeps: nothing that works a table off may be without a queue or without a sweep."""

import math
import re
import threading
from unittest.mock import Mock

import pytest
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from core.wake import wake
from execlayer import celery as wiring
from execlayer.celery import ERP, JOBS, SWEEPS, URGENT, WAKES, WORK, app
from execlayer.launcher.demo import WORKERS

NAMES = {
    "advice", "alarms", "attachments", "census", "containment", "drills", "edi_out", "escalation", "held", "mailboxes",
    "messages", "notices", "notices_outside", "notices_push", "postings", "pull", "reconciliation", "replies",
    "resequence", "settled", "shift_change", "signals", "webhooks", "windows",
}  # fmt: skip


@pytest.fixture(scope="module")
def tasks():
    app.loader.import_default_modules()
    return app.tasks


def test_every_wake_name_starts_a_task():
    assert set(WAKES) == NAMES


def test_every_wake_name_used_in_the_code_is_known():
    used = set()
    for package in settings.PRODUCT_APPS:
        for path in (settings.BASE_DIR / package).rglob("*.py"):
            used |= set(re.findall(r'\bwake\(\s*"([a-z_]+)"\s*\)', path.read_text(encoding="utf-8")))
    assert used - {"name"} <= NAMES
    assert used


def test_every_job_is_a_registered_task(tasks):
    assert [job.task for job in JOBS.values() if job.task not in tasks] == []


def test_every_task_of_ours_has_a_queue_and_a_sweep(tasks):
    ours = {name for name in tasks if name.partition(".")[0] in {*settings.PRODUCT_APPS, "execlayer"}}
    swept = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert ours - swept == set()
    assert ours - set(app.conf.task_routes) == set()


def test_a_worker_listens_to_every_queue():
    assert {job.queue for job in JOBS.values()} == set(WORKERS) == {URGENT, WORK, ERP}


def test_telling_people_never_waits_behind_an_erp():
    assert WAKES["notices"].queue == WAKES["signals"].queue == WAKES["escalation"].queue == URGENT
    assert WAKES["pull"].queue == JOBS["reconciliation"].queue == WORK


def test_sending_to_an_erp_waits_behind_nothing_else():
    assert [name for name, job in JOBS.items() if job.queue == ERP] == ["postings"]


def test_months_are_swept():
    assert "months" in SWEEPS


@pytest.fixture
def quiet(monkeypatch):
    """A process that has woken nobody for a while."""
    monkeypatch.setattr(wiring, "_refused_at", None)
    monkeypatch.setattr(wiring, "_quiet_until", {})
    monkeypatch.setattr(wiring, "_promised", set())


@pytest.fixture
def sent(quiet, monkeypatch):
    send = Mock()
    monkeypatch.setattr(wiring.app, "send_task", send)
    return send


@pytest.mark.django_db(transaction=True)
def test_one_wake_for_many_in_one_transaction_and_only_after_commit(sent):
    with transaction.atomic():
        wake("notices")
        wake("notices")
        wake("postings")
        sent.assert_not_called()
    assert sorted(call.args[0] for call in sent.call_args_list) == [
        "erp_sync.tasks.send_due",
        "notify_app.tasks.send_due",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_wake_of_a_rolled_back_transaction_is_not_sent_and_the_next_one_is(sent):
    with transaction.atomic():
        wake("notices")
        transaction.set_rollback(True)
    sent.assert_not_called()
    with transaction.atomic():
        wake("notices")
    assert sent.call_count == 1


def test_a_burst_of_wakes_is_two_messages_the_last_after_its_last_row(sent, monkeypatch):
    monkeypatch.setattr(wiring, "_APART", 1.0)
    rows, seen = [], []
    sent.side_effect = lambda *_args, **_kwargs: seen.append(len(rows))
    for number in range(50):
        rows.append(number)
        wiring.wake("notices")
    wiring.wake("containment")
    assert seen == [1, 50]
    for timer in threading.enumerate():
        if isinstance(timer, threading.Timer) and timer.function is wiring._keep_promise:
            timer.join()
    assert seen == [1, 50, 50]
    assert [call.args[0] for call in sent.call_args_list] == [
        "notify_app.tasks.send_due", "decisions_app.tasks.contain_due", "notify_app.tasks.send_due",
    ]  # fmt: skip


def test_after_a_quiet_moment_a_wake_is_sent_at_once(sent, monkeypatch):
    monkeypatch.setattr(wiring, "_APART", 0.0)
    wiring.wake("notices")
    wiring.wake("notices")
    assert sent.call_count == 2


def test_a_forked_process_waits_for_no_timer_of_its_parent(sent, monkeypatch):
    monkeypatch.setattr(wiring, "_quiet_until", {"notices": math.inf})
    monkeypatch.setattr(wiring, "_promised", {"notices"})
    wiring.wake("notices")
    assert sent.call_count == 0
    wiring._forget()
    wiring.wake("notices")
    assert sent.call_count == 1


def test_a_missing_broker_is_no_error_and_is_not_asked_again_at_once(sent, monkeypatch, caplog):
    monkeypatch.setattr(wiring, "_APART", 0.0)
    sent.side_effect = OperationalError("refused")
    wiring.wake("notices")
    wiring.wake("notices")
    assert sent.call_count == 1
    assert "the sweep will find it" in caplog.text


@pytest.mark.usefixtures("quiet")
def test_a_wake_really_reaches_the_broker():
    with wiring.app.connection_for_read() as connection:
        channel = connection.default_channel
        channel.client.delete(URGENT)
        wiring.wake("notices")
        assert channel.client.llen(URGENT) == 1
        channel.client.delete(URGENT)
