"""A plant with rules, playbooks and sources, and short ways to tell its stories."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from decisions_app import services as decisions
from erp_sync import canonical
from erp_sync import services as erp_services
from erp_sync.models import ConnectionSite, ErpConnection, Posting
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from notify_app import services as notices
from tests.erp_sync import scripted
from tests.plant_fixtures import KolbeMini

Report = Callable[..., ExceptionRecord]


@pytest.fixture
def plant(plant_at_work: KolbeMini) -> KolbeMini:
    """The small plant, ready to work."""
    return plant_at_work


@pytest.fixture
def report(plant: KolbeMini) -> Report:
    """Say something at a Rheinfelden station; returns the contained record, everybody told."""
    count = 0

    def tell(text: str = "", reporter: str = "piotr.nowak", **fields: Any) -> ExceptionRecord:
        nonlocal count
        count += 1
        received = exceptions.receive_signal(
            source=exceptions.source_of(kind="station", site=plant.rhf),
            external_id=f"story-{count}",
            text=text,
            fields=fields,
            reporter=plant.people[reporter],
            site=plant.rhf,
        )
        reading = exceptions.read_signal(signal_id=received.signal.pk)
        assert reading.exception is not None
        decisions.contain_due()
        notices.send_due()
        return ExceptionRecord.objects.get(pk=reading.exception.pk)

    return tell


def response_of(exception: ExceptionRecord, function: str) -> Any:
    """The live response of a function."""
    return exception.responses.exclude(status="declined").get(function__code=function)


@pytest.fixture
def erp(plant: KolbeMini) -> Iterator[scripted.Books]:
    """The books of a scripted ERP that serves Rheinfelden."""
    scripted.forget()
    connection = ErpConnection.objects.create(code="main", name="Main ERP", kind=scripted.KIND)
    ConnectionSite.objects.create(connection=connection, site=plant.rhf)
    yield scripted.books_of("main")
    scripted.forget()


def drain() -> None:
    """Let ERP have everything that is due, and what that means be drawn."""
    for _ in range(20):
        sent = erp_services.send_due()
        if not sent and not decisions.handle_settled():
            return


def postings(exception: ExceptionRecord) -> list[Posting]:
    """Every posting of a record, in the order they were queued; each says something ERP could take."""
    found = list(Posting.objects.filter(link__exception=exception).order_by("pk"))
    for posting in found:
        assert canonical.validate(posting.kind, posting.payload) == [], posting.payload
    return found


def kinds(exception: ExceptionRecord) -> list[str]:
    return [posting.kind for posting in postings(exception)]


def posted(exception: ExceptionRecord, kind: str) -> Posting:
    """The one posting of a kind."""
    return Posting.objects.get(link__exception=exception, kind=kind)


def acknowledge_all(exception: ExceptionRecord) -> None:
    for response in exception.responses.filter(required=True):
        if not response.answered and response.status != "declined" and response.person is not None:
            exceptions.acknowledge(response_id=response.pk, actor=response.person, via="inbox")


def do(exception: ExceptionRecord, code: str, **result: Any) -> None:
    """The person a task was given to does it."""
    task = exception.tasks.get(code=code, status="open")
    decisions.complete_task(task_id=task.pk, actor=task.person, result=result, via="inbox")


def standing(exception: ExceptionRecord) -> str:
    exception.refresh_from_db()
    return exception.status


HELD = {"type": "quality_hold", "lot": "L26-4471", "reason": "DIM-SIZE"}


@pytest.fixture
def held(plant: KolbeMini, erp: scripted.Books, report: Report) -> ExceptionRecord:
    """All 36 pieces of a lot are suspect, and everybody knows."""
    exception = report(**HELD, qty_suspect="36")
    acknowledge_all(exception)
    exception.refresh_from_db()
    return exception
