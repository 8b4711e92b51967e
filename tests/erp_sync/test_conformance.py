"""Every connector passes the same cases; what one can't have is declared with its reason and nowhere else left out."""

from collections.abc import Iterator

import pytest

from tests.erp_sync.conformance import benches
from tests.erp_sync.conformance.bench import Bench, staged
from tests.erp_sync.conformance.registry import CASES


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Bench]]:
    """Benches already open, by name: one server each for all its cases."""
    kept: dict[str, Bench] = {}
    yield kept
    for bench in kept.values():
        bench.close()


@pytest.mark.parametrize(("connector", "name"), benches.played(benches.SIMULATED), ids=benches.named)
def test_conformance(
    opened: dict[str, Bench], caplog: pytest.LogCaptureFixture, connector: str, name: str
) -> None:
    caplog.set_level("INFO")
    caplog.set_level("DEBUG", logger="erp_sync")
    if connector not in opened:
        opened[connector] = benches.ALL[connector]()
        opened[connector].open()
    with staged(opened[connector], lambda: caplog.text) as stage:
        CASES[name].play(stage)


@pytest.mark.parametrize("connector", benches.SIMULATED)
def test_what_is_declared_absent_is_absent(opened: dict[str, Bench], connector: str) -> None:
    if connector not in opened:
        opened[connector] = benches.ALL[connector]()
        opened[connector].open()
    with staged(opened[connector], str) as stage:
        adapter = stage.adapter()
        for case in CASES.values():
            if case.needs is not None:
                assert isinstance(adapter, case.needs) != (case.name in stage.bench.absent), case.name
        assert adapter.reconciles != ("listed_for_reconciliation" in stage.bench.absent)
