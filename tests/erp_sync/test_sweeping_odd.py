"""Lists of what an ERP still has, at the wrong moment: slow ones, changed ones, and readers in each other's way."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded

from erp_sync.adapters import port
from erp_sync.adapters.port import Page, Record
from erp_sync.errors import ErpUnavailable
from erp_sync.models import ErpConnection, Watermark
from erp_sync.services import pull_due, send_due, sweep
from erp_sync.services.pulling import ORDER, PULL_AGAIN_AFTER_ERROR, PULL_EVERY
from erp_sync.services.sweeping import SWEEP_EVERY, sweep_state
from plant_app.models import Customer
from tests.erp_sync import scripted
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
KIND = "scripted_slow_lists"
lists: dict[str, Callable[[], Iterator[str]]] = {}


class Listing(scripted.ScriptedAdapter):
    """The scripted ERP, whose lists do what a test says."""

    kind = KIND

    def identities(self, entity: str) -> Iterator[str]:
        yield from lists.get(entity, lambda: iter(()))()


port.register(KIND)(lambda settings: Listing(scripted.books_of(str(settings["code"]))))


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def listing(main: ErpConnection) -> Iterator[ErpConnection]:
    ErpConnection.objects.filter(pk=main.pk).update(kind=KIND)
    lists.clear()
    yield ErpConnection.objects.get(pk=main.pk)
    lists.clear()


def customer(number: int) -> Record:
    return Record("customers", f"C{number}", f"erp-{number}", {"name": f"Customer {number}"})


def ten() -> Page:
    return Page(tuple(customer(number) for number in range(10)), "1")


def mark(entity: str) -> Watermark:
    return Watermark.objects.get(entity=entity)


def gone() -> int:
    return Customer.objects.filter(erp_version__startswith="gone").count()


def test_a_list_longer_than_its_workers_time_does_not_keep_the_others_from_being_read(
    now: time_machine.Traveller, erp: Books, listing: ErpConnection
) -> None:
    def endless() -> Iterator[str]:
        yield "erp-0"
        raise SoftTimeLimitExceeded

    lists["customers"] = endless
    erp.pages["customers"] = [ten()]
    with pytest.raises(SoftTimeLimitExceeded):
        pull_due()
    seen = mark("customers")
    assert (seen.value, seen.began_at, gone()) == ("1", None, 0)
    assert seen.error == "the time for one read was over while all there is was listed"
    assert seen.next_at == NOON + PULL_AGAIN_AFTER_ERROR
    # the next turn is that of those behind it
    erp.pull_calls.clear()
    pull_due()
    assert next(entity for entity, _value in erp.pull_calls) == "suppliers"


def test_while_a_long_list_is_read_no_other_reader_begins(
    now: time_machine.Traveller, erp: Books, listing: ErpConnection
) -> None:
    begun: list[Any] = []

    def slow() -> Iterator[str]:
        now.shift(timedelta(minutes=8))
        before = len(erp.pull_calls)
        begun.append((pull_due(), len(erp.pull_calls) - before))
        yield from (f"erp-{number}" for number in range(10))

    lists["customers"] = slow
    erp.pages["customers"] = [ten()]
    pull_due()
    assert begun == [(0, 0)]
    assert mark("customers").error == ""


def test_a_reader_somebody_moved_the_watermark_under_makes_way_at_once(
    now: time_machine.Traveller, erp: Books, listing: ErpConnection
) -> None:
    class Moved(list[Any]):
        def __iter__(self) -> Iterator[Page]:
            Watermark.objects.filter(entity="customers").update(value="0")
            return iter([ten()])

    erp.pages["customers"] = Moved()
    pull_due()
    assert (mark("customers").began_at, mark("customers").next_at) == (None, NOON)
    erp.pages["customers"] = [ten()]
    now.shift(PULL_EVERY)
    assert pull_due() == 8
    assert Customer.objects.count() == 10


def test_looked_at_is_what_was_shown_and_no_more(
    now: time_machine.Traveller, erp: Books, listing: ErpConnection
) -> None:
    lists["customers"] = lambda: (f"erp-{number}" for number in range(10))
    erp.pages["customers"] = [ten()]
    pull_due()
    lists["customers"] = lambda: (f"erp-{number}" for number in range(5))
    now.shift(SWEEP_EVERY)
    pull_due()
    assert (sweep_state(mark("customers")).refused, gone()) == (5, 0)

    # while somebody looked at the five, ERP lost the others, too: it is being restored
    lists["customers"] = lambda: iter(())
    done = sweep(connection=listing, entity="customers", believe=True)
    assert done is not None
    assert (done.refused, done.codes, gone()) == (10, (), 0)
    assert sweep_state(mark("customers")).refused == 10

    lists["customers"] = lambda: (f"erp-{number}" for number in range(5))
    done = sweep(connection=listing, entity="customers", believe=True)
    assert done is not None
    assert (len(done.codes), gone()) == (5, 5)


def test_an_erp_that_fell_silent_is_not_asked_for_the_rest(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    for entity in ("items", "work_centres", "customers", "suppliers", "sales_lines", "stock"):
        erp.pages[entity] = [ErpUnavailable("no answer within 60 s")]
    erp.up = False

    assert pull_due() == 0

    main.refresh_from_db()
    assert main.circuit_open
    assert [entity for entity, _value in erp.pull_calls] == [
        "items",
        "work_centres",
        "customers",
        "suppliers",
    ]


def test_reading_that_is_refused_while_erp_answers_holds_no_posting(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue
) -> None:
    """Given an ERP whose user may post and not read, or whose reading service is down."""
    for entity in ORDER:
        erp.pages[entity] = [ErpUnavailable("HTTP 503")]

    assert pull_due() == 0

    main.refresh_from_db()
    assert (main.circuit_open, main.failures) == (False, 0)
    assert set(Watermark.objects.values_list("error", flat=True)) == {"HTTP 503"}
    posting = queue()
    send_due()
    posting.refresh_from_db()
    assert posting.status == "confirmed"


def test_an_erp_switched_off_for_a_while_keeps_what_it_filled_in(
    now: time_machine.Traveller, erp: Books, listing: ErpConnection
) -> None:
    other = ErpConnection.objects.create(code="sap", name="SAP", kind=scripted.KIND, enabled=False)
    read = Watermark.objects.create(connection=other, entity="customers", at=NOON - timedelta(hours=1))
    Customer.objects.create(
        code="S1", name="SAP's own", erp_id="sap-1", erp_synced_at=NOON - timedelta(hours=1)
    )
    lists["customers"] = lambda: (f"erp-{number}" for number in range(10))
    erp.pages["customers"] = [ten()]
    pull_due()
    assert gone() == 0

    # one that has not been read for a month has been replaced
    Watermark.objects.filter(pk=read.pk).update(at=NOON - timedelta(days=31))
    now.shift(SWEEP_EVERY)
    pull_due()
    assert gone() == 1
