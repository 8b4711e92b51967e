"""The in-process ledger: confirms at once, at the moved clock's time, and asks nobody."""

from datetime import UTC, date, datetime

import pytest

from core import clock
from erp_sync.adapters import port
from erp_sync.canonical import KINDS

LAST_JULY = datetime(2026, 7, 14, 5, 30, tzinfo=UTC)


def test_every_kind_is_confirmed_at_the_moved_time_under_a_number_of_its_key() -> None:
    ledger = port.build("ledger", {})
    command = port.PostingCommand("cost", "ABCDEFGHIJKLMNOP", {}, LAST_JULY, date(2026, 7, 14))

    with clock.travel(LAST_JULY):
        outcome, found = ledger.send(command), ledger.look_up(command)

    assert (outcome.status, outcome.erp_number, outcome.confirmed_at) == (
        "confirmed",
        "L-ABCDEFGHIJKLMNOP",
        LAST_JULY,
    )
    assert found == outcome
    assert set(ledger.capabilities()) == set(KINDS)
    assert ledger.reconciles is False
    assert list(ledger.list_documents(LAST_JULY)) == []
    assert list(ledger.pull("items")) == []


def test_the_registry_knows_the_connectors_and_refuses_a_second_claim() -> None:
    assert {"ledger", "tryton"} <= set(port.kinds())

    with pytest.raises(ValueError, match="two connectors claim the kind 'ledger'"):
        port.register("ledger")(lambda settings: port.build("tryton", settings))
