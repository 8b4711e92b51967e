"""The file drop: one file a posting, once, whatever is killed; no answer is lost, however it is written."""

import csv
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from erp_sync.adapters import port
from erp_sync.adapters.filedrop import FileDropAdapter
from erp_sync.adapters.filedrop.box import OutBox
from erp_sync.errors import ErpRejected, ErpUnavailable
from erp_sync.models import ConnectionSite, ErpConnection
from erp_sync.services import edit_and_retry, send_due
from erp_sync.services.circuit import THRESHOLD
from erp_sync.services.claiming import claim_next, willing_connections
from erp_sync.services.outcomes import record_send
from plant_app.models import Site
from tests import factories as make
from tests.erp_sync.conftest import Queue

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
KEY = "ABCDEFGHIJKLMNOP"
SCRAP = {"item": "FG-100", "quantity": "3", "reason_code": "BROKEN", "site": "RHF"}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Any]:
    for name in ("out", "in", "pull"):
        (tmp_path / name).mkdir()
    return {name: str(tmp_path / name) for name in ("out", "in", "pull")} | {"quiet_seconds": 0}


@pytest.fixture
def drop(folders: dict[str, Any]) -> FileDropAdapter:
    return FileDropAdapter(folders)


def command(
    kind: str = "movement.scrap", payload: dict[str, Any] | None = None, key: str = KEY
) -> port.PostingCommand:
    return port.PostingCommand(kind, key, payload or SCRAP, NOON, date(2026, 11, 3), "EX-2026-000001")


def seen(folders: dict[str, Any]) -> list[str]:
    """What the other side's program would find."""
    return sorted(path.name for path in Path(folders["out"]).iterdir() if not path.name.startswith("."))


def answer(folders: dict[str, Any], text: str, name: str = "ack-1.csv") -> None:
    (Path(folders["in"]) / name).write_text(text)


def test_a_posting_is_one_whole_csv_file_named_by_its_key(
    drop: FileDropAdapter, folders: dict[str, Any]
) -> None:
    outcome = drop.send(command())

    assert (outcome.status, outcome.error_code) == ("unknown", "filedrop.waiting")
    assert "half_done" not in outcome.raw
    assert seen(folders) == [f"{KEY}.csv"]
    with (Path(folders["out"]) / f"{KEY}.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["key"], row["try"], row["kind"], row["posting_date"]) == (
        KEY,
        "1",
        "movement.scrap",
        "2026-11-03",
    )
    assert (row["item"], row["quantity"], row["reason_code"], row["lot"]) == ("FG-100", "3", "BROKEN", "")


def test_a_file_the_other_side_took_is_never_written_again(
    drop: FileDropAdapter, folders: dict[str, Any]
) -> None:
    drop.send(command())
    (Path(folders["out"]) / f"{KEY}.csv").unlink()

    again = FileDropAdapter(folders)
    found, sent = again.look_up(command()), again.send(command())

    assert found is not None
    assert (found.status, found.raw["taken"]) == ("unknown", True)
    assert sent.status == "unknown"
    assert seen(folders) == []


def test_many_senders_and_a_quick_taker_see_each_file_once(folders: dict[str, Any]) -> None:
    out = Path(folders["out"])
    taken: list[tuple[str, bytes]] = []
    ready = threading.Barrier(12)

    def take() -> None:
        for path in out.glob("*.csv"):
            taken.append((path.stem, path.read_bytes()))
            path.unlink()

    def send(key: str) -> None:
        ready.wait()
        for _ in range(3):
            OutBox(out, ".csv").hand_over(key, 1, key.encode() * 100)

    senders = [threading.Thread(target=send, args=(f"K{n // 3}",)) for n in range(12)]
    for one in senders:
        one.start()
    while any(one.is_alive() for one in senders):
        take()
    take()

    assert sorted(taken) == [(key, key.encode() * 100) for key in ("K0", "K1", "K2", "K3")]


