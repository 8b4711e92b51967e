"""Mailboxes in real transactions: several workers at once, and a poller killed at the worst moments."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from core import clock
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Signal, Source
from exceptions_app.services.channels import mailbox
from routing_app.services import load_default_rules
from tests.exceptions_app.mail_server import (
    Server,
    box_of,
    fresh_name,
    make_source,
    running_server,
)
from tests.exceptions_app.mailing import mail
from tests.plant_fixtures import build_kolbe_mini

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real mail server for this module."""
    with running_server(tmp_path_factory.mktemp("imap")) as found:
        yield found


@pytest.fixture
def committed(transactional_db: None, server: Server) -> Source:
    """A polled source in a committed plant, on the real clock."""
    plant = build_kolbe_mini()
    load_default_rules()
    services.load_default_sources()
    return make_source(plant, server, processed=f"done{fresh_name()}")


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_poll_one_mailbox_at_once(committed: Source, server: Server) -> None:
    server.deliver(committed.config["folder"], *(mail() for _ in range(4)))
    barrier = Barrier(4)
    inside: list[int] = []
    most: list[int] = []
    lock = threading.Lock()
    real = mailbox._take

    def counted(look: Any, box: Any) -> None:
        with lock:
            inside.append(1)
            most.append(len(inside))
        time.sleep(0.2)
        real(look, box)
        with lock:
            inside.pop()

    def work(_number: int) -> int:
        try:
            barrier.wait(timeout=60)
            return services.poll_mailboxes()
        finally:
            connections.close_all()

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(4) as pool:
        patch.setattr(mailbox, "_take", counted)
        stored = list(pool.map(work, range(4)))

    assert (sum(stored), max(most)) == (4, 1)
    assert Signal.objects.count() == 4


POLLER = """
import os, sys, time
import django
django.setup()
from exceptions_app import services
from exceptions_app.channels.mail.imap import Connection
from exceptions_app.services.channels import mailbox

def stand_still(*args):
    print("reached", flush=True)
    time.sleep(600)

target, name = {"stored": (Connection, "done_with"), "moved": (mailbox, "_keep_on")}[sys.argv[1]]
setattr(target, name, stand_still)
services.poll_mailboxes()
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["stored", "moved"])
def test_a_poller_killed_midway_loses_nothing_and_counts_nothing_twice(
    committed: Source, server: Server, where: str
) -> None:
    folder = committed.config["folder"]
    server.deliver(
        folder,
        *(mail(f"press {n} down, hydraulic leak", subject="stop") for n in (3, 4)),
        mail("mill 4 down, spindle broken", subject="stop"),
    )
    process = _poller(where)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"reached\n"
    finally:
        process.kill()
        process.wait(timeout=30)

    assert Signal.objects.count() == 1
    assert box_of(committed).lease != ""
    assert services.poll_mailboxes() == 0, "the lease of the dead holds"
    with clock.travel(clock.now() + mailbox.LEASE + timedelta(seconds=5)):
        assert services.poll_mailboxes() == 2
        assert services.read_due_signals() == 3

    assert Signal.objects.count() == 3
    assert ExceptionRecord.objects.count() == 3
    assert server.seen(folder) == []
    assert server.seen(committed.config["processed"]) == [True, True, True]


def _poller(where: str) -> subprocess.Popen[bytes]:
    """A poller in a process of its own that stands still at a chosen point."""
    given = connection.settings_dict
    address = (
        f"postgresql://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
    )
    return subprocess.Popen(
        [sys.executable, "-c", POLLER, where],
        cwd=ROOT, stdout=subprocess.PIPE,
        env={**os.environ, "DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "execlayer.settings_test"},
    )  # fmt: skip
