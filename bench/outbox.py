"""Postings settled by the outbox with an ERP that answers at once, against a bare SKIP LOCKED queue."""

import time
from collections.abc import Iterable

import psycopg
from django.conf import settings

from bench._product import plant
from bench.registry import Row, compare, figure
from core import clock
from erp_sync.models import ErpConnection, Posting
from erp_sync.services import queue_posting, send_due
from plant_app.models import Site

POSTINGS, JOBS, ROUNDS = 150, 2000, 3


@figure("postings settled by one sender")
def postings_settled() -> Iterable[Row]:
    """Per second: claim, send, record, each committed; and the same table work with nothing but a claim."""
    plant()
    site = Site.objects.get(code="RHF")
    # books in this process: what is measured is the outbox, not somebody's ERP
    erp, _ = ErpConnection.objects.get_or_create(code="bench", defaults={"name": "Bench", "kind": "ledger"})
    ours: list[float] = []
    raw: list[float] = []
    for number in range(ROUNDS):
        _queue(site, erp, number)
        began = time.perf_counter()
        done = 0
        while done < POSTINGS:
            step = send_due(limit=POSTINGS)
            if not step:
                raise RuntimeError(f"only {done} of {POSTINGS} postings were due")
            done += step
        ours.append(POSTINGS / (time.perf_counter() - began))
        unsettled = Posting.objects.filter(connection=erp).exclude(status="confirmed").count()
        if unsettled:
            raise RuntimeError(f"{unsettled} postings did not settle")
        raw.append(JOBS / _bare_queue())
    erp.enabled = False
    erp.save(update_fields=["enabled"])
    yield compare("outbox, one sender", "postings/s", ours, "raw SKIP LOCKED, 1 job per commit", raw)


def _queue(site: Site, erp: ErpConnection, number: int) -> None:
    for row in range(POSTINGS):
        queue_posting(
            kind="movement.transfer", site=site, connection=erp, origin_ref="", occurred_at=clock.now(),
            key_parts=("bench", number, row), chain=f"bench-{number}-{row}",
            payload={
                "site": "RHF", "item": "SK-119", "quantity": "1", "from_location": "RHF-STO", "to_location": "RHF-ASM",
            },
        )  # fmt: skip


def _bare_queue() -> float:
    """Seconds to work off JOBS rows, one a transaction."""
    with psycopg.connect(settings.DATABASE_URL) as driver:
        driver.execute("create temporary table job (id int primary key, done bool not null default false)")
        driver.execute("insert into job select n from generate_series(1, %s) n", [JOBS])
        driver.execute("create index on job (id) where not done")
        driver.commit()
        began = time.perf_counter()
        while row := driver.execute(
            "select id from job where not done order by id limit 1 for update skip locked"
        ).fetchone():
            driver.execute("update job set done = true where id = %s", row)
            driver.commit()
        seconds = time.perf_counter() - began
        driver.execute("drop table job")
        driver.commit()
    return seconds