@pytest.mark.parametrize("killed_at", ["write", "mark", "rename"])
def test_a_sender_killed_anywhere_leaves_one_file(
    folders: dict[str, Any], monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    class Killed(BaseException):
        pass

    from erp_sync.adapters.filedrop import disk

    write, rename, writes = disk.write_whole, Path.rename, []

    def dying_write(target: Path, content: bytes) -> None:
        if (killed_at == "write" and not writes) or (killed_at == "mark" and writes):
            raise Killed
        writes.append(target)
        write(target, content)

    def dying_rename(self: Path, target: Path) -> Path:
        if killed_at == "rename" and Path(target).parent == Path(folders["out"]):
            raise Killed
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(disk, "write_whole", dying_write)
        patch.setattr(Path, "rename", dying_rename)
        with pytest.raises(Killed):
            FileDropAdapter(folders).send(command())
    assert seen(folders) == []

    after = FileDropAdapter(folders)
    found = after.look_up(command())
    if killed_at == "rename":
        assert found is not None
        assert found.raw["half_done"] is True
    else:
        assert found is None
    assert after.send(command()).error_code == "filedrop.waiting"
    assert seen(folders) == [f"{KEY}.csv"]


def test_the_acknowledgement_carries_number_and_time_and_is_kept(
    drop: FileDropAdapter, folders: dict[str, Any]
) -> None:
    drop.send(command())
    answer(
        folders, f"key;status;erp_number;time\n{KEY};OK;MD-77;2026-11-03T13:00:05+01:00\n".replace(";", ",")
    )

    assert drop.arrivals() == {KEY}
    found = drop.look_up(command())

    assert found is not None
    assert (found.status, found.erp_number) == ("confirmed", "MD-77")
    assert found.confirmed_at == NOON + timedelta(seconds=5)
    assert drop.send(command()).erp_number == "MD-77"
    assert (Path(folders["in"]) / ".done" / "ack-1.csv").exists()
    assert drop.arrivals() == set()


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a.csv", "id,state\n1,2\n", "erp.acknowledgement_columns"),
        ("a.csv", f"key,status,erp_number\n{KEY},maybe,1\n", "erp.acknowledgement_status"),
        ("a.csv", f"key,status,erp_number\n{KEY},ok,\n", "erp.acknowledgement_number"),
        ("a.csv", f"key,status,erp_number\n{KEY},ok\n", "erp.acknowledgement_columns"),
        ("a.csv", f"key,status,erp_number,time\n{KEY},ok,1,yesterday\n", "erp.acknowledgement_time"),
        ("a.csv", f"key,status,erp_number,time\n{KEY},ok,1,2026-11-03T12:00:00\n", "erp.acknowledgement_time"),
        ("a.csv", 'key,status\n"broken', "erp.acknowledgement_unreadable"),
        ("a.csv", "key,status,erp_number\nNEVERHANDEDOVER1,ok,1\n", "erp.acknowledgement_unknown"),
        ("a.csv", "key,status,erp_number\n../../etc/x,ok,1\n", "erp.acknowledgement_key"),
        ("a.json", "{not json", "erp.acknowledgement_unreadable"),
        ("a.json", "[]", "erp.acknowledgement_empty"),
        ("a.json", "[3]", "erp.acknowledgement_unreadable"),
    ],
)  # fmt: skip
def test_an_unusable_acknowledgement_is_kept_aside_with_its_code(
    drop: FileDropAdapter, folders: dict[str, Any], name: str, text: str, code: str
) -> None:
    drop.send(command())
    answer(folders, text, name)

    drop.arrivals()

    aside = Path(folders["in"]) / ".aside"
    assert (aside / name).read_text() == text
    rows = json.loads((aside / f"{name}.error.json").read_text())["rows"]
    assert [row["code"] for row in rows] == [code]
    found = drop.look_up(command())
    assert found is not None
    assert found.status == "unknown"
    assert code in drop.ping().detail


