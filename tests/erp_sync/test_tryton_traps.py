"""Where a real Tryton lets one go wrong: each trap walked into once, and how the connector gets by."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from erp_sync.adapters import port
from erp_sync.adapters.tryton import client
from erp_sync.errors import ErpRejected
from tests.fault_proxy import FaultProxy
from tests.tryton_server import Tryton, TrytonServer, command, key_maker

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]
key = key_maker("TRAPS")
SHIPMENT = "stock.shipment.internal"
CYCLE = "production.work.cycle"


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


def edited(posting: port.PostingCommand, **change: Any) -> port.PostingCommand:
    return command(posting.kind, posting.business_key, **{**posting.payload, **change})


def place(tryton: Tryton, code: str) -> int:
    return int(tryton.books.search("stock.location", [["code", "=", code]], ["code"])[0]["id"])


def product(tryton: Tryton, code: str) -> dict[str, Any]:
    return tryton.books.search("product.product", [["code", "=", code]], ["default_uom"])[0]


def inputs(tryton: Tryton, number: str) -> dict[str, list[tuple[float, str]]]:
    """Quantities and states of an order's components by item."""
    domain = [["production_input.reference", "=", number]]
    found: dict[str, list[tuple[float, str]]] = {}
    for row in tryton.books.search("stock.move", domain, ["product.code", "quantity", "state"]):
        found.setdefault(row["product."]["code"], []).append((row["quantity"], row["state"]))
    return {item: sorted(rows) for item, rows in found.items()}


def notes(tryton: Tryton, posting: port.PostingCommand) -> list[dict[str, Any]]:
    return tryton.documents("ir.note", posting.business_key, "message")


def reserve(tryton: Tryton, item: str, quantity: float, source: str, target: str) -> int:
    ends = {"from_location": place(tryton, source), "to_location": place(tryton, target)}
    ware = product(tryton, item)
    move = {"product": ware["id"], "unit": ware["default_uom"], "quantity": quantity, **ends}
    days = {"planned_date": date.today(), "planned_start_date": date.today()}  # noqa: DTZ011
    record = tryton.books.create(SHIPMENT, {**ends, **days, "moves": [["create", [move]]]})
    for button in ("wait", "assign_try"):
        tryton.books.button(SHIPMENT, button, record)
    assert tryton.books.search(SHIPMENT, [["id", "=", record]], ["state"])[0]["state"] == "assigned"
    return record


def together(*acts: Callable[[], Any]) -> list[Any]:
    """The results of acts begun at the same moment, a refusal as its code."""
    gate = threading.Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        gate.wait(timeout=60)
        try:
            return act()
        except ErpRejected as error:
            return error.code

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def test_a_refused_final_confirmation_books_no_time_and_its_yield_counts_nowhere(tryton: Tryton) -> None:
    opened = command("quality_event", key(), action="open", work_order="100003", quantity="1")
    final = {"work_order": "100003", "operation": "30", "final": True}
    refused = command("confirmation", key(), **final, yield_qty="6", machine_minutes="10")
    resolved = command("quality_event", key(), action="complete", work_order="100003", quantity="1",
                       disposition="use_as_is", opened_by=opened.business_key)  # fmt: skip
    later = command("confirmation", key(), **final, yield_qty="4", machine_minutes="15")

    raised = tryton.adapter.send(opened)
    outcome = tryton.adapter.send(refused)
    left = notes(tryton, refused)
    booked = tryton.books.count(CYCLE, [["work.production.reference", "=", "100003"]])
    settled = tryton.adapter.send(resolved), tryton.adapter.send(later)

    assert raised.status == "confirmed"
    assert (outcome.status, outcome.error_code) == ("rejected", "tryton.inspection_open")
    assert (left, booked) == ([], 0)
    assert [one.status for one in settled] == ["confirmed", "confirmed"]
    outputs = tryton.books.search(
        "stock.move", [["production_output.reference", "=", "100003"]], ["quantity"]
    )
    assert [row["quantity"] for row in outputs] == [4.0]


def test_a_final_confirmation_refused_at_its_last_step_leaves_no_yield_to_the_next(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter
) -> None:
    final = {"work_order": "100002", "operation": "30", "final": True}
    refused = command("confirmation", key(), **final, yield_qty="6", machine_minutes="10")
    no = b'{"id": 1, "error": ["UserError", ["Not today.", "", null]]}'
    proxy.answer('"model.production.do"', 200, no, headers={"Content-Type": "application/json"})

    outcome = behind.send(refused)
    later = tryton.adapter.send(command("confirmation", key(), **final, yield_qty="4", machine_minutes="15"))

    assert (outcome.status, outcome.message) == ("rejected", "Not today.")
    assert later.status == "confirmed", later.message
    outputs = tryton.books.search(
        "stock.move", [["production_output.reference", "=", "100002"]], ["quantity"]
    )
    assert [row["quantity"] for row in outputs] == [4.0]


