"""The in folder: acknowledgement files, sorted by key and kept; what can't be read is kept aside with its reason.

Owns the way of an acknowledgement file: each good row is written under its key, then the file is moved to `.done`; a
file with any bad row goes to `.aside` with a note that names the rows. Files of both are deleted after their days, the
answers themselves never. The first answer to a try stands; a later one that says otherwise is kept aside. Must not
know: formats (a reader is given), the outbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from erp_sync.adapters.filedrop import disk
from erp_sync.adapters.filedrop.box import plain_key
from erp_sync.adapters.port import Acknowledgement
from erp_sync.errors import ErpRejected

KEPT, DONE, ASIDE = ".acknowledged", ".done", ".aside"
NOTE = ".error.json"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One row (or a whole file) that says nothing usable; `key` where at least that could be read."""

    code: str
    message: str
    key: str = ""


Entry = Acknowledgement | Unreadable
#: name and content of a file -> what it says
Reader = Callable[[str, bytes], Iterable[Entry]]


class InBox:
    """The in folder of one connection."""

    def __init__(
        self,
        folder: Path,
        read: Reader,
        handed_over: Callable[[str], int],
        suffixes: tuple[str, ...],
        *,
        quiet_seconds: float,
        most_bytes: int,
        keep_days: float,
        keep_aside_days: float,
    ) -> None:
        self.folder = folder
        self._read = read
        self._handed_over = handed_over
        self._suffixes = suffixes
        self._quiet = quiet_seconds
        self._most = most_bytes
        self._days = {DONE: keep_days, ASIDE: keep_aside_days}

    def sort(self) -> set[str]:
        """Sort what has arrived; keys something new is known of. Safe to run twice at once. Raises ErpUnavailable."""
        touched: set[str] = set()
        with disk.trouble("filedrop.folder", sent=True):
            for path in disk.finished_files(self.folder, self._suffixes, self._quiet):
                touched |= self._sort_file(path)
        return touched

    def turn(self, key: str) -> int:
        """Which try of a key runs: one more than were refused."""
        turn = 1
        while (answer := self.answer(key, turn)) is not None and answer.status == "rejected":
            turn += 1
        return turn

    def answer(self, key: str, turn: int) -> Acknowledgement | None:
        """The acknowledgement of one try, as it was sorted in. Raises ErpUnavailable."""
        with disk.trouble("filedrop.folder", sent=True):
            try:
                row = json.loads((self.folder / KEPT / f"{key}.{turn}.json").read_text(encoding="utf-8"))
            except FileNotFoundError:
                return None
        moment = datetime.fromisoformat(row["at"]) if row["at"] else None
        return Acknowledgement(**{**row, "at": moment})

    def aside(self, key: str = "") -> list[str]:
        """Reasons of what is kept aside, of one key or of all. Raises ErpUnavailable."""
        found: list[str] = []
        with disk.trouble("filedrop.folder", sent=True):
            for note in sorted((self.folder / ASIDE).glob(f"*{NOTE}")):
                said = json.loads(note.read_text(encoding="utf-8"))
                found += [
                    f"{said['file']}: {row['message']} [{row['code']}]"
                    for row in said["rows"]
                    if not key or row["key"] == key
                ]
        return found

    def prune(self) -> int:
        """Delete what was kept longer than its days; how many files. Raises ErpUnavailable."""
        with disk.trouble("filedrop.folder", sent=True):
            return sum(disk.delete_older(self.folder / name, days) for name, days in self._days.items())

    def _sort_file(self, path: Path) -> set[str]:
        try:
            entries = list(self._read(path.name, disk.read_limited(path, self._most)))
        except FileNotFoundError:  # another reader was first
            return set()
        except ErpRejected as error:
            entries = [Unreadable(error.code, error.message)]
        wrong = [entry for entry in entries if isinstance(entry, Unreadable)]
        good = [entry for entry in entries if isinstance(entry, Acknowledgement)]
        wrong += [problem for entry in good if (problem := self._keep(entry))]
        if not entries:
            wrong.append(Unreadable("erp.acknowledgement_empty", "the file says nothing"))
        if wrong:
            self._put_aside(path, wrong)
        else:
            disk.move_beside(path, self.folder / DONE)
        return {entry.business_key for entry in good} | {entry.key for entry in wrong if entry.key}

    def _keep(self, entry: Acknowledgement) -> Unreadable | None:
        key = entry.business_key
        if not plain_key(key):
            return Unreadable("erp.acknowledgement_key", f"{key[:60]!r} is no key of ours")
        last = self._handed_over(key)
        if not 0 <= entry.turn <= last or not last:
            return Unreadable("erp.acknowledgement_unknown", f"{key} was never handed over", key)
        if not entry.turn and last > 1 and self.answer(key, last - 1) == replace(entry, turn=last - 1):
            return None  # the refusal of the try before, once more
        entry = replace(entry, turn=entry.turn or last)
        before = self.answer(key, entry.turn)
        if before is not None:
            if (before.status, before.erp_number) == (entry.status, entry.erp_number):
                return None
            words = (
                f"says {entry.status} {entry.erp_number}, but {before.status} {before.erp_number} came before"
            )
            return Unreadable("erp.acknowledgement_contradicts", words, key)
        folder = self.folder / KEPT
        folder.mkdir(exist_ok=True)
        row = {name: getattr(entry, name) for name in entry.__slots__}
        row["at"] = entry.at.isoformat() if entry.at else ""
        disk.write_whole(folder / f"{key}.{entry.turn}.json", json.dumps(row).encode())
        return None

    def _put_aside(self, path: Path, rows: list[Unreadable]) -> None:
        kept = disk.move_beside(path, self.folder / ASIDE)
        if kept is None:
            return
        said: dict[str, Any] = {
            "file": kept.name,
            "rows": [{"code": row.code, "message": row.message, "key": row.key} for row in rows],
        }
        disk.write_whole(kept.with_name(kept.name + NOTE), json.dumps(said, indent=1).encode())
