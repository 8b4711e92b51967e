"""What happens when the same thing arrives many times at once: real transactions, real threads."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from core import clock
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Response, Signal, SignalReading, Telling
from plant_app.models import Site
from routing_app.services import load_default_rules
from tests.exceptions_app.conftest import MORNING, owner_response
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


@pytest.fixture
def committed_plant(transactional_db: None) -> Iterator[KolbeMini]:
    """The small plant, committed, so that every thread sees it."""
    with clock.travel(MORNING):
        built = build_kolbe_mini()
        load_default_rules()
        services.load_default_sources()
        yield built


def at_once(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """Run `work` in that many threads that all begin together, each with its own connection."""
    barrier = Barrier(threads)

    def run(number: int) -> Any:
        try:
            barrier.wait(timeout=20)
            with clock.travel(MORNING):
                return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def send(site: Site, external_id: str, text: str = "press 4 down, hydraulic leak") -> SignalReading:
    received = services.receive_signal(
        source=services.source_of(kind="api", site=site), external_id=external_id, text=text
    )
    return services.read_signal(signal_id=received.signal.pk)


def test_eight_reports_of_one_thing_give_one_record_and_seven_joins(committed_plant: KolbeMini) -> None:
    readings = at_once(lambda number: send(committed_plant.rhf, f"race-{number}"))

    exception = ExceptionRecord.objects.get()
    assert sorted(reading.outcome for reading in readings) == ["joined"] * 7 + ["opened"]
    assert {reading.exception_id for reading in readings} == {exception.pk}
    assert exception.events.filter(kind="joined").count() == 7
    assert exception.events.filter(kind="opened").count() == 1
    assert Response.objects.count() == 3
    assert Telling.objects.count() == 3
    assert Signal.objects.count() == THREADS


def test_one_message_delivered_eight_times_is_one_signal(committed_plant: KolbeMini) -> None:
    readings = at_once(lambda _number: send(committed_plant.rhf, "the-same"))

    assert Signal.objects.count() == 1
    assert SignalReading.objects.count() == 1
    assert ExceptionRecord.objects.count() == 1
    assert {reading.exception_id for reading in readings} == {ExceptionRecord.objects.get().pk}
    assert {reading.status for reading in readings} == {"read"}


def test_opening_and_routing_commit_once(committed_plant: KolbeMini) -> None:
    received = services.receive_signal(
        source=services.source_of(kind="api", site=committed_plant.rhf),
        external_id="one",
        text="press 4 down",
    )

    with CaptureQueriesContext(connection) as queries:
        services.read_signal(signal_id=received.signal.pk)

    assert [query["sql"] for query in queries if query["sql"] in ("BEGIN", "COMMIT", "ROLLBACK")] == [
        "BEGIN",
        "COMMIT",
    ]
    assert ExceptionRecord.objects.get().responses.count() == 3


def test_two_workers_share_the_queue_without_reading_twice(committed_plant: KolbeMini) -> None:
    source = services.source_of(kind="demo", site=committed_plant.rhf)
    for number in range(12):
        services.receive_signal(
            source=source, external_id=f"h-{number}", text=f"note {number}, please look at it"
        )

    at_once(lambda _number: services.read_due_signals(limit=12), threads=2)

    assert SignalReading.objects.filter(status="read").count() == 12
    assert ExceptionRecord.objects.count() == 12


def test_a_slow_neighbour_makes_the_api_answer_later_not_never(committed_plant: KolbeMini) -> None:
    received = services.receive_signal(
        source=services.source_of(kind="api", site=committed_plant.rhf),
        external_id="slow",
        text="press 4 down",
    )
    outcomes: list[str] = []

    def impatient(_number: int) -> None:
        reading = services.read_signal(signal_id=received.signal.pk, patience_seconds=0.2)
        outcomes.append(reading.status)

    with transaction.atomic():
        SignalReading.objects.select_for_update().get(signal=received.signal)
        at_once(impatient, threads=1)

    assert outcomes == ["pending"]
    reading = SignalReading.objects.get()
    assert (reading.status, reading.attempts) == ("pending", 0)
    assert services.read_due_signals() == 1
    assert ExceptionRecord.objects.count() == 1


def test_many_thumbs_on_one_button_acknowledge_once(committed_plant: KolbeMini) -> None:
    exception = send(committed_plant.rhf, "ack").exception
    assert exception is not None
    response = owner_response(exception)
    jonas = committed_plant.people["jonas.keller"]

    at_once(lambda _number: services.acknowledge(response_id=response.pk, actor=jonas, via="inbox"))

    exception.refresh_from_db()
    assert exception.status == "acknowledged"
    assert exception.events.filter(kind="acknowledged").count() == 1


def test_answering_and_escalating_at_once_never_block_each_other(committed_plant: KolbeMini) -> None:
    for number in range(4):
        send(
            committed_plant.rhf,
            f"n-{number}",
            f"{('press 3', 'press 4', 'mill 4', 'grinder 1')[number]} down",
        )
    responses = list(Response.objects.filter(is_owner=True).values_list("pk", flat=True))
    jonas = committed_plant.people["jonas.keller"]

    def work(number: int) -> None:
        if number % 2:
            services.escalate_due()
        else:
            services.acknowledge(response_id=responses[number // 2], actor=jonas, via="inbox")

    at_once(work)

    assert set(ExceptionRecord.objects.values_list("status", flat=True)) == {"acknowledged"}


def test_who_is_told_of_a_record_somebody_works_on_is_marked_without_waiting_for_it(
    committed_plant: KolbeMini,
) -> None:
    # given two records, one of them held by somebody who has not finished
    source = services.source_of(kind="api", site=committed_plant.rhf)
    for number, unit in enumerate(("PRS-04", "CNC-05")):
        received = services.receive_signal(
            source=source,
            external_id=f"told-{number}",
            fields={"type": "machine_downtime", "work_unit": unit},
        )
        services.read_signal(signal_id=received.signal.pk)
    held, free = ExceptionRecord.objects.order_by("pk")
    everybody = set(Response.objects.values_list("pk", flat=True))

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            services.locked(held.pk)
            # when everybody is marked as told by somebody else
            done = pool.submit(_in_own_connection, lambda: services.mark_many_told(response_ids=everybody))
            marked = done.result(timeout=60)
        # then the free one is done at once, and the held one is left for later
        assert marked == set(free.responses.values_list("pk", flat=True))
        rest = pool.submit(
            _in_own_connection, lambda: services.mark_many_told(response_ids=everybody - marked)
        )
        assert rest.result(timeout=60) == everybody - marked
    assert not Response.objects.filter(told_at=None).exists()


def _in_own_connection(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connections.close_all()
