"""The cases of taking back: a reversal of every kind, of what lies in several places, of what changed meanwhile.

What a kind moves differs from ERP to ERP: the bench shows it as one value, which must be the same again once the
posting was taken back. Knows no connector.
"""

from __future__ import annotations

from dataclasses import replace

from erp_sync.adapters import port
from tests.erp_sync.conformance.bench import Stage
from tests.erp_sync.conformance.cases import KINDS
from tests.erp_sync.conformance.registry import CASES, Case, case


def taken_back(stage: Stage, adapter: port.ErpAdapter, command: port.PostingCommand) -> None:
    """Posted, taken back, taken back again: all is as it was, or stays with the reason in words."""
    kind, bench = command.kind, stage.bench
    before = bench.state(kind)
    posted = stage.post(adapter, command)
    during = bench.state(kind)
    assert during is None or during != before, kind
    back = stage.back(command, posted.erp_number)
    able = adapter.capability(back)
    if not able.supported:
        outcome = stage.send(adapter, back)
        assert (outcome.status, outcome.message) == ("local", able.reason)
        assert len(able.reason.split()) > 3, able.reason
        assert bench.state(kind) == during
        return
    first = stage.post(adapter, back)
    again = stage.post(adapter, back)
    assert again.erp_number == first.erp_number
    assert bench.state(kind) == before, kind


def _case_of_kind(kind: str) -> None:
    def play(stage: Stage) -> None:
        adapter, payload = stage.adapter(), stage.bench.payload(kind)
        if payload is None:
            back = stage.back(stage.command(kind, {}), "1")
            assert not adapter.capability(back).supported
            assert stage.send(adapter, back).status == "local"
            return
        stage.prepare(adapter, kind)
        taken_back(stage, adapter, stage.command(kind))

    name = f"reversal_of_{kind.replace('.', '_')}"
    words = f"`{kind}` is taken back whole and once, or stays with the reason in words"
    CASES[name] = Case(name, words, play)


for _kind in KINDS:
    _case_of_kind(_kind)


@case("A posting in another unit, or out of several places or lots, is taken back whole")
def reversal_whole(stage: Stage) -> None:
    adapter = stage.adapter()
    for kind, payload in stage.bench.awkward():
        taken_back(stage, adapter, stage.command(kind, payload))


@case(
    "What changed after the posting stops its reversal with both values; accepted, it is taken back all the same"
)
def reversal_drift_accepted(stage: Stage) -> None:
    adapter, command = stage.adapter(), stage.command(*stage.bench.changing())
    before = stage.bench.state(command.kind)
    posted = stage.post(adapter, command)
    stage.bench.move_on(command)
    back = stage.back(command, posted.erp_number)
    stopped = stage.send(adapter, back)
    assert stopped.error_code.endswith(".drifted"), stopped
    seen = {difference["field"]: difference["theirs"] for difference in stopped.raw["drift"]}
    accepted = replace(back, payload=back.payload | {"seen": seen})
    stage.post(adapter, accepted)
    assert stage.bench.state(command.kind) == before
