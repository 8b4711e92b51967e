"""What is taken back in a real Tryton: whole, once, whatever was split, turned, moved on or lost on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from erp_sync.adapters import port
from tests.fault_proxy import FaultProxy
from tests.tryton_server import Tryton, TrytonServer, command, key_maker

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]
key = key_maker("TAKENBACK")


@pytest.fixture
def proxy(tryton_server: TrytonServer) -> Iterator[FaultProxy]:
    with FaultProxy(tryton_server.url) as found:
        yield found


@pytest.fixture
def behind(tryton_server: TrytonServer, proxy: FaultProxy) -> Iterator[port.ErpAdapter]:
    """A connector that reaches Tryton through the proxy only."""
    adapter = tryton_server.adapter(url=proxy.url, read_timeout=30)
    yield adapter
    adapter.close()


def back(posting: port.PostingCommand, **more: Any) -> port.PostingCommand:
    return command(
        "reversal", key(), reverses=posting.business_key, reverses_kind=posting.kind, original=posting.payload,
        reason_code="ERR", **more,
    )  # fmt: skip


def edited(posting: port.PostingCommand, **change: Any) -> port.PostingCommand:
    return command(posting.kind, posting.business_key, **{**posting.payload, **change})


@pytest.mark.parametrize(
    ("kind", "target", "there"),
    [("movement.block", "", "RHE-BLK"), ("movement.transfer", "AGS-A01", "AGS-A01")],
)
def test_a_shipment_tryton_split_over_places_is_taken_back_whole_and_to_each_place(
    tryton: Tryton, kind: str, target: str, there: str
) -> None:
    whole = {place: tryton.on_hand("RM-TUBE", place) for place in ("RHE-A01", "RHE-A02")}
    if not whole["RHE-A02"]:
        tryton.adapter.send(
            command("movement.transfer", key(), site="RHE", item="RM-TUBE", quantity="50",
                    from_location="RHE-A01", to_location="RHE-A02")
        )  # fmt: skip
        whole = {"RHE-A01": whole["RHE-A01"] - 50, "RHE-A02": 50.0}
    before = tryton.on_hand("RM-TUBE", there)
    ends = {"from_location": "RHE-STO", **({"to_location": target} if target else {})}
    moved = command(kind, key(), site="RHE", item="RM-TUBE", quantity="380", **ends)

    sent = tryton.adapter.send(moved)
    away = tryton.on_hand("RM-TUBE", there)
    undone = tryton.adapter.send(undo := back(moved))
    again = tryton.adapter.send(undo)

    assert [one.status for one in (sent, undone, again)] == ["confirmed"] * 3
    assert undone.erp_number == again.erp_number
    assert (before, away) == (0, 380)
    assert tryton.on_hand("RM-TUBE", there) == 0
    assert {place: tryton.on_hand("RM-TUBE", place) for place in whole} == whole


def test_a_receipt_in_another_unit_is_taken_back_whole(tryton: Tryton) -> None:
    unit = tryton.books.search("product.uom", [["symbol", "=", "u"]], ["category"])[0]
    dozen = {"name": "Dozen", "symbol": "dz", "category": unit["category"], "factor": 12.0,
             "rate": 0.083333333333, "rounding": 1.0, "digits": 0}  # fmt: skip
    tryton.books.create("product.uom", dozen)
    before = tryton.on_hand("RM-RARE", "RHE-A01")
    came = command(
        "movement.receipt", key(), site="RHE", purchase_order="45002", po_line="10", item="RM-RARE", quantity="2",
        uom="dz", to_location="RHE-A01",
    )  # fmt: skip

    received = tryton.adapter.send(came)
    between = tryton.on_hand("RM-RARE", "RHE-A01")
    undone = tryton.adapter.send(back(came))

    assert (received.status, undone.status) == ("confirmed", "confirmed"), undone.message
    assert between == before + 24
    assert tryton.on_hand("RM-RARE", "RHE-A01") == before


@pytest.mark.parametrize("trouble", ["lost", "refused", "lost while taken back"])
def test_a_receipt_begun_anew_leaves_its_line_open_for_the_rest_and_no_more(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, trouble: str
) -> None:
    """Cancelled as it is, a receipt takes its goods off what Tryton still expects."""
    line = {"purchase_order": "45001", "po_line": "10", "item": "RM-ROD", "site": "RHE"}
    receipt = command("movement.receipt", key(), **line, quantity="3", to_location="RHE-A02")
    domain = [["origin.purchase.reference", "=", "45001", "purchase.line"], ["product.code", "=", "RM-ROD"]]

    def expected() -> dict[str, float]:
        found: dict[str, float] = {}
        for row in tryton.books.search("stock.move", domain, ["state", "quantity"]):
            found[row["state"]] = found.get(row["state"], 0) + row["quantity"]
        return found

    before = expected()
    if trouble == "refused":
        no = b'{"id": 1, "error": ["UserError", ["Not today.", "", null]]}'
        proxy.answer('"model.stock.shipment.in.receive"', 200, no)
    else:
        proxy.drop_reply('"model.stock.shipment.in.create"')
    if trouble == "lost while taken back":
        proxy.drop_reply('"model.stock.shipment.in.cancel"')
    outcomes = [behind.send(receipt)]
    after = expected()
    if trouble == "lost while taken back":
        outcomes.append(behind.send(receipt))
    last = behind.send(edited(receipt, quantity="4"))

    assert [one.status for one in outcomes] == ["rejected" if trouble == "refused" else "unknown"] * len(
        outcomes
    )
    if trouble == "refused":
        assert after == before
    assert last.status == "confirmed", last.message
    assert expected() == {"draft": before["draft"] - 4, "done": before.get("done", 0) + 4}


def test_a_reversal_that_drifted_goes_on_once_its_own_drift_was_seen(tryton: Tryton) -> None:
    change = command("change.date", key(), target="work_order", number="100005", which="planned_end",
                     old="2026-01-01", new="2027-01-20", seen={"date": "2027-01-18"})  # fmt: skip
    done = tryton.adapter.send(change)
    tryton.books.write("production", tryton.order("100005")["id"], {"planned_date": date(2027, 1, 25)})
    undo = back(change)

    stopped = tryton.adapter.send(undo)
    gone_on = tryton.adapter.send(edited(undo, seen={"date": "2027-01-25"}))

    assert done.status == "confirmed"
    assert stopped.raw["drift"] == [{"field": "date", "ours": "2027-01-20", "theirs": "2027-01-25"}]
    assert gone_on.status == "confirmed", gone_on.message
    assert tryton.order("100005")["planned_date"] == date(2026, 1, 1)


@dataclass(frozen=True)
class Way:
    """A posting, the request that decides its reversal, and where the count of that reversal's effects shows."""

    kind: str
    payload: dict[str, Any]
    decides: str
    effects: Callable[[Tryton, str, str], list[Any]]


