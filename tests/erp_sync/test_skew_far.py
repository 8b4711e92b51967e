"""An ERP whose clock is far off, or whose times are none: what is kept of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from erp_sync.adapters.port import Outcome, PostingCommand
from erp_sync.models import ErpConnection
from erp_sync.services import send_due
from erp_sync.services.skew import measure, measure_due
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.mark.parametrize(("days", "kept"), [(90, 2**31 - 1), (-20_000, -(2**31))])
def test_a_clock_months_off_is_kept_as_far_as_the_column_goes(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, days: int, kept: int
) -> None:
    erp.clocks.extend([NOON + timedelta(days=days, milliseconds=1)] * 5)
    assert measure(main) == kept
    main.refresh_from_db()
    assert (main.skew_ms, main.skew_at) == (kept, NOON)


@pytest.mark.parametrize("said", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("skew", [5000, -5000])
def test_a_time_no_clock_shows_settles_its_posting_all_the_same(
    now: time_machine.Traveller, erp: Books, main: ErpConnection, queue: Queue, said: datetime, skew: int
) -> None:
    ErpConnection.objects.update(skew_ms=skew)

    def confirm(books: Books, command: PostingCommand) -> Outcome:
        now.shift(timedelta(seconds=8))
        return Outcome("confirmed", erp_number="D-1", confirmed_at=said)

    erp.then(confirm)
    posting = queue()
    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.erp_number) == ("confirmed", "D-1")
    assert posting.erp_confirmed_at == (NOON if said.year == 1 else NOON + timedelta(seconds=8))


def test_a_measurement_from_a_time_to_come_is_made_anew(
    now: time_machine.Traveller, erp: Books, main: ErpConnection
) -> None:
    """Given our own clock was hours ahead when it was measured, and has been set right since."""
    ErpConnection.objects.update(skew_ms=-7_200_000, skew_at=NOON + timedelta(hours=2))
    main.refresh_from_db()
    erp.clocks.extend([NOON + timedelta(milliseconds=1)] * 5)
    assert measure_due(main)
    main.refresh_from_db()
    assert (main.skew_ms, main.skew_at) == (1, NOON)
