"""What torturing the outbox has brought to light, each told again without the torture."""

from datetime import UTC, datetime, timedelta

import pytest

from core import clock
from erp_sync.models import ErpConnection
from erp_sync.services import circuit
from tests.erp_sync.conftest import Queue
from tests.erp_sync.scripted import Books

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.built_at(NOW)
def test_senders_that_failed_together_do_not_make_the_first_pause_longer(main: ErpConnection) -> None:
    with clock.travel(NOW):
        for _ in range(circuit.THRESHOLD + 4):
            circuit.note_failure(main, "reset")

    main.refresh_from_db()
    assert main.open_until == NOW + timedelta(seconds=circuit.FIRST_PROBE_SECONDS)
    assert main.failures == circuit.THRESHOLD


@pytest.mark.built_at(NOW)
def test_a_failed_trial_waits_as_long_as_a_failed_probe_would_have(
    main: ErpConnection, erp: Books, queue: Queue
) -> None:
    main.failures, main.open_until, main.silent_since = circuit.THRESHOLD, NOW, NOW
    main.save()
    with clock.travel(NOW):
        queue()  # a trial ends at once where nothing goes soon
        circuit.check_connection(connection=main)
        main.refresh_from_db()
        assert main.on_trial
        main.failures = circuit.THRESHOLD + 1  # what the probe that led here has counted
        main.save()
        circuit.note_failure(main, "502")

    main.refresh_from_db()
    assert (main.on_trial, main.failures) == (False, circuit.THRESHOLD + 1)
    assert main.open_until == NOW + 2 * timedelta(seconds=circuit.FIRST_PROBE_SECONDS)
