"""The cases every connector passes, played against a real Tryton."""

from collections.abc import Iterator

import pytest

from tests.erp_sync.conformance import benches
from tests.erp_sync.conformance.bench import staged
from tests.erp_sync.conformance.registry import CASES
from tests.erp_sync.conformance.tryton_bench import TrytonBench
from tests.tryton_server import TrytonServer

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def bench(tryton_server: TrytonServer) -> Iterator[TrytonBench]:
    made = TrytonBench(tryton_server)
    yield made
    made.close()


@pytest.mark.parametrize(("connector", "name"), benches.played(benches.LIVE), ids=benches.named)
def test_conformance(bench: TrytonBench, caplog: pytest.LogCaptureFixture, connector: str, name: str) -> None:
    assert connector == bench.name
    caplog.set_level("INFO")
    caplog.set_level("DEBUG", logger="erp_sync")
    with staged(bench, lambda: caplog.text) as stage:
        CASES[name].play(stage)