def test_what_happened_is_found_though_its_order_has_a_namesake_or_another_number_by_now(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter
) -> None:
    posting = command("confirmation", key(), work_order="100004", operation="10", machine_minutes="12")
    proxy.drop_reply(f'"model.{CYCLE}.do"')
    change = command("change.date", key(), target="work_order", number="100004", which="planned_end",
                     new="2027-02-03")  # fmt: skip
    never = command("confirmation", key(), work_order="100004", operation="20", machine_minutes="3")
    ours, other = (tryton.order(number)["id"] for number in ("100004", "100007"))

    lost = behind.send(posting)
    tryton.books.write("production", other, {"reference": "100004"})
    namesake = [tryton.adapter.look_up(one) for one in (posting, change, never)]
    again = tryton.adapter.send(posting)
    tryton.books.write("production", other, {"reference": "100007"})
    tryton.books.write("production", ours, {"reference": "100004-A"})
    renamed = [tryton.adapter.look_up(one) for one in (posting, change, never)]
    tryton.books.write("production", ours, {"reference": "100004"})

    assert lost.status == "unknown"
    assert again.status == "confirmed"
    for found in (namesake, renamed):
        confirmed, unclear, absent = found
        assert confirmed is not None
        assert confirmed.status == "confirmed"
        assert unclear is not None
        assert unclear.status == "unknown"
        assert absent is None
    cycles = tryton.books.search(CYCLE, [["work.production", "=", ours]], ["state"])
    assert [row["state"] for row in cycles] == ["done"]


def test_an_order_reserved_before_its_quantity_changed_is_reserved_after(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter
) -> None:
    order = tryton.order("100008")["id"]
    tryton.books.button("production", "assign_try", order)
    assert tryton.order("100008")["state"] == "assigned"
    more = command("change.quantity", key(), target="work_order", number="100008", old="5", new="7")
    fewer = command("change.quantity", key(), target="work_order", number="100008", old="7", new="6")

    sent = tryton.adapter.send(more)
    after = tryton.order("100008")
    proxy.drop_reply('"model.production.write"')
    lost = behind.send(fewer)
    half = tryton.adapter.look_up(fewer)
    settled = tryton.adapter.send(fewer)

    assert (sent.status, after["state"], after["quantity"]) == ("confirmed", "assigned", 7)
    assert lost.status == "unknown"
    assert half is not None
    assert half.raw["half_done"] is True
    assert settled.status == "confirmed"
    assert (tryton.order("100008")["state"], tryton.order("100008")["quantity"]) == ("assigned", 6)
    assert notes(tryton, more) == notes(tryton, fewer) == []


def test_a_row_deleted_between_two_pages_hides_no_other(tryton: Tryton) -> None:
    parties = [tryton.books.create("party.party", {"name": f"Passing {n}"}) for n in range(5)]
    pages = tryton.books.pages("party.party", [["name", "like", "Passing %"]], ["name"], size=2)

    first = next(pages)
    tryton.books.call("party.party", "delete", [parties[0]])
    rest = [row["id"] for page in pages for row in page]

    assert [row["id"] for row in first] == parties[:2]
    assert rest == parties[2:]


TIMES = ("between", "before", "between, running")


@pytest.mark.parametrize("moment", TIMES)
def test_an_issue_of_reserved_stock_is_refused_and_leaves_the_order_as_it_was(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, moment: str
) -> None:
    """Taken before we look, or between our look and Tryton's own."""
    plan, state = inputs(tryton, "100006"), tryton.order("100006")["state"]
    issue = command("movement.issue", key(), work_order="100006", item="RM-SEAL-B", quantity="30",
                    substitute_for="RM-SEAL")  # fmt: skip
    all_of_it = ("RM-SEAL-B", tryton.on_hand("RM-SEAL-B", "RHE-A02"), "RHE-A02", "RHE-A01")
    held: list[int] = []
    if moment == "before":
        held.append(reserve(tryton, *all_of_it))
    else:
        proxy.when('"model.production.write"', lambda: held.append(reserve(tryton, *all_of_it)))

    outcome = behind.send(issue)
    left = notes(tryton, issue), behind.look_up(issue), tryton.order("100006")["state"]
    after = inputs(tryton, "100006")
    tryton.books.button(SHIPMENT, "cancel", held[0])
    fewer = behind.send(edited(issue, quantity="4"))

    assert (outcome.status, outcome.error_code) == ("rejected", "erp.drifted")
    assert left == ([], None, state)
    assert after == plan
    assert fewer.status == "confirmed", fewer.message
    assert sum(row[0] for row in inputs(tryton, "100006")["RM-SEAL-B"]) == 4 * (TIMES.index(moment) + 1)


