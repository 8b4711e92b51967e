"""The small plant with rules, sources and a clock at a working hour; and short ways to report something."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from core import clock
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Response, SignalReading
from routing_app.services import load_default_rules
from tests.plant_fixtures import KolbeMini, build_kolbe_mini

# Tuesday 17 November 2026, 10:14 in Rheinfelden: early shift, offices open.
MORNING = datetime(2026, 11, 17, 9, 14, tzinfo=UTC)


@pytest.fixture
def at_morning() -> Iterator[datetime]:
    """The clock stands at 10:14 in Rheinfelden."""
    with clock.travel(MORNING):
        yield MORNING


@pytest.fixture(scope="module")
def standing_plant(django_db_setup: None, django_db_blocker: Any) -> Iterator[KolbeMini]:
    """The small plant, its default rules and sources, built once per module inside a transaction that is rolled back;
    each test lives in a savepoint of its own.
    """
    with django_db_blocker.unblock():
        frame = transaction.atomic()
        frame.__enter__()
        try:
            with clock.travel(MORNING):
                built = build_kolbe_mini()
                load_default_rules()
                services.load_default_sources()
            yield built
        finally:
            transaction.set_rollback(True)
            frame.__exit__(None, None, None)


@pytest.fixture
def plant(standing_plant: KolbeMini, db: None, at_morning: datetime) -> KolbeMini:
    """The small plant as every test finds it, with the clock at 10:14 in Rheinfelden."""
    return standing_plant


_ids = iter(range(1, 1_000_000))

Report = Callable[..., SignalReading]


@pytest.fixture
def report(plant: KolbeMini) -> Report:
    """Send one message through a site's source and read it at once."""

    def send(
        text: str = "", *, kind: str = "api", external_id: str = "", site: Any = None, **more: Any
    ) -> SignalReading:
        received = services.receive_signal(
            source=services.source_of(kind=kind, site=site or plant.rhf),
            external_id=external_id or f"test-{next(_ids)}",
            text=text,
            **more,
        )
        return services.read_signal(signal_id=received.signal.pk)

    return send


def owner_response(exception: ExceptionRecord) -> Response:
    """The owner's response, fresh from the database."""
    return Response.objects.select_related("function", "person").get(exception=exception, is_owner=True)


def response_of(exception: ExceptionRecord, function: str) -> Response:
    """The live response of a function, fresh from the database."""
    return (
        Response.objects.select_related("function", "person")
        .exclude(status="declined")
        .get(exception=exception, function__code=function)
    )
