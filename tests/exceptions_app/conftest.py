"""The small plant with rules, sources and a clock at a working hour; and short ways to report something."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core import clock
from exceptions_app import services
from exceptions_app.models import ExceptionRecord, Response, SignalReading
from routing_app.services import load_default_rules
from tests import groundwork
from tests.plant_fixtures import KolbeMini

# Tuesday 17 November 2026, 10:14 in Rheinfelden: early shift, offices open.
MORNING = datetime(2026, 11, 17, 9, 14, tzinfo=UTC)


@pytest.fixture
def at_morning() -> Iterator[datetime]:
    """The clock stands at 10:14 in Rheinfelden."""
    with clock.travel(MORNING):
        yield MORNING


@groundwork.builds("reading_plant", on="kolbe_mini", at=MORNING)
def let_it_read(plant: KolbeMini) -> KolbeMini:
    """Give the small plant rules and sources."""
    load_default_rules()
    services.load_default_sources()
    return plant


@pytest.fixture
def reading_plant(kolbe_mini: KolbeMini, request: pytest.FixtureRequest) -> KolbeMini:
    return groundwork.give(request, "reading_plant", kolbe_mini)


@pytest.fixture
def plant(reading_plant: KolbeMini, at_morning: datetime) -> KolbeMini:
    """The small plant as every test finds it, with the clock at 10:14 in Rheinfelden."""
    return reading_plant


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