def states(model: str, name: str = "reference") -> Callable[[Tryton, str, str], list[Any]]:
    def found(tryton: Tryton, original: str, reversal: str) -> list[Any]:
        return [row["state"] for row in tryton.documents(model, reversal, name)]

    return found


def alerts(tryton: Tryton, original: str, reversal: str) -> list[Any]:
    domain = [["origin.reference", "=", original, "quality.inspection"]]
    return [row["state"] for row in tryton.books.search("quality.alert", domain, ["state"])]


WAYS = {
    "receipt": (
        Way("movement.receipt", {"purchase_order": "45001", "po_line": "20", "item": "RM-TUBE", "quantity": "3",
                                 "site": "RHE", "to_location": "RHE-A02"},
            "stock.shipment.in.return.do", states("stock.shipment.in.return")), ["done"],
    ),
    "cost": (
        Way("cost", {"amount": "12.00", "currency": "EUR", "cost_class": "scrap", "basis": "real"},
            "account.move.post", states("account.move", "description")), ["posted"],
    ),
    "date": (
        Way("change.date", {"target": "work_order", "number": "100006", "which": "planned_end",
                            "old": "2027-01-22", "new": "2027-01-28"},
            "production.write", lambda tryton, *_: [tryton.order("100006")["planned_date"]]), [date(2027, 1, 22)],
    ),
    "quantity": (
        Way("change.quantity", {"target": "work_order", "number": "100007", "old": "5", "new": "8"},
            "production.write", lambda tryton, *_: [tryton.order("100007")["quantity"]]), [5.0],
    ),
    "defect": (
        Way("quality_event", {"action": "open", "quantity": "1", "item": "RM-SEAL", "lot": "LOT-S1"},
            "quality.alert.resolve", alerts), ["resolved"],
    ),
    "result": (
        Way("inspection_result", {"characteristic": "LOOKS", "verdict": "accepted", "lot": "LOT-S1"},
            "quality.inspection.pending",
            lambda tryton, original, _: states("quality.inspection")(tryton, "", original)), ["pending"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_a_reversal_whose_deciding_answer_was_lost_is_found_and_done_once(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, name: str
) -> None:
    way, once = WAYS[name]
    original = command(way.kind, key(), **way.payload)
    sent = tryton.adapter.send(original)
    undo = back(original)
    step = f'"model.{way.decides}"'
    rule = proxy.drop_reply(step)

    lost = behind.send(undo)
    found = behind.look_up(undo)
    again = behind.send(undo)

    assert sent.status == "confirmed", sent.message
    assert rule.hits == 1
    assert (lost.status, lost.error_code) == ("unknown", "tryton.no_answer")
    assert found is not None
    assert (found.status, again.status) == ("confirmed", "confirmed")
    assert found.erp_number == again.erp_number
    assert proxy.count(step) == 1
    assert way.effects(tryton, original.business_key, undo.business_key) == once