def test_the_good_rows_of_a_bad_file_count(drop: FileDropAdapter, folders: dict[str, Any]) -> None:
    other = "ZZZZZZZZZZZZZZZZ"
    drop.send(command())
    drop.send(command(key=other))
    answer(folders, f"key,status,erp_number\n{KEY},ok,MD-1\n{other},??,MD-2\n")

    assert drop.arrivals() == {KEY, other}

    found, unclear = drop.look_up(command()), drop.look_up(command(key=other))
    assert found is not None
    assert unclear is not None
    assert (found.status, found.erp_number) == ("confirmed", "MD-1")
    assert (unclear.status, unclear.error_code) == ("unknown", "filedrop.unreadable.waiting")
    assert "'??'" in unclear.message


def test_the_first_answer_stands_and_a_contradiction_is_kept(
    drop: FileDropAdapter, folders: dict[str, Any]
) -> None:
    drop.send(command())
    answer(folders, f"key,status,erp_number\n{KEY},ok,MD-1\n", "a.csv")
    answer(folders, f"key,status,erp_number\n{KEY},ok,MD-1\n", "b.csv")
    answer(folders, f"key,status,erp_number\n{KEY},ok,MD-2\n", "c.csv")

    drop.arrivals()

    found = drop.look_up(command())
    assert found is not None
    assert found.erp_number == "MD-1"
    assert (Path(folders["in"]) / ".done" / "b.csv").exists()
    assert [row for row in drop.ping().detail.split("; ") if "erp.acknowledgement_contradicts" in row] != []


def test_a_refused_posting_goes_again_as_its_next_try(drop: FileDropAdapter, folders: dict[str, Any]) -> None:
    drop.send(command())
    answer(
        folders, json.dumps({"key": KEY, "status": "error", "code": "M7-021", "message": "deficit"}), "r.json"
    )
    refused = drop.look_up(command())
    assert refused is not None
    assert (refused.status, refused.error_code, refused.message) == ("rejected", "M7-021", "deficit")

    drop.send(command(payload=SCRAP | {"quantity": "2"}))
    answer(
        folders,
        json.dumps({"key": KEY, "status": "error", "code": "M7-021", "message": "deficit"}),
        "twice.json",
    )
    waiting = drop.look_up(command())
    assert seen(folders) == [f"{KEY}-2.csv", f"{KEY}.csv"]
    assert waiting is not None
    assert waiting.error_code == "filedrop.waiting"

    answer(folders, json.dumps({"key": KEY, "status": "ok", "erp_number": "MD-9", "try": 2}), "ok.json")
    found = drop.look_up(command())
    assert found is not None
    assert (found.status, found.erp_number) == ("confirmed", "MD-9")


def test_a_file_still_being_written_is_left_alone(folders: dict[str, Any]) -> None:
    drop = FileDropAdapter(folders | {"quiet_seconds": 60})
    drop.send(command())
    answer(folders, f"key,status,erp_number\n{KEY},ok,MD-1\n")
    answer(folders, f"key,status,erp_number\n{KEY},ok,MD-1\n", "later.csv.part")

    assert drop.arrivals() == set()
    assert (Path(folders["in"]) / "ack-1.csv").exists()


def test_a_missing_folder_is_no_absence(folders: dict[str, Any], tmp_path: Path) -> None:
    gone = FileDropAdapter(folders | {"out": str(tmp_path / "unmounted")})
    nowhere = FileDropAdapter({})

    assert (gone.send(command()).status, gone.ping().ok) == ("retry", False)
    with pytest.raises(ErpUnavailable, match="no folder"):
        gone.look_up(command())
    assert nowhere.send(command()).error_code == "filedrop.not_configured"
    assert not (tmp_path / "unmounted").exists()


def test_what_is_no_business_of_the_erp_stays_here(folders: dict[str, Any]) -> None:
    drop = FileDropAdapter(folders | {"not_taken": {"maintenance_notification": "kept in the CMMS"}})
    cost = {"amount": "10", "currency": "EUR", "cost_class": "scrap", "basis": "statistical"}

    assert drop.send(command("cost", cost)).status == "local"
    assert drop.send(command("maintenance_notification", {"action": "open"})).message == "kept in the CMMS"
    assert drop.send(command(payload=SCRAP | {"quantity": "-1"})).error_code == "erp.payload"
    assert seen(folders) == []


