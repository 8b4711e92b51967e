"""A plant with rules, playbooks and sources, and short ways to tell its stories."""

from collections.abc import Callable
from typing import Any

import pytest

from decisions_app import services as decisions
from exceptions_app import services as exceptions
from exceptions_app.models import ExceptionRecord
from notify_app import services as notices
from routing_app.services import load_default_rules
from tests.plant_fixtures import KolbeMini

Report = Callable[..., ExceptionRecord]


@pytest.fixture
def plant(kolbe_mini: KolbeMini) -> KolbeMini:
    """The small plant, ready to work."""
    load_default_rules()
    decisions.load_default_playbooks()
    exceptions.load_default_sources()
    return kolbe_mini


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
