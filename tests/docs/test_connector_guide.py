"""The connector guide says what the suite and the sample connector say."""

import re
import textwrap

from erp_sync.adapters import port
from tests.docs.pages import DOCS, conformance_page
from tests.erp_sync.conformance.benches import ALL
from tests.erp_sync.conformance.registry import CASES

SAMPLE = DOCS / "samples" / "connector" / "abacus.py"
OPTIONAL = (
    port.Previewing, port.CodeChecking, port.Listing, port.Fetching, port.Listening, port.Keeping,
)  # fmt: skip


def _page() -> str:
    return (DOCS / "connector-guide.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_benches() -> None:
    assert conformance_page(_page()) == _page(), "run python -m tests.docs.pages"


def test_every_piece_of_code_shown_stands_in_the_sample() -> None:
    code = SAMPLE.read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", _page(), re.DOTALL)

    assert len(shown) >= 4
    for piece in shown:
        # Methods stand alone on the page, so that they are formatted as functions there.
        in_class = textwrap.indent(piece.replace("\n\n\n", "\n\n"), " " * 4)
        assert piece in code or in_class in code, piece


def test_every_member_of_the_port_is_named() -> None:
    page = _page()
    members = {name for name in vars(port.ErpAdapter) if not name.startswith("_")}
    members |= set(port.ErpAdapter.__annotations__) - {"kind"}
    members |= {name for one in OPTIONAL for name in vars(one) if not name.startswith("_")}
    assert [name for name in sorted(members) if not re.search(rf"`{name}\b", page)] == []


def test_what_is_declared_absent_is_a_case_and_has_a_reason() -> None:
    for connector, bench in ALL.items():
        assert set(bench.absent) <= set(CASES), connector
        assert all(len(reason.split()) >= 4 for reason in bench.absent.values()), connector
        assert not [case for case in bench.absent if case.startswith("kind_")], connector