def test_json_files_carry_the_canonical_payload(folders: dict[str, Any]) -> None:
    FileDropAdapter(folders | {"format": "json"}).send(command())

    said = json.loads((Path(folders["out"]) / f"{KEY}.json").read_text())
    assert said["payload"] == SCRAP
    assert said["occurred_at"] == NOON.isoformat()


def test_reading_back_goes_on_after_the_last_file(drop: FileDropAdapter, folders: dict[str, Any]) -> None:
    pull = Path(folders["pull"])
    (pull / "items-1.csv").write_text("code,name,uom,active\nFG-1,Flange,pcs,yes\nRM-1,Bar,m,no\n")
    (pull / "work_orders.csv").write_text(
        "code,item,quantity,op_number,op_work_centre\nWO-1,FG-1,10,10,SAW\nWO-1,FG-1,10,20,MILL\n"
    )

    (first,) = drop.pull("items")
    assert [(one.code, one.data) for one in first.records] == [
        ("FG-1", {"name": "Flange", "uom": "pcs", "active": True}),
        ("RM-1", {"name": "Bar", "uom": "m", "active": False}),
    ]
    assert list(drop.pull("items", first.watermark)) == []
    (pull / "items-0.csv").write_text("code,name\nFG-2,Flange 2\n")
    (later,) = drop.pull("items", first.watermark)
    assert [one.code for one in later.records] == ["FG-2"]
    (orders,) = drop.pull("work_orders")
    assert orders.records[0].data["operations"] == [
        {"number": "10", "work_centre": "SAW"}, {"number": "20", "work_centre": "MILL"},
    ]  # fmt: skip


def test_a_file_that_arrived_first_and_is_not_quiet_yet_holds_back_what_came_after(
    folders: dict[str, Any],
) -> None:
    pull, adapter = Path(folders["pull"]), FileDropAdapter(folders | {"quiet_seconds": 60})
    written = time.time()
    for name, age in (("items-a.csv", 1), ("items-b.csv", 300), ("customers-c.csv", 300)):
        # Written in this order of age, renamed in in this order.
        hidden = pull / f".{name}"
        hidden.write_text(f"code,name\n{name[-5].upper()},Name\n")
        os.utime(hidden, (written - age, written - age))
        hidden.rename(pull / name)

    assert list(adapter.pull("items")) == []
    assert [record.code for page in adapter.pull("customers") for record in page.records] == ["C"]
    os.utime(pull / "items-a.csv", (written - 300, written - 300))
    pages = list(adapter.pull("items"))

    assert {record.code for page in pages for record in page.records} == {"A", "B"}
    assert list(adapter.pull("items", pages[-1].watermark)) == []


def test_stock_rows_need_no_code_of_their_own(drop: FileDropAdapter, folders: dict[str, Any]) -> None:
    (Path(folders["pull"]) / "stock.csv").write_text(
        "item,location,lot,quantity\nFG-1,A-01,L7,12.5\nFG-1,A-02,,3\n"
    )

    (page,) = drop.pull("stock")

    assert [one.code for one in page.records] == ["FG-1|A-01|L7", "FG-1|A-02|"]
    assert page.records[0].data == {"item": "FG-1", "location": "A-01", "lot": "L7", "quantity": "12.5"}


def test_a_bad_line_is_named_and_the_file_waits_for_it(
    drop: FileDropAdapter, folders: dict[str, Any]
) -> None:
    (Path(folders["pull"]) / "items.csv").write_text("code,name\nFG-1,Flange\nFG-2\nFG-3,Ring\n")

    pages = drop.pull("items")
    page = next(pages)

    assert ([one.code for one in page.records], page.watermark) == (["FG-1", "FG-3"], "")
    with pytest.raises(ErpRejected, match=r"items\.csv: line 3 has 1 cells, the header 2"):
        next(pages)


