"""The connectors page says of Tryton, the port and the outbox's times what the code says."""

import re

from erp_sync.adapters import port
from erp_sync.adapters.tryton.adapter import HANDLERS, LACKING
from erp_sync.services import circuit, claiming, outcomes
from tests.docs.pages import DOCS


def _page() -> str:
    return (DOCS / "erp-connectors.md").read_text(encoding="utf-8")


def _kinds_of(header: str) -> set[str]:
    table = _page().split(f"| kind | {header}", 1)[1].split("\n\n", 1)[0]
    first = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {kind for cell in first for kind in re.findall(r"`([\w.]+)`", cell)}


def test_the_kinds_tryton_takes_and_lacks() -> None:
    assert _kinds_of("in Tryton") == set(HANDLERS)
    assert _kinds_of("not in Tryton") == set(LACKING)


def test_every_member_of_the_port_is_in_the_table() -> None:
    table = _page().split("| member |", 1)[1].split("\n\n", 1)[0]
    first = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = {name for cell in first for name in re.findall(r"`(\w+)(?:\([^)]*\))?`", cell)}
    methods = {name for name in vars(port.ErpAdapter) if not name.startswith("_")}
    assert named == methods | set(port.ErpAdapter.__annotations__)


def test_the_times_it_tells() -> None:
    page = " ".join(_page().split())
    assert f"lease of {claiming.LEASE.seconds} seconds" in page
    assert f"looked up after {outcomes.FIRST_LOOK_SECONDS:.0f} s" in page
    assert f"up to {outcomes.RETRY_CEILING_SECONDS / 60:.0f} minutes" in page
    assert circuit.THRESHOLD == 4
    assert "Four failures in a row" in page
    last = circuit.LAST_PROBE_SECONDS / 60
    assert f"A probe after {circuit.FIRST_PROBE_SECONDS:.0f} s, later every {last:.0f} minutes" in page
