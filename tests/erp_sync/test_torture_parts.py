"""The parts of a torture: what is drawn, and how the line misbehaves."""

import http.server
import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from erp_sync import canonical, reversals
from erp_sync.torture import faults, load, plant
from erp_sync.torture.audit import expected_on_hand
from erp_sync.torture.faults import LineFault, Plan
from erp_sync.torture.proxy import Proxy, changes_something
from execlayer.launcher.ports import free_port

WRITE = {"id": 1, "method": "model.stock.shipment.internal.create", "params": []}
READ = {"id": 1, "method": "model.production.search_read", "params": []}
PATIENCE = 0.3


def test_a_seed_draws_the_same_load_and_the_same_faults_again() -> None:
    assert load.draw(7, 200) == load.draw(7, 200)
    assert load.draw(7, 200) != load.draw(8, 200)
    assert faults.draw(7, 200) == faults.draw(7, 200)
    assert faults.draw(7, 200).line != faults.draw(8, 200).line


@pytest.mark.parametrize("postings", [1, 60, 2000])
def test_every_fault_is_planned_at_least_once(postings: int) -> None:
    plan = faults.draw(3, postings)

    assert {fault.kind for fault in plan.line} == set(faults.LINE)
    assert {kill.kind for kill in plan.kills} == set(faults.KILLS)
    assert plan.line == sorted(plan.line)


@pytest.mark.parametrize("seed", range(3))
def test_the_load_is_valid_keyed_once_and_takes_no_more_than_is_there(seed: int) -> None:
    drafts = load.draw(seed, 2000)

    posted = [draft for draft in drafts if draft.reverses is None]
    assert len(drafts) == 2000
    assert len({draft.key for draft in posted}) == len(posted)
    for draft in posted:
        assert list(canonical.validate(draft.kind, draft.payload, canonical.Facts())) == []
    # At every moment, not only at the end: whatever is taken must be there when its turn comes.
    for until in range(0, 2001, 50):
        assert min(expected_on_hand(drafts[:until]).values()) >= 0
    assert {draft.kind for draft in posted} == {
        "confirmation", "cost", "quality_event", "change.date", "inspection_result", "movement.block",
        "movement.issue", "movement.unblock", "movement.scrap", "movement.transfer", "movement.receipt",
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_what_is_taken_back_was_posted_before_it_in_its_order_and_nothing_twice(seed: int) -> None:
    drafts = load.draw(seed, 2000)

    backs = [draft for draft in drafts if draft.reverses is not None]
    originals = [drafts[draft.reverses or 0] for draft in backs]
    assert len({one.seq for one in originals}) == len(backs) > 200
    assert {one.kind for one in originals} == {
        "cost", "quality_event", "change.date", "inspection_result", "movement.block", "movement.unblock",
        "movement.scrap", "movement.transfer", "movement.receipt",
    }  # fmt: skip
    for back, original in zip(backs, originals, strict=True):
        assert (original.seq < back.seq, original.chain) == (True, back.chain)
        assert reversals.why_never(original.kind, original.payload) == ""
    assert {draft.asked for draft in backs} == {("click",), ("click", "click"), ("click", "decision")}


@pytest.mark.parametrize("seed", range(3))
def test_an_order_is_closed_by_its_last_posting_and_confirmed_with_no_finding_open(seed: int) -> None:
    drafts = load.draw(seed, 600)

    for number in plant.ORDERS:
        mine = [draft for draft in drafts if draft.chain == number]
        closing = [place for place, draft in enumerate(mine) if draft.payload.get("final")]
        assert closing in ([], [len(mine) - 1])
        waiting: set[str] = set()
        for one in mine:
            if one.payload.get("action") == "open":
                waiting.add(one.key)
            waiting.discard(one.payload.get("opened_by", ""))
            waiting -= {drafts[one.reverses].key} if one.reverses is not None else set()
            assert one.kind not in ("confirmation", "movement.issue") or not waiting


class _Upstream(http.server.BaseHTTPRequestHandler):
    seen: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(body)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"result": "upstream"}')

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[tuple[int, list[bytes]]]:
    seen: list[bytes] = []
    handler = type("Handler", (_Upstream,), {"seen": seen})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], seen
    server.shutdown()
    server.server_close()


def _through(port: int, plan: Plan, what: dict[str, object]) -> tuple[str, Proxy]:
    """What a sender sees of one request, and the proxy it went through, idle again."""
    proxy = Proxy(port, plan, PATIENCE)
    proxy.start()
    try:
        answer = httpx.post(
            f"http://127.0.0.1:{proxy.port}/rpc/", json=what, timeout=PATIENCE, trust_env=False
        )
        found = f"{answer.status_code} {answer.content!r}"
    except httpx.HTTPError as error:
        found = type(error).__name__
    assert proxy.wait_idle(20)
    proxy.stop()
    return found, proxy


@pytest.mark.parametrize(
    ("kind", "dice", "reaches", "seen"),
    [
        ("dropped_before", 0.0, 0, "RemoteProtocolError"),
        ("dropped_after", 0.0, 1, "RemoteProtocolError"),
        ("late_request", 0.0, 1, "ReadTimeout"),
        ("late_answer", 0.0, 1, "ReadTimeout"),
        ("reset", 0.9, 1, "ReadError"),
        ("bad_gateway", 0.9, 0, "502 b'<h1>502</h1>'"),
        ("bad_gateway", 0.1, 1, "502 b'<h1>502</h1>'"),
        ("garbage", 0.1, 1, r"""200 b'\x00\xff{"result": [[[\xfe\xfe'"""),
    ],
)
def test_each_fault_of_the_line_does_what_it_says(
    upstream: tuple[int, list[bytes]], kind: str, dice: float, reaches: int, seen: str
) -> None:
    port, arrived = upstream
    plan = Plan([LineFault(1, kind, writes_only=True, dice=dice)], [])

    found, _proxy = _through(port, plan, WRITE)

    assert found == seen
    assert len(arrived) == reaches
    assert plan.happened == {kind: 1}


def test_a_fault_waits_for_a_request_that_changes_something(upstream: tuple[int, list[bytes]]) -> None:
    port, arrived = upstream
    plan = Plan([LineFault(1, "dropped_before", writes_only=True, dice=0.0)], [])

    found, proxy = _through(port, plan, READ)

    assert found.startswith("200 ")
    assert (proxy.requests, len(arrived), len(plan.line)) == (1, 1, 1)
    assert not plan.happened
    assert changes_something(json.dumps(WRITE).encode())
    assert not changes_something(json.dumps(READ).encode())
    assert not changes_something(b"not JSON")


def test_a_fault_that_finds_the_erp_away_is_met_again_later() -> None:
    plan = Plan([LineFault(1, "late_request", writes_only=True, dice=0.0)], [])

    found, _proxy = _through(free_port(), plan, WRITE)

    assert found == "ReadTimeout"
    assert (plan.happened.total(), [fault.kind for fault in plan.line]) == (0, ["late_request"])
    plan.stop()
    plan.put_back(LineFault(1, "reset", writes_only=False, dice=0.0))
    assert plan.line == []


def test_what_is_held_back_when_a_run_ends_is_never_passed_on(upstream: tuple[int, list[bytes]]) -> None:
    port, arrived = upstream
    proxy = Proxy(port, Plan([LineFault(1, "late_request", writes_only=False, dice=0.0)], []), 30.0)
    proxy.start()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"http://127.0.0.1:{proxy.port}/", json=WRITE, timeout=0.3, trust_env=False)

    began = time.monotonic()
    proxy.stop()

    assert time.monotonic() - began < 10
    assert arrived == []
