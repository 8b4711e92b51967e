"""A real Tryton behind a proxy that loses answers, and a Tryton that is killed: nothing is lost, nothing doubled."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import httpx
import pytest

from erp_sync.adapters import port
from erp_sync.adapters.tryton.client import Access, Client
from erp_sync.errors import ErpUnavailable
from execlayer.launcher.ports import free_port
from tests.fault_proxy import FaultProxy
from tests.tryton_server import TEMPLATE, Tryton, TrytonHome, TrytonServer, command, key_maker

pytestmark = [pytest.mark.erp_live, pytest.mark.timeout(900)]
key = key_maker("FAULT")
SHIPMENT = "stock.shipment.internal"
#: Every request of one block posting that changes something in Tryton, in order.
STEPS = (f"{SHIPMENT}.create", f"{SHIPMENT}.wait", f"{SHIPMENT}.assign_try", f"{SHIPMENT}.do")


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


def block(quantity: str = "1") -> port.PostingCommand:
    return command(
        "movement.block", key(), site="RHE", item="RM-TUBE", quantity=quantity, from_location="RHE-A01"
    )


@pytest.mark.parametrize("step", STEPS)
def test_a_lost_answer_is_unclear_until_looked_up_and_ends_in_one_document(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, step: str
) -> None:
    before = tryton.on_hand("RM-TUBE", "RHE-BLK")
    posting = block("3")
    rule = proxy.drop_reply(step)

    outcome = behind.send(posting)
    found = behind.look_up(posting)
    settled = behind.send(posting)

    assert rule.hits == 1
    assert (outcome.status, outcome.error_code) == ("unknown", "tryton.no_answer")
    assert found is not None
    if step.endswith(".do"):
        assert found.status == "confirmed"
    else:
        assert found.status == "unknown"
        assert found.raw["half_done"] is True
    assert settled.status == "confirmed"
    rows = tryton.documents(SHIPMENT, posting.business_key)
    assert [row["state"] for row in rows] == ["done"]
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == before + 3


@pytest.mark.parametrize("step", STEPS)
def test_a_request_that_never_arrived_leaves_nothing_that_was_not_there(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, step: str
) -> None:
    posting = block("2")
    proxy.cut_request(step)

    outcome = behind.send(posting)
    found = behind.look_up(posting)

    assert outcome.status == "unknown"
    assert (found is None) == step.endswith(".create")
    assert behind.send(posting).status == "confirmed"
    assert [row["state"] for row in tryton.documents(SHIPMENT, posting.business_key)] == ["done"]


@pytest.mark.parametrize(
    "step",
    [
        "model.production.assign_try",
        "model.production.run",
        "model.ir.note.create",
        "model.production.work.cycle.create",
        "model.production.work.cycle.run",
        "model.production.work.cycle.do",
    ],
)
def test_a_confirmation_cut_off_anywhere_puts_its_time_on_one_cycle(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, step: str
) -> None:
    order = {
        "model.production.assign_try": "100001",
        "model.production.run": "100003",
        "model.ir.note.create": "100004",
        "model.production.work.cycle.create": "100006",
        "model.production.work.cycle.run": "100007",
        "model.production.work.cycle.do": "100008",
    }[step]
    posting = command(
        "confirmation", key(), work_order=order, operation="10", yield_qty="1", machine_minutes="12"
    )
    rule = proxy.drop_reply(step)

    outcomes = [behind.send(posting), behind.send(posting), behind.send(posting)]

    assert rule.hits == 1
    assert [outcome.status for outcome in outcomes] == ["unknown", "confirmed", "confirmed"]
    cycles = tryton.books.search(
        "production.work.cycle", [["work.production.reference", "=", order]], ["state"]
    )
    assert [cycle["state"] for cycle in cycles] == ["done"]
    assert tryton.order(order)["state"] == "running"


def test_the_last_confirmation_cut_off_at_every_step_receives_the_yield_once(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter
) -> None:
    posting = command(
        "confirmation",
        key(),
        work_order="100002",
        operation="30",
        yield_qty="20",
        machine_minutes="90",
        final=True,
    )
    steps = [
        "cycle.run",  # of its own operation
        "cycle.create",  # from here on of the operations nobody confirmed
        "cycle.run",
        "cycle.do",
        "production.do",
    ]

    for step in steps:
        dropped = proxy.drop_reply(f'{step}"')
        assert (behind.send(posting).status, dropped.hits) == ("unknown", 1)

    found = behind.look_up(posting)
    assert found is not None
    assert found.status == "confirmed"
    assert behind.send(posting).erp_number == found.erp_number
    assert tryton.order("100002")["state"] == "done"
    assert tryton.on_hand("CY-100", "RHE-STO") == 20
    cycles = tryton.books.search(
        "production.work.cycle", [["work.production.reference", "=", "100002"]], ["state"]
    )
    assert [cycle["state"] for cycle in cycles] == ["done"] * 3


@pytest.mark.parametrize("step", ["model.account.move.create", "model.account.move.post"])
def test_a_cost_cut_off_is_booked_once(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, step: str
) -> None:
    posting = command("cost", key(), amount="55.10", currency="EUR", cost_class="downtime", basis="real")
    proxy.drop_reply(step)

    outcomes = [behind.send(posting), behind.send(posting)]

    assert [outcome.status for outcome in outcomes] == ["unknown", "confirmed"]
    rows = tryton.documents("account.move", posting.business_key, "description")
    assert [row["state"] for row in rows] == ["posted"]


@pytest.mark.parametrize("step", ["purchase.line.write", "purchase.amendment.create", "validate_amendment"])
def test_an_amendment_cut_off_is_validated_once(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter, step: str
) -> None:
    old, new = {
        "purchase.line.write": ("2026-12-22", "2026-12-23"),
        "purchase.amendment.create": ("2026-12-23", "2026-12-28"),
        "validate_amendment": ("2026-12-28", "2026-12-29"),
    }[step]
    posting = command(
        "change.date", key(), target="po_line", number="45001", line="20", which="promised", old=old, new=new
    )
    proxy.drop_reply(step)

    outcomes = [behind.send(posting), behind.send(posting)]

    assert [outcome.status for outcome in outcomes] == ["unknown", "confirmed"]
    rows = tryton.documents("purchase.amendment", posting.business_key, "description")
    assert [row["state"] for row in rows] == ["validated"]
    line = tryton.books.search(
        "purchase.line", [["purchase.reference", "=", "45001"], ["sequence", "=", 20]], ["delivery_date"]
    )[0]
    moves = tryton.books.search(
        "stock.move", [["origin", "=", f"purchase.line,{line['id']}"]], ["planned_date"]
    )
    assert [row["planned_date"].isoformat() for row in moves] == [new]


def test_an_answer_later_than_our_patience_is_unclear_and_found_by_looking(
    tryton: Tryton, tryton_server: TrytonServer, proxy: FaultProxy
) -> None:
    hasty = tryton_server.adapter(url=proxy.url, read_timeout=5)
    assert hasty.ping().ok
    posting = block()
    rule = proxy.delay_reply(f"{SHIPMENT}.create", 8)

    outcome = hasty.send(posting)
    rule.over.wait(timeout=60)
    found = hasty.look_up(posting)

    assert (outcome.status, outcome.error_code) == ("unknown", "tryton.no_answer")
    assert found is not None
    assert found.raw["state"] == "draft"
    assert hasty.send(posting).status == "confirmed"
    hasty.close()


def test_a_refused_connection_is_a_retry_and_never_unclear(tryton_server: TrytonServer) -> None:
    nobody = tryton_server.adapter(url=f"http://127.0.0.1:{free_port()}")
    posting = block()

    outcome = nobody.send(posting)

    assert (outcome.status, outcome.error_code) == ("retry", "tryton.unreachable")
    with pytest.raises(ErpUnavailable) as unreachable:
        nobody.look_up(posting)
    assert unreachable.value.sent is False
    assert nobody.ping().ok is False


def test_a_lost_answer_before_anything_was_written_is_a_retry(
    tryton: Tryton, proxy: FaultProxy, behind: port.ErpAdapter
) -> None:
    posting = block()
    proxy.drop_reply(f"{SHIPMENT}.search_read")

    outcome = behind.send(posting)

    assert outcome.status == "retry"
    assert tryton.documents(SHIPMENT, posting.business_key) == []


def test_a_wrong_password_is_a_retry_with_its_own_code(tryton_server: TrytonServer) -> None:
    stranger = tryton_server.adapter(password="not-the-password")

    outcome = stranger.send(block())

    assert (outcome.status, outcome.error_code) == ("retry", "tryton.credentials")
    assert stranger.ping().detail == "Tryton refused the login of 'integration'"


def test_a_lapsed_session_logs_in_again_without_a_word(tryton: Tryton, tryton_server: TrytonServer) -> None:
    adapter = tryton_server.adapter()
    assert adapter.ping().ok
    adapter._client._session = "Session aW50ZWdyYXRpb246MTpmb3JnZWQ="  # type: ignore[attr-defined]

    assert adapter.send(block()).status == "confirmed"


def test_a_record_changed_by_somebody_else_meanwhile_is_not_overwritten(tryton: Tryton) -> None:
    order = tryton.books.search("production", [["reference", "=", "100005"]], ["_timestamp"])[0]
    tryton.books.write("production", order["id"], {"planned_date": _day("2027-03-01")})

    with pytest.raises(ErpUnavailable) as stale:
        tryton.books.write(
            "production", order["id"], {"planned_date": _day("2027-04-01")}, timestamp=order["_timestamp"]
        )

    assert (stale.value.code, stale.value.sent) == ("tryton.stale", False)
    assert tryton.order("100005")["planned_date"] == _day("2027-03-01")


def test_the_same_key_sent_again_by_others_is_found_not_doubled_one_writer_at_a_time(
    tryton: Tryton, tryton_server: TrytonServer
) -> None:
    """Tryton takes two documents of one reference; with one writer at a time, as the outbox promises, none follows."""
    posting, one_writer = block("4"), threading.Lock()
    before = tryton.on_hand("RM-TUBE", "RHE-BLK")

    def worker(_: int) -> port.Outcome:
        adapter = tryton_server.adapter()
        try:
            with one_writer:
                return adapter.send(posting)
        finally:
            adapter.close()

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(worker, range(4)))

    assert {outcome.status for outcome in outcomes} == {"confirmed"}
    assert len({outcome.erp_number for outcome in outcomes}) == 1
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == before + 4


def test_parallel_sends_on_one_half_done_document_move_the_stock_once(
    tryton: Tryton, tryton_server: TrytonServer, proxy: FaultProxy, behind: port.ErpAdapter
) -> None:
    posting = block("5")
    before = tryton.on_hand("RM-TUBE", "RHE-BLK")
    proxy.drop_reply(f"{SHIPMENT}.create")
    assert behind.send(posting).status == "unknown"

    def worker(_: int) -> port.Outcome:
        adapter = tryton_server.adapter()
        try:
            return adapter.send(posting)
        finally:
            adapter.close()

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(worker, range(3)))
    settled = behind.send(posting)

    assert settled.status == "confirmed"
    assert {outcome.erp_number for outcome in outcomes if outcome.status == "confirmed"} <= {
        settled.erp_number
    }
    assert tryton.on_hand("RM-TUBE", "RHE-BLK") == before + 5


def test_a_first_login_that_comes_too_early_does_not_lock_us_out(tryton_home: TrytonHome) -> None:
    """A server that has loaded no database answers logins with nonsense for ever; the connector loads it first."""
    server = TrytonServer(tryton_home, "t_early", TEMPLATE)
    cold = TrytonServer(tryton_home, "t_cold", TEMPLATE).start()
    try:
        adapter = cold.adapter(database="t_early")
        health = adapter.ping()
        assert health.ok, health.detail
        assert health.version.startswith("8.0")
        adapter.close()
    finally:
        cold.stop()
    assert server.database == "t_early"


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.2])
def test_tryton_killed_in_the_middle_of_do_leaves_one_document_to_finish(
    tryton_home: TrytonHome, pause: float
) -> None:
    server = TrytonServer(tryton_home, "t_killed", TEMPLATE).start()
    posting = block("6")
    try:
        with FaultProxy(server.url) as proxy:
            adapter = server.adapter(url=proxy.url)
            proxy.when(f"{SHIPMENT}.do", server.kill, pause)
            outcome = adapter.send(posting)
            server.wait_dead()
            assert adapter.send(posting).status == "retry"
            server.start()
            found = adapter.look_up(posting)
            settled = adapter.send(posting)
            adapter.close()
        assert outcome.status in ("unknown", "confirmed")
        assert found is not None
        assert settled.status == "confirmed"
        books = server.ask()
        rows = books.search(SHIPMENT, [["reference", "=", posting.business_key]], ["state", "moves"])
        assert [row["state"] for row in rows] == ["done"]
        moves = books.search("stock.move", [["id", "in", rows[0]["moves"]]], ["quantity", "state"])
        assert [(move["quantity"], move["state"]) for move in moves] == [(6.0, "done")]
        books.close()
    finally:
        server.stop()


def test_ending_the_program_that_serves_ends_tryton_too(tryton_home: TrytonHome) -> None:
    server = TrytonServer(tryton_home, "t_orphan", TEMPLATE).start()
    process = server._process
    assert process is not None
    process.kill()
    process.wait(timeout=30)

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(server.url, timeout=2, trust_env=False)
        except httpx.ConnectError:
            return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    pytest.fail("Tryton outlived the program that started it")


def test_an_unknown_database_is_a_retry_that_says_so(tryton_server: TrytonServer) -> None:
    client = Client(Access(tryton_server.url, "no_such_database", "integration", "whatever-1"))

    with pytest.raises(ErpUnavailable) as missing:
        client.search("party.party", [], ["name"])

    assert missing.value.sent is False
    client.close()


def _day(text: str) -> date:
    return date.fromisoformat(text)
