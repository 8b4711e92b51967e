"""What is shown before a posting goes, held against the calls a real Tryton then gets."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.tryton import preview as shown
from erp_sync.adapters.tryton.client import Client
from erp_sync.adapters.tryton.codes import PROFILE
from erp_sync.errors import ErpRejected
from tests.tryton_server import Tryton, command, key_maker

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]
key = key_maker("PREVIEW")
READS = {"read", "search_read", "search_count", "get_preferences"}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Every changing call the connector makes, as it makes it."""
    made: list[tuple[str, Any]] = []
    real = Client.call

    def call(self: Client, model: str, method: str, *params: Any, **more: Any) -> Any:
        if method not in READS:
            made.append((f"model.{model}.{method}", list(params)))
        return real(self, model, method, *params, **more)

    monkeypatch.setattr(Client, "call", call)
    return made


def reversal(of: port.PostingCommand) -> port.PostingCommand:
    return command("reversal", key(), reverses=of.business_key, reverses_kind=of.kind, original=of.payload,
                   reason_code="ERR")  # fmt: skip


def postings() -> list[port.PostingCommand]:
    block = command(
        "movement.block", key(), site="RHE", item="RM-TUBE", quantity="2", from_location="RHE-A01"
    )
    more = command("movement.block", key(), **block.payload)
    cost = command("cost", key(), amount="12.50", currency="EUR", cost_class="downtime", basis="real")
    date = command(
        "change.date", key(), target="work_order", number="100004", which="planned_end", new="2027-03-01"
    )
    opened = command("quality_event", key(), action="open", quantity="1", work_order="100004")
    verdict = command("inspection_result", key(), characteristic="LOOKS", verdict="accepted", lot="L")
    return [
        block,
        more,
        command("movement.unblock", key(), site="RHE", item="RM-TUBE", quantity="1", to_location="RHE-A01"),
        command("movement.scrap", key(), site="RHE", item="RM-TUBE", quantity="1", from_status="blocked",
                reason_code="DIM"),
        command("movement.transfer", key(), site="RHE", item="RM-TUBE", quantity="1", from_location="RHE-A01",
                to_location="RHE-LINE"),
        cost,
        reversal(block),
        reversal(cost),
        opened,
        command("quality_event", key(), action="complete", quantity="1", lot="L", opened_by=opened.business_key,
                disposition="use_as_is"),
        verdict,
        reversal(verdict),
        date,
        command("confirmation", key(), work_order="100001", operation="10", machine_minutes="12"),
        command("change.quantity", key(), target="so_line", number="30001", line="10", new="7"),
        command("change.date", key(), target="po_line", number="45001", line="20", which="promised",
                new="2027-04-01"),
        command("change.cancel", key(), target="work_order", number="100006"),
    ]  # fmt: skip


def literals(value: Any) -> Iterator[str]:
    """Everything in a body that stands for itself; what is in angle brackets Tryton alone knows yet."""
    if isinstance(value, dict):
        for one in value.values():
            yield from literals(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from literals(one)
    elif isinstance(value, float | Decimal):
        yield format(Decimal(str(value)).normalize() + Decimal(0), "f")
    elif not (isinstance(value, str) and ("<" in value or value == "")):
        text = value.isoformat() if hasattr(value, "isoformat") else str(value)
        yield format(Decimal(text).normalize() + Decimal(0), "f") if text.replace(".", "").isdigit() else text


def test_every_kind_shows_the_calls_that_are_then_made(tryton: Tryton, calls: list[tuple[str, Any]]) -> None:
    for posting in postings():
        steps = tryton.adapter.preview(posting)
        asked_before = list(calls)
        calls.clear()

        outcome = tryton.adapter.send(posting)

        assert asked_before == [], posting.kind  # a preview asks and changes nothing
        assert outcome.status == "confirmed", (posting.kind, outcome)
        named = [step.address.rsplit(" ", 1)[1] for step in steps]
        sure = [step.address.rsplit(" ", 1)[1] for step in steps if step.note != shown.AS_FOUND]
        made = [name for name, _ in calls]
        assert [name for name in made if name in named] == made, (posting.kind, made, named)
        assert [name for name in made if name in sure] == sure, (posting.kind, made, sure)
        if posting.kind in ("movement.block", "movement.transfer", "cost", "change.date"):
            first = next(params for name, params in calls if name == sure[0])
            wanted = set(literals(next(step.body for step in steps if step.address.endswith(sure[0]))))
            wanted = {one for one in wanted if not one.endswith(" EUR") and one != "0"}
            assert wanted <= set(literals(first)), (posting.kind, wanted, set(literals(first)))
        calls.clear()


def test_a_missing_mapping_is_said_before_anything_is_sent(
    tryton: Tryton, calls: list[tuple[str, Any]]
) -> None:
    lost = command("movement.block", key(), site="NOWHERE", item="RM-TUBE", quantity="1")

    with pytest.raises(ErpRejected) as refused:
        tryton.adapter.preview(lost)

    assert refused.value.code == "erp.mapping_missing"
    assert calls == []


def test_what_tryton_has_no_place_for_shows_nothing_to_send(tryton: Tryton) -> None:
    with pytest.raises(ErpRejected, match="no maintenance module") as refused:
        tryton.adapter.preview(command("maintenance_notification", key(), action="open", work_unit="PR-04"))

    assert refused.value.code == "erp.not_offered"


def test_every_kind_tryton_takes_can_be_shown(tryton: Tryton) -> None:
    taken = {kind for kind, able in tryton.adapter.capabilities().items() if able.supported}

    assert set(shown._KINDS) == taken


def test_nothing_shown_carries_a_secret(tryton: Tryton) -> None:
    steps = [step for posting in postings() for step in tryton.adapter.preview(posting)]

    assert len(steps) > 20
    assert tryton.server.home.password not in repr(steps)


@pytest.mark.parametrize(
    ("kind", "known", "unknown"),
    [
        ("blocked", "RHE-BLK", "RHE-NIX"),
        ("cost_accounts", "6910", "0000"),
        ("unit", "kg", "drum"),
        ("characteristic", "Floor finding", "Nothing of the kind"),
    ],
)
def test_a_mapped_code_is_looked_up_in_tryton(tryton: Tryton, kind: str, known: str, unknown: str) -> None:
    assert tryton.adapter.check_code(kind, "ours", known).ok is True
    assert tryton.adapter.check_code(kind, "ours", unknown).ok is False


def test_a_kind_of_mapping_tryton_does_not_read_is_neither_right_nor_wrong(tryton: Tryton) -> None:
    assert tryton.adapter.check_code("movement_type", "movement.scrap", "551").ok is None


def test_the_health_says_trytons_own_time(tryton: Tryton) -> None:
    health = tryton.adapter.ping()

    assert health.ok
    assert health.clock is not None
    assert health.clock.tzinfo is not None


def test_every_code_the_connector_gives_has_a_word_of_what_to_do() -> None:
    folder = Path(shown.__file__).parent
    given = {
        code for file in folder.glob("*.py") for code in re.findall(r'"(tryton\.[a-z_.]+)"', file.read_text())
    }

    assert given == set(PROFILE.codes)
