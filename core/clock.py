"""The product's one clock.

Owns "what time is it". Every service, default and due column asks here, so a demo history or a test can move
time for its own thread of execution without touching anybody else's. Knows nothing of shifts or sites.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_moved: ContextVar[datetime | None] = ContextVar("moved_clock", default=None)
_rehearsing: ContextVar[bool] = ContextVar("rehearsing", default=False)


def now() -> datetime:
    """The current moment, aware, in UTC; the moved one inside `travel`."""
    moved = _moved.get()
    return moved if moved is not None else datetime.now(UTC)


def today(zone: str | ZoneInfo = "UTC") -> date:
    """The calendar date now in `zone` (an IANA name)."""
    return now().astimezone(ZoneInfo(zone) if isinstance(zone, str) else zone).date()


def moved() -> bool:
    """True inside `travel`: live hints and wake-ups of a rehearsed past must not disturb the present."""
    return _moved.get() is not None


def rehearsing() -> bool:
    """True while a past is filled in: its records count, but the plant as it is now is not theirs to change."""
    return _rehearsing.get()


@contextmanager
def rehearse(moment: datetime) -> Iterator[None]:
    """`travel`, for filling in a past: everything happens at `moment`, the live state of the plant stays as it is."""
    token = _rehearsing.set(True)
    try:
        with travel(moment):
            yield
    finally:
        _rehearsing.reset(token)


@contextmanager
def travel(moment: datetime) -> Iterator[None]:
    """Hold the clock at `moment` (aware) for this context only.

    Raises ValueError for a naive moment: a plant's times always carry their offset.
    """
    if moment.tzinfo is None:
        raise ValueError("travel() needs an aware datetime")
    token = _moved.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _moved.reset(token)


def minutes_between(start: datetime, end: datetime) -> float:
    """Minutes from start to end, negative when end lies before start."""
    return (end - start) / timedelta(minutes=1)
