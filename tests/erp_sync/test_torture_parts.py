"""The parts of a torture: what is drawn, how the line misbehaves, and that the audit sees what it must see."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from erp_sync import canonical
from erp_sync.torture import faults, load, plant
from erp_sync.torture.audit import Report, Trace, _judge, _sequence, expected_on_hand
from erp_sync.torture.faults import LineFault, Plan
from erp_sync.torture.load import Draft
from erp_sync.torture.proxy import Proxy, changes_something

WRITE = {"id": 1, "method": "model.stock.shipment.internal.create", "params": []}
READ = {"id": 1, "method": "model.production.search_read", "params": []}
PATIENCE = 0.3
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


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

    assert len({draft.key for draft in drafts}) == 2000
    for draft in drafts:
        assert list(canonical.validate(draft.kind, draft.payload, canonical.Facts())) == []
    assert min(expected_on_hand(drafts).values()) >= 0
    kinds = {draft.kind for draft in drafts}
    assert kinds >= {
        "confirmation", "cost", "quality_event", "change.date", "movement.block", "movement.unblock",
        "movement.scrap", "movement.transfer", "movement.receipt",
    }  # fmt: skip


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
            assert one.kind != "confirmation" or not waiting


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


def draft(seq: int, chain: str = "700001") -> Draft:
    return Draft(seq, "cost", f"KEY{seq}", (seq,), chain, {})


def trace(final: int, alive: int, start: float, end: float) -> Trace:
    return Trace(final, alive, NOW + timedelta(seconds=start), NOW + timedelta(seconds=end))


def test_the_audit_counts_what_is_missing_and_what_is_there_twice() -> None:
    report = Report()
    found = [Trace(), trace(0, 1, 0, 1), trace(1, 1, 0, 1), trace(2, 2, 0, 1), trace(1, 3, 0, 1)]
    for number, one in enumerate(found):
        _judge(draft(number), one, report)

    assert (report.documents, report.missing, report.doubled) == (4, 2, 3)
    assert not report.clean
    assert len(report.details) == 4


def test_the_audit_sees_a_posting_that_began_before_the_one_ahead_of_it_had_ended() -> None:
    drafts = [draft(0), draft(1), draft(2), draft(3), draft(4, chain="700002"), draft(5, chain="")]
    spans = [(0, 5), (6, 7), (6.5, 9), (1, 2), (0, 1), (0, 1)]
    traces = {one.key: trace(1, 1, *span) for one, span in zip(drafts, spans, strict=True)}
    report = Report()

    _sequence(drafts, traces, report)

    assert report.out_of_order == 2
    assert [line.split()[2] for line in report.details] == ["KEY2", "KEY3"]


def test_what_should_be_on_hand_follows_every_movement() -> None:
    move = {"item": plant.SEAL, "quantity": "3"}
    drafts = [
        Draft(0, "movement.block", "A", (), "", {**move, "from_location": plant.RACK}),
        Draft(1, "movement.scrap", "B", (), "", {**move, "quantity": "1", "from_status": "blocked"}),
        Draft(2, "movement.unblock", "C", (), "", {**move, "quantity": "2", "to_location": plant.SHELF}),
        Draft(3, "movement.receipt", "D", (), "", {**move, "to_location": plant.SHELF}),
        Draft(4, "confirmation", "E", (), "", {"work_order": "700001", "final": True}),
        Draft(5, "confirmation", "F", (), "", {"work_order": "700001"}),
    ]

    assert expected_on_hand(drafts) == {
        (plant.SEAL, plant.RACK): plant.OPENING - 3,
        (plant.SEAL, plant.CAGE): 0,
        (plant.SEAL, plant.SHELF): plant.OPENING + 5,
        (plant.ROD, plant.RACK): plant.OPENING - plant.ORDER_QUANTITY,
        (plant.CYLINDER, f"{plant.SITE}-STO"): plant.ORDER_QUANTITY,
    }
