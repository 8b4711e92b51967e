"""The floor under every state change: one row and its commit, by the bare driver and through the ORM."""

import time
from collections.abc import Iterable

import psycopg
from django.conf import settings
from django.db import connection

from bench.registry import Row, compare, figure
from core.models import Heartbeat

ROWS = 1000
ROUNDS = 5


@figure("one row and its commit")
def single_row_commits() -> Iterable[Row]:
    """Rows per second into the same table, one transaction each, fsync on, alternating between the two."""
    raw: list[float] = []
    orm: list[float] = []
    for number in range(ROUNDS):
        raw.append(ROWS / _raw(f"raw-{number}"))
        orm.append(ROWS / _orm(f"orm-{number}"))
    Heartbeat.objects.filter(name__regex="^(raw|orm)-").delete()
    yield Row("raw INSERT and commit", sorted(raw)[len(raw) // 2], "rows/s", runs=tuple(raw))
    yield compare("Django create() and commit", "rows/s", orm, "raw INSERT and commit", raw)


def _raw(prefix: str) -> float:
    table = Heartbeat._meta.db_table
    statement = f"insert into {table} (name, at, detail) values (%s, now(), '{{}}')"  # noqa: S608  (our own table)
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as driver:
        driver.execute("select 1")
        started = time.perf_counter()
        for row in range(ROWS):
            driver.execute(statement, [f"{prefix}-{row}"])
        return time.perf_counter() - started


def _orm(prefix: str) -> float:
    connection.ensure_connection()
    started = time.perf_counter()
    for row in range(ROWS):
        Heartbeat.objects.create(name=f"{prefix}-{row}")
    return time.perf_counter() - started
