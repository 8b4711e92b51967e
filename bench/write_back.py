"""Postings into a real Tryton: the outbox against the bare connector, the way from decision to confirmation, an outage.

The bare loop calls the same connector with the same commands from as many threads, and keeps no books. Tryton, the
database, the sender and the bench share the machine's cores.
"""

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any

import httpx
from django.db import connections, transaction

from bench._product import plant, web
from bench._tryton import NoTryton, Tryton, adapter_of, tryton
from bench.registry import Row, compare, figure
from core import clock
from erp_sync.adapters.port import PostingCommand
from erp_sync.draining import drain_state
from erp_sync.models import ErpConnection, Posting
from erp_sync.services import call_lanes, check_connection, close_lanes, queue_posting
from execlayer.celery import register
from execlayer.launcher.demo import WORKERS, worker_arguments
from execlayer.launcher.options import ROOT
from plant_app.models import Item, Site

PARALLEL, ROUNDS, POSTINGS = 4, 3, 120
DECISIONS = 60
BACKLOG = 5000 if os.environ.get("FULL") == "1" else 500
SWEEP = 3.0
PATIENCE = 40.0 * 60
PEER = f"bare loop of the same connector calls, {PARALLEL} threads"


@figure("postings into a real Tryton")
def into_tryton() -> Iterable[Row]:
    """Throughput, latency and an outage; one Tryton for all three."""
    try:
        with tryton(parallel=PARALLEL) as (server, erp):
            findings = Findings(erp)
            yield from _throughput(server, findings, "defects")
            yield from _throughput(server, Transfers(erp), "transfers")
            with _worker():
                yield from _latency(findings)
                yield from _outage(server, erp, findings)
    except NoTryton as why:
        print(f"  left out, there is no Tryton: {why}")


class Load:
    """Postings of one kind without end, none of which waits for another in our books."""

    kind = ""

    def __init__(self, erp: ErpConnection) -> None:
        self.erp, self.site, self._made = erp, Site.objects.get(code="RHF"), 0

    def payload(self) -> dict[str, Any]:
        """The next one's."""
        raise NotImplementedError

    def queue(self, count: int) -> list[int]:
        """Ids of so many postings, committed fifty at a time."""
        made: list[int] = []
        for begin in range(0, count, 50):
            with transaction.atomic():
                made += [self.one().pk for _ in range(begin, min(begin + 50, count))]
        return made

    def one(self) -> Posting:
        payload = self.payload()
        return queue_posting(
            kind=self.kind, site=self.site, connection=self.erp, origin_ref="", occurred_at=clock.now(),
            key_parts=("bench-tryton", self.kind, self._made), payload=payload,
        )  # fmt: skip

    def commands(self, count: int) -> list[PostingCommand]:
        now = clock.now()
        made = []
        for _ in range(count):
            payload = self.payload()
            key = f"BENCH{self.kind[-1].upper()}{self._made:010d}"
            made.append(PostingCommand(self.kind, key, payload, now, now.date(), "bench"))
        return made


class Findings(Load):
    """Defects of the plant's items: each is looked for, opened and read back in Tryton, and locks out no other."""

    kind = "quality_event"

    def __init__(self, erp: ErpConnection) -> None:
        super().__init__(erp)
        self._items = list(Item.objects.order_by("pk").values_list("code", flat=True)[:20])

    def payload(self) -> dict[str, Any]:
        self._made += 1
        item = self._items[self._made % len(self._items)]
        return {"site": "RHF", "action": "open", "item": item, "quantity": "1", "defect_code": "DIM"}


class Transfers(Load):
    """Seals carried to and fro: Tryton locks all its moves while it reserves one, and refuses who comes meanwhile."""

    kind = "movement.transfer"

    def payload(self) -> dict[str, Any]:
        self._made += 1
        # To and fro by the batch: one that comes early never finds the place it takes from empty.
        ends = ("RHE-A01", "RHE-A02") if self._made // 200 % 2 else ("RHE-A02", "RHE-A01")
        return {
            "site": "RHF", "item": "RM-SEAL", "lot": "LOT-S1", "quantity": "1",
            "from_location": ends[0], "to_location": ends[1],
        }  # fmt: skip


