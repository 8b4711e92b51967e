"""A worker that dies between storing and reading, or in the middle of reading, loses nothing and repeats nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from core import clock
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Interpretation, ReadingStatus, Signal, SignalReading
from routing_app.services import load_default_rules
from tests.exceptions_app.conftest import MORNING
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
#: What a worker's task does, in a process of its own.
WORKER = "import django; django.setup()\nfrom exceptions_app.services import read_due_signals\nread_due_signals()\n"


@pytest.fixture
def plant(transactional_db: None) -> Iterator[KolbeMini]:
    """The small plant, committed, so that another process sees it."""
    with clock.travel(MORNING):
        built = build_kolbe_mini()
        load_default_rules()
        services.load_default_sources()
        yield built


@pytest.fixture
def worker() -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Start a worker on the test's database; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[bytes]] = []
    environment = dict(os.environ, DATABASE_URL=_address(), DJANGO_SETTINGS_MODULE="execlayer.settings_test")

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=environment)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait(30)


def _address() -> str:
    parts = urlsplit(os.environ["DATABASE_URL"])
    return parts._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def _store(plant: KolbeMini, texts: list[str]) -> list[Signal]:
    source = services.source_of(kind="api", site=plant.rhf)
    with clock.travel(MORNING):
        return [
            services.receive_signal(source=source, external_id=f"kill-{number}", text=text).signal
            for number, text in enumerate(texts)
        ]


def _until(probe: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not probe():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s for {what}"
        time.sleep(0.05)


def _wait_lock() -> bool:
    """Whether another session waits for the lock this test holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def _alone() -> bool:
    """Whether the killed worker's session is over; a dead client is noticed when the server next speaks to it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
        )
        return not cursor.fetchone()[0]


def test_a_worker_killed_in_the_middle_of_a_reading_leaves_it_unread_and_the_next_one_reads_it(
    plant: KolbeMini, worker: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    (stored,) = _store(plant, ["PRS-04 is down, hydraulic leak"])
    with psycopg.connect(_address()) as holder:
        # The reader has interpreted the message and inserted its record; its first event waits for this lock.
        holder.execute("LOCK TABLE exceptions_app_exceptionevent IN SHARE MODE")
        victim = worker()
        _until(_wait_lock, "the worker to be in the middle of the reading")

        os.kill(victim.pid, signal.SIGKILL)
        assert victim.wait(30) == -signal.SIGKILL

        reading = SignalReading.objects.get(signal=stored)
        assert (reading.status, reading.attempts, reading.exception_id) == (ReadingStatus.PENDING, 0, None)
    _until(_alone, "the server to notice")
    assert not Interpretation.objects.exists()
    assert not ExceptionRecord.objects.exists()

    assert worker().wait(PATIENCE) == 0

    reading = SignalReading.objects.get(signal=stored)
    assert (reading.status, reading.outcome) == (ReadingStatus.READ, "opened")
    assert Interpretation.objects.filter(signal=stored).count() == 1
    assert ExceptionRecord.objects.get().pk == reading.exception_id
    assert Signal.objects.get().text == "PRS-04 is down, hydraulic leak"


def test_workers_killed_again_and_again_read_every_message_once(
    plant: KolbeMini, worker: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    texts = [f"PRS-04 is down, hydraulic leak, report {number}" for number in range(40)]
    _store(plant, texts)

    def done() -> int:
        return SignalReading.objects.exclude(status=ReadingStatus.PENDING).count()

    kills = 0
    while done() < len(texts):
        victim, before = worker(), done()
        _until(
            lambda victim=victim, before=before: done() >= before + 9 or victim.poll() is not None, "progress"
        )
        if victim.poll() is None:
            os.kill(victim.pid, signal.SIGKILL)
            kills += 1
        victim.wait(30)
        _until(_alone, "the server to notice")
        assert Interpretation.objects.count() == done()

    assert kills >= 1
    assert set(SignalReading.objects.values_list("status", flat=True)) == {ReadingStatus.READ}
    assert Interpretation.objects.count() == len(texts)
    assert sorted(Signal.objects.values_list("text", flat=True)) == sorted(texts)
    exception = ExceptionRecord.objects.get()
    assert exception.events.filter(kind="joined").count() == len(texts) - 1
