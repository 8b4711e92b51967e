"""Files that are there whole or not at all.

Owns writing by a temporary name, flushing to the disk and renaming, and listing what another program has finished
writing. Every OS trouble becomes ErpUnavailable. Must not know: what a file says.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from erp_sync.errors import ErpRejected, ErpUnavailable

#: Names other programs use while they still write.
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")


@contextmanager
def trouble(code: str, *, sent: bool) -> Iterator[None]:
    """OS errors as ErpUnavailable; `sent` says whether something may have been handed over."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise ErpUnavailable(f"{error.strerror or error}{where}", code=code, sent=sent) from None


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Hold a lock file while the block runs; it goes with the process.

    A share that knows no locks is used without: one writer a key is the outbox's promise, this only backs it.
    """
    with lock.open("ab") as handle:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(target: Path, content: bytes) -> None:
    """Write `target` in one step, replacing what is there: temporary name, fsync, rename, fsync of the folder."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def finished_files(folder: Path, suffixes: tuple[str, ...], quiet_seconds: float) -> list[Path]:
    """Visible files of a folder nobody has written to for `quiet_seconds`, by name. Raises OSError."""
    return [path for path, quiet in visible_files(folder, suffixes, quiet_seconds) if quiet]


def visible_files(folder: Path, suffixes: tuple[str, ...], quiet_seconds: float) -> list[tuple[Path, bool]]:
    """Visible files of a folder by name, each with whether nobody has written to it for so long. Raises OSError.

    The age is the file system's own: a moved clock of ours must not make a half-written file look finished.
    """
    now = time.time()
    found: list[tuple[Path, bool]] = []
    for path in sorted(folder.iterdir()):
        name = path.name.lower()
        if name.startswith(".") or name.endswith(UNFINISHED) or not name.endswith(suffixes):
            continue
        try:
            age = now - path.stat().st_mtime
        except FileNotFoundError:  # taken by another reader meanwhile
            continue
        if path.is_file() and not path.is_symlink():
            found.append((path, not 0 <= age < quiet_seconds))
    return found


def read_limited(path: Path, most_bytes: int) -> bytes:
    """Content of a file; ErpRejected `erp.file_too_large` past the limit. Raises OSError."""
    with path.open("rb") as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ErpRejected("erp.file_too_large", f"{path.name} has more than {most_bytes} bytes")
    return content


def move_beside(path: Path, folder: Path) -> Path | None:
    """Move a file into a folder under a name free there; None when another reader was first. Raises OSError."""
    folder.mkdir(exist_ok=True)
    target = folder / path.name
    if target.exists():
        target = folder / f"{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}"
    try:
        path.rename(target)
        # The time it was moved, which tells when it has been kept long enough.
        os.utime(target)
    except FileNotFoundError:
        return None
    return target


def delete_older(folder: Path, days: float) -> int:
    """Delete the files of a folder last touched more than `days` ago; how many. No folder is none. Raises OSError."""
    limit = time.time() - days * 86_400
    count = 0
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime < limit:
                path.unlink()
                count += 1
        except FileNotFoundError:  # taken away by somebody meanwhile
            continue
    return count
