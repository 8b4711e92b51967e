"""Files in folders, so that nothing is lost or doubled whenever the machine stops: taking what came, placing what goes.

Taking: a whole file is renamed into `taking/`, read, and only after what it says is stored renamed into `done/` or
`refused/`. Placing: the text is written beside, then renamed; what is beside and what is not tells, after a crash,
whether it has gone. Renames stay inside one folder tree, where they are atomic. Knows no rows.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exceptions_app.channels.edi.answers import ENCODING

TAKING: Final = "taking"
DONE: Final = "done"
REFUSED: Final = "refused"
OUT: Final = "out"
_PENDING: Final = ".pending"
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._-]+")
#: Names that say "not finished yet" by themselves.
_HALF: Final = (".tmp", ".part", ".partial", ".filepart", ".writing", ".crdownload", "~")


def ready(folder: Path, *, now: float, settle_seconds: float) -> list[Path]:
    """Files that look whole, oldest first: no half-written name, and unchanged for `settle_seconds`. Hidden files,
    links and folders are left alone.
    """
    found: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        name = path.name
        if name.startswith(".") or name.lower().endswith(_HALF) or path.is_symlink():
            continue
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # somebody else took it, or its writer renamed it
        if not path.is_file():
            continue
        if now - status.st_mtime >= settle_seconds or now < status.st_mtime - 3600:
            found.append((status.st_mtime, path))
    return [path for _, path in sorted(found, key=lambda pair: (pair[0], pair[1].name))]


def take(path: Path) -> Path | None:
    """Move a file into `taking/`, where no sender writes; None when somebody else was faster. A name that is taken
    already gets a number, so that no file ever hides another.
    """
    folder = path.parent / TAKING
    folder.mkdir(exist_ok=True)
    return _move(path, folder)


def taken(folder: Path) -> Iterator[Path]:
    """What lies in `taking/`: just taken, or left by a machine that stopped."""
    inside = folder / TAKING
    if inside.is_dir():
        yield from sorted(
            path for path in inside.iterdir() if path.is_file() and not path.name.startswith(".")
        )


def finish(path: Path, *, where: str, note: str = "") -> Path | None:
    """Move a taken file to `done/` or `refused/`; a `note` is written beside it as `<name>.error.txt` first."""
    folder = path.parent.parent / where
    folder.mkdir(exist_ok=True)
    if note:
        beside = folder / f".{path.name}.error.part"
        beside.write_text(note, encoding="utf-8")
        moved = _move(path, folder)
        if moved is not None:
            beside.replace(folder / f"{moved.name}.error.txt")
        return moved
    return _move(path, folder)


def _move(path: Path, folder: Path) -> Path | None:
    """Rename into `folder` under a free name; the name is reserved first, so two movers never meet."""
    for number in range(1000):
        target = folder / (path.name if not number else f"{path.stem}.{number}{path.suffix}")
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
        except FileExistsError:
            continue
        try:
            path.replace(target)
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            return None
        return target
    raise OSError(f"no free name for {path.name} in {folder}")


def place(folder: Path, name: str, text: str, *, delivery: str) -> Path:
    """Put `text` into `folder` as `name`, once per `delivery` (a word of its own for every wanted placing).

    The file is written whole into `.pending/` and marked there before it is renamed out; so whoever comes again after
    a crash sees the mark without the file and knows that it has gone, even if the partner has fetched it meanwhile.
    `forget` removes the mark once that is recorded.
    """
    target = folder / safe(name)
    pending = folder / _PENDING
    pending.mkdir(parents=True, exist_ok=True)
    waiting, mark = pending / f"{safe(delivery)}.edi", pending / f"{safe(delivery)}.made"
    if not mark.exists():
        with waiting.open("wb") as file:
            file.write(text.encode(ENCODING, "replace"))
            file.flush()
            os.fsync(file.fileno())
        mark.touch()
    if waiting.exists():
        waiting.replace(target)
    return target


def forget(folder: Path, *, delivery: str) -> None:
    """The placing is recorded: its mark has done its work."""
    (folder / _PENDING / f"{safe(delivery)}.made").unlink(missing_ok=True)


def safe(name: str) -> str:
    """A file name of letters that mean nothing to any file system."""
    return _STRANGE.sub("-", name).strip(".-")[:120] or "edi"