def test_a_defect_edited_before_it_took_effect_is_raised_as_edited(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter
) -> None:
    defect = command("quality_event", key(), action="open", work_order="100001", quantity="1")
    proxy.cut_request("quality.inspection.process")

    cut = behind.send(defect)
    sent = behind.send(edited(defect, work_order="100005"))

    rows = tryton.books.search(
        "quality.inspection", [["reference", "=", defect.business_key]], ["origin", "state"]
    )
    assert (cut.status, sent.status) == ("unknown", "confirmed")
    assert [(row["origin"], row["state"]) for row in rows] == [
        (f"production,{tryton.order('100005')['id']}", "failed")
    ]


@pytest.mark.parametrize("kind", ["movement.block", "movement.return"])
def test_what_could_be_neither_finished_nor_cancelled_is_unclear_not_refused(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, kind: str
) -> None:
    payload = {"site": "RHE", "item": "RM-OIL", "quantity": "900", "from_location": "RHE-A02"}
    if kind == "movement.return":
        payload |= {"item": "RM-RARE", "from_location": "RHE-A01", "to": "supplier"}
        payload |= {"purchase_order": "45002", "po_line": "10"}
    model = SHIPMENT if kind == "movement.block" else "stock.shipment.in.return"
    posting = command(kind, key(), **payload)
    proxy.cut_request(f'"model.{model}.cancel"')

    unclear = behind.send(posting)
    stands = tryton.documents(model, posting.business_key)
    settled = behind.send(posting)

    assert (unclear.status, unclear.error_code) == ("unknown", "tryton.half_done")
    assert [row["state"] for row in stands] == ["waiting"]
    assert (settled.status, settled.error_code) == ("rejected", "erp.drifted")
    assert {row["state"] for row in tryton.documents(model, posting.business_key)} == {"cancelled"}


def test_a_header_quantity_of_an_order_under_way_or_done_is_never_written(tryton: Tryton) -> None:
    """Tryton would take it over HTTP, for a done order too, and its moves would say otherwise."""
    running = command("confirmation", key(), work_order="100001", operation="10", machine_minutes="5")
    assert tryton.adapter.send(running).status == "confirmed"
    states = {number: tryton.order(number) for number in ("100001", "100002")}

    outcomes = {
        number: tryton.adapter.send(
            command("change.quantity", key(), target="work_order", number=number,
                    old=str(int(order["quantity"])), new="99")
        )
        for number, order in states.items()
    }  # fmt: skip

    assert [order["state"] for order in states.values()] == ["running", "done"]
    assert {one.error_code for one in outcomes.values()} == {"erp.drifted"}
    for number, order in states.items():
        assert tryton.order(number)["quantity"] == order["quantity"]
    tryton.books.write("production", states["100002"]["id"], {"quantity": 99.0})
    assert tryton.order("100002")["quantity"] == 99


def test_scrap_is_a_shipment_because_tryton_refuses_a_bare_move_to_lost_and_found(tryton: Tryton) -> None:
    tube, lost = product(tryton, "RM-TUBE"), place(tryton, "RHE-LOST")
    bare = {"product": tube["id"], "unit": tube["default_uom"], "quantity": 1.0,
            "from_location": place(tryton, "RHE-A01"), "to_location": lost}  # fmt: skip
    currency = tryton.books.search("currency.currency", [["code", "=", "EUR"]], ["code"])[0]["id"]
    before = tryton.on_hand("RM-TUBE", "RHE-A01"), tryton.on_hand("RM-TUBE", "RHE-LOST")

    with pytest.raises(ErpRejected) as priced:
        tryton.books.create("stock.move", {**bare, "currency": currency})
    move = tryton.books.create("stock.move", bare)
    with pytest.raises(ErpRejected) as undone:
        tryton.books.button("stock.move", "do", move)
    tryton.books.call("stock.move", "delete", [move])
    scrap = tryton.adapter.send(
        command("movement.scrap", key(), site="RHE", item="RM-TUBE", quantity="1", from_location="RHE-A01",
                reason_code="DIM")
    )  # fmt: skip

    assert {priced.value.code, undone.value.code} == {"tryton.user_error"}
    assert scrap.status == "confirmed"
    after = tryton.on_hand("RM-TUBE", "RHE-A01"), tryton.on_hand("RM-TUBE", "RHE-LOST")
    assert after == (before[0] - 1, before[1] + 1)


