"""A report over HTTP, from the request to the committed, routed, owned record, against the bare database's commits.

Every report is about another matter, so each one opens a record: interpretation, route, clocks, responses, tellings.
"""

import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from random import Random
from statistics import median, quantiles
from typing import Any

import httpx
import psycopg
from django.conf import settings

from bench._product import plant, web
from bench.registry import Row, compare, figure
from core.models import Heartbeat
from plant_app.models import Item, WorkOrder, WorkUnit

CLIENTS = 8
WARM, REPORTS, ROUNDS = 24, 100, 3
RAW_ROWS = 2000


@figure("a report over HTTP, accepted and routed")
def reports_routed() -> Iterable[Row]:
    """Reports per second by 8 clients against 2 web processes, and single-row commits per second by 8 clients."""
    bodies = _bodies()
    ours: list[float] = []
    raw: list[float] = []
    latencies: list[float] = []
    with web(processes=2) as url:
        _report(url, bodies[:WARM])
        for number in range(ROUNDS):
            begin = WARM + number * REPORTS
            seconds, taken = _report(url, bodies[begin : begin + REPORTS])
            ours.append(REPORTS / seconds)
            latencies += taken
            raw.append(RAW_ROWS / _commits(number))
    yield compare(
        "reports accepted and routed, 8 clients", "reports/s", ours, "raw INSERT and commit, 8 clients", raw
    )
    yield Row("answer to a report, p50", median(latencies) * 1000, "ms")
    yield Row("answer to a report, p95", quantiles(latencies, n=20)[18] * 1000, "ms")


def _bodies() -> list[dict[str, Any]]:
    """Reports about different matters, in a seeded order."""
    plant()
    units = WorkUnit.objects.select_related("work_centre__area__site")
    made = [
        _body(
            "machine_downtime",
            unit.work_centre.area.site.code,
            f"{unit.code} down, drive fault",
            work_unit=unit.code,
        )
        for unit in units
    ]
    made += [
        _body(
            "tooling", unit.work_centre.area.site.code, f"insert chipped on {unit.code}", work_unit=unit.code
        )
        for unit in units
    ]
    made += [
        _body("material_shortage", "RHF", f"{item.code} missing at the line", item=item.code)
        for item in Item.objects.order_by("pk")
    ]
    made += [
        _body("quality_hold", order.site.code, f"parts of {order.number} scratched", work_order=order.number)
        for order in WorkOrder.objects.select_related("site").order_by("pk")
    ]
    Random(118204).shuffle(made)
    wanted = WARM + ROUNDS * REPORTS
    if len(made) < wanted:
        raise RuntimeError(f"the plant has {len(made)} matters to report, {wanted} are needed")
    return made


def _body(kind: str, site: str, text: str, **fields: str) -> dict[str, Any]:
    number = "-".join(fields.values())
    return {
        "channel": "api", "external_id": f"bench-{kind}-{number}", "site": site, "text": text,
        "fields": {"type": kind, **fields},
    }  # fmt: skip


def _report(url: str, bodies: list[dict[str, Any]]) -> tuple[float, list[float]]:
    """Seconds for all, and for each; raises unless every one was routed while its sender waited."""
    waiting: SimpleQueue[dict[str, Any]] = SimpleQueue()
    for body in bodies:
        waiting.put(body)
    headers = {"Authorization": f"Bearer {plant()['sofia.brandt']['api_token']}"}
    taken: list[float] = []
    wrong: list[str] = []

    def client() -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=60) as link:
            while True:
                try:
                    body = waiting.get_nowait()
                except Empty:
                    return
                began = time.perf_counter()
                answer = link.post("/api/v1/signals/", json=body)
                taken.append(time.perf_counter() - began)
                if answer.status_code != 201 or not answer.json()["exception"]:
                    wrong.append(f"{answer.status_code} {answer.text[:200]}")

    seconds = _together(client)
    if wrong:
        raise RuntimeError(f"{len(wrong)} reports were not routed at once: {wrong[0]}")
    return seconds, taken


def _commits(number: int) -> float:
    """Seconds for RAW_ROWS single-row transactions by as many connections as there are clients."""
    table = Heartbeat._meta.db_table
    statement = f"insert into {table} (name, at, detail) values (%s, now(), '{{}}')"  # noqa: S608  (our own table)
    share = RAW_ROWS // CLIENTS
    names = iter(range(CLIENTS))

    def client() -> None:
        mine = next(names)
        with psycopg.connect(settings.DATABASE_URL, autocommit=True) as driver:
            for row in range(share):
                driver.execute(statement, [f"raw8-{number}-{mine}-{row}"])

    seconds = _together(client)
    Heartbeat.objects.filter(name__startswith="raw8-").delete()
    return seconds


def _together(work: Callable[[], None]) -> float:
    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began
