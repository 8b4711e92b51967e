"""What many tests begin with (a plant, its rules), written once for a row of tests instead of once for each.

A transaction stays open around tests that begin with the same; each lives in a savepoint of its own, as Django's
TestCase gives it, and gets its own copy of the objects. Tests that commit, or begin with something else, never
see it: it is rolled back before they start. A test that holds the clock before its plant is built may say where,
`pytest.mark.built_at(MOMENT)`; if it does not, its plant is built for it alone.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from django.db import connection, transaction

from core import clock
from tests import emptying

FRESH = timedelta(minutes=1)  # a plant built "now" is as of now this long
_HELPER = "_django_db_helper"  # pytest-django's: opens a test's own transaction

Build = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Layer:
    """What a fixture stands for: `build`, given what the layer it lies on returned; `at` some moment, or as of now."""

    build: Build
    on: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class _Frame:
    """An open transaction and what was written in it."""

    fixture: str
    at: datetime | None
    built_at: datetime
    built: Any
    atomic: transaction.Atomic
    blocker: Any


_layers: dict[str, _Layer] = {}
_frame: _Frame | None = None
_aside: WeakKeyDictionary[pytest.Item, _Frame] = WeakKeyDictionary()  # tests that do without what stands


def builds(fixture: str, *, on: str | None = None, at: datetime | None = None) -> Callable[[Build], Build]:
    """Declare what tests with `fixture` begin with, `on` another such fixture that is declared already."""

    def declare(build: Build) -> Build:
        _layers[fixture] = _Layer(build, on, at)
        return build

    return declare


def give(request: pytest.FixtureRequest, fixture: str, *below: Any) -> Any:
    """This test's own of what `fixture` stands for; `below` is what the fixture it lies on gave.

    A copy of what stands, or if nothing does (the test commits) built in the test's own transaction.
    """
    if _frame is None or fixture not in _chain(_frame.fixture) or _aside.get(request.node) is _frame:
        return _at(_moment(request.node), _layers[fixture].build, *below)
    if below:
        return below[0]
    if _frame.at is None and not _fresh(_frame):
        # another fixture has moved the clock: in this test's own transaction all of it goes, and is built anew
        _aside[request.node] = _frame
        if not emptying.delete_rows():
            pytest.fail(f"the clock was moved before {fixture}: say where with pytest.mark.built_at(...)")
        return _layers[fixture].build()
    return deepcopy(_frame.built)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Clear away what this test must not see, before any of its fixtures is set up."""
    if _frame is not None and (_frame.fixture, _frame.at) != (_wanted(item), _moment(item)):
        _clear()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, Any, Any]:
    """Build just before the test's own transaction begins: now the database is known to be there."""
    if fixturedef.argname == _HELPER:
        wanted = _wanted(request.node)
        if _frame is not None and _frame.at is None and not _fresh(_frame):
            _clear()
        if wanted is not None and _frame is None:
            blocker = request.getfixturevalue("_groundwork_blocker")
            with suppress(Exception):  # the test builds it itself then, and says what is wrong
                _open(wanted, _moment(request.node), blocker)
    return (yield)


@pytest.fixture(scope="session")
def _groundwork_blocker(django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    yield django_db_blocker
    _clear()


def _wanted(item: pytest.Item) -> str | None:
    """The topmost declared fixture, if the test lives in one transaction."""
    marker = item.get_closest_marker("django_db")
    if marker is not None and (marker.args or marker.kwargs):
        return None
    if {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ())):
        return None
    return _topmost(item)


def _topmost(item: pytest.Item) -> str | None:
    asked = [fixture for fixture in _layers if fixture in getattr(item, "fixturenames", ())]
    return max(asked, key=lambda fixture: len(_chain(fixture)), default=None)


def _chain(fixture: str) -> list[str]:
    below = _layers[fixture].on
    return [fixture, *(_chain(below) if below else [])]


def _moment(item: pytest.Item) -> datetime | None:
    marker = item.get_closest_marker("built_at")
    if marker is not None:
        return marker.args[0]
    topmost = _topmost(item)
    return _layers[topmost].at if topmost is not None else None


def _fresh(frame: _Frame) -> bool:
    return abs(clock.now() - frame.built_at) <= FRESH


def _at(moment: datetime | None, build: Build, *given: Any) -> Any:
    if moment is None:
        return build(*given)
    with clock.travel(moment):
        return build(*given)


def _build(fixture: str) -> Any:
    layer = _layers[fixture]
    return layer.build(*([_build(layer.on)] if layer.on else []))


def _open(fixture: str, at: datetime | None, blocker: Any) -> None:
    global _frame
    with blocker.unblock():
        atomic = transaction.atomic()
        atomic.__enter__()
        try:
            built_at = clock.now()
            built = _at(at, _build, fixture)
            connection.check_constraints()  # once, so that no test has to check it again
        except BaseException:
            transaction.set_rollback(True)
            atomic.__exit__(None, None, None)
            raise
    _frame = _Frame(fixture, at, built_at, built, atomic, blocker)


def _clear() -> None:
    global _frame
    if _frame is not None:
        frame, _frame = _frame, None
        with frame.blocker.unblock():
            transaction.set_rollback(True)
            frame.atomic.__exit__(None, None, None)