def test_an_alert_hangs_on_an_inspection_and_time_on_a_cycle_because_tryton_takes_neither_otherwise(
    tryton: Tryton,
) -> None:
    order = tryton.order("100001")

    with pytest.raises(ErpRejected) as alert:
        tryton.books.create("quality.alert", {"origin": f"production,{order['id']}"})
    with pytest.raises(ErpRejected) as work:
        tryton.books.button("production.work", "do", order["works"][0])

    assert alert.value.code == "tryton.user_error"
    assert work.value.code == "tryton.http_403"
    assert tryton.books.count("quality.alert", [["origin", "like", "production,%"]]) == 0


def test_a_reference_is_not_unique_and_two_of_one_key_are_both_listed(
    tryton: Tryton, tryton_server: TrytonServer
) -> None:
    posting = command(
        "movement.block", key(), site="RHE", item="RM-TUBE", quantity="1", from_location="RHE-A01"
    )
    since = tryton.books.server_time
    assert since is not None
    ends = {"from_location": place(tryton, "RHE-A01"), "to_location": place(tryton, "RHE-BLK")}
    tube = product(tryton, "RM-TUBE")
    move = {"product": tube["id"], "unit": tube["default_uom"], "quantity": 1.0, **ends}
    values = {**ends, "reference": posting.business_key, "moves": [["create", [move]]]}
    hands = [tryton_server.ask(), tryton_server.ask()]

    made = together(*(lambda hand=hand: hand.create(SHIPMENT, values) for hand in hands))
    for record in made:
        for button in ("wait", "assign_try", "do"):
            tryton.books.button(SHIPMENT, button, record)
    found = tryton.adapter.look_up(posting)
    listed = [
        one.erp_number
        for one in tryton.adapter.list_documents(since - timedelta(seconds=2))
        if one.business_key == posting.business_key
    ]
    for hand in hands:
        hand.close()

    assert len(set(made)) == 2
    assert found is not None
    assert found.status == "confirmed"
    assert len(set(listed)) == 2
    assert found.erp_number in listed


def test_of_three_hands_that_finish_one_shipment_at_once_one_does(
    tryton: Tryton, tryton_server: TrytonServer
) -> None:
    before = tryton.on_hand("RM-TUBE", "RHE-BLK")
    record = reserve(tryton, "RM-TUBE", 5, "RHE-A01", "RHE-BLK")
    hands = [tryton_server.ask() for _ in range(3)]
    for hand in hands:
        assert hand.context

    ends = together(*(lambda hand=hand: hand.button(SHIPMENT, "do", record) for hand in hands))
    for hand in hands:
        hand.close()

    assert ends.count(None) == 1
    assert ends.count("tryton.user_error") == 2
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == before + 5


def test_stock_another_hand_has_locked_is_sent_again_later_and_posted_once(
    tryton: Tryton, tryton_server: TrytonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tryton locks the moves of an item while it reserves, and gives up at once where others hold them."""
    monkeypatch.setattr(client, "LOCKED_AGAIN_AFTER", (0.1, 0.1))
    begun = command("confirmation", key(), work_order="100007", operation="10", machine_minutes="5")
    block = command(
        "movement.block", key(), site="RHE", item="RM-TUBE", quantity="2", from_location="RHE-A01"
    )
    before = tryton.on_hand("RM-TUBE", "RHE-BLK")
    address = f"{tryton_server.home.database_url.rstrip('/')}/{tryton_server.database}"

    with psycopg.connect(address) as other:
        other.execute("SELECT 1 FROM stock_move FOR UPDATE")
        first = tryton.adapter.send(begun), tryton.adapter.send(block)
        other.rollback()
    nothing = notes(tryton, begun)
    settled = tryton.adapter.send(begun), tryton.adapter.send(block)

    # Reserving is the first step of the one; of the other, its shipment stands already.
    assert [(one.status, one.error_code) for one in first] == [
        ("retry", "tryton.locked.busy"), ("unknown", "tryton.locked.busy"),
    ]  # fmt: skip
    assert nothing == []
    assert [one.status for one in settled] == ["confirmed", "confirmed"]
    assert [row["state"] for row in tryton.documents(SHIPMENT, block.business_key)] == ["done"]
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == before + 2
