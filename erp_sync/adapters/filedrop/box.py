"""The out folder: each posting's file is handed over exactly once, whatever is killed and whenever.

Owns the three steps of a hand-over and the reading of how far one got. The file is first prepared in a hidden journal
of the same folder, then marked as begun, then renamed into sight: a rename is one step, so a prepared file that is
still there was never seen by the other side, and one that is gone was. Must not know: what a file says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from erp_sync.adapters.filedrop import disk
from erp_sync.errors import ErpRejected, ErpUnavailable

JOURNAL = ".handed-over"
LOCK = ".lock"
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def plain_key(key: str) -> bool:
    """Whether a business key may be a file's name."""
    return bool(_KEY.fullmatch(key))


@dataclass(frozen=True, slots=True)
class HandOver:
    """How far the file of one key and try got: `begun` it is prepared, `done` the other side could see it."""

    name: str
    begun: bool = False
    done: bool = False
    lying: bool = False


class OutBox:
    """The out folder of one connection; `suffix` is the files' ending, with its dot."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder = folder
        self._suffix = suffix
        self._journal = folder / JOURNAL

    def state(self, key: str, turn: int) -> HandOver:
        """How far a hand-over got. Raises ErpUnavailable when the folder can't be read."""
        name = self.name(key, turn)
        with disk.trouble("filedrop.folder", sent=True):
            self._must_be_there()
            if not self._marker(name).exists():
                return HandOver(name)
            prepared = (self._journal / name).exists()
            return HandOver(name, begun=True, done=not prepared, lying=(self.folder / name).exists())

    def last_turn(self, key: str) -> int:
        """The highest try of a key the other side could see; 0 for none. Raises ErpUnavailable."""
        turn = 0
        while self.state(key, turn + 1).done:
            turn += 1
        return turn

    def hand_over(self, key: str, turn: int, content: bytes) -> HandOver:
        """Bring a hand-over to its end; one that is done stays as it is. Raises ErpUnavailable."""
        before = self.state(key, turn)
        if before.done:
            return before
        with disk.trouble("filedrop.write", sent=before.begun):
            self._journal.mkdir(exist_ok=True)
            with disk.alone(self._journal / LOCK):
                return self._hand_over(key, turn, content)

    def _hand_over(self, key: str, turn: int, content: bytes) -> HandOver:
        before = self.state(key, turn)
        if before.done:
            return before
        prepared, marker = self._journal / before.name, self._marker(before.name)
        with disk.trouble("filedrop.write", sent=before.begun):
            if not before.begun:
                if (self.folder / before.name).exists():
                    raise ErpRejected("filedrop.foreign_file", f"{before.name} lies there and is not ours")
                disk.write_whole(prepared, content)
        with disk.trouble("filedrop.write", sent=True):
            if not before.begun:
                disk.write_whole(marker, b"")
            try:
                prepared.rename(self.folder / before.name)
            except FileNotFoundError:  # another sender of ours was first
                return self.state(key, turn)
            disk.sync_folder(self._journal)
            disk.sync_folder(self.folder)
        return HandOver(before.name, begun=True, done=True, lying=True)

    def name(self, key: str, turn: int) -> str:
        """What the file of a key and try is called. Raises ErpRejected for a key that can't be a name."""
        if not plain_key(key):
            raise ErpRejected("erp.payload", f"{key!r} can't be the name of a file")
        return f"{key}{'' if turn == 1 else f'-{turn}'}{self._suffix}"

    def _marker(self, name: str) -> Path:
        return self._journal / f"{name}.begun"

    def _must_be_there(self) -> None:
        """An unmounted share looks like an empty folder's absence: never like "nothing was written"."""
        if not self.folder.is_dir():
            raise ErpUnavailable(f"There is no folder {self.folder}", code="filedrop.folder", sent=False)