def _throughput(server: Tryton, load: Load, words: str) -> Iterable[Row]:
    """Alternately, so that what grows in Tryton grows for both."""
    ours: list[float] = []
    bare: list[float] = []
    for number in range(ROUNDS + 1):
        took = _drain_here(load)
        raw = _bare(server, load, POSTINGS)
        if number:  # the first round logs in and fills caches, for both
            ours.append(POSTINGS / took)
            bare.append(POSTINGS / raw)
    close_lanes()
    yield compare(f"{words} into Tryton, {PARALLEL} at once", "postings/s", ours, PEER, bare)


def _drain_here(load: Load) -> float:
    """Seconds for POSTINGS through the outbox, by the lanes of this process."""
    ids = load.queue(POSTINGS)
    began = time.perf_counter()
    called = -SWEEP

    def done() -> bool:
        nonlocal called
        if time.perf_counter() - called >= SWEEP:  # as the worker's beat does
            called = time.perf_counter()
            call_lanes()
        return not Posting.objects.unsettled().filter(pk__in=ids).exists()

    _until(done, every=0.2)
    seconds = time.perf_counter() - began
    _all_confirmed(ids)
    return seconds


def _bare(server: Tryton, load: Load, count: int) -> float:
    """Seconds for so many commands by as many threads as the outbox may use, each with a connector of its own."""
    waiting: queue.SimpleQueue[PostingCommand] = queue.SimpleQueue()
    for command in load.commands(count):
        waiting.put(command)
    wrong: list[str] = []
    adapters = [adapter_of(server, load.erp.options) for _ in range(PARALLEL)]
    for adapter in adapters:
        adapter.ping()  # logged in, as the outbox's are

    def send(adapter: Any) -> None:
        while True:
            try:
                command = waiting.get_nowait()
            except queue.Empty:
                return
            outcome = adapter.send(command)
            for _ in range(5):
                if outcome.status == "confirmed":
                    break
                outcome = adapter.send(command)  # Tryton may refuse what comes too close to another
            if outcome.status != "confirmed":
                wrong.append(f"{outcome.status} {outcome.error_code} {outcome.message}")

    threads = [threading.Thread(target=send, args=(adapter,)) for adapter in adapters]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    for adapter in adapters:
        adapter.close()
    if wrong:
        raise RuntimeError(f"{len(wrong)} of the bare loop were not taken: {wrong[0]}")
    return seconds


def _latency(findings: Findings) -> Iterable[Row]:
    """Seconds from the decision's commit to Tryton's confirmation on our books: wake, broker, worker, connector."""
    first = findings.queue(1)  # the worker has just been started
    _until(lambda: not Posting.objects.unsettled().filter(pk__in=first).exists(), every=0.2)
    began: dict[int, float] = {}
    start = time.monotonic()
    for number in range(DECISIONS):
        time.sleep(max(0.0, start + number - time.monotonic()))
        with transaction.atomic():
            posting = findings.one()
        began[posting.pk] = time.time()
    _until(lambda: not Posting.objects.unsettled().filter(pk__in=list(began)).exists(), every=0.2)
    _all_confirmed(list(began))
    settled = dict(Posting.objects.filter(pk__in=list(began)).values_list("pk", "settled_at"))
    waits = [settled[pk].timestamp() - moment for pk, moment in began.items()]
    yield Row("decision to confirmed by Tryton, 1 a second, p50", median(waits), "s")
    yield Row(
        "decision to confirmed by Tryton, 1 a second, p95", quantiles(waits, n=20)[18], "s", runs=tuple(waits)
    )