def test_the_columns_of_a_kind_do_not_change_with_what_is_filled_in(drop: FileDropAdapter) -> None:
    from erp_sync.adapters.filedrop.formats import to_csv

    few = next(csv.reader(io.StringIO(to_csv(command(), 1).decode())))
    many = next(
        csv.reader(io.StringIO(to_csv(command(payload=SCRAP | {"lot": "L1", "uom": "pcs"}), 1).decode()))
    )

    assert few == many


@pytest.fixture
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as moved:
        yield moved


@pytest.fixture
def connection(db: None, site: Site, folders: dict[str, Any]) -> ErpConnection:
    row = ErpConnection.objects.create(code="drop", name="Files", kind="filedrop", options=folders)
    ConnectionSite.objects.create(connection=row, site=site)
    return row


def test_an_arrival_wakes_its_posting_at_once(
    now: time_machine.Traveller, connection: ErpConnection, folders: dict[str, Any], queue: Queue
) -> None:
    posting = queue()
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("unknown", "filedrop.waiting")
    for _ in range(8):  # it is looked up ever more seldom, and never written again
        now.shift(timedelta(minutes=6))
        send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.attempts) == ("unknown", 1)
    assert posting.due_at > NOON + timedelta(minutes=48)
    answer(folders, f"key,status,erp_number\n{posting.business_key},ok,MD-5\n")

    now.shift(timedelta(seconds=1))
    send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.erp_number, posting.attempts) == ("confirmed", "MD-5", 1)
    assert seen(folders) == [f"{posting.business_key}.csv"]


def test_many_that_wait_do_not_open_the_circuit(
    now: time_machine.Traveller, connection: ErpConnection, queue: Queue
) -> None:
    for _ in range(THRESHOLD + 2):
        queue()
    send_due()
    now.shift(timedelta(minutes=6))
    send_due()

    connection.refresh_from_db()
    assert (connection.failures, connection.circuit_open) == (0, False)


def test_an_edited_posting_is_handed_over_as_its_second_try(
    now: time_machine.Traveller, connection: ErpConnection, folders: dict[str, Any], queue: Queue
) -> None:
    posting = queue()
    send_due()
    answer(folders, f"key,status,code,message\n{posting.business_key},error,E1,no such place\n", "n.csv")
    now.shift(timedelta(seconds=1))
    send_due()
    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("rejected", "E1")

    edit_and_retry(
        posting_id=posting.pk, actor=make.UserFactory(), payload=posting.payload | {"to_location": "C"},
        reason="the right place",
    )  # fmt: skip
    send_due()

    assert seen(folders) == [f"{posting.business_key}-2.csv", f"{posting.business_key}.csv"]
    posting.refresh_from_db()
    assert posting.status == "unknown"


def test_a_try_that_was_never_handed_over_is_not_refused_by_the_refusal_of_the_one_before(
    now: time_machine.Traveller, connection: ErpConnection, folders: dict[str, Any], queue: Queue
) -> None:
    posting = queue()
    send_due()
    answer(folders, f"key,status,code,message\n{posting.business_key},error,E1,no such place\n", "n.csv")
    now.shift(timedelta(seconds=1))
    send_due()
    edit_and_retry(
        posting_id=posting.pk, actor=make.UserFactory(), payload=posting.payload | {"to_location": "C"},
        reason="place",
    )  # fmt: skip
    claim = claim_next(willing_connections())
    assert claim is not None
    record_send(
        posting_id=posting.pk, attempt_id=claim.attempt_id, token=claim.token,
        outcome=port.Outcome("unknown", error_code="filedrop.write"),
    )  # fmt: skip

    for _ in range(3):
        now.shift(timedelta(seconds=10))
        send_due()

    posting.refresh_from_db()
    assert (posting.status, posting.error_code) == ("unknown", "filedrop.waiting")
    assert seen(folders) == [f"{posting.business_key}-2.csv", f"{posting.business_key}.csv"]
