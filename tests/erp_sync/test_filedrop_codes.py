"""The file drop in the codes of the ERP: shown before it is written, kept for its days, rows with their own id."""

import csv
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from erp_sync.adapters import port
from erp_sync.adapters.filedrop import FileDropAdapter
from erp_sync.errors import ErpRejected

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
KEY = "ABCDEFGHIJKLMNOP"
SCRAP = {"item": "FG-100", "quantity": "3", "reason_code": "BROKEN", "site": "RHF"}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Any]:
    for name in ("out", "in", "pull"):
        (tmp_path / name).mkdir()
    return {name: str(tmp_path / name) for name in ("out", "in", "pull")} | {"quiet_seconds": 0}


def command(kind: str = "movement.scrap", payload: dict[str, Any] | None = None) -> port.PostingCommand:
    return port.PostingCommand(kind, KEY, payload or SCRAP, NOON, date(2026, 11, 3), "EX-2026-000001")


def seen(folders: dict[str, Any]) -> list[str]:
    return sorted(path.name for path in Path(folders["out"]).iterdir() if not path.name.startswith("."))


def answer(folders: dict[str, Any], text: str, name: str = "ack-1.csv") -> None:
    (Path(folders["in"]) / name).write_text(text)


def test_our_codes_go_as_theirs_and_one_that_must_be_mapped_holds_the_posting(
    folders: dict[str, Any],
) -> None:
    mapped = FileDropAdapter(folders | {"item": {"FG-100": "4711"}, "must_map": "reason, location"})

    missing = mapped.send(command())
    assert (missing.status, missing.error_code) == ("rejected", "erp.mapping_missing")
    assert missing.message == "reason 'BROKEN' is not mapped to a code of the ERP"
    assert seen(folders) == []

    known = FileDropAdapter(folders | {"item": {"FG-100": "4711"}, "reason": {"BROKEN": "9"}})
    known.send(command(payload=SCRAP | {"seen": {"stock": "5"}}))
    with (Path(folders["out"]) / f"{KEY}.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["item"], row["reason_code"], row["site"]) == ("4711", "9", "RHF")
    assert "seen" not in row


def test_what_is_shown_before_is_the_file_that_is_written(folders: dict[str, Any]) -> None:
    for said in ("csv", "json"):
        drop = FileDropAdapter(folders | {"format": said})
        (step,) = drop.preview(command())
        assert not Path(step.address).exists()
        drop.send(command())
        assert Path(step.address).read_bytes() == step.body.encode()
    with pytest.raises(ErpRejected, match="must be above zero"):
        FileDropAdapter(folders).preview(command(payload=SCRAP | {"quantity": "0"}))
    with pytest.raises(ErpRejected, match="answers to customers go by mail or EDI"):
        FileDropAdapter(folders).preview(command("customer_answer", {"customer": "C"}))


def test_what_was_read_or_set_aside_is_deleted_after_its_days(folders: dict[str, Any]) -> None:
    drop = FileDropAdapter(folders | {"keep_days": "10", "keep_aside_days": 20})
    drop.send(command())
    answer(folders, f"key,status,erp_number\n{KEY},ok,MD-1\n")
    answer(folders, "key,status,erp_number\nNEVERHANDEDOVER1,ok,1\n", "b.csv")
    drop.arrivals()
    assert len(drop.set_aside()) == 1

    def age(days: float) -> None:
        for path in [*(Path(folders["in"]) / ".done").iterdir(), *(Path(folders["in"]) / ".aside").iterdir()]:
            then = path.stat().st_mtime - days * 86_400
            os.utime(path, (then, then))

    assert drop.prune() == 0
    age(11)
    assert drop.prune() == 1
    assert len(drop.set_aside()) == 1
    age(10)
    assert drop.prune() == 2
    assert drop.set_aside() == ()
    found = drop.look_up(command())
    assert found is not None
    assert found.erp_number == "MD-1"


def test_a_row_may_carry_the_erps_own_id_and_say_that_it_is_gone(folders: dict[str, Any]) -> None:
    said = "code,external_id,deleted,name\nFG-101,17,,Flange\nFG-099,18,yes,\n"
    (Path(folders["pull"]) / "items.csv").write_text(said)

    (page,) = FileDropAdapter(folders).pull("items")

    assert [(one.code, one.external_id, one.deleted, one.data) for one in page.records] == [
        ("FG-101", "17", False, {"name": "Flange"}), ("FG-099", "18", True, {}),
    ]  # fmt: skip


def test_the_delimiter_may_be_a_tab_said_as_a_word(folders: dict[str, Any]) -> None:
    FileDropAdapter(folders | {"delimiter": "tab"}).send(command())

    head = (Path(folders["out"]) / f"{KEY}.csv").read_text().splitlines()[0]
    assert head.startswith("key\ttry\tkind")