def _outage(server: Tryton, erp: ErpConnection, findings: Findings) -> Iterable[Row]:
    """What is queued while Tryton is away drains when it is back; pages are asked for before and meanwhile."""
    with web(processes=2) as url, _browser(url) as browser:
        idle = browser.watch(lambda: time.sleep(20))
        server.stop()
        ids = findings.queue(BACKLOG)
        _until(lambda: _row(erp).circuit_open, every=0.2)
        server.start()
        ErpConnection.objects.filter(pk=erp.pk, open_until__isnull=False).update(open_until=clock.now())
        if not check_connection(connection=_row(erp)).ok:
            raise RuntimeError("Tryton is not back")
        first = Posting.objects.filter(pk__in=ids, settled_at__isnull=False)
        _until(first.exists, every=0.1)
        began, before = time.perf_counter(), first.count()
        busy = browser.watch(
            lambda: _until(lambda: not Posting.objects.unsettled().filter(pk__in=ids).exists(), every=0.5)
        )
        rate = (BACKLOG - before) / (time.perf_counter() - began)
        _all_confirmed(ids)
        state = drain_state(_row(erp))
        raw: list[float] = []
        browser.watch(lambda: raw.append(2 * POSTINGS / _bare(server, findings, 2 * POSTINGS)))
    doubled = BACKLOG - Posting.objects.filter(pk__in=ids).values("erp_number").distinct().count()
    if doubled:
        raise RuntimeError(f"{doubled} documents carry more than one posting")
    print(f"  {BACKLOG} queued while Tryton was away, {state.done} answered since")
    yield compare(f"backlog of {BACKLOG} after an outage", "postings/s", [rate], PEER, raw)
    for page in browser.PAGES:
        peer = f"{page} idle, p95"
        yield compare(f"{page} while it drains, p95", "ms", [_p95(busy[page])], peer, [_p95(idle[page])])


class Browser:
    """Asks for pages one after another, as somebody who watches does."""

    PAGES = ("/", "/postings/")

    def __init__(self, url: str) -> None:
        login = plant()["katrin.weber"]
        self._http = httpx.Client(
            base_url=url, headers={"Referer": f"{url}/login/"}, timeout=60, follow_redirects=True
        )
        self._http.get("/login/")
        said = {"username": login["username"], "password": login["password"]}
        answer = self._http.post(
            "/login/", data={**said, "csrfmiddlewaretoken": self._http.cookies["csrftoken"]}
        )
        answer.raise_for_status()
        for page in self.PAGES:
            self._http.get(page).raise_for_status()

    def watch(self, work: Callable[[], object]) -> dict[str, list[float]]:
        """Milliseconds of each answer while `work` runs."""
        taken: dict[str, list[float]] = {page: [] for page in self.PAGES}
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.5):
                for page in self.PAGES:
                    began = time.perf_counter()
                    self._http.get(page).raise_for_status()
                    taken[page].append((time.perf_counter() - began) * 1000)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            work()
        finally:
            over.set()
            thread.join()
        return taken

    def close(self) -> None:
        self._http.close()


@contextmanager
def _browser(url: str) -> Iterator[Browser]:
    browser = Browser(url)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def _worker() -> Iterator[None]:
    """The worker that sends, started as the launcher starts it."""
    process = subprocess.Popen(
        [sys.executable, *worker_arguments("erp", WORKERS["erp"])],
        cwd=ROOT, env=dict(os.environ, EXECLAYER_PROCESS="worker", LOG_LEVEL="ERROR"),
    )  # fmt: skip
    register()
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _row(erp: ErpConnection) -> ErpConnection:
    return ErpConnection.objects.get(pk=erp.pk)


def _p95(taken: list[float]) -> float:
    return quantiles(taken, n=20)[18]


def _all_confirmed(ids: list[int]) -> None:
    other = Posting.objects.filter(pk__in=ids).exclude(status="confirmed")
    found = other.values_list("status", "error_code", "error_message").first()
    if found is not None:
        raise RuntimeError(f"{other.count()} of {len(ids)} postings were not confirmed: {found}")


def _until(done: Callable[[], bool], *, every: float) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError("the postings did not settle")
        time.sleep(every)
    connections.close_all()
