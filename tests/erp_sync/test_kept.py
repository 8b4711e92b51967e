"""What an ERP left and nobody could use is told by the doctor, and deleted after its days, without stopping at an ERP
that is away."""

import os
from pathlib import Path

import pytest

from erp_sync.doctor import reading
from erp_sync.models import ErpConnection
from erp_sync.services import prune_kept


@pytest.fixture
def folders(db: None, tmp_path: Path) -> dict[str, Path]:
    """Three connections by files: one whose folders are gone, one in use, one with nothing in it."""
    made = {}
    for code in ("away", "used", "fresh"):
        made[code] = tmp_path / code
        ways = {name: made[code] / name for name in ("out", "in")}
        if code != "away":
            for folder in ways.values():
                folder.mkdir(parents=True)
        options = {name: str(folder) for name, folder in ways.items()} | {"keep_aside_days": 30}
        ErpConnection.objects.create(code=code, name=code.title(), kind="filedrop", options=options)
    ErpConnection.objects.create(code="hook", name="Hook", kind="webhook", base_url="http://127.0.0.1:9/")
    ErpConnection.objects.create(code="odd", name="Odd", kind="no-such-kind")
    return made


def set_aside(inbox: Path) -> list[Path]:
    aside = inbox / ".aside"
    aside.mkdir()
    (aside / "a.csv").write_text("?")
    note = '{"file": "a.csv", "rows": [{"code": "erp.acknowledgement_key", "message": "line 2 has no key", "key": ""}]}'
    (aside / "a.csv.error.json").write_text(note)
    return list(aside.iterdir())


def test_answers_that_lie_aside_are_told_by_connection(folders: dict[str, Path]) -> None:
    set_aside(folders["used"] / "in")

    found = [finding for finding in reading() if finding.code == "XL-W023"]

    assert [(one.count, one.summary) for one in found] == [
        (1, "Used: 1 answers lie aside unused, the first: a.csv: line 2 has no key [erp.acknowledgement_key]")
    ]


def test_they_are_deleted_after_their_days(folders: dict[str, Path]) -> None:
    files = set_aside(folders["used"] / "in")
    assert prune_kept() == 0

    for path in files:
        then = path.stat().st_mtime - 31 * 86_400
        os.utime(path, (then, then))

    assert prune_kept() == 2
    assert [path.exists() for path in files] == [False, False]
